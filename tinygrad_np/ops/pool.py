"""Pooling; names, argument order and defaults as in torch.nn.functional."""

from __future__ import annotations

from math import prod

import numpy as np

from .conv import each, inside, out_sizes, padded, taps
from .declare import composite, op
from .indexing import getitem
from .nn import as_array


def _geometry(name, dims, x, kernel_size, stride, padding, dilation, ceil_mode):
    """Options of a pooling as the ops take them: kernel, stride, (before, after) padding, dilation.

    With ``ceil_mode`` the padding after is as much as the last window needs that begins inside x or before it.
    """
    kernel = each(kernel_size, dims, "kernel_size")
    stride = kernel if stride is None else each(stride, dims, "stride")
    dilation, before = each(dilation, dims, "dilation"), each(padding, dims, "padding")
    if x.ndim <= dims:
        raise ValueError(f"{name}: x has {dims + 2} axes, or {dims + 1} without the batch; got shape {x.shape}")
    sides = []
    for n, k, s, p, d in zip(x.shape[-dims:], kernel, stride, before, dilation):
        reach = d * (k - 1) + 1
        if 2 * p > reach:
            raise ValueError(
                f"{name}: padding {before} must be at most half of the window, {kernel} dilated by {dilation}"
            )
        count = -(-(n + 2 * p - reach) // s) + 1
        while (count - 1) * s >= n + p:
            count -= 1
        sides.append((p, max(p, (count - 1) * s + reach - n - p) if ceil_mode else p))
    return kernel, stride, tuple(sides), dilation


@op(samples=())
def _first_max(x, *, kernel, stride, padding, dilation):
    """Where the first maximum of each window is, counted through all of x; a NaN is a maximum."""
    sizes = x.shape[x.ndim - len(kernel) :]
    out = out_sizes(sizes, kernel, stride, padding, dilation)
    seen = list(taps(kernel, stride, dilation, out))
    wide = padded(x, padding, -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min)
    places = padded(np.arange(prod(sizes)).reshape(sizes), padding, -1)
    top = np.array(wide[seen[0]])
    for at in seen[1:]:
        np.maximum(top, wide[at], out=top)
    with_nan = bool(np.isnan(top).any())
    found = np.full(top.shape, -1)
    for at in reversed(seen):
        hit = (wide[at] == top) & (places[at] >= 0)
        if with_nan:
            hit |= np.isnan(wide[at])
        np.copyto(found, places[at], where=hit)
    if found.size and found.min() < 0:
        raise ValueError(f"a window of {kernel}, dilated by {dilation}, sees nothing but padding of {sizes}")
    lead = x.shape[: x.ndim - len(kernel)]
    found += np.arange(0, x.size, prod(sizes)).reshape(*lead, *(1,) * len(kernel))
    return found


_first_max.defvjp(None)


MAX_POOL = r"\operatorname{{maxpool}}({0})"
AVG_POOL = r"\operatorname{{avgpool}}({0})"
ODD = {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True}


def _max_pool(dims, x, kernel_size, stride, padding, dilation, ceil_mode, return_indices):
    x = as_array(x)
    options = _geometry(f"max_pool{dims}d", dims, x, kernel_size, stride, padding, dilation, ceil_mode)
    found = _first_max(x, **dict(zip(("kernel", "stride", "padding", "dilation"), options)))
    y = getitem(np.reshape(x, -1), found)
    return (y, found % prod(x.shape[-dims:])) if return_indices else y


@composite(tex=MAX_POOL, samples=[((2, 2, 4), 2), ((2, 6), {**ODD, "dilation": 2})])
def max_pool1d(x, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
    """The largest of each window along the last axis; as `max_pool2d`."""
    return _max_pool(1, x, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


@composite(
    tex=MAX_POOL,
    samples=[
        ((2, 2, 4, 4), 2),
        ((1, 4, 5), {"kernel_size": (2, 3), "stride": 1}),
        ((1, 2, 6, 5), {**ODD, "dilation": (1, 2)}),
    ],
)
def max_pool2d(x, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
    """The largest of each window of the last two axes; the first of several takes the gradient.

    Parameters
    ----------
    x
        Of shape (N, C, H, W), or (C, H, W).
    kernel_size, stride, padding, dilation
        One integer, or one for each axis; the stride is the kernel size if not given. Padding never wins.
    ceil_mode
        Take in the last window that begins inside, also if it reaches beyond the padding.
    return_indices
        Give also where each maximum is, counted through the last two axes.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_np as tg
    >>> tg.max_pool2d(np.arange(16.0).reshape(1, 1, 4, 4), 2)
    array([[[[ 5.,  7.],
             [13., 15.]]]])
    """
    return _max_pool(2, x, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


WINDOWS = {"kernel": (2, 3), "stride": (1, 2), "padding": ((1, 0), (0, 1))}


@op(tex=r"\sum {0}", samples=[((2, 4, 6), WINDOWS)])
def _window_sum(x, *, kernel, stride, padding):
    """The sum of each window of the last axes."""
    sizes, dilation = x.shape[x.ndim - len(kernel) :], (1,) * len(kernel)
    wide = padded(x, padding)
    first, *rest = taps(kernel, stride, dilation, out_sizes(sizes, kernel, stride, padding, dilation))
    y = np.array(wide[first])
    for at in rest:
        y += wide[at]
    return y


@op(tex=r"\operatorname{{spread}}({0})", samples=[((2, 4, 3), {"size": (4, 6), **WINDOWS})])
def _window_spread(g, *, size, kernel, stride, padding):
    """The transpose of `_window_sum`: each number added to all of its window."""
    dims = len(kernel)
    x = np.zeros((*g.shape[: g.ndim - dims], *(n + lo + hi for n, (lo, hi) in zip(size, padding))), g.dtype)
    for at in taps(kernel, stride, (1,) * dims, g.shape[g.ndim - dims :]):
        x[at] += g
    return np.ascontiguousarray(x[inside(size, padding)])


_window_sum.defvjp(
    lambda g, _y, _x, *, kernel, **options: _window_spread(
        g, size=_x.shape[_x.ndim - len(kernel) :], kernel=kernel, **options
    ),
    linear=True,
)
_window_spread.defvjp(lambda g, _y, _g, *, size, **options: _window_sum(g, **options), linear=True)


def _shares(sizes, kernel, stride, padding, before, include_pad):
    """By what each window's sum is divided: its elements inside x, or inside x and the padding that was asked for."""
    shares = np.ones((), np.int64)
    for n, k, s, (lo, hi), p in zip(sizes, kernel, stride, padding, before):
        start = np.arange((n + lo + hi - k) // s + 1) * s - lo
        stop = np.minimum(start + k, n + p if include_pad else n)
        shares = np.multiply.outer(shares, stop - (start if include_pad else np.maximum(start, 0)))
    return shares


def _avg_pool(dims, x, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override=None):
    x = as_array(x)
    kernel, stride, sides, _ = _geometry(f"avg_pool{dims}d", dims, x, kernel_size, stride, padding, 1, ceil_mode)
    total = _window_sum(x, kernel=kernel, stride=stride, padding=sides)
    if divisor_override is not None:
        return total / divisor_override
    if not any(map(any, sides)):
        return total / prod(kernel)
    before = each(padding, dims, "padding")
    return total / _shares(x.shape[-dims:], kernel, stride, sides, before, count_include_pad).astype(x.dtype)


@composite(tex=AVG_POOL, samples=[((2, 2, 4), 2), ((2, 6), {**ODD, "count_include_pad": False})])
def avg_pool1d(x, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
    """The mean of each window along the last axis; as `avg_pool2d`."""
    return _avg_pool(1, x, kernel_size, stride, padding, ceil_mode, count_include_pad)


@composite(
    tex=AVG_POOL,
    samples=[
        ((2, 2, 4, 4), 2),
        ((1, 2, 6, 5), ODD),
        ((1, 6, 5), {**ODD, "count_include_pad": False}),
        ((1, 4, 5), {"kernel_size": (2, 3), "stride": 1, "divisor_override": 5}),
    ],
)
def avg_pool2d(x, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True, divisor_override=None):
    """The mean of each window of the last two axes; options as in `max_pool2d`.

    Zeros of the padding count as elements unless ``count_include_pad`` is False; ``divisor_override`` divides every
    window by one number.
    """
    return _avg_pool(2, x, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


def _averaging(n, out, dtype):
    """The matrix that takes ``n`` numbers to ``out`` means, of elements floor(i n / out) to ceil((i + 1) n / out)."""
    i = np.arange(out)[:, None]
    j = np.arange(n)
    taken = (j >= i * n // out) & (j < -(-(i + 1) * n // out))
    return taken.astype(dtype) / taken.sum(1, keepdims=True).astype(dtype)


@composite(tex=AVG_POOL, samples=[((2, 2, 4, 4), 2), ((1, 5, 7), {"output_size": (3, None)}), ((1, 2, 3, 4), 1)])
def adaptive_avg_pool2d(x, output_size):
    """Means of the last two axes over windows that make ``output_size``; None keeps a size.

    Window i of n elements takes in those from ``floor(i n / out)`` to ``ceil((i + 1) n / out)``.
    """
    x = as_array(x)
    height, width = output_size if np.iterable(output_size) else (output_size, output_size)
    rows = _averaging(x.shape[-2], x.shape[-2] if height is None else height, x.dtype)
    columns = _averaging(x.shape[-1], x.shape[-1] if width is None else width, x.dtype)
    return rows @ x @ columns.T
