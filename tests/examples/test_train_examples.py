"""The examples that train: what they print, how they end, and that they learn."""

from __future__ import annotations

import importlib.util
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from models import by_tape, plain, watched
from tinygrad_np import compare

EXAMPLES = Path(__file__).parents[2] / "examples"


def loaded(name: str) -> ModuleType:
    """An example as a module."""
    spec = importlib.util.spec_from_file_location(f"{name}_example", EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where NamedTuple looks its annotations up
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def digits(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """With nets that train in no time."""
    module = loaded("train_digits")
    nets = [module.NETS[0]._replace(sizes=(64, 20, 10)), module.NETS[1]._replace(sizes=(8, 8, 1, (2, 3), 10))]
    monkeypatch.setattr(module, "NETS", nets)
    monkeypatch.setattr(module, "trained_by_sklearn", lambda *_: (7, 1, 0.5))
    return module


@pytest.fixture
def characters(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """With smaller nets."""
    module = loaded("train_characters")
    lstm, transformer = module.NETS
    sizes = {"steps": 64, "width": 32, "heads": 2, "size": 16, "hidden": 64}
    nets = [
        lstm._replace(sizes={"width": 16, "hidden": 32}, epochs=1, size=16, rate=1e-2),
        transformer._replace(sizes=sizes, epochs=1, size=8, rate=1e-2),
    ]
    monkeypatch.setattr(module, "NETS", nets)
    return module


def run(name: str, *args: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(EXAMPLES / f"{name}.py"), *args]
    return subprocess.run(command, cwd=cwd, capture_output=True, encoding="utf-8", timeout=600)


# Digits


def test_digits_are_learned_by_hand(tmp_path: Path) -> None:
    done = run("train_digits", "--gradients", "manual", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) == 80
    assert all(line == line.rstrip() for line in lines)
    found = {name: float(score) for name, score in re.findall(r"│ ([\w' -]+?) +│.* (\d+\.\d) % │", done.stdout)}
    assert list(found) == ["MLP", "convnet", "scikit-learn's MLPClassifier"]
    assert found["MLP"] >= 97
    assert found["convnet"] >= 98
    assert not list(tmp_path.iterdir())


def test_by_hand_and_by_tape_learn_the_same(digits: ModuleType, capsys: Any) -> None:
    histories = []
    for gradients in ("manual", "tape", "check"):
        assert digits.main(["--epochs", "2", "--gradients", gradients]) == 0
        text = capsys.readouterr().out
        histories.append(re.findall(r"^ +\d+ +(\d\.\d+) +\d\.\d+$", text, re.MULTILINE))
    assert len(histories[0]) == 4  # two nets of two epochs
    for other in histories[1:]:
        np.testing.assert_allclose(np.array(other, float), np.array(histories[0], float), rtol=1e-3)


def test_a_wrong_derivation_ends_it_with_the_comparison(
    digits: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    right = digits.convnet.manual_gradients

    def wrong(*args: Any) -> Any:
        grads = right(*args)
        return grads | {"w2": 2 * grads["w2"]}

    monkeypatch.setattr(digits.convnet, "manual_gradients", wrong)
    assert digits.main(["--epochs", "1", "--gradients", "check"]) == 1
    text = capsys.readouterr().out
    assert "by hand and by tape disagree at step 1" in text
    assert "off by the factor 2" in text
    assert text.splitlines()[-1].startswith("1 of 13 gradients do not agree")


@pytest.mark.skipif(os.name == "nt", reason="signals differ")
def test_ctrl_c_saves_and_resume_goes_on_to_the_same_end(
    digits: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Any
) -> None:
    assert digits.main(["--epochs", "4"]) == 0
    whole = capsys.readouterr().out
    args = ["--epochs", "4", "--checkpoint", str(tmp_path / "run.npz"), "--resume"]
    accuracy, calls = digits.accuracy, []

    def pressed(*args: Any) -> float:
        calls.append(0)
        if len(calls) == 6:  # in the second epoch of the second net
            signal.raise_signal(signal.SIGINT)
        return float(accuracy(*args))

    with monkeypatch.context() as patch:
        patch.setattr(digits, "accuracy", pressed)
        assert digits.main(args) == 130
    assert f"interrupted after epoch 2 of 4; saved in {tmp_path / 'run-convnet.npz'}" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run-convnet.npz", "run-mlp.npz"]
    assert digits.main(args) == 0

    def timeless(text: str) -> list[str]:
        return [re.sub(r" +\d+\.\d │(?=[^│]+%)", "", line) for line in text.splitlines()]

    assert timeless(capsys.readouterr().out) == timeless(whole)


@pytest.mark.parametrize("example", ["train_digits", "train_characters"])
def test_a_checkpoint_that_is_none_is_refused_in_one_line(
    example: str, request: pytest.FixtureRequest, tmp_path: Path, capsys: Any
) -> None:
    module = request.getfixturevalue(example.removeprefix("train_"))
    for net in module.NETS:
        (tmp_path / f"run-{net.name.lower()}.npz").write_bytes(b"something else")
    assert module.main(["--checkpoint", str(tmp_path / "run.npz"), "--resume"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"{example}.py: {tmp_path / 'run-'}")
    assert "cannot be loaded" in line
    assert all(path.read_bytes() == b"something else" for path in tmp_path.iterdir())


BAD = [
    *("--epochs 0", "--epochs 1.5", "--seed -1", "--gradients magic", "--resume"),
    *("--checkpoint none/run.npz", "--checkpoint .", "--no", "more"),
]


@pytest.mark.parametrize("example", ["train_digits", "train_characters"])
@pytest.mark.parametrize("args", BAD)
def test_bad_arguments_are_refused_in_one_line(
    args: str,
    example: str,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: Any,
) -> None:
    module = request.getfixturevalue(example.removeprefix("train_"))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        module.main(args.split())
    assert ended.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1
    assert err.startswith(f"{example}.py: ")


@pytest.mark.parametrize("example", ["train_digits", "train_characters"])
def test_help_names_every_option(example: str, tmp_path: Path) -> None:
    done = run(example, "--help", cwd=tmp_path)
    assert done.returncode == 0
    for option in ("--gradients", "--epochs", "--seed", "--checkpoint", "--resume"):
        assert option in done.stdout


# Characters


def test_text_is_learned_better_than_by_bigrams(characters: ModuleType, capsys: Any) -> None:
    assert characters.main(["--gradients", "manual"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert max(map(len, out.splitlines())) <= 80
    found = {name: float(loss) for name, loss in re.findall(r"^│ (\w+) +│.* (\d\.\d+) │$", out, re.MULTILINE)}
    assert list(found) == ["unigrams", "bigrams", "trigrams", "LSTM", "transformer"]
    assert found["trigrams"] < found["bigrams"] < found["unigrams"]
    assert max(found["LSTM"], found["transformer"]) < found["bigrams"]
    assert out.count("    The value of") == 2


def test_the_tables_give_odds(characters: ModuleType) -> None:
    learned, kept = np.array([0, 1, 0, 1, 0]), np.array([0, 1, 1])
    unigrams, bigrams, trigrams = (loss for _, loss in characters.tables(learned, kept))
    zero, one = (np.array([3, 2]) + 5 / len(characters.SYMBOLS)) / (5 + 5)
    assert unigrams == pytest.approx(-np.log([zero, one, one]).mean())
    after_zero, after_one = (2 + 5 * one) / (2 + 5), (0 + 5 * one) / (2 + 5)
    assert bigrams == pytest.approx(-np.log([after_zero, after_one]).mean())
    assert trigrams == pytest.approx(-np.log((0 + 5 * after_one) / (2 + 5)))


def test_characters_are_checked_too(characters: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setattr(characters, "text", lambda: tuple(np.random.default_rng(0).integers(90, size=(2, 2000))))
    assert characters.main(["--gradients", "check"]) == 0
    right = characters.lstm.manual_gradients
    monkeypatch.setattr(characters.lstm, "manual_gradients", lambda *a: right(*a) | {"by": -right(*a)["by"]})
    assert characters.main(["--gradients", "check"]) == 1
    assert "disagree at step 1" in capsys.readouterr().out


# All nets


def test_every_net_meets_real_data_by_hand_as_by_tape() -> None:
    zoo = loaded("zoo")
    names = []
    for task in zoo.tasks(np.random.default_rng(0)):
        names.append(task.model.__name__.removeprefix("models."))
        x, y = task.split.x[:20], task.split.y[:20]
        leaves = watched(task.start)
        values = task.model.forward(leaves, x, **task.keywords)
        _, auto = by_tape(task.model, leaves, x, y, values)
        comparison = compare(task.model.manual_gradients(task.start, x, y, plain(values)), auto)
        assert comparison.ok, f"{names[-1]}\n{comparison}"
        assert re.fullmatch(r"\d+\.\d %|R2 -?\d+\.\d\d|\d\.\d\d nats", task.score(task.model, task.start, task.split))
    assert sorted(names) == sorted(p.stem for p in (EXAMPLES.parent / "models").glob("[!_]*.py"))


def test_a_net_of_the_zoo_is_trained_and_timed(capsys: Any) -> None:
    zoo = loaded("zoo")
    assert zoo.main(["--markdown", "--only", "two_layer"]) == 0
    head, _, row = capsys.readouterr().out.splitlines()
    cells = [cell.strip() for cell in row.split("|")[1:-1]]
    assert len(cells) == head.count("|") - 1
    assert cells[0] == "[two_layer](../models/two_layer.py)"
    assert float(cells[4].removesuffix(" %")) > 90
    assert all(float(cell) > 0 for cell in cells[5:])
    with pytest.raises(SystemExit):
        zoo.main(["--only", "magic"])
    assert "lstm" in capsys.readouterr().err


def test_the_figures_are_drawn(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Any) -> None:
    pytest.importorskip("matplotlib")
    figures = loaded("figures")
    mlp, convnet = figures.train_digits.NETS
    lstm, transformer = figures.train_characters.NETS
    sizes = {"steps": 64, "width": 8, "heads": 4, "size": 2, "hidden": 8}
    small = [mlp._replace(epochs=2), convnet._replace(sizes=(8, 8, 1, (3, 4), 10), epochs=2)]
    monkeypatch.setattr(figures.train_digits, "NETS", small)
    small = [lstm._replace(sizes={"width": 4, "hidden": 8}, epochs=2), transformer._replace(sizes=sizes, epochs=1)]
    monkeypatch.setattr(figures.train_characters, "NETS", small)
    monkeypatch.setattr(figures, "text", lambda: tuple(np.random.default_rng(0).integers(90, size=(2, 1000))))
    assert figures.main(["--out", str(tmp_path)]) == 0
    drawn = sorted(path.name for path in tmp_path.iterdir())
    assert drawn == ["attention.png", "digits-loss.png", "filters.png", "text-loss.png"]
    assert all((tmp_path / name).read_bytes().startswith(b"\x89PNG") for name in drawn)
    assert all((figures.IMAGES / name).exists() for name in drawn)
    assert len(capsys.readouterr().out.splitlines()) == 4
