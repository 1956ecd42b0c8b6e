"""What a derivation says is what the tape computes, in formulas that TeX and browsers take."""

from __future__ import annotations

import builtins
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from writing.test_numpy_source import CASES, net, two_layer_problem, weighted

import tinygrad_np as tg
from tinygrad_np.writing import Derivation, derive
from tinygrad_np.writing.tex import symbol

ROOT = Path(__file__).parents[2]
SYMBOLS = {"h_relu": "h'", "pred": r"\hat{y}", "loss": "e"}


def two_layer_derivation() -> Derivation:
    return derive(net, *two_layer_problem(), wrt=["w1", "b1", "w2", "b2"], symbols=SYMBOLS)


def by(y: str, x: str) -> str:
    return rf"\frac{{\partial {y}}}{{\partial {x}}}"


def formulas(derivation: Derivation, title: str) -> list[str]:
    return [item.tex for item in derivation[title].items]


def test_the_two_layer_net_has_every_formula_of_its_published_derivation() -> None:
    found = two_layer_derivation()
    assert formulas(found, "Forward pass") == [
        r"h = x \, w_{1} + b_{1}",
        r"h' = \max(0, h)",
        r"\hat{y} = h' \, w_{2} + b_{2}",
        r"e = \sum \left(\hat{y} - y\right)^{2}",
    ]
    assert formulas(found, "Local derivatives") == [
        by("h", "w_{1}") + " = x",
        by("h", "b_{1}") + " = 1",
        by("h'", "h") + r" = \left[h' > 0\right]",
        by(r"\hat{y}", "h'") + " = w_{2}",
        by(r"\hat{y}", "w_{2}") + " = h'",
        by(r"\hat{y}", "b_{2}") + " = 1",
        by("e", r"\hat{y}") + r" = 2 \, \left(\hat{y} - y\right)",
    ]


def test_the_chain_has_its_transposes_and_sums() -> None:
    g_pred, g_h, g_relu = by("e", r"\hat{y}"), by("e", "h"), by("e", "h'")
    chain = formulas(two_layer_derivation(), "The chain")
    assert set(chain) == {
        rf"{g_pred} = 2 \, \left(\hat{{y}} - y\right)",
        rf"{by('e', 'b_{2}')} = {g_pred} \, {by(chr(92) + 'hat{y}', 'b_{2}')} = \mathbf{{1}}^{{\mathsf{{T}}}} {g_pred}",
        rf"{g_relu} = {g_pred} \, {by(chr(92) + 'hat{y}', chr(104) + chr(39))} = {g_pred} \, w_{{2}}^{{\mathsf{{T}}}}",
        rf"{by('e', 'w_{2}')} = {g_pred} \, {by(chr(92) + 'hat{y}', 'w_{2}')} = h'^{{\mathsf{{T}}}} \, {g_pred}",
        rf"{g_h} = {g_relu} \, {by(chr(104) + chr(39), 'h')} = {g_relu} \odot \left[h' > 0\right]",
        rf"{by('e', 'b_{1}')} = {g_h} \, {by('h', 'b_{1}')} = \mathbf{{1}}^{{\mathsf{{T}}}} {g_h}",
        rf"{by('e', 'w_{1}')} = {g_h} \, {by('h', 'w_{1}')} = x^{{\mathsf{{T}}}} \, {g_h}",
    }


def test_the_updates_are_spelled_out() -> None:
    updates = formulas(two_layer_derivation(), "Updates")
    assert updates[2] == (
        rf"w_{{2}} \leftarrow w_{{2}} - \eta \, {by('e', 'w_{2}')}"
        rf" = w_{{2}} - \eta \, h'^{{\mathsf{{T}}}} \, {by('e', chr(92) + 'hat{y}')}"
    )
    assert len(updates) == 4


def test_each_step_says_why_and_in_which_shapes() -> None:
    items = two_layer_derivation()["The chain"].items
    w2 = next(i for i in items if i.tex.startswith(by("e", "w_{2}")))
    assert "a product with the first factor transposed, from the left (two_layer.py:" in w2.note
    assert w2.shape == "[4 × 6] [6 × 3] = [4 × 3]"
    b2 = next(i for i in items if i.tex.startswith(by("e", "b_{2}")))
    assert "It was added to every row, so its derivative is the sum over the rows." in b2.note


def test_softmax_with_cross_entropy_is_shortened_where_the_numbers_agree() -> None:
    def fused(z: Any, y: Any) -> Any:
        p = tg.softmax(z)
        return -np.sum(y * np.log(p))

    rng = np.random.default_rng(0)
    z, y = rng.normal(size=(4, 3)), np.eye(3)[[0, 2, 1, 2]]
    texts = formulas(derive(fused, z, y, wrt=["z"]), "The chain")
    assert by(r"\mathrm{loss}", "z") + r" = \operatorname{softmax}_{\text{axis } 1}(z) - y" in texts
    texts = formulas(derive(fused, z, 2 * y, wrt=["z"]), "The chain")  # the rows do not sum to one
    assert not any(t.endswith("- y") for t in texts)


def test_classes_by_number_are_one_hot_rows() -> None:
    def mean_loss(z: Any, y: Any) -> Any:
        return tg.cross_entropy(z, y)

    found = derive(mean_loss, np.random.default_rng(0).normal(size=(4, 3)), np.array([0, 2, 1, 2]), wrt=["z"])
    short = r"\frac{1}{4} \left(\operatorname{softmax}_{\text{axis } 1}(z) - \operatorname{onehot}(y)\right)"
    assert any(t.endswith(short) for t in formulas(found, "The chain"))


