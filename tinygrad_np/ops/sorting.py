"""Sorting, and what is read off a sorted array: median, quantiles, percentiles.

All are compositions: the order is the stable argsort, which carries no gradient, and the values are taken along it.
So among equal elements the first in the array is the first in the order, and takes the gradient of that place.
"""

from __future__ import annotations

import numpy as np

from . import reduce
from .declare import composite, op
from .reduce import GAPS, REDUCE, as_array, cast, count, normal_axes, rows, values


def _flat(a, axis):
    a = as_array(a)
    return (np.reshape(a, -1), 0) if axis is None else (a, axis)


def _unordered(order):
    if order is not None:
        raise TypeError("order= sorts by the fields of a structured array, which a Tensor is not")


@composite(
    np=True,
    tex=r"\operatorname{{sort}} {0}",
    samples=[((4,),), ((2, 3),), ((3, 2), {"axis": 0}), ((2, 3), {"axis": None})],
)
def sort(a, axis=-1, kind=None, order=None, *, stable=None):
    """``a`` sorted along ``axis``; each place of the result hands its gradient to the element it came from.

    Always by the stable argsort, whatever ``kind`` says: of equal elements the first comes first. NaNs come last.
    """
    _unordered(order)
    a, axis = _flat(a, axis)
    axis = normal_axes(axis, a.ndim)[0]
    return np.take_along_axis(a, np.argsort(a, axis=axis, kind="stable"), axis=axis)


@composite(np=True, samples=[((4,),), (np.array([1 + 2j, -0.5j, 1.5 - 1j]),)])
def sort_complex(a):
    """``a`` sorted by the real parts, then the imaginary ones, as complex numbers."""
    return sort(as_array(a) + 0j)


@op(samples=[])
def _partition(a, *, kth, axis):
    return np.partition(a, kth, axis=axis)


_partition.defvjp(None)


@composite(np=True, samples=[((6,), 2), ((2, 4), 1), ((4, 2), 2, 0), ((2, 3), {"kth": 3, "axis": None})])
def partition(a, kth, axis=-1, kind="introselect", order=None):
    """``a`` with the element of rank ``kth`` (or those, for several) in its sorted place, smaller ones before it.

    The arrangement is NumPy's; equal elements stand in it in the order they have in ``a``, as in `sort`.
    """
    _unordered(order)
    a, axis = _flat(a, axis)
    kth = tuple(int(k) for k in kth) if np.iterable(kth) else int(kth)
    arranged = _partition(a, kth=kth, axis=axis)
    rank = np.argsort(np.argsort(arranged, axis=axis, kind="stable"), axis=axis)
    return np.take_along_axis(sort(a, axis=axis), rank, axis=axis)


def _in_place(f, name):
    def method(a, *args, **kwargs):
        a._rebind(lambda: f(a, *args, **kwargs))

    method.__name__ = f"_{name}_in_place"
    method.__doc__ = f"`{name}` in place, as the method of an array does it: the handle is bound to the new record."
    return composite(method=name, public=False)(method)


_in_place(sort, "sort")
_in_place(partition, "partition")


# Order statistics


def _reduced_shape(shape, axis, keepdims):
    axes = normal_axes(axis, len(shape))
    return tuple(1 if i in axes else n for i, n in enumerate(shape) if keepdims or i not in axes)


MEDIAN = [((4,),), ((5,),), *REDUCE[1:]]


@composite(np=True, samples=MEDIAN)
def median(a, axis=None, overwrite_input=False, keepdims=False):
    """Middle element over ``axis``, or the mean of the two; by the stable argsort, as `sort`. A NaN wins."""
    a = as_array(a)
    if count(a.shape, axis) == 0:
        return reduce.mean(a, axis=axis, keepdims=keepdims)
    s = sort(rows(a, axis))
    half, odd = divmod(s.shape[-1], 2)
    y = reduce.mean(s[..., half - 1 + odd : half + 1], axis=-1)
    if a.dtype.kind in "fc":
        y = np.where(np.isnan(s[..., -1]), s[..., -1], y)
    return np.reshape(y, _reduced_shape(a.shape, axis, keepdims))


