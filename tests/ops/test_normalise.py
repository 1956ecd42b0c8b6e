"""Normalisations: the running statistics, groups of equal numbers, and the vector norms at 0."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np import Tensor, grad, jvp, trace

rng = np.random.default_rng(0)


def standard(x: Any, axes: Any, eps: float = 1e-5) -> Any:
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + eps)


# Which axes go together

X = rng.normal(size=(4, 6, 2, 3)) * 3 + 5
OVER = {
    "batch_norm": (lambda x: tg.batch_norm(x, None, None, training=True), (0, 2, 3)),
    "instance_norm": (tg.instance_norm, (2, 3)),
    "layer_norm, last": (lambda x: tg.layer_norm(x, (3,)), (3,)),
    "layer_norm, int": (lambda x: tg.layer_norm(x, 3), (3,)),
    "layer_norm, three": (lambda x: tg.layer_norm(x, [6, 2, 3]), (1, 2, 3)),
    "group_norm, one": (lambda x: tg.group_norm(x, 1), (1, 2, 3)),
    "group_norm, six": (lambda x: tg.group_norm(x, 6), (2, 3)),
}


@pytest.mark.parametrize("name", OVER)
def test_axes(name: str) -> None:
    f, axes = OVER[name]
    np.testing.assert_allclose(f(X), standard(X, axes), rtol=1e-12)
    g = rng.normal(size=X.shape)
    got = grad(lambda x: np.sum(f(x) * g))(X)
    y, r = standard(X, axes), 1 / np.sqrt(X.var(axes, keepdims=True) + 1e-5)
    mean = lambda v: v.mean(axes, keepdims=True)
    np.testing.assert_allclose(got, r * (g - mean(g) - y * mean(g * y)), rtol=1e-10, atol=1e-13)


def test_group_norm_of_two_groups() -> None:
    expected = np.concatenate([standard(X[:, :3], (1, 2, 3)), standard(X[:, 3:], (1, 2, 3))], axis=1)
    np.testing.assert_allclose(tg.group_norm(X, 2), expected, rtol=1e-12)


def test_rms_norm() -> None:
    x, w = X[0, 0], np.array([1.0, 2.0, 3.0])
    expected = x / np.sqrt((x**2).mean(-1, keepdims=True) + np.finfo(float).eps)
    np.testing.assert_allclose(tg.rms_norm(x, 3), expected, rtol=1e-14)
    expected = x / np.sqrt((x**2).mean(-1, keepdims=True) + 0.5) * w
    np.testing.assert_allclose(tg.rms_norm(x, (3,), w, 0.5), expected, rtol=1e-14)


@pytest.mark.parametrize("name", ["batch_norm", "instance_norm", "group_norm", "layer_norm"])
def test_weight_and_bias(name: str) -> None:
    """They go along the channels, or along what layer_norm normalises."""
    calls: dict[str, Any] = {
        "batch_norm": lambda w, b: tg.batch_norm(X, None, None, w, b, training=True),
        "instance_norm": lambda w, b: tg.instance_norm(X, None, None, w, b),
        "group_norm": lambda w, b: tg.group_norm(X, 2, w, b),
        "layer_norm": lambda w, b: tg.layer_norm(X, (2, 3), w, b),
    }
    shape = (2, 3) if name == "layer_norm" else (6, 1, 1)
    w, b = rng.normal(size=shape), rng.normal(size=shape)
    given = (w, b) if name == "layer_norm" else (w.ravel(), b.ravel())
    plain = calls[name](None, None)
    np.testing.assert_allclose(calls[name](*given), plain * w + b, rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(calls[name](None, given[1]), plain + b, rtol=1e-13, atol=1e-13)
    g = rng.normal(size=X.shape)
    got = grad(lambda w, b: np.sum(calls[name](w, b) * g), argnums=(0, 1))(*given)
    lead = (0, 1) if name == "layer_norm" else (0, 2, 3)
    np.testing.assert_allclose(got[0], (g * plain).sum(lead), rtol=1e-11)
    np.testing.assert_allclose(got[1], g.sum(lead), rtol=1e-11)


# Running statistics


@pytest.mark.parametrize("kind", [np.ndarray, Tensor])
def test_batch_norm_updates_its_running_statistics(kind: Any) -> None:
    mean, variance = rng.normal(size=6), rng.uniform(1, 2, 6)
    before = mean.copy(), variance.copy()
    held = (mean, variance) if kind is np.ndarray else (Tensor(mean), Tensor(variance))
    x = Tensor(X, requires_grad=True)
    y = tg.batch_norm(x, *held, training=True, momentum=0.3)
    after = held if kind is np.ndarray else tuple(h.data for h in held)
    np.testing.assert_allclose(after[0], 0.7 * before[0] + 0.3 * X.mean((0, 2, 3)), rtol=1e-12)
    np.testing.assert_allclose(after[1], 0.7 * before[1] + 0.3 * X.var((0, 2, 3), ddof=1), rtol=1e-12)
    np.testing.assert_allclose(y.data, standard(X, (0, 2, 3)), rtol=1e-12)


def test_instance_norm_updates_its_running_statistics_by_means_over_samples() -> None:
    mean, variance = np.zeros(6), np.ones(6)
    tg.instance_norm(X, mean, variance, momentum=0.5)
    np.testing.assert_allclose(mean, 0.5 * X.mean((2, 3)).mean(0), rtol=1e-12)
    np.testing.assert_allclose(variance, 0.5 + 0.5 * X.var((2, 3), ddof=1).mean(0), rtol=1e-12)


@pytest.mark.parametrize("f", [tg.batch_norm, lambda *a: tg.instance_norm(*a, use_input_stats=False)])
def test_by_running_statistics(f: Any) -> None:
    mean, variance, w, b = rng.normal(size=6), rng.uniform(1, 2, 6), rng.normal(size=6), rng.normal(size=6)
    kept = mean.copy(), variance.copy()
    shape = (6, 1, 1)
    plain = (X - mean.reshape(shape)) / np.sqrt(variance.reshape(shape) + 1e-5)
    np.testing.assert_allclose(f(X, mean, variance), plain, rtol=1e-12)
    np.testing.assert_allclose(f(X, mean, variance, w, b), plain * w.reshape(shape) + b.reshape(shape), rtol=1e-11)
    got = grad(lambda x: np.sum(f(x, mean, variance)))(X)
    np.testing.assert_allclose(got, np.broadcast_to(1 / np.sqrt(variance + 1e-5).reshape(shape), X.shape), rtol=1e-12)
    np.testing.assert_array_equal((mean, variance), kept)


def test_running_statistics_keep_their_dtype() -> None:
    mean, variance = np.zeros(6, np.float32), np.ones(6, np.float32)
    y = tg.batch_norm(X.astype(np.float32), mean, variance, training=True)
    assert y.dtype == mean.dtype == np.float32
    np.testing.assert_allclose(mean, 0.1 * X.mean((0, 2, 3)), rtol=1e-5)


def test_a_trace_says_that_statistics_left_it() -> None:
    tape = trace(lambda x: tg.batch_norm(x, np.zeros(6), np.ones(6), training=True), X)
    assert {what for _, what in tape.reads} == {"running statistics"}
    assert not trace(lambda x: tg.batch_norm(x, None, None, training=True), X).reads


# Where there is nothing to normalise


def test_equal_numbers_give_0_and_a_gradient_that_is_finite() -> None:
    x = np.full((2, 4), 3.0)
    np.testing.assert_array_equal(tg.layer_norm(x, 4), np.zeros((2, 4)))
    got = grad(lambda x: np.sum(tg.layer_norm(x, 4) * np.arange(4.0)))(x)
    np.testing.assert_allclose(got, np.tile((np.arange(4) - 1.5) / np.sqrt(1e-5), (2, 1)))


@pytest.mark.parametrize(
    ("f", "says"),
    [
        (lambda: tg.batch_norm(np.ones((1, 3)), None, None, training=True), "more than one value a channel"),
        (lambda: tg.instance_norm(np.ones((2, 3, 1))), "more than one value a channel and sample"),
        (lambda: tg.batch_norm(X, None, None), "needs training=True"),
        (lambda: tg.instance_norm(X, use_input_stats=False), "needs use_input_stats=True"),
        (lambda: tg.layer_norm(X, (6,)), r"does not end in normalized_shape \(6,\)"),
        (lambda: tg.layer_norm(X, ()), "does not end in normalized_shape"),
        (lambda: tg.rms_norm(X, (1, 3)), "does not end in normalized_shape"),
        (lambda: tg.group_norm(X, 4), "6 channels do not make 4 equal groups"),
    ],
)
def test_what_cannot_be_normalised(f: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        f()


def test_float16_sums_in_float32() -> None:
    x = (rng.normal(size=(2, 5000)) + 20).astype(np.float16)
    y, y_dot = jvp(lambda x: tg.layer_norm(x, 5000), (x,), (np.ones_like(x),))
    assert y.dtype == y_dot.dtype == np.float16
    np.testing.assert_allclose(y.astype(float), standard(x.astype(float), 1), atol=2e-2)


# Vectors


@pytest.mark.parametrize("p", [1.0, 2.0, 3.0, np.inf])
@pytest.mark.parametrize("axis", [0, 1])
def test_normalize(p: float, axis: int) -> None:
    x = rng.normal(size=(3, 4))
    np.testing.assert_allclose(tg.normalize(x, p, axis), x / np.linalg.norm(x, p, axis, keepdims=True), rtol=1e-14)


def test_normalize_of_0() -> None:
    x = np.zeros((1, 3))
    np.testing.assert_array_equal(tg.normalize(x), x)
    np.testing.assert_allclose(grad(lambda x: np.sum(tg.normalize(x, eps=0.5)))(x), np.full((1, 3), 2.0))


def test_cosine_similarity() -> None:
    a, b = rng.normal(size=(2, 3, 4)), rng.normal(size=(3, 4))
    expected = (a * b).sum(-1) / np.linalg.norm(a, axis=-1) / np.linalg.norm(b, axis=-1)
    np.testing.assert_allclose(tg.cosine_similarity(a, b, -1), expected, rtol=1e-13)
    got = grad(lambda a: np.sum(tg.cosine_similarity(a, b, -1)))(a)
    np.testing.assert_allclose((got * a).sum(-1), np.zeros((2, 3)), atol=1e-15)  # longer is not more alike
    zero = np.zeros((1, 3))
    assert tg.cosine_similarity(zero, zero + 1).tolist() == [0]
    assert np.isfinite(grad(lambda z: np.sum(tg.cosine_similarity(z, zero + 1)))(zero)).all()
