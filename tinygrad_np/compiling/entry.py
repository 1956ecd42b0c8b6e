"""The way into a compiled step, generated for one signature: check the arguments, run, put the results together.

A call that fits takes under a microsecond on top of the step. One that does not fit gets MISS, and is looked at
closely by whoever called.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import numpy as np

from ..core.record import Record
from ..transforms.tree import LEAF
from .arguments import ARRAY, GENERATOR, NUMBER, STATIC, Arguments

__all__ = ["MISS", "entry"]

MISS: Any = type("_Miss", (), {"__repr__": lambda _: "MISS"})()


def entry(
    arguments: Arguments,
    run: Callable[..., Any],
    structure: Any,
    leaves: list[Any],
) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Two functions: of ``(args, kwargs)``, checked; and of the leaves, unchecked.

    Parameters
    ----------
    run
        The step: arrays, then generators; gives a tuple.
    structure, leaves
        Of the result; each Record among the leaves is the next of what ``run`` gives.
    """
    writer = _Entry(arguments)
    operands = [f"x{i}" for i in (*arguments.of_kind(ARRAY), *arguments.of_kind(GENERATOR))]
    result = writer.build(structure, iter(leaves), count())
    writer.known |= {"run": run}
    body = [f"    r = run({', '.join(operands)})", f"    return {result}"]
    enter = ["def enter(args, kwargs):", *writer.checks(), *body]
    leave = [f"def leave({', '.join(f'x{i}' for i in range(len(arguments.leaves)))}):", *body]
    namespace = writer.known
    exec(compile("\n".join([*enter, "", *leave]), "<entry of a compiled step>", "exec"), namespace)
    return namespace["enter"], namespace["leave"]


