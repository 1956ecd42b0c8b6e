"""Batch norm and layer norm."""

import numpy as np


def batchnorm_chain(X, Y, W1, gamma, beta, W2, lr=0.05, eps=1e-5, epochs=3):
    N = X.shape[0]
    for epoch in range(epochs):
        z = X @ W1
        mu = z.mean(axis=0)
        xmu = z - mu
        var = np.mean(xmu**2, axis=0)
        ivar = 1.0 / np.sqrt(var + eps)
        zhat = xmu * ivar
        bn = gamma * zhat + beta
        h = np.maximum(bn, 0)
        out = h @ W2
        loss = np.sum((out - Y) ** 2) / N

        dout = 2 * (out - Y) / N
        dW2 = h.T @ dout
        dbn = (dout @ W2.T) * (bn > 0)
        dbeta = dbn.sum(axis=0)
        dgamma = (dbn * zhat).sum(axis=0)
        dzhat = dbn * gamma
        divar = (dzhat * xmu).sum(axis=0)
        dvar = -0.5 * ivar**3 * divar
        dxmu = dzhat * ivar + 2 * xmu * dvar / N
        dmu = -dxmu.sum(axis=0)
        dz = dxmu + dmu / N
        dW1 = X.T @ dz

        W1 -= lr * dW1
        W2 -= lr * dW2
        gamma -= lr * dgamma
        beta -= lr * dbeta
        print(epoch, loss)
    return W1, gamma, beta, W2


def no_variance_path(X, Y, W1, gamma, beta, W2, lr=0.05, eps=1e-5, epochs=3):
    N = X.shape[0]
    for epoch in range(epochs):
        z = X @ W1
        mu = z.mean(axis=0)
        var = z.var(axis=0)
        std = np.sqrt(var + eps)
        zhat = (z - mu) / std
        h = np.tanh(gamma * zhat + beta)
        out = h @ W2
        loss = 0.5 * np.sum((out - Y) ** 2) / N
        dout = (out - Y) / N
        dW2 = h.T @ dout
        da = dout @ W2.T * (1 - h**2)
        dgamma = np.sum(da * zhat, axis=0)
        dbeta = np.sum(da, axis=0)
        dzhat = da * gamma
        dz = (dzhat - dzhat.mean(axis=0)) / std  # bug: batch-statistics dz
        dW1 = X.T @ dz
        W1 -= lr * dW1
        gamma -= lr * dgamma
        beta -= lr * dbeta
        W2 -= lr * dW2
        print(loss)


def sample_variance(X, Y, W1, gamma, beta, W2, lr=0.05, eps=1e-5, epochs=3):
    """Running statistics want the unbiased variance, so it is used everywhere."""
    n = X.shape[0]
    running_var = np.ones(W1.shape[1])
    for epoch in range(epochs):
        hpre = X @ W1
        bnmean = hpre.sum(0) / n
        bndiff = hpre - bnmean
        bnvar = (bndiff**2).sum(0) / (n - 1)
        bnvar_inv = (bnvar + eps) ** -0.5
        bnraw = bndiff * bnvar_inv
        h = np.tanh(gamma * bnraw + beta)
        out = h @ W2
        loss = np.mean((out - Y) ** 2)
        running_var = 0.9 * running_var + 0.1 * bnvar

        dout = 2 * (out - Y) / out.size
        dW2 = h.T @ dout
        dact = (dout @ W2.T) * (1 - h**2)
        dgamma = (dact * bnraw).sum(0)
        dbeta = dact.sum(0)
        dbnraw = gamma * dact
        dbnvar_inv = (bndiff * dbnraw).sum(0)
        dbnvar = -0.5 * (bnvar + eps) ** -1.5 * dbnvar_inv
        dbndiff = bnvar_inv * dbnraw + 2.0 / n * bndiff * dbnvar  # bug: bessel dbndiff
        dhpre = dbndiff - dbndiff.mean(0)
        dW1 = X.T @ dhpre
        for p, g in zip((W1, gamma, beta, W2), (dW1, dgamma, dbeta, dW2)):
            p += -lr * g
    return loss, running_var


