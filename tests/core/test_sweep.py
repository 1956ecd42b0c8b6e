"""The cotangent sweep: accumulation, freeing, changed values, long chains, threads, memory."""

from __future__ import annotations

import gc
import threading
import tracemalloc
import weakref
from typing import Any

import numpy as np
import pytest

from tinygrad_np import Tensor, gradients, no_grad, observe, primitive


def leaf(*values: float, name: str | None = None) -> Tensor:
    return Tensor(np.array(values), requires_grad=True, name=name)


def test_same_tensor_twice_and_fan_out() -> None:
    x = leaf(3.0)
    (x * x).sum().backward()
    assert x.grad.tolist() == [6.0]
    x.zero_grad()
    sum((x for _ in range(999)), x).sum().backward()
    assert x.grad.tolist() == [1000.0]


def test_grad_accumulates_over_passes_in_memory_of_its_own() -> None:
    x, seed = leaf(1.0, 2.0), np.ones(2)
    y = +x
    y.backward(seed, retain_graph=True)
    y.backward(seed)
    assert x.grad.tolist() == [2.0, 2.0]
    assert seed.tolist() == [1.0, 1.0]
    assert x.grad.flags.writeable
    assert x.grad.flags.owndata


def test_two_leaves_do_not_share_a_gradient() -> None:
    a, b = leaf(1.0, 2.0), leaf(3.0, 4.0)
    (a + b).backward(np.ones(2))
    a.grad[0] = 7.0
    assert b.grad.tolist() == [1.0, 1.0]


def test_a_shared_cotangent_that_is_then_accumulated() -> None:
    """z + z hands one array to both sides; adding a third contribution must not reach the other leaf."""
    a, b = leaf(1.0), leaf(1.0)
    (a + b + a).backward(np.ones(1))
    assert (a.grad.tolist(), b.grad.tolist()) == ([2.0], [1.0])


def test_gradient_keeps_the_dtype_and_layout_of_its_leaf() -> None:
    x = Tensor(np.ones((2, 3), np.float32), requires_grad=True)
    (x * np.float64(2.0)).sum().backward()
    assert x.grad.dtype == np.float32


def test_broadcast_is_undone() -> None:
    row, column, scalar = Tensor(np.ones((1, 3)), True), Tensor(np.ones((2, 1)), True), Tensor(1.0, True)
    (row * column * scalar).sum().backward()
    assert row.grad.tolist() == [[2.0, 2.0, 2.0]]
    assert column.grad.tolist() == [[3.0], [3.0]]
    assert scalar.grad.shape == ()
    assert scalar.grad == 6.0


def test_rule_of_a_wrong_shape_is_an_error_that_names_it() -> None:
    wrong = primitive(lambda x: x * 2, name="wrong").defvjp(lambda g, _y, _x: g.sum())
    with pytest.raises(ValueError, match=r"rule of wrong for argument 0 returned a cotangent of shape \(\).*\(2,\)"):
        wrong(leaf(1.0, 2.0)).sum().backward()


def test_an_error_in_a_rule_leaves_gradients_as_they_were() -> None:
    def fails(g, _y, _x):
        raise ZeroDivisionError("in the rule")

    bad = primitive(lambda x: x * 1, name="bad").defvjp(fails)
    x, w = leaf(1.0), leaf(2.0)
    with pytest.raises(ZeroDivisionError):
        (bad(x) * w).sum().backward()
    assert x.grad is None
    assert w.grad is None


def test_rules_run_only_where_a_gradient_is_needed() -> None:
    ran = []
    op = primitive(lambda a, b: a * b, name="op").defvjp(
        lambda g, _y, _a, b: ran.append("a") or g * b, lambda g, _y, a, _b: ran.append("b") or g * a
    )
    op(leaf(2.0), np.array([3.0])).sum().backward()
    assert ran == ["a"]


def test_only_named_values_are_kept() -> None:
    """add needs no value, exp its output only, multiply by a constant the constant only."""
    x = leaf(0.0, 1.0, 2.0)
    h = x * 2.0
    value = weakref.ref(h.data)
    y = h + 1.0
    del h
    assert value() is None
    z = np.exp(y)
    value = weakref.ref(y.data)
    del y
    assert value() is None
    z.sum().backward()
    np.testing.assert_allclose(x.grad, 2 * z.data)


