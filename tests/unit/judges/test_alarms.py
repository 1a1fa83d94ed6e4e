from __future__ import annotations

from dataclasses import replace

import pytest

from harness.clock import seconds
from harness.events import AlarmChanged, AlarmNotified, FaultUndone, LagMeasured, PhaseBegan, WriterSeen
from harness.judges.alarms import lag_alarm
from harness.judges.bench import judge_one
from harness.objectives import Objectives
from harness.verdicts import Ruling
from tests.unit.judges.scripted import HOME, NEXT, at, run, story, told

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


def judged(*events, fault=FAULT, lags=None, name: str | None = NAME, **objectives):
    told_of = [*fault, *(lag() if lags is None else lags), *events]
    return lag_alarm(told(*told_of, lag_alarm=name, objectives=Objectives(**objectives)))


def at_home(second: float, old: str = "OK", new: str = "ALARM") -> AlarmChanged:
    return AlarmChanged(at(second), NAME, HOME, old, new, "above 60", "AWS/RDS/ReplicaLag", f"Region={HOME}")


def lagging(*moments: float, replica: str = "replica-1", region: str = "eu-central-1", by: float = 60.1):
    return [LagMeasured(at(second), replica, region, by) for second in moments]


def healing(healed: float) -> list:
    fault = f"Lag read replica of {NEXT}"
    return [event for event in FAULT if event.kind != "fault.undone"] + [
        FaultUndone(at(150), fault, at(healed).nanoseconds, "seen")
    ]


DONE = (RANG, TOLD, CLEARED)
IN_TIME = f"{NAME} rang 60.0 s after the lag was too high (allowed: 3.0 min), told its topic and is OK again"
NOTHING = "the lag was never seen above its threshold: there was nothing to ring for"
STEADY = f"{NAME} rang in the steady state: 2 datapoints > 60"
ASTRAY = f"{NAME} of {HOME} rang, where nothing lagged: above 60"
UNTOLD = f"{NAME} rang, but no notification of it arrived"
AGAIN = f"{NAME} rang again after it had cleared, and nothing lagged: 2 datapoints > 60"
ELSE = f"{NAME} rang for another reason: "


