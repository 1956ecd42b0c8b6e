"""Dead code: what no output needs."""

from __future__ import annotations

from ..core.tape import Tape

__all__ = ["without_dead"]


def without_dead(tape: Tape) -> Tape:
    """The tape without the records that lead to no output. What was read while recording stays noted.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_np import trace
    >>> tape = trace(lambda x: (np.exp(x), x * 2)[1], np.ones(3))
    >>> len(tape), len(without_dead(tape))
    (2, 1)
    """
    needed = set(tape.outputs)
    records = []
    for r in reversed(tape.records):
        if r in needed:
            records.append(r)
            needed.update(p for p in r.inputs if p is not None)
    return Tape(tape.inputs, records[::-1], tape.outputs, tape.reads, tape.stopped & needed)
