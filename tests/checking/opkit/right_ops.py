"""Ops whose rule is right, at places where a checker may be wrong: kinks, ties, singular points, odd declarations."""

from __future__ import annotations

import math

import numpy as np
from checking.opkit.op_case import collector
from checking.opkit.wrong_ops import A, B, M, N, V, W, Z

from tinygrad_np import Primitive, elementwise, primitive, sigmoid, softmax

RIGHT, right = collector()

E = np.exp(-0.5 * V**2)  # positive, below 1
SPD = A @ A.T


# Elementwise


@right(V)
def softsign() -> Primitive:
    return elementwise(lambda x: x / (1 + np.abs(x)), lambda y, _x: (1 - np.abs(y)) ** 2)


@right(np.array([-1.5, 0.0, 2.0]))
def relu_with_0_at_its_kink() -> Primitive:
    return elementwise(lambda x: np.maximum(x, 0), lambda _y, x: x > 0)


@right(np.array([-1.5, 0.0, 2.0]))
def modulus_with_1_at_its_kink() -> Primitive:
    return elementwise(lambda x: np.abs(x), lambda _y, x: np.where(x < 0, -1.0, 1.0).astype(x.dtype))


@right(V, slope=0.2)
def leaky_relu_with_a_slope_of_its_own() -> Primitive:
    op = primitive(lambda x, *, slope=0.01: np.where(x > 0, x, slope * x))
    return op.defderivative(lambda _y, x, *, slope: np.where(x > 0, 1.0, slope))


@right(np.array([-1.0, 0.5, 1.0]), low=-1.0, high=1.0)
def clip_with_1_at_its_bounds() -> Primitive:
    op = primitive(lambda x, *, low, high: np.clip(x, low, high))
    return op.defderivative(lambda _y, x, *, low, high: (x >= low) & (x <= high))


@right(np.array([-3.0, -1.0, 0.2, 1.0]), delta=1.0)
def huber_whose_second_derivative_jumps() -> Primitive:
    def forward(x, *, delta=1.0):
        return np.where(np.abs(x) <= delta, 0.5 * x * x, delta * (np.abs(x) - 0.5 * delta))

    return primitive(forward, name="huber").defderivative(lambda _y, x, *, delta: np.clip(x, -delta, delta))


@right(np.array([-700.0, -1.0, 0.0, 3.0, 800.0]))
def softplus_that_does_not_overflow() -> Primitive:
    return elementwise(lambda x: np.logaddexp(0, x), lambda _y, x: 0.5 * (1 + np.tanh(0.5 * x)))


@right(np.array([-40.0, -1.0, 0.0, 1.0]))
def log_sigmoid_that_looks_as_if_it_had_a_kink() -> Primitive:
    return elementwise(lambda x: np.minimum(x, 0) - np.log1p(np.exp(-np.abs(x))), lambda _y, x: sigmoid(-x))


@right(np.array([-2.0, 0.0, 1e-9, 1e-3, 1.0]))
def sinc_guarded_at_0() -> Primitive:
    """Near 0 the quotient rule cancels; the series is exact to rounding there, for every order tried."""

    def forward(x):
        return np.where(x == 0, 1, np.sin(x) / np.where(x == 0, 1, x)).astype(np.result_type(x))

    def derivative(_y, x):
        small = np.abs(x) < 0.1
        near, far = np.where(small, x, 0), np.where(small, 1, x)
        z = near * near
        series = near * (-1 / 3 + z * (1 / 30 + z * (-1 / 840 + z / 45360)))
        return np.where(small, series, (far * np.cos(far) - np.sin(far)) / (far * far))

    return elementwise(forward, derivative)


@right(np.array([0.25, 2.0, 9.0]))
def root_whose_slope_at_0_is_infinite() -> Primitive:
    return elementwise(lambda x: np.sqrt(x), lambda y, _x: 0.5 / y, singular=True, domain=(0.01, 4.0))


