"""Convolutions; names, argument order and defaults as in torch.nn.functional.

Three ops, in any number of dimensions: the number sum(g * conv(x, w)) is linear in each of x, w and g, and its
derivatives in them are `_conv_transpose`, `_conv_kernel` and `_conv`. So each has the other two for its rules, and a
convolution can be differentiated any number of times.

Each lays the windows of x out as columns and multiplies matrices, a few samples at a time.
"""

from __future__ import annotations

from itertools import product
from math import prod
from typing import Any

import numpy as np

from .declare import composite, op
from .nn import as_array

_BLOCK = 2**22  # bytes of columns at a time: they stay in cache until they are multiplied


def padded(x, padding, fill=0):
    """``x`` with ``fill`` around its last axes, (before, after) for each in ``padding``."""
    if not any(map(any, padding)):
        return x
    lead = x.shape[: x.ndim - len(padding)]
    sizes = x.shape[len(lead) :]
    out = np.full((*lead, *(n + lo + hi for n, (lo, hi) in zip(sizes, padding))), fill, x.dtype)
    out[inside(sizes, padding)] = x
    return out


def inside(sizes, padding):
    return (..., *(slice(lo, lo + n) for n, (lo, _) in zip(sizes, padding)))


def out_sizes(sizes, kernel, stride, padding, dilation):
    """How many windows fit along each axis."""
    found = [
        (n + lo + hi - d * (k - 1) - 1) // s + 1
        for n, k, s, (lo, hi), d in zip(sizes, kernel, stride, padding, dilation, strict=True)
    ]
    if min(found) < 1:
        raise ValueError(
            f"a window of {kernel}, dilated by {dilation}, does not fit {tuple(sizes)} with padding {padding}"
        )
    return tuple(found)


def taps(kernel, stride, dilation, out):
    """For each place in the window, in order: the index of what the windows see there."""
    for tap in product(*map(range, kernel)):
        yield (..., *(slice(t * d, t * d + s * n, s) for t, s, d, n in zip(tap, stride, dilation, out)))


def _windows(x, kernel, stride, dilation, out):
    """A view of padded x as (N, C, *kernel, *out)."""
    lead, steps = x.strides[:2], x.strides[2:]
    strides = (*lead, *(n * d for n, d in zip(steps, dilation)), *(n * s for n, s in zip(steps, stride)))
    return np.lib.stride_tricks.as_strided(x, (*x.shape[:2], *kernel, *out), strides, writeable=False)


