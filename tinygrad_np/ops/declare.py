"""How a block of ``ops/`` declares itself: what NumPy calls it, whether it is a method, how to sample it.

    @op(np="tanh", method=True, tex=r"\\tanh {0}")          an op with rules of its own, a `Primitive`
    @composite(np="var", method=True, samples=[...])       a function of other ops; its gradient follows
    constant("floor", ...)                                 declared non-differentiable

`OPS` is the registry: binding, the generated tests, the stub and docs/ops.md are made from it.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple, TypeVar

import numpy

from ..core.apply import OperandError, explained
from ..core.modes import current
from ..core.primitive import Primitive
from ..core.tensor import Tensor

# While hundreds of ops are declared the collector would walk all of NumPy again and again, for a tenth of the import.
collecting = gc.isenabled()
gc.disable()  # the package turns it on again when all rooms are imported

__all__ = ["OPS", "Op", "composite", "constant", "find", "op", "passthrough", "plain"]

F = TypeVar("F", bound=Callable[..., Any])

UNARY: list[Any] = [((3,),), ((2, 3),), ((),)]
BINARY: list[Any] = [((3,), (3,)), ((2, 3), (3,)), ((2, 1), (1, 3)), ((), (2,))]


class Op(NamedTuple):
    """One entry of the registry.

    ``samples`` are example arguments, a tuple each: a tuple of ints is the shape of a random array drawn from
    ``domain``, a list holds such shapes, a dict at the end holds parameters, anything else is passed as it is.
    """

    name: str
    call: Callable[..., Any]
    room: str  # the module of ops/ that holds it
    np: tuple[str, ...] = ()  # dotted names below numpy, "linalg.inv", "add.reduce"
    method: str | None = None
    operator: str | None = None  # "add" binds __add__, __radd__ and __iadd__
    public: bool = True  # reachable as tinygrad_np.name
    tex: str | None = None
    samples: Sequence[Any] = ()
    domain: tuple[float, float] = (-2.0, 2.0)
    differentiable: bool = True
    order: int = 2  # how often it can be differentiated; 2 stands for any number
    view: bool = False  # the output may be a view of an input
    deviates: str = ""  # why its rule is on purpose not the derivative of every output

    @property
    def doc(self) -> str:
        return (self.call.__doc__ or "").strip()


OPS: dict[str, Op] = {}


def _register(
    call: Any,
    name: str,
    room: str,
    np: str | Sequence[str] | bool | None,
    method: str | bool | None,
    samples: Sequence[Any] | None,
    **rest: Any,
) -> None:
    names = (name,) if np is True else (np,) if isinstance(np, str) else tuple(np or ())
    if name in OPS:
        raise ValueError(f"the op {name} is declared twice: in {OPS[name].room} and in {room}")
    method = name if method is True else method or None
    OPS[name] = Op(name, call, room.rsplit(".", 1)[-1], names, method, samples=samples or (), **rest)


def op(
    *,
    np: str | Sequence[str] | bool | None = None,
    method: str | bool | None = None,
    operator: str | None = None,
    tex: str | None = None,
    samples: Sequence[Any] | None = None,
    domain: tuple[float, float] = (-2.0, 2.0),
    order: int = 2,
    view: bool = False,
    deviates: str = "",
    **declared: Any,
) -> Callable[[Callable[..., Any]], Primitive]:
    """Declare a primitive of this house; ``declared`` goes to `primitive`. ``np=True``: NumPy has it by this name."""

    def make(f: Callable[..., Any]) -> Primitive:
        name = f.__name__  # a leading underscore: the kernel of a function with another signature
        given = samples if samples is not None else {1: UNARY, 2: BINARY}[f.__code__.co_argcount]
        p = Primitive(f, name=name.strip("_"), tex=tex, samples=given, domain=domain, **declared)
        if f.__code__.co_names == ("np", name):  # nothing but NumPy's: called without the Python function around it
            p.forward = find(name)
        _register(
            p, name, f.__module__, np, method, given,
            operator=operator, public=not name.startswith("_"), tex=tex, domain=domain, order=order, view=view,
            deviates=deviates,
        )  # fmt: skip
        return p

    return make


def composite(
    *,
    np: str | Sequence[str] | bool | None = None,
    method: str | bool | None = None,
    public: bool = True,
    tex: str | None = None,
    samples: Sequence[Any] = (),
    domain: tuple[float, float] = (-2.0, 2.0),
    order: int = 2,
    deviates: str = "",
) -> Callable[[F], F]:
    """Declare a function made of other ops."""

    def make(f: F) -> F:
        _register(
            f, f.__name__, f.__module__, np, method, samples,
            public=public, tex=tex, domain=domain, order=order, deviates=deviates,
        )  # fmt: skip
        return f

    return make


def constant(*names: str, method: Sequence[str] = (), operators: dict[str, str] | None = None) -> None:
    """Declare NumPy functions non-differentiable: they run on the arrays, and no gradient flows through them."""
    for name in names:
        f = find(name)
        if f is not None:
            _register(
                _constant(f), name.replace(".", "_"), "constant", name, name if name in method else None, (),
                operator=(operators or {}).get(name), public=False, differentiable=False,
            )  # fmt: skip


def passthrough(*names: str, reads: bool = False) -> None:
    """Declare NumPy functions that answer as for the arrays, in plain values; ``reads``: which hang on the numbers."""
    for name in names:
        f = find(name)
        if f is None:
            continue

        def call(*args: Any, _f: Any = f, _what: str | None = name if reads else None, **kwargs: Any) -> Any:
            return _f(*plain(args, _what), **{k: plain(v, _what) for k, v in kwargs.items()})

        call.__doc__ = f"``numpy.{name}`` of the arrays."
        _register(call, name.replace(".", "_"), "constant", name, None, (), public=False, differentiable=False)


def plain(x: Any, what: str | None) -> Any:
    """The arrays of Tensors, in lists and tuples too; ``what`` tells a running trace that their numbers are read."""
    if type(x) is Tensor:
        return x._data if what is None else x._read(what)
    if isinstance(x, list | tuple):
        return type(x)([plain(v, what) for v in x])
    return x


def find(name: str) -> Any:
    """The function of this dotted name; None if this NumPy is older."""
    f: Any = numpy
    for part in name.split("."):
        f = getattr(f, part, None)
    return f


def _constant(f: Any) -> Callable[..., Any]:
    """``f`` of Tensors as constants. A trace records it; apart from that nobody asks how they came about."""

    def call(*args: Any, **kwargs: Any) -> Any:
        named = kwargs if isinstance(f, numpy.ufunc) or len(args) < 3 else _arguments(f, args, kwargs)[1]
        for k, v in named.items():
            if type(v) is Tensor and v.requires_grad:
                raise TypeError(f"np.{f.__name__} passes no gradient on, and {k}= requires one: give it detached")
        what = f.__name__ if current().traces else None
        if what is not None:
            p = _recorded(f)
            arrays, params = (args, kwargs) if isinstance(f, numpy.ufunc) else _arguments(f, args, kwargs)
            if all(map(_is_array, arrays)):
                y = p(*arrays, **{k: plain(v, what) for k, v in params.items()})
                one_of_one = type(y) is Tensor and y._record is not None and y._record.primitive is p.item
                return (y,) if one_of_one else y
        xs = [x._data if type(x) is Tensor and what is None else plain(x, what) for x in args]
        try:
            y = f(*xs, **{k: plain(v, what) for k, v in kwargs.items()})
        except TypeError as error:  # an operator then lets the other operand try
            raise OperandError(str(explained(error, _recorded(f), xs))) from None
        except Exception as error:
            raise explained(error, _recorded(f), xs) from None
        return _boxed(y, f.__name__)

    call.__doc__ = f"``numpy.{f.__name__}`` of the arrays; declared non-differentiable."
    call.__name__ = f.__name__
    return call


@cache
def _recorded(f: Any) -> Primitive:
    """``f`` as an op without a gradient, made when a trace first needs it."""
    p = Primitive(f if isinstance(f, numpy.ufunc) else _forward(f), name=f.__name__)
    p.defvjp(*(None for _ in p.vjps))
    return p.broadcasting() if isinstance(f, numpy.ufunc) else p


def _is_array(x: Any) -> bool:
    """Whether an argument can be recorded as one array: not None, and no list with Tensors in it."""
    return x is not None and not (isinstance(x, list | tuple) and any(type(v) is Tensor for v in x))


def _boxed(y: Any, name: str) -> Any:
    """A result as Tensors that nothing leads back from."""
    if isinstance(y, tuple):
        parts = [_boxed(v, name) for v in y]
        return type(y)(*parts) if hasattr(y, "_fields") else tuple(parts)
    array = numpy.asarray(y)
    if array.dtype.kind not in "fcbiu":
        raise OperandError(f"{name} of these gives {array.dtype}, and a Tensor holds numbers")
    return Tensor._of(array, None)


def _arguments(f: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """A call of ``f`` as its arrays, which are the parameters without a default, and its options by name."""
    arrays: list[Any] = []
    params: dict[str, Any] = {}
    import inspect  # when first needed: it takes as long to load as a third of NumPy

    given = inspect.signature(f).bind(*args, **kwargs)
    for name, value in given.arguments.items():
        parameter = given.signature.parameters[name]
        if parameter.kind is parameter.VAR_POSITIONAL:
            arrays.extend(value)
        elif parameter.default is parameter.empty:
            arrays.append(value)
        else:
            params[name] = value
    return arrays, params


def _forward(f: Any) -> Callable[..., Any]:
    def forward(*args: Any, **kwargs: Any) -> Any:
        y = f(*args, **kwargs)
        return tuple(y) if isinstance(y, tuple) else y

    forward.__name__ = f.__name__
    return forward
