"""Reductions, scans and statistics where mathematics leaves a choice, or where a quotient would fail."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tinygrad_np import Tensor, grad, hessian, logsumexp

INF, NAN = np.inf, np.nan


def gradient(f: Any, *x: Any) -> np.ndarray:
    return grad(lambda t: np.sum(f(t)))(np.array(*x))


# Ties are shared equally


@pytest.mark.parametrize("f", [np.max, np.amax, np.nanmax, lambda t: t.max(), np.maximum.reduce, np.fmax.reduce])
def test_ties_in_max(f: Any) -> None:
    np.testing.assert_array_equal(gradient(f, [1.0, 1.0, 0.0]), [0.5, 0.5, 0.0])


@pytest.mark.parametrize("f", [np.min, np.amin, np.nanmin, lambda t: t.min(), np.minimum.reduce, np.fmin.reduce])
def test_ties_in_min(f: Any) -> None:
    np.testing.assert_array_equal(gradient(f, [1.0, 0.0, 0.0, 0.0]), [0.0, 1 / 3, 1 / 3, 1 / 3])


def test_ties_are_shared_along_the_axis_alone() -> None:
    x = [[2.0, 2.0, 1.0], [0.0, 2.0, 2.0]]
    np.testing.assert_array_equal(gradient(lambda t: np.max(t, axis=1), x), [[0.5, 0.5, 0], [0, 0.5, 0.5]])
    np.testing.assert_array_equal(gradient(lambda t: np.max(t, axis=0), x), [[1, 0.5, 0], [0, 0.5, 1]])
    np.testing.assert_array_equal(gradient(np.max, x), [[0.25, 0.25, 0], [0, 0.25, 0.25]])
    np.testing.assert_array_equal(gradient(lambda t: np.max(t, axis=()), x), np.ones((2, 3)))


def test_ties_in_ptp() -> None:
    np.testing.assert_array_equal(gradient(np.ptp, [2.0, 2.0, 1.0, 0.0]), [0.5, 0.5, 0.0, -1.0])
    np.testing.assert_array_equal(gradient(np.ptp, [3.0, 3.0]), [0.0, 0.0])


def test_initial_ties_with_the_maximum_half_and_half() -> None:
    np.testing.assert_array_equal(gradient(lambda t: np.max(t, initial=1.0), [1.0, 1.0, 0.0]), [0.25, 0.25, 0.0])
    np.testing.assert_array_equal(gradient(lambda t: np.min(t, initial=0.0), [1.0, 0.0]), [0.0, 0.5])
    np.testing.assert_array_equal(gradient(lambda t: np.max(t, initial=9.0), [1.0, 1.0]), [0.0, 0.0])


def test_the_second_derivative_of_a_tie_is_zero() -> None:
    np.testing.assert_array_equal(hessian(np.max)(np.array([1.0, 1.0, 0.0])), np.zeros((3, 3)))


def test_running_maximum_shares_among_the_ties_so_far() -> None:
    got = gradient(np.maximum.accumulate, [1.0, 1.0, 0.0, 1.0, 2.0, 2.0])
    np.testing.assert_allclose(got, [1 + 0.5 + 0.5 + 1 / 3, 0.5 + 0.5 + 1 / 3, 0, 1 / 3, 1.5, 0.5], rtol=1e-15)
    got = gradient(np.minimum.accumulate, [[1.0, 1.0, 2.0], [0.0, 1.0, 2.0]])
    np.testing.assert_allclose(got, [[1, 1.5, 1.5], [1, 0.5, 0.5]], rtol=1e-15)


def test_running_maximum_after_a_nan() -> None:
    x = np.array([1.0, NAN, 5.0, NAN])
    np.testing.assert_array_equal(np.maximum.accumulate(Tensor(x)).data, [1.0, NAN, NAN, NAN])
    np.testing.assert_array_equal(gradient(np.maximum.accumulate, x), [1.0, 2.5, 0.0, 0.5])


# NaN


def test_a_nan_wins_an_extremum_and_takes_the_gradient() -> None:
    np.testing.assert_array_equal(gradient(np.max, [1.0, NAN, 2.0, NAN]), [0.0, 0.5, 0.0, 0.5])
    x = [[1.0, NAN], [1.0, 2.0]]
    np.testing.assert_array_equal(gradient(lambda t: np.min(t, axis=1), x), [[0.0, 1.0], [1.0, 0.0]])


@pytest.mark.parametrize(
    ("f", "expected"),
    [
        (np.nansum, [1.0, 0.0, 1.0]),
        (np.nanmean, [0.5, 0.0, 0.5]),
        (np.nanprod, [3.0, 0.0, 2.0]),
        (np.nanmax, [0.0, 0.0, 1.0]),
        (np.nanmin, [1.0, 0.0, 0.0]),
        (np.nanvar, [-0.5, 0.0, 0.5]),
        (np.nanstd, [-0.5, 0.0, 0.5]),
        (np.nancumsum, [3.0, 0.0, 1.0]),
        (np.nancumprod, [5.0, 0.0, 2.0]),
    ],
)
def test_a_nan_left_out_gets_no_gradient(f: Any, expected: Any) -> None:
    np.testing.assert_allclose(gradient(f, [2.0, NAN, 3.0]), expected, rtol=1e-15)


@pytest.mark.parametrize("f", [np.nanmax, np.nanmin, np.nanmean, np.nanvar, np.nanstd])
def test_nothing_but_nan_is_nan_with_a_warning(f: Any) -> None:
    x = np.array([[NAN, NAN], [1.0, 2.0]])
    with pytest.warns(RuntimeWarning):
        expected = f(x, axis=1)
    with pytest.warns(RuntimeWarning):
        y = f(Tensor(x, requires_grad=True), axis=1)
    np.testing.assert_array_equal(y.data, expected)


def test_nothing_but_nan_gets_no_gradient_from_an_extremum() -> None:
    with pytest.warns(RuntimeWarning):
        np.testing.assert_array_equal(gradient(np.nanmax, [NAN, NAN]), [0.0, 0.0])


# Products with zeros


def test_prod_with_zeros() -> None:
    x = np.array([2.0, 0.0, 3.0])
    np.testing.assert_array_equal(grad(np.prod)(x), [0, 6, 0])
    np.testing.assert_array_equal(hessian(np.prod)(x), [[0, 3, 0], [3, 0, 2], [0, 2, 0]])
    np.testing.assert_array_equal(grad(np.prod)(np.array([2.0, 0.0, 0.0])), [0, 0, 0])
    np.testing.assert_array_equal(hessian(np.prod)(np.array([2.0, 0.0, 0.0])), [[0, 0, 0], [0, 0, 2], [0, 2, 0]])


def test_third_derivative_of_prod_at_zero() -> None:
    third = grad(lambda x: hessian(np.prod)(x)[0, 1])(np.zeros(3))
    np.testing.assert_array_equal(third, [0, 0, 1])


def test_prod_over_several_axes_with_zeros() -> None:
    x = np.array([[[2.0, 0.0], [3.0, 4.0]], [[5.0, 1.0], [7.0, 0.5]]])
    expected = [[[0.0, 0.0], [0.0, 0.0]], [[0.0, 0.0], [0.0, 0.0]]]
    expected[0][0][1] = 2.0 * 5.0 * 1.0
    for i, j in ((0, 0), (0, 1), (1, 0), (1, 1)):
        others = [x[a, 1, b] for a in (0, 1) for b in (0, 1) if (a, b) != (i, j)]
        expected[i][1][j] = float(np.prod(others))
    np.testing.assert_allclose(gradient(lambda t: np.prod(t, axis=(0, 2)), x), expected, rtol=1e-15)


def test_prod_of_nothing_is_one() -> None:
    t = Tensor(np.zeros((0, 2)), requires_grad=True)
    y = np.prod(t, axis=0)
    np.testing.assert_array_equal(y.data, [1.0, 1.0])
    np.sum(y).backward()
    assert t.grad.shape == (0, 2)


def test_cumprod_with_zeros() -> None:
    x = np.array([2.0, 0.0, 3.0])
    f = lambda t: np.sum(np.cumprod(t))
    np.testing.assert_array_equal(grad(f)(x), [1, 8, 0])
    np.testing.assert_array_equal(hessian(f)(x), [[0, 4, 0], [4, 0, 2], [0, 2, 0]])
    np.testing.assert_array_equal(grad(lambda t: hessian(f)(t)[0, 1])(np.zeros(3)), [0, 0, 1])


def test_cumprod_of_many_with_zeros_is_the_sum_over_prefixes() -> None:
    x = np.random.default_rng(0).normal(size=37)
    x[[5, 20]] = 0.0
    expected = np.zeros(37)
    for k in range(37):
        for i in range(k + 1):
            expected[i] += np.prod(np.delete(x[: k + 1], i))
    np.testing.assert_allclose(gradient(np.cumprod, x), expected, rtol=1e-12, atol=1e-12)


# Variance and deviation


@pytest.mark.parametrize("x", [[1.0, 1.0, 1.0], [0.1, 0.1, 0.1], [0.3] * 7])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_std_of_equal_elements(x: Any, dtype: Any) -> None:
    """Also where the rounded mean is not one of them: 0.1 three times has a mean that differs in the last bit."""
    x = np.array(x, dtype)
    tiny = np.finfo(dtype).eps
    for f in (np.std, np.nanstd, lambda t: t.std(axis=-1), lambda t: np.std(t, axis=-1, where=np.ones(x.shape, bool))):
        np.testing.assert_allclose(gradient(f, x), np.zeros(x.shape), atol=8 * tiny)


def test_second_derivative_of_std_of_equal_elements() -> None:
    np.testing.assert_array_equal(hessian(np.std)(np.ones(3)), np.zeros((3, 3)))


def test_var_without_a_degree_of_freedom() -> None:
    t = Tensor([3.0], requires_grad=True)
    with pytest.warns(RuntimeWarning):
        y = np.var(t, ddof=1)
    assert np.isnan(y.data)
    y.backward()
    assert np.isnan(t.grad).all()
    with pytest.warns(RuntimeWarning):
        assert np.isnan(np.var(Tensor([[3.0, 1.0]]), ddof=1, axis=1, where=[[True, False]]).data).all()


def test_fewer_numbers_than_ddof() -> None:
    x = np.array([[1.0, NAN, 2.0], [1.0, 2.0, 4.0]])
    for f in (np.nanvar, np.nanstd):
        with pytest.warns(RuntimeWarning):
            assert np.isnan(f(x, axis=1, ddof=3)).all()
        with pytest.warns(RuntimeWarning):
            assert np.isnan(f(Tensor(x), axis=1, ddof=3).data).all()


def test_var_about_a_given_mean_hands_it_a_gradient() -> None:
    x, m = np.array([1.0, 2.0, 6.0]), np.array([2.5])
    g_x, g_m = grad(lambda x, m: np.var(x, mean=m), argnums=(0, 1))(x, m)
    np.testing.assert_allclose(g_x, 2 * (x - m) / 3, rtol=1e-15)
    np.testing.assert_allclose(g_m, [-2 * np.mean(x - m)], rtol=1e-15)


def test_ddof_and_correction_are_one_thing() -> None:
    x = Tensor([1.0, 2.0, 6.0])
    assert np.var(x, correction=1).item() == np.var(x, ddof=1).item() == np.var(x.data, ddof=1)
    with pytest.raises(ValueError, match="correction"):
        np.var(x, ddof=1, correction=1)


# where=, initial=, dtype=, out=, nothing to reduce


def test_sum_where_gives_the_mask() -> None:
    mask = np.array([[True, False, True], [False, False, True]])
    np.testing.assert_array_equal(gradient(lambda t: np.sum(t, where=mask), np.ones((2, 3))), mask)
    np.testing.assert_array_equal(gradient(lambda t: t.sum(axis=0, where=mask[0]), np.ones((2, 3))), [[1, 0, 1]] * 2)
    np.testing.assert_array_equal(
        gradient(lambda t: np.mean(t, axis=1, where=mask), np.ones((2, 3))), [[0.5, 0, 0.5], [0, 0, 1]]
    )


def test_what_where_leaves_out_may_be_anything() -> None:
    x, mask = [1.0, INF, NAN], np.array([True, False, False])
    for f in (np.sum, np.mean, np.prod):
        np.testing.assert_array_equal(gradient(lambda t, f=f: f(t, where=mask), x), mask)
    np.testing.assert_array_equal(gradient(lambda t: np.max(t, where=mask, initial=-1.0), x), mask)


def test_an_extremum_with_where_needs_initial() -> None:
    for f in (np.max, np.min, np.nanmax, np.nanmin):
        with pytest.raises(ValueError, match="initial"):
            f(Tensor([1.0]), where=np.array([True]))


def test_mean_of_nothing_is_numpys() -> None:
    t = Tensor(np.zeros((0, 2)), requires_grad=True)
    with pytest.warns(RuntimeWarning):
        y = np.mean(t, axis=0)
    np.testing.assert_array_equal(y.data, [NAN, NAN])
    np.sum(y).backward()
    assert t.grad.shape == (0, 2)
    np.testing.assert_array_equal(np.mean(t, axis=1).data, np.zeros(0))


def test_max_of_nothing_needs_initial() -> None:
    with pytest.raises(ValueError, match="zero-size"):
        np.max(Tensor(np.zeros((0, 2))), axis=0)
    np.testing.assert_array_equal(np.max(Tensor(np.zeros((0, 2))), axis=0, initial=3.0).data, [3.0, 3.0])


def test_an_initial_that_is_a_tensor_gets_its_gradient() -> None:
    for f, expected in ((np.sum, 1.0), (np.prod, 6.0), (np.max, 0.0), (np.min, 1.0)):
        got = grad(lambda start, f=f: f(Tensor([2.0, 3.0]), initial=start))(np.array(0.5))
        assert got == expected


def test_dtype_casts_and_the_gradient_comes_back_in_the_dtype_of_the_input() -> None:
    t = Tensor(np.ones(3, np.float32), requires_grad=True)
    for f in (np.sum, np.mean, np.prod, np.var, np.std, np.cumsum, np.cumprod, np.nansum, np.nanmean):
        assert f(t, dtype=np.float64).dtype == np.float64
        assert f(t).dtype == np.float32
    np.sum(t, dtype=np.float64).backward()
    assert t.grad.dtype == np.float32
    assert np.mean(Tensor(np.ones((2, 3), np.float32)), axis=1, where=np.array([True, False, True])).dtype == np.float32


def test_initial_takes_the_dtype_of_the_result() -> None:
    for dtype in (np.float32, np.int32, np.bool_):
        x = np.array([1, 0, 1], dtype)
        for f in (np.sum, np.prod, np.max, np.min):
            for initial in (1, np.array(1.0 if dtype is np.float32 else 1)):
                got, expected = f(Tensor(x), initial=initial), f(x, initial=initial)
                assert got.item() == expected
                assert got.dtype == expected.dtype


def test_out_of_a_reduction() -> None:
    t = Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    out = Tensor(np.zeros(2))
    assert np.sum(t, 0, None, out) is out
    np.sum(out * out).backward()
    np.testing.assert_array_equal(t.grad, [[8.0, 12.0], [8.0, 12.0]])
    with pytest.raises(TypeError, match="out="):
        np.max(t, axis=0, out=np.zeros(2))


@pytest.mark.parametrize("f", [np.sum, np.mean, np.prod, np.max, np.min, np.std, np.var, np.nansum, np.nanvar, np.ptp])
@pytest.mark.parametrize("axis", [None, 0, -1, (0, 2), (-1, 0), ()])
@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
def test_every_axis_form_gives_what_numpy_gives(f: Any, axis: Any, keepdims: bool, dtype: Any) -> None:
    x = np.random.default_rng(1).normal(size=(2, 3, 4)).astype(dtype)
    got, expected = f(Tensor(x), axis=axis, keepdims=keepdims).data, f(x, axis=axis, keepdims=keepdims)
    assert got.dtype == expected.dtype
    np.testing.assert_allclose(got, expected, rtol=0 if f is not np.nanvar else 4 * np.finfo(dtype).eps)


def test_a_wrong_axis_is_numpys_error() -> None:
    for f in (np.sum, np.mean, np.prod, np.max, np.var, np.cumsum, np.median, np.sort, np.diff):
        with pytest.raises(np.exceptions.AxisError):
            f(Tensor(np.ones((2, 3)), requires_grad=True), axis=2)


# Log-sum-exp


def test_logsumexp_far_out() -> None:
    for x in (1000.0, -1000.0, 1e308):
        assert logsumexp(np.array([x, x])) == x + np.log(2)
        np.testing.assert_array_equal(grad(logsumexp)(np.array([x, x])), [0.5, 0.5])
    second = hessian(logsumexp)(np.array([1000.0, 1000.0]))
    np.testing.assert_allclose(second, [[0.25, -0.25], [-0.25, 0.25]], rtol=1e-15)


def test_logsumexp_of_infinities() -> None:
    np.testing.assert_array_equal(grad(logsumexp)(np.full(4, -INF)), np.full(4, 0.25))
    np.testing.assert_array_equal(grad(logsumexp)(np.array([-INF, 0.0])), [0.0, 1.0])
    np.testing.assert_array_equal(grad(logsumexp)(np.array([INF, 0.0, INF])), [0.5, 0.0, 0.5])
    assert logsumexp(np.full(3, -INF)) == -INF
    assert logsumexp(np.array([INF, 1000.0])) == INF
    got = grad(lambda t: np.sum(logsumexp(t, axis=1)))(np.array([[-INF, -INF], [0.0, 0.0]]))
    np.testing.assert_array_equal(got, np.full((2, 2), 0.5))
    assert np.isfinite(hessian(logsumexp)(np.full(2, -INF))).all()


def test_logsumexp_of_nothing_is_the_logarithm_of_zero() -> None:
    assert logsumexp(np.zeros(0)) == -INF


# Averages


def test_average_refuses_weights_that_sum_to_zero() -> None:
    with pytest.raises(ZeroDivisionError):
        np.average(Tensor([1.0, 2.0]), weights=[1.0, -1.0])
    with pytest.raises(TypeError, match="axis"):
        np.average(Tensor(np.ones((2, 3))), weights=[1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="weights have shape"):
        np.average(Tensor(np.ones((2, 3))), weights=[1.0, 2.0], axis=1)


def test_cov_warns_where_no_degree_of_freedom_is_left() -> None:
    with pytest.warns(RuntimeWarning):
        assert not np.isfinite(np.cov(Tensor([[1.0], [2.0]])).data).any()


def test_corrcoef_stays_within_bounds_and_has_the_gradient_zero_at_them() -> None:
    x = np.array([1.0, 2.0, 4.0])
    c = np.corrcoef(Tensor(x), Tensor(3 * x))
    assert np.abs(c.data).max() <= 1.0
    np.testing.assert_allclose(grad(lambda t: np.corrcoef(t, 3 * x)[0, 1])(x), np.zeros(3), atol=1e-15)
