"""Through Adam, RMSProp, clipping and their like: the gradient that an optimiser was handed."""

from __future__ import annotations

from typing import Any

from .node import Node, shape_of
from .update import ADD, DIV, MUL, NEG, SAME, SUB, op_of, origin

__all__ = ["optimiser_input"]

NONLINEAR = {
    "sqrt",
    "square",
    "pow",
    "power",
    "ipow",
    "absolute",
    "abs",
    "sign",
    "clip",
    "maximum",
    "minimum",
    "reciprocal",
}
ELEMENTWISE = ADD | SUB | MUL | DIV | NEG | SAME | NONLINEAR | {"where", "set_item"}


def optimiser_input(
    atom: Node, shape: tuple[int, ...], influenced: set[int], replaced: set[int], root: int
) -> Node | None:
    """The one value that all of ``atom`` hangs on, behind its squares, roots and running means; None if it has none.

    ``influenced``: what depends on the loss; ``replaced``: what another value took the place of in this iteration,
    running means among them.
    """
    inside, hot, running = _region(atom, shape, influenced, replaced, root)
    if atom.index not in inside or not hot or not (running or op_of(origin(atom)) in ("clip", "sign")):
        return None
    for g in sorted(inside.values(), key=lambda n: -n.index):
        if g is atom or _reaches(g, hot, inside, shape, influenced):
            continue
        if not _escapes(atom, g, inside, shape, influenced):
            return g
    boundary = {p.index: p for n in inside.values() for p in _followed(n, shape, influenced) if p.index not in inside}
    if len(boundary) == 1:
        return next(iter(boundary.values()))
    return None


def _followed(n: Node, shape: tuple[int, ...], influenced: set[int]) -> list[Node]:
    """Arguments that carry the gradient; scalars among them scale it (clipping by norm)."""
    return [p for p in n.parents if p.index in influenced and shape_of(p.value) == shape]


def _region(
    atom: Node, shape: Any, influenced: set[int], replaced: set[int], root: int
) -> tuple[dict[int, Node], set[int], bool]:
    """The elementwise nodes below ``atom``; which are not linear in the gradient; if running means are in it."""
    inside: dict[int, Node] = {}
    hot: set[int] = set()
    running = False
    todo = [atom]
    while todo:
        n = todo.pop()
        if n.index in inside or op_of(n) not in ELEMENTWISE or shape_of(n.value) != shape:
            continue
        carried = _followed(n, shape, influenced)
        if not carried:
            continue
        inside[n.index] = n
        others = [p for p in n.parents if p.index not in influenced and shape_of(p.value) in (shape, ())]
        if op_of(n) in NONLINEAR and op_of(n) not in ("maximum", "minimum"):
            hot.add(n.index)
        if op_of(n) in ADD | SUB and any(_is_state(p, replaced, root) for p in others):
            hot.add(n.index)
            running = True
        todo.extend(carried)
    if not any(op_of(n) in NONLINEAR for n in inside.values()):
        return inside, set(), running
    return inside, hot, running


def _is_state(p: Node, replaced: set[int], root: int) -> bool:
    todo, seen = [p], set()
    while todo:
        n = todo.pop()
        if n.index in seen or n.index == root:
            continue
        seen.add(n.index)
        if n.index in replaced or origin(n).index in replaced:
            return True
        if op_of(n) in MUL | SAME | DIV:
            todo.extend(n.parents)
    return False


def _reaches(g: Node, hot: set[int], inside: dict[int, Node], shape: Any, influenced: set[int]) -> bool:
    todo, seen = [g], set()
    while todo:
        n = todo.pop()
        if n.index in hot:
            return True
        if n.index in seen or n.index not in inside:
            continue
        seen.add(n.index)
        todo.extend(_followed(n, shape, influenced))
    return False


def _escapes(atom: Node, g: Node, inside: dict[int, Node], shape: Any, influenced: set[int]) -> bool:
    """Whether from ``atom`` something outside is reached but through ``g``."""
    todo, seen = [atom], set()
    while todo:
        n = todo.pop()
        if n is g or n.index in seen:
            continue
        seen.add(n.index)
        if n.index not in inside:
            return True
        todo.extend(_followed(n, shape, influenced))
    return False
