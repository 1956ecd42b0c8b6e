"""draw(): a Tensor, a Tape or a function call as a picture, and what can be done with it."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

from ..core.tape import Tape, tape_of, trace
from ..core.tensor import Tensor
from .dot import dot_source
from .picture import picture_of
from .renderer import FORMATS, rendered

__all__ = ["Drawing", "draw"]


class Drawing:
    """A drawn tape; made by `draw`. A notebook shows it as a picture, ``print`` as the text of the tape.

    Attributes
    ----------
    tape : Tape
    source : str
        The drawing in Graphviz' language DOT; the same tape gives the same text.
    """

    def __init__(self, tape: Tape, max_nodes: int = 400) -> None:
        self.tape = tape
        self.picture = picture_of(tape, max_nodes)

    @cached_property
    def source(self) -> str:
        return dot_source(self.picture)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the DOT text to ``path``; gives the path."""
        return _written(Path(path), self.source.encode())

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
                + (": save() writes DOT text" if form in ("dot", "gv") else "")
            )
        _directory(path)  # before the work, not after it
        return _written(path, rendered(self.source, form))

    def __str__(self) -> str:
        if self.picture.left_out:
            return f"{self!r}; print(drawing.tape) lists them all"
        return str(self.tape)

    def __repr__(self) -> str:
        return f"<Drawing of {self.picture.ops:,} ops and {self.picture.leaves:,} leaves>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        bundle = {}
        try:
            bundle["text/plain"] = str(self)
            bundle["image/svg+xml"] = rendered(self.source, "svg", timeout=20).decode()
        except Exception:  # a notebook cell that shows a value must not fail for want of a program
            bundle.setdefault("text/plain", repr(self))
        return bundle


def draw(x: Tensor | Tape | Callable[..., Any], *args: Any, max_nodes: int = 400) -> Drawing:
    """Draw the graph that leads to a Tensor, a tape, or what a function does with example arguments.

    Ops, parameters, inputs and constants each have their shape and colour; a node says the user's variable, the op,
    and shape and dtype of its value. After ``backward()`` the drawing is the same: the structure stays.

    Parameters
    ----------
    x
        A Tensor, a `Tape`, or a function.
    *args
        Example arguments for a function: ``trace(x, *args)`` is drawn.
    max_nodes
        Of a larger graph its beginning and its end are shown, and how much is left out between them.

    Raises
    ------
    TypeError
        If ``x`` is something else, or arguments are given that no function takes.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_np import draw
    >>> drawing = draw(lambda x, w: np.tanh(x @ w), np.ones((4, 3)), np.ones((3, 2)))
    >>> drawing
    <Drawing of 2 ops and 2 leaves>
    >>> "matmul" in drawing.source
    True
    """
    if max_nodes < 2:
        raise ValueError(f"max_nodes is how many nodes are shown, 2 or more; got {max_nodes}")
    if isinstance(x, Tensor | Tape):
        if args:
            raise TypeError(
                f"draw takes example arguments after a function only; got a {type(x).__name__} and {len(args)} more"
            )
        return Drawing(x if isinstance(x, Tape) else tape_of(x), max_nodes)
    if not callable(x):
        raise TypeError(f"draw takes a Tensor, a Tape, or a function and example arguments; got {type(x).__name__}")
    return Drawing(trace(x, *args), max_nodes)


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
