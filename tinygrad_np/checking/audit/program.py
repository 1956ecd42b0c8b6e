"""What a recorded run is about: the loss, one iteration of the training loop, the parameters and their updates."""

from __future__ import annotations

import ast
from collections.abc import Container, Iterator
from typing import Any

import numpy as np

from .names import claims_of, normalised
from .node import Node, alias, ndim_of, shape_of
from .replay import Graph
from .report import AuditError
from .update import Term, decompose, op_of, origin, untouched

__all__ = ["Iteration", "Parameter", "Program"]


TURNS = 16  # of a loop, looked at for the first that updates anything: gradients may be gathered over several


class Parameter:
    """A parameter of one iteration: the value the loss was computed from, and what became of it.

    Attributes
    ----------
    node
        Its value before the step.
    steps
        Its values after each statement that updates it; empty if none does.
    claim
        Where there is no update: the node that says it is the gradient.
    """

    def __init__(self, node: Node, steps: list[Node], name: str = "") -> None:
        self.node, self.steps = node, steps
        self.name = name or node.name or next((s.name for s in steps if s.name), "") or "?"
        self.claim: Node | None = None


class Iteration:
    """One turn of the training loop: the nodes from ``first`` to ``last``."""

    def __init__(self, graph: Graph, loss: Node, prefix: Any, scope: list[Node], forward: set[int]) -> None:
        self.graph, self.loss, self.prefix, self.scope = graph, loss, prefix, scope
        self.inside = {n.index for n in scope}
        self.forward = forward  # ancestors of the loss, entries too
        self.entries = {i for i in forward if i not in self.inside}
        self.parameters: list[Parameter] = []
        self.rivals: list[Node] = []  # losses of the same turn, each with parameters of its own
        self.turned = False  # from the loss of one turn to the update of the next

    @property
    def path(self) -> list[Node]:
        """The forward pass, in order."""
        return [self.graph.nodes[i] for i in sorted(self.forward)]


def is_number(n: Node) -> bool:
    v = n.value
    return isinstance(v, float | np.floating) or (isinstance(v, np.ndarray) and v.ndim == 0 and v.dtype.kind == "f")


def is_array(n: Node) -> bool:
    v = n.value
    return isinstance(v, np.ndarray | np.floating | float) and np.asarray(v).dtype.kind == "f"


