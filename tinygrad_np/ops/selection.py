"""Elements chosen by index or by condition."""

from __future__ import annotations

import functools

import numpy as np

from ..core.apply import apply
from ..core.tensor import Tensor
from .declare import composite, op, plain
from .indexing import ARRAY, Scatter, getitem, scatter, setitem
from .joining import stack
from .reduce import as_array, cast, normal_axes
from .shape import broadcast_arrays, broadcast_to, ravel, reshape


def _read(x, what):
    """The numbers of ``x``, where they decide a shape or an error; a running trace notes it."""
    return np.asarray(plain(x, what))


# By index


def bounded(indices, n, mode):
    """``indices`` into n elements as `numpy.take` understands its ``mode``; of booleans the numbers 0 and 1."""
    indices = as_array(indices)
    if indices.dtype.kind == "b":
        indices = cast(indices, np.intp)
    if mode == "raise":
        return indices
    if mode == "wrap":
        return np.remainder(indices, n)
    if mode == "clip":
        return np.clip(indices, 0, n - 1)
    raise ValueError(f"mode is 'raise', 'wrap' or 'clip'; got {mode!r}")


@composite(
    np=True,
    method=True,
    tex="{0}_{{{1}}}",
    samples=[
        ((4,), [0, 3, 0]),
        ((2, 3), [[1, 5], [-1, 1]]),
        ((2, 3), 1, 0),
        ((2, 3, 2), [2, 0], 1),
        ((2, 3), [7, -4], -1, {"mode": "wrap"}),
        ((2, 3), [7, -4], 1, {"mode": "clip"}),
    ],
)
def take(a, indices, axis=None, mode="raise"):
    """Elements of ``a`` by index along an axis, or from all of it laid flat; one taken n times gets n cotangents."""
    a = as_array(a)
    if axis is None:
        a, axis = reshape(a, -1), 0
    (axis,) = normal_axes(axis, a.ndim)
    return getitem(a, (*(slice(None),) * axis, bounded(indices, a.shape[axis], mode)))


def along(shape, indices, axis):
    """The index arrays that `numpy.take_along_axis` stands for."""
    numbers = np.ogrid[tuple(slice(n) for n in shape)]
    return (*numbers[:axis], indices, *numbers[axis + 1 :])


@op(
    tex="{0}_{{{1}}}",
    samples=[
        ((2, 3), np.array([[2, 0, 0, 1], [1, 1, 1, -1]]), {"axis": 1}),
        ((3, 2), np.array([[2, 0]]), {"axis": 0}),
        ((1, 3), np.array([[2], [0]]), {"axis": 1}),
    ],
)
def _take_along_axis(a, indices, *, axis):
    return np.take_along_axis(a, indices, axis)


_take_along_axis.defvjp(
    lambda g, _y, _a, indices, *, axis: Scatter(
        g, _a.shape, (ARRAY,) * len(_a.shape), along(_a.shape, indices, axis % len(_a.shape))
    ),
    None,
    linear="each",
)


@composite(
    np=True,
    tex="{0}_{{{1}}}",
    samples=[
        ((2, 3), np.array([[2, 0], [1, 1]])),
        ((2, 3), np.array([0, 5, 0]), None),
        ((3, 2), np.array([[2, 0]]), 0),
    ],
)
def take_along_axis(arr, indices, axis=-1):
    """``arr[i, indices[i, j]]``: an index along one axis for each place along the others, as from `numpy.argsort`."""
    arr, indices = as_array(arr), as_array(indices)
    if axis is None:
        arr, axis = reshape(arr, -1), 0
    if arr.ndim != indices.ndim:
        raise ValueError(
            f"take_along_axis: arr has {arr.ndim} axes and indices {indices.ndim}; they must have as many"
            " (of size one where they broadcast)"
        )
    (axis,) = normal_axes(axis, arr.ndim)
    return apply(_take_along_axis, (arr, indices), {"axis": axis})


@composite(
    np=True,
    tex=r"\operatorname{{bincount}}({0})",
    samples=[(np.array([0, 3, 0]),), (np.array([0, 3, 0, 1]), (4,), 6), (np.array([1, 1]), (2,))],
)
def bincount(x, weights=None, minlength=0):
    """How often each number occurs in ``x``, or the sum of the ``weights`` found there: a weight's derivative is 1."""
    x = as_array(x)
    size = np.bincount(_read(x, "bincount"), minlength=minlength).size
    return scatter(np.ones(x.shape, np.intp) if weights is None else cast(as_array(weights), np.float64), (size,), x)


# By condition


