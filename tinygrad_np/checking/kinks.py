"""Other gradients that are as right: what a tape gives when it takes another side at its kinks.

At relu(0), |0|, a tie of maximum or max, a derivative is a choice between two one-sided ones. Here the kinks on a tape
are found, by asking each op's own rule on either side of where it was run, and the backward pass is run again with
the other choices.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from itertools import islice, product
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..core.backward import sweep
from ..core.primitive import Primitive
from ..core.record import ABSENT, FREED, MANY, Record
from ..core.tape import Tape, tape_of
from ..core.tensor import Tensor

__all__ = ["Kinks", "find_kinks", "one_sided"]

Array = NDArray[Any]

TWO_SIDED = ("relu", "leaky_relu", "absolute", "maximum", "minimum", "fmax", "fmin", "clip")
MOST = 81  # backward passes; four groups of kinks with three choices each
# One side of the point, the side of the larger or of the smaller slope (closed or open intervals), or the middle.
SIDES = ("up", "down", "steep", "flat", "middle")

Weights = tuple[Any, ...]  # local derivatives of one record, one array an argument


class Kink(NamedTuple):
    record: Record
    elements: int  # how many lie at a kink
    choices: list[Callable[..., Any]]  # rules in place of its own: one gives the cotangents of all arguments
    sides: dict[str, int]  # which choice each of SIDES is; -1: its own


class Kinks:
    """The kinks on the tape of a scalar Tensor.

    Attributes
    ----------
    found : list of Kink
    blind : str
        Why there may be more: what of the tape could not be looked at. Empty if all was.
    """

    def __init__(self, root: Record, tape: Tape, found: list[Kink], blind: str) -> None:
        self.root, self.tape, self.found, self.blind = root, tape, found, blind

    def __str__(self) -> str:
        """Where they are: ``relu (net.py:12), 3 elements``."""
        return "; ".join(f"{_place(k.record)}, {k.elements} element{'s' * (k.elements > 1)}" for k in self.found)

    def gradients(self, target: Record) -> Iterator[Array]:
        """The gradient by ``target`` under each choice that is not the tape's own; at most 81 of them.

        All elements of an op choose alike, as code does; with many ops, all ops of one name do, or all ops.
        """
        by_name: dict[str, list[Kink]] = {}
        for k in self.found:
            by_name.setdefault(_name(k.record), []).append(k)
        for groups in ([[k] for k in self.found], list(by_name.values()), [self.found]):
            options = [_options(group) for group in groups]
            if np.prod([float(len(o)) for o in options]) <= MOST:
                break
        for picked in islice(product(*options), 1, None):  # the first is the tape's own
            chosen = (
                (k, i) for group, picks in zip(groups, picked, strict=True) for k, i in zip(group, picks, strict=True)
            )
            yield self._swept({k.record: k.choices[i] for k, i in chosen if i >= 0}, target)

    def own(self, target: Record) -> Array:
        """The gradient by ``target`` as the tape has it."""
        return self._swept({}, target)

    def _swept(self, swaps: Mapping[Record, Callable[..., Any]], target: Record) -> Array:
        copies = _rewired(self.tape, swaps)
        root, wanted = copies.get(self.root, self.root), copies.get(target, target)
        found = sweep([root], [np.ones(root.shape, root.dtype)], targets=[wanted])
        return np.asarray(found[wanted]) if wanted in found else np.zeros(target.shape, target.dtype)


def _options(group: list[Kink]) -> list[tuple[int, ...]]:
    """What the kinks of a group may choose together, their own first."""
    if len(group) == 1:
        return [(i,) for i in range(-1, len(group[0].choices))]
    own = (-1,) * len(group)
    return list(dict.fromkeys([own, *(tuple(k.sides.get(side, -1) for k in group) for side in SIDES)]))


def find_kinks(loss: Tensor) -> Kinks:
    """The exact kinks and ties that the forward pass of ``loss`` hit."""
    root = loss.record
    if root is None or not root.diff:
        raise ValueError("loss= must be a Tensor with a tape: it depends on nothing that requires a gradient")
    tape = tape_of(loss)
    if any(r.y is FREED for r in tape.records):
        why = "the values of the tape were freed by backward(): pass retain_graph=True to look for kinks"
        return Kinks(root, tape, [], why)
    if any(_changed(r) for r in tape.records):
        return Kinks(root, tape, [], "a value on the tape was changed since: kinks were not looked for")
    values = _values(tape)
    found: list[Kink] = []
    unseen: list[str] = []
    for r in tape.records:
        prim = r.primitive
        if prim is None or not r.diff or r.dtype is None or prim.linear:
            continue
        extremum = prim.name in ("max", "min")
        if not (prim.elementwise or extremum):
            continue
        xs = [x if p is None else values.get(p) for p, x in zip(r.inputs, r.values, strict=True)]
        if any(x is None for x in xs):
            unseen.append(_place(r))
            continue
        with np.errstate(all="ignore"):
            kink = _ties(r, xs[0]) if extremum else _bends(r, prim, xs)
        if kink is not None:
            found.append(kink)
    ops = ", ".join(dict.fromkeys(unseen))
    return Kinks(root, tape, found, ops and f"the inputs of {ops} were not kept: kinks there are not seen")


def one_sided(loss: Tensor) -> set[str]:
    """The ops with two sides, as relu, that had all their elements on one: a wrong mask would not show there."""
    tape = tape_of(loss)
    values, found = _values(tape), set()
    for r in tape.records:
        if _name(r) in TWO_SIDED and r.diff and r.primitive is not None and r.size > 1:
            xs = [x if p is None else values.get(p) for p, x in zip(r.inputs, r.values, strict=True)]
            if all(x is not None for x in xs):
                slopes = [w for w in _weights(r, r.primitive, xs) if w is not None]
                if all(np.all(w == w.flat[0]) for w in slopes):
                    found.add(_place(r))
    return found


def _name(r: Record) -> str:
    return "" if r.primitive is None else str(r.primitive.name)


def _place(r: Record) -> str:
    return f"{_name(r)} ({r.where})" if r.where else _name(r)


def _changed(r: Record) -> bool:
    """Whether an input was written to after the record had used it. The clock runs backwards."""
    return any(p is not None and p.notes is not None and r.seq > p.notes.changed for p in r.inputs)


def _values(tape: Tape) -> dict[Record, Any]:
    """The value of every record: as kept somewhere on the tape, else computed again."""
    values: dict[Record, Any] = {}
    for r in (*tape.inputs, *tape.records):
        if isinstance(r.y, np.ndarray | tuple):
            values[r] = r.y
        kept = zip(r.inputs, r.values, strict=True)
        values |= {p: x for p, x in kept if p is not None and isinstance(x, np.ndarray)}
    for r in tape.constants:
        if isinstance(r.y, np.ndarray):
            values[r] = r.y
    for r in tape.records:
        if r in values:
            continue
        xs = [x if p is None else values.get(p) for p, x in zip(r.inputs, r.values, strict=True)]
        if not any(p is not None and x is None for p, x in zip(r.inputs, xs, strict=True)):
            with np.errstate(all="ignore"):
                y = r.primitive.forward(*xs, **(r.params or {}))  # type: ignore[union-attr]  # records are no leaves
            values[r] = y if isinstance(y, tuple) else np.asarray(y)
    return values


def _bends(r: Record, prim: Primitive, xs: list[Any]) -> Kink | None:
    """The elements of an elementwise op where its derivatives differ on the two sides of an input."""
    here = _weights(r, prim, xs)
    at = np.zeros(r.shape, bool)
    choices: list[Weights] = []
    sides: dict[str, int] = {}
    for i, x in enumerate(xs):
        x = np.asarray(x)
        if x.dtype.kind != "f":
            continue
        info = np.finfo(x.dtype)
        step = np.maximum(4 * info.eps * np.abs(x), info.tiny)
        up, down = (_weights(r, prim, [*xs[:i], x + s, *xs[i + 1 :]]) for s in (step, -step))
        bent = np.zeros(r.shape, bool)
        for a, b in zip(up, down, strict=True):
            if a is not None and b is not None:
                gap = np.abs(a - b)
                sizes = np.abs(a), np.abs(b)
                level = max(1.0, *(float(np.max(s, initial=0, where=np.isfinite(s))) for s in sizes))
                bent |= np.isfinite(gap) & (gap > np.sqrt(info.eps) * level)  # a smooth one moves by some eps
        if np.any(bent):
            at |= bent
            rising = next(a >= b for a, b in zip(up, down, strict=True) if a is not None and b is not None)
            shares = np.ones_like(rising), np.zeros_like(rising), rising, ~rising, np.full(r.shape, 0.5)
            for name, share in zip(SIDES, shares, strict=True):
                mixed = (None if h is None else _mixed(share, a, b) for a, b, h in zip(up, down, here, strict=True))
                side = tuple(None if s is None else np.where(bent, s, h) for s, h in zip(mixed, here, strict=True))
                index = next((j for j, c in enumerate((here, *choices)) if _same(side, c)), len(choices) + 1) - 1
                choices += [side] if index == len(choices) else []
                sides.setdefault(name, index)
    if not choices:
        return None
    return Kink(r, int(np.sum(at)), [_elementwise_rule(w) for w in choices], sides)


def _mixed(share: Array, a: Any, b: Any) -> Any:
    return np.where(share == 1, a, np.where(share == 0, b, (a + b) / 2))


def _weights(r: Record, prim: Primitive, xs: list[Any]) -> Weights:
    """dy/dx for each argument, of the output's shape, from the op's own rules."""
    y = np.asarray(prim.forward(*xs, **(r.params or {})))
    g = np.ones(y.shape, y.dtype)
    rules = prim.vjps if prim.fixed else prim.rules(len(xs))
    wanted = [p is not None and p.diff and rule is not None for p, rule in zip(r.inputs, rules, strict=True)]
    return tuple(
        np.broadcast_to(np.asarray(rule(g, y, *xs, **(r.params or {}))), y.shape) if want and rule is not None else None
        for want, rule in zip(wanted, rules, strict=True)
    )


def _same(a: Weights, b: Weights) -> bool:
    pairs = zip(a, b, strict=True)
    return all(p is q if p is None or q is None else np.array_equal(p, q, equal_nan=True) for p, q in pairs)


def _elementwise_rule(weights: Weights) -> Callable[..., Any]:
    return lambda g, i: g * weights[i]


def _ties(r: Record, x: Any) -> Kink | None:
    """A max or min that several elements attain: the first may take all, or the last; the tape's is shared."""
    params = r.params or {}
    axis = params.get("axis")
    axes = tuple(range(x.ndim)) if axis is None else np.lib.array_utils.normalize_axis_tuple(axis, x.ndim)
    extreme = (np.max if _name(r) == "max" else np.min)(x, axis=axes, keepdims=True) if x.size else x
    attained = x == extreme
    ties = int(np.sum(np.sum(attained, axis=axes) > 1))
    if not ties:
        return None
    rest = [i for i in range(x.ndim) if i not in axes]
    order = [*rest, *axes]
    flat = np.transpose(attained, order).reshape([x.shape[i] for i in rest] + [-1])
    choices: list[Callable[..., Any]] = []
    for chosen in (np.argmax(flat, axis=-1), flat.shape[-1] - 1 - np.argmax(flat[..., ::-1], axis=-1)):
        one = np.arange(flat.shape[-1]) == chosen[..., None]
        weights = np.transpose(one.reshape([x.shape[i] for i in order]), np.argsort(order))
        choices.append(lambda g, _i, w=weights: np.reshape(g, extreme.shape) * w)
    return Kink(r, ties, choices, {"up": 0, "down": 1, "steep": 0, "flat": 1})


