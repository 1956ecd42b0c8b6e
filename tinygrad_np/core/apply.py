"""Applying an op: run it on the arrays, and record it if a gradient or a trace may ask for it."""

from __future__ import annotations

from collections.abc import Sequence
from sys import _getframe
from typing import TYPE_CHECKING, Any

import numpy as np

from .modes import Mode, current
from .record import ABSENT, MANY, Notes, Record, clock, leaf
from .source import caller, user_line
from .tensor import Tensor

if TYPE_CHECKING:
    from .primitive import Primitive

__all__ = ["OperandError", "apply", "apply_any", "item_record", "locate"]

ndarray = np.ndarray


def apply(prim: Primitive, args: tuple[Any, ...], params: dict[str, Any] | None) -> Any:
    """Run ``prim`` and record it if a gradient may be asked through it. Plain arrays in, plain array out.

    This is the path of every op in a plain training loop: one or two arguments, no mode changed. The rest,
    and the same thing without the unrolling, is `apply_any`.
    """
    mode = current()
    n = len(args)
    if type(mode) is not Mode or n > 2 or not prim.fixed:
        return apply_any(prim, args, params, mode)
    a = args[0]
    ra = None
    if type(a) is Tensor:
        ra = a._record
        a = a._data
    if n == 2:
        b = args[1]
        rb = None
        if type(b) is Tensor:
            rb = b._record
            b = b._data
        elif type(b) is not ndarray and type(b) is not float and type(b) is not int:
            return apply_any(prim, args, params, mode)
        pattern = (1 if ra is not None and ra.diff else 0) + (2 if rb is not None and rb.diff else 0)
    else:
        rb = b = ABSENT
        pattern = 1 if ra is not None and ra.diff else 0
    keep = prim.keeps[pattern]
    if keep is None or (ra is None and type(a) is not ndarray and type(a) is not float and type(a) is not int):
        return apply_any(prim, args, params, mode)
    try:
        if n == 2:
            y = prim.forward(a, b) if params is None else prim.forward(a, b, **params)
        else:
            y = prim.forward(a) if params is None else prim.forward(a, **params)
    except Exception as error:
        raise explained(error, prim, (a,) if n == 1 else (a, b)) from None
    if type(y) is not ndarray:
        if not isinstance(y, np.generic):
            return apply_any(prim, args, params, mode, ran=y)
        y = np.asarray(y)
    dtype = y.dtype
    if dtype.kind not in "fc":
        return Tensor._of(y, None)

    if (y.base is not None or y is a) and not prim.view:
        prim.view = any(np.may_share_memory(y, x) for x in (a, b))
    if ra is None and type(a) is ndarray:
        ra = _noted(args[0], a)
    if rb is None and type(b) is ndarray:
        rb = _noted(args[1], b)
    r = _new(Record)
    r.primitive = prim
    r.params = params
    r.p0 = ra
    r.p1 = rb
    r.x0 = a if keep & 2 or ra is None else ra
    r.x1 = b if keep & 4 or rb is None else rb
    r.y = y if keep & 1 else None
    r.shape = y.shape
    r.dtype = dtype
    r.seq = clock()
    r.diff = True
    r.notes = None
    frame = _getframe(2)
    code = frame.f_code
    if code is _users.code:  # a training loop calls from one place; from anywhere else, look
        r.code = code
        r.lasti = frame.f_lasti
    else:
        r.code, r.lasti = caller(frame)
        _users.code = r.code
    t = _new(Tensor)
    t._data = y
    t._record = r
    return t


