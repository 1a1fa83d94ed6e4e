"""A plain Locust command line, alone and as one worker of several."""

from __future__ import annotations

import subprocess
import sys

import pytest

_ASK = """
import json, sys
from types import SimpleNamespace
from loadtests.locustfile import Seat, by_hand
from harness.errors import BadInput
options = SimpleNamespace(location="america,europe", rate=20.0, deadline=5.0,
    connection_age=20.0, ttl_policy="honour", nameserver="", subnet="", record="")
told = []
for number in range(4):
    found = by_hand(options, "http://api.test", Seat(number, 4))
    since_epoch = found.anchor_epoch_nanoseconds - found.anchor_monotonic_nanoseconds
    told.append([found.location, found.location_index, found.rate_per_second,
                 (found.start_monotonic_nanoseconds + since_epoch) % 100_000_000, found.record])
alone = by_hand(SimpleNamespace(**vars(options) | {"location": "here"}), "http://api.test")
told.append([alone.location, alone.location_index, alone.rate_per_second, 0, alone.record])
for seat in (Seat(0, 1), Seat(2, 2)):
    try:
        by_hand(options, "http://api.test", seat)
    except BadInput as error:
        told.append(error.field)
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def told():
    """Locust patches the interpreter that imports it, so another one is asked."""
    import json

    done = subprocess.run([sys.executable, "-c", _ASK], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_workers_take_the_locations_in_turn_and_share_their_arrivals(told):
    assert [one[:3] for one in told[:4]] == [
        ["america", 0, 10.0], ["europe", 1, 10.0], ["america", 0, 10.0], ["europe", 1, 10.0],
    ]  # fmt: skip


def test_those_of_one_location_send_in_turn_by_the_date(told):
    assert [one[3] for one in told[:4]] == [0, 0, 50_000_000, 50_000_000]


def test_each_has_a_record_of_its_own(told):
    assert len({one[4] for one in told[:4]}) == 4
    assert all(one[4].endswith(f"-{number}.bin") for number, one in enumerate(told[:4]))


def test_alone_everything_is_ones_own(told):
    assert told[4][:3] == ["here", 0, 20.0]
    assert told[4][4].startswith("requests-here-")


def test_too_few_workers_or_more_than_expected_are_refused(told):
    assert told[5:] == ["expect_workers", "expect_workers"]
