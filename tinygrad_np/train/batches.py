"""Minibatches: data in pieces, in an order that a seed repeats."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..transforms.tree import flatten, paths, unflatten

__all__ = ["minibatches", "number_of_rows"]


def minibatches(arrays: Any, size: int, rng: np.random.Generator | None = None) -> Iterator[Any]:
    """One pass over the rows of some arrays, in pieces of ``size`` rows; the last may be smaller.

    Parameters
    ----------
    arrays
        An array, or dicts, lists and tuples of them, all of one length; a piece has the same structure.
    rng
        Draws the order of the rows; without it they come as they stand.

    Raises
    ------
    ValueError
        If the lengths differ, or there is nothing to cut.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_np.train import minibatches
    >>> for x, y in minibatches((np.arange(5), np.arange(5) ** 2), 2, np.random.default_rng(0)):
    ...     print(x, y)
    [2 4] [ 4 16]
    [3 0] [9 0]
    [1] [1]
    """
    n = number_of_rows(arrays)
    if isinstance(size, bool) or not hasattr(size, "__index__") or size < 1:
        raise ValueError(f"a batch has 1 row or more; size is {size!r}")
    if rng is not None and not isinstance(rng, np.random.Generator):
        raise TypeError(f"rng is a generator, numpy.random.default_rng(seed); got {type(rng).__name__}")
    leaves, structure = flatten(arrays)

    def pieces() -> Iterator[Any]:
        order = None if rng is None else rng.permutation(n)
        for i in range(0, n, size):
            rows = slice(i, i + size) if order is None else order[i : i + size]
            yield unflatten(structure, [a[rows] for a in leaves])

    return pieces()


def number_of_rows(arrays: Any) -> int:
    """The length that all arrays share."""
    leaves, _ = flatten(arrays)
    lengths = {}
    for name, a in zip(paths(arrays), leaves, strict=True):
        if not isinstance(a, np.ndarray) or a.ndim == 0:
            raise TypeError(f"data are arrays with a row for each sample; data{name} is {type(a).__name__}: {a!r:.60}")
        lengths[f"data{name}"] = len(a)
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name} {n}" for name, n in lengths.items())
        raise ValueError(f"all data must have the same number of rows; they have: {told}")
    n = next(iter(lengths.values()), 0)
    if n == 0:
        raise ValueError("there are no data: no array, or none with a row")
    return n
