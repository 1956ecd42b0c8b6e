"""What 'equal' means, and derivatives found by evaluating a function and nothing else.

    rounding(n, scale, dtype)        how far two right results of the same sum may lie apart
    ulp_distance(a, b)               how many floating point numbers lie between them
    complex_step(f, x, v)            d/dt f(x + t v), exact where f takes complex numbers
    differences(f, x, v)             the same from real values, with a bound of the error
    directional(f, x, v)             the better of the two
    along(f, x, vs), jacobian(f, x)  several directions, all directions

``f`` takes an array and gives an array, of any shape. The step ``t`` is real, so complex arguments and outputs count
as pairs of reals: a complex ``x`` has the directions 1 and 1j.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Estimate", "along", "basis", "complex_step", "differences", "directional", "epsilon", "is_analytic", "jacobian",
    "noise", "random_direction", "rounding", "ulp_distance",
]  # fmt: skip

Array = NDArray[Any]
Function = Callable[[Array], Any]

COLUMNS = 6  # of the extrapolation table: beyond, rounding gains on truncation
ROWS = 32  # halvings of the step before giving up
FEWEST = 4  # rows before the table is believed


class Estimate(NamedTuple):
    """A numeric derivative.

    Attributes
    ----------
    value, error
        The derivative and a bound of its error, of the shape of the output; infinite where nothing converged.
    jump
        Right-hand minus left-hand derivative: not 0 at a kink, where ``value`` is the middle of the two.
    order
        Observed order of convergence of plain central differences: 2 where f is smooth. NaN where they are exact.
    method
        ``complex step`` or ``differences``.
    """

    value: Array
    error: Array
    jump: Array
    order: float
    method: str


def epsilon(*xs: Any) -> float:
    """Relative precision of the coarsest floating point dtype among arrays or dtypes; 0 if there is none."""
    dtypes = [np.dtype(x) if isinstance(x, type | np.dtype) else np.result_type(x) for x in xs]
    return max((float(np.finfo(d).eps) for d in dtypes if d.kind in "fc"), default=0.0)


def rounding(n: int, scale: float, *xs: Any) -> float:
    """How far right results may lie apart: ``8 eps sqrt(n) scale``, and a twentieth of ``scale`` at most.

    Rounding errors of a sum of n terms add up like a random walk, so by its square root; 8 leaves room for what goes
    on around the sum. Beyond a twentieth (float16, huge n) nothing would be told apart.

    Parameters
    ----------
    n
        Number of terms, or an upper bound: the largest size at hand.
    scale
        Largest term, or largest result.
    *xs
        Arrays or dtypes; the coarsest decides.

    Examples
    --------
    >>> import numpy as np
    >>> abs(sum([0.1] * 1000) - 100) < rounding(1000, 100, np.float64)
    True
    """
    return min(8 * epsilon(*xs) * float(np.sqrt(max(n, 1))), 0.05) * float(scale)


def ulp_distance(a: Any, b: Any) -> Array:
    """Number of steps from one floating point number to the next that lead from ``a`` to ``b``, element by element.

    Counted in the coarser of the two dtypes; of complex numbers the larger part counts. Two NaNs are 0 apart, a NaN
    and a number as far as can be.

    Examples
    --------
    >>> import numpy as np
    >>> ulp_distance(1.0, 1.0 + 4 * np.finfo(float).eps)
    array(4, dtype=uint64)
    """
    a, b = np.asarray(a), np.asarray(b)
    if "c" in (a.dtype.kind, b.dtype.kind):
        return np.maximum(ulp_distance(a.real, b.real), ulp_distance(a.imag, b.imag))
    floats = [x.dtype for x in (a, b) if x.dtype.kind == "f"] or [np.dtype(float)]
    dtype = min(floats, key=lambda d: d.itemsize)
    if dtype.itemsize > 8:
        dtype = np.dtype(float)
    signed = np.dtype(f"i{dtype.itemsize}")
    lowest = np.int64(np.iinfo(signed).min)
    with np.errstate(over="ignore"):  # the narrower type's, and the wrap-around that makes the difference right
        bits = [np.asarray(x, dtype).view(signed).astype(np.int64) for x in (a, b)]
        p, q = (np.where(i < 0, lowest - i, i) for i in bits)  # in the order of the numbers, both zeros at 0
        distance = np.maximum(p, q).view(np.uint64) - np.minimum(p, q).view(np.uint64)
    nans = np.isnan(a).astype(int) + np.isnan(b)
    return np.asarray(np.where(nans == 1, np.uint64(2**64 - 1), np.where(nans == 2, np.uint64(0), distance)))


def noise(f: Function, x: Any, v: Any) -> Array:
    """How far the values of ``f`` scatter around a smooth function near ``x``: the rounding errors inside it.

    What a polynomial of degree 5 leaves of values at points close together, unevenly spaced: on an even grid rounding
    errors can lie on a line. So a cast to float32 deep inside ``f`` is seen.
    """
    x, v = np.asarray(x), np.asarray(v)
    h = 2.0**-20 * np.sqrt(_reach(x, v) / _widest(v))
    ts = np.random.default_rng(0).uniform(-4, 4, 12)
    Q = np.linalg.qr(np.vander(ts, 6))[0]
    with np.errstate(all="ignore"):
        y = np.asarray(f(x))
        moved = np.stack([np.asarray(f(x + t * h * v)) - y for t in ts]).reshape(len(ts), -1)
        left = moved - Q @ (Q.T @ moved)
        found = np.sqrt(np.sum(np.abs(left) ** 2, axis=0) / (len(ts) - 6)).reshape(y.shape)
        return np.asarray(np.fmax(found, _eps(y) * np.abs(y)))


def differences(f: Function, x: Any, v: Any, *, scatter: Any = None) -> Estimate:
    """``d/dt f(x + t v)`` at t = 0 from central differences, extrapolated to step 0.

    The step is halved until rounding outweighs truncation, and each element takes the entry of the extrapolation table
    with the smallest bound: what neighbouring entries differ by, plus the noise of f divided by the step.

    Parameters
    ----------
    f
        From an array to an array.
    x, v
        Point and direction, of one shape.
    scatter
        What `noise` gives for ``f`` near ``x``, if it is known.

    Examples
    --------
    >>> import numpy as np
    >>> d = differences(np.exp, np.array(1.0), np.array(1.0))
    >>> bool(abs(d.value - np.e) <= d.error), round(d.order)
    (True, 2)
    """
    x, v = np.asarray(x), np.asarray(v)
    with np.errstate(all="ignore"):
        y = np.asarray(f(x))
        if not np.any(v):
            return Estimate(np.zeros(y.shape), np.zeros(y.shape), np.zeros(y.shape), float("nan"), "differences")
        scatter = np.asarray(noise(f, x, v) if scatter is None else scatter)
        reach = _reach(x, v)
        found, steps = _ladder(f, x, v, y, scatter, reach / 8)
        # A function that oscillates fast may look smooth at steps that are near multiples of its period.
        h = 1.4e-5 * reach
        probe = (np.asarray(f(x + h * v)) - np.asarray(f(x - h * v))) / (2 * h)
        room = found.error + 64 * scatter / h + 0.01 * np.abs(probe)
        alias = (steps > h) & (np.abs(found.value - probe) > room)
        if np.any(alias):
            finer, _ = _ladder(f, x, v, y, scatter, reach / 1400)
            value, error, jump = (np.where(alias, a, b) for a, b in zip(finer[:3], found[:3], strict=True))
            found = Estimate(value, error, jump, finer.order, "differences")
    return found


def _ladder(f: Function, x: Array, v: Array, y: Array, scatter: Array, h: float) -> tuple[Estimate, Array]:
    """Extrapolate from steps ``h``, ``h / 2``, ...; also the step that each element was taken from."""
    spread, moved = np.abs(y), np.zeros(y.shape, bool)
    table, bends = _Table(y, range(2, 2 * COLUMNS, 2)), _Table(y, (1, 3, 5))
    coarseness = _eps(x) * max(1.0, float(np.max(np.abs(x), initial=0)))
    for k in range(ROWS):
        up, down = np.asarray(f(x + h * v)), np.asarray(f(x - h * v))
        slope = (up - down) / (2 * h)
        spread = np.fmax(spread, np.fmax(np.abs(up - y), np.abs(y - down)))
        moved |= (up != y) | (down != y)
        # Of the values, near x and where they were taken, and of the argument.
        blur = np.fmax(scatter, _eps(y) * np.fmax(np.abs(up), np.abs(down))) / h
        blur = blur + coarseness / (h * _widest(v)) * np.abs(slope)
        table.add(slope, blur, h)
        bends.add((up - 2 * y + down) / h, 2 * blur, h)
        done = np.all((table.error <= 4 * blur) & (bends.error <= 16 * blur)) or np.all(blur > table.error)
        if k + 1 >= FEWEST and done:
            break
        h /= 2
    # Values that scatter this much jump here, or vary on a finer scale than any step tried; unless all is rounding.
    least = 1e3 * coarseness
    erratic = moved & (scatter > 0.01 * spread) & (scatter > least)
    lost = table.diverges(least) | bends.diverges(least) | ~np.isfinite(table.best) | erratic
    jump = np.abs(bends.best)
    kink = (jump > 8 * bends.error) & (jump > 1e-6 * np.abs(table.best))
    error = np.where(lost, np.inf, table.honest())
    return Estimate(table.best, error, np.where(kink, jump, 0.0), table.order(), "differences"), table.step


def complex_step(f: Function, x: Any, v: Any) -> Estimate:
    """``d/dt f(x + t v)`` at t = 0 as ``Im f(x + i h v) / h``: nothing cancels, so h is as small as one likes.

    Right where ``f`` is analytic, as sums, products and the usual functions are; not across ``abs``, a conjugate or a
    real part. `directional` checks that.

    Raises
    ------
    TypeError
        If ``x``, ``v`` or ``f(x)`` is complex as it is, or ``f`` drops the imaginary part.

    Examples
    --------
    >>> import numpy as np
    >>> bool(complex_step(np.exp, np.array(1.0), np.array(1.0)).value == np.exp(1.0))
    True
    """
    x, v = np.asarray(x), np.asarray(v)
    if "c" in (x.dtype.kind, v.dtype.kind):
        raise TypeError("a complex step needs a real point and direction: here they are complex, use differences()")
    h = _reach(x, v) * 1e-30
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("error", np.exceptions.ComplexWarning)
        y = np.asarray(f(x.astype(float) + 1j * (h * v)))
        if y.dtype.kind != "c":
            raise TypeError(f"a complex step needs a function of complex numbers: this one gave {y.dtype}")
        value = y.imag / h
        error = rounding(x.size, 1.0, float) * (np.abs(value) + np.abs(y.real) / _reach(x, v))
    return Estimate(value, error, np.zeros(y.shape), np.nan, "complex step")


def directional(f: Function, x: Any, v: Any, *, scatter: Any = None) -> Estimate:
    """``d/dt f(x + t v)`` at t = 0: by complex step where `differences` confirm it, else from those.

    Examples
    --------
    >>> import numpy as np
    >>> directional(np.exp, np.array(1.0), np.array(1.0)).method
    'complex step'
    >>> directional(np.abs, np.array(1.0), np.array(1.0)).method
    'differences'
    """
    real = differences(f, x, v, scatter=scatter)
    if np.all(np.isfinite(real.error)) and not np.any(real.jump):
        with suppress(Exception):  # f is anybody's function: whatever it raises, it does not take complex numbers
            stepped = complex_step(f, x, v)
            if np.all(np.abs(real.value - stepped.value) <= 2 * real.error + stepped.error):
                return stepped
    return real


def is_analytic(f: Function, x: Any, *, scatter: Any = None) -> bool:
    """Whether a complex step gives the derivatives of ``f`` at ``x``.

    Tried along two random directions that move every element, against `differences`: what is not analytic in any
    element shows there. ``scatter``: what `noise` says, if it is known.
    """
    x = np.asarray(x)
    rng = np.random.default_rng(0)
    probes = [random_direction(x, rng) for _ in range(2)]
    return x.size > 0 and all(directional(f, x, v, scatter=scatter).method == "complex step" for v in probes)


def along(
    f: Function, x: Any, directions: Sequence[Any], *, analytic: bool | None = None, scatter: Any = None
) -> Estimate:
    """Derivatives of ``f`` at ``x`` in several directions, stacked along a new last axis.

    ``analytic`` and ``scatter``: what `is_analytic` and `noise` say, if it is known.
    """
    x = np.asarray(x)
    if not len(directions):
        empty = np.zeros((*np.shape(f(x)), 0))
        return Estimate(empty, empty, empty, float("nan"), "differences")
    scatter = noise(f, x, random_direction(x, np.random.default_rng(0))) if scatter is None else scatter
    analytic = is_analytic(f, x, scatter=scatter) if analytic is None else analytic
    parts = [complex_step(f, x, v) if analytic else differences(f, x, v, scatter=scatter) for v in directions]
    value, error, jump = (np.stack([p[i] for p in parts], axis=-1) for i in range(3))
    orders = [p.order for p in parts if not np.isnan(p.order)]
    return Estimate(value, error, jump, float(np.median(orders)) if orders else float("nan"), parts[0].method)


def jacobian(f: Function, x: Any) -> Estimate:
    """All derivatives of ``f`` at ``x``, of shape ``f(x).shape + x.shape``.

    A complex ``x`` adds an axis of size 2: the derivatives by its real and by its imaginary part.

    Examples
    --------
    >>> import numpy as np
    >>> jacobian(np.cumsum, np.array([1.0, 2.0])).value.round(12)
    array([[1., 0.],
           [1., 1.]])
    """
    x = np.asarray(x)
    found = along(f, x, basis(x))
    shape = (*found.value.shape[:-1], *x.shape, *((2,) if x.dtype.kind == "c" else ()))
    value, error, jump = (part.reshape(shape) for part in found[:3])
    return Estimate(value, error, jump, found.order, found.method)


def random_direction(x: Any, rng: np.random.Generator) -> Array:
    """A direction at ``x`` that moves every element, by about 1."""
    x = np.asarray(x)

    def draw() -> Array:
        return np.asarray(rng.uniform(0.5, 1.5, x.shape) * rng.choice([-1.0, 1.0], x.shape))

    return np.asarray(draw() + 1j * draw()) if x.dtype.kind == "c" else draw()


def basis(x: Array) -> list[Array]:
    """The unit directions at ``x``, element by element; each twice for complex elements, 1 and 1j."""
    units = (1.0, 1j) if x.dtype.kind == "c" else (1.0,)
    directions = []
    for i in range(x.size):
        for unit in units:
            v = np.zeros(x.shape, type(unit) if len(units) == 1 else complex)
            v.flat[i] = unit
            directions.append(v)
    return directions


class _Table:
    """Richardson's extrapolation of values at halved steps, with each element's best entry so far."""

    def __init__(self, y: Array, powers: Sequence[int]) -> None:
        shape, dtype = y.shape, np.result_type(y.dtype, float)
        self.powers = powers  # of the step, in the error of what is extrapolated
        self.row: list[Array] = []
        self.plain: list[Array] = []
        self.blur: list[Array] = []
        self.last: list[tuple[list[Array], float]] = []  # rows, and their steps
        self.best = np.zeros(shape, dtype)
        self.error = np.full(shape, np.inf)
        self.step = np.ones(shape)  # of the best

    def add(self, value: Array, blur: Array, h: float) -> None:
        row = [value]
        for power, before in zip(self.powers, self.row, strict=False):
            better = row[-1] + (row[-1] - before) / (2.0**power - 1)
            apart = np.maximum(np.abs(better - row[-1]), np.abs(better - before)) + 2 * blur
            gains = apart < self.error  # False for a NaN: a step that left the domain
            self.best = np.where(gains, better, self.best)
            self.error = np.where(gains, apart, self.error)
            self.step = np.where(gains, h, self.step)
            row.append(better)
        gap = np.min([np.abs(entry - self.best) for entry in row], axis=0)
        refuted = np.isfinite(self.error) & (gap > 8 * (self.error + blur))  # two wide steps agreed by accident
        self.error = np.where(refuted, gap, self.error)
        self.row = row
        self.last = [*self.last[-1:], (row, h)]
        self.plain.append(value)
        self.blur.append(blur)

    def honest(self) -> Array:
        """The error bound, no smaller than the noise that the last two rows show: the best of many is a lucky draw."""
        shown = self.error
        for row, h in self.last:
            shown = np.fmax(shown, np.min([np.abs(entry - self.best) for entry in row], axis=0) * h / self.step)
        return np.asarray(np.where(np.isfinite(self.error), shown, np.inf))

    def diverges(self, least: float) -> Any:
        """Where the values grow as the step shrinks, by more than noise: there is no limit."""
        if len(self.plain) < FEWEST:
            return np.zeros(self.best.shape, bool)
        a, b, c = (np.abs(p) for p in self.plain[-3:])
        return (c > 1.3 * b) & (b > 1.3 * a) & (c > 100 * self.blur[-1]) & (c * self.last[-1][1] > least)

    def order(self) -> float:
        """At which power of the step the plain values approach their limit."""
        gaps = [np.abs(b - a) for a, b in zip(self.plain, self.plain[1:], strict=False)]
        found = []
        for i in range(1, len(gaps)):
            clear = np.isfinite(gaps[i - 1]) & (gaps[i - 1] > 0) & (gaps[i] > 64 * self.blur[i + 1])
            if np.any(clear):
                found.append(float(np.log2(np.sum(gaps[i - 1][clear]) / np.sum(gaps[i][clear]))))
        return found[-1] if found and found[-1] > 0 else float("nan")


def _reach(x: Array, v: Array) -> float:
    """The multiple of ``v`` that moves ``x`` by its own size, or by 1 if it is smaller."""
    return max(1.0, float(np.max(np.abs(x[v != 0]), initial=0))) / _widest(v)


def _eps(x: Array) -> float:
    return epsilon(x) or epsilon(float)


def _widest(v: Array) -> float:
    return float(np.max(np.abs(v), initial=0)) or 1.0
