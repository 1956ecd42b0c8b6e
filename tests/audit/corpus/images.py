"""Small pictures: strides, padding, depth-wise filters, instance norm, dropped channels."""

import numpy as np


def pad(img, p):
    return np.pad(img, ((0, 0), (0, 0), (p, p), (p, p)))


def strided(img, target, F, beta, lr=0.05, stride=2):
    """img (N, C, H, W), F (K, C, 3, 3); padding one."""
    N, C, H, W = img.shape
    K = F.shape[0]
    xp = pad(img, 1)
    Ho, Wo = (H - 1) // stride + 1, (W - 1) // stride + 1
    for epoch in range(2):
        out = np.empty((N, K, Ho, Wo))
        for i in range(Ho):
            for j in range(Wo):
                patch = xp[:, :, i * stride : i * stride + 3, j * stride : j * stride + 3]
                out[:, :, i, j] = np.tensordot(patch, F, axes=([1, 2, 3], [1, 2, 3])) + beta
        act = np.where(out > 0, out, np.expm1(np.minimum(out, 0)))
        loss = np.square(act - target).sum() / N
        d = 2 * (act - target) / N
        d = d * np.where(out > 0, 1, act + 1)
        dF = np.zeros_like(F)
        for i in range(Ho):
            for j in range(Wo):
                patch = xp[:, :, i * stride : i * stride + 3, j * stride : j * stride + 3]
                dF += np.tensordot(d[:, :, i, j], patch, axes=(0, 0))
        dbeta = d.sum(axis=(0, 2, 3))
        F -= lr * dF
        beta -= lr * dbeta
        print("loss", loss)
    return F, beta


def strided_bias(img, target, F, beta, lr=0.05, stride=2):
    """Here the picture is as tall as there are filters."""
    N, C, H, W = img.shape
    K = F.shape[0]
    xp = pad(img, 1)
    Ho, Wo = (H - 1) // stride + 1, (W - 1) // stride + 1
    for epoch in range(2):
        out = np.empty((N, K, Ho, Wo))
        for i in range(Ho):
            for j in range(Wo):
                patch = xp[:, :, i * stride : i * stride + 3, j * stride : j * stride + 3]
                out[:, :, i, j] = np.tensordot(patch, F, axes=([1, 2, 3], [1, 2, 3])) + beta
        act = np.where(out > 0, out, np.expm1(np.minimum(out, 0)))
        loss = np.square(act - target).sum() / N
        d = 2 * (act - target) / N
        d = d * np.where(out > 0, 1, act + 1)
        dF = np.zeros_like(F)
        for i in range(Ho):
            for j in range(Wo):
                patch = xp[:, :, i * stride : i * stride + 3, j * stride : j * stride + 3]
                dF += np.tensordot(d[:, :, i, j], patch, axes=(0, 0))
        dbeta = d.sum(axis=(0, 1, 3))  # bug: bias-sum dbeta
        F -= lr * dF
        beta -= lr * dbeta
        print("loss", loss)
    return F, beta


def depthwise(x, t, k, m, lr=0.05):
    """A filter a channel over (N, C, L), then a 1x1 mix m (C, K), then the mean over positions."""
    for it in range(3):
        view = np.lib.stride_tricks.sliding_window_view(x, k.shape[1], axis=2)
        z = np.einsum("nclw,cw->ncl", view, k)
        s = np.sin(z)
        y = np.einsum("ncl,ck->nkl", s, m)
        p = y.mean(axis=2)
        loss = 0.5 * np.sum((p - t) ** 2)
        gp = p - t
        gy = np.repeat(gp[:, :, None], y.shape[2], axis=2) / x.shape[2]  # bug: mean-sum gy
        gm = np.einsum("ncl,nkl->ck", s, gy)
        gs = np.einsum("nkl,ck->ncl", gy, m)
        gk = np.einsum("nclw,ncl->cw", view, gs * np.cos(z))
        k = k - lr * gk
        m = m - lr * gm
        print(loss)
    return k, m


def instance_norm(x, t, k, g, lr=0.02):
    """Every channel of every example is standardised over its positions; k mixes channels before."""
    for it in range(3):
        z = np.einsum("ncl,ck->nkl", x, k)
        mean = z.mean(axis=2, keepdims=True)
        std = np.sqrt(z.var(axis=2, keepdims=True) + 1e-5)
        u = (z - mean) / std
        y = np.tanh(u * g[None, :, None])
        loss = 0.5 * ((y - t) ** 2).sum()
        dy = (y - t) * (1 - y**2)
        dg = (dy * u).sum(axis=(0, 2))
        du = dy * g[None, :, None]
        dz = (du - u * (du * u).mean(axis=2, keepdims=True)) / std  # bug: batch-statistics dz
        dk = np.einsum("ncl,nkl->ck", x, dz)
        k -= lr * dk
        g -= lr * dg
    return loss, k, g


