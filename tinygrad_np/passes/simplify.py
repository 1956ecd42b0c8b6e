"""Algebraic clean-up: rewrites that need one record and what leads to it.

Each rule is ``(r, inputs) -> record, list of records, or None`` and sits under the names of the ops it is for. Values
stay the same but for the sign of a zero; the rule for a sum over axes just broadcast multiplies instead, and rounds
otherwise.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, cast

import numpy as np

from ..core.primitive import Primitive
from ..core.record import Record, leaf
from ..core.tape import Tape
from ..ops.declare import OPS
from .rewrite import constants_of, is_made_by_rule, made, op_of, rebuilt, same_kind

__all__ = ["simplified"]

Inputs = tuple[Any, ...]
Rule = Callable[["_Values", Record, Inputs], Any]
RULES: dict[str, list[Rule]] = {}
NEGATIVE = cast(Primitive, OPS["negative"].call)
MULTIPLY = cast(Primitive, OPS["multiply"].call)


def simplified(tape: Tape) -> Tape:
    """The tape after every rule of this file that applies; what nobody needs any more is still on it.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_np import trace
    >>> print(simplified(trace(lambda x: x * 1 + 0, np.ones((2, 3)))))
    x: input float64[2, 3]
    return x
    """
    values = _Values(tape)

    def change(r: Record, inputs: Inputs) -> Any:
        for rule in RULES.get(op_of(r), ()):
            found = rule(values, r, inputs)
            if found is not None:
                return found
        return None

    return rebuilt(tape, change)


def _for(*names: str) -> Callable[[Rule], Rule]:
    def add(rule: Rule) -> Rule:
        for name in names:
            RULES.setdefault(name, []).append(rule)
        return rule

    return add


class _Values:
    """Which inputs are one number throughout, and how often each record is read."""

    def __init__(self, tape: Tape) -> None:
        self.reads = Counter([*(p for r in tape.records for p in r.inputs if p is not None), *tape.outputs])
        self.arrays = constants_of(tape)
        self.found: dict[Record, Any] = {}

    def known(self, array: np.ndarray) -> Record:
        """A new constant."""
        constant = leaf(array)
        self.arrays[constant] = array
        return constant

    def uniform(self, x: Any) -> Any:
        """The number that ``x`` is in every element; None if it is no such constant."""
        if not isinstance(x, Record):
            return x
        if x not in self.found:
            a = self.arrays.get(x)
            self.found[x] = a.flat[0] if a is not None and a.size and np.all(a == a.flat[0]) else None
        return self.found[x]


@_for("alias", "conjugate", "real", "positive")
def _nothing(_: _Values, r: Record, inputs: Inputs) -> Any:
    if r.notes is not None and r.notes.primal is not None and r.notes.name and not is_made_by_rule(inputs[0]):
        return None  # a cotangent under its own name
    of_reals = op_of(r) in ("alias", "positive") or inputs[0].dtype.kind != "c"
    return inputs[0] if of_reals and same_kind(inputs[0], r) else None


@_for("multiply")
def _times_one(values: _Values, r: Record, inputs: Inputs) -> Any:
    for x, other in (inputs, inputs[::-1]):
        if same_kind(x, r) and values.uniform(other) == 1:
            return x
    return None


@_for("multiply")
def _times_number(values: _Values, r: Record, inputs: Inputs) -> Any:
    """A constant that is one number everywhere, as that number: 2 instead of an array of 2s."""
    for i, x in enumerate(inputs):
        number = values.uniform(x)
        if isinstance(x, Record) and number is not None and x.dtype == r.dtype and same_kind(inputs[1 - i], r):
            plain = number.item()
            return [made(r.primitive, (plain, inputs[1 - i]), r.params, r)]  # type: ignore[arg-type]  # no leaf
    return None


@_for("multiply")
def _times_two_numbers(values: _Values, r: Record, inputs: Inputs) -> Any:
    """2 * (3 * x) = 6 * x, where the numbers are powers of two and nothing is rounded."""
    for a, b in (inputs, inputs[::-1]):
        if isinstance(a, Record) or op_of(b) != "multiply":
            continue
        operands = tuple(v if p is None else p for p, v in zip(b.inputs, b.values, strict=True))
        for c, x in (operands, operands[::-1]):
            exact = np.log2(abs(a) or 3) % 1 == 0
            if not isinstance(c, Record) and same_kind(x, r) and exact and _is_ordinary(a * c, r):
                return [made(r.primitive, (a * c, x), r.params, r)]  # type: ignore[arg-type]  # no leaf
    return None


@_for("multiply", "divide")
def _of_zero(values: _Values, r: Record, inputs: Inputs) -> Any:
    """0 * x and 0 / x, as in a sweep a zero cotangent wins over an infinite derivative; not where 0 came from data."""
    zeros = inputs if op_of(r) == "multiply" else inputs[:1]
    if r.dtype is None or not is_made_by_rule(r):
        return None
    if any(isinstance(x, Record) and x.primitive is None and _is_zero(values.uniform(x)) for x in zeros):
        return values.known(np.zeros(r.shape, r.dtype))
    return None


@_for("subtract")
def _minus_from_nothing(values: _Values, r: Record, inputs: Inputs) -> Any:
    if _is_zero(values.uniform(inputs[0])) and same_kind(inputs[1], r):
        return [made(NEGATIVE, inputs[1:], None, r)]
    return None


@_for("add", "subtract")
def _plus_nothing(values: _Values, r: Record, inputs: Inputs) -> Any:
    a, b = inputs
    if same_kind(a, r) and _is_zero(values.uniform(b)):
        return a
    if op_of(r) == "add" and same_kind(b, r) and _is_zero(values.uniform(a)):
        return b
    return None


@_for("add")
def _twice(_: _Values, r: Record, inputs: Inputs) -> Any:
    a, b = inputs
    return [made(MULTIPLY, (2, a), None, r)] if a is b and same_kind(a, r) and r.dtype.kind in "fc" else None


@_for("divide", "power")
def _by_one(values: _Values, r: Record, inputs: Inputs) -> Any:
    return inputs[0] if same_kind(inputs[0], r) and values.uniform(inputs[1]) == 1 else None


@_for("negative")
def _double_negative(_: _Values, r: Record, inputs: Inputs) -> Any:
    return inputs[0].inputs[0] if op_of(inputs[0]) == "negative" and same_kind(inputs[0].inputs[0], r) else None


@_for("where")
def _decided(values: _Values, r: Record, inputs: Inputs) -> Any:
    condition = values.uniform(inputs[0])
    if condition is None:
        return None
    chosen = inputs[1] if condition else inputs[2]
    return chosen if same_kind(chosen, r) else None


@_for("transpose")
def _transpose(_: _Values, r: Record, inputs: Inputs) -> Any:
    x = inputs[0]
    order = _order(r, x)
    if order == tuple(range(len(order))):
        return x
    if op_of(x) != "transpose":
        return None
    inner = x.inputs[0]
    before = _order(x, inner)
    both = tuple(before[i] for i in order)
    if both == tuple(range(len(both))):
        return inner
    axes = None if both == tuple(range(len(both)))[::-1] else both
    return [made(r.primitive, (inner,), {"axes": axes}, r)]  # type: ignore[arg-type]  # no leaf


def _order(r: Record, x: Record) -> tuple[int, ...]:
    axes = (r.params or {}).get("axes")
    n = len(x.shape)
    return tuple(range(n))[::-1] if axes is None else tuple(int(i) % n for i in axes)


@_for("transpose")
def _transposed_product(values: _Values, r: Record, inputs: Inputs) -> Any:
    """(A^T B)^T = B^T A, where that leaves a transpose less; it may round otherwise."""
    x = inputs[0]
    if op_of(x) != "matmul" or values.reads[r.inputs[0]] > 1 or not _swaps(r, x):  # type: ignore[index]
        return None
    a, b = x.inputs
    if not (a.ndim == b.ndim == x.ndim and any(op_of(p) == "transpose" and _swaps(p, p.inputs[0]) for p in (a, b))):
        return None
    new = []
    for p in (b, a):
        if op_of(p) == "transpose" and _swaps(p, p.inputs[0]):
            new.append(p.inputs[0])
        else:
            shape = (*p.shape[:-2], p.shape[-1], p.shape[-2])
            new.append(made(r.primitive, (p,), r.params, r, shape=shape, dtype=p.dtype, notes=None))  # type: ignore[arg-type]
    turned = [p for p in new if p is not a and p is not b and p.seq < x.seq and op_of(p) == "transpose"]
    return [*turned, made(x.primitive, new, x.params, r)]


def _swaps(r: Record, x: Any) -> bool:
    n = len(x.shape)
    return n > 1 and _order(r, x) == (*range(n - 2), n - 1, n - 2)


@_for("reshape")
def _reshape(_: _Values, r: Record, inputs: Inputs) -> Any:
    x = inputs[0]
    if (r.params or {}).get("order") not in (None, "C"):
        return None
    if same_kind(x, r):
        return x
    if op_of(x) == "reshape" and (x.params or {}).get("order") in (None, "C"):
        return [made(r.primitive, (x.inputs[0],), r.params, r)]  # type: ignore[arg-type]  # no leaf
    return None


@_for("broadcast_to")
def _broadcast(_: _Values, r: Record, inputs: Inputs) -> Any:
    x = inputs[0]
    if same_kind(x, r):
        return x
    if op_of(x) == "broadcast_to":
        return [made(r.primitive, (x.inputs[0],), r.params, r)]  # type: ignore[arg-type]  # no leaf
    return None


@_for("pad", "concatenate", "getitem", "scatter")
def _all_of_it(_: _Values, r: Record, inputs: Inputs) -> Any:
    """Nothing around it, nothing beside it, or every element in its place."""
    x, params = inputs[0], r.params or {}
    if len(inputs) > 1 or not same_kind(x, r):
        return None
    index = params.get("index", ())
    slices = index if isinstance(index, tuple) else (index,)
    return x if all(isinstance(i, slice) and i.step in (None, 1) for i in slices) else None


@_for("sum")
def _sum(_: _Values, r: Record, inputs: Inputs) -> Any:
    x = inputs[0]
    axis = (r.params or {}).get("axis")
    axes = tuple(range(len(x.shape))) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    if not axes and same_kind(x, r):
        return x
    if op_of(x) != "broadcast_to":
        return None
    small = x.inputs[0]
    lead = len(x.shape) - len(small.shape)
    if {int(i) % len(x.shape) for i in axes} != set(range(lead)) or (r.params or {}).get("keepdims"):
        return None
    if x.shape[lead:] != small.shape or small.dtype != r.dtype:
        return None
    times = int(np.prod(x.shape[:lead]))
    if times == 0:
        return None
    return [made(MULTIPLY, (small, times), None, r)]


def _is_ordinary(number: Any, r: Record) -> bool:
    """Whether a factor, itself a product of two, neither overflowed nor vanished in the dtype of ``r``."""
    with np.errstate(all="ignore"):
        return r.dtype.kind in "fc" and bool(np.isfinite(r.dtype.type(number)) and r.dtype.type(number))


def _is_zero(number: Any) -> bool:
    return number is not None and not isinstance(number, bool) and number == 0
