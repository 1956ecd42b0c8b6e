"""The backend in machine code: stretches of a program as one function each, NumPy's statements between them."""

from __future__ import annotations

from collections.abc import Callable
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
    alone = text.statements == len(text.machine)
    quiet = program.quiet and not alone  # machine code warns of nothing, and looking away takes time
    run, held = runner(text, program._replace(quiet=quiet), storage, name)
    return Kernel(_in_order(run, text, program), "numba", text.whole_source, program, storage, held)


def _in_order(run: Callable[..., Any], text: Mixed, program: Program) -> Callable[..., Any]:
    """Machine code takes aligned, writable arrays in C order; others are copied first."""
    read = [i for i, r in enumerate(program.tape.inputs) if r in text.taken_whole]
    if not read:
        return run

    def ordinary(xs: tuple[Any, ...]) -> list[Any]:
        return [np.array(x, order="C") if i in read and not x.flags.carray else x for i, x in enumerate(xs)]

    if text.statements == 1:  # machine code alone: it refuses others before it has done anything

        def call(*xs: Any) -> Any:
            try:
                return run(*xs)
            except TypeError:
                return run(*ordinary(xs))
    else:

        def call(*xs: Any) -> Any:
            return run(*ordinary(xs))

    return call
