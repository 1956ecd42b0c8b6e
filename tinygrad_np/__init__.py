"""tinygrad_np: reverse-mode autodiff on NumPy, for people who derive gradients by hand."""

__version__ = "0.1.0"

from .core.modes import detect_anomaly, enable_grad, no_grad, observe, scope
from .core.primitive import Primitive, elementwise, primitive
from .core.record import Record
from .core.tape import Tape, tape_of, trace
from .core.tensor import Tensor
from .ops.binding import public_names
from .transforms import checkpoint, grad, gradients, hessian, hvp, jacobian, jvp, linearize, value_and_grad, vjp

globals().update(public_names())
Tensor.tape = tape_of
