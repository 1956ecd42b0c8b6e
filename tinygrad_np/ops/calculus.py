"""Differences, integrals, interpolation and convolution along an axis."""

from __future__ import annotations

import numpy as np

from .declare import composite, op
from .reduce import as_array, cast, normal_axes


def _part(a, axis, start, stop):
    """``a[start:stop]`` along ``axis``."""
    return a[(slice(None),) * axis + (slice(start, stop),)]


def _axis(axis, a):
    return normal_axes(axis, a.ndim)[0]


def _along(d, axis, ndim):
    """A 1-d array shaped to broadcast along ``axis`` of an array of ``ndim`` dimensions."""
    return np.reshape(d, tuple(-1 if i == axis else 1 for i in range(ndim)))


# Differences


def _joined_ends(a, axis, prepend, append):
    parts = [None if p is None else as_array(p) for p in (prepend, append)]
    size_one = tuple(1 if i == axis else n for i, n in enumerate(a.shape))
    ahead, behind = (None if p is None else np.broadcast_to(p, size_one) if p.ndim == 0 else p for p in parts)
    return np.concatenate([p for p in (ahead, a, behind) if p is not None], axis=axis)


@composite(
    np=True,
    tex=r"\Delta {0}",
    samples=[
        ((4,),),
        ((2, 3), {"axis": 0}),
        ((2, 5), {"n": 2}),
        ((2, 3), {"n": 0}),
        ((3,), {"prepend": 0.5, "append": np.array([1.0, 2.0])}),
        ((2, 3), {"axis": 0, "prepend": np.array([[0.3, 0.2, 0.1]])}),
    ],
)
def diff(a, n=1, axis=-1, prepend=None, append=None):
    """Differences of neighbours along ``axis``, taken ``n`` times."""
    a = as_array(a)
    if n < 0:
        raise ValueError(f"diff: n is how often differences are taken, and cannot be {n}")
    if a.ndim == 0:
        raise ValueError("diff needs at least one dimension")
    axis = _axis(axis, a)
    if prepend is not None or append is not None:
        a = _joined_ends(a, axis, prepend, append)
    step = np.not_equal if a.dtype == np.bool_ else np.subtract
    for _ in range(n):
        a = step(_part(a, axis, 1, None), _part(a, axis, None, -1))
    return a


@composite(np=True, samples=[((4,),), ((2, 3),), ((3,), np.array([0.5]), 0.25)])
def ediff1d(ary, to_end=None, to_begin=None):
    """Differences of neighbours in the flattened array, with values put before and after them."""
    a = np.reshape(as_array(ary), -1)
    ends = [None if e is None else np.reshape(cast(as_array(e), a.dtype), -1) for e in (to_begin, to_end)]
    parts = [p for p in (ends[0], a[1:] - a[:-1], ends[1]) if p is not None]
    return np.concatenate(parts) if len(parts) > 1 else parts[0]


def _uniform_gradient(f, h, axis, edge_order):
    inner = (_part(f, axis, 2, None) - _part(f, axis, None, -2)) / (2.0 * h)
    if edge_order == 1:
        first = (_part(f, axis, 1, 2) - _part(f, axis, 0, 1)) / h
        last = (_part(f, axis, -1, None) - _part(f, axis, -2, -1)) / h
    else:
        a, b, c = -1.5 / h, 2.0 / h, -0.5 / h
        first = a * _part(f, axis, 0, 1) + b * _part(f, axis, 1, 2) + c * _part(f, axis, 2, 3)
        last = -c * _part(f, axis, -3, -2) - b * _part(f, axis, -2, -1) - a * _part(f, axis, -1, None)
    return [first, inner, last]


def _uneven_gradient(f, d, axis, edge_order):
    """Second-order weights for steps ``d`` that differ: of the parabola through three neighbours."""
    left, right = (_along(part, axis, f.ndim) for part in (d[:-1], d[1:]))
    behind, ahead = -right / (left * (left + right)), left / (right * (left + right))
    middle = (right - left) / (left * right)
    inner = behind * _part(f, axis, None, -2) + middle * _part(f, axis, 1, -1) + ahead * _part(f, axis, 2, None)
    if edge_order == 1:
        first = (_part(f, axis, 1, 2) - _part(f, axis, 0, 1)) / d[0]
        last = (_part(f, axis, -1, None) - _part(f, axis, -2, -1)) / d[-1]
        return [first, inner, last]

    def edge(near, far, f0, f1, f2):
        return (
            -(2.0 * near + far) / (near * (near + far)) * f0
            + (near + far) / (near * far) * f1
            - near / (far * (near + far)) * f2
        )

    first = edge(d[0], d[1], _part(f, axis, 0, 1), _part(f, axis, 1, 2), _part(f, axis, 2, 3))
    last = -edge(d[-1], d[-2], _part(f, axis, -1, None), _part(f, axis, -2, -1), _part(f, axis, -3, -2))
    return [first, inner, last]


