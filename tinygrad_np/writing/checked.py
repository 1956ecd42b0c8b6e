"""Whether what is written out computes what runs: source and eager call held against each other."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.tape import Tape
from ..numeric import rounding
from ..passes.backward import gradient_tape
from ..transforms import value_and_grad
from .numpy_source import outside, to_numpy
from .statements import readable

__all__ = ["written_differs"]


def written_differs(f: Callable[..., Any], *args: Any) -> str:
    """What the written source of ``f`` and of its gradient by all arguments does otherwise; empty if nothing.

    To rounding: passes may have reordered a sum, and LAPACK rounds by where in memory its arrays happen to lie.

    Parameters
    ----------
    f
        A function of floating-point arrays to one array or a tuple of them.
    *args
        The arrays.

    Raises
    ------
    WriteError
        If it cannot be written, with the reason.

    Examples
    --------
    >>> import numpy as np
    >>> written_differs(lambda x: np.tanh(x) * 2, np.array([0.5, 1.0]))
    ''
    """

    def value(*xs: Any) -> Any:
        ys = f(*xs)
        parts = [p for y in (ys if isinstance(ys, tuple) else (ys,)) for p in _reals(y)]
        weights = [np.cos(np.arange(np.size(y)).reshape(np.shape(y)) + i) for i, y in enumerate(parts)]
        return sum(np.sum(y * w) for y, w in zip(parts, weights, strict=True))

    by = range(len(args))
    tape = readable(gradient_tape(value, *args, wrt=by))
    with np.errstate(all="ignore"):
        result, gradients = value_and_grad(value, tuple(by))(*args)
        eager = (result, *gradients)
        got, said = _run(tape, args)
    names = ["its value", *(f"the gradient by argument {i}" for i in by)]
    for name, a, b, c in zip(names, got, said, eager, strict=True):
        source, taped, ran = np.asarray(a), np.asarray(b), np.asarray(c)
        scale = float(np.max(np.abs(ran), where=np.isfinite(ran), initial=0))
        room = rounding(max(np.size(x) for x in (*args, ran)), scale, ran)
        if source.dtype != taped.dtype or _apart(source, taped, room):
            return f"the written source gives another result than the tape: {name}"
        if _apart(taped, ran, room):
            return f"the tape gives another result than the eager call: {name}"
    return ""


def _apart(a: np.ndarray, b: np.ndarray, room: float) -> bool:
    finite = np.isfinite(a) & np.isfinite(b) if a.shape == b.shape else False
    if finite is False or not np.array_equal(np.where(finite, 0, a), np.where(finite, 0, b), equal_nan=True):
        return True
    return bool(np.any(np.abs(np.where(finite, a, 0) - np.where(finite, b, 0)) > room))


def _reals(y: Any) -> tuple[Any, ...]:
    return (np.real(y), np.imag(y)) if np.result_type(y).kind == "c" else (y,)


def _run(tape: Tape, args: tuple[Any, ...]) -> tuple[Any, Any]:
    """What source and tape give; random numbers are the same for both."""
    namespace: dict[str, Any] = {}
    source = to_numpy(tape)
    given = copy.deepcopy(outside(tape))
    exec(source, namespace)
    return namespace["step"](*args, *given.values()), tape(*args)
