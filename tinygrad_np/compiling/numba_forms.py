"""What machine code does faster in another form: a product that is added to something adds itself."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from ..core.primitive import Primitive
from ..core.record import Record
from ..core.tape import Tape
from ..passes.rewrite import made, op_of, rebuilt
from .numba_scalars import FLOATS

__all__ = ["PRODUCT_ADDED", "in_numba_forms"]


def _product_added(c: Any, a: Any, b: Any, *, scale: float) -> Any:
    return c + np.asarray(scale, c.dtype) * (a @ b)


PRODUCT_ADDED = Primitive(_product_added, name="product_added")


def in_numba_forms(tape: Tape) -> Tape:
    """The tape with ``w - 0.1 * (x.T @ g)`` as one op, where nothing else reads the product.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_np import trace
    >>> [r.primitive.name for r in in_numba_forms(trace(lambda w, x: w - x @ x, np.eye(2), np.eye(2))).records]
    ['matmul', 'product_added']
    """
    readers = Counter(p for r in tape.records for p in r.inputs)
    readers.update(tape.outputs)

    def change(r: Record, inputs: tuple[Any, ...]) -> Any:
        name = op_of(r)
        if name not in ("add", "subtract") or r.dtype not in FLOATS or r.ndim != 2:
            return None
        for i in (1, 0) if name == "add" else (1,):
            c, product = inputs[1 - i], inputs[i]
            if not isinstance(c, Record) or (c.shape, c.dtype) != (r.shape, r.dtype) or readers[r.inputs[i]] != 1:
                continue
            a_b = _factors(product, r.dtype)
            if a_b is not None and all(f.dtype == r.dtype for f in a_b) and c is not product:
                scale = -1.0 if name == "subtract" else 1.0
                return [made(PRODUCT_ADDED, (c, *a_b), {"scale": scale}, r)]
        return None

    return rebuilt(tape, change)


def _factors(product: Any, dtype: Any) -> tuple[Record, Record] | None:
    if op_of(product) != "matmul" or product.dtype != dtype:
        return None
    a, b = product.inputs
    if a is None or b is None or not a.ndim == b.ndim == 2 or 0 in (*a.shape, *b.shape):
        return None
    return a, b
