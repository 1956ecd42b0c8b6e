"""Where the elements of a record lie, in numbers that are fixed when the program is compiled."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..core.primitive import alias
from ..core.record import Record
from .numba_scalars import FLOATS
from .storage import ARENA, FRESH, Storage

__all__ = ["Layout", "Place", "overlap"]


class Place(NamedTuple):
    """Elements at ``offset + sum(i * strides)`` from the start of their root, counted in elements.

    ``memory`` tells arrays apart, ``start`` is the root's first byte in it.
    """

    root: Record
    memory: Any
    start: int
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    dtype: Any

    def bytes(self) -> tuple[int, int]:
        """The first byte, and the one after the last."""
        reach = [(n - 1) * s for n, s in zip(self.shape, self.strides, strict=True)]
        low = self.offset + sum(x for x in reach if x < 0)
        high = self.offset + sum(x for x in reach if x > 0) + 1
        size = self.dtype.itemsize
        return self.start + low * size, self.start + high * size

    def across(self, domain: tuple[int, ...]) -> tuple[int, ...]:
        """Strides along the axes of ``domain``, over which it is broadcast."""
        full = (0,) * (len(domain) - len(self.shape)) + tuple(
            0 if n == 1 else s for n, s in zip(self.shape, self.strides, strict=True)
        )
        return tuple(0 if n == 1 else s for n, s in zip(domain, full, strict=True))


def overlap(a: Place, b: Place) -> bool:
    """Whether they have bytes in common."""
    (a0, a1), (b0, b1) = a.bytes(), b.bytes()
    return bool(a.memory == b.memory and a0 < b1 and b0 < a1)


class Layout:
    """The places of a program's records, all roots being in C order."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self._arrays: dict[Record, np.ndarray] = {}

    def usable(self, r: Record) -> bool:
        """Whether machine code can read it: numbers of a type that it knows, in an array of their own type."""
        root = self.storage.root[r]
        return r.dtype in (*FLOATS, np.bool_) and root.dtype == r.dtype and r.size > 0 and self._array(r) is not None

    def _array(self, r: Record) -> Any:
        """An array that lies as ``r`` does, whose contents do not matter."""
        if r not in self._arrays:
            if self.storage.way[r] == "view":
                x = self._array(r.inputs[0])  # type: ignore[arg-type]  # a view has one
                prim: Any = r.primitive
                y = x if x is None or prim is alias else prim.forward(x, **(r.params or {}))
                self._arrays[r] = y if isinstance(y, np.ndarray) else None  # type: ignore[assignment]
            else:
                self._arrays[r] = np.empty(r.shape, r.dtype) if isinstance(r.dtype, np.dtype) else None  # type: ignore[assignment]
        return self._arrays[r]

    def place(self, r: Record) -> Place:
        root, size = self.storage.root[r], r.dtype.itemsize
        a, whole = self._array(r), self._array(root)
        offset = (a.__array_interface__["data"][0] - whole.__array_interface__["data"][0]) // size
        memory: Any = root
        start = 0
        if root in self.storage.slot:
            slot = self.storage.slot[root]
            memory = slot if slot.home == FRESH else slot.home
            start = slot.offset if slot.home == ARENA else 0
        return Place(root, memory, start, offset, r.shape, tuple(s // size for s in a.strides), r.dtype)
