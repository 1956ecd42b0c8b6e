"""Cumulative sums, products and extrema: along one axis, each output from all that came before it.

Under the products lies one primitive, the linear recurrence r_j = b_j + c_j r_(j-1): it needs no division, so zeros do
no harm, and its own rules are recurrences again, so it holds in every order.
"""

from __future__ import annotations

import numpy as np

from .declare import composite, op
from .reduce import GAPS, as_array, cast

ALONG = [
    ((3,), {"axis": 0}),
    ((2, 3), {"axis": 0}),
    ((2, 3), {"axis": -1}),
    ((2, 3, 2), {"axis": 1}),
    ((0, 2), {"axis": 0}),
]
CUMULATIVE = [*ALONG, ((2, 3),), ((),), ((), {"axis": 0})]
ZEROS = np.array([2.0, 0.0, 3.0, 0.0, 1.5])


# What scans share


def shifted(x, axis, fill):
    """``x`` moved one place along ``axis``: ``fill`` comes first, the last falls out."""
    axis %= x.ndim
    first = tuple(min(n, 1) if i == axis else n for i, n in enumerate(x.shape))
    return np.concatenate([np.full(first, fill, x.dtype), x[(slice(None),) * axis + (slice(0, -1),)]], axis=axis)


def _from_behind(c, b, axis):
    """The recurrence run from the other end: r_j = b_j + c_(j+1) r_(j+1)."""
    return np.flip(_recurrence(shifted(np.flip(c, axis), axis, 1), np.flip(b, axis), axis=axis), axis)


@op(
    tex=r"\operatorname{{recur}}({0}, {1})",
    samples=[((4,), (4,), {"axis": 0}), ((2, 3), (2, 3), {"axis": 1}), ((3, 2), (3, 2), {"axis": 0})],
)
def _recurrence(c, b, *, axis):
    """r_j = b_j + c_j r_(j-1), by doubling: after k steps each r_j holds its last 2^k terms. c_0 is not used."""
    c, r = np.moveaxis(np.array(c), axis, 0), np.moveaxis(np.array(b), axis, 0)
    step = 1
    while step < len(r):
        r[step:] += c[step:] * r[:-step]
        c[step:] = c[step:] * c[:-step]
        step *= 2
    return np.moveaxis(r, 0, axis)


_recurrence.defvjp(
    lambda g, y, c, _b, *, axis: _from_behind(c, g, axis) * shifted(y, axis, 0),
    lambda g, _y, c, _b, *, axis: _from_behind(c, g, axis),
)


# Sums and products


@op(tex=r"\operatorname{{cumsum}} {0}", samples=ALONG)
def _cumsum(a, *, axis):
    return np.cumsum(a, axis=axis)


_cumsum.defvjp(lambda g, _y, _a, *, axis: np.flip(np.cumsum(np.flip(g, axis), axis=axis), axis), linear=True)


@op(tex=r"\operatorname{{cumprod}} {0}", samples=[*ALONG, (ZEROS, {"axis": 0})])
def _cumprod(a, *, axis):
    return np.cumprod(a, axis=axis)


_cumprod.defvjp(lambda g, _y, a, *, axis: np.cumprod(shifted(a, axis, 1), axis=axis) * _from_behind(a, g, axis))


def _flat(a, axis):
    """``axis=None`` runs over the flattened array; a single number is one of length 1."""
    a = as_array(a)
    return (np.reshape(a, -1), 0) if axis is None or (a.ndim == 0 and axis in (0, -1)) else (a, axis)


@composite(np=True, method=True, tex=r"\operatorname{{cumsum}} {0}", samples=CUMULATIVE)
def cumsum(a, axis=None, dtype=None):
    """Running sum; its cotangent is the running sum from the other end."""
    a, axis = _flat(a, axis)
    return _cumsum(cast(a, dtype), axis=axis)


