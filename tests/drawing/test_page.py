"""The page in a real browser: it loads alone, is searched, clicked and folded, and its numbers are the tape's."""

from __future__ import annotations

from collections.abc import Callable
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinygrad_np import Tensor, compare, draw, scope
from tinygrad_np.checking.audit.report import AuditReport, Finding, Line

Open = Callable[..., Any]


def facts(page: Any, section: str) -> dict[str, float]:
    """The numbers that the details show in this section, as they are read there."""
    rows = page.locator(f"#inspector section:has(> h3:text-is('{section}')) [data-fact]")
    return {row.get_attribute("data-fact"): float(row.locator("dd").inner_text()) for row in rows.all()}


def numbers(array: np.ndarray) -> dict[str, float]:
    return {"min": array.min(), "max": array.max(), "mean": array.mean(), "norm": np.linalg.norm(array)}


def box_named(page: Any, name: str) -> Any:
    return page.locator("#world .box").filter(has=page.locator("tspan.name", has_text=name).first).first


def chosen(page: Any) -> str:
    return str(page.locator("#inspector h2").inner_text())


def test_it_loads_with_every_node_and_says_what_it_is(net: Any, show: Open) -> None:
    page = show(net.drawing())
    assert page.title() == "error · computation graph"
    assert page.locator("#counts").inner_text() == "7 ops, 4 leaves"
    assert page.locator("#world .box").count() == 11
    assert page.locator(".link").count() == len(net.drawing().to_dict()["edges"])
    assert page.locator("#layout-note").inner_text() == ""
    assert page.locator(".group").count() == 2
    scopes = page.locator(".closer").all()
    assert {s.get_attribute("aria-label") for s in scopes} == {"Close scope hidden", "Close scope hidden/affine"}


def test_the_numbers_are_the_tapes(net: Any, show: Open) -> None:
    page = show(net.drawing())
    labels = net.error.tape().labels()
    for name, tensor in net.named.items():
        page.locator("#search").fill(name)
        page.keyboard.press("Enter")
        assert chosen(page) == name
        assert facts(page, "Value").items() >= approx(numbers(tensor.data)).items()
        label = labels[tensor._record]
        if label in net.cotangents:
            assert facts(page, "Cotangent").items() >= approx(numbers(net.cotangents[label])).items()
        else:
            assert facts(page, "Cotangent") == {}


def approx(numbers: dict[str, float]) -> dict[str, Any]:
    return {k: pytest.approx(v, rel=1e-5) for k, v in numbers.items()}


def test_a_small_array_is_shown_entry_by_entry(net: Any, show: Open) -> None:
    page = show(net.drawing())
    box_named(page, "w1").click()
    cells = page.locator("#inspector section:has(> h3:text-is('Value')) td").all()
    shown = [float(cell.get_attribute("title")) for cell in cells]
    assert shown == net.named["w1"].data.ravel().tolist()
    assert float(cells[0].inner_text()) == pytest.approx(shown[0], rel=1e-3)


def test_a_click_shows_all_of_a_node(net: Any, show: Open) -> None:
    page = show(net.drawing())
    box_named(page, "pred").click()
    details = page.locator("#inspector").inner_text()
    for said in ("pred", "(20, 2)", "float64", "conftest.py:", "pred = bent @ w2", "Local rule", "Cotangent"):
        assert said in details
    assert page.locator("#inspector canvas.heat").count() == 2
    assert page.locator("#inspector .histogram rect").count() > 10
    assert "selected" in box_named(page, "pred").get_attribute("class")
    page.locator("#inspector").get_by_role("button", name="w2", exact=True).first.click()
    assert chosen(page) == "w2"
    page.keyboard.press("Escape")
    assert page.locator(".box.selected").count() == 0


def test_search_finds_by_name_and_by_op(net: Any, show: Open) -> None:
    page = show(net.drawing())
    page.keyboard.press("/")
    page.keyboard.type("matmul")
    assert page.locator("#found-count").inner_text() == "2 found"
    assert page.locator(".box.hit").count() == 2
    page.keyboard.press("Enter")
    assert chosen(page) == "h"
    page.keyboard.press("Enter")
    assert chosen(page) == "pred"
    assert page.locator("#found-count").inner_text() == "2 of 2"
    page.locator("#search").fill("no such thing")
    assert page.locator("#found").inner_text() == "No name and no op like that."
    page.keyboard.press("Escape")
    assert page.locator(".box.hit").count() == 0
    assert page.locator("#found").is_hidden()


