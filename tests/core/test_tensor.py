"""What a Tensor is, in place, in NumPy's hands, and the errors of bad input."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np import Tensor, enable_grad, no_grad


def leaf(*values: float) -> Tensor:
    return Tensor(np.array(values), requires_grad=True)


def test_a_parameter_owns_a_copy_and_a_constant_shares() -> None:
    a = np.ones(2)
    w, x = Tensor(a, requires_grad=True), Tensor(a)
    a[0] = 5
    assert (w.data.tolist(), x.data.tolist()) == ([1.0, 1.0], [5.0, 1.0])


@pytest.mark.parametrize("data", [[1, 2], [True], np.arange(3), np.float64(1).astype(int)])
def test_integers_cannot_require_a_gradient(data: object) -> None:
    with pytest.raises(TypeError, match="cannot require a gradient: give it floats"):
        Tensor(data, requires_grad=True)


@pytest.mark.parametrize("data", ["text", [None], [{}], np.array(["a"]), np.ma.array([1.0], mask=[True])])
def test_what_is_no_number_is_refused(data: object) -> None:
    with pytest.raises(TypeError):
        Tensor(data)


def test_tensor_cannot_be_subclassed() -> None:
    with pytest.raises(TypeError, match="cannot be subclassed"):
        type("Parameter", (Tensor,), {})


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
def test_python_scalars_do_not_promote(dtype: type) -> None:
    x = Tensor(np.ones(2, dtype), requires_grad=True)
    y = (2.0 * x + 1) / 3 - x**2
    y.sum().backward()
    assert y.dtype == x.grad.dtype == dtype


def test_zero_d_arrays_stay_arrays() -> None:
    x = Tensor(2.0, requires_grad=True)
    y = x * 3
    y.backward()
    assert type(y.data) is type(x.grad) is np.ndarray


def test_ops_on_plain_arrays_give_plain_arrays() -> None:
    assert type(tg.relu(np.array([-1.0, 2.0]))) is np.ndarray
    assert type(tg.softmax(np.ones(3))) is np.ndarray


def test_mixed_with_ndarrays_on_either_side() -> None:
    w, a = Tensor(np.ones((3, 2)), requires_grad=True), np.ones((4, 3))
    for y in (a @ w, np.matmul(a, w), a[:, :2] * w[:1], np.float64(2.0) * w, 2 * w, a[0, :2] + w):
        assert type(y) is Tensor
        assert y.requires_grad
    with pytest.raises(TypeError, match="unsupported operand"):
        w + "text"


def test_comparisons_are_constants() -> None:
    x = leaf(-1.0, 2.0)
    assert not (x > 0).requires_grad
    assert (x > 0).data.tolist() == [False, True]
    a = np.ones(2)
    a[(x < 0).data] = 0
    assert a.tolist() == [0.0, 1.0]


def test_hash_by_identity_and_iteration() -> None:
    x = leaf(1.0, 2.0)
    assert {x: 1}[x] == 1
    assert len(x) == 2
    a, b = x
    (a * b).backward()
    assert x.grad.tolist() == [2.0, 1.0]
    with pytest.raises(TypeError, match="0-d"):
        iter(Tensor(1.0))


def test_numbers_come_out() -> None:
    x = Tensor(2.5, requires_grad=True)
    assert (float(x), int(x), bool(x), x.item(), f"{x:.1f}") == (2.5, 2, True, 2.5, "2.5")
    assert [10, 20, 30][Tensor(1)] == 20
    with pytest.raises(ValueError, match="ambiguous"):
        bool(leaf(1.0, 2.0))


@pytest.mark.parametrize("lose", [np.asarray, np.array, lambda t: t.numpy(), lambda t: np.zeros(2).__setitem__(..., t)])
def test_becoming_a_plain_array_would_lose_the_gradient(lose: object) -> None:
    with pytest.raises(TypeError, match=r"\.data, or \.detach\(\)"):
        lose(leaf(1.0, 2.0))
    assert np.asarray(Tensor([1.0])).tolist() == [1.0]


def test_storing_into_an_ndarray_would_lose_the_gradient() -> None:
    a, x = np.zeros(2), leaf(1.0, 2.0)
    with pytest.raises((TypeError, ValueError)) as caught:  # NumPy puts an error of its own on top
        a[0] = x[0]
    assert ".detach()" in f"{caught.value} {caught.value.__cause__}"
    a[1] = float(x[1])
    assert a.tolist() == [0.0, 2.0]


def test_a_numpy_function_without_a_rule_says_so() -> None:
    with pytest.raises(TypeError, match=r"np.roots has no rule for a Tensor"):
        np.roots(leaf(1.0, 2.0))


def test_pickle_and_deepcopy_keep_data_name_and_flag() -> None:
    w = Tensor([1.0, 2.0], requires_grad=True, name="w")
    for again in (pickle.loads(pickle.dumps(w)), copy.deepcopy(w)):
        assert (again.data.tolist(), again.name, again.requires_grad) == ([1.0, 2.0], "w", True)
        assert again is not w
        assert again.is_leaf
    y = copy.deepcopy(w * 2)
    assert y.is_leaf


def test_ops_pickle_as_functions_do_and_copy_as_objects_do() -> None:
    assert pickle.loads(pickle.dumps(tg.relu)) is tg.relu
    other = copy.copy(tg.relu)
    other.vjps = ()
    assert tg.relu.vjps


def test_names_come_from_the_users_variables() -> None:
    weights = Tensor([1.0], requires_grad=True)
    hidden = weights * 2
    cache = {}
    cache["out"] = hidden + 1
    assert (weights.name, hidden.name, cache["out"].name) == ("weights", "hidden", "out")
    assert Tensor([1.0], requires_grad=True, name="given").name == "given"


# In place


def test_in_place_binds_the_handle_to_a_new_record() -> None:
    x = leaf(1.0, 2.0, 3.0)
    t = x * 1
    alias, before = t, t.data
    t += 10
    t[0] = x[1] * 5
    t[1:] *= 2
    assert alias is t
    assert before.tolist() == [1.0, 2.0, 3.0]
    assert t.data.tolist() == [10.0, 24.0, 26.0]
    t.sum().backward()
    assert x.grad.tolist() == [0.0, 7.0, 2.0]


def test_a_slice_is_no_view() -> None:
    t = leaf(1.0, 2.0) * 1
    s = t[:1]
    s += 5
    assert t.data.tolist() == [1.0, 2.0]


def test_out_binds_a_tensor_and_refuses_an_array() -> None:
    x = leaf(1.0, 2.0)
    t = Tensor(np.zeros(2))
    assert np.add(x, 1, out=t) is t
    t.sum().backward()
    assert x.grad.tolist() == [1.0, 1.0]
    with pytest.raises(TypeError, match="out= is a plain array"):
        np.add(x, 1, out=np.zeros(2))


@pytest.mark.parametrize("change", ["w += 1", "w[0] = 7", "np.multiply(w, 2, out=w)"])
def test_in_place_on_a_leaf(change: str) -> None:
    w = Tensor([1.0, 2.0], requires_grad=True, name="w")
    with pytest.raises(RuntimeError, match=r"in-place change of w, .*w.data -=.*no_grad"):
        exec(change, {"w": w, "np": np})
    assert w.data.tolist() == [1.0, 2.0]
    array = w.data
    with no_grad():
        exec(change, {"w": w, "np": np})
    assert w.data is array
    assert w.data.tolist() != [1.0, 2.0]
    assert w.requires_grad


def test_in_place_keeps_shape_and_dtype() -> None:
    t = Tensor(np.ones(2, np.float32), requires_grad=True) * 1
    t += np.ones(2)
    assert t.dtype == np.float32
    with pytest.raises(ValueError, match="does not fit"):
        t += np.ones((3, 2))
    i = Tensor([1, 2])
    with pytest.raises(TypeError, match="does not fit"):
        i += 0.5


def test_data_setter_checks() -> None:
    w = leaf(1.0, 2.0)
    with pytest.raises(ValueError, match=r"float64\[2\] and cannot become float64\[3\]"):
        w.data = np.ones(3)
    with pytest.raises(ValueError, match="must have the shape"):
        w.grad = np.ones(3)
    w.data = [3, 4]
    assert w.data.dtype == np.float64
    (w * w).sum().backward()
    assert w.grad.tolist() == [6.0, 8.0]


# Modes


def test_no_grad_and_enable_grad_as_blocks_and_decorators() -> None:
    w = leaf(1.0)

    @no_grad()
    def f() -> bool:
        with enable_grad():
            inner = (w * 2).requires_grad
        return inner and not (w * 2).requires_grad

    assert f()
    assert (w * 2).requires_grad
    with pytest.raises(ZeroDivisionError), no_grad():
        raise ZeroDivisionError
    assert (w * 2).requires_grad


def test_what_runs_later_cannot_be_decorated() -> None:
    with pytest.raises(TypeError, match="use a with block"):

        @no_grad()
        def numbers():
            yield 1


# Errors


BAD = {
    "broadcast": (lambda: leaf(1.0, 2.0) + np.ones(3), ValueError),
    "matmul": (lambda: Tensor(np.ones((64, 100)), True) @ np.ones((64, 10)), ValueError),
    "non-scalar": (lambda: leaf(1.0, 2.0).backward(), ValueError),
    "seed": (lambda: leaf(1.0).sum().backward(np.ones(3)), ValueError),
    "nothing": (lambda: Tensor([1.0]).backward(), RuntimeError),
    "not a leaf": (lambda: (leaf(1.0) * 2).requires_grad_(False), RuntimeError),
    "hook": (lambda: Tensor([1.0]).register_hook(print), RuntimeError),
}
SAYS = {
    "broadcast": r"add: a of shape \(2,\), b of shape \(3,\).*axis -1 has sizes 2 and 3.*test_tensor",
    "matmul": r"matmul.*\(64, 100\).*\(64, 10\).*100 and 64 differ.*a.T @ b",
    "non-scalar": r"starts from a scalar.*shape \(2,\).*\.sum\(\)",
    "seed": r"needs the shape \(\).*got \(3,\)",
    "nothing": "depends on nothing with requires_grad=True",
    "not a leaf": "for leaves",
    "hook": "requires none",
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_says_what_was_found(name: str) -> None:
    bad, error = BAD[name]
    with pytest.raises(error, match=SAYS[name]):
        bad()
