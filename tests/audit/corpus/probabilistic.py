"""Likelihoods with more than one head. Greek letters where the paper has them."""

from __future__ import annotations

import numpy as np


def poisson(X: np.ndarray, counts: np.ndarray, β: np.ndarray, η: float = 0.02) -> np.ndarray:
    for _ in range(4):
        log_rate = X @ β
        rate = np.exp(log_rate)
        nll = np.mean(rate - counts * log_rate)
        score = X.T @ (rate - counts) / counts.size
        β = β - η * score
        print(f"{nll=:.4f}")
    return β


def poisson_identity(X: np.ndarray, counts: np.ndarray, β: np.ndarray, η: float = 0.02) -> np.ndarray:
    for _ in range(4):
        log_rate = X @ β
        rate = np.exp(log_rate)
        nll = np.mean(rate - counts * log_rate)
        score = X.T @ (log_rate - counts) / counts.size  # bug: wrong-operand|activation score
        β = β - η * score
        print(f"{nll=:.4f}")
    return β


def heteroscedastic(X, y, θ, η=0.05):
    """Mean and log-variance share a tanh layer."""
    for _ in range(3):
        φ = np.tanh(X @ θ["A"])
        μ, s = φ @ θ["m"], φ @ θ["s"]
        r = μ - y
        w = np.exp(-s)
        L = 0.5 * np.mean(w * r**2 + s)
        δμ = w * r / len(y)
        δs = 0.5 * (1 - w * r**2) / len(y)
        g = {"m": φ.T @ δμ, "s": φ.T @ δs}
        δφ = np.outer(δμ, θ["m"]) + np.outer(δs, θ["s"])
        g["A"] = X.T @ (δφ * (1 - φ**2))
        θ = {k: θ[k] - η * g[k] for k in θ}
    return θ, L


def heteroscedastic_sign(X, y, θ, η=0.05):
    for _ in range(3):
        φ = np.tanh(X @ θ["A"])
        μ, s = φ @ θ["m"], φ @ θ["s"]
        r = μ - y
        w = np.exp(-s)
        L = 0.5 * np.mean(w * r**2 + s)
        δμ = -w * r / len(y)  # bug: sign δμ
        δs = 0.5 * (1 - w * r**2) / len(y)
        g = {"m": φ.T @ δμ, "s": φ.T @ δs}
        δφ = np.outer(δμ, θ["m"]) + np.outer(δs, θ["s"])
        g["A"] = X.T @ (δφ * (1 - φ**2))
        θ = {k: θ[k] - η * g[k] for k in θ}
    return θ, L


def heteroscedastic_one_head(X, y, θ, η=0.05):
    for _ in range(3):
        φ = np.tanh(X @ θ["A"])
        μ, s = φ @ θ["m"], φ @ θ["s"]
        r = μ - y
        w = np.exp(-s)
        L = 0.5 * np.mean(w * r**2 + s)
        δμ = w * r / len(y)
        δs = 0.5 * (1 - w * r**2) / len(y)
        g = {"m": φ.T @ δμ, "s": φ.T @ δs}
        δφ = np.outer(δμ, θ["m"])  # bug: fork δφ
        g["A"] = X.T @ (δφ * (1 - φ**2))
        θ = {k: θ[k] - η * g[k] for k in θ}
    return θ, L


def pinball(X, y, w, b, tau=0.8, lr=0.1):
    """Quantile regression."""
    trace = []
    for _ in range(4):
        u = y - (X @ w + b)
        trace.append(np.mean(np.maximum(tau * u, (tau - 1) * u)))
        du = np.where(u < 0, tau, tau - 1) / u.size  # bug: mask du
        w = w + lr * X.T @ du
        b = b + lr * du.sum()
    return w, b, trace


def vae(x, noise, enc, dec, lr=0.01):
    """A linear Gaussian VAE: enc = [Wm, Wl], dec = [D]; the noise is drawn outside."""
    n = len(x)
    for it in range(3):
        Wm, Wl = enc
        (D,) = dec
        mean, logvar = x @ Wm, x @ Wl
        std = np.exp(0.5 * logvar)
        z = mean + std * noise
        xr = z @ D
        rec = 0.5 * np.sum((xr - x) ** 2) / n
        kl = 0.5 * np.sum(mean**2 + np.exp(logvar) - 1 - logvar) / n
        elbo_loss = rec + kl
        dxr = (xr - x) / n
        dD = z.T @ dxr
        dz = dxr @ D.T
        dmean = dz + mean / n
        dlogvar = 0.5 * dz * noise * std + 0.5 * (np.exp(logvar) - 1) / n
        enc = [Wm - lr * x.T @ dmean, Wl - lr * x.T @ dlogvar]
        dec = [D - lr * dD]
        print(it, rec, kl, elbo_loss)
    return enc, dec


