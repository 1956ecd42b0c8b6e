"""Activations and the softmax family; names, argument order and defaults as in torch.nn.functional.

The first argument is called x, and what torch calls ``dim`` is ``axis``, as everywhere in NumPy. An activation of the
form x times a gate (silu, gelu, mish, hardswish) is written so: the gate has the rule, and is kept for it.
"""

from __future__ import annotations

import numpy as np

from .declare import UNARY, composite, op


def as_array(x):
    """``x`` as something with a shape and a dtype: lists and numbers become arrays."""
    return x if hasattr(x, "dtype") else np.asarray(x)


@op(method=True, tex=r"\operatorname{{relu}}({0})")
def relu(x):
    """``max(x, 0)``; derivative 1 where x > 0, 0 elsewhere, at 0 too."""
    return np.maximum(x, 0)


relu.defvjp(lambda g, y, _x: g * (y > 0)).broadcasting()
relu.defjvp(lambda x_dot, y, _x: x_dot * (y > 0))


@op(tex=r"\operatorname{{leakyrelu}}({0})", samples=[*UNARY, ((3,), {"negative_slope": 0.2})])
def leaky_relu(x, negative_slope=0.01):
    """x where x > 0, else ``negative_slope * x``; at 0 the derivative is ``negative_slope``."""
    return np.where(np.greater(x, 0), x, np.multiply(x, negative_slope))


def _leaky(g, _y, x, *, negative_slope):
    return np.where(x > 0, g, negative_slope * g)


leaky_relu.defvjp(_leaky).broadcasting()
leaky_relu.defjvp(_leaky)


@op(
    tex=r"\operatorname{{hardtanh}}({0})",
    samples=[*UNARY, ((4,), {"min_val": -0.5, "max_val": 1.5})],
)
def hardtanh(x, min_val=-1.0, max_val=1.0):
    """x held between two bounds; derivative 1 strictly between them, 0 at a bound (`clip` gives 1 there)."""
    return np.clip(x, min_val, max_val)


hardtanh.defderivative(lambda _y, x, *, min_val, max_val: (x > min_val) & (x < max_val))


@composite(tex=r"\operatorname{{relu6}}({0})", samples=UNARY)
def relu6(x):
    """``min(max(x, 0), 6)``; derivative 1 strictly inside, 0 at 0 and at 6."""
    return hardtanh(x, 0.0, 6.0)


@composite(tex=r"\operatorname{{hardsigmoid}}({0})", samples=[*UNARY, (np.array([-3.5, 1.0, 3.5]),)])
def hardsigmoid(x):
    """``x / 6 + 1/2`` held between 0 and 1; derivative 1/6 strictly between -3 and 3, 0 elsewhere."""
    return hardtanh(as_array(x) / 6 + 0.5, 0.0, 1.0)


@composite(tex=r"\operatorname{{hardswish}}({0})", samples=[*UNARY, (np.array([-3.5, 1.0, 3.5]),)])
def hardswish(x):
    """``x * hardsigmoid(x)``; derivative 0 at -3 and 1 at 3, those of the flat sides."""
    x = as_array(x)
    return x * hardsigmoid(x)


@op(tex=r"\operatorname{{elu}}({0})", samples=[((4,), {"alpha": 1.3, "scale": 1.1, "rate": 0.7})])
def _elu(x, *, alpha, scale, rate):
    return np.where(x > 0, scale * x, alpha * scale * np.expm1(rate * np.minimum(x, 0)))


_elu.defderivative(
    lambda _y, x, *, alpha, scale, rate: np.where(
        x > 0, scale, alpha * scale * rate * np.exp(rate * np.where(x > 0, 0, x))
    )
)


@composite(tex=r"\operatorname{{elu}}({0})", samples=[*UNARY, ((3,), {"alpha": 0.5})])
def elu(x, alpha=1.0):
    """x where x > 0, else ``alpha (e^x - 1)``; derivative 1 and ``alpha e^x``, alpha at 0."""
    return _elu(as_array(x), alpha=alpha, scale=1.0, rate=1.0)


# The fixed point of mean 0 and variance 1 for a standard normal input (Klambauer et al. 2017, equation 14).
SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805


@composite(tex=r"\operatorname{{selu}}({0})", samples=UNARY)
def selu(x):
    """``scale * elu(x, alpha)`` with the alpha and scale that keep mean 0 and variance 1."""
    return _elu(as_array(x), alpha=SELU_ALPHA, scale=SELU_SCALE, rate=1.0)


@composite(tex=r"\operatorname{{celu}}({0})", samples=[*UNARY, ((3,), {"alpha": 0.5})])
def celu(x, alpha=1.0):
    """x where x > 0, else ``alpha (e^(x / alpha) - 1)``; the derivative is 1 at 0 for every alpha."""
    return _elu(as_array(x), alpha=alpha, scale=1.0, rate=1 / alpha)


