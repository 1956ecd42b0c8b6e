"""Primitive: an op, its gradient rules, and how it is applied to Tensors.

    @primitive(tex=r"{0}^2", samples=[((3,),)])
    def square(x):
        return x * x

    square.defvjp(lambda g, _y, x: 2 * g * x)

A rule is ordinary NumPy code ``(g, y, *xs, **params)``: cotangent of the output, output, inputs. One rule an argument,
run only where that argument needs a gradient. A name that begins with an underscore is not kept alive for it, and
still offers ``shape`` and ``dtype``. Arrays are positional, metadata is keyword.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, ClassVar, overload

import numpy as np

from .apply import apply, item_record, locate
from .backward import Sparse
from .modes import current
from .record import ABSENT, Record, clock, leaf
from .tensor import Tensor

__all__ = ["Primitive", "elementwise", "primitive"]

ndarray = np.ndarray
Rule = Callable[..., Any]
CO_VARARGS = 0x04
_REQUIRED: Any = object()  # the default of an option that has none


class Primitive:
    """An op with rules of its own. Made by `primitive`; called like the function it wraps."""

    item: ClassVar[Primitive]  # takes one output of an op that has several

    def __init__(
        self,
        forward: Callable[..., Any],
        *,
        name: str | None = None,
        tex: str | None = None,
        samples: Sequence[Any] = (),
        domain: tuple[float, float] = (-2.0, 2.0),
        singular: bool = False,
        core_dims: int | None = None,
        hidden: int = 0,
    ) -> None:
        self.forward = forward
        self.name = str(name or getattr(forward, "__name__", "op"))
        self.__name__ = self.name
        self.__doc__ = forward.__doc__
        self.__module__ = getattr(forward, "__module__", None) or __name__  # NumPy 2.0 has ufuncs without
        self.__qualname__ = getattr(forward, "__qualname__", self.name)
        self.__wrapped__ = forward
        self.tex, self.samples, self.domain = tex, samples, domain
        self.singular = singular  # its derivative can be infinite at a finite point
        self.core_dims = core_dims  # axes that do not broadcast; None: the op does not broadcast at all
        self.hidden = hidden  # trailing outputs that only the rules see
        self.view = False  # seen to put out views of its input, which change with it
        self.elementwise = core_dims == 0
        self.linear: bool | str = False
        self.jvps: tuple[Any, ...] | None = None
        self._describe(forward)
        self._set(tuple(_missing(self.name) for _ in range(max(self.arity, 1))), everything=True)

    def _describe(self, forward: Callable[..., Any]) -> None:
        code = getattr(forward, "__code__", None)
        defaults: dict[str, Any] = {}
        self.variadic = False
        arrays: tuple[str, ...] = ("a", "b", "c")[: getattr(forward, "nin", 1)]  # of a ufunc
        if code is not None:  # read here, not by inspect.signature, which would take a third of the import
            n = code.co_argcount
            arrays = code.co_varnames[hasattr(forward, "__self__") : n - len(forward.__defaults__ or ())]
            last = code.co_varnames[n - len(forward.__defaults__ or ()) : n]
            only = code.co_varnames[n : n + code.co_kwonlyargcount]
            defaults = dict(zip(last, forward.__defaults__ or (), strict=True))
            defaults |= dict.fromkeys(only, _REQUIRED) | (forward.__kwdefaults__ or {})
            self.variadic = bool(code.co_flags & CO_VARARGS)
        self.arity = -1 if self.variadic else len(arrays)
        self.names = (*arrays, *defaults)
        self.options = frozenset(defaults)
        self.required = frozenset(k for k, v in defaults.items() if v is _REQUIRED)
        self.defaults: dict[str, Any] | None = defaults or None

    # Declaring the rules

    def defvjp(self, *rules: Rule | None, all: Rule | None = None, linear: bool | str = False) -> Primitive:
        """Give the vjp rules.

        Parameters
        ----------
        *rules
            One an argument: ``rule(g, y, *xs, **params)`` gives the cotangent of that argument. None declares the op
            non-differentiable in it. A variadic op has one rule, told ``argnum=`` by keyword.
        all
            Instead: one rule that gives the cotangents of all arguments, as a tuple.
        linear
            True if the op is linear in its array arguments taken together, "each" if in each of them alone:
            its jvp is then the op itself.
        """
        if all is not None:
            self._joint, rules = all, (all,) * max(self.arity, 1)
        else:
            self._count(rules, "vjp rules")
        if linear not in (False, True, "each"):
            raise TypeError(f"linear is True, False or 'each'; got {linear!r}")
        self.linear = linear
        self._set(rules, joint=all is not None)
        return self

    def defderivative(self, *derivatives: Rule | None) -> Primitive:
        """Give dy/dx of an elementwise op, one ``(y, *xs, **params)`` an argument; vjp and jvp follow."""
        self._count(derivatives, "derivatives")
        self.jvps = tuple(None if d is None else _times(d) for d in derivatives)
        self._set(tuple(None if d is None else _times(d) for d in derivatives), kept=derivatives)
        self.broadcasting()
        return self

    def defjvp(self, *rules: Rule | None) -> Primitive:
        """Give jvp rules, ``rule(x_dot, y, *xs, **params)`` an argument. Without, jvp comes from the vjp."""
        self._count(rules, "jvp rules")
        self.jvps = rules
        return self

    def _count(self, rules: Sequence[Any], what: str) -> None:
        if len(rules) != (1 if self.variadic else self.arity):
            raise TypeError(f"{self.name} takes {self.arity} arrays and was given {len(rules)} {what}: one for each")

    def broadcasting(self, core_dims: int = 0) -> Primitive:
        """Declare that leading axes broadcast; with no core axes the op is elementwise."""
        self.core_dims = core_dims
        self.elementwise = core_dims == 0
        return self

    def _set(
        self,
        rules: Sequence[Rule | None],
        *,
        kept: Sequence[Rule | None] | None = None,
        joint: bool = False,
        everything: bool = False,
    ) -> None:
        self.vjps: tuple[Any, ...] = tuple(rules)
        self.fixed = not (self.variadic or joint)
        first = 1 if kept is not None else 2
        self.needed = tuple(None if r is None else -1 if everything else _needed(r, first) for r in (kept or rules))
        if self.fixed and self.arity <= 2:  # by which of the arguments need a gradient: none, first, second, both
            a, b = (*self.needed, None, None)[:2]
            both = a if b is None else b if a is None else a | b
            self.keeps = (None, a, b, both)

    def needs(self, i: int) -> int | None:
        """What the rule for argument ``i`` needs: bit 0 the output, bit i + 1 input i; None if there is no rule."""
        return self.needed[i if self.fixed else 0]

    def rules(self, n: int) -> Sequence[Any]:
        """The rules of a call with ``n`` arguments, where they are not one an argument."""
        if self.variadic and not hasattr(self, "_joint"):
            rule = self.vjps[0]
            return [None if rule is None else partial(rule, argnum=i) for i in range(n)]
        once = _Once(self._joint)
        return [partial(once, i) for i in range(n)]

    # Applying it

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if len(args) == self.arity:
            if not kwargs and not self.required:
                return apply(self, args, self.defaults)
            if self.required <= kwargs.keys() <= self.options:
                return apply(self, args, (self.defaults or {}) | kwargs)
        return apply(self, *self._bind(args, kwargs))

    def _bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any] | None]:
        if self.variadic and self.defaults is None:
            return args, kwargs or None  # the forward function takes any option, or says that it does not
        n = len(args) if self.variadic else self.arity
        names = self.names if self.variadic else self.names[n:]
        given = dict(zip(names, args[n:], strict=False)) | kwargs
        arrays = list(args[:n])
        if not self.variadic:
            arrays += [given.pop(name) for name in self.names[len(arrays) : n] if name in given]
        unknown = [k for k in given if k not in (self.defaults or {})]
        missing = [k for k in self.required if k not in given]
        if unknown or missing or (not self.variadic and (len(arrays) != n or len(args) > len(self.names))):
            raise TypeError(
                f"{self.name}({', '.join(self.names)}): got {len(args)} positional arguments"
                + (f", unknown {', '.join(unknown)}" if unknown else "")
                + (f", missing {', '.join(missing)}" if missing else "")
            )
        return tuple(arrays), {**self.defaults, **given} if self.defaults else None

    def fill(self, r: Record, g: Any) -> Any:
        """The cotangents of a record with several outputs, zeros where none arrived."""
        parts = [np.zeros(s.shape, s.dtype) if part is None else part for part, s in zip(g, r.shape, strict=True)]
        visible = parts[: len(parts) - self.hidden]
        return visible[0] if len(visible) == 1 else tuple(visible)

    def lifted(self, ys: tuple[ndarray, ...], r: Record) -> tuple[Tensor, ...]:
        """The outputs of a record with several as the Tensors they were."""
        return tuple(Tensor._of(v, item_record(r, i, v, current())) for i, v in enumerate(ys))

    def __reduce__(self) -> str:
        return str(self.__qualname__)  # pickled as a function is, by where it stands

    def __copy__(self) -> Primitive:
        other = object.__new__(Primitive)
        other.__dict__ |= self.__dict__
        return other

    def __repr__(self) -> str:
        return f"<primitive {self.name}({', '.join(self.names)})>"


@overload
def primitive(f: Callable[..., Any], /, **declared: Any) -> Primitive: ...
@overload
def primitive(**declared: Any) -> Callable[[Callable[..., Any]], Primitive]: ...
def primitive(f: Callable[..., Any] | None = None, /, **declared: Any) -> Any:
    """Make an op of a NumPy function, as a decorator or a call.

    Parameters
    ----------
    f
        ``f(*arrays, **params)``: parameters without a default are arrays, the others metadata.
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
    >>> from tinygrad_np import Tensor, primitive
    >>> cube = primitive(lambda x: x**3).defvjp(lambda g, _y, x: 3 * g * x**2)
    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> cube(x).sum().backward()
    >>> x.grad
    array([ 3., 12.])
    """
    if f is None:
        return partial(primitive, **declared)
    return Primitive(f, **declared)


def elementwise(f: Callable[..., Any], *derivatives: Rule | None, **declared: Any) -> Primitive:
    """An op that works element by element, from its derivatives alone, one ``(y, *xs)`` an argument.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_np import elementwise, grad
    >>> softsign = elementwise(lambda x: x / (1 + np.abs(x)), lambda _y, x: 1 / (1 + np.abs(x)) ** 2)
    >>> float(grad(softsign)(1.0))
    0.25
    """
    return Primitive(f, **declared).defderivative(*derivatives)


def _needed(rule: Rule, first: int) -> int:
    """Which values a rule names: bit 0 the output, bit i + 1 input i. Positional names from ``first`` are inputs."""
    code = getattr(rule, "__code__", None)
    if code is None:
        return -1
    names = code.co_varnames[hasattr(rule, "__self__") : code.co_argcount]
    mask = sum(1 << i for i, name in enumerate(names[first - 1 :]) if not name.startswith("_"))
    star = code.co_varnames[code.co_argcount + code.co_kwonlyargcount] if code.co_flags & CO_VARARGS else "_"
    return mask if star.startswith("_") else mask | -1 << max(len(names) - first + 1, 0)


def _times(derivative: Rule) -> Rule:
    def rule(g: Any, y: Any, *xs: Any, **params: Any) -> Any:
        return g * derivative(y, *xs, **params)

    return rule


def _missing(name: str) -> Rule:
    def rule(*_: Any, **__: Any) -> Any:
        raise TypeError(f"{name} has no gradient rule yet: give it one with {name}.defvjp(...)")

    return rule


class _Once:
    """A rule for all arguments at once, asked for them one by one."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.result: Any = None

    def __call__(self, i: int, *args: Any, **params: Any) -> Any:
        if self.result is None:
            self.result = self.rule(*args, **params)
        return self.result[i]


