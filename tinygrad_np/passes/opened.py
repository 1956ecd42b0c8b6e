"""Ops opened into the NumPy calls that they are made of: sigmoid into negative, exp, add and divide."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..core.modes import Mode, switch
from ..core.record import Record, leaf
from ..core.tape import Tape, Trace
from ..core.tensor import Tensor
from .rewrite import made, op_of, rebuilt

__all__ = ["opened"]


class _ClosedError(Exception):
    """What runs hangs on values, and is no list of calls."""


class _Looking(Trace):
    def read(self, r: Record, what: str) -> None:
        raise _ClosedError


def opened(
    tape: Tape, worth: Callable[[Record], bool], instead: Mapping[str, Callable[..., Any]] | None = None
) -> Tape:
    """The tape with each op that is not ``worth`` keeping replaced by the ops that its forward function calls.

    An op stays as it is if its function is no Python function, reads values, or calls something not ``worth`` it.

    Parameters
    ----------
    instead
        By the op's name, a function that computes the same where its own looks at values.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_np import relu, trace
    >>> tape = trace(relu, np.ones(3))
    >>> [r.primitive.name for r in opened(tape, lambda r: isinstance(r.primitive.forward, np.ufunc)).records]
    ['maximum']
    """

    def change(r: Record, inputs: tuple[Any, ...]) -> Any:
        if r.dtype is None or worth(r) or any(isinstance(x, Record) and x.dtype is None for x in inputs):
            return None
        f = (instead or {}).get(op_of(r), r.primitive.forward)  # type: ignore[union-attr]  # no leaf
        inside = _inside(f, r, inputs)
        if inside is None:
            return None
        leaves, records, result = inside
        became: dict[Record, Any] = dict(leaves)
        if result in became:
            return None
        new = []
        for s in records:
            if not worth(s):
                return None
            operands = tuple(x if p is None else became.get(p, p) for p, x in zip(s.inputs, s.values, strict=True))
            like = r if s is result else s
            one = made(s.primitive, operands, s.params, like, shape=s.shape, dtype=s.dtype, diff=r.diff)  # type: ignore[arg-type]
            one.code, one.lasti = r.code, r.lasti if s is result else ~abs(r.lasti)
            became[s] = one
            new.append(one)
        return new if records and records[-1] is result else None

    return rebuilt(tape, change)


def _inside(f: Any, r: Record, inputs: tuple[Any, ...]) -> tuple[list[tuple[Record, Any]], list[Record], Any] | None:
    """What the function of ``r`` does: its leaves with the inputs they stand for, its records, its result."""
    leaves: list[tuple[Record, Any]] = []
    arguments: list[Any] = []
    for x in inputs:
        if isinstance(x, Record):
            value = np.broadcast_to(np.ones((), x.dtype), x.shape)  # any values: they are not read
            leaves.append((leaf(value), x))
            arguments.append(Tensor._of(value, leaves[-1][0]))
        else:
            arguments.append(x)
    running = _Looking()
    plain = Mode()._asdict() | {"grad": False, "traces": (running,), "depth": 1}
    try:
        with switch(**plain), np.errstate(all="ignore"):
            y = f(*arguments, **(r.params or {}))
    except Exception:  # it asks for arrays, or for values
        return None
    result = y._record if type(y) is Tensor else None
    same = result is not None and (result.shape, result.dtype) == (r.shape, r.dtype)
    return (leaves, running.records, result) if same else None
