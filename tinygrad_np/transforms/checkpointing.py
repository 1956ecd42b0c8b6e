"""`checkpoint`: recompute in the backward pass instead of storing."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from ..core.modes import current, switch
from ..core.primitive import Primitive
from ..core.record import Record
from ..core.tape import Tape, Trace
from ..core.tensor import Tensor
from .reverse import vjp
from .tree import flatten, unflatten

__all__ = ["checkpoint"]


def checkpoint(f: Callable[..., Any]) -> Callable[..., Any]:
    """A function like ``f`` that keeps only its inputs for the backward pass, which runs it again.

    What ``f`` reads from outside (parameters, by closure) counts as input and gets its gradient. The program that ran
    is what runs again: random numbers drawn inside are the same, and a branch takes the same way.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_np import Tensor, checkpoint
    >>> x = Tensor([0.5, 1.0], requires_grad=True)
    >>> y = checkpoint(lambda x: np.exp(np.sin(x)))(x)
    >>> y.sum().backward()
    >>> bool(np.allclose(x.grad, np.cos(x.data) * y.data))
    True
    """

    @wraps(f)
    def run(*args: Any, **kwargs: Any) -> Any:
        mode = current()
        if not mode.grad:
            return f(*args, **kwargs)
        running = Trace()
        with switch(traces=(running,)):
            result = f(*args, **kwargs)
        outputs, structure = flatten(result)
        made = {r for r in running.records if not _draws(r)}
        known = made | set(running.constants)
        inputs = dict.fromkeys(p for r in running.records for p in r.inputs if p is not None and p not in known)
        values = {p: x for r in running.records for p, x in zip(r.inputs, r.values, strict=True) if p in inputs}
        recorded = [i for i, t in enumerate(outputs) if type(t) is Tensor and t._record in made]
        if not recorded:
            return result
        tape = Tape(
            list(inputs),
            [r for r in running.records if r in made],
            [outputs[i]._record for i in recorded],
            (),
            running.stopped,
        )
        for r in running.records:
            r.free()
        again = _recompute(*(Tensor._of(values[p], p) for p in inputs), tape=tape)
        for i, t in zip(recorded, again if isinstance(again, tuple) else (again,), strict=True):
            outputs[i] = t
        return unflatten(structure, outputs)

    return run


def _draws(r: Record) -> bool:
    """Whether it draws random numbers: these are kept, since a second draw would give others."""
    return any(isinstance(v, np.random.Generator) for v in (r.params or {}).values())


def _run(*xs: Any, tape: Tape) -> Any:
    return tape(*xs)


def _rule(g: Any, _y: Any, *xs: Any, tape: Tape) -> Any:
    return vjp(tape, *xs)[1](g)


_recompute = Primitive(_run, name="checkpoint").defvjp(all=_rule)
