"""Machine code gives what the function gives, and is there again in the next process."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinygrad_np import CompileError, compile, relu, value_and_grad
from tinygrad_np.compiling import numba_products
from tinygrad_np.transforms.tree import flatten

pytest.importorskip("numba")

MODELS = [
    ("attention", np.float32),
    ("batch_norm_mlp", np.float64),
    ("convnet", np.float32),
    ("deep_mlp", np.float64),
    ("dropout_mlp", np.float32),
    ("layer_norm_residual", np.float64),
    ("softmax_classifier", np.float32),
    ("tied_autoencoder", np.float64),
    ("two_layer", np.float32),
    ("two_layer", np.float64),
    ("word_average", np.float32),
]


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINYGRAD_NP_CACHE", str(tmp_path / "cache"))


def agree(got: Any, want: Any, factor: float = 1024) -> None:
    (a, sa), (b, sb) = flatten(got), flatten(want)
    assert sa == sb
    for x, y in zip(a, b, strict=True):
        x, y = np.asarray(x), np.asarray(y)
        assert (x.shape, x.dtype) == (y.shape, y.dtype)
        if x.dtype.kind != "f":
            np.testing.assert_array_equal(x, y)
            continue
        eps = factor * float(np.finfo(x.dtype).eps)
        np.testing.assert_allclose(x, y, rtol=eps, atol=eps * float(np.abs(y[np.isfinite(y)]).max(initial=0)))


def machine(f: Callable[..., Any], **options: Any) -> Any:
    return compile(f, backend="numba", **options)


@pytest.mark.parametrize(("name", "dtype"), MODELS)
def test_models(name: str, dtype: Any) -> None:
    """Loss and gradients over two steps that update the parameters in place."""
    model: Any = importlib.import_module(f"models.{name}")

    def step(params: Any, x: Any, y: Any) -> Any:
        error, g = value_and_grad(model.loss)(params, x, y)
        return error, g, {k: p - np.asarray(1e-3, p.dtype) * g[k] for k, p in params.items()}

    compiled = machine(step, donate="params")
    params, x, y = model.example(np.random.default_rng(3), dtype)
    mine = {k: p.copy() for k, p in params.items()}
    for _ in range(2):
        error, g, params = step(params, x, y)
        my_error, my_g, updated = compiled(mine, x, y)
        assert all(updated[k] is mine[k] for k in mine)
        agree((my_error, my_g, updated), (error, g, params))
    assert "numba.njit" in compiled.source()


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_elements_and_reductions(dtype: Any) -> None:
    """Each kind of loop at once: broadcast operands, masks, views, sums and maxima along all axes; NaN."""

    def f(a: Any, b: Any, mask: Any) -> Any:
        c = np.where(mask, a / (np.abs(b[0]) + 1), np.maximum(a, b.T[0]) - np.minimum(a, 0.5))
        d = np.sqrt(np.square(c)) * (a > b[:, :1].T) + a[::-1] ** 2 - np.exp(-np.tanh(c)) / 3
        sums = [np.sum(d, axis=0), np.sum(d, axis=1, keepdims=True), np.sum(d), np.sum(d.reshape(2, 3, 4), axis=1)]
        return d, sums, np.max(d, axis=1), np.min(a, axis=0), np.max(d.T, axis=-1), np.isnan(a), -d[1:3, ::2]

    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(6, 4)).astype(dtype), rng.normal(size=(4, 4)).astype(dtype)
    mask = rng.random((6, 4)) > 0.5
    compiled = machine(f)
    agree(compiled(a, b, mask), f(a, b, mask))
    a[2, 1], a[3, 2], b[1, 0] = np.nan, np.inf, -np.inf
    with np.errstate(all="ignore"):
        agree(compiled(a, b, mask), f(a, b, mask))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("blas", [True, False])
def test_products(dtype: Any, blas: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Large and tiny, turned, cut out, of vectors, and added to what is there; with BLAS and where it is not found."""
    if not blas:
        monkeypatch.setattr(numba_products, "addresses", lambda: None)

    def f(w: Any, x: Any, y: Any, v: Any) -> Any:
        every = x @ w, x.T @ y, (w.T @ x.T)[1:4], x[:, 3:9] @ w[3:9], x[::2] @ w, x @ v, v @ w, v @ v
        return every, w - 0.5 * (x.T @ y), w + v[:, None] @ y[:1]

    rng = np.random.default_rng(1)
    sizes = [(20, 12), (30, 20), (30, 12), (20,)]
    xs = [rng.normal(size=s).astype(dtype) for s in sizes]
    compiled = machine(f)
    agree(compiled(*xs), f(*xs))
    assert ("gemm(blas" in compiled.source()) is blas


