"""Ridge and logistic regression, softmax-free: the first chapters of every course."""

import numpy as np


def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))


def ridge(X, y, w, b, lam=0.7, lr=0.05, iters=4):
    n = len(y)
    for i in range(iters):
        r = X @ w + b - y
        loss = r @ r / (2 * n) + lam / 2 * (w @ w)
        gw = X.T @ r / n + lam * w
        gb = r.mean()
        w = w - lr * gw
        b = b - lr * gb
        print(i, round(loss, 5))
    return w, b


def ridge_without_penalty(X, y, w, b, lam=0.7, lr=0.05, iters=4):
    n = len(y)
    for i in range(iters):
        r = X @ w + b - y
        loss = r @ r / (2 * n) + lam / 2 * (w @ w)
        gw = X.T @ r / n  # bug: regulariser gw
        gb = r.mean()
        w = w - lr * gw
        b = b - lr * gb
        print(i, round(loss, 5))
    return w, b


def ridge_decayed(X, y, w, lam=0.3, lr=0.05, iters=4):
    for i in range(iters):
        pred = X @ w
        loss = np.sum((pred - y) ** 2) + lam * np.sum(w**2)
        grad = 2 * X.T @ (pred - y) + 2 * lam * w  # bug: regulariser grad
        w = w * (1 - 2 * lr * lam) - lr * grad  # bug: regulariser w
    return w, loss


def least_squares(A, b, x, step=0.01):
    """Gradient descent on |Ax - b|^2."""
    for k in range(5):
        r = A @ x - b
        f = np.dot(r, r)
        g = A.T @ r  # bug: factor g
        x = x - step * g
        print("f =", f)
    return x


def rate_twice(A, b, x, step=0.1):
    for k in range(5):
        r = A @ x - b
        f = 0.5 * np.dot(r, r)
        g = step * (A.T @ r)  # bug: factor g
        x = x - step * g  # bug: factor x
        print("f =", f)
    return x


def noise_estimate(X, y, w):
    """Unbiased residual variance as the objective."""
    n = X.shape[0]
    r = y - X @ w
    s2 = np.sum(r**2) / (n - 1)
    grad = -2 * X.T @ r / n  # bug: bessel grad
    return s2, grad


def logistic(X, y, w, b, lr=0.5, n_iter=3):
    m = X.shape[0]
    costs = []
    for _ in range(n_iter):
        a = sigmoid(X @ w + b)
        cost = -np.mean(y * np.log(a) + (1 - y) * np.log(1 - a))
        costs.append(cost)
        dw = X.T @ (a - y) / m
        db = np.sum(a - y) / m
        w -= lr * dw
        b -= lr * db
    return w, b, costs


def logistic_ascent(X, y, w, b, lr=0.5, n_iter=3):
    m = X.shape[0]
    costs = []
    for _ in range(n_iter):
        a = sigmoid(X @ w + b)
        cost = -np.mean(y * np.log(a) + (1 - y) * np.log(1 - a))
        costs.append(cost)
        dw = X.T @ (a - y) / m
        db = np.sum(a - y) / m
        w += lr * dw  # bug: sign w
        b -= lr * db
    return w, b, costs


def logistic_squared_error(X, y, w, lr=0.5, n_iter=3):
    m = X.shape[0]
    for _ in range(n_iter):
        z = X @ w
        a = sigmoid(z)
        J = 0.5 / m * np.sum((a - y) ** 2)
        da = (a - y) / m
        dz = da * z * (1 - z)  # bug: activation dz
        w -= lr * X.T @ dz
        print(J)
    return w


def logistic_column(theta, X, y):
    """Cost and gradient for an optimiser; theta is flat."""
    m = y.size
    h = sigmoid(X.dot(theta))
    J = -(y.dot(np.log(h)) + (1 - y).dot(np.log(1 - h))) / m
    grad = X.T.dot((h - y).reshape(-1, 1)) / m  # bug: shape grad
    return J, grad


def logistic_cost(theta, X, y, lam):
    """The intercept is not penalised."""
    m = y.size
    h = sigmoid(X.dot(theta))
    J = -(y.dot(np.log(h)) + (1 - y).dot(np.log(1 - h))) / m + lam / (2 * m) * np.sum(theta[1:] ** 2)
    grad = X.T.dot(h - y) / m
    grad[1:] = grad[1:] + lam / m * theta[1:]
    return J, grad


def logistic_cost_penalty_per_example(theta, X, y, lam):
    m = y.size
    h = sigmoid(X.dot(theta))
    J = -(y.dot(np.log(h)) + (1 - y).dot(np.log(1 - h))) / m + lam / (2 * m) * np.sum(theta[1:] ** 2)
    grad = X.T.dot(h - y) / m
    grad[1:] = grad[1:] + lam * theta[1:]  # bug: mean-sum|regulariser grad
    return J, grad


def huber(X, y, w, delta=0.8, lr=0.1):
    for _ in range(4):
        r = X @ w - y
        small = np.abs(r) <= delta
        loss = np.where(small, 0.5 * r**2, delta * (np.abs(r) - 0.5 * delta)).mean()
        dr = np.where(small, r, delta * np.sign(r)) / r.size
        w = w - lr * X.T @ dr
        print(loss)
    return w


def huber_inverted(X, y, w, delta=0.8, lr=0.1):
    for _ in range(4):
        r = X @ w - y
        small = np.abs(r) <= delta
        loss = np.where(small, 0.5 * r**2, delta * (np.abs(r) - 0.5 * delta)).mean()
        dr = np.where(small, delta * np.sign(r), r) / r.size  # bug: mask dr
        w = w - lr * X.T @ dr
        print(loss)
    return w


