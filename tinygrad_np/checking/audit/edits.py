"""An edit: one change of one place of the source, and what it would have changed in the run."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from .evidence import State
from .node import Node
from .replay import Overrides
from .rewrite import Statement
from .scope import Block, Hand

__all__ = ["Edit", "Trial", "constant", "expression", "instances", "made", "replaced", "source_of", "suggestion"]


@dataclass(eq=False)
class Edit:
    """A hypothesis about what should stand in the source.

    ``overrides`` carries it out in a replay. ``rank`` orders hypotheses: lower is more specific.
    """

    kind: str
    statement: Statement
    why: str
    overrides: Overrides
    suggestion: str = ""
    rank: int = 50
    node: Node | None = None
    target: str = ""
    also: tuple[str, ...] = ()
    explain: Callable[[State], tuple[str, str]] | None = None  # kind and reason, once it is known to repair
    through: tuple[Node, ...] = ()  # what the forward pass reads only under this edit
    drop: tuple[Any, ...] = field(default=())  # terms of updates that are left out


@dataclass(eq=False)
class Trial:
    """An edit that was carried out: what is right then."""

    edit: Edit
    state: State
    repaired: int
    left: int


def constant(value: Any) -> Callable[..., Any]:
    """An override that gives ``value``, whatever it is asked for."""
    return lambda _n, _get: value


def replaced(tree: Any, target: ast.AST, new: ast.AST) -> Any:
    """A copy of ``tree`` with ``target``, a part of it, replaced."""
    if tree is target:
        return new
    if isinstance(tree, list):
        return [replaced(t, target, new) for t in tree]
    if not isinstance(tree, ast.AST):
        return tree
    made = copy.copy(tree)
    for name, value in ast.iter_fields(tree):
        if isinstance(value, ast.AST | list):
            setattr(made, name, replaced(value, target, new))
    return made


def expression(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def suggestion(statement: Statement, target: ast.AST, new: str) -> str:
    """The statement with one of its expressions written anew; empty if that cannot be written."""
    try:
        made = replaced(statement.tree, target, expression(new))
        return ast.unparse(ast.fix_missing_locations(made))
    except (SyntaxError, ValueError, AttributeError, TypeError):
        return ""


def instances(nodes: Iterable[Node], make: Callable[[Node], Callable[..., Any] | None]) -> dict[int, Any] | None:
    """One override for each run of a place; None if one of them has none."""
    made: dict[int, Any] = {}
    for n in nodes:
        f = make(n)
        if f is None:
            return None
        made[n.index] = f
    return made


def made(
    hand: Hand,
    block: Block,
    nodes: list[Node],
    kind: str,
    why: str,
    run: Callable[..., Any],
    rank: int,
    new: str = "",
) -> Edit:
    overrides = instances(nodes, lambda _n: run)
    tree = hand.sites[nodes[0].site].tree
    text = ""
    if new and isinstance(tree, ast.expr):
        parts = [ast.unparse(p) for p in _parts(tree)]
        try:
            text = suggestion(block.statement, tree, new.format(*parts))
        except IndexError:
            text = ""
    return Edit(kind, block.statement, why, overrides or {}, text, rank, nodes[0], block.target)


def _parts(tree: ast.expr) -> list[ast.expr]:
    if isinstance(tree, ast.BinOp):
        return [tree.left, tree.right]
    if isinstance(tree, ast.Compare):
        return [tree.left, tree.comparators[0]]
    if isinstance(tree, ast.Attribute):
        return [tree.value]
    if isinstance(tree, ast.UnaryOp):
        return [tree.operand]
    if isinstance(tree, ast.Call):
        own = [tree.func.value] if isinstance(tree.func, ast.Attribute) else []
        return [*own, *tree.args]
    return []


def source_of(hand: Hand, n: Node) -> str:
    tree = hand.sites[n.site].tree if n.site >= 0 else None
    return ast.unparse(tree) if isinstance(tree, ast.expr) else "this"
