"""Functions of two numbers, broadcasting: arithmetic, powers, extrema, selection."""

from __future__ import annotations

import numpy as np

from .declare import BINARY, composite, op
from .elementwise import positive


@op(np=True, operator="add", tex="{0} + {1}")
def add(a, b):
    """``a + b``; derivatives 1 and 1."""
    return np.add(a, b)


add.defvjp(lambda g, _y, _a, _b: g, lambda g, _y, _a, _b: g, linear=True).broadcasting()


@op(np=True, operator="sub", tex="{0} - {1}")
def subtract(a, b):
    """``a - b``; derivatives 1 and -1."""
    return np.subtract(a, b)


subtract.defvjp(lambda g, _y, _a, _b: g, lambda g, _y, _a, _b: -g, linear=True).broadcasting()


@op(np=True, operator="mul", tex=r"{0} \odot {1}")
def multiply(a, b):
    """``a * b``; derivatives b and a."""
    return np.multiply(a, b)


multiply.defvjp(lambda g, _y, _a, b: g * b, lambda g, _y, a, _b: g * a, linear="each").broadcasting()


@op(np=True, operator="truediv", tex=r"\frac{{{0}}}{{{1}}}", domain=(0.4, 2), singular=True)
def divide(a, b):
    """``a / b``; derivatives 1 / b and -y / b."""
    return np.divide(a, b)


divide.defvjp(lambda g, _y, _a, b: g / b, lambda g, y, _a, b: -g * y / b).broadcasting()
divide.defjvp(lambda a_dot, _y, _a, b: a_dot / b, lambda b_dot, y, _a, b: -b_dot * y / b)


@op(np=True, operator="pow", tex=r"{0}^{{{1}}}", domain=(0.4, 2), singular=True)
def power(a, b):
    """``a ** b``; derivatives b a^(b-1) and y ln a.

    ``a ** 0`` has derivative 0 in a, at 0 too; ``0 ** b`` has derivative 0 in b. For a negative a the derivative
    in b is NaN: only integer exponents have a value there.
    """
    return np.power(a, b)


def _power_base(_y, a, b):
    if type(b) in (int, float):  # a plain number is no value of the program
        return np.zeros_like(a) if b == 0 else b * (a if b == 2 else a ** (b - 1))
    return b * a ** np.where(b == 0, 1, b - 1)


def _power_exponent(y, a, _b):
    return y * np.log(np.where(a == 0, 1, a))


power.defderivative(_power_base, _power_exponent)


@op(np=True, tex=r"{0}^{{{1}}}", domain=(0.4, 2), singular=True)
def float_power(a, b):
    """``power`` in at least float64."""
    return np.float_power(a, b)


float_power.defderivative(_power_base, _power_exponent)


def _wins(a, b):
    """1 where a is the larger, a half where they tie; a NaN wins, as in the output."""
    return np.where(a == b, 0.5, (a > b) | np.isnan(a))


@op(np=True, tex=r"\max({0}, {1})")
def maximum(a, b):
    """The larger; derivative 1 where it is taken from, 1/2 each at a tie."""
    return np.maximum(a, b)


maximum.defderivative(lambda _y, a, b: _wins(a, b), lambda _y, a, b: _wins(b, a))


@op(np=True, tex=r"\min({0}, {1})")
def minimum(a, b):
    """The smaller; derivative 1 where it is taken from, 1/2 each at a tie."""
    return np.minimum(a, b)


minimum.defderivative(lambda _y, a, b: _wins(-a, -b), lambda _y, a, b: _wins(-b, -a))


def _wins_number(a, b):
    """As `_wins`, and a number wins over a NaN."""
    return np.where(a == b, 0.5, (a > b) | (np.isnan(b) & ~np.isnan(a)))


@op(np=True, tex=r"\operatorname{{fmax}}({0}, {1})")
def fmax(a, b):
    """The larger, numbers before NaN; derivative 1/2 each at a tie."""
    return np.fmax(a, b)


fmax.defderivative(lambda _y, a, b: _wins_number(a, b), lambda _y, a, b: _wins_number(b, a))


@op(np=True, tex=r"\operatorname{{fmin}}({0}, {1})")
def fmin(a, b):
    """The smaller, numbers before NaN; derivative 1/2 each at a tie."""
    return np.fmin(a, b)


fmin.defderivative(lambda _y, a, b: _wins_number(-a, -b), lambda _y, a, b: _wins_number(-b, -a))


@op(samples=[(np.array([True, False, True]), (3,), (2, 3))], tex=r"\operatorname{{where}}({0}, {1}, {2})")
def _where(condition, a, b):
    """``numpy.where`` with three arguments."""
    return np.where(condition, a, b)


_where.defvjp(
    None,
    lambda g, _y, condition, _a, _b: np.where(condition, g, 0),
    lambda g, _y, condition, _a, _b: np.where(condition, 0, g),
).broadcasting()
_where.defjvp(
    None,
    lambda a_dot, _y, condition, _a, _b: np.where(condition, a_dot, 0),
    lambda b_dot, _y, condition, _a, _b: np.where(condition, 0, b_dot),
)


@composite(np=True, samples=[(np.array([True, False, True]), (3,), (2, 3))])
def where(condition, x=None, y=None):
    """``x`` where the condition holds, else ``y``; a gradient flows only to what was taken.

    The other branch contributes 0 even where its derivative is infinite or NaN. With the condition alone,
    its nonzero indices, as `numpy.where`.
    """
    if x is None and y is None:
        return np.nonzero(condition)
    if x is None or y is None:
        raise ValueError("where: give both x and y, or neither")
    return _where(condition, x, y)


