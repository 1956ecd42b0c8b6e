"""The masks of dropout."""

from __future__ import annotations

import numpy as np
import pytest

from models import dropout_mlp
from models.dropout_mlp import forward

PARAMS, X, Y = dropout_mlp.example(np.random.default_rng(3))


@pytest.mark.parametrize("drop", [0.0, 0.3, 0.5])
def test_what_is_not_dropped_makes_up_for_what_is(drop: float) -> None:
    rng = np.random.default_rng(0)
    masks = np.stack([forward(PARAMS, X, rng=rng, drop=drop)["mask"] for _ in range(2000)])
    assert set(np.unique(masks)) == ({0, 1 / (1 - drop)} if drop else {1})
    np.testing.assert_allclose(masks.mean(axis=0), 1, atol=0.12)  # five deviations, each entry by itself


def test_in_evaluation_nothing_is_dropped() -> None:
    values = forward(PARAMS, X)
    np.testing.assert_array_equal(values["dropped"], values["h_relu"])
    assert values["mask"].all()


def test_what_is_dropped_learns_nothing() -> None:
    values = forward(PARAMS, X, rng=np.random.default_rng(0))
    grads = dropout_mlp.manual_gradients(PARAMS, X, Y, values)
    dropped = values["mask"] == 0
    assert 0 < dropped.sum() < dropped.size
    assert not grads["h"][dropped].any()
    assert grads["h"][~dropped].any()


@pytest.mark.parametrize("drop", [-0.1, 1.0, 50])
def test_drop_is_a_probability_below_1(drop: float) -> None:
    with pytest.raises(ValueError, match=f"below 1; got {drop}"):
        forward(PARAMS, X, rng=np.random.default_rng(0), drop=drop)
