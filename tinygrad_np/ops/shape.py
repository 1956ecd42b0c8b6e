"""The same numbers in another arrangement: reshaped, with axes moved, repeated, turned round.

Where an op only moves axes or puts in ones, NumPy is asked what it would do to a stand-in of that shape: its errors
and corner cases are then NumPy's own.
"""

from __future__ import annotations

import operator

import numpy as np

from ..core.apply import apply
from .declare import composite, op
from .indexing import getitem
from .reduce import as_array, normal_axes, spread, values

# Shapes


@op(
    tex="{0}",
    samples=[
        ((2, 3), {"shape": (3, 2)}),
        ((2, 3), {"shape": (-1,), "order": "F"}),
        ((), {"shape": (1, 1)}),
        ((0, 2), {"shape": (4, 0)}),
    ],
    view=True,
)
def _reshape(a, *, shape, order="C"):
    return np.reshape(a, shape, order=order)


_reshape.defvjp(lambda g, _y, _a, *, shape, order: np.reshape(g, _a.shape, order=order), linear=True)


@composite(
    np=True,
    tex="{0}",
    samples=[((2, 3), 6), ((2, 3), {"shape": (-1, 2)}), ((2, 3), {"shape": (3, 2), "order": "F"})],
)
def reshape(a, shape, order="C", *, copy=None):
    """The elements of ``a`` in another shape; one size may be -1. ``copy=False`` raises where it would take a copy."""
    a = as_array(a)
    shape = tuple(map(operator.index, shape)) if np.iterable(shape) else (operator.index(shape),)
    if order not in ("C", "F"):
        order = "F" if values(a).flags.fnc else "C"
    if copy is False:
        np.reshape(values(a), shape, order=order, copy=False)
    return apply(_reshape, (a,), {"shape": shape, "order": order})


def method_reshape(a, *shape, order="C", copy=None):
    return reshape(a, shape[0] if len(shape) == 1 else shape, order=order, copy=copy)


def _reshaped(a, f, *args):
    """``a`` in the shape that ``f`` gives an array of its shape."""
    return reshape(a, f(spread(np.array(False), a.shape), *args).shape)


@composite(np=True, method=True, tex="{0}", samples=[((2, 3),), ((2, 3), "F"), ((),)])
def ravel(a, order="C"):
    """The elements of ``a`` as one row, in the order of C, Fortran (F), or as they lie in memory (A, K)."""
    a = as_array(a)
    if order != "K":
        return reshape(a, -1, order=order)
    strides = values(a).strides
    return reshape(transpose(a, sorted(range(a.ndim), key=lambda i: -abs(strides[i]))), -1)


@composite(method=True, public=False, tex="{0}", samples=[((2, 3),), ((2, 3), "F")])
def flatten(a, order="C"):
    """The elements of ``a`` as one row; of a Tensor the same as `ravel`."""
    return ravel(a, order)


@composite(np=True, method=True, tex="{0}", samples=[((1, 3, 1),), ((1, 3, 1), -1), ((1, 1, 2), {"axis": (0, 1)})])
def squeeze(a, axis=None):
    """``a`` without its axes of size one, or without those of ``axis``."""
    return _reshaped(as_array(a), np.squeeze, axis)


@composite(np=True, tex="{0}", samples=[((2, 3), 0), ((2,), {"axis": (0, 2)}), ((), -1)])
def expand_dims(a, axis):
    """``a`` with axes of size one put in at ``axis``."""
    return _reshaped(as_array(a), np.expand_dims, axis)


def _at_least(f, arrays):
    results = tuple(_reshaped(as_array(a), f) for a in arrays)
    return results[0] if len(results) == 1 else results


@composite(np=True, tex="{0}", samples=[((),), ((), (2, 3)), ((3,),)])
def atleast_1d(*arys):
    """Each array with one axis or more; several come back as a tuple."""
    return _at_least(np.atleast_1d, arys)


@composite(np=True, tex="{0}", samples=[((),), ((2,), (2, 3)), ((1, 2, 3),)])
def atleast_2d(*arys):
    """Each array with two axes or more; several come back as a tuple."""
    return _at_least(np.atleast_2d, arys)


@composite(np=True, tex="{0}", samples=[((),), ((2,), (2, 3)), ((1, 2, 3),)])
def atleast_3d(*arys):
    """Each array with three axes or more; several come back as a tuple."""
    return _at_least(np.atleast_3d, arys)


# Axes


@op(
    tex=r"{0}^{{\mathsf T}}",
    samples=[((2, 3), {"axes": None}), ((2, 3, 4), {"axes": (1, -1, 0)})],
    view=True,
)
def _transpose(a, *, axes=None):
    return np.transpose(a, axes)