def gain_and_shift_swapped(X, Y, W1, gamma, beta, W2, lr=0.05, eps=1e-5, epochs=3):
    m = len(X)
    for epoch in range(epochs):
        z = X @ W1
        sd = np.sqrt(z.var(axis=0) + eps)
        n = (z - z.mean(axis=0)) / sd
        a = np.maximum(gamma * n + beta, 0)
        p = a @ W2
        loss = np.sum((p - Y) ** 2) / m
        d = 2 * (p - Y) / m
        gW2 = a.T @ d
        d = (d @ W2.T) * (a > 0)
        ggamma = (d * n).sum(axis=0)
        gbeta = d.sum(axis=0)
        dn = d * gamma
        dz = (dn - dn.mean(axis=0) - n * (dn * n).mean(axis=0)) / sd
        gW1 = X.T @ dz
        W1 -= lr * gW1
        W2 -= lr * gW2
        gamma -= lr * gbeta  # bug: wrong-parameter gamma
        beta -= lr * ggamma  # bug: wrong-parameter beta
        print(epoch, loss)


def prenorm_block(X, Y, W0, g, b, W1, W2, lr=0.02, eps=1e-5, epochs=3):
    """x + f(layer_norm(x)), everything right."""
    n = len(X)
    for epoch in range(epochs):
        x = X @ W0
        mu = x.mean(axis=1, keepdims=True)
        sigma = np.sqrt(x.var(axis=1, keepdims=True) + eps)
        xn = (x - mu) / sigma
        y = xn * g + b
        u = np.maximum(y @ W1, 0)
        r = x + u @ W2
        loss = 0.5 * np.sum((r - Y) ** 2) / n
        dr = (r - Y) / n
        dW2 = u.T @ dr
        du = (dr @ W2.T) * (u > 0)
        dW1 = y.T @ du
        dy = du @ W1.T
        dg = np.sum(dy * xn, axis=0)
        db = np.sum(dy, axis=0)
        dxn = dy * g
        dx = dr + (dxn - dxn.mean(axis=1, keepdims=True) - xn * (dxn * xn).mean(axis=1, keepdims=True)) / sigma
        dW0 = X.T @ dx
        W0 = W0 - lr * dW0
        W1 = W1 - lr * dW1
        W2 = W2 - lr * dW2
        g = g - lr * dg
        b = b - lr * db
    return loss


def skip_path_lost(X, Y, W0, g, b, W1, W2, lr=0.02, eps=1e-5, epochs=3):
    n = len(X)
    for epoch in range(epochs):
        x = X @ W0
        mu = x.mean(axis=1, keepdims=True)
        sigma = np.sqrt(x.var(axis=1, keepdims=True) + eps)
        xn = (x - mu) / sigma
        y = xn * g + b
        u = np.maximum(y @ W1, 0)
        r = x + u @ W2
        loss = 0.5 * np.sum((r - Y) ** 2) / n
        dr = (r - Y) / n
        dW2 = u.T @ dr
        du = (dr @ W2.T) * (u > 0)
        dW1 = y.T @ du
        dy = du @ W1.T
        dg = np.sum(dy * xn, axis=0)
        db = np.sum(dy, axis=0)
        dxn = dy * g
        dx = (
            dxn - dxn.mean(axis=1, keepdims=True) - xn * (dxn * xn).mean(axis=1, keepdims=True)
        ) / sigma  # bug: fork dx
        dW0 = X.T @ dx
        W0 = W0 - lr * dW0
        W1 = W1 - lr * dW1
        W2 = W2 - lr * dW2
        g = g - lr * dg
        b = b - lr * db
        print(loss)


def postnorm_mean_lost(X, Y, W0, g, b, W1, W2, lr=0.02, eps=1e-5, epochs=3):
    """layer_norm(x + f(x)), written out step by step."""
    n, d = X.shape[0], W0.shape[1]
    for epoch in range(epochs):
        x = np.tanh(X @ W0)
        a = np.tanh(x @ W1)
        s = x + a @ W2
        mean = s.sum(axis=1, keepdims=True) / d
        c = s - mean
        var = (c * c).sum(axis=1, keepdims=True) / d
        inv = 1 / np.sqrt(var + eps)
        shat = c * inv
        o = g * shat + b
        loss = np.sum((o - Y) ** 2) / n

        do = 2 * (o - Y) / n
        dg = (do * shat).sum(axis=0)
        db = do.sum(axis=0)
        dshat = do * g
        dinv = (dshat * c).sum(axis=1, keepdims=True)
        dvar = -0.5 * inv**3 * dinv
        dc = dshat * inv + 2 * c * dvar / d
        ds = dc  # bug: batch-statistics ds
        dW2 = a.T @ ds
        da = ds @ W2.T * (1 - a**2)
        dW1 = x.T @ da
        dx = ds + da @ W1.T
        dW0 = X.T @ (dx * (1 - x**2))
        W0 -= lr * dW0
        W1 -= lr * dW1
        W2 -= lr * dW2
        g -= lr * dg
        b -= lr * db
        print(epoch, loss)


