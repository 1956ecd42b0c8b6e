"""tinygrad_np: reverse-mode autodiff on NumPy, for people who derive gradients by hand.

    x = Tensor(data, requires_grad=True)      an array whose operations are recorded
    loss.backward()                           gradients of all leaves
    compare(manual, auto)                     hand-derived gradients against the tape's
    draw(loss)                                the graph as a picture
    compile(step)                             a training step as one piece of straight source
    optim, train                              optimisers, and a training loop with checkpoints

Importing this imports numpy and the standard library only; what checks, draws and prints is loaded when first used.
"""

import gc
from importlib import import_module
from typing import Any

from .anomaly import detect_anomaly
from .core.modes import enable_grad, no_grad, observe, scope
from .core.op_methods import OpMethods
from .core.primitive import Primitive
from .core.record import Record
from .core.tape import Tape, tape_of, trace
from .core.tensor import Tensor
from .ops.binding import public_names
from .ops.declare import collecting

__version__ = "0.1.0"

# What the upper rooms offer, by the module that holds it, or a module itself; loaded when first asked for.
_LAZY = {
    "checkpoint": "transforms",
    "grad": "transforms",
    "gradients": "transforms",
    "hessian": "transforms",
    "hvp": "transforms",
    "jacobian": "transforms",
    "jvp": "transforms",
    "linearize": "transforms",
    "value_and_grad": "transforms",
    "vjp": "transforms",
    "elementwise": "declaring",
    "primitive": "declaring",
    "AuditError": "checking",
    "AuditReport": "checking",
    "audit": "checking",
    "Comparison": "checking",
    "check_grads": "checking",
    "check_manual": "checking",
    "compare": "checking",
    "OpReport": "checking",
    "check_op": "checking",
    "draft_rule": "checking",
    "CompileError": "compiling",
    "compile": "compiling",
    "derive": "writing",
    "write": "writing",
    "Drawing": "drawing",
    "draw": "drawing",
    "plot": "drawing",
    "optim": "",
    "train": "",
}

__all__ = [
    "Primitive", "Record", "Tape", "Tensor", "detect_anomaly", "enable_grad", "no_grad", "observe", "scope", "trace",
    *_LAZY,
]  # fmt: skip

globals().update(public_names())  # relu, softmax, sum, ...: each block of ops/ says which
OpMethods.tape = tape_of  # type: ignore[method-assign]  # core/tape.py stands above core/tensor.py
Tape.to_numpy = lambda tape, name="step", *, comments=True: _written(tape, name, comments)  # type: ignore[attr-defined]
Tape.__str__ = lambda tape: _listing(tape)  # type: ignore[method-assign]  # the same


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        module = import_module(f".{_LAZY[name] or name}", __name__)
        value = getattr(module, name) if _LAZY[name] else module
        globals()[name] = value
        return value
    raise AttributeError(f"tinygrad_np has no {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})


def load_ipython_extension(shell: Any) -> None:
    """``%load_ext tinygrad_np`` in a notebook: the cell magic ``%%audit``."""
    from .checking.audit.magic import register

    register(shell)


def _written(tape: Tape, name: str, comments: bool) -> str:
    """The tape as the source of one NumPy function; `write` does it for a function and its gradient."""
    from .writing import to_numpy

    return to_numpy(tape, name, comments=comments)


def _listing(tape: Tape) -> str:
    from .listing import listing

    return listing(tape)


def _repr_mimebundle_(self: Any, include: Any = None, exclude: Any = None) -> dict[str, Any]:
    """Jupyter shows the graph of a Tensor or Tape as a picture where it can, as text where it cannot."""
    from .drawing import mimebundle

    return mimebundle(self)


OpMethods._repr_mimebundle_ = Tape._repr_mimebundle_ = _repr_mimebundle_  # type: ignore[method-assign, attr-defined]  # as above

if collecting:  # ops/declare.py says why it was stopped
    gc.enable()
