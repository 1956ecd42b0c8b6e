"""A call as a tape: its arrays become inputs under the names that the function has for them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.record import Record
from ..core.tape import Tape, trace
from ..core.tensor import Tensor
from ..transforms.tree import flatten, unflatten

__all__ = ["traced"]

NUMERIC = (np.ndarray, np.floating, np.complexfloating, float, complex)


def traced(f: Callable[..., Any], args: tuple[Any, ...], grads: bool) -> tuple[Tape, tuple[Record, ...]]:
    """The tape of a call, and the inputs that need a gradient only since cotangents were asked for.

    Arrays in dicts are parameters. If there are none, and no Tensor at hand requires a gradient, cotangents are by all
    inputs of floating point. What is no array is handed on as it is.

    Raises
    ------
    TypeError
        If the call gives no array.
    """
    leaves, structure = flatten(args)
    names = _names(f, args)
    arrays = [i for i, a in enumerate(leaves) if isinstance(a, (*NUMERIC, Tensor))]
    inside = {i: isinstance(key, str) for i, (_, key) in enumerate(names)}
    required = any(type(leaves[i]) is Tensor and leaves[i].requires_grad for i in arrays)
    chosen = {i for i in arrays if inside[i] and _real(leaves[i])} if not required else set()
    asked = {i for i in arrays if _real(leaves[i])} if grads and not (required or chosen) else set()
    tensors = [_tensor(leaves[i], names[i][0], i in chosen | asked) for i in arrays]

    def call(*given: Any) -> Any:
        filled = list(leaves)
        for i, t in zip(arrays, given, strict=True):
            filled[i] = t
        found, _ = flatten(f(*unflatten(structure, filled)))
        results = [y for y in found if isinstance(y, Tensor | np.ndarray | np.generic | float | int | complex)]
        if not results:
            raise TypeError(f"{getattr(f, '__name__', 'the function')} gives no array: there is nothing to draw")
        return tuple(results)

    tape = trace(call, *tensors)
    if asked and any(r.diff and r.primitive is None for r in tape.constants):  # parameters that the function holds
        asked = set()
        tape = trace(call, *(_tensor(leaves[i], names[i][0], False) for i in arrays))
    return tape, tuple(tape.inputs[n] for n, i in enumerate(arrays) if i in asked)


def _real(a: Any) -> bool:
    return np.result_type(a.data if type(a) is Tensor else a).kind in "fc"


def _tensor(a: Any, name: str, diff: bool) -> Tensor:
    if type(a) is not Tensor:
        return Tensor(a, diff, name=name)
    if not a.is_leaf or (a.name and not diff):
        return a
    return Tensor(a.data, diff or a.requires_grad, name=a.name or name)


def _names(f: Callable[..., Any], args: tuple[Any, ...]) -> list[tuple[str, Any]]:
    """What each leaf is called, and the key under which a dict holds it."""
    found: list[tuple[str, Any]] = []

    def visit(node: Any, name: str, key: Any) -> None:
        if isinstance(node, dict):
            for k, v in node.items():
                visit(v, str(k), str(k))
        elif isinstance(node, list | tuple):
            for i, v in enumerate(node):
                visit(v, f"{name}[{i}]", key)
        elif node is not None:
            found.append((name, key))

    for name, a in zip(_parameters(f, len(args)), args, strict=True):
        visit(a, name, None)
    return found


def _parameters(f: Callable[..., Any], n: int) -> list[str]:
    """The names of the first ``n`` arguments."""
    try:
        parameters = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):  # a ufunc, or something built in
        return [f"x{i}" for i in range(n)]
    names = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)][:n]
    rest = next((p.name for p in parameters if p.kind is p.VAR_POSITIONAL), "x")
    return names + [f"{rest}[{i}]" for i in range(n - len(names))]
