"""The error of a two-layer net: something to write out, derive and draw from the command line.

tinygrad-np write examples/two_layer_loss.py:error --grad w1,b1,w2,b2
tinygrad-np derive examples/two_layer_loss.py:error --grad w1,b1,w2,b2
"""

import numpy as np

from tinygrad_np import relu


def error(w1, b1, w2, b2, x, y):
    h = x @ w1 + b1
    h_relu = relu(h)
    pred = h_relu @ w2 + b2
    return np.sum((pred - y) ** 2)


if __name__ == "__main__":
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((64, 1000)), rng.standard_normal((64, 10))
    w1, b1 = rng.standard_normal((1000, 100)), rng.standard_normal(100)
    w2, b2 = rng.standard_normal((100, 10)), rng.standard_normal(10)
    print(f"error {error(w1, b1, w2, b2, x, y):,.1f}")