def test_update_is_one_product() -> None:
    def step(w: Any, x: Any, y: Any) -> Any:
        error, g = value_and_grad(lambda w: np.sum((x @ w - y) ** 2))(w)
        return error, w - 0.001 * g

    rng = np.random.default_rng(2)
    w, x, y = rng.normal(size=(30, 20)), rng.normal(size=(40, 30)), rng.normal(size=(40, 20))
    want = step(w, x, y)
    compiled = machine(step, donate="w")
    agree(compiled(w, x, y), want)
    assert "np.float64(-1.0)" in compiled.source()
    assert "product_added" in compiled.explain()


def test_op_without_machine_code_splits_the_program() -> None:
    def f(x: Any) -> Any:
        return np.sum(np.linalg.inv(np.cumsum(relu(x) + 1, axis=0) + 9 * np.eye(3)) * 2, axis=0)

    x = np.random.default_rng(3).normal(size=(3, 3))
    compiled = machine(f)
    agree(compiled(x), f(x))
    source = compiled.source()
    order = [source.index(word) for word in ("machine_1(", ".cumsum(", "machine_2(", "linalg.inv(", "machine_3(")]
    assert order == sorted(order)


def test_arguments_that_lie_otherwise() -> None:
    """Turned, read-only, cut out: machine code takes copies of them, and writes to none."""
    plain = machine(lambda a, b: (a * b + 1, np.sum(a, axis=0)))
    split = machine(lambda a, b: np.cumsum(a * b + 1, axis=0) * a)
    rng = np.random.default_rng(4)
    a, b = rng.normal(size=(3, 4)), rng.normal(size=(3, 4))
    frozen = b.copy()
    frozen.flags.writeable = False
    for compiled in (plain, split):
        for x, y in ((a, b), (np.asfortranarray(a), b), (a, frozen), (rng.normal(size=(6, 8))[::2, ::2], b)):
            agree(compiled(x, y), compiled.f(x, y))


def test_results_are_the_callers_own() -> None:
    compiled = machine(lambda x: (x * 2, np.sum(x * x)))
    first = compiled(np.ones(4))
    compiled(np.zeros(4))
    agree(first, (np.full(4, 2.0), np.asarray(4.0)))


def test_kept_for_the_next_process(tmp_path: Path) -> None:
    """The second process finds the machine code of the first, and that runs."""
    program = (
        "import numpy as np; from tinygrad_np import compile\n"
        "f = compile(lambda x: np.sum(x * x + 1), backend='numba')\n"
        "print(float(f(np.ones(3))))\n"
    )
    directory = tmp_path / "cache"
    seen = []
    for _ in range(2):
        command = [sys.executable, "-c", program]
        done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2])
        assert done.stdout.strip() == "6.0", done.stderr
        seen.append({p: p.stat().st_mtime_ns for p in directory.rglob("*.nb[ci]")})
    assert seen[0]
    assert seen[0] == seen[1]


def test_directory_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINYGRAD_NP_CACHE", f"{__file__}/no_directory")
    agree(machine(lambda x: x + 1.5)(np.ones(3)), np.full(3, 2.5))


def test_without_numba(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numba", None)
    with pytest.raises(CompileError, match=r'pip install "tinygrad_np\[jit\]"'):
        machine(lambda x: x + 1)(np.ones(3))
    automatic = compile(lambda x: x + 1)
    automatic(np.ones(3))
    assert "numpy backend" in automatic.explain()


def test_threads() -> None:
    """The same program made and called by several threads at once."""
    xs = [np.full(50, float(i)) for i in range(8)]

    def work(x: Any) -> Any:
        compiled = machine(lambda x: np.sum(np.cumsum(x * x + 2.5)))
        return [float(compiled(x)) for _ in range(20)]

    with ThreadPoolExecutor(4) as pool:
        for x, found in zip(xs, pool.map(work, xs), strict=True):
            np.testing.assert_allclose(found, np.sum(np.cumsum(x * x + 2.5)))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_square_products_that_read_what_they_are_added_to(dtype: Any) -> None:
    def f(w: Any, v: Any) -> Any:
        return w - w @ v, w - v @ w.T, v - w @ w

    rng = np.random.default_rng(5)
    w, v = (rng.normal(size=(20, 20)).astype(dtype) for _ in range(2))
    want = f(w, v)
    agree(machine(f)(w, v), want)
    agree(machine(f, donate=(0, 1))(w.copy(), v.copy()), want)
    alone = machine(lambda w, v: w - v @ w.T, donate="w")
    agree(alone(w.copy(), v), w - v @ w.T)
