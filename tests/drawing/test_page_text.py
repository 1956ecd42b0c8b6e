"""The page as text, without a browser: it holds the document, and nothing that could run or load but its own script."""

from __future__ import annotations

import base64
import gzip
import hashlib
import html
import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinygrad_np import Drawing, Tensor, draw

NAME = "</script><script>alert('\ud800')</script>"


def drawing() -> Drawing:
    w = Tensor(np.linspace(-1, 1, 12).reshape(4, 3), True, name=NAME)
    h_relu = np.maximum(w, 0)
    return draw(h_relu.sum(), values=True, grads=True)


def written(tmp_path: Path, drawn: Drawing) -> str:
    return drawn.to_html(tmp_path / "page.html").read_text(encoding="utf-8")


def element(page: str, mark: str) -> str:
    return re.search(rf"<(script|style)[^>]*{mark}[^>]*>(.*?)</\1>", page, re.DOTALL)[2]  # type: ignore[index]


def document(page: str) -> dict[str, Any]:
    return json.loads(gzip.decompress(base64.b64decode(element(page, 'id="data"'))))  # type: ignore[no-any-return]


def test_it_holds_the_whole_document(tmp_path):
    drawn = drawing()
    held, given = document(written(tmp_path, drawn)), json.loads(drawn.to_json())
    assert {k: held[k] for k in given} == given
    assert set(held) - set(given) == {"signs", "mathml"}


def test_no_text_of_the_user_stands_in_the_markup(tmp_path):
    page = written(tmp_path, drawing())
    assert "alert(" not in page
    assert page.count("<script") == 3
    assert page.isascii() or "\ud800" not in page


def test_the_title_is_escaped(tmp_path):
    drawn = drawing()
    drawn.title = "a < b\n</title><b>"
    page = written(tmp_path, drawn)
    assert "<title>a &lt; b &lt;/title&gt;&lt;b&gt;</title>" in page


def test_the_policy_lets_its_own_script_run_and_nothing_else(tmp_path):
    page = written(tmp_path, drawing())
    policy = html.unescape(re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1])  # type: ignore[index]
    digest = hashlib.sha256(element(page, 'type="module"').encode()).digest()
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"].split() == [
        f"'sha256-{base64.b64encode(digest).decode()}'",
        "'wasm-unsafe-eval'",
        "blob:",
    ]
    assert "'unsafe-inline'" not in rules["script-src"]
    assert not re.search(r"""(src|href)\s*=\s*["']""", page.replace(element(page, 'id="engine"'), ""))


def test_the_same_drawing_gives_the_same_bytes(tmp_path):
    drawn = drawing()
    assert written(tmp_path, drawn) == written(tmp_path, drawn)


def test_formulas_are_there_with_latex2mathml_and_code_without(tmp_path, monkeypatch):
    pytest.importorskip("latex2mathml")
    held = document(written(tmp_path, drawing()))
    formulas = {node["formula"] for node in held["nodes"]} - {None}
    assert formulas
    assert formulas <= set(held["mathml"])
    monkeypatch.setitem(sys.modules, "latex2mathml.converter", None)
    without = document(written(tmp_path, drawing()))
    assert without["mathml"] == {}
    assert [node["code"] for node in without["nodes"]] == [node["code"] for node in held["nodes"]]


def test_it_needs_no_layout_program(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    assert "globalThis.Graphviz" in written(tmp_path, drawing())


def test_what_is_under_another_license_says_so():
    assets = Path(draw.__code__.co_filename).parent / "assets"
    terms = (assets / "graphviz.LICENSE").read_text()
    for said in ("Apache License", "Version 2.0", "Eclipse Public License", "@hpcc-js/wasm-graphviz"):
        assert said in terms
