"""Ops that break a promise other than the formula: at special points, of a higher order, to the engine, to memory."""

from __future__ import annotations

import numpy as np
from checking.opkit.op_case import argument, collector
from checking.opkit.wrong_ops import GRADIENT, A, M, N, V, W

from tinygrad_np import Primitive, Tensor, elementwise, no_grad, primitive, sigmoid

WRONG, wrong = collector()


def array_of(x):
    """The mistake of many below: the array of a Tensor, and so the end of the tape."""
    return x.data if isinstance(x, Tensor) else np.asarray(x)


# Kinks, ties, special values


@wrong(np.array([-1.0, 0.0, 2.0]), by="kinks", says="kink|one-sided|between")
def relu_with_a_slope_of_one_and_a_half_at_0() -> Primitive:
    return elementwise(lambda x: np.maximum(x, 0), lambda _y, x: np.where(x == 0, 1.5, x > 0))


@wrong(np.array([-1.0, 0.0, 2.0]), by="kinks", says="kink|one-sided|between")
def modulus_with_a_slope_of_minus_2_at_0() -> Primitive:
    return elementwise(lambda x: np.abs(x), lambda _y, x: np.sign(x) - 2 * (x == 0))


@wrong(np.array([-1.0, 0.5, 1.0]), by="kinks", says="kink|one-sided|between", low=-1.0, high=1.0)
def clip_that_doubles_at_its_bounds() -> Primitive:
    op = primitive(lambda x, *, low, high: np.clip(x, low, high))
    return op.defderivative(lambda _y, x, *, low, high: (x >= low) * 1.0 * (x <= high) + (x == low) + (x == high))


@wrong(np.array([1.0, 1.0, 0.0]), by="ties", says="tie")
def largest_that_gives_every_tie_all() -> Primitive:
    return primitive(lambda x: np.max(x)).defvjp(lambda g, y, x: g * (x == y))


@wrong(np.array([[2.0, 1.0, 1.0, 1.0], [0.0, 3.0, 4.0, 0.0]]), by="ties", says="tie")
def smallest_that_gives_every_tie_a_half() -> Primitive:
    def rule(g, y, x):
        at = x == y[:, None]
        return g[:, None] * at * np.where(np.sum(at, axis=1, keepdims=True) > 1, 0.5, 1.0)

    return primitive(lambda x: np.min(x, axis=1)).defvjp(rule)


@wrong(np.array([2.0, 0.0, 3.0]), by=f"{GRADIENT} special", says="nan")
def product_whose_rule_divides() -> Primitive:
    return primitive(lambda x: np.prod(x)).defvjp(lambda g, y, x: g * y / x)


@wrong(np.array([1.0, 0.0, -2.0]), by=f"{GRADIENT} special", says="nan")
def sinc_without_a_guard_in_its_rule() -> Primitive:
    def sinc(x):
        return np.where(x == 0, 1.0, np.sin(x) / np.where(x == 0, 1.0, x))

    return elementwise(sinc, lambda y, x: (np.cos(x) - y) / x)


@wrong(np.array([-1.0, 0.5, 800.0]), by=f"{GRADIENT} special", says="nan|inf|large|huge|overflow")
def softplus_whose_rule_overflows() -> Primitive:
    return elementwise(lambda x: np.logaddexp(0, x), lambda _y, x: np.exp(x) / (1 + np.exp(x)))


@wrong(V, by="special", says="nan|inf|large|huge|overflow", verdict="warn")
def softplus_whose_rule_overflows_beyond_the_samples() -> Primitive:
    return elementwise(lambda x: np.logaddexp(0, x), lambda _y, x: np.exp(x) / (1 + np.exp(x)))


@wrong(np.array([1e-9, -3e-9, 2e-8]), by=f"{GRADIENT} special", says=argument(0, "x"))
def versine_whose_rule_cancels_near_0() -> Primitive:
    op = primitive(lambda x: 2 * np.sin(x / 2) ** 2)
    return op.defvjp(lambda g, _y, x: g * (1 - np.cos(x)) / np.tan(x / 2))


