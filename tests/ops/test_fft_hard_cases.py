"""Fourier transforms against the matrix that each of them is."""

from __future__ import annotations

import numpy as np
import pytest
from gradient_checks import assert_gradient

from tinygrad_np import Tensor, grad, trace

rng = np.random.default_rng(0)
NORMS = ("backward", "ortho", "forward", None)
ONE_AXIS = ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft")
COMPLEX_INPUT = ("fft", "ifft", "irfft", "hfft")


def signal(name, n):
    x = rng.normal(size=n)
    return x + 1j * rng.normal(size=n) if name in COMPLEX_INPUT else x


def matrix(f, x):
    """A real-linear map as what it does to each real unit and, if x is complex, to each imaginary one."""
    units = (1, 1j) if x.dtype.kind == "c" else (1,)
    return [np.stack([f(unit * e) for e in np.eye(x.size)], axis=-1) for unit in units]


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("n", [None, 1, 3, 4, 5, 6, 9])
@pytest.mark.parametrize("length", [4, 5])
@pytest.mark.parametrize("name", ONE_AXIS)
def test_the_gradient_is_the_transposed_matrix(name, length, n, norm):
    f = lambda x: getattr(np.fft, name)(x, n, -1, norm)
    x = signal(name, length)
    y = f(x)
    weights = rng.normal(size=(2, *y.shape))  # of the real and the imaginary part
    np.testing.assert_array_equal(f(Tensor(x, requires_grad=True)).data, y)
    g = grad(lambda x: np.sum(weights[0] * np.real(f(x))) + np.sum(weights[1] * np.imag(f(x))))(x)
    parts = [weights[0] @ m.real + weights[1] @ m.imag for m in matrix(f, x)]
    np.testing.assert_allclose(g, parts[0] + 1j * parts[1] if len(parts) == 2 else parts[0], rtol=1e-12, atol=1e-13)
    assert g.dtype == x.dtype


