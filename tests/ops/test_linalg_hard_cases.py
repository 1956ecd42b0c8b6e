"""Determinants, systems and powers of matrices at their hard places, one by one."""

from __future__ import annotations

from fractions import Fraction
from itertools import permutations

import numpy as np
import pytest
from gradient_checks import assert_gradient, leaf, real_sum

from tinygrad_np import grad, hessian, trace

rng = np.random.default_rng(0)


def normal(*shape):
    return rng.normal(size=shape)


# Determinants


def exact_det(a):
    """By the sum over permutations, in rational numbers."""
    n = len(a)
    total = Fraction(0)
    for p in permutations(range(n)):
        sign = (-1) ** sum(p[i] > p[j] for i in range(n) for j in range(i + 1, n))
        total += sign * np.prod([Fraction(a[i][p[i]]) for i in range(n)])
    return total


def exact_cofactors(a):
    """From the minors, in rational numbers."""
    a = [[Fraction(float(v)) for v in row] for row in a]

    def minor(i, j):
        return [[v for c, v in enumerate(row) if c != j] for r, row in enumerate(a) if r != i]

    return np.array([[float((-1) ** (i + j) * exact_det(minor(i, j))) for j in range(len(a))] for i in range(len(a))])


def test_det_of_a_singular_matrix():
    np.testing.assert_allclose(grad(np.linalg.det)(np.array([[1.0, 2.0], [2.0, 4.0]])), [[4, -2], [-2, 1]], rtol=1e-14)


@pytest.mark.parametrize(
    "a",
    [
        [[1, 2, 3], [4, 5, 6], [7, 8, 9]],
        [[1, 2, 3], [2, 4, 6], [3, 6, 9]],
        [[0, 0, 0], [0, 0, 0], [0, 0, 1]],
        [[0, 0], [0, 0]],
        [[3]],
        [[0]],
        [[1, 1, 0, 0], [1, 1 + 2**-40, 0, 0], [0, 0, 3, 1], [0, 0, 1, 2]],
        [[1, 1, 1, 1], [1, 2, 4, 8], [1, 3, 9, 27], [3, 6, 14, 36]],
        [[1e-200, 0, 0], [0, 1e-8, 0], [0, 0, 1e8]],
        [[2, 1, 0, 0], [1, 2, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]],
    ],
    ids=[
        "rank 2",
        "rank 1",
        "one element",
        "zero",
        "number",
        "zero number",
        "nearly",
        "4 of rank 3",
        "graded",
        "rank n - 2",
    ],
)
def test_gradient_of_det_is_the_cofactors_whatever_the_rank(a):
    a = np.array(a, float)
    expected = exact_cofactors(a)
    np.testing.assert_allclose(
        grad(np.linalg.det)(a), expected, rtol=1e-12, atol=1e-13 * np.abs(a).max() ** (len(a) - 1)
    )


def test_a_batch_of_regular_and_singular_matrices():
    a = np.stack([np.diag([1.0, 2, 3]), np.diag([1.0, 2, 0]), np.diag([1.0, 0, 0]), np.zeros((3, 3))])
    expected = np.stack([np.diag(d) for d in ([6.0, 3, 2], [0, 0, 2], [0, 0, 0], [0, 0, 0])])
    np.testing.assert_allclose(grad(lambda a: np.sum(np.linalg.det(a)))(a), expected, atol=1e-14)


@pytest.mark.parametrize("a", [[[1, 2, 3], [4, 5, 6], [7, 8, 9]], np.ones((3, 3)), np.diag([1.0, 0, 0]), np.eye(3)])
def test_higher_derivatives_of_det_where_it_is_singular(a):
    """Along a line det is a polynomial, whose coefficients are known exactly."""
    a, b = np.array(a, float), np.array([[1.0, -2, 0], [3, 1, 1], [0, 2, -1]])
    at = [float(exact_det((a + t * b).tolist())) for t in range(4)]
    coefficients = np.polynomial.polynomial.polyfit(range(4), at, 3)
    f = lambda t: np.linalg.det(a + t * b)
    for k, factor in enumerate((1, 1, 2, 6)):
        np.testing.assert_allclose(f(np.array(0.0)), coefficients[k] * factor, atol=1e-11)
        f = grad(f)


def test_hessian_of_det_at_zero():
    expected = np.zeros((2, 2, 2, 2))
    expected[0, 0, 1, 1] = expected[1, 1, 0, 0] = 1
    expected[0, 1, 1, 0] = expected[1, 0, 0, 1] = -1
    np.testing.assert_array_equal(hessian(np.linalg.det)(np.zeros((2, 2))), expected)


@pytest.mark.parametrize("a", [np.zeros((3, 3)), np.diag([2.0, 0, 0, 0])])
def test_the_first_two_derivatives_of_det_vanish_at_rank_n_minus_3(a):
    n = len(a)
    np.testing.assert_array_equal(hessian(np.linalg.det)(a), np.zeros((n, n, n, n)))


