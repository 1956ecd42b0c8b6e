"""``tinygrad-np audit``: the script runs as Python runs it, its first call is audited, the status says how it went."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from reports import report, right

from tinygrad_np.checking.audit import script
from tinygrad_np.checking.audit.entry import Audited
from tinygrad_np.checking.audit.report import AuditError
from tinygrad_np.cli import main


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What is audited, where only the way there is tested: each call runs as it is and is reported right."""
    seen: list[tuple[Any, ...]] = []

    def plain(function: Any, args: Any, kwargs: Any, *, loss: str | None, numeric: bool) -> Audited:
        seen.append((function.__name__, args, kwargs, loss, numeric))
        try:
            return Audited(right(), function(*args, **kwargs))
        except Exception as e:
            raise AuditError(f"{function.__name__} raised {type(e).__name__}: {e}") from e

    monkeypatch.setattr(script, "audit_call", plain)
    return seen


def write(directory: Path, text: str, name: str = "net.py") -> str:
    path = directory / name
    path.write_text(dedent(text), encoding="utf-8")
    return str(path)


def test_the_first_call_is_audited_and_the_script_goes_on(tmp_path: Path, calls: Any, capsys: Any) -> None:
    path = write(
        tmp_path,
        """
        import sys

        def train(n, *, lr=0.1):
            return n * 2

        if __name__ == "__main__":
            print([train(n, lr=1) for n in (1, 2, 3)], sys.argv[1:])
        """,
    )
    assert main(["audit", f"{path}:train", "--loss", "error", "--numeric", "--", "7", "--lr", "--", "x"]) == 0
    assert calls == [("train", (1,), {"lr": 1}, "error", True)]
    printed = capsys.readouterr().out
    assert printed.startswith("[2, 4, 6] ['7', '--lr', '--', 'x']\n")  # every call gave what it gives
    assert printed.rstrip().endswith(right().summary)


def test_the_script_finds_itself_where_python_would_put_it(tmp_path: Path, calls: Any, capsys: Any) -> None:
    about = """
        import pickle, sys
        from beside import twice

        class Net:
            def step(self, x):
                return twice(x)

        Net().step(2)
        print(__name__, __file__, sys.argv, sys.path[0], sys.modules["__main__"].Net is Net, __builtins__, __spec__)
        print(pickle.loads(pickle.dumps(Net())).step(2))
    """
    write(tmp_path, "def twice(x):\n    return 2 * x\n", "beside.py")
    path = write(tmp_path, about)
    before = sys.argv, sys.path[:], sys.modules["__main__"]
    assert main(["audit", f"{path}:Net.step", "--", "1"]) == 0
    assert (sys.argv, sys.path, sys.modules["__main__"]) == before
    printed = capsys.readouterr().out.splitlines()[:2]
    plain = subprocess.run([sys.executable, path, "1"], capture_output=True, text=True, check=True).stdout
    assert printed == plain.splitlines()
    sys.modules.pop("beside")


@pytest.mark.parametrize(
    ("function", "program"),
    [
        ("train", "def train(x): return x\ntrain(1)"),
        ("train", "if True:\n    def train(x): return x\nelse:\n    train = None\ntrain(1)"),
        ("train", "try:\n    def train(x): return x\nfinally:\n    pass\ntrain(1)"),
        ("train", "def train(x): return None\ndef train(x): return x\ntrain(1)"),
        ("train", "def main():\n    train(1)\ndef train(x): return x\nmain()"),
        ("train", "from math import floor as train\ntrain(1)"),
        ("train", "train = lambda x: x\ntrain(1)"),
        ("train", "import functools\n@functools.cache\ndef train(x): return x\ntrain(1)"),
        ("A.f", "class A:\n    @staticmethod\n    def f(x): return x\nA.f(1)"),
        ("A.f", "class A:\n    @classmethod\n    def f(cls, x): return x\nA.f(1)"),
        ("A.f", "class Base:\n    def f(self, x): return x\nclass A(Base): pass\nA().f(1)"),
        ("A.B.f", "class A:\n    class B:\n        def f(self, x): return x\nA.B().f(1)"),
        ("Random.random", "from random import Random\nRandom().random()"),
    ],
)
def test_functions_are_found_however_they_are_bound(function: str, program: str, tmp_path: Path, calls: Any) -> None:
    assert main(["audit", f"{write(tmp_path, program)}:{function}"]) == 0
    assert len(calls) == 1


