"""Numbers moved to where they cost least: ``w - lr * (x.T @ g)`` becomes ``w - x.T @ (lr * g)``.

Where all that is read of a value is the value times one number, the value itself may be computed that many times as
large: what is linear passes the number on to its operands, as far as that goes. In a training step the rate comes to
the start of the backward pass, and all multiplications of gradients with it go.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, cast

from ..core.primitive import Primitive
from ..core.record import Record
from ..core.tape import Tape
from ..ops.declare import OPS
from .rewrite import constants_of, made, op_of, rebuilt

__all__ = ["with_scales_moved"]

MULTIPLY = cast(Primitive, OPS["multiply"].call)
LARGEST = {4: 1e6, 8: 1e100}  # beyond it, or below one over it, numbers of that many bytes might over- or underflow

MOST = 8  # different numbers that are looked at, those of most multiplications


def with_scales_moved(tape: Tape) -> Tape:
    """The tape with each number moved where it multiplies fewer elements, if it can be.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_np import trace
    >>> tape = trace(lambda w, x, g: w - 0.1 * (x @ g), np.ones((9, 5)), np.ones((9, 2)), np.ones((2, 5)))
    >>> print(with_scales_moved(tape))  # doctest: +ELLIPSIS
    w: input float64[9, 5]
    x: input float64[9, 2]
    g: input float64[2, 5]
    %1 = multiply(0.1, g)  float64[2, 5] ...
    %2 = matmul(x, %1)     float64[9, 5] ...
    %3 = subtract(w, %2)   float64[9, 5] ...
    return %3
    """
    zeros = {r for r, a in constants_of(tape).items() if not a.any()}
    weights: Counter[Any] = Counter()
    for r in tape.records:
        if (scale := _scale(r)) is not None:
            weights[scale] += r.size
    for scale, _ in weights.most_common(MOST):
        moving = _Moving(tape, scale, zeros)
        if moving.saves() > 0:
            tape = moving.moved()
    return tape


def _scale(r: Record) -> Any:
    """What ``r`` multiplies another value by: a plain number, or a leaf that holds one; None if it does not."""
    if r.primitive is not MULTIPLY or r.dtype is None or r.dtype.kind != "f" or r.dtype.itemsize not in LARGEST:
        return None
    for x, other in (_operands(r), _operands(r)[::-1]):
        like = isinstance(other, Record) and other.shape == r.shape and other.dtype == r.dtype and bool(r.shape)
        if like and isinstance(x, Record) and x.primitive is None and x.shape == () and x.dtype == r.dtype:
            return x
        if like and type(x) in (int, float) and 1 / LARGEST[r.dtype.itemsize] < abs(x) < LARGEST[r.dtype.itemsize]:
            return x
    return None


class _Moving:
    """One number, the values that are to be computed times it, and where it then has to be put in."""

    def __init__(self, tape: Tape, scale: Any, zeros: set[Record]) -> None:
        self.tape, self.scale = tape, scale
        self.readers: dict[Record, list[Record]] = {}
        for r in tape.records:
            for p in dict.fromkeys(r.inputs):
                if p is not None:
                    self.readers.setdefault(p, []).append(r)
        self.through: dict[Record, Sequence[Record]] = {}  # the operands that a record gets the number through
        self.products = {r for r in tape.records if _scale(r) == scale and type(_scale(r)) is type(scale)}
        outputs = set(tape.outputs)
        self.scaled = {
            r for r in tape.records
            if r not in outputs and r in self.readers and r.dtype is not None and r not in self.products
        }  # fmt: skip
        self.ways = {r: _linear(r, zeros) for r in self.scaled}
        self._settle(lambda r: [p for ps in self.ways[r] for p in ps])
        self._choose()
        self._settle(self.through.__getitem__)

    def _settle(self, needs: Callable[[Record], Sequence[Record]]) -> None:
        """Drop what somebody reads as it is, with all that hangs on it: ``needs(r)`` pass the number on to ``r``."""
        wrong = [
            r for r in self.scaled
            if not all(self.operand(c) is r if c in self.products else c in self.scaled and r in needs(c)
                       for c in self.readers[r])
        ]  # fmt: skip
        while wrong:
            r = wrong.pop()
            if r not in self.scaled:
                continue
            self.scaled.remove(r)
            wrong += needs(r)
            for c in self.readers[r]:  # what has to be taken together with it
                if c in self.through and r in self.through[c]:
                    wrong += self.through[c]

    def _choose(self) -> None:
        """Which way each value gets the number: the one with the fewest multiplications, shared among its readers."""
        price: dict[Record, float] = {}
        for r in self.tape.records:
            if r not in self.scaled:
                continue
            ways = [ps for ps in self.ways[r] if self.scaled.issuperset(ps)]
            costs = [sum(price[p] for p in ps) for ps in ways]
            here = 0 if self._joins(r) else self._cheapest(r).size
            best = min(range(len(ways)), key=costs.__getitem__, default=-1)
            use = best >= 0 and costs[best] <= here
            self.through[r] = ways[best] if use else ()
            price[r] = (costs[best] if use else here) / len(self.readers[r])

    def operand(self, r: Record) -> Record:
        return next(p for p in r.inputs if p is not None and p is not self.scale)

    def put(self, r: Record) -> Record | None:
        """Where the number is put in for the scaled ``r``: an operand, ``r`` itself; None if its operands have it."""
        ps = self.through[r]
        return None if ps and self.scaled.issuperset(ps) else self._cheapest(r)

    def _cheapest(self, r: Record) -> Record:
        alone = [ps[0] for ps in self.ways[r] if len(ps) == 1 and ps[0].size < r.size]
        return min(alone, key=lambda p: p.size, default=r)

    def saves(self) -> int:
        """How many multiplications fewer there are."""
        gone = sum(r.size for r in self.tape.records if r in self.products and self.operand(r) in self.scaled)
        new = [p for r in self.scaled if not self._joins(r) and (p := self.put(r)) is not None]
        return gone - sum(p.size for p in new)

    def _joins(self, r: Record) -> bool:
        """Whether ``r`` is already a product with a plain number, which takes this one in."""
        return _factor(r) is not None and not isinstance(self.scale, Record)

    def moved(self) -> Tape:
        def change(r: Record, inputs: tuple[Any, ...]) -> Any:
            if r in self.products and self.operand(r) in self.scaled:
                return next(x for x in inputs if isinstance(x, Record) and x is not self.scale)
            if r not in self.scaled:
                return None
            if self._joins(r) and self.put(r) is not None:
                changed = tuple(x if isinstance(x, Record) else x * self.scale for x in inputs)
                return [made(MULTIPLY, changed, None, r)]
            p = self.put(r)
            if p is None:
                return None
            if p is r:
                first = made(r.primitive, inputs, r.params, r)  # type: ignore[arg-type]  # no leaf
                return [first, made(MULTIPLY, (self.scale, first), None, r)]
            at = [i for i, q in enumerate(r.inputs) if q is p]
            factor = made(MULTIPLY, (self.scale, inputs[at[0]]), None, r, shape=p.shape, dtype=p.dtype, notes=None)
            factor.lasti = ~abs(factor.lasti)  # under no name
            changed = tuple(factor if i in at else x for i, x in enumerate(inputs))
            return [factor, made(r.primitive, changed, r.params, r)]  # type: ignore[arg-type]  # no leaf

        return rebuilt(self.tape, change)


def _operands(r: Record) -> tuple[Any, ...]:
    return tuple(x if p is None else p for p, x in zip(r.inputs, r.values, strict=True))


def _factor(r: Record) -> Any:
    """The plain number that ``r`` is a product with."""
    numbers = [x for x in _operands(r) if not isinstance(x, Record)]
    return numbers[0] if r.primitive is MULTIPLY and len(numbers) == 1 and math.isfinite(numbers[0]) else None


def _linear(r: Record, zeros: set[Record]) -> list[Sequence[Record]]:
    """The ways to make ``r`` a multiple by making operands one: each a list that has to be taken together."""
    prim = r.primitive
    if prim is None:
        return []
    floats = [p for p in r.inputs if p is not None and p.dtype == r.dtype]
    if prim.linear is True and len(floats) == len(r.inputs):
        return [[p for p in dict.fromkeys(floats) if p not in zeros]]
    if op_of(r) == "where" and r.inputs[0] is not None:
        taken = [p for p in r.inputs[1:] if p is not None and p not in zeros]
        plain = all(p is not None or x == 0 for p, x in zip(r.inputs[1:], r.values[1:], strict=True))
        return [taken] if plain and taken and all(p.dtype == r.dtype for p in taken) else []
    if op_of(r) == "divide":
        return [[p] for p in floats if p is r.inputs[0] and p is not r.inputs[1]]
    if prim.linear == "each":
        return [[p] for p in dict.fromkeys(floats) if list(r.inputs).count(p) == 1]
    return []
