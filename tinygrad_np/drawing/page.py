"""A drawing's document as a page: one file that opens from disk, loads nothing, and runs no text of the user.

What stands in ``assets/`` is put together as it is: the page, its style, its script, and Graphviz, which lays the graph
out in the reader's browser, so that scopes open and close there.
"""

from __future__ import annotations

import gzip
import json
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from hashlib import sha256
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from .verdicts import SIGNS

if TYPE_CHECKING:
    from .drawing import Drawing

__all__ = ["page"]

SCRIPTS = (
    "words.js",
    "layout.js",
    "shapes.js",
    "graph.js",
    "arrays.js",
    "panels.js",
    "stepper.js",
    "search.js",
    "page.js",
)
MATH = 600_000  # letters of formulas as MathML in a page; in a larger one formulas are shown as code


def page(drawing: Drawing) -> str:
    """The page of a drawing: the whole graph, and the steps through it if cotangents were asked for."""
    document = drawing.to_dict() | {"signs": SIGNS | {"ok": SIGNS["exact"], "forward": "·"}}
    if document["whole"]:  # scopes open in the page: what the picture leaves out is no loss there
        document |= {"notes": drawing.graph.notes, "counts": {**document["counts"], "left_out": 0}}
    return _page(document)


def _page(document: Mapping[str, Any]) -> str:
    script = "\n".join(map(_asset, SCRIPTS))
    parts = {
        "policy": escape(_policy(script)),
        "title": _title(str(document["title"])),
        "style": _asset("page.css"),
        "data": _data(document),
        "engine": _asset("graphviz.js"),
        "script": script,
    }
    return re.sub(r"\{(policy|title|style|data|engine|script)\}", lambda m: parts[m[1]], _asset("page.html"))


def _asset(name: str) -> str:
    return (files(__package__) / "assets" / name).read_text(encoding="utf-8")


def _policy(script: str) -> str:
    """Nothing from outside, and no script but this one: should some text slip through as markup, it stays dead."""
    own = b64encode(sha256(script.encode()).digest()).decode()
    return "; ".join((
        "default-src 'none'",
        f"script-src 'sha256-{own}' 'wasm-unsafe-eval' blob:",
        "worker-src blob:",
        "style-src 'unsafe-inline'",
        "base-uri 'none'",
        "form-action 'none'",
    ))  # fmt: skip


def _title(title: str) -> str:
    return escape("".join(c if c.isprintable() else " " for c in title)[:80])


def _data(document: Mapping[str, Any]) -> str:
    """The document as text that no markup can be hidden in: JSON, packed, in letters and digits."""
    whole = json.dumps({**document, "mathml": _mathml(document)}, ensure_ascii=True, allow_nan=False)
    return b64encode(gzip.compress(whole.encode(), mtime=0)).decode()


def _formulas(document: Mapping[str, Any]) -> Iterator[str | None]:
    for node in document["nodes"]:
        yield node["formula"]
    for edge in document["edges"]:
        yield (edge["rule"] or {}).get("formula")
    for step in document["steps"] or ():
        for c in step.get("contributions", ()):
            yield c["formula"]


def _mathml(document: Mapping[str, Any]) -> dict[str, str]:
    """Each LaTeX formula as MathML; none where latex2mathml is missing, cannot do it, or there are too many."""
    try:
        from latex2mathml.converter import convert
    except ImportError:
        return {}
    known: dict[str, str] = {}
    room = MATH
    for tex in dict.fromkeys(filter(None, _formulas(document))):
        try:
            known[tex] = convert(tex)
        except Exception:  # a formula is a comfort: its code says the same
            continue
        room -= len(tex) + len(known[tex])
        if room < 0:
            return {}
    return known
