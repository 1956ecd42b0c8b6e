"""The gradient that an update really applies, read from its terms, whatever the arithmetic of the optimiser.

``w -= lr * dw / n``, ``w = w - lr * v`` with ``v = mu * v + g``, ``np.add.at(E, ids, -lr * g)``, Adam: a step is taken
apart into a base, terms that depend on the loss, and terms that do not (momentum, decay); each with its factors.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator
from itertools import combinations
from typing import Any

import numpy as np

from .names import is_rate_name
from .node import Node, ndim_of, shape_of

__all__ = ["Term", "alike", "decompose", "factors_of", "gradient_of_terms", "rates", "untouched"]

Get = Callable[[Node], Any]
Factor = tuple[Node, int]  # a scalar, and 1 or -1: its power

ADD = {"add", "iadd", "inplace_add"}
SUB = {"sub", "subtract", "isub", "inplace_sub", "inplace_subtract"}
MUL = {"mul", "multiply", "imul", "inplace_mul"}
DIV = {"truediv", "divide", "true_divide", "itruediv", "inplace_truediv"}
SIMPLE = (0.25, 0.5, 1.0, 2.0, 3.0, 4.0)  # of derivatives, not of step sizes
BOUNDS = {"clip", "minimum", "maximum"}
SAME = {"alias", "as_float", "array_of", "copy", "pos", "positive", "asarray", "array"}
NEG = {"neg", "negative"}


def op_of(n: Node) -> str:
    return getattr(n.function, "__name__", "") if n.function is not None else ""


class Term:
    """One summand of an update: ``sign * factors * atom``, perhaps scattered into an array."""

    __slots__ = ("atom", "factors", "scatter", "sign", "step", "via")

    def __init__(
        self,
        atom: Node,
        sign: int,
        factors: tuple[Factor, ...],
        scatter: tuple[Node, ...],
        step: Node,
        via: tuple[Node, ...] = (),
    ) -> None:
        self.atom, self.sign, self.factors, self.scatter, self.step = atom, sign, factors, scatter, step
        self.via = via  # named values on the way to the atom

    def coefficient(self, get: Get, without: frozenset[int] = frozenset()) -> Any:
        c: Any = float(self.sign)
        for node, power in self.factors:
            if node.index not in without:
                v = get(node)
                c = c * v if power > 0 else c / v
        return c

    def value(self, get: Get, without: frozenset[int] = frozenset()) -> Any:
        """What it adds to the base, its factors ``without`` left out."""
        v = self.coefficient(get, without) * np.asarray(get(self.atom))
        for place in reversed(self.scatter):
            v = _scattered(place, v, get)
        return v

    def __repr__(self) -> str:
        return f"<{'-' if self.sign < 0 else '+'} {[(n.name or n.live, p) for n, p in self.factors]} {self.atom}>"


def _scattered(place: Node, v: Any, get: Get) -> Any:
    base = np.zeros(shape_of(get(place.args[0])))
    index = get(place.args[1])
    if op_of(place) in ("add_at", "subtract_at"):
        np.add.at(base, index, v)
    elif op_of(place) == "put":
        base.reshape(-1)[index] = v
    else:
        base[index] = v
    return base


def decompose(
    u: Node, root: Node, inside: Container[int], replaced: Container[int] = (), steps: Container[int] = ()
) -> list[Term]:
    """``u`` as a sum of terms.

    It is not taken apart at ``root``, beyond ``inside``, where it is no sum or multiple, and at a named value that is
    a gradient rather than a part of an optimiser: no rate and nothing of ``replaced``, a running mean, is in it.
    """
    stop = _Stop(root.index, inside, replaced, steps)
    stop.start = root
    return list(_terms(u, 1, (), (), stop, u, 0))


class _Stop:
    """Where terms end."""

    def __init__(self, root: int, inside: Container[int], replaced: Container[int], steps: Container[int]) -> None:
        self.root, self.inside, self.replaced, self.steps = root, inside, replaced, steps
        self.known: dict[int, bool] = {}
        self.start: Node | None = None  # the node of the root

    def __contains__(self, i: int) -> bool:
        return i == self.root or i not in self.inside

    def is_restored(self, n: Node) -> bool:
        """Whether a parameter that was written to is what it was: a derivative was checked by differences."""
        if self.start is None:
            return False
        a, b = n.value, self.start.value
        return bool(a.shape == shape_of(b) and np.max(np.abs(a - b), initial=0) <= 1e-13 * np.max(np.abs(b), initial=0))

    def is_gradient(self, n: Node, factors: tuple[Factor, ...]) -> bool:
        if not n.name or not self.replaced:
            return False
        rated = any(_is_float(f) for f, _ in factors)
        key = 2 * n.index + rated
        if key not in self.known:
            self.known[key] = False  # while it is looked into
            self.known[key] = self._is_gradient(n, rated)
        return self.known[key]

    def _is_gradient(self, n: Node, rated: bool) -> bool:
        for t in _terms(n, 1, (), (), self, n, 0):
            first = origin(t.atom)
            if self.root in (t.atom.index, first.index):
                if not t.factors:
                    return False  # a step
                continue
            for n2 in (t.atom, first):
                if n2.index in self.replaced and (n2.index not in self.inside or (n2.function is None and n2.site < 0)):
                    return False  # a running mean from before
            if any(is_rate_name(f.name) or (not rated and _is_float(f) and f.name) for f, _ in t.factors):
                return False
        return True


def _is_float(n: Node) -> bool:
    return isinstance(n.value, float | np.floating)


def _is_scalar(n: Node) -> bool:
    return ndim_of(n.value) == 0 and isinstance(n.value, float | int | np.generic | np.ndarray)


def _terms(
    n: Node,
    sign: int,
    factors: tuple[Factor, ...],
    scatter: tuple[Node, ...],
    roots: _Stop,
    step: Node,
    depth: int,
    via: tuple[Node, ...] = (),
) -> Iterator[Term]:
    if n.name:
        via = (*via, n)
    if op_of(n) == "set_item" and roots.is_restored(n):
        assert roots.start is not None
        yield Term(roots.start, sign, factors, scatter, step, via)
        return
    if n.index in roots or n.function is None or depth > 200 or roots.is_gradient(n, factors):
        yield Term(n, sign, factors, scatter, step, via)
        return
    name, args = op_of(n), n.args
    before = untouched(n)
    if before is not None:
        yield from _terms(before, sign, factors, scatter, roots, step, depth + 1, via)
        return
    if n.index in roots.steps:
        step = n
    deeper = depth + 1
    if name in SAME:
        yield from _terms(args[0], sign, factors, scatter, roots, step, deeper, via)
    elif name in NEG:
        yield from _terms(args[0], -sign, factors, scatter, roots, step, deeper, via)
    elif (name in ADD or name in SUB) and len(args) == 2 and _fits(n, args):
        yield from _terms(args[0], sign, factors, scatter, roots, step, deeper, via)
        yield from _terms(args[1], -sign if name in SUB else sign, factors, scatter, roots, step, deeper, via)
    elif name in MUL and len(args) == 2 and (_is_scalar(args[0]) or _is_scalar(args[1])):
        c, x = args if _is_scalar(args[0]) and not (_is_scalar(args[1]) and args[1].index in roots) else args[::-1]
        if _is_scalar(x) and _is_scalar(c) and (c.index in roots.replaced or (_rate_like(x) and not _rate_like(c))):
            c, x = x, c  # a running mean that starts as the number 0 is what is multiplied
        s, fs = _unfolded(c, 1)
        yield from _terms(x, sign * s, (*factors, *fs), scatter, roots, step, deeper, via)
    elif name in DIV and len(args) == 2 and _is_scalar(args[1]):
        s, fs = _unfolded(args[1], -1)
        yield from _terms(args[0], sign * s, (*factors, *fs), scatter, roots, step, deeper, via)
    elif name in ("set_item", "put") and len(args) == 3 and _is_change(n):
        yield from _terms(args[0], sign, factors, scatter, roots, step, deeper, via)
        change = args[2]
        while op_of(change) in SAME:
            change = change.args[0]
        s = -sign if op_of(change) in SUB else sign
        yield from _terms(change.args[1], s, factors, (*scatter, n), roots, step, deeper, via)
    elif (name == "set_item" and _is_whole(n)) or (name == "copyto" and len(n.parents) == 2):
        yield from _terms(args[-1], sign, factors, scatter, roots, step, deeper, via)
    elif name in BOUNDS and args and not factors and sign > 0 and _is_projection(args[0], roots, step):
        yield from _terms(args[0], sign, factors, scatter, roots, step, deeper, via)
    elif name in ("add_at", "subtract_at"):
        yield from _terms(args[0], sign, factors, scatter, roots, step, deeper, via)
        s = -sign if name == "subtract_at" else sign
        yield from _terms(args[2], s, factors, (*scatter, n), roots, step, deeper, via)
    else:
        yield Term(n, sign, factors, scatter, step, via)


def untouched(n: Node) -> Node | None:
    """For a view whose memory was written to elsewhere: the view as it was before."""
    if op_of(n) == "gather" and n.before is not None and np.array_equal(n.value, n.before.value):
        return n.before
    return None


def _rate_like(n: Node) -> bool:
    return is_rate_name(n.name)


def _fits(n: Node, args: tuple[Node, ...]) -> bool:
    """Whether both summands have the shape of the sum, or broadcast to it."""
    return all(ndim_of(a.value) <= ndim_of(n.value) for a in args)


def _is_projection(n: Node, roots: _Stop, step: Node) -> bool:
    """Whether ``n`` is a parameter that was stepped: what bounds it is no part of its gradient."""
    return any(
        t.atom.index == roots.root and not t.factors and t.sign > 0 for t in _terms(n, 1, (), (), roots, step, 0)
    )


def _is_whole(n: Node) -> bool:
    """Whether all elements are replaced, by as many."""
    index = n.args[1].value
    every = all(i is Ellipsis or (isinstance(i, slice) and i == slice(None)) for i in _parts(index))
    return every and shape_of(n.args[2].value) == shape_of(n.value)


def _parts(index: Any) -> tuple[Any, ...]:
    return index if isinstance(index, tuple) else (index,)


def _is_change(n: Node) -> bool:
    """``x[i] = x[i] + y``: what an in-place statement on a part of ``x`` becomes."""
    change = n.args[2]
    while op_of(change) in SAME:
        change = change.args[0]
    if op_of(change) not in ADD | SUB:
        return False
    first = change.args[0]
    while op_of(first) in SAME:
        first = first.args[0]
    return op_of(first) in ("getitem", "gather") and first.args[0].live is n.args[0].live


def _unfolded(c: Node, power: int) -> tuple[int, tuple[Factor, ...]]:
    """A scalar factor as sign and factors: ``-lr / n`` is -1, lr, 1/n. What has a name stays whole."""
    if c.function is None or c.name:
        return (1, ((c, power),))
    name, args = op_of(c), c.args
    if name in NEG:
        s, fs = _unfolded(args[0], power)
        return -s, fs
    if name in SAME:
        return _unfolded(args[0], power)
    if name in MUL | DIV and len(args) == 2:
        s, fs = _unfolded(args[0], power)
        s2, fs2 = _unfolded(args[1], -power if name in DIV else power)
        return s * s2, (*fs, *fs2)
    return (1, ((c, power),))


def factors_of(terms: list[Term], is_size: Callable[[Node], bool]) -> list[Factor]:
    """The factors that all ``terms`` share and that an optimiser may bring: rates, not counts of things."""
    each = [[*t.factors, *inner_factors(t.atom)] for t in terms]
    shared = [f for f in each[0] if all(any(alike(f, g) for g in fs) for fs in each[1:])]
    rates_found = [f for f in shared if _is_rate(f[0], is_size)]
    telling = [f for f in rates_found if not (_is_literal(f[0]) and f[0].value in SIMPLE)]
    return telling or rates_found


def inner_factors(n: Node, depth: int = 0) -> list[Factor]:
    """Scalars that multiply a product from inside, as in ``lr * x.T @ g``, which is ``(lr * x.T) @ g``."""
    if n.function is None or depth > 20 or (depth and n.name):
        return []
    name, args = op_of(n), n.args
    deeper = depth + 1
    if name in MUL | DIV and len(args) == 2:
        for c, x, power in ((args[0], args[1], 1), (args[1], args[0], -1 if name in DIV else 1)):
            if _is_scalar(c) and not _is_scalar(x) and (name in MUL or c is args[1]):
                return [*_unfolded(c, power)[1], *inner_factors(x, deeper)]
        return [*inner_factors(args[0], deeper), *(inner_factors(args[1], deeper) if name in MUL else [])]
    if name in ("matmul", "dot", "outer", "tensordot", "multiply"):
        return [*inner_factors(args[0], deeper), *inner_factors(args[1], deeper)]
    if name in ("sum", "mean", "T", "transpose", "reshape", "ravel", "squeeze", *NEG, *SAME):
        return inner_factors(args[0], deeper) if args else []
    return []


def alike(f: Factor, g: Factor) -> bool:
    return f[1] == g[1] and (
        f[0] is g[0]
        or origin(f[0]) is origin(g[0])
        or (f[0].site == g[0].site and f[0].site >= 0 and f[0].live == g[0].live)
    )


def origin(n: Node) -> Node:
    while op_of(n) in SAME:
        n = n.args[0]
    return n


def _is_literal(n: Node) -> bool:
    return n.function is None and not n.name


def _is_rate(n: Node, is_size: Callable[[Node], bool]) -> bool:
    v = n.value
    if isinstance(v, int) and not isinstance(v, bool):
        return is_rate_name(n.name)
    return not is_size(n)


def rates(factors: list[Factor]) -> Iterator[tuple[Factor, ...]]:
    """Which of the factors together may be the step size, likeliest first; each origin at most once."""
    once: list[Factor] = []
    for f in factors:
        if not any(alike(f, g) for g in once):
            once.append(f)
    if not once:
        yield ()
        return
    once = once[:4]
    likely = [f for f in once if is_rate_name(f[0].name)]
    first = tuple(likely or once)
    yield first
    for k in range(len(once), 0, -1):
        for some in combinations(once, k):
            if some != first:
                yield some


def gradient_of_terms(terms: list[Term], rate: tuple[Factor, ...], get: Get, shape: tuple[int, ...]) -> Any:
    """The gradient that the terms apply with this step size: minus their sum over it."""
    total: Any = None
    for t in terms:
        v = -t.value(get)
        total = v if total is None else _sum(total, v)
    for node, power in rate:
        r = get(node)
        total = total / r if power > 0 else total * r
    return total if total is not None else np.zeros(shape)


def _sum(a: Any, b: Any) -> Any:
    return a + b
