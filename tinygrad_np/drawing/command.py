"""``tinygrad-np draw``: what a function of a script does, as a picture."""

from __future__ import annotations

import argparse
import functools
import inspect
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ..running import ScriptError, first_call
from .drawing import Drawing, draw
from .renderer import FORMATS

__all__ = ["command"]

SUFFIXES = (*FORMATS, "dot", "json", "txt", "html")


def command(given: argparse.Namespace, arguments: Sequence[str]) -> int:
    """Run the script up to the first call of the function, and draw that call; 0, or 2 with the reason in one line."""
    suffix = Path(given.output).suffix[1:].lower() if given.output else "txt"
    try:
        if suffix not in SUFFIXES:
            raise ValueError(f"{given.output}: a drawing is one of .{', .'.join(SUFFIXES)}")
        if given.output and not Path(given.output).parent.is_dir():  # before the work, not after it
            raise FileNotFoundError(f"no directory {str(Path(given.output).parent)!r} to write into")
        f, args = _called(given.target, arguments)
        html = suffix == "html"  # a page without its steps would be half a page
        drawing = draw(
            f, *args,
            values=given.values or html, grads=given.grads or html, backward=given.backward, times=given.times,
            depth=given.depth, direction=given.direction, max_nodes=given.max_nodes,
        )  # fmt: skip
        _put(drawing, given.output, suffix)
    except (ScriptError, ValueError, TypeError, RuntimeError, OSError) as reason:
        print(f"tinygrad-np draw: {reason}", file=sys.stderr)
        return 2
    return 0


def _called(target: str, arguments: Sequence[str]) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """The function and its arguments by position; those that it takes by keyword only are put in."""
    f, args, kwargs = first_call(target, arguments)
    bound = inspect.signature(f).bind(*args, **kwargs)
    if not bound.kwargs:
        return f, bound.args
    return functools.update_wrapper(functools.partial(f, **bound.kwargs), f), bound.args


def _put(drawing: Drawing, output: str | None, suffix: str) -> None:
    if output is None:
        sys.stdout.write(drawing.text.encode(errors="backslashreplace").decode() + "\n")
    elif suffix == "html":
        drawing.to_html(output)
    elif suffix in FORMATS:
        drawing.render(output)
    else:
        drawing.save(output)
