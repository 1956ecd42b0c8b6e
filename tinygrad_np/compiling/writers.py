"""How one record is written with its result going into given memory: ``np.add(a, b, out)``.

A writer gives the lines for a record, from the texts of its operands and of the array to write to. What has none is
called like any function, and brings memory of its own.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from ..core.record import Record
from ..passes.rewrite import op_of
from ..writing.helpers import function_of, parsed
from ..writing.layout import text_of
from ..writing.literals import literal, numpy_name

__all__ = ["is_elementwise", "ufunc_of", "writer"]

Writer = Callable[[Record, Sequence[str], str], list[str]]
KEYWORD_OUT = {np.maximum, np.minimum}  # a third positional argument is on its way out there
REDUCTIONS = {"sum": "np.add", "prod": "np.multiply", "max": "np.maximum", "min": "np.minimum"}


def ufunc_of(r: Record) -> np.ufunc | None:
    """The ufunc that a record is a plain call of."""
    if r.primitive is None or r.dtype is None or r.params:
        return None
    f = _only_call(function_of(r.primitive))
    return f if isinstance(f, np.ufunc) and f.nout == 1 and f.signature is None and f.nin == len(r.inputs) else None


@cache
def _only_call(f: Any) -> Any:
    """The function of NumPy that ``f`` hands its arguments to, if it does nothing else; else ``f``."""
    definition = parsed(f)
    if definition is None or len(definition.body) != 1:
        return f
    names = ", ".join(a.arg for a in definition.args.args)
    text = ast.unparse(definition.body[0])
    name = re.fullmatch(rf"return np\.(\w+)\({re.escape(names)}\)", text)
    return getattr(np, name[1]) if name else f


def is_elementwise(r: Record) -> bool:
    """Whether it is written element by element, so that its result may go where an operand of its shape lies."""
    return ufunc_of(r) is not None or op_of(r) in ELEMENTWISE


def writer(r: Record) -> Writer | None:
    """How to write ``r`` into given memory; None if there is no way."""
    if r.primitive is None or r.dtype is None:
        return None
    if ufunc_of(r) is not None:
        return _ufunc
    choose = {**ELEMENTWISE, **WHOLE}.get(op_of(r))
    return None if choose is None else choose(r)


def _ufunc(r: Record, xs: Sequence[str], out: str) -> list[str]:
    f = ufunc_of(r)
    assert f is not None
    number = r.values[-1] if r.inputs[-1] is None else None
    if f is np.power and type(number) in (int, float) and number in POWERS and r.dtype.kind in "fc":
        return [f"np.{POWERS[number]}({xs[0]}, {out})"]
    written = f"out={out}" if f in KEYWORD_OUT else out
    return [f"{numpy_name(f) or f'np.{f.__name__}'}({', '.join(xs)}, {written})"]


POWERS = {2: "square", 0.5: "sqrt", -1: "reciprocal"}


def _where(_: Record) -> Writer:
    def write(r: Record, xs: Sequence[str], out: str) -> list[str]:
        lines = [] if xs[2] == out else [f"np.copyto({out}, {xs[2]})"]
        mask, a = r.inputs[0], r.inputs[1]
        full = mask is not None and mask.shape == r.shape and mask.dtype == bool
        if full and (a is None or a.shape in ((), r.shape)) and (a is None or a.dtype == r.dtype):
            return [*lines, f"np.putmask({out}, {xs[0]}, {xs[1]})"]
        return [*lines, f"np.copyto({out}, {xs[1]}, where={xs[0]})"]

    return write


def _astype(r: Record) -> Writer | None:
    if (r.params or {}).get("order", "K") != "K":
        return None
    return lambda _, xs, out: [f"np.copyto({out}, {xs[0]}, casting='unsafe')"]


def _copy(r: Record) -> Writer | None:
    return lambda _, xs, out: [f"np.copyto({out}, {xs[0]})"]


def _clip(_: Record) -> Writer:
    return lambda _, xs, out: [f"np.clip({', '.join(xs)}, out={out})"]


def _matmul(r: Record) -> Writer | None:
    a, b = r.inputs
    if a is None or b is None or not a.dtype == b.dtype == r.dtype:
        return None
    if a.ndim <= 2 and b.ndim <= 2 and r.dtype.kind in "fc" and r.dtype.itemsize >= 4:
        return lambda _, xs, out: [f"np.dot({xs[0]}, {xs[1]}, {out})"]
    if a.ndim < 1 or b.ndim < 1:
        return None
    return lambda _, xs, out: [f"np.matmul({xs[0]}, {xs[1]}, {out})"]


def _reduction(r: Record) -> Writer | None:
    params = r.params or {}
    if params.keys() - {"axis", "keepdims"} or r.inputs[0] is None or 0 in r.inputs[0].shape:
        return None
    axis, keep = params.get("axis"), params.get("keepdims", False)
    if isinstance(axis, np.integer):
        axis = int(axis)
    f = REDUCTIONS[op_of(r)]
    tail = ", True" if keep else ""
    return lambda _, xs, out: [f"{f}.reduce({xs[0]}, {axis}, None, {out}{tail})"]


def _concatenate(r: Record) -> Writer | None:
    if any(p is None or p.dtype != r.dtype for p in r.inputs):
        return None
    axis = (r.params or {}).get("axis", 0)
    return lambda _, xs, out: [f"np.concatenate(({', '.join(xs)},), {axis}, {out})"]


def _scatter(r: Record) -> Writer | None:
    if len(r.inputs) > 1:
        return None
    index = text_of(literal((r.params or {})["index"]))
    return lambda _, xs, out: [f"{out}.fill(0)", f"{out}[{index}] = {xs[0]}"]


def _added_at(r: Record) -> Writer:
    index = text_of(literal((r.params or {})["index"]))

    def write(_: Record, xs: Sequence[str], out: str) -> list[str]:
        lines = [] if xs[0] == out else [f"np.copyto({out}, {xs[0]})"]
        return [*lines, f"{out}[{index}] += {xs[1]}"]

    return write


def _product_added(r: Record) -> Writer:
    sign = "-" if (r.params or {})["scale"] < 0 else "+"

    def write(_: Record, xs: Sequence[str], out: str) -> list[str]:
        lines = [] if xs[0] == out else [f"np.copyto({out}, {xs[0]})"]
        return [*lines, f"{out} {sign}= np.dot({xs[1]}, {xs[2]})"]

    return write


ELEMENTWISE: dict[str, Any] = {"where": _where, "astype": _astype, "clip": _clip, "copy": _copy, "added_at": _added_at,
                               "product_added": _product_added}  # fmt: skip
WHOLE: dict[str, Any] = {
    "matmul": _matmul, **dict.fromkeys(REDUCTIONS, _reduction), "concatenate": _concatenate, "scatter": _scatter,
}  # fmt: skip
