"""The order in which records run: as recorded, but sooner what gives memory back.

A recorded step computes all gradients and then all updates. Run sooner, an update frees its gradient while that is
still in the cache, and the memory goes to the next.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush

import numpy as np

from ..core.record import Record
from ..core.tape import Tape
from ..passes.rewrite import op_of
from .program import Program

__all__ = ["scheduled"]

VIEWS = frozenset(("alias", "reshape", "transpose", "getitem", "broadcast_to", "item"))


def scheduled(program: Program) -> Program:
    """The program with its records in another order; draws from generators stay in theirs."""
    tape = program.tape
    place = {r: k for k, r in enumerate(tape.records)}
    roots: dict[Record, Record] = {}
    readers: dict[Record, set[Record]] = {}
    for r in tape.records:
        first = r.inputs[0] if r.inputs else None
        view = op_of(r) in VIEWS and first is not None
        roots[r] = roots.get(first, first) if view and first is not None else r
        for p in r.inputs:
            if p is not None:
                readers.setdefault(p, set()).add(r)
                readers.setdefault(roots.get(p, p), set()).add(r)
    before = _waits(program, place, readers)
    then: dict[Record, list[Record]] = {}
    for r, needed in before.items():
        for p in needed:
            then.setdefault(p, []).append(r)
    waiting = {r: len(needed) for r, needed in before.items()}
    unread = {p: len(rs) for p, rs in readers.items()}
    written = set(program.overwritten)
    kept = set(tape.outputs)

    def frees(r: Record) -> bool:
        """Whether memory is left over once this has run."""
        inputs = {roots.get(p, p) for p in r.inputs if p is not None}
        freed = sum(_bytes(p) for p in inputs if p.primitive is not None and unread[p] == 1 and p not in kept)
        return freed > 0 and freed >= (0 if r in written or roots[r] is not r else _bytes(r))

    ready = [place[r] for r in tape.records if not waiting[r]]
    heapify(ready)
    order: list[Record] = []
    woken: list[Record] = []  # since the last one ran: only these can have begun to free anything
    done: set[Record] = set()
    while ready or woken:
        freeing = [w for w in woken if w not in done and frees(w)]
        if not freeing:
            woken = []
        if not freeing and not ready:
            break
        r = freeing[0] if freeing else tape.records[heappop(ready)]
        if r in done:
            continue
        done.add(r)
        order.append(r)
        read = [p for p in r.inputs if p is not None]
        for p in {*read, *(roots.get(p, p) for p in read)}:
            unread[p] -= 1
            woken += [s for s in readers[p] if not waiting[s] and s not in done] if unread[p] == 1 else []
        for s in then.get(r, ()):
            waiting[s] -= 1
            if not waiting[s]:
                heappush(ready, place[s])
                woken.append(s)
    return program._replace(tape=Tape(tape.inputs, order, tape.outputs, tape.reads, tape.stopped))


def _waits(program: Program, place: dict[Record, int], readers: dict[Record, set[Record]]) -> dict[Record, set[Record]]:
    """What each record has to wait for."""
    before = {r: {p for p in r.inputs if p in place} for r in place}
    drawn: Record | None = None
    for r in place:
        if any(isinstance(v, np.random.Generator) for v in (r.params or {}).values()):
            if drawn is not None:
                before[r].add(drawn)
            drawn = r
    for r, d in program.overwritten.items():
        if r in place:  # old values are read before they are written over
            late = r not in readers
            before[r] |= {s for s in readers.get(d, ()) if s is not r and (late or place[s] < place[r])}
    if not _is_ordered(before):  # two that want to be the last: leave it to copies
        for r in program.overwritten:
            if r in place:
                before[r] = {p for p in r.inputs if p in place}
    return before


def _is_ordered(before: dict[Record, set[Record]]) -> bool:
    """Whether there is an order that keeps all of these."""
    waiting = {r: len(needed) for r, needed in before.items()}
    then: dict[Record, list[Record]] = {}
    for r, needed in before.items():
        for p in needed:
            then.setdefault(p, []).append(r)
    free = [r for r, n in waiting.items() if not n]
    seen = 0
    while free:
        seen += 1
        for s in then.get(free.pop(), ()):
            waiting[s] -= 1
            if not waiting[s]:
                free.append(s)
    return seen == len(before)


def _bytes(r: Record) -> int:
    return int(r.size * r.dtype.itemsize) if r.dtype is not None else 0
