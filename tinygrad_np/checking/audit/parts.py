"""Hypotheses: a part of a statement scaled, something added, a mean not taken off."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .edits import Edit, constant, source_of
from .evidence import State
from .node import Node, shape_of
from .numbers import is_coupled, is_drawn, later, probabilities, scale_of
from .penalty import is_penalty
from .program import is_array
from .replay import same
from .scope import Block, Hand, by_place
from .swaps import is_mask, name_finder, reads_outside
from .update import op_of

__all__ = ["centred", "derivatives", "factors_missing", "local_derivatives", "parts_scaled", "penalties", "sums"]


def parts_scaled(hand: Hand, block: Block) -> Iterator[Edit]:
    """Each part of the statement times a number that people forget."""
    places = by_place([*block.nodes, *reads_outside(hand, block, {m.index for m in block.nodes})])
    factors = list(dict.fromkeys(_numbers(hand)))
    for nodes in places.values():
        n = nodes[0]
        if not is_array(n) or n.function is None:
            continue
        for c in factors:
            kind, why = scale_of(hand, block, 1 / c)
            if kind != "bessel" and _is_summand(hand, n) and _is_of_parameters(hand, n):
                kind = "regulariser"
            yield Edit(
                kind,
                block.statement,
                f"{source_of(hand, n)} is {why}",
                {m.index: _times(c) for m in nodes},
                "",
                31,
                n,
                block.target,
            )


def _numbers(hand: Hand) -> Iterator[float]:
    yield from (-1.0, 2.0, 0.5, 4.0, 0.25)
    for n in hand.sizes().values():
        if n > 1:
            yield from (float(n), 1 / n)
        if n > 2:
            yield from (n / (n - 1), (n - 1) / n)
    if any(is_drawn(hand, hand.graph.nodes[i]) for i in hand.evidence.relevant):
        for _, v in probabilities(hand):
            yield from (v, 1 / v)


def _times(c: float) -> Callable[..., Any]:
    def run(n: Node, get: Callable[[Node], Any]) -> Any:
        assert n.function is not None
        return c * n.function(*[get(x) for x in n.args], **{k: get(v) for k, v in (n.keywords or {}).items()})

    return run


def _is_of_parameters(hand: Hand, n: Node) -> bool:
    """Whether a part was computed from parameters and numbers alone: what a penalty adds."""
    roots = {a.node.index for a in hand.evidence.applied}
    above = hand.graph.ancestors([n], lambda m: m.index in roots)
    arrays = [hand.graph.nodes[i] for i in above if ndim(hand.graph.nodes[i])]
    return (
        any(m.index in roots for m in arrays)
        and all(m.index in roots or m.function is not None for m in arrays)
        and not any(m.index in hand.iteration.forward and m.index not in roots for m in arrays)
    )


def _is_summand(hand: Hand, n: Node) -> bool:
    users = [op_of(hand.graph.nodes[i]).removeprefix("inplace_") for i in hand.graph.children[n.index]]
    return any(u in ("add", "sub", "set_item", "alias") for u in users)


def penalties(hand: Hand, block: Block, state: State) -> Iterator[Edit]:
    """A multiple of a penalty's gradient added to what the statement stores."""
    for a in hand.evidence.applied:
        i = a.node.index
        T, G = state.wanted[i], state.given[i]
        if state.verdict[i] != "wrong" or shape_of(T) != shape_of(G):
            continue
        ways = [
            v
            for (f, c), v in state.truth.edges.items()
            if f == i and np.any(v) and is_penalty(hand.graph, hand.iteration, a.node, hand.graph.nodes[c])
        ]
        if not ways:
            continue
        v = sum(ways)
        D = np.asarray(T) - np.asarray(G)
        k = float(np.vdot(v, D) / np.vdot(v, v)) if np.any(v) else 0.0
        if abs(k) < 1e-9 or not same(D, k * v):
            continue
        has_term = any(_is_summand(hand, n) and _is_of_parameters(hand, n) for n in block.nodes)
        rank = 12 if has_term else 27
        for n in block.values:
            if shape_of(n.value) == shape_of(T):
                why = f"the penalty on {a.name} enters {1 - k:.6g} times its gradient"
                yield Edit("regulariser", block.statement, why, {n.index: _more(k * v)}, "", rank, n, block.target)


