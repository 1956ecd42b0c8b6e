"""A picture as text for the terminal: one row a node, and beside it the lines along which values run.

○ x  input (64, 1000) float64
│ ● w1  parameter (1000, 100) float64
├─╯
■ matmul  (64, 100) float64
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..checking.audit.text import columns
from .facts import saved
from .graph import LEAVES, call
from .labels import cluster_name, contents, short, size_of, time_of, type_of
from .picture import Picture, Shown
from .summary import Detail, summary

if TYPE_CHECKING:
    from .sheet import Sheet

__all__ = ["text_of"]

SIGNS = {
    "parameter": "●", "input": "○", "constant": "◇", "op": "■", "output": "◉", "collapsed": "▣", "elided": "┄",
    "cotangent": "◂",
}  # fmt: skip
SMALL = 8  # entries that are shown in full
FORMATTER: Any = {"float_kind": lambda x: f"{x + 0:.4g}", "complex_kind": lambda x: f"{x + 0:.4g}"}
LANES = 16  # lines side by side; of more, some are cut


def text_of(picture: Picture, sheet: Sheet, has: tuple[str, ...] = ()) -> str:
    """The drawing, line by line."""
    readers: dict[str, int] = {}
    reads: dict[str, list[str]] = {}
    for way in picture.ways:
        if not way.again and not way.tail.startswith("grad_"):
            readers[way.tail] = readers.get(way.tail, 0) + 1
            reads.setdefault(way.head, []).append(way.tail)
    rows: list[tuple[str, str, str]] = []  # lines, what stands there, its scope
    lanes: list[str | None] = []
    for key in _order(picture, reads):
        shown = picture.nodes[key]
        tails = [tail for tail in reads.get(key, []) if tail in lanes]
        ends = []
        for tail in tails:
            readers[tail] -= 1
            if readers[tail] == 0:
                ends.append(lanes.index(tail))
        sources = sorted(lanes.index(tail) for tail in tails)
        place = min(ends, default=0)
        if not ends:
            beyond = max(sources, default=-1)
            place = next((i for i, lane in enumerate(lanes) if lane is None and i > beyond), len(lanes))
        if place == len(lanes):
            lanes.append(None)
        if [i for i in sources if i != place]:
            rows.append((_join(lanes, sources, ends, place), "", ""))
        for i in ends:
            lanes[i] = None
        lanes[place] = key if readers.get(key) else None
        marks = [SIGNS[shown.kind] if i == place else "│" if lane else " " for i, lane in enumerate(lanes)]
        said = _said(shown, picture, sheet, has)
        scope = shown.cluster.path if shown.cluster is not None else ""
        for j, line in enumerate(said):
            bars = marks if j == 0 else ["│" if lane else " " for lane in lanes]
            rows.append((" ".join(bars[:LANES]), line, scope if j == 0 else ""))
        while lanes and lanes[-1] is None:
            lanes.pop()
    return "\n".join(_aligned(rows, picture))


def _order(picture: Picture, reads: dict[str, list[str]]) -> list[str]:
    """Each node after what it reads: a closed scope stands where its first op did, before leaves that others read."""
    order: dict[str, None] = {}
    for key, shown in picture.nodes.items():
        if shown.kind not in LEAVES and not key.startswith("grad_"):
            order |= dict.fromkeys(tail for tail in reads.get(key, []) if picture.nodes[tail].kind in LEAVES)
            order[key] = None
    rest = (key for key, shown in picture.nodes.items() if shown.kind in LEAVES)
    return list(order | dict.fromkeys(rest))


def _join(lanes: list[str | None], sources: list[int], ends: list[int], place: int) -> str:
    """The row in which lines run together above a node."""
    low, high = min(*sources, place), max(*sources, place)
    row = []
    for i in range(max(len(lanes), high + 1)):
        left, right = low < i <= high, low <= i < high
        here = i in sources or i == place
        up = i < len(lanes) and lanes[i] is not None
        down = (up and i not in ends) or i == place
        if not here:
            c = "┼" if up and left else "│" if up else "─" if left else " "
        else:
            c = {
                (True, True, True, True): "┼", (True, True, False, True): "├", (True, True, True, False): "┤",
                (True, False, True, True): "┴", (True, False, True, False): "╯", (True, False, False, True): "╰",
                (False, True, True, True): "┬", (False, True, True, False): "╮", (False, True, False, True): "╭",
            }.get((up, down, left, right), "│")  # fmt: skip
        row.append(c + ("─" if right else " "))
    return "".join(row).rstrip()[: 2 * LANES]


def _said(shown: Shown, picture: Picture, sheet: Sheet, has: tuple[str, ...]) -> list[str]:
    node = shown.node
    if shown.closed is not None:
        return [f"{short(cluster_name(shown.closed, picture))}  {contents(shown.closed, picture)}"]
    if node is None:
        return [picture.notes[-1] if picture.notes else "..."]
    r = node.record
    name = short(node.name) if node.name else ""
    if node.is_op:
        code = sheet.code(node)
        does = short(code.split("\n")[-1] if code else call(r), 60)
        head = f"{name or sheet.tape_labels.get(r, node.key)} = {does}"
    else:
        head = f"{name}  {node.kind}" if name else node.kind
    parts = [f"{head}  {type_of(r)}"]
    verdict = sheet.verdicts.get(node.key)
    if verdict is not None:
        parts.append(f"  {verdict.symbol} {verdict.status}{': ' * bool(verdict.text)}{short(verdict.text, 60)}")
    if "values" in has:
        value = sheet.value(node)
        parts.append("  value     " + (_numbers(value) if value is not None else sheet.missing(node) or "none"))
    if "grads" in has and (g := sheet.cotangent(node)) is not None:
        parts.append("  gradient  " + _numbers(g))
    if "grads" in has and node.is_op and (kept := saved(r)):
        parts.append(f"  keeps     {size_of(sum(n for _, n in kept))}")
    if "times" in has and r in sheet.facts.seconds:
        parts.append(f"  takes     {time_of(sheet.facts.seconds[r])}")
    return parts


def _numbers(value: object) -> str:
    array = np.asarray(value)
    if array.size <= SMALL:
        return short(" ".join(np.array2string(array, separator=", ", formatter=FORMATTER).split()), 70)
    found = summary(array, Detail(0, 0, 0))
    said = ((k, found[k]) for k in ("min", "max", "mean", "norm"))
    bad = f"  {found['nonfinite']:,} not finite" if found["nonfinite"] else ""
    parts = (f"{k} {x + 0:.4g}" if isinstance(x, float | int) else f"{k} {x}" for k, x in said if x is not None)
    return "  ".join(parts) + bad


def _aligned(rows: list[tuple[str, str, str]], picture: Picture) -> list[str]:
    wide = max((columns(lanes) for lanes, said, _ in rows if said), default=0)
    texts = [f"{lanes}{' ' * (wide - columns(lanes))}  {said}" if said else lanes for lanes, said, _ in rows]
    far = min(max((columns(t) for t, (_, _, scope) in zip(texts, rows, strict=True) if scope), default=0), 72)
    lines = [
        f"{t}{' ' * max(far - columns(t), 0)}  [{short(scope)}]" if scope else t
        for t, (_, _, scope) in zip(texts, rows, strict=True)
    ]
    kinds = {shown.kind for shown in picture.nodes.values()}
    words = {"op": "operation", "output": "result", "collapsed": "closed scope", "elided": "left out"}
    legend = "  ".join(f"{SIGNS[k]} {words.get(k, k)}" for k in (*LEAVES, "op", "output", "collapsed") if k in kinds)
    return [line.rstrip() for line in (*lines, "", legend, *picture.notes)]
