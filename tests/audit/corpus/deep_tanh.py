"""Deep tanh nets, written by people who like loops and by people who do not."""

import numpy as np


def init(sizes, seed):
    rng = np.random.default_rng(seed)
    weights = [rng.standard_normal((m, n)) / np.sqrt(m) for m, n in zip(sizes[:-1], sizes[1:])]
    biases = [rng.standard_normal(n) / 5 for n in sizes[1:]]
    return weights, biases


def layers_in_lists(x, y, sizes=(4, 6, 5, 3), lr=0.05, n_epochs=3):
    weights, biases = init(sizes, 0)
    for epoch in range(n_epochs):
        activations = [x]
        for w, b in zip(weights, biases):
            activations.append(np.tanh(activations[-1] @ w + b))
        loss = 0.5 * np.sum((activations[-1] - y) ** 2) / len(x)

        delta = (activations[-1] - y) / len(x)
        for i in reversed(range(len(weights))):
            delta = delta * (1 - activations[i + 1] ** 2)
            grad_w = activations[i].T @ delta
            grad_b = delta.sum(axis=0)
            delta = delta @ weights[i].T
            weights[i] -= lr * grad_w
            biases[i] -= lr * grad_b
        print(epoch, loss)
    return weights, biases


def layers_updated_too_soon(x, y, sizes=(4, 6, 5, 3), lr=0.4, n_epochs=3):
    weights, biases = init(sizes, 0)
    for epoch in range(n_epochs):
        activations = [x]
        for w, b in zip(weights, biases):
            activations.append(np.tanh(activations[-1] @ w + b))
        loss = 0.5 * np.sum((activations[-1] - y) ** 2) / len(x)

        delta = (activations[-1] - y) / len(x)
        for i in reversed(range(len(weights))):
            delta = delta * (1 - activations[i + 1] ** 2)
            grad_w = activations[i].T @ delta
            grad_b = delta.sum(axis=0)
            weights[i] -= lr * grad_w  # bug: stale weights[i]
            biases[i] -= lr * grad_b
            delta = delta @ weights[i].T  # bug: stale delta
        print(epoch, loss)
    return weights, biases


def three_layers(x, t, p, eta=0.03):
    w1, w2, w3 = p
    for k in range(4):
        u1 = x @ w1
        v1 = np.tanh(u1)
        u2 = v1 @ w2
        v2 = np.tanh(u2)
        o = v2 @ w3
        j = np.sum((o - t) ** 2)
        do = 2 * (o - t)
        dw3 = v2.T @ do
        dv2 = do @ w3.T
        du2 = dv2 * (1 - u2**2)  # bug: activation du2
        dw2 = v1.T @ du2
        dv1 = du2 @ w2.T
        du1 = dv1 * (1 - v1**2)
        dw1 = x.T @ du1
        for w, dw in zip((w1, w2, w3), (dw1, dw2, dw3)):
            w -= eta * dw
    return j


def three_layers_linear_middle(x, t, p, eta=0.03):
    w1, w2, w3 = p
    for k in range(4):
        v1 = np.tanh(x @ w1)
        v2 = np.tanh(v1 @ w2)
        o = v2 @ w3
        j = np.sum((o - t) ** 2)
        do = 2 * (o - t)
        dw3 = v2.T @ do
        dv2 = do @ w3.T
        dw2 = v1.T @ dv2  # bug: activation|wrong-operand dw2
        du2 = dv2 * (1 - v2**2)
        dv1 = du2 @ w2.T
        du1 = dv1 * (1 - v1**2)
        dw1 = x.T @ du1
        for w, dw in zip((w1, w2, w3), (dw1, dw2, dw3)):
            w -= eta * dw
    return j


def square_layers(x, t, w1, w2, w3, lr=0.02, epochs=3):
    for e in range(epochs):
        h1 = np.tanh(x @ w1)
        h2 = np.tanh(h1 @ w2)
        out = h2 @ w3
        err = out - t
        loss = np.mean(err**2)
        g_out = 2 * err / err.size
        g_w3 = h2.T @ g_out
        g_h2 = g_out @ w3.T
        g_a2 = g_h2 * (1 - h2**2)
        g_w2 = h1.T @ g_a2
        g_h1 = g_a2 @ w2  # bug: transpose g_h1
        g_a1 = g_h1 * (1 - h1**2)
        g_w1 = x.T @ g_a1
        w1 = w1 - lr * g_w1
        w2 = w2 - lr * g_w2
        w3 = w3 - lr * g_w3
    print(loss)
    return w1, w2, w3


