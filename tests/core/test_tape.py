"""Tapes and traces: the graph as a program that prints, checks and runs again."""

from __future__ import annotations

import numpy as np
import pytest

from tinygrad_np import Tensor, grad, scope, tape_of, trace


def test_print_names_values_shapes_and_lines() -> None:
    x, w = Tensor(np.ones((4, 3))), Tensor(np.ones((3, 2)), requires_grad=True, name="w")
    hidden = x @ w
    loss = np.sum(hidden, axis=0)[1]
    lines = str(loss.tape()).splitlines()
    assert lines[0] == "w: parameter float64[3, 2]"
    assert lines[1].endswith("constant float64[4, 3]")
    assert "matmul(" in lines[2]
    assert "float64[4, 2]" in lines[2]
    assert "test_tape.py:" in lines[2]
    assert lines[2].endswith("hidden")
    assert "axis=0" in lines[3]
    assert lines[-1] == "return %3"


def test_trace_records_all_that_touches_its_arguments() -> None:
    def f(x):
        mask = x > 0
        return np.where(mask, x, 0.0) * np.argmax(x)

    tape = trace(f, np.array([1.0, -2.0, 3.0]))
    assert {"greater", "argmax", "where", "multiply"} <= {r.primitive.name for r in tape.records}
    np.testing.assert_array_equal(tape(np.array([5.0, -1.0, 2.0])), [0.0, 0.0, 0.0])
    np.testing.assert_array_equal(tape(np.array([-1.0, 4.0, 2.0])), [0.0, 4.0, 2.0])


def test_outside_a_trace_only_what_needs_a_gradient_is_recorded() -> None:
    x = Tensor(np.ones(3))
    assert (x * 2).record is None
    assert (Tensor(np.ones(3), True) > 0).record is None


def test_constants_are_named_apart_and_kept() -> None:
    outside = np.array([1.0, 2.0])
    tape = trace(lambda x: x * outside + outside, np.zeros(2))
    assert len(tape.constants) == 1
    np.testing.assert_array_equal(tape(np.ones(2)), outside * 2)


def test_a_gradient_traces_to_a_program() -> None:
    tape = trace(grad(lambda x: np.sum(np.tanh(x) ** 2)), np.array([0.3, -1.0]))
    tape.check()
    x = np.array([0.7, 0.1])
    np.testing.assert_allclose(tape(x), 2 * np.tanh(x) * (1 - np.tanh(x) ** 2))


def test_reading_a_value_is_noted() -> None:
    def f(x):
        return x * 2 if float(x.sum()) > 0 else x

    assert [what for _, what in trace(f, np.ones(2)).reads] == ["float"]


def test_scopes_nest() -> None:
    w = Tensor(np.ones(2), requires_grad=True)
    with scope("block"), scope("attention"):
        y = w * 2
        z = (w + 1) * y
    assert y.record.notes.scope == "block/attention"
    listed = str(z.tape())
    assert "block/attention/y" in listed
    assert "block/attention/." in listed, "an op without a name of its own shows its scope too"


def test_check_finds_a_wrong_order() -> None:
    tape = trace(lambda x: np.exp(x) * 2, np.ones(2))
    tape.check()
    tape.records.reverse()
    with pytest.raises(ValueError, match="comes later or nowhere"):
        tape.check()


def test_several_outputs() -> None:
    x = Tensor(np.ones(2), requires_grad=True)
    tape = tape_of([x * 2, x + 1])
    assert len(tape.outputs) == 2
    assert [v.tolist() for v in tape(np.array([3.0, 4.0]))] == [[6.0, 8.0], [4.0, 5.0]]


def test_a_value_from_outside_is_a_constant_of_the_trace() -> None:
    w = Tensor(np.ones(3), requires_grad=True)
    outside = np.exp(w)
    tape = trace(lambda x: x * outside, np.ones(3))
    tape.check()
    assert "outside: " in str(tape)
    np.testing.assert_allclose(tape(np.ones(3) * 2), 2 * np.e)


def test_the_name_of_a_traces_result_is_not_the_ops() -> None:
    result = trace(np.tanh, np.ones(2))
    gradient = grad(lambda x: np.sum(np.tanh(x)))
    assert [r.name for r in result.records] == [None]
    assert "gradient" not in str(trace(gradient, np.ones(2)))
