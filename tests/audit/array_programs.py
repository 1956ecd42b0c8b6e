# ruff: noqa  # programs as people write them
"""Right training programs that write through views and in place, and step as optimisers do."""

import numpy as np


def views(x, y, w, lr=0.01):
    theta = np.concatenate([w.ravel(), np.zeros(y.shape[1])])
    n = w.size
    W = theta[:n].reshape(w.shape)
    b = theta[n:]
    for _i in range(3):
        e = x @ W + b - y
        0.5 * np.sum(e**2)
        g = np.concatenate([(x.T @ e).ravel(), e.sum(0)])
        theta -= lr * g
    return theta, W, b


def viewupd(x, y, w, lr=0.01):
    theta = np.concatenate([w.ravel(), np.zeros(y.shape[1])])
    n = w.size
    W = theta[:n].reshape(w.shape)
    b = theta[n:]
    for _i in range(3):
        e = x @ W + b - y
        0.5 * np.sum(e**2)
        W -= lr * x.T @ e
        b -= lr * e.sum(0)
    return theta, W, b


def out_arg(x, y, w, lr=0.01):
    z = np.empty((len(x), y.shape[1]))
    g = np.empty_like(w)
    for _i in range(3):
        np.dot(x, w, out=z)
        z -= y
        0.5 * np.sum(z**2)
        np.matmul(x.T, z, out=g)
        np.multiply(g, lr, out=g)
        np.subtract(w, g, out=w)
    return w


def earlystop(x, y, w, lr=0.01):
    best, bw = np.inf, None
    val = x[:3], y[:3]
    for i in range(6):
        e = x @ w - y
        loss = np.mean(e**2)
        w = w - lr * 2 * x.T @ e / e.size
        vl = np.mean((val[0] @ w - val[1]) ** 2)
        if vl < best:
            best, bw = vl, w.copy()
        else:
            break
        if i % 2 == 0:
            print("epoch", i, f"loss {loss:.4f} val {vl:.4f}")
    return bw, best


def float32(x, y, w):
    x, y, w = (a.astype("float32") for a in (x, y, w))
    for _i in range(3):
        e = x @ w - y
        np.square(e).sum()
        w -= np.float32(0.01) * 2 * (x.T @ e)
    return w, w.dtype


def adam(x, y, w, lr=0.01, b1=0.9, b2=0.999, eps=1e-8):
    m = np.zeros_like(w)
    v = np.zeros_like(w)
    for t in range(1, 5):
        e = x @ w - y
        np.mean(e**2)
        g = 2 * x.T @ e / e.size
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g * g
        mh = m / (1 - b1**t)
        vh = v / (1 - b2**t)
        w -= lr * mh / (np.sqrt(vh) + eps)
    return w


def adam_inplace(x, y, w, lr=0.01):
    params = {"w": w, "b": np.zeros(y.shape[1])}
    m = {k: np.zeros_like(p) for k, p in params.items()}
    v = {k: np.zeros_like(p) for k, p in params.items()}
    for t in range(1, 5):
        e = x @ params["w"] + params["b"] - y
        np.mean(e**2)
        d = 2 * e / e.size
        g = {"w": x.T @ d, "b": d.sum(0)}
        for k in params:
            m[k] *= 0.9
            m[k] += 0.1 * g[k]
            v[k] *= 0.999
            v[k] += 0.001 * g[k] ** 2
            params[k] -= lr * (m[k] / (1 - 0.9**t)) / (np.sqrt(v[k] / (1 - 0.999**t)) + 1e-8)
    return params


def rmsprop(x, y, w, lr=0.01):
    c = np.zeros_like(w)
    for _t in range(3):
        e = x @ w - y
        np.mean(e**2)
        g = 2 * x.T @ e / e.size
        c = 0.9 * c + 0.1 * g**2
        w += -lr * g / (np.sqrt(c) + 1e-8)
    return w


def adagrad(x, y, w, lr=0.1):
    c = np.zeros_like(w)
    for _t in range(3):
        e = x @ w - y
        np.mean(e**2)
        g = 2 * x.T @ e / e.size
        c += g**2
        w -= lr * g / np.sqrt(c + 1e-8)
    return w


def clipnorm(x, y, w, lr=0.1):
    for _t in range(3):
        e = x @ w - y
        np.sum(e**2)
        g = 2 * x.T @ e
        nrm = np.linalg.norm(g)
        if nrm > 1:
            g *= 1 / nrm
        w -= lr * g
    return w


def clipval(x, y, w, lr=0.1):
    for _t in range(3):
        e = x @ w - y
        np.sum(e**2)
        g = 2 * x.T @ e
        np.clip(g, -1, 1, out=g)
        w -= lr * g
    return w


def lr_schedule(x, y, w, lr=0.1, decay=0.5):
    for t in range(3):
        e = x @ w - y
        np.sum(e**2)
        w -= lr / (1 + decay * t) * (2 * x.T @ e)
        lr *= 0.9
    return w


def gradcheck_inside(x, y, w, lr=0.01):
    def f(w):
        return np.sum((x @ w - y) ** 2)

    for _t in range(2):
        e = x @ w - y
        np.sum(e**2)
        g = 2 * x.T @ e
        num = np.zeros_like(w)
        for i in np.ndindex(*w.shape):
            old = w[i]
            w[i] = old + 1e-5
            a = f(w)
            w[i] = old - 1e-5
            b = f(w)
            w[i] = old
            num[i] = (a - b) / 2e-5
        print(np.abs(num - g).max() < 1e-4)
        w -= lr * g
    return w


def micro(x, y, w, lr=0.01):
    acc = np.zeros_like(w)
    for i in range(6):
        xb, yb = x[i : i + 2], y[i : i + 2]
        e = xb @ w - yb
        np.sum(e**2)
        acc += 2 * xb.T @ e
        if (i + 1) % 3 == 0:
            w -= lr * acc / 3
            acc[...] = 0
    return w


PROGRAMS = [
    views,
    viewupd,
    out_arg,
    earlystop,
    float32,
    adam,
    adam_inplace,
    rmsprop,
    adagrad,
    clipnorm,
    clipval,
    lr_schedule,
    gradcheck_inside,
    micro,
]
