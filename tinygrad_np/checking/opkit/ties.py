"""Equal elements, where a choice is made: what the rule gives must be a mixture of what it gives nearby."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...numeric import differences
from ..problem import as_array, to_reals
from .call import import_line, literal
from .forms import Verdicts
from .gradient import points, where_raised
from .point import Point, point_of
from .report import Check, Status
from .subject import Subject, finite, structure_of

__all__ = ["ties"]

Array = NDArray[Any]


def ties(subject: Subject) -> Check:
    """Equal elements, where a choice is made: each element between its one-sided derivatives, and right together."""
    found = Verdicts("ties", subject)
    for point in points(subject)[: None if subject.thorough else 2]:
        call = point.call
        truths = [point.truth(i) for i in range(len(call.xs)) if point.asks(i)]
        if any(t is not None and np.any(t.kinks) for t in truths) and not subject.memory.get("kinks"):
            _look_at_ties(found, point, "the sample's own ties", "fail")
        if any(x.dtype.kind != "f" or structure_of(x) for x in call.xs) or sum(x.size for x in call.xs) > 64:
            continue
        for what, xs in _tied(call.xs):
            other = call.at(xs, f"{call.origin}, {what}")
            if not finite(other):
                continue
            tied = point_of(other, subject.rng("ties"))
            if tied is not None:
                _look_at_ties(found, tied, what, "warn")  # the samples do not show it
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


def _look_at_ties(found: Verdicts, point: Point, what: str, status: Status) -> None:
    found.seen.append(what)
    try:
        got = point.got
    except Exception as error:
        found.add("warn", f"{what}: the rule raises {where_raised(error)}\n  in {point.call.shown}")
        return
    near = _nearby(point)
    for i in range(len(point.call.xs)):
        if not point.call.xs[i].size or point.call.names[i] in found.subject.wrong:
            continue
        if not np.isfinite(got[i]).all():
            if point.asks(i) and not np.any(point.judge(i).vague):
                found.add(
                    "warn", f"{what}: the cotangent of {point.call.names[i]} is not finite\n  in {point.call.shown}"
                )
            continue
        text = _among_nearby(point, i, near)
        if text:
            found.add(status, f"{what}: {text}\n  in {point.call.shown}", "ties")
            return
    sets = [(i,) for i in range(len(point.call.xs))] + [tuple(range(len(point.call.xs)))] * (len(point.call.xs) > 1)
    for moved in sets:
        names = [point.call.names[i] for i in moved]
        if (
            all(np.isfinite(got[i]).all() and point.call.xs[i].size for i in moved)
            and not set(names) & found.subject.wrong
        ):
            text = _together(point, moved, found.floor)
            if text:  # wrong numbers at finite values, whether or not the samples hold them
                found.add("fail", f"{what}: {text}\n  in {point.call.shown}", "ties", _program(point, moved))
                return


def _among_nearby(point: Point, i: int, near: Sequence[Sequence[Array]]) -> str:
    """At a tie a gradient is a mixture of those next to it."""
    if not near:
        return ""
    low, high = (bound([g[i] for g in near], axis=0) for bound in (np.min, np.max))
    got, size = point.got[i], float(max(np.max(np.abs(low)), np.max(np.abs(high))))
    room = 1e-3 * size + (high - low) / 2
    off = (got < low - room) | (got > high + room)
    if not np.isfinite(size) or size == 0 or not np.any(off):
        return ""
    k = tuple(map(int, np.argwhere(off)[0]))
    nearby = f"next to the tie it is between {low[k]:.6g} and {high[k]:.6g}"
    return f"{point.call.names[i]}: the cotangent at {list(k)} is {got[k]:.6g}; {nearby}"


def _nearby(point: Point) -> list[list[Array]]:
    """Gradients next to the tie; none where the op is not continuous there, or infinitely steep, or not defined."""
    rng, here = point.rng, point.call.outputs(*point.call.xs)
    h = 1e-6 * max(1.0, *(float(np.max(np.abs(x), initial=0)) for x in point.call.xs))
    near = []
    for _ in range(20):
        moved = point.call.at([v + h * rng.uniform(-1, 1, v.shape).astype(v.dtype) for v in point.call.xs])
        other = Point.__new__(Point)
        other.call, other.us = moved, point.us
        try:
            for a, b in zip(here, moved.outputs(*moved.xs), strict=True):
                if np.any(np.abs(a - b) > 1e3 * h * np.maximum(1, np.abs(a))):
                    return []
            near.append(other.gradient())
        except Exception:  # next to the tie the op may not be defined
            return []
    return near


def _together(point: Point, moved: Sequence[int], floor: float) -> str:
    """Moved all together, equal elements stay equal, and most functions are smooth."""
    call, wide = point.call, point.problem.wide

    def f(t: Array) -> Array:
        return to_reals([as_array(y) for y in call.outputs(*(x + t if i in moved else x for i, x in enumerate(wide)))])

    try:
        estimate = differences(f, np.zeros(()), np.ones(()))
    except Exception:  # next to the tie the op may not be defined
        return ""
    if _steep(f):
        return ""
    u = to_reals(point.us)
    right, found = float(u @ estimate.value), float(sum(np.sum(point.got[i]) for i in moved))
    size = max(float(np.max(np.abs(point.got[i]))) * point.got[i].size for i in moved)
    room = float(np.abs(u) @ np.minimum(estimate.error + estimate.jump / 2, 1e300)) + 1e-3 * size + floor
    if abs(found - right) <= room:
        return ""
    names = " and ".join(call.names[i] for i in moved)
    return (
        f"{names}: moved all together, they change <g, y> by {right:.6g}, and the cotangents add up to {found:.6g}:"
        " equal elements are counted more than once, or not at all"
    )


def _steep(f: Callable[[Array], Array]) -> bool:
    """Whether differences grow as their step shrinks: at a jump, and where a slope is infinite, nothing can be said."""
    wide, narrow = ((f(np.asarray(h)) - f(np.asarray(-h))) / (2 * h) for h in (1e-4, 1e-6))
    return not np.allclose(wide, narrow, rtol=0.1, atol=1e-2 * float(np.max(np.abs(wide), initial=0)) + 1e-6)


def _program(point: Point, moved: Sequence[int]) -> str:
    lines, expression = point.call.code()
    names = [line.split(" = ", 1)[0] for line in lines]
    gs = [literal(u) for u in point.us]
    up, down = (", ".join(f"{n} {s} h" if k in moved else n for k, n in enumerate(names)) for s in "+-")
    change = (
        "np.sum(g * (f(up) - f(down)))"
        if len(gs) == 1
        else "sum(np.sum(a * (b - c)) for a, b, c in zip(g, f(up), f(down)))"
    )
    change = change.replace("f(up)", f"f({up})").replace("f(down)", f"f({down})")
    return "\n".join([
        "import numpy as np", "from tinygrad_np import vjp", import_line(point.call.op), *lines,
        f"g = {gs[0] if len(gs) == 1 else '(' + ', '.join(gs) + ')'}",
        f"f = lambda {', '.join(names)}: {expression}",
        f"cotangents = vjp(f, {', '.join(names)})[1](g)",
        f"total = {' + '.join(f'np.sum(cotangents[{i}])' for i in moved)}",
        "h = 1e-6",
        f"np.testing.assert_allclose(total, {change} / (2 * h), atol=1e-3)",
    ])  # fmt: skip
