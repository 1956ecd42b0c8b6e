"""Python text as a formatter would leave it, where `ast.unparse` would not."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

__all__ = ["WIDTH", "text_of", "wrapped"]

WIDTH = 88
SIMPLE = r"(?:[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*|\d+(?:\.\d*)?(?:e[+-]?\d+)?)"
POWER = re.compile(rf"(?<![\w.\])])({SIMPLE}) \*\* (-?{SIMPLE})(?![\w.(\[])")
EXPONENT = re.compile(r"(?<=\d)e\+(?=\d)")
QUOTED = re.compile(r"'([^'\"\\]*)'")


def text_of(node: ast.AST) -> str:
    """The source of an expression: double quotes, and no blanks around a power of simple operands."""
    text = EXPONENT.sub("e", ast.unparse(ast.fix_missing_locations(node)))
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
    """A statement over several lines: its operators at the start of lines, or what its last brackets hold."""
    target, value = _split(line)
    terms, pairs = _terms(value), _pairs(value)
    deeper = indent + "    "
    fitting = [(a, b) for a, b in pairs if len(indent + target) + a < WIDTH]
    if terms:  # of one operator with brackets behind, the last that there is room for
        pair = fitting[-1] if len(terms) == 2 and fitting and value.endswith((")", "]")) else None
    elif value.startswith("(") and fitting:
        pair = fitting[-1]
    else:
        pair = max(pairs, key=lambda p: p[1] - p[0], default=None)
    if terms and pair is None:
        lines = [f"{indent}{target}("]
        for term in [value] if len(deeper + value) <= WIDTH else terms:
            lines += [deeper + term] if len(deeper + term) <= WIDTH else _broken(term, deeper)
        return [*lines, f"{indent})"]
    if pair is None:
        return [indent + line]
    start, stop = pair[0] + len(target), pair[1] + len(target)
    head, inner, tail = line[: start + 1], line[start + 1 : stop], line[stop:]
    if len(deeper + inner) <= WIDTH:
        return [indent + head, deeper + inner, *_tail(indent + tail, indent)]
    lines = [indent + head]
    for part in _parts(inner):
        lines += _broken(part + ",", deeper) if len(deeper + part) >= WIDTH else [f"{deeper}{part},"]
    return [*lines, *_tail(indent + tail, indent)]


def _split(line: str) -> tuple[str, str]:
    """``h = x @ w`` at its sign."""
    m = re.match(r"[\w.]+(?:\[[^=]*\])? \+?= |return (?!\()", line)
    return (m[0], line[m.end() :]) if m is not None and not line.endswith(",") else ("", line)


def _terms(value: str) -> list[str]:
    """The operands of the operators that hold least, each but the first with its operator; none if there are none."""
    if value.endswith(","):
        return []
    for signs in ((" + ", " - "), (" * ", " / ", " @ ")):
        cuts = [i for i in _bare(value) if value.startswith(signs, i)]
        if cuts:
            ends = [*cuts, len(value)]
            return [value[a:b].strip() for a, b in zip([0, *cuts], ends, strict=True)]
    return []


def _bare(value: str) -> Iterator[int]:
    """Places that stand in no bracket."""
    depth, after = 0, 0
    for i, c, then in _brackets(value):
        if depth == 0:
            yield from range(after, i)
        if c != ",":
            depth, after = then, i + 1
    yield from range(after, len(value))


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


def _pairs(line: str) -> list[tuple[int, int]]:
    """The pairs of brackets that stand in no other and hold something."""
    start, found = 0, []
    for i, c, depth in _brackets(line):
        if c in "([{" and depth == 1:
            start = i
        elif c in ")]}" and depth == 0 and i > start + 1:
            found.append((start, i))
    return found


def _parts(inner: str) -> list[str]:
    """The pieces between commas that stand in no bracket."""
    cuts = [i for i, c, depth in _brackets(inner) if c == "," and depth == 0]
    starts = [0, *(i + 1 for i in cuts)]
    parts = [inner[a:b].strip() for a, b in zip(starts, [*cuts, len(inner)], strict=True)]
    return [p for p in parts if p]
