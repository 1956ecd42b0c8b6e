"""Stubs for editors and type checkers, made from the registry: ``tinygrad-np ops --stubs`` writes them.

Methods and public functions of ops are bound at run time, where no type checker sees them. A test keeps the stubs up to
date.
"""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import numpy as np

from .core.op_methods import OpMethods
from .core.primitive import Primitive
from .ops.binding import public_names

__all__ = ["stubs"]

HEAD = '"""Made from the registry by `python -m tinygrad_np ops --stubs`; do not edit."""\n'
PACKAGE = Path(__file__).parent
BINARY = re.compile(
    "__[ri]?(add|sub|mul|truediv|floordiv|mod|pow|matmul|and|or|xor|lshift|rshift|divmod|[gl][te]|eq|ne)__"
)


def stubs() -> dict[Path, str]:
    """The text of each stub file, by its path."""
    return {PACKAGE / "core" / "op_methods.pyi": _methods(), PACKAGE / "__init__.pyi": _package()}


def _methods() -> str:
    lines = [HEAD, "from typing import Any", "", "from .tensor import Tensor", "", "class OpMethods:"]
    for name, method in sorted(vars(OpMethods).items()):
        if isinstance(method, property):
            lines += ["    @property", f"    def {name}(self) -> Tensor: ..."]
        elif callable(method):
            call = getattr(method, "__wrapped__", method)
            others = ["other: Any"] if BINARY.fullmatch(name) else _parameters(call)[1:]
            result = "None" if name == "__setitem__" else "Tensor" if name.startswith("__") else "Any"
            note = "  # type: ignore[override]  # elementwise, as an array's" if name in ("__eq__", "__ne__") else ""
            lines += [f"    def {name}({', '.join(['self', *others])}) -> {result}: ...{note}"]
    return "\n".join(lines) + "\n"


def _package() -> str:
    """The package's own source with its dynamic parts left out, and a line for each public op."""
    source = (PACKAGE / "__init__.py").read_text()
    imports = [line for line in source.splitlines() if line.startswith("from .") and "binding" not in line]
    lines = [HEAD, "from typing import Any", ""]
    for line in imports:
        module, names = line.removeprefix("from ").split(" import ")
        lines += [f"from {module} import {name} as {name}" for name in names.split(", ")]
    from . import _LAZY

    lines += [f"from .{module} import {name} as {name}" for name, module in _LAZY.items()]
    lines += ["", "__version__: str", "_LAZY: dict[str, str]", ""]
    for name, call in sorted(public_names().items()):
        lines += [f"def {name}({', '.join(_parameters(call))}) -> Any: ..."]
    return "\n".join(lines) + "\n"


def _parameters(call: Any) -> list[str]:
    """The parameters of an op as a stub writes them, their types read off their defaults."""
    forward = call.__wrapped__ if isinstance(call, Primitive) else call
    shown = []
    starred = isinstance(call, Primitive)  # its options may come by position too
    for p in inspect.signature(forward).parameters.values():
        if p.kind is p.VAR_POSITIONAL:
            shown.append(f"*{p.name}: Any")
            starred = True
        elif p.kind is p.VAR_KEYWORD:
            shown.append(f"**{p.name}: Any")
        else:
            if p.kind is p.KEYWORD_ONLY and not starred:
                shown.append("*")
                starred = True
            shown.append(f"{p.name}: {_type(p)}" + ("" if p.default is p.empty else " = ..."))
    required = [s for s in shown if "= ..." in s]
    first = shown.index(required[0]) if required else len(shown)
    if any("= ..." not in s and not s.startswith("*") for s in shown[first:]) and "*" not in shown:
        shown.insert(first, "*")  # an option without a default after one that has it
    return shown


def _type(p: inspect.Parameter) -> str:
    if p.name in ("axis", "axes", "dim"):
        return "int | tuple[int, ...] | None"
    if p.default is not p.empty and p.default is not np._NoValue and type(p.default) in (bool, int, float, str):
        return {int: "int", float: "float", str: "str"}.get(type(p.default), "Any")
    return "Any"
