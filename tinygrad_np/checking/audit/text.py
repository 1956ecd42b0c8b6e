"""An audit's report as text: the annotated listing, each finding below its line, and the findings once more at the end.

One layout gives plain text and, as styled spans, what rich prints.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple
from unicodedata import combining, east_asian_width

if TYPE_CHECKING:
    from .report import AuditReport, Finding, Line

__all__ = ["LEGEND", "MARKS", "Span", "columns", "rows", "tally", "visible", "where"]

WIDTH = 80
WHOLE = 60  # a listing up to this long is shown whole, of a longer one what matters
CONTEXT = 2  # lines around a finding that are shown in any case
PIECES = 4  # rows that one line of source may take
MARKS = {"ok": "=", "rounding": "~", "kink": "^", "wrong": "X", "inherited": "i", "unmatched": "?", "forward": "."}
LEGEND = {
    "ok": "right to the last bit",
    "rounding": "right to rounding",
    "kink": "right, with another choice at a kink",
    "wrong": "wrong",
    "inherited": "right, given a wrong input",
    "unmatched": "in between, no gradient of a name",
    "forward": "leads to the loss",
}
STYLES = {
    "ok": "green",
    "rounding": "green",
    "kink": "yellow",
    "wrong": "bold red",
    "inherited": "magenta",
    "unmatched": "yellow",
    "forward": "dim",
}


class Span(NamedTuple):
    """A piece of a row, and its style in rich's words; empty: none."""

    text: str
    style: str = ""


Row = list[Span]


def rows(report: AuditReport, width: int = WIDTH) -> Iterator[Row]:
    """The report, row by row, in ``width`` columns."""
    yield from _paragraph(f"audit of {place(report)}: gradients of {report.loss}", width, style="bold")
    yield []
    yield from _listing(report, width)
    yield []
    yield from _legend(report, width)
    for note in report.notes:
        yield from _paragraph(note, width, "note: ", "      ")
    yield []
    yield from _paragraph(report.summary, width, style="bold green" if report.ok else "bold red")
    heads = [(f"{_file(report)}:{f.line}", visible(f.kind)) for f in report.findings]
    wide = [max((len(head[i]) for head in heads), default=0) for i in (0, 1)]
    for (at, kind), f in zip(heads, report.findings, strict=True):
        yield [Span(_cut(f"{at:<{wide[0]}}  {kind:<{wide[1]}}  {visible(f.statement.strip())}", width))]


def place(report: AuditReport) -> str:
    """``train in script.py``; of a script's own statements, ``script.py``."""
    return _file(report) if report.function == "<script>" else f"{visible(report.function)} in {_file(report)}"


def _file(report: AuditReport) -> str:
    """Without its directory, which may tell more than a page that is passed on should."""
    return visible(report.file.replace("\\", "/").rsplit("/", 1)[-1])


def _listing(report: AuditReport, width: int) -> Iterator[Row]:
    found: dict[int, list[Finding]] = {}
    for f in report.findings:
        found.setdefault(f.line, []).append(f)
    digits = len(str(max((line.number for line in report.lines), default=0)))
    last = None
    for line in _shown(report):
        if last is not None and line.number > last + 1:
            yield [Span(" " * (digits + 4) + "...", "dim")]
        last = line.number
        yield from _source(line, digits, width)
        for f in found.pop(line.number, ()):
            yield from _finding(f, digits, width)
    for rest in found.values():  # of a line that the listing does not hold
        for f in rest:
            yield from _paragraph(f"line {f.line}: {f.statement.strip()}", width)
            yield from _finding(f, digits, width)


def _shown(report: AuditReport) -> list[Line]:
    """The lines to print: all, or of a long listing those that matter."""
    lines = report.lines
    if len(lines) <= WHOLE:
        return list(lines)
    telling = {"wrong", "inherited", "kink"} if report.findings else {"ok", "rounding", "kink"}
    guilty = {f.line for f in report.findings}
    keep: set[int] = set()
    for i, line in enumerate(lines):
        if line.number in guilty:
            keep.update(range(i - CONTEXT, i + CONTEXT + 1))
        elif line.status in telling:
            keep.add(i)
    head = 0
    for i, line in enumerate(lines):
        if line.text.lstrip().startswith(("def ", "class ")):
            head = i
        if i in keep:
            keep.add(head)  # whose line it is
    # A gap of a line or two is not worth its mark.
    return [line for i, line in enumerate(lines) if i in keep or {i - 1, i + 1} <= keep]


