"""Text, learned symbol by symbol by an LSTM and a transformer, with gradients derived by hand or from the tape.

python examples/train_characters.py [--gradients manual|tape|check] [--epochs N] [--seed N] [--checkpoint FILE]
                                    [--resume]

The text is CPython's own language reference, as `help()` shows it, a tenth of it kept back. How well a net guesses the
next symbol of what it has not seen is measured beside tables of how often symbols follow each other in the same text.
Exit status: 0 if all went well, 1 if gradients by hand and by tape disagree, 2 if an argument or a checkpoint is
unusable, 130 after Ctrl-C.
"""

from __future__ import annotations

import argparse
import os
import sys
import textwrap
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # a checkout needs no install
os.environ.setdefault("OMP_NUM_THREADS", "1")  # on a busy machine, threads make products this small ten times slower

try:
    import numpy as np
    from rich.console import Console
    from rich.table import Table
except ImportError as missing:
    print(f"{Path(__file__).name} needs {missing.name}: pip install {missing.name}", file=sys.stderr)
    raise SystemExit(2) from None

from models import lstm, transformer
from models._data import SYMBOLS, text, windows
from models._training import WHOSE, checkpoint, ended, parsed, parser, step
from tinygrad_np import Tensor
from tinygrad_np.optim import AdamW, CosineAnnealingLR
from tinygrad_np.train import History, cross_entropy, fit, minibatches

PROG = Path(__file__).name
STEPS = 64  # symbols that a net sees at once
START, SAMPLE = "The value of", 400  # what a sample begins with, and how many symbols the net adds
Array = np.ndarray[Any, Any]


class Net(NamedTuple):
    """A model, its size, and how it is trained."""

    name: str
    model: Any
    sizes: dict[str, int]  # what its init takes, besides the number of symbols
    epochs: int
    size: int  # of a minibatch
    rate: float


NETS = [
    Net("LSTM", lstm, {"width": 32, "hidden": 128}, 3, 32, 5e-3),
    Net("transformer", transformer, {"steps": STEPS, "width": 64, "heads": 4, "size": 16, "hidden": 256}, 4, 16, 1e-2),
]


def tables(learned: Array, kept: Array) -> Iterator[tuple[str, float]]:
    """Cross-entropy of the next symbol given none, one and two before it, by counts in the text that is learned from.

    Counts are smoothed with the odds of the table before, as if these had been seen five times.
    """
    n = len(SYMBOLS)
    odds = np.full(n, 1 / n)
    for before, name in enumerate(("unigrams", "bigrams", "trigrams")):
        counts = np.zeros((n,) * (before + 1))
        np.add.at(counts, tuple(learned[i : len(learned) - before + i] for i in range(before + 1)), 1)
        odds = (counts + 5 * odds) / (counts.sum(axis=-1, keepdims=True) + 5)
        followed = tuple(kept[i : len(kept) - before + i] for i in range(before + 1))
        yield name, -float(np.mean(np.log(odds[followed])))


def tested(net: Net, params: Any, kept: Array) -> float:
    """The net's cross-entropy on windows of text."""
    total = 0.0
    for w in minibatches(kept, 64):
        total += len(w) * cross_entropy(net.model.forward(params, w[:, :-1])["logits"], w[:, 1:])
    return total / len(kept)


def train(net: Net, args: argparse.Namespace, learned: Array, kept: Array) -> tuple[dict[str, Array], History]:
    rng = np.random.default_rng(args.seed)
    start = net.model.init(rng, len(SYMBOLS), **net.sizes, dtype=np.float32)
    params = {name: Tensor(array, requires_grad=True, name=name) for name, array in start.items()}
    optimizer = AdamW(params, lr=net.rate)
    epochs = args.epochs or net.epochs
    follow = step(net.model, args.gradients, every=100)
    history = fit(
        lambda params, w: follow(params, w[:, :-1], w[:, 1:]),
        params,
        learned,
        optimizer=optimizer,
        schedule=CosineAnnealingLR(optimizer, epochs),
        epochs=epochs,
        size=net.size,
        rng=rng,
        max_norm=1.0,
        metrics={"held-out loss": lambda params: tested(net, params, kept)},
        checkpoint=checkpoint(args, net.name.lower()),
        resume=args.resume,
    )
    return {name: t.data for name, t in params.items()}, history


def sample(net: Net, params: dict[str, Array], seed: int) -> str:
    """How the net goes on with START, drawn a little on the safe side."""
    start = [SYMBOLS.index(s) for s in START]
    numbers = net.model.generate(params, np.random.default_rng(seed), start, SAMPLE, temperature=0.7)
    lines = (START + "".join(SYMBOLS[i] for i in numbers)).splitlines()
    return "\n".join(textwrap.fill(line, 80, initial_indent="    ", subsequent_indent="    ") for line in lines)


def report(args: argparse.Namespace) -> int:
    console = Console()
    console = Console(width=min(max(console.width, 72), 80), highlight=False, markup=False)
    learned, kept = text()
    console.print("The next symbol of a text", style="bold")
    console.print(f"{len(learned):,} symbols of the language reference to learn from, {len(kept):,} kept back")
    console.print(f"{WHOSE[args.gradients]}; seed {args.seed}")
    rows = [(name, "", "", f"{loss:.3f}") for name, loss in tables(learned, kept)]
    for net in NETS:
        begin = time.perf_counter()
        params, history = train(net, args, windows(learned, STEPS), windows(kept, STEPS))
        if history.interrupted:
            return 130
        seconds = time.perf_counter() - begin
        console.print(f"\n{net.name}", style="bold")
        console.print(f"{history}\n\nIt writes:\n")
        console.print(sample(net, params, args.seed))
        size = sum(p.size for p in params.values())
        rows.append((net.name, f"{size:,}", f"{seconds:.1f}", f"{history['held-out loss'][-1]:.3f}"))
    table = Table("")
    for column in ("parameters", "seconds", "cross-entropy, nats a symbol"):
        table.add_column(column, justify="right")
    for row in rows:
        table.add_row(*row)
    console.print()
    console.print(table)
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    made = parser(PROG, "Train an LSTM and a transformer to go on with a text.", "LSTM 3, transformer 4")
    args = parsed(made, argv)
    return ended(PROG, lambda: report(args))


if __name__ == "__main__":
    raise SystemExit(main())
