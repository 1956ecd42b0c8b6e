"""A two-layer net trained with gradients derived by hand and with gradients from the tape, side by side.

python examples/two_layer.py [--seed N] [--epochs N] [--out DIR]

The setting is that of the article this project starts from. Exit status: 0 if the two agree for every value and every
parameter at every step, 1 if not, 2 if an argument is unusable, 130 after Ctrl-C.
"""

from __future__ import annotations

import argparse
import os
import sys
import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # a checkout needs no install
os.environ.setdefault("OMP_NUM_THREADS", "1")  # on a busy machine, threads make products this small ten times slower

try:
    import numpy as np
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
    from rich.table import Table
    from rich.text import Text
except ImportError as missing:
    print(f"{Path(__file__).name} needs {missing.name}: pip install {missing.name}", file=sys.stderr)
    raise SystemExit(2) from None

from models import Step, by_tape, descend, two_layer
from models import _article as article
from models import _as_printed as as_printed
from models._arguments import Parser, directory, whole
from tinygrad_np import Comparison, Tensor, compare, derive, draw, write

SEEDS = 60
SYMBOLS = {"h_relu": "h'", "pred": r"\hat{y}", "loss": "e"}  # as the article writes them
COLOURS = ("red", "green", "bold", "dim")  # of the code as printed, the corrected one, the article's figure, the axis
T = TypeVar("T")
Array = np.ndarray[Any, Any]


class Run(NamedTuple):
    """What the training leaves: the error at every epoch by who trained, and what was compared at each step."""

    errors: dict[str, Array]
    comparisons: list[Comparison]

    @property
    def bad(self) -> list[int]:
        """The epochs at which not all gradients agree."""
        return [epoch for epoch, c in enumerate(self.comparisons, 1) if not c.ok]


def train(seed: int, epochs: int) -> Run:
    """The net by hand and by tape, and the code as the article prints it, all from the same start."""
    start, x, y = article.setting(seed)

    def steps(model: Any, by: Any) -> Iterator[Step]:
        params = {name: p.copy() for name, p in start.items()}
        return descend(model, params, x, y, epochs=epochs, rate=article.RATE, by=by)

    sides = {
        "by_hand": steps(two_layer, "hand"),
        "by_tape": steps(two_layer, "both"),
        "as_printed": steps(as_printed, "hand"),
    }
    errors: dict[str, list[float]] = {side: [] for side in sides}
    comparisons = []
    for at_once in progress("training", zip(*sides.values(), strict=True), epochs):
        for side, step in zip(sides, at_once, strict=True):
            errors[side].append(step.error)
            if step.comparison is not None:
                comparisons.append(step.comparison)
    return Run({side: np.array(e) for side, e in errors.items()}, comparisons)


def show_training(console: Console, run: Run) -> None:
    heading(console, "Training, each side with its own gradients")
    table = figures("epoch", "error by hand", "error by tape", "difference")
    for epoch in reported(run):
        hand, tape = (run.errors[side][epoch - 1] for side in ("by_hand", "by_tape"))
        table.add_row(f"{epoch}", f"{hand:,.4f}", f"{tape:,.4f}", f"{abs(hand - tape):.1e}" if hand != tape else "0")
    console.print(table)


def show_gradients(console: Console, run: Run) -> None:
    """The comparison of the first step that disagrees, or of the first; and all in one sentence."""
    epoch = run.bad[0] if run.bad else 1
    heading(console, f"Gradients at epoch {epoch}")
    console.print(run.comparisons[epoch - 1])
    verdicts = Counter(row.verdict for c in run.comparisons for row in c.rows)
    said = ", ".join(f"{n:,} {verdict}" for verdict, n in verdicts.most_common())
    say(console, f"Over all {len(run.comparisons)} epochs, {sum(verdicts.values()):,} gradients compared: {said}.")


