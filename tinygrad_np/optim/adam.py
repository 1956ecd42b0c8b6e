"""Adam and AdamW: steps scaled by running averages of the gradient and of its square."""

from __future__ import annotations

from typing import Any

import numpy as np

from .optimizer import Array, Optimizer, State, at_least_0, parts

__all__ = ["Adam", "AdamW"]


class Adam(Optimizer):
    """``p -= lr m' / (sqrt(v') + eps)`` (Kingma and Ba, 2015).

    With ``g`` the gradient (negated if ``maximize``) plus ``weight_decay p``, at the n-th gradient of a parameter::

        m = beta1 m + (1 - beta1) g             m' = m / (1 - beta1^n)
        v = beta2 v + (1 - beta2) g^2           v' = v / (1 - beta2^n)

    ``amsgrad`` puts the largest v so far in its place. Real and imaginary parts are numbers of their own.

    Parameters
    ----------
    params
        Tensors that require a gradient, in any container.
    lr, betas, eps, weight_decay, amsgrad, maximize
        As above; ``betas`` is the pair (beta1, beta2).

    Examples
    --------
    >>> from tinygrad_np import Tensor
    >>> from tinygrad_np.optim import Adam
    >>> w = Tensor([3.0], requires_grad=True)
    >>> optimizer = Adam({"w": w}, lr=0.5)
    >>> for _ in range(100):
    ...     optimizer.zero_grad()
    ...     ((w - 1) ** 2).sum().backward()
    ...     optimizer.step()
    >>> w.data.round(1)
    array([1.])
    """

    _decoupled = False  # from the gradient: the decay of AdamW shrinks the parameter itself

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        beta1, beta2 = betas
        super().__init__(
            params,
            lr=lr,
            betas=(at_least_0("betas[0]", beta1, below=1), at_least_0("betas[1]", beta2, below=1)),
            eps=at_least_0("eps", eps),
            weight_decay=at_least_0("weight_decay", weight_decay),
            amsgrad=bool(amsgrad),
            maximize=bool(maximize),
        )

    betas: tuple[float, float]
    eps: float
    weight_decay: float
    amsgrad: bool
    maximize: bool

    def _fresh(self, p: Array) -> State:
        names = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")[: 3 if self.amsgrad else 2]
        return {"step": np.array(0), **{name: np.zeros_like(p) for name in names}}

    def _update(self, p: Array, g: Array, state: State) -> None:
        if not state:
            state.update(self._fresh(p))
        state["step"] += 1
        n = int(state["step"])
        beta1, beta2 = self.betas
        rate, correction = self.lr / (1 - beta1**n), (1 - beta2**n) ** 0.5
        g = self._penalised(p, g, self.maximize, 0 if self._decoupled else self.weight_decay)
        if self._decoupled:
            p *= 1 - self.lr * self.weight_decay
        m, v = state["exp_avg"], state["exp_avg_sq"]
        largest = state["max_exp_avg_sq"] if self.amsgrad else v
        _, spare = self._buffers(p)
        for p_i, g_i, m_i, v_i, top, b in parts(p, g, m, v, largest, spare):
            np.subtract(g_i, m_i, out=b)
            b *= 1 - beta1
            m_i += b
            np.multiply(g_i, g_i, out=b)
            b *= 1 - beta2
            v_i *= beta2
            v_i += b
            if self.amsgrad:
                np.maximum(top, v_i, out=top)
            np.sqrt(top, out=b)
            b /= correction
            b += self.eps
            np.divide(m_i, b, out=b)
            b *= rate
            p_i -= b


class AdamW(Adam):
    """Adam whose weight decay is a step of its own, ``p *= 1 - lr weight_decay`` (Loshchilov and Hutter, 2019).

    The arguments are those of `Adam`; the decay is 0.01 unless said otherwise.
    """

    _decoupled = True

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize)
