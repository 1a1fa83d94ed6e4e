from __future__ import annotations

import pytest

from harness.clock import seconds
from harness.events import PhaseBegan, TasksCounted
from harness.judges.bench import judge_one
from harness.objectives import Objectives
from harness.verdicts import Ruling
from tests.unit.judges.scripted import HOME, NEXT, at, home, refuge, run, story


def counted(second: float, region: str, running: int, desired: int = 2, service: str = "api-gateway") -> TasksCounted:
    return TasksCounted(at(second), region, service, desired, running)


CALM = [counted(-5, HOME, 2), counted(-5, NEXT, 2), counted(-5, NEXT, 1, 1, "action-workers")]
SMALL = [counted(-5, HOME, 2), counted(-5, NEXT, 1, 1)]


def verdict(*counts: TasksCounted, events=None, **changes):
    changes = {"objectives": Objectives(scale_time=seconds(60)), **changes}
    told, where = (story(), refuge) if events is None else (events, home)
    return judge_one(run(events=[*told, *counts], where=where, **changes), "ready_standby")[0]


def test_a_standby_of_full_size_is_ready_and_needs_no_time():
    found = verdict(*CALM)
    assert found.ruling is Ruling.KEPT
    assert found.figures["scale_seconds"] == 0


def test_without_a_fault_what_it_runs_decides():
    calm = [PhaseBegan(at(0), "steady")]
    assert verdict(*CALM, events=calm).ruling is Ruling.KEPT
    assert verdict(counted(-5, NEXT, 0), events=calm).ruling is Ruling.BROKEN


@pytest.mark.parametrize(
    ("counts", "reason"),
    [
        ([counted(-5, NEXT, 0)], f"{NEXT} runs 0 of 2 tasks of api-gateway before it is called up"),
        ([counted(-5, NEXT, 0, 0)], "runs 0 of 1 tasks of api-gateway"),
        ([counted(-5, NEXT, 2), counted(-5, NEXT, 0, 1, "action-workers")], "0 of 1 tasks of action-workers"),
    ],
)
def test_a_standby_without_its_tasks_breaks_it(counts, reason):
    found = verdict(counted(-5, HOME, 2), *counts)
    assert found.ruling is Ruling.BROKEN
    assert reason in found.reason


def test_a_small_standby_has_its_time_to_grow():
    assert verdict(*SMALL, counted(89, NEXT, 2)).ruling is Ruling.KEPT
    assert verdict(*SMALL, counted(89, NEXT, 2)).figures["scale_seconds"] == 59
    assert "had the 2 tasks that us-east-1 had 59.0 s after" in verdict(*SMALL, counted(89, NEXT, 2)).reason
    assert verdict(*SMALL, counted(91, NEXT, 2)).ruling is Ruling.BROKEN
    assert verdict(*SMALL, counted(60, NEXT, 2), counted(95, NEXT, 1), counted(200, NEXT, 2)).ruling is Ruling.BROKEN


def test_one_that_never_grew_breaks_it_only_when_it_was_watched_long_enough():
    assert verdict(*SMALL, counted(200, NEXT, 1)).ruling is Ruling.BROKEN
    assert verdict(*SMALL, counted(60, NEXT, 1)).ruling is Ruling.UNKNOWN
    assert verdict(*SMALL).ruling is Ruling.UNKNOWN


@pytest.mark.parametrize(
    ("counts", "reason"),
    [
        ([], f"nobody counted the tasks of api-gateway in {NEXT}"),
        ([counted(-5, HOME, 2)], f"nobody counted the tasks of api-gateway in {NEXT}"),
        ([counted(-5, NEXT, 2)], f"nobody counted the tasks of api-gateway in {HOME}"),
        ([counted(-5, NEXT, 2), counted(-5, HOME, 1, 1, "action-workers")],
         f"nobody counted the tasks of api-gateway in {HOME}"),
        ([counted(-5, NEXT, 2), counted(31, HOME, 2)], f"nobody counted the tasks of api-gateway in {HOME}"),
        ([counted(-5, HOME, 2), counted(31, NEXT, 2)], f"nobody counted the tasks of api-gateway in {NEXT}"),
        ([counted(-5, HOME, 2), counted(-5, NEXT, 1, 1, "action-workers")],
         f"nobody counted the tasks of api-gateway in {NEXT}"),
    ],
)  # fmt: skip
def test_it_says_whose_tasks_nobody_counted(counts, reason):
    found = verdict(*counts)
    assert (found.promise, found.ruling, found.reason) == ("ready_standby", Ruling.UNKNOWN, reason)


