"""Results held against the expectations: the exit code, and what is printed of each scenario."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness import catalogue
from harness.expectations import Expectation
from harness.reporting.finished import Finished
from harness.runner import Collector, held
from harness.verdicts import Exit, Outcome, Ruling, Verdict

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
