"""What is written out runs with NumPy alone, and gives what the tape gives."""

from __future__ import annotations

import copy
import functools
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from registry_cases import CASES, case
from writing.programs import inputs, programs

import tinygrad_np as tg
from models import two_layer
from tinygrad_np import Tape, trace
from tinygrad_np.passes import optimised
from tinygrad_np.passes.backward import gradient_tape
from tinygrad_np.writing import WriteError, outside, to_numpy, write
from tinygrad_np.writing.statements import readable

# Their shapes are what the values say.
DATA_DEPENDENT = {"unique", "unique_values", "unique_counts", "unique_inverse", "unique_all", "union1d", "setdiff1d",
                  "setxor1d", "piecewise", "_setitem", "_gather"}  # fmt: skip

# LAPACK rounds by where in memory its arrays happen to lie.
LAPACK = {"polyfit", "lstsq", "pinv", "_pinv"}


def runs(tape: Tape, xs: list[Any], name: str = "") -> str:
    """The source of a tape; what it computes is the tape's, bit for bit."""
    source = to_numpy(tape)
    namespace: dict[str, Any] = {}
    exec(source, namespace)
    got, want = namespace["step"](*xs, *outside(tape).values()), tape(*xs)
    for a, b in zip(*(y if isinstance(y, tuple) else (y,) for y in (got, want)), strict=True):
        a, b = np.asarray(a), np.asarray(b)
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        if name in LAPACK:
            np.testing.assert_allclose(a, b, rtol=1e-12)
        else:
            np.testing.assert_array_equal(a, b)
    return source


def weighted(name: str, k: int) -> tuple[Callable[..., Any], list[Any]]:
    """An op's sample as a function to one number that feels each output."""
    of = case(name, k)

    def value(*xs: Any) -> Any:
        ys = of.call(xs)
        return sum(np.sum(y * np.cos(np.arange(np.size(y)).reshape(np.shape(y)) + i)) for i, y in enumerate(ys))

    return value, of.floats


def written(name: str, k: int) -> tuple[str, list[Any]] | None:
    f, xs = weighted(name, k)
    if not xs:
        return None
    tape = optimised(gradient_tape(f, *xs, wrt=range(len(xs))))
    try:
        return runs(tape, xs, name), xs
    except WriteError as reason:
        if name not in DATA_DEPENDENT or "depends on the values" not in str(reason):
            raise
        return None


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # samples at the edge of an op's domain
@pytest.mark.parametrize("name", dict.fromkeys(name for name, _ in CASES))
def test_every_op_and_its_gradient(name: str) -> None:
    for other, k in CASES:
        if other == name:
            written(name, k)


RUN = """
import sys
from importlib.abc import MetaPathFinder

class OnlyNumPy(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] not in sys.stdlib_module_names | {"numpy"}:
            raise ImportError(name)

sys.meta_path.insert(0, OnlyNumPy())
import numpy as np
data = np.load(sys.argv[2])
namespace = {}
exec(open(sys.argv[1]).read(), namespace)
results = namespace["step"](*(data[f"x{i}"] for i in range(len(data.files))))
np.savez(sys.argv[3], *results)
"""


def runs_alone(tape: Tape, xs: list[Any], tmp_path: Path) -> None:
    """In a process with NumPy alone the source gives what the tape gives."""
    inputs = [*xs, *outside(tape).values()]
    (tmp_path / "step.py").write_text(to_numpy(tape))
    (tmp_path / "run.py").write_text(RUN)
    np.savez(tmp_path / "in.npz", **{f"x{i}": x for i, x in enumerate(inputs)})
    command = [sys.executable, "-I", "run.py", "step.py", "in.npz", "out.npz"]
    subprocess.run(command, cwd=tmp_path, check=True)
    with np.load(tmp_path / "out.npz") as out:
        for got, want in zip(out.values(), tape(*xs), strict=True):
            np.testing.assert_array_equal(got, want)


def test_it_runs_in_a_fresh_process_with_nothing_but_numpy(tmp_path: Path) -> None:
    def loss(w: Any, x: Any, y: Any) -> Any:
        return tg.cross_entropy(tg.layer_norm(tg.gelu(x @ w), 4), y)

    rng = np.random.default_rng(0)
    xs = [rng.normal(size=(3, 4)), rng.normal(size=(5, 3)), np.array([0, 1, 2, 3, 0])]
    tape = optimised(gradient_tape(loss, *xs, wrt=[0]))
    runs_alone(tape, xs, tmp_path)


@given(program=programs())
@settings(max_examples=200, deadline=None)
def test_random_programs(program: Any) -> None:
    xs = inputs()
    runs(optimised(gradient_tape(program, *xs, wrt=(0, 1, 2, 3))), xs)


def lint(tmp_path: Path, sources: dict[str, str]) -> str:
    for name, source in sources.items():
        (tmp_path / f"{name}.py").write_text(source)
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--isolated", "--quiet", "."],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.stdout + done.stderr


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_the_source_of_every_op_is_clean(tmp_path: Path) -> None:
    sources = {}
    for name, k in CASES:
        f, xs = weighted(name, k)
        if k == 0 and xs and name not in DATA_DEPENDENT:
            sources[name] = to_numpy(optimised(gradient_tape(f, *xs, wrt=range(len(xs)))))
    assert len(sources) > 250
    assert lint(tmp_path, sources) == ""


# Nets, constants, names


def net(w1: Any, b1: Any, w2: Any, b2: Any, x: Any, y: Any) -> Any:
    return two_layer.loss({"w1": w1, "b1": b1, "w2": w2, "b2": b2}, x, y)


