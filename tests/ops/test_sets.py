"""Arrays as sets give NumPy's elements, each with the gradient of the place it was taken from."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tinygrad_np import Tensor, grad, trace

X = np.array([[3.0, 1.0, np.nan], [1.0, 2.0, np.nan]])
OTHER = np.array([[4.0, 0.5, 0.5], [-2.5, 0.0, 0.0]])

CALLS: dict[str, Any] = {
    "unique": np.unique,
    "unique with all": lambda x: np.unique(x, True, True, True),
    "unique with counts": lambda x: np.unique(x, return_counts=True),
    "unique rows": lambda x: np.unique(x[[0, 1, 0]], return_inverse=True, axis=0),
    "unique, NaNs apart": lambda x: np.unique(x, equal_nan=False),
    "unique_values": lambda x: np.sort(np.unique_values(x)),  # in any order, says NumPy
    "unique_counts": np.unique_counts,
    "unique_inverse": np.unique_inverse,
    "unique_all": np.unique_all,
    "union1d": lambda x: np.union1d(x, [7.0, 1.0]),
    "setdiff1d": lambda x: np.setdiff1d(x, [1.0, 7.0]),
    "setdiff1d of unique": lambda x: np.setdiff1d(x[0], [1.0, 7.0], assume_unique=True),
    "setxor1d": lambda x: np.setxor1d([1.0, 7.0], x),
}


def parts(y: Any) -> tuple[Any, ...]:
    return y if isinstance(y, tuple) else (y,)


@pytest.mark.parametrize("x", [X, np.array([[3, 1, 1], [1, 2, 2]])], ids=["floats", "integers"])
@pytest.mark.parametrize("f", CALLS.values(), ids=CALLS)
def test_values_and_names_are_numpys(f: Any, x: np.ndarray) -> None:
    got, expected = f(Tensor(x, requires_grad=x.dtype.kind == "f")), f(x)
    assert type(got) is Tensor or type(got) is type(expected)
    for g, e in zip(parts(got), parts(expected), strict=True):
        assert type(g) is Tensor
        assert g.dtype == e.dtype
        np.testing.assert_array_equal(g.data, e)
    assert parts(got)[0].requires_grad == (x.dtype.kind == "f")
    assert not any(g.requires_grad for g in parts(got)[1:])


@pytest.mark.parametrize("f", CALLS.values(), ids=CALLS)
def test_a_trace_finds_the_elements_anew(f: Any) -> None:
    tape = trace(f, X)
    assert not tape.reads
    for g, e in zip(parts(tape(OTHER)), parts(f(OTHER)), strict=True):
        np.testing.assert_array_equal(g, e)


def test_of_equal_elements_the_first_takes_the_gradient() -> None:
    w = np.array([10.0, 20.0, 30.0])
    g = grad(lambda x: np.sum(np.unique(x) * w))(np.array([2.0, 1.0, 2.0, 0.0]))
    np.testing.assert_array_equal(g, [30.0, 20.0, 0.0, 10.0])
    rows = grad(lambda x: np.sum(np.unique(x, axis=0) ** 2))(np.array([[1.0, 2.0], [1.0, 2.0], [0.0, 3.0]]))
    np.testing.assert_array_equal(rows, [[2.0, 4.0], [0.0, 0.0], [0.0, 6.0]])


def test_what_is_in_both_is_in_no_difference() -> None:
    g = grad(lambda x: np.sum(np.setxor1d(x, [1.0, 5.0]) ** 2))(np.array([1.0, 3.0, 3.0]))
    np.testing.assert_array_equal(g, [0.0, 6.0, 0.0])
    assert not np.setdiff1d([1.0, 2.0], Tensor([2.0], requires_grad=True)).requires_grad
