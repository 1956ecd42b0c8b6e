"""Each pass leaves less, and what is left computes the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from writing.programs import inputs, programs

import tinygrad_np as tg
from tinygrad_np import Tape, trace
from tinygrad_np.passes import folded, optimised, short_masks, simplified, without_dead, without_repeats
from tinygrad_np.passes.backward import gradient_tape

PASSES = [without_dead, without_repeats, folded, simplified, optimised]
X = np.array([[1.0, -2.0, 3.0], [0.5, 4.0, -1.0]])


def names(tape: Tape) -> list[str]:
    return [r.primitive.name for r in tape.records]  # type: ignore[union-attr]  # no leaf


def after(f: Callable[..., Any], *args: Any) -> list[str]:
    """The ops that are left of ``f`` by all passes; what they compute is as before."""
    tape = trace(f, *args)
    short = optimised(tape)
    short.check()
    np.testing.assert_allclose(short(*args), tape(*args), rtol=1e-14)
    return names(short)


@pytest.mark.parametrize("change", PASSES, ids=lambda p: p.__name__)
@given(program=programs())
@settings(max_examples=40, deadline=None)
def test_a_pass_changes_no_result_and_no_tape_it_is_given(change: Any, program: Any) -> None:
    xs = inputs()
    tape = gradient_tape(program, *xs, wrt=(0, 2))
    before, said = tape(*xs), str(tape)
    short = change(tape)
    short.check()
    assert len(short) <= len(tape)
    for a, b in zip(short(*xs), before, strict=True):
        np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=1e-12, atol=1e-13)
    assert str(tape) == said


# Dead code


def test_what_leads_to_no_output_is_dropped() -> None:
    tape = trace(lambda x: (np.exp(np.sin(x)), np.cos(x))[1], X)
    assert names(without_dead(tape)) == ["cos"]


def test_inputs_stay_though_nothing_reads_them() -> None:
    tape = without_dead(trace(lambda x, w: x + 1, X, X))
    assert len(tape.inputs) == 2
    np.testing.assert_array_equal(tape(X, X), X + 1)


# Common subexpressions


def test_the_same_op_on_the_same_inputs_runs_once() -> None:
    tape = trace(lambda x: (np.exp(x).sum(axis=0), np.exp(x).sum(axis=0), np.exp(x).sum(axis=1)), X)
    assert names(without_repeats(tape)) == ["exp", "sum", "sum"]


def test_options_and_plain_numbers_tell_ops_apart() -> None:
    assert after(lambda x: np.stack([x * 2, x * 3]), X).count("multiply") == 2
    assert after(lambda x: np.stack([x > 1, x > 1.5]), X).count("greater") == 2
    assert after(lambda x: np.stack([x[0], x[1], x[0]]), X).count("getitem") == 2


def test_two_draws_are_not_one() -> None:
    rng = np.random.default_rng(0)
    tape = trace(lambda x: tg.dropout(x, 0.5, rng=rng) + tg.dropout(x, 0.5, rng=rng), X)
    assert names(optimised(tape)).count("dropout_mask") == names(tape).count("dropout_mask") == 2


# Constants


def test_what_hangs_on_constants_is_computed_now() -> None:
    c = np.array([0.0, 1.0, 2.0])
    assert after(lambda x: x * np.exp(np.sin(c)), X) == ["multiply"]


def test_what_would_grow_is_left() -> None:
    tape = trace(lambda x: x + tg.broadcast_to(tg.Tensor(2.5), x.shape) * x, np.ones((50, 50)))
    assert all(c.size <= 1 for c in optimised(tape).constants)


# Clean-up


@pytest.mark.parametrize(
    ("f", "left"),
    [
        (lambda x: x * 1 + 0, []),
        (lambda x: 1.0 * x / 1 - 0.0, []),
        (lambda x: x * np.ones(3), []),
        (lambda x: x * np.full((2, 3), 2.0), ["multiply"]),
        (lambda x: x**1, []),
        (lambda x: np.negative(-x), []),
        (lambda x: 2 * (4 * x), ["multiply"]),
        (lambda x: x + x, ["multiply"]),
        (lambda x: x.T.T, []),
        (lambda x: x.reshape(6).reshape(3, 2), ["reshape"]),
        (lambda x: x.reshape(6).reshape(2, 3), []),
        (lambda x: np.transpose(np.transpose(x[None], (1, 2, 0)), (2, 0, 1)), ["getitem"]),
        (lambda x: np.sum(np.broadcast_to(x, (5, 2, 3)), axis=0), ["multiply"]),
        (lambda x: np.where(np.ones(3, bool), x, 0.0), []),
        (lambda x: np.real(np.conjugate(x)), []),
    ],
)
def test_what_does_nothing_goes(f: Any, left: list[str]) -> None:
    assert after(f, X) == left


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.ones((4, 1, 1)) * x,  # another shape
        lambda x: np.float32(1) * np.float64(1) * x.astype(np.float32) * np.ones(3),  # another dtype
        lambda x: x.reshape(6, order="F"),
        lambda x: np.sum(np.broadcast_to(x, (5, 2, 3)), axis=1),
        lambda x: 0.1 * (3 * x),  # would round otherwise
    ],
)
def test_what_does_something_stays(f: Any) -> None:
    assert after(f, X)


def test_masks_are_shortened_only_where_they_guard_a_product() -> None:
    def masked(g: Any, x: Any, m: Any) -> Any:
        a, b, c = g / x, g * m, g + x
        of_a = np.where((g == 0) & ~np.isfinite(a), 0, a)
        of_b = np.where((g == 0) & ~np.isfinite(b), 0, b)
        return np.stack([of_a, of_b, np.where((x == 0) & ~np.isfinite(a), 0, c)])

    args = np.array([0.0, 0.0, 2.0]), np.array([0.0, 4.0, 0.0]), np.array([True, False, True])
    with np.errstate(all="ignore"):
        tape = trace(masked, *args)
        short = without_dead(short_masks(tape))
        short.check()
        np.testing.assert_array_equal(short(*args), tape(*args))
    assert names(short).count("where") == 2
    assert names(short).count("isfinite") == 1


def test_an_op_of_anybody_elses_is_not_taken_for_one_by_its_name() -> None:
    def negative(x: Any) -> Any:
        return x * 3

    thrice = tg.primitive(negative).defvjp(lambda g, _y, _x: g * 3)
    assert after(lambda x: thrice(thrice(x)), X) == ["negative", "negative"]
    tape = trace(lambda x: -thrice(x), X)
    namespace: dict[str, Any] = {}
    exec(tape.to_numpy(), namespace)
    np.testing.assert_array_equal(namespace["step"](X), -3 * X)


def test_names_stay_with_their_values() -> None:
    def net(x: Any, w: Any) -> Any:
        h = (x @ w) * 1
        return np.sum(h)

    tape = optimised(gradient_tape(net, X, X.T, wrt=[1]))
    assert {r.name for r in tape.records} >= {"h", "loss", "grad_w"}


def test_frozen_reads_stay_noted() -> None:
    tape = trace(lambda x: x * 2 if x.sum() > 0 else x, X)
    assert [what for _, what in optimised(tape).reads] == ["bool"]


# The gradient as a tape


def test_a_gradient_tape_gives_value_and_gradients_at_other_values() -> None:
    def loss(w: Any, b: Any) -> Any:
        return np.sum(np.tanh(X @ w + b) ** 2)

    rng = np.random.default_rng(0)
    w, b = rng.normal(size=(3, 4)), rng.normal(size=4)
    tape = gradient_tape(loss, np.ones((3, 4)), np.ones(4), wrt=(1, 0))
    value, grads = tg.value_and_grad(loss, (1, 0))(w, b)
    for got, want in zip(tape(w, b), (value, *grads), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-14)


def test_an_unused_argument_has_gradient_zero() -> None:
    tape = gradient_tape(lambda w, b: np.sum(w), np.ones(3), np.ones(2), wrt=(0, 1))
    np.testing.assert_array_equal(tape(np.ones(3), np.ones(2))[2], [0, 0])


@pytest.mark.parametrize(
    ("f", "left"),
    [
        (lambda x: np.pad(x, 0), []),
        (lambda x: np.concatenate([x]), []),
        (lambda x: x[:, 0:3], []),
        (lambda x: x[:, ::-1], ["getitem"]),
        (lambda x: np.pad(x, ((0, 0), (1, 0))), ["pad"]),
        (lambda x: (x.T @ x).T, ["transpose", "matmul"]),
        (lambda x: np.swapaxes(np.swapaxes(x[None], 1, 2) @ x[None], 1, 2), ["getitem", "transpose", "matmul"]),
        (lambda x: (x @ x.T).T, ["transpose", "matmul"]),
        (lambda x: (x[:, :2] @ x).T, ["getitem", "matmul", "transpose"]),
    ],
)
def test_what_is_all_there_goes(f: Any, left: list[str]) -> None:
    assert after(f, X) == left


def test_a_transposed_product_that_is_read_elsewhere_stays() -> None:
    def f(x: Any) -> Any:
        y = x.T @ x[:, :2]
        return y.T, y

    tape = trace(f, X)
    assert names(optimised(tape)).count("matmul") == 1


@pytest.mark.parametrize("change", PASSES, ids=lambda p: p.__name__)
def test_values_at_the_edge_stay(change: Any) -> None:
    edge = np.array([np.nan, np.inf, -np.inf, -0.0, 1e-310, 5.0])
    functions: list[Any] = [
        lambda x: 2 * (1e308 * x), lambda x: 0.5 * (5e-324 * x), lambda x: x * 0, lambda x: 0 - x, lambda x: x - x,
        lambda x: 0 * (1 / x), lambda x: np.where(x > 0, x, 0) * 1, lambda x: x**1 + x / 1,
        lambda x: np.sum(np.broadcast_to(x, (0, 6)), axis=0), lambda x: np.sum(np.broadcast_to(x, (4, 6)), axis=0),
        lambda x: x * np.full(6, np.inf), lambda x: x * np.full(6, np.nan), lambda x: np.negative(-x),
        lambda x: x + x,
    ]  # fmt: skip
    for f in functions:
        with np.errstate(all="ignore"):
            tape = trace(f, edge)
            short = change(tape)
            short.check()
            np.testing.assert_array_equal(short(edge), tape(edge))


@pytest.mark.parametrize("change", PASSES, ids=lambda p: p.__name__)
@pytest.mark.parametrize("dtype", [bool, np.int8, np.uint8, np.int64, np.float16, np.float32, np.complex64])
def test_every_dtype_stays(change: Any, dtype: Any) -> None:
    x = np.array([[0, 1, 2], [3, 1, 0]]).astype(dtype)
    functions: list[Any] = [
        lambda x: x * 1, lambda x: x + 0, lambda x: x * True, lambda x: x / 1, lambda x: x + x, lambda x: x * x.T.T,
        lambda x: np.sum(np.broadcast_to(x, (3, 2, 3)), axis=0), lambda x: x * np.ones(3, x.dtype),
        lambda x: 4 * (2 * x), lambda x: x * np.full((2, 3), 2, np.int8), lambda x: abs(x) * np.float32(1),
        lambda x: np.where(np.ones(3, bool), x, 0),
    ]  # fmt: skip
    for f in functions:
        tape = trace(f, x)
        short = change(tape)
        short.check()
        np.testing.assert_array_equal(short(x), tape(x), strict=True)
