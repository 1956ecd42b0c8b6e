"""`check_op`: is this op right, and would its samples have shown it if it were not?"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from . import cost, forms, forward, gradient, layouts, mutation, notation, orders, special, strategies, ties, traced
from .gradient import where_raised
from .progress import shown
from .report import Check, OpReport
from .subject import Subject, subject_of

__all__ = ["CHECKS", "check_op"]

CHECKS: tuple[tuple[str, Callable[[Subject], Check]], ...] = (
    ("forward", forward.runs),
    ("inputs", forward.inputs_left_alone),
    ("rules", gradient.rule),
    ("determinism", forward.deterministic),
    ("reference", forward.values),
    ("alias", forward.own_outputs),
    ("linear", forward.linear_in_g),
    ("traced", traced.exact),
    ("numeric", gradient.numeric),
    ("jvp", orders.tangent),
    ("second", orders.second_order),
    ("broadcasting", forms.broadcasting),
    ("shapes", forms.sizes),
    ("axes", forms.axes),
    ("layouts", layouts.layouts),
    ("dtypes", forms.dtypes),
    ("kinks", special.curve),
    ("ties", ties.ties),
    ("special", special.special_values),
    ("drawn", strategies.drawn),
    ("threads", forward.threads),
    ("saved", cost.memory),
    ("time", cost.speed),
    ("notation", notation.notation),
    ("mutation", mutation.score),
)

# After these nothing that is found can be believed.
STOPS = {"random": "the op differs from call to call", "in-place": "the op or its rule writes into what it is given"}
ALWAYS = ("forward", "inputs", "alias", "time")
OF_DERIVATIVES = (
    "traced", "numeric", "jvp", "second", "broadcasting", "shapes", "kinks", "ties", "special", "drawn", "notation",
    "mutation",
)  # fmt: skip


def check_op(
    op: Any,
    *sample_args: Any,
    reference: Callable[..., Any] | None = None,
    thorough: bool = False,
    **params: Any,
) -> OpReport:
    """Say whether an op and its gradient rules are right, and whether its samples would have shown it if they were not.

    Parameters
    ----------
    op
        An op made by `primitive` or `elementwise`, or any function of ops.
    *sample_args
        Arguments of one call: arrays, or tuples of sizes that stand for random ones. Without any, the op's own
        ``samples`` are taken, drawn from its ``domain``.
    reference
        A function that gives the right values.
    thorough
        Many more random values, float16, threads and overlapping memory.
    **params
        Keyword parameters of the call.

    Returns
    -------
    OpReport
        Its checks fail where the op is wrong at finite inputs with a finite value, on ranks and dtypes that the
        samples show; what is found beyond them is a warning.

    Raises
    ------
    ValueError
        If there is nothing to try the op on.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_np import check_op, elementwise
    >>> log_square = elementwise(lambda x: np.log(1 + x * x), lambda _y, x: x / (1 + x * x), name="log_square")
    >>> report = check_op(log_square, np.array([0.5, -1.5]))
    >>> report.ok
    False
    >>> print(report["traced"].detail.splitlines()[0])
    x: off by the factor 1/2
    """
    subject = subject_of(op, sample_args, params, reference, thorough)
    return OpReport(subject.name, list(examine(subject)))


def examine(subject: Subject) -> Iterator[Check]:
    """The checks, one after the other."""
    stop = ""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, check in shown(CHECKS, f"checking {subject.name}"):
            if stop and name not in ALWAYS:
                yield Check(name, "skip", stop)
                continue
            if subject.ruleless and name in OF_DERIVATIVES:
                yield Check(name, "skip", "the op has no rule, and is differentiated by evaluation: for exploring")
                continue
            try:
                found = check(subject)
                if found.status == "fail" and subject.deviates and name in OF_DERIVATIVES:
                    found = Check(name, "skip", f"differs, as declared: {subject.deviates}")
                stop = stop or STOPS.get(found.kind, "")
                yield found
            except Exception as error:
                yield Check(name, "skip", f"could not be asked: {where_raised(error)}")
