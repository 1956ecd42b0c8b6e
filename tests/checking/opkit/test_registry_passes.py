"""Every op of the registry passes the kit that users check their own ops with."""

from __future__ import annotations

import numpy as np
import pytest

from tinygrad_np import check_op
from tinygrad_np.ops.declare import OPS

NAMES = [name for name, op in OPS.items() if op.differentiable and op.samples]
# What they say instead of passing, by declaration: the gradient is that of losses that do not see an arbitrary choice.
DECLARED = {"eig", "_eig", "qr", "_qr", "svd", "_svd"}


@pytest.mark.parametrize("name", NAMES)
def test_passes(name: str) -> None:
    report = check_op(OPS[name])
    assert report.ok, str(report)
    assert not [c for c in report.checks if c.detail.startswith("could not be asked")], str(report)
    assert name in DECLARED or not [c for c in report.checks if c.detail.startswith("differs, as declared")]


def test_only_these_deviate() -> None:
    assert {name for name, op in OPS.items() if op.deviates} == DECLARED


A = np.array([[2.0, 0.3, -0.5], [0.4, 1.5, 0.2], [-0.1, 0.6, -1.8]])


def test_decompositions_are_right_for_losses_that_do_not_see_the_choice() -> None:
    def by_svd(a):
        u, s, vh = np.linalg.svd(a, full_matrices=False)
        return (u * s**2) @ vh

    def by_qr(a):
        q, r = np.linalg.qr(a)
        return np.abs(r), np.abs(q)

    def by_eig(a):
        w, v = np.linalg.eig(a)
        return np.real((v * w**2) @ np.linalg.inv(v))

    for f in (by_svd, by_qr, by_eig):
        report = check_op(f, A)
        assert report.ok, str(report)
        assert report["numeric"].status == report["second"].status == "pass"
