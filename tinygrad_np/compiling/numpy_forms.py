"""What NumPy does faster in another form.

Sums are products with ones, sums of products one product; a cotangent that is added at an index (of a slice that was
read) is added there, and not made an array of zeros first.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, cast

import numpy as np

from ..core.primitive import Primitive
from ..core.record import Record, leaf
from ..core.tape import Tape
from ..ops.declare import OPS
from ..passes.rewrite import made, op_of, rebuilt

__all__ = ["ADDED_AT", "in_numpy_forms"]


def _added_at(a: Any, part: Any, *, index: Any) -> Any:
    y = np.array(a)
    y[index] += part
    return y


ADDED_AT = Primitive(_added_at, name="added_at")

MATMUL = cast(Primitive, OPS["matmul"].call)
RESHAPE = cast(Primitive, OPS["_reshape"].call)
SMALL = 4096  # elements up to which a product with ones beats np.add.reduce over everything
LARGEST = 1 << 20  # elements of float32 that BLAS may add up: NumPy adds pairwise, and rounds less


def in_numpy_forms(tape: Tape) -> Tape:
    """The tape with sums of floats as calls of BLAS, where these are faster.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_np import trace
    >>> [r.primitive.name for r in in_numpy_forms(trace(lambda x: np.sum(x * x), np.ones(3))).records]
    ['multiply', 'matmul']
    """
    ones: dict[tuple[int, Any], Record] = {}

    def one(n: int, dtype: Any) -> Record:
        if (n, dtype) not in ones:
            ones[n, dtype] = leaf(np.ones(n, dtype), name="ones")
        return ones[n, dtype]

    readers = Counter(p for r in tape.records for p in r.inputs)
    readers.update(tape.outputs)

    def change(r: Record, inputs: tuple[Any, ...]) -> Any:
        x = inputs[0] if inputs else None
        if op_of(r) == "add":
            return _added(r, inputs, readers)
        params = r.params or {}
        if op_of(r) != "sum" or not isinstance(x, Record) or params.keys() - {"axis", "keepdims"}:
            return None
        if x.dtype != r.dtype or x.dtype not in (np.float32, np.float64) or params.get("keepdims") or x.size == 0:
            return None
        if x.dtype == np.float32 and x.size // max(r.size, 1) > LARGEST:
            return None
        axes = _axes(params.get("axis"), x.ndim)
        if len(axes) == x.ndim:
            return _whole(r, x, one)
        if x.ndim == 2 and axes == (0,):
            return [made(MATMUL, (one(x.shape[0], x.dtype), x), None, r)]
        if x.ndim == 2 and axes == (1,):
            return [made(MATMUL, (x, one(x.shape[1], x.dtype)), None, r)]
        return None

    return rebuilt(tape, change)


def _added(r: Record, inputs: tuple[Any, ...], readers: Counter[Record | None]) -> Any:
    """A sum with something that is zero but at an index."""
    for i in (1, 0):
        old, part, other = r.inputs[i], inputs[i], inputs[1 - i]
        if op_of(part) != "scatter":
            continue
        like = isinstance(other, Record) and other.shape == r.shape and other.dtype == r.dtype == part.dtype
        if like and readers[old] == 1 and len(part.inputs) == 1 and other is not part:
            index = (part.params or {})["index"]
            return [made(ADDED_AT, (other, part.inputs[0]), {"index": index}, r)]
    return None


def _whole(r: Record, x: Record, one: Any) -> Any:
    """The sum of all elements; of a product of two arrays without that product."""
    name = op_of(x)
    squared = name == "square" or (name == "power" and x.inputs[1] is None and x.values[1] == 2)
    pair: tuple[Any, ...] = x.inputs[:1] * 2 if squared else x.inputs if name == "multiply" else ()
    if len(pair) == 2 and all(p is not None and p.shape == x.shape and p.dtype == x.dtype for p in pair):
        flat = {p: _flat(p, r) for p in pair}
        if all(map(_is_whole, pair)):
            lines = [f for p, f in flat.items() if f is not p]
            return [*lines, made(MATMUL, tuple(flat[p] for p in pair), None, r)]
    if x.size > SMALL or not _is_whole(x):
        return None
    flat_x = _flat(x, r)
    first = [flat_x] if flat_x is not x else []
    return [*first, made(MATMUL, (flat_x, one(x.size, x.dtype)), None, r)]


def _is_whole(p: Record) -> bool:
    """Whether its elements lie one after the other, as far as that is known: no view of another array."""
    return p.primitive is None or not p.primitive.view


def _flat(p: Record, r: Record) -> Record:
    if p.ndim == 1:
        return p
    flat = made(RESHAPE, (p,), {"shape": (p.size,), "order": "C"}, r, shape=(p.size,), dtype=p.dtype, notes=None)
    flat.lasti = ~abs(flat.lasti)  # under no name
    return flat


def _axes(axis: Any, n: int) -> tuple[int, ...]:
    axes = tuple(range(n)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    return tuple(sorted(int(i) % n for i in axes)) if n else ()
