"""Deep tanh networks, kept in lists and classes."""

import numpy as np


def deep_adam(X, Y, Ws, lr=0.01, b1=0.9, b2=0.999, eps=1e-8, steps=3):
    M = [np.zeros_like(W) for W in Ws]
    V = [np.zeros_like(W) for W in Ws]
    for t in range(1, steps + 1):
        hs = [X]
        for W in Ws:
            hs.append(np.tanh(hs[-1] @ W))
        loss = 0.5 * np.sum((hs[-1] - Y) ** 2) / len(X)
        grads = []
        d = (hs[-1] - Y) / len(X)
        for W, h_in, h_out in zip(Ws[::-1], hs[-2::-1], hs[::-1]):
            d = d * (1 - h_out**2)
            grads.insert(0, h_in.T @ d)
            d = d @ W.T
        for i, g in enumerate(grads):
            M[i] = b1 * M[i] + (1 - b1) * g
            V[i] = b2 * V[i] + (1 - b2) * g**2
            mhat = M[i] / (1 - b1**t)
            vhat = V[i] / (1 - b2**t)
            Ws[i] = Ws[i] - lr * mhat / (np.sqrt(vhat) + eps)
        print(t, loss)
    return Ws


def derivative_of_preactivation(X, Y, W, B, lr=0.05, epochs=3):
    L = len(W)
    for epoch in range(epochs):
        z, a = [], [X]
        for l in range(L):
            z.append(a[l] @ W[l] + B[l])
            a.append(np.tanh(z[l]))
        loss = np.mean((a[L] - Y) ** 2)
        dW, dB = [None] * L, [None] * L
        delta = 2 * (a[L] - Y) / Y.size * (1 - a[L] ** 2)
        for l in reversed(range(L)):
            dW[l] = a[l].T @ delta
            dB[l] = delta.sum(axis=0)
            if l > 0:
                delta = (delta @ W[l].T) * (1 - z[l - 1] ** 2)  # bug: activation delta
        for l in range(L):
            W[l] -= lr * dW[l]
            B[l] -= lr * dB[l]
        print(loss)


def wrong_layer_weight(X, Y, W1, W2, W3, W4, lr=0.05, epochs=3):
    for epoch in range(epochs):
        h1 = np.tanh(X @ W1)
        h2 = np.tanh(h1 @ W2)
        h3 = np.tanh(h2 @ W3)
        out = h3 @ W4
        loss = np.sum((out - Y) ** 2)

        g_out = 2 * (out - Y)
        g_W4 = h3.T @ g_out
        g_h3 = g_out @ W4.T
        g_z3 = g_h3 * (1 - h3**2)
        g_W3 = h2.T @ g_z3
        g_h2 = g_z3 @ W2.T  # bug: wrong-operand g_h2
        g_z2 = g_h2 * (1 - h2**2)
        g_W2 = h1.T @ g_z2
        g_h1 = g_z2 @ W2.T
        g_z1 = g_h1 * (1 - h1**2)
        g_W1 = X.T @ g_z1

        W1 -= lr * g_W1
        W2 -= lr * g_W2
        W3 -= lr * g_W3
        W4 -= lr * g_W4
        print(epoch, loss)


class Net:
    def __init__(self, sizes, seed=0):
        rng = np.random.default_rng(seed)
        self.W = [rng.normal(size=(a, b)) / np.sqrt(a) for a, b in zip(sizes, sizes[1:])]

    def train_step(self, x, y, lr=0.2):
        acts = [x]
        for w in self.W:
            acts.append(np.tanh(acts[-1] @ w))
        loss = 0.5 * np.mean(np.sum((acts[-1] - y) ** 2, axis=1))
        g = (acts[-1] - y) / x.shape[0]
        for i in range(len(self.W) - 1, -1, -1):
            g = g * (1 - acts[i + 1] ** 2)
            dw = acts[i].T @ g
            self.W[i] = self.W[i] - lr * dw  # bug: stale self.W[i]
            g = g @ self.W[i].T  # bug: stale g
        return loss


