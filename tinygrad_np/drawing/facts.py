"""The numbers of a graph: values, cotangents, what is saved for the backward pass, the time of each op.

What a tape has not kept is computed again from its leaves, which is refused where a leaf has changed since.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import numpy as np

from ..core.apply import apply_any
from ..core.backward import Sparse, sweep
from ..core.modes import PLAIN, Mode
from ..core.primitive import item
from ..core.record import FREED, Record, leaf
from ..core.tape import Tape
from ..core.tensor import Tensor

__all__ = ["Facts", "Step", "facts_of", "needed", "saved"]

TIMING, MANY = 0.3, 5000  # seconds spent on measuring ops more than once; of so many records, none
DRAWS = (np.random.Generator, np.random.RandomState)


@dataclass(slots=True)
class Step:
    """One step of the sweep: the cotangent that arrived at a record, and what its rules gave for which argument."""

    record: Record
    cotangent: Any
    contributions: list[tuple[int, Any]]


@dataclass
class Facts:
    """``missing`` says why a record has no value; a value of several outputs is a tuple."""

    values: dict[Record, Any] = field(default_factory=dict)
    missing: dict[Record, str] = field(default_factory=dict)
    seconds: dict[Record, float] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)


def facts_of(tape: Tape, *, grads: bool, root: Any = None, fresh: bool = False) -> Facts:
    """Values and times of a tape's records; with ``grads`` the steps of the sweep from its first output.

    Parameters
    ----------
    root
        The value of the first output, where it is known: computing it again must give it.
    fresh
        The tape was recorded just now, and nothing can have changed.

    Raises
    ------
    RuntimeError
        If a leaf has changed since the tape was recorded, or what the sweep needs is not to be had.
    ValueError
        With ``grads``, if the first output is not one real number.
    """
    _refuse_changed(tape)
    facts = Facts()
    with warnings.catch_warnings(), np.errstate(all="ignore"):  # the program that was recorded has warned already
        warnings.simplefilter("ignore")
        _evaluate(tape, facts, fresh)
        value = facts.values.get(tape.outputs[0]) if tape.outputs else None
        if root is not None and value is not None:
            _must_agree(value, root, "the Tensor has")
        if grads:
            facts.steps = _swept(tape, facts)
    return facts


def _refuse_changed(tape: Tape) -> None:
    for r in tape.records:
        for p in r.inputs:
            if p is not None and p.notes is not None and r.seq > p.notes.changed:
                raise RuntimeError(
                    f"{'the array of ' + repr(p.name) if p.name else f'an array of shape {p.shape}'} was changed after"
                    f" {r.primitive.name} (recorded at {r.where}) had used it, so its values are no longer those of"  # type: ignore[union-attr]
                    " this graph: draw with values= or grads= before the change, or run the forward pass again"
                )


def _must_agree(again: Any, was: Any, who: str) -> None:
    """Refuse values that come out otherwise than they did."""
    a, b = np.asarray(again), np.asarray(was)
    tolerance = 1e-4 if a.dtype in (np.float32, np.complex64) else 1e-2 if a.dtype == np.float16 else 1e-9
    if a.shape != b.shape or not np.allclose(a, b, rtol=tolerance, atol=tolerance, equal_nan=True):
        raise RuntimeError(
            f"computing the values again from the leaves gives another result than {who}: a leaf's array was changed"
            " after the forward pass, or an op draws random numbers; draw before that, or draw(function, *arguments)"
        )


# Values


def _evaluate(tape: Tape, facts: Facts, fresh: bool) -> None:
    values, missing = facts.values, facts.missing
    kept: dict[Record, Any] = {}
    for r in tape.records:
        for p, x in zip(r.inputs, r.values, strict=True):
            if p is not None and isinstance(x, np.ndarray):
                kept.setdefault(p, x)
        if r.y is not None and r.y is not FREED:
            kept[r] = r.y
    unsure: set[Record] = set()  # leaves, and what was computed again of them: to be held against what was kept
    for r in (*tape.inputs, *tape.constants):
        unsure.add(r)
        value = kept.get(r, r.y)  # what was used: the leaf may have got another array since
        if isinstance(value, np.ndarray | tuple):
            values[r] = value
        else:
            missing[r] = "not kept, since no rule needs it: give the Tensor a name, or draw(function, *arguments)"
    spare = TIMING if len(tape) <= MANY else 0
    for r in tape.records:
        xs = [x if p is None else values.get(p) for p, x in zip(r.inputs, r.values, strict=True)]
        lost = next((p for p, x in zip(r.inputs, xs, strict=True) if p is not None and x is None), None)
        prim, params = r.primitive, r.params or {}
        if lost is None and not any(isinstance(v, DRAWS) for v in params.values()):
            spare = _run(r, lambda: prim.forward(*xs, **params), facts, spare)  # type: ignore[union-attr]  # noqa: B023
        again = values.get(r)
        if r in kept:
            values[r] = kept[r]
            missing.pop(r, None)
            if not fresh and isinstance(again, np.ndarray) and not unsure.isdisjoint(r.inputs):
                _must_agree(again, kept[r], f"{prim.name} gave (recorded at {r.where})")  # type: ignore[union-attr]
        elif r not in values and r not in missing:
            missing[r] = "not kept, and what it is made of was not kept either" if lost else "it draws random numbers"
        else:
            unsure.add(r)


def _run(r: Record, forward: Callable[[], Any], facts: Facts, spare: float) -> float:
    """Run one op for its value and its time, more than once where that costs little; gives the time still to spare."""
    try:
        start = perf_counter()
        y = forward()
        took = best = perf_counter() - start
        for _ in range(2 if took * 2 < spare else 0):
            start = perf_counter()
            forward()
            again = perf_counter() - start
            best, took = min(best, again), took + again
    except Exception as error:  # an op of the user's may not run a second time
        facts.missing[r] = f"computing it again failed: {type(error).__name__}: {error}"[:200]
        return spare
    if r.primitive is not item:
        facts.seconds[r] = best
    facts.values[r] = tuple(map(np.asarray, y)) if isinstance(y, tuple) else np.asarray(y)
    return spare - took


# Cotangents


def _swept(tape: Tape, facts: Facts) -> list[Step]:
    root = tape.outputs[0]
    if root.dtype is None or root.size != 1 or root.dtype.kind == "c":
        raise ValueError(
            f"cotangents start from one real number, and the first output is {root.dtype} of shape {root.shape}:"
            " sum it, or leave out grads= and backward="
        )
    if not root.diff:
        raise ValueError("the result depends on nothing that requires a gradient: there are no cotangents to draw")
    steps: list[Step] = []
    back: Mapping[Record, Record] = {}
    if any(r.y is FREED for r in tape.records):
        back = _live_again(tape, facts)
        root = next(new for new, old in back.items() if old is root)

    def see(r: Record, g: Any, contributions: Sequence[tuple[int, Any]]) -> None:
        if r.primitive is item:
            return  # part of the step of the op whose output it is
        steps.append(Step(back.get(r, r), _outward(g, r), [(i, _outward(c, r.inputs[i])) for i, c in contributions]))

    sweep([root], [np.ones(root.shape, root.dtype)], observers=[see])
    return steps


def _outward(g: Any, like: Any) -> Any:
    """A cotangent of ``like`` as ``.grad`` has it: the sweep runs on conjugates of complex ones."""
    if like.dtype is None:
        parts = g if isinstance(g, tuple | list) else (g,)
        return tuple(None if part is None else _outward(part, s) for part, s in zip(parts, like.shape, strict=False))
    return np.conjugate(dense(g)) if like.dtype.kind == "c" else g


def _live_again(tape: Tape, facts: Facts) -> dict[Record, Record]:
    """Records that hold the values again which a backward pass has freed; gives the old record of each."""
    lost = next((r for r in (*tape.inputs, *tape.constants) if r not in facts.values), None)
    if lost is not None:
        raise RuntimeError(
            f"a backward pass has freed the values of this graph, and a constant of shape {lost.shape} was not kept:"
            " draw before backward(), or give the constant a name: Tensor(y, name='y')"
        )
    env: dict[Record, Any] = {}
    back: dict[Record, Record] = {}
    for r in (*tape.inputs, *tape.constants):
        new = leaf(facts.values[r], diff=r.diff)
        env[r] = Tensor._of(facts.values[r], new)
        back[new] = r
    quiet = Mode(grad=False)
    for r in tape.records:
        xs = tuple(x if p is None else env[p] for p, x in zip(r.inputs, r.values, strict=True))
        env[r] = apply_any(r.primitive, xs, r.params, PLAIN if r.diff else quiet, whole=True)  # type: ignore[arg-type]  # no leaf
        made = env[r][0] if isinstance(env[r], tuple) else env[r]
        if type(made) is Tensor and made._record is not None:
            back.setdefault(made._record.p0 if isinstance(env[r], tuple) else made._record, r)
    return back


def dense(c: Any) -> Any:
    """A contribution as an array."""
    return c.join(None, False) if isinstance(c, Sparse) else c


# What is saved


def needed(r: Record) -> list[int]:
    """What the rules of a record need: -1 its output, i its input i."""
    bits = 0
    for i, p in enumerate(r.inputs):
        if p is not None and p.diff:
            bits |= r.primitive.needs(i) or 0  # type: ignore[union-attr]  # no leaf
    if not r.diff:
        return []
    return [i - 1 for i in range(len(r.inputs) + 1) if bits >> i & 1]


def saved(r: Record) -> list[tuple[int, int]]:
    """What the rules keep for the backward pass, with its bytes."""
    found = []
    for i in needed(r):
        source = r if i < 0 else r.inputs[i]
        if source is not None:
            parts = source.shape if source.dtype is None else (source,)
            found.append((i, sum(part.size * part.dtype.itemsize for part in parts)))
    return found