def instance_norm_sample(x, t, k, g, lr=0.02):
    for it in range(3):
        z = np.einsum("ncl,ck->nkl", x, k)
        L = z.shape[2]
        mean = z.mean(axis=2, keepdims=True)
        std = z.std(axis=2, keepdims=True, ddof=1)
        u = (z - mean) / std
        y = np.tanh(u * g[None, :, None])
        loss = 0.5 * ((y - t) ** 2).sum()
        dy = (y - t) * (1 - y**2)
        dg = (dy * u).sum(axis=(0, 2))
        du = dy * g[None, :, None]
        dstd = -(du * u).sum(axis=2, keepdims=True) / std
        dz = (du - du.mean(axis=2, keepdims=True)) / std
        dz += dstd * u / L  # bug: bessel dz
        dk = np.einsum("ncl,nkl->ck", x, dz)
        k -= lr * dk
        g -= lr * dg
    return loss, k, g


def dropped_channels(x, t, k, w, p=0.5, lr=0.05, seed=9):
    """Whole channels are dropped at training time."""
    gen = np.random.Generator(np.random.PCG64(seed))
    for it in range(3):
        z = np.einsum("ncl,ck->nkl", x, k)
        a = np.logaddexp(0, z)
        drop = gen.random((z.shape[0], z.shape[1], 1)) < p
        a_kept = np.where(drop, 0, a / (1 - p))
        y = a_kept.mean(axis=2) @ w
        loss = 0.5 * np.mean((y - t) ** 2)
        dy = (y - t) / len(t)
        dw = a_kept.mean(axis=2).T @ dy
        da = np.multiply.outer(dy, w)[:, :, None] * np.ones_like(a) / a.shape[2]
        da = da * ~drop  # bug: dropout-scale da
        dz = da / (1 + np.exp(-z))
        dk = np.einsum("ncl,nkl->ck", x, dz)
        k -= lr * dk
        w -= lr * dw
        print(it, loss)
    return k, w


FB = {"loss": "loss", "parameters": {"F": "lr", "beta": "lr"}, "loop": "for epoch"}
KG = {"loss": "loss", "parameters": {"k": "lr", "g": "lr"}}
CASES = {
    "strided": FB,
    "strided_bias": FB | {"fix": "dbeta = d.sum(axis=(0, 2, 3))"},
    "depthwise": {
        "loss": "loss",
        "parameters": {"k": "lr", "m": "lr"},
        "fix": "gy = np.repeat(gp[:, :, None], y.shape[2], axis=2) / y.shape[2]",
    },
    "instance_norm": KG
    | {"fix": "dz = (du - du.mean(axis=2, keepdims=True) - u * (du * u).mean(axis=2, keepdims=True)) / std"},
    "instance_norm_sample": KG | {"fix": "dz += dstd * u / (L - 1)"},
    "dropped_channels": {"loss": "loss", "parameters": {"k": "lr", "w": "lr"}, "fix": "da = da * ~drop / (1 - p)"},
}


def arguments(name):
    rng = np.random.default_rng(104)
    if name == "strided":
        return (
            rng.standard_normal((2, 3, 6, 5)),
            rng.standard_normal((2, 4, 3, 3)),
            rng.standard_normal((4, 3, 3, 3)) / 3,
            np.zeros(4),
        )
    if name == "strided_bias":
        return (
            rng.standard_normal((2, 2, 6, 7)),
            rng.standard_normal((2, 3, 3, 4)),
            rng.standard_normal((3, 2, 3, 3)) / 3,
            np.zeros(3),
        )
    N, C, L, K = 4, 3, 8, 5
    x, k = rng.standard_normal((N, C, L)), rng.standard_normal((C, K))
    if name == "depthwise":
        return x, rng.standard_normal((N, K)), rng.standard_normal((C, 3)), k
    if name == "dropped_channels":
        return x, rng.standard_normal(N), k, rng.standard_normal(K)
    return x, rng.standard_normal((N, K, L)), k, rng.uniform(0.5, 1.5, K)
