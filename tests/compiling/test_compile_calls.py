"""Calls: signatures, results, threads, and what a compiled function says of itself."""

from __future__ import annotations

import threading
import warnings
from collections import namedtuple
from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np import Tensor, compile, grad, value_and_grad

Pair = namedtuple("Pair", "a b")


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def descent(w: Any, x: Any, y: Any) -> Any:
    error, g = value_and_grad(lambda w: np.sum((x @ w - y) ** 2))(w)
    return error, w - 0.01 * g


def problem(n: int = 5, dtype: Any = float) -> list[Any]:
    r = rng()
    return [r.normal(size=s).astype(dtype) for s in ((4,), (n, 4), (n,))]


# Signatures


def test_one_recording_per_signature() -> None:
    def g(x: Any, scale: Any = 1.0, way: Any = "up") -> Any:
        return x * scale if way == "up" else x - scale

    compiled = compile(g)
    x = np.arange(6.0)
    calls: list[Any] = [
        ((x,), {}),
        ((x.reshape(2, 3),), {}),
        ((x.astype(np.float32),), {}),
        ((x, 2.0), {}),
        ((x, 2), {}),
        ((x, 3.0), {}),
        ((x, np.float64(2)), {}),
        ((x,), {"scale": 2.0}),
        ((x,), {"way": "down"}),
        ((x, True), {}),
        ((x, -0.0), {}),
        ((x, 0.0), {}),
    ]
    for number, (args, kwargs) in enumerate(calls, 1):
        for _ in range(3):
            got, want = compiled(*args, **kwargs), g(*args, **kwargs)
            np.testing.assert_array_equal(got, want)
            assert got.dtype == want.dtype
            assert np.array_equal(np.signbit(got), np.signbit(want))
            assert compiled.cache_info().signatures == number


def test_structures_are_part_of_the_signature() -> None:
    def f(tree: Any) -> Any:
        leaves = tg.transforms.tree.flatten(tree)[0]
        return sum(i * x for i, x in enumerate(leaves))

    compiled = compile(f)
    a, b = np.ones(2), np.arange(2.0)
    trees: list[Any] = [
        [a, b], (a, b), {"a": a, "b": b}, {"b": a, "a": b}, {"a": [a, {"c": b}]}, Pair(a, b), [a, None, b], [a, b, []],
        [[a], b], {1: a, (2, 3): b}, {"a": a, "b": b, "c": b},
    ]  # fmt: skip
    for n, tree in enumerate(trees, 1):
        for _ in range(2):
            np.testing.assert_array_equal(compiled(tree), f(tree))
        assert compiled.cache_info().signatures == n
    np.testing.assert_array_equal(compiled({"b": b, "a": a}), f({"b": b, "a": a}))


def test_results_keep_their_structure() -> None:
    def f(x: Any, k: Any) -> Any:
        return {"a": (x * k, [x, None]), "b": Pair(x.sum(), k), "n": 3, "s": "text", "c": np.arange(3)}

    compiled = compile(f)
    x = np.ones((2, 2))
    for _ in range(2):
        got = compiled(x, 2.0)
        assert list(got) == ["a", "b", "n", "s", "c"]
        assert type(got["b"]) is Pair
        assert got["b"].b == 2.0
        assert (got["n"], got["s"], got["a"][1][1]) == (3, "text", None)
        np.testing.assert_array_equal(got["a"][0], 2 * x)
        got["c"][:] = 7  # is not what the next call gets


def test_static_arguments() -> None:
    seen = []

    class Mode:
        pass

    def f(x: Any, mode: Any, n: int = 2) -> Any:
        if type(mode) is Mode:
            return x * n
        return x - n if mode == "minus" else x**n

    compiled = compile(f, static=("mode", 2))
    x, mode = np.arange(3.0), Mode()
    for args in ((x, mode), (x, "minus"), (x, "power", 3), (x, Mode()), (x, mode), (x, 1), (x, 1.0), (x, True)):
        np.testing.assert_array_equal(compiled(*args), f(*args))
        seen.append(compiled.cache_info().signatures)
    assert seen == [1, 2, 3, 4, 4, 5, 6, 7]


def test_a_static_container() -> None:
    compiled = compile(lambda x, sizes, k: x.reshape(sizes) * k, static="sizes")
    for sizes in ((2, 3), (3, 2), (6,)):
        np.testing.assert_array_equal(compiled(np.arange(6.0), sizes, k=2.0), 2 * np.arange(6.0).reshape(sizes))


def test_as_a_decorator_and_as_a_method() -> None:
    class Net:
        scale = 3.0

        @compile(static="self")
        def forward(self, x: Any) -> Any:
            """Triple."""
            return x * self.scale

    assert Net.forward.__name__ == "forward"
    assert Net.forward.__doc__ == "Triple."
    np.testing.assert_array_equal(Net().forward(np.ones(2)), [3, 3])


