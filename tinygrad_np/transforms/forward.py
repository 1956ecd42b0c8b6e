"""Forward mode: tangents pushed along the tape of a function, record by record.

An op's jvp is what it declares (`defjvp`, or dy/dx of an elementwise op), itself if it is linear, and else the vjp of
its vjp: u -> rule(u) is linear, and its transpose is the tangent map.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ..core.apply import apply
from ..core.backward import _fitted, sweep
from ..core.modes import current, switch
from ..core.primitive import Primitive, fresh
from ..core.record import Record
from ..core.tape import Trace
from ..core.tensor import Tensor, lift
from .reverse import is_recorded, split_aux, unwrap
from .tree import flatten, flatten_like, tree_map, unflatten

__all__ = ["jvp", "linearize"]


def jvp(f: Callable[..., Any], primals: Any, tangents: Any, has_aux: bool = False) -> tuple[Any, ...]:
    """The value of ``f`` and its derivative in one direction.

    Parameters
    ----------
    f
        A function of arrays or nested containers of arrays.
    primals, tangents
        Tuples, one entry an argument; a tangent has the structure and shapes of its primal.

    Returns
    -------
    y, y_dot
        And aux, if ``f`` returns ``(y, aux)`` and ``has_aux`` is set.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_np import jvp
    >>> jvp(np.sin, (np.array(0.0),), (np.array(2.0),))
    (array(0.), array(2.))
    """
    if not isinstance(primals, tuple | list) or not isinstance(tangents, tuple | list):
        raise TypeError("jvp(f, primals, tangents): both are tuples, one entry an argument of f")
    y, push, aux = _linearize(f, tuple(primals), has_aux)
    y_dot = push(*tangents)
    return (y, y_dot, tree_map(lambda t: unwrap(t, current().depth > 0), aux)) if has_aux else (y, y_dot)


def linearize(f: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[..., Any]]:
    """The value of ``f`` and a function that pushes tangents through the tape recorded here, any number of times."""
    y, push, _ = _linearize(f, primals, False)
    return y, push


def _linearize(f: Callable[..., Any], primals: tuple[Any, ...], has_aux: bool) -> tuple[Any, Callable[..., Any], Any]:
    mode = current()
    leaves, structure = flatten(primals)
    recorded = is_recorded(leaves)
    inputs = [fresh(x) for x in leaves]
    running = Trace()
    with switch(grad=True, depth=mode.depth + 1, traces=(running, *mode.traces)):
        result = f(*unflatten(structure, inputs))
    result, aux = split_aux(result, has_aux)
    outputs, out_structure = flatten(result)

    def push(*tangents: Any) -> Any:
        dots = flatten_like(structure, tangents, "tangents have the structure of the primals")
        env: dict[Record, Any] = {}
        outer = recorded or is_recorded(dots)
        for t, dot in zip(inputs, dots, strict=True):
            if np.shape(dot) != t.shape:
                raise ValueError(f"a tangent of shape {np.shape(dot)} was given for a primal of shape {t.shape}")
            if t._record is not None:
                env[t._record] = dot if type(dot) is Tensor else np.asarray(dot, t.dtype)
        with np.errstate(all="ignore"):
            for r in running.records:
                dots = [None if p is None else env.get(p) for p in r.inputs]
                if r.diff and any(d is not None for d in dots):
                    env[r] = _push(r, dots, outer)
        y_dots = [env.get(t._record) if type(t) is Tensor and t._record is not None else None for t in outputs]
        y_dots = [
            np.zeros(np.shape(t), np.result_type(t)) if d is None else _owned(unwrap(d, outer))
            for t, d in zip(outputs, y_dots, strict=True)
        ]
        return unflatten(out_structure, y_dots)

    return unflatten(out_structure, [unwrap(t, recorded) for t in outputs]), push, aux


def _owned(d: Any) -> Any:
    return d if type(d) is Tensor else np.array(d)


def _push(r: Record, dots: list[Any], recorded: bool) -> Any:
    """The tangent of the output of a record, from those of its inputs (None: zero)."""
    prim: Primitive = r.primitive  # type: ignore[assignment]  # a traced record is no leaf
    params = r.params or {}
    if prim is Primitive.item:
        return dots[0][params["index"]]
    xs, y = r.values, r.y
    if recorded:
        xs = tuple(
            lift(x, p) if p is not None and isinstance(x, np.ndarray) else x for x, p in zip(xs, r.inputs, strict=True)
        )
        y = lift(y, r)
    if prim.jvps is not None:
        jvps = [partial(prim.jvps[0], argnum=i) for i in range(len(xs))] if prim.variadic else prim.jvps
        terms = [jvps[i](d, y, *xs, **params) for i, d in enumerate(dots) if d is not None and jvps[i] is not None]
        if prim.elementwise:
            chosen = [(jvps[i], d) for i, d in enumerate(dots) if d is not None and jvps[i] is not None]
            terms = [_absorbed(t, d, partial(f, **params), y, xs) for t, (f, d) in zip(terms, chosen, strict=True)]
    elif prim.linear is True:
        full = [
            np.zeros(np.shape(x), x.dtype if hasattr(x, "dtype") else float) if d is None else d
            for d, x in zip(dots, xs, strict=True)
        ]
        terms = [apply(prim, tuple(full), r.params)]
    elif prim.linear == "each":
        terms = [apply(prim, (*xs[:i], d, *xs[i + 1 :]), r.params) for i, d in enumerate(dots) if d is not None]
    else:
        # A rule for all inputs at once remembers its result: each input asks afresh, with seeds of its own.
        rules = [(prim.vjps if prim.fixed else prim.rules(len(xs)))[i] for i in range(len(xs))]
        terms = [
            _transposed(r, i, rules[i], d, y, xs, recorded)
            for i, d in enumerate(dots)
            if d is not None and rules[i] is not None
        ]
    if r.dtype is None:
        return tuple(_added([t[k] for t in terms], s) for k, s in enumerate(r.shape[: len(r.shape) - prim.hidden]))
    return _added(terms, r)


def _absorbed(term: Any, dot: Any, jvp: Any, y: Any, xs: Any) -> Any:
    """A tangent of zero, or a derivative of zero, wins over an infinity on the other side, as in reverse mode."""
    if np.isfinite(term.data if type(term) is Tensor else term).all():
        return term
    derivative = jvp(np.ones_like(dot), y, *xs)
    return np.where(~np.isfinite(term) & ((dot == 0) | (derivative == 0)), 0, term)


def _added(terms: list[Any], like: Record) -> Any:
    """The sum of tangents, in the shape and dtype of the output."""
    terms = [t for t in terms if t is not None]
    if not terms:
        return np.zeros(like.shape, like.dtype)
    total = terms[0]
    for t in terms[1:]:
        total = total + t
    if np.shape(total) != like.shape:
        total = np.broadcast_to(total, like.shape)
    if total.dtype != like.dtype:
        total = (np.real(total) if total.dtype.kind == "c" != like.dtype.kind else total).astype(like.dtype)
    return total if type(total) is Tensor else np.asarray(total)


def _transposed(r: Record, i: int, rule: Any, dot: Any, y: Any, xs: Any, recorded: bool) -> Any:
    """The tangent that input ``i`` contributes, as the vjp of the op's own vjp rule. Conjugates: see core.backward."""
    several = r.dtype is None
    visible = r.shape[: len(r.shape) - r.primitive.hidden] if several else (r,)  # type: ignore[union-attr]
    seeds = [fresh(np.ones(s.shape, s.dtype if s.dtype.kind in "fc" else float)) for s in visible]
    mode = current()
    with switch(grad=True, depth=mode.depth + 1):
        c = rule(seeds[0] if len(seeds) == 1 else tuple(seeds), y, *xs, **(r.params or {}))
        c = None if c is None else _fitted(c, r, i, r.inputs[i])  # type: ignore[arg-type]  # there is a tangent, so a record
        c = c.join(None, False) if c is not None and not isinstance(c, Tensor | np.ndarray) else c
    targets: list[Any] = [t._record for t in seeds]
    found: dict[Any, Any] = {}
    if type(c) is Tensor and c._record is not None and c._record.diff:
        seed = np.conjugate(dot) if dot.dtype.kind == "c" else dot
        if recorded and type(seed) is not Tensor:
            seed = Tensor._of(seed, None)
        found = sweep([c._record], [seed], targets=targets, lift=lift if recorded else None)
    parts = [found.get(t) for t in targets]
    parts = [np.conjugate(p) if p is not None and p.dtype.kind == "c" else p for p in parts]
    return tuple(parts) if several else parts[0]
