"""Gated recurrence: LSTM cells and a GRU."""

import numpy as np


def sigmoid(v):
    return 1 / (1 + np.exp(-v))


def lstm_forward(X, W, b, H):
    """X (T, N, D), W (D + H, 4 H), gates in the order i, f, o, g."""
    T, N, _ = X.shape
    h, c = np.zeros((N, H)), np.zeros((N, H))
    steps = []
    for t in range(T):
        z = np.concatenate([X[t], h], axis=1)
        a = z @ W + b
        i, f, o = sigmoid(a[:, :H]), sigmoid(a[:, H : 2 * H]), sigmoid(a[:, 2 * H : 3 * H])
        g = np.tanh(a[:, 3 * H :])
        c_prev = c
        c = f * c_prev + i * g
        h = o * np.tanh(c)
        steps.append((z, i, f, o, g, c_prev, c))
    return h, steps


def lstm_backward(dh, steps, W, H):
    dW, db = np.zeros_like(W), np.zeros(4 * H)
    dc = np.zeros_like(dh)
    for z, i, f, o, g, c_prev, c in reversed(steps):
        tc = np.tanh(c)
        dc = dc + dh * o * (1 - tc**2)
        da = np.hstack([dc * g * i * (1 - i), dc * c_prev * f * (1 - f), dh * tc * o * (1 - o), dc * i * (1 - g**2)])
        dW += z.T @ da
        db += da.sum(axis=0)
        dh = (da @ W.T)[:, -H:]
        dc = dc * f
    return dW, db


def lstm_backward_overwriting(dh, steps, W, H):
    dW, db = np.zeros_like(W), np.zeros(4 * H)
    dc = np.zeros_like(dh)
    for z, i, f, o, g, c_prev, c in reversed(steps):
        tc = np.tanh(c)
        dc = dh * o * (1 - tc**2)  # bug: fork dc in cell_state_overwritten
        da = np.hstack([dc * g * i * (1 - i), dc * c_prev * f * (1 - f), dh * tc * o * (1 - o), dc * i * (1 - g**2)])
        dW += z.T @ da
        db += da.sum(axis=0)
        dh = (da @ W.T)[:, -H:]
        dc = dc * f
    return dW, db


def helpers(X, y, W, b, Wy, lr=0.1, epochs=2):
    H = Wy.shape[0]
    for epoch in range(epochs):
        h, steps = lstm_forward(X, W, b, H)
        e = h @ Wy - y
        loss = 0.5 * np.sum(e * e) / len(y)
        de = e / len(y)
        dWy = h.T @ de
        dW, db = lstm_backward(np.outer(de, Wy), steps, W, H)
        for p, dp in zip((W, b, Wy), (dW, db, dWy)):
            p -= lr * dp
        print(f"epoch {epoch + 1}/{epochs}: {loss:.5f}")
    return W, b, Wy


def cell_state_overwritten(X, y, W, b, Wy, lr=0.1, epochs=2):
    H = Wy.shape[0]
    for epoch in range(epochs):
        h, steps = lstm_forward(X, W, b, H)
        e = h @ Wy - y
        loss = 0.5 * np.sum(e * e) / len(y)
        de = e / len(y)
        dWy = h.T @ de
        dW, db = lstm_backward_overwriting(np.outer(de, Wy), steps, W, H)
        for p, dp in zip((W, b, Wy), (dW, db, dWy)):
            p -= lr * dp
        print(f"epoch {epoch + 1}/{epochs}: {loss:.5f}")
    return W, b, Wy


def four_matrices(X, y, P, lr=0.2):
    """One sequence, a loss at each step; parameters in a dict, one matrix a gate."""
    T = len(X)
    H = len(P["bi"])
    for n in range(2):
        h, c = {-1: np.zeros(H)}, {-1: np.zeros(H)}
        z, i, f, o, g = {}, {}, {}, {}, {}
        loss = 0.0
        for t in range(T):
            z[t] = np.append(h[t - 1], X[t])
            i[t] = sigmoid(P["Wi"] @ z[t] + P["bi"])
            f[t] = sigmoid(P["Wf"] @ z[t] + P["bf"])
            o[t] = sigmoid(P["Wo"] @ z[t] + P["bo"])
            g[t] = np.tanh(P["Wg"] @ z[t] + P["bg"])
            c[t] = f[t] * c[t - 1] + i[t] * g[t]
            h[t] = o[t] * np.tanh(c[t])
            loss += 0.5 * np.sum((h[t] - y[t]) ** 2)
        G = {k: np.zeros_like(v) for k, v in P.items()}
        dh_next, dc_next = np.zeros(H), np.zeros(H)
        for t in reversed(range(T)):
            dh = h[t] - y[t] + dh_next
            dc = dc_next + dh * o[t] * (1 - np.tanh(c[t]) ** 2)
            d = {
                "o": dh * np.tanh(c[t]) * o[t] * (1 - o[t]),
                "i": dc * g[t] * i[t] * (1 - i[t]),
                "f": dc * c[t - 1] * f[t] * (1 - f[t]),
                "g": dc * i[t] * (1 - g[t] ** 2),
            }
            dz = 0
            for k in "ifog":
                G["W" + k] += np.outer(d[k], z[t])
                G["b" + k] += d[k]
                dz = dz + P["W" + k].T @ d[k]
            dh_next = dz[:H]
            dc_next = dc * f[t]
        for k in P:
            P[k] -= lr * G[k]
        print(loss)
    return P


