"""Record: one op that ran, and the links to the records of its inputs.

Every input of a record is either a pair (record, value) or a plain scalar (None, 2.0). Where no rule needs the
value, the input's record stands in for it: it offers ``shape`` and ``dtype``, which is all such a rule may ask.

    primitive   the op; None for a leaf: a parameter, an input or a constant
    p0 p1       records of the inputs; for three and more, p0 is a tuple and p1 is MANY; for one, p1 is ABSENT
    x0 x1       their values, or the records standing in
    y           the output if a rule names it, FREED after a backward pass, None otherwise
    seq         falls with every record made, so that a heap hands out the youngest first
    diff        a gradient flows through it; False for what is only watched by a trace

One garbage-collected object per op is what keeps long chains cheap; hence slots instead of tuples.
"""

from __future__ import annotations

from itertools import count
from types import CodeType
from typing import TYPE_CHECKING, Any

from .source import assigned_name, line_number

if TYPE_CHECKING:
    from .primitive import Primitive

__all__ = ["ABSENT", "FREED", "MANY", "Notes", "Record", "clock", "leaf"]

clock = count(0, -1).__next__


class _Mark:
    """A value that cannot be confused with any other; stands where a record could."""

    diff = False
    notes = None

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


ABSENT: Any = _Mark("ABSENT")
MANY: Any = _Mark("MANY")
FREED: Any = _Mark("FREED")


class Notes:
    """What only few records have."""

    __slots__ = ("changed", "checksums", "hooks", "name", "origin", "owner", "primal", "scope")

    def __init__(self, name: str | None = None, scope: str = "") -> None:
        self.name, self.scope = name, scope
        self.owner: Any = None  # weak reference to the Tensor whose .grad a backward pass fills
        self.hooks: list[Any] = []
        # In a recorded backward pass: (record, argument) whose rule made this, and the record whose cotangent it is.
        self.origin = self.primal = None  # type: Any
        self.changed = 0  # clock at the last write to the data; 0: never
        self.checksums: tuple[int | None, ...] = ()


class Record:
    """One op that ran; see the head of this file."""

    __slots__ = (
        *("primitive", "params", "p0", "p1", "x0", "x1", "y"),
        *("shape", "dtype", "seq", "diff", "code", "lasti", "notes"),
    )
    primitive: Primitive | None
    params: dict[str, Any] | None
    p0: Any
    p1: Any
    x0: Any
    x1: Any
    y: Any
    shape: Any  # of the output; for several outputs a tuple of Records standing in for them
    dtype: Any
    seq: int
    diff: bool
    code: CodeType | None
    lasti: int
    notes: Notes | None

    @property
    def inputs(self) -> tuple[Record | None, ...]:
        """Records of the inputs, None where the input was a plain scalar."""
        if self.p1 is MANY:
            return self.p0  # type: ignore[no-any-return]  # a tuple whenever p1 is MANY
        if self.primitive is None:
            return ()
        return (self.p0,) if self.p1 is ABSENT else (self.p0, self.p1)

    @property
    def values(self) -> tuple[Any, ...]:
        """Values of the inputs: arrays, scalars, or records where the value was not kept."""
        if self.p1 is MANY:
            return self.x0  # type: ignore[no-any-return]
        if self.primitive is None:
            return ()
        return (self.x0,) if self.p1 is ABSENT else (self.x0, self.x1)

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        size = 1
        for n in self.shape:
            size *= n
        return size

    @property
    def name(self) -> str | None:
        """The user's name for it: given to the Tensor, else the variable that the result was assigned to."""
        if self.notes is not None and self.notes.name is not None:
            return self.notes.name
        return assigned_name(self.code, self.lasti) if self.code is not None else None

    @property
    def line(self) -> int | None:
        """The line of the user's program that made this record."""
        return None if self.code is None else line_number(self.code, self.lasti)

    @property
    def filename(self) -> str | None:
        return None if self.code is None else self.code.co_filename

    @property
    def where(self) -> str:
        """``train.py:31``, or an empty string for a leaf."""
        if self.code is None:
            return ""
        return f"{self.code.co_filename.replace(chr(92), '/').rsplit('/', 1)[-1]}:{self.line}"

    def note(self) -> Notes:
        """The notes of this record, made when first asked for."""
        if self.notes is None:
            self.notes = Notes()
        return self.notes

    def free(self) -> None:
        """Let go of the values; the structure stays."""
        self.y = FREED
        p1 = self.p1
        if p1 is MANY:
            self.x0 = tuple(x if p is None else p for p, x in zip(self.p0, self.x0, strict=True))
            return
        if self.p0 is not None:
            self.x0 = self.p0
        if p1 is not None and p1 is not ABSENT:
            self.x1 = p1

    def __repr__(self) -> str:
        op = "leaf" if self.primitive is None else self.primitive.name
        return f"<Record {op} {self.dtype}{list(self.shape)} {self.where}>"


def leaf(y: Any, like: Any = None, diff: bool = False, name: str | None = None) -> Record:
    """A record with no inputs. ``like`` gives shape and dtype where the value itself is not to be kept."""
    r = _new(Record)
    if like is None:
        like = y
    r.primitive = r.params = r.code = r.p0 = r.p1 = r.x0 = r.x1 = None
    r.y = y
    r.shape = like.shape
    r.dtype = like.dtype
    r.diff = diff
    r.lasti = 0
    r.seq = clock()
    r.notes = None if name is None else Notes(name)
    return r


_new = object.__new__
