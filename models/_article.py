"""The article's experiment: its sizes, the figures it prints, and how they are distributed over random starts.

python -m models.two_layer --seeds 60
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping

import numpy as np

from . import _as_printed, two_layer
from ._arguments import Parser, whole
from ._descent import Array, Model, descend

__all__ = ["EVERY", "PRINTED", "RATE", "SIZES", "errors_over_seeds", "histograms", "main", "setting"]

SIZES = "64 samples, 1000 inputs, 100 hidden, 10 outputs"
BATCH, N_IN, N_HIDDEN, N_OUT = 64, 1000, 100, 10
RATE = 1e-6
EVERY = 50  # it prints the error of every 50th epoch
PRINTED = {50: 47088.9376, 100: 674.3413, 150: 13.6512, 200: 0.3062, 250: 0.0073, 300: 0.0002}
PRINTED |= dict.fromkeys((350, 400, 450, 500), 0.0)
VARIANTS: dict[str, Model] = {"as printed": _as_printed, "corrected": two_layer}


def setting(seed: int) -> tuple[dict[str, Array], Array, Array]:
    """Parameters, x and y: standard normal draws from the generator that the article uses."""
    rng = np.random.RandomState(seed)
    x, y = rng.standard_normal((BATCH, N_IN)), rng.standard_normal((BATCH, N_OUT))
    return two_layer.init(rng, N_IN, N_HIDDEN, N_OUT), x, y


def errors_over_seeds(seeds: int) -> Iterator[dict[str, float]]:
    """For each seed the error at epoch 50 of the code as printed and of the corrected one, from the same start."""
    for seed in range(seeds):
        start, x, y = setting(seed)
        found = {}
        for variant, model in VARIANTS.items():
            params = {name: p.copy() for name, p in start.items()}
            *_, last = (step.error for step in descend(model, params, x, y, epochs=EVERY, rate=RATE, by="hand"))
            found[variant] = last
        yield found


def histograms(errors: Mapping[str, Array], width: int, bars: str = "▁▂▃▄▅▆▇█", mark: str = "▲") -> list[str]:
    """One line of bars for each variant on a common axis from 0, then the article's figure and the axis.

    The lines are at most ``width`` characters wide, a bar two.
    """
    figure = PRINTED[EVERY]
    label = max(len(name) for name in errors) + 2
    bins = (width - label) // 2
    top = np.ceil(max(figure, *(e.max() for e in errors.values())) / 1e4) * 1e4
    lines = []
    for name, sample in errors.items():
        counts, _ = np.histogram(sample, bins=bins, range=(0, top))
        levels = np.ceil(counts / counts.max() * len(bars)).astype(int)
        lines.append(f"{name:<{label}}" + "".join(2 * bars[n - 1] if n else "  " for n in levels))

    def place(error: float) -> int:
        return label + 2 * int(error / top * bins)

    before, after = f"{figure:,.1f} {mark}".rjust(place(figure) + 1), f"{'':{place(figure)}}{mark} {figure:,.1f}"
    line = after if len(after) <= width else before
    lines.append("article" + line.removeprefix(" " * len("article")))
    axis = ""
    for tick in range(0, int(top), 10_000 * int(np.ceil(top / 1e5))):  # ten labels at most
        axis = axis.ljust(place(tick)) + (f"{tick // 1000}k" if tick else "0")
    return [line.rstrip() for line in (*lines, axis)]


def main() -> int:
    parser = Parser(
        prog="python -m models.two_layer",
        description=f"The error at epoch {EVERY} in the article's setting, over random starts.",
    )
    parser.add_argument("--seeds", type=whole(1), default=60, metavar="N", help="how many starts (default: 60)")
    seeds = parser.parse_args().seeds
    try:
        runs = list(errors_over_seeds(seeds))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    errors = {name: np.array([run[name] for run in runs]) for name in VARIANTS}
    print(f"Error at epoch {EVERY} over {seeds} seeds; {SIZES}\n")
    print(f"{'':12}{'lowest':>10}{'median':>10}{'highest':>10}")
    for name, sample in errors.items():
        print(f"{name:<12}{sample.min():10,.0f}{np.median(sample):10,.0f}{sample.max():10,.0f}")
    print(f"{'article':<12}{PRINTED[EVERY]:20,.0f}\n")
    print("\n".join(histograms(errors, 80)))
    return 0