class Tower:
    """Cache and gradients in dicts."""

    def __init__(self, d, h, k, seed=4):
        rng = np.random.default_rng(seed)
        self.params = {
            "W1": rng.normal(size=(d, h)),
            "c1": np.zeros(h),
            "W2": rng.normal(size=(h, h)) / 2,
            "c2": np.zeros(h),
            "W3": rng.normal(size=(h, k)),
            "c3": np.zeros(k),
        }

    def forward(self, x):
        p = self.params
        h1 = np.tanh(x @ p["W1"] + p["c1"])
        h2 = np.tanh(h1 @ p["W2"] + p["c2"])
        self.cache = (x, h1, h2)
        return h2 @ p["W3"] + p["c3"]

    def backward(self, dout):
        x, h1, h2 = self.cache
        g = {"W3": h2.T @ dout, "c3": dout.sum(0)}
        d2 = dout @ self.params["W3"].T * (1 - h2**2)
        g["W2"], g["c2"] = h1.T @ d2, d2.sum(0)
        d1 = d2 @ self.params["W2"].T * (1 - h1**2)
        g["W1"], g["c1"] = x.T @ d1, d1.sum(0)
        return g

    def fit(self, x, y, lr=0.05, epochs=3):
        for _ in range(epochs):
            pred = self.forward(x)
            loss = np.mean((pred - y) ** 2)
            grads = self.backward(2 * (pred - y) / y.size)
            for name in self.params:
                self.params[name] -= lr * grads[name]
        return loss


def returns_gradients(X, Y, A, B, C):
    """No update: loss and gradients are returned."""
    p = np.tanh(X @ A)
    q = np.tanh(p @ B)
    r = q @ C
    e = r - Y
    loss = 0.5 * (e**2).sum()
    dC = q.T @ e
    dq = e @ C.T
    dB = p.T @ (dq * (1 - q**2))
    dp = dq @ B.T  # bug: activation dp
    dA = X.T @ (dp * (1 - p**2))
    return loss, dA, dB, dC


CASES = {
    "deep_adam": {"loss": "loss", "parameters": {f"Ws[{i}]": f"=grads[{i}]" for i in range(3)}, "loop": "for t in"},
    "derivative_of_preactivation": {
        "loss": "loss",
        "parameters": {f"{p}[{i}]": "lr" for p in "WB" for i in range(3)},
        "loop": "for epoch",
        "fix": "delta = (delta @ W[l].T) * (1 - a[l] ** 2)",
    },
    "wrong_layer_weight": {
        "loss": "loss",
        "parameters": {f"W{i}": "lr" for i in (1, 2, 3, 4)},
        "fix": "g_h2 = g_z3 @ W3.T",
    },
    "Net.train_step": {
        "loss": "loss",
        "parameters": {f"self.W[{i}]": "lr" for i in range(3)},
        "loop": "none",
        "fix": ["", "g = g @ (self.W[i] + lr * dw).T"],
    },
    "Tower.fit": {
        "loss": "loss",
        "parameters": {f"self.params['{p}']": "lr" for p in ("W1", "c1", "W2", "c2", "W3", "c3")},
    },
    "returns_gradients": {
        "loss": "loss",
        "parameters": {"A": "=dA", "B": "=dB", "C": "=dC"},
        "fix": "dp = (dq * (1 - q ** 2)) @ B.T",
    },
}


def arguments(name):
    rng = np.random.default_rng(33)
    X, Y = rng.normal(size=(8, 4)), 0.5 * rng.normal(size=(8, 2))
    n = rng.normal
    if name == "deep_adam":
        return X, Y, [n(size=s) / 2 for s in ((4, 6), (6, 5), (5, 2))]
    if name == "derivative_of_preactivation":
        return X, Y, [n(size=s) / 2 for s in ((4, 6), (6, 5), (5, 2))], [n(size=s) / 5 for s in (6, 5, 2)]
    if name == "wrong_layer_weight":
        return X, Y, *(n(size=s) / 2 for s in ((4, 5), (5, 5), (5, 5), (5, 2)))
    if name == "Net.train_step":
        return Net([4, 6, 5, 2]), X, Y
    if name == "Tower.fit":
        return Tower(4, 6, 2), X, Y
    return X, Y, *(n(size=s) / 2 for s in ((4, 6), (6, 5), (5, 2)))
