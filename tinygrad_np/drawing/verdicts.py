"""What a comparison or an audit found, brought to the nodes it is about."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from ..checking.audit.names import claims_of, normalised
from ..checking.audit.report import AuditReport, Line
from ..checking.comparison import Comparison
from .graph import Graph, Node
from .summary import plain_number

__all__ = ["SIGNS", "STATUSES", "Verdict", "report_of", "verdicts_of"]

# By weight, the gravest last: of several verdicts on a node, that one is shown. Colour is never the only sign; the
# signs are such as every common font has.
SIGNS = {
    "exact": "=", "rounding": "≈", "kink": "^", "extra": "+", "missing": "−", "unmatched": "?", "inherited": "↑",
    "shape": "≠", "wrong": "×",
}  # fmt: skip
STATUSES = {
    "exact": "gradient right to the last bit",
    "rounding": "gradient right to rounding",
    "kink": "right, with another choice at a kink",
    "extra": "only the hand has it",
    "missing": "only the tape has it",
    "unmatched": "matches no gradient",
    "inherited": "right, given a wrong input",
    "shape": "gradient of another shape",
    "wrong": "gradient wrong",
}
GRADIENT = re.compile(r"\bd ?[^/]+/ ?d ?(?P<of>[^\s,;:()]+)")  # "d error / d h_relu", as an audit notes a line


STEP = re.compile(r"^step of (?P<of>\S+)$")  # "step of w1"


@dataclass(frozen=True)
class Verdict:
    """What is said of one gradient. ``line``: of the audited source."""

    status: str
    text: str = ""
    max_abs: float | None = None
    line: int | None = None

    @property
    def symbol(self) -> str:
        return SIGNS[self.status]

    def as_dict(self) -> dict[str, Any]:
        """For the JSON of a drawing."""
        return asdict(self) | {"symbol": self.symbol, "max_abs": plain_number(self.max_abs)}


def verdicts_of(graph: Graph, found: Comparison | AuditReport) -> dict[str, Verdict]:
    """A verdict for each node that one is about; what has no node is noted in ``graph.notes``."""
    called = _by_name(graph)
    verdicts: dict[str, Verdict] = {}
    lost: list[str] = []

    def give(name: str, verdict: Verdict) -> None:
        nodes = _named(name, called)
        if not nodes:
            lost.append(name)
        for node in nodes:
            held = verdicts.get(node.key)
            if held is None or list(SIGNS).index(held.status) <= list(SIGNS).index(verdict.status):
                verdicts[node.key] = verdict

    if isinstance(found, Comparison):
        for row in found.rows:
            give(row.name, Verdict(row.verdict, row.hint, row.max_abs))
    elif isinstance(found, AuditReport):
        for line in found.lines:
            name = _about(line, found, called)
            if name is not None and line.status in ("ok", *SIGNS):
                give(name, _of_line(line.status, line.number, found))
    else:
        raise TypeError(f"compare= takes a Comparison or an AuditReport; got {type(found).__name__}")
    if lost:
        names = ", ".join(dict.fromkeys(lost))
        graph.notes.append(f"no node is called {names}: name the Tensors, or pass names={{...}}")
    return verdicts


def _of_line(status: str, number: int, report: AuditReport) -> Verdict:
    finding = next((f for f in report.findings if f.line == number), None)
    text = "" if finding is None else f"{finding.kind}: {finding.explanation}"
    return Verdict("exact" if status == "ok" else status, text, finding.max_abs_error if finding else None, number)


def _about(line: Line, report: AuditReport, called: dict[str, list[Node]]) -> str | None:
    """The value whose gradient a line computes or steps along; of a finding, by the name of what it assigns."""
    match = GRADIENT.search(line.note) or STEP.search(line.note)
    if match:
        return match["of"]
    for finding in report.findings:
        if finding.line == line.number:
            claims = claims_of(finding.target)
            return next((n for n in called if n == finding.target or normalised(n) in claims), None)
    return None


def _by_name(graph: Graph) -> dict[str, list[Node]]:
    called: dict[str, list[Node]] = {}
    for node in graph.nodes.values():
        if node.name:
            called.setdefault(node.name, []).append(node)
    return called


def _named(name: str, called: dict[str, list[Node]]) -> list[Node]:
    """The node a gradient belongs to: the last that bears the name, or the end of a dotted one."""
    for wanted in (name, re.split(r"[./]", name)[-1]):
        nodes = called.get(wanted)
        if nodes:
            leaves = [n for n in nodes if n.kind == "parameter"]
            return leaves or nodes[-1:]
    return []


def report_of(graph: Graph, found: Comparison | AuditReport) -> dict[str, Any]:
    """The report for the JSON of a drawing: each line or row with the nodes it is about."""
    called = _by_name(graph)
    if isinstance(found, Comparison):
        rows = [
            {
                "name": r.name,
                "verdict": r.verdict,
                "max_abs": plain_number(r.max_abs),
                "max_rel": plain_number(r.max_rel),
                "hint": r.hint,
                "nodes": _keys(_named(r.name, called)),
            }
            for r in found.rows
        ]
        return {"summary": found.summary, "notes": list(found.notes), "rows": rows}
    on_line: dict[int, list[Node]] = {}
    file = os.path.abspath(found.file)
    for node in graph.nodes.values():
        r = node.record
        if node.is_op and r.filename is not None and r.line is not None and os.path.abspath(r.filename) == file:
            on_line.setdefault(r.line, []).append(node)
    lines = []
    for line in found.lines:
        name = _about(line, found, called)
        nodes = _named(name, called) if name is not None else on_line.get(line.number, [])
        if not nodes and line.status == "forward":  # the drawn graph came from another file: by what the line assigns
            target = re.match(r"\s*(\w+)\s*(?::[^=]+)?=(?!=)", line.text)
            nodes = _named(target[1], called) if target else []
        lines.append(asdict(line) | {"nodes": _keys(nodes)})
    findings = [{k: plain_number(v) for k, v in asdict(f).items()} for f in found.findings]
    return {
        "function": found.function, "file": os.path.basename(found.file), "loss": found.loss, "summary": found.summary,
        "findings": findings, "notes": list(found.notes), "lines": lines,
    }  # fmt: skip


def _keys(nodes: Iterable[Node]) -> list[str]:
    return [node.key for node in nodes]
