"""When hours are quiet: by local time, over midnight, and through changes of the clocks."""

from __future__ import annotations

import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.clock import Instant
from harness.safety.quiet import DAYS, QuietHours, holding

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Apia")
EVERY_DAY = frozenset(range(7))
WORK = QuietHours(8 * 60, 18 * 60, BERLIN, frozenset(range(5)))
NIGHT = QuietHours(22 * 60, 6 * 60, BERLIN, frozenset({4}))


def berlin(text: str, fold: int = 0) -> Instant:
    return Instant.of(datetime.datetime.fromisoformat(text).replace(tzinfo=BERLIN, fold=fold))


@pytest.mark.parametrize(
    ("hours", "at", "quiet"),
    [
        (WORK, "2026-11-27T07:59:59", False),  # a Friday
        (WORK, "2026-11-27T08:00:00", True),
        (WORK, "2026-11-27T17:59:59", True),
        (WORK, "2026-11-27T18:00:00", False),
        (WORK, "2026-11-28T12:00:00", False),
        (NIGHT, "2026-11-27T21:59:59", False),
        (NIGHT, "2026-11-27T22:00:00", True),
        (NIGHT, "2026-11-28T05:59:59", True),  # it began on Friday
        (NIGHT, "2026-11-28T06:00:00", False),
        (NIGHT, "2026-11-28T23:00:00", False),
        (NIGHT, "2026-11-27T03:00:00", False),  # that would have begun on Thursday
    ],
)
def test_by_example(hours, at, quiet):
    assert hours.hold(berlin(at)) is quiet


def test_the_zone_is_asked_and_not_the_machine():
    noon = Instant.of(datetime.datetime(2026, 11, 27, 17, 30, tzinfo=datetime.UTC))
    assert not WORK.hold(noon), "18:30 in Berlin"
    assert QuietHours(8 * 60, 18 * 60, ZoneInfo("UTC"), EVERY_DAY).hold(noon)


def test_an_hour_that_is_skipped_is_never_quiet_and_one_that_is_repeated_is_so_twice():
    small_hours = QuietHours(2 * 60, 3 * 60, BERLIN, EVERY_DAY)
    spring = berlin("2026-03-29T01:00:00")
    minutes = [Instant(spring.nanoseconds + minute * 60 * 10**9) for minute in range(180)]
    assert not any(small_hours.hold(one) for one in minutes)
    autumn = berlin("2026-10-25T01:00:00")
    minutes = [Instant(autumn.nanoseconds + minute * 60 * 10**9) for minute in range(240)]
    assert sum(small_hours.hold(one) for one in minutes) == 120


def test_the_first_that_holds_is_told_in_words():
    found = holding([NIGHT, WORK], berlin("2026-11-27T12:00:00"))
    assert str(found) == "08:00 to 18:00 Europe/Berlin, mon, tue, wed, thu, fri"
    assert holding([NIGHT, WORK], berlin("2026-11-29T12:00:00")) is None
    assert str(QuietHours(0, 1440, BERLIN, EVERY_DAY)) == "00:00 to 24:00 Europe/Berlin, every day"


moments = st.integers(0, 4 * 10**9).map(lambda second: Instant(second * 10**9))
zones = st.sampled_from(ZONES).map(ZoneInfo)
of_a_day = st.integers(0, 1439)
some_days = st.frozensets(st.integers(0, 6), min_size=1)


@given(moments, zones, of_a_day, of_a_day)
def test_what_is_not_quiet_is_quiet_the_other_way_round(at, zone, one, other):
    if one != other:
        there, back = QuietHours(one, other, zone, EVERY_DAY), QuietHours(other, one, zone, EVERY_DAY)
        assert there.hold(at) is not back.hold(at)


@given(moments, zones, of_a_day, of_a_day, some_days)
def test_over_midnight_is_two_spans_that_are_not(at, zone, early, late, days):
    early, late = sorted((early, late))
    if early == late:
        return
    evening = QuietHours(late, 1440, zone, days)
    morning = QuietHours(0, early, zone, frozenset((day + 1) % 7 for day in days))
    told = QuietHours(late, early, zone, days).hold(at)
    assert told is (evening.hold(at) or (early > 0 and morning.hold(at)))


@given(moments, zones, some_days)
def test_a_whole_day_is_quiet_on_its_days_alone(at, zone, days):
    assert QuietHours(0, 1440, zone, days).hold(at) is (at.datetime.astimezone(zone).weekday() in days)
    assert len(DAYS) == 7