def _spacings(f, given, axes):
    """One spacing an axis: a number, or the steps between 1-d coordinates."""
    if not given:
        return [1.0] * len(axes)
    if len(given) == 1 and np.ndim(given[0]) == 0:
        return list(given) * len(axes)
    if len(given) != len(axes):
        raise TypeError(
            f"gradient: {len(given)} spacings were given for {len(axes)} axes: one for all, or one for each"
        )
    steps = []
    for axis, h in zip(axes, given, strict=True):
        if np.ndim(h) == 0:
            steps.append(h)
        elif np.shape(h) != (f.shape[axis],):
            raise ValueError(f"gradient: coordinates of shape {np.shape(h)} for an axis of size {f.shape[axis]}")
        else:
            h = as_array(h)
            steps.append(diff(h if h.dtype.kind in "fc" else cast(h, np.float64)))
    return steps


@composite(
    np=True,
    samples=[
        ((4,),),
        ((3, 4),),
        ((4,), 0.5, {"edge_order": 2}),
        ((3, 4), 0.5, np.array([0.0, 1.0, 3.0, 3.5])),
        ((5,), np.array([0.0, 1.0, 3.0, 3.5, 5.0]), {"edge_order": 2}),
        ((3, 4), {"axis": 1}),
        ((3, 4), {"axis": (1, 0)}),
    ],
)
def gradient(f, *varargs, axis=None, edge_order=1):
    """Slope of sampled values by central differences, one-sided at the edges (of order ``edge_order``, 1 or 2).

    ``varargs`` are the spacings: none (1), a number for all axes, or one for each: a number or 1-d coordinates,
    which may be Tensors. Several axes give a tuple.
    """
    f = as_array(f)
    if edge_order not in (1, 2):
        raise ValueError(f"gradient: edge_order is 1 or 2, and not {edge_order}")
    f = f if f.dtype.kind in "fc" else cast(f, np.float64)
    axes = normal_axes(axis, f.ndim)
    found = []
    for i, h in zip(axes, _spacings(f, varargs, axes), strict=True):
        if f.shape[i] < edge_order + 1:
            raise ValueError(
                f"gradient: axis {i} has size {f.shape[i]}; edge_order {edge_order} needs {edge_order + 1}"
            )
        kind = _uniform_gradient if np.ndim(h) == 0 else _uneven_gradient
        found.append(cast(np.concatenate(kind(f, h, i, edge_order), axis=i), f.dtype))
    return found[0] if len(axes) == 1 else tuple(found)


@composite(
    np=True,
    samples=[
        ((4,),),
        ((3, 4), {"dx": 0.5, "axis": 0}),
        ((2, 3), (3,)),
        ((2, 3), {"x": np.array([[0.0, 1.0, 3.0]])}),
        ((2, 3), np.array([[0.1], [0.4]]), {"axis": 0}),
    ],
)
def trapezoid(y, x=None, dx=1.0, axis=-1):
    """Integral of sampled values by the trapezoidal rule; differentiable in the coordinates ``x`` too."""
    y = as_array(y)
    axis = _axis(axis, y)
    if x is None:
        d = dx
    elif np.ndim(x) == 1:
        d = _along(diff(x), axis, y.ndim)
    else:
        d = diff(x, axis=axis)
    return np.sum(d * (_part(y, axis, 1, None) + _part(y, axis, None, -1)) / 2.0, axis=axis)


@op(samples=[((5,), {"period": 1.0}), ((2, 4), {"axis": 0, "period": 1.5}), ((2, 4), {"discont": 2.0, "period": 1.0})])
def _unwrap(p, *, discont=None, axis=-1, period=2 * np.pi):
    return np.unwrap(p, discont=discont, axis=axis, period=period)


_unwrap.defvjp(lambda g, _y, _p, **_: g)
_unwrap.defjvp(lambda p_dot, _y, _p, **_: p_dot)


@composite(np=True, samples=[((5,), {"period": 1.0}), ((2, 4), {"axis": 0})])
def unwrap(p, discont=None, axis=-1, *, period=2 * np.pi):
    """``p`` with jumps of over half a period taken back; derivative 1, for the periods added are constants."""
    return _unwrap(p, discont=discont, axis=axis, period=period)


# Interpolation


