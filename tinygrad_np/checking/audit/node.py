"""Node: a value that the audited program computed, and how; and the pure functions that compute it again.

Whatever the program does in place is noted as a pure function of the old value, so that any part of a run can be
replayed on other values, arrays or Tensors.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from ...core.tensor import Tensor
from ...ops import indexing
from ...ops import inplace as writes

__all__ = [
    "BINARY", "Frame", "Node", "alias", "array_of", "as_float", "columns", "counted", "filled", "gather", "inplace",
    "joined", "make_dict", "make_list", "make_slice", "make_tuple", "ndim_of", "put", "set_item", "shape_of",
    "ufunc_at",
]  # fmt: skip

Context = tuple[tuple[int, int], ...]


class Frame:
    """One call of a followed function: what its names stand for."""

    __slots__ = ("call", "function", "generator", "given", "names", "parent")

    def __init__(self, function: str, parent: Frame | None, call: Node | None, generator: bool) -> None:
        self.function, self.parent, self.call, self.generator = function, parent, call, generator
        self.names: dict[str, Node] = {}
        self.given: dict[str, Node] = {}  # the arguments


class Node:
    """A value and how it came about.

    Attributes
    ----------
    index
        Its place in the run.
    function
        Pure; gives the value from those of ``args`` and ``keywords``. None: it came from outside.
    live, value
        The object that the program holds, and a copy of it as it was.
    site
        The index of its expression in the source; -1 for none.
    loops
        The iterations it was computed in: pairs of a loop and a count, outermost first.
    name
        The variable that it was first bound to.
    before
        For what took the place of something, in place or under the same name: what was there.
    """

    __slots__ = (
        *("args", "before", "call", "frame", "function", "index", "iterate", "keywords", "live", "loops", "name"),
        *("names", "receiver", "site", "store", "value", "version"),
    )

    def __init__(
        self, index: int, function: Callable[..., Any] | None, args: tuple[Any, ...], live: Any, site: int = -1
    ) -> None:
        self.index, self.function, self.args, self.live, self.site = index, function, args, live, site
        self.keywords: dict[str, Node] | None = None
        self.value: Any = live
        self.loops: Context = ()
        self.name = ""
        self.names: list[str] = []
        self.before: Node | None = None
        self.frame: Frame | None = None
        self.call: Node | None = None
        self.receiver: Any = None  # of a method that is about to be called: (node, name)
        self.iterate: Any = None  # gives the nodes of its items
        self.store = -1  # site of the store that bound it
        self.version = 0

    @property
    def parents(self) -> tuple[Node, ...]:
        return self.args if self.keywords is None else (*self.args, *self.keywords.values())

    def __repr__(self) -> str:
        what = getattr(self.function, "__name__", self.function)
        return f"<{self.index} {self.name} {what} {np.shape(self.value) if self.is_numeric else type(self.live)}>"

    @property
    def is_numeric(self) -> bool:
        return isinstance(self.value, np.ndarray | np.generic | float | int | complex)


def shape_of(v: Any) -> tuple[int, ...]:
    """The shape of a value; of what is no number, a tuple that is no shape."""
    if isinstance(v, np.ndarray | np.generic):
        return v.shape
    return () if isinstance(v, float | int | complex) else (-1,)


def ndim_of(v: Any) -> int:
    return len(shape_of(v))


def run(node: Node, args: list[Any], keywords: dict[str, Any]) -> Any:
    assert node.function is not None
    return node.function(*args, **keywords)


_setitem: Callable[..., Any] = indexing.setitem
_add_at: Callable[..., Any] = writes.add_at

# The pure functions


def alias(x: Any) -> Any:
    return x


def counted(x: Any) -> Any:
    """What a loop counts with."""
    return x


def make_tuple(*xs: Any) -> Any:
    return xs


def make_list(*xs: Any) -> Any:
    return list(xs)


def make_dict(*xs: Any) -> Any:
    return dict(zip(xs[::2], xs[1::2], strict=True))


def make_slice(a: Any, b: Any, c: Any) -> slice:
    return slice(a, b, c)


def set_item(x: Any, index: Any, value: Any) -> Any:
    """``x`` with ``x[index] = value``."""
    if type(x) is Tensor or type(value) is Tensor:
        return _setitem(x if type(x) is Tensor else Tensor(x), index, value)
    if x.dtype.kind in "iub" and np.asarray(value).dtype.kind == "f":
        value = np.asarray(value).astype(x.dtype)
    y = np.array(x)
    y[index] = value
    return y


def put(x: Any, places: Any, value: Any) -> Any:
    """``x`` with its elements at the flat ``places`` replaced."""
    if type(x) is Tensor or type(value) is Tensor:
        flat = _setitem(Tensor(x).reshape(-1) if type(x) is not Tensor else x.reshape(-1), places, value)
        return flat.reshape(x.shape)
    y = np.array(x)
    y.reshape(-1)[places] = value
    return y


def gather(x: Any, places: Any) -> Any:
    """The elements of ``x`` at flat ``places``, in their shape."""
    return x.reshape(-1)[places]


class inplace:
    """``x op= y`` as a pure function: the result has the shape of ``x``, or it is an error."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.pure = function
        self.__name__ = f"inplace_{function.__name__}"

    def __call__(self, x: Any, y: Any) -> Any:
        made = self.pure(x, y)
        if isinstance(x, np.ndarray) and np.shape(made) != x.shape:
            raise ValueError(f"an in-place result of shape {np.shape(made)} does not fit {x.shape}")
        if isinstance(x, np.ndarray) and isinstance(made, np.ndarray) and x.dtype.kind in "iub":
            return made.astype(x.dtype)
        return made


