"""``tinygrad-np audit``: run a script as Python would, and audit one function of it, or its own statements."""

from __future__ import annotations

import ast
import builtins
import functools
import inspect
import os
import sys
import tokenize
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from types import ModuleType
from typing import Any

from .entry import audit_call, audit_script
from .report import AuditError, AuditReport

__all__ = ["FirstCall", "command", "hooked", "run_script", "stack_of"]

PACKAGE = str(Path(__file__).parents[2]) + os.sep
HOOK = "__audited__"


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
    except (AuditError, OSError) as e:
        print(f"tinygrad-np audit: {e}", file=sys.stderr)
        return 2
    _print(report)
    return 0 if report.ok else 1


def run_script(target: str, arguments: Sequence[str], *, loss: str | None, numeric: bool) -> AuditReport:
    """Run the script to its end as ``__main__``, with its arguments; gives the report.

    What the script does besides, it does as ever; if it fails, its own traceback is printed.

    Raises
    ------
    AuditError
        If it could not be audited: why, in one line.
    """
    name, function = _split(target)
    path = os.path.abspath(name)
    try:
        with tokenize.open(path) as file:  # as Python reads it: in the encoding that it declares
            source = file.read()
        tree = ast.parse(source, path)
    except (FileNotFoundError, IsADirectoryError):
        raise AuditError(f"no script {name!r}") from None
    except (SyntaxError, UnicodeDecodeError) as e:
        raise AuditError(f"{name} is not Python: {e}") from None
    with _as_main(name, path, arguments) as namespace:
        if function is None:
            return _flat(source, path, namespace, loss, numeric)
        first = FirstCall(function, loss, numeric)
        code = compile(hooked(tree, first), path, "exec")
        namespace[HOOK] = first
        end = _run(lambda: exec(code, namespace))
    if first.report is not None:
        return first.report
    if first.error is not None:
        raise first.error
    raise AuditError(f"{function} {'did not return' if first.called else 'was never called'}: the script {end}")


def _flat(source: str, path: str, namespace: dict[str, Any], loss: str | None, numeric: bool) -> AuditReport:
    try:
        return audit_script(source, path, namespace, loss=loss, numeric=numeric)
    except AuditError as e:
        if e.__cause__ is not None:
            print(stack_of(e.__cause__), file=sys.stderr)
        raise


