"""Gradients of any model, by hand or by tape, and plain gradient descent with them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np

from tinygrad_np import Comparison, Tensor, compare, gradients

__all__ = ["Array", "Model", "Step", "Values", "by_hand", "by_tape", "descend"]

Array = np.ndarray[Any, Any]
Values = dict[str, Any]  # by name: arrays, or Tensors where something is differentiated


class Model(Protocol):
    """What a model's module offers, beside its ``init``."""

    def forward(self, params: Values, x: Any) -> Values: ...
    def loss(self, params: Values, x: Any, y: Any, values: Values | None = None) -> Any: ...
    def manual_gradients(self, params: Values, x: Any, y: Any, values: Values | None = None) -> dict[str, Array]: ...


class Step(NamedTuple):
    """One iteration: the error before the update, the gradients it was made with, and by-hand against by-tape."""

    epoch: int
    error: float
    gradients: dict[str, Array]
    comparison: Comparison | None


def by_hand(model: Model, params: Values, x: Any, y: Any) -> tuple[float, dict[str, Array]]:
    """The error at these parameters, and its gradients as they were derived by hand."""
    values = model.forward(params, x)
    return float(model.loss(params, x, y, values)), model.manual_gradients(params, x, y, values)


def by_tape(model: Model, params: Values, x: Any, y: Any) -> tuple[float, dict[str, Array]]:
    """The error at these parameters, and its gradients by every value and parameter, from the tape."""
    leaves = {name: Tensor(array, requires_grad=True, name=name) for name, array in params.items()}
    values = model.forward(leaves, x)
    error = model.loss(leaves, x, y, values)
    return float(error), gradients(error, values | leaves)


def descend(
    model: Model,
    params: Values,
    x: Any,
    y: Any,
    *,
    epochs: int,
    rate: float,
    by: Literal["hand", "tape", "both"] = "tape",
) -> Iterator[Step]:
    """Train on the whole of ``x`` and ``y`` at each iteration, in place: ``p -= rate * de/dp``.

    Parameters
    ----------
    params
        Arrays by name; they are changed.
    by
        Whose gradients: those derived by hand, the tape's, or the tape's with both compared at the same parameters.
        A disagreement does not stop the training: it is in the `Step`.

    Yields
    ------
    Step
        After each update.
    """
    for epoch in range(1, epochs + 1):
        error, grads = (by_hand if by == "hand" else by_tape)(model, params, x, y)
        comparison = compare(model.manual_gradients(params, x, y), grads) if by == "both" else None
        for name, p in params.items():
            p -= rate * grads[name]
        yield Step(epoch, error, grads, comparison)
