"""The tutorial of the audit does what it says; the pages of the mistakes are what is made from the corpus."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest
from bug_texts import BUGS
from make_pages import PAGES, example, pages
from rates import cases

from tinygrad_np.cli import main

CASES = cases()
TUTORIAL = PAGES.parent / "audit.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def settled(text: str) -> list[str]:
    """What does not depend on the machine: `=` or `~`, exact or rounding, is a matter of its matrix multiply."""
    lines = [re.sub(r"^[=~](?= +\d+  )", "=", line) for line in text.splitlines()]
    sums = re.compile(
        r"^([=~^Xi?.] [a-z]|epoch |\d+ findings?;|no finding;|.*\(\d+ (exact|rounding|kink)|right inputs$)"
    )
    return [line for line in lines if not sums.match(line)]


def test_the_tutorial_prints_what_it_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    blocks = BLOCK.findall(TUTORIAL.read_text("utf-8"))
    statuses = []
    for i, (language, text) in enumerate(blocks):
        if language == "python" and text.startswith("# net.py\n"):
            Path("net.py").write_text(text, "utf-8")
        elif language == "python":
            exec(compile(text, f"{TUTORIAL.name} block {i}", "exec"), {})
        elif language == "diff":
            old, new = re.findall(r"^[-+](.*)$", text, re.MULTILINE)
            source = Path("net.py").read_text("utf-8")
            assert source.count(old + "\n") == 1
            Path("net.py").write_text(source.replace(old + "\n", new + "\n"), "utf-8")
        elif language == "sh":
            command, *words = text.split()
            assert command == "tinygrad-np"
            statuses.append(main(words))
            assert settled(capsys.readouterr().out) == settled(blocks[i + 1][1])
    sys.modules.pop("net")
    assert statuses == [1, 1, 0]


def test_every_kind_has_a_page_and_no_other_does() -> None:
    assert sorted(p.stem for p in PAGES.glob("*.md")) == sorted(["README", *BUGS])
    kinds = {kind for case in CASES for label in case.labels for kind in label.kinds}
    assert kinds <= set(BUGS)


def test_the_pages_are_up_to_date() -> None:
    for path, text in pages().items():
        assert settled(path.read_text("utf-8")) == settled(text), "run: python tests/audit/make_pages.py"


def test_links_of_the_pages_lead_somewhere() -> None:
    for path in PAGES.glob("*.md"):
        for target in re.findall(r"\]\(([^)]+)\)", path.read_text("utf-8")):
            assert path.parent.joinpath(target).exists(), f"{path.name} links to {target}"


@pytest.mark.parametrize("kind", [kind for kind, bug in BUGS.items() if bug.example])
def test_an_example_shows_its_kind_on_the_labelled_line(kind: str) -> None:
    case = next(c for c in CASES if str(c) == BUGS[kind].example)
    findings = example(BUGS[kind].example).findings
    assert [f.kind for f in findings] == [kind]
    assert any(label.line <= findings[0].line <= label.end for label in case.labels)
