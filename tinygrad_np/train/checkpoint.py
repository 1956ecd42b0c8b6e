"""Checkpoints: parameters, optimiser, schedule, generator, epoch and history in one ``.npz``, without pickle.

`save` writes under another name, and moves the whole file into place: whatever happens, there is the old checkpoint or
the new one. `load` believes nothing that a file says of itself: it reads entries that it expects, of the size that it
expects, and changes something only when all of them are right.
"""

from __future__ import annotations

import contextlib
import copy
import json
import os
import secrets
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..core.tensor import Tensor
from ..optim.lr_scheduler import LRScheduler
from ..optim.optimizer import Optimizer
from ..transforms.tree import flatten, paths
from .archive import CheckpointError, opened
from .history import History

__all__ = ["CheckpointError", "Loaded", "load", "save"]

FORMAT = "tinygrad_np checkpoint 1"


class Loaded(NamedTuple):
    """What a checkpoint says beside what it has put into parameters, optimiser and generator."""

    epoch: int
    history: History


def save(
    path: str | os.PathLike[str],
    params: Any,
    *,
    optimizer: Optimizer | None = None,
    schedule: LRScheduler | None = None,
    rng: np.random.Generator | None = None,
    epoch: int = 0,
    history: History | None = None,
) -> None:
    """Write a checkpoint: all of it, or nothing.

    The file is an ordinary ``.npz``: ``numpy.load(path)["params['w1']"]`` is the parameter ``w1``.

    Parameters
    ----------
    path
        Replaced in one move, when everything has reached the disk.
    params
        Tensors, and arrays that are not trained (running averages, say), in any container.
    optimizer, schedule, rng, epoch, history
        What else `load` is to bring back.

    Raises
    ------
    TypeError
        If ``params`` holds something else.
    OSError
        If the file cannot be written. The old one is still there.
    """
    arrays = {name: _array(leaf) for name, leaf in _named(params).items()}
    meta: dict[str, Any] = {"format": FORMAT, "epoch": int(epoch), "history": (history or History()).columns}
    if optimizer is not None:
        state = optimizer.state_dict()
        arrays |= {f"optimizer[{i}][{k!r}]": a for i, s in enumerate(state["state"]) for k, a in s.items()}
        meta["optimizer"] = state | {"state": [list(s) for s in state["state"]]}
    if schedule is not None:
        meta["schedule"] = schedule.state_dict()
    if rng is not None:
        meta["rng"] = _plain(rng.bit_generator.state)
    arrays["meta"] = np.array(json.dumps(meta))
    _write(os.path.realpath(path), arrays)


def load(
    path: str | os.PathLike[str],
    params: Any,
    *,
    optimizer: Optimizer | None = None,
    schedule: LRScheduler | None = None,
    rng: np.random.Generator | None = None,
) -> Loaded:
    """Put a checkpoint back into what is given, in place: all of it, or nothing.

    Parameters
    ----------
    params
        Of the same names, shapes and dtypes as those that were saved.
    optimizer, schedule, rng
        What is left out is left alone.

    Returns
    -------
    epoch, history

    Raises
    ------
    CheckpointError
        If the file is damaged, no checkpoint, another net's, or lacks something that is asked for.
    OSError
        If it cannot be opened.

    Examples
    --------
    >>> import os, tempfile
    >>> from tinygrad_np import Tensor
    >>> from tinygrad_np.train import load, save
    >>> w = Tensor([1.0, 2.0], requires_grad=True)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(os.path.join(folder, "net.npz"), {"w": w}, epoch=3)
    ...     w.data -= 5
    ...     print(load(os.path.join(folder, "net.npz"), {"w": w}).epoch, w.data)
    3 [1. 2.]
    """
    leaves = _named(params)
    with opened(path) as file:
        meta = file.text("meta")
        if meta.get("format") != FORMAT:
            raise ValueError(f"its format is {meta.get('format')!r:.60}, not {FORMAT!r}")
        _same_names(file.names, leaves)
        arrays = {name: file.array(name, _array(leaf)) for name, leaf in leaves.items()}
        epoch, history = meta.get("epoch"), History(meta.get("history"))
        if type(epoch) is not int or epoch < 0:
            raise ValueError(f"its epoch is {epoch!r:.60}")
        for asked, what in ((optimizer, "optimizer"), (schedule, "schedule"), (rng, "rng")):
            if asked is not None and what not in meta:
                raise ValueError(f"it was saved without {what}=")
        if rng is not None:
            _check_generator(rng, meta["rng"])
        if schedule is not None:
            copy.copy(schedule).load_state_dict(meta["schedule"])
        if optimizer is not None:
            states = [
                {str(k): file.array(f"optimizer[{i}][{k!r}]") for k in names}
                for i, names in enumerate(meta["optimizer"]["state"])
            ]
            optimizer.load_state_dict(meta["optimizer"] | {"state": states})  # all of it or nothing; what follows
    if schedule is not None:  # has been tried, and cannot fail
        schedule.load_state_dict(meta["schedule"])
    if rng is not None:
        rng.bit_generator.state = meta["rng"]
    for name, leaf in leaves.items():
        np.copyto(_array(leaf), arrays[name])
        if type(leaf) is Tensor:
            leaf.data = leaf.data  # a tape that still needs the old values is told
    return Loaded(epoch, history)


