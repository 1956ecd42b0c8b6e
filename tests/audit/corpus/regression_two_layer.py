"""Two-layer ReLU regression, as handed in for a first course."""

import numpy as np


def relu_net(x, y, w1, b1, w2, b2, lr=1e-3, epochs=4):
    for epoch in range(epochs):
        h = x.dot(w1) + b1
        h_relu = np.maximum(h, 0)
        y_pred = h_relu.dot(w2) + b2
        loss = np.square(y_pred - y).sum()
        print(epoch, loss)

        grad_y_pred = 2.0 * (y_pred - y)
        grad_w2 = h_relu.T.dot(grad_y_pred)
        grad_b2 = grad_y_pred.sum(axis=0)
        grad_h_relu = grad_y_pred.dot(w2.T)
        grad_h = grad_h_relu.copy()
        grad_h[h < 0] = 0
        grad_w1 = x.T.dot(grad_h)
        grad_b1 = grad_h.sum(axis=0)

        w1 -= lr * grad_w1
        b1 -= lr * grad_b1
        w2 -= lr * grad_w2
        b2 -= lr * grad_b2
    return w1, b1, w2, b2


def relu_net_linear_head(x, y, w1, b1, w2, b2, lr=1e-3, epochs=4):
    for _ in range(epochs):
        h = x.dot(w1) + b1
        h_relu = np.maximum(h, 0)
        y_pred = h.dot(w2) + b2  # bug: forward y_pred
        loss = np.square(y_pred - y).sum()
        print(loss)

        grad_y_pred = 2.0 * (y_pred - y)
        grad_w2 = h_relu.T.dot(grad_y_pred)
        grad_b2 = grad_y_pred.sum(axis=0)
        grad_h_relu = grad_y_pred.dot(w2.T)
        grad_h = grad_h_relu.copy()
        grad_h[h < 0] = 0
        grad_w1 = x.T.dot(grad_h)
        grad_b1 = grad_h.sum(axis=0)

        w1 -= lr * grad_w1
        b1 -= lr * grad_b1
        w2 -= lr * grad_w2
        b2 -= lr * grad_b2
    return w1, b1, w2, b2


def relu_net_biases(x, y, w1, b1, w2, b2, lr=1e-3, epochs=4):
    for _ in range(epochs):
        h = x.dot(w1) + b1
        h_relu = np.maximum(h, 0)
        y_pred = h_relu.dot(w2) + b2
        loss = np.square(y_pred - y).sum()
        print(loss)

        grad_y_pred = 2.0 * (y_pred - y)
        grad_w2 = h_relu.T.dot(grad_y_pred)
        grad_b2 = grad_y_pred.sum(axis=0)
        grad_h_relu = grad_y_pred.dot(w2.T)
        grad_h = grad_h_relu.copy()
        grad_h[h < 0] = 0
        grad_w1 = x.T.dot(grad_h)
        grad_b1 = grad_h.sum(axis=0)

        w1 -= lr * grad_w1
        w1 -= lr * grad_b1  # bug: wrong-parameter b1
        w2 -= lr * grad_w2
        b2 -= lr * grad_b2
    return w1, b1, w2, b2


def half_squared_error(X, Y, W1, W2, eta, steps):
    losses = []
    for step in range(steps):
        A = X @ W1
        H = A * (A > 0)
        P = H @ W2
        E = P - Y
        losses.append(0.5 * np.sum(E**2))
        dP = 2 * E  # bug: factor dP
        dW2 = H.T @ dP
        dH = dP @ W2.T
        dA = dH * (A > 0)
        dW1 = X.T @ dA
        W1 = W1 - eta * dW1
        W2 = W2 - eta * dW2
    return W1, W2, losses


def mean_over_batch(X, Y, W1, W2, eta=0.05, steps=3):
    n = X.shape[0]
    for step in range(steps):
        A = X @ W1
        H = np.maximum(0, A)
        P = H @ W2
        cost = ((P - Y) ** 2).sum() / n
        if step % 2 == 0:
            print("step %d cost %.4f" % (step, cost))
        dP = 2 * (P - Y)  # bug: mean-sum dP
        dW2 = H.T @ dP
        dH = dP @ W2.T
        dA = np.where(A > 0, dH, 0)
        dW1 = X.T @ dA
        W1 -= eta * dW1
        W2 -= eta * dW2
    return W1, W2


def np_mean_loss(X, Y, eta=0.1, steps=3):
    rng = np.random.default_rng(5)
    W1 = rng.standard_normal((X.shape[1], 6)) / 2
    W2 = rng.standard_normal((6, Y.shape[1])) / 2
    m = len(X)
    for _ in range(steps):
        A = X @ W1
        H = np.maximum(A, 0)
        P = H @ W2
        loss = np.mean((P - Y) ** 2)
        g = 2 / m * (P - Y)  # bug: mean-sum g
        gW2 = H.T @ g
        g = g @ W2.T
        g[A <= 0] = 0
        gW1 = X.T @ g
        W1 -= eta * gW1
        W2 -= eta * gW2
    print(loss)
    return W1, W2


