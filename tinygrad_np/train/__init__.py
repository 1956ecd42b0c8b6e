"""Training: batches, a loop, what it leaves, and checkpoints that survive anything.

    history = fit(value_and_grad(loss), params, (x, y), optimizer=Adam(params), epochs=20, rng=rng)

What `fit` asks of a net is one function, ``step(params, *batch) -> (loss, gradients)``. By tape that is
``value_and_grad(loss)``, by hand your own, and ``compared(by_tape, by_hand)`` is both, with every step compared.
"""

from .batches import minibatches
from .checkpoint import CheckpointError, load, save
from .comparing import DisagreementError, compared
from .fitting import fit
from .history import History
from .metrics import accuracy, cross_entropy, mean_squared_error

__all__ = [
    "CheckpointError",
    "DisagreementError",
    "History",
    "accuracy",
    "compared",
    "cross_entropy",
    "fit",
    "load",
    "mean_squared_error",
    "minibatches",
    "save",
]
