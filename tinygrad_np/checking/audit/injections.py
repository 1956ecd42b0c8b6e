"""Hypotheses from the numbers alone: what a value is, beside the gradient that it should be."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np

from ..diagnose import diagnose
from .edits import Edit
from .evidence import State
from .names import claims_of
from .node import Node, ndim_of, shape_of
from .numbers import STATISTICS, between, is_coupled, later, ratio, scale_of, selects, where_it_lives
from .penalty import is_penalty
from .program import is_array
from .replay import same
from .scope import Block, Hand
from .update import DIV, SAME, op_of

__all__ = ["injections"]


def injections(hand: Hand, block: Block, state: State) -> Iterator[Edit]:
    """What the statement stores replaced by the tape's gradient of a forward value: then its kind is read off."""
    groups = _stored(block)
    claims = {f.index for n in groups[0] for f in _claimed(hand, block)} if groups else set()
    for nodes in groups:
        targets: list[list[Node]] = list(_targets(hand, nodes, state))
        targets.sort(key=lambda fs: (fs[0].index not in claims, -fs[0].index))
        tried: list[Any] = []
        for fs in targets:
            values = [state.truth.gradients[f.index] for f in fs]
            if any(all(same(a, b) for a, b in zip(values, t, strict=True)) for t in tried):
                continue
            tried.append(values)
            overrides = {n.index: (lambda _n, _get, v=v: v) for n, v in zip(nodes, values, strict=True)}
            edit = Edit("unknown", block.statement, "", overrides, "", 60, nodes[0], block.target)
            edit.explain = partial(explained, hand, nodes, fs)
            yield edit


def _claimed(hand: Hand, block: Block) -> list[Node]:
    return [f for c in claims_of(block.target.split(".")[-1]) for f in hand.forward_names.get(c, ())]


def _stored(block: Block) -> list[list[Node]]:
    """The values of the statement, outermost first, by place; each with its runs."""
    places = block.places
    tops = {n.site for n in block.values}
    order = sorted(places, key=lambda s: (s[0] not in tops, s))
    return [
        [n for n in places[s] if is_array(n)]
        for s in order
        if any(is_array(n) and ndim_of(n.value) for n in places[s])
        or (s[0] in tops and any(is_array(n) for n in places[s]))
    ]


def _targets(hand: Hand, nodes: list[Node], state: State) -> Iterator[list[Node]]:
    """Forward values of the shape of ``nodes``, one for each, run by run."""
    truth = state.truth.gradients
    shape = shape_of(nodes[0].value)
    if len(nodes) == 1:
        for a in hand.evidence.applied:
            i = a.node.index
            other_shape = state.verdict[i] == "wrong" and shape_of(state.given[i]) != shape_of(state.wanted[i])
            below = hand.graph.descendants([nodes[0].index]) if other_shape and i in truth else ()
            if any(t.atom.index in below for t in a.data):
                yield [hand.graph.nodes[i]]
        for i in sorted(truth, reverse=True):
            if shape_of(truth[i]) == shape and np.any(truth[i]):
                yield [hand.graph.nodes[i]]
        return
    by_site: dict[int, list[Node]] = {}
    for i in sorted(truth):
        f = hand.graph.nodes[i]
        if f.site >= 0 and ndim_of(truth[i]) == len(shape):
            by_site.setdefault(f.site, []).append(f)
    shapes = [shape_of(n.value) for n in nodes]  # the last batch may be smaller
    for fs in by_site.values():
        if len(fs) == len(nodes):
            for order in (fs[::-1], fs):
                if [shape_of(truth[f.index]) for f in order] == shapes:
                    yield order


def explained(hand: Hand, nodes: list[Node], fs: list[Node], state: State) -> tuple[str, str]:
    """Kind and reason that hold for every run; ``unknown`` if none does."""
    found: tuple[str, str] | None = None
    told = False
    for n, f in zip(nodes, fs, strict=True):
        G, T = hand.graph.run(n, state.get), state.truth.gradients[f.index]
        if same(G, T):
            continue
        if not np.any(G) and len(nodes) > 1 and np.any([np.any(hand.graph.run(m, state.get)) for m in nodes]):
            continue  # where nothing has arrived yet, nothing can be told
        one = _explained(hand, n, G, T, f, state)
        if told and found is not None and one[0] != found[0]:
            if {one[0], found[0]} != {"mask", "activation"}:
                return "unknown", where_it_lives(G, T)
            one = one if one[0] == "activation" else found  # a mask is the special case
        found, told = one, True
    return found or ("unknown", "")


