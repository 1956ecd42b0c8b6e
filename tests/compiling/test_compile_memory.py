"""What the planner says of memory is so, and a checkpoint saves it."""

from __future__ import annotations

import gc
import tracemalloc
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np import checkpoint, compile, value_and_grad

BUFFERING = 80_000  # bytes: NumPy's own buffers for a cast within a ufunc (8192 elements), and Python objects


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def net(params: Any, x: Any, y: Any) -> Any:
    h = x
    for w in params[:-1]:
        h = np.tanh(h @ w)
    return np.sum((h @ params[-1] - y) ** 2)


def descent(params: Any, x: Any, y: Any) -> Any:
    error, grads = value_and_grad(net)(params, x, y)
    return error, [w - 1e-3 * g for w, g in zip(params, grads, strict=True)]


def problem(n: int = 400) -> Any:
    sizes = [300, 200, 250, 50]
    params = [rng().normal(size=s) / s[0] for s in pairwise(sizes)]
    return params, rng().normal(size=(n, 300)), rng().normal(size=(n, 50))


def planned(step: Any) -> tuple[int, int]:
    """Bytes that stay, and bytes at most."""
    made = next(iter(step._made.values()))
    return made.kernel.storage.arena, made.kernel.storage.peak


def seen(step: Any, *args: Any) -> tuple[int, int]:
    """The same as tracemalloc sees it: of the first run and of a later one."""
    step.source(*args)  # made, not run
    gc.collect()
    tracemalloc.start()
    kept = step(*args)
    peak = tracemalloc.get_traced_memory()[1]
    del kept
    again = 0
    for _ in range(2):
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        kept = step(*args)
        again = tracemalloc.get_traced_memory()[1] - before
        del kept
    tracemalloc.stop()
    return peak, again


@pytest.mark.parametrize("donate", [(), "params"])
def test_the_planned_figure_is_what_is_seen(donate: Any) -> None:
    step = compile(descent, donate=donate)
    peak, again = seen(step, *problem())
    arena, most = planned(step)
    assert abs(peak - most) < BUFFERING
    assert abs(again - (most - arena)) < BUFFERING
    assert step.cache_info().bytes == arena


def test_a_donated_step_allocates_nothing_once_it_runs() -> None:
    step = compile(descent, donate="params")
    args = problem()
    assert seen(step, *args)[1] < BUFFERING
    assert min(a.nbytes for a in args[0]) > BUFFERING / 2


def test_a_step_needs_less_than_its_values() -> None:
    step = compile(descent, donate="params")
    args = problem()
    step(*args)
    made = next(iter(step._made.values()))
    values = sum(r.size * r.dtype.itemsize for r in made.program.tape.records)
    assert planned(step)[0] < 0.4 * values


def block(x: Any, w: Any) -> Any:
    return np.tanh(np.tanh(np.tanh(x @ w) @ w.T) @ w)


def deep(f: Any, params: Any, x: Any) -> Any:
    for w in params:
        x = f(x, w)
    return np.sum(x**2)


def test_a_checkpoint_is_kept_to() -> None:
    params, x = [rng().normal(size=(60, 60)) / 8 for _ in range(8)], rng().normal(size=(200, 60))
    plain = compile(lambda params, x: value_and_grad(lambda p: deep(block, p, x))(params))
    saving = compile(lambda params, x: value_and_grad(lambda p: deep(checkpoint(block), p, x))(params))
    want = value_and_grad(lambda p: deep(block, p, x))(params)
    for step in (plain, saving):
        got = step(params, x)
        np.testing.assert_allclose(got[0], want[0], rtol=1e-12)
        for a, b in zip(got[1], want[1], strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)
    assert planned(saving)[0] < 0.6 * planned(plain)[0]
    assert saving.source(params, x).count("np.tanh(") > plain.source(params, x).count("np.tanh(")


def test_a_checkpoint_of_several_outputs_and_of_none() -> None:
    def pair(x: Any, w: Any) -> Any:
        return np.sin(x) * w, [x + w, x]

    def f(x: Any, w: Any) -> Any:
        a, (b, c) = checkpoint(pair)(x, w)
        return np.sum(a * b * c) + np.sum(checkpoint(lambda x: x)(w))

    x, w = rng().normal(size=(2, 5))
    want = value_and_grad(f, (0, 1))(x, w)
    got = compile(value_and_grad(f, (0, 1)))(x, w)
    np.testing.assert_allclose(got[0], want[0], rtol=1e-13)
    for a, b in zip(got[1], want[1], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)
    assert "checkpoint" not in compile(value_and_grad(f, (0, 1))).source(x, w)


def test_values_brought_by_an_op_go_when_nobody_needs_them() -> None:
    def f(x: Any) -> Any:
        for _ in range(6):
            x = tg.softmax(x)
        return np.sum(x)

    step = compile(f)
    peak, _ = seen(step, np.ones((300, 300)))
    assert peak < 5 * 300 * 300 * 8  # its own values and what softmax takes inside
