"""Numbers by node and by edge: what a drawing writes beside its graph."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..core.primitive import item
from ..core.record import Record
from .facts import Facts, dense
from .graph import Edge, Graph, Node, argument_name
from .rules import Rules, code_of, tex_of
from .verdicts import Verdict

__all__ = ["Sheet", "add_cotangents"]


@dataclass
class Sheet:
    """What is known of a graph's nodes and edges beyond its structure.

    Attributes
    ----------
    order : list of str
        Keys of the nodes that the sweep met, in its order.
    contributions : dict
        Edge to the cotangent that came back along it, an array or a sparse one.
    shares : dict
        Edge to its share in the cotangent of the node it starts at, where several add up there.
    """

    graph: Graph
    facts: Facts = field(default_factory=Facts)
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    has_values: bool = False
    order: list[str] = field(default_factory=list)
    cotangents: dict[str, Any] = field(default_factory=dict)
    contributions: dict[str, Any] = field(default_factory=dict)
    shares: dict[str, float | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        graph = self.graph
        labels = graph.tape.labels()
        self.labels: dict[Record, str] = {}  # what source and formulas call each value
        for r, label in labels.items():
            node = graph.nodes[graph.keys[r]] if r in graph.keys else None
            own = node is not None and node.record is r
            self.labels[r] = (node.name if own and node is not None else None) or label
        for r in graph.tape.records:
            if r.primitive is item and r.p0 in self.labels:
                self.labels[r] = f"{self.labels[r.p0]}[{r.params['index']}]"  # type: ignore[index]  # item has one
        self.rules = Rules(self.labels, self.facts.values)
        self.tape_labels = labels
        self._place(graph)

    def _place(self, graph: Graph) -> None:
        by_argument = {(e.head, e.argument): e for e in graph.edges}
        arriving: dict[tuple[str, int | None], list[Edge]] = {}
        for step in self.facts.steps:
            r = step.record
            if r not in graph.keys:
                continue
            key = graph.keys[r]
            self.order.append(key)
            self.cotangents[key] = step.cotangent
            for i, c in step.contributions:
                edge = by_argument.get((key, i))
                if edge is not None:
                    self.contributions[edge.key] = c
                    arriving.setdefault((edge.tail, edge.output), []).append(edge)
        for edges in arriving.values():
            if len(edges) > 1:
                self._share(edges)

    def _share(self, edges: list[Edge]) -> None:
        """``<c, g> / <g, g>`` of each contribution ``c`` to their sum ``g``."""
        parts = [np.asarray(dense(self.contributions[e.key])) for e in edges]
        with np.errstate(all="ignore"):
            total = np.sum(parts, axis=0)
            largest = float(np.max(np.abs(total), initial=0))
            scaled = total / largest if 0 < largest < np.inf else total
            square = float(np.vdot(scaled, scaled).real)
            for edge, part in zip(edges, parts, strict=True):
                share = float(np.vdot(scaled, part).real) / (square * largest) if square and largest else np.nan
                self.shares[edge.key] = share if np.isfinite(share) else None

    def value(self, node: Node) -> Any:
        """The value of a node, of several outputs the first of floating point; None where it is not known."""
        return _first_float(self.facts.values.get(node.record)) if self.has_values else None

    def cotangent(self, node: Node) -> Any:
        found = self.cotangents.get(node.primal or node.key)
        return None if found is None else dense(_first_float(found))

    def missing(self, node: Node) -> str | None:
        return self.facts.missing.get(node.record) if self.has_values else None

    def kept(self, r: Record, i: int) -> str:
        """What a record keeps for its rules, by name: input ``i``, or -1, its output."""
        p = r.inputs[i] if i >= 0 else None
        return "output" if i < 0 else argument_name(r, i) if p is None else self.labels.get(p, argument_name(r, i))

    def code(self, node: Node) -> str | None:
        return code_of(node.record, self.labels) if node.is_op else None

    def formula(self, node: Node) -> str | None:
        return tex_of(node.record, self.labels) if node.is_op else None


def _first_float(value: Any) -> Any:
    if not isinstance(value, tuple | list):
        return value
    return next((v for v in value if getattr(v, "dtype", np.dtype(bool)).kind in "fc"), value[0] if value else None)


def add_cotangents(sheet: Sheet) -> None:
    """Put the backward pass into the graph: a node for each cotangent, an edge for each rule that ran."""
    graph = sheet.graph
    for key in sheet.order:
        node = graph.nodes[key]
        grad = Node(f"grad_{key}", "cotangent", node.record, False, node.name, node.cluster, key)
        graph.nodes[grad.key] = grad
    for edge in list(graph.edges):
        if edge.key in sheet.contributions and f"grad_{edge.tail}" in graph.nodes:
            new = Edge(f"e{len(graph.edges) + 1}", f"grad_{edge.head}", f"grad_{edge.tail}", edge.argument, edge.output)
            new.rule = edge.head
            graph.edges.append(new)
            sheet.contributions[new.key] = sheet.contributions[edge.key]
            if edge.key in sheet.shares:
                sheet.shares[new.key] = sheet.shares[edge.key]