@pytest.mark.parametrize("n", [6, 7])
def test_what_a_real_signal_cannot_show_has_gradient_zero(n):
    """The imaginary part of the first entry of a half spectrum, and of the last of an even length."""
    g = grad(lambda a: np.sum(np.sin(np.fft.irfft(a, n))))(signal("irfft", n // 2 + 1))
    assert g[0].imag == 0
    assert (abs(g[-1].imag) < 1e-15) == (n % 2 == 0)


def test_entries_that_are_cut_off_have_gradient_zero():
    g = grad(lambda x: np.sum(np.abs(np.fft.rfft(x, 3)) ** 2))(np.arange(1.0, 6.0))
    assert np.all(g[:3] != 0)
    np.testing.assert_array_equal(g[3:], [0, 0])


@pytest.mark.parametrize(
    ("forth", "back"), [("fft", "ifft"), ("fft2", "ifft2"), ("fftn", "ifftn"), ("rfft", "irfft"), ("rfftn", "irfftn")]
)
def test_there_and_back_is_the_identity(forth, back):
    x, weights = rng.normal(size=(4, 6)), rng.normal(size=(4, 6))
    f = lambda x: np.sum(weights * np.real(getattr(np.fft, back)(getattr(np.fft, forth)(x))))
    np.testing.assert_allclose(grad(f)(x), weights, rtol=1e-13)


def test_parseval():
    x = signal("fft", 7)
    energy = lambda x: np.sum(np.abs(np.fft.fft(x, norm="ortho")) ** 2)
    np.testing.assert_allclose(grad(energy)(x), 2 * x, rtol=1e-13)


SEVERAL = [
    {},
    {"s": (3, 4)},
    {"s": (5, 2), "axes": (-1, 0)},
    {"axes": (0, 2), "norm": "ortho"},
    {"s": (-1, 3), "axes": (1, 0), "norm": "forward"},
    {"axes": (1, 0)},
]


@pytest.mark.filterwarnings("ignore:`axes` should not be `None`:DeprecationWarning")
@pytest.mark.parametrize("options", SEVERAL, ids=str)
@pytest.mark.parametrize("name", ["fft2", "ifft2", "rfft2", "irfft2", "fftn", "ifftn", "rfftn", "irfftn"])
def test_over_several_axes(name, options):
    f = lambda x: getattr(np.fft, name)(x, **options)
    x = rng.normal(size=(3, 4, 3))
    x = x if name.startswith("r") else x + 1j * rng.normal(size=x.shape)
    y = f(x)
    got = f(Tensor(x, requires_grad=True))
    np.testing.assert_allclose(got.data, y, rtol=1e-13, atol=1e-14)
    weights = rng.normal(size=(2, *y.shape))
    loss = lambda x: np.sum(weights[0] * np.real(f(x))) + np.sum(weights[1] * np.imag(f(x)))
    # Linear in the real and imaginary parts: the gradient is that of any chord.
    g, v = grad(loss)(x), rng.normal(size=x.shape) + (1j * rng.normal(size=x.shape) if x.dtype.kind == "c" else 0)
    np.testing.assert_allclose(np.real(np.sum(np.conj(g) * v)), loss(x + v) - loss(x), rtol=1e-11)


def test_an_axis_named_twice():
    x = signal("fft", 6).reshape(2, 3)
    np.testing.assert_allclose(
        np.fft.fftn(Tensor(x, requires_grad=True), axes=(0, 0)).data, np.fft.fftn(x, axes=(0, 0))
    )
    assert_gradient(lambda x: np.sum(np.real(np.fft.fftn(x, axes=(0, 0, 1)) * x)), x)
    with pytest.raises(ValueError, match="axis named twice"):
        np.fft.fftn(Tensor(x), s=(2, 2), axes=(0, 0))


@pytest.mark.parametrize("n", [4, 5])
@pytest.mark.parametrize("axes", [None, 0, -1, (1, 0), [0]])
def test_shifts_move_the_gradient_back(n, axes):
    x, weights = rng.normal(size=(n, 3)), rng.normal(size=(n, 3))
    for f, back in ((np.fft.fftshift, np.fft.ifftshift), (np.fft.ifftshift, np.fft.fftshift)):
        np.testing.assert_array_equal(f(Tensor(x, requires_grad=True), axes).data, f(x, axes))
        np.testing.assert_array_equal(grad(lambda x, f=f: np.sum(weights * f(x, axes)))(x), back(weights, axes))


def test_a_convolution_by_fft_has_second_derivatives():
    kernel = rng.normal(size=3)

    def loss(x):
        return np.sum(np.fft.irfft(np.fft.rfft(x, 8) * np.fft.rfft(kernel, 8), 8) ** 3)

    x = rng.normal(size=6)
    assert_gradient(loss, x)
    assert_gradient(lambda x: np.sum(np.cos(grad(loss)(x))), x)


@pytest.mark.parametrize("name", [*ONE_AXIS, "fft2", "rfftn", "irfftn"])
def test_single_precision_stays(name):
    x = rng.normal(size=(2, 4)).astype(np.float32)
    f = getattr(np.fft, name)
    assert f(Tensor(x, requires_grad=True)).dtype == f(x).dtype
    assert f(x).dtype in (np.float32, np.complex64)
    tape = trace(lambda x: grad(lambda x: np.sum(np.real(f(x)) ** 2))(x), x)
    assert {r.dtype for r in tape.records if r.dtype.kind in "fc"} <= {np.dtype(np.float32), np.dtype(np.complex64)}


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: np.fft.fft(x, norm="best"), ValueError, "Invalid norm value best"),
        (lambda x: np.fft.hfft(x, norm="best"), ValueError, "Invalid norm value best"),
        (lambda x: np.fft.fft(x, 0), ValueError, "number of FFT data points"),
        (lambda x: np.fft.irfft(x[:1]), ValueError, "number of FFT data points"),
        (lambda x: np.fft.fft2(x, s=(2, 2), axes=(0,)), ValueError, "2 sizes for 1 axes"),
        (lambda x: np.fft.rfft(1j * x), TypeError, "rfft"),
        (lambda x: np.fft.fft(x, axis=2), IndexError, "axis|index"),
    ],
)
def test_what_cannot_be_transformed(call, error, message):
    with pytest.raises(error, match=message):
        call(Tensor(np.ones(4), requires_grad=True))
