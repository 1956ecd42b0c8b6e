"""What several nets share; the derivations are in their own files."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._descent import Array

__all__ = ["different_sizes", "draw", "one_hot", "rows", "softmax"]


def softmax(z: Array) -> Array:
    """``e^z / sum e^z`` along the last axis, by hand; the largest entry is taken off first, so that none overflows."""
    odds = np.exp(z - z.max(axis=-1, keepdims=True))
    return odds / odds.sum(axis=-1, keepdims=True)


def one_hot(y: Array, like: Array) -> Array:
    """1 at class ``y`` along a new last axis, 0 elsewhere; as many classes as ``like`` has, and its dtype."""
    return np.eye(like.shape[-1], dtype=like.dtype)[y]


def rows(z: Any) -> Any:
    """All axes but the last made one: a matrix with a row for each pixel, or each step of each sample."""
    return z.reshape(-1, z.shape[-1])


def draw(logits: Array, rng: np.random.Generator, temperature: float) -> int:
    """A class, drawn with the odds ``softmax(logits / temperature)``; the likeliest one where temperature is 0.

    Of logits with independent Gumbel noise added, number i is the largest with probability softmax(logits)[i].
    """
    return int(np.argmax(logits + temperature * rng.gumbel(size=logits.shape)))


def different_sizes(rng: np.random.Generator, n: int, low: int = 1, high: int = 8) -> list[int]:
    """Sizes from ``low`` to ``high``, no two the same: an axis that is missing, or stands elsewhere, is seen."""
    sizes: list[int] = rng.permutation(np.arange(low, high + 1))[:n].tolist()
    return sizes
