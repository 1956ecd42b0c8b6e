"""Linear algebra at its hard places, one by one. Decompositions are tested by losses that do not see their gauge."""

from __future__ import annotations

from fractions import Fraction
from itertools import permutations

import numpy as np
import pytest
from gradient_checks import assert_gradient, numeric_gradient

from tinygrad_np import Tensor, grad, hessian, trace

rng = np.random.default_rng(0)


def normal(*shape):
    return rng.normal(size=shape)


def complex_normal(*shape):
    return normal(*shape) + 1j * normal(*shape)


def leaf(x):
    return Tensor(np.asarray(x), requires_grad=True)


def real_sum(z):
    return np.sum(np.real(z)) + 0.3 * np.sum(np.imag(z))


def square(z):
    """|z|^2, smooth at 0."""
    return np.real(z) ** 2 + np.imag(z) ** 2


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
    f = lambda t: np.linalg.det(a + t * b)  # noqa: E731
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
    assert_gradient(lambda a: real_sum(np.linalg.det(a)), complex_normal(3, 2) @ complex_normal(2, 3))


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
    f = lambda left: np.sum(weights * np.linalg.pinv(left @ right, 1e-9))  # noqa: E731
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
    loss = lambda x, y: sum(np.sum(np.sin(v)) for v in (np.linalg.lstsq(x, y)[i] for i in (0, 1, 3)))  # noqa: E731
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
    f = lambda a: np.sum(np.sin(np.linalg.tensorsolve(a, b, axes=(0,))))  # noqa: E731
    np.testing.assert_allclose(f(leaf(a)).data, f(a))
    assert_gradient(f, a)
    with pytest.raises(ValueError, match="must be positive; got 0"):
        np.linalg.tensorinv(leaf(a), ind=0)


# Symmetric matrices

SYMMETRIC = np.array([[2.0, 0.3, -0.5], [0.3, 1.5, 0.2], [-0.5, 0.2, 1.0]])


@pytest.mark.parametrize("f", [np.linalg.cholesky, lambda a: np.linalg.eigh(a)[1], np.linalg.eigvalsh])
def test_the_gradient_at_a_symmetric_matrix_is_symmetric(f):
    weights = normal(3, 3)
    g = grad(lambda a: np.sum(weights * f(a)))(SYMMETRIC)
    np.testing.assert_allclose(g, g.T, rtol=1e-12)
    np.testing.assert_allclose(
        g, numeric_gradient(lambda a: np.sum(weights * f((a + a.T) / 2)), SYMMETRIC), rtol=1e-6, atol=1e-8
    )


@pytest.mark.parametrize(
    ("f", "read"),
    [
        (np.linalg.cholesky, np.tril),
        (lambda a: np.linalg.cholesky(a, upper=True), np.triu),
        (lambda a: np.linalg.eigvalsh(a), np.tril),
        (lambda a: np.linalg.eigvalsh(a, "U"), np.triu),
        (lambda a: square(np.linalg.eigh(a, UPLO="U")[1]), np.triu),
    ],
)
def test_of_a_matrix_that_is_not_symmetric_one_triangle_is_read(f, read):
    """As by NumPy; that triangle then has all of the gradient."""
    a = (
        SYMMETRIC
        + read(np.zeros((3, 3)))
        + (np.triu(np.ones((3, 3)), 1) if read is np.tril else np.tril(np.ones((3, 3)), -1))
    )
    np.testing.assert_allclose(f(leaf(a)).data, f(a), rtol=1e-12)
    weights = normal(*f(a).shape)
    g = grad(lambda a: np.sum(weights * f(a)))(a)
    np.testing.assert_array_equal(g, read(g))
    np.testing.assert_allclose(g, numeric_gradient(lambda a: np.sum(weights * f(a)), a), rtol=1e-6, atol=1e-8)


def test_cholesky_of_a_product():
    weights = normal(3, 3)
    assert_gradient(lambda b: np.sum(weights * np.linalg.cholesky(b @ b.T)), normal(3, 3) + 2 * np.eye(3))


def test_cholesky_of_no_positive_matrix():
    with pytest.raises(np.linalg.LinAlgError, match="not positive definite"):
        np.linalg.cholesky(leaf(-np.eye(2)))


@pytest.mark.parametrize(
    "a", [np.eye(3), np.diag([1.0, 1, 2]), np.zeros((2, 2)), np.ones((3, 3))], ids=["eye", "1 1 2", "zero", "ones"]
)
def test_repeated_eigenvalues_in_a_loss_that_treats_them_alike(a):
    np.testing.assert_allclose(grad(lambda a: np.sum(np.linalg.eigvalsh(a) ** 2))(a), 2 * a, atol=1e-13)
    np.testing.assert_allclose(grad(lambda a: np.sum(np.linalg.eigh(a)[0] ** 3))(a), 3 * a @ a, atol=1e-13)


