"""A recurrent net with one tanh layer, through time; it predicts the next symbol of a sequence.

    p[t] = wx[x[t]] + b                       what symbol t says
    a[t] = p[t] + h[t-1] wh                   h[-1] = 0
    h[t] = tanh(a[t])
    logits[t] = h[t] wy + by
    e = mean over batch and steps of -ln softmax(logits[t])[y[t]]

x and y hold symbol numbers, [batch, steps]; usually y[t] is x[t + 1]. a[t] and h[t] are [batch, hidden], p is
[batch, steps, hidden], logits [batch, steps, symbols]. A symbol as a vector is 1 at its number and 0 elsewhere, and
such a vector times wx is a row of wx: hence the look-up. ``states`` is all h[t] side by side, [batch, steps, hidden],
for one product with wy instead of one a step.

The values of a step are stored by step, as "h[3]", because each of them stands on the tape by itself: the derivative
by it counts all ways to the error, those through later steps too. That by ``states`` counts the way through the outputs
alone.

The derivation, from the error back; de/dz has the shape of z throughout, [i = y] is 1 where i is y and 0 elsewhere.

1.  -ln softmax(logits)[y] = ln(sum over i of e^logits[i]) - logits[y]. The derivative of the first term by logits[i] is
    softmax(logits)[i], that of the second [i = y], and the mean divides by their number:
    de/dlogits = (softmax(logits) - [i = y]) / (batch steps).
2.  The output layer is used at every step, so its derivatives are sums over batch and steps:
    de/dwy = states' de/dlogits, with one row for each sample and step, de/dby the sum of these rows of de/dlogits, and
    de/dstates = de/dlogits wy'.
3.  h[t] reaches the error in two ways: through logits[t], and through a[t+1], of which h[t] wh is a part. So
    de/dh[t] = de/dstates[t] + de/da[t+1] wh', and the sum is known only when step t + 1 has been dealt with: the loop
    runs backwards. After the last step comes nothing.
4.  tanh' = 1 - tanh^2: de/da[t] = de/dh[t] (1 - h[t]^2). (Through many steps many such factors, and many wh', are
    multiplied: this is where gradients vanish or explode.)
5.  wh is used at every step: de/dwh = sum over t of h[t-1]' de/da[t]; h[-1] = 0 adds nothing.
6.  p[t] is a part of a[t]: de/dp[t] = de/da[t]. b is added everywhere, so it gets the sum over batch and steps; row i
    of wx was read wherever x[t] = i, so it gets the sum over these places.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_np import cross_entropy

from ._descent import Array, Values
from ._shared import different_sizes, draw, one_hot, rows, softmax

__all__ = ["example", "forward", "generate", "init", "loss", "manual_gradients"]


def init(rng: np.random.Generator, symbols: int, hidden: int, dtype: Any = np.float64) -> dict[str, Array]:
    """Normal weights: wx with variance 1 / 4, the others with variance 1 / fan-in; biases 0."""
    params = {
        "wx": rng.standard_normal((symbols, hidden)) / 2,
        "wh": rng.standard_normal((hidden, hidden)) / np.sqrt(hidden),
        "b": np.zeros(hidden),
        "wy": rng.standard_normal((hidden, symbols)) / np.sqrt(hidden),
        "by": np.zeros(symbols),
    }
    return {name: p.astype(dtype) for name, p in params.items()}


def example(rng: np.random.Generator, dtype: Any = np.float64) -> tuple[dict[str, Array], Array, Array]:
    """Parameters, sequences x and what comes next y, both [batch, steps], of random sizes."""
    batch, steps, symbols, hidden = different_sizes(rng, 4)
    x, y = rng.integers(symbols, size=(2, batch, steps))
    return init(rng, symbols, hidden, dtype), x, y


def step(params: Values, p: Any, h: Any) -> tuple[Any, Any]:
    """``a[t]`` and ``h[t]`` from ``p[t]`` and ``h[t-1]``, [batch, hidden] each."""
    a = p + h @ params["wh"]
    return a, np.tanh(a)


def forward(params: Values, x: Any) -> Values:
    """``p``, ``a[0]``, ``h[0]``, ``a[1]``, ... , ``states`` and ``logits`` [batch, steps, symbols].

    Examples
    --------
    >>> params = init(np.random.default_rng(0), 5, 4)
    >>> {name: value.shape for name, value in forward(params, np.array([[0, 1], [2, 0], [3, 4]])).items()}
    ... # doctest: +NORMALIZE_WHITESPACE
    {'p': (3, 2, 4), 'a[0]': (3, 4), 'h[0]': (3, 4), 'a[1]': (3, 4), 'h[1]': (3, 4),
     'states': (3, 2, 4), 'logits': (3, 2, 5)}
    """
    batch, steps = x.shape
    p = params["wx"][x] + params["b"]
    h = np.zeros((batch, p.shape[2]), p.dtype)
    values = {"p": p}
    for t in range(steps):
        a, h = step(params, p[:, t], h)
        values |= {f"a[{t}]": a, f"h[{t}]": h}
    states = np.stack([values[f"h[{t}]"] for t in range(steps)], axis=1)
    logits = states @ params["wy"] + params["by"]
    return values | {"states": states, "logits": logits}


def loss(params: Values, x: Any, y: Any, values: Values | None = None) -> Any:
    """The cross-entropy between softmax(logits) and the symbols y, averaged over batch and steps."""
    values = forward(params, x) if values is None else values
    return cross_entropy(rows(values["logits"]), y.reshape(-1))


def manual_gradients(params: Values, x: Any, y: Any, values: Values | None = None) -> dict[str, Array]:
    """Derivatives of the loss by every value and parameter; the module's text derives them."""
    values = forward(params, x) if values is None else values
    p, states, logits = values["p"], values["states"], values["logits"]
    wh, wy = params["wh"], params["wy"]
    g_p, g_wx = np.empty_like(p), np.zeros_like(params["wx"])
    g: dict[str, Array] = {}

    # fmt: off
    g_logits = (softmax(logits) - one_hot(y, logits)) / y.size  # de/dlogits = (softmax(logits) - [i = y]) / count
    g_states = g_logits @ wy.T                   # logits = states wy + by:   de/dstates = de/dlogits wy'
    g_wy = rows(states).T @ rows(g_logits)       #                            de/dwy     = states' de/dlogits
    g_by = g_logits.sum(axis=(0, 1))             #                            de/dby     = sum of de/dlogits
    later = np.zeros_like(states[:, 0])          # nothing comes after the last step
    for t in reversed(range(x.shape[1])):
        g_h = g_states[:, t] + later             # in states, in a[t+1]:      de/dh[t]  = de/dstates[t] + de/da[t+1] wh'
        g_a = g_h * (1 - states[:, t] ** 2)      # h[t] = tanh(a[t]):         de/da[t]   = de/dh[t] (1 - h[t]^2)
        g_p[:, t] = g_a                          # a[t] = p[t] + h[t-1] wh:   de/dp[t]   = de/da[t]
        later = g_a @ wh.T                       #                            to h[t-1]    de/da[t] wh'
        g |= {f"h[{t}]": g_h, f"a[{t}]": g_a}
    g_wh = rows(states[:, :-1]).T @ rows(g_p[:, 1:])  #                       de/dwh     = sum of h[t-1]' de/da[t]
    g_b = g_p.sum(axis=(0, 1))                   # p = wx[x] + b:             de/db      = sum of de/dp
    np.add.at(g_wx, x, g_p)                      #                            de/dwx[i]  = sum of de/dp where x = i
    return g | {
        "logits": g_logits, "states": g_states, "p": g_p, "wy": g_wy, "by": g_by, "wh": g_wh, "b": g_b, "wx": g_wx,
    }
    # fmt: on


def generate(
    params: Values, rng: np.random.Generator, start: Sequence[int], length: int, temperature: float = 1.0
) -> list[int]:
    """``length`` symbols that go on where ``start`` ends, each drawn with the odds that the net gives it.

    Parameters
    ----------
    params
        Plain arrays.
    temperature
        The logits are divided by it: below 1 the likely becomes likelier, at 0 always the likeliest symbol comes.

    Raises
    ------
    ValueError
        If ``start`` is empty: there is nothing to go on from.
    """
    if not len(start):
        raise ValueError("generate goes on from a start of one symbol or more; got none")
    symbols, h = list(start), np.zeros_like(params["b"])
    for n in range(len(start) + length - 1):
        _, h = step(params, params["wx"][symbols[n]] + params["b"], h)
        if n + 1 >= len(start):
            symbols.append(draw(h @ params["wy"] + params["by"], rng, temperature))
    return symbols[len(start) :]
