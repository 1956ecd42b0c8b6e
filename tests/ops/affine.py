"""What the tests of linear ops share: the transpose of an affine function, without differences."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_np import vjp

RNG = np.random.default_rng(0)


def assert_as_numpy(f: Any, x: np.ndarray, exact: bool = True) -> None:
    """Value and dtype are NumPy's; the transpose of an affine f is read off from what it makes of unit arrays."""
    expected = f(x)
    y, pullback = vjp(f, x)
    assert y.dtype == expected.dtype
    np.testing.assert_allclose(y, expected, rtol=0 if exact else 1e-13, atol=0 if exact else 1e-13)
    weights = RNG.normal(size=expected.shape)
    g, zero = np.zeros_like(x), f(np.zeros_like(x))
    for i in np.ndindex(x.shape):
        unit = np.zeros_like(x)
        unit[i] = 1
        g[i] = np.sum(weights * (f(unit) - zero))
    np.testing.assert_allclose(pullback(weights.astype(y.dtype))[0], g, rtol=1e-12, atol=1e-12)
