"""A tape as the source of one function that imports NumPy and nothing else."""

from __future__ import annotations

import ast
import builtins
import keyword
import sys
import textwrap
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ..core.record import Record
from ..core.tape import Tape, trace
from ..passes import without_dead
from ..passes.backward import gradient_tape, named_arguments
from ..passes.rewrite import constants_of, op_of
from .arguments import Flat
from .buffers import buffers, filling
from .helpers import Helpers
from .layout import WIDTH, text_of, wrapped
from .literals import WriteError, is_short, literal
from .names import wished_name
from .notation import expression
from .statements import Statements, readable, rule_of

__all__ = ["outside", "to_numpy", "write"]

INDENT = "    "
SHORT = 52  # columns of an expression that still goes into another
PRODUCTS = (ast.Mult, ast.MatMult, ast.Div)
PRODUCT_NAMES = {"multiply": ast.Mult, "matmul": ast.MatMult, "divide": ast.Div}
DATA_DEPENDENT = frozenset(("nonzero", "argwhere", "flatnonzero", "unique", "extract", "compress", "unique_values"))


def write(f: Callable[..., Any], *args: Any, wrt: Sequence[int | str] | None = None, name: str | None = None) -> str:
    """The source of ``f`` and its gradient as one NumPy function.

    Parameters
    ----------
    f
        A function of arrays, or of nested dicts, lists and tuples of them; with ``wrt`` one that gives a single number.
    *args
        Example arguments: the source is for their shapes and dtypes. It takes the arrays in them one by one.
    wrt
        Names of arrays, or names or numbers of arguments, to differentiate by: ``["w1"]``, or ``["params"]`` for all in
        a dict; None: ``f`` alone, which may call transforms itself.
    name
        What to call the function; ``f``'s name, or ``<name>_and_gradients``.

    Returns
    -------
    str
        A function that takes the same arrays and gives the value, or a tuple of the value and the gradients.

    Raises
    ------
    WriteError
        If something on the way cannot be written, with its line.

    Examples
    --------
    >>> import numpy as np
    >>> def error(w, x, y):
    ...     pred = x @ w
    ...     return np.sum((pred - y) ** 2)
    >>> print(write(error, np.ones(3), np.ones((5, 3)), np.ones(5), wrt=["w"]))  # doctest: +ELLIPSIS
    import numpy as np
    <BLANKLINE>
    <BLANKLINE>
    def error_and_gradients(w, x, y):
        ...
        # Forward
        pred = x @ w  # ...
        loss = ((pred - y) ** 2).sum()  # ...
    ...
    """
    own = name or getattr(f, "__name__", "f").strip("<>").replace("lambda", "function")
    call = Flat(f, args)
    if wrt is None:
        return to_numpy(readable(trace(call.function, *named_arguments(call.function, call.arrays))), own)
    tape = gradient_tape(call.function, *call.arrays, wrt=call.numbers(wrt))
    return to_numpy(readable(tape), name or f"{own}_and_gradients")


def to_numpy(tape: Tape, name: str = "step", *, comments: bool = True) -> str:
    """The tape as the source of one NumPy function of its inputs; see `write`."""
    return _Writer(without_dead(tape), name, comments).source()


def outside(tape: Tape) -> dict[str, Any]:
    """What the source of this tape takes after its inputs, by name: arrays too large to be written, generators."""
    writer = _Writer(without_dead(tape), "step", False)
    writer.source()
    return dict([*writer.extra, *writer.helpers.arguments])


