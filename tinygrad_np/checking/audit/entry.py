"""What runs an audit: on a function, on one call of it, on a script without functions."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from .analysis import analysed
from .node import Node
from .recording import Recording
from .report import AuditError, AuditReport

__all__ = ["Audited", "audit", "audit_call", "audit_script"]


class Audited(NamedTuple):
    """A call that was audited: the report, and what the function itself returned."""

    report: AuditReport
    result: Any


def audit(
    train: Callable[..., Any], *args: Any, loss: str | None = None, numeric: bool = False, **kwargs: Any
) -> AuditReport:
    """Run a training function written in plain NumPy, and hold every line of its hand-derived backward pass.

    The function runs once, with its own values and side effects, and gives what it always gives. What it computes is
    recorded beside it; the gradients it applies to its parameters, or returns, are compared with the tape's.

    Parameters
    ----------
    train
        A function or method of NumPy code, with its source at hand. Functions of its file that it calls are followed.
    *args, **kwargs
        What it is called with.
    loss
        The variable that holds the loss, or an expression of the function's variables, such as
        ``"np.mean((p - y) ** 2)"``, where the code computes none; by default it is found.
    numeric
        Confirm each finding with derivatives from differences too.

    Raises
    ------
    AuditError
        If it could not be audited: why, in one line. If the function raised, that exception is its ``__cause__``.

    Examples
    --------
    A script that descends on half the sum of squares, with a gradient that is twice too large, audited line by line:

    >>> from tinygrad_np.checking.audit import audit_script
    >>> import numpy as np
    >>> program = '''
    ... for step in range(3):
    ...     error = x @ w - y
    ...     loss = 0.5 * np.sum(error**2)
    ...     dw = 2 * x.T @ error
    ...     w -= 0.01 * dw
    ... '''
    >>> rng = np.random.default_rng(0)
    >>> start = {"np": np, "x": rng.normal(size=(8, 3)), "y": rng.normal(size=8), "w": np.zeros(3)}
    >>> report = audit_script(program, "descent.py", start)
    >>> [(finding.line, finding.kind, finding.explanation) for finding in report.findings]
    [(5, 'factor', 'off by the factor 2')]
    """
    return audit_call(train, args, kwargs, loss=loss, numeric=numeric).report


def audit_call(
    function: Callable[..., Any],
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    *,
    loss: str | None = None,
    numeric: bool = False,
) -> Audited:
    """One call of ``function``, audited; also what it returned.

    Raises
    ------
    AuditError
        As `audit`. ``error.ran`` says whether the function has run to its end, and ``error.result`` is then what it
        returned, so that the program around the call can go on.
    """
    run = Recording(loss)
    run.call(function, tuple(args), dict(kwargs or {}))
    return _reported(run, loss, numeric)


def audit_script(
    source: str, filename: str, namespace: dict[str, Any], *, loss: str | None = None, numeric: bool = False
) -> AuditReport:
    """Run the statements of a script in ``namespace``, as `exec` would, and audit them like the body of a function.

    ``filename`` is what tracebacks and the report name. The statements run once; imports, functions and classes among
    them are defined as ever.
    """
    run = Recording(loss)
    run.script(source, filename, namespace)
    return _reported(run, loss, numeric).report


def _reported(run: Recording, loss: str | None, numeric: bool) -> Audited:
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):  # of what is tried, not of what the program did
            warnings.simplefilter("ignore")
            return Audited(analysed(run, numeric), run.returned)
    except AuditError as error:
        error.ran, error.result = True, run.returned
        raise
    except Exception as failure:  # the program has run; what it returned is not to be lost
        at = _where(run, failure)
        why = f"the audit itself failed, with {type(failure).__name__}: {failure}"
        broken = AuditError(f"{at}cannot be followed: {why}")
        broken.ran, broken.result = True, run.returned
        raise broken from None


def _where(run: Recording, failure: BaseException) -> str:
    """The line of the program that the audit was looking at when it failed."""
    found = f"{run.name} "
    frame = failure.__traceback__
    while frame is not None:
        for value in frame.tb_frame.f_locals.values():
            if isinstance(value, Node) and 0 <= value.site < len(run.rewriter.sites):
                statement = run.rewriter.sites[value.site].statement
                found = f"line {statement.line}: {statement.source:.60} "
        frame = frame.tb_next
    return found
