"""The tape written out: as NumPy source, and as a derivation."""

from .literals import WriteError
from .numpy_source import outside, to_numpy, write

__all__ = ["WriteError", "outside", "to_numpy", "write"]