def test_scopes_close_and_open_by_click_and_by_key(net: Any, show: Open) -> None:
    page = show(net.drawing())
    page.locator(".closer[aria-label='Close scope hidden/affine']").click()
    page.wait_for_selector(".box.closed")
    assert page.locator(".group").count() == 1
    said = page.locator(".box.closed").get_attribute("aria-label")
    assert said.startswith("affine, 1 op, closed: scope hidden/affine")
    assert "closed" in page.locator("#said").inner_text()
    page.keyboard.press("o")
    page.wait_for_selector(".box.closed", state="detached")
    assert page.locator(".group").count() == 2
    page.get_by_role("button", name="Close all").click()
    page.wait_for_selector(".box.closed")
    assert page.locator(".group").count() == 0
    page.locator("#search").fill("tanh")  # what is hidden is found, and its scope opened
    page.keyboard.press("Enter")
    page.wait_for_selector(".group")
    assert page.locator(".box.selected").count() == 1
    assert "tanh" in page.locator(".box.selected").get_attribute("aria-label")
    page.get_by_role("button", name="Open all").click()
    page.wait_for_selector(".box.closed", state="detached")
    assert page.locator("#world .box").count() == 11


def test_scopes_may_be_closed_and_opened_in_a_hurry(net: Any, show: Open) -> None:
    page = show(net.drawing())
    page.evaluate("() => { for (const id of ['close', 'open', 'close', 'open']) document.getElementById(id).click(); }")
    page.wait_for_selector("html[data-state=ready]")
    assert page.locator("#world .box").count() == 11
    assert page.locator(".group").count() == 2
    assert page.locator("#layout-note").inner_text() == ""
    inner, outer = (page.locator(".group").nth(i).locator("> rect").bounding_box() for i in (1, 0))
    inside = page.locator(".box[data-id='op1']").bounding_box()
    assert outer["x"] <= inner["x"] <= inside["x"]
    assert inside["y"] + inside["height"] <= inner["y"] + inner["height"] <= outer["y"] + outer["height"]


def test_the_graph_is_walked_with_keys(net: Any, show: Open) -> None:
    page = show(net.drawing())
    stops = page.locator(".box[tabindex='0']")
    assert stops.count() == 1
    stops.focus()
    page.keyboard.press("ArrowDown")
    focused = "document.activeElement.getAttribute('aria-label')"
    assert page.evaluate(focused).startswith("h: matmul")
    page.keyboard.press("Enter")
    assert chosen(page) == "h"
    assert page.locator("#position").inner_text() == "Start"  # arrows in the graph are not steps
    page.locator("#tape-tab").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("End")
    assert chosen(page) == "error"
    assert page.locator("#tape [aria-selected=true]").inner_text().startswith("%7")


def test_everything_that_is_pressed_has_a_name(net: Any, show: Open) -> None:
    page = show(net.drawing(compare=compare({"w1": net.named["w1"].grad}, {"w1": net.named["w1"]})))
    page.keyboard.press("b")
    unnamed = """() => [...document.querySelectorAll('button, input, [role=button], [role=listbox], [role=img]')]
        .filter((e) => !(e.getAttribute('aria-label') || e.textContent.trim() || e.title)).map((e) => e.outerHTML)"""
    assert page.evaluate(unnamed) == []
    ids = page.evaluate("() => [...document.querySelectorAll('[id]')].map((e) => e.id)")
    assert len(ids) == len(set(ids))
    assert page.locator("[role=status][aria-live=polite]").count() == 1
    page.keyboard.press("?")
    assert page.get_by_role("dialog").is_visible()
    page.keyboard.press("Escape")
    assert page.get_by_role("dialog").is_hidden()


