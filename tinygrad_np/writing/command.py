"""``tinygrad-np write`` and ``tinygrad-np derive``: what a script's function computes, written out."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..running import ScriptError, first_call
from .derivation import derive
from .literals import WriteError
from .numpy_source import write

__all__ = ["derive_command", "write_command"]


def write_command(target: str, arguments: Sequence[str], grad: str | None, output: str | None) -> int:
    """Print or write the source; 0, or 2 where it cannot be written, with the reason in one line."""
    try:
        f, args = _called(target, arguments)
        text = write(f, *args, wrt=_names(grad) if grad else None)
        _put(text, output)
    except (ScriptError, WriteError, ValueError, TypeError, OSError) as reason:
        print(f"tinygrad-np write: {reason}", file=sys.stderr)
        return 2
    return 0


def derive_command(target: str, arguments: Sequence[str], grad: str, symbols: Sequence[str], output: str | None) -> int:
    """Print or write the derivation, in the format that the suffix of ``output`` says; 0, or 2 with the reason."""
    suffix = Path(output).suffix if output else ".md"
    try:
        if suffix not in (".md", ".html", ".tex"):
            raise ValueError(f"{output}: a derivation is .md, .html or .tex")
        pairs = dict(_pair(s) for s in symbols)
        f, args = _called(target, arguments)
        found = derive(f, *args, wrt=_names(grad), symbols=pairs)
        if suffix == ".html" and output is not None:
            found.to_html(output)
        else:
            _put(found.latex if suffix == ".tex" else found.markdown, output)
    except (ScriptError, WriteError, ValueError, TypeError, ImportError, OSError) as reason:
        print(f"tinygrad-np derive: {reason}", file=sys.stderr)
        return 2
    return 0


def _called(target: str, arguments: Sequence[str]) -> tuple[Any, tuple[Any, ...]]:
    f, args, kwargs = first_call(target, arguments)
    if not kwargs:
        return f, args
    import inspect

    bound = inspect.signature(f).bind(*args, **kwargs)
    if bound.kwargs:
        raise ScriptError(f"{f.__name__} was called with {', '.join(bound.kwargs)} by keyword: arrays are positional")
    return f, bound.args


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _pair(text: str) -> tuple[str, str]:
    name, equals, tex = text.partition("=")
    if not equals:
        raise ValueError(f"--symbol {text}: it takes NAME=TEX")
    return name.strip(), tex


def _put(text: str, output: str | None) -> None:
    if output is None:
        sys.stdout.write(text)
    else:
        Path(output).write_text(text, encoding="utf-8")
