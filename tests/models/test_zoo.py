"""What is true of every net in models/: its gradients by hand are those of the tape, and what numbers say."""

from __future__ import annotations

import doctest
import importlib
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models import batch_norm_mlp, by_hand, by_tape, descend, plain, watched
from tinygrad_np import Comparison, Tensor, check_manual, compare, value_and_grad

MODELS = sorted(path.stem for path in (Path(__file__).parents[2] / "models").glob("[!_]*.py"))

# What forward can do besides, by model: a name for it, and the keywords that ask for it.
Keywords = Callable[[Any, Any], dict[str, Any]]  # of params and x
BESIDES: dict[str, dict[str, Keywords]] = {
    "batch_norm_mlp": {
        "evaluation": lambda params, x: {"statistics": batch_norm_mlp.running(batch_norm_mlp.forward(params, x))}
    },
    "deep_mlp": {"sigmoid": lambda _params, _x: {"activation": "sigmoid"}},
    "dropout_mlp": {"training": lambda _params, _x: {"rng": np.random.default_rng(5), "drop": 0.3}},
    "softmax_classifier": {"in steps": lambda _params, _x: {"fused": False}},
}
CASES = [(name, "") for name in MODELS] + [(name, way) for name in MODELS for way in BESIDES.get(name, {})]

every_model = pytest.mark.parametrize("name", MODELS)
every_case = pytest.mark.parametrize(("name", "way"), CASES, ids=[f"{n} {way}".strip() for n, way in CASES])
dtypes = pytest.mark.parametrize("dtype", [np.float64, np.float32])


def of(name: str) -> Any:
    return importlib.import_module(f"models.{name}")


def keywords(name: str, way: str, params: Any, x: Any) -> dict[str, Any]:
    return BESIDES[name][way](params, x) if way else {}


