"""Fourier transforms, of any length, along any axes.

Four linear primitives: `_fit_length`, which cuts or fills up with zeros; `_fft` and `_ifft` over any axes; `_rfft` and
`_irfft` between a real signal and the half of its spectrum that says all. The matrix of a Fourier transform is
symmetric, so `_fft` is its own transpose.
"""

from __future__ import annotations

import numpy as np

from .declare import composite, op
from .products import as_arrays

SIGNAL = np.array([[0.3, -1.2, 0.8, 0.5], [1.1, 0.4, -0.7, 0.9], [-0.2, 0.6, 1.3, -0.4]])
WAVE = SIGNAL + 1j * SIGNAL[::-1]
SWAPPED = {None: "forward", "backward": "forward", "forward": "backward", "ortho": "ortho"}


@op(tex="{0}", samples=[((2, 3), {"n": 2, "axis": 1}), ((2, 3), {"n": 4, "axis": 0}), (WAVE, {"n": 4, "axis": 0})])
def _fit_length(a, *, n, axis):
    """The first ``n`` entries along ``axis``, zeros where there are none."""
    shape = list(a.shape)
    shape[axis] = n
    y = np.zeros(shape, a.dtype)
    index = [slice(None)] * a.ndim
    index[axis] = slice(min(n, a.shape[axis]))
    y[tuple(index)] = a[tuple(index)]
    return y


_fit_length.defvjp(lambda g, _y, _a, *, n, axis: _fit_length(g, n=_a.shape[axis], axis=axis), linear=True)


@op(
    tex=r"\mathcal F {0}",
    samples=[(WAVE, {"axes": (1,)}), (SIGNAL, {"axes": (0, 1), "norm": "ortho"}), (WAVE, {"axes": ()})],
    view=True,
)
def _fft(a, *, axes, norm=None):
    return np.fft.fftn(a, axes=axes, norm=norm)


_fft.defvjp(lambda g, _y, _a, *, axes, norm: _fft(g, axes=axes, norm=norm), linear=True)


@op(tex=r"\mathcal F^{{-1}} {0}", samples=[(WAVE, {"axes": (1,)}), (SIGNAL, {"axes": (0, 1), "norm": "forward"})])
def _ifft(a, *, axes, norm=None):
    return np.fft.ifftn(a, axes=axes, norm=norm)


_ifft.defvjp(lambda g, _y, _a, *, axes, norm: _ifft(g, axes=axes, norm=norm), linear=True)


@op(tex=r"\mathcal F {0}", samples=[(SIGNAL, {"axis": 1}), (SIGNAL, {"axis": 0, "norm": "ortho"})])
def _rfft(a, *, axis, norm=None):
    return np.fft.rfft(a, axis=axis, norm=norm)


def _rfft_vjp(g, _y, _a, *, axis, norm):
    """The rest of the spectrum has no cotangent; of the sum a real signal takes the real part."""
    return _fft(_fit_length(g, n=_a.shape[axis], axis=axis), axes=(axis,), norm=norm)


_rfft.defvjp(_rfft_vjp, linear=True)


@op(
    tex=r"\mathcal F^{{-1}} {0}",
    samples=[
        (WAVE, {"n": 6, "axis": 1}),
        (WAVE, {"n": 5, "axis": 0, "norm": "ortho"}),
        (SIGNAL[:1], {"n": 1, "axis": 0}),
    ],
)
def _irfft(a, *, n, axis, norm=None):
    return np.fft.irfft(a, n, axis=axis, norm=norm)


def _irfft_vjp(g, _y, _a, *, n, axis, norm):
    """All entries of the half spectrum but the first, and the last of an even n, stand for their mirror image too."""
    m = n // 2 + 1
    k = np.arange(m)
    twice = np.where((k == 0) | (2 * k == n), 1, 2).astype(g.dtype)
    spectrum = np.conjugate(_rfft(g, axis=axis, norm=SWAPPED.get(norm, norm)))
    return spectrum * twice.reshape([m if i == axis % _a.ndim else 1 for i in range(_a.ndim)])


_irfft.defvjp(_irfft_vjp, linear=True)


def _sized(a, sizes, axes):
    """``a`` cut or filled up to these sizes along these axes; None and -1 leave one as it is."""
    for n, axis in zip(sizes, axes, strict=True):
        if n is not None and n != -1 and n != a.shape[axis]:
            a = _fit_length(a, n=int(n), axis=axis)
    return a


