"""draw(): a Tensor, a Tape or a function call as a picture, and what can be done with it."""

from __future__ import annotations

import gc
import json
import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from ..checking.audit.report import AuditReport
from ..checking.comparison import Comparison
from ..core.record import Record
from ..core.tape import Tape, tape_of
from ..core.tensor import Tensor
from .calling import traced
from .document import document
from .dot import dot_source
from .facts import Facts, facts_of
from .graph import graph_of
from .picture import picture_of
from .renderer import FORMATS, rendered
from .sheet import Sheet, add_cotangents
from .text import text_of
from .verdicts import verdicts_of

__all__ = ["Drawing", "draw", "mimebundle"]

DIRECTIONS = ("TB", "LR", "BT", "RL")


class Drawing:
    """A drawn tape; made by `draw`. A notebook shows it as a picture, ``print`` as text.

    Attributes
    ----------
    tape : Tape
    title : str
        What the result is called.
    source : str
        The drawing in Graphviz' language DOT; the same tape gives the same text.
    notes : list of str
        What the reader should know, such as what was closed or left out.
    """

    def __init__(
        self,
        tape: Tape,
        *,
        has: tuple[str, ...] = (),
        compare: Comparison | AuditReport | None = None,
        names: Mapping[str, Any] | None = None,
        depth: int | None = None,
        direction: str = "TB",
        max_nodes: int = 400,
        given: tuple[Record, ...] = (),
        root: Any = None,
        fresh: bool = False,
        title: str | None = None,
    ) -> None:
        self.tape, self.has, self.compare, self.direction = tape, list(has), compare, direction
        grads = "grads" in has or "backward" in has
        numbers = bool({"values", "grads", "compare"} & {*has})  # they differ from one repeat to the next
        with _no_collection():
            self.graph = graph_of(tape, names, given)
            known = grads or "values" in has or "times" in has
            facts = facts_of(tape, grads=grads, root=root, fresh=fresh) if known else Facts()
            verdicts = verdicts_of(self.graph, compare) if compare is not None else {}
            self.sheet = Sheet(self.graph, facts, verdicts, has_values="values" in has or "times" in has)
            if "backward" in has:
                add_cotangents(self.sheet)
            self.picture = picture_of(self.graph, max_nodes, depth, fold=not numbers)
        self.notes = [*self.picture.notes, *self.graph.notes]
        results = [n.name for n in self.graph.nodes.values() if n.result and n.name]
        self.title = results[0] if results else title or "tape"

    @cached_property
    def source(self) -> str:
        return dot_source(self.picture, self.sheet, direction=self.direction, has=tuple(self.has))

    @cached_property
    def text(self) -> str:
        """The drawing in Unicode letters, for a terminal."""
        return text_of(self.picture, self.sheet, tuple(self.has))

    def to_dict(self) -> dict[str, Any]:
        """All that is known of the graph, for programs; README.md beside this file says what each key means."""
        return document(self)

    def to_json(self) -> str:
        """The same as text."""
        return json.dumps(self.to_dict(), ensure_ascii=True, allow_nan=False, separators=(",", ":"))

    def to_html(self, path: str | os.PathLike[str]) -> Path:
        """Write one page that needs nothing else, to look around in and to step through; gives the path."""
        from .page import page

        path = Path(path)
        _directory(path)
        return _written(path, page(self).encode())

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write DOT text, JSON or the text drawing, by the suffix of ``path``; gives the path."""
        path = Path(path)
        form = path.suffix[1:].lower()
        if form in FORMATS or form in ("html", "htm"):
            other = "render" if form in FORMATS else "to_html"
            raise ValueError(f"save writes .dot, .json or .txt; {other}() writes .{form}")
        content = self.to_json() if form == "json" else f"{self.text}\n" if form == "txt" else self.source
        return _written(path, content.encode(errors="backslashreplace"))

    def render(self, path: str | os.PathLike[str]) -> Path:
        """Write a picture, SVG, PNG or PDF by the suffix of ``path``; gives the path.

        Raises
        ------
        ValueError
            If the suffix is another one.
        FileNotFoundError
            If the directory is not there.
        NoRendererError
            If no layout program is installed; it says what to install.
        """
        path = Path(path)
        form = path.suffix[1:].lower()
        if form not in FORMATS:
            raise ValueError(
                f"render writes .svg, .png or .pdf, by the suffix of the path; got {str(path)!r}"
                + (": save() writes DOT, JSON and text" if form in ("dot", "gv", "json", "txt") else "")
                + (": to_html() writes pages" if form in ("html", "htm") else "")
            )
        _directory(path)  # before the work, not after it
        return _written(path, rendered(self.source, form))

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"<Drawing of {self.graph.ops:,} ops and {self.graph.leaves:,} leaves>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        bundle = {}
        try:
            bundle["text/plain"] = str(self)
            bundle["image/svg+xml"] = rendered(self.source, "svg", timeout=20).decode()
        except Exception:  # a notebook cell that shows a value must not fail for want of a program
            bundle.setdefault("text/plain", repr(self))
        return bundle


def draw(
    x: Tensor | Tape | Callable[..., Any],
    *args: Any,
    values: bool = False,
    grads: bool = False,
    backward: bool = False,
    times: bool = False,
    compare: Comparison | AuditReport | None = None,
    names: Mapping[str, Any] | None = None,
    depth: int | None = None,
    direction: str = "TB",
    max_nodes: int = 400,
) -> Drawing:
    """Draw the graph that leads to a Tensor, a tape, or what a function does with example arguments.

    Ops, parameters, inputs and constants each have their shape and colour; a node says the user's variable, the op,
    and shape and dtype of its value. Scopes are boxes; a repeated one is drawn once, with how often. After
    ``backward()`` the drawing is the same: the structure stays.

    Parameters
    ----------
    x
        A Tensor, a `Tape`, or a function.
    *args
        Example arguments for a function, nested dicts and lists of arrays too: what the call does is drawn. Arrays in
        dicts are taken for parameters.
    values
        Write values on the nodes: small arrays in full, of others extent, mean, norm and a heat map or histogram. What
        the tape has not kept is computed again, and refused where a leaf has changed since.
    grads
        Write cotangents on the nodes, what each op keeps for the backward pass, and the share of each path where
        several add up. Of a function without parameters, by all arguments of floating point.
    backward
        Draw the backward pass beside the forward one: a node for each cotangent, an edge for each rule.
    times
        Write on each op how long one run of it takes.
    compare
        A `Comparison` or an `AuditReport`: nodes are coloured and marked by what it says of their gradient.
    names
        Names to show: to each a Tensor of the graph, a variable's name, or a number as in ``print(tape)``, ``"%3"``.
    depth
        Close scopes nested deeper than this: 0 closes all. None: none are closed while the drawing is small enough.
    direction
        Which way the graph runs: "TB" downwards, "LR" to the right, "BT", "RL".
    max_nodes
        A larger drawing folds repeats, closes scopes, and at last shows its beginning and its end; it says so.

    Raises
    ------
    TypeError
        If ``x`` is something else, or arguments are given that no function takes.
    ValueError
        If an option has no such value, a name no node, or cotangents are asked for without one real number to start.
    RuntimeError
        If values are asked for that were freed or changed.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_np import draw
    >>> drawing = draw(lambda x, w: np.tanh(x @ w), np.ones((4, 3)), np.ones((3, 2)))
    >>> drawing
    <Drawing of 2 ops and 2 leaves>
    >>> print(drawing)
    ○    x  input (4, 3) float64
    │ ○  w  input (3, 2) float64
    ├─╯
    ■    %1 = x @ w  (4, 2) float64
    ◉    %2 = np.tanh(%1)  (4, 2) float64
    <BLANKLINE>
    ○ input  ■ operation  ◉ result
    """
    if max_nodes < 2:
        raise ValueError(f"max_nodes is how many nodes are shown, 2 or more; got {max_nodes}")
    if direction not in DIRECTIONS:
        raise ValueError(f"direction is one of {', '.join(DIRECTIONS)}; got {direction!r}")
    if depth is not None and depth < 0:
        raise ValueError(f"depth is how many levels of scopes stay open, 0 or more; got {depth}")
    asked = {"values": values, "grads": grads, "backward": backward, "times": times, "compare": compare is not None}
    options: dict[str, Any] = {
        "has": tuple(k for k, v in asked.items() if v), "compare": compare, "names": names, "depth": depth,
        "direction": direction, "max_nodes": max_nodes,
    }  # fmt: skip
    if isinstance(x, Tensor | Tape):
        if args:
            raise TypeError(
                f"draw takes example arguments after a function only; got a {type(x).__name__} and {len(args)} more"
            )
        return Drawing(x, **options) if isinstance(x, Tape) else Drawing(tape_of(x), root=x.data, **options)
    if not callable(x):
        raise TypeError(f"draw takes a Tensor, a Tape, or a function and example arguments; got {type(x).__name__}")
    tape, given = traced(x, args, grads or backward)
    return Drawing(tape, given=given, fresh=True, title=getattr(x, "__name__", None), **options)


def mimebundle(x: Tensor | Tape) -> dict[str, str]:
    """What a notebook shows of a Tensor or a tape: a picture where it can, text where it cannot, never an error."""
    words = {"text/plain": repr(x)}
    if isinstance(x, Tensor) and x.is_leaf:
        return words
    try:
        bundle = draw(x)._repr_mimebundle_()
    except Exception:  # as in Drawing's own
        return words
    return bundle | words if isinstance(x, Tensor) else bundle


@contextmanager
def _no_collection() -> Iterator[None]:
    """Without the garbage collector, which looks through all of a large graph again and again while it is made."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _directory(path: Path) -> None:
    if not path.parent.is_dir():
        raise FileNotFoundError(f"no directory {str(path.parent)!r} to write {path.name!r} into: make it first")


def _written(path: Path, content: bytes) -> Path:
    """Put a file in place whole or not at all."""
    _directory(path)
    unfinished = path.with_name(f".tinygrad_np-{secrets.token_hex(6)}")
    try:
        unfinished.write_bytes(content)
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)
    return path
