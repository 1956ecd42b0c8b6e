"""Sorting and order statistics: ties, NaN, places between two elements."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tinygrad_np import Tensor, grad, hessian, trace

NAN = np.nan
METHODS = [
    "linear", "lower", "higher", "nearest", "midpoint", "hazen", "weibull", "median_unbiased", "normal_unbiased",
    "interpolated_inverted_cdf", "inverted_cdf", "averaged_inverted_cdf", "closest_observation",
]  # fmt: skip


def gradient(f: Any, x: Any) -> np.ndarray:
    return grad(lambda t: np.sum(f(t)))(np.array(x))


# Sorting


def test_sort_hands_each_gradient_back() -> None:
    w = np.array([1.0, 2.0, 3.0])
    np.testing.assert_array_equal(gradient(lambda t: np.sort(t) * w, [0.3, -1.0, 0.1]), [3, 1, 2])
    x = [[3.0, 1.0, 2.0], [0.0, 5.0, 4.0]]
    np.testing.assert_array_equal(gradient(lambda t: np.sort(t) * w, x), [[3, 1, 2], [1, 3, 2]])
    np.testing.assert_array_equal(gradient(lambda t: np.sort(t, axis=0) * [[1.0], [2.0]], x), [[2, 1, 1], [1, 2, 2]])
    np.testing.assert_array_equal(gradient(lambda t: np.sort(t, axis=None) * np.arange(6.0), x), [[3, 1, 2], [0, 5, 4]])


def test_equal_elements_keep_their_order() -> None:
    w = np.arange(1.0, 5.0)
    for kind in (None, "quicksort", "stable", "heapsort"):
        got = gradient(lambda t, kind=kind: np.sort(t, kind=kind) * w, [2.0, 1.0, 2.0, 1.0])
        np.testing.assert_array_equal(got, [3, 1, 4, 2])


def test_nan_is_sorted_last() -> None:
    x = [NAN, 2.0, NAN, 1.0]
    np.testing.assert_array_equal(np.sort(Tensor(x)).data, np.sort(x))
    np.testing.assert_array_equal(gradient(lambda t: np.sort(t)[:2] * [1.0, 2.0], x), [0, 2, 0, 1])


def test_the_second_derivative_goes_through() -> None:
    w = np.diag([1.0, 2.0, 3.0])
    np.testing.assert_array_equal(
        hessian(lambda t: np.sum(np.sort(t) ** 2 * np.diag(w)))(np.array([5.0, 1.0, 3.0])), np.diag([6.0, 2.0, 4.0])
    )


def test_the_method_sorts_in_place_as_an_arrays_does() -> None:
    t = Tensor([3.0, 1.0, 2.0], requires_grad=True)
    u = t * 2
    assert u.sort() is None
    np.testing.assert_array_equal(u.data, [2.0, 4.0, 6.0])
    np.sum(u * [1.0, 10.0, 100.0]).backward()
    np.testing.assert_array_equal(t.grad, [200.0, 2.0, 20.0])
    u.partition(1)
    assert u.data[1] == 4.0
    with pytest.raises(RuntimeError, match="in-place"):
        t.sort()


def test_partition_is_numpys_arrangement_with_ties_in_order() -> None:
    rng = np.random.default_rng(0)
    for n in (5, 40, 700):
        x = rng.integers(0, 9, n) + 0.0
        for kth in (0, n // 2, (1, n - 1), -1):
            y = np.partition(Tensor(x), kth)
            np.testing.assert_array_equal(y.data, np.partition(x, kth))
            w = rng.normal(size=n)
            g = gradient(lambda t, kth=kth, w=w: np.partition(t, kth) * w, x)
            for value in np.unique(x):  # equal elements, in the order they have: the places of the result likewise
                np.testing.assert_array_equal(g[x == value], w[y.data == value])


def test_partition_at_a_tie_takes_what_sort_takes() -> None:
    x = [2.0, 1.0, 1.0, 1.0, 0.0, 1.0]
    for k in range(6):
        np.testing.assert_array_equal(
            gradient(lambda t, k=k: np.partition(t, k)[k], x), gradient(lambda t, k=k: np.sort(t)[k], x)
        )


def test_fields_cannot_be_sorted_by() -> None:
    for f in (lambda t: np.sort(t, order="a"), lambda t: np.partition(t, 0, order="a")):
        with pytest.raises(TypeError, match="structured"):
            f(Tensor([1.0, 2.0]))


def test_a_trace_sorts_other_values_anew() -> None:
    f = lambda x: (np.sort(x), np.median(x), np.quantile(x, 0.4), np.partition(x, 1))
    tape = trace(f, np.array([3.0, 1.0, 2.0]))
    x = np.array([1.0, 9.0, 5.0])
    for got, expected in zip(tape(x), f(x), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-15)
    assert not tape.reads


# Median


def test_median_takes_the_middle_of_the_stable_order() -> None:
    np.testing.assert_array_equal(gradient(np.median, [3.0, 1.0, 2.0]), [0, 0, 1])
    np.testing.assert_array_equal(gradient(np.median, [4.0, 1.0, 2.0, 3.0]), [0, 0, 0.5, 0.5])
    np.testing.assert_array_equal(gradient(np.median, [1.0, 1.0, 1.0]), [0, 1, 0])
    np.testing.assert_array_equal(gradient(np.median, [1.0, 1.0, 1.0, 1.0]), [0, 0.5, 0.5, 0])


def test_median_with_nan() -> None:
    np.testing.assert_array_equal(gradient(np.median, [1.0, NAN, 2.0]), [0, 1, 0])
    np.testing.assert_array_equal(gradient(np.nanmedian, [1.0, NAN, 2.0]), [0.5, 0, 0.5])
    np.testing.assert_array_equal(gradient(np.nanmedian, [3.0, NAN, 2.0, 1.0]), [0, 0, 1, 0])


def test_nothing_to_take_the_median_of() -> None:
    with pytest.warns(RuntimeWarning):
        assert np.isnan(np.median(Tensor(np.zeros(0))).data)
    x = np.array([[NAN, NAN], [1.0, 4.0]])
    with pytest.warns(RuntimeWarning):
        y = np.nanmedian(Tensor(x), axis=1)
    np.testing.assert_array_equal(y.data, [NAN, 2.5])
    with pytest.warns(RuntimeWarning):
        np.testing.assert_array_equal(gradient(lambda t: np.nanmedian(t, axis=1), x), [[0, 0], [0.5, 0.5]])


# Quantiles


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_quantiles_are_numpys(method: str, dtype: Any) -> None:
    rng = np.random.default_rng(0)
    for n in (1, 2, 5, 8):
        x = rng.normal(size=(3, n)).astype(dtype)
        for q in (0, 0.3, 1.0, 1, np.array([0.0, 0.2, 0.25, 0.5, 1.0]), np.array([[0.1], [0.9]]), np.float32(0.35)):
            for f in (np.quantile, np.nanquantile):
                for options in ({"axis": 1}, {"axis": None}, {"axis": (0, 1), "keepdims": True}):
                    got, expected = f(Tensor(x), q, method=method, **options).data, f(x, q, method=method, **options)
                    assert got.dtype == np.asarray(expected).dtype
                    np.testing.assert_array_equal(got, expected)


def test_the_two_neighbours_share_by_the_interpolation() -> None:
    x = [30.0, 10.0, 20.0]
    np.testing.assert_allclose(gradient(lambda t: np.quantile(t, 0.4), x), [0, 0.2, 0.8], rtol=1e-12)
    np.testing.assert_allclose(gradient(lambda t: np.percentile(t, 90), x), [0.8, 0, 0.2], rtol=1e-12)
    np.testing.assert_array_equal(gradient(lambda t: np.quantile(t, 0.4, method="lower"), x), [0, 1, 0])
    np.testing.assert_array_equal(gradient(lambda t: np.quantile(t, 0.4, method="higher"), x), [0, 0, 1])
    np.testing.assert_array_equal(gradient(lambda t: np.quantile(t, 0.4, method="midpoint"), x), [0, 0.5, 0.5])


def test_a_quantile_at_a_tie_follows_the_stable_order() -> None:
    np.testing.assert_array_equal(gradient(lambda t: np.quantile(t, 0.5), [1.0, 1.0, 1.0]), [0, 1, 0])
    np.testing.assert_array_equal(gradient(lambda t: np.quantile(t, 0.0), [1.0, 1.0]), [1, 0])


def test_the_level_of_a_quantile_may_be_a_tensor() -> None:
    x = np.array([0.0, 1.0, 4.0, 9.0])
    slope = grad(lambda q: np.sum(np.quantile(x, q)))(np.array([0.1, 0.5, 0.9]))
    np.testing.assert_allclose(slope, 3 * np.array([1.0, 3.0, 5.0]), rtol=1e-12)


def test_quantile_with_nan() -> None:
    x = [1.0, NAN, 3.0]
    np.testing.assert_array_equal(gradient(lambda t: np.quantile(t, 0.25), x), [0, 1, 0])
    np.testing.assert_array_equal(gradient(lambda t: np.nanquantile(t, 0.25), x), [0.75, 0, 0.25])
    got = gradient(lambda t: np.nanpercentile(t, 25, axis=1), [x, [NAN] * 3])
    np.testing.assert_array_equal(got, [[0.75, 0, 0.25], [0, 0, 0]])


def test_what_a_quantile_refuses() -> None:
    t = Tensor([1.0, 2.0])
    with pytest.raises(ValueError, match="between 0 and 1"):
        np.quantile(t, 1.5)
    with pytest.raises(ValueError, match="no method 'median'"):
        np.quantile(t, 0.5, method="median")
    with pytest.raises(TypeError, match="weights"):
        np.quantile(t, 0.5, method="inverted_cdf", weights=[1.0, 2.0])
