"""Batches, metrics and history: what they compute, what they refuse, how they are drawn."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinygrad_np import cross_entropy as cross_entropy_op
from tinygrad_np import softmax, train

# Batches


@pytest.mark.parametrize("size", [1, 4, 10, 99])
@pytest.mark.parametrize("seed", [None, 0])
def test_each_row_comes_once(size: int, seed: int | None) -> None:
    x = np.arange(10)
    rng = None if seed is None else np.random.default_rng(seed)
    batches = list(train.minibatches({"x": x, "pair": (x * 2, x[:, None])}, size, rng))
    assert [len(b["x"]) for b in batches[:-1]] == [size] * (len(batches) - 1)
    seen = np.concatenate([b["x"] for b in batches])
    assert sorted(seen) == list(x)
    assert (list(seen) == list(x)) == (seed is None)
    for b in batches:
        np.testing.assert_array_equal(b["pair"][0], b["x"] * 2)
        np.testing.assert_array_equal(b["pair"][1][:, 0], b["x"])


def test_a_seed_repeats_the_order_and_epochs_differ() -> None:
    def orders() -> list[list[int]]:
        rng = np.random.default_rng(7)
        return [[*np.concatenate(list(train.minibatches(np.arange(9), 2, rng)))] for _ in range(2)]

    assert orders() == orders()
    assert orders()[0] != orders()[1]


@pytest.mark.parametrize(
    ("arrays", "size", "rng", "error", "text"),
    [
        ((np.ones(3), np.ones(4)), 2, None, ValueError, r"data\[0\] 3, data\[1\] 4"),
        ((np.ones(0),), 2, None, ValueError, "no data"),
        ((), 2, None, ValueError, "no data"),
        ((np.ones(3), "text"), 2, None, TypeError, r"data\[1\] is str"),
        ([1, 2, 3], 2, None, TypeError, r"data\[0\] is int"),
        (np.ones(3), 0, None, ValueError, "size is 0"),
        (np.ones(3), 2.0, None, ValueError, "size is 2.0"),
        (np.ones(3), 2, 5, TypeError, "got int"),
    ],
)
def test_what_cannot_be_cut_is_refused_at_once(arrays: Any, size: Any, rng: Any, error: Any, text: str) -> None:
    with pytest.raises(error, match=text):
        train.minibatches(arrays, size, rng)


# Metrics


def test_metrics_are_what_their_formulas_say() -> None:
    rng = np.random.default_rng(0)
    scores, labels = rng.normal(size=(4, 5, 3)) * 5, rng.integers(3, size=(4, 5))
    hits = [scores[i, j].argmax() == labels[i, j] for i in range(4) for j in range(5)]
    assert train.accuracy(scores, labels) == pytest.approx(np.mean(hits))
    logs = [-np.log(softmax(scores)[i, j, labels[i, j]]) for i in range(4) for j in range(5)]
    assert train.cross_entropy(scores, labels) == pytest.approx(np.mean(logs))
    assert train.cross_entropy(scores, labels) == pytest.approx(
        float(cross_entropy_op(scores.reshape(20, 3), labels.ravel()))
    )
    assert train.mean_squared_error(np.array([[1.0], [3j]]), np.zeros((2, 1))) == pytest.approx(5)
    assert train.mean_squared_error(np.uint8([1]), np.uint8([3])) == 4


@pytest.mark.parametrize(
    ("scores", "labels", "text"),
    [
        ([[1.0, 2.0]], [2], "from 2 to 2, and there are 2 classes"),
        ([[1.0, 2.0]], [-1], "from -1 to -1"),
        ([[1.0, 2.0]], [0.5], "whole numbers"),
        ([[1.0, 2.0]], [[0]], r"float64\[1, 2\] and int64\[1, 1\]"),
    ],
)
def test_labels_that_do_not_fit_are_refused(scores: Any, labels: Any, text: str) -> None:
    for metric in (train.accuracy, train.cross_entropy):
        with pytest.raises(ValueError, match=text):
            metric(scores, labels)
    with pytest.raises(ValueError, match="predictions have shape"):
        train.mean_squared_error([1.0], [[1.0]])


# History


def test_a_long_history_is_thinned_out_but_keeps_its_ends() -> None:
    history = train.History({"loss": range(1000), "a name that is wider than its numbers": range(1000)})
    lines = str(history).splitlines()
    epochs = [int(line.split()[0]) for line in lines[1:]]
    assert epochs == [1, *range(50, 1001, 50)]
    assert len({len(line) for line in lines}) == 1
    short = str(train.History({"loss": range(21)})).splitlines()
    assert [int(line.split()[0]) for line in short[1:]] == [1, *range(2, 21, 2), 21]
    assert str(train.History()) == "epoch"


def test_a_history_stays_rectangular() -> None:
    history = train.History()
    history.append({"loss": 1.0})
    with pytest.raises(ValueError, match="has the columns loss; got error"):
        history.append({"error": 1.0})
    with pytest.raises(ValueError, match="one number an epoch"):
        train.History({"a": [1], "b": []})
    with pytest.raises(KeyError, match="no column 'b': there are loss"):
        history["b"]
    assert len(history) == 1


def test_a_history_is_drawn_into_a_file_a_figure_or_axes(tmp_path: Path) -> None:
    figures = pytest.importorskip("matplotlib.figure")
    history = train.History({"loss": [3.0, 2.0, 1.0], "accuracy": [0.1, 0.2, 0.3]})
    figure = history.plot(tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert [axes.get_title() for axes in figure.axes] == ["loss", "accuracy"]
    np.testing.assert_array_equal(figure.axes[0].lines[0].get_xydata(), [[1, 3], [2, 2], [3, 1]])
    axes = figures.Figure().add_subplot()
    assert history.plot(axes, "accuracy") is axes
    assert [line.get_label() for line in axes.lines] == ["accuracy"]


def test_without_matplotlib_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r'pip install "tinygrad_np\[plot\]"'):
        train.History({"loss": [1.0]}).plot()
