"""Where in the user's program a record came from: the line, and the variable its result was assigned to.

Recording keeps a code object and an instruction offset, which costs a tenth of a microsecond; all else is decoded when
somebody asks.
"""

from __future__ import annotations

import os
from functools import cache, lru_cache
from sys import _getframe
from types import CodeType
from typing import Any

__all__ = ["assigned_name", "caller", "line_number", "user_frame", "user_line"]

DIRECT, INDIRECT = 1, 2
CORE = os.path.dirname(os.path.abspath(__file__))
PACKAGE = os.path.dirname(CORE) + os.sep
RUNNERS = (PACKAGE + "transforms", os.path.join(CORE, "backward.py"), os.path.join(CORE, "tape.py"))


def user_frame(frame: Any = None) -> Any:
    """The innermost frame that is not this package's."""
    frame = frame or _getframe(1)
    while _ours(frame.f_code.co_filename) and frame.f_back is not None:
        frame = frame.f_back
    return frame


def caller(frame: Any) -> tuple[CodeType, int]:
    """Code and offset of the user's instruction that ran this op; ~offset if a transform or a sweep stands between.

    What such an instruction stores is the transform's result, not the op's.
    """
    between = False
    while (ours := _ours(frame.f_code.co_filename)) and frame.f_back is not None:
        between = between or ours == INDIRECT
        frame = frame.f_back
    return frame.f_code, ~frame.f_lasti if between else frame.f_lasti


@cache
def _ours(filename: str) -> int:
    """Whether a file is this package's: 0 if not, INDIRECT if it runs the user's program on the user's behalf."""
    if not filename.startswith(PACKAGE):
        return 0
    return INDIRECT if filename.startswith(RUNNERS) else DIRECT


def user_line() -> str:
    """The line that is running in the user's program, ``train.py:31``."""
    frame = user_frame()
    return f"{os.path.basename(frame.f_code.co_filename)}:{frame.f_lineno}"


def line_number(code: CodeType, offset: int) -> int | None:
    """The line of the instruction at ``offset``."""
    offset = offset if offset >= 0 else ~offset
    return next((line for start, stop, line in code.co_lines() if start <= offset < stop), None)


def assigned_name(code: CodeType, offset: int) -> str | None:
    """The name the next instruction stores to: ``h`` for ``h = x @ w``, ``self.h = ...``, ``cache["h"] = ...``."""
    if offset < 0:
        return None
    from bisect import bisect_right  # here and below: what only a question needs is loaded when one is asked

    loaded: list[str] = []
    steps, places = _instructions(code)
    for step in steps[bisect_right(places, offset) :]:
        op = step.opname
        if op.startswith(("STORE_FAST", "STORE_NAME", "STORE_GLOBAL", "STORE_DEREF")) and not loaded:
            name = step.argval  # of the pairs that newer Pythons make of two instructions, the first is meant
            return str(name[0] if isinstance(name, tuple) else name)
        if op == "STORE_ATTR" and len(loaded) == 1:
            return str(step.argval)
        if op == "STORE_SUBSCR" and len(loaded) == 2 and loaded[1].isidentifier():
            return loaded[1]
        if not op.startswith("LOAD_") or len(loaded) == 2:
            return None
        loaded.append(str(step.argval))
    return None


@lru_cache(maxsize=64)
def _instructions(code: CodeType) -> tuple[list[Any], list[int]]:
    """The instructions of a code object and their offsets."""
    import dis

    steps = [step for step in dis.get_instructions(code) if step.opname != "CACHE"]
    return steps, [step.offset for step in steps]