@composite(np=True, samples=[*MEDIAN, (GAPS, {"axis": 1}), (GAPS, {"axis": 0})])
def nanmedian(a, axis=None, overwrite_input=False, keepdims=False):
    """Median of the numbers over ``axis``; a NaN gets gradient 0. Of no number it is NaN, with a warning."""
    a = as_array(a)
    if a.dtype.kind not in "fc" or count(a.shape, axis) == 0:
        return median(a, axis=axis, keepdims=keepdims)
    r = rows(a, axis)
    n = np.sum(~np.isnan(r), axis=-1, keepdims=True)
    s = sort(r)
    lower = np.take_along_axis(s, np.maximum((n - 1) // 2, 0), axis=-1)
    upper = np.take_along_axis(s, np.minimum(n // 2, s.shape[-1] - 1), axis=-1)
    y = np.where(n == 0, np.nan, np.where(n % 2 == 1, lower, (lower + upper) / 2))
    reduce.warn_all_nan("nanmedian", y)
    return np.reshape(y, _reduced_shape(a.shape, axis, keepdims))


def _hyndman_fan(alpha, beta):
    return lambda n, q: n * q + (alpha + q * (1 - alpha - beta)) - 1


def _next_above(place, keep):
    """The integer at ``place`` where ``keep`` holds of it, else the one above; from 0 on."""
    below = np.floor(place)
    return np.maximum(np.where(keep(place, below), below, below + 1), 0)


# By method: the place among the n sorted elements, counted from 0, that holds the quantile q. Between two integers the
# value lies on the straight line between the two elements.
PLACES = {
    "linear": lambda n, q: (n - 1) * q,
    "hazen": _hyndman_fan(0.5, 0.5),
    "weibull": _hyndman_fan(0, 0),
    "interpolated_inverted_cdf": _hyndman_fan(0, 1),
    "median_unbiased": _hyndman_fan(1 / 3.0, 1 / 3.0),
    "normal_unbiased": _hyndman_fan(3 / 8.0, 3 / 8.0),
    "lower": lambda n, q: np.floor((n - 1) * q),
    "higher": lambda n, q: np.ceil((n - 1) * q),
    "nearest": lambda n, q: np.rint((n - 1) * q),
    "midpoint": lambda n, q: 0.5 * (np.floor((n - 1) * q) + np.ceil((n - 1) * q)),
    "inverted_cdf": lambda n, q: _next_above(n * q - 1, lambda p, below: p == below),
    "closest_observation": lambda n, q: _next_above(n * q - 1.5, lambda p, below: (p == below) & (below % 2 == 1)),
    "averaged_inverted_cdf": lambda n, q: n * q - 1,
}
WHOLE = ("lower", "higher", "nearest", "inverted_cdf", "closest_observation")


def _between(a, b, t, rest):
    """From a to b with t, from the nearer end, so that it is b at 1 exactly; ``rest`` is 1 - t."""
    step = b - a
    return np.where(t >= 0.5, b - step * rest, a + step * t)


def _read_off(s, n, q, method, weak):
    """Quantiles q, of shape (Q,), of sorted rows (..., n or more): shape (..., Q)."""
    place = PLACES[method](n, q)
    below = np.floor(place)
    inside = [np.clip(k, 0, np.maximum(n - 1, 0)).astype(np.intp) for k in (below, below + 1)]
    index = [np.reshape(k, (1,) * (s.ndim - k.ndim) + k.shape) for k in inside]
    lower = np.take_along_axis(s, index[0], axis=-1)
    if method in WHOLE or (method == "linear" and q.dtype.kind in "iu"):
        return lower
    t = cast(place - below, np.float64 if weak and place.dtype.kind in "iu" else place.dtype)
    if method == "averaged_inverted_cdf":
        t = cast(np.where(t == 0, 0.5, 1.0), t.dtype)
    t, rest = (cast(w, s.dtype) if weak and s.dtype.kind == "f" else w for w in (t, 1 - t))
    return _between(lower, np.take_along_axis(s, index[1], axis=-1), t, rest)


def _quantile(a, q, axis, method, keepdims, weights, skip_nan):
    a = as_array(a)
    if method not in PLACES:
        raise ValueError(f"quantile: no method {method!r}; there are {', '.join(PLACES)}")
    if weights is not None:
        raise TypeError("quantile: weights= has no rule for a Tensor")
    if a.dtype.kind == "c":
        raise TypeError("quantile: complex numbers have no order")
    weak = type(q) in (int, float)  # a plain number leaves the dtype to the array
    q = as_array(q)
    if not ((values(q) >= 0) & (values(q) <= 1)).all():
        raise ValueError("quantile: q lies between 0 and 1 (of percentile: between 0 and 100)")
    r = rows(a, axis)
    s = sort(r)
    n = r.shape[-1]
    if skip_nan:  # as many as there are in each row, in the dtype that a plain number would take beside q
        n = np.sum(~np.isnan(r), axis=-1, keepdims=True).astype(q.dtype)
    y = _read_off(s, n, np.reshape(q, -1), method, weak)
    if skip_nan:
        y = np.where(n == 0, np.nan, y)
    elif a.dtype.kind == "f":
        y = np.where(np.isnan(s[..., -1:]), s[..., -1:], y)
    y = y[..., 0] if q.ndim == 0 else np.moveaxis(y, -1, 0)
    return np.reshape(y, q.shape + _reduced_shape(a.shape, axis, keepdims))


QUANTILES = [
    ((5,), 0.3),
    ((2, 4), 0.4, 0),
    ((2, 4), np.array([0.1, 0.55]), {"axis": 1, "keepdims": True}),
    ((2, 3, 2), 0.3, {"axis": (0, 2)}),
    *(((2, 5), 0.37, {"axis": 1, "method": m}) for m in PLACES),
    ((5,), 1),
    ((5,), 0.0),
]
PERCENTILES = [((5,), 30), ((2, 4), np.array([10.0, 55.0]), {"axis": 1}), ((5,), 62.5, {"method": "weibull"})]


@composite(np=True, samples=QUANTILES)
def quantile(a, q, axis=None, overwrite_input=False, method="linear", keepdims=False, *, weights=None):
    """Quantiles over ``axis``, by all of NumPy's methods; by the stable argsort, as `sort`. A NaN wins.

    The two neighbours get the weights of the interpolation. A ``q`` that is a Tensor gets its gradient: the slope.
    """
    return _quantile(a, q, axis, method, keepdims, weights, skip_nan=False)


@composite(np=True, samples=[*QUANTILES, (GAPS, 0.6, 1), (GAPS, np.array([0.2, 0.9]), {"axis": 0, "method": "hazen"})])
def nanquantile(a, q, axis=None, overwrite_input=False, method="linear", keepdims=False, *, weights=None):
    """`quantile` of the numbers; a NaN gets gradient 0. Of no number it is NaN."""
    return _quantile(a, q, axis, method, keepdims, weights, skip_nan=as_array(a).dtype.kind == "f")


def _hundredth(q):
    """A plain number stays one, for it leaves the dtype to the array."""
    return q / 100 if type(q) in (int, float) else as_array(q) / 100


@composite(np=True, samples=PERCENTILES)
def percentile(a, q, axis=None, overwrite_input=False, method="linear", keepdims=False, *, weights=None):
    """`quantile` with ``q`` from 0 to 100."""
    return _quantile(a, _hundredth(q), axis, method, keepdims, weights, skip_nan=False)


@composite(np=True, samples=[*PERCENTILES, (GAPS, 60, 1)])
def nanpercentile(a, q, axis=None, overwrite_input=False, method="linear", keepdims=False, *, weights=None):
    """`nanquantile` with ``q`` from 0 to 100."""
    return nanquantile(a, _hundredth(q), axis=axis, method=method, keepdims=keepdims, weights=weights)
