"""Every net of the zoo, written out: its source gives what the tape gives, in a process with NumPy alone."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from writing.test_numpy_source import lint, runs, runs_alone

from tinygrad_np import derive, write
from tinygrad_np.passes import optimised
from tinygrad_np.passes.backward import gradient_tape
from tinygrad_np.writing import to_numpy
from tinygrad_np.writing.statements import readable

ROOT = Path(__file__).parents[2]
MODELS = sorted(p.stem for p in (ROOT / "models").glob("[!_]*.py"))


def problem(name: str) -> tuple[Callable[..., Any], list[Any], int]:
    """A net's loss as a function of arrays; the arrays, and how many of them are parameters."""
    model = importlib.import_module(f"models.{name}")
    params, x, y = model.example(np.random.default_rng(0))

    def loss(*arrays: Any) -> Any:
        return model.loss(dict(zip(params, arrays, strict=False)), *arrays[len(params) :])

    return loss, [*params.values(), x, y], len(params)


@pytest.mark.parametrize("name", MODELS)
def test_a_net_is_written_out(name: str, tmp_path: Path) -> None:
    loss, arrays, n = problem(name)
    source = runs(optimised(gradient_tape(loss, *arrays, wrt=range(n))), arrays)
    assert lint(tmp_path, {name: source}) == ""


@pytest.mark.parametrize("name", MODELS)
def test_a_net_is_derived(name: str, tmp_path: Path) -> None:
    loss, arrays, n = problem(name)
    found = derive(loss, *arrays, wrt=range(n))
    assert len(found["Updates"].items) == n
    assert "<math" in found.to_html(tmp_path / "page.html").read_text()


@pytest.mark.parametrize("name", ["transformer", "convnet"])
def test_a_net_runs_in_a_process_with_nothing_but_numpy(name: str, tmp_path: Path) -> None:
    loss, arrays, n = problem(name)
    runs_alone(optimised(gradient_tape(loss, *arrays, wrt=range(n))), arrays, tmp_path)


def test_the_nets_are_laid_out_as_a_formatter_would(tmp_path: Path) -> None:
    for name in set(MODELS) - {"transformer"}:  # its chains of methods are broken at other brackets
        loss, arrays, n = problem(name)
        source = to_numpy(readable(gradient_tape(loss, *arrays, wrt=range(n))))
        own = source[source.index("def step(") :]  # without helpers, which keep the lines of their source
        (tmp_path / f"{name}.py").write_text(f"import numpy as np\n\n\n{own}")
    command = [sys.executable, "-m", "ruff", "format", "--isolated", "--diff", "."]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False).stdout == ""


def test_parameters_in_a_dict_are_arguments_of_their_own() -> None:
    model = importlib.import_module("models.two_layer")
    params, x, y = model.example(np.random.default_rng(0))
    source = write(model.loss, params, x, y, wrt=["params"], name="step")
    assert "def step(w1, b1, w2, b2, x, y):" in source
    namespace: dict[str, Any] = {}
    exec(source, namespace)
    value, *grads = namespace["step"](*params.values(), x, y)
    manual = model.manual_gradients(params, x, y)
    assert value == model.loss(params, x, y)
    for name, grad in zip(params, grads, strict=True):
        np.testing.assert_allclose(grad, manual[name], rtol=1e-12)
    assert "grad_b2" not in write(model.loss, params, x, y, wrt=["w1"], name="step").split("return")[1]
    assert len(derive(model.loss, params, x, y, wrt=["w1", "b1"])["Updates"].items) == 2


def test_a_result_in_a_dict_is_a_tuple() -> None:
    source = write(lambda p: {"a": p["u"] + 1, "b": [p["v"] * 2]}, {"u": np.ones(2), "v": np.ones(3)}, name="both")
    namespace: dict[str, Any] = {}
    exec(source, namespace)
    a, b = namespace["both"](np.zeros(2), np.ones(3))
    np.testing.assert_array_equal(a, [1, 1])
    np.testing.assert_array_equal(b, [2, 2, 2])
