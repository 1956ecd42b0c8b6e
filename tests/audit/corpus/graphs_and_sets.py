"""Graph convolutions, sets with padding, pairs and triplets."""

import numpy as np


def gcn(A, X, Y, W0, W1, lr=0.2, epochs=3):
    """A is normalised by rows, so it is not symmetric."""
    for epoch in range(epochs):
        H0 = A @ X @ W0
        R0 = np.maximum(H0, 0)
        H1 = A @ R0 @ W1
        P = np.exp(H1) / np.exp(H1).sum(axis=1)[:, None]
        loss = -(Y * np.log(P)).sum() / len(Y)
        G1 = (P - Y) / len(Y)
        AG1 = A.T @ G1
        dW1 = R0.T @ AG1
        G0 = AG1 @ W1.T * (H0 > 0)
        dW0 = (A @ X).T @ G0
        W0, W1 = W0 - lr * dW0, W1 - lr * dW1
    return W0, W1, loss


def gcn_messages(A, X, Y, W0, W1, lr=0.2, epochs=3):
    for epoch in range(epochs):
        H0 = A @ X @ W0
        R0 = np.maximum(H0, 0)
        H1 = A @ R0 @ W1
        P = np.exp(H1) / np.exp(H1).sum(axis=1)[:, None]
        loss = -(Y * np.log(P)).sum() / len(Y)
        G1 = (P - Y) / len(Y)
        AG1 = A @ G1  # bug: transpose AG1
        dW1 = R0.T @ AG1
        G0 = AG1 @ W1.T * (H0 > 0)
        dW0 = (A @ X).T @ G0
        W0, W1 = W0 - lr * dW0, W1 - lr * dW1
    return W0, W1, loss


def gcn_labelled_nodes(A, X, Y, known, W0, W1, lr=0.2, epochs=3):
    """Only some nodes carry a label."""
    count = known.sum()
    for epoch in range(epochs):
        H0 = A @ X @ W0
        R0 = np.maximum(H0, 0)
        H1 = A @ R0 @ W1
        P = np.exp(H1) / np.exp(H1).sum(axis=1)[:, None]
        loss = -(Y * np.log(P))[known].sum() / count
        accuracy = (P.argmax(1) == Y.argmax(1))[known].mean()
        G1 = (P - Y) / count  # bug: mask G1
        AG1 = A.T @ G1
        dW1 = R0.T @ AG1
        G0 = AG1 @ W1.T * (H0 > 0)
        dW0 = (A @ X).T @ G0
        W0, W1 = W0 - lr * dW0, W1 - lr * dW1
        print(loss, accuracy)
    return W0, W1


class DeepSet:
    """phi on each element, the mean of those present, rho on top."""

    def __init__(self, d, h, seed):
        r = np.random.default_rng(seed)
        self.phi, self.rho = r.normal(size=(d, h)), r.normal(size=h)

    def train(self, sets, present, y, lr=0.05):
        for _ in range(3):
            e = np.tanh(sets @ self.phi)
            sizes = present.sum(axis=1, keepdims=True)
            pooled = (e * present[..., None]).sum(axis=1) / sizes
            d = pooled @ self.rho - y
            loss = 0.5 * (d**2).sum()
            g_rho = pooled.T @ d
            g_pooled = d[:, None] * self.rho
            g_e = (g_pooled / sizes)[:, None, :] * present[..., None]
            g_phi = np.tensordot(sets, g_e * (1 - e**2), axes=[(0, 1), (0, 1)])
            self.phi -= lr * g_phi
            self.rho -= lr * g_rho
        return loss


class DeepSetPadded(DeepSet):
    def train(self, sets, present, y, lr=0.05):
        for _ in range(3):
            e = np.tanh(sets @ self.phi)
            sizes = present.sum(axis=1, keepdims=True)
            pooled = (e * present[..., None]).sum(axis=1) / sizes
            d = pooled @ self.rho - y
            loss = 0.5 * (d**2).sum()
            g_rho = pooled.T @ d
            g_pooled = d[:, None] * self.rho
            g_e = (g_pooled / sets.shape[1])[:, None, :] * present[..., None]  # bug: mean-sum g_e
            g_phi = np.tensordot(sets, g_e * (1 - e**2), axes=[(0, 1), (0, 1)])
            self.phi -= lr * g_phi
            self.rho -= lr * g_rho
        return loss


def siamese(left, right, same, W, margin=1.0, lr=0.05):
    """Contrastive loss on squared distances; both sides go through W."""
    for _ in range(3):
        u, v = np.tanh(left @ W), np.tanh(right @ W)
        gap = u - v
        d2 = (gap**2).sum(axis=1)
        hinge = np.maximum(0, margin - d2)
        cost = np.where(same, d2, hinge).sum()
        g_d2 = np.where(same, 1.0, -1.0 * (d2 < margin))
        g_gap = 2 * g_d2[:, None] * gap
        dW = left.T @ (g_gap * (1 - u**2))  # bug: fork dW
        dW = right.T @ (-g_gap * (1 - v**2))  # bug: fork dW
        W = W - lr * dW
    return W, cost


