"""Checkpoints opened: the records of the function that is run again, in the place of the one that stands for them.

The written source and the compiled step both use it.
"""

from __future__ import annotations

from typing import Any

from ..core.primitive import alias
from ..core.record import Record
from ..core.tape import Tape
from .rewrite import constants_of, made, rebuilt

__all__ = ["inlined"]


def inlined(tape: Tape) -> Tape:
    """The tape with the first runs of checkpointed functions written out, their values short-lived.

    The backward pass runs them a second time. That is on the tape as it is, and `without_repeats` after this pass
    would merge it with the first run: for reading that is right, for saving memory it is not.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_np import checkpoint, trace
    >>> f = checkpoint(lambda x: np.exp(np.sin(x)))
    >>> tape = trace(lambda x: f(x) + 1, np.ones(3))
    >>> [r.primitive.name for r in tape.records], [r.primitive.name for r in inlined(tape).records]
    (['checkpoint', 'add'], ['sin', 'exp', 'add'])
    """
    results: dict[Record, list[Any]] = {}  # of a checkpoint with several outputs

    def change(r: Record, inputs: tuple[Any, ...]) -> Any:
        prim: Any = r.primitive
        if prim is prim.item and inputs[0] in results:
            return results[inputs[0]][r.params["index"]]  # type: ignore[index]  # an item has one
        inner = (r.params or {}).get("tape")
        if not isinstance(inner, Tape):
            return None
        inner = inlined(inner)
        became: dict[Record, Any] = dict(zip(inner.inputs, inputs, strict=True))
        became |= {c: c for c in constants_of(inner)}
        new: list[Record] = []
        for s in inner.records:
            operands = tuple(x if p is None else became.get(p, p) for p, x in zip(s.inputs, s.values, strict=True))
            became[s] = made(s.primitive, operands, s.params, s)  # type: ignore[arg-type]  # no leaf
            new.append(became[s])
        outputs = [became.get(o, o) for o in inner.outputs]
        if r.dtype is not None:
            return new if new and new[-1] is outputs[0] else [*new, made(alias, outputs, None, r)]
        last = made(prim, inputs, r.params, r)
        results[last] = outputs
        return [*new, last]

    return rebuilt(tape, change)
