"""Matrices: inverse, linear systems, determinants, powers. All batched over leading axes.

Rules follow the plain transpose, see `core.backward`: of y = f(A, dA), linear in dA, they give what multiplies dA in
the sum of g * dy; where dA comes conjugated, the conjugate of it. References: M. Giles, "Collected matrix derivative
results for forward and reverse mode algorithmic differentiation" (2008); G. H. Golub and V. Pereyra, "The
differentiation of pseudo-inverses" (1973).
"""

from __future__ import annotations

from functools import cache
from math import prod
from operator import index
from typing import Any, NamedTuple

import numpy as np

from ..core.primitive import primitive
from .declare import composite, op
from .decompositions import as_hermitian, svdvals
from .products import as_arrays, conj, matmul

# Well away from singular, and not symmetric.
REGULAR = np.array([[2.0, 0.3, -0.6], [0.4, 1.5, 0.2], [-0.1, 0.6, -1.8]])
PAIR = np.stack([REGULAR, REGULAR.T - 0.5 * np.eye(3)])
COMPLEX = REGULAR + 0.5j * np.array([[0.2, -0.4, 0.1], [0.3, 0.6, -0.2], [0.5, 0.1, 0.4]])
SINGULAR = np.array([[1.0, 2.0], [2.0, 4.0]])


@op(np="linalg.inv", tex=r"{0}^{{-1}}", samples=[(REGULAR,), (PAIR,), (COMPLEX,), ((0, 2, 2),)])
def inv(a):
    """Inverse of a square matrix; cotangent -y^T g y^T (Giles 2.2.3)."""
    return np.linalg.inv(a)


inv.defvjp(lambda g, y, _a: -(y.mT @ g @ y.mT))


@op(tex=r"{0}^{{-1}} {1}", samples=[(REGULAR, (3, 2)), (PAIR, (3, 1)), (REGULAR, (2, 1, 3, 2)), (COMPLEX, (3, 2))])
def _solve(a, b):
    return np.linalg.solve(a, b)


def _solve_vjp(g, y, a, _b):
    """Giles 2.3.1: the cotangent of b solves the transposed system."""
    gb = np.linalg.solve(a.mT, g)
    return -gb @ y.mT, gb


_solve.defvjp(all=_solve_vjp).broadcasting(core_dims=2)


@composite(
    np="linalg.solve",
    tex=r"{0}^{{-1}} {1}",
    samples=[(REGULAR, (3,)), (PAIR, (3,)), (REGULAR, (3, 2)), (PAIR, (2, 3, 2))],
)
def solve(a, b):
    """The x of a x = b. A ``b`` with one axis is a vector, with more a stack of matrices, as in NumPy 2.

    Cotangents: that of b solves a^T gb = g; that of a is -gb x^T.
    """
    a, b = as_arrays(a, b)
    return _solve(a, b[:, None])[..., 0] if b.ndim == 1 else _solve(a, b)


# Determinants


@op(
    np="linalg.det",
    tex=r"\det {0}",
    samples=[(REGULAR,), (PAIR,), (COMPLEX,), (SINGULAR,), (np.zeros((2, 2)),), ((1, 1),)],
)
def det(a):
    """Determinant; its derivative is the matrix of cofactors, exact where the matrix is singular too.

    Any order of derivative is exact at a matrix of rank n - 2 or more. At a lower rank the first two are (they vanish),
    and higher ones are given as 0.
    """
    return np.linalg.det(a)


det.defvjp(lambda g, _y, a: g[..., None, None] * _cofactors(a))


@primitive(name="border")
def _border(a):
    """What makes ``a`` regular when added: ``left @ right`` lifts its two smallest singular values to the largest.

    Also ``rest``, which lifts any others that vanish, and whether there are none.
    """
    finite = np.isfinite(a).all(axis=(-2, -1), keepdims=True)
    u, s, vh = np.linalg.svd(np.where(finite, a, 0))  # of a matrix with a NaN, the cofactors are NaN without our help
    largest = np.where(s[..., :1] == 0, 1, s[..., :1])
    left = u[..., -2:] * (largest - s)[..., None, -2:]
    vanish = s[..., :-2] <= a.shape[-1] * np.finfo(a.dtype).eps * largest
    rest = (u[..., :-2] * (vanish * largest)[..., None, :]) @ vh[..., :-2, :]
    return left, vh[..., -2:, :], rest, ~vanish.any(axis=-1)[..., None, None]


_border.defvjp(None)  # constant in a: what is made of it does not depend on how a was bordered


