"""Values, first and second derivatives as JAX and PyTorch have them; the tables are made by make.py beside this."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from make import directions, load, weights  # noqa: E402  # the path is set first
from registry_cases import case  # noqa: E402  # on the path by conftest.py

from tinygrad_np import grad  # noqa: E402  # with the others

# Where the peer answers something else on purpose, or by mistake, and why.
DIFFERENT = {
    "jax-lstsq-2": "the residuals of an underdetermined system: none in NumPy and here, a number in JAX",
    "jax-partition-0": "the order within the parts of a partition is nobody's promise",
    "jax-partition-1": "the order within the parts of a partition is nobody's promise",
    "jax-std-4": "std of equal numbers: gradient 0 here, NaN in JAX",
    "torch-hardsigmoid": "PyTorch's derivative holds 1/6 in float32, 5e-9 off",
}


TABLES = {engine: load(engine) for engine in ("jax", "torch")}
KEYS = [(engine, key) for engine, table in TABLES.items() for key in table]


def test_the_tables_hold_most_of_the_registry() -> None:
    assert len({key.rsplit("-", 1)[0] for _, key in KEYS}) > 200


@pytest.mark.parametrize(("engine", "key"), KEYS, ids=[f"{e}-{k}" for e, k in KEYS])
def test_as_the_peer_says(engine: str, key: str) -> None:
    for start, reason in DIFFERENT.items():
        if f"{engine}-{key}".startswith(start):
            pytest.skip(reason)
    name, k = key.rsplit("-", 1)
    c = case(name, int(k))
    xs = c.floats
    stored = TABLES[engine][key]
    for x, old in zip(xs, stored["x"], strict=True):
        np.testing.assert_array_equal(x, old, err_msg=f"the sample has changed: run tests/oracle/make.py {engine}")

    def loss(*vs: Any) -> Any:
        ys = c.call(vs)
        return sum((np.sum(y * w) for y, w in zip(ys, weights(ys), strict=True)), 0.0)

    every = tuple(range(len(xs)))

    def along(*vs: Any) -> Any:
        gs = grad(loss, argnums=every)(*vs)
        return sum((np.sum(g * v) for g, v in zip(gs, directions(xs), strict=True)), 0.0)

    got = {"value": c.call(xs), "first": grad(loss, argnums=every)(*xs), "second": grad(along, argnums=every)(*xs)}
    for what, tolerance in (("value", 1e-12), ("first", 1e-10), ("second", 1e-9)):
        for g, e in zip(got[what], stored[what], strict=True) if what in stored else ():
            size = max(1, np.abs(e).max(initial=0))
            np.testing.assert_allclose(g, e, rtol=tolerance, atol=tolerance * size, err_msg=what)
