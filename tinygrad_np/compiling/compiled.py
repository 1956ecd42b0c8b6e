"""`compile`: a function that is recorded at its first call and then runs as one piece of straight source."""

from __future__ import annotations

import sys
import threading
import time
import warnings
from collections.abc import Callable, Sequence
from functools import partial, update_wrapper
from types import MethodType
from typing import Any, NamedTuple, overload

from ..core.modes import current
from ..core.tensor import Tensor
from ..transforms.tree import flatten
from .arguments import ARRAY, GENERATOR, NUMBER, Arguments, Parameters
from .backends import BACKENDS, build
from .entry import MISS, entry
from .explain import explanation
from .kernel import Kernel
from .problem import CompileError
from .program import Program, program_of
from .recording import record

__all__ = ["CacheInfo", "Compiled", "compile"]

MANY_NUMBERS = 8
Names = str | int | Sequence[str | int]


class CacheInfo(NamedTuple):
    """What a compiled function keeps: how many signatures, and the bytes of their buffers between calls."""

    signatures: int
    bytes: int


class Made(NamedTuple):
    """What was made for one signature."""

    program: Program
    kernel: Kernel
    enter: Callable[..., Any]
    leave: Callable[..., Any]
    seconds: float


class Compiled:
    """A compiled function; made by `compile`."""

    def __init__(self, f: Callable[..., Any], backend: str, donate: Names, static: Names) -> None:
        if backend not in ("auto", *BACKENDS):
            raise ValueError(f"compile: backend is one of auto, {', '.join(BACKENDS)}; got {backend!r}")
        self.f, self.backend = f, backend
        self.parameters = Parameters(f, static, donate)
        self._made: dict[Any, Made] = {}
        self._lock = threading.RLock()
        self._numbers: list[dict[str, str]] = []  # plain numbers of each recording
        self._enter: Callable[..., Any] = _nothing  # of the signature that was called last
        update_wrapper(self, f, updated=())

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        result = self._enter(args, kwargs)
        return self._look(args, kwargs) if result is MISS else result

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else MethodType(self, instance)

    def _look(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A call that is not like the one before it."""
        if current().depth and any(type(x) is Tensor for x in flatten((args, kwargs))[0]):
            return self.f(*args, **kwargs)  # part of what is being recorded
        arguments = Arguments.of(args, kwargs, self.parameters)
        arguments.check_donated(self.parameters.name)
        made = self._for(arguments)
        self._enter = made.enter
        return made.leave(*arguments.leaves)

    def _for(self, arguments: Arguments) -> Made:
        """What serves this signature, made if it is new."""
        if arguments.key not in self._made:
            with self._lock:
                if arguments.key not in self._made:
                    self._made[arguments.key] = self._make(arguments)
                    self._count(arguments)
        return self._made[arguments.key]

    def _count(self, arguments: Arguments) -> None:
        """Say so if it is recorded again and again for another plain number."""
        numbers = {arguments.paths[i]: repr(arguments.leaves[i]) for i in arguments.of_kind(NUMBER)}
        self._numbers.append(numbers)
        for name in numbers:
            others = {k: v for k, v in numbers.items() if k != name}
            alike = {d[name] for d in self._numbers if name in d and all(d.get(k) == v for k, v in others.items())}
            if len(alike) == MANY_NUMBERS:
                warnings.warn(
                    f"{self.parameters.name} has been recorded for {MANY_NUMBERS} values of {name}, and takes long over"
                    " each: what changes from call to call is given as an array, np.asarray(value, dtype)",
                    RuntimeWarning,
                    stacklevel=5,
                )

    def _make(self, arguments: Arguments) -> Made:
        began = time.perf_counter()
        name = self.parameters.name.strip("<>").replace("lambda", "step")
        arrays, generators = arguments.of_kind(ARRAY), arguments.of_kind(GENERATOR)

        def call(tensors: list[Any], draws: list[Any]) -> Any:
            leaves = list(arguments.leaves)
            for i, t in zip((*arrays, *generators), (*tensors, *draws), strict=True):
                leaves[i] = t
            positional, keywords = arguments.rebuilt(leaves)
            result = self.f(*positional, **keywords)
            if not arguments.holds(positional, keywords, leaves):
                raise CompileError(
                    f"{name} changes what is in a container that it was given: a compiled step cannot; build a new one"
                    " and return it"
                )
            return result

        donated = frozenset(n for n, i in enumerate(arrays) if arguments.donated[i])
        recording = record(
            call, [arguments.leaves[i] for i in arrays], [arguments.leaves[i] for i in generators],
            [arguments.paths[i] for i in arrays], self.f, donated,
        )  # fmt: skip
        program = program_of(recording, donated)
        kernel = build(self.backend, program, name)
        enter, leave = entry(arguments, kernel.run, recording.structure, recording.leaves)
        seconds = time.perf_counter() - began
        if seconds > 1:
            print(f"tinygrad_np: compiled {name} in {seconds:.1f} s ({program.recorded:,} records)", file=sys.stderr)
        return Made(program, kernel, enter, leave, seconds)

    def _made_for(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Made:
        if not args and not kwargs and len(self._made) == 1:
            return next(iter(self._made.values()))
        return self._for(Arguments.of(args, kwargs, self.parameters))

    def source(self, *args: Any, **kwargs: Any) -> str:
        """The source that runs for these arguments, which are not run; none are needed if there is one signature."""
        return self._made_for(args, kwargs).kernel.source

    def explain(self, *args: Any, **kwargs: Any) -> str:
        """What runs for these arguments: records, what shares a buffer, bytes, operations; arguments as in `source`."""
        made = self._made_for(args, kwargs)
        return explanation(made.kernel, self.parameters.name, made.seconds)

    def cache_info(self) -> CacheInfo:
        """How many signatures were compiled, and what they keep in memory."""
        return CacheInfo(len(self._made), sum(m.kernel.held() for m in self._made.values()))

    def __repr__(self) -> str:
        return f"<compiled {self.parameters.name}, {len(self._made)} signatures>"


def _nothing(args: Any, kwargs: Any) -> Any:
    return MISS


@overload
def compile(f: Callable[..., Any], *, backend: str = ..., donate: Names = ..., static: Names = ...) -> Compiled: ...
@overload
def compile(
    f: None = None, *, backend: str = ..., donate: Names = ..., static: Names = ...
) -> Callable[[Callable[..., Any]], Compiled]: ...
def compile(
    f: Callable[..., Any] | None = None, *, backend: str = "auto", donate: Names = (), static: Names = ()
) -> Any:
    """A function like ``f`` that is recorded at its first call and then runs as one piece of straight source.

    Parameters
    ----------
    f
        A function of arrays, numbers, generators and nested dicts, lists and tuples of them; it may call transforms.
    backend
        "numpy"; "numba": machine code, which takes seconds to make the first time and then is kept on disk, and
        needs the extra "jit"; or "auto", which is "numpy".
    donate
        Names or positions of arguments whose arrays may be overwritten: results are written into them.
    static
        Names or positions of arguments that are no data: the function is recorded anew for each of their values.

    Returns
    -------
    Compiled
        Takes arrays and gives arrays: of its own, or the donated ones.

    Raises
    ------
    CompileError
        When called, if ``f`` does what a record cannot hold; says what, on which line, and what to do instead.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_np import compile, value_and_grad
    >>> @compile(donate="w")
    ... def step(w, x, y):
    ...     error, g = value_and_grad(lambda w: np.sum((x @ w - y) ** 2))(w)
    ...     return error, w - 0.1 * g
    >>> w = np.zeros(2)
    >>> for _ in range(3):
    ...     error, w = step(w, np.eye(2), np.array([1.0, 2.0]))
    >>> w
    array([0.488, 0.976])
    """
    if f is None:
        return partial(compile, backend=backend, donate=donate, static=static)
    return Compiled(f, backend, donate, static)
