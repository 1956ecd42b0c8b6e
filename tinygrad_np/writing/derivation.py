"""The derivation of a gradient: what a person would write on paper, from the recorded tape.

    derive(f, *args, wrt=["w1", "b1"])

gives the forward formulas, the local derivatives, the chain step by step, with the rule behind each step and why a
transpose or a sum appears, and the update of each parameter. Every formula is printed from a record; nothing is
stated that the tape does not compute.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..core.record import Record
from ..core.tape import Tape
from ..passes.backward import gradient_tape
from ..passes.rewrite import constants_of
from .arguments import Flat
from .formulas import formula_of
from .local import local_derivative
from .reasons import reasons, shapes
from .sheet import Derivation, Item, Section
from .shortcuts import shortcut
from .statements import Statements, readable
from .tex import Formula, constant, symbol

__all__ = ["derive"]

MOVED = "The same numbers in another shape."
RATE = r"\eta"
LITERAL = 9  # elements of a constant that is written out
LONG = 120  # characters of a formula that gets a line of its own


def derive(
    f: Callable[..., Any],
    *args: Any,
    wrt: Sequence[int | str],
    symbols: Mapping[str, str] | None = None,
    title: str | None = None,
) -> Derivation:
    r"""The derivation of the gradient of ``f`` by the arguments ``wrt``.

    Parameters
    ----------
    f
        A function of arrays, or of nested dicts, lists and tuples of them, that gives one number.
    *args
        Example arguments; shapes and dtypes are theirs.
    wrt
        Names of arrays, or names or numbers of arguments, as `write` takes them.
    symbols
        How to write names of the program, ``{"h_relu": "h'", "pred": r"\hat{y}", "loss": "e"}``; others follow
        `symbol`.

    Examples
    --------
    >>> import numpy as np
    >>> def error(w, x, y):
    ...     pred = x @ w
    ...     return np.sum((pred - y) ** 2)
    >>> found = derive(error, np.ones((3, 1)), np.ones((5, 3)), np.ones((5, 1)), wrt=["w"], symbols={"loss": "e"})
    >>> [item.tex for item in found["The chain"].items]  # doctest: +ELLIPSIS
    ['\\frac{\\partial e}{\\partial \\mathrm{pred}} = 2 \\, \\left(\\mathrm{pred} - y\\right)', ...]
    """
    call = Flat(f, args)
    numbers = call.numbers(wrt)
    tape = readable(gradient_tape(call.function, *call.arrays, wrt=numbers))
    name = getattr(f, "__name__", "f")
    sheet = _Sheet(tape, dict(symbols or {}), [tape.inputs[i] for i in numbers])
    values = sheet.values(call.arrays)
    sections = (sheet.shapes(), sheet.forward(), sheet.local(values), sheet.chain(values), sheet.updates())
    default = "The gradient" if name == "<lambda>" else f"The gradient of {name}"
    return Derivation(title or default, tuple(section for section in sections if section.items))


class _Sheet:
    def __init__(self, tape: Tape, symbols: dict[str, str], wrt: list[Record]) -> None:
        self.tape, self.symbols, self.wrt = tape, symbols, wrt
        self.statements = Statements(tape)
        self.formulas: dict[Record, Formula] = {}  # what is written where a record is read
        self.lines: list[tuple[Record, Formula]] = []  # the statements: a record and its right-hand side
        self.root = tape.outputs[0]
        self.taken: dict[str, int] = {}
        self.unnamed = 0
        for i, r in enumerate(tape.inputs):
            self.formulas[r] = self._fresh(self._symbol(r.name or f"x{i}"))
        arrays = constants_of(tape)
        for r in tape.constants:
            a = arrays.get(r)
            named = r.name is None or r.name.startswith("grad_")  # a constant that came out of folding
            plain = a is not None and a.size and np.all(a == a.flat[0])
            if a is not None and (plain or (named and a.ndim in (1, 2) and 0 < a.size <= LITERAL)):
                self.formulas[r] = constant(a)
            else:
                self.formulas[r] = self._fresh(self._symbol(r.name or "c"))
        for r in tape.records:
            formula = self._right_hand_side(r)
            if r in self.statements.chosen or len(formula.text) > LONG:
                self.lines.append((r, formula))
                self.formulas[r] = self._left_hand_side(r)
            else:
                self.formulas[r] = formula
        self._look()

    def _look(self) -> None:
        """What the sections ask more than once: the forward lines, what each names, and who names what."""
        self.ahead = [(r, f) for r, f in self.lines if r not in self.statements.backward]
        known = {r for r, _ in self.lines} | set(self.tape.inputs)
        self.paths = {r: paths(r, known) for r, _ in self.ahead}
        self.named_by: dict[Record, list[Record]] = {}
        for r, found in self.paths.items():
            for v in found:
                self.named_by.setdefault(v, []).append(r)
        self.moving = set(self.wrt)  # what a parameter leads to
        for r in self.tape.records:
            if not self.moving.isdisjoint(r.inputs):
                self.moving.add(r)

    def values(self, args: Sequence[Any]) -> dict[Record, Any]:
        """What each record computes on the example arguments."""
        inputs = [np.asarray(a) for a in args]
        found: dict[Record, Any] = constants_of(self.tape) | dict(zip(self.tape.inputs, inputs, strict=True))
        self.tape(*inputs, watch=lambda r, y: found.__setitem__(r, y))
        return found

    def _symbol(self, name: str) -> str:
        return self.symbols.get(name) or symbol(name)

    def _fresh(self, text: str) -> Formula:
        """The symbol, with a number for what is called the same: h, h^(2), h^(3)."""
        self.taken[text] = n = self.taken.get(text, 0) + 1
        return Formula(text) if n == 1 else Formula(f"{text}^{{({n})}}", op="power")

    def _right_hand_side(self, r: Record) -> Formula:
        pairs = zip(r.inputs, r.values, strict=True)
        return formula_of(r, [constant(x) if p is None else self.formulas[p] for p, x in pairs])

    def _left_hand_side(self, r: Record) -> Formula:
        primal = self._primal(r)
        if primal is not None and primal in self.formulas and self.root in self.formulas:
            return Formula(derivative(self.formulas[self.root].text, self.formulas[primal].text), op="divide")
        name = self.statements.named.get(r)
        if name is not None:
            return self._fresh(self._symbol(name))
        self.unnamed += 1
        return self._fresh(f"t_{{{self.unnamed}}}")

    def _primal(self, r: Record) -> Record | None:
        """The record whose cotangent ``r`` is."""
        primal = r.notes.primal if r.notes is not None else None
        return primal if self.statements.cotangents.get(primal) is r else None

    # The sections

    def shapes(self) -> Section:
        rows = [(r, "parameter" if r in self.wrt else "input") for r in self.tape.inputs]
        rows += [(r, "constant") for r in self.tape.constants if self.formulas[r].op in ("", "power")]
        rows += [(r, "computed") for r, _ in self.ahead if r.dtype is not None]
        names = self.statements.named
        items = []
        for r, kind in rows:
            name = names.get(r) or r.name
            note = f"{kind} `{name}`" if name else f"{kind}, without a name"
            items.append(Item(self.formulas[r].text, note=note, shape=shape_of(r), cell=True))
        text = "Every derivative has the shape of what it is the derivative by."
        return Section("Shapes", text, tuple(items))

    def forward(self) -> Section:
        items = [
            Item(f"{self.formulas[r].text} = {f.text}", note=MOVED if moves_only(r, f) else "", shape=shape_of(r))
            for r, f in self.ahead
        ]
        return Section("Forward pass", "", tuple(items))

    def local(self, values: Mapping[Record, Any]) -> Section:
        """For each formula, its derivative by each thing it names."""
        items = []
        for r, _ in self.ahead:
            for v, ways in self.paths[r].items():
                if v not in self.moving or len(ways) > 1:
                    continue
                found = local_derivative(ways[0], values, self.formulas)
                if found is not None:
                    left = derivative(self.formulas[r].text, self.formulas[v].text)
                    items.append(Item(f"{left} = {found.text}", note=found.note))
        text = (
            "Each formula by each value it is made of. Of a product of matrices the other factor is what an entry is"
            " multiplied by; on which side it comes, and transposed or not, follows in the chain."
        )
        return Section("Local derivatives", text, tuple(items))

    def chain(self, values: Mapping[Record, Any]) -> Section:
        items = []
        for r, f in self.lines:
            if r not in self.statements.backward:
                continue
            note = " ".join(reasons(r, self.statements))
            items.append(Item(f"{self.formulas[r].text} ={self._in_words(r)} {f.text}", note=note, shape=shapes(r)))
            shorter = shortcut(r, f, values, self.formulas, self.tape)
            if shorter is not None:
                items.append(Item(f"{self.formulas[r].text} = {shorter.text}", note=shorter.note))
        text = (
            "From the loss back to the parameters. The chain rule says which derivatives belong together; what their"
            " product is, on which side each factor stands and transposed or not, the rule of the operation says."
        )
        return Section("The chain", text, tuple(items))

    def _in_words(self, r: Record) -> str:
        """The chain rule for the cotangent ``r``, where its value is read in one formula only."""
        primal = self._primal(r)
        readers = self.named_by.get(primal, []) if primal is not None else []
        if len(readers) != 1 or readers[0] is self.root:
            return ""
        e, s, v = (self.formulas[x].text for x in (self.root, readers[0], primal))  # type: ignore[index]  # it is read
        return rf" {derivative(e, s)} \, {derivative(s, v)} ="

    def updates(self) -> Section:
        items = []
        right = dict(self.lines)
        for p, g in zip(self.wrt, self.tape.outputs[1:], strict=True):
            name, gradient = self.formulas[p].text, derivative(self.formulas[self.root].text, self.formulas[p].text)
            spelled = f" = {name} - {RATE} \\, {right[g].within(2)}" if g in right else ""
            items.append(Item(rf"{name} \leftarrow {name} - {RATE} \, {gradient}{spelled}"))
        return Section("Updates", rf"A step of gradient descent with the learning rate ${RATE}$.", tuple(items))


def moves_only(r: Record, f: Formula) -> bool:
    """Whether the formula of ``r`` is but another symbol for what it reads."""
    return r.primitive is not None and r.primitive.tex == "{0}" and not set("+ \\_^") & set(f.text)


def derivative(of: str, by: str) -> str:
    by = rf"\left({by}\right)" if " " in by else by
    return rf"\frac{{\partial {of}}}{{\partial {by}}}"


def shape_of(r: Record) -> str:
    return " × ".join(map(str, r.shape)) if r.dtype is not None and r.shape else "" if r.dtype is None else "1"


def paths(r: Record, known: set[Record]) -> dict[Record, list[list[tuple[Record, int]]]]:
    """What the formula of ``r`` names: for each the ways to it, records with the number of the input taken."""
    found: dict[Record, list[list[tuple[Record, int]]]] = {}
    stack: list[tuple[Record, list[tuple[Record, int]]]] = [(r, [])]
    while stack:
        s, way = stack.pop()
        if way and s in known:
            found.setdefault(s, []).append(way)
            continue
        steps = [(p, [*way, (s, i)]) for i, p in enumerate(s.inputs) if p is not None]
        stack += steps[::-1]
    return found
