"""grad, vjp, jvp, jacobian, hessian, hvp, checkpoint: any order, over containers, without confusion."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np import (
    Tensor,
    checkpoint,
    grad,
    gradients,
    hessian,
    hvp,
    jacobian,
    jvp,
    no_grad,
    trace,
    value_and_grad,
    vjp,
)


def wave(x):
    return np.sin(x) * np.exp(x)


D = [
    lambda x: np.exp(x) * (np.sin(x) + np.cos(x)),
    lambda x: 2 * np.exp(x) * np.cos(x),
    lambda x: 2 * np.exp(x) * (np.cos(x) - np.sin(x)),
]


def test_any_order_in_reverse_and_forward() -> None:
    forward = lambda f: lambda x: jvp(f, (x,), (1.0,))[1]
    for modes in [(grad, grad, grad), (forward, forward, forward), (grad, forward, grad), (forward, grad, forward)]:
        f = wave
        for mode, exact in zip(modes, D, strict=True):
            f = mode(f)
            np.testing.assert_allclose(f(0.7), exact(0.7), rtol=1e-13)


def test_nested_perturbations_are_not_confused() -> None:
    assert grad(lambda x: x * grad(lambda y: x * y)(x))(3.0) == 6.0
    assert grad(lambda x: x * grad(lambda y: x + y)(1.0))(1.0) == 1.0
    assert grad(lambda x: x * jvp(lambda y: x * y, (2.0,), (1.0,))[1])(3.0) == 6.0
    assert jvp(lambda x: x * grad(lambda y: x * y)(2.0), (3.0,), (1.0,))[1] == 6.0
    assert grad(lambda x: grad(lambda y: grad(lambda z: x * y * z)(1.0) * y)(x))(2.0) == 8.0


def test_arrays_in_arrays_out() -> None:
    y, pullback = vjp(np.multiply, np.ones(2), np.ones(2))
    assert type(y) is np.ndarray
    assert all(type(g) is np.ndarray for g in pullback(np.ones(2)))
    assert type(grad(lambda x: x * 2)(1.0)) is np.ndarray


class Pair(NamedTuple):
    a: object
    b: object


def test_containers() -> None:
    params = {"layer": [Pair(np.ones((3, 2)), np.zeros(2))], "scale": 2.0, "none": None}

    def f(p, x):
        layer = p["layer"][0]
        return np.sum((x @ layer.a + layer.b) * p["scale"])

    value, g = value_and_grad(f)(params, np.ones((4, 3)))
    assert value == 48.0
    assert isinstance(g["layer"][0], Pair)
    assert g["layer"][0].b.tolist() == [8.0, 8.0]
    assert g["scale"] == 24.0
    assert g["none"] is None


def test_argnums_and_aux() -> None:
    f = lambda a, b: (np.sum(a * b), {"aux": a})
    (ga, gb), aux = grad(f, argnums=(0, -1), has_aux=True)(np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    assert (ga.tolist(), gb.tolist()) == ([3.0, 4.0], [1.0, 2.0])
    assert type(aux["aux"]) in (np.ndarray, Tensor)


def test_unused_input_and_constant_output_have_gradient_zero() -> None:
    assert grad(lambda a, b: np.sum(a), argnums=1)(np.ones(2), np.ones(3)).tolist() == [0.0, 0.0, 0.0]
    assert grad(lambda a: 3.0)(np.ones(2)).tolist() == [0.0, 0.0]
    assert jvp(lambda a: 3.0, (1.0,), (1.0,))[1] == 0.0


def test_works_under_no_grad_and_by_closure() -> None:
    with no_grad():
        assert grad(lambda x: x * x)(3.0) == 6.0
    outer = grad(lambda w: np.sum(grad(lambda x: np.sum(w * x * x))(np.array([1.0, 2.0]))))
    assert outer(2.0) == 6.0


@pytest.mark.parametrize(
    ("bad", "match"),
    [
        (lambda: grad(lambda x: x)(np.ones(2)), r"one number as output.*\(2,\)"),
        (lambda: grad(lambda x: x)(1), "floating-point numbers; got int64"),
        (lambda: grad(lambda x: x * 1j)(1.0), "real output"),
        (lambda: grad(lambda x: x, argnums=3)(1.0), "argnums=3.*1 positional"),
        (lambda: jvp(np.sin, 1.0, 1.0), "tuples"),
        (lambda: gradients(Tensor([1.0], True), [np.ones(1)]), "Tensors that a gradient flows through"),
    ],
)
def test_bad_input(bad: object, match: str) -> None:
    with pytest.raises(TypeError, match=match):
        bad()


def test_wrong_cotangents_and_tangents() -> None:
    _, pullback = vjp(np.sin, np.ones(2))
    with pytest.raises(ValueError, match=r"shape \(3,\).*\(2,\)"):
        pullback(np.ones(3))
    with pytest.raises(ValueError, match="structure"):
        pullback([np.ones(2)])
    with pytest.raises(ValueError, match=r"shape \(3,\).*\(2,\)"):
        jvp(np.sin, (np.ones(2),), (np.ones(3),))


def test_jacobian_both_ways_and_of_containers() -> None:
    A = np.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(jacobian(lambda x: A @ x)(np.ones(3)), A)
    np.testing.assert_array_equal(jacobian(lambda x: A.T @ x)(np.ones(2)), A.T)
    J = jacobian(lambda d: {"s": d["a"] * d["b"]})({"a": np.array([1.0, 2.0]), "b": 3.0})
    np.testing.assert_array_equal(J["s"]["a"], 3 * np.eye(2))
    np.testing.assert_array_equal(J["s"]["b"], [1.0, 2.0])


def test_hessian_and_hvp() -> None:
    A = np.random.default_rng(0).normal(size=(3, 3))
    f = lambda x: np.sum(np.tanh(A @ x) ** 2)
    x, v = np.array([0.1, -0.2, 0.3]), np.array([1.0, 2.0, 3.0])
    H = hessian(f)(x)
    np.testing.assert_allclose(H, H.T, atol=1e-14)
    np.testing.assert_allclose(hvp(f, (x,), (v,)), H @ v, atol=1e-13)
    a, b = hvp(lambda a, b: np.sum(a * b), (x, v), (v, x))
    np.testing.assert_allclose((a, b), (x, v))


def test_checkpoint_gives_the_same_gradients_of_any_order() -> None:
    W = Tensor(np.random.default_rng(1).normal(size=(3, 3)), requires_grad=True)
    net = lambda x: np.tanh(np.tanh(x @ W) @ W)
    x = Tensor(np.random.default_rng(2).normal(size=(2, 3)), requires_grad=True)
    for f in (net, checkpoint(net)):
        f(x).sum().backward()
        first = (x.grad, W.grad)
        x.zero_grad()
        W.zero_grad()
        if f is net:
            expected = first
    for a, b in zip(first, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-14)
    second = [grad(lambda v, n=n: np.sum(grad(lambda u: n(u).sum())(v) ** 2))(x.data) for n in (net, checkpoint(net))]
    np.testing.assert_allclose(*second, rtol=1e-12)


def test_checkpoint_does_not_draw_again() -> None:
    x = np.ones(1000)

    def loss(v, wrap):
        rng = np.random.default_rng(0)
        return np.sum(wrap(lambda u: tg.dropout(np.sin(u), 0.5, rng=rng))(v) ** 2)

    plain, checked = (grad(loss)(x, wrap) for wrap in (lambda f: f, checkpoint))
    np.testing.assert_array_equal(plain, checked)


def test_checkpoint_keeps_only_its_inputs() -> None:
    import tracemalloc

    def deep(x):
        for _ in range(50):
            x = np.sin(x)
        return x

    peaks = []
    for f in (deep, checkpoint(deep)):
        x = Tensor(np.ones(20_000), requires_grad=True)
        y = f(x)
        tracemalloc.start()
        y = f(x)
        peaks.append(tracemalloc.get_traced_memory()[0])
        tracemalloc.stop()
        y.sum().backward()
    assert peaks[1] < peaks[0] / 10


def test_ops_without_a_jvp_rule_get_it_from_their_vjp() -> None:
    f = tg.primitive(lambda x: x**3).defvjp(lambda g, _y, x: 3 * g * x * x)
    _, y_dot = jvp(f, (np.array([1.0, 2.0]),), (np.array([1.0, 10.0]),))
    assert y_dot.tolist() == [3.0, 120.0]


def test_a_rule_for_all_arguments_at_once_runs_once() -> None:
    ran = []

    def rule(g, _y, a, b):
        ran.append(1)
        return g * b, g * a

    f = tg.primitive(lambda a, b: a * b, name="f").defvjp(all=rule)
    assert [float(g) for g in vjp(f, 2.0, 3.0)[1](1.0)] == [3.0, 2.0]
    assert len(ran) == 1


def test_several_outputs_with_a_hidden_one() -> None:
    def forward(x):
        order = np.argsort(x)
        return x[order], -x, order

    f = tg.primitive(forward, name="f", hidden=1)
    f.defvjp(lambda g, y, _x: np.take(g[0], np.argsort(y[2])) - g[1])
    x = np.array([3.0, 1.0, 2.0])
    (a, b), pullback = vjp(f, x)
    assert (a.tolist(), b.tolist()) == ([1.0, 2.0, 3.0], [-3.0, -1.0, -2.0])
    assert pullback((np.array([1.0, 2.0, 3.0]), np.zeros(3)))[0].tolist() == [3.0, 1.0, 2.0]
    only_second = grad(lambda x: np.sum(f(x)[1] ** 2))
    assert only_second(x).tolist() == [6.0, 2.0, 4.0]


# What a reviewer broke once


def test_dicts_match_by_key_and_not_by_order() -> None:
    f = lambda p: p["a"] * 2 + p["b"] * 3
    assert jvp(f, ({"a": 1.0, "b": 1.0},), ({"b": 1.0, "a": 0.0},))[1] == 3.0
    assert vjp(lambda x: {"a": x, "b": 2 * x}, 1.0)[1]({"b": 1.0, "a": 5.0})[0] == 7.0
    with pytest.raises(ValueError, match="the same dicts"):
        jvp(f, ({"a": 1.0, "b": 1.0},), ({"a": 1.0, "c": 0.0},))


def test_gradients_own_their_memory() -> None:
    x = np.array([1.0, 2.0])
    ga, gb = grad(lambda a, b: np.sum((a + b) ** 2), (0, 1))(x, x)
    ga *= 0.5
    assert gb.tolist() == [4.0, 8.0]
    g = grad(lambda a: a.sum())(np.ones((2, 3)))
    g[0, 0] = 7.0
    assert g.sum() == 12.0
    seed = np.ones(2)
    for part in vjp(np.add, x, x)[1](seed):
        part[:] = 9.0
    assert seed.tolist() == [1.0, 1.0]
    a, b = Tensor(x, requires_grad=True), Tensor(x, requires_grad=True)
    (a + b).sum().backward(create_graph=True)
    a.grad *= 0.5
    assert b.grad.data.tolist() == [1.0, 1.0]


def test_no_grad_holds_in_forward_mode_in_checkpoints_and_in_tapes() -> None:
    def f(x):
        with no_grad():
            c = x * x
        return x * c

    for g in (f, checkpoint(f), tg.trace(f, np.array(1.0))):
        assert grad(g)(3.0) == 9.0
        assert jvp(g, (3.0,), (1.0,))[1] == 9.0


def test_a_trace_of_a_gradient_is_right_at_other_points() -> None:
    f = grad(lambda x: np.where(x > 0, np.sqrt(x), x))
    with np.errstate(all="ignore"):
        assert tg.trace(f, np.array(0.5))(np.array(-1.0)) == 1.0
        assert hvp(lambda x: np.where(x > 0, x**1.5, x), (np.array(0.0),), (np.array(1.0),)) == 0.0


def test_a_zero_tangent_wins_too() -> None:
    assert jvp(np.sqrt, (np.array([0.0, 1.0]),), (np.array([0.0, 1.0]),))[1].tolist() == [0.0, 0.5]
    with np.errstate(all="ignore"):
        assert jvp(lambda x: tg.relu(np.log(x)), (np.array([0.0, 2.0]),), (np.ones(2),))[1].tolist() == [0.0, 0.5]


def test_an_overflow_behind_a_guard_is_none() -> None:
    with np.errstate(all="ignore"):
        assert grad(lambda x: np.where(x > 0, x, np.exp(x) - 1))(np.float32(100.0)) == 1.0


def test_complex_jacobian_does_not_depend_on_the_size_of_the_output() -> None:
    z = np.array([1 + 2j])
    np.testing.assert_allclose(jacobian(lambda z: 1j * z)(z), [[1j]])
    np.testing.assert_allclose(jacobian(lambda z: np.concatenate([1j * z, z]))(z), [[1j], [1]])
    np.testing.assert_allclose(jacobian(lambda x: np.stack([1j * x[0]]))(np.ones(2)), [[1j, 0]])
    np.testing.assert_allclose(jacobian(lambda z: np.abs(z) ** 2)(z), [[2 + 4j]])


def test_a_tape_inside_a_transform_still_depends_on_what_it_closes_over() -> None:
    assert grad(lambda x: tg.trace(lambda y: y * x, 1.0)(x * 2))(3.0) == 12.0
    w = Tensor(1.0, requires_grad=True)
    assert tg.trace(lambda a, b: a - b, w, w)(5.0, 2.0) == 3.0


def test_aux_is_an_array() -> None:
    assert type(grad(lambda x: (x.sum(), x * 2), has_aux=True)(np.ones(2))[1]) is np.ndarray


def test_in_place_on_an_argument() -> None:
    def f(x):
        x += 1
        return x * x

    x = np.array(2.0)
    assert grad(f)(x) == 6.0
    assert x == 2.0


def test_no_reference_cycles_in_transforms() -> None:
    import gc
    import weakref

    gc.collect()
    gc.disable()
    try:
        x = np.ones(3)
        alive = weakref.ref(x)
        grad(lambda v: np.sum(v**2))(x)
        jvp(lambda v: np.sum(v**2), (x,), (x,))
        hvp(lambda v: np.sum(v**2), (x,), (x,))
        checkpoint(np.sin)(Tensor(x, requires_grad=True)).sum().backward()
        del x
        assert alive() is None
    finally:
        gc.enable()


def test_variadic_ops_can_have_a_jvp() -> None:
    total = tg.primitive(lambda *xs: sum(xs), name="total").defvjp(lambda g, _y, *_xs, argnum: g)
    total.defjvp(lambda x_dot, _y, *_xs, argnum: x_dot)
    assert jvp(lambda a, b: total(a, b), (1.0, 2.0), (3.0, 4.0))[1] == 7.0


@pytest.mark.parametrize(
    ("bad", "match"),
    [
        (lambda: grad(lambda x: "a")(1.0), "one number"),
        (lambda: grad(lambda x: None)(1.0), "one number"),
        (lambda: gradients(3.0, Tensor(1.0, True)), "starts from a Tensor"),
        (lambda: jacobian(np.sin, 3)(1.0), "argnums=3"),
        (lambda: hvp(np.sin, 3.0, 1.0), "tuples"),
        (lambda: tg.elementwise(np.add, lambda y, a, b: 1), "2 arrays and was given 1 derivatives"),
        (lambda: tg.primitive(np.sin).defvjp(lambda g, y, x: g, linear="typo"), "linear is"),
        (lambda: grad(tg.primitive(np.sin).defvjp(lambda g, y, x: None))(1.0), "returned None"),
        (lambda: grad(tg.primitive(lambda x: {"a": x}, name="f"))(1.0), "f returned dict"),
    ],
)
def test_more_bad_input(bad: object, match: str) -> None:
    with pytest.raises(TypeError, match=match):
        bad()


def test_an_error_in_a_rule_names_the_op_and_the_line() -> None:
    f = tg.primitive(np.sin, name="f").defvjp(lambda g, y, x: g @ np.ones((5, 5)))
    with pytest.raises(ValueError, match=r"in the rule of f for argument 0 \(recorded at test_transforms.py:\d+\)"):
        grad(lambda x: np.sum(f(x)))(np.ones(3))


# A backward pass recorded for other values


def masks(f, x):
    return sum(r.primitive.name == "isfinite" for r in trace(grad(f), x).records)


def test_a_recorded_pass_is_masked_between_selecting_and_singular_ops_only() -> None:
    x = np.array([[0.5, 2.0], [1.0, 3.0]])
    assert masks(lambda x: np.sum((x @ x) ** 2), x) == 0
    assert masks(lambda x: np.sum(np.sqrt(x)), x) == 0
    assert masks(lambda x: np.sum(np.where(x > 1, x * 2, x) ** 3), x) == 0
    assert masks(lambda x: np.sum(np.where(x > 1, np.sqrt(x), x)), x) == 1
    assert masks(lambda x: np.sum(np.where(x > 1, 1 / x + x, x)), x) == 1


def test_a_recorded_pass_is_right_at_values_that_it_did_not_see() -> None:
    tape = trace(grad(lambda x: np.sum(np.where(x > 0, x * np.log(np.sqrt(x)), 0))), np.array([1.0, 2.0]))
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(tape(np.array([0.0, -1.0, 4.0])[:2]), [0, 0])
    np.testing.assert_allclose(tape(np.array([4.0, 1.0])), [np.log(2) + 0.5, 0.5])
