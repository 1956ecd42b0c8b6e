"""The checker passes what is right, and fails what is wrong, however little: it is itself on trial here."""

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np import Tensor, check_grads, grad, primitive
from tinygrad_np.checking.problem import from_reals, to_reals

rng = np.random.default_rng(0)
X, W, B = rng.normal(size=(4, 3)), rng.normal(size=(3, 5)), rng.normal(size=5)
LONG = rng.normal(size=1000)


def op(vjp, forward=np.sin, **declared):
    return primitive(lambda x: forward(x), name="op", **declared).defvjp(vjp)


def fails(f, args, **kwargs):
    with pytest.raises(AssertionError) as caught:
        check_grads(f, args, **kwargs)
    return str(caught.value)


# What is right

RIGHT = {
    "a layer": (lambda x, w, b: np.tanh(x @ w + b), (X, W, B)),
    "0-d": (np.sin, (np.array(0.3),)),
    "a Python float": (lambda x: x**3, (0.3,)),
    "containers": (
        lambda p, n: {"s": np.sum(p["w"] ** n), "t": [p["b"][0] * 2, p["b"][1]]},
        ({"w": W, "b": [B, X]}, 3),
    ),
    "integers along": (lambda w, i: w[i] * 2, (W, np.array([0, 2, 2]))),
    "several outputs": (lambda x: (x**2, np.sum(x), np.argmax(x)), (X,)),
    "zero size": (lambda x, y: np.sum(x) + y, (np.zeros((0, 3)), B)),
    "a constant": (lambda x: np.ones(3), (X,)),
    "unused": (lambda x, y: x * 2, (X, B)),
    "linear": (lambda x: x.reshape(2, 6).T, (X,)),
    "a gradient inside": (lambda x: grad(lambda y: np.sum(np.sin(y) * x))(x), (X,)),
    "closure": (lambda x: x * Tensor(X, requires_grad=True), (X,)),
    "a Tensor": (lambda x: x**2, (Tensor(X, requires_grad=True),)),
    "relu away from 0": (tg.relu, (X,)),
    "complex, analytic": (lambda z: z**2 * np.exp(z), (X + 1j,)),
    "complex to real": (lambda z: np.real(z) * np.imag(z), (X + 1j,)),
    "complex conjugate": (lambda z: z * np.conj(z), (X - 2j,)),
    "real to complex": (lambda x: np.exp(1j * x), (X,)),
    "large values": (np.log, (1e12 * np.abs(X),)),
    "near a singularity": (np.sqrt, (np.full(3, 1e-9),)),
    "an offset": (lambda x: 1e6 + np.sin(x), (X,)),
    "cancellation": (lambda x: (np.sin(x) + 1e6) - 1e6, (X,)),
    "saturated": (lambda x: np.tanh(x), (np.array([20.0, -30.0, 0.1]),)),
    "zero derivative": (lambda x: np.sum(np.exp(x) / np.sum(np.exp(x))), (B,)),
}


@pytest.mark.parametrize(("f", "args"), RIGHT.values(), ids=RIGHT)
def test_right_derivatives_pass(f, args):
    check_grads(f, args)


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_right_derivatives_pass_in_coarse_dtypes(dtype):
    check_grads(lambda x, w, b: np.tanh(x @ w + b), tuple(a.astype(dtype) for a in (X, W, B)))
    check_grads(lambda x: np.sum(np.exp(x) / np.sum(np.exp(x)) * np.arange(5).astype(dtype)), (B.astype(dtype),))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_right_derivatives_pass_at_size(dtype):
    check_grads(lambda x: np.sum(np.tanh(x) ** 2), (rng.normal(size=20_000).astype(dtype),))
    check_grads(
        lambda x, w: np.sin(x @ w), (rng.normal(size=(30, 40)).astype(dtype), rng.normal(size=(40, 50)).astype(dtype))
    )


def test_any_order():
    check_grads(np.sin, (0.3,), order=4, modes="rev")
    check_grads(np.exp, (np.array([0.3, 0.4]),), order=3)


def test_at_a_kink_anything_between_the_sides_passes():
    at = (np.array([0.0, 1.0, -1.0]),)
    for f in (tg.relu, np.abs, lambda x: np.maximum(x, 0)):
        check_grads(f, at, order=1)
    check_grads(lambda x: np.max(x), (np.array([1.0, 1.0, 0.0]),), order=1)
    beyond = op(lambda g, _y, x: g * np.where(x == 0, 1.5, x > 0), lambda x: np.maximum(x, 0))
    assert "args[0][0]" in fails(beyond, at, order=1)


