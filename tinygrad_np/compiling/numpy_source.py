"""A program as NumPy source: ``buffers()`` makes the memory of one call at a time, the step itself writes into it."""

from __future__ import annotations

import ast
import builtins
import keyword
import re
from typing import Any

import numpy as np

from ..core.record import Record
from ..writing.helpers import Helpers
from ..writing.layout import text_of
from ..writing.literals import WriteError, literal
from ..writing.notation import expression
from .program import Program
from .storage import ALIGNMENT, ARENA, FRESH, Storage
from .writers import ufunc_of, writer

__all__ = ["Written", "written"]

INDENT = "    "
MANY = 1024  # elements from which a maximum with a number takes twice as long as one with a row


class Written:
    """The source of a program, and the objects that it takes from outside."""

    def __init__(self, program: Program, storage: Storage, name: str) -> None:
        self.program, self.storage, self.name = program, storage, name
        self.taken = {"np", "buffers", name, *keyword.kwlist, *dir(builtins)}
        self.helpers = Helpers(self.taken)
        self.outside: dict[str, Any] = {}
        self.numbers: dict[str, str] = {}  # name of a 0-d array to the expression that makes it
        self.names: dict[Record, str] = {}
        self.made: list[str] = []  # lines of buffers()
        self.kept: list[str] = []  # names that it gives
        self.lines: list[str] = []
        self._slots: dict[Any, str] = {}
        self._views: dict[str, str] = {}
        self._bound: dict[int, str] = {}
        self.said = ""
        tape = program.tape
        self.arguments = [self._fresh(_last_word(r.name or "x")) for r in tape.inputs]
        self.names.update(zip(tape.inputs, self.arguments, strict=True))
        self.draws = {i: self._fresh("rng") for i in sorted(set(program.draws.values()))}
        for r, a in program.constants.items():
            self.names[r] = self._constant(r, a)
        self.dying: dict[int, list[Record]] = {}
        for r, k in storage.last.items():
            if storage.way[r] == "own" and k < storage.end:
                self.dying.setdefault(k, []).append(r)
        self._lying_in: dict[Record, list[Record]] = {}
        for k, r in enumerate(tape.records):
            self._lying_in.setdefault(storage.root[r], []).append(r)
            self._write(k, r)
        self._copy()
        self.results = [self.handed.get(r, self.names[r]) for r in tape.outputs[: program.results]]

    # Names

    def _fresh(self, wished: str) -> str:
        base = name = re.sub(r"\W", "_", wished) or "x"
        if base[0].isdigit():
            base = name = "_" + base
        n = 1
        while name in self.taken:
            n += 1
            name = f"{base}_{n}"
        self.taken.add(name)
        return name

    def _constant(self, r: Record, a: np.ndarray) -> str:
        if a.ndim == 0:
            return self._number(a)
        name = self._fresh(r.name or "constant")
        self.outside[name] = a
        return name

    def _number(self, a: np.ndarray) -> str:
        """The name of a 0-d array: of a plain number a ufunc makes one at every call."""
        value = a.item()
        dtype = "" if a.dtype in (np.float64, np.int64, np.bool_) else f", np.{a.dtype.name}"
        text = f"np.array({text_of(literal(value))}{dtype})"
        for name, known in self.numbers.items():
            if known == text:
                return name
        word = re.sub(r"\W", "_", f"{value:g}".replace("-", "minus_") if a.dtype.kind in "fiu" else str(value))
        name = self._fresh(f"_{word}")
        self.numbers[name] = text
        return name

    def _row(self, a: np.ndarray) -> str:
        """The name of a row of one number, where NumPy is quicker with that than with the number alone."""
        for name, known in self.outside.items():
            if isinstance(known, np.ndarray) and known.dtype == a.dtype and np.array_equal(known, a):
                return name
        name = self._fresh(f"row_of_{a[0]:g}")
        self.outside[name] = a
        return name

    def _operand(self, r: Record, i: int) -> str:
        p, x = r.inputs[i], r.values[i]
        if p is not None:
            return self.names[p]
        kinds = {q.dtype for q in r.inputs if q is not None}
        if isinstance(x, np.generic):
            return self._number(np.asarray(x))
        dtype = kinds.pop() if len(kinds) == 1 else None
        try:
            if dtype is not None and np.result_type(dtype, x) == dtype:
                if ufunc_of(r) in (np.maximum, np.minimum) and r.size >= MANY and r.shape[-1] >= 16:
                    return self._row(np.full(r.shape[-1], x, dtype))
                return self._number(np.asarray(x, dtype))
        except OverflowError:
            pass
        return text_of(literal(x))

    # Statements

    def _write(self, k: int, r: Record) -> None:
        way = self.storage.way[r]
        if way == "view":
            self._view(r)
        elif way == "written":
            write = writer(r)
            assert write is not None
            out = self._target(k, r)
            self.names[r] = out
            for line in write(r, [self._operand(r, i) for i in range(len(r.inputs))], out):
                self._line(line, self._comment(r))
        else:
            self.names[r] = self._fresh(_last_word(r.name or r.primitive.name))  # type: ignore[union-attr]  # no leaf
            self._line(f"{self.names[r]} = {self._expression(r)}", self._comment(r))
        dying = [self.names[p] for root in self.dying.get(k, ()) for p in self._lying_in[root]]
        if dying:
            self._line(f"del {', '.join(dict.fromkeys(dying))}", "")

    def _view(self, r: Record) -> None:
        source = r.inputs[0]
        assert source is not None
        if self.storage.plain(r) is not r:
            self.names[r] = self.names[source]
            return
        text = self._expression(r)
        if text in self._views:
            self.names[r] = self._views[text]
            return
        base = re.sub(r"\W", "", self.names[source])
        self.names[r] = self._fresh(base + ("_T" if text.endswith(".T") else "_view"))
        root = self.storage.root[r]
        if root in self.storage.slot and self.storage.slot[root].home == ARENA:
            self.made.append(f"{self.names[r]} = {text}")
            self.kept.append(self.names[r])
            self._views[text] = self.names[r]
        else:
            self._line(f"{self.names[r]} = {text}", self._comment(r))

    def _target(self, k: int, r: Record) -> str:
        """The array that ``r`` is written to; made here if this is its first member and it is a result."""
        slot = self.storage.slot[r]
        if isinstance(slot.home, Record):
            return self.names[slot.home]
        key = (slot, r.shape, r.dtype)
        if key not in self._slots:
            name = self._slots[key] = self._fresh(_last_word(r.name or r.primitive.name))  # type: ignore[union-attr]
            if slot.home == FRESH:
                self._line(f"{name} = np.empty({r.shape}, np.{r.dtype.name})", "")
            else:
                part = f"arena[{slot.offset} : {slot.offset + slot.nbytes}]"
                self.made.append(f"{name} = {part}.view(np.{r.dtype.name}).reshape({r.shape})")
                self.kept.append(name)
        return self._slots[key]

    def _expression(self, r: Record) -> str:
        operands = [ast.parse(self._plain_operand(r, i), mode="eval").body for i in range(len(r.inputs))]
        if not any(isinstance(v, np.random.Generator) for v in (r.params or {}).values()):
            try:
                return text_of(expression(r, operands, self.helpers))
            except WriteError:
                pass
        arguments = [ast.unparse(a) for a in operands]
        for name, value in (r.params or {}).items():
            arguments.append(f"{name}={self._parameter(value, name)}")
        prim: Any = r.primitive
        return f"{self._bind(prim.forward, prim.name)}({', '.join(arguments)})"

    def _plain_operand(self, r: Record, i: int) -> str:
        return self.names[r.inputs[i]] if r.inputs[i] is not None else text_of(literal(r.values[i]))  # type: ignore[index]

    def _parameter(self, value: Any, name: str) -> str:
        if isinstance(value, np.random.Generator):
            return self.draws[self.program.draws[id(value)]]
        try:
            return text_of(literal(value))
        except WriteError:
            return self._bind(value, name)

    def _bind(self, value: Any, wished: str) -> str:
        if id(value) not in self._bound:
            self._bound[id(value)] = self._fresh(wished.strip("_"))
            self.outside[self._bound[id(value)]] = value
        return self._bound[id(value)]

    def _copy(self) -> None:
        """Results that have no memory of their own get it; then donated inputs are written that nobody reads now."""
        self.handed = {r: self.names[d] for r, d in self.program.overwritten.items()}
        read: dict[Record, str] = {}
        for r, d in self.storage.copied:
            if d is None or self.storage.way[self.storage.root[r]] == "source":
                read[r] = self._fresh("result")
                self._line(f"{read[r]} = np.array({self.names[r]})", "")
                if d is None:
                    self.handed[r] = read[r]
        for r, d in self.storage.copied:
            if d is not None:
                self._line(f"np.copyto({self.names[d]}, {read.get(r, self.names[r])})", "")

    def _line(self, text: str, comment: str) -> None:
        told = f"  # {comment}" if comment and comment != self.said else ""
        self.said = comment or self.said
        self.lines.append(INDENT + text + told)

    def _comment(self, r: Record) -> str:
        name = r.name
        return f"{r.where} {name}".strip() if name and r.where else r.where

    # The whole

    @property
    def source(self) -> str:
        head = ["import numpy as np"]
        head += [f"from {home} import {what}" if home else f"import {what}" for home, what in self.helpers.imports]
        numbers = [f"{name} = {text}" for name, text in self.numbers.items()]
        constants = [*self.helpers.constants, *numbers]
        constants += [f"# {name}: {_said(value)}, from outside" for name, value in self.outside.items()]
        arena = self.storage.arena
        memory = ["def buffers():"]
        if self.kept:
            memory.append(f"{INDENT}arena = np.empty({arena}, np.uint8)")
            memory.append(f"{INDENT}arena = arena[-arena.ctypes.data % {ALIGNMENT} :]")
            memory += [INDENT + line for line in self.made]
        memory.append(f"{INDENT}return ({', '.join(self.kept)}{',' if self.kept else ''})")
        step = [f"def {self.name}({', '.join([*self.arguments, *self.draws.values(), 'buffers'])}):"]
        if self.kept:
            step.append(f"{INDENT}({', '.join(self.kept)},) = buffers")
        step += self.lines
        step.append(f"{INDENT}return ({', '.join(self.results)}{',' if self.results else ''})")
        parts = ["\n".join(head)] + (["\n".join(constants)] if constants else [])
        return "\n\n".join([*parts, *self.helpers.functions, "\n".join(memory), "\n".join(step)]) + "\n"


def written(program: Program, storage: Storage, name: str) -> Written:
    """The source of ``program``."""
    return Written(program, storage, name)


def _said(value: Any) -> str:
    return f"{value.dtype}{list(value.shape)}" if isinstance(value, np.ndarray) else type(value).__name__


def _last_word(path: str) -> str:
    """``w1`` of ``params['w1']``."""
    words = re.findall(r"\w+", path)
    return words[-1] if words and not words[-1].isdigit() else "_".join(words) or "x"