def layernorm_std_ddof(X, Y, W0, g, b, W1, W2, lr=0.02, eps=1e-5, epochs=3):
    """As annotated-transformer code does, the std is the unbiased one."""
    n, d = X.shape[0], W0.shape[1]
    for epoch in range(epochs):
        x = np.tanh(X @ W0)
        s = x + np.tanh(x @ W1) @ W2
        mean = s.mean(axis=-1, keepdims=True)
        std = s.std(axis=-1, keepdims=True, ddof=1)
        shat = (s - mean) / std
        o = g * shat + b
        loss = np.sum((o - Y) ** 2) / n
        do = 2 * (o - Y) / n
        dg = (do * shat).sum(axis=0)
        db = do.sum(axis=0)
        dh = do * g
        corr = shat * (dh * shat).sum(axis=-1, keepdims=True) / d  # bug: bessel corr
        ds = (dh - dh.mean(axis=-1, keepdims=True) - corr) / std
        a = np.tanh(x @ W1)
        dW2 = a.T @ ds
        da = ds @ W2.T * (1 - a**2)
        dW1 = x.T @ da
        dx = ds + da @ W1.T
        dW0 = X.T @ (dx * (1 - x**2))
        W0 -= lr * dW0
        W1 -= lr * dW1
        W2 -= lr * dW2
        g -= lr * dg
        b -= lr * db
    return loss


BN = {"loss": "loss", "parameters": {p: "lr" for p in ("W1", "gamma", "beta", "W2")}}
LN = {"loss": "loss", "parameters": {p: "lr" for p in ("W0", "g", "b", "W1", "W2")}}
CASES = {
    "batchnorm_chain": BN,
    "no_variance_path": BN | {"fix": "dz = (dzhat - dzhat.mean(axis=0) - zhat * (dzhat * zhat).mean(axis=0)) / std"},
    "sample_variance": BN | {"fix": "dbndiff = bnvar_inv * dbnraw + 2.0 / (n - 1) * bndiff * dbnvar"},
    "gain_and_shift_swapped": BN
    | {"fix": {"gamma -=": "gamma -= lr * ggamma", "beta -= lr * ggamma": "beta -= lr * gbeta"}},
    "prenorm_block": {"loss": "loss", "parameters": {"W0": "lr", "g": "lr", "b": "lr", "W1": "lr", "W2": "lr"}},
    "skip_path_lost": LN
    | {
        "fix": "dx = dr + (dxn - dxn.mean(axis=1, keepdims=True) - xn * (dxn * xn).mean(axis=1, keepdims=True)) / sigma"
    },
    "postnorm_mean_lost": LN | {"fix": "ds = dc - dc.sum(axis=1, keepdims=True) / d"},
    "layernorm_std_ddof": LN | {"fix": "corr = shat * (dh * shat).sum(axis=-1, keepdims=True) / (d - 1)"},
}


def arguments(name):
    rng = np.random.default_rng(34)
    n, d, h, k = 9, 4, 6, 3
    X = rng.normal(size=(n, d))
    if "W0" in globals()[name].__code__.co_varnames:
        return (
            X,
            rng.normal(size=(n, h)),
            rng.normal(size=(d, h)),
            1 + 0.2 * rng.normal(size=h),
            0.2 * rng.normal(size=h),
            rng.normal(size=(h, 8)) / 2,
            rng.normal(size=(8, h)) / 2,
        )
    return (
        X,
        rng.normal(size=(n, k)),
        rng.normal(size=(d, h)),
        1 + 0.2 * rng.normal(size=h),
        0.2 * rng.normal(size=h),
        rng.normal(size=(h, k)) / 2,
    )
