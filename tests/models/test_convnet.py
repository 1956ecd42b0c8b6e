"""The convolutional net: its convolution, its pool, and that it learns."""

from __future__ import annotations

import numpy as np
import pytest

from models import by_hand, by_tape, convnet, descend
from models.convnet import forward, init, manual_gradients, patches, unpatches
from tinygrad_np import compare, conv2d, max_pool2d

PARAMS, X, Y = convnet.example(np.random.default_rng(2))


def channels_first(z: np.ndarray) -> np.ndarray:
    return np.moveaxis(z, -1, 1)


def test_the_convolutions_and_the_pool_are_the_ops() -> None:
    values, edge = forward(PARAMS, X), len(PARAMS["w1"]) // 2
    for layer, z in (("1", X), ("2", values["pooled"])):
        filters = PARAMS["w" + layer].transpose(3, 2, 0, 1)
        theirs = conv2d(channels_first(z), filters, PARAMS["b" + layer], padding=edge)
        np.testing.assert_allclose(channels_first(values["a" + layer]), theirs, rtol=1e-12, atol=1e-14)
    np.testing.assert_array_equal(channels_first(values["pooled"]), max_pool2d(channels_first(values["r1"]), 2))


@pytest.mark.parametrize("k", [1, 3, 5])
def test_unpatches_is_the_transpose_of_patches(k: int) -> None:
    rng = np.random.default_rng(k)
    z = rng.standard_normal((2, 4, 6, 3))
    cols = patches(z, k)
    g = rng.standard_normal(cols.shape)
    assert np.vdot(cols, g) == pytest.approx(np.vdot(z, unpatches(g, z.shape, k)))


def test_entries_that_tie_share_what_comes_back() -> None:
    params = init(np.random.default_rng(0), 2, 2, 1, (1, 1), 2, k=1)
    params |= {name: np.ones_like(params[name]) for name in ("w1", "w2")}
    x = np.array([3.0, 3.0, 1.0, 3.0]).reshape(1, 2, 2, 1)
    manual, auto = (by(convnet, params, x, np.array([0]))[1] for by in (by_hand, by_tape))
    third = manual["pooled"].item() / 3
    assert third
    np.testing.assert_allclose(manual["r1"].ravel(), [third, third, 0, third])
    assert compare(manual, auto).ok


@pytest.mark.parametrize(("height", "width", "k"), [(3, 4, 3), (4, 5, 3), (4, 4, 2)])
def test_sizes_that_do_not_fit_are_refused(height: int, width: int, k: int) -> None:
    with pytest.raises(ValueError, match="even height and width and an odd k"):
        init(np.random.default_rng(0), height, width, 1, (2, 3), 4, k)


def test_what_is_given_by_values_is_not_computed_again() -> None:
    values = {name: v + 1 for name, v in forward(PARAMS, X).items()}
    assert convnet.loss(PARAMS, X, Y, values) == pytest.approx(convnet.loss(PARAMS, X, Y))  # a shift of all logits
    assert not compare(manual_gradients(PARAMS, X, Y, values), manual_gradients(PARAMS, X, Y)).ok


def test_it_learns_where_a_bar_stands_or_lies() -> None:
    rng = np.random.default_rng(0)
    x, y = np.zeros((60, 6, 6, 1)), rng.integers(2, size=60)
    for image, lies, place in zip(x, y, rng.integers(6, size=60), strict=True):
        image[(place, slice(None)) if lies else (slice(None), place)] = 1
    params = init(rng, 6, 6, 1, (3, 4), 2)
    for _ in descend(convnet, params, x[:40], y[:40], epochs=150, rate=0.2, by="hand"):
        pass
    assert np.mean(forward(params, x[40:])["logits"].argmax(axis=1) == y[40:]) >= 0.95
