"""Masks as people write them: where nothing arrives, nothing is passed on.

A recorded backward pass guards a contribution c to the cotangent of an elementwise op with
``where((g == 0) & ~isfinite(c), 0, c)``, so that 0 * inf is 0. Such a c is g times a derivative, so that where g is 0
and c finite, c is 0 as well: ``where(g == 0, 0, c)`` has the same value. It has another derivative, so this is for
tapes that are to be read or run, not differentiated again.
"""

from __future__ import annotations

from typing import Any

from ..core.record import Record
from ..core.tape import Tape
from .rewrite import made, op_of, rebuilt, same_kind

__all__ = ["short_masks"]


def short_masks(tape: Tape) -> Tape:
    """The tape with shorter masks, and without those that mask nothing, as a product with a condition is finite.

    What nobody needs any more is still on it.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_np import trace
    >>> from tinygrad_np.passes import without_dead
    >>> def masked(g, x):
    ...     c = g / x
    ...     return np.where((g == 0) & ~np.isfinite(c), 0, c)
    >>> tape = trace(masked, np.ones(2), np.ones(2))
    >>> len(tape), len(without_dead(short_masks(tape)))
    (6, 3)
    """

    def change(r: Record, inputs: tuple[Any, ...]) -> Any:
        if op_of(r) != "where" or isinstance(inputs[1], Record) or inputs[1] != 0:
            return None
        condition, _, c = inputs
        zero = _zero(condition, c)
        if zero is None or not same_kind(c, r):
            return None
        g = zero.inputs[0]
        if op_of(c) == "multiply" and g in c.inputs and any(p is not None and p.dtype.kind in "biu" for p in c.inputs):
            return c
        return [made(r.primitive, (zero, 0, c), r.params, r)]  # type: ignore[arg-type]  # no leaf

    return rebuilt(tape, change)


def _zero(condition: Any, c: Any) -> Any:
    """The record ``g == 0`` of a condition ``(g == 0) & ~isfinite(c)``; None if it is another."""
    if op_of(condition) != "bitwise_and":
        return None
    zero, bad = condition.inputs
    finite = bad.inputs[0] if op_of(bad) == "invert" else None
    if op_of(zero) != "equal" or zero.inputs[1] is not None or zero.values[1] != 0:
        return None
    return zero if finite is not None and op_of(finite) == "isfinite" and finite.inputs[0] is c else None
