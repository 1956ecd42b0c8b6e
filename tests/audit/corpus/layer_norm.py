"""Layer normalisation, with and without a residual path."""

import numpy as np


def residual_block(x, t, w, g, b, lr=0.05, n_steps=3):
    """y = x + layer_norm(x w)."""
    for step in range(n_steps):
        a = x @ w
        mean = a.mean(-1, keepdims=True)
        var = a.var(-1, keepdims=True)
        rstd = 1 / np.sqrt(var + 1e-6)
        norm = (a - mean) * rstd
        y = x + g * norm + b
        loss = 0.5 * np.square(y - t).sum()

        dy = y - t
        dg = (dy * norm).sum(0)
        db = dy.sum(0)
        dnorm = dy * g
        da = dnorm - dnorm.mean(-1, keepdims=True) - norm * (dnorm * norm).mean(-1, keepdims=True)
        da *= rstd
        dw = x.T @ da
        w -= lr * dw
        g -= lr * dg
        b -= lr * db
        print(f"step {step}, loss {loss:.3f}")
    return w, g, b


def residual_block_no_mean(x, t, w, g, b, lr=0.05, n_steps=3):
    for step in range(n_steps):
        a = x @ w
        mean = a.mean(-1, keepdims=True)
        var = a.var(-1, keepdims=True)
        rstd = 1 / np.sqrt(var + 1e-6)
        norm = (a - mean) * rstd
        y = x + g * norm + b
        loss = 0.5 * np.square(y - t).sum()

        dy = y - t
        dg = (dy * norm).sum(0)
        db = dy.sum(0)
        dnorm = dy * g
        da = dnorm - norm * (dnorm * norm).mean(-1, keepdims=True)  # bug: batch-statistics da
        da *= rstd
        dw = x.T @ da
        w -= lr * dw
        g -= lr * dg
        b -= lr * db
        print(f"step {step}, loss {loss:.3f}")
    return w, g, b


def two_blocks(x, t, w1, w2, v, lr=0.05):
    """The second block adds its input: that input has two readers."""
    eps = 1e-6
    for _ in range(3):
        h = np.tanh(x @ w1)
        a = h @ w2
        m, s = a.mean(1, keepdims=True), np.sqrt(a.var(1, keepdims=True) + eps)
        n = (a - m) / s
        y = h + n
        out = y @ v
        L = ((out - t) ** 2).mean()

        g_out = 2 * (out - t) / t.size
        g_v = y.T @ g_out
        g_y = g_out @ v.T
        g_a = (g_y - g_y.mean(1, keepdims=True) - n * (g_y * n).mean(1, keepdims=True)) / s
        g_w2 = h.T @ g_a
        g_h = g_y
        g_h = g_a @ w2.T  # bug: fork g_h
        g_w1 = x.T @ (g_h * (1 - h**2))
        v = v - lr * g_v
        w2 = w2 - lr * g_w2
        w1 = w1 - lr * g_w1
    return L


def two_blocks_twice(x, t, w1, w2, v, lr=0.05):
    eps = 1e-6
    for _ in range(3):
        h = np.tanh(x @ w1)
        a = h @ w2
        m, s = a.mean(1, keepdims=True), np.sqrt(a.var(1, keepdims=True) + eps)
        n = (a - m) / s
        y = h + n
        out = y @ v
        L = ((out - t) ** 2).mean()

        g_out = 2 * (out - t) / t.size
        g_v = y.T @ g_out
        g_y = g_out @ v.T
        g_a = (g_y - g_y.mean(1, keepdims=True) - n * (g_y * n).mean(1, keepdims=True)) / s
        g_w2 = h.T @ g_a
        g_h = g_a @ w2.T + g_y  # bug: fork g_h
        g_h += g_y  # bug: fork g_h
        g_w1 = x.T @ (g_h * (1 - h**2))
        v = v - lr * g_v
        w2 = w2 - lr * g_w2
        w1 = w1 - lr * g_w1
    return L


def unbiased(x, t, w, gain, lr=0.05):
    """Divides by the sample standard deviation."""
    D = w.shape[1]
    losses = []
    for _ in range(3):
        a = x @ w
        c = a - a.mean(axis=1, keepdims=True)
        s = np.sqrt((c**2).sum(axis=1, keepdims=True) / (D - 1))
        n = c / s
        y = gain * n
        losses.append(0.5 * ((y - t) ** 2).sum())
        dy = y - t
        dgain = np.einsum("ij,ij->j", dy, n)
        dn = dy * gain
        dc = dn / s - n * np.einsum("ij,ij->i", dn, n)[:, None] / (s * D)  # bug: bessel dc
        da = dc - dc.mean(axis=1, keepdims=True)
        dw = np.einsum("ni,nj->ij", x, da)
        w -= lr * dw
        gain -= lr * dgain
    return losses


