"""Losses; names, argument order and defaults as in torch.nn.functional.

Two differences: what torch has deprecated (size_average, reduce) is not there, and what follows it is given by
keyword; and the two sides of a loss must have one shape, or one of them be a number, where torch warns and broadcasts.
"""

from __future__ import annotations

import numpy as np

from ..core.tensor import Tensor
from .declare import composite, op
from .indexing import getitem
from .layers import in_range
from .nn import as_array, as_given, log_sigmoid, log_softmax, shifted, sigmoid, softmax

PAIR = [((2, 3), (2, 3)), ((3,), (3,), {"reduction": "sum"}), ((3,), 0.5, {"reduction": "none"})]


def _reduced(losses, reduction, mean=None):
    """The losses as asked for; ``mean`` gives their mean where it is another than the plain one."""
    if reduction == "mean":
        return np.mean(losses) if mean is None else mean()
    if reduction == "sum":
        return np.sum(losses)
    if reduction == "none":
        return losses
    raise ValueError(f"reduction is 'mean', 'sum' or 'none'; got {reduction!r}")


def _pair(name, x, target):
    """Both as arrays. A column against a row would broadcast to a matrix of differences, and train on nonsense."""
    x, target = as_array(x), as_array(target)
    if x.shape != target.shape and x.ndim and target.ndim:
        raise ValueError(f"{name}: x has shape {x.shape} and target {target.shape}; reshape one to the other")
    return x, target


@composite(tex=r"\operatorname{{mse}}({0}, {1})", samples=PAIR)
def mse_loss(x, target, *, reduction="mean"):
    """``(x - target)^2``, averaged.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_np as tg
    >>> float(tg.mse_loss(np.array([1.0, 2.0]), np.array([1.0, 4.0])))
    2.0
    """
    x, target = _pair("mse_loss", x, target)
    return _reduced(np.square(x - target), reduction)


@composite(tex=r"\operatorname{{mse}}({0}, {1})", samples=PAIR)
def mse(x, target, *, reduction="mean"):
    """`mse_loss`, for short."""
    return mse_loss(x, target, reduction=reduction)


@composite(tex=r"\operatorname{{mae}}({0}, {1})", samples=PAIR)
def l1_loss(x, target, *, reduction="mean"):
    """``|x - target|``, averaged; derivative 0 where they are equal."""
    x, target = _pair("l1_loss", x, target)
    return _reduced(np.abs(x - target), reduction)


@op(tex=r"\operatorname{{huber}}({0})", samples=[((4,),), ((2, 3), {"delta": 0.5})])
def _huber(d, *, delta=1.0):
    """``d^2 / 2`` up to delta, and from there straight on; derivative d, held between -delta and delta."""
    a = np.abs(d)
    near = np.minimum(a, delta)
    return near * (a - 0.5 * near)


_huber.defderivative(lambda _y, d, *, delta: np.clip(d, -delta, delta))


@composite(tex=r"\operatorname{{huber}}({0}, {1})", samples=[*PAIR, ((3,), (3,), {"delta": 0.5})])
def huber_loss(x, target, reduction="mean", delta=1.0):
    """``d^2 / 2`` where ``|d| <= delta``, else ``delta (|d| - delta / 2)``, with d = x - target; averaged."""
    if delta <= 0:
        raise ValueError(f"huber_loss: delta must be positive; got {delta}")
    x, target = _pair("huber_loss", x, target)
    return _reduced(_huber(x - target, delta=delta), reduction)


@composite(tex=r"\operatorname{{huber}}({0}, {1})", samples=[*PAIR, ((3,), (3,), {"delta": 0.5})])
def huber(x, target, reduction="mean", delta=1.0):
    """`huber_loss`, for short."""
    return huber_loss(x, target, reduction=reduction, delta=delta)


