"""The same op on other forms of input: broadcast, of size 1 or 0, of other dtypes, along axes from the end.

Wrong numbers fail, on ranks and dtypes that the samples show; elsewhere, and where a rule refuses loudly what the
samples do not show, it is a warning.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...numeric import epsilon
from ...transforms.tree import flatten
from .call import Call
from .counterexample import counterexample
from .gradient import judged, points, where_raised
from .point import Point, point_of
from .report import Check, Status
from .sizes import free_sizes, reshaped, resized
from .subject import Subject, finite

__all__ = ["Verdicts", "alike", "arrays", "axes", "broadcasting", "dtypes", "gradient_at", "sizes"]

Array = NDArray[Any]


class Verdicts:
    """Findings on one check, the worst of which is its status."""

    def __init__(self, name: str, subject: Subject) -> None:
        self.name, self.subject = name, subject
        self.lines: dict[Status, list[str]] = {"fail": [], "warn": []}
        self.kind = self.code = ""
        self.seen: list[str] = []

    @cached_property
    def floor(self) -> float:
        """What is nothing beside the gradients on the samples."""
        sizes = [np.max(np.abs(g), initial=0) for p in points(self.subject) for g in p.got if np.isfinite(g).all()]
        return (
            8
            * max((epsilon(x) for p in points(self.subject) for x in p.call.xs), default=0.0)
            * float(max(sizes, default=0.0))
        )

    def add(self, status: Status, text: str, kind: str = "", code: str = "") -> None:
        self.lines[status].append(text)
        if status == "fail" and not self.code:
            self.kind, self.code = kind, code

    def look(self, call: Call, shown: bool, what: str, loud: Status = "warn") -> None:
        """Ask whether the gradient is right at a call; ``shown``: of a rank that the samples show."""
        point = point_of(call, self.subject.rng(self.name), every=False)
        if point is None:
            return
        self.seen.append(what)
        try:
            got = point.got
        except Exception as error:  # a rule may raise anything on what it was not written for
            status = loud if shown else "warn"
            code = counterexample(point, None, self.subject) if status == "fail" else ""
            self.add(status, f"{what}: the rule raises {where_raised(error)}\n  in {call.shown}", "raises", code)
            return
        for i, name in enumerate(call.names):
            wrong = None if name in self.subject.wrong else judged(point, i, self.floor)
            if wrong is not None:
                status = "fail" if shown and np.isfinite(got[i]).all() else "warn"
                code = counterexample(point.in_full(), i, self.subject) if status == "fail" else ""
                self.add(status, f"{what}: {wrong.text}", wrong.kind, code)

    def check(self, passed: str) -> Check:
        for status in ("fail", "warn"):
            if self.lines[status]:
                return Check(self.name, status, "\n".join(dict.fromkeys(self.lines[status][:2])), self.kind, self.code)
        if self.subject.wrong and all(set(call.names) <= self.subject.wrong for call in self.subject.calls):
            return Check(self.name, "skip", "the rule is wrong on the samples themselves")
        if not self.seen:
            return Check(self.name, "skip", "no sample can be put in such a form")
        return Check(self.name, "pass", passed)


def gradient_at(call: Call, us: Sequence[Array]) -> list[Array]:
    point = Point.__new__(Point)
    point.call, point.us = call, list(us)
    return point.gradient()


def arrays(ys: Sequence[Any]) -> list[Array]:
    return [np.asarray(y) for y in ys]


def alike(a: Sequence[Array], b: Sequence[Array], eps: float | None = None) -> bool:
    for p, q in zip(a, b, strict=True):
        if p.shape != q.shape:
            return False
        tol = 1e3 * epsilon(p, q) if eps is None else eps
        size = float(np.max(np.abs(p), initial=0, where=np.isfinite(p)))
        if not np.allclose(p, q, rtol=0, atol=tol * max(size, 1e-300), equal_nan=True):
            return False
    return True


def ranks(subject: Subject) -> set[tuple[int, ...]]:
    """The ranks of the arguments that the samples show."""
    return {tuple(x.ndim for x in call.xs) for call in subject.calls}


def broadcasting(subject: Subject) -> Check:
    """Arguments of the op's own samples with axes of size one, or fewer axes, in one of them."""
    found = Verdicts("broadcasting", subject)
    prim, shown = subject.prim, ranks(subject)
    declared = prim is not None and prim.core_dims is not None
    core = prim.core_dims or 0 if prim is not None else 0
    tried: set[tuple[tuple[int, ...], ...]] = {tuple(x.shape for x in c.xs) for c in subject.calls}
    for call in subject.calls[: None if subject.thorough else 6]:
        if len(call.xs) < 2:
            continue
        whole = [np.shape(y) for y in call.outputs(*call.xs)]
        for k, x in enumerate(call.xs):
            loops = x.shape[: x.ndim - core]
            for shape in _broadcast_forms(loops, x.shape[len(loops) :]):
                shapes = [*(v.shape for v in call.xs[:k]), shape, *(v.shape for v in call.xs[k + 1 :])]
                if tuple(shapes) in tried:
                    continue
                tried.add(tuple(shapes))
                other = reshaped(call, shapes, f"{call.origin}, broadcast")
                if other is None or not finite(other) or [np.shape(y) for y in other.outputs(*other.xs)] != whole:
                    continue
                at_rank = tuple(v.ndim for v in other.xs) in shown
                what = f"{call.names[k]} of shape {shape} is broadcast"
                found.look(other, at_rank or declared, what, "fail" if declared else "warn")
    return found.check(f"{len(found.seen)} pairs of shapes that broadcast")