@composite(
    np=True,
    tex="{0}_{{{1}}}",
    samples=[
        ([True, False, True], (4,)),
        ([False, True, True], (3, 2), 0),
        ([False, True], (3, 2), 1),
        ([0, 1, 0, 1], (2, 3)),
    ],
)
def compress(condition, a, axis=None):
    """The slices of ``a`` along an axis, or its elements, for which a vector of conditions holds."""
    return take(a, np.flatnonzero(condition), axis)


def method_compress(a, condition, axis=None):
    return compress(condition, a, axis)


@composite(np=True, tex="{0}_{{{1}}}", samples=[(np.array([[True, False, True], [False, False, True]]), (2, 3))])
def extract(condition, arr):
    """The elements of ``arr`` for which ``condition`` holds, as a row."""
    return take(ravel(arr), np.flatnonzero(condition))


@composite(
    np=True,
    method=True,
    tex=r"\operatorname{{choose}}({0}, {1})",
    samples=[
        (np.array([0, 1, 1]), [(3,), (3,)]),
        (np.array([[0], [2]]), [(3,), (), (2, 3)]),
        (np.array([3, -1]), [(2,), (2,)], {"mode": "wrap"}),
        (np.array([3, -1]), [(2,), (2,)], {"mode": "clip"}),
        (np.array([1, 0]), (2, 2)),
    ],
)
def choose(a, choices, mode="raise"):
    """For each place the choice that ``a`` names there; what is not chosen gets no gradient."""
    choices = [as_array(c) for c in choices]
    which = bounded(a, len(choices), mode)
    numbers = _read(which, "choose")
    if ((numbers < 0) | (numbers >= len(choices))).any():
        raise ValueError(
            f"choose: there are {len(choices)} choices, and a names others; mode='wrap' or 'clip' allow it"
        )
    which, *choices = broadcast_arrays(which, *choices)
    return take_along_axis(stack(choices), reshape(which, (1, *which.shape)), 0)[0]


@composite(
    np=True,
    tex=r"\operatorname{{select}}({0}, {1})",
    samples=[
        ([np.array([True, False, False]), np.array([True, True, False])], [(3,), (3,)]),
        ([np.array([True, False, True])], [(2, 3)], ()),
        ([np.array([True, False, False]), np.array([[True], [False]])], [(3,), (2, 1)], 1.5),
    ],
)
def select(condlist, choicelist, default=0):
    """For each place the first choice whose condition holds, else ``default``; the others get no gradient there."""
    if len(condlist) != len(choicelist) or len(condlist) == 0:
        raise ValueError(
            f"select: as many conditions as choices, one or more; got {len(condlist)} and {len(choicelist)}"
        )
    choices = [c if type(c) in (int, float, complex) else as_array(c) for c in (*choicelist, default)]
    dtype = np.result_type(*choices)
    y = choices.pop()
    for i, (condition, choice) in reversed(list(enumerate(zip(condlist, choices, strict=True)))):
        if as_array(condition).dtype.kind != "b":
            raise TypeError(f"select: condition {i} must be boolean; got {as_array(condition).dtype}")
        y = np.where(condition, choice, y)
    return cast(y, dtype)


@composite(
    np=True,
    tex=r"\operatorname{{piecewise}}({0})",
    samples=[
        ((3,), np.array([True, False, True]), [np.sin, np.exp]),
        ((2, 2), [np.array([[True, False], [False, False]]), np.array([[False, True], [False, True]])], [np.sin, 3.0]),
        ((3,), [np.array([True, False, True]), np.array([True, True, False])], [np.sin, np.exp, lambda x: x * x]),
        ((), True, [np.sin, np.exp]),
    ],
)
def piecewise(x, condlist, funclist, *args, **kw):
    """Each function applied where its condition holds, the last condition that does winning; 0 where none does.

    A function sees only its own elements, so that none is asked for a logarithm of the others. One function more than
    there are conditions is for the rest.
    """
    x = as_array(x)
    several = isinstance(condlist, list | tuple) and (
        isinstance(condlist[0], list | np.ndarray | Tensor) or x.ndim == 0
    )
    several = several or (np.ndim(condlist) > x.ndim and not isinstance(condlist, list | tuple))
    conditions = [as_array(c) for c in (condlist if several else [condlist])]
    conditions = [c if c.dtype.kind == "b" else c != 0 for c in conditions]
    if len(conditions) == len(funclist) - 1:
        conditions.append(np.logical_not(functools.reduce(np.logical_or, conditions)))
    if len(conditions) != len(funclist):
        n = len(conditions)
        raise ValueError(f"piecewise: with {n} conditions, {n} or {n + 1} functions are expected; got {len(funclist)}")
    y = np.zeros_like(x)
    for condition, f in zip(conditions, funclist, strict=True):
        part = getitem(x, condition) if callable(f) else f
        if not callable(f):
            y = setitem(y, condition, f)
        elif part.size:
            y = setitem(y, condition, f(part, *args, **kw))
    return y


