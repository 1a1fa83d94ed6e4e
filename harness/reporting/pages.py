"""Our own pages: the index of a session with a card for each phase, and a page of evidence for each run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from harness.judges.streams import UNMEASURED
from harness.reporting import figures, markup
from harness.reporting.matrix_page import MATRIX_FILE
from harness.reporting.phase_report import PhaseReport, variables
from harness.reporting.telling import CHART_FILE, PAGE_FILE, VERDICT_FILE
from harness.verdicts import Outcome, Ruling, worst

INDEX_FILE = "index.html"
Run = Mapping[str, Any]


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


def index(told: Mapping[str, Any], phases: Sequence[Phase], *, matrix: bool = False) -> str:
    """The page that a reader opens first. ``told`` is the session's ``verdict.json``; ``matrix``: there is its page."""
    ruling = worst([Ruling[told["ruling"]], *(phase.ruling for phase in phases)])
    sessions = ", ".join(dict.fromkeys(str(run["run"]).partition("/")[0] for run in told["runs"])) or "nothing ran"
    beside = f' · <a href="{MATRIX_FILE}">decision matrix</a>' if matrix else ""
    body = [
        f"<h1>Game day {markup.badge(ruling, ruling.wording)}</h1>",
        f'<p class="faint">{markup.escape(sessions)} · <a href="{VERDICT_FILE}">{VERDICT_FILE}</a>{beside}</p>',
        *map(_card, phases),
        '<p class="faint">RTO: from the fault to the first request from which the service stays good, the worst of all '
        "locations and operations; it is the longest that the outage can have been, and in brackets by how much it may "
        "have been shorter. All times are AWS time: at speed N the twin's clock runs N times as fast.</p>",
    ]
    return markup.page("Game day", "\n".join(body))


def _card(phase: Phase) -> str:
    about = " · ".join(f"{name} {value}" for name, value in variables(phase.runs).items())
    link = (
        f'<p><a href="{quote(phase.name)}/{INDEX_FILE}">Allure report</a></p>'
        if phase.report.page
        else f'<p class="faint">No Allure report: {markup.escape(phase.report.reason)}.</p>'
    )
    heads = ("", "scenario", "RTO", "objective", "lost writes", "lag alarm after", "")
    rows = "\n".join(_row(run) for run in phase.runs)
    head = "".join(f"<th>{name}</th>" for name in heads)
    listed = f'<div class="wide"><table><tr>{head}</tr>\n{rows}</table></div>' if rows else ""
    missing = "".join(
        f"<p>{markup.badge(Ruling.UNKNOWN)} {markup.escape(name)}: ended before there was a run to judge</p>"
        for name in phase.unjudged
    )
    title = markup.escape(phase.name.replace("_", " "))
    return (
        f'<section class="card"><h2>{title} {markup.badge(phase.ruling)}</h2>\n'
        f'<p class="faint">{markup.escape(about)}</p>\n{listed}\n{missing}{link}</section>'
    )


def _row(run: Run) -> str:
    found = figures.merged(run["verdicts"])
    folder = f"runs/{quote(run['run'])}"
    recovered = [found, *_others(run)]
    lost, taken = figures.count(found, "lost"), found.get("acknowledged_writes")
    cells = [
        markup.badge(Ruling[run["ruling"]]),
        f'<a href="{folder}/{INDEX_FILE}">{markup.escape(_title(run))}</a>{_ended(run)}',
        "<br>".join(_recovery(one) for one in recovered),
        "<br>".join(_objective(one) for one in recovered),
        f"{lost} of {taken}" if lost and taken is not None else lost,
        figures.alarm(found),
        f'<a href="{folder}/{PAGE_FILE}">requests</a> · <a href="{folder}/{VERDICT_FILE}">json</a>',
    ]
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


def _title(run: Run) -> str:
    """The scenario's title, with the parameter that tells its runs apart."""
    parameter = str(run["run"]).rpartition("/")[2].split(".")[2:]
    return " ".join([run["title"].rstrip("."), *(f"({one})" for one in parameter)])


def _ended(run: Run) -> str:
    if run["outcome"] == Outcome.FINISHED.value:
        return ""
    return f' <span class="faint">({markup.escape(run["outcome"])})</span>'


def evidence(run: Run) -> str:
    """Everything that ``verdict.json`` says of a run, beside its chart; needs no tool and no script."""
    ruling = Ruling[run["ruling"]]
    about = " · ".join(f"{name} {value}" for name, value in variables([run]).items())
    body = [
        '<p class="faint"><a href="../../../index.html">all runs</a></p>',
        f"<h1>{markup.escape(_title(run))} {markup.badge(ruling, ruling.wording)}</h1>",
        f'<p class="faint">{markup.escape(run["scenario"])} · {markup.escape(about)} · '
        f"run {markup.escape(run['outcome'])}</p>",
        f'<p><img src="{CHART_FILE}" alt="requests, latency, and what the platform did, on one axis of time"></p>',
        f'<p><a href="{PAGE_FILE}">every request and event</a> · <a href="{VERDICT_FILE}">{VERDICT_FILE}</a></p>',
        "<h2>Verdicts</h2>",
        _verdicts(run["verdicts"]),
    ]
    for title, rows in (("Where the time went", run["anatomy"]), ("Faults", run.get("faults", ()))):
        if rows:
            body += [f"<h2>{title}</h2>", markup.table(rows)]
    body.append("<h2>Evidence</h2>")
    for verdict in run["verdicts"]:
        name = verdict["promise"].replace("_", " ")
        if verdict["figures"]:
            rows = [{"figure": figure, "value": value} for figure, value in verdict["figures"].items()]
            body.append(markup.folded(f"{name}: figures", markup.table(rows)))
        for table, rows in verdict["evidence"].items():
            body.append(markup.folded(f"{name}: {table.replace('_', ' ')}", markup.table(rows)))
    body += [f"<p>{markup.escape(part)}</p>" for part in (*_findings(run), *_elsewhere(run["client"]), *run["damage"])]
    body += ["<h2>The scenario</h2>", *(f"<p>{markup.escape(part)}</p>" for part in run["story"].split("\n\n"))]
    return markup.page(_title(run), "\n".join(part for part in body if part))


def _verdicts(verdicts: Sequence[Mapping[str, Any]]) -> str:
    rows = []
    for verdict in verdicts:
        faith = "" if verdict["fidelity"] == "faithful" else f' <span class="faint">({verdict["fidelity"]})</span>'
        name = f"{markup.escape(verdict['promise'].replace('_', ' '))}{faith}"
        ruled = markup.badge(Ruling[verdict["ruling"]])
        rows.append(f"<tr><td>{ruled}</td><td>{name}</td><td>{markup.escape(verdict['reason'])}</td></tr>")
    return f"<table><tr><th></th><th>promise</th><th>why</th></tr>\n{''.join(rows)}</table>"


def _elsewhere(client: Mapping[str, Any]) -> list[str]:
    """What is to be known of load that did not run where its clients are, or not on the harness's own machine."""
    places = client.get("unmeasured", ())
    told = [f"Latencies from {', '.join(places)}: {UNMEASURED}, load was only routed as from there."] if places else []
    return told + [
        f"Times from {place} are another machine's: they may be off by up to {error * 1000:.1f} ms, either way."
        for place, error in client.get("clock_error_seconds", {}).items()
    ]


def _findings(run: Run) -> list[str]:
    """What the configuration, read before the fault, already told."""
    return [f"Before the fault: {finding}" for finding in run["feasibility"].get("findings", ())]