@composite(np=True, method=True, tex=r"\operatorname{{cumprod}} {0}", samples=[*CUMULATIVE, (ZEROS,)])
def cumprod(a, axis=None, dtype=None):
    """Running product. Exact where elements are zero, in every order: its own rule divides by nothing.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_np import grad
    >>> grad(lambda x: np.cumprod(x).sum())(np.array([2.0, 0.0, 3.0]))
    array([1., 8., 0.])
    """
    a, axis = _flat(a, axis)
    return _cumprod(cast(a, dtype), axis=axis)


def _cumulative(kernel, first, x, axis, dtype, include_initial):
    x = as_array(x)
    if axis is None:
        if x.ndim > 1:
            raise ValueError(f"axis is needed for an array of {x.ndim} dimensions; it may be left out for 1-d only")
        axis = 0
    y = kernel(np.reshape(x, -1) if x.ndim == 0 else x, axis=axis, dtype=dtype)
    if not include_initial:
        return y
    ahead = tuple(1 if i == axis % y.ndim else n for i, n in enumerate(y.shape))
    return np.concatenate([np.full(ahead, first, y.dtype), y], axis=axis)


FROM_THE_START = [*ALONG, ((3,),), ((2, 3), {"axis": 1, "include_initial": True})]


@composite(np=True, tex=r"\operatorname{{cumsum}} {0}", samples=FROM_THE_START)
def cumulative_sum(x, /, *, axis=None, dtype=None, include_initial=False):
    """`cumsum` as the array API has it: ``include_initial`` puts a 0 ahead."""
    return _cumulative(cumsum, 0, x, axis, dtype, include_initial)


@composite(np=True, tex=r"\operatorname{{cumprod}} {0}", samples=FROM_THE_START)
def cumulative_prod(x, /, *, axis=None, dtype=None, include_initial=False):
    """`cumprod` as the array API has it: ``include_initial`` puts a 1 ahead."""
    return _cumulative(cumprod, 1, x, axis, dtype, include_initial)


@composite(np=True, samples=[*CUMULATIVE, (GAPS, {"axis": 1})])
def nancumsum(a, axis=None, dtype=None):
    """Running sum with 0 in place of NaN; a NaN gets gradient 0."""
    a = as_array(a)
    return cumsum(np.where(np.isnan(a), 0, a), axis=axis, dtype=dtype)


@composite(np=True, samples=[*CUMULATIVE, (GAPS, {"axis": 1})])
def nancumprod(a, axis=None, dtype=None):
    """Running product with 1 in place of NaN; a NaN gets gradient 0."""
    a = as_array(a)
    return cumprod(np.where(np.isnan(a), 1, a), axis=axis, dtype=dtype)


# Extrema: what np.maximum.accumulate and np.minimum.accumulate call


@op(tex=r"\operatorname{{cummax}} {0}", samples=[*ALONG, ((9,), {"axis": 0})])
def _cummax(a, *, axis):
    """Running maximum; each output's gradient is shared equally by the elements so far that equal it."""
    return np.maximum.accumulate(a, axis=axis)


@op(tex=r"\operatorname{{cummin}} {0}", samples=[*ALONG, ((9,), {"axis": 0})])
def _cummin(a, *, axis):
    """Running minimum; each output's gradient is shared equally by the elements so far that equal it."""
    return np.minimum.accumulate(a, axis=axis)


def _shared_so_far(g, y, a, *, axis):
    """A run is where the output stays: the ties in it are counted up to each place, and the shares summed from behind.

    A NaN, once met, stays the output, and only NaNs share it.
    """
    before = shifted(y, axis, 0)
    chosen = ((a == y) | (a != a)).astype(g.dtype)
    stays = ((y == before) | ((y != y) & (before != before))).astype(g.dtype)
    ties = _recurrence(stays, chosen, axis=axis)
    return chosen * _from_behind(stays, g / ties, axis)


_cummax.defvjp(_shared_so_far)
_cummin.defvjp(_shared_so_far)
