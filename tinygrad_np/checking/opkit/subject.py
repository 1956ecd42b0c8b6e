"""What is under test: an op, the calls that its samples stand for, and more calls drawn from its domain."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.primitive import Primitive
from ...core.tensor import Tensor
from ...declaring import NumericRule
from ...ops.declare import OPS, Op
from .call import Call, call_of

__all__ = ["Subject", "draw", "finite", "structure_of", "subject_of"]

Array = NDArray[Any]
ANYWHERE = (-2.0, 2.0)  # the domain of an op that declares none


@dataclass
class Subject:
    """An op with the calls to try it on."""

    op: Callable[..., Any]
    name: str
    calls: list[Call]
    domain: tuple[float, float]
    reference: Callable[..., Any] | None = None
    thorough: bool = False
    deviates: str = ""
    order: int = 2
    view: bool = False
    wrong: set[str] = field(default_factory=set)  # arguments whose rule is proved wrong: other checks leave them alone
    memory: dict[Any, Any] = field(default_factory=dict)  # what the checks share

    @property
    def prim(self) -> Primitive | None:
        """The op, if it has rules of its own."""
        return self.op if isinstance(self.op, Primitive) else None

    def rng(self, what: str) -> np.random.Generator:
        """Random numbers that are the same in every run, and differ from check to check."""
        return np.random.default_rng(zlib.crc32(f"{self.name} {what}".encode()))

    @property
    def ruleless(self) -> bool:
        """Whether it is differentiated by evaluation."""
        return self.prim is not None and any(type(rule) is NumericRule for rule in self.prim.vjps)

    def drawn(self, k: int) -> list[Call]:
        """Up to ``k`` more calls for each sample, at other values of its shapes, where the output is finite."""
        if ("drawn", k) not in self.memory:
            rng, found = self.rng("drawn"), []
            for call in self.calls:
                for j in range(k):
                    other = call.at([redrawn(x, self.domain, rng) for x in call.xs], f"{call.origin}, drawn again {j}")
                    if call.xs and finite(other):
                        found.append(other)
            self.memory["drawn", k] = found
        return self.memory["drawn", k]  # type: ignore[no-any-return]


def subject_of(
    op: Any, args: Sequence[Any], params: dict[str, Any], reference: Callable[..., Any] | None, thorough: bool
) -> Subject:
    """The op with these arguments as its one sample, or with those it declares.

    Raises
    ------
    TypeError
        If ``op`` cannot be called.
    ValueError
        If there is nothing to try it on.
    """
    entry = op if isinstance(op, Op) else next((o for o in OPS.values() if o.call is op), None)
    call = entry.call if entry is not None else op
    if not callable(call):
        raise TypeError(f"check_op takes an op, as primitive() makes it, or a function of other ops; got {op!r:.60}")
    name = entry.name if entry is not None else str(getattr(call, "__name__", "op"))
    name = "op" if name == "<lambda>" else name
    source = entry if entry is not None else call
    domain = tuple(getattr(source, "domain", ANYWHERE))
    declared = [tuple(args)] if args else list(getattr(source, "samples", ()))
    if not declared:
        raise ValueError(
            f"check_op({name}): there is nothing to try it on. Give arguments, check_op({name}, x), or declare some:"
            " primitive(samples=[((3,),), ((2, 3),)]), where a tuple of sizes stands for a random array"
        )
    calls = []
    for k, sample in enumerate(declared):
        rng = np.random.default_rng(zlib.crc32(f"{name} {k}".encode()))
        own = sample[-1] if not args and sample and isinstance(sample[-1], dict) else {}
        given = sample[: len(sample) - bool(own)] if own else sample
        drawn = [draw(a, rng, domain) for a in given]
        named = {key: draw(v, rng, domain) if isinstance(v, list) else v for key, v in (own | params).items()}
        calls.append(call_of(call, drawn, named, "the sample" if args else f"sample {k}"))
    said: dict[str, Any] = getattr(call, "declared", {})
    return Subject(
        call, name, calls, domain, reference, thorough,
        deviates=getattr(entry, "deviates", "") or said.get("deviates", ""),
        order=min(getattr(entry, "order", 2), said.get("order", 2)),
        view=getattr(entry, "view", False) or said.get("view", False),
    )  # fmt: skip


def draw(sample: Any, rng: np.random.Generator, domain: tuple[float, float]) -> Any:
    """A sample's argument: a tuple of sizes becomes a random array, a list of tuples a list of arrays."""
    if isinstance(sample, tuple) and all(type(n) is int for n in sample):
        return spread(sample, domain, rng)
    if isinstance(sample, list) and sample and all(isinstance(s, tuple | np.ndarray) for s in sample):
        return [draw(s, rng, domain) for s in sample]
    return sample.data if type(sample) is Tensor else sample


