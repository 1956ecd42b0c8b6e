"""Reading and writing by index."""

from __future__ import annotations

import numpy as np

from ..core.backward import Sparse
from ..core.tensor import Tensor
from .declare import op

_ARRAY = object()  # stands in an index template for an index array, which is a positional input


class Scatter(Sparse):
    """The cotangent of an array of which ``x[index]`` was read: ``g`` there, zero elsewhere.

    Accumulation adds it into one buffer, so that n reads cost O(n), not O(n^2).
    """

    __slots__ = ("arrays", "g", "shape", "template")

    def __init__(self, g, shape, arrays, template):
        self.g, self.shape, self.arrays, self.template = g, shape, arrays, template

    def join(self, held, owned):
        if type(self.g) is Tensor or type(held) is Tensor or any(type(a) is Tensor for a in self.arrays):
            dense = _scatter(self.g, *self.arrays, shape=self.shape, template=self.template)
            return dense if held is None else held + dense
        if held is None:
            held = np.zeros(self.shape, self.g.dtype)
        elif not owned:
            held = np.array(held)
        add_at(held, _filled(self.template, self.arrays), self.g)
        return held


def add_at(array, index, values):
    """``array[index] += values`` where an index given twice counts twice."""
    if _basic(index):
        array[index] += values
    else:
        np.add.at(array, index, values)


def _basic(index):
    return all(i is None or i is Ellipsis or isinstance(i, slice | int | np.integer) for i in index)


def split_index(index):
    """An index as a template of plain parts, and the index arrays taken out of it."""
    parts = index if type(index) is tuple else (index,)
    arrays, template = [], []
    for i in parts:
        if isinstance(i, list):
            i = np.asarray(i, dtype=np.intp if len(i) == 0 else None)
        if type(i) is Tensor or (isinstance(i, np.ndarray) and i.ndim > 0) or isinstance(i, np.bool_ | bool):
            arrays.append(i)
            i = _ARRAY
        elif isinstance(i, np.ndarray | np.integer):
            i = int(i)
        template.append(i)
    return tuple(template), arrays


def _filled(template, arrays):
    rest = iter(arrays)
    return tuple(next(rest) if i is _ARRAY else i for i in template)


@op(tex="{0}_{{i}}", samples=[((4, 3), {"template": (1,)}), ((4, 3), np.array([0, 2, 2]), {"template": (_ARRAY,)})])
def _getitem(*operands, template):
    a, *arrays = operands
    return a[_filled(template, arrays)]


def _getitem_vjp(g, _y, _a, *arrays, template, argnum):
    return Scatter(g, _a.shape, arrays, template) if argnum == 0 else None


_getitem.defvjp(_getitem_vjp)


def _getitem_jvp(a_dot, _y, _a, *arrays, template):
    return _getitem(a_dot, *arrays, template=template)


@op(tex=r"\operatorname{{scatter}}({0})", samples=[((3,), {"template": (slice(1, 4),), "shape": (5,)})])
def _scatter(*operands, template, shape):
    g, *arrays = operands
    array = np.zeros(shape, g.dtype)
    add_at(array, _filled(template, arrays), g)
    return array


def _scatter_vjp(g, _y, _values, *arrays, template, shape, argnum):
    return _getitem(g, *arrays, template=template) if argnum == 0 else None


_scatter.defvjp(_scatter_vjp)


def getitem(a, index):
    """``a[index]``, with any index NumPy takes; index arrays may be Tensors. A copy, never a view."""
    template, arrays = split_index(index)
    return _getitem(a, *arrays, template=template)


def setitem(a, index, value):
    """``a`` with ``value`` written at ``index``: what ``a[index] = value`` binds the handle to."""
    template, arrays = split_index(index)
    return _setitem(a, value, *arrays, template=template)


@op(tex=r"\operatorname{{set}}({0}, {1})", samples=[((4, 3), (3,), {"template": (1,)})])
def _setitem(*operands, template):
    a, value, *arrays = operands
    array = np.array(a)
    array[_filled(template, arrays)] = value
    return array


def _setitem_vjp(g, _y, _a, _value, *arrays, template, argnum):
    """To ``a`` all but what was overwritten; to ``value`` what was read there last, if an index came twice."""
    if argnum > 1:
        return None
    index = _filled(template, [a.data if type(a) is Tensor else a for a in arrays])
    if argnum == 0:
        kept = np.ones(g.shape, bool)
        kept[index] = False
        return g * kept
    order = np.full(g.shape, -1)
    read = order[index]
    number = np.arange(read.size).reshape(read.shape)
    order[index] = number  # the last write of each place
    part = _getitem(g, *arrays, template=template) * (order[index] == number)
    shape = np.shape(_value) if not hasattr(_value, "shape") else _value.shape
    lead = part.ndim - len(shape)
    axes = tuple(i for i in range(part.ndim) if i < lead or shape[i - lead] == 1 != part.shape[i])
    part = np.add.reduce(part, axis=axes) if axes else part
    return part.reshape(shape)


_setitem.defvjp(_setitem_vjp, linear=True)
