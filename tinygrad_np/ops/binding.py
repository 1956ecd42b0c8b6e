"""From the registry to what users type: NumPy names, Tensor methods, operators, ``tinygrad_np.name``.

Each block of ``ops/`` says of itself how it is reached; here that is carried out, once, when the package is imported.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import numpy as np

from ..core.apply import OperandError, apply
from ..core.op_methods import OpMethods
from ..core.primitive import Primitive
from ..core.tensor import HANDLERS, UFUNCS, Tensor
from . import (  # noqa: F401  # they register
    arithmetic,
    calculus,
    constant,
    conv,
    creation,
    decompositions,
    diagonals,
    elementwise,
    fft,
    indexing,
    inplace,
    joining,
    layers,
    linalg,
    losses,
    nn,
    normalise,
    norms,
    padding,
    polynomials,
    pool,
    products,
    reduce,
    scan,
    selection,
    sets,
    shape,
    sorting,
    special,
    statistics,
)
from .declare import OPS, Op, find
from .ufunc_methods import ufunc_methods

__all__ = ["public_names"]


def public_names() -> dict[str, Callable[..., Any]]:
    """What ``tinygrad_np`` offers by name."""
    return {o.name: o.call for o in OPS.values() if o.public}


def handler(call: Callable[..., Any], f: Any) -> Callable[..., Any]:
    """``call`` behind NumPy's signature of ``f``: positional options by name, ``out=``, ``dtype=`` and ``where=``."""
    if isinstance(f, np.ufunc):
        return _ufunc_handler(call, f)

    def handle(*args: Any, **kwargs: Any) -> Any:
        out = kwargs.pop("out", None)
        if len(args) > 1:
            names = _positional(f)
            if "out" in names[: len(args)]:
                at = names.index("out")
                later = dict(zip(names[at + 1 :], args[at + 1 :], strict=False))
                out, args, kwargs = args[at], args[:at], kwargs | later
        kwargs = {k: v for k, v in kwargs.items() if v is not np._NoValue}
        return store(call(*args, **kwargs), out)

    return handle


def _late(call: Callable[..., Any], name: str) -> Callable[..., Any]:
    """The handler of a function in a part of NumPy that is loaded only when somebody touches it."""

    def handle(*args: Any, **kwargs: Any) -> Any:
        f = find(name)
        HANDLERS[f] = handler(call, f)
        return HANDLERS[f](*args, **kwargs)

    return handle


def _ufunc_handler(call: Callable[..., Any], f: np.ufunc) -> Callable[..., Any]:
    if isinstance(call, Primitive) and call.arity == f.nin:
        UFUNCS[f] = partial(apply, call)

    def handle(*args: Any, **kwargs: Any) -> Any:
        out = kwargs.pop("out", None)
        out = out[0] if isinstance(out, tuple) and len(out) == 1 else out
        where, dtype = kwargs.pop("where", True), kwargs.pop("dtype", None)
        if dtype is not None:
            args = tuple(np.asarray(x, dtype) if not isinstance(x, Tensor) else x.astype(dtype) for x in args)
        result = call(*args, **{k: v for k, v in kwargs.items() if k not in ("casting", "order", "subok")})
        if where is not True:
            if out is None:
                raise TypeError(f"np.{f.__name__}: where= needs out=, which says what stands where it is False")
            result = np.where(where, result, out)
        return store(result, out)

    return handle


@cache
def _positional(f: Any) -> tuple[str, ...]:
    try:
        import inspect  # when first needed: it takes as long to load as a third of NumPy

        parameters = inspect.signature(f).parameters.values()
        return tuple(p.name for p in parameters if p.kind <= p.POSITIONAL_OR_KEYWORD)  # not those after *args
    except ValueError:  # a builtin without a signature
        return ()


def store(result: Any, out: Any) -> Any:
    """Put a result into ``out=``: a Tensor is bound to the new record, an array is written to."""
    if out is None:
        return result
    if isinstance(out, tuple):
        return tuple(store(r, o) for r, o in zip(result, out, strict=True))
    if type(out) is Tensor:
        return out._rebind(lambda: result)
    if type(result) is Tensor and result.requires_grad:
        raise TypeError("out= is a plain array and would lose the gradient: give a Tensor, or leave it out")
    out[...] = result.data if type(result) is Tensor else result
    return out


