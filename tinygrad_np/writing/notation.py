"""One record as a Python expression.

NumPy's own functions are called by name and operators written as such; where the forward function of an op is one
expression, that expression is the notation; what is longer becomes a helper function. A few ops have a form that
people prefer: ``x.sum(axis=0)``, ``x.T``.
"""

from __future__ import annotations

import ast
import copy
import functools
import types
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.record import Record
from ..passes.rewrite import op_of
from .helpers import Helpers, function_of, parsed
from .literals import dotted, literal, numpy_name

__all__ = ["appearances", "expression", "index_of"]

BINARY: dict[str, Any] = {
    "add": ast.Add, "subtract": ast.Sub, "multiply": ast.Mult, "divide": ast.Div, "power": ast.Pow,
    "remainder": ast.Mod, "floor_divide": ast.FloorDiv, "matmul": ast.MatMult, "bitwise_and": ast.BitAnd,
    "bitwise_or": ast.BitOr, "bitwise_xor": ast.BitXor,
}  # fmt: skip
COMPARE: dict[str, Any] = {
    "greater": ast.Gt, "greater_equal": ast.GtE, "less": ast.Lt, "less_equal": ast.LtE, "equal": ast.Eq,
    "not_equal": ast.NotEq,
}  # fmt: skip
UNARY: dict[str, Any] = {"negative": ast.USub, "invert": ast.Invert}
METHODS = ("sum", "mean", "max", "min", "prod", "cumsum", "cumprod", "argmax", "argmin", "any", "all", "var", "std")

Operands = Sequence[ast.expr]


def expression(r: Record, operands: Operands, helpers: Helpers) -> ast.expr:
    """The call that record ``r`` stands for, on these operands.

    Raises
    ------
    WriteError
        If a parameter has no literal, or the op's function no source.
    """
    name = op_of(r)
    params = r.params or {}
    if name in BINARY and len(operands) == 2 and not params:
        return ast.BinOp(operands[0], BINARY[name](), operands[1])
    if name == "not_equal" and r.inputs[0] is r.inputs[1]:
        return ast.Call(dotted("np.isnan"), [operands[0]], [])  # what x != x is for
    if name in COMPARE and len(operands) == 2 and not params:
        return ast.Compare(operands[0], [COMPARE[name]()], [operands[1]])
    if name in UNARY and not params:
        return ast.UnaryOp(UNARY[name](), operands[0])
    if name in SPECIAL:
        special = SPECIAL[name](r, operands, params)
        if special is not None:
            return special
    if name in METHODS and not {"where", "initial"} & params.keys():
        keywords = [ast.keyword(k, literal(v)) for k, v in params.items() if not _is_default(k, v)]
        return ast.Call(ast.Attribute(operands[0], name, ast.Load()), [], keywords)
    return _called(r, operands, params, helpers)


def _is_default(key: str, value: Any) -> bool:
    return value is {"axis": None, "keepdims": False, "ddof": 0, "dtype": None, "out": None}.get(key, Ellipsis)


def _called(r: Record, operands: Operands, params: dict[str, Any], helpers: Helpers) -> ast.expr:
    f = function_of(r.primitive)  # type: ignore[arg-type]  # no leaf
    path = numpy_name(f)
    if path is not None:
        keywords = [ast.keyword(k, _value(v, helpers)) for k, v in params.items()]
        return ast.Call(dotted(path), list(operands), keywords)
    inline = _inlined(f, operands, params, helpers)
    if inline is not None:
        return inline
    name = helpers.name(f, r.primitive.name)  # type: ignore[union-attr]
    keywords = [ast.keyword(k, _value(v, helpers)) for k, v in params.items()]
    return ast.Call(dotted(name), list(operands), keywords)


def _value(value: Any, helpers: Helpers) -> ast.expr:
    """A parameter: a literal, a function that is written above, or a source of random numbers that is an argument."""
    if isinstance(value, np.random.Generator | np.random.RandomState):
        return dotted(helpers.argument(value, "rng"))
    if isinstance(value, functools.partial):
        helpers.imports.add(("", "functools"))
        keywords = [ast.keyword(k, _value(v, helpers)) for k, v in value.keywords.items()]
        return ast.Call(dotted("functools.partial"), [_value(v, helpers) for v in (value.func, *value.args)], keywords)
    if isinstance(value, types.FunctionType):
        return dotted(helpers.name(value, value.__name__))
    return literal(value)


def _inlined(f: Any, operands: Operands, params: dict[str, Any], helpers: Helpers) -> ast.expr | None:
    """The one expression that ``f`` returns, with the operands in it; None if it is not of that kind."""
    found = _one_expression(f)
    if found is None:
        return None
    definition, body = found
    arguments = definition.args
    names = [a.arg for a in arguments.args]
    known = dict(zip(names, operands, strict=False))
    rest: list[ast.expr] = list(operands[len(names) :])
    if arguments.vararg is not None:
        known[arguments.vararg.arg] = ast.List(rest, ast.Load())
    elif rest:
        return None
    named = {*names, *(a.arg for a in arguments.kwonlyargs)}
    known |= {k: _value(v, helpers) for k, v in params.items() if k in named}
    options = [ast.keyword(k, _value(v, helpers)) for k, v in params.items() if k not in named]
    return _Fill(known, arguments.kwarg.arg if arguments.kwarg else None, options).visit(copy.deepcopy(body))  # type: ignore[no-any-return]


