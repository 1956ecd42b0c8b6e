"""A function of containers as one of a flat list of floating-point arrays, and its derivatives as such functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.tensor import Tensor
from ..numeric import random_direction
from ..transforms import linearize, vjp
from ..transforms.tree import flatten, paths, unflatten

__all__ = ["Problem", "as_array", "count_reals", "derived", "direction", "from_reals", "problem_of", "to_reals"]

Array = NDArray[Any]
Leaves = Sequence[Any]


@dataclass(frozen=True)
class Problem:
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
        shapes = [y.shape for y in self.ys]

        def run(x: Array) -> Array:
            ys = _values(self.call, [*self.wide[:i], x, *self.wide[i + 1 :]])
            if [y.shape for y in ys] != shapes:
                raise ValueError(
                    f"check_grads: the shapes of the output change near {self.inputs[i]}: no derivative there"
                )
            return to_reals(ys) if pairs else np.concatenate([y.reshape(-1) for y in ys])

        return run

    def flat(self, *xs: Any) -> tuple[Any, ...]:
        return tuple(self.call(xs))


def problem_of(f: Callable[..., Any], args: tuple[Any, ...]) -> Problem:
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

    xs = [as_array(leaves[i]) for i in floating]
    result = run([Tensor(x) for x in xs])
    outputs = [p for p, y in zip(paths(result, "output"), flatten(result)[0], strict=True) if _is_floating(y)]
    if not outputs:
        raise ValueError("check_grads: f gives nothing of floating point, so there is nothing to differentiate")
    names = paths(args, "args")
    return _at(call, xs, [names[i] for i in floating], outputs)


def _at(call: Callable[[Leaves], list[Any]], xs: list[Array], inputs: list[str], outputs: list[str]) -> Problem:
    wide = [_widened(x) for x in xs]
    ys, wide_ys, again = (_values(call, at) for at in (xs, wide, wide))
    for name, y, same in zip(outputs, wide_ys, again, strict=True):
        if not np.isfinite(y).all():
            raise ValueError(f"check_grads: {name} is not finite at these arguments: it has no derivative there")
        if not np.array_equal(y, same):
            raise ValueError(f"check_grads: {name} differs from call to call: seed what is random in f")
    return Problem(call, xs, inputs, outputs, ys, wide, wide_ys)


def derived(problem: Problem, mode: str, rng: np.random.Generator) -> Problem:
    """The first derivative as a function: of the arguments, and of its cotangents or tangents too."""
    n = len(problem.xs)

    def pull(xs: Leaves) -> list[Any]:
        return list(vjp(problem.flat, *xs[:n])[1](tuple(xs[n:])))

    def push(xs: Leaves) -> list[Any]:
        return list(linearize(problem.flat, *xs[:n])[1](*xs[n:]))

    if mode == "rev":
        call, outputs = pull, [f"gradient({name})" for name in problem.inputs]
        extra = {f"cotangent({name})": direction(y, rng) for name, y in zip(problem.outputs, problem.ys, strict=True)}
    else:
        call, outputs = push, [f"tangent({name})" for name in problem.outputs]
        extra = {f"tangent({name})": direction(x, rng) for name, x in zip(problem.inputs, problem.xs, strict=True)}
    return _at(call, [*problem.xs, *extra.values()], [*problem.inputs, *extra], outputs)


def to_reals(arrays: Sequence[Array]) -> Array:
    """All numbers of these arrays as one real vector, complex ones as real and imaginary part."""
    parts = [np.stack([a.real, a.imag], axis=-1) if a.dtype.kind == "c" else a for a in arrays]
    return np.concatenate([p.reshape(-1).astype(np.result_type(p, float)) for p in parts])


def from_reals(vector: Array, like: Sequence[Array]) -> list[Array]:
    """The opposite of `to_reals`: arrays with the shapes and dtypes of ``like``."""
    arrays = []
    for a in like:
        n = count_reals([a])
        part, vector = vector[:n], vector[n:]
        part = part[0::2] + 1j * part[1::2] if a.dtype.kind == "c" else part
        arrays.append(part.reshape(a.shape).astype(a.dtype))
    return arrays


def count_reals(arrays: Sequence[Array]) -> int:
    """How many numbers `to_reals` gives."""
    return sum(a.size * (2 if a.dtype.kind == "c" else 1) for a in arrays)


def _is_floating(x: Any) -> bool:
    dtype = getattr(x, "dtype", None)
    return isinstance(x, float | complex) if dtype is None else dtype.kind in "fc"


def as_array(x: Any) -> Array:
    return np.asarray(x.data if type(x) is Tensor else x)


def _values(call: Callable[[Leaves], list[Any]], xs: Sequence[Array]) -> list[Array]:
    return [as_array(y) for y in call([Tensor(x) for x in xs])]


def _widened(x: Array) -> Array:
    return x.astype(np.result_type(x, np.complex128 if x.dtype.kind == "c" else np.float64))


def direction(x: Array, rng: np.random.Generator) -> Array:
    """Random, in the dtype of ``x``: so rules and differences go exactly the same way."""
    return random_direction(x, rng).astype(x.dtype)
