"""Every net of models/ on real data: how good it gets, and how long an epoch takes by hand and by tape.

python examples/zoo.py [--only NET] [--markdown]

The data are scikit-learn's digits, breast cancer, diabetes and wine, and the language reference that CPython ships.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
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

from models import (
    attention,
    batch_norm_mlp,
    by_hand,
    convnet,
    deep_mlp,
    dropout_mlp,
    layer_norm_residual,
    linear_regression,
    lstm,
    simple_rnn,
    softmax_classifier,
    tied_autoencoder,
    transformer,
    two_layer,
    word_average,
)
from models._arguments import Parser
from models._data import SYMBOLS, Split, digits, paragraphs, table, text, windows
from models._training import ended
from tinygrad_np import Tensor, value_and_grad
from tinygrad_np.optim import Adam, CosineAnnealingLR
from tinygrad_np.train import accuracy, cross_entropy, fit, mean_squared_error, minibatches

PROG = Path(__file__).name
F4 = np.float32
STEPS, LEARNED = 32, 60_000  # of the text: symbols that a net sees at once, and how much of it there is
LENGTH = 60  # words of a paragraph, at most
Array = np.ndarray[Any, Any]


class Task(NamedTuple):
    """A net and what it is to learn."""

    model: Any
    data: str
    split: Split
    start: dict[str, Array]
    score: Callable[[Any, dict[str, Array], Split], str]
    epochs: int
    rate: float = 3e-3
    keywords: dict[str, Any] = {}  # of the model's forward, in training  # noqa: RUF012  # never changed


def right(model: Any, params: dict[str, Array], split: Split, **keywords: Any) -> str:
    return f"{100 * accuracy(model.forward(params, split.x_test, **keywords)['logits'], split.y_test):.1f} %"


def right_by_sign(model: Any, params: dict[str, Array], split: Split) -> str:
    return f"{100 * np.mean((model.forward(params, split.x_test)['pred'] > 0) == (split.y_test > 0)):.1f} %"


def right_by_statistics(model: Any, params: dict[str, Array], split: Split) -> str:
    statistics = model.running(model.forward(params, split.x))  # of all that it has learned from
    return right(model, params, split, statistics=statistics)


def explained(model: Any, params: dict[str, Array], split: Split) -> str:
    error = mean_squared_error(model.forward(params, split.x_test)["pred"], split.y_test)
    return f"R2 {1 - error / np.var(split.y_test):.2f}"


def nats(model: Any, params: dict[str, Array], split: Split) -> str:
    return f"{cross_entropy(model.forward(params, split.x_test)['logits'], split.y_test):.2f} nats"


NAMES = sorted(path.stem for path in Path(__file__).resolve().parents[1].glob("models/[!_]*.py"))


def tasks(rng: np.random.Generator) -> Iterator[Task]:
    images = digits()
    flat = images._replace(x=images.x.reshape(-1, 64), x_test=images.x_test.reshape(-1, 64))
    pictures = images._replace(x=images.x[..., None], x_test=images.x_test[..., None])
    wine, cancer, diabetes = table("wine"), table("breast_cancer"), table("diabetes")
    signs = cancer._replace(y=F4(2 * cancer.y - 1)[:, None], y_test=F4(2 * cancer.y_test - 1)[:, None])
    noisy = Split(flat.x + F4(rng.normal(size=flat.x.shape) / 2), flat.x, flat.x_test, flat.x_test)
    noisy = noisy._replace(x_test=flat.x_test + F4(rng.normal(size=flat.x_test.shape) / 2))
    symbols, topics = symbols_split(), words_split(rng)
    n, words = len(SYMBOLS), int(topics.x.max()) + 1

    yield Task(linear_regression, "diabetes", diabetes, linear_regression.init(rng, 10, 1, F4), explained, 200)
    yield Task(softmax_classifier, "wine", wine, softmax_classifier.init(rng, 13, 3, F4), right, 200)
    small = {
        name: p / 8 for name, p in two_layer.init(rng, 30, 16, 1, F4).items()
    }  # its own start is for fitting noise
    yield Task(two_layer, "breast cancer", signs, small, right_by_sign, 40)
    yield Task(
        *(dropout_mlp, "breast cancer", cancer, dropout_mlp.init(rng, 30, 32, 2, F4), right, 40),
        keywords={"rng": rng},
    )
    yield Task(deep_mlp, "digits", flat, deep_mlp.init(rng, 64, 128, 64, 10, dtype=F4), right, 40)
    yield Task(batch_norm_mlp, "digits", flat, batch_norm_mlp.init(rng, 64, 128, 10, F4), right_by_statistics, 40)
    yield Task(layer_norm_residual, "digits", flat, layer_norm_residual.init(rng, 64, 64, 128, 10, F4), right, 40)
    yield Task(tied_autoencoder, "digits with noise", noisy, tied_autoencoder.init(rng, 64, 32, F4), explained, 40)
    yield Task(convnet, "digits", pictures, convnet.init(rng, 8, 8, 1, (16, 32), 10, dtype=F4), right, 20)
    yield Task(attention, "digits, row by row", images, attention.init(rng, 8, 8, 48, 32, 48, 10, F4), right, 60)
    yield Task(word_average, "topics of paragraphs", topics, word_average.init(rng, words, 32, 4, F4), right, 10, 1e-2)
    yield Task(simple_rnn, "text", symbols, simple_rnn.init(rng, n, 128, F4), nats, 6, 5e-3)
    yield Task(lstm, "text", symbols, lstm.init(rng, n, 32, 128, F4), nats, 6, 1e-2)
    sizes = {"steps": STEPS, "width": 64, "heads": 4, "size": 16, "hidden": 256}
    yield Task(transformer, "text", symbols, transformer.init(rng, n, **sizes, dtype=F4), nats, 12, 1e-2)


def symbols_split() -> Split:
    learned, kept = text()
    w, w_test = windows(learned[:LEARNED], STEPS), windows(kept[: LEARNED // 4], STEPS)
    return Split(w[:, :-1], w[:, 1:], w_test[:, :-1], w_test[:, 1:])


def words_split(rng: np.random.Generator) -> Split:
    """Paragraphs as word numbers [n, LENGTH], 0 where there is none, and which of four topics they are from."""
    found = [(topic, paragraph.lower().split()[:LENGTH]) for topic, paragraph in paragraphs()]
    sizes = {topic: sum(t == topic for t, _ in found) for topic, _ in found}
    chosen = sorted(sizes, key=lambda topic: -sizes[topic])[:4]
    found = [(topic, words) for topic, words in found if topic in chosen and len(words) > 5]
    number: dict[str, int] = {}
    x = np.zeros((len(found), LENGTH), int)
    for row, (_, words) in zip(x, found, strict=True):
        row[: len(words)] = [number.setdefault(word, len(number) + 1) for word in words]
    y = np.array([chosen.index(topic) for topic, _ in found])
    order = rng.permutation(len(x))
    learn, test = order[len(x) // 4 :], order[: len(x) // 4]
    return Split(x[learn], y[learn], x[test], y[test])


def steps(task: Task) -> dict[str, Callable[..., Any]]:
    """Loss and gradients of a minibatch, by hand and by tape."""

    def loss(params: Any, x: Any, y: Any) -> Any:
        return task.model.loss(params, x, y, task.model.forward(params, x, **task.keywords))

    return {"hand": partial(by_hand, task.model, **task.keywords), "tape": value_and_grad(loss)}


def trained(task: Task, rng: np.random.Generator) -> dict[str, Array]:
    params = {name: Tensor(array, requires_grad=True, name=name) for name, array in task.start.items()}
    optimizer = Adam(params, lr=task.rate)
    fit(
        steps(task)["hand"],
        params,
        (task.split.x, task.split.y),
        optimizer=optimizer,
        schedule=CosineAnnealingLR(optimizer, task.epochs),
        epochs=task.epochs,
        rng=rng,
    )
    return {name: t.data for name, t in params.items()}


def seconds(task: Task, params: dict[str, Array], repeats: int = 7) -> dict[str, float]:
    """Of the processor, the fewest of some epochs, gradients only; by turns, so that a busy machine is fair to all."""
    found: dict[str, list[float]] = {}
    for _ in range(repeats):
        for by, step in steps(task).items():
            start = time.process_time()
            for x, y in minibatches((task.split.x, task.split.y), 32):
                step(params, x, y)
            found.setdefault(by, []).append(time.process_time() - start)
    return {by: min(times) for by, times in found.items()}


def rows(only: str | None) -> Iterator[tuple[str, ...]]:
    rng = np.random.default_rng(0)
    for task in tasks(rng):
        name = task.model.__name__.removeprefix("models.")
        if only in (None, name):
            params = trained(task, rng)
            times = [f"{1000 * t:.1f}" for t in seconds(task, params).values()]
            size = sum(p.size for p in params.values())
            yield name, task.data, f"{size:,}", f"{task.epochs}", task.score(task.model, params, task.split), *times


HEAD = ("net", "data", "parameters", "epochs", "on the test", "by hand, ms", "by tape, ms")


def markdown(found: Iterator[tuple[str, ...]]) -> str:
    lines = [HEAD, ("---", "---", *["--:"] * 5), *((f"[{n}](../models/{n}.py)", *rest) for n, *rest in found)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def report(only: str | None, as_markdown: bool) -> int:
    if as_markdown:
        print(markdown(rows(only)), end="")
        return 0
    made = Table(*HEAD[:2])
    for column in HEAD[2:]:
        made.add_column(column, justify="right")
    for row in rows(only):
        made.add_row(*row)
    console = Console()
    Console(width=min(max(console.width, 72), 100), highlight=False).print(made)
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    made = Parser(prog=PROG, description="Every net of models/ on real data; times are those of an epoch.")
    made.add_argument("--only", choices=NAMES, metavar="NET", help="this one alone, such as lstm")
    made.add_argument("--markdown", action="store_true", help="as the table of docs/models.md")
    args = made.parse_args(argv)
    return ended(PROG, lambda: report(args.only, args.markdown))


if __name__ == "__main__":
    raise SystemExit(main())