def _more(v: Any) -> Callable[..., Any]:
    def run(n: Node, get: Callable[[Node], Any]) -> Any:
        assert n.function is not None
        return n.function(*[get(x) for x in n.args], **{k: get(x) for k, x in (n.keywords or {}).items()}) + v

    return run


def ndim(n: Node) -> int:
    return n.value.ndim if isinstance(n.value, np.ndarray) else 0


def sums(hand: Hand, block: Block) -> Iterator[Edit]:
    """What the statement stores, plus or minus an array at hand: a path lost, or counted twice."""
    tops = [n for n in block.values if is_array(n)]
    if not tops or len({n.site for n in tops}) != 1:
        by_site: dict[int, list[Node]] = {}
        for n in tops:
            by_site.setdefault(n.site, []).append(n)
    else:
        by_site = {tops[0].site: tops}
    for nodes in by_site.values():
        n = nodes[0]
        if not ndim(n):
            continue
        own = n.name
        for name, b in hand.visible(n):
            fits = is_array(b) and shape_of(b.value) == shape_of(n.value)
            if not fits or ((b is n or not np.any(b.value)) and not (name == own and len(nodes) > 1)):
                continue
            find = name_finder(hand, name, b)
            for sign, rank in ((1, 36), (-1, 39)):
                overrides: dict[int, Any] = {}
                for m in nodes:
                    other = find(m)
                    if other is not None and shape_of(other.value) == shape_of(m.value):
                        overrides[m.index] = _plus(other, sign)
                if not overrides:
                    continue
                is_param = any(b.index == a.node.index for a in hand.evidence.applied)
                kind = "regulariser" if is_param else "fork"
                why = f"{name} is missing in the sum" if sign > 0 else f"{name} is counted twice"
                yield Edit(kind, block.statement, why, overrides, "", rank - 4 * (name == own), n, block.target)


def factors_missing(hand: Hand, block: Block) -> Iterator[Edit]:
    """A part of the statement times an array at hand."""
    for nodes in block.places.values():
        n = nodes[0]
        if not ndim(n) or not is_array(n):
            continue
        for name, b in hand.visible(n):
            if not is_array(b) or not ndim(b) or b is n:
                continue
            find = name_finder(hand, name, b)
            overrides = {m.index: _product(other) for m in nodes if (other := find(m)) is not None}
            kind = "mask" if is_mask(b) else "activation" if b.index in hand.iteration.forward else "wrong-operand"
            why = f"the factor {name} is missing in {source_of(hand, n)}"
            yield Edit(kind, block.statement, why, overrides, "", 38, n, block.target)


def _product(other: Node) -> Callable[..., Any]:
    def run(n: Node, get: Callable[[Node], Any]) -> Any:
        assert n.function is not None
        return n.function(*[get(x) for x in n.args], **{k: get(v) for k, v in (n.keywords or {}).items()}) * get(other)

    return run


def _plus(other: Node, sign: int) -> Callable[..., Any]:
    def run(n: Node, get: Callable[[Node], Any]) -> Any:
        assert n.function is not None
        made = n.function(*[get(x) for x in n.args], **{k: get(v) for k, v in (n.keywords or {}).items()})
        return made + sign * get(other)

    return run


