"""Averaged words: padding, repetitions, order."""

from __future__ import annotations

import numpy as np

from models import by_hand, by_tape, descend, word_average
from models.word_average import PADDING, forward, init, manual_gradients
from tinygrad_np import compare

PARAMS = init(np.random.default_rng(0), 6, 4, 3)


def test_padding_counts_for_nothing() -> None:
    short, padded = np.array([[3, 1, 5]]), np.array([[3, 1, 5, PADDING, PADDING]])
    a, b = forward(PARAMS, short), forward(PARAMS, padded)
    np.testing.assert_allclose(a["logits"], b["logits"])
    g_short, g_padded = (manual_gradients(PARAMS, x, np.array([2])) for x in (short, padded))
    np.testing.assert_allclose(g_short["embed"], g_padded["embed"])
    assert not g_padded["embed"][PADDING].any()
    assert not g_padded["found"][0, 3:].any()


def test_a_word_that_stands_three_times_is_felt_three_times() -> None:
    x, y = np.array([[2, 4, 2, 2]]), np.array([0])
    g = manual_gradients(PARAMS, x, y)
    np.testing.assert_allclose(g["embed"][2], 3 * g["embed"][4])
    assert g["embed"][4].any()


def test_a_sentence_without_words_gives_the_biases() -> None:
    x, y = np.full((1, 3), PADDING), np.array([1])
    params = PARAMS | {"b": np.array([1.0, 2.0, 3.0])}
    np.testing.assert_array_equal(forward(params, x)["logits"], [[1, 2, 3]])
    manual, auto = (by(word_average, params, x, y)[1] for by in (by_hand, by_tape))
    assert compare(manual, auto).ok
    assert not manual["embed"].any()


def test_it_learns_which_words_matter() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.integers(3, 12, size=(80, 7)), rng.integers(2, size=80)
    x[np.arange(80), rng.integers(7, size=80)] = 1 + y  # one word in seven tells, wherever it stands
    params = init(rng, 12, 3, 2)
    for _ in descend(word_average, params, x[:60], y[:60], epochs=400, rate=2.0, by="hand"):
        pass
    assert np.mean(forward(params, x[60:])["logits"].argmax(axis=1) == y[60:]) >= 0.95
