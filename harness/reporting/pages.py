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
_RULING, _SCENARIO, _MORE = "ruling", "scenario", "more"
_UNNAMED = (_RULING, _MORE)
"""Columns that need no name."""


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
        '<p class="faint">RTO: from the fault, or from where an outage that came later began, to the first request '
        "from which the service stays good, the worst of all locations and operations; it is the longest that the "
        "outage can have been, and in brackets by how much it may have been shorter. All "
        "times are AWS time: at speed N the twin's clock runs N times as fast.</p>",
    ]


def about(runs: Sequence[Run]) -> str:
    """What a reader must know of all figures of these runs, in a line."""
    return " · ".join(f"{name} {value}" for name, value in variables(runs).items())


def _card(phase: Phase, *, beside: bool) -> str:
    link = _allure(phase) if beside else ""
    listed = _table([_row(run, beside=beside) for run in phase.runs]) if phase.runs else ""
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


def _table(rows: Sequence[Mapping[str, str]]) -> str:
    """The runs below each other; a figure that none of them has has no column."""
    told = [name for name in rows[0] if any(row[name] for row in rows)]
    heads = "".join(f"<th>{'' if name in _UNNAMED else name}</th>" for name in told)
    body = "\n".join(f"<tr>{''.join(_cell(name, row[name]) for name in told)}</tr>" for row in rows)
    return f'<div class="wide"><table><tr>{heads}</tr>\n{body}</table></div>'


def _cell(name: str, shown: str) -> str:
    return f"<td>{shown}</td>" if name == _SCENARIO else f'<td class="number">{shown}</td>'


def _row(run: Run, *, beside: bool) -> dict[str, str]:
    found = figures.merged(run["verdicts"])
    folder = f"runs/{quote(run['run'])}"
    page = f"{folder}/{INDEX_FILE}" if beside else f"#{run['run']}"
    recovered = figures.recoveries(run["verdicts"])
    owed = not any(verdict["promise"] == breaks("recovery") for verdict in run["verdicts"])
    lost, taken = figures.count(found, "lost"), found.get("acknowledged_writes")
    more = f'<a href="{folder}/{PAGE_FILE}">requests</a> · <a href="{folder}/{VERDICT_FILE}">json</a>'
    return {
        _RULING: markup.badge(Ruling[run["ruling"]]),
        _SCENARIO: f'<a href="{page}">{markup.escape(evidence.title(run))}</a>{_ended(run)}{_why(run)}',
        "RTO": "<br>".join(_recovery(one) for one in recovered),
        "objective": "<br>".join(_objective(one) for one in recovered) if owed else "cannot be kept",
        "lost writes": f"{lost} of {taken}" if lost and taken is not None else lost,
        "lag alarm after": figures.alarm(found),
        _MORE: more if beside else "",
    }


def _recovery(found: Mapping[str, Any]) -> str:
    told, where = figures.recovery(found), str(found.get("worst_operation") or "")
    return markup.escape(f"{told} {where.replace('_', ' ')}".strip())


def _objective(found: Mapping[str, Any]) -> str:
    goal = found.get("objective_seconds")
    return f"{goal:g} s" if isinstance(goal, int | float) else ""


def _why(run: Run) -> str:
    """The first of what was not kept, in its judge's words; of a run that was kept, what had to break."""
    ill = [one for one in run["verdicts"] if one["ruling"] == run["ruling"] != Ruling.KEPT.name]
    meant = [one for one in run["verdicts"] if one["promise"] == breaks("recovery")]
    if not ill and not meant:
        return ""
    first = (ill or meant)[0]
    told = f"{first['promise'].replace('_', ' ')}: {first['reason']}"
    return f'<br><span class="faint">{markup.escape(told)}</span>'


def _ended(run: Run) -> str:
    if run["outcome"] == Outcome.FINISHED.value:
        return ""
    return f' <span class="faint">({markup.escape(run["outcome"])})</span>'
