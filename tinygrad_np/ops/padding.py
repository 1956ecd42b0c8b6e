"""`pad` in all of NumPy's modes.

Modes that repeat elements share one rule: what `numpy.pad` does to the numbers of the places says where each element
of the result came from. The others are made of ops, axis by axis.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from ..core.apply import apply
from ..core.tensor import Tensor
from .declare import composite, op
from .indexing import getitem, scatter
from .joining import concatenate
from .reduce import as_array, cast
from .shape import broadcast_to

WIDTHS = ((1, 2), (3, 0))
STATISTICS = {"maximum": np.max, "minimum": np.min, "mean": np.mean, "median": np.median}


@op(
    tex=r"\operatorname{{pad}}({0})",
    samples=[
        ((2, 3), {"pad_width": WIDTHS}),
        *(((2, 3), {"pad_width": WIDTHS, "mode": mode}) for mode in ("edge", "reflect", "symmetric", "wrap")),
    ],
)
def _pad(a, *, pad_width, mode="constant", **options):
    return np.pad(a, pad_width, mode, **options)


def _pad_vjp(g, _y, _a, *, pad_width, mode, **_options):
    if mode == "constant":
        return g[tuple(slice(before, before + n) for (before, _), n in zip(pad_width, _a.shape, strict=True))]
    places = np.pad(np.arange(_a.size).reshape(_a.shape), pad_width, mode)
    return np.reshape(scatter(np.reshape(g, -1), (_a.size,), places.reshape(-1)), _a.shape)


_pad.defvjp(_pad_vjp)
_pad.defjvp(lambda a_dot, _y, _a, *, pad_width, mode, **_options: np.pad(a_dot, pad_width, mode))


@composite(
    np=True,
    tex=r"\operatorname{{pad}}({0})",
    samples=[
        ((3,), 2),
        ((2, 3), [1, 2], {"constant_values": [[0.5, 1.5], [2.5, 3.5]]}),
        ((2, 3), 1, {"constant_values": np.array([0.25, -0.75])}),
        ((2, 3), {"pad_width": WIDTHS, "mode": "edge"}),
        ((2, 3), {"pad_width": WIDTHS, "mode": "reflect"}),
        ((3,), {"pad_width": [5, 7], "mode": "reflect"}),
        ((2, 3), {"pad_width": WIDTHS, "mode": "symmetric"}),
        ((3,), {"pad_width": [2, 8], "mode": "wrap"}),
        ((2, 3), {"pad_width": WIDTHS, "mode": "reflect", "reflect_type": "odd"}),
        ((3,), {"pad_width": [5, 8], "mode": "symmetric", "reflect_type": "odd"}),
        ((2, 3), {"pad_width": WIDTHS, "mode": "linear_ramp", "end_values": [[1.0, 2.0], [-1.0, 0.0]]}),
        *(((2, 3), {"pad_width": WIDTHS, "mode": mode}) for mode in STATISTICS),
        *(((2, 5), {"pad_width": WIDTHS, "mode": mode, "stat_length": [2, 3]}) for mode in STATISTICS),
    ],
)
def pad(array, pad_width, mode="constant", **kwargs):
    """``array`` with numbers put around it, in any mode of `numpy.pad` but a function.

    An element's cotangents add up over all the places it came to. Maximum and minimum share theirs equally at ties;
    the numbers that ``mode="empty"`` leaves open are 0 here. ``constant_values`` and ``end_values`` may be Tensors.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_np import grad
    >>> grad(lambda x: np.sum(np.pad(x, (2, 1), "edge")))(np.ones(3))
    array([3., 1., 2.])
    """
    a = as_array(array)
    if callable(mode):
        raise TypeError(
            f"pad: mode={getattr(mode, '__name__', mode)} is a function that writes into an array, and so has no"
            " gradient: use one of NumPy's modes by name, or np.concatenate"
        )
    if mode != "constant" or kwargs:
        np.pad(np.zeros(()), 0, mode, **dict.fromkeys(kwargs))  # complains of an unknown mode or option
    widths = _widths(pad_width, a.ndim)
    if mode == "empty":
        mode = "constant"
    ends = _pairs(kwargs.get("constant_values", kwargs.get("end_values", 0)), a.ndim)
    if a.dtype.kind not in "fc" or (mode == "constant" and type(ends) is not Tensor):
        return apply(_pad, (a,), {"pad_width": widths, "mode": mode, **kwargs})
    if mode == "constant":
        return _grown(a, widths, lambda _a, axis, _width, end: cast(ends[axis, end], a.dtype))
    if mode == "linear_ramp":
        return _grown(a, widths, partial(_ramp, ends=ends))
    if mode in STATISTICS:
        lengths = _pairs(kwargs.get("stat_length"), a.ndim)
        return _grown(a, widths, partial(_statistic, f=STATISTICS[mode], lengths=lengths))
    if kwargs.get("reflect_type", "even") == "odd":
        return _reflected_odd(a, widths, 0 if mode == "symmetric" else 1)
    return apply(_pad, (a,), {"pad_width": widths, "mode": mode})


def _pairs(x, ndim):
    """(before, after) for each axis, from the forms that NumPy takes."""
    if isinstance(x, list | tuple) and any(type(v) is Tensor for v in x):
        x = np.stack(x)
    return np.broadcast_to(x if type(x) is Tensor else np.asarray(x), (ndim, 2))


def _widths(pad_width, ndim):
    if isinstance(pad_width, dict):
        pairs = np.zeros((ndim, 2), int)
        for axis, width in pad_width.items():
            pairs[axis] = width
        pad_width = pairs
    pairs = _pairs(pad_width, ndim)
    if pairs.dtype.kind not in "iu":
        raise TypeError(f"pad: pad_width takes integers; got {pad_width!r}")
    if (pairs < 0).any():
        raise ValueError(f"pad: pad_width takes integers of 0 or more; got {pad_width!r}")
    return tuple((int(before), int(after)) for before, after in pairs)


def _part(a, axis, start, stop, step=None):
    return getitem(a, (*(slice(None),) * axis, slice(start, stop, step)))


def _grown(a, widths, side):
    """``a`` with ``side(a, axis, width, end)`` put at its two ends (0 and 1), axis by axis."""
    for axis, pair in enumerate(widths):
        parts = [a]
        for end, width in enumerate(pair):
            if width:
                shape = (*a.shape[:axis], width, *a.shape[axis + 1 :])
                parts.insert(len(parts) * end, broadcast_to(side(a, axis, width, end), shape))
        a = concatenate(parts, axis)
    return a


def _edge(a, axis, end):
    return _part(a, axis, -1, None) if end else _part(a, axis, 0, 1)


def _ramp(a, axis, width, end, *, ends):
    """From the end value, included, to the edge, not included."""
    last = cast(ends[axis, end], a.dtype)
    steps = np.arange(width, dtype=a.dtype).reshape(-1, *(1,) * (a.ndim - axis - 1))
    return (steps[::-1] if end else steps) * ((_edge(a, axis, end) - last) / width) + last


def _statistic(a, axis, _width, end, *, f, lengths):
    n = a.shape[axis] if lengths[axis, end] is None else min(lengths[axis, end], a.shape[axis])
    chunk = _part(a, axis, a.shape[axis] - n, None) if end else _part(a, axis, 0, n)
    return f(chunk, axis=axis, keepdims=True)


def _reflected_odd(a, widths, skip):
    """Reflected at the edge in place and value, ``2 edge - x``; ``skip`` is 1 where the edge is not repeated."""
    for axis, (before, after) in enumerate(widths):
        period = a.shape[axis] - skip
        if period == 0:
            a = pad(a, [(before, after) if i == axis else (0, 0) for i in range(a.ndim)], "edge")
            continue
        while before or after:  # as far as the elements reach, in whole periods
            n = a.shape[axis]
            reach = (n - skip) // period * period
            left, right = min(before, reach), min(after, reach)
            first = 2 * _edge(a, axis, 0) - _part(a, axis, skip, skip + left)
            last = 2 * _edge(a, axis, 1) - _part(a, axis, n - skip - right, n - skip)
            a = concatenate([_part(first, axis, None, None, -1), a, _part(last, axis, None, None, -1)], axis)
            before, after = before - left, after - right
    return a
