"""Convolutions against sums written out, with every option, and as three maps that are each other's transposes."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np import Tensor, grad, hvp, vjp
from tinygrad_np.ops import conv

rng = np.random.default_rng(0)


def written_out(x: Any, w: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> np.ndarray:
    """One output number at a time."""
    (n, _, height, width), (o, c, kh, kw) = x.shape, w.shape
    out = [(s + 2 * p - d * (k - 1) - 1) // t + 1
           for s, p, d, k, t in zip((height, width), padding, dilation, (kh, kw), stride, strict=True)]  # fmt: skip
    y = np.zeros((n, o, *out))
    for b, q, i, j, z, u, v in product(*map(range, (n, o, *out, c, kh, kw))):
        row, column = i * stride[0] + u * dilation[0] - padding[0], j * stride[1] + v * dilation[1] - padding[1]
        if 0 <= row < height and 0 <= column < width:
            y[b, q, i, j] += w[q, z, u, v] * x[b, q // (o // groups) * c + z, row, column]
    return y


OPTIONS = [
    dict(zip(("stride", "padding", "dilation", "groups"), values, strict=True))
    for values in product([(1, 1), (2, 3)], [(0, 0), (2, 1)], [(1, 1), (1, 2)], [1, 2])
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_conv2d(options: Any) -> None:
    x, w = rng.normal(size=(2, 4, 7, 6)), rng.normal(size=(6, 4 // options["groups"], 3, 2))
    y, pull = vjp(lambda x, w: tg.conv2d(x, w, **options), x, w)
    np.testing.assert_allclose(y, written_out(x, w, **options), rtol=1e-12, atol=1e-12)
    g = rng.normal(size=y.shape)
    gx, gw = pull(g)
    u, v = rng.normal(size=x.shape), rng.normal(size=w.shape)
    np.testing.assert_allclose(np.sum(gx * u), np.sum(g * written_out(u, w, **options)), rtol=1e-11)
    np.testing.assert_allclose(np.sum(gw * v), np.sum(g * written_out(x, v, **options)), rtol=1e-11)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_conv_transpose2d_is_the_transpose(options: Any) -> None:
    x, w = rng.normal(size=(2, 4, 7, 6)), rng.normal(size=(6, 4 // options["groups"], 3, 2))
    y = tg.conv2d(x, w, **options)
    g = rng.normal(size=y.shape)
    extra = tuple(
        n - ((m - 1) * s - 2 * p + d * (k - 1) + 1)
        for n, m, s, p, d, k in zip(
            (7, 6), y.shape[2:], options["stride"], options["padding"], options["dilation"], (3, 2), strict=True
        )
    )
    z = tg.conv_transpose2d(g, w, output_padding=extra, **options)
    np.testing.assert_allclose(z, vjp(lambda x: tg.conv2d(x, w, **options), x)[1](g)[0], rtol=1e-12, atol=1e-12)


def test_the_three_maps_are_each_others_transposes() -> None:
    """<g, conv(x, w)> is one number, however it is reached; with more samples than go into one block."""
    options: Any = {"stride": (2, 1), "padding": ((1, 0), (2, 1)), "dilation": (1, 2), "groups": 2}
    x, w = rng.normal(size=(5, 4, 6, 5)), rng.normal(size=(6, 2, 3, 2))
    whole = None
    for block in (1, 10**4, 2**22):
        conv._BLOCK, kept = block, conv._BLOCK
        try:
            y = conv._conv(x, w, **options)
            g = y if whole is None else whole[0]
            found = (
                y,
                conv._conv_transpose(g, w, size=(6, 5), **options),
                conv._conv_kernel(x, g, kernel=(3, 2), **options),
            )
        finally:
            conv._BLOCK = kept
        whole = whole or found
        for a, b in zip(found, whole, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose([np.sum(found[1] * x), np.sum(found[2] * w)], np.sum(g * y), rtol=1e-12)


def test_conv1d_is_conv2d_of_one_row() -> None:
    x, w, b = rng.normal(size=(2, 4, 9)), rng.normal(size=(6, 2, 3)), rng.normal(size=6)
    got = tg.conv1d(x, w, b, 2, 1, 2, 2)
    expected = tg.conv2d(x[:, :, None], w[:, :, None], b, (1, 2), (0, 1), (1, 2), 2)[:, :, 0]
    np.testing.assert_allclose(got, expected, rtol=1e-13)


@pytest.mark.parametrize("kernel", [(3, 3), (2, 3), (4, 1)])
@pytest.mark.parametrize("dilation", [1, 2])
def test_padding_same_keeps_the_size(kernel: Any, dilation: int) -> None:
    x, w = rng.normal(size=(1, 1, 6, 7)), rng.normal(size=(1, 1, *kernel))
    total = [dilation * (k - 1) for k in kernel]
    padded = np.pad(x, [(0, 0), (0, 0), *((t // 2, t - t // 2) for t in total)])
    got = tg.conv2d(x, w, padding="same", dilation=dilation)
    assert got.shape == x.shape
    np.testing.assert_allclose(got, tg.conv2d(padded, w, padding="valid", dilation=dilation), rtol=1e-13)


def test_without_a_batch_axis_and_with_a_bias() -> None:
    x, w, b = rng.normal(size=(2, 5, 5)), rng.normal(size=(3, 2, 2, 2)), rng.normal(size=3)
    plain = tg.conv2d(x[None], w)[0]
    np.testing.assert_allclose(tg.conv2d(x, w, b), plain + b[:, None, None], rtol=1e-13)
    g = rng.normal(size=plain.shape)
    got = grad(lambda b: np.sum(tg.conv2d(x, w, b) * g))(b)
    np.testing.assert_allclose(got, g.sum((1, 2)), rtol=1e-13)
    assert tg.conv_transpose2d(x, w.swapaxes(0, 1), b).shape == (3, 6, 6)


def test_second_order_mixes_x_and_w() -> None:
    """Of <g, conv(x, w)>, linear in each, the Hessian has the mixed blocks alone."""
    x, w, u, v = (rng.normal(size=s) for s in [(1, 2, 4, 4), (2, 2, 3, 2)] * 2)
    g = rng.normal(size=(1, 2, 2, 3))
    hx, hw = hvp(lambda x, w: np.sum(tg.conv2d(x, w) * g), (x, w), (u, v))
    np.testing.assert_allclose(hx, grad(lambda x: np.sum(tg.conv2d(x, v) * g))(x), rtol=1e-12)
    np.testing.assert_allclose(hw, grad(lambda w: np.sum(tg.conv2d(u, w) * g))(w), rtol=1e-12)


def test_dtypes_stay_and_an_empty_batch_is_no_error() -> None:
    x, w = rng.normal(size=(0, 2, 4, 4)).astype(np.float32), rng.normal(size=(3, 2, 3, 3)).astype(np.float32)
    y, pull = vjp(tg.conv2d, x, w)
    assert y.shape == (0, 3, 2, 2)
    gx, gw = pull(np.zeros((0, 3, 2, 2), np.float32))
    assert gx.shape == x.shape
    np.testing.assert_array_equal(gw, np.zeros_like(w))
    assert y.dtype == gx.dtype == gw.dtype == np.float32


@pytest.mark.parametrize(
    ("f", "says"),
    [
        (lambda x: tg.conv2d(x, np.ones((4, 2, 3, 3))), "x has 3 channels, and weight of shape .* takes 2"),
        (lambda x: tg.conv2d(x, np.ones((3, 1, 3, 3)), groups=2), "x has 3 channels"),
        (lambda x: tg.conv2d(x, np.ones((4, 1, 3, 3)), groups=3), "4 output channels do not make 3 equal groups"),
        (lambda x: tg.conv2d(x, np.ones((4, 3, 6, 3))), r"a window of \(6, 3\).* does not fit \(5, 5\)"),
        (lambda x: tg.conv2d(x[0, 0], np.ones((4, 3, 3, 3))), "x has 4 axes, or 3 without the batch"),
        (lambda x: tg.conv2d(x, np.ones((3, 3, 3))), "weight 4"),
        (lambda x: tg.conv2d(x, np.ones((4, 3, 3, 3)), stride=2, padding="same"), "only with stride 1"),
        (lambda x: tg.conv2d(x, np.ones((4, 3, 3, 3)), padding="full"), "got 'full'"),
        (lambda x: tg.conv2d(x, np.ones((4, 3, 3, 3)), stride=(1, 1, 1)), "stride is one integer or 2"),
        (lambda x: tg.conv_transpose2d(x, np.ones((2, 3, 3, 3))), "x has 3 channels"),
        (lambda x: tg.conv_transpose2d(x, np.ones((3, 3, 3, 3)), output_padding=1), "must be less than stride"),
        (lambda x: tg.conv_transpose2d(x, np.ones((3, 3, 1, 1)), padding=3), "leaves nothing"),
    ],
)
def test_what_does_not_fit(f: Any, says: str) -> None:
    x = rng.normal(size=(2, 3, 5, 5))
    for given in (x, Tensor(x, requires_grad=True)):
        with pytest.raises(ValueError, match=says):
            f(given)
