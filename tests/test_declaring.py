"""Ops without a rule, and what may be said of an op beside its rules."""

from __future__ import annotations

import numpy as np
import pytest

from tinygrad_np import Tensor, check_op, draw, grad, hessian, jvp, primitive, trace


@primitive(vjp="numeric")
def bump(x, *, width=1.0):
    return np.exp(-x * x / width)


@primitive(vjp="numeric")
def form(a, x):
    return x @ a @ x


V = np.array([0.5, -1.5, 0.8])
A = np.array([[0.3, -1.2, 0.7], [1.1, 0.4, -0.6], [0.2, 0.9, -0.5]])


def test_gradients_come_from_evaluation() -> None:
    x = Tensor(V, requires_grad=True)
    bump(x, width=2.0).sum().backward()
    np.testing.assert_allclose(x.grad, -V * np.exp(-V * V / 2), rtol=1e-12)
    by_a, by_x = grad(form, argnums=(0, 1))(A, V)
    np.testing.assert_allclose(by_a, np.outer(V, V), rtol=1e-12)
    np.testing.assert_allclose(by_x, (A + A.T) @ V, rtol=1e-12)


def test_where_a_complex_step_is_no_use() -> None:
    dented = primitive(lambda x: np.abs(x) * np.sin(x), vjp="numeric", name="dented")
    np.testing.assert_allclose(
        grad(lambda x: np.sum(dented(x)))(V), np.sign(V) * np.sin(V) + np.abs(V) * np.cos(V), rtol=1e-9
    )


def test_second_order_and_forward_mode() -> None:
    np.testing.assert_allclose(hessian(lambda x: form(A, x))(V), A + A.T, rtol=1e-8)
    np.testing.assert_allclose(grad(grad(grad(bump)))(1.0), 4 * np.exp(-1), rtol=1e-8)
    mixed = grad(lambda x: np.sum(grad(lambda a: form(a, x))(A) * A))(V)
    np.testing.assert_allclose(mixed, (A + A.T) @ V, rtol=1e-8)
    _, y_dot = jvp(lambda x: form(A, x), (V,), (np.ones(3),))
    np.testing.assert_allclose(y_dot, np.sum((A + A.T) @ V), rtol=1e-9)


def test_several_outputs_broadcasting_and_dtypes() -> None:
    circle = primitive(lambda x: (np.sin(x), np.cos(x)), vjp="numeric", name="circle")
    np.testing.assert_allclose(grad(lambda x: np.sum(circle(x)[0] * circle(x)[1]))(V), np.cos(2 * V), atol=1e-9)
    product = primitive(lambda a, b: a * b, vjp="numeric", name="product", core_dims=0)
    by_a, by_b = grad(lambda a, b: np.sum(product(a, b)), argnums=(0, 1))(A, V)
    np.testing.assert_allclose(by_a, np.broadcast_to(V, (3, 3)), rtol=1e-12)
    np.testing.assert_allclose(by_b, A.sum(axis=0), rtol=1e-12)
    assert grad(lambda x: np.sum(bump(x)))(V.astype(np.float32)).dtype == np.float32


def test_complex_arguments() -> None:
    z = np.array([0.3 + 0.7j, -1.1 + 0.2j])
    modulus = primitive(lambda z: np.real(z * np.conj(z)), vjp="numeric", name="modulus")
    np.testing.assert_allclose(grad(lambda z: np.sum(modulus(z)))(z), 2 * z, rtol=1e-9)


def test_it_is_called_numeric_wherever_it_appears() -> None:
    assert repr(bump) == "<primitive bump_numeric(x, width)>"
    assert "bump_numeric(x" in str(trace(lambda x: np.sum(bump(x)), V))
    assert "bump_numeric" in draw(np.sum(bump(Tensor(V, requires_grad=True)))).source
    assert "bump_numeric_vjp" in str(trace(grad(lambda x: np.sum(bump(x))), V))
    with pytest.raises(ValueError, match="bump_numeric"):
        primitive(lambda x, y: x + y, vjp="numeric", name="bump")(Tensor(V), np.ones(2))
    report = check_op(bump, V)
    assert report.ok
    assert "has no rule" in report["numeric"].detail


def test_where_nothing_converges_it_says_so() -> None:
    steps = primitive(lambda x: np.floor(x), vjp="numeric", name="steps")
    with pytest.raises(FloatingPointError, match=r"steps_numeric: differences by argument 0 do not converge at \[1\]"):
        grad(lambda x: np.sum(steps(x)))(np.array([0.5, 2.0]))


def test_options_are_checked() -> None:
    with pytest.raises(TypeError, match=r'vjp=\.\.\.\) is "numeric"'):
        primitive(lambda x: x, vjp="symbolic")
    with pytest.raises(TypeError, match="order: 1"):
        primitive(lambda x: x, order=3)