def centred(hand: Hand, block: Block) -> Iterator[Edit]:
    """A mean of the gradient that a norm takes off, or its projection on the normalised values, left out."""
    if not any(op_of(n) in ("mean", "var", "std") or (op_of(n) == "sum" and ndim(n)) for n in hand.iteration.path):
        return
    for nodes in block.places.values():
        n = nodes[0]
        if ndim(n) < 1:
            continue
        for axis in range(ndim(n)):
            why = f"the mean of the gradient over axis {axis} is not taken off"
            yield Edit(
                "batch-statistics",
                block.statement,
                why,
                {m.index: _centre(axis) for m in nodes},
                "",
                27,
                n,
                block.target,
            )
            for name, b in hand.visible(n):
                if shape_of(b.value) != shape_of(n.value) or not is_array(b) or b.index not in hand.evidence.influenced:
                    continue
                if abs(float(np.mean(np.asarray(b.value) ** 2)) - 1) > 0.2:
                    continue  # not normalised
                find = name_finder(hand, name, b)
                why = f"the gradient's part along {name} is not taken off: the path through the variance"
                yield Edit(
                    "batch-statistics",
                    block.statement,
                    why,
                    {m.index: _project(find, axis) for m in nodes},
                    "",
                    27,
                    n,
                    block.target,
                )


def _centre(axis: int) -> Callable[..., Any]:
    def run(n: Node, get: Callable[[Node], Any]) -> Any:
        assert n.function is not None
        v = n.function(*[get(x) for x in n.args], **{k: get(x) for k, x in (n.keywords or {}).items()})
        return v - np.mean(v, axis=axis, keepdims=True)

    return run


def _project(find: Callable[[Node], Node | None], axis: int) -> Callable[..., Any]:
    def run(n: Node, get: Callable[[Node], Any]) -> Any:
        assert n.function is not None
        v = n.function(*[get(x) for x in n.args], **{k: get(x) for k, x in (n.keywords or {}).items()})
        b = find(n)
        y = get(b) if b is not None else 0.0
        return v - y * np.mean(v * y, axis=axis, keepdims=True)

    return run


def derivatives(hand: Hand, block: Block, state: State) -> Iterator[Edit]:
    """A part of the statement replaced by the local derivative of a forward value."""
    pairs = local_derivatives(hand, state)
    own = {n.index for n in block.nodes}
    for nodes in by_place([*block.nodes, *reads_outside(hand, block, own)]).values():
        n = nodes[0]
        if len(nodes) > 1 or not is_array(n) or not ndim(n) or n.index not in hand.evidence.influenced:
            continue
        zero_one = bool(np.all((n.value == 0) | (n.value == 1)))
        for g, D in pairs.get(n.value.shape, ()):
            kind = "mask" if zero_one and np.all((D == 0) | np.isclose(D, 1)) else "activation"
            why = f"{source_of(hand, n)} is not the local derivative of {hand.text(g)}"
            yield Edit(kind, block.statement, why, {n.index: constant(D)}, "", 27, n, block.target)


def local_derivatives(hand: Hand, state: State) -> dict[tuple[int, ...], list[tuple[Node, Any]]]:
    """By shape: forward values, and their derivatives by what they were computed from, element by element."""
    known: dict[tuple[int, ...], list[tuple[Node, Any]]] | None = hand.derivatives.get(id(state.truth))
    if known is not None:
        return known
    truth = state.truth.gradients
    pairs: dict[tuple[int, ...], list[tuple[Node, Any]]] = {}
    for f in hand.iteration.path:
        T = truth.get(f.index)
        if T is None or not np.ndim(T) or not np.any(T):
            continue
        found = 0
        for g in sorted(later(hand, f, T, state), key=lambda g: (not g.name, g.index)):
            if is_coupled(hand, f, g):
                continue
            u = truth[g.index]
            D = np.where(u == 0, 0.0, np.asarray(T) / np.where(u == 0, 1.0, u))
            if same(D * u, T) and not np.allclose(D, 1):
                pairs.setdefault(np.shape(T), []).append((g, D))
                found += 1
            if found == 4:
                break
    hand.derivatives[id(state.truth)] = pairs
    return pairs
