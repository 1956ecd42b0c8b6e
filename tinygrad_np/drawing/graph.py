"""A tape as a graph: nodes, edges and clusters, with nothing said of how they look or of how many are shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import chain, zip_longest
from typing import Any, Literal

import numpy as np

from ..core.primitive import item
from ..core.record import Record
from ..core.tape import Tape
from ..core.tensor import Tensor
from .scopes import Cluster, clusters_of, place_leaves

__all__ = ["LEAVES", "Edge", "Graph", "Kind", "Node", "call", "graph_of", "plain"]

Kind = Literal["parameter", "input", "constant", "op", "output", "cotangent", "collapsed", "elided"]
LEAVES: tuple[Kind, ...] = ("parameter", "input", "constant")

# Which argument is which says nothing here. An op that is missing only gets its arguments numbered.
COMMUTES = {
    "add", "multiply", "maximum", "minimum", "fmax", "fmin", "hypot", "logaddexp", "logaddexp2", "equal", "not_equal",
    "logical_and", "logical_or", "logical_xor", "bitwise_and", "bitwise_or", "bitwise_xor",
}  # fmt: skip


@dataclass(slots=True)
class Node:
    """``key`` tells it apart: ``op3`` is the record that the printed tape calls ``%3``.

    A cotangent has the record whose cotangent it is, and ``primal``, the key of that one's node.
    """

    key: str
    kind: Kind
    record: Record
    result: bool = False
    name: str | None = None
    cluster: Cluster | None = None
    primal: str | None = None

    @property
    def is_op(self) -> bool:
        return self.kind in ("op", "output")


@dataclass(slots=True)
class Edge:
    """One argument of one op; between cotangents: ``rule`` is the key of the op whose rule leads along it."""

    key: str
    tail: str
    head: str
    argument: int
    output: int | None = None
    label: str = ""
    rule: str | None = None


@dataclass
class Graph:
    """Of a whole tape. ``keys`` finds the node of a record; the ``item`` records of an op are no nodes of their own."""

    tape: Tape
    nodes: dict[str, Node]
    edges: list[Edge]
    clusters: list[Cluster]
    keys: dict[Record, str]
    notes: list[str] = field(default_factory=list)

    @property
    def ops(self) -> int:
        return sum(n.is_op for n in self.nodes.values())

    @property
    def leaves(self) -> int:
        return sum(n.kind in LEAVES for n in self.nodes.values())

    def node(self, r: Record) -> Node:
        return self.nodes[self.keys[r]]


def graph_of(tape: Tape, names: Mapping[str, Any] | None = None, given: Iterable[Record] = ()) -> Graph:
    """The graph of a tape. ``given``: inputs that need a gradient for the drawing's sake only: no parameters."""
    inputs, plain_inputs = set(tape.inputs), set(given)
    if all(r.diff for r in inputs - plain_inputs):  # of a Tensor: what a name was given to is data, no stray constant
        plain_inputs |= {r for r in tape.constants if r.primitive is None and r.name and not r.diff}
    ops = {r: f"op{i}" for i, r in enumerate(tape.records, 1) if r.primitive is not item}
    results = {_source(r) for r in tape.outputs}
    # A value computed before the trace began is a leaf of this tape too, though an op made it.
    read = (q for r in ops for q in (*(_source(p) for p in r.inputs if p is not None), r))
    met = dict.fromkeys(chain(read, map(_source, tape.outputs), tape.inputs))
    leaves = {r: f"leaf{i}" for i, r in enumerate((r for r in met if r not in ops), 1)}
    keys = {r: ops.get(r) or leaves[r] for r in met}  # a leaf stands before the first op that reads it
    called = assigned_names(tape)
    nodes = {}
    for r, key in keys.items():
        kind = _kind(r, inputs, plain_inputs, ops, results)
        name = called.get(r) if r in ops else r.name
        nodes[key] = Node(key, kind, r, r in results, name or None)
    edges: list[Edge] = []
    for r, head in ops.items():
        several = sum(p is not None for p in r.inputs) > 1 and r.primitive.name not in COMMUTES  # type: ignore[union-attr]  # an op has one
        for i, p in enumerate(r.inputs):
            if p is None:
                continue
            label = argument_name(r, i) if several else ""
            output = p.params["index"] if p.primitive is item else None  # type: ignore[index]  # item has one
            edges.append(Edge(f"e{len(edges) + 1}", keys[_source(p)], head, i, output, label))
    for r in tape.records:
        if r.primitive is item and r.p0 in keys:
            keys[r] = keys[r.p0]
    clusters = clusters_of([(n.key, n.record) for n in nodes.values() if n.is_op])
    graph = Graph(tape, nodes, edges, clusters, keys)
    place_leaves(graph)
    _rename(graph, names or {})
    return graph


def assigned_names(tape: Tape) -> dict[Record, str]:
    """The user's name of each record: of all that one call ran, the last is what the variable holds."""
    found = {}
    known: dict[tuple[Any, int], str | None] = {}
    for r, then in zip_longest(tape.records, tape.records[1:]):
        if r.notes is not None and r.notes.name is not None:
            found[r] = r.notes.name
        elif then is None or then.code is not r.code or then.lasti != r.lasti:
            site = (r.code, r.lasti)
            if site not in known:
                known[site] = r.name
            name = known[site]
            if name:
                found[r] = name
    for r in tape.records:
        if r.primitive is item and r in found and r.p0 not in found:
            found[r.p0] = found[r]
    return found


def _rename(graph: Graph, names: Mapping[str, Any]) -> None:
    """Give the names that the caller asks for."""
    labels = {label: r for r, label in graph.tape.labels().items()} if names else {}
    by_name: dict[str, Node] = {}
    for held in graph.nodes.values():
        if held.name:
            by_name[held.name] = held  # the last one that a variable held
    for name, what in names.items():
        if isinstance(what, str):
            node: Node | None = by_name.get(what) or (graph.node(labels[what]) if what in labels else None)
            said = repr(what)
        else:
            r = what.record if isinstance(what, Tensor) else what
            node = graph.nodes.get(graph.keys.get(r, "")) if isinstance(r, Record) else None
            said = f"this {type(what).__name__}"
        if node is None:
            raise ValueError(
                f"names={{{name!r}: ...}}: {said} is not on the tape; a name goes to a Tensor of the graph, a"
                " variable's name, or a number as print(tape) shows it, such as '%3'"
            )
        node.name = str(name)


def _source(r: Record) -> Record:
    """The node a value comes from: an output of an op with several is drawn as part of that op."""
    return r.p0 if r.primitive is item else r


def _kind(r: Record, inputs: set[Record], given: set[Record], ops: Mapping[Record, str], results: set[Record]) -> Kind:
    if r in ops:
        return "output" if r in results else "op"
    if r in given:
        return "input"
    return "parameter" if r.diff and r.primitive is None else "input" if r in inputs else "constant"


def argument_name(r: Record, i: int) -> str:
    """What the op calls its argument ``i``; a letter means little beside a drawing, so then its place."""
    prim = r.primitive
    if not prim.variadic and i < len(prim.names) and len(prim.names[i]) > 1:  # type: ignore[union-attr]
        return prim.names[i]  # type: ignore[union-attr]
    n = i + 1
    return f"{n}{'th' if n // 10 % 10 == 1 else {1: 'st', 2: 'nd', 3: 'rd'}.get(n % 10, 'th')}"


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
