"""Slips in a two-layer net as people publish it: each on its line, by its kind; the right code raises no alarm."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tinygrad_np.checking.audit import AuditReport, audit_script
from tinygrad_np.checking.audit.names import claims_of, is_loss_name

NET = """\
for i in range(epochs):
    h = np.add(np.dot(x, w1), b1)
    h_relu = np.maximum(h, 0)
    pred = np.add(np.dot(h_relu, w2), b2)
    error = np.square(pred - y).sum()
    grad_pred = 2 * (pred - y)
    grad_h_relu = np.dot(grad_pred, w2.T)
    grad_h_relu[h < 0] = 0.0
    grad_h = grad_h_relu
    w2 -= lr * np.dot(h_relu.T, grad_pred)
    b2 -= lr * np.sum(grad_pred, axis=0)
    w1 -= lr * np.dot(x.T, grad_h)
    b1 -= lr * np.sum(grad_h, axis=0)
"""


def run(source: str, epochs: int = 3, sizes: tuple[int, int, int, int] = (7, 5, 4, 3), **given: Any) -> AuditReport:
    n, d, h, k = sizes
    rng = np.random.default_rng(0)
    start = {
        "np": np, "epochs": epochs, "lr": 1e-3, "x": rng.normal(size=(n, d)), "y": rng.normal(size=(n, k)),
        "w1": rng.normal(size=(d, h)), "b1": rng.normal(size=h), "w2": rng.normal(size=(h, k)),
        "b2": rng.normal(size=k),
    }  # fmt: skip
    return audit_script(source, "net.py", start | given)


def found(source: str, **options: Any) -> list[tuple[int, str]]:
    return [(f.line, f.kind) for f in run(source, **options).findings]


def test_the_right_net_passes() -> None:
    report = run(NET)
    assert report.ok
    assert report.loss == "error"
    assert {line.status for line in report.lines if line.number >= 10} <= {"ok", "rounding"}


def test_two_slips_at_once() -> None:
    source = NET.replace("np.dot(h_relu, w2)", "np.dot(h, w2)").replace("b1 -= lr", "w1 -= lr")
    report = run(source)
    assert [(f.line, f.kind) for f in report.findings] == [(4, "forward"), (13, "wrong-parameter")]
    assert report.findings[0].suggestion == "pred = np.add(np.dot(h_relu, w2), b2)"
    assert report.findings[1].suggestion == "b1 -= lr * np.sum(grad_h, axis=0)"
    assert report.findings[0].max_abs_error is not None


@pytest.mark.parametrize(
    ("right", "slip", "line", "kinds"),
    [
        ("2 * (pred - y)", "(pred - y)", 6, {"factor"}),
        ("2 * (pred - y)", "2 * (pred - y) / len(x)", 6, {"mean-sum"}),
        ("2 * (pred - y)", "2 * (y - pred)", 6, {"sign"}),
        ("grad_pred, w2.T)", "grad_pred, (w2 - 1e-3 * w2).T)", 7, {"factor", "wrong-operand", "unknown"}),
        ("[h < 0]", "[h > 0]", 8, {"mask"}),
        ("np.dot(h_relu.T, grad_pred)", "np.dot(h.T, grad_pred)", 10, {"wrong-operand"}),
        ("b2 -= lr * np.sum(grad_pred, axis=0)", "b2 -= lr * np.sum(grad_pred)", 11, {"bias-sum"}),
        ("w1 -= lr * np.dot", "w1 += lr * np.dot", 12, {"sign"}),
        ("w1 -= lr * np.dot", "w1 -= lr * lr * np.dot", 12, {"factor"}),
    ],
)
def test_one_slip(right: str, slip: str, line: int, kinds: set[str]) -> None:
    assert right in NET
    (at, kind), *more = found(NET.replace(right, slip))
    assert not more
    assert at == line
    assert kind in kinds


def test_a_square_matrix_transposed() -> None:
    source = NET.replace("np.dot(grad_pred, w2.T)", "np.dot(grad_pred, w2)")
    assert found(source, sizes=(7, 5, 4, 4)) == [(7, "transpose")]


def test_sums_that_are_never_reset() -> None:
    source = NET.replace("for i", "dw = np.zeros_like(w1)\nfor i").replace(
        "w1 -= lr * np.dot(x.T, grad_h)", "dw += np.dot(x.T, grad_h)\n    w1 -= lr * dw"
    )
    assert found(source) == [(1, "accumulate")]


def test_a_parameter_stepped_before_it_is_used() -> None:
    step = "    w2 -= lr * np.dot(h_relu.T, grad_pred)\n"
    source = NET.replace(step, "").replace("    grad_h_relu = np.dot", step + "    grad_h_relu = np.dot")
    ((line, kind),) = found(source)
    assert kind == "stale"
    assert line in (7, 8)


def test_a_kink_is_no_slip() -> None:
    """At h = 0 the code takes slope 1 and the tape one half: both are right."""
    assert found(NET, w1=np.zeros((5, 4)), b1=np.zeros(4)) == []


def test_single_precision_is_no_slip() -> None:
    rng = np.random.default_rng(1)
    narrow = {k: rng.normal(size=s).astype(np.float32) for k, s in {"x": (7, 5), "y": (7, 3), "w1": (5, 4)}.items()}
    assert found(NET, **narrow) == []


def test_recording_stops_and_the_run_goes_on() -> None:
    given = {"w1": np.ones((5, 4)), "b1": np.zeros(4), "w2": np.ones((4, 3)), "b2": np.zeros(3)}
    start = {"np": np, "epochs": 400, "lr": 1e-3, "x": np.eye(7)[:, :5], "y": np.ones((7, 3)), **given}
    plain = {k: v.copy() if isinstance(v, np.ndarray) else v for k, v in start.items()}
    exec(NET, plain)
    assert audit_script(NET, "net.py", start).ok
    assert np.array_equal(start["w1"], plain["w1"])
    assert start["error"] == plain["error"]


def test_a_square_matrix_is_noted() -> None:
    assert any("square" in note for note in run(NET, sizes=(7, 4, 4, 3)).notes)
    assert not any("square" in note for note in run(NET).notes)


def test_a_third_opinion() -> None:
    from tinygrad_np.checking.audit import audit_call

    def descend(x: Any, y: Any, w: Any) -> Any:
        for _ in range(2):
            e = x @ w - y
            loss = np.sum(e**2)
            w -= 0.01 * x.T @ e
        return loss

    rng = np.random.default_rng(0)
    given = rng.normal(size=(6, 3)), rng.normal(size=6), rng.normal(size=3)
    notes = audit_call(descend, given, numeric=True).report.notes
    assert any(note.startswith("w: ") and "the tape agrees" in note for note in notes)


@pytest.mark.parametrize(
    ("name", "claim"),
    [("dW1", "w1"), ("grad_h", "h"), ("dL_dw", "w"), ("g_pred", "pred"), ("w_grad", "w"), ("delta2", "2")],
)
def test_what_a_name_claims(name: str, claim: str) -> None:
    assert claim in claims_of(name)


def test_names_of_losses() -> None:
    assert all(map(is_loss_name, ("loss", "total_loss", "J", "mse", "cost", "error")))
    assert not any(map(is_loss_name, ("val_loss", "accuracy", "lr", "best_loss", "")))
