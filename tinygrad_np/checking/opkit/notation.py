"""The op written out: the source of its value and gradient gives what the op and its rules give."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...numeric import rounding
from ...passes.backward import gradient_tape
from ...transforms import value_and_grad
from ..problem import as_array
from .gradient import points
from .point import Point
from .report import Check
from .subject import Subject

__all__ = ["notation"]

Array = NDArray[Any]


def notation(subject: Subject) -> Check:
    """Whether the source that `write` gives for the samples runs, and equals the op and its gradient."""
    from ...writing import WriteError, outside, to_numpy  # heavy, and for this check alone
    from ...writing.statements import readable

    if subject.wrong:
        return Check("notation", "skip", "the rule is wrong on the samples themselves")
    n = 0
    for point in points(subject)[: None if subject.thorough else 1]:
        call = point.call
        loss, every = _weighted(point), tuple(range(len(call.xs)))
        try:
            value, gradients = value_and_grad(loss, argnums=every)(*call.xs)
            tape = gradient_tape(loss, *call.xs, wrt=every)
        except Exception:  # a rule may not run on Tensors: another check says so
            return Check("notation", "skip", "the rule does not run on Tensors, and so leaves nothing to write")
        tape = readable(tape)
        try:
            source = to_numpy(tape)
        except WriteError as reason:
            return Check("notation", "skip", f"cannot be written: {reason}")
        namespace: dict[str, Any] = {}
        try:
            exec(source, namespace)
            got = namespace["step"](*(x.copy() for x in call.xs), *outside(tape).values())
        except Exception as error:  # whatever the op's own lines raise
            text = f"the written source raises {type(error).__name__}: {error}\n  in {call.shown}"
            return Check("notation", "warn", text, "notation", source)
        text = _differs(point, [as_array(y) for y in got], [as_array(y) for y in (value, *gradients)])
        if text:
            return Check("notation", "warn", f"the written source gives {text}\n  in {call.shown}", "notation", source)
        n += 1
    if not n:
        return Check("notation", "skip", "nothing of floating point goes in and comes out")
    return Check("notation", "pass", "the source that write() gives equals the op and its gradient")


def _weighted(point: Point) -> Callable[..., Any]:
    """The op as a function to one number, whose gradient is the cotangents at this point."""

    def loss(*xs: Any) -> Any:
        return np.real(sum(np.sum(y * u) for y, u in zip(point.call.outputs(*xs), point.us, strict=True)))

    return loss


def _differs(point: Point, got: list[Array], right: list[Array]) -> str:
    """What is not as the op has it; empty where all is, to rounding."""
    terms = sum(float(np.sum(np.abs(u * y))) for u, y in zip(point.us, point.problem.ys, strict=True))
    n = max(a.size for a in (*point.call.xs, *point.problem.ys))
    names = ["value", *(f"cotangent of {name}" for name in point.call.names)]
    for k, (name, a, b) in enumerate(zip(names, got, right, strict=True)):
        size = float(np.max(np.abs(b), initial=0, where=np.isfinite(b))) + (terms if k == 0 else 0.0)
        room = 1e3 * rounding(n, max(size, 1e-300), *point.call.xs, *point.problem.ys)
        if a.shape != b.shape or not np.allclose(a, b, rtol=0, atol=room, equal_nan=True):
            return f"another {name} than the op does"
    return ""
