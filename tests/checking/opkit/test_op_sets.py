"""The op kit on trial: it fails every wrong op, for the right reason, and no right one."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from checking.opkit.more_right_ops import RIGHT as MORE_RIGHT
from checking.opkit.more_wrong_ops import WRONG as MORE_WRONG
from checking.opkit.op_case import Case
from checking.opkit.right_ops import RIGHT as FIRST_RIGHT
from checking.opkit.wrong_habits import WRONG as WRONG_HABITS
from checking.opkit.wrong_ops import WRONG as WRONG_RULES

from tinygrad_np import check_op

WRONG = [*WRONG_RULES, *WRONG_HABITS, *MORE_WRONG]
RIGHT = [*FIRST_RIGHT, *MORE_RIGHT]
RANK = {"pass": 0, "skip": 0, "warn": 1, "fail": 2}


def report_of(case: Case) -> Any:
    args = [np.array(a) for a in case.args]  # some cases write into them
    keywords: dict[str, Any] = case.params | ({"thorough": True} if case.thorough else {})
    return check_op(case.build(), *args, reference=case.reference, **keywords)


@pytest.mark.parametrize("case", WRONG, ids=str)
def test_wrong_ops_are_found_by_the_check_that_should(case: Case) -> None:
    report = report_of(case)
    assert report.ok is (case.verdict != "fail")
    objections = [c for c in report.checks if RANK[c.status] >= RANK[case.verdict]]
    named = [c for c in objections if c.name in case.checks]
    assert named, f"expected an objection of {case.checks}; got {[(c.name, c.detail) for c in objections]}"
    told = "\n".join(c.detail for c in named)
    for pattern in case.says:
        assert re.search(pattern, told, re.IGNORECASE), f"{pattern!r} is not in:\n{told}"


@pytest.mark.parametrize("case", RIGHT, ids=str)
def test_right_ops_are_not_failed(case: Case) -> None:
    report = report_of(case)
    assert report.ok, str(report)


def test_the_sets_are_large_enough_to_mean_something() -> None:
    assert len(WRONG) >= 100
    assert len(RIGHT) >= 50
    assert len({case.name for case in (*WRONG, *RIGHT)}) == len(WRONG) + len(RIGHT)
