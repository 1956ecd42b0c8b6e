"""Normalisations; names, argument order and defaults as in torch.nn.functional, with ``axis`` for its ``dim``.

All that takes a mean and a variance is one op, `_standardise`, over other axes: its rule carries the paths through
both. Weights and biases are multiplied and added outside it.
"""

from __future__ import annotations

import numpy as np

from ..core.tensor import Tensor
from .declare import composite, op
from .nn import as_array
from .reduce import count


@op(
    tex=r"\frac{{{0} - \mu}}{{\sqrt{{\sigma^2 + \varepsilon}}}}",
    samples=[((3, 4), {"axes": (1,)}), ((4, 2, 3), {"axes": (0, 2)}), ((3, 4), {"axes": (0,), "eps": 0.1})],
)
def _standardise(x, *, axes, eps=1e-5):
    """x brought to mean 0 and variance 1 over some axes; with its mean and variance, their axes kept at size 1."""
    wide = x.astype(np.float32) if x.dtype == np.float16 else x  # sums of float16 lose too much
    n = count(x.shape, axes)
    mean = np.add.reduce(wide, axis=axes, keepdims=True) / n
    y = wide - mean
    variance = np.add.reduce(np.square(y), axis=axes, keepdims=True) / n
    y /= np.sqrt(variance + eps)
    return (y, mean, variance) if wide is x else tuple(v.astype(x.dtype) for v in (y, mean, variance))


def _standardise_vjp(g, outputs, _x, *, axes, eps):
    """With r = 1 / sqrt(variance + eps) and means over the n elements of a group:

    ``r (g_y - mean(g_y) - y mean(g_y y)) + (g_mean + 2 g_variance y / r) / n``
    """
    g, g_mean, g_variance = g
    y, _, variance = outputs
    n = count(_x.shape, axes)
    r = 1 / np.sqrt(variance + eps)
    along_y = 2 * g_variance / r - r * np.add.reduce(g * y, axis=axes, keepdims=True)
    along_1 = g_mean - r * np.add.reduce(g, axis=axes, keepdims=True)
    return r * g + y * (along_y / n) + along_1 / n


_standardise.defvjp(_standardise_vjp)


def _affine(y, weight, bias, shape):
    """``y * weight + bias``, both brought to ``shape``."""
    if weight is not None:
        y = y * (weight if np.shape(weight) == shape else np.reshape(weight, shape))
    if bias is not None:
        y = y + (bias if np.shape(bias) == shape else np.reshape(bias, shape))
    return y


def _channels(ndim):
    """The shape of one number a channel, along axis 1 of ``ndim``."""
    return (-1, *(1,) * (ndim - 2))


def _plain(x):
    return x._read("running statistics") if type(x) is Tensor else x


def _update(running, batch, momentum):
    """``running = (1 - momentum) running + momentum batch``, in the caller's array."""
    if running is not None:
        running = running.data if type(running) is Tensor else running
        running += momentum * (batch.reshape(running.shape).astype(running.dtype) - running)


def _by_running(x, running_mean, running_var, weight, bias, eps):
    shape = _channels(x.ndim)
    scale = 1 / np.sqrt(running_var + eps)
    scale = scale if weight is None else scale * weight
    y = (x - np.reshape(running_mean, shape)) * np.reshape(scale, shape)
    return y if bias is None else y + np.reshape(bias, shape)


STATISTICS = {"training": True}
CHANNELS = [
    ((4, 3), np.array([0.1, -0.2, 0.3]), np.array([0.5, 1.0, 2.0])),
    ((2, 3, 2), np.array([0.1, -0.2, 0.3]), np.array([0.5, 1.0, 2.0]), (3,), (3,)),
]


@composite(
    tex=r"\operatorname{{batchnorm}}({0})",
    samples=[
        *CHANNELS,
        ((4, 3), None, None, STATISTICS),
        ((2, 3, 2), None, None, (3,), (3,), STATISTICS),
        ((2, 3, 2, 2), None, None, (3,), None, {"training": True, "eps": 0.1}),
    ],
)
def batch_norm(x, running_mean, running_var, weight=None, bias=None, training=False, momentum=0.1, eps=1e-5):
    """Each channel, axis 1 of x, brought to mean 0 and variance 1; then ``* weight + bias``.

    Parameters
    ----------
    x
        Of shape (N, C, ...).
    running_mean, running_var
        Arrays of shape (C,), or None. When ``training`` they are updated in place at each call, the variance with
        its unbiased estimate; otherwise they are what is normalised by.
    training
        Normalise by the mean and (biased) variance of this batch, through which gradients flow.
    momentum
        Weight of this batch in the running statistics.

    Raises
    ------
    ValueError
        If a channel has one value when training: its variance says nothing, and the output would be ``bias``.
    """
    x = as_array(x)
    if not training:
        if running_mean is None or running_var is None:
            raise ValueError("batch_norm: without running_mean and running_var it needs training=True")
        return _by_running(x, running_mean, running_var, weight, bias, eps)
    axes = (0, *range(2, x.ndim))
    n = count(x.shape, axes)
    if n < 2:
        raise ValueError(f"batch_norm: training needs more than one value a channel; x has shape {x.shape}")
    y, mean, variance = _standardise(x, axes=axes, eps=eps)
    if running_mean is not None or running_var is not None:
        _update(running_mean, _plain(mean), momentum)
        _update(running_var, _plain(variance) * (n / (n - 1)), momentum)
    return _affine(y, weight, bias, _channels(x.ndim))


