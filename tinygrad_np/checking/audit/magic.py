"""The cell magic ``%%audit``: run a notebook cell as ever, and audit the backward pass in it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from .entry import audit_script
from .report import AuditError, AuditReport

__all__ = ["register"]


def register(shell: Any) -> None:
    """Give an IPython shell the magic; ``%load_ext tinygrad_np`` calls this."""
    from IPython.core.error import UsageError
    from IPython.core.magic_arguments import MagicArgumentParser

    parser = MagicArgumentParser("%%audit", description="Run the cell, and audit the hand-written backward pass in it.")
    parser.add_argument("--loss", help="the variable that holds the loss, or an expression for it (default: found)")
    parser.add_argument("--numeric", action="store_true", help="confirm each finding with differences too")

    def audit_cell(line: str, cell: str) -> AuditReport:
        given = parser.parse_argstring(line)
        source = "\n" + shell.transform_cell(cell)  # line 1 of the cell holds the magic
        name = shell.compile.cache(source, shell.execution_count, raw_code=cell)
        try:
            report = audit_script(source, name, shell.user_ns, loss=given.loss, numeric=given.numeric)
        except AuditError as e:
            error = e
        else:
            return replace(report, file=" ".join(shell.compile.format_code_name(name) or (name,)))
        if error.__cause__ is not None:  # what the cell raised: the shell shows its traceback
            raise error.__cause__
        raise UsageError(str(error))

    audit_cell.__doc__ = parser.format_help()
    shell.register_magic_function(audit_cell, "cell", "audit")