def vae_standard_deviation(x, noise, enc, dec, lr=0.01):
    n = len(x)
    for it in range(3):
        Wm, Wl = enc
        (D,) = dec
        mean, logvar = x @ Wm, x @ Wl
        std = np.exp(0.5 * logvar)
        z = mean + std * noise
        xr = z @ D
        rec = 0.5 * np.sum((xr - x) ** 2) / n
        kl = 0.5 * np.sum(mean**2 + np.exp(logvar) - 1 - logvar) / n
        elbo_loss = rec + kl
        dxr = (xr - x) / n
        dD = z.T @ dxr
        dz = dxr @ D.T
        dmean = dz + mean / n
        dstd = dz * noise
        dlogvar = dstd * std + 0.5 * (np.exp(logvar) - 1) / n  # bug: factor dlogvar
        enc = [Wm - lr * x.T @ dmean, Wl - lr * x.T @ dlogvar]
        dec = [D - lr * dD]
        print(it, rec, kl, elbo_loss)
    return enc, dec


def mixture_of_experts(x, y, gate, experts, lr=0.1):
    """Linear experts; a softmax gate mixes their outputs."""
    for rounds in range(3):
        a = x @ gate
        a = np.exp(a - np.max(a, axis=1, keepdims=True))
        pi = a / np.sum(a, axis=1, keepdims=True)
        outs = x @ experts
        pred = np.sum(pi * outs, axis=1)
        mse = np.mean((pred - y) ** 2)
        gpred = 2 * (pred - y) / len(y)
        gpi = gpred[:, np.newaxis] * outs
        gouts = gpred[:, np.newaxis] * pi
        ga = gpi * pi * (1 - pi)  # bug: jacobian ga
        gate = gate - lr * np.dot(x.T, ga)
        experts = experts - lr * np.dot(x.T, gouts)
    return gate, experts, mse


def reinforce(states, actions, returns, W, lr=0.1):
    """Policy gradient with a baseline: minimises minus the weighted log-likelihood."""
    baseline = returns.mean()
    advantage = returns - baseline
    for update in range(2):
        logits = states @ W
        m = logits.max(axis=1, keepdims=True)
        logp = logits - m - np.log(np.exp(logits - m).sum(axis=1, keepdims=True))
        chosen = logp[np.arange(len(actions)), actions]
        loss = -(advantage * chosen).mean()
        d_logits = np.exp(logp)
        d_logits[np.arange(len(actions)), actions] -= 1
        d_logits *= returns[:, None] / len(actions)  # bug: wrong-operand d_logits
        W -= lr * states.T @ d_logits
        print("return", baseline, "loss", loss)
    return W


Θ = {"loss": "L", "parameters": {f"θ['{k}']": "η" for k in "Ams"}}
VAE = {"loss": "elbo_loss", "parameters": {"enc[0]": "lr", "enc[1]": "lr", "dec[0]": "lr"}}
CASES = {
    "poisson": {"loss": "nll", "parameters": {"β": "η"}},
    "poisson_identity": {"loss": "nll", "parameters": {"β": "η"}, "fix": "score = X.T @ (rate - counts) / counts.size"},
    "heteroscedastic": Θ,
    "heteroscedastic_sign": Θ | {"fix": "δμ = w * r / len(y)"},
    "heteroscedastic_one_head": Θ | {"fix": "δφ = np.outer(δμ, θ['m']) + np.outer(δs, θ['s'])"},
    "pinball": {
        "loss": "trace[-1]",
        "parameters": {"w": "lr", "b": "lr"},
        "fix": "du = np.where(u > 0, tau, tau - 1) / u.size",
    },
    "vae": VAE,
    "vae_standard_deviation": VAE | {"fix": "dlogvar = 0.5 * dstd * std + 0.5 * (np.exp(logvar) - 1) / n"},
    "mixture_of_experts": {
        "loss": "mse",
        "parameters": {"gate": "lr", "experts": "lr"},
        "fix": "ga = pi * (gpi - np.sum(gpi * pi, axis=1, keepdims=True))",
    },
    "reinforce": {
        "loss": "loss",
        "parameters": {"W": "lr"},
        "fix": "d_logits *= advantage[:, None] / len(actions)",
    },
}


def arguments(name):
    rng = np.random.default_rng(100)
    n, d, k = 11, 4, 3
    X = rng.standard_normal((n, d))
    if name.startswith("poisson"):
        return X, rng.poisson(2.0, n).astype(float), rng.standard_normal(d) / 2
    if name.startswith("hetero"):
        return (
            X,
            rng.standard_normal(n),
            {"A": rng.standard_normal((d, 6)), "m": rng.standard_normal(6), "s": rng.standard_normal(6) / 3},
        )
    if name == "pinball":
        return X, rng.standard_normal(n), rng.standard_normal(d), 0.3
    if name.startswith("vae"):
        x = rng.standard_normal((n, 5))
        return x, rng.standard_normal((n, 2)), list(rng.standard_normal((2, 5, 2)) / 2), [rng.standard_normal((2, 5))]
    if name == "reinforce":
        return X, rng.integers(0, k, n), rng.uniform(0, 4, n), rng.standard_normal((d, k)) / 2
    return X, rng.standard_normal(n), rng.standard_normal((d, k)), rng.standard_normal((d, k))
