"""Norms of vectors and matrices, in all orders of `numpy.linalg.norm`, and the condition number.

At a kink: the gradient of a norm at zero is 0, elements that tie for the largest or smallest share it equally, a zero
element or singular value has derivative 0.
"""

from __future__ import annotations

import numpy as np

from .declare import composite, op
from .decompositions import svdvals
from .elementwise import astype
from .linalg import REGULAR, inv
from .products import as_arrays, conj
from .reduce import normal_axes, unreduced

COMPLEX = REGULAR * (1 + 0.5j)


@op(
    tex=r"\lVert {0} \rVert_2",
    samples=[((3,),), ((2, 3), {"axis": 0, "keepdims": True}), (COMPLEX, {"axis": (0, 1)}), ((),)],
)
def _norm2(x, *, axis=None, keepdims=False):
    return np.sqrt(np.add.reduce((x.conj() * x).real, axis=axis, keepdims=keepdims))


def _norm2_vjp(g, y, x, *, axis, keepdims):
    g, y = (unreduced(v, x.shape, axis, keepdims) for v in (g, y))
    return g * (conj(x) / np.where(y == 0, 1, y))


_norm2.defvjp(_norm2_vjp)


@op(
    tex=r"\lVert {0} \rVert_p",
    samples=[
        ((3,), {"p": 3}),
        ((2, 3), {"p": 1.5, "axis": 0, "keepdims": True}),
        ((3,), {"p": -2}),
        (COMPLEX, {"p": 2.5, "axis": 1}),
    ],
)
def _norm_p(x, *, p, axis=None, keepdims=False):
    with np.errstate(divide="ignore"):  # of zeros, where p is negative
        return np.add.reduce(np.abs(x) ** p, axis=axis, keepdims=keepdims) ** (1 / p)


def _norm_p_vjp(g, y, x, *, p, axis, keepdims):
    """dy = sum (|x| / y)^(p - 2) Re(conj(x) dx) / y: of ratios, which neither overflow nor underflow."""
    g, y = (unreduced(v, x.shape, axis, keepdims) for v in (g, y))
    some = (x != 0) & (y != 0)
    y = np.where(some, y, 1)
    ratio = np.abs(np.where(some, x, 1)) / y
    return g * (conj(x) / y * ratio ** (p - 2) * some)


_norm_p.defvjp(_norm_p_vjp)


def _vector(x, ord, axis, keepdims):
    if ord is None or ord == 2:
        return _norm2(x, axis=axis, keepdims=keepdims)
    if isinstance(ord, str):
        raise ValueError(f"a norm of vectors takes a number as ord, inf or None; got {ord!r}")
    if ord == np.inf:
        return np.max(np.abs(x), axis=axis, keepdims=keepdims)
    if ord == -np.inf:
        return np.min(np.abs(x), axis=axis, keepdims=keepdims)
    if ord == 1:
        return np.sum(np.abs(x), axis=axis, keepdims=keepdims)
    if ord == 0:
        return np.sum(astype(x != 0, dtype=x.real.dtype), axis=axis, keepdims=keepdims)
    return _norm_p(x, p=ord, axis=axis, keepdims=keepdims)


def _matrix(x, ord, axis, keepdims):
    rows, columns = axis
    if ord in (None, "fro", "f"):
        return _norm2(x, axis=axis, keepdims=keepdims)
    if ord in ("nuc", 2, -2):
        s = svdvals(np.moveaxis(x, axis, (-2, -1)))
        y = np.sum(s, axis=-1) if ord == "nuc" else np.max(s, axis=-1) if ord == 2 else np.min(s, axis=-1)
    elif ord in (1, -1, np.inf, -np.inf):
        summed, chosen = (rows, columns) if abs(ord) == 1 else (columns, rows)
        sums = np.sum(np.abs(x), axis=summed, keepdims=True)
        y = np.max(sums, axis=chosen) if ord > 0 else np.min(sums, axis=chosen)
    else:
        raise ValueError(
            f"a norm of matrices has the orders None, 'fro', 'nuc', 1, -1, 2, -2, inf and -inf; got {ord!r}"
        )
    kept = [1 if i in axis else n for i, n in enumerate(x.shape)]
    return np.reshape(y, kept if keepdims else [n for i, n in enumerate(x.shape) if i not in axis])


