"""What the engines train: sizes, starting values and data, the same for all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

__all__ = ["Start", "TwoLayer"]

Array = np.ndarray[Any, Any]


class Start(NamedTuple):
    """Data ``x`` [batch, in] and ``y`` [batch, out], and the parameters to start from."""

    x: Array
    y: Array
    w1: Array
    b1: Array
    w2: Array
    b2: Array

    @property
    def parameters(self) -> tuple[Array, ...]:
        return self[2:]


@dataclass(frozen=True)
class TwoLayer:
    """``relu(x @ w1 + b1) @ w2 + b2`` with the sum of squared errors, trained by plain gradient descent."""

    batch: int
    inputs: int
    hidden: int
    outputs: int

    def __str__(self) -> str:
        return f"{self.batch}x{self.inputs}x{self.hidden}x{self.outputs}"

    @classmethod
    def named(cls, name: str) -> TwoLayer:
        return cls(*map(int, name.split("x")))

    @property
    def rate(self) -> float:
        """A learning rate below what these nets diverge at: their steepest curvature grows with batch * hidden."""
        return 0.1 / (self.batch * self.hidden)

    def start(self, dtype: str) -> Start:
        rng = np.random.default_rng(0)
        sizes = (self.inputs, self.hidden), (self.hidden,), (self.hidden, self.outputs), (self.outputs,)
        x, y = rng.standard_normal((self.batch, self.inputs)), rng.standard_normal((self.batch, self.outputs))
        parameters = (rng.standard_normal(s) * (2 / s[0]) ** 0.5 for s in sizes)
        return Start(*(a.astype(dtype) for a in (x, y, *parameters)))
