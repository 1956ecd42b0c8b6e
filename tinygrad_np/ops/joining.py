"""Arrays joined to one, and one taken apart."""

from __future__ import annotations

import operator
from itertools import pairwise

import numpy as np

from ..core.apply import apply
from .declare import composite, op
from .indexing import getitem
from .reduce import as_array, cast, normal_axes
from .shape import atleast_1d, atleast_2d, atleast_3d, moveaxis, reshape


@op(tex=r"[{0}, \dots]", samples=[((2, 3), (1, 3), {"axis": 0}), ((2,), (0,), (1,), {"axis": -1})])
def _concatenate(*arrays, axis=0):
    return np.concatenate(arrays, axis=axis)


def _concatenate_vjp(g, _y, *_arrays, axis):
    before = (slice(None),) * (axis % len(g.shape))
    parts, start = [], 0
    for a in _arrays:
        stop = start + a.shape[axis]
        parts.append(g[(*before, slice(start, stop))])
        start = stop
    return tuple(parts)


_concatenate.defvjp(all=_concatenate_vjp, linear=True)


@composite(
    np=("concatenate", "concat"),
    tex=r"[{0}, \dots]",
    samples=[
        ([(2, 3), (1, 3)],),
        ([(2,), (3, 1)], None),
        ([(2, 1), (2, 2)], -1),
        ([(2, 1), (2, 2)], 1, {"dtype": "c16"}),
    ],
)
def concatenate(arrays, axis=0, *, dtype=None, casting="same_kind"):
    """Arrays joined along an axis; None joins them flat. A part gets its own part of the cotangent.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_np import grad
    >>> grad(lambda a, b: np.sum(np.concatenate([a, b]) ** 2), argnums=(0, 1))(np.ones(2), np.ones(1))
    (array([2., 2.]), array([2.]))
    """
    arrays = [as_array(a) for a in arrays]
    if dtype is not None:
        for a in arrays:
            if not np.can_cast(a.dtype, dtype, casting):
                raise TypeError(f"concatenate: an array of {a.dtype} cannot be cast to {np.dtype(dtype)} ({casting!r})")
        arrays = [cast(a, dtype) for a in arrays]
    if axis is None:
        arrays, axis = [reshape(a, -1) for a in arrays], 0
    return apply(_concatenate, tuple(arrays), {"axis": operator.index(axis)})


@composite(
    np=True,
    tex=r"[{0}, \dots]",
    samples=[([(2, 3), (2, 3)],), ([(2,), (2,), (2,)], 1), ([(), ()],), ([(2,), (2,)], -1, {"dtype": "c16"})],
)
def stack(arrays, axis=0, *, dtype=None, casting="same_kind"):
    """Arrays of one shape joined along a new axis."""
    arrays = [as_array(a) for a in arrays]
    shapes = {a.shape for a in arrays}
    if len(shapes) != 1:
        raise ValueError(f"stack: all arrays must have the same shape; got {sorted(shapes) or 'none'}")
    (shape,) = shapes
    (axis,) = normal_axes(axis, len(shape) + 1)
    shape = (*shape[:axis], 1, *shape[axis:])
    return concatenate([reshape(a, shape) for a in arrays], axis, dtype=dtype, casting=casting)


def _each(f, arrays):
    return [f(a) for a in arrays]


@composite(np=True, tex=r"[{0}; \dots]", samples=[([(2, 3), (1, 3)],), ([(3,), (3,)],), ([(), ()],)])
def vstack(tup, *, dtype=None, casting="same_kind"):
    """Arrays joined along their first axis, vectors as rows."""
    return concatenate(_each(atleast_2d, tup), 0, dtype=dtype, casting=casting)


@composite(np=True, tex=r"[{0}, \dots]", samples=[([(2, 3), (2, 1)],), ([(3,), (2,)],), ([(), ()],)])
def hstack(tup, *, dtype=None, casting="same_kind"):
    """Arrays joined along their second axis, vectors along their only one."""
    arrays = _each(atleast_1d, tup)
    return concatenate(arrays, 0 if arrays and arrays[0].ndim == 1 else 1, dtype=dtype, casting=casting)


