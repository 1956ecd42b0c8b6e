"""Linear maps, embeddings, dropout and attention."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np import Tensor, grad, trace

rng = np.random.default_rng(0)


# linear


@pytest.mark.parametrize("shape", [(3,), (2, 3), (4, 2, 3), (2, 1, 4, 3)])
def test_linear_takes_leading_axes_together(shape: tuple[int, ...]) -> None:
    x, w, b = rng.normal(size=shape), rng.normal(size=(5, 3)), rng.normal(size=5)
    np.testing.assert_allclose(tg.linear(x, w, b), x @ w.T + b, rtol=1e-14)
    g = rng.normal(size=(*shape[:-1], 5))
    got = grad(lambda *a: np.sum(tg.linear(*a) * g), argnums=(0, 1, 2))(x, w, b)
    flat, g_flat = x.reshape(-1, 3), g.reshape(-1, 5)
    for g_got, expected in zip(got, (g @ w, g_flat.T @ flat, g_flat.sum(0)), strict=True):
        np.testing.assert_allclose(g_got, expected, rtol=1e-13)


def test_linear_to_one_output_without_an_axis() -> None:
    assert tg.linear(np.ones((2, 3)), np.array([1.0, 2.0, 3.0]), 1.0).tolist() == [7.0, 7.0]


# embedding and one_hot


def test_embedding_adds_up_what_repeated_ids_receive() -> None:
    ids, w = np.array([[2, 0], [2, 2]]), rng.normal(size=(4, 2))
    g = rng.normal(size=(2, 2, 2))
    np.testing.assert_array_equal(tg.embedding(ids, w), w[ids])
    expected = np.stack([g[0, 1], np.zeros(2), g[0, 0] + g[1, 0] + g[1, 1], np.zeros(2)])
    np.testing.assert_allclose(grad(lambda v: np.sum(tg.embedding(ids, v) * g))(w), expected)


@pytest.mark.parametrize("padding_idx", [1, -3])
def test_embedding_of_padding_is_read_and_not_trained(padding_idx: int) -> None:
    ids, w = np.array([1, 0, 1]), rng.normal(size=(4, 2))
    np.testing.assert_array_equal(tg.embedding(ids, w, padding_idx), w[ids])
    expected = [[2.0, 2.0], [0, 0], [0, 0], [0, 0]]
    np.testing.assert_allclose(grad(lambda v: np.sum(tg.embedding(ids, v, padding_idx) * 2))(w), expected)
    dot = tg.jvp(lambda v: tg.embedding(ids, v, padding_idx), (w,), (np.ones((4, 2)),))[1]
    np.testing.assert_array_equal(dot, [[0, 0], [1, 1], [0, 0]])


def test_embedding_read_twice_in_one_program() -> None:
    w = Tensor(rng.normal(size=(3, 2)), requires_grad=True)
    (np.sum(tg.embedding(np.array([0, 1]), w)) + np.sum(tg.embedding(np.array([1]), w) * 3)).backward()
    np.testing.assert_array_equal(w.grad, [[1, 1], [4, 4], [0, 0]])


@pytest.mark.parametrize(
    ("ids", "error", "says"),
    [
        ([0, -1], IndexError, "lie between 0 and 2 here; got -1"),
        ([3], IndexError, "lie between 0 and 2 here; got 3"),
        ([0.0], TypeError, "ids are integers; got float64"),
        ([True], TypeError, "ids are integers; got bool"),
    ],
)
def test_embedding_refuses_what_is_no_row(ids: Any, error: Any, says: str) -> None:
    for weight in (np.ones((3, 2)), Tensor(np.ones((3, 2)), requires_grad=True)):
        with pytest.raises(error, match=says):
            tg.embedding(np.array(ids), weight)


def test_embedding_of_no_ids() -> None:
    assert tg.embedding(np.zeros((0, 2), int), np.ones((3, 4))).shape == (0, 2, 4)


def test_embedding_ids_are_inputs_of_a_trace() -> None:
    tape = trace(tg.embedding, np.array([0, 1]), np.eye(3))
    np.testing.assert_array_equal(tape(np.array([2, 0]), np.eye(3)), np.eye(3)[[2, 0]])


def test_one_hot() -> None:
    got = tg.one_hot([[0, 2], [1, 1]])
    np.testing.assert_array_equal(got, np.eye(3)[[[0, 2], [1, 1]]])
    assert got.dtype == np.int64
    assert tg.one_hot(np.array([1]), 5).tolist() == [[0, 1, 0, 0, 0]]
    assert not tg.one_hot(Tensor([1, 0])).requires_grad


@pytest.mark.parametrize(("ids", "classes"), [([3], 3), ([-1], 3), ([-1], -1)])
def test_one_hot_refuses_what_is_no_class(ids: Any, classes: int) -> None:
    with pytest.raises(IndexError, match="lie between 0 and"):
        tg.one_hot(np.array(ids), classes)


# dropout


def test_dropout_scales_what_it_keeps_and_the_gradient_is_the_mask() -> None:
    x = Tensor(np.ones((200, 100), np.float32), requires_grad=True)
    y = tg.dropout(x, 0.25, rng=np.random.default_rng(0))
    assert y.dtype == np.float32
    assert np.unique(y.data).tolist() == [0.0, np.float32(1 / 0.75)]
    assert abs(np.mean(y.data == 0) - 0.25) < 0.01
    np.sum(y).backward()
    np.testing.assert_array_equal(x.grad, y.data)


def test_dropout_draws_from_its_generator_alone() -> None:
    x = np.ones(50)
    first, again = (tg.dropout(x, rng=np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    generator = np.random.default_rng(3)
    assert (tg.dropout(x, rng=generator) != tg.dropout(x, rng=generator)).any()


def test_dropout_from_a_tape_draws_again() -> None:
    generator = np.random.default_rng(0)
    tape = trace(lambda x: tg.dropout(x, rng=generator), np.ones(50))
    assert (tape(np.ones(50)) != tape(np.ones(50))).any()


def test_dropout_of_nothing_and_of_all() -> None:
    x = np.ones(3)
    assert tg.dropout(x, training=False) is x
    assert tg.dropout(x, 0.0) is x
    np.testing.assert_array_equal(tg.dropout(x, 1.0, rng=np.random.default_rng(0)), np.zeros(3))


@pytest.mark.parametrize("generator", [None, 0, np.random.RandomState(0)])
def test_dropout_wants_a_generator(generator: Any) -> None:
    with pytest.raises(TypeError, match=r"rng=numpy.random.default_rng\(seed\)"):
        tg.dropout(np.ones(3), rng=generator)


@pytest.mark.parametrize("p", [-0.1, 1.1, np.nan])
def test_dropout_wants_a_probability(p: float) -> None:
    with pytest.raises(ValueError, match="p is a probability"):
        tg.dropout(np.ones(3), p, rng=np.random.default_rng(0))


# attention


def by_hand(q: Any, k: Any, v: Any, looks: Any, scale: float) -> np.ndarray:
    """Attention of one head, one query at a time."""
    rows = []
    for i in range(len(q)):
        keys = [j for j in range(len(k)) if looks[i][j]]
        e = np.array([np.exp(scale * (q[i] @ k[j])) for j in keys])
        rows.append(
            sum((w * v[j] for w, j in zip(e / e.sum(), keys, strict=True)), np.zeros(v.shape[1])) if keys else v[0] * 0
        )
    return np.array(rows)


q, k, v = rng.normal(size=(3, 2)), rng.normal(size=(4, 2)), rng.normal(size=(4, 5))
LOOKS = np.array([[True, False, True, True], [False, False, False, False], [False, True, False, False]])


def test_attention() -> None:
    got = tg.scaled_dot_product_attention(q, k, v)
    np.testing.assert_allclose(got, by_hand(q, k, v, np.ones((3, 4)), 1 / np.sqrt(2)), rtol=1e-13)
    got = tg.scaled_dot_product_attention(q, k, v, scale=3.0)
    np.testing.assert_allclose(got, by_hand(q, k, v, np.ones((3, 4)), 3.0), rtol=1e-13)


def test_attention_to_the_past() -> None:
    got = tg.scaled_dot_product_attention(q, k, v, is_causal=True)
    np.testing.assert_allclose(got, by_hand(q, k, v, np.tri(3, 4), 1 / np.sqrt(2)), rtol=1e-13)


@pytest.mark.parametrize("mask", [LOOKS, np.where(LOOKS, 0.0, -np.inf)], ids=["boolean", "added"])
def test_attention_under_a_mask(mask: Any) -> None:
    """A query that may look nowhere gets zeros, and no gradient, and no NaN."""
    got = tg.scaled_dot_product_attention(q, k, v, mask)
    np.testing.assert_allclose(got, by_hand(q, k, v, LOOKS, 1 / np.sqrt(2)), rtol=1e-13)
    f = lambda *a: np.sum(np.square(tg.scaled_dot_product_attention(*a, mask)))
    gq, gk, gv = grad(f, argnums=(0, 1, 2))(q, k, v)
    assert not gq[1].any()
    assert all(np.isfinite(g).all() for g in (gq, gk, gv))
    rest = [0, 2]
    f = lambda *a: np.sum(np.square(tg.scaled_dot_product_attention(*a, mask[rest])))
    for g, expected in zip((gq[rest], gk, gv), grad(f, argnums=(0, 1, 2))(q[rest], k, v), strict=True):
        np.testing.assert_allclose(g, expected, rtol=1e-12, atol=1e-14)


def test_attention_with_numbers_added_passes_them_a_gradient() -> None:
    bias = rng.normal(size=(3, 4))
    got = grad(lambda b: np.sum(tg.scaled_dot_product_attention(q, k, v, b) ** 2))(bias)
    np.testing.assert_allclose(got.sum(axis=1), np.zeros(3), atol=1e-14)  # a shift of all scores changes nothing
    assert np.abs(got).max() > 1e-3


def test_attention_of_float32_heads() -> None:
    heads = [np.asarray(rng.normal(size=(2, 4, n, 8)), np.float32) for n in (3, 5, 5)]
    y = tg.scaled_dot_product_attention(*heads, attn_mask=np.ones((3, 5), bool))
    assert y.dtype == np.float32
    np.testing.assert_allclose(y[1, 2], by_hand(*(h[1, 2] for h in heads), np.ones((3, 5)), 8**-0.5), rtol=1e-5)


def test_attention_drops_weights() -> None:
    y = tg.scaled_dot_product_attention(q, k, np.eye(4), dropout_p=0.5, rng=np.random.default_rng(0))
    full = tg.scaled_dot_product_attention(q, k, np.eye(4))
    kept = y != 0
    assert 0 < kept.mean() < 1
    np.testing.assert_allclose(y[kept], 2 * full[kept])


def test_attention_takes_one_mask() -> None:
    with pytest.raises(ValueError, match="attn_mask or is_causal"):
        tg.scaled_dot_product_attention(q, k, v, LOOKS, is_causal=True)
