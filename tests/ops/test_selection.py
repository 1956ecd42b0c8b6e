"""Choosing by index and by condition, where NumPy's own rules are intricate."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tinygrad_np import Tensor, grad

RNG = np.random.default_rng(0)


def test_take_along_axis_is_the_way_back_of_argsort() -> None:
    x = RNG.normal(size=(3, 4))
    weights = RNG.normal(size=(3, 4))
    order = np.argsort(x, axis=0)
    g = grad(lambda x: np.sum(np.take_along_axis(x, np.argsort(x, axis=0), axis=0) * weights))(x)
    expected = np.zeros_like(x)
    np.put_along_axis(expected, order, weights, axis=0)
    np.testing.assert_array_equal(g, expected)


def test_take_of_booleans_counts_them_as_numbers() -> None:
    x = np.array([1.0, 2.0, 3.0])
    np.testing.assert_array_equal(np.take(Tensor(x), [True, False]).data, np.take(x, [True, False]))


@pytest.mark.parametrize(
    "call", [np.take, lambda a, i, mode: np.put(a, i, 1.0, mode), lambda a, i, mode: np.choose(i, a, mode=mode)]
)
def test_an_unknown_mode_is_an_error(call: Any) -> None:
    with pytest.raises(ValueError, match="'raise', 'wrap' or 'clip'"):
        call(Tensor([1.0, 2.0]), Tensor([0]), mode="around")


def test_choose_names_an_index_out_of_range() -> None:
    with pytest.raises(ValueError, match="there are 2 choices"):
        np.choose([0, 2], [Tensor([1.0, 2.0]), Tensor([3.0, 4.0])])


def test_piecewise_asks_a_function_only_for_its_own_elements() -> None:
    x = Tensor([-1.0, 0.0, 4.0], requires_grad=True)
    y = np.piecewise(x, [x > 0, x < 0], [np.sqrt, lambda x: -x, 7.0])
    np.testing.assert_array_equal(y.data, [1, 7, 2])
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, [-1, 0, 0.25])


def test_piecewise_asks_no_function_for_nothing() -> None:
    x = Tensor([-1.0, 2.0])
    np.testing.assert_array_equal(np.piecewise(x, [x > 5, x > 1], [np.max, np.max]).data, [0, 2])


def test_select_takes_the_first_that_holds_and_leaves_no_nan() -> None:
    x = Tensor([-1.0, 0.0, 4.0], requires_grad=True)
    with np.errstate(all="ignore"):
        y = np.select([x > 0, x >= 0], [np.sqrt(x), np.log(x) * 0 + 3], default=x)
    np.testing.assert_array_equal(y.data[[0, 2]], [-1, 2])
    with pytest.raises(TypeError, match="condition 0 must be boolean"):
        np.select([np.array([1, 0])], [Tensor([1.0, 2.0])])
    with pytest.raises(ValueError, match="as many conditions as choices"):
        np.select([], [Tensor([1.0])])


def test_select_has_numpys_dtype() -> None:
    c, a = np.array([True, False]), np.array([1, 2], np.float32)
    for default in (0, 0.5, np.float64(1)):
        assert np.select([c], [Tensor(a)], default).dtype == np.select([c], [a], default).dtype
    assert np.select([c, ~c], [Tensor(a), 2.5]).dtype == np.select([c, ~c], [a, 2.5]).dtype == np.float32


def test_bincount_with_and_without_weights() -> None:
    i = np.array([0, 3, 0, 1])
    w = Tensor(np.arange(4.0), requires_grad=True)
    np.testing.assert_array_equal(np.bincount(Tensor(i)).data, np.bincount(i))
    y = np.bincount(i, weights=w, minlength=6)
    np.testing.assert_array_equal(y.data, np.bincount(i, w.data, 6))
    np.sum(y * [1, 2, 3, 4, 5, 6]).backward()
    np.testing.assert_array_equal(w.grad, [1, 4, 1, 2])


X = RNG.normal(size=(3, 4))
ROWS: dict[str, Any] = {
    "a number of each row": lambda x: np.apply_along_axis(np.sum, 0, x),
    "a row of each row": lambda x: np.apply_along_axis(np.cumsum, 0, x),
    "a matrix of each row": lambda x: np.apply_along_axis(np.outer, 0, x, np.array([1.0, 2.0])),
    "over axes": lambda x: np.apply_over_axes(np.mean, x, [0, -1]),
    "windows": lambda x: np.lib.stride_tricks.sliding_window_view(x, (2, 3)),
    "windows of windows": lambda x: np.lib.stride_tricks.sliding_window_view(x, (2, 2), axis=(0, 0)),
    "sort_complex": lambda x: np.sort_complex(x[0]),
}


@pytest.mark.parametrize("f", ROWS.values(), ids=ROWS)
def test_rows_and_windows_are_numpys(f: Any) -> None:
    got = f(Tensor(X, requires_grad=True))
    assert got.requires_grad
    np.testing.assert_allclose(got.data, f(X), rtol=1e-15)


def test_an_element_counts_once_for_each_window() -> None:
    g = grad(lambda x: np.sum(np.lib.stride_tricks.sliding_window_view(x, 3)))(np.arange(5.0))
    np.testing.assert_array_equal(g, [1, 2, 3, 2, 1])
    with pytest.raises(ValueError, match="a window of 9 on an axis of 3"):
        np.lib.stride_tricks.sliding_window_view(Tensor(X), 9, axis=0)
    with pytest.raises(ValueError, match="1 window sizes for 2 axes"):
        np.lib.stride_tricks.sliding_window_view(Tensor(X), 2)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x.astype(np.float32, "F", copy=False),
        lambda x: np.astype(x, np.float32),
        lambda x: x.copy("F"),
        lambda x: np.copy(x, order="C"),
        lambda x: x.transpose(None),
        lambda x: x.transpose(np.array([1, 0])),
        lambda x: x.conjugate(),
    ],
)
def test_options_that_ask_for_a_layout_are_taken(f: Any) -> None:
    got, expected = f(Tensor(X, requires_grad=True)), f(X)
    assert got.requires_grad
    assert (got.dtype, got.data.flags.f_contiguous) == (expected.dtype, expected.flags.f_contiguous)
    np.testing.assert_array_equal(got.data, expected)
