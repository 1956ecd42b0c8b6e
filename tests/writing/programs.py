"""Random programs for the tests of passes and writers: small chains of ops on a few arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

__all__ = ["inputs", "programs"]

UNARY: list[Callable[[Any], Any]] = [
    np.tanh, np.sin, np.negative, np.square, lambda x: np.exp(-x * x), lambda x: x * 1 + 0, lambda x: x**3,
    lambda x: np.maximum(x, 0), lambda x: x.T, lambda x: x.T.T, lambda x: x.reshape(-1), lambda x: x.reshape(6),
    lambda x: np.sum(x, axis=0), lambda x: np.mean(x, axis=-1, keepdims=True), lambda x: x / (1 + np.abs(x)),
    lambda x: x[..., ::-1], lambda x: np.where(x > 0, x, 0.5 * x), lambda x: np.broadcast_to(x, (2, *x.shape)),
    lambda x: np.cumsum(x, axis=0), lambda x: x - np.max(x), lambda x: np.sqrt(1 + x**2),
]  # fmt: skip
BINARY: list[Callable[[Any, Any], Any]] = [
    np.add, np.subtract, np.multiply, lambda a, b: a / (2 + np.sin(b)), np.maximum, lambda a, b: a @ b,
    lambda a, b: a @ b.T, lambda a, b: np.concatenate([a, b]), lambda a, b: 2 * a - b * 0.5,
]  # fmt: skip


def inputs() -> list[np.ndarray]:
    rng = np.random.default_rng(7)
    return [rng.normal(size=shape) for shape in ((2, 3), (3, 2), (3,), (1, 3))]


@st.composite
def programs(draw: Any) -> Callable[..., Any]:
    """A function of the four arrays of `inputs` to one number; steps that do not fit are left out."""
    steps = draw(
        st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99), st.integers(0, 99)), min_size=2, max_size=9)
    )

    def program(a: Any, b: Any, c: Any, d: Any) -> Any:
        pool = [a, b, c, d]
        for kind, i, j in steps:
            x, y = pool[-1 - i % len(pool)], pool[-1 - j % len(pool)]
            try:
                if kind % 2:
                    pool.append(UNARY[kind // 2 % len(UNARY)](x))
                else:
                    pool.append(BINARY[kind // 2 % len(BINARY)](x, y))
            except (ValueError, IndexError, TypeError):
                continue
        return sum(np.sum(np.tanh(x)) for x in pool[-3:])

    return program
