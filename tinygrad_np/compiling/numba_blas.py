"""The matrix product of the BLAS that NumPy itself calls, by address: a second BLAS would fight it over the cores."""

from __future__ import annotations

import ctypes
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np

__all__ = ["addresses"]

# Names with 64-bit integers; wheels of NumPy carry the first.
PATTERNS = ("scipy_cblas_{}gemm64_", "cblas_{}gemm64_", "openblas_cblas_{}gemm64_")


@cache
def addresses() -> np.ndarray | None:
    """The addresses of dgemm and sgemm in the library that NumPy loaded; None if they are not found there."""
    extension: Any = import_module("numpy._core._multiarray_umath")

    try:
        library = ctypes.CDLL(extension.__file__)  # loaded already; symbols are looked for in what it links to
    except OSError:
        return None
    for pattern in PATTERNS:
        try:
            found = [getattr(library, pattern.format(letter)) for letter in "ds"]
        except AttributeError:
            continue
        if _is_right(found[0], np.float64, ctypes.c_double) and _is_right(found[1], np.float32, ctypes.c_float):
            return np.array([ctypes.cast(f, ctypes.c_void_p).value for f in found], np.int64)
    return None


def _is_right(gemm: Any, dtype: Any, number: Any) -> bool:
    """Whether it computes a product as these arguments ask for."""
    a, b = np.arange(6, dtype=dtype).reshape(2, 3), np.arange(12, dtype=dtype).reshape(3, 4)
    c = np.ones((2, 4), dtype)
    i, enum, pointer = ctypes.c_int64, ctypes.c_int, ctypes.c_void_p
    gemm.restype = None
    gemm.argtypes = [enum, enum, enum, i, i, i, number, pointer, i, pointer, i, number, pointer, i]
    want = 2 * (a @ b) - c
    gemm(101, 111, 111, 2, 4, 3, 2.0, a.ctypes.data, 3, b.ctypes.data, 4, -1.0, c.ctypes.data, 4)
    return bool(np.array_equal(c, want))
