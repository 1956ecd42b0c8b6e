"""A call with random cotangents: the gradient by the op's rule, and the right one by evaluating the op."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...transforms import vjp
from ..grads import RANDOM, Claim, Judgement
from ..problem import Problem, as_array, direction, problem_of, to_reals
from .call import Call

__all__ = ["FEW", "Point", "Truth", "point_of"]

Array = NDArray[Any]
FEW = 2  # random directions: one alone sees every wrong element


class Truth(NamedTuple):
    """The gradient by one argument, by evaluation, and how far it is to be believed."""

    value: Array
    room: Array  # error bound, rounding, and half the jump at a kink
    kinks: Array  # where the one-sided derivatives differ
    unknown: Array  # where evaluation does not converge
    method: str


class Point:
    """A call, cotangents ``us`` of its outputs, and what follows from them.

    Without ``every`` its derivatives are asked for in random directions only: enough to see that all is well.
    """

    every = True

    def __init__(self, call: Call, rng: np.random.Generator, every: bool = True) -> None:
        self.call, self.every = call, every
        self.problem: Problem = problem_of(call.outputs, tuple(call.xs))
        self.us = [direction(y, rng) for y in self.problem.ys]
        self.rng = rng
        self._claims: dict[int, Claim] = {}

    def gradient(self, op: Callable[..., Any] | None = None) -> list[Array]:
        """The cotangents of the arguments by the rule of the op, or of another in its place."""
        _, pullback = vjp(lambda *xs: self.call.outputs(*xs, op=op), *self.call.xs)
        return [as_array(c) for c in pullback(tuple(self.us))]

    @cached_property
    def got(self) -> list[Array]:
        return self.gradient()

    def claim(self, i: int) -> Claim:
        """The numeric derivatives by argument ``i``."""
        if i not in self._claims:
            claim = Claim(self.problem, i, (None, None), (), self.rng, self.every, FEW if not self.every else RANDOM)
            claim.every_u = False
            claim.U = to_reals(self.us)[None]
            self._claims[i] = claim
        return self._claims[i]

    def in_full(self) -> Point:
        """The same point, element by element."""
        if self.every:
            return self
        other = Point(self.call, self.rng)
        other.us = self.us
        return other

    def share(self, other: Point) -> None:
        """Take the numeric derivatives of another point at the same call, for the cotangents of this one."""
        self._claims = {}
        for i in range(len(self.call.xs)):
            claim = copy.copy(other.claim(i))
            claim.U = to_reals(self.us)[None]
            self._claims[i] = claim

    def judge(self, i: int, got: Array | None = None) -> Judgement:
        """Hold a gradient by argument ``i`` against evaluation."""
        claim = self.claim(i)
        row = to_reals([self.got[i] if got is None else got])[None]
        return claim.judge("rev", row if claim.every_v else row @ claim.V.T)

    def truth(self, i: int) -> Truth | None:
        """The right gradient by argument ``i``, element by element; None where there are too many."""
        claim = self.claim(i)
        if not claim.every_v:
            return None
        u, like = claim.U[0], claim.like
        value = u @ claim.J
        jump = np.abs(u) @ claim.half_jump
        with np.errstate(over="ignore"):
            bound = np.abs(u) @ np.minimum(claim.error, 1e300)
        room = bound + jump + claim.allowed(u, claim.J, value)
        scale = max(float(np.max(np.abs(value), initial=0)), claim.scale(u))
        parts = [value, room, jump > 0, bound > np.maximum(1e-3 * scale, 1e-8)]
        if like.dtype.kind == "c":
            parts = [value[0::2] + 1j * value[1::2], *(np.maximum(p[0::2], p[1::2]) for p in parts[1:])]
        value, room, kinks, unknown = (p.reshape(like.shape) for p in parts)
        return Truth(value, room, kinks, unknown, claim.method)

    def asks(self, i: int) -> bool:
        """Whether there is anything to differentiate by argument ``i``, and evaluation near it works."""
        if not self.call.xs[i].size or not any(y.size for y in self.problem.ys):
            return False
        try:
            self.claim(i)
        except Exception:  # the op may refuse values next to its samples, or change the shape of its output
            return False
        return True

    def wrong_by(self, i: int) -> bool:
        """Whether evaluation tells the rule's gradient by argument ``i`` from the right one."""
        return self.asks(i) and bool(np.any(self.judge(i).off))

    def wrong(self, op: Callable[..., Any]) -> bool:
        """Whether evaluation tells the gradient by the rule of ``op`` from the right one; raising counts."""
        try:
            found = self.gradient(op)
        except Exception:  # what a broken rule raises is as good as a wrong number
            return True
        return any(
            bool(np.any(self.judge(i, g).off))
            for i, g in enumerate(found)
            if not np.array_equal(g, self.got[i]) and self.asks(i)
        )


def point_of(call: Call, rng: np.random.Generator, every: bool = True) -> Point | None:
    """The point of a call; None where nothing of floating point goes in or comes out, or it is not finite."""
    if not call.xs:
        return None
    try:
        return Point(call, rng, every)
    except (ValueError, TypeError, ArithmeticError):
        return None
