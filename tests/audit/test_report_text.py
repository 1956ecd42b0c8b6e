"""An audit's report as text: each finding below its line, 80 columns, nothing that a terminal would obey."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from reports import PARAMETER, hostile, report, right
from rich.console import Console

from tinygrad_np.checking.audit.report import AuditReport, Finding, Line
from tinygrad_np.checking.audit.text import columns


def below(text: str, start: str) -> list[str]:
    """The rows with a bar that follow the row which begins so."""
    rows = text.splitlines()
    i = next(i for i, row in enumerate(rows) if row.startswith(start)) + 1
    end = next((j for j in range(i, len(rows)) if "|" not in rows[j][:8]), len(rows))
    return [row.lstrip(" |") for row in rows[i:end]]


def test_findings_stand_below_their_lines() -> None:
    text = str(report())
    assert below(text, "X  6") == ["forward: h_relu never reaches error: this reads h.", "write: pred = h_relu @ w2"]
    said = below(text, "X 15")
    assert " ".join(said).startswith("wrong-parameter: " + PARAMETER.explanation)
    assert said[-3:] == [
        "write: w1 -= lr * grad_w1",
        "or: grad_w2 = x.T @ grad_h",
        "largest error 3.1e+02, at [3, 1]",
    ]


def test_every_line_of_a_short_source_is_there_with_its_mark_and_note() -> None:
    rows = str(report()).splitlines()
    for line in report().lines:
        assert any(line.text in row and row[2:4] == f"{line.number:>2}" and line.note in row for row in rows)
    marks = {int(row[2:4]): row[0] for row in rows if row[2:4].strip().isdigit()}
    assert {n: m for n, m in marks.items() if m != " "} == {
        4: ".", 6: "X", 7: ".", 9: "=", 10: "i", 11: "~", 12: "^", 13: "?", 15: "X",
    }  # fmt: skip


def test_the_legend_explains_the_marks_in_use_and_no_other() -> None:
    assert "~ right to rounding" in str(right())
    assert "given a wrong input" not in str(right())
    assert "i right, given a wrong input" in str(report())


def test_it_ends_with_the_sum_and_where_to_go() -> None:
    lines = str(report()).splitlines()
    assert lines[-2:] == [
        "net.py:6   forward          pred = h @ w2",
        "net.py:15  wrong-parameter  w1 -= lr * grad_w2",
    ]
    assert " ".join(lines[-4:-2]) == (
        "2 findings; 3 lines agree with the tape (1 exact, 1 rounding, 1 kink); 1 would, given right inputs"
    )
    assert str(right()).splitlines()[-1] == "no finding; 3 lines agree with the tape (1 exact, 1 rounding, 1 kink)"


def test_nothing_matched_is_said() -> None:
    assert report(status={}, findings=()).summary == "no finding; no line agrees with the tape"


def test_truth_is_no_finding() -> None:
    assert right()
    assert not report()


LONG = "\n".join(f"    a{i} = b{i}" for i in range(1, 201)) + "\n"


def numbers(shown: AuditReport) -> list[int]:
    return [int(row[2:5]) for row in str(shown).splitlines() if row[2:5].strip().isdigit()]


def test_of_a_long_source_what_matters_is_shown() -> None:
    finding = replace(PARAMETER, line=100, statement="a100 = b100")
    shown = report(LONG, {50: ("inherited", ""), 52: ("ok", ""), 100: ("wrong", ""), 150: ("ok", "")}, [finding])
    assert numbers(shown) == [1, 50, 98, 99, 100, 101, 102]
    assert "193 lines without a finding" in str(shown)


def test_of_a_long_source_that_is_right_the_gradients_are_shown() -> None:
    shown = report(LONG, {50: ("ok", ""), 52: ("ok", ""), 53: ("forward", ""), 150: ("kink", "")}, [])
    assert numbers(shown) == [1, 50, 51, 52, 150]  # a single line between two is not left out


def test_of_a_long_source_the_function_of_each_line_is_shown() -> None:
    source = LONG.replace("    a120 = b120", "def helper(x):").replace("    a160 = b160", "def other(x):")
    shown = report(source, {150: ("ok", "")}, [])
    assert numbers(shown) == [120, 150]


def test_it_begins_with_what_was_audited() -> None:
    assert str(report()).startswith("audit of train in net.py: gradients of error\n")
    assert str(report(function="<script>")).startswith("audit of net.py: gradients of error\n")


def test_a_gap_between_functions_is_marked() -> None:
    lines = (Line(1, "def f(x):"), Line(2, "    return x"), Line(7, "def g(x):"))
    rows = str(AuditReport("f", "net.py", "loss", lines)).splitlines()
    assert [r.strip() for r in rows[2:6]] == ["1  def f(x):", "2      return x", "...", "7  def g(x):"]


def test_a_finding_on_a_line_that_is_not_listed_is_not_lost() -> None:
    finding = Finding(400, "w -= g", "w", "sign", "this climbs")
    text = str(report(findings=[finding]))
    assert "line 400: w -= g" in text
    assert "sign: this climbs" in text


def test_long_lines_are_wrapped_whole_and_endless_ones_cut() -> None:
    sum_of_many = "    total = " + " + ".join(f"term_{i}" for i in range(20))
    rows = str(report(sum_of_many + "\n    data = '" + "x" * 5000 + "'\n", {}, [])).splitlines()
    first = next(i for i, row in enumerate(rows) if "total" in row)
    second = next(i for i, row in enumerate(rows) if "data" in row)
    assert " ".join(" ".join(rows[first:second]).split()) == "1 " + " ".join(sum_of_many.split())
    assert all(row.startswith(" " * 13) for row in rows[first + 1 : second])  # deeper than where the line begins
    assert len([row for row in rows if "xxx" in row]) == 4
    assert rows[second + 3].endswith(" ...")


def test_a_note_that_does_not_fit_goes_below() -> None:
    rows = str(report("a" * 70 + "\n", {1: ("ok", "d loss / d w")}, [])).splitlines()
    i = next(i for i, row in enumerate(rows) if "aaa" in row)
    assert rows[i + 1] == "d loss / d w".rjust(80)


@pytest.mark.parametrize("shown", [report(), right(), hostile(), report(LONG, {}, [])])
def test_80_columns_and_nothing_a_terminal_obeys(shown: AuditReport) -> None:
    text = str(shown)
    assert all(columns(row) <= 80 for row in text.splitlines())
    assert text.replace("\n", "").isprintable()
    text.encode()  # half a surrogate pair would not


def test_hostile_text_is_shown_and_not_obeyed() -> None:
    text = str(hostile())
    assert "\\x1b[31m" in text
    assert "\\u202e" in text
    assert "\\ud800" in text


def test_rich_prints_the_same_text_in_colour() -> None:
    for shown in (report(), hostile()):
        plain, coloured = io.StringIO(), io.StringIO()
        Console(file=plain, width=80).print(shown)
        Console(file=coloured, width=80, force_terminal=True, color_system="truecolor").print(shown)
        assert [r.rstrip() for r in plain.getvalue().splitlines()] == str(shown).splitlines()
        assert "\x1b[1;31mX" in coloured.getvalue()


def test_rich_uses_a_wider_terminal_up_to_100() -> None:
    wide = io.StringIO()
    Console(file=wide, width=200).print(report())
    assert max(len(row.rstrip()) for row in wide.getvalue().splitlines()) == 100