def test_what_is_called_the_same_gets_numbers() -> None:
    def steps(h: Any, w: Any) -> Any:
        for _ in range(2):
            h = np.tanh(h @ w)
        return np.sum(h)

    texts = formulas(derive(steps, np.ones((1, 2)), np.ones((2, 2)), wrt=["w"]), "Forward pass")
    assert texts[:2] == [
        r"h^{(2)} = \tanh \left(h \, w\right)",
        r"h^{(3)} = \tanh \left(h^{(2)} \, w\right)",
    ]


@pytest.mark.parametrize(
    ("name", "tex"),
    [
        ("w1", "w_{1}"),
        ("h", "h"),
        ("h_relu", r"h_{\mathrm{relu}}"),
        ("beta2", r"\beta_{2}"),
        ("grad_w_2", r"\mathrm{grad}_{w, 2}"),
        ("_x", "x"),
    ],
)
def test_symbols(name: str, tex: str) -> None:
    assert symbol(name) == tex


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # samples at the edge of an op's domain
def test_every_op_has_formulas_that_browsers_take(tmp_path: Path) -> None:
    derived = 0
    for name, k in CASES:
        f, xs = weighted(name, k)
        if k == 0 and xs:
            found = derive(f, *xs, wrt=range(len(xs)))
            found.to_html(tmp_path / "page.html")
            derived += 1
    assert derived > 300


# As documents


def test_a_page_needs_nothing_else_and_escapes_what_it_is_given(tmp_path: Path) -> None:
    def f(w: Any) -> Any:
        return np.sum(w * w)

    text = (
        derive(f, np.ones(2), wrt=["w"], title="<script>alert(1)</script> & more")
        .to_html(tmp_path / "d.html")
        .read_text()
    )
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; more" in text
    assert "<math" in text
    assert "http" not in text.replace("http://www.w3.org/1998/Math/MathML", "")


def test_markdown_holds_every_section() -> None:
    text = two_layer_derivation().markdown
    for title in ("Shapes", "Forward pass", "Local derivatives", "The chain", "Updates"):
        assert f"## {title}\n" in text
    assert "| $h'$ | computed `h_relu` | 6 × 4 |" in text
    assert text == str(two_layer_derivation())


def test_latex_is_a_whole_document() -> None:
    text = two_layer_derivation().latex
    assert text.startswith(r"\documentclass")
    assert text.rstrip().endswith(r"\end{document}")
    assert r"\texttt{h\_relu}" in text
    assert text.count("{") == text.count("}")


def test_without_latex2mathml_a_page_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def refuse(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("latex2mathml"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(ImportError, match=r'pip install "tinygrad_np\[write\]"'):
        two_layer_derivation().to_html(tmp_path / "d.html")
    assert not (tmp_path / "d.html").exists()


def test_the_page_of_the_docs_is_up_to_date() -> None:
    command = re.search(
        r"^tinygrad-np (derive .*) -o docs/derivation.md$", (ROOT / "docs/writing.md").read_text(), re.MULTILINE
    )
    assert command is not None
    done = subprocess.run(
        [sys.executable, "-m", "tinygrad_np", *shlex.split(command[1])],
        cwd=ROOT, capture_output=True, encoding="utf-8", check=True,
    )  # fmt: skip
    assert (ROOT / "docs/derivation.md").read_text() == done.stdout, "run the command that docs/writing.md shows"


def test_an_unknown_section_is_named() -> None:
    with pytest.raises(KeyError, match="there are Shapes, Forward pass"):
        two_layer_derivation()["Proof"]


def test_a_sum_in_a_rule_is_no_broadcast() -> None:
    def f(z: Any, b: Any) -> Any:
        p = tg.softmax(z + b)
        return np.sum(p * p)

    notes = {
        item.tex.split(" =")[0]: item.note
        for item in derive(f, np.ones((2, 3)), np.ones(3), wrt=[0, 1])["The chain"].items
    }
    assert not any("It was broadcast" in note for note in notes.values())
    assert sum("It was added to every row" in note for note in notes.values()) == 1


def test_a_gradient_inside_is_part_of_the_forward_pass() -> None:
    def f(x: Any) -> Any:
        g = tg.grad(lambda v: np.sum(np.sin(v) * v))(x)
        return np.sum(g**2)

    found = derive(f, np.ones(3), wrt=[0])
    assert formulas(found, "Forward pass")[-1].startswith(r"\mathrm{loss} = \sum")
    assert all(i.tex.startswith(("t_", r"\frac{\partial \mathrm{loss}}")) for i in found["The chain"].items)


def test_a_value_that_is_read_in_many_places_has_one_derivative() -> None:
    def f(x: Any, w: Any) -> Any:
        y = x * 1
        return np.sum(np.tanh(x @ w) @ y)

    texts = formulas(derive(f, np.ones((2, 2)), np.ones((2, 2)), wrt=[0]), "The chain")
    assert sum(t.startswith(by(r"\mathrm{loss}", "x") + " =") for t in texts) == 1


def test_numbers_and_small_constants_are_spelled_out() -> None:
    def f(x: Any) -> Any:
        return np.sum(x * np.array([1.5, -2.0]) + x * (2 - 3j) + x * 1j).real

    (loss,) = formulas(derive(f, np.ones(2), wrt=[0]), "Forward pass")
    assert r"\begin{pmatrix} 1.5 & -2 \end{pmatrix}" in loss
    assert r"(2 - 3 \, i) \, x" in loss
    assert r"i \, x" in loss
