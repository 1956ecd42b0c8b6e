"""Hypotheses: another place of an array is meant, or what is stored there adds up."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .edits import Edit, made, source_of
from .node import Node, ndim_of, set_item, ufunc_at
from .scope import Block, Hand
from .update import ADD, SAME, SUB, op_of

Get = Callable[[Node], Any]

__all__ = ["convolutions", "indices", "scatters", "swapped"]


def indices(hand: Hand, block: Block, nodes: list[Node]) -> Iterator[Edit]:
    n = nodes[0]
    index = n.args[1].value
    what = source_of(hand, n)

    def again(m: Node, get: Get, index: Any) -> Any:
        x = get(m.args[0])
        return x[index] if op_of(m) == "getitem" else set_item(x, index, get(m.args[2]))

    if isinstance(index, int | np.integer) and not isinstance(index, bool):
        for step in (-1, 1, -2, 2):
            yield made(
                hand,
                block,
                nodes,
                "time-index",
                f"{what} is off by {step:+d}",
                lambda m, get, s=step: again(m, get, _bounded(get(m.args[1]) + s, get(m.args[0]))),
                15,
            )
    if isinstance(index, tuple) and any(isinstance(i, int) for i in index):
        for at, i in enumerate(index):
            if isinstance(i, int) and not isinstance(i, bool):
                for step in (-1, 1):
                    yield made(
                        hand,
                        block,
                        nodes,
                        "time-index",
                        f"{what} is off by one along axis {at}: {step:+d}",
                        lambda m, get, at=at, s=step: again(m, get, _moved(get(m.args[1]), at, s)),
                        15,
                    )
    if isinstance(index, slice) and index.step == -1 and index.start is None and index.stop is None:
        yield made(
            hand, block, nodes, "time-index", f"{what} should not be reversed", lambda m, get: get(m.args[0]), 15, "{0}"
        )
    if isinstance(index, slice):
        for step in (-1, 1):
            yield made(
                hand,
                block,
                nodes,
                "time-index",
                f"the slice {what} is off by one: {step:+d}",
                lambda m, get, s=step: again(m, get, _slid(get(m.args[1]), s)),
                19,
            )


def swapped(hand: Hand, n: Node, sign: str) -> ast.expr:
    tree = hand.sites[n.site].tree
    if not isinstance(tree, ast.BinOp):
        return ast.Name("another", ast.Load())
    return ast.BinOp(tree.left, ast.Add() if sign == "+" else ast.Sub(), tree.right)


def _bounded(i: Any, x: Any) -> Any:
    if i < 0 and i >= -1 and len(x) and i != -1:
        raise IndexError(i)
    return i


def _moved(index: tuple[Any, ...], at: int, step: int) -> tuple[Any, ...]:
    return (*index[:at], index[at] + step, *index[at + 1 :])


def _slid(index: slice, step: int) -> slice:
    start = index.start + step if index.start is not None else (step if step > 0 else None)
    stop = index.stop + step if index.stop is not None else (step if step < 0 else None)
    return slice(start, stop, index.step)


def scatters(hand: Hand, block: Block, nodes: list[Node]) -> Iterator[Edit]:
    n = nodes[0]
    change = n.args[2]
    while op_of(change) in SAME:
        change = change.args[0]
    adds = op_of(change) in ADD | SUB and op_of(change.args[0]) in ("getitem", "gather")
    arrays = _index_arrays(n.args[1].value)
    if adds and arrays:
        sign = "subtract" if op_of(change) in SUB else "add"

        def at(m: Node, get: Get) -> Any:
            c = m.args[2]
            while op_of(c) in SAME:
                c = c.args[0]
            v = get(c.args[1])
            return ufunc_at(np.add)(get(m.args[0]), get(m.args[1]), -v if sign == "subtract" else v)

        yield made(
            hand, block, nodes, "scatter", f"an index that comes more than once counts once: use np.{sign}.at", at, 9
        )
    if not adds and ndim_of(n.args[2].value) and np.asarray(_flat_index(n.args[1].value)).dtype != np.bool_:

        def plus(m: Node, get: Get) -> Any:
            return ufunc_at(np.add)(get(m.args[0]), get(m.args[1]), get(m.args[2]))

        kind = "scatter" if arrays and _repeats(n.args[1].value) else "fork"
        yield made(
            hand, block, nodes, kind, f"{_target(block)} = overwrites what was there: it should add (+=)", plus, 13
        )
    if adds:

        def only(m: Node, get: Get) -> Any:
            c = m.args[2]
            while op_of(c) in SAME:
                c = c.args[0]
            return set_item(get(m.args[0]), get(m.args[1]), get(c.args[1]))

        yield made(
            hand, block, nodes, "fork", f"{_target(block)} += counts twice what is there: it should be =", only, 33
        )


def _target(block: Block) -> str:
    tree = block.statement.tree
    t = tree.targets[0] if isinstance(tree, ast.Assign) else getattr(tree, "target", None)
    return ast.unparse(t) if t is not None else "this"


def _index_arrays(index: Any) -> list[Any]:
    parts = index if isinstance(index, tuple) else (index,)
    return [np.asarray(p) for p in parts if isinstance(p, np.ndarray | list) and np.asarray(p).dtype.kind in "iu"]


def _flat_index(index: Any) -> Any:
    return index if isinstance(index, np.ndarray) else 0


def _repeats(index: Any) -> bool:
    arrays = _index_arrays(index)
    if not arrays:
        return False
    rows = np.stack([a.reshape(-1) for a in np.broadcast_arrays(*arrays)], axis=1)
    return len(np.unique(rows, axis=0)) < len(rows)


def convolutions(hand: Hand, block: Block, nodes: list[Node]) -> Iterator[Edit]:
    n = nodes[0]
    what = source_of(hand, n)
    other = np.correlate if op_of(n) == "convolve" else np.convolve
    modes = [n.args[2].value] if len(n.args) > 2 else [v.value for v in (n.keywords or {}).values()] or ["full"]
    for mode in dict.fromkeys([*modes, "valid", "full", "same"]):
        for text, f in (
            (f"np.{other.__name__}({{1}}, {{2}}, {mode!r})", lambda a, b, mode=mode: other(a, b, mode)),
            ("reversed", lambda a, b, mode=mode: getattr(np, op_of(n))(a, b[::-1], mode)),
            ("reversed", lambda a, b, mode=mode: getattr(np, op_of(n))(a[::-1], b, mode)),
            ("exchanged", lambda a, b, mode=mode: other(b, a, mode)),
            ("reversed", lambda a, b, mode=mode: getattr(np, op_of(n))(a, b, mode)[::-1]),
        ):
            yield made(
                hand,
                block,
                nodes,
                "time-index",
                f"{what} runs through one of its arguments in the wrong order",
                lambda m, get, f=f: f(get(m.args[0]), get(m.args[1])),
                19,
                text if "{" in text else "",
            )
