"""Draw the figures of the documents: loss curves, first-layer filters, attention maps.

python examples/figures.py [--out DIR]

Trains the nets of train_digits.py and train_characters.py as these do, in half a minute, and writes digits-loss.png,
filters.png, text-loss.png and attention.png.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))  # the other examples
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # a checkout needs no install
os.environ.setdefault("OMP_NUM_THREADS", "1")  # on a busy machine, threads make products this small ten times slower

try:
    import numpy as np
    import train_characters
    import train_digits
    from matplotlib.figure import Figure
except ImportError as missing:
    print(f'{Path(__file__).name} needs {missing.name}: pip install "tinygrad_np[examples]"', file=sys.stderr)
    raise SystemExit(2) from None

from models._arguments import Parser, directory
from models._data import SYMBOLS, digits, text, windows
from models._training import ended, parser
from tinygrad_np.train import History

PROG = Path(__file__).name
IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"
Array = np.ndarray[Any, Any]
LINE = "The value of an object"  # whose attention is shown


def arguments(gradients: str) -> argparse.Namespace:
    return parser(PROG, "", "").parse_args(["--gradients", gradients])


def panels(n: int, width: float, height: float) -> tuple[Figure, list[Any]]:
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, [figure.add_subplot(1, n, i + 1) for i in range(n)]


def losses(histories: dict[str, dict[str, History]], column: str, level: str) -> Figure:
    """A panel a net: its loss by hand and by tape, one on the other, and another number of each epoch beside it."""
    figure, axes = panels(len(histories), 8.5, 3)
    for ax, (net, by) in zip(axes, histories.items(), strict=True):
        epochs = np.arange(1, len(by["tape"]) + 1)
        ax.plot(epochs, by["manual"]["loss"], color="tab:blue", linewidth=5, alpha=0.35, label="loss, by hand")
        ax.plot(epochs, by["tape"]["loss"], color="tab:blue", linewidth=1.2, label="loss, by tape")
        ax.set(title=net, xlabel="epoch", yscale="log")
        other = ax.twinx()
        other.plot(epochs, by["tape"][column], color="tab:orange", linewidth=1.2)
        other.set_ylabel(column, color="tab:orange")
        ax.legend(loc=level)
        ax.grid(alpha=0.3)
    return figure


def text_losses(histories: dict[str, History], tables: dict[str, float]) -> Figure:
    """Held-out cross-entropy over epochs, and that of the tables of counts as levels."""
    figure, (ax,) = panels(1, 6, 3.4)
    longest = max(map(len, histories.values()))
    for net, history in histories.items():
        ax.plot(np.arange(1, len(history) + 1), history["held-out loss"], marker="o", label=net)
    for style, (name, loss) in zip(("-", "--", ":"), tables.items(), strict=True):
        ax.axhline(loss, color="gray", linestyle=style, linewidth=1)
        ax.annotate(name, (longest, loss), xytext=(0, 3), textcoords="offset points", ha="right", color="gray")
    ax.set(xlabel="epoch", ylabel="nats a symbol, held-out text", xticks=range(1, longest + 1))
    ax.set_ylim(top=1.08 * max(tables.values()))
    ax.legend(loc="center right", bbox_to_anchor=(1, 0.72))
    ax.grid(alpha=0.3)
    return figure


def filters(mlp: dict[str, Array], convnet: dict[str, Array]) -> Figure:
    """What the first layers look for: weights of 32 units that matter most as pictures, and all filters."""
    figure, axes = panels(2, 8.5, 2.5)
    figure.get_layout_engine().set(wspace=0.06)
    strength = np.linalg.norm(mlp["w1"], axis=0) * np.linalg.norm(mlp["w2"], axis=1)
    chosen = np.argsort(-strength)[:32]
    axes[0].set_title("MLP: weights of 32 hidden units")
    show_tiles(axes[0], mlp["w1"].T[chosen].reshape(-1, 8, 8), 8)
    axes[1].set_title("convnet: the 32 filters of 3x3")
    show_tiles(axes[1], convnet["w1"][:, :, 0].transpose(2, 0, 1), 8)
    return figure


def show_tiles(ax: Any, tiles: Array, columns: int) -> None:
    """Pictures side by side, each on a scale of its own: blue below 0, white at 0, red above."""
    n, height, width = tiles.shape
    tiles = tiles / np.abs(tiles).max(axis=(1, 2), keepdims=True)
    edge = 0.15 * height
    for i, tile in enumerate(tiles):
        left, top = (i % columns) * (width + edge), (i // columns) * (height + edge)
        ax.imshow(tile, cmap="RdBu_r", vmin=-1, vmax=1, extent=(left, left + width, top + height, top))
    ax.set(xlim=(0, columns * (width + edge) - edge), ylim=(-(-n // columns) * (height + edge) - edge, 0))
    ax.set_axis_off()


def attention(net: Any, params: dict[str, Array]) -> Figure:
    """For each head, which earlier symbols (columns) each symbol (row) listens to."""
    x = np.array([[SYMBOLS.index(symbol) for symbol in LINE]])
    weights = net.model.forward(params, x)["weights"][0]
    figure, axes = panels(len(weights), 10, 2.9)
    marks = [symbol.replace(" ", "␣") for symbol in LINE]
    for head, (ax, w) in enumerate(zip(axes, weights, strict=True)):
        ax.imshow(w, cmap="viridis", vmin=0, vmax=1)
        ax.set_title(f"head {head + 1}")
        ax.set_xticks(range(len(marks)), marks, fontsize=7)
        ax.set_yticks(range(len(marks)), marks, fontsize=7)
        ax.tick_params(length=0, pad=1)
    return figure


def draw(out: Path) -> int:
    data, (learned, kept) = digits(), text()
    runs = {
        net.name: {by: train_digits.train(net, arguments(by), data) for by in ("manual", "tape")}
        for net in train_digits.NETS
    }
    histories = {name: {by: history for by, (_, history) in run.items()} for name, run in runs.items()}
    steps = train_characters.STEPS
    read = {
        net.name: train_characters.train(net, arguments("tape"), windows(learned, steps), windows(kept, steps))
        for net in train_characters.NETS
    }
    for name, figure in {
        "digits-loss": losses(histories, "test accuracy", "center right"),
        "filters": filters(*(run["tape"][0] for run in runs.values())),
        "text-loss": text_losses(
            {name: history for name, (_, history) in read.items()}, dict(train_characters.tables(learned, kept))
        ),
        "attention": attention(train_characters.NETS[1], read["transformer"][0]),
    }.items():
        figure.savefig(out / f"{name}.png", dpi=110, metadata={"Software": None})
        print(out / f"{name}.png")
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    made = Parser(prog=PROG, description="Draw the figures of the documents.")
    made.add_argument("--out", type=directory, default=IMAGES, metavar="DIR", help="where to")
    args = made.parse_args(argv)
    return ended(PROG, lambda: draw(args.out))


if __name__ == "__main__":
    raise SystemExit(main())
