"""Hypotheses: something is missing beside one operand of a statement: a factor, a divisor, a summand, a square."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from .edits import Edit
from .evidence import State
from .node import Node, ndim_of, shape_of
from .parts import local_derivatives
from .program import is_array
from .replay import same
from .scope import Block, Hand
from .swaps import PRODUCTS, is_mask, name_finder, reads_outside
from .update import op_of

__all__ = ["completed", "undifferentiated"]

Get = Callable[[Node], Any]
Use = tuple[Node, int]  # who reads, and as which argument


def undifferentiated(hand: Hand, block: Block, state: State) -> Iterator[Edit]:
    """An operand that is the gradient of a later value: it lacks the local derivative of that value."""
    pairs = local_derivatives(hand, state)
    truth = state.truth.gradients
    for uses in _operands(hand, block):
        n, k = uses[0]
        if len(uses) > 1 or op_of(n) == "alias":
            continue
        value = state.get(n.args[k])
        for g, D in pairs.get(shape_of(value), ()):
            if same(value, truth[g.index]):
                name = hand.text(n.args[k])
                kind = "mask" if np.all((D == 0) | np.isclose(D, 1)) else "activation"
                why = f"{name} is the gradient of {hand.text(g)}, and its local derivative is missing here"
                change = _changed(k, _times(D))
                yield Edit(kind, block.statement, why, {n.index: change}, "", 25, n, block.target)


def completed(hand: Hand, block: Block) -> Iterator[Edit]:
    """Each operand, and each part, with what may be missing there: promiscuous, and asked last."""
    for uses in _operands(hand, block):
        n, k = uses[0]
        name = hand.text(n.args[k])
        if op_of(n) not in PRODUCTS:
            overrides = {m.index: _changed(j, lambda _m, _get, v: v * v) for m, j in uses}
            yield Edit("activation", block.statement, f"{name} should be squared", overrides, "", 40, n, block.target)
        yield from _beside(hand, block, n, n.args[k], name, [(m, partial(_changed, j)) for m, j in uses])
    for nodes in block.places.values():
        n = nodes[0]
        if is_array(n) and ndim_of(n.value):
            yield from _beside(hand, block, n, n, block.target or "a part", [(m, _result) for m in nodes])


def _operands(hand: Hand, block: Block) -> list[list[Use]]:
    """Arrays that the statement reads, by place."""
    own = {m.index for m in block.nodes}
    found: dict[tuple[int, str, int], list[Use]] = {}
    for n in [*block.nodes, *reads_outside(hand, block, own)]:
        if n.function is None:
            continue
        for k, a in enumerate(n.args):
            if a.index not in own and is_array(a) and ndim_of(a.value):
                found.setdefault((n.site, op_of(n), k), []).append((n, k))
    return list(found.values())


def _beside(
    hand: Hand, block: Block, n: Node, a: Node, name: str, places: list[tuple[Node, Callable[..., Any]]]
) -> Iterator[Edit]:
    """``a``, times, over, plus and minus each array at hand that does not change its shape."""
    shape = shape_of(a.value)
    for other, b in hand.visible(n):
        if not isinstance(b.value, np.ndarray) or b is a or not _fits(shape_of(b.value), shape):
            continue
        find = name_finder(hand, other, b)
        pairs = [(m, place, found) for m, place in places if (found := find(m)) is not None]
        kind = "mask" if is_mask(b) else "activation" if b.index in hand.iteration.forward else "wrong-operand"
        for what, f, its, rank in (
            ("factor", np.multiply, kind, 41),
            ("divisor", np.divide, kind, 42),
            ("summand", np.add, "fork", 46),
            ("subtrahend", np.subtract, "fork", 46),
        ):
            if f in (np.add, np.subtract) and shape_of(b.value) != shape:
                continue
            overrides = {
                m.index: place(lambda _m, get, v, f=f, found=found: f(v, get(found))) for m, place, found in pairs
            }
            why = f"the {what} {other} is missing beside {name}"
            yield Edit(its, block.statement, why, overrides, "", rank, n, block.target)


def _fits(small: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    try:
        return bool(small) and np.broadcast_shapes(small, shape) == shape
    except ValueError:
        return False


def _times(D: Any) -> Callable[[Node, Get, Any], Any]:
    return lambda _n, _get, v: v * D


def _changed(k: int, change: Callable[[Node, Get, Any], Any]) -> Callable[[Node, Get], Any]:
    """An operation with one of its arguments changed."""

    def run(n: Node, get: Get) -> Any:
        assert n.function is not None
        args = [get(x) for x in n.args]
        args[k] = change(n, get, args[k])
        return n.function(*args, **{x: get(v) for x, v in (n.keywords or {}).items()})

    return run


def _result(change: Callable[[Node, Get, Any], Any]) -> Callable[[Node, Get], Any]:
    """An operation with its result changed."""

    def run(n: Node, get: Get) -> Any:
        assert n.function is not None
        made = n.function(*[get(x) for x in n.args], **{x: get(v) for x, v in (n.keywords or {}).items()})
        return change(n, get, made)

    return run
