from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest

from harness.events import AlarmChanged
from harness.judges.streams import UNMEASURED
from harness.record import TRAFFIC, Record
from harness.reporting import chart, palette
from harness.verdicts import Ruling, Verdict
from tests.unit.reporting.conftest import NAMES


def words(svg: bytes) -> str:
    root = ElementTree.fromstring(svg)
    return " ".join("".join(node.itertext()) for node in root.iter("{http://www.w3.org/2000/svg}text"))


@pytest.mark.parametrize("kind", NAMES)
def test_every_kind_of_run_has_a_chart_with_words_in_it(runs, kind):
    svg = (runs[kind].folder / "experiment.svg").read_bytes()
    assert len(svg) < 200_000
    text = words(svg)
    assert runs[kind].record.header.title in text
    assert "AWS seconds since" in text
    assert "speed 10" in text


@pytest.mark.parametrize("kind", NAMES)
def test_a_chart_loads_nothing_and_runs_nothing(runs, kind):
    svg = (runs[kind].folder / "experiment.svg").read_text()
    assert "<script" not in svg
    assert not re.findall(r'(?:href|src)="(?!#)[^"]*"', svg)


def test_the_chart_tells_the_recovery_and_where_the_time_went(runs):
    text = words((runs["dark"].folder / "experiment.svg").read_bytes())
    figures = runs["dark"].verdicts[0].figures
    assert f"RTO {figures['rto_seconds']:.1f} s (up to {figures['rto_error_seconds']:.1f} s less)" in text
    assert "s less), list_triggers from europe" in text
    assert "detection 29.0 s" in text
    assert "detection 30.0 s" in text, "the budget"
    assert "✓ no lost writes" in text


def test_the_chart_draws_no_latency_that_is_another_places(runs):
    found, verdicts = runs["dark"].record, runs["dark"].verdicts
    elsewhere = replace(found, header=replace(found.header, unmeasured=("asia",)))
    assert UNMEASURED in words(chart.draw(elsewhere, verdicts, ()))
    assert UNMEASURED not in words(chart.draw(found, verdicts, ()))


def test_the_chart_of_a_lag_shows_its_threshold_and_the_alarm(runs):
    text = words((runs["lagging"].folder / "experiment.svg").read_bytes())
    assert "threshold 60 s" in text
    assert "replica-1" in text
    assert "replica-lag" in text


def test_the_chart_of_a_killed_run_says_so(runs):
    text = words((runs["killed"].folder / "experiment.svg").read_bytes())
    assert "never ended" in text
    assert "timeline.jsonl: the last line is torn" in text
    assert "down 19.8 s" in text


def test_the_chart_of_nothing_says_that_there_is_nothing(runs):
    text = words((runs["empty"].folder / "experiment.svg").read_bytes())
    assert "no fault was injected" in text
    assert "no request from america was recorded" in text


def test_the_same_record_gives_the_same_bytes(runs):
    run = runs["dark"]
    again = chart.draw(run.record, run.verdicts, run.parts)
    assert again == (run.folder / "experiment.svg").read_bytes()


def test_words_from_outside_cannot_break_the_picture(runs):
    run = runs["dark"]
    header = replace(run.record.header, title='<script>alert("x")</script> $\\frac{1}{0}$ & \u202e', promises=())
    svg = chart.draw(replace(run.record, header=header), [], [])
    assert b"<script" not in svg
    assert "$\\frac{1}{0}$" in words(svg)


def test_strange_records_are_drawn_too(runs):
    run = runs["lost"]
    many = [
        AlarmChanged(event.at, f"a-very-long-name-of-an-alarm-number-{number}", "us-east-1", "OK", "ALARM", "", "", "")
        for number, event in enumerate(run.record.events)
    ]
    header = run.record.header
    strange = [
        replace(run.record, events=tuple(many)),
        replace(run.record, events=()),
        replace(run.record, traffic=run.record.traffic[:1]),
        replace(run.record, header=replace(header, locations=(), nearest={}), traffic=np.empty(0, TRAFFIC), parts=()),
        _backwards(run.record),
        replace(run.record, events=(run.record.events[0], replace(run.record.events[-1], at=run.record.events[-1].at))),
    ]
    verdicts = [
        Verdict(f"promise_{number}", Ruling.BROKEN, "because", {"rto_seconds": "never"}, {"lost": [{"at": None}]})
        for number in range(30)
    ]
    for record in strange:
        assert len(chart.draw(record, verdicts, run.parts)) < 400_000


def _backwards(record: Record) -> Record:
    """Answers before the questions, as a clock that was set wrongly would have it."""
    traffic = record.traffic.copy()
    traffic["done"] = traffic["intended"] - 1_000_000
    return replace(record, traffic=traffic)


def test_what_is_written_on_a_colour_can_be_read():
    for colour in (*palette.REGIONS, *palette.STAGES.values(), palette.NOWHERE, palette.BAD):
        assert palette.on(colour) in ("#000000", "#ffffff")
    assert palette.on("#000000") == "#ffffff"
    assert palette.on("#ffffff") == "#000000"
