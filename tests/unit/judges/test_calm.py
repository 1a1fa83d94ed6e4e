"""What must not notice a fault, and lag in calm weather: which arrivals and datapoints decide, and at which limit."""

from __future__ import annotations

import pytest

from harness.clock import seconds
from harness.events import AddressesSeen, LagMeasured
from harness.header import Stream
from harness.judges.addresses import NOWHERE, STRANGER, regions_of
from harness.judges.calm import undisturbed
from harness.judges.lag import low_lag
from harness.objectives import Objectives
from harness.requests import Outcome
from harness.verdicts import Ruling, Verdict
from tests.unit.judges.scripted import ADDRESS, HOME, NEXT, Arrival, arrivals, at, story, told

LISTS = (Stream("list_triggers", "america"),)


def lists(count: int, *bad: int, location: str = "america", since: float = 40) -> list[Arrival]:
    """Reads, one a second, of which some timed out."""
    return [Arrival(since + number, "list_triggers", location, Outcome.TIMED_OUT if number in bad else Outcome.GOOD)
            for number in range(count)]  # fmt: skip


def judged(*rows: list[Arrival], patterns=LISTS, events=None, **changes) -> Verdict:
    told_of = story() if events is None else events
    return undisturbed(
        arrivals(*(one for each in rows for one in each), events=told_of, undisturbed=patterns, **changes)
    )


NOTHING = "nothing that should be undisturbed noticed the fault"
NOTICED = "list_triggers from america noticed the fault: {} of {} arrivals were bad"


@pytest.mark.parametrize(
    ("rows", "changes", "ruling", "says"),
    [
        (lists(100), {}, Ruling.KEPT, NOTHING),
        (lists(100, 50), {}, Ruling.KEPT, NOTHING),
        (lists(100, 30, 60), {}, Ruling.KEPT, NOTHING),
        (lists(100, 30, 60, 90), {}, Ruling.BROKEN, NOTICED.format(3, 100)),
        (lists(10, 5), {}, Ruling.UNKNOWN, "list_triggers from america had one bad arrival in 10: too few to tell"),
        (lists(10, 3, 7), {}, Ruling.BROKEN, NOTICED.format(2, 10)),
        # A stretch that is dense enough, though the ratio of all holds; two more than it allows are a blip.
        (lists(100, 50, 51, 52), {"objectives": Objectives(success_ratio=0.9)}, Ruling.BROKEN, NOTICED.format(3, 100)),
        (lists(100, 0, 1, 2), {"objectives": Objectives(success_ratio=0.9)}, Ruling.BROKEN, NOTICED.format(3, 100)),
        (lists(100, 50, 51, 52, 53), {"objectives": Objectives(success_ratio=0.5)}, Ruling.KEPT, NOTHING),
        # What nobody named, and what came before or after the fault.
        ([*lists(100), *lists(20, 1, 2, 3, 4, location="europe")], {}, Ruling.KEPT, NOTHING),
        ([*lists(100), *lists(9, *range(9), since=10), *lists(9, *range(9), since=155)], {}, Ruling.KEPT, NOTHING),
        ([], {}, Ruling.UNKNOWN, "there was no arrival of list_triggers from america while the fault stood"),
        (lists(100), {"patterns": ()}, Ruling.UNKNOWN, "the header names nothing that should be undisturbed"),
        (lists(100), {"patterns": (Stream("log_in"),)}, Ruling.UNKNOWN,
         "nothing of what the header names was seen in a fault window"),
        (lists(100), {"events": story()[:5]}, Ruling.UNKNOWN,
         "nothing of what the header names was seen in a fault window"),
    ],
)  # fmt: skip
def test_what_is_said_of_what_should_notice_nothing(rows, changes, ruling: Ruling, says: str) -> None:
    found = judged(rows, **changes)
    assert (found.promise, found.ruling, found.reason) == ("undisturbed", ruling, says)


def test_the_figures_and_rows_of_what_should_notice_nothing() -> None:
    both = (Stream("list_triggers", "america"), Stream("list_triggers", "europe"))
    found = judged(lists(30, 7), lists(3, location="europe"), patterns=both)
    assert found.figures == {"lowest_success_ratio": 0.966667}
    assert found.evidence == {"undisturbed": [
        {"location": "america", "operation": "list_triggers", "bad": 1, "arrivals": 30, "success_ratio": 0.966667},
        {"location": "europe", "operation": "list_triggers", "bad": 0, "arrivals": 3, "success_ratio": 1.0},
    ]}  # fmt: skip
    worse = judged(lists(100, 1, 2, 3, 4), lists(3, 1, location="europe"), patterns=both)
    assert worse.reason == NOTICED.format(4, 100)


def lag(second: float, behind: float, replica: str = "r1") -> LagMeasured:
    return LagMeasured(at(second), replica, NEXT, behind)


@pytest.mark.parametrize(
    ("points", "ruling", "says"),
    [
        ([lag(0, 0.5), lag(10, 1.0)], Ruling.KEPT, "r1 was 1.00 s behind at most (allowed: 1.0 s)"),
        ([lag(0, 1.01)], Ruling.UNKNOWN, "r1 was 1.01 s behind at most (allowed: 1.0 s)"),
        ([lag(0, 2.0)], Ruling.UNKNOWN, "r1 was 2.00 s behind at most (allowed: 1.0 s)"),
        ([lag(29.9, 2.01), lag(10, 0.1, "r2")], Ruling.BROKEN, "r1 was 2.01 s behind at most (allowed: 1.0 s)"),
        ([lag(5, 0.25, "")], Ruling.KEPT, "eu-west-1 was 0.25 s behind at most (allowed: 1.0 s)"),
        ([lag(-0.1, 9), lag(5, 0.5), lag(30, 9)], Ruling.KEPT, "r1 was 0.50 s behind at most (allowed: 1.0 s)"),
        ([lag(-0.1, 9), lag(30, 9)], Ruling.UNKNOWN, "no lag was measured in the steady state"),
    ],
)  # fmt: skip
def test_what_is_said_of_lag_in_calm_weather(points, ruling: Ruling, says: str) -> None:
    found = low_lag(told(*story(), *points))
    assert (found.promise, found.ruling, found.reason) == ("low_lag", ruling, says)


def test_the_figures_of_lag_in_calm_weather() -> None:
    found = low_lag(told(*story(), lag(5, 1.23456), lag(9, 0.3), objectives=Objectives(calm_lag=seconds(2))))
    assert found.figures == {"max_lag_seconds": 1.235, "allowed_seconds": 2.0, "datapoints": 2}
    assert low_lag(told(*story())).figures == {}


def test_an_arrival_is_of_the_region_whose_load_balancer_answered_with_its_peers_address() -> None:
    events = [
        AddressesSeen(at(0), "mars-1", ("10.9.9.9",)),
        AddressesSeen(at(0), HOME, (ADDRESS[HOME], "10.1.10.81")),
        AddressesSeen(at(0), NEXT, (ADDRESS[NEXT],)),
        AddressesSeen(at(50), NEXT, ("10.2.10.99",)),
    ]
    peers = (ADDRESS[HOME], "10.1.10.81", ADDRESS[NEXT], "10.2.10.99", "10.9.9.9", "")
    record = arrivals(*(Arrival(second, address=peer) for second, peer in enumerate(peers, 1)), events=events)
    assert regions_of(record, record.traffic).tolist() == [0, 0, 1, 1, STRANGER, NOWHERE]
