"""Shorter forms that people know, said only after the numbers agree: softmax with cross-entropy is p - y."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..core.record import Record
from ..core.tape import Tape
from ..numeric import rounding
from .local import Local
from .tex import Formula

__all__ = ["shortcut"]

NOTE = "Softmax and cross-entropy taken together, as the targets sum to 1; checked on the numbers of this tape."


def shortcut(
    r: Record, formula: Formula, values: Mapping[Record, Any], formulas: Mapping[Record, Formula], tape: Tape
) -> Local | None:
    """A shorter right-hand side for the cotangent ``r``, if the numbers of this tape bear it out; else None."""
    primal = r.notes.primal if r.notes is not None else None
    if primal is None:
        return None
    probabilities = [s for s in tape.records if s.primitive is not None and s.primitive.name == "softmax"]
    g = np.asarray(values[r])
    for p in probabilities:
        if p.inputs[0] is not primal and primal not in p.inputs:
            continue
        for text, y in _targets(p, values, formulas, tape):
            for n, over in ((1, ""), *_sizes(p)):
                expected = (np.asarray(values[p]) - y) / n
                if _same(g, expected):
                    short = rf"{_name(p, formulas)} - {text}"
                    short = rf"\frac{{{short}}}{{{over}}}" if over else short
                    if short == formula.text:
                        return None
                    return Local(short, NOTE)
    return None


def _name(p: Record, formulas: Mapping[Record, Formula]) -> str:
    return formulas[p].text if p in formulas else r"\operatorname{softmax}"


def _targets(
    p: Record, values: Mapping[Record, Any], formulas: Mapping[Record, Formula], tape: Tape
) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for x in (*tape.inputs, *tape.constants):
        v = np.asarray(values.get(x))
        if v.shape == p.shape:
            found.append((formulas[x].text, v))
        elif v.dtype.kind in "iu" and v.shape == p.shape[:-1] and v.size and v.min() >= 0 and v.max() < p.shape[-1]:
            found.append((rf"\operatorname{{onehot}}({formulas[x].text})", np.eye(p.shape[-1])[v]))
    return found


def _sizes(p: Record) -> list[tuple[int, str]]:
    return [(p.shape[0], str(p.shape[0]))] if len(p.shape) > 1 and p.shape[0] > 1 else []


def _same(a: Any, b: Any) -> bool:
    scale = float(np.max(np.abs(b), initial=0))
    return a.shape == b.shape and bool(np.all(np.abs(a - b) <= rounding(a.size, scale, a)))