@composite(
    tex=r"\operatorname{{smooth\,l1}}({0}, {1})", samples=[*PAIR, *(((3,), (3,), {"beta": b}) for b in (0.5, 0))]
)
def smooth_l1_loss(x, target, *, reduction="mean", beta=1.0):
    """``d^2 / (2 beta)`` where ``|d| < beta``, else ``|d| - beta / 2``: `huber_loss` / beta; `l1_loss` at beta = 0."""
    if beta < 0:
        raise ValueError(f"smooth_l1_loss: beta must not be negative; got {beta}")
    x, target = _pair("smooth_l1_loss", x, target)
    return _reduced(_huber(x - target, delta=beta) / beta if beta else np.abs(x - target), reduction)


@composite(
    tex=r"\operatorname{{KL}}({1} \,\|\, {0})",
    samples=[
        *PAIR,
        ((2, 3), (2, 3), {"reduction": "batchmean"}),
        ((3,), (3,), {"log_target": True}),
    ],
    domain=(0.2, 2),
)
def kl_div(x, target, *, reduction="mean", log_target=False):
    """``target * (log(target) - x)``, averaged over all elements as in torch; "batchmean" divides by the first size.

    x holds logarithms of probabilities, target probabilities, or their logarithms with ``log_target``. Where a target
    is 0, so are the term and both its derivatives.
    """
    x, target = _pair("kl_div", x, target)
    if log_target:
        losses = np.exp(target) * (target - x)
    else:
        absent = target == 0
        losses = target * np.where(absent, 0, np.log(np.where(absent, 1, target)) - x)
    return np.sum(losses) / x.shape[0] if reduction == "batchmean" else _reduced(losses, reduction)


@op(tex=r"\operatorname{{bce}}({0}, {1})", samples=[((3,), (3,)), ((2, 3), (3,))], domain=(0.1, 0.9), singular=True)
def _binary_cross_entropy(p, target):
    with np.errstate(divide="ignore"):  # the logarithm of 0 is held at -100
        return -(target * np.maximum(np.log(p), -100) + (1 - target) * np.maximum(np.log1p(-p), -100))


def _bce_p(_y, p, target):
    """(p - target) / (p (1 - p)): 0 / 0 where a sure prediction is right, and so of its own."""
    return (p - target) / np.maximum(p * (1 - p), max(1e-12, float(np.finfo(p.dtype).tiny)))


_binary_cross_entropy.defderivative(
    _bce_p, lambda _y, p, _target: np.maximum(np.log1p(-p), -100) - np.maximum(np.log(p), -100)
)

WEIGHTED = [*PAIR, ((2, 3), (2, 3), np.array([1.0, 0.0, 2.0]))]


@composite(tex=r"\operatorname{{bce}}({0}, {1})", samples=WEIGHTED, domain=(0.1, 0.9))
def binary_cross_entropy(x, target, weight=None, *, reduction="mean"):
    """``-(target log(x) + (1 - target) log(1 - x))`` of probabilities x, averaged.

    As in torch a logarithm is held at -100, and the divisor of the derivative at 1e-12. From logits take
    `binary_cross_entropy_with_logits`, which needs neither.
    """
    x, target = _pair("binary_cross_entropy", x, target)
    losses = _binary_cross_entropy(x, target)
    return _reduced(losses if weight is None else losses * weight, reduction)


@op(tex=r"\operatorname{{bce}}(\sigma({0}), {1})", samples=[((3,), (3,)), ((2, 3), (3,))])
def _binary_cross_entropy_with_logits(x, target):
    return np.maximum(x, 0) - x * target + np.log1p(np.exp(-np.abs(x)))


_binary_cross_entropy_with_logits.defderivative(lambda _y, x, target: sigmoid(x) - target, lambda _y, x, _target: -x)


@composite(
    tex=r"\operatorname{{bce}}(\sigma({0}), {1})",
    samples=[*WEIGHTED, ((2, 3), (2, 3), {"pos_weight": np.array([1.0, 0.5, 2.0])})],
)
def binary_cross_entropy_with_logits(x, target, weight=None, *, reduction="mean", pos_weight=None):
    """`binary_cross_entropy` of sigmoid(x), without overflow or cancellation; derivative sigmoid(x) - target.

    ``pos_weight`` multiplies the term of the positive class.
    """
    x, target = _pair("binary_cross_entropy_with_logits", x, target)
    if pos_weight is None:
        losses = _binary_cross_entropy_with_logits(x, target)
    else:
        losses = -(pos_weight * target * log_sigmoid(x) + (1 - target) * log_sigmoid(-x))
    return _reduced(losses if weight is None else losses * weight, reduction)


