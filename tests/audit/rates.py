"""How well the audit does on a corpus of labelled functions: `python tests/audit/rates.py [--corpus DIR] [WORD ...]`.

A corpus is a directory of plain NumPy modules. Each ends in

- `arguments(name)`: a fresh tuple of positional arguments for the function of that name. For `Class.method` the first
  of them is the instance.
- `CASES`: for each function to audit, facts for the proof of its label (see `proof.py`).

The statement to change carries `# bug: KIND TARGET`. Where two kinds describe the same slip it is `KIND|KIND`; where
several statements are as good a place for the repair, each carries a label. A label outside the audited function, in a
helper, ends in `in NAME`. A function without a label is right.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import importlib.util
import io
import re
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))  # of a checkout, without an install
CORPUS = Path(__file__).parent / "corpus"
LABEL = re.compile(r"#\s*bug: (?P<kinds>[\w|-]+) (?P<target>\S+)(?: in (?P<owner>[\w.]+))?\s*$")


@dataclass
class Label:
    line: int  # of the statement
    end: int
    kinds: tuple[str, ...]
    target: str


@dataclass
class Case:
    path: Path
    name: str
    labels: list[Label]
    facts: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.path.stem}:{self.name}"

    def call(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        """The function, or bound method, and its arguments, from a fresh copy of the module."""
        return bind(load(self.path), self.name)


@dataclass
class Outcome:
    case: Case
    found: list[Any]
    seconds: float
    error: str = ""

    @property
    def detected(self) -> bool:
        return bool(self.found)

    @property
    def line(self) -> bool:
        """Every finding is on a labelled statement, and there is one."""
        return self.detected and all(any(x.line <= f.line <= x.end for x in self.case.labels) for f in self.found)

    @property
    def kind(self) -> bool:
        kinds = {k for x in self.case.labels for k in x.kinds}
        return self.detected and all(f.kind in kinds for f in self.found)


def load(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(f"corpus_{path.stem}", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[module.__name__] = module  # where dataclasses and pickles look for it
    spec.loader.exec_module(module)
    return module


def bind(module: Any, name: str) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    arguments = module.arguments(name)
    if "." not in name:
        return getattr(module, name), arguments
    return getattr(arguments[0], name.split(".")[1]), arguments[1:]


def statement_at(tree: ast.AST, line: int) -> tuple[int, int]:
    """First and last line of the statement that holds the line; of a compound statement, its header's."""
    best = None
    for node in ast.walk(tree):
        if isinstance(node, ast.stmt):
            body = getattr(node, "body", None)
            end = body[0].lineno - 1 if body else node.end_lineno
            if node.lineno <= line <= end and (best is None or node.lineno >= best[0]):
                best = (node.lineno, end)
    assert best, f"no statement on line {line}"
    return best


def cases(directory: Path = CORPUS) -> list[Case]:
    found = []
    for path in sorted(directory.glob("*.py")):
        text = path.read_text()
        tree = ast.parse(text)
        owned = defaultdict(list)
        tops = {n.name: n for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef)}
        for number, line in enumerate(text.splitlines(), 1):
            if match := LABEL.search(line):
                inside = [name for name, n in tops.items() if n.lineno <= number <= n.end_lineno]
                label = Label(*statement_at(tree, number), tuple(match["kinds"].split("|")), match["target"])
                owned[(match["owner"] or inside[0]).split(".")[0]].append(label)
            else:
                assert "# bug" not in line, f"{path.name}:{number}: not a label"
        facts = load(path).CASES
        found += [Case(path, name, owned.pop(name.split(".")[0], []), f) for name, f in facts.items()]
        assert not owned, f"{path.name}: labels of no case: {sorted(owned)}"
    return found


def measure(case: Case) -> Outcome:
    from tinygrad_np import audit

    function, arguments = case.call()
    start = time.perf_counter()
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            report = audit(function, *arguments)
    except Exception as e:  # what the audit cannot do counts as not done
        return Outcome(case, [], time.perf_counter() - start, f"{type(e).__name__}: {e}")
    return Outcome(case, list(report.findings), time.perf_counter() - start)


def describe(outcome: Outcome) -> str:
    want = " or ".join(f"line {x.line} {'|'.join(x.kinds)} {x.target}" for x in outcome.case.labels) or "no finding"
    got = "; ".join(f"line {f.line} {f.kind} {f.target}" for f in outcome.found) or outcome.error or "no finding"
    return f"{outcome.case}: expected {want}; found {got}"


def share(hits: list[bool]) -> str:
    return f"{sum(hits):3d} of {len(hits):3d} ({100 * sum(hits) / max(len(hits), 1):5.1f} %)"


def main() -> None:
    parser = argparse.ArgumentParser(description="How well the audit does on a corpus of labelled functions.")
    parser.add_argument("words", nargs="*", help="only cases whose FILE:FUNCTION holds one of these")
    parser.add_argument("--corpus", type=Path, default=CORPUS)
    options = parser.parse_args()
    chosen = [c for c in cases(options.corpus) if not options.words or any(w in str(c) for w in options.words)]
    outcomes = [measure(c) for c in chosen]

    wrong, right = [o for o in outcomes if o.case.labels], [o for o in outcomes if not o.case.labels]
    for o in wrong:
        missed = [w for w, hit in (("detected", o.detected), ("line", o.line), ("kind", o.kind)) if not hit]
        if missed:
            print(f"not {missed[0]}: {describe(o)}")
    for o in right:
        if o.found or o.error:
            print(f"{'could not audit' if o.error else 'false alarm'}: {describe(o)}")

    by_kind = defaultdict(list)
    for o in wrong:
        by_kind[o.case.labels[0].kinds[0]].append(o)
    print(f"\n{'kind':18}{'functions':>10}{'detected':>10}{'line':>6}{'kind':>6}{'seconds':>9}")
    for kind, group in sorted(by_kind.items()):
        counts = sum(o.detected for o in group), sum(o.line for o in group), sum(o.kind for o in group)
        mean = sum(o.seconds for o in group) / len(group)
        print(f"{kind:18}{len(group):10d}{counts[0]:10d}{counts[1]:6d}{counts[2]:6d}{mean:9.2f}")
    print(f"\ndetected      {share([o.detected for o in wrong])}")
    print(f"right line    {share([o.line for o in wrong])}")
    print(f"right kind    {share([o.kind for o in wrong])}")
    print(f"false alarms  {share([bool(o.found) for o in right])}")
    print(f"not audited   {share([bool(o.error) for o in outcomes])}")
    if outcomes:
        slowest = max(outcomes, key=lambda o: o.seconds)
        mean = sum(o.seconds for o in outcomes) / len(outcomes)
        print(f"seconds       {mean:.2f} a function, at most {slowest.seconds:.2f} ({slowest.case})")


if __name__ == "__main__":
    main()
