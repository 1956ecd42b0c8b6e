"""Verdicts of `compare`, its table, and the ragged cases."""

import io
import subprocess
import sys

import numpy as np
import pytest

from tinygrad_np import Comparison, Tensor, compare, no_grad, relu

rng = np.random.default_rng(0)
W = rng.normal(size=(20, 30))


def verdict(G, T, **kwargs):
    return compare({"w": G}, {"w": T}, **kwargs)["w"].verdict


def test_exact_and_rounding():
    c = compare({"a": W, "b": W * (1 + 2**-51), "c": 3.0}, {"a": W.copy(), "b": W, "c": np.array(3.0)})
    assert [r.verdict for r in c.rows] == ["exact", "rounding", "exact"]
    assert c.ok
    assert c
    assert c["a"].max_abs == c["a"].max_rel == c["a"].ulp == 0
    assert 0 < c["b"].max_abs < 1e-14
    assert 1 <= c["b"].ulp <= 4


def test_wrong_says_where_and_how_much():
    G = W.copy()
    G[3, 17] += 0.5
    c = compare({"w": G}, {"w": W})
    row = c["w"]
    assert row.verdict == "wrong"
    assert row.worst_index == (3, 17)
    assert row.max_abs == pytest.approx(0.5)
    assert row.max_rel == pytest.approx(0.5 / abs(W[3, 17]))
    assert row.manual_shape == row.auto_shape == (20, 30)
    assert "3 of axis 0 only" in row.hint
    assert not c.ok
    assert not c


def test_one_wrong_element_among_many_is_found():
    T = rng.normal(size=100_000)
    G = T.copy()
    G[54_321] *= 1 + 1e-6
    assert verdict(G, T) == "wrong"
    assert verdict(G, G + 0) == "exact"


@pytest.mark.parametrize(
    ("G", "T"),
    [
        (np.ones((1, 5)), np.ones(5)),
        (np.ones(5), np.ones((5, 1))),
        (np.ones(()), np.ones(3)),
        (2.0, np.array([2.0])),
        (np.zeros((0, 3)), np.zeros((3, 0))),
    ],
)
def test_shapes_come_before_values(G, T):
    row = compare({"w": G}, {"w": T})["w"]
    assert row.verdict == "shape"
    assert row.max_abs is None
    assert row.hint


def test_shape_rows_are_diagnosed():
    per_row = rng.normal(size=(64, 10))
    c = compare({"b": per_row, "w": W.T}, {"b": per_row.sum(0), "w": W})
    assert c["b"].hint == "not summed over axis 0, along which it was broadcast"
    assert c["w"].hint == "transposed"


def test_missing_and_extra():
    c = compare({"a": W, "only by hand": W}, {"a": W, "only on tape": W})
    assert {r.name: r.verdict for r in c.rows} == {"a": "exact", "only by hand": "extra", "only on tape": "missing"}
    assert c["only on tape"].manual_shape is None
    assert c["only on tape"].auto_shape == (20, 30)
    assert c["only by hand"].auto_shape is None
    assert not c.ok


def test_none_is_no_gradient():
    c = compare({"a": None, "b": None, "c": W}, {"a": None, "b": W, "c": None})
    assert [r.verdict for r in c.rows] == ["exact", "missing", "extra"]


def test_hints_name_sizes():
    row = compare({"w": W / 64}, {"w": W}, sizes={"batch": 64})["w"]
    assert row.hint == "off by the factor 1/64; 64 is batch"
    c = compare({"w": W / 20}, {"w": W})
    assert c["w"].hint == "off by the factor 1/20; 20 is w.shape[0]"


# Number types


def test_rounding_is_judged_in_the_coarser_dtype():
    T = rng.normal(size=(50, 40)).astype(np.float32)
    G = T.astype(float) * (1 + 1e-6)
    assert verdict(G, T) == "rounding"
    assert verdict(T, G) == "rounding"
    assert verdict(G, T.astype(float)) == "wrong"
    assert verdict(T.astype(float), T) == "exact"
    assert verdict(T * np.float32(1.01), T) == "wrong"


def test_float16_does_not_accept_everything():
    T = rng.normal(size=100_000).astype(np.float16)
    assert verdict(-T, T) == "wrong"
    assert verdict(T * np.float16(1.1), T) == "wrong"
    assert verdict((T * 1.001).astype(np.float16), T) == "rounding"


def test_large_float16_numbers_are_subtracted_without_overflow():
    T = np.array([60000.0, 1.0], np.float16)
    row = compare({"w": -T}, {"w": T})["w"]
    assert row.max_abs == 120000


def test_integers_booleans_and_numbers():
    assert verdict([1, 2, 3], np.array([1.0, 2.0, 3.0])) == "exact"
    assert verdict(np.array([1, 2, 4]), np.array([1.0, 2.0, 3.0])) == "wrong"
    assert verdict(np.array([True, False]), np.array([1.0, 0.0])) == "exact"
    assert verdict(3, np.array(3.0)) == "exact"
    assert verdict(np.float32(3), 3.0) == "exact"
    assert verdict(2**53 + 1, float(2**53)) == "exact"  # the same float64