def _blocks(n, nbytes):
    """``n`` samples, of ``nbytes`` of columns each, in slices."""
    step = max(1, _BLOCK // max(nbytes, 1))
    return [slice(i, min(i + step, n)) for i in range(0, n, step)]


OPTIONS: list[dict[str, Any]] = [
    {"stride": (1, 1), "padding": ((0, 0), (0, 0)), "dilation": (1, 1), "groups": 1},
    {"stride": (2, 1), "padding": ((1, 0), (1, 1)), "dilation": (1, 2), "groups": 2},
]


@op(tex="{0} * {1}", samples=[((2, 2, 4, 4), (4, 2 // o["groups"], 2, 3), o) for o in OPTIONS])
def _conv(x, w, *, stride, padding, dilation, groups):
    """Windows of x (N, C, ...) times w (O, C / groups, ...)."""
    kernel, rows = w.shape[2:], w.reshape(groups, w.shape[0] // groups, -1)
    out = out_sizes(x.shape[2:], kernel, stride, padding, dilation)
    view = _windows(padded(x, padding), kernel, stride, dilation, out)
    y = np.empty((len(x), *rows.shape[:2], prod(out)), np.result_type(x, w))
    for some in _blocks(len(x), view[:1].nbytes):
        columns = view[some].reshape(-1, groups, rows.shape[2], prod(out))
        np.matmul(rows, columns, out=y[some])
    return y.reshape(len(x), len(w), *out)


@op(
    tex=r"{0} *^{{\mathsf T}} {1}",
    samples=[((2, 4, 3, 2), (4, 2 // o["groups"], 2, 3), {"size": (n, 4), **o}) for o, n in zip(OPTIONS, (4, 6))],
)
def _conv_transpose(y, w, *, size, stride, padding, dilation, groups):
    """The transpose of `_conv` in x, which had ``size``: y (N, O, ...) times w, added up where the windows were."""
    kernel, rows = w.shape[2:], w.reshape(groups, w.shape[0] // groups, -1)
    out, channels = y.shape[2:], groups * w.shape[1]
    x = np.zeros((len(y), channels, *(n + lo + hi for n, (lo, hi) in zip(size, padding))), np.result_type(y, w))
    g = y.reshape(len(y), *rows.shape[:2], prod(out))
    for some in _blocks(len(y), prod(kernel) * channels * prod(out) * x.itemsize):
        columns = np.matmul(rows.swapaxes(-1, -2), g[some]).reshape(-1, channels, *kernel, *out)
        for place, at in zip(product(*map(range, kernel)), taps(kernel, stride, dilation, out)):
            x[some][at] += columns[:, :, *place]
    return np.ascontiguousarray(x[inside(size, padding)])


@op(
    tex=r"{0} \star {1}",
    samples=[((2, 2, n, 4), (2, 4, 3, 2), {"kernel": (2, 3), **o}) for o, n in zip(OPTIONS, (4, 6))],
)
def _conv_kernel(x, y, *, kernel, stride, padding, dilation, groups):
    """The transpose of `_conv` in w, which had ``kernel``: windows of x times y (N, O, ...), added up over both."""
    out, channels = y.shape[2:], x.shape[1] // groups
    view = _windows(padded(x, padding), kernel, stride, dilation, out)
    g = y.reshape(len(y), groups, y.shape[1] // groups, prod(out))
    w = np.zeros((groups, g.shape[2], channels * prod(kernel)), np.result_type(x, y))
    for some in _blocks(len(x), view[:1].nbytes):
        columns = view[some].reshape(-1, groups, w.shape[2], prod(out))
        w += np.matmul(g[some], columns.swapaxes(-1, -2)).sum(0)
    return w.reshape(y.shape[1], channels, *kernel)


_conv.defvjp(
    lambda g, _y, _x, w, **options: _conv_transpose(g, w, size=_x.shape[2:], **options),
    lambda g, _y, x, _w, **options: _conv_kernel(x, g, kernel=_w.shape[2:], **options),
    linear="each",
)
_conv_transpose.defvjp(
    lambda g, _x, _y, w, *, size, **options: _conv(g, w, **options),
    lambda g, _x, y, _w, *, size, **options: _conv_kernel(g, y, kernel=_w.shape[2:], **options),
    linear="each",
)
_conv_kernel.defvjp(
    lambda g, _w, _x, y, *, kernel, **options: _conv_transpose(y, g, size=_x.shape[2:], **options),
    lambda g, _w, x, _y, *, kernel, **options: _conv(x, g, **options),
    linear="each",
)


def each(value, dims, what):
    """An option as one integer for each axis."""
    values = (value,) * dims if np.ndim(value) == 0 else tuple(value)
    if len(values) != dims:
        raise ValueError(f"{what} is one integer or {dims}; got {value!r}")
    return tuple(int(v) for v in values)


def _both_sides(padding, dims, kernel, stride, dilation):
    """``padding`` as (before, after) for each axis; "same" keeps the size, an odd one at the end, as in torch."""
    if padding == "valid":
        return ((0, 0),) * dims
    if padding == "same":
        if any(s != 1 for s in stride):
            raise ValueError(f"padding='same' keeps the size only with stride 1; got stride {stride}")
        totals = [d * (k - 1) for k, d in zip(kernel, dilation)]
        return tuple((n // 2, n - n // 2) for n in totals)
    if isinstance(padding, str):
        raise ValueError(f"padding is 'same', 'valid', one integer or {dims}; got {padding!r}")
    return tuple((n, n) for n in each(padding, dims, "padding"))


def _checked(name, dims, x, weight, axis, groups=1):
    """x and weight as arrays, x with a batch axis, and whether it had one; ``axis`` of weight counts x's channels."""
    x, weight = as_array(x), as_array(weight)
    if weight.ndim != dims + 2 or x.ndim not in (dims + 1, dims + 2):
        raise ValueError(
            f"{name}: x has {dims + 2} axes, or {dims + 1} without the batch, and weight {dims + 2};"
            f" got shapes {x.shape} and {weight.shape}"
        )
    channels, takes = x.shape[-dims - 1], weight.shape[axis] * groups
    if channels != takes:
        raise ValueError(f"{name}: x has {channels} channels, and weight of shape {weight.shape} takes {takes}")
    batched = x.ndim == dims + 2
    return (x if batched else np.expand_dims(x, 0)), weight, batched


def _biased(y, bias, dims, batched):
    y = y if bias is None else y + np.reshape(bias, (-1, *(1,) * dims))
    return y if batched else np.reshape(y, y.shape[1:])


def _convolution(dims, x, weight, bias, stride, padding, dilation, groups):
    x, weight, batched = _checked(f"conv{dims}d", dims, x, weight, 1, groups)
    if weight.shape[0] % groups:
        raise ValueError(f"conv{dims}d: {weight.shape[0]} output channels do not make {groups} equal groups")
    stride, dilation = each(stride, dims, "stride"), each(dilation, dims, "dilation")
    padding = _both_sides(padding, dims, weight.shape[2:], stride, dilation)
    y = _conv(x, weight, stride=stride, padding=padding, dilation=dilation, groups=int(groups))
    return _biased(y, bias, dims, batched)


@composite(
    tex="{0} * {1} + {2}",
    samples=[
        ((2, 2, 5), (3, 2, 3)),
        ((2, 2, 5), (3, 2, 2), (3,), {"stride": 2, "padding": 1, "dilation": 2}),
        ((2, 4), (2, 1, 2), (2,), {"padding": "same", "groups": 2}),
    ],
)
def conv1d(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Cross-correlation along one axis: `conv2d` of x (N, C, L) with weight (O, C / groups, K)."""
    return _convolution(1, x, weight, bias, stride, padding, dilation, groups)


@composite(
    tex="{0} * {1} + {2}",
    samples=[
        ((2, 2, 4, 4), (3, 2, 3, 3)),
        ((1, 4, 4, 5), (2, 2, 2, 3), (2,), {"stride": (2, 1), "padding": (1, 0), "dilation": (1, 2), "groups": 2}),
        ((2, 4, 4), (3, 2, 2, 3), (3,), {"padding": "same"}),
    ],
)
def conv2d(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Each window of x times each kernel of weight, summed: cross-correlation, as nets use it.

    Parameters
    ----------
    x
        Of shape (N, C, H, W), or (C, H, W).
    weight, bias
        Of shapes (O, C / groups, KH, KW) and (O,).
    stride, padding, dilation
        One integer, or one for each axis; padding also "valid", which is 0, or "same", which keeps H and W.
    groups
        Output channels in group i see input channels in group i alone.

    Returns
    -------
    y
        Of shape (N, O, OH, OW) with ``OH = (H + 2 padding - dilation (KH - 1) - 1) // stride + 1``.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_np as tg
    >>> tg.conv2d(np.arange(9.0).reshape(1, 1, 3, 3), np.array([[[[-1.0, 1.0]]]]))
    array([[[[1., 1.],
             [1., 1.],
             [1., 1.]]]])
    """
    return _convolution(2, x, weight, bias, stride, padding, dilation, groups)


@composite(
    tex=r"{0} *^{{\mathsf T}} {1} + {2}",
    samples=[
        ((2, 2, 3, 3), (2, 3, 2, 3)),
        (
            (1, 4, 2, 3),
            (4, 1, 2, 2),
            (2,),
            {"stride": 2, "padding": 1, "output_padding": 1, "groups": 2, "dilation": 2},
        ),
        ((2, 2, 2), (2, 3, 2, 2), (3,)),
    ],
)
def conv_transpose2d(x, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    """The transpose of `conv2d` in its first argument: weight has shape (C, O / groups, KH, KW).

    Of the sizes that `conv2d` brings to (H, W), ``output_padding`` picks one:
    ``(H - 1) stride - 2 padding + dilation (KH - 1) + output_padding + 1``.
    """
    x, weight, batched = _checked("conv_transpose2d", 2, x, weight, 0)
    if weight.shape[0] % groups:
        raise ValueError(f"conv_transpose2d: {weight.shape[0]} channels do not make {groups} equal groups")
    stride, dilation = each(stride, 2, "stride"), each(dilation, 2, "dilation")
    padding, extra = each(padding, 2, "padding"), each(output_padding, 2, "output_padding")
    if any(e >= s for e, s in zip(extra, stride)):
        raise ValueError(f"conv_transpose2d: output_padding {extra} must be less than stride {stride}")
    size = tuple(
        (n - 1) * s - 2 * p + d * (k - 1) + e + 1
        for n, k, s, p, d, e in zip(x.shape[2:], weight.shape[2:], stride, padding, dilation, extra)
    )
    if min(size) < 1:
        raise ValueError(f"conv_transpose2d: padding {padding} leaves nothing of the output: its size would be {size}")
    y = _conv_transpose(
        x,
        weight,
        size=size,
        stride=stride,
        padding=tuple((p, p) for p in padding),
        dilation=dilation,
        groups=int(groups),
    )
    return _biased(y, bias, 2, batched)
