"""Recording a function for compiling: what it does with its arguments, and nothing that a replay would get wrong.

A compiled step runs the record, not the function. So what cannot be in a record is refused while recording, with the
line and the way out: reading a value (``if t > 0``, ``float(t)``), printing, changing what lies outside. The function
is recorded twice, the second time on other values: what differs between the two was computed outside of the record.
"""

from __future__ import annotations

import builtins
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..core.modes import current, switch
from ..core.record import Record, leaf
from ..core.source import user_line
from ..core.tape import Tape, Trace
from ..core.tensor import Tensor
from ..passes.backward import CotangentNames
from ..transforms.tree import flatten
from .draws import Draws
from .outside import Outside
from .problem import CompileError
from .same import difference

__all__ = ["Recording", "record"]

PLACES = {"bool": "a branch on a value"}
WAYS = {
    "bool": "write np.where(condition, a, b), or make what it hangs on a static argument",
    "index": "index with the array itself, or make it a static argument",
}
LEAVE = "leave this outside of the compiled function, or make what it hangs on a static argument"


class Recording(NamedTuple):
    """What a function did.

    Attributes
    ----------
    tape : Tape
        Inputs are the arrays among the arguments. Outputs are the arrays among the results, then the new values of
        arguments that were updated in place.
    updated : list of int
        Which inputs the last outputs are the new values of.
    structure
        Of the result, see `transforms.tree`.
    leaves : list
        Of the result: a Record, or a plain value that is handed out as it is.
    draws : dict of int to int
        The generators on the tape, by identity: which generator argument each stands for.
    quiet : bool
        A backward pass through singular ops is on it, whose floating-point warnings nobody is to see.
    """

    tape: Tape
    updated: list[int]
    structure: Any
    leaves: list[Any]
    draws: dict[int, int]
    quiet: bool


def record(
    call: Callable[[list[Any], list[Any]], tuple[Any, Any]],
    arrays: Sequence[np.ndarray],
    generators: Sequence[np.random.Generator],
    names: Sequence[str],
    f: Any,
    donated: frozenset[int],
) -> Recording:
    """Record ``call(tensors, generators)``, which runs ``f`` on arguments made of these and gives what it returned.

    Raises
    ------
    CompileError
        If it does what a record cannot hold; says what, where, and what to do instead.
    """
    with _Lock:
        outside = Outside(f)
        recording = _record_once(call, arrays, [Draws(g) for g in generators], names, f, donated)
        outside.check(f)
        try:
            with np.errstate(all="ignore"):
                again = _record_once(
                    call, [_other(a) for a in arrays], [Draws(g, other=True) for g in generators], names, f, donated
                )
        except CompileError:
            raise
        except Exception:  # other values may be none that it takes
            again = _record_once(call, arrays, [Draws(g, other=True) for g in generators], names, f, donated)
    said = difference(recording, again)
    if said:
        raise CompileError(f"{_name(f)}: {said}")
    return recording


def _record_once(
    call: Any, arrays: Sequence[np.ndarray], draws: list[Draws], names: Sequence[str], f: Any, donated: frozenset[int]
) -> Recording:
    running = _Recorder(_name(f))
    noting = CotangentNames()
    inputs = [leaf(a, name=n) for a, n in zip(arrays, names, strict=True)]
    tensors = [Tensor._of(a, r) for a, r in zip(arrays, inputs, strict=True)]
    mode = current()
    changes = {"traces": (running,), "depth": mode.depth + 1, "grad": True, "observers": (*mode.observers, noting)}
    with _Silence(_name(f)), switch(**changes):
        result = call(list(tensors), list(draws))
    leaves, structure = flatten(result)
    kept: list[Any] = []
    for x in leaves:
        if type(x) is Tensor:
            kept.append(x._record or running.constant(x._data))
        elif isinstance(x, np.ndarray | np.generic):
            kept.append(running.constant(np.asarray(x)))
        else:
            kept.append(x)
    updated = [i for i, (t, r) in enumerate(zip(tensors, inputs, strict=True)) if t._record is not r]
    for i in updated:
        if i not in donated:
            raise CompileError(
                f"{_name(f)} changes its argument {names[i]} in place: name it in donate= to have its array updated,"
                " or return the new value instead"
            )
    outputs = [r for r in kept if isinstance(r, Record)]
    outputs += [tensors[i]._record or running.constant(tensors[i]._data) for i in updated]
    tape = Tape(inputs, running.records, outputs, (), running.stopped)
    of = {id(d): i for i, d in enumerate(draws)}
    for r in running.records:
        for value in (r.params or {}).values():
            if isinstance(value, np.random.Generator) and id(value) not in of:
                raise CompileError(
                    f"{_name(f)}: {r.primitive.name} ({r.where}) draws from a generator that is no argument, and the"  # type: ignore[union-attr]
                    " draw would be the same at every call: pass the generator as an argument"
                )
    return Recording(tape, updated, structure, kept, of, noting.singular)


def _other(a: np.ndarray) -> np.ndarray:
    """Other values that a function of ``a`` takes as well: floats a little larger, whole numbers in another order."""
    if a.dtype.kind in "fc":
        return np.asarray(a * a.dtype.type(1 + 2**-7))
    return a[::-1] if a.ndim else a


def _name(f: Any) -> str:
    return str(getattr(f, "__name__", type(f).__name__))


class _Recorder(Trace):
    """A trace from which no value may be read."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def read(self, r: Record, what: str) -> None:
        place = PLACES.get(what, f"{what}() of a value" if hasattr(builtins, what) else f"reading a value ({what})")
        made = f", of what {r.where} computed" if r.where else f", of {r.name}" if r.name else ""
        raise CompileError(
            f"{self.name}: {place} at {user_line()}{made}: the compiled step would go the same way at every call;"
            f" {WAYS.get(what, LEAVE)}"
        )


_Lock = threading.RLock()  # one recording at a time: what lies outside is looked at before and after


class _Silence:
    """Refuses printing by the thread that records."""

    def __init__(self, name: str) -> None:
        self.name, self.thread = name, threading.get_ident()

    def __enter__(self) -> None:
        self.stdout = sys.stdout
        sys.stdout = self

    def __exit__(self, *_: object) -> None:
        sys.stdout = self.stdout

    def write(self, text: str) -> int:
        if threading.get_ident() != self.thread:
            return self.stdout.write(text)
        raise CompileError(
            f"{self.name}: printing at {user_line()}: a compiled step prints nothing; return the value and print it"
            " outside"
        )

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stdout, name)
