"""A generator argument while it is recorded: what is drawn from it is a record, and is drawn anew at every call."""

from __future__ import annotations

import copy
from sys import _getframe
from typing import Any

import numpy as np

from ..core.apply import apply_any, locate
from ..core.modes import current
from ..core.primitive import Primitive
from ..core.record import MANY, Record, clock
from ..core.tensor import Tensor
from .problem import CompileError

__all__ = ["DRAWS", "Draws"]

APPLY = apply_any.__code__.co_filename  # the file that runs forward functions

METHODS = (
    "beta", "binomial", "chisquare", "choice", "dirichlet", "exponential", "f", "gamma", "geometric", "gumbel",
    "hypergeometric", "integers", "laplace", "logistic", "lognormal", "logseries", "multinomial",
    "multivariate_hypergeometric", "multivariate_normal", "negative_binomial", "noncentral_chisquare", "noncentral_f",
    "normal", "pareto", "permutation", "permuted", "poisson", "power", "random", "rayleigh", "standard_cauchy",
    "standard_exponential", "standard_gamma", "standard_normal", "standard_t", "triangular", "uniform", "vonmises",
    "wald", "weibull", "zipf",
)  # fmt: skip


class Draws(np.random.Generator):
    """A copy of a generator, whose draws by the user's code are recorded; ops draw from it as from any other."""

    def __init__(self, generator: np.random.Generator, other: bool = False) -> None:
        bits = copy.deepcopy(generator.bit_generator)
        super().__init__(type(bits)(12345) if other else bits)

    def _no(self, name: str) -> Any:
        raise CompileError(
            f"Generator.{name} works in place or makes generators, which a record cannot hold: use permutation() or"
            " permuted(), or leave it outside of the compiled function"
        )

    def shuffle(self, *_: Any, **__: Any) -> Any:
        return self._no("shuffle")

    def spawn(self, *_: Any, **__: Any) -> Any:
        return self._no("spawn")

    def bytes(self, *_: Any, **__: Any) -> Any:
        return self._no("bytes")


def _draw(method: str) -> Primitive:
    def forward(*, rng: Any, args: Any, kwargs: Any) -> Any:
        return np.asarray(getattr(rng, method)(*args, **kwargs))

    forward.__name__ = f"draw_{method}"
    return Primitive(forward, name=method)


DRAWS = {method: _draw(method) for method in METHODS}


def _is_in_an_op(frame: Any) -> bool:
    """Whether this is the forward function of an op that draws: the op is what is recorded."""
    while frame is not None:
        if frame.f_code.co_filename == APPLY:
            return True
        frame = frame.f_back
    return False


def _recording(method: str) -> Any:
    original = getattr(np.random.Generator, method)
    primitive = DRAWS[method]

    def draw(self: Draws, *args: Any, **kwargs: Any) -> Any:
        value = original(self, *args, **kwargs)
        traces = current().traces
        if not traces or _is_in_an_op(_getframe(1)):
            return value
        y = np.asarray(value)
        r = Record()
        r.primitive, r.params, r.seq, r.diff = primitive, {"rng": self, "args": args, "kwargs": kwargs}, clock(), False
        r.p0, r.p1, r.x0, r.x1 = (), MANY, (), MANY
        r.y, r.shape, r.dtype = y, y.shape, y.dtype
        locate(r, current())
        return Tensor._of(y, r)

    draw.__name__ = method
    return draw


for _method in METHODS:
    setattr(Draws, _method, _recording(_method))
