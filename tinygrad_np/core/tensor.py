"""Tensor: an array and the record that made it.

A Tensor is a value: nothing writes into its array behind its back, and in-place statements give the handle a new
record. The ops' methods and operators are bound by `ops.binding`; here is what a Tensor is without any op.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any, final

import numpy as np

from .array_like import ArrayLike
from .backward import exclusive, hooks, observers, sweep
from .modes import current
from .op_methods import OpMethods
from .record import Record, clock, leaf
from .source import user_frame

__all__ = ["HANDLERS", "UFUNCS", "Tensor"]

# What runs in place of a NumPy function that is given a Tensor. Filled by ops.binding.
HANDLERS: dict[Any, Callable[..., Any]] = {}
# The short way for a ufunc called without options: its op, applied to a tuple of arguments.
UFUNCS: dict[Any, Callable[[tuple[Any, ...], None], Any]] = {}


@final
class Tensor(ArrayLike, OpMethods):
    """An array whose operations are recorded.

    Parameters
    ----------
    data
        Anything `numpy.asarray` takes, numeric.
    requires_grad
        Record what is computed from it, and fill ``.grad`` in a backward pass. Such a Tensor owns a copy of ``data``;
        any other shares it.
    name
        What drawings, errors and written source call it.

    Raises
    ------
    TypeError
        If ``data`` is not numeric, or requires a gradient and is not of floating point.

    Examples
    --------
    >>> from tinygrad_np import Tensor
    >>> w = Tensor([1.0, 2.0, 3.0], requires_grad=True, name="w")
    >>> (w * w).sum().backward()
    >>> w.grad
    array([2., 4., 6.])
    """

    __slots__ = ("__weakref__", "_data", "_grad", "_record")
    _data: np.ndarray
    _record: Record | None
    _grad: Any  # set when first filled

    def __init__(self, data: Any, requires_grad: bool = False, name: str | None = None) -> None:
        array = np.array(data, order="K") if requires_grad else np.asarray(data)
        if isinstance(data, np.ma.MaskedArray):
            raise TypeError("a masked array cannot become a Tensor: its mask would be lost; fill it first (.filled())")
        if array.dtype.kind not in "fcbiu":
            raise TypeError(f"a Tensor holds numbers, and this is {array.dtype}: {data!r:.80}")
        if requires_grad and array.dtype.kind not in "fc":
            raise TypeError(
                f"a Tensor of {array.dtype} cannot require a gradient: give it floats, "
                f"e.g. Tensor(data, requires_grad=True) with data of dtype float64"
            )
        self._data = array
        self._record = None
        if requires_grad or name is not None:
            self._record = leaf(array, diff=requires_grad, name=name)
            if requires_grad:
                self._record.note().owner = weakref.ref(self)
                frame = user_frame()  # so that `w = Tensor(...)` is called w
                self._record.code, self._record.lasti = frame.f_code, frame.f_lasti

    def __init_subclass__(cls) -> None:
        raise TypeError("Tensor cannot be subclassed: the engine tells Tensors by their exact type; hold one instead")

    @staticmethod
    def _of(data: Any, record: Record | None) -> Tensor:
        """A Tensor of this array and record, nothing copied, nothing checked."""
        t = _new(Tensor)
        t._data, t._record = data, record
        return t

    # What it holds

    @property
    def data(self) -> np.ndarray:
        """The array. Assigning to it, ``w.data -= lr * w.grad`` too, is how an optimiser steps; the tape notices."""
        return self._data

    @data.setter
    def data(self, value: Any) -> None:
        if value is self._data:
            if not self.is_leaf and self._data.base is not None:
                raise RuntimeError(".data of this result may be a view of another Tensor's: change that one, or a copy")
            if self._record is not None:
                self._record.note().changed = clock()
        else:
            value = np.asarray(value)
            if value.shape != self._data.shape or not np.can_cast(value.dtype, self._data.dtype, "same_kind"):
                raise ValueError(
                    f".data is {self._data.dtype}{list(self._data.shape)} and cannot become"
                    f" {value.dtype}{list(value.shape)}: make a new Tensor"
                )
            self._data = np.array(value, self._data.dtype)
            if self._record is not None and self._record.primitive is None:
                self._record.y = self._data

    @property
    def grad(self) -> Any:
        """The gradient that backward passes have added up: an ndarray like ``.data``, or None."""
        return getattr(self, "_grad", None)

    @grad.setter
    def grad(self, value: Any) -> None:
        if value is not None and np.shape(value) != self._data.shape:
            raise ValueError(f".grad must have the shape {self._data.shape} of the Tensor; got {np.shape(value)}")
        self._grad = value

    @property
    def is_leaf(self) -> bool:
        return self._record is None or self._record.primitive is None

    @property
    def record(self) -> Record | None:
        """The record that made it; None for a constant nobody watches."""
        return self._record

    @property
    def name(self) -> str | None:
        return None if self._record is None else self._record.name

    @name.setter
    def name(self, name: str | None) -> None:
        if self._record is None:
            self._record = leaf(self._data)
        self._record.note().name = name

    # Gradients

    def backward(self, gradient: Any = None, *, retain_graph: bool = False, create_graph: bool = False) -> None:
        """Add d self / d leaf to ``.grad`` of every leaf that self depends on.

        Parameters
        ----------
        gradient
            Cotangent of self, of its shape; 1 where self has one element.
        retain_graph
            Keep the values that the rules need, for another backward pass.
        create_graph
            Record the backward pass: ``.grad`` is then a Tensor, to be differentiated again.

        Raises
        ------
        RuntimeError
            If nothing is recorded, a value was freed by an earlier pass or changed since the forward pass.
        ValueError
            If self has several elements and no ``gradient`` is given, or one of another shape.
        """
        mode = current()
        root = self._record
        if root is None or not root.diff:
            raise RuntimeError(
                "backward() on a Tensor that depends on nothing with requires_grad=True"
                + (", or was computed under no_grad" if mode.grad else ": this is under no_grad")
            )
        recorded = create_graph or mode.depth > 0
        seed = self._seed(gradient, recorded)
        retain = retain_graph or recorded
        found = sweep([root], [seed], None, lift if recorded else None, observers(mode), retain)
        for r in found:
            if r.notes is not None and r.notes.owner is not None:
                owner = r.notes.owner()
                if owner is not None:
                    owner._add_grad(found, r)

    def _seed(self, gradient: Any, recorded: bool) -> Any:
        if gradient is None:
            if self._data.size != 1:
                raise ValueError(
                    f"backward() starts from a scalar, and this Tensor has shape {self._data.shape}:"
                    " reduce it, e.g. .sum().backward(), or pass gradient= of that shape"
                )
            if self._data.dtype.kind == "c":
                raise ValueError("backward() starts from a real number, and this Tensor is complex: pass gradient=")
            gradient = np.array(1, self._data.dtype, ndmin=self._data.ndim)
        elif np.shape(gradient) != self._data.shape:
            raise ValueError(
                f"backward(gradient=...) needs the shape {self._data.shape} of the Tensor; got {np.shape(gradient)}"
            )
        if isinstance(gradient, Tensor):
            if recorded:
                return gradient
            gradient = gradient._data
        gradient = np.asarray(gradient, self._data.dtype)
        return Tensor._of(gradient, None) if recorded else gradient

    def _add_grad(self, found: dict[Record, Any], r: Record) -> None:
        held = getattr(self, "_grad", None)
        if type(found[r]) is Tensor or type(held) is Tensor:
            total = found[r] if held is None else held + found[r]
            self._grad = Tensor._of(total._data, total._record)  # a handle of its own: in-place forms bind it anew
        elif held is not None:
            np.add(held, found[r], out=held)
        else:  # its own memory, without a copy where nobody else holds the array
            self._grad = found[r] if exclusive(found, r) else np.array(found[r], order="K")

    def zero_grad(self) -> None:
        """Forget the gradient."""
        self._grad = None

    def retain_grad(self) -> Tensor:
        """Let backward passes fill ``.grad`` of this intermediate too; gives self."""
        if self._record is not None and self._record.diff:
            self._record.note().owner = weakref.ref(self)
        return self

    def register_hook(self, hook: Callable[[Any], object]) -> Callable[[], None]:
        """Call ``hook(cotangent)`` when a backward pass has the whole cotangent of this Tensor.

        Gives a function that takes the hook away again. A hook looks; what it returns is ignored.
        """
        if self._record is None or not self._record.diff:
            raise RuntimeError("a hook waits for a gradient, and this Tensor requires none")
        mine = self._record.note().hooks
        mine.append(hook)
        hooks.registered += 1

        def remove() -> None:
            mine.remove(hook)
            hooks.registered -= 1

        return remove

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Turn recording on or off for this leaf; gives self."""
        if not self.is_leaf:
            raise RuntimeError("requires_grad_() is for leaves; .detach() gives one that shares this array")
        if requires_grad != self.requires_grad:
            Tensor.__init__(self, self._data, requires_grad, self.name)
        return self

    def detach(self) -> Tensor:
        """A Tensor of the same array, with no history and no gradient."""
        return Tensor._of(self._data, None)

    # In NumPy's hands

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if not kwargs and method == "__call__" and ufunc in UFUNCS:
            return UFUNCS[ufunc](inputs, None)
        handler = HANDLERS.get(ufunc if method == "__call__" else (ufunc, method))
        if handler is None:
            name = f"np.{ufunc.__name__}" + ("" if method == "__call__" else f".{method}")
            raise TypeError(no_rule(name))
        return handler(*inputs, **kwargs)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        handler = HANDLERS.get(func) or HANDLERS.get(f"{func.__module__}.{func.__name__}")
        if handler is None:
            module = (func.__module__ or "numpy").replace("numpy", "np", 1)
            raise TypeError(no_rule(f"{module}.{func.__name__}"))
        return handler(*args, **kwargs)

    def _rebind(self, compute: Callable[[], Any]) -> Tensor:
        """The in-place forms: a new value and record under the same handle."""
        r = self._record
        at_leaf = r is not None and r.primitive is None and r.notes is not None and r.notes.owner is not None
        if at_leaf and current().grad:
            raise RuntimeError(
                f"in-place change of {self.name or 'a leaf'}, which requires a gradient: write"
                " `w.data -= ...`, or put the statement under `with no_grad():`"
            )
        new = compute()
        data, record = (new._data, new._record) if type(new) is Tensor else (np.asarray(new), None)
        if data.shape != self._data.shape:
            raise ValueError(f"an in-place result of shape {data.shape} does not fit a Tensor of {self._data.shape}")
        if at_leaf:
            np.copyto(self._data, data, casting="same_kind")
            self.data = self._data
            return self
        if data.dtype != self._data.dtype:
            if not np.can_cast(data.dtype, self._data.dtype, "same_kind"):
                raise TypeError(f"an in-place result of {data.dtype} does not fit a Tensor of {self._data.dtype}")
            cast = Tensor._of(data, record).astype(self._data.dtype)
            data, record = cast._data, cast._record
        self._data, self._record = data, record
        return self


_new = object.__new__


def no_rule(name: str) -> str:
    return (
        f"{name} has no rule for a Tensor, and would lose the gradient without a word: `python -m tinygrad_np ops`"
        " lists what there is, docs/new-ops.md shows how to add one; on plain arrays use .data"
    )


def lift(value: Any, record: Record) -> Any:
    """A kept value as the Tensor it was, so that a rule run on it is recorded."""
    if isinstance(value, tuple):
        return record.primitive.lifted(value, record)  # type: ignore[union-attr]  # a leaf has one value
    return Tensor._of(value, record)
