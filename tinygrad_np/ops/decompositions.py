"""Decompositions of matrices: Cholesky, QR, eigenvalues, singular values. All batched over leading axes.

Rules follow the plain transpose, as in `ops.linalg`. A decomposition is unique up to signs or phases, and up to a
rotation among vectors that share an eigenvalue or a singular value: the gradient is that of a loss which does not
depend on this choice. Terms between such vectors, where the formula divides by zero, are left out.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..core.primitive import primitive
from .declare import composite, op
from .products import as_arrays, conj

PHASES = "the gradient is that of a loss that does not depend on the phases of the vectors"
BASES = "the gradient is that of a loss that does not depend on the basis of a complement"

POSITIVE = np.array([[2.0, 0.3, -0.5], [0.3, 1.5, 0.2], [-0.5, 0.2, 1.0]])
POSITIVES = np.stack([POSITIVE, POSITIVE + np.diag([0.5, 1.0, 3.0])])
HERMITIAN = POSITIVE + 0.3j * np.array([[0, 1, -0.5], [-1, 0, 0.4], [0.5, -0.4, 0]])
SQUARE = np.array([[2.0, 0.3, -0.5], [0.4, 1.5, 0.2], [-0.1, 0.6, -1.8]])
TALL = np.array([[1.0, 0.5], [-0.3, 2.0], [0.7, -1.2]])
TALLS = np.stack([TALL, TALL + 1])
ROTATED = SQUARE + 0.5j * np.array([[0.2, -0.4, 0.1], [0.3, 0.6, -0.2], [0.5, 0.1, 0.4]])


def _eye(n):
    return np.eye(n, dtype=np.float32)  # of the smallest float dtype that LAPACK has, so that it widens nothing


def _half_lower(n):
    """1 below the diagonal, 1/2 on it."""
    return np.tri(n, dtype=np.float32) - _eye(n) / 2


def _diagonal(w):
    return w[..., None, :] * _eye(w.shape[-1])


def _negligible(w):
    """What is zero beside eigenvalues or singular values ``w`` but for rounding."""
    return 8 * np.finfo(w.dtype).eps * np.sum(np.abs(w), axis=-1)[..., None, None]


def _reciprocal(x, tol):
    """1 / x, and 0 where x is negligible."""
    some = np.abs(x) > tol
    return some / np.where(some, x, 1)


def _reciprocal_gaps(w):
    """The matrix 1 / (w_j - w_i), with 0 where the two agree."""
    return _reciprocal(w[..., None, :] - w[..., :, None], _negligible(w))


def _skew(x):
    return (x - conj(x.mT)) / 2


# Symmetric and Hermitian matrices. The primitives take it that `as_hermitian` was there before them, and so have no
# samples of their own: one element alone cannot be moved.


@primitive(name="reading")
def _reading(a, *, lower):
    """How much of an element and how much of its mirror image is read, as a weight of the element."""
    below = _half_lower(a.shape[-1])
    one = below if lower else below.T
    axes = {"axis": (-2, -1), "keepdims": True}
    gap, largest = (np.abs(x).max(**axes, initial=0) for x in (a - conj(a.mT), a))
    own, other = (np.count_nonzero(a * (one == part), **axes) for part in (1, 0))
    symmetric = (gap <= largest / 3) & ((other > 0) | (own < 2))
    return np.where(symmetric, np.float32(0.5), one)


_reading.defvjp(None)


@op(
    tex=r"\tfrac12 ({0} + {0}^{{\mathsf H}})",
    samples=[(POSITIVE, {"lower": True}), (HERMITIAN, {"lower": True}), (SQUARE, {"lower": False})],
)
def as_hermitian(a, *, lower):
    """``a`` read as a symmetric (Hermitian) matrix.

    Where the two triangles agree, but for a third of the largest element, their mean is read and both share the
    gradient, which is then symmetric, as in PyTorch and JAX. Where they do not, or one is left empty, the triangle that
    NumPy reads is read and has all of it. (A third, and one element in an empty triangle, leave room for finite
    differences, which move one element at a time.)
    """
    p = _reading(a, lower=lower) * a
    return p + conj(p.mT)


as_hermitian.defvjp(lambda g, _y, a, *, lower: _reading(a, lower=lower) * (g + conj(g.mT)))


@op(tex=r"\operatorname{{chol}} {0}", samples=[])
def _cholesky(a, *, upper=False):
    return np.linalg.cholesky(a, upper=upper)


def _cholesky_vjp(g, y, _a, *, upper):
    """I. Murray, "Differentiation of the Cholesky decomposition" (2016), eq. 10."""
    g, y = (conj(g.mT), conj(y.mT)) if upper else (g, y)
    inside = _half_lower(y.shape[-1]) * (y.mT @ g)
    return np.linalg.solve(conj(y).mT, np.linalg.solve(y.mT, inside).mT).mT


_cholesky.defvjp(_cholesky_vjp)


@composite(
    np="linalg.cholesky",
    tex=r"\operatorname{{chol}} {0}",
    samples=[(POSITIVE,), (POSITIVES, {"upper": True}), (HERMITIAN,)],
)
def cholesky(a, upper=False):
    """The lower triangular L of a = L L^H, with positive diagonal; with ``upper`` the U of a = U^H U.

    The gradient is symmetric for a symmetric ``a``: `as_hermitian` says how ``a`` is read.
    """
    (a,) = as_arrays(a)
    return _cholesky(as_hermitian(a, lower=not upper), upper=upper)


class EighResult(NamedTuple):
    """What `numpy.linalg.eigh` gives."""

    eigenvalues: Any
    eigenvectors: Any


@op(tex=r"\operatorname{{eigh}} {0}", samples=[])
def _eigh(a, *, UPLO):
    return tuple(np.linalg.eigh(a, UPLO))


def _eigh_vjp(g, y, _a, *, UPLO):
    """Giles 3.1, with dv = v Omega and Omega_ij = (v^H da v)_ij / (w_j - w_i)."""
    (gw, gv), (w, v) = g, y
    return conj(v) @ (_diagonal(gw) + _reciprocal_gaps(w) * (v.mT @ gv)) @ v.mT


_eigh.defvjp(_eigh_vjp)


@composite(np="linalg.eigh", tex=r"\operatorname{{eigh}} {0}", samples=[(POSITIVE,), (POSITIVES, "U")])
def eigh(a, UPLO="L"):
    """Eigenvalues, ascending, and eigenvectors of a symmetric or Hermitian matrix, as ``(eigenvalues, eigenvectors)``.

    The gradient is symmetric for a symmetric ``a``: `as_hermitian` says how ``a`` is read. Where eigenvalues repeat it
    is right for a loss of the eigenvalues that treats equal ones alike, and of a whole eigenspace (its projector), in
    the first order. It is not for a loss of both at once, such as ``v f(w) v^T``, nor in the second order: there the
    limit is not to be had from the eigenvectors of one matrix.
    """
    return EighResult(*_eigh(*_read(a, UPLO), UPLO=UPLO))


def _read(a, UPLO):
    if UPLO not in ("L", "U", "l", "u"):
        raise ValueError(f"UPLO says which triangle is read, 'L' or 'U'; got {UPLO!r}")
    return [as_hermitian(x, lower=UPLO in "Ll") for x in as_arrays(a)]


@op(tex=r"\lambda({0})", samples=[])
def _eigvalsh(a, *, UPLO):
    return np.linalg.eigvalsh(a, UPLO)


def _eigvalsh_vjp(g, _y, a, *, UPLO):
    v = _eigh(a, UPLO=UPLO)[1]
    return (conj(v) * g[..., None, :]) @ v.mT


_eigvalsh.defvjp(_eigvalsh_vjp)


@composite(np="linalg.eigvalsh", tex=r"\lambda({0})", samples=[(POSITIVE,), (POSITIVES, "U"), (HERMITIAN,)])
def eigvalsh(a, UPLO="L"):
    """Eigenvalues of a symmetric or Hermitian matrix, ascending; d w_i = v_i^H da v_i. More in `eigh`."""
    return _eigvalsh(*_read(a, UPLO), UPLO=UPLO)


# General square matrices


class EigResult(NamedTuple):
    """What `numpy.linalg.eig` gives."""

    eigenvalues: Any
    eigenvectors: Any


@op(tex=r"\operatorname{{eig}} {0}", samples=[(SQUARE,)], deviates=PHASES)
def _eig(a):
    return tuple(np.linalg.eig(a))


def _eig_vjp(g, y, _a):
    """With P = v^-1 da v: dw = diag P, dv = v Omega - v diag(Re v^H v Omega), Omega_ij = P_ij / (w_j - w_i).

    The second term of dv keeps the length of each vector at 1.
    """
    (gw, gv), (w, v) = g, y
    along = np.real(np.sum(v * gv, axis=-2))[..., None, :]
    inside = _diagonal(gw) + _reciprocal_gaps(w) * (v.mT @ gv - (v.mT @ conj(v)) * along)
    return np.linalg.solve(v.mT, inside @ v.mT)


_eig.defvjp(_eig_vjp)


@composite(
    np="linalg.eig",
    tex=r"\operatorname{{eig}} {0}",
    samples=[(SQUARE,), (np.stack([SQUARE, 2 * SQUARE]),)],
    deviates=PHASES,
)
def eig(a):
    """Eigenvalues, in no order, and eigenvectors of length 1 of a square matrix, as ``(eigenvalues, eigenvectors)``.

    As in NumPy they are real where all eigenvalues of a real ``a`` are, else complex; the loss must then not depend on
    the phase of an eigenvector. A matrix with too few eigenvectors has no gradient.
    """
    return EigResult(*_eig(*as_arrays(a)))


@composite(np="linalg.eigvals", tex=r"\lambda({0})", samples=[(SQUARE,), (SQUARE - SQUARE.T + np.eye(3),), (ROTATED,)])
def eigvals(a):
    """Eigenvalues of a square matrix, in no order; d w_i = (v^-1 da v)_ii. More in `eig`."""
    return _eig(*as_arrays(a))[0]


# QR


class QRResult(NamedTuple):
    """What `numpy.linalg.qr` gives."""

    Q: Any
    R: Any


@op(
    tex=r"\operatorname{{qr}} {0}",
    samples=[
        (TALL, {"mode": "reduced"}),
        (TALL.T, {"mode": "reduced"}),
        (TALLS, {"mode": "complete"}),
        (TALL.T, {"mode": "complete"}),
        (ROTATED, {"mode": "reduced"}),
        (ROTATED[:, :2], {"mode": "reduced"}),
        (ROTATED[:2], {"mode": "reduced"}),
    ],
    deviates=BASES,
)
def _qr(a, *, mode):
    return tuple(np.linalg.qr(a, mode))


def _qr_vjp(g, y, a, *, mode):
    """S. F. Walter and L. Lehmann, "Algorithmic differentiation of linear algebra functions" (2018), for m >= n.

    The columns of a wide matrix beyond the square part, a = [x c] with r = [u v], follow from it: v = q^H c.
    """
    (gq, gr), (q, r) = g, y
    k = min(a.shape[-2:])
    gq, q, r, gr = _without_complement(gq, q, k), q[..., :k], r[..., :k, :], gr[..., :k, :]
    rest, gv = a[..., k:], gr[..., k:]
    gq = gq + conj(rest @ gv.mT)
    r, gr = r[..., :k], gr[..., :k]
    w = q.mT @ gq - gr @ r.mT
    gx = np.linalg.solve(r, (gq + conj(q) @ (2 * _half_lower(k) * _skew(w) - w)).mT).mT
    return np.concatenate([gx, conj(q) @ gv], axis=-1)


def _without_complement(gq, q, k):
    """The cotangent of the first ``k`` columns of a unitary q, with what comes through the others.

    Those are any basis of the complement: from q1^H q2 = 0, d q2 = -q1 (d q1)^H q2.
    """
    q1, q2 = q[..., :k], q[..., k:]
    return gq[..., :k] - conj(q2 @ (gq[..., k:].mT @ q1))


_qr.defvjp(_qr_vjp)


@composite(
    np="linalg.qr",
    tex=r"\operatorname{{qr}} {0}",
    samples=[(TALL,), (TALLS, "complete"), (TALL.T, {"mode": "r"}), (SQUARE, "reduced")],
    deviates=BASES,
)
def qr(a, mode="reduced"):
    """``a = q r`` with orthonormal columns q and upper triangular r, as ``(Q, R)``; with mode "r", r alone.

    The first min(m, n) columns of ``a`` must be independent. Of a complete q the added columns are any basis of the
    complement. Mode "raw", LAPACK's reflectors, has no gradient rule.
    """
    if mode not in ("reduced", "complete", "r"):
        raise ValueError(f"qr of a Tensor has the modes 'reduced', 'complete' and 'r'; got {mode!r}")
    (a,) = as_arrays(a)
    q, r = _qr(a, mode="reduced" if mode == "r" else mode)
    return r if mode == "r" else QRResult(q, r)


# Singular values


class SVDResult(NamedTuple):
    """What `numpy.linalg.svd` gives."""

    U: Any
    S: Any
    Vh: Any


@op(
    tex=r"\operatorname{{svd}} {0}",
    samples=[
        (SQUARE, {"full_matrices": False}),
        (TALLS, {"full_matrices": False}),
        (TALL.T, {"full_matrices": False}),
        (TALL, {"full_matrices": True}),
        (TALL.T, {"full_matrices": True}),
    ],
    deviates=BASES,
)
def _svd(a, *, full_matrices):
    return tuple(np.linalg.svd(a, full_matrices))


def _svd_vjp(g, y, a, *, full_matrices):
    """With P = u^H da v, split into a Hermitian and a skew part h + t: u changes by u (E h + H t) within its span and
    v by v (E h - H t), where E_ij = 1 / (s_j - s_i) and H_ij = 1 / (s_i + s_j); s changes by the diagonal of h.

    So what depends on u v^H alone does not divide by s_j - s_i, and is right where singular values repeat.
    """
    (gu, gs, gvh), (u, s, vh) = g, y
    m, n = a.shape[-2:]
    k = min(m, n)
    gu, gvh = _without_complement(gu, u, k), _without_complement(gvh.mT, vh.mT, k).mT
    u, vh = u[..., :k], vh[..., :k, :]
    by_u, by_v = u.mT @ gu, gvh @ vh.mT
    tol = _negligible(s)
    sums = _reciprocal(s[..., None, :] + s[..., :, None], tol)
    inside = _diagonal(gs) + _reciprocal_gaps(s) * _skew(by_u - by_v) + sums * _skew(by_u + by_v)
    result = conj(u) @ inside @ conj(vh)
    s_inv = _reciprocal(s[..., None, :], tol)
    if m > k:
        result = result + ((gu - conj(u) @ by_u) * s_inv) @ conj(vh)
    if n > k:
        result = result + (conj(u) * s_inv) @ (gvh - by_v @ conj(vh))
    return result


_svd.defvjp(_svd_vjp)


@op(tex=r"\operatorname{{svdvals}}({0})", samples=[(SQUARE,), (TALLS,), (TALL.T,), (ROTATED,)])
def _svdvals(a):
    return np.linalg.svd(a, compute_uv=False)


def _svdvals_vjp(g, y, a):
    u, _, vh = _svd(a, full_matrices=False)
    some = y > _negligible(y)[..., 0]
    return (conj(u) * (g * some)[..., None, :]) @ conj(vh)


_svdvals.defvjp(_svdvals_vjp)


@composite(
    np="linalg.svd",
    tex=r"\operatorname{{svd}} {0}",
    samples=[(SQUARE,), (TALL, {"full_matrices": False}), (TALLS, False), (TALL.T, {"compute_uv": False})],
    deviates=BASES,
)
def svd(a, full_matrices=True, compute_uv=True, hermitian=False):
    """``a = u diag(s) vh`` with s descending, as ``(U, S, Vh)``; without ``compute_uv``, s alone.

    The gradient is that of a loss which does not depend on the signs (phases) of the vectors, nor on their choice where
    singular values repeat; of full matrices, nor on the basis of the complement. With ``hermitian``, ``a`` is read as
    `eigh` reads it. Where a singular value is 0 its derivative is 0, as that of abs at 0.
    """
    (a,) = as_arrays(a)
    a = as_hermitian(a, lower=True) if hermitian else a
    return SVDResult(*_svd(a, full_matrices=bool(full_matrices))) if compute_uv else _svdvals(a)


@composite(np="linalg.svdvals", tex=r"\operatorname{{svdvals}}({0})", samples=[(SQUARE,), (TALL.T,)])
def svdvals(x):
    """Singular values, descending; d s_i = Re(u_i^H dx v_i), 0 where s_i is 0."""
    return _svdvals(*as_arrays(x))