@pytest.mark.parametrize(
    ("events", "changes", "ruling", "says"),
    [
        (DONE, {}, Ruling.KEPT, IN_TIME),
        (DONE, {"name": None}, Ruling.UNKNOWN, "the header names no lag alarm"),
        (DONE, {"fault": [PhaseBegan(at(0), "steady")]}, Ruling.UNKNOWN,
         "no fault was injected: nothing could make it ring"),
        # Before the fault.
        ((changed(0, "OK", "ALARM"), changed(20, "ALARM", "OK"), *DONE), {}, Ruling.BROKEN, STEADY),
        ((changed(29.9, "OK", "ALARM"), *DONE), {}, Ruling.BROKEN, STEADY),
        ((changed(-1, "OK", "ALARM"), changed(20, "ALARM", "OK"), *DONE), {}, Ruling.KEPT, IN_TIME),
        ((changed(-1, "OK", "ALARM"), *DONE), {}, Ruling.BROKEN, f"{NAME} was in ALARM before anything lagged"),
        ((changed(60, "ALARM", "OK"), *DONE), {}, Ruling.BROKEN, f"{NAME} was in ALARM before anything lagged"),
        ((changed(-9, "OK", "INSUFFICIENT_DATA"), changed(-8, "INSUFFICIENT_DATA", "OK"), CLEARED),
         {"alarm_delay": seconds(60)}, Ruling.BROKEN,
         f"{NAME} did not ring in 110.5 s of lag above the threshold (allowed: 60.0 s)"),
        ((changed(30, "OK", "ALARM"), AlarmNotified(at(30), NAME, NEXT, "ALARM"), CLEARED), {}, Ruling.KEPT,
         IN_TIME.replace("60.0 s after", "0 ms after")),
        # Another region's, while the fault stands.
        ((*DONE, at_home(30)), {}, Ruling.BROKEN, ASTRAY),
        ((*DONE, at_home(150)), {}, Ruling.BROKEN, ASTRAY),
        ((*DONE, at_home(29.9), at_home(90, "ALARM", "OK"), at_home(150.1)), {}, Ruling.KEPT, IN_TIME),
        # Never rang.
        ((changed(5, "OK", "INSUFFICIENT_DATA"),), {}, Ruling.BROKEN,
         f"{NAME} never rang: it has no data (INSUFFICIENT_DATA), so it watches nothing"),
        ((changed(5, "OK", "INSUFFICIENT_DATA"), changed(100, "INSUFFICIENT_DATA", "ALARM")), {}, Ruling.UNKNOWN,
         f"{NAME} rang out of INSUFFICIENT_DATA, not out of OK: it was not watching before"),
        ((), {"alarm_delay": seconds(110.5)}, Ruling.UNKNOWN,
         f"{NAME} had not rung when the lag ended, 110.5 s after it was too high"),
        ((), {"alarm_delay": seconds(110.4)}, Ruling.BROKEN,
         f"{NAME} did not ring in 110.5 s of lag above the threshold (allowed: 110.4 s)"),
        ((), {"fault": healing(500), "alarm_delay": seconds(250)}, Ruling.UNKNOWN,
         f"{NAME} had not rung when the lag ended, 3.3 min after it was too high"),
        ((AlarmNotified(at(101), NAME, NEXT, "ALARM"),), {"lags": lagging(100), "alarm_delay": seconds(60)},
         Ruling.UNKNOWN, f"{NAME} had not rung when the lag ended, 50.5 s after it was too high"),
        # What is too high, and when.
        (DONE, {"lags": lagging(60, by=60.0)}, Ruling.UNKNOWN, NOTHING),
        (DONE, {"lags": lagging(29.9, 150.6)}, Ruling.UNKNOWN, NOTHING),
        (DONE, {"lags": lagging(30)}, Ruling.KEPT, IN_TIME.replace("60.0 s", "70.0 s")),
        (DONE, {"lags": lagging(150.5)}, Ruling.KEPT, IN_TIME.replace("60.0 s", "0 ms")),
        # For another reason.
        ((changed(100, "OK", "ALARM", metric="AWS/RDS/CPUUtilization"), TOLD, CLEARED), {}, Ruling.BROKEN,
         f"{ELSE}AWS/RDS/CPUUtilization is no measure of lag"),
        ((changed(100, "OK", "ALARM", metric="AWS/RDS/AuroraGlobalDBRPOLAG"), TOLD, CLEARED), {}, Ruling.KEPT, IN_TIME),
        ((changed(100, "OK", "ALARM", named="another"), TOLD, CLEARED), {"lags": lagging(40, 41, replica="b")},
         Ruling.BROKEN, f"{ELSE}its metric is of DBInstanceIdentifier=another, and b, eu-central-1 lagged"),
        ((replace(RANG, dimensions=""), TOLD, CLEARED), {"lags": lagging(40, replica="")}, Ruling.BROKEN,
         f"{ELSE}its metric is of no resource, and , eu-central-1 lagged"),
        ((replace(RANG, dimensions="SecondaryRegion=eu-central-1"), TOLD, CLEARED), {"lags": lagging(40, replica="b")},
         Ruling.KEPT, IN_TIME),
        ((replace(RANG, dimensions=""), TOLD, CLEARED), {"lags": lagging(40, region=NEXT)}, Ruling.KEPT, IN_TIME),
        ((RANG, TOLD, CLEARED), {"lags": [*lagging(29, 151), *lagging(35, by=60.0), *lagging(40, replica="b")]},
         Ruling.BROKEN, f"{ELSE}its metric is of DBInstanceIdentifier=replica-1, and b, eu-central-1 lagged"),
        ((RANG, TOLD, CLEARED), {"lags": [*lagging(30), *lagging(40, replica="b")]}, Ruling.KEPT,
         IN_TIME.replace("60.0 s", "70.0 s")),
        ((RANG, TOLD, CLEARED), {"lags": [*lagging(40, replica="b"), *lagging(150.5)]}, Ruling.KEPT, IN_TIME),
        # In time, told, and quiet again.
        (DONE, {"alarm_delay": seconds(60)}, Ruling.KEPT, IN_TIME.replace("3.0 min", "60.0 s")),
        (DONE, {"alarm_delay": seconds(59.9)}, Ruling.BROKEN,
         f"{NAME} rang 60.0 s after the lag was too high (allowed: 59.9 s)"),
        ((RANG, replace(TOLD, at=at(100)), CLEARED), {}, Ruling.KEPT, IN_TIME),
        ((RANG, replace(TOLD, at=at(99.9)), CLEARED), {}, Ruling.BROKEN, UNTOLD),
        ((RANG, replace(TOLD, alarm="another"), CLEARED), {}, Ruling.BROKEN, UNTOLD),
        ((RANG, replace(TOLD, region=HOME), CLEARED), {}, Ruling.BROKEN, UNTOLD),
        ((RANG, replace(TOLD, new="OK"), CLEARED), {}, Ruling.BROKEN, UNTOLD),
        ((RANG, TOLD), {"alarm_clear": seconds(90)}, Ruling.UNKNOWN,
         f"{NAME} was still in ALARM when the record ended, 90.0 s after the undo"),
        ((RANG, TOLD), {"alarm_clear": seconds(89)}, Ruling.BROKEN, f"{NAME} was OK again never (allowed: 89.0 s)"),
        (DONE, {"alarm_clear": seconds(50)}, Ruling.KEPT, IN_TIME),
        (DONE, {"alarm_clear": seconds(49)}, Ruling.BROKEN,
         f"{NAME} was OK again 50.0 s after the undo (allowed: 49.0 s)"),
        ((changed(170.5, "OK", "ALARM"), AlarmNotified(at(171), NAME, NEXT, "ALARM"), changed(175, "ALARM", "OK")),
         {"alarm_clear": seconds(20)}, Ruling.BROKEN, f"{NAME} was OK again 25.0 s after the undo (allowed: 20.0 s)"),
        ((changed(170.6, "OK", "ALARM"),), {"alarm_clear": seconds(20)}, Ruling.UNKNOWN,
         f"{NAME} had not rung when the lag ended, 110.5 s after it was too high"),
        # Again, after it had cleared: one datapoint of lag, up to a minute before that, is enough.
        ((*DONE, changed(201, "OK", "ALARM")), {"lags": lagging(40)}, Ruling.BROKEN, AGAIN),
        ((*DONE, changed(201, "OK", "ALARM")), {"lags": lagging(40, 139.9, 201.1)}, Ruling.BROKEN, AGAIN),
        ((*DONE, changed(201, "OK", "ALARM"), changed(202, "ALARM", "OK")), {"lags": lagging(40, 140)}, Ruling.KEPT,
         IN_TIME),
        ((*DONE, changed(201, "OK", "ALARM"), changed(202, "ALARM", "OK")), {"lags": lagging(40, 201)}, Ruling.KEPT,
         IN_TIME),
        ((*DONE, changed(201, "OK", "ALARM")), {"lags": [*lagging(40), *lagging(190, by=60.0)]}, Ruling.BROKEN, AGAIN),
        ((*DONE, changed(201, "OK", "ALARM"), changed(239, "OK", "ALARM")), {"lags": lagging(40, 205)}, Ruling.BROKEN,
         AGAIN),
        ((WATCHING, changed(35, "OK", "ALARM"), replace(TOLD, at=at(36)), CLEARED), {}, Ruling.KEPT,
         IN_TIME.replace("60.0 s after", "0 ms after")),
        ((changed(35, "INSUFFICIENT_DATA", "OK"), changed(35, "OK", "ALARM"), TOLD, CLEARED,
          changed(201, "OK", "ALARM")), {"lags": lagging(40)}, Ruling.BROKEN, AGAIN),
        ((*DONE, changed(200, "OK", "ALARM")), {"lags": lagging(40)}, Ruling.UNKNOWN,
         f"{NAME} was still in ALARM when the record ended, 90.0 s after the undo"),
    ],
)  # fmt: skip
def test_what_is_said_of_the_lag_alarm(events, changes, ruling: Ruling, says: str) -> None:
    found = judged(*events, **changes)
    assert (found.promise, found.ruling, found.reason) == ("lag_alarm", ruling, says)


