"""Shapes, joining and diagonals where NumPy's own rules are intricate, and the gradient follows them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from affine import RNG, assert_as_numpy

import tinygrad_np
from tinygrad_np import Tensor, grad, trace, vjp

# Shapes and axes


def layouts(x: np.ndarray) -> list[np.ndarray]:
    turned = [np.ascontiguousarray(np.moveaxis(x, 0, k)) for k in range(x.ndim)]
    return [
        x,
        np.asfortranarray(x),
        *(np.moveaxis(t, k, 0) for k, t in enumerate(turned)),
        x[::-1].copy()[::-1],
        np.repeat(x, 2, axis=1)[:, ::2],
        x[:, None],
    ]


@pytest.mark.parametrize("order", ["C", "F", "A", "K"])
def test_ravel_follows_the_layout_as_numpy_does(order: Any) -> None:
    for x in layouts(RNG.normal(size=(2, 3, 4))):
        t = Tensor(x)  # shares x, and so has its layout
        np.testing.assert_array_equal(t.ravel(order).data, x.ravel(order))
        if order != "K":
            np.testing.assert_array_equal(np.reshape(t, (4, -1), order=order).data, np.reshape(x, (4, -1), order=order))
        y, pullback = vjp(lambda x, order=order: np.ravel(x, order), x)
        index = np.empty_like(x, dtype=int)  # numbers in the same layout
        index[...] = np.arange(x.size).reshape(x.shape)
        expected = np.zeros(x.size)
        expected[index.ravel(order)] = np.arange(x.size)
        np.testing.assert_array_equal(pullback(np.arange(1.0 * x.size))[0].ravel(), expected)
        assert y.shape == (x.size,)


def test_reshape_methods_take_sizes_loose_or_together() -> None:
    t = Tensor(np.arange(6.0), requires_grad=True)
    assert t.reshape(2, 3).shape == t.reshape((2, 3)).shape == t.reshape([2, -1]).shape == (2, 3)
    assert t.reshape(-1).shape == t.reshape(np.int64(6)).shape == (6,)
    assert t.reshape(1, 2, 3).transpose(2, 0, 1).shape == t.reshape(1, 2, 3).transpose((2, 0, 1)).shape == (3, 1, 2)
    assert t.reshape(1, 2, 3).transpose().shape == t.reshape(1, 2, 3).T.shape == (3, 2, 1)
    assert t.reshape(()).shape == () if t.size == 1 else t[:1].reshape(()).shape == ()


def test_reshape_that_may_not_copy() -> None:
    t = Tensor(np.arange(6.0).reshape(2, 3))
    assert np.reshape(t, -1, copy=False).shape == (6,)
    with pytest.raises(ValueError, match="copy"):
        np.reshape(t.T, -1, copy=False)


@pytest.mark.parametrize(
    "call",
    [
        lambda t: np.reshape(t, (4, 2)),
        lambda t: np.squeeze(t, 0),
        lambda t: np.expand_dims(t, 5),
        lambda t: np.moveaxis(t, [0, 0], [1, 2]),
        lambda t: np.swapaxes(t, 0, 3),
        lambda t: np.transpose(t, (0, 0)),
        lambda t: np.matrix_transpose(t[0]),
        lambda t: np.broadcast_to(t, (3, 2)),
        lambda t: np.rot90(t, axes=(0, 0)),
        lambda t: np.repeat(t, [1, 2, 3], axis=0),
        lambda t: np.stack([t, t[0]]),
        lambda t: np.concatenate([t, t[0]]),
        lambda t: np.split(t, 2, axis=1),
        lambda t: np.array_split(t, 0),
        lambda t: np.dsplit(t, 1),
        lambda t: np.block([t, [t]]),
        lambda t: np.diag(t[None]),
        lambda t: np.diagonal(t, axis1=1, axis2=1),
        lambda t: np.vander(t),
        lambda t: np.meshgrid(t, indexing="yx"),
        lambda t: np.pad(t, -1),
        lambda t: np.pad(t, 1.5),
        lambda t: np.pad(t, 1, mode="mirror"),
        lambda t: np.pad(t, 1, mode="edge", constant_values=1),
        lambda t: np.insert(t, 9, 0.0),
        lambda t: np.delete(t, 9),
        lambda t: np.resize(t, -1),
    ],
)
def test_what_numpy_refuses_is_refused(call: Any) -> None:
    x = np.ones((2, 3))
    with pytest.raises((ValueError, TypeError, IndexError)) as numpys:
        call(x)
    with pytest.raises((ValueError, TypeError, IndexError)) as ours:
        call(Tensor(x, requires_grad=True))
    assert issubclass(ours.type, numpys.type) or issubclass(numpys.type, ours.type)


def test_broadcasting_sums_over_what_was_repeated() -> None:
    x = np.ones((2, 1))
    np.testing.assert_array_equal(grad(lambda x: np.sum(np.broadcast_to(x, (4, 2, 3))))(x), np.full((2, 1), 12.0))
    np.testing.assert_array_equal(grad(lambda x: np.sum(np.broadcast_to(x, (0, 2, 3))))(x), np.zeros((2, 1)))
    a, b = np.broadcast_arrays(Tensor(x, requires_grad=True), np.ones(3))
    assert a.shape == b.shape == (2, 3)


def test_a_broadcast_result_is_not_written_to_by_what_follows() -> None:
    x = Tensor(np.ones((1, 2)), requires_grad=True)
    y = np.broadcast_to(x, (3, 2))
    y += 1
    np.testing.assert_array_equal(x.data, np.ones((1, 2)))
    (y * np.arange(6.0).reshape(3, 2)).sum().backward()
    np.testing.assert_array_equal(x.grad, [[6, 9]])


def test_repeat_with_a_count_for_each() -> None:
    x, weights = np.array([1.0, 2.0, 3.0]), np.arange(4.0)
    for counts in ([1, 0, 3], np.array([1, 0, 3]), Tensor(np.array([1, 0, 3]))):
        g = grad(lambda x, counts=counts: np.sum(np.repeat(x, counts) * weights))(x)
        np.testing.assert_array_equal(g, [0, 0, 6])


@pytest.mark.parametrize("reps", [0, 3, (2,), (2, 1), (1, 2, 3), (2, 0, 1), [2, 3]])
@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (0, 2)])
def test_tile(reps: Any, shape: Any) -> None:
    assert_as_numpy(lambda x: np.tile(x, reps), RNG.normal(size=shape))


@pytest.mark.parametrize("shift", [0, 2, -7, (1, -1), (3, 3)])
@pytest.mark.parametrize("axis", [None, 0, -1, (0, 1), (1, 1), (0, 0, 1)])
def test_roll_over_one_and_several_axes(shift: Any, axis: Any) -> None:
    if axis is None and isinstance(shift, tuple):
        shift = shift[0]
    if isinstance(shift, tuple) and isinstance(axis, tuple) and len(axis) == 3:
        shift = (*shift, 1)
    assert_as_numpy(lambda x: np.roll(x, shift, axis), RNG.normal(size=(3, 4)))


@pytest.mark.parametrize("k", range(-5, 6))
@pytest.mark.parametrize("axes", [(0, 1), (1, 0), (-1, 0), (2, 1)])
def test_rot90(k: int, axes: Any) -> None:
    assert_as_numpy(lambda x: np.rot90(x, k, axes), RNG.normal(size=(2, 3, 4)))


def test_reshape_in_a_trace_of_another_size() -> None:
    tape = trace(lambda x: np.reshape(x, (2, -1)), np.arange(4.0))
    np.testing.assert_array_equal(tape(np.arange(6.0)), np.arange(6.0).reshape(2, 3))


# Joining and taking apart


def test_a_part_of_another_dtype_gets_its_own_back() -> None:
    a, b = Tensor(np.ones(2, np.float32), requires_grad=True), Tensor(np.ones(3), requires_grad=True)
    y = np.concatenate([a, b, np.arange(2)])
    assert y.dtype == np.float64
    np.sum(y * np.arange(7.0)).backward()
    assert (a.grad.dtype, b.grad.dtype) == (np.float32, np.float64)
    np.testing.assert_array_equal(a.grad, [0, 1])
    np.testing.assert_array_equal(b.grad, [2, 3, 4])


def test_one_array_several_times_and_none_of_it() -> None:
    x = np.array([1.0, 2.0])
    np.testing.assert_array_equal(grad(lambda x: np.sum(np.concatenate([x, x[:0], x]) * [1, 2, 3, 4]))(x), [4, 6])
    np.testing.assert_array_equal(grad(lambda x: np.sum(np.stack([x, x * x], axis=-1)))(x), [3, 5])


def test_casting_is_checked_as_in_numpy() -> None:
    t = Tensor(np.ones(2), requires_grad=True)
    assert np.concatenate([t, t], dtype=np.float32).dtype == np.float32
    assert np.vstack([t, t], dtype=np.float32).dtype == np.hstack([t, t], dtype=np.float32).dtype == np.float32
    with pytest.raises(TypeError, match="cannot be cast to float32"):
        np.stack([t, t], dtype=np.float32, casting="safe")


def test_many_parts_cost_one_pass_each_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cotangents of n parts are cut in one run of the rule, not in n."""
    from tinygrad_np.ops.joining import _concatenate

    calls = []
    rule = _concatenate._joint

    def counted(*args: Any, **kwargs: Any) -> Any:
        calls.append(1)
        return rule(*args, **kwargs)

    monkeypatch.setattr(_concatenate, "_joint", counted)
    xs = [Tensor(float(i), requires_grad=True) for i in range(50)]
    (np.stack(xs) ** 2).sum().backward()
    assert [float(x.grad) for x in xs] == [2.0 * i for i in range(50)]
    assert len(calls) == 1


