"""What the platform owes: objectives per phase and scenario, and the promises that are judged against them."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from harness.clock import Duration, minutes, seconds
from harness.errors import BadInput

PROMISES = (
    "recovery",
    "no_lost_writes",
    "bounded_loss",
    "lag_alarm",
    "bounded_staleness",
    "routing",
    "failback",
    "undisturbed",
    "jobs_exactly_once",
    "automatic",
    "single_writer",
    "no_false_alarm",
    "low_lag",
    "sessions",
    "writer_home",
    "alarm_rings",
    "split_reads",
    "ready_standby",
    "fresh_roles",
)
"""Every promise that a scenario may name, each judged by one function of ``harness.judges``."""


def breaks(promise: str) -> str:
    """The name of the verdict on a promise that nobody can keep under this fault: that it breaks is to be shown."""
    return f"{promise} breaks"


@dataclass(frozen=True)
class Objectives:
    """The figures of one scenario. Spans are AWS time; ratios are 0 to 1."""

    recovery_time: Duration = seconds(60)
    """From the fault to the first arrival from which the success ratio holds, for reads and everything not below."""
    write_recovery_time: Duration = seconds(60)
    """The same for writes; longer than ``recovery_time`` only where AWS's own documentation makes that impossible."""
    write_recovery_source: str = ""
    """The page that says so; required when the two differ."""
    success_ratio: float = 0.98
    """The share of good arrivals that counts as working."""
    lost_writes: int = 0
    """Acknowledged writes that may be missing, in rows, where replication is synchronous."""
    loss_span: Duration = seconds(0)
    """The span of acknowledged writes that may be missing, where replication is asynchronous."""
    lag_threshold: Duration = seconds(60)
    """Replica lag above which the alarm must ring."""
    alarm_delay: Duration = seconds(180)
    """From the lag crossing its threshold to the alarm's ALARM state."""
    alarm_clear: Duration = seconds(300)
    """From the end of the fault to the alarm's OK state."""
    staleness: Duration = seconds(5)
    """The age that a replica read may have outside a declared lag."""
    role_staleness: Duration = seconds(30)
    """For so long a region may act on a role that was changed in another."""
    calm_lag: Duration = seconds(1)
    """The lag that a replica may have in calm weather."""
    scale_time: Duration = seconds(120)
    """From the loss of the region that serves to a standby of its size."""
    failback_time: Duration = seconds(300)
    """From the undo to every client back at its nearest healthy region."""
    writer_home_time: Duration = minutes(20)
    """From the undo to the writer back in its own region, by the operators' runbook."""
    interruption_time: Duration = seconds(120)
    """For how long operations may fail, as planned, while the writer moves home."""


_SPANS = {f.name for f in fields(Objectives) if f.type == "Duration"}


def parse(
    text: str, where: str, overrides: Mapping[str, Any] | None = None, whose: str = ""
) -> Mapping[str, Objectives]:
    """Objectives by ``phase`` and by ``phase.scenario`` from TOML; a scenario inherits its phase's figures.

    Spans are written in seconds under the field's name (``recovery_time = 60``). ``overrides`` are such tables too,
    from the file ``whose``: they win over the figures of the same table, so that a scenario's own figure still wins
    over what its phase owes there. Raises ``BadInput`` that names the file and the field.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadInput(where, "TOML", str(error)) from error
    other = overrides or {}
    for phase in other:
        if phase not in document:
            raise BadInput(whose, f"objectives.{phase}", f"no such phase; one of {', '.join(document)}")
    found: dict[str, Objectives] = {}
    for phase in document:
        file, target = _table(document[phase], where, phase), _table(other.get(phase, {}), whose, f"objectives.{phase}")
        owed = _with(Objectives(), _own(file), where, phase)
        found[phase] = _with(owed, _own(target), whose, f"objectives.{phase}")
        for scenario in dict.fromkeys((*_scenarios(file), *_scenarios(target))):
            owed = _with(found[phase], file.get(scenario, {}), where, f"{phase}.{scenario}")
            path = f"objectives.{phase}.{scenario}"
            found[f"{phase}.{scenario}"] = _with(owed, target.get(scenario, {}), whose, path)
    return found


def check(overrides: Mapping[str, Any], where: str, path: str) -> None:
    """Raises ``BadInput`` for a figure in these tables that cannot be one, whatever the figures beside it are."""
    for phase, table in overrides.items():
        for key, value in _table(table, where, f"{path}.{phase}").items():
            if isinstance(value, dict):
                _changes(value, where, f"{path}.{phase}.{key}")
        _changes(_own(table), where, f"{path}.{phase}")


def _table(value: Any, where: str, path: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise BadInput(where, path, "must be a table")
    return value


def _own(table: Mapping[str, Any]) -> Mapping[str, Any]:
    return {key: value for key, value in table.items() if not isinstance(value, dict)}


def _scenarios(table: Mapping[str, Any]) -> list[str]:
    return [key for key, value in table.items() if isinstance(value, dict)]


def _with(base: Objectives, values: Mapping[str, Any], where: str, path: str) -> Objectives:
    changes = _changes(values, where, path)
    if "recovery_time" in changes and not base.write_recovery_source:
        changes.setdefault("write_recovery_time", changes["recovery_time"])
    merged = replace(base, **changes)
    if merged.write_recovery_time > merged.recovery_time and not merged.write_recovery_source:
        raise BadInput(where, f"{path}.write_recovery_source", "must name the page that excuses the longer time")
    return merged


def _changes(values: Mapping[str, Any], where: str, path: str) -> dict[str, Any]:
    known = {f.name for f in fields(Objectives)}
    changes: dict[str, Any] = {}
    for key, value in values.items():
        field = f"{path}.{key}"
        if key not in known:
            raise BadInput(where, field, f"unknown; one of {', '.join(sorted(known))}")
        changes[key] = _value(key, value, where, field)
    return changes


def _value(key: str, value: object, where: str, field: str) -> object:
    if key == "write_recovery_source":
        if not isinstance(value, str):
            raise BadInput(where, field, "must be a string")
        return value
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise BadInput(where, field, f"must be a number, 0 or more, not {value!r}")
    if key in _SPANS:
        return seconds(value)
    if key == "success_ratio" and not 0 < value <= 1:
        raise BadInput(where, field, "must be above 0 and at most 1")
    if key == "lost_writes" and not isinstance(value, int):
        raise BadInput(where, field, "must be a whole number")
    return value