def _plan(a, s, axes):
    """Sizes and axes of a transform over several axes, as NumPy fills them in."""
    if axes is None:
        axes = range(a.ndim) if s is None else range(-len(s), 0)
    axes = tuple(int(i) for i in axes)
    sizes = [None] * len(axes) if s is None else list(s)
    if len(sizes) != len(axes):
        raise ValueError(f"s gives {len(sizes)} sizes for {len(axes)} axes")
    if s is not None and len({i % a.ndim for i in axes}) < len(axes):
        raise ValueError(f"s together with an axis named twice, {axes}, is not supported: transform one axis at a time")
    return sizes, axes


def _half(n):
    return n // 2 + 1


FORMS = [(WAVE,), (SIGNAL, 3), (WAVE, 6, 0), (WAVE, {"norm": "ortho"}), (WAVE, 5, {"norm": "forward"})]


@composite(np="fft.fft", public=False, tex=r"\mathcal F {0}", samples=FORMS)
def fft(a, n=None, axis=-1, norm=None):
    """Discrete Fourier transform of length ``n`` along an axis; linear and its own transpose."""
    (a,) = as_arrays(a)
    return _fft(_sized(a, [n], [axis]), axes=(axis,), norm=norm)


@composite(np="fft.ifft", public=False, tex=r"\mathcal F^{{-1}} {0}", samples=FORMS)
def ifft(a, n=None, axis=-1, norm=None):
    """Inverse of `fft`."""
    (a,) = as_arrays(a)
    return _ifft(_sized(a, [n], [axis]), axes=(axis,), norm=norm)


REAL = [(SIGNAL,), (SIGNAL, 3), (SIGNAL, 6, 0), (SIGNAL, {"norm": "ortho"}), (SIGNAL, 5, {"norm": "forward"})]


@composite(np="fft.rfft", public=False, tex=r"\mathcal F {0}", samples=REAL)
def rfft(a, n=None, axis=-1, norm=None):
    """`fft` of a real signal: the first n // 2 + 1 entries, which say all."""
    (a,) = as_arrays(a)
    return _rfft(_sized(a, [n], [axis]), axis=axis, norm=norm)


HALF = [(WAVE,), (WAVE, 6), (WAVE, 3, 0), (WAVE, 9, 0, "ortho"), (WAVE, 1), (SIGNAL, 7, {"norm": "forward"})]


@composite(np="fft.irfft", public=False, tex=r"\mathcal F^{{-1}} {0}", samples=HALF)
def irfft(a, n=None, axis=-1, norm=None):
    """Inverse of `rfft`: a real signal of length ``n``, by default 2 (m - 1).

    The imaginary part of the first entry, and of the last of an even n, does not count and has gradient 0.
    """
    (a,) = as_arrays(a)
    n = 2 * (a.shape[axis] - 1) if n is None else int(n)
    return _irfft(_sized(a, [_half(n)], [axis]), n=n, axis=axis, norm=norm)


@composite(np="fft.hfft", public=False, tex=r"\mathcal F {0}", samples=HALF)
def hfft(a, n=None, axis=-1, norm=None):
    """`fft` of a signal that is its own conjugate mirror image, given by its first half: real, of length ``n``."""
    return irfft(np.conjugate(*as_arrays(a)), n, axis, SWAPPED.get(norm, norm))


@composite(np="fft.ihfft", public=False, tex=r"\mathcal F^{{-1}} {0}", samples=REAL)
def ihfft(a, n=None, axis=-1, norm=None):
    """Inverse of `hfft`."""
    return np.conjugate(rfft(a, n, axis, SWAPPED.get(norm, norm)))


BLOCK = np.stack([WAVE, WAVE[::-1] * 0.5])
SOLID = BLOCK.real
SEVERAL = [
    (BLOCK,),
    (WAVE, {"s": (4, 3), "axes": (0, 1)}),
    (BLOCK, {"axes": (2, 0), "norm": "ortho"}),
    (SOLID, {"s": (2, -1), "axes": (1, 2)}),
]


@composite(np="fft.fftn", public=False, tex=r"\mathcal F {0}", samples=SEVERAL)
def fftn(a, s=None, axes=None, norm=None):
    """`fft` over several axes, all by default, of sizes ``s``."""
    (a,) = as_arrays(a)
    sizes, axes = _plan(a, s, axes)
    return _fft(_sized(a, sizes, axes), axes=axes, norm=norm)