def test_block_of_nested_lists() -> None:
    def f(a: Any, b: Any, c: Any) -> Any:
        return np.block([[a, a, 1.0], [b, c, c]])

    a, b, c = np.array([[1.0, 2.0]]), np.array([3.0]), np.array([4.0, 5.0])
    y, pullback = vjp(f, a, b, c)
    np.testing.assert_array_equal(y, [[1, 2, 1, 2, 1], [3, 4, 5, 4, 5]])
    ga, gb, gc = pullback(np.arange(10.0).reshape(2, 5))
    np.testing.assert_array_equal(ga, [[2, 4]])
    np.testing.assert_array_equal(gb, [5])
    np.testing.assert_array_equal(gc, [14, 16])
    deep = [[[a], [c]], [[c], [a]]]
    np.testing.assert_array_equal(np.block([[[Tensor(a)], [c]], [[c], [a]]]).data, np.block(deep))


OBJECTS = [0, 2, -1, [0, 2], [2, 0], [1, 1], [-1, 0], [], [1], slice(None, None, 2), slice(1, 2)]


@pytest.mark.parametrize("obj", [*OBJECTS, np.array([True, False, True]), np.array([False, True, False])], ids=str)
@pytest.mark.parametrize("axis", [None, 0, 1, -1])
def test_insert_and_delete_at_every_kind_of_place(obj: Any, axis: Any) -> None:
    x = RNG.normal(size=(3, 3))
    if isinstance(obj, np.ndarray) and axis is None:
        obj = np.resize(obj, 9)
    assert_as_numpy(lambda x: np.delete(x, obj, axis), x)
    assert_as_numpy(lambda x: np.insert(x, obj, 7.0, axis), x)
    count = np.insert(np.arange(9 if axis is None else 3), obj, 0).size - (9 if axis is None else 3)
    shape = (count,) if axis is None else (count, 3) if axis == 0 else (3, count)
    values = RNG.normal(size=shape if np.ndim(obj) or isinstance(obj, slice) else shape[::-1])
    assert_as_numpy(lambda x: np.insert(x, obj, values, axis), x)
    assert_as_numpy(lambda v: np.insert(Tensor(x) if isinstance(v, Tensor) else x, obj, v, axis), values)


