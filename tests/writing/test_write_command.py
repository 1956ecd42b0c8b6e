"""``tinygrad-np write`` and ``derive`` on scripts, as people run them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]

SCRIPT = """\
import sys
import numpy as np

def error(w, b, x, y, *, scale=1.0):
    pred = x @ w + b
    return np.sum(scale * (pred - y) ** 2)

class Net:
    def __init__(self):
        self.seen = 0

    def loss(self, w):
        self.seen += 1
        return np.sum(w * w)

rng = np.random.default_rng(int(sys.argv[1]))
error(rng.normal(size=(3, 2)), np.zeros(2), y=np.ones((4, 2)), x=rng.normal(size=(4, 3)))
Net().loss(np.ones(3))
print("never reached")
raise SystemExit(5)
"""


def run(tmp_path: Path, *words: str) -> subprocess.CompletedProcess[str]:
    (tmp_path / "train.py").write_text(SCRIPT)
    command = [sys.executable, "-m", "tinygrad_np", *words]
    here = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=tmp_path, capture_output=True, encoding="utf-8", check=False, env=here)


def test_source_is_printed_or_written(tmp_path: Path) -> None:
    done = run(tmp_path, "write", "train.py:error", "--grad", "w,b", "-o", "step.py", "--", "3")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    namespace: dict[str, object] = {}
    exec((tmp_path / "step.py").read_text(), namespace)
    w, b, x, y = np.ones((3, 2)), np.zeros(2), np.ones((4, 3)), np.zeros((4, 2))
    value, grad_w, grad_b = namespace["error_and_gradients"](w, b, x, y)  # type: ignore[operator]
    assert value == 72
    np.testing.assert_allclose(grad_b, [24, 24])
    np.testing.assert_allclose(grad_w, np.full((3, 2), 24))
    assert (
        run(tmp_path, "write", "train.py:error", "--grad", "w,b", "--", "3").stdout
        == (tmp_path / "step.py").read_text()
    )


def test_without_grad_the_function_alone_is_written(tmp_path: Path) -> None:
    done = run(tmp_path, "write", "train.py:error", "--", "3")
    assert "def error(w, b, x, y):" in done.stdout
    assert "grad" not in done.stdout


STARTS = {"md": "# The gradient of error", "html": "<!doctype html>", "tex": r"\documentclass"}


@pytest.mark.parametrize("suffix", STARTS)
def test_a_derivation_is_written_by_suffix(tmp_path: Path, suffix: str) -> None:
    words = ["derive", "train.py:error", "--grad", "w", "--symbol", r"pred=\hat{y}", "-o", f"d.{suffix}", "--", "3"]
    done = run(tmp_path, *words)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / f"d.{suffix}").read_text().startswith(STARTS[suffix])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("write", "train.py:eror"), "no function 'eror' in the script; there are: error, Net.__init__, Net.loss"),
        (("write", "train.py"), "which function of train.py? It takes train.py:FUNCTION"),
        (("write", "nothing.py:f"), "no script 'nothing.py'"),
        (("write", "train.py:error", "--grad", "v"), "error has no argument 'v'; it takes w, b, x, y"),
        (
            ("derive", "train.py:error", "--grad", "w", "-o", "d.pdf"),
            "d.pdf: a derivation is .md, .html or .tex",
        ),
        (("derive", "train.py:error", "--grad", "w", "--symbol", "pred"), "--symbol pred: it takes NAME=TEX"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    done = run(tmp_path, *words, "--", "3")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.strip() == f"tinygrad-np {words[0]}: {said}"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["train.py"]
