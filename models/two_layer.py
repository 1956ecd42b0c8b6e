"""Two dense layers with biases and a ReLU between them; the error is the sum of squares.

    h = x w1 + b1        h_relu = max(h, 0)        pred = h_relu w2 + b2        e = sum (pred - y)^2

x is [batch, in], y and pred [batch, out], h and h_relu [batch, hidden]; each bias is one row, added to every row.

The derivation, from the error back to the parameters; de/dz has the shape of z throughout.

1.  The error is a sum, so each entry of pred is felt through its own square only: de/dpred = 2 (pred - y).
2.  The second layer is linear. Entry h_relu[n, i] reaches every pred[n, k] with the factor w2[i, k]; summing what
    comes back over k is a product with w2 transposed: de/dh_relu = de/dpred w2'. Entry w2[i, k] reaches pred[n, k] of
    every sample n with the factor h_relu[n, i]; summing over n: de/dw2 = h_relu' de/dpred. b2 is added to every row,
    so its derivative is the sum of the rows of de/dpred.
3.  ReLU passes an entry on or stops it: de/dh = de/dh_relu where h > 0, and 0 elsewhere. At h = 0 exactly there is no
    derivative, and any number from 0 to 1 is a subgradient. Here it is 0, as in the engine; deriving the step function
    with its 1 at 0, as the article behind this net does, is as good. (With random real numbers it never matters.)
4.  The first layer is the second over again: de/dw1 = x' de/dh, and de/db1 is the sum of the rows of de/dh.

Shapes confirm each line: h_relu' de/dpred is [hidden, batch] [batch, out] = [hidden, out], the shape of w2.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_np import relu

from ._descent import Array, Values
from ._shared import different_sizes

__all__ = ["example", "forward", "init", "loss", "manual_gradients"]


def init(
    rng: np.random.Generator | np.random.RandomState, n_in: int, n_hidden: int, n_out: int, dtype: Any = np.float64
) -> dict[str, Array]:
    """Parameters drawn from the standard normal distribution; every dtype gets the same draws, rounded."""
    shapes = {"w1": (n_in, n_hidden), "b1": (n_hidden,), "w2": (n_hidden, n_out), "b2": (n_out,)}
    return {name: rng.standard_normal(shape).astype(dtype) for name, shape in shapes.items()}


def forward(params: Values, x: Any) -> Values:
    """``h`` and ``h_relu`` [batch, hidden], ``pred`` [batch, out].

    Examples
    --------
    >>> params = init(np.random.default_rng(0), 3, 4, 2)
    >>> {name: value.shape for name, value in forward(params, np.ones((5, 3))).items()}
    {'h': (5, 4), 'h_relu': (5, 4), 'pred': (5, 2)}
    """
    h = x @ params["w1"] + params["b1"]
    h_relu = relu(h)
    pred = h_relu @ params["w2"] + params["b2"]
    return {"h": h, "h_relu": h_relu, "pred": pred}


def loss(params: Values, x: Any, y: Any, values: Values | None = None) -> Any:
    """The sum, not the mean, of the squared errors over batch and outputs."""
    values = forward(params, x) if values is None else values
    return ((values["pred"] - y) ** 2).sum()


def manual_gradients(params: Values, x: Any, y: Any, values: Values | None = None) -> dict[str, Array]:
    """Derivatives of the loss by every value and parameter; the module's text derives them."""
    values = forward(params, x) if values is None else values
    h, h_relu, pred = values["h"], values["h_relu"], values["pred"]

    # fmt: off
    g_pred = 2 * (pred - y)               # e = sum (pred - y)^2:   de/dpred   = 2 (pred - y)
    g_h_relu = g_pred @ params["w2"].T    # pred = h_relu w2 + b2:  de/dh_relu = de/dpred w2'
    g_w2 = h_relu.T @ g_pred              #                         de/dw2     = h_relu' de/dpred
    g_b2 = g_pred.sum(axis=0)             #                         de/db2     = sum over the batch of de/dpred
    g_h = g_h_relu * (h > 0)              # h_relu = max(h, 0):     de/dh      = de/dh_relu where h > 0, else 0
    g_w1 = x.T @ g_h                      # h = x w1 + b1:          de/dw1     = x' de/dh
    g_b1 = g_h.sum(axis=0)                #                         de/db1     = sum over the batch of de/dh
    # fmt: on
    return {"pred": g_pred, "h_relu": g_h_relu, "h": g_h, "w1": g_w1, "b1": g_b1, "w2": g_w2, "b2": g_b2}


def example(rng: np.random.Generator, dtype: Any = np.float64) -> tuple[dict[str, Array], Array, Array]:
    """Parameters, x [batch, in] and y [batch, out], of random sizes."""
    batch, n_in, n_hidden, n_out = different_sizes(rng, 4)
    x, y = rng.standard_normal((batch, n_in)), rng.standard_normal((batch, n_out))
    return init(rng, n_in, n_hidden, n_out, dtype), x.astype(dtype), y.astype(dtype)


if __name__ == "__main__":
    from models._article import main

    raise SystemExit(main())
