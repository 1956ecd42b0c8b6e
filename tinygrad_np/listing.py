"""A tape as numbered lines: what it computes, the shapes, and the user's line and name for each.

w1: parameter float64[20, 10]
%1 = matmul(x, w1)  float64[64, 10]  train.py:31  h
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .core.record import Record
from .core.tape import Tape

__all__ = ["listing"]


def listing(tape: Tape) -> str:
    """The text of ``print(tape)``."""
    labels = tape.labels()
    leaves = [(labels[r], r) for r in (*tape.inputs, *tape.constants)]
    inputs = set(tape.inputs)
    kinds = ("parameter" if r.diff else "input" if r in inputs else "constant" for _, r in leaves)
    lines = [f"{label}: {kind} {_type(r)}" for (label, r), kind in zip(leaves, kinds, strict=True)]
    rows = []
    for r in tape.records:
        args = [repr(x) if p is None else labels[p] for p, x in zip(r.inputs, r.values, strict=True)]
        args += [f"{k}={_short(v)}" for k, v in (r.params or {}).items() if not _is_default(r, k, v)]
        call = f"{labels[r]} = {r.primitive.name}({', '.join(args)})"  # type: ignore[union-attr]
        scope = r.notes.scope if r.notes is not None else ""
        name = "/".join(filter(None, (scope, r.name or ("." if scope else ""))))  # block/h, or block/. without a name
        rows.append((call, _type(r), f"{r.where}  {name}"))
    wide = [min(max((len(row[i]) for row in rows), default=0), 44) for i in (0, 1)]
    lines += [f"{call:<{wide[0]}}  {kind:<{wide[1]}}  {where}".rstrip() for call, kind, where in rows]
    return "\n".join((*lines, "return " + ", ".join(labels[r] for r in tape.outputs)))


def _type(r: Record) -> str:
    if r.dtype is None:
        return "(" + ", ".join(_type(s) for s in r.shape) + ")"
    return f"{r.dtype}{list(r.shape)}"


def _short(v: Any) -> str:
    text = getattr(v, "__name__", None) or repr(v)
    return text if len(text) <= 40 else text[:37] + "..."


def _is_default(r: Record, key: str, value: Any) -> bool:
    if r.primitive is None or key not in (r.primitive.defaults or {}):
        return False
    default = r.primitive.defaults[key]  # type: ignore[index]  # it is in there
    return default is value or (type(default) is type(value) and not isinstance(value, np.ndarray) and default == value)
