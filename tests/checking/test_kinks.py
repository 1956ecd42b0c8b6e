"""Another subgradient at an exact kink is `kink`; nothing else is."""

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np import Tensor, compare, elementwise
from tinygrad_np.checking.kinks import find_kinks, one_sided

X = np.array([0.0, 1.0, -1.0, 0.0, 2.0])
C = np.array([3.0, 5.0, 7.0, 11.0, 13.0])


def judge(f, start, manual, **kwargs):
    """Compare ``manual`` with the tape's gradient of ``sum(c * f(x))``."""
    x = Tensor(start, requires_grad=True)
    loss = np.sum(C[: np.size(f(start))] * f(x))
    return compare({"x": manual}, {"x": x}, loss=loss, **kwargs)["x"]


def step(x, at_zero):
    return np.where(x == 0, at_zero, x > 0)


@pytest.mark.parametrize("at_zero", [0.5, 1.0])
def test_relu_at_zero(at_zero):
    row = judge(tg.relu, X, C * step(X, at_zero))
    assert row.verdict == "kink"
    assert "relu (test_kinks.py:" in row.hint
    assert "2 elements" in row.hint
    assert row.max_abs == pytest.approx(11 * at_zero)


def test_the_tapes_own_choice_is_exact():
    assert judge(tg.relu, X, C * step(X, 0)).verdict == "exact"


@pytest.mark.parametrize(
    "manual",
    [
        C * step(X, 2.0),  # beyond both one-sided derivatives
        C * step(X, -0.5),
        C * step(X, 1) * 2,  # a factor besides
        C * np.ones(5),  # the mask missing where it is no kink
        C * (X < 0),
    ],
)
def test_what_is_no_subgradient_is_wrong(manual):
    assert judge(tg.relu, X, manual).verdict == "wrong"


def test_without_a_zero_there_is_no_kink():
    x = np.array([1e-300, 1.0, -1.0, -1e-3, 2.0])
    assert judge(tg.relu, x, C * (x > -0.1)).verdict == "wrong"


def test_abs_maximum_clip_and_their_ties():
    assert judge(np.abs, X, C * np.where(X == 0, 1, np.sign(X))).verdict == "kink"
    assert judge(np.abs, X, C * np.where(X == 0, -1, np.sign(X))).verdict == "kink"
    assert judge(np.abs, X, C * np.where(X == 0, 2, np.sign(X))).verdict == "wrong"
    assert judge(lambda x: np.maximum(x, 0), X, C * step(X, 1.0)).verdict == "kink"
    assert judge(lambda x: np.maximum(0.0, x), X, C * step(X, 0.0)).verdict == "kink"
    assert judge(lambda x: np.minimum(x, 1.0), X, C * (X < 1)).verdict == "kink"
    assert judge(lambda x: np.clip(x, 0, 1), X, C * ((X > 0) & (X < 1))).verdict == "kink"
    assert judge(lambda x: np.clip(x, 0, 1), X, C * (X > 0)).verdict == "wrong"


def test_a_tie_of_two_tensors_goes_to_one_of_them():
    a, b = Tensor([1.0, 2.0, 3.0], requires_grad=True), Tensor([1.0, 3.0, 2.0], requires_grad=True)
    loss = np.sum(np.maximum(a, b) * C[:3])
    auto = {"a": a, "b": b}
    first = {"a": C[:3] * [1, 0, 1], "b": C[:3] * [0, 1, 0]}
    assert [r.verdict for r in compare(first, auto, loss=loss).rows] == ["kink", "kink"]
    twice = {"a": C[:3] * [2, 0, 1], "b": C[:3] * [0, 1, 0]}
    assert compare(twice, auto, loss=loss)["a"].verdict == "wrong"


@pytest.mark.parametrize("axis", [0, 1, None])
def test_max_may_take_the_first_or_the_last_of_a_tie(axis):
    x = np.array([[1.0, 4.0, 4.0], [4.0, 2.0, 4.0]])
    t = Tensor(x, requires_grad=True)
    y = np.max(t, axis=axis)
    g = np.arange(1.0, y.size + 1).reshape(y.shape)
    loss = np.sum(y * g)
    order = {0: x.T, 1: x, None: x.reshape(1, -1)}[axis]
    for pick in ("first", "last"):
        one = np.zeros_like(order)
        for i, line in enumerate(order):
            places = np.flatnonzero(line == line.max())
            one[i, places[0 if pick == "first" else -1]] = g.reshape(-1)[i]
        manual = {0: one.T, 1: one, None: one.reshape(2, 3)}[axis]
        assert compare({"x": manual}, {"x": t}, loss=loss)["x"].verdict == "kink"
    everyone = (x == np.max(x, axis=axis, keepdims=True)) * (g if axis != 1 else g[:, None])
    assert compare({"x": everyone}, {"x": t}, loss=loss)["x"].verdict == "wrong"


def test_deep_in_a_net_and_for_every_name():
    rng = np.random.default_rng(0)
    x, w1, w2 = rng.normal(size=(6, 4)), rng.normal(size=(4, 5)), rng.normal(size=(5, 3))
    x[2] = 0  # and no bias: a row of exact zeros
    p = {"w1": Tensor(w1, requires_grad=True), "b1": Tensor(np.zeros(5), requires_grad=True)}
    h = x @ p["w1"] + p["b1"]
    out = tg.relu(h) @ w2
    loss = np.sum((out - 1) ** 2)
    g_h = 2 * (np.maximum(h.data, 0) @ w2 - 1) @ w2.T * (h.data >= 0)
    c = compare({"h": g_h, "w1": x.T @ g_h, "b1": g_h.sum(0)}, {"h": h, **p}, loss=loss)
    assert [r.verdict for r in c.rows] == ["kink", "exact", "kink"]
    assert c.ok
    # The same difference elsewhere is none.
    g_h[4] += g_h[2]
    assert compare({"b1": g_h.sum(0)}, {"b1": p["b1"]}, loss=loss)["b1"].verdict == "wrong"


