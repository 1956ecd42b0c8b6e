"""The public surface in a second: run this first after a change."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np import Tensor


def test_a_two_layer_net_is_plain_expressions() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(4, 5)), rng.normal(size=(4, 2))
    w1, b1, w2, b2 = (Tensor(rng.normal(size=s), requires_grad=True) for s in [(5, 3), 3, (3, 2), 2])
    h = x @ w1 + b1
    h_relu = tg.relu(h)
    pred = h_relu @ w2 + b2
    error = np.square(pred - y).sum()
    auto = tg.gradients(error, {"pred": pred, "h_relu": h_relu, "h": h, "w1": w1, "b1": b1, "w2": w2, "b2": b2})

    g_pred = 2 * (pred.data - y)
    g_h_relu = g_pred @ w2.data.T
    g_h = g_h_relu * (h.data > 0)
    manual = {
        "pred": g_pred, "h_relu": g_h_relu, "h": g_h,
        "w1": x.T @ g_h, "b1": g_h.sum(axis=0), "w2": h_relu.data.T @ g_pred, "b2": g_pred.sum(axis=0),
    }  # fmt: skip
    assert tg.compare(manual, auto).ok
    error.backward()
    assert tg.compare({"w1": manual["w1"] * 2}, {"w1": w1.grad}).ok is False


def test_numpys_functions_methods_and_operators() -> None:
    t = Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    y = np.exp(-t).sum(axis=0) + (t.T @ t)[0] / 2 - np.concatenate([t, t]).max(axis=0)
    y.sum().backward()
    assert t.grad.shape == t.shape


def test_transforms() -> None:
    f = lambda x: np.sum(np.sin(x) ** 2)
    x = np.array([0.3, 0.4])
    np.testing.assert_allclose(tg.grad(f)(x), np.sin(2 * x))
    np.testing.assert_allclose(tg.hessian(f)(x), np.diag(2 * np.cos(2 * x)), atol=1e-15)
    np.testing.assert_allclose(tg.hvp(f, (x,), (x,)), 2 * np.cos(2 * x) * x)
    np.testing.assert_allclose(tg.jvp(f, (x,), (x,))[1], np.sin(2 * x) @ x)
    tg.check_grads(f, (x,))


def test_a_wrong_rule_is_found() -> None:
    wrong = tg.primitive(np.sin).defvjp(lambda g, _y, x: g * np.cos(x) * 1.001)
    with pytest.raises(AssertionError):
        tg.check_grads(wrong, (np.array([0.3]),))


def test_modes() -> None:
    w = Tensor([1.0], requires_grad=True)
    with tg.no_grad():
        assert not (w * 2).requires_grad
    with pytest.raises(FloatingPointError, match="log put out nan"), tg.detect_anomaly(), np.errstate(all="ignore"):
        np.log(w - 2)


def test_drawing_and_printing() -> None:
    w = Tensor([1.0], requires_grad=True)
    loss = (w * 2).sum()
    assert "multiply" in str(loss.tape())
    assert tg.draw(loss).source.startswith("digraph")


def test_every_public_name_is_there() -> None:
    assert all(getattr(tg, name) is not None for name in tg.__all__)
    assert set(tg.__all__) <= set(dir(tg))