def test_complex():
    z = W + 1j * W[::-1]
    assert verdict(z * (1 + 1e-16), z) in ("exact", "rounding")
    assert verdict(np.conj(z), z) == "wrong"
    assert verdict(z.real, z) == "wrong"


def test_empty_arrays_agree():
    c = compare({"w": np.zeros((0, 3))}, {"w": np.zeros((0, 3))})
    assert c["w"].verdict == "exact"
    assert c["w"].worst_index is None
    assert c.ok


def test_zero_dimensional():
    row = compare({"w": 1.0}, {"w": np.array(2.0)})["w"]
    assert (row.verdict, row.worst_index, row.max_abs, row.max_rel) == ("wrong", (), 1.0, 0.5)


def test_nothing_at_all():
    c = compare({}, {})
    assert not c.ok
    assert str(c).endswith("nothing to compare")


# NaN and infinity


def test_nan_agrees_with_nothing():
    T = np.array([1.0, np.nan, 2.0])
    both = compare({"w": T}, {"w": T})["w"]
    assert both.verdict == "wrong"
    assert both.worst_index == (1,)
    assert "both sides at 1 of 3" in both.hint
    assert "by hand at 1 of 3" in compare({"w": T}, {"w": np.ones(3)})["w"].hint
    assert "on the tape at 1 of 3" in compare({"w": np.ones(3)}, {"w": T})["w"].hint


def test_the_same_infinity_agrees_and_others_do_not():
    T = np.array([1.0, np.inf, -np.inf])
    assert verdict(T, T.copy()) == "exact"
    assert verdict(T * (1 + 2**-52), T) == "rounding"
    assert verdict(-T, T) == "wrong"
    row = compare({"w": T}, {"w": np.ones(3)})["w"]
    assert (row.verdict, row.max_abs) == ("wrong", np.inf)
    assert verdict(np.ones(3), T) == "wrong"


def test_relative_error_where_the_right_value_is_zero():
    assert compare({"w": [1.0, 1.0]}, {"w": np.array([0.0, 1.0])})["w"].max_rel == np.inf


# Zero but for rounding


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("seed", range(4))
def test_a_bias_before_batch_norm_has_gradient_zero_on_both_sides(dtype, seed):
    local = np.random.default_rng(seed)
    n, d, h = 32, 6, 5
    draw = lambda *shape: local.normal(size=shape).astype(dtype)  # as short as the formula
    x, y, start = draw(n, d), draw(n, 2), {"w": draw(d, h), "b": draw(h), "v": draw(h, 2)}

    def forward(p):
        centred = (z := x @ p["w"] + p["b"]) - np.mean(z, axis=0)
        inverse = 1 / np.sqrt(np.mean(centred**2, axis=0) + dtype(1e-5))
        return centred, inverse, centred * inverse @ p["v"]

    p = {k: Tensor(v, requires_grad=True) for k, v in start.items()}
    loss = np.mean((forward(p)[2] - y) ** 2)
    centred, inverse, out = forward(start)
    g_out = 2 * (out - y) / y.size
    g_hat, hat = g_out @ start["v"].T, centred * inverse
    g_z = inverse / n * (n * g_hat - g_hat.sum(0) - hat * (g_hat * hat).sum(0))
    c = compare({"w": x.T @ g_z, "b": g_z.sum(0), "v": hat.T @ g_out}, p, loss=loss)
    assert c.ok, str(c)
    assert "0 but for rounding" in c["b"].hint or c["b"].max_abs == 0
    wrong = compare({"w": x.T @ g_z, "b": g_hat.sum(0), "v": hat.T @ g_out}, p, loss=loss)
    assert wrong["b"].verdict == "wrong"


def test_small_beside_others_is_not_zero():
    c = compare({"big": W, "small": -1e-9 * W}, {"big": W, "small": 1e-9 * W})
    assert c["small"].verdict == "wrong"
    assert compare({"big": W, "nan": [np.inf]}, {"big": W, "nan": np.zeros(1)})["nan"].verdict == "wrong"


# Tensors


def net():
    w = Tensor(W, requires_grad=True, name="w")
    h = np.ones((2, 20)) @ w
    return w, h, np.sum(h**2)


def test_a_tensor_stands_for_its_grad():
    w, _, loss = net()
    loss.backward()
    assert compare({"w": w.grad.copy()}, {"w": w}).ok
    assert compare({"w": w}, {"w": w.grad.copy()}).ok  # on the hand's side too
    assert compare({"w": Tensor(w.grad)}, {"w": w}).ok  # one without a gradient is an array


def test_a_tensor_without_grad_is_extra_and_says_what_to_do():
    w, h, loss = net()
    row = compare({"w": W}, {"w": w})["w"]
    assert row.verdict == "extra"
    assert "backward()" in row.hint
    loss.backward()
    row = compare({"h": 2 * h.data}, {"h": h}, loss=loss)["h"]
    assert row.verdict == "extra"
    assert "retain_graph=True" in row.hint


