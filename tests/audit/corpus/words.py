"""Embeddings and dropout."""

import numpy as np


def skipgram_like(ids, targets, E, U, lr=0.2, epochs=3):
    """The mean of a context's embeddings predicts a word; right."""
    n, c = ids.shape
    for epoch in range(epochs):
        h = E[ids].mean(axis=1)
        scores = h @ U
        scores -= scores.max(axis=1, keepdims=True)
        p = np.exp(scores)
        p /= p.sum(axis=1, keepdims=True)
        loss = -np.mean(np.log(p[np.arange(n), targets]))
        ds = p
        ds[np.arange(n), targets] -= 1
        ds /= n
        dU = h.T @ ds
        dh = ds @ U.T
        dE = np.zeros_like(E)
        np.add.at(dE, ids, np.repeat(dh[:, None, :] / c, c, axis=1))
        E -= lr * dE
        U -= lr * dU
        print(epoch, loss)
    return E, U


def direct_row_update(ids, targets, E, U, lr=0.2, epochs=3):
    n = len(ids)
    onehot = np.eye(U.shape[1])[targets]
    for epoch in range(epochs):
        x = E[ids]
        z = x @ U
        q = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
        loss = -(onehot * np.log(q)).sum() / n
        g_z = (q - onehot) / n
        g_U = x.T @ g_z
        g_x = g_z @ U.T
        U -= lr * g_U
        E[ids] -= lr * g_x  # bug: scatter E
        print("loss", loss)
    return E


def gradient_table(ids, y, E, W1, w2, lr=0.05, epochs=3):
    """A tanh net on the concatenated embeddings of a window."""
    n, c = ids.shape
    for epoch in range(epochs):
        emb = E[ids]
        flat = emb.reshape(n, -1)
        h = np.tanh(flat @ W1)
        pred = h @ w2
        loss = np.mean((pred - y) ** 2)
        dpred = 2 * (pred - y) / n
        dw2 = h.T @ dpred
        dh = np.outer(dpred, w2) * (1 - h**2)
        dW1 = flat.T @ dh
        demb = (dh @ W1.T).reshape(emb.shape)
        dE = np.zeros_like(E)
        for j in range(c):
            dE[ids[:, j]] += demb[:, j]  # bug: scatter dE
        E -= lr * dE
        W1 -= lr * dW1
        w2 -= lr * dw2
    return loss


def dropout_right(X, Y, W1, W2, W3, p=0.3, lr=0.05, epochs=3):
    """p is the share that is dropped; another pass without dropout is only printed."""
    rng = np.random.default_rng(5)
    for epoch in range(epochs):
        z1 = X @ W1
        m1 = (rng.random(z1.shape) > p) / (1 - p)
        a1 = np.maximum(z1, 0) * m1
        z2 = a1 @ W2
        m2 = (rng.random(z2.shape) > p) / (1 - p)
        a2 = np.maximum(z2, 0) * m2
        out = a2 @ W3
        loss = np.mean((out - Y) ** 2)
        g = 2 * (out - Y) / Y.size
        dW3 = a2.T @ g
        g = g @ W3.T * m2
        g[z2 <= 0] = 0
        dW2 = a1.T @ g
        g = g @ W2.T * m1
        g[z1 <= 0] = 0
        dW1 = X.T @ g
        W1 -= lr * dW1
        W2 -= lr * dW2
        W3 -= lr * dW3
        clean = np.mean((np.maximum(np.maximum(X @ W1, 0) @ W2, 0) @ W3 - Y) ** 2)
        print(epoch, loss, clean)


def keep_prob_coursera(X, Y, W1, W2, W3, keep_prob=0.8, lr=0.1, epochs=3):
    np.random.seed(1)
    m = X.shape[0]
    for i in range(epochs):
        Z1 = X @ W1
        A1 = np.maximum(0, Z1)
        D1 = np.random.rand(*A1.shape) < keep_prob
        A1 = A1 * D1
        A1 = A1 / keep_prob
        Z2 = A1 @ W2
        A2 = np.maximum(0, Z2)
        D2 = np.random.rand(*A2.shape) < keep_prob
        A2 = A2 * D2
        A2 = A2 / keep_prob
        Z3 = A2 @ W3
        cost = np.sum((Z3 - Y) ** 2) / m
        dZ3 = 2 / m * (Z3 - Y)
        dW3 = A2.T @ dZ3
        dA2 = dZ3 @ W3.T
        dA2 = dA2 * D2
        dA2 = dA2 / keep_prob
        dZ2 = np.multiply(dA2, np.int64(A2 > 0))
        dW2 = A1.T @ dZ2
        dA1 = dZ2 @ W2.T
        dA1 = dA1 * D1  # bug: dropout-scale dA1
        dZ1 = np.multiply(dA1, np.int64(A1 > 0))
        dW1 = X.T @ dZ1
        W1 = W1 - lr * dW1
        W2 = W2 - lr * dW2
        W3 = W3 - lr * dW3
        print("Cost after iteration {}: {}".format(i, cost))
    return W1, W2, W3