class _Writer:
    def __init__(self, tape: Tape, name: str, comments: bool) -> None:
        if not name.isidentifier() or keyword.iskeyword(name):
            raise ValueError(f"a function cannot be called {name!r}: give an identifier")
        self.tape, self.name, self.comments = tape, name, comments
        self.taken = {"np", name, *keyword.kwlist, *dir(builtins)}
        self.helpers = Helpers(self.taken)
        self.names: dict[Record, str] = {}
        self.statements = Statements(tape)
        self.named, self.readers = self.statements.named, self.statements.readers
        self.buffers, self.inside = buffers(tape, self.readers, {*self.named, *tape.outputs})
        self.said = ""
        self.extra: list[tuple[str, Any]] = []  # what is too large to be written: arguments too
        self.expressions: dict[Record, ast.expr] = {}
        self._refuse()

    def _refuse(self) -> None:
        fixed = set(self.tape.constants)
        for r in self.tape.records:
            mask = any(p is not None and p.dtype is not None and p.dtype.kind == "b" for p in {*r.inputs[1:]} - fixed)
            if r.primitive.name in DATA_DEPENDENT or (op_of(r) == "gather" and mask):  # type: ignore[union-attr]
                raise WriteError(
                    f"{r.primitive.name} ({r.where}): the shape of its result depends on the values, and a tape holds"  # type: ignore[union-attr]
                    " one shape: use where() in place of a mask, or leave this step outside"
                )

    def source(self) -> str:
        arguments = [self._fresh(r.name or f"x{i}") for i, r in enumerate(self.tape.inputs)]
        self.names.update(zip(self.tape.inputs, arguments, strict=True))
        self._constants()
        body = self._body()
        extra = [name for name, _ in (*self.extra, *self.helpers.arguments)]
        signature = f"def {self.name}({', '.join([*arguments, *extra])}):"
        lines = wrapped(signature, "")
        lines += self._docstring(arguments) + body
        constants = ["\n".join(self.helpers.constants)] if self.helpers.constants else []
        definitions = [*self.helpers.functions, "\n".join(lines)]
        head = _imports(self.helpers.imports, any("np." in text for text in (*constants, *definitions)))
        parts = ["\n\n".join(filter(None, [head, *constants])), *definitions]
        return "\n\n\n".join(filter(None, parts)) + "\n"

    def _fresh(self, wished: str) -> str:
        base = name = "".join(c if c.isalnum() or c == "_" else "_" for c in wished) or "x"
        if base[0].isdigit():
            base = name = "_" + base
        n = 1
        while name in self.taken:
            n += 1
            name = f"{base}_{n}"
        self.taken.add(name)
        return name

    def _constants(self) -> None:
        arrays = constants_of(self.tape)
        for r in self.tape.constants:
            if r not in arrays:
                raise WriteError(f"a constant of shape {r.shape} was not kept: record with trace()")
            a = arrays[r]
            if a.ndim == 0:
                self.expressions[r] = literal(a.item() if self._decides_no_dtype(r) else a[()])
            elif is_short(a):
                self.expressions[r] = literal(a)
            else:
                self.names[r] = self._fresh(r.name or "constant")
                self.extra.append((self.names[r], a))

    def _unpacked(self, r: Record, text: str) -> list[str]:
        """The statement of a record with several outputs: ``u, s, vh = ...``, an underscore for what nobody reads."""
        targets = ["_"] * len(r.shape)
        for item in self.readers.get(r, ()):
            i = item.params["index"]  # type: ignore[index]  # only items read it
            if targets[i] == "_":
                targets[i] = self._fresh(self.named.get(item) or f"{r.primitive.name}_{i}")  # type: ignore[union-attr]
            self.names[item] = targets[i]
        left = ", ".join(targets) if len(targets) > 1 else f"({targets[0]},)"
        return wrapped(f"{left} = {text}", INDENT, self._new_comment(r))

    def _decides_no_dtype(self, c: Record) -> bool:
        """Whether a plain number may stand for this constant: all that read it have another input of its dtype."""
        readers = self.readers.get(c, [])
        others = [[p for p in r.inputs if p is not None and p is not c and p.dtype == c.dtype] for r in readers]
        return c.dtype.kind in "fc" and c not in self.tape.outputs and all(others)

    def _body(self) -> list[str]:
        """Statements, forward and backward; what is short and needed once goes into the expression that needs it."""
        lines: list[str] = []
        backward = False
        for r in self.tape.records:
            if r in self.names or r in self.inside:  # unpacked, or added to a buffer
                continue
            value = None if r in self.buffers else self._expression(r)
            if value is not None and self._goes_inside(r, value):
                self.expressions[r] = value
                continue
            if not backward and r in self.statements.backward:
                backward = True
                lines += ["", f"{INDENT}# Backward"] if self.comments else []
            if value is None:
                lines += self._filled(r)
            elif r.dtype is None:
                lines += self._unpacked(r, text_of(value))
            else:
                name = self._fresh(wished_name(r, self.statements, self.names))
                lines += wrapped(f"{name} = {text_of(value)}", INDENT, self._new_comment(r))
                self.names[r] = name
        if self.comments and backward:
            lines.insert(0, f"{INDENT}# Forward")
        results = ", ".join(text_of(self._operand(r)) for r in self.tape.outputs)
        if len(self.tape.outputs) > 1 and len(f"{INDENT}return {results}") > WIDTH:
            results = f"({results})"
        return [*lines, *wrapped(f"return {results}", INDENT)]

    def _filled(self, r: Record) -> list[str]:
        """The statements of a buffer."""
        name = self._fresh(wished_name(r, self.statements, self.names))
        lines: list[str] = []
        for line, part in filling(name, self.buffers[r], self._operand):
            lines += wrapped(line, INDENT, self._new_comment(part) if part is not None else "")
        self.names[r] = name
        return lines

    def _goes_inside(self, r: Record, value: ast.expr) -> bool:
        """Whether a record has no line of its own: what reads it, or the return statement, holds its expression."""
        if self.tape.outputs == [r] and r not in self.named and r.dtype is not None:
            return True
        return r not in self.statements.chosen and len(text_of(value)) <= SHORT and not self._confuses(r, value)

    def _confuses(self, r: Record, value: ast.expr) -> bool:
        """Whether this product would stand unbracketed in another kind of product, ``a * b @ c``."""
        if not (isinstance(value, ast.BinOp) and isinstance(value.op, PRODUCTS)):
            return False
        readers = {PRODUCT_NAMES.get(op_of(s)) for s in self.readers.get(r, ())}
        kind = type(value.op)
        return any(op is not None and op is not kind and ast.MatMult in (op, kind) for op in readers)

    def _operand(self, r: Record) -> ast.expr:
        return ast.Name(self.names[r], ast.Load()) if r in self.names else self.expressions[r]

    def _expression(self, r: Record) -> ast.expr:
        operands = []
        for p, x in zip(r.inputs, r.values, strict=True):
            operands.append(literal(x) if p is None else self._operand(p))
        try:
            return expression(r, operands, self.helpers)
        except WriteError as reason:
            raise WriteError(f"{r.primitive.name} ({r.where}): {reason}") from None  # type: ignore[union-attr]

    def _new_comment(self, r: Record) -> str:
        """The comment on ``r``; nothing where the line above says the same."""
        comment = self._comment(r) if self.comments else ""
        before, self.said = self.said, comment
        return "" if comment == before else comment

    def _comment(self, r: Record) -> str:
        origin = rule_of(r)
        if origin is None:
            return "" if r in self.statements.backward else r.where
        of, i = origin
        assert of.primitive is not None  # a leaf has no rule
        if op_of(of) in ("getitem", "gather"):
            return "rule of indexing" + (f", {of.where}" if of.where else "")
        names = of.primitive.names
        which = names[i] if i < len(names) and not of.primitive.variadic else f"argument {i}"
        return f"rule of {of.primitive.name} for {which}" + (f", {of.where}" if of.where else "")

    def _docstring(self, arguments: list[str]) -> list[str]:
        if not self.comments:
            return []
        records = dict(zip(arguments, self.tape.inputs, strict=True))
        rows = [f"{name}: {_kind(r)}" for name, r in records.items()]
        rows += [f"{name}: {a.dtype}{list(a.shape)}, from outside" for name, a in self.extra]
        rows += [f"{name}: {type(g).__name__}, draws anew at each call" for name, g in self.helpers.arguments]
        results = [f"{text_of(self._operand(r))}: {_kind(r)}" for r in self.tape.outputs if r in self.names]
        gives = textwrap.wrap("Gives " + "; ".join(results) + ".", WIDTH - len(INDENT)) if results else []
        frozen = [f"{what} ({r.where})" for r, what in self.tape.reads]
        if frozen:
            said = "Values were read while this was recorded, and what came of them is fixed here: "
            gives += textwrap.wrap(said + ", ".join(dict.fromkeys(frozen)) + ".", WIDTH - len(INDENT))
        lines = ["Written from a tape, for these shapes:", "", *rows, *([""] if gives else []), *gives]
        return [f'{INDENT}"""{lines[0]}', *(f"{INDENT}{line}".rstrip() for line in lines[1:]), f'{INDENT}"""']


def _imports(wanted: Iterable[tuple[str, str]], numpy: bool) -> str:
    """The import lines, the standard library's first."""
    lines: dict[bool, list[str]] = {True: [], False: ["import numpy as np"] if numpy else []}
    for home, what in wanted:
        own = (home or what).split(".")[0].split(" ")[0] in sys.stdlib_module_names
        lines[own].append(f"from {home} import {what}" if home else f"import {what}")
    blocks = (sorted(some, key=lambda line: (line.startswith("from"), line)) for some in lines.values() if some)
    return "\n\n".join("\n".join(b) for b in blocks)


def _kind(r: Record) -> str:
    return f"{r.dtype}{list(r.shape)}" if r.dtype is not None else "several arrays"
