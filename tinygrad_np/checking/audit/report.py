"""What an audit found: a verdict on each line of the audited code, and the root causes."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["AuditError", "AuditReport", "Finding", "Line"]

Index = tuple[int, ...]

STATUSES = ("ok", "rounding", "kink", "wrong", "inherited", "unmatched", "forward")


class AuditError(Exception):
    """The audit could not be made: one line that says why and what to do."""


@dataclass(frozen=True)
class Finding:
    """One root cause.

    Attributes
    ----------
    line : int
        Of the statement to change, in its file.
    statement : str
        Its source.
    target : str
        The variable it assigns, or the parameter it updates.
    kind : str
        The class of the mistake, such as ``factor`` or ``transpose``.
    explanation : str
        What is wrong; verified to rounding, unless the kind is ``unknown``.
    suggestion : str
        The statement that would be right, in the names of the code; may be empty.
    max_abs_error : float or None
        Largest distance of the hand-written gradient from the tape's; None where there is nothing to subtract.
    worst_index : tuple of int, or None
        Where that is.
    alternatives : tuple of str
        Other repairs that the numbers allow as well.
    """

    line: int
    statement: str
    target: str
    kind: str
    explanation: str
    suggestion: str = ""
    max_abs_error: float | None = None
    worst_index: Index | None = None
    alternatives: tuple[str, ...] = ()


@dataclass(frozen=True)
class Line:
    """One line of the audited source.

    Attributes
    ----------
    number : int
        In its file.
    text : str
    status : str
        ``ok``, ``rounding``, ``kink``: a gradient that is right, to the last bit, to rounding, or but for the choice
        at a kink. ``wrong``: a root cause. ``inherited``: right, given a wrong input. ``unmatched``: depends on
        gradients, and matches none. ``forward``: leads to the loss. Empty: none of these.
    note : str
        What it computes, such as ``d error / d h_relu``; may be empty.
    """

    number: int
    text: str
    status: str = ""
    note: str = ""


@dataclass(frozen=True, repr=False)
class AuditReport:
    """What `audit` found.

    Attributes
    ----------
    function : str
        What was audited, as ``train`` or ``Net.step``.
    file : str
    loss : str
        The name of the scalar that all gradients are of.
    lines : tuple of Line
        The audited source, helper functions included, in the order of their lines.
    findings : tuple of Finding
        One for each root cause.
    notes : tuple of str
        What this input could not have shown, and what else there is to know.
    """

    function: str
    file: str
    loss: str
    lines: tuple[Line, ...]
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether there is no finding."""
        return not self.findings
