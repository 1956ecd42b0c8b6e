"""Single-head attention over the steps of a sequence, averaged, and a softmax classifier.

    z = x wz + pos                        each step as a vector that knows its place
    q = z wq     k = z wk     v = z wv    what a step asks for, what it offers, what it says
    scores = q k' / sqrt(n)               how well step j answers step i; n numbers in a query
    weights = softmax(scores)             along j: how step i spreads its attention
    mixed = weights v                     what step i hears
    pooled = mean of mixed over the steps
    logits = pooled wy + by
    e = mean over the batch of -ln softmax(logits)[y]

x is [batch, steps, inputs], y holds class numbers, [batch]. z is [batch, steps, width], pos [steps, width], q and k
[batch, steps, n], v and mixed [batch, steps, m], scores and weights [batch, steps, steps], pooled [batch, m], logits
[batch, classes]. A product of arrays with three axes is one matrix product for each sample; ' exchanges the last two.

The derivation, from the error back; de/dz has the shape of z throughout, [i = y] is 1 where i is y and 0 elsewhere.

1.  -ln softmax(logits)[y] = ln(sum over i of e^logits[i]) - logits[y]. The derivative of the first term by logits[i] is
    softmax(logits)[i], that of the second [i = y], and the mean divides by the batch:
    de/dlogits = (softmax(logits) - [i = y]) / batch.
2.  The dense layer: de/dwy = pooled' de/dlogits, de/dby is the sum of the rows of de/dlogits, and
    de/dpooled = de/dlogits wy'. Each step goes into the mean with 1 / steps: de/dmixed = de/dpooled / steps.
3.  mixed = weights v is a product in which both factors are computed. As in any product each gets the derivative times
    the other factor transposed, on its own side: de/dweights = de/dmixed v', de/dv = weights' de/dmixed.
4.  A softmax: raising scores[j] raises weights[j], and lowers all in proportion, so that they still add up to 1:
    dweights[l] / dscores[j] = weights[l] ([l = j] - weights[j]). Summing over l what comes back, for each row,
    de/dscores[j] = weights[j] (de/dweights[j] - sum over l of de/dweights[l] weights[l]).
    Such a row adds up to 0: the softmax does not feel a number that is added to all its arguments.
5.  scores = q k' / sqrt(n) is a product again: de/dq = de/dscores k / sqrt(n), de/dk = de/dscores' q / sqrt(n).
6.  q, k and v are dense layers of one and the same z, without biases, a row for each sample and step:
    de/dwq = z' de/dq and so on, and z is felt in three ways: de/dz = de/dq wq' + de/dk wk' + de/dv wv'.
7.  z = x wz + pos: de/dwz = x' de/dz, and pos, the same for all samples, gets de/dz summed over the batch.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_np import cross_entropy
from tinygrad_np import softmax as softmax_op

from ._descent import Array, Values
from ._shared import different_sizes, one_hot, rows, softmax

__all__ = ["example", "forward", "init", "loss", "manual_gradients"]


def init(
    rng: np.random.Generator,
    steps: int,
    n_in: int,
    width: int,
    n_query: int,
    n_value: int,
    n_out: int,
    dtype: Any = np.float64,
) -> dict[str, Array]:
    """Normal weights with variance 1 / fan-in, places with variance 1 / 4; biases 0.

    Parameters
    ----------
    width
        Of the vector of a step, z.
    n_query, n_value
        Numbers in a query or key, and in a value.
    """
    shapes = {"wz": (n_in, width), "wq": (width, n_query), "wk": (width, n_query), "wv": (width, n_value)}
    params = {name: rng.standard_normal(shape) / np.sqrt(shape[0]) for name, shape in shapes.items()}
    params["pos"] = rng.standard_normal((steps, width)) / 2
    params["wy"] = rng.standard_normal((n_value, n_out)) / np.sqrt(n_value)
    params["by"] = np.zeros(n_out)
    return {name: p.astype(dtype) for name, p in params.items()}


def example(rng: np.random.Generator, dtype: Any = np.float64) -> tuple[dict[str, Array], Array, Array]:
    """Parameters, sequences x [batch, steps, inputs] and classes y [batch], of random sizes."""
    batch, steps, n_in, width, n_query, n_value, n_out = different_sizes(rng, 7)
    params = init(rng, steps, n_in, width, n_query, n_value, n_out, dtype)
    return params, rng.standard_normal((batch, steps, n_in)).astype(dtype), rng.integers(n_out, size=batch)


def forward(params: Values, x: Any) -> Values:
    """``z``, ``q``, ``k``, ``v``, ``scores``, ``weights``, ``mixed``, ``pooled`` and ``logits`` [batch, classes].

    Examples
    --------
    >>> params = init(np.random.default_rng(0), 3, 2, 6, 4, 5, 7)
    >>> values = forward(params, np.ones((1, 3, 2)))
    >>> values["scores"].shape, values["mixed"].shape, values["logits"].shape
    ((1, 3, 3), (1, 3, 5), (1, 7))
    >>> values["weights"].sum(axis=2)
    array([[1., 1., 1.]])
    """
    z = x @ params["wz"] + params["pos"]
    q, k, v = z @ params["wq"], z @ params["wk"], z @ params["wv"]
    scores = q @ k.mT / math.sqrt(q.shape[-1])
    weights = softmax_op(scores)
    mixed = weights @ v
    pooled = mixed.mean(axis=1)
    logits = pooled @ params["wy"] + params["by"]
    return {
        "z": z, "q": q, "k": k, "v": v, "scores": scores, "weights": weights,
        "mixed": mixed, "pooled": pooled, "logits": logits,
    }  # fmt: skip


def loss(params: Values, x: Any, y: Any, values: Values | None = None) -> Any:
    """The cross-entropy between softmax(logits) and the classes y, averaged over the batch."""
    values = forward(params, x) if values is None else values
    return cross_entropy(values["logits"], y)


def manual_gradients(params: Values, x: Any, y: Any, values: Values | None = None) -> dict[str, Array]:
    """Derivatives of the loss by every value and parameter; the module's text derives them."""
    values = forward(params, x) if values is None else values
    z, q, k, v, weights, pooled, logits = (values[n] for n in ("z", "q", "k", "v", "weights", "pooled", "logits"))
    wq, wk, wv, wy = (params[name] for name in ("wq", "wk", "wv", "wy"))
    steps, root = x.shape[1], math.sqrt(q.shape[-1])

    # fmt: off
    g_logits = (softmax(logits) - one_hot(y, logits)) / len(y)  # de/dlogits = (softmax(logits) - [i = y]) / batch
    g_pooled = g_logits @ wy.T                 # logits = pooled wy + by:   de/dpooled  = de/dlogits wy'
    g_wy = pooled.T @ g_logits                 #                            de/dwy      = pooled' de/dlogits
    g_by = g_logits.sum(axis=0)                #                            de/dby      = sum over the batch
    g_mixed = np.repeat(g_pooled[:, None] / steps, steps, axis=1)  # mean:  de/dmixed   = de/dpooled / steps at each
    g_weights = g_mixed @ v.mT                 # mixed = weights v:         de/dweights = de/dmixed v'
    g_v = weights.mT @ g_mixed                 #                            de/dv       = weights' de/dmixed
    felt = (g_weights * weights).sum(axis=2, keepdims=True)
    g_scores = weights * (g_weights - felt)    # weights = softmax(scores): de/dscores  = weights (de/dweights - felt)
    g_q = g_scores @ k / root                  # scores = q k' / sqrt(n):   de/dq       = de/dscores k / sqrt(n)
    g_k = g_scores.mT @ q / root               #                            de/dk       = de/dscores' q / sqrt(n)
    g_wq = rows(z).T @ rows(g_q)               # q = z wq:                  de/dwq      = z' de/dq
    g_wk = rows(z).T @ rows(g_k)               # k = z wk:                  de/dwk      = z' de/dk
    g_wv = rows(z).T @ rows(g_v)               # v = z wv:                  de/dwv      = z' de/dv
    g_z = g_q @ wq.T + g_k @ wk.T + g_v @ wv.T  # z is in all three:        de/dz       = de/dq wq' + de/dk wk' + ...
    g_wz = rows(x).T @ rows(g_z)               # z = x wz + pos:            de/dwz      = x' de/dz
    g_pos = g_z.sum(axis=0)                    #                            de/dpos     = sum over the batch
    return {
        "logits": g_logits, "pooled": g_pooled, "mixed": g_mixed, "weights": g_weights, "scores": g_scores,
        "v": g_v, "k": g_k, "q": g_q, "z": g_z,
        "wy": g_wy, "by": g_by, "wq": g_wq, "wk": g_wk, "wv": g_wv, "wz": g_wz, "pos": g_pos,
    }
    # fmt: on
