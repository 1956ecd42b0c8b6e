"""What is shown: nodes and edges, chosen from a tape, with nothing said of how they look."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any, Literal

import numpy as np

from ..core.primitive import item
from ..core.record import Record
from ..core.tape import Tape

__all__ = ["Edge", "Kind", "Node", "Picture", "call", "picture_of", "plain"]

Kind = Literal["parameter", "input", "constant", "op", "elided"]

# Which argument is which says nothing here. An op that is missing only gets its arguments numbered.
COMMUTES = {
    "add", "multiply", "maximum", "minimum", "fmax", "fmin", "hypot", "logaddexp", "logaddexp2", "equal", "not_equal",
    "logical_and", "logical_or", "logical_xor", "bitwise_and", "bitwise_or", "bitwise_xor",
}  # fmt: skip


@dataclass(frozen=True)
class Node:
    """``key`` tells it apart: ``op3`` is the record that the printed tape calls ``%3``. ``elided`` has no record."""

    key: str
    kind: Kind
    record: Record | None
    result: bool = False


@dataclass(frozen=True)
class Edge:
    """All the ways from one node to another; ``label`` says which output goes to which argument, where it matters."""

    tail: str
    head: str
    label: str = ""


@dataclass(frozen=True)
class Picture:
    nodes: list[Node]
    edges: list[Edge]
    ops: int  # on the whole tape
    leaves: int

    @property
    def left_out(self) -> int:
        """How many ops and leaves of the tape are not shown."""
        return self.ops + self.leaves - sum(node.record is not None for node in self.nodes)


def picture_of(tape: Tape, max_nodes: int) -> Picture:
    """The picture of a tape; beyond ``max_nodes`` its beginning and its end, and one node for what lies between.

    The ``item`` records of an op with several outputs are no nodes: its edges start at the op.
    """
    inputs = set(tape.inputs)
    ops = {r: f"op{i}" for i, r in enumerate(tape.records, 1) if r.primitive is not item}
    results = {_source(r) for r in tape.outputs}
    # A value computed before the trace began is a leaf of this tape too, though an op made it.
    met = dict.fromkeys(chain((q for r in ops for q in (*_sources(r), r)), map(_source, tape.outputs), tape.inputs))
    leaves = {r: f"leaf{i}" for i, r in enumerate((r for r in met if r not in ops), 1)}
    keys = {r: ops.get(r) or leaves[r] for r in met}  # a leaf stands before the first op that reads it
    shown = keys.keys() if len(keys) <= max_nodes else _ends(ops, leaves, max_nodes - 1)

    nodes = [Node(keys[r], _kind(r, inputs, ops), r, r in results) for r in keys if r in shown]
    if len(shown) < len(keys):  # stands where the first op is missing
        gap = next(n for n, r in enumerate(keys) if r not in shown)
        nodes.insert(gap, Node("elided", "elided", None))
    ways: dict[tuple[str, str], list[str]] = {}
    for r in ops:
        head = keys[r] if r in shown else "elided"
        several = len([p for p in r.inputs if p is not None]) > 1 and r.primitive.name not in COMMUTES  # type: ignore[union-attr]  # an op has one
        for i, p in enumerate(r.inputs):
            if p is None:
                continue
            tail = keys[_source(p)] if _source(p) in shown else "elided"
            if tail == head == "elided":
                continue
            label = _argument(r, i) if several and head != "elided" else ""
            if p.primitive is item and tail != "elided":
                label = f"output {p.params['index']}{' → ' * bool(label)}{label}"  # type: ignore[index]  # item has one
            ways.setdefault((tail, head), []).append(label)
    edges = [Edge(tail, head, _joined(labels)) for (tail, head), labels in ways.items()]
    return Picture(nodes, edges, len(ops), len(leaves))


def _source(r: Record) -> Record:
    """The node a value comes from: an output of an op with several is drawn as part of that op."""
    return r.p0 if r.primitive is item else r


def _sources(r: Record) -> Iterator[Record]:
    return (_source(p) for p in r.inputs if p is not None)


def _ends(ops: dict[Record, str], leaves: dict[Record, str], room: int) -> set[Record]:
    """The last op, the first, the one before the last, and so on, each with its leaves, while there is room."""
    shown: set[Record] = set()
    order = list(ops)
    for pair in zip(reversed(order), order, strict=True):
        for r in pair:
            for new in (r, *(p for p in _sources(r) if p in leaves)):
                if len(shown) >= room:
                    return shown
                shown.add(new)
    return shown


def _kind(r: Record, inputs: set[Record], ops: dict[Record, str]) -> Kind:
    if r in ops:
        return "op"
    return "parameter" if r.diff and r.primitive is None else "input" if r in inputs else "constant"


def _argument(r: Record, i: int) -> str:
    """What the op calls its argument ``i``; a letter means little beside a drawing, so then its place."""
    prim = r.primitive
    if not prim.variadic and i < len(prim.names) and len(prim.names[i]) > 1:  # type: ignore[union-attr]
        return prim.names[i]  # type: ignore[union-attr]
    n = i + 1
    return f"{n}{'th' if n // 10 % 10 == 1 else {1: 'st', 2: 'nd', 3: 'rd'}.get(n % 10, 'th')}"


def _joined(labels: list[str]) -> str:
    if len(labels) == 1:
        return labels[0]
    if len(labels) <= 3 and all(labels):
        return ", ".join(labels)
    return f"{len(labels):,} times"


def call(r: Record) -> str:
    """The op with what is no node: ``power(·, 2)``, ``sum(axis=0)``, or its name alone."""
    prim = r.primitive
    if prim is None:
        return ""
    said = ["·" if p is not None else plain(x) for p, x in zip(r.inputs, r.values, strict=True)]
    said = said if any(p is None for p in r.inputs) else []
    index, defaults = "", prim.defaults or {}
    for k, v in (r.params or {}).items():
        if k in defaults and plain(defaults[k]) == plain(v):
            continue
        if k == "index":
            index = f"[{', '.join(map(plain, v if isinstance(v, tuple) else (v,)))}]"
        else:
            said.append(f"{k}={plain(v)}")
    return prim.name + index + (f"({', '.join(said)})" if said else "")


def plain(value: Any, depth: int = 2) -> str:
    """A parameter in few letters, the same in every process: no address in memory, no long array."""
    if isinstance(value, np.ndarray):
        return plain(value.item(), depth) if value.size == 1 else f"{value.dtype}{list(value.shape)}"
    if isinstance(value, np.generic):
        return plain(value.item(), depth)
    if isinstance(value, bool | int | None) or value is Ellipsis:
        return "..." if value is Ellipsis else str(value)
    if isinstance(value, float | complex):
        return f"{value:.6g}"
    if isinstance(value, str | np.dtype):
        return str(value)
    if isinstance(value, slice):
        start, stop, step = ("" if v is None else plain(v) for v in (value.start, value.stop, value.step))
        return f"{start}:{stop}" + (f":{step}" if step else "")
    if isinstance(value, tuple | list) and depth:
        parts = [plain(v, depth - 1) for v in value[:6]] + ["..."] * (len(value) > 6)
        comma = "," if len(parts) == 1 and isinstance(value, tuple) else ""
        return f"({', '.join(parts)}{comma})" if isinstance(value, tuple) else f"[{', '.join(parts)}]"
    name = getattr(value, "__name__", None)
    return name if isinstance(name, str) else "·" if type(value) is object else type(value).__name__