def both(name: str, way: str, params: Any, x: Any, y: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Gradients by hand and by tape, of the same values."""
    model, leaves = of(name), watched(params)
    values = model.forward(leaves, x, **keywords(name, way, params, x))
    hand_error, manual = by_hand(model, params, x, y, plain(values))
    error, auto = by_tape(model, leaves, x, y, values)
    assert hand_error == error
    return manual, auto


def agree(comparison: Comparison, auto: dict[str, Any]) -> bool:
    """Whether all rows do, or differ by no more than what is left of the largest gradient where all else cancels.

    A bias gets the sum of p - [i = y] over the batch; at one start in thousands that is 0 but for a few digits.
    """
    largest = max(float(np.abs(g).max()) for g in auto.values())
    eps = max(float(np.finfo(g.dtype).eps) for g in auto.values())
    return all(
        r.verdict in ("exact", "rounding") or (r.max_abs or np.inf) <= 64 * eps * largest for r in comparison.rows
    )


# The shape that all share


@every_model
def test_a_model_has_the_five_functions(name: str) -> None:
    model = of(name)
    functions = {"init", "forward", "loss", "manual_gradients", "example"}
    assert functions <= set(model.__all__)
    given = {f: inspect.signature(getattr(model, f)).parameters for f in functions}
    assert next(iter(given["init"])) == "rng"
    assert given["init"]["dtype"].default is np.float64
    assert list(given["forward"])[:2] == ["params", "x"]
    assert all(p.default is not p.empty for p in list(given["forward"].values())[2:])
    for function in ("loss", "manual_gradients"):
        assert list(given[function]) == ["params", "x", "y", "values"]
        assert given[function]["values"].default is None
    assert list(given["example"]) == ["rng", "dtype"]
    assert given["example"]["dtype"].default is np.float64


@every_model
def test_all_that_forward_can_do_is_tried_here(name: str) -> None:
    model = of(name)
    params, x, _ = model.example(np.random.default_rng(0))
    tried = {keyword for besides in BESIDES.get(name, {}).values() for keyword in besides(params, x)}
    assert tried == set(list(inspect.signature(model.forward).parameters)[2:])


@every_model
def test_the_text_derives_each_gradient_and_its_examples_run(name: str) -> None:
    model = of(name)
    assert "de/d" in model.__doc__
    found = doctest.testmod(model, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert found.attempted
    assert not found.failed


@every_model
def test_an_example_is_drawn_from_its_generator(name: str) -> None:
    model = of(name)
    drawn = [model.example(np.random.default_rng(seed)) for seed in (3, 3, *range(10, 20))]
    for (params, *data), (again, *data_again) in [drawn[:2]]:
        assert params.keys() == again.keys()
        for a, b in zip([*params.values(), *data], [*again.values(), *data_again], strict=True):
            np.testing.assert_array_equal(a, b)
    assert len({tuple(p.shape for p in params.values()) for params, _, _ in drawn}) > 5
    assert len({len(x) for _, x, _ in drawn}) > 2


@every_model
def test_every_dtype_starts_from_the_same_draws(name: str) -> None:
    double, single = (of(name).example(np.random.default_rng(5), dtype) for dtype in (np.float64, np.float32))
    for a, b in zip([*double[0].values(), *double[1:]], [*single[0].values(), *single[1:]], strict=True):
        assert a.dtype == b.dtype or (a.dtype, b.dtype) == (np.float64, np.float32)
        np.testing.assert_array_equal(a.astype(b.dtype), b)
    assert {p.dtype for p in double[0].values()} == {np.dtype(np.float64)}
    assert {p.dtype for p in single[0].values()} == {np.dtype(np.float32)}


@dtypes
@every_case
def test_arrays_give_arrays_and_tensors_give_tensors(name: str, way: str, dtype: Any) -> None:
    """Of the same dtype, and nothing that was given is changed."""
    model = of(name)
    params, x, y = model.example(np.random.default_rng(1), dtype)
    for array in (*params.values(), x, y):
        array.flags.writeable = False
    values = model.forward(params, x, **keywords(name, way, params, x))
    recorded = model.forward(watched(params), x, **keywords(name, way, params, x))
    assert list(values) == list(recorded)
    for key, value in values.items():
        assert type(value) is np.ndarray
        assert value.dtype == dtype or value.dtype.kind in "iub"
        np.testing.assert_array_equal(value, plain(recorded)[key])
    error, tape_error = model.loss(params, x, y, values), model.loss(watched(params), x, y, recorded)
    assert isinstance(error, np.ndarray | np.generic)
    assert type(tape_error) is Tensor
    assert error.dtype == tape_error.dtype == dtype
    assert error == tape_error.item()
    if not way:
        assert error == model.loss(params, x, y)
    for key, g in model.manual_gradients(params, x, y, values).items():
        assert type(g) is np.ndarray
        assert g.dtype == dtype
        assert g.shape == (values | params)[key].shape


# By hand, by tape, by numbers


@every_case
@settings(max_examples=20)
@given(seed=st.integers(0, 2**32), dtype=st.sampled_from([np.float64, np.float32]), away=st.sampled_from([0, 0.2]))
def test_by_hand_is_by_tape(name: str, way: str, seed: int, dtype: Any, away: float) -> None:
    """For each value that the loss depends on and each parameter, at the start and at random points around it."""
    rng = np.random.default_rng(seed)
    params, x, y = of(name).example(rng, dtype)
    params = {key: (p + away * rng.standard_normal(p.shape)).astype(dtype) for key, p in params.items()}
    manual, auto = both(name, way, params, x, y)
    assert set(manual) == set(auto) >= set(params)
    comparison = compare(manual, auto)
    assert agree(comparison, auto), str(comparison)


@dtypes
@every_case
def test_by_hand_is_by_tape_all_through_training(name: str, way: str, dtype: Any) -> None:
    model = of(name)
    for seed in range(9):
        params, x, y = model.example(np.random.default_rng(seed), dtype)
        error, grads = by_hand(model, params, x, y, **keywords(name, way, params, x))
        if error > 0.1:  # of one class there is nothing to learn
            break
    rate = 0.02 * error / sum(float(np.square(grads[key]).sum()) for key in params)  # 2 % off, if the slope stayed
    besides = keywords(name, way, params, x)
    steps = list(descend(model, params, x, y, epochs=40, rate=rate, by="both", **besides))
    for step in steps:
        assert step.comparison is not None
        assert agree(step.comparison, step.gradients), f"epoch {step.epoch}\n{step.comparison}"
        assert set(params) <= set(step.gradients)
    assert np.mean([s.error for s in steps[-5:]]) < 0.9 * np.mean([s.error for s in steps[:5]])
    assert {p.dtype for p in params.values()} == {np.dtype(dtype)}


@every_case
def test_by_hand_is_what_central_differences_say(name: str, way: str) -> None:
    """Along a random direction for each parameter."""
    model, rng = of(name), np.random.default_rng(2)
    params, x, y = model.example(rng)
    params = {key: p + 0.2 * rng.standard_normal(p.shape) for key, p in params.items()}
    besides = keywords(name, way, params, x)  # once: statistics of a batch are constants, whatever the parameters

    def error(key: str, moved: Any) -> float:
        again = besides | ({"rng": np.random.default_rng(5)} if "rng" in besides else {})
        return float(model.loss(params, x, y, model.forward(params | {key: moved}, x, **again)))

    manual = by_hand(model, params, x, y, **keywords(name, way, params, x))[1]
    for key, p in params.items():
        for _ in range(3):
            direction = rng.standard_normal(p.shape)
            slope = (error(key, p + 1e-5 * direction) - error(key, p - 1e-5 * direction)) / 2e-5
            assert np.sum(manual[key] * direction) == pytest.approx(slope, rel=1e-6, abs=1e-8)


@every_model
def test_the_loss_goes_through_the_transforms(name: str) -> None:
    model = of(name)
    params, x, y = model.example(np.random.default_rng(4))
    error, grads = value_and_grad(model.loss)(params, x, y)
    hand_error, manual = by_hand(model, params, x, y)
    assert error == pytest.approx(hand_error)
    assert compare({key: manual[key] for key in params}, grads).ok


@every_model
def test_the_checker_of_hand_written_gradients_accepts_them(name: str) -> None:
    """It moves the parameters and takes other numbers of rows."""
    model = of(name)

    def with_values(params: Any, x: Any, y: Any) -> Any:
        values = model.forward(params, x)
        return model.loss(params, x, y, values), values

    params, x, y = model.example(np.random.default_rng(6))
    comparison = check_manual(with_values, model.manual_gradients, params, x, y)
    assert comparison.ok, str(comparison)
