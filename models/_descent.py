"""Gradients of any model, by hand or by tape, and plain gradient descent with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np

from tinygrad_np import Comparison, Tensor, compare, gradients

__all__ = ["Array", "Model", "Step", "Values", "by_hand", "by_tape", "descend", "plain", "watched"]

Array = np.ndarray[Any, Any]
Values = dict[str, Any]  # by name: arrays, or Tensors where something is differentiated


class Model(Protocol):
    """What a model's module offers, beside its ``init`` and ``example``."""

    forward: Callable[..., Values]  # (params, x), and keywords of the model's own

    def loss(self, params: Values, x: Any, y: Any, values: Values | None = None) -> Any: ...
    def manual_gradients(self, params: Values, x: Any, y: Any, values: Values | None = None) -> dict[str, Array]: ...


class Step(NamedTuple):
    """One iteration: the error before the update, and what it was made with.

    Attributes
    ----------
    epoch, error
        Its number, from 1, and the error before the update.
    gradients
        What the parameters were moved by.
    comparison
        By hand against by tape, where both were asked for.
    values
        What `forward` gave, as plain arrays.
    """

    epoch: int
    error: float
    gradients: dict[str, Array]
    comparison: Comparison | None
    values: dict[str, Array]


def watched(params: Values) -> dict[str, Tensor]:
    """The parameters as Tensors that a gradient flows to, each with its name; what is one already stays itself."""
    return {
        name: p if isinstance(p, Tensor) else Tensor(p, requires_grad=True, name=name) for name, p in params.items()
    }


def plain(values: Values) -> dict[str, Array]:
    """Every Tensor as its array."""
    return {name: v.data if isinstance(v, Tensor) else v for name, v in values.items()}


def by_hand(
    model: Model, params: Values, x: Any, y: Any, values: Values | None = None, **keywords: Any
) -> tuple[float, dict[str, Array]]:
    """The error at these parameters, and its gradients as they were derived by hand.

    Without ``values``, `forward` is called, with the keywords.
    """
    values = model.forward(params, x, **keywords) if values is None else values
    return float(model.loss(params, x, y, values)), model.manual_gradients(params, x, y, values)


def by_tape(
    model: Model, params: Values, x: Any, y: Any, values: Values | None = None, **keywords: Any
) -> tuple[float, dict[str, Array]]:
    """The error at these parameters, and its gradients by every value and parameter, from the tape.

    ``values``, if given, are what `forward` made of these very params as Tensors; other values than Tensors that a
    gradient flows through (masks, indices, statistics) have no gradient. To hold by hand against by tape where
    `forward` draws random numbers, call it once::

        leaves = watched(params)
        values = model.forward(leaves, x, rng=rng)
        by_tape(model, leaves, x, y, values)
        by_hand(model, params, x, y, plain(values))
    """
    leaves = watched(params)
    values = model.forward(leaves, x, **keywords) if values is None else values
    error = model.loss(leaves, x, y, values)
    flowing = {name: v for name, v in (values | leaves).items() if isinstance(v, Tensor) and v.requires_grad}
    return float(error), gradients(error, flowing)


def descend(
    model: Model,
    params: Values,
    x: Any,
    y: Any,
    *,
    epochs: int,
    rate: float,
    by: Literal["hand", "tape", "both"] = "tape",
    **keywords: Any,
) -> Iterator[Step]:
    """Train on the whole of ``x`` and ``y`` at each iteration, in place: ``p -= rate * de/dp``.

    Parameters
    ----------
    params
        Arrays by name; they are changed.
    by
        Whose gradients: those derived by hand, the tape's, or the tape's with both compared on the same values.
        A disagreement does not stop the training: it is in the `Step`.
    **keywords
        Handed to the model's `forward`, such as the generator of its masks.

    Yields
    ------
    Step
        After each update.
    """
    for epoch in range(1, epochs + 1):
        leaves = params if by == "hand" else watched(params)
        values = model.forward(leaves, x, **keywords)
        error, grads = (by_hand if by == "hand" else by_tape)(model, leaves, x, y, values)
        values = plain(values)
        comparison = compare(model.manual_gradients(params, x, y, values), grads) if by == "both" else None
        for name, p in params.items():
            p -= rate * grads[name]
        yield Step(epoch, error, grads, comparison, values)
