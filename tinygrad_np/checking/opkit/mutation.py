"""Would the samples have caught a mistake? The op's own rule is broken in the ways people break rules, and checked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...core.primitive import Primitive
from ...transforms.tree import unflatten
from .call import Call, bare, literal
from .explain import swapped_operands
from .gradient import points
from .point import Point, point_of
from .report import Check
from .sizes import free_sizes
from .subject import Subject, redrawn, structure_of
from .trials import with_rules

__all__ = ["mutants", "score"]

Array = NDArray[Any]
Wrap = Callable[[int, Callable[..., Any]], Callable[..., Any]]


class Mutant(NamedTuple):
    """An op whose rule for one argument is broken."""

    kind: str
    text: str
    op: Primitive


def mutants(call: Call) -> Iterator[Mutant]:
    """The op of this call with one mistake in its rule, in each of the common ways."""
    prim = call.op
    if not isinstance(prim, Primitive):
        return
    for i in range(len(prim.vjps) if prim.fixed else max(len(call.xs), 1)):
        name = prim.names[i] if not prim.variadic and i < len(prim.names) else f"argument {i}"
        for kind, text, change in _changes():
            yield Mutant(kind, f"{text}, for {name}", with_rules(prim, _only(i, change)))
    for text, op in swapped_operands(call):
        kind = "transpose" if text.endswith("transposed in the rule") else "wrong-operand"
        yield Mutant(kind, f"wrong where it would be {text}", op)


def _changes() -> Iterator[tuple[str, str, Callable[..., Any]]]:
    yield "factor", "twice too large", lambda c, g, xs: 2 * c
    yield "factor", "half as large", lambda c, g, xs: c / 2
    yield "mean-sum", "divided by the size of an axis", lambda c, g, xs: c / _size(c, g, xs)
    yield "bessel", "n for n - 1", lambda c, g, xs: c * (_size(c, g, xs) / max(_size(c, g, xs) - 1, 1))
    yield "sign", "of the other sign", lambda c, g, xs: -c
    yield "bias-sum", "summed over every axis", lambda c, g, xs: np.broadcast_to(np.sum(c), np.shape(c)) + 0 * c
    yield "transpose", "transposed", _transposed
    yield "mask", "without its mask", lambda c, g, xs: _where_alike(c == 0, g, c)
    yield "mask", "masked where x < 0", lambda c, g, xs: c * (_like(c, xs) > 0)
    yield "activation", "without the local derivative", lambda c, g, xs: _where_alike(True, g, c)
    yield "fork", "with the cotangent once more", lambda c, g, xs: c + _where_alike(True, g, c)
    yield "batch-statistics", "without the path through a mean", lambda c, g, xs: c - np.mean(c) if np.ndim(c) else c
    yield "time-index", "one step too late", lambda c, g, xs: np.roll(c, 1, -1) if np.ndim(c) else c
    yield "time-index", "in reverse order", lambda c, g, xs: c[..., ::-1] if np.ndim(c) else c
    yield "regulariser", "with a multiple of x added", lambda c, g, xs: c + 0.1 * _like(c, xs)
    yield "scatter", "with repeated indices counted once", _scattered


def _only(i: int, change: Callable[..., Any]) -> Wrap:
    def wrap(k: int, rule: Callable[..., Any]) -> Callable[..., Any]:
        if k != i:
            return rule

        def broken(g: Any, y: Any, *xs: Any, **params: Any) -> Any:
            c = rule(g, y, *xs, **params)
            if hasattr(c, "join"):  # a sparse cotangent
                c = c.join(None, False)
            return change(np.asarray(c), g[0] if isinstance(g, tuple) else g, [xs[i] if i < len(xs) else y, *xs])

        return broken

    return wrap


def _size(c: Any, g: Any, xs: Any) -> float:
    return float(next((n for a in (g, c, *xs) for n in np.shape(a) if n > 1), 1))


def _like(c: Any, xs: Any) -> Any:
    """The operand of the shape of ``c``, the rule's own argument first."""
    return next((x for x in xs if np.shape(x) == np.shape(c)), np.ones(np.shape(c)))


def _where_alike(where: Any, g: Any, c: Any) -> Any:
    return np.where(where, g, c) if np.shape(g) == np.shape(c) else c


def _transposed(c: Any, g: Any, xs: Any) -> Any:
    return np.swapaxes(c, -1, -2).reshape(c.shape) if np.ndim(c) > 1 else c


