"""What watches: the first NaN or infinity, writes behind the tape's back, and the users' hooks.

All of it looks through the one seam of the sweep: ``observer(record, g, contributions)``.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .modes import Mode
from .record import Record

__all__ = ["check_output", "checksums", "watchers"]


def watchers(mode: Mode) -> Sequence[Callable[..., object]]:
    """The observers of a backward pass that starts in this mode."""
    seen = mode.observers
    if mode.anomaly:
        seen = (_check_backward, *seen)
    return (*seen, _call_hooks) if watchers.hooked else seen  # type: ignore[attr-defined]


watchers.hooked = False  # type: ignore[attr-defined]  # until the first register_hook, nobody looks for hooks


def _call_hooks(record: Record, g: Any, contributions: Any) -> None:
    if record.notes is not None:
        for hook in record.notes.hooks:
            hook(g)


def check_output(name: str, y: Any, xs: Sequence[Any], where: str) -> None:
    """Raise if ``y`` holds a NaN or infinity and no input did."""
    bad = _first_bad(y)
    if bad is not None and all(_first_bad(x) is None for x in xs):
        raise FloatingPointError(
            f"{name} put out {bad[1]} at index {bad[0]}, from inputs that are all finite (recorded at {where})"
        )


def _check_backward(record: Record, g: Any, contributions: Sequence[tuple[int, Any]]) -> None:
    if record.primitive is None:
        return
    if record.notes is not None and record.notes.checksums != checksums(record):
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


def checksums(record: Record) -> tuple[int | None, ...]:
    """One number per kept value, to see later whether it was written to."""
    return tuple(
        zlib.crc32(np.ascontiguousarray(v).view(np.uint8)) if isinstance(v, np.ndarray) and v.size else None
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
