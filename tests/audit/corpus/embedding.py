"""Tables of vectors: words, users, items."""

import numpy as np


def skipgram(centers, contexts, E, U, lr=0.3, epochs=3):
    for epoch in range(epochs):
        v = E[centers]
        logits = v @ U.T
        logits -= logits.max(axis=1, keepdims=True)
        p = np.exp(logits)
        p /= p.sum(axis=1, keepdims=True)
        rows = np.arange(len(centers))
        loss = -np.log(p[rows, contexts]).mean()
        g = p.copy()
        g[rows, contexts] -= 1
        g /= len(rows)
        dU = g.T @ v
        dv = g @ U
        dE = np.zeros_like(E)
        np.add.at(dE, centers, dv)
        E -= lr * dE
        U -= lr * dU
        print(epoch, loss)
    return E, U


def skipgram_assigning(centers, contexts, E, U, lr=0.3, epochs=3):
    for epoch in range(epochs):
        v = E[centers]
        logits = v @ U.T
        logits -= logits.max(axis=1, keepdims=True)
        p = np.exp(logits)
        p /= p.sum(axis=1, keepdims=True)
        rows = np.arange(len(centers))
        loss = -np.log(p[rows, contexts]).mean()
        g = p.copy()
        g[rows, contexts] -= 1
        g /= len(rows)
        dU = g.T @ v
        dv = g @ U
        dE = np.zeros_like(E)
        dE[centers] += dv  # bug: scatter dE
        E -= lr * dE
        U -= lr * dU
        print(epoch, loss)
    return E, U


def bag_of_words(docs, y, table, w, b, rate=0.2):
    """docs is (documents, words): the mean of a document's vectors feeds a logistic unit."""
    n, length = docs.shape
    for t in range(3):
        vecs = table[docs]
        mean = vecs.mean(axis=1)
        prob = 1 / (1 + np.exp(-(mean @ w + b)))
        loss = -(y * np.log(prob) + (1 - y) * np.log(1 - prob)).mean()
        dz = (prob - y) / n
        dw = mean.T @ dz
        db = dz.sum()
        dmean = dz[:, None] * w
        dvecs = np.repeat(dmean[:, None, :], length, axis=1) / length
        w = w - rate * dw
        b = b - rate * db
        np.subtract.at(table, docs, rate * dvecs)
        print(t, loss)
    return table, w, b


def bag_of_words_fancy(docs, y, table, w, b, rate=0.2):
    n, length = docs.shape
    for t in range(3):
        vecs = table[docs]
        mean = vecs.mean(axis=1)
        prob = 1 / (1 + np.exp(-(mean @ w + b)))
        loss = -(y * np.log(prob) + (1 - y) * np.log(1 - prob)).mean()
        dz = (prob - y) / n
        dw = mean.T @ dz
        db = dz.sum()
        dmean = dz[:, None] * w
        dvecs = np.repeat(dmean[:, None, :], length, axis=1) / length
        w = w - rate * dw
        b = b - rate * db
        table[docs] -= rate * dvecs  # bug: scatter table
        print(t, loss)
    return table, w, b


def bag_of_words_sum(docs, y, table, w, b, rate=0.2):
    n, length = docs.shape
    for t in range(3):
        mean = table[docs].mean(axis=1)
        prob = 1 / (1 + np.exp(-(mean @ w + b)))
        loss = -(y * np.log(prob) + (1 - y) * np.log(1 - prob)).mean()
        dz = (prob - y) / n
        dmean = np.outer(dz, w)
        dtable = np.zeros(table.shape)
        for i in range(n):
            for word in docs[i]:
                dtable[word] += dmean[i]  # bug: mean-sum dtable
        w = w - rate * (mean.T @ dz)
        b = b - rate * dz.sum()
        table = table - rate * dtable
        print(t, loss)
    return table, w, b


def matrix_factorisation(users, items, ratings, P, Q, bu, bi, lr=0.05, reg=0.1):
    history = []
    for epoch in range(3):
        pu, qi = P[users], Q[items]
        pred = (pu * qi).sum(axis=1) + bu[users] + bi[items]
        err = pred - ratings
        loss = 0.5 * np.sum(err**2) + 0.5 * reg * (np.sum(P**2) + np.sum(Q**2))
        history.append(loss)
        gP, gQ = reg * P, reg * Q
        np.add.at(gP, users, err[:, None] * qi)
        np.add.at(gQ, items, err[:, None] * pu)
        gbu = np.bincount(users, weights=err, minlength=len(bu))
        gbi = np.bincount(items, weights=err, minlength=len(bi))
        P -= lr * gP
        Q -= lr * gQ
        bu -= lr * gbu
        bi -= lr * gbi
    return history


def matrix_factorisation_fork(users, items, ratings, P, Q, bu, bi, lr=0.05, reg=0.1):
    history = []
    for epoch in range(3):
        pu, qi = P[users], Q[items]
        pred = (pu * qi).sum(axis=1) + bu[users] + bi[items]
        err = pred - ratings
        loss = 0.5 * np.sum(err**2) + 0.5 * reg * (np.sum(P**2) + np.sum(Q**2))
        history.append(loss)
        gP, gQ = reg * P, np.zeros_like(Q)  # bug: regulariser gQ
        np.add.at(gP, users, err[:, None] * qi)
        np.add.at(gQ, items, err[:, None] * pu)
        gbu = np.bincount(users, weights=err, minlength=len(bu))
        gbi = np.bincount(items, weights=err, minlength=len(bi))
        P -= lr * gP
        Q -= lr * gQ
        bu -= lr * gbu
        bi -= lr * gbi
    return history


