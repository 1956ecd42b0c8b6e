"""A recorded run as a graph that can be computed again, from any node on, with anything in it changed."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from heapq import heapify, heappop, heappush
from typing import Any

import numpy as np

from .node import Node

__all__ = ["CannotError", "Graph", "Overrides", "same"]

# What a node gives instead: a function of it and of a look-up of values as they are in the replay.
Overrides = Mapping[int, Callable[[Node, Callable[[Node], Any]], Any]]


class CannotError(Exception):
    """A replay that does not run: shapes that do not fit, for example."""


class Graph:
    """The nodes of a run, and their values in double precision."""

    def __init__(self, nodes: list[Node]) -> None:
        self.nodes = nodes
        self.children: list[list[int]] = [[] for _ in nodes]
        for n in nodes:
            for p in n.parents:
                if p.index < len(nodes):
                    self.children[p.index].append(n.index)
        self.work = 0  # nodes computed again
        self.base: dict[int, Any] = {}
        if any(_is_narrow(n.value) for n in nodes):
            self._widen()

    def _widen(self) -> None:
        """Values as they would be in double precision: then right gradients differ from the tape's by rounding only."""
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            for n in self.nodes:
                if n.function is None:
                    if _is_narrow(n.value):
                        self.base[n.index] = _wide(n.value)
                elif _is_narrow(n.value) or any(p.index in self.base for p in n.parents):
                    try:
                        made = _wide(self.run(n, self.value))
                    except Exception:  # anything a replayed call may raise
                        made = _wide(n.value)
                    if not isinstance(made, np.ndarray) or made.shape == np.shape(n.value):
                        self.base[n.index] = made

    def value(self, n: Node) -> Any:
        found = self.base.get(n.index)
        return n.value if found is None else found

    @staticmethod
    def run(n: Node, get: Callable[[Node], Any]) -> Any:
        """The value of ``n`` from those of its arguments."""
        assert n.function is not None
        args = [get(a) for a in n.args]
        if n.keywords is None:
            return n.function(*args)
        return n.function(*args, **{k: get(v) for k, v in n.keywords.items()})

    def replay(self, overrides: Overrides, within: Any = None, held: Mapping[int, Any] | None = None) -> dict[int, Any]:
        """The values that change under ``overrides``, by node; ``within``: only these nodes are of interest.

        ``held``: values changed before, on top of which these changes come.

        Raises
        ------
        CannotError
            If an operation does not take the changed values.
        """
        new: dict[int, Any] = dict(held or {})
        nodes = self.nodes
        heap = list(overrides)
        heapify(heap)
        done = set(heap)
        base = self.base

        def get(n: Node) -> Any:
            i = n.index
            if i in new:
                return new[i]
            found = base.get(i)
            return n.value if found is None else found

        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            while heap:
                i = heappop(heap)
                n = nodes[i]
                change = overrides.get(i)
                try:
                    if change is not None:
                        value = change(n, get)
                    else:
                        value = self.run(n, get)
                except Exception as error:
                    raise CannotError(str(error)) from None
                new[i] = value
                self.work += 1
                for c in self.children[i]:
                    if c not in done and (within is None or c in within) and nodes[c].function is not None:
                        done.add(c)
                        heappush(heap, c)
        return new

    # Ancestry

    def ancestors(self, roots: Iterable[Node], stop: Callable[[Node], bool] | None = None) -> set[int]:
        """Everything ``roots`` were computed from, themselves too; not beyond nodes where ``stop`` holds."""
        found: set[int] = set()
        todo = list(roots)
        while todo:
            n = todo.pop()
            if n.index in found:
                continue
            found.add(n.index)
            if stop is None or not stop(n):
                todo.extend(n.parents)
        return found

    def descendants(self, roots: Iterable[int], within: Any = None) -> set[int]:
        found: set[int] = set()
        todo = list(roots)
        while todo:
            i = todo.pop()
            if i in found:
                continue
            found.add(i)
            todo.extend(c for c in self.children[i] if within is None or c in within)
        return found


def _is_narrow(v: Any) -> bool:
    return isinstance(v, np.ndarray | np.generic) and v.dtype.kind == "f" and v.dtype.itemsize < 8


def _wide(v: Any) -> Any:
    return np.asarray(v, float) if _is_narrow(v) else v


def same(a: Any, b: Any, scale: float = 0.0) -> bool:
    """Equal to the rounding of a replay in double precision; of equal shape.

    ``scale``: the largest gradient at hand, against which what should be zero is judged.
    """
    if np.shape(a) != np.shape(b):
        return False
    a, b = np.asarray(a), np.asarray(b)
    if not a.size:
        return True
    gap = np.abs(a - b)
    worst = float(np.max(gap))
    return worst <= 1e-7 * float(np.max(np.abs(b))) + 1e-11 * scale  # False for a NaN
