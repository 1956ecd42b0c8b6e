"""Ops whose rule is wrong as mathematics: what people get wrong when they derive a gradient by hand."""

from __future__ import annotations

import math

import numpy as np
from checking.opkit.op_case import argument, collector

from tinygrad_np import Primitive, elementwise, primitive, sigmoid, softmax

WRONG, wrong = collector()

rng = np.random.default_rng(3)
V, W = rng.normal(size=(2, 5))
M, N = rng.normal(size=(2, 3, 4))
A, B = rng.normal(size=(2, 3, 3)) + 3 * np.eye(3)  # well conditioned
Z = V[:3] + 1j * W[:3]
GRADIENT = "traced numeric"  # the checks that hold a vjp against something else
gaussian = np.vectorize(lambda x: 0.5 * (1 + math.erf(x / math.sqrt(2))), otypes=[float])


# Factors and signs


@wrong(V, by=GRADIENT, says="factor 1/2")
def square_without_its_2() -> Primitive:
    return primitive(lambda x: x * x).defvjp(lambda g, _y, x: g * x)


@wrong(M, by=GRADIENT, says="factor 2")
def energy_with_the_2_twice() -> Primitive:
    return primitive(lambda x: np.sum(x * x)).defvjp(lambda g, _y, x: 4 * g * x)


@wrong(M, by=GRADIENT, says="factor 4")
def mean_without_its_n() -> Primitive:
    return primitive(lambda x: np.mean(x, axis=1)).defvjp(lambda g, _y, x: g[:, None] * np.ones_like(x))


@wrong(M, N, by=GRADIENT, says="factor 4")
def squared_error_divided_by_the_rows() -> Primitive:
    op = primitive(lambda prediction, target: np.mean((prediction - target) ** 2))
    return op.defvjp(
        lambda g, _y, p, t: 2 * g * (p - t) / len(p),
        lambda g, _y, p, t: 2 * g * (t - p) / len(p),
    )


@wrong(V, by=GRADIENT, says="factor 4/5")
def variance_with_n_for_n_minus_1() -> Primitive:
    op = primitive(lambda x: np.var(x, ddof=1))
    return op.defvjp(lambda g, _y, x: 2 * g * (x - np.mean(x)) / x.size)


@wrong(V, by=GRADIENT, says="sign")
def cosine_with_the_sign_of_sine() -> Primitive:
    return elementwise(np.cos, lambda _y, x: np.sin(x))


@wrong(V, by=GRADIENT, says="1.0005")
def sine_off_by_a_twentieth_of_a_percent() -> Primitive:
    return elementwise(lambda x: np.sin(x), lambda _y, x: 1.0005 * np.cos(x))


@wrong(V, by=GRADIENT, says=argument(0, "x"))
def normal_activation_with_the_derivative_of_its_approximation() -> Primitive:
    def derivative(_y, x):
        u = np.tanh(0.7978845608 * (x + 0.044715 * x**3))
        return 0.5 * (1 + u) + 0.5 * x * (1 - u * u) * 0.7978845608 * (1 + 3 * 0.044715 * x * x)

    return elementwise(lambda x: (x * gaussian(x)).astype(np.result_type(x)), derivative)


@wrong(V, V > 0, by=GRADIENT, says="factor 4/5", keep=0.8)
def dropout_without_its_scale() -> Primitive:
    op = primitive(lambda x, mask, *, keep: x * mask / keep)
    return op.defvjp(lambda g, _y, _x, mask, *, keep: g * mask, None)


@wrong(V, by=GRADIENT, says=argument(0, "x"))
def arcus_sine_without_the_root() -> Primitive:
    return elementwise(lambda x: np.arcsin(x / 4), lambda _y, x: 0.25 / (1 - (x / 4) ** 2))


# Transposed, or of another operand


@wrong(V[:3], A, W[:3], by=GRADIENT, says=("transposed", argument(1, "matrix")))
def bilinear_form_with_its_outer_product_turned() -> Primitive:
    return primitive(lambda x, matrix, y: x @ matrix @ y).defvjp(
        lambda g, _out, _x, m, y: g * (m @ y),
        lambda g, _out, x, _m, y: g * np.outer(y, x),
        lambda g, _out, x, m, _y: g * (m.T @ x),
    )


