"""The simple recurrent net and the LSTM: memory, time, and what they write."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest

from models import descend, lstm, simple_rnn

NETS = [simple_rnn, lstm]
nets = pytest.mark.parametrize("net", NETS, ids=lambda net: net.__name__.split(".")[1])


def small(net: ModuleType, rng: np.random.Generator, symbols: int) -> dict[str, np.ndarray]:
    sizes = (symbols, 10) if net is simple_rnn else (symbols, 5, 10)
    params: dict[str, np.ndarray] = net.init(rng, *sizes)
    return params


@nets
def test_nothing_is_seen_of_what_comes_later_and_nothing_is_forgotten_at_once(net: ModuleType) -> None:
    rng = np.random.default_rng(0)
    params, x = small(net, rng, 4), rng.integers(4, size=(1, 6))
    logits = net.forward(params, x)["logits"]
    for t in range(6):
        other = x.copy()
        other[0, t] = (x[0, t] + 1) % 4
        moved = np.any(net.forward(params, other)["logits"] != logits, axis=2)[0]
        assert not moved[:t].any()
        assert moved[t:].all()


@nets
def test_the_derivative_by_a_state_counts_the_later_steps_too(net: ModuleType) -> None:
    rng = np.random.default_rng(0)
    params, (x, y) = small(net, rng, 4), rng.integers(4, size=(2, 3, 5))
    g = net.manual_gradients(params, x, y)
    np.testing.assert_array_equal(g["h[4]"], g["states"][:, 4])  # nothing comes after the last
    for t in range(4):
        assert np.abs(g[f"h[{t}]"] - g["states"][:, t]).max() > 1e-4


@nets
def test_it_learns_a_sequence_and_writes_it_on(net: ModuleType) -> None:
    """After 1 comes 2 or 3, and which one, only what stood before it tells."""
    rng = np.random.default_rng(0)
    params, text = small(net, rng, 4), np.tile([0, 1, 2, 1, 3, 1], 4)
    starts = np.arange(6)
    x = text[starts[:, None] + np.arange(12)]
    y = text[starts[:, None] + np.arange(1, 13)]
    for _ in descend(net, params, x, y, epochs=300, rate=0.7, by="hand"):
        pass
    assert net.generate(params, rng, [0, 1, 2], 9, temperature=0) == [1, 3, 1, 0, 1, 2, 1, 3, 1]
    assert net.generate(params, rng, [3, 1], 0) == []


@nets
def test_what_it_writes_is_what_forward_finds_likeliest(net: ModuleType) -> None:
    rng = np.random.default_rng(3)
    params, start = small(net, rng, 7), [2, 5, 1]
    written = net.generate(params, rng, start, 10, temperature=0)
    logits = net.forward(params, np.array([start + written]))["logits"][0]
    assert written == logits[2:-1].argmax(axis=1).tolist()


@nets
def test_the_same_generator_writes_the_same(net: ModuleType) -> None:
    params = small(net, np.random.default_rng(0), 5)
    first, again, other = (net.generate(params, np.random.default_rng(seed), [0], 40) for seed in (1, 1, 2))
    assert first == again
    assert first != other
    assert set(first) <= set(range(5))


@nets
def test_generating_needs_a_start(net: ModuleType) -> None:
    with pytest.raises(ValueError, match="a start of one symbol or more"):
        net.generate(small(net, np.random.default_rng(0), 3), np.random.default_rng(0), [], 3)


def test_with_f_at_1_and_i_at_0_the_memory_carries_its_gradient_unchanged() -> None:
    rng = np.random.default_rng(0)
    params, (x, y) = small(lstm, rng, 4), rng.integers(4, size=(2, 3, 6))
    hidden = len(params["wh"])
    params["wx"], params["wh"] = (p * np.repeat([0.0, 0.0, 1.0, 1.0], hidden) for p in (params["wx"], params["wh"]))
    params["b"][: 2 * hidden] = np.repeat([-40.0, 40.0], hidden)  # nothing written, all kept
    g = lstm.manual_gradients(params, x, y)
    total = sum(g[f"s[{t}]"] for t in range(6))  # c stays 0, where tanh' is 1
    np.testing.assert_allclose(g["c[0]"], total, rtol=1e-12)
