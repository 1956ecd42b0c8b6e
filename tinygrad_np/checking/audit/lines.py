"""The status of each line of the audited source."""

from __future__ import annotations

import ast

from .program import is_array
from .recording import Recording
from .replay import same
from .report import Line
from .scope import Block
from .verdict import Verdict

__all__ = ["annotated"]


def annotated(run: Recording, verdict: Verdict) -> tuple[Line, ...]:
    """The lines of the audited function and of those it called, with what is known of them."""
    text = run.recorder.follower.source(run.file).splitlines()
    numbers = _lines(run)
    found = {f.line: "wrong" for f in verdict.findings}
    status: dict[int, tuple[str, str]] = {}
    hand = verdict.hand
    evidence = hand.evidence
    for i in sorted(evidence.iteration.forward & evidence.iteration.inside):
        s = hand.statement(hand.graph.nodes[i])
        if s is not None and s.file == run.file:
            status[s.line] = ("forward", "")
    changed = set(verdict.first.wrong)
    wrong_above: set[int] = set()
    for a in evidence.applied:
        if a.node.index in changed:
            wrong_above |= hand.ancestors(a)
    for block in hand.blocks(evidence.hand):
        s = block.statement
        if s.file == run.file:
            status[s.line] = _of_block(block, verdict)
    for a in evidence.applied:
        for step in a.parameter.steps or ([a.parameter.claim] if a.parameter.claim is not None else []):
            s = hand.statement(step)
            if s is not None and s.file == run.file:
                status[s.line] = _of_step(verdict, a.node.index, a.name, status.get(s.line))
    for line, word in found.items():
        status[line] = (word, next(f.kind for f in verdict.findings if f.line == line))
    return tuple(Line(n, text[n - 1] if n <= len(text) else "", *status.get(n, ("", ""))) for n in numbers)


def _of_block(block: Block, verdict: Verdict) -> tuple[str, str]:
    hand = verdict.hand
    claim = hand.claim(block, verdict.first)
    loss = hand.iteration.loss.name or "loss"
    note = _note(block, verdict, loss)
    if claim == "right":
        return "ok", note
    after = hand.claim(block, verdict.state)
    if verdict.findings and after == "right":
        return "inherited", note
    return "unmatched", ""


def _note(block: Block, verdict: Verdict, loss: str) -> str:
    for state in (verdict.first, verdict.state):
        for n in block.values:
            value = state.get(n)
            for f in verdict.hand.iteration.path:
                g = state.truth.gradients.get(f.index)
                if f.name and g is not None and is_array(n) and same(value, g):
                    return f"d {loss} / d {f.name}"
    return ""


def _of_step(verdict: Verdict, i: int, name: str, before: tuple[str, str] | None) -> tuple[str, str]:
    word = verdict.first.verdict[i]
    note = f"step of {name}" if not before or not before[1] else before[1]
    if word == "wrong":
        return ("inherited" if verdict.state.verdict.get(i) != "wrong" or i in verdict.settled else "wrong"), note
    return {"exact": "ok", "right": "rounding", "kink": "kink"}.get(word, "ok"), note


def _lines(run: Recording) -> list[int]:
    """The numbers of the lines of the audited source, helper functions included."""
    spans: set[int] = set()
    functions = {s.function.split(".<lambda>")[0] for s in run.rewriter.statements if s.file == run.file}
    if isinstance(run.tree, ast.Module):
        return list(range(1, len(run.recorder.follower.source(run.file).splitlines()) + 1))
    tree = run.recorder.follower.tree(run.file)
    if isinstance(run.tree, ast.AST) and hasattr(run.tree, "lineno"):
        spans.update(_span(run.tree))
    starts = {s.tree.lineno for s in run.rewriter.statements if s.file == run.file}
    for n in ast.walk(tree) if tree is not None else ():
        if isinstance(n, ast.FunctionDef) and any(s in starts for s in _span(n)) and functions:
            spans.update(_span(n))
    return sorted(spans)


def _span(n: ast.AST) -> range:
    first = min([n.lineno, *(d.lineno for d in getattr(n, "decorator_list", ()))])  # type: ignore[attr-defined]
    return range(first, (n.end_lineno or first) + 1)  # type: ignore[attr-defined]
