"""One call of an op: its arguments, which of them it is differentiated by, and the same as a line of code."""

from __future__ import annotations

import copy
import inspect
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.primitive import Primitive
from ...core.tensor import Tensor
from ...transforms.tree import flatten, paths, unflatten

__all__ = ["Call", "argument_names", "bare", "call_of", "import_line", "is_float", "literal", "op_name"]

Array = NDArray[Any]


def is_float(x: Any) -> bool:
    """Whether a gradient can be taken by it, or of it."""
    dtype = getattr(x, "dtype", None)
    return dtype is not None and dtype.kind in "fc"


@dataclass(frozen=True)
class Call:
    """An op with its arguments. ``where`` are the leaves of (args, params) that it is differentiated by."""

    op: Callable[..., Any]
    leaves: tuple[Any, ...]
    structure: Any
    where: tuple[int, ...]
    names: tuple[str, ...]
    origin: str

    @property
    def xs(self) -> list[Array]:
        return [self.leaves[i] for i in self.where]

    def filled(self, xs: Sequence[Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Arguments and parameters, with these in place of ``xs``."""
        full = [copy.deepcopy(x) if isinstance(x, np.random.Generator) else x for x in self.leaves]
        for i, x in zip(self.where, xs, strict=True):
            full[i] = x
        return unflatten(self.structure, full)  # type: ignore[no-any-return]  # a pair, as it was flattened

    def run(self, *xs: Any, op: Callable[..., Any] | None = None) -> Any:
        args, params = self.filled(xs)
        return (op or self.op)(*args, **params)

    def outputs(self, *xs: Any, op: Callable[..., Any] | None = None) -> tuple[Any, ...]:
        """The floating-point outputs, Tensors where ``xs`` are."""
        return tuple(y for y in flatten(self.run(*xs, op=op))[0] if is_float(y))

    def at(self, xs: Sequence[Array], origin: str = "") -> Call:
        """The same call at other values."""
        full = list(self.leaves)
        for i, x in zip(self.where, xs, strict=True):
            full[i] = x
        return replace(self, leaves=tuple(full), origin=origin or self.origin)

    def of(self, op: Callable[..., Any]) -> Call:
        return replace(self, op=op)

    @cached_property
    def shown(self) -> str:
        """``softsign(x[2, 3], axis=1)``, for a line of text."""
        args, params = unflatten(self.structure, [_brief(x) for x in self.leaves])
        parts = [bare(a) for a in args] + [f"{k}={bare(v)}" for k, v in params.items()]
        return f"{op_name(self.op)}({', '.join(parts)})"

    def code(self) -> tuple[list[str], str]:
        """Lines that define the floating-point arguments, and the call as an expression in their names."""
        names = [n if n.isidentifier() else f"x{k}" for k, n in enumerate(self.names)]
        if len(set(names)) < len(names):
            names = [f"x{k}" for k in range(len(names))]
        full = [literal(x) for x in self.leaves]
        for i, name in zip(self.where, names, strict=True):
            full[i] = name
        args, params = unflatten(self.structure, full)
        call = ", ".join([bare(a) for a in args] + [f"{k}={bare(v)}" for k, v in params.items()])
        lines = [f"{n} = {literal(x)}" for n, x in zip(names, self.xs, strict=True)]
        return lines, f"{op_name(self.op)}({call})"


def call_of(op: Any, args: Sequence[Any], params: dict[str, Any], origin: str) -> Call:
    """The call ``op(*args, **params)``; numbers in place of arrays count as 0-d arrays."""
    prim = op if isinstance(op, Primitive) else None
    n_arrays = len(args) if prim is None or prim.variadic else prim.arity
    args = [
        np.asarray(a) if isinstance(a, np.generic) or (prim is not None and k < n_arrays and type(a) is float) else a
        for k, a in enumerate(args)
    ]
    leaves, structure = flatten((tuple(args), params))
    leaves = [x.data if type(x) is Tensor else x for x in leaves]
    leaves = [np.array(x, order="K") if isinstance(x, np.ndarray) else x for x in leaves]  # the kit may spoil its own
    called = argument_names(op, len(args))
    where, names = [], []
    for i, (x, path) in enumerate(zip(leaves, paths((tuple(args), params)), strict=True)):
        if not isinstance(x, np.ndarray) or x.dtype.kind not in "fc":
            continue
        name = _named(path, called)
        if prim is not None and (path.startswith("[1]") or _undifferentiated(prim, path)):
            continue
        where.append(i)
        names.append(name)
    return Call(op, tuple(leaves), structure, tuple(where), tuple(names), origin)


def argument_names(op: Any, n: int) -> list[str]:
    """What the first ``n`` arguments are called."""
    f = op.__wrapped__ if isinstance(op, Primitive) else op
    found: list[str] = []
    try:
        for p in inspect.signature(f).parameters.values():
            if p.kind is p.VAR_POSITIONAL:
                found += [f"{p.name}[{i}]" for i in range(n - len(found))]
            elif p.kind is not p.VAR_KEYWORD:
                found.append(p.name)
    except (TypeError, ValueError):  # of a builtin or a ufunc
        found = ["a", "b", "c"] if n > 1 else ["x"]
    return (found + [f"args[{i}]" for i in range(len(found), n)])[:n]


def _named(path: str, names: list[str]) -> str:
    """``[0][1]`` is the second argument; ``[1]['weights']`` a parameter."""
    if path.startswith("[1]"):
        return path[3:].replace("['", "", 1).replace("']", "", 1)
    head, _, rest = path[4:].partition("]")
    return names[int(head)] + rest


def _undifferentiated(prim: Primitive, path: str) -> bool:
    i = int(path[4:].partition("]")[0])
    return (i >= len(prim.needed) and prim.fixed) or prim.needs(i) is None


def op_name(op: Any) -> str:
    """A name for the op that can stand in a program."""
    name = str(getattr(op, "__name__", "op"))
    return name if name.isidentifier() else "op"


def import_line(op: Any) -> str:
    """The line that brings the op into a program, where it stands in a module under its name."""
    module, name = getattr(op, "__module__", None), op_name(op)
    if module and module != "__main__" and getattr(sys.modules.get(module), name, None) is op:
        return f"from {module} import {name}"
    return f"# {name} is the op that was checked"


def literal(x: Any) -> str:
    """A value as code that makes it again."""
    if isinstance(x, np.ndarray):
        if not x.size:
            return f"np.zeros({x.shape}, np.{x.dtype})"
        text = repr(x.tolist())
        for word in ("nan", "inf"):
            text = text.replace(word, f"np.{word}")
        dtype = "" if x.dtype in (np.float64, np.int64, np.bool_, np.complex128) else f", np.{x.dtype}"
        return f"np.array({text}{dtype})"
    if isinstance(x, np.random.Generator):
        return "np.random.default_rng(0)"
    if isinstance(x, np.dtype):
        return f"np.dtype({x.name!r})"
    if callable(x) and hasattr(x, "__name__"):
        return f"np.{x.__name__}" if hasattr(np, x.__name__) else str(x.__name__)
    return repr(x)


def bare(text: Any) -> str:
    """Code of a tree of codes: containers as they are written, leaves as they are."""
    if isinstance(text, list):
        return "[" + ", ".join(map(bare, text)) + "]"
    if isinstance(text, tuple):
        return "(" + ", ".join(map(bare, text)) + ("," if len(text) == 1 else "") + ")"
    if isinstance(text, dict):
        return "{" + ", ".join(f"{k!r}: {bare(v)}" for k, v in text.items()) + "}"
    return str(text)


def _brief(x: Any) -> str:
    if isinstance(x, np.ndarray):
        kind = "" if x.dtype == np.float64 else f"{x.dtype}"
        return f"{kind}[{', '.join(map(str, x.shape))}]"
    return literal(x) if len(literal(x)) <= 24 else "..."
