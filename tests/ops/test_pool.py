"""Pooling: ties, padding, infinities, the last window, and means over what is there."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np import Tensor, grad, vjp

rng = np.random.default_rng(0)
INF, NAN = np.inf, np.nan


def windows(n: int, k: int, s: int, p: int, d: int, ceil_mode: bool) -> list[range]:
    """The places each window sees along an axis of n, those outside too."""
    reach = d * (k - 1) + 1
    starts = [i for i in range(-p, n + p, s) if i + reach <= n + p or (ceil_mode and i < n)]
    if ceil_mode:  # of those that stick out, the first alone
        whole = [i for i in starts if i + reach <= n + p]
        starts = whole + [i for i in starts if i not in whole][:1] * ((n + 2 * p - reach) % s > 0)
    return [range(i, i + reach, d) for i in starts]


def pooled(x: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool, f: Any) -> np.ndarray:
    """``f(numbers, places inside, places)`` of each window of a plane."""
    rows, columns = (
        windows(*geometry, ceil_mode) for geometry in zip(x.shape, kernel, stride, padding, dilation, strict=True)
    )
    y = np.zeros((len(rows), len(columns)))
    for (i, r), (j, c) in product(enumerate(rows), enumerate(columns)):
        inside = [(a, b) for a, b in product(r, c) if 0 <= a < x.shape[0] and 0 <= b < x.shape[1]]
        within = [(a, b) for a, b in product(r, c) if a < x.shape[0] + padding[0] and b < x.shape[1] + padding[1]]
        y[i, j] = f([x[at] for at in inside], len(within))
    return y


GEOMETRIES = [
    dict(zip(("kernel_size", "stride", "padding", "ceil_mode"), values, strict=True))
    for values in product([(2, 2), (3, 2)], [(2, 2), (1, 3)], [(0, 0), (1, 1)], [False, True])
]


@pytest.mark.parametrize("g", GEOMETRIES, ids=str)
def test_max_pool2d(g: Any) -> None:
    x = rng.normal(size=(7, 8))
    y, pull = vjp(lambda x: tg.max_pool2d(x, **g), x[None])
    expected = pooled(x, g["kernel_size"], g["stride"], g["padding"], (1, 1), g["ceil_mode"], lambda v, _: max(v))
    np.testing.assert_array_equal(y[0], expected)
    got = pull(np.ones_like(y))[0][0]
    counted = np.array([np.sum(expected == v) for v in x.ravel()]).reshape(x.shape)
    np.testing.assert_array_equal(got, counted)


@pytest.mark.parametrize("g", GEOMETRIES, ids=str)
@pytest.mark.parametrize("include", [True, False])
def test_avg_pool2d(g: Any, include: bool) -> None:
    x = rng.normal(size=(7, 8))
    mean = lambda v, n: sum(v) / (n if include else len(v))
    f = lambda x: pooled(x, g["kernel_size"], g["stride"], g["padding"], (1, 1), g["ceil_mode"], mean)
    y, pull = vjp(lambda x: tg.avg_pool2d(x, **g, count_include_pad=include), x[None])
    np.testing.assert_allclose(y[0], f(x), rtol=1e-13)
    w, u = rng.normal(size=y.shape[1:]), rng.normal(size=x.shape)
    np.testing.assert_allclose(np.sum(pull(w[None])[0][0] * u), np.sum(w * f(u)), rtol=1e-12)


def test_max_pool_dilated() -> None:
    x = rng.normal(size=(7, 9))
    got = tg.max_pool2d(x[None], 2, 1, 1, (2, 3))
    expected = pooled(x, (2, 2), (1, 1), (1, 1), (2, 3), False, lambda v, _: max(v))
    np.testing.assert_array_equal(got[0], expected)


def test_the_first_maximum_takes_the_gradient() -> None:
    x = np.array([[[[1.0, 1.0, 0.0, 2.0], [1.0, 1.0, 2.0, 2.0]]]])
    y, at = tg.max_pool2d(x, 2, return_indices=True)
    assert y.tolist() == [[[[1, 2]]]]
    assert at.tolist() == [[[[0, 3]]]]
    got = grad(lambda x: np.sum(tg.max_pool2d(x, 2)))(x)
    assert got.tolist() == [[[[1, 0, 0, 1], [0, 0, 0, 0]]]]


def test_overlapping_windows_add_up() -> None:
    x = np.array([[0.0, 5.0, 0.0, 1.0]])
    assert grad(lambda x: np.sum(tg.max_pool1d(x, 3, 1) * np.array([1.0, 10.0])))(x).tolist() == [[0, 11, 0, 0]]


def test_indices_count_through_each_plane() -> None:
    x = rng.normal(size=(2, 3, 4, 6))
    y, at = tg.max_pool2d(Tensor(x, requires_grad=True), 2, return_indices=True)
    np.testing.assert_array_equal(np.take_along_axis(x.reshape(6, 24), at.data.reshape(6, 6), 1), y.data.reshape(6, 6))
    assert not at.requires_grad


def test_padding_never_wins() -> None:
    x = np.full((1, 3, 3), -INF)
    x[0, 1, 1] = -5.0
    y, at = tg.max_pool2d(x, 2, 2, 1, return_indices=True)
    assert y.tolist() == [[[-INF, -INF], [-INF, -5]]]
    assert at.tolist() == [[[0, 1], [3, 4]]]
    assert grad(lambda x: np.sum(tg.max_pool2d(x, 3, 3, 1)[0, 0, 0]))(np.full((1, 3, 3), -3.0))[0, 0].tolist() == [
        1,
        0,
        0,
    ]


def test_a_nan_is_a_maximum() -> None:
    x = np.array([[1.0, NAN, 3.0, NAN, 5.0, 6.0]])
    y, at = tg.max_pool1d(x, 2, return_indices=True)
    np.testing.assert_array_equal(y, [[NAN, NAN, 6]])
    assert at.tolist() == [[1, 3, 5]]
    assert vjp(lambda x: tg.max_pool1d(x, 3), x)[1](np.ones((1, 2)))[0].tolist() == [[0, 1, 0, 1, 0, 0]]


def test_integers_and_lists() -> None:
    got = tg.max_pool1d([[3, -7, 2, 5]], 2, padding=1)
    assert got.tolist() == [[3, 2, 5]]
    assert got.dtype == np.int64
    assert tg.avg_pool1d([[3, 1, 2, 5]], 2).tolist() == [[2, 3.5]]


def test_avg_pool_divides_by_what_it_is_told() -> None:
    x = np.ones((1, 4, 4))
    assert tg.avg_pool2d(x, 2, divisor_override=8)[0, 0, 0] == 0.5
    assert tg.avg_pool2d(x, 2, padding=1)[0, 0, 0] == 0.25
    assert tg.avg_pool2d(x, 2, padding=1, count_include_pad=False)[0, 0, 0] == 1


@pytest.mark.parametrize(("n", "out"), [(6, 3), (7, 3), (5, 5), (3, 5), (4, 1)])
def test_adaptive_avg_pool2d(n: int, out: int) -> None:
    x = rng.normal(size=(2, 3, n, 4))
    got = tg.adaptive_avg_pool2d(x, (out, None))
    for i in range(out):
        start, stop = i * n // out, -(-(i + 1) * n // out)
        np.testing.assert_allclose(got[:, :, i], x[:, :, start:stop].mean(2), rtol=1e-13)
    np.testing.assert_allclose(tg.adaptive_avg_pool2d(x, 1)[..., 0, 0], x.mean((2, 3)), rtol=1e-13)


@pytest.mark.parametrize("f", [tg.max_pool2d, tg.avg_pool2d, tg.adaptive_avg_pool2d])
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_dtypes_stay(f: Any, dtype: Any) -> None:
    x = rng.normal(size=(1, 5, 5)).astype(dtype)
    assert f(x, 2).dtype == grad(lambda x: np.sum(f(x, 2)))(x).dtype == dtype


@pytest.mark.parametrize(
    ("f", "says"),
    [
        (lambda x: tg.max_pool2d(x, 2, padding=2), "at most half of the window"),
        (lambda x: tg.avg_pool2d(x, 3, padding=2), "at most half of the window"),
        (lambda x: tg.max_pool2d(x, 5), r"a window of \(5, 5\).* does not fit \(4, 4\)"),
        (lambda x: tg.max_pool2d(x[0, 0, 0], 2), "x has 4 axes, or 3 without the batch"),
        (lambda x: tg.max_pool2d(x, (2, 2, 2)), "kernel_size is one integer or 2"),
        (lambda x: tg.max_pool1d(x[0, 0, :, :1], 2, 1, 2, 3), "nothing but padding"),
    ],
)
def test_what_does_not_fit(f: Any, says: str) -> None:
    x = rng.normal(size=(2, 3, 4, 4))
    for given in (x, Tensor(x, requires_grad=True)):
        with pytest.raises(ValueError, match=says):
            f(given)
