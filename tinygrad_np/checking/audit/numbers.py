"""Hypotheses from the numbers alone: what a value is, beside the gradient that it should be."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import combinations
from typing import Any

import numpy as np

from .edits import Edit
from .evidence import State
from .node import Node, ndim_of, shape_of
from .program import is_array
from .scope import Block, Hand
from .update import DIV, Term, op_of

__all__ = [
    "STATISTICS", "between", "is_coupled", "is_drawn", "later", "probabilities", "ratio", "scale_of", "scalings",
    "selects", "where_it_lives",
]  # fmt: skip

STATISTICS = {"mean", "var", "std", "average"}
PROBABILITY = re.compile(r"keep|drop|prob|surviv|retain|^p$", re.IGNORECASE)


def scalings(hand: Hand, block: Block, state: State, factors: list[float]) -> Iterator[Edit]:
    """The whole value of the statement times one of ``factors``, which the wrong gradients lack."""
    tops = block.values
    if not tops or len({n.site for n in tops}) > 1:
        tops = tops[-1:]
    for c in factors:
        kind, why = scale_of(hand, block, 1 / c)

        def run(n: Node, get: Any, c: float = c) -> Any:
            assert n.function is not None
            args = [get(x) for x in n.args]
            return c * n.function(*args, **{k: get(v) for k, v in (n.keywords or {}).items()})

        if tops and all(is_array(n) for n in tops):
            for nodes in _levels(block, tops):
                yield Edit(kind, block.statement, why, {n.index: run for n in nodes}, "", 8, nodes[0], block.target)


def _levels(block: Block, tops: list[Node]) -> Iterator[list[Node]]:
    yield tops
    # `x[i] = y` and `x += y`: what is stored, rather than what was there too.
    inner = [n.args[-1] for n in tops if op_of(n) in ("set_item", "inplace_add", "inplace_sub", "add_at", "add", "sub")]
    own = {n.index for n in block.nodes}
    inner = [n for n in inner if n.index in own and n.function is not None]
    if inner and len(inner) == len(tops):
        yield inner


def scale_of(hand: Hand, block: Block | None, q: float) -> tuple[str, str]:
    """What a gradient that is ``q`` times the right one has forgotten or doubled."""
    if abs(q + 1) < 1e-6:
        return "sign", "the sign is wrong"
    size = abs(q)
    keep = _keep(hand, size)
    if keep is not None and (block is None or _masked(hand, block)):
        return (
            "dropout-scale",
            f"off by the factor {ratio(q)}, which is {keep}: the mask is not scaled as in the forward pass",
        )
    sizes = hand.sizes()
    simple = any(_near(size, c) for c in (2.0, 0.5, 4.0, 0.25))
    fits = [(name, n) for name, n in sizes.items() if _near(size, float(n)) or _near(size, 1 / n)]
    constants = [(name, v) for name, v in _constants(hand) if _near(size, v) or _near(size, 1 / v)]
    if fits and _means_differ(hand):
        name, n = fits[0]
        return "mean-sum", f"off by the factor {ratio(q)}; {n} is {name}"
    twice = [f for a in hand.evidence.applied for t in a.data for f in _repeated(t)]
    constants += [(f.name, f.value) for f in twice if f.value and (_near(size, f.value) or _near(size, 1 / f.value))]
    read = block.nodes if block is not None else [hand.graph.nodes[i] for i in hand.evidence.hand]
    constants += [
        (n.name, n.value)
        for m in read
        for n in m.parents
        if n.name and isinstance(n.value, float) and (n.value and (_near(size, n.value) or _near(size, 1 / n.value)))
    ]
    if fits and not constants and not simple:
        return "mean-sum", f"off by the factor {ratio(q)}; {fits[0][1]} is {fits[0][0]}"
    for name, value in constants:
        return "factor", f"off by the factor {ratio(q)}; {value:.6g} is {name}"
    if simple:
        return "factor", f"off by the factor {ratio(q)}"
    for name, n in sizes.items():
        if n > 2 and (_near(size, n / (n - 1)) or _near(size, (n - 1) / n)):
            if n - 1 in sizes.values() and not _has_variance(hand):
                continue  # two sizes that happen to be neighbours
            return "bessel", f"off by n/(n - 1) or its inverse for n = {n} = {name}"
    for (a, n), (b, m) in combinations(sizes.items(), 2):
        for x, y in ((n, m), (m, n)):
            if _near(size, x / y):
                return "mean-sum", f"off by the factor {x}/{y}; these are {a} and {b}"
        for c in (2.0, 0.5):
            if _near(size, c * n) or _near(size, c / n):
                return "mean-sum", f"off by the factor {ratio(q)}; {n} is {a}"
        if _near(size, float(n * m)) or _near(size, 1 / (n * m)):
            return "mean-sum", f"off by the factor {ratio(q)}: {a} times {b}"
    if keep is not None:
        return "dropout-scale", f"off by the factor {ratio(q)}, which is {keep}"
    return "factor", f"off by the factor {ratio(q)}"


def _repeated(t: Term) -> list[Node]:
    """Factors with a name that a step has more than once."""
    names = [f.name for f, _ in t.factors]
    return [f for f, _ in t.factors if f.name and names.count(f.name) > 1 and isinstance(f.value, float)]


def _has_variance(hand: Hand) -> bool:
    """Whether anything is divided by a size minus one, or is a variance."""
    for i in hand.evidence.relevant:
        n = hand.graph.nodes[i]
        if op_of(n) in ("var", "std", "cov"):
            return True
        if op_of(n) in DIV and len(n.args) == 2 and op_of(n.args[1]) == "sub" and ndim_of(n.args[1].value) == 0:
            return True
    return False


def _near(a: float, b: float) -> bool:
    return abs(a - b) <= 1e-6 * abs(b)


def ratio(q: float) -> str:
    from fractions import Fraction

    for v in (q, 1 / q) if q else ():
        f = Fraction(v).limit_denominator(64)
        if f and abs(float(f) - v) <= 1e-7 * abs(v):
            f = f if v == q else 1 / f
            return str(f)
    return f"{q:.6g}"


def _constants(hand: Hand) -> Iterator[tuple[str, float]]:
    """Numbers with a name that the loss was computed with."""
    roots = {a.node.index for a in hand.evidence.applied}
    for i in sorted(hand.iteration.forward - roots):
        n = hand.graph.nodes[i]
        if n.name and isinstance(n.value, float) and n.value not in (0.0, 1.0) and n.function is None:
            yield n.name, abs(float(n.value))


def _keep(hand: Hand, size: float) -> str | None:
    """The name of a probability that a dropout mask was drawn with, if ``size`` is it, or what is left of it."""
    for text, v in probabilities(hand):
        for power, name in ((1, text), (2, f"the square of {text}")):
            if _near(size, v**power) or _near(size, v**-power):
                return name
    return None


def probabilities(hand: Hand) -> Iterator[tuple[str, float]]:
    """What dropout masks were drawn with, by name, and by what they are scaled."""
    masks = [n for i in hand.evidence.relevant for n in (hand.graph.nodes[i],) if is_drawn(hand, n)]
    if not masks:
        return
    drawn_with = hand.graph.ancestors(masks)
    for n in hand.graph.nodes:
        if not n.name or not isinstance(n.value, float) or not 0 < n.value < 1:
            continue
        if n.index in drawn_with or PROBABILITY.search(n.name):
            yield n.name, n.value
            yield f"1 - {n.name}", 1 - n.value
    for m in masks:
        v = float(np.max(np.abs(m.value))) if m.value.dtype.kind == "f" else 1.0
        if v != 1.0:
            yield f"the scale of {hand.text(m)}", v


def is_drawn(hand: Hand, n: Node) -> bool:
    v = n.value
    if not isinstance(v, np.ndarray) or v.ndim == 0 or n.index in hand.evidence.influenced:
        return False
    return v.dtype == np.bool_ or (bool(np.any(v == 0)) and len(np.unique(v)) == 2)


def _masked(hand: Hand, block: Block) -> bool:
    """Whether the statement, or one that feeds on it, has to do with a mask."""
    around = {n.index for n in block.nodes} | {p.index for n in block.nodes for p in n.parents}
    around |= {p.index for i in list(around) for p in hand.graph.nodes[i].parents}
    return any(is_drawn(hand, hand.graph.nodes[i]) for i in around) or any(
        is_drawn(hand, p) for n in hand.iteration.path for p in n.parents if n.index in hand.evidence.influenced
    )


def _means_differ(hand: Hand) -> bool:
    """Whether the loss divides by a size and the backward pass does not, or the other way round."""

    def divides(indices: set[int]) -> bool:
        for i in indices:
            n = hand.graph.nodes[i]
            if op_of(n) in STATISTICS:
                return True
            if op_of(n).removeprefix("inplace_") in DIV and len(n.args) == 2:
                d = n.args[1].value
                if isinstance(d, int | np.integer) or (isinstance(d, float) and d.is_integer() and d > 1):
                    return True
        return False

    return divides(hand.iteration.forward) != divides(hand.evidence.hand)


# A value beside the gradient of a forward value


def later(hand: Hand, f: Node, G: Any, state: State) -> Iterator[Node]:
    """Forward values of the same shape that were computed from ``f``, the nearest first."""
    reached = hand.graph.descendants([f.index], hand.iteration.forward) - {f.index}
    for i in sorted(reached):
        g = state.truth.gradients.get(i)
        if g is not None and shape_of(g) == shape_of(G) and np.any(g):
            yield hand.graph.nodes[i]


def between(hand: Hand, f: Node, g: Node) -> list[Node]:
    inner = hand.graph.ancestors([g], lambda m: m.index <= f.index) & (
        hand.graph.descendants([f.index], hand.iteration.forward)
    )
    return [hand.graph.nodes[i] for i in sorted(inner, reverse=True) if i >= f.index]


def is_coupled(hand: Hand, f: Node, g: Node) -> bool:
    """Whether elements of ``g`` hang on several elements of ``f``."""
    shape = shape_of(f.value)
    return any(shape_of(m.value) != shape for m in between(hand, f, g) if isinstance(m.value, np.ndarray | np.generic))


def selects(m: Node) -> bool:
    if op_of(m) in ("maximum", "minimum", "where", "clip", "set_item", "fmax"):
        return True
    return op_of(m) in ("mul", "multiply") and any(
        isinstance(p.value, np.ndarray) and np.all((p.value == 0) | (p.value == 1)) for p in m.args
    )


def where_it_lives(G: Any, T: Any) -> str:
    """In which part of an array two gradients differ."""
    if shape_of(G) != shape_of(T):
        return f"the shape is {shape_of(G)} and should be {shape_of(T)}"
    off = np.abs(np.asarray(G) - np.asarray(T)) > 1e-7 * float(np.max(np.abs(T), initial=0))
    n = int(np.sum(off))
    text = f"wrong at {n} of {off.size} elements"
    if off.ndim == 2 and 0 < n < off.size:
        rows, columns = np.flatnonzero(off.any(1)), np.flatnonzero(off.any(0))
        if len(rows) < off.shape[0]:
            text += f", in the rows {', '.join(map(str, rows[:8]))}"
        elif len(columns) < off.shape[1]:
            text += f", in the columns {', '.join(map(str, columns[:8]))}"
    return text
