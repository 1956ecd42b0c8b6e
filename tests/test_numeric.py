"""What 'equal' means, and numeric derivatives: values, error bounds, order of convergence, kinks and jumps."""

import numpy as np
import pytest

from tinygrad_np.numeric import (
    along,
    basis,
    complex_step,
    differences,
    directional,
    epsilon,
    is_analytic,
    jacobian,
    noise,
    rounding,
    ulp_distance,
)

ONE = np.array(1.0)

SMOOTH = {
    "sin": (np.sin, 1.0, np.cos(1.0)),
    "sin far out": (np.sin, 1e6, np.cos(1e6)),
    "log near 0": (np.log, 1e-8, 1e8),
    "log of a huge number": (np.log, 1e20, 1e-20),
    "exp": (np.exp, 20.0, np.exp(20.0)),
    "tiny values": (np.exp, -200.0, np.exp(-200.0)),
    "fast": (lambda x: np.sin(1e4 * x), 0.3, 1e4 * np.cos(3000.0)),
    "steep": (lambda x: np.tanh(50 * x), 0.02, 50 / np.cosh(1.0) ** 2),
    "a cubic": (lambda x: x**3, 2.0, 12.0),
    "a large offset": (lambda x: 3 * x + 1e8, 2.0, 3.0),
    "cancellation": (lambda x: (np.sin(x) + 1e8) - 1e8, 1.0, np.cos(1.0)),
    "constant": (lambda x: 0 * x + 5.0, 1.0, 0.0),
    "near a singularity": (np.sqrt, 1e-6, 500.0),
    "near a kink": (lambda x: np.maximum(x, 0), 1e-3, 1.0),
    "a bend in the second derivative": (lambda x: x * np.abs(x), 0.0, 0.0),
    "steps of a wider grid agree by accident": (lambda x: np.fmod(1.82233102, x), 0.36034996, -5.0),
    "aliased": (lambda x: np.sin(1000 * x), -48.25449011518327, 1000 * np.cos(48254.49011518327)),
    "float32 inside": (lambda x: np.sin(x.astype(np.float32)).astype(float), 1.0, np.cos(1.0)),
}


@pytest.mark.parametrize(("f", "x", "expected"), SMOOTH.values(), ids=SMOOTH)
def test_differences_lie_within_their_bound(f, x, expected):
    d = differences(f, np.array(x), ONE)
    assert abs(d.value - expected) <= d.error
    assert d.error <= 1e-5 * max(abs(expected), 1)
    assert d.jump == 0


@pytest.mark.parametrize("x", [0.3, 1.0, -2.0])
def test_differences_converge_with_order_two(x):
    assert differences(np.sin, np.array(x), ONE).order == pytest.approx(2, abs=0.05)


def test_order_is_not_claimed_where_differences_are_exact():
    assert np.isnan(differences(lambda x: 3 * x, ONE, ONE).order)


def test_a_kink_gives_the_middle_and_the_jump():
    d = differences(np.abs, np.array([0.0, 1.0]), np.array([1.0, 1.0]))
    assert np.allclose(d.value, [0, 1], atol=1e-4)
    assert d.jump[0] == pytest.approx(2, rel=1e-3)
    assert d.jump[1] == 0


@pytest.mark.parametrize("f", [np.sign, lambda x: (x > 0) * 1.0, lambda x: np.sqrt(np.abs(x)), np.sqrt])
def test_where_there_is_no_derivative_the_bound_is_infinite(f):
    assert np.isinf(differences(f, np.array(0.0), ONE).error)


def test_too_fast_to_be_resolved_is_not_believed():
    assert np.isinf(differences(lambda x: np.sin(1e8 * x), ONE, ONE).error)


def test_noise_sees_a_narrow_type_inside():
    x = np.array(1.0)
    assert noise(np.sin, x, ONE) < 1e-15
    assert 1e-9 < noise(lambda x: np.sin(x.astype(np.float32)), x, ONE) < 1e-6


def test_complex_step_is_exact():
    x = np.array([0.1, 1.0, 3.0])
    v = np.array([1.0, -2.0, 0.5])
    d = complex_step(lambda x: np.exp(x) * np.sin(x), x, v)
    assert np.allclose(d.value, np.exp(x) * (np.sin(x) + np.cos(x)) * v, rtol=4e-16, atol=0)


def test_complex_step_refuses_what_it_cannot_do():
    with pytest.raises(TypeError, match="gave float64"):
        complex_step(np.abs, ONE, ONE)
    with pytest.raises(TypeError, match="real point"):
        complex_step(np.exp, np.array(1j), ONE)


