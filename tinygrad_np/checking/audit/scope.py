"""The hand-written backward pass, statement by statement: what each computes, and what its names could have been."""

from __future__ import annotations

import ast
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from .evidence import Applied, Evidence, State
from .names import claims_of, normalised
from .node import Node, ndim_of, shape_of
from .program import is_array
from .replay import same
from .rewrite import Site, Statement
from .update import op_of, origin

__all__ = ["Block", "Hand"]


class Block:
    """One statement of the backward pass with the nodes that it made, in every run of it."""

    def __init__(self, statement: Statement) -> None:
        self.statement = statement
        self.nodes: list[Node] = []
        self.claim = ""  # right, wrong or nothing, by value
        self.first_wrong = 0  # index of the first value that is no right gradient

    @property
    def places(self) -> dict[tuple[int, str], list[Node]]:
        """The runs of each of its operations."""
        return by_place(self.nodes)

    @property
    def values(self) -> list[Node]:
        """What it stores: the nodes of its outermost expression, one for each run."""
        own = {n.index for n in self.nodes}
        used = {p.index for n in self.nodes for p in n.parents if p.index in own}
        tops = [n for n in self.nodes if n.index not in used and n.function is not None]
        return tops

    @property
    def unpacks(self) -> bool:
        """Whether it only gives names to what a tuple holds."""
        tree = self.statement.tree
        named = isinstance(tree, ast.Assign) and isinstance(tree.targets[0], ast.Tuple)
        return named and all(op_of(n) in ("alias", "getitem") for n in self.nodes)

    @property
    def target(self) -> str:
        return target_of(self.statement.tree)


def by_place(nodes: Iterable[Node]) -> dict[tuple[int, str], list[Node]]:
    """Nodes by where they stand in the source, and what they do there."""
    found: dict[tuple[int, str], list[Node]] = {}
    for n in nodes:
        if n.function is not None:
            found.setdefault((n.site, op_of(n)), []).append(n)
    return found


def target_of(tree: ast.stmt) -> str:
    targets = tree.targets if isinstance(tree, ast.Assign) else [tree.target] if hasattr(tree, "target") else []
    if not targets:
        return ""
    t = targets[0]
    while isinstance(t, ast.Subscript) and isinstance(t.value, ast.Name | ast.Attribute | ast.Subscript):
        if isinstance(t.slice, ast.Constant) and isinstance(t.slice.value, str):
            break
        t = t.value
    return ast.unparse(t)


