"""Where each value of a program lies: in the arena, in an array of the caller's, in a result, or with another value.

    written   the step says where the result goes
    view      it shares memory with an input of its record
    own       the op brings the memory, and it goes when nobody needs it
    source    an input or a constant

Written values get slots. A slot is passed on where an elementwise op is the last to read a value of its own shape;
slots that are never alive together share bytes of the arena. A result is written where it will stay: into a donated
input, or into an array made for this call. So no result lies in memory that a later call overwrites.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.primitive import alias
from ..core.record import Record
from ..passes.rewrite import op_of
from .program import Program
from .schedule import VIEWS
from .writers import is_elementwise, writer

__all__ = ["ALIGNMENT", "Slot", "Storage"]

ALIGNMENT = 64
ARENA, FRESH = "arena", "fresh"


class Slot:
    """Memory for values one after the other; ``home`` is ARENA, FRESH (made for this call), or a donated input."""

    def __init__(self, r: Record, step: int) -> None:
        self.members = [r]
        self.first, self.last = step, step
        self.nbytes: int = r.size * r.dtype.itemsize
        self.home: Any = ARENA
        self.offset = 0

    @property
    def room(self) -> int:
        return -(-self.nbytes // ALIGNMENT) * ALIGNMENT


class Storage:
    """The plan of a program.

    Attributes
    ----------
    way : dict of Record to str
        "written", "view", "own" or "source".
    root : dict of Record to Record
        The record in whose memory a value lies.
    last : dict of Record to int
        The last step that reads what lies in a root's memory.
    slot : dict of Record to Slot
        Of the written ones.
    copied : list of (Record, Record or None)
        What is copied when all has run: into an array of its own, or into that donated input.
    arena : int
        Bytes.
    peak : int
        Bytes of arrays that a call holds at most, arguments not counted.
    """

    def __init__(self, program: Program) -> None:
        self.program, self.tape = program, program.tape
        self.steps = {r: k for k, r in enumerate(self.tape.records)}
        self.end = len(self.steps)
        self.way: dict[Record, str] = dict.fromkeys((*self.tape.inputs, *self.tape.constants), "source")
        self.root: dict[Record, Record] = {r: r for r in self.way}
        self._classify()
        self.last: dict[Record, int] = {}
        for k, r in enumerate(self.tape.records):
            for p in r.inputs:
                if p is not None:  # a view of one of several inputs may be of any of them
                    held = r.primitive.view and self.way[r] == "own" and len(r.inputs) > 1  # type: ignore[union-attr]
                    self.last[self.root[p]] = max(self.last.get(self.root[p], 0), self.end if held else k)
        self.copied: list[tuple[Record, Record | None]] = []
        self.slot = {r: Slot(r, self.steps[r]) for r in self.tape.records if self.way[r] == "written"}
        self._place_results()
        self._share()
        self.arena = _packed([s for s in self.slots if s.home == ARENA])
        self.peak = self._peak()

    @property
    def slots(self) -> list[Slot]:
        return list(dict.fromkeys(self.slot.values()))

    def plain(self, r: Record) -> Record:
        """What ``r`` is another name of."""
        while r.primitive is alias and r.inputs[0] is not None:
            r = r.inputs[0]
        return r

    def _classify(self) -> None:
        """Find out what shares memory, on arrays of the same layout whose contents do not matter."""
        shapes: dict[Record, np.ndarray] = {}

        def array(p: Record) -> np.ndarray:
            if p not in shapes:
                shapes[p] = np.empty(p.shape, p.dtype)
            return shapes[p]

        for r in self.tape.records:
            prim: Any = r.primitive
            source = r.inputs[0] if r.inputs else None
            self.root[r] = r
            if source is not None and prim is prim.item:
                self.way[r], self.root[r] = "view", self.root[source]
            elif source is not None and len(r.inputs) == 1 and r.dtype and (prim.view or op_of(r) in VIEWS):
                x = array(source)
                y = x if prim is alias else prim.forward(x, **(r.params or {}))
                if isinstance(y, np.ndarray) and (y is x or np.may_share_memory(x, y)):
                    self.way[r], self.root[r], shapes[r] = "view", self.root[source], y
            if r not in self.way:
                self.way[r] = "written" if writer(r) is not None else "own"

    def _place_results(self) -> None:
        outputs = self.tape.outputs
        donated = {d: r for r, d in self.program.overwritten.items() if r is not d}
        for r in dict.fromkeys(outputs[: self.program.results]):
            base = self.plain(r)
            if r in self.program.overwritten:
                continue
            if base in self.slot:
                self.slot[base].home = FRESH
                self.last[base] = self.end
            elif self.way[base] == "own" and not base.primitive.view:  # type: ignore[union-attr]  # no leaf
                self.last[base] = self.end
            else:
                self.copied.append((r, None))
                self.last[self.root[r]] = self.end
        for r in donated.values():  # one of them may be a view of another donated input
            self.last[self.root[r]] = self.end
        late: list[Record] = []
        for d, r in donated.items():
            base = self.plain(r)
            if base in self.slot and self.slot[base].home == ARENA and self._fits(d, base):
                self.slot[base].home = d
            else:
                late.append(d)
        self.copied += [(donated[d], d) for d in late]

    def _fits(self, d: Record, r: Record) -> bool:
        """Whether ``r`` may be written over the donated input ``d`` at once: nothing reads the old values later."""
        step = self.steps[r]
        if self.last.get(d, -1) > step or not is_elementwise(r):
            return False
        readers = [p for p in r.inputs if p is not None and self.root[p] is d]
        return all(self.plain(p) is d for p in readers) and (not readers or _in_place(r, d))

    def _share(self) -> None:
        """Pass slots on along elementwise ops."""
        for k, r in enumerate(self.tape.records):
            if self.way[r] != "written":
                continue
            mine = self.slot[r]
            if mine.home in (ARENA, FRESH) and is_elementwise(r):
                for p in r.inputs:
                    if p is None or self.plain(p) not in self.slot:
                        continue
                    base = self.plain(p)
                    theirs = self.slot[base]
                    alone = all(q is None or self.root[q] is not base or self.plain(q) is base for q in r.inputs)
                    same = p.shape == r.shape and p.dtype == r.dtype
                    if theirs.home == ARENA and same and alone and self.last[base] == k and _in_place(r, p):
                        theirs.home = mine.home
                        theirs.members.append(r)
                        self.slot[r] = theirs
                        break
            s = self.slot[r]
            s.last = max(s.last, self.last.get(r, k))

    def _peak(self) -> int:
        """Bytes alive at the worst step, beside the arguments."""
        change = [0] * (self.end + 2)
        for s in self.slots:
            if s.home == FRESH:
                change[s.first] += s.nbytes
        for r in self.tape.records:
            if self.way[r] == "own":
                change[self.steps[r]] += _bytes(r)
                change[self.last.get(r, self.steps[r]) + 1] -= _bytes(r)
        for r, d in self.copied:
            if d is None:
                change[self.end] += _bytes(r)
        return self.arena + int(np.max(np.cumsum(change)))


def _in_place(r: Record, p: Record) -> bool:
    """Whether the result may be written over this operand."""
    name = op_of(r)
    if name == "where":
        return r.inputs[2] is p and r.inputs[0] is not p and r.inputs[1] is not p
    if name in ("added_at", "product_added"):
        return r.inputs[0] is p and all(q is not p for q in r.inputs[1:])
    return name not in ("astype", "copy")


def _bytes(r: Record) -> int:
    return r.size * r.dtype.itemsize if r.dtype is not None else sum(s.size * s.dtype.itemsize for s in r.shape)


def _packed(slots: list[Slot]) -> int:
    """Give each slot an offset, the largest first, at the lowest place that is free as long as it lives."""
    placed: list[Slot] = []
    for s in sorted(slots, key=lambda s: (-s.nbytes, s.first)):
        others = sorted((o.offset, o.room) for o in placed if o.first <= s.last and s.first <= o.last)
        place = 0
        for offset, room in others:
            if offset - place >= s.room:
                break
            place = max(place, offset + room)
        s.offset = place
        placed.append(s)
    used = max((s.offset + s.room for s in slots), default=0)
    return used + ALIGNMENT if used else 0  # the arena may have to begin a little later
