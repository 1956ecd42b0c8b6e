"""Common subexpressions: the same op on the same inputs runs once."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.record import Record
from ..core.tape import Tape
from .rewrite import made, rebuilt

__all__ = ["without_repeats"]


def without_repeats(tape: Tape) -> Tape:
    """The tape with each op on the same inputs, with the same options, run once.

    What draws random numbers is not merged: two draws are not one.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_np import trace
    >>> tape = trace(lambda x: np.exp(x) * np.exp(x), np.ones(3))
    >>> len(tape), len(without_repeats(tape))
    (3, 2)
    """
    seen: dict[Any, Record] = {}

    def change(r: Record, inputs: tuple[Any, ...]) -> Any:
        options = frozen(r.params)
        if options is None:
            return None
        scalars = tuple(x if isinstance(x, Record) else (type(x), repr(x)) for x in inputs)
        key = (r.primitive, scalars, options, r in tape.stopped)
        if key in seen:
            return seen[key]
        seen[key] = made(r.primitive, inputs, r.params, r)  # type: ignore[arg-type]  # no leaf
        return [seen[key]]

    return rebuilt(tape, change)


def frozen(value: Any) -> Any:
    """A hashable stand-in that is equal where the values are; None for what has an inner state."""
    if isinstance(value, np.random.Generator | np.random.RandomState):
        return None
    if isinstance(value, np.ndarray):
        return ("array", value.shape, value.dtype.str, value.tobytes())
    if isinstance(value, dict | list | tuple):
        parts = [frozen(v) for v in (value.values() if isinstance(value, dict) else value)]
        keys = tuple(value) if isinstance(value, dict) else len(value)
        return None if None in parts else (type(value), keys, tuple(parts))
    if isinstance(value, slice):
        return frozen(("slice", value.start, value.stop, value.step))
    return (type(value), value) if getattr(value, "__hash__", None) else None
