"""Is the gradient right? The rule against the exact gradient, against evaluation, against a tangent, one order up."""

from __future__ import annotations

import functools
import re
import traceback
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.primitive import Primitive
from ...numeric import differences, random_direction
from ..diagnose import Diagnosis, diagnose
from ..problem import as_array, to_reals
from .call import Call, argument_names, is_float
from .counterexample import counterexample, smaller
from .explain import explain
from .point import Point, Truth, point_of
from .report import Check
from .subject import Subject, structure_of

__all__ = ["Wrong", "judged", "named", "numeric", "points", "rule", "where_raised"]

Array = NDArray[Any]
PACKAGE = Path(__file__).parents[2]
NOT_THE_USERS = (str(PACKAGE), functools.__file__, str(Path(np.__file__).parent))


def points(subject: Subject) -> list[Point]:
    """The samples where the rule runs, with numeric derivatives that all checks share."""
    found: list[Point] = subject.memory.setdefault("points", [])
    return found


def named(subject: Subject) -> dict[str, Diagnosis]:
    """What an earlier check has found wrong with the rule for an argument: a coarser one may not see it."""
    found: dict[str, Diagnosis] = subject.memory.setdefault("named", {})
    return found


def rule(subject: Subject) -> Check:
    """Whether the rule runs on each sample and gives cotangents of the right shapes; fills `points`."""
    rng = subject.rng("points")
    failed: list[str] = []
    kind = code = ""
    nothing = True
    for call in subject.calls:
        point = point_of(call, rng)
        if point is None:
            continue
        nothing = False
        try:
            with np.errstate(all="ignore"):
                got = point.got
        except Exception as error:  # a rule may raise anything
            why, slug = _why_it_raised(point, error)
            failed.append(f"{why}\n  in {call.shown}")
            if not code:
                kind, code = slug, counterexample(point, None, subject)
            continue
        bad = [n for n, g, x in zip(call.names, got, call.xs, strict=True) if g.shape != x.shape or g.dtype != x.dtype]
        failed += [f"{n}: the cotangent has another shape or dtype than the argument" for n in bad]
        points(subject).append(point)
    if failed:
        found = Check("rules", "fail", "\n".join(failed[:4]), kind or "raises", code)
        subject.memory["rules"] = found
        return found
    idle = _moved_by_constants(subject)
    if idle and not nothing:
        return Check("rules", "warn", idle)
    if nothing:
        return Check("rules", "skip", "nothing of floating point goes in and comes out with a finite value")
    return Check("rules", "pass", "runs on every sample; every cotangent has its argument's shape and dtype")


def _moved_by_constants(subject: Subject) -> str:
    """Arguments declared to have no gradient that the output does depend on, smoothly."""
    prim = subject.prim
    if prim is None or prim.variadic or not prim.fixed:
        return ""
    for point in points(subject):
        for k, leaf in enumerate(point.call.leaves[: prim.arity]):
            if k in point.call.where or not is_float(leaf) or not leaf.size or prim.needs(k) is not None:
                continue

            def f(x: Array, k: int = k, call: Call = point.call) -> Array:
                return to_reals(
                    [
                        as_array(y)
                        for y in replace(call, leaves=(*call.leaves[:k], x, *call.leaves[k + 1 :])).outputs(*call.xs)
                    ]
                )

            with suppress(Exception):  # the op may refuse other values
                wide = np.asarray(leaf, np.result_type(leaf, float))
                found = differences(f, wide, random_direction(wide, subject.rng("constants")))
                size = np.abs(found.value)
                if np.all(np.isfinite(found.error)) and np.any(size > 1e-3 + 100 * found.error):
                    name = argument_names(prim, k + 1)[k]
                    return f"{name} is declared to have no gradient (None), and the output does move with it, smoothly"
    return ""


