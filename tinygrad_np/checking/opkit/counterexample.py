"""A failure made small, as a program that can be pasted: it raises AssertionError where the rule is wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .call import Call, import_line, literal
from .point import Point, point_of
from .sizes import resized
from .subject import Subject

__all__ = ["counterexample", "smaller"]

Array = NDArray[Any]
TRIES = 60


def counterexample(point: Point, i: int | None, subject: Subject, right: Sequence[Array] | None = None) -> str:
    """A program in which the gradient by argument ``i`` is wrong; None: in which the rule raises."""
    if i is None:
        return _program(smaller(point, i, subject), i, None)
    if not point.wrong_by(i):  # told from the tape alone, finer than evaluation can: shown as it is
        return _program(point, i, right[i] if right is not None else None)
    return _program(smaller(point, i, subject), i, None)


def smaller(point: Point, i: int | None, subject: Subject) -> Point:
    """The same failure with fewer and rounder numbers."""
    tries = 0
    again = True
    while again:
        again = False
        for call, us in _steps(point):
            tries += 1
            if tries > TRIES:
                return point
            other = point_of(call, subject.rng("smaller"))
            if other is None or [u.shape for u in other.us] != [y.shape for y in other.problem.ys]:
                continue
            if us is not None:
                other.us = us
            if _fails(other, i):
                point, again = other, True
                break
    return point


def _fails(point: Point, i: int | None) -> bool:
    if i is not None and not point.call.xs[i].size:
        return False
    try:
        found = point.got
    except Exception:  # the failure to keep, where it is a rule that raises
        return i is None
    return i is not None and bool(np.isfinite(found[i]).all()) and point.wrong_by(i)


def _steps(point: Point) -> Iterator[tuple[Call, list[Array] | None]]:
    """Calls that are a little smaller, or have rounder numbers; the first that still fails is taken."""
    for smaller in (2, 1):
        for call in resized(point.call, smaller):
            if sum(x.size for x in call.xs) < sum(x.size for x in point.call.xs):
                yield call, None
    rounder = [_rounded(x) for x in point.call.xs]
    if any(not np.array_equal(a, b) for a, b in zip(rounder, point.call.xs, strict=True)):
        yield point.call.at(rounder), [_rounded(u) for u in point.us]
    ones = [np.ones_like(u) for u in point.us]
    if any(not np.array_equal(a, b) for a, b in zip(ones, point.us, strict=True)):
        yield point.call, ones
    if any(not np.array_equal(_rounded(u), u) for u in point.us):
        yield point.call, [_rounded(u) for u in point.us]


def _rounded(x: Array) -> Array:
    return np.round(x, 1)


def _program(point: Point, i: int | None, right: Array | None) -> str:
    call = point.call
    lines, expression = call.code()
    names = [line.split(" = ", 1)[0] for line in lines]
    gs = [literal(u) for u in point.us]
    cotangent = gs[0] if len(gs) == 1 else "(" + ", ".join(gs) + ")"
    program = [
        "import numpy as np",
        "from tinygrad_np import vjp",
        import_line(call.op),
        *lines,
        f"y, pullback = vjp(lambda {', '.join(names)}: {expression}, {', '.join(names)})",
        f"g = {cotangent}",
    ]
    if i is None:
        return "\n".join([*program, "pullback(g)  # raises"])
    truth = point.truth(i) if right is None else None
    T = right if right is not None else truth.value if truth is not None else None
    if T is None:
        claim = point.claim(i)
        row = (claim.U @ claim.J)[0]
        if not claim.every_v:
            return "\n".join([*program, f"print(pullback(g)[{i}])  # wrong along random directions"])
        T = (row[0::2] + 1j * row[1::2]).reshape(call.xs[i].shape)
    if truth is not None and np.any(truth.kinks):  # there anything between the one-sided derivatives is right
        low, high = (np.round(T + s * truth.room, 6) for s in (-1, 1))
        program += [
            f"low, high = {literal(low)}, {literal(high)}  # one-sided derivatives, at a kink",
            f"c = pullback(g)[{i}]",
            "assert np.all((low - 1e-5 <= c) & (c <= high + 1e-5)), c",
        ]
        return "\n".join(program)
    scale = float(np.max(np.abs(T), initial=0)) or 1.0
    gap = float(np.max(np.abs(point.got[i] - T)[np.isfinite(point.got[i])], initial=0))
    atol = min(1e-6 * scale, gap / 4) if gap else 1e-6 * scale
    neat = np.round(T, 10) if atol > 1e-9 else T
    program += [
        f"right = {literal(np.asarray(neat))}",
        f"np.testing.assert_allclose(pullback(g)[{i}], right, rtol=0, atol={atol:.1g})",
    ]
    return "\n".join(program)
