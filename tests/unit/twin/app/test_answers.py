from __future__ import annotations

import datetime
import uuid

from harness.clock import Anchor, Clock
from harness.twin.app.answers import stamp
from harness.twin.app.processor import job


def test_a_timestamp_of_the_database_is_told_in_aws_time() -> None:
    anchored = datetime.datetime(2026, 11, 23, 12, 0, 0, tzinfo=datetime.UTC)
    clock = Clock(10, Anchor(0, int(anchored.timestamp()) * 1_000_000_000))
    told = stamp(clock, anchored + datetime.timedelta(seconds=1.5))
    assert told == "2026-11-23T12:00:15.000000+00:00"


def test_a_job_made_twice_is_the_same_job() -> None:
    trigger = uuid.uuid4()
    assert job(7, trigger) == job(7, trigger)
    assert job(7, trigger) != job(8, trigger)
