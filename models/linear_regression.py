"""A linear map fitted to numbers; the error is the mean over the batch of the squared distance. It has a closed form.

    pred = x w + b        e = mean over the batch of sum (pred - y)^2

x is [batch, in], y and pred [batch, out]; the bias is one row, added to every row.

The derivation, from the error back; de/dz has the shape of z throughout.

1.  Each entry of pred is felt through its square alone; the mean divides by the batch: de/dpred = 2 (pred - y) / batch.
2.  Entry w[i, k] reaches pred[n, k] of every sample n with the factor x[n, i]; summing over n: de/dw = x' de/dpred.
3.  b is added to every row, so its derivative is the sum of the rows of de/dpred.

The closed form is where both derivatives are 0; this error has one valley and no other place where they are.

    sum of the rows of (pred - y) = 0      so      b = mean(y) - mean(x) w
    x' (pred - y) = 0                      so      x_c' x_c w = x_c' y_c        (the normal equations)

with x_c = x - mean(x) and y_c = y - mean(y): the second line with b of the first put in. To form x_c' x_c would square
the condition number; `closed_form` solves x_c w = y_c for the least squares, which are the same w.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ._descent import Array, Values
from ._shared import different_sizes

__all__ = ["closed_form", "example", "forward", "init", "loss", "manual_gradients"]


def init(rng: np.random.Generator, n_in: int, n_out: int, dtype: Any = np.float64) -> dict[str, Array]:
    """Weights with variance 1 / in, which keeps the size of what comes in; biases 0."""
    return {
        "w": (rng.standard_normal((n_in, n_out)) / np.sqrt(n_in)).astype(dtype),
        "b": np.zeros(n_out, dtype),
    }


def example(rng: np.random.Generator, dtype: Any = np.float64) -> tuple[dict[str, Array], Array, Array]:
    """Parameters, x [batch, in] and y [batch, out], of random sizes."""
    batch, n_in, n_out = different_sizes(rng, 3)
    x, y = rng.standard_normal((batch, n_in)), rng.standard_normal((batch, n_out))
    return init(rng, n_in, n_out, dtype), x.astype(dtype), y.astype(dtype)


def closed_form(x: Array, y: Array) -> dict[str, Array]:
    """The parameters at which the error is least; of several such, the smallest w.

    Examples
    --------
    >>> x = np.array([[0.0, 1.0], [1.0, 3.0], [2.0, 0.0], [3.0, 1.0]])
    >>> found = closed_form(x, x @ np.array([[2.0], [-1.0]]) + 5)
    >>> found["w"].round(9).tolist(), found["b"].round(9).tolist()
    ([[2.0], [-1.0]], [5.0])
    """
    mean_x, mean_y = x.mean(axis=0), y.mean(axis=0)
    w = np.linalg.lstsq(x - mean_x, y - mean_y, rcond=None)[0]
    return {"w": w, "b": mean_y - mean_x @ w}


def forward(params: Values, x: Any) -> Values:
    """``pred`` [batch, out].

    Examples
    --------
    >>> forward(init(np.random.default_rng(0), 3, 2), np.ones((5, 3)))["pred"].shape
    (5, 2)
    """
    return {"pred": x @ params["w"] + params["b"]}


def loss(params: Values, x: Any, y: Any, values: Values | None = None) -> Any:
    """The squared error, summed over the outputs and averaged over the batch."""
    values = forward(params, x) if values is None else values
    return ((values["pred"] - y) ** 2).sum() / len(x)


def manual_gradients(params: Values, x: Any, y: Any, values: Values | None = None) -> dict[str, Array]:
    """Derivatives of the loss by every value and parameter; the module's text derives them."""
    values = forward(params, x) if values is None else values

    # fmt: off
    g_pred = 2 * (values["pred"] - y) / len(x)    # e = mean of sum (pred - y)^2:  de/dpred = 2 (pred - y) / batch
    g_w = x.T @ g_pred                            # pred = x w + b:                de/dw    = x' de/dpred
    g_b = g_pred.sum(axis=0)                      #                                de/db    = sum of its rows
    # fmt: on
    return {"pred": g_pred, "w": g_w, "b": g_b}
