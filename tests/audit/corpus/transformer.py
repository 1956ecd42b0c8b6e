"""A pre-norm transformer block with several heads, and pieces of one."""

import numpy as np

EPS = 1e-5


def norm_forward(x, gain, shift):
    mu = np.mean(x, axis=-1, keepdims=True)
    sigma = np.sqrt(np.var(x, axis=-1, keepdims=True) + EPS)
    xn = (x - mu) / sigma
    return gain * xn + shift, (xn, sigma, gain)


def norm_backward(dy, saved):
    xn, sigma, gain = saved
    dgain = (dy * xn).reshape(-1, xn.shape[-1]).sum(axis=0)
    dshift = dy.reshape(-1, xn.shape[-1]).sum(axis=0)
    dxn = dy * gain
    dx = dxn - np.mean(dxn, axis=-1, keepdims=True) - xn * np.mean(dxn * xn, axis=-1, keepdims=True)
    return dx / sigma, dgain, dshift


def norm_backward_short(dy, saved):
    xn, sigma, gain = saved
    dgain = (dy * xn).reshape(-1, xn.shape[-1]).sum(axis=0)
    dshift = dy.reshape(-1, xn.shape[-1]).sum(axis=0)
    dxn = dy * gain
    dx = dxn - np.mean(dxn, axis=-1, keepdims=True)  # bug: batch-statistics dx in block_short_norm
    return dx / sigma, dgain, dshift


def swish(x):
    return x / (1 + np.exp(-x))


def swish_slope(x):
    s = 1 / (1 + np.exp(-x))
    return s + x * s * (1 - s)


def swish_slope_short(x):
    s = 1 / (1 + np.exp(-x))
    return s * (1 - s)  # bug: activation slope in block_slope


def block(x, y, P, heads=2, lr=0.02):
    B, T, D = x.shape
    hd = D // heads
    for step in range(2):
        n1, saved1 = norm_forward(x, P["g1"], P["s1"])
        qkv = (n1 @ P["qkv"]).reshape(B, T, 3, heads, hd)
        q, k, v = (qkv[:, :, i].transpose(0, 2, 1, 3) for i in range(3))
        att = q @ k.swapaxes(-1, -2) / np.sqrt(hd)
        att = np.exp(att - att.max(-1, keepdims=True))
        att /= att.sum(-1, keepdims=True)
        mix = (att @ v).transpose(0, 2, 1, 3).reshape(B, T, D)
        x1 = x + mix @ P["proj"]
        n2, saved2 = norm_forward(x1, P["g2"], P["s2"])
        u = n2 @ P["up"]
        a = swish(u)
        out = x1 + a @ P["down"]
        loss = 0.5 * np.mean((out - y) ** 2)

        G = {}
        dout = (out - y) / out.size
        G["down"] = np.einsum("bth,btd->hd", a, dout)
        du = dout @ P["down"].T * swish_slope(u)
        G["up"] = np.einsum("btd,bth->dh", n2, du)
        dx1, G["g2"], G["s2"] = norm_backward(du @ P["up"].T, saved2)
        dx1 += dout
        G["proj"] = np.einsum("bti,btj->ij", mix, dx1)
        dmix = (dx1 @ P["proj"].T).reshape(B, T, heads, hd).transpose(0, 2, 1, 3)
        datt = dmix @ v.swapaxes(-1, -2)
        dv = att.swapaxes(-1, -2) @ dmix
        ds = att * (datt - (datt * att).sum(-1, keepdims=True)) / np.sqrt(hd)
        dq, dk = ds @ k, ds.swapaxes(-1, -2) @ q
        dqkv = np.stack([m.transpose(0, 2, 1, 3) for m in (dq, dk, dv)], axis=2).reshape(B, T, 3 * D)
        G["qkv"] = np.einsum("bti,btj->ij", n1, dqkv)
        _, G["g1"], G["s1"] = norm_backward(dqkv @ P["qkv"].T, saved1)
        for name in P:
            P[name] -= lr * G[name]
        print(step, loss)
    return P


def block_short_norm(x, y, P, lr=0.02):
    """Feed-forward half of the block, twice."""
    for step in range(2):
        n1, saved1 = norm_forward(x @ P["in"], P["g1"], P["s1"])
        u = n1 @ P["up"]
        a = swish(u)
        out = a @ P["down"]
        loss = 0.5 * np.mean((out - y) ** 2)
        G = {}
        dout = (out - y) / out.size
        G["down"] = np.einsum("bth,btd->hd", a, dout)
        du = dout @ P["down"].T * swish_slope(u)
        G["up"] = np.einsum("btd,bth->dh", n1, du)
        dn, G["g1"], G["s1"] = norm_backward_short(du @ P["up"].T, saved1)
        G["in"] = np.einsum("bti,btj->ij", x, dn)
        for name in P:
            P[name] -= lr * G[name]
        print(step, loss)
    return P