@pytest.mark.parametrize("seed", range(4))
def test_the_projector_of_a_repeated_eigenvalue(seed):
    """Of eigenvalues 1 and 3 in a turned frame, apart by rounding alone: smooth, as the gap between 1 and 3 stays."""
    rng = np.random.default_rng(seed)
    q = np.linalg.qr(rng.normal(size=(8, 8)))[0]
    a = (q * np.repeat([1.0, 3.0], 4)) @ q.T
    a = (a + a.T) / 2
    weights = rng.normal(size=(8, 8))
    weights = 1e3 * (weights + weights.T)

    def loss(a):
        v = np.linalg.eigh(a)[1][:, :4]
        return np.sum(weights * (v @ v.T))

    low, high = q[:, :4] @ q[:, :4].T, q[:, 4:] @ q[:, 4:].T
    expected = -(low @ weights @ high + high @ weights @ low) / 2  # first order perturbation of a projector
    np.testing.assert_allclose(grad(loss)(a), expected, rtol=1e-9, atol=1e-9)


def test_an_unknown_triangle():
    with pytest.raises(ValueError, match="'L' or 'U'; got 'X'"):
        np.linalg.eigvalsh(leaf(np.eye(2)), "X")


# Singular values


@pytest.mark.parametrize("shape", [(3, 3), (4, 3), (3, 4), (2, 4, 3)])
@pytest.mark.parametrize("full", [False, True])
def test_what_is_put_together_again_has_the_gradient_of_what_was_taken_apart(shape, full):
    a, weights = normal(*shape), normal(*shape)

    def again(a):
        u, s, vh = np.linalg.svd(a, full_matrices=full)
        k = s.shape[-1]
        return np.sum(weights * ((u[..., :k] * s[..., None, :]) @ vh[..., :k, :]))

    np.testing.assert_allclose(grad(again)(a), weights, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("a", [np.eye(3), np.diag([2.0, 2, 1]), -np.eye(2)], ids=["eye", "2 2 1", "minus eye"])
def test_the_orthogonal_factor_where_singular_values_repeat(a):
    """u vh does not see how vectors of one singular value are chosen, and is smooth there."""
    weights = normal(*a.shape)

    def polar(a):
        u, _, vh = np.linalg.svd(a)
        return np.sum(weights * (u @ vh))

    assert_gradient(polar, a, 1e-6)


def test_the_derivative_of_a_vanishing_singular_value_is_zero():
    """As that of abs at 0; so the nuclear norm has its subgradient of least norm."""
    a = np.array([[1.0, 2.0], [2.0, 4.0]])
    np.testing.assert_allclose(grad(lambda a: np.linalg.svdvals(a)[1])(a), np.zeros((2, 2)), atol=1e-15)
    np.testing.assert_allclose(grad(lambda a: np.linalg.norm(a, "nuc"))(a), a / 5)


def test_svd_of_a_symmetric_matrix_reads_a_triangle():
    a = np.array([[2.0, 9.0], [0.5, 1.0]])
    got = np.linalg.svd(leaf(a), hermitian=True)
    expected = np.linalg.svd(a, hermitian=True)
    np.testing.assert_allclose(got.S.data, expected.S)
    np.testing.assert_allclose(np.linalg.svd(leaf(a), compute_uv=False, hermitian=True).data, expected.S)


# QR


@pytest.mark.parametrize("shape", [(3, 3), (4, 3), (3, 4), (2, 4, 2)])
@pytest.mark.parametrize("mode", ["reduced", "complete", "r"])
def test_qr_in_every_mode(shape, mode):
    a = normal(*shape)
    m, k = shape[-2], min(shape[-2:])
    weights, seen = normal(*shape), normal(m, m)

    def loss(a):
        result = np.linalg.qr(a, mode)
        if mode == "r":
            return np.sum(weights[..., :k, :] * result)
        q, r = result
        rest = q[..., k:]  # known as a subspace only
        return (
            np.sum(seen[:, :k] * q[..., :k])
            + np.sum(weights[..., :k, :] * r[..., :k, :])
            + np.sum(seen * (rest @ rest.mT))
        )

    np.testing.assert_allclose(loss(leaf(a)).data, loss(a), rtol=1e-12)
    assert_gradient(loss, a, 1e-6)


def test_qr_of_reflectors_is_refused():
    with pytest.raises(ValueError, match="'reduced', 'complete' and 'r'; got 'raw'"):
        np.linalg.qr(leaf(np.eye(2)), "raw")


# Complex matrices: dL/dRe + i dL/dIm, by losses that do not see phases

N = 3
T = complex_normal(N, N)
R = normal(N, N)
TALL, WIDE = complex_normal(4, 3), complex_normal(3, 4)
GENERAL = complex_normal(N, N)
POSITIVE = GENERAL @ GENERAL.conj().T + 5 * np.eye(N)


def of_hermitian(f):
    return lambda a: f((a + np.conj(a).mT) / 2)


def complement(q, k):
    return real_sum(T[0, 0] * (q[:, k:] @ np.conj(q[:, k:]).mT) ** 2)


def svd_loss(full):
    def loss(a):
        u, s, vh = np.linalg.svd(a, full_matrices=full)
        whole = (u[:, :N] * (s**2 + R[0])) @ vh[:N]
        return real_sum(whole**2) + complement(u, N) + complement(np.conj(vh).mT, N) + np.sum(R * square(vh[:N, :N]))

    return loss


COMPLEX = {
    "inv": (lambda a: real_sum(T * np.linalg.inv(a)), GENERAL),
    "solve": (lambda a: real_sum(T * np.linalg.solve(a, T @ a)), GENERAL),
    "det": (lambda a: real_sum(np.linalg.det(a) ** 2), GENERAL),
    "slogdet": (lambda a: real_sum(np.linalg.slogdet(a)[0] * (1 + 2j)) + np.linalg.slogdet(a)[1], GENERAL),
    "cholesky": (of_hermitian(lambda a: real_sum(T * np.linalg.cholesky(a))), POSITIVE),
    "cholesky upper": (of_hermitian(lambda a: real_sum(T * np.linalg.cholesky(a, upper=True))), POSITIVE),
    "eigh": (
        of_hermitian(lambda a: np.sum(R * square(np.linalg.eigh(a)[1])) + np.sum(R[0] * np.linalg.eigh(a)[0])),
        POSITIVE,
    ),
    "eigvalsh": (of_hermitian(lambda a: np.sum(R[0] * np.linalg.eigvalsh(a, "U"))), POSITIVE),
    "svd tall": (svd_loss(False), TALL),
    "svd wide": (svd_loss(False), WIDE),
    "svd square": (svd_loss(False), GENERAL),
    "svd full tall": (svd_loss(True), TALL),
    "svd full wide": (svd_loss(True), WIDE),
    "svdvals": (lambda a: np.sum(R[0] * np.linalg.svdvals(a)), TALL),
    "qr tall": (lambda a: real_sum(T @ np.linalg.qr(a).R) + real_sum(np.linalg.qr(a).Q), TALL),
    "qr wide": (lambda a: real_sum(T @ np.linalg.qr(a).R) + real_sum(np.linalg.qr(a).Q), WIDE),
    "qr complete": (
        lambda a: complement(np.linalg.qr(a, "complete").Q, N) + real_sum(np.linalg.qr(a, "complete").Q[:, :N]),
        TALL,
    ),
    "pinv tall": (lambda a: real_sum(T @ np.linalg.pinv(a)), TALL),
    "pinv wide": (lambda a: real_sum(np.linalg.pinv(a) @ T), WIDE),
    "lstsq": (
        lambda a: real_sum(np.linalg.lstsq(a, TALL[:, 0] ** 2)[0]) + np.sum(np.linalg.lstsq(a, TALL[:, 0] ** 2)[1]),
        TALL,
    ),
    "eig": (lambda a: np.sum(R * square(np.linalg.eig(a)[1])) + real_sum(R[0] * np.linalg.eig(a)[0]), GENERAL),
    "eigvals": (lambda a: real_sum(T[0] * np.linalg.eigvals(a)), GENERAL),
    "norms": (
        lambda a: (
            np.linalg.norm(a) + np.linalg.norm(a, 2) + np.linalg.norm(a, 1) + np.sum(np.linalg.norm(a, 3, axis=0))
        ),
        GENERAL,
    ),
}


@pytest.mark.parametrize("name", COMPLEX)
def test_complex_gradients_of_first_and_second_order(name):
    f, a = COMPLEX[name]
    assert_gradient(f, a, 1e-6)
    direction = complex_normal(*a.shape)

    def along(a):
        g = grad(f)(a)
        return np.sum(np.real(g) * direction.real + np.imag(g) * direction.imag)

    assert_gradient(along, a, 1e-5)


def test_complex_eigenvalues_of_a_real_matrix():
    a = np.array([[0.0, 1.0, 0.3], [-1.0, 0.2, 0.4], [0.1, 0.5, 2.0]])
    assert np.linalg.eigvals(a).dtype.kind == "c"
    assert_gradient(lambda a: np.sum(square(np.linalg.eigvals(a))) + np.sum(R * square(np.linalg.eig(a)[1])), a)
    assert grad(lambda a: np.sum(square(np.linalg.eigvals(a))))(a).dtype == np.float64


# Norms


@pytest.mark.parametrize("ord", [None, 1, 2, 3, 0.5, -1, -2, np.inf, -np.inf])
def test_the_gradient_of_a_norm_of_zero_is_zero(ord):
    np.testing.assert_array_equal(grad(lambda x: np.linalg.norm(x, ord))(np.zeros(2)), np.zeros(2))


@pytest.mark.parametrize("ord", [None, "fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf])
def test_the_gradient_of_a_norm_of_a_zero_matrix_is_zero(ord):
    np.testing.assert_array_equal(grad(lambda x: np.linalg.norm(x, ord))(np.zeros((2, 3))), np.zeros((2, 3)))


def test_ties_share_the_gradient_of_a_norm():
    np.testing.assert_array_equal(grad(lambda x: np.linalg.norm(x, np.inf))(np.array([1.0, -1.0, 0.5])), [0.5, -0.5, 0])
    np.testing.assert_array_equal(
        grad(lambda x: np.linalg.norm(x, -np.inf))(np.array([2.0, -1.0, 1.0])), [0, -0.5, 0.5]
    )
    np.testing.assert_array_equal(
        grad(lambda x: np.linalg.norm(x, np.inf))(np.array([[1.0, 1], [2, 0]])), [[0.5, 0.5], [0.5, 0]]
    )
    np.testing.assert_allclose(grad(lambda x: np.linalg.norm(x, 2))(np.eye(2)), np.eye(2) / 2)


def test_zeros_inside_a_vector():
    x = np.array([3.0, 0.0, 4.0])
    np.testing.assert_allclose(grad(np.linalg.norm)(x), [0.6, 0, 0.8])
    np.testing.assert_array_equal(grad(lambda x: np.linalg.norm(x, 1))(x), [1, 0, 1])
    for ord in (0.5, 1.5, 3):
        g = grad(lambda x, ord=ord: np.linalg.norm(x, ord))(x)
        assert g[1] == 0
        np.testing.assert_allclose(np.sum(g * x), np.linalg.norm(x, ord))  # Euler: a norm is homogeneous
    with np.errstate(divide="ignore"):
        np.testing.assert_array_equal(grad(lambda x: np.linalg.norm(x, -1))(x), np.zeros(3))


def test_hessian_of_a_norm():
    x = np.array([3.0, 4.0])
    np.testing.assert_allclose(hessian(np.linalg.norm)(x), (np.eye(2) - np.outer(x, x) / 25) / 5)


def test_counting_is_no_norm_to_differentiate():
    y = np.linalg.norm(leaf([1.0, 0.0, 2.0]), 0)
    assert (float(y), y.requires_grad, y.dtype) == (2.0, False, np.float64)


@pytest.mark.parametrize("axis", [None, 0, -1, (0, 2), (2, 0), (-1, -2)])
@pytest.mark.parametrize("ord", [None, 1, -1, 2, -2, np.inf, -np.inf, "nuc", 3])
@pytest.mark.parametrize("keepdims", [False, True])
def test_norms_are_numpys_in_every_form(axis, ord, keepdims):
    a = normal(2, 3, 2)
    try:
        expected = np.linalg.norm(a, ord, axis, keepdims)
    except ValueError:
        with pytest.raises(ValueError, match="norm"):
            np.linalg.norm(leaf(a), ord, axis, keepdims)
        return
    got = np.linalg.norm(leaf(a), ord, axis, keepdims)
    np.testing.assert_allclose(got.data, expected, rtol=1e-13)
    assert got.shape == np.shape(expected)
    weights = normal(*got.shape)
    assert_gradient(lambda a: np.sum(weights * np.linalg.norm(a, ord, axis, keepdims)), a, 1e-6)


def test_norm_of_integers():
    assert float(np.linalg.norm(Tensor([3, 4]))) == 5.0
    assert float(np.linalg.vector_norm(Tensor([3, 4]), ord=1)) == 7.0


def test_cond_of_a_singular_matrix():
    a = np.diag([1.0, 0.0])
    assert float(np.linalg.cond(leaf(a))) == np.inf
    assert float(np.linalg.cond(leaf(a), -2)) == 0.0
    with pytest.raises(np.linalg.LinAlgError):
        np.linalg.cond(leaf(a), 1)


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
    ]
    + [
        lambda a: np.linalg.svd(a)[0],
        lambda a: np.linalg.qr(a)[1],
        np.linalg.cholesky,
        np.linalg.norm,
        np.linalg.eigvals,
    ],
)
def test_single_precision_stays(f):
    a = leaf(SYMMETRIC.astype(np.float32))
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