def test_what_was_counted_at_the_fault_still_counts():
    found = verdict(counted(30, HOME, 2), counted(30, NEXT, 2))
    assert found.ruling is Ruling.KEPT
    assert found.figures == {"scale_seconds": 0.0, "allowed_seconds": 60.0}


def test_every_count_of_a_standby_is_told():
    found = verdict(*SMALL, counted(89.0004, NEXT, 2))
    assert found.figures == {"scale_seconds": 59.0, "allowed_seconds": 60.0}
    assert found.evidence == {"tasks": [
        {"at": str(at(-5)), "region": NEXT, "service": "api-gateway", "ran": 1, "wanted": 1},
        {"at": str(at(89.0004)), "region": NEXT, "service": "api-gateway", "ran": 2, "wanted": 2},
    ]}  # fmt: skip


@pytest.mark.parametrize(
    ("last", "ruling", "reason"),
    [
        (90, Ruling.UNKNOWN, f"{NEXT} ran 1 of the 2 tasks that {HOME} had, 60.0 s after it was called up"),
        (90.001, Ruling.BROKEN, f"{NEXT} ran 1 of the 2 tasks that {HOME} had, 60.0 s after it was called up"),
    ],
)
def test_one_that_never_grew_is_told_with_how_long_it_was_watched(last, ruling, reason):
    found = verdict(*SMALL, counted(last, NEXT, 1))
    assert (found.ruling, found.reason) == (ruling, f"{reason} (allowed: 60.0 s)")
    assert found.figures["scale_seconds"] is None


def test_what_nobody_counted_is_unknown():
    assert verdict().ruling is Ruling.UNKNOWN
    assert verdict(counted(-5, HOME, 2)).ruling is Ruling.UNKNOWN
    assert verdict(counted(-5, NEXT, 2)).ruling is Ruling.UNKNOWN
    assert verdict(counted(-5, HOME, 2), counted(40, NEXT, 2)).ruling is Ruling.UNKNOWN


def test_where_every_region_serves_nobody_stands_by():
    nearest = {"america": (HOME, NEXT), "europe": (NEXT, HOME)}
    found = verdict(*CALM, nearest=nearest)
    told = (found.promise, found.ruling, found.reason)
    assert told == ("ready_standby", Ruling.UNKNOWN, "no region stands by: each of them serves somebody")


def test_the_service_that_clients_meet_is_told_first_and_only_it_needs_a_task():
    idle = counted(-5, NEXT, 0, 0, "action-workers")
    found = verdict(counted(-5, HOME, 2), idle, counted(-5, NEXT, 2))
    assert found.ruling is Ruling.KEPT
    both = verdict(counted(-5, HOME, 2), counted(-5, NEXT, 0, 1, "action-workers"), counted(-5, NEXT, 0))
    assert both.reason == f"{NEXT} runs 0 of 2 tasks of api-gateway before it is called up"


def test_what_it_ran_last_before_the_fault_counts_and_no_earlier_count():
    grew = [counted(-20, NEXT, 0), counted(-5, NEXT, 2)]
    assert verdict(counted(-5, HOME, 2), *grew).ruling is Ruling.KEPT
    assert verdict(counted(-5, HOME, 2), counted(-5, NEXT, 2), counted(30, NEXT, 0)).ruling is Ruling.BROKEN


def test_a_standby_that_grew_just_in_time_is_in_time():
    found = verdict(*SMALL, counted(90, NEXT, 2))
    assert (found.ruling, found.figures["scale_seconds"]) == (Ruling.KEPT, 60)
    told = f"{NEXT} had the 2 tasks that {HOME} had 60.0 s after it was called up (allowed: 60.0 s)"
    assert found.reason == told
    assert verdict(*SMALL, counted(89.4321, NEXT, 2)).figures["scale_seconds"] == 59.432


def test_what_came_with_the_undo_is_not_the_platforms_doing():
    restored = verdict(*SMALL, counted(150.5, NEXT, 2))
    told = f"{NEXT} ran 1 of the 2 tasks that {HOME} had, 2.0 min after it was called up (allowed: 60.0 s)"
    assert (restored.ruling, restored.reason) == (Ruling.BROKEN, told)
    patient = Objectives(scale_time=seconds(120))
    assert verdict(*SMALL, counted(150.5, NEXT, 2), objectives=patient).ruling is Ruling.UNKNOWN
    assert verdict(*SMALL, counted(150, NEXT, 2), objectives=patient).ruling is Ruling.KEPT


def test_a_fault_that_darkens_no_region_calls_nobody_up():
    found = verdict(*SMALL, events=story(fault=f"Pause cache of {HOME}"))
    assert (found.ruling, found.figures["scale_seconds"]) == (Ruling.KEPT, None)