class Hand:
    """The backward pass that somebody wrote."""

    def __init__(self, evidence: Evidence, sites: list[Site], loop_sites: dict[int, int], items: Any) -> None:
        self.evidence, self.sites, self.loop_sites = evidence, sites, loop_sites
        self.graph, self.iteration = evidence.graph, evidence.iteration
        self.names: dict[tuple[int, str], list[Node]] = {}
        self.forward_names: dict[str, list[Node]] = {}
        frames = {id(n.frame): n.frame for n in self.graph.nodes if n.frame is not None}
        for frame in frames.values():
            for name, n in frame.given.items():
                if is_array(n) or isinstance(n.value, np.ndarray):
                    self.names.setdefault((id(frame), name), []).append(n)
        for n in self.graph.nodes:
            if n.name and (is_array(n) or isinstance(n.value, np.ndarray | int)):
                self.names.setdefault((id(n.frame), n.name), []).append(n)
        for i in sorted(self.iteration.forward):
            n = self.graph.nodes[i]
            if n.name and is_array(n):
                self.forward_names.setdefault(normalised(n.name), []).append(n)
        self.in_containers: dict[int, tuple[int, Any]] = {}  # where a node was kept: container and key
        self.kept: dict[tuple[int, Any], Node] = {}
        for (container, key), (_, n) in items.items():
            if isinstance(key, int | np.integer) and isinstance(n.value, np.ndarray):
                self.in_containers[n.index] = (container, key)
                self.kept[container, key] = n
        self.derivatives: dict[int, Any] = {}  # by truth, see `parts`
        self.above: dict[int, set[int]] = {}  # ancestors within the backward pass, by parameter

    def statement(self, n: Node) -> Statement | None:
        return self.sites[n.site].statement if 0 <= n.site < len(self.sites) else None

    def ancestors(self, a: Applied) -> set[int]:
        """The nodes of the backward pass that a parameter's gradient was computed from."""
        found = self.above.get(a.node.index)
        if found is None:
            found = self.above[a.node.index] = (
                self.graph.ancestors(a.targets, lambda n: n.index not in self.evidence.hand) & self.evidence.hand
            )
        return found

    def suspects(self, wrong: list[Applied], right: list[Applied]) -> list[Block]:
        """The statements that all the wrong gradients passed through and no right one did, likeliest first."""
        if not wrong:
            return []
        common = set.intersection(*(self.ancestors(a) for a in wrong))
        fine: set[int] = set()
        wanted = self.evidence.state.wanted
        scale = max((float(np.max(np.abs(g), initial=0)) for g in wanted.values()), default=0.0)
        for a in right:
            if float(np.max(np.abs(wanted[a.node.index]), initial=0)) > 1e-9 * scale:  # a zero proves nothing
                fine |= self.graph.ancestors(a.targets, self._proves_nothing) & self.evidence.hand
        shared = {id(b.statement) for b in self.blocks(common - fine)}
        any_wrong = set.union(*(self.ancestors(a) for a in wrong))
        # All runs of a statement change with it, also those that lead to some of the gradients only.
        blocks = [b for b in self.blocks(any_wrong - fine) if id(b.statement) in shared]
        return self.ordered(blocks)

    def _proves_nothing(self, n: Node) -> bool:
        """Whether what is above does not count as right: a norm that all gradients are clipped by is of all of them."""
        return n.index not in self.evidence.hand or (is_array(n) and ndim_of(n.value) == 0)

    def blocks(self, indices: set[int]) -> list[Block]:
        found: dict[int, Block] = {}
        for i in sorted(indices):
            n = self.graph.nodes[i]
            s = self.statement(n)
            if s is None:
                continue
            block = found.setdefault(id(s), Block(s))
            block.nodes.append(n)
        return list(found.values())

    def ordered(self, blocks: list[Block]) -> list[Block]:
        last = {b.target: b for b in sorted(blocks, key=lambda b: b.nodes[-1].index)}
        for b in blocks:
            b.claim = self.claim(b, named=last[b.target] is b)
        for b in blocks:
            if not b.claim and b.target and last[b.target].claim == "wrong":
                b.claim = "wrong"  # on the way to what the name claims, and no gradient of anything
        order = {"wrong": 0, "": 1, "right": 2}
        return sorted(blocks, key=lambda b: (b.unpacks, order[b.claim], b.first_wrong, b.nodes[0].index))

    def claim(self, b: Block, state: State | None = None, named: bool = True) -> str:
        """Whether what a statement stores is the gradient that its name says, or any."""
        state = state or self.evidence.state
        values = [n for n in b.values if isinstance(n.value, np.ndarray) and n.value.dtype.kind == "f"]
        if not values:
            return ""
        verdicts = [self.matches(n, b.target if named else "", state) for n in values]
        b.first_wrong = next((n.index for n, v in zip(values, verdicts, strict=True) if v != "right"), 0)
        if any(v == "wrong" for v in verdicts):
            return "" if verdicts[0] == "right" else "wrong"  # where it ran first nothing wrong had reached it
        return "right" if all(v == "right" for v in verdicts) else ""

    def matches(self, n: Node, name: str, state: State) -> str:
        value = state.get(n)
        truth = state.truth.gradients
        scale = max((float(np.max(np.abs(g), initial=0)) for g in truth.values()), default=0.0)
        names = claims_of(name.split(".")[-1])
        claimed = [f for c in names for f in self.forward_names.get(c, ())]
        fits = [f for f in claimed if f.index in truth]
        if fits:
            return "right" if any(same(value, truth[f.index], scale) for f in fits) else "wrong"
        if not np.any(value):
            return ""
        if any(same(value, g, scale) for g in truth.values() if shape_of(g) == shape_of(value)):
            return "right"
        if any(same(value, g, scale) for g in state.truth.edges.values() if shape_of(g) == shape_of(value)):
            return "right"
        return ""

    # Names

    def visible(self, n: Node) -> Iterator[tuple[str, Node]]:
        """Each name that could stand in the place of ``n``, with what it was worth there."""
        frame = n.frame
        seen: set[str] = set()
        while frame is not None:
            for (f, name), nodes in self.names.items():
                if f == id(frame) and name not in seen and not name.startswith("_tg_"):
                    at = bisect_left([m.index for m in nodes], n.index)
                    if at:
                        seen.add(name)
                        yield name, nodes[at - 1]
                    elif nodes[0].loops == n.loops and n.index not in self.graph.ancestors([nodes[0]]):
                        seen.add(name)
                        yield name, nodes[0]
            frame = frame.parent
        for (_f, name), nodes in self.names.items():
            if name in seen:
                continue
            stored = [m for m in nodes if m.index < n.index and self._in_slot(m)]
            if stored:
                seen.add(name)
                yield self._slot_text(stored[-1]), stored[-1]

    def _in_slot(self, m: Node) -> bool:
        site = self.sites[m.store].tree if 0 <= m.store < len(self.sites) else None
        return isinstance(site, ast.Attribute | ast.Subscript)

    def _slot_text(self, m: Node) -> str:
        return ast.unparse(self.sites[m.store].tree)

    def neighbour(self, n: Node, step: int) -> Node | None:
        """What is kept one place further in the list or dict that ``n`` is kept in."""
        m = n
        while m.index not in self.in_containers:
            if op_of(m) != "alias":
                return None
            m = m.args[0]
        container, key = self.in_containers[m.index]
        return self.kept.get((container, key + step))

    def earlier(self, a: Node) -> Iterator[Node]:
        """Older values of the same variable."""
        n = origin(a)
        for _ in range(4):
            if n.before is None:
                return
            n = origin(n.before)
            yield n

    def is_outer(self, n: Node, block: Block) -> bool:
        """Whether an argument was not computed in the statement itself."""
        return all(n is not m for m in block.nodes)

    def text(self, n: Node) -> str:
        """How the source writes it: its name, or its expression."""
        if n.name:
            return n.name
        given = [m.name for c in self.graph.children[n.index] if op_of(m := self.graph.nodes[c]) == "alias" and m.name]
        if given:  # what a call returned, under the name it was given
            return given[0]
        site = self.sites[n.site].tree if 0 <= n.site < len(self.sites) else None
        return ast.unparse(site) if isinstance(site, ast.expr) else "?"

    def sizes(self) -> dict[str, int]:
        """Sizes of the arrays of the iteration, and what to call them."""
        found: dict[str, int] = {}
        taken: set[int] = set()
        for i in sorted(self.evidence.relevant):
            n = self.graph.nodes[i]
            if n.name and isinstance(n.value, np.ndarray) and n.value.ndim:
                for k, size in enumerate(n.value.shape):
                    if size > 1 and size not in taken:
                        taken.add(size)
                        found[f"{n.name}.shape[{k}]"] = size
                if n.value.size > 1 and n.value.size not in taken and n.value.ndim > 1:
                    taken.add(n.value.size)
                    found[f"{n.name}.size"] = n.value.size
        for n in self.graph.nodes:
            count = n.value if n.name and isinstance(n.value, int) and not isinstance(n.value, bool) else 0
            if count > 1 and count not in taken:
                taken.add(count)
                found[n.name] = count
        return found


def call_name(n: Node) -> str:
    return op_of(n)
