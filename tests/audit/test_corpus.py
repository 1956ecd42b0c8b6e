"""The rates that the audit must reach on its corpus."""

from __future__ import annotations

import pytest
from rates import Outcome, cases, describe, measure

SLUGS = {
    "factor", "mean-sum", "sign", "bias-sum", "transpose", "wrong-operand", "mask", "activation", "forward", "fork",
    "batch-statistics", "bessel", "stale", "accumulate", "wrong-parameter", "scatter", "regulariser", "jacobian",
    "dropout-scale", "time-index", "shape",
}  # fmt: skip


@pytest.fixture(scope="module")
def outcomes() -> list[Outcome]:
    return [measure(c) for c in cases()]


@pytest.fixture(scope="module")
def wrong(outcomes: list[Outcome]) -> list[Outcome]:
    return [o for o in outcomes if o.case.labels]


def test_every_kind_occurs_three_times_and_right_functions_enough() -> None:
    kinds = [c.labels[0].kinds[0] if c.labels else "" for c in cases()]
    assert set(kinds) == {*SLUGS, ""}
    assert all(kinds.count(k) >= 3 for k in SLUGS)
    assert kinds.count("") >= 30
    assert len(kinds) >= 100


def test_every_function_can_be_audited(outcomes: list[Outcome]) -> None:
    assert [describe(o) for o in outcomes if o.error] == []


def test_every_bug_is_detected(wrong: list[Outcome]) -> None:
    assert [describe(o) for o in wrong if not o.detected] == []


def test_lines(wrong: list[Outcome]) -> None:
    missed = [describe(o) for o in wrong if not o.line]
    assert len(missed) <= 0.05 * len(wrong), "\n".join(missed)


def test_kinds(wrong: list[Outcome]) -> None:
    missed = [describe(o) for o in wrong if not o.kind]
    assert len(missed) <= 0.10 * len(wrong), "\n".join(missed)


def test_no_finding_on_right_functions(outcomes: list[Outcome]) -> None:
    assert [describe(o) for o in outcomes if not o.case.labels and o.found] == []
