"""What a function can reach outside of its arguments, before and after it was recorded: whether it changed any."""

from __future__ import annotations

import dis
import types
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from .problem import CompileError

__all__ = ["Outside"]


class Outside:
    """The variables around a function: its closure, the globals it names, and one level of what they hold."""

    def __init__(self, f: Any) -> None:
        self.before = dict(_seen(f))
        self.kept = [value for _, value in _reached(f)]  # so that no id is used again

    def check(self, f: Any) -> None:
        """Raise `CompileError` if one of them is another now, or holds something else."""
        for name, mark in _seen(f):
            if self.before.get(name, mark) != mark:
                where = _where(f, name)
                raise CompileError(
                    f"{getattr(f, '__name__', 'f')} changes {name}, which lies outside of it{where}: a compiled step"
                    " would do so once, while it is recorded; return the new value instead"
                )


def _reached(f: Any) -> Iterator[tuple[str, Any]]:
    f = getattr(f, "__wrapped__", f)
    owner = getattr(f, "__self__", None)
    if owner is not None:
        yield "self", owner
    code = getattr(f, "__code__", None)
    if code is None:
        return
    for name, cell in zip(code.co_freevars, f.__closure__ or (), strict=True):
        try:
            yield name, cell.cell_contents
        except ValueError:  # not bound yet
            continue
    for inner in _codes(code):
        for name in inner.co_names:
            if name in f.__globals__:
                yield name, f.__globals__[name]


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _codes(constant)


def _seen(f: Any) -> Iterator[tuple[str, Any]]:
    for name, value in _reached(f):
        if isinstance(value, types.ModuleType):
            continue
        yield name, id(value)
        if isinstance(value, np.ndarray):
            yield f"the array {name}", zlib.crc32(np.ascontiguousarray(value).view(np.uint8).reshape(-1).data)
        elif isinstance(value, dict):
            yield f"the dict {name}", [(k, id(v)) for k, v in value.items()]
        elif isinstance(value, list | set):
            yield f"the {type(value).__name__} {name}", [id(v) for v in value]
        elif not isinstance(value, type | types.FunctionType) and hasattr(value, "__dict__"):
            yield f"the object {name}", [(k, id(v)) for k, v in vars(value).items()]


def _where(f: Any, name: str) -> str:
    """The line that stores to this name, if it is the function's own."""
    code = getattr(getattr(f, "__wrapped__", f), "__code__", None)
    for inner in _codes(code) if code is not None else ():
        line = None
        for step in dis.get_instructions(inner):
            line = step.positions.lineno if step.positions and step.positions.lineno else line
            if step.opname in ("STORE_DEREF", "STORE_GLOBAL") and step.argval == name:
                return f" (line {line})"
    return ""
