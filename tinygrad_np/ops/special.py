"""Functions of one number with a twist: Bessel's I, angles, parts of a number, replacements."""

from __future__ import annotations

import numpy as np

from ..core.primitive import Primitive
from ..core.tensor import Tensor
from .arithmetic import arctan2, remainder
from .declare import composite, op
from .elementwise import degrees, imag, real
from .reduce import as_array


@op(tex=r"I_{{n}}({0})", samples=[((3,), {"order": 0}), ((2, 3), {"order": 1}), ((3,), {"order": 4})])
def _bessel(x, *, order):
    """Modified Bessel function I_n; I_n' = (I_{n-1} + I_{n+1}) / 2 (Abramowitz and Stegun 9.6.26).

    I_0 is NumPy's. The others are the mean of e^(x cos t) cos(n t) over a circle: equal steps converge faster than any
    power of their number, and 1024 of them reach rounding wherever I_n does not overflow.
    """
    if order == 0:
        return np.i0(x)
    t = np.arange(1024) * (2 * np.pi / 1024)
    size = np.abs(x)[..., None]
    mean = np.mean(np.exp(size * (np.cos(t) - 1)) * np.cos(order * t), axis=-1)
    return (np.sign(x) ** (order % 2) * np.exp(np.abs(x)) * mean).astype(x.dtype)


def _bessel_derivative(_y, x, *, order):
    return (_bessel(x, order=abs(order - 1)) + _bessel(x, order=order + 1)) / 2


_bessel.defderivative(_bessel_derivative)


@composite(np=True, tex=r"I_0({0})", samples=[((3,),), ((2, 3),)])
def i0(x):
    """Modified Bessel function I_0; dy/dx = I_1(x)."""
    return _bessel(x, order=0)


@composite(np=True, tex=r"\arg {0}", samples=[(np.array([1 + 2j, -1 + 0.5j, 0.3 - 1j]),), ((3,), {"deg": True})])
def angle(z, deg=False):
    """Angle of a complex number; of a real one 0 or pi, with derivative 0."""
    if np.result_type(z).kind != "c":
        radians = arctan2(np.zeros_like(z), z)
    else:
        radians = arctan2(imag(z), real(z))
    return degrees(radians) if deg else radians


_sign = Primitive(np.sign, name="sign").defvjp(None).broadcasting()


@composite(np=True, tex=r"\operatorname{{sign}} {0}", samples=[(np.array([1 + 2j, -1 + 0.5j, 0.3 - 1j]),), ((3,),)])
def sign(x):
    """-1, 0 or 1, with derivative 0; of a complex number ``x / |x|``, with its derivative."""
    if np.result_type(x).kind != "c":
        return _sign(x)
    size = np.abs(x)
    return x / np.where(size == 0, 1, size)


@op(tex=r"{0}", samples=[((3,), {"nan": 0.0, "posinf": None, "neginf": None})])
def _nan_to_num(x, *, nan, posinf, neginf):
    return np.nan_to_num(x, nan=nan, posinf=posinf, neginf=neginf)


_nan_to_num.defvjp(lambda g, _y, x, **_: np.where(np.isfinite(x), g, 0))
_nan_to_num.defjvp(lambda x_dot, _y, x, **_: np.where(np.isfinite(x), x_dot, 0)).broadcasting()  # x_dot may be NaN too


@composite(np=True, samples=[((3,),), ((2, 3), {"nan": 1.0})])
def nan_to_num(x, copy=True, nan=0.0, posinf=None, neginf=None):
    """Finite numbers as they are, with derivative 1; NaN and infinities replaced, with derivative 0.

    A Tensor is always copied.
    """
    return _nan_to_num(x, nan=nan, posinf=posinf, neginf=neginf)


@composite(np=True, samples=[((3,),), (np.array([1.5 + 1j, 2.0]),)])
def real_if_close(a, tol=100):
    """The real part, with its derivative, where all imaginary parts are close to 0; else ``a`` itself."""
    a = as_array(a)
    return real(a) if np.isrealobj(np.real_if_close(a.data if type(a) is Tensor else a, tol)) else a


@op(np=True, samples=[(np.array([-1, 0, 2]), (3,)), (np.array([[0], [1]]), ())], tex=r"H({0})")
def heaviside(x1, x2):
    """0 where ``x1`` is negative, 1 where positive, ``x2`` where 0: there x2 has derivative 1; x1 has no gradient."""
    return np.heaviside(x1, x2)


heaviside.defderivative(None, lambda _y, x1, _x2: x1 == 0)


@op(np=True, samples=[((3,),), ((2, 3),), (np.array([-1.5, 2.25, 0.5]),)])
def modf(x):
    """Fraction and whole part; the derivative of the fraction is 1, of the whole part 0."""
    return np.modf(x)


modf.defvjp(lambda g, _y, _x: g[0]).defjvp(lambda x_dot, _y, _x: (x_dot, 0 * x_dot))


@op(np=True, samples=[((3,),), ((2, 3),)])
def frexp(x):
    """Mantissa and exponent of 2; the derivative of the mantissa is 2^-exponent, the exponent is a constant."""
    return np.frexp(x)


frexp.defvjp(lambda g, y, _x: np.ldexp(g[0], -y[1]))


@composite(np=True, samples=[((2, 3), (3,))], domain=(0.3, 2))
def divmod(x1, x2):
    """``(x1 // x2, x1 % x2)``; the quotient is a constant, the remainder has derivatives 1 and ``-(x1 // x2)``."""
    return np.floor_divide(x1, x2), remainder(x1, x2)


@composite(np=True, samples=[((3,), (2,)), ((3,), ())])
def polyval(p, x):
    """The polynomial with coefficients ``p``, highest power first, at ``x``."""
    y = 0 * x
    for i in range(len(p)):
        y = y * x + p[i]
    return y
