"""Nets of any depth."""

from __future__ import annotations

import numpy as np
import pytest

from models import by_hand, deep_mlp, softmax_classifier


def test_without_a_hidden_layer_it_is_the_softmax_classifier() -> None:
    params, x, y = softmax_classifier.example(np.random.default_rng(0))
    error, grads = by_hand(deep_mlp, {"w1": params["w"], "b1": params["b"]}, x, y)
    expected_error, expected = by_hand(softmax_classifier, params, x, y)
    assert error == pytest.approx(expected_error)
    for ours, theirs in (("logits", "logits"), ("w1", "w"), ("b1", "b")):
        np.testing.assert_allclose(grads[ours], expected[theirs], rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("activation", ["tanh", "sigmoid"])
def test_ten_layers_are_derived_as_two_are(activation: str) -> None:
    rng = np.random.default_rng(0)
    params, x, y = deep_mlp.init(rng, 3, *range(4, 13), 2), rng.normal(size=(5, 3)), np.array([0, 1, 1, 0, 1])
    values = deep_mlp.forward(params, x, activation=activation)
    assert len(values) == 2 * 9 + 1
    assert len(deep_mlp.manual_gradients(params, x, y, values)) == 2 * 9 + 1 + 2 * 10


def test_a_net_has_an_input_and_an_output() -> None:
    with pytest.raises(ValueError, match=r"init\(rng, n_in, ..., n_out\); got \(3,\)"):
        deep_mlp.init(np.random.default_rng(0), 3)


def test_another_activation_is_refused() -> None:
    params, x, _ = deep_mlp.example(np.random.default_rng(0))
    with pytest.raises(ValueError, match="'tanh' or 'sigmoid'; got 'relu'"):
        deep_mlp.forward(params, x, activation="relu")
