"""Expressions of the audited source, rewritten into code that gives nodes instead of plain values."""

from __future__ import annotations

import ast
import copy
from dataclasses import dataclass, field
from typing import Any

from .report import AuditError

__all__ = ["FRAME", "RECORDER", "Expressions", "Site", "Statement"]

RECORDER, FRAME = "_tg_recorder", "_tg_frame"
# Called by these names they look at the frame of their caller, so they are called from it.
LOOK_AT_FRAME = {"locals", "vars", "dir", "globals", "eval", "exec", "super", "breakpoint"}


@dataclass(eq=False)
class Statement:
    """One statement of the source, as a person would point at it."""

    tree: ast.stmt
    file: str
    function: str
    loops: tuple[int, ...]  # lines of the loops it stands in
    sites: list[int] = field(default_factory=list)
    target: str = ""

    @property
    def line(self) -> int:
        return self.tree.lineno

    @property
    def source(self) -> str:
        tree = self.tree
        if isinstance(tree, ast.For | ast.While | ast.If | ast.With | ast.FunctionDef):
            tree = copy.copy(tree)
            tree.body = []
            if not isinstance(tree, ast.With | ast.FunctionDef):
                tree.orelse = []
        return ast.unparse(tree)


@dataclass(eq=False)
class Site:
    """One expression or store of the source; it may run many times."""

    index: int
    tree: ast.AST
    statement: Statement


