"""Recurrent nets, unrolled by hand."""

import numpy as np


def sigmoid(v):
    return 1 / (1 + np.exp(-v))


def vanilla(xs, ys, Wx, Wh, b, Wy, lr=0.02, epochs=2):
    """A loss at each step; right."""
    T, D = xs.shape
    H = Wh.shape[0]
    for epoch in range(epochs):
        hs = {-1: np.zeros(H)}
        ps = {}
        loss = 0.0
        for t in range(T):
            hs[t] = np.tanh(xs[t] @ Wx + hs[t - 1] @ Wh + b)
            ps[t] = hs[t] @ Wy
            loss += 0.5 * np.sum((ps[t] - ys[t]) ** 2)
        dWx, dWh, db, dWy = np.zeros_like(Wx), np.zeros_like(Wh), np.zeros_like(b), np.zeros_like(Wy)
        dhnext = np.zeros(H)
        for t in reversed(range(T)):
            dy = ps[t] - ys[t]
            dWy += np.outer(hs[t], dy)
            dh = Wy @ dy + dhnext
            draw = (1 - hs[t] * hs[t]) * dh
            db += draw
            dWx += np.outer(xs[t], draw)
            dWh += np.outer(hs[t - 1], draw)
            dhnext = Wh @ draw
        for d in (dWx, dWh, db, dWy):
            np.clip(d, -5, 5, out=d)
        for param, grad in zip([Wx, Wh, b, Wy], [dWx, dWh, db, dWy]):
            param -= lr * grad
        print(epoch, loss)


def current_state_for_previous(xs, ys, Wx, Wh, b, Wy, lr=0.02, epochs=2):
    T = len(xs)
    H = Wh.shape[0]
    for epoch in range(epochs):
        h = np.zeros((T + 1, H))
        for t in range(T):
            h[t + 1] = np.tanh(xs[t] @ Wx + h[t] @ Wh + b)
        out = h[1:] @ Wy
        loss = np.sum((out - ys) ** 2) / T
        dout = 2 * (out - ys) / T
        dWy = h[1:].T @ dout
        dh_all = dout @ Wy.T
        dWx = np.zeros_like(Wx)
        dWh = np.zeros_like(Wh)
        db = np.zeros_like(b)
        dh_next = np.zeros(H)
        for t in range(T - 1, -1, -1):
            dz = (dh_all[t] + dh_next) * (1 - h[t + 1] ** 2)
            dWx += np.outer(xs[t], dz)
            dWh += np.outer(h[t + 1], dz)  # bug: time-index dWh
            db += dz
            dh_next = dz @ Wh.T
        Wx -= lr * dWx
        Wh -= lr * dWh
        b -= lr * db
        Wy -= lr * dWy
    return loss


def gradients_made_once(xs, ys, Wx, Wh, b, Wy, lr=0.02, epochs=3):
    T = len(xs)
    H = Wh.shape[0]
    gWx = np.zeros_like(Wx)  # bug: accumulate gWx
    gWh = np.zeros_like(Wh)
    gb = np.zeros_like(b)
    gWy = np.zeros_like(Wy)
    for epoch in range(epochs):
        gWh[...] = 0
        gb[...] = 0
        gWy[...] = 0
        h = [np.zeros(H)]
        loss = 0
        for t in range(T):
            h.append(np.tanh(xs[t] @ Wx + h[-1] @ Wh + b))
            loss = loss + np.sum((h[-1] @ Wy - ys[t]) ** 2)
        g = np.zeros(H)
        for t in range(T, 0, -1):
            e = 2 * (h[t] @ Wy - ys[t - 1])
            gWy += np.outer(h[t], e)
            g = (g + Wy @ e) * (1 - h[t] ** 2)
            gWx += np.outer(xs[t - 1], g)
            gWh += np.outer(h[t - 1], g)
            gb += g
            g = Wh @ g
        Wx -= lr * gWx
        Wh -= lr * gWh
        b -= lr * gb
        Wy -= lr * gWy
        print(epoch, loss)


def first_step_missed(xs, ys, Wx, Wh, b, Wy, lr=0.02, epochs=2):
    T = len(xs)
    H = Wh.shape[0]
    for epoch in range(epochs):
        states = [np.zeros(H)]
        for x in xs:
            states.append(np.tanh(x @ Wx + states[-1] @ Wh + b))
        last = states[-1] @ Wy
        loss = 0.5 * np.sum((last - ys[-1]) ** 2)
        dlast = last - ys[-1]
        dWy = np.outer(states[-1], dlast)
        dWx, dWh, db = np.zeros(Wx.shape), np.zeros(Wh.shape), np.zeros(b.shape)
        dh = Wy @ dlast
        for t in range(T - 1, 0, -1):  # bug: time-index dWx
            dpre = dh * (1 - states[t + 1] ** 2)
            dWx += np.outer(xs[t], dpre)
            dWh += np.outer(states[t], dpre)
            db += dpre
            dh = Wh @ dpre
        Wx = Wx - lr * dWx
        Wh = Wh - lr * dWh
        b = b - lr * db
        Wy = Wy - lr * dWy
    return loss