def _source(line: Line, digits: int, width: int) -> Iterator[Row]:
    style = STYLES.get(line.status, "")
    head = f"{MARKS.get(line.status, ' ')} {line.number:>{digits}}  "
    code = visible(line.text.rstrip())
    note = visible(line.note)
    hanging = " " * min(len(code) - len(code.lstrip()) + 4, width // 2)
    pieces = _pieces(code, width - len(head), hanging)
    for i, piece in enumerate(pieces):
        row = [Span(head if i == 0 else " " * len(head), style), Span(piece, "" if line.status else "dim")]
        if i == len(pieces) - 1 and note:
            room = width - len(head) - columns(piece) - columns(note)
            if room < 2:
                yield row
                row = [Span(" " * max(width - columns(note), len(head)) + _cut(note, width - len(head)), "dim cyan")]
            else:
                row.append(Span(" " * room + note, "dim cyan"))
        yield row


def _finding(f: Finding, digits: int, width: int) -> Iterator[Row]:
    bar = " " * (digits + 2) + "| "
    yield from _paragraph(f"{f.kind}: {f.explanation}", width, bar, style="red")
    for word, statement in (("write", f.suggestion), *(("or", a) for a in f.alternatives)):
        for i, text in enumerate(visible(s) for s in statement.splitlines()):
            head = f"{bar}{word + ': ' if i == 0 else ' ' * (len(word) + 2)}"
            for j, piece in enumerate(_pieces(text, width - len(head), "    ")):
                yield [Span(head if j == 0 else bar + " " * (len(word) + 2), "red"), Span(piece, "bold")]
    if where(f):
        yield from _paragraph(where(f), width, bar)


def where(f: Finding) -> str:
    """How far off, and where: ``largest error 3.1e+02, at [3, 1]``."""
    if f.max_abs_error is None:
        return ""
    at = f", at [{', '.join(map(str, f.worst_index))}]" if f.worst_index else ""
    return f"largest error {f.max_abs_error:.1e}{at}"


def _legend(report: AuditReport, width: int) -> Iterator[Row]:
    row: Row = []
    used = 0
    for status in MARKS:
        if any(line.status == status for line in report.lines):
            text = f"{MARKS[status]} {LEGEND[status]}"
            if used and used + 3 + len(text) > width:
                yield row
                row, used = [], 0
            gap = "   " if used else ""
            row += [Span(gap + text[0], STYLES[status]), Span(text[1:])]
            used += len(gap + text)
    if row:
        yield row
    if len(_shown(report)) < len(report.lines):
        left_out = len(report.lines) - len(_shown(report))
        yield from _paragraph(f"... {left_out} lines without a finding; to_html(path) shows every line", width)


def tally(lines: tuple[Line, ...]) -> str:
    """``9 lines agree with the tape (7 exact, 2 rounding); 1 would, given right inputs``."""
    count = {status: sum(line.status == status for line in lines) for status in MARKS}
    good = {"exact": count["ok"], "rounding": count["rounding"], "kink": count["kink"]}
    total = sum(good.values())
    said = f" ({', '.join(f'{n} {word}' for word, n in good.items() if n)})" if total else ""
    text = f"{total} lines agree" if total > 1 else f"{'one' if total else 'no'} line agrees"
    text += f" with the tape{said}"
    if count["inherited"]:
        text += f"; {count['inherited']} would, given right inputs"
    return text


def visible(text: str) -> str:
    """With tabs as spaces, and what a terminal would obey instead of showing as an escape: ``\\x1b``, ``\\u202e``."""
    return "".join(
        c if c.isprintable() or combining(c) else c.encode("unicode_escape").decode() for c in text.expandtabs(4)
    )


def columns(text: str) -> int:
    """How many columns of a terminal the text takes."""
    return sum(0 if combining(c) else 2 if east_asian_width(c) in "WF" else 1 for c in text)


def _pieces(text: str, width: int, hanging: str) -> list[str]:
    """A line of source in rows of ``width`` columns, broken at spaces where there are some; what is endless is cut."""
    pieces: list[str] = []
    while columns(text) > width:
        if len(pieces) == PIECES - 1:
            return [*pieces, _cut(text, width)]
        end = _fitting(text, width)
        space = text.rfind(" ", len(text) - len(text.lstrip()) + 1, end + 1)
        if space > width // 2:
            end = space
        pieces.append(text[:end].rstrip())
        text = hanging + text[end:].lstrip()
    return [*pieces, text]


def _cut(text: str, width: int) -> str:
    if columns(text) <= width:
        return text
    tail = " ..."
    return text[: _fitting(text, width - len(tail))].rstrip() + tail


def _fitting(text: str, width: int) -> int:
    """How many characters fit into ``width`` columns, at least one."""
    used = 0
    for i, c in enumerate(text):
        used += columns(c)
        if used > width:
            return max(i, 1)
    return len(text)


def _paragraph(text: str, width: int, first: str = "", rest: str | None = None, style: str = "") -> Iterator[Row]:
    rest = first if rest is None else rest
    for i, line in enumerate(_wrapped(visible(" ".join(text.split())), width - len(first))):
        yield [Span(first if i == 0 else rest), Span(line, style)]


def _wrapped(text: str, width: int) -> list[str]:
    """As `textwrap.wrap`, which does not know that a character may take two columns."""
    lines: list[str] = []
    while columns(text) > width:
        end = _fitting(text, width)
        space = text.rfind(" ", 1, end + 1)
        end = space if space > 0 else end
        lines.append(text[:end].rstrip())
        text = text[end:].lstrip()
    return [*lines, text]
