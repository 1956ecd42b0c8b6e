"""Losses, comparisons and audits as pictures, by matplotlib."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checking.audit.report import AuditReport
from ..checking.audit.text import columns, rows
from ..checking.compare import named
from ..checking.comparison import Comparison, Row
from ..core.tensor import Tensor
from .dot import STATUS_LOOKS
from .labels import short

__all__ = ["plot"]

MOST_CELLS = 256  # rows and columns of a heat map; of more, each cell shows the largest of a block
LEAST = 1e-17  # where the axis of relative errors begins
DECADE = 10  # a curve that spans as much is drawn on a log scale
STYLES = {
    "bold green": "#1a7f37", "green": "#1a7f37", "bold red": "#c4182b", "red": "#c4182b", "yellow": "#8a5300",
    "magenta": "#7b3fb5", "dim": "#59636e", "dim cyan": "#59636e",
}  # fmt: skip


def plot(
    x: Any, to: Any = None, *, log: bool | None = None, manual: Mapping[str, Any] | None = None, auto: Any = None
) -> Any:
    """Draw losses over steps, a comparison, or an audit.

    Parameters
    ----------
    x
        A history of a training, numbers by name, or a sequence of numbers: curves. A `Comparison`: how far each
        gradient is off; with ``manual`` and ``auto`` a heat map of each error. An `AuditReport`: its listing.
    to
        A path to save the picture as; its suffix says the format.
    log
        Curves on a log scale; None: if all numbers are positive and span a factor of ten.
    manual, auto
        The gradients that were compared, as `compare` took them.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    TypeError
        If ``x`` is something else, or has nothing to show.

    Examples
    --------
    >>> from tinygrad_np import plot
    >>> figure = plot([100.0, 10.0, 1.0])  # doctest: +SKIP
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise ImportError('plot() draws with matplotlib: pip install "tinygrad_np[plot]"') from None
    if isinstance(x, Comparison):
        figure = _errors(Figure, x, manual, auto) if manual is not None and auto is not None else _bars(Figure, x)
    elif isinstance(x, AuditReport):
        figure = _listing(Figure, x)
    else:
        figure = _curves(Figure, x, log)
    if to is not None:
        figure.savefig(to, dpi=150)
    return figure


# Curves


def _curves(new: Any, x: Any, log: bool | None) -> Any:
    own = getattr(x, "columns", None)  # of a history each column has its own unit, and so its own panel
    named = dict(own) if isinstance(own, Mapping) else dict(x) if isinstance(x, Mapping) else {"loss": x}
    curves = {name: _numbers(name, values) for name, values in named.items()}
    if not any(c.size for c in curves.values()):
        raise TypeError(
            "plot() takes a history, numbers by name, a sequence of numbers, a Comparison or an AuditReport"
        )
    panels = [[name] for name in curves] if isinstance(own, Mapping) else [list(curves)]
    figure = new(figsize=(5.5 if len(panels) == 1 else 4.2 * len(panels), 3.4), layout="constrained")
    for i, names in enumerate(panels):
        axes = figure.add_subplot(1, len(panels), i + 1)
        for name in names:
            _curve(axes, name, curves[name])
        finite = np.concatenate([curves[name][np.isfinite(curves[name])] for name in names])
        spans = finite.size > 0 and finite.min() > 0 and finite.max() >= DECADE * finite.min()
        if spans if log is None else log:
            axes.set_yscale("log", nonpositive="mask")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.set_xlabel("epoch" if isinstance(own, Mapping) else "step")
        axes.grid(alpha=0.3, which="both", linewidth=0.5)
        axes.spines[["top", "right"]].set_visible(False)
        if len(names) > 1:
            axes.legend(frameon=False)
        else:
            axes.set_title(short(names[0]), parse_math=False)
    return figure


def _curve(axes: Any, name: str, numbers: NDArray[Any]) -> None:
    steps = np.arange(1, numbers.size + 1)
    (line,) = axes.plot(steps, numbers, label=short(name).lstrip("_"), marker="." if numbers.size < 30 else "")
    bad = ~np.isfinite(numbers)
    if bad.any():  # a curve that just ends would look like a run that just ended
        first = int(steps[bad][0])
        axes.axvline(first, color=line.get_color(), linestyle=":", linewidth=1)
        axes.text(first, 0.97, " not finite", transform=axes.get_xaxis_transform(), va="top", fontsize=8)


def _numbers(name: str, values: Any) -> NDArray[Any]:
    try:
        numbers = np.asarray([float(v) for v in values])
    except (TypeError, ValueError):
        raise TypeError(f"plot(): {name!r} is no sequence of numbers, but {type(values).__name__}") from None
    return numbers


# Comparisons


def _title(row: Row) -> str:
    sign, *_ = STATUS_LOOKS[row.verdict]
    return f"{short(row.name, 24)}  {sign} {row.verdict}"


