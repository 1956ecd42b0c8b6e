"""How a picture looks: its DOT text, written with the graphviz package."""

from __future__ import annotations

from html import escape
from typing import Any

from ..core.record import Record
from .picture import Kind, Node, Picture, call

__all__ = ["dot_source"]

FONT = "Arial"  # the one name that browsers, fontconfig and graphviz-pure all know the widths of
INK, MUTED, LINE = "#1f2933", "#616e7c", "#8793a1"
LONGEST = 40  # letters of a label
MOST_EDGES = 4  # a leaf that more ops read is drawn beside each of them: long edges hide the rest, and cost dot minutes
TANGLE = 2000  # from here on edges are straight and dot takes less pains: seconds instead of minutes

# A kind has its own shape as well as its own colour, for those who do not see colours and for paper.
LOOKS: dict[Kind, dict[str, str]] = {
    "parameter": {
        "shape": "ellipse",
        "style": "filled",
        "fillcolor": "#fdf0d5",
        "color": "#d08c1d",
        "margin": ".04,.02",
    },
    "input": {"shape": "invhouse", "style": "filled", "fillcolor": "#e3eefa", "color": "#4a80bd", "margin": ".1,.02"},
    "constant": {"shape": "note", "style": "filled", "fillcolor": "#f0f1f3", "color": "#8793a1"},
    "op": {"shape": "box", "style": "rounded,filled", "fillcolor": "#ffffff", "color": "#5f6c7b"},
    "elided": {"shape": "box", "style": "rounded,dashed", "color": "#8793a1"},
}
LEAVES: tuple[Kind, ...] = ("parameter", "input", "constant")
RESULT = {"fillcolor": "#e2f4e7", "color": "#2f8a50", "peripheries": "2"}


def dot_source(picture: Picture) -> str:
    """The DOT text; the same picture gives the same bytes."""
    try:
        import graphviz
    except ImportError:
        raise ImportError("drawing needs the package graphviz: pip install graphviz") from None
    graph: Any = graphviz.Digraph(
        "tape",
        graph_attr={"bgcolor": "white", "pad": "0.25", "nodesep": "0.35", "ranksep": "0.4", "fontname": FONT},
        node_attr={"fontname": FONT, "fontsize": "12", "fontcolor": INK, "penwidth": "1.2", "margin": "0.14,0.07"},
        edge_attr={"color": LINE, "arrowsize": "0.7", "fontname": FONT, "fontsize": "9", "fontcolor": MUTED},
    )
    if picture.left_out:
        graph.attr(label=_left_out(picture), labelloc="t", fontsize="12", fontcolor=MUTED)
    heads: dict[str, list[str]] = {}
    for edge in picture.edges:
        heads.setdefault(edge.tail, []).append(edge.head)
    repeated = {
        node.key: [f"{node.key}_{head}" for head in heads.get(node.key, ())]
        for node in picture.nodes
        if node.kind in LEAVES and not node.result and len(heads.get(node.key, ())) > MOST_EDGES
    }
    for node in picture.nodes:
        places = repeated.get(node.key, [node.key])
        label, tip = _label(node, picture, len(places)), graphviz.escape(_tip(node))
        for place in places:
            graph.node(place, label=label, tooltip=tip, **_look(node))
    for edge in picture.edges:
        look = {"label": f"<&nbsp;&nbsp;{_text(edge.label)}>"} if edge.label else {}
        if edge.tail.startswith("op"):
            look["weight"] = "4"  # the chain of ops runs straight down, leaves stand beside it
        graph.edge(f"{edge.tail}_{edge.head}" if edge.tail in repeated else edge.tail, edge.head, **look)
    if _crossings(picture) > TANGLE:
        graph.attr(splines="line", nslimit="2", nslimit1="2", mclimit="0.3")
    _draw_legend(graph, picture)
    return str(graph.source)


