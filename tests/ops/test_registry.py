"""Every op of the registry, on every one of its samples: adding an op adds its tests."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from registry_cases import CASES, IDS, Case, case, tensors

from tinygrad_np import Tensor, grad, jvp, trace, vjp

every = pytest.mark.parametrize(("name", "k"), CASES, ids=IDS)


def numpy_function(name: str) -> Any:
    f: Any = np
    for part in name.split("."):
        f = getattr(f, part)
    return f


def weighted(c: Case, seed: int = 0) -> Any:
    """A scalar function of the floating-point inputs: random weights times all that comes out."""

    def loss(*xs: Any) -> Any:
        rng = np.random.default_rng(seed)
        ys = c.call(xs)
        return sum((np.sum(y * rng.normal(size=np.shape(y))) for y in ys), 0.0)

    return loss


def numeric_gradient(f: Any, xs: list[np.ndarray], h: float = 1e-3) -> list[np.ndarray]:
    """Central differences with two Richardson steps: error of order h^6; dRe + i dIm for complex numbers."""
    found = []
    for i, x in enumerate(xs):
        g = np.zeros(x.shape, x.dtype)
        for index in np.ndindex(x.shape):
            for unit in (1, 1j) if x.dtype.kind == "c" else (1,):

                def along(t: float, i: int = i, index: Any = index, unit: Any = unit) -> float:
                    moved = [v.copy() for v in xs]
                    moved[i][index] += t * unit
                    return float(f(*moved))

                d = [(along(t) - along(-t)) / (2 * t) for t in (h, h / 2, h / 4)]
                e = [(4 * d[1] - d[0]) / 3, (4 * d[2] - d[1]) / 3]
                g[index] += unit * (16 * e[1] - e[0]) / 15
        found.append(g)
    return found


def assert_close(got: Any, expected: Any, tol: float = 1e-6) -> None:
    for g, e in zip(got, expected, strict=True):
        np.testing.assert_allclose(g, e, rtol=tol, atol=tol * max(1.0, np.abs(e).max(initial=0)))


def gradient(c: Case, xs: Any, seed: int = 0) -> list[np.ndarray]:
    return list(grad(weighted(c, seed), argnums=tuple(range(len(xs))))(*xs))


@every
def test_forward_is_numpys(name: str, k: int) -> None:
    c = case(name, k)
    for np_name in c.op.np:
        if np_name.endswith(".reduce") or isinstance(numpy_function(np_name), type):
            continue
        f = numpy_function(np_name)
        wrap = [
            [Tensor(a) for a in x] if isinstance(x, list) and x and isinstance(x[0], np.ndarray) else x for x in c.args
        ]
        wrap = [Tensor(x) if isinstance(x, np.ndarray) and x.dtype.kind in "fc" else x for x in wrap]
        got, expected = f(*wrap, **c.params), f(*c.args, **c.params)
        several = isinstance(expected, tuple | list)
        for g, e in zip(got if several else [got], expected if several else [expected], strict=True):
            g = g.data if isinstance(g, Tensor) else g
            np.testing.assert_allclose(g, e, rtol=1e-13, atol=1e-13)
            assert np.result_type(g) == np.result_type(e)
            assert np.shape(g) == np.shape(e)


@every
def test_reverse(name: str, k: int) -> None:
    c = case(name, k)
    assert_close(gradient(c, c.floats), numeric_gradient(weighted(c), c.floats))


@every
def test_forward_mode_is_the_transpose_of_reverse(name: str, k: int) -> None:
    """<w, J v> = <J^T w, v>, no differences involved."""
    c = case(name, k)
    rng = np.random.default_rng(1)
    xs = c.floats
    dots = tuple(rng.normal(size=x.shape) + (1j * rng.normal(size=x.shape) if x.dtype.kind == "c" else 0) for x in xs)
    f = lambda *vs: tuple(c.call(vs))  # a tuple of outputs, for both transforms
    ys, y_dots = jvp(f, tuple(xs), dots)
    ws = tuple(np.asarray(rng.normal(size=np.shape(y)), np.result_type(y)) for y in ys)
    gs = vjp(f, *xs)[1](ws)
    left = sum(np.sum(w * d) for w, d in zip(ws, y_dots, strict=True))
    right = sum(np.real(np.sum(np.conj(g) * d)) for g, d in zip(gs, dots, strict=True))
    np.testing.assert_allclose(left, right, rtol=1e-9, atol=1e-9)


@every
def test_second_order(name: str, k: int) -> None:
    c = case(name, k)
    if c.op.order < 2:
        pytest.skip(f"{name} declares first order only")
    xs = c.floats
    rng = np.random.default_rng(2)
    vs = [rng.normal(size=x.shape) for x in xs]

    def along(*xs: Any) -> Any:
        gs = grad(weighted(c), argnums=tuple(range(len(xs))))(*xs)
        return sum(
            (
                np.sum(np.real(g) * v + np.imag(g) * v if g.dtype.kind == "c" else g * v)
                for g, v in zip(gs, vs, strict=True)
            ),
            0.0,
        )

    got = grad(along, argnums=tuple(range(len(xs))))(*xs)
    assert_close(got, numeric_gradient(along, xs), 1e-5)


@every
def test_layouts_and_inputs_left_alone(name: str, k: int) -> None:
    """Fortran, strided, reversed and read-only inputs give what plain ones give, and no input is written to."""
    c = case(name, k)
    xs = c.floats
    expected = gradient(c, xs)
    layouts = {
        "fortran": lambda x: np.asfortranarray(x) if x.ndim else x,
        "strided": lambda x: np.repeat(x, 2, axis=-1)[..., ::2] if x.ndim else x,
        "reversed": lambda x: np.ascontiguousarray(x[::-1])[::-1] if x.ndim else x,
    }
    for change in layouts.values():
        changed = [change(x) for x in xs]
        for x in changed:
            x.flags.writeable = False
        assert_close(gradient(c, changed), expected, 1e-10)
        assert_close(changed, xs, 0.0)


@every
def test_float32_stays(name: str, k: int) -> None:
    c = case(name, k)
    xs = [x.astype(np.float32 if x.dtype.kind == "f" else np.complex64) for x in c.floats]
    ys = c.call(tensors(xs))
    plain = c.call(xs)
    if xs and all(np.result_type(y) == np.float32 for y in plain):
        assert [y.dtype for y in ys] == [np.float32] * len(ys)
    gs = gradient(c, xs)
    assert [g.dtype for g in gs] == [x.dtype for x in xs]
    assert_close(gs, gradient(c, c.floats), 2e-2)


@every
def test_tape_replays(name: str, k: int) -> None:
    """A trace is the whole program: run again on other values, it gives what the op gives."""
    c = case(name, k)
    xs = c.floats
    tape = trace(lambda *vs: tuple(c.call(vs)), *xs)
    tape.check()
    moved = [x * 1.01 for x in xs]
    got = tape(*moved)
    expected = c.call(moved)
    assert_close(got if isinstance(got, tuple) else [got], expected, 1e-12)