@composite(
    np=True,
    samples=[
        (np.array([0.3, 1.7, -1.0, 5.0, 2.2]), np.array([0.0, 1.0, 2.0, 4.0]), (4,)),
        (np.array([[0.3, 1.7], [-1.0, 5.0]]), np.array([0.0, 1.0, 2.0, 4.0]), (4,), {"left": -1.0, "right": 0.5}),
        (np.array([0.3, 1.7, -1.0, 5.0]), np.array([1.0, 0.2, 2.5]), (3,), {"period": 3.0}),
        (np.array(0.3), np.array([1.0]), (1,)),
    ],
)
def interp(x, xp, fp, left=None, right=None, period=None):
    """The piecewise linear function through the points (xp, fp), at x; differentiable in all three.

    At a knot, the slope in ``x`` is that of the piece on its right; beyond the last knot, and at it, 0.
    """
    x, xp, fp = as_array(x), cast(as_array(xp), np.float64), as_array(fp)
    x, fp = cast(x, np.float64), cast(fp, np.complex128 if fp.dtype.kind == "c" else np.float64)
    if xp.ndim != 1 or xp.shape != fp.shape or xp.size == 0:
        raise ValueError(f"interp: xp and fp are 1-d, of one size and not empty; got shapes {xp.shape} and {fp.shape}")
    if period is not None:
        if period == 0:
            raise ValueError("interp: the period cannot be 0")
        left, right, period = None, None, abs(period)
        x, xp = x % period, xp % period
        order = np.argsort(xp)
        xp, fp = np.take(xp, order), np.take(fp, order)
        xp = np.concatenate([xp[-1:] - period, xp, xp[:1] + period])
        fp = np.concatenate([fp[-1:], fp, fp[:1]])
    n = xp.shape[0]
    piece = np.searchsorted(xp, x, side="right")  # 0: before the first knot; n: at the last or beyond
    a, b = np.maximum(piece - 1, 0), np.minimum(piece, n - 1)
    start, level = np.take(xp, a), np.take(fp, a)
    width = np.take(xp, b) - start
    outside = (width == 0) & ~np.isnan(x)
    slope = (np.take(fp, b) - level) / np.where(width == 0, 1, width)
    y = slope * (x - start) + level
    y = np.where(outside, level, y)
    y = y if left is None else np.where(x < xp[0], left, y)
    return y if right is None else np.where(x > xp[-1], right, y)


# Convolution


@op(
    tex="{0} * {1}",
    samples=[
        ((4,), (2,), {"mode": "full"}),
        ((2,), (4,), {"mode": "full"}),
        ((4,), (2,), {"mode": "valid"}),
        ((3,), (3,), {"mode": "valid"}),
    ],
)
def _convolve(a, v, *, mode):
    """``numpy.convolve``, full or, with a the longer one, valid."""
    return np.convolve(a, v, mode)


def _convolve_a(g, _y, _a, v, *, mode):
    return np.convolve(g, v[::-1], "valid" if mode == "full" else "full")


def _convolve_v(g, _y, a, _v, *, mode):
    return np.convolve(g, a[::-1], "valid") if mode == "full" else np.convolve(a[::-1], g, "valid")


_convolve.defvjp(_convolve_a, _convolve_v, linear="each")

CONVOLUTIONS = [
    ((4,), (2,)),
    ((2,), (4,), "full"),
    ((5,), (2,), "same"),
    ((2,), (5,), "same"),
    ((5,), (4,), "same"),
    ((2,), (4,), "valid"),
    ((4,), (3,), "valid"),
]


@composite(np=True, tex="{0} * {1}", samples=CONVOLUTIONS)
def convolve(a, v, mode="full"):
    """Discrete convolution of two 1-d arrays; ``mode`` is full, same or valid."""
    a, v = (np.reshape(x, -1) if x.ndim == 0 else x for x in (as_array(a), as_array(v)))
    if a.ndim != 1 or v.ndim != 1 or 0 in (a.size, v.size):
        raise ValueError(f"convolve: both are 1-d and not empty; got shapes {a.shape} and {v.shape}")
    if mode not in ("full", "same", "valid"):
        raise ValueError(f"convolve: mode is full, same or valid; got {mode!r}")
    if v.size > a.size:
        a, v = v, a
    if mode != "same":
        return _convolve(a, v, mode=mode)
    before = (v.size - 1) // 2
    return _convolve(a, v, mode="full")[before : before + a.size]


@composite(np=True, tex=r"{0} \star {1}", samples=CONVOLUTIONS)
def correlate(a, v, mode="valid"):
    """Cross-correlation of two 1-d arrays, sum_n a[n + k] conj(v[n]); ``mode`` is valid, same or full."""
    a, v = as_array(a), as_array(v)
    v = np.conjugate(v) if v.dtype.kind == "c" else v
    if mode != "same" or v.size <= a.size:
        return convolve(a, v[::-1], mode)
    return convolve(a, v[::-1], "full")[a.size // 2 :][: v.size]  # where NumPy's window lies when v is the longer one
