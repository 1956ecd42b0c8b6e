"""The error of this room."""

from __future__ import annotations

__all__ = ["CompileError"]


class CompileError(RuntimeError):
    """A function that cannot be compiled, or arguments that a compiled one cannot take; says why and the way out."""
