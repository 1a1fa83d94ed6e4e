"""One run, told: its verdicts as a file, its chart, and what Allure shows of it."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import allure

from harness.judges.anatomy import Stage, anatomy
from harness.record import Record
from harness.reporting import chart, interactive
from harness.verdicts import Number, Ruling, Verdict, worst

VERDICT_FILE = "verdict.json"
CHART_FILE = "experiment.svg"
PAGE_FILE = "experiment.html"
FORMAT = 1


def save(folder: Path, record: Record, verdicts: Sequence[Verdict]) -> None:
    """Write ``verdict.json``, the chart and the interactive page into the run's folder."""
    stages = anatomy(record)
    (folder / VERDICT_FILE).write_text(json.dumps(to_json(record, verdicts, stages), indent=1) + "\n")
    (folder / CHART_FILE).write_bytes(chart.draw(record, verdicts, stages))
    (folder / PAGE_FILE).write_text(interactive.page(record, verdicts))


def to_json(record: Record, verdicts: Sequence[Verdict], stages: Sequence[Stage]) -> dict[str, Any]:
    """One run's verdicts as plain JSON values, versioned."""
    header = record.header
    return {
        "format": FORMAT,
        "scenario": header.scenario,
        "title": header.title,
        "phase": header.phase,
        "design": header.design,
        "design_version": header.design_version,
        "target": header.target,
        "speed": header.speed,
        "outcome": header.outcome.value if header.outcome else "never ended",
        "ruling": worst(verdict.ruling for verdict in verdicts).name,
        "client": {
            "ttl": header.client.ttl,
            "connection_age_seconds": header.client.connection_age.seconds if header.client.connection_age else None,
        },
        "verdicts": [
            {
                "promise": verdict.promise,
                "ruling": verdict.ruling.name,
                "reason": verdict.reason,
                "fidelity": verdict.fidelity,
                "figures": dict(verdict.figures),
                "evidence": {name: list(rows) for name, rows in verdict.evidence.items()},
            }
            for verdict in verdicts
        ],
        "anatomy": [stage.row() for stage in stages],
        "feasibility": dict(header.feasibility),
        "damage": list(record.damage),
    }


def label(phase: str, name: str, title: str, story: str, version: str) -> None:
    """Tell Allure what the test is about: epic = phase, feature = scenario, story = what it promises."""
    allure.dynamic.epic(phase)
    allure.dynamic.parent_suite(phase)
    allure.dynamic.feature(name.replace("_", " "))
    allure.dynamic.story(title)
    allure.dynamic.title(title)
    allure.dynamic.parameter("design", version)
    allure.dynamic.description(story)


def attach(folder: Path, record: Record, verdicts: Sequence[Verdict]) -> None:
    """Put the chart on top of the Allure test, the tables below it, the raw record beside it."""
    picture = base64.b64encode((folder / CHART_FILE).read_bytes()).decode()
    shown = [f'<img alt="the experiment" style="width:100%" src="data:image/svg+xml;base64,{picture}">']
    shown += [_paragraph(verdict) for verdict in verdicts]
    shown.append(_table("where the time went", [stage.row() for stage in anatomy(record)]))
    for verdict in verdicts:
        shown += [_table(f"{verdict.promise}: {name}", rows) for name, rows in verdict.evidence.items() if rows]
    shown.append(f"<p>{html.escape(record.header.story)}</p>")
    allure.dynamic.description_html("\n".join(shown))
    allure.dynamic.parameter("speed", f"{record.header.speed:g}")
    allure.dynamic.parameter("target", record.header.target)
    allure.attach.file(str(folder / CHART_FILE), "experiment", allure.attachment_type.SVG)
    allure.attach.file(str(folder / VERDICT_FILE), "verdict", allure.attachment_type.JSON)
    for verdict in verdicts:
        with allure.step(f"verdict {verdict.promise}: {verdict.ruling.wording}"):
            allure.attach(verdict.reason, "reason", allure.attachment_type.TEXT)


def _paragraph(verdict: Verdict) -> str:
    badge = f'<b style="color:{verdict.ruling.colour}">{verdict.ruling.name}</b>'
    partial = "" if verdict.fidelity == "faithful" else f" <i>({html.escape(verdict.fidelity)})</i>"
    return f"<p>{badge} {html.escape(verdict.promise)}{partial}: {html.escape(verdict.reason)}</p>"


def _table(title: str, rows: Sequence[Mapping[str, Number]]) -> str:
    if not rows:
        return ""
    heads = list(rows[0])
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(_cell(row.get(head)))}</td>" for head in heads) + "</tr>"
        for row in rows[:50]
    )
    head = "".join(f"<th>{html.escape(name.replace('_', ' '))}</th>" for name in heads)
    more = f"<p>and {len(rows) - 50} more in verdict.json</p>" if len(rows) > 50 else ""
    return f"<details><summary>{html.escape(title)}</summary><table><tr>{head}</tr>{body}</table>{more}</details>"


def _cell(value: Number) -> str:
    if value is None:
        return ""
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def badge(ruling: Ruling) -> str:
    """A ruling as a coloured word for our own pages."""
    return f'<span class="badge" style="background:{ruling.colour}">{ruling.name}</span>'