class FirstCall:
    """Audits the first call of a function, and leaves all others alone.

    Attributes
    ----------
    function : str
        Its name, ``train`` or ``Net.step``.
    report : AuditReport or None
    error : AuditError or None
        After the call: one of them.
    """

    def __init__(self, function: str, loss: str | None, numeric: bool) -> None:
        self.function, self.loss, self.numeric = function, loss, numeric
        self.report: AuditReport | None = None
        self.error: AuditError | None = None
        self.called = False

    def __call__(self, bound: Any) -> Any:
        """What to bind in place of ``bound``, the value of the name that the function's begins with."""
        if "." not in self.function:
            return self._watched(bound)
        _, *owners, name = self.function.split(".")
        try:
            owner = functools.reduce(getattr, owners, bound)
            setattr(owner, name, self._watched(inspect.getattr_static(owner, name)))
        except AttributeError as e:
            raise AuditError(f"no function {self.function!r}: {e}") from None
        return bound

    def _watched(self, function: Any) -> Any:
        if isinstance(function, staticmethod | classmethod):
            return type(function)(self._watched(function.__func__))
        if not callable(function):
            raise AuditError(f"{self.function} is no function, but of type {type(function).__name__}")

        @functools.wraps(function)
        def watched(*args: Any, **kwargs: Any) -> Any:
            if self.called:
                return function(*args, **kwargs)
            self.called = True
            return self._audited(function, args, kwargs)

        return watched

    def _audited(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        try:
            self.report, result = audit_call(function, args, kwargs, loss=self.loss, numeric=self.numeric)
            return result
        except AuditError as e:
            self.error = error = e
        if error.__cause__ is not None:  # what the function raised; whoever called it may know what to do
            raise error.__cause__
        return error.result if error.ran else function(*args, **kwargs)


def hooked(tree: ast.Module, first: FirstCall) -> ast.Module:
    """The script with a statement after each one that binds the function's name, or its class's.

    Raises
    ------
    AuditError
        If none does, with the names that there are.
    """
    name = first.function.split(".")[0]
    found = False

    def bodies(node: ast.AST) -> Iterator[list[ast.stmt]]:
        """The lists of statements that run when the script does."""
        for field in ("body", "orelse", "finalbody"):
            if isinstance(body := getattr(node, field, None), list):
                yield body
        for part in (*getattr(node, "handlers", ()), *getattr(node, "cases", ())):
            yield part.body

    def visit(body: list[ast.stmt]) -> None:
        nonlocal found
        for i in reversed(range(len(body))):
            if name in _bound(body[i]):
                hook = ast.parse(f"{name} = {HOOK}({name})").body[0]
                for part in ast.walk(hook):
                    ast.copy_location(part, body[i])
                body.insert(i + 1, hook)
                found = True
            elif not isinstance(body[i], ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                for inner in bodies(body[i]):
                    visit(inner)

    visit(tree.body)
    if not found:
        there = ", ".join(_functions(tree)) or "none"
        raise AuditError(f"no function {first.function!r} in the script; there are: {there}")
    return tree


def _bound(statement: ast.stmt) -> list[str]:
    match statement:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.ImportFrom(names=names):
            return [alias.asname or alias.name for alias in names]
        case ast.Assign(targets=targets):
            return [t.id for t in targets if isinstance(t, ast.Name)]
    return []


def _functions(tree: ast.Module) -> list[str]:
    names = []
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            names.append(node.name)
        elif isinstance(node, ast.ClassDef):
            names += [f"{node.name}.{part.name}" for part in node.body if isinstance(part, ast.FunctionDef)]
    return names


def _split(target: str) -> tuple[str, str | None]:
    """``train.py:Net.step`` in two; a colon of a Windows path stays where it is."""
    path, colon, function = target.rpartition(":")
    if not colon or target.endswith(".py") or os.sep in function:
        return target, None
    if not all(part.isidentifier() for part in function.split(".")):
        raise AuditError(
            f"{function!r} is no name of a function: it takes SCRIPT.py:FUNCTION or SCRIPT.py:CLASS.METHOD"
        )
    return path, function


@contextmanager
def _as_main(name: str, path: str, arguments: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The namespace of a fresh ``__main__``, with ``sys`` as Python leaves it for a script."""
    module = ModuleType("__main__")
    vars(module).update(__file__=path, __builtins__=builtins, __cached__=None)
    before = sys.argv, sys.path[:], sys.modules["__main__"]
    sys.argv = [name, *arguments]
    if not sys.flags.safe_path:
        sys.path[0] = os.path.dirname(os.path.realpath(path))
    sys.modules["__main__"] = module
    try:
        yield vars(module)
    finally:
        sys.argv, sys.path[:], sys.modules["__main__"] = before


def _run(script: Callable[[], None]) -> str:
    """Run it, and say how it ended."""
    try:
        script()
    except AuditError:
        raise
    except SystemExit as e:
        if isinstance(e.code, str):
            print(e.code, file=sys.stderr)
        return "exited"
    except KeyboardInterrupt:
        return "was interrupted"
    except BaseException as e:
        print(stack_of(e), file=sys.stderr)
        return f"raised {type(e).__name__}"
    return "ended"


def stack_of(error: BaseException) -> str:
    """Its traceback as Python would print it: the frames of this package are nobody's concern."""
    shown = traceback.TracebackException.from_exception(error)
    each: traceback.TracebackException | None = shown
    while each is not None:
        each.stack = traceback.StackSummary.from_list([f for f in each.stack if not f.filename.startswith(PACKAGE)])
        each = each.__cause__ or each.__context__
    return "".join(shown.format()).rstrip("\n")


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
