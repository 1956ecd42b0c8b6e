"""The backend in machine code: stretches of a program as one function each, NumPy's statements between them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..passes import without_dead
from .kernel import Kernel
from .numba_forms import in_numba_forms
from .numba_source import Mixed
from .numpy_backend import runner
from .problem import CompileError
from .program import Program
from .schedule import scheduled
from .storage import Storage

__all__ = ["build"]


def build(program: Program, name: str) -> Kernel:
    """The program as a function."""
    try:
        import numba  # noqa: F401
    except ImportError:
        raise CompileError(
            'compile(backend="numba") needs numba, which is not installed: pip install "tinygrad_np[jit]"'
        ) from None
    program = scheduled(program.on(without_dead(in_numba_forms(program.tape))))
    storage = Storage(program)
    text = Mixed(program, storage, name)
    read = [i for i, r in enumerate(program.tape.inputs) if r in text.taken_whole]

    def ordinary(xs: tuple[Any, ...]) -> list[Any]:
        """Machine code takes aligned, writable arrays in C order; others are copied first."""
        return [np.array(x, order="C") if i in read and not x.flags.carray else x for i, x in enumerate(xs)]

    if text.statements == len(text.machine) == 1:  # it refuses others itself, and warns of nothing: no time is lost
        run, held = runner(text, program._replace(quiet=False), storage, name, ordinary)
        return Kernel(run, "numba", text.whole_source, program, storage, held)
    run, held = runner(text, program, storage, name)
    if not read:
        return Kernel(run, "numba", text.whole_source, program, storage, held)
    return Kernel(lambda *xs: run(*ordinary(xs)), "numba", text.whole_source, program, storage, held)
