"""Records as LaTeX formulas, from the notation that each op carries.

An op without a notation is written as a named call, and so is one whose notation would hide something: an argument,
or an option that changes what is computed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.record import Record
from ..passes.rewrite import op_of
from .tex import ATOM, PREFIX, PRODUCT, SUM, Formula, raised, scripted

__all__ = ["formula_of"]

COMPARE = {
    "greater": ">", "greater_equal": r"\ge", "less": "<", "less_equal": r"\le", "equal": "=", "not_equal": r"\ne",
}  # fmt: skip
LOGIC = {
    "bitwise_or": r"\lor", "bitwise_and": r"\land", "invert": r"\lnot", "logical_or": r"\lor",
    "logical_and": r"\land", "logical_not": r"\lnot",
}  # fmt: skip
FUNCTION = re.compile(r"-?\\(?:ln|log|max|min|sum|prod|det|exp)\b")
HELD = re.compile(r"[({|]\{\d\}[)}|,]|, \{\d\}\)|\[\{\d\}")  # operands that the template itself brackets
PLACE = re.compile(r"\{\d\}")
GROUP = re.compile(r"\{[^{}]*\}|\([^()]*\)|\|[^|]*\|")
INFIX = re.compile(r" (?:[-+*/]|\\(?:odot|times|star|cdot|bmod)\b)")
NAMED = re.compile(r"\\operatorname\{\{\w+\}\}|\\(?:sum|prod|max|min)\b")  # what can carry a subscript
TERMS = ("add", "negative", "number")  # what a sum may begin with, unbracketed
UNSAID = frozenset(("keepdims", "dtype", "copy", "casting", "subok", "optimize", "out", "rng", "full_matrices"))


def formula_of(r: Record, operands: Sequence[Formula]) -> Formula:
    """The formula of one record on these operands. An option that changes what is computed is never left out."""
    p = r.primitive
    assert p is not None  # no leaf
    if not p.elementwise:  # an array of one number throughout is one number only for what broadcasts
        pairs = zip(r.inputs, operands, strict=True)
        operands = [_filled_with(f, x) if f.op == "number" and x is not None and x.shape else f for x, f in pairs]
    name = op_of(r)
    if name in COMPARE and len(operands) == 2:
        left, right = (f.text if f.op == "number" else f.within(PRODUCT) for f in operands)
        return Formula(rf"\left[{left} {COMPARE[name]} {right}\right]", ATOM, name)
    if name in SPECIAL:
        found = SPECIAL[name](r, operands)
        if found is not None:
            return found
    options = _options(r)
    carrier = NAMED.search(p.tex or "")
    shown = {int(m[0][1:-1]) for m in PLACE.finditer(p.tex or "")}
    if p.tex is None or len(operands) > len(shown) or (options and not carrier):
        return _call(p.name, options, operands)
    template = p.tex
    if options and carrier:
        below = options.replace("{", "{{").replace("}", "}}")
        template = f"{template[: carrier.end()]}_{{{{{below}}}}}{template[carrier.end() :]}"
    return _filled(template, p, operands)


def _call(name: str, options: str, operands: Sequence[Formula]) -> Formula:
    """An op by its name: ``reshape_{4 x 3}(x)``."""
    below = f"_{{{options}}}" if options else ""
    return Formula(rf"\operatorname{{{_plain(name)}}}{below}({', '.join(f.text for f in operands)})", ATOM, "call")


def _plain(text: str) -> str:
    return re.sub(r"[&%$#_{}]", lambda m: rf"\{m[0]}", text.replace("\\", " ").replace("^", " ").replace("~", " "))


def _options(r: Record) -> str:
    """What the options of this call change, as a subscript."""
    p, said = r.primitive, []
    n = max((len(x.shape) for x in (r, *r.inputs) if x is not None and x.dtype is not None), default=0)
    defaults = p.defaults or {}  # type: ignore[union-attr]  # no leaf
    for key, value in (r.params or {}).items():
        if key in UNSAID or value is None:
            continue
        if key in ("axis", "axes") and isinstance(value, int | tuple):
            axes = [int(i) % max(n, 1) for i in (value if isinstance(value, tuple) else (value,))]
            if n > 1 and (len(axes) < n or axes != sorted(axes)):
                said.append(_axes(axes, bool((r.params or {}).get("keepdims"))))
        elif key == "shape":
            said.append(_sizes(r.shape))
        elif not (key in defaults and type(value) is type(defaults[key]) and _same(value, defaults[key])):
            said.append(rf"\text{{{_plain(key)} {_plain(_short(value))}}}")
    return ", ".join(said)


def _axes(axes: Sequence[int], kept: bool = False) -> str:
    if not axes:
        return r"\text{no axis}"
    text = rf"\text{{{'axis' if len(axes) == 1 else 'axes'} }} {', '.join(map(str, axes))}"
    return text + r" \text{ kept}" * kept


def _same(a: Any, b: Any) -> bool:
    return bool(np.array_equal(a, b)) if isinstance(a, np.ndarray) else bool(a == b)


def _short(value: Any) -> str:
    text = getattr(value, "__name__", None) or str(value)
    text = re.sub("[<>]", "", text)
    return text if len(text) <= 40 else f"{text[:37]}..."


def _filled(template: str, p: Any, operands: Sequence[Formula]) -> Formula:
    """The template with operands, bracketed where the template does not hold them itself."""
    if template == "{0}":
        return operands[0]
    spans = [m.span() for m in HELD.finditer(template)]
    texts = []
    for i, f in enumerate(operands):
        at = template.find(f"{{{i}}}")
        held = any(a <= at < b for a, b in spans)
        then = template[at + 3 : at + 4]
        texts.append(raised(f) if then == "^" else scripted(f) if then == "_" else f.text if held else f.within(ATOM))
    is_power = re.search(r"\}\^\{\{.*\}\}$", template) is not None
    outermost = "power" if is_power else "function" if FUNCTION.match(template) else p.name
    return Formula(template.format(*texts), _holds(template), outermost)


def _holds(template: str) -> int:
    """How tightly a template holds together, by what stands in no bracket."""
    bare, before = PLACE.sub("X", template).replace("{{", "{").replace("}}", "}"), ""
    while bare != before:
        before, bare = bare, GROUP.sub("", bare)
    if INFIX.search(bare):
        return SUM
    return PREFIX if " " in bare or bare.startswith("-") else ATOM


# Forms that depend on their operands


def _term(f: Formula) -> str:
    return f.text if f.op in TERMS or (f.op == "scaled" and f.text.startswith("-")) else f.within(PRODUCT)


def _add(r: Record, operands: Sequence[Formula]) -> Formula:
    a, b = operands
    subtract = op_of(r) == "subtract"
    if b.text.startswith("-") and not subtract and (b.op in (*TERMS, "scaled") or b.holds == PREFIX):
        return Formula(f"{_term(a)} - {b.text[1:]}", SUM, "add")
    second = b.within(PRODUCT) if subtract else _term(b)
    return Formula(f"{_term(a)} {'-' if subtract else '+'} {second}", SUM, "add")


def _negative(_: Record, operands: Sequence[Formula]) -> Formula:
    return Formula(f"-{operands[0].within(PRODUCT)}", SUM, "negative")


def _factor(f: Formula, *kinds: str) -> str:
    """One factor of a product: products of these kinds need no brackets."""
    return f.text if f.holds == PRODUCT and f.op in kinds else f.within(ATOM)


def _multiply(r: Record, operands: Sequence[Formula]) -> Formula:
    a, b = operands
    shapes = [p.shape if p is not None else () for p in r.inputs]
    if a.text == "1" and shapes[1] == r.shape:
        return b
    if b.text == "1" and shapes[0] == r.shape:
        return a
    scalar = [s == () for s in shapes]
    if scalar[1] and not scalar[0]:
        a, b, scalar = b, a, scalar[::-1]
    scales = scalar[0] or a.op == "number"
    left = a.text if a.op == "number" else _factor(a, "multiply", "scaled")
    right = _factor(b, "multiply", "scaled") if scales else _factor(b, "multiply")
    numbers = left[-1:] in "0123456789}" and right[:1].isdigit()
    joint = r" \cdot " if numbers else r" \, " if scales else r" \odot "
    kind = "scaled" if scales else "multiply"
    return Formula(joint.join((left, right)), SUM if left.startswith("-") else PRODUCT, kind)


def _matmul(_: Record, operands: Sequence[Formula]) -> Formula:
    return Formula(r" \, ".join(_factor(f, "matmul") for f in operands), PRODUCT, "matmul")


def _filled_with(f: Formula, x: Record) -> Formula:
    return Formula(rf"\left[{f.text}\right]_{{{_sizes(x.shape)}}}", ATOM, "array")


def _sizes(shape: Sequence[int]) -> str:
    return r" \times ".join(map(str, shape)) or "()"


def _transpose(r: Record, operands: Sequence[Formula]) -> Formula:
    n = len(r.shape)
    axes = (r.params or {}).get("axes")
    order = [i % n for i in axes] if axes is not None else list(range(n))[::-1]
    if n > 1 and order == [*range(n - 2), n - 1, n - 2]:
        return Formula(rf"{raised(operands[0])}^{{\mathsf{{T}}}}", ATOM, "transpose")
    return _call("transpose", _axes(order), operands) if n > 1 else operands[0]


def _sum(r: Record, operands: Sequence[Formula]) -> Formula:
    (x,) = r.inputs
    axis = (r.params or {}).get("axis")
    n = len(x.shape) if x is not None else 0
    name = op_of(r)
    sign = r"\sum" if name == "sum" else rf"\operatorname{{{name}}}"
    axes = axis if isinstance(axis, tuple) else (axis,)
    if axis == ():
        return operands[0]
    where = ""
    kept = bool((r.params or {}).get("keepdims"))
    if axis is not None and len(axes) < n:
        if n == 2 and name == "sum" and axes[0] % 2 == 0 and not kept:
            return Formula(rf"\mathbf{{1}}^{{\mathsf{{T}}}} {_factor(operands[0], 'matmul')}", PRODUCT, "sum")
        where = f"_{{{_axes([i % n for i in axes], kept)}}}"
    if name != "sum":
        return Formula(f"{sign}{where}({operands[0].text})", ATOM, "call")
    return Formula(f"{sign}{where} {operands[0].within(PRODUCT)}", PRODUCT, "sum")


def _power(_: Record, operands: Sequence[Formula]) -> Formula:
    top = operands[1] if len(operands) > 1 else Formula("2")
    if top.op == "number" and top.text.startswith("-"):  # of a matrix, -1 would be its inverse
        below = operands[0].text if top.text == "-1" else f"{raised(operands[0])}^{{{top.text[1:]}}}"
        return Formula(rf"\frac{{1}}{{{below}}}", ATOM, "divide")
    return Formula(f"{raised(operands[0])}^{{{top.text}}}", ATOM, "power")


def _relu(_: Record, operands: Sequence[Formula]) -> Formula:
    return Formula(rf"\max(0, {operands[0].text})", ATOM, "function")


def _place(index: Any, arrays: Sequence[Formula]) -> str:
    """An index as it is typed, the arrays in it by their formulas."""
    rest = iter(f.text for f in arrays)

    def part(i: Any) -> str:
        if isinstance(i, str):
            return next(rest)
        if isinstance(i, slice):
            start, stop = ("" if v is None else str(v) for v in (i.start, i.stop))
            return f"{start}:{stop}" + (f":{i.step}" if i.step is not None else "")
        return r"\dots" if i is Ellipsis else r"\text{new}" if i is None else str(i)

    return ", ".join(part(i) for i in (index if isinstance(index, tuple) else (index,)))


def _getitem(r: Record, operands: Sequence[Formula]) -> Formula:
    where = _place((r.params or {})["index"], operands[1:])
    return Formula(rf"{scripted(operands[0])}_{{[{where}]}}", ATOM, "getitem")


def _scatter(r: Record, operands: Sequence[Formula]) -> Formula:
    """Into zeros, at an index."""
    return _call("scatter", f"[{_place((r.params or {})['index'], operands[1:])}]", operands[:1])


def _setitem(r: Record, operands: Sequence[Formula]) -> Formula:
    return _call("set", f"[{_place((r.params or {})['index'], operands[2:])}]", operands[:2])


def _item(r: Record, operands: Sequence[Formula]) -> Formula:
    return Formula(rf"{scripted(operands[0])}_{{({(r.params or {})['index'] + 1})}}", ATOM, "item")


def _joined(r: Record, operands: Sequence[Formula]) -> Formula:
    axis = (r.params or {}).get("axis")
    n = len(r.shape)
    below = "" if n < 2 or axis is None else f"_{{{_axes([axis % n])}}}"
    return Formula(rf"\left[{', '.join(f.text for f in operands)}\right]{below}", ATOM, "concatenate")


def _where(_: Record, operands: Sequence[Formula]) -> Formula:
    condition, a, b = (f.text for f in operands)
    inner = rf"{a} & \text{{where }} {condition} \\ {b} & \text{{elsewhere}}"
    return Formula(rf"\begin{{cases}} {inner} \end{{cases}}", SUM, "where")


def _logic(r: Record, operands: Sequence[Formula]) -> Formula | None:
    sign = LOGIC[op_of(r)]
    if r.dtype.kind != "b":
        return None
    if len(operands) == 1:
        return Formula(f"{sign} {operands[0].within(ATOM)}", PREFIX, "logic")
    return Formula(rf"\left[{f' {sign} '.join(f.within(PREFIX) for f in operands)}\right]", ATOM, "logic")


def _broadcast(r: Record, operands: Sequence[Formula]) -> Formula:
    return _call("broadcast", _sizes(r.shape), operands)


def _converted(r: Record, operands: Sequence[Formula]) -> Formula | None:
    """Another dtype: worth a word where digits may be lost for good."""
    (x,) = r.inputs
    loses = x is not None and x.dtype.kind in "fc" and r.dtype.kind not in "fc"
    return _call(r.dtype.name, "", operands) if loses else operands[0]


def _unchanged(_: Record, operands: Sequence[Formula]) -> Formula:
    return operands[0]


SPECIAL: dict[str, Callable[[Record, Sequence[Formula]], Formula | None]] = {
    "add": _add, "subtract": _add, "negative": _negative, "multiply": _multiply, "matmul": _matmul,
    "transpose": _transpose, "sum": _sum, "mean": _sum, "power": _power, "square": _power, "relu": _relu,
    "where": _where, **dict.fromkeys(LOGIC, _logic), "getitem": _getitem, "gather": _getitem, "scatter": _scatter,
    "setitem": _setitem, "item": _item, "concatenate": _joined, "alias": _unchanged, "broadcast_to": _broadcast,
    "astype": _converted, "copy": _unchanged,
}  # fmt: skip
