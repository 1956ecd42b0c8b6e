"""Losses: at large and infinite logits, with classes ignored, weighted and smoothed, in every reduction."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np import Tensor, grad, hessian, jvp, trace

INF = np.inf
rng = np.random.default_rng(0)
x, target = rng.normal(size=(4, 3)), np.array([2, 0, 0, 1])
hot = np.eye(3)[target]


def softmax(x: Any, axis: int = -1) -> Any:
    e = np.exp(x)
    return e / e.sum(axis=axis, keepdims=True)


# Pairs of numbers

D = rng.normal(size=(2, 3)) * 2
PAIRS: dict[str, tuple[Any, Any]] = {
    "mse_loss": (tg.mse_loss, D**2),
    "mse": (tg.mse, D**2),
    "l1_loss": (tg.l1_loss, np.abs(D)),
    "huber_loss": (tg.huber_loss, np.where(np.abs(D) <= 1, D**2 / 2, np.abs(D) - 0.5)),
    "huber": (tg.huber, np.where(np.abs(D) <= 1, D**2 / 2, np.abs(D) - 0.5)),
    "huber, delta 2": (
        lambda *a, **k: tg.huber_loss(*a, delta=2.0, **k),
        np.where(np.abs(D) <= 2, D**2 / 2, 2 * (np.abs(D) - 1)),
    ),
    "smooth_l1_loss": (tg.smooth_l1_loss, np.where(np.abs(D) <= 1, D**2 / 2, np.abs(D) - 0.5)),
    "smooth_l1, beta 2": (
        lambda *a, **k: tg.smooth_l1_loss(*a, beta=2.0, **k),
        np.where(np.abs(D) <= 2, D**2 / 4, np.abs(D) - 1),
    ),
    "smooth_l1, beta 0": (lambda *a, **k: tg.smooth_l1_loss(*a, beta=0, **k), np.abs(D)),
}


@pytest.mark.parametrize("name", PAIRS)
def test_losses_of_pairs(name: str) -> None:
    f, expected = PAIRS[name]
    t = rng.normal(size=(2, 3))
    np.testing.assert_allclose(f(t + D, t, reduction="none"), expected, rtol=1e-12)
    np.testing.assert_allclose(f(t + D, t, reduction="sum"), expected.sum(), rtol=1e-12)
    np.testing.assert_allclose(f(t + D, t), expected.mean(), rtol=1e-12)
    with pytest.raises(ValueError, match="'mean', 'sum' or 'none'; got 'average'"):
        f(t, t, reduction="average")


@pytest.mark.parametrize(
    "f", [tg.mse_loss, tg.l1_loss, tg.huber, tg.smooth_l1_loss, tg.kl_div, tg.binary_cross_entropy_with_logits]
)
def test_a_column_against_a_row_is_refused(f: Any) -> None:
    with pytest.raises(ValueError, match=r"x has shape \(3, 1\) and target \(3,\)"):
        f(np.ones((3, 1)), np.ones(3))
    assert f(np.ones((3, 1)), 0.5).shape == ()


def test_slopes_where_the_two_are_equal_and_at_the_bend() -> None:
    d = np.array([0.0, 1.0, -1.0, 3.0])
    slope = lambda f: grad(lambda v: f(v, np.zeros(4), reduction="sum"))(d).tolist()
    assert slope(tg.l1_loss) == [0, 1, -1, 1]
    assert slope(tg.huber) == slope(tg.smooth_l1_loss) == [0, 1, -1, 1]
    assert slope(tg.mse) == [0, 2, -2, 6]


def test_huber_refuses_a_delta_of_nothing() -> None:
    with pytest.raises(ValueError, match="delta must be positive"):
        tg.huber_loss(np.ones(2), np.zeros(2), delta=0)
    with pytest.raises(ValueError, match="beta must not be negative"):
        tg.smooth_l1_loss(np.ones(2), np.zeros(2), beta=-1)


# Divergence


def test_kl_div() -> None:
    p, q = softmax(x), softmax(rng.normal(size=(4, 3)))
    expected = p * (np.log(p) - np.log(q))
    np.testing.assert_allclose(tg.kl_div(np.log(q), p, reduction="none"), expected, rtol=1e-12)
    np.testing.assert_allclose(tg.kl_div(np.log(q), p, reduction="batchmean"), expected.sum() / 4, rtol=1e-12)
    np.testing.assert_allclose(tg.kl_div(np.log(q), np.log(p), log_target=True), expected.mean(), rtol=1e-12)


def test_kl_div_where_the_target_is_0() -> None:
    q, p = np.array([-INF, math.log(0.5), math.log(0.5)]), np.array([0.0, 0.0, 1.0])
    assert tg.kl_div(q, p, reduction="none").tolist() == [0, 0, math.log(2)]
    slopes = grad(lambda q, p: tg.kl_div(q, p, reduction="sum"), argnums=(0, 1))(q, p)
    np.testing.assert_allclose(slopes, [[0, 0, -1], [0, 0, 1 + math.log(2)]])


# Two classes


def test_binary_cross_entropy() -> None:
    p, t = rng.uniform(0.1, 0.9, (2, 3)), rng.uniform(0, 1, (2, 3))
    expected = -(t * np.log(p) + (1 - t) * np.log(1 - p))
    np.testing.assert_allclose(tg.binary_cross_entropy(p, t), expected.mean(), rtol=1e-12)
    w = np.array([1.0, 0.0, 2.0])
    np.testing.assert_allclose(tg.binary_cross_entropy(p, t, w, reduction="none"), expected * w, rtol=1e-12)
    np.testing.assert_allclose(tg.binary_cross_entropy(p, t, w), (expected * w).mean(), rtol=1e-12)


def test_binary_cross_entropy_of_sure_predictions() -> None:
    p, t = np.array([0.0, 1.0, 0.0, 1.0]), np.array([0.0, 1.0, 1.0, 0.0])
    assert tg.binary_cross_entropy(p, t, reduction="none").tolist() == [0, 0, 100, 100]
    slope = grad(lambda p: tg.binary_cross_entropy(p, t, reduction="sum"))(p)
    np.testing.assert_allclose(slope, [0, 0, -1e12, 1e12])
    assert np.isfinite(grad(lambda t: tg.binary_cross_entropy(p, t))(t)).all()


LOGITS = np.array([-1000.0, -30.0, 0.0, 30.0, 1000.0])


@pytest.mark.parametrize("pos_weight", [None, 3.0])
def test_binary_cross_entropy_of_large_logits(pos_weight: float | None) -> None:
    w = 1.0 if pos_weight is None else pos_weight
    f = lambda z, t: tg.binary_cross_entropy_with_logits(z, t, reduction="none", pos_weight=pos_weight)
    small, s = math.log1p(math.exp(-30)), math.exp(-30) / (1 + math.exp(-30))
    ones, zeros = np.ones(5), np.zeros(5)
    np.testing.assert_allclose(f(LOGITS, ones), np.array([1000, 30 + small, math.log(2), small, 0]) * w, rtol=1e-14)
    np.testing.assert_allclose(f(LOGITS, zeros), [0, small, math.log(2), 30 + small, 1000], rtol=1e-14)
    slope = grad(lambda z: np.sum(f(z, ones)))(LOGITS)
    np.testing.assert_allclose(slope, np.array([-1, s - 1, -0.5, -s, 0]) * w, rtol=1e-14, atol=2e-16)
    slope = grad(lambda z: np.sum(f(z, zeros)))(LOGITS)
    np.testing.assert_allclose(slope, [0, s, 0.5, 1 - s, 1], rtol=1e-14)
    curve = np.diag(hessian(lambda z: np.sum(f(z, zeros)))(LOGITS))
    np.testing.assert_allclose(curve, [0, s * (1 - s), 0.25, s * (1 - s), 0], rtol=1e-13, atol=2e-16)


def test_with_logits_is_binary_cross_entropy_of_the_sigmoid() -> None:
    z, t, w = rng.normal(size=(2, 3)), rng.uniform(0, 1, (2, 3)), rng.uniform(0, 2, 3)
    a = tg.binary_cross_entropy_with_logits(z, t, w)
    np.testing.assert_allclose(a, tg.binary_cross_entropy(tg.sigmoid(z), t, w), rtol=1e-12)


# Many classes


def test_cross_entropy_and_its_gradient_and_curvature() -> None:
    p = softmax(x)
    np.testing.assert_allclose(tg.cross_entropy(x, target), -np.log((p * hot).sum(1)).mean(), rtol=1e-13)
    np.testing.assert_allclose(grad(tg.cross_entropy)(x, target), (p - hot) / 4, rtol=1e-12, atol=1e-16)
    row, p0 = x[:1], p[0]
    curve = hessian(lambda v: tg.cross_entropy(v, target[:1]))(row).reshape(3, 3)
    np.testing.assert_allclose(curve, np.diag(p0) - np.outer(p0, p0), rtol=1e-12)


@pytest.mark.parametrize("shape", [(3,), (4, 3), (2, 3, 5), (2, 3, 2, 4)])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("weight", [None, np.array([0.5, 1.0, 2.0])], ids=["even", "weighted"])
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_three_ways_to_say_the_same(shape: Any, reduction: str, weight: Any, smoothing: float) -> None:
    """Class numbers, their one-hot rows, and nll_loss of log_softmax agree; a mean divides by weights or by rows."""
    axis = min(len(shape), 2) - 1
    z = rng.normal(size=shape)
    t = rng.integers(0, 3, shape[:axis] + shape[axis + 1 :])
    soft = np.moveaxis(np.eye(3)[t], -1, axis)
    options: Any = {"reduction": reduction, "label_smoothing": smoothing}
    numbers = lambda z: tg.cross_entropy(z, t, weight, **options)
    rows = lambda z: tg.cross_entropy(z, soft, weight, **options)
    ratio = t.size / np.sum(weight[t]) if weight is not None and reduction == "mean" else 1.0
    np.testing.assert_allclose(numbers(z), rows(z) * ratio, rtol=1e-12)
    np.testing.assert_allclose(
        grad(lambda z: np.sum(numbers(z)))(z), grad(lambda z: np.sum(rows(z)))(z) * ratio, rtol=1e-11
    )
    if not smoothing:
        by_nll = tg.nll_loss(tg.log_softmax(z, axis), t, weight, reduction=reduction)
        np.testing.assert_allclose(numbers(z), by_nll, rtol=1e-12)


@pytest.mark.parametrize("ignore_index", [-100, 1])
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
@pytest.mark.parametrize("weight", [None, np.array([0.5, 1.0, 2.0])], ids=["even", "weighted"])
def test_what_is_ignored_is_not_there(ignore_index: int, smoothing: float, weight: Any) -> None:
    t = np.array([2, ignore_index, 0, ignore_index])
    f = lambda z, t: tg.cross_entropy(z, t, weight, ignore_index=ignore_index, label_smoothing=smoothing)
    kept = [0, 2]
    np.testing.assert_allclose(f(x, t), f(x[kept], t[kept]), rtol=1e-13)
    got = grad(f)(x, t)
    np.testing.assert_allclose(got[kept], grad(f)(x[kept], t[kept]), rtol=1e-12)
    assert not got[[1, 3]].any()
    losses = tg.cross_entropy(x, t, weight, ignore_index=ignore_index, reduction="none")
    assert losses[[1, 3]].tolist() == [0, 0]
    picked = tg.nll_loss(tg.log_softmax(x), t, weight, ignore_index=ignore_index)
    np.testing.assert_allclose(picked, tg.cross_entropy(x, t, weight, ignore_index=ignore_index), rtol=1e-13)


def test_cross_entropy_of_large_and_infinite_logits() -> None:
    z = np.array([[1000.0, -1000.0, 0.0], [-1000.0, -1000.0, -1000.0], [-INF, -INF, -INF], [-INF, 0.0, 0.0]])
    for t in (np.array([1, 0, 2, 1]), np.eye(3)[[1, 0, 2, 1]]):
        f = lambda z, t=t: tg.cross_entropy(z, t, reduction="none")
        np.testing.assert_allclose(f(z), [2000, math.log(3), math.log(3), math.log(2)], rtol=1e-15)
        expected = np.array([[1, -1, 0], [-2 / 3, 1 / 3, 1 / 3], [1 / 3, 1 / 3, -2 / 3], [0, -0.5, 0.5]])
        np.testing.assert_allclose(
            grad(lambda z, t=t: tg.cross_entropy(z, t, reduction="sum"))(z), expected, rtol=1e-15, atol=1e-16
        )
    assert tg.cross_entropy(z[3:], np.array([0])) == INF  # the impossible happened
    np.testing.assert_allclose(grad(tg.cross_entropy)(z[3:], np.array([0])), [[-1, 0.5, 0.5]])


def test_cross_entropy_tells_soft_targets_their_gradient() -> None:
    t = softmax(rng.normal(size=(4, 3)))
    got = grad(lambda t: tg.cross_entropy(x, t, reduction="sum"))(t)
    np.testing.assert_allclose(got, -np.log(softmax(x)), rtol=1e-12)


@pytest.mark.parametrize("f", [tg.cross_entropy, tg.nll_loss])
@pytest.mark.parametrize(
    ("t", "error", "says"),
    [
        ([0, 1, 3, 0], IndexError, "class numbers lie between 0 and 2 here; got 3"),
        ([0, -1, 0, 0], IndexError, "class numbers lie between 0 and 2 here; got -1"),
        ([0, 1], ValueError, r"in shape \(4,\); got int64 in shape \(2,\)"),
        ([[0], [1], [2], [0]], ValueError, r"in shape \(4,\); got int64 in shape \(4, 1\)"),
        ([0.0, 1.0, 2.0, 0.0], ValueError, "got float64"),
    ],
)
def test_targets_that_name_no_class(f: Any, t: Any, error: Any, says: str) -> None:
    for z in (x, Tensor(x, requires_grad=True)):
        with pytest.raises(error, match=says):
            f(z, np.array(t))


def test_a_mean_of_nothing_is_nan_with_a_warning_as_in_numpy() -> None:
    with pytest.warns(RuntimeWarning):
        assert np.isnan(tg.cross_entropy(x, np.full(4, -100)))


def test_targets_are_inputs_of_a_trace() -> None:
    t = np.array([0, -100, 1, 2])
    tape = trace(lambda x, t: tg.cross_entropy(x, t, np.array([1.0, 2.0, 3.0])), x, t)
    moved = np.array([-100, 1, 1, -100])
    np.testing.assert_allclose(
        tape(x * 2, moved), tg.cross_entropy(x * 2, moved, np.array([1.0, 2.0, 3.0])), rtol=1e-14
    )
    tape = trace(tg.cross_entropy, x, target)
    np.testing.assert_allclose(tape(x, moved), tg.cross_entropy(x, moved), rtol=1e-14)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("weight", [None, np.array([1, 2, 3])], ids=["even", "weighted"])
def test_class_numbers_and_weights_do_not_widen(dtype: Any, weight: Any) -> None:
    z = x.astype(dtype)
    w = None if weight is None else weight.astype(dtype)
    for t in (target, np.array([0, -100, 1, 2], np.int8)):
        for f in (tg.cross_entropy, tg.nll_loss):
            y, y_dot = jvp(lambda z, f=f, t=t: f(z, t, w), (z,), (np.ones_like(z),))
            assert y.dtype == y_dot.dtype == dtype
            assert trace(lambda z, t, f=f: f(z, t, w), z, t).outputs[0].dtype == dtype
    for f in (tg.mse, tg.huber, tg.l1_loss, tg.binary_cross_entropy_with_logits):
        assert f(z, hot.astype(dtype)).dtype == dtype


def test_cross_entropy_in_float16_sums_in_float32() -> None:
    z = np.zeros((1, 70_000), np.float16)
    np.testing.assert_allclose(float(tg.cross_entropy(z, np.array([3]))), math.log(70_000), rtol=1e-3)
