"""Losses, comparisons and audits as pictures: what is drawn is what was given."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinygrad_np import AuditReport, compare, plot
from tinygrad_np.checking.audit.report import Finding, Line
from tinygrad_np.checking.comparison import Comparison
from tinygrad_np.train import History

pytest.importorskip("matplotlib")


def texts(figure: Any) -> list[str]:
    found = [t.get_text() for t in figure.texts]
    for axes in figure.axes:
        found += [t.get_text() for t in axes.texts] + [axes.get_title()]
    return found


def test_a_loss_curve_is_on_a_log_scale_where_it_spans_decades() -> None:
    losses = [1000 * 0.5**i for i in range(12)]
    (axes,) = plot(losses).axes
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), losses)
    assert axes.get_yscale() == "log"
    assert plot(losses, log=False).axes[0].get_yscale() == "linear"
    assert plot([1.0, 0.9]).axes[0].get_yscale() == "linear"
    assert plot([1.0, 0.9], log=True).axes[0].get_yscale() == "log"
    assert plot([100.0, -1.0]).axes[0].get_yscale() == "linear"


def test_a_history_has_a_panel_a_column_and_curves_by_name_share_one() -> None:
    columns = {"loss": [4.0, 2.0], "accuracy": [0.5, 0.75]}
    assert [a.get_title() for a in plot(History(columns)).axes] == ["loss", "accuracy"]
    (axes,) = plot({"by hand": [3.0, 1.0], "by tape": [3.0, 1.0]}).axes
    assert [t.get_text() for t in axes.get_legend().get_texts()] == ["by hand", "by tape"]


def test_where_a_loss_stops_being_finite_is_shown() -> None:
    (axes,) = plot([3.0, 2.0, np.nan, np.inf]).axes
    assert "not finite" in axes.texts[0].get_text()
    assert axes.texts[0].get_position()[0] == 3


def compared() -> tuple[dict[str, Any], dict[str, Any], Comparison]:
    auto = {"w": np.arange(12.0).reshape(3, 4) + 1, "b": np.ones(5), "s": np.array(2.0), "c": np.ones((2, 3, 4))}
    hand = {**auto, "w": auto["w"].copy(), "b": auto["b"][None], "extra": np.ones(2)}
    hand["w"][1, 2] += 5
    return hand, auto, compare(hand, auto)


def test_a_comparison_shows_how_far_each_gradient_is_off() -> None:
    *_, found = compared()
    figure = plot(found)
    (axes,) = figure.axes
    assert [t.get_text() for t in axes.get_yticklabels()] == [r.name for r in found.rows]
    bars = [p.get_width() for p in axes.patches]
    assert bars == [found["w"].max_rel]
    said = " ".join(t.get_text() for t in axes.texts)
    assert all(word in said for word in ("× wrong", "≠ shape", "= exact", "+ extra"))


def test_an_error_heat_map_shows_the_wrong_entry() -> None:
    hand, auto, found = compared()
    figure = plot(found, manual=hand, auto=auto)
    panels = {a.get_title(): a for a in figure.axes if a.get_title()}
    assert set(panels) == {"w  × wrong", "b  ≠ shape", "s  = exact", "c  = exact", "extra  + extra"}
    error = panels["w  × wrong"].images[0].get_array()
    assert np.argwhere(np.asarray(error)).tolist() == [[1, 2]]
    assert "shapes (1, 5) and (5,)" in texts(figure)
    assert texts(figure).count("0 everywhere") == 2


def test_a_single_wrong_entry_of_a_large_gradient_is_not_averaged_away() -> None:
    auto = {"w": np.ones((3000, 700))}
    hand = {"w": auto["w"].copy()}
    hand["w"][1234, 567] -= 0.5
    figure = plot(compare(hand, auto), manual=hand, auto=auto)
    error = np.asarray(figure.axes[0].images[0].get_array())
    assert error.shape == (256, 256)
    assert error.min() == -0.5
    assert np.count_nonzero(error) == 1


def test_an_audit_is_its_listing(tmp_path: Path) -> None:
    lines = (Line(1, "h = $x$ @ w_{1}", "forward"), Line(2, "g_h = g", "wrong", "d e / d h"))
    report = AuditReport("train", "net.py", "e", lines, (Finding(2, "g_h = g", "g_h", "factor", "twice too large"),))
    figure = plot(report, tmp_path / "audit.png")
    assert (tmp_path / "audit.png").stat().st_size > 1000
    said = "\n".join(texts(figure))
    assert "h = $x$ @ w_{1}" in said
    assert "twice too large" in said


@pytest.mark.parametrize("x", [3, "abc", [], {}, ["a"], object(), Comparison(())])
def test_what_has_no_picture_is_refused(x: Any) -> None:
    with pytest.raises(TypeError, match=r"plot\(\)"):
        plot(x)


def test_names_are_no_formulas(tmp_path: Path) -> None:
    plot({"$\\frac{": [1.0, 2.0], "_hidden": [2.0, 1.0]}, tmp_path / "a.svg")
    auto = {"$\\frac{": np.ones(2)}
    plot(compare(auto, auto), tmp_path / "b.svg")
    plot(compare(auto, auto), tmp_path / "c.svg", manual=auto, auto=auto)


def test_without_matplotlib_it_says_what_to_install() -> None:
    program = "import sys; sys.modules['matplotlib'] = None\nfrom tinygrad_np import plot\nplot([1.0])"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env={"PYTHONPATH": ":".join(sys.path)}
    )
    assert 'pip install "tinygrad_np[plot]"' in done.stderr.splitlines()[-1]
