"""The documents do what they say: their programs run, and print what stands below them; what is generated is fresh."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import pytest

from tinygrad_np.catalogue import markdown, reachable
from tinygrad_np.stubs import stubs

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
PAGES = [
    "README.md",
    "docs/compile.md",
    "docs/drawing.md",
    "docs/models.md",
    "docs/new-ops.md",
    "docs/training.md",
    "docs/writing.md",
]


@pytest.mark.parametrize("page", PAGES)
def test_programs_print_what_the_page_shows(page: str) -> None:
    blocks = BLOCK.findall((ROOT / page).read_text())
    around = {"__name__": "__main__"}  # a page is read from the top
    programs = 0
    for i, (language, text) in enumerate(blocks):
        if language != "python":
            continue
        programs += 1
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(text, "example.py", "exec"), around)
        if i + 1 < len(blocks) and blocks[i + 1][0] == "text":
            assert printed.getvalue().splitlines() == blocks[i + 1][1].splitlines()
    assert programs


EVERY = sorted(p.relative_to(ROOT).as_posix() for p in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])


@pytest.mark.parametrize("page", EVERY)
def test_links_lead_somewhere(page: str) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", (ROOT / page).read_text()):
        if "://" not in target:
            assert (ROOT / page).parent.joinpath(target).exists(), f"{page} links to {target}"


def test_the_page_of_ops_is_up_to_date() -> None:
    assert (ROOT / "docs/ops.md").read_text() == markdown(), "run: python -m tinygrad_np ops --markdown > docs/ops.md"


def test_the_stubs_are_up_to_date() -> None:
    for path, text in stubs().items():
        assert path.read_text() == text, "run: python -m tinygrad_np ops --stubs"


def test_there_are_as_many_ops_as_the_readme_says() -> None:
    said = re.search(r"Over (\d+) NumPy functions", (ROOT / "README.md").read_text())
    assert said is not None
    assert int(said[1]) <= len(reachable()) < int(said[1]) + 50
