"""Where it is hard to be right: kinks, ties, zero, huge and tiny numbers, NaN and infinities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...numeric import Estimate, complex_step, differences
from ...transforms import vjp
from ..problem import as_array
from .call import Call, import_line, literal
from .counterexample import counterexample
from .forms import Verdicts
from .gradient import points, where_raised
from .point import Point, point_of
from .report import Check, Status
from .subject import Subject, finite, structure_of

__all__ = ["curve", "special_values"]

Array = NDArray[Any]
FINITE = (0.0, -0.0, 1e-300, 1e-30, -1e-30, 1e-8, -1e-8, 30.0, -30.0, 100.0, -100.0, 1000.0, -1000.0)
BEYOND = (1e100, -1e100, 1e200, -1e200, np.inf, -np.inf, np.nan)


class Line:
    """An op that works element by element, as a function of one argument on any vector of numbers."""

    def __init__(self, point: Point, i: int, prepared: Sequence[Array] | None = None) -> None:
        self.point, self.i = point, i
        self.name = point.call.names[i]
        self.others = [x.reshape(-1)[:1] for x in point.call.xs]

    def call(self, ts: Array) -> Call:
        rank = max(x.ndim for x in self.point.call.xs)
        shape = (1,) * max(rank - 1, 0) + (ts.size,)
        xs = [np.broadcast_to(x, shape).copy() for x in self.others]
        xs[self.i] = np.asarray(ts, self.point.call.xs[self.i].dtype).reshape(shape)
        return self.point.call.at(xs)

    def value(self, ts: Array) -> Array:
        """f, of complex numbers too."""
        ts = np.asarray(ts)
        rank = max(x.ndim for x in self.point.call.xs)
        shape = (1,) * max(rank - 1, 0) + (ts.size,)
        xs = [np.broadcast_to(np.asarray(x, float), shape) for x in self.others]
        xs[self.i] = ts.reshape(shape)
        return np.asarray(self.point.call.outputs(*xs)[0]).reshape(-1)

    def slope(self, ts: Array) -> Array:
        """dy/dx by the rule."""
        call = self.call(ts)
        ys, pullback = vjp(call.outputs, *call.xs)
        return as_array(pullback(tuple(np.ones_like(y) for y in ys))[self.i]).reshape(-1)


def lines(subject: Subject) -> list[Line]:
    """The op by each of its arguments, if it is seen to work element by element."""
    if "lines" in subject.memory:
        return subject.memory["lines"]  # type: ignore[no-any-return]
    found: list[Line] = []
    for point in points(subject):
        xs = point.call.xs
        if len(point.problem.ys) != 1 or any(a.dtype.kind != "f" or not a.size for a in (*xs, *point.problem.ys)):
            continue
        others = (v for k, v in enumerate(point.call.leaves) if k not in point.call.where)
        if not any(x.ndim for x in xs) or any(isinstance(v, np.ndarray | list) for v in others):
            continue
        shape = np.broadcast_shapes(*(x.shape for x in xs)) if _broadcast(xs) else None
        declared = subject.prim is not None and subject.prim.core_dims == 0  # takes any shapes that broadcast
        if shape != point.problem.ys[0].shape or not (declared or all(x.size == 1 or x.shape == shape for x in xs)):
            continue
        candidates = [Line(point, i) for i in range(len(xs)) if point.call.names[i] not in subject.wrong]
        if point.problem.ys[0].size > 1 and all(_is_elementwise(line) for line in candidates):
            found = candidates
            break
    subject.memory["lines"] = found
    return found


def _broadcast(xs: Sequence[Array]) -> bool:
    try:
        np.broadcast_shapes(*(x.shape for x in xs))
    except ValueError:
        return False
    return True


def _is_elementwise(line: Line) -> bool:
    """Many numbers at once give what each gives alone."""
    ts = np.linspace(0.3, 0.9, 7)
    try:
        together = line.value(ts)
        alone = np.concatenate([line.value(ts[k : k + 1]) for k in range(ts.size)])
        if line.slope(ts).shape != ts.shape:
            return False
        return together.shape == ts.shape and bool(np.allclose(together, alone, rtol=1e-9, atol=1e-12, equal_nan=True))
    except Exception:  # the op does not take such shapes, so nothing is seen
        return False


def curve(subject: Subject) -> Check:
    """The derivative of an elementwise op over its whole domain, and at every kink of it."""
    found = Verdicts("kinks", subject)
    for point, i, wrong in subject.memory.get("kinks", ()):
        found.seen.append("the samples")
        found.add("fail", wrong.text, "kink", counterexample(point, i, subject))
    if not lines(subject) and not found.seen:
        why = (
            "the rule is wrong on the samples themselves"
            if subject.wrong
            else "the op does not work element by element"
        )
        return Check("kinks", "skip", why)
    low, high = subject.domain
    kinks: list[str] = []
    for line in lines(subject):
        grid = np.linspace(low, high, 403)[1:-1]
        marks = np.array([m for m in (*_marks(line.point.call), *np.arange(-3, 3.5, 0.5)) if low <= m <= high])
        try:
            at = np.unique(np.concatenate([marks, _jumps(line, grid), grid[::4]]))
            at = at[np.isfinite(line.value(at))]
            got = line.slope(at)
        except Exception as error:  # a rule that refuses what its forward takes
            found.add("warn", f"{line.name}: the rule raises {where_raised(error)}")
            continue
        found.seen.append(line.name)
        estimate = _estimate(line, at)
        level = np.maximum(
            np.abs(estimate.value) + estimate.jump, 1e-3 * float(np.max(np.abs(estimate.value), initial=0))
        )
        known = estimate.error < 1e-3 * np.maximum(level, 1e-3)
        eps = float(np.finfo(line.point.call.xs[line.i].dtype).eps)
        room = 4 * estimate.error + estimate.jump / 2 + max(1e-9, 64 * eps) * level
        bent = estimate.jump > 1e-5
        with np.errstate(all="ignore"):
            off = known & ~(np.abs(got - estimate.value) <= room)
        steps = _steps(line, at)
        off &= ~steps
        for k in np.flatnonzero(bent & known & ~steps)[:6]:
            left, right = sorted((estimate.value[k] - estimate.jump[k] / 2, estimate.value[k] + estimate.jump[k] / 2))
            kinks.append(f"{line.name} = {at[k]:.6g}: between {left:.4g} and {right:.4g}, the rule gives {got[k]:.4g}")
        if np.any(off):
            k = int(np.flatnonzero(off)[0])
            what = "at a kink, and not between the one-sided derivatives" if bent[k] else "wrong"
            if not np.isfinite(got[k]):
                what = "not finite where the function has a derivative"
            elif not bent[k]:
                what = (
                    f"wrong at {int(np.sum(off))} of {at.size} points from {at[off].min():.4g} to {at[off].max():.4g}"
                )
            wanted = f"{estimate.value[k]:.6g}" + (f" +- {estimate.jump[k] / 2:.6g}" if bent[k] else "")
            where = f"{line.name}: dy/d{line.name} at {line.name} = {at[k]:.6g}"
            text = f"{where} is {got[k]:.6g} and should be {wanted}: {what}"
            # NaN where no sample is may be out of the op's reach; a wrong number is not.
            status: Status = "fail" if np.isfinite(got[k]) or _shown(line, at[k]) else "warn"
            code = _program(line, float(at[k]), float(estimate.value[k]), float(room[k])) if status == "fail" else ""
            found.add(status, text, "kink" if bent[k] else "mask", code)
    where = (
        "\n".join(kinks)
        if kinks
        else f"none found between {low:g} and {high:g}; the derivative is right at all points tried"
    )
    return found.check(where)


def _estimate(line: Line, at: Array) -> Estimate:
    """dy/dx by evaluation at all these numbers together: each element is a function of its own number."""
    ones = np.ones_like(at)
    found = differences(line.value, at, ones)
    if not np.any(found.jump) and np.all(np.isfinite(found.error)):
        try:
            stepped = complex_step(line.value, at, ones)
        except Exception:  # the op does not take complex numbers
            return found
        if np.all(np.abs(found.value - stepped.value) <= 2 * found.error + stepped.error):
            return stepped
    return found


def _shown(line: Line, t: float) -> bool:
    """Whether the sample holds this number."""
    return bool(np.any(line.point.call.xs[line.i] == t))


def _marks(call: Call) -> list[float]:
    """Numbers that the op is told, where it may bend."""
    told = [float(v) for v in call.leaves if isinstance(v, int | float) and not isinstance(v, bool)]
    prim = call.op
    told += [float(v) for v in (getattr(prim, "defaults", None) or {}).values() if type(v) in (int, float)]
    return [s * v for v in told if np.isfinite(v) for s in (1, -1)]


def _steps(line: Line, at: Array) -> Array:
    """Where the value itself jumps: no derivative to speak of."""
    h = 1e-9 * np.maximum(1, np.abs(at))
    up, down, here = line.value(at + h), line.value(at - h), line.value(at)
    with np.errstate(all="ignore"):
        return np.asarray(np.maximum(np.abs(up - here), np.abs(here - down)) > 1e-4 * np.maximum(1, np.abs(here)))


def _jumps(line: Line, grid: Array) -> Array:
    """Where the rule's derivative jumps, to the last digit, by bisection."""
    d = line.slope(grid)
    gaps = np.abs(np.diff(d))
    usual = np.median(gaps[np.isfinite(gaps)]) if np.any(np.isfinite(gaps)) else 0.0
    places = np.flatnonzero(gaps > 20 * usual + 1e-6 * float(np.max(np.abs(d), initial=0, where=np.isfinite(d))))[:8]
    if not places.size:
        return np.array([])
    a, b = grid[places], grid[places + 1]
    of_a, of_b = d[places], d[places + 1]
    for _ in range(60):
        m = (a + b) / 2
        of_m = line.slope(m)
        left = np.abs(of_m - of_a) < np.abs(of_m - of_b)
        a, of_a = np.where(left, m, a), np.where(left, of_m, of_a)
        b, of_b = np.where(left, b, m), np.where(left, of_b, of_m)
    neat = np.round(b, 6)
    return np.asarray(np.where(np.abs(neat - b) < 1e-9, neat, b))