CLASSES = [
    ((3, 4), np.array([0, 3, 1])),
    ((2, 3, 2), np.array([[0, 2], [2, 1]])),
    ((4,), np.array(2), {"axis": 0}),
]


def _at(target, n, axis):
    """The index that names, for each class number, its place along ``axis``; an error if one is not in [0, n)."""
    target = in_range(target, n, "class numbers")
    index = [np.arange(k).reshape(-1, *(1,) * (target.ndim - i - 1)) for i, k in enumerate(target.shape)]
    index.insert(axis, target)
    return tuple(index)


@op(tex="{0}_{{{1}}}", samples=CLASSES)
def _pick(x, target, *, axis=1):
    """The element of x that each class number names along ``axis``."""
    return x[_at(target, x.shape[axis], axis)]


@op(tex=r"\operatorname{{place}}({0})", samples=[((3,), np.array([0, 3, 3]), {"classes": 4})])
def _place(g, target, *, classes, axis=1):
    """The transpose of `_pick`: g at its class number along a new axis, 0 elsewhere."""
    y = np.zeros((*g.shape[:axis], classes, *g.shape[axis:]), g.dtype)
    y[_at(target, classes, axis)] = g
    return y


_pick.defvjp(lambda g, _y, _x, target, *, axis: _place(g, target, classes=_x.shape[axis], axis=axis), None)
_pick.defjvp(lambda x_dot, _y, _x, target, *, axis: _pick(x_dot, target, axis=axis), None)
_place.defvjp(lambda g, _y, _g, target, *, classes, axis: _pick(g, target, axis=axis), None)
_place.defjvp(lambda g_dot, _y, _g, target, **options: _place(g_dot, target, **options), None)


@op(tex=r"-\ln \operatorname{{softmax}}({0})_{{{1}}}", samples=CLASSES)
def _cross_entropy(x, target, *, axis=1):
    """One loss for each class number; cotangent g (softmax(x) - one_hot(target))."""
    d = shifted(x, axis)
    losses = np.log(np.add.reduce(np.exp(d), axis=axis)) - d[_at(target, x.shape[axis], axis)]
    return as_given(losses, x)


def _cross_entropy_vjp(g, _y, x, target, *, axis):
    hit = _place(g, target, classes=x.shape[axis], axis=axis)
    return np.expand_dims(g, axis) * softmax(x, axis=axis) - hit


_cross_entropy.defvjp(_cross_entropy_vjp, None)


def _unignored(target, ignore_index):
    """Class numbers with 0 in place of what is to be ignored; and where that is, None for nowhere."""
    ignored = target == ignore_index
    if type(ignored) is not Tensor and not ignored.any():
        return target, None
    return np.where(ignored, 0, target), ignored


def _along(weight, axis, ndim):
    """A weight for each class, to be multiplied along the class axis."""
    return np.reshape(weight, tuple(-1 if i == axis else 1 for i in range(ndim)))


def _class_losses(losses, target, ignored, weight, reduction, smooth=None, smoothing=0.0):
    """Losses of class numbers, weighted by class and reduced: a mean is over the weights of what is not ignored."""
    share = None if weight is None else getitem(weight, target)
    losses = losses if share is None else losses * share
    losses = losses if smooth is None else (1 - smoothing) * losses + smoothing * smooth
    if ignored is None and share is None:
        return _reduced(losses, reduction)
    losses = losses if ignored is None else np.where(ignored, 0, losses)

    def mean():
        counted = np.ones(losses.shape, losses.dtype) if share is None else share
        return np.sum(losses) / np.sum(counted if ignored is None else np.where(ignored, 0, counted))

    return _reduced(losses, reduction, mean)