def input_dropout(X, Y, W1, W2, W3, p=0.25, lr=0.05, epochs=2):
    rng = np.random.default_rng(9)
    n = len(X)
    for epoch in range(epochs):
        u = np.tanh(X @ W1)
        keep = (rng.uniform(size=u.shape) >= p).astype(float)
        ud = keep * u / (1 - p)
        v = np.tanh(ud @ W2)
        e = v @ W3 - Y
        loss = 0.5 * (e**2).sum() / n
        e = e / n
        gW3 = v.T @ e
        dv = e @ W3.T * (1 - v**2)
        gW2 = ud.T @ dv
        du = (dv @ W2.T) * keep * (1 - p) * (1 - u**2)  # bug: dropout-scale du
        gW1 = X.T @ du
        W1 -= lr * gW1
        W2 -= lr * gW2
        W3 -= lr * gW3
    return loss


def mask_of_other_layer(X, Y, W1, W2, W3, lr=0.05, epochs=3):
    """Two hidden layers of the same width."""
    n = len(X)
    for epoch in range(epochs):
        z1 = X @ W1
        h1 = z1 * (z1 > 0)
        z2 = h1 @ W2
        h2 = z2 * (z2 > 0)
        out = h2 @ W3
        loss = np.sum((out - Y) ** 2) / n
        d_out = 2 * (out - Y) / n
        d_W3 = h2.T @ d_out
        d_h2 = d_out @ W3.T
        d_z2 = d_h2 * (z1 > 0)  # bug: mask d_z2
        d_W2 = h1.T @ d_z2
        d_h1 = d_z2 @ W2.T
        d_z1 = d_h1 * (z1 > 0)
        d_W1 = X.T @ d_z1
        W1 -= lr * d_W1
        W2 -= lr * d_W2
        W3 -= lr * d_W3
        print(epoch, loss)


EU = {"loss": "loss", "parameters": {"E": "lr", "U": "lr"}}
P = {"loss": "loss", "parameters": {"W1": "lr", "W2": "lr", "W3": "lr"}}
CASES = {
    "skipgram_like": EU,
    "direct_row_update": EU | {"fix": "np.add.at(E, ids, -lr * g_x)"},
    "gradient_table": {
        "loss": "loss",
        "parameters": {"E": "lr", "W1": "lr", "w2": "lr"},
        "loop": "for epoch",
        "fix": "np.add.at(dE, ids[:, j], demb[:, j])",
    },
    "dropout_right": P,
    "keep_prob_coursera": P | {"loss": "cost", "fix": "dA1 = dA1 * D1 / keep_prob"},
    "input_dropout": P | {"fix": "du = (dv @ W2.T) * keep / (1 - p) * (1 - u ** 2)"},
    "mask_of_other_layer": P | {"fix": "d_z2 = d_h2 * (z2 > 0)"},
}


def arguments(name):
    rng = np.random.default_rng(38)
    n = rng.normal
    if name == "skipgram_like":
        return rng.integers(0, 7, (9, 3)), rng.integers(0, 7, 9), n(size=(7, 4)), n(size=(4, 7))
    if name == "direct_row_update":
        return np.array([0, 3, 3, 1, 5, 0, 3, 2]), rng.integers(0, 4, 8), n(size=(6, 5)), n(size=(5, 4))
    if name == "gradient_table":
        return rng.integers(0, 5, (8, 3)), n(size=8), n(size=(5, 4)), n(size=(12, 6)) / 3, n(size=6)
    return n(size=(9, 4)), n(size=(9, 2)), n(size=(4, 6)), n(size=(6, 6)) / 2, n(size=(6, 2))
