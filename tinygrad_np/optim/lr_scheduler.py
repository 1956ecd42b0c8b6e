"""Learning-rate schedules: `step` after each epoch writes the optimiser's ``lr``.

As in PyTorch each schedule works on the rate that it finds, so that two on one optimiser multiply. `SequentialLR` runs
one after the other:

    warm_up, fall = LinearLR(optimizer, 0.1, total_iters=5), CosineAnnealingLR(optimizer, T_max=45)
    schedule = SequentialLR(optimizer, [warm_up, fall], milestones=[5])
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .optimizer import Optimizer

__all__ = [
    "CosineAnnealingLR",
    "ExponentialLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "SequentialLR",
    "StepLR",
]


class LRScheduler:
    """The base of all schedules; one of your own gives `_lr`.

    Attributes
    ----------
    last_epoch : int
        How often `step` was called.
    base_lr : float
        The learning rate that the optimiser was made with.
    """

    def __init__(self, optimizer: Optimizer) -> None:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"a schedule changes the rate of an optimiser; got {type(optimizer).__name__}")
        self.optimizer = optimizer
        self.base_lr = optimizer.initial_lr
        self.last_epoch = 0
        optimizer.lr = self._lr(optimizer.lr, 0)

    def step(self) -> None:
        """An epoch has ended: set the learning rate of the next."""
        self.last_epoch += 1
        self.optimizer.lr = self._lr(self.optimizer.lr, self.last_epoch)

    def state_dict(self) -> dict[str, Any]:
        """What `load_state_dict` needs, and what it was made with; the rate itself is in the optimiser's state."""
        kind, options = type(self).__name__, self._options()
        return {"kind": kind, "options": options, "last_epoch": self.last_epoch, "base_lr": self.base_lr}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` gave.

        Raises
        ------
        ValueError
            If it is another schedule's, or that of one made with other options.
        """
        there, here = ({"kind": s["kind"], **s["options"]} for s in (state_dict, self.state_dict()))
        for k in [*here, *there]:
            if there.get(k) != here.get(k):
                raise ValueError(f"the schedule had {k} {there.get(k)!r:.60}, and has {here.get(k)!r:.60} here")
        self.last_epoch, self.base_lr = int(state_dict["last_epoch"]), float(state_dict["base_lr"])

    def _options(self) -> dict[str, Any]:
        """What it was made with, but functions."""
        own = ("optimizer", "last_epoch", "base_lr")
        return {k: v for k, v in vars(self).items() if k not in own and not callable(v)}

    def _lr(self, lr: float, t: int) -> float:
        """The rate of epoch ``t``, given that of the epoch before; at 0, given the optimiser's own."""
        raise NotImplementedError


class StepLR(LRScheduler):
    """The rate times ``gamma`` every ``step_size`` epochs."""

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1) -> None:
        self.step_size, self.gamma = _count("step_size", step_size), gamma
        super().__init__(optimizer)

    def _lr(self, lr: float, t: int) -> float:
        return lr * self.gamma if t and t % self.step_size == 0 else lr


class ExponentialLR(LRScheduler):
    """The rate times ``gamma`` every epoch."""

    def __init__(self, optimizer: Optimizer, gamma: float) -> None:
        self.gamma = gamma
        super().__init__(optimizer)

    def _lr(self, lr: float, t: int) -> float:
        return lr * self.gamma if t else lr


class CosineAnnealingLR(LRScheduler):
    """Half a cosine from the base rate down to ``eta_min`` in ``T_max`` epochs, and up again, and so on.

    ``eta_min + (base - eta_min) c(t)`` with ``c(t) = (1 + cos(pi t / T_max)) / 2``, reached by factors c(t) / c(t - 1).
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0) -> None:
        self.T_max, self.eta_min = _count("T_max", T_max), eta_min
        super().__init__(optimizer)

    def _lr(self, lr: float, t: int) -> float:
        if t == 0:
            return lr

        def c(t: int) -> float:
            return (1 + math.cos(math.pi * t / self.T_max)) / 2

        if (t - 1) % (2 * self.T_max) == self.T_max:  # from the bottom, where c is 0, no factor leads up
            return lr + (self.base_lr - self.eta_min) * c(self.T_max - 1)
        return self.eta_min + (lr - self.eta_min) * c(t) / c(t - 1)


class LinearLR(LRScheduler):
    """A warm-up: the rate times a factor that goes from ``start_factor`` to ``end_factor`` over ``total_iters``."""

    def __init__(
        self, optimizer: Optimizer, start_factor: float = 1 / 3, end_factor: float = 1.0, total_iters: int = 5
    ) -> None:
        if not 0 < start_factor <= 1:
            raise ValueError(f"start_factor must be above 0 and at most 1; got {start_factor!r}")
        if not 0 <= end_factor <= 1:
            raise ValueError(f"end_factor must be 0 to 1; got {end_factor!r}")
        self.start_factor, self.end_factor = start_factor, end_factor
        self.total_iters = _count("total_iters", total_iters)
        super().__init__(optimizer)

    def _lr(self, lr: float, t: int) -> float:
        if t > self.total_iters:
            return lr
        rise = (self.end_factor - self.start_factor) / self.total_iters
        return lr * (self.start_factor + rise * t) / (self.start_factor + rise * (t - 1) if t else 1)


class LambdaLR(LRScheduler):
    """The base rate times ``lr_lambda(epoch)``."""

    def __init__(self, optimizer: Optimizer, lr_lambda: Callable[[int], float]) -> None:
        self.lr_lambda = lr_lambda
        super().__init__(optimizer)

    def _lr(self, lr: float, t: int) -> float:
        return self.base_lr * self.lr_lambda(t)


class SequentialLR(LRScheduler):
    """One schedule after the other: the k-th runs from ``milestones[k - 1]`` on, starting from the base rate.

    Raises
    ------
    ValueError
        If there is not one milestone between two schedules, or a schedule belongs to another optimiser.
    """

    def __init__(self, optimizer: Optimizer, schedulers: Sequence[LRScheduler], milestones: Sequence[int]) -> None:
        if len(milestones) != len(schedulers) - 1 or list(milestones) != sorted(set(milestones)):
            raise ValueError(
                f"{len(schedulers)} schedules take {len(schedulers) - 1} rising milestones between them;"
                f" got {list(milestones)}"
            )
        if any(s.optimizer is not optimizer for s in schedulers):
            raise ValueError("all schedules of a sequence must belong to the optimiser of the sequence")
        self.schedulers, self.milestones = list(schedulers), [_count("a milestone", m) for m in milestones]
        super().__init__(optimizer)

    def _options(self) -> dict[str, Any]:
        each = [[type(s).__name__, s._options()] for s in self.schedulers]
        return {"milestones": self.milestones, "schedulers": each}

    def _lr(self, lr: float, t: int) -> float:
        k = bisect_right(self.milestones, t)
        start = self.milestones[k - 1] if k else 0
        return self.schedulers[k]._lr(self.base_lr if t == start else lr, t - start)


def _count(name: str, n: int) -> int:
    if isinstance(n, bool) or not hasattr(n, "__index__") or n < 1:
        raise ValueError(f"{name} must be a whole number, 1 or more; got {n!r}")
    return int(n)
