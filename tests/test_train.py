"""The loop: what it computes, what it refuses, what it shows and where, and what Ctrl-C does."""

from __future__ import annotations

import io
import os
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinygrad_np import Tensor, compare, grad, optim, train, value_and_grad
from tinygrad_np import cross_entropy as cross_entropy_op
from tinygrad_np.transforms.tree import flatten


def problem(seed: int = 0, rows: int = 23) -> tuple[dict[str, Any], tuple[np.ndarray, np.ndarray]]:
    """Parameters of a linear map in a nested container, and data that it can fit."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, 3))
    params = {"layers": [{"w": Tensor(rng.normal(size=(3, 2)), requires_grad=True)}], "b": Tensor(np.zeros(2), True)}
    return params, (x, x @ rng.normal(size=(3, 2)) + 1)


def loss(params: Any, x: Any, y: Any) -> Any:
    return np.mean((x @ params["layers"][0]["w"] + params["b"] - y) ** 2)


def by_hand(params: Any, x: Any, y: Any) -> Any:
    g = 2 * (x @ params["layers"][0]["w"] + params["b"] - y) / y.size
    return loss(params, x, y), {"layers": [{"w": x.T @ g}], "b": g.sum(axis=0), "pred": g}


by_tape = value_and_grad(loss)


def run(params: Any, data: Any, step: Any = by_tape, **options: Any) -> train.History:
    options = {"epochs": 3, "size": 5, "rng": np.random.default_rng(1)} | options
    trained = [leaf for leaf in flatten(params)[0] if type(leaf) is Tensor]
    return train.fit(step, params, data, optimizer=optim.SGD(trained, lr=0.1), **options)


@pytest.mark.parametrize("step", [by_tape, by_hand, train.compared(by_tape, by_hand)])
def test_it_is_the_loop_written_out(step: Any) -> None:
    params, data = problem()
    history = run(params, data, step, metrics={"whole": lambda p: loss(p, *data)})
    w, b = (t.data.copy() for t in (problem()[0]["layers"][0]["w"], problem()[0]["b"]))
    rng = np.random.default_rng(1)
    for epoch in range(3):
        order, total = rng.permutation(23), 0.0
        for i in range(0, 23, 5):
            x, y = (a[order[i : i + 5]] for a in data)
            total += np.mean((x @ w + b - y) ** 2) * len(x)
            g = 2 * (x @ w + b - y) / y.size
            w, b = w - 0.1 * x.T @ g, b - 0.1 * g.sum(axis=0)
        assert history["loss"][epoch] == pytest.approx(total / 23)
        assert history["whole"][epoch] < history["loss"][epoch]
    np.testing.assert_allclose(params["layers"][0]["w"].data, w, rtol=1e-12)
    np.testing.assert_allclose(params["b"].data, b, rtol=1e-12)


def test_a_schedule_steps_after_each_epoch() -> None:
    params, data = problem()
    optimizer = optim.SGD(params, lr=1.0)
    schedule, seen = optim.ExponentialLR(optimizer, 0.5), []
    train.fit(
        lambda p, x, y: (seen.append(optimizer.lr), by_hand(p, x, y))[1],
        *(params, data),
        optimizer=optimizer,
        schedule=schedule,
        epochs=3,
        size=12,
        rng=np.random.default_rng(0),
    )
    assert seen == [1.0, 1.0, 0.5, 0.5, 0.25, 0.25]


def test_gradients_are_clipped_together() -> None:
    params, data = problem()
    before = [t.data.copy() for t in (params["layers"][0]["w"], params["b"])]
    run(params, data, epochs=1, size=99, max_norm=0.01)
    moved = [t.data - old for t, old in zip((params["layers"][0]["w"], params["b"]), before, strict=True)]
    assert np.sqrt(sum(np.sum(m**2) for m in moved)) == pytest.approx(0.1 * 0.01, rel=1e-3)


def test_arrays_are_handed_on_and_a_parameter_may_have_no_gradient() -> None:
    w, unused, count = Tensor([1.0], True), Tensor([5.0], True), np.array([0])
    params = {"w": w, "unused": unused, "count": count}

    def step(p: Any, x: Any) -> Any:
        p["count"] += 1
        return 1.0, {"w": p["w"], "unused": None}

    run(params, np.ones(10), step, epochs=2)
    assert w.data < 1
    assert unused.data == 5
    assert count == 4


def test_a_loss_that_is_not_finite_stops_before_the_update() -> None:
    params, (x, y) = problem()
    y[20] = np.inf
    with pytest.raises(FloatingPointError, match="loss is inf in epoch 1"):
        run(params, (x, y), by_hand, rng=None)
    assert np.isfinite(params["b"].data).all()


def wrong(change: Any) -> Any:
    return lambda p, x, y: (1.0, change(by_hand(p, x, y)[1]))


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        (lambda g: {"layers": g["layers"]}, ValueError, r"no gradient of params\['b'\]"),
        (lambda g: g | {"layers": []}, ValueError, r"no list of 1 gradients for params\['layers'\]"),
        (lambda g: g | {"layers": [{"v": 1}]}, ValueError, r"no gradient of params\['layers'\]\[0\]\['w'\]"),
        (lambda g: g | {"b": g["b"][:, None]}, ValueError, r"gradient of params\['b'\] has shape \(2, 1\)"),
        (lambda g: g | {"b": g["b"].astype("f4")}, TypeError, r"gradient of \[1\] is float32"),
    ],
)
def test_gradients_that_do_not_fit_are_refused_by_name(change: Any, error: Any, text: str) -> None:
    with pytest.raises(error, match=text):
        run(*problem(), wrong(change))


def test_a_wrong_derivation_is_told_at_its_step() -> None:
    calls = []

    def wrong_later(p: Any, x: Any, y: Any) -> Any:
        calls.append(0)
        value, g = by_hand(p, x, y)
        return value, g | {"b": g["b"] * (2 if len(calls) > 6 else 1)}

    params, data = problem()
    with pytest.raises(train.DisagreementError, match="disagree at step 7") as caught:
        run(params, data, train.compared(by_tape, wrong_later))
    assert caught.value.comparison["b"].verdict == "wrong"
    assert caught.value.comparison["layers.0.w"].verdict != "wrong"
    calls.clear()
    with pytest.raises(train.DisagreementError, match="disagree at step 31"):  # the seventh of every fifth
        run(*problem(), train.compared(by_tape, wrong_later, every=5), epochs=9)
    with pytest.raises(train.DisagreementError, match="missing"):
        run(*problem(), train.compared(by_tape, lambda p, x, y: (1.0, {"b": by_hand(p, x, y)[1]["b"]})))
    with pytest.raises(ValueError, match="every is 1 or more"):
        train.compared(by_tape, by_hand, every=0)


def sure(dtype: Any) -> tuple[Any, Any, Any]:
    """Logits that leave no doubt: p - 1 keeps few digits."""
    x, y = np.eye(3, dtype=dtype), np.arange(3)
    return {"w": 12 * np.eye(3, dtype=dtype)}, x, y


def softmax_by_hand(params: Any, x: Any, y: Any, factor: float = 1) -> Any:
    odds = np.exp(x @ params["w"])
    p = odds / odds.sum(axis=1, keepdims=True)
    g = factor * (p - np.eye(3, dtype=x.dtype)[y]) / len(x)
    return 0.0, {"w": x.T @ g}


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_net_that_is_sure_raises_no_alarm_and_small_errors_do(dtype: Any) -> None:
    by_tape = value_and_grad(lambda params, x, y: cross_entropy_op(x @ params["w"], y))
    params, x, y = sure(dtype)
    assert not compare(softmax_by_hand(params, x, y)[1], by_tape(params, x, y)[1]).ok  # or this tests nothing
    train.compared(by_tape, softmax_by_hand)(params, x, y)
    with pytest.raises(train.DisagreementError):
        train.compared(by_tape, lambda *args: softmax_by_hand(*args, factor=1 + 1e-5))(params, x, y)
    with pytest.raises(train.DisagreementError):
        train.compared(by_tape, lambda *args: (0.0, {"w": softmax_by_hand(*args)[1]["w"][:, :2]}))(params, x, y)


def test_one_tensor_is_a_container_too() -> None:
    w = Tensor(np.array(5.0), requires_grad=True)
    step = train.compared(value_and_grad(lambda w, x: np.mean((w - x) ** 2)), lambda w, x: (0.0, 2 * np.mean(w - x)))
    run(w, np.ones(40), step, epochs=9)
    assert w.data == pytest.approx(1, abs=0.01)
    assert grad(lambda w: w * w)(w.data) == pytest.approx(2, abs=0.02)


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"epochs": -1}, ValueError, "epochs is a whole number"),
        ({"epochs": 1.5}, ValueError, "epochs is a whole number"),
        ({"resume": True}, ValueError, "checkpoint="),
        ({"size": 0}, ValueError, "size is 0"),
        ({"rng": 3}, TypeError, "default_rng"),
    ],
)
def test_arguments_are_checked_before_anything_runs(options: Any, error: Any, text: str) -> None:
    with pytest.raises(error, match=text):
        run(*problem(), lambda *_: pytest.fail("it ran"), **options)


def test_the_optimiser_must_be_of_these_parameters() -> None:
    params, data = problem()
    for optimizer, error in ((optim.SGD(problem()[0]), ValueError), (params, TypeError)):
        with pytest.raises(error, match="optimi"):
            train.fit(by_tape, params, data, optimizer=optimizer, epochs=1, rng=np.random.default_rng(0))  # type: ignore[arg-type]


# What it shows, and Ctrl-C


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_on_a_terminal_it_shows_loss_and_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", screen := Terminal())
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    run(*problem())
    assert "epoch 3/3  loss 0." in screen.getvalue()
    assert "steps/s" in screen.getvalue()


def test_it_is_silent_elsewhere_and_on_request(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    run(*problem())
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr(sys, "stderr", screen := Terminal())
    run(*problem(), progress=False)
    assert screen.getvalue() == ""


def test_without_rich_it_says_so_and_trains(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", screen := Terminal())
    monkeypatch.setitem(sys.modules, "rich.console", None)
    assert len(run(*problem())) == 3
    assert screen.getvalue() == "no progress bar, which takes rich: pip install rich\n"


def pressing(step: Any, at: set[int]) -> Any:
    """A step during which Ctrl-C is pressed at some calls."""
    calls = []

    def pressed(*args: Any) -> Any:
        calls.append(0)
        if len(calls) in at:
            signal.raise_signal(signal.SIGINT)
        return step(*args)

    return pressed


@pytest.mark.skipif(os.name == "nt", reason="signals differ")
def test_ctrl_c_ends_the_epoch_and_says_where_it_is_saved(tmp_path: Path, capsys: Any) -> None:
    path = tmp_path / "net.npz"
    params, data = problem()
    whole = run(params, data, epochs=4)
    again, _ = problem()
    history = run(again, data, pressing(by_tape, {7}), epochs=4, checkpoint=path)
    assert (len(history), history.interrupted) == (2, True)
    first, last = capsys.readouterr().err.splitlines()
    assert first == "Ctrl-C: stopping at the end of epoch 2; once more, and it stops at once"
    assert last == f"interrupted after epoch 2 of 4; saved in {path}"
    fresh, _ = problem(seed=5)
    history = run(fresh, data, epochs=4, rng=np.random.default_rng(99), checkpoint=path, resume=True)
    assert (history.columns, history.interrupted) == (whole.columns, False)
    np.testing.assert_array_equal(fresh["b"].data, params["b"].data)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_resuming_needs_the_same_metrics(tmp_path: Path) -> None:
    run(*problem(), checkpoint=tmp_path / "net")
    assert len(run(*problem(), checkpoint=tmp_path / "net", resume=True)) == 3  # nothing is left to do
    with pytest.raises(train.CheckpointError, match="net has a history of loss, not of loss, error"):
        run(*problem(), checkpoint=tmp_path / "net", resume=True, metrics={"error": lambda p: 0.0})


@pytest.mark.skipif(os.name == "nt", reason="signals differ")
def test_ctrl_c_twice_interrupts_at_once(capsys: Any) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(*problem(), pressing(by_tape, {7, 8}))
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert "stopping at the end of epoch 2" in capsys.readouterr().err


@pytest.mark.skipif(os.name == "nt", reason="signals differ")
def test_ctrl_c_between_batches_counts_too(capsys: Any) -> None:
    history = run(*problem(), metrics={"pressed": pressing(lambda _: 0.0, {2})})
    assert (len(history), history.interrupted) == (2, True)
    assert capsys.readouterr().err == "interrupted after epoch 2 of 3; nothing is saved\n"


@pytest.mark.skipif(os.name == "nt", reason="signals differ")
def test_ctrl_c_without_a_checkpoint_says_that_nothing_is_saved(capsys: Any) -> None:
    assert run(*problem(), pressing(by_tape, {15})).interrupted
    assert capsys.readouterr().err.splitlines()[-1] == "interrupted after epoch 3 of 3; nothing is saved"


def test_a_handler_of_ones_own_is_left_alone() -> None:
    seen: list[int] = []
    old = signal.signal(signal.SIGINT, lambda *_: seen.append(1))
    try:
        assert not run(*problem(), pressing(by_tape, {7})).interrupted
    finally:
        signal.signal(signal.SIGINT, old)
    assert seen == [1]
