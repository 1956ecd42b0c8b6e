"""Random steps with intermediate results and views among their outputs, whatever is donated."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from writing.programs import BINARY, UNARY

import tinygrad_np as tg
from tinygrad_np import compile, value_and_grad

MORE: list[Any] = [
    tg.relu, tg.sigmoid, tg.softmax, tg.log_softmax, tg.gelu, lambda x: np.where(x > 0.3, x, 0),
    lambda x: np.clip(x, -1, 1), lambda x: x * 0.1, lambda x: 2 * x, lambda x: x - 0.1 * x, lambda x: x[::-1],
    lambda x: x[:2], lambda x: np.sum(x * x), lambda x: np.sum(x, axis=0), lambda x: np.log(1 + x * x), lambda x: x**2,
]  # fmt: skip
Plan = list[tuple[bool, int, int, int]]


def arguments(seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.normal(size=s) for s in ((4, 4), (4, 4), (4,), (1, 4))]


def step_of(plan: Plan, outputs: list[int], gradient: bool) -> Any:
    """A step that updates three of its arguments by their gradients, or not, and gives some of all it computed."""

    def program(*xs: Any) -> Any:
        pool = list(xs)
        for unary, kind, i, j in plan:
            x, y = pool[-1 - i % len(pool)], pool[-1 - j % len(pool)]
            try:
                one = [*UNARY, *MORE]
                z = one[kind % len(one)](x) if unary else BINARY[kind % len(BINARY)](x, y)
            except (ValueError, IndexError, TypeError):
                continue
            pool += [z] if np.size(z) <= 200 else []
        return sum(np.sum(np.tanh(x)) for x in pool[-3:]), pool

    def step(a: Any, b: Any, c: Any, d: Any) -> Any:
        if not gradient:
            value, pool = program(a, b, c, d)
            return [value, *(pool[i % len(pool)] for i in outputs)]
        (value, pool), g = value_and_grad(program, (0, 1, 2), has_aux=True)(a, b, c, d)
        updated = [x - 0.1 * d for x, d in zip((a, b, c), g, strict=True)]
        return [value, *updated, *(pool[i % len(pool)] for i in outputs)]

    return step


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # numbers may overflow on the way
@pytest.mark.parametrize("seed", range(120))
def test_a_random_step(seed: int) -> None:
    draw = random.Random(seed)
    plan = [(draw.random() < 0.55, *(draw.randrange(99) for _ in range(3))) for _ in range(draw.randint(2, 12))]
    step = step_of(plan, [draw.randrange(99) for _ in range(draw.randint(1, 4))], draw.random() < 0.7)
    donated = [name for name in "abcd" if draw.random() < 0.5]
    compiled = compile(step, donate=donated)
    want = [np.array(y) for y in step(*arguments(seed))]
    compiled(*arguments(seed + 1))
    mine = arguments(seed)
    got = compiled(*mine)
    kept = [np.array(y) for y in got]
    compiled(*arguments(seed + 1))
    for x, y, z in zip(got, kept, want, strict=True):
        assert (x.shape, x.dtype) == (z.shape, z.dtype)
        np.testing.assert_array_equal(x, y)  # a later call changes nothing of it
        scale = float(np.abs(z[np.isfinite(z)]).max(initial=1e-3)) if z.dtype.kind == "f" else 0.0
        np.testing.assert_allclose(x, z, rtol=1e-10, atol=1e-10 * scale)
    for name, x, before in zip("abcd", mine, arguments(seed), strict=True):
        assert name in donated or np.array_equal(x, before)
