"""Each stop condition, and what the first that is met does."""

from __future__ import annotations

import pytest

from harness.clock import Clock, seconds
from harness.errors import Aborted
from harness.events import Stopped
from harness.safety.stops import Stops, failing, ringing
from harness.target import StopConditions
from harness.timeline import Timeline, read

US, EU = "us-east-1", "eu-west-1"
LIMIT = StopConditions(error_ratio=0.2, for_seconds=30)


def test_a_named_alarm_rings_in_any_region():
    states = {(US, "pages-somebody"): "OK", (EU, "pages-somebody"): "ALARM", (US, "other"): "ALARM"}
    assert ringing(["pages-somebody"], states) == "alarm pages-somebody in eu-west-1 rings"
    assert ringing(["pages-somebody"], {(US, "pages-somebody"): "INSUFFICIENT_DATA"}) is None
    assert ringing([], states) is None
    assert ringing(["unseen"], states) is None


def test_too_many_requests_that_should_not_notice_fail():
    assert failing(LIMIT, 100, 20, seconds(60)) is None, "the limit itself may be reached"
    told = failing(LIMIT, 100, 21, seconds(60))
    assert told == "21 of 100 requests that should not notice failed in 30 s, more than 20%"


@pytest.mark.parametrize(
    ("limit", "ended", "bad", "watched"),
    [
        (LIMIT, 0, 0, seconds(60)),
        (LIMIT, 100, 100, seconds(29)),
        (StopConditions(), 100, 100, seconds(60)),
    ],
    ids=["no such requests", "not watched for long enough", "no limit"],
)
def test_where_nothing_can_be_told_nothing_stops(limit, ended, bad, watched):
    assert failing(limit, ended, bad, watched) is None


def test_the_first_that_is_met_is_on_record_and_ends_the_experiment(tmp_path):
    sights = {"key": None, "file": None, "alarm": "alarm x rings"}
    timeline = Timeline(tmp_path / "timeline.jsonl")
    stops = Stops({name: lambda name=name: sights[name] for name in sights}, Clock.start(10), timeline)
    sights["alarm"] = None
    stops.check()
    assert stops.met == ""
    sights |= {"file": "STOP is there", "alarm": "alarm x rings"}
    with pytest.raises(Aborted, match="stop condition file: STOP is there"):
        stops.check()
    assert stops.met == "stop condition file: STOP is there"
    timeline.close()
    [event] = read(tmp_path / "timeline.jsonl")
    assert isinstance(event, Stopped)
    assert (event.condition, event.sight) == ("file", "STOP is there")
