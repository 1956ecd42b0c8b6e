"""A transformer of one block, causal: it predicts the next symbol of a sequence from all that came before.

    z0 = embed[x] + pos                        what stands there, and where
    s0 = standardised z0                       mean 0 and variance 1 over the row
    n0 = s0 gain0 + bias0
    q = n0 wq     k = n0 wk     v = n0 wv      cut into heads
    scores = q k' / sqrt(size)                 -infinity where the key is later than the query
    weights = softmax(scores)                  along the keys
    mixed = weights v                          what each head hears
    joined = the heads of mixed side by side
    z1 = z0 + joined wo + bo                   attention adds to what was there
    s1 = standardised z1
    n1 = s1 gain1 + bias1
    a = n1 w1 + b1
    r = max(a, 0)
    z2 = z1 + r w2 + b2                        and so does a net of two layers
    s2 = standardised z2
    n2 = s2 gain2 + bias2
    logits = n2 wy + by
    e = mean over batch and steps of -ln softmax(logits)[y]

x and y hold symbol numbers, [batch, steps]; usually y[:, t] is x[:, t + 1]. Dense layers and norms treat each step of
each sample alone, so z0, s0, n0, joined, z1 and so on have one row for each: [rows, width], a and r [rows, hidden].
Only attention needs to know which rows belong together: q, k, v and mixed are [batch, heads, steps, size], scores and
weights [batch, heads, steps, steps]. wq, wk and wv are [width, heads, size], read as [width, heads size]; wo is [heads
size, width]; logits are [batch, steps, symbols]. A product of arrays with more than two axes is one matrix product for
each sample and head, and ' exchanges the last two.

The derivation, from the error back; de/dz has the shape of z throughout, [i = y] is 1 where i is y and 0 elsewhere.

1.  -ln softmax(logits)[y] = ln(sum over i of e^logits[i]) - logits[y]. The derivative of the first term by logits[i] is
    softmax(logits)[i], that of the second [i = y], and the mean divides by their number:
    de/dlogits = (softmax(logits) - [i = y]) / (batch steps).
2.  A dense layer u = v w + b: de/dw = v' de/du, de/db = sum over the rows of de/du, de/dv = de/du w'. There are four
    (wy, w2, w1, wo), and three without a bias (wq, wk, wv).
3.  n = s gain + bias with the same gain and bias in each row: de/dgain = sum over the rows of de/dn s,
    de/dbias = sum over the rows of de/dn, de/ds = de/dn gain.
4.  Standardising a row of z: s = d / deviation with d = z - mean(z) and deviation = sqrt(mean(d^2) + EPS), means over
    the row. d is felt above the line and in the deviation, whose derivative by d[j] is d[j] / (width deviation), so
    de/dd = (de/ds - s mean(de/ds s)) / deviation. z is felt in d and in the mean, so de/dz = de/dd - mean(de/dd).
    The mean of s is 0, and therefore de/dz = (de/ds - mean(de/ds) - s mean(de/ds s)) / deviation.
    What would shift the row or stretch it is taken out of de/ds: the norm does not feel it (but for EPS).
5.  z2 = z1 + (a net of n1): z1 is felt as it is and through the net, and both ways add up. The first hands de/dz2 on
    whole, which keeps gradients alive through many blocks. z1 = z0 + (attention to n0) likewise.
6.  ReLU passes an entry on or stops it: de/da = de/dr where a > 0, and 0 elsewhere (at 0 too).
7.  Cutting into heads and joining them only renames entries: de/dmixed is de/djoined cut into heads.
8.  mixed = weights v: de/dweights = de/dmixed v', de/dv = weights' de/dmixed.
9.  Softmax along the keys: raising scores[j] raises weights[j] and lowers all in proportion, so that
    de/dscores[j] = weights[j] (de/dweights[j] - sum over l of de/dweights[l] weights[l]). Where scores are -infinity
    the weights are 0, and so is the derivative: nothing is learned from the future.
10. scores = q k' / sqrt(size): de/dq = de/dscores k / sqrt(size), de/dk = de/dscores' q / sqrt(size).
11. n0 is felt through q, k and v: de/dn0 = de/dq wq' + de/dk wk' + de/dv wv', with the heads joined again.
12. A row of embed is read wherever its symbol stands, and row t of pos at step t of every sample. de/dz0 is summed over
    these places.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_np import cross_entropy, layer_norm, relu
from tinygrad_np import softmax as softmax_op

from ._descent import Array, Values
from ._shared import different_sizes, draw, one_hot, rows, softmax

__all__ = ["example", "forward", "generate", "init", "loss", "manual_gradients"]

EPS = 1e-5  # added to the variance of a row, which may be 0


def init(
    rng: np.random.Generator,
    symbols: int,
    steps: int,
    width: int,
    heads: int,
    size: int,
    hidden: int,
    dtype: Any = np.float64,
) -> dict[str, Array]:
    """Normal weights with variance 1 / fan-in, 2 / fan-in before the ReLU; gains 1, biases 0.

    Parameters
    ----------
    steps
        The longest sequence it can read: there is a row of ``pos`` for each step.
    width
        Of the vector that stands for a symbol and its place.
    heads, size
        Of the attention, and the numbers in the query, key and value of one head; usually heads * size is width.
    hidden
        Entries of the layer with the ReLU; usually a few times width.
    """
    params: dict[str, Array] = {
        "embed": rng.standard_normal((symbols, width)),
        "pos": rng.standard_normal((steps, width)) / 2,
        **{name: rng.standard_normal((width, heads, size)) / np.sqrt(width) for name in ("wq", "wk", "wv")},
        "wo": rng.standard_normal((heads * size, width)) / np.sqrt(heads * size),
        "bo": np.zeros(width),
        "w1": rng.standard_normal((width, hidden)) * np.sqrt(2 / width),
        "b1": np.zeros(hidden),
        "w2": rng.standard_normal((hidden, width)) / np.sqrt(hidden),
        "b2": np.zeros(width),
        "wy": rng.standard_normal((width, symbols)) / np.sqrt(width),
        "by": np.zeros(symbols),
    }
    for i in range(3):
        params |= {f"gain{i}": np.ones(width), f"bias{i}": np.zeros(width)}
    return {name: p.astype(dtype) for name, p in params.items()}


def example(rng: np.random.Generator, dtype: Any = np.float64) -> tuple[dict[str, Array], Array, Array]:
    """Parameters, sequences x and what comes next y, both [batch, steps], of random sizes."""
    batch, steps, symbols, heads, size = different_sizes(rng, 5, high=6)
    hidden, width = different_sizes(rng, 2, low=7, high=12)  # of fewer numbers standardising leaves next to nothing
    params = init(rng, symbols, steps, width, heads, size, hidden, dtype)
    x, y = rng.integers(symbols, size=(2, batch, steps))
    return params, x, y


def cut(z: Any, batch: int, heads: int) -> Any:
    """Rows [batch steps, heads size] as [batch, heads, steps, size]."""
    return z.reshape(batch, -1, heads, z.shape[1] // heads).swapaxes(1, 2)


def join(z: Any) -> Any:
    """What `cut` cut: [batch, heads, steps, size] as rows again."""
    _, heads, _, size = z.shape
    return z.swapaxes(1, 2).reshape(-1, heads * size)


def matrix(w: Any) -> Any:
    """[width, heads, size] as [width, heads size]."""
    return w.reshape(len(w), -1)


def forward(params: Values, x: Any) -> Values:
    """All that the module's text names, from ``z0`` [batch steps, width] to ``logits`` [batch, steps, symbols].

    Raises
    ------
    ValueError
        If x has more steps than ``pos`` has rows.

    Examples
    --------
    >>> params = init(np.random.default_rng(0), symbols=5, steps=3, width=8, heads=2, size=4, hidden=6)
    >>> values = forward(params, np.array([[4, 0, 2]]))
    >>> values["z0"].shape, values["mixed"].shape, values["logits"].shape
    ((3, 8), (1, 2, 3, 4), (1, 3, 5))
    >>> np.argwhere(values["weights"][0, 0] == 0).tolist()  # a step and a later one
    [[0, 1], [0, 2], [1, 2]]
    """
    (batch, steps), (longest, width), (_, heads, size) = x.shape, params["pos"].shape, params["wq"].shape
    if steps > longest:
        raise ValueError(f"x has {steps} steps, and pos has rows for {longest}: cut x, or make a net for more")
    z0 = rows(params["embed"][x] + params["pos"][:steps])
    s0 = layer_norm(z0, width, eps=EPS)
    n0 = s0 * params["gain0"] + params["bias0"]
    q, k, v = (cut(n0 @ matrix(params[name]), batch, heads) for name in ("wq", "wk", "wv"))
    later = np.where(np.tri(steps, dtype=bool), 0, -np.inf).astype(z0.dtype)
    scores = q @ k.mT / math.sqrt(size) + later
    weights = softmax_op(scores)
    mixed = weights @ v
    joined = join(mixed)
    z1 = z0 + joined @ params["wo"] + params["bo"]
    s1 = layer_norm(z1, width, eps=EPS)
    n1 = s1 * params["gain1"] + params["bias1"]
    a = n1 @ params["w1"] + params["b1"]
    r = relu(a)
    z2 = z1 + r @ params["w2"] + params["b2"]
    s2 = layer_norm(z2, width, eps=EPS)
    n2 = s2 * params["gain2"] + params["bias2"]
    logits = (n2 @ params["wy"] + params["by"]).reshape(batch, steps, -1)
    return {
        "z0": z0, "s0": s0, "n0": n0, "q": q, "k": k, "v": v, "scores": scores, "weights": weights, "mixed": mixed,
        "joined": joined, "z1": z1, "s1": s1, "n1": n1, "a": a, "r": r, "z2": z2, "s2": s2, "n2": n2, "logits": logits,
    }  # fmt: skip


def loss(params: Values, x: Any, y: Any, values: Values | None = None) -> Any:
    """The cross-entropy between softmax(logits) and the symbols y, averaged over batch and steps."""
    values = forward(params, x) if values is None else values
    return cross_entropy(rows(values["logits"]), y.reshape(-1))


def unstandardise(g: Array, s: Array, z: Array) -> Array:
    """de/dz from g = de/ds, where s is the standardised z: point 4 of the module's text."""
    deviation = np.sqrt(z.var(axis=1, keepdims=True) + EPS)
    return (g - g.mean(axis=1, keepdims=True) - s * (g * s).mean(axis=1, keepdims=True)) / deviation