def test_several_kinks_choose_each_for_itself():
    x = Tensor([0.0, 1.0], requires_grad=True)
    y = Tensor([0.0, 1.0], requires_grad=True)
    loss = np.sum(tg.relu(x) * 3 + np.abs(y) * 5 + np.maximum(x, y) * 7)
    c = compare({"x": np.array([3.0 + 7, 3 + 7]), "y": np.array([5.0, 5])}, {"x": x, "y": y}, loss=loss)
    assert c["x"].verdict == "kink"
    assert c["y"].verdict == "kink"


def test_many_kinks_of_one_op_choose_alike():
    x = Tensor([0.0, 1.0], requires_grad=True)
    total = 0
    for k in range(1, 31):
        total = total + np.sum(tg.relu(x) * k)
    assert compare({"x": [465.0, 465.0]}, {"x": x}, loss=total)["x"].verdict == "kink"
    assert compare({"x": [466.0, 465.0]}, {"x": x}, loss=total)["x"].verdict == "wrong"


def test_many_kinks_of_many_ops_choose_alike():
    """Five ops with three choices each are too many to combine: all take the same side."""
    x = Tensor([0.0, 1.0], requires_grad=True)
    ops = [tg.relu, np.abs, lambda x: np.maximum(x, 0), lambda x: np.clip(x, 0, 9), lambda x: -np.minimum(-x, 0)]
    loss = np.sum(sum(f(x) * 10.0**k for k, f in enumerate(ops)))
    assert compare({"x": [11111.0, 11111.0]}, {"x": x}, loss=loss)["x"].verdict == "kink"
    assert compare({"x": [11113.0, 11111.0]}, {"x": x}, loss=loss)["x"].verdict == "wrong"


def test_ops_of_ones_own_have_kinks_too():
    hinge = elementwise(lambda x: np.maximum(1 - x, 0), lambda _y, x: -1.0 * (x < 1.0), name="hinge")
    x = np.array([0.0, 1.0, 2.0, 3.0, -1.0])
    assert judge(hinge, x, -C * (x <= 1)).verdict == "kink"
    assert judge(hinge, x, -C * (x < 2.5)).verdict == "wrong"


def test_without_a_loss_there_is_no_kink():
    x = Tensor(X, requires_grad=True)
    np.sum(tg.relu(x) * C).backward()
    assert compare({"x": C * step(X, 1)}, {"x": x})["x"].verdict == "wrong"


def test_arrays_are_no_tape():
    x = Tensor(X, requires_grad=True)
    loss = np.sum(tg.relu(x) * C)
    assert compare({"x": C * step(X, 1)}, {"x": C * step(X, 0)}, loss=loss)["x"].verdict == "wrong"


def test_a_freed_tape_says_so():
    x = Tensor(X, requires_grad=True)
    loss = np.sum(tg.relu(x) * C)
    loss.backward()
    c = compare({"x": C * step(X, 1)}, {"x": x}, loss=loss)
    assert c["x"].verdict == "wrong"
    assert "retain_graph=True" in c.notes[0]
    x.zero_grad()
    loss = np.sum(tg.relu(x) * C)
    loss.backward(retain_graph=True)
    assert compare({"x": C * step(X, 1)}, {"x": x}, loss=loss)["x"].verdict == "kink"


def test_an_accumulated_grad_is_not_explained_by_a_kink():
    x = Tensor(X, requires_grad=True)
    for _ in range(2):
        loss = np.sum(tg.relu(x) * C)
        loss.backward(retain_graph=True)
    assert compare({"x": C * step(X, 1)}, {"x": x}, loss=loss)["x"].verdict == "wrong"


def test_values_that_the_tape_did_not_keep_are_computed_again():
    x = Tensor(X, requires_grad=True)
    h = x * 2.0  # relu keeps its output only, the product nothing of its own
    kinks = find_kinks(np.sum(tg.relu(h)))
    assert [(k.record.primitive.name, k.elements) for k in kinks.found] == [("relu", 2)]
    assert not kinks.blind


def test_what_cannot_be_seen_is_said():
    x = Tensor(X, requires_grad=True)
    shifted = x - np.array(X)  # a constant that no rule needs is not kept
    loss = np.sum(tg.relu(shifted))
    c = compare({"x": np.ones(5)}, {"x": x}, loss=loss)
    assert c["x"].verdict == "wrong"
    assert "inputs of relu" in c.notes[0]


def test_smooth_functions_have_no_kinks():
    x = Tensor(np.linspace(-2, 2, 9), requires_grad=True)
    loss = np.sum(np.tanh(x) * np.exp(x) + x**3 + tg.sigmoid(40 * x) + np.sqrt(x + 2))
    assert not find_kinks(loss).found


def test_nothing_is_changed():
    x = Tensor(X, requires_grad=True)
    loss = np.sum(tg.relu(x) * C)
    relu = loss.tape().records[0].primitive
    compare({"x": C * step(X, 1)}, {"x": x}, loss=loss)
    assert next(r.primitive for r in loss.tape().records) is relu
    assert x.grad is None
    loss.backward()
    assert np.array_equal(x.grad, C * step(X, 0))


def test_one_sided_ops():
    x = Tensor([1.0, 2.0], requires_grad=True)
    y = Tensor([-1.0, 2.0], requires_grad=True)
    assert len(one_sided(np.sum(tg.relu(x) + np.tanh(x)))) == 1
    assert not one_sided(np.sum(tg.relu(y) + np.abs(y)))