def _program(line: Line, at: float, right: float, room: float) -> str:
    call = line.call(np.array([at]))
    defined, expression = call.code()
    names = [d.split(" = ", 1)[0] for d in defined]
    y = call.outputs(*call.xs)[0]
    return "\n".join([
        "import numpy as np", "from tinygrad_np import vjp", import_line(call.op), *defined,
        f"y, pullback = vjp(lambda {', '.join(names)}: {expression}, {', '.join(names)})",
        f"slope = pullback({literal(np.ones_like(np.asarray(y)))})[{line.i}]",
        f"np.testing.assert_allclose(slope, {right!r}, rtol=0, atol={max(room, 1e-12):.2g})",
    ])  # fmt: skip


def special_values(subject: Subject) -> Check:
    """Zero, signed zero, tiny, large, huge numbers, infinities and NaN, in value and gradient."""
    found = Verdicts("special", subject)
    notes: list[str] = []
    for line in lines(subject):
        for t in (*FINITE, *BEYOND):
            _special(found, subject, line, t, notes)
    if not lines(subject):
        for point in points(subject)[: None if subject.thorough else 3]:
            for what, scale in (("zeros", 0.0), ("large numbers", 300.0), ("tiny numbers", 1e-12)):
                _scaled(found, point, what, scale)
    return found.check("; ".join(dict.fromkeys(notes)) or "finite wherever the value is")