@composite(
    tex=r"\operatorname{{instancenorm}}({0})",
    samples=[((2, 3, 4),), ((2, 3, 2, 2), None, None, (3,), (3,)), (*CHANNELS[1], {"use_input_stats": False})],
)
def instance_norm(
    x, running_mean=None, running_var=None, weight=None, bias=None, use_input_stats=True, momentum=0.1, eps=1e-5
):
    """`batch_norm` of each sample by itself: x of shape (N, C, ...) is normalised over its axes from 2 on.

    Running statistics are means over the samples.
    """
    x = as_array(x)
    if not use_input_stats:
        if running_mean is None or running_var is None:
            raise ValueError("instance_norm: without running_mean and running_var it needs use_input_stats=True")
        return _by_running(x, running_mean, running_var, weight, bias, eps)
    axes = tuple(range(2, x.ndim))
    n = count(x.shape, axes)
    if n < 2:
        raise ValueError(f"instance_norm: needs more than one value a channel and sample; x has shape {x.shape}")
    y, mean, variance = _standardise(x, axes=axes, eps=eps)
    if running_mean is not None or running_var is not None:
        _update(running_mean, _plain(mean).mean(0), momentum)
        _update(running_var, _plain(variance).mean(0) * (n / (n - 1)), momentum)
    return _affine(y, weight, bias, _channels(x.ndim))


def _last_axes(name, x, normalized_shape):
    shape = (normalized_shape,) if np.ndim(normalized_shape) == 0 else tuple(normalized_shape)
    if not shape or x.shape[x.ndim - len(shape) :] != shape:
        raise ValueError(f"{name}: x has shape {x.shape}, which does not end in normalized_shape {shape}")
    return shape, tuple(range(x.ndim - len(shape), x.ndim))


LAST = [
    ((2, 4), {"normalized_shape": (4,)}),
    ((2, 3, 4), {"normalized_shape": (3, 4)}),
    ((2, 4), [4], (4,)),
]


@composite(tex=r"\operatorname{{layernorm}}({0})", samples=[*LAST, ((2, 4), [4], (4,), (4,), {"eps": 0.1})])
def layer_norm(x, normalized_shape, weight=None, bias=None, eps=1e-5):
    """x brought to mean 0 and variance 1 over its last axes, which have ``normalized_shape``; then ``* weight + bias``.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_np as tg
    >>> tg.layer_norm(np.array([[1.0, 3.0], [-2.0, 2.0]]), (2,)).round(3)
    array([[-1.,  1.],
           [-1.,  1.]])
    """
    x = as_array(x)
    shape, axes = _last_axes("layer_norm", x, normalized_shape)
    return _affine(_standardise(x, axes=axes, eps=eps)[0], weight, bias, shape)


@composite(tex=r"\operatorname{{rmsnorm}}({0})", samples=[*LAST, ((2, 4), [4], (4,), {"eps": 0.1})])
def rms_norm(x, normalized_shape, weight=None, eps=None):
    """x divided by its root mean square over its last axes, which have ``normalized_shape``; then ``* weight``.

    ``eps`` is added to the mean square; None is the machine epsilon of x.
    """
    x = as_array(x)
    shape, axes = _last_axes("rms_norm", x, normalized_shape)
    eps = float(np.finfo(x.dtype).eps) if eps is None else eps
    return _affine(x / np.sqrt(np.mean(np.square(x), axis=axes, keepdims=True) + eps), weight, None, shape)


@composite(
    tex=r"\operatorname{{groupnorm}}({0})",
    samples=[((2, 4, 3), 2), ((2, 4), 2, (4,), (4,)), ((2, 6, 2, 2), 3, (6,), None, 0.1)],
)
def group_norm(x, num_groups, weight=None, bias=None, eps=1e-5):
    """Channels, axis 1 of x, in groups, each brought to mean 0 and variance 1; then ``* weight + bias``."""
    x = as_array(x)
    if x.shape[1] % num_groups:
        raise ValueError(f"group_norm: {x.shape[1]} channels do not make {num_groups} equal groups")
    grouped = np.reshape(x, (x.shape[0], num_groups, x.shape[1] // num_groups, *x.shape[2:]))
    y = _standardise(grouped, axes=tuple(range(2, grouped.ndim)), eps=eps)[0]
    return _affine(np.reshape(y, x.shape), weight, bias, _channels(x.ndim))


@composite(
    tex=r"\frac{{{0}}}{{\|{0}\|}}",
    samples=[((2, 3),), ((2, 3), 1.0, -1), ((2, 3), 3.0, 0), ((3,), {"axis": 0})],
)
def normalize(x, p=2.0, axis=1, eps=1e-12):
    """``x / max(norm(x), eps)`` along an axis, with the norm of order p; at 0 the derivative is 1 / eps."""
    x = as_array(x)
    return x / np.maximum(np.linalg.norm(x, p, axis, keepdims=True), eps)


@composite(tex=r"\cos({0}, {1})", samples=[((2, 3), (2, 3)), ((2, 3), (3,), -1), ((3, 2), (3, 1), 0)])
def cosine_similarity(x1, x2, axis=1, eps=1e-8):
    """``sum(x1 x2) / (max(norm(x1), eps) max(norm(x2), eps))`` along an axis; x1 and x2 broadcast."""
    x1, x2 = as_array(x1), as_array(x2)
    lengths = [np.maximum(np.linalg.norm(x, axis=axis, keepdims=True), eps) for x in (x1, x2)]
    return np.sum((x1 / lengths[0]) * (x2 / lengths[1]), axis=axis)