@composite(np=True, tex=r"[{0}, \dots]", samples=[([(2, 3), (2, 3)],), ([(3,), (3,)],), ([(2, 1, 1), (2, 1, 2)],)])
def dstack(tup):
    """Arrays joined along their third axis."""
    return concatenate(_each(atleast_3d, tup), 2)


@composite(np=True, tex=r"[{0}, \dots]", samples=[([(3,), (3, 2), (3,)],), ([(), ()],)])
def column_stack(tup):
    """Arrays joined along their second axis, vectors as columns."""
    return concatenate([a if a.ndim > 1 else reshape(a, (-1, 1)) for a in _each(as_array, tup)], 1)


@composite(np=True, tex=r"[{0}, \dots]", samples=[([(2, 3), (2, 1)],), ([(3,), (), (2,)],), ((2, 3),)])
def block(arrays):
    """An array put together from nested lists of blocks: the innermost lists are joined along the last axis.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_np import grad
    >>> a = np.ones((2, 2))
    >>> grad(lambda a: np.sum(np.block([[a, a], [np.zeros((1, 3)), 1.0]]) ** 2))(a)
    array([[4., 4.],
           [4., 4.]])
    """

    def depth_of(node):
        if not isinstance(node, list):
            return 0
        depths = {depth_of(child) for child in node}
        if len(depths) != 1:
            raise ValueError(
                f"block: lists must be nested equally deep and not be empty; found depths {sorted(depths)}"
            )
        return 1 + depths.pop()

    def leaves(node):
        return [leaf for child in node for leaf in leaves(child)] if isinstance(node, list) else [as_array(node)]

    def join(node, axis):
        if not isinstance(node, list):
            a = as_array(node)
            return reshape(a, (1,) * (ndim - a.ndim) + a.shape)
        return concatenate([join(child, axis + 1) for child in node], axis)

    depth = depth_of(arrays)
    ndim = max(depth, *(a.ndim for a in leaves(arrays)), 0)
    return join(arrays, -depth)


@composite(np=True, tex=r"[{0}, {1}]", samples=[((2, 3), (2,)), ((2, 3), (1, 3), 0), ((2, 3), (2, 2), -1)])
def append(arr, values, axis=None):
    """``arr`` with ``values`` at its end, both flat if no axis is given."""
    return concatenate([arr, values], axis)


def _flat(arr, axis):
    arr = as_array(arr)
    if axis is None:
        return reshape(arr, -1), 0
    (axis,) = normal_axes(axis, arr.ndim)
    return arr, axis


@composite(
    np=True,
    tex=r"\operatorname{{insert}}({0}, {1})",
    samples=[
        ((4,), 1, ()),
        ((2, 3), 2, (2,)),
        ((2, 3), 1, (3,), 0),
        ((2, 3), -1, (2,), 1),
        ((4,), [0, 2, 2], (3,)),
        ((3, 2), [1, 3], (2, 2), 0),
        ((3, 2), [1], (3, 3), {"axis": 1}),
        ((4,), slice(1, 4, 2), ()),
        ((4,), np.array([True, False, False, True]), (2,)),
    ],
)
def insert(arr, obj, values, axis=None):
    """``arr`` with ``values`` put in before the places ``obj``, which are places in ``arr``."""
    arr, axis = _flat(arr, axis)
    n = arr.shape[axis]
    values = as_array(values)
    if values.ndim < arr.ndim:
        values = reshape(values, (1,) * (arr.ndim - values.ndim) + values.shape)
    if np.ndim(obj) == 0 and not isinstance(obj, slice):
        values = moveaxis(values, 0, axis)  # a single place takes values as they would be assigned there
    k = np.insert(np.arange(n), obj, 0).size - n
    k = values.shape[axis] if k == 1 else k
    where = np.insert(np.arange(n), obj, np.arange(n, n + k))
    shape = (*arr.shape[:axis], k, *arr.shape[axis + 1 :])
    joined = concatenate([arr, cast(np.broadcast_to(values, shape), arr.dtype)], axis)
    return getitem(joined, (*(slice(None),) * axis, where))


@composite(
    np=True,
    tex=r"\operatorname{{delete}}({0})",
    samples=[
        ((4,), 1),
        ((2, 3), [0, 4]),
        ((2, 3), -1, 1),
        ((4,), slice(None, None, 2)),
        ((3, 2), np.array([True, False, True]), 0),
    ],
)
def delete(arr, obj, axis=None):
    """``arr`` without what stands at the places ``obj``."""
    arr, axis = _flat(arr, axis)
    return getitem(arr, (*(slice(None),) * axis, np.delete(np.arange(arr.shape[axis]), obj)))