@op(method=True, tex=r"\sigma({0})")
def sigmoid(x):
    """Logistic function 1 / (1 + e^-x), also where e^-x is infinite; dy/dx = y (1 - y)."""
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(np.negative(x)))


sigmoid.defderivative(lambda y, _x: y * (1 - y))


@op(tex=r"\ln \sigma({0})")
def log_sigmoid(x):
    """``log(sigmoid(x)) = -log(1 + e^-x)``, without overflow; dy/dx = sigmoid(-x)."""
    return np.minimum(x, 0) - np.log1p(np.exp(-np.abs(x)))


log_sigmoid.defderivative(lambda _y, x: sigmoid(-x))


@composite(tex=r"\ln \sigma({0})", samples=UNARY)
def logsigmoid(x):
    """`log_sigmoid`, as torch.nn.functional spells it."""
    return log_sigmoid(x)


@op(
    tex=r"\operatorname{{softplus}}({0})",
    samples=[*UNARY, ((3,), {"beta": 2.5}), (np.array([-1.0, 0.5, 3.0]), {"threshold": 2.0})],
)
def softplus(x, beta=1.0, threshold=20.0):
    """``log(1 + e^(beta x)) / beta``, without overflow; dy/dx = sigmoid(beta x).

    Where ``beta x > threshold`` it is x and its derivative 1, as in torch: off by less than ``e^-threshold / beta``.
    """
    z = np.multiply(beta, x)
    return np.where(z > threshold, x, (np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))) / beta)


softplus.defderivative(lambda _y, x, *, beta, threshold: np.where(beta * x > threshold, 1, sigmoid(beta * x)))


@op(tex=r"\frac{{{0}}}{{1 + |{0}|}}")
def softsign(x):
    """``x / (1 + |x|)``; dy/dx = 1 / (1 + |x|)^2, of its own since the quotient rule cancels for large x."""
    return x / (1 + np.abs(x))


softsign.defderivative(lambda _y, x: 1 / np.square(1 + np.abs(x)))


@composite(tex=r"{0} \, \sigma({0})", samples=UNARY)
def silu(x):
    """``x * sigmoid(x)``, also called swish."""
    x = as_array(x)
    return x * sigmoid(x)


@composite(tex=r"{0} \tanh(\operatorname{{softplus}}({0}))", samples=UNARY)
def mish(x):
    """``x * tanh(softplus(x))``."""
    x = as_array(x)
    return x * np.tanh(softplus(x))


# H(t) = (x + k) / (2k) * e^(x^2/2) * P(N > x) for x >= 0, with t = (x - k) / (x + k) in [-1, 1) and k = 5, is smooth
# enough for one polynomial: its Chebyshev series, cut below 1e-17 (2e-8 for float32), written as powers of t.
_TAIL_K = 5.0
_TAIL = {
    "float64": (
        0.07691930497500629, -0.06653825028900576, 0.04953056159699805, -0.03135331566712172, 0.016502036617019517,
        -0.0069118638708741825, 0.0020795066803234036, -0.0002993376738935973, -7.978694277475297e-05,
        5.448988347568596e-05, -5.937558833377767e-06, -4.976178374018789e-06, 1.6680852719925394e-06,
        3.9779382623434265e-07, -2.7688787836720913e-07, -3.311028544331811e-08, 4.3347664285137565e-08,
        3.58445465608716e-09, -6.7416890518236034e-09, -5.027231930966982e-10, 9.275082241537343e-10,
        5.0592974879666955e-11, -7.854458583247657e-11,
    ),
    "float32": (
        0.0769193023, -0.0665382892, 0.0495308116, -0.0313524567, 0.0164998975, -0.00691673905, 0.00208617333,
        -0.000287930714, -8.90650626e-05, 4.25375292e-05,
    ),
}  # fmt: skip
_BLOCK = 16384  # elements that go through the polynomial together: the temporaries stay in cache


def _normal_cdf_block(x):
    z = np.minimum(np.abs(x), 40)  # beyond it the tail is 0
    u = 2 * _TAIL_K / (z + _TAIL_K)
    t = 1 - u
    first, *rest = reversed(_TAIL[x.dtype.name])
    tail = np.full_like(t, first)
    for c in rest:
        tail *= t
        tail += c
    tail *= u
    h = np.rint(32 * z) / 32
    tail *= np.exp(-0.5 * h * h)  # h * h is exact: the error of z * z would grow with z in the exponent
    tail *= np.exp(0.5 * (h - z) * (h + z))
    return np.where(x < 0, tail, 1 - tail)


@op(tex=r"\Phi({0})")
def _normal_cdf(x):
    """P(N <= x) for a standard normal N: ``erfc(-x / sqrt(2)) / 2``; dy/dx = e^(-x^2/2) / sqrt(2 pi).

    NumPy has no erf. Relative error below 1e-15 in float64 and 1e-6 in float32, in the lower tail too.
    """
    x = np.asarray(x)
    dtype = np.dtype(np.float64 if x.dtype.kind != "f" or x.dtype.itemsize > 4 else np.float32)
    flat = x.reshape(-1)
    y = np.empty(flat.shape, x.dtype if x.dtype.kind == "f" else dtype)
    for i in range(0, flat.size, _BLOCK):
        y[i : i + _BLOCK] = _normal_cdf_block(flat[i : i + _BLOCK].astype(dtype))
    return y.reshape(x.shape)


