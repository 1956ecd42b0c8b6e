"""What a backend gets and gives.

A backend is a function ``build(program: Program, name: str) -> Kernel``.

It gets a `Program` (program.py): the tape after the passes, in the order it was recorded; the outputs that are results,
in the order they are to be given; which outputs go into which donated input; the constants; which generator argument
each generator on the tape stands for. Ops are already opened into ufuncs and a few ops with a writer (writers.py)
where they can be; what is left is called as it is, ``r.primitive.forward(*inputs, **r.params)``. A backend may rewrite
the tape for itself (numpy_forms.py), put it in another order (schedule.py, ``Program.on``), fuse loops, and has its
results laid out by `Storage` (storage.py), which says for each value where it lies and what each call needs at most.

It gives a `Kernel`. What its ``run`` has to keep to:

- it takes the input arrays in the order of ``program.tape.inputs``, then the generators in the order of their
  arguments, all of the shapes and dtypes recorded (checked before); donated ones are C-contiguous, writable and share
  memory with no other argument, the others may lie in any way and be read-only;
- it gives a tuple, one entry for each of the first ``program.results`` outputs: an ndarray of its own that no later
  call writes to, or the donated array that the output goes to by ``program.overwritten``;
- it writes to nothing else, and keeps no reference to what it was given;
- several threads may be in it at once;
- with ``program.quiet`` it gives no floating-point warnings.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from .program import Program
from .storage import Storage

__all__ = ["Kernel"]


class Kernel(NamedTuple):
    """A program that runs.

    Attributes
    ----------
    run
        Takes the arrays, then the generators; gives the results as a tuple.
    backend : str
    source : str
        What runs, to be read.
    program : Program
        As it runs: rewritten and in its order.
    storage : Storage
        Where its values lie.
    held : callable
        How many bytes it keeps between calls.
    """

    run: Callable[..., tuple[Any, ...]]
    backend: str
    source: str
    program: Program
    storage: Storage
    held: Callable[[], int]
