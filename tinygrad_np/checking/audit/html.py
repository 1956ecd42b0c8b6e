"""An audit's report as HTML: a fragment for a notebook, and a page of its own that loads nothing and runs no script."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from html import escape
from typing import TYPE_CHECKING

from .text import LEGEND, MARKS, place, visible, where

if TYPE_CHECKING:
    from .report import AuditReport, Finding

__all__ = ["fragment", "page"]

# Each colour once for a light and once for a dark ground; a notebook says which it has.
LIGHT = "--good:#1a7f37;--bad:#c4182b;--odd:#8a5300;--pass:#7b3fb5;--dim:#59636e;--edge:#d0d7de;"
DARK = "--good:#4ac26b;--bad:#ff7b72;--odd:#e3a008;--pass:#c297ff;--dim:#9198a1;--edge:#3d444d;"
# Said three times over, the class outweighs what a notebook says of tables and headings.
STYLE = """
.tgaudit.tgaudit.tgaudit {
  LIGHT font: 14px/1.5 system-ui, sans-serif; max-width: 76em; text-align: left;
  [data-jp-theme-light=false] &, .vscode-dark & { DARK }
  code, pre, tbody { font: 13px/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace }
  h1, h2, p, li { color: inherit }
  h1 { font-size: 1.35em; font-weight: 600; margin: 0 }
  h1 code { font-size: 1em }
  h2 { font-size: 1em; font-weight: 600; margin: 0 }
  p { margin: .2em 0 }
  a { color: inherit; text-decoration: underline; text-underline-offset: .2em }
  a:focus-visible { outline: 2px solid currentColor; outline-offset: 2px }
  ol { list-style: none; margin: 1em 0; padding: 0; display: grid; gap: .8em }
  li { margin: 0; padding: .6em 1em; border: 1px solid var(--edge); border-left: .35em solid var(--bad);
    border-radius: .3em; break-inside: avoid }
  li:target, tr:target { outline: 2px solid var(--bad); outline-offset: -1px }
  pre { margin: .3em 0; padding: 0; background: none; color: inherit; white-space: pre-wrap; overflow-wrap: anywhere }
  del, ins { display: block; text-decoration: none; padding-left: 1.6em; text-indent: -1.6em }
  del { color: var(--bad) }
  ins { color: var(--good) }
  del::before { content: "-  " }
  ins::before { content: "+  " }
  aside { margin: .8em 0; border-left: .35em solid var(--odd); padding: .1em 1em }
  table { border-collapse: collapse; width: 100%; table-layout: auto; margin: 1em 0; border: 1px solid var(--edge);
    font-size: 13px }
  tr, td, th { background: none; border: 0; text-align: left; vertical-align: top; font-weight: 400 }
  td, th { padding: .05em .7em; white-space: nowrap }
  thead th { border-bottom: 1px solid var(--edge); color: var(--dim); font-size: 12px; padding: .3em .7em }
  tbody th { color: var(--dim); text-align: right; user-select: none }
  .mark { user-select: none }
  .code { width: 90%; white-space: pre-wrap; overflow-wrap: anywhere }
  .note { color: var(--dim); white-space: normal; text-align: right; min-width: 13em }
  .ok .mark, .rounding .mark, .none { color: var(--good) }
  .kink .mark, .unmatched .mark { color: var(--odd) }
  .inherited .mark { color: var(--pass) }
  .wrong .mark, .found { color: var(--bad) }
  .wrong .mark, .found, .none { font-weight: 600 }
  tr.wrong { background: color-mix(in srgb, var(--bad) 14%, transparent) }
  .forward .mark, .gap, small { color: var(--dim) }
  small { font-size: 12px; display: flex; flex-wrap: wrap; gap: .2em 2em }
  small b { font: 600 12px ui-monospace, monospace; margin-right: .5em }
}
""".replace("LIGHT", LIGHT).replace("DARK", DARK)
PAGE = """
:root { color-scheme: light dark }
body { margin: 0; padding: 2em 1.5em; background: #fff; color: #1f2328 }
.tgaudit.tgaudit.tgaudit { margin: auto }
@media screen and (prefers-color-scheme: dark) {
  body { background: #0d1117; color: #e6edf3 }
  body .tgaudit.tgaudit.tgaudit { DARK }
}
@media (max-width: 45em) {
  body { padding: 1em .5em }
  body .tgaudit.tgaudit.tgaudit :is(td, th) { padding: .05em .3em }
  body .tgaudit.tgaudit.tgaudit .note { display: none }
}
@media print {
  body { padding: 0; color: #000 }
  body .tgaudit.tgaudit.tgaudit { max-width: none; tr { break-inside: avoid } tr.wrong .code { font-weight: 700 } }
}
""".replace("DARK", DARK)


def page(report: AuditReport) -> str:
    """A page of its own."""
    return "\n".join((
        "<!doctype html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        # All text is escaped; should something slip through, nothing is loaded or run all the same.
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{_text(f'audit of {place(report)}')}</title>",
        f"<style>{STYLE}{PAGE}</style>",
        "</head>",
        "<body>",
        *_article(report, "main"),
        "</body>",
        "</html>\n",
    ))  # fmt: skip


def fragment(report: AuditReport) -> str:
    """The same for inside another page, such as a notebook's."""
    return "\n".join((f"<style>{STYLE}</style>", *_article(report, "section")))


def _article(report: AuditReport, tag: str) -> Iterator[str]:
    # A notebook may show several reports on one page: a link must find its own.
    own = "audit-" + sha256(repr(report).encode("utf-8", "backslashreplace")).hexdigest()[:8]
    name, _, file = place(report).rpartition(" in ")
    yield f'<{tag} class="tgaudit">'
    yield f"<h1>Audit of {f'<code>{_text(name)}</code> in ' if name else ''}<code>{_text(file)}</code></h1>"
    yield f"<p>Gradients of <code>{_text(report.loss)}</code></p>"
    yield f'<p class="{"none" if report.ok else "found"}">{_text(report.summary)}</p>'
    if report.findings:
        yield "<ol>"
        listed = {line.number for line in report.lines}
        for i, finding in enumerate(report.findings, 1):
            yield from _finding(finding, i, own, finding.line in listed)
        yield "</ol>"
    for note in report.notes:
        yield f"<aside><p>{_text(note)}</p></aside>"
    yield from _listing(report, own)
    used = {line.status for line in report.lines}
    legend = (f"<span><b>{MARKS[s]} {s}</b>{LEGEND[s]}</span>" for s in MARKS if s in used and LEGEND[s] != s)
    yield f"<small>{''.join(legend)}</small>"
    yield f"</{tag}>"


def _finding(f: Finding, i: int, own: str, listed: bool) -> Iterator[str]:
    place = f'<a href="#{own}-L{f.line}">line {f.line}</a>' if listed else f"line {f.line}"
    yield f'<li id="{own}-{i}">'
    yield f"<h2>{place}: {_text(f.kind)}</h2>"
    yield f"<p>{_text(f.explanation)}</p>"
    change = f"<del>{_text(f.statement.strip())}</del>"
    change += "".join(f"<ins>{_text(line)}</ins>" for line in f.suggestion.splitlines())
    yield f"<pre>{change}</pre>"
    for other in f.alternatives:
        yield f"<p>or <code>{_text(other)}</code></p>"
    if where(f):
        yield f"<p>{_text(where(f))}</p>"
    yield "</li>"


def _listing(report: AuditReport, own: str) -> Iterator[str]:
    numbers: dict[int, list[int]] = {}
    for i, f in enumerate(report.findings, 1):
        numbers.setdefault(f.line, []).append(i)
    yield '<table><thead><tr><th scope="col">line</th><th scope="col">verdict</th><th scope="col">source</th>'
    yield '<th scope="col" class="note">computes</th></tr></thead><tbody>'
    last = None
    for line in report.lines:
        if last is not None and line.number > last + 1:
            yield '<tr class="gap"><th></th><td></td><td>...</td><td></td></tr>'
        last = line.number
        found = numbers.get(line.number, ())
        verdict = [f"{MARKS[line.status]} {line.status}"] if line.status in MARKS else []
        verdict += [f'<a href="#{own}-{i}" title="finding {i}">{i}</a>' for i in found]
        yield (
            f'<tr id="{own}-L{line.number}" class="{"wrong" if found else _text(line.status)}">'
            f'<th scope="row">{line.number}</th><td class="mark">{" ".join(verdict)}</td>'
            f'<td class="code">{_text(line.text.rstrip())}</td><td class="note">{_text(line.note)}</td></tr>'
        )
    yield "</tbody></table>"


def _text(text: str) -> str:
    return escape(visible(text))
