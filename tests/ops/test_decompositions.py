"""Decompositions of matrices, by losses that do not see their gauge; complex matrices in all of linear algebra."""

from __future__ import annotations

import numpy as np
import pytest
from gradient_checks import assert_gradient, leaf, numeric_gradient, real_sum, square

from tinygrad_np import check_grads, grad

rng = np.random.default_rng(0)


def normal(*shape):
    return rng.normal(size=shape)


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


@pytest.mark.parametrize("upper", [False, True])
def test_of_a_matrix_stored_as_a_triangle_that_is_read(upper):
    """However small the elements beside the diagonal are."""
    a = np.eye(3) + 1e-3 * SYMMETRIC
    stored = np.triu(a) if upper else np.tril(a)
    f = lambda a: np.linalg.cholesky(a, upper=upper)
    np.testing.assert_allclose(f(leaf(stored)).data, f(a), rtol=1e-14)
    g = grad(lambda a: np.sum(f(a)))(stored)
    half = grad(lambda a: np.sum(f(a)))(a)
    np.testing.assert_allclose(g, 2 * (np.triu(half) if upper else np.tril(half)) - np.diag(np.diag(half)), rtol=1e-12)


@pytest.mark.parametrize("a", [SYMMETRIC, 2 * np.eye(3), np.array([[0.5, 0.1], [0.1, 0.5]])])
def test_the_checker_agrees_with_the_symmetric_gradient(a):
    check_grads(np.linalg.cholesky, (a,))


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


def complex_normal(*shape):
    return normal(*shape) + 1j * normal(*shape)


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