def _explained(hand: Hand, n: Node, G: Any, T: Any, f: Node, state: State) -> tuple[str, str]:
    name = hand.text(f)
    if shape_of(G) != shape_of(T):
        found = diagnose(G, T, hand.sizes())
        return (found.kind, f"as the gradient of {name} {found.text}") if found else ("shape", where_it_lives(G, T))
    if np.size(T) > 1 and np.any(T):
        q = float(np.vdot(T, G) / np.vdot(T, T))
        if q and same(G, q * np.asarray(T)):
            return scale_of(hand, None, q)
    following = list(later(hand, f, G, state))
    for g in following:
        if same(G, state.truth.gradients[g.index]):
            return _missing(hand, f, g)
    read = _read_by(hand, n, state)
    selecting = _wrong_selection(hand, f, G, following, read, state)
    if selecting is not None:
        return selecting
    edge = _edges(hand, f, G, T, state)
    if edge is not None:
        return edge
    decayed = _decayed_in_part(hand, f, np.asarray(T) - np.asarray(G), state)
    if decayed is not None:
        return decayed
    diagnosis = diagnose(G, T, hand.sizes())
    if diagnosis is not None and (diagnosis.kind not in ("mask", "shape") or shape_of(G) != shape_of(T)):
        if diagnosis.kind in ("factor", "mean-sum", "sign", "bessel"):
            q = float(np.vdot(T, G) / np.vdot(T, T))
            return scale_of(hand, None, q) if q else ("mask", f"as the gradient of {name} it is zero everywhere")
        return diagnosis.kind, f"as the gradient of {name} it {_said(diagnosis.text)}"
    for g in following:
        u = state.truth.gradients[g.index]
        if not any(same(v, u) for v in read if shape_of(v) == shape_of(u)):
            continue
        coupled = is_coupled(hand, f, g)
        with np.errstate(all="ignore"):
            r = np.where(u == 0, 0.0, np.asarray(G) / np.where(u == 0, 1.0, u))
        if not same(r * u, G):
            continue
        if coupled:
            for y in between(hand, f, g):
                if not is_array(y):
                    continue
                v = np.asarray(state.get(y))
                if v.shape == shape_of(r):
                    for form, d in (
                        (f"{hand.text(y)} * (1 - {hand.text(y)})", v * (1 - v)),
                        (hand.text(y), v),
                        (f"1 - {hand.text(y)}**2", 1 - v * v),
                    ):
                        if same(np.where(u == 0, 0.0, d), r):
                            return "jacobian", (
                                f"{hand.text(g)} is computed from all of {name} together, not element by element: the"
                                f" factor {form} is only the diagonal"
                            )
            continue
        d = np.where(u == 0, 0.0, np.asarray(T) / np.where(u == 0, 1.0, u))
        if np.all((r == 0) | np.isclose(r, 1)):
            return "mask", f"the mask of {hand.text(g)} is not the one of the forward pass"
        return "activation", f"the local derivative of {hand.text(g)} by {name} is wrong"
    if diagnosis is not None:
        return diagnosis.kind, f"as the gradient of {name} it {_said(diagnosis.text)}"
    return "unknown", where_it_lives(G, T)


def _decayed_in_part(hand: Hand, f: Node, D: Any, state: State) -> tuple[str, str] | None:
    """What is wrong is a multiple of the parameter itself, at some of its elements."""
    roots = {a.node.index for a in hand.evidence.applied}
    arrays = [
        m
        for i in hand.graph.ancestors([f], lambda m: m.index in roots)
        for m in (hand.graph.nodes[i],)
        if isinstance(m.value, np.ndarray) and m.value.dtype.kind == "f" and m.value.ndim
    ]
    if not any(m.index in roots for m in arrays) or any(m.function is None and m.index not in roots for m in arrays):
        return None
    w = np.asarray(state.get(f))
    off = np.abs(D) > 1e-9 * float(np.max(np.abs(D), initial=0))
    if not np.any(off) or np.any(w[off] == 0):
        return None
    k = D[off] / w[off]
    if np.ptp(k) > 1e-7 * np.max(np.abs(k)) or np.size(D) < 2:
        return None
    return (
        "regulariser",
        f"what is wrong is {k[0]:.6g} times {hand.text(f)} itself, at {int(np.sum(off))} of its elements",
    )


def _wrong_selection(
    hand: Hand, f: Node, G: Any, following: list[Node], read: list[Any], state: State
) -> tuple[str, str] | None:
    """Across a relu or its like: multiplied by zeros and ones that are not its derivative."""
    for g in following:
        u = state.truth.gradients[g.index]
        if not any(same(v, u) for v in read if shape_of(v) == shape_of(u)):
            continue
        if is_coupled(hand, f, g) or not any(selects(m) for m in between(hand, f, g) if m is not f):
            continue
        r = np.where(u == 0, 0.0, np.asarray(G) / np.where(u == 0, 1.0, u))
        if same(r * u, G) and not np.allclose(r[u != 0], 1):
            if np.all((r == 0) | np.isclose(r, 1)):
                return "mask", f"the mask of {hand.text(g)} is not the one of the forward pass"
            return "activation", f"the local derivative of {hand.text(g)} by {hand.text(f)} is wrong"
    return None


def _read_by(hand: Hand, n: Node, state: State) -> list[Any]:
    """Values of the backward pass that the expression of ``n`` reads, and its parts."""
    sites = set(hand.sites[n.site].statement.sites) if n.site >= 0 else set()
    found, todo, seen = [], list(n.parents), set()
    while todo:
        m = todo.pop()
        if m.index in seen or not is_array(m):
            continue
        seen.add(m.index)
        found.append(np.asarray(state.get(m)))
        if m.site in sites or op_of(m) in SAME:
            todo.extend(m.parents)
    return found


