"""Activations and the softmax family: at large and infinite arguments, at kinks, in narrow dtypes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np import Tensor, grad, hessian, jvp
from tinygrad_np.ops.nn import _normal_cdf

INF, NAN = np.inf, np.nan


def value_and_slope(f: Any, x: Any) -> tuple[np.ndarray, np.ndarray]:
    x = np.asarray(x)
    return np.asarray(f(x)), grad(lambda t: np.sum(f(t)))(x)


def assert_at(f: Any, x: list[float], y: list[float], slope: list[float]) -> None:
    got = value_and_slope(f, x)
    np.testing.assert_allclose(got[0], y, rtol=1e-14, atol=0)
    np.testing.assert_allclose(got[1], slope, rtol=1e-14, atol=0)


# Far out, where e^x is infinite or nothing

FAR = {
    "relu": (tg.relu, [0, 1000], [0, 1]),
    "relu6": (tg.relu6, [0, 6], [0, 0]),
    "leaky_relu": (tg.leaky_relu, [-10, 1000], [0.01, 1]),
    "hardtanh": (tg.hardtanh, [-1, 1], [0, 0]),
    "hardsigmoid": (tg.hardsigmoid, [0, 1], [0, 0]),
    "hardswish": (tg.hardswish, [0, 1000], [0, 1]),
    "elu": (tg.elu, [-1, 1000], [0, 1]),
    "elu, alpha 2": (lambda x: tg.elu(x, 2.0), [-2, 1000], [0, 1]),
    "celu, alpha 2": (lambda x: tg.celu(x, 2.0), [-2, 1000], [0.0, 1]),
    "sigmoid": (tg.sigmoid, [0, 1], [0, 0]),
    "log_sigmoid": (tg.log_sigmoid, [-1000, 0], [1, 0]),
    "logsigmoid": (tg.logsigmoid, [-1000, 0], [1, 0]),
    "softplus": (tg.softplus, [0, 1000], [0, 1]),
    "softplus, beta 3": (lambda x: tg.softplus(x, 3.0), [0, 1000], [0, 1]),
    "softplus, no threshold": (lambda x: tg.softplus(x, threshold=INF), [0, 1000], [0, 1]),
    "softsign": (tg.softsign, [-1000 / 1001, 1000 / 1001], [1 / 1001**2, 1 / 1001**2]),
    "silu": (tg.silu, [0, 1000], [0, 1]),
    "mish": (tg.mish, [0, 1000], [0, 1]),
    "gelu": (tg.gelu, [0, 1000], [0, 1]),
    "gelu tanh": (lambda x: tg.gelu(x, "tanh"), [0, 1000], [0, 1]),
}


@pytest.mark.parametrize("name", FAR)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_at_plus_and_minus_1000(name: str, dtype: Any) -> None:
    f, y, slope = FAR[name]
    got = value_and_slope(f, np.array([-1000, 1000], dtype))
    tol = 4 * float(np.finfo(dtype).eps)
    for g, expected in zip(got, (y, slope), strict=True):
        assert g.dtype == dtype
        np.testing.assert_allclose(g, expected, rtol=tol, atol=1e-200)
    far = np.array([-1000.0, 1000.0])
    np.testing.assert_allclose(hessian(lambda x: np.sum(f(x)))(far), np.zeros((2, 2)), atol=1e-8)


@pytest.mark.parametrize("f", [tg.sigmoid, tg.softplus, tg.log_sigmoid, tg.relu, tg.elu])
def test_at_infinity_what_is_right_and_no_nan(f: Any) -> None:
    limits = {
        tg.sigmoid: [0, 1],
        tg.softplus: [0, INF],
        tg.log_sigmoid: [-INF, 0],
        tg.relu: [0, INF],
        tg.elu: [-1, INF],
    }
    np.testing.assert_array_equal(f(np.array([-INF, INF])), limits[f])


@pytest.mark.parametrize("name", FAR)
def test_a_nan_stays_one(name: str) -> None:
    assert np.isnan(FAR[name][0](np.array([NAN])))[0]


def test_values_by_definition() -> None:
    x = np.array([-2.5, -0.3, 0.7, 3.1])
    s, soft = 1 / (1 + np.exp(-x)), np.log(1 + np.exp(x))
    definitions = [
        (tg.sigmoid, s),
        (tg.log_sigmoid, np.log(s)),
        (tg.softplus, soft),
        (lambda x: tg.softplus(x, 0.5), 2 * np.log(1 + np.exp(x / 2))),
        (tg.silu, x * s),
        (tg.mish, x * np.tanh(soft)),
        (tg.softsign, x / (1 + np.abs(x))),
        (tg.elu, np.where(x > 0, x, np.exp(x) - 1)),
        (lambda x: tg.elu(x, 0.3), np.where(x > 0, x, 0.3 * (np.exp(x) - 1))),
        (lambda x: tg.celu(x, 0.3), np.where(x > 0, x, 0.3 * (np.exp(x / 0.3) - 1))),
        (tg.selu, 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * (np.exp(x) - 1))),
        (tg.leaky_relu, np.where(x > 0, x, 0.01 * x)),
        (lambda x: tg.leaky_relu(x, 0.5), np.where(x > 0, x, 0.5 * x)),
        (tg.hardtanh, np.clip(x, -1, 1)),
        (lambda x: tg.hardtanh(x, -2, 3), np.clip(x, -2, 3)),
        (tg.relu6, np.clip(x, 0, 6)),
        (tg.hardsigmoid, np.clip(x / 6 + 0.5, 0, 1)),
        (tg.hardswish, x * np.clip(x / 6 + 0.5, 0, 1)),
        (tg.relu, np.clip(x, 0, 9)),
        (tg.softmax, np.exp(x) / np.exp(x).sum()),
        (tg.log_softmax, x - np.log(np.exp(x).sum())),
    ]
    for f, expected in definitions:
        np.testing.assert_allclose(f(x), expected, rtol=1e-13)


def test_log_sigmoid_and_softplus_keep_small_numbers() -> None:
    """log(1 + e) of a small e is e, not 0: here lies what a naive formula loses."""
    small = math.exp(-40)
    assert_at(tg.log_sigmoid, [40.0], [-small], [small])
    assert_at(tg.softplus, [-40.0], [small], [small])
    assert_at(tg.sigmoid, [-40.0], [small], [small])
    assert_at(tg.elu, [-1e-12], [-1e-12 + 5e-25], [1 - 1e-12])


def test_softplus_is_straight_above_its_threshold() -> None:
    assert_at(tg.softplus, [20.0, 20.5], [20 + math.log1p(math.exp(-20)), 20.5], [1 / (1 + math.exp(-20)), 1.0])
    assert_at(
        lambda x: tg.softplus(x, 2.0, 3.0), [1.5, 1.6], [math.log1p(math.exp(3)) / 2, 1.6], [1 / (1 + math.exp(-3)), 1]
    )


# Kinks


@pytest.mark.parametrize(
    ("f", "at", "slope"),
    [
        (tg.relu, [0.0, -0.0], [0, 0]),
        (tg.leaky_relu, [0.0], [0.01]),
        (tg.relu6, [0.0, 6.0], [0, 0]),
        (tg.hardtanh, [-1.0, 1.0], [0, 0]),
        (tg.hardsigmoid, [-3.0, 3.0], [0, 0]),
        (tg.hardswish, [-3.0, 3.0], [0, 1]),
        (lambda x: tg.elu(x, 2.0), [0.0], [2]),
        (lambda x: tg.celu(x, 2.0), [0.0], [1]),
        (tg.softsign, [0.0], [1]),
    ],
)
def test_slope_at_kinks(f: Any, at: list[float], slope: list[float]) -> None:
    np.testing.assert_array_equal(value_and_slope(f, at)[1], slope)


# The normal distribution, of which NumPy has nothing

# Its lower tail, to 18 digits.
TAIL = {
    -1.0: 0.158655253931457051, -3.0: 0.00134989803163009453, -5.0: 2.86651571879193912e-7,
    -6.5: 4.01600058385911781e-11, -10.0: 7.61985302416052607e-24, -20.0: 2.7536241186062337e-89,
    -37.0: 5.72557122252457682e-300,
}  # fmt: skip


def test_normal_cdf_is_as_exact_as_erf() -> None:
    x = np.linspace(-1, 9, 4001)
    expected = np.array([0.5 * (1 + math.erf(v / math.sqrt(2))) for v in x])
    np.testing.assert_allclose(_normal_cdf(x), expected, rtol=1.2e-15, atol=0)


def test_normal_cdf_keeps_its_lower_tail() -> None:
    np.testing.assert_allclose(_normal_cdf(np.array(list(TAIL))), list(TAIL.values()), rtol=1e-15, atol=0)
    np.testing.assert_array_equal(_normal_cdf(np.array([-INF, -50, 0, 50, INF])), [0, 0, 0.5, 1, 1])


def test_normal_cdf_in_float32_and_float16() -> None:
    x = np.linspace(-12, 8, 2001, dtype=np.float32)
    got = _normal_cdf(x)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, _normal_cdf(x.astype(float)), rtol=1e-6, atol=0)
    half = np.linspace(-3, 4, 50, dtype=np.float16)
    np.testing.assert_allclose(_normal_cdf(half), _normal_cdf(half.astype(float)), rtol=1e-3)
    assert _normal_cdf(half).dtype == np.float16


def test_normal_cdf_of_more_than_one_block() -> None:
    x = np.random.default_rng(0).normal(size=(3, 20_000))
    got = _normal_cdf(x.T)
    np.testing.assert_array_equal(got, np.stack([_normal_cdf(row) for row in x], axis=1))


def test_gelu_is_x_times_the_cdf_and_its_derivatives_are_known() -> None:
    x = np.linspace(-6, 6, 41)
    density = np.exp(-x * x / 2) / math.sqrt(2 * math.pi)
    y, slope = value_and_slope(tg.gelu, x)
    np.testing.assert_array_equal(y, x * _normal_cdf(x))
    np.testing.assert_allclose(slope, _normal_cdf(x) + x * density, rtol=1e-13)
    curve = np.diag(hessian(lambda t: np.sum(tg.gelu(t)))(x))
    np.testing.assert_allclose(curve, (2 - x * x) * density, rtol=1e-12, atol=1e-16)


def test_gelu_by_tanh() -> None:
    x = np.linspace(-6, 6, 41)
    u = math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)
    np.testing.assert_allclose(tg.gelu(x, approximate="tanh"), 0.5 * x * (1 + np.tanh(u)), rtol=1e-13, atol=1e-14)
    assert np.abs(tg.gelu(x) - tg.gelu(x, "tanh")).max() < 5e-4
    half = np.array([-300, -60, 60, 300], np.float16)
    np.testing.assert_array_equal(value_and_slope(lambda t: tg.gelu(t, "tanh"), half), [[0, 0, 60, 300], [0, 0, 1, 1]])


def test_gelu_knows_two_ways() -> None:
    with pytest.raises(ValueError, match="'none' or 'tanh'; got 'fast'"):
        tg.gelu(np.ones(2), "fast")


# Softmax


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_softmax_far_out(axis: int) -> None:
    x = np.array([[1000.0, -1000.0], [1000.0, 0.0]])
    x = x if axis else x.T
    expected = np.array([[1.0, 0.0], [1.0, 0.0]])
    np.testing.assert_array_equal(tg.softmax(x, axis), expected if axis else expected.T)
    logs = np.array([[0.0, -2000.0], [0.0, -1000.0]])
    np.testing.assert_array_equal(tg.log_softmax(x, axis), logs if axis else logs.T)


def test_softmax_of_infinities_is_that_of_equal_logits() -> None:
    x = np.array([[-INF, -INF, -INF, -INF], [0.0, 0.0, -INF, -INF], [INF, 0.0, -INF, INF]])
    expected = np.array([[0.25] * 4, [0.5, 0.5, 0, 0], [0.5, 0, 0, 0.5]])
    np.testing.assert_array_equal(tg.softmax(x), expected)
    np.testing.assert_array_equal(tg.log_softmax(x)[:2], [[-math.log(4)] * 4, [-math.log(2)] * 2 + [-INF] * 2])
    g = np.array([1.0, 2.0, 3.0, 4.0])
    slope = grad(lambda t: np.sum(tg.softmax(t) * g))(x)
    np.testing.assert_allclose(slope, expected * (g - (expected @ g)[:, None]), atol=1e-16)
    slope = grad(lambda t: np.sum(np.where(np.isneginf(t.data), 0, tg.log_softmax(t)) * g))(x[1:2])
    np.testing.assert_allclose(slope, [[-0.5, 0.5, 0, 0]], atol=1e-16)


def test_softmax_of_a_nan_and_of_nothing() -> None:
    assert np.isnan(tg.softmax(np.array([[NAN, 1.0], [0.0, 0.0]]))).tolist() == [[True, True], [False, False]]
    assert tg.softmax(np.zeros((2, 0))).shape == (2, 0)
    assert tg.log_softmax(np.zeros((0, 3))).shape == (0, 3)


def test_log_softmax_is_exact_where_the_logarithm_of_softmax_is_not() -> None:
    x = np.array([0.0, 800.0])
    np.testing.assert_array_equal(tg.log_softmax(x), [-800.0, 0.0])
    np.testing.assert_allclose(grad(lambda t: tg.log_softmax(t)[0])(x), [1.0, -1.0])


def test_softmax_over_two_axes() -> None:
    x = np.random.default_rng(0).normal(size=(2, 3, 4))
    got = tg.softmax(x, axis=(1, 2))
    np.testing.assert_allclose(got.reshape(2, 12), tg.softmax(x.reshape(2, 12)), rtol=1e-15)


@pytest.mark.parametrize("f", [tg.softmax, tg.log_softmax])
def test_softmax_in_narrow_dtypes(f: Any) -> None:
    x = np.zeros((1, 70_000), np.float16)  # a sum of float16 would overflow
    y, y_dot = jvp(f, (x,), (np.ones_like(x),))
    assert y.dtype == y_dot.dtype == np.float16
    np.testing.assert_allclose(y.astype(float), f(x.astype(float)), rtol=1e-2)
    assert f(np.array([1, 2, 3])).dtype == np.float64


# What arrives and what leaves


@pytest.mark.parametrize("name", [*FAR, "softmax", "log_softmax", "selu"])
def test_lists_and_integers_are_arrays(name: str) -> None:
    f = FAR[name][0] if name in FAR else getattr(tg, name)
    expected = f(np.array([1.0, 2.0]))
    np.testing.assert_array_equal(f([1.0, 2.0]), expected)
    np.testing.assert_array_equal(f([1, 2]), expected)
    assert not isinstance(f([1.0, 2.0]), Tensor)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("name", FAR)
def test_narrow_dtypes_stay(name: str, dtype: Any) -> None:
    x = np.array([-2, -0.5, 0.5, 2], dtype)
    y, y_dot = jvp(FAR[name][0], (x,), (np.ones_like(x),))
    assert y.dtype == y_dot.dtype == grad(lambda t: np.sum(FAR[name][0](t)))(x).dtype == dtype


def test_selu_keeps_mean_and_variance() -> None:
    x = np.random.default_rng(0).normal(size=1_000_000)
    y = tg.selu(x)
    assert abs(y.mean()) < 0.005
    assert abs(y.var() - 1) < 0.005
