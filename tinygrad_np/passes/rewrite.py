"""Rebuilding a tape record by record: what every pass has in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.primitive import Primitive, alias
from ..core.record import ABSENT, MANY, Notes, Record, clock, leaf
from ..core.tape import Tape

__all__ = ["array_of", "constants_of", "is_made_by_rule", "made", "op_of", "rebuilt", "same_kind"]

OURS = (__name__.split(".")[0], "numpy")  # modules of forward functions
Inputs = tuple[Any, ...]  # a Record, or the plain scalar that was given


def made(primitive: Primitive, inputs: Sequence[Any], params: Any, like: Record, **changes: Any) -> Record:
    """A record of this op on these inputs, records or plain scalars; shape, dtype and origin are those of ``like``."""
    r = Record()
    r.primitive, r.params = primitive, params or None
    parents = tuple(x if isinstance(x, Record) else None for x in inputs)
    if len(inputs) == 1:
        r.p0, r.x0, r.p1, r.x1 = parents[0], inputs[0], ABSENT, ABSENT
    elif len(inputs) == 2:
        (r.p0, r.p1), (r.x0, r.x1) = parents, inputs
    else:
        r.p0, r.x0, r.p1, r.x1 = parents, tuple(inputs), MANY, MANY
    r.y, r.shape, r.dtype, r.diff = None, like.shape, like.dtype, like.diff
    r.code, r.lasti, r.seq = like.code, like.lasti, clock()
    r.notes = None
    if like.notes is not None:
        r.notes = Notes(like.notes.name, like.notes.scope)
        r.notes.origin, r.notes.primal = like.notes.origin, like.notes.primal
    for name, value in changes.items():
        setattr(r, name, value)
    return r


def rebuilt(tape: Tape, change: Callable[[Record, Inputs], Any]) -> Tape:
    """The tape with each record asked: ``change(r, inputs)`` gives what stands in its place.

    ``inputs`` are what became of its inputs, plain scalars among them. None: the record as it is, on these. A list:
    new records, the last of them in its place. A name that goes with a record passes to what replaces it; a cotangent
    that turns out to be a value of the forward pass keeps its name as an alias of that.
    """
    became: dict[Record, Record] = {}
    records: list[Record] = []
    mine: set[Record] = set()
    for r in tape.records:
        inputs = tuple(x if p is None else became.get(p, p) for p, x in zip(r.inputs, r.values, strict=True))
        change_to = change(r, inputs)
        new = [made(r.primitive, inputs, r.params, r)] if change_to is None else change_to  # type: ignore[arg-type]  # no leaf
        if isinstance(new, Record) and _is_cotangent(r) and not _is_cotangent(new) and not is_made_by_rule(new):
            new = [made(alias, (new,), None, r)]
        if isinstance(new, list):
            for n in new:
                if n.notes is not None and n.notes.primal is not None:
                    n.notes.primal = became.get(n.notes.primal, n.notes.primal)
            records += new
            mine.update(new)
            became[r] = new[-1]
            continue
        became[r] = new
        if new in mine and r.name is not None and new.name is None:
            new.note().name = r.name
            if r.notes is not None:
                new.note().origin = r.notes.origin
                new.note().primal = became.get(r.notes.primal, r.notes.primal)
    return Tape(
        tape.inputs,
        records,
        [became.get(r, r) for r in tape.outputs],
        [(became.get(r, r), what) for r, what in tape.reads],
        {became.get(r, r) for r in tape.stopped},
    )


def _is_cotangent(r: Record) -> bool:
    return r.notes is not None and r.notes.primal is not None and r.notes.name is not None


def is_made_by_rule(r: Record) -> bool:
    """Whether a rule made it, in a recorded backward pass."""
    return r.notes is not None and r.notes.origin is not None


def constants_of(tape: Tape) -> dict[Record, np.ndarray]:
    """The arrays of the leaves that come from outside, where they were kept."""
    kept = {p: x for r in tape.records for p, x in zip(r.inputs, r.values, strict=True) if p is not None}
    found = {r: r.y if isinstance(r.y, np.ndarray) else kept.get(r) for r in tape.constants}
    return {r: x for r, x in found.items() if isinstance(x, np.ndarray)}


def array_of(value: Any, like: Record) -> Record:
    """A constant leaf that holds ``value``, with the name of ``like``."""
    return leaf(np.asarray(value), name=like.notes.name if like.notes is not None else None)


def op_of(r: Any) -> str:
    """The name of this package's op that ran; empty for a leaf, and for anybody else's op, whatever it is called."""
    p = r.primitive if isinstance(r, Record) else None
    return p.name if p is not None and p.__module__.split(".")[0] in OURS else ""


def same_kind(a: Any, r: Record) -> bool:
    """Whether ``a`` may stand in the place of ``r``: a record of the same shape and dtype."""
    return isinstance(a, Record) and a.shape == r.shape and a.dtype == r.dtype and r.dtype is not None