def apply_any(
    prim: Primitive,
    args: tuple[Any, ...],
    params: dict[str, Any] | None,
    mode: Mode,
    *,
    whole: bool = False,
    ran: Any = None,
) -> Any:
    """`apply` for any number of arguments and outputs, in any mode.

    ``whole``: give the hidden outputs too. ``ran``: what the forward gave, if it has run already.
    """
    if not any(type(x) is Tensor for x in args):
        y: Any = prim.forward(*args, **(params or {}))
        return visible_of(y[: len(y) - prim.hidden]) if prim.hidden and not whole else y
    parents: list[Record | None] = [x._record if type(x) is Tensor else None for x in args]
    xs = [x._data if type(x) is Tensor else _constant(prim, i, x) for i, x in enumerate(args)]
    try:
        y = prim.forward(*xs, **(params or {})) if ran is None else ran
    except Exception as error:
        raise explained(error, prim, xs) from None
    several = type(y) is tuple
    if not several and not isinstance(y, ndarray | np.generic | int | float | complex):
        raise TypeError(f"{prim.name} returned {type(y).__name__}: an op returns an array or a tuple of arrays")
    y = tuple(map(np.asarray, y)) if several else np.asarray(y)
    visible = y[: len(y) - prim.hidden] if several else (y,)

    keep = 0
    for i, p in enumerate(parents):
        if p is not None and p.diff and mode.grad:
            keep |= prim.needs(i) or 0
    diff = mode.grad and any(p is not None and p.diff and prim.needs(i) is not None for i, p in enumerate(parents))
    diff = diff and any(v.dtype.kind in "fc" for v in visible)
    traced = bool(mode.traces) and any(p is not None for p in parents)
    if not (diff or traced):
        for see in mode.watchers:
            see(prim, xs, visible, None)
        return visible_of([Tensor._of(v, None) for v in (y if whole and several else visible)])

    if not prim.view:
        prim.view = any(
            np.may_share_memory(v, x) for v in visible if v.base is not None or any(v is x for x in xs) for x in xs
        )
    for i, (p, x) in enumerate(zip(parents, xs, strict=True)):
        if p is None and isinstance(x, ndarray):
            parents[i] = mode.traces[0].constant(x) if traced else _noted(args[i], x)
    if prim.hidden and diff and any(v.dtype.kind in "fc" for v in y[len(visible) :]):
        raise TypeError(f"a hidden output of {prim.name} is of floating point: return it as an output like the others")
    if traced:
        keep = -1  # a trace keeps all: what runs on it (jvp, drawing, writing) may ask for any value
    held = [x if p is None or keep >> (i + 1) & 1 else p for i, (p, x) in enumerate(zip(parents, xs, strict=True))]
    r = _new(Record)
    r.primitive, r.params, r.seq, r.diff = prim, params, clock(), diff
    if len(args) > 2 or not args:
        r.p0, r.p1, r.x0, r.x1 = tuple(parents), MANY, tuple(held), MANY
    else:
        (r.p0, r.p1), (r.x0, r.x1) = (*parents, ABSENT)[:2], (*held, ABSENT)[:2]
    r.y = y if keep & 1 else None
    r.shape, r.dtype = (tuple(leaf(None, v) for v in y), None) if several else (y.shape, y.dtype)
    locate(r, mode)
    for see in mode.watchers:
        see(prim, xs, visible, r)
    if not several:
        return Tensor._of(y, r)
    return visible_of([Tensor._of(v, item_record(r, i, v, mode)) for i, v in enumerate(y if whole else visible)])


def item_record(r: Record, i: int, v: ndarray, mode: Mode) -> Record:
    """The record of one output of a record with several."""
    one = _new(Record)
    prim: Primitive = r.primitive  # type: ignore[assignment]  # r is no leaf
    one.primitive, one.params, one.seq = prim.item, {"index": i}, clock()
    one.p0, one.p1, one.x0, one.x1 = r, ABSENT, r, ABSENT
    one.y, one.shape, one.dtype = (v if mode.traces else None), v.shape, v.dtype
    hidden = i >= len(r.shape) - prim.hidden
    one.diff = r.diff and not hidden and v.dtype.kind in "fc"
    locate(one, mode)
    return one


def _noted(given: Any, array: ndarray) -> Record:
    """The leaf of a constant. A Tensor keeps it, so that a later write to its data is seen."""
    r = leaf(None, array)
    if type(given) is Tensor:
        given._record = r
    return r


def locate(r: Record, mode: Mode) -> None:
    r.code, r.lasti = caller(_getframe(1))
    r.notes = Notes(scope=mode.scope) if mode.scope else None
    for trace in mode.traces:
        trace.records.append(r)
        if not mode.grad:
            trace.stopped.append(r)


def visible_of(outputs: Sequence[Any]) -> Any:
    return outputs[0] if len(outputs) == 1 else tuple(outputs)


class OperandError(TypeError):
    """An operand that is no number; an operator answers NotImplemented to it."""


def _constant(prim: Primitive, i: int, x: Any) -> Any:
    if isinstance(x, ndarray | np.generic | int | float | complex):
        return x
    array = np.asarray(x)
    if array.dtype.kind not in "fcbiu":
        raise OperandError(f"{prim.name}: argument {i} must be numeric; got {type(x).__name__} {x!r:.60}")
    return array


def explained(error: Exception, prim: Primitive, xs: Sequence[Any]) -> Exception:
    """The same error, saying which op was asked for, with which shapes, and where."""
    if isinstance(error, FloatingPointError | RuntimeError | MemoryError):
        return error
    shapes = [getattr(x, "shape", ()) for x in xs]
    named = ", ".join(
        f"{n} of shape {s}" for n, s in zip(prim.names if not prim.variadic else (), shapes, strict=False)
    )
    what = str(error)
    if prim.elementwise and "broadcast" in what:
        width = max(map(len, shapes))
        padded = [(1,) * (width - len(s)) + s for s in shapes]
        axis = next((i for i in range(-1, -width - 1, -1) if len({s[i] for s in padded} - {1}) > 1), None)
        if axis is not None:  # None: one array, and a shape that it does not broadcast to
            sizes = " and ".join(str(n) for n in dict.fromkeys(s[axis] for s in padded))
            what = f"these do not broadcast: axis {axis} has sizes {sizes} (equal sizes or 1 are needed)"
    message = f"{prim.name}: {named + ': ' if named else ''}{what} (at {user_line()})"
    try:
        return type(error)(message)
    except Exception:  # an exception class with arguments of its own
        return ValueError(message)


_new = object.__new__


class _users:
    """The code object that called last, known to be the user's: found without looking at its file name."""

    code: Any = None
