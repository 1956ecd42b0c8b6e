"""Autoencoders: the decoder is the encoder's matrix, transposed."""

import numpy as np


def tied(x, W, b, c, lr=0.05, epochs=3):
    for epoch in range(epochs):
        h = np.tanh(x @ W + b)
        r = h @ W.T + c
        loss = 0.5 * np.sum((r - x) ** 2) / len(x)
        dr = (r - x) / len(x)
        dc = dr.sum(axis=0)
        dW = dr.T @ h
        dh = dr @ W
        da = dh * (1 - h**2)
        db = da.sum(axis=0)
        dW += x.T @ da
        W -= lr * dW
        b -= lr * db
        c -= lr * dc
        print(f"[{epoch}] reconstruction {loss:.4f}")
    return W, b, c


def tied_encoder_only(x, W, b, c, lr=0.05, epochs=3):
    for epoch in range(epochs):
        h = np.tanh(x @ W + b)
        r = h @ W.T + c
        loss = 0.5 * np.sum((r - x) ** 2) / len(x)
        dr = (r - x) / len(x)
        dc = dr.sum(axis=0)
        dW = dr.T @ h  # bug: fork dW
        dh = dr @ W
        da = dh * (1 - h**2)
        db = da.sum(axis=0)
        dW = x.T @ da  # bug: fork dW
        W -= lr * dW
        b -= lr * db
        c -= lr * dc
        print(f"[{epoch}] reconstruction {loss:.4f}")
    return W, b, c


def tied_logistic(x, W, b, c, lr=0.5, epochs=3):
    """Binary inputs, cross-entropy summed over pixels."""
    n = x.shape[0]
    for epoch in range(epochs):
        h = 1 / (1 + np.exp(-(x @ W + b)))
        r = 1 / (1 + np.exp(-(h @ W.T + c)))
        loss = -np.sum(x * np.log(r) + (1 - x) * np.log(1 - r)) / n
        da2 = (r - x) / n
        da1 = (da2 @ W) * (1 - h)  # bug: activation da1
        gW = x.T @ da1 + da2.T @ h
        W = W - lr * gW
        b = b - lr * da1.sum(axis=0)
        c = c - lr * da2.sum(axis=0)
    return W, b, c, loss


def tied_logistic_right(x, W, b, c, lr=0.5, epochs=3):
    n = x.shape[0]
    for epoch in range(epochs):
        h = 1 / (1 + np.exp(-(x @ W + b)))
        r = 1 / (1 + np.exp(-(h @ W.T + c)))
        loss = -np.sum(x * np.log(r) + (1 - x) * np.log(1 - r)) / n
        da2 = (r - x) / n
        da1 = (da2 @ W) * h * (1 - h)
        gW = x.T @ da1 + da2.T @ h
        W = W - lr * gW
        b = b - lr * da1.sum(axis=0)
        c = c - lr * da2.sum(axis=0)
    return W, b, c, loss


def denoising(x, W, b, c, lr=0.05, keep=0.75, epochs=3):
    """Hidden units are dropped; the scale is put in at training time."""
    rng = np.random.default_rng(12)
    for epoch in range(epochs):
        h = np.maximum(x @ W + b, 0)
        survive = rng.random(h.shape) < keep
        hd = np.where(survive, h / keep, 0.0)
        r = hd @ W.T + c
        diff = r - x
        loss = np.mean(diff**2)
        dr = 2 * diff / diff.size
        dhd = dr @ W
        dh = np.where(survive, dhd, 0.0)  # bug: dropout-scale dh
        da = dh * (h > 0)
        dW = x.T @ da + dr.T @ hd
        W = W - lr * dW
        b = b - lr * da.sum(0)
        c = c - lr * dr.sum(0)
        print(loss)
    return W, b, c


def decorrelated(x, W, V, lr=0.02, mu=0.5):
    """The codes' unbiased variance is pulled to one."""
    for it in range(3):
        h = x @ W
        n = len(h)
        var = h.var(axis=0, ddof=1)
        diff = h @ V - x
        loss = 0.5 * np.sum(diff**2) / n + mu * np.sum((var - 1) ** 2)
        g_r = diff / n
        g_V = h.T @ g_r
        g_h = g_r @ V.T
        g_h += 2 * mu * (var - 1) * 2 * (h - h.mean(axis=0)) / n  # bug: bessel g_h
        W -= lr * x.T @ g_h
        V -= lr * g_V
        print(it, loss)
    return W, V


