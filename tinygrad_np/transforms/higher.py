"""Second order and whole matrices: `jacobian`, `hessian`, `hvp`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import numpy as np

from .forward import linearize
from .reverse import choose, grad, vjp
from .tree import flatten, flatten_like, unflatten

__all__ = ["hessian", "hvp", "jacobian"]


def jacobian(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """A function that gives the matrix of all derivatives of ``f``, of shape ``output.shape + input.shape``.

    For containers: the structure of the output, and in each place the structure of the input. One backward pass an
    output number, or one forward push an input number, whichever are fewer. From complex to complex the function has to
    be holomorphic; a real output has dy/dRe + i dy/dIm, as a gradient.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_np import jacobian
    >>> jacobian(np.cumsum)(np.array([1.0, 2.0, 3.0]))
    array([[1., 0., 0.],
           [1., 1., 0.],
           [1., 1., 1.]])
    """

    @wraps(f)
    def run(*args: Any, **kwargs: Any) -> Any:
        of_chosen, primals = choose(f, argnums, args, kwargs)
        xs, x_structure = flatten(primals)
        y, pullback = vjp(of_chosen, *primals)
        ys, y_structure = flatten(y)
        has_complex = any(np.result_type(v).kind == "c" for v in (*xs, *ys))
        if has_complex or sum(np.size(x) for x in xs) < sum(np.size(v) for v in ys):
            blocks = _by_columns(of_chosen, primals, xs, x_structure, ys)
        else:
            blocks = _by_rows(pullback, xs, ys, y_structure)
        rows = [unflatten(x_structure, row) for row in blocks]
        return unflatten(y_structure, [row[0] for row in rows] if isinstance(argnums, int) else rows)

    return run


def _by_rows(pullback: Any, xs: list[Any], ys: list[Any], y_structure: Any) -> list[list[Any]]:
    """Block [output][input], one pullback of a unit cotangent an output number."""
    blocks = []
    for k, y in enumerate(ys):
        rows: list[list[Any]] = [[] for _ in xs]
        for unit in _units(y):
            seeds = [unit if j == k else np.zeros(np.shape(v), np.result_type(v)) for j, v in enumerate(ys)]
            for row, g in zip(rows, flatten(pullback(unflatten(y_structure, seeds)))[0], strict=True):
                row.append(g)
        blocks.append([_stacked(row, np.shape(y), np.shape(x), x) for row, x in zip(rows, xs, strict=True)])
    return blocks


def _by_columns(f: Any, primals: Any, xs: list[Any], x_structure: Any, ys: list[Any]) -> list[list[Any]]:
    """Block [output][input], one push of a unit tangent an input number."""
    _, push = linearize(f, *primals)
    blocks: list[list[Any]] = [[] for _ in ys]
    for k, x in enumerate(xs):
        columns: list[list[Any]] = [[] for _ in ys]
        for unit in _units(x):
            dots = [unit if j == k else np.zeros(np.shape(v), _float(v)) for j, v in enumerate(xs)]
            pushed = flatten(push(*unflatten(x_structure, dots)))[0]
            if unit.dtype.kind == "c" and any(np.result_type(y).kind != "c" for y in ys):
                along = flatten(push(*unflatten(x_structure, [1j * d if d is unit else d for d in dots])))[0]
                real = [np.result_type(y).kind != "c" for y in ys]
                pushed = [a + 1j * b if r else a for a, b, r in zip(pushed, along, real, strict=True)]
            for column, y_dot in zip(columns, pushed, strict=True):
                column.append(y_dot)
        for block, column, y in zip(blocks, columns, ys, strict=True):
            stacked = _stacked(column, np.shape(x), np.shape(y), y)
            n, m = np.ndim(x), np.ndim(y)
            block.append(np.transpose(stacked, (*range(n, n + m), *range(n))))
    return blocks


def _float(x: Any) -> Any:
    dtype = np.result_type(x)
    return dtype if dtype.kind in "fc" else np.dtype(float)


def _units(x: Any) -> Any:
    for i in range(np.size(x)):
        unit = np.zeros(np.size(x), _float(x))
        unit[i] = 1
        yield unit.reshape(np.shape(x))


def _stacked(rows: list[Any], outer: tuple[int, ...], inner: tuple[int, ...], like: Any) -> Any:
    if not rows:
        return np.zeros(outer + inner, _float(like))
    return np.reshape(np.stack(rows), outer + inner)


def hessian(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """A function that gives the second derivatives of a scalar ``f``, of shape ``input.shape + input.shape``.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_np import hessian
    >>> hessian(lambda x: x[0] ** 2 * x[1])(np.array([3.0, 5.0]))
    array([[10.,  6.],
           [ 6.,  0.]])
    """
    return jacobian(grad(f, argnums), argnums)


def hvp(f: Callable[..., Any], primals: Any, tangents: Any) -> Any:
    """The Hessian of a scalar ``f`` times a vector, without the Hessian: the gradient of <gradient, vector>.

    ``primals`` and ``tangents`` are tuples, one entry an argument; with one argument the product alone is given.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_np import hvp
    >>> hvp(lambda x: np.sum(x**3), (np.array([1.0, 2.0]),), (np.array([1.0, 1.0]),))
    array([ 6., 12.])
    """
    if not isinstance(primals, tuple | list) or not isinstance(tangents, tuple | list):
        raise TypeError("hvp(f, primals, tangents): both are tuples, one entry an argument of f")
    every = tuple(range(len(primals)))
    vectors = flatten_like(flatten(tuple(primals))[1], tuple(tangents), "tangents have the structure of the primals")

    def along(*xs: Any) -> Any:
        gs, _ = flatten(grad(f, every)(*xs))
        return sum((np.sum(np.real(g * np.conjugate(v))) for g, v in zip(gs, vectors, strict=True)), 0.0)

    product = grad(along, every)(*primals)
    return product[0] if len(primals) == 1 else product
