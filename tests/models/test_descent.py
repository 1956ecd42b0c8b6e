"""Gradients by hand and by tape of one forward pass, and descent with them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from models import by_hand, by_tape, descend, dropout_mlp, plain, two_layer, watched
from tinygrad_np import Tensor


def copied(params: dict[str, Any]) -> dict[str, Any]:
    return {name: p.copy() for name, p in params.items()}


def wrong(comparison: Any) -> set[str]:
    return {row.name for row in comparison.rows if row.verdict not in ("exact", "rounding")}


@pytest.mark.parametrize("by", ["hand", "tape", "both"])
def test_a_step_reports_what_was_before_its_update(by: Any) -> None:
    params, x, y = two_layer.example(np.random.default_rng(0))
    start = copied(params)
    (step,) = descend(two_layer, params, x, y, epochs=1, rate=0.01, by=by)
    assert step.epoch == 1
    assert step.error == pytest.approx(two_layer.loss(start, x, y))
    assert (step.comparison is not None) == (by == "both")
    for name, p in params.items():
        np.testing.assert_allclose(p, start[name] - 0.01 * step.gradients[name], rtol=1e-15)
    for name, value in two_layer.forward(start, x).items():
        assert type(step.values[name]) is np.ndarray
        np.testing.assert_array_equal(step.values[name], value)


def test_a_wrong_derivation_is_reported_and_training_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    right = two_layer.manual_gradients
    monkeypatch.setattr(two_layer, "manual_gradients", lambda *a: right(*a) | {"w2": 2 * right(*a)["w2"]})
    params, x, y = two_layer.example(np.random.default_rng(0))
    for step in descend(two_layer, params, x, y, epochs=3, rate=0.001, by="both"):
        assert wrong(step.comparison) == {"w2"}


@pytest.mark.parametrize("by", ["hand", "tape", "both"])
def test_forward_is_called_once_a_step_with_the_keywords(by: Any) -> None:
    params, x, y = dropout_mlp.example(np.random.default_rng(0))
    again = np.random.default_rng(1)
    for step in descend(dropout_mlp, params, x, y, epochs=5, rate=0.1, by=by, rng=np.random.default_rng(1), drop=0.2):
        np.testing.assert_array_equal(step.values["mask"], (again.random(step.values["mask"].shape) >= 0.2) / 0.8)


def test_both_sides_see_the_same_masks(monkeypatch: pytest.MonkeyPatch) -> None:
    params, x, y = dropout_mlp.example(np.random.default_rng(0))
    (step,) = descend(dropout_mlp, params, x, y, epochs=1, rate=0, by="both", rng=np.random.default_rng(1))
    assert step.comparison is not None
    assert step.comparison.ok
    assert {"h_relu", "w1"} <= {row.name for row in step.comparison.rows}

    right = dropout_mlp.manual_gradients

    def with_masks_of_its_own(params: Any, x: Any, y: Any, _values: Any) -> Any:
        return right(params, x, y, dropout_mlp.forward(params, x, rng=np.random.default_rng(2)))

    monkeypatch.setattr(dropout_mlp, "manual_gradients", with_masks_of_its_own)
    (step,) = descend(dropout_mlp, params, x, y, epochs=1, rate=0, by="both", rng=np.random.default_rng(1))
    assert "w1" in wrong(step.comparison)


def test_what_has_no_gradient_is_left_out() -> None:
    params, x, y = dropout_mlp.example(np.random.default_rng(0))
    leaves = watched(params)
    values = dropout_mlp.forward(leaves, x, rng=np.random.default_rng(1))
    values |= {"number": np.arange(3), "scale": Tensor(2.0)}
    assert set(by_tape(dropout_mlp, leaves, x, y, values)[1]) == {*params, *values} - {"mask", "number", "scale"}


def test_without_values_forward_is_called_with_the_keywords() -> None:
    params, x, y = dropout_mlp.example(np.random.default_rng(0))
    values = dropout_mlp.forward(params, x, rng=np.random.default_rng(1))
    for by in (by_hand, by_tape):
        error, grads = by(dropout_mlp, params, x, y, rng=np.random.default_rng(1))
        assert error == dropout_mlp.loss(params, x, y, values)
        np.testing.assert_allclose(grads["w1"], dropout_mlp.manual_gradients(params, x, y, values)["w1"])


def test_parameters_are_watched_once() -> None:
    params, _, _ = two_layer.example(np.random.default_rng(0))
    leaves = watched(params)
    for name, leaf in leaves.items():
        assert type(leaf) is Tensor
        assert leaf.requires_grad
        assert f"name='{name}'" in repr(leaf)
        assert watched(leaves)[name] is leaf
        assert plain(leaves)[name] is leaf.data
        assert plain(params)[name] is params[name]
