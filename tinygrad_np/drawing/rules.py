"""What an op computes, and what its local rules do: as NumPy source and as LaTeX, in the names of the graph."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..core.backward import Sparse, unbroadcast
from ..core.modes import PLAIN, switch
from ..core.primitive import item
from ..core.record import Record
from ..core.tape import trace
from ..core.tensor import Tensor
from ..writing.formulas import formula_of
from ..writing.helpers import Helpers
from ..writing.layout import text_of
from ..writing.literals import dotted
from ..writing.notation import expression
from ..writing.numpy_source import to_numpy
from ..writing.tex import Formula, constant, symbol

__all__ = ["Rules", "code_of", "tex_of"]

LONGEST = 2000  # letters of a formula
MANY_RECORDS = 40  # of a rule: a longer one is not written as a formula
PLACE = re.compile(r"\\mathrm\{place([a-z]+)zz\}|place([a-z]+)zz")
SPELLED = {"\\": r"\backslash ", "^": r"\hat{}", "~": r"\sim "} | {c: "\\" + c for c in "{}$&#_%"}  # in LaTeX
Text = tuple[str | None, str | None]  # NumPy, LaTeX


def code_of(r: Record, labels: Mapping[Record, str]) -> str | None:
    """The op as one NumPy expression; None if it cannot be written."""
    try:
        operands = [
            dotted(_scalar(x) if p is None else _place(i))
            for i, (p, x) in enumerate(zip(r.inputs, r.values, strict=True))
        ]
        text = text_of(expression(r, operands, Helpers(set())))
    except Exception:  # an op of the user's may hold anything; a drawing does without its source
        return None
    names = {_letters(i): labels[p] for i, p in enumerate(r.inputs) if p is not None}
    return _put(text, names)


def tex_of(r: Record, labels: Mapping[Record, str]) -> str | None:
    """The op as a LaTeX formula of its inputs."""
    try:
        operands = [
            constant(x) if p is None else Formula(_tex_name(labels[p])) for p, x in zip(r.inputs, r.values, strict=True)
        ]
        return formula_of(r, operands).text[:LONGEST]
    except Exception:  # as above
        return None


def _scalar(x: Any) -> str:
    return repr(x.item() if isinstance(x, np.generic) else x)


def _place(i: int) -> str:
    """What stands for the name of input ``i`` until it is put there."""
    return f"place{_letters(i)}zz"


def _letters(i: int) -> str:
    """A number in letters, so that no pattern takes a part of it for a number."""
    return "".join(chr(97 + int(c)) for c in str(i))


def _tex_name(label: str) -> str:
    """A name as a symbol; what LaTeX would obey is spelled out."""
    if re.fullmatch(r"[A-Za-z]\w*", label, re.ASCII):
        return symbol(label)
    digits = re.fullmatch(r"%(\d+)", label)
    if digits:
        return rf"v_{{{digits[1]}}}"
    return rf"\text{{{''.join(SPELLED.get(c, c) for c in label[:40])}}}"


def _put(text: str, names: Mapping[str, str]) -> str:
    """Names in their places."""
    return PLACE.sub(lambda m: names.get(m[1] or m[2], m[0]), text)[:LONGEST]


class Rules:
    """Writes local rules; a rule of the same op on the same shapes is written once.

    Parameters
    ----------
    labels
        What each record is called.
    values
        Values where they are known: a rule runs on them, as an inverse has none of zeros.
    """

    def __init__(self, labels: Mapping[Record, str], values: Mapping[Record, Any]) -> None:
        self.labels, self.values = labels, values
        self.known: dict[Any, Text] = {}

    def __call__(self, r: Record, argument: int) -> Text:
        """The rule for this argument, in ``g``, ``y`` (or the output's name) and the inputs' names."""
        key = (r.primitive, argument, _sign(r))
        if key not in self.known:
            self.known[key] = self._written(r, argument)
        names = {_letters(i): self.labels[p] for i, p in enumerate(r.inputs) if p is not None}
        names["y"] = self._output(r)
        code, tex = self.known[key]
        symbols = {place: _tex_name(name) for place, name in names.items()}
        return (code and _put(code, names)), (tex and _put(tex, symbols))

    def _output(self, r: Record) -> str:
        label = self.labels.get(r, "y")
        return label if label.isidentifier() else "y"

    def _written(self, r: Record, argument: int) -> Text:
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"), switch(**PLAIN._asdict()):
                warnings.simplefilter("ignore")
                return self._trace(r, argument)
        except Exception:  # a rule of the user's may do what no tape holds; the drawing does without
            return None, None

    def _trace(self, r: Record, argument: int) -> Text:
        prim: Any = r.primitive
        p: Any = r.inputs[argument]
        if prim is item or p.dtype is None:
            return None, None
        several = r.dtype is None
        shapes = r.shape if several else (r,)
        visible = shapes[: len(shapes) - prim.hidden] if several else shapes
        known = self.values.get(r)
        outputs = known if isinstance(known, tuple) else (known,) * (known is not None) or (None,) * len(shapes)
        one = len(visible) == 1
        gs = [_stand(None, s, "g" if one else f"g_{i}") for i, s in enumerate(visible)]
        ys = [
            _stand(v, s, "placeyzz" + f"_{i}" * several) for i, (s, v) in enumerate(zip(shapes, outputs, strict=True))
        ]
        xs = {i: _stand(self.values.get(q), q, _place(i)) for i, q in enumerate(r.inputs) if q is not None}

        def rule(*given: Any) -> Any:
            g, y = given[: len(gs)], given[len(gs) : len(gs) + len(ys)]
            arguments = dict(enumerate(r.values)) | dict(zip(xs, given[len(gs) + len(ys) :], strict=True))
            rules = prim.vjps if prim.fixed else prim.rules(len(r.inputs))
            c = rules[argument](g[0] if one else g, y if several else y[0], *arguments.values(), **(r.params or {}))
            c = c.join(None, False) if isinstance(c, Sparse) else c
            broadcast = prim.core_dims is not None and c.shape != p.shape
            return unbroadcast(c, p.shape, r.shape, prim.core_dims) if broadcast else c

        tape = trace(rule, *gs, *ys, *xs.values())
        return _source(tape), _formula(tape)


def _stand(value: Any, like: Any, name: str) -> Tensor:
    """A Tensor of this name: of the value where it is known."""
    return Tensor(np.ones(like.shape, like.dtype) if value is None else value, name=name)


def _sign(r: Record) -> Any:
    """Equal for records whose rules are written alike."""
    inputs = (
        _scalar(x) if p is None else (p.shape if p.dtype is not None else len(p.shape), p.dtype)
        for p, x in zip(r.inputs, r.values, strict=True)
    )
    return tuple(inputs), repr(r.params) if r.params else None


def _source(tape: Any) -> str | None:
    """The body of the rule: one expression, or statements of which the last returns the contribution."""
    try:
        text = to_numpy(tape, "rule", comments=False)
    except Exception:  # WriteError, or an op whose source is not at hand
        return None
    body = text.rpartition("def rule(")[2].split("\n    ", 1)[-1].split('"""')[-1]
    lines = [line.removeprefix("    ") for line in body.rstrip().split("\n") if line.strip()]
    lines[-1] = lines[-1].removeprefix("return ")
    return "\n".join(lines)


def _formula(tape: Any) -> str | None:
    if len(tape.records) > MANY_RECORDS:
        return None
    known: dict[Record, Formula] = {}
    for r in tape.inputs:
        known[r] = Formula(r.name)
    for r in tape.constants:
        one = isinstance(r.y, np.ndarray) and r.y.size == 1
        known[r] = constant(r.y.item()) if one else Formula(r"\mathrm{const}")
    for r in tape.records:
        operands = [constant(x) if p is None else known[p] for p, x in zip(r.inputs, r.values, strict=True)]
        known[r] = formula_of(r, operands)
        if len(known[r].text) > LONGEST:
            return None
    return known[tape.outputs[0]].text
