"""The training loop."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from ..core.tensor import Tensor
from ..optim import clip_grad_norm_
from ..optim.lr_scheduler import LRScheduler
from ..optim.optimizer import Optimizer
from ..transforms.tree import flatten, tree_map
from .batches import minibatches, number_of_rows
from .checkpoint import CheckpointError, load, save
from .history import History
from .progress import Interrupt, Progress, say

__all__ = ["fit"]


def fit(
    step: Callable[..., tuple[Any, Any]],
    params: Any,
    data: Any,
    *,
    optimizer: Optimizer,
    epochs: int,
    rng: np.random.Generator | None,
    size: int = 32,
    schedule: LRScheduler | None = None,
    max_norm: float | None = None,
    metrics: Mapping[str, Callable[[Any], float]] | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    resume: bool = False,
    progress: bool = True,
) -> History:
    """Train: for each minibatch one ``step`` and one step of the optimiser.

    A run that was killed, at whatever moment, and is resumed ends where it would have ended, to the last bit, as long
    as all that is random comes from ``rng``. Ctrl-C ends the running epoch, which is saved, and says where; a second
    one interrupts at once.

    Parameters
    ----------
    step
        ``step(params, *batch) -> (loss, gradients)``, all in arrays: ``value_and_grad(loss)``, gradients derived by
        hand, or both, `compared`. The gradients have the structure of ``params``; dicts may hold more.
    params
        Tensors in any container. Arrays in it are handed to ``step`` and saved, not trained.
    data
        An array, or a tuple of them: what `minibatches` cuts.
    optimizer
        Made on these Tensors.
    epochs
        How many there are to be, those of a resumed checkpoint included.
    rng
        Draws the order of the rows; None takes them as they stand. Its state is part of a checkpoint.
    size
        Rows of a minibatch.
    schedule
        Stepped after each epoch.
    max_norm
        Clip the norm of all gradients together to this.
    metrics
        By name, functions of the parameters as arrays, called after each epoch.
    checkpoint
        A file, written after each epoch, over what is there.
    resume
        Go on from ``checkpoint``; if there is none yet, from the beginning.
    progress
        Show a bar on stderr, if that is a terminal.

    Returns
    -------
    History
        ``loss``, averaged over the rows of the epoch, and each of ``metrics``.

    Raises
    ------
    FloatingPointError
        If the loss is not finite. Parameters are as they were before that step.
    CheckpointError
        If the checkpoint to resume from cannot be loaded.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_np import Tensor, value_and_grad
    >>> from tinygrad_np.optim import SGD
    >>> from tinygrad_np.train import fit
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(50, 2))
    >>> params = {"w": Tensor([0.0, 0.0], requires_grad=True)}
    >>> def loss(params, x, y):
    ...     return np.mean((x @ params["w"] - y) ** 2)
    >>> step, optimizer = value_and_grad(loss), SGD(params, lr=0.3)
    >>> history = fit(step, params, (x, x @ [1.0, -2.0]), optimizer=optimizer, epochs=9, rng=rng)
    >>> params["w"].data.round(3)
    array([ 1., -2.])
    """
    _check(params, optimizer, epochs, checkpoint, resume)
    minibatches(data, size, rng)  # to hear now if it cannot be cut
    rows, done, history = number_of_rows(data), 0, History()
    if resume and checkpoint is not None and os.path.exists(checkpoint):
        done, history = load(checkpoint, params, optimizer=optimizer, schedule=schedule, rng=rng)
        columns = ["loss", *(metrics or {})]
        if done and list(history.columns) != columns:
            theirs, ours = (", ".join(names) or "nothing" for names in (history.columns, columns))
            raise CheckpointError(f"{os.fspath(checkpoint)} has a history of {theirs}, not of {ours}")
    with Interrupt() as interrupt, Progress(epochs, (epochs - done) * math.ceil(rows / size), progress) as bar:
        for epoch in range(done + 1, epochs + 1):
            total, told = 0.0, False
            for batch in minibatches(data, size, rng):
                batch = batch if isinstance(batch, tuple) else (batch,)
                loss = _train_on(step, params, batch, optimizer, max_norm, epoch)
                total += loss * number_of_rows(batch)
                bar.step(epoch, loss)
                if interrupt.asked and not told:
                    told = True
                    say(f"Ctrl-C: stopping at the end of epoch {epoch}; once more, and it stops at once")
            if schedule is not None:
                schedule.step()
            arrays = _arrays(params)
            history.append({"loss": total / rows, **{k: metric(arrays) for k, metric in (metrics or {}).items()}})
            if checkpoint is not None:
                save(checkpoint, params, optimizer=optimizer, schedule=schedule, rng=rng, epoch=epoch, history=history)
            if interrupt.asked:
                break
    if interrupt.asked:
        history.interrupted = True
        saved = "nothing is saved" if checkpoint is None else f"saved in {os.fspath(checkpoint)}"
        say(f"interrupted after epoch {len(history)} of {epochs}; {saved}")
    return history


def _train_on(
    step: Callable[..., tuple[Any, Any]],
    params: Any,
    batch: tuple[Any, ...],
    optimizer: Optimizer,
    max_norm: float | None,
    epoch: int,
) -> float:
    value, grads = step(_arrays(params), *batch)
    loss = float(value)
    if not math.isfinite(loss):
        raise FloatingPointError(
            f"the loss is {loss} in epoch {epoch}: a smaller lr= or max_norm= may help; detect_anomaly() finds the op"
        )
    for name, t, g in _pairs(params, grads):
        if g is not None and np.shape(g) != t.shape:
            raise ValueError(f"the gradient of {name} has shape {np.shape(g)}, the parameter {t.shape}")
        t.grad = g
    if max_norm is not None:
        clip_grad_norm_(optimizer.tensors, max_norm)
    optimizer.step()
    return loss


def _arrays(params: Any) -> Any:
    return tree_map(lambda leaf: leaf.data if type(leaf) is Tensor else leaf, params)


def _pairs(params: Any, grads: Any, path: str = "params") -> Iterator[tuple[str, Tensor, Any]]:
    """Each Tensor with its gradient; whatever else the gradients hold is passed over."""
    if type(params) is Tensor:
        yield path, params, grads
    elif isinstance(params, dict):
        for key, node in params.items():
            if any(type(leaf) is Tensor for leaf in flatten(node)[0]):
                if not isinstance(grads, Mapping) or key not in grads:
                    raise ValueError(f"step gave no gradient of {path}[{key!r}]; None says that it has none")
                yield from _pairs(node, grads[key], f"{path}[{key!r}]")
    elif isinstance(params, list | tuple):
        if not isinstance(grads, list | tuple) or len(grads) != len(params):
            raise ValueError(f"step gave no list of {len(params)} gradients for {path}")
        for i, node in enumerate(params):
            yield from _pairs(node, grads[i], f"{path}[{i}]")


def _check(params: Any, optimizer: Optimizer, epochs: int, checkpoint: Any, resume: bool) -> None:
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"optimizer is one of tinygrad_np.optim; got {type(optimizer).__name__}")
    given = {id(leaf) for leaf in flatten(params)[0] if type(leaf) is Tensor}
    if any(id(t) not in given for t in optimizer.tensors):
        raise ValueError("the optimiser was made on Tensors that are not in params: it would never see a gradient")
    if isinstance(epochs, bool) or not hasattr(epochs, "__index__") or epochs < 0:
        raise ValueError(f"epochs is a whole number, 0 or more; got {epochs!r}")
    if resume and checkpoint is None:
        raise ValueError("resume=True goes on from checkpoint=, and none is given")
