"""From a recording to the program that backends write: the tape after all passes, and what becomes of its outputs."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..core.record import Record
from ..core.tape import Tape
from ..passes import optimised, simplified, without_dead
from ..passes.inlined import inlined
from ..passes.opened import opened
from ..passes.rewrite import constants_of, op_of
from ..passes.scales import with_scales_moved
from ..writing.numpy_source import DATA_DEPENDENT
from .problem import CompileError
from .recording import Recording
from .straight import STRAIGHT
from .writers import writer

__all__ = ["Program", "program_of"]


class Program(NamedTuple):
    """What a backend gets.

    Attributes
    ----------
    tape : Tape
        Records in the order they run. The first ``results`` outputs are handed out; the others are new values of
        inputs that the function updated in place.
    results : int
    overwritten : dict of Record to Record
        Outputs that go into the memory of a donated input, and that input.
    constants : dict of Record to array
        What comes from outside, by its leaf.
    draws : dict of int to int
        Generators among the parameters of records, by identity: the number of the argument each stands for.
    quiet : bool
        Floating-point warnings are to be suppressed.
    recorded : int
        How many records there were before the passes.
    """

    tape: Tape
    results: int
    overwritten: dict[Record, Record]
    constants: dict[Record, np.ndarray]
    draws: dict[int, int]
    quiet: bool
    recorded: int

    def on(self, tape: Tape) -> Program:
        """The same program on a tape made of this one's, output by output."""
        became = dict(zip(self.tape.outputs, tape.outputs, strict=True))
        overwritten = {became[r]: d for r, d in self.overwritten.items()}
        return self._replace(tape=tape, overwritten=overwritten, constants=constants_of(tape))


def program_of(recording: Recording, donated: frozenset[int]) -> Program:
    """The program of a recording, shortened."""
    tape = recording.tape
    recorded = len(tape)
    tape = optimised(tape)
    tape = optimised(_opened(tape))
    tape = optimised(with_scales_moved(tape))
    if any(isinstance(v, Tape) for r in tape.records for v in (r.params or {}).values()):
        tape = without_dead(simplified(_opened(inlined(tape))))
    _refuse_shapes(tape)
    quiet = recording.quiet or any(_is_silenced(r) for r in recording.tape.records)
    results = len(tape.outputs) - len(recording.updated)
    overwritten = _overwritten(tape, results, recording.updated, donated)
    return Program(tape, results, overwritten, constants_of(tape), recording.draws, quiet, recorded)


def _opened(tape: Tape) -> Tape:
    return opened(tape, lambda r: writer(r) is not None, STRAIGHT)


def _is_silenced(r: Record) -> bool:
    code = getattr(r.primitive.forward, "__code__", None)  # type: ignore[union-attr]  # no leaf
    return code is not None and "errstate" in code.co_names


def _refuse_shapes(tape: Tape) -> None:
    fixed = set(tape.constants)
    for r in tape.records:
        mask = any(p is not None and p.dtype is not None and p.dtype.kind == "b" for p in {*r.inputs[1:]} - fixed)
        if r.primitive.name in DATA_DEPENDENT or (op_of(r) == "gather" and mask):  # type: ignore[union-attr]
            raise CompileError(
                f"{r.primitive.name} ({r.where}): the shape of its result depends on the values, and a compiled step"  # type: ignore[union-attr]
                " has one shape: use np.where in place of a mask, or leave this outside"
            )


def _overwritten(tape: Tape, results: int, updated: list[int], donated: frozenset[int]) -> dict[Record, Record]:
    """Which output goes into which donated input: one that was computed from it, else any of its shape and dtype."""
    free = [tape.inputs[i] for i in sorted(donated) if i not in updated]
    found: dict[Record, Record] = {}
    for i, r in zip(updated, tape.outputs[results:], strict=True):
        found.setdefault(r, tape.inputs[i])
    wanted = [r for r in dict.fromkeys(tape.outputs[:results]) if r not in found]
    for r in [r for r in wanted if r in free]:  # handed through
        free.remove(r)
        found[r] = r
        wanted.remove(r)
    for origin in (True, False):
        for r in list(wanted):
            fits = [d for d in free if d.shape == r.shape and d.dtype == r.dtype]
            fits = [d for d in fits if not origin or _leads(d, r)]
            if fits and r.primitive is not None:
                found[r] = fits[0]
                free.remove(fits[0])
                wanted.remove(r)
    return found


def _leads(d: Record, r: Record) -> bool:
    """Whether ``r`` is computed from ``d`` element by element, through first operands or any of its shape."""
    seen, stack = {r}, [r]
    while stack:
        for p in stack.pop().inputs:
            if p is d:
                return True
            like = p is not None and p not in seen and p.shape == d.shape and p.dtype == d.dtype
            if like and p.primitive is not None and p.primitive.elementwise:  # type: ignore[union-attr]  # see above
                seen.add(p)  # type: ignore[arg-type]
                stack.append(p)  # type: ignore[arg-type]
    return False