class ufunc_at:
    """``ufunc.at(x, index, y)`` as a pure function."""

    def __init__(self, ufunc: np.ufunc) -> None:
        self.ufunc = ufunc
        self.__name__ = f"{ufunc.__name__}_at"

    def __call__(self, x: Any, index: Any, y: Any) -> Any:
        if type(x) is Tensor or type(y) is Tensor:
            made: Any = Tensor(x) if type(x) is not Tensor else Tensor._of(x._data, x._record)
            _add_at(made, index, y if self.ufunc is np.add else -y)
            return made
        made = np.array(x)
        self.ufunc.at(made, index, y)
        return made


def array_of(x: Any, *_: Any, **options: Any) -> Any:
    """``np.array`` that also stacks Tensors in lists."""
    if type(x) is Tensor:
        return x
    if isinstance(x, list | tuple) and _holds_tensor(x):
        return np.stack([array_of(v) if isinstance(v, list | tuple) else Tensor(v) if type(v) is not Tensor else v
                         for v in x])  # fmt: skip
    dtype = options.get("dtype", _[0] if _ else None)
    made = np.array(x, dtype=dtype)
    return made if made.dtype.kind != "f" else made.astype(float)


def _holds_tensor(x: Any) -> bool:
    return type(x) is Tensor or (isinstance(x, list | tuple) and any(map(_holds_tensor, x)))


def as_float(x: Any) -> Any:
    """``float(x)``, and a cast to another floating type: the number itself."""
    if type(x) is Tensor:
        return x.reshape(()) if x.size == 1 else x
    made = np.asarray(x, dtype=complex if np.iscomplexobj(x) else float)
    return made if made.ndim else made[()]


def columns(*parts: Any) -> Any:
    """``np.c_[parts]``."""
    return np.column_stack(parts)


def joined(*parts: Any) -> Any:
    """``np.r_[parts]``."""
    return np.concatenate([p.reshape(-1) if type(p) is Tensor else np.atleast_1d(p) for p in parts])


def filled(shape: Any, value: Any) -> Any:
    """``np.full(shape, value)``."""
    return value + np.zeros(shape)


BINARY: dict[str, Callable[..., Any]] = {
    "Add": operator.add, "Sub": operator.sub, "Mult": operator.mul, "Div": operator.truediv, "Pow": operator.pow,
    "MatMult": operator.matmul, "FloorDiv": operator.floordiv, "Mod": operator.mod, "BitAnd": operator.and_,
    "BitOr": operator.or_, "BitXor": operator.xor, "LShift": operator.lshift, "RShift": operator.rshift,
    "Lt": operator.lt, "LtE": operator.le, "Gt": operator.gt, "GtE": operator.ge, "Eq": operator.eq,
    "NotEq": operator.ne,
}  # fmt: skip
UNARY: dict[str, Callable[..., Any]] = {
    "USub": operator.neg, "UAdd": operator.pos, "Invert": operator.invert, "Not": operator.not_,
}  # fmt: skip
INPLACE: dict[str, Callable[..., Any]] = {
    "Add": operator.iadd, "Sub": operator.isub, "Mult": operator.imul, "Div": operator.itruediv,
    "Pow": operator.ipow, "MatMult": operator.imatmul, "FloorDiv": operator.ifloordiv, "Mod": operator.imod,
    "BitAnd": operator.iand, "BitOr": operator.ior, "BitXor": operator.ixor, "LShift": operator.ilshift,
    "RShift": operator.irshift,
}  # fmt: skip