def block_slope(x, y, P, lr=0.02):
    for step in range(2):
        n1, saved1 = norm_forward(x @ P["in"], P["g1"], P["s1"])
        u = n1 @ P["up"]
        a = swish(u)
        out = a @ P["down"]
        loss = 0.5 * np.mean((out - y) ** 2)
        G = {}
        dout = (out - y) / out.size
        G["down"] = np.einsum("bth,btd->hd", a, dout)
        du = dout @ P["down"].T * swish_slope_short(u)
        G["up"] = np.einsum("btd,bth->dh", n1, du)
        dn, G["g1"], G["s1"] = norm_backward(du @ P["up"].T, saved1)
        G["in"] = np.einsum("bti,btj->ij", x, dn)
        for name in P:
            P[name] -= lr * G[name]
        print(step, loss)
    return P


def block_unnormed(x, y, P, lr=0.02):
    for step in range(2):
        e = x @ P["in"]
        n1, saved1 = norm_forward(e, P["g1"], P["s1"])
        u = e @ P["up"]  # bug: forward u
        a = swish(u)
        out = a @ P["down"]
        loss = 0.5 * np.mean((out - y) ** 2)
        G = {}
        dout = (out - y) / out.size
        G["down"] = np.einsum("bth,btd->hd", a, dout)
        du = dout @ P["down"].T * swish_slope(u)
        G["up"] = np.einsum("btd,bth->dh", n1, du)
        dn, G["g1"], G["s1"] = norm_backward(du @ P["up"].T, saved1)
        G["in"] = np.einsum("bti,btj->ij", x, dn)
        for name in P:
            P[name] -= lr * G[name]
        print(step, loss)
    return P


def gated(x, y, A, B, a0, b0, C, lr=0.1):
    """A gated linear unit: (xA + a0) * sigmoid(xB + b0)."""
    for i in range(3):
        left = x @ A + a0
        gate = 1 / (1 + np.exp(-(x @ B + b0)))
        glu = left * gate
        out = glu @ C
        loss = ((out - y) ** 2).sum(-1).mean()
        g = 2 * (out - y) / len(x)
        gC = glu.T @ g
        gg = g @ C.T
        gleft = gg * gate
        ggate = gg * left * gate * (1 - gate)
        gA, gB = x.T @ gleft, x.T @ ggate
        A -= lr * gA
        B -= lr * gB
        C -= lr * gC
        a0 -= lr * gleft.sum(0)
        a0 -= lr * ggate.sum(0)  # bug: wrong-parameter b0
    return loss


def gated_left(x, y, A, B, a0, b0, C, lr=0.1):
    for i in range(3):
        left = x @ A + a0
        gate = 1 / (1 + np.exp(-(x @ B + b0)))
        glu = left * gate
        out = glu @ C
        loss = ((out - y) ** 2).sum(-1).mean()
        g = 2 * (out - y) / len(x)
        gC = glu.T @ g
        gg = g @ C.T
        gleft = gg  # bug: activation|fork|wrong-operand|mask gleft
        ggate = gg * left * gate * (1 - gate)
        gA, gB = x.T @ gleft, x.T @ ggate
        A -= lr * gA
        B -= lr * gB
        C -= lr * gC
        a0 -= lr * gleft.sum(0)
        b0 -= lr * ggate.sum(0)
    return loss


HALF = {"loss": "loss", "parameters": {f"P['{k}']": "lr" for k in ("in", "g1", "s1", "up", "down")}}
FULL = {
    "loss": "loss",
    "parameters": {f"P['{k}']": "lr" for k in ("g1", "s1", "qkv", "proj", "g2", "s2", "up", "down")},
}
GLU = {"loss": "loss", "parameters": dict.fromkeys(("A", "B", "a0", "b0", "C"), "lr")}
CASES = {
    "block": FULL,
    "block_short_norm": HALF
    | {
        "fix": {
            "dn, G": 'dn, G["g1"], G["s1"] = norm_backward(du @ P["up"].T, saved1)',
        }
    },
    "block_slope": HALF | {"fix": "return s + x * s * (1 - s)"},
    "block_unnormed": HALF | {"fix": 'u = n1 @ P["up"]'},
    "gated": GLU | {"fix": "b0 -= lr * ggate.sum(0)"},
    "gated_left": GLU | {"fix": "gleft = gg * gate"},
}


def arguments(name):
    rng = np.random.default_rng(103)
    B, T, D, H = 3, 5, 4, 6
    x, y = rng.standard_normal((2, B, T, D))
    if name == "block":
        shapes = {"qkv": (D, 3 * D), "proj": (D, D), "up": (D, H), "down": (H, D)}
        P = {k: rng.standard_normal(s) / 2 for k, s in shapes.items()}
        return x, y, P | {k: rng.uniform(0.5, 1.5, D) for k in ("g1", "s1", "g2", "s2")}
    if name.startswith("block"):
        W = 7
        P = {k: rng.standard_normal(s) / 2 for k, s in {"in": (D, W), "up": (W, H), "down": (H, D)}.items()}
        return x, y, P | {k: rng.uniform(0.5, 1.5, W) for k in ("g1", "s1")}
    n = 8
    ab = *rng.standard_normal((2, D, H)), *rng.standard_normal((2, H))
    return rng.standard_normal((n, D)), rng.standard_normal((n, 3)), *ab, rng.standard_normal((H, 3)) / 2
