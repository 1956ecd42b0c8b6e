"""Handwritten digits, learned by an MLP and a convnet, with gradients derived by hand or from the tape.

python examples/train_digits.py [--gradients manual|tape|check] [--epochs N] [--seed N] [--checkpoint FILE] [--resume]

The data are scikit-learn's 1797 digits of 8x8 pixels, a quarter of them kept for the test. Exit status: 0 if all went
well, 1 if gradients by hand and by tape disagree, 2 if an argument or a checkpoint is unusable, 130 after Ctrl-C.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # a checkout needs no install
os.environ.setdefault("OMP_NUM_THREADS", "1")  # on a busy machine, threads make products this small ten times slower

try:
    import numpy as np
    from rich.console import Console
    from rich.table import Table
    from sklearn.neural_network import MLPClassifier
except ImportError as missing:
    print(f'{Path(__file__).name} needs {missing.name}: pip install "tinygrad_np[examples]"', file=sys.stderr)
    raise SystemExit(2) from None

from models import convnet, deep_mlp
from models._data import Split, digits
from models._training import WHOSE, checkpoint, ended, parsed, parser, step
from tinygrad_np import Tensor
from tinygrad_np.optim import AdamW, CosineAnnealingLR
from tinygrad_np.train import History, accuracy, fit

PROG = Path(__file__).name
SIDE, CLASSES = 8, 10
Array = np.ndarray[Any, Any]


class Net(NamedTuple):
    """A model, its size, and how it is trained."""

    name: str
    model: Any
    sizes: tuple[Any, ...]  # what its init takes
    shape: tuple[int, ...]  # of one image, as it takes it
    epochs: int


NETS = [
    Net("MLP", deep_mlp, (SIDE * SIDE, 256, CLASSES), (SIDE * SIDE,), 100),
    Net("convnet", convnet, (SIDE, SIDE, 1, (32, 64), CLASSES), (SIDE, SIDE, 1), 30),
]


def moved(x: Array, rng: np.random.Generator) -> Array:
    """Half of the images shifted by up to a pixel: the digit stays the same, and the net has more to learn from."""
    framed = np.pad(x, ((0, 0), (1, 1), (1, 1)), constant_values=-1)
    down, right = np.where(rng.random(len(x)) < 0.5, rng.integers(3, size=(2, len(x))), 1)[:, :, None, None]
    pixels = np.arange(SIDE)
    return framed[np.arange(len(x))[:, None, None], down + pixels[:, None], right + pixels]


def train(net: Net, args: argparse.Namespace, data: Split) -> tuple[dict[str, Array], History]:
    x_train, y_train, x_test, y_test = data
    rng = np.random.default_rng(args.seed)
    start = net.model.init(rng, *net.sizes, dtype=np.float32)
    params = {name: Tensor(array, requires_grad=True, name=name) for name, array in start.items()}
    optimizer = AdamW(params, lr=3e-3, weight_decay=0.1)
    epochs = args.epochs or net.epochs
    follow = step(net.model, args.gradients)

    def on_moved(params: Any, x: Array, y: Array) -> Any:
        return follow(params, moved(x, rng).reshape(-1, *net.shape), y)

    def tested(params: Any) -> float:
        return accuracy(net.model.forward(params, x_test.reshape(-1, *net.shape))["logits"], y_test)

    history = fit(
        on_moved,
        params,
        (x_train, y_train),
        optimizer=optimizer,
        schedule=CosineAnnealingLR(optimizer, epochs),
        epochs=epochs,
        rng=rng,
        metrics={"test accuracy": tested},
        checkpoint=checkpoint(args, net.name.lower()),
        resume=args.resume,
    )
    return {name: t.data for name, t in params.items()}, history


def trained_by_sklearn(seed: int, data: Split) -> tuple[int, int, float]:
    """Parameters, epochs and test accuracy of its MLPClassifier."""
    x_train, y_train, x_test, y_test = data
    net = MLPClassifier(max_iter=1000, random_state=seed % 2**32).fit(x_train.reshape(len(x_train), -1), y_train)
    size = sum(w.size for w in (*net.coefs_, *net.intercepts_))
    return size, net.n_iter_, net.score(x_test.reshape(len(x_test), -1), y_test)


def report(args: argparse.Namespace) -> int:
    console = Console()
    console = Console(width=min(max(console.width, 72), 80), highlight=False, markup=False)
    data = digits()
    console.print("Handwritten digits, 8x8 pixels", style="bold")
    console.print(f"{len(data[0])} to learn from, {len(data[2])} to be tested on; seed {args.seed}")
    console.print(WHOSE[args.gradients])
    table = Table("net")
    for column in ("parameters", "epochs", "seconds", "test accuracy"):
        table.add_column(column, justify="right")

    def add(name: str, size: int, epochs: int, start: float, score: float) -> None:
        table.add_row(name, f"{size:,}", f"{epochs}", f"{time.perf_counter() - start:.1f}", f"{100 * score:.1f} %")

    for net in NETS:
        start = time.perf_counter()
        params, history = train(net, args, data)
        if history.interrupted:
            return 130
        add(net.name, sum(p.size for p in params.values()), len(history), start, history["test accuracy"][-1])
        console.print(f"\n{net.name} {net.sizes}", style="bold")
        console.print(history)
    start = time.perf_counter()
    size, epochs, score = trained_by_sklearn(args.seed, data)
    add("scikit-learn's MLPClassifier", size, epochs, start, score)
    console.print()
    console.print(table)
    console.print("MLPClassifier sees the images as they are. Of what the two nets see, half is")
    console.print("moved by up to a pixel.")
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    made = parser(PROG, "Train an MLP and a convnet on scikit-learn's digits.", "MLP 100, convnet 30")
    args = parsed(made, argv)
    return ended(PROG, lambda: report(args))


if __name__ == "__main__":
    raise SystemExit(main())
