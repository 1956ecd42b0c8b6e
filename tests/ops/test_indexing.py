"""Reading and writing by index, in every form that NumPy takes, and what is made of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tinygrad_np import Tensor, grad, jvp, no_grad, trace, vjp
from tinygrad_np.ops.indexing import Scatter

RNG = np.random.default_rng(0)
X = RNG.normal(size=(4, 3, 5))
I, J = np.array([0, 2, 2]), np.array([[1], [0], [-2]])
MASK, ROWS = X > 0, np.array([True, False, True, True])

FORMS: dict[str, Any] = {
    "int": 3,
    "negative int": -1,
    "numpy int": np.int64(1),
    "0-d array": np.array(2),
    "slice": slice(1, 3),
    "negative step": slice(None, None, -2),
    "numpy slice": slice(np.int64(1), None),
    "empty tuple": (),
    "ellipsis": (..., 1),
    "newaxis": (None, 2, slice(None), None),
    "repeated integers": I,
    "list": [0, 0, 1],
    "range": range(2),
    "tuple of tuples": ((0, 1),),
    "empty list": [],
    "pairs": (I, I),
    "broadcast pairs": (J, I),
    "arrays with a slice between": (I, slice(None), I),
    "arrays with an int between": (I, 1, I),
    "arrays after a slice": (slice(None), I, I),
    "array, newaxis, list": (slice(None), I, None, [0, 1, 1]),
    "int, slice, array": (1, slice(None), I),
    "int, ellipsis, array": (I, ..., 1),
    "ix_": np.ix_([0, 2], [1, 1], [4, 0]),
    "full mask": MASK,
    "mask of rows": ROWS,
    "list mask": [True, False, False, True],
    "mask of two axes": MASK[:, :, 0],
    "mask after a slice": (slice(None), MASK[0]),
    "mask and slice": (ROWS, slice(0, 2)),
    "mask and int": (ROWS, 0),
    "mask and integers": (ROWS, I),
    "scalar mask": True,
    "scalar mask and int": (True, 1),
    "0-d arrays": (np.array(1), np.int64(2)),
    "Tensor": Tensor(I),
    "Tensors around a slice": (Tensor(I), slice(None), Tensor(I)),
    "Tensor mask": Tensor(MASK),
    "0-d Tensor": (Tensor(np.array(1)), I),
    "slice to a Tensor": slice(Tensor(np.array(1)), None),
}
every_form = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)


def plain(index: Any) -> Any:
    if isinstance(index, slice):
        return slice(plain(index.start), plain(index.stop), plain(index.step))
    if isinstance(index, tuple):
        return tuple(map(plain, index))
    return index.data if isinstance(index, Tensor) else index


def differences(f: Any, x: np.ndarray) -> np.ndarray:
    g = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[i] += 1e-5
        down[i] -= 1e-5
        g[i] = (f(up) - f(down)) / 2e-5
    return g


# Reading


@every_form
def test_read_and_its_derivatives(form: Any) -> None:
    expected = X[plain(form)]
    w, v = RNG.normal(size=np.shape(expected)), RNG.normal(size=X.shape)
    y = Tensor(X, requires_grad=True)[form]
    np.testing.assert_array_equal(y.data, expected)
    assert isinstance(y.data, np.ndarray)
    assert y.shape == np.shape(expected)

    def loss(x: Any) -> Any:
        return np.sum(x[form] ** 2 * w)

    first, second = np.zeros_like(X), np.zeros_like(X)
    np.add.at(first, plain(form), 2 * expected * w)
    np.add.at(second, plain(form), 2 * v[plain(form)] * w)
    np.testing.assert_allclose(grad(loss)(X), first, rtol=1e-12)
    np.testing.assert_allclose(grad(lambda x: np.sum(grad(loss)(x) * v))(X), second, rtol=1e-12)
    np.testing.assert_array_equal(jvp(lambda x: x[form], (X,), (v,))[1], v[plain(form)])


@every_form
def test_a_read_replays(form: Any) -> None:
    tape = trace(lambda x: x[form] * 2, X)
    np.testing.assert_array_equal(tape(X + 1), (X + 1)[plain(form)] * 2)


def test_a_trace_follows_index_arrays_forward_and_backward() -> None:
    def f(x: Any, i: Any) -> Any:
        return grad(lambda x: np.sum(x[i] ** 2))(x)

    x, i, other = np.arange(4.0), np.array([0, 1, 1]), np.array([3, 3, 3])
    np.testing.assert_array_equal(trace(f, x, i)(x, other), f(x, other))
    np.testing.assert_array_equal(f(x, other), [0, 0, 0, 18])


def test_the_argmax_of_a_tensor_is_an_index() -> None:
    x = Tensor([1.0, 3.0, 2.0], requires_grad=True)
    x[x.argmax()].backward()
    np.testing.assert_array_equal(x.grad, [0, 1, 0])


def test_many_reads_add_into_one_buffer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A loop of n reads costs O(n): but for the first, each adds in place into the buffer that is there."""
    in_place = []
    join = Scatter.join

    def watched(self: Scatter, held: Any, owned: bool) -> Any:
        result = join(self, held, owned)
        in_place.append(result is held)
        return result

    monkeypatch.setattr(Scatter, "join", watched)
    x = Tensor(np.arange(200.0), requires_grad=True)
    sum((x[i] * i for i in range(200)), 0.0).backward()
    np.testing.assert_array_equal(x.grad, np.arange(200.0))
    assert len(in_place) == 200
    assert in_place.count(False) == 1


