"""Attention: what it looks at, and what it cannot see."""

from __future__ import annotations

import numpy as np

from models import attention, descend
from models.attention import forward, init
from tinygrad_np import scaled_dot_product_attention

PARAMS, X, Y = attention.example(np.random.default_rng(0))


def test_it_is_the_op() -> None:
    values = forward(PARAMS, X)
    theirs = scaled_dot_product_attention(values["q"], values["k"], values["v"])
    np.testing.assert_allclose(values["mixed"], theirs, rtol=1e-12)


def test_without_places_the_order_of_the_steps_is_not_seen() -> None:
    order = np.random.default_rng(1).permutation(X.shape[1])
    assert not np.array_equal(order, np.arange(len(order)))
    blind = PARAMS | {"pos": np.zeros_like(PARAMS["pos"])}
    np.testing.assert_allclose(forward(blind, X)["logits"], forward(blind, X[:, order])["logits"])
    assert not np.allclose(forward(PARAMS, X)["logits"], forward(PARAMS, X[:, order])["logits"])


def test_scores_do_not_feel_a_number_added_to_a_row() -> None:
    g = attention.manual_gradients(PARAMS, X, Y)["scores"]
    assert np.abs(g).max() > 1e-6
    np.testing.assert_allclose(g.sum(axis=2), 0, atol=1e-16)


def test_it_learns_to_find_the_one_step_that_counts() -> None:
    """One step of five carries a mark and the answer; the others carry answers that mean nothing."""
    rng = np.random.default_rng(0)
    x, y = np.zeros((120, 5, 2)), rng.integers(2, size=120)
    x[:, :, 1] = rng.choice([-1, 1], size=(120, 5))
    marked = rng.integers(5, size=120)
    x[np.arange(120), marked] = np.stack([np.ones(120), 2 * y - 1], axis=1)
    params = init(rng, 5, 2, 8, 4, 3, 2)
    for _ in descend(attention, params, x[:90], y[:90], epochs=600, rate=0.3, by="hand"):
        pass
    looking, blind = (
        np.mean(forward(p, x[90:])["logits"].argmax(axis=1) == y[90:])
        for p in (params, params | {"wq": np.zeros_like(params["wq"])})  # all steps heard alike
    )
    assert looking >= 0.95
    assert blind < 0.85