@composite(np="fft.ifftn", public=False, tex=r"\mathcal F^{{-1}} {0}", samples=SEVERAL)
def ifftn(a, s=None, axes=None, norm=None):
    """Inverse of `fftn`."""
    (a,) = as_arrays(a)
    sizes, axes = _plan(a, s, axes)
    return _ifft(_sized(a, sizes, axes), axes=axes, norm=norm)


SEVERAL_REAL = [(SOLID,), (SIGNAL, {"s": (4, 3), "axes": (0, 1)}), (SOLID, {"axes": (2, 0), "norm": "ortho"})]


@composite(np="fft.rfftn", public=False, tex=r"\mathcal F {0}", samples=SEVERAL_REAL)
def rfftn(a, s=None, axes=None, norm=None):
    """`rfft` over the last of several axes, `fft` over the others."""
    (a,) = as_arrays(a)
    sizes, axes = _plan(a, s, axes)
    y = _rfft(_sized(a, sizes, axes), axis=axes[-1], norm=norm)
    return _fft(y, axes=axes[:-1], norm=norm) if len(axes) > 1 else y


SEVERAL_HALF = [(BLOCK,), (WAVE, {"s": (4, 5), "axes": (0, 1)}), (BLOCK, {"axes": (2, 0), "norm": "ortho"})]


@composite(np="fft.irfftn", public=False, tex=r"\mathcal F^{{-1}} {0}", samples=SEVERAL_HALF)
def irfftn(a, s=None, axes=None, norm=None):
    """Inverse of `rfftn`: `ifft` over all axes but the last, `irfft` over that."""
    (a,) = as_arrays(a)
    sizes, axes = _plan(a, s, axes)
    n = 2 * (a.shape[axes[-1]] - 1) if sizes[-1] in (None, -1) else int(sizes[-1])
    a = _sized(a, [*sizes[:-1], _half(n)], axes)
    a = _ifft(a, axes=axes[:-1], norm=norm) if len(axes) > 1 else a
    return _irfft(a, n=n, axis=axes[-1], norm=norm)


PLANE = [(WAVE,), (SIGNAL, {"s": (4, 3)}), (BLOCK, {"axes": (0, 1), "norm": "forward"})]


@composite(np="fft.fft2", public=False, tex=r"\mathcal F {0}", samples=PLANE)
def fft2(a, s=None, axes=(-2, -1), norm=None):
    """`fftn` over two axes, by default the last."""
    return fftn(a, s, axes, norm)


@composite(np="fft.ifft2", public=False, tex=r"\mathcal F^{{-1}} {0}", samples=PLANE)
def ifft2(a, s=None, axes=(-2, -1), norm=None):
    """Inverse of `fft2`."""
    return ifftn(a, s, axes, norm)


@composite(
    np="fft.rfft2",
    public=False,
    tex=r"\mathcal F {0}",
    samples=[(SIGNAL,), (SIGNAL, {"s": (4, 3)}), (SOLID, {"axes": (0, 1)})],
)
def rfft2(a, s=None, axes=(-2, -1), norm=None):
    """`rfftn` over two axes, by default the last."""
    return rfftn(a, s, axes, norm)


@composite(
    np="fft.irfft2",
    public=False,
    tex=r"\mathcal F^{{-1}} {0}",
    samples=[(WAVE,), (WAVE, {"s": (4, 5)}), (BLOCK, {"axes": (0, 1)})],
)
def irfft2(a, s=None, axes=(-2, -1), norm=None):
    """Inverse of `rfft2`."""
    return irfftn(a, s, axes, norm)


def _shifts(x, axes, halved):
    axes = range(x.ndim) if axes is None else axes if np.iterable(axes) else (axes,)
    return tuple(halved(x.shape[i]) for i in axes), tuple(axes)


@composite(
    np="fft.fftshift",
    public=False,
    tex=r"\operatorname{{shift}} {0}",
    samples=[(SIGNAL,), (WAVE, 1), (SOLID, {"axes": (0, 1)})],
)
def fftshift(x, axes=None):
    """Entries rolled so that the zero frequency comes to the middle."""
    (x,) = as_arrays(x)
    return np.roll(x, *_shifts(x, axes, lambda n: n // 2))


@composite(
    np="fft.ifftshift",
    public=False,
    tex=r"\operatorname{{shift}}^{{-1}} {0}",
    samples=[(SIGNAL,), (WAVE, 1), (SOLID, {"axes": (0, 1)})],
)
def ifftshift(x, axes=None):
    """Inverse of `fftshift`."""
    (x,) = as_arrays(x)
    return np.roll(x, *_shifts(x, axes, lambda n: -(n // 2)))
