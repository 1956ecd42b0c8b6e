"""What a long run of checks says meanwhile: nothing in the first second, then which check runs, on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from time import perf_counter
from typing import Any

__all__ = ["shown"]

QUIET = 1.0  # seconds


def shown(steps: Sequence[tuple[str, Any]], title: str) -> Iterator[tuple[str, Any]]:
    """The steps one by one; a bar of them on standard error once they take long."""
    start, bar, task = perf_counter(), None, None
    try:
        for done, step in enumerate(steps):
            if bar is None and perf_counter() - start > QUIET and sys.stderr.isatty():
                with suppress(ImportError):  # a bar is a courtesy
                    from rich.console import Console
                    from rich.progress import Progress

                    bar = Progress(console=Console(stderr=True), transient=True)
                    bar.start()
                    task = bar.add_task(title, total=len(steps))
            if bar is not None and task is not None:
                bar.update(task, completed=done, description=f"{title}: {step[0]}")
            yield step
    finally:
        if bar is not None:
            bar.stop()
