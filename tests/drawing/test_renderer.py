"""Drawings as files and in notebooks: formats, layout programs that are missing or fail, nothing left half written."""

import os
import sys
import sysconfig
from pathlib import Path
from shutil import which
from xml.etree import ElementTree

import numpy as np
import pytest

from tinygrad_np import Tensor
from tinygrad_np.drawing import Drawing, NoRendererError, draw
from tinygrad_np.drawing.renderer import rendered

PYTHON = sys.executable
BESIDE = os.pathsep.join([os.environ.get("PATH", ""), str(Path(PYTHON).parent), sysconfig.get_path("scripts")])
needs_renderer = pytest.mark.skipif(
    not any(which(name, path=BESIDE) for name in ("dot", "graphviz-pure")),
    reason="neither dot nor graphviz-pure is installed",
)


def net() -> Tensor:
    x = Tensor(np.ones((6, 5)), name="x")
    w = Tensor(np.ones((5, 2)), True, name="w")
    pred = x @ w
    error = np.sum(pred**2)
    return error


def heights(svg: bytes) -> dict[str, float]:
    """Where each text of a picture stands, from its top."""
    root = ElementTree.fromstring(svg)
    return {"".join(e.itertext()): float(e.attrib["y"]) for e in root.iter("{http://www.w3.org/2000/svg}text")}


def test_save_writes_the_source(tmp_path):
    drawing = draw(net())
    path = drawing.save(tmp_path / "net.dot")
    assert path.read_text(encoding="utf-8") == drawing.source
    assert [p.name for p in tmp_path.iterdir()] == ["net.dot"]


@needs_renderer
@pytest.mark.parametrize(("suffix", "start"), [("svg", b"<?xml"), ("PNG", b"\x89PNG"), ("pdf", b"%PDF")])
def test_render_writes_the_format_of_the_suffix(tmp_path, suffix, start):
    if suffix == "pdf" and which("dot") is None:
        pytest.skip("PDF needs dot")
    path = tmp_path / f"net.{suffix}"
    path.write_text("what was there before")
    assert draw(net()).render(str(path)) == path
    assert path.read_bytes().startswith(start)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_render_refuses_what_it_cannot_write(tmp_path):
    drawing = draw(net())
    with pytest.raises(ValueError, match=r"\.svg, \.png or \.pdf.*'net\.bmp'"):
        drawing.render("net.bmp")
    with pytest.raises(ValueError, match=r"save\(\) writes DOT"):
        drawing.render("net.dot")
    with pytest.raises(FileNotFoundError, match=r"no directory .*nowhere.*net\.svg"):
        drawing.render(tmp_path / "nowhere" / "net.svg")
    with pytest.raises(FileNotFoundError, match="no directory"):
        drawing.save(tmp_path / "nowhere" / "net.dot")


def program(directory: Path, name: str, script: str) -> None:
    path = directory / name
    path.write_text(f"#!{PYTHON}\n{script}\n")
    path.chmod(0o755)


@pytest.fixture
def bare(monkeypatch, tmp_path):
    """An environment in which no layout program is found, but in the directory given."""
    place = tmp_path / "bin"
    place.mkdir()
    monkeypatch.setenv("PATH", str(place))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python" / "python"))
    monkeypatch.setattr(sysconfig, "get_path", lambda _: str(tmp_path / "scripts"))
    return place


ANSWERS = "import sys; sys.stdin.buffer.read(); print('{name}', *sys.argv[1:])"


def test_dot_comes_first_then_graphviz_pure(bare):
    program(bare, "graphviz-pure", ANSWERS.format(name="pure"))
    assert rendered("digraph {}", "svg") == b"pure -Tsvg\n"
    with pytest.raises(NoRendererError, match=r"PDF needs Graphviz' `dot`"):
        rendered("digraph {}", "pdf")
    program(bare, "dot", ANSWERS.format(name="dot"))
    assert rendered("digraph {}", "svg") == b"dot -Tsvg\n"
    assert rendered("digraph {}", "pdf") == b"dot -Tpdf\n"


def test_graphviz_pure_is_found_beside_python(bare):
    beside = Path(sys.executable).parent
    beside.mkdir()
    program(beside, "graphviz-pure", ANSWERS.format(name="pure"))
    assert rendered("digraph {}", "png") == b"pure -Tpng\n"


def test_without_a_renderer_render_says_what_to_install(bare, tmp_path):
    drawing = draw(net())
    with pytest.raises(NoRendererError, match=r"neither `dot` nor `graphviz-pure`.*pip install") as caught:
        drawing.render(tmp_path / "net.svg")
    assert "\n" not in str(caught.value)
    with pytest.raises(FileNotFoundError):  # found out before the work is done
        drawing.render(tmp_path / "nowhere" / "net.svg")
    assert not (tmp_path / "net.svg").exists()
    assert drawing._repr_mimebundle_() == {"text/plain": str(drawing)}
    assert drawing.save(tmp_path / "net.dot").exists()


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("import sys; sys.exit('out of ink')", "out of ink"),
        ("", "exit status 0"),
        ("print(1); raise SystemExit(3)", "exit status 3"),
    ],
)
def test_a_renderer_that_fails_leaves_what_was_there(bare, tmp_path, script, said):
    program(bare, "dot", script)
    path = tmp_path / "net.svg"
    path.write_text("before")
    drawing = draw(net())
    with pytest.raises(RuntimeError, match=said):
        drawing.render(path)
    assert path.read_text() == "before"
    assert "image/svg+xml" not in drawing._repr_mimebundle_()


def test_a_renderer_that_does_not_end_is_stopped(bare):
    program(bare, "dot", "import time; time.sleep(60)")
    with pytest.raises(RuntimeError, match=r"not done .* after 0\.2 s.*max_nodes"):
        rendered("digraph {}", "svg", timeout=0.2)


def test_a_write_that_fails_leaves_no_fragment(monkeypatch, tmp_path):
    def full(*_):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="disk full"):
        draw(net()).save(tmp_path / "net.dot")
    assert not list(tmp_path.iterdir())


@needs_renderer
def test_the_legend_stands_below_the_graph():
    height = heights(rendered(draw(net()).source, "svg"))
    graph = [y for text, y in height.items() if "float64" in text]
    assert all(height[kind] > max(graph) for kind in ("parameter", "input", "operation", "result"))


@needs_renderer
def test_a_notebook_shows_svg_and_text():
    drawing = draw(net())
    bundle = drawing._repr_mimebundle_()
    assert any("pred" in text for text in heights(bundle["image/svg+xml"].encode()))
    assert bundle["text/plain"] == drawing.text


def test_a_notebook_never_sees_an_error(monkeypatch):
    drawing = draw(net())
    monkeypatch.setattr(Drawing, "text", property(lambda _: 1 / 0))
    assert drawing._repr_mimebundle_() == {"text/plain": "<Drawing of 3 ops and 2 leaves>"}


def test_a_tensor_and_a_tape_show_themselves_in_a_notebook(monkeypatch):
    error = net()
    for x in (error, error.tape()):
        assert set(x._repr_mimebundle_()) >= {"text/plain"}
    monkeypatch.setattr(Drawing, "__init__", lambda *_, **__: 1 / 0)
    for x in (error, error.tape()):
        assert x._repr_mimebundle_() == {"text/plain": repr(x)}
