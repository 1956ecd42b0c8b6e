"""The same numbers in another arrangement."""

from __future__ import annotations

import numpy as np

from .declare import composite, op
from .reduce import spread


@op(tex="{0}", samples=[((2, 3), {"shape": (3, 2)}), ((2, 3), {"shape": (-1,)}), ((), {"shape": (1, 1)})])
def _reshape(a, *, shape, order="C"):
    return np.reshape(a, shape, order=order)


_reshape.defvjp(lambda g, _y, _a, *, shape, order: np.reshape(g, _a.shape, order=order), linear=True)


@composite(np=True, samples=[((2, 3), (-1, 2)), ((2, 3), 6)])
def reshape(a, shape, order="C"):
    """The elements of ``a`` in another shape; one size may be -1."""
    shape = tuple(shape) if np.iterable(shape) else (shape,)
    return _reshape(a, shape=tuple(int(n) for n in shape), order=order)


def method_reshape(a, *shape, order="C"):
    return reshape(a, shape[0] if len(shape) == 1 else shape, order=order)


@op(tex=r"{0}^{{\mathsf T}}", samples=[((2, 3), {"axes": None}), ((2, 3, 4), {"axes": (1, 2, 0)})])
def _transpose(a, *, axes=None):
    return np.transpose(a, axes)


def _inverse(axes):
    return None if axes is None else tuple(np.argsort([i % len(axes) for i in axes]).tolist())


_transpose.defvjp(lambda g, _y, _a, *, axes: np.transpose(g, _inverse(axes)), linear=True)


@composite(np=("transpose", "permute_dims"), samples=[((2, 3),), ((2, 3, 4), (0, -1, 1))])
def transpose(a, axes=None):
    """Axes in another order, reversed by default."""
    return _transpose(a, axes=None if axes is None else tuple(int(i) for i in axes))


def method_transpose(a, *axes):
    return transpose(a, (axes[0] if len(axes) == 1 else axes) or None)


@op(tex="{0}", samples=[((3,), {"shape": (2, 3)}), ((2, 1), {"shape": (4, 2, 3)}), ((), {"shape": (2,)})])
def _broadcast_to(a, *, shape):
    return np.broadcast_to(a, shape)


_broadcast_to.defvjp(lambda g, _y, _a, *, shape: g, linear=True).broadcasting()


@composite(np=True, samples=[((3,), (2, 3)), ((2, 1), (2, 3))])
def broadcast_to(array, shape):
    """``array`` repeated to ``shape`` by broadcasting; the gradient is summed over what was repeated."""
    shape = tuple(shape) if np.iterable(shape) else (shape,)
    if type(array) is np.ndarray:
        return spread(array, shape)
    return _broadcast_to(array, shape=shape)


@op(tex=r"[{0}, \dots]", samples=[((2, 3), (1, 3), {"axis": 0}), ((2,), (3,), (1,), {"axis": -1})])
def _concatenate(*arrays, axis=0):
    return np.concatenate(arrays, axis=axis)


def _concatenate_vjp(g, _y, *_arrays, axis, argnum):
    start = 0
    for a in _arrays[:argnum]:
        start += a.shape[axis]
    index = [slice(None)] * g.ndim
    index[axis] = slice(start, start + _arrays[argnum].shape[axis])
    return g[tuple(index)]


_concatenate.defvjp(_concatenate_vjp, linear=True)


@composite(np=("concatenate", "concat"), samples=[([(2, 3), (1, 3)],), ([(2,), (3,)], None), ([(2, 1), (2, 2)], -1)])
def concatenate(arrays, axis=0):
    """Arrays joined along an axis; None joins them flat."""
    arrays = [a if hasattr(a, "dtype") else np.asarray(a) for a in arrays]
    if axis is None:
        return _concatenate(*(np.reshape(a, -1) for a in arrays), axis=0)
    return _concatenate(*arrays, axis=axis)


@composite(np=True, samples=[([(2, 3), (2, 3)],), ([(2,), (2,), (2,)], 1), ([(), ()],)])
def stack(arrays, axis=0):
    """Arrays of one shape joined along a new axis."""
    arrays = list(arrays)
    shapes = {np.shape(a) for a in arrays}
    if len(shapes) != 1:
        raise ValueError(f"stack: all arrays must have the same shape; got {sorted(shapes)}")
    return concatenate([np.expand_dims(a, axis) for a in arrays], axis=axis)


@composite(np=True, samples=[((2, 3), 0), ((2,), (0, 2)), ((), -1)])
def expand_dims(a, axis):
    """``a`` with axes of size one put in at ``axis``."""
    axes = axis if isinstance(axis, tuple | list) else (axis,)
    axes = np.lib.array_utils.normalize_axis_tuple(axes, len(axes) + np.ndim(a))
    sizes = iter(a.shape)
    return reshape(a, tuple(1 if i in axes else next(sizes) for i in range(len(axes) + np.ndim(a))))

