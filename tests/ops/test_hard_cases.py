"""Where mathematics leaves a choice, and where other engines go wrong: the value here, one case a line."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np import grad, hessian

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

nan, inf = np.nan, np.inf
MASK = np.array([True, False, True])

# name: (function of one array, the point, the gradient of the sum of what comes out)
CASES: dict[str, tuple[Any, Any, Any]] = {
    "relu at 0": (tg.relu, 0.0, 0.0),
    "maximum(x, 0) at 0": (lambda x: np.maximum(x, 0), 0.0, 0.5),
    "minimum(x, 0) at 0": (lambda x: np.minimum(x, 0), 0.0, 0.5),
    "maximum(x, x)": (lambda x: np.maximum(x, x), [1.0, -2.0], [1.0, 1.0]),
    "max with a tie": (np.max, [1.0, 1.0, 0.0], [0.5, 0.5, 0.0]),
    "min with a tie": (np.min, [1.0, 1.0, 2.0], [0.5, 0.5, 0.0]),
    "nanmax with a tie": (np.nanmax, [1.0, 1.0, nan], [0.5, 0.5, 0.0]),
    "ptp with ties": (np.ptp, [1.0, 1.0, 0.0], [0.5, 0.5, -1.0]),
    "norm(inf) with a tie": (lambda x: np.linalg.norm(x, inf), [1.0, -1.0, 0.0], [0.5, -0.5, 0.0]),
    "abs at 0": (np.abs, 0.0, 0.0),
    "clip at a bound": (lambda x: np.clip(x, -1, 1), [-1.0, 1.0, 0.0, 2.0], [1.0, 1.0, 1.0, 0.0]),
    "clip bound at a tie": (lambda b: np.clip(np.array([1.0]), b, 2.0), [1.0], [0.0]),
    "prod with a zero": (np.prod, [2.0, 0.0, 3.0], [0.0, 6.0, 0.0]),
    "prod with two zeros": (np.prod, [2.0, 0.0, 0.0], [0.0, 0.0, 0.0]),
    "cumprod with a zero": (np.cumprod, [2.0, 0.0, 3.0], [1.0, 8.0, 0.0]),
    "norm at the origin": (np.linalg.norm, [0.0, 0.0], [0.0, 0.0]),
    "std of equal numbers": (np.std, [1.0, 1.0, 1.0], [0.0, 0.0, 0.0]),
    "where guards sqrt": (lambda x: np.where(x > 0, np.sqrt(x), x), -1.0, 1.0),
    "where guards x log x": (lambda x: np.where(x > 0, x * np.log(x), 0), 0.0, 0.0),
    "det of a singular matrix": (np.linalg.det, [[1.0, 2.0], [2.0, 4.0]], [[4.0, -2.0], [-2.0, 1.0]]),
    "hypot at the origin": (lambda x: np.hypot(x, x * 2), 0.0, 0.0),
    "sqrt(x**2) at 0": (lambda x: np.sqrt(x**2), 0.0, nan),
    "x**0 at 0": (lambda x: x**0.0, 0.0, 0.0),
    "0**x at 1": (lambda x: 0.0**x, 1.0, 0.0),
    "arctan2(x, x) at 0": (lambda x: np.arctan2(x, x), 0.0, 0.0),
    "logaddexp of -inf": (lambda x: np.logaddexp(x[0], x[1]), [-inf, -inf], [0.5, 0.5]),
    "logsumexp of -inf": (lambda x: tg.logsumexp(x), [-inf, -inf, -inf, -inf], [0.25] * 4),
    "sinc at 0": (np.sinc, 0.0, 0.0),
    "einsum('ii->')": (lambda x: np.einsum("ii->", x), np.ones((2, 2)), np.eye(2)),
    "sum where": (lambda x: np.sum(x, where=MASK), [1.0, 2.0, 3.0], [1.0, 0.0, 1.0]),
    "sort of a matrix": (lambda x: np.sort(x)[:, 0], [[3.0, 1.0], [2.0, 5.0]], [[0.0, 1.0], [1.0, 0.0]]),
    "sort with a tie is stable": (lambda x: np.sort(x)[0], [1.0, 1.0], [1.0, 0.0]),
    "median with a tie is stable": (np.median, [2.0, 2.0, 1.0], [1.0, 0.0, 0.0]),
    "max_pool takes the first": (lambda x: tg.max_pool1d(x, 2), [[[1.0, 1.0]]], [[[1.0, 0.0]]]),
    "softplus at 1000": (tg.softplus, [-1000.0, 1000.0], [0.0, 1.0]),
    "sigmoid at 1000": (tg.sigmoid, [-1000.0, 1000.0], [0.0, 0.0]),
    "log_sigmoid at 1000": (tg.log_sigmoid, [-1000.0, 1000.0], [1.0, 0.0]),
    "logsumexp at 1000": (lambda x: tg.logsumexp(x), [1000.0, -1000.0], [1.0, 0.0]),
    "var with N = ddof": (lambda x: np.var(x, ddof=1), [2.0], [nan]),
    "negative base, integer exponent": (lambda x: x**3, -2.0, 12.0),
    "negative base, integer exponents": (lambda x: x ** np.array([2.0, 3.0]), [-2.0, -2.0], [-4.0, 12.0]),
    "mod at a multiple": (lambda x: np.mod(x, 2.0), 4.0, 1.0),
    "tanh at 1000": (np.tanh, 1000.0, 0.0),
    "arctan at 1e6": (np.arctan, 1e6, 1 / (1 + 1e12)),
    "expm1 near 0": (np.expm1, 1e-12, 1 + 1e-12),
    "log1p near 0": (np.log1p, 1e-12, 1 - 1e-12),
    "inner size 0": (lambda x: x @ np.ones((0, 3)), np.ones((2, 0)), np.ones((2, 0))),
    "broadcast_to new axes": (lambda x: np.broadcast_to(x, (4, 2)), [1.0, 2.0], [4.0, 4.0]),
    "repeat with counts": (lambda x: np.repeat(x, [1, 3]), [1.0, 2.0], [1.0, 3.0]),
    "sum over no axis": (lambda x: np.sum(x, axis=()), [1.0, 2.0], [1.0, 1.0]),
    "repeated indices": (lambda x: x[[0, 0, 1]], [1.0, 2.0], [2.0, 1.0]),
    "the same array twice": (lambda x: np.einsum("i,i->", x, x), [1.0, 2.0], [2.0, 4.0]),
    "sum of exp called on its tensor": (lambda x: np.sum(np.exp(x)), [0.0], [1.0]),
}


@pytest.mark.parametrize("name", CASES)
def test_gradient(name: str) -> None:
    f, x, expected = CASES[name]
    got = grad(lambda v: np.sum(f(v)))(np.asarray(x, float))
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-15)


def test_second_derivatives_at_zeros_of_a_product() -> None:
    expected = [[0.0, 3.0, 0.0], [3.0, 0.0, 2.0], [0.0, 2.0, 0.0]]
    np.testing.assert_array_equal(hessian(np.prod)(np.array([2.0, 0.0, 3.0])), expected)


def test_third_derivative() -> None:
    assert grad(grad(grad(lambda x: x**5)))(2.0) == 240.0


def test_a_mean_over_nothing_is_numpys() -> None:
    assert np.isnan(np.mean(tg.Tensor(np.zeros(0), requires_grad=True)).data)