@wrong(np.array([0.3, -1.2, 4.0]), by=GRADIENT, says="mask|0 at|args\\[0\\]")
def tanh_cut_off_where_it_saturates() -> Primitive:
    return elementwise(lambda x: np.tanh(x), lambda y, x: np.where(np.abs(x) > 3, 0.0, 1 - y * y))


@wrong(V, by=GRADIENT, says=argument(0, "x"))
def rule_that_branches_on_the_values() -> Primitive:
    return primitive(lambda x: np.where(x > 0, x, 0.1 * x)).defvjp(lambda g, _y, x: g if np.all(x > 0) else 0.1 * g)


@wrong(V, by=GRADIENT, says=argument(0, "x"))
def cosine_in_half_the_digits() -> Primitive:
    return elementwise(lambda x: np.sin(x), lambda _y, x: np.cos(x).astype(np.float32).astype(np.float64))


# Sizes


@wrong(np.array(0.7), by=f"shapes {GRADIENT}", says="shape|0-d")
def zero_axes_become_one() -> Primitive:
    return primitive(lambda x: np.sin(x)).defvjp(lambda g, _y, x: g * np.atleast_1d(np.cos(x)))


@wrong(M, by="shapes", says="size 1|\\(1, ")
def axes_of_size_1_are_squeezed_away() -> Primitive:
    return primitive(lambda x: np.sum(x * x, axis=1)).defvjp(lambda g, _y, x: 2 * x * np.squeeze(g)[:, None])


@wrong(M, by="shapes", says="size 0|empty|\\(0, ")
def nothing_cannot_be_reshaped() -> Primitive:
    def rule(g, _y, x):
        rows = len(x)
        return np.reshape(2 * g.reshape(rows, -1) * x.reshape(rows, -1), x.shape)

    return primitive(lambda x: x * x).defvjp(rule)


@wrong(V, by=GRADIENT, says=("shape", argument(0, "x")))
def gradient_in_the_shape_of_a_column() -> Primitive:
    return primitive(lambda x: x * x).defvjp(lambda g, _y, x: (2 * g * x)[:, None])


# Second order, and forward mode


@wrong(V, by="second", says="second|order 2|hessian")
def sine_whose_rule_leaves_the_tape() -> Primitive:
    return primitive(lambda x: np.sin(x)).defvjp(lambda g, _y, x: g * np.cos(array_of(x)))


@wrong(V, by="second", says="second|order 2|hessian")
def exponential_whose_rule_reads_the_array_of_its_output() -> Primitive:
    return primitive(lambda x: np.exp(x)).defvjp(lambda g, y, _x: g * array_of(y))


@wrong(V, by="second", says="second|order 2|hessian")
def cube_whose_rule_is_not_recorded() -> Primitive:
    def rule(g, _y, x):
        with no_grad():
            slope = 3 * x**2
        return g * slope

    return primitive(lambda x: x**3).defvjp(rule)


@wrong(V, by="second", says="second|order 2|hessian")
def sine_that_asks_for_arrays() -> Primitive:
    return primitive(lambda x: np.sin(x)).defvjp(lambda g, _y, x: g * np.cos(np.asarray(x)))


@wrong(V, by="second", says="second|order 2|hessian")
def sine_whose_derivative_is_wrong_in_its_turn() -> Primitive:
    cosine = elementwise(lambda x: np.cos(x), lambda _y, x: np.sin(x), name="cosine")
    return elementwise(lambda x: np.sin(x), lambda _y, x: cosine(x))


@wrong(V, by="jvp", says=("forward|jvp|tangent", "factor 2"))
def jvp_with_the_2_twice() -> Primitive:
    return primitive(lambda x: x * x).defvjp(lambda g, _y, x: 2 * g * x).defjvp(lambda x_dot, _y, x: 4 * x_dot * x)


@wrong(V, W, by="jvp", says=argument(1, "b"))
def jvp_missing_for_the_second() -> Primitive:
    op = primitive(lambda a, b: a * b).defvjp(lambda g, _y, _a, b: g * b, lambda g, _y, a, _b: g * a)
    return op.defjvp(lambda a_dot, _y, _a, b: a_dot * b, None)


@wrong(V, by="jvp", says="forward|jvp|tangent|linear")
def affine_declared_linear() -> Primitive:
    return primitive(lambda x: 3 * x + 1).defvjp(lambda g, _y, _x: 3 * g, linear=True)


