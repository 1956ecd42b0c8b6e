"""Right programs in the styles in which people publish them: players of a game, factors, clipped Adagrad."""

import numpy as np


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def two_players(steps, batch, lr):
    rng = np.random.default_rng(0)
    G = {"W": rng.normal(size=(2, 3)) * 0.5, "b": np.zeros(3)}
    D = {"W": rng.normal(size=(3, 1)) * 0.5, "b": np.zeros(1)}
    for step in range(steps):
        real = rng.normal(1.0, 0.3, size=(batch, 3))
        fake = np.tanh(rng.normal(size=(batch, 2)) @ G["W"] + G["b"])
        pr, pf = sigmoid(real @ D["W"] + D["b"]), sigmoid(fake @ D["W"] + D["b"])
        d_loss = -np.mean(np.log(pr)) - np.mean(np.log(1 - pf))
        dr, df = (pr - 1) / batch, pf / batch
        dW = real.T @ dr + fake.T @ df
        db = dr.sum(0) + df.sum(0)
        D["W"] -= lr * dW
        D["b"] -= lr * db

        z = rng.normal(size=(batch, 2))
        fake = np.tanh(z @ G["W"] + G["b"])
        pf = sigmoid(fake @ D["W"] + D["b"])
        g_loss = -np.mean(np.log(pf))
        da = (pf - 1) / batch @ D["W"].T * (1 - fake**2)
        G["W"] -= lr * (z.T @ da)
        G["b"] -= lr * da.sum(0)
        print(f"{step}: D {d_loss:.3f} G {g_loss:.3f}")
    return G, D


class Ratings:
    def __init__(self, ratings, rank, alpha, beta):
        rng = np.random.default_rng(0)
        self.alpha, self.beta = alpha, beta
        self.P = rng.normal(scale=1 / rank, size=(ratings.shape[0], rank))
        self.Q = rng.normal(scale=1 / rank, size=(ratings.shape[1], rank))
        self.seen = [
            (i, j, ratings[i, j]) for i in range(len(ratings)) for j in range(len(ratings[0])) if ratings[i, j]
        ]

    def sweep(self):
        for i, j, r in self.seen:
            e = r - self.P[i, :].dot(self.Q[j, :].T)
            loss = 0.5 * e**2 + 0.5 * self.beta * ((self.P[i] ** 2).sum() + (self.Q[j] ** 2).sum())
            P_i = self.P[i, :].copy()
            self.P[i, :] += self.alpha * (e * self.Q[j, :] - self.beta * self.P[i, :])
            self.Q[j, :] += self.alpha * (e * P_i - self.beta * self.Q[j, :])
        return loss


def schedule_and_decay(x, y, w, v, lr, decay):
    for step in range(4):
        h = np.maximum(x @ w, 0)
        e = h @ v - y
        loss = np.mean(e**2)
        de = 2 * e / e.size
        dv = h.T @ de
        dh = de @ v.T
        dh[h <= 0] = 0
        dw = x.T @ dh
        warm = min(1.0, (step + 1) / 3)
        g = dw + decay * w
        w = w - lr * warm * g
        np.subtract(v, lr * warm * dv, out=v)
        print(f"step {step}: {loss:.4f}")
    return w, v


def arguments(name):
    rng = np.random.default_rng(3)
    if name == "two_players":
        return 3, 13, 0.05
    if name.startswith("Ratings"):
        ratings = np.array([[5, 3, 0, 1], [4, 0, 0, 1], [1, 1, 0, 5], [1, 0, 0, 4], [0, 1, 5, 4.0]])
        return (Ratings(ratings, 3, 0.02, 0.01),)
    w, v = rng.normal(size=(4, 6)), rng.normal(size=(6, 2))
    return rng.normal(size=(9, 4)), rng.normal(size=(9, 2)), w, v, 0.1, 0.01


CASES = {
    "two_players": {"loss": "d_loss", "parameters": {"D['W']": "lr", "D['b']": "lr"}},
    "Ratings.sweep": {"loss": "loss", "parameters": {"self.P": "self.alpha", "self.Q": "self.alpha"}},
    "schedule_and_decay": {"loss": "loss", "parameters": {"w": "=dw", "v": "(lr * warm)"}},
}
