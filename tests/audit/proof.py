"""Proof of a corpus' labels, by finite differences: `python tests/audit/proof.py [--corpus DIR] [WORD ...]`.

`CASES` says how to read a function: `loss`, an expression; `parameters`, each with what its step is divided by to give
the gradient that was applied (`"lr"`), or, after `=`, an expression that is that gradient; `loop`, the start of the
header of the loop whose body is one iteration (default: the first loop; `none` or no loop: the whole function);
`start`, the statement after which a function without a loop begins to compute; `kink`, that the inputs sit on a kink
on purpose, so they are moved off it first; `iterations`, how many to look at (2; with momentum a step is the gradient
in the first only); `fix`, what to put in place of the labelled statement, one for each label
(empty where a single replacement cannot repair: an early update has to move), or a dict from the starts of lines to
what to put in place of those lines (an accumulator has to move into the loop).
In an expression, `result` is what a function without a loop returns.

A labelled function must apply a gradient that the loss contradicts, in its first iteration or its second, and must be
right once repaired; one without a label must be right as it is.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import io
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from rates import CORPUS, Case, bind, cases

STEP = 1e-6
ROUNDING = 1e-5  # relative; a planted bug must be a hundred times larger


class Stop(Exception):  # noqa: N818
    """The iteration that was asked for is over."""


def source(case: Case, fix: int | None) -> str:
    """The module's text in double precision, repaired at the label of that number."""
    lines = case.path.read_text().replace("float32", "float64").splitlines()
    if fix is None:
        return "\n".join(lines) + "\n"
    fixes = case.facts["fix"]
    if isinstance(fixes, dict):
        top = definition(ast.parse("\n".join(lines)), case.name.split(".")[0])
        edits = []
        for old, text in fixes.items():
            places = [i for i, line in enumerate(lines, 1) if line.strip().startswith(old)]
            places = [i for i in places if top.lineno <= i <= top.end_lineno] or places
            assert len(places) == 1, f"{case}: {old} is on lines {places}"
            edits.append((places[0], places[0], text))
    else:
        texts = [fixes] if isinstance(fixes, str) else fixes
        assert len(texts) == len(case.labels), f"{case}: {len(texts)} fixes for {len(case.labels)} labels"
        edits = [(case.labels[fix].line, case.labels[fix].end, texts[fix])]
    for first, last, text in sorted(edits, reverse=True):
        old = lines[first - 1]
        indent = old[: len(old) - len(old.lstrip())]
        lines[first - 1 : last] = [indent + t for t in text.splitlines()]
    return "\n".join(lines) + "\n"


def definition(tree: ast.Module, name: str) -> Any:
    """A function, a class, or a method, perhaps inherited."""
    first, *method = name.split(".")
    found: Any = next(n for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef) and n.name == first)
    if not method:
        return found
    own = [n for n in found.body if isinstance(n, ast.FunctionDef) and n.name == method[0]]
    return own[0] if own else definition(tree, f"{ast.unparse(found.bases[0])}.{method[0]}")


def blocks(body: list[ast.stmt]) -> Iterator[list[ast.stmt]]:
    yield body
    for node in body:
        for field in ("body", "orelse", "handlers", "finalbody"):
            if not isinstance(node, ast.FunctionDef | ast.ClassDef) and getattr(node, field, None):
                yield from blocks(getattr(node, field))


def instrument(text: str, case: Case) -> ast.Module:
    """Put `__start__` before the iteration and `__end__` after it."""
    tree = ast.parse(text)
    function = definition(tree, case.name)
    names, loss = case.facts["parameters"], case.facts["loss"]
    before = ast.parse("\n".join(f"{p} = __start__({p!r}, {p})" for p in names)).body
    claims = ", ".join(f"{p!r}: ({p}, {g.removeprefix('=')})" for p, g in names.items())
    after = ast.parse(f"__end__({loss}, {{{claims}}})").body

    loops = [n for b in blocks(function.body) for n in b if isinstance(n, ast.For | ast.While)]
    wanted = case.facts.get("loop", "")
    loops = [n for n in loops if ast.unparse(n).startswith(wanted) and "start" not in case.facts]
    if loops:
        loops[0].body[:] = before + loops[0].body + after
    else:
        for block in list(blocks(function.body)):
            for node in [n for n in block if isinstance(n, ast.Return)]:
                keep = ast.Assign([ast.Name("result", ast.Store())], node.value or ast.Constant(None))
                back = ast.Return(ast.Name("result", ast.Load()))
                at = block.index(node)
                block[at : at + 1] = [keep, *after, back]
        function.body += after
        at = 1 if ast.get_docstring(function) else 0
        if wanted := case.facts.get("start", ""):
            at = 1 + next(i for i, n in enumerate(function.body) if ast.unparse(n).startswith(wanted))
        function.body[at:at] = before
    return ast.fix_missing_locations(tree)


