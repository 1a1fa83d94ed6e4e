from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.clock import seconds
from harness.events import DatabaseEvent, Decided, DnsAnswered, FaultInjected, FaultUndone
from harness.judges.anatomy import STAGES, anatomies, sentence, stages_of
from harness.judges.bench import judge, judge_one
from harness.judges.outage import recoveries, worst
from harness.judges.recovery import availability, recovery
from harness.objectives import Objectives
from harness.verdicts import Outcome as Ended
from harness.verdicts import Ruling
from tests.unit.judges.scripted import ADDRESS, HOME, JOURNEYS, LOCATIONS, NEXT, at, home, run, story


def ruling(record, promise: str = "recovery") -> Ruling:
    return judge_one(record, promise)[0].ruling


def test_an_undisturbed_run_is_kept_with_a_time_of_zero() -> None:
    verdict = judge(run())[0]
    assert verdict.ruling is Ruling.KEPT
    assert verdict.reason == "no operation was disturbed at any location"
    assert verdict.figures["rto_seconds"] == 0
    assert verdict.figures["availability_during"] == 1


@settings(max_examples=15, deadline=None)
@given(st.floats(3, 100), st.floats(0, 0.5))
def test_the_error_bar_holds_the_truth(outage: float, late: float) -> None:
    record = run(lambda location, operation, second: 30 + late <= second < 30 + late + outage)
    one = worst(recoveries(record))
    assert one.time is not None
    assert one.error is not None
    assert (one.time - one.error).seconds <= outage + 0.001
    assert outage + late <= one.time.seconds + 0.001


@pytest.mark.parametrize(("until", "expected"), [(85, Ruling.KEPT), (90, Ruling.UNKNOWN), (95, Ruling.BROKEN)])
def test_an_error_bar_across_the_objective_is_unknown(until: float, expected: Ruling) -> None:
    assert ruling(run(lambda location, operation, second: 30 <= second < until)) is expected


def test_writes_have_their_own_objective() -> None:
    slow = run(
        lambda location, operation, second: operation == "create_trigger" and 30 <= second < 120,
        objectives=Objectives(write_recovery_time=seconds(100), write_recovery_source="AWS"),
    )
    assert ruling(slow) is Ruling.KEPT
    reads = run(
        lambda location, operation, second: operation == "list_triggers" and 30 <= second < 120,
        objectives=Objectives(write_recovery_time=seconds(100), write_recovery_source="AWS"),
    )
    verdict = judge(reads)[0]
    assert verdict.ruling is Ruling.BROKEN
    assert verdict.figures["worst_operation"] == "list_triggers"


def test_healing_is_not_failover() -> None:
    verdict = judge(run(lambda location, operation, second: 30 <= second < 150))[0]
    assert verdict.ruling is Ruling.BROKEN
    assert "still down after 2.0 min when the fault was undone" in verdict.reason


def test_answers_that_come_only_after_the_undo_are_not_recovery() -> None:
    record = run(lambda location, operation, second: 30 <= second < 148)
    late = record.traffic["intended"] >= at(148).nanoseconds
    record.traffic["done"][late & (record.traffic["intended"] < at(150).nanoseconds)] = at(150.2).nanoseconds
    assert "still down" in judge(record)[0].reason


def test_undone_before_the_objective_passed_is_unknown() -> None:
    record = run(lambda location, operation, second: 30 <= second < 70, events=story(undone=70))
    assert ruling(record) is Ruling.UNKNOWN


def test_a_recovery_that_was_not_seen_to_last_is_unknown() -> None:
    record = run(lambda location, operation, second: 30 <= second < 70, events=story(undone=73))
    verdict = judge(record)[0]
    assert verdict.ruling is Ruling.UNKNOWN
    assert "too short a time" in verdict.reason


def test_flapping_counts_to_its_last_outage() -> None:
    record = run(lambda location, operation, second: 30 <= second < 40 or 60 <= second < 100)
    verdict = judge(record)[0]
    assert verdict.ruling is Ruling.BROKEN
    assert verdict.figures["rto_seconds"] == pytest.approx(70, abs=1)


