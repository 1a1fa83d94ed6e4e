"""Runs side by side: what is noise, what is worse, and what cannot be told."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from harness import comparison, record, runner
from harness.comparison import Change, Run, Trend, compare
from harness.errors import BadInput
from harness.verdicts import Exit, Ruling
from tests.unit.reporting import fabricated

DARK = "active_passive.the_primary_load_balancer_goes_dark"


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> Path:
    """A load balancer that goes dark, night after night; the last night it takes 20 s longer."""
    home = tmp_path_factory.mktemp("runs")
    for night, back in enumerate([131.0, 131.5, 130.5, 131.0, 145.0]):
        (home / f"night{night}").mkdir()
        fabricated.dark(home / f"night{night}" / DARK, back)
    return home


def of(home: Path, *nights: int) -> list[Run]:
    return [Run.of(f"night{n}/{DARK}", record.load(home / f"night{n}" / DARK)) for n in nights]


def figure(told: comparison.Comparison, name: str, promise: str = "recovery") -> Trend:
    return next(one for one in told.trends if one.figure == name and one.promise == promise)


def test_steady_nights_are_no_regression(runs):
    told = compare(of(runs, 0, 1, 2, 3))
    assert told.exit_code is Exit.KEPT
    rto = figure(told, "rto_seconds")
    assert len(rto.before) == 3
    assert rto.median == pytest.approx(43, abs=1)
    assert told.newest == (f"night3/{DARK}",)


def test_a_slower_night_is_one_and_is_told_by_its_figure(runs):
    told = compare(of(runs, 0, 1, 2, 3, 4))
    assert told.exit_code is Exit.BROKEN
    worse = [one.figure for one in told.trends if one.regressed]
    assert "rto_seconds" in worse
    assert "lost_writes" not in worse
    assert not any(change.regressed for change in told.changes)


def test_only_the_last_count_and_a_run_alone_tells_nothing(runs):
    assert len(figure(compare(of(runs, 0, 1, 2, 3), last=2), "rto_seconds").before) == 2
    alone = compare(of(runs, 0))
    assert alone.exit_code is Exit.UNKNOWN
    assert alone.trends[0].row()[""] == "nothing before"


def test_runs_of_another_speed_or_design_are_another_group(runs):
    (first,) = of(runs, 0)
    told = record.load(runs / "night4" / DARK)
    slow = Run.of(f"night4/{DARK}", replace(told, header=replace(told.header, speed=1.0)))
    written = Run.of(f"night4/{DARK}", replace(told, header=replace(told.header, design_version="as_written")))
    assert compare([first, slow]).exit_code is Exit.UNKNOWN
    assert len(compare([first, slow, written]).newest) == 3


@pytest.mark.parametrize(
    ("before", "newest", "regressed"),
    [
        ((40.0,), 44.0, False),
        ((40.0,), 44.1, True),
        ((10.0,), 12.0, False),
        ((10.0,), 12.1, True),
        ((40.0, 44.0, 48.0, 40.0, 44.0), 61.0, False),
        ((40.0, 44.0, 48.0, 40.0, 44.0), 62.0, True),
        ((40.0,), math.inf, True),
        ((math.inf, math.inf), math.inf, False),
        ((math.inf, 40.0, math.inf), 40.0, False),
        ((40.0,), None, False),
        ((), 40.0, False),
    ],
)
def test_what_is_noise(before, newest, regressed):
    trend = Trend("g", "recovery", "rto_seconds", before, newest)
    assert trend.regressed is regressed
    assert json.loads(json.dumps(trend.to_json(), allow_nan=False))["regressed"] is regressed


def test_a_single_lost_row_is_never_noise():
    assert Trend("g", "no_lost_writes", "lost_writes", (0.0, 0.0), 1.0).regressed
    assert not Trend("g", "no_lost_writes", "lost_writes", (0.0, 0.0), 0.0).regressed


@pytest.mark.parametrize(
    ("figure", "before", "newest", "regressed"),
    [
        ("rto_seconds", (28.0, 30.0), 60.0, False),
        ("rto_seconds", (28.0, 30.0, 29.0), 60.0, True),
        ("rto_seconds", (28.0,), math.inf, True),
        ("lost_writes", (0.0,), 1.0, True),
    ],
)
def test_of_few_runs_nobody_knows_the_spread(figure, before, newest, regressed):
    assert Trend("g", "recovery", figure, before, newest, fewest=3).regressed is regressed


@pytest.mark.parametrize(
    ("before", "newest", "regressed"),
    [
        ((Ruling.KEPT,), Ruling.UNKNOWN, True),
        ((Ruling.KEPT, Ruling.BROKEN, Ruling.KEPT), Ruling.BROKEN, True),
        ((Ruling.KEPT, Ruling.BROKEN), Ruling.UNKNOWN, True),
        ((Ruling.BROKEN, Ruling.BROKEN, Ruling.KEPT), Ruling.BROKEN, False),
        ((Ruling.UNKNOWN,), Ruling.KEPT, False),
        ((), Ruling.BROKEN, False),
    ],
)
def test_a_ruling_that_is_worse_than_usual_is_a_regression(before, newest, regressed):
    assert Change("g", "recovery", before, newest).regressed is regressed


def test_a_run_that_cannot_tell_has_no_figure_and_a_ruling(runs):
    torn = Run.of(f"night4/{DARK}", replace(record.load(runs / "night4" / DARK), damage=("torn",)))
    told = compare([*of(runs, 0, 1), torn])
    assert figure(told, "lost_writes", "no_lost_writes").newest is None
    assert told.exit_code is Exit.BROKEN
    assert {change.promise for change in told.changes if change.regressed} >= {"recovery"}


def test_the_door_takes_sessions_and_runs_oldest_first(runs, monkeypatch):
    monkeypatch.setattr(runner, "RUNS", runs)
    monkeypatch.setattr("harness.runs.RUNS", runs)
    told = runner.compared([f"night4/{DARK}", "night0", "night1", "night0"], 5)
    assert told.newest == (f"night4/{DARK}",)
    assert len(figure(told, "rto_seconds").before) == 2
    assert told.exit_code is Exit.BROKEN
    for names, last in [(["night9"], 5), (["night0"], 0)]:
        with pytest.raises(BadInput):
            runner.compared(names, last)
