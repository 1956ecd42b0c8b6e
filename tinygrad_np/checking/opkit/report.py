"""What `check_op` found: a list of checks, as text, as JSON and as a page."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from .page import page

__all__ = ["Check", "OpReport", "Status"]

Status = Literal["pass", "fail", "warn", "skip"]
WIDTH = 80
MARKS: dict[Status, str] = {"fail": "FAIL", "warn": "warn", "pass": "ok  ", "skip": "-   "}  # in order of weight


@dataclass(frozen=True)
class Check:
    """One question about an op, and its answer.

    Attributes
    ----------
    name
        What was asked: ``numeric gradient``.
    status
        ``pass``, ``fail`` (wrong), ``warn`` (worth a look, or beyond what the samples show), ``skip`` (not asked).
    detail
        Argument, place, size and reason, in lines of text.
    kind
        The class of the mistake, where the numbers prove one: ``factor``, ``bias-sum``, ``transpose`` ...
    code
        A program that shows the failure: it raises AssertionError, with the op in scope under its name.
    """

    name: str
    status: Status
    detail: str = ""
    kind: str = ""
    code: str = ""


@dataclass(frozen=True)
class OpReport:
    """The checks of one op. ``print`` it, or hand it on with `to_json` and `to_html`.

    Attributes
    ----------
    op
        The name of the op.
    checks
        In the order they ran.
    """

    op: str
    checks: Sequence[Check]

    @property
    def ok(self) -> bool:
        """Whether nothing failed."""
        return not any(c.status == "fail" for c in self.checks)

    def __getitem__(self, name: str) -> Check:
        """The check of this name."""
        for check in self.checks:
            if check.name == name:
                return check
        raise KeyError(f"no check is called {name!r}; there are {', '.join(c.name for c in self.checks)}")

    @property
    def verdict(self) -> str:
        """One line: ``softsign: wrong. 1 of 20 checks failed, 2 warnings, 3 not asked``."""
        n = {s: sum(c.status == s for c in self.checks) for s in ("pass", "fail", "warn", "skip")}
        asked = len(self.checks) - n["skip"]
        right = f"{n['fail']} of {asked} checks failed" if n["fail"] else f"none of {asked} checks failed"
        rest = [f"{n['warn']} warning{'s' * (n['warn'] != 1)}"] * bool(n["warn"]) + [f"{n['skip']} not asked"] * bool(
            n["skip"]
        )
        return f"{self.op}: {'wrong' if n['fail'] else 'ok'}. " + ", ".join([right, *rest])

    def _not_asked(self) -> dict[str, list[str]]:
        """The names of the checks that were left out, by reason."""
        reasons: dict[str, list[str]] = {}
        for c in self.checks:
            if c.status == "skip":
                reasons.setdefault(c.detail, []).append(c.name)
        return reasons

    def __str__(self) -> str:
        """What failed first, then warnings, then what passed; what was not asked by its reason."""
        wide = max((len(c.name) for c in self.checks if c.status != "skip"), default=0)
        lines = [self.verdict]
        for status in ("fail", "warn", "pass"):
            found = [c for c in self.checks if c.status == status]
            lines += [""] * bool(found)
            for c in found:
                lines += _entry(f"{MARKS[c.status]} {c.name:<{wide}}  ", c.detail or "")
        reasons = self._not_asked()
        lines += ["", "Not asked"] * bool(reasons)
        for reason, names in reasons.items():
            lines += _entry(f"{MARKS['skip']} ", f"{', '.join(names)}: {reason}")
        shown: set[str] = set()
        for c in self.checks:
            if c.code and c.code not in shown:
                shown.add(c.code)
                lines += ["", f"To see it ({c.name}):", "", *("    " + line for line in c.code.splitlines())]
        return "\n".join(line.rstrip() for line in lines)

    __repr__ = __str__

    def to_json(self, path: str | Path | None = None) -> str:
        """The report as JSON text; written to ``path`` if one is given."""
        text = json.dumps({"op": self.op, "ok": self.ok, "checks": [asdict(c) for c in self.checks]}, indent=1)
        if path is not None:
            Path(path).write_text(text + "\n", encoding="utf-8")
        return text

    def to_html(self, path: str | Path | None = None) -> str:
        """The report as a page that needs no other file; written to ``path`` if one is given."""
        asked = sorted((c for c in self.checks if c.status != "skip"), key=lambda c: list(MARKS).index(c.status))
        rows: list[tuple[str, str, str, str]] = []
        for c in asked:
            shown = any(c.code == code for *_, code in rows)
            rows.append((c.name, c.status, c.detail, "" if shown else c.code))
        rows += [(", ".join(names), "skip", reason, "") for reason, names in self._not_asked().items()]
        text = page(self.op, self.verdict, self.ok, rows)
        if path is not None:
            Path(path).write_text(text, encoding="utf-8")
        return text

    def _repr_html_(self) -> str:
        return self.to_html()


def _entry(head: str, detail: str) -> list[str]:
    """A check as lines of at most 80 columns, its detail hanging beside its name."""
    lines: list[str] = []
    for line in detail.splitlines() or [""]:
        indent = len(line) - len(line.lstrip())
        lines += textwrap.wrap(
            line.strip(), WIDTH - len(head), initial_indent=" " * indent, subsequent_indent=" " * (indent + 2),
            break_on_hyphens=False, break_long_words=False,
        ) or [""]  # fmt: skip
    return [head + lines[0], *(" " * len(head) + line for line in lines[1:])]
