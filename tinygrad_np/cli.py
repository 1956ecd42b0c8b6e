"""``tinygrad-np``: a thin layer over the public API. Each command says what it does with ``--help``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; gives the exit status."""
    parser = argparse.ArgumentParser(prog="tinygrad-np", description="Gradients by hand and by tape, on NumPy.")
    parser.add_argument("--version", action="store_true", help="print the version and leave")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for add in (_add_ops, _add_check_op, _add_audit, _add_write, _add_derive, _add_draw):
        add(commands)
    words = sys.argv[1:] if argv is None else list(argv)
    cut = words.index("--") if "--" in words else len(words)  # what follows is the script's
    given = parser.parse_args(words[:cut])
    if given.version:
        from . import __version__

        print(f"tinygrad_np {__version__}")
        return 0
    if given.command is None:
        parser.print_help()
        return 2
    given.arguments = words[cut + 1 :]
    return int(given.run(given))


# Each command: its arguments, and what runs it


def _add_ops(commands: Any) -> None:
    ops = commands.add_parser("ops", help="list every op", description="List every op, with how it is reached.")
    ops.add_argument("word", nargs="?", default="", help="only those whose name holds this; or FILE.py: the ops in it")
    ops.add_argument("--markdown", action="store_true", help="as the page docs/ops.md")
    ops.add_argument("--stubs", action="store_true", help="write the stub files of this checkout")
    ops.set_defaults(run=lambda given: _stubs() if given.stubs else _ops(given.word, given.markdown))


def _add_check_op(commands: Any) -> None:
    check = commands.add_parser(
        "check-op",
        help="say whether an op of your own is right",
        description="Load a file, and check one of its ops on the samples that it declares: values, gradients of first"
        " and second order, kinks, layouts, and whether the samples would have caught a mistake. Exit status: 0 nothing"
        " failed, 1 something did, 2 it could not be checked.",
    )
    check.add_argument("target", metavar="FILE.py:NAME", help="a file, and the name of an op in it")
    check.add_argument("--thorough", action="store_true", help="many more values, float16, threads, overlapping memory")
    check.add_argument("--json", metavar="FILE", help="write the report as JSON")
    check.add_argument("--html", metavar="FILE", help="write the report as a page")

    def run(given: argparse.Namespace) -> int:
        from .checking.opkit.script import command

        return command(given.target, thorough=given.thorough, html=given.html, json=given.json)

    check.set_defaults(run=run)


def _add_audit(commands: Any) -> None:
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

    def run(given: argparse.Namespace) -> int:
        from .checking.audit.script import command

        return command(
            given.target, given.arguments, loss=given.loss, numeric=given.numeric, html=given.html, json=given.json
        )

    audit.set_defaults(run=run)


def _add_write(commands: Any) -> None:
    write = commands.add_parser(
        "write",
        help="write a function and its gradient as NumPy source",
        description="Run a script up to the first call of one of its functions, which takes arrays and gives one"
        " number, and write that function and its gradient as one NumPy function.",
        usage="tinygrad-np write [-h] [--grad NAMES] [-o FILE] SCRIPT.py:FUNCTION [-- ARGUMENT ...]",
    )
    write.add_argument("target", metavar="SCRIPT.py:FUNCTION")
    write.add_argument("--grad", metavar="NAMES", help="arguments to differentiate by, w1,b1 (default: none)")
    write.add_argument("-o", dest="output", metavar="FILE", help="where to write it (default: print it)")

    def run(given: argparse.Namespace) -> int:
        from .writing.command import write_command

        return write_command(given.target, given.arguments, given.grad, given.output)

    write.set_defaults(run=run)


def _add_derive(commands: Any) -> None:
    derive = commands.add_parser(
        "derive",
        help="print the derivation of a gradient",
        description="Run a script up to the first call of one of its functions, which takes arrays and gives one"
        " number, and write the derivation of its gradient: Markdown, or by the suffix of FILE a page or LaTeX.",
        usage="tinygrad-np derive [-h] --grad NAMES [--symbol NAME=TEX] [-o FILE] SCRIPT.py:FUNCTION\n"
        "                          [-- ARGUMENT ...]",
    )
    derive.add_argument("target", metavar="SCRIPT.py:FUNCTION")
    derive.add_argument("--grad", metavar="NAMES", required=True, help="arguments to differentiate by, w1,b1")
    derive.add_argument(
        "--symbol", metavar="NAME=TEX", action="append", default=[], help=r"how to write a name: pred='\hat{y}'"
    )
    derive.add_argument("-o", dest="output", metavar="FILE", help="FILE.md, FILE.html or FILE.tex (default: print it)")

    def run(given: argparse.Namespace) -> int:
        from .writing.command import derive_command

        return derive_command(given.target, given.arguments, given.grad, given.symbol, given.output)

    derive.set_defaults(run=run)


def _add_draw(commands: Any) -> None:
    drawing = commands.add_parser(
        "draw",
        help="draw what a function does, and what comes back",
        description="Run a script up to the first call of one of its functions, and draw that call: a picture, DOT,"
        " JSON, text or a page, by the suffix of FILE. A page says all that is known, and steps through the backward"
        " pass.",
        usage="tinygrad-np draw [-h] [-o FILE] [OPTION ...] SCRIPT.py:FUNCTION [-- ARGUMENT ...]",
    )
    drawing.add_argument("target", metavar="SCRIPT.py:FUNCTION", help="FUNCTION may be CLASS.METHOD")
    drawing.add_argument(
        "-o", dest="output", metavar="FILE", help=".svg, .png, .pdf, .dot, .json, .txt or .html (default: print text)"
    )
    drawing.add_argument("--values", action="store_true", help="write values on the nodes")
    drawing.add_argument("--grads", action="store_true", help="write cotangents on the nodes, and each path's share")
    drawing.add_argument("--backward", action="store_true", help="draw the backward pass beside the forward one")
    drawing.add_argument("--times", action="store_true", help="write how long each op takes")
    drawing.add_argument("--depth", type=int, metavar="N", help="close scopes nested deeper than this")
    drawing.add_argument("--direction", default="TB", choices=("TB", "LR", "BT", "RL"), help="which way it runs")
    drawing.add_argument("--max-nodes", type=int, default=400, metavar="N", help="how many are shown (default: 400)")

    def run(given: argparse.Namespace) -> int:
        from .drawing.command import command

        return command(given, given.arguments)

    drawing.set_defaults(run=run)


def _stubs() -> int:
    from .stubs import stubs

    for path, text in stubs().items():
        path.write_text(text)
    return 0


def _ops(word: str, as_markdown: bool) -> int:
    from .catalogue import ROOMS, markdown, reachable, rows

    if as_markdown:
        sys.stdout.write(markdown())
        return 0
    if word.endswith(".py"):
        from .checking.opkit.script import listing

        return listing(word)
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
