"""Reverse mode as functions of functions: `vjp`, `grad`, `value_and_grad`, `gradients`.

They take arrays and give arrays. Inside another transform or a trace the backward pass is recorded in its turn, and a
result that depends on what is being differentiated there is a Tensor. Each transform wraps its arguments in fresh
records, so nested ones do not confuse their perturbations. Signatures follow JAX.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import numpy as np

from ..core.backward import exclusive, observers, sweep
from ..core.modes import current, switch
from ..core.primitive import fresh
from ..core.record import Record
from ..core.tensor import Tensor, lift
from .guarded import guarded
from .tree import flatten, flatten_like, tree_map, unflatten

__all__ = ["grad", "gradients", "value_and_grad", "vjp"]


def vjp(f: Callable[..., Any], *primals: Any, has_aux: bool = False) -> tuple[Any, ...]:
    """The value of ``f`` and its pullback: cotangents of the output to cotangents of the inputs.

    Parameters
    ----------
    f
        A function of arrays or nested dicts, lists and tuples of arrays.
    *primals
        Where; floating point.
    has_aux
        ``f`` returns ``(y, aux)``; aux is handed through as a third result.

    Returns
    -------
    y, pullback
        ``pullback(g)`` takes a cotangent like ``y`` and gives a tuple, one entry a primal.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_np import vjp
    >>> y, pullback = vjp(np.multiply, np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    >>> pullback(np.array([1.0, 1.0]))
    (array([3., 4.]), array([1., 2.]))
    """
    mode = current()
    leaves, structure = flatten(primals)
    recorded = is_recorded(leaves)
    inputs = [fresh(x) for x in leaves]
    with switch(grad=True, depth=mode.depth + 1):
        result = f(*unflatten(structure, inputs))
    result, aux = split_aux(result, has_aux)
    outputs, out_structure = flatten(result)
    targets = [t._record for t in inputs]

    def pullback(cotangent: Any) -> Any:
        seeds = flatten_like(out_structure, cotangent, "a cotangent has the structure of the output")
        return unflatten(structure, cotangents(outputs, seeds, targets, recorded))

    y = unflatten(out_structure, [unwrap(t, recorded) for t in outputs])
    return (y, pullback, tree_map(lambda t: unwrap(t, recorded), aux)) if has_aux else (y, pullback)


def value_and_grad(
    f: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False
) -> Callable[..., tuple[Any, Any]]:
    """A function that gives ``f(*args)`` and its gradient.

    Parameters
    ----------
    f
        A function with one real number as its output.
    argnums
        The argument, or arguments, to differentiate by; the gradient is then a tuple.
    has_aux
        ``f`` returns ``(y, aux)``; the value is then that pair.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_np import value_and_grad
    >>> value_and_grad(lambda x: np.sum(x**2))(np.array([1.0, 3.0]))
    (array(10.), array([2., 6.]))
    """

    @wraps(f)
    def run(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        of_chosen, primals = choose(f, argnums, args, kwargs)
        with_aux = of_chosen if has_aux else lambda *xs: (of_chosen(*xs), None)
        y, pullback, aux = vjp(with_aux, *primals, has_aux=True)
        gradient = pullback(scalar_seed(y, f))
        return ((y, aux) if has_aux else y), (gradient[0] if isinstance(argnums, int) else gradient)

    return run


def grad(f: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Callable[..., Any]:
    """A function that gives the gradient of ``f``; with ``has_aux`` a pair (gradient, aux).

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_np import grad
    >>> grad(lambda x: np.sum(np.sin(x)))(np.array([0.0, np.pi]))
    array([ 1., -1.])
    >>> float(grad(grad(lambda x: x**3))(2.0))
    12.0
    """
    both = value_and_grad(f, argnums, has_aux)

    @wraps(f)
    def run(*args: Any, **kwargs: Any) -> Any:
        value, gradient = both(*args, **kwargs)
        return (gradient, value[1]) if has_aux else gradient

    return run


def gradients(y: Tensor, wrt: Any, gradient: Any = None, *, create_graph: bool = False) -> Any:
    """The gradient of ``y`` by any Tensors on its tape, intermediates too; ``.grad`` is not touched, nothing is freed.

    Parameters
    ----------
    y
        A Tensor with one element, or with a cotangent ``gradient`` of its shape.
    wrt
        A Tensor, or a dict, list or tuple of them.

    Examples
    --------
    >>> from tinygrad_np import Tensor, gradients
    >>> x = Tensor(3.0, requires_grad=True)
    >>> h = x * 2
    >>> gradients(h * h, {"h": h, "x": x})
    {'h': array(12.), 'x': array(24.)}
    """
    if type(y) is not Tensor:
        raise TypeError(f"gradients() starts from a Tensor; got {type(y).__name__}")
    tensors, structure = flatten(wrt)
    for t in tensors:
        if type(t) is not Tensor or not t.requires_grad:
            raise TypeError(f"gradients() is by Tensors that a gradient flows through; got {t!r:.80}")
    recorded = create_graph or current().depth > 0
    seed = y._seed(gradient, recorded)
    return unflatten(structure, cotangents([y], [seed], [t._record for t in tensors], recorded))


def cotangents(outputs: Sequence[Any], seeds: Sequence[Any], targets: Sequence[Any], recorded: bool) -> list[Any]:
    """Sweep from these outputs to these records; zeros where nothing leads."""
    roots: list[Record] = []
    starts: list[Any] = []
    for t, seed in zip(outputs, seeds, strict=True):
        if np.shape(seed) != np.shape(t):
            raise ValueError(f"a cotangent of shape {np.shape(seed)} was given for an output of shape {np.shape(t)}")
        if type(t) is Tensor and t._record is not None and t._record.diff:
            roots.append(t._record)
            seed = seed if type(seed) is Tensor else Tensor._of(np.asarray(seed, t.dtype), None)
            starts.append(seed if recorded else seed._data)
    mode = current()
    masked = guarded(roots) if recorded and mode.traces else None  # a trace is to be right at other values too
    found = sweep(roots, starts, targets, lift if recorded else None, observers(mode), masked=masked)
    return [_own(found, r, recorded) if r in found else np.zeros(r.shape, r.dtype) for r in targets]


def _own(found: dict[Record, Any], r: Record, recorded: bool) -> Any:
    """A cotangent in memory of its own, so that its caller may write into it."""
    if type(found[r]) is Tensor:
        t = unwrap(found[r], recorded)
        return Tensor._of(t._data, t._record) if type(t) is Tensor else np.array(t)
    return found[r] if exclusive(found, r) else np.array(found[r])


def is_recorded(leaves: Sequence[Any]) -> bool:
    """Whether what is computed from these arguments may be differentiated from outside."""
    return current().depth > 0 or any(type(x) is Tensor and x.requires_grad for x in leaves)


def unwrap(t: Any, recorded: bool) -> Any:
    """A result as its caller expects it: an array, unless it hangs on something that is being differentiated."""
    if type(t) is not Tensor:
        return t
    return t if recorded and t._record is not None else t._data


def split_aux(result: Any, has_aux: bool) -> tuple[Any, Any]:
    if not has_aux:
        return result, None
    if not (isinstance(result, tuple) and len(result) == 2):
        raise TypeError("with has_aux=True the function must return a pair (output, aux)")
    return result


def scalar_seed(y: Any, f: Callable[..., Any]) -> Any:
    """The cotangent 1 of a real scalar output."""
    name = getattr(f, "__name__", "f")
    number = not isinstance(y, dict | list | tuple | str | None) and np.result_type(y).kind in "fciub"
    if not number or np.size(y) != 1:
        what = f"shape {np.shape(y)}" if number else type(y).__name__
        raise TypeError(f"grad needs one number as output, and {name} gave {what}: sum it, or use jacobian or vjp")
    dtype = np.result_type(y)
    if dtype.kind == "c":
        raise TypeError(f"grad needs a real output, and {name} gave {dtype}: take its real part or modulus, or use vjp")
    return np.ones(np.shape(y), dtype if dtype.kind == "f" else float)


def choose(
    f: Callable[..., Any], argnums: int | Sequence[int], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """``f`` as a function of the chosen arguments alone, and these."""
    name, n = getattr(f, "__name__", "f"), len(args)
    numbers = (argnums,) if isinstance(argnums, int) else tuple(argnums)
    for i in numbers:
        if not isinstance(i, int) or not -n <= i < n:
            raise TypeError(f"argnums={argnums}, but {name} was called with {n} positional arguments")

    def of_chosen(*xs: Any) -> Any:
        full = list(args)
        for i, x in zip(numbers, xs, strict=True):
            full[i] = x
        return f(*full, **kwargs)

    return of_chosen, tuple(args[i] for i in numbers)