def test_complex_det_of_a_singular_matrix():
    assert_gradient(lambda a: real_sum(np.linalg.det(a)), (normal(3, 2) + 1j * normal(3, 2)) @ normal(2, 3))


def test_det_of_no_rows_is_one():
    x = leaf(np.zeros((2, 0, 0)))
    y = np.linalg.det(x)
    np.testing.assert_array_equal(y.data, [1.0, 1.0])
    y.sum().backward()
    assert x.grad.shape == (2, 0, 0)


def test_slogdet_far_out_of_the_range_of_det():
    a = np.eye(400) * 1e-3 + np.ones((400, 400)) * 1e-5
    assert np.linalg.det(a) == 0
    np.testing.assert_allclose(grad(lambda a: np.linalg.slogdet(a)[1])(a), np.linalg.inv(a).T, rtol=1e-9, atol=1e-9)


def test_results_have_the_names_numpy_gives_them():
    a = leaf(np.diag([1.0, 2.0, 3.0]))
    assert np.linalg.slogdet(a).sign.data == 1
    np.testing.assert_array_equal(np.linalg.eigh(a).eigenvalues.data, [1, 2, 3])
    assert np.linalg.eig(a).eigenvectors.shape == np.linalg.qr(a).Q.shape == np.linalg.svd(a).Vh.shape == (3, 3)


# Systems


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ((3, 3), (3,)),
        ((2, 3, 3), (3,)),
        ((3, 3), (3, 2)),
        ((2, 3, 3), (2, 3, 1)),
        ((3, 3), (4, 2, 3, 2)),
        ((2, 1, 3, 3), (4, 3, 2)),
    ],
)
def test_solve_reads_one_axis_as_a_vector_and_more_as_matrices(a, b):
    x, y = normal(*a) + 4 * np.eye(3), normal(*b)
    expected = np.linalg.solve(x, y)
    weights = normal(*expected.shape)
    np.testing.assert_allclose(np.linalg.solve(leaf(x), leaf(y)).data, expected, rtol=1e-12)
    assert_gradient(lambda x: np.sum(weights * np.linalg.solve(x, y)), x)
    assert_gradient(lambda y: np.sum(weights * np.linalg.solve(x, y)), y)


def test_a_stack_of_vectors_is_no_right_hand_side():
    with pytest.raises(ValueError, match=r"solve: a of shape \(2, 3, 3\), b of shape \(2, 3\)"):
        np.linalg.solve(leaf(np.stack([np.eye(3)] * 2)), np.ones((2, 3)))


def test_singular_systems_name_the_op_and_the_line():
    with pytest.raises(np.linalg.LinAlgError, match=r"inv: .*Singular matrix \(at test_linalg_hard_cases"):
        np.linalg.inv(leaf(np.ones((2, 2))))


@pytest.mark.parametrize("shape", [(4, 3), (3, 4), (3, 3)])
@pytest.mark.parametrize("rank", [1, 2])
def test_pinv_of_any_rank(shape, rank):
    """Its gradient is that along matrices of one rank: here all products of two thin factors."""
    left, right = normal(shape[0], rank), normal(rank, shape[1])
    weights = normal(*shape[::-1])
    f = lambda left: np.sum(weights * np.linalg.pinv(left @ right, 1e-9))
    assert_gradient(f, left)
    assert_gradient(lambda left: np.sum(np.sin(grad(f)(left))), left, 1e-5)


def test_pinv_keeps_what_rcond_says():
    a = np.diag([1.0, 1e-3])
    np.testing.assert_allclose(np.linalg.pinv(leaf(a), rcond=1e-2).data, np.diag([1.0, 0.0]))
    np.testing.assert_allclose(np.linalg.pinv(leaf(a), rtol=1e-2).data, np.diag([1.0, 0.0]))
    np.testing.assert_allclose(np.linalg.pinv(leaf(a), hermitian=True).data, np.diag([1.0, 1e3]))
    np.testing.assert_allclose(np.linalg.pinv(leaf(np.diag([1.0, 1e-20])), rtol=None).data, np.diag([1.0, 0.0]))


@pytest.mark.parametrize(("a", "b"), [((5, 3), (5,)), ((5, 3), (5, 2)), ((3, 5), (3,)), ((3, 3), (3, 1))])
def test_lstsq_gives_what_numpy_gives(a, b):
    x, y = normal(*a), normal(*b)
    for got, expected in zip(np.linalg.lstsq(leaf(x), y), np.linalg.lstsq(x, y), strict=True):
        np.testing.assert_allclose(getattr(got, "data", got), expected, rtol=1e-10, atol=1e-12)
        assert np.shape(got) == np.shape(expected)
    loss = lambda x, y: sum(np.sum(np.sin(v)) for v in (np.linalg.lstsq(x, y)[i] for i in (0, 1, 3)))
    assert_gradient(lambda x: loss(x, y), x, 1e-6)
    assert_gradient(lambda y: loss(x, y), y, 1e-6)


