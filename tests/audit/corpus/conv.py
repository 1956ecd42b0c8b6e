"""Convolutions by loops, windows and np.convolve."""

import numpy as np


def conv2d_loops(X, Y, K, b, V, lr=0.01, epochs=2):
    """One layer of k x k filters, ReLU, dense readout."""
    N, H, W = X.shape
    F, k, _ = K.shape
    oh, ow = H - k + 1, W - k + 1
    for epoch in range(epochs):
        Z = np.zeros((N, F, oh, ow))
        for i in range(oh):
            for j in range(ow):
                patch = X[:, i : i + k, j : j + k]
                Z[:, :, i, j] = np.tensordot(patch, K, axes=([1, 2], [1, 2])) + b
        A = np.maximum(Z, 0)
        out = A.reshape(N, -1) @ V
        loss = np.sum((out - Y) ** 2) / N
        dout = 2 * (out - Y) / N
        dV = A.reshape(N, -1).T @ dout
        dZ = (dout @ V.T).reshape(A.shape) * (Z > 0)
        db = dZ.sum(axis=(0, 2, 3))
        dK = np.zeros_like(K)
        for i in range(oh):
            for j in range(ow):
                dK += np.einsum("nf,nab->fab", dZ[:, :, i, j], X[:, i : i + k, j : j + k])
        K -= lr * dK
        b -= lr * db
        V -= lr * dV
        print(epoch, loss)
    return K, b, V


def kernel_overwritten(X, Y, K, b, V, lr=0.01, epochs=2):
    N, H, W = X.shape
    F, k, _ = K.shape
    oh, ow = H - k + 1, W - k + 1
    for epoch in range(epochs):
        Z = np.zeros((N, F, oh, ow))
        for i in range(oh):
            for j in range(ow):
                Z[:, :, i, j] = np.einsum("nab,fab->nf", X[:, i : i + k, j : j + k], K) + b
        A = np.tanh(Z)
        flat = A.reshape(N, -1)
        out = flat @ V
        loss = np.sum((out - Y) ** 2) / N
        dout = 2 * (out - Y) / N
        dV = flat.T @ dout
        dZ = (dout @ V.T).reshape(A.shape) * (1 - A**2)
        db = dZ.sum(axis=(0, 2, 3))
        dK = np.zeros_like(K)
        for i in range(oh):
            for j in range(ow):
                dK = np.einsum("nf,nab->fab", dZ[:, :, i, j], X[:, i : i + k, j : j + k])  # bug: fork dK
        K -= lr * dK
        b -= lr * db
        V -= lr * dV
        print(epoch, loss)


def channel_bias_total(X, Y, K, b, V, lr=0.01, epochs=2):
    N = X.shape[0]
    k = K.shape[1]
    win = np.lib.stride_tricks.sliding_window_view(X, (k, k), axis=(1, 2))
    for epoch in range(epochs):
        z = np.einsum("nijab,fab->nfij", win, K) + b[None, :, None, None]
        a = np.where(z > 0, z, 0)
        f = a.reshape(N, -1)
        o = f @ V
        loss = 0.5 * np.sum((o - Y) ** 2) / N
        go = (o - Y) / N
        gV = f.T @ go
        gz = (go @ V.T).reshape(z.shape) * (z > 0)
        gK = np.einsum("nijab,nfij->fab", win, gz)
        gb = gz.sum()  # bug: bias-sum gb
        K -= lr * gK
        b -= lr * gb
        V -= lr * gV
    return loss


def filter_1d(x, y, k, c, lr=0.05, epochs=4):
    """y is approximated by x convolved with k (np.convolve flips the kernel)."""
    for epoch in range(epochs):
        s = np.convolve(x, k, mode="valid") + c
        e = s - y
        loss = np.mean(e**2)
        de = 2 * e / e.size
        dk = np.correlate(x, de, mode="valid")  # bug: time-index dk
        dc = de.sum()
        k = k - lr * dk
        c = c - lr * dc
        print(loss)
    return k, c