def four_matrices_forget_gate(X, y, P, lr=0.2):
    T = len(X)
    H = len(P["bi"])
    for n in range(2):
        h, c = {-1: np.zeros(H)}, {-1: np.zeros(H)}
        z, i, f, o, g = {}, {}, {}, {}, {}
        loss = 0.0
        for t in range(T):
            z[t] = np.append(h[t - 1], X[t])
            i[t] = sigmoid(P["Wi"] @ z[t] + P["bi"])
            f[t] = sigmoid(P["Wf"] @ z[t] + P["bf"])
            o[t] = sigmoid(P["Wo"] @ z[t] + P["bo"])
            g[t] = np.tanh(P["Wg"] @ z[t] + P["bg"])
            c[t] = f[t] * c[t - 1] + i[t] * g[t]
            h[t] = o[t] * np.tanh(c[t])
            loss += 0.5 * np.sum((h[t] - y[t]) ** 2)
        G = {k: np.zeros_like(v) for k, v in P.items()}
        dh_next, dc_next = np.zeros(H), np.zeros(H)
        for t in reversed(range(T)):
            dh = h[t] - y[t] + dh_next
            dc = dc_next + dh * o[t] * (1 - np.tanh(c[t]) ** 2)
            d = {
                "o": dh * np.tanh(c[t]) * o[t] * (1 - o[t]),
                "i": dc * g[t] * i[t] * (1 - i[t]),
                "f": dc * c[t] * f[t] * (1 - f[t]),  # bug: time-index d
                "g": dc * i[t] * (1 - g[t] ** 2),
            }
            dz = 0
            for k in "ifog":
                G["W" + k] += np.outer(d[k], z[t])
                G["b" + k] += d[k]
                dz = dz + P["W" + k].T @ d[k]
            dh_next = dz[:H]
            dc_next = dc * f[t]
        for k in P:
            P[k] -= lr * G[k]
        print(loss)
    return P


def one_step(x, h0, c0, y, Wi, Wf, Wo, Wg):
    """Gradients of a single step, for a unit test."""
    z = np.concatenate((x, h0), axis=1)
    i, f, o, g = sigmoid(z @ Wi), sigmoid(z @ Wf), sigmoid(z @ Wo), np.tanh(z @ Wg)
    c = f * c0 + i * g
    h = o * np.tanh(c)
    loss = np.sum((h - y) ** 2)
    dh = 2 * (h - y)
    dc = dh * o * (1 - np.tanh(c) ** 2)
    dWi = z.T @ (dc * g * i * (1 - i))
    dWf = z.T @ (dc * c0 * f * (1 - f))
    dWo = z.T @ (dh * np.tanh(c) * o * (1 - o))
    dWg = z.T @ (dc * i * g * (1 - g))  # bug: activation dWg
    return loss, dWi, dWf, dWo, dWg


def one_step_raw_cell(x, h0, c0, y, Wi, Wf, Wo, Wg):
    z = np.concatenate((x, h0), axis=1)
    i, f, o, g = sigmoid(z @ Wi), sigmoid(z @ Wf), sigmoid(z @ Wo), np.tanh(z @ Wg)
    c = f * c0 + i * g
    tc = np.tanh(c)
    h = o * tc
    loss = np.sum((h - y) ** 2)
    dh = 2 * (h - y)
    dc = dh * o * (1 - tc**2)
    dWi = z.T @ (dc * g * i * (1 - i))
    dWf = z.T @ (dc * c0 * f * (1 - f))
    dWo = z.T @ (dh * c * o * (1 - o))  # bug: wrong-operand|activation dWo
    dWg = z.T @ (dc * i * (1 - g**2))
    return loss, dWi, dWf, dWo, dWg