def _bars(new: Any, found: Comparison) -> Any:
    if not found.rows:
        raise TypeError("plot(): this comparison has no rows")
    figure = new(figsize=(7, 1.3 + 0.36 * len(found.rows)), layout="constrained")
    axes = figure.add_subplot()
    shown = [r.max_rel for r in found.rows if r.max_rel and np.isfinite(r.max_rel)]
    for i, row in enumerate(found.rows):
        _, fill, line = STATUS_LOOKS[row.verdict]
        if row.max_rel in shown:
            axes.barh(i, row.max_rel, color=fill, edgecolor=line, height=0.6)
        hint = short(row.hint.split(";")[0], 60)
        axes.text(
            0.01, i, f"{STATUS_LOOKS[row.verdict][0]} {row.verdict}{': ' * bool(hint)}{hint}", va="center", fontsize=8,
            color=line, transform=axes.get_yaxis_transform(), parse_math=False,
        )  # fmt: skip
    axes.set_xscale("log")
    axes.set_xlim(LEAST, max([1.0, *(3 * size for size in shown)]))
    axes.set_yticks(range(len(found.rows)), [short(r.name, 24) for r in found.rows], parse_math=False)
    axes.set_ylim(len(found.rows) - 0.4, -0.6)
    axes.set_xlabel("largest relative error")
    axes.set_title(found.summary, fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def _errors(new: Any, found: Comparison, manual: Mapping[str, Any], auto: Mapping[str, Any]) -> Any:
    """A heat map of ``manual - auto`` for each row."""
    across = 2 if len(found.rows) == 4 else min(3, len(found.rows))
    down = -(-len(found.rows) // across)
    by_hand, by_tape = named(manual), named(auto)
    figure = new(figsize=(4.2 * across, 3.2 * down), layout="constrained")
    figure.suptitle(f"by hand − by tape: {found.summary}", fontsize=11)
    for i, row in enumerate(found.rows):
        axes = figure.add_subplot(down, across, i + 1)
        axes.set_title(_title(row), fontsize=10, color=STATUS_LOOKS[row.verdict][2], parse_math=False)
        hand, tape = _array(by_hand.get(row.name)), _array(by_tape.get(row.name))
        if hand is None or tape is None or hand.shape != tape.shape or not tape.size:
            shapes = " and ".join("none" if a is None else str(a.shape) for a in (hand, tape))
            _instead(axes, f"shapes {shapes}")
            continue
        error = hand - tape
        error = np.abs(error) if error.dtype.kind == "c" else error.astype(float)
        _heat(figure, axes, error.reshape(-1, error.shape[-1]) if error.ndim else error.reshape(1, 1))
    return figure


def _heat(figure: Any, axes: Any, error: NDArray[Any]) -> None:
    if not error.any():
        _instead(axes, "0 everywhere")
        return
    finite = np.abs(error[np.isfinite(error)])
    largest = float(finite.max()) if finite.any() else 1.0
    image = axes.imshow(
        _largest_of_blocks(error), cmap="RdBu_r", vmin=-largest, vmax=largest, aspect="auto", interpolation="nearest",
        extent=(-0.5, error.shape[1] - 0.5, error.shape[0] - 0.5, -0.5),
    )  # fmt: skip
    axes.set_facecolor("black")  # seen where an entry is not finite
    figure.colorbar(image, ax=axes, shrink=0.85)
    axes.locator_params(integer=True)
    axes.set_xlabel("column")
    if error.shape[0] > 1:
        axes.set_ylabel("row")
    else:
        axes.set_yticks([])


def _instead(axes: Any, says: str) -> None:
    """Words where there is no map to draw."""
    axes.text(0.5, 0.5, says, ha="center", va="center", transform=axes.transAxes)
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_color("#d0d7de")


def _largest_of_blocks(error: NDArray[Any]) -> NDArray[Any]:
    """Of each block the entry of largest size: a mean would hide a single wrong one."""
    for axis in (0, 1):
        n = error.shape[axis]
        if n > MOST_CELLS:
            starts = (np.arange(MOST_CELLS) * n) // MOST_CELLS
            high, low = np.maximum.reduceat(error, starts, axis=axis), np.minimum.reduceat(error, starts, axis=axis)
            error = np.where(np.abs(low) > np.abs(high), low, high)
    return error


def _array(x: Any) -> NDArray[Any] | None:
    while type(x) is Tensor:
        x = x.grad if x.requires_grad else x.data
    return None if x is None else np.asarray(x)


# Audits


def _listing(new: Any, report: AuditReport) -> Any:
    """The report's text in its colours."""
    text = list(rows(report))
    wide = max((columns("".join(span.text for span in row)) for row in text), default=1)
    figure = new(figsize=(max(wide, 40) * 0.088 + 0.4, (len(text) + 1) * 0.2 + 0.2))
    height = figure.get_figheight()
    for i, row in enumerate(text):
        at = 0
        for span in row:
            figure.text(
                (0.2 + at * 0.088) / figure.get_figwidth(), 1 - (i + 1) * 0.2 / height, span.text, family="monospace",
                fontsize=10.5, va="baseline", color=STYLES.get(span.style, "#1f2328"), parse_math=False,
                weight="bold" if "bold" in span.style else "normal",
            )  # fmt: skip
            at += columns(span.text)
    return figure
