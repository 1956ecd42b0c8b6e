"""What a record cannot hold is refused, with the line and the way out."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np import CompileError, compile, value_and_grad

X = np.array([[1.0, -2.0, 3.0], [0.5, 4.0, -1.0]])
HISTORY: list[Any] = []
COUNTER = 0
STATE = {"n": 0}
BUFFER = np.zeros(3)


def refused(f: Callable[..., Any], *args: Any, **options: Any) -> str:
    with pytest.raises(CompileError) as caught:
        compile(f, **options)(*args)
    return str(caught.value)


def line_of(f: Callable[..., Any], text: str) -> int:
    """The number of the line of ``f`` with this text."""
    import inspect

    lines, first = inspect.getsourcelines(f)
    return first + next(i for i, line in enumerate(lines) if text in line)


# Values that are read


def branch(x: Any) -> Any:
    if x.sum() > 0:
        return x
    return -x


def number(x: Any) -> Any:
    return x * float(x.max())


def whole(x: Any) -> Any:
    return x * int(x.max())


def item(x: Any) -> Any:
    return x * x.max().item()


def listed(x: Any) -> Any:
    return x * len(x.tolist())


def array(x: Any) -> Any:
    return x * np.asarray(x).max()


def index(x: Any) -> Any:
    return x[[0, 1][np.argmax(x[0])]]


def inner(x: Any) -> Any:
    return value_and_grad(lambda x: np.sum(x) if np.max(x) > 0 else np.sum(x * 2))(x)


@pytest.mark.parametrize(
    ("f", "text", "said"),
    [
        (branch, "if x.sum", r"branch: a branch on a value at .*; write np.where\(condition, a, b\)"),
        (number, "float(", r"number: float\(\) of a value at .*leave this outside"),
        (whole, "int(", r"int\(\) of a value"),
        (item, ".item()", r"reading a value \(item\)"),
        (listed, "tolist", r"reading a value \(tolist\)"),
        (array, "asarray", r"reading a value \(array\)"),
        (index, "argmax", r"reading a value \(index\) at .*index with the array itself"),
        (inner, "np.max(x)", r"a branch on a value"),
    ],
)
def test_reading_a_value_is_refused_with_its_line(f: Any, text: str, said: str) -> None:
    message = refused(f, X)
    assert re.search(said, message), message
    assert f"test_compile_safety.py:{line_of(f, text)}" in message
    assert "static argument" in message


def test_shapes_and_dtypes_may_be_read() -> None:
    def f(x: Any) -> Any:
        n = len(x)
        return x / n if x.ndim == 2 and x.dtype == np.float64 else x

    np.testing.assert_array_equal(compile(f)(X), X / 2)


def test_a_mask_as_an_index_is_refused() -> None:
    assert "has one shape: use np.where" in refused(lambda x: x[x > 0].sum(), X)


# Printing, and what lies outside


def talking(x: Any) -> Any:
    y = x * 2
    print("y is", y)
    return y


def test_printing_is_refused(capsys: Any) -> None:
    message = refused(talking, X)
    assert f"printing at test_compile_safety.py:{line_of(talking, 'print(')}" in message
    print("and works again")
    assert capsys.readouterr().out == "and works again\n"


def keeping(x: Any) -> Any:
    y = x.sum()
    HISTORY.append(y)
    return y


def counting(x: Any) -> Any:
    global COUNTER
    COUNTER += 1
    return x * 2


def noting(x: Any) -> Any:
    STATE["n"] += 1
    return x * 2


def filling(x: Any) -> Any:
    np.add(BUFFER, 1, out=BUFFER)
    return x * 2


@pytest.mark.parametrize(
    ("f", "name"), [(keeping, "HISTORY"), (counting, "COUNTER"), (noting, "STATE"), (filling, "BUFFER")]
)
def test_changing_what_lies_outside_is_refused(f: Any, name: str) -> None:
    message = refused(f, X)
    assert f"{f.__name__} changes" in message
    assert name in message
    assert "return the new value instead" in message


def test_a_variable_of_the_function_around_is_outside_too() -> None:
    total = 0.0

    def f(x: Any) -> Any:
        nonlocal total
        total = total + 1
        return x * 2

    assert f"changes total, which lies outside of it (line {line_of(f, 'total + 1')})" in refused(f, X)


def test_an_attribute_is_outside_too() -> None:
    class Net:
        last: Any = None

        def forward(self, x: Any) -> Any:
            self.last = x * 2
            return self.last

    assert "changes the object self" in refused(Net().forward, X)


def test_a_container_that_was_given_stays_as_it_was() -> None:
    def f(params: Any, x: Any) -> Any:
        params["w"] = params["w"] * 2
        return params["w"] * x

    params = {"w": X}
    assert "changes what is in a container that it was given" in refused(f, params, X)
    assert params["w"] is X


def test_what_is_frozen_without_being_read_is_found_too() -> None:
    def stopped(x: Any) -> Any:
        return x * x.data.max()

    def detached(x: Any) -> Any:
        return x * x.detach().max()

    def clock(x: Any) -> Any:
        return x * time.perf_counter()

    for f in (stopped, detached, clock):
        assert "a compiled step would freeze it" in refused(f, X)


# Random numbers


def noisy(x: Any, rng: Any) -> Any:
    noise = rng.normal(size=x.shape)
    return x + noise, tg.dropout(x, 0.5, rng=rng), rng.integers(0, 10, size=4)


def test_a_generator_that_is_an_argument_draws_anew_at_every_call() -> None:
    compiled = compile(noisy)
    mine, its = np.random.default_rng(7), np.random.default_rng(7)
    for _ in range(3):
        for a, b in zip(compiled(X, mine), noisy(X, its), strict=True):
            np.testing.assert_array_equal(a, b)
    assert mine.random() == its.random()
    assert compiled.cache_info().signatures == 1


def test_a_frozen_draw_is_refused() -> None:
    rng = np.random.default_rng(0)

    def plain(x: Any) -> Any:
        return x + rng.normal(size=x.shape)

    def through_an_op(x: Any) -> Any:
        return tg.dropout(x, 0.5, rng=rng)

    def made_inside(x: Any) -> Any:
        return x + np.random.default_rng().normal(size=x.shape)

    def old_fashioned(x: Any) -> Any:
        return x + np.random.normal(size=x.shape)  # noqa: NPY002  # the old way is what is tested

    def in_place(x: Any, rng: Any) -> Any:
        order = np.arange(3)
        rng.shuffle(order)
        return x[:, order]

    assert "would freeze it" in refused(plain, X)
    assert "draws from a generator that is no argument" in refused(through_an_op, X)
    assert "would freeze it" in refused(made_inside, X)
    assert "would freeze it" in refused(old_fashioned, X)
    assert "use permutation()" in refused(in_place, X, np.random.default_rng(0))


def test_a_seeded_draw_is_a_constant() -> None:
    def f(x: Any) -> Any:
        return x + np.random.default_rng(3).normal(size=x.shape)

    np.testing.assert_array_equal(compile(f)(X), f(X))


def test_draws_keep_their_order() -> None:
    def f(w: Any, rng: Any) -> Any:
        a = rng.normal(size=w.shape)
        b = np.sum(rng.uniform(size=(50, 50)))
        c = rng.normal(size=w.shape)
        return w - a * c, b, np.sum(a)

    compiled = compile(f, donate="w")
    for x, y in zip(compiled(X.copy(), np.random.default_rng(1)), f(X, np.random.default_rng(1)), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-13)


def test_an_op_that_draws_waits_for_the_draws_before_it() -> None:
    """Though it could run sooner, and free memory."""

    def _drawn(x: Any, *, rng: Any) -> Any:
        return rng.normal(size=3) + x.sum()

    drawn = tg.primitive(_drawn).defvjp(None)

    def f(x: Any, rng: Any) -> Any:
        h = np.exp(x)
        a = rng.normal(size=3)
        return a, drawn(h, rng=rng)

    x = np.zeros((20, 20))
    for y, z in zip(compile(f)(x, np.random.default_rng(1)), f(x, np.random.default_rng(1)), strict=True):
        np.testing.assert_array_equal(y, z)


# Errors that are the caller's


def test_names_that_are_no_parameters() -> None:
    def f(w: Any, x: Any) -> Any:
        return w

    with pytest.raises(ValueError, match=r"compile\(donate='v'\): f has no such parameter; it takes w, x"):
        compile(f, donate="v")
    with pytest.raises(ValueError, match=r"compile\(static=5\)"):
        compile(f, static=5)
    with pytest.raises(ValueError, match="cannot be both static and donated"):
        compile(f, static="w", donate=0)
    with pytest.raises(ValueError, match="backend is one of auto, numpy"):
        compile(f, backend="fortran")


def test_arguments_that_are_no_data() -> None:
    assert "config is object, no array and no number: name the argument in static=" in refused(
        lambda x, config: x, X, object()
    )
    assert "cannot be hashed" in refused(lambda x, config: x, X, {"a": 1}, static="config")
    assert "holds object" in refused(lambda x: x, np.array([None]))
    message = refused(lambda x: x * 2, tg.Tensor(X, requires_grad=True))
    assert "records none: give it .data and compile value_and_grad" in message


def test_an_error_of_the_function_passes_through() -> None:
    def f(a: Any, b: Any) -> Any:
        return a @ b

    with pytest.raises(ValueError, match="inner sizes"):
        compile(f)(X, X)
    np.testing.assert_array_equal(compile(f)(X, X.T), X @ X.T)


def test_a_line_that_fails_when_run_is_shown() -> None:
    compiled = compile(lambda a: np.linalg.inv(a) * 2)
    compiled(np.eye(2))
    with pytest.raises(np.linalg.LinAlgError) as caught:
        compiled(np.zeros((2, 2)))
    import traceback

    assert "inv(a)" in "".join(traceback.format_exception(caught.value))
    np.testing.assert_array_equal(compiled(np.eye(2)), 2 * np.eye(2))