@wrong(A, B, by=GRADIENT, says=("transposed", argument(1, "b")))
def square_matrix_product_turned() -> Primitive:
    return primitive(lambda a, b: a @ b).defvjp(lambda g, _y, _a, b: g @ b.T, lambda g, _y, a, _b: g.T @ a)


@wrong(A, by=GRADIENT, says="transposed")
def determinant_without_the_transpose() -> Primitive:
    return primitive(lambda a: np.linalg.det(a)).defvjp(lambda g, y, a: g * y * np.linalg.inv(a))


@wrong(A, by=GRADIENT, says=argument(0, "a"))
def inverse_without_the_transposes() -> Primitive:
    return primitive(lambda a: np.linalg.inv(a)).defvjp(lambda g, y, _a: -(y @ g @ y))


@wrong(A, V[:3], by=GRADIENT, says=("sign", argument(0, "a")))
def solution_without_the_minus_of_the_matrix() -> Primitive:
    return primitive(lambda a, b: np.linalg.solve(a, b)).defvjp(
        lambda g, y, a, _b: np.outer(np.linalg.solve(a.T, g), y),
        lambda g, _y, a, _b: np.linalg.solve(a.T, g),
    )


@wrong(M, N, by=GRADIENT, says=argument(0, "a"))
def product_with_the_same_operand_again() -> Primitive:
    return elementwise(lambda a, b: a * b, lambda _y, a, _b: a, lambda _y, a, _b: a)


@wrong(V, W, by=GRADIENT, says=argument(1, "divisor"))
def quotient_with_its_rules_swapped() -> Primitive:
    return elementwise(lambda x, divisor: x / divisor, lambda y, _x, d: -y / d, lambda _y, _x, d: 1 / d)


@wrong(V, by=GRADIENT, says=argument(0, "x"))
def softplus_with_the_derivative_at_the_output() -> Primitive:
    return elementwise(lambda x: np.logaddexp(0, x), lambda y, _x: sigmoid(y))


# Broadcasting


@wrong(M, V[:4], by=GRADIENT, says=("axis 0|axes \\(0,\\)", argument(1, "bias")))
def bias_not_summed() -> Primitive:
    return primitive(lambda x, bias: x + bias).defvjp(lambda g, _y, _x, _b: g, lambda g, _y, _x, _b: g)


@wrong(M, V[:4], by=GRADIENT, says=("factor 1/3", argument(1, "bias")))
def bias_averaged() -> Primitive:
    op = primitive(lambda x, bias: x + bias)
    return op.defvjp(lambda g, _y, _x, _b: g, lambda g, _y, _x, _b: np.mean(g, axis=0))


@wrong(M, V[:4], by=GRADIENT, says=("sum", argument(1, "bias")))
def bias_summed_over_all() -> Primitive:
    op = primitive(lambda x, bias: x + bias)
    return op.defvjp(lambda g, _y, _x, _b: g, lambda g, _y, _x, b: np.sum(g) * np.ones(b.shape))


@wrong(M, V[:3, None], by=GRADIENT, says=("axis 1|axes \\(1,\\)", argument(1, "scale")))
def scale_of_a_column_not_summed() -> Primitive:
    return primitive(lambda x, scale: x * scale).defvjp(
        lambda g, _y, _x, s: g * s,
        lambda g, _y, x, s: np.sum(g * x, axis=tuple(range(g.ndim - s.ndim))),
    )


@wrong(M, V[:4], by=GRADIENT, says=("factor 3", argument(1, "bias")))
def bias_summed_by_the_rule_and_by_the_engine() -> Primitive:
    op = primitive(lambda x, bias: x + bias).broadcasting()
    return op.defvjp(lambda g, _y, _x, _b: g, lambda g, _y, x, b: np.sum(g, axis=0) + np.zeros(x.shape))


@wrong(M, N, by="broadcasting", says="broadcast|shape", verdict="warn")
def product_right_for_equal_shapes_only() -> Primitive:
    return primitive(lambda a, b: a * b).defvjp(lambda g, _y, _a, b: g * b, lambda g, _y, a, _b: g * a)


# Masks and activations


@wrong(V, by=GRADIENT, says="mask")
def relu_without_its_mask() -> Primitive:
    return primitive(lambda x: np.maximum(x, 0)).defvjp(lambda g, _y, _x: g)


@wrong(V, by=GRADIENT, says="mask")
def relu_with_its_mask_inverted() -> Primitive:
    return elementwise(lambda x: np.maximum(x, 0), lambda _y, x: x < 0)


