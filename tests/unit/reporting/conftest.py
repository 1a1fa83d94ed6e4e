"""Runs of every kind, fabricated once for all tests of the reports."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.judges import bench
from harness.judges.anatomy import Anatomy, anatomies
from harness.record import Record
from harness.reporting import telling
from harness.reporting.finished import Finished
from harness.verdicts import Outcome, Verdict
from tests.unit.reporting import fabricated

SESSION = "20231114T221320"
NAMES = {
    "dark": "active_passive.the_primary_load_balancer_goes_dark",
    "lost": "active_passive.the_primary_region_is_lost",
    "lagging": "read_replicas.the_replica_falls_behind",
    "killed": "active_passive.killed",
    "empty": "active_passive.empty",
}


@dataclass(frozen=True)
class Run:
    """A fabricated run, judged and saved."""

    folder: Path
    record: Record
    verdicts: list[Verdict]
    parts: list[Anatomy]

    @property
    def finished(self) -> Finished:
        return Finished(self.folder, self.record.header.outcome or Outcome.ABORTED, tuple(self.verdicts))


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    root = tmp_path_factory.mktemp("reports") / "runs" / SESSION
    found = {}
    for kind, name in NAMES.items():
        folder = root / name
        record = getattr(fabricated, kind)(folder)
        verdicts = bench.judge(record)
        telling.save(folder, record, verdicts)
        found[kind] = Run(folder, record, verdicts, anatomies(record))
    return found
