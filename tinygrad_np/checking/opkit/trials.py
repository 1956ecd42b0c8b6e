"""Why a rule is wrong, by trying it: what makes it right is what it lacks.

The rule is run with another cotangent, or with a parameter at its default, and held against the right gradient.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.primitive import Primitive
from ..diagnose import Diagnosis
from ..problem import to_reals
from .call import Call
from .point import Point

__all__ = ["tried", "with_rules"]

Array = NDArray[Any]
Same = Callable[[Array, Array], bool]


def tried(point: Point, i: int, G: Array, T: Array, same: Same) -> Iterator[Diagnosis]:
    """What of the op's cotangents, axes and parameters the rule for argument ``i`` is seen to get wrong."""
    yield from _other_outputs(point, i, G, same)
    yield from _other_cotangents(point, i, G, T, same)
    yield from _defaults(point, i)


def _other_outputs(point: Point, i: int, G: Array, same: Same) -> Iterator[Diagnosis]:
    """Of several outputs the cotangent of one is left out, exchanged or turned round."""
    us, claim = point.us, point.claim(i)
    if len(us) < 2 or not claim.every_v:
        return

    def right_for(changed: list[Array]) -> Array:
        return np.asarray(to_reals(changed) @ claim.J).reshape(G.shape)

    for k, u in enumerate(us):
        for change, what in ((0 * u, "is not used"), (-u, "has the wrong sign"), (2 * u, "is counted twice")):
            if np.any(u) and same(G, right_for([*us[:k], np.asarray(change), *us[k + 1 :]])):
                yield Diagnosis("outputs", f"the cotangent of output {k} {what}")
    for a, b in combinations(range(len(us)), 2):
        if us[a].shape == us[b].shape:
            swapped = list(us)
            swapped[a], swapped[b] = us[b], us[a]
            if same(G, right_for(swapped)):
                yield Diagnosis("outputs", f"the cotangents of the outputs {a} and {b} are exchanged")


def _other_cotangents(point: Point, i: int, G: Array, T: Array, same: Same) -> Iterator[Diagnosis]:
    """The rule is right once its cotangent comes from the other end, or transposed."""
    prim = point.call.op
    if not isinstance(prim, Primitive) or len(point.us) != 1:
        return
    shape = point.us[0].shape

    def run(change: Callable[[Any], Any]) -> Array | None:
        def wrap(_: int, rule: Callable[..., Any]) -> Callable[..., Any]:
            return lambda g, *operands, **params: rule(change(g), *operands, **params)

        try:
            return point.gradient(with_rules(prim, wrap))[i]
        except Exception:  # a rule need not take what is no cotangent of the op's
            return None

    for axis, n in enumerate(shape):
        found = run(lambda g, axis=axis: np.flip(g, axis)) if n > 1 and len(shape) == T.ndim else None  # type: ignore[misc]
        if found is not None and same(np.flip(found, axis), T):
            yield Diagnosis(
                "time-index", f"added up from the wrong end along axis {axis}: right once it is run backwards"
            )
    if len(shape) > 1 and shape[-1] == shape[-2]:
        found = run(lambda g: np.swapaxes(g, -1, -2))
        if found is not None and same(found, T):
            yield Diagnosis("transpose", "right once the cotangent is transposed in the rule: it takes the other axis")
        elif found is not None and same(G + found, T):
            yield Diagnosis("fork", "one of two paths: the same term with the cotangent transposed is missing")
    if T.ndim > 1 and T.shape[-1] == T.shape[-2] and same(G + np.swapaxes(G, -1, -2), T):
        yield Diagnosis("fork", "one of two paths: its own transpose is missing")


def _defaults(point: Point, i: int) -> Iterator[Diagnosis]:
    """The rule is right where a parameter has its default, and so may have that written into it."""
    call, prim = point.call, point.call.op
    if not isinstance(prim, Primitive):
        return
    for name, default in (prim.defaults or {}).items():
        other = _with_parameter(call, name, default)
        if other is None:
            continue
        try:
            there = Point(other, point.rng)
            right = there.asks(i) and not np.any((found := there.judge(i)).off | found.vague) and np.any(there.got[i])
        except Exception:  # the op may not take its default for these arguments
            continue
        if right:
            yield Diagnosis("parameter", f"right where {name} is {default!r}, its default: the rule leaves {name} out")


def _with_parameter(call: Call, name: str, value: Any) -> Call | None:
    """The call with this parameter at this value; None where it has it, or does not name it."""
    _, params = call.filled(call.xs)
    if name not in params or type(params[name]) not in (int, float, bool, str, type(None)) or params[name] == value:
        return None
    if type(value) not in (int, float, bool, str):
        return None
    at = [k for k, leaf in enumerate(call.leaves) if leaf is params[name] and k not in call.where]
    if len(at) != 1:
        return None
    leaves = list(call.leaves)
    leaves[at[0]] = value
    return replace(call, leaves=tuple(leaves))


def with_rules(prim: Primitive, wrap: Callable[[int, Callable[..., Any]], Callable[..., Any]]) -> Primitive:
    """A copy of the op whose rule for each argument is ``wrap(i, rule)``."""
    other = copy.copy(prim)
    if prim.fixed:
        other.vjps = tuple(None if r is None else wrap(i, r) for i, r in enumerate(prim.vjps))
    else:

        def rules(n: int) -> Sequence[Any]:
            return [None if r is None else wrap(i, r) for i, r in enumerate(prim.rules(n))]

        vars(other)["rules"] = rules
    other.needed = tuple(None if n is None else -1 for n in prim.needed)
    if hasattr(prim, "keeps"):
        other.keeps = tuple(None if k is None else -1 for k in prim.keeps)  # type: ignore[assignment]  # of its length
    return other
