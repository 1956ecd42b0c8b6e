"""What all optimisers share: the parameters, the checks, the state, and how a step changes ``.data``."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..core.tensor import Tensor
from ..transforms.tree import flatten, paths

__all__ = ["Array", "Optimizer", "State", "at_least_0", "gradient_of", "parameters", "parts"]

Array = NDArray[Any]
State = dict[str, Array]  # of one parameter; empty until its first gradient


class Optimizer:
    """The base of all optimisers. One of your own gives `_update`, and `_fresh` if it keeps a state.

    Parameters
    ----------
    params
        Tensors that require a gradient: one, or dicts, lists and tuples of them, nested as you like.
    **options
        The learning rate ``lr`` and whatever else the update reads. They become attributes, and may be changed between
        steps.

    Attributes
    ----------
    lr : float
        The learning rate. Schedules write it.
    initial_lr : float
        The learning rate it was made with; what schedules start from.
    state : list of dict
        For each parameter its arrays by name.

    Raises
    ------
    TypeError
        If something is not a Tensor.
    ValueError
        If a Tensor requires no gradient, was computed from others, or is given twice; if there is none; if an option
        is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_np import Tensor
    >>> from tinygrad_np.optim import Optimizer
    >>> class SignDescent(Optimizer):
    ...     def _update(self, p, g, state):
    ...         p -= self.lr * np.sign(g)
    >>> w = Tensor([1.0, -2.0], requires_grad=True)
    >>> w.grad = np.array([0.3, -5.0])
    >>> SignDescent([w], lr=0.25).step()
    >>> w.data
    array([ 0.75, -1.75])
    """

    def __init__(self, params: Any, **options: Any) -> None:
        self._names, self.tensors = parameters(params, type(self).__name__)
        self._options = tuple(options)
        for name, value in options.items():
            setattr(self, name, value)
        self.initial_lr = self.lr
        self.state: list[State] = [{} for _ in self.tensors]
        self._memory: dict[Any, tuple[Array, Array]] = {}

    @property
    def lr(self) -> float:
        return self._lr

    @lr.setter
    def lr(self, value: float) -> None:
        self._lr = at_least_0("lr", value)

    def step(self) -> None:
        """Change each parameter that has a ``.grad``; the others, and their state, stay as they are.

        Raises
        ------
        TypeError, ValueError
            If a ``.grad`` has not the dtype or shape of its parameter. No parameter is changed then.
        """
        grads = [gradient_of(name, t) for name, t in zip(self._names, self.tensors, strict=True)]
        for t, g, state in zip(self.tensors, grads, self.state, strict=True):
            if g is not None:
                p = t.data
                self._update(p, g, state)
                t.data = p  # the same array: this is how a tape that still needs the old values hears of it

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for t in self.tensors:
            t.zero_grad()

    def state_dict(self) -> dict[str, Any]:
        """A copy of everything but the parameters.

        ``{"kind": "SGD", "options": {"lr": 0.1, ...}, "state": [{"momentum_buffer": array}, ...]}``
        """
        options = {name: getattr(self, name) for name in self._options}
        state = [{k: a.copy() for k, a in s.items()} for s in self.state]
        return {"kind": type(self).__name__, "options": options, "state": state}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` gave, options included.

        Raises
        ------
        ValueError
            If it is another optimiser's, or of other parameters. Nothing is changed then.
        """
        kind = type(self).__name__
        options, states = state_dict["options"], state_dict["state"]
        if state_dict["kind"] != kind or set(options) != set(self._options):
            raise ValueError(f"this is the state of {state_dict['kind']} with {', '.join(options)}, not of {kind}")
        if len(states) != len(self.tensors):
            raise ValueError(f"a state of {len(states)} parameters is no state of these {len(self.tensors)}")
        loaded = type(self)(self.tensors, **options)
        for i, (t, given) in enumerate(zip(self.tensors, states, strict=True)):
            mine = loaded._fresh(t.data) if given else {}
            found, needed = ({k: (a.dtype, a.shape) for k, a in s.items()} for s in (given, mine))
            if found != needed:
                raise ValueError(
                    f"the state of {self._names[i]} holds {_listed(found)}, where {kind} keeps {_listed(needed)}"
                )
            for k, a in mine.items():
                np.copyto(a, given[k])  # in the memory layout of the parameter, as if it had never been away
            loaded.state[i] = mine
        for name in self._options:
            setattr(self, name, getattr(loaded, name))
        self.state = loaded.state

    def __repr__(self) -> str:
        options = ", ".join(f"{name}={getattr(self, name)!r}" for name in self._options)
        return f"{type(self).__name__}({len(self.tensors)} parameters, {options})"

    # What an optimiser of its own gives, and what it has to work with

    def _fresh(self, p: Array) -> State:
        """The state of the parameter ``p`` before its first gradient: zeros, by name."""
        raise NotImplementedError

    def _update(self, p: Array, g: Array, state: State) -> None:
        """Write the next value into ``p``; ``g`` is its gradient, ``state`` empty the first time."""
        raise NotImplementedError

    def _buffers(self, p: Array) -> tuple[Array, Array]:
        """Two arrays like ``p`` with anything in them. All parameters share the memory."""
        held = self._memory.get(p.dtype)
        if held is None or held[0].size < p.size:
            held = self._memory[p.dtype] = np.empty(p.size, p.dtype), np.empty(p.size, p.dtype)
        order: Literal["F", "C"] = "F" if p.flags.f_contiguous else "C"
        return held[0][: p.size].reshape(p.shape, order=order), held[1][: p.size].reshape(p.shape, order=order)

    def _penalised(self, p: Array, g: Array, maximize: bool, weight_decay: float) -> Array:
        """``g``, or ``-g`` where the aim is a maximum, plus ``weight_decay p``; in the first of the buffers."""
        out, product = self._buffers(p)
        if maximize:
            g = np.negative(g, out=out)
        if weight_decay:
            np.multiply(p, weight_decay, out=product)
            g = np.add(g, product, out=out)
        return g


