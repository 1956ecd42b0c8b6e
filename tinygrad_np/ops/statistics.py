"""Variances, averages, covariances, and the reductions that leave NaN out."""

from __future__ import annotations

import numpy as np

from . import reduce
from .declare import composite, op
from .elementwise import _conj
from .reduce import GAPS, MASK, REDUCE, as_array, cast, count, normal_axes, unreduced, values

SPREAD = [*REDUCE[:-1], ((2, 3), {"ddof": 1}), ((2, 3), {"axis": 0, "ddof": 0.5})]


# Variance and standard deviation


def _deviations(a, axis):
    return a - np.add.reduce(a, axis=normal_axes(axis, a.ndim), keepdims=True) / (count(a.shape, axis) or 1)


def _per_freedom(shape, axis, ddof):
    """1 / (n - ddof), infinite where no degree of freedom is left."""
    left = count(shape, axis) - ddof
    return 1 / left if left > 0 else np.inf


@op(tex=r"\operatorname{{var}} {0}", samples=SPREAD, singular=True)
def _var(a, *, axis=None, ddof=0, keepdims=False):
    return np.var(a, axis=axis, ddof=ddof, keepdims=keepdims)


_var.defvjp(
    lambda g, _y, a, *, axis, ddof, keepdims: (
        unreduced(g * (2 * _per_freedom(a.shape, axis, ddof)), a.shape, axis, keepdims) * _conj(_deviations(a, axis))
    )
)


@op(tex=r"\operatorname{{std}} {0}", samples=SPREAD, singular=True)
def _std(a, *, axis=None, ddof=0, keepdims=False):
    return np.std(a, axis=axis, ddof=ddof, keepdims=keepdims)


def _std_vjp(g, y, a, *, axis, ddof, keepdims):
    """Deviations are taken twice: equal elements can differ from their rounded mean, and the quotient shows it."""
    flat = y == 0
    slope = np.where(flat, 0, g / np.where(flat, 1, y)) * _per_freedom(a.shape, axis, ddof)
    return unreduced(slope, a.shape, axis, keepdims) * _conj(_deviations(_deviations(a, axis), axis))


_std.defvjp(_std_vjp)


def _ddof(ddof, correction):
    if correction is None:
        return ddof
    if ddof != 0:
        raise ValueError("give ddof or correction, which is the array API's name for it, and not both")
    return correction


def _as_floats(a, dtype):
    a = as_array(a)
    return cast(a, dtype if dtype is not None or a.dtype.kind in "fc" else np.float64)


def _squared_deviations(a, axis, ddof, keepdims, where, mean):
    """The variance about a given mean, or of what a mask takes in, from the definition."""
    n = np.add.reduce(np.broadcast_to(where, a.shape), axis=axis, dtype=np.intp, keepdims=True)
    d = a - (reduce.sum(a, axis=axis, keepdims=True, where=where) / n if mean is None else mean)
    d = cast(d, a.dtype)
    square = d.real**2 + d.imag**2 if d.dtype.kind == "c" else np.square(d)
    y = reduce.sum(square, axis=axis, keepdims=keepdims, where=where)
    freedom = np.maximum(np.reshape(n, y.shape) - ddof, 0)
    return cast(y / freedom, y.dtype)


CHOSEN = [
    ((2, 3), {"axis": 1, "where": MASK}),
    ((2, 3), {"axis": 0, "mean": np.array([[0.3, -0.2, 0.9]])}),
    ((2, 3), {"correction": 1}),
]


@composite(np=True, method=True, tex=r"\operatorname{{var}} {0}", samples=[*SPREAD, *CHOSEN])
def var(a, axis=None, dtype=None, ddof=0, keepdims=False, *, where=True, mean=None, correction=None):
    """Variance over ``axis``, divided by ``n - ddof``; derivative 2 (a - mean) / (n - ddof).

    With n = ddof it is NaN, its gradient too, with NumPy's warning. A ``mean`` that is a Tensor gets its gradient.
    """
    a, ddof = _as_floats(a, dtype), _ddof(ddof, correction)
    if where is True and mean is None:
        return _var(a, axis=axis, ddof=ddof, keepdims=keepdims)
    return _squared_deviations(a, axis, ddof, keepdims, where, mean)


def _root(v):
    """Square root, with derivative 0 at 0."""
    flat = v == 0
    return np.where(flat, 0, np.sqrt(np.where(flat, 1, v)))


