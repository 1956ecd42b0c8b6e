"""Attributes and items, as rewritten code sees them, and the nodes of what containers hold."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .known_calls import FIELDS, Field, getitem, is_number, matters
from .node import Frame, Node, columns, counted, joined, make_dict, make_list, make_tuple
from .shadow import Shadow

__all__ = ["Looking"]


class Looking:
    """The part of the recorder that makes nodes, and looks into things."""

    def __init__(self) -> None:
        self.on = True
        self.nodes: list[Node] = []
        self.shadow = Shadow(self._make)
        self.current: Frame | None = None
        self.calling: Node | None = None
        self.arguments: dict[str, Node] = {}
        self.result: Node | None = None
        self.loops: tuple[tuple[int, int], ...] = ()
        self.loop_sites: dict[int, int] = {}
        self.opaque: dict[int, tuple[int, list[Node]]] = {}  # what calls gave that are not followed, and took

    # Nodes

    def node(self, function: Any, args: tuple[Node, ...], live: Any, site: int = -1, value: Any = None) -> Node:
        new = Node(len(self.nodes), function, args, live, site)
        if value is not None:
            new.value = value
        elif type(live) is np.ndarray:
            new.value = live.copy(order="K")
        new.loops, new.frame, new.call = self.loops, self.current, self.calling
        self.nodes.append(new)
        return new

    def _make(self, function: Any, args: tuple[Node, ...], live: Any, name: str = "") -> Node:
        new = self.node(function, args, live)
        new.name = name
        return new

    def argument(self, node: Node) -> Node:
        """A node as an argument of something pure: containers become what holds their parts as they are now."""
        live = node.live
        kind = type(live)
        if kind is list or kind is tuple:
            if node.function in (make_list, make_tuple) and kind is tuple:
                return node
            if not any(matters(v) for v in live):
                return node if kind is tuple else self.node(None, (), live, node.site, value=list(live))
            parts = tuple(self.argument(self.element(node, i)) for i in range(len(live)))
            return self.node(make_list if kind is list else make_tuple, parts, live, node.site)
        if node.iterate is not None:
            parts = tuple(self.argument(n) for n in node.iterate())
            node.iterate = None
            node.live = [p.live for p in parts]
            return self.node(make_list, parts, node.live, node.site)
        if kind is dict and any(matters(v) for v in live.values()):
            flat: list[Node] = []
            for k in live:
                flat += [self.node(None, (), k), self.argument(self.element(node, k))]
            return self.node(make_dict, tuple(flat), live, node.site)
        return node

    def several(self, function: Any, args: tuple[Node, ...], live: Any, site: int, keywords: Any) -> Node:
        """The node of a call that gave a list or tuple: each part is an item of it."""
        whole = self.node(function, tuple(self.argument(a) for a in args), live, site)
        if keywords:
            whole.keywords = {k: self.argument(v) for k, v in keywords.items()}
        for i, v in enumerate(live):
            if matters(v) or type(v) is int:
                part = self.node(getitem, (whole, self.node(None, (), i)), v, site)
                if type(v) is np.ndarray:
                    self.shadow.keep(v, part)
                self.shadow.put_item(live, i, part)
        return whole

    # Looking into things

    def element(self, node: Node, key: Any) -> Node:
        """The node of ``container[key]``, a list, tuple or dict."""
        return self.shadow.item(node.live, key, node.live[key])

    def iterated(self, node: Node) -> Iterator[Node]:
        """The nodes of the items of a node, as Python iterates over it."""
        live = node.live
        kind = type(live)
        if node.iterate is not None:
            yield from node.iterate()
        elif kind is np.ndarray:
            for i, v in enumerate(live):
                yield self._item(-1, node, self.node(None, (), i), v)
        elif kind is list or kind is tuple:
            for i, v in enumerate(live):
                yield self.shadow.item(live, i, v)
        else:
            for v in live:
                yield self.counter(v) if kind is range else self.shadow.of(v)

    def counter(self, i: int) -> Node:
        return self.node(counted, (self.node(None, (), i),), i)

    def attribute(self, site: int, where: Node, name: str) -> Node:
        live = where.live
        if isinstance(live, np.ndarray | np.generic):
            value = getattr(live, name)
            if name in FIELDS:
                return self.computed(Field.of(name), (where,), value, site)
            node = self.node(None, (), value, site)
            node.receiver = (where, name)
            return node
        value = getattr(live, name)
        if isinstance(value, types.ModuleType | types.FunctionType | type | np.ufunc):
            return self.node(None, (), value, site)
        if isinstance(value, types.BuiltinMethodType):
            node = self.node(None, (), value, site)
            node.receiver = (where, name)
            return node
        if isinstance(value, types.MethodType):
            return self.node(None, (), value, site)
        node = self.shadow.item(live, name, value, name)
        if node.name == "" and node.function is None:
            node.name = name
        return node

    def item(self, site: int, where: Node, key: Node) -> Node:
        value = where.live[key.live]
        return self._item(site, where, key, value)

    def _item(self, site: int, where: Node, key: Node, value: Any) -> Node:
        live = where.live
        if isinstance(live, np.ndarray | np.generic):
            return self.computed(getitem, (where, key), value, site)
        if (live is np.c_ or live is np.r_) and isinstance(key.live, tuple) and all(map(is_number, key.live)):
            parts = [self.element(key, i) for i in range(len(key.live))]
            if live is np.r_ or all(np.ndim(v) < 3 for v in key.live):
                return self.computed(columns if live is np.c_ else joined, tuple(parts), value, site)
        if isinstance(live, list | tuple):
            if isinstance(key.live, slice):
                return self.sequence(
                    site,
                    type(live).__name__,
                    [self.element(where, i) for i in range(*key.live.indices(len(live)))],
                    live=value,
                )
            at = key.live
            if isinstance(at, int | np.integer):
                return self.shadow.item(live, int(at) + (len(live) if at < 0 else 0), value)
        name = key.live if isinstance(key.live, str) else ""
        node = self.shadow.item(live, key.live, value, name)
        if not node.name and node.function is None:
            node.name = name
        return node

    # What the rest of the recorder brings
    computed: Callable[..., Node]
    sequence: Callable[..., Node]
