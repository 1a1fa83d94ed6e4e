"""A whole site of fabricated runs, with Allure's reports: one scenario kept, one broken, one killed, one empty."""

from __future__ import annotations

import json
from pathlib import Path

from harness import explanation
from harness.judges import bench
from harness.phases import PHASES
from harness.reporting import site, telling
from harness.reporting.finished import Finished
from harness.reporting.site import Site
from harness.verdicts import Outcome, Ruling
from tests.unit.reporting import fabricated
from tests.unit.reporting.conftest import NAMES, SESSION

_STATUS = {Ruling.KEPT: "passed", Ruling.UNKNOWN: "broken", Ruling.BROKEN: "failed"}


def make(home: Path) -> Site:
    """Build it below ``home`` and return it."""
    results, finished = home / "results", []
    results.mkdir(parents=True)
    for kind, name in NAMES.items():
        folder = home / "runs" / SESSION / name
        record = getattr(fabricated, kind)(folder)
        verdicts = bench.judge(record)
        telling.save(folder, record, verdicts)
        finished.append(Finished(folder, record.header.outcome or Outcome.ABORTED, tuple(verdicts)))
        status = _STATUS[finished[-1].ruling]
        told = {
            "uuid": f"uuid-{kind}", "name": record.header.title, "fullName": f"scenarios.{name}", "historyId": kind,
            "testCaseId": kind, "status": status, "start": 1_700_000_000_000, "stop": 1_700_000_060_000,
            "descriptionHtml": telling.description(folder, record, verdicts), "parameters": [],
            "statusDetails": {} if status == "passed" else {"message": "harness.plugin.BrokenPromise: recovery"},
            "labels": [{"name": "epic", "value": record.header.phase},
                       {"name": "parentSuite", "value": record.header.phase},
                       {"name": "feature", "value": telling.component(name)},
                       {"name": telling.RUN_LABEL, "value": f"{SESSION}/{name}"}],
            "steps": [{"name": "steady 20 s", "status": "passed", "start": 1_700_000_000_000,
                       "stop": 1_700_000_020_000}],
        }  # fmt: skip
        (results / f"uuid-{kind}-result.json").write_text(json.dumps(told))
    changes = [explanation.explain(name).to_json() for name in PHASES]
    return site.build(results, home / "site", finished, None, changes)
