"""Which numbers of a program are sizes: of arrays, or as they are written; what a loop counts with is none."""

from __future__ import annotations

from collections.abc import Container

import numpy as np

from .node import Node, ndim_of
from .update import op_of

__all__ = ["is_size"]


def is_size(n: Node, inside: Container[int]) -> bool:
    """Whether a number is made of counts and nothing else; ``inside``: the nodes of this turn of the loop."""
    todo, seen = [n], set()
    counts = False
    while todo:
        m = todo.pop()
        if m.index in seen:
            continue
        seen.add(m.index)
        if m.function is None or op_of(m) in ("shape", "size", "len", "ndim"):
            fraction = isinstance(m.value, float | np.floating)
            if fraction and (m.name or not float(m.value).is_integer()):
                return False
            if isinstance(m.value, np.ndarray) and m.function is None and m.value.dtype.kind == "f":
                return False
            counts = counts or not fraction
            continue
        if op_of(m) == "counted" or _is_counter(m, inside):
            return False
        todo.extend(m.parents)
    return counts


def _is_counter(m: Node, inside: Container[int]) -> bool:
    """Whether a number counts the turns of the loop: ``t += 1``."""
    b = m.before
    return b is not None and b in m.args and b.index not in inside and ndim_of(m.value) == 0
