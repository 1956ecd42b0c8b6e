"""Nets with batch normalisation."""

import numpy as np


def batchnorm_backward(dout, cache):
    xhat, gamma, inv_std = cache
    N = dout.shape[0]
    dgamma = np.sum(dout * xhat, axis=0)
    dbeta = np.sum(dout, axis=0)
    dxhat = dout * gamma
    dx = inv_std / N * (N * dxhat - dxhat.sum(axis=0) - xhat * (dxhat * xhat).sum(axis=0))
    return dx, dgamma, dbeta


def one_formula(X, Y, p, lr=0.1, epochs=3, eps=1e-5):
    for epoch in range(epochs):
        u = X @ p["W1"]
        mean, var = u.mean(axis=0), u.var(axis=0)
        inv_std = 1 / np.sqrt(var + eps)
        xhat = (u - mean) * inv_std
        v = p["gamma"] * xhat + p["beta"]
        h = np.maximum(v, 0)
        e = h @ p["W2"] - Y
        loss = 0.5 * np.mean(e**2)
        de = e / e.size
        g = {"W2": h.T @ de}
        dv = de @ p["W2"].T * (v > 0)
        du, g["gamma"], g["beta"] = batchnorm_backward(dv, (xhat, p["gamma"], inv_std))
        g["W1"] = X.T @ du
        for key in p:
            p[key] = p[key] - lr * g[key]
        print(epoch, loss)
    return p


def bias_before_the_norm(X, Y, W1, b1, gamma, beta, W2, lr=0.1, epochs=3, eps=1e-5):
    """The gradient of b1 is zero whatever the data."""
    for epoch in range(epochs):
        u = X @ W1 + b1
        mean, var = u.mean(axis=0), u.var(axis=0)
        inv_std = 1 / np.sqrt(var + eps)
        xhat = (u - mean) * inv_std
        v = gamma * xhat + beta
        h = np.tanh(v)
        e = h @ W2 - Y
        loss = np.sum(e**2)
        de = 2 * e
        dW2 = h.T @ de
        dv = de @ W2.T * (1 - h**2)
        du, dgamma, dbeta = batchnorm_backward(dv, (xhat, gamma, inv_std))
        W1 -= lr * (X.T @ du)
        b1 -= lr * du.sum(axis=0)
        gamma -= lr * dgamma
        beta -= lr * dbeta
        W2 -= lr * dW2
    return loss


def step_by_step(X, y, W, gamma, beta, v, lr=0.05, eps=1e-5):
    """Every node of the graph on its own line."""
    N = X.shape[0]
    for it in range(3):
        a = X @ W
        mu = a.sum(axis=0) / N
        xmu = a - mu
        sq = xmu**2
        var = sq.sum(axis=0) / N
        sqrtvar = np.sqrt(var + eps)
        ivar = 1.0 / sqrtvar
        xhat = xmu * ivar
        out = gamma * xhat + beta
        t = np.tanh(out)
        pred = t @ v
        loss = ((pred - y) ** 2).sum()

        dpred = 2 * (pred - y)
        dv = t.T @ dpred
        dout = np.outer(dpred, v) * (1 - t**2)
        dbeta = dout.sum(axis=0)
        dgamma = (dout * xhat).sum(axis=0)
        dxhat = dout * gamma
        divar = (dxhat * xmu).sum(axis=0)
        dxmu1 = dxhat * ivar
        dsqrtvar = -1.0 / sqrtvar**2 * divar
        dvar = 0.5 / np.sqrt(var + eps) * dsqrtvar
        dsq = np.ones((N, 1)) * dvar / N
        dxmu2 = 2 * xmu * dsq
        da1 = dxmu1 + dxmu2
        dmu = -da1.sum(axis=0)
        da2 = np.ones((N, 1)) * dmu / N
        da = da1 + da2
        dW = X.T @ da
        W -= lr * dW
        gamma -= lr * dgamma
        beta -= lr * dbeta
        v -= lr * dv
        print(it, loss)
    return W, gamma, beta, v


