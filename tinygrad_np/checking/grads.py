"""`check_grads`: do the derivatives of a function hold, in both modes, to any order?

Numeric derivatives are taken in float64 along the unit directions where a function is small, else along several random
ones: an error that is orthogonal to one direction is not to the next. Every pair (cotangent u, direction v) gives one
number ``u . J v``, numeric and by rules. The next order checks the first derivative as a function, in the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..numeric import along, basis, epsilon, is_analytic, noise, random_direction, rounding
from ..transforms import linearize, vjp
from .diagnose import diagnose
from .problem import Problem, as_array, count_reals, derived, direction, from_reals, problem_of, to_reals

__all__ = ["Claim", "Judgement", "check_grads"]

Array = NDArray[Any]
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
    _check(problem_of(f, tuple(args)), order, chosen, (atol, rtol), ())


def _check(problem: Problem, order: int, modes: Sequence[str], given: Tolerance, taken: tuple[str, ...]) -> None:
    rng = np.random.default_rng(len(taken))
    for i in range(len(problem.xs)):
        if problem.xs[i].size and any(y.size for y in problem.ys):
            claim = Claim(problem, i, given, taken, rng)
            for mode in modes:
                claim.hold(mode)
    if order > 1:
        for mode in modes:
            _check(derived(problem, mode, rng), order - 1, modes, given, (mode, *taken))


class Judgement(NamedTuple):
    """Derivatives by the rules and by evaluation, each ``u . J v``; ``excess`` is their distance over what may be."""

    got: Array
    expected: Array
    excess: Array
    off: Array  # wrong
    vague: Array  # evaluation does not say


class Claim:
    """The derivatives of a function by one of its arguments, by evaluation; do the rules hold to them?

    ``U`` and ``V`` have a cotangent and a direction a row; complex numbers are pairs of reals in them. Without
    ``every`` they are random ones, so many ``directions``, however small the function is.
    """

    def __init__(
        self,
        problem: Problem,
        i: int,
        given: Tolerance,
        taken: tuple[str, ...],
        rng: np.random.Generator,
        every: bool = True,
        directions: int = RANDOM,
    ) -> None:
        self.problem, self.i, self.given, self.taken = problem, i, given, taken
        self.f, self.x, self.like = problem.of_one(i), problem.wide[i], problem.xs[i]
        self.scatter = noise(self.f, self.x, random_direction(self.x, rng))
        self.analytic = is_analytic(self.f, self.x, scatter=self.scatter)
        n, m = count_reals([self.like]), count_reals(problem.ys)
        self.n = max(n, m)
        self.reach = max(1.0, _largest(self.x))
        self.every_v = every and n <= (STEPPED if self.analytic else DIFFERENCED)
        self.every_u = every and m <= DIFFERENCED
        vs = [to_reals([direction(self.like, rng)]) for _ in range(0 if self.every_v else directions)]
        self.V = np.eye(n) if self.every_v else np.stack(vs)
        us = [to_reals([direction(y, rng) for y in problem.ys]) for _ in range(directions)]
        self.U = np.eye(m) if self.every_u else np.stack(us)
        self.J, self.error, self.half_jump, self.method = self.numeric(self.V)

    def numeric(self, V: Array) -> tuple[Array, Array, Array, str]:
        """Derivatives of all outputs in these directions, a column each, with error bounds and half the jumps."""
        directions = basis(self.x) if V is self.V and self.every_v else [from_reals(v, [self.x])[0] for v in V]
        found = along(self.f, self.x, directions, analytic=self.analytic, scatter=self.scatter)
        return found.value, found.error, found.jump / 2, found.method

    @cached_property
    def pullback(self) -> Callable[..., Any]:
        return vjp(self.problem.flat, *self.problem.xs)[1]  # type: ignore[no-any-return]

    @cached_property
    def push(self) -> Callable[..., Any]:
        return linearize(self.problem.flat, *self.problem.xs)[1]

    def rows(self, mode: str, U: Array, V: Array) -> Array:
        """``u . J v`` by the rules."""
        with np.errstate(invalid="ignore"):  # a NaN is reported in its turn
            if mode == "rev":
                rows = np.stack([to_reals([self.gradient(u)]) for u in U])
                return rows if V is self.V and self.every_v else np.asarray(rows @ V.T)
            columns = np.stack([to_reals(self.tangent(v)) for v in V], axis=1)
            return columns if U is self.U and self.every_u else np.asarray(U @ columns)

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
        got = as_array(found)
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
        eps = epsilon(*dtypes)
        relative = eps ** (2 / 3) * np.max(np.abs(expected))
        # What cancels inside a coarse computation is not seen from outside: more room there.
        floor = 8 * eps * np.max(np.abs(self.J)) + (8 * eps if eps < 1e-15 else eps ** (2 / 3)) * self.scale(u)
        return np.asarray(rounding(self.n, 1.0, *dtypes) * terms + relative + floor + self.blur(u))

    def blur(self, u: Array) -> float:
        """What is left of a derivative that is 0: it cannot be known better than rounding lets the outputs be known."""
        moved = to_reals([y - w for y, w in zip(self.problem.ys, self.problem.wide_ys, strict=True)])
        return 32 * float(np.abs(u) @ (np.abs(moved) + self.scatter)) / self.reach

    def scale(self, u: Array) -> float:
        """A derivative as large as the outputs over the argument: one far below it is known the less."""
        return float(np.max(np.abs(u))) * max(map(_largest, self.problem.wide_ys)) / self.reach

    def judge(self, mode: str, got: Array | None = None) -> Judgement:
        """Hold the rules, or ``got`` instead, against evaluation: cotangents are rows, directions columns."""
        got, expected = self.rows(mode, self.U, self.V) if got is None else got, self.U @ self.J
        allowed = np.stack([self.allowed(u, self.J, g) for u, g in zip(self.U, got, strict=True)])
        bound = _weighted(self.U, self.error)
        enough = [
            1e-3 * max(_largest(row), self.scale(u)) + 100 * self.blur(u)
            for u, row in zip(self.U, expected, strict=True)
        ]
        vague = bound > np.maximum(np.array(enough)[:, None], allowed)
        with np.errstate(all="ignore"):
            excess = np.abs(got - expected) / (bound + _weighted(self.U, self.half_jump) + allowed)
        excess = np.where(np.isfinite(got), np.where(got == expected, 0, excess), np.inf)
        return Judgement(got, expected, excess, (excess > 1) & ~vague, vague)

    def hold(self, mode: str) -> None:
        """Raise `AssertionError` unless the rules give what evaluation gives."""
        got, expected, excess, off, vague = self.judge(mode)
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
        e, g, bound, allowed = self.numbers(mode, u, v)
        if abs(g - e) <= bound + allowed:  # each of its elements is within bounds, together they are not
            u, v = self.U[a], self.V[b]
            e, g, bound, allowed = self.numbers(mode, u, v)
        percent = f" ({abs(g - e) / abs(e):.2g} of it)" if e else ""
        lines = [
            f"wrong derivative in {self.title(mode)}: {self.entry(u, v)}",
            f"  expected {e:.10g} ({self.method}, +- {bound:.1g})",
            f"  got      {g:.10g}",
            f"  off by   {abs(g - e):.2g}{percent}; allowed {bound + allowed:.2g}",
            f"  {int(np.sum(off))} of {off.size} checked derivatives by {self.problem.inputs[self.i]} are off",
        ]
        if self.every_v and self.like.dtype.kind == "f":
            coarse = min((x.real.dtype for x in (self.like, *self.problem.ys)), key=lambda d: d.itemsize)
            got = got.astype(coarse)  # what there is to prove, is proved to its rounding
            row = got[a].reshape(self.x.shape), expected[a].reshape(self.x.shape)
            why = diagnose(*row) or (diagnose(got, expected) if self.every_u else None)
            if why is not None:
                lines.append(f"  {why.text}")
        return "\n".join(lines)

    def numbers(self, mode: str, u: Array, v: Array) -> tuple[float, float, float, float]:
        """``u . J v`` expected and by the rules, the error bound of the first, and what rounding may do."""
        J, error, half_jump, _ = self.numeric(v[None])
        e, g = float((u @ J)[0]), float(self.rows(mode, u[None], v[None])[0, 0])
        return e, g, float(_weighted(u, error + half_jump)[0]), float(self.allowed(u, J, np.array([g]))[0])

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
