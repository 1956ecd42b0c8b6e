"""Arithmetic of polynomials by their coefficients, as NumPy's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tinygrad_np import Tensor, grad

P, Q = np.array([0.0, 0.0, 1.5, -2.0]), np.array([3.0, 0.5])


@pytest.mark.parametrize("f", [np.polyadd, np.polysub, np.polymul])
@pytest.mark.parametrize(("p", "q"), [(P, Q), (Q, P), (Q, [0.0, 0.0]), (P, 2.0)])
def test_coefficients_are_numpys(f: Any, p: Any, q: Any) -> None:
    np.testing.assert_array_equal(f(Tensor(p), q).data, f(p, q))


@pytest.mark.parametrize("m", [0, 1, 2, 5])
def test_derivatives_and_integrals_are_numpys(m: int) -> None:
    np.testing.assert_array_equal(np.polyder(Tensor(P), m).data, np.polyder(P, m))
    np.testing.assert_allclose(np.polyint(Tensor(P), m).data, np.polyint(P, m))
    np.testing.assert_allclose(np.polyint(Tensor(P), m, k=3.0).data, np.polyint(P, m, k=3.0))


def test_a_fit_hands_the_gradient_to_the_points() -> None:
    x = np.array([0.0, 1.0, 2.0, 4.0])
    slope = grad(lambda y: np.polyfit(x, y, 1)[0])(np.array([1.0, 2.0, 0.0, 5.0]))
    np.testing.assert_allclose(slope, (x - x.mean()) / np.sum((x - x.mean()) ** 2))


def test_what_has_no_rule_says_so() -> None:
    with pytest.raises(TypeError, match="full= and cov= have no rule"):
        np.polyfit(np.arange(3.0), Tensor([1.0, 2.0, 4.0]), 1, full=True)
    with pytest.raises(ValueError, match="polyint: 3 integrations need 3 constants"):
        np.polyint(Tensor(P), 3, k=[1.0, 2.0])
    with pytest.raises(ValueError, match="polyint integrates"):
        np.polyder(Tensor(P), -1)
