"""The local derivative along the few operations of one formula, from their own rules with a cotangent of ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..core.record import Record
from ..core.tape import trace
from ..core.tensor import Tensor
from ..passes import optimised
from ..passes.rewrite import op_of
from .formulas import formula_of
from .tex import Formula, constant, number

__all__ = ["Local", "local_derivative"]

Path = Sequence[tuple[Record, int]]
SUMS = ("sum", "mean")


class Local(NamedTuple):
    text: str
    note: str = ""


def local_derivative(path: Path, values: Mapping[Record, Any], formulas: Mapping[Record, Formula]) -> Local | None:
    """The derivative of the first record of ``path`` by the input that the last step leads to.

    None where it is no formula of one entry (a convolution, a softmax): there the rule speaks for itself.
    """
    products = [(r, i) for r, i in path if op_of(r) == "matmul"]
    if len(products) == 1 and all(r is products[0][0] or _adds(r) for r, _ in path):
        r, i = products[0]
        other = r.inputs[1 - i]
        factor = formulas[other].text if other is not None else number(r.values[1 - i])
        return Local(factor, "as a factor, entry by entry")
    if not all(_is_local(r) for r, _ in path):
        return None
    read: list[Record] = []
    for r, _ in path:
        read += [p for p in (r, *r.inputs) if p is not None and p not in read]

    def chained(*tensors: Any) -> Any:
        value = dict(zip(read, tensors, strict=True))
        c: Any = np.ones(path[0][0].shape, path[0][0].dtype)
        for r, i in path:
            xs = [x if p is None else value[p] for p, x in zip(r.inputs, r.values, strict=True)]
            c = r.primitive.vjps[i](c, value[r], *xs, **(r.params or {}))  # type: ignore[union-attr]  # no leaf
        return c if type(c) is Tensor else np.asarray(c)

    tape = optimised(trace(chained, *(np.asarray(values[r]) for r in read)))
    known: dict[Record, Formula] = {t: formulas[r] for t, r in zip(tape.inputs, read, strict=True)}
    for r in tape.constants:
        if not (isinstance(r.y, np.ndarray) and r.y.size and np.all(r.y == r.y.flat[0])):
            return None
        known[r] = constant(r.y.flat[0])
    for r in tape.records:
        pairs = zip(r.inputs, r.values, strict=True)
        known[r] = formula_of(r, [constant(x) if p is None else known[p] for p, x in pairs])
    text = known[tape.outputs[0]].text
    return Local(text) if len(text) <= 160 else None


def _adds(r: Record) -> bool:
    return op_of(r) == "add"


def _is_local(r: Record) -> bool:
    p = r.primitive
    return (
        p is not None and p.fixed and (p.elementwise or op_of(r) in SUMS) and r.dtype is not None and None not in p.vjps
    )
