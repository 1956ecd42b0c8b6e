"""One head of attention."""

import numpy as np


def softmax(s):
    e = np.exp(s - s.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def self_attention(x, y, Wq, Wk, Wv, lr=0.1, epochs=2):
    """x is (tokens, features)."""
    scale = 1 / np.sqrt(Wq.shape[1])
    for epoch in range(epochs):
        q, k, v = x @ Wq, x @ Wk, x @ Wv
        scores = q @ k.T * scale
        attn = softmax(scores)
        out = attn @ v
        loss = np.mean((out - y) ** 2)

        dout = 2 * (out - y) / out.size
        dattn = dout @ v.T
        dv = attn.T @ dout
        dscores = attn * (dattn - (dattn * attn).sum(axis=-1, keepdims=True))
        dq = dscores @ k * scale
        dk = dscores.T @ q * scale
        Wq -= lr * x.T @ dq
        Wk -= lr * x.T @ dk
        Wv -= lr * x.T @ dv
        print(epoch, loss)
    return Wq, Wk, Wv


def self_attention_elementwise(x, y, Wq, Wk, Wv, lr=0.1, epochs=2):
    scale = 1 / np.sqrt(Wq.shape[1])
    for epoch in range(epochs):
        q, k, v = x @ Wq, x @ Wk, x @ Wv
        scores = q @ k.T * scale
        attn = softmax(scores)
        out = attn @ v
        loss = np.mean((out - y) ** 2)

        dout = 2 * (out - y) / out.size
        dattn = dout @ v.T
        dv = attn.T @ dout
        dscores = attn * (1 - attn) * dattn  # bug: jacobian dscores
        dq = dscores @ k * scale
        dk = dscores.T @ q * scale
        Wq -= lr * x.T @ dq
        Wk -= lr * x.T @ dk
        Wv -= lr * x.T @ dv
        print(epoch, loss)
    return Wq, Wk, Wv


def self_attention_k(x, y, Wq, Wk, Wv, lr=0.1, epochs=2):
    scale = 1 / np.sqrt(Wq.shape[1])
    for epoch in range(epochs):
        q, k, v = x @ Wq, x @ Wk, x @ Wv
        scores = q @ k.T * scale
        attn = softmax(scores)
        out = attn @ v
        loss = np.mean((out - y) ** 2)

        dout = 2 * (out - y) / out.size
        dattn = dout @ v.T
        dv = attn.T @ dout
        dscores = attn * (dattn - (dattn * attn).sum(axis=-1, keepdims=True))
        dq = dscores @ k * scale
        dk = dscores @ q * scale  # bug: transpose dk
        Wq -= lr * x.T @ dq
        Wk -= lr * x.T @ dk
        Wv -= lr * x.T @ dv
        print(epoch, loss)
    return Wq, Wk, Wv


def batched(X, Y, P, step=0.2):
    """X is (batch, tokens, features); the parameters and gradients live in dicts."""
    d = P["k"].shape[1]
    log = []
    for i in range(3):
        Q = np.einsum("btd,dh->bth", X, P["q"])
        K = np.einsum("btd,dh->bth", X, P["k"])
        V = np.einsum("btd,dh->bth", X, P["v"])
        S = np.einsum("bth,bsh->bts", Q, K) / np.sqrt(d)
        A = softmax(S)
        Z = np.einsum("bts,bsh->bth", A, V)
        O = Z @ P["o"]
        log.append(0.5 * np.sum((O - Y) ** 2) / len(X))

        gO = (O - Y) / len(X)
        G = {"o": np.einsum("bth,btd->hd", Z, gO)}
        gZ = gO @ P["o"].T
        gA = np.einsum("bth,bsh->bts", gZ, V)
        gV = np.einsum("bts,bth->bsh", A, gZ)
        gS = A * (gA - np.einsum("bts,bts->bt", gA, A)[..., None])
        gQ = np.einsum("bts,bsh->bth", gS, K) / np.sqrt(d)
        gK = np.einsum("bts,bth->bsh", gS, Q) / np.sqrt(d)
        for name, g in zip("qkv", (gQ, gK, gV)):
            G[name] = np.einsum("btd,bth->dh", X, g)
        P = {name: P[name] - step * G[name] for name in P}
    return P, log


def batched_two_gradients_mixed(X, Y, P, step=0.2):
    d = P["k"].shape[1]
    log = []
    for i in range(3):
        Q = np.einsum("btd,dh->bth", X, P["q"])
        K = np.einsum("btd,dh->bth", X, P["k"])
        V = np.einsum("btd,dh->bth", X, P["v"])
        S = np.einsum("bth,bsh->bts", Q, K) / np.sqrt(d)
        A = softmax(S)
        Z = np.einsum("bts,bsh->bth", A, V)
        O = Z @ P["o"]
        log.append(0.5 * np.sum((O - Y) ** 2) / len(X))

        gO = (O - Y) / len(X)
        G = {"o": np.einsum("bth,btd->hd", Z, gO)}
        gZ = gO @ P["o"].T
        gA = np.einsum("bth,bsh->bts", gZ, V)
        gV = np.einsum("bts,bth->bsh", A, gZ)
        gS = A * (gA - np.einsum("bts,bts->bt", gA, A)[..., None])
        gQ = np.einsum("bts,bsh->bth", gS, K) / np.sqrt(d)
        gK = np.einsum("bts,bth->bsh", gS, V) / np.sqrt(d)  # bug: wrong-operand gK
        for name, g in zip("qkv", (gQ, gK, gV)):
            G[name] = np.einsum("btd,bth->dh", X, g)
        P = {name: P[name] - step * G[name] for name in P}
    return P, log


def causal(x, targets, wq, wk, wv, wo, lr=0.3):
    """Next-token classification; the future is masked."""
    n, d = x.shape[0], wq.shape[1]
    future = np.triu(np.ones((n, n), dtype=bool), 1)
    rows = np.arange(n)
    for it in range(2):
        q, k, v = x @ wq, x @ wk, x @ wv
        s = q @ k.T / np.sqrt(d)
        s[future] = -1e9
        a = softmax(s)
        c = a @ v
        p = softmax(c @ wo)
        nll = -np.log(p[rows, targets]).sum()
        dl = p.copy()
        dl[rows, targets] -= 1
        dwo = c.T @ dl
        dc = dl @ wo.T
        da = dc @ v.T
        dv = a.T @ dc
        ds = a * (da - np.sum(da * a, axis=1, keepdims=True)) / np.sqrt(d)
        ds[future] = 0
        dwq = x.T @ (ds @ k)
        dwk = x.T @ (ds.T @ q)
        dwv = x.T @ dv
        for w, dw in ((wq, dwq), (wk, dwk), (wv, dwv), (wo, dwo)):
            w -= lr * dw
        print(nll)
    return wq, wk, wv, wo


def causal_value_matrix_still(x, targets, wq, wk, wv, wo, lr=0.3):
    n, d = x.shape[0], wq.shape[1]
    future = np.triu(np.ones((n, n), dtype=bool), 1)
    rows = np.arange(n)
    for it in range(2):
        q, k, v = x @ wq, x @ wk, x @ wv
        s = q @ k.T / np.sqrt(d)
        s[future] = -1e9
        a = softmax(s)
        c = a @ v
        p = softmax(c @ wo)
        nll = -np.log(p[rows, targets]).sum()
        dl = p.copy()
        dl[rows, targets] -= 1
        dwo = c.T @ dl
        dc = dl @ wo.T
        da = dc @ v.T
        dv = a.T @ dc
        ds = a * (da - np.sum(da * a, axis=1, keepdims=True)) / np.sqrt(d)
        dwq = x.T @ (ds @ k)
        dwk = x.T @ (ds.T @ q)
        dwv = x.T @ dv
        wq -= lr * dwq
        wk -= lr * dwk
        wk -= lr * dwv  # bug: wrong-parameter wv
        wo -= lr * dwo
        print(nll)
    return wq, wk, wv, wo


def causal_other_axis(x, targets, wq, wk, wv, wo, lr=0.3):
    n, d = x.shape[0], wq.shape[1]
    future = np.triu(np.ones((n, n), dtype=bool), 1)
    rows = np.arange(n)
    for it in range(2):
        q, k, v = x @ wq, x @ wk, x @ wv
        s = q @ k.T / np.sqrt(d)
        s[future] = -1e9
        a = softmax(s)
        c = a @ v
        p = softmax(c @ wo)
        nll = -np.log(p[rows, targets]).sum()
        dl = p.copy()
        dl[rows, targets] -= 1
        dwo = c.T @ dl
        dc = dl @ wo.T
        da = dc @ v.T
        dv = a @ dc  # bug: transpose dv
        ds = a * (da - np.sum(da * a, axis=1, keepdims=True)) / np.sqrt(d)
        dwq = x.T @ (ds @ k)
        dwk = x.T @ (ds.T @ q)
        dwv = x.T @ dv
        wq -= lr * dwq
        wk -= lr * dwk
        wv -= lr * dwv
        wo -= lr * dwo
        print(nll)
    return wq, wk, wv, wo


def pooled_query(x, y, u, W, b):
    """Attention pooling with one learned query; returns the gradients."""
    h = np.tanh(x @ W + b)
    e = h @ u
    w = np.exp(e - e.max())
    w = w / w.sum()
    m = w @ x
    loss = 0.5 * np.sum((m - y) ** 2)
    gm = m - y
    gw = x @ gm
    ge = w * gw  # bug: jacobian ge
    gu = h.T @ ge
    gh = np.outer(ge, u)
    gz = gh * (1 - h**2)
    return loss, {"u": gu, "W": x.T @ gz, "b": gz.sum(axis=0)}


QKV = {"loss": "loss", "parameters": {"Wq": "lr", "Wk": "lr", "Wv": "lr"}}
BATCHED = {"loss": "log[-1]", "parameters": {f"P['{k}']": "step" for k in "qkvo"}, "loop": "for i"}
CAUSAL = {"loss": "nll", "parameters": dict.fromkeys(("wq", "wk", "wv", "wo"), "lr"), "loop": "for it"}
CASES = {
    "self_attention": QKV,
    "self_attention_elementwise": QKV
    | {"fix": "dscores = attn * (dattn - (dattn * attn).sum(axis=-1, keepdims=True))"},
    "self_attention_k": QKV | {"fix": "dk = dscores.T @ q * scale"},
    "batched": BATCHED,
    "batched_two_gradients_mixed": BATCHED | {"fix": "gK = np.einsum('bts,bth->bsh', gS, Q) / np.sqrt(d)"},
    "causal": CAUSAL,
    "causal_value_matrix_still": CAUSAL | {"fix": "wv -= lr * dwv"},
    "causal_other_axis": CAUSAL | {"fix": "dv = a.T @ dc"},
    "pooled_query": {
        "loss": "loss",
        "parameters": {"u": "=result[1]['u']", "W": "=result[1]['W']", "b": "=result[1]['b']"},
        "fix": "ge = w * (gw - w @ gw)",
    },
}


def arguments(name):
    rng = np.random.default_rng(8)
    n, d, h = 6, 5, 4
    x = rng.standard_normal((n, d))
    if name.startswith("self"):
        return x, rng.standard_normal((n, h)), *rng.standard_normal((3, d, h))
    if name.startswith("batched"):
        P = dict(zip("qkv", rng.standard_normal((3, d, h)) / 2)) | {"o": rng.standard_normal((h, d)) / 2}
        return rng.standard_normal((3, n, d)), rng.standard_normal((3, n, d)), P
    if name == "pooled_query":
        return x, rng.standard_normal(d), rng.standard_normal(h), rng.standard_normal((d, h)), rng.standard_normal(h)
    return x, rng.integers(0, 3, n), *(rng.standard_normal((3, d, h)) / 2), rng.standard_normal((h, 3))
