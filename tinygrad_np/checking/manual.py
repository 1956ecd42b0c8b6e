"""`check_manual`: a hand-written gradient function against the tape, over several inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..core.tensor import Tensor
from ..transforms import gradients
from .compare import compare, mapped, named
from .comparison import AGREE, VERDICTS, Comparison, Row
from .kinks import one_sided

__all__ = ["check_manual"]

Array = NDArray[Any]


def check_manual(
    loss: Callable[..., Any],
    manual: Callable[..., Mapping[str, Any]],
    params: Mapping[str, Any],
    *data: Any,
    batches: Sequence[int] | None = None,
    seed: int = 0,
) -> Comparison:
    """Compare a hand-written gradient function with the tape's gradient of the loss, over several inputs.

    The first input is what is given. In the others the parameters get other values (each number times a random factor
    around 1, zeros a small random number), and the data are rows drawn from those given, with replacement: so labels
    stay labels and probabilities stay probabilities, while the number of rows varies. An input on which the loss
    raises or is not finite counts for nothing, and is named.

    Parameters
    ----------
    loss
        ``loss(params, *data)`` in Tensors: one number, or ``(number, {"h": h, ...})`` to compare intermediates too.
    manual
        ``manual(params, *data)`` in plain NumPy: a mapping of names to gradients, of parameters and intermediates.
    params
        Name to array; nested mappings and lists make names like ``layer.w``.
    *data
        Handed on. Arrays that all have the same leading size are taken to have their rows there.
    batches
        How many rows to try, beside those given; ``()`` leaves the data alone. By default as many again, two numbers
        that are no other size at hand, and 1.
    seed
        Of the random numbers.

    Returns
    -------
    Comparison
        For each name the worst over all inputs. Its notes say what was tried, and which mistakes could not have shown.

    Raises
    ------
    TypeError, ValueError
        If what is given or returned is no mapping, or the loss is not one finite number that depends on ``params``.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_np import check_manual
    >>> x, y = np.random.default_rng(0).normal(size=(2, 8, 3))
    >>> def loss(p, x, y):
    ...     return np.mean((x * p["w"] - y) ** 2)
    >>> def manual(p, x, y):
    ...     return {"w": (2 * (x * p["w"] - y) * x).sum(axis=0) / 8}  # of 8 rows with 3 numbers each
    >>> check_manual(loss, manual, {"w": np.ones(3)}, x, y)
    name  shape  verdict  max abs  max rel  ulp  worst at
    w     3      wrong    2.1e+00  2.0e+00    -         0
        off by the factor 3; 3 is w.shape[0] (input as given)
    note: 5 inputs: as given; other parameters with 8, 2, 5 and 1 rows
    the gradient does not agree (1 wrong)
    """
    if not isinstance(params, Mapping):
        raise TypeError(f"check_manual(loss, manual, params, *data): params is a mapping; got {type(params).__name__}")
    rng = np.random.default_rng(seed)
    params, inputs = mapped(_parameter, params), mapped(_plain, list(data))
    rows = _rows(inputs)
    done = [_trial(loss, manual, params, inputs, "as given")]
    skipped: list[str] = []
    for n in _batches(batches, rows, params, inputs):
        drawn = inputs if n is None else _drawn(inputs, rng.integers(0, rows, n))
        label = "with other parameters" if n is None else f"with {n} row{'s' * (n > 1)}"
        try:
            done.append(_trial(loss, manual, _perturbed(params, rng), drawn, label, n))
        except Exception as error:  # what works on the input given may have no meaning on another
            skipped.append(f"{label}: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}")
    merged = [_worst(name, done) for name in dict.fromkeys(r.name for t in done for r in t.comparison.rows)]
    notes = [_tried(done), *(f"not tried {s}" for s in skipped), *_unknown(done), *_blind(done, rows, bool(data))]
    notes += dict.fromkeys(note for t in done for note in t.comparison.notes)
    return Comparison(tuple(merged), tuple(notes))


class _Trial(NamedTuple):
    label: str
    rows: int | None
    comparison: Comparison
    tape: dict[str, Array]  # the gradients it has
    unknown: list[str]  # names that only the hand has, and that are no parameters
    sides: set[str]  # ops that had all elements on one side


def _trial(
    loss: Callable[..., Any],
    manual: Callable[..., Any],
    params: Any,
    data: list[Any],
    label: str,
    rows: int | None = None,
) -> _Trial:
    tensors = mapped(lambda name, a: Tensor(a, requires_grad=a.dtype.kind in "fc", name=name), params)
    value = loss(tensors, *mapped(_plain, data))
    value, inner = value if isinstance(value, tuple) and len(value) == 2 else (value, {})
    if not isinstance(inner, Mapping):
        raise TypeError(
            f"loss must return one number, or (number, mapping of intermediates); got {type(inner).__name__}"
        )
    if type(value) is not Tensor or value.size != 1:
        shape = f" of shape {value.shape}" if type(value) is Tensor else ""
        raise TypeError(f"loss must return a Tensor with one element; got {type(value).__name__}{shape}")
    if not np.isfinite(value.data).all():
        raise ValueError(f"the loss is {value.data}: there is no gradient to compare")
    if not value.requires_grad:
        raise ValueError("the loss depends on no parameter: does it use the params it is given?")
    hand = manual(mapped(_plain, params), *mapped(_plain, data))
    if not isinstance(hand, Mapping):
        raise TypeError(f"manual must return a mapping of names to gradients; got {type(hand).__name__}")
    by_hand = named(hand)
    tape = {name: t for name, t in named(tensors).items() if t.requires_grad}
    tape |= {k: t for k, t in named(inner).items() if k in by_hand and type(t) is Tensor and t.requires_grad}
    unknown = [name for name in by_hand if name not in tape]
    found = compare({k: v for k, v in by_hand.items() if k in tape}, tape, loss=value)
    return _Trial(label, rows, found, gradients(value, tape), unknown, one_sided(value))


def _parameter(name: str, leaf: Any) -> Array:
    array = np.array(leaf.data if type(leaf) is Tensor else leaf)
    if array.dtype.kind not in "fcbiu":
        raise TypeError(f"the parameter {name!r} is not numeric: {type(leaf).__name__} of {array.dtype}")
    return array


def _plain(_: str, leaf: Any) -> Any:
    """A leaf as the user's functions get it: an array of its own, whatever is done to it."""
    if type(leaf) is Tensor:
        return leaf.data.copy()
    return np.array(leaf) if isinstance(leaf, np.ndarray | np.generic | int | float | complex) else leaf


