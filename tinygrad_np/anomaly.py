"""`detect_anomaly`: the first NaN or infinity, and writes behind the tape's back, named where they happen.

It looks through the two seams of the engine, the watchers of ops and the observers of sweeps; the engine knows nothing
of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .core.modes import Mode, switch
from .core.primitive import Primitive
from .core.record import Record
from .core.source import user_line

__all__ = ["detect_anomaly"]


class detect_anomaly(switch):
    """Raise `FloatingPointError` at the first NaN or infinity, forward or backward.

    The error names the op, the line that recorded it and the first bad index. Values that a backward pass needs are
    checksummed, so that a write through a raw array is found too. Slow: for looking, not for training.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_np import Tensor, detect_anomaly
    >>> x = Tensor([1.0, 0.0], requires_grad=True)
    >>> with detect_anomaly():  # doctest: +ELLIPSIS
    ...     np.sqrt(x * x).sum().backward()
    Traceback (most recent call last):
    FloatingPointError: the backward pass of sqrt (recorded at ...) made the first non-finite cotangent:
    inf at index (1,) for argument 0
    """

    def _changed(self, mode: Mode) -> Mode:
        return mode._replace(watchers=(*mode.watchers, _check_forward), observers=(_check_backward, *mode.observers))


def _check_forward(prim: Primitive, xs: Sequence[Any], ys: Sequence[Any], record: Record | None) -> None:
    for y in ys:
        bad = _first_bad(y)
        if bad is not None and all(_first_bad(x) is None for x in xs):
            raise FloatingPointError(
                f"{prim.name} put out {bad[1]} at index {bad[0]}, from inputs that are all finite"
                f" (recorded at {user_line()})"
            )
    if record is not None:
        record.note().checksums = _checksums(record)


def _check_backward(record: Record, g: Any, contributions: Sequence[tuple[int, Any]]) -> None:
    if record.primitive is None:
        return
    if record.notes is not None and record.notes.checksums and record.notes.checksums != _checksums(record):
        raise RuntimeError(
            f"an array that {record.primitive.name} (recorded at {record.where}) needs for its gradient was written to"
            " since the forward pass, through a plain NumPy array: run backward() first, or give the op a copy"
        )
    for i, c in contributions:
        bad = _first_bad(c)
        if bad is not None:
            raise FloatingPointError(
                f"the backward pass of {record.primitive.name} (recorded at {record.where}) made the first non-finite"
                f" cotangent: {bad[1]} at index {bad[0]} for argument {i}"
            )


def _checksums(record: Record) -> tuple[int | None, ...]:
    """One number per kept value, to see later whether it was written to."""
    import zlib  # only where an anomaly is looked for

    return tuple(
        zlib.crc32(np.ascontiguousarray(v).tobytes()) if isinstance(v, np.ndarray) and v.size else None
        for v in (*record.values, record.y)
    )


def _first_bad(x: Any) -> tuple[tuple[int, ...], Any] | None:
    x = getattr(x, "_data", x)
    if not isinstance(x, np.ndarray | np.generic | float | complex):
        return None
    x = np.asarray(x)
    if x.dtype.kind not in "fc" or np.isfinite(x).all():
        return None
    index = tuple(int(i) for i in np.argwhere(~np.isfinite(x))[0])
    return index, x[index]