def sparse(x, W, V, lr=0.02, beta=0.3):
    """An L1 penalty on codes that ReLU makes exactly zero."""
    for it in range(3):
        z = x @ W
        h = np.maximum(z, 0)
        diff = h @ V - x
        loss = 0.5 * np.sum(diff**2) + beta * np.abs(h).sum()
        g_h = diff @ V.T + beta * np.sign(h)
        g_z = np.where(z > 0, g_h, 0)
        V = V - lr * h.T @ diff
        W = W - lr * x.T @ g_z
        print(it, loss)
    return W, V


def sparse_penalty_lost(x, W, V, lr=0.02, beta=0.3):
    for it in range(3):
        z = x @ W
        h = np.maximum(z, 0)
        diff = h @ V - x
        loss = 0.5 * np.sum(diff**2) + beta * np.abs(h).sum()
        g_h = diff @ V.T  # bug: regulariser|fork g_h
        g_z = np.where(z > 0, g_h, 0)
        V = V - lr * h.T @ diff
        W = W - lr * x.T @ g_z
        print(it, loss)
    return W, V


def square_code(x, W, V, lr=0.02):
    """The code is as wide as the input."""
    for it in range(3):
        h = np.tanh(x @ W)
        diff = h @ V - x
        loss = 0.5 * np.sum(diff**2)
        g_V = diff.T @ h  # bug: transpose g_V
        g_h = diff @ V.T
        g_W = x.T @ (g_h * (1 - h * h))
        W -= lr * g_W
        V -= lr * g_V
    print(loss)
    return W, V


def leaky(x, W, V, lr=0.02, slope=0.1):
    for it in range(3):
        z = x @ W
        h = np.where(z > 0, z, slope * z)
        diff = h @ V - x
        loss = 0.5 * np.sum(diff**2)
        g_V = h.T @ diff
        g_h = diff @ V.T
        g_z = g_h * (z > 0)  # bug: mask|activation g_z
        g_W = x.T @ g_z
        W -= lr * g_W
        V -= lr * g_V
    print(loss)
    return W, V


WBC = {"loss": "loss", "parameters": {"W": "lr", "b": "lr", "c": "lr"}}
WV = {"loss": "loss", "parameters": {"W": "lr", "V": "lr"}}
CASES = {
    "tied": WBC,
    "tied_encoder_only": WBC | {"fix": ["", "dW = dW + x.T @ da"]},
    "tied_logistic": WBC | {"fix": "da1 = (da2 @ W) * h * (1 - h)"},
    "tied_logistic_right": WBC,
    "denoising": WBC | {"fix": "dh = np.where(survive, dhd / keep, 0.0)"},
    "decorrelated": WV | {"fix": "g_h += 2 * mu * (var - 1) * 2 * (h - h.mean(axis=0)) / (n - 1)"},
    "sparse": WV,
    "sparse_penalty_lost": WV | {"fix": "g_h = diff @ V.T + beta * np.sign(h)"},
    "square_code": WV | {"fix": "g_V = h.T @ diff"},
    "leaky": WV | {"fix": "g_z = g_h * np.where(z > 0, 1.0, slope)"},
}


def arguments(name):
    rng = np.random.default_rng(13)
    n, d, h = 8, 6, 4
    x = rng.standard_normal((n, d))
    if "logistic" in name:
        x = rng.integers(0, 2, (n, d)).astype(float)
    if name == "square_code":
        return x, *(rng.standard_normal((2, d, d)) / 2)
    W = rng.standard_normal((d, h)) / 2
    if name in ("decorrelated", "sparse", "sparse_penalty_lost", "leaky"):
        return x, W, rng.standard_normal((h, d)) / 2
    return x, W, rng.standard_normal(h) / 3, rng.standard_normal(d) / 3
