"""Calls, as rewritten code makes them: what is pure is noted, what is the program's own is followed."""

from __future__ import annotations

import builtins
import functools
import types
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ...ops.binding import public_names
from .follow import Follower
from .known_calls import (
    CALL,
    CASTS,
    MATH,
    PURE,
    TWINS,
    WRITING_FUNCTIONS,
    WRITING_METHODS,
    Method,
    Writing,
    hashable,
    is_numpy,
    matters,
)  # fmt: skip
from .looking import Looking
from .node import Node, array_of, as_float, filled, ufunc_at

__all__ = ["Calls"]


class Calls(Looking):
    """The part of the recorder that calls."""

    def __init__(self, rewriter: Any) -> None:
        super().__init__()
        self.follower = Follower(rewriter, self)

    # Calls

    def call(self, site: int, function: Node, args: list[Node], keywords: dict[str, Node]) -> Node:
        f = function.live
        if not self.on:
            return self.node(None, (), f(*[a.live for a in args], **{k: v.live for k, v in keywords.items()}), site)
        if function.receiver is not None:
            where, name = function.receiver
            if isinstance(where.live, np.ndarray | np.generic):
                return self._method(site, where, name, args, keywords)
            if type(where.live) in (list, dict):
                return self._container_method(site, where, name, args, keywords)
        if isinstance(f, np.ufunc) or (is_numpy(f) and not isinstance(f, type)):
            return self._numpy(site, f, args, keywords)
        if isinstance(f, type) and issubclass(f, np.floating | float):
            return self._cast(site, f, args, keywords)
        if f in MATH if hashable(f) else False:
            return self.computed(MATH[f], tuple(args), self._plainly(f, args, keywords), site)
        if isinstance(f, types.FunctionType | types.MethodType | type | functools.partial) or isinstance(
            getattr(type(f), CALL, None), types.FunctionType
        ):
            followed = self.follower.call(f, args, keywords, site)
            if followed is not None:
                return followed
        return self._builtin(site, f, args, keywords)

    def _plainly(self, f: Any, args: list[Node], keywords: dict[str, Node]) -> Any:
        return f(*[a.live for a in args], **{k: v.live for k, v in keywords.items()})

    def _method(self, site: int, where: Node, name: str, args: list[Node], keywords: dict[str, Node]) -> Node:
        target = where.live
        if name in WRITING_METHODS and isinstance(target, np.ndarray):
            old = self.ready(target, where)
            result = self._plainly(getattr(target, name), args, keywords)
            function = Writing(name, True)
            made = self.written(target, function, (old, *map(self.argument, args)), site)
            made.keywords = {k: self.argument(v) for k, v in keywords.items()} or None
            return self.node(None, (), result, site)
        live = self._plainly(getattr(target, name), args, keywords)
        if name in ("astype", "item"):
            kind = np.asarray(live).dtype.kind
            return self.computed(
                as_float if kind in "fc" and not (args and name == "item") else Method.of(name),
                (where,) if kind in "fc" else (where, *args),
                live,
                site,
            )
        out = keywords.pop("out", None) if "out" in keywords else None
        if out is not None:
            return self._stored(site, out, Method.of(name), (where, *args), keywords)
        return self.computed(Method.of(name), (where, *args), live, site, keywords)

    def _container_method(self, site: int, where: Node, name: str, args: list[Node], keywords: dict[str, Node]) -> Node:
        target = where.live
        shadow = self.shadow
        if name in ("pop", "get", "setdefault", "popitem"):
            before = (
                {k: shadow.slot(target, k) for k in target}
                if type(target) is dict
                else ([shadow.slot(target, i) for i in range(len(target))])
            )
            value = self._plainly(getattr(target, name), args, keywords)
            key = args[0].live if args else -1
            if type(target) is list and name == "pop":
                found = before[key] if isinstance(key, int) and -len(before) <= key < len(before) else None
                self._reindex(target, [b for i, b in enumerate(before) if i != key % len(before)])
            else:
                found = before.get(key) if isinstance(before, dict) and hashable(key) else None
            if found is not None and found.live is value:
                return found if type(value) is not np.ndarray else shadow.array(value)
            if name == "setdefault" and len(args) > 1 and value is args[1].live:
                shadow.put_item(target, key, args[1])
                return args[1]
            if name == "get" and len(args) > 1 and value is args[1].live and key not in target:
                return args[1]
            return shadow.of(value)
        old_nodes = [shadow.slot(target, i) for i in range(len(target))] if type(target) is list else []
        value = self._plainly(getattr(target, name), args, keywords)
        if type(target) is list:
            if name == "append":
                shadow.put_item(target, len(target) - 1, args[0])
            elif name == "insert":
                at = range(len(old_nodes) + 1)[: args[0].live + 1][-1] if args[0].live >= 0 else len(old_nodes)
                self._reindex(target, [*old_nodes[:at], args[1], *old_nodes[at:]])
            elif name == "extend":
                for i, n in enumerate(self.iterated(args[0]) if args[0].iterate is None else (), len(old_nodes)):
                    shadow.put_item(target, i, n)
            elif name == "reverse":
                self._reindex(target, old_nodes[::-1])
        elif name == "update":
            source = {
                **({k: self.element(args[0], k) for k in args[0].live} if args and type(args[0].live) is dict else {}),
                **keywords,
            }
            for k, n in source.items():
                self._take_slot(target, k, n)
        node = self.node(None, (), value, site)
        if type(target) is dict and name in ("items", "values"):
            node.iterate = functools.partial(self._dict_items, where, name)
        return node

    def _reindex(self, target: Any, nodes: list[Node | None]) -> None:
        for i, n in enumerate(nodes):
            if n is not None:
                self.shadow.put_item(target, i, n)

    def _dict_items(self, where: Node, name: str) -> Iterator[Node]:
        for k in where.live:
            value = self.element(where, k)
            yield value if name == "values" else self.sequence(-1, "tuple", [self.node(None, (), k), value])

    def _numpy(self, site: int, f: Any, args: list[Node], keywords: dict[str, Node]) -> Node:
        owner = getattr(f, "__self__", None)
        if isinstance(owner, np.ufunc) and f.__name__ == "at":
            target = args[0].live
            old = self.ready(target, args[0])
            self._plainly(f, args, keywords)
            self.written(target, ufunc_at(owner), (old, *map(self.argument, args[1:])), site)
            return self.node(None, (), None, site)
        if f in WRITING_FUNCTIONS if hashable(f) else False:
            target = args[0].live
            old = self.ready(target, args[0])
            self._plainly(f, args, keywords)
            made = self.written(target, Writing(f, False), (old, *map(self.argument, args[1:])), site)
            made.keywords = {k: self.argument(v) for k, v in keywords.items()} or None
            return self.node(None, (), None, site)
        module = getattr(f, "__module__", None) or ""
        if module.startswith("numpy.random") or type(owner).__module__.startswith("numpy.random"):
            return self._random(site, f, args, keywords)
        if module.startswith(("numpy.testing", "numpy.lib._npyio", "numpy.ma")):
            return self._opaque(site, f, args, keywords)
        out = keywords.get("out")
        if out is None and isinstance(f, np.ufunc) and len(args) > f.nin:
            out, args = args[f.nin], args[: f.nin]
        if out is not None and out.live is not None:
            rest = {k: v for k, v in keywords.items() if k != "out"}
            if type(out.live) is tuple:
                out = self.element(out, 0)
            return self._stored(site, out, f, tuple(args), rest)
        args = [self._consumable(a) for a in args]
        live = self._plainly(f, args, keywords)
        if f is np.full and not isinstance(args[0].live, np.ndarray) and len(args) == 2 and not keywords:
            return self.computed(filled, tuple(args), live, site)
        if f in CASTS:
            return self.computed(
                array_of,
                tuple(args[:1]),
                live,
                site,
                {k: v for k, v in keywords.items() if k == "dtype" and np.dtype(v.live).kind not in "fc"},
            )
        return self.computed(f, tuple(args), live, site, keywords)

    def _consumable(self, node: Node) -> Node:
        return self.argument(node) if node.iterate is not None else node

    def _stored(self, site: int, out: Node, f: Any, args: tuple[Node, ...], keywords: dict[str, Node]) -> Node:
        target = out.live
        self.ready(target, out)
        held = tuple(self.argument(a) for a in args)
        rest = {k: self.argument(v) for k, v in keywords.items()} or None
        f(*[a.live for a in args], **{k: v.live for k, v in keywords.items()}, out=target)
        made = self.written(target, f, held or (out,), site)
        made.before, made.name, made.keywords = out, out.name, rest
        return made

    def _random(self, site: int, f: Any, args: list[Node], keywords: dict[str, Node]) -> Node:
        shuffled = args[0].live if getattr(f, "__name__", "") == "shuffle" else None
        if type(shuffled) is np.ndarray:
            self.ready(shuffled, args[0])
        live = self._plainly(f, args, keywords)
        if type(shuffled) is np.ndarray:
            leaf = self.node(None, (), shuffled, site)
            leaf.name = args[0].name
            self.shadow.write(shuffled, leaf)
        node = self.node(None, (), live, site)
        if type(live) is np.ndarray:
            self.shadow.keep(live, node)
        return node

    def _cast(self, site: int, f: Any, args: list[Node], keywords: dict[str, Node]) -> Node:
        live = self._plainly(f, args, keywords)
        if not args or isinstance(args[0].live, str):
            return self.node(None, (), live, site)
        return self.computed(as_float, tuple(args), live, site)

    def _builtin(self, site: int, f: Any, args: list[Node], keywords: dict[str, Node]) -> Node:
        if f is zip or f is enumerate or f is reversed:
            node = self.node(None, (), None, site)
            node.iterate = functools.partial(_BUILT[f], self, args, keywords)
            if f is enumerate and args[0].iterate is None and not isinstance(args[0].live, list | tuple | np.ndarray):
                node.iterate = None
            node.live = None if any(a.iterate is not None for a in args) else self._plainly(f, args, keywords)
            if node.live is None:
                parts = list(node.iterate())
                node.iterate = lambda: iter(parts)
                node.live = iter([p.live for p in parts])
            return node
        if f is list or f is tuple:
            return self.sequence(site, f.__name__, list(self.iterated(args[0])) if args else [])
        if f is dict and not (args and args[0].iterate is None and type(args[0].live) is not dict):
            pairs = []
            if args and args[0].iterate is not None:
                pairs = [tuple(self.iterated(p)) for p in args[0].iterate()]
            elif args:
                pairs = self.spread_items(args[0])
            pairs += [(self.node(None, (), k), v) for k, v in keywords.items()]
            return self.mapping(site, pairs)
        if f is getattr and len(args) == 2:
            return self.attribute(site, args[0], args[1].live)
        if f is setattr:
            self.set_attribute(site, args[0], args[1].live, args[2])
            return self.node(None, (), None, site)
        if f in PURE if hashable(f) else False:
            args = [self._consumable(a) for a in args]
            live = self._plainly(f, args, keywords)
            if f is int or f is bool:
                return self.computed(f, tuple(args), live, site)
            return self.computed(f, tuple(args), live, site, keywords)
        twin = TWINS.get(getattr(f, "__name__", ""))
        if twin is not None and "scipy" in str(getattr(f, "__module__", None) or type(f).__module__):
            return self.computed(public_names()[twin], tuple(args), self._plainly(f, args, keywords), site, keywords)
        return self._opaque(site, f, args, keywords)

    def _opaque(self, site: int, f: Any, args: list[Node], keywords: dict[str, Node]) -> Node:
        """A call that is not followed: its result comes from outside, and what it wrote to is new."""
        for a in (*args, *keywords.values()):
            if a.iterate is not None:
                nodes = list(a.iterate())
                a.live, a.iterate = iter([n.live for n in nodes]), None
        arrays = [a.live for a in (*args, *keywords.values()) if type(a.live) is np.ndarray]
        old = [x.copy() for x in arrays] if f is not builtins.print else []
        live = self._plainly(f, args, keywords)
        for x, was in zip(arrays, old, strict=False):
            if not np.array_equal(x, was, equal_nan=x.dtype.kind in "fc"):
                self.shadow.array(x)
                self.shadow.write(x, self.node(None, (), x, site))
        if live is None or isinstance(live, bool | str):
            return self.node(None, (), live, site)
        node = self.shadow.of(live) if type(live) is np.ndarray else self.node(None, (), live, site)
        if node.function is None and (isinstance(live, np.ndarray | float | np.floating)):
            self.opaque[node.index] = (site, [a for a in (*args, *keywords.values()) if matters(a.live)])
        return node

    # What the rest of the recorder brings
    mapping: Callable[..., Node]
    spread_items: Callable[..., Any]
    set_attribute: Callable[..., None]
    ready: Callable[..., Node]
    written: Callable[..., Node]
    _take_slot: Callable[..., None]


def _zip(calls: Calls, args: list[Node], keywords: dict[str, Node]) -> Iterator[Node]:
    strict = bool(keywords.get("strict") and keywords["strict"].live)
    for parts in zip(*[calls.iterated(a) for a in args], strict=strict):
        yield calls.sequence(-1, "tuple", list(parts))


def _enumerate(calls: Calls, args: list[Node], keywords: dict[str, Node]) -> Iterator[Node]:
    start = args[1].live if len(args) > 1 else keywords["start"].live if "start" in keywords else 0
    for i, part in enumerate(calls.iterated(args[0]), start):
        yield calls.sequence(-1, "tuple", [calls.counter(i), part])


def _reversed(calls: Calls, args: list[Node], _keywords: dict[str, Node]) -> Iterator[Node]:
    live = args[0].live
    if args[0].iterate is not None or not isinstance(live, list | tuple | np.ndarray):
        yield from (calls.shadow.of(v) for v in reversed(live))
        return
    yield from reversed(list(calls.iterated(args[0])))


_BUILT: dict[Any, Any] = {zip: _zip, enumerate: _enumerate, reversed: _reversed}
