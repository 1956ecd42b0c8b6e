"""From raw rounds to medians, ratios and tables.

A results file holds every round. Here an engine's figure is its median over the rounds, and the ratio of two engines
is the median of their ratios round by round, with its quartiles: what slows the machine for a while slows both.
CPU seconds are taken, on one core the wall's less what other programs took of it; the file has both.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import median, quantiles
from typing import Any, NamedTuple

__all__ = ["OURS", "Ratio", "markdown", "ratio", "show"]

OURS = "tinygrad_np"
COMPILED = "compiled"
NAMES = {
    "gemm": "GEMMs", "hand": "by hand", "torch": "PyTorch", "torch.compile": "PyTorch compiled", "jax": "JAX",
    "mygrad": "MyGrad", "numpy": "NumPy",
}  # fmt: skip

# What is promised: (words in the case's label, peer, the largest ratio of our time to the peer's).
TARGETS = [
    ("8x4x4x1", "torch", 0.7),
    ("64x1000x100x10", "torch", 0.8),
    ("64x1000x100x10 f64", "hand", 1.1),
    ("20,000 ops", "torch", 0.65),
    ("import", "numpy", 1.3),
    ("64x1000x100x10 f64 compiled", "hand", 0.97),
    ("64x1000x100x10 f32 compiled", "hand", 0.95),
    ("compiled", "hand", 1.0),
]

Json = dict[str, Any]


class Ratio(NamedTuple):
    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.median:.2f} [{self.low:.2f}, {self.high:.2f}]"


def ratio(a: Json, b: Json) -> Ratio | None:
    """Time of ``a`` over time of ``b``: median and quartiles over the rounds; None where one of them failed."""
    if a["failed"] or b["failed"]:
        return None
    pairs = [x["cpu"] / y["cpu"] for x, y in zip(a["rounds"], b["rounds"], strict=True)]
    low, _, high = quantiles(pairs, n=4, method="inclusive") if len(pairs) > 1 else pairs * 3
    return Ratio(median(pairs), low, high)


def by_case(results: Iterable[Json]) -> dict[str, dict[str, Json]]:
    """Results by the case's label, then by engine."""
    found: dict[str, dict[str, Json]] = {}
    for r in results:
        found.setdefault(r["case"], {})[r["engine"]] = r
    return found


def ours(engines: Iterable[str]) -> str:
    """Whose time is divided by the others': the compiled step's, where one takes part."""
    return COMPILED if COMPILED in engines else OURS


def show(data: Json) -> None:
    """Print a results file: for every case a table of its engines, then the ratios of all cases, then the targets."""
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False, markup=False)
    for label, engines in by_case(data["results"]).items():
        unit, mine = next(iter(engines.values()))["unit"], ours(engines)
        table = Table("engine", title=label, title_justify="left", title_style="bold", box=None)
        for heading in (f"us per {unit}", f"{NAMES.get(mine, mine)} / it", "quartiles", "faults"):
            table.add_column(heading, justify="right")
        for name, r in engines.items():
            if r["failed"]:
                table.add_row(name, r["failed"])
                continue
            against = ratio(engines[mine], r) if mine in engines else None
            time = median(x["cpu"] for x in r["rounds"]) * 1e6
            faults = median(x["faults"] for x in r["rounds"])
            shown = (f"{against.median:.2f}", f"{against.low:.2f} to {against.high:.2f}") if against else ("", "")
            table.add_row(name, f"{time:,.{1 if time < 1000 else 0}f}", *shown, f"{faults:,.1f}")
        console.print(table, "")
    for headings, rows in grids(data):
        table = Table(box=None)
        for i, heading in enumerate(headings):
            table.add_column(heading, justify="left" if i == 0 else "right", no_wrap=i == 0)
        for row in rows:
            table.add_row(*row)
        console.print(f"Time of {'the compiled step' if headings[0] == 'compile' else OURS} over that of:", table, "")
    for line in verdicts(data):
        console.print(line)
    walls = [x["wall"] / x["cpu"] for r in data["results"] for x in r["rounds"] if x["cpu"]]
    if walls:
        console.print(f"Wall time was {median(walls):.2f} of CPU time: above 1.1, other programs had the core too.")
    for name, hint in data["absent"].items():
        console.print(f"absent: {name}: {hint}")
    console.print(data["machine"], style="dim")


def grids(data: Json) -> list[tuple[list[str], list[list[str]]]]:
    """Per suite, headings and rows: a case in each row, the ratio of our time to each engine's in the columns."""
    found = []
    for suite in dict.fromkeys(r["suite"] for r in data["results"]):
        cases = by_case(r for r in data["results"] if r["suite"] == suite)
        mine = ours({e for engines in cases.values() for e in engines})
        others = list(dict.fromkeys(e for engines in cases.values() for e in engines if e != mine))
        rows = [[label, *(_cell(engines, e) for e in others)] for label, engines in cases.items() if mine in engines]
        found.append(([suite, *(NAMES.get(e, e) for e in others)], rows))
    return found


def _cell(engines: dict[str, Json], other: str) -> str:
    if other not in engines:
        return ""
    against = ratio(engines[ours(engines)], engines[other])
    return engines[other]["failed"] or "-" if against is None else f"{against.median:.2f}"


def verdicts(data: Json) -> list[str]:
    """The promises that the cases at hand can be held to, and whether they were kept."""
    lines = []
    for label, engines in by_case(data["results"]).items():
        for words, peer, most in TARGETS:
            mine = ours(engines)
            if words in label and peer in engines and mine in engines:
                against = ratio(engines[mine], engines[peer])
                if against is not None:
                    kept = "kept" if against.median <= most else "MISSED"
                    lines.append(f"{kept}: {label}: {against} of {NAMES.get(peer, peer)}, promised {most}")
    return lines


def markdown(data: Json) -> str:
    """The tables of ratios, with what was measured where: for the README."""
    parts = []
    for headings, rows in grids(data):
        rule = [":--", *("--:" for _ in headings[1:])]
        parts.append("\n".join(_line(row) for row in (headings, rule, *rows)))
    versions = ", ".join(f"{name} {version}" for name, version in data["versions"].items() if name != OURS)
    parts.append(
        f"Time of `{OURS}` (in `compile`, of the compiled step) over the other's: below 1, it is faster. Medians of the"
        f" ratios of {data['settings']['rounds']} interleaved rounds, {data['made']}; {data['machine']}; {versions}."
    )
    return "\n\n".join(parts)


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