def test_lstsq_of_too_low_a_rank_has_no_residuals():
    a = np.outer([1.0, 2, 3], [1.0, 1])
    x, residuals, rank, s = np.linalg.lstsq(leaf(a), np.ones(3))
    expected = np.linalg.lstsq(a, np.ones(3))
    np.testing.assert_allclose(x.data, expected[0])
    assert (residuals.shape, rank) == ((0,), 1)
    np.testing.assert_allclose(s.data, expected[3], atol=1e-14)


def test_lstsq_takes_one_matrix():
    with pytest.raises(np.linalg.LinAlgError, match="one matrix a"):
        np.linalg.lstsq(leaf(np.ones((2, 3, 3))), np.ones((2, 3)))


@pytest.mark.parametrize("n", [-3, -1, 0, 1, 2, 5, 6])
def test_matrix_power(n):
    a = normal(2, 3, 3) + 3 * np.eye(3)
    np.testing.assert_allclose(
        np.linalg.matrix_power(leaf(a), n).data, np.linalg.matrix_power(a, n), rtol=1e-12, atol=1e-12
    )
    if n:
        assert_gradient(lambda a: np.sum(np.sin(np.linalg.matrix_power(a, n) / 4.0**n)), a)


def test_matrix_power_refuses_what_has_no_meaning():
    with pytest.raises(np.linalg.LinAlgError, match=r"square matrices; got shape \(2, 3\)"):
        np.linalg.matrix_power(leaf(np.ones((2, 3))), 2)
    with pytest.raises(TypeError):
        np.linalg.matrix_power(leaf(np.eye(2)), 0.5)


def test_multi_dot_takes_the_cheapest_order():
    a, b, c = np.ones((10, 300)), np.ones((300, 2)), np.ones((2, 40))
    tape = trace(lambda a, b, c: np.linalg.multi_dot([a, b, c]), a, b, c)
    assert [r.shape for r in tape.records] == [(10, 2), (10, 40)]
    tape = trace(lambda a, b, c: np.linalg.multi_dot([c, b, a]), a.T, b.T, c.T)
    assert [r.shape for r in tape.records] == [(2, 10), (40, 10)]
    with pytest.raises(ValueError, match="two arrays or more; got 1"):
        np.linalg.multi_dot([leaf(a)])


def test_tensorinv_and_tensorsolve_invert_tensordot():
    a = normal(4, 2, 2) + np.eye(4).reshape(4, 2, 2) * 3
    inverse = np.linalg.tensorinv(leaf(a), ind=1)
    np.testing.assert_allclose(np.tensordot(inverse.data, a, 1).reshape(4, 4), np.eye(4), atol=1e-12)
    b = normal(2, 2)
    f = lambda a: np.sum(np.sin(np.linalg.tensorsolve(a, b, axes=(0,))))
    np.testing.assert_allclose(f(leaf(a)).data, f(a))
    assert_gradient(f, a)
    with pytest.raises(ValueError, match="must be positive; got 0"):
        np.linalg.tensorinv(leaf(a), ind=0)


# Of all functions of matrices


def test_trace_and_diagonal_of_the_linalg_namespace_are_of_the_last_axes():
    a = normal(2, 3, 4)
    np.testing.assert_allclose(np.linalg.trace(leaf(a), offset=1).data, np.linalg.trace(a, offset=1))
    np.testing.assert_array_equal(np.linalg.diagonal(leaf(a), offset=-1).data, np.linalg.diagonal(a, offset=-1))


@pytest.mark.parametrize(
    "f",
    [
        np.linalg.inv,
        np.linalg.det,
        lambda a: np.linalg.slogdet(a)[1],
        np.linalg.pinv,
        lambda a: np.linalg.eigh(a)[1],
        np.linalg.svdvals,
        lambda a: np.linalg.svd(a)[0],
        lambda a: np.linalg.qr(a)[1],
        np.linalg.cholesky,
        np.linalg.norm,
        np.linalg.eigvals,
    ],
)
def test_single_precision_stays(f):
    a = leaf(np.array([[2, 0.3, -0.5], [0.3, 1.5, 0.2], [-0.5, 0.2, 1]], np.float32))
    y = f(a)
    assert y.dtype == np.float32
    tape = trace(lambda g: grad(lambda a: np.sum(f(a)))(g), a.data)
    assert {r.dtype for r in tape.records if r.dtype is not None and r.dtype.kind == "f"} == {np.dtype(np.float32)}


@pytest.mark.parametrize(
    "f",
    [
        lambda a: np.linalg.svd(a, full_matrices=False)[0],
        lambda a: np.linalg.qr(a)[1],
        np.linalg.pinv,
        np.linalg.svdvals,
    ],
)
@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (2, 0, 3), (0, 3, 3)])
def test_nothing_has_a_gradient_of_nothing(f, shape):
    x = leaf(np.zeros(shape))
    np.sum(f(x)).backward()
    assert x.grad.shape == shape
