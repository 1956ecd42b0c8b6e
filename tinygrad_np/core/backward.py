"""The cotangent sweep: from outputs back to leaves, each record once, youngest first.

`sweep` is the whole of reverse mode. It runs on raw arrays or, given ``lift``, on Tensors, and is then itself
recorded; the rules are the same. Rules follow the plain transpose (no conjugates); complex cotangents are conjugated
at the two ends of a sweep, so that a gradient is dL/dRe + i dL/dIm, as in PyTorch, and ``w -= lr * grad`` descends.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from heapq import heapify, heappop, heappush, heappushpop
from sys import getrefcount
from typing import Any

import numpy as np

from .modes import Mode
from .record import ABSENT, FREED, MANY, Record

__all__ = ["Sparse", "exclusive", "hooks", "observers", "sweep", "unbroadcast"]

ndarray = np.ndarray
Lift = Callable[[Any, Record], Any]


class Sparse:
    """A cotangent that is mostly zero, as a rule may return it: accumulation adds it into what is there.

    ``join(held, owned)`` gives the sum with ``held`` (None at first), in place if ``owned``.
    """

    __slots__ = ()

    def join(self, held: Any, owned: bool) -> Any:
        raise NotImplementedError


def sweep(
    roots: Sequence[Record],
    seeds: Sequence[Any],
    targets: Sequence[Record] | None = None,
    lift: Lift | None = None,
    observers: Sequence[Callable[..., object]] = (),
    retain: bool = True,
    masked: Container[Record] | bool | None = None,
) -> dict[Record, Any]:
    """Cotangents of ``targets``, or of all leaves (and of intermediates that keep their gradient).

    Where a cotangent is zero, an infinite or NaN local derivative contributes zero. No rule guards for it: if a
    gradient comes out non-finite and a singular op was met, the sweep runs once more, masked. ``masked`` decides
    beforehand where: at these records, everywhere or nowhere.
    """
    first = bool(observers) if masked is None else masked  # observers are to see each record once
    found, swept, singular = _pass(roots, seeds, targets, lift, observers, first)
    if singular and masked is None and not (first or all(map(_finite, found.values()))):
        found, swept, _ = _pass(roots, seeds, targets, lift, observers, True)
    if not retain:
        for r in swept:
            r.free()
    for r in found:
        if r.dtype.kind == "c":
            found[r] = np.conjugate(found[r])
    return found


def _pass(
    roots: Sequence[Record],
    seeds: Sequence[Any],
    targets: Sequence[Record] | None,
    lift: Lift | None,
    observers: Sequence[Callable[..., object]],
    masked: Container[Record] | bool,
) -> tuple[dict[Record, Any], list[Record], bool]:
    wanted = frozenset(targets or ())
    oldest = 1 if targets is None else max((r.seq for r in wanted), default=-np.inf)  # what is older leads to none
    found: dict[Record, Any] = {}
    swept: list[Record] = []
    quiet = None  # the error state to come back to, once a singular op has been met
    pending: dict[Record, Any] = {}
    for r, seed in zip(roots, seeds, strict=True):
        _add(found if r.primitive is None else pending, r, np.conjugate(seed) if r.dtype.kind == "c" else seed)
    heap = [(r.seq, r) for r in pending]
    heapify(heap)
    new: Any = None  # what is about to go on the heap: along a chain it is the next to come off

    try:
        while heap or new is not None:
            seq, r = heappop(heap) if new is None else heappushpop(heap, new) if heap else new
            new = None
            prim: Any = r.primitive  # no leaf is on the heap
            notes = r.notes
            if (notes is not None and notes.owner is not None) or (wanted and r in wanted):
                found[r] = pending[r]
                if seq == oldest:
                    continue
            g = pending.pop(r)
            y = r.y
            p1 = r.p1
            params = r.params
            if y is FREED:
                raise RuntimeError(_spent(r))
            if p1 is ABSENT:
                parents, xs = (r.p0,), (r.x0,)  # type: tuple[Any, ...], tuple[Any, ...]
            elif p1 is MANY:
                parents, xs = r.p0, r.x0
            else:
                parents, xs = (r.p0, p1), (r.x0, r.x1)
            if y is None:
                y = r  # stands in: shape and dtype
            elif notes is not None and notes.changed:
                raise RuntimeError(_changed(r, r))
            if r.dtype is None:
                g = prim.fill(r, g)
            if lift is not None:
                xs = tuple([lift(x, p) if type(x) is ndarray and p is not None else x for x, p in zip(xs, parents)])
                y = y if y is r else lift(y, r)
            rules = prim.vjps if prim.fixed else prim.rules(len(parents))
            if prim.singular and quiet is None:
                quiet = np.seterr(all="ignore")  # its warnings would point into the engine; detect_anomaly names the op
            swept.append(r)
            if observers:
                contributions: list[tuple[int, Any]] = []
            i = -1
            for p in parents:
                i += 1
                if p is None:
                    continue
                if p.notes is not None and seq > p.notes.changed and (prim.view or type(xs[i]) is not Record):
                    raise RuntimeError(_changed(r, p))
                if not p.diff or p.seq > oldest or rules[i] is None:
                    continue
                try:
                    if params is not None:
                        c = rules[i](g, y, *xs, **params)
                    elif p1 is ABSENT:  # spelled out: a starred call is slower
                        c = rules[i](g, y, xs[0])
                    elif p1 is MANY:
                        c = rules[i](g, y, *xs)
                    else:
                        c = rules[i](g, y, xs[0], xs[1])
                except Exception as error:
                    _say_where(error, r, i)
                    raise
                if masked and prim.elementwise and (masked is True or r in masked):
                    c = np.where((g == 0) & ~np.isfinite(c), 0, c)
                if type(c) is not ndarray or c.shape != p.shape or c.dtype is not p.dtype:
                    c = _fitted(c, r, i, p)
                if observers:
                    contributions.append((i, c))
                cotangents = found if p.primitive is None else pending  # a leaf leads nowhere
                if p in cotangents:
                    _add(cotangents, p, c)
                else:
                    if cotangents is pending:
                        if new is not None:
                            heappush(heap, new)
                        new = (p.seq, p)
                    cotangents[p] = c if type(c) is ndarray else _first(c)
            if observers:
                for see in observers:
                    see(r, g, contributions)
        for see in observers:
            for r in found:
                if r.primitive is None or r.seq == oldest:
                    see(r, found[r], ())
    finally:
        if quiet is not None:
            np.seterr(**quiet)
    return found, swept, quiet is not None


class hooks:
    """While none is registered, no sweep looks for hooks."""

    registered = 0


def observers(mode: Mode) -> Sequence[Callable[..., object]]:
    """Who watches a sweep that starts in this mode."""
    return (*mode.observers, _call_hooks) if hooks.registered else mode.observers


def _call_hooks(r: Record, g: Any, _contributions: Any) -> None:
    for hook in r.notes.hooks if r.notes is not None else ():
        hook(np.conjugate(g) if r.dtype.kind == "c" else g)


def exclusive(held: dict[Record, Any], r: Record) -> bool:
    """Whether nothing but ``held`` refers to the array ``held[r]``, so that it may be written to or given away.

    Two references: the dictionary's and the one on its way to getrefcount. Anybody else's, a view's too, adds to it.
    """
    if getrefcount(held[r]) != 2:
        return False
    array = held[r]
    return type(array) is ndarray and array.base is None and array.flags.writeable


def _add(pending: dict[Record, Any], p: Record, c: Any) -> None:
    """Add to the cotangent of ``p``: the first is taken as it is, the second makes a buffer that others add to."""
    if p not in pending:
        pending[p] = _first(c)
        return
    owned = exclusive(pending, p)
    if isinstance(c, Sparse):
        pending[p] = c.join(pending[p], owned)
    elif owned and type(c) is ndarray:
        np.add(pending[p], c, out=pending[p])
    else:
        pending[p] = pending[p] + c


def _first(c: Any) -> Any:
    return c.join(None, False) if isinstance(c, Sparse) else c


def _fitted(c: Any, r: Record, i: int, p: Record) -> Any:
    """The contribution of record ``r`` to its input ``i``, brought to that input's shape and dtype."""
    if type(c) is not ndarray:
        if isinstance(c, Sparse):
            return c
        if c is None:
            raise TypeError(
                f"the rule of {r.primitive.name} for argument {i} returned None; an argument without a gradient is"  # type: ignore[union-attr]  # a leaf has no contributions
                " declared by None in place of its rule"
            )
        if not hasattr(c, "dtype") or isinstance(c, np.generic):
            c = np.asarray(c)  # 0-d arrays stay arrays
    if c.shape != p.shape:
        core = r.primitive.core_dims  # type: ignore[union-attr]  # a leaf has no contributions
        if core is not None:
            c = unbroadcast(c, p.shape, r.shape, core)
        if c.shape != p.shape:
            raise ValueError(
                f"the rule of {r.primitive.name} for argument {i} returned a cotangent of shape {c.shape};"  # type: ignore[union-attr]
                f" the argument has shape {p.shape} (recorded at {r.where})"
            )
    if c.dtype != p.dtype:
        c = (np.real(c) if c.dtype.kind == "c" != p.dtype.kind else c).astype(p.dtype)
    return c


