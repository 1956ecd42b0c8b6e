"""A sentence is the average of the vectors of its words, and a softmax classifier reads it.

    found = embed[x]                                          [batch, length, width]
    average = sum over the words of found / number of words   [batch, width]
    logits = average w + b                                    [batch, classes]
    e = mean over the batch of -ln softmax(logits)[y]

x holds word numbers, [batch, length], and y class numbers, [batch]. Sentences that are shorter than the longest are
filled up with `PADDING`: mask is 1 where a word stands and 0 at the padding, and the number of words is the sum of the
mask (a sentence with no word at all has the average 0).

The derivation, from the error back; de/dz has the shape of z throughout, [i = y] is 1 where i is y and 0 elsewhere.

1.  -ln softmax(logits)[y] = ln(sum over i of e^logits[i]) - logits[y]. The derivative of the first term by logits[i] is
    softmax(logits)[i], that of the second [i = y], and the mean divides by the batch:
    de/dlogits = (softmax(logits) - [i = y]) / batch.
2.  The dense layer: de/dw = average' de/dlogits, de/db is the sum of the rows of de/dlogits, and
    de/daverage = de/dlogits w'.
3.  Each of n words goes into the average with the factor 1 / n, padding with 0: de/dfound[s, t] is de/daverage[s] times
    mask[s, t] / n[s]. All words of a sentence are pulled the same way, wherever they stand.
4.  Looking up copies a row of embed to every place where its word stands, so the row collects what comes back from all
    of them: de/dembed[i] = sum over the places (s, t) with x[s, t] = i of de/dfound[s, t]. A word that stands twice
    in a sentence is felt twice. `g_embed[x] += g_found` would add only one of its places (NumPy reads the row once,
    and the last to write stays); np.add.at adds them one after the other.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_np import cross_entropy

from ._descent import Array, Values
from ._shared import different_sizes, one_hot, softmax

__all__ = ["PADDING", "example", "forward", "init", "loss", "manual_gradients"]

PADDING = 0  # the number of no word; row 0 of the embedding is there, and never read into an average


def init(rng: np.random.Generator, words: int, width: int, n_out: int, dtype: Any = np.float64) -> dict[str, Array]:
    """Word vectors from the standard normal distribution, a layer with variance 1 / fan-in, and biases 0.

    ``words`` counts the padding too.
    """
    return {
        "embed": rng.standard_normal((words, width)).astype(dtype),
        "w": (rng.standard_normal((width, n_out)) / np.sqrt(width)).astype(dtype),
        "b": np.zeros(n_out, dtype),
    }


def example(rng: np.random.Generator, dtype: Any = np.float64) -> tuple[dict[str, Array], Array, Array]:
    """Parameters, sentences x [batch, length] with padding and repetitions, and classes y [batch], of random sizes."""
    batch, length, words, width, n_out = different_sizes(rng, 5)
    x = rng.integers(words, size=(batch, length))
    x[np.arange(length) >= rng.integers(length + 1, size=(batch, 1))] = PADDING
    return init(rng, words, width, n_out, dtype), x, rng.integers(n_out, size=batch)


def forward(params: Values, x: Any) -> Values:
    """``mask`` and ``count``, which are not differentiated, ``found``, ``average`` and ``logits``.

    Examples
    --------
    >>> params = {"embed": np.array([[9.0], [1.0], [4.0]]), "w": np.eye(1), "b": np.zeros(1)}
    >>> forward(params, np.array([[1, 2, 2], [2, PADDING, PADDING]]))["average"]
    array([[3.],
           [4.]])
    """
    mask = x != PADDING
    count = np.maximum(mask.sum(axis=1, keepdims=True), 1)
    found = params["embed"][x]
    average = (found * mask[:, :, None]).sum(axis=1) / count.astype(found.dtype)
    logits = average @ params["w"] + params["b"]
    return {"mask": mask, "count": count, "found": found, "average": average, "logits": logits}


def loss(params: Values, x: Any, y: Any, values: Values | None = None) -> Any:
    """The cross-entropy between softmax(logits) and the classes y, averaged over the batch."""
    values = forward(params, x) if values is None else values
    return cross_entropy(values["logits"], y)


def manual_gradients(params: Values, x: Any, y: Any, values: Values | None = None) -> dict[str, Array]:
    """Derivatives of the loss by every value and parameter; the module's text derives them."""
    values = forward(params, x) if values is None else values
    mask, count, average, logits = (values[name] for name in ("mask", "count", "average", "logits"))
    share = (mask / count).astype(average.dtype)[:, :, None]

    # fmt: off
    g_logits = (softmax(logits) - one_hot(y, logits)) / len(y)  # de/dlogits = (softmax(logits) - [i = y]) / batch
    g_average = g_logits @ params["w"].T      # logits = average w + b:   de/daverage  = de/dlogits w'
    g_w = average.T @ g_logits                #                           de/dw        = average' de/dlogits
    g_b = g_logits.sum(axis=0)                #                           de/db        = sum over the batch
    g_found = share * g_average[:, None]      # average = sum found / n:  de/dfound    = de/daverage / n where a word is
    g_embed = np.zeros_like(params["embed"])
    np.add.at(g_embed, x, g_found)            # found = embed[x]:         de/dembed[i] = sum of de/dfound where x = i
    # fmt: on
    return {"logits": g_logits, "average": g_average, "found": g_found, "w": g_w, "b": g_b, "embed": g_embed}
