"""A residual block: what layer norm and two dense layers make of h is added to h; then a softmax classifier.

    h = x w1 + b1
    mean = mean over the row of h                        centred = h - mean
    variance = mean over the row of centred^2            deviation = sqrt(variance + EPS)
    h_hat = centred / deviation        normed = h_hat gamma + beta
    z = normed w2 + b2        z_relu = max(z, 0)        branch = z_relu w3 + b3        out = h + branch
    logits = out w4 + b4        e = mean over the batch of -ln softmax(logits)[y]

x is [batch, in]; h, centred, h_hat, normed, branch and out are [batch, width]; mean, variance and deviation [batch, 1],
one number a sample; gamma and beta [width]; z and z_relu [batch, hidden]; logits [batch, classes]; y holds class
numbers, [batch].

The derivation, from the error back; de/dz has the shape of z throughout, [i = y] is 1 where i is y and 0 elsewhere.

1.  Softmax and cross-entropy in one (see softmax_classifier.py): de/dlogits = (softmax(logits) - [i = y]) / batch.
2.  A dense layer u = v w + b: de/dv = de/du w', de/dw = v' de/du, de/db = sum over the batch of de/du. There are four.
3.  out = h + branch hands de/dout on to both as it is. h will get more from the branch: what comes back on both paths
    adds up. However small the branch makes it, the other path brings de/dout down whole; that is why such blocks can be
    stacked by the hundred.
4.  ReLU passes an entry on or stops it: de/dz = de/dz_relu where z > 0, and 0 elsewhere (at 0 too).
5.  gamma and beta are used by every sample: de/dgamma = sum over the batch of de/dnormed h_hat,
    de/dbeta = sum over the batch of de/dnormed, de/dh_hat = de/dnormed gamma.
6.  Centring and dividing, as in batch_norm_mlp.py, with sums over the row where those are over the batch:
    de/ddeviation = -sum over the row of de/dh_hat h_hat / deviation          h_hat = centred / deviation
    de/dvariance = de/ddeviation / (2 deviation)                              deviation = sqrt(variance + EPS)
    de/dcentred = de/dh_hat / deviation + de/dvariance 2 centred / width      it is felt twice
    de/dmean = -sum over the row of de/dcentred                               centred = h - mean
7.  h is felt three times: in out, in centred, in the mean: de/dh = de/dout + de/dcentred + de/dmean / width.

A sample's statistics are its own, so training and evaluation are the same, and a batch of one will do.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_np import cross_entropy, relu

from ._descent import Array, Values
from ._shared import different_sizes, one_hot, softmax

__all__ = ["example", "forward", "init", "loss", "manual_gradients"]

EPS = 1e-5  # keeps a row of equal numbers from a division by 0


def init(
    rng: np.random.Generator, n_in: int, width: int, n_hidden: int, n_out: int, dtype: Any = np.float64
) -> dict[str, Array]:
    """Weights with variance 2 / in before ReLU, which halves it, else 1 / in; gamma 1, beta and the biases 0."""
    params: dict[str, Array] = {"gamma": np.ones(width, dtype), "beta": np.zeros(width, dtype)}
    layers = ((n_in, width, 1), (width, n_hidden, 2), (n_hidden, width, 1), (width, n_out, 1))
    for layer, (fan_in, fan_out, gain) in enumerate(layers, 1):
        params[f"w{layer}"] = (rng.standard_normal((fan_in, fan_out)) * np.sqrt(gain / fan_in)).astype(dtype)
        params[f"b{layer}"] = np.zeros(fan_out, dtype)
    return params


def example(rng: np.random.Generator, dtype: Any = np.float64) -> tuple[dict[str, Array], Array, Array]:
    """Parameters, x [batch, in] and classes y [batch], of random sizes."""
    batch, n_in, above, n_hidden, n_out = different_sizes(rng, 5, low=2)
    width = above + 7  # of two or three numbers hardly anything is left when mean and variance are taken out
    x = rng.standard_normal((batch, n_in)).astype(dtype)
    return init(rng, n_in, width, n_hidden, n_out, dtype), x, rng.integers(n_out, size=batch)


def forward(params: Values, x: Any) -> Values:
    """All that the module's text names, up to ``logits`` [batch, classes].

    Examples
    --------
    >>> params = init(np.random.default_rng(0), 3, 8, 6, 2)
    >>> values = forward(params, np.random.default_rng(1).normal(size=(5, 3)))
    >>> values["h_hat"].std(axis=1).round(3), values["logits"].shape
    (array([1., 1., 1., 1., 1.]), (5, 2))
    """
    h = x @ params["w1"] + params["b1"]
    mean = h.mean(axis=1, keepdims=True)
    centred = h - mean
    variance = (centred**2).mean(axis=1, keepdims=True)
    deviation = np.sqrt(variance + EPS)
    h_hat = centred / deviation
    normed = h_hat * params["gamma"] + params["beta"]
    z = normed @ params["w2"] + params["b2"]
    z_relu = relu(z)
    branch = z_relu @ params["w3"] + params["b3"]
    out = h + branch
    logits = out @ params["w4"] + params["b4"]
    values = {"h": h, "mean": mean, "centred": centred, "variance": variance, "deviation": deviation, "h_hat": h_hat}
    return values | {"normed": normed, "z": z, "z_relu": z_relu, "branch": branch, "out": out, "logits": logits}


def loss(params: Values, x: Any, y: Any, values: Values | None = None) -> Any:
    """The cross-entropy between softmax(logits) and the classes y, averaged over the batch."""
    values = forward(params, x) if values is None else values
    return cross_entropy(values["logits"], y)


def manual_gradients(params: Values, x: Any, y: Any, values: Values | None = None) -> dict[str, Array]:
    """Derivatives of the loss by every value and parameter; the module's text derives them."""
    values = forward(params, x) if values is None else values
    centred, deviation, h_hat, normed, z, z_relu, out, logits = (
        values[name] for name in ("centred", "deviation", "h_hat", "normed", "z", "z_relu", "out", "logits")
    )
    width = h_hat.shape[1]

    # fmt: off
    g_logits = (softmax(logits) - one_hot(y, logits)) / len(x)  # de/dlogits = (softmax(logits) - [i = y]) / batch
    g_out = g_logits @ params["w4"].T            # logits = out w4 + b4:        de/dout    = de/dlogits w4'
    g_w4 = out.T @ g_logits                      #                              de/dw4     = out' de/dlogits
    g_b4 = g_logits.sum(axis=0)                  #                              de/db4     = sum of de/dlogits
    g_branch = g_out                             # out = h + branch:            de/dbranch = de/dout, as is
    g_z_relu = g_branch @ params["w3"].T         # branch = z_relu w3 + b3:     de/dz_relu = de/dbranch w3'
    g_w3 = z_relu.T @ g_branch                   #                              de/dw3     = z_relu' de/dbranch
    g_b3 = g_branch.sum(axis=0)                  #                              de/db3     = sum of de/dbranch
    g_z = g_z_relu * (z > 0)                     # z_relu = max(z, 0):          de/dz      = de/dz_relu where z > 0
    g_normed = g_z @ params["w2"].T              # z = normed w2 + b2:          de/dnormed = de/dz w2'
    g_w2 = normed.T @ g_z                        #                              de/dw2     = normed' de/dz
    g_b2 = g_z.sum(axis=0)                       #                              de/db2     = sum of de/dz
    g_gamma = (g_normed * h_hat).sum(axis=0)     # normed = h_hat gamma + beta: de/dgamma  = sum of de/dnormed h_hat
    g_beta = g_normed.sum(axis=0)                #                              de/dbeta   = sum of de/dnormed
    g_h_hat = g_normed * params["gamma"]         #                              de/dh_hat  = de/dnormed gamma
    # h_hat = centred / deviation, below the line: de/ddeviation = -sum over the row of de/dh_hat h_hat / deviation
    g_deviation = -row_sum(g_h_hat * h_hat) / deviation
    # deviation = sqrt(variance + EPS):            de/dvariance = de/ddeviation / (2 deviation)
    g_variance = g_deviation / (2 * deviation)
    # above it, and variance = mean of centred^2:  de/dcentred = de/dh_hat / deviation + de/dvariance 2 centred / width
    g_centred = g_h_hat / deviation + g_variance * 2 * centred / width
    # centred = h - mean:                          de/dmean = -sum over the row of de/dcentred
    g_mean = -row_sum(g_centred)
    # h in out, in centred, in mean = mean of h:   de/dh = de/dout + de/dcentred + de/dmean / width
    g_h = g_out + g_centred + g_mean / width
    g_w1 = x.T @ g_h                             # h = x w1 + b1:               de/dw1     = x' de/dh
    g_b1 = g_h.sum(axis=0)                       #                              de/db1     = sum of de/dh
    return {
        "logits": g_logits, "w4": g_w4, "b4": g_b4, "out": g_out,
        "branch": g_branch, "w3": g_w3, "b3": g_b3, "z_relu": g_z_relu,
        "z": g_z, "w2": g_w2, "b2": g_b2, "normed": g_normed, "gamma": g_gamma, "beta": g_beta, "h_hat": g_h_hat,
        "deviation": g_deviation, "variance": g_variance, "centred": g_centred, "mean": g_mean,
        "h": g_h, "w1": g_w1, "b1": g_b1,
    }
    # fmt: on


def row_sum(a: Array) -> Array:
    """Over the last axis, which stays with size 1."""
    return np.asarray(a.sum(axis=-1, keepdims=True))