@right(np.array([0.0, 0.5, 2.0]))
def entropy_with_0_at_0() -> Primitive:
    def forward(x):
        return x * np.log(np.where(x == 0, 1, x))

    return elementwise(forward, lambda _y, x: np.log(x) + 1, singular=True, domain=(0.1, 2.0))


@right(V[:3] + 0.37)
def floor_that_is_flat_almost_everywhere() -> Primitive:
    return elementwise(lambda x: np.floor(x), lambda _y, x: np.zeros_like(x))


@right(V)
def error_function_of_the_standard_library() -> Primitive:
    """A black box: it takes neither Tensors nor complex numbers."""
    by_element = np.vectorize(math.erf, otypes=[float])
    return elementwise(
        lambda x: np.asarray(by_element(x)).astype(np.result_type(x)),
        lambda _y, x: 2 / math.sqrt(math.pi) * np.exp(-x * x),
    )


@right(E, reference=lambda x: np.log(x) - np.log1p(-x))
def logit_in_a_domain() -> Primitive:
    return elementwise(lambda x: np.log(x / (1 - x)), lambda _y, x: 1 / (x * (1 - x)), domain=(0.05, 0.95))


@right(M[:, :1], N[:1], np.array(0.7))
def three_arrays_that_broadcast() -> Primitive:
    return elementwise(lambda a, b, c: a * b + c, lambda _y, _a, b, _c: b, lambda _y, a, _b, _c: a, lambda *_: 1.0)


@right(np.array([0.0, 3.0, -1.0]), np.array([0.0, -4.0, 2.0]))
def hypotenuse_with_0_at_the_origin() -> Primitive:
    return elementwise(
        lambda a, b: np.hypot(a, b),
        lambda y, a, _b: a / np.where(y == 0, 1, y),
        lambda y, _a, b: b / np.where(y == 0, 1, y),
    )


@right(V.astype(np.float32))
def swish_in_float32() -> Primitive:
    return elementwise(lambda x: x * sigmoid(x), lambda y, x: y + sigmoid(x) * (1 - y))


@right(V)
def relu_on_a_copy_of_its_own() -> Primitive:
    def forward(x):
        y = np.array(x, copy=True)
        y[y < 0] = 0
        return y

    return elementwise(forward, lambda _y, x: x > 0, name="relu_in_place")


# Reductions, ties


@right(np.array([[1.0, 1.0, 0.0], [2.0, 3.0, 3.0]]), axis=1)
def largest_shared_by_ties() -> Primitive:
    def rule(g, y, x, *, axis):
        at = x == np.expand_dims(y, axis)
        return np.expand_dims(g, axis) * at / np.sum(at, axis=axis, keepdims=True)

    return primitive(lambda x, *, axis=-1: np.max(x, axis=axis)).defvjp(rule)


@right(np.array([1.0, 1.0, 0.0, 1.0]))
def largest_where_the_first_takes_all() -> Primitive:
    op = primitive(lambda x: (np.max(x), np.argmax(x)), hidden=1, name="first_largest")
    return op.defvjp(lambda g, y, _x: g * (np.arange(_x.shape[0]) == y[1]))


@right(np.array([[3.0, 4.0], [0.0, 0.0]]))
def length_with_0_at_the_origin() -> Primitive:
    op = primitive(lambda x: np.hypot.reduce(x, axis=1), name="length")
    return op.defvjp(lambda g, y, x: (g / np.where(y == 0, 1, y))[:, None] * x)


@right(np.array([[1000.0, 999.0, -1000.0], [0.0, -2.0, 1.0]]))
def log_sum_exp_of_large_numbers() -> Primitive:
    op = primitive(lambda x: np.logaddexp.reduce(x, axis=1))
    return op.defvjp(lambda g, y, x: g[:, None] * np.exp(x - y[:, None]))


@right(M, axis=0)
def softmax_with_its_jvp() -> Primitive:
    def product(g, y, _x, *, axis):
        return y * (g - np.sum(g * y, axis=axis, keepdims=True))

    return primitive(lambda x, *, axis=-1: softmax(x, axis=axis), name="softmax").defvjp(product).defjvp(product)


