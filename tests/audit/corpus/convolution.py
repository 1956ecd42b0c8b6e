"""Convolutions in one and two dimensions: with loops, with windows, with columns."""

import numpy as np


def conv1d_np(signal, target, kernel, bias, lr=0.01, epochs=3):
    """One channel, 'valid', by np.correlate."""
    for epoch in range(epochs):
        z = np.correlate(signal, kernel, mode="valid") + bias
        a = np.tanh(z)
        loss = 0.5 * np.sum((a - target) ** 2)
        da = a - target
        dz = da * (1 - a**2)
        dkernel = np.correlate(signal, dz, mode="valid")
        dbias = dz.sum()
        kernel = kernel - lr * dkernel
        bias = bias - lr * dbias
        print(epoch, loss)
    return kernel, bias


def conv1d_flipped(signal, target, kernel, bias, lr=0.01, epochs=3):
    for epoch in range(epochs):
        z = np.correlate(signal, kernel, mode="valid") + bias
        a = np.tanh(z)
        loss = 0.5 * np.sum((a - target) ** 2)
        da = a - target
        dz = da * (1 - a**2)
        dkernel = np.convolve(signal, dz, mode="valid")  # bug: time-index dkernel
        dbias = dz.sum()
        kernel = kernel - lr * dkernel
        bias = bias - lr * dbias
        print(epoch, loss)
    return kernel, bias


def windows(images, labels, K, b, W, c, lr=0.1, iters=2):
    """One layer of filters over (N, H, W) images, ReLU, mean over positions, softmax."""
    N = len(images)
    kh, kw = K.shape[1:]
    for it in range(iters):
        patches = np.lib.stride_tricks.sliding_window_view(images, (kh, kw), axis=(1, 2))
        z = np.einsum("nijkl,fkl->nfij", patches, K) + b[:, None, None]
        a = np.maximum(z, 0)
        pooled = a.mean(axis=(2, 3))
        scores = pooled @ W + c
        scores = scores - scores.max(axis=1, keepdims=True)
        p = np.exp(scores)
        p /= p.sum(axis=1, keepdims=True)
        loss = -np.log(p[np.arange(N), labels]).mean()

        ds = p.copy()
        ds[np.arange(N), labels] -= 1
        ds /= N
        dW, dc = pooled.T @ ds, ds.sum(0)
        dpooled = ds @ W.T
        da = np.broadcast_to(dpooled[:, :, None, None], a.shape) / (a.shape[2] * a.shape[3])
        dz = da * (z > 0)
        dK = np.einsum("nijkl,nfij->fkl", patches, dz)
        db = dz.sum(axis=(0, 2, 3))
        K -= lr * dK
        b -= lr * db
        W -= lr * dW
        c -= lr * dc
    return loss


def windows_pool_forgotten(images, labels, K, b, W, c, lr=0.1, iters=2):
    N = len(images)
    kh, kw = K.shape[1:]
    for it in range(iters):
        patches = np.lib.stride_tricks.sliding_window_view(images, (kh, kw), axis=(1, 2))
        z = np.einsum("nijkl,fkl->nfij", patches, K) + b[:, None, None]
        a = np.maximum(z, 0)
        pooled = a.mean(axis=(2, 3))
        scores = pooled @ W + c
        scores = scores - scores.max(axis=1, keepdims=True)
        p = np.exp(scores)
        p /= p.sum(axis=1, keepdims=True)
        loss = -np.log(p[np.arange(N), labels]).mean()

        ds = p.copy()
        ds[np.arange(N), labels] -= 1
        ds /= N
        dW, dc = pooled.T @ ds, ds.sum(0)
        dpooled = ds @ W.T
        da = np.broadcast_to(dpooled[:, :, None, None], a.shape)  # bug: mean-sum da
        dz = da * (z > 0)
        dK = np.einsum("nijkl,nfij->fkl", patches, dz)
        db = dz.sum(axis=(0, 2, 3))
        K -= lr * dK
        b -= lr * db
        W -= lr * dW
        c -= lr * dc
    return loss


