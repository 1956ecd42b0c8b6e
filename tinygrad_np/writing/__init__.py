"""The tape written out: as NumPy source, and as a derivation."""

from .numpy_source import to_numpy, write

__all__ = ["to_numpy", "write"]
