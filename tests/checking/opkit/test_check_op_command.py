"""``tinygrad-np check-op``: statuses, messages, files."""

from __future__ import annotations

import json

import pytest

from tinygrad_np.cli import main

OPS = """
import numpy as np
from tinygrad_np import elementwise, primitive

softsign_of_file = elementwise(
    lambda x: x / (1 + np.abs(x)), lambda y, _x: (1 - np.abs(y)) ** 2, samples=[((3,),)], name="softsign_of_file"
)
turned = elementwise(lambda x: np.sin(x), lambda _y, x: -np.cos(x), samples=[((3,),)], name="turned")
bare = primitive(lambda x: x * x, name="bare")

if __name__ == "__main__":
    raise SystemExit("this is not the program")
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "ops_of_mine.py"
    path.write_text(OPS)
    return path


def test_statuses(file, capsys) -> None:
    assert main(["check-op", f"{file}:softsign_of_file"]) == 0
    assert capsys.readouterr().out.startswith("softsign_of_file: ok.")
    assert main(["check-op", f"{file}:turned"]) == 1
    out = capsys.readouterr().out
    assert "x: the sign is wrong" in out
    assert "from ops_of_mine import turned" in out


def test_files_are_written(file, tmp_path, capsys) -> None:
    page, data = tmp_path / "report.html", tmp_path / "report.json"
    assert main(["check-op", f"{file}:turned", "--html", str(page), "--json", str(data)]) == 1
    assert page.read_text().startswith("<!DOCTYPE html>")
    assert json.loads(data.read_text())["ok"] is False


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("{file}:bare", "nothing to try it on"),
        ("{file}", "which op?"),
        ("{file}:nope", "holds the ops softsign_of_file, turned, bare"),
        ("{file}.missing.py:x", "there is no file"),
    ],
)
def test_what_could_not_be_checked(file, target, said, capsys) -> None:
    assert main(["check-op", target.format(file=file)]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert len(error.splitlines()) == 1


def test_the_ops_of_a_file_are_listed(file, capsys) -> None:
    file.write_text(
        OPS
        + """
idea = primitive(lambda x: x * x, vjp="numeric", name="idea")

@primitive(deviates="straight-through")
def rounded(x):
    \"\"\"To whole numbers.\"\"\"
    return np.round(x)
"""
    )
    assert main(["ops", str(file)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "softsign_of_file: softsign_of_file(x)",
        "turned: turned(x)",
        "bare: bare(x)",
        "idea: idea_numeric(x)  differentiated by evaluation",
        "rounded: rounded(x)  To whole numbers.  straight-through",
    ]
    assert main(["ops", f"{file}.missing.py"]) == 2


def test_a_file_that_does_not_run(tmp_path, capsys) -> None:
    (tmp_path / "broken_ops.py").write_text("x = 1\nraise OSError('gone')\n")
    assert main(["check-op", f"{tmp_path}/broken_ops.py:x"]) == 2
    assert "OSError: gone" in capsys.readouterr().err