def _broadcast_forms(loops: tuple[int, ...], core: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    for axis, n in enumerate(loops):
        if n > 1:
            yield (*loops[:axis], 1, *loops[axis + 1 :], *core)
    for drop in range(1, len(loops) + 1):
        yield (*loops[drop:], *core)


def sizes(subject: Subject) -> Check:
    """Axes of size 1 and 0, arrays of no axes, and sizes that all differ."""
    found = Verdicts("shapes", subject)
    shown = ranks(subject)
    elementwise = subject.prim is not None and subject.prim.elementwise
    tried: set[Any] = set()
    for call in subject.calls[: None if subject.thorough else 4]:
        other = free_sizes(call)
        if other is not None and _new(other, tried):
            found.look(other, True, f"with sizes that differ, {_sizes_of(other)}", "warn")
        for small in resized(call, 1):
            if _new(small, tried):
                found.look(
                    small, True, f"with an axis of size 1, {_sizes_of(small)}", "fail" if _alone(small) else "warn"
                )
        for empty in resized(call, 0, only_finite=False):
            if _new(empty, tried) and finite(empty):
                _empty(found, empty)
        if elementwise and any(x.ndim for x in call.xs):
            other = reshaped(call, [()] * len(call.xs), f"{call.origin} of no axes")
            if other is not None and _new(other, tried) and finite(other):
                found.look(other, tuple(x.ndim for x in other.xs) in shown, "of no axes", "warn")
    return found.check(f"{len(found.seen)} other sizes, of 1 and 0 among them")


def _alone(call: Call) -> bool:
    """Whether the sizes of its one array are all there is: no other array, and no number, that must fit them."""
    args, params = call.filled(call.xs)
    whole = [v for k, v in params.items() if k not in ("axis", "ddof", "keepdims") and not isinstance(v, bool)]
    arrays = sum(isinstance(v, np.ndarray) for v in call.leaves)
    return (
        arrays == len(call.xs) == 1
        and not any(isinstance(v, int | list | tuple | np.ndarray) for v in whole)
        and len(args) < 3
    )


def _new(call: Call, tried: set[Any]) -> bool:
    key = tuple(x.shape for x in call.xs)
    if key in tried:
        return False
    tried.add(key)
    return True


def _sizes_of(call: Call) -> str:
    return ", ".join(f"{n}[{', '.join(map(str, x.shape))}]" for n, x in zip(call.names, call.xs, strict=True))


def _empty(found: Verdicts, call: Call) -> None:
    """With nothing in it, a rule has only shapes to get right."""
    point = point_of(call, found.subject.rng("empty"))
    if point is None:
        return
    found.seen.append("of size 0")
    try:
        point.gradient()
    except Exception as error:  # a rule may not have been written for it
        status: Status = "fail" if _alone(call) else "warn"
        code = counterexample(point, None, found.subject) if status == "fail" else ""
        found.add(status, f"of size 0: the rule raises {where_raised(error)}\n  in {call.shown}", "raises", code)


def axes(subject: Subject) -> Check:
    """An axis counted from the end is the same axis."""
    found = Verdicts("axes", subject)
    for point in points(subject):
        call = point.call
        for k, leaf in enumerate(call.leaves):
            other = _counted_from_the_end(call, k) if type(leaf) is int else None
            if other is None:
                continue
            what = f"axis {other.leaves[k]} in place of {leaf}"
            try:
                same = alike(arrays(call.outputs(*call.xs)), arrays(other.outputs(*other.xs)))
            except Exception as error:  # the op may count axes in its own way
                found.add("warn", f"{what}: the op raises {where_raised(error)}\n  in {other.shown}")
                continue
            if not same:
                continue  # then it is no axis, or the op says what it means by it
            found.seen.append(what)
            moved = Point(other, subject.rng("axes"))
            moved.us = point.us
            try:
                got = moved.got
            except Exception as error:
                found.add("fail", f"{what}: the rule raises {where_raised(error)}\n  in {other.shown}", "raises",
                          counterexample(moved, None, subject))  # fmt: skip
                continue
            for i, (a, b) in enumerate(zip(point.got, got, strict=True)):
                if not alike([a], [b]):
                    wrong = judged(moved, i)
                    text = f"{call.names[i]}: another cotangent than with {leaf}\n  in {other.shown}"
                    if wrong is not None and wrong.kind != "unknown":
                        text = wrong.text
                    found.add("fail", f"{what}: {text}", "axis", counterexample(moved, i, subject))
    return found.check(", ".join(dict.fromkeys(found.seen)) + " give the same")


def _counted_from_the_end(call: Call, k: int) -> Call | None:
    """The call with the axis that its leaf ``k`` may be named from the other end."""
    args, params = call.filled(call.xs)
    named = [n for n, v in params.items() if v is call.leaves[k] and n in ("axis", "dim", "axis1", "axis2")]
    positional = any(a is call.leaves[k] for a in args[1:])
    if not (named or positional) or not call.xs or not call.xs[0].ndim:
        return None
    n, axis = call.xs[0].ndim, call.leaves[k]
    if not -n <= axis < n:
        return None
    leaves = list(call.leaves)
    leaves[k] = axis - n if axis >= 0 else axis + n
    return replace(call, leaves=tuple(leaves))


def dtypes(subject: Subject) -> Check:
    """float32 and float64 stay what they are and give the same to their precision; integers are not truncated."""
    found = Verdicts("dtypes", subject)
    shown = {x.dtype for call in subject.calls for x in call.xs}
    wanted = [np.float32, np.float64] + [np.float16] * subject.thorough
    for point in points(subject)[: None if subject.thorough else 3]:
        call = point.call
        if not call.xs:
            continue
        wide = call.at([x.astype(_of_precision(np.float64, x)) for x in call.xs])
        base = arrays(wide.outputs(*wide.xs))
        grads = gradient_at(wide, [u.astype(_of_precision(np.float64, u)) for u in point.us])
        for dtype in map(np.dtype, wanted):
            if dtype == np.float16 and any(x.dtype.kind == "c" for x in call.xs):
                continue  # NumPy has no complex numbers of half the size
            xs = [x.astype(_of_precision(dtype, x)) for x in call.xs]
            other = call.at(xs)
            status: Status = "fail" if shown.issuperset(x.dtype for x in xs) else "warn"
            name = " and ".join(dict.fromkeys(str(x.dtype) for x in xs))
            found.seen.append(name)
            try:
                ys = arrays(other.outputs(*other.xs))
                got = gradient_at(other, [u.astype(y.dtype) for u, y in zip(point.us, ys, strict=True)])
            except Exception as error:
                found.add(status, f"{name}: {where_raised(error)}\n  in {call.shown}", "dtype")
                continue
            became = [y.dtype for y, b in zip(ys, base, strict=True) if y.dtype != _of_precision(dtype, b)]
            if became and all(b.dtype == _of_precision(np.float64, b) for b in base):
                found.add(status, f"{name} becomes {became[0]}\n  in {call.shown}", "dtype")
            room = 64 * float(np.sqrt(epsilon(dtype)))
            loss = [not alike([a], [b.astype(a.dtype)], room) for a, b in zip(got, grads, strict=True)]
            if np.isfinite(np.concatenate([g.reshape(-1) for g in got])).all() and any(loss) and alike(ys, base, room):
                found.add("warn", f"the gradient of {name} is far from that of float64\n  in {call.shown}", "dtype")
        if all(x.dtype.kind == "f" for x in call.xs):
            _integers(found, wide)
    names = ", ".join(dict.fromkeys(found.seen))
    return found.check(f"{names} stay; integers are not truncated")


def _of_precision(dtype: Any, x: Array) -> np.dtype[Any]:
    """The dtype of this precision for numbers like those of ``x``: complex64 for complex ones and float32."""
    return np.result_type(dtype, np.complex64) if x.dtype.kind == "c" else np.dtype(dtype)


def _integers(found: Verdicts, call: Call) -> None:
    """Whole numbers as integers give what they give as floats."""
    whole = [np.ceil(np.abs(x)) for x in call.xs]
    try:
        of_floats = call.run(*whole)
        of_integers = call.run(*[x.astype(np.int64) for x in whole])
    except Exception:  # an op may refuse integers: a word is enough
        return
    for a, b in zip(flatten(of_floats)[0], flatten(of_integers)[0], strict=False):
        if np.shape(a) != np.shape(b) or not np.allclose(a, b, equal_nan=True):
            found.add("warn", f"integers give other values than the same numbers as floats\n  in {call.shown}", "dtype")
            return
