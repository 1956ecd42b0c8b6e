"""More wrong ops, in other styles: memory, state, several outputs, parameters, ends of axes, special places."""

from __future__ import annotations

import numpy as np
from checking.opkit.op_case import argument, collector

from tinygrad_np import Primitive, Tensor, elementwise, primitive, sigmoid, softmax

WRONG, wrong = collector()

rng = np.random.default_rng(2)
V, W = rng.normal(size=(2, 5))
M, N = rng.normal(size=(2, 3, 4))
S = rng.normal(size=(4, 4))
Z = V + 1j * W
GRADIENT = "rules traced numeric"


def plain(x):
    return x.data if isinstance(x, Tensor) else x


# Wrong: memory and state


@wrong(M, by="layouts", says="cotangent g|order|stride")
def triple_that_reads_g_by_its_buffer() -> Primitive:
    def rule(g, _y, x):
        numbers = g.ravel(order="A") if isinstance(g, np.ndarray) else g.reshape(-1)
        return 3 * numbers.reshape(x.shape)

    return primitive(lambda x: 3 * x, name="triple").defvjp(rule)


@wrong(V, by="layouts inputs", says="read-only|writes|in place")
def doubled_cotangent_in_its_own_place() -> Primitive:
    def rule(g, _y, _x):
        if isinstance(g, np.ndarray):
            g *= 2
            return g
        return 2 * g

    return primitive(lambda x: 2 * x, name="double").defvjp(rule)


@wrong(V, by="alias determinism", says="buffer|memory")
def cube_with_one_buffer_for_its_cotangent() -> Primitive:
    held = np.empty(64)

    def rule(g, _y, x):
        if isinstance(g, Tensor) or isinstance(x, Tensor) or np.size(x) > 64:
            return 3 * g * x * x
        out = held[: np.size(x)].reshape(np.shape(x))
        out[...] = 3 * g * x * x
        return out

    return primitive(lambda x: x**3, name="cube").defvjp(rule)


@wrong(V, by="determinism", says="keeps state|another call")
def scaled_by_what_was_largest_last() -> Primitive:
    class Scaled:
        largest = 1.0

        def forward(self, x):
            self.largest = float(np.max(np.abs(plain(x)), initial=0)) or 1.0
            return x * 2

        def rule(self, g, _y, _x):
            return 2 * g * self.largest / self.largest if self.largest < 1.9 else 2 * g + 0.1 * g

    op = Scaled()
    return primitive(lambda x: op.forward(x), name="scaled").defvjp(lambda g, y, x: op.rule(g, y, x))


# Wrong: dtypes


@wrong(Z.astype(np.complex64), by="dtypes", says="complex128")
def half_turn_in_long_complex_numbers() -> Primitive:
    return elementwise(lambda z: z * np.array([1j]), lambda _y, _z: 1j, name="turn")


@wrong(V.astype(np.float32), by="dtypes", says="float64")
def mean_removed_in_double() -> Primitive:
    return primitive(lambda x: x - np.asarray(plain(x), float).mean() * np.ones(1), name="centred").defvjp(
        lambda g, _y, _x: g
    )


# Wrong: several outputs


@wrong(V, by=GRADIENT, says="cotangent of output 0 is not used")
def sine_and_cosine_with_one_forgotten() -> Primitive:
    return primitive(lambda x: (np.sin(x), np.cos(x)), name="circle").defvjp(lambda g, y, _x: -g[1] * y[0])


@wrong(V, W, by=GRADIENT, says="outputs 0 and 1 are exchanged")
def sum_and_difference_exchanged() -> Primitive:
    return primitive(lambda a, b: (a + 2 * b, a - b), name="butterfly").defvjp(
        lambda g, _y, _a, _b: g[0] + g[1], lambda g, _y, _a, _b: 2 * g[1] - g[0]
    )


@wrong(V, by=GRADIENT, says="cotangent of output 1 has the wrong sign")
def parts_with_a_sign() -> Primitive:
    op = primitive(lambda x: (np.maximum(x, 0), np.maximum(-x, 0)), name="parts")
    return op.defvjp(lambda g, _y, x: g[0] * (x > 0) + g[1] * (x < 0))


