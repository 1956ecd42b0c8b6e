"""What a net is made of besides activations: linear maps, embeddings, dropout, attention.

Names, argument order and defaults as in torch.nn.functional; whatever draws random numbers takes a generator, ``rng=``.
"""

from __future__ import annotations

import numpy as np

from .declare import composite, op
from .indexing import Scatter, getitem, split_index
from .nn import as_array, softmax


@composite(
    tex=r"{0} {1}^{{\mathsf T}} + {2}",
    samples=[((2, 3), (4, 3), (4,)), ((2, 3), (4, 3)), ((2, 2, 3), (4, 3), (4,)), ((3,), (4, 3), (4,)), ((2, 3), (3,))],
)
def linear(x, weight, bias=None):
    """``x @ weight.T + bias``: weight of shape (out, in), or (in,) for one output without an axis of its own.

    Leading axes of x are taken together, so that each product is one matrix product.
    """
    x, weight = as_array(x), as_array(weight)
    if x.ndim > 2 and weight.ndim == 2:
        y = np.reshape(np.reshape(x, (-1, x.shape[-1])) @ np.transpose(weight), (*x.shape[:-1], weight.shape[0]))
    else:
        y = x @ np.transpose(weight)
    return y if bias is None else y + bias


def _integers(ids, what):
    ids = np.asarray(ids)
    if ids.dtype.kind not in "iu":
        raise TypeError(f"{what} are integers; got {ids.dtype}")
    return ids


def in_range(ids, n, what):
    """Integer ``ids`` that lie in [0, n). NumPy would read -1 from the end: here it is an error."""
    ids = _integers(ids, what)
    if ids.size and np.maximum.reduce(ids.astype(np.uintp), axis=None) >= n:  # a negative one is huge there
        wrong = ids[(ids < 0) | (ids >= n)].flat[0]
        raise IndexError(f"{what} lie between 0 and {n - 1} here; got {wrong}")
    return ids


@op(
    tex=r"{1}_{{{0}}}",
    samples=[(np.array([0, 2, 2]), (4, 3)), (np.array([[3, 0], [1, 3]]), (4, 2)), (np.array(1), (2, 3))],
)
def embedding(ids, weight, padding_idx=None):
    """Row ``weight[i]`` for each integer i of ``ids``, of shape ``ids.shape + weight.shape[1:]``.

    The cotangent of a row is the sum over the places that read it; row ``padding_idx`` gets none.

    Raises
    ------
    IndexError
        If an id is negative or no row; a negative one would otherwise silently read from the end.
    """
    return np.take(weight, in_range(ids, len(weight), "ids"), axis=0)


def _unpadded(rows, ids, _weight, padding_idx):
    """Rows, with 0 where the id is ``padding_idx``."""
    if padding_idx is None:
        return rows
    padding = ids == (padding_idx if padding_idx >= 0 else padding_idx + _weight.shape[0])
    return np.where(np.reshape(padding, padding.shape + (1,) * (rows.ndim - padding.ndim)), 0, rows)


def _embedding_vjp(g, _y, ids, _weight, *, padding_idx):
    return Scatter(_unpadded(g, ids, _weight, padding_idx), _weight.shape, *split_index(ids))


embedding.defvjp(None, _embedding_vjp)
embedding.defjvp(
    None,
    lambda weight_dot, _y, ids, _weight, *, padding_idx: _unpadded(getitem(weight_dot, ids), ids, _weight, padding_idx),
)


@op(samples=())
def one_hot(ids, num_classes=-1):
    """A 1 at place i of a new last axis for each integer i of ``ids``, int64; -1 stands for the largest id + 1.

    Declared non-differentiable.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_np as tg
    >>> tg.one_hot(np.array([0, 2]), 3)
    array([[1, 0, 0],
           [0, 0, 1]])
    """
    ids = _integers(ids, "ids")
    if num_classes == -1:
        if not ids.size:
            raise ValueError("one_hot: with no ids there is no largest one; give num_classes")
        num_classes = max(int(ids.max()), 0) + 1
    return (in_range(ids, num_classes, "ids")[..., None] == np.arange(num_classes)).astype(np.int64)


one_hot.defvjp(None)


@op(samples=())
def _dropout_mask(x, *, p, rng):
    """0 with probability p, else 1 / (1 - p): drawn again each time it runs, also from a tape."""
    dtype = x.dtype if x.dtype.kind == "f" else np.dtype(np.float64)
    kept = rng.random(x.shape, dtype=np.float32) >= p
    return kept * dtype.type(1 / (1 - p) if p < 1 else 0)


_dropout_mask.defvjp(None)


@composite(tex=r"\operatorname{{dropout}}({0})", samples=[((2, 3), {"training": False}), ((3,), {"p": 0.0})])
def dropout(x, p=0.5, training=True, *, rng=None):
    """``x * mask / (1 - p)``, where each element of the mask is 0 with probability p and else 1.

    Parameters
    ----------
    rng
        The `numpy.random.Generator` the mask is drawn from; required unless p is 0 or ``training`` is False.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_np as tg
    >>> tg.dropout(np.ones(5), 0.5, rng=np.random.default_rng(0))
    array([2., 2., 2., 0., 0.])
    """
    if not 0 <= p <= 1:
        raise ValueError(f"dropout: p is a probability, from 0 to 1; got {p}")
    x = as_array(x)
    if not training or p == 0:
        return x
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"dropout draws from a generator: rng=numpy.random.default_rng(seed); got rng={rng!r}")
    return x * _dropout_mask(x, p=p, rng=rng)


@composite(
    tex=r"\operatorname{{attention}}({0}, {1}, {2})",
    samples=[
        ((3, 2), (4, 2), (4, 5)),
        ((2, 3, 2), (2, 3, 2), (2, 3, 2), {"is_causal": True}),
        ((3, 2), (2, 2), (2, 2), np.array([[True, False], [True, True], [False, False]])),
        ((2, 3, 2), (2, 4, 2), (2, 4, 2), (3, 4), {"scale": 0.3}),
    ],
)
def scaled_dot_product_attention(
    query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None, *, rng=None
):
    """``softmax(query @ key^T * scale + mask) @ value``, with 1 / sqrt(E) as the usual scale.

    Parameters
    ----------
    query, key, value
        Of shapes (..., L, E), (..., S, E) and (..., S, Ev).
    attn_mask
        Broadcasts to (..., L, S): boolean, True where a query may look; or numbers that are added. A query that may
        look nowhere gets zeros, and passes no gradient.
    dropout_p, rng
        Probability of dropping a weight, and the generator to draw from.
    is_causal
        Query i looks at keys 0 to i; instead of a mask.
    """
    query, key, value = as_array(query), as_array(key), as_array(value)
    if is_causal and attn_mask is not None:
        raise ValueError("scaled_dot_product_attention: give attn_mask or is_causal=True, not both")
    scale = 1 / float(np.sqrt(query.shape[-1])) if scale is None else scale
    scores = (query * scale) @ np.swapaxes(key, -1, -2)
    looks = None
    if is_causal:
        scores = np.where(np.tri(*scores.shape[-2:], dtype=bool), scores, -np.inf)
    elif attn_mask is not None:
        attn_mask = as_array(attn_mask)
        if attn_mask.dtype == bool:
            looks, scores = attn_mask, np.where(attn_mask, scores, -np.inf)
        else:
            looks, scores = attn_mask > -np.inf, scores + attn_mask
    y = dropout(softmax(scores), dropout_p, rng=rng) @ value
    return y if looks is None else np.where(np.any(looks, axis=-1, keepdims=True), y, 0)