def test_lines_are_those_of_the_file(tmp_path: Path, calls: Any, capsys: Any) -> None:
    path = write(tmp_path, "def train(x):\n    return x\n\ntrain(1)\n1 / 0\n")
    assert main(["audit", f"{path}:train"]) == 0
    printed = capsys.readouterr()
    assert f'File "{path}", line 5, in <module>\n    1 / 0' in printed.err
    assert right().summary in printed.out


def test_a_script_that_fails_prints_the_traceback_that_python_prints(tmp_path: Path, calls: Any, capsys: Any) -> None:
    path = write(
        tmp_path,
        """
        def inner(x):
            return 1 / x

        def train(x):
            try:
                return inner(x)
            except ZeroDivisionError as e:
                raise ValueError("no good") from e

        train(0)
        """,
    )
    assert main(["audit", f"{path}:train"]) == 2
    printed = capsys.readouterr()
    plain = subprocess.run([sys.executable, path], capture_output=True, text=True, check=False).stderr
    *stack, last = printed.err.splitlines()
    at = next(i for i, s in enumerate(stack) if "in plain" in s)  # the stand-in for the audit above
    del stack[at : at + 2]
    assert [s for s in stack if "^" not in s] == [s for s in plain.splitlines() if "^" not in s]
    assert last == "tinygrad-np audit: train raised ValueError: no good"
    assert not printed.out


def test_a_script_that_expects_the_failure_goes_on(tmp_path: Path, calls: Any, capsys: Any) -> None:
    program = "def train(): raise KeyError('w')\ntry:\n    train()\nexcept KeyError as e:\n    print('caught', e)\n"
    assert main(["audit", f"{write(tmp_path, program)}:train"]) == 2
    printed = capsys.readouterr()
    assert printed.out == "caught 'w'\n"
    assert printed.err == "tinygrad-np audit: train raised KeyError: 'w'\n"


@pytest.mark.parametrize("ran", [True, False])
def test_what_cannot_be_audited_runs_all_the_same_and_once(
    ran: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    def refuse(function: Any, args: Any, kwargs: Any, **options: Any) -> Audited:
        error = AuditError("no scalar loss found")
        if ran:
            error.ran, error.result = True, function(*args, **kwargs)
        raise error

    monkeypatch.setattr(script, "audit_call", refuse)
    path = write(tmp_path, "def train(x):\n    print('runs')\n    return x + 1\nprint(train(1))\n")
    assert main(["audit", f"{path}:train"]) == 2
    assert capsys.readouterr() == ("runs\n2\n", "tinygrad-np audit: no scalar loss found\n")


@pytest.mark.parametrize(
    ("program", "function", "said"),
    [
        (None, "train", "no script"),
        ("def train(:", "train", "is not Python"),
        ("def fit(): pass\nclass Net:\n    def step(self): pass", "train", "there are: fit, Net.step"),
        ("pass", "train", "there are: none"),
        ("def train(): pass", "train", "train was never called: the script ended"),
        ("import sys\ndef train(): pass\nsys.exit(3)", "train", "train was never called: the script exited"),
        ("def train(): pass\n1 / 0", "train", "train was never called: the script raised ZeroDivisionError"),
        ("def train(): raise KeyboardInterrupt\ntrain()", "train", "train did not return: the script was interrupted"),
        ("class Net: pass\nNet()", "Net.step", "no function 'Net.step'"),
        ("train = 3", "train", "train is no function, but of type int"),
        ("pass", "2x", "is no name of a function"),
    ],
)
def test_why_there_is_no_audit(
    program: str | None, function: str, said: str, tmp_path: Path, calls: Any, capsys: Any
) -> None:
    path = str(tmp_path / "none.py") if program is None else write(tmp_path, program)
    assert main(["audit", f"{path}:{function}"]) == 2
    printed = capsys.readouterr().err.splitlines()[-1]
    assert printed.startswith("tinygrad-np audit: ")
    assert said in printed


def test_what_a_script_says_when_it_exits_is_printed(tmp_path: Path, calls: Any, capsys: Any) -> None:
    path = write(tmp_path, "import sys\ndef train(): pass\ntrain()\nsys.exit('out of data')\n")
    assert main(["audit", f"{path}:train"]) == 0
    assert "out of data\n" in capsys.readouterr().err


def test_files_are_written_and_findings_give_status_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setattr(script, "audit_call", lambda *given, **options: Audited(report(), None))
    path = write(tmp_path, "def train(): pass\ntrain()\n")
    page, data = tmp_path / "a.html", tmp_path / "a.json"
    assert main(["audit", f"{path}:train", "--html", str(page), "--json", str(data)]) == 1
    assert page.read_text("utf-8").startswith("<!doctype html>")
    assert json.loads(data.read_text())["findings"][1]["kind"] == "wrong-parameter"
    assert str(report()) in capsys.readouterr().out


def test_a_directory_that_is_not_there_is_told_before_the_work(tmp_path: Path, calls: Any, capsys: Any) -> None:
    path = write(tmp_path, "def train(): pass\ntrain()\n")
    assert main(["audit", f"{path}:train", "--html", str(tmp_path / "no" / "a.html")]) == 2
    assert not calls
    assert "no directory" in capsys.readouterr().err


def test_the_encoding_that_a_script_declares_is_kept(tmp_path: Path, calls: Any, capsys: Any) -> None:
    path = tmp_path / "net.py"
    path.write_bytes("# coding: latin-1\ndef train(): return 'é'\nprint(train())\n".encode("latin-1"))
    assert main(["audit", f"{path}:train"]) == 0
    assert capsys.readouterr().out.startswith("é\n")


def test_a_terminal_without_the_letters_of_the_source_gets_escapes(tmp_path: Path) -> None:
    source = 'def train(): return "变"\n'
    program = (
        "import sys; from reports import report; from tinygrad_np.checking.audit import script;"
        f"script._print(report({source!r}, {{}}, []))"
    )
    environment = {"PYTHONPATH": f"{Path(__file__).parent}:{Path(__file__).parents[2]}", "PYTHONIOENCODING": "ascii"}
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=True)
    assert '"\\u53d8"' in run.stdout


