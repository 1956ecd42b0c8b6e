"""Two convolutions, a maximum pool between them, and a dense layer; softmax cross-entropy over classes of images.

    a1 = w1 * x + b1           r1 = max(a1, 0)        pooled = the largest of every 2x2 window of r1
    a2 = w2 * pooled + b2      r2 = max(a2, 0)        logits = r2 w3 + b3, with r2 as one row a sample
    e = mean over the batch of -ln softmax(logits)[y]

x is [batch, height, width, channels], height and width even; y holds class numbers, [batch]. w1 is [k, k, channels, f1]
and w2 [k, k, f1, f2], k odd; `*` slides the window over every place, with zeros around the image, so that its size
stays: a1 and r1 are [batch, height, width, f1], a2 and r2 half as high and wide, with f2 channels.

A convolution is a matrix product. `patches` lays the k x k window around each pixel out as one row, so that

    cols = patches(z)   [batch height width, k k channels]        a = cols w + b   with w as [k k channels, filters]

and its derivation is that of a dense layer, with a row a pixel instead of a row a sample, plus that of `patches`.

The derivation, from the error back; de/dz has the shape of z throughout, [i = y] is 1 where i is y and 0 elsewhere.

1.  -ln softmax(logits)[y] = ln(sum over i of e^logits[i]) - logits[y]. The derivative of the first term by logits[i] is
    softmax(logits)[i], that of the second [i = y], and the mean divides by the batch:
    de/dlogits = (softmax(logits) - [i = y]) / batch.
2.  The dense layer is linear, and flattening only renames entries: de/dw3 = r2' de/dlogits with r2 as a row a sample,
    de/db3 = sum over the batch of de/dlogits, de/dr2 = de/dlogits w3' in the shape of r2.
3.  ReLU passes an entry on or stops it: de/da2 = de/dr2 where a2 > 0, and 0 elsewhere (at 0 too).
4.  The convolution as a dense layer on rows: de/dw2 = cols2' de/da2, de/db2 = sum over batch and places of de/da2,
    de/dcols2 = de/da2 w2'. All places share the filters, so they get the sums over the places.
5.  `patches` copies pooled[s, r, c] into up to k k rows, one for each window that contains the pixel, and what comes
    back from all the copies adds up: `unpatches` adds the k k shifted images that de/dcols2 consists of.
6.  Only the largest entry of a window is felt through its maximum: de/dr1 = de/dpooled there, and 0 elsewhere. Where
    several tie they share it equally, as in the engine; behind a ReLU they tie at 0, where it stops them anyway.
7.  ReLU and convolution over again: de/da1, de/dw1 and de/db1. x is data, and nobody asks for de/dcols1.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_np import cross_entropy, relu

from ._descent import Array, Values
from ._shared import one_hot, rows, softmax

__all__ = ["example", "forward", "init", "loss", "manual_gradients"]

VALUES = ("a1", "r1", "pooled", "cols2", "a2", "r2", "logits")


def init(
    rng: np.random.Generator,
    height: int,
    width: int,
    n_in: int,
    filters: tuple[int, int],
    n_out: int,
    k: int = 3,
    dtype: Any = np.float64,
) -> dict[str, Array]:
    """Normal weights with variance 2 / fan-in before a ReLU, which halves it, else 1 / fan-in; biases 0.

    Parameters
    ----------
    n_in
        Channels of an image.
    filters
        How many the first convolution has, and the second.
    k
        Height and width of a filter.

    Raises
    ------
    ValueError
        If height or width is odd, so that windows of 2x2 do not cover the image, or k is even, without a middle.
    """
    if height % 2 or width % 2 or k % 2 == 0:
        raise ValueError(f"a convnet takes an even height and width and an odd k; got {height}, {width} and {k}")
    f1, f2 = filters
    n_flat = height // 2 * (width // 2) * f2
    params = {}
    for layer, (fan_in, shape, gain) in enumerate(
        [(k * k * n_in, (k, k, n_in, f1), 2), (k * k * f1, (k, k, f1, f2), 2), (n_flat, (n_flat, n_out), 1)], 1
    ):
        params[f"w{layer}"] = (rng.standard_normal(shape) * np.sqrt(gain / fan_in)).astype(dtype)
        params[f"b{layer}"] = np.zeros(shape[-1], dtype)
    return params


def example(rng: np.random.Generator, dtype: Any = np.float64) -> tuple[dict[str, Array], Array, Array]:
    """Parameters, images x [batch, height, width, channels] and classes y [batch], of random sizes."""
    batch, n_in, f1, f2 = rng.permutation([1, 3, 5, 7]).tolist()
    height, width = rng.permutation([2, 4, 6])[:2].tolist()
    n_out = int(rng.integers(8, 11))
    params = init(rng, height, width, n_in, (f1, f2), n_out, k=int(rng.choice([1, 3])), dtype=dtype)
    for name in ("b1", "b2"):  # with zeros, and zeros around the image, ReLUs would stand at their kink
        params[name] += rng.standard_normal(params[name].shape).astype(dtype)
    x = rng.standard_normal((batch, height, width, n_in)).astype(dtype)
    return params, x, rng.integers(n_out, size=batch)


def patches(z: Any, k: int) -> Any:
    """The k x k windows around the pixels of z [batch, height, width, channels], a row each.

    Examples
    --------
    >>> patches(np.arange(1, 5).reshape(1, 2, 2, 1), 3)
    array([[0, 0, 0, 0, 1, 2, 0, 3, 4],
           [0, 0, 0, 1, 2, 0, 3, 4, 0],
           [0, 1, 2, 0, 3, 4, 0, 0, 0],
           [1, 2, 0, 3, 4, 0, 0, 0, 0]])
    """
    batch, height, width, channels = z.shape
    edge = k // 2
    z = np.pad(z, ((0, 0), (edge, edge), (edge, edge), (0, 0)))
    shifted = [z[:, i : i + height, j : j + width] for i in range(k) for j in range(k)]
    return np.concatenate(shifted, axis=3).reshape(batch * height * width, k * k * channels)


def unpatches(g_cols: Array, shape: tuple[int, ...], k: int) -> Array:
    """The cotangent of z, of this shape, from that of ``patches(z, k)``: each pixel collects from all its copies."""
    batch, height, width, channels = shape
    edge = k // 2
    g = np.zeros((batch, height + 2 * edge, width + 2 * edge, channels), g_cols.dtype)
    g_cols = g_cols.reshape(batch, height, width, k, k, channels)
    for i in range(k):
        for j in range(k):
            g[:, i : i + height, j : j + width] += g_cols[:, :, :, i, j]
    return g[:, edge : edge + height, edge : edge + width]


def windows(z: Any) -> Any:
    """z [batch, height, width, channels] with each 2x2 window along axes 2 and 4 of its own."""
    batch, height, width, channels = z.shape
    return z.reshape(batch, height // 2, 2, width // 2, 2, channels)


def spread(z: Any) -> Any:
    """z [batch, height / 2, width / 2, channels], to stand over each entry of `windows`."""
    return z[:, :, None, :, None]


def forward(params: Values, x: Any) -> Values:
    """``a1``, ``r1``, ``pooled``, ``cols2``, ``a2``, ``r2`` and ``logits`` [batch, classes].

    Examples
    --------
    >>> params = init(np.random.default_rng(0), 8, 6, 1, (2, 3), 10)
    >>> values = forward(params, np.ones((5, 8, 6, 1)))
    >>> {name: values[name].shape for name in ("r1", "pooled", "cols2", "logits")}
    {'r1': (5, 8, 6, 2), 'pooled': (5, 4, 3, 2), 'cols2': (60, 18), 'logits': (5, 10)}
    """
    w1, w2, w3 = params["w1"], params["w2"], params["w3"]
    batch, height, width, _ = x.shape
    a1 = (patches(x, len(w1)) @ rows(w1) + params["b1"]).reshape(batch, height, width, -1)
    r1 = relu(a1)
    pooled = windows(r1).max(axis=(2, 4))
    cols2 = patches(pooled, len(w2))
    a2 = (cols2 @ rows(w2) + params["b2"]).reshape(batch, height // 2, width // 2, -1)
    r2 = relu(a2)
    logits = r2.reshape(batch, -1) @ w3 + params["b3"]
    return {"a1": a1, "r1": r1, "pooled": pooled, "cols2": cols2, "a2": a2, "r2": r2, "logits": logits}


def loss(params: Values, x: Any, y: Any, values: Values | None = None) -> Any:
    """The cross-entropy between softmax(logits) and the classes y, averaged over the batch."""
    values = forward(params, x) if values is None else values
    return cross_entropy(values["logits"], y)


def manual_gradients(params: Values, x: Any, y: Any, values: Values | None = None) -> dict[str, Array]:
    """Derivatives of the loss by every value and parameter; the module's text derives them."""
    values = forward(params, x) if values is None else values
    a1, r1, pooled, cols2, a2, r2, logits = (values[name] for name in VALUES)
    w1, w2, w3 = params["w1"], params["w2"], params["w3"]
    cols1 = patches(x, len(w1))
    largest = windows(r1) == spread(pooled)
    ties = largest.sum(axis=(2, 4), dtype=r1.dtype)

    # fmt: off
    g_logits = (softmax(logits) - one_hot(y, logits)) / len(x)  # de/dlogits = (softmax(logits) - [i = y]) / batch
    g_r2 = (g_logits @ w3.T).reshape(r2.shape)           # logits = r2 w3 + b3:      de/dr2     = de/dlogits w3'
    g_w3 = r2.reshape(len(x), -1).T @ g_logits           #                           de/dw3     = r2' de/dlogits
    g_b3 = g_logits.sum(axis=0)                          #                           de/db3     = sum over the batch
    g_a2 = g_r2 * (a2 > 0)                               # r2 = max(a2, 0):          de/da2     = de/dr2 where a2 > 0
    g_cols2 = rows(g_a2) @ rows(w2).T                    # a2 = cols2 w2 + b2:       de/dcols2  = de/da2 w2'
    g_w2 = (cols2.T @ rows(g_a2)).reshape(w2.shape)      #                           de/dw2     = cols2' de/da2
    g_b2 = rows(g_a2).sum(axis=0)                        #                           de/db2     = sum over the rows
    g_pooled = unpatches(g_cols2, pooled.shape, len(w2))  # cols2 = patches(pooled): de/dpooled = sum over the copies
    shares = largest * spread(g_pooled / ties)           # pooled = largest of r1:
    g_r1 = shares.reshape(r1.shape)                      #                           de/dr1     = de/dpooled / ties
    g_a1 = g_r1 * (a1 > 0)                               # r1 = max(a1, 0):          de/da1     = de/dr1 where a1 > 0
    g_w1 = (cols1.T @ rows(g_a1)).reshape(w1.shape)      # a1 = cols1 w1 + b1:       de/dw1     = cols1' de/da1
    g_b1 = rows(g_a1).sum(axis=0)                        #                           de/db1     = sum over the rows
    return {
        "logits": g_logits, "r2": g_r2, "a2": g_a2, "cols2": g_cols2, "pooled": g_pooled, "r1": g_r1, "a1": g_a1,
        "w3": g_w3, "b3": g_b3, "w2": g_w2, "b2": g_b2, "w1": g_w1, "b1": g_b1,
    }
    # fmt: on
