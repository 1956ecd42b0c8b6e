"""The main job, end to end: what it prints, what it writes, how it ends."""

from __future__ import annotations

import csv
import importlib.util
import io
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "two_layer.py"


def start(*args: str, cwd: Path | None = None, **env: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(EXAMPLE), *args],
        cwd=cwd,
        env={**os.environ, **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )


def run(*args: str, cwd: Path | None = None, **env: str) -> subprocess.CompletedProcess[str]:
    with start(*args, cwd=cwd, **env) as process:
        out, err = process.communicate(timeout=300)
    return subprocess.CompletedProcess(args, process.returncode, out, err)


@pytest.fixture(scope="module")
def example() -> ModuleType:
    """The example as a module, with two random starts in place of sixty."""
    spec = importlib.util.spec_from_file_location("two_layer_example", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where NamedTuple looks its annotations up
    spec.loader.exec_module(module)
    module.SEEDS = 2  # type: ignore[attr-defined]
    return module


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess[str], Path]:
    """One run from an empty directory, with no terminal; what it said, and where it ran."""
    cwd = tmp_path_factory.mktemp("anywhere")
    return run("--epochs", "60", "--seed", "3", cwd=cwd), cwd


def test_it_ends_well_and_says_so(done: Any) -> None:
    process, _ = done
    assert process.returncode == 0, process.stderr
    assert process.stderr == ""
    assert process.stdout.splitlines()[-1].startswith("By hand and by tape agree")


def test_piped_it_is_plain_text_of_80_columns(done: Any) -> None:
    lines = done[0].stdout.splitlines()
    assert all(line.isprintable() for line in lines)
    assert max(map(len, lines)) == 80


def test_it_prints_every_50th_epoch_and_the_last_for_all_sides(done: Any) -> None:
    process, cwd = done
    with (cwd / "out" / "errors.csv").open() as f:
        written = {int(row["epoch"]): row for row in csv.DictReader(f)}
    for epoch in (50, 60):
        rows = [line.split() for line in process.stdout.splitlines() if line.split()[1:2] == [str(epoch)]]
        training, slips = ([cell for cell in row if cell not in "│|"] for row in rows)
        by_hand, by_tape, as_printed = (f"{float(e):,.4f}" for e in list(written[epoch].values())[1:])
        assert training == [str(epoch), by_hand, by_tape, "0"]
        assert slips == [str(epoch), *(["47,088.9376"] if epoch == 50 else []), as_printed, by_hand]


def test_it_compares_all_seven_names_and_shows_the_slips(done: Any) -> None:
    text = done[0].stdout
    sound, slipped = text.split("The code as the article prints it")
    for name in ("pred", "h_relu", "h", "w1", "b1", "w2", "b2"):
        assert any(line.split()[1:2] == [name] for line in sound.splitlines())
        assert any(line.split()[1:2] == [name] for line in slipped.splitlines())
    assert "420 gradients compared" in sound
    assert "wrong" in slipped
    assert "wrong" not in sound


def test_it_shows_the_distributions_beside_the_articles_figure(done: Any) -> None:
    text = " ".join(done[0].stdout.split())
    assert "as printed │ 20,831 │ 36,889 │ 70,216" in text
    assert "corrected │ 7,873 │ 14,634 │ 21,701" in text
    assert "47,088.9 lies inside the range of the code as printed, and outside that of the corrected code" in text


def test_it_writes_the_graph_and_the_errors(done: Any) -> None:
    out = done[1] / "out"
    graph = (out / "graph.dot").read_text()
    assert all(name in graph for name in ("w1", "b1", "w2", "b2", "h_relu", "pred", "matmul", "(64, 1000)"))
    if shutil.which("dot"):
        assert "<svg" in (out / "graph.svg").read_text()
    assert "<title>error</title>" in (out / "graph.html").read_text()
    assert (out / "errors.png").read_bytes().startswith(b"\x89PNG")
    with (out / "errors.csv").open() as f:
        rows = list(csv.DictReader(f))
    assert [int(row["epoch"]) for row in rows] == list(range(1, 61))
    assert all(row["by_hand"] == row["by_tape"] != row["as_printed"] for row in rows)
    assert np.all(np.diff([float(row["by_hand"]) for row in rows]) < 0)