_normal_cdf.defderivative(lambda _y, x: np.exp(-0.5 * x * x) * (1 / float(np.sqrt(2 * np.pi))))

_GELU_RATE, _GELU_CUBIC = 2 * float(np.sqrt(2 / np.pi)), 0.044715  # Hendrycks and Gimpel 2016


@op(tex=r"\sigma(\sqrt{{8/\pi}} ({0} + 0.044715 \, {0}^3))")
def _normal_cdf_tanh(x):
    """(1 + tanh u) / 2 = sigmoid(2 u) with u = sqrt(2 / pi) (x + 0.044715 x^3), close to P(N <= x)."""
    with np.errstate(over="ignore"):  # in float16 the cube overflows beyond 40, to the right value
        return sigmoid(_GELU_RATE * (x + _GELU_CUBIC * (x * x * x)))


def _normal_cdf_tanh_derivative(y, x):
    s = y * (1 - y)
    return _GELU_RATE * (s + 3 * _GELU_CUBIC * (s * x) * x)  # in this order, 0 where x * x would be infinite


_normal_cdf_tanh.defderivative(_normal_cdf_tanh_derivative)


@composite(tex=r"{0} \, \Phi({0})", samples=[*UNARY, ((3,), {"approximate": "tanh"})])
def gelu(x, approximate="none"):
    """``x * P(N <= x)`` for a standard normal N: exact with "none", by the usual tanh formula with "tanh".

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_np as tg
    >>> tg.gelu(np.array([-1.0, 0.0, 1.0]))
    array([-0.15865525,  0.        ,  0.84134475])
    """
    x = as_array(x)
    if approximate not in ("none", "tanh"):
        raise ValueError(f"gelu: approximate is 'none' or 'tanh'; got {approximate!r}")
    return x * (_normal_cdf(x) if approximate == "none" else _normal_cdf_tanh(x))


AXES = [((3,),), ((2, 3),), ((2, 3), 0), ((2, 3, 2), 1), ((2, 1),)]


def shifted(x, axis):
    """``x - max(x)`` along an axis, float16 in float32; 0 at the maximum even if that is infinite.

    So equal infinities share equally: a row of -inf is a row of equal logits.
    """
    x = np.asarray(x)
    if x.dtype.kind != "f" or x.dtype.itemsize < 4:
        x = x.astype(np.float32 if x.dtype.kind == "f" else np.float64)
    top = np.maximum.reduce(x, axis=axis, keepdims=True, initial=-np.inf)
    if np.isfinite(top).all():
        return x - top
    return np.subtract(x, top, out=np.zeros_like(x), where=x != top)


def as_given(y, x):
    """``y`` in the dtype of ``x``, if that is a floating one."""
    dtype = getattr(x, "dtype", y.dtype)
    return y.astype(dtype, copy=False) if dtype.kind == "f" else y


@op(tex=r"\operatorname{{softmax}}({0})", samples=AXES)
def softmax(x, axis=-1):
    """``e^x / sum(e^x)`` along an axis; cotangent y (g - sum(g y)).

    Without overflow. A row of -inf, which torch and JAX turn into NaN, is a row of equal logits: 1 / n each.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_np as tg
    >>> tg.softmax(np.array([[1000.0, 1000.0], [0.0, -np.inf]]))
    array([[0.5, 0.5],
           [1. , 0. ]])
    """
    e = np.exp(shifted(x, axis))
    return as_given(e / np.add.reduce(e, axis=axis, keepdims=True), x)


def _softmax_product(g, y, _x, *, axis):
    """The Jacobian, diag(y) - y y^T, is symmetric: one formula for both directions."""
    return y * (g - np.sum(g * y, axis=axis, keepdims=True))


softmax.defvjp(_softmax_product)
softmax.defjvp(_softmax_product)


@op(tex=r"\ln \operatorname{{softmax}}({0})", samples=AXES)
def log_softmax(x, axis=-1):
    """``log(softmax(x))`` along an axis, without overflow or a logarithm of 0; cotangent g - e^y sum(g).

    A row of -inf is a row of equal logits: -log(n) each.
    """
    d = shifted(x, axis)
    return as_given(d - np.log(np.add.reduce(np.exp(d), axis=axis, keepdims=True)), x)


log_softmax.defvjp(lambda g, y, _x, *, axis: g - np.exp(y) * np.sum(g, axis=axis, keepdims=True))
log_softmax.defjvp(lambda x_dot, y, _x, *, axis: x_dot - np.sum(np.exp(y) * x_dot, axis=axis, keepdims=True))
