"""More right ops, where a checker is easily led astray: guards, kinks, ties, complex values, several outputs."""

from __future__ import annotations

import numpy as np
from checking.opkit.more_wrong_ops import M, S, V, W, Z
from checking.opkit.op_case import collector

from tinygrad_np import Primitive, elementwise, log_softmax, primitive, sigmoid, softmax, tanh

RIGHT, right = collector()


@right(np.array([0.0, 1.0, 0.3]), np.array([2.0, 0.4, 1.0]))
def entropy_term_guarded_at_0() -> Primitive:
    """p log q, 0 where p is 0: the tape of the guard is not the derivative there, log q is."""

    def forward(p, q):
        return np.where(p == 0, 0.0, p * np.log(np.where(p == 0, 1.0, q)))

    return elementwise(
        forward, lambda _y, _p, q: np.log(q), lambda _y, p, q: p / q, domain=(0.1, 2.0), singular=True, name="cross"
    )


@right(np.array([0.0, 0.3, -0.8]))
def root_of_the_positive_part() -> Primitive:
    def slope(_y, x):
        return np.where(x > 0, 0.5 / np.sqrt(np.where(x > 0, x, 1.0)), 0.0)

    return elementwise(lambda x: np.sqrt(np.maximum(x, 0)), slope, name="half_root")


@right(V)
def point_on_the_circle() -> Primitive:
    return elementwise(lambda x: np.exp(1j * x), lambda y, _x: 1j * y, name="phase")


@right(V)
def spectrum_of_real_numbers() -> Primitive:
    op = primitive(lambda x: np.fft.fft(x), name="spectrum")
    return op.defvjp(lambda g, _y, _x: np.real(np.fft.fft(g)), linear=True)


@right(V, W)
def larger_with_ties_halved() -> Primitive:
    return elementwise(
        lambda a, b: np.maximum(a, b),
        lambda _y, a, b: (a > b) + 0.5 * (a == b),
        lambda _y, a, b: (b > a) + 0.5 * (a == b),
    )


@right(M, M[0])
def product_that_broadcasts() -> Primitive:
    return elementwise(lambda a, b: a * b, lambda _y, _a, b: b, lambda _y, a, _b: a, name="times")


@right(V)
def steps_of_a_tenth() -> Primitive:
    return elementwise(lambda x: np.floor(10 * x) / 10, lambda _y, x: 0 * x, name="steps")


@right(V)
def saw() -> Primitive:
    return elementwise(lambda x: x - np.floor(x), lambda _y, x: np.ones_like(x), name="saw")


@right(V)
def successor_that_hands_g_on() -> Primitive:
    return primitive(lambda x: x + 1, name="next").defvjp(lambda g, _y, _x: g)


@right(M, keep=2)
def largest_few_of_each_row() -> Primitive:
    def forward(x, *, keep):
        order = np.argsort(-x, axis=1)[:, :keep]
        return np.take_along_axis(x, order, axis=1), order

    def rule(g, y, x, *, keep):
        return np.sum(g[..., None] * (y[1][..., None] == np.arange(x.shape[1])), axis=1)

    return primitive(forward, hidden=1, name="top").defvjp(rule)


@right(M, np.array([0, 3, 1]))
def loss_of_the_right_class() -> Primitive:
    def forward(x, labels):
        return -np.mean(log_softmax(x, axis=1)[np.arange(x.shape[0]), labels])

    def rule(g, _y, x, labels):
        return g * (softmax(x, axis=1) - (labels[:, None] == np.arange(x.shape[1]))) / x.shape[0]

    return primitive(forward, name="nll").defvjp(rule, None)


@right(V, W, np.array(0.3))
def mixture_of_two() -> Primitive:
    return primitive(lambda a, b, t: a + t * (b - a), name="lerp").defvjp(
        lambda g, _y, _a, _b, t: g * (1 - t),
        lambda g, _y, _a, _b, t: g * t,
        lambda g, _y, a, b, _t: np.sum(g * (b - a)),
    )


