"""A browser for the tests of the page, and a net to show in it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinygrad_np import Tensor, draw, observe, scope

REQUIRED = "TINYGRAD_NP_BROWSER_REQUIRED"  # set where a missing browser is to be an error
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip


def missing(what: str) -> None:
    if os.environ.get(REQUIRED):
        pytest.fail(f"{what}, and {REQUIRED} is set")
    pytest.skip(what)


@pytest.fixture(scope="module")  # no longer: an event loop runs meanwhile, and other tests start their own
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing('the page is tested with playwright: pip install -e ".[test]"')
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        missing("the page is tested in Chromium, and none was found: apt install chromium")
    profile = tmp_path_factory.mktemp("profile")
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            profile, executable_path=program, args=FLAGS, headless=True, viewport={"width": 1360, "height": 860}
        )
        yield context
        context.close()


@pytest.fixture
def show(browser: Any, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Opens the page of a drawing; fails the test in the end if a page complained or asked for anything."""
    pages, complaints = [], []

    def opened(drawing: Any, script: str = "", **media: Any) -> Any:
        path = drawing.to_html(tmp_path / f"page{len(pages)}.html")
        page = browser.new_page()
        pages.append(page)
        page.on("console", lambda m: complaints.append(f"{m.type}: {m.text}"))
        page.on("pageerror", lambda e: complaints.append(str(e)))
        page.on("dialog", lambda d: complaints.append(f"dialog: {d.message}"))
        page.on("request", lambda r: complaints.append(r.url) if not own(r.url, path) else None)
        page.emulate_media(**media)
        page.add_init_script(script)
        page.goto(path.as_uri())
        page.wait_for_selector("html[data-state=ready]")
        return page

    yield opened
    for page in pages:
        page.close()
    assert not complaints


def own(url: str, path: Path) -> bool:
    return url == path.as_uri() or url.startswith("blob:")


class Net:
    """Two layers in nested scopes; ``h`` is read twice, so that two cotangents add up there."""

    def __init__(self) -> None:
        rng = np.random.default_rng(3)
        x, y = Tensor(rng.normal(size=(20, 3)), name="x"), Tensor(rng.normal(size=(20, 2)), name="y")
        w1, w2 = (Tensor(rng.normal(size=s), True, name=n) for n, s in (("w1", (3, 5)), ("w2", (5, 2))))
        with scope("hidden"):
            with scope("affine"):
                h = x @ w1
            bent = h + np.tanh(h)
        pred = bent @ w2
        error = np.square(pred - y).sum()
        self.error, self.named = error, {"x": x, "y": y, "w1": w1, "w2": w2, "h": h, "bent": bent, "pred": pred}
        self.cotangents: dict[str, np.ndarray] = {}
        self.order: list[str] = []
        self.given: list[list[np.ndarray]] = []
        labels = error.tape().labels()
        with observe(lambda r, g, given: self._see(labels[r], g, given)):
            error.backward(retain_graph=True)

    def _see(self, label: str, g: Any, given: Any) -> None:
        self.order.append(label)
        self.cotangents[label] = np.array(g)
        self.given.append([np.array(c) for _, c in given])

    def drawing(self, **options: Any) -> Any:
        return draw(self.error, **{"values": True, "grads": True} | options)


@pytest.fixture(scope="module")
def net() -> Net:
    """A net that has run forward and back."""
    return Net()
