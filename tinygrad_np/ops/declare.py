"""How a block of ``ops/`` declares itself: what NumPy calls it, whether it is a method, how to sample it.

    @op(np="tanh", method=True, tex=r"\\tanh {0}")          an op with rules of its own, a `Primitive`
    @composite(np="var", method=True, samples=[...])       a function of other ops; its gradient follows
    constant("floor", ...)                                 declared non-differentiable

`OPS` is the registry: binding, the generated tests, the stub and docs/ops.md are made from it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy

from ..core.primitive import Primitive
from ..core.tensor import Tensor

__all__ = ["OPS", "Op", "composite", "constant", "op", "passthrough"]

F = TypeVar("F", bound=Callable[..., Any])

UNARY: list[Any] = [((3,),), ((2, 3),), ((),)]
BINARY: list[Any] = [((3,), (3,)), ((2, 3), (3,)), ((2, 1), (1, 3)), ((), (2,))]


@dataclass(frozen=True)
class Op:
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
    OPS[name] = Op(
        name, call, room.rsplit(".", 1)[-1], names, name if method is True else method or None, samples=samples or (), **rest
    )


def op(
    *,
    np: str | Sequence[str] | bool | None = None,
    method: str | bool | None = None,
    operator: str | None = None,
    tex: str | None = None,
    samples: Sequence[Any] | None = None,
    domain: tuple[float, float] = (-2.0, 2.0),
    order: int = 2,
    **declared: Any,
) -> Callable[[Callable[..., Any]], Primitive]:
    """Declare a primitive of this house; ``declared`` goes to `primitive`. ``np=True``: NumPy has it by this name."""

    def make(f: Callable[..., Any]) -> Primitive:
        name = f.__name__  # a leading underscore: the kernel of a function with another signature
        given = samples if samples is not None else {1: UNARY, 2: BINARY}[f.__code__.co_argcount]
        p = Primitive(f, name=name.strip("_"), tex=tex, samples=given, domain=domain, **declared)
        _register(
            p, name, f.__module__, np, method, given,
            operator=operator, public=not name.startswith("_"), tex=tex, domain=domain, order=order,
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
) -> Callable[[F], F]:
    """Declare a function made of other ops."""

    def make(f: F) -> F:
        _register(f, f.__name__, f.__module__, np, method, samples, public=public, tex=tex, domain=domain, order=order)
        return f

    return make


def constant(*names: str, method: Sequence[str] = (), arity: int = 1, operators: dict[str, str] | None = None) -> None:
    """Declare NumPy functions non-differentiable: they run on the arrays, and no gradient flows through them."""
    for name in names:
        f = _find(name)
        p = Primitive(_forward(f), name=name.rsplit(".", 1)[-1])
        p.arity, p.variadic, p.required = -1, True, ()
        p.defaults = None
        p.defvjp(None)
        _register(
            p, name.replace(".", "_"), "constant", name, name if name in method else None, (),
            operator=(operators or {}).get(name), public=False, differentiable=False,
        )  # fmt: skip


def passthrough(*names: str) -> None:
    """Declare NumPy functions that ask about structure: they see the arrays and answer as for them."""
    for name in names:
        f = _find(name)

        def call(*args: Any, _f: Any = f, **kwargs: Any) -> Any:
            return _f(*map(_plain, args), **{k: _plain(v) for k, v in kwargs.items()})

        call.__doc__ = f"``numpy.{name}`` of the arrays."
        _register(call, name.replace(".", "_"), "constant", name, None, (), public=False, differentiable=False)


def _plain(x: Any) -> Any:
    if isinstance(x, list | tuple):
        return type(x)(map(_plain, x))
    return x.data if type(x) is Tensor else x


def _find(name: str) -> Any:
    f: Any = numpy
    for part in name.split("."):
        f = getattr(f, part)
    return f


def _forward(f: Any) -> Callable[..., Any]:
    def forward(*args: Any, **kwargs: Any) -> Any:
        return f(*args, **kwargs)

    forward.__doc__ = f"``numpy.{f.__name__}`` of the arrays; declared non-differentiable."
    forward.__name__ = f.__name__
    return forward
