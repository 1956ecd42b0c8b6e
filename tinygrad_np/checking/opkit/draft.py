"""`draft_rule`: a first vjp rule for a function made of known ops, as source to start from.

The tape of its backward pass is written out. A tape knows sizes and no names for them, so it is recorded with sizes
that are primes, and where one of them stands in the source, the axis is put in its place.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ...core.primitive import Primitive
from ...core.tape import trace
from ...core.tensor import Tensor
from ...ops.declare import OPS
from ...transforms import vjp
from .call import Call, argument_names, call_of, op_name
from .point import point_of
from .sizes import free_sizes, reshaped
from .subject import draw, finite

__all__ = ["draft_rule"]

PRIMES = (11, 13, 17, 19, 23, 29, 31, 37)
ONLY_SHAPE = ("shape", "dtype", "ndim", "size")


def draft_rule(f: Callable[..., Any], *samples: Any, **params: Any) -> str:
    """A vjp rule for ``f`` as Python source, to be pasted below it, checked with `check_op`, and simplified.

    Parameters
    ----------
    f
        A function of arrays made of known ops, or an op around one.
    *samples
        Arguments of one call: arrays, or tuples of sizes that stand for random ones.
    **params
        Keyword parameters of the call; the rule is for these values of them.

    Raises
    ------
    ValueError
        If there is nothing to differentiate, or the tape of f does not give its gradient.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_np import draft_rule
    >>> def log_square(x):
    ...     return np.log(1 + x * x)
    >>> print(draft_rule(log_square, (3,)))  # doctest: +ELLIPSIS
    import numpy as np
    from tinygrad_np import primitive
    <BLANKLINE>
    <BLANKLINE>
    def log_square_by_x(g, _y, x):
        ...
    <BLANKLINE>
    <BLANKLINE>
    log_square = primitive(log_square).defvjp(log_square_by_x)
    """
    forward = f.forward if isinstance(f, Primitive) else f
    rng = np.random.default_rng(0)
    domain = getattr(f, "domain", (-2.0, 2.0))
    call = call_of(forward, [draw(s, rng, domain) for s in samples], params, "the sample")
    name = op_name(f)
    if not call.xs:
        raise ValueError(
            f"draft_rule({name}): no argument is of floating point, so there is nothing to differentiate by"
        )
    _demand_a_tape(call, name)
    call = _with_primes(call)
    wanted = {k: i for i, k in enumerate(call.where)}
    definitions, rules = [], []
    arguments = argument_names(forward, len(samples))
    for k, argument in enumerate(arguments):
        if k not in wanted:
            rules.append("None")
            continue
        rules.append(f"{name}_by_{argument}")
        definitions.append(_definition(call, wanted[k], rules[-1], arguments, bool(params)))
    imports = {line for d in definitions for line in d[0]} | {"import numpy as np"}
    helpers = dict.fromkeys(h for d in definitions for h in d[1])
    target = name if isinstance(f, Primitive) else f"{name} = primitive({name})"
    if not isinstance(f, Primitive):
        imports.add("from tinygrad_np import primitive")
    ordered = sorted(imports, key=lambda line: ("tinygrad" in line, line))
    parts = ["\n".join(ordered), *helpers, *(d[2] for d in definitions), f"{target}.defvjp({', '.join(rules)})"]
    return "\n\n\n".join(parts)


def _demand_a_tape(call: Call, name: str) -> None:
    """Raise unless the function's tape gives its gradient: no rule can be drafted from another."""
    try:
        point = point_of(call, np.random.default_rng(0))
        wrong = point is not None and any(np.any(point.judge(i).off) for i in range(len(call.xs)) if point.asks(i))
    except Exception as error:
        raise ValueError(f"draft_rule({name}): the function does not run on Tensors: {error}") from error
    if point is None:
        raise ValueError(f"draft_rule({name}): nothing finite of floating point comes out of {call.shown}")
    if wrong:
        raise ValueError(
            f"draft_rule({name}): the tape of the function does not give its gradient: something in it takes values"
            " out of Tensors (.data, float(), a loop in C)"
        )


def _with_primes(call: Call) -> Call:
    """The call with sizes that are primes, no two the same where the function takes that."""
    free = free_sizes(call) or call
    sizes = sorted({n for x in free.xs for n in x.shape if n > 1})
    new: dict[int, int] = dict(zip(sizes, PRIMES, strict=False))
    other = reshaped(free, [tuple(new.get(n, int(n)) for n in x.shape) for x in free.xs], "the sample")
    return other if other is not None and len(sizes) <= len(PRIMES) and finite(other) else call


