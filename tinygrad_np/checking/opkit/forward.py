"""Is the op a function? Same values at every call, inputs left alone, outputs of its own, what its reference gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.primitive import Primitive
from ...core.tensor import Tensor
from ...numeric import rounding
from ...transforms import vjp
from ...transforms.tree import flatten
from ..diagnose import Diagnosis, diagnose
from ..problem import as_array, direction
from .call import Call, is_float
from .gradient import named, points, where_raised
from .point import Point, point_of
from .report import Check
from .subject import Subject

__all__ = ["deterministic", "inputs_left_alone", "linear_in_g", "own_outputs", "runs", "threads", "values"]

Array = NDArray[Any]


def runs(subject: Subject) -> Check:
    """Whether the op takes its samples; those that it does not take are left out of all that follows."""
    failed: list[str] = []
    kept: list[Call] = []
    odd: list[str] = []
    for call in subject.calls:
        try:
            plain, boxed = call.run(*call.xs), call.run(*[Tensor(x, requires_grad=True) for x in call.xs])
        except Exception as error:  # the op is anybody's
            failed.append(f"{call.shown}: {where_raised(error)}")
            continue
        kept.append(call)
        for p, t in zip(flatten(plain)[0], flatten(boxed)[0], strict=False):
            t = as_array(t)
            if np.shape(p) != t.shape or np.result_type(p) != t.dtype:
                kinds = f"{np.result_type(p)}{list(np.shape(p))} of arrays, {t.dtype}{list(t.shape)} of Tensors"
                odd.append(f"{call.shown}: {kinds}")
            elif np.any(_differ(np.asarray(p), t, t.size)):
                odd.append(f"{call.shown}: other values of Tensors than of arrays")
    subject.calls = kept
    if failed:
        return Check("forward", "fail", "\n".join(failed[:3]), "raises")
    if odd:
        return Check("forward", "fail", "\n".join(odd[:3]), "forward")
    bad = [c.shown for c in kept if not _all_finite(c)]
    if bad and len(bad) == len(kept):
        why = f"what it gives is finite at no sample, as in {bad[0]}, so nothing was checked"
        return Check("forward", "fail", f"{why}: give samples where it has a value")
    said = f"runs on {len(kept)} sample{'s' * (len(kept) != 1)}"
    if bad:
        return Check(
            "forward", "warn", f"{said}, but what it gives is not finite in {bad[0]}: no gradient is checked there"
        )
    return Check("forward", "pass", said)


def _all_finite(call: Call) -> bool:
    return all(np.isfinite(np.asarray(y)).all() for y in call.outputs(*call.xs))


def values(subject: Subject) -> Check:
    """The values against a reference."""
    f = subject.reference
    if f is None:
        return Check("reference", "skip", "no reference= was given")
    n = 0
    for call in (*subject.calls, *subject.drawn(20 if subject.thorough else 3)):
        args, params = call.filled(call.xs)
        try:
            expected = [np.asarray(y) for y in flatten(f(*args, **params))[0]]
        except Exception as error:  # the reference is anybody's
            return Check("reference", "warn", f"the reference does not take {call.shown}: {where_raised(error)}")
        got = [np.asarray(y) for y in flatten(call.run(*call.xs))[0]]
        if len(got) != len(expected):
            return Check(
                "reference", "fail", f"{call.shown} gives {len(got)} outputs, the reference {len(expected)}", "forward"
            )
        for k, (y, e) in enumerate(zip(got, expected, strict=True)):
            name = "the output" if len(got) == 1 else f"output {k}"
            if y.shape != e.shape:
                text = f"{name} of {call.shown} has the shape {y.shape}, the reference's {e.shape}"
                return Check("reference", "fail", text, "shape")
            off = _differ(y, e, max((x.size for x in call.xs), default=1))
            if np.any(off):
                worst = tuple(np.argwhere(off)[0])
                why = diagnose(y, e) if is_float(e) else None
                text = f"{name} of {call.shown} is {y[worst]:.6g} and the reference says {e[worst]:.6g}"
                text += f" at {list(map(int, worst))}" if y.ndim else ""
                text += f"; {int(np.sum(off))} of {off.size} elements are off"
                return Check(
                    "reference", "fail", f"{why.text + ': ' if why else ''}{text}", why.kind if why else "forward"
                )
        n += 1
    return Check("reference", "pass", f"equal to rounding at {n} inputs")


def _differ(y: Array, e: Array, n: int) -> Array:
    if not (is_float(y) or is_float(e)):
        return np.asarray(y != e)
    with np.errstate(all="ignore"):
        scale = float(np.max(np.abs(e), initial=0, where=np.isfinite(e)))
        near = np.abs(y - e) <= 8 * rounding(max(n, y.size), max(scale, np.finfo(float).tiny), y, e)
        return np.asarray(~(near | (y == e) | (np.isnan(y) & np.isnan(e))))


def deterministic(subject: Subject) -> Check:
    """The same call twice; a rule of what cannot be evaluated again cannot be checked."""
    for call in subject.calls:
        first = [np.array(y) for y in flatten(call.run(*call.xs))[0]]
        for _ in range(3):
            again = [np.asarray(y) for y in flatten(call.run(*call.xs))[0]]
            if not all(np.array_equal(a, b, equal_nan=is_float(a)) for a, b in zip(first, again, strict=True)):
                text = f"{call.shown} differs from call to call: hand in what is random as an argument"
                return Check("determinism", "fail", text, "random")
    for point in points(subject):
        first = point.gradient()
        for a, b in zip(first, point.gradient(), strict=True):
            if not np.array_equal(a, b, equal_nan=True):
                return Check(
                    "determinism", "fail", f"the rule differs from call to call, in {point.call.shown}", "random"
                )
    others = [
        *subject.calls,
        *subject.drawn(1),
        *(c.at([x * np.asarray(0.5, x.dtype) for x in c.xs]) for c in subject.calls),
    ]
    for point in points(subject):
        _, pullback = vjp(point.call.outputs, *point.call.xs)
        for other in others:  # a rule may remember what the forward pass saw last
            vjp(other.outputs, *other.xs)
        for name, a, b in zip(point.call.names, point.got, _pulled(pullback, point.us), strict=True):
            if not np.array_equal(a, b, equal_nan=True):
                text = f"{name}: another call of the op changes the cotangent: the rule keeps state between calls"
                return Check("determinism", "fail", f"{text}\n  in {point.call.shown}", "state")
    return Check("determinism", "pass", "the same at every call, whatever was called between")


def inputs_left_alone(subject: Subject) -> Check:
    """Neither the op nor its rule writes into what it is given; not even to put it back."""
    rng = subject.rng("inputs")
    odd = ""
    for call in subject.calls:
        others = [v.copy() if isinstance(v, np.ndarray) else v for v in call.leaves]
        xs = [x.copy() for x in call.xs]
        call.run(*xs)
        text = _changed(call.names, call.xs, xs)
        kept = zip(others, call.leaves, strict=True)
        if not text and any(
            isinstance(a, np.ndarray) and not np.array_equal(a, b, equal_nan=is_float(a)) for a, b in kept
        ):
            text = f"in {call.shown}"
        if text:
            return Check("inputs", "fail", f"the op changes its argument in place: {text}", "in-place")
        try:
            call.run(*_locked(xs))
        except Exception as error:  # the op's, of whatever kind
            if "read-only" in str(error):
                text = f"the op writes into a read-only argument, if only to put it back: {where_raised(error)}"
                return Check("inputs", "fail", f"{text}\n  in {call.shown}", "in-place")
            odd = f"the op does not take read-only arrays: {where_raised(error)}"
        if not call.xs or not _all_finite(call):
            continue
        text = _rule_writes(call, rng)
        if text:
            return Check("inputs", "fail", f"{text}\n  in {call.shown}", "in-place")
    if odd:
        return Check("inputs", "warn", odd)
    return Check("inputs", "pass", "neither the op nor its rule writes into what it is given")


def _locked(xs: Sequence[Array]) -> list[Array]:
    copies = [x.copy() for x in xs]
    for x in copies:
        x.flags.writeable = False
    return copies


def _rule_writes(call: Call, rng: np.random.Generator) -> str:
    xs = [x.copy() for x in call.xs]
    try:
        ys, pullback = vjp(call.outputs, *xs)
        ys = [as_array(y) for y in ys]
        us = [direction(y, rng) for y in ys]
        before = [u.copy() for u in us], [y.copy() for y in ys]
        pullback(tuple(us))
    except Exception:  # a rule that raises is another check's
        return ""
    for what, names, old, new in (
        ("its argument", call.names, call.xs, xs),
        ("its cotangent", ("g",) * len(us), before[0], us),
        ("the output", ("y",) * len(ys), before[1], ys),
    ):
        text = _changed(names, old, new)
        if text:
            return f"the rule changes {what} in place: {text}"
    return ""


def _changed(names: Sequence[str], before: Sequence[Array], after: Sequence[Array]) -> str:
    for name, a, b in zip(names, before, after, strict=True):
        if not np.array_equal(a, b, equal_nan=a.dtype.kind in "fc"):
            off = np.argwhere(~((a == b) | ((a != a) & (b != b))))[0]
            place = f"{name}{list(map(int, off)) if a.ndim else ''}"
            return f"{name}: {place} was {a[tuple(off)]:.6g} and is {b[tuple(off)]:.6g}"
    return ""


def own_outputs(subject: Subject) -> Check:
    """An output is nobody else's memory: not of an input, not of the next call's output."""
    views: list[str] = []
    for call in subject.calls:
        if isinstance(subject.op, Primitive) and not call.xs:
            continue
        xs = [x.copy() for x in call.xs]
        first = [y for y in flatten(call.run(*xs))[0] if isinstance(y, np.ndarray)]
        kept = [y.copy() for y in first]
        call.run(*[x[...] * np.asarray(0.5, x.dtype) for x in xs])
        if not all(np.array_equal(a, b, equal_nan=is_float(a)) for a, b in zip(first, kept, strict=True)):
            text = f"the next call of the op changes the output of {call.shown}: its memory is a buffer used again"
            return Check("alias", "fail", text, "aliased")
        views += [n for n, x in zip(call.names, xs, strict=True) for y in first if np.may_share_memory(x, y) and x.size]
    text = _reused_cotangents(subject)
    if text:
        return Check("alias", "fail", text, "aliased")
    if views and subject.prim is not None and not subject.view:
        text = (
            f"the output is a view of {views[0]}, they share memory: what is written into one is seen in the other."
            " Return a copy, or say so: primitive(f, view=True)"
        )
        return Check("alias", "fail", text, "aliased")
    return Check("alias", "pass", "a view, as declared" if views else "shares no memory with inputs or later outputs")


def _reused_cotangents(subject: Subject) -> str:
    """Whether the rule gives another cotangent where the op stands on a tape twice: a buffer is used again."""
    for point in points(subject):
        call, n = point.call, len(point.call.xs)
        us = [u * np.asarray(0.5, u.dtype) for u in point.us]

        def twice(*xs: Any, call: Call = call, n: int = n) -> tuple[Any, ...]:
            return (*call.outputs(*xs[:n]), *call.outputs(*xs[n:]))

        with suppress(Exception):  # a rule that raises is another check's
            alone = [*point.gradient(), *_pulled(vjp(call.outputs, *call.xs)[1], us)]
            both = _pulled(vjp(twice, *call.xs, *call.xs)[1], [*point.us, *us])
            for name, a, b in zip(call.names * 2, alone, both, strict=True):
                if a.shape == b.shape and not np.allclose(a, b, equal_nan=True):
                    return (
                        f"{name}: the next run of the rule changes the cotangent that this one gave:"
                        f" its memory is a buffer used again\n  in {call.shown}"
                    )
    return ""


def linear_in_g(subject: Subject) -> Check:
    """A vjp is linear in its cotangent: 0 gives 0, sums give sums."""
    rng = subject.rng("linear")
    for point in points(subject):
        call = point.call
        _, pullback = vjp(call.outputs, *call.xs)
        a, b = point.us, [direction(u, rng) for u in point.us]
        s, t = 2.0, -3.0
        try:
            of_a, of_b = (_pulled(pullback, us) for us in (a, b))
            zero = _pulled(pullback, [np.zeros_like(u) for u in a])
            both = _pulled(pullback, [np.asarray(s * p + t * q).astype(p.dtype) for p, q in zip(a, b, strict=True)])
        except Exception as error:  # a rule may not take every cotangent
            return Check("linear", "fail", f"the rule raises {where_raised(error)}", "raises")
        for k, name in enumerate(call.names):
            if not (np.isfinite(of_a[k]).all() and np.isfinite(of_b[k]).all()):
                continue
            if np.any(zero[k] != 0):
                text = f"{name}: a cotangent g = 0 gives {_first(zero[k])} in place of zero, in {call.shown}"
                return Check("linear", "fail", text, "not-linear")
            right = s * of_a[k] + t * of_b[k]
            size = float(np.max(np.abs(of_a[k]), initial=0) * 2 + np.max(np.abs(of_b[k]), initial=0) * 3)
            n = max(point.problem.xs[k].size, *(y.size for y in point.problem.ys), 1)
            gap = np.abs(both[k] - right)
            if np.any(gap > 100 * rounding(n, size, *point.problem.xs, *point.problem.ys)) and np.any(
                gap > 64 * _blur(pullback, k, (a, b, [s * p + t * q for p, q in zip(a, b, strict=True)]), rng)
            ):
                doubled = _pulled(pullback, [2 * u for u in a])[k]
                how = ""
                if np.allclose(doubled, 4 * of_a[k]):
                    how = ": twice g gives four times the cotangent: g is squared"
                elif np.allclose(doubled, of_a[k]):
                    how = ": twice g gives the same cotangent: g is not used, or only its sign"
                numbers = f"2 a - 3 b gives {_first(both[k], gap)} in place of {_first(right, gap)}"
                text = f"{name}: the rule is not linear in g{how}: {numbers}"
                named(subject)[name] = Diagnosis("not-linear", f"the rule is not linear in g{how}")
                return Check("linear", "fail", f"{text}\n  in {call.shown}", "not-linear")
    return Check("linear", "pass", "0 gives 0, and sums give sums")


def _blur(
    pullback: Callable[..., Any], k: int, cotangents: Sequence[Sequence[Array]], rng: np.random.Generator
) -> Array:
    """How much the last digits of a cotangent move what the rule gives: what cancels inside it shows here."""
    moved = np.asarray(0.0)
    for us in cotangents:
        here = _pulled(pullback, us)[k]
        for _ in range(3):
            near = [u * (1 + np.finfo(u.dtype).eps * rng.choice([-1.0, 1.0], u.shape)).astype(u.dtype) for u in us]
            moved = np.maximum(moved, np.abs(_pulled(pullback, near)[k] - here))
    return np.asarray(np.max(moved, initial=0))


def _pulled(pullback: Callable[..., Any], us: Sequence[Array]) -> list[Array]:
    return [as_array(c) for c in pullback(tuple(us))]


def _first(x: Array, gap: Array | None = None) -> str:
    where = np.argmax(np.abs(x) if gap is None else gap)
    return f"{x.reshape(-1)[int(where)]:.6g}"


def threads(subject: Subject) -> Check:
    """The same values and gradients from eight threads at once as from one."""
    if not subject.thorough:
        return Check("threads", "skip", "with thorough=True")
    from concurrent.futures import ThreadPoolExecutor

    sets = [*subject.calls, *subject.drawn(3)]
    points_of = [p for p in (point_of(c, subject.rng("threads")) for c in sets if c.xs) if p is not None]

    def both(point: Point) -> list[Array]:
        with np.errstate(all="ignore"):
            return [*map(np.array, point.call.outputs(*point.call.xs)), *point.gradient()]

    for point, alone in [(p, both(p)) for p in points_of]:
        crowd = [point, *points_of] * 8
        with ThreadPoolExecutor(8) as pool:
            for other, found in zip(crowd, pool.map(both, crowd), strict=True):
                if other is point and not all(
                    np.array_equal(a, b, equal_nan=True) for a, b in zip(alone, found, strict=True)
                ):
                    text = f"{point.call.shown} gives other values when eight threads call the op at once"
                    return Check("threads", "fail", text, "state")
    return Check("threads", "pass", "eight threads at once give what one gives")
