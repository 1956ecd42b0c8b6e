"""The ops as a table: for `tinygrad-np ops`, and for docs/ops.md, which a test keeps up to date."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from .ops.declare import OPS, Op

__all__ = ["Row", "markdown", "reachable", "rows"]

ROOMS = {
    "elementwise": "Functions of one number",
    "special": "Functions of one number, the rarer ones",
    "arithmetic": "Functions of two numbers, extrema, selection",
    "reduce": "Reductions",
    "statistics": "Statistics",
    "scan": "Cumulative sums and products",
    "calculus": "Differences, integrals, interpolation",
    "sorting": "Sorting and order statistics",
    "sets": "Arrays as sets",
    "polynomials": "Polynomials",
    "creation": "Evenly spaced numbers",
    "shape": "Shape",
    "joining": "Joining and splitting",
    "diagonals": "Diagonals and triangles",
    "padding": "Padding",
    "indexing": "Indexing",
    "selection": "Selection by index or condition",
    "inplace": "In place: a Tensor's handle is bound to the result",
    "products": "Products",
    "linalg": "Linear algebra",
    "decompositions": "Matrix decompositions",
    "norms": "Norms",
    "fft": "Fourier transforms",
    "nn": "Activations and softmax",
    "layers": "Layers",
    "losses": "Losses",
    "normalise": "Normalisation",
    "conv": "Convolution",
    "pool": "Pooling",
    "constant": "Not differentiable, by declaration",
}


class Row(NamedTuple):
    """An op as it is listed."""

    name: str
    room: str
    call: str  # how it is reached
    formula: str
    text: str  # the docstring
    modes: str
    example: str


def names(op: Op) -> list[str]:
    """Every way to call it, the first the most usual."""
    ways = [f"np.{n}" for n in op.np]
    if op.public and not any(n.rsplit(".", 1)[-1] == op.name for n in op.np):
        ways.append(f"tinygrad_np.{op.name}")
    if op.method:
        ways.append(f"t.{op.method}")
    return ways


def reachable(differentiable: bool = True) -> list[str]:
    """The distinct names under which a user reaches a gradient (or what is declared to have none)."""
    found = {
        way.rsplit(".", 1)[-1] if not way.startswith(("np.linalg", "np.fft")) else way
        for op in OPS.values()
        if op.differentiable is differentiable
        for way in names(op)
    }
    return sorted(found)


def rows() -> list[Row]:
    """The ops that a user can reach, room by room."""
    found = []
    for op in OPS.values():
        ways = names(op)
        if not ways:
            continue
        modes = "-" if not op.differentiable else "reverse, forward" + (", any order" if op.order > 1 else "")
        found.append(Row(op.name, op.room, ", ".join(ways), op.tex or "", op.doc, modes, _example(op, ways[0])))
    order = list(ROOMS)
    return sorted(found, key=lambda r: (order.index(r.room) if r.room in ROOMS else len(order), r.name))


def _example(op: Op, way: str) -> str:
    """The first sample as a call, with shapes for arrays."""
    if not op.samples:
        return ""
    sample = op.samples[0]
    params = sample[-1] if sample and isinstance(sample[-1], dict) else {}
    args = [_shown(a, i) for i, a in enumerate(sample[: len(sample) - bool(params)])]
    args += [f"{k}={v!r}" if not isinstance(v, np.ndarray) else f"{k}=..." for k, v in params.items()]
    return f"{way}({', '.join(args)})"


def _shown(arg: Any, i: int) -> str:
    letter = "xyzuvw"[i % 6]
    if isinstance(arg, tuple) and all(type(n) is int for n in arg):
        return f"{letter}{list(arg)}" if arg else letter
    if isinstance(arg, np.ndarray):
        return f"{letter}{list(arg.shape)}"
    if isinstance(arg, list):
        return "[" + ", ".join(_shown(a, i + k) for k, a in enumerate(arg)) + "]"
    return f"np.{arg.__name__}" if callable(arg) else repr(arg)


def markdown() -> str:
    """docs/ops.md."""
    table = rows()
    lines = [
        "# Every op",
        "",
        "Made from the registry by `python -m tinygrad_np ops --markdown`; a test fails when it is out of date.",
        "",
        f"{len(reachable())} names with a gradient, and {len(reachable(False))} that are declared to have none. All",
        "of the former work in reverse and forward mode and, unless it says otherwise, to any order. `t` is a Tensor;",
        "`x[2, 3]` in an example stands for an array of that shape. A name that is not here raises an error that says",
        "so; [how to add one](new-ops.md).",
        "",
    ]
    room = None
    for row in table:
        if row.room != room:
            room = row.room
            lines += ["", f"## {ROOMS.get(room, room)}", ""]
            if room == "constant":
                lines += [", ".join(f"`{r.call.split(', ')[0]}`" for r in table if r.room == "constant"), ""]
        if room == "constant":
            continue
        lines += [
            f"### {row.name}",
            "",
            f"`{row.call}`" + (f" — ${_unescape(row.formula)}$" if row.formula else ""),
            "",
        ]
        lines += [_text(row.text), ""]
        lines += [f"{row.modes.capitalize()}." + (f" Example: `{row.example}`." if row.example else ""), ""]
    return "\n".join(lines).rstrip() + "\n"


def _unescape(tex: str) -> str:
    """A notation template as a formula: x, y, z for its arguments."""
    return tex.format(*"xyzuvw")


def _text(doc: str) -> str:
    """A docstring up to its first section, its lines joined to paragraphs."""
    kept: Sequence[str] = (
        doc.split("\n\n    Parameters")[0].split("\n\n    Examples")[0].split("\n\n    References")[0].splitlines()
    )
    return "\n".join(line.strip() for line in kept).strip()
