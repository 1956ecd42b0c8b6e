"""Diagonals and triangles of matrices."""

from __future__ import annotations

import operator

import numpy as np

from .declare import composite
from .indexing import getitem, scatter
from .joining import stack
from .reduce import as_array, cast, normal_axes
from .shape import moveaxis, reshape


def _places(rows, columns, k):
    """The k-th diagonal as a slice of the matrix laid out as one row."""
    n = max(min(rows + min(k, 0), columns - max(k, 0)), 0)
    start = max(k, 0) + max(-k, 0) * columns
    return n, slice(start, start + n * (columns + 1), columns + 1) if n else slice(0, 0)


@composite(
    np=True,
    method=True,
    tex=r"\operatorname{{diag}}({0})",
    samples=[((3, 3),), ((2, 4), 1), ((4, 2), -1), ((2, 3, 4), 0, -1, 0), ((2, 3), 3), ((3, 2, 2), 1, 1, 2)],
)
def diagonal(a, offset=0, axis1=0, axis2=1):
    """The elements ``a[i, i + offset]`` along two axes, as a last axis."""
    a = as_array(a)
    if a.ndim < 2:
        raise ValueError(f"diagonal needs an array of two axes or more; got shape {a.shape}")
    normal_axes((axis1, axis2), a.ndim)  # complains of the same axis twice
    a = moveaxis(a, (axis1, axis2), (-2, -1))
    rows, columns = a.shape[-2:]
    _, places = _places(rows, columns, operator.index(offset))
    return getitem(reshape(a, (*a.shape[:-2], rows * columns)), (..., places))


@composite(
    np=True,
    tex=r"\operatorname{{diag}}({0})",
    samples=[((3,),), ((2,), 1), ((2,), -2), ((3, 3),), ((2, 4), 2), ((4, 2), -1), ((0,),)],
)
def diag(v, k=0):
    """Of a vector the matrix that has it as its k-th diagonal; of a matrix its k-th diagonal."""
    v = as_array(v)
    if v.ndim == 2:
        return diagonal(v, k)
    if v.ndim != 1:
        raise ValueError(f"diag takes a vector or a matrix; got shape {v.shape}")
    k = operator.index(k)
    n = v.size + abs(k)
    return reshape(scatter(v, (n * n,), _places(n, n, k)[1]), (n, n))


@composite(np=True, tex=r"\operatorname{{diag}}({0})", samples=[((2, 2),), ((3,), 1), ((), -1)])
def diagflat(v, k=0):
    """The matrix that has the elements of ``v`` as its k-th diagonal."""
    return diag(reshape(v, -1), k)


@composite(
    np=True,
    method=True,
    public=False,  # tinygrad_np.trace records a program
    tex=r"\operatorname{{tr}} {0}",
    samples=[((3, 3),), ((2, 4), 1), ((2, 3, 4), 0, -1, 0), ((2, 3), 5), ((3, 3), {"dtype": "c16"})],
)
def trace(a, offset=0, axis1=0, axis2=1, dtype=None):
    """The sum of `diagonal`."""
    return np.sum(diagonal(a, offset, axis1, axis2), axis=-1, dtype=dtype)


@composite(np=True, tex=r"\operatorname{{tril}}({0})", samples=[((3, 3),), ((2, 4), 1), ((2, 3, 2), -1), ((3,),)])
def tril(m, k=0):
    """``m`` with zeros above the k-th diagonal; no gradient flows there."""
    m = as_array(m)
    return np.where(np.tri(*m.shape[-2:], k=k, dtype=bool), m, np.zeros(1, m.dtype))


@composite(np=True, tex=r"\operatorname{{triu}}({0})", samples=[((3, 3),), ((2, 4), 1), ((2, 3, 2), -1), ((3,),)])
def triu(m, k=0):
    """``m`` with zeros below the k-th diagonal; no gradient flows there."""
    m = as_array(m)
    return np.where(np.tri(*m.shape[-2:], k=k - 1, dtype=bool), np.zeros(1, m.dtype), m)


@composite(
    np=True, tex=r"\operatorname{{vander}}({0})", samples=[((3,),), ((3,), 2), ((2,), 4, True), ((2,), 0), ((2,), 1)]
)
def vander(x, N=None, increasing=False):
    """The matrix of the powers of ``x``, from the highest to 0 or the other way."""
    x = as_array(x)
    if x.ndim != 1:
        raise ValueError(f"vander takes a vector; got shape {x.shape}")
    n = x.size if N is None else operator.index(N)
    if n == 0:
        return getitem(reshape(x, (-1, 1)), (slice(None), slice(0)))
    powers = [cast(np.ones_like(x), np.promote_types(x.dtype, int))]
    while len(powers) < n:
        powers.append(powers[-1] * x)
    return stack(powers if increasing else powers[::-1], axis=1)
