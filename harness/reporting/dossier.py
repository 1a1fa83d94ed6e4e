"""What a run's folder holds beside the verdicts: the calls with their undo, the configuration, the course of events."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness import timeline
from harness.clock import Instant
from harness.errors import Unreadable
from harness.inventory import BEFORE_FILE
from harness.record import CALLS_FILE, TIMELINE_FILE
from harness.reporting.course import course
from harness.undo import JOURNAL_FILE
from harness.verdicts import Number

Row = Mapping[str, Number]

_LOOKS = ("describe_", "get_", "list_", "test_dns_answer", "query", "receive_message", "delete_message")
"""Methods that leave the platform as it is: our own queue is read empty."""
LONG = 160
"""A call's parameters are cut here; the run's own file has them whole."""


@dataclass(frozen=True)
class Dossier:
    """Tables for the page of evidence; ``trouble`` says what could not be read."""

    course: Sequence[Row] = ()
    changes: Sequence[Row] = ()
    """Every call that was to change something, with how it ended."""
    looks: Sequence[Row] = ()
    """The calls that only look: how often, how long, how many failed."""
    undo: Sequence[Row] = ()
    """The journal: each way back, and whether it was gone."""
    configuration: Sequence[Row] = ()
    """Everything that a fault may touch, as it was before."""
    trouble: tuple[str, ...] = ()


def of(folder: Path) -> Dossier:
    """The dossier of a run, a killed one's too; never raises: what is missing or torn is told in ``trouble``."""
    trouble: list[str] = []
    calls = list(_lines(folder / CALLS_FILE, trouble))
    missing = sum(int(line["missing"]) for line in calls if "missing" in line)
    trouble += [f"{missing} calls are missing from the audit log"] if missing else []
    made = [line for line in calls if "operation" in line]
    return Dossier(
        _course(folder, trouble),
        [_change(line) for line in made if not _looks(line)],
        _summed([line for line in made if _looks(line)]),
        _journal(folder, trouble),
        _configuration(folder, trouble),
        tuple(trouble),
    )


def _course(folder: Path, trouble: list[str]) -> list[Row]:
    try:
        return list(course(timeline.read(folder / TIMELINE_FILE)))
    except Unreadable as error:
        trouble.append(str(error))
        return []


def _lines(path: Path, trouble: list[str]) -> Iterator[Mapping[str, Any]]:
    if not path.exists():
        return
    for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
        try:
            told = json.loads(line)
        except ValueError:
            trouble.append(f"{path.name}: line {number} is torn")
            continue
        if isinstance(told, dict):
            yield told


def _looks(line: Mapping[str, Any]) -> bool:
    return str(line.get("method", "")).startswith(_LOOKS)


def _change(line: Mapping[str, Any]) -> Row:
    return {
        "AWS_time": str(Instant(int(line.get("at", 0))))[11:23],
        "phase": str(line.get("phase", "")),
        "service": str(line.get("service", "")),
        "operation": str(line["operation"]),
        "region": str(line.get("region", "")),
        "parameters": _short(line.get("parameters")),
        "outcome": str(line.get("outcome", "")),
        "took_ms": line.get("milliseconds"),
        "retries": line.get("retries"),
    }


def _summed(lines: Sequence[Mapping[str, Any]]) -> list[Row]:
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for line in lines:
        groups.setdefault((str(line.get("service", "")), str(line["operation"])), []).append(line)
    return [
        {
            "service": service,
            "operation": operation,
            "calls": len(own),
            "median_ms": round(statistics.median(float(one.get("milliseconds") or 0) for one in own), 1),
            "failed": sum(one.get("outcome") != "ok" for one in own),
        }
        for (service, operation), own in sorted(groups.items())
    ]


def _journal(folder: Path, trouble: list[str]) -> list[Row]:
    rows: dict[int, dict[str, Number]] = {}
    for line in _lines(folder / JOURNAL_FILE, trouble):
        number = int(line.get("number", 0))
        if line.get("state") == "armed":
            act = line.get("act", {})
            rows[number] = {
                "fault": str(line.get("fault", "")),
                "undone_by": f"{act.get('service')} {act.get('operation')}",
                "region": str(act.get("region", "")),
                "to": _short(act.get("parameters")),
                "only_while": _short(act.get("precondition")),
                "done": "pending",
            }
        elif number in rows:
            rows[number]["done"] = "undone"
    return list(rows.values())


def _configuration(folder: Path, trouble: list[str]) -> list[Row]:
    path = folder / BEFORE_FILE
    if not path.exists():
        return []
    try:
        told = json.loads(path.read_text())
        roles = told.get("roles", {})
        return [
            {"thing": thing, "role": roles.get(thing, ""), "configuration": _short(fields, 400)}
            for thing, fields in sorted(told["things"].items())
        ]
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        trouble.append(f"{path.name}: {error!r}")
        return []


def _short(value: Any, limit: int = LONG) -> str:
    if not value:
        return ""
    words = ", ".join(f"{key} {_plain(one)}" for key, one in value.items()) if isinstance(value, dict) else str(value)
    return words if len(words) <= limit else f"{words[: limit - 1]}…"


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