def manual_gradients(params: Values, x: Any, y: Any, values: Values | None = None) -> dict[str, Array]:
    """Derivatives of the loss by every value and parameter; the module's text derives them."""
    values = forward(params, x) if values is None else values
    z0, s0, n0, q, k, v, weights, joined = (values[n] for n in ("z0", "s0", "n0", "q", "k", "v", "weights", "joined"))
    z1, s1, n1, a, r, z2, s2, n2, logits = (values[n] for n in ("z1", "s1", "n1", "a", "r", "z2", "s2", "n2", "logits"))
    wq, wk, wv, wo, w1, w2, wy = (params[n] for n in ("wq", "wk", "wv", "wo", "w1", "w2", "wy"))
    batch, heads, steps, size = q.shape
    root = math.sqrt(size)

    # fmt: off
    g_logits = (softmax(logits) - one_hot(y, logits)) / y.size  # de/dlogits = (softmax(logits) - [i = y]) / count
    g_n2 = rows(g_logits) @ wy.T                 # logits = n2 wy + by:      de/dn2      = de/dlogits wy'
    g_wy = n2.T @ rows(g_logits)                 #                           de/dwy      = n2' de/dlogits
    g_by = rows(g_logits).sum(axis=0)            #                           de/dby      = sum over the rows
    g_s2 = g_n2 * params["gain2"]                # n2 = s2 gain2 + bias2:    de/ds2      = de/dn2 gain2
    g_gain2 = (g_n2 * s2).sum(axis=0)            #                           de/dgain2   = sum over rows of de/dn2 s2
    g_bias2 = g_n2.sum(axis=0)                   #                           de/dbias2   = sum over the rows
    g_z2 = unstandardise(g_s2, s2, z2)           # s2 = standardised z2:     point 4
    g_r = g_z2 @ w2.T                            # z2 = z1 + r w2 + b2:      de/dr       = de/dz2 w2'
    g_w2 = r.T @ g_z2                            #                           de/dw2      = r' de/dz2
    g_b2 = g_z2.sum(axis=0)                      #                           de/db2      = sum over the rows
    g_a = g_r * (a > 0)                          # r = max(a, 0):            de/da       = de/dr where a > 0, else 0
    g_n1 = g_a @ w1.T                            # a = n1 w1 + b1:           de/dn1      = de/da w1'
    g_w1 = n1.T @ g_a                            #                           de/dw1      = n1' de/da
    g_b1 = g_a.sum(axis=0)                       #                           de/db1      = sum over the rows
    g_s1 = g_n1 * params["gain1"]                # n1 = s1 gain1 + bias1:    de/ds1      = de/dn1 gain1
    g_gain1 = (g_n1 * s1).sum(axis=0)            #                           de/dgain1   = sum over rows of de/dn1 s1
    g_bias1 = g_n1.sum(axis=0)                   #                           de/dbias1   = sum over the rows
    g_z1 = g_z2 + unstandardise(g_s1, s1, z1)    # in z2 and in s1:          de/dz1      = de/dz2 + point 4
    g_joined = g_z1 @ wo.T                       # z1 = z0 + joined wo + bo: de/djoined  = de/dz1 wo'
    g_wo = joined.T @ g_z1                       #                           de/dwo      = joined' de/dz1
    g_bo = g_z1.sum(axis=0)                      #                           de/dbo      = sum over the rows
    g_mixed = cut(g_joined, batch, heads)        # joined is mixed, renamed: de/dmixed   = de/djoined, renamed back
    g_weights = g_mixed @ v.mT                   # mixed = weights v:        de/dweights = de/dmixed v'
    g_v = weights.mT @ g_mixed                   #                           de/dv       = weights' de/dmixed
    felt = (g_weights * weights).sum(axis=3, keepdims=True)
    g_scores = weights * (g_weights - felt)      # weights = softmax:        de/dscores  = weights (de/dweights - felt)
    g_q = g_scores @ k / root                    # scores = q k' / root:     de/dq       = de/dscores k / root
    g_k = g_scores.mT @ q / root                 #                           de/dk       = de/dscores' q / root
    q_rows, k_rows, v_rows = (join(g) for g in (g_q, g_k, g_v))
    g_wq = (n0.T @ q_rows).reshape(wq.shape)     # q = n0 wq:                de/dwq      = n0' de/dq
    g_wk = (n0.T @ k_rows).reshape(wk.shape)     # k = n0 wk:                de/dwk      = n0' de/dk
    g_wv = (n0.T @ v_rows).reshape(wv.shape)     # v = n0 wv:                de/dwv      = n0' de/dv
    g_n0 = q_rows @ matrix(wq).T + k_rows @ matrix(wk).T + v_rows @ matrix(wv).T  # n0 is in all three
    g_s0 = g_n0 * params["gain0"]                # n0 = s0 gain0 + bias0:    de/ds0      = de/dn0 gain0
    g_gain0 = (g_n0 * s0).sum(axis=0)            #                           de/dgain0   = sum over rows of de/dn0 s0
    g_bias0 = g_n0.sum(axis=0)                   #                           de/dbias0   = sum over the rows
    g_z0 = g_z1 + unstandardise(g_s0, s0, z0)    # in z1 and in s0:          de/dz0      = de/dz1 + point 4
    g_embed, g_pos = np.zeros_like(params["embed"]), np.zeros_like(params["pos"])
    np.add.at(g_embed, x.reshape(-1), g_z0)      # z0 = embed[x] + pos:      de/dembed[i] = sum of de/dz0 where x = i
    g_pos[:steps] = g_z0.reshape(batch, steps, -1).sum(axis=0)  #            de/dpos     = sum over the batch of de/dz0
    return {
        "logits": g_logits, "n2": g_n2, "s2": g_s2, "z2": g_z2, "r": g_r, "a": g_a, "n1": g_n1, "s1": g_s1, "z1": g_z1,
        "joined": g_joined, "mixed": g_mixed, "weights": g_weights, "scores": g_scores, "v": g_v, "k": g_k, "q": g_q,
        "n0": g_n0, "s0": g_s0, "z0": g_z0, "wy": g_wy, "by": g_by, "gain2": g_gain2, "bias2": g_bias2,
        "w2": g_w2, "b2": g_b2, "w1": g_w1, "b1": g_b1, "gain1": g_gain1, "bias1": g_bias1, "wo": g_wo, "bo": g_bo,
        "wq": g_wq, "wk": g_wk, "wv": g_wv, "gain0": g_gain0, "bias0": g_bias0, "embed": g_embed, "pos": g_pos,
    }
    # fmt: on


def generate(
    params: Values, rng: np.random.Generator, start: Sequence[int], length: int, temperature: float = 1.0
) -> list[int]:
    """``length`` symbols that go on where ``start`` ends, each drawn with the odds that the net gives it.

    It sees as many of the last symbols as ``pos`` has rows.

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
    for _ in range(length):
        seen = np.array([symbols[-len(params["pos"]) :]])
        symbols.append(draw(forward(params, seen)["logits"][0, -1], rng, temperature))
    return symbols[len(start) :]
