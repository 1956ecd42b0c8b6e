"""The two-layer net with the two slips of the code that the article prints; a model like any other, but wrong.

1.  The second layer is fed ``h``. ReLU's output reaches nothing but the gradient of w2.
2.  The gradient of b1 is subtracted from w1, to each row of which NumPy broadcasts it; b1 keeps its first value.

The gradients are those of the sound net, run on what this forward pass gives. (The article masks where h < 0, the sound
net where h <= 0: the same unless some h is exactly 0.)
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_np import relu

from . import two_layer
from ._descent import Array, Values
from .two_layer import init

__all__ = ["forward", "init", "loss", "manual_gradients"]


def forward(params: Values, x: Any) -> Values:
    h = x @ params["w1"] + params["b1"]
    h_relu = relu(h)
    pred = h @ params["w2"] + params["b2"]  # slip 1: the derivation says h_relu
    return {"h": h, "h_relu": h_relu, "pred": pred}


def loss(params: Values, x: Any, y: Any, values: Values | None = None) -> Any:
    return two_layer.loss(params, x, y, forward(params, x) if values is None else values)


def manual_gradients(params: Values, x: Any, y: Any, values: Values | None = None) -> dict[str, Array]:
    """What the printed code uses for the gradients; for w1 and b1, what it subtracts from them."""
    g = two_layer.manual_gradients(params, x, y, forward(params, x) if values is None else values)
    return g | {"w1": g["w1"] + g["b1"], "b1": np.zeros_like(g["b1"])}  # slip 2
