"""One stream in one fault window: what is said of it, when it held, and which of several is the worst."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.clock import seconds
from harness.judges.outage import Recovery, recoveries, worst
from harness.objectives import Objectives
from harness.verdicts import Ruling
from tests.unit.judges.scripted import at, run, story

DARK = "create_trigger from america"


def one(began: float, ended: float, *, undone: float = 150, end: float = 240, events=None, **changes) -> Recovery:
    """Of a run whose writes from america are bad within a span, that stream."""
    record = run(
        lambda place, what, second: (place, what) == ("america", "create_trigger") and began <= second < ended,
        events=events or story(undone=undone, end=end), end=end, **changes,
    )  # fmt: skip
    return next(found for found in recoveries(record) if found.where == DARK)


@pytest.mark.parametrize(
    ("found", "ruling", "says"),
    [
        (one(30, 60), Ruling.KEPT, f"{DARK} was back after 30.1 s (up to 612 ms less, 50 ms more), within 60.0 s"),
        (one(30, 95), Ruling.BROKEN,
         f"{DARK} was back after 65.1 s (up to 612 ms less, 50 ms more), later than 60.0 s"),
        (one(30, 90), Ruling.UNKNOWN,
         f"{DARK} was back after 60.1 s (up to 612 ms less, 50 ms more): the error bar straddles 60.0 s"),
        (one(30, 999), Ruling.BROKEN, f"{DARK} was still down after 2.0 min when the fault was undone"),
        (one(30, 999, undone=50), Ruling.UNKNOWN,
         f"{DARK} was still down after 20.0 s when the fault was undone, too soon to judge an objective of 60.0 s"),
        (one(30, 999, events=story()[:-2]), Ruling.BROKEN,
         f"{DARK} was still down after 3.5 min when the record ended"),
        (one(30, 999, events=[*story(), *story(fault="Lose us-east-1", struck=120, undone=140)[5:]]), Ruling.BROKEN,
         f"{DARK} was still down after 90.0 s when the next fault struck"),
        (one(30, 46, undone=51), Ruling.UNKNOWN,
         f"{DARK} was back after 16.1 s (up to 612 ms less, 50 ms more), "
         "but for too short a time before the fault was undone"),
        (one(80, 100), Ruling.KEPT,
         f"{DARK} was back after 20.5 s (up to 1.1 s less, 50 ms more), from 49.6 s after the fault on, within 60.0 s"),
    ],
)  # fmt: skip
def test_what_is_said_of_a_stream(found: Recovery, ruling: Ruling, says: str) -> None:
    assert (found.ruling, found.sentence()) == (ruling, says)


def test_a_stream_as_a_row() -> None:
    found = one(30, 60)
    assert found.row() == {
        "down_seconds": 30.062,
        "fault": "Blackhole load balancer of us-east-1", "location": "america", "operation": "create_trigger",
        "ruling": "KEPT", "rto_seconds": 30.062, "rto_error_seconds": 0.613, "rto_more_seconds": 0.05,
        "objective_seconds": 60.0,
        "recovered_at": str(at(60.0625)), "arrivals": 240, "bad": 60, "spells": 1, "turns_bad": 1,
        "longest_gap_seconds": 30.062, "success_ratio": 0.75, "p50_ms": 50.0, "p95_ms": 5000.0, "p99_ms": 5000.0,
    }  # fmt: skip
    never = one(30, 999).row()
    assert never["rto_seconds"] is never["rto_error_seconds"] is never["recovered_at"] is None


@pytest.mark.parametrize(("undone", "held"), [(54.9, False), (55.1, False), (55.2, True)])
def test_a_recovery_is_believed_once_it_was_seen_to_hold(undone: float, held: bool) -> None:
    assert one(30, 50, undone=undone).held is held
    assert not one(30, 999, undone=undone).held


def test_three_arrivals_over_five_seconds_hold_and_fewer_do_not() -> None:
    """One operation in four, so that at one arrival a second a stream has one every four."""
    for undone, held in [(44.9, False), (56, True)]:
        assert one(30, 42, undone=undone, rate=1.0).held is held


def test_a_stream_that_never_came_back_is_worse_than_a_late_one_of_its_ruling() -> None:
    late, never = one(30, 145), one(30, 999)
    assert late.ruling is never.ruling is Ruling.BROKEN
    assert worst([late, never]) is worst([never, late]) is never


def test_of_two_in_time_the_one_nearer_to_its_objective_is_worse() -> None:
    slow = Objectives(write_recovery_time=seconds(300), write_recovery_source="AWS")
    easy, near = one(30, 90, objectives=slow), one(30, 80)
    assert easy.ruling is near.ruling is Ruling.KEPT
    assert worst([easy, near]) is worst([near, easy]) is near


def test_a_fault_bites_at_the_first_arrival_that_met_it_where_that_is_before_its_proof() -> None:
    events = [event for event in story() if event.kind != "fault.injected"]
    fault = next(event for event in story() if event.kind == "fault.injected")
    late = replace(fault, bites_at=at(40).nanoseconds)
    found = one(30, 60, events=sorted([*events, late], key=lambda event: event.at))
    assert found.spells[0].bad_from == at(30.0625)
    unproven = replace(fault, bites_at=0)
    assert one(31, 60, events=sorted([*events, unproven], key=lambda event: event.at)).spells[0].bad_from == at(31.0625)
    assert one(999, 999, events=sorted([*events, unproven], key=lambda event: event.at)).spells == ()