class Program:
    """Finds its way in a run."""

    def __init__(self, graph: Graph, returned: Node | None, recorder: Any) -> None:
        self.graph, self.returned, self.elements = graph, returned, recorder.element
        self.opaque: dict[int, tuple[int, list[Node]]] = recorder.opaque
        self.sites = recorder.follower.rewriter.sites

    def where(self, n: Node) -> str:
        """The line of a node, and what stands there."""
        if not 0 <= n.site < len(self.sites):
            return repr(n.name or "a value")
        site = self.sites[n.site]
        return f"line {site.statement.line}: {ast.unparse(site.tree):.60}"

    # Iterations

    def scope(self, prefix: Any) -> list[Node]:
        depth = len(prefix)
        return [n for n in self.graph.nodes if n.loops[:depth] == prefix]

    def iteration(self, loss: Node, depth: int, stepped: Container[int] = ()) -> Iteration:
        """The turn of the loop at ``depth`` in which ``loss`` was computed.

        ``stepped``: parameters after a step down another loss of the same turn, where this one's derivation begins.
        """
        prefix = loss.loops[:depth]
        scope = self.scope(prefix)
        inside = {n.index for n in scope}
        forward = self.graph.ancestors([loss], lambda n: n.index not in inside or n.index in stepped)
        it = Iteration(self.graph, loss, prefix, scope, forward)
        it.entries |= {i for i in forward if i in stepped}
        return it

    def with_updates(self, loss: Node) -> Iteration | None:
        """The innermost turn of a loop around ``loss`` in which parameters are updated, or around its next values."""
        others = [n for n in self.graph.nodes if n.site == loss.site and is_number(n)] if loss.site >= 0 else []
        for depth in range(len(loss.loops), -1, -1):
            seen = set()
            for n in [loss, *others[:TURNS]] if depth else [loss]:
                prefix = n.loops[:depth]
                if len(prefix) < depth or prefix in seen:
                    continue
                seen.add(prefix)
                it = self.iteration(n, depth)
                it.parameters = list(self._updated(it))
                if it.parameters:
                    return it
            if depth:
                turned = self._with_updates_next(loss, depth)
                if turned is not None:
                    return turned
        return None

    def _with_updates_next(self, loss: Node, depth: int) -> Iteration | None:
        """Where the loss is computed after the update: with the step that the next turn takes from there."""
        prefix = loss.loops[:depth]
        loop, turn = prefix[-1]
        following = (*prefix[:-1], (loop, turn + 1))
        inside = {n.index for n in self.scope(prefix)}
        above = self.graph.ancestors([loss], lambda n: n.index not in inside) & inside
        stepped = [n for i in above for n in (self.graph.nodes[i],) if self._is_step(n)]
        if not stepped:
            return None
        cut = max(n.index for n in stepped)
        scope = [n for n in self.graph.nodes if n.index > cut and n.loops[:depth] in (prefix, following)]
        inside = {n.index for n in scope}
        forward = self.graph.ancestors([loss], lambda n: n.index not in inside)
        it = Iteration(self.graph, loss, prefix, scope, forward)
        it.turned = True
        it.parameters = list(self._updated(it))
        return it if it.parameters else None

    def _is_step(self, n: Node) -> bool:
        b = n.before
        if b is None or not is_array(n) or not is_array(b):
            return False
        terms = decompose(n, b, range(b.index + 1, n.index + 1))
        return len(terms) > 1 and any(b.index == t.atom.index and not t.factors for t in terms)

    def _updated(self, it: Iteration) -> Iterator[Parameter]:
        """What of the forward pass is carried on by sums: its later value is its old one plus something."""
        steps: dict[int, list[Node]] = {}
        depends: dict[int, set[int]] = {}
        first: dict[int, Node] = {}
        chain: dict[int, int] = {}  # a later value -> the parameter
        for u in it.scope:
            b = u.before
            if b is None or u.index in it.forward or not is_array(u):
                continue
            root = chain.get(b.index)
            if root is None:
                found = self._through(b, it)
                if found is None or not is_array(found):
                    continue
                if it.prefix and origin(found).index in it.inside and origin(found).function is not None:
                    continue  # computed in this turn: a cotangent that starts from it, not a parameter
                root = found.index
                first[root] = found
            if root not in depends:
                depends[root] = self.graph.descendants([root], it.inside | {root}) - {root}
            atoms = [t.atom for t in decompose(u, first[root], it.inside)]
            if not any(origin(a).index == root or a.index == root for a in atoms):
                continue
            chain[u.index] = root
            steps.setdefault(root, []).append(u)
        for u in self._handed_back(it, chain):
            leaf = self._base_of(u, it)
            if leaf is not None and leaf.index not in steps:
                first[leaf.index] = leaf
                depends.setdefault(
                    leaf.index, self.graph.descendants([leaf.index], it.inside | {leaf.index}) - {leaf.index}
                )
                steps[leaf.index] = [u]
        for r in [r for r in steps if any(r in depends[q] for q in steps if q != r)]:
            if not it.prefix and first[r].function is not None:
                del steps[r]  # made of another parameter: a cotangent that starts from a value of the forward pass
        taken = {r: decompose(us[-1], first[r], it.inside) for r, us in steps.items()}
        for root, us in steps.items():
            terms = taken[root]
            based = [t for t in terms if origin(t.atom).index == root or t.atom.index == root]
            if any(op_of(u) == "put" for u in us):
                continue  # memory that parameters look into; they are looked at themselves
            parts = [n for t in terms if t not in based for n in (t.atom, *(f for f, _ in t.factors))]
            if not any(n.index in depends[q] for n in parts for q in steps):
                continue
            if all(t.factors for t in based) and self._serves(us[-1], root, taken):
                continue  # a velocity
            yield Parameter(first[root], us)

    def _handed_back(self, it: Iteration, chain: dict[int, int]) -> Iterator[Node]:
        """What a function without a loop returns: new values of its parameters, perhaps."""
        if it.prefix:
            return
        for _, n in self._results(self.returned, ""):
            if n.index not in it.forward and n.index not in chain and n.function is not None:
                yield n

    def _base_of(self, u: Node, it: Iteration) -> Node | None:
        """The leaf of the forward pass that ``u`` is a step away from."""
        leaves = {i for i in it.forward if self.graph.nodes[i].function is None}
        none = Node(-1, None, (), None)
        for t in decompose(u, none, it.inside - leaves):
            n = t.atom
            if n.index in leaves and t.sign > 0 and not t.factors and _spreads(n, u) and is_array(n):
                return n
        return None

    def _serves(self, u: Node, root: int, taken: dict[int, list[Term]]) -> bool:
        """Whether ``u`` is part of the step of another parameter."""
        for other, terms in taken.items():
            if other != root:
                behind = self.graph.ancestors([t.atom for t in terms], lambda n: n.index < u.index)
                if u.index in behind or any(root in (t.atom.index, origin(t.atom).index) for t in terms):
                    return True
        return False

    def _through(self, b: Node, it: Iteration) -> Node | None:
        """``b``, or what it is another name for, if the loss was computed from it."""
        while b.index not in it.forward:
            if b.function is alias:
                b = b.args[0]
            elif untouched(b) is not None:
                b = untouched(b) or b
            else:
                return None
        return b

    # Programs that only return gradients

    def with_claims(self, loss: Node) -> Iteration | None:
        """The whole run, or the turn of a loop, whose named values say they are gradients of leaves."""
        for depth in range(len(loss.loops), -1, -1):
            it = self.iteration(loss, depth)
            written = {n.before.index for n in it.path if n.before is not None}  # buffers that are filled
            leaves = [n for n in it.path if is_array(n) and n.name and self._is_leaf(n, it) and n.index not in written]
            claimed: dict[int, Node] = {}
            for name, node in self._claimants(it):
                if node.index not in it.forward and is_array(node):
                    leaf = self._claimed(name, node, leaves)
                    if leaf is not None and leaf is not node:
                        claimed[leaf.index] = node
            results = [] if depth else [n for _, n in self._results(self.returned, "") if n.index not in it.forward]
            for node in results:
                if not any(node is c or origin(node) is origin(c) for c in claimed.values()) and ndim_of(node.value):
                    leaf = self._of_its_form(node, [n for n in leaves if n.index not in claimed], it)
                    if leaf is not None:
                        claimed[leaf.index] = node
            for i, node in claimed.items():
                p = Parameter(self.graph.nodes[i], [])
                p.claim = node
                it.parameters.append(p)
            if it.parameters:
                return it
        return None

    def _claimed(self, name: str, node: Node, leaves: list[Node]) -> Node | None:
        """The leaf whose gradient ``node`` is by its name."""
        wanted = claims_of(name)
        fits = [n for n in leaves if normalised(n.name) in wanted]
        if node.function is not None:
            fits = fits or [n for n in leaves if normalised(n.name) == normalised(name) and not _follows(node, n)]
        return fits[0] if fits else None

    def _of_its_form(self, node: Node, leaves: list[Node], it: Iteration) -> Node | None:
        """The one leaf that has the shape of a returned array, or its size."""
        depends = self.graph.descendants([n.index for n in leaves], it.inside | {n.index for n in leaves})
        if node.index not in depends:
            return None
        if any(_follows(node, n) for n in it.path if n.name):
            return None  # the next value of something, not a gradient
        for fits in (
            [n for n in leaves if shape_of(n.value) == shape_of(node.value)],
            [n for n in leaves if np.size(n.value) == np.size(node.value)],
        ):
            if fits:
                return fits[-1] if len(fits) == 1 else None
        return leaves[0] if len(leaves) == 1 else None

    def _is_leaf(self, n: Node, it: Iteration) -> bool:
        return (
            n.function is None
            or n.index in it.entries
            or not any(p.index in it.forward and is_array(p) for p in n.parents)
        )

    def _claimants(self, it: Iteration) -> Iterator[tuple[str, Node]]:
        for n in it.scope:
            if n.name:
                yield n.name, n
        for name, n in self._results(self.returned, ""):
            yield name, n

    def _results(self, node: Node | None, name: str) -> Iterator[tuple[str, Node]]:
        if node is None:
            return
        live = node.live
        if isinstance(live, list | tuple):
            for i in range(len(live)):
                e = self.elements(node, i)
                yield from self._results(e, e.name)
        elif isinstance(live, dict):
            for k in live:
                yield from self._results(self.elements(node, k), str(k))
        elif is_array(node):
            yield name or node.name, node

    # The loss

    def losses(self, name: str | None) -> list[Node]:
        """Scalars that may be the loss, the likeliest first; each at its first few places in the run."""
        graph = self.graph
        if name is not None:
            found = [n for n in graph.nodes if n.name == name and np.size(n.value) == 1 and n.function is not None]
            if not found:
                known = sorted({n.name for n in graph.nodes if n.name and is_number(n) and n.function is not None})
                raise AuditError(
                    f"no scalar called {name!r} was computed; scalars there are: {', '.join(known) or 'none'}"
                )
            return found
        numbers = [n for n in graph.nodes if is_number(n) and n.function is not None and self._has_arrays(n)]
        return numbers

    def _has_arrays(self, n: Node) -> bool:
        todo, seen = [n], set()
        while todo:
            m = todo.pop()
            if m.index in seen:
                continue
            seen.add(m.index)
            if isinstance(m.value, np.ndarray) and m.value.ndim and m.value.dtype.kind == "f":
                return True
            if len(seen) > 200:
                return True
            todo.extend(m.parents)
        return False


def _follows(n: Node, first: Node) -> bool:
    """Whether ``n`` is a later value of the same variable, or another name for one."""
    m: Node | None = n
    while m is not None and m is not first:
        m = m.args[0] if m.function is alias else m.before
    return m is first


def _spreads(n: Node, u: Node) -> bool:
    """Whether ``u`` has the shape of ``n``, or one that it is broadcast to."""
    a, b = shape_of(n.value), shape_of(u.value)
    return len(a) <= len(b) and len(a) > 0 and all(i in (1, j) for i, j in zip(a[::-1], b[::-1], strict=False))
