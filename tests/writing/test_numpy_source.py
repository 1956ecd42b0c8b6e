"""What is written out runs with NumPy alone, and gives what the tape gives."""

from __future__ import annotations

import copy
import functools
import re
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

Source = tuple[str, list[Any], list[Any]]


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


# What people read


def net(w1: Any, b1: Any, w2: Any, b2: Any, x: Any, y: Any) -> Any:
    return two_layer.loss({"w1": w1, "b1": b1, "w2": w2, "b2": b2}, x, y)


def two_layer_problem() -> list[Any]:
    rng = np.random.default_rng(0)
    return [*two_layer.init(rng, 5, 4, 3).values(), rng.normal(size=(6, 5)), rng.normal(size=(6, 3))]


def test_the_two_layer_net_reads_as_a_person_would_write_it() -> None:
    source = write(net, *two_layer_problem(), wrt=["w1", "b1", "w2", "b2"], name="step")
    lines = [line.strip().split("  #")[0] for line in source.splitlines()]
    assert lines[lines.index("# Forward") :] == [
        "# Forward",
        "h = x @ w1 + b1",
        "h_relu = np.maximum(h, 0)",
        "pred = h_relu @ w2 + b2",
        "loss = ((pred - y) ** 2).sum()",
        "",
        "# Backward",
        "grad_pred = 2 * (pred - y)",
        "grad_b2 = grad_pred.sum(axis=0)",
        "grad_h_relu = grad_pred @ w2.T",
        "grad_w2 = h_relu.T @ grad_pred",
        "grad_h = grad_h_relu * (h_relu > 0)",
        "grad_b1 = grad_h.sum(axis=0)",
        "grad_w1 = x.T @ grad_h",
        "return loss, grad_w1, grad_b1, grad_w2, grad_b2",
    ]
    assert "rule of matmul for b, two_layer.py:" in source
    assert "w1: float64[5, 4]" in source


def test_comments_can_be_left_out() -> None:
    assert "#" not in optimised(gradient_tape(net, *two_layer_problem(), wrt=[0])).to_numpy(comments=False)


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


def test_what_was_decided_while_recording_is_said() -> None:
    source = write(lambda x: x * 2 if x.sum() > 0 else x, np.ones(3), name="step")
    assert "Values were read while this was recorded" in source
    assert "bool\n    (test_numpy_source.py:" in source


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


def body(source: str) -> list[str]:
    """The statements of a function, without comments."""
    lines = [line.strip().split("  #")[0] for line in source[source.rindex('"""') :].splitlines()[1:]]
    return [line for line in lines if line and not line.startswith("#")]


def test_parts_of_a_cotangent_are_added_in_their_place() -> None:
    def f(x: Any, i: Any) -> Any:
        a, b = np.exp(x[0]), np.sin(x[1])
        return np.sum(a * b) + np.sum(x[i] ** 2)

    xs = [np.arange(6.0).reshape(3, 2), np.array([2, 0, 2])]
    tape = readable(gradient_tape(f, *xs, wrt=[0]))
    lines = body(runs(tape, xs))
    found = [line.split(" += ")[0] for line in lines if line.startswith(("grad_x", "np.add.at"))]
    assert found == ["grad_x = np.zeros((3, 2))", "np.add.at(grad_x, i, 2 * part_2)", "grad_x[1]", "grad_x[0]"]


def test_a_place_named_twice_after_another_part_keeps_the_order_of_the_sum() -> None:
    def f(x: Any, i: Any) -> Any:
        return np.sum(np.exp(x[i])) + np.sum(x[1:] ** 3) + np.sum(np.cos(x[i]))

    rng = np.random.default_rng(0)
    xs = [rng.normal(size=4), np.array([1, 2, 2, 2])]
    runs(readable(gradient_tape(f, *xs, wrt=[0])), xs)


def test_a_cotangent_has_the_name_of_its_value_in_a_loop() -> None:
    def f(h: Any, w: Any) -> Any:
        for _ in range(3):
            z = h @ w
            h = np.tanh(z)
        return np.sum(h)

    lines = body(write(f, np.ones((2, 2)), np.ones((2, 2)), wrt=["w"]))
    assert {"z = h @ w", "z_2 = h_2 @ w", "z_3 = h_3 @ w"} <= set(lines)
    assert any(line.startswith("grad_z_3 = ") and "h_4 * h_4" in line for line in lines)
    assert any(line.startswith("grad_z = ") and "h_2 * h_2" in line for line in lines)


def test_a_mask_is_as_people_write_it() -> None:
    lines = body(write(lambda x: np.sum(np.where(x > 0, np.sqrt(x), x)), np.array([4.0, 0.0]), wrt=[0]))
    assert sum("np.where" in line and "== 0, 0" in line for line in lines) == 1
    assert not any("isfinite" in line for line in lines)
    namespace: dict[str, Any] = {}
    exec(write(lambda x: np.sum(np.where(x > 0, np.sqrt(x), x)), np.array([4.0, 0.0]), wrt=[0], name="f"), namespace)
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(namespace["f"](np.array([4.0, 0.0, -1.0])[:2])[1], [0.25, 1])


def test_comments_name_the_rule_that_ran() -> None:
    def f(x: Any) -> Any:
        a = x[0] * x[1]
        return np.sum(a) + np.sum(x)

    source = write(f, np.ones((2, 3)), wrt=[0])
    assert re.search(r"grad_x\[1\] \+= .*# rule of indexing", source)
    assert "rule of add" not in source


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


def test_an_unknown_argument_is_named() -> None:
    with pytest.raises(ValueError, match="no argument 'v'; it takes w1, b1"):
        write(net, *two_layer_problem(), wrt=["v"])


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


def test_a_lambda_is_an_op_like_any_other() -> None:
    op = tg.primitive(lambda x: x * x + 1, name="op").defvjp(lambda g, _y, x: 2 * g * x)
    assert "loss = (x * x + 1).sum()" in body(write(lambda x: np.sum(op(x)), np.ones(3), wrt=[0]))


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


class _Net:
    def loss(self, w: Any, x: Any) -> Any:
        return np.sum((x @ w) ** 2)


def test_arguments_of_methods_have_their_names() -> None:
    args = np.ones(3), np.ones((2, 3))
    assert "def loss_and_gradients(w, x):" in write(_Net().loss, *args, wrt=["w"])
    assert "def loss(w, x):" in write(_Net().loss, *args)
    assert "def step(w, x):" in write(functools.partial(_Net.loss, _Net()), *args, wrt="w", name="step")


@pytest.mark.parametrize("wrt", [[2], [-3], ["y"]])
def test_an_argument_that_is_not_there_is_refused(wrt: Any) -> None:
    with pytest.raises(ValueError, match=r"loss has no argument .*; it takes w, x"):
        write(_Net().loss, np.ones(3), np.ones((2, 3)), wrt=wrt)