NET = """
    import sys
    import numpy as np

    class Net:
        def __init__(self):
            self.w = np.linspace(-1, 1, 6).reshape(3, 2)

        def step(self, x, y):
            p = x @ self.w
            self.w -= 0.1 * SCALE * x.T @ (p - y) / len(y)
            return p

    rng = np.random.default_rng(0)
    x, y, net = rng.normal(size=(5, 3)), rng.normal(size=(5, 2)), Net()
    for _ in range(int(sys.argv[1])):
        net.step(x, y)
    print(net.w.sum())
"""
LOSS = ["--loss", "0.5 * np.sum((p - y) ** 2) / len(y)"]


@pytest.mark.parametrize(("scale", "status"), [("1", 0), ("4", 1)])
def test_a_method_is_audited_with_a_loss_that_the_code_does_not_compute(
    scale: str, status: int, tmp_path: Path, capsys: Any
) -> None:
    path = write(tmp_path, NET.replace("SCALE", scale))
    plain = subprocess.run([sys.executable, path, "3"], capture_output=True, text=True, check=True).stdout
    assert main(["audit", f"{path}:Net.step", *LOSS, "--", "3"]) == status
    printed = capsys.readouterr().out
    assert printed.startswith(plain)  # the weights at the end, to the last digit
    assert ("factor: " in printed) == bool(status)


@pytest.mark.parametrize(("scale", "status"), [("1", 0), ("4", 1)])
def test_a_script_without_a_function_is_audited(scale: str, status: int, tmp_path: Path, capsys: Any) -> None:
    program = """
    import numpy as np
    rng = np.random.default_rng(0)
    x, y, w = rng.normal(size=(5, 3)), rng.normal(size=(5, 2)), np.ones((3, 2))
    for _ in range(3):
        r = x @ w - y
        loss = 0.5 * np.sum(r ** 2) / len(y)
        w -= 0.1 * SCALE * x.T @ r / len(y)
    """
    path = write(tmp_path, program.replace("SCALE", scale))
    page = tmp_path / "audit.html"
    assert main(["audit", path, "--html", str(page)]) == status
    assert capsys.readouterr().out.startswith("audit of net.py: gradients of loss\n")
    assert ("wrong <a" in page.read_text("utf-8")) == bool(status)


def test_a_flat_script_that_fails_shows_where(tmp_path: Path, capsys: Any) -> None:
    path = write(tmp_path, "import numpy as np\nw = np.ones(3)\nw @ np.ones(4)\n")
    assert main(["audit", path]) == 2
    stack = capsys.readouterr().err.splitlines()
    assert f'  File "{path}", line 3, in <module>' in stack
    assert stack[-1].startswith("tinygrad-np audit: the script raised ValueError: ")
