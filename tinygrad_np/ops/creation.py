"""Arrays made from their ends: evenly spaced numbers, on a line or on a logarithmic scale."""

from __future__ import annotations

import numpy as np

from .declare import composite
from .elementwise import astype
from .reduce import as_array, cast


@composite(
    np=True,
    samples=[((), ()), ((2,), (3, 1), 4), ((), 2.0, 3, False), ((2,), (2,), {"num": 3, "retstep": True, "axis": -1})],
)
def linspace(start, stop, num=50, endpoint=True, retstep=False, dtype=None, axis=0, *, device=None):
    """``num`` evenly spaced numbers from ``start`` to ``stop``; derivative 1 - t in start and t in stop at fraction t.

    To integers the numbers are rounded down, and carry no gradient.
    """
    kind = np.result_type(start, stop, float(num))
    start, stop = cast(as_array(start), kind), cast(as_array(stop), kind)
    steps = num - 1 if endpoint else num
    step = (stop - start) / (steps or np.nan)
    i = np.arange(num).reshape(-1, *[1] * step.ndim).astype(kind)
    y = i * step + start if steps > 0 else i * (stop - start) + start
    y = np.moveaxis(np.where(i == num - 1, stop, y) if endpoint and num > 1 else y, 0, axis)
    if dtype is not None:
        y = astype(np.floor(y) if np.issubdtype(dtype, np.integer) else y, dtype=np.dtype(dtype))
    return (y, step) if retstep else y


@composite(np=True, samples=[((), (), 4), ((2,), (), {"num": 3, "base": 2.0}), ((), 1.0, 3, False)])
def logspace(start, stop, num=50, endpoint=True, base=10.0, dtype=None, axis=0):
    """``base`` to the powers of `linspace`."""
    if np.ndim(base):
        start, stop, _ = np.broadcast_arrays(start, stop, base)
        base = np.expand_dims(base, axis)
    y = np.power(base, linspace(start, stop, num, endpoint, axis=axis))
    return y if dtype is None else astype(y, dtype=np.dtype(dtype))


@composite(np=True, samples=[((), (), 4), ((2,), (), {"num": 3, "axis": -1}), (2.0, (), 3, False)], domain=(0.5, 2))
def geomspace(start, stop, num=50, endpoint=True, dtype=None, axis=0):
    """``num`` numbers of one ratio from ``start`` to ``stop``: ``start * (stop / start)**t`` at fraction t."""
    kind = np.result_type(start, stop, float(num))
    start, stop = cast(as_array(start), kind), cast(as_array(stop), kind)
    if np.any(start == 0) or np.any(stop == 0):
        raise ValueError("geomspace: no ratio leads from or to 0")
    if kind.kind != "c" and np.any(start / stop < 0):
        raise ValueError("geomspace: start and stop of opposite signs; for a spiral between them give complex numbers")
    t = linspace(0.0, 1.0, num, endpoint).reshape(-1, *[1] * max(start.ndim, stop.ndim))
    y = np.where(t == 0, start, np.where(t == 1, stop, start * (stop / start) ** t.astype(kind)))
    y = np.moveaxis(y, 0, axis)
    return y if dtype is None else astype(y, dtype=np.dtype(dtype))
