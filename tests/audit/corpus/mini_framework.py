"""Classes: layers that know their own backward, and models that train themselves."""

import numpy as np


class Dense:
    def __init__(self, n_in, n_out, rng):
        self.W = rng.standard_normal((n_in, n_out)) / np.sqrt(n_in)
        self.b = rng.standard_normal(n_out) / 4

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, grad):
        self.dW = self.x.T @ grad
        self.db = grad.sum(axis=0)
        return grad @ self.W.T

    def step(self, lr):
        self.W -= lr * self.dW
        self.b -= lr * self.db


class ReLU:
    def forward(self, x):
        self.on = x > 0
        return x * self.on

    def backward(self, grad):
        return grad * self.on

    def step(self, lr):
        pass


class Sigmoid:
    def forward(self, x):
        self.out = 1 / (1 + np.exp(-x))
        return self.out

    def backward(self, grad):
        return grad * self.out * (1 - self.out)

    def step(self, lr):
        pass


class SigmoidOfInput(Sigmoid):
    def forward(self, x):
        self.x = x
        self.out = 1 / (1 + np.exp(-x))
        return self.out

    def backward(self, grad):
        return grad * self.x * (1 - self.x)  # bug: activation grad in sequence_of_sigmoids


def sequence(layers, x, y, lr=0.1, epochs=3):
    for epoch in range(epochs):
        out = x
        for layer in layers:
            out = layer.forward(out)
        loss = np.mean((out - y) ** 2)
        grad = 2 * (out - y) / out.size
        for layer in reversed(layers):
            grad = layer.backward(grad)
        for layer in layers:
            layer.step(lr)
        print("epoch", epoch, "loss", loss)
    return layers


def sequence_forgot_mean(layers, x, y, lr=0.1, epochs=3):
    for epoch in range(epochs):
        out = x
        for layer in layers:
            out = layer.forward(out)
        loss = np.mean((out - y) ** 2)
        grad = 2 * (out - y) / len(out)  # bug: mean-sum grad
        for layer in reversed(layers):
            grad = layer.backward(grad)
        for layer in layers:
            layer.step(lr)
        print("epoch", epoch, "loss", loss)
    return layers


def sequence_of_sigmoids(layers, x, y, lr=0.1, epochs=3):
    for epoch in range(epochs):
        out = x
        for layer in layers:
            out = layer.forward(out)
        loss = np.mean((out - y) ** 2)
        grad = 2 * (out - y) / out.size
        for layer in reversed(layers):
            grad = layer.backward(grad)
        for layer in layers:
            layer.step(lr)
        print("epoch", epoch, "loss", loss)
    return layers


class Classifier:
    """Two layers and a softmax; `fit` runs full batches."""

    def __init__(self, n_in, n_hidden, n_out, seed=0, lr=0.1):
        rng = np.random.default_rng(seed)
        self.W1 = rng.standard_normal((n_in, n_hidden)) / 2
        self.b1 = np.zeros(n_hidden)
        self.W2 = rng.standard_normal((n_hidden, n_out)) / 2
        self.b2 = np.zeros(n_out)
        self.lr = lr
        self.losses = []

    def forward(self, X):
        self.Z1 = X @ self.W1 + self.b1
        self.A1 = np.tanh(self.Z1)
        self.Z2 = self.A1 @ self.W2 + self.b2
        e = np.exp(self.Z2 - self.Z2.max(axis=1, keepdims=True))
        self.P = e / e.sum(axis=1, keepdims=True)
        return self.P

    def backward(self, X, Y):
        m = X.shape[0]
        dZ2 = (self.P - Y) / m
        dA1 = dZ2 @ self.W2.T
        dZ1 = dA1 * (1 - self.A1**2)
        return {"W1": X.T @ dZ1, "b1": dZ1.sum(0), "W2": self.A1.T @ dZ2, "b2": dZ2.sum(0)}

    def update(self, grads):
        for name, grad in grads.items():
            setattr(self, name, getattr(self, name) - self.lr * grad)

    def fit(self, X, Y, epochs=3):
        for epoch in range(epochs):
            P = self.forward(X)
            loss = -np.sum(Y * np.log(P)) / X.shape[0]
            self.losses.append(loss)
            self.update(self.backward(X, Y))
        return self.losses


