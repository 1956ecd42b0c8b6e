"""What several nets share."""

from __future__ import annotations

import numpy as np
import pytest

from models._shared import different_sizes, draw, one_hot, softmax


def test_softmax_does_not_overflow() -> None:
    np.testing.assert_allclose(softmax(np.array([[1000.0, 1000.0], [0.0, np.log(3)]])), [[0.5, 0.5], [0.25, 0.75]])


def test_one_hot_has_the_classes_and_the_dtype_of_what_it_is_taken_from() -> None:
    hot = one_hot(np.array([[2, 0]]), np.zeros((1, 2, 3), np.float32))
    assert hot.tolist() == [[[0, 0, 1], [1, 0, 0]]]
    assert hot.dtype == np.float32


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_draw_has_the_odds_of_the_softmax(temperature: float) -> None:
    rng, logits = np.random.default_rng(0), np.array([0.0, 1.0, -1.0, 0.5])
    count = np.bincount([draw(logits, rng, temperature) for _ in range(4000)], minlength=4)
    np.testing.assert_allclose(count / 4000, softmax(logits / temperature), atol=0.03)


def test_draw_without_temperature_takes_the_likeliest() -> None:
    rng = np.random.default_rng(0)
    assert {draw(np.array([0.0, 0.01, -1.0], np.float32), rng, 0) for _ in range(100)} == {1}


def test_sizes_differ() -> None:
    rng = np.random.default_rng(0)
    for _ in range(100):
        sizes = different_sizes(rng, 4, low=2, high=6)
        assert len(set(sizes)) == 4
        assert set(sizes) <= set(range(2, 7))
