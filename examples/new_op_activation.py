"""Invent an activation: a wrong rule first, what the checker says of it, then the right one, then a net with it.

python examples/new_op_activation.py

`snake(x, a) = x + sin(a x)^2 / a` (Ziyin, Hartwig, Ueda 2020) bends as a sine and still grows: a net of tanh forgets a
period as soon as it leaves the data, one of snakes goes on. The frequency `a` is learnt, so it has a derivative too.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # a checkout needs no install

import numpy as np

from tinygrad_np import Tensor, check_op, elementwise, primitive
from tinygrad_np.optim import Adam

Array = np.ndarray


def snake_forward(x, a):
    return x + np.sin(a * x) ** 2 / a


def by_x(_y, x, a):
    return 1 + np.sin(2 * a * x)


def by_a(_y, x, a):
    return x * np.sin(2 * a * x) / a - (np.sin(a * x) / a) ** 2


# Every row of x meets the same frequencies, so each of them gets a sum over the rows. Here it is forgotten.
SAMPLES = [((3,), (3,)), ((2, 3), (3,))]  # sizes of random arrays
wrong = primitive(snake_forward, name="snake", samples=SAMPLES).defvjp(
    lambda g, _y, x, a: g * by_x(_y, x, a),
    lambda g, _y, x, a: g * by_a(_y, x, a),
)
# The derivatives alone, and `elementwise` makes the rules of them, with the sums that broadcasting asks for.
snake = elementwise(snake_forward, by_x, by_a, name="snake", samples=SAMPLES)


def net(params: dict[str, Tensor], x: Array, activation: Callable[..., Tensor]) -> Tensor:
    return activation(x @ params["w1"] + params["b1"], params["a"]) @ params["w2"] + params["b2"]


def errors(activation: Callable[..., Tensor], wave: Callable[[Array], Array]) -> list[float]:
    """Of a net of 24 units, trained on the wave for |x| < 8: there, and for 8 < x < 16."""
    rng = np.random.default_rng(0)
    start = {"w1": rng.normal(size=(1, 24)), "b1": rng.normal(size=24), "a": np.full(24, 1.0)}
    start |= {"w2": rng.normal(size=(24, 1)) / 24, "b2": np.zeros(1)}
    params = {name: Tensor(p, requires_grad=True, name=name) for name, p in start.items()}

    def error(x: Array) -> Tensor:
        return np.mean(np.square(net(params, x, activation) - wave(x)))

    inside, outside = (np.linspace(a, b, 160)[:, None] for a, b in ((-8, 8), (8, 16)))
    optimizer = Adam(params, lr=0.01)
    for _ in range(1500):
        optimizer.zero_grad()
        error(inside).backward()
        optimizer.step()
    return [float(error(x)) for x in (inside, outside)]


def main() -> int:
    print("With a sum forgotten in the rule for a:\n")
    failed = check_op(wrong)
    print(failed)
    print("\nWith the sum:\n")
    passed = check_op(snake)
    print(passed)
    if failed.ok or not passed.ok:
        print("\nThis is not as it should be.")
        return 1

    print("\nA net of 24 units, fitted to sin(1.5 x) + 0.1 x for |x| < 8:\n")
    print(f"{'activation':<12}{'error there':>14}{'error for 8 < x < 16':>24}")
    outside = {}
    for name, activation in (("tanh", lambda x, a: np.tanh(a * x)), ("snake", snake)):
        inside, outside[name] = errors(activation, lambda x: np.sin(1.5 * x) + 0.1 * x)
        print(f"{name:<12}{inside:>14.5f}{outside[name]:>24.5f}")

    ok = outside["snake"] < outside["tanh"]
    print("\nThe wrong rule is found, the right one holds." if ok else "\nThis is not as it should be.")
    return 0 if ok else 1


if __name__ == "__main__":
    raise SystemExit(main())
