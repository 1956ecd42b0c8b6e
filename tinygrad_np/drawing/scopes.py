"""Scopes as clusters: which ops stand together, which clusters are alike, and where leaves belong."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import groupby
from typing import TYPE_CHECKING, Any

from ..core.record import Record

if TYPE_CHECKING:
    from .graph import Graph

__all__ = ["Cluster", "clusters_of", "copies_of", "fold_repeats", "place_leaves"]

DEEPEST = 32  # scopes nested further in are drawn as one
NUMBER = re.compile(r"[\W_]*\d+$")
Member = tuple[str, Record]


@dataclass(slots=True, eq=False)
class Cluster:
    """One run through a scope.

    Attributes
    ----------
    members : list of str
        Keys of the nodes in it, inner ones included, in the order of the tape; leaves come after the ops.
    alike : tuple
        Equal for clusters that do the same: ops, shapes and inner scopes.
    folded : Cluster or None
        The one that stands for this one, where repeats are folded.
    repeats : int
        How many it stands for.
    """

    key: str
    parent: Cluster | None
    name: str
    level: int
    members: list[str] = field(default_factory=list)
    ops: int = 0
    alike: tuple[Any, ...] = ()
    folded: Cluster | None = None
    repeats: int = 1

    @property
    def path(self) -> str:
        return f"{self.parent.path}/{self.name}" if self.parent is not None else self.name


def clusters_of(members: Sequence[Member]) -> list[Cluster]:
    """The clusters of a tape's ops, outer before inner; a scope that is entered again makes a cluster again."""
    clusters: list[Cluster] = []
    level: list[tuple[Cluster | None, list[Member]]] = [(None, list(members))]
    for depth in range(DEEPEST):
        below: list[tuple[Cluster | None, list[Member]]] = []
        for parent, inside in level:
            for name, run in _runs(inside, depth):
                for part in _split(run, depth):
                    c = Cluster(f"c{len(clusters) + 1}", parent, name, depth)
                    c.members, c.ops = [key for key, _ in part], len(part)
                    c.alike = tuple(_does(r, depth) for _, r in part)
                    clusters.append(c)
                    below.append((c, part))
        if not below:
            break
        level = below
    return clusters


def _path(r: Record) -> tuple[str, ...]:
    return _parts(r.notes.scope)[0] if r.notes is not None and r.notes.scope else ()


@lru_cache(maxsize=4096)
def _parts(scope: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names along a path, and what they begin with where they end in a number."""
    names = tuple(scope.split("/", DEEPEST))
    return names, tuple(map(_stem, names))


def _runs(members: list[Member], depth: int) -> list[tuple[str, list[Member]]]:
    """Neighbours in the same scope of this depth."""
    runs: list[tuple[str, list[Member]]] = []
    last = None
    for member in members:
        path = _path(member[1])
        name = path[depth] if len(path) > depth else None
        if name is not None:
            if name != last:
                runs.append((name, []))
            runs[-1][1].append(member)
        last = name
    return runs


def _split(run: list[Member], depth: int) -> list[list[Member]]:
    """A run as its equal turns, if it is the same few instructions over and over: a scope opened in a loop."""
    inner = {_path(r)[depth + 1 : depth + 2] for _, r in run}
    if len(inner) == 1 and () not in inner:
        return [run]  # one inner scope is all there is: the turns are its own
    signs = [(r.code, r.lasti, _does(r, depth)) for _, r in run]
    n = len(signs)
    border = [0] * n  # the length of the longest proper prefix that ends here too
    k = 0
    for i in range(1, n):
        while k and signs[i] != signs[k]:
            k = border[k - 1]
        k += signs[i] == signs[k]
        border[i] = k
    period = n - border[-1]
    if n % period or run[0][1].code is None:
        return [run]
    return [run[i : i + period] for i in range(0, n, period)]


def _does(r: Record, depth: int) -> tuple[Any, ...]:
    """What one record does, as far as a drawing tells: the op, what comes out, and the inner scope it is in."""
    shape = r.shape if r.dtype is not None else len(r.shape)
    inner = _parts(r.notes.scope)[1][depth + 1 :] if r.notes is not None and r.notes.scope else ()
    return (r.primitive.name, shape, r.dtype, r.diff, inner)  # type: ignore[union-attr]  # an op has one


def _stem(name: str) -> str:
    return NUMBER.sub("", name) or name


def copies_of(c: Cluster | None) -> int:
    """How many alike what stands in this cluster stands for."""
    copies = 1
    while c is not None:
        copies, c = copies * c.repeats, c.parent
    return copies


def place_leaves(graph: Graph) -> None:
    """Give each op its innermost cluster, and each parameter and constant the innermost that holds all its readers."""
    for c in graph.clusters:  # outer before inner
        for key in c.members:
            graph.nodes[key].cluster = c
    home: dict[str, list[Cluster]] = {}
    for edge in graph.edges:
        tail = graph.nodes[edge.tail]
        if tail.kind not in ("parameter", "constant") or tail.result:
            continue
        line = _line(graph.nodes[edge.head].cluster)
        if edge.tail in home:
            line = [a for a, b in zip(home[edge.tail], line, strict=False) if a is b]
        home[edge.tail] = line
    for key, line in home.items():
        if line:
            graph.nodes[key].cluster = line[-1]
            for c in line:
                c.members.append(key)


def _line(c: Cluster | None) -> list[Cluster]:
    """A cluster and those around it, outermost first."""
    line: list[Cluster] = []
    while c is not None:
        line.append(c)
        c = c.parent
    return line[::-1]


def fold_repeats(graph: Graph) -> dict[str, str]:
    """Fold clusters that are alike into the first; gives for each node of the others the node that stands for it.

    Neighbours in the same cluster are folded if they do the same and have the same name, or at least three of them
    names that differ in the number at the end only.
    """
    stands: dict[str, str] = {}
    for _, family in groupby(graph.clusters, key=lambda c: (c.parent, _stem(c.name))):  # brothers stand together
        for _, run in groupby(family, key=lambda c: (c.alike, _leaves(c, graph))):
            first, *others = run
            if len(others) + 1 >= (2 if all(c.name == first.name for c in others) else 3):
                first.repeats = len(others) + 1
                for c in others:
                    c.folded = first
                    stands.update(zip(c.members, first.members, strict=True))
    return {key: _final(stands, key) for key in stands}


def _leaves(c: Cluster, graph: Graph) -> list[tuple[Any, ...]]:
    leaves = (graph.nodes[key] for key in c.members[c.ops :])
    return [(n.kind, n.record.shape, n.record.dtype) for n in leaves]


def _final(stands: dict[str, str], key: str) -> str:
    while key in stands:
        key = stands[key]
    return key
