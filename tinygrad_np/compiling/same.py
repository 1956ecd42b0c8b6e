"""Whether two recordings of a function are of the same program."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.record import Record
from ..passes.repeats import frozen
from ..passes.rewrite import constants_of

__all__ = ["difference"]

ADVICE = (
    "it hangs on a value (.data, .detach()), on random numbers or on something outside that changes, and a compiled"
    " step would freeze it: compute it from the arguments with NumPy functions, or pass it as an argument"
)


def difference(a: Any, b: Any) -> str:
    """What tells the second recording from the first, as a sentence; empty if nothing does."""
    place = {r: i for i, r in enumerate(a.tape.inputs)}
    other = {r: i for i, r in enumerate(b.tape.inputs)}
    constants, other_constants = constants_of(a.tape), constants_of(b.tape)
    for number, (r, s) in enumerate(zip(a.tape.records, b.tape.records, strict=False), len(place)):
        if r.primitive is not s.primitive or len(r.inputs) != len(s.inputs) or not _same_params(r, s):
            return f"recorded twice, it did {_what(r)} once and {_what(s)} once: {ADVICE}"
        for p, x, q, z in zip(r.inputs, r.values, s.inputs, s.values, strict=True):
            if p in place or q in other:
                same = place.get(p, -1) == other.get(q, -2)
            elif p is None or q is None:
                same = p is q and _equal(x, z)
            else:
                same = _equal(constants.get(p), other_constants.get(q))
            if not same:
                return f"what {_what(r)} reads was not the same when it was recorded twice: {ADVICE}"
        place[r], other[s] = number, number
    if len(a.tape.records) != len(b.tape.records):
        longer = max(a.tape.records, b.tape.records, key=len)
        return f"recorded twice, it did {_what(longer[-1])} once only: {ADVICE}"
    if a.structure != b.structure or a.updated != b.updated:
        return f"recorded twice, it gave results of different structure: {ADVICE}"
    for x, z in zip(a.leaves, b.leaves, strict=True):
        if isinstance(x, Record) and isinstance(z, Record):
            known = x in place or z in other
            same = place.get(x, -1) == other.get(z, -2) if known else _equal(constants.get(x), other_constants.get(z))
        else:
            same = type(x) is type(z) and _equal(x, z)
        if not same:
            return f"a result was not the same when it was recorded twice: {ADVICE}"
    return ""


def _what(r: Record) -> str:
    return f"{r.primitive.name} ({r.where})"  # type: ignore[union-attr]  # no leaf


def _same_params(r: Record, s: Record) -> bool:
    a, b = r.params or {}, s.params or {}
    return a.keys() == b.keys() and all(_equal(a[k], b[k]) for k in a)


def _equal(a: Any, b: Any) -> bool:
    if a is b or (isinstance(a, np.random.Generator) and isinstance(b, np.random.Generator)):
        return True
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        if not (isinstance(a, np.ndarray) and isinstance(b, np.ndarray)) or a.shape != b.shape or a.dtype != b.dtype:
            return False
        return bool(np.array_equal(a, b, equal_nan=a.dtype.kind in "fc"))
    if type(a) is not type(b):
        return False
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(_equal, a, b))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(_equal(a[k], b[k]) for k in a)
    known = frozen(a)
    return known is None or known == frozen(b) or (callable(a) and callable(b)) or a != a