def nested_loops(image, target, kernel, bias, lr=0.02):
    """A single filter over a single image, every sum written out."""
    H, W = image.shape
    kh, kw = kernel.shape
    oh, ow = H - kh + 1, W - kw + 1
    for epoch in range(2):
        out = np.zeros((oh, ow))
        for i in range(oh):
            for j in range(ow):
                out[i, j] = np.sum(image[i : i + kh, j : j + kw] * kernel) + bias[0]
        act = np.maximum(out, 0)
        loss = np.mean((act - target) ** 2)
        d_act = 2 * (act - target) / act.size
        d_out = d_act * (out > 0)
        d_kernel = np.zeros_like(kernel)
        for i in range(oh):
            for j in range(ow):
                d_kernel += d_out[i, j] * image[i : i + kh, j : j + kw]
        d_bias = d_out.sum()
        kernel -= lr * d_kernel
        bias -= lr * d_bias
        print(loss)
    return kernel, bias


def nested_loops_inverted(image, target, kernel, bias, lr=0.02):
    H, W = image.shape
    kh, kw = kernel.shape
    oh, ow = H - kh + 1, W - kw + 1
    for epoch in range(2):
        out = np.zeros((oh, ow))
        for i in range(oh):
            for j in range(ow):
                out[i, j] = np.sum(image[i : i + kh, j : j + kw] * kernel) + bias[0]
        act = np.maximum(out, 0)
        loss = np.mean((act - target) ** 2)
        d_act = 2 * (act - target) / act.size
        d_out = d_act.copy()
        d_out[out > 0] = 0  # bug: mask d_out
        d_kernel = np.zeros_like(kernel)
        for i in range(oh):
            for j in range(ow):
                d_kernel += d_out[i, j] * image[i : i + kh, j : j + kw]
        d_bias = d_out.sum()
        kernel -= lr * d_kernel
        bias -= lr * d_bias
        print(loss)
    return kernel, bias


def two_filters_deep(x, y, k1, k2, lr=0.02, steps=2):
    """Two 1-d convolutions over a batch of signals; the kernels are as long as each other."""
    n, length = x.shape
    m = len(k1)
    for s in range(steps):
        u = np.stack([np.convolve(row, k1[::-1], "valid") for row in x])
        h = np.tanh(u)
        o = np.stack([np.convolve(row, k2[::-1], "valid") for row in h])
        loss = 0.5 * ((o - y) ** 2).sum()
        go = o - y
        gk2 = sum(np.convolve(h[i], go[i][::-1], "valid") for i in range(n))
        gh = np.stack([np.convolve(go[i], k2[::-1], "full") for i in range(n)])  # bug: time-index gh
        gu = gh * (1 - h**2)
        gk1 = sum(np.convolve(x[i], gu[i][::-1], "valid") for i in range(n))
        k1 -= lr * gk1
        k2 -= lr * gk2
        print(s, loss)
    return k1, k2


def columns(x, y, F, b, V, lr=0.05, steps=3):
    """x is (batch, time); every window of five becomes a column."""
    n, t = x.shape
    width = F.shape[1]
    index = np.arange(t - width + 1)[:, None] + np.arange(width)
    for s in range(steps):
        cols = x[:, index]
        z = cols @ F.T + b
        h = 1 / (1 + np.exp(-z))
        flat = h.reshape(n, -1)
        p = flat @ V
        loss = np.mean((p - y) ** 2)
        gp = 2 * (p - y) / n
        gV = flat.T @ gp
        gh = np.outer(gp, V).reshape(h.shape)
        gz = gh * h * (1 - h)
        gF = np.tensordot(gz, cols, axes=([0, 1], [0, 1]))
        gb = gz.sum(axis=0).mean(axis=0)  # bug: bias-sum|mean-sum gb
        F = F - lr * gF
        b = b - lr * gb
        V = V - lr * gV
        print(loss)
    return F, b, V


