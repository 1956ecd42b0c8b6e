"""Gradients against differences, for the tests of single ops."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_np import grad
from tinygrad_np.numeric import jacobian


def numeric_gradient(f: Any, x: Any) -> Any:
    """dL/dRe + i dL/dIm of a real function of one array, by differences alone."""
    x = np.asarray(x)
    d = jacobian(f, x).value
    return d[..., 0] + 1j * d[..., 1] if x.dtype.kind == "c" else d


def assert_gradient(f: Any, x: Any, tol: float = 1e-7) -> None:
    expected = numeric_gradient(f, x)
    np.testing.assert_allclose(grad(f)(x), expected, rtol=tol, atol=tol * max(1.0, np.abs(expected).max(initial=0)))