def test_a_second_spell_after_a_lasting_calm_adds_to_the_first() -> None:
    verdict = judge(run(lambda location, operation, second: 30 <= second < 60 or 100 <= second < 140))[0]
    assert verdict.ruling is Ruling.BROKEN
    assert verdict.figures["rto_seconds"] == pytest.approx(70, abs=3)
    assert "in 2 spells" in verdict.reason
    shorter = judge(run(lambda location, operation, second: 30 <= second < 40 or 100 <= second < 120))[0]
    assert shorter.ruling is Ruling.KEPT


def test_an_outage_that_the_failover_brings_counts_from_its_own_beginning() -> None:
    verdict = judge(run(lambda location, operation, second: 100 <= second < 120))[0]
    assert verdict.ruling is Ruling.KEPT
    assert verdict.figures["rto_seconds"] == pytest.approx(20, abs=3)
    assert "after the fault on" in verdict.reason
    (one,) = anatomies(run(lambda location, operation, second: 100 <= second < 120))
    assert sum(stage.duration.seconds for stage in one.stages) == pytest.approx(20, abs=3)


def test_an_answer_later_than_the_deadline_is_bad() -> None:
    record = run(deadline=seconds(0.04))
    assert not any(one.stream.good.any() for one in recoveries(record))


def test_of_several_faults_the_worst_wins() -> None:
    events = [*story(undone=100), FaultInjected(at(120), "Pause cache of us-east-1", 1, 1, "faithful", "seen", (HOME,)),
              FaultUndone(at(220), "Pause cache of us-east-1", 0, "expired")]  # fmt: skip
    verdict = judge(run(lambda location, operation, second: 120 <= second < 210, events=events))[0]
    assert verdict.ruling is Ruling.BROKEN
    assert verdict.evidence["recovery"][-1]["fault"] == "Pause cache of us-east-1"


def test_what_the_next_fault_ends_undisturbed_is_told_by_that_ones_window() -> None:
    first = "Shrink api-gateway of eu-west-1"
    events = [event for event in story(undone=150) if not isinstance(event, FaultUndone)]
    events += [FaultInjected(at(28), first, 1, at(28).nanoseconds, "faithful", "seen", ()),
               FaultUndone(at(151), first, 0, ""), FaultUndone(at(150), story()[-3].fault, 0, "")]  # fmt: skip
    ordered = sorted(events, key=lambda event: event.at)
    found = recoveries(run(events=ordered))
    assert {one.window.ended_by for one in found} == {"another fault", "undone"}
    assert all(one.ruling is Ruling.KEPT for one in found)


def test_a_run_that_did_not_finish_keeps_nothing_but_breaks_what_it_proves() -> None:
    assert ruling(run_ended(None)) is Ruling.UNKNOWN
    assert ruling(run_ended(Ended.ABORTED)) is Ruling.UNKNOWN
    killed = run_ended(None, lambda location, operation, second: second >= 30, undone=False)
    assert ruling(killed) is Ruling.BROKEN


def run_ended(ended, bad=lambda location, operation, second: False, undone: bool = True):
    from dataclasses import replace

    record = run(bad)
    events = [event for event in record.events if undone or not isinstance(event, FaultUndone)]
    return replace(record, header=replace(record.header, outcome=ended), events=tuple(events))


def test_a_silent_location_makes_it_unknown_even_when_the_rest_is_broken() -> None:
    record = run(lambda location, operation, second: 30 <= second < 140)
    quiet = (record.traffic["location"] == 1) & (record.traffic["intended"] > at(100).nanoseconds)
    from dataclasses import replace

    starved = replace(record, traffic=record.traffic[~quiet])
    verdict = judge(starved)[0]
    assert verdict.ruling is Ruling.UNKNOWN
    assert "europe" in verdict.reason


def test_without_good_traffic_before_the_fault_nothing_is_said() -> None:
    verdict = judge(run(lambda location, operation, second: second < 60))[0]
    assert verdict.ruling is Ruling.UNKNOWN
    assert "steady state" in verdict.reason