@wrong(V, W, by="jvp", says=("forward|jvp|tangent|linear", argument(1, "b")))
def quadratic_in_the_second_declared_linear_in_each() -> Primitive:
    return primitive(lambda a, b: a * b * b).defvjp(
        lambda g, _y, _a, b: g * b * b, lambda g, _y, a, b: 2 * g * a * b, linear="each"
    )


# A vjp is linear in its cotangent


@wrong(V, by="linear", says="linear|zero")
def vjp_that_adds_a_constant() -> Primitive:
    return primitive(lambda x: x * x).defvjp(lambda g, _y, x: 2 * g * x + 1e-3)


@wrong(V, by="linear", says="linear|scale")
def vjp_that_squares_its_cotangent() -> Primitive:
    return primitive(lambda x: x * x).defvjp(lambda g, _y, x: 2 * g * g * x)


@wrong(V, by="linear", says="linear|scale")
def vjp_that_clips_its_cotangent() -> Primitive:
    return primitive(lambda x: x * x).defvjp(lambda g, _y, x: 2 * np.clip(g, -1, 1) * x)


@wrong(V, by="linear", says="linear|additiv|sum")
def vjp_that_keeps_the_largest_only() -> Primitive:
    op = primitive(lambda x: x * x)
    return op.defvjp(lambda g, _y, x: np.where(np.abs(g) == np.max(np.abs(g)), 2 * g * x, 0))


@wrong(V, by="linear", says="zero|nan")
def vjp_that_divides_by_its_cotangent() -> Primitive:
    def rule(g, _y, x):
        scale = np.sqrt(np.sum(g * g))
        return scale * (g / scale * 2 * x)

    return primitive(lambda x: x * x).defvjp(rule)


# Forward against its reference


@wrong(np.array([-1.0, 2.0, 6.0]), by="reference", says="reference", reference=lambda x: np.logaddexp(0, x))
def softplus_straight_too_early() -> Primitive:
    return elementwise(
        lambda x: np.where(x > 5, x, np.log1p(np.exp(np.minimum(x, 5)))),
        lambda _y, x: np.where(x > 5, 1.0, sigmoid(x)),
    )


@wrong(np.array([1.0, 1000.0]), by="reference", says="reference|inf", reference=lambda x: np.logaddexp.reduce(x))
def log_sum_exp_that_overflows() -> Primitive:
    return primitive(lambda x: np.log(np.sum(np.exp(x)))).defvjp(lambda g, y, x: g * np.exp(x - y))


@wrong(V, by="reference", says="reference", reference=lambda x: np.var(x, ddof=1))
def variance_of_another_convention() -> Primitive:
    return primitive(lambda x: np.var(x)).defvjp(lambda g, _y, x: 2 * g * (x - np.mean(x)) / x.size)


# Memory, state, chance


@wrong(V, by="inputs", says=("chang|in place", argument(0, "x")))
def exponential_that_shifts_its_input() -> Primitive:
    def forward(x):
        x -= 1.0
        return np.exp(x)

    return primitive(forward, name="shifted").defvjp(lambda g, y, _x: g * y)


@wrong(V, by="inputs", says="chang|in place")
def rule_that_scales_its_input() -> Primitive:
    def rule(g, _y, x):
        x *= 2.0
        return g * x

    return primitive(lambda x: x * x).defvjp(rule)


@wrong(V, by="inputs", says=("chang|in place", r"\bg\b|cotangent"))
def rule_that_scales_its_cotangent() -> Primitive:
    def rule(g, _y, x):
        g *= 2 * x
        return g

    return primitive(lambda x: x * x).defvjp(rule)


@wrong(V, by="inputs layouts", says="read-only|readonly")
def input_changed_and_put_back() -> Primitive:
    def forward(x):
        x *= 2.0
        y = np.square(x)
        x /= 2.0
        return y

    return primitive(forward, name="doubled").defvjp(lambda g, _y, x: 8 * g * x)


@wrong(V, by="alias", says="alias|shar|view|memory")
def reversal_that_is_a_view_and_does_not_say_so() -> Primitive:
    return primitive(lambda x: x[::-1]).defvjp(lambda g, _y, _x: g[::-1])


