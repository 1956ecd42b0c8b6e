"""Reductions: sums and their relatives, extrema, along any axes.

Every reduction takes ``axis`` as None, an int, or a tuple (an empty one too), and ``keepdims``; most take ``where=``
and ``initial=``. Names, order and meaning of the parameters are NumPy's.
"""

from __future__ import annotations

import math
import warnings

import numpy as np

from ..core.apply import apply
from ..core.tensor import Tensor
from . import arithmetic
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
MASK = np.array([[True, False, True], [True, True, False]])
GAPS = np.array([[0.3, np.nan, -1.2], [0.8, 1.7, np.nan]])


# What reductions share


def as_array(a):
    """An array or a Tensor as it is, anything else as an array."""
    return a if hasattr(a, "dtype") else np.asarray(a)


def values(a):
    """The plain array, for a check that has no part in the result."""
    return a.data if type(a) is Tensor else np.asarray(a)


def cast(a, dtype):
    """``a`` in another dtype; None, or the one it has: ``a`` itself."""
    return a if dtype is None or a.dtype == dtype else astype(a, dtype=np.dtype(dtype))


def like(x, y):
    """``x`` in the dtype of ``y``: what NumPy makes of ``initial=``. To floats a plain number needs no cast."""
    if hasattr(x, "dtype"):
        return cast(x, y.dtype)
    return x if y.dtype.kind in "fc" else y.dtype.type(x)


def normal_axes(axis, ndim):
    """``axis`` as a tuple of non-negative ints."""
    if axis is None:
        return tuple(range(ndim))
    if type(axis) is int and -ndim <= axis < ndim:
        return (axis % ndim,)
    axes = axis if isinstance(axis, tuple) else (axis,)
    return tuple(np.lib.array_utils.normalize_axis_tuple(axes, ndim))


def count(shape, axis):
    """How many elements a reduction of this shape takes together."""
    return math.prod(shape[i] for i in normal_axes(axis, len(shape)))


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


def rows(a, axis):
    """``a`` with the reduced axes last and made one: shape (kept axes..., n)."""
    axes = normal_axes(axis, a.ndim)
    kept = tuple(i for i in range(a.ndim) if i not in axes)
    if kept + axes != tuple(range(a.ndim)):
        a = np.transpose(a, kept + axes)
    if len(axes) != 1:
        a = np.reshape(a, (*a.shape[: len(kept)], math.prod(a.shape[len(kept) :])))
    return a


def from_rows(r, shape, axis):
    """The inverse of `rows`, for an array of ``shape``."""
    axes = normal_axes(axis, len(shape))
    order = tuple(i for i in range(len(shape)) if i not in axes) + axes
    r = r if len(axes) == 1 else np.reshape(r, tuple(shape[i] for i in order))
    return r if order == tuple(range(len(shape))) else np.transpose(r, np.argsort(order).tolist())


def warn_all_nan(name, y):
    """What NumPy says of a slice of which there is no number to give."""
    if np.isnan(values(y)).any():
        warnings.warn(f"{name}: a slice holds nothing but NaN", RuntimeWarning, stacklevel=4)


def masked(a, where, fill):
    """``a`` with ``fill`` for what ``where=`` leaves out; no gradient flows there."""
    return a if where is True else np.where(where, a, fill)


# Sums and products


@op(tex=r"\sum {0}", samples=REDUCE)
def _sum(a, *, axis=None, keepdims=False):
    return np.add.reduce(a, axis=axis, keepdims=keepdims)


_sum.defvjp(lambda g, _y, _a, *, axis, keepdims: spread(unreduced(g, _a.shape, axis, keepdims), _a.shape), linear=True)


@composite(
    np=True,
    method=True,
    tex=r"\sum {0}",
    samples=[
        *REDUCE,
        ((2, 3), {"where": MASK[0], "initial": 2.0}),
        ((2, 3), {"axis": 1, "where": MASK}),
        ((0, 2), {"axis": 0}),
    ],
)
def sum(a, axis=None, dtype=None, keepdims=False, initial=None, where=True):
    """Sum over ``axis``; each element taken in has derivative 1, what ``where=`` leaves out 0."""
    if dtype is None and initial is None and where is True:  # nearly always, and in the innermost loops
        return _sum(a, axis=axis, keepdims=keepdims)
    if type(a) is Tensor and dtype is None and where is True and initial is None:  # the hot path
        return apply(_sum, (a,), {"axis": axis, "keepdims": keepdims})
    y = _sum(masked(cast(as_array(a), dtype), where, 0), axis=axis, keepdims=keepdims)
    return y if initial is None else y + like(initial, y)


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


