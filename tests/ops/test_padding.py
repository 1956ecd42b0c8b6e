"""`pad` in every mode, for widths that reach beyond the array too."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from affine import RNG, assert_as_numpy

from tinygrad_np import Tensor, grad

WIDTHS: list[Any] = [0, 2, (1, 3), [[1, 0], [0, 2]], ((4, 0), (7, 9)), {1: 2}, {0: (1, 2), -1: 3}]
MODES: list[dict[str, Any]] = [
    {"mode": "constant"},
    {"mode": "constant", "constant_values": 2.5},
    {"mode": "constant", "constant_values": ((1, 2), (3, 4))},
    {"mode": "edge"},
    {"mode": "linear_ramp"},
    {"mode": "linear_ramp", "end_values": (3.0, -1.0)},
    {"mode": "maximum"},
    {"mode": "minimum", "stat_length": 2},
    {"mode": "mean", "stat_length": ((1, 2), (2, 9))},
    {"mode": "mean"},
    {"mode": "median"},
    {"mode": "median", "stat_length": (1, 2)},
    {"mode": "reflect"},
    {"mode": "reflect", "reflect_type": "odd"},
    {"mode": "symmetric"},
    {"mode": "symmetric", "reflect_type": "odd"},
    {"mode": "wrap"},
]


@pytest.mark.parametrize("options", MODES, ids=str)
@pytest.mark.parametrize("width", WIDTHS, ids=str)
@pytest.mark.parametrize("shape", [(3, 4), (1, 2), (2, 1)])
def test_pad_is_numpys_in_every_mode(options: Any, width: Any, shape: Any) -> None:
    x = RNG.normal(size=shape)
    if isinstance(width, dict) and np.lib.NumpyVersion(np.__version__) < "2.2.0":
        pytest.skip("NumPy takes widths by axis from 2.2 on")
    if options["mode"] in ("maximum", "minimum", "median"):  # not affine: their ties and order are tested elsewhere
        np.testing.assert_array_equal(np.pad(Tensor(x), width, **options).data, np.pad(x, width, **options))
    else:
        assert_as_numpy(lambda x: np.pad(x, width, **options), x, exact=options["mode"] != "linear_ramp")


@pytest.mark.parametrize("options", MODES, ids=str)
def test_pad_keeps_every_dtype(options: Any) -> None:
    for dtype in (np.float32, np.int32, np.complex64):
        x = (RNG.normal(size=(3, 4)) * 10).astype(dtype)
        if dtype is np.complex64 and options["mode"] in ("maximum", "minimum", "median"):
            continue  # Tensors have no order of complex numbers
        expected = np.pad(x, (2, 3), **options)
        y = np.pad(Tensor(x), (2, 3), **options)
        assert y.dtype == expected.dtype
        np.testing.assert_allclose(y.data, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("mode", "sign"), [("maximum", 1), ("minimum", -1)])
def test_pad_shares_at_ties(mode: Any, sign: int) -> None:
    x = sign * np.array([1.0, 1.0, 0.0])
    np.testing.assert_array_equal(grad(lambda x: np.sum(np.pad(x, (2, 1), mode)))(x), [2.5, 2.5, 1])


def test_pad_of_infinities_stays_where_it_is() -> None:
    x = np.array([1.0, np.inf, 2.0])
    y = np.pad(Tensor(x), 1, mode="reflect", reflect_type="odd")
    np.testing.assert_array_equal(y.data[1:4], x)


def test_pad_values_may_be_tensors() -> None:
    x, c, e = np.array([[1.0, 2.0]]), np.array([3.0, 5.0]), np.array(2.0)
    gx, gc = grad(lambda x, c: np.sum(np.pad(x, ((0, 1), (2, 3)), constant_values=c)), argnums=(0, 1))(x, c)
    np.testing.assert_array_equal(gx, [[1, 1]])
    np.testing.assert_array_equal(gc, [4, 8])
    gc = grad(lambda c: np.sum(np.pad(Tensor(x), ((0, 1), (2, 3)), constant_values=[c[0], c[1]])))(c)
    np.testing.assert_array_equal(gc, [4, 8])
    ge = grad(lambda e: np.sum(np.pad(Tensor(x[0]), (4, 0), "linear_ramp", end_values=e)))(e)
    np.testing.assert_allclose(ge, 1 + 0.75 + 0.5 + 0.25)


def test_pad_empty_and_a_function() -> None:
    x = Tensor(np.array([1.0, 2.0]), requires_grad=True)
    y = np.pad(x, 1, mode="empty")
    np.testing.assert_array_equal(y.data[1:3], [1, 2])
    y[1:3].sum().backward()
    np.testing.assert_array_equal(x.grad, [1, 1])
    with pytest.raises(TypeError, match="is a function that writes"):
        np.pad(x, 1, lambda vector, width, axis, options: None)
