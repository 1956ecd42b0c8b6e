"""Loops over the elements of several records at once: elementwise operations, and sums and maxima of what they give."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.record import Record
from ..passes.rewrite import op_of
from .numba_layout import Layout, Place, overlap
from .numba_scalars import FLOATS, element, number, term

__all__ = ["Loops", "is_loop", "is_reduction"]

MANY = 1 << 14  # elements in a row that NumPy, which adds several at once, is faster with
START = {"sum": "0.0", "max": "-np.inf", "min": "np.inf"}
FOLD = {
    "sum": "{a} + {x}",
    "max": "{x} if {x} > {a} or {x} != {x} else {a}",
    "min": "{x} if {x} < {a} or {x} != {x} else {a}",
}


def is_reduction(r: Record) -> bool:
    """Whether it is a sum, maximum or minimum of floats along axes that loops are good for."""
    x = r.inputs[0] if r.inputs else None
    plain = op_of(r) in START and not (r.params or {}).keys() - {"axis", "keepdims"} and len(r.inputs) == 1
    if not plain or x is None or x.dtype != r.dtype or r.dtype not in FLOATS or x.size == 0:
        return False
    axis = (r.params or {}).get("axis")
    along = axis is None or any(int(k) % x.ndim == x.ndim - 1 for k in (axis if isinstance(axis, tuple) else (axis,)))
    return x.size <= MANY or not along


def is_loop(r: Record) -> bool:
    return is_reduction(r) or element(r) is not None


class Loops:
    """One nest of loops.

    Parameters
    ----------
    pointer : callable
        The name of the pointer to a place's root.
    is_read_outside : callable
        Whether anything but these records reads a value.
    constants
        Numbers from outside, by their leaf.
    """

    def __init__(
        self,
        records: Sequence[Record],
        layout: Layout,
        pointer: Callable[[Place], str],
        is_read_outside: Callable[[Record, set[Record]], bool],
        constants: dict[Record, np.ndarray],
    ) -> None:
        self.records, self.layout, self.pointer, self.constants = records, layout, pointer, constants
        members = set(records)
        self.domain = domain_of(records[0])
        self.stored = [r for r in records if is_reduction(r) or is_read_outside(r, members)]
        self.values = {r: f"t{i}" for i, r in enumerate(records)}
        self.loads: dict[Place, str] = {}
        for r in records:
            for p in r.inputs:
                if p is not None and self._value(p) is None:
                    self.loads.setdefault(layout.place(p), f"x{len(self.loads)}")

    def _value(self, p: Record) -> str | None:
        """What ``p`` is called here if it is computed here, or the number that it is."""
        p = self.layout.storage.plain(p)
        if p in self.constants and self.constants[p].ndim == 0 and p.dtype in (*FLOATS, np.bool_):
            return number(self.constants[p], p.dtype)
        return self.values.get(p)

    @property
    def is_safe(self) -> bool:
        """Whether no element is written that another turn of the loops would have to read or write."""
        written = [self.layout.place(r) for r in self.stored]
        others = [*((p, False) for p in self.loads), *((self.layout.place(r), is_reduction(r)) for r in self.stored)]
        for r, mine in zip(self.stored, written, strict=True):
            for p, folded in others:
                if p == mine or not overlap(p, mine):
                    continue
                same = (p.start, p.offset, p.dtype.itemsize) == (mine.start, mine.offset, mine.dtype.itemsize)
                if folded or is_reduction(r) or not same or p.across(self.domain) != mine.across(self.domain):
                    return False
        return True

    def lines(self) -> list[str]:
        folds = {r: self._kept_axes(r) for r in self.records if is_reduction(r)}
        strides: dict[Any, tuple[int, ...]] = {p: p.across(self.domain) for p in self.loads}
        for r in self.stored:
            strides[r] = folds[r] if r in folds else self.layout.place(r).across(self.domain)
        marks = [tuple(int(k in self._axes(r)) for k in range(len(self.domain))) for r in folds]
        axes, sizes = self._collapsed(list(strides.values()), marks)
        index = {x: _index(self._offset(x), [s[k] for k in axes]) for x, s in strides.items()}
        depth = {r: self._depth(r, axes) for r in folds}
        out: list[str] = []
        for r, d in depth.items():
            if d is None:
                p = self.pointer(self.layout.place(r))
                start = number(float(START[op_of(r)].replace("np.", "")), r.dtype)
                out += [f"for i in range({r.size}):", f"    {p}[i] = {start}"]
        self._nest(0, sizes, index, depth, out)
        return out

    def _nest(self, k: int, sizes: list[int], index: Any, depth: dict[Record, int | None], out: list[str]) -> None:
        tab = "    " * k
        mine = [r for r, d in depth.items() if d == k]
        out += [f"{tab}a{self.values[r]} = {START[op_of(r)]}" for r in mine]
        if k < len(sizes):
            out.append(f"{tab}for i{k} in range({sizes[k]}):")
            self._nest(k + 1, sizes, index, depth, out)
        else:
            out += [tab + line for line in self._body(index, depth)]
        for r in mine:
            out.append(f"{tab}{self._target(r, index)} = np.{r.dtype.name}(a{self.values[r]})")

    def _body(self, index: Any, depth: dict[Record, int | None]) -> list[str]:
        lines = []
        for p, name in self.loads.items():
            text = f"{self.pointer(p)}[{index[p]}]"
            lines.append(f"{name} = {text} != 0" if p.dtype == np.bool_ else f"{name} = {text}")
        for r in self.records:
            name = self.values[r]
            if r in depth:
                x = self._operand(r, 0, r.dtype)
                a = f"a{name}" if depth[r] is not None else self._target(r, index)
                lines.append(f"{a} = {FOLD[op_of(r)].format(a=a, x=x)}")
                continue
            kinds = element(r)[1]  # type: ignore[index]  # it has one, or it would not be here
            lines.append(f"{name} = {term(r, [self._operand(r, i, kinds[i]) for i in range(len(r.inputs))])}")
            if r in self.stored:
                lines.append(f"{self._target(r, index)} = {f'np.uint8({name})' if r.dtype == np.bool_ else name}")
        return lines

    def _operand(self, r: Record, i: int, kind: np.dtype) -> str:
        p = r.inputs[i]
        if p is None:
            return number(r.values[i], kind)
        text = self._value(p) or self.loads[self.layout.place(p)]
        return text if p.dtype == kind else f"{text} != 0" if kind == np.bool_ else f"np.{kind.name}({text})"

    def _target(self, r: Record, index: Any) -> str:
        return f"{self.pointer(self.layout.place(r))}[{index[r]}]"

    def _offset(self, x: Any) -> int:
        return x.offset if isinstance(x, Place) else self.layout.place(x).offset

    def _axes(self, r: Record) -> set[int]:
        """The axes that a reduction goes over."""
        axis = (r.params or {}).get("axis")
        n = len(self.domain)
        return set(range(n)) if axis is None else {int(k) % n for k in (axis if isinstance(axis, tuple) else (axis,))}

    def _kept_axes(self, r: Record) -> tuple[int, ...]:
        """Strides of a reduction's result along the axes of the loops: 0 where it goes over them."""
        gone, step, found = self._axes(r), 1, []
        for k in reversed(range(len(self.domain))):
            found.append(0 if k in gone or self.domain[k] == 1 else step)
            step *= 1 if k in gone else self.domain[k]
        return tuple(reversed(found))

    def _collapsed(self, strides: list[tuple[int, ...]], marks: list[tuple[int, ...]]) -> tuple[list[int], list[int]]:
        """The axes to loop over, and how often: neighbours that are one row in all arrays become one."""
        axes: list[int] = []
        sizes: list[int] = []
        for k, n in enumerate(self.domain):
            if n == 1:
                continue
            one = axes and all(s[axes[-1]] == s[k] * n for s in strides) and all(m[axes[-1]] == m[k] for m in marks)
            if one:
                axes[-1], sizes[-1] = k, sizes[-1] * n
            else:
                axes.append(k)
                sizes.append(n)
        return axes, sizes

    def _depth(self, r: Record, axes: list[int]) -> int | None:
        """From which loop on it is summed up in a variable; None: in its place in memory."""
        gone = self._axes(r)
        inner = len(axes)
        while inner and axes[inner - 1] in gone:
            inner -= 1
        return None if any(k in gone for k in axes[:inner]) else inner


def domain_of(r: Record) -> tuple[int, ...]:
    """What its loops run over."""
    return tuple(r.inputs[0].shape) if is_reduction(r) else tuple(r.shape)  # type: ignore[union-attr]  # it has one


def _index(offset: int, strides: list[int]) -> str:
    terms = [f"i{k}" if s == 1 else f"i{k} * {s}" for k, s in enumerate(strides) if s]
    return " + ".join([*terms, *([str(offset)] if offset or not terms else [])])
