"""The two-layer net in the article's setting, with the article's slips and without; its derivation: test_zoo.py."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models import _article as article
from models import _as_printed as as_printed
from models import by_hand, by_tape, descend, two_layer
from tinygrad_np import compare

ROOT = Path(__file__).parents[2]
NAMES = {"pred", "h_relu", "h", "w1", "b1", "w2", "b2"}


def copied(params: dict[str, Any]) -> dict[str, Any]:
    return {name: p.copy() for name, p in params.items()}


# The derivation


def test_an_empty_batch_has_an_error_and_gradients_of_0() -> None:
    params = two_layer.init(np.random.default_rng(0), 4, 3, 2)
    x, y = np.empty((0, 4)), np.empty((0, 2))
    values = two_layer.forward(params, x)
    (hand_error, manual), (error, auto) = by_hand(two_layer, params, x, y), by_tape(two_layer, params, x, y)
    assert hand_error == error == 0
    assert compare(manual, auto).ok
    for name, value in (values | params).items():
        assert manual[name].shape == auto[name].shape == value.shape
        assert not manual[name].any()


def test_where_h_is_exactly_0_nothing_passes() -> None:
    params = {"w1": np.array([[1.0, -1.0]]), "b1": np.zeros(2), "w2": np.ones((2, 1)), "b2": np.zeros(1)}
    x, y = np.array([[0.0], [2.0]]), np.array([[5.0], [5.0]])
    manual, auto = two_layer.manual_gradients(params, x, y), by_tape(two_layer, params, x, y)[1]
    assert manual["h"].tolist() == auto["h"].tolist() == [[0, 0], [-6, 0]]
    assert compare(manual, auto).ok


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