@right(S @ S.T + np.eye(4))
def half_log_determinant() -> Primitive:
    op = primitive(lambda a: 0.5 * np.linalg.slogdet(a)[1], name="half_logdet")
    return op.defvjp(lambda g, _y, a: 0.5 * g * np.linalg.inv(a).T)


@right(S + 4 * np.eye(4), V[:4])
def solution_by_the_adjoint() -> Primitive:
    op = primitive(lambda a, b: np.linalg.solve(a, b), name="solution")
    return op.defvjp(
        lambda g, y, a, _b: -np.outer(np.linalg.solve(a.T, g), y), lambda g, _y, a, _b: np.linalg.solve(a.T, g)
    )


@right(V, W)
def cell_with_two_outputs() -> Primitive:
    def forward(x, c):
        new = c * sigmoid(x)
        return tanh(new), new

    def both(g, y, x, c):
        inner = g[0] * (1 - y[0] ** 2) + g[1]
        s = sigmoid(x)
        return inner * c * s * (1 - s), inner * s

    return primitive(forward, name="cell").defvjp(all=both)


@right(np.array([-1.5, 0.2, 3.0]), low=-1.0, high=1.0)
def clip_flat_at_its_bounds() -> Primitive:
    op = primitive(lambda x, *, low, high: np.clip(x, low, high), name="clipped")
    return op.defderivative(lambda _y, x, *, low, high: (x > low) & (x < high))


@right(np.array([2.0, 2.0, 1.0]))
def largest_shared_among_ties() -> Primitive:
    return primitive(lambda x: np.max(x), name="peak").defvjp(lambda g, y, x: g * (x == y) / np.sum(x == y))


@right(V)
def largest_given_to_the_first() -> Primitive:
    return primitive(lambda x: np.max(x), name="first").defvjp(
        lambda g, _y, x: g * (np.arange(x.shape[0]) == np.argmax(x))
    )


@right(Z, W)
def complex_scale() -> Primitive:
    return primitive(lambda z, s: z * s, name="scale").defvjp(
        lambda g, _y, _z, s: g * s, lambda g, _y, z, _s: np.real(g * z), linear="each"
    )


@right(V.astype(np.float32))
def smooth_step_in_short_numbers() -> Primitive:
    return elementwise(lambda x: x / (1 + np.abs(x)), lambda _y, x: 1 / (1 + np.abs(x)) ** 2, name="softsign32")


@right(M, axis=1)
def distance_from_the_mean() -> Primitive:
    op = primitive(lambda x, *, axis=-1: x - np.mean(x, axis=axis, keepdims=True), name="centre")
    return op.defvjp(lambda g, _y, _x, *, axis: g - np.mean(g, axis=axis, keepdims=True), linear=True)


@right(np.array([0.5, -0.2, 1.4]))
def sinc_with_a_series_near_0() -> Primitive:
    def slope(y, x):
        near = np.abs(x) < 1e-3
        safe = np.where(near, 1.0, x)
        return np.where(near, -x / 3 + x**3 / 30, (np.cos(safe) - y) / safe)

    def forward(x):
        safe = np.where(x == 0, 1.0, x)
        return np.where(x == 0, 1.0, np.sin(safe) / safe)

    return elementwise(forward, slope, name="sinc")


@right(np.array([[0.2, -0.1, 0.3], [0.1, 0.25, -0.2], [-0.3, 0.15, 0.1]]) / 3, np.array([0.4, -0.3, 0.2]) / 20)
def fixed_point_of_a_contraction() -> Primitive:
    """y = tanh(W y + x), with the adjoint equation u = g + W^T (s u), s = 1 - y^2, solved at once."""

    def forward(w, x):
        y = np.zeros_like(x)
        for _ in range(200):
            y = np.tanh(w @ y + x)
        return y

    def adjoint(g, y, w):
        slope = 1 - y * y
        return slope * np.linalg.solve(np.eye(w.shape[0]) - w.T * slope, g)

    return primitive(forward, name="equilibrium", domain=(-0.2, 0.2)).defvjp(
        lambda g, y, w, _x: np.outer(adjoint(g, y, w), y), lambda g, y, w, _x: adjoint(g, y, w)
    )
