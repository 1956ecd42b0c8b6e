"""Things unrolled over time that are not the usual cell."""

import numpy as np

tanh = np.tanh


def bidirectional(x, y, p, lr=0.05):
    """p: Uf, Vf forwards, Ub, Vb backwards, R reads both at every step; x is (T, d)."""
    T, H = len(x), len(p["Vf"])
    for epoch in range(2):
        f, b = np.zeros((T + 1, H)), np.zeros((T + 2, H))
        for t in range(1, T + 1):
            f[t] = tanh(p["Uf"] @ x[t - 1] + p["Vf"] @ f[t - 1])
        for t in range(T, 0, -1):
            b[t] = tanh(p["Ub"] @ x[t - 1] + p["Vb"] @ b[t + 1])
        both = np.hstack([f[1:], b[1:-1]])
        r = both @ p["R"] - y
        loss = np.mean(r**2)

        g = {k: np.zeros_like(v) for k, v in p.items()}
        r = 2 * r / T
        g["R"] = both.T @ r
        d_both = np.outer(r, p["R"])
        carry = np.zeros(H)
        for t in range(T, 0, -1):
            d = (d_both[t - 1, :H] + carry) * (1 - f[t] ** 2)
            g["Uf"] += np.outer(d, x[t - 1])
            g["Vf"] += np.outer(d, f[t - 1])
            carry = p["Vf"].T @ d
        carry = np.zeros(H)
        for t in range(1, T + 1):
            d = (d_both[t - 1, H:] + carry) * (1 - b[t] ** 2)
            g["Ub"] += np.outer(d, x[t - 1])
            g["Vb"] += np.outer(d, b[t + 1])
            carry = p["Vb"].T @ d
        for k in p:
            p[k] -= lr * g[k]
    return p, loss


def bidirectional_neighbour(x, y, p, lr=0.05):
    T, H = len(x), len(p["Vf"])
    for epoch in range(2):
        f, b = np.zeros((T + 1, H)), np.zeros((T + 2, H))
        for t in range(1, T + 1):
            f[t] = tanh(p["Uf"] @ x[t - 1] + p["Vf"] @ f[t - 1])
        for t in range(T, 0, -1):
            b[t] = tanh(p["Ub"] @ x[t - 1] + p["Vb"] @ b[t + 1])
        both = np.hstack([f[1:], b[1:-1]])
        r = both @ p["R"] - y
        loss = np.mean(r**2)

        g = {k: np.zeros_like(v) for k, v in p.items()}
        r = 2 * r / T
        g["R"] = both.T @ r
        d_both = np.outer(r, p["R"])
        carry = np.zeros(H)
        for t in range(T, 0, -1):
            d = (d_both[t - 1, :H] + carry) * (1 - f[t] ** 2)
            g["Uf"] += np.outer(d, x[t - 1])
            g["Vf"] += np.outer(d, f[t - 1])
            carry = p["Vf"].T @ d
        carry = np.zeros(H)
        for t in range(1, T + 1):
            d = (d_both[t - 1, H:] + carry) * (1 - b[t] ** 2)
            g["Ub"] += np.outer(d, x[t - 1])
            g["Vb"] += np.outer(d, b[t - 1])  # bug: time-index g["Vb"]
            carry = p["Vb"].T @ d
        for k in p:
            p[k] -= lr * g[k]
    return p, loss


def euler(z0, goal, W, b, dt=0.2, lr=0.1, n_steps=5):
    """A vector field integrated by Euler steps; the same W at each of them."""
    for sweep in range(3):
        path = [z0]
        for _ in range(n_steps):
            path.append(path[-1] + dt * tanh(path[-1] @ W + b))
        miss = path[-1] - goal
        objective = 0.5 * (miss * miss).sum()
        gW, gb, a = np.zeros_like(W), np.zeros_like(b), miss
        for z in path[-2::-1]:
            s = dt * a * (1 - tanh(z @ W + b) ** 2)
            gW += z.T @ s
            gb += s.sum(0)
            a = a + s @ W.T
        W, b = W - lr * gW, b - lr * gb
        print(sweep, objective)
    return W, b


def euler_step_length(z0, goal, W, b, dt=0.2, lr=0.1, n_steps=5):
    for sweep in range(3):
        path = [z0]
        for _ in range(n_steps):
            path.append(path[-1] + dt * tanh(path[-1] @ W + b))
        miss = path[-1] - goal
        objective = 0.5 * (miss * miss).sum()
        gW, gb, a = np.zeros_like(W), np.zeros_like(b), miss
        for z in path[-2::-1]:
            s = a * (1 - tanh(z @ W + b) ** 2)  # bug: factor s
            gW += z.T @ s
            gb += s.sum(0)
            a = a + s @ W.T
        W, b = W - lr * gW, b - lr * gb
        print(sweep, objective)
    return W, b


