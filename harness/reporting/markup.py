"""HTML by hand: the frame of our own pages, badges and tables. No framework, no script, no request to anywhere."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence

from harness.reporting import palette
from harness.verdicts import Number, Ruling

ROWS = 50
"""So many rows of a table are shown; the rest is in ``verdict.json``."""

POLICY = "default-src 'none'; img-src 'self' file: data: blob:; style-src 'unsafe-inline'"
"""What a page of ours may load: nothing from elsewhere, whatever was written into it."""

_STYLE = f"""
:root {{ color-scheme: light dark; --paper: #ffffff; --ink: {palette.INK}; --faint: #57606a; --rule: #d0d7de;
  --card: #f6f8fa; --link: #0a58ca; }}
@media (prefers-color-scheme: dark) {{ :root {{ --paper: #0d1117; --ink: #e6edf3; --faint: #9198a1; --rule: #30363d;
  --card: #161b22; --link: #6cb0ff; }} }}
* {{ box-sizing: border-box; }}
body {{ margin: 0 auto; max-width: 1320px; padding: 20px; background: var(--paper); color: var(--ink);
  font: 15px/1.45 system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; }}
a {{ color: var(--link); }}
h1 {{ font-size: 24px; margin: 0 0 4px; }}
h2 {{ font-size: 19px; margin: 26px 0 6px; }} .card h2 {{ margin: 0 0 4px; }}
p {{ margin: 6px 0; }} .faint {{ color: var(--faint); font-size: 13px; }}
.badge {{ display: inline-block; padding: 1px 9px; border-radius: 10px; color: #fff; font-weight: 600;
  font-size: 13px; white-space: nowrap; vertical-align: 2px; }}
.card {{ background: var(--card); border: 1px solid var(--rule); border-radius: 8px; padding: 16px; margin: 16px 0; }}
.wide {{ overflow-x: auto; }}
table {{ border-collapse: collapse; font-size: 14px; width: 100%; }}
th, td {{ text-align: left; padding: 5px 10px 5px 0; border-bottom: 1px solid var(--rule); vertical-align: top; }}
th {{ color: var(--faint); font-weight: 500; }}
td.number {{ font-variant-numeric: tabular-nums; white-space: nowrap; }}
img {{ width: 100%; height: auto; border: 1px solid var(--rule); border-radius: 6px; }}
h3 {{ font-size: 16px; margin: 18px 0 4px; }}
hr {{ margin: 48px 0 24px; border: 0; border-top: 2px solid var(--rule); }}
.short th {{ white-space: nowrap; padding-right: 18px; }} .short td {{ line-height: 1.6; }}
.signs b {{ display: inline-block; width: 15px; margin-right: 1px; text-align: center; color: #fff; font-size: 12px; }}
del {{ text-decoration-color: {Ruling.BROKEN.colour}; }} ins {{ text-decoration: none; font-weight: 600; }}
.nights {{ table-layout: fixed; min-width: 1200px; }} .nights th:nth-child(2) {{ width: 255px; }}
.nights th:nth-child(3) {{ width: 105px; }} .nights th:nth-child(n+4) {{ width: 195px; }}
.trend {{ color: var(--faint); vertical-align: middle; }}
details {{ margin: 8px 0; }} summary {{ cursor: pointer; }}
"""


def page(title: str, body: str, policy: str = POLICY, head: str = "") -> str:
    """A whole page; ``title`` is plain text, ``body`` and ``head`` are HTML."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n{head}</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def beneath(title: str, body: Sequence[str], up: str = "") -> str:
    """A page that leads back to the index, which lies ``up`` of it (``../``)."""
    return page(title, "\n".join([f'<p class="faint"><a href="{up}index.html">all runs</a></p>', *body]))


def escape(text: object) -> str:
    """Plain text as HTML, in attributes too."""
    return html.escape(str(text))


def badge(ruling: Ruling, words: str = "") -> str:
    """A ruling as a coloured word; readable without our style sheet, as inside Allure."""
    style = f"background:{ruling.colour};color:#ffffff;padding:1px 9px;border-radius:10px"
    return f'<b class="badge" style="{style}">{escape(words or ruling.name)}</b>'


def table(rows: Sequence[Mapping[str, Number]], limit: int = ROWS, whole: str = "verdict.json") -> str:
    """Rows of evidence; empty for none. Columns are those of any row, in the order in which they come up.

    ``whole``: the file of the run that has the rows beyond ``limit``.
    """
    if not rows:
        return ""
    names = list(dict.fromkeys(name for row in rows for name in row))
    names = [name for name in names if any(row.get(name) is not None for row in rows)]
    head = "".join(f"<th>{escape(name.replace('_', ' '))}</th>" for name in names)
    body = "\n".join(f"<tr>{''.join(_cell(row.get(name)) for name in names)}</tr>" for row in rows[:limit])
    more = f'<p class="faint">and {len(rows) - limit} more in {whole}</p>' if len(rows) > limit else ""
    return f'<div class="wide"><table><tr>{head}</tr>\n{body}</table></div>{more}'


def folded(title: str, inside: str) -> str:
    """Something that opens by a click; empty when there is nothing inside."""
    return f"<details><summary>{escape(title)}</summary>{inside}</details>" if inside else ""


def _cell(value: Number) -> str:
    if value is None:
        return "<td></td>"
    if isinstance(value, bool):
        return f"<td>{'yes' if value else 'no'}</td>"
    if isinstance(value, float):
        return f'<td class="number">{value:.3f}</td>'.replace(".000<", "<")
    return f'<td class="number">{value}</td>' if isinstance(value, int) else f"<td>{escape(value)}</td>"