def test_without_a_fault_there_is_nothing_to_judge() -> None:
    record = run(events=[event for event in story() if not isinstance(event, FaultInjected | FaultUndone)])
    assert ruling(record) is Ruling.UNKNOWN


def test_a_fault_that_was_never_proven_to_bite_keeps_nothing() -> None:
    events = [event for event in story() if not isinstance(event, FaultInjected)]
    record = run(events=[*events, FaultInjected(at(30), story()[-3].fault, 1, 0, "faithful", "", (HOME,))])
    assert "never proven to bite" in judge(record)[0].reason
    assert ruling(record) is Ruling.UNKNOWN


def test_a_judge_that_fails_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    record = run(nearest={"america": ("mars-1",)}, promises=("routing",))
    verdict = judge(record)[0]
    assert verdict.ruling is Ruling.UNKNOWN
    assert "the judge itself failed: ValueError" in verdict.reason


def test_a_partial_fault_labels_the_verdict() -> None:
    assert judge(run(events=story(fidelity="partial")))[0].fidelity == "partial"


def moved(location: str, second: float) -> str:
    return NEXT if 68 <= second < 170 else HOME


def test_the_anatomy_of_a_dark_load_balancer_adds_up() -> None:
    events = [
        *story(),
        *(DnsAnswered(at(58), location, NEXT, (ADDRESS[NEXT],), 10) for location in ("america", "europe")),
    ]
    record = run(lambda location, operation, second: 30 <= second < 70, where=moved, events=events)
    (part,) = anatomies(record)
    stages = part.stages
    assert tuple(stage.name for stage in stages) == STAGES
    assert all(stage.known for stage in stages)
    assert [round(stage.duration.seconds) for stage in stages] == [28, 0, 0, 10, 2]
    one = worst(recoveries(record))
    assert sum(stage.duration.nanoseconds for stage in stages) == one.time.nanoseconds


def test_the_anatomy_of_a_stopped_writer_names_the_slowest_stage() -> None:
    events = [
        *story(fault="Stop database writer"),
        DatabaseEvent(at(35), "db", HOME, "Multi-AZ failover started", ("failover",)),
        Decided(at(36), "platform", "fail over"),
        DatabaseEvent(at(100), "db", HOME, "Multi-AZ failover completed", ("failover",)),
    ]
    record = run(
        lambda location, operation, second: operation == "create_trigger" and 30 <= second < 105, events=events
    )
    verdict = judge(record)[0]
    assert verdict.ruling is Ruling.BROKEN
    assert "promotion took most of it: 64.0 s" in verdict.reason
    assert all(stage.known for part in anatomies(record) for stage in part.stages)


def test_a_stage_that_nobody_saw_is_flagged() -> None:
    record = run(lambda location, operation, second: 30 <= second < 70, where=home)
    stages = anatomies(record)[0].stages
    assert not stages[0].known
    assert stages[-1].duration == worst(recoveries(record)).time


def test_the_error_bar_reaches_until_the_first_good_arrival_surely_met_the_service() -> None:
    one = worst(recoveries(run(lambda location, operation, second: 30 <= second < 60, slow=0.2)))
    assert one.more is not None
    assert one.more.seconds == pytest.approx(0.2, abs=0.01)
    assert one.down == one.time + one.more


def test_half_an_outage_may_have_lasted_as_long_as_luck_explains() -> None:
    half = run(lambda location, operation, second: 30 <= second < 60 and int(second * 2) % 2 == 0)
    one = worst(recoveries(half))
    assert one.more is not None
    assert one.more > seconds(1)


def test_answers_that_a_stalled_service_gave_at_once_may_have_lain_unread() -> None:
    record = run(lambda location, operation, second: 30 <= second < 55)
    waiting = (record.traffic["intended"] >= at(55).nanoseconds) & (record.traffic["intended"] < at(60).nanoseconds)
    record.traffic["done"][waiting] = at(59.5).nanoseconds
    one = worst(recoveries(record))
    assert one.surely_down < seconds(25)
    assert one.down > seconds(25)


