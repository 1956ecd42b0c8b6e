"""What formulas say is what the tape computes: they are read back and computed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from registry_cases import CASES
from writing.evaluate import NotReadError, evaluate
from writing.programs import inputs, programs
from writing.test_models_written import MODELS, problem
from writing.test_numpy_source import weighted

import tinygrad_np as tg
from tinygrad_np import trace
from tinygrad_np.passes import optimised
from tinygrad_np.passes.backward import gradient_tape
from tinygrad_np.writing.derivation import _Sheet
from tinygrad_np.writing.formulas import formula_of
from tinygrad_np.writing.tex import Formula, constant

X = np.array([[0.5, 1.5, 0.25], [2.0, 0.75, 3.0]])
BEYOND = {"det", "scaled_dot_product_attention"}  # a sample singular to rounding; one with a row of minus infinity


def holds(f: Callable[..., Any], args: Sequence[Any], wrt: Sequence[int]) -> tuple[int, int]:
    """Check each line of the derivation of ``f``; gives how many were read, and how many there are."""
    tape = optimised(gradient_tape(f, *args, wrt=wrt))
    sheet = _Sheet(tape, {}, [tape.inputs[i] for i in wrt])
    values = sheet.values(args)
    leaves = [r for r in (*tape.inputs, *tape.constants) if sheet.formulas[r].op != "number"]
    named = [r for r, _ in sheet.lines] + leaves
    symbols = {sheet.formulas[r].text: values[r] for r in named}
    read = 0
    for r, formula in sheet.lines:
        try:
            value = evaluate(formula.text, symbols)
        except NotReadError:
            continue
        except Exception as error:
            raise AssertionError(formula.text) from error
        read += 1
        np.testing.assert_allclose(
            np.broadcast_to(value, r.shape), values[r], rtol=1e-12, atol=1e-12, err_msg=f"{formula.text} at {r}"
        )
    return read, len(sheet.lines)


@given(program=programs())
@settings(max_examples=100, deadline=None)
def test_the_formulas_of_random_programs_are_true(program: Any) -> None:
    holds(program, inputs(), (0, 1, 2, 3))


@pytest.mark.parametrize("name", MODELS)
def test_the_formulas_of_the_nets_are_true(name: str) -> None:
    loss, arrays, n = problem(name)
    read, lines = holds(loss, arrays, range(n))
    assert read > 0.6 * lines


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # samples at the edge of an op's domain
def test_the_formulas_of_ops_are_true() -> None:
    read = 0
    for name, k in CASES:
        f, xs = weighted(name, k)
        if xs and name not in BEYOND:
            read += holds(f, xs, range(len(xs)))[0]
    assert read > 2000


@pytest.mark.parametrize(
    ("f", "tex"),
    [
        (lambda x: np.expm1(x) * x, r"\left(e^{x} - 1\right) \odot x"),
        (lambda x: np.sum(x) * x, r"\left(\sum x\right) \, x"),
        (lambda x: np.sum(x, axis=0) * x, r"\left(\mathbf{1}^{\mathsf{T}} x\right) \odot x"),
        (lambda x: np.tanh(x) * x, r"\left(\tanh x\right) \odot x"),
        (lambda x: np.log1p(x) ** 2, r"\left(\ln(1 + x)\right)^{2}"),
        (lambda x: (x / 3) ** 2, r"\left(\frac{x}{3}\right)^{2}"),
        (lambda x: x ** (-1.0), r"\frac{1}{x}"),
        (lambda x: np.exp(2 * x), r"e^{2 \, x}"),
        (lambda x: x[None].transpose(1, 0, 2), r"\operatorname{transpose}_{\text{axes } 1, 0, 2}(x_{[\text{new}]})"),
        (lambda x: np.swapaxes(x[None], 1, 2), r"x_{[\text{new}]}^{\mathsf{T}}"),
        (lambda x: np.max(x, axis=1), r"\max_{\text{axis } 1} x"),
        (lambda x: np.cumsum(x, axis=1), r"\operatorname{cumsum}_{\text{axis } 1} x"),
        (lambda x: tg.softmax(x, axis=0), r"\operatorname{softmax}_{\text{axis } 0}(x)"),
        (lambda x: np.roll(x, 1, axis=0), r"\operatorname{roll}_{\text{shift 1}, \text{axis } 0}(x)"),
        (lambda x: x.reshape(6), r"\operatorname{reshape}_{6}(x)"),
        (lambda x: np.broadcast_to(x, (4, 2, 3)), r"\operatorname{broadcast}_{4 \times 2 \times 3}(x)"),
        (lambda x: np.ones((1, 2)) @ x, r"\left[1\right]_{1 \times 2} \, x"),
        (lambda x: x * np.sqrt(6), r"\sqrt{6} \, x"),
        (lambda x: x - (-x), r"x - \left(-x\right)"),
        (lambda x: np.nan_to_num(x), r"\operatorname{nan\_to\_num}_{\text{nan 0.0}}(x)"),
    ],
)  # fmt: skip
def test_no_notation_hides_what_is_computed(f: Any, tex: str) -> None:
    tape = trace(f, X)
    formulas = {tape.inputs[0]: Formula("x")} | {r: constant(r.y) for r in tape.constants}
    for r in tape.records:
        pairs = zip(r.inputs, r.values, strict=True)
        formulas[r] = formula_of(r, [constant(x) if p is None else formulas[p] for p, x in pairs])
    assert formulas[tape.outputs[0]].text == tex
