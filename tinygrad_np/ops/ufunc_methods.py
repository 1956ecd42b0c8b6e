"""``np.add.reduce(t)`` and its like: the methods reduce, accumulate, reduceat and outer of the ufuncs that have a rule.

Those with an op of their own call it; for any other, the ufunc is applied step by step, as its definition says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from functools import reduce as fold
from typing import Any

import numpy as np

from . import arithmetic, scan
from . import reduce as reductions
from .declare import Op
from .reduce import as_array, cast, normal_axes, rows

__all__ = ["ufunc_methods"]


def _log_sum(a: Any, axis: Any = None, keepdims: bool = False, initial: Any = None, where: Any = True) -> Any:
    y = reductions.logsumexp(reductions.masked(as_array(a), where, -np.inf), axis=axis, keepdims=keepdims)
    return y if initial is None else arithmetic.logaddexp(y, reductions.like(initial, y))


def _number_extremum(kernel: Any, pair: Any) -> Callable[..., Any]:
    def call(a: Any, axis: Any = None, keepdims: bool = False, initial: Any = None, where: Any = True) -> Any:
        return reductions._extremum(kernel, pair, np.nan, a, axis, keepdims, initial, where)

    return call


REDUCE: dict[np.ufunc, Callable[..., Any]] = {
    np.add: reductions.sum,
    np.multiply: reductions.prod,
    np.maximum: reductions.max,
    np.minimum: reductions.min,
    np.fmax: _number_extremum(reductions._fmax, arithmetic.fmax),
    np.fmin: _number_extremum(reductions._fmin, arithmetic.fmin),
    np.logaddexp: _log_sum,
}
ACCUMULATE: dict[np.ufunc, Callable[..., Any]] = {
    np.add: scan._cumsum,
    np.multiply: scan._cumprod,
    np.maximum: scan._cummax,
    np.minimum: scan._cummin,
}


def ufunc_methods(ops: Iterable[Op]) -> dict[tuple[np.ufunc, str], Callable[..., Any]]:
    """What runs for (ufunc, method): NumPy's parameters, but for ``out=``."""
    table: dict[tuple[np.ufunc, str], Callable[..., Any]] = {}
    for o in ops:
        for f in (getattr(np, name, None) for name in o.np):
            if isinstance(f, np.ufunc) and f.nin == 2 and f.nout == 1 and f.signature is None:
                total = REDUCE.get(f) or partial(_reduce, o.call, f)
                table[f, "reduce"] = partial(_reduced, total)
                table[f, "accumulate"] = partial(_accumulate, ACCUMULATE.get(f), o.call)
                table[f, "reduceat"] = partial(_reduceat, total)
                table[f, "outer"] = partial(_outer, o.call)
    return table


def _reduced(total: Callable[..., Any], a: Any, axis: Any = 0, dtype: Any = None, **options: Any) -> Any:
    """NumPy gives the methods of ufuncs axis 0 by default."""
    return total(cast(as_array(a), dtype), axis=axis, **options)


def _reduce(
    call: Callable[..., Any],
    f: np.ufunc,
    a: Any,
    axis: Any = None,
    keepdims: bool = False,
    initial: Any = None,
    where: Any = True,
) -> Any:
    if where is not True:
        raise TypeError(f"np.{f.__name__}.reduce: where= has no rule for a Tensor")
    axes = normal_axes(axis, a.ndim)
    r = rows(a, axis)
    if initial is None and r.shape[-1] == 0:
        if f.identity is None:
            raise ValueError(f"np.{f.__name__}.reduce: no element, and no identity to start from: give initial=")
        initial = f.identity
    parts = [r[..., i] for i in range(r.shape[-1])]
    if initial is not None:
        parts.insert(0, np.full(r.shape[:-1], initial, a.dtype))
    y = fold(call, parts)
    return np.reshape(y, tuple(1 if i in axes else n for i, n in enumerate(a.shape))) if keepdims else y


def _accumulate(kernel: Any, call: Callable[..., Any], a: Any, axis: int = 0, dtype: Any = None) -> Any:
    a = cast(as_array(a), dtype)
    axis = normal_axes(axis, a.ndim)[0]
    if kernel is not None:
        return kernel(a, axis=axis)
    at = (slice(None),) * axis
    parts = [a[(*at, slice(0, 1))]]
    for i in range(1, a.shape[axis]):
        parts.append(call(parts[-1], a[(*at, slice(i, i + 1))]))
    return np.concatenate(parts, axis=axis)


def _reduceat(total: Callable[..., Any], a: Any, indices: Any, axis: int = 0, dtype: Any = None) -> Any:
    """From each index up to the next, or the one element where the next is not larger."""
    a = cast(as_array(a), dtype)
    axis = normal_axes(axis, a.ndim)[0]
    starts = [int(i) for i in indices]
    stops = [*starts[1:], a.shape[axis]]
    spans = [slice(i, j if j > i else i + 1) for i, j in zip(starts, stops, strict=True)]
    at = (slice(None),) * axis
    return np.concatenate([total(a[(*at, span)], axis=axis, keepdims=True) for span in spans], axis=axis)


def _outer(call: Callable[..., Any], a: Any, b: Any, dtype: Any = None) -> Any:
    a, b = cast(as_array(a), dtype), cast(as_array(b), dtype)
    return call(np.reshape(a, a.shape + (1,) * b.ndim), b)
