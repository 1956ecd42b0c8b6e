"""Where a backward pass that is recorded for other values needs the mask ``0 where g == 0``.

A pass over given values is masked only if its result turns out not finite. One that is recorded, to be run again on
other values, cannot wait for that; masking all of it would bury what it computes. `guarded` finds the records that
need it: those that may be told to contribute nothing (a selecting op lies between them and the output) and may have
an infinite derivative (a singular op leads to them, or they are one).
"""

from __future__ import annotations

from collections.abc import Sequence

from ..core.record import Record

__all__ = ["guarded"]

SELECTING = frozenset((
    "where", "clip", "maximum", "minimum", "fmax", "fmin", "relu", "leaky_relu", "getitem", "take_along_axis", "max",
    "min", "scatter", "max_pool1d", "max_pool2d", "dropout", "nan_to_num",
))  # fmt: skip


def guarded(roots: Sequence[Record]) -> frozenset[Record]:
    """The elementwise records on the way to ``roots`` that lie between a selecting op and a singular one."""
    seen, stack = set(roots), list(roots)
    while stack:
        for p in stack.pop().inputs:
            if p is not None and p not in seen:
                seen.add(p)
                stack.append(p)
    order = sorted(seen, key=lambda r: -r.seq)  # oldest first
    risky: set[Record] = set()
    for r in order:
        if _is_singular(r) or not risky.isdisjoint(r.inputs):
            risky.add(r)
    chosen: set[Record] = set()
    for r in reversed(order):
        if r.primitive is not None and (r in chosen or r.primitive.name in SELECTING):
            chosen.update(p for p in r.inputs if p is not None)
    found = (r for r in risky & chosen if r.primitive is not None and r.primitive.elementwise)
    return frozenset(r for r in found if r.primitive.linear is not True)  # type: ignore[union-attr]  # those have one


def _is_singular(r: Record) -> bool:
    """Whether its derivative can be infinite; a quotient by a plain number and a plain whole power have none."""
    if r.primitive is None or not r.primitive.singular:
        return False
    if r.primitive.name not in ("divide", "power") or r.inputs[1] is not None:
        return True
    number = r.values[1]
    return bool(number == 0 if r.primitive.name == "divide" else number < 1 or number != int(number))
