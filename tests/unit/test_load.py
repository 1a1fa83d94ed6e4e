"""What a growing record says of the requests that ended lately."""

from __future__ import annotations

import pytest

from harness.clock import Clock, minutes, monotonic_nanoseconds, seconds
from harness.errors import HarnessFault
from harness.generators import LoadPlace
from harness.load import Load, LoadPlan
from harness.requests import OPERATIONS, Outcome, RequestWriter


def test_requests_are_counted_by_location_operation_and_age(tmp_path):
    clock = Clock.start(10)
    now = monotonic_nanoseconds()
    second = 10**8
    for index, place in enumerate(("america", "europe")):
        with RequestWriter(tmp_path / f"requests-{place}.bin", clock, index) as record:
            for ago, operation, outcome in (
                (100, "list_triggers", Outcome.GOOD),
                (20, "list_triggers", Outcome.TIMED_OUT),
                (9, "list_triggers", Outcome.GOOD),
                (8, "create_trigger", Outcome.RESET),
                (1, "list_triggers", Outcome.WRONG_BODY),
            ):
                done = now - ago * second
                record.write(done - 1, done - 1, done, OPERATIONS.index(operation), outcome)
    plan = LoadPlan("http://api", {"america": 1, "europe": 1})
    load = Load(clock, tmp_path, [LoadPlace("america", 0), LoadPlace("europe", 1)], plan)
    assert load.counted(seconds(15), lambda place, name: True) == (6, 4)
    assert load.counted(seconds(15), lambda place, name: place == "europe") == (3, 2)
    assert load.counted(seconds(15), lambda place, name: name == "list_triggers") == (4, 2)
    assert load.counted(seconds(30), lambda place, name: name == "list_triggers") == (6, 4)
    assert load.counted(seconds(15), lambda place, name: False) == (0, 0)
    with pytest.raises(HarnessFault, match="at most"):
        load.counted(minutes(3), lambda place, name: True)
