"""Ops whose own functions look at values, as straight lines that need not.

They take care of infinities by choosing elements where the op chooses a way.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["STRAIGHT"]


def _shifted(x: Any, axis: Any) -> Any:
    """``x - max(x)``, and 0 at the maximum even if that is infinite."""
    if x.dtype not in (np.float32, np.float64) or x.size == 0:
        raise TypeError("left to the op")
    top = np.max(x, axis=axis, keepdims=True)
    return np.where(x == top, 0, x - top)


def softmax(x: Any, axis: Any) -> Any:
    e = np.exp(_shifted(x, axis))
    return e / np.sum(e, axis=axis, keepdims=True)


def log_softmax(x: Any, axis: Any) -> Any:
    d = _shifted(x, axis)
    return d - np.log(np.sum(np.exp(d), axis=axis, keepdims=True))


STRAIGHT: dict[str, Callable[..., Any]] = {"softmax": softmax, "log_softmax": log_softmax}