def run(case: Case, code: Any, iteration: int, moved: str = "", by: Any = 0.0) -> dict[str, Any] | None:
    """Loss and, by parameter, (start, applied gradient) of one iteration, one parameter moved at its start."""
    calls: dict[str, int] = {}
    starts: dict[str, Any] = {}
    answer: dict[str, Any] = {}
    off_kink = np.random.default_rng(0)

    def start(name: str, value: Any) -> Any:
        calls[name] = calls.get(name, -1) + 1
        if calls[name] != iteration:
            return value
        shift = by if name == moved else 0.0
        if case.facts.get("kink"):
            shift = shift + 1e-2 * off_kink.standard_normal(np.shape(value))
        starts[name] = np.array(value, dtype=float) + shift
        if isinstance(value, np.ndarray):
            value[...] = starts[name]
            return value
        return float(starts[name])

    def end(loss: Any, claims: dict[str, tuple[Any, Any]]) -> None:
        if calls[next(iter(claims))] == iteration:
            answer["loss"] = float(loss)
            for name, (value, given) in claims.items():
                is_gradient = case.facts["parameters"][name].startswith("=")
                applied = given if is_gradient else (starts[name] - value) / given
                answer[name] = (starts[name], np.array(applied, dtype=float))
            raise Stop

    module = sys.modules["under_proof"] = types.ModuleType("under_proof")  # where dataclasses look for it
    module.__dict__.update(__start__=start, __end__=end)
    exec(code, module.__dict__)
    function, arguments = bind(module, case.name)
    with contextlib.suppress(Stop), contextlib.redirect_stdout(io.StringIO()):
        function(*arguments)
    return answer or None


def errors(case: Case, fix: int | None) -> dict[str, float]:
    """Relative error of the applied gradient along a random direction, for each parameter and iteration."""
    code = compile(instrument(source(case, fix), case), str(case.path), "exec")
    found: dict[str, float] = {}
    for iteration in range(case.facts.get("iterations", 2)):
        here = run(case, code, iteration)
        if here is None:
            assert iteration, f"{case}: no iteration was seen"
            break
        random = np.random.default_rng(iteration)
        for name in case.facts["parameters"]:
            value, applied = here[name]
            assert np.isfinite(applied).all(), f"{case}: {name} is not finite"
            if applied.shape != value.shape:
                found[f"{name} shape"] = np.inf
                continue
            along = random.standard_normal(value.shape)
            ends = [run(case, code, iteration, name, sign * STEP * along) for sign in (1, -1)]
            assert ends[0]
            assert ends[1]
            truth = (ends[0]["loss"] - ends[1]["loss"]) / (2 * STEP)
            claimed = float((applied * along).sum())
            noise = 1e-9 * max(1.0, abs(here["loss"])) / ROUNDING
            found[f"{name} {iteration}"] = abs(claimed - truth) / max(abs(claimed), abs(truth), noise)
    return found


def contradiction(case: Case) -> str:
    """What is wrong with the label; empty if it is proven."""
    if not case.labels:
        bad = {k: e for k, e in errors(case, None).items() if not e < ROUNDING}
        return f"{case}: has no label and is wrong: {bad}" if bad else ""
    seen = errors(case, None)
    if not max(seen.values()) > 100 * ROUNDING:
        return f"{case}: the bug does not show: {seen}"
    fixes = case.facts["fix"]
    for n in [0] if isinstance(fixes, str | dict) else [n for n, text in enumerate(fixes) if text]:
        bad = {k: e for k, e in errors(case, n).items() if not e < ROUNDING}
        if bad:
            return f"{case}: still wrong after fix {n}: {bad}"
    return ""


def main() -> int:
    parser = argparse.ArgumentParser(description="Proof of a corpus' labels by finite differences.")
    parser.add_argument("words", nargs="*", help="only cases whose FILE:FUNCTION holds one of these")
    parser.add_argument("--corpus", type=Path, default=CORPUS)
    options = parser.parse_args()
    found = [c for c in cases(options.corpus) if not options.words or any(w in str(c) for w in options.words)]
    bad = 0
    for case in found:
        try:
            text = contradiction(case)
        except Exception as e:
            text = f"{case}: {type(e).__name__}: {e}"
        bad += bool(text)
        print(text, end="\n" if text else "")
    print(f"{len(found)} functions, {sum(bool(c.labels) for c in found)} with a bug, {bad} without proof")
    return bad > 0


if __name__ == "__main__":
    sys.exit(main())