def head_first(x, t, U, V, alpha=0.02, n_iter=3):
    history = []
    for i in range(n_iter):
        a = x @ U
        z = np.maximum(a, 0.0)
        out = z @ V
        loss = 0.5 * ((out - t) ** 2).mean(axis=0).sum()
        history.append(loss)
        d_out = (out - t) / x.shape[0]
        d_V = z.T @ d_out
        V -= alpha * d_V  # bug: stale V
        d_z = d_out @ V.T  # bug: stale d_z
        d_a = d_z * (a > 0)
        d_U = x.T @ d_a
        U -= alpha * d_U
    return history


def mask_of_the_activation_gradient(x, t, U, V, alpha=0.02, n_iter=3):
    for i in range(n_iter):
        a = x @ U
        z = np.maximum(a, 0.0)
        out = z @ V
        loss = 0.5 * ((out - t) ** 2).sum()
        d_out = out - t
        d_V = z.T @ d_out
        d_z = d_out @ V.T
        d_a = d_z * (d_z > 0)  # bug: mask d_a
        d_U = x.T @ d_a
        U -= alpha * d_U
        V -= alpha * d_V
    return U, V, loss


def unmasked(x, t, U, V, alpha=0.02, n_iter=3):
    for i in range(n_iter):
        a = x @ U
        z = np.maximum(a, 0.0)
        out = z @ V
        loss = 0.5 * ((out - t) ** 2).sum()
        d_out = out - t
        d_V = z.T @ d_out
        d_z = d_out @ V.T
        d_a = d_z * (a > 0)
        d_U = x.T @ d_z  # bug: wrong-operand|mask d_U
        U -= alpha * d_U
        V -= alpha * d_V
    return U, V, loss


def target_minus_output(x, t, U, V, alpha=0.02, n_iter=3):
    for i in range(n_iter):
        a = x @ U
        z = np.maximum(a, 0.0)
        out = z @ V
        residual = t - out
        loss = (residual**2).sum()
        d_out = 2 * residual  # bug: sign d_out
        d_V = z.T @ d_out
        d_a = (d_out @ V.T) * (a > 0)
        d_U = x.T @ d_a
        U -= alpha * d_U
        V -= alpha * d_V
    return U, V, loss


def vector_head(x, y, w1, b1, w2):
    h = x @ w1 + b1
    r = np.maximum(h, 0)
    p = r @ w2
    loss = np.mean((p - y) ** 2)
    gp = 2 * (p - y)[:, None] / len(y)
    gw2 = r.T @ gp  # bug: shape gw2
    gh = gp * w2 * (h > 0)
    gw1 = x.T @ gh
    gb1 = gh.sum(0)
    return loss, (gw1, gb1, gw2)


def momentum(x, y, w1, b1, w2, b2, lr=1e-3, mu=0.9, epochs=4):
    v_w1, v_b1 = np.zeros_like(w1), np.zeros_like(b1)
    v_w2, v_b2 = np.zeros_like(w2), np.zeros_like(b2)
    for epoch in range(epochs):
        h = x.dot(w1) + b1
        h_relu = np.maximum(h, 0)
        y_pred = h_relu.dot(w2) + b2
        loss = np.square(y_pred - y).sum()
        if epoch % 2:
            print(f"epoch {epoch}: {loss:.3f}")

        grad_y_pred = 2.0 * (y_pred - y)
        grad_w2 = h_relu.T.dot(grad_y_pred)
        grad_b2 = grad_y_pred.sum(axis=0)
        grad_h = grad_y_pred.dot(w2.T)
        grad_h[h < 0] = 0
        grad_w1 = x.T.dot(grad_h)
        grad_b1 = grad_h.sum(axis=0)

        v_w1 = mu * v_w1 - lr * grad_w1
        v_b1 = mu * v_b1 - lr * grad_b1
        v_w2 = mu * v_w2 - lr * grad_w2
        v_b2 = mu * v_b2 - lr * grad_b2
        w1 += v_w1
        b1 += v_b1
        w2 += v_w2
        b2 += v_b2
    return w1, b1, w2, b2


def single_precision(x, y, lr=1e-3, epochs=4):
    rng = np.random.default_rng(11)
    x, y = x.astype(np.float32), y.astype(np.float32)
    w1 = rng.standard_normal((x.shape[1], 7)).astype(np.float32)
    w2 = rng.standard_normal((7, y.shape[1])).astype(np.float32)
    for t in range(epochs):
        h = x.dot(w1)
        h_relu = np.maximum(h, 0)
        y_pred = h_relu.dot(w2)
        loss = np.square(y_pred - y).sum()
        print(t, loss)
        grad_y_pred = np.float32(2) * (y_pred - y)
        grad_w2 = h_relu.T.dot(grad_y_pred)
        grad_h = grad_y_pred.dot(w2.T)
        grad_h[h < 0] = 0
        grad_w1 = x.T.dot(grad_h)
        w1 -= lr * grad_w1
        w2 -= lr * grad_w2
    return w1, w2


