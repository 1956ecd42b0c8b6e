"""Writes docs/bugs, a page for each kind of mistake: `python tests/audit/make_pages.py`; a test keeps them fresh."""

from __future__ import annotations

import contextlib
import functools
import io
import re
import sys
import tempfile
from pathlib import Path

from bug_texts import BUGS, Bug
from rates import CORPUS, LABEL, bind, load  # which finds the package of this checkout

from tinygrad_np import audit
from tinygrad_np.checking.audit import AuditReport

PAGES = Path(__file__).parents[2] / "docs" / "bugs"
MADE = "<!-- Made by `python tests/audit/make_pages.py`; do not edit. -->"


@functools.cache
def example(name: str) -> AuditReport:
    """The audit of a function of the corpus; its label is taken off first."""
    file, _, function = name.partition(":")
    text = (CORPUS / f"{file}.py").read_text("utf-8")
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / f"{file}.py"
        path.write_text("".join(LABEL.sub("", line).rstrip() + "\n" for line in text.splitlines()), "utf-8")
        called, arguments = bind(load(path), function)
        with contextlib.redirect_stdout(io.StringIO()):
            return audit(called, *arguments)


def page(kind: str, bug: Bug) -> str:
    parts = [
        MADE,
        f"# `{kind}`: {bug.title[0].lower() + bug.title[1:]}",
        bug.story,
        "## What it leaves behind",
        bug.mark,
    ]
    if bug.hidden:
        parts += ["## What hides it", bug.hidden]
    if bug.example:
        parts += ["## An audit of it", f"```text\n{example(bug.example)}\n```"]
    parts += ["[All kinds](README.md), [the audit](../audit.md)"]
    return "\n\n".join(map(_wrapped, parts)) + "\n"


def index() -> str:
    rows = "\n".join(f"| [`{kind}`]({kind}.md) | {bug.title} | {bug.mark} |" for kind, bug in BUGS.items())
    return "\n\n".join((
        MADE,
        "# How backward passes go wrong",
        _wrapped(
            "What an [audit](../audit.md) calls a finding, and the mark that each leaves in the numbers. G is the"
            " gradient by hand, T the tape's."
        ),
        f"| kind | what is wrong | its mark |\n|---|---|---|\n{rows}",
        _wrapped(
            "None of these is a finding: rounding, another choice at an exact kink (`relu` at 0), terms that are"
            " identically zero, and the arithmetic of an optimiser around a right gradient."
        ),
    )) + "\n"  # fmt: skip


def pages() -> dict[Path, str]:
    """The text of each page, by its path."""
    return {PAGES / "README.md": index()} | {PAGES / f"{kind}.md": page(kind, bug) for kind, bug in BUGS.items()}


def _wrapped(text: str) -> str:
    if text.startswith(("```", "#", "<!--", "|")):
        return text
    lines, line = [], ""
    for word in re.split(r" +", text.replace("\n", " ")):
        if line and len(line) + 1 + len(word) > 120:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}" if line else word
    return "\n".join([*lines, line])


def main() -> int:
    PAGES.mkdir(exist_ok=True)
    for path, text in pages().items():
        path.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