def test_the_lag_alarms_figures_and_its_history() -> None:
    other = replace(RANG, alarm="cpu"), replace(TOLD, alarm="cpu")
    found = judged(*DONE, *other, lags=[*lag(), *lagging(10, by=300.0), *lagging(180, by=120.0)])
    assert found.figures == {
        "alarm": NAME, "alarm_delay_seconds": 60.0, "alarm_after_fault_seconds": 70.0,
        "notified_after_alarm_seconds": 1.0, "clear_after_undo_seconds": 50.0, "lag_crossed_after_fault_seconds": 10.0,
        "max_lag_seconds": 120.0, "threshold_seconds": 60.0, "allowed_delay_seconds": 180.0,
    }  # fmt: skip
    rings = {"metric": "AWS/RDS/ReplicaLag", "dimensions": "DBInstanceIdentifier=replica-1",
             "reason": "2 datapoints > 60"}  # fmt: skip
    assert found.evidence == {"alarm": [
        {"at": str(at(100)), "old": "OK", "new": "ALARM", **rings},
        {"at": str(at(101)), "old": None, "new": "ALARM", "reason": "notification arrived"},
        {"at": str(at(200)), "old": "ALARM", "new": "OK", **rings},
    ]}  # fmt: skip
    silent = judged(lags=lagging(30, by=60.0)).figures
    assert silent.pop("max_lag_seconds") == 60.0
    assert [value for name, value in silent.items() if name.endswith("_seconds") and value is not None] == [60, 180]
    assert judged(lags=[]).figures["max_lag_seconds"] is None
    early = judged(changed(35, "OK", "ALARM"), TOLD).figures
    assert (early["alarm_delay_seconds"], early["alarm_after_fault_seconds"]) == (0.0, 5.0)
    assert judged(changed(100.00149, "OK", "ALARM")).figures["alarm_delay_seconds"] == 60.001


