"""A third opinion: the loss itself, replayed at points close by, without any gradient rule."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...numeric import directional, random_direction
from .edits import constant
from .evidence import Applied
from .verdict import Verdict

__all__ = ["arbitrated"]


def arbitrated(verdict: Verdict) -> list[str]:
    """For each parameter, which gradient the differences confirm: a line that says so, with their error bound."""
    return [_line(verdict, a) for a in verdict.evidence.applied]


def _line(verdict: Verdict, a: Applied) -> str:
    evidence, state = verdict.evidence, verdict.first
    graph, it = evidence.graph, evidence.iteration
    i = a.node.index
    point = np.asarray(graph.value(a.node), float)
    v = random_direction(point, np.random.default_rng(0))

    def loss(x: Any) -> Any:
        changed = graph.replay({i: constant(x)}, it.forward)
        return np.asarray(changed.get(it.loss.index, graph.value(it.loss)))

    found = directional(loss, point, v)
    value, error = float(np.sum(found.value)), float(np.max(found.error))
    tape = float(np.vdot(state.wanted[i], v))
    given = np.asarray(state.given[i])
    hand = float(np.vdot(given, v)) if given.shape == point.shape else float("nan")
    room = max(error, 1e-6 * abs(value))
    agrees = [name for name, g in (("the tape", tape), ("the code", hand)) if abs(g - value) <= room]
    who = " and ".join(agrees) or "neither the tape nor the code"
    return f"{a.name}: {found.method} along a random direction gives {value:.10g} +- {error:.1g}; {who} agrees"