def test_reads_add_to_a_dense_cotangent_and_to_each_other() -> None:
    x = Tensor(np.ones(3), requires_grad=True)
    y = np.sum(x * x) + 3 * x[1] + np.sum(x[[1, 1]]) + np.sum(x)
    y.backward()
    np.testing.assert_array_equal(x.grad, [3, 8, 3])


def test_pairs_add_into_a_buffer_of_any_layout() -> None:
    w = RNG.normal(size=(4, 3))

    def f(x: Any) -> Any:
        read = np.sum(x[[0, 0, -1], [1, 1, 2]]) + np.sum(x[[2, 2]])
        return read + np.sum(x.T * w)  # its cotangent is the first to arrive, and in Fortran order

    expected = w.T.copy()
    np.add.at(expected, ([0, 0, -1], [1, 1, 2]), 1)
    np.add.at(expected, [2, 2], 1)
    np.testing.assert_array_equal(grad(f)(np.zeros((3, 4))), expected)


def test_errors_of_an_index_name_op_and_line() -> None:
    x = Tensor(np.ones(3), requires_grad=True)
    for index, kind in ((5, IndexError), (1.0, IndexError), ((0, 0), IndexError), ([4], IndexError), ("a", IndexError)):
        with pytest.raises(kind, match=r"test_indexing\.py:\d+"):
            x[index]


def test_a_change_of_what_a_view_was_cut_from_is_noticed() -> None:
    views = [lambda w: w[1:], lambda w: w.T, lambda w: w.reshape(-1), lambda w: np.broadcast_to(w, (2, 3, 3))]
    for view in views:
        w = Tensor(np.ones((3, 3)), requires_grad=True, name="w")
        y = np.sum(view(w) ** 2)
        w.data -= 1
        with pytest.raises(RuntimeError, match="'w' was changed in place"):
            y.backward()


# Writing


@every_form
def test_write_and_its_derivatives(form: Any) -> None:
    index = plain(form)
    shape = np.shape(X[index])
    more = (1, *shape) if plain(form) is not MASK else shape  # NumPy writes no two axes into a full mask
    for values in {shape, more, tuple(1 for _ in shape), shape[1:], ()}:
        value = RNG.normal(size=values)
        weights = RNG.normal(size=X.shape)
        expected = X.copy()
        expected[index] = value

        def written(a: Any, b: Any) -> Any:
            t = a * 1.0
            t[form] = b
            return t

        def loss(a: Any, b: Any) -> Any:
            return np.sum(written(a, b) ** 2 * weights)  # noqa: B023

        t = Tensor(X)
        t[form] = Tensor(value)
        np.testing.assert_array_equal(t.data, expected)
        t = Tensor(X)
        t[form] = value
        np.testing.assert_array_equal(t.data, expected)
        kept = np.ones(X.shape, bool)
        kept[index] = False
        ga, gb = grad(loss, argnums=(0, 1))(X, value)
        np.testing.assert_allclose(ga, np.where(kept, 2 * X * weights, 0))

        def of_value(b: np.ndarray) -> float:
            a = X.copy()
            a[index] = b
            return float(np.sum(a**2 * weights))  # noqa: B023

        np.testing.assert_allclose(gb, differences(of_value, value), rtol=1e-6, atol=1e-6)
        v = RNG.normal(size=values)
        _, y_dot = jvp(written, (Tensor(X), value), (np.zeros_like(X), v))
        dot = np.zeros_like(X)
        dot[index] = v
        np.testing.assert_array_equal(y_dot, dot)


def test_second_derivative_through_a_write() -> None:
    i = np.array([2, 0, 2])

    def f(b: Any) -> Any:
        t = Tensor(np.zeros(3))
        t[i] = b**3
        return np.sum(t * t)

    b = np.array([1.0, 2.0, 3.0])
    np.testing.assert_allclose(grad(f)(b), np.array([0, 6, 6]) * b**5)
    np.testing.assert_allclose(grad(lambda b: np.sum(grad(f)(b)))(b), np.array([0, 30, 30]) * b**4)


def test_of_a_place_named_twice_the_last_value_stays_and_takes_the_gradient() -> None:
    v = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    t = Tensor(np.zeros(2))
    t[[0, 1, 0]] = v
    np.testing.assert_array_equal(t.data, [3, 2])
    np.sum(t * [10, 20]).backward()
    np.testing.assert_array_equal(v.grad, [0, 20, 10])


LAYOUTS = {
    "C": lambda x: x,
    "F": np.asfortranarray,
    "rows reversed": lambda x: x[::-1].copy()[::-1],
    "columns reversed": lambda x: x[:, ::-1].copy()[:, ::-1],
}


