"""Gradients by tape and by hand at once, compared while the net trains."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..checking.compare import compare, named
from ..checking.comparison import Comparison
from ..transforms.tree import tree_map

__all__ = ["DisagreementError", "compared"]

Step = Callable[..., tuple[Any, Any]]


class DisagreementError(Exception):
    """Gradients by hand are not those by tape; ``comparison`` tells them apart."""

    def __init__(self, step: int, comparison: Comparison) -> None:
        super().__init__(f"by hand and by tape disagree at step {step}\n{comparison}")
        self.comparison = comparison


def compared(by_tape: Step, by_hand: Step, *, every: int = 1) -> Step:
    """A step that takes the gradients by tape, and compares them with those by hand.

    Parameters
    ----------
    by_tape, by_hand
        ``step(params, *batch) -> (loss, gradients)``. All that the tape names is compared; what only the hand names,
        intermediate values say, is not.
    every
        Compare at each so-manieth step, the first included.

    Raises
    ------
    DisagreementError
        From the step, where they are further apart than rounding explains. A net that is sure of its predictions has
        gradients that are small differences of large numbers, ``p - 1``, where rounding weighs more than `compare`
        grants: before it raises, both sides are asked again in float64, and may lie apart by 1e-7 of the largest
        number of a gradient.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_np import value_and_grad
    >>> from tinygrad_np.train import compared
    >>> def loss(params, x):
    ...     return np.sum((x @ params["w"]) ** 2)
    >>> def by_hand(params, x):
    ...     return loss(params, x), {"w": x.T @ (x @ params["w"])}
    >>> step = compared(value_and_grad(loss), by_hand)
    >>> step({"w": np.ones(2)}, np.array([[1.0, 2.0], [3.0, 4.0]]))
    Traceback (most recent call last):
        ...
    tinygrad_np.train.comparing.DisagreementError: by hand and by tape disagree at step 1
    name  shape  verdict  max abs  max rel  ulp  worst at
    w     2      wrong    3.4e+01  5.0e-01    -         1
        off by the factor 1/2
    the gradient does not agree (1 wrong)
    """
    if every < 1:
        raise ValueError(f"every is 1 or more; got {every!r}")
    steps = 0

    def step(params: Any, *batch: Any) -> tuple[Any, Any]:
        nonlocal steps
        steps += 1
        loss, grads = by_tape(params, *batch)
        if (steps - 1) % every == 0:
            tape, hand = named(grads), named(by_hand(params, *batch)[1])
            comparison = compare({name: g for name, g in hand.items() if name in tape}, tape)
            if not comparison.ok:
                wide = tree_map(_wide, [params, *batch])
                if not _close(named(by_hand(*wide)[1]), named(by_tape(*wide)[1])):
                    raise DisagreementError(steps, comparison)
        return loss, grads

    return step


def _wide(leaf: Any) -> Any:
    return leaf.astype(np.result_type(leaf, np.float64)) if np.asarray(leaf).dtype.kind in "fc" else leaf


def _close(hand: dict[str, Any], tape: dict[str, Any]) -> bool:
    def close(g: Any, t: Any) -> bool:
        g, t = np.asarray(g), np.asarray(t)
        return g.shape == t.shape and bool(np.all(np.abs(g - t) <= 1e-7 * np.max(np.abs(t), initial=0)))

    return all(name in hand and close(hand[name], t) for name, t in tape.items())
