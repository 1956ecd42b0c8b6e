"""The examples of new ops, end to end: what they print, how they end, and that they can fail."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from tinygrad_np import primitive

EXAMPLES = Path(__file__).parents[2] / "examples"
LAST_LINES = {
    "new_op_activation": "The wrong rule is found, the right one holds.",
    "new_op_cross_entropy": "One op: faster, and right where the parts are not.",
    "new_op_root": "One op, one record, and the derivative of the root.",
    "new_op_compiled": "The compiled op holds, to the third order.",
    "new_op_straight_through": "Not the derivative, said so, and it learns.",
}

COMPILERS = importlib.util.find_spec("numba"), *map(shutil.which, ("cc", "gcc", "clang"))


def runnable(names: Iterable[str]) -> list[Any]:
    """One of them needs something to compile with."""
    absent = pytest.mark.skipif(not any(COMPILERS), reason="neither Numba nor a C compiler is here")
    return [pytest.param(name, marks=absent if name == "new_op_compiled" else ()) for name in names]


def run(name: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(EXAMPLES / f"{name}.py")]
    return subprocess.run(command, cwd=cwd, env={**os.environ, **env}, capture_output=True, encoding="utf-8")


def loaded(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", runnable(LAST_LINES))
def test_it_ends_well_in_80_columns(name: str, tmp_path: Path) -> None:
    process = run(name, tmp_path)
    assert process.stderr == ""
    assert process.returncode == 0
    lines = process.stdout.splitlines()
    assert lines[-1] == LAST_LINES[name]
    assert all(line.isprintable() and len(line) <= 80 for line in lines)
    assert not list(tmp_path.iterdir())


def test_every_example_of_a_new_op_is_tested() -> None:
    assert {path.stem for path in EXAMPLES.glob("new_op_*.py")} == set(LAST_LINES)


BREAKS = {
    "new_op_activation": ("snake", lambda m: m.wrong),
    "new_op_cross_entropy": (
        "cross_entropy",
        lambda m: primitive(m.cross_entropy.forward).defvjp(lambda *xs: 2 * m.by_logits(*xs), None),
    ),
    "new_op_root": (
        "kepler",
        lambda m: primitive(m.kepler.forward).defderivative(
            lambda place, _mean, e, *, steps: 1 + e * np.cos(place), lambda place, _mean, e, *, steps: np.sin(place)
        ),
    ),
    "new_op_compiled": ("kernel", lambda m: lambda x, a, y: y.__setitem__(slice(None), x)),
    "new_op_straight_through": ("binary", lambda m: m.undeclared),
}


@pytest.mark.parametrize("name", runnable(BREAKS))
def test_a_broken_op_gives_status_1(name: str, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    module = loaded(name)
    what, broken = BREAKS[name]
    monkeypatch.setattr(module, what, broken(module))
    assert module.main() == 1
    assert capsys.readouterr().out.splitlines()[-1] == "This is not as it should be."


def test_without_numba_and_a_compiler_one_line_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "numba.py").write_text("raise ImportError")
    process = run("new_op_compiled", tmp_path, PATH=str(tmp_path), PYTHONPATH=str(tmp_path))
    assert process.returncode == 2
    assert process.stdout == ""
    assert process.stderr.splitlines() == [
        'this example compiles a loop: pip install "tinygrad_np[jit]", or a C compiler'
    ]