def show_slips(console: Console, run: Run, seed: int) -> None:
    heading(console, "The code as the article prints it")
    table = figures("epoch", "article's figures", "its code, run here", "corrected code")
    for epoch in reported(run):
        ours = (f"{run.errors[side][epoch - 1]:,.4f}" for side in ("as_printed", "by_hand"))
        table.add_row(f"{epoch}", f"{article.PRINTED[epoch]:,.4f}" if epoch in article.PRINTED else "", *ours)
    console.print(table)
    if len(run.comparisons) >= 250:
        early, late = article.PRINTED[100], article.PRINTED[250]
        falls = [e[99] / e[249] for e in (run.errors["as_printed"], run.errors["by_hand"])]
        say(
            console,
            f"From epoch 100 to 250 the error falls by a factor of {early / late:,.0f} in the article,"
            f" {falls[0]:,.0f} with its code, {falls[1]:,.0f} with the corrected code.",
        )
    console.print()
    say(console, "The article's formulas are right. Its code departs from them in two places:")
    say(
        console,
        "The second layer is fed h, not h_relu. ReLU's output never reaches the prediction: what is trained is a linear"
        " net, and the mask in its gradients belongs to another.",
        "1  ",
    )
    say(
        console,
        "b1's gradient is subtracted from w1: NumPy spreads it over the 1000 rows without a word. b1 never moves.",
        "2  ",
    )
    params, x, y = article.setting(seed)
    say(
        console,
        f"The error goes to 0 all the same: {sum(p.size for p in params.values()):,} parameters fit {len(x)} samples"
        " with wrong gradients too. No table of errors shows such slips. A comparison does: what this code subtracts,"
        " against the tape of its own forward pass, at epoch 1:",
    )
    console.print(compare(as_printed.manual_gradients(params, x, y), by_tape(as_printed, params, x, y)[1]))


def show_seeds(console: Console) -> None:
    runs = list(progress(f"{SEEDS} seeds", article.errors_over_seeds(SEEDS), SEEDS))
    errors = {name: np.array([run[name] for run in runs]) for name in runs[0]}
    figure = article.PRINTED[article.EVERY]
    heading(console, f"The error at epoch {article.EVERY}, over {SEEDS} seeds")
    table = figures("code", "lowest", "median", "highest")
    for name, sample in errors.items():
        table.add_row(name, *(f"{e:,.0f}" for e in (sample.min(), np.median(sample), sample.max())))
    console.print(table)
    signs = {"bars": ".:-=+*#@", "mark": "^"} if console.options.ascii_only else {}
    for line, colour in zip(article.histograms(errors, console.width, **signs), COLOURS, strict=True):
        console.print(line, style=colour, highlight=False)
    lies = ("inside" if e.min() <= figure <= e.max() else "outside" for e in errors.values())
    console.print()
    say(
        console,
        f"The article's {figure:,.1f} lies {next(lies)} the range of the code as printed, and {next(lies)} that of the"
        " corrected code.",
    )


def write_files(console: Console, run: Run, seed: int, out: Path) -> None:
    heading(console, "Files")

    def wrote(name: str, what: str) -> None:
        line = f"{os.path.join(out, name):<{len(str(out)) + 17}} {what}"
        console.print(line, soft_wrap=True, highlight=False, markup=False)

    params, x, y = article.setting(seed)
    leaves = {name: Tensor(p, requires_grad=True, name=name) for name, p in params.items()}
    loss = two_layer.loss(leaves, Tensor(x, name="x"), Tensor(y, name="y"))
    graph = draw(loss, names={"error": loss}, compare=run.comparisons[0])
    page = draw(loss, names={"error": loss}, compare=run.comparisons[0], values=True, grads=True)
    example = (*params.values(), x, y)

    def source(path: Path) -> None:
        path.write_text(write(error, *example, wrt=list(params), name="step"))

    def derivation(path: Path) -> None:
        derive(error, *example, wrt=list(params), symbols=SYMBOLS).to_html(path)

    files = (
        ("graph.dot", graph.save, "what the error is computed from"),
        ("graph.svg", graph.render, "the same drawn"),
        ("graph.html", page.to_html, "the same to look into, and to step through backprop"),
        ("step.py", source, "error and gradients as NumPy source"),
        ("derivation.html", derivation, "how the gradients come about"),
    )
    for name, make, what in files:
        try:
            make(out / name)
            wrote(name, what)
        except (ImportError, RuntimeError) as reason:  # a package or a program is missing: it says which
            say(console, f"no {name}: {reason}")

    rows = zip(*(e.tolist() for e in run.errors.values()), strict=True)
    lines = [("epoch", *run.errors), *((epoch, *row) for epoch, row in enumerate(rows, 1))]
    (out / "errors.csv").write_text("".join(",".join(map(str, line)) + "\n" for line in lines))
    wrote("errors.csv", "the error at every epoch")
    try:
        from matplotlib.figure import Figure
    except ImportError:
        say(console, 'no errors.png, which takes matplotlib: pip install "tinygrad_np[plot]"')
    else:
        curves(Figure(figsize=(7, 4.2), layout="constrained"), run).savefig(out / "errors.png", dpi=150)
        wrote("errors.png", "the same drawn")


