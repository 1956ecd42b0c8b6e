"""Tables: flat parameter vectors, a column of ones, minibatches, odd optimisers."""

from dataclasses import dataclass, field

import numpy as np


def unroll(theta, n_in, n_hid):
    a = theta[: (n_in + 1) * n_hid].reshape(n_in + 1, n_hid)
    b = theta[(n_in + 1) * n_hid :]
    return a, b


def flat(theta, X, y, n_hid, decay=0.1):
    """Cost and gradient of a flat vector; rows of ones carry the biases."""
    m, n_in = X.shape
    A, b = unroll(theta, n_in, n_hid)
    X1 = np.c_[np.ones(m), X]
    H = 1.0 / (1.0 + np.exp(-X1 @ A))
    H1 = np.c_[np.ones(m), H]
    f = H1 @ b
    cost = np.sum((f - y) ** 2) / (2 * m) + decay / 2 * (np.sum(A[1:] ** 2) + np.sum(b[1:] ** 2))
    df = (f - y) / m
    db = H1.T @ df
    dH = np.outer(df, b[1:])
    dA = X1.T @ (dH * H * (1 - H))
    dA[1:] += decay * A[1:]
    db[1:] += decay * b[1:]
    return cost, np.concatenate([dA.ravel(), db])


def flat_penalty(theta, X, y, n_hid, decay=0.1):
    m, n_in = X.shape
    A, b = unroll(theta, n_in, n_hid)
    X1 = np.c_[np.ones(m), X]
    H = 1.0 / (1.0 + np.exp(-X1 @ A))
    H1 = np.c_[np.ones(m), H]
    f = H1 @ b
    cost = np.sum((f - y) ** 2) / (2 * m) + decay / 2 * (np.sum(A[1:] ** 2) + np.sum(b[1:] ** 2))
    df = (f - y) / m
    db = H1.T @ df
    dH = np.outer(df, b[1:])
    dA = X1.T @ (dH * H * (1 - H))
    dA[1:] += decay * A[1:]
    db += decay * b  # bug: regulariser db
    return cost, np.concatenate([dA.ravel(), db])


@dataclass
class Learner:
    """Stochastic training; the state is in the fields."""

    W: np.ndarray
    V: np.ndarray
    rate: float = 0.05
    seen: list = field(default_factory=list)

    def run(self, X, Y, passes=1, size=4):
        for _ in range(passes):
            for lo in range(0, len(X), size):
                x, y = X[lo : lo + size], Y[lo : lo + size]
                hid = np.arctan(x @ self.W)
                err = hid @ self.V - y
                self.seen.append(0.5 * np.sum(err**2) / len(x))
                err /= len(x)
                back = err @ self.V.T / (1 + (x @ self.W) ** 2)
                self.V -= self.rate * hid.T @ err
                self.W -= self.rate * x.T @ back
        return self.seen


@dataclass
class EagerLearner(Learner):
    def run(self, X, Y, passes=1, size=4):
        for _ in range(passes):
            for lo in range(0, len(X), size):
                x, y = X[lo : lo + size], Y[lo : lo + size]
                hid = np.arctan(x @ self.W)
                err = hid @ self.V - y
                self.seen.append(0.5 * np.sum(err**2) / len(x))
                err /= len(x)
                self.V -= self.rate * hid.T @ err  # bug: stale self.V
                back = err @ self.V.T / (1 + (x @ self.W) ** 2)  # bug: stale back
                self.W -= self.rate * x.T @ back
        return self.seen


def two_targets(x, y1, y2, W, u1, u2, lr=0.1):
    """One trunk, a regression head and a logistic head."""
    t = 0
    while t < 3:
        h = np.tanh(x @ W)
        r = h @ u1 - y1
        q = 1 / (1 + np.exp(-h @ u2))
        loss = 0.5 * np.mean(r**2) - np.mean(y2 * np.log(q) + (1 - y2) * np.log1p(-q))
        dr, dq = r / len(r), (q - y2) / len(q)
        u1 = u1 - lr * dr @ h  # bug: stale u1
        dh = dr[:, None] * u1 + dq[:, None] * u2  # bug: stale dh
        u2 = u2 - lr * dq @ h
        W = W - lr * x.T @ (dh * (1 - h * h))
        t += 1
    return W, u1, u2, loss


