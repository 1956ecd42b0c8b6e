"""Scopes in a drawing: boxes, closed boxes, repeats that are drawn once, and what happens to what is too large."""

from __future__ import annotations

from contextlib import ExitStack
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from tinygrad_np import Tensor, draw, scope
from tinygrad_np.drawing import Drawing


def layers(x: Any, *ws: Any) -> Any:
    for i, w in enumerate(ws, 1):
        with scope(f"layer{i}"):
            a = x @ w
            with scope("act"):
                x = np.tanh(a)
    return x.sum()


def weights(*sizes: int) -> list[Tensor]:
    return [Tensor(np.ones(s), True, name=f"w{i}") for i, s in enumerate(pairwise(sizes), 1)]


def boxes(drawing: Drawing) -> list[tuple[str, int]]:
    return [(c.path, c.repeats) for c in drawing.picture.clusters]


def shown(drawing: Drawing) -> list[str]:
    nodes = drawing.picture.nodes.values()
    return [s.closed.name if s.closed else s.node.name or s.node.record.primitive.name for s in nodes]


def joined(drawing: Drawing) -> set[tuple[str, str, bool]]:
    names = dict(zip(drawing.picture.nodes, shown(drawing), strict=True))
    return {(names[w.tail], names[w.head], w.again) for w in drawing.picture.ways}


def test_scopes_are_boxes_within_boxes_and_hold_their_parameters() -> None:
    drawing = draw(layers, np.ones((2, 3)), *weights(3, 4, 5))
    assert boxes(drawing) == [("layer1", 1), ("layer2", 1), ("layer1/act", 1), ("layer2/act", 1)]
    nodes = drawing.graph.nodes.values()
    home = {n.name: n.cluster.path if n.cluster else "" for n in nodes if n.name}
    assert home == {"x": "layer2/act", "w1": "layer1", "w2": "layer2", "a": "layer2"}
    assert [n.cluster for n in nodes if n.kind == "input"] == [None]
    source = drawing.source
    assert source.count("subgraph cluster_c") == 4
    assert (
        source.index("subgraph cluster_c1") < source.index("subgraph cluster_c3") < source.index("subgraph cluster_c2")
    )


@pytest.mark.parametrize(
    ("depth", "names"),
    [
        (0, ["x", "layer1", "layer2", "sum"]),
        (1, ["x", "w1", "a", "act", "w2", "a", "act", "sum"]),
        (2, ["x", "w1", "a", "x", "w2", "a", "x", "sum"]),
    ],
)
def test_depth_closes_scopes(depth: int, names: list[str]) -> None:
    assert shown(draw(layers, np.ones((2, 3)), *weights(3, 4, 5), depth=depth)) == names


def test_a_closed_scope_says_what_is_in_it() -> None:
    drawing = draw(layers, np.ones((2, 3)), *weights(3, 4, 5), depth=0)
    assert joined(drawing) == {("x", "layer1", False), ("layer1", "layer2", False), ("layer2", "sum", False)}
    assert "2 ops, 1 parameter" in drawing.source
    assert "▣    layer1  2 ops, 1 parameter" in drawing.text or "▣  layer1  2 ops, 1 parameter" in drawing.text


def test_scopes_alike_but_for_a_number_are_drawn_once() -> None:
    drawing = draw(layers, np.ones((2, 4)), *weights(4, 4, 4, 4, 4))
    assert boxes(drawing) == [("layer1", 4), ("layer1/act", 1)]
    assert "layer1 … layer4 × 4" in drawing.source
    assert joined(drawing) == {
        ("x", "a", False), ("w1", "a", False), ("a", "x", False), ("x", "a", True), ("x", "sum", False),
    }  # fmt: skip
    assert "layer1 … layer4 × 4" in draw(layers, np.ones((2, 4)), *weights(4, 4, 4, 4, 4), depth=0).text


def test_inputs_of_folded_scopes_lead_into_the_one_that_is_shown() -> None:
    drawing = draw(lambda x, *ws: layers(x, *ws), np.ones((2, 4)), *[np.ones((4, 4))] * 3, depth=0)
    assert joined(drawing) == {
        ("x", "layer1", False), *((f"ws[{i}]", "layer1", False) for i in range(3)), ("layer1", "sum", False),
    }  # fmt: skip
    assert drawing.text.index("ws[2]") < drawing.text.index("layer1")


