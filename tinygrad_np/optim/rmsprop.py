"""RMSprop: steps scaled by a running average of the gradient's square."""

from __future__ import annotations

from typing import Any

import numpy as np

from .optimizer import Array, Optimizer, State, at_least_0, parts

__all__ = ["RMSprop"]


class RMSprop(Optimizer):
    """``p -= lr g / (sqrt(v) + eps)`` (Hinton's lectures; Graves, 2013, for ``centered``).

    With ``g`` the gradient (negated if ``maximize``) plus ``weight_decay p``::

        v = alpha v + (1 - alpha) g^2
        a = alpha a + (1 - alpha) g             centered: v - a^2 in place of v
        b = momentum b + g / (sqrt(v) + eps)    with momentum: p -= lr b

    Real and imaginary parts are numbers of their own.

    Parameters
    ----------
    params
        Tensors that require a gradient, in any container.
    lr, alpha, eps, weight_decay, momentum, centered, maximize
        As above.

    Examples
    --------
    >>> from tinygrad_np import Tensor
    >>> from tinygrad_np.optim import RMSprop
    >>> w = Tensor([3.0], requires_grad=True)
    >>> w.grad = 2 * w.data
    >>> RMSprop(w, lr=0.1).step()
    >>> w.data.round(6)
    array([2.])
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params,
            lr=lr,
            alpha=at_least_0("alpha", alpha),
            eps=at_least_0("eps", eps),
            weight_decay=at_least_0("weight_decay", weight_decay),
            momentum=at_least_0("momentum", momentum),
            centered=bool(centered),
            maximize=bool(maximize),
        )

    alpha: float
    eps: float
    weight_decay: float
    momentum: float
    centered: bool
    maximize: bool

    def _fresh(self, p: Array) -> State:
        names = ["square_avg"] + ["grad_avg"] * self.centered + ["momentum_buffer"] * (self.momentum > 0)
        return {name: np.zeros_like(p) for name in names}

    def _update(self, p: Array, g: Array, state: State) -> None:
        if not state:
            state.update(self._fresh(p))
        g = self._penalised(p, g, self.maximize, self.weight_decay)
        v = state["square_avg"]
        mean, velocity = state.get("grad_avg", v), state.get("momentum_buffer", v)
        _, spare = self._buffers(p)
        for p_i, g_i, v_i, a, b, c in parts(p, g, v, mean, velocity, spare):
            np.multiply(g_i, g_i, out=c)
            c *= 1 - self.alpha
            v_i *= self.alpha
            v_i += c
            if self.centered:
                np.subtract(g_i, a, out=c)
                c *= 1 - self.alpha
                a += c
                np.multiply(a, a, out=c)
                np.subtract(v_i, c, out=c)
                np.sqrt(c, out=c)
            else:
                np.sqrt(v_i, out=c)
            c += self.eps
            np.divide(g_i, c, out=c)
            if self.momentum:
                b *= self.momentum
                b += c
                np.multiply(b, self.lr, out=c)
            else:
                c *= self.lr
            p_i -= c
