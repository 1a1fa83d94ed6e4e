from __future__ import annotations

import pytest

from harness.clock import seconds
from harness.judges.bench import judge_one
from harness.objectives import Objectives
from harness.timeline import AlarmChanged, AlarmNotified, LagMeasured, WriterSeen
from harness.verdicts import Ruling
from tests.unit.judges.scripted import HOME, NEXT, at, run, story

NAME = "rds-replica-lag-high"
FAULT = story(fault=f"Lag read replica of {NEXT}", undone=150)


def changed(second: float, old: str, new: str, metric: str = "AWS/RDS/ReplicaLag", named: str = "replica-1"):
    return AlarmChanged(at(second), NAME, NEXT, old, new, "2 datapoints > 60", metric, f"DBInstanceIdentifier={named}")


def lag(high: float = 90.0) -> list[LagMeasured]:
    return [LagMeasured(at(t), "replica-1", "eu-central-1", high if 40 <= t < 152 else 0.1) for t in range(0, 230, 5)]


RANG = changed(100, "OK", "ALARM")
TOLD = AlarmNotified(at(101), NAME, NEXT, "ALARM")
CLEARED = changed(200, "ALARM", "OK")


def verdict(*events, lags=None, name: str | None = NAME, **objectives):
    told = [*FAULT, *(lag() if lags is None else lags), *events]
    record = run(events=told, lag_alarm=name, objectives=Objectives(**objectives))
    return judge_one(record, "lag_alarm")[0]


def test_an_alarm_that_rings_in_time_and_clears_is_kept() -> None:
    found = verdict(RANG, TOLD, CLEARED)
    assert found.ruling is Ruling.KEPT
    assert found.figures["alarm_delay_seconds"] == 60
    assert found.figures["clear_after_undo_seconds"] == 50


def test_each_part_of_the_promise_can_break_it() -> None:
    assert verdict(changed(10, "OK", "ALARM"), changed(20, "ALARM", "OK"), RANG, TOLD, CLEARED).ruling is Ruling.BROKEN
    assert verdict(alarm_delay=seconds(60)).ruling is Ruling.BROKEN
    assert verdict(RANG, TOLD, CLEARED, alarm_delay=seconds(59)).ruling is Ruling.BROKEN
    assert verdict(RANG, CLEARED).ruling is Ruling.BROKEN
    assert verdict(RANG, TOLD, alarm_clear=seconds(60)).ruling is Ruling.BROKEN
    assert verdict(RANG, TOLD, CLEARED, alarm_clear=seconds(40)).ruling is Ruling.BROKEN
    cpu = changed(100, "OK", "ALARM", metric="AWS/RDS/CPUUtilization")
    assert "no measure of lag" in verdict(cpu, TOLD, CLEARED).reason
    other = changed(100, "OK", "ALARM", named="another")
    assert "replica-1" in verdict(other, TOLD, CLEARED).reason


def test_a_ring_after_it_cleared_needs_a_lag_of_its_own() -> None:
    again = (RANG, TOLD, changed(215, "ALARM", "OK"), changed(225, "OK", "ALARM"))
    assert "rang again" in verdict(*again).reason
    assert verdict(*again).ruling is Ruling.BROKEN
    second = [*lag(), LagMeasured(at(221), "replica-1", "eu-central-1", 90.0)]
    assert verdict(*again, changed(235, "ALARM", "OK"), lags=second).ruling is Ruling.KEPT


def test_what_cannot_be_told_is_unknown() -> None:
    assert verdict(RANG, TOLD, CLEARED, lags=lag(10)).ruling is Ruling.UNKNOWN
    assert verdict(alarm_delay=seconds(180)).ruling is Ruling.UNKNOWN
    assert verdict(RANG, TOLD).ruling is Ruling.UNKNOWN
    assert verdict(RANG, TOLD, CLEARED, name=None).ruling is Ruling.UNKNOWN
    assert verdict(changed(100, "INSUFFICIENT_DATA", "ALARM"), TOLD, CLEARED).ruling is Ruling.UNKNOWN


def test_an_alarm_without_data_watches_nothing() -> None:
    found = verdict(changed(5, "OK", "INSUFFICIENT_DATA"))
    assert found.ruling is Ruling.BROKEN
    assert "INSUFFICIENT_DATA" in found.reason


def rings(*events, word: str = "replica-lag", **objectives):
    record = run(events=[*FAULT, *events], alarm=word, objectives=Objectives(**objectives))
    return judge_one(record, "alarm_rings")[0]


WATCHING = changed(-20, "INSUFFICIENT_DATA", "OK")


