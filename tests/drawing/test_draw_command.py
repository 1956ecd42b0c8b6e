"""``tinygrad-np draw``: a call that a script makes, in every format."""

from __future__ import annotations

import gzip
import json
import re
from base64 import b64decode
from pathlib import Path

import pytest

from tinygrad_np.cli import main

SCRIPT = """
import numpy as np

def loss(params, x, y, *, scale=1.0):
    h = np.tanh(x @ params["w1"])
    pred = h @ params["w2"]
    return np.mean((pred - y) ** 2) * scale

class Net:
    def forward(self, x):
        out = np.exp(x)
        return out

if __name__ == "__main__":
    params = {"w1": np.ones((3, 4)), "w2": np.ones((4, 2))}
    loss(params, x=np.ones((5, 3)), y=np.ones((5, 2)), scale=2.0)
    Net().forward(np.ones(3))
"""


@pytest.fixture
def script(tmp_path: Path) -> str:
    path = tmp_path / "train.py"
    path.write_text(SCRIPT)
    return str(path)


def test_without_a_file_it_prints(script: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["draw", f"{script}:loss", "--grads"]) == 0
    text = capsys.readouterr().out
    for piece in ("x  input  (5, 3)", "w1  parameter  (3, 4)", "h = np.tanh(%1)", "pred = h @ w2", "gradient"):
        assert piece in text
    assert main(["draw", f"{script}:Net.forward"]) == 0
    assert "out = np.exp(x)" in capsys.readouterr().out


@pytest.mark.parametrize("suffix", ["dot", "json", "txt"])
def test_the_suffix_says_the_format(script: str, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"net.{suffix}"
    assert main(["draw", f"{script}:loss", "--values", "-o", str(path)]) == 0
    text = path.read_text()
    assert {"dot": "digraph", "json": '{"schema":1', "txt": "●"}[suffix] in text


def test_a_page_comes_with_its_steps(script: str, tmp_path: Path) -> None:
    path = tmp_path / "net.html"
    assert main(["draw", f"{script}:loss", "-o", str(path)]) == 0
    packed = re.search(r"H4sI[A-Za-z0-9+/=]+", path.read_text())
    assert packed is not None
    doc = json.loads(gzip.decompress(b64decode(packed[0])))
    assert {"forward", "backward"} == {step["phase"] for step in doc["steps"]}


def test_options_reach_the_drawing(script: str, tmp_path: Path) -> None:
    path = tmp_path / "net.json"
    options = ["--grads", "--backward", "--times", "--direction", "LR", "--depth", "0", "--max-nodes", "9"]
    assert main(["draw", *options, f"{script}:loss", "-o", str(path)]) == 0
    doc = json.loads(path.read_text())
    assert doc["has"] == ["grads", "backward", "times"]
    assert doc["direction"] == "LR"
    assert doc["counts"]["left_out"] > 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["{}:nothing"], "no function 'nothing'"),
        (["{}:loss", "-o", "net.bmp"], "net.bmp: a drawing is one of .svg"),
        (["{}:loss", "-o", "nowhere/net.svg"], "no directory"),
        (["{}:loss", "--max-nodes", "1"], "max_nodes"),
        (["{}:Net.forward", "--grads"], "one real number"),
    ],
)
def test_what_cannot_be_drawn_is_said_in_one_line(
    script: str, arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["draw", *(a.format(script) for a in arguments)]) == 2
    error = capsys.readouterr().err
    assert says in error
    assert error.startswith("tinygrad-np draw: ")
    assert error.count("\n") == 1
