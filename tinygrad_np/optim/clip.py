"""Gradient clipping."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .optimizer import at_least_0, gradient_of, parameters

__all__ = ["clip_grad_norm_"]


def clip_grad_norm_(params: Any, max_norm: float, norm_type: float = 2.0, error_if_nonfinite: bool = False) -> float:
    """Scale all gradients by one factor, so that together they have at most this norm; gives the norm before.

    The factor is ``max_norm / (norm + 1e-6)``, and 1 at most. Parameters without a ``.grad`` have no say. The array of
    a ``.grad`` is replaced, not written into: gradients derived by hand may share memory.

    Parameters
    ----------
    params
        Tensors that require a gradient, in any container.
    norm_type
        p of the p-norm over all numbers of all gradients; infinity for the largest.
    error_if_nonfinite
        Refuse a norm that is infinite or NaN. Without it such gradients become 0 and NaN, as in PyTorch.

    Examples
    --------
    >>> from tinygrad_np import Tensor
    >>> from tinygrad_np.optim import clip_grad_norm_
    >>> w, b = Tensor([0.0, 0.0], requires_grad=True), Tensor(0.0, requires_grad=True)
    >>> w.grad, b.grad = [6.0, 0.0], 8.0
    >>> clip_grad_norm_([w, b], 1.0)
    10.0
    >>> w.grad.round(5), float(b.grad.round(5))
    (array([0.6, 0. ]), 0.8)
    """
    names, tensors = parameters(params, "clip_grad_norm_")
    max_norm = at_least_0("max_norm", max_norm)
    grads = {t: g for name, t in zip(names, tensors, strict=True) if (g := gradient_of(name, t)) is not None}
    norms = [np.linalg.norm(g.ravel(), norm_type) for g in grads.values() if g.size]
    norm = float(np.linalg.norm(norms, norm_type)) if norms else 0.0
    if error_if_nonfinite and not math.isfinite(norm):
        raise RuntimeError(f"the norm of the gradients is {norm}: there is no factor that would clip it")
    factor = max_norm / (norm + 1e-6)
    if not factor >= 1:  # NaN too
        for t, g in grads.items():
            t.grad = np.asarray(g * factor)  # a 0-d product is no array
    return norm
