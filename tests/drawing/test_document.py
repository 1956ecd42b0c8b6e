"""The JSON of a drawing: complete, valid, and its numbers, formulas and steps are those of the backward pass."""

from __future__ import annotations

import base64
import json
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from tinygrad_np import Tensor, draw, primitive, relu, scope, softmax
from tinygrad_np.drawing.summary import Detail, blocks, summary


def loss(x: Any, w1: Any, b1: Any, w2: Any, y: Any) -> Any:
    with scope("layer1"):
        h = relu(x @ w1 + b1)
    with scope("layer2"):
        pred = h @ w2
    error = np.sum((pred - y) ** 2) + 0.1 * (w1**2).sum()
    return error


def arguments() -> list[Any]:
    rng = np.random.default_rng(0)
    return [
        rng.normal(size=(6, 5)),
        *(Tensor(rng.normal(size=s), True) for s in ((5, 4), (4,), (4, 2))),
        rng.normal(size=(6, 2)),
    ]


NODE = {
    "id", "kind", "phase", "result", "name", "label", "op", "call", "code", "formula", "scope", "cluster", "shape",
    "dtype", "source", "differentiable", "value", "cotangent", "missing", "saved", "seconds", "verdict", "count",
    "fold_of", "primal",
}  # fmt: skip


@pytest.mark.parametrize(
    "options", [{}, {"values": True}, {"grads": True}, {"backward": True, "values": True, "depth": 0}]
)
def test_every_key_is_there_and_every_id_leads_somewhere(options: dict[str, Any]) -> None:
    drawing = draw(loss, *arguments(), **options)
    doc = json.loads(drawing.to_json())
    assert doc == json.loads(json.dumps(drawing.to_dict()))
    assert doc["has"] == [k for k in ("values", "grads", "backward") if options.get(k)]
    ids = {n["id"] for n in doc["nodes"]}
    edges = {e["id"] for e in doc["edges"]}
    clusters = {c["id"] for c in doc["clusters"]}
    assert len(ids) == len(doc["nodes"])
    assert len(edges) == len(doc["edges"])
    for n in doc["nodes"]:
        assert n.keys() == NODE
        assert n["cluster"] in {None, *clusters}
    for e in doc["edges"]:
        assert {e["from"], e["to"]} <= ids
    for c in doc["clusters"]:
        assert {*c["nodes"]} <= ids
    for s in doc["steps"] or ():
        assert s["node"] in ids
        assert {*s.get("reads", ())} <= ids
    assert (doc["steps"] is not None) == bool(options.get("grads"))


def test_nodes_say_what_the_program_says() -> None:
    nodes = {n["name"] or n["op"]: n for n in draw(loss, *arguments()).to_dict()["nodes"]}
    h = nodes["h"]
    assert (h["op"], h["code"], h["formula"]) == ("relu", "np.maximum(%2, 0)", r"\max(0, v_{2})")
    assert h["source"]["text"] == "h = relu(x @ w1 + b1)"
    assert h["source"]["file"] == "test_document.py"
    assert (h["scope"], h["shape"], h["dtype"]) == ("layer1", [6, 4], "float64")
    assert (nodes["pred"]["code"], nodes["pred"]["formula"]) == ("h @ w2", r"h \, w_{2}")
    assert nodes["error"]["kind"] == "output"
    assert nodes["w1"]["kind"] == "parameter"
    assert nodes["x"]["kind"] == "input"
    assert nodes["pred"]["saved"] == {"bytes": (6 * 4 + 4 * 2) * 8, "what": ["h", "w2"]}


def test_the_steps_add_up_to_the_gradients() -> None:
    doc = draw(loss, *arguments(), grads=True).to_dict()
    nodes = {n["id"]: n for n in doc["nodes"]}
    forward = [s for s in doc["steps"] if s["phase"] == "forward"]
    backward = [s for s in doc["steps"] if s["phase"] == "backward"]
    assert [s["node"] for s in forward] == [n["id"] for n in doc["nodes"] if n["op"]]
    assert doc["steps"] == forward + backward
    held: dict[str, Any] = {}
    for s in backward:
        arrived = np.array(s["cotangent"]["data"])
        np.testing.assert_allclose(held.get(s["node"], 1.0), arrived)
        np.testing.assert_array_equal(nodes[s["node"]]["cotangent"]["data"], arrived)
        for c in s["contributions"]:
            assert c["adds"] == (c["to"] in held)
            held[c["to"]] = held.get(c["to"], 0) + np.array(c["contribution"]["data"])
            if c["adds"]:
                np.testing.assert_allclose(c["total"]["data"], held[c["to"]])
            else:
                assert c["total"] is None
    assert [nodes[s["node"]]["name"] for s in backward if not s["contributions"]] == ["w1", "w2", "b1"]


