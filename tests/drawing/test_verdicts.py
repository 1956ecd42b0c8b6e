"""Colours and signs by what a comparison or an audit says."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from tinygrad_np import AuditReport, Tensor, audit, compare, draw, gradients, scope
from tinygrad_np.checking.audit.report import Finding, Line
from tinygrad_np.checking.comparison import VERDICTS
from tinygrad_np.drawing.dot import STATUS_LOOKS
from tinygrad_np.drawing.verdicts import SIGNS, STATUSES


def net() -> tuple[Tensor, dict[str, Tensor]]:
    rng = np.random.default_rng(0)
    w1, w2 = Tensor(rng.normal(size=(5, 4)), True, name="w1"), Tensor(rng.normal(size=(4, 2)), True, name="w2")
    with scope("layer1"):
        h = np.tanh(np.ones((6, 5)) @ w1)
    error = np.sum((h @ w2) ** 2)
    return error, {"w1": w1, "w2": w2, "h": h}


def compared() -> tuple[Tensor, Any]:
    error, tensors = net()
    auto = gradients(error, tensors)
    hand = {"w1": auto["w1"] * 2, "w2": auto["w2"].T, "h": auto["h"], "other": np.ones(2)}
    return error, compare(hand, auto)


def statuses(drawing: Any) -> dict[str, str]:
    nodes = drawing.to_dict()["nodes"]
    return {n["name"]: n["verdict"]["status"] for n in nodes if n["verdict"]}


def test_every_status_has_a_sign_and_a_colour_of_its_own() -> None:
    assert set(SIGNS) == set(STATUSES) == set(STATUS_LOOKS) >= set(VERDICTS)
    assert len(set(SIGNS.values())) == len(SIGNS)


def test_a_comparison_colours_and_signs_the_nodes() -> None:
    error, found = compared()
    drawing = draw(error, compare=found)
    assert statuses(drawing) == {"w1": "wrong", "w2": "shape", "h": "exact"}
    for name, status in statuses(drawing).items():
        line = next(line for line in drawing.source.split("\n") if f"<b>{name}</b>" in line and "tooltip" in line)
        sign, fill, _ = STATUS_LOOKS[status]
        assert f"<b>{sign} {status}</b>" in line
        assert f'fillcolor="{fill}"' in line
        assert re.search(rf"legend_{status} .*{STATUSES[status]}", drawing.source)
    assert "no node is called other" in drawing.notes[0]
    doc = drawing.to_dict()
    assert {r["name"]: len(r["nodes"]) for r in doc["report"]["rows"]} == {"w1": 1, "w2": 1, "h": 1, "other": 0}
    assert {"wrong", "shape", "exact"} <= {entry["sign"] for entry in doc["legend"]}


def test_a_closed_scope_bears_the_gravest_verdict_within() -> None:
    error, found = compared()
    source = draw(error, compare=found, depth=0).source
    line = next(line for line in source.split("\n") if "<b>layer1</b>" in line)
    assert "× 1 wrong, = 1 exact" in line or "= 1 exact, × 1 wrong" in line
    assert f'fillcolor="{STATUS_LOOKS["wrong"][1]}"' in line


def test_an_audit_colours_the_nodes_and_comes_with_its_listing() -> None:
    error, _ = net()
    finding = Finding(4, "g_w2 = g.T @ h", "g_w2", "transpose", "h is to be transposed", "g_w2 = h.T @ g", 3.0, (1, 2))
    lines = (
        Line(1, "h = np.tanh(x @ w1)", "forward"),
        Line(3, "g_h = g @ w2.T", "ok", "d error / d h"),
        Line(4, "g_w2 = g.T @ h", "wrong", "d error / d w2"),
        Line(5, "g_w1 = x.T @ g_a", "inherited", "d error / d w1"),
        Line(6, "s = 2 * g", "unmatched"),
    )
    drawing = draw(error, compare=AuditReport("train", "net.py", "error", lines, (finding,)))
    assert statuses(drawing) == {"h": "exact", "w2": "wrong", "w1": "inherited"}
    nodes = {n["name"]: n for n in drawing.to_dict()["nodes"] if n["name"]}
    assert nodes["w2"]["verdict"]["text"] == "transpose: h is to be transposed"
    assert nodes["w2"]["verdict"]["line"] == 4
    report = drawing.to_dict()["report"]
    assert {line["number"]: line["nodes"] for line in report["lines"]} == {
        1: [nodes["h"]["id"]], 3: [nodes["h"]["id"]], 4: [nodes["w2"]["id"]], 5: [nodes["w1"]["id"]], 6: [],
    }  # fmt: skip
    assert report["findings"][0]["suggestion"] == "g_w2 = h.T @ g"


@pytest.mark.parametrize("order", [1, -1])
def test_of_several_verdicts_the_gravest_is_shown(order: int) -> None:
    error, _ = net()
    lines = [Line(1, "g_h = a", "ok", "d error / d h"), Line(2, "g_h = b", "wrong", "d error / d h")]
    report = AuditReport("train", "net.py", "error", tuple(lines[::order]))
    assert statuses(draw(error, compare=report)) == {"h": "wrong"}


def test_the_report_of_an_audit_finds_its_nodes() -> None:
    def step(x: Any, y: Any, w: Any, b: Any) -> Any:
        pred = x @ w + b
        error = np.sum((pred - y) ** 2)
        g_pred = 2 * (pred - y)
        g_w = x.T @ g_pred * 2
        g_b = g_pred.sum(axis=0)
        w = w - 0.01 * g_w
        b = b - 0.01 * g_b
        return w, b, error

    def loss(w: Any, b: Any, x: Any, y: Any) -> Any:
        pred = x @ w + b
        error = np.sum((pred - y) ** 2)
        return error

    rng = np.random.default_rng(0)
    x, y, w, b = (rng.normal(size=s) for s in ((6, 3), (6, 2), (3, 2), (2,)))
    drawing = draw(loss, w, b, x, y, compare=audit(step, x, y, w, b))
    assert statuses(drawing) == {"w": "wrong", "b": "exact", "pred": "exact"}
    assert drawing.notes == []
    about = {line["text"].strip(): line["nodes"] for line in drawing.to_dict()["report"]["lines"] if line["status"]}
    keys = {n.name: [n.key] for n in drawing.graph.nodes.values()}
    assert about["g_w = x.T @ g_pred * 2"] == about["w = w - 0.01 * g_w"] == keys["w"]
    assert about["g_pred = 2 * (pred - y)"] == about["pred = x @ w + b"] == keys["pred"]


def test_what_is_no_report_is_refused() -> None:
    with pytest.raises(TypeError, match="a Comparison or an AuditReport; got dict"):
        draw(net()[0], compare={"w1": "wrong"})


@pytest.mark.parametrize("which", [lambda t: t["h"], lambda _: "h", lambda _: "%2"])
def test_names_go_where_they_are_sent(which: Any) -> None:
    error, tensors = net()
    drawing = draw(error, names={"hidden": which(tensors)})
    assert "<b>hidden</b>" in drawing.source
    assert "hidden = np.tanh" in drawing.text
    assert "hidden @ w2" in drawing.text


@pytest.mark.parametrize("what", ["nothing", "%99", Tensor(1.0), 3])
def test_a_name_for_nothing_is_refused(what: Any) -> None:
    with pytest.raises(ValueError, match="is not on the tape"):
        draw(net()[0], names={"hidden": what})
