"""One matrix, felt twice."""

from __future__ import annotations

import numpy as np

from models import tied_autoencoder
from tinygrad_np import grad


def test_the_gradient_of_the_tied_matrix_is_the_sum_of_two() -> None:
    params, x, y = tied_autoencoder.example(np.random.default_rng(0))
    w, b, c = (params[name] for name in ("w", "b", "c"))

    def untied(encoder, decoder):  # type: ignore[no-untyped-def]
        return ((np.tanh(x @ encoder + b) @ decoder + c - y) ** 2).sum() / len(x)

    g_encoder, g_decoder = grad(untied, argnums=(0, 1))(w, w.T)
    both = tied_autoencoder.manual_gradients(params, x, y)["w"]
    np.testing.assert_allclose(both, g_encoder + g_decoder.T, rtol=1e-12, atol=1e-14)
