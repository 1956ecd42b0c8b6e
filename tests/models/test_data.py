"""The data of the examples: fixed splits, with nothing on both sides."""

from __future__ import annotations

import doctest
import sys

import numpy as np
import pytest

from models import _data as data


def test_the_example_runs() -> None:
    assert doctest.testmod(data).failed == 0


def test_digits_are_split_the_same_each_time() -> None:
    pytest.importorskip("sklearn")
    one, other = data.digits(), data.digits()
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)
    assert (len(one.x), len(one.x_test)) == (1347, 450)
    assert one.x.dtype == np.float32
    assert (one.x.min(), one.x.max()) == (-1, 1)
    assert set(one.y) == set(one.y_test) == set(range(10))


@pytest.mark.parametrize(
    ("name", "columns", "classes"), [("wine", 13, 3), ("breast_cancer", 30, 2), ("diabetes", 10, 0)]
)
def test_tables_are_standardised_by_what_is_learned_from(name: str, columns: int, classes: int) -> None:
    pytest.importorskip("sklearn")
    split = data.table(name, "float64")
    assert split.x.shape[1] == split.x_test.shape[1] == columns
    np.testing.assert_allclose(split.x.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(split.x.std(axis=0), 1)
    assert abs(split.x_test.mean()) < 0.2
    if classes:
        assert set(split.y) == set(range(classes))
    else:
        np.testing.assert_allclose((split.y.mean(), split.y.std()), (0, 1), atol=1e-12)


def test_no_paragraph_is_on_both_sides() -> None:
    learned, kept = ("".join(data.SYMBOLS[i] for i in side) for side in data.text())
    assert len(learned) / 20 < len(kept) < len(learned) / 5
    assert not set(learned.split("\n")) & set(kept.split("\n"))


def test_without_scikit_learn_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ImportError, match=r'pip install "tinygrad_np\[examples\]"'):
        data.digits()
