"""What of NumPy, Python and SciPy the recorder knows: which calls are pure, which write, and their pure twins."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

__all__ = [
    "CALL", "CASTS", "FIELDS", "MATH", "PURE", "TWINS", "WRITING_FUNCTIONS", "WRITING_METHODS", "Field", "Method",
    "Writing", "getitem", "hashable", "is_number", "is_numpy", "matters",
]  # fmt: skip

CALL = "__call__"
WRITING_METHODS = {"fill", "sort", "partition", "put", "itemset", "setfield", "resize", "byteswap"}
WRITING_FUNCTIONS = {
    np.copyto,
    np.put,
    np.place,
    np.putmask,
    np.fill_diagonal,
    np.put_along_axis,
}
# Attributes of an array that are numbers of the calculus, or tell its shape.
FIELDS = {"T", "mT", "real", "imag", "shape", "size", "ndim", "flat"}
CASTS = {np.array, np.asarray, np.ascontiguousarray, np.asanyarray, np.asfortranarray}
MATH = {
    math.exp: np.exp,
    math.log: np.log,
    math.sqrt: np.sqrt,
    math.tanh: np.tanh,
    math.sin: np.sin,
    math.cos: np.cos,
    math.log1p: np.log1p,
    math.expm1: np.expm1,
    math.pow: np.power,
    math.fabs: np.abs,
    math.log2: np.log2,
    math.log10: np.log10,
    math.tan: np.tan,
    math.atan: np.arctan,
    math.sinh: np.sinh,
    math.cosh: np.cosh,
    math.hypot: np.hypot,
}
PURE = {abs, sum, max, min, pow, round, len, divmod, int, bool, complex}
# Functions of SciPy that the engine has rules for, by name.
TWINS = {"expit": "sigmoid", "softmax": "softmax", "log_softmax": "log_softmax", "logsumexp": "logsumexp", "erf": "erf"}


class Field:
    """An attribute of an array as a function."""

    made: dict[str, Any] = {}  # noqa: RUF012  # a cache

    def __init__(self, name: str) -> None:
        self.__name__ = name

    def __call__(self, x: Any) -> Any:
        return getattr(x, self.__name__)

    @classmethod
    def of(cls, name: str) -> Any:
        key = f"{cls.__name__}.{name}"
        if key not in cls.made:
            cls.made[key] = cls(name)
        return cls.made[key]


class Method(Field):
    """A method of an array as a function."""

    def __call__(self, x: Any, *args: Any, **keywords: Any) -> Any:
        return getattr(x, self.__name__)(*args, **keywords)


class Writing:
    """What writes into its first argument, as a pure function of it."""

    def __init__(self, f: Any, is_method: bool) -> None:
        self.f, self.is_method = f, is_method
        self.__name__ = f if is_method else f.__name__

    def __call__(self, x: Any, *args: Any, **keywords: Any) -> Any:
        made = np.array(x) if isinstance(x, np.ndarray) else x + 0
        if self.is_method:
            getattr(made, self.f)(*args, **keywords)
        else:
            self.f(made, *args, **keywords)
        return made


def getitem(x: Any, key: Any) -> Any:
    """``x[key]``."""
    return x[key]


def matters(v: Any) -> bool:
    return isinstance(v, np.ndarray | float | np.generic | list | tuple | dict)


def is_number(v: Any) -> bool:
    return isinstance(v, np.ndarray | float | int | np.generic)


def is_numpy(f: Any) -> bool:
    module = getattr(f, "__module__", None)
    if isinstance(module, str):
        return module.split(".")[0] == "numpy"
    owner = getattr(f, "__self__", None)
    return isinstance(owner, np.ufunc) or type(owner).__module__.startswith("numpy.random")


def hashable(f: Any) -> bool:
    return getattr(type(f), "__hash__", None) is not None