def _rows(data: Any) -> int:
    """The leading size that all data arrays share; 0 if there is none."""
    leading = {a.shape[0] if a.ndim else 0 for a in named(data).values() if isinstance(a, np.ndarray)} - {0}
    return leading.pop() if len(leading) == 1 else 0


def _batches(given: Sequence[int] | None, rows: int, params: Any, data: Any) -> list[int | None]:
    """Numbers of rows to try; None: the data as they are."""
    if not rows:
        return [None] * 3
    if given is not None:
        return [int(n) for n in given] or [None] * 3
    taken = {n for a in named([params, data]).values() if isinstance(a, np.ndarray) for n in a.shape}
    fresh = [n for n in (2, 3, 5, 7, 11, 13, 17, 19) if n not in taken]
    return [*dict.fromkeys((rows, *fresh[:2], 1))]


def _drawn(data: Any, picks: Array) -> Any:
    return mapped(lambda _, a: a[picks] if isinstance(a, np.ndarray) and a.ndim else a, data)


def _perturbed(params: Any, rng: np.random.Generator) -> Any:
    def moved(_: str, a: Any) -> Any:
        if a.dtype.kind not in "fc":
            return a
        # Signs stay: a variance or a scale stays one. A zero, as biases start from, must become something.
        return np.where(a == 0, 0.1 * rng.normal(size=a.shape), a * np.exp(0.3 * rng.normal(size=a.shape))).astype(
            a.dtype
        )

    return mapped(moved, params)


def _worst(name: str, done: list[_Trial]) -> Row:
    """The gravest row of this name; of several alike the first, for a rounding the largest."""
    seen = [(t, r) for t in done for r in t.comparison.rows if r.name == name]
    trial, row = max(seen, key=lambda s: (VERDICTS.index(s[1].verdict), s[1].max_abs if s[1].verdict in AGREE else 0))
    if row.verdict in AGREE or row.verdict == "missing":
        return row
    return replace(row, hint=f"{row.hint} (input {trial.label})".strip())


def _tried(done: list[_Trial]) -> str:
    sizes = [str(t.rows) for t in done[1:] if t.rows is not None]
    others = f"{' and '.join((', '.join(sizes[:-1]), sizes[-1])) if len(sizes) > 1 else sizes[0]} rows" if sizes else ""
    text = f"{len(done)} input{'s' * (len(done) > 1)}: as given"
    if len(done) > 1:
        text += f"; other parameters with {others}" if sizes else "; with other parameters"
    return text


def _unknown(done: list[_Trial]) -> list[str]:
    names = list(dict.fromkeys(name for t in done for name in t.unknown))
    if not names:
        return []
    first = names[0]
    return [
        f'not compared, as loss does not show {", ".join(names)}: return (value, {{"{first}": {first}, ...}}) from it'
    ]


def _blind(done: list[_Trial], rows: int, data: bool) -> list[str]:
    """Which mistakes none of these inputs could have shown."""
    notes, thin = [], []
    if data and all(t.rows is None for t in done):
        notes.append("the number of rows was not varied: a size written as a number would not show")
    if rows and max(t.rows or rows for t in done) == 1:
        notes.append("one row only: a missing 1/N or a missing sum over the rows would not show")
    for name in done[0].tape:
        grads = [t.tape[name] for t in done if name in t.tape]
        if not any(np.any(g) for g in grads):
            notes.append(f"the gradient of {name} is 0 in every input: little is shown about it")
            continue
        # A leading axis of size one is a bias written as a row: nothing runs along it.
        if any(grads[0].shape[i] == 1 for i in range(min(1, grads[0].ndim - 1), grads[0].ndim)):
            thin.append(name)
        square = [g for g in grads if g.ndim == 2 and g.shape[0] == g.shape[1] > 1]
        if len(square) == len(grads) and all(np.allclose(g, g.T) for g in square):
            notes.append(f"the gradient of {name} is symmetric in every input: a transpose would not show")
    if thin:
        notes.append(f"an axis of {', '.join(thin)} has size 1: a sum or a factor 1/n over it would not show")
    sides = set.intersection(*(t.sides for t in done))
    notes += [
        f"{place} had all elements on one side in every input: a wrong mask would not show" for place in sorted(sides)
    ]
    return notes
