"""Products: what the generated suite does not reach. Errors, corner cases, gradients known in closed form."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from gradient_checks import assert_gradient

import tinygrad_np as tg
from tinygrad_np import Tensor, grad, hessian, trace

rng = np.random.default_rng(0)
A, B, C = rng.normal(size=(2, 3)), rng.normal(size=(3, 4)), rng.normal(size=(4, 2))
Z, W = (rng.normal(size=(3, 3)) + 1j * rng.normal(size=(3, 3)) for _ in range(2))


def leaf(x):
    return Tensor(np.asarray(x, float), requires_grad=True)


# matmul

RANKS = [(4,), (3, 4), (2, 3, 4), (5, 1, 3, 4)], [(4,), (4, 2), (2, 4, 2), (5, 2, 4, 2)]


@pytest.mark.parametrize(("a", "b"), list(itertools.product(*RANKS)))
def test_matmul_of_all_ranks(a, b):
    x, y = rng.normal(size=a), rng.normal(size=b)
    weights = rng.normal(size=np.matmul(x, y).shape)
    assert_gradient(lambda x: np.sum(weights * (x @ y)), x)
    assert_gradient(lambda y: np.sum(weights * (x @ y)), y)


@pytest.mark.parametrize(
    ("a", "b"), [((2, 0), (0, 3)), ((0,), (0,)), ((4, 2, 0), (0, 3)), ((0, 2, 3), (3,)), ((3,), (0, 3, 2))]
)
def test_matmul_of_nothing(a, b):
    x, y = leaf(np.ones(a)), leaf(np.ones(b))
    (x @ y).sum().backward()
    np.testing.assert_array_equal(x.grad, np.zeros(a))
    np.testing.assert_array_equal(y.grad, np.zeros(b))


def test_a_batch_times_one_matrix_is_one_product_in_the_rule():
    """The gradient of the matrix sums over the batch inside one product, and does not make one matrix per element."""
    x, w = np.ones((5, 2, 3)), np.ones((3, 4))
    tape = trace(lambda w: grad(lambda w: np.sum(x @ w))(w), w)
    assert not any(r.shape == (5, 3, 4) for r in tape.records)
    np.testing.assert_array_equal(grad(lambda w: np.sum(x @ w))(w), np.full((3, 4), 10.0))


@pytest.mark.parametrize(
    ("a", "b", "hint"),
    [
        ((64, 100), (64, 10), r"inner sizes 100 and 64 differ. Did you mean a\.T @ b\?"),
        ((64, 100), (10, 100), r"Did you mean a @ b\.T\?"),
        ((3, 4), (5, 3), r"Did you mean b @ a\?"),
        ((3,), (4,), r"inner sizes 3 and 4 differ \("),
        ((2, 3, 4), (3, 4, 2), r"could not be broadcast"),
        ((2,), (), r"enough dimensions"),
    ],
)
def test_a_matmul_that_does_not_fit_says_what_would(a, b, hint):
    with pytest.raises(ValueError, match=hint) as caught:
        leaf(np.ones(a)) @ np.ones(b)
    assert "test_products.py" in str(caught.value)


def test_an_array_on_the_left_gives_a_tensor():
    y = A @ leaf(B)
    assert type(y) is Tensor
    assert y.requires_grad


def test_the_same_tensor_on_both_sides():
    x = rng.normal(size=(3, 3))
    assert_gradient(lambda x: np.sum(x @ x @ x), x)
    assert_gradient(lambda x: x @ x, x[0])


# einsum


def test_trace_by_einsum_has_the_identity_for_gradient():
    np.testing.assert_array_equal(grad(lambda x: np.einsum("ii->", x))(np.ones((3, 3))), np.eye(3))


def test_diagonal_by_einsum():
    np.testing.assert_array_equal(
        grad(lambda x: np.sum(np.einsum("ii->i", x) * np.array([1.0, 2.0, 3.0])))(np.ones((3, 3))), np.diag([1.0, 2, 3])
    )


def test_the_same_array_twice():
    x = np.array([1.0, 2.0, 3.0])
    np.testing.assert_array_equal(grad(lambda x: np.einsum("i,i->", x, x))(x), 2 * x)
    np.testing.assert_allclose(hessian(lambda x: np.einsum("i,i->", x, x))(x), 2 * np.eye(3))


EINSUMS = [
    ("iii->i", (3, 3, 3)),
    ("iji->", (2, 3, 2)),
    ("iij,jk->ik", (2, 2, 3), (3, 4)),
    ("ijk->j", (2, 3, 4)),
    ("ij,kl->", (2, 3), (4, 2)),
    ("ij,k->ij", (2, 3), (4,)),
    ("...i,...i->...", (2, 1, 3), (4, 3)),
    ("i...,ij...->j...", (2, 3), (2, 4, 3)),
    ("...,...", (2, 3), (3,)),
    ("ij,jk,kl,lm", (2, 3), (3, 2), (2, 4), (4, 2)),
    ("ij,ij->ij", (1, 3), (2, 1)),
    ("ij,ij->j", (2, 3), (1, 3)),
    ("ii,i->i", (1, 1), (3,)),
    ("ij,jk->ki", (2, 0), (0, 3)),
    ("b,a", (2,), (3,)),
    ("i,->i", (3,), ()),
]


@pytest.mark.parametrize(("subscripts", "shapes"), [(e[0], e[1:]) for e in EINSUMS], ids=[e[0] for e in EINSUMS])
@pytest.mark.parametrize("optimize", [False, True])
def test_einsum_of_every_form(subscripts, shapes, optimize):
    xs = [rng.normal(size=s) for s in shapes]
    expected = np.einsum(subscripts, *xs)
    got = np.einsum(subscripts, *map(leaf, xs), optimize=optimize)
    np.testing.assert_allclose(got.data, expected, rtol=1e-13, atol=1e-13)
    weights = rng.normal(size=expected.shape)
    for i, x in enumerate(xs):

        def f(v, i=i):
            return np.sum(weights * np.einsum(subscripts, *xs[:i], v, *xs[i + 1 :], optimize=optimize))

        assert_gradient(f, x)
        gradient = lambda v, f=f, x=x: np.sum(grad(f)(v) * x)
        assert_gradient(gradient, x)


@pytest.mark.parametrize(
    "args",
    [
        (A, [0, 1], B, [1, 2]),
        (A, [0, 1], B, [1, 2], [2, 0]),
        (A, [27, 3], B, [3, 1]),
        (A, [Ellipsis, 1], A, [Ellipsis, 1]),
        (A, [0, Ellipsis], [Ellipsis]),
    ],
)
def test_einsum_of_lists(args):
    given = [leaf(x) if isinstance(x, np.ndarray) else x for x in args]
    np.testing.assert_allclose(np.einsum(*given).data, np.einsum(*args), rtol=1e-14)


def test_a_path_given_in_full_is_not_taken_for_the_rule():
    """The rule has an operand more here, a vector of ones."""
    assert_gradient(lambda b: np.sum(np.einsum("ij,kl->il", A, b, optimize=["einsum_path", (0, 1)]) ** 2), B)


def test_einsum_of_integers_and_of_another_dtype():
    np.testing.assert_array_equal(
        grad(lambda x: np.sum(np.einsum("ij,j->i", np.array([[1, 2], [3, 4]]), x)))(np.ones(2)), [4, 6]
    )
    y = np.einsum("i,i", leaf([1, 2]), np.array([1, 2]), dtype=np.float32)
    assert y.dtype == np.float32


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("ij,jk->ik", A), "subscripts for 2 operands; got 1"),
        (("ij", A, A), "subscripts for 1 operands; got 2"),
        (("ijk->ik", A), r"'ijk' in 'ijk->ik' do not fit an operand of shape \(2, 3\)"),
        (("i->i", A), r"'i' in 'i->i' do not fit an operand of shape \(2, 3\)"),
        (("...i->i", A), "leaves out the axes under the ellipsis"),
        (("ij,jk->ik", A, A), "could not be broadcast"),
        (("ij->iz", A), "'z' which never appeared"),
    ],
)
def test_einsum_says_what_does_not_fit(args, message):
    with pytest.raises(ValueError, match=message):
        np.einsum(*(leaf(x) if isinstance(x, np.ndarray) else x for x in args))


# The rest of the family


def test_lists_and_numbers_are_taken_as_numpy_takes_them():
    x = leaf([1.0, 2.0])
    assert float(np.dot(x, [3.0, 4.0])) == 11.0
    assert float(np.vdot([3, 4], x)) == 11.0
    np.testing.assert_array_equal(np.dot(x, 3).data, [3.0, 6.0])
    np.testing.assert_array_equal(np.inner(2, x).data, [2.0, 4.0])
    np.testing.assert_array_equal(x.dot(np.array([[1.0, 0.0], [0.0, 2.0]])).data, [1.0, 4.0])


SHAPES = [(), (3,), (2, 3), (4, 2, 3)]


@pytest.mark.parametrize(("a", "b"), list(itertools.product(SHAPES, SHAPES)))
def test_inner_dot_and_kron_of_all_ranks(a, b):
    x, y = rng.normal(size=a), rng.normal(size=b)
    z = np.swapaxes(y, -1, -2) if y.ndim > 1 else y
    for f, v in ((np.inner, y), (np.dot, z), (np.kron, y), (np.outer, y)):
        expected = f(x, v)
        np.testing.assert_allclose(f(leaf(x), v).data, expected, rtol=1e-13, atol=1e-14)
        weights = rng.normal(size=expected.shape)
        weighted = lambda x, v, f=f, weights=weights: np.sum(weights * f(x, v))
        gx, gv = grad(weighted, argnums=(0, 1))(x, v)
        # Bilinear: <g_x, x> is the value itself.
        np.testing.assert_allclose([np.sum(gx * x), np.sum(gv * v)], 2 * [np.sum(weights * expected)], rtol=1e-12)
        assert (gx.shape, gv.shape) == (x.shape, v.shape)


@pytest.mark.parametrize("axes", [0, 1, 2, (0, 1), ((0, 1), (1, 0)), ([-1], [0]), ((), ())], ids=str)
def test_tensordot_over_every_form_of_axes(axes):
    x, y = rng.normal(size=(3, 3)), rng.normal(size=(3, 3))
    np.testing.assert_allclose(np.tensordot(leaf(x), y, axes).data, np.tensordot(x, y, axes), rtol=1e-13)
    assert_gradient(lambda x: np.sum(np.sin(np.tensordot(x, y, axes))), x)


def test_tensordot_names_the_axes_that_differ():
    with pytest.raises(ValueError, match=r"shapes \(2, 3\) and \(4, 2\) differ along the axes \(1,\) and \(0,\)"):
        np.tensordot(leaf(A), C, 1)


@pytest.mark.filterwarnings("ignore:Arrays of 2-dimensional vectors:DeprecationWarning")
@pytest.mark.parametrize(
    ("a", "b", "axes"),
    [
        ((4, 2), (4, 2), {}),
        ((4, 2), (4, 3), {}),
        ((4, 3), (2,), {}),
        ((3, 4), (4, 3), {"axisa": 0}),
        ((2, 4), (4, 3), {"axisa": 0, "axisc": 0}),
        ((3, 4), (3, 4), {"axis": 0}),
    ],
)
def test_cross_of_twos_and_threes(a, b, axes):
    x, y = rng.normal(size=a), rng.normal(size=b)
    expected = np.cross(x, y, **axes)
    np.testing.assert_allclose(np.cross(leaf(x), leaf(y), **axes).data, expected, rtol=1e-14)
    weights = rng.normal(size=expected.shape)
    gx, gy = grad(lambda x, y: np.sum(weights * np.cross(x, y, **axes)), argnums=(0, 1))(x, y)
    np.testing.assert_allclose([np.sum(gx * x), np.sum(gy * y)], 2 * [np.sum(weights * expected)], rtol=1e-12)


def test_cross_of_anything_else_is_refused():
    with pytest.raises(ValueError, match="vectors of 2 or 3; got 4 and 4"):
        np.cross(leaf(np.ones(4)), np.ones(4))


@pytest.mark.parametrize(
    "f",
    [
        lambda z: np.vdot(z, W),
        lambda z: np.vdot(W, z),
        lambda z: np.vecdot(z, z * W),
        lambda z: tg.vecmat(z, W),
        lambda z: tg.matvec(z, W),
        lambda z: np.einsum("ij,jk,lk->il", z, W, z),
        lambda z: np.tensordot(z, z, 2),
        lambda z: np.kron(z, W),
        lambda z: np.cross(z, W),
        lambda z: np.real(z) @ W @ z,
    ],
)
def test_complex_products(f):
    """The gradient is dL/dRe + i dL/dIm; vdot, vecdot and vecmat conjugate their first argument."""
    np.testing.assert_allclose(f(Tensor(Z, requires_grad=True)).data, f(Z), rtol=1e-13, atol=1e-13)
    assert_gradient(lambda z: np.sum(np.real(f(z)) * 1.5 + np.imag(f(z))), Z)
    assert_gradient(lambda z: np.sum(np.real(grad(lambda z: np.sum(np.real(f(z)) ** 2))(z))), Z)


def test_vecdot_along_another_axis_keeps_it_on_demand():
    x = rng.normal(size=(3, 2))
    assert np.vecdot(leaf(x), x, axis=0, keepdims=True).shape == (1, 2)
    np.testing.assert_allclose(np.linalg.vecdot(leaf(x), x, axis=0).data, np.sum(x * x, axis=0))


@pytest.mark.parametrize("f", [tg.matvec, tg.vecmat])
def test_matvec_and_vecmat_want_a_matrix(f):
    with pytest.raises(ValueError, match="matrices"):
        f(leaf(np.ones(3)), np.ones(3))


def test_plain_arrays_stay_plain():
    for y in (
        tg.matmul(A, B),
        tg.einsum("ij,jk", A, B),
        tg.dot(A, B),
        tg.outer(A, B),
        tg.kron(A, B),
        tg.tensordot(A, B, 1),
    ):
        assert type(y) is np.ndarray
