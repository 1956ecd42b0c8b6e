"""What is written on nodes, edges and clusters of a drawing, in Graphviz' HTML-like labels."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.record import Record
from .facts import saved
from .graph import call
from .picture import Picture, Shown, Way
from .scopes import Cluster
from .summary import Detail, blocks, summary, tiny_histogram
from .verdicts import STATUSES

if TYPE_CHECKING:
    from .sheet import Sheet

__all__ = [
    "INK", "MUTED", "cluster_name", "contents", "label_of", "printable", "short", "size_of", "text", "time_of",
    "tip_of", "type_of", "way_label",
]  # fmt: skip

INK, MUTED = "#1f2933", "#616e7c"
LONGEST = 40  # letters of a label
SMALL = 16  # entries that are all shown
COLUMNS = 6
CELLS = 8  # rows and columns of a heat map
COLD, HOT = (33, 102, 172), (178, 24, 43)


def label_of(shown: Shown, picture: Picture, sheet: Sheet, has: tuple[str, ...], places: int = 1) -> str:
    """``h = matmul`` over ``(64, 100) float64``, and the numbers that were asked for."""
    node = shown.node
    if shown.closed is not None:
        return _rows(_closed(shown, picture, sheet))
    if node is None:
        return f'<font color="{MUTED}">{text(picture.notes[-1] if picture.notes else "...")}</font>'
    r = node.record
    name = f"<b>{text(node.name)}</b>" if node.name else ""
    if node.kind == "cotangent":
        lines = [f"cotangent of {name or text(sheet.labels.get(r, '')) or 'it'}", _small(type_of(r))]
    else:
        does = text(call(r)) if node.is_op else ""
        lines = [f"{name}&nbsp;= {does}" if name and does else name or does or node.kind, _small(type_of(r))]
    if places > 1:
        lines.append(_small(f"drawn in {places:,} places"))
    if node.kind != "cotangent":
        verdict = sheet.verdicts.get(node.key)
        if verdict is not None:
            said = f": {verdict.text}" if verdict.text else ""
            lines.append(f"<b>{text(verdict.symbol)} {text(verdict.status)}</b>{text(said) if said else ''}")
        if "values" in has:
            value = sheet.value(node)
            lines += _numbers(value, "") if value is not None else [_small(sheet.missing(node) or "")]
        if "grads" in has and "backward" not in has:
            lines += _numbers(sheet.cotangent(node), "gradient ")
        if "grads" in has and node.is_op and (kept := saved(r)):
            what = ", ".join(sheet.kept(r, i) for i, _ in kept)
            lines.append(_small(f"keeps {size_of(sum(n for _, n in kept))}: {what}"))
        if "times" in has and r in sheet.facts.seconds:
            lines.append(_small(time_of(sheet.facts.seconds[r])))
    elif "grads" in has:
        lines += _numbers(sheet.cotangent(node), "")
    return _rows([line for line in lines if line])


def _rows(lines: list[str]) -> str:
    """Lines of a label; a table where there are many, or one of them is one."""
    if len(lines) < 3 and not any(line.startswith("<table") for line in lines):
        return "<br/>".join(lines)
    rows = "".join(f"<tr><td>{line}</td></tr>" for line in lines)
    return f'<table border="0" cellborder="0" cellspacing="0" cellpadding="1">{rows}</table>'


def _small(words: str) -> str:
    return f'<font point-size="10" color="{MUTED}">{text(words, 80)}</font>' if words else ""


def _closed(shown: Shown, picture: Picture, sheet: Sheet) -> list[str]:
    c = shown.closed
    assert c is not None
    title = f"<b>{text(cluster_name(c, picture))}</b>"
    if shown.key.startswith("grad_"):
        return [f"backward of {title}"]
    found = [sheet.verdicts[key] for key in c.members if key in sheet.verdicts]
    said = {status: sum(v.status == status for v in found) for status in STATUSES}
    signs = {v.status: v.symbol for v in found}
    verdicts = ", ".join(f"{signs[status]} {n} {status}" for status, n in said.items() if n)
    return [title, _small(contents(c, picture)), *([text(verdicts)] if verdicts else [])]


def cluster_name(c: Cluster, picture: Picture) -> str:
    """``layer1``, or ``block1 … block12 × 12`` of a folded repeat."""
    if c.repeats == 1:
        return c.name
    names = [c.name, *(o.name for o in picture.graph.clusters if o.folded is c)]
    first = c.name if len(set(names)) == 1 else f"{names[0]} … {names[-1]}"
    return f"{first} × {c.repeats}"


def contents(c: Cluster, picture: Picture) -> str:
    """``5 ops, 2 parameters``."""
    parameters = sum(picture.graph.nodes[key].kind == "parameter" for key in c.members)
    parts = [f"{c.ops:,} op{'s' * (c.ops > 1)}"]
    if parameters:
        parts.append(f"{parameters:,} parameter{'s' * (parameters > 1)}")
    return ", ".join(parts)


def way_label(way: Way, sheet: Sheet, has: tuple[str, ...]) -> str:
    parts = [way.label] if way.label else []
    if len(way.edges) == 1:
        edge = way.edges[0]
        if edge.rule is not None:
            op = sheet.graph.nodes[edge.rule].record
            code, _ = sheet.rules(op, edge.argument)
            parts = [code if code and "\n" not in code else f"rule of {op.primitive.name}"]  # type: ignore[union-attr]
        share = sheet.shares.get(edge.key)
        if share is not None and ("backward" not in has or edge.rule is not None):
            parts.append(f"{share:.0%}".replace("-", "−"))
    return f"&nbsp;&nbsp;{text('  '.join(parts))}&nbsp;" if parts else ""


def tip_of(shown: Shown, sheet: Sheet) -> str:
    """What a pointer that rests on a node is told: where to find it in the printed tape and in the program."""
    node = shown.node
    if shown.closed is not None:
        return f"scope {shown.closed.path}"[:200]
    if node is None:
        return "draw(..., max_nodes=) sets how many are shown"
    r = node.record
    where = f", recorded at {r.where}" if r.where else ""
    if node.kind == "cotangent":
        return f"cotangent of {sheet.tape_labels.get(r, node.key)}"[:200]
    what = f"%{node.key[2:]} of the tape" if node.is_op else node.kind
    verdict = sheet.verdicts.get(node.key)
    said = f"; {verdict.status} {verdict.text}" if verdict is not None else ""
    return f"{what}{where}{said}"[:400]


# Numbers


def _numbers(value: Any, before: str) -> list[str]:
    """An array on a node: in full where it is small, else its extent, a histogram and, of a matrix, a heat map."""
    if value is None:
        return []
    array = np.asarray(value)
    if array.ndim == 0:
        return [_small(f"{before}{_number(array.item())}")]
    if not array.size:
        return [_small(f"{before}empty")]
    columns = array.shape[-1]
    if array.size <= SMALL and columns <= COLUMNS:
        rows = array.reshape(-1, columns)
        filled = ("".join(f'<td align="right">{_small(_number(x.item()))}</td>' for x in row) for row in rows)
        cells = "".join(f"<tr>{line}</tr>" for line in filled)
        table = f'<table border="0" cellborder="0" cellspacing="3" cellpadding="0">{cells}</table>'
        return [_small(before.strip()), table] if before else [table]
    found = summary(array, Detail(0, 16, 0))
    said = "  ".join(
        f"{k} {_number(found[k]) if isinstance(found[k], float | int) else found[k]}"
        for k in ("min", "max", "mean", "norm")
        if found[k] is not None
    )
    lines = [_small(before + said)]
    if found["nonfinite"]:
        lines.append(f"<b>{found['nonfinite']:,} not finite</b>")
    if array.ndim > 1:
        lines.append(_heat(array))
    elif found["histogram"] and len(found["histogram"]["counts"]) > 1:
        lines.append(f'<font point-size="10" color="#4a80bd">{tiny_histogram(found["histogram"]["counts"])}</font>')
    return lines


def _heat(array: np.ndarray) -> str:
    """A small map of a matrix: blue below zero, red above, white at zero."""
    numbers = np.abs(array) if array.dtype.kind == "c" else array.astype(float)
    means = blocks(numbers, CELLS)
    largest = float(np.nanmax(np.abs(means))) if np.isfinite(means).any() else 0.0
    rows = "".join("<tr>" + "".join(_cell(x, largest) for x in row) + "</tr>" for row in means)
    return f'<table border="1" color="#b8c2cc" cellborder="0" cellspacing="0" cellpadding="0">{rows}</table>'


def _cell(x: float, largest: float) -> str:
    if not np.isfinite(x):
        colour = "#000000"
    else:
        t = abs(x) / largest if 0 < largest < np.inf else 0.0
        end = HOT if x > 0 else COLD
        colour = "#" + "".join(f"{round(255 + (c - 255) * t):02x}" for c in end)
    return f'<td width="9" height="9" bgcolor="{colour}"></td>'


def _number(x: Any) -> str:
    if isinstance(x, bool):
        return str(x)
    if isinstance(x, int):
        return f"{x:,}" if abs(x) < 10**6 else f"{x:.3g}"
    return f"{x:.3g}".replace("-", "−")


def size_of(n: int) -> str:
    """Bytes as people say them."""
    for unit in ("B", "kB", "MB"):
        if n < 1000:
            return f"{n:.3g} {unit}"
        n /= 1000  # type: ignore[assignment]
    return f"{n:.3g} GB"


def time_of(seconds: float) -> str:
    """A time as people say it."""
    for factor, unit in ((1e6, "µs"), (1e3, "ms")):
        if seconds * factor < 1000:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds:.3g} s"


# Text


def type_of(r: Record) -> str:
    if r.dtype is None:  # several outputs, of which the last may be for the rules only
        return ", ".join(type_of(s) for s in r.shape[: len(r.shape) - r.primitive.hidden])  # type: ignore[union-attr]
    return f"{r.shape} {r.dtype}" if r.shape else f"scalar {r.dtype}"


def text(words: str, most: int = LONGEST) -> str:
    """Any text for an HTML-like label, as it reads: on one line, cut where it is long, nothing in it a command."""
    # \N and its like stand for the node's key, even here; and Graphviz cannot read a ] that stands before a tag.
    return escape(short(words, most)).replace("\\", r"\\").replace("]", "&#93;")


def short(words: str, most: int = LONGEST) -> str:
    words = printable(words[: most + 1])
    return words if len(words) <= most else words[: most - 1] + "…"


def printable(words: str) -> str:
    """Line ends, control characters, half surrogates and text direction marks spelled out, as Python would."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in words)
