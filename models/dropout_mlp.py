"""Two dense layers with a ReLU and dropout between them; softmax cross-entropy over classes.

    h = x w1 + b1      h_relu = max(h, 0)      dropped = h_relu mask      logits = dropped w2 + b2
    e = mean over the batch of -ln softmax(logits)[y]

x is [batch, in]; h, h_relu, mask and dropped are [batch, hidden], logits [batch, classes]; y holds class numbers,
[batch]. In training each entry of mask is drawn by itself: 0 with probability ``drop``, else 1 / (1 - drop). So the
mean of dropped is h_relu, and in evaluation, with a mask of ones, the next layer meets what it is used to. (This is
called inverted dropout; the older way multiplied by 1 - drop in evaluation instead.)

The derivation, from the error back; de/dz has the shape of z throughout, [i = y] is 1 where i is y and 0 elsewhere.

1.  Softmax and cross-entropy in one (see softmax_classifier.py): de/dlogits = (softmax(logits) - [i = y]) / batch.
2.  The second layer is linear: de/dw2 = dropped' de/dlogits, de/db2 is the sum of the rows of de/dlogits, and
    de/ddropped = de/dlogits w2'.
3.  The mask is a constant once drawn, and multiplies each entry alone: de/dh_relu = de/ddropped mask. It has to be the
    one of the forward pass; a new one drawn here would send errors to units that had no part in them.
4.  ReLU passes an entry on or stops it: de/dh = de/dh_relu where h > 0, and 0 elsewhere (at 0 too).
5.  The first layer is the second over again: de/dw1 = x' de/dh, and de/db1 is the sum of the rows of de/dh.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_np import cross_entropy, relu

from ._descent import Array, Values
from ._shared import different_sizes, one_hot, softmax

__all__ = ["example", "forward", "init", "loss", "manual_gradients"]


def init(rng: np.random.Generator, n_in: int, n_hidden: int, n_out: int, dtype: Any = np.float64) -> dict[str, Array]:
    """Weights with variance 2 / in before ReLU, which halves it, and 1 / in after; biases 0."""
    return {
        "w1": (rng.standard_normal((n_in, n_hidden)) * np.sqrt(2 / n_in)).astype(dtype),
        "b1": np.zeros(n_hidden, dtype),
        "w2": (rng.standard_normal((n_hidden, n_out)) / np.sqrt(n_hidden)).astype(dtype),
        "b2": np.zeros(n_out, dtype),
    }


def example(rng: np.random.Generator, dtype: Any = np.float64) -> tuple[dict[str, Array], Array, Array]:
    """Parameters, x [batch, in] and classes y [batch], of random sizes."""
    batch, n_in, n_hidden, n_out = different_sizes(rng, 4, low=2)
    x = rng.standard_normal((batch, n_in)).astype(dtype)
    return init(rng, n_in, n_hidden, n_out, dtype), x, rng.integers(n_out, size=batch)


def forward(params: Values, x: Any, rng: np.random.Generator | None = None, drop: float = 0.5) -> Values:
    """``h``, ``h_relu``, ``mask`` and ``dropped`` [batch, hidden], ``logits`` [batch, classes].

    Parameters
    ----------
    rng
        What the mask is drawn from, in training. None: evaluation, nothing is dropped.
    drop
        The probability that a unit is dropped, in [0, 1).

    Examples
    --------
    >>> params = init(np.random.default_rng(0), 3, 6, 2)
    >>> forward(params, np.ones((2, 3)), rng=np.random.default_rng(1))["mask"]
    array([[2., 2., 0., 2., 0., 0.],
           [2., 0., 2., 0., 2., 2.]])
    """
    if not 0 <= drop < 1:
        raise ValueError(f"dropout_mlp: drop is a probability below 1; got {drop}")
    h = x @ params["w1"] + params["b1"]
    h_relu = relu(h)
    mask = np.ones(h.shape, h.dtype) if rng is None else (rng.random(h.shape) >= drop).astype(h.dtype) / (1 - drop)
    dropped = h_relu * mask
    logits = dropped @ params["w2"] + params["b2"]
    return {"h": h, "h_relu": h_relu, "mask": mask, "dropped": dropped, "logits": logits}


def loss(params: Values, x: Any, y: Any, values: Values | None = None) -> Any:
    """The cross-entropy between softmax(logits) and the classes y, averaged over the batch."""
    values = forward(params, x) if values is None else values
    return cross_entropy(values["logits"], y)


def manual_gradients(params: Values, x: Any, y: Any, values: Values | None = None) -> dict[str, Array]:
    """Derivatives of the loss by every value and parameter; the module's text derives them."""
    values = forward(params, x) if values is None else values
    h, mask, dropped, logits = (values[name] for name in ("h", "mask", "dropped", "logits"))

    # fmt: off
    g_logits = (softmax(logits) - one_hot(y, logits)) / len(x)  # de/dlogits = (softmax(logits) - [i = y]) / batch
    g_dropped = g_logits @ params["w2"].T    # logits = dropped w2 + b2:  de/ddropped = de/dlogits w2'
    g_w2 = dropped.T @ g_logits              #                            de/dw2      = dropped' de/dlogits
    g_b2 = g_logits.sum(axis=0)              #                            de/db2      = sum over the batch of de/dlogits
    g_h_relu = g_dropped * mask              # dropped = h_relu mask:     de/dh_relu  = de/ddropped mask
    g_h = g_h_relu * (h > 0)                 # h_relu = max(h, 0):        de/dh       = de/dh_relu where h > 0, else 0
    g_w1 = x.T @ g_h                         # h = x w1 + b1:             de/dw1      = x' de/dh
    g_b1 = g_h.sum(axis=0)                   #                            de/db1      = sum over the batch of de/dh
    # fmt: on
    by_values = {"logits": g_logits, "dropped": g_dropped, "h_relu": g_h_relu, "h": g_h}
    return by_values | {"w1": g_w1, "b1": g_b1, "w2": g_w2, "b2": g_b2}
