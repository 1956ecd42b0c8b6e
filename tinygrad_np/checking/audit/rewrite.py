"""The syntax tree of a function, rewritten so that every operation also reports to a `Recorder`.

An expression becomes one that gives a *node*: the plain value with a note of how it came about. A statement stores
plain values again, so that all other code sees what it always saw. Each loop body and each function body stands
twice, recorded and as it was: once enough is recorded, the program runs on at its own speed.

    w -= lr * dw      ->      w = R.inplace(f, 7, "sub", "w", R.load(f, 5, "w", w), R.binary(6, "mul", ..., ...))
"""

from __future__ import annotations

import ast
import copy
from typing import Any

from .expressions import FRAME, RECORDER, Expressions, Site, Statement
from .report import AuditError

__all__ = ["FRAME", "RECORDER", "Rewriter", "Site", "Statement"]

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


class Rewriter(Expressions):
    """Rewrites functions and scripts; remembers each site. One for a whole audit."""

    # Whole functions

    def function(self, tree: ast.FunctionDef | ast.Lambda, file: str, name: str, owner: str = "") -> ast.FunctionDef:
        """A function definition that does what ``tree`` does, and reports; ``owner``: the class it is a method of."""
        self._file, self._function, self._loops, self._class = file, name, (), owner
        if isinstance(tree, ast.Lambda):
            body: list[ast.stmt] = [ast.copy_location(ast.Return(tree.body), tree.body)]
            tree = ast.FunctionDef(name="lambda_", args=tree.args, body=body, decorator_list=[], returns=None)
            tree.lineno = tree.end_lineno = body[0].lineno
            tree.col_offset = tree.end_col_offset = 0
        made = self._def(tree)
        made.decorator_list, made.returns = [], None
        made.args = copy.deepcopy(made.args)
        for group in (made.args.posonlyargs, made.args.args, made.args.kwonlyargs):
            for a in group:
                a.annotation = None
        for one in (made.args.vararg, made.args.kwarg):
            if one is not None:
                one.annotation = None
        # Defaults are taken from the function itself; these only say how many there are.
        made.args.defaults = [ast.Constant(None) for _ in made.args.defaults]
        made.args.kw_defaults = [None if d is None else ast.Constant(None) for d in made.args.kw_defaults]
        return made

    def script(self, tree: ast.Module, file: str) -> ast.Module:
        """A module whose statements report; its functions and classes are left as they are."""
        self._file, self._function, self._loops = file, "<script>", ()
        body = self._block(tree.body)
        future = [s for s in body if isinstance(s, ast.ImportFrom) and s.module == "__future__"]
        frame = self._set(FRAME, self._r("frame", ast.Constant("<script>"), ast.Dict([], []), ast.Constant(False)))
        made = ast.Module([*future, frame, *[s for s in body if s not in future]], [])
        return ast.fix_missing_locations(made)

    def _def(self, tree: ast.FunctionDef) -> ast.FunctionDef:
        before = self._function, self._loops, self._statement, self._generator
        self._loops = ()
        if before[2] is not None:
            self._function = f"{self._function}.{tree.name}"
        own = list(_own(tree))
        self._generator = any(isinstance(n, ast.Yield | ast.YieldFrom) for n in own)
        declared = [n for n in own if isinstance(n, ast.Global | ast.Nonlocal)]
        plain = [_without_declarations(s) for s in copy.deepcopy(tree.body)]
        recorded = self._block([_without_declarations(s) for s in copy.deepcopy(tree.body)])
        a = tree.args
        names = [x.arg for x in (*a.posonlyargs, *a.args, *a.kwonlyargs, a.vararg, a.kwarg) if x is not None]
        arguments = ast.Dict([ast.Constant(n) for n in names], [ast.Name(n, ast.Load()) for n in names])
        made = self._r("frame", ast.Constant(self._function), arguments, ast.Constant(self._generator))
        made_ast = ast.If(
            ast.Attribute(ast.Name(RECORDER, ast.Load()), "on", ast.Load()), [self._set(FRAME, made), *recorded], plain
        )
        new = copy.copy(tree)
        new.body = [*declared, made_ast]
        self._function, self._loops, self._statement, self._generator = before
        ast.copy_location(made_ast, tree)
        return ast.fix_missing_locations(new)

    # Statements

    def _block(self, body: list[ast.stmt]) -> list[ast.stmt]:
        made: list[ast.stmt] = []
        for at, s in enumerate(body):
            if at == 0 and isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant):
                made.append(s)
                continue
            made += self._rewritten(s)
            if self.extra_loss is not None and self._last_before_loss(body, at):
                made += self._loss_statement(s)
        return made

    def _rewritten(self, s: ast.stmt) -> list[ast.stmt]:
        outer = self._statement
        self._statement = Statement(s, self._file, self._function, self._loops)
        self.statements.append(self._statement)
        method = getattr(self, f"_s_{type(s).__name__}", None)
        made = method(s) if method is not None else [s]
        for m in made:
            if m is not s:
                ast.copy_location(m, s)
                ast.fix_missing_locations(m)
        self._statement = outer
        return made

    def _last_before_loss(self, body: list[ast.stmt], at: int) -> bool:
        """Whether after ``body[at]`` all that the loss asked for is made of is known, and is not before."""
        assert self.extra_loss is not None
        wanted = _places(self.extra_loss[1], ast.Load)
        # The last statement of the block that sets one of them anew; later ones may step parameters.
        setters = [
            i
            for i, s in enumerate(body)
            if isinstance(s, ast.Assign | ast.AnnAssign) and _places(s, ast.Store) & wanted
        ]
        if setters:
            return at == setters[-1]
        held = {w.split(".")[0].split("[")[0] for w in wanted if not w.isidentifier()}
        return _calls(body[at], held)  # a method may set an attribute

    def _loss_statement(self, after: ast.stmt) -> list[ast.stmt]:
        assert self.extra_loss is not None
        name, tree = self.extra_loss
        made = ast.Assign([ast.Name(name, ast.Store())], copy.deepcopy(tree))
        ast.copy_location(made, after)
        for n in ast.walk(made):
            ast.copy_location(n, after)
        guarded = ast.Try(
            self._rewritten(made),
            [ast.ExceptHandler(ast.Name("Exception", ast.Load()), None, [ast.Pass()])],  # not all is known yet
            [],
            [],
        )
        return [ast.fix_missing_locations(ast.copy_location(guarded, after))]

    def _s_Assign(self, s: ast.Assign) -> list[ast.stmt]:
        if len(s.targets) == 1:
            return self._store(s.targets[0], self.expr(s.value))
        held = self._temporary()
        made: list[ast.stmt] = [self._set(held, self.expr(s.value))]
        for t in s.targets:
            made += self._store(t, ast.Name(held, ast.Load()))
        return made

    def _s_AnnAssign(self, s: ast.AnnAssign) -> list[ast.stmt]:
        return self._store(s.target, self.expr(s.value)) if s.value is not None else [s]

    def _store(self, target: ast.expr, node: ast.expr) -> list[ast.stmt]:
        """Statements that put the value of ``node``, code that gives a node, where ``target`` says."""
        if isinstance(target, ast.Name):
            made = self._r("bind", self._frame(), self._site(target), ast.Constant(target.id), node)
            return [ast.Assign([target], made)]
        if isinstance(target, ast.Attribute):
            made = self._r("set_attribute", self._site(target), self.expr(target.value), self._private(target.attr))
            return [self._ordered(made, node)]
        if isinstance(target, ast.Subscript):
            made = self._r("set_item", self._site(target), self.expr(target.value), self.expr(target.slice))
            return [self._ordered(made, node)]
        later: list[tuple[ast.expr, str]] = []
        plain, pattern = self._pattern(target, later)
        unpacked = self._r("unpack", self._frame(), self._site(target), ast.Constant(pattern), node)
        made_list: list[ast.stmt] = [ast.Assign([plain], unpacked)]
        for where, name in later:
            made_list += self._store(where, self._load(where, name))
        return made_list

    def _ordered(self, store: ast.Call, node: ast.expr) -> ast.stmt:
        """A store whose value is evaluated before what it is stored into, as Python does."""
        held = self._temporary()
        store.args.append(ast.Name(held, ast.Load()))
        return ast.If(ast.Constant(True), [self._set(held, node), ast.Expr(store)], [])

    def _s_AugAssign(self, s: ast.AugAssign) -> list[ast.stmt]:
        op, target = ast.Constant(type(s.op).__name__), s.target
        if isinstance(target, ast.Name):
            left, right = self._load(target, target.id), self.expr(s.value)
            made = self._r("inplace", self._frame(), self._site(s), op, ast.Constant(target.id), left, right)
            return [ast.Assign([target], made)]
        if isinstance(target, ast.Attribute):
            where, key, name = self.expr(target.value), self._private(target.attr), "inplace_attribute"
        else:
            where, key, name = self.expr(target.value), self.expr(target.slice), "inplace_item"
        # Python reads the target before it evaluates the right-hand side; `where` and `key` come first here too.
        return [ast.Expr(self._r(name, self._site(s), op, where, key, self.expr(s.value)))]

    def _s_Expr(self, s: ast.Expr) -> list[ast.stmt]:
        return [ast.Expr(self.expr(s.value))]

    def _s_Return(self, s: ast.Return) -> list[ast.stmt]:
        if s.value is None or self._generator:
            return [s if s.value is None else ast.Return(self._plain(s.value))]
        return [ast.Return(self._r("returned", self._site(s), self.expr(s.value)))]

    def _s_Assert(self, s: ast.Assert) -> list[ast.stmt]:
        return [ast.Assert(self._plain(s.test), s.msg)]

    def _s_If(self, s: ast.If) -> list[ast.stmt]:
        return [ast.If(self._plain(s.test), self._block(s.body), self._block(s.orelse))]

    def _s_With(self, s: ast.With) -> list[ast.stmt]:
        items = [ast.withitem(self._plain(i.context_expr), i.optional_vars) for i in s.items]
        return [ast.With(items, self._block(s.body))]

    def _s_Try(self, s: ast.Try) -> list[ast.stmt]:
        handlers = [ast.copy_location(ast.ExceptHandler(h.type, h.name, self._block(h.body)), h) for h in s.handlers]
        return [ast.Try(self._block(s.body), handlers, self._block(s.orelse), self._block(s.finalbody))]

    def _s_For(self, s: ast.For) -> list[ast.stmt]:
        item, state = self._temporary(), self._temporary()
        iterated = self.expr(s.iter)
        enter = self._set(state, self._r("enter_loop", self._frame(), self._site(s), iterated))
        outer, self._loops = self._loops, (*self._loops, s.lineno)
        on = ast.Attribute(ast.Name(RECORDER, ast.Load()), "on", ast.Load())
        recorded = [*self._store(s.target, ast.Name(item, ast.Load())), *self._block(s.body)]
        plainly = ast.Assign([copy.deepcopy(s.target)], ast.Attribute(ast.Name(item, ast.Load()), "live", ast.Load()))
        body = ast.If(on, recorded, [plainly, *copy.deepcopy(s.body)])
        self._loops = outer
        loop = ast.For(ast.Name(item, ast.Store()), ast.Name(state, ast.Load()), [body], self._block(s.orelse))
        leave = ast.Expr(self._r("leave_loop", ast.Name(state, ast.Load())))
        return [enter, loop, leave]

    def _s_While(self, s: ast.While) -> list[ast.stmt]:
        state = self._temporary()
        enter = self._set(state, self._r("enter_while", self._frame(), self._site(s)))
        outer, self._loops = self._loops, (*self._loops, s.lineno)
        step = ast.Call(ast.Attribute(ast.Name(state, ast.Load()), "step", ast.Load()), [], [])
        on = ast.Attribute(ast.Name(RECORDER, ast.Load()), "on", ast.Load())
        # The body of `while` runs recorded while `step` says so; the test runs as it was otherwise.
        test = ast.IfExp(step, self._plain(s.test), copy.deepcopy(s.test))
        body = ast.If(on, self._block(s.body), copy.deepcopy(s.body))
        self._loops = outer
        leave = ast.Expr(self._r("leave_loop", ast.Name(state, ast.Load())))
        return [enter, ast.While(test, [body], self._block(s.orelse)), leave]

    def _s_FunctionDef(self, s: ast.FunctionDef) -> list[ast.stmt]:
        return [s] if self._function == "<script>" else [self._def(s)]

    def _s_AsyncFunctionDef(self, s: ast.stmt) -> list[ast.stmt]:
        return [s]

    def _s_AsyncFor(self, s: ast.stmt) -> list[ast.stmt]:
        raise AuditError(f"{self._file}:{s.lineno}: asynchronous code cannot be audited")

    _s_AsyncWith = _s_AsyncFor  # noqa: N815  # found by the name of the class


