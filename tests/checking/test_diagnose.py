"""Each hypothesis is named when it holds, and nothing is said that the numbers do not prove."""

import numpy as np
import pytest

from tinygrad_np.checking import diagnose

T = np.random.default_rng(0).normal(size=(4, 6))
SQUARE = np.random.default_rng(1).normal(size=(5, 5))
MASK = np.random.default_rng(2).random((4, 6)) < 0.5
SIZES = {"x.shape[0]": 64, "time": 20}

CASES = {
    "double": (2 * T, T, "factor", "off by the factor 2"),
    "half": (T / 2, T, "factor", "off by the factor 1/2"),
    "minus double": (-2 * T, T, "factor", "off by the factor -2"),
    "odd factor": (0.37 * T, T, "factor", "off by the factor 0.37"),
    "two thirds": (T * 2 / 3, T, "factor", "off by the factor 2/3"),
    "sign": (-T, T, "sign", "sign"),
    "1/N": (T / 64, T, "mean-sum", "1/64; 64 is x.shape[0]"),
    "N": (T * 64, T, "mean-sum", "64; 64 is x.shape[0]"),
    "1/N and a sign": (-T / 20, T, "mean-sum", "-1/20; 20 is time"),
    "bessel": (T * 20 / 19, T, "bessel", "n/(n-1) for n = 20 = time"),
    "not bessel": (T * 19 / 20, T, "bessel", "(n-1)/n for n = 20 = time"),
    "square transposed": (SQUARE.T, SQUARE, "transpose", "transposed"),
    "transposed": (T.T, T, "transpose", "transposed"),
    "batched transposed": (SQUARE.reshape(1, 5, 5).mT, SQUARE.reshape(1, 5, 5), "transpose", "last two axes"),
    "bias not summed": (T, T.sum(0), "bias-sum", "not summed over axis 0"),
    "bias not summed, kept": (T, T.sum(0, keepdims=True), "bias-sum", "not summed over axis 0"),
    "bias not summed, two axes": (T.reshape(2, 2, 6), T.sum(0), "bias-sum", "not summed over the axes (0, 1)"),
    "bias averaged": (T, T.mean(0), "mean-sum", "not averaged over axis 0"),
    "bias summed too far": (T.sum(), T.sum(0), "bias-sum", "summed over axis 0, and should not be"),
    "kept axis": (T.sum(0, keepdims=True), T.sum(0), "shape", "reshape to (6,)"),
    "dropped axis": (T.sum(0), T.sum(0, keepdims=True), "shape", "reshape to (1, 6)"),
    "summed over every axis": (np.full(6, T.sum()), T.sum(0), "bias-sum", "every entry is the sum of all"),
    "summed over an axis": (
        np.broadcast_to(T.sum(0), T.shape), T, "bias-sum", "every entry is the sum of the right entries over axis 0",
    ),
    "mask missing": (T, np.where(MASK, T, 0), "mask", "a mask is missing"),
    "masked too much": (np.where(MASK, T, 0), T, "mask", "masked too much"),
    "mask inverted": (np.where(MASK, T, 0), np.where(MASK, 0, T), "mask", "inverted"),
    "nothing": (np.zeros_like(T), T, "mask", "zero everywhere"),
    "reversed": (T[:, ::-1], T, "time-index", "reverse order along axis 1"),
    "late": (np.vstack([np.zeros((1, 6)), T[:-1]]), T, "time-index", "one step too late along axis 0"),
    "early": (np.vstack([T[1:], np.ones((1, 6))]), T, "time-index", "one step too early along axis 0"),
    "broadcasts": (SQUARE[:1], SQUARE[:, 2], "shape", "broadcast to (1, 5)"),
    "another shape": (T, SQUARE, "shape", "(4, 6) and should be (5, 5)"),
}  # fmt: skip


@pytest.mark.parametrize(("G", "right", "kind", "text"), CASES.values(), ids=CASES)
def test_names_the_mistake(G, right, kind, text):
    found = diagnose(G, right, SIZES)
    assert found is not None
    assert found.kind == kind
    assert text in found.text


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_proved_to_the_rounding_of_the_dtype(dtype):
    assert diagnose((T * 3).astype(dtype), T.astype(dtype)).text == "off by the factor 3"
    almost = T * np.where(MASK, 3, 3.2)  # far beyond rounding, in any dtype
    assert diagnose(almost.astype(dtype), T.astype(dtype)) is None


@pytest.mark.parametrize(
    ("G", "right"),
    [
        (T + np.random.default_rng(3).normal(size=T.shape), T),
        (T, np.zeros_like(T)),
        (np.where(MASK, np.nan, T), T),
        (T, np.where(MASK, np.inf, T)),
        (np.array([3.0, 0.0]), np.array([7.0, 0.0])),  # any number is some multiple of another
        (np.array(1.3), np.array(1.7)),
        (T * np.array([1, 2, 3, 4])[:, None], T),
        (np.zeros((0, 3)), np.zeros((0, 3))),
    ],
)
def test_says_nothing_that_is_not_proved(G, right):
    assert diagnose(G, right, SIZES) is None


def test_a_single_number_can_be_doubled_or_negative():
    assert diagnose(2.0, 1.0).text == "off by the factor 2"
    assert diagnose(-1.0, 1.0).kind == "sign"


def test_a_symmetric_matrix_is_not_called_transposed():
    symmetric = SQUARE + SQUARE.T
    assert diagnose(2 * symmetric.T, symmetric).kind == "factor"


def test_complex_gradients():
    z = T + 1j * T[::-1]
    assert diagnose(-z, z).kind == "sign"
    assert diagnose(2 * z, z).kind == "factor"
    assert diagnose(1j * z, z) is None
