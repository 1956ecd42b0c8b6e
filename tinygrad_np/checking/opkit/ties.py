"""Equal elements, where a choice is made: what the rule gives must be a mixture of what it gives nearby."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...numeric import directional
from ..problem import to_reals
from .call import import_line, literal
from .forms import Verdicts
from .gradient import points, where_raised
from .point import Point, point_of
from .report import Check
from .subject import Subject, finite, structure_of

__all__ = ["ties"]

Array = NDArray[Any]


def ties(subject: Subject) -> Check:
    """Equal elements, where a choice is made: each element between its one-sided derivatives, and right together."""
    found = Verdicts("ties", subject)
    for point in points(subject)[: None if subject.thorough else 4]:
        call = point.call
        truths = [point.truth(i) for i in range(len(call.xs)) if point.asks(i)]
        if any(t is not None and np.any(t.kinks) for t in truths):
            _look_at_ties(found, point, "the sample's own ties")
        if any(x.dtype.kind != "f" or structure_of(x) for x in call.xs) or sum(x.size for x in call.xs) > 64:
            continue
        for what, xs in _tied(call.xs):
            other = call.at(xs, f"{call.origin}, {what}")
            if not finite(other):
                continue
            tied = point_of(other, subject.rng("ties"))
            if tied is not None:
                _look_at_ties(found, tied, what)
    return found.check("a choice among equal elements is a right one")


def _tied(xs: Sequence[Array]) -> list[tuple[str, list[Array]]]:
    forms = []
    if any(x.size > 1 for x in xs):
        twice = [np.array(x) for x in xs]
        for x in twice:
            half = x.size // 2
            x.reshape(-1)[half : 2 * half] = x.reshape(-1)[:half]
        forms.append(("elements that are equal in pairs", twice))
        forms.append(("elements that are all equal", [np.full_like(x, x.flat[0]) if x.size else x for x in xs]))
    if len(xs) > 1 and len({x.shape for x in xs}) == 1:
        forms.append(("arguments that are equal", [xs[0].copy() for _ in xs]))
    return forms


def _look_at_ties(found: Verdicts, point: Point, what: str) -> None:
    found.seen.append(what)
    try:
        got = point.got
    except Exception as error:
        found.add("warn", f"{what}: the rule raises {where_raised(error)}\n  in {point.call.shown}")
        return
    for i in range(len(point.call.xs)):
        if not point.call.xs[i].size or point.call.names[i] in found.subject.wrong:
            continue
        if not np.isfinite(got[i]).all():
            if point.asks(i) and not np.any(point.judge(i).vague):
                found.add(
                    "warn", f"{what}: the cotangent of {point.call.names[i]} is not finite\n  in {point.call.shown}"
                )
            continue
        text = _among_ties(point, i)
        if text:
            found.add("fail", f"{what}: {text}\n  in {point.call.shown}", "ties", _tie_program(point, i))


def _among_ties(point: Point, i: int) -> str:
    """At a tie a gradient is a mixture of those nearby; moved all together, equal elements stay equal."""
    x, name, rng = point.call.xs[i], point.call.names[i], point.rng
    h = 1e-6 * max(1.0, float(np.max(np.abs(x))))
    here = point.call.outputs(*point.call.xs)
    near = []
    for _ in range(32):
        moved = point.call.at([v + h * rng.uniform(-1, 1, v.shape).astype(v.dtype) for v in point.call.xs])
        other = Point.__new__(Point)
        other.call, other.us = moved, point.us
        try:
            jumps = any(
                np.any(np.abs(a - b) > 1e3 * h * np.maximum(1, np.abs(a)))
                for a, b in zip(here, moved.outputs(*moved.xs), strict=True)
            )
            if jumps:
                return ""  # it is not continuous here, or infinitely steep: nothing is between anything
            near.append(other.gradient()[i])
        except Exception:  # next to the tie the op may not be defined
            return ""
    low, high = np.min(near, axis=0), np.max(near, axis=0)
    got, size = point.got[i], float(np.max(np.abs(near)))
    if not np.isfinite(size) or size == 0:
        return ""
    room = 1e-3 * size + (high - low) / 2
    off = (got < low - room) | (got > high + room)
    if np.any(off):
        k = tuple(map(int, np.argwhere(off)[0]))
        nearby = f"next to the tie it is between {low[k]:.6g} and {high[k]:.6g}"
        return f"{name}: the cotangent at {list(k)} is {got[k]:.6g}; {nearby}"
    try:
        moved_all = directional(point.problem.of_one(i), point.problem.wide[i], np.ones(x.shape))
    except Exception:  # next to the tie the op may not be defined
        return ""
    u, method = to_reals(point.us), moved_all.method
    right, found = float(u @ moved_all.value), float(np.sum(got))
    bound = np.minimum(moved_all.error + moved_all.jump / 2, 1e300)
    room = float(np.abs(u) @ bound) + 1e-3 * size * x.size
    if abs(found - right) <= room:
        return ""
    return (
        f"{name}: moved all together, they change <g, y> by {right:.6g} ({method}), and the cotangents add"
        f" up to {found:.6g}: equal elements are counted more than once, or not at all"
    )


def _tie_program(point: Point, i: int) -> str:
    lines, expression = point.call.code()
    names = [line.split(" = ", 1)[0] for line in lines]
    gs = [literal(u) for u in point.us]
    x = names[i]
    return "\n".join([
        "import numpy as np", "from tinygrad_np import vjp", import_line(point.call.op), *lines,
        f"g = {gs[0] if len(gs) == 1 else '(' + ', '.join(gs) + ')'}",
        f"f = lambda {', '.join(names)}: {expression}",
        f"total = np.sum(vjp(f, {', '.join(names)})[1](g)[{i}])",
        "h = 1e-6",
        f"up, down = f({', '.join(f'{n} + h' if n == x else n for n in names)}),"
        f" f({', '.join(f'{n} - h' if n == x else n for n in names)})",
        "np.testing.assert_allclose(total, np.sum(g * (up - down)) / (2 * h), atol=1e-3)",
    ])  # fmt: skip