def _special(found: Verdicts, subject: Subject, line: Line, t: float, notes: list[str]) -> None:
    at = np.array([t])
    try:
        y, d = line.value(at)[0], line.slope(at)[0]
    except Exception as error:
        found.add("warn", f"{line.name} = {t:g}: {where_raised(error)}")
        return
    found.seen.append(line.name)
    if not np.isfinite(t) or abs(t) > 1e50:
        if np.isfinite(y) and np.isnan(d):
            notes.append(f"at {line.name} = {t:g} the value is {y:g} and the gradient NaN")
        elif np.isfinite(t) and np.isfinite(d) and abs((right := _slope_far_out(line, t)) - d) > 1e-2 * abs(right):
            near = np.copysign(1e3, t)  # steps look like a slope from afar: so is the rule right in sight?
            if not abs(line.slope(np.array([near]))[0] - (seen := _slope_far_out(line, near))) <= 1e-2 * abs(seen):
                return
            found.add("warn", f"{line.name} = {t:g}: too large for the rule, which gives {d:g} for {right:.4g}")
        return
    low, high = subject.domain
    shown = _shown(line, t) or (t == 0 and _around(line, t) and low <= t <= high)
    if not np.isfinite(y):
        if np.isnan(y) and low <= t <= high:
            notes.append(f"the value is NaN at {line.name} = {t:g}")
        return
    if np.isfinite(d):
        return
    e = _estimate(line, at)
    if (
        not np.isfinite(e.error[0])
        or abs(e.value[0]) > 1e6 * max(1.0, abs(y))
        or e.error[0] > 1e-3 * max(1.0, abs(e.value[0]))
        or _steps(line, at)[0]
    ):
        return
    # At a kink among the samples no number is right for all: there NaN is a choice, if a poor one.
    status: Status = "fail" if _shown(line, t) or (shown and not e.jump[0]) else "warn"
    wanted = f"{e.value[0]:.6g}" + (f" +- {e.jump[0] / 2:.6g}" if e.jump[0] else "")
    text = f"{line.name} = {t:g}: the value is {y:g}, and the gradient {d:g} where it should be {wanted}"
    code = _program(line, t, float(e.value[0]), 4 * float(e.error[0]) + float(e.jump[0]) / 2 + 1e-6)
    found.add(status, text, "not-finite", code if status == "fail" else "")


