"""What people do with a gradient once they have it, and what else they do in the loop."""

import numpy as np


def sign_descent(x, y, w, b, lr=0.01):
    for epoch in range(4):
        p = 1 / (1 + np.exp(-(x @ w + b)))
        loss = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
        gw = x.T @ (p - y) / len(y)
        gb = np.mean(p - y)
        w -= lr * np.sign(gw)
        b -= lr * np.sign(gb)
        print(loss)
    return w, b


def projected(x, y, w1, w2, lr=0.2, radius=1.0):
    """Rows of the first layer are kept within a ball."""
    for epoch in range(3):
        h = np.tanh(x @ w1)
        err = h @ w2 - y
        mse = (err**2).mean()
        g = 2 * err / err.size
        d1 = x.T @ (g @ w2.T * (1 - h**2))
        d2 = h.T @ g
        w1 = w1 - lr * d1
        w2 = w2 - lr * d2
        norms = np.linalg.norm(w1, axis=1, keepdims=True)
        w1 = w1 * np.minimum(1, radius / norms)
        print(mse)
    return w1, w2


def frozen_features(x, y, w1, b1, w2, lr=0.1):
    """Only the last layer learns."""
    features = np.maximum(x @ w1 + b1, 0)
    for epoch in range(4):
        out = features @ w2
        loss = 0.5 * np.sum((out - y) ** 2) / len(y)
        w2 = w2 - lr * features.T @ (out - y) / len(y)
        print(epoch, loss)
    return w2


def alternating(R, U, V, lr=0.02):
    """One factor takes a step, then the other sees the new one."""
    log = []
    for sweep in range(3):
        E = U @ V.T - R
        log.append(0.5 * np.sum(E**2))
        U = U - lr * E @ V
        E = U @ V.T - R
        V = V - lr * E.T @ U
    return U, V, log


def loss_after_the_update(x, y, w, b, lr=0.05):
    n = len(x)
    r = x @ w + b - y
    for k in range(4):
        gw, gb = x.T @ r / n, r.sum() / n
        w = w - lr * gw
        b = b - lr * gb
        r = x @ w + b - y
        loss = np.sum(r**2) / (2 * n)
        print(f"after step {k}: {loss:.4f}")
    return w, b


def loss_scaling(x, y, w1, w2, lr=0.1, scale=1024.0):
    for epoch in range(3):
        z = x @ w1
        h = np.maximum(z, 0)
        err = h @ w2 - y
        loss = np.mean(err**2)
        g = scale * 2 * err / err.size
        g2 = h.T @ g
        g1 = x.T @ ((g @ w2.T) * (z > 0))
        if not (np.isfinite(g1).all() and np.isfinite(g2).all()):
            scale /= 2
            continue
        w1 -= lr * g1 / scale
        w2 -= lr * g2 / scale
        print(loss)
    return w1, w2


def averaged_weights(x, y, w, b, lr=0.1, rho=0.9):
    """Keeps a running mean of the weights to hand back."""
    ema_w, ema_b = w.copy(), b
    for epoch in range(4):
        rate = lr / (1 + epoch)
        f = x @ w + b
        loss = np.abs(f - y).mean()
        s = np.sign(f - y) / len(y)
        w = w - rate * (s @ x)
        b = b - rate * s.sum()
        ema_w = rho * ema_w + (1 - rho) * w
        ema_b = rho * ema_b + (1 - rho) * b
        print(rate, loss)
    return ema_w, ema_b


def row_bias(x, y, w1, b1, w2, lr=0.1):
    """The bias is a row; its gradient is flat."""
    for epoch in range(3):
        a = x @ w1 + b1
        h = np.tanh(a)
        err = h @ w2 - y
        loss = 0.5 * (err * err).sum()
        da = err @ w2.T * (1 - h * h)
        w2 -= lr * h.T @ err
        w1 -= lr * x.T @ da
        b1 -= lr * da.sum(axis=0)
        print(loss)
    return w1, b1, w2


def checks_itself(x, y, w, lr=0.1, eps=1e-6):
    """Compares one entry with a central difference as it goes."""
    for epoch in range(3):
        s = x @ w
        loss = np.mean(np.log1p(np.exp(-y * s)))
        g = -x.T @ (y / (1 + np.exp(y * s))) / len(y)
        up, down = w.copy(), w.copy()
        up[0] += eps
        down[0] -= eps
        slope = (np.mean(np.log1p(np.exp(-y * (x @ up)))) - np.mean(np.log1p(np.exp(-y * (x @ down))))) / (2 * eps)
        assert abs(slope - g[0]) < 1e-4
        w = w - lr * g
        print(loss)
    return w


def normalised_step(x, y, w1, w2, lr=0.1):
    """The step has a fixed length; momentum is kept for both layers in one list."""
    speed = [0.0, 0.0]
    for epoch in range(4):
        h = np.tanh(x @ w1)
        err = h @ w2 - y
        loss = np.sum(err**2)
        g2 = 2 * h.T @ err
        g1 = 2 * x.T @ (err @ w2.T * (1 - h**2))
        length = np.sqrt((g1**2).sum() + (g2**2).sum()) + 1e-12
        speed = [0.5 * v + g / length for v, g in zip(speed, (g1, g2))]
        w1, w2 = w1 - lr * speed[0], w2 - lr * speed[1]
        print(epoch, loss, length)
    return w1, w2


