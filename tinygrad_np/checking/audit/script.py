"""``tinygrad-np audit``: run a script as Python would, and audit one function of it, or its own statements."""

from __future__ import annotations

import linecache
import sys
from collections.abc import Callable, Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from ...running import FirstCall, ScriptError, as_main, read_script, run, stack_of
from .entry import audit_call, audit_script
from .report import AuditError, AuditReport

__all__ = ["command", "run_script"]


def command(
    target: str,
    arguments: Sequence[str] = (),
    *,
    loss: str | None = None,
    numeric: bool = False,
    html: str | None = None,
    json: str | None = None,
) -> int:
    """Audit ``SCRIPT.py`` or ``SCRIPT.py:FUNCTION``, print the report; 0: no finding, 1: findings, 2: no audit."""
    try:
        for path in filter(None, (html, json)):
            if not Path(path).parent.is_dir():  # before the work, not after it
                raise AuditError(f"no directory {str(Path(path).parent)!r} to write {Path(path).name!r} into")
        report = run_script(target, arguments, loss=loss, numeric=numeric)
        if html:
            report.to_html(html)
        if json:
            report.to_json(json)
    except (AuditError, ScriptError, OSError) as e:
        print(f"tinygrad-np audit: {e}", file=sys.stderr)
        return 2
    _print(report)
    return 0 if report.ok else 1


def run_script(target: str, arguments: Sequence[str], *, loss: str | None, numeric: bool) -> AuditReport:
    """Run the script to its end as ``__main__``, with its arguments; gives the report.

    What the script does besides, it does as ever; if it fails, its own traceback is printed.

    Raises
    ------
    AuditError, ScriptError
        If it could not be audited: why, in one line.
    """
    script = read_script(target)
    linecache.checkcache(script.path)  # it may have been edited since this process last looked
    if script.function is None:
        with as_main(script, arguments) as namespace:
            return _flat(script.source, script.path, namespace, loss, numeric)
    found = _Audited(loss, numeric)
    first = FirstCall(script.function, found)
    end = run(script, arguments, first)
    if found.report is not None:
        return found.report
    if found.error is not None:
        raise found.error
    raise AuditError(f"{script.function} {'did not return' if first.called else 'was never called'}: the script {end}")


class _Audited:
    """Audits a call, and gives what the function gives.

    Attributes
    ----------
    report : AuditReport or None
    error : AuditError or None
        After the call: one of them.
    """

    def __init__(self, loss: str | None, numeric: bool) -> None:
        self.loss, self.numeric = loss, numeric
        self.report: AuditReport | None = None
        self.error: AuditError | None = None

    def __call__(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        try:
            self.report, result = audit_call(function, args, kwargs, loss=self.loss, numeric=self.numeric)
            return result
        except AuditError as e:
            self.error = error = e
        if error.__cause__ is not None:  # what the function raised; whoever called it may know what to do
            raise error.__cause__
        return error.result if error.ran else function(*args, **kwargs)


def _flat(source: str, path: str, namespace: dict[str, Any], loss: str | None, numeric: bool) -> AuditReport:
    try:
        return audit_script(source, path, namespace, loss=loss, numeric=numeric)
    except AuditError as e:
        if e.__cause__ is not None:
            print(stack_of(e.__cause__), file=sys.stderr)
        raise


def _print(report: AuditReport) -> None:
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal may lack a letter of the source
    if sys.stdout.isatty():
        try:
            from rich.console import Console
        except ImportError:
            pass
        else:
            Console(highlight=False).print(report)
            return
    print(report)
