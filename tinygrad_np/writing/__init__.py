"""The tape written out: as NumPy source, and as a derivation."""

from .derivation import derive
from .literals import WriteError
from .numpy_source import outside, to_numpy, write
from .sheet import Derivation

__all__ = ["Derivation", "WriteError", "derive", "outside", "to_numpy", "write"]
