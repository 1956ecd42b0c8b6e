"""Tape: the graph as a program. Inputs, records in the order they ran, outputs.

print(loss.tape())              what led to a Tensor
tape = trace(f, x, w)           everything f does with its arguments
tape(x2, w2)                    run it again on other values
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from .apply import apply_any
from .modes import current, switch
from .record import Record, leaf
from .tensor import Tensor

__all__ = ["Tape", "Trace", "tape_of", "trace"]


class Tape:
    """A recorded program.

    Attributes
    ----------
    inputs : list of Record
        Leaves that stand for arguments; in the tape of a Tensor, the leaves that require a gradient.
    records : list of Record
        The ops, each after those it reads.
    outputs : list of Record
    reads : list of (Record, str)
        Values that left the tape while it was recorded (``bool(t)``, ``float(t)``): what came of them is frozen in it.
    stopped : set of Record
        Those that ran under `no_grad`: no gradient flows through them, nor when the tape runs again.
    """

    def __init__(
        self,
        inputs: Sequence[Record],
        records: Sequence[Record],
        outputs: Sequence[Record],
        reads: Sequence[tuple[Record, str]] = (),
        stopped: Iterable[Record] = (),
    ) -> None:
        self.inputs, self.records, self.outputs = list(inputs), list(records), list(outputs)
        self.reads = list(reads)
        self.stopped = set(stopped)

    @property
    def constants(self) -> list[Record]:
        """What is read and comes from outside, in the order of first use."""
        known = {*self.inputs, *self.records}
        used = [p for r in self.records for p in r.inputs if p is not None] + self.outputs
        return list(dict.fromkeys(p for p in used if p not in known))

    def labels(self) -> dict[Record, str]:
        """A short unique name for each record: the user's name for a leaf, ``%3`` for the rest."""
        labels: dict[Record, str] = {}
        taken: dict[str, int] = {}
        for i, r in enumerate((*self.inputs, *self.constants)):
            base = r.name or (f"x{i}" if i < len(self.inputs) else f"c{i - len(self.inputs)}")
            taken[base] = taken.get(base, 0) + 1
            labels[r] = base if taken[base] == 1 else f"{base}_{taken[base]}"
        return labels | {r: f"%{i}" for i, r in enumerate(self.records, 1)}

    def __call__(self, *values: Any, watch: Callable[[Record, Any], object] | None = None) -> Any:
        """Run it on other input values, arrays or Tensors, and give one output or a tuple of them.

        ``watch(record, value)`` sees each result.
        """
        if len(values) != len(self.inputs):
            raise TypeError(f"this tape has {len(self.inputs)} inputs; got {len(values)}")
        mode = current()
        env: dict[Record, Any] = dict(zip(self.inputs, values, strict=True))
        kept = {p: x for r in self.records for p, x in zip(r.inputs, r.values, strict=True) if p is not None}
        for r in self.constants:
            value = r.y if isinstance(r.y, np.ndarray) else kept.get(r)
            if not isinstance(value, np.ndarray):
                raise RuntimeError(
                    f"a constant of shape {r.shape} was not kept, since no rule needs it: record with trace()"
                )
            env[r] = (
                Tensor._of(value, r) if r.diff and mode.depth else value
            )  # inside a transform it is still a variable
        quiet = mode._replace(grad=False)
        for r in self.records:
            xs = tuple(x if p is None else env[p] for p, x in zip(r.inputs, r.values, strict=True))
            env[r] = apply_any(r.primitive, xs, r.params, quiet if r in self.stopped else mode, whole=True)  # type: ignore[arg-type]  # no leaf
            if watch is not None:
                watch(r, env[r])
        results = tuple(env[r] for r in self.outputs)
        return results[0] if len(results) == 1 else results

    def check(self) -> None:
        """Raise `ValueError` unless each record comes after what it reads and has the shape and dtype it puts out."""
        known = {*self.inputs, *self.constants}
        labels = self.labels()
        for r in self.records:
            for p in r.inputs:
                if p is not None and p not in known:
                    raise ValueError(f"{labels[r]} = {r.primitive.name} reads a record that comes later or nowhere")  # type: ignore[union-attr]
            known.add(r)
        for r in self.outputs:
            if r not in known:
                raise ValueError("an output is not on the tape")

        def compare(r: Record, value: Any) -> None:
            if r.dtype is not None and (np.shape(value) != r.shape or np.asarray(value).dtype != r.dtype):
                raise ValueError(
                    f"{labels[r]} = {r.primitive.name} says {r.dtype}{list(r.shape)} and puts out"  # type: ignore[union-attr]
                    f" {np.asarray(value).dtype}{list(np.shape(value))}"
                )

        if all(r.y is not None for r in self.inputs):
            self(*(r.y for r in self.inputs), watch=compare)

    def __repr__(self) -> str:
        return f"<Tape of {len(self.records)} records, {len(self.inputs)} inputs>"

    def __len__(self) -> int:
        return len(self.records)


def tape_of(tensors: Tensor | Iterable[Tensor]) -> Tape:
    """The tape that leads to these Tensors, from the live graph."""
    roots = [t._record or leaf(t._data) for t in ([tensors] if isinstance(tensors, Tensor) else tensors)]
    seen, stack = set(roots), list(roots)
    while stack:
        for p in stack.pop().inputs:
            if p is not None and p not in seen:
                seen.add(p)
                stack.append(p)
    order = sorted(seen, key=lambda r: -r.seq)
    return Tape(
        [r for r in order if r.primitive is None and r.diff], [r for r in order if r.primitive is not None], roots
    )


class Trace:
    """What a running `trace` collects."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.reads: list[tuple[Record, str]] = []
        self.stopped: list[Record] = []
        self._constants: dict[int, Record] = {}

    @property
    def constants(self) -> list[Record]:
        return list(self._constants.values())

    def constant(self, array: np.ndarray) -> Record:
        """The leaf of a plain array from outside, one for each array."""
        if id(array) not in self._constants:
            self._constants[id(array)] = leaf(array)  # the leaf keeps the array, and so its id
        return self._constants[id(array)]

    def read(self, r: Record, what: str) -> None:
        self.reads.append((r, what))


def trace(f: Callable[..., Any], *args: Any) -> Tape:
    """Run ``f`` and record all it does with its arguments, differentiable or not.

    Parameters
    ----------
    f
        A function of arrays; it is called with Tensors.
    *args
        Arrays, or Tensors, which are then inputs under their own name and may require gradients.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_np import trace
    >>> print(trace(lambda x: (x > 0) * x, np.array([1.0, -2.0])))  # doctest: +ELLIPSIS
    x: input float64[2]
    %1 = greater(x, 0)    bool[2] ...
    %2 = multiply(%1, x)  float64[2] ...
    return %2
    """
    code = getattr(f, "__code__", None)
    names = code.co_varnames[: code.co_argcount] if code is not None else ()
    inputs: list[Tensor] = []
    for i, arg in enumerate(args):
        t = arg if type(arg) is Tensor else Tensor(arg)
        if t._record is None or any(t._record is other._record for other in inputs):
            t = Tensor._of(t._data, leaf(t._data, name=names[i] if i < len(names) else None))
        inputs.append(t)
    mode = current()
    running = Trace()
    with switch(traces=(running, *mode.traces), depth=mode.depth + 1):
        result = f(*inputs)
    outputs = [
        t._record or running.constant(t._data) if type(t) is Tensor else running.constant(np.asarray(t))
        for t in (result if isinstance(result, tuple | list) else (result,))
    ]
    return Tape(
        [t._record for t in inputs if t._record is not None], running.records, outputs, running.reads, running.stopped
    )
