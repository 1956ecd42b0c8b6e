"""Passes: functions from a Tape to a Tape that computes the same with less.

Each is small and stands alone; none changes a record of the tape it is given.

    without_dead(tape)       what no output needs
    without_repeats(tape)    the same op on the same inputs, twice
    folded(tape)             what hangs on constants only
    simplified(tape)         x * 1, x + 0, transposes of transposes, reshapes of reshapes, ...
    optimised(tape)          all of these, until nothing changes
    short_masks(tape)        masks as people write them, on a tape that is to be read
"""

from __future__ import annotations

from ..core.tape import Tape
from .dead import without_dead
from .folding import folded
from .masks import short_masks
from .repeats import without_repeats
from .simplify import simplified

__all__ = ["folded", "optimised", "short_masks", "simplified", "without_dead", "without_repeats"]


def optimised(tape: Tape) -> Tape:
    """The tape after all passes, as often as they find something."""
    while True:
        before = len(tape)
        tape = without_dead(without_repeats(simplified(folded(tape))))
        if len(tape) == before:
            return tape
