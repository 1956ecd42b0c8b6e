"""Values as Python expressions that need numpy alone."""

from __future__ import annotations

import ast
import math
from typing import Any

import numpy as np

__all__ = ["WriteError", "dotted", "is_short", "literal", "numpy_name", "reciprocal"]

LARGEST = 16  # elements of an array that is still written as a literal


class WriteError(ValueError):
    """Something on the tape that cannot be written as NumPy source; says what and where."""


def dotted(path: str) -> ast.expr:
    """``np.linalg.inv`` as an expression."""
    return ast.parse(path, mode="eval").body


def literal(value: Any) -> ast.expr:
    """An expression that gives ``value``.

    Raises
    ------
    WriteError
        If there is none.
    """
    if value is Ellipsis or value is None or type(value) in (bool, str, bytes):
        return ast.Constant(value)
    if isinstance(value, np.bool_):
        return dotted(f"np.{value}_")
    if isinstance(value, np.generic):
        return ast.Call(literal(value.dtype), [literal(value.item())], [])
    if isinstance(value, int | float | complex):
        return _number(value)
    if isinstance(value, list | tuple):
        if hasattr(value, "_fields"):
            raise WriteError(f"a named tuple {type(value).__name__} has no literal")
        kind = ast.List if isinstance(value, list) else ast.Tuple
        return kind([literal(v) for v in value], ast.Load())
    if isinstance(value, dict):
        return ast.Dict([literal(k) for k in value], [literal(v) for v in value.values()])
    if isinstance(value, slice):
        return ast.Call(dotted("slice"), [literal(v) for v in (value.start, value.stop, value.step)], [])
    if isinstance(value, np.dtype):
        return dotted(f"np.{value.name}") if value.isbuiltin else ast.Call(dotted("np.dtype"), [literal(value.str)], [])
    if isinstance(value, np.ndarray) and is_short(value) and value.dtype.kind in "fcbiu":
        return _array(value)
    name = numpy_name(value) or (value.__name__ if value in (bool, int, float, complex) else None)
    if name is None:
        raise WriteError(f"{value!r:.60} has no literal")
    return dotted(name)


def _number(value: Any) -> ast.expr:
    if isinstance(value, complex):
        parts = [_number(value.real), _number(value.imag)]
        return ast.Call(dotted("complex"), parts, [])
    if isinstance(value, float) and not math.isfinite(value):
        return dotted("np.nan") if math.isnan(value) else dotted("np.inf" if value > 0 else "(-np.inf)")
    n = reciprocal(value)
    if n:
        return ast.BinOp(literal(1 if value > 0 else -1), ast.Div(), ast.Constant(n))
    if value < 0 or (value == 0 and math.copysign(1, value) < 0):
        return ast.UnaryOp(ast.USub(), ast.Constant(-value))
    return ast.Constant(value)


def reciprocal(value: Any) -> int:
    """The whole number n of which this float is just 1 / n, where that reads better than its digits; else 0."""
    if not isinstance(value, float) or value == 0 or not math.isfinite(value) or len(repr(abs(value))) < 8:
        return 0
    n = round(1 / abs(value)) if abs(value) > 1e-9 else 0
    return n if n and 1 / n == abs(value) else 0


def _array(a: np.ndarray) -> ast.expr:
    dtype = ast.keyword("dtype", literal(a.dtype))
    if a.size == 0 or (a.size > 1 and np.all(a == a.flat[0])):
        number = a.flat[0].item() if a.size else 0
        known = {0: "zeros", 1: "ones"}.get(number)
        fill = [] if known else [literal(number)]
        same = a.dtype == (np.float64 if known else np.asarray(number).dtype)
        size = literal(a.shape[0] if a.ndim == 1 else a.shape)
        return ast.Call(dotted(f"np.{known or 'full'}"), [size, *fill], [] if same else [dtype])
    default = np.asarray(a.tolist())
    same = default.dtype == a.dtype and default.shape == a.shape
    return ast.Call(dotted("np.array"), [literal(a.tolist())], [] if same else [dtype])


def is_short(a: np.ndarray) -> bool:
    """Whether an array has a literal that people would read."""
    return a.size <= LARGEST or bool(np.all(a == a.flat[0]))


def numpy_name(f: Any) -> str | None:
    """``np.linalg.inv`` for the function or type of NumPy that is reached there; None for anything else."""
    name = getattr(f, "__name__", None)
    if name is None or not isinstance(name, str):
        return None
    homes = [np, np.linalg, np.fft, np.random]
    if isinstance(owner := getattr(f, "__self__", None), np.ufunc):  # np.add.reduce
        return f"np.{owner.__name__}.{name}"
    for home in homes:
        if getattr(home, name, None) is f:
            return f"{home.__name__.replace('numpy', 'np')}.{name}"
    return None
