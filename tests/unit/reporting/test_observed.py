"""A run that only watched is told like any other: chart, page, verdict.json."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from harness.events import MetricSeen
from harness.judges import bench
from harness.judges.anatomy import anatomies
from harness.record import Record
from harness.reporting import chart, interactive, telling
from tests.unit.judges.scripted import HOME, at
from tests.unit.judges.watched import BEGAN, ENDED, silent, watched

SCHEMA = json.loads((Path(__file__).resolve().parents[3] / "docs" / "verdict.schema.json").read_text())
METRIC = MetricSeen(at(60), "AWS/ApplicationELB/RequestCount", HOME, "alb", "Sum", 100.0)


@pytest.mark.parametrize(
    ("record", "says"),
    [
        (watched(), "no fault was injected"),
        (watched(down=(30, 50)), "somebody else's fault (observed)"),
        (watched(BEGAN, ENDED, down=(30, 50)), "somebody else's fault: FIS (observed)"),
        (silent(), "no fault was injected"),
        (silent(BEGAN, ENDED, METRIC), "somebody else's fault: FIS (observed)"),
    ],
    ids=["calm", "untold", "told", "no clients", "looking back"],
)
def test_it_is_told_like_any_other(record: Record, says: str) -> None:
    verdicts, parts = bench.judge(record), anatomies(record)
    assert says.encode() in chart.draw(record, verdicts, parts)
    assert "observe" in interactive.page(record, verdicts)
    jsonschema.validate(json.loads(json.dumps(telling.to_json(record, verdicts, parts))), SCHEMA)


def test_its_recovery_is_bracketed() -> None:
    record = watched(down=(30, 50))
    picture = chart.draw(record, bench.judge(record), anatomies(record))
    assert b"RTO 20" in picture or b"RTO 19" in picture
