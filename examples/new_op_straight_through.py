"""Train through a step: a straight-through estimator, declared to be deliberately not the derivative.

python examples/new_op_straight_through.py

The sign of a weight has derivative 0 wherever it has one, so gradient descent on binary weights stands still. The
estimator (Hinton 2012; Bengio, Leonard, Courville 2013) lets the cotangent through as if the step were not there, near
the threshold. As a derivative that is wrong, and meant so: it is declared, and the checker says so instead of failing.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # a checkout needs no install

import numpy as np

from tinygrad_np import check_op, primitive, value_and_grad

Array = np.ndarray


def step(x):
    return np.where(x < 0, -1.0, 1.0).astype(x.dtype)


def through(g, _y, x):
    return np.where(np.abs(x) <= 1, g, 0)


honest = primitive(step, name="binary").defvjp(lambda g, _y, _x: 0 * g)
undeclared = primitive(step, name="binary").defvjp(through)
binary = primitive(step, name="binary", deviates="a straight-through estimator").defvjp(through)

SAMPLE = np.array([-1.7, -0.6, 0.2, 0.9])


def trained(quantise: Callable[..., Array], x: Array, y: Array) -> tuple[Array, list[float]]:
    """Real weights, of which the forward pass sees the signs; and the loss at every step."""
    w = np.random.default_rng(2).uniform(-0.5, 0.5, size=x.shape[1])
    loss = value_and_grad(lambda w: np.mean((x @ quantise(w) - y) ** 2))
    losses = []
    for _ in range(60):
        value, gradient = loss(w)
        losses.append(float(value))
        w = np.clip(w - 0.01 * gradient, -1, 1)
    return w, losses


def main() -> int:
    print("Undeclared:\n")
    failed = check_op(undeclared, SAMPLE)
    print(failed)
    print("\nDeclared:\n")
    declared = check_op(binary, SAMPLE)
    print(declared)

    rng = np.random.default_rng(0)
    wanted = rng.choice([-1.0, 1.0], size=32)
    x = rng.normal(size=(256, 32))
    print("\n32 binary weights, learnt from 256 products with the right ones:\n")
    print(f"{'rule':<20}{'loss at first':>15}{'at last':>12}{'weights right':>16}")
    right = {}
    for name, quantise in (("the derivative, 0", honest), ("straight through", binary)):
        w, losses = trained(quantise, x, x @ wanted)
        right[name] = int(np.sum(step(w) == wanted))
        print(f"{name:<20}{losses[0]:>15.2f}{losses[-1]:>12.2f}{right[name]:>13}/32")

    ok = not failed.ok and declared.ok and right["straight through"] == 32
    print("\nNot the derivative, said so, and it learns." if ok else "\nThis is not as it should be.")
    return 0 if ok else 1


if __name__ == "__main__":
    raise SystemExit(main())
