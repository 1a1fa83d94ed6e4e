from __future__ import annotations

import pytest

from harness.clock import seconds
from harness.header import Stream
from harness.judges.bench import judge_one
from harness.objectives import Objectives
from harness.timeline import DnsAnswered
from harness.verdicts import Ruling
from tests.unit.judges.scripted import ADDRESS, HOME, NEXT, at, home, run, story


def one(record, promise: str = "routing"):
    return judge_one(record, promise)[0]


def moved(location: str, second: float) -> str:
    return NEXT if 60 <= second < 170 else HOME


def down(location: str, operation: str, second: float) -> bool:
    return 30 <= second < 62


def test_clients_move_and_come_back() -> None:
    verdict = one(run(down, where=moved))
    assert verdict.ruling is Ruling.KEPT
    assert 29.9 < verdict.figures["last_client_moved_seconds"] < 30.2
    assert verdict.figures["leaked_arrivals"] == 0
    back = one(run(down, where=moved), "failback")
    assert back.ruling is Ruling.KEPT
    assert 19.9 < back.figures["failback_seconds"] < 20.2


def test_a_location_at_the_wrong_region_in_the_steady_state_breaks_it() -> None:
    record = run(where=lambda location, second: NEXT if location == "europe" else HOME)
    assert "europe was served by us-east-1 for only 0.0%" in one(record).reason


def test_a_location_that_never_moves_breaks_it() -> None:
    record = run(lambda location, operation, second: 30 <= second < 150, where=home)
    verdict = one(record)
    assert verdict.ruling is Ruling.BROKEN
    assert "had not moved" in verdict.reason


def test_moving_too_late_breaks_it() -> None:
    record = run(down, where=lambda location, second: NEXT if 100 <= second < 170 else HOME)
    assert one(record).ruling is Ruling.BROKEN


def test_leakage_after_all_should_have_moved_breaks_it() -> None:
    """Europe moves, and then one second in six goes to the dark region again."""

    def leaky(location: str, second: float) -> str:
        astray = location == "europe" and 100 <= second < 150 and int(second) % 6 == 0
        return HOME if astray else moved(location, second)

    verdict = one(run(down, where=leaky, objectives=Objectives(success_ratio=0.95, recovery_time=seconds(115))))
    assert verdict.ruling is Ruling.BROKEN
    assert verdict.figures["leaked_arrivals"] == 8 * 8


def test_of_several_faults_the_last_move_and_every_leak_count() -> None:
    events = [*story(struck=30, undone=90), *story(struck=150, undone=210)[5:]]

    def twice(location: str, second: float) -> str:
        return NEXT if 60 <= second < 95 or 160 <= second < 215 else HOME

    found = one(run(lambda location, operation, second: 30 <= second < 62 or 150 <= second < 162, where=twice,
                    events=events))  # fmt: skip
    assert found.figures["last_client_moved_seconds"] == pytest.approx(30, abs=0.2)
    assert found.figures["arrivals_after_move"] > 2 * 8 * 20 - 8  # what is left of the second window after 30 s
    stays = one(run(where=lambda location, second: NEXT if 160 <= second < 215 else HOME, events=events))
    assert stays.figures["last_client_moved_seconds"] is None


def test_addresses_of_no_known_region_make_it_unknown() -> None:
    events = [event for event in story() if event.kind != "addresses"]
    assert one(run(events=events)).ruling is Ruling.UNKNOWN


def test_a_fault_behind_the_front_door_must_move_nobody() -> None:
    events = story(fault="Stop database writer")
    assert one(run(events=events)).ruling is Ruling.KEPT
    assert one(run(events=events, where=moved)).ruling is Ruling.BROKEN


def test_staying_away_is_no_failback() -> None:
    stays = run(down, where=lambda location, second: NEXT if second >= 60 else HOME)
    assert one(stays, "failback").ruling is Ruling.UNKNOWN
    assert one(stays).ruling is Ruling.UNKNOWN
    hasty = run(down, where=lambda location, second: NEXT if second >= 60 else HOME,
                objectives=Objectives(failback_time=seconds(60)))  # fmt: skip
    assert one(hasty, "failback").ruling is Ruling.BROKEN
    assert one(hasty).ruling is Ruling.BROKEN


def test_a_second_outage_on_the_way_back_breaks_failback() -> None:
    record = run(lambda location, operation, second: 30 <= second < 62 or 170 <= second < 180, where=moved)
    assert "failed a second time" in one(record, "failback").reason


def test_an_outage_that_only_ends_with_the_undo_is_not_a_second_one() -> None:
    record = run(lambda location, operation, second: 30 <= second < 153)
    assert one(record, "failback").ruling is Ruling.KEPT


def test_an_answer_that_flaps_breaks_failback() -> None:
    answers = [(58, NEXT), (160, HOME), (165, NEXT), (170, HOME)]
    flaps = [DnsAnswered(at(t), "america", region, (ADDRESS[region],), 10) for t, region in answers]
    assert "changed 3 times" in one(run(down, where=moved, events=[*story(), *flaps]), "failback").reason


def test_what_should_not_notice_does_not() -> None:
    asia = (Stream("list_triggers", "europe"),)
    assert one(run(undisturbed=asia), "undisturbed").ruling is Ruling.KEPT
    assert one(run(down, undisturbed=asia), "undisturbed").ruling is Ruling.BROKEN
    elsewhere = run(lambda location, operation, second: location == "america" and 30 <= second < 60, undisturbed=asia)
    assert one(elsewhere, "undisturbed").ruling is Ruling.KEPT
    assert one(run(), "undisturbed").ruling is Ruling.UNKNOWN


def test_one_bad_arrival_among_too_few_is_unknown() -> None:
    def bad(location: str, operation: str, second: float) -> bool:
        return location == "europe" and operation == "list_triggers" and 40 <= second < 40.5

    record = run(bad, events=story(undone=50), undisturbed=(Stream("list_triggers", "europe"),))
    assert one(record, "undisturbed").ruling is Ruling.UNKNOWN