def test_the_last_ring_of_the_fault_is_the_one_that_must_clear() -> None:
    twice = (RANG, TOLD, changed(120, "ALARM", "OK"), changed(130, "OK", "ALARM"))
    assert judged(*twice, CLEARED).figures["clear_after_undo_seconds"] == 50.0
    at_once = (changed(60, "OK", "ALARM"), changed(100, "ALARM", "OK"), RANG)
    assert judged(*at_once, CLEARED).figures["clear_after_undo_seconds"] == 50.0
    later = judged(*DONE, changed(210, "OK", "ALARM"), changed(220, "ALARM", "OK"), alarm_clear=seconds(55))
    assert later.figures["clear_after_undo_seconds"] == 50.0
    edge = judged(*DONE, changed(210.5, "OK", "ALARM"), changed(220, "ALARM", "OK"), alarm_clear=seconds(60))
    assert edge.figures["clear_after_undo_seconds"] == 70.0


def test_of_several_faults_the_worst_is_told() -> None:
    second = story(fault=f"Lag read replica of {NEXT}", struck=160, undone=170)[5:-1]
    found = judged(RANG, TOLD, changed(155, "ALARM", "OK"), fault=[*FAULT, *second])
    assert (found.ruling, found.reason) == (Ruling.UNKNOWN, NOTHING)
    assert found.figures["lag_crossed_after_fault_seconds"] is None
    first = judged(fault=[*FAULT, *second])
    assert (first.ruling, first.reason) == (
        Ruling.UNKNOWN, f"{NAME} had not rung when the lag ended, 110.5 s after it was too high"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("fault", "writers", "says"),
    [
        (f"Cut link {HOME} to {NEXT}", [(0, NEXT), (30, HOME), (31, NEXT)], f"{NAME} of {HOME} rang"),
        (f"Cut link {NEXT} to {HOME}", [(0, HOME)], f"{NAME} of {HOME} rang"),
        (f"Cut link {HOME} to {NEXT}", [(0, HOME), (30, NEXT)], f"{NAME} of {NEXT} rang"),
        (f"Cut link {HOME} to {NEXT}", [], IN_TIME),
        (f"Lag replica of cache of {NEXT}", [], f"{NAME} of {HOME} rang"),
        (f"Lag read replica of {HOME}", [], f"{NAME} of {NEXT} rang"),
        (f"Pause cache of {NEXT}", [(0, HOME)], IN_TIME),
    ],
)  # fmt: skip
def test_which_region_the_fault_puts_behind(fault: str, writers, says: str) -> None:
    """Both regions' alarms ring, so that one is astray; where the fault does not say, either may ring."""
    seen = [WriterSeen(at(second), region, "db") for second, region in writers]
    found = judged(*DONE, *seen, at_home(110), fault=story(fault=fault))
    assert found.reason.startswith(says)
