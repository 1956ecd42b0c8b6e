"""Why a gradient is wrong: what `diagnose` can prove from two arrays, and what the op's operands prove beyond that.

A hypothesis is a statement about numbers, and is said only where they prove it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.primitive import Primitive
from ..diagnose import Diagnosis, diagnose
from .call import Call
from .point import Point, Truth
from .trials import tried, with_rules

__all__ = ["explain", "swapped_operands"]

Array = NDArray[Any]
OUTPUT = "the output"


def explain(point: Point, i: int, G: Array, truth: Truth) -> Diagnosis | None:
    """What is wrong with the gradient ``G`` by argument ``i``; None if nothing can be proved."""
    call, T = point.call, truth.value
    if T.dtype.kind == "c":
        return _complex(G, T)
    if any(y.dtype.kind != "f" for y in point.problem.ys):
        return None
    if G.shape == T.shape and not np.isfinite(G).all():
        return _not_finite(call.xs[i], G, call.names[i])
    room = float(np.max(truth.room, initial=0))

    def same(a: Array, b: Array) -> bool:
        return a.shape == b.shape and bool(np.all(np.abs(a - b) <= room + 1e-9 * np.abs(b)))

    found = diagnose(G, T, sizes_of(call))
    if found is not None and found.kind == "factor":
        found = _of_a_size(found, sizes_of(call))
    if found is not None and (found.kind != "factor" or not _odd(found.text)):
        return found
    if G.shape != T.shape:
        return found
    name = call.names[i]
    us, ys, xs = point.us, point.problem.ys, call.xs
    hypotheses: Iterator[Diagnosis | None] = (
        *_by_operands(point, i, T, same),
        *(
            Diagnosis("activation", f"the cotangent is handed on as it came: the local derivative by {name} is missing")
            for u in us[:1]
            if same(G, u)
        ),
        *(
            Diagnosis("wrong-operand", f"this is the right cotangent of {call.names[j]}: the two are exchanged")
            for j in range(len(xs))
            if j != i and (other := point.truth(j)) is not None and same(G, other.value)
        ),
        *tried(point, i, G, T, same),
        _cancels(point, i, T, same),
        _half_the_digits(G, T),
        _elsewhere(G, T, same),
        _diagonal(point, i, G, same),
        _path(G - T, xs, ys, us, call.names, room),
        _repeated(call, G, T, room),
        _factor_by_element(G, T, call, ys, room),
        _some_places(G, T, call.xs[i], name, room),
        _close(G, T, same),
    )  # type: ignore[assignment]
    return next((d for d in hypotheses if d is not None), found)


def _complex(G: Array, T: Array) -> Diagnosis | None:
    """Conjugates: a rule is a plain transpose, and the engine conjugates at the two ends of a sweep."""
    if G.shape != T.shape or not np.isfinite(G).all():
        return None
    near = 1e-6 * float(np.max(np.abs(T), initial=0))

    def same(a: Array, b: Array) -> bool:
        return bool(np.all(np.abs(a - b) <= near))

    if same(np.conj(G), T):
        return Diagnosis("conjugate", "conjugated, and should not be: a rule is a plain transpose")
    if same(G, np.real(T) + 0j) or (not np.any(G.imag) and np.any(T.imag)):
        return Diagnosis("conjugate", "its imaginary part is missing")
    if not np.any(G.real) and np.any(T.real):
        return Diagnosis("conjugate", "its real part is missing")
    left, right = (np.stack([a.real, a.imag], axis=-1) for a in (G, T))
    found = diagnose(left, right)
    if found is not None:
        return found
    if np.all(np.abs(np.abs(G) - np.abs(T)) <= near):
        return Diagnosis(
            "conjugate", "of the right modulus, and another complex phase: a conjugate is there or missing"
        )
    return Diagnosis("conjugate", "no common mistake explains it; look for a conjugate of a complex operand")


def _of_a_size(found: Diagnosis, sizes: dict[str, int]) -> Diagnosis:
    """A factor that is a size, or the root of one, may be that size left out: say so."""
    word = found.text.rsplit(" ", 1)[-1].lstrip("-")
    c = float(Fraction(word)) if word.replace("/", "").replace(".", "").isdigit() else 0.0
    for name, n in sizes.items():
        if n > 2 and c and min(abs(c - n), abs(c - 1 / n)) < 1e-6 * c:  # a 2 is a square's more often
            return Diagnosis("factor", f"{found.text}, and {n} is {name}")
        if "." in word and n > 1 and min(abs(c * c - n), abs(c * c - 1 / n)) < 1e-5 * c * c:
            return Diagnosis("mean-sum", f"{found.text}; that is the root of {n} or 1/{n}, and {n} is {name}")
    return found


def _odd(text: str) -> bool:
    """A factor that no common mistake brings, as 1.0732: an operand may explain it better."""
    return text.rsplit(" ", 1)[-1].lstrip("-").replace(".", "").isdigit() and "." in text


def sizes_of(call: Call) -> dict[str, int]:
    """The sizes at hand and what they are called: where a mean divides, one of them is in the factor."""
    sizes: dict[str, int] = {}
    for name, x in zip(call.names, call.xs, strict=True):
        for axis, n in enumerate(x.shape):
            sizes[f"{name}.shape[{axis}]"] = n
        if x.ndim > 1:
            sizes[f"{name}.size"] = x.size
    return sizes


def _by_operands(point: Point, i: int, T: Array, same: Callable[[Array, Array], bool]) -> Iterator[Diagnosis]:
    """The rule is right once it is given another operand in the place of one: it names the wrong one."""
    for text, mutant in (*swapped_operands(point.call, i), *_reversed_operands(point.call)):
        try:
            found = point.gradient(mutant)[i]
        except Exception:  # a rule may not take the other operand at all
            continue
        if same(found, T):
            kinds = {"transposed": "transpose", "reversed": "time-index"}
            yield Diagnosis(next((k for word, k in kinds.items() if f"is {word} in" in text), "wrong-operand"), text)


def _cancels(point: Point, i: int, T: Array, same: Callable[[Array, Array], bool]) -> Diagnosis | None:
    """The same rule in longer arithmetic is right: it loses its digits."""
    if np.finfo(np.longdouble).eps >= np.finfo(float).eps or point.call.xs[i].dtype != np.float64:
        return None
    longer = Point.__new__(Point)
    longer.call = point.call.at([x.astype(np.longdouble) for x in point.call.xs])
    longer.us = [u.astype(np.longdouble) for u in point.us]
    try:
        found = longer.gradient()[i]
    except Exception:  # not every rule takes long numbers
        return None
    if found.dtype == np.longdouble and same(found.astype(float), T):
        return Diagnosis(
            "cancellation",
            "right in longer arithmetic only: the rule cancels, and loses its digits where numbers are small",
        )
    return None


def _half_the_digits(G: Array, T: Array) -> Diagnosis | None:
    some = T != 0
    if G.dtype != np.float64 or not np.any(some) or np.any(G[~some]):
        return None
    worst = float(np.max(np.abs(G - T)[some] / np.abs(T)[some]))
    if not 1e-11 < worst < 3e-7:
        return None
    return Diagnosis("dtype", f"right to {int(-np.log10(worst))} digits: part of the rule is in float32")


def _elsewhere(G: Array, T: Array, same: Callable[[Array, Array], bool]) -> Diagnosis | None:
    """The right numbers, each in another place."""
    if G.size < 3 or not same(np.sort(G, axis=None), np.sort(T, axis=None)):
        return None
    return Diagnosis("scatter", "the right numbers in wrong places: an order is undone by itself, not by its inverse")


def _some_places(G: Array, T: Array, x: Array, name: str, room: float) -> Diagnosis | None:
    """Right in part: what tells the wrong elements from the right ones."""
    off = np.abs(G - T) > room + 1e-9 * np.abs(T)
    if np.all(off) or not np.any(off):
        return None
    told = f"off at {int(np.sum(off))} of {off.size} elements, right elsewhere"
    for where, mask in ((f"{name} > 0", x > 0), (f"{name} < 0", x < 0)):
        if np.array_equal(off, mask) and np.any(~mask) and off.size > 2:
            return Diagnosis("mask", f"{told}: wrong just where {where}")
    for axis in range(off.ndim):
        n = off.shape[axis]
        hit = np.flatnonzero(np.any(off, axis=tuple(k for k in range(off.ndim) if k != axis)))
        if n > 2 and set(map(int, hit)) <= {0, n - 1}:
            ends = " and ".join(word for k, word in ((0, "first"), (n - 1, "last")) if k in hit)
            return Diagnosis("time-index", f"{told}: wrong at the {ends} place along axis {axis} only")
    return None


def _close(G: Array, T: Array, same: Callable[[Array, Array], bool]) -> Diagnosis | None:
    """A constant that was rounded, or the derivative of an approximation."""
    if np.count_nonzero(T) < 3:
        return None
    c = float(np.vdot(T, G) / np.vdot(T, T))
    if c and same(G, c * T):
        return Diagnosis("factor", f"off by the factor {c:.6g}")
    worst = float(np.max(np.abs(G - T)) / np.max(np.abs(T)))
    if worst < 0.02:
        return Diagnosis("approximation", f"off by at most {100 * worst:.2g} % of its largest element: nearly right")
    return None


def _not_finite(x: Array, G: Array, name: str) -> Diagnosis:
    """Where NaN comes from shows in where it stands."""
    bad = ~np.isfinite(G)
    word = "NaN" if np.any(np.isnan(G)) else "infinite"
    if np.any(x == 0) and not np.any(bad & (x != 0)):
        return Diagnosis("not-finite", f"{word} where {name} is 0: the rule divides by 0, or takes its logarithm")
    if np.all(np.abs(x[bad]) > 30) and np.any(~bad):
        return Diagnosis("not-finite", f"{word} where {name} is large: something in the rule overflows")
    return Diagnosis("not-finite", f"{word} at {int(np.sum(bad))} of {bad.size} elements, at finite values")


def _diagonal(point: Point, i: int, G: Array, same: Callable[[Array, Array], bool]) -> Diagnosis | None:
    claim = point.claim(i)
    if len(point.us) != 1 or point.us[0].shape != G.shape or not claim.every_v or G.size < 2:
        return None
    if np.count_nonzero(claim.J - np.diag(np.diag(claim.J))) and same(
        G, np.diag(claim.J).reshape(G.shape) * point.us[0]
    ):
        return Diagnosis(
            "jacobian", "only the diagonal of the Jacobian: differentiated as if it worked element by element"
        )
    return None


def _path(
    D: Array, xs: Sequence[Array], ys: Sequence[Array], us: Sequence[Array], names: Sequence[str], room: float
) -> Diagnosis | None:
    """What the difference to the right gradient is: a path that is missing or counted twice leaves its mark there."""
    tiny = 4 * room
    if not np.any(np.abs(D) > tiny):
        return None
    for axis in range(D.ndim):
        if D.shape[axis] > 1 and np.all(np.abs(D - np.mean(D, axis=axis, keepdims=True)) <= tiny):
            return Diagnosis(
                "batch-statistics",
                f"off by the same amount all along axis {axis}: the path through a sum or mean over it is missing",
            )
    for what, kind, arrays in (
        ("the cotangent", "fork", [("g", u) for u in us]),
        ("", "regulariser", [*zip(names, xs, strict=True), *((OUTPUT, y) for y in ys)]),
    ):
        for name, a in arrays:
            if a.shape != D.shape or D.size < 2 or not np.any(a):
                continue
            c = float(np.vdot(a, D).real / np.vdot(a, a).real)
            if np.all(np.abs(D - c * a) <= tiny):
                times = "" if np.isclose(abs(c), 1) else f"{abs(c):.4g} times "
                verdict = "is there and should not be" if c > 0 else "is missing"
                return Diagnosis(kind, f"off by {times}{what or name}: that term {verdict}")
    for axis in range(D.ndim):
        for name, a in (*zip(names, xs, strict=True), *((OUTPUT, y) for y in ys)):
            if a.shape == D.shape and D.shape[axis] > 2 and D.size > D.shape[axis] and _rank_one(D, a, axis, tiny):
                return Diagnosis(
                    "batch-statistics", f"off by a multiple of {name} along axis {axis}: a path is missing"
                )
    return None


def _rank_one(D: Array, a: Array, axis: int, room: float) -> bool:
    """Whether each line of ``D`` along an axis is a combination of the same line of ``a`` and a constant."""
    A = np.moveaxis(a, axis, -1)
    B = np.moveaxis(D, axis, -1)
    A = A - np.mean(A, axis=-1, keepdims=True)
    B = B - np.mean(B, axis=-1, keepdims=True)
    size = np.sum(A * A, axis=-1, keepdims=True)
    if not np.all(size > 0):
        return False
    return bool(np.all(np.abs(B - np.sum(A * B, axis=-1, keepdims=True) / size * A) <= room))


def _repeated(call: Call, G: Array, T: Array, room: float) -> Diagnosis | None:
    """The error lives at the elements that an index names more than once."""
    for x in call.leaves:
        index = np.asarray(x) if isinstance(x, list | np.ndarray) else None
        if index is None or index.dtype.kind not in "iu" or not index.size:
            continue
        values, counts = np.unique(index, return_counts=True)
        again = values[counts > 1]
        for axis in range(G.ndim):
            n = G.shape[axis]
            if not again.size or np.any(np.abs(again) > n):
                continue
            hit = np.zeros(n, bool)
            try:
                hit[again] = True
            except IndexError:
                continue
            off = np.any(np.abs(G - T) > room, axis=tuple(k for k in range(G.ndim) if k != axis))
            if np.any(off) and not np.any(off & ~hit):
                return Diagnosis("scatter", "wrong only where an index is repeated: the contributions must be added up")
    return None


def _factor_by_element(G: Array, T: Array, call: Call, ys: Sequence[Array], room: float) -> Diagnosis | None:
    """Another local derivative: the ratio, element by element, is a known function of an operand."""
    known: list[tuple[str, Callable[[Array], Array]]] = [
        ("{0}", lambda v: v),
        ("1 / {0}", lambda v: 1 / v),
        ("{0}**2", np.square),
        ("1 / {0}**2", lambda v: 1 / v**2),
        ("(1 + {0})", lambda v: 1 + v),
        ("1 / (1 + {0})", lambda v: 1 / (1 + v)),
        ("{0} / (1 + {0})", lambda v: v / (1 + v)),
        ("(1 + {0}) / {0}", lambda v: (1 + v) / v),
        ("(1 - {0})", lambda v: 1 - v),
        ("1 / (1 - {0})", lambda v: 1 / (1 - v)),
        ("(1 - {0}**2)", lambda v: 1 - v * v),
        ("1 / (1 - {0}**2)", lambda v: 1 / (1 - v * v)),
        ("(1 + {0}**2)", lambda v: 1 + v * v),
        ("1 / (1 + {0}**2)", lambda v: 1 / (1 + v * v)),
        ("sqrt({0})", np.sqrt),
        ("1 / sqrt({0})", lambda v: 1 / np.sqrt(v)),
        ("sqrt(1 - {0}**2)", lambda v: np.sqrt(1 - v * v)),
        ("1 / sqrt(1 - {0}**2)", lambda v: 1 / np.sqrt(1 - v * v)),
        ("sqrt(1 + {0}**2)", lambda v: np.sqrt(1 + v * v)),
        ("1 / sqrt(1 + {0}**2)", lambda v: 1 / np.sqrt(1 + v * v)),
        ("exp({0})", np.exp),
        ("exp(-{0})", lambda v: np.exp(-v)),
        ("sign({0})", np.sign),
    ]
    if np.count_nonzero(T) < 2:
        return None
    for name, v in (*((OUTPUT, y) for y in ys), *zip(call.names, call.xs, strict=True)):
        if v.shape != T.shape:
            continue
        for text, f in known:
            with np.errstate(all="ignore"):
                factor = f(v)
            if np.isfinite(factor).all() and np.all(np.abs(G - factor * T) <= room * (1 + np.abs(factor))):
                return Diagnosis("activation", f"off by the factor {text.format(name)}, element by element")
    return None


def swapped_operands(call: Call, only: int | None = None) -> Iterator[tuple[str, Primitive]]:
    """The op with a rule that reads one operand, or the output, in the place of another of the same shape."""
    prim = call.op
    if not isinstance(prim, Primitive) or prim.variadic:
        return
    args, _ = call.filled(call.xs)
    shapes = [np.shape(a) for a in args[: prim.arity]]
    y = call.run(*call.xs)
    shown = list(prim.names[: prim.arity])
    operands = [(OUTPUT, None if isinstance(y, tuple) else np.shape(y)), *zip(shown, shapes, strict=False)]
    for j, (into, a) in enumerate(operands):
        for k, (source, b) in enumerate(operands):
            if j == k or a != b or a is None:
                continue
            yield (
                f"right once {source} stands where the rule has {into}",
                with_rules(prim, _reading(j, itemgetter(k))),
            )
    for j, (name, shape) in enumerate(operands):
        if shape is not None and len(shape) > 1 and shape[-1] == shape[-2]:
            yield f"right once {name} is transposed in the rule", with_rules(prim, _reading(j, _turned(j)))


def _reversed_operands(call: Call) -> Iterator[tuple[str, Primitive]]:
    """The op with a rule that reads an operand from its end."""
    prim = call.op
    if isinstance(prim, Primitive) and not prim.variadic:
        args, _ = call.filled(call.xs)
        for j, (name, a) in enumerate(zip(prim.names, args, strict=False), 1):
            if isinstance(a, np.ndarray) and a.ndim and a.shape[-1] > 1:
                backwards = _reading(j, lambda operands, j=j: operands[j][..., ::-1])  # type: ignore[misc]
                yield f"right once {name} is reversed in the rule", with_rules(prim, backwards)


def _turned(j: int) -> Callable[[Sequence[Any]], Any]:
    return lambda operands: np.swapaxes(operands[j], -1, -2)


def _reading(
    into: int, source: Callable[[Sequence[Any]], Any]
) -> Callable[[int, Callable[..., Any]], Callable[..., Any]]:
    def wrap(_: int, rule: Callable[..., Any]) -> Callable[..., Any]:
        def swapped(g: Any, *operands: Any, **params: Any) -> Any:
            other = list(operands)
            other[into] = source(operands)
            return rule(g, *other, **params)

        return swapped

    return wrap
