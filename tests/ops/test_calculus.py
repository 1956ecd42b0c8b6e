"""Differences, integrals, interpolation and convolution where there is a choice to pin."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tinygrad_np import Tensor, grad

G2 = [1.0, 8.0, -19.0, 10.0]  # of the second differences weighed 1 and 10


def gradient(f: Any, x: Any) -> np.ndarray:
    return grad(lambda t: np.sum(f(t)))(np.array(x))


def test_diff_of_second_order() -> None:
    np.testing.assert_array_equal(gradient(lambda t: np.diff(t, n=2) * [1.0, 10.0], [0.0, 1.0, 4.0, 9.0]), G2)
    np.testing.assert_array_equal(np.diff(Tensor([1.0, 3.0]), n=3).data, np.zeros(0))
    with pytest.raises(ValueError, match="n is how often"):
        np.diff(Tensor([1.0]), n=-1)


def test_unwrap_adds_constants() -> None:
    x = np.array([0.0, 3.0, 6.5, 0.5, 7.0])
    y = np.unwrap(Tensor(x))
    np.testing.assert_array_equal(y.data, np.unwrap(x))
    np.testing.assert_array_equal(gradient(lambda t: np.unwrap(t) * np.arange(5.0), x), np.arange(5.0))


def test_gradient_may_be_differentiated_in_its_coordinates() -> None:
    f, x = np.array([0.0, 1.0, 4.0]), np.array([0.0, 1.0, 3.0])
    np.testing.assert_array_equal(np.gradient(Tensor(f), x).data, np.gradient(f, x))
    got = grad(lambda x: np.gradient(f, x)[0])(x)  # (f1 - f0) / (x1 - x0)
    np.testing.assert_allclose(got, [1.0, -1.0, 0.0], rtol=1e-15)


def test_gradient_says_what_it_was_given() -> None:
    t = Tensor(np.ones((2, 3)))
    with pytest.raises(TypeError, match="3 spacings"):
        np.gradient(t, 1.0, 1.0, 1.0)
    with pytest.raises(ValueError, match="axis of size 3"):
        np.gradient(t, 1.0, np.arange(4.0))
    with pytest.raises(ValueError, match="edge_order 2 needs 3"):
        np.gradient(t, edge_order=2)
    with pytest.raises(ValueError, match="edge_order is 1 or 2"):
        np.gradient(t, edge_order=3)


XP, FP = np.array([0.0, 1.0, 3.0]), np.array([5.0, 7.0, 1.0])


def test_interp_weighs_the_two_values() -> None:
    f = lambda fp: np.interp([0.25, 2.0, -9.0, 9.0], XP, fp) * [1.0, 10.0, 100.0, 1000.0]
    np.testing.assert_allclose(gradient(f, FP), [0.75 + 100, 0.25 + 5, 5 + 1000], rtol=1e-15)


def test_interp_at_a_knot_has_the_slope_on_its_right() -> None:
    x = [-1.0, 0.0, 0.5, 1.0, 3.0, 4.0]
    np.testing.assert_array_equal(gradient(lambda x: np.interp(x, XP, FP), x), [0, 2, 2, -3, 0, 0])


def test_interp_is_numpys_at_the_edges() -> None:
    x = np.array([np.nan, -1.0, 0.0, 1.0, 3.0, 3.5])
    for options in ({}, {"left": -1.0, "right": 2.0}, {"period": 2.5}):
        got = np.interp(Tensor(x), XP, Tensor(FP), **options).data
        np.testing.assert_allclose(got, np.interp(x, XP, FP, **options), rtol=1e-15)
    twice = np.array([0.0, 1.0, 1.0])
    np.testing.assert_array_equal(np.interp(Tensor([0.5, 1.0]), twice, FP).data, np.interp([0.5, 1.0], twice, FP))
    np.testing.assert_array_equal(gradient(lambda fp: np.interp(1.0, twice, fp), FP), [0, 0, 1])


def test_interp_refuses_what_is_no_curve() -> None:
    with pytest.raises(ValueError, match="of one size"):
        np.interp(Tensor(0.5), XP, FP[:2])
    with pytest.raises(ValueError, match="period"):
        np.interp(Tensor(0.5), XP, FP, period=0)


@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize(("n", "m"), [(7, 3), (3, 7), (6, 4), (4, 6), (5, 5), (4, 5), (5, 4), (1, 3), (3, 1)])
@pytest.mark.parametrize("f", [np.convolve, np.correlate])
def test_every_mode_and_length_is_numpys(f: Any, n: int, m: int, mode: str) -> None:
    rng = np.random.default_rng(0)
    a, v = rng.normal(size=n), rng.normal(size=m)
    y = f(a, v, mode)
    np.testing.assert_allclose(f(Tensor(a), v, mode).data, y, rtol=1e-13)
    w = rng.normal(size=y.shape)
    g_a, g_v = grad(lambda a, v: np.sum(f(a, v, mode) * w), argnums=(0, 1))(a, v)
    for g, eye, other in ((g_a, np.eye(n), lambda e: f(e, v, mode)), (g_v, np.eye(m), lambda e: f(a, e, mode))):
        np.testing.assert_allclose(g, [np.sum(other(e) * w) for e in eye], rtol=1e-12, atol=1e-12)


def test_convolve_says_what_it_needs() -> None:
    with pytest.raises(ValueError, match="1-d"):
        np.convolve(Tensor(np.ones((2, 2))), np.ones(2))
    with pytest.raises(ValueError, match="'half'"):
        np.convolve(Tensor(np.ones(2)), np.ones(2), "half")
