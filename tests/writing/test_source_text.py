"""The source as text: it reads as a person would write it, with their names and with reasons beside."""

from __future__ import annotations

import functools
import re
from typing import Any

import numpy as np
import pytest
from writing.test_numpy_source import net, runs, two_layer_problem

import tinygrad_np as tg
from tinygrad_np.passes import optimised
from tinygrad_np.passes.backward import gradient_tape
from tinygrad_np.writing import write
from tinygrad_np.writing.statements import readable


def test_the_two_layer_net_reads_as_a_person_would_write_it() -> None:
    source = write(net, *two_layer_problem(), wrt=["w1", "b1", "w2", "b2"], name="step")
    lines = [line.strip().split("  #")[0] for line in source.splitlines()]
    assert lines[lines.index("# Forward") :] == [
        "# Forward",
        "h = x @ w1 + b1",
        "h_relu = np.maximum(h, 0)",
        "pred = h_relu @ w2 + b2",
        "loss = ((pred - y) ** 2).sum()",
        "",
        "# Backward",
        "grad_pred = 2 * (pred - y)",
        "grad_b2 = grad_pred.sum(axis=0)",
        "grad_h_relu = grad_pred @ w2.T",
        "grad_w2 = h_relu.T @ grad_pred",
        "grad_h = grad_h_relu * (h_relu > 0)",
        "grad_b1 = grad_h.sum(axis=0)",
        "grad_w1 = x.T @ grad_h",
        "return loss, grad_w1, grad_b1, grad_w2, grad_b2",
    ]
    assert "rule of matmul for b, two_layer.py:" in source
    assert "w1: float64[5, 4]" in source


def test_comments_can_be_left_out() -> None:
    assert "#" not in optimised(gradient_tape(net, *two_layer_problem(), wrt=[0])).to_numpy(comments=False)


def test_what_was_decided_while_recording_is_said() -> None:
    source = write(lambda x: x * 2 if x.sum() > 0 else x, np.ones(3), name="step")
    assert "Values were read while this was recorded" in source
    assert "bool\n    (test_source_text.py:" in source


def body(source: str) -> list[str]:
    """The statements of a function, without comments."""
    lines = [line.strip().split("  #")[0] for line in source[source.rindex('"""') :].splitlines()[1:]]
    return [line for line in lines if line and not line.startswith("#")]


def test_parts_of_a_cotangent_are_added_in_their_place() -> None:
    def f(x: Any, i: Any) -> Any:
        a, b = np.exp(x[0]), np.sin(x[1])
        return np.sum(a * b) + np.sum(x[i] ** 2)

    xs = [np.arange(6.0).reshape(3, 2), np.array([2, 0, 2])]
    tape = readable(gradient_tape(f, *xs, wrt=[0]))
    lines = body(runs(tape, xs))
    found = [line.split(" += ")[0] for line in lines if line.startswith(("grad_x", "np.add.at"))]
    assert found == ["grad_x = np.zeros((3, 2))", "np.add.at(grad_x, i, 2 * part_2)", "grad_x[1]", "grad_x[0]"]


def test_a_place_named_twice_after_another_part_keeps_the_order_of_the_sum() -> None:
    def f(x: Any, i: Any) -> Any:
        return np.sum(np.exp(x[i])) + np.sum(x[1:] ** 3) + np.sum(np.cos(x[i]))

    rng = np.random.default_rng(0)
    xs = [rng.normal(size=4), np.array([1, 2, 2, 2])]
    runs(readable(gradient_tape(f, *xs, wrt=[0])), xs)


def test_a_cotangent_has_the_name_of_its_value_in_a_loop() -> None:
    def f(h: Any, w: Any) -> Any:
        for _ in range(3):
            z = h @ w
            h = np.tanh(z)
        return np.sum(h)

    lines = body(write(f, np.ones((2, 2)), np.ones((2, 2)), wrt=["w"]))
    assert {"z = h @ w", "z_2 = h_2 @ w", "z_3 = h_3 @ w"} <= set(lines)
    assert any(line.startswith("grad_z_3 = ") and "h_4 * h_4" in line for line in lines)
    assert any(line.startswith("grad_z = ") and "h_2 * h_2" in line for line in lines)


def test_a_mask_is_as_people_write_it() -> None:
    lines = body(write(lambda x: np.sum(np.where(x > 0, np.sqrt(x), x)), np.array([4.0, 0.0]), wrt=[0]))
    assert sum("np.where" in line and "== 0, 0" in line for line in lines) == 1
    assert not any("isfinite" in line for line in lines)
    namespace: dict[str, Any] = {}
    exec(write(lambda x: np.sum(np.where(x > 0, np.sqrt(x), x)), np.array([4.0, 0.0]), wrt=[0], name="f"), namespace)
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(namespace["f"](np.array([4.0, 0.0, -1.0])[:2])[1], [0.25, 1])


def test_comments_name_the_rule_that_ran() -> None:
    def f(x: Any) -> Any:
        a = x[0] * x[1]
        return np.sum(a) + np.sum(x)

    source = write(f, np.ones((2, 3)), wrt=[0])
    assert re.search(r"grad_x\[1\] \+= .*# rule of indexing", source)
    assert "rule of add" not in source


def test_a_lambda_is_an_op_like_any_other() -> None:
    op = tg.primitive(lambda x: x * x + 1, name="op").defvjp(lambda g, _y, x: 2 * g * x)
    assert "loss = (x * x + 1).sum()" in body(write(lambda x: np.sum(op(x)), np.ones(3), wrt=[0]))


# Arguments


def test_an_unknown_argument_is_named() -> None:
    with pytest.raises(ValueError, match="no argument 'v'; it takes w1, b1"):
        write(net, *two_layer_problem(), wrt=["v"])


class _Net:
    def loss(self, w: Any, x: Any) -> Any:
        return np.sum((x @ w) ** 2)


def test_arguments_of_methods_have_their_names() -> None:
    args = np.ones(3), np.ones((2, 3))
    assert "def loss_and_gradients(w, x):" in write(_Net().loss, *args, wrt=["w"])
    assert "def loss(w, x):" in write(_Net().loss, *args)
    assert "def step(w, x):" in write(functools.partial(_Net.loss, _Net()), *args, wrt="w", name="step")


@pytest.mark.parametrize("wrt", [[2], [-3], ["y"]])
def test_an_argument_that_is_not_there_is_refused(wrt: Any) -> None:
    with pytest.raises(ValueError, match=r"loss has no argument .*; it takes w, x"):
        write(_Net().loss, np.ones(3), np.ones((2, 3)), wrt=wrt)