@composite(
    np=True, method=True, tex=r"\operatorname{{mean}} {0}", samples=[*REDUCE, ((2, 3), {"where": MASK[0], "axis": 1})]
)
def mean(a, axis=None, dtype=None, keepdims=False, *, where=True):
    """Arithmetic mean over ``axis``; each of the n elements taken in has derivative 1 / n.

    Of no element it is NaN, with NumPy's warning.
    """
    a = as_array(a) if dtype is None else cast(as_array(a), dtype)
    if where is True:
        return _mean(a, axis=axis, keepdims=keepdims)
    n = np.add.reduce(np.broadcast_to(where, a.shape), axis=axis, dtype=np.intp, keepdims=keepdims)
    wide = np.float64 if a.dtype.kind not in "fc" else np.float32 if a.dtype == np.float16 else a.dtype
    total = sum(cast(a, wide), axis=axis, keepdims=keepdims, where=where)
    return cast(total / n, wide if a.dtype.kind not in "fc" else a.dtype)


@op(
    tex=r"\prod {0}",
    samples=[*REDUCE, (np.array([2.0, 0.0, 3.0]),), (np.array([[0.0, 2.0, 0.0], [1.5, 0.0, 3.0]]), {"axis": 1})],
)
def _prod(a, *, axis=None, keepdims=False):
    return np.multiply.reduce(a, axis=axis, keepdims=keepdims)


def _prod_vjp(g, _y, a, *, axis, keepdims):
    """The product of the others, as what comes before times what comes after: no division, so zeros do no harm."""
    r = rows(a, axis)
    one = np.ones((*r.shape[:-1], 1), a.dtype)
    before = np.cumprod(np.concatenate([one, r], axis=-1), axis=-1)[..., :-1]
    after = np.cumprod(np.concatenate([one, r[..., ::-1]], axis=-1), axis=-1)[..., -2::-1]
    return unreduced(g, a.shape, axis, keepdims) * from_rows(before * after, a.shape, axis)


_prod.defvjp(_prod_vjp)


@composite(
    np=True,
    method=True,
    tex=r"\prod {0}",
    samples=[
        *REDUCE,
        (np.array([2.0, 0.0, 3.0]),),
        ((2, 3), {"axis": 0, "where": MASK, "initial": 2.0}),
        ((0, 2), {"axis": 0}),
    ],
)
def prod(a, axis=None, dtype=None, keepdims=False, initial=None, where=True):
    """Product over ``axis``; an element's derivative is the product of the others.

    Exact where elements are zero, in every order: no division. Its own rule for that.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_np import grad
    >>> grad(np.prod)(np.array([2.0, 0.0, 3.0]))
    array([0., 6., 0.])
    """
    y = _prod(masked(cast(as_array(a), dtype), where, 1), axis=axis, keepdims=keepdims)
    return y if initial is None else y * like(initial, y)


# Extrema


def _shared(g, y, a, *, axis, keepdims):
    """The cotangent shared equally among the elements that equal the output; a NaN output came from the NaNs."""
    chosen = (a == unreduced(y, a.shape, axis, keepdims)) | (a != a)
    n = np.add.reduce(chosen, axis=normal_axes(axis, a.ndim), keepdims=True)
    return unreduced(g, a.shape, axis, keepdims) * (chosen / n)


def _shared_by_numbers(g, y, a, *, axis, keepdims):
    """As `_shared`, and NaNs get nothing."""
    chosen = a == unreduced(y, a.shape, axis, keepdims)
    n = np.add.reduce(chosen, axis=normal_axes(axis, a.ndim), keepdims=True)
    return unreduced(g, a.shape, axis, keepdims) * (chosen / np.maximum(n, 1))


@op(tex=r"\max {0}", samples=REDUCE)
def _max(a, *, axis=None, keepdims=False):
    return np.maximum.reduce(a, axis=axis, keepdims=keepdims)


@op(tex=r"\min {0}", samples=REDUCE)
def _min(a, *, axis=None, keepdims=False):
    return np.minimum.reduce(a, axis=axis, keepdims=keepdims)


@op(tex=r"\operatorname{{fmax}} {0}", samples=[*REDUCE, (GAPS, {"axis": 0})])
def _fmax(a, *, axis=None, keepdims=False):
    return np.fmax.reduce(a, axis=axis, keepdims=keepdims)


@op(tex=r"\operatorname{{fmin}} {0}", samples=[*REDUCE, (GAPS, {"axis": 0})])
def _fmin(a, *, axis=None, keepdims=False):
    return np.fmin.reduce(a, axis=axis, keepdims=keepdims)


_max.defvjp(_shared)
_min.defvjp(_shared)
_fmax.defvjp(_shared_by_numbers)
_fmin.defvjp(_shared_by_numbers)


def _in_dtype(worst, dtype):
    """The value that never wins, -inf in a maximum, as ``dtype`` has it."""
    if dtype.kind in "fc":
        return worst
    return worst > 0 if dtype.kind == "b" else np.iinfo(dtype).min if worst < 0 else np.iinfo(dtype).max


def _extremum(kernel, pair, worst, a, axis, keepdims, initial, where):
    a = as_array(a)
    if where is not True:
        if initial is None:
            raise ValueError("a maximum or minimum with where= needs initial= too: the mask may take in nothing")
        a = np.where(where, a, _in_dtype(worst, a.dtype))
    if initial is None:
        return kernel(a, axis=axis, keepdims=keepdims)
    if count(a.shape, axis) == 0:  # a sum of nothing is 0, and of the shape that is wanted
        return sum(a, axis=axis, dtype=a.dtype, keepdims=keepdims, initial=initial)
    return pair(kernel(a, axis=axis, keepdims=keepdims), like(initial, a))


