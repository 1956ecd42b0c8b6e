"""Reading and writing by index.

An index of ints, slices, ``...`` and None is metadata. Index arrays are inputs of the op, so that a trace follows
them: the op's ``index`` then holds the word ARRAY in their places.
"""

from __future__ import annotations

import math
import operator
from types import EllipsisType

import numpy as np

from ..core.apply import apply
from ..core.backward import Sparse, unbroadcast
from ..core.tensor import Tensor
from .declare import op

__all__ = ["ARRAY", "Scatter", "getitem", "scatter", "setitem", "split_index"]

ARRAY = "array"  # no index NumPy takes is a string
PLAIN = (int, type(None), EllipsisType)


class Scatter(Sparse):
    """The cotangent of an array of which ``x[index]`` was read: ``g`` there, zero elsewhere.

    Accumulation adds it into one buffer, so that n reads cost O(n), not O(n^2).
    """

    __slots__ = ("arrays", "g", "index", "shape")

    def __init__(self, g, shape, index, arrays=()):
        self.g, self.shape, self.index, self.arrays = g, shape, index, arrays

    def join(self, held, owned):
        if type(self.g) is Tensor or type(held) is Tensor or any(type(a) is Tensor for a in self.arrays):
            dense = _scatter(self.g, *self.arrays, index=self.index, shape=self.shape)
            return dense if held is None else held + dense
        if held is None:
            held = np.zeros(self.shape, self.g.dtype)
        elif not owned:
            held = np.array(held)
        _add_at(held, self.index, self.arrays, self.g)
        return held


def _add_at(array, index, arrays, values):
    """``array[index] += values``, where an index given twice counts twice."""
    index = _filled(index, arrays)
    if all(a.dtype.kind == "b" for a in arrays):  # no arrays, or masks: no place comes twice
        array[index] += values
    elif len(arrays) == len(index) and array.flags.c_contiguous and all(a.dtype.kind != "b" for a in arrays):
        # np.add.at is several times faster with one flat index than with rows or pairs
        n = len(index)
        places = np.ravel_multi_index(index, array.shape[:n], mode="wrap").reshape(-1, 1)
        width = math.prod(array.shape[n:])
        np.add.at(array.reshape(-1), (places * width + np.arange(width)).reshape(-1), values.reshape(-1))
    else:
        np.add.at(array, index, values)


def split_index(index):
    """An index as plain metadata with ARRAY in the places of index arrays, and these."""
    arrays, plain = [], []
    for part in index if type(index) is tuple else (index,):
        kind = type(part)
        if kind in PLAIN:
            pass
        elif kind is slice:
            if not (type(part.start) in PLAIN and type(part.stop) in PLAIN and type(part.step) in PLAIN):
                part = slice(*(None if i is None else operator.index(i) for i in (part.start, part.stop, part.step)))
        elif kind is Tensor or isinstance(part, np.ndarray | list | tuple | range | bool | np.bool_):
            empty = isinstance(part, list | tuple) and np.size(part) == 0  # would be an array of floats
            arrays.append(part if kind is Tensor else np.asarray(part, np.intp if empty else None))
            part = ARRAY
        elif hasattr(part, "__index__"):
            part = operator.index(part)
        plain.append(part)
    return tuple(plain) if type(index) is tuple or arrays else plain[0], tuple(arrays)


def _filled(index, arrays):
    if not arrays:
        return index
    rest = iter(arrays)
    return tuple(next(rest) if type(i) is str else i for i in index)


@op(
    tex="{0}_{{i}}",
    samples=[((4, 3), {"index": 1}), ((4, 3), {"index": (Ellipsis, None, slice(None, None, -2))})],
    view=True,
)
def _getitem(a, *, index):
    return a[index]


_getitem.defvjp(lambda g, _y, _a, *, index: Scatter(g, _a.shape, index), linear=True)


@op(
    tex="{0}_{{{1}}}",
    samples=[
        ((4, 3), np.array([0, 2, -2]), {"index": (ARRAY,)}),
        ((4, 3), np.array([[0], [2]]), np.array([1, 1]), {"index": (ARRAY, ARRAY)}),
        ((4, 2, 3), np.array([0, 0]), np.array([1, 1]), {"index": (ARRAY, slice(1, None), ARRAY)}),
        ((2, 3), np.array([[True, False, True], [False, True, True]]), {"index": (ARRAY,)}),
        ((3, 2), np.array([2, 2, 0]), {"index": (Ellipsis, None, ARRAY, 1)}),
    ],
)
def _gather(a, *arrays, index):
    return a[_filled(index, arrays)]


_gather.defvjp(lambda g, _y, _a, *arrays, index, argnum: Scatter(g, _a.shape, index, arrays), linear="each")