def _scattered(c: Any, g: Any, xs: Any) -> Any:
    """What ``c[index] = g`` leaves where an index is repeated: the last contribution alone, here half of it."""
    c = np.array(c)
    for x in xs[1:]:
        index = np.asarray(x) if isinstance(x, list | np.ndarray) else None
        if index is None or index.dtype.kind not in "iu" or not index.size or not c.ndim:
            continue
        values, counts = np.unique(index, return_counts=True)
        for v in values[counts > 1]:
            if -c.shape[0] <= v < c.shape[0]:
                c[v] = c[v] / 2
    return c


def score(subject: Subject) -> Check:
    """How many broken rules the samples tell from the right one, and samples that tell the rest."""
    prim = subject.prim
    if prim is None:
        return Check("mutation", "skip", "made of other ops: there is no rule of its own to break")
    if subject.wrong:
        return Check("mutation", "skip", "the rule is wrong on the samples themselves")
    known = [p for p in points(subject) if p.call.xs]
    if not known:
        return Check("mutation", "skip", "no sample to break a rule on")
    caught: dict[str, list[int]] = {}
    missed: dict[str, Mutant] = {}
    for m in mutants(known[0].call):
        by = [k for k, p in enumerate(known) if _caught(p, m)]
        if by:
            caught[f"{m.kind}: {m.text}"] = by
        else:
            missed[f"{m.kind}: {m.text}"] = m
    better: dict[str, Point] = {}
    if missed:
        pool = _better(subject)
        for text, m in missed.items():
            hit = next((p for p in pool if _caught(p, m) and _right(p)), None)
            if hit is not None:
                better[text] = hit
    total = len(caught) + len(better)
    if not total:
        return Check("mutation", "skip", "no broken rule differs from this one")
    first = f"the samples catch {len(caught)} of {total} broken rules"
    weak = [
        f"{p.call.shown} misses {total - n}"
        for k, p in enumerate(known)
        if (n := sum(k in by for by in caught.values())) < total
    ]
    if not better:
        note = f"; alone, {'; '.join(weak[:3])}" if weak and len(known) > 1 else ""
        return Check("mutation", "pass", first + note)
    lines = [first, *(f"not caught: {t}" for t in list(better)[:4])]
    proposed = list(dict.fromkeys(p.call.shown for p in better.values()))
    lines += [f"a sample that would: {_proposal(better, s)}" for s in proposed[:2]]
    return Check("mutation", "warn", "\n".join(lines))


def _caught(point: Point, m: Mutant) -> bool:
    try:
        return point.wrong(m.op)
    except Exception:  # evaluation failed, not the rule: nothing is proved
        return False


def _better(subject: Subject) -> list[Point]:
    """Calls like the samples with sizes that differ and values from the whole domain, a repeated index among them."""
    rng = subject.rng("better")
    found: list[Point] = []
    for call in subject.calls:
        forms = [call, *([free] if (free := free_sizes(call)) is not None else [])]
        forms += [f for f in map(_with_repeated_indices, forms) if f is not None]
        for form in forms:
            if any(structure_of(x) for x in form.xs):
                continue
            for _ in range(2):
                other = form.at([redrawn(x, subject.domain, rng) for x in form.xs], "proposed")
                point = point_of(other, rng, every=False)
                found += [point] if point is not None else []
    return found


def _right(point: Point) -> bool:
    """Whether the unbroken rule is right there."""
    try:
        return not any(np.any(point.judge(i).off) for i in range(len(point.call.xs)))
    except Exception:  # the rule raises there
        return False


def _with_repeated_indices(call: Call) -> Call | None:
    from dataclasses import replace

    leaves = list(call.leaves)
    for k, v in enumerate(leaves):
        if k not in call.where and isinstance(v, np.ndarray) and v.dtype.kind in "iu" and v.size > 1:
            again = v.copy()
            again.reshape(-1)[-1] = again.reshape(-1)[0]
            leaves[k] = again
            return replace(call, leaves=tuple(leaves))
    return None


def _proposal(better: dict[str, Point], shown: str) -> str:
    """A call as an entry of ``samples=``: shapes for the arrays that are drawn."""
    call = next(p.call for p in better.values() if p.call.shown == shown)
    full = [repr(x.shape) if k in call.where else literal(x) for k, x in enumerate(call.leaves)]
    args, params = unflatten(call.structure, full)
    parts = [bare(a) for a in args] + ([bare(params)] if params else [])
    return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"
