"""Functions that the written source needs beside NumPy's: their own source, with all that it calls in turn.

The forward function of an op is ordinary NumPy code, so an op that has no shorter notation is written as a call of
that function, and the function is written above. Decorators, docstrings and annotations are left out; names that
refer to other functions of the same kind, to constants, or to primitives are followed. The body keeps its lines and
comments as they were written.
"""

from __future__ import annotations

import ast
import builtins
import copy
import inspect
import linecache
import textwrap
import types
from functools import cache
from operator import attrgetter
from typing import Any

import numpy as np

from ..core.primitive import Primitive
from .layout import text_of, wrapped
from .literals import WriteError, literal, numpy_name

__all__ = ["Helpers", "function_of", "parsed"]


def parsed(f: Any) -> ast.FunctionDef | None:
    """The definition of a plain Python function, without its docstring; None if its source is not at hand."""
    found = _source(f)
    return None if found is None else found[0]


@cache
def _source(f: Any) -> tuple[ast.FunctionDef, list[str]] | None:
    """The definition, and the lines that its positions refer to."""
    try:
        if getattr(f, "__name__", "") == "<lambda>":
            return _of_lambda(f)
        text = textwrap.dedent(inspect.getsource(f))
        tree = ast.parse(text)
    except (OSError, TypeError, SyntaxError):
        return None
    found = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.name == f.__name__]
    if not found:
        return None
    definition = found[0]
    if ast.get_docstring(definition) is not None:
        definition.body = definition.body[1:]
    return definition, text.splitlines()


def _of_lambda(f: Any) -> tuple[ast.FunctionDef, list[str]] | None:
    """A lambda as a definition: the one that begins on its line and compiles to the same instructions."""
    code = f.__code__
    tree = ast.parse("".join(linecache.getlines(code.co_filename)))
    found = [n for n in ast.walk(tree) if isinstance(n, ast.Lambda) and n.lineno == code.co_firstlineno]
    for same in (_said, attrgetter("co_code")):
        if len({ast.unparse(n.body) for n in found}) > 1:
            found = [n for n in found if same(_compiled(n)) == same(code)]
    texts = {ast.unparse(n.body): n for n in found}
    if len(texts) != 1:
        return None
    ((body, node),) = texts.items()
    text = f"def function({ast.unparse(node.args)}):\n    return {body}"
    definition = ast.parse(text).body[0]
    return (definition, text.splitlines()) if isinstance(definition, ast.FunctionDef) else None


def _compiled(node: ast.Lambda) -> types.CodeType:
    constants = compile(ast.Expression(node), "", "eval").co_consts  # defaults may stand before the code
    return next(c for c in constants if isinstance(c, types.CodeType))


def _said(code: types.CodeType) -> Any:
    """What a lambda names, wherever from: by itself it knows nothing of what it closes over."""
    return code.co_consts, code.co_varnames, sorted((*code.co_names, *code.co_freevars))


def function_of(p: Primitive) -> Any:
    """What a primitive runs: NumPy's own function, where it is one in a wrapper."""
    f = p.forward
    closed = inspect.getclosurevars(f).nonlocals if isinstance(f, types.FunctionType) and f.__closure__ else {}
    inner = closed.get("f")
    return inner if inner is not None and numpy_name(inner) else f


class Helpers:
    """The functions, constants and imports that a piece of source refers to."""

    def __init__(self, taken: set[str]) -> None:
        self.taken = taken
        self.names: dict[int, str] = {}
        self.kept: list[Any] = []  # what the keys of ``names`` are the ids of
        self.constants: list[str] = []
        self.functions: list[str] = []
        self.imports: set[tuple[str, str]] = set()
        self.arguments: list[tuple[str, Any]] = []  # what cannot be written and is handed in: generators

    def name(self, value: Any, wished: str) -> str:
        """What to write for ``value``; defined above if need be.

        Raises
        ------
        WriteError
            If it is neither NumPy's, nor builtin, nor a function with source, nor a constant.
        """
        if isinstance(value, Primitive):
            return self.name(function_of(value), value.name)
        if value is np:
            return "np"
        known = numpy_name(value)
        if known is not None:
            return known
        if getattr(builtins, wished, None) is value:
            return wished
        if id(value) not in self.names:
            self.names[id(value)] = self._fresh(wished)
            self.kept.append(value)
            self._define(value, self.names[id(value)], wished)
        return self.names[id(value)]

    def argument(self, value: Any, wished: str) -> str:
        """The name of an argument that stands for ``value``."""
        for name, given in self.arguments:
            if given is value:
                return name
        self.arguments.append((self._fresh(wished), value))
        return self.arguments[-1][0]

    def _fresh(self, wished: str) -> str:
        name = wished = wished.strip("_<>").replace("lambda", "function") or "helper"
        n = 1
        while name in self.taken:
            n += 1
            name = f"{wished}_{n}"
        self.taken.add(name)
        return name

    def _define(self, value: Any, name: str, wished: str) -> None:
        value = inspect.unwrap(value) if callable(value) else value
        if isinstance(value, types.BuiltinFunctionType | type) and value.__module__ not in (None, "builtins"):
            self.imports.add((value.__module__, f"{value.__name__} as {name}" if value.__name__ != name else name))
            return
        if isinstance(value, types.ModuleType):
            self.imports.add(("", f"{value.__name__} as {name}" if value.__name__ != name else name))
            return
        if not isinstance(value, types.FunctionType):
            self.constants += wrapped(f"{name} = {text_of(literal(value))}", "")
            return
        found = _source(value)
        if found is None:
            raise WriteError(f"the source of {wished} is not at hand (typed at a prompt, or among lambdas alike?)")
        self.functions.append(self._rewritten(value, name, *found))

    def _rewritten(self, f: types.FunctionType, name: str, definition: ast.FunctionDef, lines: list[str]) -> str:
        """The function's text, with what it takes from around it called what it is called here."""
        around = {**f.__globals__, **inspect.getclosurevars(f).nonlocals}
        own = {n.arg for n in ast.walk(definition) if isinstance(n, ast.arg)}
        own |= {n.id for n in ast.walk(definition) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        places: list[tuple[int, int, int, str]] = []
        for node in (n for statement in definition.body for n in ast.walk(statement)):
            if isinstance(node, ast.Name) and node.id not in own and node.id in around:
                value = around[node.id]
                called = self.names[id(f)] if value is f else self.name(value, node.id)
                places.append((node.lineno - 1, node.col_offset, node.end_col_offset or 0, called))
        lines = list(lines)
        for line, start, stop, called in sorted(places, reverse=True):
            encoded = lines[line].encode()  # positions count bytes
            lines[line] = (encoded[:start] + called.encode() + encoded[stop:]).decode()
        first, last = definition.body[0].lineno - 1, definition.end_lineno
        arguments = _bare(definition.args)
        return "\n".join([f"def {name}({text_of(arguments)}):", *lines[first:last]])


def _bare(arguments: ast.arguments) -> ast.arguments:
    """The arguments of a function without annotations."""
    bare = copy.deepcopy(arguments)
    for node in ast.walk(bare):
        if isinstance(node, ast.arg):
            node.annotation = None
    return bare
