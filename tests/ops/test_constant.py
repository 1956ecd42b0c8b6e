"""What is declared non-differentiable answers as for the array, and loses no gradient unsaid."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tinygrad_np import Tensor, grad, trace
from tinygrad_np.ops.declare import OPS

X = np.array([[1.0, 3.0, 2.0], [0.0, -1.5, 5.0]])
OTHER = np.array([[4.0, 0.5, 0.0], [-2.5, 0.0, 0.0]])

TENSORS: dict[str, Any] = {
    "argmax": lambda x: np.argmax(x),
    "argmax of an axis": lambda x: np.argmax(x, axis=1, keepdims=True),
    "argmax method": lambda x: x.argmax(0),
    "argsort method": lambda x: x.argsort(axis=0),
    "argpartition": lambda x: np.argpartition(x, 1, axis=-1),
    "nanargmin": lambda x: np.nanargmin(x),
    "round method": lambda x: x.round(0),
    "round": lambda x: np.round(x / 3, decimals=1),
    "floor": np.floor,
    "sign": np.sign,
    "heaviside": lambda x: np.heaviside(x, 0.5),
    "floor_divide": lambda x: x // 2,
    "reflected comparison": lambda x: x > 1,
    "comparison of two": lambda x: x <= x[0],
    "equal to a list": lambda x: x == [1.0, 3.0, 5.0],
    "equal to none": lambda x: x == None,  # noqa: E711  # as an array does, element by element
    "logic": lambda x: (x > 0) & ~(x > 2) | (x == 5),
    "shift": lambda x: (x > 0) << 2,
    "isclose": lambda x: np.isclose(x, 1.0, atol=1.0),
    "isin": lambda x: np.isin(x, [1.0, 5.0], invert=True),
    "all": lambda x: np.all(x, axis=0),
    "any method": lambda x: (x > 4).any(),
    "count_nonzero": lambda x: np.count_nonzero(x, axis=1),
    "argwhere": np.argwhere,
    "flatnonzero": np.flatnonzero,
    "searchsorted": lambda x: np.searchsorted(np.array([0.0, 2.0]), x, side="right"),
    "searchsorted method": lambda x: x[0].searchsorted(1.5),
    "digitize": lambda x: np.digitize(x, [0.0, 2.0]),
    "intersect1d": lambda x: np.intersect1d(x, [7.0, 3.0]),
    "lexsort": lambda x: np.lexsort((x[0], x[1])),
    "matrix_rank": np.linalg.matrix_rank,
    "zeros_like": lambda x: np.zeros_like(x, dtype=np.float32),
    "ones_like": lambda x: np.ones_like(x, shape=(4,)),
}
TUPLES: dict[str, Any] = {
    "nonzero": np.nonzero,
    "nonzero of one axis": lambda x: np.nonzero(x[0]),
    "nonzero method": lambda x: x.nonzero(),
    "where with a condition alone": lambda x: np.where(x > 1),
    "histogram": lambda x: np.histogram(x, bins=3, range=(-2, 6)),
    "unravel_index": lambda x: np.unravel_index(np.argmax(x), (2, 3)),
    "ix_": lambda x: np.ix_(x[0] > 1, x[:, 0] > 0),
}
PLAIN: dict[str, Any] = {
    "shape": np.shape,
    "ndim": np.ndim,
    "size": lambda x: np.size(x, 1),
    "result_type": lambda x: np.result_type(x, np.float32),
    "can_cast": lambda x: np.can_cast(x.dtype, np.float32),
    "common_type": lambda x: np.common_type(x, np.ones(1, np.float32)),
    "iscomplexobj": np.iscomplexobj,
    "allclose": lambda x: np.allclose(x, x + 1e-12),
    "array_equal": lambda x: np.array_equal(x, [1.0]),
    "array_equiv": lambda x: np.array_equiv(x, x),
    "array2string": lambda x: np.array2string(x, separator=", "),
    "array_str": np.array_str,
    "shares_memory": lambda x: np.shares_memory(x, x[0]),
    "len": len,
    "einsum_path": lambda x: np.einsum_path("ij,kj->ik", x, x)[0],
}


def same(got: Any, expected: Any) -> None:
    assert isinstance(got, Tensor)
    assert not got.requires_grad
    assert got.dtype == np.asarray(expected).dtype
    np.testing.assert_array_equal(got.data, expected)


@pytest.mark.parametrize("f", TENSORS.values(), ids=TENSORS)
def test_an_array_comes_back_as_a_tensor_without_gradient(f: Any) -> None:
    same(f(Tensor(X, requires_grad=True)), f(X))


@pytest.mark.parametrize("f", TUPLES.values(), ids=TUPLES)
def test_a_tuple_comes_back_as_a_tuple(f: Any) -> None:
    got, expected = f(Tensor(X, requires_grad=True)), f(X)
    assert isinstance(got, tuple)
    for g, e in zip(got, expected, strict=True):
        same(g, e)


def test_a_named_tuple_keeps_its_names() -> None:
    got, expected = np.unique_counts(Tensor(X)), np.unique_counts(X)
    same(got.values, expected.values)
    same(got.counts, expected.counts)


@pytest.mark.parametrize("f", PLAIN.values(), ids=PLAIN)
def test_what_asks_about_the_array_gets_a_plain_answer(f: Any) -> None:
    got, expected = f(Tensor(X, requires_grad=True)), f(X)
    assert type(got) is type(expected)
    assert got == expected


@pytest.mark.parametrize("f", [*TENSORS.values(), *TUPLES.values()], ids=[*TENSORS, *TUPLES])
def test_a_trace_follows_what_it_can_and_tells_what_it_reads(f: Any) -> None:
    tape = trace(f, X)
    if tape.reads:
        assert f in (TENSORS["lexsort"], TENSORS["equal to none"])  # arrays in a tuple; no array at all
        return
    got, expected = tape(OTHER), f(OTHER)
    for g, e in zip(got if isinstance(got, tuple) else [got], expected if isinstance(expected, tuple) else [expected]):
        np.testing.assert_array_equal(g, e)


def test_a_tuple_of_one_is_a_tuple_in_a_trace_too() -> None:
    tape = trace(lambda x: np.nonzero(x[0] < 2)[0], X)
    np.testing.assert_array_equal(tape(OTHER), [1, 2])


def test_questions_of_value_are_noted_by_a_trace_and_questions_of_shape_are_not() -> None:
    assert [what for _, what in trace(lambda x: np.allclose(x, 1) and x, X).reads] == ["allclose"]
    assert trace(lambda x: np.reshape(x, np.shape(x)[::-1]), X).reads == []


def test_no_gradient_flows_and_none_is_lost_unsaid() -> None:
    np.testing.assert_array_equal(grad(lambda x: np.sum(np.floor(x) * x))(X), np.floor(X))
    w = Tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(TypeError, match="histogram passes no gradient on, and weights= requires one"):
        np.histogram(np.array([1.0, 2.0]), weights=w)
    with pytest.raises(TypeError, match="histogram passes no gradient on, and weights= requires one"):
        np.histogram(np.array([1.0, 2.0]), 2, None, None, w)
    with pytest.raises(TypeError, match=r"np\.roots has no rule for a Tensor"):
        np.roots(w)
    with pytest.raises(TypeError, match=r"np\.poly has no rule"):
        np.poly(w)


def test_an_operand_that_is_no_number() -> None:
    t = Tensor(X)
    with pytest.raises(TypeError, match="not supported between instances of 'Tensor' and 'NoneType'"):
        assert t < None
    with pytest.raises(TypeError, match="unsupported operand"):
        t // "a"

    class Meter:
        def __rfloordiv__(self, other: Any) -> str:
            return "by the meter"

    assert t // Meter() == "by the meter"


def test_shapes_that_do_not_broadcast_are_named() -> None:
    with pytest.raises(ValueError, match=r"less: a of shape \(2, 3\), b of shape \(4,\).*axis -1 has sizes 3 and 4"):
        assert Tensor(X) < np.ones(4)


def test_all_of_the_room_is_declared_so() -> None:
    assert all(not o.differentiable and o.doc for o in OPS.values() if o.room == "constant")
