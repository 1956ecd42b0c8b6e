"""Gradients against differences, for the tests of single ops."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_np import Tensor, grad
from tinygrad_np.numeric import jacobian


def leaf(x: Any) -> Tensor:
    return Tensor(np.asarray(x), requires_grad=True)


def real_sum(z: Any) -> Any:
    """A real number that depends on both parts of ``z``."""
    return np.sum(np.real(z)) + 0.3 * np.sum(np.imag(z))


def square(z: Any) -> Any:
    """|z|^2, smooth at 0."""
    return np.real(z) ** 2 + np.imag(z) ** 2


def numeric_gradient(f: Any, x: Any) -> Any:
    """dL/dRe + i dL/dIm of a real function of one array, by differences alone."""
    x = np.asarray(x)
    d = jacobian(f, x).value
    return d[..., 0] + 1j * d[..., 1] if x.dtype.kind == "c" else d


def assert_gradient(f: Any, x: Any, tol: float = 1e-7) -> None:
    expected = numeric_gradient(f, x)
    np.testing.assert_allclose(grad(f)(x), expected, rtol=tol, atol=tol * max(1.0, np.abs(expected).max(initial=0)))