@pytest.mark.parametrize("of_index", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("of_value", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("order", ["C", "F"])
def test_the_last_one_is_the_last_in_c_order_whatever_the_layouts(of_index: Any, of_value: Any, order: Any) -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        i, j, value = rng.integers(0, 2, (3, 2)), rng.integers(0, 2, (3, 2)), of_value(rng.normal(size=(3, 2)))
        i, j = of_index(i), of_index(j)
        base, weights = np.zeros((2, 2), order=order), rng.normal(size=(2, 2))

        def f(v: Any) -> Any:
            t = Tensor(base)  # noqa: B023  # used up in this round
            t[i, j] = v  # noqa: B023
            return t

        expected, winner = np.zeros((2, 2)), {}
        for k in np.ndindex(3, 2):
            expected[i[k], j[k]] = value[k]
            winner[i[k], j[k]] = k
        g = np.zeros((3, 2))
        for place, k in winner.items():
            g[k] = weights[place]
        y, pullback = vjp(f, value)
        np.testing.assert_array_equal(y, expected)
        np.testing.assert_array_equal(pullback(weights)[0], g)


def test_a_trace_follows_the_indices_of_a_write_forward_and_backward() -> None:
    def f(v: Any, i: Any) -> Any:
        def loss(v: Any) -> Any:
            t = Tensor(np.zeros(3))
            t[i] = v
            return np.sum(t * np.arange(1.0, 4.0))

        return loss(v), grad(loss)(v)

    v, i, other = np.array([1.0, 2.0]), np.array([0, 1]), np.array([2, 2])
    tape = trace(f, v, i)
    for got, expected in zip(tape(v, other), f(v, other), strict=True):
        np.testing.assert_array_equal(got, expected)
    np.testing.assert_array_equal(tape(v, other)[1], [0, 3])


EARLIER, LATER = slice(None, -1), slice(1, None)
ALL, BACKWARDS = slice(None), slice(None, None, -1)


@pytest.mark.parametrize(("target", "source"), [(LATER, EARLIER), (EARLIER, LATER), (ALL, BACKWARDS)])
def test_overlapping_parts_of_one_tensor(target: slice, source: slice) -> None:
    x = np.arange(4.0)
    weights = np.array([1.0, 10.0, 100.0, 1000.0])

    def f(x: Any) -> Any:
        t = x * 1.0
        t[target] = t[source]
        return t

    expected = x.copy()
    expected[target] = x[source].copy()
    y, pullback = vjp(f, x)
    np.testing.assert_array_equal(y, expected)
    g = weights.copy()
    g[target] = 0
    g[source] += weights[target]
    np.testing.assert_array_equal(pullback(weights)[0], g)


def test_a_slice_is_no_view() -> None:
    x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    t = x * 1
    s = t[:2]
    t[0] = 10.0
    s[1] = 20.0
    np.testing.assert_array_equal(t.data, [10, 2, 3])
    np.testing.assert_array_equal(s.data, [1, 20])
    (np.sum(t) + np.sum(s)).backward()
    np.testing.assert_array_equal(x.grad, [1, 1, 1])


def test_writes_keep_the_dtype_of_what_is_written_to() -> None:
    v = Tensor(np.array([1.5, 2.5], np.float32), requires_grad=True)
    t = Tensor(np.zeros(3))
    t[:2] = v
    assert t.dtype == np.float64
    (t * t).sum().backward()
    assert v.grad.dtype == np.float32
    np.testing.assert_array_equal(v.grad, [3, 5])
    t = Tensor(np.zeros(2, np.float32))
    t[0] = 2
    t[1] = np.float64(0.5)
    assert t.dtype == np.float32
    np.testing.assert_array_equal(t.data, np.array([2, 0.5], np.float32))


def test_write_of_a_list_of_tensors() -> None:
    a, b = Tensor(2.0, requires_grad=True), Tensor(3.0, requires_grad=True)
    t = Tensor(np.zeros(3))
    t[:2] = [a, b]
    np.sum(t**2).backward()
    assert (float(a.grad), float(b.grad)) == (4.0, 6.0)


def test_augmented_write_reads_first_as_in_numpy() -> None:
    x = np.zeros(3)
    x[[0, 0, 1]] += 1
    t = Tensor(np.zeros(3))
    v = Tensor(np.ones(3), requires_grad=True)
    t[[0, 0, 1]] += v
    np.testing.assert_array_equal(t.data, x)
    t.sum().backward()
    np.testing.assert_array_equal(v.grad, [0, 1, 1])


def test_what_cannot_be_written() -> None:
    v = Tensor([1.0], requires_grad=True)
    with pytest.raises(TypeError, match=r"int64.*gradient would be lost"):
        Tensor(np.zeros(2, np.int64))[:1] = v
    with pytest.raises(RuntimeError, match="requires a gradient"):
        v[0] = 2.0
    with pytest.raises(TypeError, match="lose it without a word"):
        np.zeros(2)[:1] = v
    with pytest.raises(ValueError, match="setitem"):
        Tensor(np.zeros(2))[:] = np.zeros(3)
    with no_grad():
        v[0] = 2.0
    np.testing.assert_array_equal(v.data, [2])
    assert v.is_leaf