def _draw_legend(graph: Any, picture: Picture) -> None:
    kinds = {node.kind for node in picture.nodes}
    entries: list[tuple[str, str, dict[str, str]]] = [
        (f"legend_{kind}", kind if kind != "op" else "operation", LOOKS[kind])
        for kind in (*LEAVES, "op")
        if kind in kinds
    ]
    if any(node.result and node.kind == "op" for node in picture.nodes):
        entries.append(("legend_result", "result", LOOKS["op"] | RESULT))
    with graph.subgraph(name="cluster_legend") as legend:
        legend.attr(label="", color="#d5dae0", style="rounded", margin="10")
        legend.attr("node", fontsize="10", fontcolor=MUTED, height="0.25", margin="0.1,0.03")
        for key, text, look in entries:
            legend.node(key, label=text, tooltip="legend", **look)
    for node in picture.nodes:
        if node.result:  # an edge that is not seen puts the legend below the graph
            graph.edge(node.key, entries[len(entries) // 2][0], style="invis")


def _crossings(picture: Picture) -> int:
    """How many rows the edges between ops cross, all together: what dot's time grows with."""
    row: dict[str, int] = {}
    crossed = 0
    tails: dict[str, list[str]] = {}
    for edge in picture.edges:
        tails.setdefault(edge.head, []).append(edge.tail)
    for node in picture.nodes:
        if node.kind in ("op", "elided"):
            above = [row[tail] for tail in tails.get(node.key, ()) if tail in row]
            row[node.key] = max(above, default=0) + 1
            crossed += sum(row[node.key] - a for a in above)
    return crossed


def _look(node: Node) -> dict[str, str]:
    look = LOOKS[node.kind]
    if not node.result:
        return look
    return look | (RESULT if node.kind == "op" else {"peripheries": RESULT["peripheries"]})


def _label(node: Node, picture: Picture, places: int) -> str:
    """``h = matmul`` over ``(64, 100) float64``, as one of Graphviz' HTML-like labels."""
    r = node.record
    if r is None:
        return f'<<font color="{MUTED}">{_left_out(picture)}</font>>'
    name = r.name or None
    if node.kind == "op":
        title = _text(call(r)) if name is None else f"<b>{_text(name)}</b>&nbsp;= {_text(call(r))}"
    else:
        title = f"<b>{_text(name)}</b>" if name is not None else node.kind
    below = _text(_type(r)) + (f"<br/>drawn in {places:,} places" if places > 1 else "")
    return f'<{title}<br/><font point-size="10" color="{MUTED}">{below}</font>>'


def _left_out(picture: Picture) -> str:
    return f"{picture.left_out:,} of {picture.ops + picture.leaves:,} ops and leaves are not shown"


def _tip(node: Node) -> str:
    """What a pointer that rests on a node is told: where to find it in the printed tape and in the program."""
    r = node.record
    if r is None:
        return "draw(..., max_nodes=) sets how many are shown"
    where = f", recorded at {_printable(r.where)}" if r.where else ""
    return f"%{node.key[2:]} of the tape{where}" if node.kind == "op" else f"{node.kind}{where}"


def _type(r: Record) -> str:
    if r.dtype is None:  # several outputs, of which the last may be for the rules only
        return ", ".join(_type(s) for s in r.shape[: len(r.shape) - r.primitive.hidden])  # type: ignore[union-attr]
    return f"{r.shape} {r.dtype}" if r.shape else f"scalar {r.dtype}"


def _text(text: str) -> str:
    """Any text for an HTML-like label, as it reads: on one line, cut where it is long, nothing in it a command."""
    text = _printable(text)
    if len(text) > LONGEST:
        text = text[: LONGEST - 1] + "…"
    return escape(text).replace("\\", r"\\")  # \N and its like stand for the node's key, even here


def _printable(text: str) -> str:
    """Line ends, control characters, half surrogates and text direction marks spelled out, as Python would."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