def test_reals_and_back():
    arrays = [np.array([1 + 2j, 3j]), np.array(5.0), np.zeros((2, 0)), np.array([[1, 2]], np.float32)]
    flat = to_reals(arrays)
    assert flat.tolist() == [1, 2, 0, 3, 5, 1, 2]
    for a, b in zip(arrays, from_reals(flat, arrays), strict=True):
        assert a.dtype == b.dtype
        assert np.array_equal(a, b)


# What is wrong

COS = [lambda g, _y, x: g * np.cos(x), lambda d, _y, x: d * np.cos(x)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_wrong_by_a_twentieth_of_a_percent(dtype):
    text = fails(op(lambda g, _y, x: g * np.cos(x) * 1.0005), (X.astype(dtype),), modes="rev")
    assert "reverse mode, order 1" in text
    assert "off by the factor 1.0005" in text


@pytest.mark.parametrize("total", [True, False], ids=["summed", "elementwise"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("modes", ["fwd", "rev"])
def test_wrong_in_one_element_of_a_thousand(total, dtype, modes):
    factor = np.ones(1000, dtype)
    factor[537] = 1.001
    bad = op(lambda g, _y, x: g * np.cos(x) * factor)
    text = fails(lambda x: np.sum(bad(x)) if total else bad(x), (LONG.astype(dtype),), modes=modes)
    assert "args[0][537]" in text
    assert "got" in text


def test_wrong_in_one_element_of_many_is_located():
    factor = np.ones((200, 300))
    factor[123, 45] = 1.1
    bad = op(lambda g, _y, x: g * np.cos(x) * factor)
    text = fails(lambda x, y: {"a": y, "b": np.sum(bad(x))}, (rng.normal(size=(200, 300)), 1.0), modes="rev")
    assert "d output['b'] / d args[0][123, 45]" in text
    text = fails(lambda x: {"b": bad(x)}, (rng.normal(size=(200, 300)),), modes="rev", order=1)
    assert "d output['b'][123, 45] / d args[0][123, 45]" in text


@pytest.mark.parametrize("n", [12, 5000])
def test_errors_orthogonal_to_all_ones(n):
    x = rng.normal(size=n)
    error = rng.normal(size=n)
    error -= error.mean()
    bad = op(lambda g, _y, x: g * (np.cos(x) + 1e-3 * error))
    fails(lambda x: np.sum(bad(x)), (x,), modes="rev")
    fails(lambda x: np.sum(bad(x)), (x,), modes="fwd")


def test_errors_that_two_elements_exchange():
    swapped = op(lambda g, _y, x: (g * np.cos(x))[::-1])
    fails(swapped, (np.array([0.3, 0.5]),), modes="rev")


def test_a_jacobian_transposed():
    matrix = rng.normal(size=(4, 4))
    bad = primitive(lambda x: matrix @ x, name="bad").defvjp(lambda g, _y, _x: matrix @ g)
    assert "transposed" in fails(bad, (rng.normal(size=4),), modes="rev", order=1)


def test_wrong_second_derivative_only():
    slope = primitive(np.cos, name="slope").defvjp(lambda g, _y, x: g * np.sin(x))  # of the wrong sign
    bad = op(lambda g, _y, x: g * slope(x))
    check_grads(bad, (X,), order=1)
    text = fails(bad, (X,), modes="rev")
    assert "reverse over reverse mode, order 2" in text
    assert "d gradient(args[0])[" in text
    assert "the sign is wrong" in text


def test_wrong_third_derivative_only():
    bend = primitive(lambda x: -np.sin(x), name="bend").defvjp(lambda g, _y, x: g * np.cos(x))  # of the wrong sign
    slope = primitive(np.cos, name="slope").defvjp(lambda g, _y, x: g * bend(x))
    slope.defjvp(lambda d, _y, x: d * -np.sin(x))
    bad = op(lambda g, _y, x: g * slope(x))
    check_grads(bad, (X[0],), order=2)
    text = fails(bad, (X[0],), order=3)
    assert "order 3" in text
    assert "over reverse over" in text


def test_wrong_in_the_cotangent_only():
    """A rule that is no longer linear in g where it is differentiated: seen at the second order only."""
    product = primitive(lambda g, x: g * np.cos(x), name="product")
    product.defvjp(lambda c, _y, g, x: 1.01 * c * np.cos(x), lambda c, _y, g, x: -c * g * np.sin(x))
    bad = op(lambda g, _y, x: product(g, x))
    check_grads(bad, (X,), order=1, modes="rev")
    assert "cotangent(output)" in fails(bad, (X,), modes="rev")


def test_wrong_jvp_only():
    bad = op(COS[0])
    bad.defjvp(lambda d, _y, x: d * np.cos(x) * 1.0005)
    check_grads(bad, (X,), modes="rev")
    assert "forward mode, order 1" in fails(bad, (X,), modes="fwd")
    assert "forward mode, order 1" in fails(bad, (X,))


def test_wrong_vjp_only():
    bad = op(lambda g, _y, x: g * np.cos(x) * 1.0005)
    bad.defjvp(COS[1])
    check_grads(bad, (X,), modes="fwd", order=1)
    assert "reverse mode, order 1" in fails(bad, (X,))


def test_wrong_for_a_broadcast_argument_only():
    bad = primitive(lambda a, b: a * b, name="scale")
    bad.defvjp(
        lambda g, _y, _a, b: g * b, lambda g, _y, a, _b: np.mean(g * a, axis=0) if _b.shape != a.shape else g * a
    )
    check_grads(bad, (X, X + 1), order=1)
    text = fails(bad, (X, B[:3]), order=1)
    assert "args[1]" in text


@pytest.mark.parametrize("i", [0, 1])
def test_the_wrong_argument_is_named(i):
    rules = [lambda g, _y, _a, b: g * b, lambda g, _y, a, _b: g * a]
    rules[i] = lambda g, _y, a, b: g * 0.9
    bad = primitive(lambda a, b: a * b, name="product").defvjp(*rules).broadcasting()
    text = fails(lambda p: bad(p["a"], p["b"][0]), ({"a": X, "b": (X + 1,)},), modes="rev")
    assert ("args[0]['a'][", "args[0]['b'][0][")[i] in text
    assert "off by" in text
    assert "expected" in text


def test_small_gradients_beside_large_ones():
    bad = op(lambda g, _y, x: g * np.cos(x) * 1.001)
    fails(lambda p: np.sum(p["big"]) * 1e6 + 1e-4 * np.sum(bad(p["small"])), ({"big": B, "small": X},))


def test_a_gradient_that_is_zero_or_not_finite():
    fails(op(lambda g, _y, x: g * 0), (X,), modes="rev")
    fails(op(lambda g, _y, x: g / 0 if False else g * np.full(x.shape, np.nan)), (X,), modes="rev")


def test_wrong_complex_conjugate():
    bad = op(lambda g, _y, z: g * np.conj(2 * z), np.square)
    text = fails(bad, (X[0] + 1j,), modes="rev", order=1)
    assert ".imag" in text or ".real" in text


def test_wrong_in_one_mode_of_the_second_order_only():
    """Forward over reverse goes through the jvp of what the rule calls."""
    cos = primitive(np.cos, name="cosine").defvjp(lambda g, _y, x: -g * np.sin(x))
    cos.defjvp(lambda d, _y, x: -1.01 * d * np.sin(x))
    bad = op(lambda g, _y, x: g * cos(x))
    bad.defjvp(COS[1])
    assert "forward over reverse mode, order 2" in fails(bad, (X,))
    check_grads(bad, (X,), modes="rev")


# What cannot be checked


def test_a_singularity_is_no_pass():
    assert "cannot be checked" in fails(np.sqrt, (np.array([0.0]),), order=1)


def test_the_derivative_of_a_kink_is_no_pass():
    text = fails(tg.relu, (np.array([0.0, 1.0]),))
    assert "cannot be checked" in text
    assert "order 2" in text
    assert "lower order" in text


def test_not_finite():
    with pytest.raises(ValueError, match="output is not finite"), np.errstate(all="ignore"):
        check_grads(np.log, (np.array([-1.0]),))


def test_random_functions():
    with pytest.raises(ValueError, match="differs from call to call"):
        check_grads(lambda x: x * rng.normal(), (X,))


def test_nothing_to_differentiate():
    with pytest.raises(ValueError, match="no argument is of floating point"):
        check_grads(lambda i: i, (np.arange(3),))
    with pytest.raises(ValueError, match="f gives nothing of floating point"):
        check_grads(np.argmax, (X,))


def test_bad_arguments():
    with pytest.raises(TypeError, match="args is a tuple"):
        check_grads(np.sin, X)
    with pytest.raises(ValueError, match="modes"):
        check_grads(np.sin, (X,), modes="reverse")
    with pytest.raises(ValueError, match="order"):
        check_grads(np.sin, (X,), order=0)


# Tolerances


def test_tolerances_are_beyond_the_numeric_error():
    bad = op(lambda g, _y, x: g * np.cos(x) * 1.0005)
    check_grads(bad, (X,), order=1, rtol=1e-3)
    check_grads(bad, (X,), order=1, atol=1e-3)
    fails(bad, (X,), order=1, rtol=1e-4)
    fails(bad, (X,), order=1, atol=1e-5)
    check_grads(np.sin, (X,), order=1, atol=0, rtol=1e-12)


def test_arguments_are_not_changed():
    before = X.copy()
    check_grads(lambda x: np.tanh(x), (X,))
    assert np.array_equal(X, before)