def unbroadcast(c: Any, shape: tuple[int, ...], out: tuple[int, ...], core: int = 0) -> Any:
    """Sum ``c`` over the axes along which an input of ``shape`` was broadcast to the output shape ``out``.

    The last ``core`` axes are not broadcast (two for a matrix product). A ``c`` that has not the broadcast
    shape is returned as it is: the caller reports it.
    """
    if core == 0 and c.shape == out and out[1:] == shape:
        return np.add.reduce(c, axis=0)  # a bias: by far the most common
    batch, loops = c.shape[: c.ndim - core], shape[: len(shape) - core]
    lead = len(batch) - len(loops)
    if lead < 0 or batch != out[: len(out) - core]:
        return c
    axes = tuple(i for i, n in enumerate(batch) if i < lead or (loops[i - lead] == 1 != n))
    return np.add.reduce(c, axis=axes).reshape(shape[: len(loops)] + c.shape[c.ndim - core :])


def _finite(g: Any) -> bool:
    """Whether all of ``g`` is finite, in one pass and no temporary: an overflow only costs a needless second sweep."""
    flat = np.asarray(getattr(g, "_data", g)).reshape(-1)  # of a Tensor, in a recorded sweep, the array
    return bool(np.isfinite(np.dot(flat, flat)))


def _say_where(error: Exception, r: Record, i: int) -> None:
    error.add_note(f"in the rule of {r.primitive.name} for argument {i} (recorded at {r.where})")  # type: ignore[union-attr]  # no leaf
    if "'Record'" in str(error):
        error.add_note("an underscored argument offers shape and dtype only: drop the underscore")


def _spent(r: Record) -> str:
    return (
        f"backward() came to {r.primitive.name} (recorded at {r.where}) a second time, and the first freed the values"  # type: ignore[union-attr]
        " that rules need: pass retain_graph=True to the first backward(), or run the forward pass again"
    )


def _changed(r: Record, p: Record) -> str:
    who = f"the array of {p.name!r}" if p.name else f"an array of shape {p.shape}"
    return (
        f"{who} was changed in place after {r.primitive.name} (recorded at {r.where}) had used it, and the gradient"  # type: ignore[union-attr]
        " needs the old value: run backward() before the change, or the forward pass again after it"
    )
