"""Hypotheses: another array in the right formula."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .edits import Edit, suggestion
from .node import Node, ndim_of, shape_of
from .replay import same
from .scope import Block, Hand
from .update import DIV, MUL, op_of, origin

__all__ = ["PRODUCTS", "is_mask", "name_finder", "operand_swaps", "reads_outside"]

COMPARE = {"lt", "le", "gt", "ge", "eq", "ne", "less", "less_equal", "greater", "greater_equal", "equal", "not_equal"}
SELECTS = MUL | DIV | {"where", "set_item", "getitem", "logical_and", "invert", "astype"}
PRODUCTS = {"matmul", "dot", "einsum", "outer", "tensordot", "convolve", "correlate", "inner", "vdot"}
VIEWS = {"T", "transpose", "swapaxes", "mT", "reshape", "ravel", "alias", "getitem", "gather"}


def operand_swaps(hand: Hand, block: Block) -> Iterator[Edit]:
    """Each array that the statement reads, replaced by each other one that was at hand."""
    own = {n.index for n in block.nodes}
    read: dict[int, list[tuple[Node, int]]] = {}  # by the site of what is read: who reads it, and as which argument
    readers = [*block.nodes, *reads_outside(hand, block, own)]
    seen: set[tuple[int, int]] = set()
    for n in readers:
        if n.function is None:
            continue
        for k, a in enumerate(n.args):
            counts = isinstance(a.value, int | np.integer) and (bool(a.name) or a.function is not None)
            if (a.index in own and not counts) or (n.index, k) in seen:
                continue
            if not isinstance(a.value, np.ndarray | float | int | np.generic):
                continue
            if isinstance(a.value, int | np.integer) and (op_of(n) not in DIV | MUL or not counts):
                continue
            seen.add((n.index, k))
            read.setdefault(n.site * 100 + k, []).append((n, k))
    for uses in read.values():
        yield from _swaps_of(hand, block, uses)


def reads_outside(hand: Hand, block: Block, own: set[int]) -> list[Node]:
    """Parts of the statement that belong to no backward node: its masks and derivatives of forward values."""
    found = []
    todo = [p for n in block.nodes for p in n.parents]
    seen = set(own)
    sites = set(block.statement.sites)
    while todo:
        n = todo.pop()
        if n.index in seen or n.site not in sites or n.function is None:
            continue
        seen.add(n.index)
        found.append(n)
        todo.extend(n.parents)
    return found


def _swaps_of(hand: Hand, block: Block, uses: list[tuple[Node, int]]) -> Iterator[Edit]:
    n, k = uses[0]
    a = n.args[k]
    shape = shape_of(a.value)
    tried: list[Any] = []
    candidates: list[tuple[str, Callable[[Node], Node | None], str]] = []
    for name, other in hand.visible(n):
        if origin(other) is not origin(a):
            candidates.append((name, name_finder(hand, name, other), ""))
    if any(True for _ in hand.earlier(a)):
        candidates.append((hand.text(a), _older(hand), "older"))
    steps = [step for step in (-1, 1) if hand.neighbour(a, step) is not None]
    candidates += [(hand.text(a), _neighbour(hand, k, step), f"{step:+d}") for step in steps]
    many = len(uses) > 1
    for name, find, how in candidates:
        b = find(n)
        if b is None or not isinstance(b.value, np.ndarray | float | int | np.generic):
            continue
        kinds = "iufb" if np.asarray(a.value).dtype.kind in "iu" else "fb"
        if np.asarray(b.value).dtype.kind not in kinds:
            continue
        for flip in ("", ".T"):
            shaped = shape_of(b.value) if not flip else shape_of(b.value)[::-1]
            if flip and ndim_of(b.value) != 2:
                continue
            counted = shape == () and op_of(n) in DIV | MUL and np.asarray(b.value).dtype.kind in "iu"
            if shaped != shape and not (op_of(n) in PRODUCTS and len(shaped) == len(shape)) and not counted:
                continue
            value: Any = np.transpose(b.value) if flip else b.value
            if not many and any(shape_of(value) == shape_of(t) and np.array_equal(value, t) for t in tried):
                continue
            tried.append(value)
            overrides: dict[int, Any] = {}
            for m, j in uses:
                instead = find(m)
                if instead is None:
                    break
                overrides.setdefault(m.index, []).append((j, instead, flip))
            else:
                yield _edit(hand, block, n, a, b, name + flip, how, {i: _with(js) for i, js in overrides.items()}, k)
    if ndim_of(a.value) == 2 and (shape[0] == shape[1] or op_of(n) in PRODUCTS):
        overrides = {m.index: _with([(j, m.args[j], ".T")]) for m, j in uses}
        yield _edit(hand, block, n, a, a, f"{hand.text(a)}.T", "transposed", overrides, k)


def name_finder(hand: Hand, name: str, b: Node) -> Callable[[Node], Node | None]:
    def find(n: Node) -> Node | None:
        known = hand.names.get((id(n.frame), name)) or hand.names.get((id(b.frame), b.name), [])
        best = None
        for m in known:
            if m.index >= n.index:
                break
            best = m
        return b if best is None and b.loops == n.loops else best

    return find


def _neighbour(hand: Hand, k: int, step: int) -> Callable[[Node], Node | None]:
    return lambda n: hand.neighbour(n.args[k], step) if k < len(n.args) else None


def _older(hand: Hand) -> Callable[[Node], Node | None]:
    return lambda n: next((o for arg in n.args for o in hand.earlier(arg)), None)


def _with(changes: list[tuple[int, Node, str]]) -> Callable[..., Any]:
    def change(n: Node, get: Callable[[Node], Any]) -> Any:
        args = [get(x) for x in n.args]
        for k, other, flip in changes:
            v = get(other)
            args[k] = v.T if flip else v
        keywords = {x: get(v) for x, v in (n.keywords or {}).items()}
        assert n.function is not None
        return n.function(*args, **keywords)

    return change


def _edit(
    hand: Hand, block: Block, n: Node, a: Node, b: Node, name: str, how: str, overrides: dict[int, Any], k: int
) -> Edit:
    kind, why, rank = _relation(hand, n, a, b, name, how)
    site = hand.sites[n.site].tree if n.site >= 0 else None
    target = _operand(site, k) if op_of(n) != "alias" else _handed_over(site, hand.text(a))
    new = suggestion(block.statement, target, name) if target is not None and not how else ""
    return Edit(kind, block.statement, why, overrides, new, rank, n, block.target)


def _handed_over(tree: ast.AST | None, text: str) -> ast.AST | None:
    """The argument of a call that is written so."""
    args = tree.args if isinstance(tree, ast.Call) else [tree.value] if isinstance(tree, ast.Assign) else []
    return next((x for x in args if ast.unparse(x) == text), None)


def _operand(tree: ast.AST | None, k: int) -> ast.AST | None:
    """The source of argument ``k`` of an operation."""
    if isinstance(tree, ast.BinOp):
        return (tree.left, tree.right)[k] if k < 2 else None
    if isinstance(tree, ast.Compare):
        return (tree.left, tree.comparators[0])[k] if k < 2 else None
    if isinstance(tree, ast.UnaryOp):
        return tree.operand
    if isinstance(tree, ast.Attribute):
        return tree.value if k == 0 else None
    if isinstance(tree, ast.Subscript):
        return (tree.value, tree.slice)[k] if k < 2 else None
    if isinstance(tree, ast.Call):
        args: list[ast.expr] = list(tree.args)
        if isinstance(tree.func, ast.Attribute) and not _is_module(tree.func.value):
            args = [tree.func.value, *args]
        return args[k] if k < len(args) else None
    if isinstance(tree, ast.AugAssign):
        return tree.value if k == 1 else None
    return None


def _is_module(tree: ast.AST) -> bool:
    while isinstance(tree, ast.Attribute):
        tree = tree.value
    return isinstance(tree, ast.Name) and tree.id in ("np", "numpy", "math", "scipy", "sp")


def _relation(hand: Hand, n: Node, a: Node, b: Node, name: str, how: str) -> tuple[str, str, int]:
    """What the wrong operand is to the right one."""
    was, right = hand.text(a), name
    if how == "transposed":
        return "transpose", f"{was} should be transposed: {right}", 20
    if how in ("+1", "-1"):
        return "time-index", f"{was} is off by one step: {how}", 14
    if how == "older" and not _is_step(hand, a):
        return "wrong-operand", f"{was} was changed before it is used here", 45
    if how == "older":
        return "stale", f"{was} is used after its update; the gradient needs its value before", 12
    if op_of(n) in COMPARE or (op_of(n) in SELECTS and (is_mask(a) or is_mask(b))):
        return "mask", f"the mask is taken from {was} and should be from {right}", 22
    if np.asarray(a.value).dtype.kind in "iu" and ndim_of(a.value) == 0:
        return "mean-sum", f"divided by {was}, and {right} is the count that belongs here", 26
    if name.endswith(".T") and b.value.shape == a.value.shape[::-1] and same(b.value.T, a.value):
        return "transpose", f"{was} should be transposed: {right}", 20
    ratio = _proportional(a, b)
    if ratio is not None:
        return "factor", f"{was} is {ratio:.6g} times {right}, which belongs here", 30
    if _in_derivative(hand, n, a) and _pre_and_post(hand, a, b):
        return "activation", f"the derivative is taken at {was} and should be at {right}", 24
    return "wrong-operand", f"{was} stands where {right} belongs", 26


def _is_step(hand: Hand, a: Node) -> bool:
    """Whether a value is a parameter after its update."""
    steps = {s.index for b in hand.evidence.applied for s in b.parameter.steps}
    return a.index in steps or origin(a).index in steps


def is_mask(a: Node) -> bool:
    """Whether an array is zero in places and one number elsewhere."""
    v = a.value
    if not isinstance(v, np.ndarray) or not v.size or v.dtype.kind not in "bf":
        return False
    if v.dtype == np.bool_:
        return True
    return bool(np.any(v == 0)) and len(np.unique(v)) == 2


def _proportional(a: Node, b: Node) -> float | None:
    x, y = np.asarray(a.value, float), np.asarray(b.value, float)
    if x.shape != y.shape or x.size < 2 or not np.any(y) or not np.any(x):
        return None
    c = float(np.vdot(y, x) / np.vdot(y, y))
    return c if c and same(x, c * y) else None


def _in_derivative(hand: Hand, n: Node, a: Node) -> bool:
    """Whether the operand is used element by element, as in ``1 - h**2``, and not in a product of matrices."""
    if op_of(n) in PRODUCTS:
        return False
    todo = [n]
    for _ in range(6):
        m = todo.pop()
        if op_of(m) in VIEWS:
            users = [hand.graph.nodes[c] for c in hand.graph.children[m.index]]
            if not users:
                return False
            todo.append(users[0])
            continue
        return op_of(m) not in PRODUCTS
    return op_of(n) in MUL


def _pre_and_post(hand: Hand, a: Node, b: Node) -> bool:
    """Whether one of two forward values was computed from the other, element by element."""
    if shape_of(a.value) != shape_of(b.value):
        return False
    x, y = origin(a), origin(b)
    for first, second in ((x, y), (y, x)):
        if first.index in hand.graph.ancestors([second], _up_to(first.index)):
            return _elementwise_path(hand, first, second)
    return False


def _up_to(i: int) -> Callable[[Node], bool]:
    return lambda m: m.index <= i


def _elementwise_path(hand: Hand, first: Node, second: Node) -> bool:
    between = hand.graph.ancestors([second], lambda m: m.index <= first.index)
    shape = shape_of(first.value)
    middle = [hand.graph.nodes[i] for i in between if i > first.index]
    reached = hand.graph.descendants([first.index], between)
    return all(shape_of(m.value) == shape for m in middle if m.index in reached) and not any(
        op_of(m) in PRODUCTS for m in middle if m.index in reached
    )
