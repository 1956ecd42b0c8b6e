"""Functions of functions: derivatives of any order, and recomputation."""

from .checkpointing import checkpoint
from .forward import jvp, linearize
from .higher import hessian, hvp, jacobian
from .reverse import grad, gradients, value_and_grad, vjp

__all__ = ["checkpoint", "grad", "gradients", "hessian", "hvp", "jacobian", "jvp", "linearize", "value_and_grad", "vjp"]
