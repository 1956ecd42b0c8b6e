"""Optimisers, schedules and clipping: PyTorch's numbers, what is refused, and what a step may touch."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent / "oracle"))

import make_optimisers as oracle  # the path is set first

from tinygrad_np import Tensor, optim  # with the others

TABLE = oracle.load()
TOLERANCE = {"float64": 1e-13, "complex128": 1e-13, "float32": 5e-6, "complex64": 5e-6}
EVERY = ("SGD", "Adam", "AdamW", "RMSprop")


def leaves(*arrays: Any) -> list[Tensor]:
    return [Tensor(np.asarray(a), requires_grad=True) for a in arrays]


def flat(tensors: list[Tensor]) -> np.ndarray:
    return np.concatenate([t.data.ravel() for t in tensors])


def one_step(optimizer: Any, tensors: list[Tensor], step: int = 1) -> None:
    for t, g in zip(tensors, oracle.gradients([t.data for t in tensors], step, False), strict=True):
        t.grad = g
    optimizer.step()


# As PyTorch has it


@pytest.mark.parametrize("dtype", oracle.DTYPES)
@pytest.mark.parametrize("key", oracle.optimisers())
def test_100_steps_are_those_of_pytorch(key: str, dtype: str) -> None:
    kind, options = oracle.optimisers()[key]
    tensors = leaves(*oracle.start(dtype))
    optimizer = getattr(optim, kind)(tensors, **options)
    rows = []
    for step in range(1, oracle.STEPS + 1):
        grads = oracle.gradients([t.data for t in tensors], step, options.get("maximize", False))
        for t, g in zip(tensors, grads, strict=True):
            t.grad = g
        optimizer.step()
        if step in oracle.KEPT:
            rows.append(flat(tensors))
    expected = TABLE[f"{key} {dtype}"]
    assert rows[0].dtype == expected.dtype
    assert np.abs(expected).max() < 50
    np.testing.assert_allclose(rows, expected, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])


def rates(optimizer: Any, schedules: list[Any]) -> list[float]:
    found = [optimizer.lr]
    for _ in range(oracle.EPOCHS):
        for schedule in schedules:
            schedule.step()
        found.append(optimizer.lr)
    return found


def made(optimizer: Any, cases: list[Any]) -> list[Any]:
    return [getattr(optim, kind)(optimizer, **{k: oracle.function(v) for k, v in o.items()}) for kind, o in cases]


@pytest.mark.parametrize("key", oracle.schedules())
def test_schedules_are_those_of_pytorch(key: str) -> None:
    optimizer = optim.SGD(leaves(0.0), lr=oracle.LR)
    found = rates(optimizer, made(optimizer, oracle.schedules()[key]))
    np.testing.assert_allclose(found, TABLE[f"schedule {key}"], rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("key", oracle.sequences())
def test_sequences_of_schedules_are_those_of_pytorch(key: str) -> None:
    optimizer = optim.SGD(leaves(0.0), lr=oracle.LR)
    cases, milestones = oracle.sequences()[key]
    chain = optim.SequentialLR(optimizer, made(optimizer, cases), milestones)
    np.testing.assert_allclose(rates(optimizer, [chain]), TABLE[f"sequence {key}"], rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize(("max_norm", "norm_type", "dtype"), list(oracle.clippings()))
def test_clipping_is_that_of_pytorch(max_norm: float, norm_type: float, dtype: str) -> None:
    tensors = leaves(*oracle.start(dtype))
    for t, g in zip(tensors, oracle.gradients(oracle.start(dtype), 1, False), strict=True):
        t.grad = g
    norm = optim.clip_grad_norm_({"layers": tensors}, max_norm, norm_type)
    found = np.concatenate([[norm], *(t.grad.ravel() for t in tensors if t.grad is not None)])
    eps = TOLERANCE[dtype]
    np.testing.assert_allclose(found, TABLE[f"clip {max_norm} {norm_type} {dtype}"], rtol=eps, atol=eps)
    assert all(t.grad.dtype == t.dtype for t in tensors if t.grad is not None)


# What a step touches


@pytest.mark.parametrize("kind", EVERY)
def test_a_step_works_in_the_arrays_that_are_there(kind: str) -> None:
    f_ordered = np.asfortranarray(np.random.default_rng(0).normal(size=(3, 2)))
    tensors = leaves(*oracle.start("float64"), f_ordered)
    optimizer = getattr(optim, kind)(tensors, weight_decay=0.1)
    one_step(optimizer, tensors, 2)
    arrays = [t.data for t in tensors]
    state = [a for s in optimizer.state for a in s.values()]
    before = [a.copy() for a in arrays]
    one_step(optimizer, tensors, 3)
    for t, a, old in zip(tensors, arrays, before, strict=True):
        assert t.data is a
        assert not np.array_equal(a, old)
    assert all(a is b for a, b in zip(state, (a for s in optimizer.state for a in s.values()), strict=True))
    assert tensors[-1].data.flags.f_contiguous
    assert all(a.flags.f_contiguous for a in optimizer.state[-1].values())


@pytest.mark.parametrize("kind", EVERY)
def test_a_step_leaves_the_gradients_alone(kind: str) -> None:
    tensors = leaves(*oracle.start("float64"))
    optimizer = getattr(optim, kind)(tensors, weight_decay=0.1, maximize=True)
    one_step(optimizer, tensors, 2)
    grads = oracle.gradients([t.data for t in tensors], 3, False)
    kept = [g.copy() for g in grads if g is not None]
    for t, g in zip(tensors, grads, strict=True):
        t.grad = g
    optimizer.step()
    for g, old in zip(grads, kept, strict=True):
        np.testing.assert_array_equal(g, old)


def test_the_momentum_is_a_copy_of_the_gradient() -> None:
    (w,) = leaves([1.0, 2.0])
    optimizer = optim.SGD(w, lr=0.1, momentum=0.9)
    w.grad = g = np.array([1.0, 1.0])
    optimizer.step()
    w.grad = np.array([0.0, 0.0])
    optimizer.step()
    np.testing.assert_array_equal(g, [1.0, 1.0])


def test_a_backward_pass_that_comes_too_late_is_noticed() -> None:
    (w,) = leaves([1.0, 2.0])
    optimizer = optim.SGD({"w": w}, lr=0.1)
    loss = (w * w).sum()
    w.grad = np.array([1.0, 1.0])
    optimizer.step()
    with pytest.raises(RuntimeError, match="changed in place after multiply"):
        loss.backward()


def test_zero_grad_and_backward_train() -> None:
    (w,) = leaves([3.0, -4.0])
    optimizer = optim.SGD([w], lr=0.25)
    for _ in range(3):
        optimizer.zero_grad()
        assert w.grad is None
        (w * w).sum().backward()
        optimizer.step()
    np.testing.assert_array_equal(w.data, [0.375, -0.5])


def test_gradients_that_are_tensors_serve() -> None:
    (w,) = leaves([3.0])
    (w * w).sum().backward(create_graph=True)
    assert type(w.grad) is Tensor
    optim.clip_grad_norm_([w], 1.0)
    optim.SGD([w], lr=1.0).step()
    np.testing.assert_allclose(w.data, [2.0], rtol=1e-6)


def test_a_float32_parameter_stays_float32_at_a_rate_of_float64() -> None:
    wide, narrow = leaves(np.float32([1, 2]), np.float32([1, 2]))
    for t, rate in ((wide, np.float64(0.1)), (narrow, 0.1)):
        optimizer = optim.SGD([t], lr=1.0)
        optimizer.lr = rate
        t.grad = np.float32([0.3, 0.7])
        optimizer.step()
    assert wide.dtype == np.float32
    np.testing.assert_array_equal(wide.data, narrow.data)


@pytest.mark.parametrize("bad", ["shape", "dtype"])
def test_a_gradient_that_does_not_fit_changes_nothing(bad: str) -> None:
    v, w = leaves([1.0, 2.0], [1.0, 2.0])
    optimizer = optim.SGD({"v": v, "w": [w]}, lr=0.1)
    v.grad = np.ones(2)
    if bad == "dtype":
        w.grad = np.ones(2, np.float32)
    else:
        w.grad = g = np.ones(2)
        g.resize((1, 2), refcheck=False)
    with pytest.raises((TypeError, ValueError), match=r"\['w'\]\[0\] (is float32|has shape)"):
        optimizer.step()
    np.testing.assert_array_equal(v.data, [1.0, 2.0])
    with pytest.raises((TypeError, ValueError), match=r"\['w'\]\[0\]"):
        optim.clip_grad_norm_({"v": v, "w": [w]}, 0.1)
    np.testing.assert_array_equal(v.grad, [1.0, 1.0])


def test_clipping_scales_gradients_that_share_memory_once() -> None:
    a, b = leaves([1.0, 2.0], [[1.0, 2.0]])
    a.grad = g = np.array([3.0, 4.0])
    b.grad = np.broadcast_to(g, (1, 2))
    optim.clip_grad_norm_([a, b], 1.0)
    np.testing.assert_allclose(np.concatenate([a.grad, b.grad[0]]), np.array([3, 4, 3, 4]) / 50**0.5, rtol=1e-6)
    np.testing.assert_array_equal(g, [3.0, 4.0])


def test_clipping_where_there_is_nothing_to_clip() -> None:
    (w,) = leaves([1.0])
    assert optim.clip_grad_norm_([w], 1.0) == 0
    assert w.grad is None
    w.grad = g = np.array([0.5])
    assert optim.clip_grad_norm_([w], 1.0) == 0.5
    assert w.grad is g


def test_clipping_refuses_an_infinite_norm_when_asked_to() -> None:
    (w,) = leaves([1.0])
    w.grad = np.array([np.inf])
    with pytest.raises(RuntimeError, match="norm of the gradients is inf"):
        optim.clip_grad_norm_([w], 1.0, error_if_nonfinite=True)


# What is refused

REFUSED: list[tuple[Any, type[Exception], str]] = [
    ([], ValueError, "no parameters"),
    ({"a": (), "b": None}, ValueError, "no parameters"),
    (iter(()), ValueError, "no parameters"),
    ([np.ones(2)], TypeError, r"\[0\] is a ndarray"),
    ([{"params": leaves(1.0), "lr": 0.1}], TypeError, r"\[0\]\['lr'\] is a float"),
    ("w1", TypeError, "the parameter is a str"),
    ({"w": Tensor([1.0])}, ValueError, r"\['w'\] requires no gradient"),
    ([leaves(1.0)[0] * 2], ValueError, r"\[0\] was computed from other Tensors"),
    ([leaves(1.0)[0]] * 2, ValueError, r"\[1\] is the same Tensor as \[0\]"),
]


@pytest.mark.parametrize(("params", "error", "text"), REFUSED, ids=[text for *_, text in REFUSED])
def test_what_is_no_parameter_is_refused(params: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        optim.SGD(params)


BAD: list[tuple[str, dict[str, Any]]] = [
    *((kind, {"lr": lr}) for kind in EVERY for lr in (-1e-9, float("nan"), float("inf"))),
    *((kind, {"weight_decay": -0.1}) for kind in EVERY),
    *((kind, {"eps": -1e-8}) for kind in EVERY[1:]),
    *((kind, {"betas": b}) for kind in ("Adam", "AdamW") for b in ((1.0, 0.9), (0.9, 1.0), (-0.1, 0.9))),
    ("SGD", {"momentum": -0.1}),
    ("SGD", {"nesterov": True}),
    ("SGD", {"nesterov": True, "momentum": 0.9, "dampening": 0.1}),
    ("RMSprop", {"momentum": -0.1}),
    ("RMSprop", {"alpha": -0.1}),
]


@pytest.mark.parametrize(("kind", "options"), BAD)
def test_options_out_of_range_are_refused_by_name(kind: str, options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        getattr(optim, kind)(leaves(1.0), **options)


def test_a_rate_out_of_range_is_refused_later_too() -> None:
    optimizer = optim.SGD(leaves(1.0))
    with pytest.raises(ValueError, match="lr must be 0 or more"):
        optimizer.lr = -0.1
    assert optimizer.lr == 1e-3


def test_schedules_that_make_no_sense_are_refused() -> None:
    optimizer, other = optim.SGD(leaves(1.0)), optim.SGD(leaves(1.0))
    with pytest.raises(TypeError, match="optimiser; got list"):
        optim.ExponentialLR([optimizer], 0.9)  # type: ignore[arg-type]
    for make in (
        lambda: optim.StepLR(optimizer, 0),
        lambda: optim.StepLR(optimizer, 2.5),  # type: ignore[arg-type]
        lambda: optim.CosineAnnealingLR(optimizer, 0),
        lambda: optim.LinearLR(optimizer, start_factor=0),
        lambda: optim.LinearLR(optimizer, end_factor=1.1),
    ):
        with pytest.raises(ValueError, match="must be"):
            make()
    one, two = optim.ExponentialLR(optimizer, 0.9), optim.ExponentialLR(optimizer, 0.9)
    for milestones in ([], [3, 5]):
        with pytest.raises(ValueError, match="1 rising milestones"):
            optim.SequentialLR(optimizer, [one, two], milestones)
    with pytest.raises(ValueError, match="optimiser of the sequence"):
        optim.SequentialLR(other, [one], [])


def test_it_says_what_it_is() -> None:
    assert repr(optim.SGD(leaves(1.0, 2.0), lr=0.1)).startswith("SGD(2 parameters, lr=0.1, momentum=0.0")