def test_underscored_argument_still_offers_shape_and_dtype() -> None:
    seen = []
    op = primitive(lambda a: a.sum()).defvjp(
        lambda g, _y, _a: seen.append((_a.shape, _a.dtype)) or g * np.ones(_a.shape)
    )
    op(Tensor(np.ones((2, 3), np.float32), True)).backward()
    assert seen == [((2, 3), np.float32)]


def test_second_backward_says_what_to_do() -> None:
    x = leaf(1.0)
    y = np.exp(x).sum()
    y.backward()
    with pytest.raises(RuntimeError, match=r"recorded at test_sweep.py:\d+\) a second time.*retain_graph=True"):
        y.backward()


def test_values_are_freed_by_the_pass_and_structure_stays() -> None:
    x = leaf(1.0, 2.0)
    y = np.exp(x)
    kept = weakref.ref(y.data)
    loss = y.sum()
    loss.backward()
    del y
    assert kept() is None
    assert "exp" in str(loss.tape())


@pytest.mark.parametrize("change", ["w.data -= 1", "w.data[:] = 5; w.data = w.data"])
def test_leaf_changed_between_forward_and_backward(change: str) -> None:
    w = leaf(1.0, 2.0, name="weights")
    y = (w * w).sum()
    exec(change, {"w": w})
    with pytest.raises(RuntimeError, match=r"'weights' was changed in place after multiply \(recorded at test_sweep"):
        y.backward()


@pytest.mark.parametrize(
    "view", [np.transpose, lambda w: w[::2], lambda w: np.reshape(w, -1), np.real, lambda w: np.einsum("ij->ji", w)]
)
def test_a_view_of_a_changed_leaf_is_found(view: Any) -> None:
    w = Tensor(np.ones((2, 3)), requires_grad=True)
    y = np.square(view(w)).sum()
    w.data -= 1
    with pytest.raises(RuntimeError, match="'w' was changed in place"):
        y.backward()


def test_changed_data_without_a_gradient_is_found() -> None:
    w, x = leaf(1.0, 2.0), Tensor(np.ones(2))
    y = (w * x).sum()
    x.data *= 5
    with pytest.raises(RuntimeError, match="was changed in place after multiply"):
        y.backward()


def test_data_of_a_view_cannot_be_written() -> None:
    v = np.reshape(leaf(1.0, 2.0), (2, 1))
    with pytest.raises(RuntimeError, match="may be a view"):
        v.data *= 5


def test_step_of_an_optimiser_between_passes_is_fine() -> None:
    w = leaf(1.0, 2.0)
    for _ in range(3):
        (w * w).sum().backward()
        w.data -= 0.1 * w.grad
        w.zero_grad()
    np.testing.assert_allclose(w.data, np.array([1.0, 2.0]) * 0.8**3)


def test_change_that_no_rule_needs_is_fine() -> None:
    w = leaf(1.0)
    y = (w + 1).sum()
    w.data -= 1
    y.backward()
    assert w.grad.tolist() == [1.0]


def test_changed_intermediate_is_found() -> None:
    y = np.exp(leaf(1.0))
    y.data += 1
    with pytest.raises(RuntimeError, match=r"'y' was changed in place after exp"):
        y.sum().backward()


def test_a_million_ops_without_recursion() -> None:
    x = leaf(1.0)
    y = x
    for _ in range(1_000_000):
        y = y + 1.0
    y.sum().backward()
    del y
    assert x.grad.tolist() == [1.0]


def test_reading_by_index_is_linear() -> None:
    """Each read of x[i] adds into one buffer: the passes make no array of the size of x beyond the first."""
    n = 3000
    x = Tensor(np.ones(n), requires_grad=True)
    total = Tensor(0.0)
    for i in range(n):
        total = total + x[i]
    tracemalloc.start()
    total.backward()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert x.grad.tolist() == [1.0] * n
    assert peak < 400 * n  # one dense cotangent a read would take 8 n^2 = 24,000 n


