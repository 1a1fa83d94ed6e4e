"""Promises of what must not happen: false rings, lag in calm weather, sessions refused elsewhere; and inversion."""

from __future__ import annotations

import pytest

from harness.events import AlarmChanged, LagMeasured
from harness.judges.alarms import no_false_alarm
from harness.judges.bench import judge
from harness.judges.lag import low_lag
from harness.judges.sessions import sessions
from harness.requests import Outcome
from harness.verdicts import Ruling
from tests.unit.judges.scripted import HOME, NEXT, at, home, run, story


def alarm(second: float, old: str, new: str, name: str = "lag", region: str = NEXT) -> AlarmChanged:
    return AlarmChanged(at(second), name, region, old, new, "a reason", "AWS/RDS/ReplicaLag", "DBInstanceIdentifier=r1")


@pytest.mark.parametrize(
    ("changes", "ruling"),
    [
        ([alarm(-20, "INSUFFICIENT_DATA", "OK")], Ruling.KEPT),
        ([alarm(-20, "INSUFFICIENT_DATA", "OK"), alarm(100, "OK", "ALARM")], Ruling.BROKEN),
        ([alarm(-20, "OK", "ALARM"), alarm(-5, "ALARM", "OK")], Ruling.KEPT),
        ([alarm(-20, "", "ALARM")], Ruling.BROKEN),
        ([alarm(-20, "", "ALARM"), alarm(-15, "", "OK", region=HOME)], Ruling.BROKEN),
        ([alarm(-20, "", "ALARM"), alarm(20, "ALARM", "OK")], Ruling.KEPT),
        ([alarm(-20, "", "INSUFFICIENT_DATA"), alarm(-15, "", "OK", region=HOME)], Ruling.UNKNOWN),
        ([alarm(100, "OK", "ALARM", "another")], Ruling.UNKNOWN),
        ([alarm(100, "OK", "INSUFFICIENT_DATA")], Ruling.UNKNOWN),
        ([], Ruling.UNKNOWN),
    ],
)
def test_an_alarm_is_silent_only_when_it_could_ring(changes, ruling):
    assert no_false_alarm(run(events=[*story(), *changes], lag_alarm="lag")).ruling is ruling


def test_without_an_alarm_silence_says_nothing():
    assert no_false_alarm(run()).ruling is Ruling.UNKNOWN


@pytest.mark.parametrize(("lag", "ruling"), [(0.9, Ruling.KEPT), (1.1, Ruling.UNKNOWN), (2.1, Ruling.BROKEN)])
def test_lag_is_judged_in_calm_weather_only(lag, ruling):
    points = [LagMeasured(at(second), "r1", NEXT, lag if second < 30 else 500.0) for second in range(0, 240, 5)]
    assert low_lag(run(events=[*story(), *points])).ruling is ruling


def test_lag_that_nobody_measured_is_unknown():
    assert low_lag(run()).ruling is Ruling.UNKNOWN


def moved(location: str, second: float) -> str:
    return NEXT if 60 <= second < 150 else HOME


def test_a_token_that_every_region_takes():
    assert sessions(run(where=moved)).ruling is Ruling.KEPT


def test_a_token_that_the_other_region_refuses():
    found = sessions(run(lambda _, __, second: 60 <= second < 150, where=moved, outcome=Outcome.UNAUTHORIZED))
    assert found.ruling is Ruling.BROKEN
    assert found.figures["refused"]
    assert f"{NEXT} refused" in found.reason
    assert f"signed in at {HOME}" in found.reason


def told_401(outcome: Outcome, until: float):
    """The other region says 401 to whatever carries a token, from the move until then; the public read ends so."""
    record = run(lambda _, operation, second: 60 <= second < until, where=moved, outcome=Outcome.UNAUTHORIZED)
    rows = record.traffic
    rows["outcome"][(rows["operation"] == 2) & (rows["outcome"] != Outcome.GOOD)] = outcome
    return sessions(record)


@pytest.mark.parametrize(
    ("public", "until", "ruling"),
    [
        (Outcome.GOOD, 150, Ruling.BROKEN),
        (Outcome.WRONG_BODY, 150, Ruling.UNKNOWN),
        (Outcome.WRONG_BODY, 80, Ruling.KEPT),
        (Outcome.GOOD, 149, Ruling.UNKNOWN),
    ],
    ids=["a wrong secret", "its database never came", "its database came", "too few to tell"],
)
def test_a_database_that_is_away_is_no_wrong_secret(public, until, ruling):
    assert told_401(public, until).ruling is ruling


def test_one_task_of_two_with_another_secret_is_told():
    record = run(
        lambda _, __, second: 60 <= second < 150 and round(second * 8) // 4 % 2 == 0,
        where=moved,
        outcome=Outcome.UNAUTHORIZED,
    )
    assert sessions(record).ruling is Ruling.BROKEN


def test_a_session_that_never_moved_says_nothing():
    assert sessions(run(where=home)).ruling is Ruling.UNKNOWN


@pytest.mark.parametrize(
    ("until", "ruling"),
    [(140, Ruling.KEPT), (40, Ruling.BROKEN)],
    ids=["down for too long, as it must", "back in time, which nobody can be"],
)
def test_what_must_break_is_kept_by_breaking(until, ruling):
    record = run(lambda _, __, second: 30 <= second < until, promises=(), breaking=("recovery",))
    found = judge(record)
    assert [(verdict.promise, verdict.ruling) for verdict in found] == [("recovery breaks", ruling)]


def test_what_must_break_stays_unknown_without_evidence():
    found = judge(run(promises=(), breaking=("bounded_loss",)))
    assert [(verdict.promise, verdict.ruling) for verdict in found] == [("bounded_loss breaks", Ruling.UNKNOWN)]
