"""The backend that is always there: NumPy source with results going into planned memory, compiled by Python."""

from __future__ import annotations

import linecache
from collections.abc import Callable
from functools import partial
from itertools import count
from typing import Any

import numpy as np

from ..passes import without_dead
from .kernel import Kernel
from .numpy_forms import in_numpy_forms
from .numpy_source import Written, written
from .program import Program
from .schedule import scheduled
from .storage import Storage

__all__ = ["build", "runner"]

_number = count(1)


def build(program: Program, name: str) -> Kernel:
    """The program as a function."""
    program = scheduled(program.on(without_dead(in_numpy_forms(program.tape))))
    storage = Storage(program)
    text = written(program, storage, name)
    run, held = runner(text, program, storage, name)
    return Kernel(run, "numpy", text.source, program, storage, held)


def runner(
    text: Written,
    program: Program,
    storage: Storage,
    name: str,
    ordinary: Callable[[tuple[Any, ...]], list[Any]] | None = None,
) -> tuple[Callable[..., tuple[Any, ...]], Callable[[], int]]:
    """What runs the source, on memory that it keeps; and how many bytes that is.

    A step that refuses arrays by a TypeError, before it has done anything, gets what ``ordinary`` makes of them.
    """
    source = text.source
    filename = f"<compiled {name} {next(_number)}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)  # tracebacks show the line
    namespace: dict[str, Any] = dict(text.outside)
    exec(compile(source, filename, "exec"), namespace)
    step, make = namespace[name], namespace["buffers"]
    pool: list[Any] = []

    def call(*xs: Any) -> Any:
        try:
            memory = pool.pop()  # each call has its own: threads do not meet
        except IndexError:
            memory = make()
        try:
            return step(*xs, memory)
        except TypeError:
            if ordinary is None:
                raise
            return step(*ordinary(xs), memory)
        finally:
            pool.append(memory)

    run: Callable[..., Any] = call if text.kept or ordinary else partial(step, buffers=())
    run = _quiet(run) if program.quiet else run
    return run, lambda: len(pool) * storage.arena


def _quiet(call: Callable[..., Any]) -> Callable[..., Any]:
    def silenced(*xs: Any) -> Any:
        with np.errstate(all="ignore"):
            return call(*xs)

    return silenced
