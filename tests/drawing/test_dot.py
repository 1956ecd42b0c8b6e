"""draw(): what is shown, what it is called, and that nothing a user names can break it."""

import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path
from shutil import which
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tinygrad_np import Tensor, primitive, trace
from tinygrad_np.core.record import leaf
from tinygrad_np.core.tape import Tape
from tinygrad_np.drawing import Drawing, draw
from tinygrad_np.drawing.graph import plain
from tinygrad_np.drawing.picture import Picture
from tinygrad_np.drawing.renderer import rendered

SVG = "{http://www.w3.org/2000/svg}"
BESIDE = os.pathsep.join([os.environ.get("PATH", ""), str(Path(sys.executable).parent), sysconfig.get_path("scripts")])
PYTHON = sys.executable
PROGRAMS = [which(name, path=BESIDE) or name for name in ("dot", "graphviz-pure")]
needs_renderer = pytest.mark.skipif(not any(map(which, PROGRAMS)), reason="neither dot nor graphviz-pure is installed")


def two_layer() -> Tensor:
    rng = np.random.default_rng(0)
    x = Tensor(rng.normal(size=(6, 5)), name="x")
    y = Tensor(rng.normal(size=(6, 2)), name="y")
    w1, b1 = Tensor(rng.normal(size=(5, 4)), True, name="w1"), Tensor(np.zeros(4), True, name="b1")
    w2, b2 = Tensor(rng.normal(size=(4, 2)), True, name="w2"), Tensor(np.zeros(2), True, name="b2")
    h = x @ w1 + b1
    h_relu = np.maximum(h, 0)
    pred = h_relu @ w2 + b2
    error = np.sum((pred - y) ** 2)
    return error


def statements(drawing: Drawing) -> dict[str, str]:
    """The DOT statement of each node."""
    return dict(re.findall(r"^\t+(?!graph)(\w+) (\[label=.*\])$", drawing.source, re.MULTILINE))


def shown(drawing: Drawing) -> dict[str, str]:
    """The text of each node, without its mark-up."""
    labels = {
        key: s[: s.index(' tooltip="')].removeprefix("[label=<").removesuffix(">")
        for key, s in statements(drawing).items()
        if not key.startswith("legend")
    }
    return {key: re.sub(r"<[^>]*>", " ", label).replace("&#93;", "]").strip() for key, label in labels.items()}


def arrows(picture: Picture) -> set[tuple[str, str, str]]:
    """Edges by the names of what they join."""
    called = {n.key: "..." if n.node is None else n.node.name or _op(n.node.record) for n in picture.nodes.values()}
    return {(called[w.tail], called[w.head], w.label) for w in picture.ways}


def _op(record):
    return record.primitive.name if record.primitive else "leaf"


def test_nodes_of_the_two_layer_net_say_name_op_shape_and_dtype():
    texts = [" ".join(text.replace("&nbsp;", " ").split()) for text in shown(draw(two_layer())).values()]
    assert sorted(texts) == sorted(
        [
            "x (6, 5) float64", "w1 (5, 4) float64", "b1 (4,) float64", "w2 (4, 2) float64", "b2 (2,) float64",
            "y (6, 2) float64", "matmul (6, 4) float64", "h = add (6, 4) float64",
            "h_relu = maximum(·, 0) (6, 4) float64", "matmul (6, 2) float64", "pred = add (6, 2) float64",
            "subtract (6, 2) float64", "power(·, 2) (6, 2) float64", "error = sum scalar float64",
        ]
    )  # fmt: skip


def test_edges_carry_the_order_of_arguments_where_it_matters():
    assert arrows(draw(two_layer()).picture) == {
        ("x", "matmul", "1st"), ("w1", "matmul", "2nd"), ("matmul", "h", ""), ("b1", "h", ""), ("h", "h_relu", ""),
        ("h_relu", "matmul", "1st"), ("w2", "matmul", "2nd"), ("matmul", "pred", ""), ("b2", "pred", ""),
        ("pred", "subtract", "1st"), ("y", "subtract", "2nd"), ("subtract", "power", ""), ("power", "error", ""),
    }  # fmt: skip


