"""Telling a penalty from the rest of the loss."""

from __future__ import annotations

import numpy as np

from .node import Node, ndim_of
from .program import Iteration
from .replay import Graph
from .update import op_of

__all__ = ["is_penalty"]


def is_penalty(graph: Graph, iteration: Iteration, f: Node, c: Node) -> bool:
    """Whether ``c`` leads from ``f`` to a summand of the loss in which nothing else has a part."""
    loss = iteration.loss
    n = c
    while ndim_of(n.value):
        nexts = [i for i in graph.children[n.index] if i in iteration.forward]
        if not nexts:
            return False
        n = graph.nodes[nexts[0]]
    onward = graph.descendants([n.index], iteration.forward) - {n.index}
    sums = {"add", "sub", "inplace_add", "inplace_sub"}
    if n is loss or not any(op_of(graph.nodes[i]) in sums for i in onward):
        return False
    mine = graph.ancestors([f])
    return not any(
        isinstance(m.value, np.ndarray) and m.value.ndim and m.function is None and m.value.dtype.kind == "f"
        for m in (graph.nodes[i] for i in graph.ancestors([n]) - mine)
    )
