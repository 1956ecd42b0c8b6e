"""The closed form of linear regression."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from models import descend, linear_regression
from models.linear_regression import closed_form, loss, manual_gradients

rng = np.random.default_rng(0)
X, Y = rng.normal(size=(40, 5)) * [1, 2, 3, 4, 5] + 7, rng.normal(size=(40, 2))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_all_gradients_are_zero_there(dtype: Any) -> None:
    x, y = X.astype(dtype), Y.astype(dtype)
    found = closed_form(x, y)
    for name, p in found.items():
        assert p.dtype == dtype
        np.testing.assert_allclose(manual_gradients(found, x, y)[name], 0, atol=1e3 * np.finfo(dtype).eps)
        assert loss(found, x, y) < loss(found | {name: p + 1e-2}, x, y)


def test_descent_gets_there() -> None:
    found = closed_form(X, Y)
    params = linear_regression.init(np.random.default_rng(1), 5, 2)
    x = (X - X.mean(axis=0)) / X.std(axis=0)  # of one scale, or it would take long
    for _ in descend(linear_regression, params, x, Y, epochs=400, rate=0.1):
        pass
    assert loss(params, x, Y) == pytest.approx(loss(found, X, Y), rel=1e-12)
    np.testing.assert_allclose(params["w"] / X.std(axis=0)[:, None], found["w"], atol=1e-9)


def test_columns_that_are_almost_the_same_cost_no_more_digits_than_they_must() -> None:
    """Their condition number is 1e7; that of the normal equations is 1e14, and leaves two digits."""
    x = np.c_[X[:, :1], X[:, :1] + 1e-7 * X[:, 1:2]]
    found = closed_form(x, x @ np.array([[2.0], [3.0]]) + 1)
    np.testing.assert_allclose(found["w"], [[2], [3]], rtol=1e-6)


def test_of_many_solutions_it_is_the_smallest() -> None:
    x, y = X[:3], Y[:3]
    found = closed_form(x, y)
    assert loss(found, x, y) == pytest.approx(0, abs=1e-25)
    across = np.linalg.svd(x - x.mean(axis=0))[2][-1]  # adding this to w changes no prediction
    assert loss({"w": found["w"] + across[:, None], "b": found["b"] - x.mean(0) @ across}, x, y) < 1e-25
    np.testing.assert_allclose(across @ found["w"], 0, atol=1e-13)