@pytest.mark.parametrize(
    ("f", "method"),
    [
        (np.tanh, "complex step"),
        (np.abs, "differences"),  # real for a complex argument
        (lambda x: x + np.abs(x), "differences"),  # complex, and wrong
        (lambda x: np.real(x) * x, "differences"),
        (lambda x: np.interp(x, [0, 1, 4], [0, 1, 2]), "differences"),  # raises for a complex argument
    ],
)
def test_directional_uses_the_complex_step_only_where_it_is_right(f, method):
    d = directional(f, np.array([0.5, 2.0]), np.array([1.0, 1.0]))
    assert d.method == method
    h = 1e-6
    x = np.array([0.5, 2.0])
    assert np.allclose(d.value, (f(x + h) - f(x - h)) / (2 * h), atol=1e-7)


def test_a_kink_is_not_hidden_by_a_complex_step_to_its_middle():
    def f(x):
        return np.where(np.real(x) > 0, x, np.where(np.real(x) < 0, 0, x / 2))

    assert complex_step(f, np.array(0.0), ONE).value == 0.5
    assert directional(f, np.array(0.0), ONE).jump == pytest.approx(1)


def test_one_bad_element_makes_a_function_not_analytic():
    def f(x):
        return np.where(np.arange(50) == 17, x + np.abs(x), x**2)

    assert not is_analytic(f, np.linspace(0.1, 1, 50))
    assert is_analytic(np.square, np.linspace(0.1, 1, 50))


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (1, 1), (0,), (2, 0)])
def test_jacobian_of_any_shape(shape):
    x = np.linspace(0.5, 1.5, int(np.prod(shape))).reshape(shape)
    J = jacobian(np.sin, x)
    assert J.value.shape == shape + shape
    assert np.allclose(J.value.reshape(x.size, x.size), np.diag(np.cos(x).ravel()), atol=1e-12)


def test_jacobian_without_a_complex_step():
    x = np.array([0.5, -2.0, 1.0])
    J = jacobian(lambda x: np.abs(x)[::-1] * x, x)
    assert J.method == "differences"
    expected = np.diag(np.abs(x)[::-1]) + (x[:, None] * np.sign(x) * np.eye(3)[::-1])
    assert np.all(np.abs(J.value - expected) <= J.error)
    assert np.max(J.error) < 1e-10


def test_complex_arguments_are_pairs_of_reals():
    z = np.array([1 + 2j, 0.5 - 1j])
    J = jacobian(lambda z: np.abs(z) ** 2, z)
    assert J.value.shape == (2, 2, 2)
    assert np.allclose(J.value, 2 * np.eye(2)[:, :, None] * np.stack([z.real, z.imag], -1), atol=1e-10)
    assert [v.tolist() for v in basis(np.zeros(1, complex))] == [[1], [1j]]


def test_complex_outputs():
    d = differences(lambda z: z**3, np.array(1 + 1j), np.array(1j))
    assert abs(d.value - 3 * (1 + 1j) ** 2 * 1j) <= d.error < 1e-10


def test_along_gives_a_column_a_direction():
    x = np.array([1.0, 2.0])
    found = along(lambda x: np.array([x[0] * x[1], x[0], x[1]]), x, [np.array([1.0, 0.0]), np.array([1.0, 1.0])])
    assert np.allclose(found.value, [[2, 3], [1, 1], [0, 1]], atol=1e-14)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_ulp_distance_counts_neighbours(dtype):
    x = np.array([1.0, -3.5, 0.0], dtype)
    y = x
    for _ in range(3):
        y = np.nextafter(y, np.array(np.inf, dtype))
    assert ulp_distance(x, y).tolist() == [3, 3, 3]
    assert ulp_distance(y, x).tolist() == [3, 3, 3]


def test_ulp_distance_at_the_edges():
    assert ulp_distance(0.0, -0.0) == 0
    assert ulp_distance(5e-324, -5e-324) == 2
    assert ulp_distance(np.nan, np.nan) == 0
    assert ulp_distance(np.nan, 1.0) == 2**64 - 1
    assert ulp_distance(np.inf, np.finfo(float).max) == 1
    assert ulp_distance(-np.inf, np.inf) == 2 * 0x7FF0000000000000
    assert ulp_distance(1 + 1j, 1 + (1 + 2**-52) * 1j) == 1
    assert ulp_distance(np.float32(1), 1 + 1e-12) == 0  # in the coarser of the two


def test_rounding_grows_with_size_and_coarseness_and_stops():
    assert rounding(100, 3.0, float) == pytest.approx(8 * 2**-52 * 10 * 3)
    assert rounding(1, 1.0, np.zeros(2, np.float32), float) == pytest.approx(8 * 2**-23)
    assert rounding(10**9, 2.0, np.float16) == pytest.approx(0.1)  # a twentieth
    assert rounding(5, 1.0, int) == 0
    assert epsilon(np.complex64, float) == 2**-23
