from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from harness.judges import bench
from harness.reporting import phase_report, results, site, telling
from harness.reporting.finished import Finished
from harness.verdicts import Outcome
from tests.unit.reporting.conftest import SESSION

ABSENT = not phase_report.ALLURE.exists() or phase_report.node() is None
needs_allure = pytest.mark.skipif(ABSENT, reason="Allure or Node is not installed: `make setup`")


@pytest.fixture
def finished(runs):
    return [run.finished for run in runs.values()]


def result(name: str, phase: str, run: str = "", status: str = "passed", message: str = "") -> dict[str, Any]:
    """A test as allure-pytest writes it."""
    labels = [{"name": "epic", "value": phase}, {"name": "parentSuite", "value": phase}]
    labels += [{"name": "feature", "value": "load balancer"}]
    labels += [{"name": "run", "value": run}] if run else []
    return {
        "uuid": f"uuid-{name}", "name": name, "fullName": f"{phase}#{name}", "historyId": name, "testCaseId": name,
        "status": status, "statusDetails": {"message": message, "trace": message}, "labels": labels, "start": 1,
        "stop": 2, "steps": [{"name": "hold", "status": "passed", "start": 1, "stop": 2,
        "attachments": [{"name": "a", "source": f"{name}-attachment.txt", "type": "text/plain"}]}],
    }  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Results of two phases, of a test without a run, and a file that a killed process left."""
    found = tmp_path / "results"
    found.mkdir()
    told = [
        result("dark", "active_passive", f"{SESSION}/active_passive.dark"),
        result("late", "active_passive", f"{SESSION}/x.y", "failed", "harness.plugin.BrokenPromise: recovery: late"),
        result("lag", "read_replicas", f"{SESSION}/read_replicas.lag", "broken", "harness.plugin.Inconclusive: ?"),
        result("refused", "read_replicas", "", "broken", "harness.errors.Refused: no"),
    ]
    for one in told:
        (found / f"{one['uuid']}-result.json").write_text(json.dumps(one))
        (found / f"{one['name']}-attachment.txt").write_text("attached")
    container = {"uuid": "c", "children": ["uuid-dark", "uuid-lag"], "befores": []}
    (found / "c-container.json").write_text(json.dumps(container))
    (found / "torn-result.json").write_text('{"uuid": "to')
    return found


def links(page: Path) -> list[Path]:
    found = re.findall(r'(?:href|src)="([^"#]+)[^"]*"', page.read_text())
    return [(page.parent / unquote(link)).resolve() for link in found if not link.startswith(("data:", "https:"))]


def test_from_the_records_alone_the_site_is_whole(finished, tmp_path):
    index = site.build(tmp_path / "no-results", tmp_path / "site", finished).index
    assert index == tmp_path / "site" / "index.html"
    text = index.read_text()
    assert "No Allure report: this page was built from the records alone" in text
    assert "43.8 s (−2.5 s)" in text
    assert "4 of 771" in text
    assert re.search(r"37\.3 s \(−[\d.]+ s\) api key stats<br>[\d.]+ s \(−[\d.]+ s\) create trigger", text)
    assert "16.0 s" in text
    for page in (tmp_path / "site").rglob("*.html"):
        for link in links(page):
            assert link.exists(), f"{page} leads to {link}"


def test_a_page_of_ours_names_another_host_only_to_be_clicked(finished, tmp_path):
    site.build(tmp_path / "no-results", tmp_path / "site", finished, None, [])
    for page in (tmp_path / "site").rglob("*.html"):
        left = re.sub(r'<a href="https://[^"]*">', "", page.read_text())
        assert not re.search(r"(?:https?:)?//[a-z]", left), page


def test_without_node_the_card_says_so(finished, folder, tmp_path, monkeypatch):
    monkeypatch.setattr(phase_report, "node", lambda: None)
    monkeypatch.setattr(phase_report, "ALLURE", Path(__file__))
    text = site.build(folder, tmp_path / "site", finished).index.read_text()
    assert "No Allure report: there is no Node 20 or newer" in text


def test_without_allure_the_card_says_so(finished, folder, tmp_path, monkeypatch):
    monkeypatch.setattr(phase_report, "ALLURE", tmp_path / "nowhere")
    text = site.build(folder, tmp_path / "site", finished).index.read_text()
    assert "No Allure report: Allure is not installed" in text


def test_when_allure_fails_the_card_says_why(finished, folder, tmp_path, monkeypatch):
    false = shutil.which("false")
    monkeypatch.setattr(phase_report, "_tool", lambda: [false])
    text = site.build(folder, tmp_path / "site", finished).index.read_text()
    assert "No Allure report: Allure ended with 1" in text


@needs_allure
def test_each_phase_has_a_report_of_its_own_tests_that_calls_nobody(finished, folder, tmp_path):
    site.build(folder, tmp_path / "site", finished)
    text = (tmp_path / "site" / "active_passive" / "index.html").read_text()
    assert "Content-Security-Policy" in text
    assert "googletagmanager" not in text
    assert "gtag(" not in text
    assert not re.search(r"<(?:script|link|img)[^>]+(?:src|href)=.?https?:", text)
    assert "Allure report</a>" in (tmp_path / "site" / "index.html").read_text()
    history = tmp_path / "history" / "active_passive.jsonl"
    names = {test["name"] for test in json.loads(history.read_text())["testResults"].values()}
    assert names == {"dark", "late"}


@needs_allure
def test_the_history_remembers_a_night_once_and_follows_the_figures(finished, folder, tmp_path):
    for _ in range(2):
        site.build(folder, tmp_path / "site", finished)
    (line,) = (tmp_path / "history" / "active_passive.jsonl").read_text().splitlines()
    told = json.loads(line)["metrics"]
    assert told["lost_writes.the_primary_region_is_lost.hardened.speed10"] == 4
    assert told["rto_seconds.the_primary_load_balancer_goes_dark.hardened.speed10"] == pytest.approx(43.758, abs=0.01)


def test_a_test_without_a_run_makes_its_phase_unknown(runs, folder, tmp_path, monkeypatch):
    monkeypatch.setattr(phase_report, "ALLURE", tmp_path / "nowhere")
    text = site.build(folder, tmp_path / "site", [runs["dark"].finished]).index.read_text()
    assert "refused: ended before there was a run to judge" in text
    assert "cannot tell" in text, "the dark run alone is KEPT"


def test_results_of_another_session_are_not_used(finished, folder):
    assert {one.name for one in results.read(folder, [SESSION])} == {"dark", "late", "lag", "refused"}
    assert results.read(folder, ["20200101T000000"]) == []


def test_a_phase_gets_its_attachments_and_fixtures_and_nothing_else(folder, tmp_path):
    own = [one for one in results.read(folder, [SESSION]) if one.phase == "active_passive"]
    results.gather(own, folder, tmp_path / "own")
    assert sorted(path.name for path in (tmp_path / "own").iterdir()) == [
        "c-container.json", "dark-attachment.txt", "late-attachment.txt", "uuid-dark-result.json",
        "uuid-late-result.json",
    ]  # fmt: skip


def test_an_attachment_cannot_be_fetched_from_elsewhere(folder, tmp_path):
    (tmp_path / "secret.txt").write_text("secret")
    told = result("evil", "active_passive", f"{SESSION}/x.evil")
    told["steps"][0]["attachments"][0]["source"] = "../secret.txt"
    (folder / "uuid-evil-result.json").write_text(json.dumps(told))
    own = [one for one in results.read(folder, [SESSION]) if one.name == "evil"]
    results.gather(own, folder, tmp_path / "own")
    assert [path.name for path in (tmp_path / "own").iterdir()] == ["uuid-evil-result.json"]


@pytest.mark.parametrize(
    ("message", "category"),
    [
        ("harness.plugin.BrokenPromise: recovery: late", "broken promise"),
        ("harness.plugin.Inconclusive: nothing was judged", "inconclusive"),
        ("harness.errors.UndoFailed: still there", "undo failed"),
        ("harness.errors.Aborted: signal SIGTERM", "aborted or refused"),
        ("KeyError: 'x'", "harness fault"),
    ],
)
def test_a_test_that_failed_is_called_by_its_error(message, category):
    assert next(name for name, pattern in phase_report.CATEGORIES if re.search(pattern, message)) == category


def test_the_site_is_built_anew(finished, tmp_path):
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "old.html").write_text("old")
    site.build(tmp_path / "none", tmp_path / "site", finished[:1])
    assert not (tmp_path / "site" / "old.html").exists()


def test_phases_come_in_the_strategys_order_and_what_was_not_kept_says_why(finished, tmp_path):
    text = site.build(tmp_path / "no-results", tmp_path / "site", finished).index.read_text()
    assert text.index("7.1 read replicas") < text.index("7.2 active passive")
    assert "the run never came to its end" in text, "of a killed run"


def test_a_session_is_told_with_the_nights_before_it_and_none_after(finished, tmp_path):
    later = tmp_path / "history" / "nights.jsonl"
    site.build(tmp_path / "no-results", tmp_path / "site", finished)
    known = later.read_text()
    later.write_text(known.replace(SESSION, "20991231T000000") + known)
    built = site.build(tmp_path / "no-results", tmp_path / "site", finished)
    assert {night.session for night in built.known} == {SESSION}
    assert "20991231T000000" in later.read_text(), "what is not told is remembered all the same"


def test_a_column_that_no_run_of_a_phase_fills_is_left_out(finished, tmp_path):
    text = site.build(tmp_path / "no-results", tmp_path / "site", finished).index.read_text()
    of_replicas, of_passive = (
        text[text.index(title) :].partition("</section>")[0] for title in ("7.1 read replicas", "7.2 active passive")
    )
    assert "<th>lag alarm after</th>" in of_replicas
    assert "<th>lag alarm after</th>" not in of_passive


def test_the_objective_of_what_nobody_can_keep_is_none(runs, tmp_path):
    one = runs["dark"]
    record = replace(one.record, header=replace(one.record.header, promises=(), breaking=("recovery",)))
    verdicts = bench.judge(record)
    folder = tmp_path / "s" / one.folder.name
    folder.mkdir(parents=True)
    telling.save(folder, record, verdicts)
    found = Finished(folder, Outcome.FINISHED, tuple(verdicts))
    text = site.build(tmp_path / "no-results", tmp_path / "site", [found]).index.read_text()
    assert "cannot be kept" in text
    assert "60 s</td>" not in text
