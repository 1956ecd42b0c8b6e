"""`draft_rule`: what it writes runs as it is, is right, and does not depend on the sizes of its sample."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tinygrad_np import check_op, draft_rule, primitive


def log_square(x):
    return np.log(1 + x * x)


def softmax_of_rows(x):
    e = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)


def layer(x, w, b):
    return np.tanh(x @ w + b)


def variance(x):
    return np.mean((x - np.mean(x, axis=0)) ** 2, axis=0)


def mean_cube(x):
    return np.mean(x**3)


def leaky(x):
    return np.where(x > 0, x, 0.1 * x)


def unit_rows(x, *, axis=-1):
    return x / np.sqrt(np.sum(x * x, axis=axis, keepdims=True))


def circle(x):
    return np.sin(x), np.cos(x) * x


def rows_of(table, rows):
    return 2 * table[rows]


def neighbours(x):
    return x[1:] * x[:-1]


CASES = [
    (log_square, ((3,),), {}, ((2, 5),)),
    (softmax_of_rows, ((2, 3),), {}, ((4, 5),)),
    (layer, ((2, 3), (3, 4), (4,)), {}, ((3, 5), (5, 2), (2,))),
    (variance, ((2, 3),), {}, ((5, 4),)),
    (mean_cube, ((2, 3),), {}, ((4, 5),)),
    (leaky, ((3,),), {}, ((2, 5),)),
    (unit_rows, ((2, 3),), {"axis": 1}, ((4, 5),)),
    (circle, ((3,),), {}, ((4,),)),
    (rows_of, ((4, 3), np.array([0, 2, 2])), {}, ((3, 5), np.array([1, 1]))),
    (neighbours, ((5,),), {}, ((4,),)),
]


@pytest.mark.parametrize(("f", "sample", "params", "other"), CASES, ids=[c[0].__name__ for c in CASES])
def test_a_draft_is_right_as_it_stands(f, sample, params, other) -> None:
    source = draft_rule(f, *sample, **params)
    scope = {f.__name__: f}
    exec(source, scope)
    for args in (sample, other):
        report = check_op(scope[f.__name__], *args, **params)
        assert report.ok, f"{source}\n{report}"
        assert report["numeric"].status == "pass"


def test_values_that_are_not_read_are_not_kept() -> None:
    assert "def rows_of_by_table(g, _y, _table, rows):" in draft_rule(rows_of, (4, 3), np.array([0, 2, 2]))
    assert ".defvjp(rows_of_by_table, None)" in draft_rule(rows_of, (4, 3), np.array([0, 2, 2]))


def test_a_draft_for_an_op_without_a_rule() -> None:
    cube = primitive(lambda x: x**3, name="cube")
    scope = {"cube": cube}
    exec(draft_rule(cube, (3,)), scope)
    assert check_op(cube, (3,)).ok


def test_what_cannot_be_drafted() -> None:
    with pytest.raises(ValueError, match="no argument is of floating point"):
        draft_rule(log_square, np.array([1, 2]))
    with pytest.raises(ValueError, match="does not run on Tensors"):
        draft_rule(lambda x: np.vectorize(math.erf)(x), (3,))
    with pytest.raises(ValueError, match="takes values out of Tensors"):
        draft_rule(lambda x: x * float(np.max(x)), (3,))