@right(M, axis=(0, 1), keepdims=True)
def sum_over_axes_as_parameters() -> Primitive:
    def rule(g, _y, _x, *, axis, keepdims):
        g = g if keepdims or axis is None else np.expand_dims(g, axis)
        return np.broadcast_to(g, _x.shape)

    op = primitive(lambda x, *, axis=None, keepdims=False: np.sum(x, axis=axis, keepdims=keepdims))
    return op.defvjp(rule, linear=True)


@right(np.array([2.0, 0.0, 3.0]))
def product_with_a_zero() -> Primitive:
    """The product of the others, without a division: of all before times of all behind."""

    def rule(g, _y, x):
        one = np.ones(1, x.dtype)
        before = np.cumprod(np.concatenate([one, x[:-1]]))
        behind = np.cumprod(np.concatenate([one, x[:0:-1]]))[::-1]
        return g * (before * behind)[: x.shape[0]]

    return primitive(lambda x: np.prod(x)).defvjp(rule)


# Linear algebra


@right(A, V[:3])
def quadratic_form() -> Primitive:
    return primitive(lambda a, x: x @ a @ x).defvjp(
        lambda g, _y, _a, x: g * np.outer(x, x), lambda g, _y, a, x: g * ((a + a.T) @ x)
    )


@right(np.stack([A, B]), N[:, :3].T[:3])
def batched_matrix_product() -> Primitive:
    return (
        primitive(lambda a, b: np.matmul(a, b))
        .defvjp(
            lambda g, _y, _a, b: np.matmul(g, np.swapaxes(b, -1, -2)),
            lambda g, _y, a, _b: np.matmul(np.swapaxes(a, -1, -2), g),
            linear="each",
        )
        .broadcasting(2)
    )


@right(SPD)
def log_determinant_by_cholesky() -> Primitive:
    """Not every matrix has a factor: what the checker draws itself may be refused."""

    def forward(a):
        return 2 * np.sum(np.log(np.diagonal(np.linalg.cholesky((a + a.T) / 2))))

    return primitive(forward, name="log_det").defvjp(lambda g, _y, a: g * np.linalg.inv((a + a.T) / 2))


@right(M, N.T.copy())
def fused_layer_with_one_rule_for_all() -> Primitive:
    def rule(g, y, x, w):
        inside = g * (1 - y * y)
        return inside @ w.T, x.T @ inside

    return primitive(lambda x, w: np.tanh(x @ w), name="layer").defvjp(all=rule)


@right(V, W)
def concatenation_of_any_number() -> Primitive:
    def rule(g, _y, *arrays, argnum):
        start = sum(a.shape[0] for a in arrays[:argnum])
        return g[start : start + arrays[argnum].shape[0]]

    return primitive(lambda *arrays: np.concatenate(arrays), name="joined").defvjp(rule, linear=True)


@right(M, N, flags="nt")
def matrix_product_with_flags() -> Primitive:
    def turned(m, flag):
        return m.T if flag == "t" else m

    return primitive(lambda a, b, *, flags="nn": turned(a, flags[0]) @ turned(b, flags[1]), name="gemm").defvjp(
        lambda g, _y, _a, b, *, flags: turned(g @ turned(b, flags[1]).T, flags[0]),
        lambda g, _y, a, _b, *, flags: turned(turned(a, flags[0]).T @ g, flags[1]),
        linear="each",
    )


# Indices, masks, several outputs


@right(M, np.array([0, 2, 2]))
def rows_by_integers() -> Primitive:
    op = primitive(lambda table, rows: table[rows], name="rows")
    return op.defvjp(lambda g, _y, _t, rows: (rows == np.arange(_t.shape[0])[:, None]) @ g, None)