def test_insert_keeps_the_dtype() -> None:
    t = Tensor(np.ones(3, np.float32), requires_grad=True)
    assert np.insert(t, 1, np.float64(2)).dtype == np.float32
    assert np.append(t, np.float64(2)).dtype == np.append(t.data, np.float64(2)).dtype


@pytest.mark.parametrize("shape", [0, 2, 7, (2, 5), (0, 3), (3,), (2, 2, 2)])
def test_resize_begins_again(shape: Any) -> None:
    assert_as_numpy(lambda x: np.resize(x, shape), RNG.normal(size=(2, 2)))


@pytest.mark.parametrize("cuts", [1, 2, 3, 7, [2], [0, 2, 9], [3, 1], np.array([1, 4]), []])
def test_array_split_covers_everything_and_no_more(cuts: Any) -> None:
    x = RNG.normal(size=(5, 2))
    for y, e in zip(np.array_split(Tensor(x), cuts), np.array_split(x, cuts), strict=True):
        np.testing.assert_array_equal(y.data, e)
    g = grad(lambda x: sum((np.sum(p) * (i + 1) for i, p in enumerate(np.array_split(x, cuts))), 0.0))(x)
    expected = np.zeros_like(x)
    for i, (p, q) in enumerate(zip(np.array_split(expected, cuts), np.array_split(x, cuts), strict=True)):
        assert p.shape == q.shape
        p += i + 1
    np.testing.assert_array_equal(g, expected)