def error(w1: Any, b1: Any, w2: Any, b2: Any, x: Any, y: Any) -> Any:
    """The net's loss as a function of arrays, as what writes it out takes it."""
    return two_layer.loss({"w1": w1, "b1": b1, "w2": w2, "b2": b2}, x, y)


def curves(figure: Any, run: Run) -> Any:
    """Errors over epochs, on a logarithmic axis, and the article's figures."""
    axes = figure.subplots()
    epochs = np.arange(1, len(run.comparisons) + 1)
    axes.plot(epochs, run.errors["by_hand"], color="tab:blue", linewidth=4, alpha=0.35, label="corrected, by hand")
    axes.plot(epochs, run.errors["by_tape"], color="tab:blue", linewidth=1.2, label="corrected, by tape")
    axes.plot(epochs, run.errors["as_printed"], color="tab:red", linewidth=1.2, label="as the article prints it")
    printed = {epoch: e for epoch, e in article.PRINTED.items() if e > 0 and epoch <= len(epochs)}
    axes.plot(list(printed), list(printed.values()), "kx", label="the article's figures")
    axes.set(xlabel="epoch", ylabel="sum of squared errors", yscale="log", title="By hand, by tape, and as printed")
    axes.legend()
    axes.grid(alpha=0.3)
    return figure


def heading(console: Console, title: str) -> None:
    console.print()
    console.rule(Text(title, style="bold"), align="left", style="dim")


def say(console: Console, text: str, item: str = "") -> None:
    """A paragraph, or an item of a list; rich itself leaves spaces at the ends of lines."""
    text = textwrap.fill(text, console.width, initial_indent=item, subsequent_indent=" " * len(item))
    console.print(text, highlight=False, markup=False)


def figures(first: str, *others: str) -> Table:
    """An empty table: a label, then figures."""
    table = Table(first)
    for name in others:
        table.add_column(name, justify="right")
    return table


def reported(run: Run) -> list[int]:
    """Every 50th epoch, and the last."""
    last = len(run.comparisons)
    return [*range(article.EVERY, last, article.EVERY), last]


def progress(what: str, items: Iterable[T], total: int) -> Iterator[T]:
    """The items, and a bar on stderr while they come, if somebody watches."""
    console = Console(stderr=True)
    parts = TextColumn(f"{what:>10}"), BarColumn(), TextColumn("{task.completed}/{task.total}"), TimeRemainingColumn()
    with Progress(*parts, console=console, transient=True, disable=not console.is_terminal) as bar:
        yield from bar.track(items, total=total)


def parsed(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = Parser(
        prog="two_layer.py",
        description="Train the two-layer net by hand and by tape, compare all gradients at every step, and show what"
        " the two slips in the article's code do.",
    )
    parser.add_argument(
        "--seed", type=whole(0, 2**32 - 1), default=0, metavar="N", help="of the random draws (default: 0)"
    )
    parser.add_argument("--epochs", type=whole(1), default=500, metavar="N", help="how many (default: 500)")
    parser.add_argument(
        "--out", type=directory, default="out", metavar="DIR", help="where graph and errors are written (default: out)"
    )
    return parser.parse_args(argv)


def report(seed: int, epochs: int, out: Path) -> bool:
    """Do it all; whether the gradients agree."""
    console = Console()
    console = Console(width=min(max(console.width, 72), 80))
    console.print("[bold]A two-layer net, its gradients by hand and by tape")
    console.print(f"{article.SIZES}; {epochs} epochs, rate {article.RATE:g}, seed {seed}", highlight=False)
    run = train(seed, epochs)
    show_training(console, run)
    show_gradients(console, run)
    show_slips(console, run, seed)
    show_seeds(console)
    write_files(console, run, seed, out)
    console.print()
    if run.bad:
        console.print(f"[bold red]By hand and by tape disagree at {len(run.bad)} of {epochs} epochs.")
    else:
        console.print(f"[bold green]By hand and by tape agree: every gradient, at every one of {epochs} epochs.")
    return not run.bad


def main(argv: Sequence[str] | None = None) -> int:
    args = parsed(argv)
    try:
        return 0 if report(args.seed, args.epochs, args.out) else 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except OSError as reason:  # the disk is full, the directory gone
        print(f"two_layer.py: {reason}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    raise SystemExit(main())
