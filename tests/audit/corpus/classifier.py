"""Softmax classifiers, labels as integers or one-hot."""

import numpy as np


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def one_hot(y, k):
    out = np.zeros((len(y), k))
    out[np.arange(len(y)), y] = 1
    return out


def log_softmax_right(X, y, W1, b1, W2, b2, lr=0.1, epochs=3):
    n = X.shape[0]
    for epoch in range(epochs):
        h = np.maximum(X @ W1 + b1, 0)
        logits = h @ W2 + b2
        shifted = logits - logits.max(axis=1, keepdims=True)
        logp = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        loss = -logp[np.arange(n), y].mean()
        dlogits = np.exp(logp)
        dlogits[np.arange(n), y] -= 1
        dlogits /= n
        dW2, db2 = h.T @ dlogits, dlogits.sum(axis=0)
        dh = dlogits @ W2.T
        dh[h <= 0] = 0
        dW1, db1 = X.T @ dh, dh.sum(axis=0)
        for p, g in ((W1, dW1), (b1, db1), (W2, dW2), (b2, db2)):
            p -= lr * g
        print(f"{epoch}: {loss:.4f}")
    return W1, b1, W2, b2


def elementwise_softmax(X, y, W1, b1, W2, b2, lr=0.1, epochs=3):
    T = one_hot(y, W2.shape[1])
    N = len(X)
    for epoch in range(epochs):
        A1 = np.tanh(X @ W1 + b1)
        P = softmax(A1 @ W2 + b2)
        loss = -np.sum(T * np.log(P)) / N
        dP = -T / P / N
        dZ2 = dP * P * (1 - P)  # bug: jacobian dZ2
        dW2 = A1.T @ dZ2
        db2 = dZ2.sum(axis=0)
        dZ1 = (dZ2 @ W2.T) * (1 - A1**2)
        dW1 = X.T @ dZ1
        db1 = dZ1.sum(axis=0)
        W1 -= lr * dW1
        b1 -= lr * db1
        W2 -= lr * dW2
        b2 -= lr * db2
    return loss


def batch_not_divided(X, y, W1, b1, W2, b2, lr=0.1, epochs=2, batch=5):
    k = W2.shape[1]
    for epoch in range(epochs):
        for i in range(0, len(X), batch):
            xb = X[i : i + batch]
            tb = one_hot(y[i : i + batch], k)
            h = np.maximum(xb @ W1 + b1, 0)
            probs = softmax(h @ W2 + b2)
            loss = -np.mean(np.sum(tb * np.log(probs), axis=1))
            delta = probs - tb  # bug: mean-sum delta
            grad_W2 = h.T @ delta
            grad_b2 = delta.sum(axis=0)
            delta_h = (delta @ W2.T) * (h > 0)
            grad_W1 = xb.T @ delta_h
            grad_b1 = delta_h.sum(axis=0)
            W2 -= lr * grad_W2
            b2 -= lr * grad_b2
            W1 -= lr * grad_W1
            b1 -= lr * grad_b1
        print(epoch, loss)
    return W1, b1, W2, b2


def square_output(X, y, W1, b1, W2, b2, lr=0.1, epochs=3):
    """As many hidden units as classes."""
    n = len(y)
    for epoch in range(epochs):
        h = np.tanh(X @ W1 + b1)
        p = softmax(h @ W2 + b2)
        loss = -np.log(p[np.arange(n), y]).sum() / n
        g = p.copy()
        g[np.arange(n), y] -= 1.0
        g /= n
        gh = g @ W2  # bug: transpose gh
        gz = gh * (1 - h * h)
        W2 = W2 - lr * (h.T @ g)
        b2 = b2 - lr * g.sum(axis=0)
        W1 = W1 - lr * (X.T @ gz)
        b1 = b1 - lr * gz.sum(axis=0)
        print(loss)


def penalty_on_one_only(X, y, W1, b1, W2, b2, lr=0.1, reg=0.05, epochs=3):
    n = X.shape[0]
    for epoch in range(epochs):
        hidden = np.maximum(0, X.dot(W1) + b1)
        scores = hidden.dot(W2) + b2
        probs = softmax(scores)
        data_loss = -np.log(probs[range(n), y]).mean()
        reg_loss = 0.5 * reg * np.sum(W1 * W1) + 0.5 * reg * np.sum(W2 * W2)
        loss = data_loss + reg_loss
        dscores = probs
        dscores[range(n), y] -= 1
        dscores /= n
        dW2 = np.dot(hidden.T, dscores)
        db2 = np.sum(dscores, axis=0)
        dhidden = np.dot(dscores, W2.T)
        dhidden[hidden <= 0] = 0
        dW1 = np.dot(X.T, dhidden)  # bug: regulariser dW1
        db1 = np.sum(dhidden, axis=0)
        dW2 += reg * W2
        W1 += -lr * dW1
        b1 += -lr * db1
        W2 += -lr * dW2
        b2 += -lr * db2
        print("iteration %d: loss %f" % (epoch, loss))
    return W1, b1, W2, b2


