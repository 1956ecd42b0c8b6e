"""`check_grads`: do the derivatives of a function hold, in both modes, to any order?

Numeric derivatives are taken in float64 along the unit directions where a function is small, else along several random
ones: an error that is orthogonal to one direction is not to the next. Every pair (cotangent u, direction v) gives one
number ``u . J v``, numeric and by rules. The next order checks the first derivative as a function, in the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.tensor import Tensor
from ..numeric import along, basis, count_reals, epsilon, from_reals, is_analytic, random_direction, rounding, to_reals
from ..transforms import linearize, vjp
from ..transforms.tree import flatten, paths, unflatten
from .diagnose import diagnose

__all__ = ["check_grads"]

Array = NDArray[Any]
Leaves = Sequence[Any]
Tolerance = tuple[float | None, float | None]

DIFFERENCED = 64  # up to so many numbers, every one of them is a direction
STEPPED = 1024  # the same where a complex step does, at one evaluation each
RANDOM = 5  # directions otherwise
MODES = {"fwd": "forward", "rev": "reverse"}


def check_grads(
    f: Callable[..., Any],
    args: Sequence[Any],
    order: int = 2,
    modes: str | Sequence[str] = ("fwd", "rev"),
    atol: float | None = None,
    rtol: float | None = None,
) -> None:
    """Check the derivatives of ``f`` at ``args`` against numeric ones; silent if all is right.

    Parameters
    ----------
    f
        Any function of arrays or nested dicts, lists and tuples of arrays, that gives the like. Integer and boolean
        arguments and outputs are left alone.
    args
        A tuple, one entry an argument.
    order
        How many times to differentiate.
    modes
        ``"fwd"`` (jvp), ``"rev"`` (vjp), or both; for higher orders in every combination.
    atol, rtol
        Allowed beyond the error bound of the numeric derivative: ``atol + rtol |expected|``. By default from dtype and
        size: ``eps^(2/3)`` of the largest derivative, and ``8 eps sqrt(n)`` of the largest term.

    Raises
    ------
    AssertionError
        If a derivative is wrong: says mode, order, argument, where, and by how much. Or if it cannot be checked here,
        at a jump or a singularity. At a kink, anything between the one-sided derivatives passes.
    ValueError, TypeError
        If there is nothing to differentiate, or f gives NaN, infinity, or another value at every call.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_np import check_grads, primitive
    >>> check_grads(lambda p, x: np.tanh(x @ p["w"]), ({"w": np.ones((3, 2))}, np.eye(3)))
    >>> cube = primitive(lambda x: x**3, name="cube").defvjp(lambda g, _y, x: 2 * g * x**2)
    >>> check_grads(cube, (np.array([1.0, 2.0]),), modes="rev")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    AssertionError: wrong derivative in reverse mode, order 1: d output[1] / d args[0][1]
      expected 12 (complex step, +- ...)
      got      8
      off by   4 (0.33 of it); allowed ...
      2 of 4 checked derivatives by args[0] are off
      off by the factor 2/3
    """
    if not isinstance(args, tuple | list):
        raise TypeError(f"check_grads(f, args): args is a tuple, one entry an argument of f; got {type(args).__name__}")
    chosen = (modes,) if isinstance(modes, str) else tuple(modes)
    if not chosen or any(m not in MODES for m in chosen):
        raise ValueError(f'modes: "fwd", "rev" or both; got {modes!r}')
    if order < 1:
        raise ValueError(f"order: 1 or more; got {order}")
    _check(_problem(f, tuple(args)), order, chosen, (atol, rtol), ())


@dataclass(frozen=True)
class _Problem:
    """A function of floating-point leaves to floating-point leaves, and where to check it."""

    call: Callable[[Leaves], list[Any]]
    xs: list[Array]
    inputs: list[str]
    outputs: list[str]
    ys: list[Array]
    wide: list[Array]  # the arguments in double precision, where numeric derivatives are taken
    wide_ys: list[Array]

    def of_one(self, i: int) -> Callable[[Array], Array]:
        """All outputs as one vector, as a function of argument ``i``, the others held in double precision."""
        pairs = any(y.dtype.kind == "c" for y in self.ys)
        join = to_reals if pairs else lambda ys: np.concatenate([y.reshape(-1) for y in ys])
        return lambda x: join(_values(self.call, [*self.wide[:i], x, *self.wide[i + 1 :]]))

    def flat(self, *xs: Any) -> tuple[Any, ...]:
        return tuple(self.call(xs))


def _problem(f: Callable[..., Any], args: tuple[Any, ...]) -> _Problem:
    leaves, structure = flatten(args)
    floating = [i for i, x in enumerate(leaves) if _is_floating(x)]
    if not floating:
        raise ValueError("check_grads: no argument is of floating point, so there is nothing to differentiate by")

    def run(xs: Leaves) -> Any:
        full = list(leaves)
        for i, x in zip(floating, xs, strict=True):
            full[i] = x
        return f(*unflatten(structure, full))

    def call(xs: Leaves) -> list[Any]:
        return [y for y in flatten(run(xs))[0] if _is_floating(y)]

    xs = [_array(leaves[i]) for i in floating]
    result = run([Tensor(x) for x in xs])
    outputs = [p for p, y in zip(paths(result, "output"), flatten(result)[0], strict=True) if _is_floating(y)]
    if not outputs:
        raise ValueError("check_grads: f gives nothing of floating point, so there is nothing to differentiate")
    names = paths(args, "args")
    return _at(call, xs, [names[i] for i in floating], outputs)


def _at(call: Callable[[Leaves], list[Any]], xs: list[Array], inputs: list[str], outputs: list[str]) -> _Problem:
    wide = [_widened(x) for x in xs]
    ys, wide_ys, again = (_values(call, at) for at in (xs, wide, wide))
    for name, y, same in zip(outputs, wide_ys, again, strict=True):
        if not np.isfinite(y).all():
            raise ValueError(f"check_grads: {name} is not finite at these arguments: it has no derivative there")
        if not np.array_equal(y, same):
            raise ValueError(f"check_grads: {name} differs from call to call: seed what is random in f")
    return _Problem(call, xs, inputs, outputs, ys, wide, wide_ys)


def _check(problem: _Problem, order: int, modes: Sequence[str], given: Tolerance, taken: tuple[str, ...]) -> None:
    rng = np.random.default_rng(len(taken))
    for i in range(len(problem.xs)):
        if problem.xs[i].size and any(y.size for y in problem.ys):
            claim = _Claim(problem, i, given, taken, rng)
            for mode in modes:
                claim.hold(mode)
    if order > 1:
        for mode in modes:
            _check(_derived(problem, mode, rng), order - 1, modes, given, (mode, *taken))


def _derived(problem: _Problem, mode: str, rng: np.random.Generator) -> _Problem:
    """The first derivative as a function: of the arguments, and of its cotangents or tangents too."""
    n = len(problem.xs)

    def pull(xs: Leaves) -> list[Any]:
        return list(vjp(problem.flat, *xs[:n])[1](tuple(xs[n:])))

    def push(xs: Leaves) -> list[Any]:
        return list(linearize(problem.flat, *xs[:n])[1](*xs[n:]))

    if mode == "rev":
        call, like, kind, names, of, outputs = (
            pull,
            problem.ys,
            "cotangent",
            problem.outputs,
            "gradient",
            problem.inputs,
        )
    else:
        call, like, kind, names, of, outputs = push, problem.xs, "tangent", problem.inputs, "tangent", problem.outputs
    directions = [_direction(x, rng) for x in like]
    inputs = [*problem.inputs, *(f"{kind}({name})" for name in names)]
    return _at(call, [*problem.xs, *directions], inputs, [f"{of}({name})" for name in outputs])


class _Claim:
    """The derivatives of a function by one of its arguments, by evaluation; do the rules hold to them?

    ``U`` and ``V`` have a cotangent and a direction a row; complex numbers are pairs of reals in them.
    """

    def __init__(
        self, problem: _Problem, i: int, given: Tolerance, taken: tuple[str, ...], rng: np.random.Generator
    ) -> None:
        self.problem, self.i, self.given, self.taken = problem, i, given, taken
        self.f, self.x, self.like = problem.of_one(i), problem.wide[i], problem.xs[i]
        self.analytic = is_analytic(self.f, self.x)
        n, m = count_reals([self.like]), count_reals(problem.ys)
        self.n = max(n, m)
        self.every_v = n <= (STEPPED if self.analytic else DIFFERENCED)
        self.every_u = m <= DIFFERENCED
        self.V = (
            np.eye(n) if self.every_v else np.stack([to_reals([_direction(self.like, rng)]) for _ in range(RANDOM)])
        )
        us = [to_reals([_direction(y, rng) for y in problem.ys]) for _ in range(RANDOM)]
        self.U = np.eye(m) if self.every_u else np.stack(us)
        self.J, self.error, self.half_jump, self.method = self.numeric(self.V)

    def numeric(self, V: Array) -> tuple[Array, Array, Array, str]:
        """Derivatives of all outputs in these directions, a column each, with error bounds and half the jumps."""
        directions = basis(self.x) if V is self.V and self.every_v else [from_reals(v, [self.x])[0] for v in V]
        found = along(self.f, self.x, directions, analytic=self.analytic)
        return found.value, found.error, found.jump / 2, found.method

    @cached_property
    def pullback(self) -> Callable[..., Any]:
        return vjp(self.problem.flat, *self.problem.xs)[1]  # type: ignore[no-any-return]

    @cached_property
    def push(self) -> Callable[..., Any]:
        return linearize(self.problem.flat, *self.problem.xs)[1]

    def rows(self, mode: str, U: Array, V: Array) -> Array:
        """``u . J v`` by the rules."""
        if mode == "rev":
            return np.stack([V @ to_reals([self.gradient(u)]) for u in U])
        return np.stack([np.asarray(U @ to_reals(self.tangent(v))) for v in V], axis=1)

    def gradient(self, u: Array) -> Array:
        """The cotangent of this argument, for the cotangent ``u`` of the outputs."""
        g = self.pullback(tuple(from_reals(u, self.problem.ys)))[self.i]
        return self.like_declared(g, self.like, f"the gradient by {self.problem.inputs[self.i]}")

    def tangent(self, v: Array) -> list[Array]:
        """The tangents of the outputs, for the tangent ``v`` of this argument."""
        dots = [np.zeros_like(x) for x in self.problem.xs]
        dots[self.i] = from_reals(v, [self.like])[0]
        found = zip(self.push(*dots), self.problem.ys, self.problem.outputs, strict=True)
        return [self.like_declared(d, y, f"the tangent of {name}") for d, y, name in found]

    def like_declared(self, found: Any, like: Array, what: str) -> Array:
        got = _array(found)
        if got.shape != like.shape or got.dtype != like.dtype:
            raise AssertionError(
                f"{what} is {got.dtype}{list(got.shape)} and should be {like.dtype}{list(like.shape)}"
                f" (order {len(self.taken) + 1})"
            )
        return got

    def allowed(self, u: Array, J: Array, got: Array) -> Array:
        """What rounding may do to ``u . J v``, for one cotangent and some directions."""
        expected = u @ J
        atol, rtol = self.given
        if atol is not None or rtol is not None:
            return np.asarray((atol or 0.0) + (rtol or 0.0) * np.abs(expected))
        dtypes = [a.dtype for a in (self.like, *self.problem.ys)]
        terms = np.max(np.abs(u)[:, None] * np.abs(J), axis=0)  # of the sum over outputs
        if not self.every_v:  # and of the sum over inputs
            terms = np.maximum(terms, np.max(np.abs(got)) / np.sqrt(self.x.size))
        # How far the coarser arithmetic moves the values says how far it may move the derivatives.
        pairs = list(zip(self.problem.ys, self.problem.wide_ys, strict=True))
        coarse = max(_largest(y - w) / (_largest(w) or 1) for y, w in pairs)
        relative = max(epsilon(*dtypes) ** (2 / 3), min(8 * coarse, 0.05))
        floor = rounding(1, 1.0, *dtypes) * max(self.scale(u), float(np.max(np.abs(self.J))))
        return np.asarray(rounding(self.n, 1.0, *dtypes) * terms + relative * np.max(np.abs(expected)) + floor)

    def scale(self, u: Array) -> float:
        """Size of the outputs, over that of the argument if it is large: a derivative far below it is as good as 0."""
        return float(np.max(np.abs(u))) * max(map(_largest, self.problem.wide_ys)) / max(1.0, _largest(self.x))

    def hold(self, mode: str) -> None:
        """Raise `AssertionError` unless the rules give what evaluation gives."""
        got, expected = self.rows(mode, self.U, self.V), self.U @ self.J
        allowed = np.stack([self.allowed(u, self.J, g) for u, g in zip(self.U, got, strict=True)])
        bound = _weighted(self.U, self.error)
        scale = np.maximum(np.max(np.abs(expected), axis=1), [self.scale(u) for u in self.U])
        vague = bound > np.maximum(1e-3 * scale[:, None], allowed)
        with np.errstate(all="ignore"):
            excess = np.abs(got - expected) / (bound + _weighted(self.U, self.half_jump) + allowed)
        excess = np.where(np.isfinite(got), np.where(got == expected, 0, excess), np.inf)
        off = (excess > 1) & ~vague
        if np.any(off):
            a, b = np.unravel_index(int(np.argmax(np.where(off, excess, 0))), off.shape)
            raise AssertionError(self.report(mode, int(a), int(b), got, expected, off))
        if np.any(vague):
            a, b = np.argwhere(vague)[0]
            raise AssertionError(
                f"the derivative in {self.title(mode)} cannot be checked: {self.entry(self.U[a], self.V[b])}"
                " does not converge numerically, so there is a jump or a singularity at or near this point"
                + (" (a kink, one order higher, is a jump)" if self.taken else "")
                + ": check at another point"
                + (", or a lower order" if self.taken else "")
            )

    def report(self, mode: str, a: int, b: int, got: Array, expected: Array, off: Array) -> str:
        u, v = self.located(mode, self.U[a], self.V[b])
        J, error, half_jump, _ = self.numeric(v[None])
        e, g = float((u @ J)[0]), float(self.rows(mode, u[None], v[None])[0, 0])
        bound = float(_weighted(u, error + half_jump)[0])
        allowed = float(self.allowed(u, J, np.array([g]))[0])
        percent = f" ({abs(g - e) / abs(e):.2g} of it)" if e else ""
        lines = [
            f"wrong derivative in {self.title(mode)}: {self.entry(u, v)}",
            f"  expected {e:.10g} ({self.method}, +- {bound:.1g})",
            f"  got      {g:.10g}",
            f"  off by   {abs(g - e):.2g}{percent}; allowed {bound + allowed:.2g}",
            f"  {int(np.sum(off))} of {off.size} checked derivatives by {self.problem.inputs[self.i]} are off",
        ]
        if self.every_v and self.like.dtype.kind == "f":
            row = got[a].reshape(self.x.shape), expected[a].reshape(self.x.shape)
            why = diagnose(*row) or (diagnose(got, expected) if self.every_u else None)
            if why is not None:
                lines.append(f"  {why.text}")
        return "\n".join(lines)

    def located(self, mode: str, u: Array, v: Array) -> tuple[Array, Array]:
        """One cotangent and one direction of a single element each, by halving what is off, if that is off too."""
        if not self.every_v:
            v = _halved(v, lambda v: float((self.rows(mode, u[None], v[None]) - u @ self.numeric(v[None])[0])[0, 0]))
        if not self.every_u:
            J = self.numeric(v[None])[0]
            u = _halved(u, lambda u: float((self.rows(mode, u[None], v[None]) - u @ J)[0, 0]))
        return u, v

    def title(self, mode: str) -> str:
        return " over ".join(MODES[m] for m in (mode, *self.taken)) + f" mode, order {len(self.taken) + 1}"

    def entry(self, u: Array, v: Array) -> str:
        by = _place(v, [self.like], [self.problem.inputs[self.i]])
        return f"d {_place(u, self.problem.ys, self.problem.outputs)} / d {by}"


def _weighted(U: Array, bounds: Array) -> Array:
    """Bounds of the sums that ``U`` makes; an infinite one counts only where it is summed."""
    with np.errstate(over="ignore"):
        return np.asarray(np.abs(U) @ np.minimum(bounds, 1e300))


def _largest(x: Array) -> float:
    return float(np.max(np.abs(x), initial=0))


def _halved(v: Array, discrepancy: Callable[[Array], float]) -> Array:
    """Keep the half of the entries of ``v`` that is more wrong, down to one."""
    places = np.flatnonzero(v)
    while len(places) > 1:
        halves = places[: len(places) // 2], places[len(places) // 2 :]
        wrong = [abs(discrepancy(_only(v, half))) for half in halves]
        places = halves[int(not wrong[0] >= wrong[1])]
    return np.sign(_only(v, places))


def _only(v: Array, places: Array) -> Array:
    kept = np.zeros_like(v)
    kept[places] = v[places]
    return kept


def _place(u: Array, like: list[Array], names: list[str]) -> str:
    """``output[3, 2]`` for a unit vector; else that it is a combination."""
    places = np.flatnonzero(u)
    if len(places) != 1:
        return f"a random direction of {' and '.join(names)}"
    k = int(places[0])
    for a, name in zip(like, names, strict=True):
        width = 2 if a.dtype.kind == "c" else 1
        if k < a.size * width:
            index = np.unravel_index(k // width, a.shape)
            part = (".real", ".imag")[k % 2] if width == 2 else ""
            return f"{name}{list(map(int, index)) if index else ''}{part}"
        k -= a.size * width
    raise IndexError(f"{u.size} numbers for arrays of {count_reals(like)}")


def _is_floating(x: Any) -> bool:
    dtype = getattr(x, "dtype", None)
    return isinstance(x, float | complex) if dtype is None else dtype.kind in "fc"


def _array(x: Any) -> Array:
    return np.asarray(x.data if type(x) is Tensor else x)


def _values(call: Callable[[Leaves], list[Any]], xs: Sequence[Array]) -> list[Array]:
    return [_array(y) for y in call([Tensor(x) for x in xs])]


def _widened(x: Array) -> Array:
    return x.astype(np.result_type(x, np.complex128 if x.dtype.kind == "c" else np.float64))


def _direction(x: Array, rng: np.random.Generator) -> Array:
    """Random, in the dtype of ``x``: so rules and differences go exactly the same way."""
    return random_direction(x, rng).astype(x.dtype)
