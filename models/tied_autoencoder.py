"""An encoder and a decoder that share one matrix; the error is the mean over the batch of the squared distance.

    h = x w + b        h_tanh = tanh(h)        pred = h_tanh w' + c        e = mean over the batch of sum (pred - y)^2

x, y and pred are [batch, in], h and h_tanh [batch, hidden], w is [in, hidden]. y is what shall come out: x itself, or,
when the net learns to remove noise, what x was without it.

The derivation, from the error back; de/dz has the shape of z throughout.

1.  Each entry of pred is felt through its square alone; the mean divides by the batch: de/dpred = 2 (pred - y) / batch.
2.  The decoder is a dense layer with the matrix w': de/dh_tanh = de/dpred w, and the derivative by its matrix is
    h_tanh' de/dpred, [hidden, in], the shape of w'. de/dc is the sum of the rows of de/dpred.
3.  tanh acts on each entry alone, with the derivative 1 - tanh^2: de/dh = de/dh_tanh (1 - h_tanh^2).
4.  The encoder is a dense layer with the matrix w: the derivative by its matrix is x' de/dh, and de/db is the sum of
    the rows of de/dh.
5.  w is felt through both. Its derivative is the sum of the two, the decoder's transposed to the shape of w:
    de/dw = x' de/dh + (h_tanh' de/dpred)' = x' de/dh + de/dpred' h_tanh.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ._descent import Array, Values
from ._shared import different_sizes

__all__ = ["example", "forward", "init", "loss", "manual_gradients"]


def init(rng: np.random.Generator, n_in: int, n_hidden: int, dtype: Any = np.float64) -> dict[str, Array]:
    """Weights with variance 2 / (in + hidden), which keeps the size of what goes both ways; biases 0."""
    return {
        "w": (rng.standard_normal((n_in, n_hidden)) * np.sqrt(2 / (n_in + n_hidden))).astype(dtype),
        "b": np.zeros(n_hidden, dtype),
        "c": np.zeros(n_in, dtype),
    }


def example(rng: np.random.Generator, dtype: Any = np.float64) -> tuple[dict[str, Array], Array, Array]:
    """Parameters, y [batch, in] and x, which is y with noise, of random sizes."""
    batch, n_in, n_hidden = different_sizes(rng, 3)
    y = rng.standard_normal((batch, n_in))
    x = y + 0.1 * rng.standard_normal(y.shape)
    return init(rng, n_in, n_hidden, dtype), x.astype(dtype), y.astype(dtype)


def forward(params: Values, x: Any) -> Values:
    """``h`` and ``h_tanh`` [batch, hidden], ``pred`` [batch, in].

    Examples
    --------
    >>> params = init(np.random.default_rng(0), 3, 2)
    >>> {name: value.shape for name, value in forward(params, np.ones((5, 3))).items()}
    {'h': (5, 2), 'h_tanh': (5, 2), 'pred': (5, 3)}
    """
    h = x @ params["w"] + params["b"]
    h_tanh = np.tanh(h)
    pred = h_tanh @ params["w"].T + params["c"]
    return {"h": h, "h_tanh": h_tanh, "pred": pred}


def loss(params: Values, x: Any, y: Any, values: Values | None = None) -> Any:
    """The squared error, summed over the features and averaged over the batch."""
    values = forward(params, x) if values is None else values
    return ((values["pred"] - y) ** 2).sum() / len(x)


def manual_gradients(params: Values, x: Any, y: Any, values: Values | None = None) -> dict[str, Array]:
    """Derivatives of the loss by every value and parameter; the module's text derives them."""
    values = forward(params, x) if values is None else values
    h_tanh, pred = values["h_tanh"], values["pred"]

    # fmt: off
    g_pred = 2 * (pred - y) / len(x)           # e = mean of sum (pred - y)^2:  de/dpred   = 2 (pred - y) / batch
    g_h_tanh = g_pred @ params["w"]            # pred = h_tanh w' + c:          de/dh_tanh = de/dpred w
    g_c = g_pred.sum(axis=0)                   #                                de/dc      = sum of its rows
    g_h = g_h_tanh * (1 - h_tanh**2)           # h_tanh = tanh(h):              de/dh      = de/dh_tanh (1 - h_tanh^2)
    g_b = g_h.sum(axis=0)                      # h = x w + b:                   de/db      = sum of its rows
    g_w = x.T @ g_h + g_pred.T @ h_tanh        # both, with w in each:          de/dw      = x' de/dh + de/dpred' h_tanh
    # fmt: on
    return {"pred": g_pred, "h_tanh": g_h_tanh, "h": g_h, "w": g_w, "b": g_b, "c": g_c}
