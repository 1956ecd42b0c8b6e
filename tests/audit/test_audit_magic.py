"""``%%audit`` in a real IPython shell."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from reports import report

from tinygrad_np.checking.audit import magic
from tinygrad_np.checking.audit.report import AuditError, AuditReport

pytest.importorskip("IPython")

from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])  # a shell puts its own there
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    shell = InteractiveShell(config=Config({"HistoryManager": {"enabled": False}}), colors="nocolor")
    shell.run_cell("%load_ext tinygrad_np").raise_error()
    yield shell
    shell.restore_sys_module_state()


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What is audited, where only the way there is tested: the cell runs as it is."""
    seen: list[Any] = []

    def plain(source: str, filename: str, namespace: dict[str, Any], *, loss: str | None, numeric: bool) -> AuditReport:
        seen.append((source, loss, numeric))
        try:
            exec(compile(source, filename, "exec"), namespace)
        except Exception as e:
            raise AuditError("the cell raised") from e
        return report(file=filename)

    monkeypatch.setattr(magic, "audit_script", plain)
    return seen


def test_the_cell_runs_and_shows_the_report(shell: Any, calls: Any) -> None:
    shell.user_ns["x"] = 2
    result = shell.run_cell("%%audit --loss error --numeric\ny = x + 1\n")
    assert calls == [("\ny = x + 1\n", "error", True)]
    assert shell.user_ns["y"] == 3
    assert isinstance(result.result, AuditReport)
    assert result.result.file == "Cell In[1]"
    shown, _ = shell.display_formatter.format(result.result)
    assert shown["text/html"].startswith("<style>")
    assert "wrong-parameter" in shown["text/plain"]


def test_other_magics_in_the_cell_work(shell: Any, calls: Any) -> None:
    shell.run_cell("%%audit\nhere = %pwd\n").raise_error()
    assert shell.user_ns["here"] == str(Path.cwd())


def test_what_the_cell_raises_is_shown_with_its_line_in_the_cell(shell: Any, calls: Any, capsys: Any) -> None:
    result = shell.run_cell("%%audit\na = 1\nb = a / 0\n")
    assert isinstance(result.error_in_exec, ZeroDivisionError)
    assert "----> 3 b = a / 0" in capsys.readouterr().out


def test_no_audit_is_one_line(shell: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    def refuse(*args: Any, **options: Any) -> AuditReport:
        raise AuditError("no scalar loss found")

    monkeypatch.setattr(magic, "audit_script", refuse)
    shell.run_cell("%%audit\na = 1\n")
    printed = capsys.readouterr()
    assert printed.err.strip() == "UsageError: no scalar loss found"
    assert not printed.out


def test_a_wrong_option_is_one_line(shell: Any, calls: Any, capsys: Any) -> None:
    shell.run_cell("%%audit --los error\na = 1\n")  # argparse takes what is not ambiguous
    shell.run_cell("%%audit --lass error\na = 1\n")
    assert len(calls) == 1
    assert "unrecognized arguments: --lass" in capsys.readouterr().err


@pytest.mark.parametrize(("factor", "kinds"), [("1", []), ("2", ["factor"])])
def test_a_cell_is_audited(factor: str, kinds: list[str], shell: Any) -> None:
    shell.run_cell("import numpy as np\nx, y, w = np.eye(4)[:, :3], np.arange(4.0), np.ones(3)\n")
    body = f"for _ in range(3):\n    r = x @ w - y\n    loss = 0.5 * r @ r\n    w -= 0.1 * {factor} * x.T @ r\n"
    found = shell.run_cell(f"%%audit\n{body}").result
    assert [f.kind for f in found.findings] == kinds
    assert [f.line for f in found.findings] == [5] * len(kinds)  # as the cell counts, with the magic on line 1
    assert "self" not in shell.user_ns
    assert not [name for name in shell.user_ns if name.startswith("_tg")]
