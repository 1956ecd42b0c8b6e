"""An audit's report as a page and as data: well-formed, escaped, linked, and nothing loaded or run."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from reports import EVIL, SOURCE, hostile, report, right

from tinygrad_np.checking.audit.html import page
from tinygrad_np.checking.audit.report import AuditReport

VOID = {"meta", "br"}


class Page(HTMLParser):
    """Elements in order, and the text in each; fails on a tag that does not match."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append((self.open[-1] if self.open else "", data))

    def attributes(self, tag: str, name: str) -> list[str]:
        return [str(attrs[name]) for t, attrs in self.elements if t == tag and name in attrs]

    def text(self) -> str:
        return "".join(text for tag, text in self.texts if tag != "style")


def written(shown: AuditReport, directory: Path) -> Page:
    return Page(shown.to_html(directory / "audit.html").read_text("utf-8"))


def test_the_page_holds_all_that_the_report_says(tmp_path: Path) -> None:
    text = written(report(), tmp_path).text()
    for f in report().findings:
        for said in (f"line {f.line}", f.kind, f.explanation, f.statement.strip(), f.suggestion, *f.alternatives):
            assert said in text
    assert "largest error 3.1e+02, at [3, 1]" in text
    assert all(note in text for note in report().notes)
    assert report().summary in text


def test_the_page_lists_the_source_whole(tmp_path: Path) -> None:
    cells = re.findall(r'<td class="code">(.*?)</td><td class="note">(.*?)</td>', page(report()))
    assert [c.replace("&gt;", ">").replace("&quot;", '"') for c, _ in cells] == SOURCE.split("\n")[:-1]
    assert cells[8][1] == "d error / d pred"
    long = "x = 1\n" * 500
    assert page(report(long, {}, [])).count('<td class="code">') == 500


def test_every_link_leads_to_a_place_on_the_page(tmp_path: Path) -> None:
    for shown in (report(), hostile(), right()):
        it = written(shown, tmp_path)
        places = [*it.attributes("li", "id"), *it.attributes("tr", "id")]
        assert len(places) == len(set(places)) == len(shown.lines) + len(shown.findings)
        links = [link[1:] for link in it.attributes("a", "href")]
        assert set(links) <= set(places)
        on_lines = [f for f in shown.findings if f.line in {line.number for line in shown.lines}]
        assert sum("-L" in link for link in links) == len(on_lines)  # from a finding to its line
        assert sum("-L" not in link for link in links) == len(on_lines)  # and back


def test_two_reports_on_one_page_do_not_share_a_place() -> None:
    ids = [set(re.findall(r' id="(.*?)"', shown._repr_html_())) for shown in (report(), right())]
    assert ids[0]
    assert ids[1]
    assert not ids[0] & ids[1]


@pytest.mark.parametrize("shown", [report(), right(), hostile()])
def test_nothing_is_loaded_and_nothing_runs(shown: AuditReport, tmp_path: Path) -> None:
    it = written(shown, tmp_path)
    tags = {tag for tag, _ in it.elements}
    assert not tags & {"script", "img", "link", "iframe", "object", "embed", "base", "form", "svg"}
    assert not [name for _, attrs in it.elements for name in attrs if name.startswith("on") or name == "src"]
    assert all(link.startswith("#") for link in it.attributes("a", "href"))
    assert "url(" not in page(shown)
    assert "@import" not in page(shown)
    assert it.attributes("meta", "content")[0].startswith("default-src 'none'")


def test_hostile_text_arrives_as_text(tmp_path: Path) -> None:
    it = written(hostile(), tmp_path)
    assert {tag for tag, _ in it.elements} == {tag for tag, _ in written(report(), tmp_path).elements}
    shown = EVIL.replace("\x1b", "\\x1b").replace("\u202e", "\\u202e").replace("\ud800", "\\ud800")
    assert it.text().count(shown) > 10
    title = next(text for tag, text in it.texts if tag == "title")
    assert shown in title
    assert "\u202e" not in page(hostile())


def test_the_directory_is_not_told() -> None:
    assert "/home/me" not in page(report())
    assert "/home/me" not in str(report())


def test_a_notebook_gets_the_same_without_a_page_around_it() -> None:
    it = Page(report()._repr_html_())
    assert it.elements[0][0] == "style"
    assert it.elements[1] == ("section", {"class": "tgaudit"})
    assert "body" not in {tag for tag, _ in it.elements}
    style = it.texts[0][1].strip()  # touches nothing of the page that it lands on
    assert style.startswith(".tgaudit")
    assert style.count("\n}") == 1
    assert style.endswith("\n}")


def test_json_has_every_attribute(tmp_path: Path) -> None:
    data = json.loads(report().to_json(tmp_path / "audit.json").read_text())
    assert set(data) == {"ok", "function", "file", "loss", "findings", "lines", "notes"}
    assert data["ok"] is False
    assert data["findings"][1] == {
        "line": 15,
        "statement": "        w1 -= lr * grad_w2",
        "target": "w1",
        "kind": "wrong-parameter",
        "explanation": "grad_w2 is the gradient of w2. " * 4,
        "suggestion": "w1 -= lr * grad_w1",
        "max_abs_error": 312.5,
        "worst_index": [3, 1],
        "alternatives": ["grad_w2 = x.T @ grad_h"],
    }
    assert data["findings"][0]["max_abs_error"] is None
    assert data["lines"][8] == {
        "number": 9, "text": "        grad_pred = 2 * (pred - y)", "status": "ok", "note": "d error / d pred",
    }  # fmt: skip
    assert json.loads(right().to_json(tmp_path / "right.json").read_text())["ok"] is True


def test_json_is_json_also_of_hostile_text(tmp_path: Path) -> None:
    text = hostile().to_json(tmp_path / "audit.json").read_text()
    data = json.loads(text, parse_constant=pytest.fail)  # NaN is not JSON
    assert data["findings"][0]["max_abs_error"] is None
    assert data["function"] == EVIL
