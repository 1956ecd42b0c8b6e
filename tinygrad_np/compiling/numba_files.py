"""Machine code that outlives the process: Numba keeps it beside the file of its source, so there has to be one."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

__all__ = ["cache_directory", "loaded"]

_one_at_a_time = Lock()


def cache_directory() -> Path:
    """Where the source is written: TINYGRAD_NP_CACHE if that is set, else the user's directory for such things."""
    if given := os.environ.get("TINYGRAD_NP_CACHE"):
        return Path(given)
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "tinygrad_np"


def loaded(text: str) -> Callable[..., Any]:
    """What gives the functions of ``text`` by name: a module of one file, called by what is in it, and written once."""
    import numba

    known = (Path(__file__).with_name("numba_prelude.py").read_bytes(), numba.__version__.encode(), text.encode())
    digest = hashlib.sha256(b"\0".join(known)).hexdigest()[:32]
    path = _written(cache_directory() / f"step_{digest}.py", text)
    if path is None:  # nowhere to write: compiled for this process alone
        namespace: dict[str, Any] = {}
        exec(compile(text.replace("cache=True", "cache=False"), "<compiled step>", "exec"), namespace)
        return namespace.__getitem__
    with _one_at_a_time:
        if path.stem in sys.modules:
            return partial(getattr, sys.modules[path.stem])
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[path.stem] = module  # Numba looks for it there when it reads what it kept
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[path.stem]
            raise
        return partial(getattr, module)


def _written(path: Path, text: str) -> Path | None:
    """The file with this text; written elsewhere and then moved, so that nobody reads half of it."""
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
            os.replace(name, path)
    except OSError:
        return None
    return path