def grads_never_cleared(X, y, W1, b1, W2, b2, lr=0.1, epochs=3):
    params = {"W1": W1, "b1": b1, "W2": W2, "b2": b2}
    grads = {k: np.zeros_like(v) for k, v in params.items()}  # bug: accumulate grads
    T = one_hot(y, W2.shape[1])
    for epoch in range(epochs):
        h = np.tanh(X @ params["W1"] + params["b1"])
        p = softmax(h @ params["W2"] + params["b2"])
        loss = -(T * np.log(p)).sum() / len(X)
        dz2 = (p - T) / len(X)
        grads["W2"] += h.T @ dz2
        grads["b2"] += dz2.sum(0)
        dz1 = dz2 @ params["W2"].T * (1 - h**2)
        grads["W1"] += X.T @ dz1
        grads["b1"] += dz1.sum(0)
        for k in params:
            params[k] -= lr * grads[k]
        print(epoch, loss)
    return params


def smoothed_labels(X, y, W1, b1, W2, b2, lr=0.1, eps=0.1, epochs=3, wd=1e-2):
    """Label smoothing, decoupled weight decay."""
    k = W2.shape[1]
    T = one_hot(y, k) * (1 - eps) + eps / k
    for epoch in range(epochs):
        z = X @ W1 + b1
        s = 1 / (1 + np.exp(-z))
        h = z * s
        p = softmax(h @ W2 + b2)
        loss = -np.mean((T * np.log(p)).sum(axis=1))
        d2 = (p - T) / len(X)
        d1 = (d2 @ W2.T) * (s + h * (1 - s))
        gW2, gb2, gW1, gb1 = h.T @ d2, d2.sum(0), X.T @ d1, d1.sum(0)
        W1 -= lr * gW1 + lr * wd * W1
        W2 -= lr * gW2 + lr * wd * W2
        b1 -= lr * gb1
        b2 -= lr * gb2
    return loss


def rate_twice(X, y, W1, b1, W2, b2, learning_rate=0.5, epochs=3):
    m = X.shape[0]
    Y = one_hot(y, W2.shape[1])
    for epoch in range(epochs):
        A1 = np.tanh(X @ W1 + b1)
        A2 = softmax(A1 @ W2 + b2)
        cost = -1 / m * np.sum(Y * np.log(A2))
        dZ2 = A2 - Y
        dW2 = 1 / m * A1.T @ dZ2
        db2 = 1 / m * np.sum(dZ2, axis=0)
        dZ1 = dZ2 @ W2.T * (1 - np.power(A1, 2))
        dW1 = learning_rate / m * X.T @ dZ1  # bug: factor dW1
        db1 = 1 / m * np.sum(dZ1, axis=0)
        W1 = W1 - learning_rate * dW1
        b1 = b1 - learning_rate * db1
        W2 = W2 - learning_rate * dW2
        b2 = b2 - learning_rate * db2
        print("Cost after epoch %i: %f" % (epoch, cost))
    return W1, b1, W2, b2


P = {"loss": "loss", "parameters": {"W1": "lr", "b1": "lr", "W2": "lr", "b2": "lr"}}
CASES = {
    "log_softmax_right": P,
    "elementwise_softmax": P | {"fix": "dZ2 = P * (dP - (dP * P).sum(axis=1, keepdims=True))"},
    "batch_not_divided": P | {"loop": "for i in", "fix": "delta = (probs - tb) / len(xb)"},
    "square_output": P | {"fix": "gh = g @ W2.T"},
    "penalty_on_one_only": P | {"fix": "dW1 = np.dot(X.T, dhidden) + reg * W1"},
    "grads_never_cleared": {
        "loss": "loss",
        "parameters": {"params['W1']": "lr", "params['b1']": "lr", "params['W2']": "lr", "params['b2']": "lr"},
        "loop": "for epoch",
        "fix": {
            "dz2 = (p - T) / len(X)": "dz2 = (p - T) / len(X)\ngrads = {k: np.zeros_like(v) for k, v in params.items()}"
        },
    },
    "smoothed_labels": {"loss": "loss", "parameters": {"W1": "=gW1", "b1": "=gb1", "W2": "=gW2", "b2": "=gb2"}},
    "rate_twice": {
        "loss": "cost",
        "parameters": {p: "learning_rate" for p in ("W1", "b1", "W2", "b2")},
        "fix": "dW1 = 1 / m * X.T @ dZ1",
    },
}


def arguments(name):
    rng = np.random.default_rng(32)
    n, d, h, k = 10, 5, 7, 3
    if name == "square_output":
        h = k = 4
    X = rng.normal(size=(n, d))
    return (
        X,
        rng.integers(0, k, n),
        rng.normal(size=(d, h)) * 0.7,
        rng.normal(size=h) * 0.2,
        rng.normal(size=(h, k)) * 0.7,
        rng.normal(size=k) * 0.2,
    )
