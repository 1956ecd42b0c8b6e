"""The check of written source against the call itself sees what differs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np.writing import WriteError, checked
from tinygrad_np.writing.checked import written_differs

X = np.array([[0.5, 1.5], [2.0, -1.0]])


def _shifted(x: Any) -> Any:
    return np.exp(x - np.max(x))


@pytest.mark.parametrize(
    "f",
    [np.tanh, lambda x: np.linalg.svd(x), lambda x: tg.softmax(x, axis=0), lambda x: np.fft.fft(x), lambda x: x * 1j],
)
def test_what_is_the_same_is_said_to_be(f: Any) -> None:
    assert written_differs(f, X) == ""


def test_an_op_and_its_rule_of_ones_own() -> None:
    op = tg.primitive(_shifted).defvjp(lambda g, y, _x: g * y)
    assert written_differs(op, X) == ""


def test_a_source_that_says_something_else_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checked, "to_numpy", lambda tape: "def step(*xs):\n    return (0.0, xs[0])")
    assert "written source gives another result than the tape: its value" in written_differs(np.tanh, X)


def test_a_tape_that_says_something_else_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(f: Any, by: Any) -> Any:
        return lambda *args: (f(*args), tuple(2 * x for x in args))

    monkeypatch.setattr(checked, "value_and_grad", wrong)
    assert (
        written_differs(np.tanh, X) == "the tape gives another result than the eager call: the gradient by argument 0"
    )


def test_what_cannot_be_written_is_refused() -> None:
    with pytest.raises(WriteError, match="depends on the values"):
        written_differs(lambda x: x[x > 0], X)
