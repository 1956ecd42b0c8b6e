"""One element of a record as an expression of machine numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.record import Record
from ..passes.rewrite import op_of
from .writers import POWERS, ufunc_of

__all__ = ["FLOATS", "element", "number", "term"]

FLOATS = (np.dtype(np.float32), np.dtype(np.float64))
CHEAP: dict[Any, str] = {
    np.add: "{0} + {1}", np.subtract: "{0} - {1}", np.multiply: "{0} * {1}", np.divide: "{0} / {1}",
    np.negative: "-{0}", np.positive: "{0}", np.square: "{0} * {0}", np.absolute: "abs({0})", np.fabs: "abs({0})",
    np.sqrt: "np.sqrt({0})", np.reciprocal: "{one} / {0}",
    np.maximum: "{0} if {0} >= {1} or {0} != {0} else {1}", np.minimum: "{0} if {0} <= {1} or {0} != {0} else {1}",
    np.greater: "{0} > {1}", np.greater_equal: "{0} >= {1}", np.less: "{0} < {1}", np.less_equal: "{0} <= {1}",
    np.equal: "{0} == {1}", np.not_equal: "{0} != {1}", np.logical_and: "{0} and {1}", np.logical_or: "{0} or {1}",
    np.logical_not: "not {0}", np.isnan: "{0} != {0}",
}  # fmt: skip
LOGICAL = {np.logical_and, np.logical_or, np.logical_not}
DECIDING = {np.greater, np.greater_equal, np.less, np.less_equal, np.equal, np.not_equal, np.isnan, *LOGICAL}
# NumPy takes several at once, and is faster where there are many.
COSTLY: dict[Any, str] = {f: f"np.{f.__name__}({{0}})" for f in (np.exp, np.log, np.tanh, np.sin, np.cos, np.log1p)}
MANY = 1024
SIMPLE = frozenset("fbiu")


def number(x: Any, dtype: np.dtype) -> str:
    """A plain number as a literal of this type."""
    if dtype == np.bool_:
        return str(bool(x))
    value = float(np.asarray(x, dtype))
    text = repr(value) if math.isfinite(value) else "np.nan" if value != value else "np.inf" if value > 0 else "-np.inf"
    return text if dtype == np.float64 else f"np.float32({text})"


def element(r: Record) -> tuple[str, list[np.dtype]] | None:
    """A template of the element of ``r``, and the types that its operands are taken as; None if there is none."""
    kinds = {p.dtype.kind for p in r.inputs if p is not None and p.dtype is not None}
    several = any(p is not None and p.dtype is None for p in r.inputs)
    if r.dtype not in (*FLOATS, np.bool_) or not kinds <= SIMPLE or several:
        return None
    name = op_of(r)
    if name == "where":
        return _where(r)
    if name in ("astype", "copy"):
        return ("{0}", [r.dtype]) if r.dtype in FLOATS and len(r.inputs) == 1 else None
    f = ufunc_of(r)
    if f is None:
        return None
    return _power(r) if f is np.power else _call(r, f)


def _where(r: Record) -> tuple[str, list[np.dtype]] | None:
    mask = r.inputs[0]
    if mask is None or mask.dtype != np.bool_ or len(r.inputs) != 3:
        return None
    return "{1} if {0} else {2}", [np.dtype(np.bool_), r.dtype, r.dtype]


def _power(r: Record) -> tuple[str, list[np.dtype]] | None:
    x = r.values[1]
    if r.inputs[1] is not None or type(x) not in (int, float) or r.inputs[0] is None or r.inputs[0].dtype != r.dtype:
        return None
    if x == 3:
        return "{0} * {0} * {0}", [r.dtype, r.dtype]
    return (CHEAP[getattr(np, POWERS[x])], [r.dtype, r.dtype]) if x in POWERS else None


def _call(r: Record, f: np.ufunc) -> tuple[str, list[np.dtype]] | None:
    if f not in CHEAP and (f not in COSTLY or r.size > MANY):
        return None
    given: list[Any] = []
    for p, x in zip(r.inputs, r.values, strict=True):
        given.append(p.dtype if p is not None else x.dtype if isinstance(x, np.generic) else type(x))
    if any(k in (complex, str, bytes) for k in given):
        return None
    try:
        *kinds, result = f.resolve_dtypes((*given, None))
    except (TypeError, ValueError):
        return None
    if result != r.dtype or not all(k in FLOATS or k == np.bool_ for k in kinds):
        return None
    if r.dtype == np.bool_ and f not in DECIDING:
        return None
    if f in LOGICAL and any(k != np.bool_ for k in kinds):
        return None
    return {**CHEAP, **COSTLY}[f], kinds


def term(r: Record, operands: Sequence[str]) -> str:
    """The element of ``r`` from those of its operands."""
    found = element(r)
    assert found is not None
    one = number(1, r.dtype)
    text = found[0].format(*(f"({x})" for x in operands), one=one)
    return text if r.dtype == np.bool_ else f"np.{r.dtype.name}({text})"
