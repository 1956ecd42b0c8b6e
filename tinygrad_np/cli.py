"""``tinygrad-np``: a thin layer over the public API. Each command says what it does with ``--help``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; gives the exit status."""
    parser = argparse.ArgumentParser(prog="tinygrad-np", description="Gradients by hand and by tape, on NumPy.")
    parser.add_argument("--version", action="store_true", help="print the version and leave")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    ops = commands.add_parser("ops", help="list every op", description="List every op, with how it is reached.")
    ops.add_argument("word", nargs="?", default="", help="only those whose name holds this")
    ops.add_argument("--markdown", action="store_true", help="as the page docs/ops.md")
    ops.add_argument("--stubs", action="store_true", help="write the stub files of this checkout")
    audit = commands.add_parser(
        "audit",
        help="find what is wrong in a hand-written backward pass",
        description="Run a script as python would, and audit the first call of one of its functions: every line of its"
        " hand-written backward pass is held against the tape. Exit status: 0 no finding, 1 findings, 2 no audit.",
        usage="tinygrad-np audit [-h] [--loss LOSS] [--numeric] [--html FILE] [--json FILE]\n"
        "                         SCRIPT.py[:FUNCTION] [-- ARGUMENT ...]",
    )
    audit.add_argument(
        "target",
        metavar="SCRIPT.py[:FUNCTION]",
        help="FUNCTION may be CLASS.METHOD; without one the script's own statements are audited",
    )
    audit.add_argument("--loss", help="the variable that holds the loss, or an expression for it (default: found)")
    audit.add_argument("--numeric", action="store_true", help="confirm each finding with differences too")
    audit.add_argument("--html", metavar="FILE", help="write the report as a page")
    audit.add_argument("--json", metavar="FILE", help="write the report as JSON")
    words = sys.argv[1:] if argv is None else list(argv)
    cut = words.index("--") if "--" in words else len(words)  # what follows is the script's
    given = parser.parse_args(words[:cut])
    if given.version:
        from . import __version__

        print(f"tinygrad_np {__version__}")
        return 0
    if given.command == "audit":
        from .checking.audit.script import command

        return command(
            given.target, words[cut + 1 :],
            loss=given.loss, numeric=given.numeric, html=given.html, json=given.json,
        )  # fmt: skip
    if given.command == "ops" and given.stubs:
        from .stubs import stubs

        for path, text in stubs().items():
            path.write_text(text)
        return 0
    if given.command == "ops":
        return _ops(given.word, given.markdown)
    parser.print_help()
    return 2


def _ops(word: str, as_markdown: bool) -> int:
    from .catalogue import ROOMS, markdown, reachable, rows

    if as_markdown:
        sys.stdout.write(markdown())
        return 0
    chosen = [r for r in rows() if word in r.call]
    if not chosen:
        print(f"tinygrad-np ops: no op's name holds {word!r}; without a word all are listed", file=sys.stderr)
        return 1

    try:
        from rich.console import Console
        from rich.table import Table
    except ImportError:
        print("tinygrad-np ops prints with rich, which is not installed: pip install rich", file=sys.stderr)
        return 2

    console = Console(highlight=False)
    for room in dict.fromkeys(r.room for r in chosen):
        table = Table(title=ROOMS.get(room, room), title_justify="left", box=None, pad_edge=False, show_header=False)
        table.add_column(style="bold", no_wrap=True)
        table.add_column(overflow="fold")
        table.add_column(overflow="fold", style="dim")
        for r in chosen:
            if r.room == room:
                table.add_row(r.name, r.call, r.text.split("\n")[0])
        console.print(table)
        console.print()
    console.print(
        f"{len(reachable())} names with a gradient in reverse and forward mode,"
        f" {len(reachable(False))} declared to have none."
    )
    return 0
