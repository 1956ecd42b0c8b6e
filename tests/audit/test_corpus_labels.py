"""The labels of the corpus are proven, not believed."""

from __future__ import annotations

from collections import Counter

import pytest
from proof import contradiction
from rates import Case, cases

CASES = cases()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_label(case: Case) -> None:
    assert not contradiction(case)


def test_names_are_unique_and_every_fact_has_a_reader() -> None:
    assert max(Counter(str(c) for c in CASES).values()) == 1
    known = {"loss", "parameters", "loop", "start", "kink", "iterations", "fix"}
    for case in CASES:
        assert set(case.facts) <= known, case
        assert bool(case.labels) == ("fix" in case.facts), case
