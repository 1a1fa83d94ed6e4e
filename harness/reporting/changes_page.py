"""What to change in the strategy as written, why, and what it buys scenario by scenario: a page of all designs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.phases import title
from harness.reporting import markup
from harness.verdicts import Ruling

CHANGES_FILE = "changes.html"


def html(explained: Sequence[Mapping[str, Any]]) -> str:
    """The page; ``explained``: what ``gameday explain DESIGN --json`` says of each design."""
    return markup.beneath("What to change", content(explained))


def content(explained: Sequence[Mapping[str, Any]]) -> list[str]:
    """The page without its frame."""
    body = [
        "<h1>What to change</h1>",
        '<p class="faint">From the strategy as written to the hardened design: the smallest set of changes that keeps '
        "the promise. As found on AWS: <code>gameday feasibility</code>.</p>",
    ]
    for design in explained:
        name = str(design["design"])
        body.append(f'<h2 id="{markup.escape(name)}">{markup.escape(title(name))}</h2>')
        body += [_difference(one) for one in design["differences"]]
        body += ["<h3>What it buys</h3>", _benefits(design["scenarios"])]
    return body


def _difference(one: Mapping[str, Any]) -> str:
    rows = "".join(
        f"<tr><td>{_parts(change['before'], 'del')}</td><td>{_parts(change['after'], 'ins')}</td>"
        f'<td class="faint">{markup.escape(", ".join(change["where"]))}</td></tr>'
        for change in one["changes"]
    )
    return (
        f'<section class="card"><b>{markup.escape(one["words"])}</b> <span class="faint">'
        f'{markup.escape(one["field"])}</span><p>{markup.escape(one["why"])}</p><div class="wide"><table>'
        f"<tr><th>as written</th><th>hardened</th><th>where</th></tr>{rows}</table></div></section>"
    )


def _parts(value: str, tag: str) -> str:
    """Whole parts of the platform below each other."""
    if value == "none":
        return '<span class="faint">none</span>'
    return "<br>".join(f"<{tag}>{markup.escape(part)}</{tag}>" for part in value.split("; "))


def _benefits(scenarios: Sequence[Mapping[str, Any]]) -> str:
    rows = []
    for one in scenarios:
        before, after = one["as_written"], one["hardened"]
        why = "; ".join(f"{promise.replace('_', ' ')}: {phrase}" for promise, phrase in before["because"].items())
        rows.append(
            f"<tr><td>{markup.escape(one['title'])}</td><td>{markup.badge(Ruling[before['verdict']])}</td>"
            f"<td>{markup.badge(Ruling[after['verdict']])}</td><td>{markup.escape(why)}</td></tr>"
        )
    head = "<tr><th>scenario</th><th>as written</th><th>hardened</th><th>why it breaks as written</th></tr>"
    return f'<div class="wide"><table>{head}{"".join(rows)}</table></div>'
