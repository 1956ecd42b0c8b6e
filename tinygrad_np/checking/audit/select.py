"""Which scalar is the loss, and which turn of the loop is looked at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .evidence import Evidence
from .names import NOT_LOSS, is_loss_name
from .node import Node, ndim_of
from .program import Iteration, Program, is_number
from .replay import Graph
from .report import AuditError
from .update import op_of

__all__ = ["choose", "later"]

MOST = 12  # candidates looked at


def choose(program: Program, graph: Graph, loss: str | None) -> Evidence:
    """The evidence under the likeliest loss.

    Raises
    ------
    AuditError
        If there is no scalar with parameters behind it, or no gradient that belongs to one.
    """
    numbers = program.losses(loss)
    for find in (program.with_updates, program.with_claims):
        found = _first(numbers, find, loss is not None)
        if found is None:
            continue
        candidates = [found.loss] if found.turned else _candidates(program, found, loss)
        rivals = _candidates(program, found, None) if loss is not None and not found.turned else []
        seen = list(_under_each(program, graph, found, list({*candidates, *rivals}), find == program.with_updates))
        if seen:
            asked = [e for e in seen if loss is not None and e.iteration.loss in candidates]
            best = max(asked or seen, key=lambda e: _score(e, e.iteration.loss))
            best = _shared_out(best, seen, loss is not None)
            _all_followed(program, best)
            return best
    names = sorted({n.name for n in numbers if n.name})
    if loss is not None:
        raise AuditError(f"{loss!r} depends on no parameter that is updated, and no gradient of it is returned")
    if not numbers:
        raise AuditError(
            'no scalar loss found: no number was computed from arrays; name it with loss="...", or give an expression'
            ' such as loss="np.mean((p - y) ** 2)"'
        )
    raise AuditError(
        "no scalar loss found that gradients belong to; candidates: "
        + (", ".join(names) or "none with a name")
        + '; name one with loss="..."'
    )


def _under_each(
    program: Program, graph: Graph, found: Iteration, candidates: list[Node], updated: bool
) -> Iterator[Evidence]:
    """The evidence under each of the candidates."""
    stepped: set[int] = set()
    for n in sorted(candidates, key=lambda n: n.index):
        it = found if found.turned else program.iteration(n, len(found.prefix), stepped)
        if not found.turned and updated:
            it.parameters = list(program._updated(it))
        elif not found.turned:
            it = program.with_claims(n) or it
        if not it.parameters:
            continue
        evidence = Evidence(graph, it)
        if evidence.state.truth.ok:
            yield evidence
            if _owned(evidence):
                stepped |= {s.index for p in it.parameters for s in p.steps}


def _owned(evidence: Evidence) -> set[Node]:
    """The first steps of the parameters that move as this loss says."""
    state = evidence.state
    return {
        a.parameter.steps[0]
        for a in evidence.applied
        if a.parameter.steps and state.verdict[a.node.index] != "wrong" and np.any(state.wanted[a.node.index])
    }


def _shared_out(best: Evidence, seen: list[Evidence], asked: bool = False) -> Evidence:
    """Of several losses in one turn, each with parameters of its own (two players of a game), the one most wrong.

    ``asked``: the best is what is wanted, with its own parameters.
    """
    owners = [e for e in seen if _owned(e)]
    if len(owners) < 2 or set.intersection(*map(_owned, owners)):
        return best
    for e in owners:
        others = set().union(*(_owned(o) for o in owners if o is not e))
        kept = [a for a in e.applied if not a.parameter.steps or a.parameter.steps[0] not in others]
        e.keep(kept)
        e.iteration.rivals = [o.iteration.loss for o in owners]
    if asked:
        return best
    return max(owners, key=lambda e: (len(e.state.wrong), e is best))


def _first(numbers: list[Node], find: object, every: bool) -> Iteration | None:
    """The iteration of the first number that has one; by name first."""
    seen: set[int] = set()
    order = sorted(numbers, key=lambda n: (not is_loss_name(n.name), n.index))
    tried = 0
    for n in order:
        if n.site in seen and n.site >= 0:
            continue
        seen.add(n.site)
        tried += 1
        if tried > 4 * MOST:
            break
        found: Iteration | None = find(n)  # type: ignore[operator]  # one of two methods
        if found is not None:
            return found
    return None


def _candidates(program: Program, it: Iteration, loss: str | None) -> list[Node]:
    """Scalars of this turn: at each place in the source the last; a total rather than its parts."""
    last: dict[int, Node] = {}
    for n in it.scope:
        if is_number(n) and n.function is not None and (loss is None or n.name == loss):
            last[n.site if n.site >= 0 else -n.index - 2] = n
    if loss is not None:
        return [max(last.values(), key=lambda n: n.index)] if last else [it.loss]
    named = [n for n in last.values() if is_loss_name(n.name) and not _carries_over(n, it)]
    named = _final(program, named)
    if named:
        return named[:MOST]
    rest = [n for n in last.values() if not _carries_over(n, it) and not NOT_LOSS.search(n.name or "")]
    return sorted(_final(program, rest), key=lambda n: (not n.name, n.index))[:MOST]


def _final(program: Program, named: list[Node]) -> list[Node]:
    """Of numbers that are made of each other, those that no other is made of."""
    found = []
    for n in named:
        below = program.graph.descendants([n.index])
        if not any(m is not n and m.index in below and _is_total(m, n) for m in named):
            found.append(n)
    return found


def _is_total(m: Node, n: Node) -> bool:
    """Whether ``m`` is arithmetic of scalars on ``n``."""
    todo = [m]
    while todo:
        k = todo.pop()
        if k is n:
            return True
        if k.index > n.index and ndim_of(k.value) == 0 and op_of(k) not in ("sqrt", "exp", "log"):
            todo.extend(k.parents)
    return False


def _carries_over(n: Node, it: Iteration) -> bool:
    """Whether it adds to a number from before this turn: a running total."""
    todo, seen = [n], set()
    while todo:
        k = todo.pop()
        if k.index in seen:
            continue
        seen.add(k.index)
        if k.index not in it.inside and it.prefix and (k is n.before or (k.name and k.name == n.name)):
            return True
        if op_of(k) in ("add", "sub", "inplace_add") and it.prefix:
            for p in k.args:
                if p.index not in it.inside and ndim_of(p.value) == 0 and p.loops != it.prefix and _was_bound(p, n):
                    return True
        if ndim_of(k.value) == 0:
            todo.extend(k.parents)
    return False


def _was_bound(p: Node, n: Node) -> bool:
    return (n.before is not None and (p is n.before or p.name == n.name)) or (p.function is not None and bool(p.loops))


def _score(evidence: Evidence, n: Node) -> tuple[float, ...]:
    verdicts = evidence.state.verdict.values()
    right = sum(v != "wrong" for v in verdicts)
    moving = sum(
        1 for a in evidence.applied if np.any(np.asarray(evidence.state.wanted[a.node.index]) != 0)
    )  # else the loss has nothing to do with it
    shared = len(evidence.hand_inputs & evidence.iteration.forward)
    return (moving > 0, is_loss_name(n.name), moving, right, shared, -n.index)


def later(program: Program, graph: Graph, first: Evidence, most: int = 2) -> list[Evidence]:
    """The same in the turns of the loop that follow."""
    it = first.iteration
    if not it.prefix:
        return []
    found: list[Evidence] = []
    prefixes: list[Any] = []
    for n in graph.nodes:
        p = n.loops[: len(it.prefix)]
        if len(p) == len(it.prefix) and p > it.prefix and p not in prefixes:
            if p[-1][0] != it.prefix[-1][0] and len(found) >= most:
                continue
            prefixes.append(p)
    for p in prefixes[:most] if it.rivals else ():
        sites = {n.site for n in it.rivals}
        players = [n for n in program.scope(p) if n.site in sites and is_number(n)]
        seen = list(_under_each(program, graph, it, players, True))
        mine = [e for e in seen if e.iteration.loss.site == it.loss.site]
        found += [_shared_out(e, seen, True) for e in mine]
    for p in prefixes[:most] if not it.rivals else ():
        matches = [n for n in program.scope(p) if n.site == it.loss.site and is_number(n)]
        if not matches:
            continue
        nxt = program.iteration(matches[-1], len(it.prefix))
        nxt.parameters = list(program._updated(nxt))
        if nxt.parameters:
            found.append(Evidence(graph, nxt))
    return found


def _all_followed(program: Program, evidence: Evidence) -> None:
    """Whether the tape reaches from the loss to the parameters.

    Raises
    ------
    AuditError
        If a call on the way cannot be followed.
    """
    where = program.where
    influenced = evidence.influenced | {a.node.index for a in evidence.applied}
    for n in evidence.state.truth.stopped:
        if any(p.index in influenced for p in n.parents) and np.asarray(n.value).dtype.kind == "f":
            raise AuditError(f"{where(n)} cannot be followed: no gradient rule is known for it")
    for i in evidence.iteration.forward & program.opaque.keys():
        below = evidence.graph.ancestors(program.opaque[i][1])
        if below & influenced:
            raise AuditError(f"{where(evidence.graph.nodes[i])} cannot be followed, and the loss depends on it")
