"""The plan of the house, checked: arrows between rooms, no circles, light imports, a core of readable size."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from code_lines import code_lines

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "tinygrad_np"
MODULES = sorted(PACKAGE.rglob("*.py"))

# A room may import from its own and from those in the lines above it.
ROOMS = [
    {"core"},
    {"ops"},
    {"transforms", "anomaly"},
    {"passes", "numeric", "catalogue", "listing", "optim", "running"},
    {"writing", "declaring"},
    {"checking", "compiling"},
    {"drawing", "train"},
    {"__init__"},
    {"stubs"},
    {"cli"},
    {"__main__"},
]
# Inside core each file imports only from those before it.
CORE = ["source", "modes", "record", "backward", "array_like", "op_methods", "tensor", "apply", "primitive", "tape"]


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def is_module(parts: tuple[str, ...]) -> bool:
    return PACKAGE.joinpath(*parts).is_dir() or PACKAGE.joinpath(*parts).with_suffix(".py").exists()


def imports(path: Path) -> list[tuple[str, ...]]:
    """What a module imports from the package, as paths below it; imports for types only do not count."""
    found = []
    tree = ast.parse(path.read_text())
    types_only = {
        id(n)
        for branch in ast.walk(tree)
        if isinstance(branch, ast.If) and ast.unparse(branch.test) == "TYPE_CHECKING"
        for n in ast.walk(branch)
    }
    here = path.relative_to(PACKAGE).parts[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and id(node) not in types_only:
            if node.level:
                base = here[: len(here) - node.level + 1]
                parts = (*base, *(node.module.split(".") if node.module else ()))
                names = [(*parts, a.name) for a in node.names]
                found += [parts] if node.module else [n if is_module(n) else ("__init__",) for n in names]
            elif (node.module or "").split(".")[0] == "tinygrad_np":
                found.append(tuple(node.module.split(".")[1:]) or ("__init__",))
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_arrows_go_one_way(path: Path) -> None:
    level = {name: i for i, names in enumerate(ROOMS) for name in names}
    for target in imports(path):
        here, there = room(path), target[0]
        assert there in level, f"{there} is in no room"
        assert here == there or level[there] < level[here], (
            f"{path.relative_to(ROOT)} imports upward: {'.'.join(target)}"
        )


def test_core_imports_in_order() -> None:
    assert {p.stem for p in PACKAGE.glob("core/*.py")} == {*CORE, "__init__"}
    for path in PACKAGE.glob("core/*.py"):
        for target in imports(path):
            assert CORE.index(target[1]) < CORE.index(path.stem), f"{path.name} imports {target[1]}"


def test_no_circles() -> None:
    """Also within a room: the modules can be put in an order in which each imports only earlier ones."""
    names = {".".join(p.relative_to(PACKAGE).with_suffix("").parts): p for p in MODULES if p.name != "__init__.py"}
    edges = {n: {".".join(t) for t in imports(p)} & set(names) for n, p in names.items()}
    while edges:
        free = [n for n, targets in edges.items() if not targets & set(edges)]
        assert free, f"a circle among {sorted(edges)}"
        for n in free:
            del edges[n]


def test_core_is_read_in_one_sitting() -> None:
    """It may shrink. Before it grows: does the line belong to the engine, or to a room above it?"""
    assert sum(code_lines(p) for p in PACKAGE.glob("core/*.py")) <= 1270


WRITTEN = sorted(
    p for room in ("tinygrad_np", "models", "examples", "benchmarks", "tests") for p in (ROOT / room).rglob("*.py")
)


@pytest.mark.parametrize("path", WRITTEN, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_file_is_too_long(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 400


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT).stdout


def test_importing_loads_numpy_and_the_standard_library_only() -> None:
    loaded = run(
        "import sys, numpy; before = set(sys.modules); import tinygrad_np;"
        "print(*{m.split('.')[0] for m in set(sys.modules) - before})"
    )
    outside = {m for m in loaded.split() if m not in sys.stdlib_module_names} - {"tinygrad_np", "numpy"}
    assert not outside


def test_importing_leaves_the_upper_rooms_alone() -> None:
    loaded = run("import sys, tinygrad_np; print(*[m for m in sys.modules if m.startswith('tinygrad_np.')])").split()
    assert not [m for m in loaded if m.split(".")[1] in ("checking", "drawing", "numeric", "cli", "catalogue")]