def test_arguments_with_names_are_called_by_them():
    drawing = draw(lambda mask, a, b: np.where(mask, a, b), np.array([True, False]), np.ones(2), np.zeros(2))
    assert arrows(drawing.picture) == {("mask", "where", "condition"), ("a", "where", "2nd"), ("b", "where", "3rd")}


def test_edges_between_the_same_two_nodes_are_one():
    assert [e.label for e in draw(lambda x: x * x, np.ones(2)).picture.ways] == ["2 times"]
    assert [e.label for e in draw(lambda x: x / x, np.ones(2)).picture.ways] == ["1st, 2nd"]


def test_leaves_differ_by_kind_in_shape_and_in_colour_and_the_legend_names_them():
    data = np.arange(3.0)
    drawing = draw(lambda x, w: x * w + data, np.ones(3), Tensor(np.ones(3), True, name="w"))
    kinds = {n.key: n.kind for n in drawing.picture.nodes.values()}
    assert sorted(kinds.values()) == ["constant", "input", "op", "output", "parameter"]
    found = statements(drawing)
    for what in (r'shape="(\w+)"', r'fillcolor="(#\w+)"'):
        look = {kind: re.search(what, found[key])[1] for key, kind in kinds.items() if kind not in ("op", "output")}
        assert len(set(look.values())) == 3
        for kind, value in look.items():
            assert value in found[f"legend_{kind}"]
            assert f'label="{kind}"' in found[f"legend_{kind}"]


def test_the_result_is_marked():
    drawing = draw(two_layer())
    assert [n.key for n in drawing.picture.nodes.values() if n.result] == ["op8"]
    assert [key for key, s in statements(drawing).items() if 'peripheries="2"' in s] == ["op8", "legend_output"]


def test_an_output_that_is_a_leaf_is_drawn():
    assert [(n.kind, n.result) for n in draw(lambda x: x, np.ones(2)).picture.nodes.values()] == [("input", True)]
    assert [(n.kind, n.result) for n in draw(Tensor(3.0)).picture.nodes.values()] == [("constant", True)]


@pytest.mark.parametrize(
    ("f", "text"),
    [
        (lambda x: np.sum(x), "sum"),
        (lambda x: np.sum(x, axis=0), "sum(axis=0)"),
        (lambda x: np.sum(x, axis=(0, 1), keepdims=True), "sum(axis=(0, 1), keepdims=True)"),
        (lambda x: 2.5 * x, "multiply(2.5, ·)"),
        (lambda x: x[1], "getitem[1]"),
        (lambda x: x[0:1, ..., ::2], "getitem[0:1, ..., ::2]"),
    ],
)
def test_only_what_is_no_default_is_said_of_an_op(f, text):
    drawing = draw(f, np.ones((2, 3)))
    assert shown(drawing)["op1"].split("  ")[0] == text


def test_parameters_are_short_and_free_of_addresses():
    class Odd:
        pass

    assert plain(object()) == "·"
    assert plain(Odd()) == "Odd"
    assert plain(np.float32) == "float32"
    assert plain(np.dtype("f4")) == "float32"
    assert plain(np.arange(1000)) == "int64[1000]"
    assert plain(np.float64(0.1)) == "0.1"
    assert plain([1] * 1000) == "[1, 1, 1, 1, 1, 1, ...]"
    assert plain((1,)) == "(1,)"
    nested = []
    nested.append(nested)
    assert len(plain(nested)) < 20


