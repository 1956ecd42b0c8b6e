"""Functions with a twist: where a value is replaced, no derivative of what was replaced gets through."""

from __future__ import annotations

import numpy as np
import pytest

from tinygrad_np import Tensor, grad, jvp


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(
    ("f", "expected"),
    [
        (lambda x: np.sum(np.nan_to_num(np.log(x))), [0.0, 0.0, 0.25]),
        (lambda x: np.nanmax(np.sqrt(x[::2])), [0.0, 0.0, 0.25]),
        (lambda x: np.nanmin(-np.sqrt(x[::2]), initial=5.0), [0.0, 0.0, -0.25]),
    ],
)
def test_what_is_replaced_is_silent_forward_too(f: object, expected: list[float]) -> None:
    x = np.array([-1.0, 0.0, 4.0])
    np.testing.assert_array_equal(grad(f)(x), expected)
    for direction, slope in zip(np.eye(3), expected, strict=True):
        assert jvp(f, (x,), (direction,))[1] == slope


def test_heaviside_hands_on_what_it_takes_at_zero() -> None:
    x, at_zero = np.array([-1.0, 0.0, 2.0]), np.array([5.0, 6.0, 7.0])
    np.testing.assert_array_equal(grad(lambda h: np.sum(np.heaviside(x, h) * h))(at_zero), [0.0, 12.0, 1.0])
    assert not np.heaviside(Tensor(x, requires_grad=True), 0.5).requires_grad


def test_real_if_close_keeps_the_gradient_of_either_answer() -> None:
    z = np.array([1.0 + 1e-16j, 2.0])
    assert np.real_if_close(Tensor(z)).dtype == np.float64
    np.testing.assert_allclose(grad(lambda z: np.sum(np.real_if_close(z) ** 2))(z), [2.0, 4.0])
    assert np.real_if_close(Tensor(z), tol=1e-20).dtype == np.complex128
