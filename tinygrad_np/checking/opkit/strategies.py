"""One example gives hundreds: Hypothesis draws arguments like it, of other sizes and from the whole domain.

    @given(arguments(softsign, (3,)))
    def test_softsign(call): ...        call is a tuple of arrays

Hypothesis is optional; it is loaded when something is drawn.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .call import Call
from .counterexample import counterexample
from .forms import Verdicts
from .gradient import judged, where_raised
from .point import point_of
from .report import Check
from .sizes import reshaped
from .subject import Subject, finite, structure_of, subject_of

__all__ = ["arguments", "drawn"]

Array = NDArray[Any]
LARGEST = 4
GRID = 16  # values to the unit, so that what is drawn can be read
EXAMPLES = 200


def arguments(op: Any, *sample_args: Any, **params: Any) -> Any:
    """A Hypothesis strategy of argument tuples for ``op``, like its samples: their ranks, any sizes, the whole domain.

    Axes that have one size in a sample have one size in what is drawn. Arguments that are no floating-point arrays, and
    arrays with a structure (symmetric, rows that add up to 1), stay as they are in the sample.

    Raises
    ------
    ImportError
        Without Hypothesis.
    """
    subject = subject_of(op, sample_args, params, None, False)
    return _calls(subject).map(lambda call: call.filled(call.xs)[0])


def _calls(subject: Subject) -> Any:
    try:
        from hypothesis import strategies as st
    except ImportError:
        raise ImportError('drawing arguments needs Hypothesis: pip install "tinygrad_np[test]"') from None
    return st.sampled_from(subject.calls).flatmap(lambda call: _like(call, subject.domain, st))


def _like(call: Call, domain: tuple[float, float], st: Any) -> Any:
    """Calls like this one."""
    known = sorted({n for x in call.xs for n in x.shape})
    free = [n for n in known if n and not any(structure_of(x) for x in call.xs)]

    def shaped(sizes: dict[int, int]) -> Any:
        other = reshaped(call, [tuple(sizes.get(n, int(n)) for n in x.shape) for x in call.xs], "drawn by Hypothesis")
        like = other if other is not None and finite(other) else call
        return st.tuples(*(_values(x, domain, st) for x in like.xs)).map(lambda xs: like.at(xs, "drawn by Hypothesis"))

    return st.fixed_dictionaries({n: st.integers(1, LARGEST) for n in free}).flatmap(shaped)


def _values(x: Array, domain: tuple[float, float], st: Any) -> Any:
    """Arrays like ``x``: numbers on a grid over the domain, each moved a little, so that no two are equal or 0."""
    low, high = domain
    outside = x.size and x.dtype.kind == "f" and not np.all((x >= low) & (x <= high))
    if structure_of(x) or x.dtype.kind != "f" or outside:
        return st.just(x)
    steps = st.lists(st.integers(0, int((high - low) * GRID) - 1), min_size=x.size, max_size=x.size)
    apart = (np.arange(x.size) + 1) / (GRID * (x.size + 2))
    return steps.map(lambda ks: (low + np.array(ks, float) / GRID + apart).reshape(x.shape).astype(x.dtype))


def drawn(subject: Subject) -> Check:
    """The gradient at hundreds of calls that Hypothesis draws; what is wrong it makes small."""
    if not subject.thorough:
        return Check("drawn", "skip", "with thorough=True")
    if subject.wrong or not any(call.xs for call in subject.calls):
        return Check("drawn", "skip", "the rule is wrong on the samples" if subject.wrong else "nothing to draw")
    try:
        from hypothesis import HealthCheck, Phase, assume, given, settings
    except ImportError:
        return Check("drawn", "skip", 'needs Hypothesis: pip install "tinygrad_np[test]"')
    floor, n = Verdicts("drawn", subject).floor, 0
    found: list[Check] = []

    def ask(call: Call) -> None:
        nonlocal n
        assume(finite(call))
        point = point_of(call, np.random.default_rng(0))
        if point is None:
            return
        n += 1
        try:
            point.gradient()
        except Exception as error:
            text = f"the rule raises {where_raised(error)}\n  in {call.shown}"
            found.append(Check("drawn", "warn", text, "raises"))
            return
        for i in range(len(call.xs)):
            wrong = judged(point, i, floor)
            if wrong is not None and wrong.kind != "kink" and np.isfinite(point.got[i]).all():
                found.append(Check("drawn", "fail", wrong.text, wrong.kind, counterexample(point, i, subject)))
                raise AssertionError

    settled = settings(
        max_examples=EXAMPLES, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink), report_multiple_bugs=False, print_blob=False,
    )  # fmt: skip
    try:
        settled(given(_calls(subject))(ask))()  # type: ignore[no-untyped-call]  # Hypothesis fills the argument in
    except AssertionError:
        return found[-1]  # the smallest
    return found[-1] if found else Check("drawn", "pass", f"right at {n} calls of other sizes and values")