@op(samples=[((2, 3), np.array(-0.7), np.array(0.8))], tex=r"\operatorname{{clip}}({0}, {1}, {2})")
def _clip(x, lower, upper):
    """``numpy.clip`` with both bounds."""
    return np.clip(x, lower, upper)


_clip.defderivative(
    lambda _y, x, lower, upper: (x >= lower) & (x <= upper),
    lambda _y, x, lower, upper: (x < lower) & (lower < upper),
    lambda _y, x, lower, upper: (x > upper) | (lower >= upper),
)


@composite(
    np=True,
    method=True,
    samples=[((2, 3), -0.7, 0.8), ((3,), None, 0.5), ((3,), {"min": -0.5})],
    tex=r"\operatorname{{clip}}({0})",
)
def clip(a, a_min=None, a_max=None, *, min=None, max=None):
    """``a`` held between two bounds; derivative 1 inside and at a bound, 0 beyond it.

    A bound that is a Tensor gets the gradient where it is what came out, and 0 at a tie.
    """
    lower = a_min if min is None else min
    upper = a_max if max is None else max
    if lower is None and upper is None:
        return positive(a)
    return _clip(a, -np.inf if lower is None else lower, np.inf if upper is None else upper)


@op(np=True, tex=r"\operatorname{{atan2}}({0}, {1})", samples=BINARY, domain=(0.3, 2), singular=True)
def arctan2(a, b):
    """Angle of the point (b, a); derivatives b / r^2 and -a / r^2, 0 at the origin."""
    return np.arctan2(a, b)


def _over_square(a, b):
    """``a / (a^2 + b^2)``, 0 at the origin."""
    r = np.hypot(a, b)
    r = np.where(r == 0, 1, r)
    return (a / r) / r


arctan2.defderivative(lambda _y, a, b: _over_square(b, a), lambda _y, a, b: -_over_square(a, b))


@op(np=True, tex=r"\sqrt{{{0}^2 + {1}^2}}", domain=(0.3, 2), singular=True)
def hypot(a, b):
    """``sqrt(a^2 + b^2)`` without overflow; derivatives a / y and b / y, 0 at the origin."""
    return np.hypot(a, b)


hypot.defderivative(lambda y, a, _b: a / np.where(y == 0, 1, y), lambda y, _a, b: b / np.where(y == 0, 1, y))


def _share(a, b):
    """exp(a - logaddexp(a, b)) as a logistic of the difference, 1/2 at a tie of infinities."""
    d = np.where(a == b, 0, b - np.where(a == b, 0, a))
    e = np.exp(-np.abs(d))
    return np.where(d > 0, e, 1) / (1 + e)


@op(np=True, tex=r"\ln(e^{{{0}}} + e^{{{1}}})")
def logaddexp(a, b):
    """``log(e^a + e^b)``; derivatives are the two shares, 1/2 each where both are -inf."""
    return np.logaddexp(a, b)


logaddexp.defderivative(lambda _y, a, b: _share(a, b), lambda _y, a, b: _share(b, a))


@op(np=True, tex=r"\log_2(2^{{{0}}} + 2^{{{1}}})")
def logaddexp2(a, b):
    """``log2(2^a + 2^b)``; derivatives are the two shares, 1/2 each where both are -inf."""
    return np.logaddexp2(a, b)


logaddexp2.defderivative(
    lambda _y, a, b: _share(a * np.log(2), b * np.log(2)), lambda _y, a, b: _share(b * np.log(2), a * np.log(2))
)


@op(np=("remainder", "mod"), operator="mod", tex=r"{0} \bmod {1}", domain=(0.3, 2))
def remainder(a, b):
    """``a - b floor(a / b)``; derivatives 1 and -floor(a / b), at multiples too."""
    return np.remainder(a, b)


remainder.defderivative(lambda _y, _a, _b: 1.0, lambda _y, a, b: -np.floor_divide(a, b))


@op(np=True, tex=r"\operatorname{{fmod}}({0}, {1})", domain=(0.3, 2))
def fmod(a, b):
    """``a - b trunc(a / b)``; derivatives 1 and -trunc(a / b), at multiples too."""
    return np.fmod(a, b)


fmod.defderivative(lambda _y, _a, _b: 1.0, lambda _y, a, b: -np.trunc(a / b))


@op(np=True, tex=r"\operatorname{{copysign}}({0}, {1})")
def copysign(a, b):
    """``|a|`` with the sign of b; derivative sign(a) sign(b) in a, none in b."""
    return np.copysign(a, b)


copysign.defvjp(lambda g, _y, a, b: g * np.sign(a) * np.copysign(1, b), None).broadcasting()
copysign.defjvp(lambda a_dot, _y, a, b: a_dot * np.sign(a) * np.copysign(1, b), None)


@op(np=True, tex=r"{0} \cdot 2^{{{1}}}", samples=[((3,), np.array([1, -2, 0]))])
def ldexp(a, b):
    """``a * 2**b`` with an integer b; derivative 2^b in a."""
    return np.ldexp(a, b)


ldexp.defvjp(lambda g, _y, _a, b: np.ldexp(g, b), None).broadcasting()
ldexp.defjvp(lambda a_dot, _y, _a, b: np.ldexp(a_dot, b), None)