def test_arrays_of_every_layout() -> None:
    compiled = compile(descent)
    w, x, y = problem(6)
    want = descent(w, x, y)
    wide = np.zeros((6, 8))
    wide[:, ::2] = x
    frozen = x.copy()
    frozen.flags.writeable = False
    for view in (np.asfortranarray(x), wide[:, ::2], x[::-1][::-1], frozen, x.astype(">f8").astype("<f8")):
        for a, b in zip(compiled(w, view, y), want, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-13)


def test_empty_and_whole_numbers() -> None:
    compiled = compile(lambda x: (np.sum(x), x + 1, x > 0, x.reshape(-1)))
    for x in (np.zeros((0, 3)), np.arange(4), np.array(True), np.array(2, np.int8), np.array([1 + 2j])):
        want = (np.sum(x), x + 1, x > 0, x.reshape(-1))
        for a, b in zip(compiled(x), want, strict=True):
            np.testing.assert_array_equal(a, b)
            assert a.dtype == b.dtype


def test_tensors_count_as_their_arrays() -> None:
    got = compile(lambda x: x * 2)(Tensor(np.ones(2)))
    assert type(got) is np.ndarray


def test_inside_a_transform_it_is_part_of_what_is_recorded() -> None:
    compiled = compile(lambda x: np.sum(x**3))
    x = np.array([1.0, 2.0])
    np.testing.assert_allclose(grad(compiled)(x), 3 * x**2)
    np.testing.assert_allclose(tg.hessian(compiled)(x), np.diag(6 * x))
    np.testing.assert_allclose(compile(grad(compiled))(x), 3 * x**2)


def test_second_order() -> None:
    def f(x: Any) -> Any:
        return np.sum(np.sin(x) ** 2 * x)

    x = rng().normal(size=4)
    np.testing.assert_allclose(compile(tg.hessian(f))(x), tg.hessian(f)(x), rtol=1e-12, atol=1e-14)
    v = rng().normal(size=4)
    product = compile(lambda x, v: tg.hvp(f, (x,), (v,)))(x, v)
    for a, b in zip(product, tg.hvp(f, (x,), (v,)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)
    tangent = compile(lambda x, v: tg.jvp(f, (x,), (v,)))(x, v)
    np.testing.assert_allclose(tangent[1], tg.jvp(f, (x,), (v,))[1], rtol=1e-12)


def test_no_floating_point_warnings_from_a_backward_pass() -> None:
    def f(x: Any) -> Any:
        return np.sum(np.where(x > 0, np.sqrt(np.where(x > 0, x, 1)), x) + np.sqrt(x))

    x = np.array([0.0, 1.0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(compile(grad(f))(x), grad(f)(x))
        np.testing.assert_array_equal(compile(tg.sigmoid)(np.array([-1e4, 0.0])), [0, 0.5])


# Threads


def test_threads_may_call_at_once() -> None:
    def f(x: Any) -> Any:
        h = np.tanh(x @ x.T)
        return np.sum(h @ h), h

    compiled = compile(f)
    xs = [rng().normal(size=(40, 40)) + i for i in range(4)]
    want = [f(x) for x in xs]
    wrong: list[Any] = []

    def work(i: int) -> None:
        for _ in range(60):
            got = compiled(xs[i])
            if not all(np.allclose(a, b, rtol=1e-12) for a, b in zip(got, want[i], strict=True)):
                wrong.append(i)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong
    assert compiled.cache_info().signatures == 1


# What it says of itself


def test_source_and_explanation() -> None:
    compiled = compile(descent, donate="w")
    w, x, y = problem()
    source = compiled.source(w, x, y)
    assert "np.dot(x, w" in source
    assert "np.subtract(w, " in source
    said = compiled.explain(w, x, y)
    assert "overwrites w: in place" in said
    assert "records were recorded" in said
    np.testing.assert_array_equal(w, problem()[0])  # looking runs nothing
    compiled(w, x, y)
    assert compiled.source() == source


def test_a_number_that_changes_again_and_again_is_told_of() -> None:
    compiled = compile(lambda x, rate, n: x * rate + n)
    x = np.ones(2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for i in range(7):
            compiled(x, i / 10, 1)
            compiled(x, np.asarray(i / 10), 1)
            compiled(x, 0.0, i % 3)
    with pytest.warns(RuntimeWarning, match="has been recorded for 8 values of rate.*np.asarray"):
        compiled(x, 0.7, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        compiled(x, 0.8, 1)  # once


def test_an_op_of_ones_own_may_have_any_name() -> None:
    """Also that of an op that is compiled in a way of its own."""

    def where(c: Any, a: Any, b: Any) -> Any:
        return np.where(c > 0, a, b) + 1

    def add(a: Any, b: Any) -> Any:
        return a + 2 * b

    def softmax(x: Any) -> Any:
        return x / np.sum(x)

    mine = [tg.primitive(f) for f in (where, add, softmax)]
    rng_ = rng()
    a, b = rng_.random(3), rng_.random(3)
    compiled = compile(lambda a, b: (mine[0](a, b, a), mine[1](a, b), mine[2](a)))
    for x, y in zip(compiled(a, b), (where(a, b, a), add(a, b), softmax(a)), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-14)
