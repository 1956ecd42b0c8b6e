"""What became of a recording, as a text: records, what runs, what shares memory, bytes and operations."""

from __future__ import annotations

import math

from ..core.record import Record
from ..passes.rewrite import op_of
from .kernel import Kernel
from .schedule import VIEWS
from .storage import ARENA, FRESH, Storage

__all__ = ["explanation", "flops"]


def explanation(kernel: Kernel, name: str, seconds: float) -> str:
    """The text of ``step.explain()``."""
    program, storage = kernel.program, kernel.storage
    tape = program.tape
    labels = tape.labels()
    total = sum(map(flops, tape.records))
    taken = ", ".join(f"{labels[r]}: {r.dtype}{list(r.shape)}" for r in tape.inputs)
    lines = [
        f"{name}({taken})",
        f"{kernel.backend} backend, made in {seconds:.3f} s; {program.recorded} records were recorded,"
        f" {len(tape)} run; {_number(total)} operations a call",
        f"memory: {storage.arena:,} bytes kept between calls, at most {storage.peak:,} bytes during one",
    ]
    chains = [s.members for s in storage.slots if len(s.members) > 1]
    lines += [f"in one buffer: {' -> '.join(_op(r) for r in members)}" for members in chains]
    for r, d in program.overwritten.items():
        how = "copied into it at the end" if any(r is c and d is into for c, into in storage.copied) else "in place"
        lines.append(f"overwrites {labels[d]}: {how}")
    rows = [("", "op", "", "lies in", "operations", "")]
    for r in tape.records:
        kind = f"{r.dtype}{list(r.shape)}" if r.dtype is not None else "several"
        arguments = ", ".join(str(x) if p is None else labels[p] for p, x in zip(r.inputs, r.values, strict=True))
        call = f"{_op(r)}({arguments})"
        rows.append((f"{labels[r]} =", call, kind, _place(r, storage), _number(flops(r)), _where(r)))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    table = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows]
    results = ", ".join(labels[r] for r in tape.outputs[: program.results])
    return "\n".join([*lines, "", *table, f"return {results}"])


def flops(r: Record) -> int:
    """Floating-point operations of a record: of a product two for each pair, else one for each element it touches."""
    if r.dtype is None or r.primitive is None or r.dtype.kind not in "fc":
        return 0
    shapes = [p.shape for p in r.inputs if p is not None]
    if op_of(r) == "matmul":
        return int(2 * r.size * (shapes[0][-1] if shapes[0] else 1))
    if r.primitive.view or op_of(r) in VIEWS:
        return 0
    return max(int(r.size), *map(math.prod, shapes), 0)


def _op(r: Record) -> str:
    return r.primitive.name  # type: ignore[union-attr]  # no leaf


def _place(r: Record, storage: Storage) -> str:
    way = storage.way[r]
    if way != "written":
        return "a view" if way == "view" else "memory of its own"
    home = storage.slot[r].home
    if home == FRESH:
        return "the result"
    return f"bytes {storage.slot[r].offset:,}" if home == ARENA else f"{home.name}"


def _where(r: Record) -> str:
    return f"{r.where} {r.name or ''}".strip()


def _number(n: int) -> str:
    return f"{n:,}" if n < 10_000_000 else f"{n / 1e6:,.1f} M"
