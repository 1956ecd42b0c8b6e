"""Products and decompositions of matrices, batched over leading axes."""

from __future__ import annotations

import numpy as np

from .declare import op


@op(
    np=True,
    operator="matmul",
    tex="{0} {1}",
    samples=[((3, 4), (4, 2)), ((2, 3, 4), (4, 2)), ((3, 4), (2, 4, 3)), ((4,), (4,)), ((3, 4), (4,)), ((4,), (4, 2)), ((4,), (2, 4, 3)), ((2, 1, 3, 2), (4, 2, 3)), ((2, 0), (0, 3))],
)  # fmt: skip
def matmul(a, b):
    """Matrix product, batched over leading axes, as `numpy.matmul`; cotangents g b^T and a^T g."""
    if a.ndim and b.ndim and a.shape[-1] != b.shape[-2 if b.ndim > 1 else 0]:
        raise ValueError(_sizes_differ(a.shape, b.shape))
    return np.matmul(a, b)


def _sizes_differ(a, b):
    inner = b[-2] if len(b) > 1 else b[0]
    text = f"a has shape {a} and b {b}; the inner sizes {a[-1]} and {inner} differ"
    hints = []
    if len(a) > 1 and a[-2] == inner:
        hints.append("a.T @ b")
    if len(b) > 1 and b[-1] == a[-1]:
        hints.append("a @ b.T")
    if len(a) > 1 and len(b) > 1 and b[-1] == a[-2]:
        hints.append("b @ a")
    return text + (f". Did you mean {' or '.join(hints)}?" if hints else "")


def _matmul_a(g, _y, _a, b):
    if b.ndim == 2 and _a.ndim > 1:
        return g @ b.T
    if b.ndim == 1:
        return g[..., None] * b
    if _a.ndim == 1:
        return np.sum(g[..., None, :] * b, axis=(*range(b.ndim - 2), -1))
    return g @ np.swapaxes(b, -1, -2)


def _matmul_b(g, _y, a, _b):
    if a.ndim == 2 and _b.ndim == 2:
        return a.T @ g
    if a.ndim == 1:
        return a * g if _b.ndim == 1 else a[:, None] * g[..., None, :]
    if _b.ndim == 1:
        return np.sum(a * g[..., None], axis=tuple(range(a.ndim - 1)))
    return np.swapaxes(a, -1, -2) @ g


matmul.defvjp(_matmul_a, _matmul_b, linear="each").broadcasting(core_dims=2)