def output_term_forgotten(xs, ys, Wx, Wh, b, Wy, lr=0.02, epochs=2):
    """Batches of sequences: xs is (T, N, D)."""
    T, N, D = xs.shape
    H = Wh.shape[0]
    for epoch in range(epochs):
        h = np.zeros((T + 1, N, H))
        o = np.zeros((T, N, Wy.shape[1]))
        for t in range(T):
            h[t + 1] = np.tanh(xs[t] @ Wx + h[t] @ Wh + b)
            o[t] = h[t + 1] @ Wy
        loss = 0.5 * np.sum((o - ys) ** 2) / N
        dWx, dWh = np.zeros_like(Wx), np.zeros_like(Wh)
        db, dWy = np.zeros_like(b), np.zeros_like(Wy)
        dh = np.zeros((N, H))
        for t in reversed(range(T)):
            do = (o[t] - ys[t]) / N
            dWy += h[t + 1].T @ do
            dh = do @ Wy.T  # bug: fork dh
            da = dh * (1 - h[t + 1] ** 2)
            dWx += xs[t].T @ da
            dWh += h[t].T @ da
            db += da.sum(axis=0)
            dh = da @ Wh.T
        Wx -= lr * dWx
        Wh -= lr * dWh
        b -= lr * db
        Wy -= lr * dWy
        print(loss)


def update_gate(xs, y, Wz, Uz, Wc, Uc, v, lr=0.1, epochs=2):
    """h = z * c + (1 - z) * h_prev."""
    T, N, _ = xs.shape
    for epoch in range(epochs):
        h = [np.zeros((N, len(v)))]
        z, c = [], []
        for t in range(T):
            z.append(sigmoid(xs[t] @ Wz + h[t] @ Uz))
            c.append(np.tanh(xs[t] @ Wc + h[t] @ Uc))
            h.append(z[t] * c[t] + (1 - z[t]) * h[t])
        p = h[-1] @ v
        loss = np.mean((p - y) ** 2)
        dp = 2 * (p - y) / N
        dv = h[-1].T @ dp
        dh = np.outer(dp, v)
        dWz, dUz, dWc, dUc = [np.zeros_like(w) for w in (Wz, Uz, Wc, Uc)]
        for t in range(T - 1, -1, -1):
            dz = dh * (c[t] + h[t])  # bug: sign dz
            dc = dh * z[t]
            dza = dz * z[t] * (1 - z[t])
            dca = dc * (1 - c[t] ** 2)
            dWz += xs[t].T @ dza
            dUz += h[t].T @ dza
            dWc += xs[t].T @ dca
            dUc += h[t].T @ dca
            dh = dh * (1 - z[t]) + dza @ Uz.T + dca @ Uc.T
        Wz -= lr * dWz
        Uz -= lr * dUz
        Wc -= lr * dWc
        Uc -= lr * dUc
        v -= lr * dv
        print(epoch, loss)


def update_gate_right(xs, y, Wz, Uz, Wc, Uc, v, lr=0.1, epochs=2):
    T, N, _ = xs.shape
    for epoch in range(epochs):
        hprev = np.zeros((N, len(v)))
        tape = []
        for t in range(T):
            z = sigmoid(xs[t] @ Wz + hprev @ Uz)
            c = np.tanh(xs[t] @ Wc + hprev @ Uc)
            h = z * c + (1 - z) * hprev
            tape.append((xs[t], hprev, z, c))
            hprev = h
        loss = np.mean((hprev @ v - y) ** 2)
        dp = 2 * (hprev @ v - y) / N
        dv = hprev.T @ dp
        dh = dp[:, None] * v
        dWz = dUz = dWc = dUc = 0
        while tape:
            x, hp, z, c = tape.pop()
            dza = dh * (c - hp) * z * (1 - z)
            dca = dh * z * (1 - c * c)
            dWz = dWz + x.T @ dza
            dUz = dUz + hp.T @ dza
            dWc = dWc + x.T @ dca
            dUc = dUc + hp.T @ dca
            dh = dh * (1 - z) + dza @ Uz.T + dca @ Uc.T
        Wz, Uz, Wc, Uc = Wz - lr * dWz, Uz - lr * dUz, Wc - lr * dWc, Uc - lr * dUc
        v = v - lr * dv
    return loss


P = {"loss": "loss", "parameters": {p: "lr" for p in ("Wx", "Wh", "b", "Wy")}, "loop": "for epoch"}
G = {"loss": "loss", "parameters": {p: "lr" for p in ("Wz", "Uz", "Wc", "Uc", "v")}, "loop": "for epoch"}
CASES = {
    "vanilla": P,
    "current_state_for_previous": P | {"fix": "dWh += np.outer(h[t], dz)"},
    "gradients_made_once": P | {"fix": {"gWh[...] = 0": "gWh[...] = 0\ngWx[...] = 0"}},
    "first_step_missed": P | {"fix": "for t in range(T - 1, -1, -1):"},
    "output_term_forgotten": P | {"fix": "dh = dh + do @ Wy.T"},
    "update_gate": G | {"fix": "dz = dh * (c[t] - h[t])"},
    "update_gate_right": G,
}


def arguments(name):
    rng = np.random.default_rng(36)
    n = rng.normal
    T, N, D, H, K = 5, 4, 3, 6, 2
    if "gate" in name:
        return (
            n(size=(T, N, D)),
            n(size=N),
            n(size=(D, H)),
            n(size=(H, H)) / 2,
            n(size=(D, H)),
            n(size=(H, H)) / 2,
            n(size=H),
        )
    w = n(size=(D, H)) / 2, n(size=(H, H)) / 2, n(size=H) / 3, n(size=(H, K)) / 2
    if name == "output_term_forgotten":
        return n(size=(T, N, D)), n(size=(T, N, K)), *w
    return n(size=(T, D)), n(size=(T, K)), *w