def test_the_code_of_each_rule_gives_its_contribution() -> None:
    def f(x: Any, w: Any, b: Any) -> Any:
        a = x @ w + b
        s = softmax(np.concatenate([relu(a), np.tanh(a)], axis=1))
        low = np.log(s + 1.0).mean(axis=0)
        top = np.where(a > 0, a, 0.1 * a)
        error = (low**2).sum() - np.exp(-top).sum() / 3
        return error

    rng = np.random.default_rng(0)
    args = [rng.normal(size=(4, 3)), *(Tensor(rng.normal(size=s), True) for s in ((3, 5), (5,)))]
    doc = draw(f, *args, values=True, grads=True).to_dict()
    nodes = {n["id"]: n for n in doc["nodes"]}
    checked = 0
    for s in doc["steps"]:
        reads = [e["from"] for e in doc["edges"] if e["to"] == s["node"]]
        for c in s.get("contributions", ()):
            names = {_label(nodes[r]): np.array(nodes[r]["value"]["data"]) for r in [*reads, s["node"]]}
            *before, last = _spelled(c["code"]).split("\n")
            env = {"np": np, "g": np.array(s["cotangent"]["data"])} | {_spelled(k): v for k, v in names.items()}
            env.setdefault("y", np.array(nodes[s["node"]]["value"]["data"]))
            exec("\n".join(before), env)
            np.testing.assert_allclose(eval(last, env), c["contribution"]["data"], rtol=1e-9, err_msg=c["code"])
            assert c["formula"]
            checked += 1
    assert checked >= 20


def _label(node: dict[str, Any]) -> str:
    return str(node["name"] or node["label"])


def _spelled(text: str) -> str:
    return text.replace("%", "v")


def test_the_code_of_each_op_gives_its_value() -> None:
    doc = draw(loss, *arguments(), values=True).to_dict()
    values = {_label(n): np.array(n["value"]["data"]) for n in doc["nodes"]}
    for n in doc["nodes"]:
        if n["op"]:
            found = eval(_spelled(n["code"]), {"np": np} | {_spelled(k): v for k, v in values.items()})
            np.testing.assert_allclose(found, n["value"]["data"], err_msg=n["code"])


def test_cotangents_are_nodes_of_the_backward_pass() -> None:
    doc = draw(loss, *arguments(), backward=True).to_dict()
    forward = {n["id"]: n for n in doc["nodes"] if n["phase"] == "forward"}
    backward = [n for n in doc["nodes"] if n["phase"] == "backward"]
    assert {n["id"] for n in backward} == {f"grad_{n['primal']}" for n in backward}
    assert all(n["kind"] == "cotangent" and n["shape"] == forward[n["primal"]]["shape"] for n in backward)
    pairs = {(e["from"], e["to"]): e["rule"] for e in doc["edges"] if e["rule"]}
    assert all(f"grad_{rule['node']}" == tail for (tail, _), rule in pairs.items())
    assert len(pairs) == len([e for e in doc["edges"] if not e["rule"] and e["contribution"]])


def test_an_op_that_cannot_be_written_is_drawn_without_its_source() -> None:
    table = {1: 2.0}
    op = primitive(lambda x, *, key: x * table[key], name="odd").defvjp(
        lambda g, _y, _x, *, key: g * float(np.asarray(g).sum())
    )
    node = next(n for n in draw(lambda x: op(x, key=1), np.array(3.0), grads=True).to_dict()["nodes"] if n["op"])
    assert node["op"] == "odd"


