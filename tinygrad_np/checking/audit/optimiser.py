"""Through Adam, RMSProp, clipping and their like: the gradient that an optimiser was handed."""

from __future__ import annotations

from typing import Any

import numpy as np

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
COMPARED = {"gt", "lt", "ge", "le", "greater", "less", "greater_equal", "less_equal"}
ELEMENTWISE = ADD | SUB | MUL | DIV | NEG | SAME | NONLINEAR | COMPARED | {"where", "set_item"}
BOUNDING = {"clip", "minimum", "maximum", "fmin", "fmax", "where", "set_item", *SAME}


def optimiser_input(
    atom: Node, shape: tuple[int, ...], influenced: set[int], replaced: set[int], root: int
) -> Node | None:
    """The one value that all of ``atom`` hangs on, behind its squares, roots and running means; None if it has none.

    ``influenced``: what depends on the loss; ``replaced``: what another value took the place of in this iteration,
    running means among them.
    """
    handed = _handed(atom, shape, influenced, replaced, root)
    bounded = _unbounded(handed or atom, shape, influenced)
    return bounded if bounded is not None else handed


def _unbounded(n: Node, shape: tuple[int, ...], influenced: set[int]) -> Node | None:
    """What was clipped to bounds beyond zero, however that is written."""
    found = None
    todo, seen = [n], {n.index}
    low, high = _range(n)
    if shape_of(n.value) != shape or low == high:
        return None
    while todo:
        k = todo.pop()
        if op_of(k) not in BOUNDING:
            continue
        for p in _followed(k, shape, influenced):
            if p.index not in seen:
                seen.add(p.index)
                if shape_of(p.value) == shape and np.asarray(p.value).dtype.kind == "f":
                    todo.append(p)
                    if op_of(k) not in SAME and np.array_equal(np.clip(p.value, low, high), n.value):
                        found = p
    return found


def _range(n: Node) -> tuple[float, float]:
    v = np.asarray(n.value)
    if not v.size or v.dtype.kind != "f":
        return 0.0, 0.0
    low, high = float(v.min()), float(v.max())
    return low if low < 0 else -np.inf, high if high > 0 else np.inf


def _handed(atom: Node, shape: tuple[int, ...], influenced: set[int], replaced: set[int], root: int) -> Node | None:
    inside, hot, running = _region(atom, shape, influenced, replaced, root)
    bounded = any(op_of(n) == "sign" for n in inside.values()) or op_of(origin(atom)) == "clip"
    if atom.index not in inside or not (running or bounded):
        return None
    for g in sorted(inside.values(), key=lambda n: -n.index):
        if g is atom or _reaches(g, hot, inside, shape, influenced):
            continue
        above = _above(atom, g, inside, shape, influenced)
        if above is not None and any(op_of(n) in NONLINEAR for n in above):
            return g
    boundary = {p.index: p for n in inside.values() for p in _followed(n, shape, influenced) if p.index not in inside}
    if len(boundary) == 1 and any(op_of(n) in NONLINEAR for n in inside.values()):
        return next(iter(boundary.values()))
    return None


def _followed(n: Node, shape: tuple[int, ...], influenced: set[int]) -> list[Node]:
    """Arguments that carry the gradient; scalars among them scale it (clipping by norm)."""
    carried = [p for p in n.parents if p.index in influenced]
    whole = [p for p in carried if shape_of(p.value) == shape]
    return whole or [p for p in carried if _fits_into(shape_of(p.value), shape)]


def _fits_into(small: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    """Whether one shape is broadcast to the other: a gradient that was summed over too much."""
    return len(small) <= len(shape) and all(i in (1, j) for i, j in zip(small[::-1], shape[::-1], strict=False))


def _region(
    atom: Node, shape: Any, influenced: set[int], replaced: set[int], root: int
) -> tuple[dict[int, Node], set[int], bool]:
    """The elementwise nodes below ``atom``; which of them add to a state; if there is one."""
    inside: dict[int, Node] = {}
    hot: set[int] = set()
    running = False
    todo = [atom]
    while todo:
        n = todo.pop()
        if n.index in inside or op_of(n) not in ELEMENTWISE or not _fits_into(shape_of(n.value), shape):
            continue
        carried = _followed(n, shape, influenced)
        if not carried:
            continue
        inside[n.index] = n
        others = [p for p in n.parents if p.index not in influenced and shape_of(p.value) in (shape, ())]
        states = [p for p in others if _is_state(p, replaced, root)] if op_of(n) in ADD | SUB else []
        running = running or bool(states)
        if any(op_of(origin(p)) not in ("zeros", "zeros_like") for p in states):  # else a sum begins here
            hot.add(n.index)
        todo.extend(carried)
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


def _above(atom: Node, g: Node, inside: dict[int, Node], shape: Any, influenced: set[int]) -> list[Node] | None:
    """What lies between ``atom`` and ``g``; None if something else is reached past ``g``."""
    found: dict[int, Node] = {}
    todo = [atom]
    while todo:
        n = todo.pop()
        if n is g or n.index in found:
            continue
        if n.index not in inside:
            return None
        found[n.index] = n
        todo.extend(_followed(n, shape, influenced))
    return list(found.values())
