"""The rule against the gradient of the forward function itself, where that is made of known ops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.primitive import Primitive
from ...core.tape import trace
from ...numeric import noise, random_direction, rounding
from ...transforms import vjp
from ..problem import as_array
from .call import Call, is_float
from .counterexample import counterexample
from .gradient import Wrong, named, points
from .point import Point, Truth
from .report import Check
from .subject import Subject

__all__ = ["composed", "exact"]

Array = NDArray[Any]


def exact(subject: Subject) -> Check:
    """The rule against the gradient of the forward function itself, where that is made of known ops."""
    prim = subject.prim
    if prim is None:
        return Check("traced", "skip", "made of other ops: its gradient follows from theirs")
    reasons: list[str] = []
    compared = 0
    for point in points(subject):
        f, why = composed(point.call, prim)
        if f is None:
            reasons.append(why)
            continue
        _, pullback = vjp(f, *point.call.xs)
        right = [as_array(c) for c in pullback(tuple(point.us))]
        for i, (G, T) in enumerate(zip(point.got, right, strict=True)):
            off = _beyond_rounding(point, i, G, T, f)
            if np.any(off):
                name = point.call.names[i]
                subject.wrong.add(name)
                truth = point.truth(i)
                if truth is None:  # too many elements to evaluate, and no need to
                    none = np.zeros(T.shape, bool)
                    truth = Truth(
                        T, np.full(T.shape, rounding(T.size, float(np.max(np.abs(T))), T)), none, none, "tape"
                    )
                truth = truth._replace(value=T)
                found = Wrong(
                    point, i, G, T, off, "by the tape of the forward function", truth, named(subject).get(name)
                )
                if found.why is not None:  # evaluation, which is coarser, may not see what it is
                    named(subject)[name] = found.why
                return Check("traced", "fail", found.text, found.kind, counterexample(point, i, subject, right))
            compared += 1
    if not compared:
        return Check("traced", "skip", reasons[0] if reasons else "no sample to compare on")
    return Check("traced", "pass", "equal to rounding to the tape of the forward function")


def composed(call: Call, prim: Primitive) -> tuple[Callable[..., Any] | None, str]:
    """The forward function as one of Tensors, if its tape is the whole truth; else why not."""
    if not hasattr(prim.forward, "__code__"):
        return None, "the forward function is one of NumPy's, with no tape of its own"

    def forward(*xs: Any) -> tuple[Any, ...]:
        args, params = call.filled(xs)
        n = len(args) if prim.variadic else prim.arity
        full = {**(prim.defaults or {}), **dict(zip(prim.names[n:], args[n:], strict=False)), **params}
        y = prim.forward(*args[:n], **full)
        ys = tuple(y) if isinstance(y, tuple) else (y,)
        return tuple(v for v in ys[: len(ys) - prim.hidden] if is_float(v))

    try:
        tape = trace(forward, *call.xs)
        if any(r.primitive is prim for r in tape.records):
            return None, "the forward function is the op itself to a Tensor"
        lossy = {what for _, what in tape.reads} - {"bool", "index", "contains"}
        if lossy:
            return None, f"the forward function takes plain numbers out of Tensors ({', '.join(sorted(lossy))})"
        ys = [as_array(y) for y in vjp(forward, *call.xs)[0]]
        plain = forward(*call.xs)
    except Exception as error:  # the forward function is anybody's: C code, loops over floats, in-place tricks
        return None, f"the forward function does not run on Tensors ({type(error).__name__})"
    for y, p in zip(ys, plain, strict=True):
        if y.shape != np.shape(p) or not np.allclose(y, p, rtol=1e-6, atol=1e-9, equal_nan=True):
            return None, "the forward function gives other values on Tensors"
    return forward, ""


def _beyond_rounding(point: Point, i: int, G: Array, T: Array, f: Callable[..., Any]) -> Array:
    """Where two gradients differ by more than the rounding errors that either of them shows, and not at a kink."""
    x, n = point.call.xs[i], max(point.call.xs[i].size, *(y.size for y in point.problem.ys), 1)
    with np.errstate(all="ignore"):
        gap = np.abs(G - T)
    gap = np.where(np.isfinite(T), np.where(np.isnan(gap), np.inf, gap), 0)
    scale = float(np.max(np.abs(T), initial=0, where=np.isfinite(T)))
    room = rounding(n, scale, x, *point.problem.ys)
    if not np.any(gap > room):
        return np.zeros(G.shape, bool)

    def by(op: Callable[..., Any]) -> Callable[[Array], Array]:
        def gradient(moved: Array) -> Array:
            xs = [*point.call.xs[:i], moved.astype(x.dtype), *point.call.xs[i + 1 :]]
            return as_array(vjp(op, *xs)[1](tuple(point.us))[i])

        return gradient

    v = random_direction(x, point.rng)
    shown = noise(by(point.call.outputs), x, v) + noise(by(f), x, v)
    off = gap > room + 16 * np.where(np.isfinite(shown), shown, np.inf)
    if np.any(off) and point.asks(i):
        truth = point.truth(i)
        if truth is None:
            off &= bool(np.any(point.judge(i).off))
        else:
            # At a kink both may be right, each in its way; where a forward function steps around a point by np.where,
            # its tape gives the derivative of what stands in for it there.
            off &= ~(truth.kinks | truth.unknown) & (np.abs(T - truth.value) <= truth.room)
    return np.asarray(off)
