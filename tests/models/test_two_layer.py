"""The two-layer net: what was derived by hand is what the tape gives, and what numbers say."""

from __future__ import annotations

import doctest
import importlib
import inspect
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import _article as article
from models import _as_printed as as_printed
from models import by_hand, by_tape, descend, two_layer
from tinygrad_np import Tensor, check_manual, compare, value_and_grad

ROOT = Path(__file__).parents[2]
MODELS = sorted(p.stem for p in (ROOT / "models").glob("[!_]*.py"))
NAMES = {"pred", "h_relu", "h", "w1", "b1", "w2", "b2"}


def problem(sizes: tuple[int, int, int, int] = (5, 4, 3, 2), dtype: Any = np.float64, seed: int = 0) -> Any:
    batch, n_in, n_hidden, n_out = sizes
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((batch, n_in)), rng.standard_normal((batch, n_out))
    return two_layer.init(rng, n_in, n_hidden, n_out, dtype), x.astype(dtype), y.astype(dtype)


def copied(params: dict[str, Any]) -> dict[str, Any]:
    return {name: p.copy() for name, p in params.items()}


# What all models share


@pytest.mark.parametrize("name", MODELS)
def test_every_model_has_the_four_functions(name: str) -> None:
    model = importlib.import_module(f"models.{name}")
    for function, parameters in {
        "init": ["rng"],
        "forward": ["params", "x"],
        "loss": ["params", "x", "y", "values"],
        "manual_gradients": ["params", "x", "y", "values"],
    }.items():
        assert list(inspect.signature(getattr(model, function)).parameters)[: len(parameters)] == parameters
    assert doctest.testmod(model).failed == 0


# The derivation


@given(
    batch=st.integers(0, 6),
    n_in=st.integers(1, 8),
    n_hidden=st.integers(1, 8),
    n_out=st.integers(1, 5),
    dtype=st.sampled_from([np.float64, np.float32]),
    seed=st.integers(0, 2**32),
)
def test_by_hand_is_by_tape(batch: int, n_in: int, n_hidden: int, n_out: int, dtype: Any, seed: int) -> None:
    params, x, y = problem((batch, n_in, n_hidden, n_out), dtype, seed)
    values = two_layer.forward(params, x) | params
    manual, auto = two_layer.manual_gradients(params, x, y), by_tape(two_layer, params, x, y)[1]
    comparison = compare(manual, auto)
    assert comparison.ok, str(comparison)
    assert {row.name for row in comparison.rows} == NAMES == set(manual)
    for name in NAMES:
        assert manual[name].shape == auto[name].shape == values[name].shape
        assert manual[name].dtype == auto[name].dtype == dtype


@pytest.mark.parametrize("sizes", [(1, 1, 1, 1), (5, 4, 3, 2), (3, 6, 1, 4), (1, 5, 7, 2)])
def test_by_hand_is_what_central_differences_say(sizes: tuple[int, int, int, int]) -> None:
    params, x, y = problem(sizes, seed=3)
    manual = two_layer.manual_gradients(params, x, y)
    for name, p in params.items():
        for index in np.ndindex(p.shape):
            ends = []
            for h in (1e-6, -1e-6):
                moved = copied(params)
                moved[name][index] += h
                ends.append(two_layer.loss(moved, x, y))
            assert manual[name][index] == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-5, abs=1e-6)


def test_the_checker_of_hand_written_gradients_accepts_them() -> None:
    params, x, y = problem()
    check_manual(two_layer.loss, two_layer.manual_gradients, params, x, y)


def test_where_h_is_exactly_0_nothing_passes() -> None:
    params = {"w1": np.array([[1.0, -1.0]]), "b1": np.zeros(2), "w2": np.ones((2, 1)), "b2": np.zeros(1)}
    x, y = np.array([[0.0], [2.0]]), np.array([[5.0], [5.0]])
    manual, auto = two_layer.manual_gradients(params, x, y), by_tape(two_layer, params, x, y)[1]
    assert manual["h"].tolist() == auto["h"].tolist() == [[0, 0], [-6, 0]]
    assert compare(manual, auto).ok


def test_forward_and_loss_give_arrays_of_arrays_and_tensors_of_tensors() -> None:
    params, x, y = problem()
    plain = two_layer.forward(params, x)
    leaves = {name: Tensor(p, requires_grad=True) for name, p in params.items()}
    recorded = two_layer.forward(leaves, x)
    assert list(plain) == list(recorded) == ["h", "h_relu", "pred"]
    for name, value in plain.items():
        assert type(value) is np.ndarray
        assert type(recorded[name]) is Tensor
        np.testing.assert_array_equal(value, recorded[name].data)
    assert two_layer.loss(params, x, y) == two_layer.loss(leaves, x, y).item() == two_layer.loss(params, x, y, plain)


def test_the_loss_goes_through_the_transforms() -> None:
    params, x, y = problem()
    error, grads = value_and_grad(two_layer.loss)(params, x, y)
    hand_error, manual = by_hand(two_layer, params, x, y)
    assert error == pytest.approx(hand_error)
    assert compare({name: manual[name] for name in params}, grads).ok


def test_every_dtype_starts_from_the_same_draws() -> None:
    double, single = (two_layer.init(np.random.default_rng(5), 4, 3, 2, dtype) for dtype in (np.float64, np.float32))
    for name, p in double.items():
        np.testing.assert_array_equal(p.astype(np.float32), single[name])


