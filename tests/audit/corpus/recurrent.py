"""Plain recurrent nets, unrolled by hand and sent back through time."""

import numpy as np


def many_to_one(xs, y, Wx, Wh, b, Wy, lr=0.01, epochs=3):
    """xs is (time, batch, features); the last state is read."""
    T, N, _ = xs.shape
    H = Wh.shape[0]
    for epoch in range(epochs):
        hs = [np.zeros((N, H))]
        for t in range(T):
            hs.append(np.tanh(xs[t] @ Wx + hs[-1] @ Wh + b))
        out = hs[-1] @ Wy
        loss = 0.5 * np.sum((out - y) ** 2) / N

        dout = (out - y) / N
        dWy = hs[-1].T @ dout
        dh = dout @ Wy.T
        dWx, dWh, db = np.zeros_like(Wx), np.zeros_like(Wh), np.zeros_like(b)
        for t in reversed(range(T)):
            da = dh * (1 - hs[t + 1] ** 2)
            dWx += xs[t].T @ da
            dWh += hs[t].T @ da
            db += da.sum(axis=0)
            dh = da @ Wh.T
        Wx -= lr * dWx
        Wh -= lr * dWh
        b -= lr * db
        Wy -= lr * dWy
        print(epoch, loss)
    return Wx, Wh, b, Wy


def many_to_one_off_by_one(xs, y, Wx, Wh, b, Wy, lr=0.01, epochs=3):
    T, N, _ = xs.shape
    H = Wh.shape[0]
    for epoch in range(epochs):
        hs = [np.zeros((N, H))]
        for t in range(T):
            hs.append(np.tanh(xs[t] @ Wx + hs[-1] @ Wh + b))
        out = hs[-1] @ Wy
        loss = 0.5 * np.sum((out - y) ** 2) / N

        dout = (out - y) / N
        dWy = hs[-1].T @ dout
        dh = dout @ Wy.T
        dWx, dWh, db = np.zeros_like(Wx), np.zeros_like(Wh), np.zeros_like(b)
        for t in reversed(range(T)):
            da = dh * (1 - hs[t + 1] ** 2)
            dWx += xs[t].T @ da
            dWh += hs[t + 1].T @ da  # bug: time-index dWh
            db += da.sum(axis=0)
            dh = da @ Wh.T
        Wx -= lr * dWx
        Wh -= lr * dWh
        b -= lr * db
        Wy -= lr * dWy
        print(epoch, loss)
    return Wx, Wh, b, Wy


def many_to_one_last_step_left_out(xs, y, Wx, Wh, b, Wy, lr=0.01, epochs=3):
    T, N, _ = xs.shape
    H = Wh.shape[0]
    for epoch in range(epochs):
        hs = [np.zeros((N, H))]
        for t in range(T):
            hs.append(np.tanh(xs[t] @ Wx + hs[-1] @ Wh + b))
        out = hs[-1] @ Wy
        loss = 0.5 * np.sum((out - y) ** 2) / N

        dout = (out - y) / N
        dWy = hs[-1].T @ dout
        dh = dout @ Wy.T
        dWx, dWh, db = np.zeros_like(Wx), np.zeros_like(Wh), np.zeros_like(b)
        for t in range(T - 1, 0, -1):  # bug: time-index t
            da = dh * (1 - hs[t + 1] ** 2)
            dWx += xs[t].T @ da
            dWh += hs[t].T @ da
            db += da.sum(axis=0)
            dh = da @ Wh.T
        Wx -= lr * dWx
        Wh -= lr * dWh
        b -= lr * db
        Wy -= lr * dWy
        print(epoch, loss)
    return Wx, Wh, b, Wy


def char_rnn(inputs, targets, Wxh, Whh, Why, bh, by, lr=0.05):
    """One-hot characters in columns, a loss at every step."""
    V, H = Wxh.shape[1], Whh.shape[0]
    for n in range(3):
        xs, hs, ps = {}, {-1: np.zeros((H, 1))}, {}
        loss = 0
        for t in range(len(inputs)):
            xs[t] = np.zeros((V, 1))
            xs[t][inputs[t]] = 1
            hs[t] = np.tanh(np.dot(Wxh, xs[t]) + np.dot(Whh, hs[t - 1]) + bh)
            ys = np.dot(Why, hs[t]) + by
            ps[t] = np.exp(ys) / np.sum(np.exp(ys))
            loss += -np.log(ps[t][targets[t], 0])
        dWxh, dWhh, dWhy = np.zeros_like(Wxh), np.zeros_like(Whh), np.zeros_like(Why)
        dbh, dby = np.zeros_like(bh), np.zeros_like(by)
        dhnext = np.zeros_like(hs[0])
        for t in reversed(range(len(inputs))):
            dy = np.copy(ps[t])
            dy[targets[t]] -= 1
            dWhy += np.dot(dy, hs[t].T)
            dby += dy
            dh = np.dot(Why.T, dy) + dhnext
            dhraw = (1 - hs[t] * hs[t]) * dh
            dbh += dhraw
            dWxh += np.dot(dhraw, xs[t].T)
            dWhh += np.dot(dhraw, hs[t - 1].T)
            dhnext = np.dot(Whh.T, dhraw)
        for param, dparam in zip([Wxh, Whh, Why, bh, by], [dWxh, dWhh, dWhy, dbh, dby]):
            np.clip(dparam, -5, 5, out=dparam)
            param -= lr * dparam
        print("iter %d, loss: %f" % (n, loss))
    return hs[len(inputs) - 1]


