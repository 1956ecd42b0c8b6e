"""A linear map and a softmax; the error is the cross-entropy. Derived step by step, and with all steps in one.

    logits = x w + b      p = e^logits / (sum over the row of e^logits)      log_p = ln p
    e = mean over the batch of -log_p[y]

x is [batch, in]; logits, p and log_p are [batch, classes]; y holds class numbers, [batch]; the bias is one row, added
to every row.

The derivation, from the error back; de/dz has the shape of z throughout, [i = y] is 1 where i is y and 0 elsewhere.

1.  Of each row the error takes one entry, with a minus sign, and the mean divides by the batch:
    de/dlog_p = -[i = y] / batch.
2.  The logarithm acts on each entry alone, with the derivative 1 / p: de/dp = de/dlog_p / p.
3.  Every logit of a row reaches every p of it, through the sum below the line. By the quotient rule
    dp[i] / dlogits[j] = p[i] ([i = j] - p[j]). Summing over i what comes back,
    de/dlogits[j] = p[j] (de/dp[j] - sum over i of de/dp[i] p[i]).
4.  The layer is linear: de/dw = x' de/dlogits, and de/db is the sum of the rows of de/dlogits.

Steps 2 and 3 in one: de/dp p is de/dlog_p again, so the division by p and the product with p cancel, and

    de/dlogits = de/dlog_p - p (sum over the row of de/dlog_p) = (p - [i = y]) / batch

since a row of de/dlog_p sums to -1 / batch. The cancelling matters beyond beauty. Where p is too small for a floating
point number, the steps take ln 0 and divide by 0; the fused form computes log_p as logits - ln sum e^logits, and
divides by nothing. So ``fused=True`` is the default, and ``fused=False`` is there to be looked at.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_np import log_softmax

from ._descent import Array, Values
from ._shared import different_sizes, one_hot

__all__ = ["example", "forward", "init", "loss", "manual_gradients"]


def init(rng: np.random.Generator, n_in: int, n_out: int, dtype: Any = np.float64) -> dict[str, Array]:
    """Weights with variance 1 / in, which keeps the size of what comes in; biases 0."""
    return {
        "w": (rng.standard_normal((n_in, n_out)) / np.sqrt(n_in)).astype(dtype),
        "b": np.zeros(n_out, dtype),
    }


def example(rng: np.random.Generator, dtype: Any = np.float64) -> tuple[dict[str, Array], Array, Array]:
    """Parameters, x [batch, in] and classes y [batch], of random sizes."""
    batch, n_in, n_out = different_sizes(rng, 3, low=2)
    x = rng.standard_normal((batch, n_in)).astype(dtype)
    return init(rng, n_in, n_out, dtype), x, rng.integers(n_out, size=batch)


def forward(params: Values, x: Any, fused: bool = True) -> Values:
    """``logits`` and ``log_p`` [batch, classes]; with ``fused=False`` also ``p``, on the way from one to the other.

    Examples
    --------
    >>> params = {"w": np.eye(2), "b": np.zeros(2)}
    >>> forward(params, np.array([[0.0, 0.0], [800.0, 0.0]]))["log_p"].round(3).tolist()
    [[-0.693, -0.693], [0.0, -800.0]]
    >>> forward(params, np.array([[0.0, 0.0], [2.0, 0.0]]), fused=False)["p"].round(3).tolist()
    [[0.5, 0.5], [0.881, 0.119]]
    """
    logits = x @ params["w"] + params["b"]
    if fused:
        return {"logits": logits, "log_p": log_softmax(logits)}
    odds = np.exp(logits)
    p = odds / odds.sum(axis=1, keepdims=True)
    return {"logits": logits, "p": p, "log_p": np.log(p)}


def loss(params: Values, x: Any, y: Any, values: Values | None = None) -> Any:
    """The cross-entropy: minus the logarithm of what the right class is given, averaged over the batch."""
    values = forward(params, x) if values is None else values
    return -values["log_p"][np.arange(len(x)), y].mean()


def manual_gradients(params: Values, x: Any, y: Any, values: Values | None = None) -> dict[str, Array]:
    """Derivatives of the loss by every value and parameter, in steps if the values hold ``p``, else fused."""
    values = forward(params, x) if values is None else values
    log_p = values["log_p"]

    # fmt: off
    g_log_p = -one_hot(y, log_p) / len(x)        # e = mean of -log_p[y]:     de/dlog_p  = -[i = y] / batch
    if "p" in values:
        p = values["p"]
        g_p = g_log_p / p                        # log_p = ln p:              de/dp      = de/dlog_p / p
        felt = (g_p * p).sum(axis=1, keepdims=True)
        g_logits = p * (g_p - felt)              # p = softmax(logits):       de/dlogits = p (de/dp - sum of de/dp p)
        steps = {"p": g_p}
    else:
        p = np.exp(log_p)
        g_logits = (p - one_hot(y, p)) / len(x)  # both in one:               de/dlogits = (p - [i = y]) / batch
        steps = {}
    g_w = x.T @ g_logits                         # logits = x w + b:          de/dw      = x' de/dlogits
    g_b = g_logits.sum(axis=0)                   #                            de/db      = sum of its rows
    # fmt: on
    return {"log_p": g_log_p, **steps, "logits": g_logits, "w": g_w, "b": g_b}
