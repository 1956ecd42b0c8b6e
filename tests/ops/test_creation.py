"""Evenly spaced numbers between Tensors are those of NumPy, ends exact, with gradients to the ends."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tinygrad_np import Tensor, grad


@pytest.mark.parametrize("f", [np.linspace, np.logspace, np.geomspace])
@pytest.mark.parametrize("num", [0, 1, 2, 5])
@pytest.mark.parametrize("endpoint", [True, False])
@pytest.mark.parametrize("axis", [0, -1])
def test_numbers_are_numpys(f: Any, num: int, endpoint: bool, axis: int) -> None:
    a, b = np.array([0.5, 2.0]), np.array([[1.0], [0.25], [3.0]])
    got = f(Tensor(a, requires_grad=True), b, num, endpoint, axis=axis)
    np.testing.assert_allclose(got.data, f(a, b, num, endpoint, axis=axis), rtol=1e-14)
    assert got.requires_grad


def test_gradients_of_the_ends() -> None:
    weights = np.array([1.0, 10.0, 100.0])
    start, stop = grad(lambda a, b: np.sum(np.linspace(a, b, 3) * weights), argnums=(0, 1))(0.0, 4.0)
    assert (start, stop) == (6.0, 105.0)
    start, stop = grad(lambda a, b: np.geomspace(a, b, 3)[1], argnums=(0, 1))(1.0, 4.0)  # sqrt(a b)
    np.testing.assert_allclose((start, stop), (1.0, 0.25), rtol=1e-15)


def test_the_last_number_is_the_end_itself() -> None:
    assert np.linspace(Tensor(0.1), 0.7, 7).data[-1] == 0.7
    assert np.geomspace(Tensor(0.1), 0.7, 7).data[-1] == 0.7


def test_integers_are_rounded_down() -> None:
    got = np.linspace(Tensor(-1.5, requires_grad=True), 2, 4, dtype=int)
    np.testing.assert_array_equal(got.data, np.linspace(-1.5, 2, 4, dtype=int))
    assert not got.requires_grad


def test_no_ratio_from_zero_or_through_it() -> None:
    with pytest.raises(ValueError, match="from or to 0"):
        np.geomspace(Tensor(0.0), 1.0)
    with pytest.raises(ValueError, match="opposite signs"):
        np.geomspace(Tensor(-1.0), 1.0)
    z = np.geomspace(Tensor(1.0 + 0j), -1.0 + 0j, 3)
    np.testing.assert_allclose(z.data, [1, 1j, -1], atol=1e-15)