def two_layer_problem() -> list[Any]:
    rng = np.random.default_rng(0)
    return [*two_layer.init(rng, 5, 4, 3).values(), rng.normal(size=(6, 5)), rng.normal(size=(6, 3))]


def test_second_order_programs() -> None:
    w1, b1, w2, b2, x, y = two_layer_problem()
    tape = trace(lambda w, v: tg.hvp(lambda w: net(w, b1, w2, b2, x, y), (w,), (v,)), w1, w1 * 2)
    np.testing.assert_allclose(
        optimised(tape)(w1, w1), tg.hvp(lambda w: net(w, b1, w2, b2, x, y), (w1,), (w1,)), rtol=1e-12
    )
    namespace: dict[str, Any] = {}
    source = to_numpy(optimised(tape))
    exec(source, namespace)
    got = namespace["step"](w1, w1, *outside(optimised(tape)).values())
    np.testing.assert_allclose(got, tape(w1, w1), rtol=1e-12)


def test_large_constants_become_arguments() -> None:
    table = np.arange(60.0).reshape(20, 3)
    source = write(lambda x: table @ x, np.ones(3), name="step")
    namespace: dict[str, Any] = {}
    exec(source, namespace)
    np.testing.assert_array_equal(namespace["step"](np.ones(3), table), table.sum(axis=1))
    assert "from outside" in source


def test_names_that_python_or_numpy_has_are_not_overwritten() -> None:
    def f(np_: Any, sum: Any) -> Any:  # the name is the point
        len = np_ * sum  # the same
        step = np.exp(len)
        return step * len

    runs(trace(f, np.ones(2), np.ones(2)), [np.full(2, 3.0), np.ones(2)])


def test_a_users_op_is_written_with_its_own_function() -> None:
    cube = tg.primitive(_cubed).defvjp(lambda g, _y, x: 3 * g * x * x)
    source = write(lambda x: np.sum(cube(x)), np.ones(3), wrt=[0], name="step")
    namespace: dict[str, Any] = {}
    exec(source, namespace)
    np.testing.assert_array_equal(namespace["step"](np.array([1.0, 2.0]))[1], [3, 12])
    assert "def cubed(x):" in source


def _cubed(x: Any) -> Any:
    square = x * x
    return square * x


# Refusals


def test_shapes_that_depend_on_values_are_refused_with_the_line() -> None:
    with pytest.raises(WriteError, match=r"gather \(test_numpy_source.py:\d+\): the shape .* where\(\)"):
        write(lambda x: np.sum(x[x > 0]), np.ones(3), wrt=[0])


def test_an_op_without_source_is_named() -> None:
    namespace: dict[str, Any] = {"np": np}
    exec("def twice(x):\n    y = x + x\n    return y", namespace)
    op = tg.primitive(namespace["twice"]).defvjp(lambda g, _y, _x: 2 * g)
    with pytest.raises(WriteError, match=r"twice .* source .* not at hand"):
        write(lambda x: np.sum(op(x)), np.ones(3), wrt=[0])


@pytest.mark.parametrize("name", ["1st", "for", "a b"])
def test_a_function_needs_a_name(name: str) -> None:
    with pytest.raises(ValueError, match="identifier"):
        write(lambda x: x * 2, np.ones(3), name=name)


# What cannot be written is handed in, or said


def test_a_source_of_random_numbers_is_an_argument() -> None:
    def f(x: Any) -> Any:
        return np.sum(tg.dropout(x, 0.5, rng=rng) ** 2)

    rng = np.random.default_rng(3)
    tape = readable(gradient_tape(f, np.ones((5, 4)), wrt=[0]))
    source = to_numpy(tape)
    assert "def step(x, rng):" in source
    assert "rng: Generator, draws anew at each call" in source
    namespace: dict[str, Any] = {}
    exec(source, namespace)
    assert outside(tape) == {"rng": rng}
    again = copy.deepcopy(rng)
    for got, want in zip(namespace["step"](np.ones((5, 4)), again), tape(np.ones((5, 4))), strict=True):
        np.testing.assert_array_equal(got, want)


def _scaled(x: Any, *, by: Any) -> Any:
    return by(x) * 2


def _halved(x: Any) -> Any:
    y = x / 2
    return y


@pytest.mark.parametrize("by", [np.sin, _halved, lambda v: v + 1, functools.partial(np.add, 2.0)])
def test_a_parameter_may_be_a_function(by: Any) -> None:
    op = tg.primitive(_scaled).defvjp(lambda g, _y, _x, by: 2 * g)
    tape = readable(gradient_tape(lambda x: np.sum(op(x, by=by)), np.ones(3), wrt=[0]))
    runs(tape, [np.array([1.0, 2.0, 3.0])])


class _Scaler:
    def by(self, x: Any) -> Any:
        return x + 1


def test_a_method_as_a_parameter_is_refused_by_name() -> None:
    op = tg.primitive(_scaled).defvjp(lambda g, _y, _x, by: 2 * g)
    with pytest.raises(WriteError, match=r"scaled .*bound method .* has no literal"):
        write(lambda x: np.sum(op(x, by=_Scaler().by)), np.ones(3))


def test_a_checkpoint_is_what_it_runs() -> None:
    f = tg.checkpoint(lambda v: (np.sin(v) * np.exp(v), np.cos(v)))
    xs = [np.array([0.5, 2.0])]
    source = runs(readable(gradient_tape(lambda x: np.sum(f(x)[0] * f(x)[1]), *xs, wrt=[0])), xs)
    assert "checkpoint" not in source