def dilated(x, y, k, c, lr=0.05, dilation=2):
    """A causal convolution with gaps: out[t] = sum_j k[j] x[t - j dilation]."""
    T, J = x.shape[1], len(k)
    for epoch in range(3):
        z = np.full(x.shape, c)
        for j in range(J):
            z[:, j * dilation :] += k[j] * x[:, : T - j * dilation]
        a = np.maximum(z, 0.1 * z)
        err = a - y
        loss = (err**2).mean()
        dz = 2 * err / err.size * np.where(z > 0, 1, 0.1)
        dk = np.zeros(J)
        for j in range(J):
            dk[j] = (dz[:, j:] * x[:, : T - j]).sum()  # bug: time-index dk
        dc = dz.sum()
        k = k - lr * dk
        c = c - lr * dc
        print(loss)
    return k, c


def leaky_units(x, y, W, U, v, leak=0.3, lr=0.05):
    """h[t] = (1 - leak) h[t-1] + leak tanh(W x + U h[t-1])."""
    T = x.shape[0]
    dW, dU, dv = np.zeros_like(W), np.zeros_like(U), np.zeros_like(v)  # bug: accumulate dU
    for episode in range(3):
        h, s = [np.zeros(len(v))], []
        for t in range(T):
            s.append(np.tanh(W @ x[t] + U @ h[t]))
            h.append((1 - leak) * h[t] + leak * s[t])
        e = np.array([v @ q for q in h[1:]]) - y
        E = 0.5 * float(e @ e)
        dW[:] = 0
        dv[:] = 0  # bug: accumulate dU
        lam = np.zeros(len(v))
        for t in range(T)[::-1]:
            lam = lam + e[t] * v
            dv += e[t] * h[t + 1]
            q = leak * lam * (1 - s[t] ** 2)
            dW += np.outer(q, x[t])
            dU += np.outer(q, h[t])
            lam = (1 - leak) * lam + U.T @ q
        W -= lr * dW
        U -= lr * dU
        v -= lr * dv
        print(episode, E)
    return W, U, v


def tagger(words, tags, E, W, O, lr=0.3):
    """A window of three words, a tag each; the loss is the mean over the sentence."""
    n = len(words)
    for epoch in range(3):
        padded = np.concatenate([[0], words, [0]])
        window = np.stack([padded[:-2], padded[1:-1], padded[2:]], axis=1)
        x = E[window].reshape(n, -1)
        h = np.tanh(x @ W)
        z = h @ O
        q = np.exp(z - z.max(axis=1, keepdims=True))
        q /= q.sum(axis=1, keepdims=True)
        loss = -np.log(q[np.arange(n), tags]).sum() / n
        q[np.arange(n), tags] -= 1
        q /= n
        gO = h.T @ q
        gh = (q @ O.T) * (1 - h**2)
        gW = x.T @ gh
        gx = (gh @ W.T).reshape(n, 3, -1)
        E[window] -= lr * gx  # bug: scatter E
        W -= lr * gW
        O -= lr * gO
        print(epoch, loss)
    return E, W, O


BI = {"loss": "loss", "parameters": {f"p['{k}']": "lr" for k in ("Uf", "Vf", "Ub", "Vb", "R")}, "loop": "for epoch"}
EULER = {"loss": "objective", "parameters": {"W": "lr", "b": "lr"}, "loop": "for sweep"}
CASES = {
    "bidirectional": BI,
    "bidirectional_neighbour": BI | {"fix": 'g["Vb"] += np.outer(d, b[t + 1])'},
    "euler": EULER,
    "euler_step_length": EULER | {"fix": "s = dt * a * (1 - tanh(z @ W + b) ** 2)"},
    "dilated": {
        "loss": "loss",
        "parameters": {"k": "lr", "c": "lr"},
        "fix": "dk[j] = (dz[:, j * dilation:] * x[:, : T - j * dilation]).sum()",
    },
    "leaky_units": {
        "loss": "E",
        "parameters": {"W": "lr", "U": "lr", "v": "lr"},
        "loop": "for episode",
        "fix": ["", "dv[:] = 0\ndU[:] = 0"],
    },
    "tagger": {
        "loss": "loss",
        "parameters": {"E": "lr", "W": "lr", "O": "lr"},
        "fix": "np.subtract.at(E, window, lr * gx)",
    },
}


def arguments(name):
    rng = np.random.default_rng(102)
    if name.startswith("bidirectional"):
        T, d, H = 5, 3, 4
        p = {"Uf": (H, d), "Vf": (H, H), "Ub": (H, d), "Vb": (H, H), "R": 2 * H}
        return (
            rng.standard_normal((T, d)),
            rng.standard_normal(T),
            {k: rng.standard_normal(s) / 2 for k, s in p.items()},
        )
    if name.startswith("euler"):
        return *rng.standard_normal((2, 6, 3)), rng.standard_normal((3, 3)), rng.standard_normal(3)
    if name == "dilated":
        return *rng.standard_normal((2, 4, 9)), rng.standard_normal(3), 0.2
    if name == "leaky_units":
        T, d, H = 6, 3, 4
        return (
            rng.standard_normal((T, d)),
            rng.standard_normal(T),
            rng.standard_normal((H, d)),
            rng.standard_normal((H, H)) / 2,
            np.ones(H),
        )
    words, tags = np.array([3, 5, 3, 2, 6, 3, 1]), np.array([0, 1, 0, 2, 1, 0, 2])
    return words, tags, rng.standard_normal((7, 2)), rng.standard_normal((6, 5)), rng.standard_normal((5, 3))
