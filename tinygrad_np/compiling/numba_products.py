"""Matrix products in machine code: loops where they are tiny, else NumPy's BLAS."""

from __future__ import annotations

from collections.abc import Callable

from ..core.record import Record
from .numba_blas import addresses
from .numba_forms import PRODUCT_ADDED
from .numba_layout import Layout, Place
from .numba_scalars import FLOATS
from .writers import writer

__all__ = ["is_product", "product_lines"]

TINY = 1024  # multiplications that take less time than a call of BLAS
Matrix = tuple[int, int, int, int]  # rows, columns, their strides


def is_product(r: Record, layout: Layout) -> bool:
    """Whether it can be computed from where its operands lie."""
    if r.primitive is None or r.dtype not in FLOATS or r.size == 0:
        return False
    if r.primitive is not PRODUCT_ADDED and (r.primitive.name != "matmul" or writer(r) is None):
        return False
    if any(p is None or p.dtype != r.dtype or p.ndim not in (1, 2) or p.size == 0 for p in r.inputs):
        return False
    if not all(layout.usable(p) for p in r.inputs if p is not None):
        return False
    a, b = _factors(r, layout)
    tiny = a[0] * a[1] * b[1] <= TINY
    return tiny or (addresses() is not None and _order(a) is not None and _order(b) is not None)


def product_lines(r: Record, layout: Layout, pointer: Callable[[Place], str]) -> list[str]:
    """Statements that write the product to where it goes, or add it to what lies there."""
    out, (a, b) = layout.place(r), _factors(r, layout)
    (m, k, ai, ak), (_, n, bk, bj) = a, b
    places = [layout.place(p) for p in r.inputs if p is not None][-2:]
    pa, pb = map(pointer, places)
    pc, dtype = pointer(out), f"np.{r.dtype.name}"
    added = r.primitive is PRODUCT_ADDED
    scale = float((r.params or {})["scale"]) if added else 1.0
    lines = []
    if added:
        c = layout.place(r.inputs[0])  # type: ignore[arg-type]  # checked in is_product
        if c != out._replace(root=c.root, memory=c.memory) or c.memory != out.memory:
            step = c.across(out.shape)
            columns = out.shape[1]
            lines += [f"for i in range({m}):", f"    for j in range({columns}):"]
            lines += [f"        {pc}[i * {columns} + j] = {pointer(c)}[{c.offset} + i * {step[0]} + j * {step[1]}]"]
    if m * k * n <= TINY:
        at_a, at_b = (f"{p.offset} + " if p.offset else "" for p in places)
        lines += [f"for i in range({m}):"]
        if not added:
            lines += [f"    for j in range({n}):", f"        {pc}[i * {n} + j] = 0"]
        lines += [
            f"    for k in range({k}):",
            f"        a = {dtype}({scale}) * {pa}[{at_a}i * {ai} + k * {ak}]",
            f"        for j in range({n}):",
            f"            {pc}[i * {n} + j] += a * {pb}[{at_b}k * {bk} + j * {bj}]",
        ]
        return lines
    (ta, lda), (tb, ldb) = _order(a), _order(b)  # type: ignore[misc]  # checked in is_product
    letter, beta = ("d", 0) if r.dtype.itemsize == 8 else ("s", 1), float(added)
    kind, size = ("float64", 8) if r.dtype.itemsize == 8 else ("float32", 4)
    pointers = zip((pa, pb), places, strict=True)
    at_a, at_b = (f"moved_{kind}({p}, {x.offset * size})" if x.offset else p for p, x in pointers)
    lines.append(
        f"{letter[0]}gemm(blas[{letter[1]}], {ta}, {tb}, {m}, {n}, {k}, {dtype}({scale}), {at_a}, {lda},"
        f" {at_b}, {ldb}, {dtype}({beta}), {pc}, {n})"
    )
    return lines


def _factors(r: Record, layout: Layout) -> tuple[Matrix, Matrix]:
    a, b = (layout.place(p) for p in r.inputs[-2:] if p is not None)
    (m, k), (ai, ak) = (a.shape, a.strides) if len(a.shape) == 2 else ((1, *a.shape), (a.shape[0], *a.strides))
    (_, n), (bk, bj) = (b.shape, b.strides) if len(b.shape) == 2 else ((*b.shape, 1), (*b.strides, 1))
    return (m, k, ai, ak), (k, n, bk, bj)


def _order(x: Matrix) -> tuple[int, int] | None:
    """Whether BLAS is to turn it round, 111 for no and 112 for yes, and how far apart its rows lie; None if too odd."""
    rows, columns, down, right = x
    for order, (n, near), (m, far) in (
        (111, (columns, right), (rows, down)),
        (112, (rows, down), (columns, right)),
    ):
        if (near == 1 or n == 1) and (far >= max(n, 1) or m == 1):
            return order, far if m > 1 else max(n, 1)
    return None
