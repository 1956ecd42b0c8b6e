"""Nets with dropout; the masks come from a seeded generator."""

import numpy as np


def inverted(x, y, w1, b1, w2, b2, keep=0.7, lr=0.05, seed=0, epochs=3):
    rng = np.random.default_rng(seed)
    for epoch in range(epochs):
        a = x @ w1 + b1
        h = np.maximum(a, 0)
        mask = (rng.random(h.shape) < keep) / keep
        hd = h * mask
        out = hd @ w2 + b2
        loss = np.mean((out - y) ** 2)
        dout = 2 * (out - y) / out.size
        dw2 = hd.T @ dout
        db2 = dout.sum(axis=0)
        dh = dout @ w2.T * mask
        da = dh * (a > 0)
        dw1 = x.T @ da
        db1 = da.sum(axis=0)
        w1 -= lr * dw1
        b1 -= lr * db1
        w2 -= lr * dw2
        b2 -= lr * db2
        print(epoch, loss)


def inverted_scale_lost(x, y, w1, b1, w2, b2, keep=0.7, lr=0.05, seed=0, epochs=3):
    rng = np.random.default_rng(seed)
    for epoch in range(epochs):
        a = x @ w1 + b1
        h = np.maximum(a, 0)
        mask = rng.random(h.shape) < keep
        hd = h * mask / keep
        out = hd @ w2 + b2
        loss = np.mean((out - y) ** 2)
        dout = 2 * (out - y) / out.size
        dw2 = hd.T @ dout
        db2 = dout.sum(axis=0)
        dh = dout @ w2.T * mask  # bug: dropout-scale dh
        da = dh * (a > 0)
        dw1 = x.T @ da
        db1 = da.sum(axis=0)
        w1 -= lr * dw1
        b1 -= lr * db1
        w2 -= lr * dw2
        b2 -= lr * db2
        print(epoch, loss)


def no_mask_on_the_way_back(x, y, w1, b1, w2, b2, keep=0.7, lr=0.05, seed=0, epochs=3):
    rng = np.random.default_rng(seed)
    for epoch in range(epochs):
        a = x @ w1 + b1
        h = np.maximum(a, 0)
        mask = (rng.random(h.shape) < keep).astype(float)
        hd = h * mask
        out = hd @ w2 + b2
        loss = np.mean((out - y) ** 2)
        dout = 2 * (out - y) / out.size
        dw2 = hd.T @ dout
        db2 = dout.sum(axis=0)
        dh = dout @ w2.T  # bug: mask dh
        da = dh * (a > 0)
        dw1 = x.T @ da
        db1 = da.sum(axis=0)
        w1 -= lr * dw1
        b1 -= lr * db1
        w2 -= lr * dw2
        b2 -= lr * db2
        print(epoch, loss)


def fresh_masks(x, y, V, W, U, p_drop=0.4, eta=0.1):
    """Two layers of dropout; `d1`, `d2` hold what survives."""
    rng = np.random.default_rng(42)
    keep = 1 - p_drop
    cost_log = []
    for step in range(3):
        h1 = np.tanh(x @ V)
        d1 = rng.binomial(1, keep, h1.shape) / keep
        h1d = h1 * d1
        h2 = np.tanh(h1d @ W)
        d2 = rng.binomial(1, keep, h2.shape) / keep
        h2d = h2 * d2
        s = h2d @ U
        cost = 0.5 * ((s - y) ** 2).sum(axis=1).mean()
        cost_log.append(cost)
        ds = (s - y) / len(x)
        gU = h2d.T @ ds
        dh2 = ds @ U.T * d2
        dz2 = dh2 * (1 - h2**2)
        gW = h1d.T @ dz2
        dh1 = dz2 @ W.T * d2  # bug: mask|wrong-operand dh1
        dz1 = dh1 * (1 - h1**2)
        gV = x.T @ dz1
        V -= eta * gV
        W -= eta * gW
        U -= eta * gU
    return cost_log


def before_dropout(x, y, V, W, U, p_drop=0.4, eta=0.1):
    rng = np.random.default_rng(42)
    keep = 1 - p_drop
    cost_log = []
    for step in range(3):
        h1 = np.tanh(x @ V)
        d1 = rng.binomial(1, keep, h1.shape) / keep
        h1d = h1 * d1
        h2 = np.tanh(h1d @ W)
        d2 = rng.binomial(1, keep, h2.shape) / keep
        h2d = h2 * d2
        s = h2d @ U
        cost = 0.5 * ((s - y) ** 2).sum(axis=1).mean()
        cost_log.append(cost)
        ds = (s - y) / len(x)
        gU = h2.T @ ds  # bug: wrong-operand gU
        dh2 = ds @ U.T * d2
        dz2 = dh2 * (1 - h2**2)
        gW = h1d.T @ dz2
        dh1 = dz2 @ W.T * d1
        dz1 = dh1 * (1 - h1**2)
        gV = x.T @ dz1
        V -= eta * gV
        W -= eta * gW
        U -= eta * gU
    return cost_log


