"""Stepping through the program in a real browser: forward, and back with the tape's own cotangents."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

Open = Callable[..., Any]


def test_the_stepper_walks_forward_by_button(net: Any, show: Open) -> None:
    page = show(net.drawing())
    tape = net.error.tape()
    next_step = page.get_by_role("button", name="Next step")
    for i in range(1, len(tape.records) + 1):
        next_step.click()
        assert page.locator("#position").inner_text() == f"Forward {i} of 7"
        assert page.locator(".box.now-forward").get_attribute("data-id") == f"op{i}"
        assert page.locator(".box.ran").count() == i
        assert page.locator(".link.flows").count() == len({p for p in tape.records[i - 1].inputs if p is not None})
    page.get_by_role("button", name="Previous step").click()
    assert page.locator("#position").inner_text() == "Forward 6 of 7"
    assert page.locator(".box.ran").count() == 6


def test_the_stepper_walks_back_by_key_with_the_tapes_cotangents(net: Any, show: Open) -> None:
    page = show(net.drawing())
    page.keyboard.press("b")
    labels = net.error.tape().labels()
    names = {label: r.name or label for r, label in labels.items()}
    for i, (label, given) in enumerate(zip(net.order, net.given, strict=True), 1):
        if i > 1:
            page.keyboard.press("ArrowRight")
        assert page.locator("#position").inner_text() == f"Backward {i} of {len(net.order)}"
        assert page.locator("#step h2 .link").inner_text() == names[label]
        arrived = float(page.locator("#step .column").first.locator(".glance b").inner_text())
        assert arrived == pytest.approx(np.linalg.norm(net.cotangents[label]), rel=1e-5)
        rows = page.locator("#step tbody tr")
        shown = [float(row.locator("td:nth-child(2) b").inner_text()) for row in rows.all()]
        assert shown == pytest.approx([np.linalg.norm(c) for c in given], rel=1e-5)
        assert page.locator(".link.returns").count() == len(given)
        assert page.locator(".box.receives").count() == len(given)
        assert f"Backward {i} of" in page.locator("#said").inner_text()
    assert page.get_by_role("button", name="Next step").is_disabled()
    page.keyboard.press("p")
    assert page.locator("#position").inner_text() == f"Backward {len(net.order) - 1} of {len(net.order)}"


def test_where_cotangents_add_up_the_stepper_shows_the_sum_and_the_details_the_shares(net: Any, show: Open) -> None:
    page = show(net.drawing())
    h = net.error.tape().labels()[net.named["h"]._record]
    page.keyboard.press("b")
    to_h = []
    while page.locator("#step h2 .link").inner_text() != "h":
        cells = page.locator("#step tbody td:nth-child(3)").all()
        to_h += [cell.inner_text() for cell in cells if cell.locator(".link").inner_text() == "h"]
        page.keyboard.press("n")
    assert len(to_h) == 2
    assert "the first to arrive" in to_h[0]
    assert float(to_h[1].split()[-1]) == pytest.approx(np.linalg.norm(net.cotangents[h]), rel=1e-5)
    shares = [float(s.inner_text().rstrip(" %")) for s in page.locator(".shares .figure").all()]
    assert len(shares) == 2
    assert sum(shares) == pytest.approx(100, abs=1)


def test_slider_home_end_and_play(net: Any, show: Open) -> None:
    page = show(net.drawing())
    page.locator("#slider").fill("8")
    assert page.locator("#position").inner_text().startswith("Backward 1 of")
    assert page.locator("#slider").get_attribute("aria-valuetext").startswith("Backward 1 of")
    page.locator("#slider").evaluate("slider => slider.blur()")
    page.keyboard.press("End")
    assert page.get_by_role("button", name="To the end").is_disabled()
    page.keyboard.press("Home")
    assert page.locator("#position").inner_text() == "Start"
    assert page.locator(".box.ran, .box.swept, .link.flows, .link.returns").count() == 0
    page.keyboard.press(" ")
    page.locator("#position", has_text="Forward 1 of 7").wait_for()
    page.get_by_role("button", name="Pause").click()
    assert page.get_by_role("button", name="Play").get_attribute("aria-pressed") == "false"


def test_in_a_closed_scope_the_step_is_shown_at_the_scope(net: Any, show: Open) -> None:
    page = show(net.drawing())
    page.get_by_role("button", name="Close all").click()
    page.wait_for_selector(".box.closed")
    page.keyboard.press("n")
    assert "closed" in page.locator(".box.now-forward").get_attribute("class")
    assert page.locator("#step h2 .link").inner_text() == "h"
