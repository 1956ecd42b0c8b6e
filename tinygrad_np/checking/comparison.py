"""What a comparison found, as rows and as text: plain in 80 columns, a coloured table where rich prints it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

__all__ = ["AGREE", "VERDICTS", "Comparison", "Row"]

Index = tuple[int, ...]

AGREE = ("exact", "rounding", "kink")
VERDICTS = (*AGREE, "missing", "extra", "shape", "wrong")  # by weight
WIDTH = 80
HEAD = ("name", "shape", "verdict", "max abs", "max rel", "ulp", "worst at")
COLOURS = {"exact": "green", "rounding": "green", "kink": "yellow"}


@dataclass(frozen=True)
class Row:
    """One name of a `Comparison`.

    Attributes
    ----------
    name : str
    manual_shape, auto_shape : tuple of int, or None
        None where that side has no gradient of this name.
    verdict : str
        ``exact``, ``rounding``: equal, or as far apart as dtype and size explain. ``kink``: another subgradient.
        ``shape``, ``wrong``: not the gradient. ``missing``: only the tape has it; ``extra``: only the hand has it.
    max_abs, max_rel : float or None
        Largest ``|manual - auto|``, and largest ``|manual - auto| / |auto|``; None where there is nothing to subtract.
    ulp : int or None
        Largest distance in steps of the coarser floating point dtype.
    worst_index : tuple of int, or None
        Where ``max_abs`` is.
    hint : str
        What the numbers prove, or how to go on; may be empty.
    """

    name: str
    manual_shape: Index | None
    auto_shape: Index | None
    verdict: str
    max_abs: float | None = None
    max_rel: float | None = None
    ulp: int | None = None
    worst_index: Index | None = None
    hint: str = ""


@dataclass(frozen=True, repr=False)
class Comparison:
    """What `compare` found: a table as its text, coloured where rich prints it.

    Attributes
    ----------
    rows : tuple of Row
    notes : tuple of str
        What else there is to know, such as which inputs were tried.
    ok : bool
        Every gradient agrees: exactly, to rounding, or as another subgradient at a kink. Also its truth value.
    """

    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        return bool(self.rows) and all(r.verdict in AGREE for r in self.rows)

    def __bool__(self) -> bool:
        return self.ok

    def __getitem__(self, name: str) -> Row:
        for row in self.rows:
            if row.name == name:
                return row
        raise KeyError(f"no row {name!r}: there are {', '.join(r.name for r in self.rows)}")

    @property
    def summary(self) -> str:
        """One line: ``7 gradients agree (2 exact, 5 rounding)``."""
        counts = {v: n for v in VERDICTS if (n := sum(r.verdict == v for r in self.rows))}
        said = ", ".join(f"{n} {v}" for v, n in counts.items())
        good = sum(n for v, n in counts.items() if v in AGREE)
        if not self.rows:
            return "nothing to compare"
        if self.ok:
            return f"all {good} gradients agree ({said})" if good > 1 else f"the gradient agrees ({said})"
        if len(self.rows) == 1:
            return f"the gradient does not agree ({said})"
        return f"{len(self.rows) - good} of {len(self.rows)} gradients do not agree ({said})"

    def __str__(self) -> str:
        cells = [HEAD, *map(_cells, self.rows)]
        wide = [max(len(c[i]) for c in cells) for i in range(len(HEAD))]
        wide[0] = max(min(wide[0], WIDTH - sum(wide[1:]) - 2 * (len(wide) - 1)), 4)
        lines: list[str] = []
        for c, row in zip(cells, (None, *self.rows), strict=True):
            name = c[0]
            if len(name) > wide[0]:
                lines += textwrap.wrap(name, WIDTH)  # a line of its own
                name = ""
            parts = [f"{name:<{wide[0]}}", f"{c[1]:<{wide[1]}}", f"{c[2]:<{wide[2]}}"]
            parts += [f"{cell:>{w}}" for cell, w in zip(c[3:], wide[3:], strict=True)]
            lines += textwrap.wrap("  ".join(parts), WIDTH, drop_whitespace=False) if parts else []
            lines[-1] = lines[-1].rstrip()
            if row is not None and row.hint:
                lines += _indented(row.hint)
        for note in self.notes:
            lines += _indented(note, "note: ", "      ")
        return "\n".join((*lines, self.summary))

    __repr__ = __str__

    def __rich_console__(self, console: Any, options: Any) -> Iterator[Any]:
        from rich.table import Table
        from rich.text import Text

        table = Table(title="gradients: by hand against the tape")
        for i, head in enumerate(HEAD):
            table.add_column(head, justify="left" if i < 3 else "right", overflow="fold")
        for row in self.rows:
            colour = COLOURS.get(row.verdict, "red")
            cells = [Text(c) for c in _cells(row)]
            cells[2].stylize(colour)
            table.add_row(*cells)
        yield table
        for row in self.rows:
            if row.hint:
                yield Text.assemble((row.name, "bold"), f": {row.hint}")
        for note in self.notes:
            yield Text(f"note: {note}")
        yield Text(self.summary, style="bold green" if self.ok else "bold red")


def _cells(row: Row) -> tuple[str, ...]:
    shapes = [_times(s) for s in (row.manual_shape, row.auto_shape) if s is not None]
    if len(shapes) == 2 and shapes[0] != shapes[1]:
        shape = f"{shapes[0]} / {shapes[1]}"
    else:
        shape = shapes[0] if shapes else "-"
    index = "-" if row.worst_index is None else ",".join(map(str, row.worst_index)) or "()"
    numbers = ["-" if x is None else f"{x:.1e}" if x else "0" for x in (row.max_abs, row.max_rel)]
    ulp = "-" if row.ulp is None or row.ulp >= 10**6 else str(row.ulp)  # beyond, it says no more than max rel
    if row.verdict in ("exact", "missing", "extra", "shape"):
        index = "-"
    return (row.name, shape, row.verdict, *numbers, ulp, index)


def _times(shape: Index) -> str:
    return "x".join(map(str, shape)) or "()"


def _indented(text: str, first: str = "    ", rest: str = "    ") -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=first, subsequent_indent=rest)
