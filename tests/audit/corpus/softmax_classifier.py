"""Softmax classifiers: a linear one and one with a hidden layer, from several notebooks."""

import numpy as np


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def one_hot(labels, n_classes):
    return np.eye(n_classes)[labels]


def fused(X, labels, W, b, learning_rate=0.5, num_iters=3):
    N = X.shape[0]
    for it in range(num_iters):
        p = softmax(X @ W + b)
        loss = -np.log(p[np.arange(N), labels]).mean()
        print("iteration", it, "loss", loss)
        dscores = p.copy()
        dscores[np.arange(N), labels] -= 1
        dscores /= N
        dW = X.T @ dscores
        db = np.sum(dscores, axis=0)
        W -= learning_rate * dW
        b -= learning_rate * db
    return W, b


def fused_forgot_n(X, labels, W, b, learning_rate=0.05, num_iters=3):
    N = X.shape[0]
    for it in range(num_iters):
        p = softmax(X @ W + b)
        loss = -np.log(p[np.arange(N), labels]).mean()
        print("iteration", it, "loss", loss)
        dscores = p.copy()
        dscores[np.arange(N), labels] -= 1  # bug: mean-sum dscores
        dW = X.T @ dscores
        db = np.sum(dscores, axis=0)
        W -= learning_rate * dW
        b -= learning_rate * db
    return W, b


def l2_penalty_halved(X, labels, W, b, reg=0.3):
    """Returns (loss, dW, db)."""
    N = X.shape[0]
    z = X @ W + b
    z -= z.max(axis=1, keepdims=True)
    e = np.exp(z)
    p = e / e.sum(axis=1, keepdims=True)
    data_loss = -np.log(p[np.arange(N), labels]).mean()
    loss = data_loss + reg * np.sum(W * W)
    dscores = p
    dscores[np.arange(N), labels] -= 1
    dscores /= N
    dW = X.T @ dscores
    db = dscores.sum(axis=0)
    dW += reg * W  # bug: regulariser dW
    return loss, dW, db


def l2_penalty(X, labels, W, b, reg=0.3):
    """Returns (loss, dW, db)."""
    N = X.shape[0]
    z = X @ W + b
    z -= z.max(axis=1, keepdims=True)
    e = np.exp(z)
    p = e / e.sum(axis=1, keepdims=True)
    data_loss = -np.log(p[np.arange(N), labels]).mean()
    loss = data_loss + 0.5 * reg * np.sum(W * W)
    dscores = p
    dscores[np.arange(N), labels] -= 1
    dscores /= N
    dW = X.T @ dscores
    db = dscores.sum(axis=0)
    dW += reg * W
    return loss, dW, db


def elementwise_derivative(X, T, W, b, lr=0.3, epochs=3):
    for epoch in range(epochs):
        Z = X @ W + b
        P = softmax(Z)
        L = 0.5 * np.sum((P - T) ** 2)
        dP = P - T
        dZ = dP * P * (1 - P)  # bug: jacobian dZ
        W -= lr * (X.T @ dZ)
        b -= lr * dZ.sum(axis=0)
    return W, b, L


def full_jacobian(X, T, W, b, lr=0.3, epochs=3):
    for epoch in range(epochs):
        Z = X @ W + b
        P = softmax(Z)
        L = 0.5 * np.sum((P - T) ** 2)
        dP = P - T
        dZ = P * (dP - np.sum(dP * P, axis=1, keepdims=True))
        W -= lr * (X.T @ dZ)
        b -= lr * dZ.sum(axis=0)
    return W, b, L


def cross_entropy_in_two_steps(x, y, params, lr=0.2):
    history = {"loss": [], "accuracy": []}
    for _ in range(4):
        z = x @ params["W"] + params["b"]
        p = softmax(z)
        loss = -np.sum(y * np.log(p)) / len(x)
        history["loss"].append(loss)
        history["accuracy"].append(np.mean(p.argmax(1) == y.argmax(1)))
        g_p = -y / p / len(x)
        g_z = g_p * p * (1.0 - p)  # bug: jacobian g_z
        grads = {"W": x.T @ g_z, "b": g_z.sum(0)}
        for k in params:
            params[k] -= lr * grads[k]
    return history