def hinge(X, y, w, b, C=2.0, lr=0.01, epochs=3):
    """Some margins are one exactly at the start."""
    for epoch in range(epochs):
        margin = y * (X @ w + b)
        loss = 0.5 * np.dot(w, w) + C * np.maximum(0, 1 - margin).sum()
        active = margin < 1
        dw = w - C * X[active].T @ y[active]
        db = -C * y[active].sum()
        w = w - lr * dw
        b = b - lr * db
        print(epoch, loss)
    return w, b


def lasso(X, y, w, lam=0.2, lr=0.02):
    """Starts at zero for half of the weights."""
    objective = []
    for _ in range(3):
        e = X @ w - y
        loss = (e * e).mean() + lam * np.abs(w).sum()
        objective.append(loss)
        g = 2 * X.T @ e / e.size + lam * np.sign(w)
        w = w - lr * g
    return w, objective


def nesterov(A, b, x, step=0.01, mu=0.8):
    v = np.zeros_like(x)
    for _ in range(4):
        ahead = x + mu * v
        r = A @ ahead - b
        f = 0.5 * r.dot(r)
        g = A.T.dot(r)
        v = mu * v - step * g
        x = x + v
    print(f)
    return x


def decoupled_decay(X, y, w, b, lr=0.1, wd=0.05, epochs=3):
    for _ in range(epochs):
        p = sigmoid(X @ w + b)
        loss = -(y * np.log(p) + (1 - y) * np.log(1 - p)).sum()
        d = p - y
        gw, gb = X.T @ d, d.sum()
        w = (1 - lr * wd) * w - lr * gw
        b = b - lr * gb
    return w, b, loss


def standardised(X, y, w, b, lr=0.1, epochs=3):
    """The features are standardised first; these statistics take no gradient."""
    mu, sd = X.mean(axis=0), X.std(axis=0, ddof=1)
    Z = (X - mu) / sd
    for _ in range(epochs):
        p = Z @ w + b
        mse = ((p - y) ** 2).mean()
        r2 = 1 - mse / y.var()
        g = 2 * (p - y) / len(y)
        w -= lr * (g @ Z)
        b -= lr * g.sum()
        print(f"mse {mse:.3f} r2 {r2:.3f}")
    return w, b


WB = {"loss": "loss", "parameters": {"w": "lr", "b": "lr"}}
W = {"loss": "loss", "parameters": {"w": "lr"}}
COST = WB | {"loss": "cost"}
X = {"loss": "f", "parameters": {"x": "step"}}
THETA = {"loss": "J", "parameters": {"theta": "=grad"}}
CASES = {
    "ridge": WB,
    "ridge_without_penalty": WB | {"fix": "gw = X.T @ r / n + lam * w"},
    "ridge_decayed": W | {"fix": ["grad = 2 * X.T @ (pred - y)", "w = w - lr * grad"]},
    "least_squares": X | {"fix": "g = 2 * A.T @ r"},
    "rate_twice": X | {"fix": ["g = A.T @ r", "x = x - g"]},
    "noise_estimate": {"loss": "s2", "parameters": {"w": "=grad"}, "fix": "grad = -2 * X.T @ r / (n - 1)"},
    "logistic": COST,
    "logistic_ascent": COST | {"fix": "w -= lr * dw"},
    "logistic_squared_error": W | {"loss": "J", "fix": "dz = da * a * (1 - a)"},
    "logistic_column": THETA | {"fix": "grad = X.T.dot(h - y) / m"},
    "logistic_cost": THETA,
    "logistic_cost_penalty_per_example": THETA | {"fix": "grad[1:] = grad[1:] + lam / m * theta[1:]"},
    "huber": W,
    "huber_inverted": W | {"fix": "dr = np.where(small, r, delta * np.sign(r)) / r.size"},
    "hinge": WB | {"kink": True},
    "lasso": W | {"kink": True},
    "nesterov": {"loss": "f", "parameters": {"x": "=g"}},
    "decoupled_decay": {"loss": "loss", "parameters": {"w": "=gw", "b": "lr"}},
    "standardised": WB | {"loss": "mse"},
}


def arguments(name):
    rng = np.random.default_rng(3)
    n, d = 12, 5
    X, w = rng.standard_normal((n, d)), rng.standard_normal(d) / 2
    if name.startswith("logistic_cost"):
        X[:, 0] = 1
        return w, X, rng.integers(0, 2, n).astype(float), 1.5
    if name == "logistic_column":
        return w, X, rng.integers(0, 2, n).astype(float)
    if name in ("logistic", "logistic_ascent", "decoupled_decay"):
        return X, rng.integers(0, 2, n).astype(float), w, 0.1
    if name == "logistic_squared_error":
        return X, rng.integers(0, 2, n).astype(float), w
    if name == "hinge":
        X = rng.integers(-2, 3, (n, d)).astype(float)
        return X, rng.choice([-1.0, 1.0], n), np.array([1.0, 0, -1, 0, 0]), 0.0
    if name == "lasso":
        return X, rng.standard_normal(n), w * np.array([1, 0, 1, 0, 0])
    if name in ("ridge", "ridge_without_penalty", "standardised"):
        return X, rng.standard_normal(n), w, 0.2
    return X, rng.standard_normal(n), w
