"""A program as source of two kinds: machine code for all stretches that it can take, NumPy for the rest."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.record import Record
from .numba_blas import addresses
from .numba_files import loaded
from .numba_layout import Layout, Place
from .numba_loops import Loops, domain_of, is_loop, is_reduction
from .numba_products import is_product, product_lines
from .numpy_source import INDENT, Written
from .program import Program
from .storage import ARENA, FRESH, Storage

__all__ = ["Mixed"]

HEAD = """import numba
import numpy as np
from numba.types import Array, void

from tinygrad_np.compiling.numba_prelude import {names}
"""
PRELUDE = "dgemm, float32_at, float64_at, moved_float32, moved_float64, sgemm, uint8_at"


class Mixed(Written):
    """The NumPy source of a program, in which stretches of records are calls of machine code.

    Attributes
    ----------
    machine : list of str
        The source of the functions in machine code.
    statements : int
        How many lines do something, calls of machine code among them.
    taken_whole : set of Record
        Inputs that machine code reads.
    """

    def __init__(self, program: Program, storage: Storage, name: str) -> None:
        self.layout = Layout(storage)
        tape = program.tape
        self.in_machine = {r for r in tape.records if self._is_machine(r, storage)}
        self.readers: dict[Record, set[Record]] = {}
        for r in tape.records:
            for p in r.inputs:
                if p is not None and storage.plain(r) is r:
                    self.readers.setdefault(storage.plain(p), set()).add(r)
        self.handed_out = {storage.plain(r) for r in tape.outputs}
        self.in_python = self._seen_by_numpy(program, storage)
        self.pending: list[Record] = []
        self.waiting: list[str] = []  # names to be given up when the pending records have run
        self.machine: list[str] = []
        self.machine_names: list[str] = []
        self.taken_whole: set[Record] = set()
        self.statements = 0
        super().__init__(program, storage, name)
        if self.machine:
            find = loaded(self.machine_source)
            self.outside |= {n: find(n) for n in self.machine_names}

    def _is_machine(self, r: Record, storage: Storage) -> bool:
        if storage.way[r] != "written" or r.size == 0:
            return False
        if is_product(r, self.layout):
            return True
        return is_loop(r) and all(p is None or self.layout.usable(p) for p in r.inputs)

    def _seen_by_numpy(self, program: Program, storage: Storage) -> set[Record]:
        """What statements of NumPy name: their operands, results, and what these are views of."""
        seen = set(program.tape.outputs)
        for r in reversed(program.tape.records):
            if r not in self.in_machine and (storage.way[r] != "view" or r in seen):
                seen.update(p for p in r.inputs if p is not None)
        return seen

    # Statements

    def _write(self, k: int, r: Record) -> None:
        if self.storage.way[r] == "view":
            if r in self.in_python:
                super()._write(k, r)
            else:
                self._give_up(k)
            return
        if r not in self.in_machine:
            self._flush()
            self.statements += 1
            super()._write(k, r)
            return
        if r in self.in_python or self.storage.slot[r].home == FRESH:
            self.names[r] = self._target(k, r)
        self.pending.append(r)
        self._give_up(k)

    def _give_up(self, k: int) -> None:
        for root in self.dying.get(k, ()):
            self.waiting += [self.names[p] for p in self._lying_in[root] if p in self.names]

    def _copy(self) -> None:
        self._flush()
        self.statements += len(self.storage.copied)
        super()._copy()

    def _flush(self) -> None:
        """Write the pending records as one function, and its call."""
        if self.pending:
            self._function(self.pending)
            self.statements += 1
            self.pending = []
        if self.waiting:
            self._line(f"del {', '.join(dict.fromkeys(self.waiting))}", "")
            self.waiting = []

    def _function(self, records: list[Record]) -> None:
        name = self._fresh(f"machine_{len(self.machine_names) + 1}")
        self.machine_names.append(name)
        arguments: dict[str, tuple[str, str]] = {}  # in Python: what it is called there, and its type
        pointers: dict[str, str] = {}

        def pointer(place: Place) -> str:
            argument, kind = self._argument(place)
            known = arguments.setdefault(argument, (f"array_{len(arguments)}", kind))[0]
            letter = "uint8" if place.dtype == np.bool_ else place.dtype.name
            return pointers.setdefault(f"{letter}_at({known}, {place.start})", f"p{len(pointers)}")

        body: list[str] = []
        for group in self._groups(records):
            if isinstance(group, Loops):
                group.pointer = pointer
                body += group.lines()
            else:
                body += product_lines(group, self.layout, pointer)
        if any("gemm(" in line for line in body):
            found = addresses()
            assert found is not None
            self.outside["blas"] = found
            arguments["blas"] = ("blas", "Array(numba.int64, 1, 'C')")
        kinds = ", ".join(kind for _, kind in arguments.values())
        head = [
            f"@numba.njit(void({kinds}), cache=True, nogil=True, error_model='numpy')",
            f"def {name}({', '.join(known for known, _ in arguments.values())}):",
        ]
        lines = [*(f"{p} = {text}" for text, p in pointers.items()), *body]
        self.machine.append("\n".join([*head, *(INDENT + line for line in lines)]))
        self._line(f"{name}({', '.join(arguments)})", self._comment(records[0]))

    def _groups(self, records: list[Record]) -> list[Any]:
        """The records as nests of loops and single products, in order."""
        groups: list[Any] = []
        waiting: list[Record] = []

        def close() -> None:
            while waiting:
                n = len(waiting)
                while n > 1 and not self._loops(waiting[:n]).is_safe:
                    n -= 1
                groups.append(self._loops(waiting[:n]))
                del waiting[:n]

        for r in records:
            if not is_loop(r):
                close()
                groups.append(r)
                continue
            if waiting and (domain_of(r) != domain_of(waiting[0]) or self._needs_whole(r, waiting)):
                close()
            waiting.append(r)
        close()
        return groups

    def _needs_whole(self, r: Record, earlier: list[Record]) -> bool:
        """Whether it reads one of these other than element by element."""
        for p in r.inputs:
            if p is not None and self.storage.root[p] in earlier:
                made = self.storage.plain(p)
                if made not in earlier or is_reduction(made) or made.shape != domain_of(r):
                    return True
        return False

    def _loops(self, records: list[Record]) -> Loops:
        def is_read_outside(r: Record, members: set[Record]) -> bool:
            return r in self.handed_out or not self.readers.get(r, set()) <= members

        return Loops(records, self.layout, lambda p: "", is_read_outside, self.program.constants)

    def _argument(self, place: Place) -> tuple[str, str]:
        """An array as Python knows it, and its type in machine code."""
        root = place.root
        slot = self.storage.slot.get(root)
        if slot is not None and slot.home == ARENA:
            if "arena" not in self.kept:
                self.kept.append("arena")
            return "arena", "Array(numba.uint8, 1, 'C')"
        if slot is not None and isinstance(slot.home, Record):
            root = slot.home
        kind = "boolean" if root.dtype == np.bool_ else root.dtype.name
        name = self.names[root] if slot is None or root is not place.root else self.names[place.root]
        if self.storage.way[root] == "own":
            name = f"np.array({name}, order='C', ndmin={len(root.shape)})"
        if root in self.program.constants:
            a = self.program.constants[root]
            if not a.flags.carray:
                self.outside[name] = np.array(a, order="C")
        elif self.storage.way[root] == "source":
            self.taken_whole.add(root)
        return name, f"Array(numba.{kind}, {len(root.shape)}, 'C')"

    # The whole

    @property
    def machine_source(self) -> str:
        return "\n\n".join([HEAD.format(names=PRELUDE), *self.machine]) + "\n"

    @property
    def whole_source(self) -> str:
        return f"{self.source}\n\n# In machine code\n\n{self.machine_source}" if self.machine else self.source
