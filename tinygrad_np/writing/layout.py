"""Python text as a formatter would leave it, where `ast.unparse` would not."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

__all__ = ["WIDTH", "text_of", "wrapped"]

WIDTH = 88
SIMPLE = r"(?:[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*|\d+(?:\.\d*)?(?:e[+-]?\d+)?)"
POWER = re.compile(rf"(?<![\w.\])])({SIMPLE}) \*\* (-?{SIMPLE})(?![\w.(\[])")
QUOTED = re.compile(r"'([^'\"\\]*)'")


def text_of(node: ast.AST) -> str:
    """The source of an expression: double quotes, and no blanks around a power of simple operands."""
    text = ast.unparse(ast.fix_missing_locations(node))
    return POWER.sub(r"\1**\2", QUOTED.sub(r'"\1"', text))


def wrapped(line: str, indent: str, comment: str = "") -> list[str]:
    """A statement as one line with its comment, or broken at its outermost brackets where it is too long."""
    with_comment = f"{indent}{line}  # {comment}" if comment else indent + line
    if len(with_comment) <= WIDTH:
        return [with_comment]
    above = [f"{indent}# {comment}"] if comment else []
    if len(indent + line) <= WIDTH:
        return [*above, indent + line]
    return above + _broken(line, indent)


def _broken(line: str, indent: str) -> list[str]:
    """The contents of the last pair of outermost brackets on lines of their own."""
    pair = _outermost(line)
    if pair is None:
        return [indent + line]
    start, stop = pair
    head, inner, tail = line[: start + 1], line[start + 1 : stop], line[stop:]
    deeper = indent + "    "
    if len(deeper + inner) <= WIDTH:
        return [indent + head, deeper + inner, *_tail(indent + tail, indent)]
    lines = [indent + head]
    for part in _parts(inner):
        lines += _broken(part + ",", deeper) if len(deeper + part) >= WIDTH else [f"{deeper}{part},"]
    return [*lines, *_tail(indent + tail, indent)]


def _tail(line: str, indent: str) -> list[str]:
    return [line] if len(line) <= WIDTH else _broken(line[len(indent) :], indent)


def _brackets(line: str) -> Iterator[tuple[int, str, int]]:
    """Where brackets and commas stand outside of strings, and how many brackets are open after each."""
    depth, quote = 0, ""
    for i, c in enumerate(line):
        if quote:
            quote = "" if c == quote and line[i - 1] != "\\" else quote
        elif c in "\"'":
            quote = c
        elif c in "([{)]},":
            depth += (c in "([{") - (c in ")]}")
            yield i, c, depth


def _outermost(line: str) -> tuple[int, int] | None:
    """The longest pair of brackets that stands in no other."""
    start, found = 0, None
    for i, c, depth in _brackets(line):
        if c in "([{" and depth == 1:
            start = i
        elif c in ")]}" and depth == 0 and (found is None or i - start > found[1] - found[0]):
            found = (start, i)
    return found if found is not None and found[1] - found[0] > 1 else None


def _parts(inner: str) -> list[str]:
    """The pieces between commas that stand in no bracket."""
    cuts = [i for i, c, depth in _brackets(inner) if c == "," and depth == 0]
    starts = [0, *(i + 1 for i in cuts)]
    parts = [inner[a:b].strip() for a, b in zip(starts, [*cuts, len(inner)], strict=True)]
    return [p for p in parts if p]
