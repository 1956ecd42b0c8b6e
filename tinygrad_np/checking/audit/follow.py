"""Following the program into its own functions: their source is found, rewritten, and run in place of theirs."""

from __future__ import annotations

import ast
import functools
import inspect
import linecache
import os
import types
from pathlib import Path
from typing import Any

import numpy as np

from .known_calls import CALL
from .node import Node, alias
from .report import AuditError
from .rewrite import FRAME, FUNCTIONS, RECORDER, Rewriter

__all__ = ["Follower"]

NUMPY, OURS = os.path.dirname(np.__file__), str(Path(__file__).parents[2])
FUNCTION = "_tg_function"
GENERATOR = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR


class Follower:
    """Calls functions of the audited files, rewritten; leaves all others alone."""

    def __init__(self, rewriter: Rewriter, recorder: Any) -> None:
        self.rewriter, self.recorder = rewriter, recorder
        self.files: set[str] = set()  # whose functions are the program's own
        self.spaces: list[dict[str, Any]] = []  # and in whose globals they are
        self.sources: dict[str, str] = {}  # of files that are not on disk as they run
        self.trees: dict[str, ast.Module | None] = {}
        self.made: dict[types.CodeType, types.CodeType | None] = {}
        self.ours: set[types.CodeType] = set()

    def call(self, f: Any, args: list[Node], keywords: dict[str, Node], site: int) -> Node | None:
        """The node of what ``f`` returned; None if it is not the program's own, and has not been called."""
        if isinstance(f, functools.partial):
            held = [self.recorder.shadow.of(a) for a in f.args]
            more = {k: self.recorder.shadow.of(v) for k, v in f.keywords.items()}
            made: Node = self.recorder.call(
                site, self.recorder.node(None, (), f.func), [*held, *args], {**more, **keywords}
            )
            return made
        if isinstance(f, types.MethodType):
            me = self.recorder.shadow.of(f.__self__)
            return self.call(f.__func__, [me, *args], keywords, site)
        if isinstance(f, type):
            return self._construct(f, args, keywords, site)
        if not isinstance(f, types.FunctionType):
            method = type(f).__call__
            return self.call(method, [self.recorder.shadow.of(f), *args], keywords, site)
        new = self.rewritten(f)
        return None if new is None else self._run(new, args, keywords, site)

    def _construct(self, f: Any, args: list[Node], keywords: dict[str, Node], site: int) -> Node | None:
        init = f.__init__
        plain = type(f) is type and vars(f).get("__new__", f.__new__) is object.__new__
        if not plain or not isinstance(init, types.FunctionType):
            return None
        new = self.rewritten(init)
        if new is None:
            return None
        made: Node = self.recorder.node(None, (), object.__new__(f), site)
        self._run(new, [made, *args], keywords, site)
        return made

    def _run(self, new: types.FunctionType, args: list[Node], keywords: dict[str, Node], site: int) -> Node:
        r = self.recorder
        code = new.__code__
        names = code.co_varnames[: code.co_argcount]
        args = [self._handed_over(a, site) for a in args]
        keywords = {k: self._handed_over(v, site) for k, v in keywords.items()}
        r.arguments = {**dict(zip(names, args, strict=False)), **keywords}
        held = r.current, r.calling, r.loops
        calling = r.node(None, (), None, site)
        r.calling, r.result = calling, None
        for a in (*args, *keywords.values()):
            if a.iterate is not None and a.live is None:
                a.live = iter([n.live for n in a.iterate()])
        try:
            live = new(*[a.live for a in args], **{k: v.live for k, v in keywords.items()})
        finally:
            r.current, r.calling, r.loops = held
            r.arguments = {}
        result: Node | None = r.result
        r.result = None
        if result is not None and result.live is live and not code.co_flags & GENERATOR:
            if type(live) is np.ndarray:
                result = result if r.shadow.is_current(result) else r.shadow.array(live)
            return result
        made: Node = r.shadow.of(live)
        return made

    def _handed_over(self, a: Node, site: int) -> Node:
        """An argument under a node of its own, so that another could stand in its place in this very call."""
        if site < 0 or type(a.live) is not np.ndarray or not self.recorder.shadow.is_current(a):
            return a
        made: Node = self.recorder.node(alias, (a,), a.live, site, value=a.value)
        made.version = a.version
        return made

    def rewritten(self, f: types.FunctionType) -> types.FunctionType | None:
        """``f``, reporting; None if it is not the program's own."""
        code = f.__code__
        if code in self.ours:
            return f
        if not self._is_own(f):
            wrapped = getattr(f, "__wrapped__", None)
            return self._unwrapped(f, wrapped) if isinstance(wrapped, types.FunctionType) else None
        if code not in self.made:
            self.made[code] = self._compiled(f)
        new = self.made[code]
        if new is None:
            return None
        cells = dict(zip(code.co_freevars, f.__closure__ or (), strict=True))
        cells[RECORDER] = types.CellType(self.recorder)
        closure = tuple(cells[name] for name in new.co_freevars)
        made = types.FunctionType(new, f.__globals__, f.__name__, f.__defaults__, closure)
        made.__kwdefaults__ = f.__kwdefaults__
        made.__qualname__, made.__doc__ = f.__qualname__, f.__doc__
        return made

    def _is_own(self, f: types.FunctionType) -> bool:
        """Whether a function is of an audited file, or of another cell of the same notebook."""
        if f.__code__.co_filename in self.files:
            return True
        if not any(f.__globals__ is space for space in self.spaces) or self.definition(f.__code__) is None:
            return False
        self.files.add(f.__code__.co_filename)
        return True

    def _unwrapped(self, f: types.FunctionType, wrapped: types.FunctionType) -> types.FunctionType | None:
        """A decorator's function from elsewhere, around the program's own: the one inside is rewritten."""
        inner = self.rewritten(wrapped)
        if inner is None or f.__closure__ is None:
            return None
        cells = tuple(types.CellType(inner) if c.cell_contents is wrapped else c for c in f.__closure__)
        made = types.FunctionType(f.__code__, f.__globals__, f.__name__, f.__defaults__, cells)
        made.__kwdefaults__ = f.__kwdefaults__
        return made

    def _compiled(self, f: types.FunctionType) -> types.CodeType | None:
        code = f.__code__
        tree = self.definition(code)
        if tree is None or isinstance(tree, ast.AsyncFunctionDef):
            return None
        parts = f.__qualname__.split(".")
        owner = parts[-2] if len(parts) > 1 and parts[-2] != "<locals>" else ""
        made = self.rewriter.function(tree, code.co_filename, f.__qualname__.replace(".<locals>", ""), owner)
        made.name = FUNCTION  # not its own name: inside, that is to mean what it means outside
        body: list[ast.stmt] = [made]
        if owner:  # names that begin with two underscores
            body = [ast.ClassDef(owner, [], [], body, [])]
        outer = ast.FunctionDef("_tg_outer", _arguments(*code.co_freevars, RECORDER), body, [])
        for n in ast.walk(outer):
            if not hasattr(n, "lineno") and isinstance(n, ast.stmt | ast.expr | ast.arg):
                ast.copy_location(n, tree)
        module = ast.fix_missing_locations(ast.Module([outer], []))
        compiled = compile(module, code.co_filename, "exec", dont_inherit=True, flags=code.co_flags & _FUTURE)
        found = _inner(compiled, FUNCTION).replace(co_name=code.co_name, co_qualname=code.co_qualname)
        self._mark(found)
        return found

    def _mark(self, code: types.CodeType) -> None:
        self.ours.add(code)
        for c in code.co_consts:
            if isinstance(c, types.CodeType) and (RECORDER in c.co_freevars or FRAME in c.co_varnames):
                self._mark(c)

    def source(self, file: str) -> str:
        if file in self.sources:
            return self.sources[file]
        linecache.checkcache(file)  # a module may have been edited and loaded again
        return "".join(linecache.getlines(file))

    def tree(self, file: str) -> ast.Module | None:
        if file not in self.trees:
            text = self.source(file)
            try:
                self.trees[file] = ast.parse(text) if text else None
            except SyntaxError:
                self.trees[file] = None
        return self.trees[file]

    def definition(self, code: types.CodeType) -> Any:
        """The syntax tree of a function; None if its source is not at hand."""
        tree = self.tree(code.co_filename)
        if tree is None:
            return None
        name = code.co_name
        fits = []
        for n in ast.walk(tree):
            if not isinstance(n, FUNCTIONS) or getattr(n, "name", "<lambda>") != name:
                continue
            first = min([n.lineno, *(d.lineno for d in getattr(n, "decorator_list", ()))])
            if first == code.co_firstlineno and _parameters(n.args) == _of_code(code):
                fits.append(n)
        if len(fits) > 1:
            fits = [n for n in fits if _columns(n, code)] or fits
        return fits[0] if len(fits) == 1 else None

    @staticmethod
    def innermost(f: Any) -> Any:
        """The function that a call of ``f`` comes to, behind decorators, methods and partials."""
        while True:
            if isinstance(f, functools.partial):
                f = f.func
            elif isinstance(f, types.MethodType):
                f = f.__func__
            elif hasattr(f, "__wrapped__"):
                f = f.__wrapped__
            elif not isinstance(f, types.FunctionType | type) and isinstance(
                getattr(type(f), CALL, None), types.FunctionType
            ):
                f = type(f).__call__
            else:
                return f

    def enter(self, f: Any) -> None:
        """Whatever file ``f`` is of is the program's own.

        Raises
        ------
        AuditError
            If it is no function with source, or one that cannot be run from start to end.
        """
        inner = self.innermost(f)
        if isinstance(inner, type):
            raise AuditError(f"{inner.__name__} is a class: audit the method that runs a step, e.g. net.step")
        if not isinstance(inner, types.FunctionType):
            raise AuditError(f"{inner!r:.60} is no Python function: its lines cannot be audited")
        flags = inner.__code__.co_flags
        name = inner.__qualname__
        if flags & (inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR):
            raise AuditError(f"{name} is asynchronous: audit a plain function that it calls")
        if flags & inspect.CO_GENERATOR:
            raise AuditError(f"{name} is a generator: audit a function that runs it to its end")
        code = inner.__code__
        if self.tree(code.co_filename) is None:
            raise AuditError(f"the source of {name} is not at hand ({code.co_filename}): put it into a file")
        if code.co_filename.startswith((NUMPY, OURS)):
            raise AuditError(f"{name} is part of a library: audit a function of your own")
        if self.definition(code) is None:
            raise AuditError(
                f"the source of {name} is not where it was ({code.co_filename}:{code.co_firstlineno}): has the file"
                " changed since it was loaded, or does the line hold several lambdas?"
            )
        self.files.add(code.co_filename)
        self.spaces.append(inner.__globals__)


