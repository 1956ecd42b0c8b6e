"""``tinygrad-np check-op FILE.py:NAME``: the op of a file, checked; ``tinygrad-np ops FILE.py``: its ops, listed."""

from __future__ import annotations

import importlib.util
import sys
import traceback
from pathlib import Path
from types import ModuleType

from ...core.primitive import Primitive
from .check import check_op

__all__ = ["command", "listing"]


def command(target: str, *, thorough: bool = False, html: str | None = None, json: str | None = None) -> int:
    """Check the op and print the report; 0 if it is right, 1 if a check failed, 2 if it could not be checked."""
    file, colon, name = target.rpartition(":")
    if not colon or not file.endswith(".py"):
        file, name = (target, "") if target.endswith(".py") else (file, name)
    try:
        module = _loaded(Path(file))
        op = _named(module, file, name)
        report = check_op(op, thorough=thorough)
        print(report)
        if html is not None:
            report.to_html(html)
        if json is not None:
            report.to_json(json)
    except (OSError, ValueError, TypeError, LookupError, ImportError) as error:
        print(f"tinygrad-np check-op: {error}", file=sys.stderr)
        return 2
    return 0 if report.ok else 1


def listing(file: str) -> int:
    """Print the ops of a file with what is said of them; 0, or 2 if it does not run or holds none."""
    try:
        found = _ops(_loaded(Path(file)))
        if not found:
            raise LookupError(f"{file} holds no op")
    except (OSError, LookupError, ImportError) as error:
        print(f"tinygrad-np ops: {error}", file=sys.stderr)
        return 2
    for key, op in found.items():
        said = vars(op).get("declared", {})
        notes = ["differentiated by evaluation"] if op.name.endswith("_numeric") else []
        notes += [str(said["deviates"])] * bool(said.get("deviates")) + ["first order only"] * (said.get("order") == 1)
        doc = (op.__doc__ or "").strip().split("\n")[0]
        print("  ".join(filter(None, (f"{key}: {op.name}({', '.join(op.names)})", doc, "; ".join(notes)))))
    return 0


def _ops(module: ModuleType) -> dict[str, Primitive]:
    """The ops that a module makes."""
    return {k: v for k, v in vars(module).items() if isinstance(v, Primitive) and v.__module__ == module.__name__}


def _loaded(path: Path) -> ModuleType:
    """The file, run as a module of its own name, so that what stands under ``if __name__ == '__main__'`` does not."""
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}: give FILE.py:NAME")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    sys.path.insert(0, str(path.parent.resolve()))
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # the file is anybody's
        at = traceback.extract_tb(error.__traceback__)[-1]
        raise ImportError(f"{path} does not run: {type(error).__name__}: {error} ({at.filename}:{at.lineno})") from None
    finally:
        sys.path.pop(0)
    return module


def _named(module: ModuleType, file: str, name: str) -> object:
    ops = _ops(module)
    there = f"{file} holds the ops {', '.join(ops)}" if ops else f"{file} holds no op"
    if not name:
        raise LookupError(f"which op? Give {file}:NAME; {there}")
    if not hasattr(module, name):
        raise LookupError(f"{file} has no {name}; {there}")
    return getattr(module, name)