def _own(tree: ast.AST) -> Any:
    """The nodes of a function without those of functions inside it."""
    for child in ast.iter_child_nodes(tree):
        yield child
        if not isinstance(child, (*FUNCTIONS, ast.ClassDef)):
            yield from _own(child)


def _places(tree: ast.AST, context: type[ast.expr_context]) -> set[str]:
    """The variables, attributes and items that are read, or set, in ``tree``."""
    kinds = ast.Name | ast.Attribute | ast.Subscript
    return {ast.unparse(n) for n in ast.walk(tree) if isinstance(n, kinds) and isinstance(n.ctx, context)}


def _calls(s: ast.stmt, held: set[str]) -> bool:
    """Whether a statement calls a method of one of these, or hands one over."""
    if not isinstance(s, ast.Expr | ast.Assign):
        return False
    calls = [n for n in ast.walk(s) if isinstance(n, ast.Call)]
    reached = [n for c in calls for p in (c.func, *c.args) for n in ast.walk(p) if isinstance(n, ast.Name)]
    return any(n.id in held and n.id != "np" for n in reached)


class _Undeclare(ast.NodeTransformer):
    def visit_Global(self, node: ast.Global) -> ast.stmt:
        return ast.copy_location(ast.Pass(), node)

    visit_Nonlocal = visit_Global  # type: ignore[assignment]  # noqa: N815  # as ast has it

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.stmt:
        return node

    visit_AsyncFunctionDef = visit_ClassDef = visit_Lambda = visit_FunctionDef  # type: ignore[assignment]  # noqa: N815


def _without_declarations(s: ast.stmt) -> ast.stmt:
    """``s`` without global and nonlocal, which stand once at the head of the function."""
    made: ast.stmt = _Undeclare().visit(s)
    return made
