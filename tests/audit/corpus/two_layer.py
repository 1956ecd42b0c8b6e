"""Two-layer regression nets."""

import numpy as np


def plain_momentum(X, Y, W1, b1, W2, b2, lr=0.05, beta=0.9, epochs=3):
    vW1 = np.zeros_like(W1)
    vb1 = np.zeros_like(b1)
    vW2 = np.zeros_like(W2)
    vb2 = np.zeros_like(b2)
    for ep in range(epochs):
        z1 = X @ W1 + b1
        a1 = np.maximum(0.0, z1)
        pred = a1 @ W2 + b2
        loss = ((pred - Y) ** 2).mean()

        dpred = 2.0 * (pred - Y) / Y.size
        dW2 = a1.T @ dpred
        db2 = np.sum(dpred, axis=0)
        da1 = dpred @ W2.T
        dz1 = da1.copy()
        dz1[z1 <= 0] = 0
        dW1 = X.T @ dz1
        db1 = np.sum(dz1, axis=0)

        vW1 = beta * vW1 - lr * dW1
        vb1 = beta * vb1 - lr * db1
        vW2 = beta * vW2 - lr * dW2
        vb2 = beta * vb2 - lr * db2
        W1 += vW1
        b1 += vb1
        W2 += vW2
        b2 += vb2
        if ep % 2 == 0:
            print("epoch", ep, "loss", loss)
    return W1, b1, W2, b2


def forgot_square(X, Y, W1, b1, W2, b2, lr=0.05, epochs=3):
    for ep in range(epochs):
        # forward
        z1 = X @ W1 + b1
        a1 = np.tanh(z1)
        pred = a1 @ W2 + b2
        err = pred - Y
        loss = np.sum(err * err) / len(X)
        # backward
        grad_pred = err / len(X)  # bug: factor grad_pred
        grad_W2 = a1.T.dot(grad_pred)
        grad_b2 = grad_pred.sum(axis=0)
        grad_a1 = grad_pred.dot(W2.T)
        grad_z1 = grad_a1 * (1 - a1**2)
        grad_W1 = X.T.dot(grad_z1)
        grad_b1 = grad_z1.sum(axis=0)
        # update
        W1 -= lr * grad_W1
        b1 -= lr * grad_b1
        W2 -= lr * grad_W2
        b2 -= lr * grad_b2
    return W1, b1, W2, b2, loss


def mean_over_rows(X, Y, W1, b1, W2, b2, lr=0.05, epochs=4):
    m = X.shape[0]
    for _ in range(epochs):
        hidden = np.maximum(X @ W1 + b1, 0)
        out = hidden @ W2 + b2
        cost = np.mean(np.square(out - Y))
        delta2 = 2 * (out - Y) / m  # bug: mean-sum delta2
        delta1 = (delta2 @ W2.T) * (hidden > 0)
        W2 -= lr * (hidden.T @ delta2)
        b2 -= lr * delta2.sum(0)
        W1 -= lr * (X.T @ delta1)
        b1 -= lr * delta1.sum(0)
        print(cost)
    return W1, W2


def eager_update(X, Y, W1, b1, W2, b2, lr=0.1, epochs=3):
    N = X.shape[0]
    losses = []
    for _ in range(epochs):
        h = np.tanh(X @ W1 + b1)
        p = h @ W2 + b2
        L = 0.5 * np.sum((p - Y) ** 2) / N
        losses.append(L)
        dp = (p - Y) / N
        gW2 = h.T @ dp
        gb2 = dp.sum(axis=0)
        W2 -= lr * gW2  # bug: stale W2
        b2 -= lr * gb2
        dh = dp @ W2.T  # bug: stale dh
        dz = dh * (1 - h * h)
        gW1 = X.T @ dz
        gb1 = dz.sum(axis=0)
        W1 -= lr * gW1
        b1 -= lr * gb1
    return losses


def scalar_bias_gradient(X, Y, W1, b1, W2, b2, lr=0.03, epochs=3):
    n = len(X)
    for epoch in range(epochs):
        z = X @ W1 + b1
        h = 1.0 / (1.0 + np.exp(-z))
        yhat = h @ W2 + b2
        loss = np.sum((yhat - Y) ** 2) / n
        g_yhat = 2 * (yhat - Y) / n
        g_W2 = h.T @ g_yhat
        g_b2 = g_yhat.sum(axis=0)
        g_h = g_yhat @ W2.T
        g_z = g_h * h * (1 - h)
        g_W1 = X.T @ g_z
        g_b1 = np.sum(g_z)  # bug: bias-sum g_b1
        W1 = W1 - lr * g_W1
        b1 = b1 - lr * g_b1
        W2 = W2 - lr * g_W2
        b2 = b2 - lr * g_b2
        print("loss: %.5f" % loss)
    return W1, b1, W2, b2


def copy_paste_update(X, Y, W1, b1, W2, b2, W3, lr=0.05, epochs=3):
    for i in range(epochs):
        z1 = X @ W1 + b1
        h1 = np.maximum(z1, 0)
        z2 = h1 @ W2 + b2
        h2 = np.maximum(z2, 0)
        out = h2 @ W3
        loss = np.mean((out - Y) ** 2)

        dout = 2 * (out - Y) / out.size
        dW3 = h2.T @ dout
        dz2 = (dout @ W3.T) * (z2 > 0)
        dW2 = h1.T @ dz2
        db2 = dz2.sum(axis=0)
        dz1 = (dz2 @ W2.T) * (z1 > 0)
        dW1 = X.T @ dz1
        db1 = dz1.sum(axis=0)

        W1 -= lr * dW1
        b1 -= lr * db1
        W2 -= lr * dW2
        b2 -= lr * db1  # bug: wrong-parameter b2
        W3 -= lr * dW3
    return loss