def _inverse(axes):
    return None if axes is None else tuple(np.argsort([i % len(axes) for i in axes]).tolist())


_transpose.defvjp(lambda g, _y, _a, *, axes: np.transpose(g, _inverse(axes)), linear=True)


@composite(
    np=("transpose", "permute_dims"),
    tex=r"{0}^{{\mathsf T}}",
    samples=[((2, 3),), ((2, 3, 4), {"axes": (0, -1, 1)}), ((2, 3), [1, 0]), ((),)],
)
def transpose(a, axes=None):
    """Axes in another order, reversed by default."""
    return apply(_transpose, (as_array(a),), {"axes": None if axes is None else tuple(map(operator.index, axes))})


def method_transpose(a, *axes):
    one = len(axes) == 1 and (axes[0] is None or np.iterable(axes[0]))
    return transpose(a, axes[0] if one else axes or None)


def _permuted(a, f, *args):
    """``a`` with its axes as ``f`` arranges them, asked of an array whose sizes are the numbers of its axes."""
    a = as_array(a)
    return transpose(a, f(np.empty(range(a.ndim)), *args).shape)


@composite(np=True, method=True, tex=r"{0}^{{\mathsf T}}", samples=[((2, 3, 4), 0, -1), ((2, 3), 1, 1)])
def swapaxes(a, axis1, axis2):
    """``a`` with two axes exchanged."""
    return _permuted(a, np.swapaxes, axis1, axis2)


@composite(np=True, tex=r"{0}^{{\mathsf T}}", samples=[((2, 3, 4), 0, -1), ((2, 3, 4), [0, 1], [-1, 0])])
def moveaxis(a, source, destination):
    """``a`` with some axes moved to other places; the others keep their order."""
    return _permuted(a, np.moveaxis, source, destination)


@composite(np=True, tex=r"{0}^{{\mathsf T}}", samples=[((2, 3, 4), 2), ((2, 3, 4), 0, 2)])
def rollaxis(a, axis, start=0):
    """``a`` with an axis moved to stand before ``start``."""
    return _permuted(a, np.rollaxis, axis, start)


@composite(
    np=("matrix_transpose", "linalg.matrix_transpose"), tex=r"{0}^{{\mathsf T}}", samples=[((2, 3),), ((4, 2, 3),)]
)
def matrix_transpose(x):
    """``x`` with its last two axes exchanged."""
    return _permuted(x, np.matrix_transpose)


# Repetition


@op(
    tex="{0}",
    samples=[((3,), {"shape": (2, 3)}), ((2, 1), {"shape": (4, 2, 3)}), ((), {"shape": (2,)})],
    view=True,
)
def _broadcast_to(a, *, shape):
    return np.broadcast_to(a, shape)


_broadcast_to.defvjp(lambda g, _y, _a, *, shape: g, linear=True).broadcasting()


@composite(np=True, tex="{0}", samples=[((3,), {"shape": (2, 3)}), ((2, 1), {"shape": (4, 2, 3)}), ((1,), 4)])
def broadcast_to(array, shape, subok=False):
    """``array`` repeated to ``shape`` by broadcasting; the gradient is summed over what was repeated."""
    shape = tuple(map(operator.index, shape)) if np.iterable(shape) else (operator.index(shape),)
    return apply(_broadcast_to, (as_array(array),), {"shape": shape})


@composite(np=True, tex="{0}", samples=[((3,), (2, 1)), ((2, 3), (3,), ()), ((2,),)])
def broadcast_arrays(*args, subok=False):
    """The arrays, each repeated to the shape that all broadcast to; a tuple."""
    arrays = [as_array(a) for a in args]
    shape = np.broadcast_shapes(*(a.shape for a in arrays))
    return tuple(broadcast_to(a, shape) for a in arrays)


@composite(
    np=True, tex="{0}", samples=[((2, 3), 2), ((3,), {"reps": (2, 1, 2)}), ((2, 2, 1), {"reps": (2, 3)}), ((2,), 0)]
)
def tile(A, reps):
    """``A`` laid ``reps`` times along each axis; the gradient is summed over the copies."""
    a = as_array(A)
    reps = tuple(map(operator.index, reps)) if np.iterable(reps) else (operator.index(reps),)
    ndim = max(a.ndim, len(reps))
    reps = (1,) * (ndim - len(reps)) + reps
    shape = (1,) * (ndim - a.ndim) + a.shape
    stacked = reshape(a, tuple(m for n in shape for m in (1, n)))
    copies = broadcast_to(stacked, tuple(m for r, n in zip(reps, shape, strict=True) for m in (r, n)))
    return reshape(copies, tuple(r * n for r, n in zip(reps, shape, strict=True)))