def _cofactors(a):
    """The transposed adjugate det(a) a^-T, as a smooth function of ``a`` near a singular matrix too.

    With B = a + L R regular, K = 1 - R B^-1 L of size two and Woodbury's formula,
    adj(a) = det(B) (det(K) B^-1 + B^-1 L adj(K) R B^-1), in which nothing is divided by det(a).
    """
    if a.shape[-1] < 2:
        return np.ones_like(a)
    left, right, rest, few = _border(a)
    b = a + left @ right + rest
    b_inv = np.linalg.inv(b)
    b_left, right_b = b_inv @ left, right @ b_inv
    k = np.eye(2, dtype=a.dtype) - right @ b_left
    p, q, r, s = (k[..., i : i + 1, j : j + 1] for i in (0, 1) for j in (0, 1))
    k_adj = (p + s) * np.eye(2, dtype=a.dtype) - k
    adjugate = (p * s - q * r) * b_inv + b_left @ k_adj @ right_b
    return np.linalg.det(b)[..., None, None] * (few * adjugate).mT


class SlogdetResult(NamedTuple):
    """What `numpy.linalg.slogdet` gives."""

    sign: Any
    logabsdet: Any


@op(tex=r"\ln |\det {0}|", samples=[(REGULAR,), (PAIR,), (COMPLEX,)])
def _slogdet(a):
    return tuple(np.linalg.slogdet(a))


def _slogdet_vjp(g, y, a):
    """With T = tr(a^-1 da), log|det| changes by Re T and the sign of a complex a by i sign Im T."""
    g_sign, g_log = g
    c = g_log + 1j * np.imag(g_sign * y[0]) if a.dtype.kind == "c" else g_log
    return c[..., None, None] * np.linalg.inv(a).mT


_slogdet.defvjp(_slogdet_vjp)


@composite(np="linalg.slogdet", tex=r"\ln |\det {0}|", samples=[(REGULAR,), (PAIR,), (COMPLEX,)])
def slogdet(a):
    """Sign and logarithm of the absolute value of the determinant; d log|det| / da = a^-T.

    No gradient flows through the sign of a real matrix. A singular matrix has none: `numpy.linalg.LinAlgError`.
    """
    return SlogdetResult(*_slogdet(*as_arrays(a)))


# Pseudo-inverse and least squares

TALL = np.array([[1.0, 0.5], [-0.3, 2.0], [0.7, -1.2]])


@op(
    tex=r"{0}^{{+}}",
    samples=[
        (TALL, {"rcond": 1e-15}),
        (TALL.T, {"rcond": 1e-15}),
        (REGULAR, {"rcond": 1e-15}),
        (np.stack([TALL, TALL + 1]), {"rcond": 1e-15}),
        (TALL * (1 - 0.3j), {"rcond": 1e-15}),
    ],
)
def _pinv(a, *, rcond):
    return np.linalg.pinv(a, rcond)


def _pinv_vjp(g, y, a, *, rcond):
    """Golub and Pereyra (1973), theorem 4.3: dP = -P da P + P P^H da^H (1 - a P) + (1 - P a) da^H P^H P."""
    yh, gt = conj(y.mT), g.mT
    from_left = gt @ y @ yh
    from_right = yh @ y @ gt
    return conj(from_left - a @ (y @ from_left) + from_right - (from_right @ y) @ a) - y.mT @ g @ y.mT


_pinv.defvjp(_pinv_vjp)


@composite(np="linalg.pinv", tex=r"{0}^{{+}}", samples=[(TALL,), (TALL.T,), (REGULAR, {"rcond": 1e-10}), ((2, 0),)])
def pinv(a, rcond=None, hermitian=False, *, rtol=1e-15):
    """Moore-Penrose inverse of a matrix of any shape and rank.

    Singular values up to ``rcond`` (or ``rtol``) times the largest count as zero. The gradient is that along matrices
    of the same rank: across a change of rank the pseudo-inverse jumps.
    """
    (a,) = as_arrays(a)
    a = as_hermitian(a, lower=True) if hermitian else a
    if rcond is None:
        rcond = max(a.shape[-2:]) * np.finfo(a.dtype).eps if rtol is None else rtol
    return _pinv(a, rcond=rcond)


@composite(np="linalg.lstsq", tex=r"{0}^{{+}} {1}", samples=[(TALL, (3,)), (TALL, (3, 2)), (TALL.T, (2, 1))])
def lstsq(a, b, rcond=None):
    """Least squares: the x of smallest norm that minimises ||b - a x||, as ``(x, residuals, rank, s)``.

    x is ``pinv(a) @ b``; gradients flow through x, the residuals and the singular values s, and are those along
    matrices of the same rank. As in NumPy, residuals are empty unless ``a`` has full rank and more rows than columns.
    """
    a, b = as_arrays(a, b)
    if a.ndim != 2 or b.ndim not in (1, 2):
        raise np.linalg.LinAlgError(f"lstsq takes one matrix a and b of one or two axes; got {a.shape} and {b.shape}")
    m, n = a.shape
    rcond = np.finfo(np.result_type(a.dtype, np.float32)).eps * max(m, n) if rcond is None else max(rcond, 0)
    x = matmul(pinv(a, rcond), b)
    s = svdvals(a)
    rank = np.int32(int(np.sum(s > rcond * np.max(s, initial=0))))
    if rank == n < m:
        residuals = np.sum(np.square(np.abs(b - matmul(a, x))), axis=0, keepdims=b.ndim == 1)
    else:
        residuals = np.zeros(0, s.dtype)
    return x, residuals, rank, s