@composite(np=True, method=True, tex=r"\operatorname{{std}} {0}", samples=[*SPREAD, *CHOSEN])
def std(a, axis=None, dtype=None, ddof=0, keepdims=False, *, where=True, mean=None, correction=None):
    """Standard deviation over ``axis``; derivative (a - mean) / ((n - ddof) y).

    Of equal elements it is 0, and so is the derivative. It has a rule of its own for that.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_np import grad
    >>> grad(np.std)(np.array([1.0, 1.0, 1.0]))
    array([0., 0., 0.])
    """
    a, ddof = _as_floats(a, dtype), _ddof(ddof, correction)
    if where is True and mean is None:
        return _std(a, axis=axis, ddof=ddof, keepdims=keepdims)
    return _root(_squared_deviations(a, axis, ddof, keepdims, where, mean))


# Averages and covariances


def _weights(a, weights, axis):
    """Weights in a shape that broadcasts against ``a``."""
    w = as_array(weights)
    if w.shape == a.shape:
        return w
    if axis is None:
        raise TypeError(f"average: weights of shape {w.shape} for an array of shape {a.shape} need axis=")
    axes = normal_axes(axis, a.ndim)
    if w.shape != tuple(a.shape[i] for i in axes):
        raise ValueError(f"average: weights have shape {w.shape}; along axis {axis} the array has {a.shape}")
    order = np.argsort(axes).tolist()
    return np.reshape(np.transpose(w, order), tuple(n if i in axes else 1 for i, n in enumerate(a.shape)))


@composite(
    np=True,
    samples=[
        ((2, 3),),
        ((2, 3), 1),
        ((2, 3), 1, np.array([0.5, 1.0, 2.0])),
        ((2, 3), None, np.array([[0.5, 1.0, 2.0], [0.1, 0.4, 0.9]]), True),
        ((2, 3), {"axis": 0, "weights": np.array([0.5, 1.5]), "keepdims": True, "returned": True}),
        ((2, 3, 2), {"axis": (2, 0), "weights": np.array([[0.5, 1.5], [0.2, 0.7]])}),
    ],
)
def average(a, axis=None, weights=None, returned=False, *, keepdims=False):
    """Weighted mean, sum(w a) / sum(w), or the mean; ``returned``: and the sum of the weights.

    Raises
    ------
    ZeroDivisionError
        If weights sum to zero.
    """
    a = as_array(a)
    if weights is None:
        y = reduce.mean(a, axis=axis, keepdims=keepdims)
        total = np.full(y.shape, count(a.shape, axis), y.dtype)
        return (y, total) if returned else y
    w = _weights(a, weights, axis)
    dtype = np.result_type(a.dtype, w.dtype, *([np.float64] if a.dtype.kind in "biu" else []))
    total = reduce.sum(w, axis=axis, dtype=dtype, keepdims=keepdims)
    if (values(total) == 0).any():
        raise ZeroDivisionError("average: the weights sum to zero")
    y = reduce.sum(cast(a, dtype) * cast(w, dtype), axis=axis, keepdims=keepdims) / total
    return (y, np.broadcast_to(total, y.shape)) if returned else y


def _observations(m, rowvar, dtype):
    m = cast(as_array(m), dtype)
    if m.ndim > 2:
        raise ValueError(f"cov: at most 2 dimensions; got shape {m.shape}")
    return np.reshape(m, (1, -1)) if m.ndim < 2 else m if rowvar else np.transpose(m)


@composite(
    np=True,
    samples=[
        ((3, 4),),
        ((4, 3), {"rowvar": False, "bias": True}),
        ((4,), (4,)),
        ((5,), {"ddof": 0}),
        ((2, 4), {"fweights": np.array([1, 2, 1, 3]), "aweights": np.array([0.5, 0.2, 1.0, 0.7])}),
        ((2, 4), {"aweights": np.array([0.5, 0.2, 1.0, 0.7])}),
    ],
)
def cov(m, y=None, rowvar=True, bias=False, ddof=None, fweights=None, aweights=None, *, dtype=None):
    """Covariance matrix of variables (rows, or columns with ``rowvar=False``) over their observations."""
    if dtype is None:
        dtype = np.result_type(*(as_array(v).dtype for v in (m, y) if v is not None), np.float64)
    x = _observations(m, rowvar, dtype)
    if y is not None:
        x = np.concatenate([x, _observations(y, rowvar, dtype)], axis=0)
    if ddof is None:
        ddof = 0 if bias else 1
    w = None
    for name, given in (("fweights", fweights), ("aweights", aweights)):
        if given is None:
            continue
        given = as_array(given)
        if given.shape != x.shape[1:]:
            raise ValueError(f"cov: {name} has shape {given.shape}; there are {x.shape[1]} observations")
        if (values(given) < 0).any():
            raise ValueError(f"cov: {name} cannot be negative")
        w = cast(given, np.float64) if w is None else w * given
    centre, n = average(x, axis=1, weights=w, returned=True, keepdims=True)
    n = n[0, 0]
    if w is None or ddof == 0 or aweights is None:
        freedom = n - ddof
    else:
        freedom = n - ddof * np.sum(w * aweights) / n
    d = x - centre
    c = d @ _conj(np.transpose(d if w is None else d * w)) * (1 / np.maximum(np.real(freedom), 0))
    return np.reshape(c, tuple(size for size in c.shape if size != 1))