@composite(
    np=True,
    method=True,
    tex="{0}",
    samples=[((2, 3), 2), ((2, 3), 2, -1), ((2, 3), [1, 3], 0), ((4,), [0, 2, 0, 1]), ((3,), [2]), ((2, 2), 0, 1)],
)
def repeat(a, repeats, axis=None):
    """Each element of ``a`` repeated: as often as an int says, or each its own number of times.

    The gradient is summed over the repetitions. The counts shape the result: a trace keeps those it saw.
    """
    a = as_array(a)
    if axis is None:
        a, axis = reshape(a, -1), 0
    (axis,) = normal_axes(axis, a.ndim)
    counts = np.asarray(repeats)
    if counts.size != 1:
        return getitem(a, (*(slice(None),) * axis, np.repeat(np.arange(a.shape[axis]), counts)))
    n = operator.index(counts.item())
    before, after = a.shape[: axis + 1], a.shape[axis + 1 :]
    copies = broadcast_to(reshape(a, (*before, 1, *after)), (*before, n, *after))
    return reshape(copies, (*before[:-1], before[-1] * n, *after))


@composite(
    np=True,
    tex="{0}",
    samples=[((2,), (3,)), ((2,), (3,), (4,), {"indexing": "ij"}), ((2,), (3,), {"sparse": True}), ((3,),), ((), (2,))],
)
def meshgrid(*xi, copy=True, sparse=False, indexing="xy"):
    """The coordinates of a grid: each vector repeated along the axes of the others; a tuple."""
    if indexing not in ("xy", "ij"):
        raise ValueError(f"meshgrid: indexing is 'xy' or 'ij'; got {indexing!r}")
    ndim = len(xi)
    axes = list(range(ndim))
    if indexing == "xy" and ndim > 1:
        axes[:2] = 1, 0
    grids = [reshape(x, tuple(-1 if i == axis else 1 for i in range(ndim))) for x, axis in zip(xi, axes, strict=True)]
    return tuple(grids) if sparse else broadcast_arrays(*grids)


# Order


@composite(np=True, tex="{0}", samples=[((2, 3),), ((2, 3), 1), ((2, 3, 2), {"axis": (0, -1)})])
def flip(m, axis=None):
    """``m`` in reverse order along ``axis``, or along all axes."""
    m = as_array(m)
    axes = normal_axes(axis, m.ndim)
    return getitem(m, tuple(slice(None, None, -1) if i in axes else slice(None) for i in range(m.ndim)))


@composite(np=True, tex="{0}", samples=[((2, 3),), ((2, 3, 2),)])
def fliplr(m):
    """``m`` with its columns in reverse order."""
    return flip(m, 1)


@composite(np=True, tex="{0}", samples=[((3,),), ((2, 3),)])
def flipud(m):
    """``m`` with its rows in reverse order."""
    return flip(m, 0)


@op(
    tex="{0}",
    samples=[
        ((5,), {"shift": 2, "axis": 0}),
        ((2, 3), {"shift": -4, "axis": None}),
        ((2, 3), {"shift": (1, -1), "axis": (0, 1)}),
    ],
)
def _roll(a, *, shift, axis=None):
    return np.roll(a, shift, axis)


_roll.defvjp(
    lambda g, _y, _a, *, shift, axis: np.roll(g, tuple(-s for s in shift) if type(shift) is tuple else -shift, axis),
    linear=True,
)


@composite(
    np=True,
    tex="{0}",
    samples=[
        ((5,), 2),
        ((2, 3), -1),
        ((2, 3), {"shift": (1, -2), "axis": (0, 1)}),
        ((2, 3), {"shift": 1, "axis": (0, 1)}),
    ],
)
def roll(a, shift, axis=None):
    """``a`` shifted along ``axis``, what falls off one end coming in at the other; several axes at once too."""
    shift = tuple(map(operator.index, shift)) if np.iterable(shift) else operator.index(shift)
    return apply(_roll, (as_array(a),), {"shift": shift, "axis": axis})


@composite(np=True, tex="{0}", samples=[((2, 3),), ((2, 3), 2), ((2, 3, 2), -1, [2, 0]), ((2, 3), 4)])
def rot90(m, k=1, axes=(0, 1)):
    """``m`` turned k times by a right angle, in the plane of two axes, from the first towards the second."""
    m = as_array(m)
    first, second = normal_axes(tuple(axes), m.ndim)
    if k % 4 == 0:
        return getitem(m, ...)
    if k % 4 == 2:
        return flip(m, (first, second))
    if k % 4 == 1:
        return swapaxes(flip(m, second), first, second)
    return flip(swapaxes(m, first, second), second)