def square_layers_swapped(x, t, w1, w2, w3, lr=0.02, epochs=3):
    for e in range(epochs):
        h1 = np.tanh(x @ w1)
        h2 = np.tanh(h1 @ w2)
        h3 = np.tanh(h2 @ w3)
        err = h3.sum(axis=1) - t
        loss = np.mean(err**2)
        g_h3 = 2 * err[:, None] / err.size
        g_a3 = g_h3 * (1 - h3**2)
        g_w3 = h2.T @ g_a3
        g_h2 = g_a3 @ w2.T  # bug: wrong-operand g_h2
        g_a2 = g_h2 * (1 - h2**2)
        g_w2 = h1.T @ g_a2
        g_h1 = g_a2 @ w2.T
        g_a1 = g_h1 * (1 - h1**2)
        g_w1 = x.T @ g_a1
        w1 = w1 - lr * g_w1
        w2 = w2 - lr * g_w2
        w3 = w3 - lr * g_w3
    print(loss)
    return w1, w2, w3


def zeroed_once(x, y, params, lr=0.02, epochs=3):
    grads = {k: np.zeros_like(v) for k, v in params.items()}  # bug: accumulate grads
    for epoch in range(epochs):
        a1 = np.tanh(x @ params["w1"] + params["b1"])
        a2 = np.tanh(a1 @ params["w2"] + params["b2"])
        diff = a2 @ params["w3"] - y
        loss = 0.5 * np.sum(diff * diff)
        grads["w3"] += a2.T @ diff
        d2 = diff @ params["w3"].T * (1 - a2**2)
        grads["w2"] += a1.T @ d2
        grads["b2"] += d2.sum(0)
        d1 = d2 @ params["w2"].T * (1 - a1**2)
        grads["w1"] += x.T @ d1
        grads["b1"] += d1.sum(0)
        for k in params:
            params[k] -= lr * grads[k]
        print("loss:", loss)
    return params


def microbatches(x, y, params, lr=0.02, epochs=2, parts=3):
    for epoch in range(epochs):
        grads = {k: np.zeros_like(v) for k, v in params.items()}
        loss = 0.0
        for xb, yb in zip(np.array_split(x, parts), np.array_split(y, parts)):
            a1 = np.tanh(xb @ params["w1"] + params["b1"])
            a2 = np.tanh(a1 @ params["w2"] + params["b2"])
            diff = a2 @ params["w3"] - yb
            loss += 0.5 * np.sum(diff * diff) / len(x)
            diff = diff / len(x)
            grads["w3"] += a2.T @ diff
            d2 = diff @ params["w3"].T * (1 - a2**2)
            grads["w2"] += a1.T @ d2
            grads["b2"] += d2.sum(0)
            d1 = d2 @ params["w2"].T * (1 - a1**2)
            grads["w1"] += xb.T @ d1
            grads["b1"] += d1.sum(0)
        for k in params:
            params[k] -= lr * grads[k]
        print("loss:", loss)
    return params


def clipped(x, t, p, eta=0.1, limit=1.0):
    w1, w2, w3 = p
    for step in range(3):
        v1 = np.tanh(x @ w1)
        v2 = np.tanh(v1 @ w2)
        o = v2 @ w3
        j = np.sum((o - t) ** 2)
        do = 2 * (o - t)
        dw3 = v2.T @ do
        du2 = do @ w3.T * (1 - v2**2)
        dw2 = v1.T @ du2
        du1 = du2 @ w2.T * (1 - v1**2)
        dw1 = x.T @ du1
        grads = [dw1, dw2, dw3]
        norm = np.sqrt(sum(np.sum(g**2) for g in grads))
        if norm > limit:
            grads = [g * (limit / norm) for g in grads]
        for w, g in zip([w1, w2, w3], grads):
            w -= eta * g
    return j, norm


def skip_connection_lost(x, t, w1, w2, w3, lr=0.02, epochs=3):
    for e in range(epochs):
        h1 = np.tanh(x @ w1)
        h2 = h1 + np.tanh(h1 @ w2)
        out = h2 @ w3
        err = out - t
        loss = 0.5 * np.sum(err**2)
        gw3 = h2.T @ err
        gh2 = err @ w3.T
        ga2 = gh2 * (1 - (h2 - h1) ** 2)
        gw2 = h1.T @ ga2
        gh1 = ga2 @ w2.T  # bug: fork gh1
        gw1 = x.T @ (gh1 * (1 - h1**2))
        w1 -= lr * gw1
        w2 -= lr * gw2
        w3 -= lr * gw3
    return loss