def _class_axis(name, x, target):
    axis = min(x.ndim, 2) - 1
    expected = (*x.shape[:axis], *x.shape[axis + 1 :])
    if x.ndim == 0 or target.dtype.kind not in "iu" or target.shape != expected:
        raise ValueError(
            f"{name}: for x of shape {x.shape}, with classes along axis {axis}, target holds integer class numbers in"
            f" shape {expected}; got {target.dtype} in shape {target.shape}"
        )
    return axis


TARGETS = [
    ((3, 4), np.array([0, 3, 1])),
    ((3, 4), np.array([0, 3, 1]), np.array([1.0, 0.5, 0.0, 2.0])),
    ((2, 3, 2), np.array([[0, 2], [-100, 1]]), {"reduction": "none"}),
    ((4,), np.array(2), {"reduction": "sum"}),
]


@composite(tex=r"-{0}_{{{1}}}", samples=TARGETS)
def nll_loss(x, target, weight=None, *, ignore_index=-100, reduction="mean"):
    """``-x[target]`` of logarithms of probabilities x, with classes along axis 1; averaged as in `cross_entropy`."""
    x, target = as_array(x), as_array(target)
    axis = _class_axis("nll_loss", x, target)
    target, ignored = _unignored(target, ignore_index)
    return _class_losses(-_pick(x, target, axis=axis), target, ignored, weight, reduction)


@composite(
    tex=r"-\ln \operatorname{{softmax}}({0})_{{{1}}}",
    samples=[
        *TARGETS,
        ((3, 4), np.array([0, 3, -100]), np.array([1.0, 0.5, 0.0, 2.0]), {"label_smoothing": 0.1}),
        ((3, 4), (3, 4)),
        ((2, 3, 2), (2, 3, 2), np.array([1.0, 0.5, 2.0]), {"label_smoothing": 0.1, "reduction": "none"}),
    ],
)
def cross_entropy(x, target, weight=None, *, ignore_index=-100, reduction="mean", label_smoothing=0.0):
    """``-log(softmax(x))[target]`` of logits x, averaged; its cotangent is softmax(x) - one_hot(target).

    Parameters
    ----------
    x
        Logits of shape (N, C, ...) or (C,): classes along axis 1.
    target
        Class numbers, an integer array without the class axis; or probabilities in the shape of x.
    weight
        A weight for each class. With class numbers a mean is divided by the sum of the weights it took.
    ignore_index
        The class number whose losses are 0, and not counted.
    label_smoothing
        How much of the target is spread over all classes.

    Logits may be large or -inf; a row of -inf counts as one of equal logits.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_np as tg
    >>> logits, target = np.array([[1000.0, 0.0], [0.0, 0.0]]), np.array([1, 1])
    >>> tg.grad(lambda x: tg.cross_entropy(x, target, reduction="sum"))(logits)
    array([[ 1. , -1. ],
           [ 0.5, -0.5]])
    """
    x, target = as_array(x), as_array(target)
    soft = target.shape == x.shape and target.dtype.kind == "f"
    axis = min(x.ndim, 2) - 1 if soft else _class_axis("cross_entropy", x, target)
    if not soft:
        target, ignored = _unignored(target, ignore_index)
        if not label_smoothing:
            return _class_losses(_cross_entropy(x, target, axis=axis), target, ignored, weight, reduction)
    log_p = log_softmax(x, axis=axis)
    weighted = log_p if weight is None else log_p * _along(weight, axis, x.ndim)
    if not soft:
        losses, smooth = -_pick(log_p, target, axis=axis), -np.mean(weighted, axis=axis)
        return _class_losses(losses, target, ignored, weight, reduction, smooth, label_smoothing)
    n = x.shape[axis]
    target = target * (1 - label_smoothing) + label_smoothing / n if label_smoothing else target
    certain = (target == 0) & np.isneginf(weighted)  # 0 * -inf: what cannot be and is not expected costs nothing
    losses = -np.sum(target * np.where(certain, 0, weighted), axis=axis)
    return _reduced(losses, reduction)