def exact_zeros(x, t, U, V, alpha=0.01, n_iter=3):
    """Inputs are counts and the first layer starts with zero columns."""
    for i in range(n_iter):
        a = x @ U
        z = np.maximum(a, 0.0)
        out = z @ V
        loss = 0.5 * ((out - t) ** 2).mean()
        d_out = (out - t) / t.size
        d_V = z.T @ d_out
        d_a = (d_out @ V.T) * (a >= 0)
        d_U = x.T @ d_a
        U -= alpha * d_U
        V -= alpha * d_V
    return U, V, loss


def early_stopping(x, y, x_val, y_val, w1, w2, lr=0.01, patience=2):
    best, waited = np.inf, 0
    for epoch in range(6):
        h = np.maximum(x @ w1, 0)
        e = h @ w2 - y
        train_loss = 0.5 * np.mean(e**2)
        d = e / e.size
        g2 = h.T @ d
        g1 = x.T @ (d @ w2.T * (h > 0))
        w1 = w1 - lr * g1
        w2 = w2 - lr * g2
        val_loss = 0.5 * np.mean((np.maximum(x_val @ w1, 0) @ w2 - y_val) ** 2)
        if val_loss < best:
            best, waited = val_loss, 0
        else:
            waited += 1
        if waited >= patience:
            break
        print(epoch, train_loss, val_loss)
    return w1, w2


WITH_BIASES = {"loss": "loss", "parameters": {"w1": "lr", "b1": "lr", "w2": "lr", "b2": "lr"}}
ETA = {"W1": "eta", "W2": "eta"}
ALPHA = {"loss": "loss", "parameters": {"U": "alpha", "V": "alpha"}}
CASES = {
    "relu_net": WITH_BIASES,
    "relu_net_linear_head": WITH_BIASES | {"fix": "y_pred = h_relu.dot(w2) + b2"},
    "relu_net_biases": WITH_BIASES | {"fix": "b1 -= lr * grad_b1"},
    "half_squared_error": {"loss": "losses[-1]", "parameters": ETA, "fix": "dP = E"},
    "mean_over_batch": {"loss": "cost", "parameters": ETA, "fix": "dP = 2 * (P - Y) / n"},
    "np_mean_loss": {"loss": "loss", "parameters": ETA, "fix": "g = 2 / P.size * (P - Y)"},
    "head_first": ALPHA | {"fix": ["", "d_z = d_out @ (V + alpha * d_V).T"]},
    "mask_of_the_activation_gradient": ALPHA | {"fix": "d_a = d_z * (a > 0)"},
    "unmasked": ALPHA | {"fix": "d_U = x.T @ d_a"},
    "target_minus_output": ALPHA | {"fix": "d_out = -2 * residual"},
    "vector_head": {
        "loss": "loss",
        "parameters": {"w1": "=gw1", "b1": "=gb1", "w2": "=gw2"},
        "fix": "gw2 = r.T @ gp[:, 0]",
    },
    "momentum": {"loss": "loss", "parameters": {n: f"=grad_{n}" for n in ("w1", "b1", "w2", "b2")}},
    "single_precision": {"loss": "loss", "parameters": {"w1": "lr", "w2": "lr"}},
    "exact_zeros": ALPHA | {"kink": True},
    "early_stopping": {"loss": "train_loss", "parameters": {"w1": "lr", "w2": "lr"}},
}


def arguments(name):
    rng = np.random.default_rng(0)
    if name in ("relu_net", "relu_net_linear_head", "relu_net_biases", "momentum"):
        n, d, h, k = 9, 5, 8, 3
        w = rng.standard_normal((d, h)) / 2, rng.standard_normal(h), rng.standard_normal((h, k)) / 2, np.ones(k)
        return rng.standard_normal((n, d)), rng.standard_normal((n, k)), *w
    if name in ("half_squared_error", "mean_over_batch"):
        n, d, h, k = 10, 4, 7, 3
        w = rng.standard_normal((d, h)) / 2, rng.standard_normal((h, k)) / 2
        return rng.standard_normal((n, d)), rng.standard_normal((n, k)), *w, 0.01, 3
    if name in ("np_mean_loss", "single_precision"):
        return rng.standard_normal((11, 5)), rng.standard_normal((11, 3))
    if name == "vector_head":
        w = rng.standard_normal((4, 6)), rng.standard_normal(6), rng.standard_normal(6)
        return rng.standard_normal((8, 4)), rng.standard_normal(8), *w
    if name == "exact_zeros":
        U = rng.standard_normal((5, 6))
        U[:, 2:4] = 0
        return rng.integers(0, 3, (7, 5)).astype(float), rng.standard_normal((7, 2)), U, rng.standard_normal((6, 2))
    if name == "early_stopping":
        w = rng.standard_normal((4, 6)), rng.standard_normal((6, 2))
        data = [rng.standard_normal(s) for s in ((9, 4), (9, 2), (5, 4), (5, 2))]
        return *data, *w
    n, d, h, k = 12, 6, 5, 2
    return (
        rng.standard_normal((n, d)),
        rng.standard_normal((n, k)),
        rng.standard_normal((d, h)) / 2,
        rng.standard_normal((h, k)),
    )
