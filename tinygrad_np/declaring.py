"""Declaring an op: `primitive` and `elementwise` of the engine, with what may be said of an op beside its rules.

primitive(f, vjp="numeric")         no rule at all: differentiated by evaluation, for exploring
primitive(f, deviates="...")        its rule is on purpose not the derivative, and why
primitive(f, order=1)               its rule cannot be differentiated again
primitive(f, view=True)             its output is a view of its input, and meant to be
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, wraps
from typing import Any, overload

import numpy as np

from .core import primitive as engine
from .core.primitive import Primitive
from .core.tensor import Tensor

__all__ = ["NumericRule", "elementwise", "primitive"]


@overload
def primitive(f: Callable[..., Any], /, **declared: Any) -> Primitive: ...
@overload
def primitive(**declared: Any) -> Callable[[Callable[..., Any]], Primitive]: ...
def primitive(
    f: Callable[..., Any] | None = None,
    /,
    *,
    vjp: str | None = None,
    deviates: str = "",
    order: int = 2,
    view: bool = False,
    **declared: Any,
) -> Any:
    """Make an op of a NumPy function, as a decorator or a call.

    Parameters
    ----------
    f
        ``f(*arrays, **params)``: parameters without a default are arrays, the others metadata.
    vjp
        ``"numeric"``: no rule; gradients of any order come from evaluating ``f``, once or more for each number in its
        arguments. For exploring; the op is called ``..._numeric`` wherever it appears.
    deviates
        Why its rule is on purpose not the derivative, as a straight-through estimator's. `check_op` then does not ask.
    order
        1: the rule cannot be differentiated again, as one in C.
    view
        The output is a view of an input, and meant to be.
    name, tex
        What errors and drawings call it, and its formula with ``{0}``, ``{1}`` for the arguments.
    samples
        Example arguments, a tuple each: shapes stand for random arrays, a dict at the end for parameters.
    domain
        The interval that random arrays are drawn from.
    singular
        The derivative can be infinite where the value is finite (sqrt at 0).
    core_dims
        Leading axes broadcast, the last ``core_dims`` do not; None: the op does not broadcast.
    hidden
        How many trailing outputs are only for the rules.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_np import Tensor, grad, primitive
    >>> cube = primitive(lambda x: x**3).defvjp(lambda g, _y, x: 3 * g * x**2)
    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> cube(x).sum().backward()
    >>> x.grad
    array([ 3., 12.])

    Without a rule:

    >>> bump = primitive(lambda x: np.exp(-x * x), vjp="numeric", name="bump")
    >>> grad(bump)(1.0).round(12)
    np.float64(-0.735758882343)
    >>> bump
    <primitive bump_numeric(x)>
    """
    if f is None:
        return partial(primitive, vjp=vjp, deviates=deviates, order=order, view=view, **declared)
    if vjp not in (None, "numeric"):
        raise TypeError(f'primitive(vjp=...) is "numeric", or left out and given with .defvjp(...); got {vjp!r}')
    if vjp is not None:
        name = str(declared.get("name") or getattr(f, "__name__", "op")).replace("<lambda>", "op")
        declared["name"] = name if name.endswith("_numeric") else f"{name}_numeric"
    made = engine.primitive(f, **declared)
    if vjp is not None:
        made.defvjp(*(NumericRule(made, i) for i in range(1 if made.variadic else made.arity)))
    return _noted(made, deviates, order, view)


@wraps(engine.elementwise)
def elementwise(
    f: Callable[..., Any],
    *derivatives: Callable[..., Any] | None,
    deviates: str = "",
    order: int = 2,
    view: bool = False,
    **declared: Any,
) -> Primitive:
    return _noted(engine.elementwise(f, *derivatives, **declared), deviates, order, view)


def _noted(made: Primitive, deviates: str, order: int, view: bool) -> Primitive:
    """The op, with what `check_op` is to know of it. ``view`` the engine finds out for itself."""
    if order not in (1, 2):
        raise TypeError(f"order: 1 (the rule cannot be differentiated again) or 2 (as often as asked); got {order!r}")
    vars(made)["declared"] = {"deviates": deviates, "order": order, "view": view}
    return made


class NumericRule:
    """A rule by evaluation. On Tensors it is an op in its turn, with rules of the same kind: so any order works."""

    def __init__(self, prim: Primitive, argnum: int) -> None:
        self.prim, self.argnum = prim, argnum

    def __repr__(self) -> str:
        return f"the numeric rule of {self.prim.name}, by evaluation,"

    def __call__(self, g: Any, _y: Any, *xs: Any, argnum: int | None = None, **params: Any) -> Any:
        i = self.argnum if argnum is None else argnum
        gs = g if isinstance(g, tuple) else (g,)
        if not any(type(v) is Tensor for v in (*gs, *xs)):
            return self.cotangent(gs, xs, params, i)
        n = len(gs)

        def pulled(*operands: Any, **params: Any) -> Any:
            return self.cotangent(operands[:n], operands[n:], params, i)

        def rule(h: Any, _c: Any, *operands: Any, argnum: int, **params: Any) -> Any:
            if argnum < n:  # by a cotangent it is linear: the tangent of that output, along h
                op = _op(lambda *xs, **params: self.tangents(xs[0], xs[1:], params, i)[argnum], self.prim.name + "_jvp")
                return op(h, *operands[n:], **params)
            along_h = _op(lambda *all_, **params: self.paired(all_[0], all_[1:], n, params, i), self.prim.name + "_jvp")
            return NumericRule(along_h, argnum + 1)(np.ones(()), None, h, *operands, **params)

        return _op(pulled, self.prim.name + "_vjp", rule)(*gs, *xs, **params)

    def cotangent(self, gs: Any, xs: Any, params: dict[str, Any], i: int) -> Any:
        """``sum g dy/dx_i``; a plain transpose for complex numbers, see core/backward.py."""
        from .numeric import along, basis  # loaded with the first op that has no rule

        x, f = np.asarray(xs[i]), self.of_one(xs, params, i)

        def summed(moved: Any) -> Any:
            total = sum(np.sum(g * y) for g, y in zip(gs, f(moved), strict=False))
            return np.real(total) if any(np.iscomplexobj(g) for g in gs) else total

        if self.prim.elementwise and x.dtype.kind == "f":  # each element on its own: one direction does for all
            found = along(lambda moved: f(moved)[0], _wide(x), [np.ones(x.shape)])
            value, error = gs[0] * found.value[..., 0], np.where(gs[0] == 0, 0, found.error[..., 0])
        else:
            found = along(summed, _wide(x), basis(_wide(x)))
            value, error = found.value, found.error
            if x.dtype.kind == "c":
                value, error = value[0::2] - 1j * value[1::2], error[0::2] + error[1::2]
            value, error = value.reshape(x.shape), error.reshape(x.shape)
        self.demand(error, i)
        return np.asarray(value).astype(x.dtype)

    def tangents(self, h: Any, xs: Any, params: dict[str, Any], i: int) -> list[Any]:
        """``dy/dx_i h`` of each output."""
        from .numeric import directional

        if np.iscomplexobj(xs[i]):
            raise TypeError(f"{self.prim.name}: a numeric rule by a complex argument is of first order")
        x, f = _wide(xs[i]), self.of_one(xs, params, i)
        found = []
        for k in range(len(f(x))):
            estimate = directional(lambda moved, k=k: f(moved)[k], x, np.asarray(h, float))  # type: ignore[misc]
            self.demand(estimate.error, i)
            found.append(estimate.value)
        return found

    def paired(self, h: Any, operands: Any, n: int, params: dict[str, Any], i: int) -> Any:
        tangents = self.tangents(h, operands[n:], params, i)
        return sum(np.sum(g * t) for g, t in zip(operands[:n], tangents, strict=False))

    def of_one(self, xs: Any, params: dict[str, Any], i: int) -> Callable[[Any], tuple[Any, ...]]:
        """All outputs, in double precision, as a function of argument ``i``."""
        wide = [_wide(v) for v in xs]

        def f(moved: Any) -> tuple[Any, ...]:
            ys = self.prim.forward(*wide[:i], moved, *wide[i + 1 :], **params)
            return ys if isinstance(ys, tuple) else (np.asarray(ys),)

        return f

    def demand(self, error: Any, i: int) -> None:
        if not np.all(np.isfinite(error)):
            place = list(map(int, np.argwhere(~np.isfinite(np.asarray(error)))[0]))
            raise FloatingPointError(
                f"{self.prim.name}: differences by argument {i} do not converge at {place}, so there is a jump or a"
                " singularity: give the op a rule with .defvjp(...)"
            )


def _op(f: Callable[..., Any], name: str, rule: Any = None) -> Primitive:
    """An op of any number of arguments, differentiated by ``rule``, or by evaluation."""
    op = Primitive(f, name=name)
    return op.defvjp(rule or NumericRule(op, 0))


def _wide(x: Any) -> Any:
    x = np.asarray(x)
    return x.astype(np.result_type(x, float)) if x.dtype.kind in "fc" else x
