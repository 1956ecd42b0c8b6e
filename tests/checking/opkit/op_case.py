"""An op to hold the op kit against: how to build it, where to check it, and what is to be said of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from tinygrad_np import Primitive

__all__ = ["Case", "argument", "collector"]


class Case(NamedTuple):
    """One op. ``build`` makes it afresh, so that no case sees what another did to it."""

    name: str
    build: Callable[[], Primitive]
    args: tuple[Any, ...]
    params: dict[str, Any]
    reference: Callable[..., Any] | None
    thorough: bool
    checks: tuple[str, ...]  # of a wrong op: the checks of which one has to object
    says: tuple[str, ...]  # regular expressions, all of which what that check says has to match
    verdict: str  # "fail", or "warn" for what the samples do not show

    def __str__(self) -> str:
        return self.name


def collector() -> tuple[list[Case], Callable[..., Any]]:
    """A list, and a decorator that puts the function below it in there as a case."""
    cases: list[Case] = []

    def case(
        *args: Any,
        by: str = "",
        says: str | tuple[str, ...] = (),
        reference: Callable[..., Any] | None = None,
        thorough: bool = False,
        verdict: str = "fail",
        **params: Any,
    ) -> Callable[[Callable[[], Primitive]], Callable[[], Primitive]]:
        def add(build: Callable[[], Primitive]) -> Callable[[], Primitive]:
            patterns = (says,) if isinstance(says, str) else says
            name = build.__name__.replace("_", " ").strip()
            cases.append(Case(name, build, args, params, reference, thorough, tuple(by.split()), patterns, verdict))
            return build

        return add

    return cases, case


def argument(i: int, name: str) -> str:
    """How an argument is named in a message."""
    return rf"\b{name}\b|args\[{i}\]|argument {i}"