_FUTURE = 0x1000000 | 0x800000  # annotations, generator_stop


def _arguments(*names: str) -> ast.arguments:
    return ast.arguments([], [ast.arg(n) for n in names], None, [], [], None, [])


def _inner(code: types.CodeType, name: str) -> types.CodeType:
    """The code object of the function of this name inside others."""
    for c in code.co_consts:
        if isinstance(c, types.CodeType):
            if c.co_name == name:
                return c
            try:
                return _inner(c, name)
            except LookupError:
                continue
    raise LookupError(name)


def _parameters(a: ast.arguments) -> tuple[str, ...]:
    names = [x.arg for x in (*a.posonlyargs, *a.args, *a.kwonlyargs)]
    return (*names, *(x.arg for x in (a.vararg, a.kwarg) if x is not None))


def _of_code(code: types.CodeType) -> tuple[str, ...]:
    n = code.co_argcount + code.co_kwonlyargcount
    n += bool(code.co_flags & inspect.CO_VARARGS) + bool(code.co_flags & inspect.CO_VARKEYWORDS)
    return code.co_varnames[:n]


def _columns(n: Any, code: types.CodeType) -> bool:
    """Whether the instructions of ``code`` stand within ``n``."""
    for _, end, start_col, end_col in code.co_positions():
        if start_col is not None and end_col is not None and end is not None and start_col > 0:
            return bool(n.col_offset <= start_col and end_col <= n.end_col_offset)
    return False