def test_a_comparison_stands_beside_the_graph(net: Any, show: Open) -> None:
    manual = {"w1": net.named["w1"].grad, "w2": 2 * net.named["w2"].grad}
    page = show(net.drawing(compare=compare(manual, {"w1": net.named["w1"], "w2": net.named["w2"]})))
    assert page.get_by_role("tab", name="Comparison").get_attribute("aria-selected") == "true"
    assert "1 of 2 gradients do not agree" in page.locator("#verdict").inner_text()
    rows = page.locator("#report .row")
    signs, *said = zip(*(row.inner_text().split()[:3] for row in rows.all()), strict=True)
    assert said == [("w1", "w2"), ("exact", "wrong")]
    assert signs[0] != signs[1]
    rows.nth(1).click()
    assert chosen(page) == "w2"
    assert f"{signs[1]} wrong" in page.locator("#inspector .verdict").inner_text()
    assert box_named(page, "w2").locator(".badge-sign").text_content() == signs[1]


AUDITED = (
    Line(7, "h = x @ w", "forward"),
    Line(8, "error = np.square(h).sum()", "forward"),
    Line(9, "grad_h = 2 * h", "ok", "d error / d h"),
    Line(10, "grad_w = x.T @ grad_h * 2", "wrong", "d error / d w"),
)
TWICE = Finding(10, "grad_w = x.T @ grad_h * 2", "grad_w", "factor", "2 times too large", "grad_w = x.T @ grad_h", 3.0)


def test_a_line_of_the_audit_leads_to_its_node(show: Open) -> None:
    rng = np.random.default_rng(0)
    x, w = Tensor(rng.normal(size=(4, 3)), name="x"), Tensor(rng.normal(size=(3, 2)), True, name="w")
    h = x @ w
    report = AuditReport("step", "net.py", "error", AUDITED, (TWICE,), ("one batch seen",))
    page = show(draw(np.square(h).sum(), values=True, grads=True, compare=report))
    assert page.get_by_role("tab", name="Audit").get_attribute("aria-selected") == "true"
    assert page.locator("#verdict").inner_text().endswith(report.summary)
    findings = page.locator("#findings").inner_text()
    for said in ("line 10: factor", TWICE.explanation, TWICE.statement, TWICE.suggestion):
        assert said in findings
    assert page.locator("#report-notes").inner_text() == "one batch seen"
    signs = [sign.inner_text() for sign in page.locator("#report .row .sign").all()]
    assert len(set(signs)) == 3
    assert signs[0] == signs[1]
    current = page.locator("#report [aria-selected=true]")
    page.locator("#report .row").filter(has_text="grad_h = 2 * h").click()
    assert chosen(page) == "h"
    assert "grad_h = 2 * h" in current.inner_text()
    page.locator("#findings .link").click()
    assert chosen(page) == "w"
    assert "grad_w" in current.inner_text()
    assert "wrong" in page.locator("#inspector .verdict").inner_text()
    box_named(page, "h").click()  # and the other way round
    assert "h = x @ w" in current.inner_text() or "grad_h" in current.inner_text()


HOSTILE = [
    "</script><script>window.hit = 1</script>",
    "<img src=x onerror='window.hit = 1'>",
    "\"quoted\" 'twice' \\ \\n &amp; ]]> <!-- -->",
    "line\nend\u2028and \u202eback\x00\x1b[31m",
    "${1+1} {{title}} {data} $& \\1",
    "n" * 10_000,
    "__proto__",
    "half \ud800 surrogate",
]


def test_names_are_text_and_nothing_more(show: Open) -> None:
    tensors = [Tensor(np.ones((2, 2)), True, name=name) for name in HOSTILE]
    products = []
    for name, w in zip(HOSTILE, tensors, strict=True):
        with scope(name):
            products.append(w * 2)
    loss = np.stack(products).sum()
    page = show(draw(loss, values=True, grads=True, names={HOSTILE[0]: loss}))
    page.keyboard.press("b")
    for name in HOSTILE:
        page.keyboard.press("n")
        page.locator("#tape .row").filter(has_text="parameter").nth(HOSTILE.index(name)).click()
        printable = "".join(takewhile(str.isprintable, name))
        assert chosen(page).startswith(printable[:100].strip())
    page.get_by_role("button", name="Close all").click()
    page.wait_for_selector(".box.closed")
    assert page.evaluate("window.hit") is None
    assert page.locator("script, img, iframe").count() == 3  # data, engine, page
    assert page.locator("#layout-note").inner_text() == ""