def test_scopes_that_differ_are_not_folded() -> None:
    assert [n for _, n in boxes(draw(layers, np.ones((2, 3)), *weights(3, 4, 4, 5)))] == [1] * 6

    # equal outputs of unequal weights
    def f(x: Any, y: Any, z: Any, *ws: Any) -> Any:
        total: Any = 0
        for i, (a, w) in enumerate(zip((x, y, z), ws, strict=True)):
            with scope(f"branch{i}"):
                total = total + (a @ w).sum()
        return total

    xs = [np.ones((2, n)) for n in (3, 4, 5)]
    drawing = draw(f, *xs, *[Tensor(np.ones((n, 2)), True) for n in (3, 4, 5)])
    assert [n for _, n in boxes(drawing)] == [1, 1, 1]


@pytest.mark.parametrize("inner", [False, True])
def test_one_scope_in_a_loop_is_drawn_once(inner: bool) -> None:
    def f(x: Any, w: Any) -> Any:
        for _ in range(5):
            with scope("step"):
                x = np.tanh(x @ w)
                if inner:
                    with scope("norm"):
                        x = x / np.sqrt((x * x).sum())
        return x

    drawing = draw(f, np.ones((2, 3)), Tensor(np.ones((3, 3)), True, name="w"))
    assert boxes(drawing)[0] == ("step", 5)
    assert "step × 5" in drawing.source
    assert len(drawing.picture.nodes) == (8 if inner else 4)
    counts = {n["count"] for n in drawing.to_dict()["nodes"] if n["op"] and not n["fold_of"]}
    assert counts == {5}


def test_numbers_are_shown_of_each_repeat() -> None:
    w = weights(4, 4, 4, 4, 4)
    assert len(draw(layers, np.ones((2, 4)), *w, values=True).picture.nodes) == 14
    drawing = draw(layers, np.ones((2, 4)), *w, values=True, max_nodes=10)
    assert boxes(drawing)[0] == ("layer1", 4)
    assert drawing.notes == ["repeated scopes are folded: the graph has more than 10 nodes"]


def test_a_large_drawing_closes_scopes_and_says_so() -> None:
    drawing = draw(layers, np.ones((2, 3)), *weights(3, 4, 5, 6, 7), max_nodes=12)
    assert shown(drawing).count("act") == 4 or shown(drawing).count("layer2") == 1
    assert drawing.picture.left_out == 0
    assert any("scopes are closed at depth" in note for note in drawing.notes)
    assert "scopes are closed at depth" in drawing.source
    assert "scopes are closed at depth" in drawing.text
    assert "scopes are closed at depth" in drawing.to_json()


def test_the_backward_pass_is_folded_and_closed_with_the_forward_pass() -> None:
    w = weights(4, 4, 4, 4, 4)
    drawing = draw(layers, np.ones((2, 4)), *w, backward=True)
    cotangents = [key for key in drawing.picture.nodes if key.startswith("grad_")]
    assert len(cotangents) == 4  # of sum, tanh, matmul and w
    closed = draw(layers, np.ones((2, 3)), *weights(3, 4, 5), backward=True, depth=0)
    assert "backward of <b>layer1</b>" in closed.source
    assert len(closed.picture.nodes) == 4 + 3


def test_a_hundred_thousand_records_in_scopes_are_drawn() -> None:
    x, w = Tensor(np.ones(2), True, name="x"), Tensor(np.ones(2), True, name="w")
    y = x
    for i in range(20):
        with scope(f"epoch{i % 7}.{i}"):
            for _ in range(1250):
                with scope("step"):
                    for _ in range(2):
                        y = y * w
                        y = np.negative(y)
    drawing = draw(y)
    assert drawing.graph.ops == 100_000
    assert len(drawing.picture.nodes) < 400
    assert "step × 2500" in drawing.source  # the two turns of the inner loop are turns too


def test_a_deep_nest_of_scopes_is_no_recursion() -> None:
    x = Tensor(np.ones(2), True)
    with ExitStack() as nest:
        for i in range(1100):
            nest.enter_context(scope(f"s{i}"))
            x = -x
    drawing = draw(x)
    assert len(drawing.source) > 0
    assert drawing.text
    assert drawing.to_json()
