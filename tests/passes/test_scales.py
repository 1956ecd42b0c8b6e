"""A number that multiplies all that is read of a value moves to where it multiplies least."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np import Tape, trace
from tinygrad_np.passes import optimised
from tinygrad_np.passes.scales import with_scales_moved

W, X, G = np.arange(45.0).reshape(9, 5), np.arange(18.0).reshape(9, 2), np.arange(10.0).reshape(2, 5)


def multiplied(tape: Tape) -> int:
    """Elements that are multiplied by a number."""
    return sum(
        r.size
        for r in tape.records
        if r.primitive.name == "multiply" and any(p is None or p.shape == () for p in r.inputs)  # type: ignore[union-attr]
    )


def moved(f: Any, *args: Any) -> tuple[Tape, Tape]:
    tape = optimised(trace(f, *args))
    after = optimised(with_scales_moved(tape))
    after.check()
    want, got = tape(*args), after(*args)
    for a, b in zip(*(y if isinstance(y, tuple) else (y,) for y in (got, want)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)
    return tape, after


@pytest.mark.parametrize(
    ("f", "elements"),
    [
        (lambda w, x, g: w - 0.1 * (x @ g), 10),  # into the smaller factor
        (lambda w, x, g: w - 0.1 * (x @ (2 * g)), 10),  # into a product with a number: one number
        (lambda w, x, g: w - 0.1 * np.transpose(np.reshape(x @ g, (5, 9))), 10),
        (lambda w, x, g: (0.1 * (x @ g), 0.1 * np.sum(x @ g, axis=0)), 10),  # two readers of the same product
        (lambda w, x, g: (0.1 * w, 0.1 * np.sum(w, axis=0)), 50),  # of an argument there is nothing to gain
        (lambda w, x, g: (0.1 * (x @ g), np.exp(x @ g)), 45),  # somebody reads it as it is
        (lambda w, x, g: (0.1 * (x @ g), 0.2 * (x @ g)), 90),
        (lambda w, x, g: w - 0.1 * np.exp(x @ g), 45),  # not linear
        (lambda w, x, g: w - 0.1 * np.where(w > 3, x @ g, 0), 10),
        (lambda w, x, g: w - 0.1 * np.where(w > 3, x @ g, 1), 45),
        (lambda w, x, g: w - 0.1 * (x @ g / (w + 1)), 10),
        (lambda w, x, g: w - 1e-200 * (x @ g), 45),  # might underflow
        (lambda w, x, g: w - 0.1 * (x @ g + np.outer(x[:, 0], g[1])), 15),  # into both
        (lambda w, x, g: 0.1 * np.concatenate([w, w]), 45),  # both parts are the smaller one
    ],
)
def test_where_a_number_goes(f: Any, elements: int) -> None:
    assert multiplied(moved(f, W, X, G)[1]) == elements


def test_the_rate_of_a_step_comes_to_its_start() -> None:
    def step(w: Any, b: Any, v: Any, rate: Any) -> Any:
        def loss(w: Any, b: Any, v: Any) -> Any:
            return np.sum((tg.relu(X @ w + b) @ v - 1) ** 2)

        grads = tg.grad(loss, (0, 1, 2))(w, b, v)
        return tuple(p - rate * g for p, g in zip((w, b, v), grads, strict=True))

    rng = np.random.default_rng(0)
    args = [rng.normal(size=s) for s in ((2, 7), (7,), (7, 3), ())]
    before, after = moved(step, *args)
    assert multiplied(before) > 21 + 14 + 7
    assert multiplied(after) <= 9 * 3 * 2


def test_results_are_not_scaled() -> None:
    moved(lambda w, x, g: ((y := x @ g), 0.1 * y), W, X, G)