def step_by_step_no_mean(X, y, W, gamma, beta, v, lr=0.05, eps=1e-5):
    N = X.shape[0]
    for it in range(3):
        a = X @ W
        mu = a.sum(axis=0) / N
        xmu = a - mu
        sq = xmu**2
        var = sq.sum(axis=0) / N
        sqrtvar = np.sqrt(var + eps)
        ivar = 1.0 / sqrtvar
        xhat = xmu * ivar
        out = gamma * xhat + beta
        t = np.tanh(out)
        pred = t @ v
        loss = ((pred - y) ** 2).sum()

        dpred = 2 * (pred - y)
        dv = t.T @ dpred
        dout = np.outer(dpred, v) * (1 - t**2)
        dbeta = dout.sum(axis=0)
        dgamma = (dout * xhat).sum(axis=0)
        dxhat = dout * gamma
        divar = (dxhat * xmu).sum(axis=0)
        dxmu1 = dxhat * ivar
        dsqrtvar = -1.0 / sqrtvar**2 * divar
        dvar = 0.5 / np.sqrt(var + eps) * dsqrtvar
        dsq = np.ones((N, 1)) * dvar / N
        dxmu2 = 2 * xmu * dsq
        da = dxmu1 + dxmu2  # bug: batch-statistics da
        dW = X.T @ da
        W -= lr * dW
        gamma -= lr * dgamma
        beta -= lr * dbeta
        v -= lr * dv
        print(it, loss)
    return W, gamma, beta, v


def constant_statistics(X, y, W, gamma, beta, v, lr=0.05, eps=1e-5):
    for it in range(3):
        a = X @ W
        mu, var = a.mean(0), a.var(0)
        std = np.sqrt(var + eps)
        n = (a - mu) / std
        h = np.tanh(gamma * n + beta)
        r = h @ v - y
        loss = r @ r / len(r)
        gr = 2 * r / len(r)
        gv = gr @ h
        gh = gr[:, None] * v
        gz = gh * (1 - h * h)
        gn = gz * gamma
        ga = (gn - gn.mean(0)) / std  # bug: batch-statistics ga
        W = W - lr * X.T @ ga
        gamma = gamma - lr * (gz * n).sum(0)
        beta = beta - lr * gz.sum(0)
        v = v - lr * gv
    return W, gamma, beta, v, loss


def sample_variance(X, y, W, gamma, beta, v, lr=0.05, eps=1e-5):
    for it in range(3):
        a = X @ W
        mu = a.mean(0)
        var = a.var(0, ddof=1)
        std = np.sqrt(var + eps)
        n = (a - mu) / std
        h = np.tanh(gamma * n + beta)
        r = h @ v - y
        loss = r @ r / len(r)
        gr = 2 * r / len(r)
        gv = gr @ h
        gz = gr[:, None] * v * (1 - h * h)
        gn = gz * gamma
        gvar = np.sum(gn * (a - mu), axis=0) * -0.5 * (var + eps) ** -1.5
        ga = gn / std + 2 * (a - mu) * gvar / len(a)  # bug: bessel ga
        ga -= (gn / std).mean(0)
        W = W - lr * X.T @ ga
        gamma = gamma - lr * (gz * n).sum(0)
        beta = beta - lr * gz.sum(0)
        v = v - lr * gv
    return W, gamma, beta, v, loss


def scale_of_the_input(X, y, W, gamma, beta, v, lr=0.05, eps=1e-5):
    for it in range(3):
        a = X @ W
        mu, var = a.mean(0), a.var(0)
        std = np.sqrt(var + eps)
        n = (a - mu) / std
        h = np.tanh(gamma * n + beta)
        r = h @ v - y
        loss = r @ r / len(r)
        gr = 2 * r / len(r)
        gz = gr[:, None] * v * (1 - h * h)
        ggamma = (gz * a).sum(0)  # bug: wrong-operand ggamma
        gbeta = gz.sum(0)
        gn = gz * gamma
        ga = (gn - gn.mean(0) - n * (gn * n).mean(0)) / std
        W = W - lr * X.T @ ga
        gamma = gamma - lr * ggamma
        beta = beta - lr * gbeta
        v = v - lr * (gr @ h)
    return W, gamma, beta, v, loss