# Diagonals


@pytest.mark.parametrize("k", range(-5, 6))
@pytest.mark.parametrize("shape", [(3, 3), (2, 5), (5, 2), (0, 3), (3, 0)])
def test_diagonals_of_every_shape(k: int, shape: Any) -> None:
    x = RNG.normal(size=shape)
    assert_as_numpy(lambda x: np.diag(x, k), x)
    assert_as_numpy(lambda x: np.trace(x, k), x, exact=False)
    assert_as_numpy(lambda x: np.tril(x, k), x)
    assert_as_numpy(lambda x: np.triu(x, k), x)
    assert_as_numpy(lambda x: np.diagonal(x, k, 2, 0), RNG.normal(size=(*shape, 2)))
    assert_as_numpy(lambda x: np.diag(x, k), x.ravel()[:3])
    assert_as_numpy(lambda x: np.diagflat(x, k), x)


def test_no_gradient_of_what_a_triangle_leaves_out() -> None:
    x = np.array([[1.0, 0.0], [2.0, 3.0]])
    with np.errstate(divide="ignore"):
        np.testing.assert_array_equal(grad(lambda x: np.sum(np.tril(np.log(x))))(x), [[1, 0], [0.5, 1 / 3]])


def test_powers_of_whole_numbers_and_at_zero() -> None:
    v = Tensor(np.array([2, 3], np.int8))
    np.testing.assert_array_equal(np.vander(v, 3).data, np.vander(v.data, 3))
    assert np.vander(v, 3).dtype == np.vander(v.data, 3).dtype
    np.testing.assert_array_equal(
        grad(lambda x: np.sum(np.vander(x, 3) * [1, 10, 100]))(np.array([0.0, 2.0])), [10, 14]
    )


def test_the_linalg_names_are_of_the_last_axes() -> None:
    x = RNG.normal(size=(2, 3, 4))
    assert_as_numpy(lambda x: np.linalg.diagonal(x, offset=1), x)
    assert_as_numpy(lambda x: np.linalg.trace(x, offset=-1), x, exact=False)
    assert_as_numpy(np.linalg.matrix_transpose, x)


def test_the_recorder_keeps_its_name() -> None:
    assert tinygrad_np.trace is trace
    assert float(Tensor(np.eye(3)).trace()) == 3.0


# Trimming and grids


@pytest.mark.parametrize("trim", ["fb", "f", "b", "FB"])
@pytest.mark.parametrize("x", [[0, 0, 1.5, 0, 2, 0], [0, 0], [1, 2], []], ids=str)
def test_trim_zeros(trim: str, x: list[float]) -> None:
    a = np.array(x, float)
    y = np.trim_zeros(Tensor(a, requires_grad=True), trim)
    np.testing.assert_array_equal(y.data, np.trim_zeros(a, trim))
    if y.size:
        y.sum().backward()


def test_grids_may_be_sparse_and_of_one_axis() -> None:
    xs = [RNG.normal(size=n) for n in (2, 3, 4)]
    for options in ({}, {"sparse": True}, {"indexing": "ij"}, {"copy": False}):
        for vectors in (xs, xs[:2], xs[:1]):
            for y, e in zip(
                np.meshgrid(*map(Tensor, vectors), **options), np.meshgrid(*vectors, **options), strict=True
            ):
                np.testing.assert_array_equal(y.data, e)
    g = grad(lambda x, y: np.sum(np.meshgrid(x, y)[0] * np.arange(6.0).reshape(3, 2)))(xs[0], Tensor(xs[1]))
    np.testing.assert_array_equal(g, [6, 9])


def test_full_like_sums_over_the_places() -> None:
    a = np.zeros((2, 3))
    c = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = np.full_like(Tensor(a), c)
    np.testing.assert_array_equal(y.data, np.full_like(a, c.data))
    y.sum().backward()
    np.testing.assert_array_equal(c.grad, [2, 2, 2])
    t = np.full_like(Tensor(a), 7.0, dtype=np.float32, shape=(2,))
    assert isinstance(t, Tensor)
    assert (t.dtype, t.shape, t.requires_grad) == (np.float32, (2,), False)