# Training


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_by_hand_and_by_tape_agree_at_each_of_500_steps_of_the_article(dtype: Any) -> None:
    params, x, y = article.setting(0)
    start = {name: p.astype(dtype) for name, p in params.items()}
    x, y = x.astype(dtype), y.astype(dtype)
    trained = {by: copied(start) for by in ("hand", "both")}
    errors: dict[str, list[float]] = {by: [] for by in trained}
    for by, mine in trained.items():
        for step in descend(two_layer, mine, x, y, epochs=500, rate=1e-6, by=by):  # type: ignore[arg-type]
            errors[by].append(step.error)
            if step.comparison is not None:
                assert step.comparison.ok, f"epoch {step.epoch}\n{step.comparison}"
                assert len(step.comparison.rows) == len(NAMES)
    assert len(errors["hand"]) == 500
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(errors["hand"], errors["both"], rtol=1e4 * eps, atol=1e4 * eps)
    for name, p in trained["hand"].items():
        assert p.dtype == dtype
        assert not np.array_equal(p, start[name])
        np.testing.assert_allclose(p, trained["both"][name], rtol=1e3 * eps, atol=1e3 * eps)


def test_a_step_reports_the_error_before_its_update() -> None:
    params, x, y = problem()
    start = copied(params)
    (step,) = descend(two_layer, params, x, y, epochs=1, rate=0.01)
    assert step.epoch == 1
    assert step.error == pytest.approx(two_layer.loss(start, x, y))
    for name, p in params.items():
        np.testing.assert_allclose(p, start[name] - 0.01 * step.gradients[name], rtol=1e-15)


def test_a_wrong_derivation_is_reported_and_training_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    right = two_layer.manual_gradients
    monkeypatch.setattr(two_layer, "manual_gradients", lambda *a: right(*a) | {"w2": 2 * right(*a)["w2"]})
    params, x, y = problem()
    for step in descend(two_layer, params, x, y, epochs=3, rate=0.001, by="both"):
        assert step.comparison is not None
        assert not step.comparison.ok
        assert [row.name for row in step.comparison.rows if row.verdict not in ("exact", "rounding")] == ["w2"]


# The article's experiment


def written_out(seed: int, epochs: int, *, slips: bool) -> list[float]:
    """The article's loop, statement by statement, with its two slips or without."""
    params, x, y = article.setting(seed)
    w1, b1, w2, b2 = (params[name] for name in ("w1", "b1", "w2", "b2"))
    errors = []
    for _ in range(epochs):
        hidden = x @ w1 + b1
        active = np.maximum(hidden, 0)
        out = (hidden if slips else active) @ w2 + b2
        errors.append(float(np.square(out - y).sum()))
        g_out = 2 * (out - y)
        g_hidden = np.where(hidden < 0, 0, g_out @ w2.T)
        w2 = w2 - 1e-6 * (active.T @ g_out)
        b2 = b2 - 1e-6 * g_out.sum(0)
        w1 = w1 - 1e-6 * (x.T @ g_hidden)
        if slips:
            w1 = w1 - 1e-6 * g_hidden.sum(0)
        else:
            b1 = b1 - 1e-6 * g_hidden.sum(0)
    return errors


@pytest.mark.parametrize(("model", "slips"), [(as_printed, True), (two_layer, False)])
def test_both_variants_are_the_loop_written_out(model: Any, slips: bool) -> None:
    params, x, y = article.setting(7)
    b1 = params["b1"].copy()
    errors = [s.error for s in descend(model, params, x, y, epochs=60, rate=article.RATE, by="hand")]
    np.testing.assert_allclose(errors, written_out(7, 60, slips=slips), rtol=1e-9)
    assert np.array_equal(params["b1"], b1) == slips


def test_a_comparison_finds_the_slips() -> None:
    params, x, y = article.setting(0)
    comparison = compare(as_printed.manual_gradients(params, x, y), by_tape(as_printed, params, x, y)[1])
    wrong = {row.name for row in comparison.rows if row.verdict not in ("exact", "rounding")}
    assert wrong == {"h_relu", "h", "w1", "b1", "w2"}


def test_the_errors_over_seeds_are_those_of_epoch_50() -> None:
    for seed, found in enumerate(article.errors_over_seeds(2)):
        assert found["as printed"] == pytest.approx(written_out(seed, 50, slips=True)[-1])
        assert found["corrected"] == pytest.approx(written_out(seed, 50, slips=False)[-1])


@pytest.mark.parametrize("width", [80, 50])
def test_the_histograms_share_an_axis(width: int) -> None:
    low, high, figure, axis = article.histograms(
        {"low": np.array([1e4, 1e4, 2e4]), "high": np.array([1e4, 7e4])}, width
    )
    assert all(len(line) <= width for line in (low, high, figure, axis))
    assert low.index("█") == high.index("█") == axis.index("10k")
    assert axis.index("40k") < figure.index("▲") < axis.index("50k")
    assert "▄" in low  # half as many


def test_the_command_prints_both_distributions() -> None:
    done = run("--seeds", "2")
    assert done.returncode == 0, done.stderr
    assert all(word in done.stdout for word in ("as printed", "corrected", "47,088.9"))
    assert max(map(len, done.stdout.splitlines())) <= 80


@pytest.mark.parametrize("seeds", ["0", "many"])
def test_the_command_refuses_bad_arguments_in_one_line(seeds: str) -> None:
    done = run("--seeds", seeds)
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert seeds in done.stderr


def run(*args: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "models.two_layer", *args]
    return subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", timeout=120)
