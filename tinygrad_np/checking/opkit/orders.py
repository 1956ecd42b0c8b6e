"""Forward mode and second order: a jvp against its vjp, and the rule as a function with derivatives of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...numeric import rounding
from ...transforms import jvp, vjp
from ..diagnose import diagnose
from ..grads import Claim
from ..problem import as_array, derived, direction, to_reals
from .gradient import points, where_raised
from .point import FEW, Point
from .report import Check
from .subject import Subject, structure_of
from .traced import composed

__all__ = ["second_order", "tangent"]

Array = NDArray[Any]


def tangent(subject: Subject) -> Check:
    """Forward mode: <u, J v> = <J^T u, v> where a jvp is written or linearity claimed, else J v by evaluation."""
    prim = subject.prim
    written = prim is not None and (prim.jvps is not None or bool(prim.linear))
    # Of its own: not one that follows from the vjp, nor with it from dy/dx.
    separate = written and not (prim.jvps is not None and getattr(prim.jvps[0], "__name__", "") == "rule")  # type: ignore[union-attr]
    rng = subject.rng("tangent")
    n = 0
    for point in points(subject):
        xs = point.call.xs
        vs = [direction(x, rng) for x in xs]
        for i, name in enumerate(point.call.names):
            dots = [v if k == i else np.zeros_like(x) for k, (v, x) in enumerate(zip(vs, xs, strict=True))]
            if not point.asks(i) or (name in subject.wrong and not separate):
                continue
            try:
                _, y_dots = jvp(point.call.outputs, tuple(xs), tuple(dots))
            except Exception as error:  # a jvp rule may raise anything, a vjp rule may not run on Tensors
                if written:
                    return Check("jvp", "fail", f"{name}: the jvp raises {where_raised(error)}", "raises")
                return Check("jvp", "warn", f"the rule does not run on Tensors: {where_raised(error)}")
            found = _tangent_is_wrong(point, i, to_reals([as_array(d) for d in y_dots]), vs[i])
            if found:
                what = "the jvp" if prim is not None and prim.jvps is not None else "the claim linear="
                if not written:
                    what = "the tangent that follows from the vjp"
                if name in subject.wrong:
                    found += " (the vjp is wrong too)"
                return Check("jvp", "fail", f"{name}: {what} is wrong: {found}\n  in {point.call.shown}")
            n += 1
    how = "the tangent agrees with the vjp, by <u, J v> = <J^T u, v>" if written else "J v agrees with evaluation"
    return Check("jvp", "pass", how) if n else Check("jvp", "skip", _nothing(subject))


def _nothing(subject: Subject) -> str:
    return "the rule is wrong on the samples themselves" if subject.wrong else "nothing to differentiate"


def _tangent_is_wrong(point: Point, i: int, got: Array, v: Array) -> str:
    claim = point.claim(i)
    V = to_reals([v])[None]
    J, error, half_jump, _ = claim.numeric(V)
    u = claim.U[0]
    expected, found = float((u @ J)[0]), float(u @ got)
    room = float(np.abs(u) @ np.minimum(error + half_jump, 1e300)[:, 0]) + float(
        claim.allowed(u, J, np.array([found]))[0]
    )
    if not np.isfinite(error).all() or room > 1e-3 * max(abs(expected), claim.scale(u)):
        return ""
    if np.isfinite(found) and (abs(found - expected) <= room):
        return ""
    why = diagnose(got, J[:, 0]) if np.all(error < 1e-3 * max(1.0, float(np.max(np.abs(J))))) else None
    reason = f"{why.text}; " if why is not None else ""
    return f"{reason}<u, J v> is {found:.6g} and should be {expected:.6g} ({claim.method})"


def second_order(subject: Subject) -> Check:
    """The rule as a function: its own derivatives, and the symmetry of the Hessian."""
    if subject.order < 2:
        return Check("second", "skip", "declared to be of first order only")
    if subject.wrong:
        return Check("second", "skip", _nothing(subject))
    rng = subject.rng("second order")
    n = 0
    for point in points(subject)[: None if subject.thorough else 3]:
        try:
            second = derived(point.problem, "rev", rng)
        except ValueError:
            continue  # the gradient is not finite here: seen by the checks of first order
        except Exception as error:
            return _first_order_only(point, subject, error)
        for i in range(len(second.xs)):
            if not second.xs[i].size or not any(y.size for y in second.ys):
                continue
            try:
                claim = Claim(second, i, (None, None), ("rev",), rng, every=second.xs[i].size <= FEW, directions=FEW)
            except Exception:  # the op may refuse values next to its samples
                continue
            try:
                judgement = claim.judge("rev")
            except AssertionError as error:
                return Check("second", "fail", str(error))
            except Exception as error:
                return _first_order_only(point, subject, error)
            if np.any(judgement.off):
                a, b = np.unravel_index(
                    int(np.argmax(np.where(judgement.off, judgement.excess, 0))), judgement.off.shape
                )
                text = claim.report("rev", int(a), int(b), judgement.got, judgement.expected, judgement.off)
                first = judgement.got
                frozen = not np.any(first) and np.any(judgement.expected)
                hint = "\n  the derivative of the rule is 0: it takes values out of Tensors" if frozen else ""
                return Check("second", "fail", f"the rule has wrong derivatives of its own\n{text}{hint}")
            n += not np.any(judgement.vague)
        # What depends on a symmetric matrix alone has a rule for such; other directions are none of its business.
        lopsided = "" if any(structure_of(x) for x in point.call.xs) else _asymmetry(point, rng)
        if lopsided:
            return Check("second", "fail", lopsided)
    return (
        Check("second", "pass", "agrees with evaluation; the Hessian is symmetric")
        if n
        else Check("second", "skip", "nothing converges numerically")
    )


def _first_order_only(point: Point, subject: Subject, error: Exception) -> Check:
    """A rule around C code may be of first order; one beside a forward function made of known ops need not be."""
    black_box = subject.prim is None or composed(point.call, subject.prim)[0] is None
    text = f"first order only: the rule does not run on Tensors, as a second derivative needs: {where_raised(error)}"
    return Check("second", "warn" if black_box else "fail", text, "raises")


def _asymmetry(point: Point, rng: np.random.Generator) -> str:
    """<a, H b> = <b, H a> for the Hessian H of a weighted sum of the outputs."""
    xs = point.call.xs
    if any(x.dtype.kind == "c" for x in (*xs, *point.problem.ys)):
        return ""
    a, b = ([direction(x, rng) for x in xs] for _ in range(2))

    def slope(*ts: Any) -> Any:
        return tuple(vjp(point.call.outputs, *ts)[1](tuple(point.us)))

    def bent(v: Sequence[Array]) -> Sequence[Array]:
        return [as_array(c) for c in vjp(slope, *xs)[1](tuple(v))]

    left, right = (to_reals(p) @ to_reals(bent(q)) for p, q in ((a, b), (b, a)))
    size = sum(float(np.sum(np.abs(p) * np.abs(q))) for p, q in zip(a, bent(b), strict=True))
    # A Hessian that is 0 cannot be known better than its gradient, over the size of the argument.
    size += max((float(np.max(np.abs(g), initial=0)) for g in point.got), default=0.0)
    if not np.isfinite(left + right) or abs(left - right) <= 1e3 * rounding(to_reals(xs).size, size, *xs):
        return ""
    return (
        f"the Hessian is not symmetric: <a, H b> = {left:.6g} and <b, H a> = {right:.6g}: no function has this gradient"
    )
