"""Each parameter's applied gradient beside the tape's: in the run as it was, and under any change of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from .names import is_rate_name
from .node import Node, ndim_of, shape_of
from .optimiser import optimiser_input
from .penalty import is_penalty
from .program import Iteration, Parameter, is_array
from .replay import CannotError, Graph, Overrides, same
from .sizes import is_size
from .truth import Truth
from .update import Factor, Term, alike, decompose, factors_of, gradient_of_terms, op_of, origin, rates

__all__ = ["Applied", "Evidence", "State"]

Get = Callable[[Node], Any]
# What hangs on the form of its argument only, not on the numbers.
FORM_ONLY = {"zeros_like", "ones_like", "empty_like", "full_like", "shape", "size", "ndim", "len"}


class Applied:
    """What reaches one parameter: the terms of its update that depend on the loss, and the others."""

    def __init__(self, parameter: Parameter, data: list[Term], decay: list[Term], state: list[Term]) -> None:
        self.parameter, self.data, self.decay, self.state = parameter, data, decay, state
        self.rate: tuple[Factor, ...] = ()
        self.rates: list[tuple[Factor, ...]] = [()]
        self.carried: list[Term] = []  # gradients of earlier turns that were applied before
        self.pending: list[Term] = []  # gradients of earlier turns that are applied in this one, with its own
        self.inner: list[Term] = []  # multiples of the parameter in the gradient itself
        self.based = True  # the old value itself is a term; else what decay leaves of it
        self.in_turn = False  # right at the values of its turn

    @property
    def node(self) -> Node:
        return self.parameter.node

    @property
    def name(self) -> str:
        return self.parameter.name

    @property
    def targets(self) -> list[Node]:
        """The nodes that decide it."""
        found = [t.atom for t in self.data]
        for t in self.data:
            found += [f for f, _ in t.factors]
            found += [p.args[1] for p in t.scatter]
            found += list(t.scatter)
        return found

    def gradient(self, get: Get, terms: Iterable[Term] | None = None) -> Any:
        chosen = self.data if terms is None else list(terms)
        return gradient_of_terms(chosen, self.rate, get, shape_of(self.node.value))

    def decayed(self, get: Get) -> Any:
        """What decay adds to the gradient."""
        total = gradient_of_terms(self.decay, self.rate, get, shape_of(self.node.value))
        if self.based or not self.decay:
            return total
        whole = np.asarray(get(self.node))
        for f, power in self.rate:
            whole = whole / get(f) if power > 0 else whole * get(f)
        return total + whole


class State:
    """The run under changes: its values, the tape's gradients, and which parameters are right."""

    def __init__(self, values: Mapping[int, Any], truth: Truth, get: Get) -> None:
        self.values, self.truth, self.get = values, truth, get
        self.given: dict[int, Any] = {}  # by parameter
        self.wanted: dict[int, Any] = {}
        self.verdict: dict[int, str] = {}

    @property
    def wrong(self) -> list[int]:
        return [i for i, v in self.verdict.items() if v == "wrong"]


