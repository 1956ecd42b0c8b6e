"""Any number of dense layers, with tanh or the logistic function between them; softmax cross-entropy over classes.

    a[0] = x
    h[l] = a[l-1] w[l] + b[l]      a[l] = f(h[l])      for each layer l but the last, f = tanh or sigmoid
    logits = a[L-1] w[L] + b[L]
    e = mean over the batch of -ln softmax(logits)[y]

x is [batch, in], h[l] and a[l] are [batch, size of layer l], logits [batch, classes]; y holds class numbers, [batch].
In the dicts h[1] is called ``h1``, and a[1] ``h1_tanh`` or ``h1_sigmoid``.

The derivation, from the error back; de/dz has the shape of z throughout, [i = y] is 1 where i is y and 0 elsewhere.

1.  Softmax and cross-entropy in one (see softmax_classifier.py): de/dlogits = (softmax(logits) - [i = y]) / batch.
2.  Each layer is linear. With h for what it gives and a for what it is given:
    de/dw = a' de/dh, de/db is the sum of the rows of de/dh, and de/da = de/dh w'.
3.  f acts on each entry alone: de/dh = de/da f'(h). Both functions have a derivative that is cheap in their value:
    tanh'(h) = 1 - a^2 with a = tanh(h), and sigmoid'(h) = a (1 - a) with a = sigmoid(h).
4.  That is h of the layer before, and 2 begins again, down to the first layer, whose a is x: data, nobody asks for it.

Why depth is hard can be read off line 3: each layer multiplies by f' <= 1, for the logistic function by 1/4 at most.
Behind four layers of it at most 1/256 of a derivative is left, unless the weights make up for it.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from tinygrad_np import cross_entropy, sigmoid

from ._descent import Array, Values
from ._shared import different_sizes, one_hot, softmax

__all__ = ["example", "forward", "init", "loss", "manual_gradients"]

FUNCTIONS: dict[str, Any] = {"tanh": np.tanh, "sigmoid": sigmoid}


def init(rng: np.random.Generator, *sizes: int, dtype: Any = np.float64) -> dict[str, Array]:
    """Weights with variance 2 / (in + out), which keeps the size of what goes forward and back; biases 0.

    Parameters
    ----------
    *sizes
        Inputs, one for each hidden layer, classes.

    Raises
    ------
    ValueError
        If there are fewer than two.
    """
    if len(sizes) < 2:
        raise ValueError(f"a net has at least an input and an output: init(rng, n_in, ..., n_out); got {sizes}")
    params: dict[str, Array] = {}
    for layer, (n_in, n_out) in enumerate(pairwise(sizes), 1):
        scale = np.sqrt(2 / (n_in + n_out))
        params[f"w{layer}"] = (rng.standard_normal((n_in, n_out)) * scale).astype(dtype)
        params[f"b{layer}"] = np.zeros(n_out, dtype)
    return params


def example(rng: np.random.Generator, dtype: Any = np.float64) -> tuple[dict[str, Array], Array, Array]:
    """Parameters of one to five layers, x [batch, in] and classes y [batch], of random sizes."""
    batch, *sizes = different_sizes(rng, int(rng.integers(3, 8)), low=2)
    x = rng.standard_normal((batch, sizes[0])).astype(dtype)
    return init(rng, *sizes, dtype=dtype), x, rng.integers(sizes[-1], size=batch)


def forward(params: Values, x: Any, activation: str = "tanh") -> Values:
    """For each layer l but the last ``hl`` and ``hl_tanh`` or ``hl_sigmoid``; ``logits`` [batch, classes].

    Examples
    --------
    >>> params = init(np.random.default_rng(0), 3, 5, 4, 2)
    >>> {name: value.shape for name, value in forward(params, np.ones((6, 3))).items()}
    {'h1': (6, 5), 'h1_tanh': (6, 5), 'h2': (6, 4), 'h2_tanh': (6, 4), 'logits': (6, 2)}
    """
    if activation not in FUNCTIONS:
        raise ValueError(f"deep_mlp: activation is 'tanh' or 'sigmoid'; got {activation!r}")
    values: Values = {}
    a, depth = x, len(params) // 2
    for layer in range(1, depth):
        h = a @ params[f"w{layer}"] + params[f"b{layer}"]
        a = FUNCTIONS[activation](h)
        values |= {f"h{layer}": h, f"h{layer}_{activation}": a}
    return values | {"logits": a @ params[f"w{depth}"] + params[f"b{depth}"]}


def loss(params: Values, x: Any, y: Any, values: Values | None = None) -> Any:
    """The cross-entropy between softmax(logits) and the classes y, averaged over the batch."""
    values = forward(params, x) if values is None else values
    return cross_entropy(values["logits"], y)


def manual_gradients(params: Values, x: Any, y: Any, values: Values | None = None) -> dict[str, Array]:
    """Derivatives of the loss by every value and parameter; the module's text derives them."""
    values = forward(params, x) if values is None else values
    logits, depth = values["logits"], len(params) // 2
    activation = "sigmoid" if "h1_sigmoid" in values else "tanh"

    # fmt: off
    g_h = (softmax(logits) - one_hot(y, logits)) / len(x)    # de/dlogits = (softmax(logits) - [i = y]) / batch
    grads = {"logits": g_h}
    for layer in range(depth, 0, -1):
        a = values[f"h{layer - 1}_{activation}"] if layer > 1 else x
        grads[f"w{layer}"] = a.T @ g_h                       # h = a w + b:     de/dw = a' de/dh
        grads[f"b{layer}"] = g_h.sum(axis=0)                 #                  de/db = sum over the batch of de/dh
        if layer > 1:
            g_a = g_h @ params[f"w{layer}"].T                #                  de/da = de/dh w'
            if activation == "tanh":
                g_h = g_a * (1 - a**2)                       # a = tanh(h):     de/dh = de/da (1 - a^2), a layer down
            else:
                g_h = g_a * a * (1 - a)                      # a = sigmoid(h):  de/dh = de/da a (1 - a), a layer down
            grads |= {f"h{layer - 1}_{activation}": g_a, f"h{layer - 1}": g_h}
    # fmt: on
    return grads
