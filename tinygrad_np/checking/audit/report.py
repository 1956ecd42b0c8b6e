"""What an audit found: a verdict on each line of the audited code, and the root causes."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

__all__ = ["AuditError", "AuditReport", "Finding", "Line"]

Index = tuple[int, ...]

STATUSES = ("ok", "rounding", "kink", "wrong", "inherited", "unmatched", "forward")


class AuditError(Exception):
    """The audit could not be made: one line that says why and what to do.

    Attributes
    ----------
    ran : bool
        Whether the function ran to its end all the same.
    result : Any
        What it then returned.
    """

    ran: bool = False
    result: Any = None


@dataclass(frozen=True)
class Finding:
    """One root cause.

    Attributes
    ----------
    line : int
        Of the statement to change, in its file.
    statement : str
        Its source.
    target : str
        The variable it assigns, or the parameter it updates.
    kind : str
        The class of the mistake, such as ``factor`` or ``transpose``.
    explanation : str
        What is wrong; verified to rounding, unless the kind is ``unknown``.
    suggestion : str
        The statement that would be right, in the names of the code; may be empty.
    max_abs_error : float or None
        Largest distance of the hand-written gradient from the tape's; None where there is nothing to subtract.
    worst_index : tuple of int, or None
        Where that is.
    alternatives : tuple of str
        Other repairs that the numbers allow as well.
    """

    line: int
    statement: str
    target: str
    kind: str
    explanation: str
    suggestion: str = ""
    max_abs_error: float | None = None
    worst_index: Index | None = None
    alternatives: tuple[str, ...] = ()


@dataclass(frozen=True)
class Line:
    """One line of the audited source.

    Attributes
    ----------
    number : int
        In its file.
    text : str
    status : str
        ``ok``, ``rounding``, ``kink``: a gradient that is right, to the last bit, to rounding, or but for the choice
        at a kink. ``wrong``: a root cause. ``inherited``: right, given a wrong input. ``unmatched``: depends on
        gradients, and matches none. ``forward``: leads to the loss. Empty: none of these.
    note : str
        What it computes, such as ``d error / d h_relu``; may be empty.
    """

    number: int
    text: str
    status: str = ""
    note: str = ""


@dataclass(frozen=True, repr=False)
class AuditReport:
    """What `audit` found: an annotated listing as its text, coloured where rich prints it, a page in a notebook.

    Attributes
    ----------
    function : str
        What was audited, as ``train`` or ``Net.step``; ``<script>`` for the statements of a script.
    file : str
    loss : str
        The name of the scalar that all gradients are of.
    lines : tuple of Line
        The audited source, helper functions included, in the order of their lines.
    findings : tuple of Finding
        One for each root cause.
    notes : tuple of str
        What this input could not have shown, and what else there is to know.
    ok : bool
        Whether there is no finding. Also its truth value.
    """

    function: str
    file: str
    loss: str
    lines: tuple[Line, ...]
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        return not self.findings

    def __bool__(self) -> bool:
        return self.ok

    @property
    def summary(self) -> str:
        """One line: ``2 findings; 4 lines agree with the tape (4 exact)``."""
        from .text import tally

        n = len(self.findings)
        return f"{n or 'no'} finding{'s' if n > 1 else ''}; {tally(self.lines)}"

    def __str__(self) -> str:
        from .text import rows

        return "\n".join("".join(span.text for span in row).rstrip() for row in rows(self))

    __repr__ = __str__

    def __rich_console__(self, console: Any, options: Any) -> Iterator[Any]:
        from rich.text import Text

        from .text import rows

        for row in rows(self, min(options.max_width, 100)):
            yield Text.assemble(*row)

    def _repr_html_(self) -> str:
        from .html import fragment

        return fragment(self)

    def to_html(self, path: str | os.PathLike[str]) -> Path:
        """Write one page that needs nothing else: no script, no font, no network; gives the path."""
        from .html import page

        return _written(path, page(self))

    def to_json(self, path: str | os.PathLike[str]) -> Path:
        """Write the attributes of this report, its findings and its lines under their names; gives the path.

        ``{"ok": false, "function": "train", "file": "net.py", "loss": "error", "findings": [{"line": 26, ...}],
        "lines": [{"number": 1, ...}], "notes": []}``. An error that is not finite is null.
        """
        return _written(path, json.dumps({"ok": self.ok} | _json(asdict(self)), indent=1, ensure_ascii=True) + "\n")


def _json(x: Any) -> Any:
    if isinstance(x, dict):
        return {k: _json(v) for k, v in x.items()}
    if isinstance(x, tuple):
        return [_json(v) for v in x]
    return None if isinstance(x, float) and not math.isfinite(x) else x


def _written(path: str | os.PathLike[str], text: str) -> Path:
    path = Path(path)
    path.write_text(text, encoding="utf-8")
    return path