def wrong_bias(x, y, params, lr=0.05, epochs=3):
    w1, b1, w2, b2, w3 = params
    for epoch in range(epochs):
        a1 = np.tanh(x @ w1 + b1)
        a2 = np.tanh(a1 @ w2 + b2)
        diff = a2 @ w3 - y
        loss = 0.5 * np.mean(np.sum(diff * diff, axis=1))
        d3 = diff / x.shape[0]
        d2 = d3 @ w3.T * (1 - a2**2)
        d1 = d2 @ w2.T * (1 - a1**2)
        w3 -= lr * a2.T @ d3
        w2 -= lr * a1.T @ d2
        w1 -= lr * x.T @ d1
        b2 -= lr * d2.sum(0)
        b2 -= lr * d1.sum(0)  # bug: wrong-parameter b1
    return loss


ETA3 = {"loss": "j", "parameters": {"w1": "eta", "w2": "eta", "w3": "eta"}}
LR3 = {"loss": "loss", "parameters": {"w1": "lr", "w2": "lr", "w3": "lr"}}
LISTS = {"loss": "loss", "loop": "for epoch"}
LISTS["parameters"] = {f"{a}[{i}]": "lr" for a in ("weights", "biases") for i in range(3)}
DICTS = {"loss": "loss", "loop": "for epoch"}
DICTS["parameters"] = {f"params['{k}']": "lr" for k in ("w1", "b1", "w2", "b2", "w3")}
CASES = {
    "layers_in_lists": LISTS,
    "layers_updated_too_soon": LISTS | {"fix": ["", "delta = delta @ (weights[i] + lr * grad_w).T"]},
    "three_layers": ETA3 | {"fix": "du2 = dv2 * (1 - v2**2)"},
    "three_layers_linear_middle": ETA3 | {"fix": "dw2 = v1.T @ (dv2 * (1 - v2**2))"},
    "square_layers": LR3 | {"fix": "g_h1 = g_a2 @ w2.T"},
    "square_layers_swapped": LR3 | {"fix": "g_h2 = g_a3 @ w3.T"},
    "zeroed_once": DICTS
    | {
        "fix": {
            "for epoch": "for epoch in range(epochs):\n    grads = {k: np.zeros_like(v) for k, v in params.items()}"
        }
    },
    "microbatches": DICTS,
    "clipped": {"loss": "j", "parameters": {"w1": "=dw1", "w2": "=dw2", "w3": "=dw3"}},
    "skip_connection_lost": LR3 | {"fix": "gh1 = gh2 + ga2 @ w2.T"},
    "wrong_bias": {
        "loss": "loss",
        "parameters": {k: "lr" for k in ("w1", "b1", "w2", "b2", "w3")},
        "fix": "b1 -= lr * d1.sum(0)",
    },
}


def arguments(name):
    rng = np.random.default_rng(2)
    if name in ("layers_in_lists", "layers_updated_too_soon"):
        return rng.standard_normal((7, 4)), rng.uniform(-0.8, 0.8, (7, 3))
    if name in ("three_layers", "three_layers_linear_middle", "clipped"):
        sizes = (3, 6, 5, 2)
        p = [rng.standard_normal(s) / np.sqrt(s[0]) for s in zip(sizes, sizes[1:])]
        return rng.standard_normal((8, 3)), rng.standard_normal((8, 2)), p
    if name in ("square_layers", "skip_connection_lost", "square_layers_swapped"):
        n, d, h, k = 9, 4, 5, 2
        w3 = rng.standard_normal((h, h if "swapped" in name else k)) / 2
        t = rng.standard_normal(n if "swapped" in name else (n, k))
        return rng.standard_normal((n, d)), t, rng.standard_normal((d, h)) / 2, rng.standard_normal((h, h)) / 2, w3
    n, d, h1, h2, k = 8, 5, 7, 7 if name == "wrong_bias" else 6, 3
    shapes = {"w1": (d, h1), "b1": h1, "w2": (h1, h2), "b2": h2, "w3": (h2, k)}
    params = {key: rng.standard_normal(s) / 2 for key, s in shapes.items()}
    data = rng.standard_normal((n, d)), rng.standard_normal((n, k))
    return *data, list(params.values()) if name == "wrong_bias" else params
