from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

import pytest

from harness.reporting import figures, summary
from harness.verdicts import Exit, Outcome


@pytest.fixture(scope="module")
def told(runs):
    return summary.to_json([run.finished for run in runs.values()])


def test_the_table_has_the_judges_own_figures(told):
    text = summary.markdown(told)
    (recovery,) = [line for line in text.splitlines() if "goes_dark" in line and "| recovery |" in line]
    assert "43.8 s (−2.5 s)" in recovery
    (loss,) = [line for line in text.splitlines() if "| bounded_loss |" in line]
    assert "|  | 4 | 0 | 0 | 2 |" in loss
    (alarm,) = [line for line in text.splitlines() if "| lag_alarm |" in line]
    assert "| 16.0 s |" in alarm
    assert len({line.count("|") for line in text.splitlines() if line.startswith("|")}) == 1


def test_a_run_that_did_not_finish_says_so(told):
    assert "active_passive.killed (aborted)" in summary.markdown(told)
    assert told["exit_code"] == Exit.REFUSED_OR_ABORTED


def test_words_of_a_reason_stay_in_their_cell(runs):
    run = runs["dark"].finished
    evil = replace(run.verdicts[0], reason="a | b\nc")
    assert summary._inline(evil.reason) == "a / b c"


def test_junit_passes_nothing_that_is_not_kept(told):
    root = ElementTree.fromstring(summary.junit(told))
    for suite, run in zip(root, told["runs"], strict=True):
        cases = suite.findall("testcase")
        bad = [verdict for verdict in run["verdicts"] if verdict["ruling"] != "KEPT"]
        unfinished = run["outcome"] != "finished"
        assert int(suite.get("failures")) + int(suite.get("errors")) == len(bad) + unfinished
        assert int(suite.get("tests")) == len(cases) == len(run["verdicts"]) + unfinished


def test_junit_of_a_run_whose_undo_failed_is_never_green(runs):
    run = replace(runs["dark"].finished, outcome=Outcome.UNDO_FAILED)
    told = summary.to_json([run])
    root = ElementTree.fromstring(summary.junit(told))
    assert root.find("testsuite/testcase/error").get("message").endswith("undo failed")
    assert told["exit_code"] == Exit.UNDO_FAILED


def test_junit_carries_the_figures(told):
    root = ElementTree.fromstring(summary.junit(told))
    names = {one.get("name") for one in root.iter("property")}
    assert {"rto_seconds", "rto_error_seconds", "lost_writes", "stranded_writes", "alarm_delay_seconds"} <= names


def test_nothing_ran():
    told = summary.to_json([])
    assert told["ruling"] == "UNKNOWN"
    assert told["exit_code"] == Exit.UNKNOWN
    assert "Nothing ran." in summary.markdown(told)
    ElementTree.fromstring(summary.junit(told))


@pytest.mark.parametrize(
    ("found", "text"),
    [
        ({}, ""),
        ({"rto_seconds": 0.0, "rto_error_seconds": 0.0}, "0.0 s"),
        ({"rto_seconds": 12.34, "rto_error_seconds": 0.56}, "12.3 s (−0.6 s)"),
        ({"rto_seconds": None, "down_seconds": 100.0}, "> 100.0 s"),
        ({"rto_seconds": None}, "never"),
    ],
)
def test_recovery_in_words(found, text):
    assert figures.recovery(found) == text


def test_an_alarm_that_never_rang_is_not_an_empty_cell():
    assert figures.alarm({"alarm_delay_seconds": None}) == "never"
    assert figures.alarm({}) == ""
