"""Ops opened into what they are made of compute the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np import trace
from tinygrad_np.compiling.writers import ufunc_of
from tinygrad_np.passes.opened import opened

X = np.array([[1.0, -2.0, 3.0], [0.5, 4.0, -1.0]])


def is_ufunc(r: Any) -> bool:
    return ufunc_of(r) is not None


@pytest.mark.parametrize(
    ("f", "inside"),
    [
        (tg.relu, ["maximum"]),
        (tg.sigmoid, ["negative", "exp", "add", "divide"]),
        (lambda x: tg.softplus(x, beta=2.0), None),
        (tg.softsign, ["absolute", "add", "divide"]),
    ],
)
def test_an_op_becomes_its_calls(f: Any, inside: list[str] | None) -> None:
    tape = trace(f, X)
    flat = opened(tape, lambda r: is_ufunc(r) or r.primitive.name == "where")  # type: ignore[union-attr]  # no leaf
    flat.check()
    found = [r.primitive.name for r in flat.records]  # type: ignore[union-attr]
    assert found == inside if inside else len(found) > 3
    np.testing.assert_array_equal(flat(X), tape(X))


def test_what_looks_at_values_stays_whole() -> None:
    tape = trace(tg.softmax, X)
    assert [r.primitive.name for r in opened(tape, is_ufunc).records] == ["softmax"]  # type: ignore[union-attr]


def test_what_calls_something_else_stays_whole() -> None:
    tape = trace(tg.softplus, X)
    assert [r.primitive.name for r in opened(tape, is_ufunc).records] == ["softplus"]  # type: ignore[union-attr]


def test_the_line_and_the_name_stay_with_the_result() -> None:
    def f(x: Any) -> Any:
        h = tg.sigmoid(x)
        return h * 2

    names = [r.name for r in opened(trace(f, X), is_ufunc).records]
    assert names == [None, None, None, "h", None]
