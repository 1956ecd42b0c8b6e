"""Nested dicts, lists and tuples of arrays, as one flat list and the structure to put it back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

__all__ = ["flatten", "flatten_like", "paths", "tree_map", "unflatten"]

LEAF = ()  # the structure of a leaf; that of a container is (type, its children's structures)


def flatten(tree: Any) -> tuple[list[Any], Any]:
    """The leaves of ``tree``, left to right, and its structure. None is a structure without leaves."""
    leaves: list[Any] = []
    return leaves, _structure(tree, leaves)


def _structure(node: Any, leaves: list[Any]) -> Any:
    if isinstance(node, dict):
        return (dict, {k: _structure(v, leaves) for k, v in node.items()})
    if isinstance(node, list | tuple):
        return (type(node), [_structure(v, leaves) for v in node])
    if node is None:
        return (None, None)
    leaves.append(node)
    return LEAF


def flatten_like(structure: Any, tree: Any, what: str) -> list[Any]:
    """The leaves of ``tree`` in the order of ``structure``; dicts may list their keys in another.

    Raises
    ------
    ValueError
        If the tree is of another structure.
    """
    leaves: list[Any] = []
    if not _collect(structure, tree, leaves):
        raise ValueError(f"{what}: the same dicts, lists and tuples, with the same keys and lengths, are needed")
    return leaves


def _collect(structure: Any, node: Any, leaves: list[Any]) -> bool:
    if structure == LEAF:
        leaves.append(node)
        return not isinstance(node, dict | list | tuple) and node is not None
    kind, children = structure
    if kind is None:
        return node is None
    if kind is dict:
        same = isinstance(node, dict) and node.keys() == children.keys()
        return same and all(_collect(children[k], node[k], leaves) for k in children)
    same = isinstance(node, list | tuple) and len(node) == len(children)
    return same and all(_collect(c, v, leaves) for c, v in zip(children, node, strict=True))


def unflatten(structure: Any, leaves: Sequence[Any]) -> Any:
    """The tree of this structure with these leaves."""
    return _build(structure, iter(leaves))


def _build(structure: Any, rest: Iterator[Any]) -> Any:
    if structure == LEAF:
        return next(rest)
    kind, children = structure
    if kind is None:
        return None
    if kind is dict:
        return {k: _build(v, rest) for k, v in children.items()}
    values = [_build(v, rest) for v in children]
    return kind(*values) if hasattr(kind, "_fields") else kind(values)  # a named tuple takes them one by one


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
