from __future__ import annotations

import pytest

from harness.clock import minutes, seconds
from harness.judges import routing
from harness.judges.homecoming import apart_from_plan, writer_home
from harness.objectives import Objectives
from harness.timeline import BEGAN, DONE, DONE_ALREADY, FAILED, StepTaken, WriterSeen
from harness.verdicts import Ruling
from tests.unit.judges.scripted import HOME, NEXT, at, run, story

OWED = Objectives(writer_home_time=minutes(2), interruption_time=seconds(60), failback_time=minutes(5))
WRITES = "create_trigger"


def step(number: int, second: float, state: str, *, interrupts: bool = False) -> StepTaken:
    return StepTaken(at(second), f"fail-back {HOME}", number, f"Step {number}", state, "seen", interrupts)


def homecoming(bad=lambda *_: False, *, home_at: float | None = 230, switched: float = 200, extra=(), **changes):
    """Lost at 30, another writer at 60, back at 150; the switchover begins at 200."""
    events = [
        *story(fault=f"Lose {HOME}", end=300),
        WriterSeen(at(0), HOME, "us-1"),
        WriterSeen(at(60), NEXT, "eu-1"),
        step(1, 160, DONE_ALREADY),
        step(2, switched, BEGAN, interrupts=True),
        *extra,
    ]
    if home_at is not None:
        events += [WriterSeen(at(home_at), HOME, "us-2"), step(2, home_at, DONE, interrupts=True)]
    promises = ("failback", "writer_home")
    return run(bad, events=events, end=300, **{"objectives": OWED, "promises": promises, **changes})


def during(began: float, ended: float, operation: str = WRITES):
    return lambda location, name, second: name == operation and began <= second < ended


def test_home_in_time_and_no_longer_cut_off_than_planned():
    found = writer_home(homecoming(during(205, 235)))
    assert found.ruling is Ruling.KEPT, found.reason
    assert found.figures["writer_home_seconds"] == 80
    assert 30 <= found.figures["interruption_seconds"] <= 37
    rows = found.evidence["runbook"]
    assert [(row["step"], row["state"], row["seconds"]) for row in rows] == [(1, DONE_ALREADY, 0), (2, DONE, 30)]


@pytest.mark.parametrize("operation", [WRITES, "ponder_events"])
def test_an_interruption_that_is_too_long_breaks_it_for_reads_and_writes(operation):
    found = writer_home(homecoming(during(205, 275, operation)))
    assert found.ruling is Ruling.BROKEN
    assert operation in found.reason
    assert "later than 60.0 s" in found.reason


def test_home_too_late_breaks_it():
    found = writer_home(homecoming(home_at=280))
    assert found.ruling is Ruling.BROKEN
    assert "only 2.2 min after the undo" in found.reason


def test_a_writer_that_never_comes_home_breaks_it_once_its_time_is_over():
    assert writer_home(homecoming(home_at=None)).ruling is Ruling.BROKEN
    patient = Objectives(writer_home_time=minutes(20))
    assert writer_home(homecoming(home_at=None, objectives=patient)).ruling is Ruling.UNKNOWN


def test_a_writer_that_leaves_again_is_not_home():
    again = WriterSeen(at(290), NEXT, "eu-1")
    assert writer_home(homecoming(extra=(again,))).ruling is Ruling.BROKEN


def test_a_step_that_failed_is_no_pass():
    found = writer_home(homecoming(extra=(step(3, 240, FAILED),)))
    assert found.ruling is Ruling.UNKNOWN
    assert "stopped at step 3" in found.reason


def test_without_a_move_or_without_operators_nothing_can_be_said():
    stayed = run(events=[*story(), WriterSeen(at(0), HOME, "us-1")], promises=("writer_home",))
    assert writer_home(stayed).ruling is Ruling.UNKNOWN
    alone = run(events=[*story(), WriterSeen(at(0), HOME, "us-1"), WriterSeen(at(60), NEXT, "eu-1")])
    assert "nobody carried out a runbook" in writer_home(alone).reason


def test_a_planned_interruption_is_no_second_outage_where_it_is_judged():
    assert routing.failback(homecoming(during(205, 235))).ruling is Ruling.KEPT
    unjudged = routing.failback(homecoming(during(205, 235), promises=("failback",)))
    assert unjudged.ruling is Ruling.BROKEN
    assert "failed a second time" in unjudged.reason


def test_an_outage_beside_the_planned_one_is_a_second_outage():
    assert routing.failback(homecoming(during(165, 195))).ruling is Ruling.BROKEN
    assert routing.failback(homecoming(during(262, 290))).ruling is Ruling.BROKEN


def test_the_plan_is_cut_out_of_a_span():
    assert apart_from_plan(homecoming(), at(150), at(300)) == [(at(150), at(200)), (at(260), at(300))]
    assert apart_from_plan(homecoming(promises=("failback",)), at(150), at(300)) == [(at(150), at(300))]
