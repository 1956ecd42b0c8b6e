"""What rewritten code calls: every helper does what Python would do, and notes it as a node."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import numpy as np

from .calls import Calls
from .node import BINARY, INPLACE, UNARY, Frame, Node, alias, inplace, make_dict, make_list, make_slice, make_tuple
from .node import set_item as pure_set_item

__all__ = ["Recorder"]

SEQUENCES = (list, tuple)


class Recorder(Calls):
    """Notes what a program computes; ``nodes`` is the run, in order."""

    def __init__(self, rewriter: Any, full: Callable[[Recorder], bool]) -> None:
        super().__init__(rewriter)
        self.full = full  # whether enough is recorded
        self.next_look = 1500

    # Frames and names

    def frame(self, function: str, given: dict[str, Any], generator: bool) -> Frame:
        new = Frame(function, self.current, self.calling, generator)
        arguments, self.arguments = self.arguments, {}
        for name, value in given.items():
            node = arguments.get(name)
            if node is None or node.live is not value:
                node = self.shadow.of(value, name)
            if not node.name and node.function is None:
                node.name = name
            new.names[name] = new.given[name] = node
        if not generator:
            self.current = new
        return new

    def load(self, frame: Frame, site: int, name: str, value: Any) -> Node:
        node = frame.names.get(name)
        if node is not None and node.live is value:
            if type(value) is not np.ndarray or self.shadow.is_current(node):
                return node
            return self.shadow.array(value, name)
        node = self.shadow.of(value, name)
        if type(value) is np.ndarray:
            frame.names.setdefault(name, node)  # of a closure, or global: what is bound next takes its place
        elif node.function is None:
            node.site = node.site if node.site >= 0 else site
            frame.names[name] = node
        return node

    def bind(self, frame: Frame, site: int, name: str, node: Node) -> Any:
        node = self._named(site, name, node, frame)
        before = frame.names.get(name)
        if before is not None and before is not node and node.before is None:
            node.before = before
            self._container_took_place(before, node)
        frame.names[name] = node
        if type(node.live) is not np.ndarray:
            self.shadow.scalar(node.live, node)
        return node.live

    def _named(self, site: int, name: str, node: Node, frame: Frame | None = None) -> Node:
        """``node`` under a name of its own: what is already called something else gets an alias."""
        returned = frame is not None and node.frame is not frame and node.function is not None
        if (node.name or node.store >= 0 or returned) and node.is_numeric:
            old = node
            node = self.node(alias, (old,), old.live, site, value=old.value)
            node.version = old.version
        node.name, node.store = name, site
        return node

    def _container_took_place(self, before: Node, node: Node) -> None:
        """A dict or list bound where one was: its items take the place of that one's."""
        old, new = before.live, node.live
        if type(old) is not type(new) or old is new:
            return
        keys: Any = ()
        if type(new) is dict:
            keys = new.keys() & old.keys()
        elif type(new) in SEQUENCES:
            keys = range(min(len(old), len(new)))
        for k in keys:
            a, b = self.element(before, k), self.element(node, k)
            if b.before is None and a is not b and b.index > a.index:
                b.before = a

    def unpack(self, frame: Frame, site: int, pattern: Any, node: Node) -> Any:
        return self._unpacked(frame, site, pattern, node, self.bind)

    def unpack_item(self, frame: Frame, site: int, pattern: Any, node: Node) -> Any:
        """As `unpack`, for the targets of comprehensions: no aliases, no places taken."""
        if isinstance(pattern, str):
            frame.names[pattern] = node
            return node.live
        return self._unpacked(frame, site, pattern, node, self._bind_plainly)

    def _bind_plainly(self, frame: Frame, _site: int, name: str, node: Node) -> Any:
        frame.names[name] = node
        return node.live

    def _unpacked(self, frame: Frame, site: int, pattern: Any, node: Node, bind: Any) -> Any:
        parts = list(self.iterated(node))
        star = next((i for i, p in enumerate(pattern) if isinstance(p, str) and p.startswith("*")), None)
        if len(parts) != len(pattern) if star is None else len(parts) < len(pattern) - 1:
            return [p.live for p in parts]  # Python's own error follows
        if star is not None:
            after = len(pattern) - 1 - star
            middle = parts[star : len(parts) - after]
            held = self.sequence(site, "list", middle)
            names = [*pattern[:star], pattern[star][1:], *pattern[star + 1 :]]
            bound = [
                self._one(frame, site, p, v, bind)
                for p, v in zip(names, [*parts[:star], held, *parts[len(parts) - after :]], strict=True)
            ]
            return [*bound[:star], *held.live, *bound[star + 1 :]]
        return [self._one(frame, site, p, v, bind) for p, v in zip(pattern, parts, strict=True)]

    def _one(self, frame: Frame, site: int, pattern: Any, node: Node, bind: Any) -> Any:
        if isinstance(pattern, str):
            return bind(frame, site, pattern, node)
        return self._unpacked(frame, site, pattern, node, bind)

    # Values

    def constant(self, site: int, value: Any) -> Node:
        return self.node(None, (), value, site)

    leaf = constant

    def either(self, is_or: bool, *parts: Callable[[], Node]) -> Node:
        for part in parts:
            node = part()
            if bool(node.live) == is_or:
                return node
        return node

    def binary(self, site: int, op: str, a: Node, b: Node) -> Node:
        function = BINARY[op]
        return self.computed(function, (a, b), function(a.live, b.live), site)

    def unary(self, site: int, op: str, a: Node) -> Node:
        function = UNARY[op]
        return self.computed(function, (a,), function(a.live), site)

    def computed(
        self, function: Any, args: tuple[Node, ...], live: Any, site: int, keywords: dict[str, Node] | None = None
    ) -> Node:
        """The node of what ``function`` gave; of numbers only: the rest is no part of the calculus."""
        if type(live) in SEQUENCES and function not in (make_list, make_tuple):
            return self.several(function, args, live, site, keywords)
        node = self.node(function, tuple(self.argument(a) for a in args), live, site)
        if keywords:
            node.keywords = {k: self.argument(v) for k, v in keywords.items()}
        if type(live) is np.ndarray:
            kept = self.shadow.keep(live, node)
            seen = self.shadow.arrays[id(live)]
            if kept is node and seen.node is not node:  # the same object came back: `np.asarray(x)`
                node.function, node.args, node.keywords = alias, (self.shadow.array(live),), None
                node.version = seen.version
        else:
            self.shadow.scalar(live, node)
        return node

    def slice(self, site: int, a: Node, b: Node, c: Node) -> Node:
        return self.node(make_slice, (a, b, c), slice(a.live, b.live, c.live), site)

    def sequence(self, site: int, kind: str, parts: list[Node], live: Any = None) -> Node:
        if live is None:
            live = [p.live for p in parts]
            if kind == "tuple":
                live = tuple(live)
        node = self.node(make_tuple if kind == "tuple" else make_list, tuple(parts), live, site)
        if live:
            for i, p in enumerate(parts):
                self.shadow.put_item(live, i, p)
        return node

    def mapping(self, site: int, pairs: list[tuple[Node, Node]]) -> Node:
        live = {k.live: v.live for k, v in pairs}
        node = self.node(make_dict, tuple(x for pair in pairs for x in pair), live, site)
        for k, v in pairs:
            self.shadow.put_item(live, k.live, v)
        return node

    def spread(self, node: Node) -> list[Node]:
        return list(self.iterated(node))

    def spread_items(self, node: Node) -> list[tuple[Node, Node]]:
        return [(self.constant(-1, k), self.element(node, k)) for k in node.live.keys()]  # noqa: SIM118

    def spread_keywords(self, node: Node) -> dict[str, Node]:
        return {k: self.element(node, k) for k in node.live.keys()}  # noqa: SIM118

    def comprehension(self, site: int, kind: str, made: Iterator[Node]) -> Node:
        if kind == "list":
            return self.sequence(site, "list", list(made))
        if kind == "dict":
            return self.mapping(site, [tuple(self.iterated(pair)) for pair in made])  # type: ignore[misc]  # of two
        node = self.node(None, (), None, site)
        node.live = (n.live for n in made)
        node.iterate = lambda: made
        return node

    def elements(self, site: int, node: Node, lazy: bool) -> Iterator[Node]:
        """What a comprehension runs over; each turn is one of a loop, unless somebody else sets its pace."""
        if lazy or self.current is None or self.current.generator:
            yield from self.iterated(node)
            return
        loop = Loop(self, self.current, site, self.iterated(node))
        yield from loop
        self.loops = loop.outer

    # Loops

    def enter_loop(self, frame: Frame, site: int, node: Node) -> Loop:
        return Loop(self, frame, site, self.iterated(node))

    def enter_while(self, frame: Frame, site: int) -> Loop:
        return Loop(self, frame, site, iter(()))

    def leave_loop(self, loop: Loop) -> None:
        if not loop.frame.generator:
            self.loops = loop.outer

    def look(self) -> None:
        """At the head of an iteration: is enough recorded?"""
        if self.on and len(self.nodes) > self.next_look:
            self.next_look = len(self.nodes) * 2
            if self.full(self):
                self.on = False

    # Stores

    def set_attribute(self, site: int, where: Node, name: str, node: Node) -> None:
        setattr(where.live, name, node.live)
        node = self._named(site, name, node)
        self._take_slot(where.live, name, node)

    def set_item(self, site: int, where: Node, key: Node, node: Node) -> None:
        target = where.live
        if type(target) is np.ndarray:
            old = self.ready(target, where)
            target[key.live] = node.live
            self.written(target, pure_set_item, (old, self.argument(key), self.argument(node)), site)
            return
        target[key.live] = node.live
        name = key.live if isinstance(key.live, str) else ""
        self._take_slot(target, key.live, self._named(site, name, node) if name else node)

    def _take_slot(self, container: Any, key: Any, node: Node) -> None:
        before = self.shadow.slot(container, key)
        if before is not None and before is not node and node.before is None:
            node.before = before
            self._container_took_place(before, node)
        if type(node.live) is not np.ndarray:
            self.shadow.scalar(node.live, node)
        self.shadow.put_item(container, key, node)

    def ready(self, target: Any, where: Node) -> Node:
        """The node of an array that is about to be written to, through the name it was reached by."""
        current = self.shadow.array(target)
        if where.live is target and self.shadow.is_current(where):
            return where
        return current

    def written(self, target: Any, function: Any, args: tuple[Node, ...], site: int) -> Node:
        node = self.node(function, args, target, site)
        node.before, node.name, node.store = args[0], args[0].name, site
        self.shadow.write(target, node)
        return node

    def inplace(self, frame: Frame, site: int, op: str, name: str, a: Node, b: Node) -> Any:
        node = self._inplace(site, op, a, b)
        if node.live is not a.live or type(node.live) is not np.ndarray:
            return self.bind(frame, site, name, node)
        node.name = name
        frame.names[name] = node
        return node.live

    def _inplace(self, site: int, op: str, a: Node, b: Node) -> Node:
        if type(a.live) is np.ndarray:
            old = self.ready(a.live, a)
            live = INPLACE[op](a.live, b.live)
            if live is a.live:
                return self.written(live, inplace(BINARY[op]), (old, self.argument(b)), site)
        else:
            live = INPLACE[op](a.live, b.live)
        if type(live) is list and live is a.live:  # a list grew
            new = list(self.iterated(b)) if isinstance(b.live, list | tuple) else []
            for i, n in enumerate(new, len(live) - len(new)):
                self.shadow.put_item(live, i, n)
            return a
        node = self.computed(BINARY[op], (a, b), live, site)
        node.before = a
        return node

    def inplace_attribute(self, site: int, op: str, where: Node, name: str, b: Node) -> None:
        a = self.attribute(site, where, name)
        node = self._inplace(site, op, a, b)
        setattr(where.live, name, node.live)
        node.name, node.store = name, site
        self.shadow.put_item(where.live, name, node)

    def inplace_item(self, site: int, op: str, where: Node, key: Node, b: Node) -> None:
        a = self.item(site, where, key)
        target = where.live
        if type(target) is not np.ndarray:
            node = self._inplace(site, op, a, b)
            target[key.live] = node.live
            if isinstance(key.live, str):
                node.name, node.store = key.live, site
            self.shadow.put_item(target, key.live, node)
            return
        old = self.ready(target, where)
        item = a.live
        new = INPLACE[op](item, b.live)  # a view is written to here already, a copy below
        node = self.node(BINARY[op], (a, self.argument(b)), np.array(new), site)
        target[key.live] = new
        self.written(target, pure_set_item, (old, self.argument(key), node), site)

    def returned(self, site: int, node: Node) -> Any:
        self.result = node
        return node.live


class Loop:
    """A loop of the program that runs: gives the nodes of its items, and counts."""

    ids = count()

    def __init__(self, recorder: Recorder, frame: Frame, site: int, items: Iterator[Node]) -> None:
        self.recorder, self.frame, self.site, self.items = recorder, frame, site, items
        self.outer = recorder.loops
        self.n = -1
        self.id = next(self.ids)
        recorder.loop_sites[self.id] = site

    def step(self) -> bool:
        self.n += 1
        r = self.recorder
        if r.on and not self.frame.generator:
            r.loops = (*self.outer, (self.id, self.n))
            r.look()
        return r.on

    def __iter__(self) -> Iterator[Node]:
        for item in self.items:
            self.step()
            yield item
