"""Which records of a tape become statements of their own, in source and in formulas alike."""

from __future__ import annotations

from collections import Counter
from itertools import zip_longest

from ..core.record import Record
from ..core.tape import Tape
from ..passes import optimised, short_masks, without_dead
from ..passes.inlined import inlined
from ..passes.rewrite import op_of
from .notation import appearances

__all__ = ["Statements", "readable", "rule_of"]

MOVES = ("transpose", "item", "alias")
SHORT = ("add", "subtract", "negative", "greater", "equal")


def readable(tape: Tape) -> Tape:
    """The tape after the passes: what is left is what a person would write."""
    return without_dead(short_masks(optimised(inlined(tape))))


class Statements:
    """What of a tape is named, who reads what, and what is worth a line.

    Attributes
    ----------
    named : dict of Record to str
        Names given or assigned. Of all that one call ran, the last is what was assigned.
    readers : dict of Record to list of Record
    uses : Counter of Record
        How often each is written out by those that read it.
    backward : set of Record
        Those of the backward pass: what a rule made, and what hangs on it.
    cotangents : dict of Record to Record
        The cotangent of a record. Where a step did nothing and went, those on both sides of it are of one record: the
        last is the sum.
    chosen : set of Record
        Those with a line of their own.
    """

    def __init__(self, tape: Tape) -> None:
        self.tape = tape
        self.named = _named(tape)
        self.readers: dict[Record, list[Record]] = {}
        self.uses: Counter[Record] = Counter(tape.outputs)
        for r in tape.records:
            counts = appearances(r)
            for i, p in enumerate(r.inputs):
                if p is not None:
                    self.readers.setdefault(p, []).append(r)
                    self.uses[p] += counts[i]
        self.backward: set[Record] = set()
        first = tape.outputs[0]  # a gradient that leads to the value is part of the forward pass
        start = tape.records.index(first) + 1 if len(tape.outputs) > 1 and first.primitive is not None else 0
        for r in tape.records[start:]:
            is_cotangent = r.notes is not None and r.notes.primal is not None
            if is_cotangent or rule_of(r) is not None or not self.backward.isdisjoint(r.inputs):
                self.backward.add(r)
        self.cotangents = {r.notes.primal: r for r in tape.records if r.notes is not None}
        self.chosen = set(tape.outputs)
        self.chosen |= {
            r
            for r in tape.records
            if r in self.named or r.dtype is None or (self.uses[r] > 1 and not self._is_cheap(r))
        }

    def _is_cheap(self, r: Record) -> bool:
        """Whether writing it twice is what a person would do: a view, or one operation on two names."""
        if op_of(r) in MOVES:
            return True
        plain = all(p is None or p.primitive is None or p in self.named for p in r.inputs)
        return plain and self.uses[r] <= 3 and op_of(r) in SHORT


def rule_of(r: Record) -> tuple[Record, int] | None:
    """The record, and the number of its argument, whose rule made ``r``; None if none did."""
    return r.notes.origin if r.notes is not None else None


def _named(tape: Tape) -> dict[Record, str]:
    found = {}
    for r, then in zip_longest(tape.records, tape.records[1:]):
        explicit = r.notes is not None and r.notes.name is not None
        inner = then is not None and then.code is r.code and then.lasti == r.lasti
        name = r.name
        if name is not None and (explicit or not inner):
            found[r] = name
    return found
