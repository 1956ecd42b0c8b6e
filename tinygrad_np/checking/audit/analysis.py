"""From a recorded run to its report."""

from __future__ import annotations

import ast

from .arbiter import arbitrated
from .evidence import Evidence
from .lines import annotated
from .power import blind_spots
from .program import Program
from .recording import EXPRESSION, Recording
from .report import AuditError, AuditReport
from .select import choose, later
from .verdict import Verdict

__all__ = ["analysed"]


def analysed(run: Recording, numeric: bool = False) -> AuditReport:
    """The report on a run.

    Raises
    ------
    AuditError
        If there is nothing to audit in it.
    """
    program = run.program()
    try:
        first = choose(program, program.graph, run.loss)
    except AuditError as error:
        raise AuditError(_in_their_words(run, str(error))) from None
    verdict = _verdict(run, program, first)
    confirmed = arbitrated(verdict) if numeric else []
    file = run.file
    loss = first.iteration.loss
    name = loss.name if loss.name and loss.name != EXPRESSION else _text(run, loss)
    return AuditReport(
        run.name, file, name, annotated(run, verdict), tuple(verdict.findings), (*blind_spots(first), *confirmed)
    )


def _verdict(run: Recording, program: Program, first: Evidence) -> Verdict:
    """Of the turn of the loop in which most is wrong; of the first, if nothing is."""
    parts = run.rewriter.sites, run.recorder.loop_sites, run.recorder.shadow.items
    turns = [first, *later(program, program.graph, first)]
    most = max(turns, key=lambda e: len(e.state.wrong))  # zeros at the start, or kinks, may hide some in the first
    verdict = Verdict(most, *parts)
    if most.state.wrong:
        verdict.find()
    return verdict


def _in_their_words(run: Recording, text: str) -> str:
    if repr(EXPRESSION) in text:
        text = text.replace(repr(EXPRESSION), repr(run.asked))
        text = text.replace("no scalar called", "nowhere are all variables set of")
        text = text.replace(" was computed;", ";")
    return f"{text}; the script ended with status {run.status}" if run.status else text


def _text(run: Recording, n: object) -> str:
    site = getattr(n, "site", -1)
    tree = run.rewriter.sites[site].tree if site >= 0 else None
    return ast.unparse(tree) if isinstance(tree, ast.expr) else "loss"
