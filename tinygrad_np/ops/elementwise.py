"""Functions of one number: each block states dy/dx once, as NumPy code in ``y`` and ``x``.

Complex arguments: rules are plain transposes, see `core.backward`.
"""

from __future__ import annotations

import numpy as np

from .declare import UNARY, op

LN2, LN10 = float(np.log(2)), float(np.log(10))


def _conj(x):
    return np.conjugate(x) if x.dtype.kind == "c" else x


@op(np=True, operator="neg", method="negative", tex="-{0}")
def negative(x):
    """``-x``; dy/dx = -1."""
    return np.negative(x)


negative.defvjp(lambda g, _y, _x: -g, linear=True).broadcasting()


@op(np=True, operator="pos", tex="{0}")
def positive(x):
    """``+x``; dy/dx = 1."""
    return np.positive(x)


positive.defvjp(lambda g, _y, _x: g, linear=True).broadcasting()


@op(np=("absolute", "fabs"), operator="abs", method="abs", tex=r"|{0}|")
def absolute(x):
    """``|x|``; dy/dx = sign(x), which is 0 at 0. Of a complex x the modulus."""
    return np.abs(x)


def _slope(x):
    """d|x|: the sign of a real x; of a complex one conj(x) / |x|, which has a derivative of its own, and 0 at 0."""
    if x.dtype.kind != "c":
        return np.sign(x)
    size = np.abs(x)
    return np.conjugate(x) / np.where(size == 0, 1, size)


absolute.defvjp(lambda g, _y, x: g * _slope(x)).broadcasting()
absolute.defjvp(lambda x_dot, _y, x: np.real(x_dot * _slope(x)))


@op(np=True, method=True, tex=r"e^{{{0}}}", singular=True)
def exp(x):
    """``e**x``; dy/dx = y."""
    return np.exp(x)


exp.defderivative(lambda y, _x: y)


@op(np=True, tex=r"2^{{{0}}}", singular=True)
def exp2(x):
    """``2**x``; dy/dx = y ln 2."""
    return np.exp2(x)


exp2.defderivative(lambda y, _x: y * LN2)


@op(np=True, tex=r"e^{{{0}}} - 1", singular=True)
def expm1(x):
    """``e**x - 1``, exact near 0; dy/dx = y + 1."""
    return np.expm1(x)


expm1.defderivative(lambda y, _x: y + 1)


@op(np=True, method=True, tex=r"\ln {0}", domain=(0.3, 3), singular=True)
def log(x):
    """Natural logarithm; dy/dx = 1 / x."""
    return np.log(x)


log.defderivative(lambda _y, x: 1 / x)


@op(np=True, tex=r"\log_2 {0}", domain=(0.3, 3), singular=True)
def log2(x):
    """Logarithm to base 2; dy/dx = 1 / (x ln 2)."""
    return np.log2(x)


log2.defderivative(lambda _y, x: 1 / (x * LN2))


@op(np=True, tex=r"\log_{{10}} {0}", domain=(0.3, 3), singular=True)
def log10(x):
    """Logarithm to base 10; dy/dx = 1 / (x ln 10)."""
    return np.log10(x)


log10.defderivative(lambda _y, x: 1 / (x * LN10))


@op(np=True, tex=r"\ln(1 + {0})", domain=(-0.7, 3), singular=True)
def log1p(x):
    """``log(1 + x)``, exact near 0; dy/dx = 1 / (1 + x)."""
    return np.log1p(x)


log1p.defderivative(lambda _y, x: 1 / (x + 1))


@op(np=True, method=True, tex=r"\sqrt{{{0}}}", domain=(0.3, 3), singular=True)
def sqrt(x):
    """Square root; dy/dx = 1 / (2 y), infinite at 0."""
    return np.sqrt(x)


sqrt.defderivative(lambda y, _x: 0.5 / y)


@op(np=True, tex=r"\sqrt[3]{{{0}}}", domain=(0.3, 3), singular=True)
def cbrt(x):
    """Cube root; dy/dx = 1 / (3 y^2), infinite at 0."""
    return np.cbrt(x)


cbrt.defderivative(lambda y, _x: 1 / (3 * y * y))


@op(np=True, method=True, tex=r"{0}^2")
def square(x):
    """``x * x``; dy/dx = 2 x."""
    return np.square(x)


square.defvjp(lambda g, _y, x: g * (x + x)).broadcasting()
square.defjvp(lambda x_dot, _y, x: 2 * x_dot * x)


@op(np=True, tex=r"1 / {0}", domain=(0.3, 3), singular=True)
def reciprocal(x):
    """``1 / x``; dy/dx = -y^2."""
    return np.reciprocal(x)


reciprocal.defderivative(lambda y, _x: -y * y)


@op(np=True, method=True, tex=r"\sin {0}")
def sin(x):
    """Sine; dy/dx = cos x."""
    return np.sin(x)


sin.defderivative(lambda _y, x: np.cos(x))


@op(np=True, method=True, tex=r"\cos {0}")
def cos(x):
    """Cosine; dy/dx = -sin x."""
    return np.cos(x)


cos.defderivative(lambda _y, x: -np.sin(x))


@op(np=True, tex=r"\tan {0}", domain=(-1, 1), singular=True)
def tan(x):
    """Tangent; dy/dx = 1 + y^2."""
    return np.tan(x)


tan.defderivative(lambda y, _x: 1 + y * y)


@op(np=True, tex=r"\arcsin {0}", domain=(-0.8, 0.8), singular=True)
def arcsin(x):
    """Inverse sine; dy/dx = 1 / sqrt(1 - x^2), infinite at -1 and 1."""
    return np.arcsin(x)


