"""The backends by name, and which of them "auto" takes: the one that is made at once."""

from __future__ import annotations

from . import numba_backend, numpy_backend
from .kernel import Kernel
from .program import Program

__all__ = ["BACKENDS", "build"]

BACKENDS = {"numpy": numpy_backend.build, "numba": numba_backend.build}


def build(backend: str, program: Program, name: str) -> Kernel:
    """The program as this backend runs it."""
    return BACKENDS["numpy" if backend == "auto" else backend](program, name)
