"""Neural ops with stable rules of their own; names, argument order and defaults as in torch.nn.functional."""

from __future__ import annotations

import numpy as np

from .declare import op


@op(method=True, tex=r"\operatorname{{relu}}({0})")
def relu(x):
    """``max(x, 0)``; derivative 1 where x > 0, 0 elsewhere, at 0 too."""
    return np.maximum(x, 0)


relu.defvjp(lambda g, y, _x: g * (y > 0)).broadcasting()
relu.defjvp(lambda x_dot, y, _x: x_dot * (y > 0))


@op(method=True, tex=r"\sigma({0})")
def sigmoid(x):
    """Logistic function 1 / (1 + e^-x), without overflow; dy/dx = y (1 - y)."""
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, e) / (1 + e)


sigmoid.defderivative(lambda y, _x: y * (1 - y))
