"""Compiling: a function recorded once, and run as straight source ever after."""

from __future__ import annotations

from .compiled import CacheInfo, Compiled, compile
from .problem import CompileError

__all__ = ["CacheInfo", "CompileError", "Compiled", "compile"]