@wrong(V, W, by=GRADIENT, says=argument(0, "x"))
def gate_with_the_mask_of_the_other_array() -> Primitive:
    op = primitive(lambda x, gate: np.where(gate > 0, x, 0))
    return op.defvjp(lambda g, _y, x, _gate: np.where(x > 0, g, 0), None)


@wrong(A, V[:3], by=GRADIENT, says=("mask", argument(0, "matrix")))
def lower_triangle_without_its_mask() -> Primitive:
    return primitive(lambda matrix, x: np.tril(matrix) @ x).defvjp(
        lambda g, _y, _m, x: np.outer(g, x),
        lambda g, _y, m, _x: np.tril(m).T @ g,
    )


@wrong(2 * V, by=GRADIENT, says="mask|0 at", low=-2.0, high=2.0)
def clip_that_masks_too_much() -> Primitive:
    op = primitive(lambda x, *, low, high: np.clip(x, low, high))
    return op.defvjp(lambda g, _y, x, *, low, high: np.where((x > low / 2) & (x < high / 2), g, 0))


@wrong(V, by=GRADIENT, says=argument(0, "x"))
def sigmoid_with_its_derivative_at_the_input() -> Primitive:
    return elementwise(lambda x: 1 / (1 + np.exp(-x)), lambda _y, x: x * (1 - x))


@wrong(V, by=GRADIENT, says=argument(0, "x"))
def tanh_without_the_square() -> Primitive:
    return elementwise(lambda x: np.tanh(x), lambda y, _x: 1 - y)


@wrong(M, by=GRADIENT, says=argument(0, "x"))
def softmax_as_if_elementwise() -> Primitive:
    return primitive(lambda x: softmax(x, axis=-1)).defvjp(lambda g, y, _x: g * y * (1 - y))


# Paths, indices, scattering


def _standardised(x, axis):
    return (x - np.mean(x, axis=axis, keepdims=True)) / np.std(x, axis=axis, keepdims=True)


@wrong(M, by=GRADIENT, says=argument(0, "x"))
def layer_norm_without_the_path_of_the_deviation() -> Primitive:
    def rule(g, _y, x):
        return (g - np.mean(g, axis=1, keepdims=True)) / np.std(x, axis=1, keepdims=True)

    return primitive(lambda x: _standardised(x, 1)).defvjp(rule)


@wrong(M, by=GRADIENT, says=argument(0, "x"))
def batch_norm_without_the_path_of_the_mean() -> Primitive:
    def rule(g, y, x):
        return (g - y * np.mean(g * y, axis=0, keepdims=True)) / np.std(x, axis=0, keepdims=True)

    return primitive(lambda x: _standardised(x, 0)).defvjp(rule)


@wrong(M, np.array([0, 2, 2]), by=GRADIENT, says=argument(0, "table"))
def rows_whose_repetition_is_lost() -> Primitive:
    def rule(g, _y, _table, rows):
        first = np.array([np.flatnonzero(rows == r)[0] for r in rows]) == np.arange(len(rows))
        return ((rows == np.arange(_table.shape[0])[:, None]) * first) @ g

    return primitive(lambda table, rows: table[rows]).defvjp(rule, None)


@wrong(V, by=GRADIENT, says=argument(0, "x"))
def running_sum_pulled_back_forwards() -> Primitive:
    return primitive(lambda x: np.cumsum(x)).defvjp(lambda g, _y, _x: np.cumsum(g))


@wrong(V, by=GRADIENT, says="early|step|shift")
def tail_put_back_one_place_early() -> Primitive:
    return primitive(lambda x: x[1:]).defvjp(lambda g, _y, _x: np.concatenate([g, np.zeros(1)]))


@wrong(V, by=GRADIENT, says=argument(0, "x"), shift=2)
def roll_turned_the_same_way_again() -> Primitive:
    op = primitive(lambda x, *, shift: np.roll(x, shift))
    return op.defvjp(lambda g, _y, _x, *, shift: np.roll(g, shift))


@wrong(V, W[:3], by=GRADIENT, says=("reverse", argument(1, "kernel")))
def correlation_with_its_kernel_reversed() -> Primitive:
    return primitive(lambda x, kernel: np.correlate(x, kernel)).defvjp(
        lambda g, _y, _x, w: np.convolve(g, w),
        lambda g, _y, x, _w: np.correlate(x, g)[::-1],
    )


