"""What a session ends with: held against the expectations and a baseline, printed, remembered, reported again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from harness import catalogue, runner
from harness.expectations import Expectation
from harness.judges import bench
from harness.reporting import telling
from harness.reporting.finished import Finished
from harness.runner import Collector, held
from harness.verdicts import Exit, Outcome, Ruling, Verdict
from tests.unit.reporting import fabricated

ENTRY = catalogue.find("active_active/a_region_goes_dark")
EXPECTED = {(ENTRY.path, "as_written"): Expectation(Ruling.BROKEN, {"recovery": "reconnect never came"})}
BROKEN = Verdict("recovery", Ruling.BROKEN, "it was down; reconnect never came: 7 min of 8 min")
KEPT = Verdict("recovery", Ruling.KEPT, "back after 30 s")


def run(name, *verdicts, outcome=Outcome.FINISHED):
    return Finished(Path(f"runs/s1/active_active.a_region_goes_dark.{name}"), outcome, verdicts)


@pytest.fixture
def hold(capsys):
    def of(*finished, tests=(), outside=()):
        collector = Collector()
        collector.finished = list(finished)
        collector.tests[ENTRY.path] = set(tests) or {str(number) for number in range(len(finished))}
        collector.outside = list(outside)
        code = held([ENTRY], EXPECTED, "as_written", collector)
        return code, capsys.readouterr().out

    return of


def test_what_broke_exactly_as_foreseen_passes(hold):
    code, told = hold(run("first", BROKEN), run("second", BROKEN))
    assert code is Exit.KEPT
    assert "as expected" in told
    assert "BROKEN (recovery)" in told


@pytest.mark.parametrize(
    ("finished", "more", "why"),
    [
        ([run("first", KEPT)], {}, "KEPT instead of BROKEN"),
        ([], {"tests": ["first"]}, "1 of its runs left no record"),
        ([run("first", BROKEN)], {"tests": ["first", "second"]}, "1 of its runs left no record"),
        ([run("first", BROKEN, outcome=Outcome.ABORTED)], {}, "a_region_goes_dark.first aborted"),
    ],
)
def test_anything_else_does_not(hold, finished, more, why):
    code, told = hold(*finished, **more)
    assert code is Exit.BROKEN
    assert "differs" in told
    assert why in told


def test_a_refusal_may_be_foreseen_and_an_abortion_not(capsys):
    doubt = Verdict("recovery", Ruling.UNKNOWN, "the run ended as refused")
    expected = {(ENTRY.path, "as_written"): Expectation(Ruling.UNKNOWN, {"recovery": "refused"})}
    for outcome, code in ((Outcome.REFUSED, Exit.KEPT), (Outcome.ABORTED, Exit.BROKEN)):
        collector = Collector()
        collector.finished = [run("first", doubt, outcome=outcome)]
        collector.tests[ENTRY.path] = {"first"}
        assert held([ENTRY], expected, "as_written", collector) is code
    assert "aborted" in capsys.readouterr().out


def test_what_was_broken_before_a_refusal_is_as_foreseen(hold):
    code, told = hold(run("first", BROKEN, outcome=Outcome.REFUSED))
    assert code is Exit.KEPT
    assert "as expected" in told


def test_trouble_that_no_verdict_explains_does_not_pass(hold):
    assert hold(run("first", BROKEN), outside=["a teardown failed"])[0] is Exit.BROKEN


def test_a_world_that_is_not_back_is_the_loudest(hold):
    assert hold(run("first", BROKEN, outcome=Outcome.UNDO_FAILED))[0] is Exit.UNDO_FAILED


@pytest.fixture
def played(tmp_path, monkeypatch):
    """`runner.run` with one fabricated run in place of pytest; returns what it is called with, and its exit code."""
    folder = tmp_path / "reports" / "runs" / "20260101T000000" / "active_passive.the_primary_load_balancer_goes_dark"
    record = fabricated.dark(folder)
    verdicts = bench.judge(record)
    telling.save(folder, record, verdicts)
    for name, path in (("HOME", ""), ("RUNS", "reports/runs"), ("RESULTS", "none"), ("SITE", "reports/site")):
        monkeypatch.setattr(runner, name, tmp_path / path)

    shutil.copy(runner.PRICES, tmp_path)
    monkeypatch.setattr(runner, "PRICES", tmp_path / "prices.toml")

    def main(words, plugins):
        plugins[0].finished = [Finished(folder, Outcome.FINISHED, tuple(verdicts))]
        return pytest.ExitCode.OK

    monkeypatch.setattr(runner.pytest, "main", main)
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))

    def play(baseline=None):
        return runner.run(catalogue.choose(gate=True)[:1], "twin", 10.0, as_written=False, baseline=baseline)

    return play, tmp_path


def test_a_session_is_remembered_and_held_against_its_baseline(played):
    play, home = played
    assert play() is Exit.KEPT
    before = home / "before.json"
    told = json.loads((home / "reports" / "verdict.json").read_text().replace("20260101T", "20251231T"))
    before.write_text(json.dumps(told))
    assert play(before) is Exit.KEPT
    assert "Nothing got worse" in (home / "summary.md").read_text()
    told["runs"].append({**told["runs"][0], "run": "20251231T000000/active_passive.another"})
    before.write_text(json.dumps(told))
    assert play(before) is Exit.UNKNOWN, "what the baseline played must come again"
    assert len((home / "reports" / "history" / "nights.jsonl").read_text().splitlines()) == 1


def test_a_run_is_judged_again_for_people_and_for_machines(played, monkeypatch, capsys):
    _, home = played
    monkeypatch.setattr("harness.runs.RUNS", home / "reports" / "runs")
    name = "20260101T000000/active_passive.the_primary_load_balancer_goes_dark"
    assert runner.rejudge(name) is Exit.KEPT
    assert "KEPT    recovery" in capsys.readouterr().out
    assert runner.rejudge(name, as_json=True) is Exit.KEPT
    assert json.loads(capsys.readouterr().out)["ruling"] == "KEPT"


def test_the_report_is_built_again_from_the_record_alone_for_one_run_too(played):
    play, home = played
    play()
    fabricated.killed(home / "reports" / "runs" / "20260101T000000" / "active_passive.killed")
    for name, runs in (("20260101T000000", 2), ("20260101T000000/active_passive.killed", 1)):
        built = runner.report(name)
        assert len(built.finished) == runs
        assert "aborted" in built.index.read_text()
    runner.report("20260101T000000", home / "alone.html")
    assert (home / "alone.html").read_text().count("data:image/svg+xml") == 2