def test_gradients_come_from_the_tape_of_the_loss():
    w, h, loss = net()
    c = compare({"w": np.ones((2, 20)).T @ (2 * h.data), "h": 2 * h.data}, {"w": w, "h": h}, loss=loss)
    assert c.ok
    assert w.grad is None


def test_a_parameter_that_the_loss_does_not_use_has_gradient_zero():
    _, _, loss = net()
    unused = Tensor(np.ones(3), requires_grad=True)
    assert compare({"u": np.zeros(3)}, {"u": unused}, loss=loss)["u"].verdict == "exact"
    assert compare({"u": np.ones(3)}, {"u": unused}, loss=loss)["u"].verdict == "wrong"


def test_gradients_that_are_tensors_themselves():
    w, h, loss = net()
    loss.backward(create_graph=True)
    assert type(w.grad) is Tensor
    assert compare({"w": np.ones((2, 20)).T @ (2 * h.data)}, {"w": w}).ok


def test_nested_mappings_and_lists():
    tree = {"layers": [{"w": W}, {"w": 2 * W}], "scale": 1.0}
    c = compare(tree, {"layers": [{"w": W}, {"w": 2 * W + 1}], "scale": 1.0})
    assert {r.name: r.verdict for r in c.rows} == {"layers.0.w": "exact", "layers.1.w": "wrong", "scale": "exact"}


# Bad input


@pytest.mark.parametrize("bad", [W, [W], None, Tensor(W)])
def test_mappings_are_needed(bad):
    with pytest.raises(TypeError, match="takes mappings of names"):
        compare(bad, {})
    with pytest.raises(TypeError, match="takes mappings of names"):
        compare({}, bad)


def test_what_is_not_numeric_is_named():
    with pytest.raises(TypeError, match="'w' is not numeric"):
        compare({"w": "abc"}, {"w": W})
    with pytest.raises(TypeError, match="one element"):
        compare({"w": W}, {"w": W}, loss=Tensor(W))


# Text

LONG = "encoder.layers.3.attention.projection.weight.of.the.second.head.and.more.still.so"


@pytest.fixture
def ragged():
    hand = {
        "w": 2 * W,
        LONG: W,
        "conv": rng.normal(size=(64, 32, 28, 28)),
        "b": np.ones((64, 10)),
        "s": 1.0,
        "x": [1.0],
    }
    return compare(hand, {"w": W, LONG: W, "conv": np.zeros((64, 32, 28, 28)), "b": np.ones(10), "s": 2.0, "y": [1.0]})


def test_plain_text_fits_in_80_columns(ragged):
    lines = str(ragged).splitlines()
    assert max(map(len, lines)) <= 80
    assert any(LONG[:79] in line for line in lines)
    assert "5 of 7 gradients do not agree" not in str(ragged)
    assert lines[-1] == "6 of 7 gradients do not agree (1 exact, 1 missing, 1 extra, 1 shape, 3 wrong)"
    assert repr(ragged) == str(ragged)


def test_plain_text_is_a_table():
    text = str(compare({"w1": 2 * W, "b": np.ones(3)}, {"w1": W, "b": np.ones(3)}))
    assert text.splitlines()[0].split() == [
        "name",
        "shape",
        "verdict",
        "max",
        "abs",
        "max",
        "rel",
        "ulp",
        "worst",
        "at",
    ]
    assert "off by the factor 2" in text
    assert "1 of 2 gradients do not agree (1 exact, 1 wrong)" in text
    assert "all 2 gradients agree (2 exact)" in str(compare({"a": W, "b": W}, {"a": W, "b": W}))


def test_rich_prints_a_table(ragged):
    console = pytest.importorskip("rich.console")
    out = io.StringIO()
    console.Console(file=out, width=80, force_terminal=False).print(ragged)
    text = out.getvalue()
    assert "by hand against the tape" in text
    assert "off by the factor 2" in text
    assert max(map(len, text.splitlines())) <= 80


def test_names_are_not_markup():
    console = pytest.importorskip("rich.console")
    out = io.StringIO()
    c = compare({"[red]w[/red]": 2 * W}, {"[red]w[/red]": W})
    console.Console(file=out, width=100, force_terminal=False).print(c)
    assert "[red]w[/red]" in out.getvalue()


def test_plain_text_needs_no_rich():
    program = (
        "import sys; sys.modules['rich'] = None\n"
        "from tinygrad_np import compare\n"
        "print(compare({'w': [1.0]}, {'w': [2.0]}))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "off by the factor 1/2" in done.stdout


def test_rows_are_found_by_name():
    c = compare({"w": W}, {"w": W})
    assert isinstance(c, Comparison)
    with pytest.raises(KeyError, match="no row 'v'"):
        c["v"]


def test_comparing_changes_nothing():
    w, _, loss = net()
    before = W.copy()
    G = W.copy()
    compare({"w": G}, {"w": w}, loss=loss)
    with no_grad():
        compare({"w": G}, {"w": w}, loss=loss)
    assert np.array_equal(G, before)
    assert np.array_equal(w.data, before)
    loss.backward()  # the tape is as it was
    assert relu(w).requires_grad
