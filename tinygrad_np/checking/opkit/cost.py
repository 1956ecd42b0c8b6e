"""What the op costs: values kept for the backward pass, and time against the same function composed of known ops."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any

import numpy as np

from ...core.primitive import Primitive
from ...core.record import leaf
from ...transforms import vjp
from .call import Call
from .gradient import points
from .report import Check
from .subject import Subject
from .traced import composed

__all__ = ["memory", "speed"]


def memory(subject: Subject) -> Check:
    """What the rules name is kept alive: is it all needed?"""
    prim = subject.prim
    if prim is None:
        return Check("saved", "skip", "made of other ops: each keeps what its rule needs")
    if not points(subject) or prim.variadic:
        return Check("saved", "skip", "the arguments are not told apart" if prim.variadic else "no sample to look at")
    point = max(points(subject), key=lambda p: sum(x.size for x in p.call.xs))
    call = point.call
    args, params = call.filled(call.xs)
    args, full = args[: prim.arity], {**(prim.defaults or {}), **params}
    full |= dict(zip(prim.names[prim.arity :], call.filled(call.xs)[0][prim.arity :], strict=False))
    y: Any = prim.forward(*args, **full)
    operands = [("y", y), *zip(prim.names, args, strict=False)]
    kept = [k for k in range(len(operands)) if any(n is not None and n >> k & 1 for n in prim.needed)]
    arrays = [k for k in kept if isinstance(operands[k][1], np.ndarray | np.generic)]
    idle = [k for k in arrays if not _needed(prim, k, y, args, full, point.us)]
    held = sum(np.asarray(operands[k][1]).nbytes for k in arrays)
    wasted = sum(np.asarray(operands[k][1]).nbytes for k in idle)
    names = ", ".join(operands[k][0] for k in arrays) or "nothing"
    said = f"keeps {names}: {held:,} bytes in {call.shown}"
    if wasted:
        which = ", ".join(f"_{operands[k][0]}" for k in idle)
        return Check("saved", "warn", f"{said}, of which {wasted:,} are not needed: call them {which} in the rules")
    return Check("saved", "pass", said)


def _needed(prim: Primitive, k: int, y: Any, args: Any, params: dict[str, Any], us: Any) -> bool:
    """Whether a rule breaks, or gives something else, when operand ``k`` is only its shape and dtype."""
    operands = [y, *args]
    value = np.asarray(operands[k])
    bare = [*operands[:k], leaf(None, value), *operands[k + 1 :]]
    g = us[0] if len(us) == 1 else tuple(us)
    for i in range(len(args)):
        if not (prim.needs(i) or 0) >> k & 1:
            continue
        try:
            right = _cotangent(prim, i, g, operands, params)
        except Exception:  # not a rule that can be asked: another check says so
            return True
        try:
            found = _cotangent(prim, i, g, bare, params)
            same = np.asarray(found).dtype == np.asarray(right).dtype and np.array_equal(found, right)
        except Exception:  # so the value is needed
            return True
        if not same:
            return True
    return False


def _cotangent(prim: Primitive, i: int, g: Any, operands: Sequence[Any], params: dict[str, Any]) -> Any:
    return (prim.vjps if prim.fixed else prim.rules(len(operands) - 1))[i](g, *operands, **params)


def speed(subject: Subject) -> Check:
    """Time of a forward and of a backward pass, beside that of the same function made of known ops."""
    if not points(subject):
        return Check("time", "skip", "no sample to run")
    point = max(points(subject), key=lambda p: sum(x.size for x in p.call.xs))
    own = _times(point.call.outputs, point.call, point.us)
    said = f"forward {_shown(own[0])}, with the backward pass {_shown(own[1])}, in {point.call.shown}"
    f = composed(point.call, subject.prim)[0] if subject.prim is not None else None
    if f is not None:
        other = _times(f, point.call, point.us)
        said += f"; composed of known ops {_shown(other[0])} and {_shown(other[1])}"
    return Check("time", "pass", said)


def _times(f: Callable[..., Any], call: Call, us: Any) -> tuple[float, float]:
    """Seconds of a forward pass on arrays, and of a recorded forward and a backward pass: the best of a few."""

    def both() -> None:
        vjp(f, *call.xs)[1](tuple(us))

    return _best(lambda: f(*call.xs)), _best(both)


def _best(run: Callable[[], Any]) -> float:
    times: list[float] = []
    until = perf_counter() + 0.01
    while not times or (perf_counter() < until and len(times) < 50):
        start = perf_counter()
        run()
        times.append(perf_counter() - start)
    return min(times)


def _shown(seconds: float) -> str:
    return f"{seconds * 1e6:.0f} us" if seconds < 1e-3 else f"{seconds * 1e3:.1f} ms"