def _missing(hand: Hand, f: Node, g: Node) -> tuple[str, str]:
    """It is the gradient of a later value: what lies between is not differentiated."""
    name, following = hand.text(f), hand.text(g)
    middle = between(hand, f, g)
    if is_coupled(hand, f, g):
        ops = {op_of(m) for m in middle}
        if "exp" not in ops and (ops & STATISTICS or ops & DIV):
            return (
                "batch-statistics",
                f"it is the gradient of {following}; what leads from {name} to it is not differentiated",
            )
        return "jacobian", f"it is the gradient of {following}; what leads from {name} to it is not differentiated"
    if any(selects(m) for m in middle):
        return "mask", f"it is the gradient of {following}; the mask between it and {name} is missing"
    return "activation", f"it is the gradient of {following}; the local derivative by {name} is missing"


def _edges(hand: Hand, f: Node, G: Any, T: Any, state: State) -> tuple[str, str] | None:
    """One of several paths lost, or counted twice."""
    ways = [(hand.graph.nodes[c], v) for (i, c), v in state.truth.edges.items() if i == f.index and np.any(v)]
    ways = _merged(hand, f, ways, state)
    D = np.asarray(T) - np.asarray(G)
    name = hand.text(f)
    for k in (1, 2, 3):
        if k > len(ways):
            break
        for some in combinations(ways, k):
            total = sum(v for _, v in some)
            for sign in (1, -1):
                if same(sign * D, total):
                    if k == len(ways) and sign == 1:
                        continue
                    return _path_kind(hand, f, [c for c, _ in some], name, sign)
    for c, v in ways:
        if is_penalty(hand.graph, hand.iteration, f, c):
            part = float(np.vdot(v, D) / np.vdot(v, v))
            if abs(part) > 1e-9 and same(D, part * v):
                if abs(part - 1) > 1e-9 and scale_of(hand, None, 1 - part)[0] == "bessel":
                    return scale_of(hand, None, 1 - part)
                return "regulariser", f"the penalty on {name} enters {ratio(1 - part)} times"
    return None


def _merged(hand: Hand, f: Node, ways: list[tuple[Node, Any]], state: State) -> list[tuple[Node, Any]]:
    """Ways out of ``f``; where it goes on under another name only, the ways out of that."""
    while len(ways) == 1 and (op_of(ways[0][0]) in SAME):
        f = ways[0][0]
        ways = [(hand.graph.nodes[c], v) for (i, c), v in state.truth.edges.items() if i == f.index and np.any(v)]
    return ways


def _path_kind(hand: Hand, f: Node, consumers: list[Node], name: str, sign: int) -> tuple[str, str]:
    what = " and ".join(dict.fromkeys(_use(hand, f, c) for c in consumers))
    lost = "is lost" if sign > 0 else "is counted twice"
    if all(is_penalty(hand.graph, hand.iteration, f, c) for c in consumers) and any(
        f.index == a.node.index for a in hand.evidence.applied
    ):
        return "regulariser", f"the penalty's part of the gradient of {name} {lost}"
    statistical = [c for c in consumers if _is_statistic(hand, f, c)]
    if statistical and not any(_meets(hand, c, d) for c in statistical for d in consumers if d not in statistical):
        return "batch-statistics", f"the path from {name} through {what} {lost}"
    return "fork", f"the path from {name} through {what} {lost}"


def _meets(hand: Hand, c: Node, d: Node) -> bool:
    """Whether ``d``, a direct use of a value, is combined with its statistic ``c``: then a whole norm is lost."""
    return d.index in hand.graph.descendants([c.index], hand.iteration.forward)


def _use(hand: Hand, f: Node, c: Node) -> str:
    """Where a way leads: the next value with a name."""
    n = c
    for _ in range(20):
        if n.name:
            return n.name
        nexts = [i for i in hand.graph.children[n.index] if i in hand.iteration.forward]
        if not nexts:
            break
        n = hand.graph.nodes[nexts[0]]
    return hand.text(c)


def _is_statistic(hand: Hand, f: Node, c: Node) -> bool:
    """Whether a way leads into a mean or variance that comes back to the values it was taken of."""
    n = c
    for _ in range(6):
        if op_of(n) in STATISTICS and ndim_of(n.value):
            return True
        if op_of(n) == "sum" and ndim_of(n.value) and ndim_of(n.value) >= ndim_of(f.value) - 1:
            after = [hand.graph.nodes[i] for i in hand.graph.children[n.index] if i in hand.iteration.forward]
            if any(op_of(m) in DIV and ndim_of(m.args[1].value) == 0 for m in after):
                return True
        nexts = [i for i in hand.graph.children[n.index] if i in hand.iteration.forward]
        if len(nexts) != 1:
            return False
        n = hand.graph.nodes[nexts[0]]
    return False


def _said(text: str) -> str:
    return text if text.startswith("is ") else f"is {text}"