# Powers and chains


@composite(
    np="linalg.matrix_power",
    tex=r"{0}^{{{1}}}",
    samples=[(REGULAR, 2), (REGULAR, 3), (PAIR, 5), (REGULAR, -1), (REGULAR, -2), (REGULAR, 1)],
)
def matrix_power(a, n):
    """``a`` multiplied by itself ``n`` times, by repeated squaring; of its inverse where n is negative."""
    (a,) = as_arrays(a)
    n = index(n)
    if a.ndim < 2 or a.shape[-1] != a.shape[-2]:
        raise np.linalg.LinAlgError(f"matrix_power takes square matrices; got shape {a.shape}")
    if n < 0:
        a, n = inv(a), -n
    if n == 0:
        return np.zeros_like(a) + np.eye(a.shape[-1], dtype=a.dtype)
    result = None
    while n:
        n, bit = divmod(n, 2)
        if bit:
            result = a if result is None else matmul(result, a)
        if n:
            a = matmul(a, a)
    return result


@composite(
    np="linalg.multi_dot",
    tex=r"{0} {1} \cdots",
    samples=[
        ([(2, 3), (3, 4), (4, 2)],),
        ([(2, 1), (1, 4), (4, 3), (3, 2)],),
        ([(3,), (3, 2), (2,)],),
        ([(2, 3), (3, 2)],),
    ],
)
def multi_dot(arrays):
    """Product of matrices in the order that takes the fewest multiplications; the first and last may be vectors."""
    arrays = as_arrays(*arrays)
    if len(arrays) < 2:
        raise ValueError(f"multi_dot takes two arrays or more; got {len(arrays)}")
    first, last = arrays[0].ndim == 1, arrays[-1].ndim == 1
    arrays[0] = arrays[0][None, :] if first else arrays[0]
    arrays[-1] = arrays[-1][:, None] if last else arrays[-1]
    sizes = [a.shape[0] for a in arrays] + [arrays[-1].shape[-1]]

    @cache
    def cheapest(i, j):
        """Multiplications for the arrays from i to j, and where to split them."""
        if j == i + 1:
            return 0, i
        return min((cheapest(i, k)[0] + cheapest(k, j)[0] + sizes[i] * sizes[k] * sizes[j], k) for k in range(i + 1, j))

    def product(i, j):
        k = cheapest(i, j)[1]
        return arrays[i] if j == i + 1 else matmul(product(i, k), product(k, j))

    y = product(0, len(arrays))
    y = y[0] if first else y
    return y[..., 0] if last else y


@composite(
    np="linalg.tensorinv",
    tex=r"{0}^{{-1}}",
    samples=[(REGULAR.reshape(3, 1, 3), {"ind": 1}), (np.eye(6).reshape(2, 3, 6) * 2 + 0.3,)],
)
def tensorinv(a, ind=2):
    """Inverse of the linear map from the axes ``ind`` and on to the axes before them."""
    (a,) = as_arrays(a)
    if ind <= 0:
        raise ValueError(f"tensorinv: ind counts the first axes and must be positive; got {ind}")
    return np.reshape(inv(np.reshape(a, (prod(a.shape[:ind]), prod(a.shape[ind:])))), (*a.shape[ind:], *a.shape[:ind]))


@composite(
    np="linalg.tensorsolve",
    tex=r"{0}^{{-1}} {1}",
    samples=[
        (REGULAR.reshape(3, 3, 1), (3,)),
        (REGULAR.reshape(3, 1, 3), (3, 1)),
        (REGULAR.reshape(1, 3, 3), (3,), {"axes": (0,)}),
    ],
)
def tensorsolve(a, b, axes=None):
    """The x of tensordot(a, x) = b; ``axes`` of ``a`` are first moved to the end."""
    a, b = as_arrays(a, b)
    if axes is not None:
        a = np.moveaxis(a, axes, range(a.ndim - len(axes), a.ndim))
    shape = a.shape[b.ndim :]
    return np.reshape(solve(np.reshape(a, (b.size, prod(shape))), np.reshape(b, (b.size,))), shape)


# The namespace np.linalg has these of the last two axes, where np has them of the first


@composite(
    np="linalg.trace", public=False, tex=r"\operatorname{{tr}} {0}", samples=[((2, 3),), ((2, 3, 3), {"offset": 1})]
)
def linalg_trace(x, offset=0, dtype=None):
    """Sum of the diagonal of the last two axes."""
    return np.trace(x, offset=offset, axis1=-2, axis2=-1, dtype=dtype)


@composite(
    np="linalg.diagonal",
    public=False,
    tex=r"\operatorname{{diag}} {0}",
    samples=[((2, 3),), ((2, 3, 3), {"offset": -1})],
)
def linalg_diagonal(x, offset=0):
    """Diagonal of the last two axes."""
    return np.diagonal(x, offset=offset, axis1=-2, axis2=-1)
