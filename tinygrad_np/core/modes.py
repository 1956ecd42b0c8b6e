"""Modes: what is done while an op runs, beyond running it.

    with no_grad(): ...             record nothing
    with scope("layer1"): ...       records made here belong to `layer1`
    with observe(f): ...            f(record, g, contributions) sees every step of a backward pass

One immutable `Mode` lives in a context variable, so threads and asyncio tasks do not see each other's.
An op reads it once. The fast path is for a mode that changes nothing for it; any other is a `Changed`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ContextDecorator
from contextvars import ContextVar, Token
from typing import Any, NamedTuple

__all__ = ["PLAIN", "Changed", "Mode", "current", "enable_grad", "no_grad", "observe", "scope", "switch"]


class Mode(NamedTuple):
    grad: bool = True  # record what needs a gradient
    traces: tuple[Any, ...] = ()  # running traces, innermost first: everything they touch is recorded
    depth: int = 0  # running transforms and traces: inside one, a backward pass is itself recorded
    scope: str = ""  # path of the open scopes, "block/attention"
    watchers: tuple[Callable[..., object], ...] = ()  # see each op: f(primitive, inputs, outputs, record or None)
    observers: tuple[Callable[..., object], ...] = ()  # see each step of a sweep: f(record, g, contributions)


class Changed(Mode):
    """A mode in which an op does something else, or more, than run and be recorded if it needs a gradient."""


PLAIN = Mode()
RUNS_LATER = 0x20 | 0x80 | 0x200  # the code flags of generators, coroutines and asynchronous generators
_mode: ContextVar[Mode] = ContextVar("tinygrad_np.mode", default=PLAIN)
current = _mode.get


class switch(ContextDecorator):
    """Change the mode for a block or a function; what was there before comes back, also after an error."""

    def __init__(self, **changes: Any) -> None:
        self._changes = changes
        self._tokens: list[Token[Mode]] = []

    def _recreate_cm(self) -> switch:  # a decorated function may run in several threads: a stack of tokens each
        again = switch.__new__(type(self))
        again._changes, again._tokens = self._changes, []
        return again

    def _changed(self, mode: Mode) -> Mode:
        return mode._replace(**self._changes)

    def __call__(self, f: Any) -> Any:
        if getattr(f, "__code__", None) is not None and f.__code__.co_flags & RUNS_LATER:
            raise TypeError(f"{f.__name__} runs after its call has returned: use a with block inside it")
        return super().__call__(f)

    def __enter__(self) -> None:
        mode = self._changed(_mode.get())
        same = mode.grad and not (mode.traces or mode.scope or mode.watchers)
        self._tokens.append(_mode.set((Mode if same else Changed)._make(mode)))

    def __exit__(self, *_: object) -> None:
        _mode.reset(self._tokens.pop())


def no_grad() -> switch:
    """Record nothing: a ``with`` block, or a decorator ``@no_grad()``.

    Examples
    --------
    >>> from tinygrad_np import Tensor, no_grad
    >>> w = Tensor([1.0, 2.0], requires_grad=True)
    >>> with no_grad():
    ...     print((w * 2).requires_grad)
    False
    """
    return switch(grad=False)


def enable_grad() -> switch:
    """Record again inside a `no_grad` block: a ``with`` block, or a decorator ``@enable_grad()``."""
    return switch(grad=True)


class scope(switch):
    """Name the part of the program that is running; nested scopes make a path, ``block/attention``."""

    def __init__(self, name: str) -> None:
        super().__init__(scope=name)

    def _changed(self, mode: Mode) -> Mode:
        name = str(self._changes["scope"])
        return mode._replace(scope=f"{mode.scope}/{name}" if mode.scope else name)


class observe(switch):
    """Call ``f(record, g, contributions)`` at every step of the backward passes of this block.

    ``g`` is the cotangent that arrived at ``record``; ``contributions`` holds what its rules return, as pairs
    (number of the input, cotangent). A leaf is seen when its cotangent is complete, with no contributions.
    """

    def __init__(self, f: Callable[..., object]) -> None:
        super().__init__(observers=f)

    def _changed(self, mode: Mode) -> Mode:
        return mode._replace(observers=(*mode.observers, self._changes["observers"]))