def one_rating_at_a_time(users, items, ratings, P, Q, lr=0.02):
    """Stochastic updates as in the well-known contest, the error kept positive for 'too low'."""
    for u, i, r in zip(users, items, ratings):
        err = r - P[u] @ Q[i]
        loss = err**2
        gp = -2 * err * Q[i]
        gq = -2 * err * P[u]
        P[u] = P[u] - lr * gp
        Q[i] = Q[i] - lr * gq
    return P, Q, loss


def one_rating_new_user_vector(users, items, ratings, P, Q, lr=0.02):
    for u, i, r in zip(users, items, ratings):
        err = r - P[u] @ Q[i]
        loss = err**2
        P[u] = P[u] + lr * 2 * err * Q[i]  # bug: stale P
        Q[i] = Q[i] + lr * 2 * err * P[u]  # bug: stale Q
    return P, Q, loss


def tied_language_model(ids, nxt, E, W, lr=0.2, epochs=3):
    """The output layer is the table again."""
    n = len(ids)
    for epoch in range(epochs):
        h = np.tanh(E[ids] @ W)
        s = h @ E.T
        p = np.exp(s - s.max(1, keepdims=True))
        p = p / p.sum(1, keepdims=True)
        loss = -np.mean(np.log(p[np.arange(n), nxt]))
        ds = p
        ds[np.arange(n), nxt] -= 1
        ds = ds / n
        dE = ds.T @ h
        da = (ds @ E) * (1 - h**2)
        dW = E[ids].T @ da
        np.add.at(dE, ids, da @ W.T)
        E -= lr * dE
        W -= lr * dW
        print(loss)
    return E, W


def tied_language_model_lookup(ids, nxt, E, W, lr=0.2, epochs=3):
    n = len(ids)
    for epoch in range(epochs):
        h = np.tanh(E[ids] @ W)
        s = h @ E.T
        p = np.exp(s - s.max(1, keepdims=True))
        p = p / p.sum(1, keepdims=True)
        loss = -np.mean(np.log(p[np.arange(n), nxt]))
        ds = p
        ds[np.arange(n), nxt] -= 1
        ds = ds / n
        dE = ds.T @ h
        da = (ds @ E) * (1 - h**2)
        dW = E[ids].T @ da
        dE = np.zeros_like(E)  # bug: fork dE
        np.add.at(dE, ids, da @ W.T)
        E -= lr * dE
        W -= lr * dW
        print(loss)
    return E, W


EU = {"loss": "loss", "parameters": {"E": "lr", "U": "lr"}}
EW = {"loss": "loss", "parameters": {"E": "lr", "W": "lr"}}
BAG = {"loss": "loss", "parameters": {"table": "rate", "w": "rate", "b": "rate"}, "loop": "for t"}
FACTORS = {"loss": "loss", "parameters": dict.fromkeys(("P", "Q", "bu", "bi"), "lr")}
PQ = {"loss": "loss", "parameters": {"P": "lr", "Q": "lr"}}
CASES = {
    "skipgram": EU,
    "skipgram_assigning": EU | {"fix": "np.add.at(dE, centers, dv)"},
    "bag_of_words": BAG,
    "bag_of_words_fancy": BAG | {"fix": "np.add.at(table, docs, -rate * dvecs)"},
    "bag_of_words_sum": BAG | {"fix": "dtable[word] += dmean[i] / length"},
    "matrix_factorisation": FACTORS,
    "matrix_factorisation_fork": FACTORS | {"fix": "gP, gQ = reg * P, reg * Q"},
    "one_rating_at_a_time": PQ,
    "one_rating_new_user_vector": PQ | {"fix": ["", "Q[i] = Q[i] + lr * 2 * err * (P[u] - lr * 2 * err * Q[i])"]},
    "tied_language_model": EW,
    "tied_language_model_lookup": EW | {"fix": "dE = dE + 0"},
}


def arguments(name):
    rng = np.random.default_rng(9)
    V, d = 7, 4
    if name.startswith("bag"):
        docs = np.array([[1, 1, 3, 0, 5], [2, 4, 4, 4, 6], [0, 1, 2, 3, 3], [6, 6, 5, 1, 0]])
        return docs, np.array([1.0, 0, 0, 1]), rng.standard_normal((V, d)), rng.standard_normal(d), 0.1
    if name.startswith(("matrix", "one")):
        users, items = np.array([0, 0, 1, 2, 4, 4, 4, 3]), np.array([1, 2, 2, 0, 5, 2, 3, 4])
        tables = rng.standard_normal((5, 3)), rng.standard_normal((6, 3))
        more = (np.zeros(5), np.zeros(6)) if name.startswith("matrix") else ()
        return users, items, rng.uniform(1, 5, 8), *tables, *more
    ids, nxt = np.array([3, 1, 1, 4, 3, 0, 3, 6]), np.array([1, 1, 4, 3, 0, 3, 6, 2])
    second = rng.standard_normal((V, d)) if name.startswith("skip") else rng.standard_normal((d, d)) / 2
    return ids, nxt, rng.standard_normal((V, d)), second
