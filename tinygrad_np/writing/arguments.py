"""The arguments of what is written out: nested containers as the arrays in them, under names of their own."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from ..transforms.tree import flatten, paths, unflatten

__all__ = ["Flat"]


class Flat:
    """A call of a function of nested dicts, lists and tuples, as one of a flat row of arrays.

    Attributes
    ----------
    function : callable
        Takes the arrays; a result in a container is a tuple of its arrays.
    arrays : list
    names : list of str
        Of the arrays: an argument's own name, or the key of the dict that holds it.
    """

    def __init__(self, f: Callable[..., Any], args: Sequence[Any]) -> None:
        self.name = getattr(f, "__name__", "f")
        parameters = _names(f, len(args))
        self.arrays, structure = flatten(tuple(args))
        self.names: list[str] = []
        self.groups: dict[str, list[int]] = {}
        for parameter, arg in zip(parameters, args, strict=True):
            inside = paths(arg) if isinstance(arg, dict | list | tuple) else [""]
            found = [self._fresh(parameter, path) for path in inside]
            self.groups[parameter] = list(range(len(self.names), len(self.names) + len(found)))
            self.names += found

        def flat(*xs: Any) -> Any:
            result = f(*unflatten(structure, xs))
            return tuple(flatten(result)[0]) if isinstance(result, dict | list | tuple) else result

        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        flat.__name__ = self.name
        flat.__signature__ = inspect.Signature([inspect.Parameter(n, kind) for n in self.names])  # type: ignore[attr-defined]
        self.function: Callable[..., Any] = flat

    def _fresh(self, parameter: str, path: str) -> str:
        """``w1`` for ``params['w1']`` if nothing else is called so, else ``params_w1``."""
        words = "".join(c if c.isalnum() or c == "_" else " " for c in path).split()
        if not words:
            return parameter
        last = words[-1]
        if last.isidentifier() and last not in self.names:
            return last
        return "_".join([parameter, *words])

    def numbers(self, wrt: Sequence[int | str] | str) -> list[int]:
        """The numbers of the arrays that ``wrt`` names: an array's name, or all in an argument by its name or number.

        Raises
        ------
        ValueError
            If there is no such argument.
        """
        found: list[int] = []
        arguments = list(self.groups)
        for i in [wrt] if isinstance(wrt, str) else wrt:
            if isinstance(i, str) and i in self.names:
                found.append(self.names.index(i))
            elif i in self.groups if isinstance(i, str) else -len(arguments) <= i < len(arguments):
                found += self.groups[i if isinstance(i, str) else arguments[i]]
            else:
                raise ValueError(f"{self.name} has no argument {i!r}; it takes {', '.join(self.names)}")
        return found


def _names(f: Callable[..., Any], n: int) -> list[str]:
    """The names of the first ``n`` arguments."""
    try:
        parameters = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):  # of a builtin
        return [f"x{i}" for i in range(n)]
    names = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)][:n]
    return names + [f"x{i}" for i in range(len(names), n)]
