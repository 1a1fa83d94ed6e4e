from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from harness.reporting import series
from harness.requests import Outcome
from harness.verdicts import Ruling, Verdict
from tests.unit.reporting.fabricated import STRUCK, UNDONE, at


def test_zero_is_the_fault_and_a_long_calm_is_cut(runs):
    shown = series.axis(runs["dark"].record)
    assert shown.at(at(STRUCK)) == 0
    assert shown.began == -60
    assert shown.hidden == pytest.approx(STRUCK - 60 - 2)
    assert shown.since == "the fault"


def test_a_run_without_a_fault_is_shown_from_its_beginning(runs):
    shown = series.axis(runs["empty"].record)
    assert shown.began == 0
    assert shown.span >= 1
    assert shown.since == "the beginning"


def test_no_request_is_lost_between_buckets(runs):
    record = runs["dark"].record
    shown = series.axis(record)
    for place in record.header.locations:
        found = series.rates(record, place, shown)
        counted = float(((found.good + found.bad) * np.diff(found.edges)).sum())
        places = shown.of(series.rows_of(record, place)["intended"])
        assert counted == pytest.approx(int((places >= shown.began).sum()))


def test_the_outage_has_its_edges_where_it_was(runs):
    record = runs["dark"].record
    shown = series.axis(record)
    found = series.rates(record, "america", shown)
    bad = np.flatnonzero(found.bad)
    assert 0 <= found.edges[bad[0]] <= 0.5
    assert found.edges[bad[-1] + 1] == pytest.approx(131 - STRUCK, abs=0.5)
    assert not series.rates(record, "asia", shown).bad.any()


def test_latency_is_counted_from_the_intended_time(runs):
    record = runs["dark"].record
    found = series.latencies(record, "america", series.axis(record))
    down = (found.times > 5) & (found.times < 35)
    assert found.p50[down].min() == pytest.approx(5.0)
    assert found.p50[~down & (found.times > 60)].max() < 1


def test_strips_say_who_served_and_what_rang(runs):
    record = runs["lost"].record
    shown = series.axis(record)
    assert [span.text for span in series.serving(record, "america", shown)] == ["us-east-1", "eu-west-1", "us-east-1"]
    assert [span.text for span in series.writers(record, shown)] == ["us-east-1", "eu-west-1"]
    ringing = series.alarms(record, shown)["no-writer"]
    assert [(span.text, round(span.began)) for span in ringing] == [("INSUFFICIENT_DATA", -60), ("ALARM", 40)]
    assert list(series.unhealthy(record, shown)) == ["check of us-east-1"]


def test_phases_are_named_once(runs):
    names = [span.text for span in series.phases(runs["dark"].record, series.axis(runs["dark"].record))]
    assert names == ["steady", "inject", "takeover", "hold", "undo", "catch_up", "read_back"]


def test_a_fault_that_was_never_undone_stands_to_the_end(runs):
    shown = series.axis(runs["killed"].record)
    (span,) = series.faults(runs["killed"].record, shown)
    assert span.ended == pytest.approx(shown.ended)


def test_lost_and_stranded_writes_are_marked(runs):
    run = runs["lost"]
    kinds = [mark.kind for mark in series.marks(run.verdicts, series.axis(run.record))]
    assert kinds.count("lost") == 4
    assert kinds.count("stranded") == 2


def test_two_verdicts_that_list_the_same_write_mark_it_once(runs):
    run = runs["lost"]
    shown = series.axis(run.record)
    assert series.marks([*run.verdicts, *run.verdicts], shown) == series.marks(run.verdicts, shown)


def test_the_bracket_is_the_verdict(runs):
    run = runs["dark"]
    (found,) = series.brackets(run.record, run.verdicts, series.axis(run.record))
    figures = run.verdicts[0].figures
    assert (found.began, found.ended, found.error) == (0, figures["rto_seconds"], figures["rto_error_seconds"])
    assert found.recovered
    assert found.ruling is Ruling.KEPT


def test_writes_with_an_objective_of_their_own_have_a_bracket_of_their_own(runs):
    run = runs["lost"]
    reads, writes = series.brackets(run.record, run.verdicts, series.axis(run.record))
    assert reads.objective == 60
    assert (writes.objective, writes.text.split()[0]) == (300, "create_trigger")
    assert writes.ended == pytest.approx(158 - STRUCK, abs=2)


def test_a_service_that_never_came_back_has_an_open_bracket(runs):
    run = runs["killed"]
    (found,) = series.brackets(run.record, run.verdicts, series.axis(run.record))
    assert not found.recovered


@pytest.mark.parametrize("figures", [{}, {"rto_seconds": None}, {"rto_seconds": 0.0, "down_seconds": 0.0}])
def test_without_an_outage_there_is_no_bracket(runs, figures):
    verdict = Verdict("recovery", Ruling.UNKNOWN, "nothing", figures)
    assert series.brackets(runs["dark"].record, [verdict], series.axis(runs["dark"].record)) == []


def test_a_line_of_latency_is_broken_where_the_client_dropped_all(runs):
    record = runs["dark"].record
    traffic = record.traffic.copy()
    shown = series.axis(record)
    silent = (shown.of(traffic["intended"]) > 5) & (shown.of(traffic["intended"]) < 35)
    traffic["outcome"][silent] = Outcome.DROPPED
    found = series.latencies(replace(record, traffic=traffic), "america", shown)
    assert int(np.isnan(found.p50).sum()) == 1


def test_an_instant_survives_its_text():
    assert series.instant(str(at(UNDONE))) == at(UNDONE)
