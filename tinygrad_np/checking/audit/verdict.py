"""From evidence to findings: one root cause after another, each verified by a replay, until nothing is wrong."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from .edits import Edit, Trial
from .evidence import Applied, Evidence
from .gates import accumulated, decayed_twice, forward_edits, loop_cut_short, stepped_wrongly, wrong_parameters
from .injections import injections
from .local import local_edits
from .numbers import scalings, where_it_lives
from .operands import completed, undifferentiated
from .overwritten import overwritten
from .parts import centred, derivatives, factors_missing, parts_scaled, penalties, sums
from .replay import CannotError, same
from .report import Finding
from .rewrite import Site
from .scope import Block, Hand, target_of
from .swaps import operand_swaps
from .update import op_of

__all__ = ["Verdict"]

SECONDS = 2.0  # for one root cause, of work as it is counted: the same on every machine
NODE, TRY = 10e-6, 20  # seconds a node that is computed again; and what a trial costs beside them, in nodes
ROUNDS = 8
GOOD = 24  # an edit of this rank or below is no guess


class Verdict:
    """The findings of one iteration."""

    def __init__(self, evidence: Evidence, sites: list[Site], loop_sites: dict[int, int], items: Any) -> None:
        self.evidence, self.hand = evidence, Hand(evidence, sites, loop_sites, items)
        self.accepted: dict[int, Any] = {}
        self.through: tuple[Any, ...] = ()
        self.state = evidence.state
        self.settled: set[int] = set()  # parameters whose update is explained
        self.findings: list[Finding] = []
        self.edits: list[Edit] = []
        self.first = evidence.state

    def find(self) -> list[Finding]:
        for _ in range(ROUNDS):
            wrong = [a for a in self.evidence.applied if self._is_wrong(a)]
            if not wrong:
                break
            edit = self._cause(wrong)
            if edit is None:
                edit = self._unexplained(wrong)
            self._accept(edit)
        return self.findings

    def _is_wrong(self, a: Applied) -> bool:
        return self.state.verdict[a.node.index] == "wrong" and a.node.index not in self.settled

    # One root cause

    def _cause(self, wrong: list[Applied]) -> Edit | None:
        for a in wrong:
            edit = accumulated(self.hand, a)
            if edit is not None:
                self.settled |= {b.node.index for b in wrong if b.carried and self._same_creation(a, b)}
                return edit
        for edit in wrong_parameters(self.hand, self.state):
            return edit
        for a in wrong:
            edit = decayed_twice(self.hand, a, self.state) or stepped_wrongly(self.hand, a, self.state)
            if edit is not None:
                return edit
        edit = loop_cut_short(self.hand, wrong, self.state)
        if edit is not None:
            return edit
        best = self._best(self._tried(forward_edits(self.hand, self.state), self._clock() + SECONDS / 2))
        if best is not None and (best.left == 0 or best.repaired > 1 or self._rest_is_misplaced(best)):
            return best.edit
        end = self._clock() + 2 * SECONDS
        for group in self._groups(wrong):
            found = self._search(group)
            if found is not None:
                return found.edit
            if self._clock() > end:
                break
        return best.edit if best is not None else None

    def _rest_is_misplaced(self, trial: Trial) -> bool:
        """Whether all that stays wrong is a gradient applied to the wrong parameter."""
        misplaced = {e.drop[0][0].node.index for e in wrong_parameters(self.hand, trial.state)}
        return set(trial.state.wrong) - self.settled <= misplaced

    def _same_creation(self, a: Applied, b: Applied) -> bool:
        x, y = accumulated(self.hand, a), accumulated(self.hand, b)
        return x is not None and y is not None and x.statement is y.statement

    def _groups(self, wrong: list[Applied]) -> Iterator[list[Applied]]:
        """All of the wrong gradients first, as if they had one cause; then one by one."""
        yield wrong
        if len(wrong) > 1:
            for a in sorted(wrong, key=lambda a: len(self.hand.ancestors(a))):
                yield [a]

    def _search(self, group: list[Applied]) -> Trial | None:
        right = [
            a for a in self.evidence.applied if not self._is_wrong(a) and self.state.verdict[a.node.index] != "wrong"
        ]
        blocks = self.hand.suspects(group, right)
        deadline = self._clock() + SECONDS
        factors = self._factors(group)
        found: list[tuple[float, Trial]] = []
        step = 10 if blocks and blocks[0].claim == "wrong" else 3  # a name that says what it should be is believed
        for position, block in enumerate(blocks):
            share = self._clock() + max(0.3, SECONDS / len(blocks))
            for trial in self._tried(self._hypotheses(block, factors), min(share, deadline)):
                penalty = (
                    step * position + (25 if block.claim == "right" else 0) + (20 if self._is_kept_only(block) else 0)
                )
                if position and self._is_helper(block):
                    penalty = 0
                found.append((1000 * trial.left + trial.edit.rank + penalty, trial))
            done = [
                score
                for score, trial in found
                if trial.left == 0 and trial.edit.rank <= GOOD and score <= step * position + GOOD
            ]
            if done or self._clock() > deadline:
                break
        if not found:
            return None
        found.sort(key=lambda pair: pair[0])
        if found[0][1].edit.kind == "unknown":
            self._name(found, blocks)
        best = found[0][1]
        others = [t.edit for s, t in found[1:] if s < found[0][0] + 12 and t.edit.suggestion != best.edit.suggestion]
        best.edit.also = tuple(
            dict.fromkeys(e.suggestion for e in others if e.suggestion and e.suggestion != best.edit.suggestion)
        )[:3]
        return best

    def _name(self, found: list[tuple[float, Trial]], blocks: list[Block]) -> None:
        """What the best repair, which nothing explains so far, could be by a wider choice of hypotheses."""
        score, best = found[0]
        block = next(b for b in blocks if b.statement is best.edit.statement)
        wider = self._tried(_survivors(completed(self.hand, block)), self._clock() + SECONDS / 2)
        named = self._best(t for t in wider if t.left <= best.left)
        if named is not None:
            found.insert(0, (score, named))

    def _is_helper(self, block: Block) -> bool:
        """Whether the statement stands in a function that only the backward pass calls."""
        if block.nodes[0].call is None or block.nodes[0].index < self.evidence.iteration.loss.index:
            return False
        name = block.statement.function
        mine, sites = {n.index for n in block.nodes}, {n.site for n in block.nodes}
        if any(n.site in sites and i not in mine for i in self.evidence.hand for n in (self.evidence.graph.nodes[i],)):
            return False  # it is right for somebody else
        return not any(
            (s := self.hand.statement(n)) is not None and s.function == name for n in self.evidence.iteration.path
        ) and any(
            (s := self.hand.statement(t)) is not None and s.function != name
            for a in self.evidence.applied
            for t in a.parameter.steps
        )

    def _is_kept_only(self, block: Block) -> bool:
        """Whether the statement keeps a value of the forward pass for later, and computes nothing."""
        first = self.evidence.iteration.loss.index
        return all(
            n.index < first and op_of(n) in ("alias", "make_tuple") for n in block.nodes if n.function is not None
        )

    def _hypotheses(self, block: Block, factors: list[float]) -> Iterator[Edit]:
        for edits in (
            scalings(self.hand, block, self.state, factors),
            penalties(self.hand, block, self.state),
            local_edits(self.hand, block),
            overwritten(self.hand, block),
            operand_swaps(self.hand, block),
            derivatives(self.hand, block, self.state),
            undifferentiated(self.hand, block, self.state),
            centred(self.hand, block),
            injections(self.hand, block, self.state),
            sums(self.hand, block),
            factors_missing(self.hand, block),
            parts_scaled(self.hand, block),
        ):
            yield from _survivors(edits)

    def _factors(self, group: list[Applied]) -> list[float]:
        """What the wrong gradients would have to be multiplied by, where that is one number."""
        found: list[float] = []
        for a in group:
            G, T = self.state.given[a.node.index], self.state.wanted[a.node.index]
            if np.shape(G) != np.shape(T) or not np.any(G):
                continue
            c = float(np.vdot(G, T) / np.vdot(G, G))
            if c and same(c * G, T) and not any(abs(c - d) < 1e-6 * abs(d) for d in found):
                found.append(c)
        return found

    def _tried(self, edits: Iterable[Edit], deadline: float) -> Iterator[Trial]:
        for edit in _survivors(edits):
            trial = self._try(edit)
            if trial is not None:
                yield trial
            if self._clock() > deadline:
                return

    def _clock(self) -> float:
        return self.evidence.graph.work * NODE

    def _try(self, edit: Edit) -> Trial | None:
        self.evidence.graph.work += TRY
        if not edit.overrides:
            return None
        forward = any(i in self.evidence.iteration.forward for i in edit.overrides)
        try:
            truth = None if forward else self.state.truth
            through = (*self.through, *edit.through)
            state = self.evidence.under({**self.accepted, **edit.overrides}, None, truth, through)
        except Exception:  # changed values that do not fit together: no repair
            return None
        was = {i for i in self.state.wrong if i not in self.settled}
        now = {i for i in state.wrong if i not in self.settled}
        if not now < was:
            return None
        if edit.explain is not None:
            edit.kind, edit.why = edit.explain(state)
            edit.rank = 60 if edit.kind == "unknown" else 33 if "counted twice" in edit.why else 28
        return Trial(edit, state, len(was) - len(now), len(now))

    @staticmethod
    def _best(trials: Iterable[Trial]) -> Trial | None:
        return min(trials, key=lambda t: (t.left, t.edit.rank), default=None)

    # Findings

    def _accept(self, edit: Edit) -> None:
        for a, t, _i in edit.drop:
            if t is None:
                self.settled.add(a.node.index)
            else:
                self.settled |= {i for i in (_i,) if any(b.node.index == i for b in self.evidence.applied)}
                a.data.remove(t)
                if not a.data and not any(True for _ in wrong_parameters(self.hand, self.state)):
                    self.settled.add(a.node.index)  # nothing is left of its update that could be told
        self.findings.append(self._finding(edit))
        self.edits.append(edit)
        if edit.overrides:
            self.accepted.update(edit.overrides)
            self.through = (*self.through, *edit.through)
        try:
            self.state = self.evidence.under(self.accepted, through=self.through) if self.accepted else self.state
        except CannotError:
            return
        self.evidence.judge(self.state)

    def _finding(self, edit: Edit) -> Finding:
        error, worst = self._error(edit)
        return Finding(
            edit.statement.line,
            edit.statement.source,
            edit.target or target_of(edit.statement.tree),
            edit.kind,
            edit.why,
            edit.suggestion,
            error,
            worst,
            edit.also,
        )

    def _error(self, edit: Edit) -> tuple[float | None, tuple[int, ...] | None]:
        """How far off the gradients are that the statement leads to: of the first that can be subtracted."""
        below = self.evidence.graph.descendants(edit.overrides) if edit.overrides else None
        for a in self.evidence.applied:
            i = a.node.index
            if self.state.verdict[i] != "wrong" or (below is not None and not any(t.index in below for t in a.targets)):
                continue
            G, T = np.asarray(self.state.given[i]), np.asarray(self.state.wanted[i])
            if G.shape != T.shape or not G.size:
                continue
            gap = np.abs(G - T)
            at = np.unravel_index(int(np.argmax(gap)), gap.shape)
            return float(gap[at]), tuple(int(k) for k in at)
        return None, None

    def _unexplained(self, wrong: list[Applied]) -> Edit:
        """The likeliest statement, and where the error lives."""
        right = [a for a in self.evidence.applied if not self._is_wrong(a)]
        a = min(wrong, key=lambda a: len(self.hand.ancestors(a)))
        blocks = self.hand.suspects(wrong, right) or self.hand.suspects([a], right) or self.hand.suspects([a], [])
        i = a.node.index
        G, T = self.state.given[i], self.state.wanted[i]
        self.settled |= {b.node.index for b in wrong} if self.hand.suspects(wrong, right) else {i}
        why = (
            f"the gradient applied to {a.name} is {where_it_lives(G, T)}; no single change of this program explains it"
        )
        statement = blocks[0].statement if blocks else None
        if statement is None:
            step = a.parameter.steps[-1] if a.parameter.steps else a.parameter.claim
            statement = self.hand.statement(step) if step is not None else None
        if statement is None:
            statement = next(b.statement for b in self.hand.blocks(self.evidence.hand))
        return Edit("unknown", statement, why, {}, "", 99)


def _survivors(edits: Iterable[Edit]) -> Iterator[Edit]:
    """The edits, up to one that cannot be thought out for values of this kind."""
    try:
        yield from edits
    except Exception:  # a hypothesis that makes no sense here is no reason to end the audit
        return
