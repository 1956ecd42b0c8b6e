"""A compiled function gives what the function gives: nets, ops, random programs."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from registry_cases import CASES, case
from writing.programs import inputs, programs

import tinygrad_np as tg
from tinygrad_np import CompileError, compile, value_and_grad
from tinygrad_np.transforms.tree import flatten

MODELS = sorted(path.stem for path in (Path(__file__).parents[2] / "models").glob("[!_]*.py"))
every_model = pytest.mark.parametrize("name", MODELS)
both_dtypes = pytest.mark.parametrize("dtype", [np.float64, np.float32])

# Their shapes are what the values say.
DATA_DEPENDENT = {"unique", "unique_values", "unique_counts", "unique_inverse", "unique_all", "union1d", "setdiff1d",
                  "setxor1d", "piecewise", "_setitem", "_gather"}  # fmt: skip
# They look at values to choose a way.
READING = {"geomspace", "trim_zeros", "lstsq", "polyfit"}


def agree(got: Any, want: Any, factor: float = 64) -> None:
    """The same structure, shapes and dtypes, and the same numbers but for rounding."""
    (a, sa), (b, sb) = flatten(got), flatten(want)
    assert sa == sb
    for x, y in zip(a, b, strict=True):
        x, y = np.asarray(x), np.asarray(y)
        assert (x.shape, x.dtype) == (y.shape, y.dtype)
        if x.dtype.kind not in "fc":
            np.testing.assert_array_equal(x, y)
        elif x.size:
            finite = np.abs(y[np.isfinite(y)])
            eps = factor * float(np.finfo(x.dtype).eps)
            np.testing.assert_allclose(x, y, rtol=eps, atol=eps * float(finite.max(initial=0)))


@both_dtypes
@every_model
def test_every_model(name: str, dtype: Any) -> None:
    """Loss and gradients of all parameters, over three steps that update the parameters in place."""
    model: Any = importlib.import_module(f"models.{name}")

    def step(params: Any, x: Any, y: Any) -> Any:
        error, g = value_and_grad(model.loss)(params, x, y)
        return error, g, {k: p - np.asarray(1e-3, p.dtype) * g[k] for k, p in params.items()}

    compiled = compile(step, donate="params")
    params, x, y = model.example(np.random.default_rng(3), dtype)
    mine = {k: p.copy() for k, p in params.items()}
    for _ in range(3):
        error, g, params = step(params, x, y)
        my_error, my_g, updated = compiled(mine, x, y)
        assert all(updated[k] is mine[k] for k in mine)
        agree((my_error, my_g, updated), (error, g, params), factor=1024)
    assert compiled.cache_info().signatures == 1


def refused(compiled: Any, xs: list[Any]) -> str:
    """Why it was, if it was."""
    try:
        compiled(*xs)
    except CompileError as reason:
        return str(reason)
    return ""


def weighted(name: str, k: int) -> tuple[Callable[..., Any], list[Any]]:
    """An op's sample as a function to one number that feels each output."""
    of = case(name, k)

    def value(*xs: Any) -> Any:
        ys = of.call(xs)
        return sum(np.sum(y * np.cos(np.arange(np.size(y)).reshape(np.shape(y)) + i)) for i, y in enumerate(ys))

    return value, of.floats


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # samples at the edge of an op's domain
@pytest.mark.parametrize("name", dict.fromkeys(name for name, _ in CASES))
def test_every_op_and_its_gradient(name: str) -> None:
    """Twice: what the second call finds in the buffers is the first one's."""
    for other, k in CASES:
        if other != name:
            continue
        f, xs = weighted(name, k)
        if not xs:
            continue
        g = value_and_grad(f, tuple(range(len(xs))))
        compiled = compile(g)
        want = g(*xs)
        refusal = refused(compiled, xs) if name in DATA_DEPENDENT | READING else ""
        if refusal:
            assert "depends on the values" in refusal or "at registry_cases.py" in refusal
            continue
        first = compiled(*xs)
        kept = tg.transforms.tree.tree_map(np.copy, first)
        compiled(*(x * 1.01 for x in xs))
        agree(first, kept, 0)
        agree(compiled(*xs), want, 4096)
        agree(first, want, 4096)


@given(program=programs())
@settings(max_examples=150, deadline=None)
def test_random_programs(program: Any) -> None:
    xs = inputs()

    def step(a: Any, b: Any, c: Any, d: Any) -> Any:
        value, (g_a, g_c) = value_and_grad(program, (0, 2))(a, b, c, d)
        return value, a - 0.1 * g_a, c - 0.1 * g_c

    compiled = compile(step, donate=["a", "c"])
    mine = [x.copy() for x in xs]
    for _ in range(2):
        value, xs[0], xs[2] = step(*xs)
        agree(compiled(*mine), (value, xs[0], xs[2]), 4096)
