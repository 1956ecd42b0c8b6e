"""Recording changes nothing: results to the last bit, side effects, printing, tracebacks. And right programs pass."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import numpy as np
import pytest

from tinygrad_np.checking.audit import audit_call
from tinygrad_np.checking.audit.node import Node
from tinygrad_np.checking.audit.recorder import Recorder
from tinygrad_np.checking.audit.replay import CannotError, Graph
from tinygrad_np.checking.audit.rewrite import Rewriter
from tinygrad_np.checking.audit.shadow import places


def fresh(module: str) -> Any:
    """A module of programs with globals of its own."""
    sys.modules.pop(module, None)
    return importlib.import_module(module)


def data() -> tuple[np.ndarray, ...]:
    r = np.random.default_rng(0)
    return r.normal(size=(8, 3)), r.normal(size=(8, 2)), r.normal(size=(3, 2))


PROGRAMS = [
    pytest.param(module, f.__name__, id=f.__name__)
    for module in ("language_programs", "array_programs")
    for f in fresh(module).PROGRAMS
]


def exact(value: Any) -> Any:
    """A value as bytes and types, so that equal means identical."""
    if isinstance(value, np.ndarray):
        return "array", value.dtype.str, value.shape, value.tobytes()
    if isinstance(value, list | tuple):
        return type(value).__name__, [exact(v) for v in value]
    if isinstance(value, dict):
        return "dict", [(k, exact(v)) for k, v in value.items()]
    return type(value).__name__, repr(value)


def numbers(module: Any) -> dict[str, float]:
    """The numbers among the globals of a module."""
    return {name: value for name, value in vars(module).items() if isinstance(value, int | float)}


@pytest.mark.parametrize(("module", "name"), PROGRAMS)
def test_a_recorded_run_is_the_plain_run(module: str, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    plain = fresh(module)
    arguments = data()
    result = getattr(plain, name)(*arguments)
    printed = capsys.readouterr().out
    recorded = fresh(module)
    again = data()
    audited = audit_call(getattr(recorded, name), again)
    assert exact(audited.result) == exact(result)
    assert exact(list(again)) == exact(list(arguments))  # what it did to its arguments in place
    assert capsys.readouterr().out == printed
    assert numbers(plain) == numbers(recorded)
    assert audited.report.ok, audited.report.findings


def recorded(source: str, **given: Any) -> tuple[Recorder, dict[str, Any]]:
    """The run of a few statements, and their variables."""
    r = Recorder(Rewriter(), lambda _: False)
    r.follower.files.add("a.py")
    r.follower.sources["a.py"] = source
    namespace = {"np": np, "_tg_recorder": r, **given}
    import ast

    exec(compile(r.follower.rewriter.script(ast.parse(source), "a.py"), "a.py", "exec"), namespace)
    return r, namespace


def last(r: Recorder, name: str) -> Node:
    return next(n for n in reversed(r.nodes) if n.name == name)


STATEMENTS = """
a = np.array(np.arange(12.0).reshape(3, 4))
b = a[1:, ::2]
b *= 10
c = a.T
c[0] = [1, 2, 3]
d = a + 1
e = b + 0
np.add.at(a, [0, 0], 1.0)
f = a.sum(axis=0)
np.multiply(f, 2, out=f)
g = f[::-1] - b.sum()
"""


def test_writes_through_views_are_seen() -> None:
    r, names = recorded(STATEMENTS)
    for name in "acdefg":
        node = r.shadow.array(names[name])
        assert np.array_equal(node.value, names[name]), name


def test_a_run_can_be_replayed() -> None:
    """From its leaves, every value comes out as it was; with one changed, as the program would have given it."""
    r, names = recorded(STATEMENTS)
    graph = Graph(r.nodes)
    for n in r.nodes:
        if n.function is not None and isinstance(n.value, np.ndarray):
            assert np.array_equal(graph.run(n, graph.value), n.value), n
    start = next(n for n in r.nodes if n.name == "a")
    changed = graph.replay({start.index: lambda _n, _get: np.ones((3, 4))})
    other: dict[str, Any] = {"np": np}
    exec(STATEMENTS.replace("np.array(np.arange(12.0).reshape(3, 4))", "np.ones((3, 4))"), other)
    assert np.array_equal(changed[last(r, "g").index], other["g"])
    assert not np.array_equal(other["g"], names["g"])


def test_a_replay_that_does_not_fit_says_so() -> None:
    r, _ = recorded("x = np.ones(3)\ny = x + np.ones(3)\n")
    with pytest.raises(CannotError):
        Graph(r.nodes).replay({last(r, "x").index: lambda _n, _get: np.ones(2)})


@pytest.mark.parametrize("order", ["C", "F"])
def test_places_of_views(order: Any) -> None:
    owner = np.array(np.arange(24).reshape(2, 3, 4), order=order)
    for view in (owner[:, 1:], owner.T, owner[..., ::-2], owner[1], owner.swapaxes(0, 1)[::2]):
        assert np.array_equal(owner.reshape(-1)[places(view, owner)], view)
    assert places(owner, owner[:1]) is None