def test_several_outputs_are_one_node() -> None:
    doc = draw(
        lambda x: np.linalg.qr(x)[0].sum() + np.linalg.qr(x)[1].sum(), np.eye(3), values=True, grads=True
    ).to_dict()
    qr = [n for n in doc["nodes"] if n["op"] == "qr"]
    assert len(qr) == 2
    assert qr[0]["shape"] == [[3, 3], [3, 3]]
    assert qr[0]["value"]["shape"] == qr[0]["cotangent"]["shape"] == [3, 3]
    assert {e["output"] for e in doc["edges"] if e["from"] == qr[0]["id"]} == {0}


def test_numbers_that_json_lacks() -> None:
    x = np.array([np.nan, np.inf, -np.inf, 1.5])
    doc = json.loads(draw(lambda x: x * 1, x, values=True).to_json())
    value = doc["nodes"][0]["value"]
    assert value["data"] == ["nan", "inf", "-inf", 1.5]
    assert (value["min"], value["max"], value["nonfinite"]) == (1.5, 1.5, 3)
    value = json.loads(draw(lambda z: z * 1, np.array([1 + 2j]), values=True).to_json())["nodes"][0]["value"]
    assert value["data"] == ["1+2j"]
    assert value["norm"] == pytest.approx(5**0.5)


def test_a_tape_too_large_to_be_given_whole_gives_its_picture() -> None:
    x = Tensor(np.ones(2), True, name="x")
    for _ in range(6000):
        x = -x
    doc = json.loads(draw(x.sum(), values=True, grads=True).to_json())
    assert not doc["whole"]
    assert doc["steps"] is None
    assert len(doc["nodes"]) == 400
    ids = {n["id"] for n in doc["nodes"]}
    assert all(n.keys() == NODE for n in doc["nodes"])
    assert all({e["from"], e["to"]} <= ids for e in doc["edges"])


def test_json_is_the_same_each_time() -> None:
    args = arguments()
    assert draw(loss, *args, grads=True).to_json() == draw(loss, *args, grads=True).to_json()


# Summaries


def test_a_small_array_is_given_in_full() -> None:
    found = summary(np.arange(6).reshape(2, 3))
    assert found["data"] == [[0, 1, 2], [3, 4, 5]]
    assert (found["min"], found["max"], found["mean"], found["zeros"]) == (0, 5, 2.5, 1)
    assert found["norm"] == pytest.approx(55**0.5)
    assert found["heat"] is found["histogram"] is None


def test_a_large_array_has_a_histogram_and_a_heat_map() -> None:
    x = np.zeros((40, 30))
    x[:20] = 1
    x[0, 0] = np.nan
    found = summary(x, Detail(64, 4, 4))
    assert found["data"] is None
    assert found["nonfinite"] == 1
    assert found["histogram"] == {"low": 0.0, "high": 1.0, "counts": [600, 0, 0, 599]}
    heat = found["heat"]
    levels = np.frombuffer(base64.b64decode(heat["levels"]), np.uint8).reshape(heat["rows"], heat["columns"])
    assert levels.tolist() == [[254] * 4] * 2 + [[0] * 4] * 2


@pytest.mark.parametrize("x", [
    np.full((9, 9), np.nan), np.zeros((0, 100)), np.full(100, 7.0), np.full(100, 1e308), np.array([1e308, -1e308] * 50),
    np.array([5e-324, 0] * 50), np.nextafter(1, 2) * np.ones(100) - np.eye(100)[0] * 2e-16, np.ones(100, bool),
    np.arange(100, dtype=np.uint8), np.ones((3, 1, 4, 9)) * (1 + 1j), np.float32(3), np.array(2**70 * 1.0),
    np.arange(100, dtype=np.float16) * 600,
])  # fmt: skip
def test_summaries_of_odd_arrays_are_valid_json(x: Any) -> None:
    with np.errstate(all="raise"):
        json.dumps(summary(x), allow_nan=False)
        json.dumps(summary(x, Detail(4, 3, 3, 5)), allow_nan=False)


def test_blocks_cover_every_entry() -> None:
    x = np.random.default_rng(0).normal(size=(37, 23))
    assert blocks(x, 100).shape == x.shape
    rows = [(i * 37) // 8 for i in range(9)]
    np.testing.assert_allclose(blocks(x, 8).shape, (8, 8))
    np.testing.assert_allclose(blocks(x[:, :1], 8)[:, 0], [x[a:b, 0].mean() for a, b in pairwise(rows)])
