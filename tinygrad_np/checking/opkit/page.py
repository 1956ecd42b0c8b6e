"""A report as one HTML page: no script, no other file, everything escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

__all__ = ["page"]

STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; }
h1 { font-size: 1.4rem; } table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .35rem .8rem .35rem 0; border-top: 1px solid #8884; }
tbody th { max-width: 11rem; } td.detail { white-space: pre-wrap; overflow-wrap: anywhere; } tr.skip { opacity: .6; }
.status { font-weight: 600; border-radius: .3rem; padding: 0 .45rem; border: 1px solid; white-space: nowrap; }
.pass .status { color: #1a7f37; } .fail .status { color: #fff; background: #c0222e; border-color: #c0222e; }
.warn .status { color: #9a6700; } .skip .status { color: #6e7781; }
pre { background: #8881; border-left: 3px solid #c0222e; padding: .6rem .8rem; overflow-x: auto; }
"""


def page(op: str, verdict: str, ok: bool, rows: Sequence[tuple[str, str, str, str]]) -> str:
    """The page for the checks ``(name, status, detail, code)`` of an op."""
    body = "\n".join(_row(*row) for row in rows)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(op)}: {"ok" if ok else "wrong"}</title>
<style>{STYLE}</style>
</head>
<body>
<h1>{escape(verdict)}</h1>
<table>
<thead><tr><th scope="col">Status</th><th scope="col">Check</th><th scope="col">What was found</th></tr></thead>
<tbody>
{body}
</tbody>
</table>
</body>
</html>
"""


def _row(name: str, status: str, detail: str, code: str) -> str:
    shown = f"<pre>{escape(code)}</pre>" if code else ""
    return (
        f'<tr class="{escape(status)}"><td><span class="status">{escape(status)}</span></td>'
        f'<th scope="row">{escape(name)}</th><td class="detail">{escape(detail)}{shown}</td></tr>'
    )