def uphill(X, Y, W1, b1, W2, b2, lr=0.05, epochs=2):
    for epoch in range(epochs):
        a = np.tanh(np.dot(X, W1) + b1)
        o = np.dot(a, W2) + b2
        loss = 0.5 * np.mean(np.sum((Y - o) ** 2, axis=1))
        d_o = (Y - o) / X.shape[0]  # bug: sign d_o
        d_a = np.dot(d_o, W2.T) * (1 - a**2)
        W2 -= lr * np.dot(a.T, d_o)
        b2 -= lr * d_o.sum(axis=0)
        W1 -= lr * np.dot(X.T, d_a)
        b1 -= lr * d_a.sum(axis=0)
        print(loss)


def skipped_activation(X, Y, W1, b1, W2, b2, lr=0.05, epochs=3):
    for epoch in range(epochs):
        z1 = X @ W1 + b1
        a1 = np.tanh(z1)
        y_pred = z1 @ W2 + b2  # bug: forward y_pred
        loss = np.mean((y_pred - Y) ** 2)
        grad_y = 2 * (y_pred - Y) / Y.size
        grad_w2 = a1.T @ grad_y
        grad_b2 = grad_y.sum(axis=0)
        grad_a1 = grad_y @ W2.T
        grad_z1 = grad_a1 * (1 - a1**2)
        grad_w1 = X.T @ grad_z1
        grad_b1 = grad_z1.sum(axis=0)
        W1 -= lr * grad_w1
        b1 -= lr * grad_b1
        W2 -= lr * grad_w2
        b2 -= lr * grad_b2
        print(epoch, loss)
    return W1, W2


def column_lost(X, y, W1, w2, lr=0.02, epochs=2):
    """One output: y has shape (n,), w2 has shape (h, 1)."""
    n = X.shape[0]
    for epoch in range(epochs):
        h = np.tanh(X @ W1)
        pred = (h @ w2)[:, 0]
        loss = np.sum((pred - y) ** 2) / n
        dpred = 2 * (pred - y) / n
        dw2 = h.T @ dpred  # bug: shape dw2
        dh = np.outer(dpred, w2[:, 0])
        dW1 = X.T @ (dh * (1 - h**2))
        W1 = W1 - lr * dW1
        w2 = w2 - lr * dw2
        print(epoch, loss)
    return W1, w2


def minibatches_single(X, Y, W1, b1, W2, b2, lr=0.05, epochs=2, batch=4):
    X, Y = X.astype(np.float32), Y.astype(np.float32)
    W1, b1, W2, b2 = [p.astype(np.float32) for p in (W1, b1, W2, b2)]
    for epoch in range(epochs):
        for s in range(0, len(X), batch):
            xb, yb = X[s : s + batch], Y[s : s + batch]
            z = xb @ W1 + b1
            h = np.where(z > 0, z, 0.01 * z)
            p = h @ W2 + b2
            loss = np.mean((p - yb) ** 2)
            dp = (p - yb) * (2.0 / yb.size)
            dz = (dp @ W2.T) * np.where(z > 0, 1.0, 0.01).astype(np.float32)
            W2 -= lr * (h.T @ dp)
            b2 -= lr * dp.sum(0)
            W1 -= lr * (xb.T @ dz)
            b1 -= lr * dz.sum(0)
        print(epoch, float(loss))
    return W1, b1, W2, b2


P = {"loss": "loss", "parameters": {"W1": "lr", "b1": "lr", "W2": "lr", "b2": "lr"}}
CASES = {
    "plain_momentum": P | {"iterations": 1},
    "forgot_square": P | {"fix": "grad_pred = 2 * err / len(X)"},
    "mean_over_rows": P
    | {"loss": "cost", "fix": "delta2 = 2 * (out - Y) / Y.size\nold = W2"}
    | {"fix": "delta2 = 2 * (out - Y) / Y.size"},
    "eager_update": P | {"loss": "L", "fix": ["", "dh = dp @ (W2 + lr * gW2).T"]},
    "scalar_bias_gradient": P | {"fix": "g_b1 = np.sum(g_z, axis=0)"},
    "copy_paste_update": {
        "loss": "loss",
        "parameters": {"W1": "lr", "b1": "lr", "W2": "lr", "b2": "lr", "W3": "lr"},
        "fix": "b2 -= lr * db2",
    },
    "uphill": P | {"fix": "d_o = (o - Y) / X.shape[0]"},
    "skipped_activation": P | {"fix": "y_pred = a1 @ W2 + b2"},
    "column_lost": {"loss": "loss", "parameters": {"W1": "lr", "w2": "lr"}, "fix": "dw2 = h.T @ dpred[:, None]"},
    "minibatches_single": P | {"loop": "for s in"},
}


def arguments(name):
    rng = np.random.default_rng(31)
    n, d, h, k = 10, 4, 6, 3
    X, Y = rng.normal(size=(n, d)), rng.normal(size=(n, k))
    if name == "column_lost":
        return X, Y[:, 0], rng.normal(size=(d, h)) * 0.5, rng.normal(size=(h, 1))
    if name == "copy_paste_update":
        return (
            X,
            Y,
            rng.normal(size=(d, h)),
            rng.normal(size=h),
            rng.normal(size=(h, h)) / 2,
            rng.normal(size=h),
            rng.normal(size=(h, k)),
        )
    return (
        X,
        Y,
        rng.normal(size=(d, h)) * 0.6,
        rng.normal(size=h) * 0.3,
        rng.normal(size=(h, k)) * 0.6,
        rng.normal(size=k) * 0.3,
    )
