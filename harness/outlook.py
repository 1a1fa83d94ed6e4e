"""Feasibility of a live platform: read its configuration, judge it, say it, before anything is touched."""

from __future__ import annotations

from collections.abc import Mapping

from harness import objectives
from harness.cloud import configuration
from harness.cloud.estate import Estate
from harness.errors import Refused
from harness.judges.feasibility import Feasibility, Path, Row, feasibility
from harness.objectives import Objectives
from harness.session import HOME, OBJECTIVES, reach_twin, target_file
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
    """What can be expected of each failure, stage by stage, and the findings below it, for the terminal."""
    lines = []
    for row, places in _alike(told):
        best, typical, worst = (_span(row.to_json()[f"{word}_seconds"]) for word in ("best", "typical", "worst"))
        lines.append(f"{row.failure}: {row.kind} from {', '.join(places)}")
        lines.append(f"    best {best}, typical {typical}, worst {worst}; owed {row.objective}: {row.ruling.wording}")
        stages = [f"{stage.name} {stage.range.best} to {stage.range.worst}" for stage in row.path.stages]
        stages += [f"then never: {row.path.never}"] if row.path.never else []
        lines += [f"    {' + '.join(stages)}"] if stages else []
    if told.alarm is not None:
        low, high = told.alarm.best, told.alarm.worst
        lines.append(f"the lag alarm rings {low} to {high} after its threshold is crossed: {told.alarm_ruling.wording}")
    return "\n".join([*lines, *(f"- {finding}" for finding in told.findings)])


def _alike(told: Feasibility) -> list[tuple[Row, list[str]]]:
    """Rows that say the same of several locations, once, with the locations."""
    groups: dict[tuple[str, str, Path], tuple[Row, list[str]]] = {}
    for row in told.rows:
        groups.setdefault((row.failure, row.kind, row.path), (row, []))[1].append(row.location)
    return list(groups.values())


def exit_code(told: Feasibility) -> Exit:
    """0 when every objective can be kept, 1 when one cannot, 3 when it depends."""
    return {Ruling.KEPT: Exit.KEPT, Ruling.BROKEN: Exit.BROKEN, Ruling.UNKNOWN: Exit.UNKNOWN}[told.verdict]


def _span(value: float | None) -> str:
    return "never" if value is None else f"{value:g} s"
