"""np.ufunc.reduce, accumulate, reduceat and outer on Tensors."""

from __future__ import annotations

from functools import reduce as fold
from typing import Any

import numpy as np
import pytest

from tinygrad_np import Tensor, grad, hessian

BINARY = [
    np.add, np.subtract, np.multiply, np.divide, np.power, np.maximum, np.minimum, np.fmax, np.fmin, np.hypot,
    np.arctan2, np.logaddexp, np.logaddexp2, np.remainder, np.fmod, np.copysign, np.float_power,
]  # fmt: skip
X = np.random.default_rng(0).uniform(0.5, 2.0, (3, 4))


def numeric(f: Any, x: np.ndarray, h: float = 1e-6) -> np.ndarray:
    g = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[i] += h
        down[i] -= h
        g[i] = (np.sum(f(up)) - np.sum(f(down))) / (2 * h)
    return g


def assert_as_numpy(f: Any, reference: Any = None) -> None:
    reference = reference or f
    got, expected = f(Tensor(X)), reference(X)
    assert isinstance(got, Tensor)
    assert got.dtype == expected.dtype
    np.testing.assert_allclose(got.data, expected, rtol=1e-13)
    np.testing.assert_allclose(grad(lambda t: np.sum(f(t)))(X), numeric(reference, X), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("f", BINARY, ids=lambda f: f.__name__)
@pytest.mark.parametrize("axis", [0, -1])
def test_reduce_and_accumulate(f: Any, axis: int) -> None:
    """Against the definition of reduce: NumPy 2.4's np.power.reduce departs from it along a contiguous axis."""
    assert_as_numpy(lambda x: f.reduce(x, axis=axis), lambda x: fold(f, np.moveaxis(x, axis, 0)))
    assert_as_numpy(
        lambda x: f.reduce(x, axis, keepdims=True), lambda x: np.expand_dims(fold(f, np.moveaxis(x, axis, 0)), axis)
    )
    assert_as_numpy(lambda x: f.accumulate(x, axis))


REORDERABLE = [np.add, np.multiply, np.maximum, np.fmin, np.logaddexp, np.hypot]


@pytest.mark.parametrize("f", REORDERABLE, ids=lambda f: f.__name__)
def test_reduce_over_all_axes_and_with_initial(f: Any) -> None:
    assert_as_numpy(lambda x: f.reduce(x, axis=None))
    assert_as_numpy(lambda x: f.reduce(x, axis=(0, 1), keepdims=True))
    assert_as_numpy(lambda x: f.reduce(x, initial=1.25))


def test_the_default_axis_is_the_first() -> None:
    assert np.add.reduce(Tensor(X)).shape == (4,)
    assert np.hypot.reduce(Tensor(X)).shape == (4,)


def test_reduce_of_nothing_is_the_identity() -> None:
    none = Tensor(np.zeros((0, 2)))
    for f in (np.add, np.multiply, np.logaddexp, np.logaddexp2, np.hypot):
        np.testing.assert_array_equal(f.reduce(none).data, f.reduce(none.data))
    for f in (np.subtract, np.maximum):
        with pytest.raises(ValueError, match="identity"):
            f.reduce(none)


def test_reduce_where() -> None:
    mask = X > 1
    for f in (np.add, np.multiply):
        assert_as_numpy(lambda x, f=f: f.reduce(x, where=mask))
    assert_as_numpy(lambda x: np.logaddexp.reduce(x, where=mask, initial=0.25))
    with pytest.raises(TypeError, match="where="):
        np.hypot.reduce(Tensor(X), where=mask)


@pytest.mark.parametrize("f", [np.add, np.multiply, np.maximum, np.subtract], ids=lambda f: f.__name__)
def test_reduceat(f: Any) -> None:
    assert_as_numpy(lambda x: f.reduceat(x, [0, 2, 1, 3], axis=1))
    assert_as_numpy(lambda x: f.reduceat(x, np.array([1, 0])))


@pytest.mark.parametrize("f", BINARY, ids=lambda f: f.__name__)
def test_outer(f: Any) -> None:
    other = np.array([[0.7, 1.3]])
    assert_as_numpy(lambda x: f.outer(x, other))
    assert_as_numpy(lambda x: f.outer(other, x))


def test_comparisons_and_logic_have_them_too() -> None:
    x = np.array([1.0, 2.0])
    np.testing.assert_array_equal(np.greater.outer(Tensor(x), x[::-1]).data, np.greater.outer(x, x[::-1]))
    b = np.array([[True, False], [True, True]])
    np.testing.assert_array_equal(np.logical_and.reduce(Tensor(b)).data, np.logical_and.reduce(b))


def test_dtype_and_out() -> None:
    t = Tensor(X.astype(np.float32))
    assert np.add.reduce(t, dtype=np.float64).dtype == np.float64
    assert np.multiply.accumulate(t, dtype=np.float64).dtype == np.float64
    out = Tensor(np.zeros(4, np.float32))
    np.add.reduce(t, out=out)
    np.testing.assert_array_equal(out.data, np.add.reduce(t.data))


def test_second_order() -> None:
    x = X[0]
    np.testing.assert_allclose(hessian(np.multiply.reduce)(x), hessian(np.prod)(x), rtol=1e-15)
    got = hessian(lambda t: np.sum(np.multiply.outer(t, t)))(x)
    np.testing.assert_allclose(got, np.full((4, 4), 2.0), rtol=1e-15)
