"""What to call a value that the user gave no name."""

from __future__ import annotations

from collections.abc import Mapping

from ..core.record import Record
from ..passes.rewrite import op_of
from .statements import Statements, rule_of

__all__ = ["wished_name"]

NOUNS = {
    "add": "total", "sum": "total", "subtract": "difference", "negative": "opposite", "multiply": "product",
    "matmul": "product", "divide": "ratio", "power": "power", "where": "chosen", "getitem": "part", "gather": "part",
    "transpose": "turned", "reshape": "reshaped", "concatenate": "joined", "broadcast_to": "wide", "max": "largest",
    "min": "smallest", "absolute": "size", "astype": "converted", "scatter": "scattered", "dropout_mask": "kept",
    "invert": "others",
    **dict.fromkeys(("equal", "not_equal", "greater", "greater_equal", "less", "less_equal"), "mask"),
    **dict.fromkeys(("bitwise_and", "bitwise_or", "isnan", "isfinite", "isinf"), "mask"),
}  # fmt: skip


def wished_name(r: Record, statements: Statements, names: Mapping[Record, str]) -> str:
    """The user's name; ``grad_h`` for the cotangent of ``h``, ``grad_h_part`` for what goes into it; else a noun."""
    given = statements.named.get(r)
    primal = r.notes.primal if r.notes is not None else None
    if primal is not None and primal in names:
        return f"grad_{names[primal]}" + "_part" * (statements.cotangents.get(primal) is not r)
    if given is not None:
        return given
    if primal is not None:
        for s in statements.readers.get(primal, ()):
            if s in names and s not in statements.backward:
                return f"grad_{names[s]}_input"
    origin = rule_of(r)
    if origin is not None:
        target = origin[0].inputs[origin[1]]
        if target is not None and target in names and (target.shape, target.dtype) == (r.shape, r.dtype):
            return f"grad_{names[target]}_part"
    return NOUNS.get(op_of(r)) or r.primitive.name  # type: ignore[union-attr]  # no leaf