def char_rnn_future_lost(inputs, targets, Wxh, Whh, Why, bh, by, lr=0.05):
    V, H = Wxh.shape[1], Whh.shape[0]
    for n in range(3):
        xs, hs, ps = {}, {-1: np.zeros((H, 1))}, {}
        loss = 0
        for t in range(len(inputs)):
            xs[t] = np.zeros((V, 1))
            xs[t][inputs[t]] = 1
            hs[t] = np.tanh(np.dot(Wxh, xs[t]) + np.dot(Whh, hs[t - 1]) + bh)
            ys = np.dot(Why, hs[t]) + by
            ps[t] = np.exp(ys) / np.sum(np.exp(ys))
            loss += -np.log(ps[t][targets[t], 0])
        dWxh, dWhh, dWhy = np.zeros_like(Wxh), np.zeros_like(Whh), np.zeros_like(Why)
        dbh, dby = np.zeros_like(bh), np.zeros_like(by)
        dhnext = np.zeros_like(hs[0])
        for t in reversed(range(len(inputs))):
            dy = np.copy(ps[t])
            dy[targets[t]] -= 1
            dWhy += np.dot(dy, hs[t].T)
            dby += dy
            dh = np.dot(Why.T, dy)  # bug: fork dh
            dhraw = (1 - hs[t] * hs[t]) * dh
            dbh += dhraw
            dWxh += np.dot(dhraw, xs[t].T)
            dWhh += np.dot(dhraw, hs[t - 1].T)
            dhnext = np.dot(Whh.T, dhraw)
        for param, dparam in zip([Wxh, Whh, Why, bh, by], [dWxh, dWhh, dWhy, dbh, dby]):
            param -= lr * dparam
        print("iter %d, loss: %f" % (n, loss))
    return hs[len(inputs) - 1]


def char_rnn_transposed(inputs, targets, Wxh, Whh, Why, bh, by, lr=0.05):
    V, H = Wxh.shape[1], Whh.shape[0]
    for n in range(3):
        xs, hs, ps = {}, {-1: np.zeros((H, 1))}, {}
        loss = 0
        for t in range(len(inputs)):
            xs[t] = np.zeros((V, 1))
            xs[t][inputs[t]] = 1
            hs[t] = np.tanh(np.dot(Wxh, xs[t]) + np.dot(Whh, hs[t - 1]) + bh)
            ys = np.dot(Why, hs[t]) + by
            ps[t] = np.exp(ys) / np.sum(np.exp(ys))
            loss += -np.log(ps[t][targets[t], 0])
        dWxh, dWhh, dWhy = np.zeros_like(Wxh), np.zeros_like(Whh), np.zeros_like(Why)
        dbh, dby = np.zeros_like(bh), np.zeros_like(by)
        dhnext = np.zeros_like(hs[0])
        for t in reversed(range(len(inputs))):
            dy = np.copy(ps[t])
            dy[targets[t]] -= 1
            dWhy += np.dot(dy, hs[t].T)
            dby += dy
            dh = np.dot(Why.T, dy) + dhnext
            dhraw = (1 - hs[t] * hs[t]) * dh
            dbh += dhraw
            dWxh += np.dot(dhraw, xs[t].T)
            dWhh += np.dot(dhraw, hs[t - 1].T)
            dhnext = np.dot(Whh, dhraw)  # bug: transpose dhnext
        for param, dparam in zip([Wxh, Whh, Why, bh, by], [dWxh, dWhh, dWhy, dbh, dby]):
            param -= lr * dparam
        print("iter %d, loss: %f" % (n, loss))
    return hs[len(inputs) - 1]


def sequence_regression(u, target, A, B, C, gain=0.02):
    """A noise-free state-space model with a tanh; gradients summed over time into arrays made once."""
    T = u.shape[0]
    gA, gB, gC = np.zeros(A.shape), np.zeros(B.shape), np.zeros(C.shape)  # bug: accumulate gA
    for sweep in range(3):
        s = np.zeros((T + 1, A.shape[0]))
        out = np.zeros(T)
        for k in range(T):
            s[k + 1] = np.tanh(A @ s[k] + B * u[k])
            out[k] = C @ s[k + 1]
        cost = 0.5 * np.sum((out - target) ** 2)
        lam = np.zeros(A.shape[0])
        for k in range(T - 1, -1, -1):
            e = out[k] - target[k]
            gC += e * s[k + 1]
            lam = lam + e * C
            q = lam * (1 - s[k + 1] ** 2)
            gA += np.outer(q, s[k])
            gB += q * u[k]
            lam = A.T @ q
        A = A - gain * gA
        B = B - gain * gB
        C = C - gain * gC
        print(sweep, cost)
    return A, B, C