def rms_norm(x, t, w, gain, lr=0.05):
    losses = []
    for _ in range(3):
        a = x @ w
        ms = (a**2).mean(axis=1, keepdims=True)
        r = 1 / np.sqrt(ms + 1e-6)
        n = a * r
        y = gain * n
        losses.append(0.5 * ((y - t) ** 2).sum())
        dy = y - t
        dgain = np.einsum("ij,ij->j", dy, n)
        dn = dy * gain
        da = dn * r - n * r * (dn * n).mean(axis=1, keepdims=True)
        w -= lr * np.einsum("ni,nj->ij", x, da)
        gain -= lr * dgain
    return losses


def rms_norm_constant_scale(x, t, w, gain, lr=0.05):
    losses = []
    for _ in range(3):
        a = x @ w
        ms = (a**2).mean(axis=1, keepdims=True)
        r = 1 / np.sqrt(ms + 1e-6)
        n = a * r
        y = gain * n
        losses.append(0.5 * ((y - t) ** 2).sum())
        dy = y - t
        dgain = np.einsum("ij,ij->j", dy, n)
        dn = dy * gain
        da = dn * r  # bug: batch-statistics da
        w -= lr * np.einsum("ni,nj->ij", x, da)
        gain -= lr * dgain
    return losses


def wrong_axis(x, t, w, g, b, lr=0.05):
    """The batch is as large as the layer is wide."""
    for step in range(3):
        a = x @ w
        mean = a.mean(-1, keepdims=True)
        rstd = 1 / np.sqrt(a.var(-1, keepdims=True) + 1e-6)
        norm = (a - mean) * rstd
        y = np.tanh(g * norm + b)
        loss = 0.5 * np.square(y - t).sum()
        dy = (y - t) * (1 - y**2)
        dg = (dy * norm).sum(axis=0)
        db = dy.sum(axis=1)  # bug: bias-sum db
        dnorm = dy * g
        da = rstd * (dnorm - dnorm.mean(-1, keepdims=True) - norm * (dnorm * norm).mean(-1, keepdims=True))
        w -= lr * x.T @ da
        g -= lr * dg
        b -= lr * db
    print(loss)
    return w, g, b


def rmsprop(x, t, w, g, b, lr=0.01, rho=0.9):
    state = [np.zeros_like(p) for p in (w, g, b)]
    for step in range(3):
        a = x @ w
        mean = a.mean(-1, keepdims=True)
        rstd = 1 / np.sqrt(a.var(-1, keepdims=True) + 1e-6)
        norm = (a - mean) * rstd
        y = np.tanh(g * norm + b)
        loss = 0.5 * np.square(y - t).sum()
        dy = (y - t) * (1 - y**2)
        dg, db = (dy * norm).sum(axis=0), dy.sum(axis=0)
        dnorm = dy * g
        da = rstd * (dnorm - dnorm.mean(-1, keepdims=True) - norm * (dnorm * norm).mean(-1, keepdims=True))
        dw = x.T @ da
        for s, p, dp in zip(state, (w, g, b), (dw, dg, db)):
            s *= rho
            s += (1 - rho) * dp**2
            p -= lr * dp / (np.sqrt(s) + 1e-8)
    print(loss)
    return w, g, b


WGB = {"loss": "loss", "parameters": {"w": "lr", "g": "lr", "b": "lr"}}
TWO = {"loss": "L", "parameters": {"w1": "lr", "w2": "lr", "v": "lr"}}
GAIN = {"loss": "losses[-1]", "parameters": {"w": "lr", "gain": "lr"}}
CASES = {
    "residual_block": WGB,
    "residual_block_no_mean": WGB
    | {"fix": "da = dnorm - dnorm.mean(-1, keepdims=True) - norm * (dnorm * norm).mean(-1, keepdims=True)"},
    "two_blocks": TWO | {"fix": "g_h = g_h + g_a @ w2.T"},
    "two_blocks_twice": TWO | {"fix": ["g_h = g_a @ w2.T", "g_h += 0"]},
    "unbiased": GAIN | {"fix": "dc = dn / s - n * np.einsum('ij,ij->i', dn, n)[:, None] / (s * (D - 1))"},
    "rms_norm": GAIN,
    "rms_norm_constant_scale": GAIN | {"fix": "da = dn * r - n * r * (dn * n).mean(axis=1, keepdims=True)"},
    "wrong_axis": WGB | {"fix": "db = dy.sum(axis=0)"},
    "rmsprop": {"loss": "loss", "parameters": {"w": "=dw", "g": "=dg", "b": "=db"}},
}


def arguments(name):
    rng = np.random.default_rng(5)
    n, d = 7, 6
    x = rng.standard_normal((n, d))
    if name.startswith("two_blocks"):
        h, k = 5, 3
        w = rng.standard_normal((d, h)) / 2, rng.standard_normal((h, h)) / 2, rng.standard_normal((h, k))
        return x, rng.standard_normal((n, k)), *w
    wide = n if name in ("wrong_axis",) else d if name.startswith("residual") else 5
    w, gain = rng.standard_normal((d, wide)), rng.uniform(0.5, 1.5, wide)
    b = rng.standard_normal(wide) / 3
    t = rng.standard_normal((n, wide))
    return (x, t, w, gain) if name in ("unbiased", "rms_norm", "rms_norm_constant_scale") else (x, t, w, gain, b)
