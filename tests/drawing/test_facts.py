"""The numbers of a drawing: they are the tape's, they are found again after a backward pass, or they are refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tinygrad_np import Tensor, draw, dropout, gradients, scope, trace
from tinygrad_np.drawing.facts import saved


def net(y: Any = None) -> tuple[Tensor, dict[str, Tensor]]:
    rng = np.random.default_rng(0)
    x = Tensor(rng.normal(size=(6, 5)), name="x")
    y = Tensor(rng.normal(size=(6, 2)), name="y") if y is None else y
    w1, w2 = Tensor(rng.normal(size=(5, 4)), True, name="w1"), Tensor(rng.normal(size=(4, 2)), True, name="w2")
    h = np.tanh(x @ w1)
    pred = h @ w2 + h[:, :2]
    error = np.sum((pred - y) ** 2)
    return error, {"w1": w1, "w2": w2, "h": h, "pred": pred, "error": error}


def by_name(x: Any, *args: Any, **options: Any) -> dict[str, Any]:
    nodes = draw(x, *args, values=True, grads=True, **options).to_dict()["nodes"]
    return {n["name"]: n for n in nodes if n["name"]}


@pytest.mark.parametrize("freed", [False, True], ids=["live", "after backward"])
def test_values_and_cotangents_are_the_tapes(freed: bool) -> None:
    error, tensors = net()
    true = gradients(error, tensors)
    if freed:
        error.backward()
    nodes = by_name(error)
    for name, t in tensors.items():
        np.testing.assert_array_equal(nodes[name]["value"]["data"], t.data)
        np.testing.assert_allclose(nodes[name]["cotangent"]["data"], true[name], rtol=1e-13)


def test_drawing_leaves_everything_as_it_was() -> None:
    error, tensors = net()
    seen: list[Any] = []
    tensors["h"].register_hook(seen.append)
    draw(error, values=True, grads=True, backward=True, times=True).to_json()
    assert tensors["w1"].grad is None
    assert not seen
    error.backward()  # nothing was freed
    first = tensors["w1"].grad.copy()
    draw(error, values=True, grads=True)
    np.testing.assert_array_equal(tensors["w1"].grad, first)


def test_a_changed_leaf_is_refused_and_the_structure_is_still_drawn() -> None:
    error, tensors = net()
    error.backward()
    before = draw(error).source
    tensors["w1"].data -= 0.1
    assert draw(error).source == before
    for options in ({"values": True}, {"grads": True}, {"backward": True}):
        with pytest.raises(RuntimeError, match=r"array of 'w1' was changed after matmul .*test_facts\.py"):
            draw(error, **options)


@pytest.mark.parametrize("freed", [False, True], ids=["live", "after backward"])
def test_a_change_that_nobody_announced_is_found(freed: bool) -> None:
    error, tensors = net()
    if freed:
        error.backward()
    with np.errstate(all="ignore"):
        tensors["w1"].data[0, 0] += 1
    with pytest.raises(RuntimeError, match="another result"):
        draw(error, values=True)


def test_what_was_not_kept_is_said() -> None:
    error, _ = net(np.ones((6, 2)))  # a constant that no rule needs
    nodes = draw(error, values=True, grads=True).to_dict()["nodes"]
    constant = next(n for n in nodes if n["kind"] == "constant")
    assert constant["value"] is None
    assert "not kept" in constant["missing"]
    assert all(n["value"] for n in nodes if n is not constant)  # what is made of it was kept
    error.backward()
    assert "not kept" in draw(error, values=True).text
    with pytest.raises(RuntimeError, match=r"constant of shape \(6, 2\) was not kept: draw before backward"):
        draw(error, grads=True)


def test_a_function_is_drawn_with_all_its_values() -> None:
    y = np.ones((6, 2))
    nodes = by_name(lambda x, w: np.sum((x @ w - y) ** 2), np.ones((6, 3)), np.ones((3, 2)))
    assert nodes["x"]["kind"] == nodes["w"]["kind"] == "input"
    np.testing.assert_array_equal(nodes["w"]["cotangent"]["data"], np.full((3, 2), 2 * 2.0 * 6))


def test_random_numbers_are_not_drawn_again() -> None:
    rng = np.random.default_rng(3)
    w = Tensor(np.ones((4, 30)), True, name="w")
    error = dropout(w, 0.5, rng=rng).sum()
    state = rng.bit_generator.state
    nodes = by_name(error)
    assert rng.bit_generator.state == state
    error.backward()
    assert nodes["w"]["cotangent"]["zeros"] == np.sum(w.grad == 0) > 0


def test_a_function_that_draws_is_run_once() -> None:
    rng, alike = np.random.default_rng(1), np.random.default_rng(1)
    nodes = by_name(lambda x: dropout(x, 0.5, rng=rng).sum(), np.ones((4, 30)))
    true = dropout(np.ones((4, 30)), 0.5, rng=alike)
    assert rng.bit_generator.state == alike.bit_generator.state
    assert nodes["x"]["cotangent"]["zeros"] == np.sum(true == 0) > 0


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (lambda x: (np.abs(np.fft.fft(x)) ** 2).sum(), np.arange(4) + 1j),
        (lambda x: sum(x[i] * x[i % 3] for i in range(20)), np.arange(20.0)),
        (lambda x: np.trace(np.linalg.qr(x)[1]) + (np.split(x, 2)[1] ** 2).sum(), np.eye(4) + np.ones((4, 4)) / 3),
        (lambda x: (x * 2).sum(), np.ones((0, 3))),
        (lambda x: x * 3, np.float32(2)),
        (lambda x: np.where(x > 0, np.sqrt(x), 0).sum(), np.array([-1.0, 0, 4])),
    ],
    ids=["complex", "loop of reads", "several outputs", "no entries", "float32 scalar", "singular"],
)  # fmt: skip
def test_cotangents_agree_with_grad(f: Any, x: Any) -> None:
    t = Tensor(x, True, name="x")
    with np.errstate(invalid="ignore"):
        error = f(t)
        error.backward(retain_graph=True)
        found = by_name(error)["x"]["cotangent"]
    data = np.array(found["data"], dtype=complex if np.iscomplexobj(x) else x.dtype).reshape(np.shape(x))
    np.testing.assert_allclose(data, t.grad, rtol=1e-6)


def test_shares_of_paths_add_up_to_one() -> None:
    error, _ = net()
    drawing = draw(error, grads=True)
    edges = drawing.to_dict()["edges"]
    forks: dict[str, list[float]] = {}
    for e in edges:
        if e["contribution"] and e["contribution"]["share"] is not None:
            forks.setdefault(e["from"], []).append(e["contribution"]["share"])
    h = next(n.key for n in drawing.graph.nodes.values() if n.name == "h")
    assert list(forks) == [h]
    assert len(forks[h]) == 2
    assert sum(forks[h]) == pytest.approx(1)
    assert drawing.source.count("%&nbsp;") == 2
    pulls = draw(lambda x: (3 * x).sum() - (x * 1.0).sum(), np.ones(2), grads=True).to_dict()["edges"]
    assert [e["contribution"]["share"] for e in pulls if e["from"] == "leaf1"] == [1.5, -0.5]


def test_a_share_of_nothing_is_none() -> None:
    edges = draw(lambda x: (x - x).sum(), np.ones(2), grads=True).to_dict()["edges"]
    assert [e["contribution"]["share"] for e in edges if e["from"] == "leaf1"] == [None, None]


def test_saved_for_backward_is_what_the_rules_need() -> None:
    x, w = np.ones((6, 5)), Tensor(np.ones((5, 2)), True, name="w")
    tape = trace(lambda x: np.exp(x @ w) + 1, x)
    found = {r.primitive.name: saved(r) for r in tape.records if r.primitive is not None}
    assert found == {"matmul": [(0, 6 * 5 * 8)], "exp": [(-1, 6 * 2 * 8)], "add": []}
    text = draw(lambda x: np.exp(x @ w).sum(), x, grads=True).text
    assert "keeps     240 B" in text
    assert "keeps     96 B" in text


def test_times_are_measured_where_asked_for() -> None:
    error, _ = net()
    assert "takes" not in draw(error, values=True).text
    assert draw(error, times=True).text.count("takes") == draw(error).graph.ops
    nodes = draw(error, times=True).to_dict()["nodes"]
    assert all((n["seconds"] is not None) == (n["op"] is not None) for n in nodes)


@pytest.mark.parametrize(
    ("x", "says"),
    [(Tensor(np.ones(3), True) * 2, r"one real number, .* shape \(3,\)"), (Tensor(3.0), "depends on nothing")],
)
def test_cotangents_start_from_one_number_that_depends_on_something(x: Tensor, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        draw(x, grads=True)
    draw(x, values=True)


def test_hidden_scopes_change_no_numbers() -> None:
    def f(x: Any) -> Any:
        with scope("inside"):
            y = np.tanh(x)
        return (x * y).sum()

    open_, closed = (draw(f, np.arange(3.0), grads=True, depth=d).to_dict()["nodes"] for d in (None, 0))
    assert [n["cotangent"] for n in open_] == [n["cotangent"] for n in closed]