def _definition(
    call: Call, i: int, name: str, arguments: Sequence[str], has_params: bool
) -> tuple[list[str], list[str], str]:
    """The rule for argument ``i``: its imports, the functions that it calls, and its own source."""
    from ...passes import optimised  # loaded when a rule is drafted, as the room that writes is
    from ...writing import to_numpy

    ys = [np.asarray(y) for y in call.outputs(*call.xs)]
    gs = [Tensor(np.ones_like(y), name="g" if len(ys) == 1 else f"g{k}") for k, y in enumerate(ys)]
    arrays = [k for k, x in enumerate(call.leaves) if isinstance(x, np.ndarray)]  # of integers too: the rule reads them
    names = dict(zip(call.where, call.names, strict=True)) | {k: n for k, n in enumerate(arguments) if k in arrays}

    def backward(*operands: Any) -> Any:
        given = dict(zip(arrays, operands[len(gs) :], strict=True))
        here = replace(call, leaves=tuple(given.get(k, x) for k, x in enumerate(call.leaves)))
        _, pullback = vjp(here.outputs, *(given[k] for k in call.where))
        return pullback(tuple(operands[: len(gs)]))[i]

    tape = optimised(trace(backward, *gs, *(Tensor(call.leaves[k], name=names[k]) for k in arrays)))
    tree = ast.parse(to_numpy(tape, name, comments=False))
    rule = next(n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == name)
    others = [n for n in tree.body if n is not rule]
    imports = [ast.unparse(n) for n in others if isinstance(n, ast.Import | ast.ImportFrom)]
    helpers: list[str] = []
    called = {n.id for n in ast.walk(rule) if isinstance(n, ast.Name)}
    for node in reversed([n for n in others if isinstance(n, ast.FunctionDef)]):  # a helper stands above its callers
        op = OPS.get(f"_{node.name}") or OPS.get(node.name)
        if node.name not in called:
            continue
        if op is not None and isinstance(op.call, Primitive):  # it runs on Tensors, as a second derivative needs
            imports.append(
                f"from tinygrad_np.ops.{op.room} import {op.name} as {node.name}".removesuffix(f" as {op.name}")
            )
            continue
        called |= {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
        helpers.insert(0, ast.unparse(node))
    helpers = [ast.unparse(n) for n in others if isinstance(n, ast.Assign)] + helpers
    used = ast.unparse(rule) + "".join(helpers)
    imports = [line for line in imports if line.rsplit(" ", 1)[-1] in used]
    rule.body = [n for n in rule.body if not (isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant))]
    _named_sizes(rule, call)
    named = [*arguments]
    rule.args = _signature(rule, named, len(gs), has_params)
    return imports, helpers, ast.unparse(ast.fix_missing_locations(rule))


def _named_sizes(rule: ast.FunctionDef, call: Call) -> None:
    """Put ``x.shape[0]`` where its size stands, and ``x.size`` where the product of all of its sizes does."""
    sizes: dict[float, str] = {}
    shapes: dict[tuple[int, ...], str] = {}
    for name, x in zip(call.names, call.xs, strict=True):
        for axis, n in enumerate(x.shape):
            if n in PRIMES:
                sizes.setdefault(n, f"{name}.shape[{axis}]")
        if x.ndim and any(n in PRIMES for n in x.shape):
            shapes.setdefault(x.shape, f"{name}.shape")
            if x.ndim > 1:
                sizes.setdefault(x.size, f"{name}.size")
    sizes |= {1 / n: f"1 / {text}" for n, text in sizes.items()}

    g = rule.args.args[0].arg

    class Put(ast.NodeTransformer):
        def visit_Call(self, node: ast.Call) -> ast.AST:
            self.generic_visit(node)
            if ast.unparse(node.func) == "np.zeros":  # like g it is an array or a Tensor, as a second derivative needs
                return _expression(f"np.zeros_like({g}, shape={ast.unparse(node.args[0])})")
            return node

        def visit_Tuple(self, node: ast.Tuple) -> ast.AST:
            values = tuple(e.value if isinstance(e, ast.Constant) else None for e in node.elts)
            if values in shapes:
                return _expression(shapes[values])  # type: ignore[index]  # it is in there
            return self.generic_visit(node)

        def visit_Constant(self, node: ast.Constant) -> ast.AST:
            if type(node.value) in (int, float) and node.value in sizes:
                return _expression(sizes[node.value])  # type: ignore[index]  # a number
            return node

    for k, statement in enumerate(rule.body):
        rule.body[k] = Put().visit(statement)


def _signature(rule: ast.FunctionDef, arguments: Sequence[str], outputs: int, has_params: bool) -> ast.arguments:
    """``(g, _y, x)``: with an underscore before what the rule does not read the values of."""
    read = {n for statement in rule.body for n in _read(statement)}
    names = [a if a in read else f"_{a}" for a in arguments]
    for statement in rule.body:
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and node.id in arguments and node.id not in read:
                node.id = f"_{node.id}"
    if outputs > 1:
        targets = ast.Tuple([ast.Name(f"g{k}", ast.Store()) for k in range(outputs)], ast.Store())
        rule.body.insert(0, ast.Assign([targets], ast.Name("g", ast.Load())))
    text = ", ".join(["g", "_y", *names, *(["**_params"] if has_params else [])])
    made = ast.parse(f"def f({text}): ...").body[0]
    assert isinstance(made, ast.FunctionDef)
    return made.args


def _expression(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def _read(node: ast.AST) -> Iterator[str]:
    """The names whose values are read, not only their shape."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.attr in ONLY_SHAPE:
        return
    if isinstance(node, ast.Name):
        yield node.id
    for child in ast.iter_child_nodes(node):
        yield from _read(child)
