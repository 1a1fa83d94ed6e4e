"""The index of a session: a card for each phase with a row for each of its runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from harness import phases
from harness.objectives import breaks
from harness.reporting import evidence, figures, markup
from harness.reporting.phase_report import PhaseReport, variables
from harness.reporting.telling import PAGE_FILE, VERDICT_FILE
from harness.verdicts import Outcome, Ruling, worst

INDEX_FILE = "index.html"
Run = Mapping[str, Any]
_HEADS = ("", "scenario", "RTO", "objective", "lost writes", "lag alarm after")


@dataclass(frozen=True)
class Phase:
    """One phase as its card shows it."""

    name: str
    runs: Sequence[Run]
    report: PhaseReport
    unjudged: tuple[str, ...] = ()
    """The tests that ended otherwise than passed and of which there is no run to judge."""

    @property
    def ruling(self) -> Ruling:
        """The worst of its runs; a test without a run proves nothing, and so is never KEPT."""
        return worst([*(Ruling[run["ruling"]] for run in self.runs), *(Ruling.UNKNOWN for _ in self.unjudged)])


def index(told: Mapping[str, Any], phases: Sequence[Phase], others: Mapping[str, str]) -> str:
    """The page that a reader opens first. ``told``: ``verdict.json``; ``others``: pages beside it and their names."""
    return markup.page("Game day", "\n".join(content(told, phases, others, beside=True)))


def content(told: Mapping[str, Any], phases: Sequence[Phase], others: Mapping[str, str], *, beside: bool) -> list[str]:
    """The page without its frame. ``beside``: the runs' pages and files lie beside it, else in it."""
    ruling = worst([Ruling[told["ruling"]], *(phase.ruling for phase in phases)])
    sessions = ", ".join(dict.fromkeys(str(run["run"]).partition("/")[0] for run in told["runs"])) or "nothing ran"
    files = {VERDICT_FILE: VERDICT_FILE} if beside else {}
    links = [f'<a href="{place}">{markup.escape(words)}</a>' for place, words in {**files, **others}.items()]
    return [
        f"<h1>Game day {markup.badge(ruling, ruling.wording)}</h1>",
        f'<p class="faint">{" · ".join([markup.escape(sessions), *links])}</p>',
        *(_card(phase, beside=beside) for phase in phases),
        '<p class="faint">RTO: from the fault to the first request from which the service stays good, the worst of all '
        "locations and operations; it is the longest that the outage can have been, and in brackets by how much it may "
        "have been shorter. All times are AWS time: at speed N the twin's clock runs N times as fast.</p>",
    ]


def about(runs: Sequence[Run]) -> str:
    """What a reader must know of all figures of these runs, in a line."""
    return " · ".join(f"{name} {value}" for name, value in variables(runs).items())


def _card(phase: Phase, *, beside: bool) -> str:
    link = _allure(phase) if beside else ""
    rows = "\n".join(_row(run, beside=beside) for run in phase.runs)
    head = "".join(f"<th>{name}</th>" for name in (*_HEADS, *([""] if beside else [])))
    listed = f'<div class="wide"><table><tr>{head}</tr>\n{rows}</table></div>' if rows else ""
    missing = "".join(
        f"<p>{markup.badge(Ruling.UNKNOWN)} {markup.escape(name)}: ended before there was a run to judge</p>"
        for name in phase.unjudged
    )
    return (
        f'<section class="card"><h2>{markup.escape(phases.title(phase.name))} {markup.badge(phase.ruling)}</h2>\n'
        f'<p class="faint">{markup.escape(about(phase.runs))}</p>\n{listed}\n{missing}{link}</section>'
    )


def _allure(phase: Phase) -> str:
    if phase.report.page:
        return f'<p><a href="{quote(phase.name)}/{INDEX_FILE}">Allure report</a></p>'
    return f'<p class="faint">No Allure report: {markup.escape(phase.report.reason)}.</p>'


def _row(run: Run, *, beside: bool) -> str:
    found = figures.merged(run["verdicts"])
    folder = f"runs/{quote(run['run'])}"
    page = f"{folder}/{INDEX_FILE}" if beside else f"#{run['run']}"
    recovered = [found, *_others(run)]
    owed = not any(verdict["promise"] == breaks("recovery") for verdict in run["verdicts"])
    lost, taken = figures.count(found, "lost"), found.get("acknowledged_writes")
    cells = [
        markup.badge(Ruling[run["ruling"]]),
        f'<a href="{page}">{markup.escape(evidence.title(run))}</a>{_ended(run)}',
        "<br>".join(_recovery(one) for one in recovered),
        "<br>".join(_objective(one) for one in recovered) if owed else "cannot be kept",
        f"{lost} of {taken}" if lost and taken is not None else lost,
        figures.alarm(found),
    ]
    if beside:
        cells.append(f'<a href="{folder}/{PAGE_FILE}">requests</a> · <a href="{folder}/{VERDICT_FILE}">json</a>')
    shown = [
        f"<td>{cell}</td>" if number == 1 else f'<td class="number">{cell}</td>' for number, cell in enumerate(cells)
    ]
    return f"<tr>{''.join(shown)}</tr>"


def _others(run: Run) -> list[Mapping[str, Any]]:
    """The worst streams whose objective is another than that of the verdict's own figures."""
    for verdict in run["verdicts"]:
        if "rto_seconds" in verdict["figures"]:
            return list(figures.others(verdict["figures"], verdict["evidence"].get("recovery", ())))
    return []


def _recovery(found: Mapping[str, Any]) -> str:
    where = found.get("worst_operation") or found.get("operation")
    told = figures.recovery(found)
    return markup.escape(f"{told} {where.replace('_', ' ')}" if told and where else told)


def _objective(found: Mapping[str, Any]) -> str:
    goal = found.get("objective_seconds")
    return f"{goal:g} s" if isinstance(goal, int | float) else ""


def _ended(run: Run) -> str:
    if run["outcome"] == Outcome.FINISHED.value:
        return ""
    return f' <span class="faint">({markup.escape(run["outcome"])})</span>'