def _named(params: Any) -> dict[str, Any]:
    """The leaves by the names that they have in the file."""
    leaves, _ = flatten(params)
    found = dict(zip(paths(params, "params"), leaves, strict=True))
    for name, leaf in found.items():
        if not isinstance(leaf, Tensor | np.ndarray) or (type(leaf) is Tensor and not leaf.is_leaf):
            raise TypeError(f"a checkpoint holds Tensors that were not computed, and arrays; {name} is {leaf!r:.60}")
        if not _array(leaf).flags.writeable or _array(leaf).dtype.kind not in "fcbiu":
            raise TypeError(f"{name} is read-only, or holds no numbers")
    return found


def _array(leaf: Any) -> NDArray[Any]:
    return leaf.data if type(leaf) is Tensor else leaf


def _same_names(names: list[str], leaves: Mapping[str, Any]) -> None:
    theirs = {name for name in names if name.startswith("params")}
    for name in [*(n for n in leaves if n not in theirs), *sorted(theirs - set(leaves))]:
        one, other = ("this", "that") if name in leaves else ("that", "this")
        raise ValueError(f"it holds another net: {one} one has {name:.60}, {other} one has not")
    strange = [name for name in names if not name.startswith(("params", "optimizer[")) and name != "meta"]
    if strange:
        raise ValueError(f"it holds {strange[0]!r:.60}, which `save` does not write")


def _check_generator(rng: np.random.Generator, state: Any) -> None:
    """Try the state on another generator of the kind."""
    kind = type(rng.bit_generator)
    if not isinstance(state, dict) or state.get("bit_generator") != kind.__name__:
        raise ValueError(f"its generator is no {kind.__name__}")
    # NumPy takes these as they come, and would read outside of its buffer.
    for place, most in ((state["state"].get("pos", 0), 624), (state.get("buffer_pos", 0), 4)):
        if type(place) is not int or not 0 <= place <= most:
            raise ValueError("the state of its generator is impossible")
    other = kind()
    other.state = state
    if _plain(other.state) != state:
        raise ValueError("the state of its generator is impossible")


def _plain(state: Any) -> Any:
    """A state of a generator in what JSON knows."""
    if isinstance(state, dict):
        return {k: _plain(v) for k, v in state.items()}
    return state.tolist() if isinstance(state, np.ndarray | np.generic) else state


def _write(path: str, arrays: Mapping[str, NDArray[Any]]) -> None:
    folder, name = os.path.split(path)
    temporary = os.path.join(folder, f".{name}.{secrets.token_hex(4)}.tmp")
    try:
        with open(temporary, "xb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]  # no array is called allow_pickle
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    if hasattr(os, "O_DIRECTORY"):  # the move itself is to reach the disk
        fd = os.open(folder, os.O_DIRECTORY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