class Part(Sparse):
    """The cotangent of one output of an op that has several."""

    __slots__ = ("g", "index", "n")

    def __init__(self, index: int, n: int, g: Any) -> None:
        self.index, self.n, self.g = index, n, g

    def join(self, held: Any, owned: bool) -> Any:
        held = held or [None] * self.n
        held[self.index] = self.g if held[self.index] is None else held[self.index] + self.g
        return held


def fresh(x: Any) -> Tensor:
    """``x`` as a Tensor with a record of its own that a gradient flows to: what a transform differentiates by.

    Raises
    ------
    TypeError
        If it is not of floating point.
    """
    t = x if type(x) is Tensor else Tensor(x)
    if t.dtype.kind not in "fc":
        raise TypeError(
            f"a derivative is by floating-point numbers; got {t.dtype}: pass floats, or leave it out of argnums"
        )
    if t._record is None:
        return Tensor._of(t._data, leaf(t._data, diff=True))
    r = Record()
    r.primitive, r.params, r.seq, r.diff = alias, None, clock(), True
    r.p0, r.p1, r.x0, r.x1 = t._record, ABSENT, t._data, ABSENT
    r.y, r.shape, r.dtype = t._data, t.shape, t.dtype
    locate(r, current())
    return Tensor._of(t._data, r)


alias = primitive(lambda x: x, name="alias").defvjp(lambda g, _y, _x: g, linear=True)
item = Primitive.item = primitive(lambda outputs, *, index: outputs[index], name="item")
item.defvjp(lambda g, _y, _outputs, *, index: Part(index, len(_outputs.shape), g), linear=True)
