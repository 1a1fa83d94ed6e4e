from __future__ import annotations

import pytest

from harness.clock import minutes, seconds
from harness.events import BEGAN, DONE, DONE_ALREADY, FAILED, StepTaken, WriterSeen
from harness.judges import routing
from harness.judges.homecoming import apart_from_plan, writer_home
from harness.objectives import Objectives
from harness.verdicts import Ruling
from tests.unit.judges.scripted import HOME, JOURNEYS, LOCATIONS, NEXT, at, run, story

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
    assert found.reason == f"fail-back {HOME} stopped at step 3: seen"


def test_all_that_is_told_of_a_writer_that_came_home():
    found = writer_home(homecoming(during(205, 235)))
    assert (found.promise, found.reason) == (
        "writer_home",
        f"the writer was home in {HOME} 80.0 s after the undo; "
        "no operation failed for longer than 60.0 s while it moved",
    )
    assert found.figures.keys() == {
        "writer_home_seconds", "allowed_seconds", "interruption_seconds", "allowed_interruption_seconds",
    }  # fmt: skip
    assert (found.figures["allowed_seconds"], found.figures["allowed_interruption_seconds"]) == (120, 60)
    interrupted = found.figures["interruption_seconds"]
    assert interrupted == round(interrupted, 3) != round(interrupted)
    assert found.evidence.keys() == {"runbook", "interruption"}
    assert [(row["location"], row["operation"]) for row in found.evidence["interruption"]] == [
        (place, name) for place in LOCATIONS for name in JOURNEYS
    ]
    assert found.evidence["runbook"] == [
        {"runbook": f"fail-back {HOME}", "step": 1, "what": "Step 1", "state": DONE_ALREADY,
         "began": str(at(160)), "seconds": 0, "seen": "seen"},
        {"runbook": f"fail-back {HOME}", "step": 2, "what": "Step 2", "state": DONE,
         "began": str(at(200)), "seconds": 30, "seen": "seen"},
    ]  # fmt: skip


def test_an_interruption_is_held_against_its_own_objective():
    strict = Objectives(writer_home_time=minutes(2), interruption_time=seconds(20), recovery_time=minutes(5))
    found = writer_home(homecoming(during(205, 235), objectives=strict))
    assert found.ruling is Ruling.BROKEN
    assert found.reason.startswith("while the writer moved home, ")
    assert "later than 20.0 s" in found.reason
    patient = Objectives(writer_home_time=minutes(2), interruption_time=seconds(90), recovery_time=seconds(10))
    assert writer_home(homecoming(during(205, 275), objectives=patient)).ruling is Ruling.KEPT


@pytest.mark.parametrize(
    ("home_at", "limit", "ruling", "reason"),
    [
        (270, 120, Ruling.KEPT, f"the writer was home in {HOME} 2.0 min after the undo"),
        (270.001, 120, Ruling.BROKEN, f"the writer was home in {HOME} only 2.0 min after the undo (allowed: 2.0 min)"),
        (None, 120, Ruling.BROKEN, f"{NEXT} still writes, not {HOME}"),
        (None, 150, Ruling.UNKNOWN, f"{NEXT} still writes, not {HOME}"),
    ],
)
def test_home_in_time_is_counted_from_the_undo(home_at, limit, ruling, reason):
    owed = Objectives(writer_home_time=seconds(limit), interruption_time=minutes(5))
    found = writer_home(homecoming(home_at=home_at, objectives=owed))
    assert found.ruling is ruling
    assert found.reason.startswith(reason)
    assert found.figures["writer_home_seconds"] == (None if home_at is None else round(home_at - 150, 3))


def test_who_writes_at_the_end_is_who_is_named():
    wandering = (WriterSeen(at(210), HOME, "us-2"), WriterSeen(at(220), "ap-south-1", "ap-1"))
    found = writer_home(homecoming(home_at=None, extra=wandering))
    assert found.reason == f"ap-south-1 still writes, not {HOME}"


def test_without_a_move_or_without_operators_nothing_can_be_said():
    never_left, nobody = "the writer never left its region", "nobody carried out a runbook after the undo"
    stayed = (WriterSeen(at(0), HOME, "us-1"), WriterSeen(at(60), HOME, "us-2"))
    moved = (WriterSeen(at(0), HOME, "us-1"), WriterSeen(at(60), NEXT, "eu-1"))
    done = step(1, 160, DONE_ALREADY)
    undone = len(story()) - 2
    for events, reason, steps in (
        ((*story(), *stayed, done), never_left, 1),
        ((*story(), done), never_left, 1),
        ((*story(), stayed[0], done), never_left, 1),
        ((*story(), *moved), nobody, 0),
        ((*story()[:undone], *moved, done), nobody, 1),
    ):
        found = writer_home(run(events=events, promises=("writer_home",)))
        assert (found.promise, found.ruling, found.reason) == ("writer_home", Ruling.UNKNOWN, reason)
        assert found.figures == {}
        assert [len(rows) for rows in found.evidence.values()] == [steps]


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


def test_without_a_step_that_interrupts_nothing_was_interrupted():
    events = [*story(fault=f"Lose {HOME}", end=300), WriterSeen(at(0), HOME, "us-1"), WriterSeen(at(60), NEXT, "eu-1"),
              step(1, 160, DONE_ALREADY), WriterSeen(at(230), HOME, "us-2")]  # fmt: skip
    found = writer_home(run(events=events, end=300, objectives=OWED, promises=("writer_home",)))
    assert (found.ruling, found.figures["interruption_seconds"]) == (Ruling.KEPT, 0)
    assert found.evidence["interruption"] == []


def test_several_interruptions_each_last_until_the_next_begins():
    second = (step(2, 240, DONE, interrupts=True), step(3, 240, BEGAN, interrupts=True))
    found = writer_home(homecoming(during(205, 235), extra=second, home_at=260))
    assert len(found.evidence["interruption"]) == 2 * len(LOCATIONS) * len(JOURNEYS)


def test_what_breaks_first_is_the_reason_and_nothing_else():
    found = writer_home(homecoming(during(205, 275), home_at=280))
    assert found.ruling is Ruling.BROKEN
    assert found.reason == f"the writer was home in {HOME} only 2.2 min after the undo (allowed: 2.0 min)"
