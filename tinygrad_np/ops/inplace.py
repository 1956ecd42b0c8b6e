"""NumPy's functions that write into their first argument. A Tensor is a value: its handle is bound to a new one.

What was written gets the gradient of its place, what was overwritten none. Into a plain array no gradient can be
written; a Tensor that requires none can.
"""

from __future__ import annotations

import numpy as np

from ..core.tensor import Tensor
from .declare import composite, find, plain
from .indexing import scatter, setitem
from .joining import resize
from .reduce import as_array, cast
from .selection import along, bounded
from .shape import broadcast_to, ravel, reshape


def _write(name, target, rest, compute):
    """Bind the Tensor ``target`` to what ``compute()`` gives; let NumPy's function write into a plain array."""
    if type(target) is Tensor:
        target._rebind(compute)
        return
    for x in rest:
        if type(x) is Tensor and x.requires_grad:
            raise TypeError(
                f"np.{name} writes into a plain array, where the gradient of what is written would be lost:"
                " make that array a Tensor, or build the result with np.where, np.concatenate or indexing"
            )
    find(name)(target, *(plain(x, name) for x in rest))


@composite(np=True)
def put_along_axis(arr, indices, values, axis):
    """Write ``values`` where `take_along_axis` would read.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_np import Tensor
    >>> v = Tensor([[5.0], [6.0]], requires_grad=True)
    >>> t = Tensor(np.zeros((2, 3)))
    >>> np.put_along_axis(t, np.array([[2], [0]]), v, axis=1)
    >>> t
    Tensor([[0., 0., 5.],
            [6., 0., 0.]], op=setitem)
    """

    def compute():
        if axis is None:
            return reshape(setitem(ravel(arr), indices, values), arr.shape)
        return setitem(arr, along(arr.shape, indices, axis % arr.ndim), values)

    _write("put_along_axis", arr, (indices, values, axis), compute)


@composite(np=True, method=True)
def put(a, ind, v, mode="raise"):
    """Write ``v`` at places of ``a`` laid flat, beginning again where ``v`` is shorter."""

    def compute():
        index = ravel(bounded(ind, a.size, mode))
        return reshape(setitem(ravel(a), index, resize(v, index.size)), a.shape) if np.size(v) else a

    _write("put", a, (ind, v, mode), compute)


@composite(np=True)
def place(arr, mask, vals):
    """Write ``vals`` where ``mask`` holds, one after the other, beginning again where they do not suffice."""

    def compute():
        places = np.flatnonzero(mask)
        if places.size and np.size(vals) == 0:
            raise ValueError("place: there are places to write to, and vals is empty")
        return reshape(setitem(ravel(arr), places, resize(vals, places.size)), arr.shape)

    _write("place", arr, (mask, vals), compute)


@composite(np=True)
def putmask(a, mask, values):
    """Write the elements of ``values`` that stand where ``mask`` holds; a shorter ``values`` is repeated."""

    def compute():
        return cast(np.where(mask, reshape(resize(values, a.size), a.shape), a), a.dtype)

    _write("putmask", a, (mask, values), compute)


@composite(np=True)
def copyto(dst, src, casting="same_kind", where=True):
    """Write ``src``, repeated by broadcasting, into ``dst``, or into the places where a condition holds."""

    def compute():
        new = as_array(src)
        if not np.can_cast(src if type(src) in (int, float, complex) else new.dtype, dst.dtype, casting):
            raise TypeError(f"copyto: {new.dtype} cannot be cast to {dst.dtype} ({casting!r})")
        return setitem(dst, ..., src) if where is True else setitem(dst, ..., np.where(where, src, dst))

    _write("copyto", dst, (src, casting, where), compute)


@composite(np=True)
def fill_diagonal(a, val, wrap=False):
    """Write ``val`` on the main diagonal, begun again below where ``wrap`` says so and the matrix is tall."""

    def compute():
        if a.ndim < 2 or (a.ndim > 2 and len(set(a.shape)) > 1):
            raise ValueError(f"fill_diagonal takes a matrix, or more axes of equal size; got shape {a.shape}")
        n = a.shape[1]
        step = n + 1 if a.ndim == 2 else 1 + sum(n**i for i in range(1, a.ndim))
        places = range(0, a.size if wrap or a.ndim > 2 else min(n * n, a.size), step)
        return reshape(setitem(ravel(a), slice(0, places.stop, step), resize(val, len(places))), a.shape)

    _write("fill_diagonal", a, (val, wrap), compute)


@composite(method=True, public=False)
def fill(a, value):
    """Write ``value`` everywhere."""
    _write("copyto", a, (value,), lambda: setitem(a, ..., value))


def add_at(a, indices, b):
    """``np.add.at``: add ``b`` at an index, where a place named twice is added to twice."""

    def compute():
        shape = a.data[plain(indices, None)].shape
        return a + cast(scatter(broadcast_to(b, shape), a.shape, indices), a.dtype)

    _write("add.at", a, (indices, b), compute)


def subtract_at(a, indices, b):
    """``np.subtract.at``, as `add_at`."""
    if type(a) is Tensor:
        add_at(a, indices, np.negative(b))
    else:
        _write("subtract.at", a, (indices, b), None)