def factorisation_machine(X, y, w0, w, V, lr=0.02):
    """Second-order interactions in linear time."""
    for it in range(3):
        S = X @ V
        S2 = (X**2) @ (V**2)
        f = w0 + X @ w + 0.5 * (S**2 - S2).sum(axis=1)
        loss = 0.5 * np.mean((f - y) ** 2)
        e = (y - f) / len(y)  # bug: sign e
        w0 = w0 - lr * e.sum()
        w = w - lr * X.T @ e
        V = V - lr * (X.T @ (e[:, None] * S) - ((X**2).T @ e)[:, None] * V)
        print(it, loss)
    return w0, w, V


def standard_score_targets(X, Y, W1, c1, W2, c2, lr=0.1):
    """Targets are standardised; features come first (rows are features)."""
    Y = (Y - Y.mean(axis=1, keepdims=True)) / Y.std(axis=1, keepdims=True)
    for k in range(2):
        Z1 = np.dot(W1, X) + c1
        A1 = np.maximum(Z1, 0)
        Z2 = np.dot(W2, A1) + c2
        J = np.sum((Z2 - Y) ** 2) / (2 * X.shape[1])
        dZ2 = (Z2 - Y) / X.shape[1]
        dW2, dc2 = np.dot(dZ2, A1.T), np.sum(dZ2, axis=1, keepdims=True)
        dZ1 = np.dot(W2.T, dZ2)
        dZ1[Z1 <= 0] = 0
        dW1, dc1 = np.dot(dZ1, X.T), dZ1  # bug: bias-sum dc1
        W1, W2 = W1 - lr * dW1, W2 - lr * dW2
        c1 = c1 - lr * dc1
        c2 = c2 - lr * dc2
    return J, W1, c1, W2, c2


def maxout(x, y, W, v, lr=0.05):
    """Three linear pieces a unit, the largest wins: W is (pieces, inputs, units)."""
    for it in range(3):
        z = np.einsum("ni,pih->pnh", x, W)
        best = z.argmax(axis=0)
        h = np.take_along_axis(z, best[None], axis=0)[0]
        h2 = h / (1 + np.abs(h))
        out = h @ v  # bug: forward out
        loss = np.mean((out - y) ** 2)
        d = 2 * (out - y) / len(y)
        gv = h2.T @ d
        gh = np.outer(d, v) / (1 + np.abs(h)) ** 2
        gz = np.where(np.arange(len(W))[:, None, None] == best, gh, 0)
        gW = np.einsum("ni,pnh->pih", x, gz)
        W -= lr * gW
        v -= lr * gv
        print(loss)
    return W, v


def cosine_schedule(x, y, w, b, base=0.3, epochs=4):
    """AdaGrad with a schedule, in single precision; returns the best parameters seen."""
    x, y, w = x.astype(np.float32), y.astype(np.float32), w.astype(np.float32)
    sw, sb, best = np.zeros_like(w), 0.0, (np.inf, None)
    for epoch in range(epochs):
        rate = base * 0.5 * (1 + np.cos(np.pi * epoch / epochs))
        p = x @ w + b
        loss = np.log(np.cosh(p - y)).mean()
        if loss < best[0]:
            best = loss, (w.copy(), b)
        g = np.tanh(p - y) / len(y)
        gw, gb = g @ x, g.sum()
        sw += gw**2
        sb += gb**2
        w -= rate * gw / (np.sqrt(sw) + 1e-7)
        b -= rate * gb / (np.sqrt(sb) + 1e-7)
    return best


def minibatch_sums(x, y, w, b, lr=0.1, size=5):
    """One update an epoch from the sum over minibatches."""
    sum_w, sum_b = np.zeros(len(w)), 0.0  # bug: accumulate sum_w
    for epoch in range(3):
        total = 0.0
        for lo in range(0, len(x), size):
            e = x[lo : lo + size] @ w + b - y[lo : lo + size]
            total += 0.5 * e @ e / len(x)
            sum_w += e @ x[lo : lo + size] / len(x)
            sum_b += e.sum() / len(x)
        w = w - lr * sum_w
        b = b - lr * sum_b
        print(epoch, total)
    return w, b


def weighted_rows(x, y, weights, w):
    """Weighted least squares for an optimiser that wants a column; the target is a column already."""
    f = x @ w
    res = f - y
    obj = (weights * res[:, 0] ** 2).sum()
    slope = 2 * x.T @ (weights * res)  # bug: shape slope
    w_new = w - 0.01 * slope
    return obj, w_new