def test_outputs_of_one_op_are_no_nodes():
    halves = primitive(lambda x: (x[:2], x[2:]), name="halves").defvjp(lambda g, _y, _x: np.concatenate(g))

    def f(x):
        a, b = halves(x)
        return b - a, b

    picture = draw(f, np.ones((4, 3))).picture
    assert arrows(picture) == {("x", "halves", ""), ("halves", "subtract", "output 1 → 1st, output 0 → 2nd")}
    assert [n.result for n in picture.nodes.values() if n.kind == "output"] == [True, True]
    assert "(2, 3) float64, (2, 3) float64" in shown(draw(f, np.ones((4, 3))))["op1"]


def test_the_hidden_output_of_an_op_is_not_shown():
    op = primitive(lambda x: (x, np.ones(7, int)), name="hides", hidden=1).defvjp(lambda g, _y, _x: g)
    assert shown(draw(op, Tensor(np.ones(3), True)))["op1"].split() == ["hides", "(3,)", "float64"]


def test_a_leaf_that_many_ops_read_stands_beside_each():
    drawing = draw(lambda x, w: [x := np.tanh(x @ w) for _ in range(6)][-1], np.ones((2, 2)), np.ones((2, 2)))
    copies = [text for text in shown(drawing).values() if text.strip().startswith("w ")]
    assert len(copies) == 6
    assert all("drawn in 6 places" in text for text in copies)
    for key in shown(drawing):
        assert re.search(rf"(^|\s){key}( ->|$)|-> {key}\b", drawing.source, re.MULTILINE), "a copy that nothing joins"


def test_a_value_computed_before_the_trace_is_a_leaf():
    w = Tensor(np.ones(3), True, name="w")
    before = np.exp(w)
    drawing = draw(lambda x: x * before, np.ones(3))
    assert arrows(drawing.picture) == {("x", "multiply", ""), ("before", "multiply", "")}
    assert [n.kind for n in drawing.picture.nodes.values()] == ["input", "constant", "output"]


def test_tensor_tape_and_function_are_drawn_alike():
    error = two_layer()
    assert draw(error).source == draw(error.tape()).source

    def f(x):
        return np.tanh(x)

    x = np.ones((2, 2))
    assert draw(f, x).source == draw(trace(f, x)).source


def test_the_drawing_outlives_backward():
    error = two_layer()
    before = draw(error).source
    error.backward()
    assert draw(error).source == before


def test_the_same_tape_gives_the_same_bytes_in_every_process():
    program = (
        "import numpy as np; from tinygrad_np import draw\n"
        "def f(*xs): return [np.concatenate(xs).sum(axis=0), *(np.tanh(x) * y for x in xs for y in xs)]\n"
        "print(draw(f, *[np.ones((i, 2)) for i in (1, 1, 1, 1, 1, 1, 1, 1)], max_nodes=40).source)"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True, check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }  # fmt: skip
    assert len(outputs) == 1
    tape = two_layer().tape()
    assert draw(tape).source == draw(tape).source


NAMES = [
    'q"uo\'te', "back\\slash", r"\N \G \L \E \T", "two\nlines\r\n\tand", "<script>alert(1)</script>",
    "<b>&lt;&amp;</b>", "a:b:c", "100 % %s %(x)d {0}", "{a|b}", "ünïcödé 日本語 ∂L/∂w 😀", "a" * 10_000, "<" * 10_000,
    "\\" * 10_000, "", " ", "--> ]]> <!--", "\x00\x1b[31m", "\ud800", "\u202eabc", "digraph { node -> edge }",
    "n1; n2", "strict", "</font>>",
]  # fmt: skip


def spelled(name: str) -> str:
    """What of a name is to be read in the picture."""
    text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name)
    return text if len(text) <= 40 else text[:39] + "…"


def texts_of(svg: bytes) -> list[str]:
    root = ElementTree.fromstring(svg)
    for element in root.iter():
        assert element.tag.removeprefix(SVG) in {
            "svg",
            "g",
            "title",
            "text",
            "a",
            "polygon",
            "polyline",
            "path",
            "ellipse",
        }
        assert not any(key.endswith("href") or key.startswith("on") for key in element.attrib)
    return ["".join(e.itertext()) for e in root.iter(f"{SVG}text")]


