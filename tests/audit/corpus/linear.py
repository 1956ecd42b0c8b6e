"""Ridge and logistic regression."""

import numpy as np


def logistic_broadcast(X, y, w, b, lr=0.1, epochs=2):
    """w is a column, y is a column."""
    n = X.shape[0]
    for epoch in range(epochs):
        p = 1 / (1 + np.exp(-(X @ w + b)))
        loss = -np.sum(y * np.log(p) + (1 - y) * np.log(1 - p)) / n
        err = (p - y) / n
        dw = (X * err).sum(axis=0)  # bug: shape dw
        db = err.sum()
        w = w - lr * dw
        b = b - lr * db
        print(epoch, loss)
    return w, b


def ridge_decayed_twice(X, y, w, b, lam=0.1, lr=0.05, epochs=4):
    n = len(y)
    history = []
    for epoch in range(epochs):
        residual = X @ w + b - y
        cost = residual @ residual / (2 * n) + lam / 2 * (w @ w)
        history.append(cost)
        grad_w = X.T @ residual / n + 2 * lam * w  # bug: regulariser grad_w
        grad_b = residual.mean()
        w = w - lr * grad_w
        b = b - lr * grad_b
    return w, b, history


def elastic_net(X, y, w, b, l1=0.02, l2=0.05, lr=0.1, epochs=5):
    """Labels in {-1, 1}; momentum by Nesterov's trick in its usual rewriting; weights start partly at zero."""
    n, d = X.shape
    v = np.zeros(d)
    mu = 0.9
    for epoch in range(epochs):
        margin = y * (X @ w + b)
        loss = np.logaddexp(0, -margin).mean() + l1 * np.abs(w).sum() + 0.5 * l2 * np.sum(w**2)
        s = -y / (1 + np.exp(margin)) / n
        gw = X.T @ s + l1 * np.sign(w) + l2 * w
        gb = s.sum()
        v_prev = v
        v = mu * v - lr * gw
        w = w - mu * v_prev + (1 + mu) * v
        b = b - lr * gb
        print(epoch, loss)
    return w, b


CASES = {
    "logistic_broadcast": {
        "loss": "loss",
        "parameters": {"w": "lr", "b": "lr"},
        "fix": "dw = (X * err).sum(axis=0)[:, None]",
    },
    "ridge_decayed_twice": {
        "loss": "cost",
        "parameters": {"w": "lr", "b": "lr"},
        "fix": "grad_w = X.T @ residual / n + lam * w",
    },
    "elastic_net": {"loss": "loss", "parameters": {"w": "=gw", "b": "=gb"}, "kink": True},
}


def arguments(name):
    rng = np.random.default_rng(39)
    n, d = 10, 4
    X = rng.normal(size=(n, d))
    if name == "logistic_broadcast":
        return X, rng.integers(0, 2, (n, 1)).astype(float), rng.normal(size=(d, 1)), 0.1
    if name == "ridge_decayed_twice":
        return X, rng.normal(size=n), rng.normal(size=d), 0.2
    w = rng.normal(size=d)
    w[1:3] = 0
    return X, np.sign(rng.normal(size=n)), w, 0.2
