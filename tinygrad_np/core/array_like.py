"""How a Tensor answers where an array is expected: numbers, loops, printing, pickling.

What hands a value to plain Python or NumPy goes through `ArrayLike._read`, so that a running trace can note it.
"""

from __future__ import annotations

from collections.abc import Iterator
from sys import _getframe
from typing import Any

import numpy as np

from .modes import current
from .record import Record

__all__ = ["ArrayLike"]

_LOST = (
    "this Tensor requires a gradient, and as a plain array it would lose it without a word:"
    " use .data, or .detach(), where that is meant"
)


class ArrayLike:
    """The base of `Tensor` that needs no op and no gradient."""

    __slots__ = ()
    _data: np.ndarray
    _record: Record | None

    @property
    def requires_grad(self) -> bool:
        """Whether a gradient flows through it."""
        return self._record is not None and self._record.diff

    shape = property(lambda self: self._data.shape)
    dtype = property(lambda self: self._data.dtype)
    ndim = property(lambda self: self._data.ndim)
    size = property(lambda self: self._data.size)
    itemsize = property(lambda self: self._data.itemsize)
    nbytes = property(lambda self: self._data.nbytes)

    def _read(self, what: str) -> np.ndarray:
        """The array, for something that leaves the tape; a running trace notes that it was read."""
        if self._record is not None:
            for trace in current().traces:
                trace.read(self._record, what)
        return self._data

    def numpy(self) -> np.ndarray:
        """The array of a Tensor that requires no gradient; of one that does, say ``.data``."""
        return self.__array__()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if self.requires_grad:
            raise TypeError(_LOST)
        return np.array(self._read("array"), dtype=dtype, copy=copy)

    def __len__(self) -> int:
        return len(self._data)

    def __iter__(self) -> Iterator[Any]:
        if self._data.ndim == 0:
            raise TypeError("iteration over a 0-d Tensor")
        return (self[i] for i in range(len(self._data)))  # type: ignore[index]  # bound by ops

    def __bool__(self) -> bool:
        return bool(self._read("bool"))

    def __float__(self) -> float:
        if self.requires_grad and _is_stored(_getframe(1)):
            raise TypeError(_LOST)
        return float(self._read("float"))

    def __int__(self) -> int:
        return int(self._read("int"))

    def __complex__(self) -> complex:
        if self.requires_grad and _is_stored(_getframe(1)):
            raise TypeError(_LOST)
        return complex(self._read("complex"))

    def __index__(self) -> int:
        return self._read("index").__index__()

    def item(self, *args: Any) -> Any:
        """The element as a Python number."""
        return self._read("item").item(*args)

    def tolist(self) -> Any:
        """The elements as nested lists of Python numbers."""
        return self._read("tolist").tolist()

    def __contains__(self, x: Any) -> bool:
        return x in self._read("contains")

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if spec else str(self)

    def __repr__(self) -> str:
        tail = f", dtype={self._data.dtype}" if self._data.dtype not in (np.float64, np.int64, np.bool_) else ""
        if self.requires_grad:
            prim = self._record.primitive  # type: ignore[union-attr]  # requires_grad says there is one
            tail += ", requires_grad=True" if prim is None else f", op={prim.name}"
        if self._record is not None and self._record.notes is not None and self._record.notes.name:
            tail += f", name={self._record.notes.name!r}"
        return f"Tensor({np.array2string(self._data, separator=', ', prefix='Tensor(')}{tail})"

    __hash__ = object.__hash__

    def __reduce__(self) -> tuple[Any, ...]:
        name = self._record.notes.name if self._record is not None and self._record.notes is not None else None
        return type(self), (self._data.copy(), self.requires_grad, name)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        make, args = self.__reduce__()
        copied = make(*args)
        memo[id(self)] = copied
        return copied


def _is_stored(frame: Any) -> bool:
    """Whether the frame is at ``array[i] = tensor``: NumPy then asks for a float, as ``float(tensor)`` does."""
    import dis  # see core/source.py

    return bool(dis.opname[frame.f_code.co_code[frame.f_lasti]] == "STORE_SUBSCR")
