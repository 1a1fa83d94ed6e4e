"""One run, told: its verdicts as a file, its chart and page, and what Allure shows of it."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import allure

from harness import files
from harness.errors import Unreadable
from harness.judges import windows, world
from harness.judges.anatomy import Anatomy, anatomies
from harness.record import Record
from harness.reporting import chart, interactive, markup, references
from harness.verdicts import Outcome, Ruling, Verdict, exit_code, worst

VERDICT_FILE = "verdict.json"
CHART_FILE = "experiment.svg"
PAGE_FILE = "experiment.html"
FORMAT = 1
"""The version of ``verdict.json``; described in ``docs/verdict.schema.json``."""
SHORT = 12
"""So many rows of a table inside Allure; the site's own pages show more."""
RUN_LABEL = "run"
"""The Allure label that names a test's run, ``SESSION/FOLDER``."""

_ALLURE: Any = allure
"""Allure as it is: half of it is annotated."""

_COMPONENTS = {
    "load_balancer": "load balancer",
    "region": "region",
    "zone": "zone",
    "replica": "read replica",
    "database": "database",
    "writer": "database",
    "redis": "cache",
    "cache": "cache",
    "task": "services",
    "service": "services",
    "weather": "whole platform",
    "client": "clients",
    "connection": "clients",
    "control_plane": "Route 53",
    "decides": "automation",
    "replication": "database",
    "secondary": "database",
    "event": "services",
    "standby": "region",
}
_SEVERITIES = {
    "single_writer": allure.severity_level.BLOCKER,
    "bounded_loss": allure.severity_level.BLOCKER,
    "no_lost_writes": allure.severity_level.CRITICAL,
    "recovery": allure.severity_level.CRITICAL,
}


@dataclass(frozen=True)
class _Word:
    """A parameter's value as it is: Allure puts a text into quotes."""

    text: str

    def __repr__(self) -> str:
        return self.text


def save(folder: Path, record: Record, verdicts: Sequence[Verdict]) -> None:
    """Write ``verdict.json``, the chart and the interactive page into the run's folder."""
    parts = anatomies(record)
    files.put(folder / VERDICT_FILE, json.dumps(to_json(record, verdicts, parts), indent=1) + "\n")
    (folder / CHART_FILE).write_bytes(chart.draw(record, verdicts, parts))
    (folder / PAGE_FILE).write_text(interactive.page(record, verdicts))


def saved(folder: Path) -> tuple[Verdict, ...] | None:
    """The verdicts that :func:`save` left; ``None`` when there are none yet. Raises ``Unreadable``."""
    path = folder / VERDICT_FILE
    if not path.exists():
        return None
    try:
        rows = json.loads(path.read_text())["verdicts"]
        return tuple(Verdict(**{**row, "ruling": Ruling[row["ruling"]]}) for row in rows)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Unreadable(f"{path}: {error}", "Judge the run again.") from error


