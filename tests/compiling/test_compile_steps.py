"""Whole training steps: optimisers with their state passed in and out, over many steps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np import compile, value_and_grad


def loss(params: Any, x: Any, y: Any) -> Any:
    h = tg.gelu(tg.layer_norm(x @ params["w1"] + params["b1"], 12))
    return tg.cross_entropy(h @ params["w2"], y) + 1e-3 * np.sum(params["w1"] ** 2)


def momentum(params: Any, state: Any, x: Any, y: Any) -> Any:
    error, g = value_and_grad(loss)(params, x, y)
    v = {k: 0.9 * state["v"][k] + g[k] for k in g}
    return {k: params[k] - 0.05 * v[k] for k in g}, {"v": v}, error


def adam(params: Any, state: Any, x: Any, y: Any) -> Any:
    error, g = value_and_grad(loss)(params, x, y)
    n = state["n"] + 1
    m = {k: 0.9 * state["m"][k] + 0.1 * g[k] for k in g}
    v = {k: 0.99 * state["v"][k] + 0.01 * g[k] ** 2 for k in g}
    scale = (np.sqrt(1 - 0.99**n) / (1 - 0.9**n)).astype(params["w1"].dtype)
    new = {k: params[k] - 0.01 * scale * m[k] / (np.sqrt(v[k]) + 1e-8) for k in g}
    return new, {"n": n, "m": m, "v": v}, error


def in_place(params: Any, state: Any, x: Any, y: Any) -> Any:
    error, g = value_and_grad(loss)(params, x, y)
    norm = np.sqrt(sum(np.sum(d * d) for d in g.values()))
    factor = np.minimum(1, 0.5 / norm)
    for k in g:
        state["v"][k] *= 0.9
        state["v"][k] += factor * g[k]
        params[k] -= 0.05 * state["v"][k]
    return error


def start(dtype: Any) -> tuple[dict[str, Any], Any, Any]:
    rng = np.random.default_rng(0)
    params = {"w1": rng.normal(size=(6, 12)), "b1": np.zeros(12), "w2": rng.normal(size=(12, 3))}
    x, y = rng.normal(size=(40, 6)).astype(dtype), rng.integers(0, 3, size=40)
    return {k: w.astype(dtype) for k, w in params.items()}, x, y


def zeros(params: Any) -> Any:
    return {k: np.zeros_like(w) for k, w in params.items()}


def copied(tree: Any) -> Any:
    return tg.transforms.tree.tree_map(np.copy, tree)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("update", [momentum, adam])
def test_an_optimiser_with_its_state(update: Any, dtype: Any) -> None:
    params, x, y = start(dtype)
    state: Any = {"v": zeros(params)}
    if update is adam:
        state = {"n": np.array(0), "m": zeros(params), **state}  # in the order in which it comes back
    mine, mine_state = copied(params), copied(state)
    handed = [*mine.values(), *mine_state["v"].values()]
    compiled = compile(update, donate=("params", "state"))
    for i in range(12):
        batch = slice(10 * (i % 4), 10 * (i % 4) + 10)
        params, state, error = update(params, state, x[batch], y[batch])
        mine, mine_state, my_error = compiled(mine, mine_state, x[batch], y[batch])
        np.testing.assert_allclose(my_error, error, rtol=1e-3 if dtype == np.float32 else 1e-9)
    assert compiled.cache_info().signatures == 1
    for k in params:
        np.testing.assert_allclose(mine[k], params[k], rtol=0, atol=2e-3 if dtype == np.float32 else 1e-9)
        assert mine[k].dtype == dtype
    assert all(a is b for a, b in zip(handed, [*mine.values(), *mine_state["v"].values()], strict=True))
    assert compiled.explain().count(": in place") == (10 if update is adam else 6)


def test_updates_in_place_with_clipping() -> None:
    params, x, y = start(np.float64)
    state = {"v": zeros(params)}
    mine, mine_state = copied(params), copied(state)
    compiled = compile(in_place, donate=("params", "state"))
    for _ in range(8):
        error = in_place(params, state, x, y)
        np.testing.assert_allclose(compiled(mine, mine_state, x, y), error, rtol=1e-10)
    for k in params:
        np.testing.assert_allclose(mine[k], params[k], rtol=1e-9, atol=1e-11)
        np.testing.assert_allclose(mine_state["v"][k], state["v"][k], rtol=1e-9, atol=1e-11)


def test_a_rate_that_changes_is_an_array() -> None:
    def step(w: Any, rate: Any) -> Any:
        error, g = value_and_grad(lambda w: np.sum(w**4))(w)
        return error, w - rate * g

    compiled = compile(step, donate="w")
    w = mine = np.linspace(-1, 1, 5).astype(np.float32)
    mine = mine.copy()
    for i in range(5):
        rate = np.float32(0.1 / (1 + i))
        error, w = step(w, rate)
        my_error, mine = compiled(mine, rate)
        np.testing.assert_allclose(mine, w, rtol=1e-5)
        np.testing.assert_allclose(my_error, error, rtol=1e-5)
    assert compiled.cache_info().signatures == 1


def test_a_second_order_step() -> None:
    """Gradient descent along the direction that Newton's method would take, with the product with the Hessian."""

    def step(w: Any, x: Any, y: Any) -> Any:
        def f(w: Any) -> Any:
            return tg.binary_cross_entropy_with_logits(x @ w, y) + 0.1 * np.sum(w**2)

        g = tg.grad(f)(w)
        curvature = tg.hvp(f, (w,), (g,))[1]
        return w - np.sum(g * g) / np.sum(g * curvature) * g

    rng = np.random.default_rng(0)
    x = rng.normal(size=(30, 4))
    y = (x @ np.ones(4) > 0).astype(float)
    compiled = compile(step, donate="w")
    w, mine = np.zeros(4), np.zeros(4)
    for _ in range(10):
        w, mine = step(w, x, y), compiled(mine, x, y)
        np.testing.assert_allclose(mine, w, rtol=1e-10, atol=1e-12)