# Wrong: parameters


@wrong(V, by=GRADIENT, says="slope leaves|leaves slope out", slope=0.3)
def leaky_relu_with_its_usual_slope() -> Primitive:
    op = primitive(lambda x, *, slope=0.01: np.where(x > 0, x, slope * x), name="leaky")
    return op.defderivative(lambda _y, x, *, slope: np.where(x > 0, 1.0, 0.01))


@wrong(M, by=GRADIENT, says="temperature", temperature=2.5)
def softmax_that_forgets_its_temperature() -> Primitive:
    op = primitive(lambda x, *, temperature=1.0: softmax(x / temperature, axis=1), name="heated")
    return op.defvjp(lambda g, y, _x, *, temperature: y * (g - np.sum(g * y, axis=1, keepdims=True)))


@wrong(V, by=GRADIENT, says="exponent", exponent=3)
def power_with_two_in_its_rule() -> Primitive:
    return primitive(lambda x, *, exponent=2: x**exponent, name="power").defderivative(lambda _y, x, *, exponent: 2 * x)


# Wrong: axes and ends


@wrong(M, by=GRADIENT, says="wrong end|reverse")
def running_sum_for_its_reverse() -> Primitive:
    return primitive(lambda x: np.cumsum(x, axis=1), name="running").defvjp(lambda g, _y, _x: np.cumsum(g, axis=1))


@wrong(S, S[0], by=GRADIENT, says="other axis|transposed")
def bias_of_a_square_layer_along_its_rows() -> Primitive:
    return primitive(lambda x, b: x + b, name="biased").defvjp(
        lambda g, _y, _x, _b: g, lambda g, _y, _x, _b: np.sum(g, axis=-1)
    )


@wrong(M, by=GRADIENT, says="one of two paths")
def products_of_rows_by_one_side() -> Primitive:
    return primitive(lambda x: x @ x.T, name="gram").defvjp(lambda g, _y, x: g @ x)


@wrong(S, by=GRADIENT, says="transpose")
def symmetric_part_by_half() -> Primitive:
    return primitive(lambda x: (x + x.T) / 2, name="sym").defvjp(lambda g, _y, _x: g / 2)


@wrong(V, by=GRADIENT, says="first|last")
def smoothing_wrong_at_its_ends() -> Primitive:
    matrix = np.eye(5) / 2 + np.eye(5, k=1) / 4 + np.eye(5, k=-1) / 4

    def rule(g, _y, _x):
        back = matrix.T @ g
        return np.concatenate([2 * back[:1], back[1:]])

    return primitive(lambda x: matrix @ x, name="smooth").defvjp(rule)


@wrong(np.array([3.0, 1.0, 2.0, 0.5]), by=GRADIENT, says="wrong places|undone")
def ranking_undone_by_itself() -> Primitive:
    return primitive(lambda x: np.sort(x), name="sorted").defvjp(lambda g, _y, x: g[np.argsort(plain(x))])


# Wrong: formulas


@wrong(np.abs(V) + 0.5, by=GRADIENT, says=r"off by the factor")
def log_of_one_plus_without_the_one() -> Primitive:
    return elementwise(lambda x: np.log(1 + x), lambda _y, x: 1 / x, domain=(0.2, 3.0))


@wrong(V, by=GRADIENT, says="off by the factor")
def tanh_from_the_formula_of_the_sigmoid() -> Primitive:
    return elementwise(lambda x: np.tanh(x), lambda y, _x: 1 - y)


@wrong(V, by=GRADIENT, says="float32|digits")
def tangent_through_short_numbers() -> Primitive:
    return elementwise(lambda x: np.arctan(x), lambda _y, x: (1 / (1 + x.astype(np.float32) ** 2)).astype(float))


@wrong(V, by=GRADIENT, says="factor 0.99|% of")
def gaussian_with_pi_as_people_say_it() -> Primitive:
    return elementwise(lambda x: np.exp(-np.pi * x * x), lambda y, x: -2 * 3.14 * x * y)


