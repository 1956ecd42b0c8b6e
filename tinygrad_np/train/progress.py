"""How far a training is, on a terminal; and Ctrl-C as a wish, granted at the end of an epoch."""

from __future__ import annotations

import signal
import sys
import threading
import time
from types import TracebackType
from typing import Any

__all__ = ["Interrupt", "Progress", "say"]


def say(text: str) -> None:
    """A line for whoever watches; stdout is for results."""
    print(text, file=sys.stderr, flush=True)


class Progress:
    """A bar over the steps of a training, with loss and speed, where stderr is a terminal; nothing elsewhere."""

    def __init__(self, epochs: int, steps: int, show: bool) -> None:
        self._epochs, self._done, self._start = epochs, 0, time.perf_counter()
        self._bar: Any = None
        if not show or not sys.stderr.isatty():
            return
        try:
            from rich.console import Console
            from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
            from rich.progress import Progress as Bar
        except ImportError:
            say("no progress bar, which takes rich: pip install rich")
            return
        columns = BarColumn(), TextColumn("{task.description}"), TimeRemainingColumn()
        self._bar = Bar(*columns, console=Console(stderr=True), transient=True)
        self._task = self._bar.add_task("", total=steps)

    def step(self, epoch: int, loss: float) -> None:
        if self._bar is not None:
            self._done += 1
            speed = self._done / (time.perf_counter() - self._start)
            said = f"epoch {epoch}/{self._epochs}  loss {loss:.4g}  {speed:,.0f} steps/s"
            self._bar.update(self._task, advance=1, description=said)

    def __enter__(self) -> Progress:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()


class Interrupt:
    """While it is entered, the first Ctrl-C sets ``asked``, and the second interrupts as ever.

    A program that handles SIGINT in a way of its own keeps it, and so do threads other than the main one, which never
    see a signal.
    """

    def __init__(self) -> None:
        self.asked = False
        self._mine = False

    def __enter__(self) -> Interrupt:
        main = threading.current_thread() is threading.main_thread()
        self._mine = main and signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if self._mine:
            signal.signal(signal.SIGINT, self._ask)
        return self

    def _ask(self, *_: object) -> None:  # between two bytecodes: it must not print, nor take long
        self.asked = True
        signal.signal(signal.SIGINT, signal.default_int_handler)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._mine:
            signal.signal(signal.SIGINT, signal.default_int_handler)