def laid_out(program: str, source: str) -> bytes:
    if which(program) is None:
        pytest.skip(f"{program} is not installed")
    done = subprocess.run([program, "-Tsvg"], input=source.encode(), capture_output=True, check=True)
    assert b"rror" not in done.stderr  # graphviz-pure warns that it guesses the width of letters beyond ASCII
    return done.stdout


@pytest.mark.parametrize("program", PROGRAMS, ids=["dot", "graphviz-pure"])
@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_names_are_shown_as_they_are_and_do_nothing(name, program):
    x = Tensor(np.ones(2), True, name=name)
    y = x * 2
    y.name = name
    op = primitive(lambda x: x, name=name or "op").defvjp(lambda g, _y, _x: g)
    drawing = draw(op(y))
    texts = texts_of(laid_out(program, drawing.source))
    assert len(drawing.source) < 10_000
    if name.strip():
        assert [" ".join(t.split()) for t in texts].count(" ".join(spelled(name).split())) >= 2


@needs_renderer
@settings(max_examples=25, deadline=None)
@given(st.lists(st.text(max_size=50), min_size=8, max_size=8))
@example(["]", "]]", "a]", "]>", "", "", "", ""])  # Graphviz cannot read a label of brackets alone
def test_any_names_make_a_drawing(names):
    total = Tensor(np.ones(2), True, name=names[0])
    for name in names[1:]:
        total = total + Tensor(np.ones(2), name=name)
        total.name = name
    assert len(texts_of(rendered(draw(total).source, "svg"))) >= 16


def chain(n: int) -> Tensor:
    x = Tensor(np.ones(2), True, name="x")
    for _ in range(n):
        x = -x
    return x


def test_a_long_chain_shows_its_ends_and_says_what_is_left_out():
    drawing = draw(chain(200_000))
    assert len(drawing.picture.nodes) == 400
    assert drawing.picture.left_out == 200_001 - 399
    assert drawing.source.count("199,602 of 200,001 ops and leaves are not shown") == 1  # above the graph
    keys = {n.key for n in drawing.picture.nodes.values()}
    assert {"leaf1", "op1", "op200000", "elided"} <= keys
    assert [n.key for n in drawing.picture.nodes.values()].index("elided") == 200  # between the two ends
    joined = {(w.tail, w.head) for w in drawing.picture.ways}
    assert len(joined) == 399  # one chain still
    assert "199,602 of 200,001 ops and leaves are not shown" in str(drawing)


def test_the_limit_is_exact():
    assert draw(chain(9), max_nodes=10).picture.left_out == 0
    picture = draw(chain(10), max_nodes=10).picture
    assert len(picture.nodes) == 10
    assert picture.left_out == 2
    with pytest.raises(ValueError, match="max_nodes"):
        draw(chain(3), max_nodes=1)


def test_an_op_with_more_inputs_than_the_limit_is_still_drawn():
    drawing = draw(lambda *xs: np.concatenate(xs), *[np.ones(1)] * 5000, max_nodes=30)
    assert len(drawing.picture.nodes) == 30
    assert ("...", "concatenate", "4,972 times") in arrows(drawing.picture)


@needs_renderer
def test_a_tangle_is_laid_out_in_reasonable_time():
    def f(x):
        hs = [x]
        for i in range(100):
            hs.append(np.tanh(hs[-1] - hs[i // 2]))
        return np.concatenate(hs)

    assert len(texts_of(rendered(draw(f, np.ones(2)).source, "svg", timeout=100))) > 200


def test_what_cannot_be_drawn_is_said():
    with pytest.raises(TypeError, match=r"a Tensor, a Tape, or a function .* got ndarray"):
        draw(np.ones(3))
    with pytest.raises(TypeError, match="after a function only"):
        draw(two_layer(), np.ones(3))
    with pytest.raises(TypeError, match="after a function only"):
        draw(Tape([], [], [leaf(np.ones(2))]), 3)