class _Entry:
    def __init__(self, arguments: Arguments) -> None:
        self.arguments = arguments
        self.known: dict[str, Any] = {"MISS": MISS, "ndarray": np.ndarray}
        self.lines: list[str] = []
        self.next = 0
        self.unnamed = 0

    def const(self, value: Any) -> str:
        for name, known in self.known.items():
            if known is value:
                return name
        self.known[f"k{len(self.known)}"] = value
        return f"k{len(self.known) - 1}"

    def miss_unless(self, condition: str) -> None:
        self.lines.append(f"    if not ({condition}): return MISS")

    def checks(self) -> list[str]:
        positions = [p for p, _ in self.arguments.tops if isinstance(p, int)]
        keywords = [p for p, _ in self.arguments.tops if not isinstance(p, int)]
        self.miss_unless(f"len(args) == {len(positions)} and len(kwargs) == {len(keywords)}")
        names = [self.variable() for _ in self.arguments.tops]
        if positions:
            self.lines.append(f"    ({', '.join(names[: len(positions)])},) = args")
        self.take("kwargs", keywords, names[len(positions) :])
        for name, (_, structure) in zip(names, self.arguments.tops, strict=True):
            self.structure(name, structure)
        self.apart()
        return self.lines

    def variable(self) -> str:
        self.unnamed += 1
        return f"t{self.unnamed}"

    def take(self, container: str, keys: list[Any], names: list[str]) -> None:
        if keys:
            values = ", ".join(f"{container}[{self.key(k)}]" for k in keys)
            self.lines.append(f"    try: ({', '.join(names)},) = ({values},)")
            self.lines.append("    except KeyError: return MISS")

    def key(self, k: Any) -> str:
        return repr(k) if type(k) in (str, int) else self.const(k)

    def structure(self, name: str, structure: Any) -> None:
        if structure == LEAF:
            self.leaf(name)
            return
        kind, children = structure
        if kind is None:
            self.miss_unless(f"{name} is None")
            return
        self.miss_unless(f"type({name}) is {self.const(kind)} and len({name}) == {len(children)}")
        names = [self.variable() for _ in children]
        if kind is dict:  # in this order: the function may go through it
            self.miss_unless(f"tuple({name}) == {self.const(tuple(children))}")
        if children:
            values = f"{name}.values()" if kind is dict else name
            self.lines.append(f"    ({', '.join(names)},) = {values}")
        for n, child in zip(names, children.values() if kind is dict else children, strict=True):
            self.structure(n, child)

    def leaf(self, name: str) -> None:
        i, self.next = self.next, self.next + 1
        x = self.arguments.leaves[i]
        kind = self.arguments.kinds[i]
        if kind == ARRAY:
            carray = f" and {name}.flags.carray" if self.arguments.donated[i] else ""
            dtype = self.const(x.dtype)
            self.miss_unless(
                f"type({name}) is ndarray and {name}.shape == {x.shape} and {name}.dtype is {dtype}{carray}"
            )
        elif kind in (NUMBER, STATIC):
            known = self.const(x)
            same = f"type({name}) is {self.const(type(x))} and {name} == {known}"
            if isinstance(x, float | complex) and (x == 0 or not math.isfinite(abs(x))):
                same = "False"  # 0 and -0 are equal, and differ
            self.miss_unless(f"{name} is {known} or {same}" if kind == STATIC else same)
        else:
            self.miss_unless(f"isinstance({name}, {self.const(np.random.Generator)})")
        self.lines.append(f"    x{i} = {name}")

    def apart(self) -> None:
        """Donated arrays share no memory with others: sure at once where all own theirs, else looked at closer."""
        arrays = self.arguments.of_kind(ARRAY)
        donated = [i for i in arrays if self.arguments.donated[i]]
        if not donated:
            return
        own = " and ".join(f"x{i}.base is None" for i in arrays)
        kinds = {i: (self.arguments.leaves[i].shape, self.arguments.leaves[i].dtype) for i in arrays}
        pairs = [(i, j) for i in donated for j in arrays if kinds[i] == kinds[j] and (j > i or j not in donated)]
        others = [i for i in arrays if i not in donated]
        first, second = ("".join(f"x{i}, " for i in some) for some in (donated, others))
        self.miss_unless(f"{own} or {self.const(_apart)}(({first}), ({second}))")
        if pairs:
            self.miss_unless(" and ".join(f"x{i} is not x{j}" for i, j in pairs))

    def build(self, structure: Any, leaves: Iterator[Any], numbers: Iterator[int]) -> str:
        """The expression of the result."""
        if structure == LEAF:
            leaf = next(leaves)
            return f"r[{next(numbers)}]" if isinstance(leaf, Record) else self.const(leaf)
        kind, children = structure
        if kind is None:
            return "None"
        if kind is dict:
            items = [f"{self.key(k)}: {self.build(c, leaves, numbers)}" for k, c in children.items()]
            return "{" + ", ".join(items) + "}"
        items = [self.build(c, leaves, numbers) for c in children]
        if kind is list:
            return f"[{', '.join(items)}]"
        if kind is tuple:
            return f"({', '.join(items)}{',' if items else ''})"
        whole = ", ".join(items)
        return f"{self.const(kind)}({whole})" if hasattr(kind, "_fields") else f"{self.const(kind)}(({whole},))"


def _apart(donated: tuple[np.ndarray, ...], others: tuple[np.ndarray, ...]) -> bool:
    """Whether it is plain to see that no donated array shares memory with another argument."""
    owners: dict[int, np.ndarray] = {}
    for a in donated:
        owner = a if a.base is None else a.base
        if type(owner) is not np.ndarray or owner.base is not None or id(owner) in owners:
            return _disjoint(donated, others)
        owners[id(owner)] = owner
    for a in others:
        owner = a if a.base is None else a.base
        if type(owner) is not np.ndarray or owner.base is not None or id(owner) in owners:
            return _disjoint(donated, others)
    return True


def _disjoint(donated: tuple[np.ndarray, ...], others: tuple[np.ndarray, ...]) -> bool:
    every = (*donated, *others)
    return not any(np.may_share_memory(a, b) for i, a in enumerate(donated) for b in every[i + 1 :])