class Evidence:
    """One iteration, with what its parameters are given."""

    def __init__(self, graph: Graph, iteration: Iteration) -> None:
        self.graph, self.iteration = graph, iteration
        it, roots = iteration, {p.node.index for p in iteration.parameters}
        self.influenced = self._influenced(roots)
        replaced = {i for u in it.scope if u.before is not None for i in (u.before.index, origin(u.before).index)}
        self.applied = [self._applied(p, replaced) for p in it.parameters]
        targets = [t for a in self.applied for t in a.targets]
        self.hand = graph.ancestors(targets, lambda n: n.index in it.forward or n.index in roots) - it.forward
        self.relevant = graph.ancestors(targets) | it.forward
        self.path = it.path
        self.state = self.under({})
        self._choose_rates()

    def keep(self, applied: list[Applied]) -> None:
        """Look at these parameters only: the others go down another loss."""
        self.applied = applied
        self.iteration.parameters = [a.parameter for a in applied]
        for seen in (self.state.verdict, self.state.given, self.state.wanted):
            for i in seen.keys() - {a.node.index for a in applied}:
                del seen[i]

    def _influenced(self, roots: set[int]) -> set[int]:
        """What depends on a parameter, within this iteration, other than by being its next value."""
        it = self.iteration
        steps = {s.index for p in it.parameters for s in p.steps}
        found: set[int] = set()
        todo = list(roots)
        while todo:
            i = todo.pop()
            for c in self.graph.children[i]:
                if c in found or c not in it.inside:
                    continue
                node = self.graph.nodes[c]
                if op_of(node) in FORM_ONLY:
                    continue
                if op_of(node) == "alias" and i in roots:
                    if c not in roots:
                        todo.append(c)
                    continue
                if c in steps and i in roots | steps and i not in found:
                    continue
                found.add(c)
                todo.append(c)
        return found

    def _applied(self, p: Parameter, replaced: set[int]) -> Applied:
        if p.claim is not None:
            return Applied(p, [Term(p.claim, -1, (), (), p.claim)], [], [])
        if not p.steps:
            return Applied(p, [], [], [])
        root = p.node.index
        data: list[Term] = []
        decay: list[Term] = []
        state: list[Term] = []
        based = False
        for t in decompose(p.steps[-1], p.node, self.iteration.inside, replaced, {s.index for s in p.steps}):
            if t.atom.index == root or origin(t.atom).index == root:
                if not t.factors and t.sign > 0 and not based:
                    based = True
                else:
                    decay.append(t)
            elif t.atom.index in self.influenced:
                data.append(self._refined(t, p, replaced))
            elif any(f.index in self.influenced for f, _ in t.factors):
                data.append(t)
            else:
                state.append(t)
        if len(data) > 1 and state and len({origin(t.atom).index for t in data}) == 1:
            # Nesterov's step: one gradient, in the velocity and once more. What it is scaled by is the optimiser's.
            total = sum(t.coefficient(self.graph.value) for t in data)
            data = [Term(data[0].atom, -1 if total < 0 else 1, (), data[0].scatter, data[0].step, data[0].via)]
        made = Applied(p, data, decay, state)
        made.based = based
        made.inner = [s for t in data for s in self._decay_within(t, p.node)]
        unfactored = [t for t in state if self._is_carried(t, data)]
        applied = self.graph.ancestors([p.node])
        made.carried = [t for t in unfactored if t.atom.index in applied]
        made.pending = [t for t in unfactored if t.atom.index not in applied]
        if data:
            clipping = all(t.atom.index in self.influenced and ndim_of(t.atom.value) for t in data)

            def is_gradients(n: Node) -> bool:
                """Whether a factor is no part of the step size."""
                part = n.index in self.influenced and (
                    op_of(n) == "getitem" or not (clipping or self._is_running(n, replaced))
                )
                return part or is_size(n, self.iteration.inside)

            factors = factors_of(data, is_gradients)
            made.rates = list(rates(factors))
            norms = self.influenced - self.iteration.forward
            if any(f.index in norms for f, _ in factors) and tuple(factors) in made.rates:
                # Clipped by a norm: that scale belongs to the step, whether the gradient is right or not.
                made.rates.sort(key=lambda r: r != tuple(factors))
            made.rate = made.rates[0]
        return made

    def _is_carried(self, t: Term, data: list[Term]) -> bool:
        """Whether a term is what earlier turns of the loop have added up."""
        if t.atom.index in self.iteration.inside or not np.any(np.asarray(t.atom.value)) or not data:
            return False
        brought = [f for d in data for f in d.factors]
        if any(all(f[0] is not g[0] and not alike(f, g) for g in brought) for f in t.factors):
            return False  # damped: momentum
        return is_array(t.atom)

    def _decay_within(self, t: Term, root: Node) -> list[Term]:
        """The multiples of a parameter among the summands of its gradient."""
        if t.scatter:
            return []
        parts = decompose(t.atom, root, self.iteration.inside)
        if len(parts) < 2:
            return []
        return [
            Term(s.atom, t.sign * s.sign, (*t.factors, *s.factors), s.scatter, t.step)
            for s in parts
            if root.index in (s.atom.index, origin(s.atom).index) and s.factors
        ]

    def _refined(self, t: Term, p: Parameter, replaced: set[int]) -> Term:
        """Through the arithmetic of an optimiser to the gradient it was handed."""
        forward, shape = self.iteration.forward, shape_of(p.node.value)
        g = optimiser_input(t.atom, shape, self.influenced - forward, replaced - forward, p.node.index)
        if g is None:
            return t
        value = self.graph.value
        along = t.coefficient(value) * np.asarray(value(t.atom)) * np.asarray(value(g))
        sign = 1 if np.all(along >= 0) and np.any(along > 0) else -1  # uphill everywhere; else momentum is in it
        return Term(g, sign, (), (), t.step, t.via)

    def _is_running(self, n: Node, replaced: set[int]) -> bool:
        """Whether a scalar has a running mean in it, as in AdaGrad."""
        above = self.graph.ancestors([n], lambda m: m.index not in self.iteration.inside)
        return any(i in replaced and i not in self.iteration.inside and i not in self.iteration.forward for i in above)

    # Values and verdicts

    def under(
        self,
        overrides: Overrides,
        held: Mapping[int, Any] | None = None,
        truth: Truth | None = None,
        through: Iterable[Node] = (),
    ) -> State:
        """The state of things under changes.

        ``truth``: of the loss, if it is known not to change. ``through``: values that the forward pass reads only then.
        """
        values = self.graph.replay(overrides, self.relevant, held) if overrides else dict(held or {})

        def get(n: Node) -> Any:
            return values[n.index] if n.index in values else self.graph.value(n)

        if truth is None:
            it = self.iteration
            inner = {i: f for i, f in overrides.items() if i in it.forward}
            path = self.path
            more = self.graph.ancestors(through, lambda n: n.index in it.forward) - it.forward
            if more:
                path = [self.graph.nodes[i] for i in sorted(it.forward | more)]
            truth = Truth(self.graph, it.loss, path, it.entries, inner, held)
        state = State(values, truth, get)
        self.judge(state)
        return state

    def judge(self, state: State, only: Iterable[Applied] | None = None) -> None:
        scale = self._scale(state.truth)
        for a in only if only is not None else self.applied:
            i = a.node.index
            found = state.truth.of(a.node)
            state.wanted[i] = T = found if found is not None else np.zeros(shape_of(a.node.value))
            if not a.data:
                state.given[i] = np.zeros(shape_of(a.node.value))
                state.verdict[i] = "right" if same(state.given[i], T, scale) else "wrong"
                continue
            try:
                G = a.gradient(state.get)
            except Exception as error:  # changed values that do not fit together
                raise CannotError(str(error)) from None
            state.given[i] = G
            state.verdict[i] = self._verdict(a, G, T, state, scale)

    def _verdict(self, a: Applied, G: Any, T: Any, state: State, scale: float) -> str:
        if shape_of(G) != shape_of(T) and np.size(G) == np.size(T) and _broadcasts(G, T):
            G = state.given[a.node.index] = np.broadcast_to(G, shape_of(T))
        if not np.all(np.isfinite(T)):
            return "right"  # the run has diverged: nothing can be said
        if a.carried:
            return "wrong"
        if a.decay and same(G, T, scale) and self._penalised(a, state, scale):
            return "wrong"
        if same(G, T, scale):
            return "exact" if np.array_equal(G, T) else "right"
        if a.pending and shape_of(G) == shape_of(T) and np.any(T):
            share = float(np.vdot(T, G) / np.vdot(T, T))
            if share and abs(1 / share - round(1 / share)) < 1e-6 and same(G, share * T, scale):
                return "right"
        readings = [G]
        if a.decay and shape_of(G) == shape_of(T):
            readings.append(G + a.decayed(state.get))
            if same(readings[1], T, scale):
                return "right"
        if a.inner and shape_of(G) == shape_of(T):
            readings.append(G - a.gradient(state.get, a.inner))
            if same(readings[-1], T, scale):
                return "right"
        for K in state.truth.at_kinks(a.node) if shape_of(G) == shape_of(T) else ():
            if any(same(r, K, scale) for r in readings):
                return "kink"
        return "wrong"

    def _penalised(self, a: Applied, state: State, scale: float) -> bool:
        """Whether the loss has a penalty on the parameter, and its step decays it all the same."""
        decay = a.decayed(state.get)
        if same(decay, np.zeros(shape_of(decay)), scale):
            return False
        ways = [self.graph.nodes[c] for (i, c), v in state.truth.edges.items() if i == a.node.index and np.any(v)]
        return any(is_penalty(self.graph, self.iteration, a.node, c) for c in ways)

    def stepped(self, a: Applied, state: State) -> Any:
        """The gradient where parameters that are stepped earlier have their new values: steps that take turns."""
        it = self.iteration
        first = a.parameter.steps[0].index
        turns: dict[int, Any] = {}
        for other in self.applied:
            done = [s for s in other.parameter.steps if s.index < first]
            if other is not a and done:
                turns[other.node.index] = state.get(done[-1])
        if not turns:
            return None
        overrides = {i: (lambda _n, _get, v=v: v) for i, v in turns.items()}
        try:
            held = self.graph.replay(overrides, it.forward)
        except CannotError:
            return None
        return Truth(self.graph, it.loss, self.path, it.entries, None, held).of(a.node)

    @staticmethod
    def _scale(truth: Truth) -> float:
        return max((float(np.max(np.abs(g), initial=0)) for g in truth.gradients.values()), default=0.0)

    def _choose_rates(self) -> None:
        """The step size under which most parameters come out right."""
        for a in self.applied:
            i = a.node.index
            if self.state.verdict.get(i) != "wrong" or len(a.rates) < 2:
                continue
            first = a.rate
            for rate in a.rates[1:]:
                a.rate = rate
                self.judge(self.state, [a])
                if self.state.verdict[i] != "wrong":
                    break
            else:
                a.rate = first
                self.judge(self.state, [a])
        self._agree()
        for a in self.applied:
            if self.state.verdict.get(a.node.index) == "wrong":
                self._stepped_by_literals(a)
        scale = self._scale(self.state.truth)
        for a in self.applied:  # steps that take turns, each with a forward pass of its own
            if self.state.verdict.get(a.node.index) == "wrong" and a.parameter.steps:
                T = self.stepped(a, self.state)
                if T is not None and same(self.state.given[a.node.index], T, scale):
                    self.state.verdict[a.node.index] = "right"
                    a.in_turn = True

    def _agree(self) -> None:
        """One optimiser, one step size: a parameter that needs another one to be right is wrong."""
        used = Counter(_signature(a.rate) for a in self.applied if self.state.verdict.get(a.node.index) != "wrong")
        most = used.most_common(1)
        for a in self.applied if most and most[0][1] > 1 else ():
            shared = [r for r in a.rates if _signature(r) == most[0][0]]
            if shared and _signature(a.rate) != most[0][0]:
                a.rate = shared[0]
                self.judge(self.state, [a])

    def _stepped_by_literals(self, a: Applied) -> None:
        """A right gradient times plain numbers: together they are the step size, ``2 * 0.01`` or ``1 / 10``."""
        i = a.node.index
        if len(a.data) != 1 or any(is_rate_name(f.name) for f, _ in a.data[0].factors):
            return
        t = a.data[0]
        numbers = tuple(f for f in t.factors if f[0].function is None and not f[0].name)
        numbers = tuple(f for f in numbers if isinstance(f[0].value, float)) or numbers
        named = [n for n in t.via if n not in a.parameter.steps]
        if not numbers or not any(same(self.state.get(n), self.state.wanted[i]) for n in named):
            return
        before, a.rate = a.rate, numbers
        self.judge(self.state, [a])
        if self.state.verdict[i] == "wrong":
            a.rate = before
            self.judge(self.state, [a])

    @property
    def hand_inputs(self) -> set[int]:
        """Values of the forward pass that the hand-written backward pass reads."""
        return {p.index for i in self.hand for p in self.graph.nodes[i].parents if p.index in self.iteration.forward}


def _signature(rate: tuple[Factor, ...]) -> tuple[tuple[Any, ...], ...]:
    return tuple(sorted((f.name, f.site, power) for f, power in rate))


def _broadcasts(a: Any, b: Any) -> bool:
    try:
        return np.broadcast_shapes(shape_of(a), shape_of(b)) == shape_of(b)
    except ValueError:
        return False
