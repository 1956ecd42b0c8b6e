"""What this run could not have shown: mistakes that its sizes and values hide."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .evidence import Evidence
from .program import is_array
from .update import op_of

__all__ = ["blind_spots"]

MANY = 3  # of one sort are named, the rest counted


def blind_spots(evidence: Evidence) -> list[str]:
    """One line for each class of mistake that could not show."""
    return list(_blind_spots(evidence))


def _blind_spots(evidence: Evidence) -> Iterator[str]:
    it = evidence.iteration
    names = {a.name: a for a in evidence.applied}
    square = [a.name for a in names.values() if _is_square(a.node.value)]
    if square:
        yield f"{_listed(square)}: square, so a transposed gradient or factor fits as well; use two different sizes"
    still = [a.name for a in names.values() if not np.any(evidence.state.wanted[a.node.index])]
    if still:
        yield f"{_listed(still)}: the right gradient is zero throughout, so nothing about it is proved"
    data = [
        n
        for n in it.path
        if n.index in it.entries and n.name and n.name not in names and is_array(n) and isinstance(n.value, np.ndarray)
    ]
    if any(n.value.ndim and n.value.shape[0] == 1 for n in data):
        yield "a batch of one: a missing mean or a missing sum over the batch does not show"
    for n in it.path:
        if op_of(n) in ("maximum", "fmax") and len(n.args) == 2 and isinstance(n.value, np.ndarray) and n.value.ndim:
            a, b = (np.asarray(evidence.state.get(x)) for x in n.args)
            if np.all(a > b) or np.all(a < b):
                what = n.name or "a maximum"
                yield f"{what}: all elements lie on one side, so a missing or inverted mask does not show"
    hidden = [
        a.name
        for a in names.values()
        if np.size(a.node.value) > 1 and _is_constant(evidence.state.wanted[a.node.index])
    ]
    if hidden:
        yield f"{_listed(hidden)}: all elements of the right gradient are equal, so their order is not proved"


def _is_square(v: object) -> bool:
    return isinstance(v, np.ndarray) and v.ndim == 2 and v.shape[0] == v.shape[1] > 1


def _is_constant(g: object) -> bool:
    v = np.asarray(g)
    return bool(np.any(v)) and bool(np.all(v == v.flat[0]))


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - MANY} more" if len(names) > MANY else ""
    return ", ".join(names[:MANY]) + more