def test_the_seed_decides_all(example: ModuleType) -> None:
    first, again, other = (example.train(seed, 2).errors["by_tape"] for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("name", ["pred", "h_relu", "h", "w1", "b1", "w2", "b2"])
def test_a_wrong_derivation_gives_status_1(
    name: str, example: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Any
) -> None:
    monkeypatch.setattr(example, "write_files", lambda *_: None)
    right = example.two_layer.manual_gradients

    def wrong(*args: Any) -> dict[str, Any]:
        gradients = right(*args)
        gradients[name].flat[0] += 1e-3 * np.abs(gradients[name]).max()
        return gradients  # type: ignore[no-any-return]

    monkeypatch.setattr(example.two_layer, "manual_gradients", wrong)
    assert example.main(["--epochs", "2", "--out", str(tmp_path)]) == 1
    assert "disagree at 2 of 2 epochs" in capsys.readouterr().out.splitlines()[-1]


def test_one_wrong_step_is_enough_and_is_shown(
    example: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Any
) -> None:
    compare, calls = example.compare, []

    def wrong_once(manual: Any, auto: Any) -> Any:
        calls.append(0)
        return compare(manual | {"b2": -manual["b2"]} if len(calls) == 3 else manual, auto)

    monkeypatch.setattr(sys.modules[example.descend.__module__], "compare", wrong_once)
    assert example.main(["--epochs", "4", "--out", str(tmp_path)]) == 1
    text = capsys.readouterr().out
    assert "Gradients at epoch 3" in text
    assert "disagree at 1 of 4 epochs" in text


def test_without_renderer_and_matplotlib_it_says_what_to_install(
    example: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Any
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setattr("sysconfig.get_path", lambda *_: str(tmp_path))
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert example.main(["--epochs", "1", "--out", str(tmp_path)]) == 0
    text = capsys.readouterr().out
    assert "no graph.svg" in text
    assert 'no errors.png, which takes matplotlib: pip install "tinygrad_np[plot]"' in text
    written = sorted(path.name for path in tmp_path.iterdir())
    assert written == ["derivation.html", "errors.csv", "graph.dot", "graph.html", "step.py"]


def test_where_only_ascii_can_be_printed_it_prints_ascii(
    example: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii", write_through=True))
    assert example.main(["--epochs", "1", "--out", str(tmp_path)]) == 0
    assert b"^" in written.getvalue()
    assert b"?" not in written.getvalue()


BAD = "--epochs 0|--epochs -5|--epochs 1.5|--seed -1|--seed 4294967296|--out file|--out file/in|--no|more"


@pytest.mark.parametrize("args", BAD.split("|"))
def test_bad_arguments_are_refused_in_one_line(args: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    process = run(*args.split(), cwd=tmp_path)
    assert process.returncode == 2
    assert process.stdout == ""
    assert len(process.stderr.splitlines()) == 1
    assert args.split()[-1] in process.stderr
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_directory_that_cannot_be_written_to_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    process = run("--out", str(tmp_path))
    assert (process.returncode, len(process.stderr.splitlines())) == (2, 1)


def test_help_names_every_option() -> None:
    process = run("--help")
    assert process.returncode == 0
    assert all(option in process.stdout for option in ("--seed", "--epochs", "--out"))


@pytest.mark.skipif(os.name == "nt", reason="no SIGINT to send")
def test_ctrl_c_ends_it_in_one_line(tmp_path: Path) -> None:
    with start("--epochs", "1000000", "--out", str(tmp_path / "made"), PYTHONUNBUFFERED="1") as process:
        assert process.stdout is not None
        assert "two-layer" in process.stdout.readline()
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err == "interrupted\n"