def test_an_alarm_that_rings_for_the_fault_and_is_delivered_is_kept_even_if_it_rings_on() -> None:
    found = rings(WATCHING, RANG, TOLD)
    assert found.ruling is Ruling.KEPT
    assert found.figures["alarm_delay_seconds"] == 69.5
    assert found.figures["notified_after_alarm_seconds"] == 1


@pytest.mark.parametrize(
    ("events", "objectives", "reason"),
    [
        ((WATCHING, RANG), {}, "no notification"),
        ((WATCHING, RANG, AlarmNotified(at(101), NAME, "elsewhere", "ALARM")), {}, "no notification"),
        ((WATCHING, RANG, TOLD), {"alarm_delay": seconds(69)}, "(allowed: 69.0 s)"),
        ((WATCHING,), {"alarm_delay": seconds(60)}, "did not ring"),
        ((changed(-20, "OK", "ALARM"), RANG, TOLD), {}, "before anything had happened"),
        ((changed(-20, "", "INSUFFICIENT_DATA"),), {}, "it has no data"),
    ],
)
def test_an_alarm_that_tells_nobody_in_time_breaks_it(events, objectives, reason) -> None:
    found = rings(*events, **objectives)
    assert found.ruling is Ruling.BROKEN
    assert reason in found.reason


def test_a_fault_that_no_alarm_watches_is_told_to_nobody() -> None:
    found = rings(WATCHING, RANG, TOLD, word="standby")
    assert found.ruling is Ruling.BROKEN
    assert "no alarm is named standby: nobody is told" in found.reason


def test_an_alarm_of_which_too_little_was_seen_is_unknown() -> None:
    assert rings(WATCHING, alarm_delay=seconds(220)).ruling is Ruling.UNKNOWN
    assert rings(changed(-20, "", "INSUFFICIENT_DATA"), changed(100, "INSUFFICIENT_DATA", "ALARM"), TOLD).ruling is (
        Ruling.UNKNOWN
    )
    assert rings().ruling is Ruling.UNKNOWN
    assert rings(WATCHING, RANG, TOLD, word="").ruling is Ruling.UNKNOWN


def test_another_regions_alarm_of_the_same_name_must_stay_silent_and_answers_for_nobody() -> None:
    def home(second: float, old: str, new: str) -> AlarmChanged:
        return AlarmChanged(at(second), NAME, HOME, old, new, "above 60", "AWS/RDS/ReplicaLag", f"Region={HOME}")

    found = verdict(RANG, TOLD, CLEARED, home(90, "OK", "ALARM"))
    assert found.ruling is Ruling.BROKEN
    assert f"of {HOME} rang, where nothing lagged" in found.reason
    assert verdict(RANG, AlarmNotified(at(101), NAME, HOME, "ALARM"), CLEARED).ruling is Ruling.BROKEN
    assert verdict(RANG, TOLD, CLEARED, home(5, "INSUFFICIENT_DATA", "OK")).ruling is Ruling.KEPT


def test_of_a_cut_link_the_end_that_does_not_write_falls_behind() -> None:
    silent = AlarmChanged(at(-20), NAME, HOME, "", "OK", "", "AWS/RDS/ReplicaLag", "DBInstanceIdentifier=replica-2")
    events = [silent, *story(fault=f"Cut link {HOME} to {NEXT}", undone=150), *lag(), RANG, TOLD, CLEARED]
    for writer, ruling in ((HOME, Ruling.KEPT), (NEXT, Ruling.BROKEN)):
        record = run(events=[WriterSeen(at(0), writer, "db"), *events], lag_alarm=NAME)
        assert judge_one(record, "lag_alarm")[0].ruling is ruling


def test_where_the_region_that_falls_behind_has_no_alarm_one_elsewhere_is_meant() -> None:
    def elsewhere(second: float, old: str, new: str) -> AlarmChanged:
        return AlarmChanged(
            at(second), NAME, HOME, old, new, "", "AWS/RDS/ReplicaLag", "DBInstanceIdentifier=replica-1"
        )

    told = AlarmNotified(at(101), NAME, HOME, "ALARM")
    rings = (elsewhere(100, "OK", "ALARM"), told, elsewhere(200, "ALARM", "OK"))
    assert verdict(*rings).ruling is Ruling.KEPT, verdict(*rings).reason
    blind = verdict(elsewhere(-20, "", "INSUFFICIENT_DATA"), lags=[])
    assert (blind.ruling, "it has no data" in blind.reason) == (Ruling.BROKEN, True)
    assert "did not ring" in verdict(elsewhere(-20, "", "OK"), alarm_delay=seconds(60)).reason