def _floating(x):
    (x,) = as_arrays(x)
    return x if x.dtype.kind in "fc" else astype(x, dtype=np.dtype(float))


@composite(
    np="linalg.norm",
    tex=r"\lVert {0} \rVert",
    samples=[
        ((3,),),
        ((2, 3),),
        ((3,), 1),
        ((3,), np.inf),
        ((3,), -np.inf),
        ((3,), 3),
        ((3,), 0.5),
        ((2, 3), None, 1, True),
        ((2, 3), 1, 0),
        *[((2, 3), ord) for ord in ("fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf)],
        ((2, 3, 2), "nuc", {"axis": (2, 0), "keepdims": True}),
        ((2, 3, 2), 1, {"axis": (0, 2)}),
        ((2, 3, 2), np.inf, {"axis": (-1, 0), "keepdims": True}),
        (COMPLEX, "nuc"),
        (COMPLEX, 3, 1),
    ],
)
def norm(x, ord=None, axis=None, keepdims=False):
    """Norm of a vector or a matrix, along one axis or two; by default of all elements, the root of the sum of squares.

    Orders of vectors: any number, inf, -inf. Of matrices: "fro", "nuc", 1, -1, 2, -2, inf, -inf. The gradient at zero
    is 0; ties are shared equally.
    """
    x = _floating(x)
    if axis is None and ord is None:
        return _norm2(x, keepdims=keepdims)
    axes = normal_axes(axis, x.ndim)
    if len(axes) == 1:
        return _vector(x, ord, axes, keepdims)
    if len(axes) == 2:
        return _matrix(x, ord, axes, keepdims)
    raise ValueError(f"norm: a vector or a matrix has one axis or two; these are {len(axes)}: give axis=")


@composite(
    np="linalg.vector_norm",
    tex=r"\lVert {0} \rVert",
    samples=[
        ((3,),),
        ((2, 3), {"ord": 3}),
        ((2, 3), {"axis": 0, "ord": np.inf}),
        ((2, 3, 2), {"axis": (0, 2), "ord": 1, "keepdims": True}),
    ],
)
def vector_norm(x, axis=None, keepdims=False, ord=2):
    """Norm of vectors that lie along ``axis``, an int or several; by default of all elements."""
    x = _floating(x)
    return _vector(x, ord, normal_axes(axis, x.ndim), keepdims)


@composite(
    np="linalg.matrix_norm",
    tex=r"\lVert {0} \rVert",
    samples=[((2, 3),), ((2, 3, 2), {"ord": "nuc"}), ((2, 3, 2), {"ord": 1, "keepdims": True}), ((2, 3), {"ord": 2})],
)
def matrix_norm(x, keepdims=False, ord="fro"):
    """Norm of matrices that lie along the last two axes."""
    x = _floating(x)
    return _matrix(x, ord, normal_axes((-2, -1), x.ndim), keepdims)


@composite(
    np="linalg.cond",
    tex=r"\kappa({0})",
    samples=[(REGULAR,), (REGULAR[:2],), *[(REGULAR, p) for p in (-2, 1, -1, np.inf, "fro")]],
)
def cond(x, p=None):
    """Condition number: the norm of ``x`` times that of its inverse; for p None, 2 and -2 a ratio of singular values.

    In these a singular matrix has infinity; in the other orders it is a `numpy.linalg.LinAlgError`.
    """
    x = _floating(x)
    if p in (None, 2, -2):
        s = svdvals(x)
        with np.errstate(divide="ignore"):
            return s[..., -1] / s[..., 0] if p == -2 else s[..., 0] / s[..., -1]
    return matrix_norm(x, ord=p) * matrix_norm(inv(x), ord=p)