def _forward(p: Callable[..., Any]) -> Callable[..., Any]:
    if isinstance(p, Primitive) and p.arity == 2 and p.fixed:

        def method(self: Any, other: Any) -> Any:
            try:
                return apply(p, (self, other), None)
            except OperandError:
                return NotImplemented

    else:

        def method(self: Any, other: Any) -> Any:
            try:
                return p(self, other)
            except OperandError:
                return NotImplemented

    return method


def _reflected(p: Callable[..., Any]) -> Callable[..., Any]:
    def method(self: Any, other: Any) -> Any:
        try:
            return p(other, self)
        except OperandError:
            return NotImplemented

    return method


def _inplace(p: Callable[..., Any]) -> Callable[..., Any]:
    def method(self: Any, other: Any) -> Any:
        return self._rebind(lambda: p(self, other))

    return method


def _method(call: Callable[..., Any]) -> Callable[..., Any]:
    """A function whose first argument is the Tensor; a Primitive is no function, and would not be bound."""

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        out = kwargs.pop("out", None) if kwargs else None
        result = call(self, *args, **kwargs)
        return result if out is None else store(result, out)

    return method


UNARY_OPERATORS = ("neg", "pos", "abs", "invert")
COMPARISONS = ("gt", "ge", "lt", "le", "eq", "ne")


def bind(o: Op) -> None:
    for name in o.np:
        if name.startswith("fft."):
            HANDLERS[f"numpy.{name}"] = _late(o.call, name)
            continue
        f = find(name)
        if f is not None:
            HANDLERS[f] = handler(o.call, f)
    named: list[tuple[str, Callable[..., Any]]] = []
    if o.method:
        named.append((o.method, _method(o.call)))
    if o.operator in UNARY_OPERATORS:
        named.append((f"__{o.operator}__", _method(o.call)))
    elif o.operator in COMPARISONS:
        named.append((f"__{o.operator}__", _forward(o.call)))
    elif o.operator:
        named.append((f"__{o.operator}__", _forward(o.call)))
        named.append((f"__r{o.operator}__", _reflected(o.call)))
        named.append((f"__i{o.operator}__", _inplace(o.call)))
    for name, method in named:
        method.__name__, method.__qualname__, method.__doc__ = name, f"Tensor.{name}", o.call.__doc__
        method.__wrapped__ = o.call  # type: ignore[attr-defined]  # where its signature is
        setattr(OpMethods, name, method)


def _setitem(self: Tensor, index: Any, value: Any) -> None:
    self._rebind(lambda: indexing.setitem(self, index, value))


# Methods whose signature is their own.
SPECIAL: dict[str, Any] = {
    "reshape": shape.method_reshape,
    "transpose": shape.method_transpose,
    "compress": selection.method_compress,
    "conjugate": _method(elementwise.conjugate),
    "__getitem__": indexing.getitem,
    "__setitem__": _setitem,
    "__divmod__": special.divmod,
    "__rdivmod__": lambda self, other: special.divmod(other, self),
    "T": property(shape.transpose, doc="The axes reversed."),
    "mT": property(lambda t: np.matrix_transpose(t), doc="The last two axes exchanged."),
    "real": property(elementwise.real, doc="Real part."),
    "imag": property(elementwise.imag, doc="Imaginary part."),
}


def _ufunc_method(call: Callable[..., Any]) -> Callable[..., Any]:
    def handle(*args: Any, out: Any = None, **kwargs: Any) -> Any:
        return store(call(*args, **kwargs), out[0] if isinstance(out, tuple) else out)

    return handle


for _o in OPS.values():
    bind(_o)
for _name, _value in SPECIAL.items():
    setattr(OpMethods, _name, _value)
for _key, _call in ufunc_methods(OPS.values()).items():
    HANDLERS[_key] = _ufunc_method(_call)
HANDLERS[np.add, "at"], HANDLERS[np.subtract, "at"] = inplace.add_at, inplace.subtract_at