@wrong(V, by=GRADIENT, says=argument(0, "x"))
def sort_undone_by_its_own_order() -> Primitive:
    def forward(x):
        order = np.argsort(x)
        return x[order], order

    return primitive(forward, name="sorted", hidden=1).defvjp(lambda g, y, _x: g[y[1]])


@wrong(V, W, by=GRADIENT, says="args\\[1\\]|argument 1")
def concatenation_that_cuts_at_the_start() -> Primitive:
    op = primitive(lambda *arrays: np.concatenate(arrays), name="joined")
    return op.defvjp(lambda g, _y, *arrays, argnum: g[: arrays[argnum].shape[0]])


# Parameters


@wrong(M, by=GRADIENT, says="axis", axis=0)
def softmax_right_along_the_last_axis_only() -> Primitive:
    op = primitive(lambda x, *, axis=-1: softmax(x, axis=axis))
    return op.defvjp(lambda g, y, _x, *, axis: y * (g - np.sum(g * y, axis=-1, keepdims=True)))


@wrong(M, by=GRADIENT, says="keepdims|shape", axis=1, keepdims=True)
def sum_right_without_keepdims_only() -> Primitive:
    op = primitive(lambda x, *, axis, keepdims=False: np.sum(x, axis=axis, keepdims=keepdims))
    return op.defvjp(lambda g, _y, x, *, axis, keepdims: np.expand_dims(g, axis) * np.ones(x.shape))


@wrong(A, by="axes", says="axis|negative", axis=0)
def sum_right_for_axes_that_are_not_negative() -> Primitive:
    op = primitive(lambda x, *, axis: np.sum(x * x, axis=axis))
    return op.defvjp(lambda g, _y, x, *, axis: 2 * x * np.expand_dims(g, axis if axis >= 0 else axis + 1))


@wrong(V, by=GRADIENT, says=argument(0, "x"), slope=0.2)
def leaky_relu_with_its_default_slope_in_the_rule() -> Primitive:
    op = primitive(lambda x, *, slope=0.01: np.where(x > 0, x, slope * x))
    return op.defvjp(lambda g, _y, x, *, slope: np.where(x > 0, g, 0.01 * g))


@wrong(M, by=GRADIENT, says="factor 1/12", reduction="sum")
def loss_that_divides_for_every_reduction() -> Primitive:
    def forward(x, *, reduction="mean"):
        return np.mean(x**2) if reduction == "mean" else np.sum(x**2)

    return primitive(forward, name="loss").defvjp(lambda g, _y, x, *, reduction: g * 2 * x / x.size)


@wrong(V, by=GRADIENT, says="factor 1/2", temperature=0.5)
def softmax_without_its_temperature() -> Primitive:
    op = primitive(lambda x, *, temperature=1.0: softmax(x / temperature))
    return op.defvjp(lambda g, y, _x, *, temperature: y * (g - np.sum(g * y)))


# Several outputs


@wrong(V, by=GRADIENT, says="output\\[?1|output 1")
def sine_and_cosine_with_one_cotangent_ignored() -> Primitive:
    return primitive(lambda x: (np.sin(x), np.cos(x)), name="circle").defvjp(lambda g, _y, x: g[0] * np.cos(x))


@wrong(V, W, by=GRADIENT, says=argument(0, "a"))
def sum_and_difference_with_cotangents_swapped() -> Primitive:
    return primitive(lambda a, b: (a + b, 2 * (a - b)), name="butterfly").defvjp(
        lambda g, _y, _a, _b: 2 * g[0] + g[1],
        lambda g, _y, _a, _b: g[0] - 2 * g[1],
    )


# Complex numbers


@wrong(Z, Z[::-1].copy(), by=GRADIENT, says="conj|complex|imag")
def product_conjugated_in_the_rule() -> Primitive:
    return elementwise(lambda a, b: a * b, lambda _y, _a, b: np.conj(b), lambda _y, a, _b: np.conj(a))


@wrong(Z, by=GRADIENT, says="conj|complex|imag")
def squared_modulus_without_the_conjugate() -> Primitive:
    return primitive(lambda z: np.real(z * np.conj(z))).defvjp(lambda g, _y, z: 2 * g * z)


@wrong(Z, by=GRADIENT, says="imag|real|complex")
def square_that_drops_the_imaginary_part() -> Primitive:
    return primitive(lambda z: z * z).defvjp(lambda g, _y, z: np.real(2 * g * z) + 0j)
