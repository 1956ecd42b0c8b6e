"""Stochastic gradient descent, with momentum."""

from __future__ import annotations

from typing import Any

import numpy as np

from .optimizer import Array, Optimizer, State, at_least_0

__all__ = ["SGD"]


class SGD(Optimizer):
    """``p -= lr d``, where d is the gradient, or what momentum makes of it.

    With ``g`` the gradient (negated if ``maximize``) plus ``weight_decay p``::

        v = momentum v + (1 - dampening) g      (v = g at first)
        d = v, or with nesterov g + momentum v

    Parameters
    ----------
    params
        Tensors that require a gradient, in any container.
    lr, momentum, dampening, weight_decay, nesterov, maximize
        As above.

    Raises
    ------
    TypeError, ValueError
        As `Optimizer`; also if ``nesterov`` comes without momentum, or with dampening.

    Examples
    --------
    >>> from tinygrad_np import Tensor
    >>> from tinygrad_np.optim import SGD
    >>> w = Tensor([1.0, -2.0], requires_grad=True)
    >>> optimizer = SGD([w], lr=0.25)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.data
    array([ 0.5, -1. ])
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        if nesterov and (not momentum > 0 or dampening != 0):
            raise ValueError(
                f"nesterov=True needs momentum above 0 and dampening 0; got momentum={momentum}, dampening={dampening}"
            )
        super().__init__(
            params,
            lr=lr,
            momentum=at_least_0("momentum", momentum),
            dampening=float(dampening),
            weight_decay=at_least_0("weight_decay", weight_decay),
            nesterov=bool(nesterov),
            maximize=bool(maximize),
        )

    momentum: float
    dampening: float
    weight_decay: float
    nesterov: bool
    maximize: bool

    def _fresh(self, p: Array) -> State:
        return {"momentum_buffer": np.zeros_like(p)} if self.momentum else {}

    def _update(self, p: Array, g: Array, state: State) -> None:
        d = self._penalised(p, g, self.maximize, self.weight_decay)
        out, product = self._buffers(p)
        if self.momentum:
            first = not state
            if first:
                state.update(self._fresh(p))
            v = state["momentum_buffer"]
            v *= self.momentum
            np.multiply(d, 1 if first else 1 - self.dampening, out=product)
            v += product
            if self.nesterov:
                np.multiply(v, self.momentum, out=product)
                d = np.add(d, product, out=out)
            else:
                d = v
        np.multiply(d, self.lr, out=product)
        p -= product
