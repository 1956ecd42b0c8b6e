"""Records as LaTeX formulas, from the notation that each op carries.

A formula is a text and how tightly it holds together, so that brackets stand where they are needed and nowhere else.
An op without a notation is written as a named call.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..core.record import Record
from .literals import reciprocal

__all__ = ["ATOM", "Formula", "formula_of", "number", "symbol"]

SUM, PRODUCT, PREFIX, ATOM = 1, 2, 3, 4
GREEK = frozenset((
    "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu", "nu", "xi",
    "pi", "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi", "omega", "Gamma", "Delta", "Theta", "Lambda", "Xi",
    "Pi", "Sigma", "Phi", "Psi", "Omega",
))  # fmt: skip
COMPARE = {
    "greater": ">", "greater_equal": r"\ge", "less": "<", "less_equal": r"\le", "equal": "=", "not_equal": r"\ne",
}  # fmt: skip
LOGIC = {
    "bitwise_or": r"\lor", "bitwise_and": r"\land", "invert": r"\lnot", "logical_or": r"\lor",
    "logical_and": r"\land", "logical_not": r"\lnot",
}  # fmt: skip
SUPERSCRIPTS = ("exp", "transpose", "power", "square", "inv")
PROTECTED = re.compile(r"[({|]\{\d\}[)}|,]|, \{\d\}\)|\[\{\d\}")


class Formula(NamedTuple):
    text: str
    holds: int = ATOM
    op: str = ""  # of the outermost operation

    def within(self, least: int) -> str:
        """The text, in brackets if it does not hold together tightly enough."""
        return self.text if self.holds >= least else rf"\left({self.text}\right)"


def scripted(f: Formula) -> str:
    """What can take a subscript or superscript: in brackets if it has a superscript, in braces if a subscript."""
    if f.holds < ATOM or f.op in SUPERSCRIPTS:
        return rf"\left({f.text}\right)"
    return f"{{{f.text}}}" if "_" in f.text else f.text


def raised(f: Formula) -> str:
    """What can take a superscript."""
    return rf"\left({f.text}\right)" if f.holds < ATOM or f.op in SUPERSCRIPTS else f.text


def symbol(name: str) -> str:
    r"""A name of the program as a symbol: ``w1`` is ``w_{1}``, ``h_relu`` is ``h_{\mathrm{relu}}``.

    Examples
    --------
    >>> symbol("w1"), symbol("h_relu"), symbol("pred"), symbol("beta2")
    ('w_{1}', 'h_{\\mathrm{relu}}', '\\mathrm{pred}', '\\beta_{2}')
    """
    head, *tail = [part for part in name.split("_") if part] or [name]
    letters, digits = re.fullmatch(r"(.*?)(\d*)", head).groups()  # type: ignore[union-attr]  # it always matches
    letters = letters or "x"
    base = rf"\{letters}" if letters in GREEK else letters if len(letters) == 1 else rf"\mathrm{{{letters}}}"
    below = [digits] * bool(digits) + [t if t.isdigit() or len(t) == 1 else rf"\mathrm{{{t}}}" for t in tail]
    return base + (rf"_{{{', '.join(below)}}}" if below else "")


def number(value: Any) -> str:
    """A number as people write it."""
    value = value.item() if isinstance(value, np.generic | np.ndarray) else value
    if isinstance(value, bool):
        return r"\text{true}" if value else r"\text{false}"
    if isinstance(value, complex):
        return rf"({number(value.real)} + {number(value.imag)} i)"
    if isinstance(value, float):
        if not np.isfinite(value):
            return r"\mathrm{nan}" if np.isnan(value) else r"\infty" if value > 0 else r"-\infty"
        if n := reciprocal(value):
            return rf"{'-' if value < 0 else ''}\tfrac{{1}}{{{n}}}"
        text = f"{value:.6g}"
        if "e" in text:
            digits, power = text.split("e")
            return rf"{digits} \cdot 10^{{{int(power)}}}" if digits != "1" else rf"10^{{{int(power)}}}"
        return text
    return str(value)


def formula_of(r: Record, operands: Sequence[Formula]) -> Formula:
    """The formula of one record on these operands."""
    p = r.primitive
    assert p is not None  # no leaf
    if p.name in COMPARE and len(operands) == 2:
        left, right = (f.within(PRODUCT) for f in operands)
        return Formula(rf"\left[{left} {COMPARE[p.name]} {right}\right]", ATOM, p.name)
    if p.name in SPECIAL:
        found = SPECIAL[p.name](r, operands)
        if found is not None:
            return found
    if p.tex is None:
        inner = ", ".join(f.text for f in operands)
        return Formula(rf"\operatorname{{{p.name.replace('_', chr(92) + '_')}}}({inner})", ATOM, p.name)
    return _filled(p.tex, p.name, operands)


def _filled(template: str, name: str, operands: Sequence[Formula]) -> Formula:
    """The template with operands, bracketed where the template does not hold them itself."""
    spans = [m.span() for m in PROTECTED.finditer(template.replace("{{", "((").replace("}}", "))"))]
    texts = []
    for i, f in enumerate(operands):
        at = template.find(f"{{{i}}}")
        held = any(a <= at < b for a, b in spans) or at < 0
        then = template[at + 3 : at + 4]
        texts.append(raised(f) if then == "^" else scripted(f) if then == "_" else f.text if held else f.within(ATOM))
    bare = template == "{0}"
    open_ended = template[:1] not in "([|{" and re.search(r"(?<![({|])\{\d\}$", template) is not None
    text = template.format(*texts)
    outermost = "power" if re.search(r"\}\^\{\{.*\}\}$", template) else name
    return operands[0] if bare else Formula(text, PREFIX if open_ended else ATOM, outermost)


# Forms that depend on their operands


def _add(r: Record, operands: Sequence[Formula]) -> Formula:
    a, b = operands
    subtract = r.primitive.name == "subtract"  # type: ignore[union-attr]
    if b.text.startswith("-") and not subtract:
        return Formula(f"{a.text} - {b.text[1:]}", SUM, "add")
    sign = "-" if subtract else "+"
    return Formula(f"{a.text} {sign} {b.within(PRODUCT if subtract or b.text.startswith('-') else SUM)}", SUM, "add")


def _negative(_: Record, operands: Sequence[Formula]) -> Formula:
    return Formula(f"-{operands[0].within(PRODUCT)}", SUM, "negative")


def _multiply(r: Record, operands: Sequence[Formula]) -> Formula:
    a, b = operands
    if "1" in (a.text, b.text):
        return b if a.text == "1" else a
    scalar = [p is None or (p.shape == () and p.primitive is None) or p.shape == () for p in r.inputs]
    if scalar[1] and not scalar[0]:
        a, b, scalar = b, a, scalar[::-1]
    numbers = a.text[-1:] in "0123456789}" and b.text[:1].isdigit()
    joint = r" \cdot " if numbers else r" \, " if scalar[0] else r" \odot "
    texts = [f.within(PRODUCT if f.op in ("", "multiply", "sum") else PREFIX) for f in (a, b)]
    return Formula(joint.join(texts), PRODUCT, "multiply")


def _matmul(_: Record, operands: Sequence[Formula]) -> Formula:
    texts = [f.within(PRODUCT if f.op in ("", "matmul") else PREFIX) for f in operands]
    return Formula(r" \, ".join(texts), PRODUCT, "matmul")


def _transpose(r: Record, operands: Sequence[Formula]) -> Formula | None:
    axes = (r.params or {}).get("axes")
    n = len(r.shape)
    flips = axes is None or [i % n for i in axes][-2:] == [n - 1, n - 2]
    return Formula(rf"{raised(operands[0])}^{{\mathsf{{T}}}}", ATOM, "transpose") if n > 1 and flips else None


def _sum(r: Record, operands: Sequence[Formula]) -> Formula:
    (x,) = r.inputs
    axis = (r.params or {}).get("axis")
    n = len(x.shape) if x is not None else 0
    inner = operands[0].within(PRODUCT)
    sign = r"\sum" if r.primitive.name == "sum" else rf"\operatorname{{{r.primitive.name}}}"  # type: ignore[union-attr]
    axes = axis if isinstance(axis, tuple) else (axis,)
    if axis is None or len(axes) == n:
        return Formula(rf"{sign} {inner}", PRODUCT, "sum")
    if n == 2 and len(axes) == 1 and sign == r"\sum" and axes[0] % 2 == 0:
        return Formula(rf"\mathbf{{1}}^{{\mathsf{{T}}}} {operands[0].within(PREFIX)}", PRODUCT, "sum")
    which = ", ".join(str(i % n) for i in axes)
    where = rf"_{{\text{{axis }} {which}}}"
    return Formula(rf"{sign}{where} {inner}", PRODUCT, "sum")


def _power(r: Record, operands: Sequence[Formula]) -> Formula:
    top = operands[1].text if len(operands) > 1 else "2"
    return Formula(f"{raised(operands[0])}^{{{top}}}", ATOM, "power")


def _relu(_: Record, operands: Sequence[Formula]) -> Formula:
    return Formula(rf"\max(0, {operands[0].text})", ATOM, "relu")


def _getitem(r: Record, operands: Sequence[Formula]) -> Formula:
    index = (r.params or {})["index"]
    rest = iter(f.text for f in operands[1:])

    def part(i: Any) -> str:
        if isinstance(i, str):
            return next(rest)
        if isinstance(i, slice):
            start, stop = ("" if v is None else str(v) for v in (i.start, i.stop))
            return f"{start}:{stop}" + (f":{i.step}" if i.step is not None else "")
        return r"\dots" if i is Ellipsis else r"\ast" if i is None else str(i)

    parts = [part(i) for i in (index if isinstance(index, tuple) else (index,))]
    return Formula(rf"{scripted(operands[0])}_{{[{', '.join(parts)}]}}", ATOM, "getitem")


def _item(r: Record, operands: Sequence[Formula]) -> Formula:
    return Formula(rf"{scripted(operands[0])}_{{({(r.params or {})['index'] + 1})}}", ATOM, "item")


def _joined(_: Record, operands: Sequence[Formula]) -> Formula:
    return Formula(rf"\left[{', '.join(f.text for f in operands)}\right]", ATOM, "concatenate")


def _where(_: Record, operands: Sequence[Formula]) -> Formula:
    condition, a, b = (f.text for f in operands)
    inner = rf"{a} & \text{{where }} {condition} \\ {b} & \text{{elsewhere}}"
    return Formula(rf"\begin{{cases}} {inner} \end{{cases}}", SUM, "where")


def _logic(r: Record, operands: Sequence[Formula]) -> Formula | None:
    sign = LOGIC[r.primitive.name]  # type: ignore[union-attr]  # no leaf
    if len(operands) == 1:
        return Formula(f"{sign} {operands[0].within(ATOM)}", PREFIX, "logic")
    return Formula(f" {sign} ".join(f.within(PREFIX) for f in operands), SUM, "logic")


def _same(_: Record, operands: Sequence[Formula]) -> Formula:
    return operands[0]


SPECIAL: dict[str, Callable[[Record, Sequence[Formula]], Formula | None]] = {
    "add": _add, "subtract": _add, "negative": _negative, "multiply": _multiply, "matmul": _matmul,
    "transpose": _transpose, "sum": _sum, "mean": _sum, "power": _power, "square": _power, "relu": _relu,
    "where": _where, **dict.fromkeys(LOGIC, _logic),
    "getitem": _getitem, "gather": _getitem, "item": _item, "concatenate": _joined, "alias": _same,
}  # fmt: skip