def two_convs(x, y, k1, k2, lr=0.05, epochs=3):
    """Cross-correlation, ReLU, cross-correlation."""
    for epoch in range(epochs):
        z1 = np.correlate(x, k1, "valid")
        a1 = np.maximum(z1, 0)
        z2 = np.correlate(a1, k2, "valid")
        loss = 0.5 * np.sum((z2 - y) ** 2)
        d2 = z2 - y
        dk2 = np.correlate(a1, d2, "valid")
        da1 = np.convolve(d2, k2, "full")  # bug: mask da1
        dk1 = np.correlate(x, da1, "valid")  # bug: mask dk1
        k1 -= lr * dk1
        k2 -= lr * dk2
    return loss


def max_pool(X, Y, W, V, lr=0.02, epochs=3):
    """Convolution as a matrix product of windows, then 2-wide max pooling."""
    k = W.shape[0]
    N = len(X)
    for epoch in range(epochs):
        cols = np.stack([X[:, i : i + k] for i in range(X.shape[1] - k + 1)], axis=1)
        z = cols @ W
        n, t, f = z.shape
        blocks = z.reshape(n, t // 2, 2, f)
        pooled = blocks.max(axis=2)
        h = np.tanh(pooled).reshape(n, -1)
        out = h @ V
        loss = np.mean((out - Y) ** 2)
        dout = 2 * (out - Y) / out.size
        dV = h.T @ dout
        dpooled = ((dout @ V.T) * (1 - h**2)).reshape(pooled.shape)
        dblocks = np.zeros_like(blocks)
        arg = blocks.argmax(axis=2)[:, :, None, :]
        np.put_along_axis(dblocks, arg, dpooled[:, :, None, :], axis=2)
        dz = dblocks.reshape(z.shape)
        dW = np.tensordot(cols, dz, axes=([0, 1], [0, 1]))
        W -= lr * dW
        V -= lr * dV
        print(epoch, loss)


P = {"loss": "loss", "parameters": {"K": "lr", "b": "lr", "V": "lr"}, "loop": "for epoch"}
CASES = {
    "conv2d_loops": P,
    "kernel_overwritten": P | {"fix": 'dK += np.einsum("nf,nab->fab", dZ[:, :, i, j], X[:, i:i + k, j:j + k])'},
    "channel_bias_total": P | {"fix": "gb = gz.sum(axis=(0, 2, 3))"},
    "filter_1d": {
        "loss": "loss",
        "parameters": {"k": "lr", "c": "lr"},
        "fix": 'dk = np.correlate(x, de, mode="valid")[::-1]',
    },
    "two_convs": {
        "loss": "loss",
        "parameters": {"k1": "lr", "k2": "lr"},
        "fix": ['da1 = np.convolve(d2, k2, "full") * (z1 > 0)', 'dk1 = np.correlate(x, da1 * (z1 > 0), "valid")'],
    },
    "max_pool": {"loss": "loss", "parameters": {"W": "lr", "V": "lr"}},
}


def arguments(name):
    rng = np.random.default_rng(35)
    if name == "filter_1d":
        return rng.normal(size=12), rng.normal(size=9), rng.normal(size=4), 0.3
    if name == "two_convs":
        return rng.normal(size=14), rng.normal(size=9), rng.normal(size=4), rng.normal(size=3)
    if name == "max_pool":
        return rng.normal(size=(6, 9)), rng.normal(size=(6, 2)), rng.normal(size=(4, 3)), rng.normal(size=(9, 2))
    return (
        rng.normal(size=(5, 6, 7)),
        rng.normal(size=(5, 2)),
        rng.normal(size=(3, 3, 3)) / 2,
        rng.normal(size=3) / 2,
        rng.normal(size=(3 * 4 * 5, 2)) / 4,
    )