@wrong(V, by="alias determinism", says="alias|shar|memory|buffer|same array|earlier|changed")
def result_in_a_buffer_used_again() -> Primitive:
    buffers = {}

    def forward(x):
        x = np.asarray(x)
        return np.sin(x, out=buffers.setdefault((x.shape, x.dtype), np.empty_like(x)))

    return primitive(forward, name="sine").defvjp(lambda g, _y, x: g * np.cos(x))


@wrong(V, by="state threads determinism", says="state|thread|another call|earlier|last|differ", thorough=True)
def rule_that_remembers_the_last_forward() -> Primitive:
    last = {}

    def forward(x):
        last["x"] = x
        return x * x

    return primitive(forward, name="square").defvjp(lambda g, _y, _x: 2 * g * last["x"])


@wrong(V, by="determinism", says="determin|differ|call to call|random")
def rule_with_noise() -> Primitive:
    noise = np.random.default_rng(0)
    return primitive(lambda x: x * x).defvjp(lambda g, _y, x: 2 * g * x * (1 + 1e-3 * noise.normal(size=x.shape)))


@wrong(V, by="determinism", says="determin|differ|call to call|random")
def forward_with_dice() -> Primitive:
    dice = np.random.default_rng(0)
    return primitive(lambda x: x * (dice.uniform(size=np.shape(x)) < 0.5)).defvjp(lambda g, y, x: g * y / x)


# dtypes, layouts, what is kept


@wrong(V.astype(np.float32), by="dtypes", says="float64")
def half_of_a_float32_in_float64() -> Primitive:
    return primitive(lambda x: x * np.full(1, 0.5)).defvjp(lambda g, _y, _x: 0.5 * g)


@wrong(V, by="dtypes", says="float32", verdict="warn")
def everything_in_float64() -> Primitive:
    return primitive(lambda x: np.asarray(x, np.float64) ** 2).defvjp(lambda g, _y, x: 2 * g * x)


@wrong(V, by="dtypes", says="int", verdict="warn")
def halves_of_integers_cut_off() -> Primitive:
    def forward(x):
        y = np.empty_like(x)
        y[...] = x / 2
        return y

    return primitive(forward, name="half").defvjp(lambda g, _y, _x: g / 2)


@wrong(M, by="layouts", says="fortran|contiguous|layout|order")
def running_sum_in_the_order_of_memory() -> Primitive:
    op = primitive(lambda x: np.cumsum(x.ravel(order="K")))
    return op.defvjp(lambda g, _y, x: np.cumsum(g[::-1])[::-1].reshape(x.shape))


@wrong(M, N, by="saved", says="kept|keep|save|bytes", verdict="warn")
def sum_that_keeps_what_it_does_not_need() -> Primitive:
    return primitive(lambda a, b: a + b).defvjp(lambda g, y, a, b: g, lambda g, y, a, b: g)


# Rules that are not there, or not rules


@wrong(V, by=f"rules {GRADIENT}", says="no gradient rule|defvjp")
def op_without_any_rule() -> Primitive:
    return primitive(lambda x: x * x, name="bare")


@wrong(V, W, by="rules traced numeric", says=argument(1, "b"), verdict="warn")
def product_declared_constant_in_its_second() -> Primitive:
    return primitive(lambda a, b: a * b).defvjp(lambda g, _y, _a, b: g * b, None)


@wrong(V, by=f"rules {GRADIENT}", says="None")
def rule_that_forgets_to_return() -> Primitive:
    def rule(g, _y, x):
        2 * g * x  # the mistake

    return primitive(lambda x: x * x).defvjp(rule)


@wrong(V, by=f"rules {GRADIENT}", says="underscore")
def rule_that_uses_what_it_says_it_does_not_need() -> Primitive:
    return primitive(lambda x: x * x).defvjp(lambda g, _y, _x: 2 * g * _x)


@wrong(A, by=f"rules {GRADIENT}", says="shape|broadcast")
def rule_that_raises() -> Primitive:
    return primitive(lambda a: a[:2] @ a).defvjp(lambda g, _y, a: g @ a + a[:2].T @ g)