EXTREMUM = [
    *REDUCE,
    ((2, 3), {"initial": 0.1}),
    ((2, 3), {"axis": 1, "where": MASK, "initial": -0.2}),
    ((0, 2), {"axis": 0, "initial": 0.5}),
]


@composite(np=("max", "amax"), method=True, tex=r"\max {0}", samples=EXTREMUM)
def max(a, axis=None, keepdims=False, initial=None, where=True):
    """Largest element over ``axis``; ties share the gradient equally.

    ``initial`` ties with the maximum of ``a``, half and half. A NaN wins, and takes the gradient.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_np import grad
    >>> grad(np.max)(np.array([1.0, 1.0, 0.0]))
    array([0.5, 0.5, 0. ])
    """
    return _extremum(_max, arithmetic.maximum, -np.inf, a, axis, keepdims, initial, where)


@composite(np=("min", "amin"), method=True, tex=r"\min {0}", samples=EXTREMUM)
def min(a, axis=None, keepdims=False, initial=None, where=True):
    """Smallest element over ``axis``; ties share the gradient equally.

    ``initial`` ties with the minimum of ``a``, half and half. A NaN wins, and takes the gradient.
    """
    return _extremum(_min, arithmetic.minimum, np.inf, a, axis, keepdims, initial, where)


@composite(np=True, tex=r"\max {0} - \min {0}", samples=REDUCE[:-1])
def ptp(a, axis=None, keepdims=False):
    """Largest less smallest element over ``axis``; ties share the gradient equally, on either side."""
    a = as_array(a)
    return _max(a, axis=axis, keepdims=keepdims) - _min(a, axis=axis, keepdims=keepdims)


def _number_extremum(kernel, name, pair, plain, a, axis, keepdims, initial, where):
    if (a := as_array(a)).dtype.kind not in "fc":
        return plain(a, axis=axis, keepdims=keepdims, initial=initial, where=where)
    numbers = np.where(np.isnan(a), np.nan, a)  # of a NaN no tangent, NaN as a rule, gets further
    y = _extremum(kernel, pair, np.nan, numbers, axis, keepdims, initial, where)
    warn_all_nan(name, y)
    return y


NAN_EXTREMUM = [
    *REDUCE,
    (GAPS, {"axis": 1}),
    (GAPS, {"axis": 1, "keepdims": True, "where": MASK, "initial": 0.1}),
]


@composite(np=True, tex=r"\operatorname{{nanmax}} {0}", samples=NAN_EXTREMUM)
def nanmax(a, axis=None, keepdims=False, initial=None, where=True):
    """Largest number over ``axis``; ties share the gradient equally, a NaN gets 0."""
    return _number_extremum(_fmax, "nanmax", arithmetic.fmax, max, a, axis, keepdims, initial, where)


@composite(np=True, tex=r"\operatorname{{nanmin}} {0}", samples=NAN_EXTREMUM)
def nanmin(a, axis=None, keepdims=False, initial=None, where=True):
    """Smallest number over ``axis``; ties share the gradient equally, a NaN gets 0."""
    return _number_extremum(_fmin, "nanmin", arithmetic.fmin, min, a, axis, keepdims, initial, where)


# Log-sum-exp


@op(tex=r"\ln \sum e^{{{0}}}", samples=REDUCE, singular=True)
def _logsumexp(a, *, axis=None, keepdims=False):
    shift = np.maximum.reduce(a, axis=axis, keepdims=True, initial=-np.inf)
    shift = np.where(np.isfinite(shift), shift, 0)
    with np.errstate(divide="ignore", over="ignore"):
        y = np.log(np.add.reduce(np.exp(a - shift), axis=axis, keepdims=True)) + shift
    return y if keepdims else np.squeeze(y, axis=axis)


def _logsumexp_vjp(g, y, a, *, axis, keepdims):
    """The shares e^(a - y), brought to sum 1, which also settles infinities that tie."""
    y = unreduced(y, a.shape, axis, keepdims)
    share = np.exp(np.where(a == y, 0, a - y))
    total = np.add.reduce(share, axis=normal_axes(axis, a.ndim), keepdims=True)
    return unreduced(g, a.shape, axis, keepdims) * (share / total)


_logsumexp.defvjp(_logsumexp_vjp)


@composite(tex=r"\ln \sum e^{{{0}}}", samples=REDUCE)
def logsumexp(a, axis=None, keepdims=False):
    """``log(sum(exp(a)))`` over ``axis``, without overflow; derivative e^(a - y), the softmax.

    Where all are -inf the n shares are 1 / n each; infinities that tie share equally. Of no element it is -inf.
    It has a rule of its own for that.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_np import grad, logsumexp
    >>> grad(logsumexp)(np.array([1000.0, 1000.0]))
    array([0.5, 0.5])
    """
    a = as_array(a)
    return _logsumexp(a if a.dtype.kind in "fc" else cast(a, np.float64), axis=axis, keepdims=keepdims)
