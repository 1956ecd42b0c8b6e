"""Hand-written gradients against the tape's, name by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.record import Record
from ..core.tape import tape_of
from ..core.tensor import Tensor
from ..numeric import epsilon, rounding, ulp_distance
from ..transforms import gradients
from .comparison import Comparison, Row
from .diagnose import diagnose
from .kinks import Kinks, find_kinks

__all__ = ["compare", "mapped", "named"]

Array = NDArray[Any]


def compare(
    manual: Mapping[str, Any],
    auto: Mapping[str, Any],
    *,
    loss: Tensor | None = None,
    sizes: Mapping[str, int] | None = None,
) -> Comparison:
    """Compare hand-written gradients with the tape's.

    Shapes are compared before values, and nothing is accepted because it broadcasts. Values may lie apart by
    ``8 eps sqrt(n) max|auto|`` with the eps of the coarser dtype and n the largest size at hand; without ``loss`` or
    ``sizes``, which tell of the sums on the way, at least 65,536. Where cancellation makes a gradient identically zero,
    both sides may be anything below 4 eps of the largest gradient of all.

    Parameters
    ----------
    manual, auto
        Name to array; mappings and lists in them are compared leaf by leaf, as ``layer.w`` or ``0.w``. A Tensor that
        requires a gradient stands for its ``.grad``, any other for its array. None: no gradient.
    loss
        The scalar Tensor that all are gradients of. With it, gradients of Tensors without ``.grad`` are taken from its
        tape, and a difference that another subgradient at an exact kink explains is called ``kink``; run backward
        with ``retain_graph=True``, or not at all.
    sizes
        Sizes that a hint may name, such as ``{"batch": 64}``.

    Raises
    ------
    TypeError
        If something is no mapping, or a gradient is not numeric.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_np import Tensor, compare
    >>> x, w = np.array([[1.0, 2.0], [3.0, 4.0]]), Tensor([0.5, -1.0], requires_grad=True)
    >>> loss = np.sum((x @ w) ** 2)
    >>> compare({"w": x.T @ (x @ w.data)}, {"w": w}, loss=loss)
    name  shape  verdict  max abs  max rel  ulp  worst at
    w     2      wrong    1.3e+01  5.0e-01    -         1
        off by the factor 1/2
    the gradient does not agree (1 wrong)
    """
    hand, tape = _arguments(manual, "manual"), _arguments(auto, "auto")
    if loss is not None and (type(loss) is not Tensor or loss.size != 1):
        raise TypeError(f"loss= must be a Tensor with one element; got {loss!r:.60}")
    whose = {name: t.record for name, t in tape.items() if type(t) is Tensor and t.requires_grad}
    G = {name: _gradient(name, v, None) for name, v in hand.items()}
    T = {name: _gradient(name, v, loss) for name, v in tape.items()}
    arrays = [a for a in (*G.values(), *T.values()) if a is not None]
    records = [] if loss is None else [r for r in _records(loss) if r.dtype is not None]
    known = [(name, a.shape) for name, a in T.items() if a is not None] + [(r.name, r.shape) for r in records if r.name]
    judge = _Judge(
        n=max(
            [
                1 if loss is not None or sizes else UNSEEN,
                *(a.size for a in arrays),
                *(r.size for r in records),
                *(sizes or {}).values(),
            ]
        ),
        largest=max((_finite_max(a) for a in T.values() if a is not None), default=0.0),
        sizes={f"{name}.shape[{i}]": n for name, shape in reversed(known) for i, n in enumerate(shape)}
        | dict(sizes or {}),
        loss=loss,
    )
    rows = [judge.row(name, G.get(name), T.get(name), whose.get(name)) for name in dict.fromkeys((*hand, *tape))]
    rows = [_explained(r, hand.get(r.name), tape.get(r.name), loss) for r in rows]
    notes = (judge.kinks.blind,) if judge.kinks is not None and judge.kinks.blind else ()
    return Comparison(tuple(rows), notes)


UNSEEN = (
    2**16
)  # terms of a sum that nobody has told of: a batch is summed away in a gradient, and leaves no trace in it


class _Judge:
    """The verdict on one name after the other, with what they share."""

    def __init__(self, n: int, largest: float, sizes: Mapping[str, int], loss: Tensor | None) -> None:
        self.n, self.largest, self.sizes, self.loss = n, largest, sizes, loss
        self.kinks: Kinks | None = None  # looked for when first needed

    def row(self, name: str, G: Array | None, T: Array | None, target: Record | None) -> Row:
        if G is None or T is None:
            verdict = "exact" if G is T else "missing" if G is None else "extra"
            return Row(name, None if G is None else G.shape, None if T is None else T.shape, verdict)
        if G.shape != T.shape:
            found = diagnose(G, T, self.sizes)
            return Row(name, G.shape, T.shape, "shape", hint=found.text if found else "")
        if not G.size:
            return Row(name, G.shape, T.shape, "exact", 0.0, 0.0, 0)
        if np.array_equal(G, T):
            return Row(name, G.shape, T.shape, "exact", 0.0, 0.0, 0)
        apart, relative = _distances(G, T)
        worst = np.unravel_index(int(np.argmax(np.where(np.isnan(apart), np.inf, apart))), apart.shape)
        nans = np.isnan(G), np.isnan(T)
        if np.any(nans[0] | nans[1]):
            worst = np.unravel_index(int(np.argmax(nans[0] | nans[1])), apart.shape)
        ulp = int(np.max(ulp_distance(G, T)))
        index = tuple(int(i) for i in worst)
        worst_numbers = float(np.max(apart)), float(np.max(relative)), ulp, index
        row = Row(name, G.shape, T.shape, "wrong", *worst_numbers, hint=_nan_hint(*nans))
        if row.hint:
            return row
        if row.max_abs == 0:
            return replace(row, verdict="exact")
        if self._close(G, T):
            return replace(row, verdict="rounding")
        if max(np.max(np.abs(G)), np.max(np.abs(T))) <= 4 * epsilon(G, T) * self.largest:
            hint = f"both are 0 but for rounding, beside the largest gradient, {self.largest:.1e}"
            return replace(row, verdict="rounding", hint=hint)
        kink = self._kink(G, T, target)
        if kink is not None:
            return replace(row, verdict="kink", hint=f"another subgradient at {kink}")
        found = diagnose(G, T, self.sizes)
        return replace(row, hint=found.text if found else _whereabouts(apart > self._tolerance(G, T)))

    def _tolerance(self, G: Array, T: Array) -> float:
        return rounding(self.n, _finite_max(T), G, T)

    def _close(self, G: Array, T: Array) -> bool:
        return bool(np.all(_distances(G, T)[0] <= self._tolerance(G, T)))

    def _kink(self, G: Array, T: Array, target: Record | None) -> Kinks | None:
        if self.loss is None or target is None:
            return None
        if self.kinks is None:
            self.kinks = find_kinks(self.loss)
        if not self.kinks.found or not self._close(self.kinks.own(target), T):
            return None  # .grad holds something else than this loss gives: a kink of this loss cannot explain it
        explained = any(self._close(G, other) for other in self.kinks.gradients(target))
        return self.kinks if explained else None


def named(tree: Any) -> dict[str, Any]:
    """The leaves of nested mappings, lists and tuples by path, ``layer.0.w``. A list of plain numbers is a leaf."""
    found: dict[str, Any] = {}
    mapped(found.__setitem__, tree)
    return found


def mapped(f: Callable[[str, Any], Any], tree: Any, path: str = "") -> Any:
    """``f(path, leaf)`` of every leaf, in the same structure."""

    def below(key: Any, value: Any) -> Any:
        return mapped(f, value, f"{path}.{key}" if path else str(key))

    if isinstance(tree, Mapping):
        return {key: below(key, value) for key, value in tree.items()}
    if isinstance(tree, list | tuple) and any(
        isinstance(v, Mapping | list | tuple | np.ndarray | Tensor) for v in tree
    ):
        values = [below(i, value) for i, value in enumerate(tree)]
        return type(tree)(*values) if hasattr(tree, "_fields") else type(tree)(values)
    return f(path, tree)


def _arguments(given: Any, which: str) -> dict[str, Any]:
    if not isinstance(given, Mapping):
        raise TypeError(
            f"compare(manual, auto) takes mappings of names to gradients; {which} is a {type(given).__name__}."
            f' For one gradient write compare({{"w": ...}}, {{"w": ...}})'
        )
    return named(given)


def _gradient(name: str, value: Any, loss: Tensor | None) -> Array | None:
    if value is None:
        return None
    if type(value) is Tensor:
        if not value.requires_grad:
            value = value.data
        elif value.grad is not None:
            value = value.grad
        elif loss is None or not loss.requires_grad:
            return None
        else:
            try:
                value = gradients(loss, value)
            except RuntimeError:  # freed, or changed: as if there were no loss
                return None
    if type(value) is Tensor:
        value = value.data
    array = np.asarray(value)
    if array.dtype.kind not in "fcbiu":
        raise TypeError(f"the gradient {name!r} is not numeric: {type(value).__name__} of {array.dtype}")
    return array


def _explained(row: Row, hand: Any, tape: Any, loss: Tensor | None) -> Row:
    """The hint of a row with a side missing."""
    if row.verdict not in ("missing", "extra"):
        return row
    tensor = tape if row.verdict == "extra" else hand
    if type(tensor) is not Tensor:
        return row
    if loss is not None:
        return replace(
            row, hint="its .grad is None and the tape is freed: backward(retain_graph=True), or no backward()"
        )
    return replace(
        row,
        hint="its .grad is None: call backward() on the loss (and retain_grad() on an intermediate before), pass loss=,"
        " or give .data if this Tensor is itself the gradient",
    )


def _distances(G: Array, T: Array) -> tuple[Array, Array]:
    """|G - T|, absolute and relative to |T|; 0 where both are the same infinity."""
    wide = np.complex128 if "c" in (G.dtype.kind, T.dtype.kind) else np.result_type(G, T, np.float64)
    G, T = G.astype(wide), T.astype(wide)
    with np.errstate(all="ignore"):
        apart = np.where(G == T, 0.0, np.abs(G - T))
        return apart, np.where(apart == 0, 0.0, apart / np.abs(T))


def _finite_max(T: Array) -> float:
    size = np.abs(T)
    return float(np.max(size, initial=0, where=np.isfinite(size)))


def _nan_hint(G: Array, T: Array) -> str:
    if np.any(G & T):
        return f"NaN on both sides at {int(np.sum(G & T))} of {G.size} elements: nothing can be said of these"
    if np.any(G):
        return f"NaN by hand at {int(np.sum(G))} of {G.size} elements"
    return f"NaN on the tape at {int(np.sum(T))} of {T.size} elements" if np.any(T) else ""


def _whereabouts(off: Array) -> str:
    """Where the error lives, if it does not live everywhere."""
    n = int(np.sum(off))
    if off.ndim > 1:
        for axis in range(off.ndim):
            others = tuple(i for i in range(off.ndim) if i != axis)
            hit = np.flatnonzero(np.any(off, axis=others))
            if len(hit) <= min(3, off.shape[axis] - 1):
                return f"the error lives at {', '.join(map(str, hit))} of axis {axis} only"
    return f"{n} of {off.size} elements are off" if n < off.size else ""


def _records(loss: Tensor) -> list[Record]:
    tape = tape_of(loss)
    return [*tape.inputs, *tape.records]