@right(M, np.array([3, 0, 1]))
def cross_entropy_with_labels() -> Primitive:
    def forward(logits, labels):
        if len(labels) != len(logits):
            raise ValueError("one label a row")
        top = np.max(logits, axis=1, keepdims=True)
        log_sum = np.log(np.sum(np.exp(logits - top), axis=1)) + top[:, 0]
        return np.mean(log_sum - logits[np.arange(len(labels)), labels])

    def rule(g, _y, x, labels):
        return g * (softmax(x, axis=1) - (labels[:, None] == np.arange(x.shape[1]))) / len(labels)

    return primitive(forward, name="cross_entropy").defvjp(rule, None)


@right(V > 0, V, W)
def choice_by_a_mask() -> Primitive:
    op = primitive(lambda mask, a, b: np.where(mask, a, b), name="choose").broadcasting()
    return op.defvjp(
        None, lambda g, _y, mask, _a, _b: np.where(mask, g, 0), lambda g, _y, mask, _a, _b: np.where(mask, 0, g)
    )


@right(V)
def sine_and_cosine() -> Primitive:
    op = primitive(lambda x: (np.sin(x), np.cos(x)), name="circle")
    return op.defvjp(lambda g, y, _x: g[0] * y[1] - g[1] * y[0])


@right(V)
def sorted_with_its_order_hidden() -> Primitive:
    def forward(x):
        order = np.argsort(x, kind="stable")
        return x[order], order

    return primitive(forward, name="sorted", hidden=1).defvjp(lambda g, y, _x: g[np.argsort(y[1])])


@right(V, width=2, mode="mean")
def moving_window_by_name() -> Primitive:
    def weights(n, width, mode):
        near = np.arange(n)[None, :] - np.arange(n - width + 1)[:, None]
        return ((near >= 0) & (near < width)) / (width if mode == "mean" else 1)

    return primitive(
        lambda x, *, width, mode="sum": (weights(len(x), width, mode) @ x).astype(np.result_type(x)), name="window"
    ).defvjp(lambda g, _y, _x, *, width, mode: weights(_x.shape[0], width, mode).T @ g, linear=True)


# Declared to be as it is


@right(M)
def transpose_that_is_a_view_and_says_so() -> Primitive:
    return primitive(lambda x: x.T, name="turned", view=True).defvjp(lambda g, _y, _x: g.T, linear=True)


@right(np.array([-1.4, -0.3, 0.0, 0.6]))
def step_that_lets_its_cotangent_straight_through() -> Primitive:
    op = primitive(lambda x: np.where(x < 0, -1.0, 1.0).astype(x.dtype), name="binary", deviates="straight through")
    return op.defvjp(lambda g, _y, x: np.where(np.abs(x) <= 1, g, 0))


@right(V)
def gradient_reversed_on_purpose() -> Primitive:
    op = primitive(lambda x: np.array(x), name="reversal", deviates="an adversary is trained through it")
    return op.defvjp(lambda g, _y, _x: -g)


@right(V)
def sine_of_arrays_only_declared_of_first_order() -> Primitive:
    op = primitive(lambda x: np.sin(np.asarray(x)), name="sine", order=1)
    return op.defvjp(lambda g, _y, x: g * np.cos(np.asarray(x)))


@right(V, W)
def bump_without_a_rule() -> Primitive:
    return primitive(lambda x, width: np.exp(-((x / width) ** 2)), name="bump", vjp="numeric")


# Complex numbers


@right(Z, Z[::-1].copy())
def complex_product() -> Primitive:
    return elementwise(lambda a, b: a * b, lambda _y, _a, b: b, lambda _y, a, _b: a)


@right(Z)
def squared_modulus() -> Primitive:
    return primitive(lambda z: np.real(z * np.conj(z)), name="power").defvjp(lambda g, _y, z: 2 * g * np.conj(z))


# Implicit


@right(np.array([0.1, 1.0, 5.0]))
def root_by_newton() -> Primitive:
    """y + y^3 = x, so dy/dx = 1 / (1 + 3 y^2), however many steps found y."""

    def forward(x):
        y = np.cbrt(x)
        for _ in range(60):
            y = y - (y + y**3 - x) / (1 + 3 * y * y)
        return y

    return elementwise(forward, lambda y, _x: 1 / (1 + 3 * y * y), name="cubic_root")
