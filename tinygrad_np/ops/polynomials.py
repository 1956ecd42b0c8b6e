"""Polynomials as the row of their coefficients, the highest power first."""

from __future__ import annotations

import numpy as np

from .declare import composite
from .reduce import as_array, values


def _row(p):
    """Coefficients in one dimension, those of powers that are not there left out, as NumPy does in a product."""
    p = np.atleast_1d(as_array(p))
    (there,) = np.nonzero(values(p))
    return p[there[0] :] if there.size else p[-1:]


def _joined(p, q, pair):
    p, q = np.atleast_1d(as_array(p)), np.atleast_1d(as_array(q))
    n = max(p.size, q.size)
    return pair(np.pad(p, (n - p.size, 0)), np.pad(q, (n - q.size, 0)))


@composite(np=True, samples=[((3,), (2,)), ((), (2,))])
def polyadd(a1, a2):
    """The sum of two polynomials."""
    return _joined(a1, a2, np.add)


@composite(np=True, samples=[((3,), (2,)), ((), (2,))])
def polysub(a1, a2):
    """The difference of two polynomials."""
    return _joined(a1, a2, np.subtract)


@composite(np=True, samples=[((3,), (2,)), ((), (2,))])
def polymul(a1, a2):
    """The product of two polynomials: the convolution of their coefficients."""
    return np.convolve(_row(a1), _row(a2))


@composite(np=True, samples=[((4,),), ((4,), 2), ((2,), {"m": 3})])
def polyder(p, m=1):
    """The m-th derivative of a polynomial."""
    if m < 0:
        raise ValueError(f"polyder: the order of the derivative cannot be {m}; polyint integrates")
    p = as_array(p)
    for _ in range(m):
        p = p[:-1] * np.arange(p.shape[0] - 1, 0, -1)
    return p


@composite(np=True, samples=[((3,),), ((3,), 2, (2,)), ((2,), {"k": 0.5})])
def polyint(p, m=1, k=None):
    """The m-th integral of a polynomial, with the constants ``k``, one number or one for each integration."""
    if m < 0:
        raise ValueError(f"polyint: the number of integrations cannot be {m}; polyder differentiates")
    p, k = as_array(p), np.zeros(m) if k is None else np.atleast_1d(as_array(k))
    if k.shape[0] < m and k.shape[0] != 1:
        raise ValueError(f"polyint: {m} integrations need {m} constants k, or one for all; got {k.shape[0]}")
    for i in range(m):
        p = np.append(p / np.arange(p.shape[0], 0, -1), k[i if k.shape[0] > 1 else 0])
    return p


@composite(
    np=True,
    samples=[
        (np.array([0, 1, 2, 4]), (4,), 2),
        ((4,), (4, 2), 1),
        ((4,), (4,), 1, {"w": np.array([0.5, 1.0, 2.0, 1.5])}),
    ],
    domain=(0.3, 3),
)
def polyfit(x, y, deg, rcond=None, full=False, w=None, cov=False):
    """Coefficients of the polynomial of degree ``deg`` nearest to the points (x, y) in least squares, weighted by w."""
    if full or cov:
        raise TypeError("polyfit: full= and cov= have no rule for a Tensor: np.linalg.lstsq of np.vander gives both")
    x, y = as_array(x) + 0.0, as_array(y) + 0.0
    powers = np.vander(x, int(deg) + 1)
    if w is not None:
        w = as_array(w) + 0.0
        powers, y = powers * w[:, None], y * (w[:, None] if y.ndim == 2 else w)
    size = np.sqrt(np.sum(powers * powers, axis=0))
    rcond = x.shape[0] * np.finfo(x.dtype).eps if rcond is None else rcond
    c = np.linalg.lstsq(powers / size, y, rcond=rcond)[0]
    return c / (size[:, None] if y.ndim == 2 else size)
