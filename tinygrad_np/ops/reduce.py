"""Reductions: sums and their relatives, extrema, along any axes.

Every reduction takes ``axis`` as None, an int, or a tuple (an empty one too), and ``keepdims``; most take ``where=``.
"""

from __future__ import annotations

import numpy as np

from .arithmetic import maximum, minimum
from .declare import composite, op
from .elementwise import astype

REDUCE = [
    ((3,),),
    ((2, 3), {"axis": 0}),
    ((2, 3), {"axis": -1, "keepdims": True}),
    ((2, 3, 2), {"axis": (0, 2)}),
    ((2, 3), {"axis": ()}),
    ((2, 1), {"axis": None}),
    ((),),
]

def normal_axes(axis, ndim):
    """``axis`` as a tuple of non-negative ints."""
    if axis is None:
        return tuple(range(ndim))
    axes = axis if isinstance(axis, tuple) else (axis,)
    return tuple(np.lib.array_utils.normalize_axis_tuple(axes, ndim))


def count(shape, axis):
    """How many elements a reduction of this shape takes together."""
    n = 1
    for i in normal_axes(axis, len(shape)):
        n *= shape[i]
    return n


def unreduced(g, shape, axis, keepdims):
    """A reduced array with its axes back, of size one, so that it broadcasts against what was reduced."""
    if keepdims or g.shape == shape or g.ndim == 0:
        return g
    axes = normal_axes(axis, len(shape))
    return g.reshape(tuple(1 if i in axes else n for i, n in enumerate(shape)))


def spread(g, shape):
    """``g`` repeated to ``shape``: for an array a view of stride zero, made faster than np.broadcast_to."""
    if type(g) is np.ndarray and g.ndim == 0:
        return np.ndarray(shape, g.dtype, g, strides=(0,) * len(shape))
    return np.broadcast_to(g, shape)


@op(tex=r"\sum {0}", samples=REDUCE)
def _sum(a, *, axis=None, keepdims=False):
    return np.add.reduce(a, axis=axis, keepdims=keepdims)


_sum.defvjp(lambda g, _y, _a, *, axis, keepdims: spread(unreduced(g, _a.shape, axis, keepdims), _a.shape), linear=True)


@composite(np=True, method=True, samples=[*REDUCE, ((2, 3), {"where": np.array([True, False, True]), "initial": 2.0})])
def sum(a, axis=None, dtype=None, keepdims=False, initial=None, where=True):
    """Sum over ``axis``; each element taken in has derivative 1."""
    a = a if dtype is None else astype(a, dtype=np.dtype(dtype))
    a = a if where is True else np.where(where, a, 0)
    y = _sum(a, axis=axis, keepdims=keepdims)
    return y if initial is None else y + initial


@op(tex=r"\operatorname{{mean}} {0}", samples=REDUCE)
def _mean(a, *, axis=None, keepdims=False):
    n = count(a.shape, axis)
    if n == 0 or a.dtype.kind != "f" or a.dtype.itemsize < 4:  # NumPy sums float16 in float32, and warns of no element
        return np.mean(a, axis=axis, keepdims=keepdims)
    return np.add.reduce(a, axis=axis, keepdims=keepdims) / n


_mean.defvjp(
    lambda g, _y, _a, *, axis, keepdims: spread(
        unreduced(g / (count(_a.shape, axis) or 1), _a.shape, axis, keepdims), _a.shape
    ),
    linear=True,
)


@composite(np=True, method=True, samples=[*REDUCE, ((2, 3), {"where": np.array([True, False, True]), "axis": 1})])
def mean(a, axis=None, dtype=None, keepdims=False, where=True):
    """Arithmetic mean over ``axis``; each of n elements has derivative 1 / n."""
    a = a if dtype is None else astype(a, dtype=np.dtype(dtype))
    if where is True:
        return _mean(a, axis=axis, keepdims=keepdims)
    n = np.sum(np.broadcast_to(where, a.shape), axis=axis, keepdims=keepdims)
    return sum(a, axis=axis, keepdims=keepdims, where=where) / n


def _shared(g, y, a, *, axis, keepdims):
    """The cotangent shared equally among the elements that equal the output; a NaN equals a NaN here."""
    y = unreduced(y, a.shape, axis, keepdims)
    chosen = (a == y) | (np.isnan(a) & np.isnan(y))
    n = np.add.reduce(chosen, axis=normal_axes(axis, a.ndim), keepdims=True)
    return unreduced(g, a.shape, axis, keepdims) * (chosen / n)


@op(tex=r"\max {0}", samples=REDUCE)
def _max(a, *, axis=None, keepdims=False):
    return np.maximum.reduce(a, axis=axis, keepdims=keepdims)


@op(tex=r"\min {0}", samples=REDUCE)
def _min(a, *, axis=None, keepdims=False):
    return np.minimum.reduce(a, axis=axis, keepdims=keepdims)


_max.defvjp(_shared)
_min.defvjp(_shared)


def _extremum(kernel, pair, worst, a, axis, keepdims, initial, where):
    if where is not True:
        if initial is None:
            raise ValueError("a maximum or minimum with where= needs initial= too, as in NumPy")
        a = np.where(where, a, worst)
    if initial is not None and count(a.shape, axis) == 0:
        return np.add.reduce(a, axis=axis, keepdims=keepdims) + initial
    y = kernel(a, axis=axis, keepdims=keepdims)
    return y if initial is None else pair(y, initial)


@composite(np=("max", "amax"), method=True, samples=[*REDUCE, ((2, 3), {"initial": 0.1})])
def max(a, axis=None, keepdims=False, initial=None, where=True):
    """Largest element over ``axis``; ties share the gradient equally."""
    return _extremum(_max, maximum, -np.inf, a, axis, keepdims, initial, where)


@composite(np=("min", "amin"), method=True, samples=[*REDUCE, ((2, 3), {"initial": 0.1})])
def min(a, axis=None, keepdims=False, initial=None, where=True):
    """Smallest element over ``axis``; ties share the gradient equally."""
    return _extremum(_min, minimum, np.inf, a, axis, keepdims, initial, where)
