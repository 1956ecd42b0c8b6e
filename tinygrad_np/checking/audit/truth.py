"""The right gradients: the recorded forward pass run on Tensors, and the tape's cotangent of every value in it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from ...core.backward import sweep
from ...core.primitive import fresh
from ...core.record import Record
from ...core.tensor import Tensor
from ..kinks import find_kinks
from .node import Node
from .replay import Graph, Overrides

__all__ = ["Truth"]

Get = Callable[[Node], Any]
CREATION = frozenset((
    "zeros", "ones", "full", "eye", "identity", "array", "asarray", "linspace", "zeros_like", "ones_like", "full_like",
))  # fmt: skip
TAPED = 5  # what a node costs on the tape and back, in replays of it


class Truth:
    """Cotangents of the loss by every value it was computed from.

    Attributes
    ----------
    gradients
        By node index.
    edges
        By (value, consumer): what the consumer alone contributes.
    loss
        The value of the loss.
    """

    def __init__(
        self,
        graph: Graph,
        loss: Node,
        forward: list[Node],
        entries: set[int],
        overrides: Overrides | None = None,
        held: Mapping[int, Any] | None = None,
    ) -> None:
        """``forward``: the nodes from which the loss was computed, in order; ``entries``: where to stop."""
        self.graph = graph
        self.stopped: list[Node] = []  # where no rule leads on
        values: dict[int, Any] = {}
        edge_records: dict[tuple[int, int], Record] = {}
        own: dict[int, Record] = {}
        held = held or {}
        graph.work += TAPED * len(forward)

        def plain(n: Node) -> Any:
            return held[n.index] if n.index in held else graph.value(n)

        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            for n in forward:
                values[n.index] = self._value(n, values, plain, edge_records, n.index in entries, overrides or {})
                t = values[n.index]
                if type(t) is Tensor and t.requires_grad:
                    values[n.index] = t = fresh(t)
                    assert t._record is not None
                    own[n.index] = t._record
                elif type(t) is Tensor:  # a mask, an index
                    values[n.index] = t.data
            top: Any = values.get(loss.index)
            self.ok = type(top) is Tensor and top.requires_grad and top.size == 1
            self.gradients: dict[int, Any] = {}
            self.edges: dict[tuple[int, int], Any] = {}
            self.values = {i: v.data if type(v) is Tensor else v for i, v in values.items()}
            self._top, self._own = top, own
            if not self.ok:
                return
            targets = [*own.values(), *edge_records.values()]
            found = sweep([top._record], [np.ones(top.shape)], targets)
        for i, r in own.items():
            g = found.get(r)
            self.gradients[i] = np.zeros(r.shape) if g is None else g
        for key, r in edge_records.items():
            g = found.get(r)
            if g is not None:
                self.edges[key] = g

    def _value(
        self, n: Node, values: dict[int, Any], plain: Get, edges: dict[Any, Record], entry: bool, overrides: Overrides
    ) -> Any:
        if (n.function is None or entry) and n.index not in overrides:
            v = plain(n)
            if isinstance(v, np.ndarray | np.generic | float) and np.asarray(v).dtype.kind == "f":
                return Tensor(np.asarray(v, float), requires_grad=True)
            return v

        own: dict[int, Any] = {}

        def get(p: Node) -> Any:
            if p.index in own:
                return own[p.index]
            v = values[p.index] if p.index in values else plain(p)
            if type(v) is Tensor and v.requires_grad:
                v = fresh(v)
                assert v._record is not None
                edges[p.index, n.index] = v._record
            own[p.index] = v
            return v

        change = overrides.get(n.index)
        try:
            v = change(n, get) if change is not None else self.graph.run(n, get)
            made = type(v) is not Tensor and getattr(n.function, "__name__", "") in CREATION
            if made and np.asarray(v).dtype.kind == "f":  # a parameter that starts as ones: the loss has a slope in it
                return Tensor(np.asarray(v, float), requires_grad=True)
            return v
        except Exception:  # an op without a rule, or of another kind of value: no gradient beyond it
            if any(type(own.get(p.index)) is Tensor for p in n.parents):
                self.stopped.append(n)
            return plain(n)

    def of(self, n: Node) -> Any:
        """The gradient by a node; None if the loss does not depend on it."""
        return self.gradients.get(n.index)

    def at_kinks(self, n: Node) -> Iterator[Any]:
        """Other gradients that are as right, where the forward pass stands at a kink."""
        record = self._own.get(n.index)
        if record is None or not self.ok:
            return
        if not hasattr(self, "_kinks"):
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                self._kinks = find_kinks(self._top)
        if self._kinks.found:
            yield from self._kinks.gradients(record)