arcsin.defderivative(lambda _y, x: 1 / np.sqrt((1 - x) * (1 + x)))


@op(np=True, tex=r"\arccos {0}", domain=(-0.8, 0.8), singular=True)
def arccos(x):
    """Inverse cosine; dy/dx = -1 / sqrt(1 - x^2), infinite at -1 and 1."""
    return np.arccos(x)


arccos.defderivative(lambda _y, x: -1 / np.sqrt((1 - x) * (1 + x)))


@op(np=True, tex=r"\arctan {0}")
def arctan(x):
    """Inverse tangent; dy/dx = 1 / (1 + x^2)."""
    return np.arctan(x)


arctan.defderivative(lambda _y, x: 1 / (1 + x * x))


@op(np=True, tex=r"\sinh {0}", singular=True)
def sinh(x):
    """Hyperbolic sine; dy/dx = cosh x."""
    return np.sinh(x)


sinh.defderivative(lambda _y, x: np.cosh(x))


@op(np=True, tex=r"\cosh {0}", singular=True)
def cosh(x):
    """Hyperbolic cosine; dy/dx = sinh x."""
    return np.cosh(x)


cosh.defderivative(lambda _y, x: np.sinh(x))


@op(np=True, method=True, tex=r"\tanh {0}")
def tanh(x):
    """Hyperbolic tangent; dy/dx = 1 - y^2, which is 0 where y rounds to 1."""
    return np.tanh(x)


tanh.defderivative(lambda y, _x: 1 - y * y)


@op(np=True, tex=r"\operatorname{{arsinh}} {0}")
def arcsinh(x):
    """Inverse hyperbolic sine; dy/dx = 1 / sqrt(1 + x^2), which does not overflow for large x."""
    return np.arcsinh(x)


arcsinh.defderivative(lambda _y, x: 1 / np.hypot(1, x) if x.dtype.kind != "c" else 1 / np.sqrt(1 + x * x))


@op(np=True, tex=r"\operatorname{{arcosh}} {0}", domain=(1.2, 3), singular=True)
def arccosh(x):
    """Inverse hyperbolic cosine; dy/dx = 1 / sqrt(x^2 - 1), infinite at 1."""
    return np.arccosh(x)


arccosh.defderivative(lambda _y, x: 1 / (np.sqrt(x - 1) * np.sqrt(x + 1)))


@op(np=True, tex=r"\operatorname{{artanh}} {0}", domain=(-0.8, 0.8), singular=True)
def arctanh(x):
    """Inverse hyperbolic tangent; dy/dx = 1 / (1 - x^2), infinite at -1 and 1."""
    return np.arctanh(x)


arctanh.defderivative(lambda _y, x: 1 / ((1 - x) * (1 + x)))


@op(np=("degrees", "rad2deg"), tex=r"\tfrac{{180}}{{\pi}} {0}")
def degrees(x):
    """Radians to degrees; dy/dx = 180 / pi."""
    return np.degrees(x)


degrees.defvjp(lambda g, _y, _x: g * (180 / np.pi), linear=True).broadcasting()


@op(np=("radians", "deg2rad"), tex=r"\tfrac{{\pi}}{{180}} {0}")
def radians(x):
    """Degrees to radians; dy/dx = pi / 180."""
    return np.radians(x)


radians.defvjp(lambda g, _y, _x: g * (np.pi / 180), linear=True).broadcasting()


@op(np=True, tex=r"\operatorname{{sinc}} {0}")
def sinc(x):
    """``sin(pi x) / (pi x)``, 1 at 0; dy/dx = (cos(pi x) - y) / x, 0 at 0."""
    return np.sinc(x)


def _sinc_derivative(y, x):
    """The quotient cancels near 0: below 1e-2 its Taylor series, -pi^2 x / 3 + pi^4 x^3 / 30 - pi^6 x^5 / 840."""
    near = np.abs(x) < 1e-2
    t = (np.pi * x) ** 2
    series = -(np.pi**2) * x / 3 * (1 - t / 10 + t * t / 280 - t**3 / 15120)
    return np.where(near, series, (np.cos(np.pi * x) - y) / np.where(near, 1, x))


sinc.defderivative(_sinc_derivative)


@op(np=("conjugate", "conj"), method="conj", tex=r"\overline{{{0}}}")
def conjugate(x):
    """Complex conjugate; of a real x, x itself."""
    return np.conjugate(x)


conjugate.defvjp(lambda g, _y, _x: _conj(g), linear=True).broadcasting()


@op(np=True, tex=r"\operatorname{{Re}} {0}", view=True)
def real(x):
    """Real part."""
    return np.real(x)


real.defvjp(lambda g, _y, _x: g, linear=True).broadcasting()


@op(np=True, tex=r"\operatorname{{Im}} {0}")
def imag(x):
    """Imaginary part; of a real x, zeros, through which no gradient flows."""
    return np.imag(x) if x.dtype.kind == "c" else np.zeros_like(x)


imag.defvjp(lambda g, _y, _x: -1j * g if _x.dtype.kind == "c" else 0 * g, linear=True).broadcasting()


@op(np=True, method=True, tex="{0}", samples=[((2, 3), "float64")])
def astype(x, *, dtype, order="K", casting="unsafe", subok=True, copy=True):
    """The same numbers in another dtype, always copied; to integers or booleans no gradient flows."""
    return x.astype(dtype, order, casting)


astype.defvjp(lambda g, _y, _x, **_: g, linear=True)


@op(np=True, method=True, tex="{0}", samples=[*UNARY, ((2, 3), "F")])
def copy(x, *, order="K", subok=False):
    """The same numbers in memory of their own."""
    return np.array(x, order=order)


copy.defvjp(lambda g, _y, _x, **_: g, linear=True).broadcasting()
