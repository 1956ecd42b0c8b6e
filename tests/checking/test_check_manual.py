"""A gradient function by hand against the tape: what the inputs show, and what they say they cannot show."""

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np import check_manual

rng = np.random.default_rng(0)
X, Y = rng.normal(size=(16, 6)), rng.normal(size=(16, 3))
PARAMS = {"w1": rng.normal(size=(6, 4)), "b1": np.zeros(4), "w2": rng.normal(size=(4, 3)), "b2": np.zeros(3)}


def forward(p, x):
    h = x @ p["w1"] + p["b1"]
    return h, tg.relu(h) @ p["w2"] + p["b2"]


def loss(p, x, y):
    return np.sum((forward(p, x)[1] - y) ** 2) / len(x)


def manual(p, x, y):
    h, pred = forward(p, x)
    g_pred = 2 * (pred - y) / len(x)
    g_h = g_pred @ p["w2"].T * (h > 0)
    relu = np.maximum(h, 0)
    return {"w1": x.T @ g_h, "b1": g_h.sum(0), "w2": relu.T @ g_pred, "b2": g_pred.sum(0)}


def changed(**changes):
    """``manual`` with some gradients replaced by functions of what it gives."""

    def wrong(p, x, y):
        right = manual(p, x, y)
        return right | {name: change(right[name], p, x, y) for name, change in changes.items()}

    return wrong


def test_right_gradients_agree_and_the_notes_say_what_was_tried():
    c = check_manual(loss, manual, PARAMS, X, Y)
    assert c.ok, str(c)
    assert [r.name for r in c.rows] == ["w1", "b1", "w2", "b2"]
    assert c.notes == ("5 inputs: as given; other parameters with 16, 2, 5 and 1 rows",)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtypes_are_kept(dtype):
    seen = set()

    def spy(p, x, y):
        seen.update(a.dtype for a in (*p.values(), x, y))
        return manual(p, x, y)

    c = check_manual(loss, spy, {k: v.astype(dtype) for k, v in PARAMS.items()}, X.astype(dtype), Y.astype(dtype))
    assert c.ok, str(c)
    assert seen == {np.dtype(dtype)}


def test_wrong_as_given():
    c = check_manual(loss, changed(w2=lambda g, *_: 2 * g), PARAMS, X, Y)
    assert not c
    assert c["w2"].verdict == "wrong"
    assert c["w2"].hint == "off by the factor 2 (input as given)"
    assert c["w1"].verdict in ("exact", "rounding")


def test_a_size_written_as_a_number_shows_with_other_rows():
    c = check_manual(loss, changed(b2=lambda g, p, x, y: g * len(x) / 16), PARAMS, X, Y)
    assert c["b2"].verdict == "wrong"
    assert "off by the factor 1/8 (input with 2 rows)" in c["b2"].hint


def test_a_term_in_a_bias_that_starts_from_zero_shows_with_other_parameters():
    c = check_manual(loss, changed(w1=lambda g, p, x, y: g + p["b1"]), PARAMS, X, Y, batches=())
    assert c["w1"].verdict == "wrong"
    assert "(input with other parameters)" in c["w1"].hint


def test_a_shape_that_only_some_sizes_give():
    c = check_manual(loss, changed(b1=lambda g, p, x, y: g if len(x) > 1 else g[None]), PARAMS, X, Y)
    assert c["b1"].verdict == "shape"
    assert "with 1 row" in c["b1"].hint


def test_rows_stay_rows():
    """One-hot labels, integers and probabilities must not be made up."""
    labels = rng.integers(0, 3, 16)
    mask = rng.random(16) < 0.5
    seen = []

    def loss(p, x, labels, mask, scale):
        seen.append((x, labels, mask, scale))
        z = x @ p["w"]
        picked = (z * np.eye(3)[labels]).sum(axis=1) - np.log(np.exp(z).sum(axis=1))
        return -np.sum(picked * mask) * scale

    def manual(p, x, labels, mask, scale):
        z = np.exp(x @ p["w"])
        g = (z / z.sum(1, keepdims=True) - np.eye(3)[labels]) * mask[:, None] * scale
        return {"w": x.T @ g}

    c = check_manual(loss, manual, {"w": rng.normal(size=(6, 3))}, X, labels, mask, 0.5)
    assert c.ok, str(c)
    assert [len(s[0]) for s in seen] == [16, 16, 2, 5, 1]
    rows = {(tuple(x), int(k), bool(m)) for x, k, m in zip(X, labels, mask, strict=True)}
    for x, k, m, scale in seen:
        assert {(tuple(a), int(b), bool(c)) for a, b, c in zip(x, k, m, strict=True)} <= rows
        assert scale == 0.5