@composite(np=True, samples=[(np.cumsum, 0, (3, 2)), (np.outer, 1, (2, 3), np.array([1.0, 2.0])), (np.max, -1, (2, 3))])
def apply_along_axis(func1d, axis, arr, *args, **kwargs):
    """``func1d`` of each row along ``axis``, which its result replaces; slow, for each row is recorded on its own."""
    arr = as_array(arr)
    axis = normal_axes(axis, arr.ndim)[0]
    order = [i for i in range(arr.ndim) if i != axis]
    lead = tuple(arr.shape[i] for i in order)
    if 0 in lead:
        raise ValueError("apply_along_axis: there is no row, and so no result to take the shape from")
    by_row = np.transpose(arr, [*order, axis])
    results = [as_array(func1d(getitem(by_row, i), *args, **kwargs)) for i in np.ndindex(lead)]
    y = reshape(stack(results), (*lead, *results[0].shape))
    n = len(lead)
    return np.moveaxis(y, range(n, y.ndim), range(axis, axis + y.ndim - n))


@composite(np=True, samples=[(np.sum, (2, 3, 2), [0, -1]), (np.cumsum, (2, 3), 1)])
def apply_over_axes(func, a, axes):
    """``func(a, axis)`` for one axis after the other; a reduced axis stays, of size one."""
    a = as_array(a)
    for axis in normal_axes(tuple(np.atleast_1d(axes).tolist()), a.ndim):
        y = as_array(func(a, axis))
        a = y if y.ndim == a.ndim else np.expand_dims(y, axis)
    return a


@composite(
    np="lib.stride_tricks.sliding_window_view",
    samples=[((5,), 3), ((3, 4), {"window_shape": (2, 2)}), ((2, 4), {"window_shape": 3, "axis": 1})],
)
def sliding_window_view(x, window_shape, axis=None, *, subok=False, writeable=False):
    """All windows of a shape, as new last axes; an element gets the sum over the windows it is in. A copy, no view."""
    x = as_array(x)
    sizes = window_shape if isinstance(window_shape, tuple | list) else (window_shape,)
    axes = range(x.ndim) if axis is None else axis if np.iterable(axis) else (axis,)
    axes = np.lib.array_utils.normalize_axis_tuple(axes, x.ndim, allow_duplicate=True)
    if len(sizes) != len(axes):
        raise ValueError(f"sliding_window_view: {len(sizes)} window sizes for {len(axes)} axes; give one for each")
    for size, at in zip(sizes, axes, strict=True):
        if not 0 <= size <= x.shape[at]:
            raise ValueError(f"sliding_window_view: a window of {size} on an axis of {x.shape[at]}")
        places = np.arange(x.shape[at] - size + 1)[:, None] + np.arange(size)
        x = np.moveaxis(take(x, places, axis=at), at + 1, -1)
    return x


@composite(np=True, tex="{0}", samples=[((3,),), ((2, 2), "b")])
def trim_zeros(filt, trim="fb", axis=None):
    """``filt`` without the zeros at its front (f) and back (b). They shape the result: a trace keeps those it saw."""
    a = as_array(filt)
    if set(trim.lower()) not in ({"f"}, {"b"}, {"f", "b"}):
        raise ValueError(f"trim_zeros: trim is 'f', 'b' or 'fb'; got {trim!r}")
    places = np.nonzero(_read(a, "trim_zeros"))
    index = [slice(None)] * a.ndim
    for i in normal_axes(axis, a.ndim):
        if places[i].size == 0:
            index[i] = slice(0)
            continue
        start = int(places[i].min()) if "f" in trim.lower() else None
        index[i] = slice(start, int(places[i].max()) + 1 if "b" in trim.lower() else None)
    return getitem(a, tuple(index))


@composite(
    np=True,
    tex="{1}",
    samples=[((2, 3), ()), ((2, 3), (3,)), ((2,), 1.5, {"dtype": "f8"}), ((2,), (), {"shape": (3, 2)})],
)
def full_like(a, fill_value, dtype=None, order="K", subok=True, shape=None, *, device=None):
    """An array like ``a`` filled with ``fill_value``, whose gradient is summed over all places; ``a`` gets none."""
    a = as_array(a)
    if type(fill_value) is not Tensor:
        y = np.full_like(plain(a, None), fill_value, dtype, order, shape=shape)
        return Tensor._of(y, None) if type(a) is Tensor else y
    return broadcast_to(cast(fill_value, a.dtype if dtype is None else dtype), a.shape if shape is None else shape)