def _one_expression(f: Any) -> tuple[ast.FunctionDef, ast.expr] | None:
    if not isinstance(f, types.FunctionType) or f.__closure__:
        return None
    definition = parsed(f)
    if definition is None or len(definition.body) != 1 or not isinstance(definition.body[0], ast.Return):
        return None
    body = definition.body[0].value
    own = {n.arg for n in ast.walk(definition.args) if isinstance(n, ast.arg)} | {"np", "tuple", "len", "abs"}
    free = {n.id for n in ast.walk(body) if isinstance(n, ast.Name)} - own  # type: ignore[arg-type]  # it returns
    return None if free or body is None or any(isinstance(n, ast.IfExp) for n in ast.walk(body)) else (definition, body)


class _Fill(ast.NodeTransformer):
    """Puts operands and parameters in the place of the names of a function's arguments."""

    def __init__(self, known: dict[str, ast.expr], rest: str | None, options: list[ast.keyword]) -> None:
        self.known, self.rest, self.options = known, rest, options

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self.known.get(node.id, node)

    def visit_Call(self, node: ast.Call) -> ast.expr:
        kept: list[ast.keyword] = []
        for k in node.keywords:
            of_rest = k.arg is None and isinstance(k.value, ast.Name) and k.value.id == self.rest
            kept += self.options if of_rest else [k]
        node.keywords = kept
        self.generic_visit(node)
        arguments: list[ast.expr] = []
        for a in node.args:
            starred = isinstance(a, ast.Starred) and isinstance(a.value, ast.List)
            arguments += a.value.elts if starred else [a]  # type: ignore[attr-defined]  # a list, starred
        node.args = arguments
        node.keywords = [k for k in node.keywords if not _drops(k)]
        return node


def _drops(k: ast.keyword) -> bool:
    """Whether a keyword says what NumPy does anyhow; ``axis`` has another default in ``ufunc.reduce``."""
    return k.arg in ("keepdims", "dtype") and isinstance(k.value, ast.Constant) and _is_default(k.arg, k.value.value)


def appearances(r: Record) -> Counter[int]:
    """How often each input is written in the expression of ``r``, by its number."""
    n = len(r.inputs)
    once = Counter(range(n))
    p = r.primitive
    if p is None or op_of(r) in BINARY | COMPARE | UNARY or op_of(r) in SPECIAL or op_of(r) in METHODS:
        return once
    found = _one_expression(function_of(p))
    if found is None:
        return once
    names = [a.arg for a in found[0].args.args]
    counts = Counter(n.id for n in ast.walk(found[1]) if isinstance(n, ast.Name))
    return Counter({i: counts[names[i]] if i < len(names) else 1 for i in range(n)})


# Forms that people prefer


def _transpose(r: Record, operands: Operands, params: dict[str, Any]) -> ast.expr:
    n, axes = len(r.shape), params.get("axes")
    if axes is None or [i % n for i in axes] == list(range(n))[::-1]:
        return ast.Attribute(operands[0], "T", ast.Load())
    if n > 1 and [i % n for i in axes] == [*range(n - 2), n - 1, n - 2]:
        return ast.Attribute(operands[0], "mT", ast.Load())
    return ast.Call(ast.Attribute(operands[0], "transpose", ast.Load()), [literal(i) for i in axes], [])


def _reshape(_: Record, operands: Operands, params: dict[str, Any]) -> ast.expr | None:
    shape = params.get("shape")
    if params.get("order") not in (None, "C"):
        return None
    sizes = shape if isinstance(shape, tuple | list) else (shape,)
    arguments = [literal(n) for n in sizes] or [literal(())]
    return ast.Call(ast.Attribute(operands[0], "reshape", ast.Load()), arguments, [])


def index_of(index: Any, arrays: Operands = ()) -> ast.expr:
    """What stands between the brackets, with these arrays in the places that are theirs."""
    rest = iter(arrays)

    def part(i: Any) -> ast.expr:
        if isinstance(i, str):
            return next(rest)
        if isinstance(i, slice):
            bounds = [None if v is None else literal(v) for v in (i.start, i.stop, i.step)]
            return ast.Slice(*bounds)
        return dotted("np.newaxis") if i is None else literal(i)

    if isinstance(index, tuple):
        parts = [part(i) for i in index]
        return parts[0] if len(parts) == 1 else ast.Tuple(parts, ast.Load())
    return part(index)


def _getitem(_: Record, operands: Operands, params: dict[str, Any]) -> ast.expr:
    return ast.Subscript(operands[0], index_of(params["index"], operands[1:]), ast.Load())


def _item(_: Record, operands: Operands, params: dict[str, Any]) -> ast.expr:
    return ast.Subscript(operands[0], literal(params["index"]), ast.Load())


def _astype(r: Record, operands: Operands, params: dict[str, Any]) -> ast.expr | None:
    if params.get("casting", "unsafe") != "unsafe" or params.get("order", "K") != "K":
        return None
    return ast.Call(ast.Attribute(operands[0], "astype", ast.Load()), [literal(np.dtype(r.dtype))], [])


def _same(_: Record, operands: Operands, __: dict[str, Any]) -> ast.expr:
    return operands[0]


SPECIAL: dict[str, Callable[[Record, Operands, dict[str, Any]], ast.expr | None]] = {
    "transpose": _transpose,
    "reshape": _reshape,
    "getitem": _getitem,
    "gather": _getitem,
    "item": _item,
    "astype": _astype,
    "alias": _same,
}
