"""What a training leaves: numbers for each epoch, as a table and as curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["History"]

ROWS = 20  # of a table; a longer history is thinned out


class History:
    """Numbers by name, one an epoch; prints as a table.

    Attributes
    ----------
    columns : dict
        Name to list of numbers, all of one length.
    interrupted : bool
        Ctrl-C has ended the training early.

    Examples
    --------
    >>> from tinygrad_np.train import History
    >>> history = History({"loss": [2.5, 1.25], "test accuracy": [0.5, 0.75]})
    >>> print(history)
    epoch     loss  test accuracy
        1      2.5            0.5
        2     1.25           0.75
    >>> history["loss"]
    array([2.5 , 1.25])
    """

    def __init__(self, columns: Mapping[str, Sequence[float]] | None = None) -> None:
        self.columns = {name: [float(x) for x in numbers] for name, numbers in (columns or {}).items()}
        if len({len(numbers) for numbers in self.columns.values()}) > 1:
            raise ValueError("a history has one number an epoch in every column")
        self.interrupted = False

    def append(self, row: Mapping[str, float]) -> None:
        """Add the numbers of one epoch; their names are always the same."""
        if self.columns and row.keys() != self.columns.keys():
            raise ValueError(f"this history has the columns {', '.join(self.columns)}; got {', '.join(row)}")
        for name, x in row.items():
            self.columns.setdefault(name, []).append(float(x))

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), []))

    def __getitem__(self, name: str) -> NDArray[Any]:
        if name not in self.columns:
            raise KeyError(f"no column {name!r}: there are {', '.join(self.columns) or 'none'}")
        return np.array(self.columns[name])

    def __str__(self) -> str:
        n = len(self)
        every = next(k * 10**e for e in range(99) for k in (1, 2, 5) if n <= ROWS * k * 10**e)
        shown = sorted({*range(every, n + 1, every), *([1, n] if n else [])})
        table = [["epoch", *self.columns]]
        table += [[str(i), *(f"{numbers[i - 1]:.5g}" for numbers in self.columns.values())] for i in shown]
        wide = [max(7, *(len(line[i]) for line in table)) for i in range(len(table[0]))]
        wide[0] = 5
        return "\n".join("  ".join(f"{cell:>{w}}" for cell, w in zip(line, wide, strict=True)) for line in table)

    __repr__ = __str__

    def plot(self, to: Any = None, *names: str) -> Any:
        """Draw columns over epochs.

        Parameters
        ----------
        to
            A path to save the picture as, its ending says the format; or Axes of matplotlib to draw all into. Without
            it the new Figure is all there is.
        *names
            Which columns; all if none is named. In a Figure of its own each has a panel.

        Returns
        -------
        Figure or Axes
            What was drawn into.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        KeyError
            If there is no such column.
        """
        curves = {name: self[name] for name in names or self.columns}
        epochs = np.arange(1, len(self) + 1)
        if hasattr(to, "plot"):
            for name, numbers in curves.items():
                to.plot(epochs, numbers, label=name)
            to.set_xlabel("epoch")
            to.legend()
            return to
        try:
            from matplotlib.figure import Figure
        except ImportError:
            raise ImportError('a history is drawn by matplotlib: pip install "tinygrad_np[plot]"') from None
        figure = Figure(figsize=(4 * max(1, len(curves)), 3), layout="constrained")
        for i, (name, numbers) in enumerate(curves.items()):
            axes = figure.add_subplot(1, len(curves), i + 1)
            axes.plot(epochs, numbers)
            axes.set(xlabel="epoch", title=name)
            axes.grid(alpha=0.3)
        if to is not None:
            figure.savefig(to, dpi=150)
        return figure