@composite(np=True, samples=[((3, 4),), ((4, 2), {"rowvar": False}), ((4,), (4,))])
def corrcoef(x, y=None, rowvar=True, *, dtype=None):
    """Correlation coefficients: the covariances over the product of the two standard deviations, within -1 and 1."""
    c = cov(x, y, rowvar, dtype=dtype)
    if c.ndim == 0:
        return c / c
    deviation = np.sqrt(np.real(np.diagonal(c)))
    c = c / deviation[:, None] / deviation
    return np.clip(c, -1, 1) if c.dtype.kind != "c" else np.clip(np.real(c), -1, 1) + 1j * np.clip(np.imag(c), -1, 1)


# Without NaN


def _filled(a, fill):
    """``a`` with ``fill`` in place of NaN, and where it is a number."""
    a = as_array(a)
    number = ~np.isnan(a)
    return np.where(number, a, fill), number


NAN = [*REDUCE, (GAPS, {"axis": 1}), (GAPS, {"axis": 0, "where": MASK})]


@composite(np=True, samples=[*NAN, (GAPS, {"initial": 1.5})])
def nansum(a, axis=None, dtype=None, keepdims=False, initial=None, where=True):
    """Sum of the numbers; a NaN gets gradient 0."""
    return reduce.sum(_filled(a, 0)[0], axis=axis, dtype=dtype, keepdims=keepdims, initial=initial, where=where)


@composite(np=True, samples=[*NAN, (GAPS, {"initial": 1.5})])
def nanprod(a, axis=None, dtype=None, keepdims=False, initial=None, where=True):
    """Product of the numbers, exact with zeros as `prod`; a NaN gets gradient 0."""
    return reduce.prod(_filled(a, 1)[0], axis=axis, dtype=dtype, keepdims=keepdims, initial=initial, where=where)


@composite(np=True, samples=NAN)
def nanmean(a, axis=None, dtype=None, keepdims=False, *, where=True):
    """Mean of the numbers; a NaN gets gradient 0. Of no number it is NaN, with a warning."""
    a, number = _filled(_as_floats(a, dtype), 0)
    n = np.sum(number & where, axis=axis, keepdims=keepdims)
    total = reduce.sum(a, axis=axis, keepdims=keepdims, where=where)
    return cast(total / n, total.dtype)


def _nan_deviations(a, axis, dtype, ddof, keepdims, where, mean, correction):
    a, number = _filled(_as_floats(a, dtype), 0)
    ddof, taken = _ddof(ddof, correction), number & where
    y = _squared_deviations(a, axis, ddof, keepdims, taken, mean)
    n = np.sum(taken, axis=axis, keepdims=keepdims)
    return np.where(n > ddof, y, np.nan)


@composite(np=True, samples=[*NAN, (GAPS, {"axis": 1, "ddof": 1})])
def nanvar(a, axis=None, dtype=None, ddof=0, keepdims=False, *, where=True, mean=None, correction=None):
    """Variance of the numbers; a NaN gets gradient 0. With n = ddof numbers it is NaN, with a warning."""
    return _nan_deviations(a, axis, dtype, ddof, keepdims, where, mean, correction)


@composite(np=True, samples=[*REDUCE[:4], (GAPS, {"axis": 1}), (GAPS, {"axis": 1, "ddof": 1})])
def nanstd(a, axis=None, dtype=None, ddof=0, keepdims=False, *, where=True, mean=None, correction=None):
    """Standard deviation of the numbers; a NaN gets gradient 0, and equal numbers too."""
    return _root(_nan_deviations(a, axis, dtype, ddof, keepdims, where, mean, correction))