def dropped_but_not_used(x, y, V, W, U, p_drop=0.4, eta=0.1):
    rng = np.random.default_rng(42)
    keep = 1 - p_drop
    for step in range(3):
        h1 = np.tanh(x @ V)
        d1 = rng.binomial(1, keep, h1.shape) / keep
        h1d = h1 * d1
        h2 = np.tanh(h1 @ W)  # bug: forward h2
        d2 = rng.binomial(1, keep, h2.shape) / keep
        h2d = h2 * d2
        s = h2d @ U
        cost = 0.5 * ((s - y) ** 2).sum(axis=1).mean()
        ds = (s - y) / len(x)
        gU = h2d.T @ ds
        dz2 = ds @ U.T * d2 * (1 - h2**2)
        gW = h1d.T @ dz2
        dz1 = dz2 @ W.T * d1 * (1 - h1**2)
        gV = x.T @ dz1
        V -= eta * gV
        W -= eta * gW
        U -= eta * gU
    return cost


def recurrent_dropout(xs, y, A, B, c, keep=0.8, lr=0.05):
    """The same mask at every time step."""
    rng = np.random.default_rng(3)
    T, N = xs.shape[:2]
    H = B.shape[0]
    for epoch in range(3):
        keep_units = rng.random((N, H)) < keep
        h, d = [np.zeros((N, H))], []
        for t in range(T):
            d.append(h[t] * keep_units / keep)
            h.append(np.tanh(xs[t] @ A + d[t] @ B))
        loss = 0.5 * np.sum((h[T] @ c - y) ** 2)
        e = h[T] @ c - y
        gc = h[T].T @ e
        gh = np.outer(e, c)
        gA, gB = np.zeros_like(A), np.zeros_like(B)
        for t in range(T - 1, -1, -1):
            gz = gh * (1 - h[t + 1] ** 2)
            gA += xs[t].T @ gz
            gB += d[t].T @ gz
            gh = gz @ B.T * keep_units  # bug: dropout-scale gh
        A = A - lr * gA
        B = B - lr * gB
        c = c - lr * gc
        print(epoch, loss)
    return A, B, c


TWO = {"loss": "loss", "parameters": {"w1": "lr", "b1": "lr", "w2": "lr", "b2": "lr"}}
VWU = {"loss": "cost", "parameters": {"V": "eta", "W": "eta", "U": "eta"}}
CASES = {
    "inverted": TWO,
    "inverted_scale_lost": TWO | {"fix": "dh = dout @ w2.T * mask / keep"},
    "no_mask_on_the_way_back": TWO | {"fix": "dh = dout @ w2.T * mask"},
    "fresh_masks": VWU | {"fix": "dh1 = dz2 @ W.T * d1"},
    "before_dropout": VWU | {"fix": "gU = h2d.T @ ds"},
    "dropped_but_not_used": VWU | {"fix": "h2 = np.tanh(h1d @ W)"},
    "recurrent_dropout": {
        "loss": "loss",
        "parameters": {"A": "lr", "B": "lr", "c": "lr"},
        "fix": "gh = gz @ B.T * keep_units / keep",
    },
}


def arguments(name):
    rng = np.random.default_rng(10)
    if name == "recurrent_dropout":
        T, N, D, H = 5, 4, 3, 6
        weights = rng.standard_normal((D, H)), rng.standard_normal((H, H)) / 2, rng.standard_normal(H)
        return rng.standard_normal((T, N, D)), rng.standard_normal(N), *weights
    n, d, h, k = 9, 5, 6, 3
    x, y = rng.standard_normal((n, d)), rng.standard_normal((n, k))
    if "p_drop" in globals()[name].__code__.co_varnames:
        return x, y, rng.standard_normal((d, h)) / 2, rng.standard_normal((h, h)) / 2, rng.standard_normal((h, k))
    return x, y, rng.standard_normal((d, h)), rng.standard_normal(h), rng.standard_normal((h, k)), np.zeros(k)
