"""The table beside the program: which node each of its arrays, scalars and containers stands for, right now.

Arrays are known by identity. Those that share memory have one owner; a write through any of them becomes a new version
of the owner, and the others are read out of it when next used. Everything in the table is held, so that no identity
is used twice.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .node import Node, gather, put

__all__ = ["Shadow"]

Make = Callable[..., Node]


class Owner:
    """Memory, the array that owns it, and its versions."""

    __slots__ = ("array", "node", "version")

    def __init__(self, array: Any, node: Node) -> None:
        self.array, self.node, self.version = array, node, 0


class Seen:
    """An array that the program holds."""

    __slots__ = ("array", "node", "owner", "version")

    def __init__(self, array: Any, node: Node, owner: Owner) -> None:
        self.array, self.node, self.owner, self.version = array, node, owner, owner.version


class Shadow:
    """Looks up and keeps up to date. ``make(function, args, live)`` makes a node."""

    def __init__(self, make: Make) -> None:
        self.make = make
        self.arrays: dict[int, Seen] = {}
        self.owners: dict[int, list[Owner]] = {}  # by the array that owns the memory
        self.scalars: dict[int, Node] = {}
        self.items: dict[tuple[int, Any], tuple[Any, Node]] = {}  # of lists, tuples, dicts; attributes by name
        self.held: list[Any] = []

    # Arrays

    def array(self, x: Any, name: str = "") -> Node:
        """The node that ``x`` stands for now; a new leaf if nobody has seen it."""
        seen = self.arrays.get(id(x))
        if seen is None:
            owner, where = self._owner(x)
            if owner is None or owner.array is x:
                return self.keep(x, self.make(None, (), x, name=name))
            return self.keep(x, self.make(gather, (owner.node, self.make(None, (), where)), x, name=name))
        if seen.version != seen.owner.version:
            owner = seen.owner
            where = self.make(None, (), places(x, owner.array))
            node = self.make(gather, (owner.node, where), x, name=seen.node.name or name)
            node.before = seen.node
            node.version = owner.version
            seen.node, seen.version = node, owner.version
        return seen.node

    def _owner(self, x: Any) -> tuple[Owner | None, Any]:
        """Whose memory ``x`` looks into, of what the program has been seen to hold, and where."""
        for owner in self.owners.get(id(owner_of(x)), ()):
            if owner.array is x or np.may_share_memory(owner.array, x):
                where = places(x, owner.array)
                if where is not None:
                    return owner, where
        return None, None

    def keep(self, x: Any, node: Node) -> Node:
        """``x`` stands for ``node``."""
        if id(x) in self.arrays:
            return node
        owner, _ = self._owner(x)
        if owner is None:
            owner = Owner(x, node)
            self.owners.setdefault(id(owner_of(x)), []).append(owner)
            self.held.append(owner_of(x))
        self.arrays[id(x)] = Seen(x, node, owner)
        node.version = owner.version
        return node

    def write(self, x: Any, node: Node) -> None:
        """``x`` was written to, and stands for ``node`` from now on."""
        seen = self.arrays[id(x)]
        owner = seen.owner
        if owner.array is x:
            owner.node = node
        else:
            whole = self.make(put, (owner.node, self.make(None, (), places(x, owner.array)), node), owner.array)
            whole.before = owner.node
            whole.name = owner.node.name
            owner.node = whole
        owner.version += 1
        seen.node, seen.version = node, owner.version
        node.version = owner.version
        top = self.arrays.get(id(owner.array))
        if top is not None:
            top.node, top.version = owner.node, owner.version
            owner.node.version = owner.version

    def is_current(self, node: Node) -> bool:
        """Whether an array still is what it was when ``node`` was made."""
        seen = self.arrays.get(id(node.live))
        return seen is not None and seen.owner.version == node.version

    # All else

    def of(self, x: Any, name: str = "") -> Node:
        """The node of any value."""
        kind = type(x)
        if kind is np.ndarray:
            return self.array(x, name)
        if kind is float or isinstance(x, np.generic):
            found = self.scalars.get(id(x))
            if found is not None and found.live is x:
                return found
            return self.make(None, (), x, name=name)
        return self.make(None, (), x, name=name)

    def scalar(self, x: Any, node: Node) -> None:
        if type(x) is float or isinstance(x, np.generic):
            self.scalars[id(x)] = node

    def put_item(self, container: Any, key: Any, node: Node) -> None:
        """``container[key]``, or the attribute of that name, is ``node``."""
        try:
            self.items[id(container), key] = (container, node)
        except TypeError:  # an index that cannot be hashed
            return

    def item(self, container: Any, key: Any, value: Any, name: str = "") -> Node:
        """The node of ``value``, which was read from ``container`` under ``key``."""
        try:
            found = self.items.get((id(container), key))
        except TypeError:
            found = None
        if found is not None and found[0] is container and found[1].live is value:
            node = found[1]
            if type(value) is not np.ndarray or self.is_current(node):
                return node
        node = self.of(value, name)
        self.put_item(container, key, node)
        return node

    def slot(self, container: Any, key: Any) -> Node | None:
        """What was last put there."""
        try:
            found = self.items.get((id(container), key))
        except TypeError:
            return None
        return found[1] if found is not None and found[0] is container else None


def owner_of(x: Any) -> Any:
    """The array that owns the memory of ``x``."""
    while type(x.base) is np.ndarray:
        x = x.base
    return x


def places(x: Any, top: Any) -> Any:
    """For each element of ``x`` its flat place in ``top``, which looks into the same memory; None if it has others."""
    size = x.itemsize
    offset = x.__array_interface__["data"][0] - top.__array_interface__["data"][0]
    where = _offsets(x) + offset
    if not x.size or x.itemsize != top.itemsize:
        return None if x.size else where
    if top.flags.c_contiguous:
        where //= size
        return where if where.min() >= 0 and where.max() < top.size else None
    memory = _offsets(top).reshape(-1)
    order = np.argsort(memory, kind="stable")
    at = np.minimum(np.searchsorted(memory, where, sorter=order), memory.size - 1)
    found = order[at]
    return found if np.array_equal(memory[found], where) else None


def _offsets(x: Any) -> Any:
    where = np.zeros(x.shape, np.intp)
    for axis, (n, stride) in enumerate(zip(x.shape, x.strides, strict=True)):
        where += (np.arange(n) * stride).reshape([-1 if i == axis else 1 for i in range(x.ndim)])
    return where
