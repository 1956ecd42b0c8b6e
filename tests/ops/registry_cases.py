"""From the registry's samples to calls: what the generated tests run."""

from __future__ import annotations

import zlib
from typing import Any, NamedTuple

import numpy as np

from tinygrad_np import Tensor
from tinygrad_np.ops.declare import OPS, Op


class Case(NamedTuple):
    """An op with one of its samples, drawn."""

    op: Op
    args: tuple[Any, ...]
    params: dict[str, Any]

    def call(self, xs: Any) -> list[Any]:
        """All real numbers that come out, for these values of the floating-point inputs, as a flat list of arrays."""
        rest = iter(xs)

        def fill(arg: Any) -> Any:
            if isinstance(arg, list):
                return [fill(a) for a in arg]
            return next(rest) if is_float(arg) else arg

        args = [fill(a) for a in self.args]  # before the parameters: `f(*map(...), **{...})` would run the map last
        out = self.op.call(*args, **{k: fill(v) for k, v in self.params.items()})
        flat = [out] if not isinstance(out, tuple | list) else list(out)
        flat = [y for y in flat if y is not None and np.result_type(y).kind in "fc"]
        return [p for y in flat for p in ((np.real(y), np.imag(y)) if np.result_type(y).kind == "c" else (y,))]

    @property
    def floats(self) -> list[np.ndarray]:
        """The floating-point inputs: those the op is differentiated by."""
        found: list[np.ndarray] = []

        def walk(arg: Any) -> None:
            if isinstance(arg, list):
                for a in arg:
                    walk(a)
            elif is_float(arg):
                found.append(arg)

        for a in (*self.args, *self.params.values()):
            walk(a)
        return found


def is_float(x: Any) -> bool:
    return isinstance(x, np.ndarray) and x.dtype.kind in "fc"


def draw(sample: Any, rng: np.random.Generator, domain: tuple[float, float]) -> Any:
    """A sample's argument: a tuple of sizes becomes a random array, a list of tuples a list of arrays."""
    if isinstance(sample, tuple) and all(type(n) is int for n in sample):
        return rng.uniform(*domain, sample)
    if isinstance(sample, list) and sample and all(isinstance(s, tuple | np.ndarray) for s in sample):
        return [draw(s, rng, domain) for s in sample]
    return sample


def case(name: str, k: int) -> Case:
    """Sample ``k`` of an op, drawn; the same at every call."""
    op = OPS[name]
    rng = np.random.default_rng(zlib.crc32(f"{name} {k}".encode()))
    sample = op.samples[k]
    params = sample[-1] if sample and isinstance(sample[-1], dict) else {}
    args = tuple(draw(a, rng, op.domain) for a in (sample[:-1] if sample and isinstance(sample[-1], dict) else sample))
    return Case(op, args, params)


CASES = [(name, k) for name, o in OPS.items() if o.differentiable for k in range(len(o.samples))]
IDS = [f"{name}-{k}" for name, k in CASES]


def tensors(xs: Any, requires_grad: bool = True) -> list[Tensor]:
    return [Tensor(x, requires_grad=requires_grad) for x in xs]
