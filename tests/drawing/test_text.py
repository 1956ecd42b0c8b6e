"""The drawing for the terminal: the lines join what belongs together."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

import numpy as np

from tinygrad_np import Tensor, compare, draw, gradients


def test_a_chain_of_layers() -> None:
    def f(x: Any, w: Any) -> Any:
        h = np.tanh(x @ w)
        return h.sum()

    text = draw(f, np.ones((4, 3)), Tensor(np.ones((3, 2)), True, name="w")).text
    assert text.split("\n") == [
        "○    x  input  (4, 3) float64",
        "│ ●  w  parameter  (3, 2) float64",
        "├─╯",
        "■    %1 = x @ w  (4, 2) float64",
        "■    h = np.tanh(%1)  (4, 2) float64",
        "◉    %3 = h.sum()  scalar float64",
        "",
        "● parameter  ○ input  ■ operation  ◉ result",
    ]


def test_a_value_read_twice_keeps_its_line() -> None:
    lines = draw(lambda x: np.exp(x) * np.sin(x), np.ones(2)).text.split("\n")
    assert [line.rstrip() for line in lines[:6]] == [
        "○    x  input  (2,) float64", "├─╮", "│ ■  %1 = np.exp(x)  (2,) float64",
        "■ │  %2 = np.sin(x)  (2,) float64", "├─╯", "◉    %3 = %1 * %2  (2,) float64",
    ]  # fmt: skip


def test_every_line_that_begins_ends() -> None:
    """Whatever a value's line crosses, it runs from its node to the last that reads it."""
    rng = np.random.default_rng(0)
    values: list[Any] = [Tensor(np.ones(2), True, name=f"x{i}") for i in range(3)]
    for _ in range(12):
        i, j = rng.integers(0, len(values), 2)
        values.append(values[i] + values[j])
    rows = draw(sum(values)).text.split("\n\n")[0].split("\n")
    lanes = [row.ljust(80)[: rows[0].index("x")] for row in rows]
    assert any("┼" in row for row in lanes)
    for above, below in pairwise(lanes):
        for a, b in zip(above[::2], below[::2], strict=True):
            if a in "│├┤┼┬╮╭":
                assert b in "│├┤┼┴╯╰■●◉", (above, below)
            if b in "│├┤┼┴╯╰":
                assert a in "│├┤┼┬╮╭■●", (above, below)


def test_numbers_and_verdicts_stand_below_their_node() -> None:
    w = Tensor(np.array([1.0, -2.0]), True, name="w")
    loss = (w * w).sum()
    auto = gradients(loss, {"w": w})
    text = draw(loss, values=True, grads=True, compare=compare({"w": auto["w"] * 2}, auto)).text
    assert re.search(
        r"w  parameter .*\n.*× wrong: off by the factor 2\n.*value     \[1, -2\]\n.*gradient  \[2, -4\]", text
    )


def test_names_cannot_command_the_terminal() -> None:
    x = Tensor(np.ones(2), True, name="\x1b[31m\r\n" + "a" * 10_000)
    text = draw(x * 2).text
    assert "\x1b" not in text
    assert "\\x1b[31m" in text
    assert len(text) < 400
