"""Why a gradient is wrong, where two arrays alone can prove it.

Each hypothesis is a statement about the numbers, verified to rounding before it is said; the first that holds is the
answer. `kind` is a slug that tools may rely on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..numeric import epsilon, rounding

__all__ = ["Diagnosis", "diagnose"]

Array = NDArray[Any]


class Diagnosis(NamedTuple):
    kind: str  # factor, mean-sum, bessel, sign, bias-sum, transpose, mask, time-index, shape
    text: str


def diagnose(G: Any, T: Any, sizes: Mapping[str, int] | None = None) -> Diagnosis | None:
    """What is wrong with the hand-written gradient ``G``, if ``T`` is the right one; None if nothing can be proved.

    Parameters
    ----------
    G, T
        Arrays of any shapes.
    sizes
        Sizes of the program at hand and how to call them: ``{"x.shape[0]": 64}``.

    Examples
    --------
    >>> import numpy as np
    >>> T = np.arange(6.0).reshape(2, 3)
    >>> diagnose(T / 64, T, {"x.shape[0]": 64})
    Diagnosis(kind='mean-sum', text='off by the factor 1/64; 64 is x.shape[0]')
    >>> diagnose(np.ones((2, 3)), np.array([2.0, 2.0, 2.0])).text
    'not summed over axis 0, along which it was broadcast'
    """
    G, T = np.asarray(G), np.asarray(T)
    if not (np.isfinite(G).all() and np.isfinite(T).all()):
        return None
    if not G.size or not T.size or not np.any(T):
        return _other_shape(G, T) if G.shape != T.shape else None
    same = _Equality(max(G.size, T.size, *(sizes or {}).values(), 1), G, T)
    G, T = (x.astype(np.complex128 if x.dtype.kind == "c" else np.float64) for x in (G, T))
    if G.shape != T.shape:
        return _transposed(G, T, same) or _axes(G, T, same) or _other_shape(G, T)
    if not np.any(G):
        return Diagnosis("mask", "is zero everywhere, and should not be")
    hypotheses: list[Callable[[], Diagnosis | None]] = [
        lambda: _factor(G, T, sizes or {}, same),
        lambda: _transposed(G, T, same),
        lambda: _total(G, T, same),
        lambda: _mask(G, T, same),
        lambda: _moved(G, T, same),
    ]
    return next((found for hypothesis in hypotheses if (found := hypothesis()) is not None), None)


class _Equality:
    """Whether two arrays are the same numbers, to what rounding does to sums of ``n`` terms."""

    def __init__(self, n: int, *like: Array) -> None:
        self.n, self.like = n, like
        self.rtol = max(1e-6, 2 * epsilon(*like))  # of a factor

    def __call__(self, a: Array, b: Array) -> bool:
        return a.shape == b.shape and bool(np.all(self.where(a, b)))

    def where(self, a: Array, b: Array) -> Any:
        scale = max(_largest(a), _largest(b))
        return np.abs(a - b) <= min(rounding(self.n, scale, *self.like), 0.01 * scale)  # more would prove nothing


def _largest(a: Array) -> float:
    return float(np.max(np.abs(a), initial=0))


def _factor(G: Array, T: Array, sizes: Mapping[str, int], same: _Equality) -> Diagnosis | None:
    ratio = complex(np.vdot(T, G) / np.vdot(T, T).real)
    if abs(ratio.imag) > 1e-6 * abs(ratio) or not same(G, ratio.real * T):
        return None
    c = ratio.real
    for name, number in _telling(sizes):
        if not np.isclose(abs(c), number, rtol=same.rtol, atol=0):
            continue
        sign = "-" if c < 0 else ""
        if number == 1:
            return Diagnosis("sign", "the sign is wrong") if c < 0 else None
        if number in (0.5, 2.0, 0.25, 4.0):
            return Diagnosis("factor", f"off by the factor {sign}{_ratio(number, same.rtol)}")
        kind = "bessel" if "/" in name else "mean-sum"
        n = round(max(number, 1 / number)) if kind == "mean-sum" else None
        where = f"{n} is {name}" if n else f"that is {name}"
        return Diagnosis(kind, f"off by the factor {sign}{_ratio(number, same.rtol)}; {where}")
    if np.count_nonzero(T) < 2:
        return None  # any number is some multiple of another
    return Diagnosis("factor", f"off by the factor {_ratio(c, same.rtol)}")


def _telling(sizes: Mapping[str, int]) -> Iterator[tuple[str, float]]:
    """Factors that mistakes bring, most common first."""
    yield from (("", number) for number in (1.0, 2.0, 0.5, 4.0, 0.25))
    for name, n in sizes.items():
        if n > 1:
            yield from ((name, float(n)), (name, 1 / n))
    for name, n in sizes.items():
        if n > 2:
            yield f"n/(n-1) for n = {n} = {name}", n / (n - 1)
            yield f"(n-1)/n for n = {n} = {name}", (n - 1) / n


def _ratio(c: float, rtol: float) -> str:
    """``c`` as people write it: 2, 1/64, 2/3, else its digits."""
    for simple in (
        Fraction(c).limit_denominator(16),
        *([1 / Fraction(1 / c).limit_denominator(1)] if abs(c) < 1 else ()),
    ):
        if simple and abs(simple) < 10**9 and np.isclose(c, float(simple), rtol=rtol, atol=0):
            return str(simple)
    return f"{c:.6g}"


def _transposed(G: Array, T: Array, same: _Equality) -> Diagnosis | None:
    if G.ndim < 2 or G.ndim != T.ndim:
        return None
    if same(G.T, T):
        return Diagnosis("transpose", "transposed")
    if G.ndim > 2 and same(np.swapaxes(G, -1, -2), T):
        return Diagnosis("transpose", "transposed in its last two axes")
    return None


def _axes(G: Array, T: Array, same: _Equality) -> Diagnosis | None:
    """A sum over broadcast axes left out, made too often, or made in another shape."""
    if G.size == T.size and same(G.reshape(T.shape), T):
        return Diagnosis("shape", f"the right numbers in the shape {G.shape}: reshape to {T.shape}")
    for reduce, kind, verb in ((np.sum, "bias-sum", "summed"), (np.mean, "mean-sum", "averaged")):
        for axes in _subsets(G.ndim):
            if _fits(reduce(G, axis=axes), T) and same(reduce(G, axis=axes).reshape(T.shape), T):
                return Diagnosis(kind, f"not {verb} over {_named(axes)}, along which it was broadcast")
        for axes in _subsets(T.ndim):
            if _fits(reduce(T, axis=axes), G) and same(reduce(T, axis=axes).reshape(G.shape), G):
                return Diagnosis(kind, f"{verb} over {_named(axes)}, and should not be")
    return None


def _fits(a: Array, b: Array) -> bool:
    """Whether the shapes are the same but for axes of size one."""
    return [n for n in a.shape if n != 1] == [n for n in b.shape if n != 1]


def _subsets(ndim: int) -> Iterator[tuple[int, ...]]:
    for k in range(1, ndim + 1):
        yield from combinations(range(ndim), k)


def _named(axes: tuple[int, ...]) -> str:
    return f"axis {axes[0]}" if len(axes) == 1 else f"the axes {axes}"


def _other_shape(G: Array, T: Array) -> Diagnosis:
    try:
        together = np.broadcast_shapes(G.shape, T.shape)
    except ValueError:
        return Diagnosis("shape", f"the shape is {G.shape} and should be {T.shape}")
    return Diagnosis(
        "shape", f"the shape is {G.shape} and should be {T.shape}; their difference would broadcast to {together}"
    )


def _total(G: Array, T: Array, same: _Equality) -> Diagnosis | None:
    """The same shape, and every entry a sum of the right ones."""
    for axes in reversed([*_subsets(T.ndim)]):
        if all(T.shape[i] == 1 for i in axes):
            continue
        for reduce, kind, verb in ((np.sum, "bias-sum", "sum"), (np.mean, "mean-sum", "mean")):
            if same(G, np.broadcast_to(reduce(T, axis=axes, keepdims=True), T.shape)):
                which = "all right entries" if len(axes) == T.ndim else f"the right entries over {_named(axes)}"
                return Diagnosis(kind, f"every entry is the {verb} of {which}")
    return None


def _mask(G: Array, T: Array, same: _Equality) -> Diagnosis | None:
    """Right where one of the two is zero, or nonzero just where the other is zero."""
    right = same.where(G, T)
    n, off = G.size, int(np.sum(~right))
    g, t = G != 0, T != 0
    if np.any(right & t) and not np.any(t & ~right):
        return Diagnosis(
            "mask", f"not 0 at {off} of {n} elements where it should be, right elsewhere: a mask is missing"
        )
    if np.any(right & t) and not np.any(g & ~right):
        return Diagnosis("mask", f"0 at {off} of {n} elements where it should not be, right elsewhere: masked too much")
    if n > 1 and np.any(g) and not np.any(g & t):
        return Diagnosis("mask", "0 wherever it should not be, and the other way round: the mask is inverted")
    return None


def _moved(G: Array, T: Array, same: _Equality) -> Diagnosis | None:
    for axis in range(G.ndim):
        if G.shape[axis] < 3:
            continue
        if same(np.flip(G, axis), T):
            return Diagnosis("time-index", f"in reverse order along axis {axis}")
        inner = np.moveaxis(G, axis, 0), np.moveaxis(T, axis, 0)
        for a, b, text in ((*inner, "late"), (*inner[::-1], "early")):
            if np.any(b[:-1]) and same(a[1:], b[:-1]):
                return Diagnosis("time-index", f"one step too {text} along axis {axis}")
    return None