def to_json(record: Record, verdicts: Sequence[Verdict], parts: Sequence[Anatomy]) -> dict[str, Any]:
    """One run's verdicts as plain JSON values, versioned."""
    header = record.header
    age = header.client.connection_age
    return {
        "format": FORMAT,
        "scenario": header.scenario,
        "title": header.title,
        "story": header.story,
        "phase": header.phase,
        "design": header.design,
        "design_version": header.design_version,
        "target": header.target,
        "speed": header.speed,
        "outcome": header.outcome.value if header.outcome else "never ended",
        "ruling": worst(verdict.ruling for verdict in verdicts).name,
        "faults": [
            {"fault": one.fault.fault, "at": str(one.began), "seconds": round(one.span.seconds, 3),
             "ended_by": one.ended_by, "fidelity": one.fault.fidelity}
            for one in windows.windows(record)
        ],
        "client": {
            "ttl": header.client.ttl,
            "connection_age_seconds": None if age is None else age.seconds,
            "unmeasured": list(header.unmeasured),
            "clock_error_seconds": {place: error.seconds for place, error in header.clock_error.items()},
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
        "anatomy": [row for part in parts for row in part.rows()],
        "feasibility": dict(header.feasibility),
        "damage": list(record.damage),
        "world": world.to_json(record),
    }  # fmt: skip


def label(phase: str, name: str, story: str, version: str) -> None:
    """Tell Allure what the test is about, before it runs: epic = phase, feature = the component that fails."""
    _ALLURE.dynamic.epic(phase)
    _ALLURE.dynamic.parent_suite(phase)
    _ALLURE.dynamic.feature(component(name))
    _ALLURE.dynamic.parameter("design", _Word(version))
    _ALLURE.dynamic.description(story)


def component(name: str) -> str:
    """The component that a scenario's name speaks of; ``platform`` when it names none."""
    return next((known for word, known in _COMPONENTS.items() if word in name), "platform")


def attach(folder: Path, record: Record, verdicts: Sequence[Verdict]) -> None:
    """Put the chart on top of the Allure test, the tables below it, the raw files beside it; story = promise."""
    header = record.header
    # Not before: until a test's body begins, Allure gives it its function's name.
    _ALLURE.dynamic.title(header.title)
    _ALLURE.dynamic.description_html(description(folder, record, verdicts))
    _ALLURE.dynamic.story(*(promise.replace("_", " ") for promise in header.promises))
    _ALLURE.dynamic.severity(
        next((level for name, level in _SEVERITIES.items() if name in header.promises), allure.severity_level.NORMAL)
    )
    _ALLURE.dynamic.label(RUN_LABEL, f"{folder.parent.name}/{folder.name}")
    _ALLURE.dynamic.parameter("speed", _Word(f"{header.speed:g}"))
    _ALLURE.dynamic.parameter("target", _Word(header.target))
    code = exit_code(header.outcome or Outcome.ABORTED, worst(verdict.ruling for verdict in verdicts))
    _ALLURE.dynamic.link(f"../{references.runbook(code)}", name=f"runbook: exit code {int(code)}")
    for one in references.of_component(component(header.scenario.rpartition("/")[2])):
        _ALLURE.dynamic.link(one.address, name=one.title)
    for verdict in verdicts:
        with _ALLURE.step(f"verdict {verdict.promise.replace('_', ' ')}: {verdict.ruling.wording}"):
            _ALLURE.attach(verdict.reason, "reason", allure.attachment_type.TEXT)
    _ALLURE.attach.file(str(folder / CHART_FILE), "experiment", allure.attachment_type.SVG)
    _ALLURE.attach.file(str(folder / VERDICT_FILE), "verdict", allure.attachment_type.JSON)


def description(folder: Path, record: Record, verdicts: Sequence[Verdict]) -> str:
    """What Allure shows of a run without a click, as HTML: it blanks scripts and inline SVG, so the chart is data."""
    shown = [f'<img alt="the experiment" style="width:100%" src="{picture(folder)}">']
    pages = f"../runs/{quote(folder.parent.name)}/{quote(folder.name)}"
    shown.append(f'<p><a href="{pages}/{PAGE_FILE}">every request and event</a> ·')
    shown.append(f'<a href="{pages}/index.html">the evidence</a></p>')
    shown += [_paragraph(verdict) for verdict in verdicts]
    stages = [row for part in anatomies(record) for row in part.rows()]
    shown.append(markup.folded("where the time went", markup.table(stages, SHORT)))
    for verdict in verdicts:
        name = verdict.promise.replace("_", " ")
        shown += [
            markup.folded(f"{name}: {table.replace('_', ' ')}", markup.table(rows, SHORT))
            for table, rows in verdict.evidence.items()
            if table != "anatomy"
        ]
    shown += [f"<p>{markup.escape(part)}</p>" for part in record.header.story.split("\n\n")]
    return "\n".join(part for part in shown if part)


def picture(folder: Path) -> str:
    """A run's chart as an address that holds all of it."""
    return f"data:image/svg+xml;base64,{base64.b64encode((folder / CHART_FILE).read_bytes()).decode()}"


def _paragraph(verdict: Verdict) -> str:
    partial = "" if verdict.fidelity == "faithful" else f" <i>({markup.escape(verdict.fidelity)})</i>"
    name = markup.escape(verdict.promise.replace("_", " "))
    return f"<p>{markup.badge(verdict.ruling)} <b>{name}</b>{partial}: {markup.escape(verdict.reason)}</p>"
