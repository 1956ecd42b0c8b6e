"""A function and its gradient as one tape, with the names that a person would give."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.backward import Sparse
from ..core.modes import current, switch
from ..core.record import Record, clock
from ..core.tape import Tape, trace
from ..core.tensor import Tensor
from ..transforms import value_and_grad
from .rewrite import op_of

__all__ = ["CotangentNames", "gradient_tape", "named_arguments"]


def gradient_tape(f: Callable[..., Any], *args: Any, wrt: Sequence[int]) -> Tape:
    """The tape of ``f(*args)`` and its gradient by the arguments of these numbers: its outputs are value, gradients.

    A cotangent is named after what it is the cotangent of, ``grad_h`` for ``h``; what a rule made knows whose rule it
    was (``notes.origin``).

    Parameters
    ----------
    f
        A function of arrays with one real number as its output.
    *args
        Arrays.
    """

    def value_and_gradients(*xs: Any) -> tuple[Any, ...]:
        value, gradients = value_and_grad(f, argnums=tuple(wrt))(*xs)
        value_record = getattr(value, "_record", None)
        if value_record is not None and value_record.name is None:
            value_record.note().name = "loss"
        return (value, *gradients)

    value_and_gradients.__wrapped__ = f  # type: ignore[attr-defined]
    noting = CotangentNames()
    with switch(observers=(*current().observers, noting)):
        tape = trace(value_and_gradients, *named_arguments(f, args))
    _credit(tape, noting.steps)
    for i, r in zip(wrt, tape.outputs[1:], strict=True):
        name = tape.inputs[i].name
        if name and r.primitive is not None:
            r.note().name = f"grad_{name}"
            r.note().primal = tape.inputs[i]
    return tape


def named_arguments(f: Callable[..., Any], args: Sequence[Any]) -> list[Tensor]:
    """The arguments as Tensors under the names that ``f`` has for them."""
    try:
        parameters = tuple(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):  # of a builtin
        parameters = ()
    names = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return [
        x if type(x) is Tensor and x.name else Tensor(x, name=names[i] if i < len(names) else f"x{i}")
        for i, x in enumerate(args)
    ]


def _credit(tape: Tape, steps: Sequence[tuple[int, Any]]) -> None:
    """Say of the steps inside a rule too whose rule they belong to; what adds cotangents up belongs to none."""
    root, left = tape.outputs[0], list(steps)
    rule: Any = None
    backward = [r for r in tape.records if r.seq < root.seq]
    made = {r for r in backward if r.notes is not None and r.notes.origin is not None}
    for r in reversed(backward):
        while left and left[-1][0] < r.seq:  # it ran before that step of the sweep ended
            rule = left.pop()[1]
        if r in made:
            rule = r.note().origin
        r.note().origin = rule
    sums: set[Record] = set()
    for r in backward:
        both = [x for x in r.inputs if x is not None]
        if op_of(r) != "add" or r in made or len(both) < 2:
            continue
        rules = [x.notes.origin if x.notes is not None and x.seq < root.seq else None for x in both]
        if rules[0] != rules[1] and all(o is not None or x in sums for o, x in zip(rules, both, strict=True)):
            sums.add(r)
            r.note().origin = None


class CotangentNames:
    """Sees each step of the sweep, names the cotangent that arrives and says of what is made whose rule made it.

    Attributes
    ----------
    singular : bool
        The sweep met an op whose derivative can be infinite.
    steps : list of (int, (Record, int) or None)
        When each step ended, and the rule, if there was one, that gave back a part: an index and what to add there.
    """

    def __init__(self) -> None:
        self.singular = False
        self.steps: list[tuple[int, Any]] = []
        self.call: Any = None  # of the user's program, that the record before this one came from

    def __call__(self, r: Record, g: Any, contributions: Sequence[tuple[int, Any]]) -> None:
        self.singular = self.singular or (r.primitive is not None and r.primitive.singular)
        before = self.steps[-1][0] if self.steps else np.inf
        part = None
        for i, c in contributions:
            made = c._record if type(c) is Tensor else None
            if isinstance(c, Sparse):
                part = (r, i)
            elif made is not None and made.primitive is not None and made.seq < before and made.note().origin is None:
                made.note().origin = (r, i)
        self.steps.append((clock(), part))
        inner = r.code is not None and (r.code, r.lasti) == self.call  # not the result of that call
        self.call = (r.code, r.lasti)
        arrived = g._record if type(g) is Tensor else None
        if inner or arrived is None or arrived.primitive is None or arrived.seq > r.seq:
            return
        if r.name and arrived.note().name is None:
            arrived.note().name = f"grad_{r.name}"
            arrived.note().primal = r
        elif arrived.note().primal is None:
            arrived.note().primal = r