def crossed_offsets(x, y, a, p, q, lr=0.1):
    """A product of two affine maps with offsets p and q of one size."""
    for i in range(3):
        left, right = x @ a + p, x @ a.T + q
        z = left * right
        loss = 0.5 * np.mean((z - y) ** 2)
        dz = (z - y) / z.size
        dl, dr = dz * right, dz * left
        a = a - lr * (x.T @ dl + (x.T @ dr).T)
        p = p - lr * dl.sum(0)
        p = p - lr * dr.sum(0)  # bug: wrong-parameter q
    return a, p, q, loss


LEARNER = {"loss": "self.seen[-1]", "parameters": {"self.W": "self.rate", "self.V": "self.rate"}, "loop": "for lo"}
CASES = {
    "flat": {"loss": "cost", "parameters": {"theta": "=result[1]"}},
    "flat_penalty": {"loss": "cost", "parameters": {"theta": "=result[1]"}, "fix": "db[1:] += decay * b[1:]"},
    "Learner.run": LEARNER,
    "EagerLearner.run": LEARNER
    | {"fix": ["", "back = err @ (self.V + self.rate * hid.T @ err).T / (1 + (x @ self.W) ** 2)"]},
    "two_targets": {
        "loss": "loss",
        "parameters": {"W": "lr", "u1": "lr", "u2": "lr"},
        "fix": ["", "dh = dr[:, None] * (u1 + lr * dr @ h) + dq[:, None] * u2"],
    },
    "factorisation_machine": {
        "loss": "loss",
        "parameters": {"w0": "lr", "w": "lr", "V": "lr"},
        "fix": "e = (f - y) / len(y)",
    },
    "standard_score_targets": {
        "loss": "J",
        "parameters": {"W1": "lr", "c1": "lr", "W2": "lr", "c2": "lr"},
        "fix": "dW1, dc1 = np.dot(dZ1, X.T), np.sum(dZ1, axis=1, keepdims=True)",
    },
    "maxout": {"loss": "loss", "parameters": {"W": "lr", "v": "lr"}, "fix": "out = h2 @ v"},
    "cosine_schedule": {"loss": "loss", "parameters": {"w": "=gw", "b": "=gb"}},
    "minibatch_sums": {
        "loss": "total",
        "parameters": {"w": "lr", "b": "lr"},
        "loop": "for epoch",
        "fix": {"for epoch in range(3)": "for epoch in range(3):\n    sum_w, sum_b = np.zeros(len(w)), 0.0"},
    },
    "weighted_rows": {
        "loss": "obj",
        "parameters": {"w": "=slope"},
        "fix": "slope = 2 * x.T @ (weights[:, None] * res)",
    },
    "crossed_offsets": {
        "loss": "loss",
        "parameters": {"a": "lr", "p": "lr", "q": "lr"},
        "fix": "q = q - lr * dr.sum(0)",
    },
}


def arguments(name):
    rng = np.random.default_rng(105)
    n, d, h = 10, 4, 3
    x, y = rng.standard_normal((n, d)), rng.standard_normal(n)
    if name.startswith("flat"):
        return rng.standard_normal((d + 1) * h + h + 1), x, y, h
    if name.endswith("Learner.run"):
        return (
            globals()[name.split(".")[0]](rng.standard_normal((d, 5)), rng.standard_normal((5, h))),
            x,
            rng.standard_normal((n, h)),
        )
    if name == "two_targets":
        return x, y, rng.integers(0, 2, n).astype(float), rng.standard_normal((d, 5)), *rng.standard_normal((2, 5))
    if name == "factorisation_machine":
        return x, y, 0.1, rng.standard_normal(d), rng.standard_normal((d, h)) / 2
    if name == "standard_score_targets":
        c = rng.standard_normal((6, 1)), rng.standard_normal((3, 1))
        return x.T, rng.standard_normal((3, n)), rng.standard_normal((6, d)), c[0], rng.standard_normal((3, 6)), c[1]
    if name == "maxout":
        return x, y, rng.standard_normal((3, d, 5)), rng.standard_normal(5)
    if name == "weighted_rows":
        return x, y[:, None], rng.uniform(0.5, 2, n), rng.standard_normal((d, 1))
    if name == "crossed_offsets":
        return x, rng.standard_normal((n, d)), rng.standard_normal((d, d)) / 2, *rng.standard_normal((2, d))
    return x, y, rng.standard_normal(d), 0.2
