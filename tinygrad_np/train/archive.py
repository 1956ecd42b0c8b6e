"""Reading a ``.npz`` that may be cut off, damaged, foreign or made to harm.

Nothing is unpickled or unpacked, entries are stored as they are (what is compressed can grow without bound), and no
memory is asked for on the word of a header: what is read is never more than the file itself holds.
"""

from __future__ import annotations

import io
import json
import math
import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

__all__ = ["Archive", "CheckpointError", "opened"]


class CheckpointError(ValueError):
    """A checkpoint that cannot be loaded; the message says why in one line. Nothing has been changed."""


@contextmanager
def opened(path: str | os.PathLike[str]) -> Iterator[Archive]:
    """The entries of the file; whatever goes wrong while this is open comes out as a `CheckpointError`.

    Raises
    ------
    OSError
        If the file cannot be opened at all.
    """
    with open(path, "rb") as file:
        try:
            yield Archive(file)
        except Exception as reason:
            text = str(reason).partition("\n")[0] or type(reason).__name__
            raise CheckpointError(f"{os.fspath(path)} cannot be loaded: {text}") from None


class Archive:
    """The entries of a ``.npz`` file, by name."""

    def __init__(self, file: BinaryIO) -> None:
        try:
            self._zip = zipfile.ZipFile(file)
        except zipfile.BadZipFile:
            raise ValueError("it is damaged, cut off, or no checkpoint at all") from None
        entries = self._zip.infolist()
        self._entries = {e.filename.removesuffix(".npy"): e for e in entries}
        size = os.fstat(file.fileno()).st_size
        packed = any(e.compress_type != zipfile.ZIP_STORED for e in entries)
        if packed or len(self._entries) != len(entries) or sum(e.file_size for e in entries) > size:
            raise ValueError("its entries are compressed, repeated or larger than the file; `save` writes no such file")

    @property
    def names(self) -> list[str]:
        return list(self._entries)

    def array(self, name: str, like: NDArray[Any] | None = None) -> NDArray[Any]:
        """An entry; with ``like`` of this shape and dtype, and no other."""
        if name not in self._entries:
            raise ValueError(f"it lacks {name}")
        content = self._zip.read(self._entries[name])  # compares the checksum
        start = io.BytesIO(content)
        if npy.read_magic(start) != (1, 0):
            raise ValueError(f"{name} is no array as `save` writes it")
        shape, fortran, dtype = npy.read_array_header_1_0(start)
        if dtype.kind not in "fcbiuU":
            raise ValueError(f"{name} holds {dtype}, and a checkpoint holds numbers")
        if like is not None and (shape, dtype) != (like.shape, like.dtype):
            there, here = (f"{d}{list(s)}" for d, s in ((dtype, shape), (like.dtype, like.shape)))
            raise ValueError(f"{name} is {there} there and {here} here")
        if math.prod(shape) * dtype.itemsize != len(content) - start.tell():
            raise ValueError(f"{name} has not the size that it says it has")
        order = "F" if fortran else "C"
        return np.ndarray(shape, dtype, content, start.tell(), order=order)  # type: ignore[arg-type]  # a literal

    def text(self, name: str) -> dict[str, Any]:
        """An entry that is a JSON object."""
        entry = self.array(name)
        found = json.loads(str(entry)) if entry.dtype.kind == "U" and entry.ndim == 0 else None
        if not isinstance(found, dict):
            raise ValueError(f"{name} is not what `save` writes")
        return found