def running_statistics(X, y, W, gamma, beta, v, lr=0.05, eps=1e-5, momentum=0.9):
    running_mean, running_var = np.zeros(W.shape[1]), np.ones(W.shape[1])
    for it in range(3):
        a = X @ W
        mu, var = a.mean(0), a.var(0)
        running_mean = momentum * running_mean + (1 - momentum) * mu
        running_var = momentum * running_var + (1 - momentum) * var
        std = np.sqrt(var + eps)
        n = (a - mu) / std
        z = gamma * n + beta
        h = np.tanh(a)  # bug: forward h
        r = h @ v - y
        loss = r @ r / len(r)
        gr = 2 * r / len(r)
        gz = gr[:, None] * v * (1 - h * h)
        gn = gz * gamma
        ga = (gn - gn.mean(0) - n * (gn * n).mean(0)) / std
        W -= lr * X.T @ ga
        gamma -= lr * (gz * n).sum(0)
        beta -= lr * gz.sum(0)
        v -= lr * (gr @ h)
    return running_mean, running_var, loss


def shift_per_example(X, y, W, gamma, beta, v, lr=0.05, eps=1e-5):
    for it in range(2):
        a = X @ W
        mu, var = a.mean(0), a.var(0)
        n = (a - mu) / np.sqrt(var + eps)
        h = np.tanh(gamma * n + beta)
        r = h @ v - y
        loss = r @ r / len(r)
        gr = 2 * r / len(r)
        gz = gr[:, None] * v * (1 - h * h)
        ggamma = np.sum(gz * n, axis=0)
        gbeta = gz  # bug: bias-sum gbeta
        gn = gz * gamma
        ga = (gn - gn.mean(0) - n * (gn * n).mean(0)) / np.sqrt(var + eps)
        W = W - lr * X.T @ ga
        gamma = gamma - lr * ggamma
        beta = beta - lr * gbeta
        v = v - lr * (gr @ h)
    return W, gamma, beta, v, loss


LR = {"loss": "loss", "parameters": dict.fromkeys(("W", "gamma", "beta", "v"), "lr")}
CASES = {
    "one_formula": {
        "loss": "loss",
        "parameters": {f"p['{k}']": "lr" for k in ("W1", "gamma", "beta", "W2")},
        "loop": "for epoch",
    },
    "bias_before_the_norm": {
        "loss": "loss",
        "parameters": dict.fromkeys(("W1", "b1", "gamma", "beta", "W2"), "lr"),
    },
    "step_by_step": LR,
    "step_by_step_no_mean": LR | {"fix": "da = dxmu1 + dxmu2 - (dxmu1 + dxmu2).mean(axis=0)"},
    "constant_statistics": LR | {"fix": "ga = (gn - gn.mean(0) - n * (gn * n).mean(0)) / std"},
    "sample_variance": LR | {"fix": "ga = gn / std + 2 * (a - mu) * gvar / (len(a) - 1)"},
    "scale_of_the_input": LR | {"fix": "ggamma = (gz * n).sum(0)"},
    "running_statistics": LR | {"fix": "h = np.tanh(z)"},
    "shift_per_example": LR | {"fix": "gbeta = gz.sum(0)"},
}


def arguments(name):
    rng = np.random.default_rng(4)
    n, d, h, k = 10, 6, 5, 3
    X, W = rng.standard_normal((n, d)), rng.standard_normal((d, h)) / 2
    gamma, beta = rng.uniform(0.5, 1.5, h), rng.standard_normal(h) / 3
    if name == "one_formula":
        return (
            X,
            rng.standard_normal((n, k)),
            {"W1": W, "gamma": gamma, "beta": beta, "W2": rng.standard_normal((h, k))},
        )
    if name == "bias_before_the_norm":
        return X, rng.standard_normal((n, k)), W, rng.standard_normal(h), gamma, beta, rng.standard_normal((h, k)), 0.01
    return X, rng.standard_normal(n), W, gamma, beta, rng.standard_normal(h)
