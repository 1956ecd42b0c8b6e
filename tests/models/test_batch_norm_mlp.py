"""Batch norm in training and in evaluation, and the statistics between the two."""

from __future__ import annotations

import numpy as np
import pytest

from models import batch_norm_mlp, descend, watched
from models.batch_norm_mlp import EPS, forward, manual_gradients, running
from tinygrad_np import batch_norm

PARAMS, X, Y = batch_norm_mlp.example(np.random.default_rng(3))
PARAMS = {name: p + np.random.default_rng(4).normal(size=p.shape) for name, p in PARAMS.items()}


def test_it_is_the_op_in_training_and_in_evaluation() -> None:
    mean, variance = np.zeros(PARAMS["beta"].shape), np.ones(PARAMS["beta"].shape)
    ours = {"mean": mean.copy(), "variance": variance.copy()}  # the op writes into its own
    for seed in range(3):
        x = X + np.random.default_rng(seed).normal(size=X.shape)
        values = forward(PARAMS, x)
        theirs = batch_norm(values["h"], mean, variance, PARAMS["gamma"], PARAMS["beta"], training=True, eps=EPS)
        np.testing.assert_allclose(values["z"], theirs, rtol=1e-12)
        ours = running(values, ours)
        np.testing.assert_allclose(ours["mean"], mean, rtol=1e-12)
        np.testing.assert_allclose(ours["variance"], variance, rtol=1e-12)
    values = forward(PARAMS, X, statistics=ours)
    theirs = batch_norm(values["h"], mean, variance, PARAMS["gamma"], PARAMS["beta"], eps=EPS)
    np.testing.assert_allclose(values["z"], theirs, rtol=1e-12)


def test_the_steps_in_one_are_the_formula_of_the_books() -> None:
    values, grads = forward(PARAMS, X), manual_gradients(PARAMS, X, Y)
    g, h_hat = grads["h_hat"], values["h_hat"]
    in_one = (g - g.mean(axis=0) - h_hat * (g * h_hat).mean(axis=0)) / values["deviation"]
    np.testing.assert_allclose(grads["h"], in_one, rtol=1e-10, atol=1e-14)


def test_shifting_and_scaling_a_column_of_h_changes_nothing() -> None:
    grads, values = manual_gradients(PARAMS, X, Y), forward(PARAMS, X)
    np.testing.assert_allclose(grads["h"].sum(axis=0), 0, atol=1e-14)
    np.testing.assert_allclose((grads["h"] * values["h_hat"]).sum(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(forward(PARAMS | {"w1": 9 * PARAMS["w1"]}, X)["logits"], values["logits"], atol=1e-3)


def test_in_evaluation_a_sample_does_not_depend_on_those_beside_it() -> None:
    statistics = running(forward(PARAMS, X))
    together = forward(PARAMS, X, statistics=statistics)["logits"]
    for i in range(len(X)):
        np.testing.assert_allclose(forward(PARAMS, X[i : i + 1], statistics=statistics)["logits"][0], together[i])
    assert not np.allclose(forward(PARAMS, X[:3])["logits"], forward(PARAMS, X)["logits"][:3])


def test_statistics_are_plain_arrays_that_follow_the_training() -> None:
    from_tape = running(forward(watched(PARAMS), X))
    for name, s in running(forward(PARAMS, X)).items():
        assert type(from_tape[name]) is np.ndarray
        np.testing.assert_array_equal(from_tape[name], s)
    statistics, params = None, {name: p.copy() for name, p in PARAMS.items()}
    for step in descend(batch_norm_mlp, params, X, Y, epochs=200, rate=0.01):
        statistics = running(step.values, statistics)
    assert statistics is not None
    trained = forward(params, X)
    n = len(X)
    np.testing.assert_allclose(statistics["mean"], trained["mean"], atol=0.05)
    np.testing.assert_allclose(statistics["variance"], trained["variance"] * n / (n - 1), rtol=0.05)


def test_one_sample_has_no_variance() -> None:
    with pytest.raises(ValueError, match="two samples or more"):
        forward(PARAMS, X[:1])