def max_pool_overlap(x, y, k, v, lr=0.05):
    """Convolution, max over overlapping windows, linear read-out; the pool may pick a place twice."""
    n, t = x.shape
    for _ in range(2):
        u = np.stack([np.correlate(row, k, "valid") for row in x])
        windows = np.arange(u.shape[1] - 2)[:, None] + np.arange(3)
        pick = windows[np.arange(len(windows)), u[:, windows].argmax(axis=2)]
        rows = np.arange(n)[:, None]
        pooled = u[rows, pick]
        out = pooled @ v
        loss = 0.5 * np.sum((out - y) ** 2)
        d_out = out - y
        d_v = pooled.T @ d_out
        d_pooled = np.outer(d_out, v)
        d_u = np.zeros_like(u)
        d_u[rows, pick] += d_pooled  # bug: scatter d_u
        d_k = sum(np.correlate(x[i], d_u[i], "valid") for i in range(n))
        k -= lr * d_k
        v -= lr * d_v
    return loss


def max_pool(x, y, k, v, lr=0.05):
    n, t = x.shape
    for _ in range(2):
        u = np.stack([np.correlate(row, k, "valid") for row in x])
        windows = np.arange(u.shape[1] - 2)[:, None] + np.arange(3)
        pick = windows[np.arange(len(windows)), u[:, windows].argmax(axis=2)]
        rows = np.arange(n)[:, None]
        pooled = u[rows, pick]
        out = pooled @ v
        loss = 0.5 * np.sum((out - y) ** 2)
        d_out = out - y
        d_v = pooled.T @ d_out
        d_pooled = np.outer(d_out, v)
        d_u = np.zeros_like(u)
        np.add.at(d_u, (rows, pick), d_pooled)
        d_k = sum(np.correlate(x[i], d_u[i], "valid") for i in range(n))
        k -= lr * d_k
        v -= lr * d_v
    return loss


KB = {"loss": "loss", "parameters": {"kernel": "lr", "bias": "lr"}}
WINDOWS = {"loss": "loss", "parameters": {"K": "lr", "b": "lr", "W": "lr", "c": "lr"}}
KV = {"loss": "loss", "parameters": {"k": "lr", "v": "lr"}}
CASES = {
    "conv1d_np": KB,
    "conv1d_flipped": KB | {"fix": "dkernel = np.convolve(signal, dz[::-1], mode='valid')"},
    "windows": WINDOWS,
    "windows_pool_forgotten": WINDOWS
    | {"fix": "da = np.broadcast_to(dpooled[:, :, None, None], a.shape) / (a.shape[2] * a.shape[3])"},
    "nested_loops": KB,
    "nested_loops_inverted": KB | {"fix": "d_out[out <= 0] = 0"},
    "two_filters_deep": {
        "loss": "loss",
        "parameters": {"k1": "lr", "k2": "lr"},
        "fix": "gh = np.stack([np.convolve(go[i], k2, 'full') for i in range(n)])",
    },
    "columns": {
        "loss": "loss",
        "parameters": {"F": "lr", "b": "lr", "V": "lr"},
        "fix": "gb = gz.sum(axis=0).sum(axis=0)",
    },
    "max_pool_overlap": KV | {"fix": "np.add.at(d_u, (rows, pick), d_pooled)"},
    "max_pool": KV,
}


def arguments(name):
    rng = np.random.default_rng(6)
    if name.startswith("conv1d"):
        return rng.standard_normal(12), rng.uniform(-1, 1, 9), rng.standard_normal(4) / 2, 0.1
    if name.startswith("windows"):
        n, f, k = 4, 3, 2
        kernels = rng.standard_normal((f, 3, 2)), rng.standard_normal(f)
        return rng.standard_normal((n, 6, 5)), rng.integers(0, k, n), *kernels, rng.standard_normal((f, k)), np.zeros(k)
    if name.startswith("nested_loops"):
        return rng.standard_normal((6, 7)), rng.standard_normal((4, 6)), rng.standard_normal((3, 2)), np.array([0.2])
    if name == "two_filters_deep":
        return rng.standard_normal((3, 11)), rng.standard_normal((3, 5)), rng.standard_normal(4), rng.standard_normal(4)
    if name == "columns":
        n, t, width, f = 4, 9, 5, 3
        V = rng.standard_normal((t - width + 1) * f) / 3
        return rng.standard_normal((n, t)), rng.standard_normal(n), rng.standard_normal((f, width)), np.zeros(f), V
    return rng.standard_normal((4, 10)), rng.standard_normal(4), rng.standard_normal(3), rng.standard_normal(6)
