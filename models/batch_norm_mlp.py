"""Two dense layers with batch norm and a ReLU between them; softmax cross-entropy over classes.

    h = x w1
    mean = mean over the batch of h                      centred = h - mean
    variance = mean over the batch of centred^2          deviation = sqrt(variance + EPS)
    h_hat = centred / deviation        z = h_hat gamma + beta        z_relu = max(z, 0)        logits = z_relu w2 + b2
    e = mean over the batch of -ln softmax(logits)[y]

x is [batch, in]; h, centred, h_hat, z and z_relu are [batch, hidden]; mean, variance, deviation, gamma and beta are
[hidden], one number a unit; logits are [batch, classes]; y holds class numbers, [batch]. The first layer has no bias:
centring would take it off again, and beta is one.

The derivation, from the error back; de/dz has the shape of z throughout, [i = y] is 1 where i is y and 0 elsewhere, and
sums are over the batch, since each number a unit is used by every sample.

1.  Softmax and cross-entropy in one (see softmax_classifier.py): de/dlogits = (softmax(logits) - [i = y]) / batch.
2.  The second layer is linear: de/dw2 = z_relu' de/dlogits, de/db2 = sum of de/dlogits, de/dz_relu = de/dlogits w2'.
    ReLU passes an entry on or stops it: de/dz = de/dz_relu where z > 0, and 0 elsewhere (at 0 too).
3.  Scale and shift, unit by unit: de/dgamma = sum of de/dz h_hat, de/dbeta = sum of de/dz, de/dh_hat = de/dz gamma.
4.  The quotient h_hat = centred / deviation has the derivatives 1 / deviation by what is above the line, and
    -centred / deviation^2 = -h_hat / deviation by what is below: de/ddeviation = -sum of de/dh_hat h_hat / deviation.
5.  The root: de/dvariance = de/ddeviation / (2 deviation).
6.  centred is felt twice, above the line and through the variance, where its square is divided by the batch:
    de/dcentred = de/dh_hat / deviation + de/dvariance 2 centred / batch.
7.  The mean is taken off every row: de/dmean = -sum of de/dcentred. And h is felt twice, directly and through the mean:
    de/dh = de/dcentred + de/dmean / batch.
8.  The first layer: de/dw1 = x' de/dh.

Steps 4 to 7 in one, as most books print it: de/dh = (g - mean(g) - h_hat mean(g h_hat)) / deviation with g = de/dh_hat.
It shows what batch norm does to a gradient: along 1 and along h_hat nothing is left (but for EPS), as shifting or
scaling a column of h changes nothing.

In evaluation a sample must not depend on those beside it. ``forward(params, x, statistics)`` centres and divides by
the means and variances that `running` has gathered in training. They are constants, so steps 4 to 7 shrink to
de/dh = de/dcentred = de/dh_hat / deviation.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_np import cross_entropy, relu

from ._descent import Array, Values, plain
from ._shared import different_sizes, one_hot, softmax

__all__ = ["example", "forward", "init", "loss", "manual_gradients", "running"]

EPS = 1e-5  # keeps a unit that is the same for all samples from a division by 0


def init(rng: np.random.Generator, n_in: int, n_hidden: int, n_out: int, dtype: Any = np.float64) -> dict[str, Array]:
    """Weights with variance 1 / in, gamma 1, beta and the bias 0. (No matter how large w1 is: it is divided out.)"""
    return {
        "w1": (rng.standard_normal((n_in, n_hidden)) / np.sqrt(n_in)).astype(dtype),
        "gamma": np.ones(n_hidden, dtype),
        "beta": np.zeros(n_hidden, dtype),
        "w2": (rng.standard_normal((n_hidden, n_out)) / np.sqrt(n_hidden)).astype(dtype),
        "b2": np.zeros(n_out, dtype),
    }


def example(rng: np.random.Generator, dtype: Any = np.float64) -> tuple[dict[str, Array], Array, Array]:
    """Parameters, x [batch, in] and classes y [batch], of random sizes."""
    n_in, n_hidden, n_out, above = different_sizes(rng, 4, low=2)
    batch = above + 7  # of two or three samples hardly anything is left when mean and variance are taken out
    x = rng.standard_normal((batch, n_in)).astype(dtype)
    return init(rng, n_in, n_hidden, n_out, dtype), x, rng.integers(n_out, size=batch)


def forward(params: Values, x: Any, statistics: Values | None = None) -> Values:
    """All that the module's text names, up to ``logits`` [batch, classes].

    Parameters
    ----------
    statistics
        ``mean`` and ``variance`` [hidden] to normalise by, in evaluation. None: those of this batch. Given, they are
        among the values as ``running_mean`` and ``running_variance``, in place of ``mean`` and ``variance``.

    Raises
    ------
    ValueError
        If the batch has to tell its own variance and is one sample.

    Examples
    --------
    >>> params = init(np.random.default_rng(0), 3, 4, 2)
    >>> x = np.random.default_rng(1).normal(size=(6, 3))
    >>> training = forward(params, x)
    >>> list(training)
    ['h', 'mean', 'centred', 'variance', 'deviation', 'h_hat', 'z', 'z_relu', 'logits']
    >>> bool(np.allclose(training["h_hat"].mean(axis=0), 0)), training["h_hat"].std(axis=0).round(3)
    (True, array([1., 1., 1., 1.]))
    >>> forward(params, x[:1], statistics=running(training))["logits"].shape
    (1, 2)
    """
    h = x @ params["w1"]
    if statistics is None:
        if len(x) < 2:
            raise ValueError(f"batch norm takes two samples or more in training; got {len(x)}: pass statistics")
        mean = h.mean(axis=0)
        centred = h - mean
        variance = (centred**2).mean(axis=0)
        deviation = np.sqrt(variance + EPS)
        values = {"h": h, "mean": mean, "centred": centred, "variance": variance, "deviation": deviation}
    else:
        mean, variance = statistics["mean"], statistics["variance"]
        centred = h - mean
        deviation = np.sqrt(variance + EPS)
        values = {"h": h, "running_mean": mean, "centred": centred, "running_variance": variance}
        values |= {"deviation": deviation}
    h_hat = centred / deviation
    z = h_hat * params["gamma"] + params["beta"]
    z_relu = relu(z)
    logits = z_relu @ params["w2"] + params["b2"]
    return values | {"h_hat": h_hat, "z": z, "z_relu": z_relu, "logits": logits}


def running(values: Values, statistics: Values | None = None, momentum: float = 0.1) -> dict[str, Array]:
    """The statistics after one more batch in training, whose ``values`` these are; None stands for no batch before.

    ``(1 - momentum) old + momentum new``, with the variance as it is estimated from a sample, divided by batch - 1.
    """
    values = plain(values)
    n = len(values["h"])
    new = {"mean": values["mean"], "variance": values["variance"] * (n / (n - 1))}
    if statistics is None:
        return new
    return {name: (1 - momentum) * statistics[name] + momentum * new[name] for name in new}


def loss(params: Values, x: Any, y: Any, values: Values | None = None) -> Any:
    """The cross-entropy between softmax(logits) and the classes y, averaged over the batch."""
    values = forward(params, x) if values is None else values
    return cross_entropy(values["logits"], y)


def manual_gradients(params: Values, x: Any, y: Any, values: Values | None = None) -> dict[str, Array]:
    """Derivatives of the loss by every value and parameter; the module's text derives them."""
    values = forward(params, x) if values is None else values
    centred, deviation, h_hat, z, z_relu, logits = (
        values[name] for name in ("centred", "deviation", "h_hat", "z", "z_relu", "logits")
    )
    batch = len(x)

    # fmt: off
    g_logits = (softmax(logits) - one_hot(y, logits)) / batch  # de/dlogits = (softmax(logits) - [i = y]) / batch
    g_z_relu = g_logits @ params["w2"].T     # logits = z_relu w2 + b2:  de/dz_relu = de/dlogits w2'
    g_w2 = z_relu.T @ g_logits               #                           de/dw2     = z_relu' de/dlogits
    g_b2 = g_logits.sum(axis=0)              #                           de/db2     = sum of de/dlogits
    g_z = g_z_relu * (z > 0)                 # z_relu = max(z, 0):       de/dz      = de/dz_relu where z > 0, else 0
    g_gamma = (g_z * h_hat).sum(axis=0)      # z = h_hat gamma + beta:   de/dgamma  = sum of de/dz h_hat
    g_beta = g_z.sum(axis=0)                 #                           de/dbeta   = sum of de/dz
    g_h_hat = g_z * params["gamma"]          #                           de/dh_hat  = de/dz gamma
    # h_hat = centred / deviation, above the line:  de/dcentred = de/dh_hat / deviation
    g_centred = g_h_hat / deviation
    if "running_mean" in values:
        # evaluation, centred = h - a constant:     de/dh = de/dcentred
        grads, g_h = {}, g_centred
    else:
        # and below it:                             de/ddeviation = -sum of de/dh_hat h_hat / deviation
        g_deviation = -(g_h_hat * h_hat).sum(axis=0) / deviation
        # deviation = sqrt(variance + EPS):         de/dvariance = de/ddeviation / (2 deviation)
        g_variance = g_deviation / (2 * deviation)
        # variance = mean of centred^2:             de/dcentred grows by de/dvariance 2 centred / batch
        g_centred = g_centred + g_variance * 2 * centred / batch
        # centred = h - mean:                       de/dmean = -sum of de/dcentred
        g_mean = -g_centred.sum(axis=0)
        # h in centred, and in mean = mean of h:    de/dh = de/dcentred + de/dmean / batch
        g_h = g_centred + g_mean / batch
        grads = {"deviation": g_deviation, "variance": g_variance, "mean": g_mean}
    g_w1 = x.T @ g_h                         # h = x w1:                 de/dw1     = x' de/dh
    # fmt: on
    grads |= {"logits": g_logits, "z_relu": g_z_relu, "z": g_z, "h_hat": g_h_hat, "centred": g_centred, "h": g_h}
    return grads | {"w1": g_w1, "gamma": g_gamma, "beta": g_beta, "w2": g_w2, "b2": g_b2}