def _rewired(tape: Tape, swaps: Mapping[Record, Callable[..., Any]]) -> dict[Record, Record]:
    """Copies of the records with these rules in place of their own, and of all that follows them."""
    copies: dict[Record, Record] = {}
    for r in tape.records:
        if r not in swaps and not any(p in copies for p in r.inputs if p is not None):
            continue
        new = copies[r] = copy.copy(r)
        if r.p1 is MANY:
            new.p0 = tuple(p if p is None else copies.get(p, p) for p in r.p0)
        else:
            new.p0 = copies.get(r.p0, r.p0)
            new.p1 = r.p1 if r.p1 is ABSENT else copies.get(r.p1, r.p1)
        if r in swaps:
            new.primitive = _with_rule(r.primitive, swaps[r], len(r.inputs))  # type: ignore[arg-type]  # no leaf has a rule
    return copies


def _with_rule(prim: Primitive, rule: Callable[..., Any], n: int) -> Primitive:
    other = copy.copy(prim)
    other.fixed, other.singular = True, False
    other.vjps = tuple(None if v is None else _argument(rule, i) for i, v in enumerate(prim.vjps[:n]))
    return other


def _argument(rule: Callable[..., Any], i: int) -> Callable[..., Any]:
    return lambda g, *_xs, **_params: rule(g, i)
