"""NumPy's functions that write into their first argument, given a Tensor there or elsewhere."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tinygrad_np import Tensor, vjp

RNG = np.random.default_rng(0)

WRITES: dict[str, Any] = {
    "put_along_axis": lambda t, v: np.put_along_axis(t, np.array([[2, 0], [1, 1]]), v.reshape(2, 1), axis=1),
    "put_along_axis flat": lambda t, v: np.put_along_axis(t, np.array([5, 0]), v, axis=None),
    "put": lambda t, v: np.put(t, [4, -1, 0], v),
    "put wrapped": lambda t, v: np.put(t, [7, -8], v, mode="wrap"),
    "put clipped": lambda t, v: np.put(t, [[70], [-8]], v, mode="clip"),
    "put method": lambda t, v: t.put([1], v),
    "put nothing": lambda t, v: np.put(t, [1], v[:0]),
    "place": lambda t, v: np.place(t, np.array([[True, False, True], [True, False, True]]), v),
    "putmask": lambda t, v: np.putmask(t, np.array([[True, False, True], [True, True, True]]), v),
    "copyto": lambda t, v: np.copyto(t, v.reshape(2, 1)),
    "copyto where": lambda t, v: np.copyto(t, v.reshape(2, 1), where=np.array([True, False, True])),
    "fill_diagonal": lambda t, v: np.fill_diagonal(t, v),
    "fill_diagonal with a number": lambda t, v: np.fill_diagonal(t, v[1]),
    "fill": lambda t, v: t.fill(v[0]),
    "add.at": lambda t, v: np.add.at(t, ([0, 0], [1, 1]), v),
    "subtract.at": lambda t, v: np.subtract.at(t, (slice(None), [1, 1]), v),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_functions_that_write_bind_the_handle(write: Any) -> None:
    x, value, weights = RNG.normal(size=(2, 3)), np.array([0.5, -2.0]), RNG.normal(size=(2, 3))

    def of_arrays(x: np.ndarray, v: np.ndarray) -> np.ndarray:
        x = x.copy()
        assert write(x, v) is None
        return x

    def of_tensors(x: Any, v: Any) -> Any:
        t = x * 1
        assert write(t, v) is None
        return t

    (y, pullback), expected = vjp(of_tensors, x, value), of_arrays(x, value)
    np.testing.assert_allclose(y, expected, rtol=1e-14)  # what is added twice may be summed first
    gx, gv = pullback(weights)
    for g, f, at in ((gx, lambda x: of_arrays(x, value), x), (gv, lambda v: of_arrays(x, v), value)):
        zero = f(np.zeros_like(at))
        for i in np.ndindex(at.shape):  # writing is affine: no differences needed
            unit = np.zeros_like(at)
            unit[i] = 1
            np.testing.assert_allclose(g[i], np.sum(weights * (f(unit) - zero)), atol=1e-12)
    leaf = Tensor(x, requires_grad=True)
    with pytest.raises(RuntimeError, match="requires a gradient"):
        write(leaf, value)


@pytest.mark.parametrize("shape", [(3, 3), (5, 2), (2, 5), (3, 3, 3)])
@pytest.mark.parametrize("wrap", [False, True])
def test_fill_diagonal_of_any_shape(shape: Any, wrap: bool) -> None:
    x = np.zeros(shape)
    t = Tensor(x)
    np.fill_diagonal(x, [1.0, 2.0], wrap=wrap)
    np.fill_diagonal(t, [1.0, 2.0], wrap=wrap)
    np.testing.assert_array_equal(t.data, x)


def test_a_plain_array_takes_no_gradient_but_plain_numbers() -> None:
    a, v, c = np.zeros(2), Tensor([1.0, 2.0], requires_grad=True), Tensor([3.0, 4.0])
    calls: list[Any] = [
        lambda v: np.copyto(a, v),
        lambda v: np.put(a, [0, 1], v),
        lambda v: np.putmask(a, [True, True], v),
        lambda v: np.place(a, np.array([True, True]), v),
        lambda v: np.put_along_axis(a, np.array([0, 1]), v, 0),
        lambda v: np.add.at(a, [0, 1], v),
    ]
    for call in calls:
        with pytest.raises(TypeError, match="writes into a plain array"):
            call(v)
        a[:] = 0
        call(c)
        np.testing.assert_array_equal(a, [3, 4])


def test_what_numpy_refuses_to_write_is_refused() -> None:
    t = Tensor(np.zeros((2, 3)))
    with pytest.raises(ValueError, match="vals is empty"):
        np.place(t, np.ones((2, 3), bool), [])
    with pytest.raises(TypeError, match="cannot be cast"):
        np.copyto(Tensor([1, 2]), np.array([1.5, 2.5]))
    with pytest.raises(ValueError, match="equal size"):
        np.fill_diagonal(Tensor(np.zeros((2, 3, 2))), 1.0)
