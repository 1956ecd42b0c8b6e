"""Single-head self-attention over one sequence or a batch."""

import numpy as np


def softmax(s):
    e = np.exp(s - np.max(s, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)


def causal(X, Y, Wq, Wk, Wv, Wo, lr=0.05, epochs=3):
    """Batched, with a causal mask and a residual; right."""
    N, T, D = X.shape
    scale = 1.0 / np.sqrt(Wq.shape[1])
    future = np.triu(np.ones((T, T), dtype=bool), k=1)
    for epoch in range(epochs):
        Q, K, V = X @ Wq, X @ Wk, X @ Wv
        S = Q @ K.transpose(0, 2, 1) * scale
        S = np.where(future, -1e9, S)
        A = softmax(S)
        C = A @ V
        O = X + C @ Wo
        loss = np.mean((O - Y) ** 2)

        dO = 2 * (O - Y) / O.size
        dWo = np.einsum("nth,ntd->hd", C, dO)
        dC = dO @ Wo.T
        dA = dC @ V.transpose(0, 2, 1)
        dV = A.transpose(0, 2, 1) @ dC
        dS = A * (dA - (dA * A).sum(axis=-1, keepdims=True))
        dQ = dS @ K * scale
        dK = dS.transpose(0, 2, 1) @ Q * scale
        dWq = np.tensordot(X, dQ, axes=([0, 1], [0, 1]))
        dWk = np.tensordot(X, dK, axes=([0, 1], [0, 1]))
        dWv = np.tensordot(X, dV, axes=([0, 1], [0, 1]))
        Wq -= lr * dWq
        Wk -= lr * dWk
        Wv -= lr * dWv
        Wo -= lr * dWo
        print(epoch, loss)


def rowwise_coupling_lost(X, Y, Wq, Wk, Wv, Wo, lr=0.05, epochs=3):
    d = Wq.shape[1]
    for epoch in range(epochs):
        Q = X @ Wq
        K = X @ Wk
        V = X @ Wv
        A = softmax(Q @ K.T / np.sqrt(d))
        H = A @ V
        P = H @ Wo
        loss = 0.5 * np.sum((P - Y) ** 2)
        gP = P - Y
        gWo = H.T @ gP
        gH = gP @ Wo.T
        gA = gH @ V.T
        gV = A.T @ gH
        gS = gA * A * (1 - A)  # bug: jacobian gS
        gS = gS / np.sqrt(d)
        gQ = gS @ K
        gK = gS.T @ Q
        Wq = Wq - lr * X.T @ gQ
        Wk = Wk - lr * X.T @ gK
        Wv = Wv - lr * X.T @ gV
        Wo = Wo - lr * gWo
    return loss


def keys_untransposed(X, Y, Wq, Wk, Wv, Wo, lr=0.05, epochs=3):
    T = X.shape[0]
    c = Wq.shape[1] ** -0.5
    for epoch in range(epochs):
        q, k, v = X @ Wq, X @ Wk, X @ Wv
        att = softmax(c * (q @ k.T))
        ctx = att @ v
        y_hat = ctx @ Wo
        loss = np.sum((y_hat - Y) ** 2) / T
        d_y = 2 * (y_hat - Y) / T
        d_Wo = ctx.T @ d_y
        d_ctx = d_y @ Wo.T
        d_v = att.T @ d_ctx
        d_att = d_ctx @ v.T
        d_s = att * (d_att - np.sum(att * d_att, axis=-1, keepdims=True))
        d_q = c * (d_s @ k)
        d_k = c * (d_s @ q)  # bug: transpose d_k
        d_Wq = X.T @ d_q
        d_Wk = X.T @ d_k
        d_Wv = X.T @ d_v
        for W, d_W in [(Wq, d_Wq), (Wk, d_Wk), (Wv, d_Wv), (Wo, d_Wo)]:
            W -= lr * d_W
        print(loss)


def values_bypassed(X, Y, Wq, Wk, Wv, Wo, lr=0.05, epochs=3):
    """All projections are d x d."""
    c = 1 / np.sqrt(X.shape[1])
    for epoch in range(epochs):
        Q, K = X @ Wq, X @ Wk
        V = X @ Wv
        A = softmax(Q @ K.T * c)
        C = A @ X  # bug: forward C
        O = C @ Wo
        diff = O - Y
        loss = np.mean(diff**2)
        dO = 2 * diff / diff.size
        dWo = C.T @ dO
        dC = dO @ Wo.T
        dV = A.T @ dC
        dA = dC @ V.T
        dS = (dA - np.sum(dA * A, axis=1, keepdims=True)) * A * c
        dWq = X.T @ (dS @ K)
        dWk = X.T @ (dS.T @ Q)
        dWv = X.T @ dV
        Wq -= lr * dWq
        Wk -= lr * dWk
        Wv -= lr * dWv
        Wo -= lr * dWo
        print(loss)


class Attention:
    def __init__(self, d, h, seed=7):
        rng = np.random.default_rng(seed)
        self.Wq, self.Wk, self.Wv = rng.normal(size=(3, d, h)) / np.sqrt(d)
        self.Wo = rng.normal(size=(h, d)) / np.sqrt(h)

    def forward(self, x):
        self.x = x
        self.q, self.k, self.v = x @ self.Wq, x @ self.Wk, x @ self.Wv
        self.a = softmax(self.q @ self.k.T / np.sqrt(self.q.shape[1]))
        self.c = self.a @ self.v
        return self.c @ self.Wo

    def backward(self, dy):
        self.dWo = self.c.T @ dy
        dc = dy @ self.Wo.T
        self.dWv = self.x.T @ (self.a.T @ dc)
        da = dc @ self.k.T  # bug: wrong-operand da
        ds = self.a * (da - np.sum(da * self.a, axis=1, keepdims=True)) / np.sqrt(self.q.shape[1])
        self.dWq = self.x.T @ (ds @ self.k)
        self.dWk = self.x.T @ (ds.T @ self.q)

    def train(self, x, y, lr=0.05, epochs=3):
        for epoch in range(epochs):
            out = self.forward(x)
            loss = 0.5 * np.mean((out - y) ** 2)
            self.backward((out - y) / out.size)
            self.Wq -= lr * self.dWq
            self.Wk -= lr * self.dWk
            self.Wv -= lr * self.dWv
            self.Wo -= lr * self.dWo
            print(epoch, loss)


P = {"loss": "loss", "parameters": {p: "lr" for p in ("Wq", "Wk", "Wv", "Wo")}}
CASES = {
    "causal": P,
    "rowwise_coupling_lost": P | {"fix": "gS = A * (gA - (gA * A).sum(axis=-1, keepdims=True))"},
    "keys_untransposed": P | {"fix": "d_k = c * (d_s.T @ q)"},
    "values_bypassed": P | {"fix": "C = A @ V"},
    "Attention.train": {
        "loss": "loss",
        "parameters": {f"self.{p}": "lr" for p in ("Wq", "Wk", "Wv", "Wo")},
        "fix": "da = dc @ self.v.T",
    },
}


def arguments(name):
    rng = np.random.default_rng(37)
    n = rng.normal
    T, D, H = 6, 4, 5
    if name == "causal":
        return n(size=(3, T, D)), n(size=(3, T, D)), n(size=(D, H)), n(size=(D, H)), n(size=(D, H)), n(size=(H, D))
    if name == "Attention.train":
        return Attention(D, H), n(size=(T, D)), n(size=(T, D))
    if name == "values_bypassed":
        return n(size=(T, D)), n(size=(T, D)), *(n(size=(4, D, D)) / 2)
    return n(size=(T, D)), n(size=(T, 2)), *(n(size=(3, D, H)) / 2), n(size=(H, 2))
