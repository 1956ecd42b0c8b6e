"""Nested dicts, lists and tuples of arrays, as one flat list and the structure to put it back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["flatten", "paths", "tree_map", "unflatten"]


def flatten(tree: Any) -> tuple[list[Any], Any]:
    """The leaves of ``tree``, left to right, and its structure. None is a structure without leaves."""
    leaves: list[Any] = []

    def walk(node: Any) -> Any:
        if isinstance(node, dict):
            return (dict, {k: walk(v) for k, v in node.items()})
        if isinstance(node, list | tuple):
            return (type(node), [walk(v) for v in node])
        if node is None:
            return (None, None)
        leaves.append(node)
        return ()

    return leaves, walk(tree)


def unflatten(structure: Any, leaves: Sequence[Any]) -> Any:
    """The tree of this structure with these leaves."""
    rest = iter(leaves)

    def build(node: Any) -> Any:
        if not node:
            return next(rest)
        kind, children = node
        if kind is None:
            return None
        if kind is dict:
            return {k: build(v) for k, v in children.items()}
        values = [build(v) for v in children]
        return kind(*values) if hasattr(kind, "_fields") else kind(values)  # a named tuple takes them one by one

    return build(structure)


def tree_map(f: Callable[..., Any], tree: Any) -> Any:
    """``f`` of every leaf, in the same structure."""
    leaves, structure = flatten(tree)
    return unflatten(structure, [f(x) for x in leaves])


def paths(tree: Any, prefix: str = "") -> list[str]:
    """How each leaf is reached, ``['layer'][0]``, in the order of `flatten`."""
    if isinstance(tree, dict):
        return [p for k, v in tree.items() for p in paths(v, f"{prefix}[{k!r}]")]
    if isinstance(tree, list | tuple):
        return [p for i, v in enumerate(tree) for p in paths(v, f"{prefix}[{i}]")]
    return [] if tree is None else [prefix]
