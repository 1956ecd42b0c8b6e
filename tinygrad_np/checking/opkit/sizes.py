"""The same call with arrays of other sizes: which axes go together is found by trying."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .call import Call
from .subject import finite, structure_of

__all__ = ["free_sizes", "resized"]

Array = NDArray[Any]
Axes = tuple[tuple[int, int], ...]  # pairs (array, axis)
SIZES = (3, 5, 8, 2, 7, 4)  # no two neighbours: 3/5 cannot be taken for (n - 1)/n
MOST = 6  # axes whose groupings are tried


def resized(call: Call, n: int, only_finite: bool = True) -> Iterator[Call]:
    """Calls in which every axis of one size, in all arrays at once, has the size ``n``, where the op takes that."""
    sizes = sorted({s for x in call.xs for s in x.shape} - {n})
    for size in sizes:
        shapes = [tuple(n if s == size else s for s in x.shape) for x in call.xs]
        other = reshaped(call, shapes, f"{call.origin} with {n} for {size}")
        if other is not None and (not only_finite or finite(other)):
            yield other


def free_sizes(call: Call) -> Call | None:
    """The call with as many different sizes as the op takes: (3, 3) @ (3, 3) becomes (2, 3) @ (3, 4).

    None if that is no change, or there are too many axes to try.
    """
    places = [(k, axis) for k, x in enumerate(call.xs) for axis in range(x.ndim)]
    if not places or len(places) > MOST:
        return None
    size = {(k, axis): call.xs[k].shape[axis] for k, axis in places}
    best: tuple[int, Call] | None = None
    have = len(set(size.values()))
    for groups in _partitions(places, size):
        if len(groups) <= (best[0] if best else have) or len(groups) > len(SIZES):
            continue
        new = {place: n for group, n in zip(groups, SIZES, strict=False) for place in group}
        shapes = [tuple(new[k, axis] for axis in range(x.ndim)) for k, x in enumerate(call.xs)]
        other = reshaped(call, shapes, f"{call.origin} with other sizes")
        if other is not None and finite(other):
            best = len(groups), other
    return best[1] if best else None


def _partitions(places: Sequence[tuple[int, int]], size: dict[tuple[int, int], int]) -> Iterator[list[Axes]]:
    """All ways to group the axes, of one size only within a group."""
    if not places:
        yield []
        return
    first, rest = places[0], places[1:]
    for groups in _partitions(rest, size):
        yield [(first,), *groups]
        for k, group in enumerate(groups):
            if size[group[0]] == size[first]:
                yield [*groups[:k], (first, *group), *groups[k + 1 :]]


def reshaped(call: Call, shapes: Sequence[tuple[int, ...]], origin: str) -> Call | None:
    """The call with arrays of these shapes, their values taken from the old ones; None where that loses structure."""
    if any(structure_of(x) for x in call.xs) or not all(x.size for x in call.xs):
        return None
    return call.at([_fitted(x, shape) for x, shape in zip(call.xs, shapes, strict=True)], origin)


def _fitted(x: Array, shape: tuple[int, ...]) -> Array:
    n = int(np.prod(shape))
    flat = x.reshape(-1)
    grown = np.resize(flat, n)
    if n > flat.size:  # no two elements alike
        low, high = float(np.min(flat.real)), float(np.max(flat.real))
        more = np.random.default_rng(n).uniform(low, high, n - flat.size)
        grown[flat.size :] = more if high > low else low
    return np.asarray(grown.reshape(shape).astype(x.dtype))