def test_parameters_keep_their_signs_and_integers():
    seen = []

    def loss(p, x):
        seen.append(p)
        return np.sum(x * np.log(p["positive"])) * p["n"]

    def manual(p, x):
        return {"positive": x.sum(0) / p["positive"] * p["n"]}

    c = check_manual(loss, manual, {"positive": np.array([0.1, 2.0, 3.0, 1.0, 1.0, 5.0]), "n": 3}, X)
    assert c.ok, str(c)
    assert all((p["positive"].data > 0).all() and p["n"].data == 3 for p in seen)
    assert len({p["positive"].data.tobytes() for p in seen}) == len(seen)


def test_an_input_without_meaning_counts_for_nothing():
    def loss(p, a, b):  # the leading axis is no batch: its size belongs to w
        return np.sum((a.T @ p["w"] - b.T @ p["w"]) ** 2)

    def manual(p, a, b):
        return {"w": 2 * (a - b) @ (a.T @ p["w"] - b.T @ p["w"])}

    c = check_manual(loss, manual, {"w": rng.normal(size=(16, 2))}, X, X[:, ::-1])
    assert c.ok, str(c)
    assert any(n.startswith("not tried with 5 rows: ValueError") for n in c.notes)


def test_data_without_a_common_leading_axis_are_left_alone():
    def loss(p, x, table):
        assert table.shape == (3, 3)
        return np.sum((x @ p["w"] @ table) ** 2)

    c = check_manual(
        loss, lambda p, x, t: {"w": 2 * x.T @ (x @ p["w"] @ t) @ t.T}, {"w": rng.normal(size=(6, 3))}, X, np.triu(Y[:3])
    )
    assert c.ok, str(c)
    assert "4 inputs: as given; with other parameters" in c.notes
    assert any("number of rows was not varied" in n for n in c.notes)


def test_no_data():
    c = check_manual(lambda p: np.sum(p["w"] ** 2), lambda p: {"w": 2 * p["w"]}, {"w": X})
    assert c.ok


def test_intermediates():
    def with_h(p, x, y):
        h, pred = forward(p, x)
        return np.sum((pred - y) ** 2) / len(x), {"h": h, "pred": pred, "x": x}

    def by_hand(p, x, y):
        pred = forward(p, x)[1]
        g_pred = 2 * (pred - y) / len(x)
        return manual(p, x, y) | {"pred": g_pred, "h": g_pred @ p["w2"].T, "z": 1.0}

    c = check_manual(with_h, by_hand, PARAMS, X, Y)
    assert c["pred"].verdict in ("exact", "rounding")
    assert c["h"].verdict == "wrong"
    assert "a mask is missing" in c["h"].hint
    assert any("does not show z" in n for n in c.notes)
    assert len(c.rows) == 6


def test_missing_parameters():
    def forgets(p, x, y):
        found = manual(p, x, y)
        del found["b1"]
        return found

    c = check_manual(loss, forgets, PARAMS, X, Y)
    assert c["b1"].verdict == "missing"
    assert not c.ok


def test_nested_parameters():
    def loss(p, x):
        return np.sum((x @ p["layers"][0]["w"] * p["layers"][1]["w"]) ** 2)

    def manual(p, x):
        z = x @ p["layers"][0]["w"]
        s = p["layers"][1]["w"]
        return {"layers": [{"w": 2 * x.T @ (z * s**2)}, {"w": 2 * (z**2 * s).sum(0)}]}

    c = check_manual(loss, manual, {"layers": [{"w": PARAMS["w1"]}, {"w": np.ones(4)}]}, X)
    assert c.ok, str(c)
    assert [r.name for r in c.rows] == ["layers.0.w", "layers.1.w"]


def test_functions_that_write_into_their_arguments():
    def careless(p, x, y):
        found = manual(p, x, y)
        for a in (*p.values(), x, y):
            a[...] = 0
        return found

    before = {k: v.copy() for k, v in PARAMS.items()}
    assert check_manual(loss, careless, PARAMS, X, Y).ok
    assert all(np.array_equal(before[k], v) for k, v in PARAMS.items())
    assert X.any()


