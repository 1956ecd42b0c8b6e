"""Where cotangents are added up in parts: a buffer of zeros, and a statement for each part.

The cotangent of what was read by index is zero but at that index. On a tape each such part is a whole array, and they
are added; a person makes one array and adds each part in its place.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from ..core.record import Record
from ..core.tape import Tape
from ..passes.rewrite import op_of
from .layout import text_of
from .literals import dotted, literal
from .notation import index_of

__all__ = ["buffers", "filling"]


def buffers(
    tape: Tape, readers: Mapping[Record, Sequence[Record]], keep: set[Record]
) -> tuple[dict[Record, list[Record]], set[Record]]:
    """Records that become a buffer, with the parts that are added to it, and records that went into another's.

    A sum is taken apart where a later term is such a part without index arrays: with them a place may be named twice,
    and the order of the additions would be another.
    """
    found: dict[Record, list[Record]] = {}
    gone: set[Record] = set()
    for r in tape.records:
        if op_of(r) == "scatter":
            found[r] = [r]
        if op_of(r) != "add" or any(p is None or (p.shape, p.dtype) != (r.shape, r.dtype) for p in r.inputs):
            continue
        first, last = (p for p in r.inputs if p is not None)
        own = [p for p in (first, last) if p in found]
        if not own or first is last or any(p in keep or len(readers[p]) > 1 for p in own):
            continue
        if last in found and (len(found[last]) > 1 or len(last.inputs) > 1):
            continue
        found[r] = [*found.get(first, [first]), last]
        for p in own:
            del found[p]
            gone.add(p)
    return found, gone


def filling(
    name: str, parts: Sequence[Record], operand: Callable[[Record], ast.expr]
) -> list[tuple[str, Record | None]]:
    """The statement that makes the buffer, and one for each part; with the record whose rule made it."""
    first = parts[0]
    if op_of(first) != "scatter":
        value = operand(first)
        own = value if isinstance(value, ast.BinOp) else ast.Call(ast.Attribute(value, "copy", ast.Load()), [], [])
        lines: list[tuple[str, Record | None]] = [(f"{name} = {text_of(own)}", first)]
        parts = parts[1:]
    else:
        keywords = [] if first.dtype == np.float64 else [ast.keyword("dtype", literal(first.dtype))]
        lines = [(f"{name} = {text_of(ast.Call(dotted('np.zeros'), [literal(first.shape)], keywords))}", None)]
    return lines + [(_added(name, part, operand), part) for part in parts]


def _added(name: str, part: Record, operand: Callable[[Record], ast.expr]) -> str:
    if op_of(part) != "scatter":
        return f"{name} += {text_of(operand(part))}"
    g, *arrays = [operand(p) for p in part.inputs if p is not None]
    index = (part.params or {})["index"]
    place = index_of(index, arrays)
    if all(p is None or p.dtype.kind == "b" for p in part.inputs[1:]):
        return f"{text_of(ast.Subscript(dotted(name), place, ast.Load()))} += {text_of(g)}"
    if any(not isinstance(i, str | int) for i in index):
        place = ast.Subscript(dotted("np.s_"), place, ast.Load())
    return text_of(ast.Call(dotted("np.add.at"), [dotted(name), place, g], []))