@composite(
    np=True,
    tex="{0}",
    samples=[((2, 3), {"new_shape": (2, 2)}), ((3,), {"new_shape": (2, 4)}), ((3,), 7), ((0,), 2), ((3,), 0)],
)
def resize(a, new_shape):
    """The elements of ``a`` in another shape, repeated from the start where they do not suffice."""
    a = reshape(a, -1)
    shape = tuple(map(operator.index, new_shape)) if np.iterable(new_shape) else (operator.index(new_shape),)
    if a.size == 0:
        return np.zeros_like(a, shape=shape)
    return getitem(a, np.resize(np.arange(a.size), shape))


# Taking apart


@composite(
    np=True, tex="{0}_{{i}}", samples=[((4, 3), 2), ((4, 3), 4, 0), ((5,), [1, 3]), ((2, 4), [1, 9], {"axis": 1})]
)
def split(ary, indices_or_sections, axis=0):
    """A list of sub-arrays: so many of equal size, or cut before the given places."""
    ary = as_array(ary)
    n = ary.shape[axis]
    if np.ndim(indices_or_sections) == 0 and n % operator.index(indices_or_sections):
        raise ValueError(f"split: {n} elements along axis {axis} do not make {indices_or_sections} parts of equal size")
    return array_split(ary, indices_or_sections, axis)


@composite(np=True, tex="{0}_{{i}}", samples=[((5, 2), 3), ((2, 5), [1, 2], 1), ((2,), 3)])
def array_split(ary, indices_or_sections, axis=0):
    """A list of sub-arrays: so many of nearly equal size, or cut before the given places."""
    ary = as_array(ary)
    (axis,) = normal_axes(axis, ary.ndim)
    n = ary.shape[axis]
    if np.ndim(indices_or_sections) == 0:
        parts = operator.index(indices_or_sections)
        if parts <= 0:
            raise ValueError(f"array_split: the number of parts must be 1 or more; got {parts}")
        size, longer = divmod(n, parts)
        cuts = np.cumsum([0] + [size + 1] * longer + [size] * (parts - longer)).tolist()
    else:
        cuts = [0, *map(operator.index, indices_or_sections), n]
    before = (slice(None),) * axis
    return [getitem(ary, (*before, slice(start, stop))) for start, stop in pairwise(cuts)]


@composite(np=True, tex="{0}_{{i}}", samples=[((2, 4), 2), ((5,), [1, 3])])
def hsplit(ary, indices_or_sections):
    """`split` along the second axis, a vector along its only one."""
    ary = as_array(ary)
    if ary.ndim == 0:
        raise ValueError("hsplit needs an array of one axis or more")
    return split(ary, indices_or_sections, 1 if ary.ndim > 1 else 0)


@composite(np=True, tex="{0}_{{i}}", samples=[((4, 2), 2)])
def vsplit(ary, indices_or_sections):
    """`split` along the first axis of two or more."""
    ary = as_array(ary)
    if ary.ndim < 2:
        raise ValueError(f"vsplit needs an array of two axes or more; got shape {ary.shape}")
    return split(ary, indices_or_sections, 0)


@composite(np=True, tex="{0}_{{i}}", samples=[((2, 1, 4), 2)])
def dsplit(ary, indices_or_sections):
    """`split` along the third axis."""
    ary = as_array(ary)
    if ary.ndim < 3:
        raise ValueError(f"dsplit needs an array of three axes or more; got shape {ary.shape}")
    return split(ary, indices_or_sections, 2)


@composite(np=True, tex="{0}_{{i}}", samples=[((3, 2),), ((2, 3), {"axis": -1}), ((0, 2),)])
def unstack(x, /, *, axis=0):
    """The sub-arrays along an axis, without that axis; a tuple."""
    x = as_array(x)
    if x.ndim == 0:
        raise ValueError("unstack needs an array of one axis or more")
    (axis,) = normal_axes(axis, x.ndim)
    before = (slice(None),) * axis
    return tuple(getitem(x, (*before, i)) for i in range(x.shape[axis]))
