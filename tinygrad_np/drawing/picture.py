"""What of a graph is shown: scopes closed, repeats folded, and of what is still too large its beginning and its end."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from .graph import LEAVES, Edge, Graph, Kind, Node
from .scopes import Cluster, copies_of, fold_repeats

__all__ = ["Picture", "Shown", "Way", "picture_of"]


@dataclass(slots=True)
class Shown:
    """One node of the picture; ``node`` is the first that it stands for, None where much is left out.

    ``closed`` is the cluster that is shown as this one node; where repeats are folded, ``copies`` says of how many.
    """

    key: str
    kind: Kind
    node: Node | None
    cluster: Cluster | None = None
    result: bool = False
    closed: Cluster | None = None
    copies: int = 1


@dataclass(slots=True)
class Way:
    """All the edges from one node of the picture to another; ``again`` leads to the next turn of a folded repeat."""

    tail: str
    head: str
    edges: list[Edge]
    label: str = ""
    again: bool = False


@dataclass
class Picture:
    graph: Graph
    nodes: dict[str, Shown]
    ways: list[Way]
    clusters: list[Cluster]  # drawn as boxes, outer before inner
    left_out: int  # ops and leaves that nothing stands for
    notes: list[str] = field(default_factory=list)
    stands: dict[str, str] = field(default_factory=dict)  # folded node to the one that is shown in its place


def picture_of(graph: Graph, max_nodes: int, depth: int | None = None, fold: bool = True) -> Picture:
    """The picture of a graph in at most ``max_nodes`` nodes.

    Scopes nested deeper than ``depth`` are closed; where that leaves too many nodes, repeats are folded, then scopes
    closed from the innermost on, and at last the middle is left out. The picture's notes say so.
    """
    notes: list[str] = []
    folds: dict[str, str] = fold_repeats(graph) if fold else {}
    places = _places(graph, folds, depth)
    if len(set(places.values())) > max_nodes and not fold:
        folds = fold_repeats(graph)
        if folds:
            places = _places(graph, folds, depth)
            notes.append(f"repeated scopes are folded: the graph has more than {max_nodes:,} nodes")
    deepest = max((c.level for c in graph.clusters), default=-1)
    if len(set(places.values())) > max_nodes and depth is None and deepest >= 0:
        for level in range(deepest, -1, -1):
            places = _places(graph, folds, level)
            if len(set(places.values())) <= max_nodes:
                break
        notes.append(f"scopes are closed at depth {level}: the graph has more than {max_nodes:,} nodes")
    nodes = _shown(graph, places)
    if len(nodes) > max_nodes:
        nodes = _ends(graph, nodes, places, max_nodes)
    left_out = sum(place not in nodes and graph.nodes[key].primal is None for key, place in places.items())
    if left_out:
        whole = graph.ops + graph.leaves
        notes.append(f"{left_out:,} of {whole:,} ops and leaves are not shown")
    ways = _ways(graph, nodes, places, folds)
    for shown in nodes.values():
        shown.copies = copies_of(shown.closed or shown.cluster)
    boxes: set[Cluster] = set()
    for shown in nodes.values():
        c = shown.cluster
        while c is not None and c not in boxes:
            boxes.add(c)
            c = c.parent
    return Picture(graph, nodes, ways, [c for c in graph.clusters if c in boxes], left_out, notes, folds)


def _places(graph: Graph, folds: dict[str, str], depth: int | None) -> dict[str, str]:
    """The key under which each node is shown."""
    closed: dict[Cluster | None, Cluster | None] = {None: None}
    for c in graph.clusters:  # outer before inner
        closed[c] = closed[c.parent] or (c if depth is not None and c.level >= depth else None)
    places = {}
    for key, node in graph.nodes.items():
        of = node.primal or key
        stand = graph.nodes[folds.get(of, of)]
        shut = closed[stand.cluster]
        places[key] = "grad_" * (node.primal is not None) + (shut or stand).key
    return places


def _shown(graph: Graph, places: dict[str, str]) -> dict[str, Shown]:
    by_key = {c.key: c for c in graph.clusters}
    nodes: dict[str, Shown] = {}
    for key, place in places.items():
        node = graph.nodes[key]
        if place not in nodes:
            shut = by_key.get(place.removeprefix("grad_"))
            first = node if shut else graph.nodes.get(place, node)
            nodes[place] = Shown(
                place, "collapsed" if shut else first.kind, first, shut.parent if shut else first.cluster, closed=shut
            )
        shown = nodes[place]
        if node.result:
            shown.result = True
            shown.kind = "output" if shown.kind == "op" else shown.kind
    return nodes


def _ends(graph: Graph, nodes: dict[str, Shown], places: dict[str, str], room: int) -> dict[str, Shown]:
    """The last node, the first, the one before the last, and so on, each with its leaves, while there is room."""
    with_it: dict[str, list[str]] = {}  # its leaves, and the cotangents of all of them
    for edge in graph.edges:
        tail, head = places[edge.tail], places[edge.head]
        if nodes[tail].kind in LEAVES:
            with_it.setdefault(head, []).append(tail)
    order = [key for key, shown in nodes.items() if shown.kind not in LEAVES and not key.startswith("grad_")]
    for key in order:
        both = [key, *with_it.get(key, ())]
        with_it[key] = [k for k in (*both, *(f"grad_{k}" for k in both)) if k in nodes]
    kept: set[str] = set()

    def take(keys: Iterable[str]) -> bool:
        for key in keys:
            if len(kept) >= room - 1:
                return False
            kept.add(key)
        return True

    for pair in zip(reversed(order), order, strict=True):
        if not all(take(with_it[key]) for key in pair):
            break
    shown: dict[str, Shown] = {}
    for key, node in nodes.items():
        if key in kept:
            shown[key] = node
        elif "elided" not in shown:
            shown["elided"] = Shown("elided", "elided", None)
    return shown


def _ways(graph: Graph, nodes: dict[str, Shown], places: dict[str, str], folds: dict[str, str]) -> list[Way]:
    row = {key: i for i, key in enumerate(graph.nodes)}

    def stand(key: str) -> str:
        primal = graph.nodes[key].primal
        stand = folds.get(key, key) if primal is None else "grad_" + folds.get(primal, primal)
        return stand if stand in row else key

    ways: dict[tuple[str, str], Way] = {}
    for edge in graph.edges:
        tail, head = places[edge.tail], places[edge.head]
        tail, head = (tail if tail in nodes else "elided"), (head if head in nodes else "elided")
        left, right = stand(edge.tail), stand(edge.head)
        # From one turn of a folded repeat to the next the edge leads back: it is drawn, but orders nothing.
        again = bool(folds) and graph.nodes[left].kind not in LEAVES and row[left] >= row[right]
        if tail == head and (not again or tail == "elided" or nodes[tail].closed is not None):
            continue
        way = ways.setdefault((tail, head), Way(tail, head, [], again=again))
        if not way.edges or (left, right) == (edge.tail, edge.head):  # of a folded copy the like is there already
            way.edges.append(edge)
    for way in ways.values():
        shut = nodes[way.tail].closed is not None
        closed = nodes[way.head].closed is not None or (shut and len(way.edges) > 1)
        known = "elided" not in (way.tail, way.head)
        way.label = "next" if way.again else "" if closed else _label(way.edges, known, outputs=not shut)
    return list(ways.values())


def _label(edges: list[Edge], known: bool, outputs: bool) -> str:
    """Which output goes to which argument, where it matters; of what is left out, how many."""
    labels = []
    for edge in edges if known else ():
        output = f"output {edge.output}" if outputs and edge.output is not None else ""
        labels.append(" → ".join(filter(None, (output, edge.label))))
    if len(edges) == 1:
        return "".join(labels)
    if 0 < len(labels) <= 3 and all(labels):
        return ", ".join(labels)
    return f"{len(edges):,} times"
