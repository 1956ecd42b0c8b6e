"""Shorter forms that people know, said only after the numbers agree: softmax with cross-entropy is p - y."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ..core.record import Record
from ..core.tape import Tape
from ..numeric import rounding
from ..ops.nn import softmax
from ..passes.rewrite import op_of
from .local import Local
from .tex import Formula

__all__ = ["shortcut"]

NOTE = "Softmax and cross-entropy taken together, as the targets sum to 1; checked on the numbers of this tape."
OF_LOGITS = ("softmax", "log_softmax", "cross_entropy", "logsumexp")


def shortcut(
    r: Record, formula: Formula, values: Mapping[Record, Any], formulas: Mapping[Record, Formula], tape: Tape
) -> Local | None:
    """A shorter right-hand side for the cotangent ``r``, if the numbers of this tape bear it out; else None."""
    logits = r.notes.primal if r.notes is not None else None
    if logits is None or len(logits.shape) not in (1, 2):
        return None
    if not any(op_of(s) in OF_LOGITS and s.inputs[0] is logits for s in tape.records):
        return None
    g, p = np.asarray(values[r]), softmax(np.asarray(values[logits]))
    n = logits.shape[0] if len(logits.shape) == 2 else 1
    axis = r"_{\text{axis } 1}" if len(logits.shape) == 2 else ""
    for text, y in _targets(logits, values, formulas, tape):
        short = rf"\operatorname{{softmax}}{axis}({formulas[logits].text}) - {text}"
        for scale, shown in ((1, short), (n, rf"\frac{{1}}{{{n}}} \left({short}\right)")):
            if _same(g, (p - y) / scale) and shown != formula.text:
                return Local(shown, NOTE)
    return None


def _targets(
    logits: Record, values: Mapping[Record, Any], formulas: Mapping[Record, Formula], tape: Tape
) -> Iterator[tuple[str, Any]]:
    """What the targets could be: an array like the logits, or the numbers of classes."""
    classes = logits.shape[-1]
    for x in (*tape.inputs, *tape.constants):
        v = np.asarray(values.get(x))
        if v.shape == logits.shape and v.dtype.kind == "f":
            yield formulas[x].text, v
        elif v.dtype.kind in "iu" and v.shape == logits.shape[:-1] and v.size and v.min() >= 0 and v.max() < classes:
            yield rf"\operatorname{{onehot}}({formulas[x].text})", np.eye(classes)[v]


def _same(a: Any, b: Any) -> bool:
    scale = float(np.max(np.abs(b), initial=0))
    return a.shape == b.shape and bool(np.all(np.abs(a - b) <= rounding(a.size, scale, a)))
