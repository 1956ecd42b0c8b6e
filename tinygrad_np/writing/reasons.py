"""Why a step of the chain looks as it does: in words, from the rules that made it."""

from __future__ import annotations

from ..core.record import Record
from ..passes.rewrite import op_of
from .statements import Statements, rule_of

__all__ = ["reasons", "shapes"]


def reasons(r: Record, statements: Statements) -> list[str]:
    """One sentence for each rule that had a part in the statement of ``r``."""
    said: list[str] = []
    for s in _inside(r, statements):
        origin = rule_of(s)
        if origin is not None:
            said.append(_reason(*origin))
        if op_of(s) == "sum" and origin is not None and _was_broadcast(*origin):
            said.append(_broadcast(s, added=op_of(origin[0]) in ("add", "subtract")))
        elif origin is None and op_of(s) == "add":
            said.append("The value is read in more than one place: what comes back from each adds up.")
    return list(dict.fromkeys(filter(None, said)))


def shapes(r: Record) -> str:
    """``[64 × 10] [10 × 100] = [64 × 100]`` for a product of matrices, else the shape of the result."""
    result = _shape(r)
    if op_of(r) != "matmul" or None in r.inputs:
        return result
    a, b = (_shape(p) for p in r.inputs if p is not None)
    return f"[{a}] [{b}] = [{result}]"


def _shape(r: Record) -> str:
    return " × ".join(map(str, r.shape)) or "1"


def _inside(r: Record, statements: Statements) -> list[Record]:
    """The records of one statement: ``r`` and what is written into it."""
    found, stack = [], [r]
    while stack:
        s = stack.pop()
        found.append(s)
        stack += [p for p in s.inputs if p is not None and p.primitive is not None and p not in statements.chosen]
    return found


def _reason(of: Record, i: int) -> str:
    assert of.primitive is not None  # a leaf has no rule
    name, own = of.primitive.name, op_of(of)
    where = f" ({of.where})" if of.where else ""
    if own == "matmul" and len(of.shape) >= 2:
        if i == 0:
            text = (
                "Rule of matmul for its first factor: an entry reaches every column of the product, each with its own"
                " entry of the second factor; summing what comes back over the columns is a product with the second"
                " factor transposed"
            )
        else:
            text = (
                "Rule of matmul for its second factor: an entry meets every row of the first; summing over the rows"
                " is a product with the first factor transposed, from the left"
            )
        return f"{text}{where}."
    if own in ("add", "subtract"):
        sign = " with the sign turned" if name == "subtract" and i == 1 else ""
        return f"Rule of {name}: what arrives is passed on{sign}{where}."
    if own in ("sum", "mean"):
        share = ", over their number" if name == "mean" else ""
        return f"Rule of {name}: every entry taken in gets what arrives{share}{where}."
    if own == "relu":
        return (
            f"Rule of relu: its derivative is the step function, 1 where the input is positive and 0 elsewhere{where}."
        )
    if of.primitive.elementwise:
        return f"Rule of {name}: entry by entry, what arrives times the local derivative{where}."
    names = of.primitive.names
    which = f" for {names[i]}" if i < len(names) and len(of.inputs) > 1 else ""
    return f"Rule of {name}{which}{where}."


def _was_broadcast(of: Record, i: int) -> bool:
    """Whether a sum in its rule undoes a broadcast; other rules have sums of their own."""
    x = of.inputs[i]
    return x is not None and of.primitive is not None and of.primitive.core_dims is not None and x.shape != of.shape


def _broadcast(s: Record, added: bool) -> str:
    axis = (s.params or {}).get("axis")
    (x,) = s.inputs
    if axis is None or x is None:
        return ""
    axes = axis if isinstance(axis, tuple) else (axis,)
    if len(x.shape) == 2 and axes in ((0,), (-2,)):
        return f"It was {'added to' if added else 'used in'} every row, so its derivative is the sum over the rows."
    return f"It was broadcast: the derivative is the sum over axis {', '.join(map(str, axes))}."
