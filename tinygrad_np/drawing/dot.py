"""How a picture looks: its text in Graphviz' language DOT. The same picture gives the same bytes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING

from .graph import LEAVES
from .labels import INK, MUTED, cluster_name, label_of, printable, text, tip_of, way_label
from .picture import Picture, Shown, Way
from .scopes import Cluster
from .verdicts import SIGNS, STATUSES

if TYPE_CHECKING:
    from .sheet import Sheet

__all__ = ["LOOKS", "STATUS_LOOKS", "WORDS", "dot_source"]

FONT = "Arial"  # the one name that browsers, fontconfig and graphviz-pure all know the widths of
LINE, BACK = "#8793a1", "#a0659e"
MOST_EDGES = 4  # a leaf that more ops read is drawn beside each of them: long edges hide the rest, and cost dot minutes
TANGLE = 2000  # from here on edges are straight and dot takes less pains: seconds instead of minutes

Look = dict[str, str]

# A kind has its own shape as well as its own colour, for those who do not see colours and for paper.
LOOKS: dict[str, Look] = {
    "parameter": {
        "shape": "ellipse", "style": "filled", "fillcolor": "#fdf0d5", "color": "#d08c1d", "margin": ".04,.02",
    },
    "input": {"shape": "invhouse", "style": "filled", "fillcolor": "#e3eefa", "color": "#4a80bd", "margin": ".1,.02"},
    "constant": {"shape": "note", "style": "filled", "fillcolor": "#f0f1f3", "color": "#8793a1"},
    "op": {"shape": "box", "style": "rounded,filled", "fillcolor": "#ffffff", "color": "#5f6c7b"},
    "output": {
        "shape": "box", "style": "rounded,filled", "fillcolor": "#e2f4e7", "color": "#2f8a50", "peripheries": "2",
    },
    "cotangent": {"shape": "box", "style": "filled", "fillcolor": "#f7ecf6", "color": BACK},
    "collapsed": {"shape": "box3d", "style": "filled", "fillcolor": "#e9edf1", "color": "#5f6c7b"},
    "elided": {"shape": "box", "style": "rounded,dashed", "color": "#8793a1"},
}  # fmt: skip
CLUSTER = {
    "labeljust": "l", "style": "rounded", "color": "#b8c2cc", "bgcolor": "#f7f9fb", "fontsize": "11",
    "fontcolor": MUTED, "margin": "10",
}  # fmt: skip
ROW = 6  # entries of the legend side by side
LEGEND = {"label": "", "color": "#d5dae0", "style": "rounded", "margin": "10", "bgcolor": "white"}
WORDS = {"op": "operation", "output": "result", "collapsed": "closed scope"}
# An ellipse around a table of numbers is mostly empty.
WITH_NUMBERS = {"parameter": {"shape": "tab", "margin": ".1,.05"}, "input": {"shape": "component", "margin": ".15,.05"}}
FILLS = {
    "exact": ("#d3f0dc", "#1a7f37"), "rounding": ("#d3f0dc", "#1a7f37"), "kink": ("#fff1c9", "#8a5300"),
    "extra": ("#ececf0", "#59636e"), "missing": ("#ececf0", "#59636e"), "unmatched": ("#fff1c9", "#8a5300"),
    "inherited": ("#eee2fa", "#7b3fb5"), "shape": ("#ffd9d6", "#c4182b"), "wrong": ("#ffd9d6", "#c4182b"),
}  # fmt: skip
STATUS_LOOKS = {status: (SIGNS[status], *FILLS[status]) for status in SIGNS}


def dot_source(picture: Picture, sheet: Sheet, *, direction: str = "TB", has: tuple[str, ...] = ()) -> str:
    """The DOT text."""
    return "\n".join(_Dot(picture, sheet, direction, has).lines()) + "\n"


class _Dot:
    def __init__(self, picture: Picture, sheet: Sheet, direction: str, has: tuple[str, ...]) -> None:
        self.picture, self.sheet, self.direction, self.has = picture, sheet, direction, has
        self.looks = LOOKS | {
            k: LOOKS[k] | v for k, v in WITH_NUMBERS.items() if {"values", "grads", "compare"} & {*has}
        }
        heads: dict[str, list[str]] = {}
        for way in picture.ways:
            heads.setdefault(way.tail, []).append(way.head)
        self.places = {key: [key] for key in picture.nodes}
        for key, shown in picture.nodes.items():
            if shown.kind in LEAVES and not shown.result and len(heads.get(key, ())) > MOST_EDGES:
                self.places[key] = [f"{key}_{head}" for head in heads[key]]

    def lines(self) -> Iterator[str]:
        graph = {
            "bgcolor": "white", "pad": "0.25", "nodesep": "0.35", "ranksep": "0.4", "fontname": FONT,
            "rankdir": self.direction,
        }  # fmt: skip
        if self.picture.notes:
            said = "<br/>".join(text(note, 200) for note in self.picture.notes)
            graph |= {"label": f"<{said}>", "labelloc": "t", "fontsize": "12", "fontcolor": MUTED}
        if _crossings(self.picture) > TANGLE:
            graph |= {"splines": "line", "nslimit": "2", "nslimit1": "2", "mclimit": "0.3"}
        node = {"fontname": FONT, "fontsize": "12", "fontcolor": INK, "penwidth": "1.2", "margin": "0.14,0.07"}
        edge = {"color": LINE, "arrowsize": "0.7", "fontname": FONT, "fontsize": "9", "fontcolor": MUTED}
        yield "digraph tape {"
        for what, attributes in (("graph", graph), ("node", node), ("edge", edge)):
            yield f"\t{what}{_list(attributes)}"
        yield from self._clusters()
        for way in self.picture.ways:
            yield self._way(way)
        yield from self._legend()
        yield "}"

    def _clusters(self) -> Iterator[str]:
        inside: dict[Cluster | None, list[Shown]] = {}
        for shown in self.picture.nodes.values():
            inside.setdefault(shown.cluster, []).append(shown)
        below: dict[Cluster | None, list[Cluster]] = {}
        for inner in self.picture.clusters:
            below.setdefault(inner.parent, []).append(inner)
        stack: list[tuple[Cluster | None, bool]] = [(None, True)]
        depth = 0
        while stack:
            c, opens = stack.pop()
            if not opens:
                depth -= 1
                yield "\t" * (depth + 1) + "}"
                continue
            if c is not None:
                tabs = "\t" * (depth + 1)
                look = {"label": f"<{text(cluster_name(c, self.picture))}>"} | CLUSTER
                yield f"{tabs}subgraph cluster_{c.key} {{"
                yield f"{tabs}\tgraph{_list(look)}"
                depth += 1
                stack.append((c, False))
            tabs = "\t" * (depth + 1)
            for shown in inside.get(c, ()):
                yield from (tabs + line for line in self._node(shown))
            # What a cotangent belongs to stands beside it.
            for shown in inside.get(c, ()):
                if f"grad_{shown.key}" in self.picture.nodes and len(self.places[shown.key]) == 1:
                    yield f"{tabs}{{rank=same {shown.key} grad_{shown.key}}}"
            stack += [(inner, True) for inner in reversed(below.get(c, []))]

    def _node(self, shown: Shown) -> Iterator[str]:
        places = self.places[shown.key]
        look = dict(self.looks[shown.kind])
        if shown.result and shown.kind in LEAVES:
            look["peripheries"] = "2"
        verdict = self._verdict(shown)
        if verdict is not None:
            _, fill, line = STATUS_LOOKS[verdict]
            look |= {"fillcolor": fill, "color": line, "penwidth": "2.2"}
        label = label_of(shown, self.picture, self.sheet, self.has, len(places))
        for place in places:
            attributes = {"label": f"<{label}>", "tooltip": tip_of(shown, self.sheet)} | look
            yield f"{place}{_list(attributes)}"

    def _verdict(self, shown: Shown) -> str | None:
        """The gravest of those it stands for."""
        if shown.node is None:
            return None
        keys = shown.closed.members if shown.closed is not None else [shown.node.primal or shown.node.key]
        found = {self.sheet.verdicts[key].status for key in keys if key in self.sheet.verdicts}
        return max(found, key=list(SIGNS).index, default=None)

    def _way(self, way: Way) -> str:
        look: Look = {}
        label = way_label(way, self.sheet, self.has)
        if label:
            look["label"] = f"<{label}>"
        tail, head = self.picture.nodes[way.tail], self.picture.nodes[way.head]
        if way.again:
            look |= {"constraint": "false", "style": "dashed"}
        elif tail.kind not in LEAVES:
            look["weight"] = "4"  # the chain of ops runs straight down, leaves stand beside it
        start = way.tail if len(self.places[way.tail]) == 1 else f"{way.tail}_{way.head}"
        if tail.key.startswith("grad_") and head.key.startswith("grad_"):
            look |= {"color": BACK, "fontcolor": "#7a4a78"}
            if not way.again:  # upwards, beside the forward pass
                return f"\t{head.key} -> {start}{_list(look | {'dir': 'back'})}"
        return f"\t{start} -> {way.head}{_list(look)}"

    def _legend(self) -> Iterator[str]:
        kinds = {shown.kind for shown in self.picture.nodes.values()}
        entries = [
            (f"legend_{kind}", WORDS.get(kind, kind), self.looks[kind]) for kind in LOOKS if kind in kinds - {"elided"}
        ]
        used = {self._verdict(shown) for shown in self.picture.nodes.values()}
        for status, says in STATUSES.items():
            if status in used:
                sign, fill, line = STATUS_LOOKS[status]
                look = self.looks["op"] | {"fillcolor": fill, "color": line}
                entries.append((f"legend_{status}", f"{sign} {says}", look))
        if not entries:
            return
        yield "\tsubgraph cluster_legend {"
        yield f"\t\tgraph{_list(LEGEND)}"
        yield f"\t\tnode{_list({'fontsize': '10', 'fontcolor': MUTED, 'height': '0.25', 'margin': '0.1,0.03'})}"
        for key, says, look in entries:
            yield f"\t\t{key}{_list({'label': says, 'tooltip': 'legend'} | look)}"
        row = -(-len(entries) // -(-len(entries) // ROW))  # rows of equal length
        rows = [entries[i : i + row] for i in range(0, len(entries), row)]
        for above, below in pairwise(rows):
            for (upper, *_), (lower, *_) in zip(above, below, strict=False):
                yield f"\t\t{upper} -> {lower}{_list({'style': 'invis'})}"
        yield "\t}"
        for shown in self.picture.nodes.values():
            if shown.result:  # an edge that is not seen puts the legend below the graph
                place = self.places[shown.key][0]
                yield f"\t{place} -> {rows[0][len(rows[0]) // 2][0]}{_list({'style': 'invis'})}"


def _list(attributes: Mapping[str, str]) -> str:
    """``[name="value" ...]``; what begins with ``<`` is an HTML-like label, which stands without quotes."""
    parts = [f"{k}={v}" if k == "label" and v[:1] == "<" else f'{k}="{_quoted(v)}"' for k, v in attributes.items()]
    return f" [{' '.join(parts)}]" if parts else ""


def _quoted(text: str) -> str:
    r"""Text inside quotes: a backslash would be a command such as ``\N``, a quote would end it."""
    return printable(text).replace("\\", r"\\").replace('"', r"\"")


def _crossings(picture: Picture) -> int:
    """How many rows the edges between ops cross, all together: what dot's time grows with."""
    row: dict[str, int] = {}
    crossed = 0
    tails: dict[str, list[str]] = {}
    for way in picture.ways:
        tails.setdefault(way.head, []).append(way.tail)
    for key, shown in picture.nodes.items():
        if shown.kind not in LEAVES:
            above = [row[tail] for tail in tails.get(key, ()) if tail in row]
            row[key] = max(above, default=0) + 1
            crossed += sum(row[key] - a for a in above)
    return crossed
