"""Hypotheses: one operation of a statement is another: a sum along another axis, a mask the other way round."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .edits import Edit, made, source_of
from .node import Node, ndim_of, shape_of
from .places import convolutions, indices, scatters, swapped
from .scope import Block, Hand, by_place
from .swaps import reads_outside
from .update import ADD, DIV, MUL, SUB, op_of

__all__ = ["local_edits"]

REDUCE = {"sum", "mean", "average"}
SPREAD = {"var", "std"}
FLIPPED: dict[str, list[Callable[..., Any]]] = {
    "gt": [operator.le, operator.lt, operator.ge],
    "ge": [operator.lt, operator.le, operator.gt],
    "lt": [operator.ge, operator.gt, operator.le],
    "le": [operator.gt, operator.ge, operator.lt],
    "eq": [operator.ne],
    "ne": [operator.eq],
}
SIGNS: dict[Any, str] = {
    operator.gt: ">",
    operator.ge: ">=",
    operator.lt: "<",
    operator.le: "<=",
    operator.eq: "==",
    operator.ne: "!=",
}
Get = Callable[[Node], Any]


def local_edits(hand: Hand, block: Block) -> Iterator[Edit]:
    """Every operation of the statement, replaced by what is easily mistaken for it."""
    places = by_place([*block.nodes, *reads_outside(hand, block, {m.index for m in block.nodes})])
    for nodes in places.values():
        n = nodes[0]
        name = op_of(n).removeprefix("inplace_")
        if name in REDUCE:
            yield from _reductions(hand, block, nodes)
        if name in SPREAD:
            yield from _spread(hand, block, nodes)
        if name in FLIPPED:
            yield from _comparisons(hand, block, nodes)
        if name in ("T", "transpose", "swapaxes", "mT"):
            yield made(
                hand, block, nodes, "transpose", "should not be transposed", lambda m, get: get(m.args[0]), 20, "{0}"
            )
        if name in ("matmul", "dot"):
            yield from _products(hand, block, nodes)
        if name in MUL and ndim_of(n.value) == 2:
            yield from _elementwise(hand, block, nodes)
        if name in ADD | SUB and len(n.args) == 2:
            yield from _signs(hand, block, nodes, name)
        if name in ("getitem", "set_item"):
            yield from indices(hand, block, nodes)
        if name == "set_item":
            yield from scatters(hand, block, nodes)
        if name == "where" and len(n.args) == 3:
            yield made(
                hand,
                block,
                nodes,
                "mask",
                "the two branches of where are exchanged",
                lambda m, get: np.where(get(m.args[0]), get(m.args[2]), get(m.args[1])),
                21,
            )
        if name in ("convolve", "correlate"):
            yield from convolutions(hand, block, nodes)
        if name in ("pow", "power", "square", "sqrt"):
            yield from _powers(hand, block, nodes)
        if name in MUL | DIV and len(n.args) == 2:
            yield from _turned(hand, block, nodes, name)
        if name in ("roll", "flip") or name == "getitem":
            continue


def _axes(ndim: int) -> Iterator[Any]:
    yield None
    for i in range(ndim):
        yield i
    if ndim > 2:
        for i in range(ndim):
            yield tuple(j for j in range(ndim) if j != i)


def _reductions(hand: Hand, block: Block, nodes: list[Node]) -> Iterator[Edit]:
    n = nodes[0]
    x = n.args[0]
    ndim = ndim_of(x.value)
    options = {k: v.value for k, v in (n.keywords or {}).items()}
    axis = options.get("axis", n.args[1].value if len(n.args) > 1 else None)
    keep = bool(options.get("keepdims", False))
    mean = op_of(n) != "sum"
    what = source_of(hand, n)

    def run(axis: Any, keep: bool, mean: bool) -> Callable[..., Any]:
        return lambda m, get: (np.mean if mean else np.sum)(get(m.args[0]), axis=axis, keepdims=keep)

    other = "sum" if mean else "mean"
    yield made(hand, block, nodes, "mean-sum", f"{what} should be a {other}", run(axis, keep, not mean), 10)
    for new in _axes(ndim):
        for kept in (keep, not keep):
            if new == axis and kept == keep:
                continue
            over = "every axis" if new is None else f"axis {new}"
            was = "every axis" if axis is None else f"axis {axis}"
            why = f"{what} sums over {was} and should sum over {over}" + (", kept" if kept and not keep else "")
            yield made(hand, block, nodes, "bias-sum", why, run(new, kept, mean), 16)
            if not keep:
                yield made(hand, block, nodes, "bias-sum", why, run(new, kept, not mean), 40)
    yield made(
        hand, block, nodes, "bias-sum", f"{what}: nothing should be summed here", lambda m, get: get(m.args[0]), 17
    )


def _spread(hand: Hand, block: Block, nodes: list[Node]) -> Iterator[Edit]:
    n = nodes[0]
    options = {k: v.value for k, v in (n.keywords or {}).items()}
    axis = options.get("axis", n.args[1].value if len(n.args) > 1 else None)
    ddof, keep = options.get("ddof", 0), options.get("keepdims", False)
    f = getattr(np, op_of(n))
    yield made(
        hand,
        block,
        nodes,
        "bessel",
        f"{source_of(hand, n)} divides by {'n' if ddof else 'n - 1'}'s neighbour",
        lambda m, get: f(get(m.args[0]), axis=axis, ddof=1 - ddof, keepdims=keep),
        14,
    )


def _comparisons(hand: Hand, block: Block, nodes: list[Node]) -> Iterator[Edit]:
    n = nodes[0]
    for f in FLIPPED[op_of(n)]:
        sign = SIGNS[f]
        yield made(
            hand,
            block,
            nodes,
            "mask",
            f"the mask {source_of(hand, n)} is the wrong way round",
            lambda m, get, f=f: f(get(m.args[0]), get(m.args[1])),
            18,
            f"{{0}} {sign} {{1}}",
        )


def _products(hand: Hand, block: Block, nodes: list[Node]) -> Iterator[Edit]:
    n = nodes[0]
    if len(n.args) < 2:
        return
    what = source_of(hand, n)
    swaps: list[tuple[str, Callable[[Any, Any], Any]]] = [
        ("({0}).T @ {1}", lambda a, b: _t(a) @ b),
        ("{0} @ ({1}).T", lambda a, b: a @ _t(b)),
        ("{1} @ {0}", lambda a, b: b @ a),
        ("({1}).T @ {0}", lambda a, b: _t(b) @ a),
        ("{1} @ ({0}).T", lambda a, b: b @ _t(a)),
        ("({0} @ {1}).T", lambda a, b: _t(a @ b)),
        ("({0}).T @ ({1}).T", lambda a, b: _t(a) @ _t(b)),
    ]
    for text, f in swaps:
        yield made(
            hand,
            block,
            nodes,
            "transpose",
            f"{what} has a factor transposed, or the two in the wrong order",
            lambda m, get, f=f: f(get(m.args[0]), get(m.args[1])),
            20,
            text,
        )
    yield made(
        hand,
        block,
        nodes,
        "transpose",
        f"{what} should be a product element by element",
        lambda m, get: get(m.args[0]) * get(m.args[1]),
        21,
        "{0} * {1}",
    )


def _t(a: Any) -> Any:
    return np.swapaxes(a, -1, -2)


def _elementwise(hand: Hand, block: Block, nodes: list[Node]) -> Iterator[Edit]:
    what = source_of(hand, nodes[0])
    for text, f in (
        ("{0} @ {1}", lambda a, b: a @ b),
        ("{0} @ ({1}).T", lambda a, b: a @ _t(b)),
        ("({0}).T @ {1}", lambda a, b: _t(a) @ b),
        ("{1} @ {0}", lambda a, b: b @ a),
    ):
        yield made(
            hand,
            block,
            nodes,
            "transpose",
            f"{what} should be a product of matrices",
            lambda m, get, f=f: f(get(m.args[0]), get(m.args[1])),
            21,
            text,
        )


def _signs(hand: Hand, block: Block, nodes: list[Node], name: str) -> Iterator[Edit]:
    what = source_of(hand, nodes[0])
    if isinstance(hand.sites[nodes[0].site].tree, ast.stmt):
        what = block.statement.source
    f, sign = (operator.sub, "-") if name in ADD else (operator.add, "+")
    new = f"{{0}} {sign} {{1}}"
    if isinstance(nodes[0].value, int | np.integer):
        yield made(
            hand,
            block,
            nodes,
            "time-index",
            f"the index {what} should be {ast.unparse(swapped(hand, nodes[0], sign))}",
            lambda m, get: f(get(m.args[0]), get(m.args[1])),
            15,
            new,
        )
        return
    yield made(
        hand,
        block,
        nodes,
        "sign",
        f"a sign in {what} is wrong",
        lambda m, get: f(get(m.args[0]), get(m.args[1])),
        24,
        new,
    )
    if name in SUB:
        yield made(
            hand,
            block,
            nodes,
            "sign",
            f"{what} is the wrong way round",
            lambda m, get: get(m.args[1]) - get(m.args[0]),
            23,
            "{1} - {0}",
        )
    for k in (0, 1):
        yield made(
            hand,
            block,
            nodes,
            "fork",
            f"a summand of {what} does not belong there",
            lambda m, get, k=k: get(m.args[k]) + 0 * get(m.args[1 - k]),
            44,
            f"{{{k}}}",
        )


def _powers(hand: Hand, block: Block, nodes: list[Node]) -> Iterator[Edit]:
    what = source_of(hand, nodes[0])
    for p, text in ((1, "{0}"), (2, "({0}) ** 2"), (3, "({0}) ** 3"), (0.5, "np.sqrt({0})"), (-1, "1 / ({0})")):
        yield made(
            hand,
            block,
            nodes,
            "activation",
            f"{what} has the wrong power",
            lambda m, get, p=p: get(m.args[0]) ** p,
            34,
            text,
        )
    if op_of(nodes[0]) in ("pow", "power"):
        for d in (-1, 1):
            yield made(
                hand,
                block,
                nodes,
                "activation",
                f"{what} has the wrong power",
                lambda m, get, d=d: get(m.args[0]) ** (get(m.args[1]) + d),
                35,
            )


def _turned(hand: Hand, block: Block, nodes: list[Node], name: str) -> Iterator[Edit]:
    what = source_of(hand, nodes[0])
    f, text = (operator.truediv, "{0} / {1}") if name in MUL else (operator.mul, "{0} * {1}")
    yield made(
        hand,
        block,
        nodes,
        "factor",
        f"{what} should {'divide' if name in MUL else 'multiply'}",
        lambda m, get: f(get(m.args[0]), get(m.args[1])),
        46,
        text,
    )
    for k in (0, 1):
        other = nodes[0].args[1 - k]
        if name in MUL and isinstance(other.value, np.ndarray) and shape_of(other.value) == shape_of(nodes[0].value):
            yield made(
                hand,
                block,
                nodes,
                *_needless(hand, nodes[0], other),
                lambda m, get, k=k: get(m.args[k]),
                43,
                f"{{{k}}}",
            )


def _needless(hand: Hand, n: Node, factor: Node) -> tuple[str, str]:
    zero_one = np.all((factor.value == 0) | (factor.value == 1))
    kind = "mask" if zero_one else "activation"
    return kind, f"the factor {hand.text(factor)} does not belong in {source_of(hand, n)}"
