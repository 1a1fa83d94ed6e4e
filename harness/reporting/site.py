"""The report as a folder that can be opened from disk, sent to somebody or served: no request ever leaves it.

::

    site/index.html                      a card for each phase
    site/verdict.json                    the whole session
    site/trends.html                     every scenario's figures from night to night
    site/matrix.html                     the phases side by side, from all runs that there are
    site/runbook.html                    what an exit code wants of the night shift
    site/measuring.html                  what every word, figure and verdict means
    site/changes.html                    what to change in the strategy as written, and what it buys
    site/PHASE/index.html                Allure's report of that phase
    site/runs/SESSION/RUN/index.html     the evidence of one run, beside its chart, page and verdict.json
    site/plotly.min.js                   one copy for all pages
"""

from __future__ import annotations

import importlib.util
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from harness import phases
from harness.comparison import Comparison
from harness.matrix import Matrix
from harness.reporting import (
    changes_page,
    dossier,
    evidence,
    interactive,
    matrix_page,
    nights,
    pages,
    phase_report,
    references,
    results,
    summary,
    trends_page,
)
from harness.reporting.changes_page import CHANGES_FILE
from harness.reporting.finished import Finished
from harness.reporting.matrix_page import MATRIX_FILE
from harness.reporting.nights import NIGHTS_FILE, Night
from harness.reporting.pages import Phase
from harness.reporting.phase_report import PhaseReport
from harness.reporting.references import MEASURING_FILE, RUNBOOK_FILE
from harness.reporting.results import Result
from harness.reporting.telling import CHART_FILE, PAGE_FILE, VERDICT_FILE
from harness.reporting.trends_page import TRENDS_FILE

HISTORY = "history"
"""Beside the site, so that it outlives it: what every night's figures were."""


@dataclass(frozen=True)
class Site:
    """A site that was built: its first page, and what it was built of."""

    index: Path
    told: Mapping[str, Any]
    """The session's ``verdict.json``."""
    phases: Sequence[Phase]
    finished: Sequence[Finished]
    known: Sequence[Night]
    found: Comparison
    """The newest session held against the nights before it."""
    matrix: Matrix | None
    changes: Sequence[Mapping[str, Any]]

    @property
    def megabytes(self) -> float:
        """All of it, in 10^6 bytes."""
        return sum(file.stat().st_size for file in self.index.parent.rglob("*") if file.is_file()) / 1e6


def build(
    results_folder: Path,
    site: Path,
    finished: Sequence[Finished],
    matrix: Matrix | None = None,
    changes: Sequence[Mapping[str, Any]] = (),
) -> Site:
    """Build the whole site anew.

    Each run must have been saved by :func:`harness.reporting.telling.save`. Allure's part is made of the results in
    ``results_folder`` as far as they tell of these runs; without them, without Node or without Allure the rest is
    built all the same and the cards say why something is missing. ``changes``: what ``gameday explain --json`` says of
    each design.
    """
    told = summary.to_json(finished)
    shutil.rmtree(site, ignore_errors=True)
    site.mkdir(parents=True)
    for one, run in zip(finished, told["runs"], strict=True):
        _keep(one.folder, run, site / "runs" / run["run"], changes=bool(changes))
    _share_plotly(site)
    (site / VERDICT_FILE).write_text(json.dumps(told, indent=1) + "\n")
    sessions = {one.folder.parent.name for one in finished}
    found = results.read(results_folder, sessions) if results_folder.is_dir() else []
    names = {*(run["phase"] for run in told["runs"]), *(one.phase for one in found)}
    cards = [_phase(name, told, found, results_folder, site) for name in phases.ordered(names)]
    newest = max(sessions, default="")
    nights_all = nights.remember(site.parent / HISTORY / NIGHTS_FILE, told)
    known = [one for one in nights_all if one.session <= newest]
    compared = trends_page.regressions(known, newest)
    built = Site(site / pages.INDEX_FILE, told, cards, finished, known, compared, matrix, changes)
    _write(built, site)
    return built


def _write(built: Site, site: Path) -> None:
    """The pages beside the runs' own."""
    worse = trends_page.worse(built.found)
    others = {TRENDS_FILE: f"from night to night: {worse}" if worse else "from night to night"}
    (site / TRENDS_FILE).write_text(trends_page.html(built.known, built.found))
    if built.matrix is not None:
        others[MATRIX_FILE] = "decision matrix"
        addresses = {run["run"]: f"runs/{quote(run['run'])}/{pages.INDEX_FILE}" for run in built.told["runs"]}
        (site / MATRIX_FILE).write_text(matrix_page.html(built.matrix, addresses))
    if built.changes:
        others[CHANGES_FILE] = "what to change"
        (site / CHANGES_FILE).write_text(changes_page.html(built.changes))
    others[RUNBOOK_FILE], others[MEASURING_FILE] = "runbook", "what the figures mean"
    (site / MEASURING_FILE).write_text(references.measuring_page())
    (site / RUNBOOK_FILE).write_text(references.runbook_page())
    built.index.write_text(pages.index(built.told, built.phases, others))


def _phase(name: str, told: Mapping[str, Any], found: Sequence[Result], folder: Path, site: Path) -> Phase:
    runs = [run for run in told["runs"] if run["phase"] == name]
    own = [result for result in found if result.phase == name]
    unjudged = tuple(result.name for result in own if not result.session and result.failed)
    if not own:
        reason = "this page was built from the records alone, pytest's results are gone"
        return Phase(name, runs, PhaseReport(None, reason))
    history = site.parent / HISTORY / f"{name}.jsonl"
    return Phase(name, runs, phase_report.build(name, own, folder, runs, site, history), unjudged)


def _keep(folder: Path, run: Mapping[str, Any], target: Path, *, changes: bool) -> None:
    """Copy what a run's folder holds for readers, and write its page of evidence."""
    target.mkdir(parents=True)
    for name in (CHART_FILE, VERDICT_FILE):
        shutil.copy2(folder / name, target / name)
    explored = (folder / PAGE_FILE).read_text().replace(interactive.FROM_RUN, interactive.FROM_SITE, 1)
    (target / PAGE_FILE).write_text(explored)
    page = evidence.html(run, dossier.of(folder), pages.about([run]), changes=changes)
    (target / pages.INDEX_FILE).write_text(page)


def _share_plotly(site: Path) -> None:
    """Copy plotly.js out of its Python package, which is not imported: that would take a second."""
    found = importlib.util.find_spec("plotly")
    if found is None or found.origin is None:
        return  # the pages say what they miss
    script = Path(found.origin).parent / "package_data" / interactive.PLOTLY_FILE
    if script.exists():
        shutil.copy2(script, site / interactive.PLOTLY_FILE)