def mlp_train(X, y, hidden=9, n_classes=4, lr=0.1, epochs=3, seed=3):
    rng = np.random.default_rng(seed)
    W1 = rng.normal(0, 0.5, (X.shape[1], hidden))
    b1 = np.zeros(hidden)
    W2 = rng.normal(0, 0.5, (hidden, n_classes))
    b2 = np.zeros(n_classes)
    T = one_hot(y, n_classes)
    for epoch in range(epochs):
        z1 = X @ W1 + b1
        a1 = np.tanh(z1)
        z2 = a1 @ W2 + b2
        a2 = softmax(z2)
        loss = -np.mean(np.sum(T * np.log(a2), axis=1))

        delta2 = (T - a2) / X.shape[0]  # bug: sign delta2
        delta1 = delta2 @ W2.T * (1 - a1**2)
        W2 -= lr * a1.T @ delta2
        b2 -= lr * delta2.sum(axis=0)
        W1 -= lr * X.T @ delta1
        b1 -= lr * delta1.sum(axis=0)
        print(f"{epoch} {loss:.4f}")
    return W1, b1, W2, b2


def mlp_total_bias(X, y, W1, b1, W2, b2, lr=0.1, epochs=3):
    T = one_hot(y, b2.size)
    for epoch in range(epochs):
        z1 = X @ W1 + b1
        a1 = np.tanh(z1)
        z2 = a1 @ W2 + b2
        a2 = softmax(z2)
        loss = -np.mean(np.sum(T * np.log(a2), axis=1))
        delta2 = (a2 - T) / X.shape[0]
        dW2 = a1.T @ delta2
        db2 = np.sum(delta2, axis=0)
        delta1 = delta2 @ W2.T * (1 - a1**2)
        dW1 = X.T @ delta1
        db1 = np.sum(delta1)  # bug: bias-sum db1
        W1 -= lr * dW1
        b1 -= lr * db1
        W2 -= lr * dW2
        b2 -= lr * db2
    print(loss)
    return W1, b1, W2, b2


def mlp_output_layer_first(X, y, W1, b1, W2, b2, lr=0.3, epochs=3):
    rows = np.arange(len(y))
    for epoch in range(epochs):
        a1 = np.tanh(X @ W1 + b1)
        logits = a1 @ W2 + b2
        shifted = logits - logits.max(axis=1, keepdims=True)
        logp = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        nll = -logp[rows, y].mean()
        d = np.exp(logp)
        d[rows, y] -= 1
        d /= len(y)
        W2 -= lr * a1.T @ d  # bug: stale W2
        b2 -= lr * d.sum(0)
        d = (d @ W2.T) * (1 - a1 * a1)  # bug: stale d
        W1 -= lr * X.T @ d
        b1 -= lr * d.sum(0)
    return nll


def features_first(X, Y, W, b, alpha=0.4):
    """Columns are examples, as in the lectures."""
    m = X.shape[1]
    costs = []
    for i in range(4):
        Z = W @ X + b
        T = np.exp(Z - Z.max(axis=0))
        A = T / T.sum(axis=0)
        cost = -np.sum(Y * np.log(A)) / m
        costs.append(cost)
        dZ = A - Y
        dW = dZ @ X.T / m
        db = dZ.sum(axis=1) / m  # bug: shape|bias-sum db
        W = W - alpha * dW
        b = b - alpha * db
    return W, b, costs


def minibatches(X, y, W, b, lr=0.3, epochs=2, batch=5):
    rng = np.random.default_rng(8)
    for epoch in range(epochs):
        order = rng.permutation(len(X))
        total = 0.0
        for start in range(0, len(X), batch):
            idx = order[start : start + batch]
            xb, yb = X[idx], y[idx]
            p = softmax(xb @ W + b)
            loss = -np.log(p[range(len(yb)), yb]).mean()
            total += loss * len(yb)
            p[range(len(yb)), yb] -= 1
            g = p / len(yb)
            W -= lr * xb.T @ g
            b -= lr * g.sum(axis=0)
        print("epoch", epoch, "average loss", total / len(X))
    return W, b


