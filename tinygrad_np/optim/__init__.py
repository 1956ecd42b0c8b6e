"""Optimisers: parameters follow their ``.grad``, whoever derived it.

    optimizer = Adam(params, lr=1e-3)       a Tensor, or dicts, lists and tuples of them
    optimizer.zero_grad()
    loss.backward()                         or, by hand: w.grad = array
    clip_grad_norm_(params, 1.0)
    optimizer.step()

Names, defaults and numbers are PyTorch's. There are no parameter groups: parameters that need another learning rate get
an optimiser of their own.
"""

from .adam import Adam, AdamW
from .clip import clip_grad_norm_
from .lr_scheduler import CosineAnnealingLR, ExponentialLR, LambdaLR, LinearLR, LRScheduler, SequentialLR, StepLR
from .optimizer import Optimizer
from .rmsprop import RMSprop
from .sgd import SGD

RMSProp = RMSprop  # PyTorch's spelling, and everybody else's

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "CosineAnnealingLR",
    "ExponentialLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "Optimizer",
    "RMSProp",
    "RMSprop",
    "SequentialLR",
    "StepLR",
    "clip_grad_norm_",
]