def test_light_and_dark(net: Any, show: Open) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    dark = show(net.drawing(), color_scheme="dark")
    light = show(net.drawing(), color_scheme="light")
    first = dark.evaluate(ground), light.evaluate(ground)
    assert first[0] != first[1]
    light.keyboard.press("t")
    assert light.evaluate(ground) == first[0]
    light.keyboard.press("t")
    assert light.evaluate(ground) == first[1]


def test_it_prints_the_whole_graph(net: Any, show: Open) -> None:
    page = show(net.drawing(), color_scheme="dark")
    page.keyboard.press("b")
    page.locator("#closer").click()
    before = page.locator("#world").get_attribute("transform")
    assert page.pdf(format="A4").startswith(b"%PDF")
    page.emulate_media(media="print")
    assert page.locator(".controls").is_hidden()
    assert page.locator("#search").is_hidden()
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("#world").get_attribute("transform") is None
    high, wide = page.evaluate("[graph.viewBox.baseVal.height, graph.viewBox.baseVal.width]")
    inside = page.evaluate("(({x, y, width, height}) => [x, y, x + width, y + height])(world.getBBox())")
    assert inside[2] <= wide
    assert inside[3] <= high
    page.emulate_media(media="screen")
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("#world").get_attribute("transform") == before


def test_wheel_and_drag_move_the_graph(net: Any, show: Open) -> None:
    page = show(net.drawing())
    place = page.locator("#graph").bounding_box()
    corner = place["x"] + 20, place["y"] + place["height"] / 2
    scale = page.locator("#scale").inner_text()
    page.mouse.move(*corner)
    page.mouse.wheel(0, -300)
    assert page.locator("#scale").inner_text() != scale
    at = page.locator("#world").get_attribute("transform")
    page.mouse.down()
    page.mouse.move(corner[0] + 60, corner[1] + 10, steps=4)
    page.mouse.up()
    assert page.locator("#world").get_attribute("transform") != at
    page.get_by_role("button", name="Fit").click()
    assert page.locator("#scale").inner_text() == scale


def test_without_gradients_there_is_a_graph_and_no_stepper(net: Any, show: Open) -> None:
    page = show(draw(net.error))
    assert page.locator("#world .box").count() == 11
    assert page.locator(".controls").is_hidden()
    assert "draw(..., grads=True)" in page.locator("#step").inner_text()
    page.keyboard.press("n")
    box_named(page, "pred").click()
    assert chosen(page) == "pred"


def test_the_backward_pass_can_stand_beside(net: Any, show: Open) -> None:
    page = show(net.drawing(backward=True))
    assert page.locator("#world .box.cotangent").count() == len(net.order)
    page.locator("#world .box.cotangent").last.click()
    assert "Made by" in page.locator("#inspector").inner_text()


def test_where_graphviz_cannot_run_the_page_still_shows_the_graph(net: Any, show: Open) -> None:
    page = show(net.drawing(), script="window.Worker = class { constructor() { throw new Error('switched off') } }")
    assert page.locator("#world .box").count() == 11
    assert "Laid out in plain rows" in page.locator("#layout-note").inner_text()
    box_named(page, "pred").click()
    assert chosen(page) == "pred"


def test_two_thousand_nodes(show: Open, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    w = Tensor(rng.normal(size=(16, 16)) / 5, True, name="w")
    h = Tensor(rng.normal(size=(32, 16)), name="h0")
    for _ in range(665):
        u = h @ w
        h = np.tanh(u) + h
    drawing = draw(h.sum(), values=True, grads=True)
    page = show(drawing)
    assert next(tmp_path.glob("*.html")).stat().st_size < 5e6
    assert page.locator("#counts").inner_text() == "1,996 ops, 2 leaves"
    assert page.locator("#layout-note").inner_text() == ""
    assert page.locator(".box.out text").count() > 3000  # text that is out of view is not set
    page.keyboard.press("End")
    assert page.locator("#step h2 .link").inner_text() == "w"
    page.locator("#search").fill("%1000")
    page.keyboard.press("Enter")
    assert page.locator(".box.selected:not(.out)").count() == 1