def test_a_kink_is_no_mistake():
    def at_zero(p, x, y):
        h, pred = forward(p, x)
        g_h = 2 * (pred - y) / len(x) @ p["w2"].T * (h >= 0)
        return manual(p, x, y) | {"w1": x.T @ g_h, "b1": g_h.sum(0)}

    x = X.copy()
    x[3] = 0  # and b1 starts from 0
    c = check_manual(loss, at_zero, PARAMS, x, Y)
    assert c["b1"].verdict == "kink"
    assert c.ok


def test_it_is_reproducible():
    wrong = changed(b2=lambda g, p, x, y: g * len(x) / 16)
    assert str(check_manual(loss, wrong, PARAMS, X, Y)) == str(check_manual(loss, wrong, PARAMS, X, Y))
    assert str(check_manual(loss, wrong, PARAMS, X, Y)) != str(check_manual(loss, wrong, PARAMS, X, Y, seed=1))


# What the inputs cannot show


def note(c, text):
    return any(text in n for n in c.notes)


def test_one_row_hides_sums():
    c = check_manual(loss, manual, PARAMS, X[:1], Y[:1], batches=[1])
    assert note(c, "one row only")
    assert not note(check_manual(loss, manual, PARAMS, X[:1], Y[:1]), "one row only")


def test_an_axis_of_one_hides_sums():
    thin = PARAMS | {"w2": rng.normal(size=(4, 1)), "b2": np.zeros((1, 1)), "b1": np.zeros((1, 4))}
    c = check_manual(
        loss, lambda p, x, y: {k: v.reshape(p[k].shape) for k, v in manual(p, x, y).items()}, thin, X, Y[:, :1]
    )
    assert c.ok
    assert note(c, "axis of w2, b2 has size 1")


def test_positive_pre_activations_hide_a_mask():
    high = PARAMS | {"b1": np.full(4, 1000.0)}
    assert note(check_manual(loss, manual, high, X, Y), "relu (test_check_manual.py:")
    assert not note(check_manual(loss, manual, PARAMS, X, Y), "one side")


def test_a_gradient_that_is_always_zero_shows_little():
    dead = PARAMS | {"b1": np.full(4, -1000.0)}
    assert note(check_manual(loss, manual, dead, X, Y), "gradient of w1 is 0 in every input")


def test_a_symmetric_gradient_hides_a_transpose():
    c = check_manual(
        lambda p: np.sum(p["a"]) ** 2, lambda p: {"a": 2 * np.sum(p["a"]) * np.ones((3, 3))}, {"a": np.eye(3)}
    )
    assert note(c, "gradient of a is symmetric")


# Bad input


def test_bad_input_is_refused():
    with pytest.raises(TypeError, match="params is a mapping"):
        check_manual(loss, manual, [X], X, Y)
    with pytest.raises(TypeError, match="'w1' is not numeric"):
        check_manual(loss, manual, PARAMS | {"w1": None}, X, Y)
    with pytest.raises(TypeError, match="one element; got Tensor of shape"):
        check_manual(lambda p, x, y: forward(p, x)[1], manual, PARAMS, X, Y)
    with pytest.raises(TypeError, match="one element; got float"):
        check_manual(lambda p, x, y: 1.0, manual, PARAMS, X, Y)
    with pytest.raises(ValueError, match="depends on no parameter"):
        check_manual(lambda p, x, y: tg.Tensor(1.0), manual, PARAMS, X, Y)
    with pytest.raises(ValueError, match="the loss is nan"):
        check_manual(lambda p, x, y: loss(p, x, y) * np.nan, manual, PARAMS, X, Y)
    with pytest.raises(TypeError, match="manual must return a mapping"):
        check_manual(loss, lambda p, x, y: [1.0], PARAMS, X, Y)
    with pytest.raises(TypeError, match="mapping of intermediates"):
        check_manual(lambda p, x, y: (loss(p, x, y), 3), manual, PARAMS, X, Y)


def test_an_error_on_the_input_given_is_raised():
    def broken(p, x, y):
        raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        check_manual(loss, broken, PARAMS, X, Y)
