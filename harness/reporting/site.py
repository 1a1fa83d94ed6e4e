"""The report as a folder that can be opened from disk, sent to somebody or served: no request ever leaves it.

::

    site/index.html                      a card for each phase
    site/verdict.json                    the whole session
    site/matrix.html                     the phases side by side, from all runs that there are
    site/PHASE/index.html                Allure's report of that phase
    site/runs/SESSION/RUN/index.html     the evidence of one run, beside its chart, page and verdict.json
    site/plotly.min.js                   one copy for all pages
"""

from __future__ import annotations

import importlib.util
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.matrix import Matrix
from harness.reporting import interactive, matrix_page, pages, phase_report, results, summary
from harness.reporting.finished import Finished
from harness.reporting.matrix_page import MATRIX_FILE
from harness.reporting.pages import Phase
from harness.reporting.phase_report import PhaseReport
from harness.reporting.results import Result
from harness.reporting.telling import CHART_FILE, PAGE_FILE, VERDICT_FILE

HISTORY = "history"
"""Beside the site, so that it outlives it: what every night's figures were."""


def build(results_folder: Path, site: Path, finished: Sequence[Finished], matrix: Matrix | None = None) -> Path:
    """Build the whole site anew and return ``site/index.html``.

    Each run must have been saved by :func:`harness.reporting.telling.save`. Allure's part is made of the results in
    ``results_folder`` as far as they tell of these runs; without them, without Node or without Allure the rest is
    built all the same and the cards say why something is missing.
    """
    told = summary.to_json(finished)
    shutil.rmtree(site, ignore_errors=True)
    site.mkdir(parents=True)
    for one, run in zip(finished, told["runs"], strict=True):
        _keep(one.folder, run, site / "runs" / run["run"])
    _share_plotly(site)
    (site / VERDICT_FILE).write_text(json.dumps(told, indent=1) + "\n")
    sessions = {one.folder.parent.name for one in finished}
    found = results.read(results_folder, sessions) if results_folder.is_dir() else []
    names = dict.fromkeys([*(run["phase"] for run in told["runs"]), *(one.phase for one in found)])
    phases = [_phase(name, told, found, results_folder, site) for name in names]
    index = site / pages.INDEX_FILE
    index.write_text(pages.index(told, phases, matrix=matrix is not None))
    if matrix is not None:
        (site / MATRIX_FILE).write_text(matrix_page.html(matrix, {run["run"] for run in told["runs"]}))
    return index


def _phase(name: str, told: Mapping[str, Any], found: Sequence[Result], folder: Path, site: Path) -> Phase:
    runs = [run for run in told["runs"] if run["phase"] == name]
    own = [result for result in found if result.phase == name]
    unjudged = tuple(result.name for result in own if not result.session and result.failed)
    if not own:
        reason = "this page was built from the records alone, pytest's results are gone"
        return Phase(name, runs, PhaseReport(None, reason))
    history = site.parent / HISTORY / f"{name}.jsonl"
    return Phase(name, runs, phase_report.build(name, own, folder, runs, site, history), unjudged)


def _keep(folder: Path, run: Mapping[str, Any], target: Path) -> None:
    """Copy what a run's folder holds for readers, and write its page of evidence."""
    target.mkdir(parents=True)
    for name in (CHART_FILE, VERDICT_FILE):
        shutil.copy2(folder / name, target / name)
    explored = (folder / PAGE_FILE).read_text().replace(interactive.FROM_RUN, interactive.FROM_SITE, 1)
    (target / PAGE_FILE).write_text(explored)
    (target / pages.INDEX_FILE).write_text(pages.evidence(run))


def _share_plotly(site: Path) -> None:
    """Copy plotly.js out of its Python package, which is not imported: that would take a second."""
    found = importlib.util.find_spec("plotly")
    if found is None or found.origin is None:
        return  # the pages say what they miss
    script = Path(found.origin).parent / "package_data" / interactive.PLOTLY_FILE
    if script.exists():
        shutil.copy2(script, site / interactive.PLOTLY_FILE)