def siamese_right(left, right, same, W, margin=1.0, lr=0.05):
    for _ in range(3):
        u, v = np.tanh(left @ W), np.tanh(right @ W)
        gap = u - v
        d2 = (gap**2).sum(axis=1)
        hinge = np.maximum(0, margin - d2)
        cost = np.where(same, d2, hinge).sum()
        g_d2 = np.where(same, 1.0, -1.0 * (d2 < margin))
        g_gap = 2 * g_d2[:, None] * gap
        dW = left.T @ (g_gap * (1 - u**2))
        dW += right.T @ (-g_gap * (1 - v**2))
        W = W - lr * dW
    return W, cost


def bilinear(a, b, y, M, lr=0.1):
    """A score a' M b for each pair, logistic loss."""
    n = y.shape[0]
    for k in range(3):
        score = ((a @ M) * b).sum(axis=1)
        p = 1 / (1 + np.exp(-score))
        loss = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
        e = (p - y) / n
        gM = (b * e[:, None]).T @ a  # bug: transpose gM
        M = M - lr * gM
    return M, loss


def edge_scatter(src, dst, x, y, W, v, lr=0.05):
    """Messages along an edge list, summed at the target node; returns gradients only."""
    msg = np.tanh(x[src] @ W)
    node = np.zeros((len(x), W.shape[1]))
    np.add.at(node, dst, msg)
    out = node @ v
    loss = ((out - y) ** 2).mean()
    g_out = 2 * (out - y) / len(y)
    g_v = node.T @ g_out
    g_node = g_out[:, None] * v
    g_msg = g_node[src]  # bug: wrong-operand g_msg
    g_W = x[src].T @ (g_msg * (1 - msg**2))
    return loss, (g_W, g_v)


def learned_nodes(src, dst, table, y, v, lr=0.1):
    """Node vectors are parameters; a node with several edges gets the sum."""
    for step in range(3):
        diff = table[src] - table[dst]
        pred = diff @ v
        sq = 0.5 * np.sum((pred - y) ** 2)
        g = (pred - y)[:, None] * v
        gv = diff.T @ (pred - y)
        gt = np.zeros_like(table)
        gt[src] += g  # bug: scatter gt
        np.subtract.at(gt, dst, g)
        table -= lr * gt
        v -= lr * gv
        print(step, sq)
    return table, v


GCN = {"loss": "loss", "parameters": {"W0": "lr", "W1": "lr"}}
SET = {"loss": "loss", "parameters": {"self.phi": "lr", "self.rho": "lr"}}
CASES = {
    "gcn": GCN,
    "gcn_messages": GCN | {"fix": "AG1 = A.T @ G1"},
    "gcn_labelled_nodes": GCN | {"fix": "G1 = (P - Y) * known[:, None] / count"},
    "DeepSet.train": SET,
    "DeepSetPadded.train": SET | {"fix": "g_e = (g_pooled / sizes)[:, None, :] * present[..., None]"},
    "siamese": {"loss": "cost", "parameters": {"W": "lr"}, "fix": ["", "dW += right.T @ (-g_gap * (1 - v**2))"]},
    "siamese_right": {"loss": "cost", "parameters": {"W": "lr"}},
    "bilinear": {"loss": "loss", "parameters": {"M": "lr"}, "fix": "gM = a.T @ (b * e[:, None])"},
    "edge_scatter": {"loss": "loss", "parameters": {"W": "=g_W", "v": "=g_v"}, "fix": "g_msg = g_node[dst]"},
    "learned_nodes": {"loss": "sq", "parameters": {"table": "lr", "v": "lr"}, "fix": "np.add.at(gt, src, g)"},
}


def arguments(name):
    rng = np.random.default_rng(101)
    n, d, h, k = 7, 4, 5, 3
    if name.startswith("gcn"):
        A = np.eye(n) + (rng.random((n, n)) < 0.4)
        A /= A.sum(axis=1, keepdims=True)
        Y = np.eye(k)[rng.integers(0, k, n)]
        W = rng.standard_normal((d, h)), rng.standard_normal((h, k)) / 2
        known = (np.array([1, 0, 1, 1, 0, 1, 0], dtype=bool),) if "nodes" in name else ()
        return A, rng.standard_normal((n, d)), Y, *known, *W
    if name.startswith("Deep"):
        present = np.arange(6) < np.array([[3], [6], [2], [5]])
        net = globals()[name.split(".")[0]](d, h, 7)
        return net, rng.standard_normal((4, 6, d)), present.astype(float), rng.standard_normal(4)
    if name.startswith("siamese"):
        return (
            *rng.standard_normal((2, n, d)),
            np.array([1, 0, 1, 0, 0, 1, 0], dtype=bool),
            rng.standard_normal((d, 3)) / 3,
        )
    if name == "bilinear":
        return *rng.standard_normal((2, n, d)), rng.integers(0, 2, n).astype(float), rng.standard_normal((d, d)) / 2
    src, dst = np.array([0, 0, 1, 2, 5, 5, 6, 4]), np.array([1, 2, 2, 3, 0, 2, 4, 3])
    if name == "edge_scatter":
        return (
            src,
            dst,
            rng.standard_normal((n, d)),
            rng.standard_normal(n),
            rng.standard_normal((d, h)),
            rng.standard_normal(h),
        )
    return src, dst, rng.standard_normal((n, d)), rng.standard_normal(8), rng.standard_normal(d)