def sequence_mean(u, target, A, B, C, gain=0.02):
    T = u.shape[0]
    for sweep in range(3):
        gA, gB, gC = np.zeros(A.shape), np.zeros(B.shape), np.zeros(C.shape)
        s = np.zeros((T + 1, A.shape[0]))
        out = np.zeros(T)
        for k in range(T):
            s[k + 1] = np.tanh(A @ s[k] + B * u[k])
            out[k] = C @ s[k + 1]
        cost = np.sum((out - target) ** 2) / T
        lam = np.zeros(A.shape[0])
        for k in range(T - 1, -1, -1):
            e = 2 * (out[k] - target[k])  # bug: mean-sum e
            gC += e * s[k + 1]
            lam = lam + e * C
            q = lam * (1 - s[k + 1] ** 2)
            gA += np.outer(q, s[k])
            gB += q * u[k]
            lam = A.T @ q
        A = A - gain * gA
        B = B - gain * gB
        C = C - gain * gC
        print(sweep, cost)
    return A, B, C


def relu_state(u, target, A, B, C, gain=0.02):
    T = u.shape[0]
    for sweep in range(3):
        s, pre, out = [np.zeros(A.shape[0])], [], []
        for k in range(T):
            pre.append(A @ s[-1] + B * u[k])
            s.append(np.maximum(pre[-1], 0))
            out.append(C @ s[-1])
        cost = 0.5 * sum((o - r) ** 2 for o, r in zip(out, target))
        gA, gB, gC = 0, 0, 0
        lam = np.zeros(A.shape[0])
        for k in range(T - 1, -1, -1):
            e = out[k] - target[k]
            gC = gC + e * s[k + 1]
            lam = lam + e * C
            q = lam * (1 - s[k + 1] ** 2)  # bug: activation q
            gA = gA + np.outer(q, s[k])
            gB = gB + q * u[k]
            lam = A.T @ q
        A, B, C = A - gain * gA, B - gain * gB, C - gain * gC
        print(sweep, cost)
    return A, B, C


FOUR = {"loss": "loss", "parameters": dict.fromkeys(("Wx", "Wh", "b", "Wy"), "lr"), "loop": "for epoch"}
FIVE = {"loss": "loss", "parameters": dict.fromkeys(("Wxh", "Whh", "Why", "bh", "by"), "lr"), "loop": "for n"}
ABC = {"loss": "cost", "parameters": dict.fromkeys(("A", "B", "C"), "gain"), "loop": "for sweep"}
ZEROS = "gA, gB, gC = np.zeros(A.shape), np.zeros(B.shape), np.zeros(C.shape)"
CASES = {
    "many_to_one": FOUR,
    "many_to_one_off_by_one": FOUR | {"fix": "dWh += hs[t].T @ da"},
    "many_to_one_last_step_left_out": FOUR | {"fix": "for t in range(T - 1, -1, -1):"},
    "char_rnn": FIVE,
    "char_rnn_future_lost": FIVE | {"fix": "dh = np.dot(Why.T, dy) + dhnext"},
    "char_rnn_transposed": FIVE | {"fix": "dhnext = np.dot(Whh.T, dhraw)"},
    "sequence_regression": ABC | {"fix": {"for sweep in range(3):": f"for sweep in range(3):\n    {ZEROS}"}},
    "sequence_mean": ABC | {"fix": "e = 2 * (out[k] - target[k]) / T"},
    "relu_state": ABC | {"fix": "q = lam * (pre[k] > 0)"},
}


def arguments(name):
    rng = np.random.default_rng(7)
    if name.startswith("many"):
        T, N, D, H, K = 5, 6, 3, 4, 2
        w = (
            rng.standard_normal((D, H)),
            rng.standard_normal((H, H)) / 2,
            rng.standard_normal(H),
            rng.standard_normal((H, K)),
        )
        return rng.standard_normal((T, N, D)), rng.standard_normal((N, K)), *w
    if name.startswith("char"):
        V, H = 5, 7
        w = [rng.standard_normal(s) / 2 for s in ((H, V), (H, H), (V, H), (H, 1), (V, 1))]
        return [1, 0, 3, 2, 2, 4], [0, 3, 2, 2, 4, 1], *w
    T, H = 6, 4
    return rng.standard_normal(T), rng.standard_normal(T), rng.standard_normal((H, H)) / 2, *rng.standard_normal((2, H))
