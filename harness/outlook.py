"""Feasibility of a live platform: read its configuration, judge it, say it, before anything is touched."""

from __future__ import annotations

from collections.abc import Mapping

from harness import objectives
from harness.cloud import configuration
from harness.cloud.estate import Estate
from harness.errors import Refused
from harness.judges.feasibility import Feasibility, feasibility
from harness.objectives import Objectives
from harness.plugin import target_file
from harness.session import HOME, OBJECTIVES, reach_twin
from harness.target import load
from harness.twin import root
from harness.verdicts import Exit, Ruling


def of_estate(estate: Estate, owed: Objectives) -> Feasibility:
    """What the estate's configuration allows, beside what is owed."""
    return feasibility(configuration.read(estate, configuration.nearest(estate)), owed)


def of_running(name: str) -> Feasibility:
    """The same for the running twin, against its phase's objectives. Raises ``Refused`` when none runs."""
    wanted = load(target_file(name))
    running = root.status(HOME)
    if running is None:
        raise Refused("no twin is running.", "Start one: gameday twin up --design active_passive")
    table: Mapping[str, Objectives] = objectives.parse(OBJECTIVES.read_text(), str(OBJECTIVES.relative_to(HOME)))
    return of_estate(reach_twin(wanted, running), table[running.design])


def text(told: Feasibility) -> str:
    """The rows as a plain table and the findings below it, for the terminal."""
    lines = [f"{'failure':<28}{'location':<10}{'what':<8}{'best':>8}{'typical':>9}{'worst':>8}{'owed':>7}  verdict"]
    for row in told.rows:
        values = row.to_json()
        spans = [_span(values[f"{word}_seconds"]) for word in ("best", "typical", "worst", "objective")]
        lines.append(
            f"{row.failure:<28}{row.location:<10}{row.kind:<8}{spans[0]:>8}{spans[1]:>9}{spans[2]:>8}{spans[3]:>7}"
            f"  {row.ruling.wording}" + (f": {row.path.never}" if row.path.never else "")
        )
    if told.alarm is not None:
        low, high = told.alarm.best, told.alarm.worst
        lines.append(f"the lag alarm rings {low} to {high} after its threshold is crossed: {told.alarm_ruling.wording}")
    return "\n".join([*lines, *(f"- {finding}" for finding in told.findings)])


def exit_code(told: Feasibility) -> Exit:
    """0 when every objective can be kept, 1 when one cannot, 3 when it depends."""
    return {Ruling.KEPT: Exit.KEPT, Ruling.BROKEN: Exit.BROKEN, Ruling.UNKNOWN: Exit.UNKNOWN}[told.verdict]


def _span(value: float | None) -> str:
    return "never" if value is None else f"{value:g} s"
