"""Running a script as Python would, and watching the first call of one of its functions.

    first_call("train.py:Net.step", ["--epochs", "3"])      the function and the arguments it was called with

The commands of the command line that work on somebody's script share this.
"""

from __future__ import annotations

import ast
import builtins
import copy
import functools
import inspect
import os
import sys
import tokenize
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

__all__ = ["Call", "FirstCall", "Script", "ScriptError", "as_main", "first_call", "read_script", "run", "stack_of"]

PACKAGE = str(Path(__file__).parent) + os.sep
HOOK = "__watched__"

Call = tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]


class ScriptError(Exception):
    """The script, or its function, cannot be run: one line that says why."""


class _Enough(BaseException):
    """The call was seen; the rest of the script is not needed."""


class Script:
    """A script that was read: its path, its text, its tree, and the function that was named."""

    def __init__(self, name: str, path: str, source: str, tree: ast.Module, function: str | None) -> None:
        self.name, self.path, self.source, self.tree, self.function = name, path, source, tree, function


def first_call(target: str, arguments: Sequence[str]) -> Call:
    """Run ``SCRIPT.py:FUNCTION`` up to the first call of that function; gives the call, its arguments copied.

    Raises
    ------
    ScriptError
        If there is no such script or function, or the script ended without a call of it.
    """
    script = read_script(target)
    if script.function is None:
        raise ScriptError(f"which function of {script.name}? It takes {script.name}:FUNCTION")
    seen: list[Call] = []

    def watch(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        seen.append((function, copy.deepcopy(args), copy.deepcopy(kwargs)))
        raise _Enough

    end = run(script, arguments, FirstCall(script.function, watch))
    if not seen:
        raise ScriptError(f"{script.function} was never called: the script {end}")
    return seen[0]


def read_script(target: str) -> Script:
    """``SCRIPT.py`` or ``SCRIPT.py:FUNCTION``, read and parsed.

    Raises
    ------
    ScriptError
        If there is no such file, or it is no Python.
    """
    name, function = _split(target)
    path = os.path.abspath(name)
    try:
        with tokenize.open(path) as file:  # as Python reads it: in the encoding that it declares
            source = file.read()
        return Script(name, path, source, ast.parse(source, path), function)
    except (FileNotFoundError, IsADirectoryError):
        raise ScriptError(f"no script {name!r}") from None
    except (SyntaxError, UnicodeDecodeError) as e:
        raise ScriptError(f"{name} is not Python: {e}") from None


def run(script: Script, arguments: Sequence[str], first: FirstCall) -> str:
    """Run it as ``__main__`` with these arguments, ``first`` in place of its function; says how it ended.

    What the script does besides, it does as ever; if it fails, its own traceback is printed.
    """
    with as_main(script, arguments) as namespace:
        code = compile(_hooked(script.tree, first), script.path, "exec")
        namespace[HOOK] = first
        return _run(lambda: exec(code, namespace))


class FirstCall:
    """Hands the first call of a function to ``watch(function, args, kwargs)``, and leaves all others alone.

    Attributes
    ----------
    function : str
        Its name, ``train`` or ``Net.step``.
    called : bool
    """

    def __init__(self, function: str, watch: Callable[..., Any]) -> None:
        self.function, self.watch = function, watch
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
            raise ScriptError(f"no function {self.function!r}: {e}") from None
        return bound

    def _watched(self, function: Any) -> Any:
        if isinstance(function, staticmethod | classmethod):
            return type(function)(self._watched(function.__func__))
        if not callable(function):
            raise ScriptError(f"{self.function} is no function, but of type {type(function).__name__}")

        @functools.wraps(function)
        def watched(*args: Any, **kwargs: Any) -> Any:
            if self.called:
                return function(*args, **kwargs)
            self.called = True
            return self.watch(function, args, kwargs)

        return watched


def _hooked(tree: ast.Module, first: FirstCall) -> ast.Module:
    """The script with a statement after each one that binds the function's name, or its class's.

    Raises
    ------
    ScriptError
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
        raise ScriptError(f"no function {first.function!r} in the script; there are: {there}")
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
        raise ScriptError(
            f"{function!r} is no name of a function: it takes SCRIPT.py:FUNCTION or SCRIPT.py:CLASS.METHOD"
        )
    return path, function


@contextmanager
def as_main(script: Script, arguments: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The namespace of a fresh ``__main__``, with ``sys`` as Python leaves it for a script."""
    name, path = script.name, script.path
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
    except ScriptError:
        raise
    except _Enough:
        return "went on"
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