def where_raised(error: BaseException) -> str:
    """``ValueError: ... (rules.py:12)``: the error with the line of the op or rule that raised it."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not f.filename.startswith(NOT_THE_USERS)]
    line = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    first = re.sub(r" \((recorded )?at [^)]*\)", "", (str(error).splitlines() or [""])[0])  # in the kit, by the kit
    return f"{type(error).__name__}: {first}{line}"


def _why_it_raised(point: Point, error: Exception) -> tuple[str, str]:
    """What to say of a rule that raises; a wrong shape is explained like a wrong gradient."""
    call, prim = point.call, point.call.op
    text = where_raised(error)
    notes = [n for n in getattr(error, "__notes__", ()) if "Record" in n or "underscore" in n]
    if not (isinstance(prim, Primitive) and "returned a cotangent of shape" in str(error)):
        what = "has no rule" if "has no gradient rule yet" in str(error) else "the rule raises"
        return f"{what}: " + "; ".join([text, *notes]), "raises"
    for i, raw in enumerate(raw_cotangents(call, point.us)):
        if raw is None or raw.shape == call.xs[i].shape:
            continue
        truth = point.truth(i)
        found = diagnose(raw, truth.value, None) if truth is not None else None
        if found is not None:
            return f"{call.names[i]}: {found.text} (shape {raw.shape}, the argument has {call.xs[i].shape})", found.kind
    return text, "shape"


def raw_cotangents(call: Call, us: Sequence[Array]) -> list[Array | None]:
    """What the rules return, before the engine fits it to the arguments; one entry for each of ``call.xs``."""
    prim: Primitive = call.op  # type: ignore[assignment]  # asked of ops with rules only
    args, params = call.filled(call.xs)
    n = len(args) if prim.variadic else prim.arity
    full = {**(prim.defaults or {}), **dict(zip(prim.names[n:], args[n:], strict=False)), **params}
    y = prim.forward(*args[:n], **full)
    y = tuple(map(np.asarray, y)) if isinstance(y, tuple) else np.asarray(y)
    g: Any = us[0] if len(us) == 1 else tuple(us)
    rules = prim.vjps if prim.fixed else prim.rules(n)
    found: list[Array | None] = []
    for k in [k for k in range(n) if is_float(args[k])][: len(call.xs)]:
        try:
            raw = rules[k](g, y, *args[:n], **full)
            found.append(np.asarray(raw) if hasattr(raw, "shape") or np.isscalar(raw) else None)
        except Exception:  # another argument's rule may be the one that raises
            found.append(None)
    return found


class Wrong:
    """A gradient that is proved wrong: which argument, where, by how much and why."""

    def __init__(
        self,
        point: Point,
        i: int,
        got: Array,
        right: Array,
        off: Array,
        how: str,
        truth: Truth | None,
        known: Diagnosis | None = None,
    ) -> None:
        name = argument = point.call.names[i]
        if "[" in name:
            argument = f"{name} (argument {i})"
        why = (explain(point, i, got, truth) if truth is not None else None) or known
        self.why = why
        self.kind = why.kind if why is not None else "unknown"
        with np.errstate(all="ignore"):
            size = np.where(off, np.abs(got - right), -1)
        worst = np.unravel_index(int(np.argmax(np.where(np.isfinite(got) | ~off, size, np.inf))), got.shape)
        place = f"{name}[{', '.join(map(str, worst))}]" if got.ndim else name
        numbers = f"at {place} the cotangent is {got[worst]:.6g} and should be {right[worst]:.6g} ({how})"
        count = f"{int(np.sum(off))} of {off.size} elements are off" if off.size > 1 else ""
        reason = why.text if why is not None else "no common mistake explains it"
        self.head = f"{argument}: {reason}{_by_output(point, i)}"
        self.text = "\n".join([self.head, f"  {numbers}" + (f"; {count}" if count else ""), f"  in {point.call.shown}"])


def _by_output(point: Point, i: int) -> str:
    """Of an op with several outputs: whose cotangents come out wrong."""
    if len(point.us) < 2:
        return ""
    wrong = []
    for k in range(len(point.us)):
        alone = Point.__new__(Point)
        alone.call, alone.problem, alone.rng = point.call, point.problem, point.rng
        alone.us = [u if j == k else np.zeros_like(u) for j, u in enumerate(point.us)]
        alone.share(point)
        try:
            wrong += [k] if alone.wrong_by(i) else []
        except Exception:  # the rule may not take zeros
            wrong.append(k)
    if not wrong or len(wrong) == len(point.us):
        return ""
    return f"; wrong for the cotangent of output {' and '.join(map(str, wrong))} alone"


def judged(point: Point, i: int, floor: float = 0.0, known: Diagnosis | None = None) -> Wrong | None:
    """What evaluation says against the rule for argument ``i``; an error of at most ``floor`` is none."""
    if not point.asks(i):
        return None
    judgement = point.judge(i)
    if not np.any(judgement.off):
        return None
    if not point.every:
        return judged(point.in_full(), i, floor, known)
    claim, truth = point.claim(i), point.truth(i)
    if truth is None:
        a, b = np.argwhere(judgement.off)[0]
        got, want = np.asarray(judgement.got[a, b]), np.asarray(judgement.expected[a, b])
        return Wrong(point, i, got, want, np.asarray(True), f"along a random direction, {claim.method}", None, known)
    pairs = 2 if truth.value.dtype.kind == "c" else 1
    off = np.any(judgement.off[0].reshape(*truth.value.shape, pairs), axis=-1)
    with np.errstate(all="ignore"):
        off &= ~(np.abs(point.got[i] - truth.value) <= floor)
    if not np.any(off):
        return None
    at_kink = np.any(off & truth.kinks) and not np.any(off & ~truth.kinks)
    found = Wrong(
        point, i, point.got[i], truth.value, off, f"{claim.method}, +- {np.max(truth.room):.1g}", truth, known
    )
    if at_kink:
        found.kind = "kink"
        found.head = f"{point.call.names[i]}: at a kink, and not between the one-sided derivatives"
        found.text = "\n".join([found.head, *found.text.splitlines()[1:]])
    return found


def numeric(subject: Subject) -> Check:
    """The rule against evaluation, on the samples and on more values like them."""
    broken: Check | None = subject.memory.get("rules")  # where it raises there is no gradient, and so a wrong one
    lines = [broken.detail] if broken is not None else []
    kind, code = (broken.kind, broken.code) if broken is not None else ("", "")
    methods: dict[str, int] = {}
    orders: list[float] = []
    warned: list[str] = []
    skipped = n = 0
    drawn = (point_of(c, subject.rng(c.origin), every=False) for c in subject.drawn(20 if subject.thorough else 1))
    for point in (*points(subject), *drawn):
        if point is None:
            continue
        structured = point not in points(subject) and any(structure_of(x) for x in point.call.xs)
        try:
            point.got  # noqa: B018  # a rule may raise on values like the samples'
        except Exception as error:
            lines.append(f"the rule raises {where_raised(error)}\n  in {point.call.shown}")
            kind, code = kind or "raises", code or counterexample(point, None, subject)
            continue
        for i in range(len(point.call.xs)):
            known = named(subject).get(point.call.names[i])
            found = judged(point, i, known=known)
            if found is not None and found.kind == "kink":
                subject.memory.setdefault("kinks", []).append((point.in_full(), i, found))
            elif found is not None and structured:
                warned.append(found.text)
            elif found is not None:
                point = point.in_full()
                if point.truth(i) is None:  # too large to be evaluated element by element, and so to be explained
                    found = judged(smaller(point, i, subject), i, known=known) or found
                subject.wrong.add(point.call.names[i])
                if not any(line.startswith(found.head) for line in lines):
                    lines.append(found.text)
                if not code:
                    kind, code = found.kind, counterexample(point, i, subject)
            elif point.asks(i):
                claim = point.claim(i)
                vague = bool(np.any(point.judge(i).vague))
                skipped += vague
                methods[claim.method] = methods.get(claim.method, 0) + 1
            n += 1
    if lines:
        return Check("numeric", "fail", "\n".join(dict.fromkeys(lines[:3])), kind, code)
    if not n:
        return Check("numeric", "skip", "nothing to differentiate")
    orders = _orders(subject)
    said = ", ".join(f"{m} {k} times" for m, k in methods.items()) or "nothing converged"
    if orders:
        said += f"; central differences converge with order {np.median(orders):.2g}"
    if skipped:
        said += f"; {skipped} of {n} have places that no evaluation can judge (a jump or a singularity)"
    if warned:
        return Check("numeric", "warn", "right on the samples, not on other values:\n" + warned[0])
    return Check("numeric", "pass" if methods else "warn", said)


def _orders(subject: Subject) -> list[float]:
    """The observed order of convergence on the first sample: 2 where the op is smooth."""
    found = []
    for point in points(subject)[:1]:
        for i, x in enumerate(point.problem.wide):
            if x.size:
                with suppress(Exception):  # the op may refuse values next to its samples
                    order = differences(point.problem.of_one(i), x, random_direction(x, subject.rng("order"))).order
                    found += [order] if np.isfinite(order) else []
    return found
