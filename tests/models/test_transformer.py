"""The transformer: what it may look at, and what it makes of it."""

from __future__ import annotations

import numpy as np
import pytest

from models import descend, transformer
from models.transformer import forward, generate, init, manual_gradients
from tinygrad_np import layer_norm, scaled_dot_product_attention

PARAMS, X, Y = transformer.example(np.random.default_rng(1))


def test_nothing_is_seen_of_what_comes_later() -> None:
    rng = np.random.default_rng(0)
    params = init(rng, 5, 6, 8, 2, 4, 7)
    x = rng.integers(5, size=(1, 6))
    logits = forward(params, x)["logits"]
    for t in range(6):
        other = x.copy()
        other[0, t] = (x[0, t] + 1) % 5
        moved = np.any(forward(params, other)["logits"] != logits, axis=2)[0]
        assert not moved[:t].any()
        assert moved[t:].all()


def test_the_order_of_what_came_before_is_seen_by_its_places_alone() -> None:
    params = init(np.random.default_rng(0), 5, 6, 8, 2, 4, 7)
    blind = params | {"pos": np.zeros_like(params["pos"])}
    last, last_blind = (forward(p, np.array([[0, 1, 2, 4], [2, 0, 1, 4]]))["logits"][:, -1] for p in (params, blind))
    assert np.abs(last[0] - last[1]).max() > 1e-3
    np.testing.assert_allclose(last_blind[0], last_blind[1], rtol=1e-12)


def test_its_parts_are_the_ops() -> None:
    values = forward(PARAMS, X)
    theirs = scaled_dot_product_attention(values["q"], values["k"], values["v"], is_causal=True)
    np.testing.assert_allclose(values["mixed"], theirs, rtol=1e-12)
    width = values["z1"].shape[1]
    normed = layer_norm(values["z1"], width, PARAMS["gain1"], PARAMS["bias1"], transformer.EPS)
    np.testing.assert_allclose(values["n1"], normed, rtol=1e-12)


def test_places_that_were_not_reached_get_no_gradient() -> None:
    rng = np.random.default_rng(0)
    params = init(rng, 5, 6, 8, 2, 4, 7)
    x, y = rng.integers(5, size=(2, 3, 4))
    g = manual_gradients(params, x, y)
    assert g["pos"][:4].any(axis=1).all()
    assert not g["pos"][4:].any()
    assert not g["scores"][..., ~np.tri(4, dtype=bool)].any()


def test_a_sequence_that_is_too_long_is_refused() -> None:
    steps = len(PARAMS["pos"])
    with pytest.raises(ValueError, match=f"{steps + 1} steps, and pos has rows for {steps}"):
        forward(PARAMS, np.zeros((1, steps + 1), int))


def test_it_learns_what_stood_two_steps_before() -> None:
    """The next symbol is the one two steps back, which the present one does not tell."""
    rng = np.random.default_rng(0)
    text = np.tile(np.indices((4, 4)).reshape(2, 16).T, 5)[:, :9]
    x, y = text[:, :-1], text[:, 1:]
    params = init(rng, 4, 16, 12, 2, 6, 16)
    for _ in descend(transformer, params, x, y, epochs=400, rate=0.1, by="hand"):
        pass
    found = forward(params, x)["logits"].argmax(axis=2)
    assert np.mean(found[:, 1:] == y[:, 1:]) >= 0.95
    for a, b in ((0, 1), (3, 1), (2, 2)):
        assert generate(params, rng, [a, b], 6, temperature=0) == [a, b] * 3
    assert len(generate(params, rng, [0, 1], 30)) == 30  # on, beyond the places it has


def test_generating_needs_a_start() -> None:
    with pytest.raises(ValueError, match="a start of one symbol or more"):
        generate(PARAMS, np.random.default_rng(0), [], 3)
