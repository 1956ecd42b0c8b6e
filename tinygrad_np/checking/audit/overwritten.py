"""Hypotheses: a sum over the turns of a loop, or over paths, of which only the last summand is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .edits import Edit
from .node import Node, ndim_of, shape_of
from .program import is_array
from .scope import Block, Hand

__all__ = ["overwritten"]


def overwritten(hand: Hand, block: Block) -> Iterator[Edit]:
    """What the statement stores, added to what its name held before: ``=`` for ``+=``."""
    own = {m.index for m in block.nodes}
    by_site: dict[int, list[Node]] = {}
    for n in block.values:
        if is_array(n):
            by_site.setdefault(n.site, []).append(n)
    for nodes in by_site.values():
        chains = {n.index: _before(hand, n) for n in nodes}
        if any(not chain for chain in chains.values()):
            continue
        n, chain = nodes[0], chains[nodes[0].index]
        reads = hand.graph.ancestors([n], lambda m: m.index not in own)
        if chain[0].index in reads or not any(np.any(b.value) for b in chain):
            continue
        looped = any(b.site == n.site for b in chain)
        why = f"{block.target} = drops what {block.target} held: it should add (+=)"
        overrides = {i: _added(hand, chain) for i, chain in chains.items()}
        kind = "fork" if looped or chain[0].index in hand.evidence.influenced else "regulariser"
        yield Edit(kind, block.statement, why, overrides, _adding(block), 13 if looped else 22, n, block.target)


def _before(hand: Hand, n: Node) -> list[Node]:
    """What the name held before, in this turn of the training loop: each run of the same place, and what was first."""
    found: list[Node] = []
    m = n
    while m.before is not None and m.before.index in hand.iteration.inside:
        m = m.before
        if not is_array(m) or (ndim_of(m.value) and shape_of(m.value) != shape_of(n.value)):
            break
        found.append(m)
        if m.site != n.site:
            break
    return found


def _added(hand: Hand, chain: list[Node]) -> Callable[..., Any]:
    def run(n: Node, get: Callable[[Node], Any]) -> Any:
        value = hand.graph.run(n, get)
        for b in chain:
            value = value + (hand.graph.run(b, get) if b.site == n.site else get(b))
        return value

    return run


def _adding(block: Block) -> str:
    left, equals, right = block.statement.source.partition(" = ")
    return f"{left} += {right}" if equals and "=" not in left else ""