def adam(X, y, W, b, lr=0.01, beta1=0.9, beta2=0.999, eps=1e-8):
    mW = vW = mb = vb = 0.0
    T = one_hot(y, b.size)
    for t in range(1, 4):
        p = softmax(X @ W + b)
        loss = -np.sum(T * np.log(p + 1e-12)) / len(X)
        dz = (p - T) / len(X)
        dW = X.T @ dz
        db = dz.sum(axis=0)
        mW = beta1 * mW + (1 - beta1) * dW
        vW = beta2 * vW + (1 - beta2) * dW**2
        mb = beta1 * mb + (1 - beta1) * db
        vb = beta2 * vb + (1 - beta2) * db**2
        W = W - lr * (mW / (1 - beta1**t)) / (np.sqrt(vW / (1 - beta2**t)) + eps)
        b = b - lr * (mb / (1 - beta1**t)) / (np.sqrt(vb / (1 - beta2**t)) + eps)
        print(t, loss)
    return W, b


def label_smoothing(X, y, W, b, lr=0.2, smooth=0.1, epochs=3):
    K = b.shape[0]
    target = one_hot(y, K) * (1 - smooth) + smooth / K
    for _ in range(epochs):
        p = softmax(X @ W + b)
        loss = -(target * np.log(p)).sum(axis=1).mean()
        g = (p - one_hot(y, K)) / len(y)  # bug: wrong-operand g
        W -= lr * X.T @ g
        b -= lr * g.sum(axis=0)
    print(loss)


LR = {"loss": "loss", "parameters": {"W": "lr", "b": "lr"}}
RATE = {"loss": "loss", "parameters": {"W": "learning_rate", "b": "learning_rate"}}
DEEP = {"loss": "loss", "parameters": {"W1": "lr", "b1": "lr", "W2": "lr", "b2": "lr"}}
RETURNED = {"loss": "loss", "parameters": {"W": "=dW", "b": "=db"}}
CASES = {
    "fused": RATE,
    "fused_forgot_n": RATE | {"fix": "dscores[np.arange(N), labels] -= 1\ndscores /= N"},
    "l2_penalty": RETURNED,
    "l2_penalty_halved": RETURNED | {"fix": "dW += 2 * reg * W"},
    "elementwise_derivative": LR | {"loss": "L", "fix": "dZ = P * (dP - np.sum(dP * P, axis=1, keepdims=True))"},
    "full_jacobian": LR | {"loss": "L"},
    "cross_entropy_in_two_steps": {
        "loss": "loss",
        "parameters": {"params['W']": "lr", "params['b']": "lr"},
        "fix": "g_z = p * (g_p - (g_p * p).sum(1, keepdims=True))",
    },
    "mlp_train": DEEP | {"fix": "delta2 = (a2 - T) / X.shape[0]"},
    "mlp_total_bias": DEEP | {"fix": "db1 = np.sum(delta1, axis=0)"},
    "mlp_output_layer_first": DEEP | {"loss": "nll", "fix": ["", "d = (d @ (W2 + lr * a1.T @ d).T) * (1 - a1 * a1)"]},
    "features_first": {
        "loss": "cost",
        "parameters": {"W": "alpha", "b": "alpha"},
        "fix": "db = dZ.sum(axis=1, keepdims=True) / m",
    },
    "minibatches": LR | {"loop": "for start"},
    "adam": {"loss": "loss", "parameters": {"W": "=dW", "b": "=db"}},
    "label_smoothing": LR | {"fix": "g = (p - target) / len(y)"},
}


def arguments(name):
    rng = np.random.default_rng(1)
    n, d, h, k = 13, 6, 7, 4
    X, y = rng.standard_normal((n, d)), rng.integers(0, k, n)
    W, b = rng.standard_normal((d, k)) / 2, rng.standard_normal(k) / 3
    if name in ("elementwise_derivative", "full_jacobian"):
        return X, one_hot(y, k), W, b
    if name == "cross_entropy_in_two_steps":
        return X, one_hot(y, k), {"W": W, "b": b}
    if name == "mlp_train":
        return X, y
    if name in ("mlp_total_bias", "mlp_output_layer_first"):
        hidden = rng.standard_normal((d, h)) / 2, rng.standard_normal(h) / 4
        return X, y, *hidden, rng.standard_normal((h, k)) / 2, b
    if name == "features_first":
        k, m, d = 5, 5, 3
        Y = one_hot(rng.integers(0, k, m), k).T
        return rng.standard_normal((d, m)), Y, rng.standard_normal((k, d)), rng.standard_normal((k, 1))
    return X, y, W, b