def averaged_twice(x, y, w, b, lr=0.5):
    m = x.shape[0]
    for epoch in range(3):
        p = 1 / (1 + np.exp(-(x @ w + b)))
        loss = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
        gw = x.T @ (p - y) / m
        gb = np.mean(p - y)
        w = w - lr / m * gw  # bug: mean-sum w
        b = b - lr * gb
        print(loss)
    return w, b


def momentum_of_the_other(x, y, w1, w2, lr=0.02, mu=0.9):
    """Both layers are square."""
    v1, v2 = np.zeros_like(w1), np.zeros_like(w2)
    for epoch in range(3):
        h = np.tanh(x @ w1)
        o = np.tanh(h @ w2)
        loss = 0.5 * np.sum((o - y) ** 2)
        d2 = (o - y) * (1 - o**2)
        d1 = d2 @ w2.T * (1 - h**2)
        g1, g2 = x.T @ d1, h.T @ d2
        v1 = mu * v1 + g1
        v2 = mu * v2 + g2
        w1 = w1 - lr * v1
        w1 = w1 - lr * v2  # bug: wrong-parameter w2
        print(loss)
    return w1, w2


def half_of_the_batch(x, y, w1, w2, lr=0.1):
    """Two passes over halves of the batch, one update."""
    half = len(x) // 2
    for epoch in range(3):
        total, G1, G2 = 0.0, np.zeros_like(w1), np.zeros_like(w2)
        for rows in (slice(0, half), slice(half, None)):
            h = np.tanh(x[rows] @ w1)
            err = h @ w2 - y[rows]
            total += np.sum(err**2) / len(x)
            g = 2 * err / len(x)
            G2 = h.T @ g  # bug: fork|accumulate G2
            G1 += x[rows].T @ (g @ w2.T * (1 - h**2))
        w1 -= lr * G1
        w2 -= lr * G2
        print(total)
    return w1, w2


def ascends_in_one_layer(x, y, w1, w2, lr=0.05, mu=0.8):
    s1 = s2 = 0.0
    for epoch in range(3):
        h = np.tanh(x @ w1)
        err = h @ w2 - y
        loss = np.mean(err**2)
        g = 2 * err / err.size
        g2 = h.T @ g
        g1 = x.T @ (g @ w2.T * (1 - h**2))
        s1 = mu * s1 + lr * g1
        s2 = mu * s2 - lr * g2
        w1 = w1 + s1  # bug: sign w1
        w2 = w2 + s2
        print(loss)
    return w1, w2


WB = {"loss": "loss", "parameters": {"w": "lr", "b": "lr"}}
GRADIENTS = {"loss": "loss", "parameters": {"w1": "=g1", "w2": "=g2"}}
FIRST_STEP = {"loss": "loss", "parameters": {"w1": "lr", "w2": "lr"}, "iterations": 1}
CASES = {
    "sign_descent": WB | {"parameters": {"w": "=gw", "b": "=gb"}},
    "projected": {"loss": "mse", "parameters": {"w1": "=d1", "w2": "=d2"}},
    "frozen_features": {"loss": "loss", "parameters": {"w2": "lr"}},
    "alternating": {"loss": "log[-1]", "parameters": {"U": "lr"}},
    "loss_after_the_update": {
        "loss": "((x @ (w + lr * gw) + (b + lr * gb) - y) ** 2).sum() / (2 * n)",  # with what the iteration began with
        "parameters": {"w": "=gw", "b": "=gb"},
    },
    "loss_scaling": {"loss": "loss", "parameters": {"w1": "=g1 / scale", "w2": "=g2 / scale"}},
    "averaged_weights": WB | {"parameters": {"w": "rate", "b": "rate"}},
    "row_bias": {"loss": "loss", "parameters": {"w1": "lr", "b1": "lr", "w2": "lr"}},
    "checks_itself": {"loss": "loss", "parameters": {"w": "lr"}},
    "normalised_step": GRADIENTS,
    "averaged_twice": WB | {"fix": "w = w - lr * gw"},
    "momentum_of_the_other": FIRST_STEP | {"fix": "w2 = w2 - lr * v2"},
    "half_of_the_batch": {"loss": "total", "parameters": {"w1": "lr", "w2": "lr"}, "fix": "G2 += h.T @ g"},
    "ascends_in_one_layer": FIRST_STEP | {"fix": "w1 = w1 - s1"},
}


def arguments(name):
    rng = np.random.default_rng(15)
    n, d, h, k = 10, 5, 6, 3
    x, y = rng.standard_normal((n, d)), rng.standard_normal((n, k))
    if name in ("sign_descent", "averaged_twice"):
        return x, rng.integers(0, 2, n).astype(float), rng.standard_normal(d) / 2, 0.1
    if name in ("loss_after_the_update", "averaged_weights"):
        return x, y[:, 0], rng.standard_normal(d), 0.3
    if name == "checks_itself":
        return x, rng.choice([-1.0, 1.0], n), rng.standard_normal(d) / 2
    if name == "alternating":
        return rng.standard_normal((8, 6)), rng.standard_normal((8, 3)), rng.standard_normal((6, 3))
    if name == "momentum_of_the_other":
        return x, rng.uniform(-0.8, 0.8, (n, d)), *(rng.standard_normal((2, d, d)) / 2)
    w1, w2 = rng.standard_normal((d, h)) / 2, rng.standard_normal((h, k)) / 2
    if name == "row_bias":
        return x, y, w1, rng.standard_normal((1, h)), w2
    if name == "frozen_features":
        return x, y, w1, rng.standard_normal(h), w2
    return x, y, w1, w2
