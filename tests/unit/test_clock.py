from __future__ import annotations

import datetime
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.clock import Anchor, Clock, Duration, Instant, milliseconds, minutes, seconds


def test_a_clock_at_speed_ten_sees_ten_seconds_in_one():
    clock = Clock(10.0, Anchor(1_000_000_000, 5_000_000_000))
    assert clock.at(2_000_000_000) == Instant(15_000_000_000)
    assert clock.monotonic(Instant(15_000_000_000)) == 2_000_000_000
    assert clock.real_seconds(seconds(30)) == 3.0


@given(st.floats(0.1, 50), st.integers(0, 10**15))
def test_reading_and_turning_back_agree(speed, later):
    clock = Clock(speed, Anchor(10**12, 1_700_000_000 * 10**9))
    assert abs(clock.monotonic(clock.at(10**12 + later)) - (10**12 + later)) <= 1 + 1 / speed + later * 1e-12


def test_durations_speak_in_fitting_units():
    assert str(milliseconds(12)) == "12 ms"
    assert str(seconds(90)) == "90.0 s"
    assert str(minutes(5)) == "5.0 min"
    assert seconds(3) - seconds(1) == Duration(2_000_000_000)
    assert -seconds(1) + seconds(1) == Duration(0)


def test_an_instant_is_its_datetime_to_the_microsecond():
    moment = datetime.datetime(2026, 11, 23, 19, 0, 0, 123456, datetime.UTC)
    assert Instant.of(moment).datetime == moment
    assert str(Instant.of(moment)) == "2026-11-23T19:00:00.123Z"


def test_ticks_come_once_a_period_and_end_with_patience():
    clock = Clock.start(50)
    ticks = list(clock.every(seconds(1), seconds(5)))
    assert 5 <= len(ticks) <= 6
    assert all(later > earlier for earlier, later in itertools.pairwise(ticks))


def test_a_wall_clock_that_was_set_is_apart_from_the_anchor():
    now = Anchor.now()
    assert abs(Clock(10, now).wall_apart()) < 0.1
    behind = Anchor(now.monotonic_nanoseconds, now.epoch_nanoseconds + 3 * 10**9)
    assert Clock(10, behind).wall_apart() == pytest.approx(-3, abs=0.1)
