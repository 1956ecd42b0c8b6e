"""An array in few numbers: all of it where it is small, else its extent, a histogram and a small heat map."""

from __future__ import annotations

from base64 import b64encode
from typing import Any, NamedTuple

import numpy as np

__all__ = ["Detail", "blocks", "plain_number", "summary", "tiny_histogram"]

BARS = "▁▂▃▄▅▆▇█"


class Detail(NamedTuple):
    """How much is said of an array."""

    entries: int  # so many are shown in full
    bins: int  # of a histogram; 0: none
    cells: int  # rows and columns of a heat map; 0: none
    digits: int = 17  # of a number


FULL = Detail(64, 16, 16)
SPARING = Detail(16, 8, 8, 7)  # where there are thousands of nodes


def summary(value: Any, detail: Detail = FULL) -> dict[str, Any]:
    """The summary that the JSON of a drawing gives of an array; see the README of this directory."""
    array = np.asarray(value)
    numbers = _real(array)
    finite = numbers[np.isfinite(numbers)] if numbers.dtype.kind == "f" else numbers.reshape(-1)
    most, bins, cells, digits = detail
    found: dict[str, Any] = {"shape": list(array.shape), "dtype": str(array.dtype), "data": None}
    if array.size <= most:
        found["data"] = _listed(_rounded(array, digits))
    with np.errstate(all="ignore"):
        found |= {
            "min": plain_number(finite.min(), digits) if finite.size else None,
            "max": plain_number(finite.max(), digits) if finite.size else None,
            "mean": plain_number(finite.mean(dtype=float), digits) if finite.size else None,
            "norm": plain_number(_norm(finite), digits) if finite.size else None,
            "nonfinite": numbers.size - finite.size,
            "zeros": numbers.size - int(np.count_nonzero(numbers)),
        }
        found["histogram"] = _histogram(finite, bins, digits) if array.size > most and bins else None
        found["heat"] = _heat(numbers, cells, digits) if array.size > most and cells else None
    return found


def _real(array: np.ndarray) -> np.ndarray:
    """The numbers that extent and colours are of."""
    if array.dtype.kind == "c":
        return np.asarray(np.abs(array))
    return array.astype(np.uint8) if array.dtype.kind == "b" else array


def _norm(finite: np.ndarray) -> float:
    """Euclidean, without overflow of large entries."""
    largest = float(np.abs(finite.astype(float)).max())
    return largest * float(np.linalg.norm(finite.astype(float) / largest)) if 0 < largest < np.inf else largest


def plain_number(x: Any, digits: int = 17) -> Any:
    """A number as JSON can hold it."""
    x = x.item() if isinstance(x, np.generic | np.ndarray) else x
    if isinstance(x, complex):
        return str(x).strip("()")
    if not isinstance(x, float):
        return x
    return (x if digits >= 17 else float(f"{x:.{digits}g}")) if np.isfinite(x) else str(x)


def _rounded(array: np.ndarray, digits: int) -> np.ndarray:
    if digits >= 17 or array.dtype.kind != "f":
        return array
    return np.array([float(f"{x:.{digits}g}") for x in array.reshape(-1)]).reshape(array.shape)


def _listed(array: np.ndarray) -> Any:
    """Nested lists, as ``tolist`` gives them, of numbers that JSON can hold."""
    if array.dtype.kind in "biu" or (array.dtype.kind == "f" and np.isfinite(array).all()):
        return array.tolist()
    flat = np.empty(array.size, object)
    flat[:] = [plain_number(x) for x in array.reshape(-1)]
    return flat.reshape(array.shape).tolist()


def _histogram(finite: np.ndarray, bins: int, digits: int) -> dict[str, Any] | None:
    if not finite.size:
        return None
    numbers = finite.astype(float)
    low, high = float(numbers.min()), float(numbers.max())
    if not np.isfinite(high - low):
        return None
    share = (numbers - low) / (high - low) if high > low else np.zeros_like(numbers)
    counts = np.bincount(np.minimum((share * bins).astype(int), bins - 1), minlength=bins if high > low else 1)
    return {"low": plain_number(low, digits), "high": plain_number(high, digits), "counts": counts.tolist()}


def blocks(numbers: np.ndarray, cells: int) -> np.ndarray:
    """Means of blocks of a matrix, at most ``cells`` rows and columns; NaN where a block has no finite number."""
    matrix = numbers.reshape(-1, numbers.shape[-1]) if numbers.ndim > 1 else numbers.reshape(1, -1)
    matrix = matrix.astype(float)
    good = np.isfinite(matrix)
    sums, counts = np.where(good, matrix, 0), good.astype(float)
    for axis in (0, 1):
        n = matrix.shape[axis]
        starts = np.arange(0, n, 1) if n <= cells else (np.arange(cells) * n) // cells
        sums = np.add.reduceat(sums, starts, axis=axis)
        counts = np.add.reduceat(counts, starts, axis=axis)
    return np.asarray(np.where(counts > 0, sums / np.maximum(counts, 1), np.nan))


def _heat(numbers: np.ndarray, cells: int, digits: int) -> dict[str, Any] | None:
    if not numbers.size:
        return None
    means = blocks(numbers, cells)
    if not np.isfinite(means).any():
        return None
    low, high = float(np.nanmin(means)), float(np.nanmax(means))
    if not np.isfinite(high - low):
        return None
    scaled = (means - low) / (high - low) * 254 if high > low else np.full(means.shape, 127.0)
    levels = np.where(np.isfinite(scaled), np.round(scaled), 255).astype(np.uint8)
    rows, columns = levels.shape
    return {
        "rows": rows, "columns": columns, "low": plain_number(low, digits), "high": plain_number(high, digits),
        "levels": b64encode(levels.tobytes()).decode(),
    }  # fmt: skip


def tiny_histogram(counts: list[int]) -> str:
    """A histogram in one line of text."""
    top = max(counts)
    return "".join(BARS[max(0, -(-n * len(BARS) // top) - 1)] if n else " " for n in counts)