def test_everything_that_is_told_of_a_recovery() -> None:
    def down(location: str, operation: str, second: float) -> bool:
        return (location, operation) == ("europe", "create_trigger") and 30 <= second < 50

    record = run(down)
    found = recovery(record)
    one = worst(recoveries(record))
    assert one.time is not None
    assert one.error is not None
    assert one.more is not None
    assert (found.promise, found.ruling, found.reason) == ("recovery", Ruling.KEPT, one.sentence())
    told = {name: found.figures[name] for name in list(found.figures)[:8]}
    assert told == {
        "rto_seconds": round(one.time.seconds, 3),
        "rto_error_seconds": round(one.error.seconds, 3),
        "rto_more_seconds": round(one.more.seconds, 3),
        "objective_seconds": 60,
        "down_seconds": round(one.seen_down.seconds, 3),
        "worst_location": "europe",
        "worst_operation": "create_trigger",
        "speed": 1,
    }
    assert told["down_seconds"] != round(one.seen_down.seconds, 4)
    spans = ("before", "during", "after")
    assert list(found.figures)[8:] == [
        name for when in spans for name in (f"availability_{when}", *(f"p{n}_{when}_ms" for n in (50, 95, 99)))
    ]
    assert found.figures["availability_before"] == found.figures["availability_after"] == 1
    # 40 of 1920 arrivals in the 120 s of the fault.
    assert found.figures["availability_during"] == round(1 - 40 / 1920, 6)
    assert found.evidence.keys() == {"recovery", "anatomy", "availability"}
    assert found.evidence["anatomy"] == [
        {"operation": one.stream.operation, "location": one.stream.location, **stage.row()}
        for stage in stages_of(record, one)
    ]


def test_of_what_never_came_back_the_healing_after_the_undo_is_told() -> None:
    def healed(until: float, **changes) -> object:
        found = judge(run(lambda location, operation, second: 30 <= second < until, **changes))[0]
        assert found.figures["rto_seconds"] is None
        return found.figures["healed_seconds"]

    assert healed(150) == pytest.approx(0.5, abs=0.5)
    assert healed(170) == pytest.approx(20.5, abs=1)
    assert healed(999) is None
    assert "healed_seconds" not in judge(run(lambda location, operation, second: 30 <= second < 50))[0].figures


def test_availability_is_told_for_each_stream_and_span() -> None:
    def down(location: str, operation: str, second: float) -> bool:
        return (location, operation) == ("europe", "create_trigger") and 30 <= second < 37

    rows = availability(run(down))
    assert [(row["when"], row["location"], row["operation"]) for row in rows] == [
        (when, place, name) for when in ("before", "during", "after") for place in LOCATIONS for name in JOURNEYS
    ]
    worst_one = next(row for row in rows if row["success_ratio"] != 1)
    assert worst_one == {
        "when": "during", "location": "europe", "operation": "create_trigger", "arrivals": 240,
        "success_ratio": round(1 - 14 / 240, 6), "p50_ms": 50, "p95_ms": worst_one["p95_ms"],
        "p99_ms": worst_one["p99_ms"],
    }  # fmt: skip
    assert rows[0]["p50_ms"] == rows[0]["p95_ms"] == rows[0]["p99_ms"] == 50


def test_a_recovery_that_never_came_and_a_window_without_traffic_are_told_so() -> None:
    record = run(lambda location, operation, second: second >= 30)
    found = recovery(record)
    assert found.ruling is Ruling.BROKEN
    assert found.figures["rto_seconds"] is found.figures["rto_error_seconds"] is None
    one = worst(recoveries(record))
    assert found.reason == f"{one.sentence()}; {sentence(stages_of(record, one))}"
    silent = recovery(run(events=story(struck=300, undone=310, end=320)))
    told = (silent.promise, silent.ruling, silent.reason)
    assert told == ("recovery", Ruling.UNKNOWN, "no arrival in the fault window: nothing was measured")