class ClassifierKeepingGradients(Classifier):
    """Adds what `backward` finds to `self.grads`."""

    def __init__(self, *sizes, **options):
        super().__init__(*sizes, **options)
        self.grads = {"W1": 0.0, "b1": 0.0, "W2": 0.0, "b2": 0.0}  # bug: accumulate self.grads

    def fit(self, X, Y, epochs=3):
        for epoch in range(epochs):
            P = self.forward(X)
            loss = -np.sum(Y * np.log(P)) / X.shape[0]
            self.losses.append(loss)
            for name, grad in self.backward(X, Y).items():
                self.grads[name] = self.grads[name] + grad  # bug: accumulate self.grads
            self.update(self.grads)
        return self.losses


class Regressor:
    """`train_step` is called by somebody else's loop."""

    def __init__(self, n_in, n_hidden, seed=1, lr=0.05, weight_decay=0.0):
        rng = np.random.default_rng(seed)
        self.params = {
            "w1": rng.standard_normal((n_in, n_hidden)),
            "b1": rng.standard_normal(n_hidden),
            "w2": rng.standard_normal(n_hidden),
        }
        self.lr, self.weight_decay = lr, weight_decay
        self.velocity = {k: np.zeros_like(v) for k, v in self.params.items()}

    def predict(self, x):
        hidden = np.maximum(x @ self.params["w1"] + self.params["b1"], 0)
        self.cache = (x, hidden)
        return hidden @ self.params["w2"]

    def gradients(self, error):
        x, hidden = self.cache
        d_hidden = np.outer(error, self.params["w2"]) * (hidden > 0)
        return {"w1": x.T @ d_hidden, "b1": d_hidden.sum(axis=0), "w2": hidden.T @ error}

    def train_step(self, x, y):
        error = self.predict(x) - y
        loss = 0.5 * (error @ error)
        grads = self.gradients(error)
        for k, g in grads.items():
            self.velocity[k] = 0.9 * self.velocity[k] + g + self.weight_decay * self.params[k]
            self.params[k] -= self.lr * self.velocity[k]
        return loss


class RegressorWrongError(Regressor):
    def train_step(self, x, y):
        error = self.predict(x) - y
        loss = (error @ error) / len(y)
        grads = self.gradients(error / len(y))  # bug: factor grads
        for k, g in grads.items():
            self.params[k] -= self.lr * g
        return loss


class RegressorHiddenMask(Regressor):
    def gradients(self, error):
        x, hidden = self.cache
        d_hidden = np.outer(error, self.params["w2"]) * (hidden < 0)  # bug: mask d_hidden
        return {"w1": x.T @ d_hidden, "b1": d_hidden.sum(axis=0), "w2": hidden.T @ error}


LAYERS = {
    "loss": "loss",
    "parameters": {f"layers[{i}].{k}": "lr" for i in (0, 2) for k in "Wb"},
    "loop": "for epoch",
}
FIT = {"loss": "loss", "parameters": {f"self.{k}": "self.lr" for k in ("W1", "b1", "W2", "b2")}}
TRAIN = {
    "loss": "loss",
    "parameters": {f"self.params['{k}']": f"=grads['{k}']" for k in ("w1", "b1", "w2")},
    "loop": "none",
}
CASES = {
    "sequence": LAYERS,
    "sequence_forgot_mean": LAYERS | {"fix": "grad = 2 * (out - y) / out.size"},
    "sequence_of_sigmoids": LAYERS | {"fix": "return grad * self.out * (1 - self.out)"},
    "Classifier.fit": FIT,
    "ClassifierKeepingGradients.fit": FIT | {"fix": ["", "self.grads[name] = grad"]},
    "Regressor.train_step": TRAIN,
    "RegressorWrongError.train_step": TRAIN | {"fix": "grads = self.gradients(2 * error / len(y))"},
    "RegressorHiddenMask.train_step": TRAIN | {"fix": "d_hidden = np.outer(error, self.params['w2']) * (hidden > 0)"},
}


def arguments(name):
    rng = np.random.default_rng(14)
    n, d, h, k = 9, 4, 6, 3
    x = rng.standard_normal((n, d))
    if name.startswith("sequence"):
        kind = SigmoidOfInput if name == "sequence_of_sigmoids" else Sigmoid if name == "sequence" else ReLU
        return [Dense(d, h, rng), kind(), Dense(h, k, rng)], x, rng.standard_normal((n, k))
    cls = globals()[name.split(".")[0]]
    if "fit" in name:
        return cls(d, h, k), x, np.eye(k)[rng.integers(0, k, n)]
    return cls(d, h, weight_decay=0.01), x, rng.standard_normal(n)
