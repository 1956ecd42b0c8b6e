"""The softmax classifier in steps and fused."""

from __future__ import annotations

import numpy as np
import pytest

from models import by_hand, by_tape, softmax_classifier
from tinygrad_np import compare, cross_entropy


@pytest.mark.parametrize("seed", range(5))
def test_in_steps_and_fused_are_the_same(seed: int) -> None:
    params, x, y = softmax_classifier.example(np.random.default_rng(seed))
    for by in (by_hand, by_tape):
        error, fused = by(softmax_classifier, params, x, y)
        error_in_steps, in_steps = by(softmax_classifier, params, x, y, fused=False)
        assert error == pytest.approx(error_in_steps, rel=1e-14)
        assert set(in_steps) == {*fused, "p"}
        for name, g in fused.items():
            np.testing.assert_allclose(g, in_steps[name], rtol=1e-12, atol=1e-15)


def test_the_error_is_the_cross_entropy() -> None:
    params, x, y = softmax_classifier.example(np.random.default_rng(0))
    logits = softmax_classifier.forward(params, x)["logits"]
    assert softmax_classifier.loss(params, x, y) == pytest.approx(cross_entropy(logits, y))


def test_fused_it_is_right_where_the_steps_fail() -> None:
    params = {"w": np.eye(2), "b": np.zeros(2)}
    x, y = np.array([[800.0, 0.0], [0.0, 0.0]]), np.array([1, 0])
    error, manual = by_hand(softmax_classifier, params, x, y)
    assert error == pytest.approx((800 + np.log(2)) / 2)
    assert manual["logits"].tolist() == [[0.5, -0.5], [-0.25, 0.25]]
    assert compare(manual, by_tape(softmax_classifier, params, x, y)[1]).ok
    with np.errstate(all="ignore"):
        error, manual = by_hand(softmax_classifier, params, x, y, fused=False)
    assert not np.isfinite(error)
    assert not np.isfinite(manual["logits"]).all()
