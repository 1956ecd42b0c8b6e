"""Norms at their kinks and in every form."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from gradient_checks import assert_gradient, leaf

from tinygrad_np import Tensor, grad, hessian

rng = np.random.default_rng(0)


def normal(*shape):
    return rng.normal(size=shape)


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
        g = grad(partial(np.linalg.norm, ord=ord))(x)
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
