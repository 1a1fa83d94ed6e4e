"""The alarm that a scenario names, and the alarm that must keep silent: what is said of each, word by word."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.clock import seconds
from harness.events import PhaseBegan
from harness.judges.alarms import alarm_rings, no_false_alarm
from harness.objectives import Objectives
from harness.verdicts import Ruling
from tests.unit.judges.scripted import HOME, NEXT, at, story, told
from tests.unit.judges.test_alarms import CLEARED, FAULT, NAME, RANG, TOLD, WATCHING, changed


def named(*events, fault=FAULT, word: str | None = "replica-lag", **objectives):
    return alarm_rings(told(*fault, *events, alarm=word, objectives=Objectives(**objectives)))


NO_DATA = changed(-20, "", "INSUFFICIENT_DATA")
PUNCTUAL = f"{NAME} in {NEXT} rang 69.5 s after the fault (allowed: 3.0 min)"
BEFORE = "replica-lag was in ALARM before anything had happened"
SECOND = story(fault=f"Pause cache of {HOME}", struck=60, undone=140)[5:-1]


@pytest.mark.parametrize(
    ("events", "changes", "ruling", "says"),
    [
        ((WATCHING, RANG, TOLD), {}, Ruling.KEPT, PUNCTUAL),
        ((WATCHING, RANG, TOLD), {"word": None}, Ruling.UNKNOWN, "the header names no alarm"),
        ((), {}, Ruling.UNKNOWN, "no alarm at all was seen"),
        ((WATCHING, RANG, TOLD), {"word": "standby"}, Ruling.BROKEN, "no alarm is named standby: nobody is told"),
        ((WATCHING, RANG), {}, Ruling.BROKEN, "replica-lag rang, but no notification of it arrived"),
        ((WATCHING, changed(29.9, "OK", "ALARM"), TOLD), {}, Ruling.BROKEN, BEFORE),
        ((WATCHING, replace(WATCHING, region=HOME, new="ALARM"), RANG, TOLD), {}, Ruling.BROKEN, BEFORE),
        ((changed(-30, "OK", "ALARM"), WATCHING, RANG, TOLD), {}, Ruling.KEPT, PUNCTUAL),
        ((WATCHING, replace(RANG, alarm="cpu", at=at(50)), RANG, TOLD), {}, Ruling.KEPT, PUNCTUAL),
        ((WATCHING, changed(30, "OK", "ALARM"), TOLD, replace(TOLD, at=at(30))), {}, Ruling.KEPT,
         PUNCTUAL.replace("69.5 s", "0 ms")),
        ((NO_DATA,), {}, Ruling.BROKEN, "replica-lag never rang: it has no data, so it watches nothing"),
        ((NO_DATA, replace(WATCHING, region=HOME)), {}, Ruling.BROKEN,
         "replica-lag did not ring in 3.5 min (allowed: 3.0 min)"),
        ((NO_DATA, changed(100, "INSUFFICIENT_DATA", "ALARM"), TOLD), {}, Ruling.UNKNOWN,
         "replica-lag rang out of INSUFFICIENT_DATA, not out of OK: it was not watching before"),
        ((WATCHING,), {"alarm_delay": seconds(209.5)}, Ruling.UNKNOWN,
         "replica-lag had not rung when the record ended, 3.5 min after the fault"),
        ((WATCHING,), {"alarm_delay": seconds(209.4)}, Ruling.BROKEN,
         "replica-lag did not ring in 3.5 min (allowed: 3.5 min)"),
        ((WATCHING, RANG, TOLD), {"alarm_delay": seconds(69.5)}, Ruling.KEPT, PUNCTUAL.replace("3.0 min", "69.5 s")),
        ((WATCHING, RANG, TOLD), {"alarm_delay": seconds(69.4)}, Ruling.BROKEN, PUNCTUAL.replace("3.0 min", "69.4 s")),
        ((WATCHING, changed(30, "OK", "ALARM"), TOLD), {"alarm_delay": seconds(0)}, Ruling.KEPT,
         PUNCTUAL.replace("69.5 s", "0 ms").replace("3.0 min", "0 ms")),
        ((WATCHING, RANG, TOLD), {"fault": [*FAULT, *SECOND]}, Ruling.KEPT, PUNCTUAL.replace("69.5 s", "39.5 s")),
        ((WATCHING, changed(45, "OK", "ALARM"), TOLD, replace(TOLD, at=at(46))), {"fault": [*FAULT, *SECOND]},
         Ruling.KEPT, PUNCTUAL.replace("69.5 s", "0 ms")),
    ],
)  # fmt: skip
def test_what_is_said_of_the_alarm_that_the_scenario_names(events, changes, ruling: Ruling, says: str) -> None:
    found = named(*events, **changes)
    assert (found.promise, found.ruling, found.reason) == ("alarm_rings", ruling, says)


def test_the_named_alarms_figures_and_its_history() -> None:
    other = replace(WATCHING, alarm="replica-lag-of-the-cache", at=at(-30))
    found = named(WATCHING, other, RANG, TOLD, replace(TOLD, at=at(110)), replace(RANG, alarm="cpu"))
    assert found.figures == {"alarm": NAME, "alarm_delay_seconds": 69.5, "notified_after_alarm_seconds": 1.0,
                             "allowed_delay_seconds": 180.0}  # fmt: skip
    assert [(row["at"], row["new"]) for row in found.evidence["alarm"]] == [
        (str(at(-30)), "OK"), (str(at(-20)), "OK"), (str(at(100)), "ALARM"), (str(at(101)), "ALARM"),
        (str(at(110)), "ALARM"),
    ]  # fmt: skip
    assert list(found.evidence) == ["alarm"]
    silent = named(WATCHING, TOLD)
    assert silent.figures == {"alarm": "replica-lag", "alarm_delay_seconds": None, "notified_after_alarm_seconds": None,
                              "allowed_delay_seconds": 180.0}  # fmt: skip
    assert named(WATCHING, RANG).figures["notified_after_alarm_seconds"] is None
    assert named(WATCHING, changed(30, "OK", "ALARM")).figures["alarm_delay_seconds"] == 0


CALM = [PhaseBegan(at(0), "steady")]


@pytest.mark.parametrize(
    ("events", "rings", "ruling", "says"),
    [
        ([WATCHING], 0, Ruling.KEPT, f"{NAME} kept silent while nothing lagged"),
        ([WATCHING, RANG, CLEARED, changed(210, "OK", "ALARM")], 2, Ruling.BROKEN,
         f"{NAME} rang and nothing lagged: 2 datapoints > 60"),
        ([WATCHING, changed(0, "OK", "ALARM"), CLEARED, replace(RANG, reason="later")], 2, Ruling.BROKEN,
         f"{NAME} rang and nothing lagged: 2 datapoints > 60"),
        ([changed(-1, "OK", "ALARM"), CLEARED, replace(RANG, alarm="cpu")], 0, Ruling.KEPT,
         f"{NAME} kept silent while nothing lagged"),
        ([replace(WATCHING, alarm="cpu")], 0, Ruling.UNKNOWN, f"{NAME} has no data: its silence says nothing"),
        ([WATCHING, changed(9, "OK", "INSUFFICIENT_DATA")], 0, Ruling.UNKNOWN,
         f"{NAME} of {NEXT} has no data: its silence says nothing"),
        ([NO_DATA, WATCHING], 0, Ruling.KEPT, f"{NAME} kept silent while nothing lagged"),
    ],
)  # fmt: skip
def test_what_is_said_of_an_alarm_that_must_keep_silent(events, rings: int, ruling: Ruling, says: str) -> None:
    found = no_false_alarm(told(*CALM, *events, lag_alarm=NAME))
    assert (found.promise, found.ruling, found.reason) == ("no_false_alarm", ruling, says)
    assert found.figures == {"alarm": NAME, "rings": rings}
    assert [row["new"] for row in found.evidence["alarm"]] == [one.new for one in sorted(
        events, key=lambda event: event.at) if one.alarm == NAME]  # fmt: skip


def test_without_a_name_no_silence_is_judged() -> None:
    found = no_false_alarm(told(*CALM, WATCHING))
    assert (found.ruling, found.reason) == (Ruling.UNKNOWN, "the header names no lag alarm")
    assert (found.promise, found.figures, found.evidence) == ("no_false_alarm", {}, {})
