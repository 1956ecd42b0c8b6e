"""The arguments of a call: which are arrays, which generators, which fixed values; and the signature they make up."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..core.tensor import Tensor
from ..transforms.tree import LEAF, flatten, paths, unflatten
from .problem import CompileError

__all__ = ["ARRAY", "GENERATOR", "NUMBER", "STATIC", "Arguments", "Parameters"]

ARRAY, GENERATOR, NUMBER, STATIC = "array", "generator", "number", "static"
PLAIN = (bool, int, float, complex, str, bytes)


class Parameters:
    """The parameters of the function that is compiled: their names, and which are static or donated."""

    def __init__(self, f: Callable[..., Any], static: Any, donate: Any) -> None:
        self.name = str(getattr(f, "__name__", type(f).__name__))
        try:
            found = list(inspect.signature(f).parameters.values())
        except (TypeError, ValueError):  # written in C
            found = []
        self.rest = next((p.name for p in found if p.kind is p.VAR_POSITIONAL), "argument" if not found else None)
        self.names = [p.name for p in found if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
        known = [p.name for p in found if p.kind is not p.VAR_KEYWORD]
        self.static = self._named(static, "static", known)
        self.donated = self._named(donate, "donate", known)
        if both := self.static & self.donated:
            raise ValueError(f"compile: {', '.join(sorted(both))} cannot be both static and donated")

    def _named(self, given: Any, what: str, known: list[str]) -> frozenset[str]:
        found = set()
        for g in (given,) if isinstance(given, str | int) else tuple(given):
            name = self.at(g) if isinstance(g, int) and (0 <= g < len(self.names) or not known) else g
            if not isinstance(name, str) or (known and name not in known):
                raise ValueError(
                    f"compile({what}={g!r}): {self.name} has no such parameter; it takes {', '.join(known) or 'none'}"
                )
            found.add(name)
        return frozenset(found)

    def at(self, i: int) -> str:
        """The name of positional argument ``i``."""
        return self.names[i] if i < len(self.names) else f"{self.rest}[{i - len(self.names)}]"


class Arguments(NamedTuple):
    """One call's arguments, taken apart.

    Attributes
    ----------
    leaves : list
        All of them, in order; arrays as arrays.
    kinds : list of str
        ARRAY, GENERATOR, NUMBER (or string) or STATIC, one a leaf.
    paths : list of str
        How each is reached, ``params['w1']``.
    donated : list of bool
    tops : list of (str or int, structure)
        Position or keyword, and how its leaves are put together.
    key
        The signature: equal for calls that one program serves.
    """

    leaves: list[Any]
    kinds: list[str]
    paths: list[str]
    donated: list[bool]
    tops: list[tuple[Any, Any]]
    key: Any

    @classmethod
    def of(cls, args: tuple[Any, ...], kwargs: dict[str, Any], parameters: Parameters) -> Arguments:
        """Take a call apart.

        Raises
        ------
        CompileError
            If an argument is neither array, generator, number nor static.
        """
        leaves: list[Any] = []
        kinds: list[str] = []
        where: list[str] = []
        donated: list[bool] = []
        tops: list[tuple[Any, Any]] = []
        key: list[Any] = []
        given = [(i, parameters.at(i), x) for i, x in enumerate(args)] + [(k, k, x) for k, x in kwargs.items()]
        for place, name, x in given:
            top = name.split("[")[0]
            if top in parameters.static:
                tops.append((place, LEAF))
                leaves.append(x)
                kinds.append(STATIC)
                where.append(name)
                donated.append(False)
                key.append((place, "static", _hashed(x, name, parameters.name)))
                continue
            found, structure = flatten(x)
            tops.append((place, structure))
            key.append((place, _frozen(structure)))
            for leaf, path in zip(found, paths(x, name), strict=True):
                value, kind, mark = _leaf(leaf, path, parameters.name)
                leaves.append(value)
                kinds.append(kind)
                where.append(path)
                donated.append(kind == ARRAY and top in parameters.donated)
                key.append(mark)
        return cls(leaves, kinds, where, donated, tops, tuple(key))

    def rebuilt(self, leaves: Sequence[Any]) -> tuple[list[Any], dict[str, Any]]:
        """Positional and keyword arguments with other leaves in place of these."""
        rest = iter(leaves)
        args: list[Any] = []
        kwargs: dict[str, Any] = {}
        for place, structure in self.tops:
            n = _count(structure)
            value = unflatten(structure, [next(rest) for _ in range(n)])
            if isinstance(place, int):
                args.append(value)
            else:
                kwargs[place] = value
        return args, kwargs

    def holds(self, args: Sequence[Any], kwargs: dict[str, Any], leaves: Sequence[Any]) -> bool:
        """Whether these arguments are still put together of these leaves, in containers like those of the call."""
        rest = iter(leaves)
        for place, structure in self.tops:
            value = args[place] if isinstance(place, int) else kwargs[place]
            found, now = ([value], LEAF) if structure == LEAF else flatten(value)
            if now != structure or any(x is not next(rest) for x in found):
                return False
        return True

    def of_kind(self, kind: str) -> list[int]:
        return [i for i, k in enumerate(self.kinds) if k == kind]

    def check_donated(self, name: str) -> None:
        """Raise `CompileError` if a donated array cannot be overwritten without harm."""
        arrays = self.of_kind(ARRAY)
        for i in arrays:
            if not self.donated[i]:
                continue
            a = self.leaves[i]
            if not a.flags.carray:
                what = "read-only" if not a.flags.writeable else "not contiguous"
                raise CompileError(
                    f"{name}: {self.paths[i]} is donated and {what}: pass an array that may be overwritten, in C"
                    " order, or do not donate it"
                )
            for j in arrays:
                if j != i and np.shares_memory(a, self.leaves[j]):
                    raise CompileError(
                        f"{name}: {self.paths[i]} is donated and shares memory with {self.paths[j]}, which would change"
                        f" with it: pass a copy of one of them, or do not donate {self.paths[i]}"
                    )


def _leaf(x: Any, path: str, name: str) -> tuple[Any, str, Any]:
    """What a leaf is taken for: value, kind, and its part of the signature."""
    if type(x) is Tensor:
        if x.requires_grad:
            raise CompileError(
                f"{name}: {path} is a Tensor that requires a gradient, and a compiled step records none: give it"
                " .data and compile value_and_grad of the loss"
            )
        x = x._data
    if isinstance(x, np.ndarray | np.generic):
        a = np.asarray(x)
        if a.dtype.kind not in "fcbiu":
            raise CompileError(f"{name}: {path} holds {a.dtype}; a compiled step takes numbers, or name it in static=")
        return a, ARRAY, (a.shape, a.dtype)
    if isinstance(x, np.random.Generator):
        return x, GENERATOR, (GENERATOR,)
    if isinstance(x, PLAIN):
        return x, NUMBER, (type(x), repr(x))
    raise CompileError(f"{name}: {path} is {type(x).__name__}, no array and no number: name the argument in static=")


def _hashed(x: Any, path: str, name: str) -> Any:
    try:
        hash(x)
    except TypeError:
        raise CompileError(
            f"{name}: the static argument {path} is a {type(x).__name__}, which cannot be hashed: pass a tuple, a"
            " string or a number"
        ) from None
    return (type(x), repr(x) if isinstance(x, PLAIN) else x)


def _frozen(structure: Any) -> Any:
    if structure == LEAF:
        return LEAF
    kind, children = structure
    if isinstance(children, dict):
        return (kind, tuple((k, _frozen(v)) for k, v in children.items()))
    return (kind, None if children is None else tuple(map(_frozen, children)))


def _count(structure: Any) -> int:
    if structure == LEAF:
        return 1
    children = structure[1]
    return sum(map(_count, children.values() if isinstance(children, dict) else children or ()))
