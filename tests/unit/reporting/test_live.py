"""A run as it is now: what is told of it, what is called not known, and that it fits."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from harness.clock import seconds
from harness.events import AlarmChanged, HealthChanged, ProcessorsShared, SightChanged, Stalled, Stopped
from harness.following import Seen
from harness.record import Record
from harness.reporting import live
from harness.undo import Act, Armed
from tests.unit.reporting import fabricated

PENDING = (Armed(1, "Blackhole", Act("ec2", "us-east-1", "DeleteNetworkAcl")),)


def seen_at(found: Record, second: float, pending: tuple[Armed, ...] | None = ()) -> Seen:
    """What a follower knows at a second of a run."""
    now = fabricated.at(second)
    events = tuple(event for event in found.events if event.at <= now)
    traffic = found.traffic[found.traffic["done"] <= now.nanoseconds]
    return Seen(now, replace(found, events=events, traffic=traffic), (), pending)


def drawn(picture: live.Picture, width: int = 130, height: int = 30) -> str:
    console = Console(file=io.StringIO(), width=width, height=height, color_system=None)
    console.print(live.render(picture, width, height))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """Runs by their names; not judged and drawn, as those of the other tests of reports are."""
    folder = tmp_path_factory.mktemp("live")
    stories = (fabricated.dark, fabricated.lost, fabricated.killed, fabricated.empty)
    return {story.__name__: story(folder / story.__name__) for story in stories}


@pytest.fixture
def dark(told):
    return told["dark"]


@pytest.fixture
def lost(told):
    return told["lost"]


def test_in_the_calm_every_location_is_served_by_its_nearest_region(dark):
    picture = live.picture(seen_at(dark, 80))
    assert [row.led_to for row in picture.rows] == ["us-east-1", "us-east-1", "eu-west-1"]
    for row in picture.rows:
        assert row.rate == pytest.approx(fabricated.RATE, abs=0.5)
        assert row.bad == 0
        assert row.errors == (0.0,) * live.BUCKETS
        assert row.p50 is not None
        assert row.p95 is not None
        assert seconds(0.05) < row.p50 < row.p95 < seconds(1)
    assert picture.faults == ()
    assert picture.lasts == seconds(79)
    assert (picture.phase, picture.waiting_for) == ("steady", "calm for 20 s")


def test_under_the_fault_it_says_who_fails_what_stands_and_since_when(dark):
    picture = live.picture(seen_at(dark, 110, PENDING), "waiting for eu-west-1 to serve: america is led to us-east-1")
    america, _, asia = picture.rows
    assert (america.bad, asia.bad) == (1.0, 0.0)
    assert america.p50 == seconds(5)
    assert america.errors[0] == 0
    assert america.errors[-1] == 1
    assert america.waits[-1] == 1
    text = drawn(picture)
    for words in (
        "waiting for eu-west-1 to serve: america is led to us-east-1",
        "100.0%",
        "stands  Blackhole load balancer of us-east-1, for 20.0 s",
        "1 pending: Blackhole: ec2 DeleteNetworkAcl in us-east-1",
        "at speed 10, 109.0 s since it began",
    ):
        assert words in text


def test_alarms_and_health_checks_that_are_not_well_are_named_the_loudest_first(lost):
    moments = [
        AlarmChanged(fabricated.at(1), "no-writer", "eu-west-1", "", "INSUFFICIENT_DATA", "why", "m", "d"),
        AlarmChanged(fabricated.at(1), "lag", "eu-west-1", "", "OK", "why", "m", "d"),
        HealthChanged(fabricated.at(1), "hc-us-east-1", "us-east-1", healthy=True),
    ]
    found = replace(lost, events=tuple(sorted((*lost.events, *moments), key=lambda event: event.at)))
    before = live.picture(seen_at(found, 80))
    assert before.alarms is not None
    assert [(one.name, one.state, one.earlier) for one in before.alarms] == [
        ("no-writer in eu-west-1", "INSUFFICIENT_DATA", True)
    ]
    assert before.unhealthy == ()
    assert "all healthy" in drawn(before)
    picture = live.picture(seen_at(found, 132))
    text = drawn(picture)
    assert "ALARM  us-east-1-unhealthy-hosts in us-east-1, for at least 5.0 s" in text
    assert "ALARM  no-writer in eu-west-1, for 2.0 s" in text
    assert "unhealthy  check of us-east-1, for 17.0 s" in text
    assert live.picture(seen_at(found, 240)).alarms == ()


def test_what_cannot_be_seen_is_not_called_healthy(lost):
    sights = [
        HealthChanged(fabricated.at(1), "hc-us-east-1", "us-east-1", healthy=True),
        SightChanged(fabricated.at(71), "health checks", seen=False, why="get_health_check_status: Unreachable"),
        SightChanged(fabricated.at(75), "health checks", seen=True),
        SightChanged(
            fabricated.at(76), "alarms and events of us-east-1", seen=False, why="describe_alarms: Unreachable"
        ),
    ]
    found = replace(lost, events=tuple(sorted((*lost.events, *sights), key=lambda event: event.at)))
    text = drawn(live.picture(seen_at(found, 73)))
    assert "not seen  health checks, for 2.0 s" in text
    assert "all healthy, as far as can be seen" in text
    later = live.picture(seen_at(found, 80))
    assert [one.name for one in later.blind] == ["alarms and events of us-east-1"]
    assert later.to_json()["blind"][0]["state"] == "not seen"
    assert "not seen" not in drawn(live.picture(seen_at(lost, 80)))


def test_a_machine_short_of_processors_is_told_while_it_lasts(lost):
    def need(second: float, waited: float) -> ProcessorsShared:
        return ProcessorsShared(fabricated.at(second), 3, 1.0, 1.0 - waited, waited)

    needs = [*(need(second, 0.93) for second in range(40, 60)), *(need(second, 0.3) for second in range(60, 110))]
    found = replace(lost, events=tuple(sorted((*lost.events, *needs), key=lambda event: event.at)))
    short = live.picture(seen_at(found, 59))
    assert "short of processors" in drawn(short)
    assert "wait 93% of the time in which they could run" in drawn(short)
    assert short.to_json()["waited_ratio"] == 0.93
    assert "short of processors" not in drawn(live.picture(seen_at(found, 100)))
    assert "short of processors" not in drawn(live.picture(seen_at(lost, 59)))


def test_who_writes_follows_the_describes(lost):
    assert live.picture(seen_at(lost, 150)).writer == "us-east-1"
    assert live.picture(seen_at(lost, 160)).writer == "eu-west-1"


def test_what_nobody_saw_is_called_not_known_and_never_good(tmp_path):
    text = drawn(live.picture(seen_at(fabricated.empty(tmp_path / "run"), 10, None)))
    # The phase; of three locations the rate, errors, two latencies and the region; writer, undo, alarms and health.
    assert text.count(live.NOT_KNOWN) == 1 + 3 * 5 + 4
    for word in ("all OK", "all healthy", "nothing pending", "0.0"):
        assert word not in text


def test_silence_is_no_success(dark):
    row = live.picture(seen_at(dark, 290)).rows[0]
    assert (row.rate, row.bad, row.p50) == (0.0, None, None)
    assert set(row.errors) == {None}


def test_a_run_without_traffic_says_so(dark):
    watched = replace(dark, header=replace(dark.header, rate_per_second={}), parts=())
    assert "no traffic of ours" in drawn(live.picture(seen_at(watched, 80)))


def test_no_latency_is_told_of_a_place_whose_load_runs_elsewhere(dark):
    routed = replace(dark, header=replace(dark.header, unmeasured=("asia",)))
    asia = live.picture(seen_at(routed, 80)).rows[2]
    assert (asia.p50, asia.p95, set(asia.waits)) == (None, None, {None})
    assert asia.bad == 0
    assert "elsewhere's" in drawn(live.picture(seen_at(routed, 80)))


def test_a_small_terminal_loses_the_sparklines_first_and_then_the_lines_of_a_strip(dark):
    alarms = [
        AlarmChanged(fabricated.at(second), f"alarm-{second}", "us-east-1", "OK", "ALARM", "why", "m", "d")
        for second in range(60, 75)
    ]
    crowded = replace(dark, events=tuple(sorted((*dark.events, *alarms), key=lambda event: event.at)))
    picture = live.picture(seen_at(crowded, 110, PENDING), offer="s stops the experiment and undoes it")
    wide, usual, small = drawn(picture), drawn(picture, 80, 24 - 8), drawn(picture, 80, 13)
    assert "█" in wide
    assert "█" not in usual
    assert wide.count("alarm-6") == usual.count("alarm-6") == 3
    assert "(and 12 more)" in wide
    assert small.count("alarm-6") == 1
    assert "(and 14 more)" in small
    assert "s stops the experiment" in small
    for name in ("writer", "fault", "undo", "alarms", "health"):
        assert f"\n{name} " in small
    assert "\nhealth " not in drawn(picture, 80, 12)
    assert "america" in drawn(picture, 80, 9)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(["empty", "killed", "dark"]), st.integers(0, 300), st.integers(1, 200), st.integers(1, 60))
def test_every_moment_of_every_run_is_drawn_and_fits(told, name, second, width, height):
    picture = live.picture(seen_at(told[name], second))
    lines = drawn(picture, width, height).splitlines()
    assert max(map(len, lines)) <= width
    assert len(lines) <= max(height, 4 + 1 + len(picture.rows))
    json.dumps(picture.to_json())


@settings(max_examples=40, deadline=None)
@given(st.lists(st.none() | st.floats(0, 1), max_size=live.BUCKETS))
def test_a_sparkline_has_a_block_for_each_value_and_none_for_what_is_not_known(values):
    blocks = live._spark(tuple(values))
    assert len(blocks) == len(values)
    for value, block in zip(values, blocks, strict=True):
        assert (block == " ") == (value is None)
        assert (block == "▁") == (value == 0)


def test_the_figures_for_machines_are_those_of_the_picture(dark):
    told = live.picture(seen_at(dark, 110, PENDING)).to_json()
    assert told["locations"]["america"]["bad_ratio"] == 1
    assert told["locations"]["america"]["led_to"] == "us-east-1"
    assert told["faults"][0]["since"] == fabricated.at(fabricated.STRUCK).nanoseconds
    assert (told["alarms"], told["kind"]) == (None, "now")


def test_lines_of_progress_are_made_of_what_a_run_says_itself(dark):
    told = [live.told(event) for event in dark.events]
    assert ("steady", "calm for 20 s") in told
    moment = fabricated.at(1)
    assert live.told(Stalled(moment, "it never came")) == ("!", "it never came")
    assert live.told(Stopped(moment, "key", "s was pressed")) == ("stopped", "key: s was pressed")
    assert live.told(HealthChanged(moment, "hc", "us-east-1", healthy=True)) is None