class Expressions:
    """Rewrites expressions; remembers each place it sees."""

    def __init__(self) -> None:
        self.sites: list[Site] = []
        self.statements: list[Statement] = []
        self.extra_loss: tuple[str, ast.expr] | None = None
        self._file = self._function = self._class = ""
        self._loops: tuple[int, ...] = ()
        self._statement: Statement | None = None
        self._temporaries = 0
        self._generator = False

    # Pieces of code

    def _r(self, name: str, *args: ast.expr) -> ast.Call:
        return ast.Call(ast.Attribute(ast.Name(RECORDER, ast.Load()), name, ast.Load()), list(args), [])

    def _set(self, name: str, value: ast.expr) -> ast.Assign:
        return ast.Assign([ast.Name(name, ast.Store())], value)

    def _frame(self) -> ast.expr:
        return ast.Name(FRAME, ast.Load())

    def _site(self, tree: ast.AST) -> ast.expr:
        assert self._statement is not None
        site = Site(len(self.sites), tree, self._statement)
        self.sites.append(site)
        self._statement.sites.append(site.index)
        return ast.Constant(site.index)

    def _temporary(self) -> str:
        self._temporaries += 1
        return f"_tg_{self._temporaries}"

    def _private(self, name: str) -> ast.expr:
        """The name of an attribute, as Python spells it inside a class."""
        hidden = name.startswith("__") and not name.endswith("__") and self._class
        return ast.Constant(f"_{self._class.lstrip('_')}{name}" if hidden else name)

    def _plain(self, tree: ast.expr) -> ast.expr:
        """The plain value of an expression, with what runs inside it recorded."""
        return ast.copy_location(ast.Attribute(self.expr(tree), "live", ast.Load()), tree)

    def _pattern(self, target: ast.expr, later: list[tuple[ast.expr, str]]) -> tuple[ast.expr, Any]:
        """A target of plain names and the same as nested tuples of names; what is no name is stored ``later``."""
        if isinstance(target, ast.Tuple | ast.List):
            parts = [self._pattern(t, later) for t in target.elts]
            return ast.Tuple([p for p, _ in parts], ast.Store()), tuple(p for _, p in parts)
        if isinstance(target, ast.Starred):
            plain, pattern = self._pattern(target.value, later)
            return ast.Starred(plain, ast.Store()), f"*{pattern}"
        if isinstance(target, ast.Name):
            return ast.Name(target.id, ast.Store()), target.id
        name = self._temporary()
        later.append((target, name))
        return ast.Name(name, ast.Store()), name

    def _load(self, tree: ast.AST, name: str) -> ast.expr:
        return self._r("load", self._frame(), self._site(tree), ast.Constant(name), ast.Name(name, ast.Load()))

    # Each kind of expression

    def expr(self, tree: ast.expr) -> ast.expr:
        """Code that evaluates ``tree`` and gives a node."""
        method = getattr(self, f"_e_{type(tree).__name__}", None)
        made = method(tree) if method is not None else self._r("leaf", self._site(tree), self._inside(tree))
        return ast.copy_location(made, tree)

    def _inside(self, tree: Any) -> Any:
        """``tree`` itself, its parts recorded: for what Python evaluates in ways of its own."""
        new = copy.copy(tree)
        for name, value in ast.iter_fields(tree):
            if isinstance(value, ast.expr) and not isinstance(getattr(value, "ctx", None), ast.Store):
                plain = isinstance(value, ast.Constant | ast.JoinedStr | ast.FormattedValue)
                setattr(new, name, self._inside(value) if plain else self._plain(value))
            elif isinstance(value, list):
                setattr(new, name, [self._inside_item(v) for v in value])
        return new

    def _inside_item(self, v: Any) -> Any:
        if isinstance(v, ast.Constant | ast.FormattedValue | ast.JoinedStr | ast.Starred | ast.keyword):
            return self._inside(v)
        return self._plain(v) if isinstance(v, ast.expr) else v

    def _e_Constant(self, t: ast.Constant) -> ast.expr:
        return self._r("constant", self._site(t), t)

    def _e_Name(self, t: ast.Name) -> ast.expr:
        return self._load(t, t.id)

    def _e_BinOp(self, t: ast.BinOp) -> ast.expr:
        op = ast.Constant(type(t.op).__name__)
        return self._r("binary", self._site(t), op, self.expr(t.left), self.expr(t.right))

    def _e_UnaryOp(self, t: ast.UnaryOp) -> ast.expr:
        return self._r("unary", self._site(t), ast.Constant(type(t.op).__name__), self.expr(t.operand))

    def _e_Compare(self, t: ast.Compare) -> ast.expr:
        if len(t.ops) != 1 or isinstance(t.ops[0], ast.Is | ast.IsNot | ast.In | ast.NotIn):
            return self._r("leaf", self._site(t), self._inside(t))
        op = ast.Constant(type(t.ops[0]).__name__)
        return self._r("binary", self._site(t), op, self.expr(t.left), self.expr(t.comparators[0]))

    def _e_BoolOp(self, t: ast.BoolOp) -> ast.expr:
        if any(isinstance(n, ast.NamedExpr | ast.Yield | ast.YieldFrom | ast.Await) for n in ast.walk(t)):
            return self._r("leaf", self._site(t), self._inside(t))
        parts = [ast.Lambda(_NOTHING(), self.expr(v)) for v in t.values]
        return self._r("either", ast.Constant(isinstance(t.op, ast.Or)), *parts)

    def _e_IfExp(self, t: ast.IfExp) -> ast.expr:
        return ast.IfExp(self._plain(t.test), self.expr(t.body), self.expr(t.orelse))

    def _e_Attribute(self, t: ast.Attribute) -> ast.expr:
        return self._r("attribute", self._site(t), self.expr(t.value), self._private(t.attr))

    def _e_Subscript(self, t: ast.Subscript) -> ast.expr:
        return self._r("item", self._site(t), self.expr(t.value), self.expr(t.slice))

    def _e_Slice(self, t: ast.Slice) -> ast.expr:
        parts = [
            self.expr(p if p is not None else ast.copy_location(ast.Constant(None), t))
            for p in (t.lower, t.upper, t.step)
        ]
        return self._r("slice", self._site(t), *parts)

    def _e_Tuple(self, t: ast.Tuple | ast.List) -> ast.expr:
        kind = ast.Constant("tuple" if isinstance(t, ast.Tuple) else "list")
        return self._r("sequence", self._site(t), kind, ast.List([self._element(e) for e in t.elts], ast.Load()))

    _e_List = _e_Tuple  # noqa: N815  # found by the name of the class

    def _element(self, e: ast.expr) -> ast.expr:
        return (
            ast.Starred(self._r("spread", self.expr(e.value)), ast.Load())
            if isinstance(e, ast.Starred)
            else (self.expr(e))
        )

    def _e_Dict(self, t: ast.Dict) -> ast.expr:
        pairs: list[ast.expr] = []
        for k, v in zip(t.keys, t.values, strict=True):
            if k is None:
                pairs.append(ast.Starred(self._r("spread_items", self.expr(v)), ast.Load()))
            else:
                pairs.append(ast.Tuple([self.expr(k), self.expr(v)], ast.Load()))
        return self._r("mapping", self._site(t), ast.List(pairs, ast.Load()))

    def _e_Call(self, t: ast.Call) -> ast.expr:
        if isinstance(t.func, ast.Name) and t.func.id in LOOK_AT_FRAME:
            call = self._inside(t)
            call.func = t.func
            return self._r("leaf", self._site(t), call)
        args = ast.List([self._element(a) for a in t.args], ast.Load())
        keywords = ast.Dict(
            [None if k.arg is None else ast.Constant(k.arg) for k in t.keywords],
            [
                self._r("spread_keywords", self.expr(k.value)) if k.arg is None else self.expr(k.value)
                for k in t.keywords
            ],
        )
        return self._r("call", self._site(t), self.expr(t.func), args, keywords)

    def _e_NamedExpr(self, t: ast.NamedExpr) -> ast.expr:
        bound = self._r("bind", self._frame(), self._site(t), ast.Constant(t.target.id), self.expr(t.value))
        return self._r("load", self._frame(), self._site(t), ast.Constant(t.target.id), ast.NamedExpr(t.target, bound))

    def _e_Lambda(self, t: ast.Lambda) -> ast.expr:
        a = t.args
        names = [x.arg for x in (*a.posonlyargs, *a.args, *a.kwonlyargs, a.vararg, a.kwarg) if x is not None]
        given = ast.Dict([ast.Constant(n) for n in names], [ast.Name(n, ast.Load()) for n in names])
        frame = self._r("frame", ast.Constant(f"{self._function}.<lambda>"), given, ast.Constant(True))
        inner = ast.Lambda(_NOTHING(FRAME), self._r("returned", self._site(t), self.expr(t.body)))
        on = ast.Attribute(ast.Name(RECORDER, ast.Load()), "on", ast.Load())
        body = ast.IfExp(on, ast.Call(inner, [frame], []), copy.deepcopy(t.body))
        return self._r("leaf", self._site(t), ast.Lambda(t.args, body))

    def _comprehension(self, t: Any, element: ast.expr, kind: str) -> ast.expr:
        if any(isinstance(n, ast.Await | ast.NamedExpr) for n in ast.walk(t)):
            return self._r("leaf", self._site(t), t)
        generators = []
        for g in t.generators:
            item = self._temporary()
            later: list[tuple[ast.expr, str]] = []
            plain, pattern = self._pattern(g.target, later)
            if later or g.is_async:
                return self._r("leaf", self._site(t), t)
            generators.append(
                ast.comprehension(
                    ast.Name(item, ast.Store()),
                    self._r("elements", self._site(g.iter), self.expr(g.iter), ast.Constant(kind == "generator")),
                    [],
                    0,
                )
            )
            whole = ast.List(
                [
                    self._r(
                        "unpack_item",
                        self._frame(),
                        self._site(g.target),
                        ast.Constant(pattern),
                        ast.Name(item, ast.Load()),
                    )
                ],
                ast.Load(),
            )
            generators.append(ast.comprehension(plain, whole, [self._plain(i) for i in g.ifs], 0))
        made = ast.GeneratorExp(self.expr(element), generators)
        return self._r("comprehension", self._site(t), ast.Constant(kind), made)

    def _e_ListComp(self, t: ast.ListComp) -> ast.expr:
        return self._comprehension(t, t.elt, "list")

    def _e_SetComp(self, t: ast.SetComp) -> ast.expr:
        return self._r("leaf", self._site(t), t)

    def _e_GeneratorExp(self, t: ast.GeneratorExp) -> ast.expr:
        return self._comprehension(t, t.elt, "generator")

    def _e_DictComp(self, t: ast.DictComp) -> ast.expr:
        pair = ast.copy_location(ast.Tuple([t.key, t.value], ast.Load()), t)
        return self._comprehension(t, pair, "dict")

    def _e_Yield(self, t: ast.Yield) -> ast.expr:
        return self._r("leaf", self._site(t), ast.Yield(self._plain(t.value) if t.value is not None else None))

    def _e_Await(self, t: ast.expr) -> ast.expr:
        raise AuditError(f"{self._file}:{t.lineno}: asynchronous code cannot be audited")


def _NOTHING(*names: str) -> ast.arguments:
    return ast.arguments([], [ast.arg(n) for n in names], None, [], [], None, [])
