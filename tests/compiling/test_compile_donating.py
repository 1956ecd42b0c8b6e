"""Whose memory a result is, and arrays that are donated."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from compiling.test_compile_calls import descent, problem, rng

from tinygrad_np import CompileError, compile


def test_results_are_the_callers() -> None:
    def f(x: Any, y: Any) -> Any:
        h = x * 2 + y
        return h, h.T, h[0], h, x, x.T, np.broadcast_to(y, (2, 3)), np.reshape(h, -1)

    compiled = compile(f)
    x, y = np.arange(6.0).reshape(2, 3), np.ones(3)
    first = compiled(x, y)
    kept = [a.copy() for a in first]
    compiled(x * 5, y * 7)
    for a, b, want in zip(first, kept, f(x, y), strict=True):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(a, want)
        assert not np.shares_memory(a, x)
        assert not np.shares_memory(a, y)
        assert a.flags.writeable


def test_donated_arrays_are_overwritten_and_nothing_else_is() -> None:
    compiled = compile(descent, donate="w")
    w, x, y = problem()
    want = descent(w, x, y)
    before = x.copy(), y.copy()
    error, updated = compiled(w, x, y)
    assert updated is w
    np.testing.assert_allclose(w, want[1], rtol=1e-14)
    np.testing.assert_allclose(error, want[0], rtol=1e-14)
    assert all(np.array_equal(a, b) for a, b in zip(before, (x, y), strict=True))


def test_without_donating_nothing_is_overwritten() -> None:
    w, x, y = problem()
    before = w.copy()
    updated = compile(descent)(w, x, y)[1]
    assert not np.shares_memory(updated, w)
    np.testing.assert_array_equal(w, before)


@pytest.mark.parametrize(
    "f",
    [
        lambda a, b: (b, a),
        lambda a, b: (b + 1, a + 1),
        lambda a, b: (a.T, b),
        lambda a, b: (a + a.T, a @ b),
        lambda a, b: (a + 1, a.T * 2),
        lambda a, b: (a @ b, b @ a),
        lambda a, b: (a[::-1] + a, np.sum(a)),
        lambda a, b: (np.where(a > 0, b, a), a - b),
        lambda a, b: (np.where(a > 0, a, b), np.where(b > a.T, b, a)),
        lambda a, b: (a * 2, a * 2),
        lambda a, b: (a * 2, (a * 2).T, a * 2 + 1),
        lambda a, b: a,
        lambda a, b: (b.T, a.T),
        lambda a, b: (b[::-1], b.T, a + 1),
        lambda a, b: (np.maximum(b, 0) - 1, b[..., ::-1]),
        lambda a, b: (np.exp(a), np.exp(np.exp(a)), b.reshape(-1)[::2]),
        lambda a, b: (a + b.T, b + a.T, a - b),
        lambda a, b: (np.zeros((3, 3)), np.ones((3, 3))),
        lambda a, b: (a.astype(np.float32), np.maximum(a, b), np.clip(a, -1, b)),
    ],
)
@pytest.mark.parametrize("donate", ["a", "b", ("a", "b")])
def test_donating_changes_no_result(f: Any, donate: Any) -> None:
    a, b = rng().normal(size=(2, 3, 3))
    want = f(a.copy(), b.copy())
    compiled = compile(f, donate=donate)
    for _ in range(2):
        mine = a.copy(), b.copy()
        got = compiled(*mine)
        for x, y in zip(got, want, strict=True) if isinstance(want, tuple) else [(got, want)]:
            np.testing.assert_allclose(x, y, rtol=1e-14)
        for name, x, before in zip("ab", mine, (a, b), strict=True):
            if name not in donate:
                np.testing.assert_array_equal(x, before)


def test_an_update_in_place_of_a_donated_argument() -> None:
    def f(w: Any, m: Any, x: Any) -> Any:
        m *= 0.9
        m += x
        w -= 0.1 * m
        w[0] = 5.0
        return np.sum(w)

    w, m, x = rng().normal(size=(3, 4))
    its = w.copy(), m.copy()
    want = f(*its, x)
    mine = w.copy(), m.copy()
    np.testing.assert_allclose(compile(f, donate=("w", "m"))(*mine, x), want)
    for a, b in zip(mine, its, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-14)
    with pytest.raises(CompileError, match=r"f changes its argument w in place: name it in donate="):
        compile(f, donate="m")(w, m, x)


def test_donated_arrays_that_share_memory_are_refused() -> None:
    compiled = compile(lambda w, v, x: (w - x, v + x), donate=("w", "v"))
    w, v, x = rng().normal(size=(3, 4))
    compiled(w, v, x)
    whole = np.zeros(6)
    for args, said in [
        ((w, w, x), "w is donated and shares memory with v"),
        ((w, v, w), "w is donated and shares memory with x"),
        ((whole[:4], whole[2:], x), "w is donated and shares memory with v"),
        ((w, v, w[::-1]), "w is donated and shares memory with x"),
    ]:
        with pytest.raises(CompileError, match=said):
            compiled(*args)
    compiled(whole[:4].reshape(4), v, x)  # a view alone does no harm
    owners = np.zeros(4), np.zeros(4)
    compiled(*owners, np.zeros(4))
    with pytest.raises(CompileError, match="w is donated and shares memory with v"):
        compiled(owners[0], owners[0], np.zeros(4))
    with pytest.raises(CompileError, match="v is donated and shares memory with x"):
        compiled(*owners, owners[1])
    frozen = w.copy()
    frozen.flags.writeable = False
    with pytest.raises(CompileError, match="w is donated and read-only"):
        compiled(frozen, v, x)
    with pytest.raises(CompileError, match="w is donated and not contiguous"):
        compiled(np.zeros(8)[::2], v, x)


def test_arguments_that_are_not_donated_may_share_memory() -> None:
    compiled = compile(lambda a, b: a + b)
    a = np.ones(3)
    np.testing.assert_array_equal(compiled(a, a), [2, 2, 2])


def test_views_go_the_short_way_too(monkeypatch: Any) -> None:
    """Batches are slices of the data, and parameters may lie in one array."""
    compiled = compile(descent, donate="w")
    whole = np.zeros(20)
    x, y = problem(12)[1:]
    compiled(np.zeros(4), x[:6], y[:6])
    monkeypatch.setattr(compiled, "_look", lambda *_: pytest.fail("looked at closely"))
    compiled(np.zeros(4), x[6:], y[6:])
    compiled(whole[4:8], x[6:], y[6:])
    compiled(whole[4:8], x[6:], whole[9:15])
    monkeypatch.undo()
    with pytest.raises(CompileError, match="shares memory with y"):
        compiled(whole[4:8], x[6:], whole[7:13])