def _around(line: Line, t: float) -> bool:
    """Whether its sample has numbers on both sides of this one."""
    x = line.point.call.xs[line.i]
    return bool(np.min(x) < t < np.max(x))


def _slope_far_out(line: Line, t: float) -> float:
    """dy/dx at a huge number; NaN where two steps do not agree on it, or it is too small to be seen."""
    found = []
    for h in (1e-3 * abs(t), 1e-4 * abs(t)):
        up, down = line.value(np.array([t + h, t - h]))
        found.append((up - down) / (2 * h))
        if not abs(up - down) > 1e-9 * max(abs(up), abs(down)):  # all digits cancel
            return float("nan")
    return float(found[1]) if abs(found[0] - found[1]) <= 1e-3 * abs(found[1]) else float("nan")


def _scaled(found: Verdicts, point: Point, what: str, scale: float) -> None:
    if any(structure_of(x) or x.dtype.kind != "f" for x in point.call.xs):
        return
    call = point.call.at([np.asarray(x * scale, x.dtype) for x in point.call.xs], f"{point.call.origin}, {what}")
    if not finite(call):
        return
    other = point_of(call, found.subject.rng("special"))
    if other is None:
        return
    found.seen.append(what)
    try:
        got = other.got
    except Exception as error:
        found.add("warn", f"{what}: the rule raises {where_raised(error)}\n  in {call.shown}")
        return
    for name, g, x in zip(call.names, got, call.xs, strict=True):
        if not np.isfinite(g).all() and x.size:
            found.add("warn", f"{what}: the value is finite and the cotangent of {name} is not\n  in {call.shown}")