@op(
    tex=r"\operatorname{{scatter}}({0})",
    samples=[
        ((3,), {"index": slice(1, 4), "shape": (5,)}),
        ((3, 2), np.array([0, 3, 0]), {"index": (ARRAY,), "shape": (4, 2)}),
        ((3,), np.array([0, 3, 0]), np.array([1, 1, 1]), {"index": (ARRAY, ARRAY), "shape": (4, 2)}),
        ((2, 3), np.array([0, 3, 0]), {"index": (slice(None), ARRAY), "shape": (2, 4)}),
    ],
)
def _scatter(g, *arrays, index, shape):
    """Zeros of ``shape``, with ``g`` added at ``index``; the transpose of reading there."""
    array = np.zeros(shape, g.dtype)
    _add_at(array, index, arrays, g)
    return array


_scatter.defvjp(lambda g, _y, _g, *arrays, index, shape, argnum: _read(g, index, arrays), linear="each")


@op(
    tex=r"\operatorname{{set}}({0}, {1})",
    samples=[
        ((4, 3), (3,), {"index": 1}),
        ((4, 3), (1, 2, 1), {"index": (slice(None, None, 2), slice(1))}),
        ((4,), (3,), np.array([2, 0, 2]), {"index": (ARRAY,)}),
        ((4, 2), (), np.array([True, False, True, True]), {"index": (ARRAY,)}),
        ((3, 2, 3), (2, 1), np.array([0, 0]), np.array([1, 1]), {"index": (ARRAY, slice(None), ARRAY)}),
    ],
)
def _setitem(a, value, *arrays, index):
    array = np.array(a)
    arrays = [np.asarray(i, order="C") for i in arrays]  # of a place named twice, the last in C order wins
    array[_filled(index, arrays)] = value
    return array


def _setitem_vjp(g, _y, _a, _value, *arrays, index, argnum):
    """To ``a`` all but what was overwritten; to ``value`` what was read there, if it was not overwritten in turn."""
    if argnum == 0:
        return _setitem(g, 0, *arrays, index=index)
    part = _read(g, index, arrays)
    if not all(a.dtype.kind == "b" for a in arrays):
        number = np.arange(part.size).reshape(part.shape)
        last = _read(_setitem(np.zeros(g.shape, np.intp), number, *arrays, index=index), index, arrays)
        part = np.where(last == number, part, 0)
    kept = _value.shape[max(len(_value.shape) - part.ndim, 0) :]  # the value may have leading axes of size one
    part = part if part.shape == kept else unbroadcast(part, kept, part.shape)
    return part if part.shape == _value.shape else np.reshape(part, _value.shape)


_setitem.defvjp(_setitem_vjp)


def _read(a, index, arrays):
    return apply(_gather, (a, *arrays), {"index": index}) if arrays else apply(_getitem, (a,), {"index": index})


def getitem(a, index):
    """``a[index]``, with any index NumPy takes; index arrays may be Tensors.

    An element that was read several times gets the sum of the cotangents. The result is a value, no view: writing
    to one does not change the other.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_np import grad
    >>> grad(lambda x: np.sum(x[[0, 0, 2]]))(np.array([1.0, 2.0, 3.0]))
    array([2., 0., 1.])
    """
    if type(index) is int:
        return apply(_getitem, (a,), {"index": index})
    index, arrays = split_index(index)
    return apply(_gather, (a, *arrays), {"index": index}) if arrays else apply(_getitem, (a,), {"index": index})


def setitem(a, index, value):
    """``a`` with ``value`` written at ``index``: what ``a[index] = value`` binds the handle ``a`` to.

    Where a place is named twice the last value stays, and it alone gets the gradient.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_np import Tensor
    >>> v = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> t = Tensor(np.zeros(2))
    >>> t[[0, 1, 0]] = v
    >>> t.sum().backward()
    >>> v.grad
    array([0., 1., 1.])
    """
    if isinstance(value, list | tuple) and any(type(v) is Tensor for v in value):
        value = np.stack(value)
    if type(value) is Tensor and value.requires_grad and a.dtype.kind not in "fc":
        raise TypeError(
            f"a value that requires a gradient cannot be written into a Tensor of {a.dtype}: its gradient would be"
            " lost; make the Tensor of floats first, .astype(float)"
        )
    index, arrays = split_index(index)
    return apply(_setitem, (a, value, *arrays), {"index": index})


def scatter(g, shape, index):
    """Zeros of ``shape`` with ``g`` added at ``index``, where an index given twice counts twice."""
    index, arrays = split_index(index)
    return apply(_scatter, (g, *arrays), {"index": index, "shape": shape})
