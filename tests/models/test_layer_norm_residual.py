"""Layer norm beside a path that changes nothing."""

from __future__ import annotations

import numpy as np

from models import layer_norm_residual
from models.layer_norm_residual import EPS, forward, manual_gradients
from tinygrad_np import layer_norm

PARAMS, X, Y = layer_norm_residual.example(np.random.default_rng(3))
PARAMS = {name: p + np.random.default_rng(4).normal(size=p.shape) for name, p in PARAMS.items()}


def test_the_norm_is_the_op() -> None:
    values = forward(PARAMS, X)
    theirs = layer_norm(values["h"], values["h"].shape[1:], PARAMS["gamma"], PARAMS["beta"], eps=EPS)
    np.testing.assert_allclose(values["normed"], theirs, rtol=1e-12)


def test_each_sample_is_on_its_own() -> None:
    together = forward(PARAMS, X)["logits"]
    for i in range(len(X)):
        np.testing.assert_allclose(forward(PARAMS, X[i : i + 1])["logits"][0], together[i])


def test_a_branch_of_zeros_lets_the_gradient_through_whole() -> None:
    params = PARAMS | {"w3": np.zeros_like(PARAMS["w3"])}
    grads = manual_gradients(params, X, Y)
    np.testing.assert_array_equal(grads["h"], grads["out"])
    assert not grads["w2"].any()
    assert grads["w3"].any()