def spread(shape: tuple[int, ...], domain: tuple[float, float], rng: np.random.Generator) -> Array:
    """Random numbers, one from each of as many equal parts of the domain: both signs, and no two close together."""
    n = int(np.prod(shape))
    low, high = domain
    for _ in range(20):
        x = low + (high - low) * (rng.permutation(n) + rng.random(n)) / max(n, 1)
        if not structure_of(x.reshape(shape)):  # in a short array numbers may happen to rise
            break
    return np.asarray(x).reshape(shape)


def redrawn(x: Array, domain: tuple[float, float], rng: np.random.Generator) -> Array:
    """Other values of the same shape, dtype and structure, from the domain or, beyond it, from the range of ``x``."""
    if not x.size:
        return x
    kind = structure_of(x)
    if kind == "symmetric":
        s = rng.uniform(-0.1, 0.1, x.shape)
        return (x * (1 + s + np.swapaxes(s, -1, -2))).astype(x.dtype)
    if kind == "distribution":
        y = x * rng.uniform(0.5, 1.5, x.shape)
        return np.asarray(y / np.sum(y, axis=-1, keepdims=True)).astype(x.dtype)
    if kind:
        return x
    low, high = domain
    real = np.stack([x.real, x.imag]) if x.dtype.kind == "c" else x
    inside = np.all((real >= low) & (real <= high))
    if not inside:
        finite = real[np.isfinite(real)]
        low, high = (float(finite.min()), float(finite.max())) if finite.size else (low, high)
    if x.dtype.kind == "c":
        return (spread(x.shape, (low, high), rng) + 1j * spread(x.shape, (low, high), rng)).astype(x.dtype)
    return spread(x.shape, (low, high), rng).astype(x.dtype)


def structure_of(x: Array) -> str:
    """What the values of ``x`` have that random ones have not, and a rule may rely on; empty if nothing is seen."""
    if x.dtype.kind not in "fc" or x.size < 2:
        return ""
    if np.all((x == 0) | (x == 1)):
        return "zeros and ones"
    if x.ndim > 1 and x.shape[-1] == x.shape[-2] > 1:
        if np.allclose(x, np.conj(np.swapaxes(x, -1, -2)), rtol=1e-5):
            return "symmetric"
        if np.allclose(x @ np.conj(np.swapaxes(x, -1, -2)), np.eye(x.shape[-1]), atol=1e-5):
            return "orthogonal"
        if not np.any(np.tril(x, -1)) or not np.any(np.triu(x, 1)):
            return "triangular"
    if x.dtype.kind == "f" and x.ndim and x.shape[-1] > 1:
        if np.all(x >= 0) and np.allclose(np.sum(x, axis=-1), 1, rtol=1e-5):
            return "distribution"
        if x.shape[-1] > 2 and np.all(np.diff(x, axis=-1) > 0) and not _whole(x):
            return "rising"
    return ""


def _whole(x: Array) -> bool:
    return bool(np.all(x == np.round(x)))


def finite(call: Call) -> bool:
    """Whether the op runs there and all it gives is finite."""
    try:
        return all(np.isfinite(np.asarray(y)).all() for y in call.outputs(*call.xs))
    except Exception:  # the op is anybody's: where it raises, there is nothing to check
        return False
