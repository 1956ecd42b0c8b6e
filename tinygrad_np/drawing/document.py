"""A drawing as JSON; README.md beside this file says what each key means."""

from __future__ import annotations

import linecache
import os
from typing import TYPE_CHECKING, Any

import numpy as np

from .dot import LOOKS, STATUS_LOOKS, WORDS
from .facts import dense, saved
from .graph import LEAVES, Edge, Node, argument_name, call
from .scopes import Cluster, copies_of
from .summary import FULL, SPARING, Detail, plain_number, summary
from .verdicts import STATUSES, report_of

if TYPE_CHECKING:
    from .drawing import Drawing

__all__ = ["document"]

MANY = 500  # nodes, from which on arrays are summarised sparingly
WHOLE = 5000  # nodes, beyond which only the picture is given


def document(drawing: Drawing) -> dict[str, Any]:
    """What the JSON of a drawing holds."""
    return _Document(drawing).whole_dict()


class _Document:
    def __init__(self, drawing: Drawing) -> None:
        self.drawing, self.graph, self.sheet, self.picture = drawing, drawing.graph, drawing.sheet, drawing.picture
        self.whole = len(self.graph.nodes) <= WHOLE
        self.detail: Detail = FULL if len(self.graph.nodes) <= MANY else SPARING
        self.edges = {e.key: e for e in self.graph.edges}

    def whole_dict(self) -> dict[str, Any]:
        graph, picture = self.graph, self.picture
        if self.whole:
            nodes = [self.node(n) for n in graph.nodes.values()]
            edges = [self.edge(e) for e in graph.edges]
        else:
            nodes = [self.shown(key) for key in picture.nodes]
            edges = [self.edge(w.edges[0]) | {"from": w.tail, "to": w.head, "label": w.label} for w in picture.ways]
        clusters = graph.clusters if self.whole else picture.clusters
        return {
            "schema": 1,
            "title": self.drawing.title,
            "direction": self.drawing.direction,
            "has": self.drawing.has,
            "whole": self.whole,
            "counts": {
                "ops": graph.ops,
                "leaves": graph.leaves,
                "backward": sum(n.kind == "cotangent" for n in graph.nodes.values()),
                "left_out": picture.left_out,
            },
            "notes": self.drawing.notes,
            "nodes": nodes,
            "edges": edges,
            "clusters": [self.cluster(c) for c in clusters],
            "steps": self.steps() if "grads" in self.drawing.has and self.whole else None,
            "legend": self.legend(),
            "report": None if self.drawing.compare is None else report_of(graph, self.drawing.compare),
        }

    def node(self, n: Node) -> dict[str, Any]:
        r, sheet, forward = n.record, self.sheet, n.kind != "cotangent"
        value, cotangent = (sheet.value(n) if forward else None), sheet.cotangent(n)
        verdict = sheet.verdicts.get(n.primal or n.key)
        several = r.dtype is None
        visible = r.shape[: len(r.shape) - r.primitive.hidden] if several else ()  # type: ignore[union-attr]  # no leaf
        stand = self.picture.stands.get(n.primal or n.key)
        return {
            "id": n.key,
            "kind": n.kind,
            "phase": "forward" if forward else "backward",
            "result": n.result,
            "name": n.name,
            "label": sheet.tape_labels.get(r, n.key),
            "op": r.primitive.name if n.is_op and r.primitive is not None else None,
            "call": call(r) if n.is_op else None,
            "code": sheet.code(n),
            "formula": sheet.formula(n),
            "scope": n.cluster.path if n.cluster is not None else "",
            "cluster": n.cluster.key if n.cluster is not None else None,
            "shape": [list(s.shape) for s in visible] if several else list(r.shape),
            "dtype": [str(s.dtype) for s in visible] if several else str(r.dtype),
            "source": self.source(n),
            "differentiable": bool(r.diff),
            "value": None if value is None else summary(value, self.detail),
            "cotangent": None if cotangent is None else summary(cotangent, self.detail),
            "missing": sheet.missing(n) if forward else None,
            "saved": self.saved(n) if n.is_op else None,
            "seconds": sheet.facts.seconds.get(r) if forward and sheet.has_values else None,
            "verdict": None if verdict is None else verdict.as_dict(),
            "count": copies_of(n.cluster),
            "fold_of": None if stand is None else "grad_" * (not forward) + stand,
            "primal": n.primal,
        }

    def saved(self, n: Node) -> dict[str, Any]:
        """What an op keeps for its rules."""
        keeps = saved(n.record)
        return {"bytes": sum(b for _, b in keeps), "what": [self.sheet.kept(n.record, i) for i, _ in keeps]}

    def source(self, n: Node) -> dict[str, Any] | None:
        r = n.record
        if r.filename is None or r.line is None or n.kind == "cotangent":
            return None
        text = linecache.getline(r.filename, r.line).strip() or None
        return {"file": os.path.basename(r.filename.replace("\\", "/")), "line": r.line, "text": text}

    def shown(self, key: str) -> dict[str, Any]:
        """A node of the picture, where the whole graph is too large."""
        shown = self.picture.nodes[key]
        if shown.node is not None and shown.closed is None:
            return self.node(shown.node) | {"count": shown.copies, "fold_of": None}
        empty = dict.fromkeys((
            "name", "label", "op", "call", "code", "formula", "cluster", "shape", "dtype", "source", "value",
            "cotangent", "missing", "saved", "seconds", "verdict", "fold_of", "primal",
        ))  # fmt: skip
        c = shown.closed
        return empty | {
            "id": key, "kind": shown.kind, "phase": "backward" if key.startswith("grad_") else "forward",
            "result": shown.result, "differentiable": True, "count": shown.copies,
            "name": c.name if c is not None else None, "scope": c.path if c is not None else "",
            "cluster": shown.cluster.key if shown.cluster is not None else None,
        }  # fmt: skip

    def edge(self, e: Edge) -> dict[str, Any]:
        head = self.graph.nodes[e.rule or e.head]
        contribution = None
        if e.key in self.sheet.contributions:
            c = np.asarray(dense(self.sheet.contributions[e.key]))
            with np.errstate(all="ignore"):
                norm = plain_number(np.linalg.norm(c.reshape(-1)))
            contribution = {"norm": norm, "share": self.sheet.shares.get(e.key)}
        rule = None
        if e.rule is not None:
            code, formula = self.sheet.rules(head.record, e.argument)
            rule = {"node": e.rule, "code": code, "formula": formula}
        return {
            "id": e.key,
            "from": e.tail,
            "to": e.head,
            "argument": e.argument,
            "name": argument_name(head.record, e.argument),
            "output": e.output,
            "label": e.label,
            "rule": rule,
            "contribution": contribution,
        }

    def cluster(self, c: Cluster) -> dict[str, Any]:
        closed = {s.closed for s in self.picture.nodes.values() if s.closed is not None} if c.ops else set()
        return {
            "id": c.key,
            "parent": c.parent.key if c.parent is not None else None,
            "name": c.name,
            "path": c.path,
            "nodes": [key for key in c.members if self.graph.nodes[key].cluster is c] if self.whole else [],
            "phase": "forward",
            "ops": c.ops,
            "collapsed": c in closed,
            "repeats": c.repeats,
            "fold_of": c.folded.key if c.folded is not None else None,
        }

    def steps(self) -> list[dict[str, Any]]:
        graph, sheet = self.graph, self.sheet
        reads: dict[str, list[str]] = {}
        by_argument: dict[tuple[str, int], Edge] = {}
        for edge in graph.edges:
            if edge.rule is None:
                reads.setdefault(edge.head, []).append(edge.tail)
                by_argument[edge.head, edge.argument] = edge
        steps: list[dict[str, Any]] = [
            {"phase": "forward", "node": n.key, "reads": reads.get(n.key, [])} for n in graph.nodes.values() if n.is_op
        ]
        sums: dict[tuple[str, int | None], Any] = {}
        for key in sheet.order:
            r = graph.nodes[key].record
            contributions = []
            for i in range(len(r.inputs)):
                e = by_argument.get((key, i))
                if e is None or e.key not in sheet.contributions:
                    continue
                c = np.asarray(dense(sheet.contributions[e.key]))
                place = (e.tail, e.output)
                adds = place in sums
                sums[place] = sums[place] + c if adds else c
                code, formula = sheet.rules(r, i)
                contributions.append({
                    "edge": e.key, "argument": i, "to": e.tail, "code": code, "formula": formula, "adds": adds,
                    "contribution": summary(c, self.detail),
                    "total": summary(sums[place], self.detail) if adds else None,
                })  # fmt: skip
            g = sheet.cotangent(graph.nodes[key])
            steps.append({
                "phase": "backward", "node": key, "cotangent": summary(g, self.detail), "contributions": contributions,
            })  # fmt: skip
        return steps

    def legend(self) -> list[dict[str, str]]:
        kinds = {n.kind for n in self.graph.nodes.values()} | {s.kind for s in self.picture.nodes.values()}
        entries = []
        for kind in (*LEAVES, "op", "output", "cotangent", "collapsed"):
            if kind in kinds:
                fill, line = LOOKS[kind]["fillcolor"], LOOKS[kind]["color"]
                entries.append({"sign": kind, "symbol": "", "text": WORDS.get(kind, kind), "fill": fill, "line": line})
        used = {v.status for v in self.sheet.verdicts.values()}
        for status, text in STATUSES.items():
            if status in used:
                symbol, fill, line = STATUS_LOOKS[status]
                entries.append({"sign": status, "symbol": symbol, "text": text, "fill": fill, "line": line})
        return entries
