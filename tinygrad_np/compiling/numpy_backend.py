"""The backend that is always there: NumPy source with results going into planned memory, compiled by Python."""

from __future__ import annotations

import linecache
from collections.abc import Callable
from itertools import count
from typing import Any, NamedTuple

import numpy as np

from ..passes import optimised
from .numpy_forms import in_numpy_forms
from .numpy_source import written
from .program import Program
from .schedule import scheduled
from .storage import Storage

__all__ = ["Kernel", "build"]

_number = count(1)


class Kernel(NamedTuple):
    """What a backend gives.

    Attributes
    ----------
    run
        Takes the arrays, then the generators; gives the results as a tuple. Threads may call it at once.
    source : str
    storage : Storage
        Where values lie.
    held : callable
        How many bytes it keeps between calls.
    """

    run: Callable[..., tuple[Any, ...]]
    source: str
    storage: Storage
    held: Callable[[], int]


def build(program: Program, name: str) -> Kernel:
    """The program as a function."""
    program = scheduled(program.on(optimised(in_numpy_forms(program.tape))))
    storage = Storage(program)
    text = written(program, storage, name)
    source = text.source
    filename = f"<compiled {name} {next(_number)}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)  # tracebacks show the line
    namespace: dict[str, Any] = dict(text.outside)
    exec(compile(source, filename, "exec"), namespace)
    step, make = namespace[name], namespace["buffers"]
    if not text.kept:
        empty: tuple[Any, ...] = ()
        run = (lambda *xs: step(*xs, empty)) if not program.quiet else _quiet(lambda *xs: step(*xs, empty))
        return Kernel(run, source, storage, lambda: 0)
    pool: list[Any] = []

    def call(*xs: Any) -> Any:
        try:
            memory = pool.pop()  # each call has its own: threads do not meet
        except IndexError:
            memory = make()
        try:
            return step(*xs, memory)
        finally:
            pool.append(memory)

    return Kernel(_quiet(call) if program.quiet else call, source, storage, lambda: len(pool) * storage.arena)


def _quiet(call: Callable[..., Any]) -> Callable[..., Any]:
    def silenced(*xs: Any) -> Any:
        with np.errstate(all="ignore"):
            return call(*xs)

    return silenced