def gru(X, y, Wz, Wr, Wh, v, lr=0.1):
    """The update gate mixes the old state and the candidate."""
    T, N, D = X.shape
    H = len(v)
    for epoch in range(2):
        h = np.zeros((N, H))
        tape = []
        for x in X:
            xh = np.hstack([x, h])
            z, r = sigmoid(xh @ Wz), sigmoid(xh @ Wr)
            xr = np.hstack([x, r * h])
            n = np.tanh(xr @ Wh)
            tape.append((xh, xr, z, r, n, h))
            h = (1 - z) * h + z * n
        loss = np.mean((h @ v - y) ** 2)
        s = 2 * (h @ v - y) / N
        gv = h.T @ s
        gh = np.outer(s, v)
        gWz, gWr, gWh = 0, 0, 0
        for xh, xr, z, r, n, hp in tape[::-1]:
            gn = gh * z * (1 - n**2)
            gz = gh * (n - hp) * z * (1 - z)
            gxr = gn @ Wh.T
            gr = gxr[:, D:] * hp * r * (1 - r)
            gWh = gWh + xr.T @ gn
            gWz = gWz + xh.T @ gz
            gWr = gWr + xh.T @ gr
            gh = gh * (1 - z) + gxr[:, D:] * r + (gz @ Wz.T + gr @ Wr.T)[:, D:]
        Wz, Wr, Wh, v = Wz - lr * gWz, Wr - lr * gWr, Wh - lr * gWh, v - lr * gv
        print(loss)
    return Wz, Wr, Wh, v


def gru_candidate_minus(X, y, Wz, Wr, Wh, v, lr=0.1):
    T, N, D = X.shape
    H = len(v)
    for epoch in range(2):
        h = np.zeros((N, H))
        tape = []
        for x in X:
            xh = np.hstack([x, h])
            z, r = sigmoid(xh @ Wz), sigmoid(xh @ Wr)
            xr = np.hstack([x, r * h])
            n = np.tanh(xr @ Wh)
            tape.append((xh, xr, z, r, n, h))
            h = (1 - z) * h + z * n
        loss = np.mean((h @ v - y) ** 2)
        s = 2 * (h @ v - y) / N
        gv = h.T @ s
        gh = np.outer(s, v)
        gWz, gWr, gWh = 0, 0, 0
        for xh, xr, z, r, n, hp in tape[::-1]:
            gn = gh * z * (1 - n**2)
            gz = gh * (hp - n) * z * (1 - z)  # bug: sign gz
            gxr = gn @ Wh.T
            gr = gxr[:, D:] * hp * r * (1 - r)
            gWh = gWh + xr.T @ gn
            gWz = gWz + xh.T @ gz
            gWr = gWr + xh.T @ gr
            gh = gh * (1 - z) + gxr[:, D:] * r + (gz @ Wz.T + gr @ Wr.T)[:, D:]
        Wz, Wr, Wh, v = Wz - lr * gWz, Wr - lr * gWr, Wh - lr * gWh, v - lr * gv
        print(loss)
    return Wz, Wr, Wh, v


WBY = {"loss": "loss", "parameters": {"W": "lr", "b": "lr", "Wy": "lr"}}
GATES = {"loss": "loss", "parameters": {f"P['{a}{k}']": "lr" for a in "Wb" for k in "ifog"}, "loop": "for n"}
STEP = {"loss": "loss", "parameters": {f"W{k}": f"=dW{k}" for k in "ifog"}}
GRU = {"loss": "loss", "parameters": dict.fromkeys(("Wz", "Wr", "Wh", "v"), "lr"), "loop": "for epoch"}
CASES = {
    "helpers": WBY,
    "cell_state_overwritten": WBY | {"fix": "dc = dc + dh * o * (1 - tc**2)"},
    "four_matrices": GATES,
    "four_matrices_forget_gate": GATES | {"fix": {'"f": dc': '"f": dc * c[t - 1] * f[t] * (1 - f[t]),'}},
    "one_step": STEP | {"fix": "dWg = z.T @ (dc * i * (1 - g**2))"},
    "one_step_raw_cell": STEP | {"fix": "dWo = z.T @ (dh * tc * o * (1 - o))"},
    "gru": GRU,
    "gru_candidate_minus": GRU | {"fix": "gz = gh * (n - hp) * z * (1 - z)"},
}


def arguments(name):
    rng = np.random.default_rng(11)
    T, N, D, H = 4, 6, 3, 5
    if name.startswith("four"):
        P = {"W" + k: rng.standard_normal((H, H + D)) / 2 for k in "ifog"} | {
            "b" + k: rng.standard_normal(H) for k in "ifog"
        }
        return rng.standard_normal((T, D)), rng.standard_normal((T, H)), P
    if name.startswith("one"):
        states = rng.standard_normal((2, N, H))
        return rng.standard_normal((N, D)), *states, rng.standard_normal((N, H)), *rng.standard_normal((4, D + H, H))
    if name.startswith("gru"):
        return rng.standard_normal((T, N, D)), rng.standard_normal(N), *rng.standard_normal((3, D + H, H)), np.ones(H)
    data = rng.standard_normal((T, N, D)), rng.standard_normal(N)
    return *data, rng.standard_normal((D + H, 4 * H)) / 2, rng.standard_normal(4 * H), rng.standard_normal(H)
