"""Right programs, however their optimiser, their losses and their functions are written: no finding, and no refusal."""

from __future__ import annotations

import linecache
from typing import Any

import numpy as np
import pytest

from tinygrad_np.checking.audit import AuditError, audit, audit_script

NET = """
rng = np.random.default_rng(0)
X, Y = rng.normal(size=(20, 5)), rng.normal(size=(20, 3))
w, lr, s, v = rng.normal(size=(5, 3)), 0.1, np.zeros((5, 3)), np.zeros((5, 3))
smooth_loss = 3.0
for it in range(4):
    e = X @ w - Y
    loss = np.sum(e**2) / len(X)
    dw = FACTOR * X.T @ e / len(X)
"""
STEPS = {
    "adagrad": "s += dw * dw\nw += -lr * dw / np.sqrt(s + 1e-8)",
    "adam by differences": "s += 0.1 * (dw - s)\nv += 0.01 * (dw**2 - v)\nw -= lr * s / (np.sqrt(v) + 1e-7)",
    "nesterov": "s *= 0.9\ns -= lr * dw\nw += 0.81 * s\nw -= 1.9 * lr * dw",
    "decay in the gradient": "g = dw + 0.01 * w\nw = w - lr * g",
    "bounds by minimum": "dw = np.minimum(np.maximum(dw, -0.2), 0.2)\nw -= lr * dw",
    "bounds by masks": "dw[dw > 0.2] = 0.2\ndw[dw < -0.2] = -0.2\nw -= lr * dw",
    "warm-up": "w -= lr * min(1.0, (it + 1) / 10) * dw",
    "a step of two numbers": "w -= 2.0 * 0.01 * dw",
    "a tenth": "w -= dw / 10",
    "out": "np.subtract(w, np.float32(lr) * dw, out=w)",
    "replaced whole": "w[...] = w - lr * dw",
    "bounded weights": "w = np.clip(w - lr * dw, -2, 2)",
    "signs": "s = np.where(dw * v > 0, 1.2, 0.5)\nw = w - lr * np.sign(dw) * s\nv = dw",
    "a running average": "smooth_loss = smooth_loss * 0.999 + loss * 0.001\nw -= lr * dw",
}


def script(text: str, **names: Any) -> Any:
    return audit_script(text, "program.py", {"np": np, **names})


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
@pytest.mark.parametrize("factor", ["2", "-2"])
def test_optimisers(step: str, factor: str) -> None:
    body = "".join(f"    {line}\n" for line in step.splitlines())
    report = script(NET.replace("FACTOR", factor) + body)
    assert report.loss == "loss"
    assert report.ok == (factor == "2"), report.findings


def test_a_script_may_end_as_it_likes() -> None:
    assert script(NET.replace("FACTOR", "2") + "    w -= lr * dw\nraise SystemExit(3)\n").ok
    with pytest.raises(AuditError, match="ended with status 3"):
        script("raise SystemExit(3)\n")


def test_functions_of_other_cells_are_followed() -> None:
    space: dict[str, Any] = {"np": np}
    text = "def slope(x, e):\n    return 4 * x.T @ e / len(x)\n"
    linecache.cache["<cell 1>"] = len(text), None, text.splitlines(True), "<cell 1>"
    exec(compile(text, "<cell 1>", "exec"), space)
    program = NET.replace("FACTOR * X.T @ e / len(X)", "slope(X, e)") + "    w -= lr * dw\n"
    [finding] = audit_script(program, "<cell 2>", space).findings
    assert finding.kind == "factor"


class Net:
    def __init__(self) -> None:
        self.w = np.random.default_rng(0).normal(size=(3, 2))

    def forward(self, x: Any) -> None:
        self.p = x @ self.w

    def step(self, x: Any, y: Any) -> None:
        self.forward(x)
        dw = 2 * x.T @ (self.p - y)
        self.w -= 0.1 * dw


def test_a_loss_of_attributes() -> None:
    x, y = np.random.default_rng(1).normal(size=(7, 3)), np.ones((7, 2))
    assert audit(Net().step, x, y, loss="np.sum((self.p - y)**2)").ok
    assert not audit(Net().step, x, y, loss="np.mean((self.p - y)**2)").ok
    with pytest.raises(AuditError) as error:
        audit(Net().step, x, y, loss="np.sum((self.q - y)**2)")
    assert "_tg_" not in str(error.value)


def test_a_next_value_is_no_gradient() -> None:
    def means(x: Any, c: Any) -> Any:
        for _ in range(3):
            d = ((x[:, None] - c) ** 2).sum(-1)
            near = d.argmin(1)
            inertia = d.min(1).sum()
            c = np.array([x[near == k].mean(0) if (near == k).any() else c[k] for k in range(2)])
        return c, inertia

    x = np.random.default_rng(0).normal(size=(12, 2))
    with pytest.raises(AuditError, match="no scalar loss found that gradients belong to"):
        audit(means, x, x[:2])