@wrong(np.array([0.0, 1.5, -2.0]), by=GRADIENT, says="NaN where x is 0")
def modulus_that_divides() -> Primitive:
    return elementwise(lambda x: np.abs(x) ** 3, lambda y, x: 3 * y / x)


@wrong(np.array([900.0, 1.0, -1.0]), by=GRADIENT, says="NaN where x is large")
def tanh_by_exponentials() -> Primitive:
    def slope(_y, x):
        return 4 * np.exp(2 * x) / (np.exp(2 * x) + 1) ** 2

    return elementwise(lambda x: np.tanh(x), slope)


@wrong(V, by=GRADIENT, says="wrong just where x > 0|x > 0")
def swish_on_one_side() -> Primitive:
    return elementwise(
        lambda x: x * sigmoid(x),
        lambda _y, x: np.where(x > 0, sigmoid(x), sigmoid(x) * (1 + x * (1 - sigmoid(x)))),
    )


@wrong(M, by=GRADIENT, says=argument(0, "x"))
def variance_by_the_mean_of_squares_alone() -> Primitive:
    op = primitive(lambda x: np.mean(x * x, axis=0) - np.mean(x, axis=0) ** 2, name="variance")
    return op.defvjp(lambda g, _y, x: 2 * g * x / x.shape[0])


@wrong(V, W, by=GRADIENT, says=argument(1, "b"))
def quotient_without_its_square() -> Primitive:
    return elementwise(lambda a, b: a / b, lambda _y, _a, b: 1 / b, lambda _y, a, b: -a / b)


@wrong(M, S, by=GRADIENT, says=argument(1, "w"))
def layer_whose_weights_forget_the_slope() -> Primitive:
    return primitive(lambda x, w: np.tanh(x @ w), name="layer").defvjp(
        lambda g, y, _x, w: (g * (1 - y * y)) @ w.T, lambda g, _y, x, _w: x.T @ g
    )


@wrong(V, by="jvp", says="jvp")
def sine_whose_tangent_has_a_sign() -> Primitive:
    op = primitive(lambda x: np.sin(x), name="sine").defvjp(lambda g, _y, x: g * np.cos(x))
    return op.defjvp(lambda x_dot, _y, x: -x_dot * np.cos(x))


@wrong(V, by="second", says="derivative|Tensors|order")
def exponential_from_a_frozen_output() -> Primitive:
    return primitive(lambda x: np.exp(x), name="exp2nd").defvjp(lambda g, y, _x: g * plain(y))


# Wrong: special places


@wrong(np.array([1.0, -0.5]), np.array([1.0, 2.0]), by="ties", says="more than once")
def smaller_of_two_that_gives_both_all() -> Primitive:
    return elementwise(lambda a, b: np.minimum(a, b), lambda _y, a, b: a <= b, lambda _y, a, b: b <= a)


@wrong(V, by="ties", says="more than once")
def spread_that_counts_its_extremes_again() -> Primitive:
    op = primitive(lambda x: np.max(x) - np.min(x), name="spread")
    return op.defvjp(lambda g, _y, x: g * ((x == np.max(x)) * 1.0 - 2.0 * (x == np.min(x)) + (x == np.min(x))))


@wrong(np.array([-1.0, 0.7, 1.2]), by="special", says="nan")
def square_that_divides_at_0() -> Primitive:
    return elementwise(lambda x: x * x, lambda y, x: 2 * y / x)


@wrong(V, W, by="special", says="too large", verdict="warn")
def length_whose_rule_squares() -> Primitive:
    return elementwise(
        lambda a, b: np.hypot(a, b),
        lambda _y, a, b: a / np.sqrt(a**2 + b**2),
        lambda _y, a, b: b / np.sqrt(a**2 + b**2),
    )


@wrong(np.array([-0.5, 0.5, 2.0]), by="kinks", says="kink|one-sided", at=0.5)
def hinge_that_doubles_at_its_corner() -> Primitive:
    op = primitive(lambda x, *, at: np.maximum(x - at, 0), name="hinge")
    return op.defderivative(lambda _y, x, *, at: (x > at) * 1.0 + 2.0 * (x == at))
