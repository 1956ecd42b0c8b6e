"""A long short-term memory, through time; it predicts the next symbol of a sequence.

    found = embed[x]                          a vector a symbol
    p = found wx + b                          what the symbols say, for all steps at once
    a[t] = p[t] + h[t-1] wh                   h[-1] = 0; four blocks of columns, one for each of the next four lines
    i[t] = sigmoid(a[t], block 0)             how much is written
    f[t] = sigmoid(a[t], block 1)             how much is kept
    o[t] = sigmoid(a[t], block 2)             how much is shown
    u[t] = tanh(a[t], block 3)                what is written
    c[t] = f[t] c[t-1] + i[t] u[t]            the memory; c[-1] = 0
    s[t] = tanh(c[t])
    h[t] = o[t] s[t]                          the state
    logits[t] = h[t] wy + by
    e = mean over batch and steps of -ln softmax(logits[t])[y[t]]

x and y hold symbol numbers, [batch, steps]; usually y[t] is x[t + 1]. found is [batch, steps, width], p [batch, steps,
4 hidden], a[t] [batch, 4 hidden]; i[t], f[t], o[t], u[t], c[t], s[t] and h[t] are [batch, hidden], logits [batch,
steps, symbols]. ``states`` is all h[t] side by side, [batch, steps, hidden], for one product with wy, not one a step.

The values of a step are stored by step, as "h[3]", because each of them stands on the tape by itself: the derivative
by it counts all ways to the error, those through later steps too. That by ``states`` counts the way through the outputs
alone.

The derivation, from the error back; de/dz has the shape of z throughout, [k = y] is 1 where k is y and 0 elsewhere.

1.  -ln softmax(logits)[y] = ln(sum over k of e^logits[k]) - logits[y]. The derivative of the first term by logits[k] is
    softmax(logits)[k], that of the second [k = y], and the mean divides by their number:
    de/dlogits = (softmax(logits) - [k = y]) / (batch steps).
2.  The output layer is used at every step, so its derivatives are sums over batch and steps:
    de/dwy = states' de/dlogits, with one row for each sample and step, de/dby the sum of these rows of de/dlogits, and
    de/dstates = de/dlogits wy'.
3.  The state h[t] reaches the error through logits[t] and through a[t+1], of which h[t] wh is a part:
    de/dh[t] = de/dstates[t] + de/da[t+1] wh'. So the loop runs backwards, and after the last step comes nothing.
4.  h = o s is a product, entry by entry: de/do = de/dh s, de/ds = de/dh o.
5.  The memory c[t] reaches the error through s[t], where tanh' = 1 - tanh^2, and through c[t+1], in which it is kept
    with the factor f[t+1]: de/dc[t] = de/ds[t] (1 - s[t]^2) + de/dc[t+1] f[t+1]. The second way is what the net is
    built for: no matrix and no squashing lies on it, and with f near 1 gradients live through many steps.
6.  c[t] = f[t] c[t-1] + i[t] u[t]: de/df = de/dc c[t-1], de/di = de/dc u, de/du = de/dc i.
7.  sigmoid' = sigmoid (1 - sigmoid), so the blocks of de/da[t] are de/di i (1 - i), de/df f (1 - f), de/do o (1 - o)
    and de/du (1 - u^2).
8.  wh is used at every step: de/dwh = sum over t of h[t-1]' de/da[t]; h[-1] = 0 adds nothing.
9.  p[t] is a part of a[t]: de/dp[t] = de/da[t]. p is a dense layer on found, a row for each sample and step:
    de/dwx = found' de/dp, de/db = sum over batch and steps of de/dp, de/dfound = de/dp wx'.
10. Row k of embed was read wherever x = k: de/dembed[k] is the sum of de/dfound over these places.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_np import cross_entropy, sigmoid

from ._descent import Array, Values
from ._shared import different_sizes, draw, one_hot, rows, softmax

__all__ = ["example", "forward", "generate", "init", "loss", "manual_gradients"]


def init(rng: np.random.Generator, symbols: int, width: int, hidden: int, dtype: Any = np.float64) -> dict[str, Array]:
    """Normal weights with variance 1 / fan-in, embeddings with variance 1; biases 0, but 1 for f: it starts by keeping.

    Parameters
    ----------
    width
        Of the vector that stands for a symbol.
    hidden
        Numbers in the memory and in the state.
    """
    params = {
        "embed": rng.standard_normal((symbols, width)),
        "wx": rng.standard_normal((width, 4 * hidden)) / np.sqrt(width),
        "wh": rng.standard_normal((hidden, 4 * hidden)) / np.sqrt(hidden),
        "b": np.repeat([0.0, 1.0, 0.0, 0.0], hidden),
        "wy": rng.standard_normal((hidden, symbols)) / np.sqrt(hidden),
        "by": np.zeros(symbols),
    }
    return {name: p.astype(dtype) for name, p in params.items()}


def example(rng: np.random.Generator, dtype: Any = np.float64) -> tuple[dict[str, Array], Array, Array]:
    """Parameters, sequences x and what comes next y, both [batch, steps], of random sizes."""
    batch, steps, symbols, width, hidden = different_sizes(rng, 5)
    x, y = rng.integers(symbols, size=(2, batch, steps))
    return init(rng, symbols, width, hidden, dtype), x, y


def step(params: Values, p: Any, h: Any, c: Any) -> Values:
    """The values of step t from p[t] [..., 4 hidden], and h[t-1] and c[t-1] [..., hidden]."""
    n = h.shape[-1]
    a = p + h @ params["wh"]
    i = sigmoid(a[..., :n])
    f = sigmoid(a[..., n : 2 * n])
    o = sigmoid(a[..., 2 * n : 3 * n])
    u = np.tanh(a[..., 3 * n :])
    c = f * c + i * u
    s = np.tanh(c)
    return {"a": a, "i": i, "f": f, "o": o, "u": u, "c": c, "s": s, "h": o * s}


def forward(params: Values, x: Any) -> Values:
    """``found``, ``p``, the values of each step as ``a[0]`` to ``h[0]``, ``a[1]`` ..., ``states`` and ``logits``.

    Examples
    --------
    >>> params = init(np.random.default_rng(0), 5, 4, 3)
    >>> values = forward(params, np.array([[0, 1], [2, 0]]))
    >>> list(values)[:11]
    ['found', 'p', 'a[0]', 'i[0]', 'f[0]', 'o[0]', 'u[0]', 'c[0]', 's[0]', 'h[0]', 'a[1]']
    >>> values["p"].shape, values["h[1]"].shape, values["states"].shape, values["logits"].shape
    ((2, 2, 12), (2, 3), (2, 2, 3), (2, 2, 5))
    """
    batch, steps = x.shape
    found = params["embed"][x]
    p = found @ params["wx"] + params["b"]
    h = c = np.zeros((batch, p.shape[2] // 4), p.dtype)
    values = {"found": found, "p": p}
    for t in range(steps):
        now = step(params, p[:, t], h, c)
        values |= {f"{name}[{t}]": value for name, value in now.items()}
        h, c = now["h"], now["c"]
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
    found, p, states, logits = (values[name] for name in ("found", "p", "states", "logits"))
    wx, wh, wy = params["wx"], params["wh"], params["wy"]
    g_p, g_embed, zero = np.empty_like(p), np.zeros_like(params["embed"]), np.zeros_like(states[:, 0])
    g: dict[str, Array] = {}

    # fmt: off
    g_logits = (softmax(logits) - one_hot(y, logits)) / y.size  # de/dlogits = (softmax(logits) - [k = y]) / count
    g_states = g_logits @ wy.T                  # logits = states wy + by:  de/dstates = de/dlogits wy'
    g_wy = rows(states).T @ rows(g_logits)      #                           de/dwy = states' de/dlogits
    g_by = g_logits.sum(axis=(0, 1))            #                           de/dby = sum of de/dlogits
    h_later = c_later = zero                    # nothing comes after the last step
    for t in reversed(range(x.shape[1])):
        i, f, o, u, s = (values[f"{name}[{t}]"] for name in "ifous")
        before = values[f"c[{t - 1}]"] if t else zero
        g_h = g_states[:, t] + h_later          # in states, a[t+1]:        de/dh[t] = de/dstates[t] + de/da[t+1] wh'
        g_o = g_h * s                           # h = o s:                  de/do = de/dh s
        g_s = g_h * o                           #                           de/ds = de/dh o
        g_c = g_s * (1 - s * s) + c_later       # in tanh(c[t]), c[t+1]:    de/dc = de/ds (1 - s^2) + de/dc[t+1] f[t+1]
        g_f = g_c * before                      # c = f c[t-1] + i u:       de/df = de/dc c[t-1]
        g_i = g_c * u                           #                           de/di = de/dc u
        g_u = g_c * i                           #                           de/du = de/dc i
        g_a = np.concatenate([                  # blocks of a:
            g_i * i * (1 - i),                  # i = sigmoid(a0):          de/da0 = de/di i (1 - i)
            g_f * f * (1 - f),                  # f = sigmoid(a1):          de/da1 = de/df f (1 - f)
            g_o * o * (1 - o),                  # o = sigmoid(a2):          de/da2 = de/do o (1 - o)
            g_u * (1 - u * u),                  # u = tanh(a3):             de/da3 = de/du (1 - u^2)
        ], axis=1)
        g_p[:, t] = g_a                         # a[t] = p[t] + h[t-1] wh:  de/dp[t] = de/da[t]
        h_later = g_a @ wh.T                    #                           to h[t-1]: de/da[t] wh'
        c_later = g_c * f                       #                           to c[t-1]: de/dc[t] f[t]
        now = {"a": g_a, "i": g_i, "f": g_f, "o": g_o, "u": g_u, "c": g_c, "s": g_s, "h": g_h}
        g |= {f"{name}[{t}]": value for name, value in now.items()}
    g_wh = rows(states[:, :-1]).T @ rows(g_p[:, 1:])  #                     de/dwh = sum of h[t-1]' de/da[t]
    g_found = g_p @ wx.T                        # p = found wx + b:         de/dfound = de/dp wx'
    g_wx = rows(found).T @ rows(g_p)            #                           de/dwx = found' de/dp
    g_b = g_p.sum(axis=(0, 1))                  #                           de/db = sum of de/dp
    np.add.at(g_embed, x, g_found)              # found = embed[x]:         de/dembed[k] = sum of de/dfound where x = k
    return g | {
        "logits": g_logits, "states": g_states, "p": g_p, "found": g_found,
        "wy": g_wy, "by": g_by, "wh": g_wh, "wx": g_wx, "b": g_b, "embed": g_embed,
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
    symbols = list(start)
    h = c = np.zeros_like(params["wh"][:, 0])
    for n in range(len(start) + length - 1):
        now = step(params, params["embed"][symbols[n]] @ params["wx"] + params["b"], h, c)
        h, c = now["h"], now["c"]
        if n + 1 >= len(start):
            symbols.append(draw(h @ params["wy"] + params["by"], rng, temperature))
    return symbols[len(start) :]