def test_threads_do_not_see_each_other() -> None:
    results, started = [], threading.Barrier(4)

    def work(k: int) -> None:
        w = leaf(float(k))
        started.wait()
        for _ in range(200):
            if k % 2:
                with no_grad():
                    assert not (w * 2).requires_grad
            (w * w).sum().backward()
        results.append((k, w.grad.tolist()))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sorted(results) == [(k, [200 * 2.0 * k]) for k in range(4)]


def test_no_reference_cycles() -> None:
    """With the garbage collector off, a graph goes when its last Tensor goes."""
    gc.collect()
    gc.disable()
    try:
        x = leaf(1.0, 2.0)
        y = np.exp(x * 2).sum()
        alive = weakref.ref(y)
        value = weakref.ref(x.data)
        y.backward(create_graph=True)
        grad = weakref.ref(x.grad)
        del x, y
        assert alive() is None
        assert value() is None
        assert grad() is None
    finally:
        gc.enable()


def test_ten_thousand_steps_do_not_grow() -> None:
    w, x = Tensor(np.ones((4, 4)), True), np.ones((8, 4))

    def steps(n: int) -> None:
        for _ in range(n):
            np.square(x @ w).sum().backward()
            w.data -= 1e-9 * w.grad
            w.zero_grad()

    steps(500)
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    steps(10_000)
    gc.collect()
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 20_000


def test_observers_see_every_record_once_with_its_cotangent() -> None:
    seen = []
    x = leaf(1.0, 2.0)
    y = (np.square(x) + x).sum()
    with observe(
        lambda r, g, parts: seen.append((r.primitive.name if r.primitive else "leaf", g.tolist(), len(parts)))
    ):
        y.backward()
    assert seen == [("sum", 1.0, 1), ("add", [1.0, 1.0], 2), ("square", [1.0, 1.0], 1), ("leaf", [3.0, 5.0], 0)]


def test_hooks_see_the_whole_cotangent_and_can_be_removed() -> None:
    seen = []
    x = leaf(3.0)
    h = x * 2
    remove = h.register_hook(lambda g: seen.append(g.tolist()))
    (h * h).sum().backward(retain_graph=True)
    assert seen == [[12.0]]
    remove()
    (h * 1).sum().backward()
    assert len(seen) == 1


def test_intermediates_keep_their_gradient_when_asked() -> None:
    x = leaf(3.0)
    h = (x * 2).retain_grad()
    (h * h).sum().backward()
    assert (h.grad.tolist(), x.grad.tolist()) == ([12.0], [24.0])


def test_gradients_of_anything_touch_no_grad() -> None:
    x = leaf(3.0)
    h = x * 2
    y = (h * h).sum()
    found = gradients(y, {"h": h, "x": x, "y": y})
    assert {k: v.tolist() for k, v in found.items()} == {"h": [12.0], "x": [24.0], "y": 1.0}
    assert x.grad is None
    y.backward()


def test_complex_gradient_is_the_direction_of_descent() -> None:
    """|z|^2 has gradient 2 z, as PyTorch has it: dL/dRe + i dL/dIm."""
    z = Tensor(np.array([1 + 2j]), requires_grad=True)
    (z * np.conj(z)).real.sum().backward()
    np.testing.assert_allclose(z.grad, [2 + 4j])


def test_zero_cotangent_wins_over_an_infinite_derivative() -> None:
    x = leaf(-1.0, 0.0, 4.0)
    with np.errstate(all="ignore"):
        np.where(x > 0, np.sqrt(x), x).sum().backward()
    np.testing.assert_allclose(x.grad, [1.0, 1.0, 0.25])


def test_what_has_no_honest_value_stays_nan() -> None:
    x = leaf(0.0)
    np.sqrt(x**2).sum().backward()
    assert np.isnan(x.grad).all()


def test_an_op_with_several_outputs_runs_once() -> None:
    ran = []
    op = primitive(lambda x: ran.append(1) or (x * 2, x * 3), name="op").defvjp(lambda g, _y, _x: g[0] * 2 + g[1] * 3)
    a, b = op(leaf(1.0))
    (a + b).sum().backward()
    assert len(ran) == 1


def test_a_rule_that_reads_an_underscored_value_is_told_so() -> None:
    op = primitive(lambda a: a * a, name="op").defvjp(lambda g, _y, _a: g * _a)
    with pytest.raises(TypeError, match="drop the underscore"):
        op(leaf(1.0, 2.0)).sum().backward()
