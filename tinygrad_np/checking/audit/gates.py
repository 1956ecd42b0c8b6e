"""What can be read off exactly, before anything is tried: the wrong parameter, a sum never reset, a bad step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .edits import Edit
from .evidence import Applied, State
from .node import Node, ndim_of, shape_of
from .numbers import scale_of
from .program import is_array
from .replay import same
from .rewrite import Statement
from .scope import Hand, target_of
from .update import Term, gradient_of_terms, op_of

__all__ = ["accumulated", "decayed_twice", "forward_edits", "loop_cut_short", "stepped_wrongly", "wrong_parameters"]


def accumulated(hand: Hand, a: Applied) -> Edit | None:
    """Gradients of earlier turns of the loop, applied again."""
    if not a.carried:
        return None
    t = a.carried[0]
    made, statement = _creation(hand, t.atom)
    if statement is None:
        statement = hand.statement(t.atom) or hand.statement(t.step)
    if statement is None:
        return None
    name = made.name or t.atom.name or target_of(statement.tree)
    why = (
        f"{name} is made once and never set to zero: each turn of the loop applies the gradients of all before it again"
    )
    return Edit("accumulate", statement, why, {}, "", 0, made, name)


def loop_cut_short(hand: Hand, wrong: list[Applied], state: State) -> Edit | None:
    """A loop of the backward pass that leaves out the first or last step of the one forward."""
    left_out: set[int] | None = None
    for a in wrong:
        i = a.node.index
        D = (
            np.asarray(state.wanted[i]) - np.asarray(state.given[i])
            if (shape_of(state.wanted[i]) == shape_of(state.given[i]))
            else None
        )
        if D is None:
            return None
        by_turn: dict[tuple[int, int], Any] = {}
        depth = len(hand.iteration.prefix)
        for (f, c), v in state.truth.edges.items():
            turn = hand.graph.nodes[c].loops[depth:]
            if f == i and turn:
                by_turn[turn[0]] = by_turn.get(turn[0], 0) + v
        turns = sorted(by_turn)
        if len(turns) < 2:
            return None
        fits = {
            k
            for k, some in enumerate((turns[:1], turns[-1:], turns[:2], turns[-2:]))
            if same(D, sum(by_turn[t] for t in some))
        }
        left_out = fits if left_out is None else left_out & fits
        if not left_out:
            return None
    loops = {
        hand.graph.nodes[i].loops[depth][0]
        for a in wrong
        for i in hand.ancestors(a)
        if len(hand.graph.nodes[i].loops) > depth and hand.graph.nodes[i].index > hand.iteration.loss.index
    }
    forward_loops = {
        hand.graph.nodes[i].loops[depth][0] for i in hand.iteration.forward if len(hand.graph.nodes[i].loops) > depth
    }
    for loop in sorted(loops - forward_loops):
        site = hand.loop_sites.get(loop, -1)
        if left_out and site >= 0:
            statement = hand.sites[site].statement
            which = ("first step", "last step", "first two steps", "last two steps")[min(left_out)]
            return Edit(
                "time-index",
                statement,
                f"the loop leaves out the {which} of the forward pass",
                {},
                "",
                4,
                None,
                target_of(statement.tree),
                drop=tuple((a, None, a.node.index) for a in wrong),
            )
    return None


def _creation(hand: Hand, n: Node) -> tuple[Node, Statement | None]:
    """Where a running sum began."""
    seen = set()
    while n.index not in seen:
        seen.add(n.index)
        if n.before is not None:
            n = n.before
        elif op_of(n) == "alias" or (
            op_of(n) in ("add", "inplace_add", "sub", "inplace_sub") and n.args[0].index in hand.graph.ancestors([n])
        ):
            n = n.args[0]
        else:
            break
    statement = hand.statement(n)
    if n.function is None and n.site < 0:
        return n, None
    return n, statement


def wrong_parameters(hand: Hand, state: State) -> Iterator[Edit]:
    """A term of an update that is the gradient of another parameter."""
    it = hand.iteration
    truth = state.truth
    updated = {b.node.index for b in hand.evidence.applied if b.parameter.steps}
    scale = hand.evidence._scale(truth)
    for a in hand.evidence.applied:
        if state.verdict[a.node.index] != "wrong" or not a.parameter.steps:
            continue
        for t in a.data:
            step = hand.statement(t.step)
            if step is None:
                continue
            part = _part(a, [t], state)
            if part is None or not np.any(part):
                continue
            if _right_without_rest(a, t, part, state, scale):
                continue
            for i, T in truth.gradients.items():
                q = hand.graph.nodes[i]
                if i == a.node.index or not is_array(q) or not np.any(T) or not _is_leaf(q, it):
                    continue
                if not same(part, T, scale):
                    continue
                others = [b for b in hand.evidence.applied if b.node.index == i]
                shared = any(u.atom is t.atom for b in others for u in b.data)
                if others and state.verdict[i] != "wrong" and not shared:
                    continue
                never = "" if i in updated else f", and {hand.text(q)} is never updated"
                why = f"the gradient of {hand.text(q)} is applied to {a.name}{never}"
                yield Edit(
                    "wrong-parameter",
                    step,
                    why,
                    {},
                    _instead(step, a.name, hand.text(q)),
                    1,
                    t.step,
                    a.name,
                    drop=((a, t, i),),
                )
                break


def _instead(step: Statement, name: str, other: str) -> str:
    import re

    text = step.source
    return re.sub(rf"(?<![\w.]){re.escape(name)}(?!\w)", other, text) if name.isidentifier() else ""


def _is_leaf(q: Node, it: Any) -> bool:
    return (
        q.index in it.entries or q.function is None or not any(p.index in it.forward and is_array(p) for p in q.parents)
    )


def _part(a: Applied, terms: list[Term], state: State) -> Any:
    try:
        return gradient_of_terms(terms, a.rate, state.get, shape_of(a.node.value))
    except Exception:  # changed values that do not fit
        return None


def _right_without_rest(a: Applied, t: Term, part: Any, state: State, scale: float) -> bool:
    """Whether this very term is the right gradient of its parameter."""
    return same(part, state.wanted[a.node.index], scale)


def stepped_wrongly(hand: Hand, a: Applied, state: State) -> Edit | None:
    """The gradient is right where it was computed, and the update spoils it."""
    T = state.wanted[a.node.index]
    if a.parameter.claim is not None or not a.data or not np.any(T):
        return None
    lost = _scattered(hand, a, T, state)
    if lost is not None:
        return lost
    G = state.given[a.node.index]
    if shape_of(G) != shape_of(T):
        return None
    q = float(np.vdot(T, G) / np.vdot(T, T))
    if not q or not same(G, q * T):
        return None
    for t in a.data[:1]:
        step = hand.statement(t.step)
        above = [n for n in (*t.via, *_chain(t.atom)) if t.scatter or shape_of(n.value) == shape_of(T)]
        if step is None or len(a.data) > 1:
            return None
        outside = [n for n in above if n.name and hand.statement(n) is not step]
        if not any(same(_in_place(t, n, state), T) for n in outside):
            return None
        kind, why = scale_of(hand, None, q)
        if kind == "factor" and any(abs(abs(state.get(f)) - abs(q)) < 1e-9 * abs(q) for f, _ in t.factors):
            why += ": a step size too many"
        return Edit(
            kind,
            step,
            f"{outside[0].name} is right, and the update is {why}",
            {},
            "",
            2,
            t.step,
            a.name,
            drop=((a, None, a.node.index),),
        )
    return None


def _in_place(t: Term, n: Node, state: State) -> Any:
    """A value where the update puts it."""
    return Term(n, 1, (), t.scatter, t.step).value(state.get) if t.scatter else state.get(n)


def _scattered(hand: Hand, a: Applied, T: Any, state: State) -> Edit | None:
    """``E[ids] -= g`` where ids come more than once: only the last of them counts."""
    places = [p for t in a.data for p in t.scatter if op_of(p) == "set_item"]
    if not places:
        return None
    total = np.zeros(shape_of(T))
    for t in a.data:
        v = t.coefficient(state.get) * np.asarray(state.get(t.atom))
        for n, place in enumerate(reversed(t.scatter)):
            base = np.zeros(shape_of(state.get(place.args[0])))
            try:
                np.add.at(base, state.get(place.args[1]), v)
            except (ValueError, IndexError):
                return None
            v = base
            del n
        total = total - v
    for f, power in a.rate:
        total = total / state.get(f) if power > 0 else total * state.get(f)
    step = hand.statement(places[-1])
    if step is None or not same(total, T):
        return None
    why = "an index that comes more than once counts once: use np.subtract.at"
    return Edit("scatter", step, why, {}, "", 2, places[-1], a.name, drop=((a, None, a.node.index),))


def _chain(n: Node) -> Iterator[Node]:
    while True:
        yield n
        if op_of(n) in ("alias", "as_float", "mul", "multiply", "truediv", "neg", "inplace_mul", "inplace_truediv"):
            arrays = [p for p in n.args if ndim_of(p.value)]
            if len(arrays) == 1:
                n = arrays[0]
                continue
        return


def decayed_twice(hand: Hand, a: Applied, state: State) -> Edit | None:
    """The update decays the parameter on top of the right gradient of a loss that has the penalty in it already."""
    i = a.node.index
    if not a.decay or not same(state.given[i], state.wanted[i], hand.evidence._scale(state.truth)):
        return None
    step = hand.statement(a.decay[0].step)
    if step is None:
        return None
    why = f"the gradient of {a.name} has the penalty in it, and the update decays {a.name} once more"
    return Edit("regulariser", step, why, {}, "", 2, a.decay[0].step, a.name, drop=((a, None, i),))


# The forward pass


def forward_edits(hand: Hand, state: State) -> Iterator[Edit]:
    """A value that was computed for the forward pass and never reaches the loss, put where it belongs."""
    it = hand.iteration
    graph = hand.graph
    dead = [
        n
        for n in it.scope
        if n.index not in it.forward
        and n.name
        and is_array(n)
        and ndim_of(n.value)
        and n.index < it.loss.index
        and n.function is not None
        and graph.ancestors([n]) & it.forward & it.inside
    ]
    for d in dead:
        if d.before is not None and d.before.index in it.forward and op_of(d).startswith("inplace"):
            continue
        above = graph.ancestors([d]) & it.forward
        for i in sorted(above, reverse=True):
            s = graph.nodes[i]
            if (
                s is d
                or shape_of(s.value) != shape_of(d.value)
                or (s.index in it.entries and s.function is None and (s.index in {p.node.index for p in it.parameters}))
            ):
                continue
            users = [graph.nodes[c] for c in graph.children[i] if c in it.forward and c > d.index]
            by_site: dict[int, list[Node]] = {}
            for u in users:
                by_site.setdefault(u.site, []).append(u)
            for site, us in by_site.items():
                statement = hand.sites[site].statement if site >= 0 else None
                if statement is None:
                    continue

                def run(n: Node, get: Any, s: Node = s, d: Node = d) -> Any:
                    args = [get(d) if x is s else get(x) for x in n.args]
                    assert n.function is not None
                    return n.function(*args, **{k: get(v) for k, v in (n.keywords or {}).items()})

                why = f"{d.name} is computed and never reaches the loss: {hand.text(s)} is used in its place"
                yield Edit(
                    "forward",
                    statement,
                    why,
                    {u.index: run for u in us},
                    _renamed(hand, statement, us[0], s, d),
                    3,
                    us[0],
                    target_of(statement.tree),
                    through=(d,),
                )


def _renamed(hand: Hand, statement: Statement, user: Node, s: Node, d: Node) -> str:
    from .edits import suggestion
    from .swaps import _operand

    tree = hand.sites[user.site].tree
    for k, a in enumerate(user.args):
        if a is s:
            target = _operand(tree, k)
            if target is not None:
                return suggestion(statement, target, d.name)
    return ""
