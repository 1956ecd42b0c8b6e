"""A derivation as a document: Markdown, LaTeX, and a page with MathML that needs no network."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Derivation", "Item", "Section"]

MATH = re.compile(r"\$([^$]+)\$|`([^`]+)`")

LATEX_HEAD = r"""\documentclass{article}
\usepackage{amsmath, amssymb}
\usepackage[margin=2.5cm]{geometry}
\setlength{\parindent}{0pt}
\begin{document}
"""

STYLE = """
:root { color-scheme: light dark; --ink: #1c1f24; --soft: #5c6570; --line: #d8dde3; --paper: #fff; --band: #f5f7f9 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e7eb; --soft: #9aa4b0; --line: #343b44; --paper: #16191d; --band: #1f242a }
}
body { background: var(--paper); color: var(--ink); font: 17px/1.55 Georgia, 'Times New Roman', serif;
  max-width: 46rem; margin: 2.5rem auto; padding: 0 1.2rem }
h1 { font-size: 1.7rem; line-height: 1.2 } h2 { font-size: 1.2rem; margin-top: 2.4rem }
p { margin: .5rem 0 } .why { color: var(--soft); font-size: .92rem; margin: 0 0 0 1rem }
.eq { display: flex; align-items: center; justify-content: space-between; gap: 1rem; background: var(--band);
  border-left: 3px solid var(--line); padding: .55rem .9rem; margin: .9rem 0 .3rem; overflow-x: auto }
.eq math { font-size: 1.12rem }
.shape { color: var(--soft); font: .82rem/1.2 ui-monospace, monospace; white-space: nowrap }
table { border-collapse: collapse; width: 100% }
td, th { text-align: left; padding: .3rem .7rem; border-bottom: 1px solid var(--line) }
code { font: .88em ui-monospace, monospace }
@media print { body { max-width: none; margin: 0 } .eq { break-inside: avoid } }
"""


@dataclass(frozen=True)
class Item:
    """One formula, with why it is so and its shape; ``cell``: a row of a table."""

    tex: str
    note: str = ""
    shape: str = ""
    cell: bool = False


@dataclass(frozen=True)
class Section:
    title: str
    text: str
    items: tuple[Item, ...]


@dataclass(frozen=True, repr=False)
class Derivation:
    """What `derive` found, section by section; ``derivation["The chain"]`` is one of them.

    Attributes
    ----------
    title : str
    sections : tuple of Section
        Shapes, forward pass, local derivatives, the chain, updates.
    """

    title: str
    sections: tuple[Section, ...]

    def __getitem__(self, title: str) -> Section:
        for section in self.sections:
            if section.title == title:
                return section
        raise KeyError(f"no section {title!r}: there are {', '.join(s.title for s in self.sections)}")

    @property
    def markdown(self) -> str:
        """The document as Markdown, formulas between dollars."""
        parts = [f"# {self.title}"]
        for section in self.sections:
            parts.append(f"## {section.title}")
            if section.text:
                parts.append(section.text)
            if section.items and section.items[0].cell:
                rows = [f"| ${i.tex}$ | {i.note} | {i.shape} |" for i in section.items]
                parts.append("\n".join(["| symbol | what it is | shape |", "|---|---|---|", *rows]))
                continue
            for item in section.items:
                parts.append(f"$${item.tex}$$")
                said = " ".join(filter(None, [item.note, f"Shape: {item.shape}." if item.shape else ""]))
                if said:
                    parts.append(said)
        return "\n\n".join(parts) + "\n"

    @property
    def latex(self) -> str:
        """The document as LaTeX, complete; it needs amsmath alone."""
        parts = [LATEX_HEAD, rf"\section*{{{_latex_text(self.title)}}}"]
        for section in self.sections:
            parts.append(rf"\subsection*{{{_latex_text(section.title)}}}")
            if section.text:
                parts.append(_latex_text(section.text))
            if section.items and section.items[0].cell:
                rows = [rf"${i.tex}$ & {_latex_text(i.note)} & {_latex_text(i.shape)} \\" for i in section.items]
                parts.append("\n".join([r"\begin{tabular}{lll}", *rows, r"\end{tabular}"]))
                continue
            for item in section.items:
                parts.append(f"\\[ {item.tex} \\]")
                said = " ".join(filter(None, [item.note, f"Shape: {item.shape}." if item.shape else ""]))
                if said:
                    parts.append(_latex_text(said))
        return "\n".join([*parts, r"\end{document}", ""])

    def to_html(self, path: str | Path) -> Path:
        """Write one self-contained page; the formulas are MathML, which browsers show without help.

        Raises
        ------
        ImportError
            If latex2mathml is not installed: ``pip install "tinygrad_np[write]"``.
        """
        text = self._page()
        path = Path(path)
        path.write_text(text, encoding="utf-8")
        return path

    def _page(self) -> str:
        body = [f"<h1>{_inline(self.title)}</h1>"]
        for section in self.sections:
            body.append(f"<h2>{_inline(section.title)}</h2>")
            if section.text:
                body.append(f"<p>{_inline(section.text)}</p>")
            if section.items and section.items[0].cell:
                cells = [(_mathml(i.tex), _inline(i.note), _inline(i.shape)) for i in section.items]
                rows = [f"<tr><td>{a}</td><td>{b}</td><td class=shape>{c}</td></tr>" for a, b, c in cells]
                body += ["<table><tr><th>symbol</th><th>what it is</th><th>shape</th></tr>", *rows, "</table>"]
                continue
            for item in section.items:
                shape = f"<span class=shape>{_inline(item.shape)}</span>" if item.shape else ""
                body.append(f"<div class=eq>{_mathml(item.tex, display=True)}{shape}</div>")
                if item.note:
                    body.append(f"<p class=why>{_inline(item.note)}</p>")
        head = "<meta charset=utf-8><meta name=viewport content='width=device-width'>"
        head += f"<title>{html.escape(self.title)}</title><style>{STYLE}</style>"
        return f"<!doctype html><html lang=en><head>{head}</head><body>{''.join(body)}</body></html>\n"

    def _repr_markdown_(self) -> str:
        return self.markdown

    def __repr__(self) -> str:
        return f"<Derivation {self.title!r}: {sum(len(s.items) for s in self.sections)} formulas>"

    def __str__(self) -> str:
        return self.markdown


def _mathml(tex: str, display: bool = False) -> str:
    try:
        from latex2mathml.converter import convert
    except ImportError:
        raise ImportError('a derivation as a page needs latex2mathml: pip install "tinygrad_np[write]"') from None
    return str(convert(tex, display="block" if display else "inline"))


def _inline(text: str) -> str:
    """Text with formulas between dollars and code between backticks, as HTML."""
    parts, end = [], 0
    for m in MATH.finditer(text):
        parts.append(html.escape(text[end : m.start()]))
        parts.append(_mathml(m[1]) if m[1] is not None else f"<code>{html.escape(m[2])}</code>")
        end = m.end()
    return "".join([*parts, html.escape(text[end:])])


def _latex_text(text: str) -> str:
    parts, end = [], 0
    for m in MATH.finditer(text):
        parts.append(_escaped(text[end : m.start()]))
        parts.append(f"${m[1]}$" if m[1] is not None else rf"\texttt{{{_escaped(m[2])}}}")
        end = m.end()
    return "".join([*parts, _escaped(text[end:])])


def _escaped(text: str) -> str:
    special = {"×": r"$\times$", "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    return "".join(special.get(c, rf"\{c}" if c in "&%$#_{}" else c) for c in text)