def parameters(params: Any, who: str) -> tuple[list[str], list[Tensor]]:
    """The Tensors of a container, and what errors call them."""
    params = list(params) if isinstance(params, Iterator) else params
    tensors, _ = flatten(params)
    names = [path or "the parameter" for path in paths(params)]
    if not tensors:
        raise ValueError(f"{who} was given no parameters: {params!r:.60}")
    seen: dict[int, str] = {}
    for name, t in zip(names, tensors, strict=True):
        if type(t) is not Tensor:
            raise TypeError(f"{who} changes Tensors, and {name} is a {type(t).__name__}: {t!r:.60}")
        if not t.requires_grad:
            raise ValueError(f"{name} requires no gradient: make it with Tensor(data, requires_grad=True)")
        if not t.is_leaf:
            raise ValueError(f"{name} was computed from other Tensors: {who} changes those that it comes from")
        if id(t) in seen:
            raise ValueError(f"{name} is the same Tensor as {seen[id(t)]}, and would be stepped twice")
        seen[id(t)] = name
    return names, tensors


def gradient_of(name: str, t: Tensor) -> Array | None:
    """The ``.grad`` of a parameter as an array, checked: it may have been assigned by hand."""
    g = t.grad
    if g is None:
        return None
    g = g.data if type(g) is Tensor else np.asarray(g)
    if g.shape != t.shape:
        raise ValueError(f"the gradient of {name} has shape {g.shape}, the parameter {t.shape}")
    if g.dtype != t.dtype:
        raise TypeError(f"the gradient of {name} is {g.dtype}, the parameter {t.dtype}: .astype({str(t.dtype)!r})")
    return g


def parts(p: Array, *others: Array) -> Iterator[tuple[Array, ...]]:
    """The arrays as they are; complex ones as their real, then their imaginary parts, views to write into."""
    if p.dtype.kind == "c":
        yield tuple(a.real for a in (p, *others))
        yield tuple(a.imag for a in (p, *others))
    else:
        yield (p, *others)


def at_least_0(name: str, value: float, below: float = math.inf) -> float:
    """An option as a Python float, which leaves a float32 parameter float32."""
    if not 0 <= value < below:
        limits = "0 or more, and finite" if below == math.inf else f"0 or more, and below {below:g}"
        raise ValueError(f"{name} must be {limits}; got {value!r}")
    return float(value)


def _listed(state: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {dtype}{list(shape)}" for name, (dtype, shape) in state.items()) or "nothing"
