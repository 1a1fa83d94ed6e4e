"""The figures of every night: remembered once, in order, in a file that may be torn; and held against each other."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from harness.errors import BadInput
from harness.reporting import nights, summary, trends_page
from harness.reporting.baseline import Baseline
from harness.verdicts import Exit, Ruling

DARK = "active_passive.the_primary_load_balancer_goes_dark"


def told(
    session: str, rto: float | None = 30.0, ruling: str = "KEPT", lost: int = 0, name: str = DARK, **changes: Any
) -> dict[str, Any]:
    """A session's ``verdict.json`` with one run."""
    run = {
        "run": f"{session}/{name}", "phase": "active_passive", "title": "Dark.", "outcome": "finished",
        "design_version": "hardened", "target": "twin", "speed": 10.0, "ruling": ruling,
        "verdicts": [
            {"promise": "recovery", "ruling": ruling, "figures": {"rto_seconds": rto, "down_seconds": 5.0}},
            {"promise": "no_lost_writes", "ruling": "KEPT", "figures": {"lost_writes": lost}},
        ],
    }  # fmt: skip
    return {"runs": [{**run, **changes}]}


def remembered(path: Path, *sessions: Mapping[str, Any]) -> list[nights.Night]:
    found: list[nights.Night] = []
    for session in sessions:
        found = nights.remember(path, session)
    return found


def test_a_night_is_remembered_once_and_in_order(tmp_path: Path) -> None:
    path = tmp_path / "history" / "nights.jsonl"
    found = remembered(path, told("20260102T000000"), told("20260101T000000"), told("20260102T000000", rto=31.0))
    assert [one.session for one in found] == ["20260101T000000", "20260102T000000"]
    assert found[1].verdict("rto_seconds").figures["rto_seconds"] == 31.0
    assert nights.read(path) == found
    assert "down_seconds" not in path.read_text(), "only what is followed is kept"


def test_so_many_are_kept_of_each_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nights, "KEPT", 3)
    path = tmp_path / "nights.jsonl"
    other = told("20260101T000000", name="active_active.other")
    found = remembered(path, other, *(told(f"2026010{day}T000000") for day in range(1, 8)))
    assert [one.session[6:8] for one in found if one.run.endswith(DARK)] == ["05", "06", "07"]
    assert sum(one.run.endswith("other") for one in found) == 1


def test_a_torn_line_is_dropped_and_the_rest_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "nights.jsonl"
    remembered(path, told("20260101T000000"))
    path.write_text(path.read_text() + '{"run": "torn\n[1, 2]\n')
    with pytest.raises(ValueError, match="line 2"):
        nights.read(path)
    assert len(remembered(path, told("20260102T000000"))) == 2
    assert len(nights.read(path)) == 2


def test_a_run_that_did_not_finish_proves_nothing() -> None:
    (night,) = nights.of_session(told("20260101T000000", outcome="aborted"))
    assert night.ruling is Ruling.UNKNOWN
    (broken,) = nights.of_session(told("20260101T000000", outcome="aborted", ruling="BROKEN"))
    assert broken.ruling is Ruling.BROKEN


def test_it_is_made_of_a_real_verdict_json(runs: Any) -> None:
    found = nights.of_session(summary.to_json([run.finished for run in runs.values()]))
    lost = next(one for one in found if one.run.endswith("the_primary_region_is_lost"))
    assert lost.verdict("lost_writes").figures["lost_writes"] == 4
    assert lost.ruling is Ruling.UNKNOWN


def baseline(path: Path, *sessions: Mapping[str, Any]) -> Baseline:
    remembered(path, *sessions)
    return Baseline.load(path)


def held(before: Baseline, now: Mapping[str, Any]) -> Exit:
    return before.hold(nights.of_session(now)).exit_code


def test_of_a_single_session_only_verdicts_and_rows_can_get_worse(tmp_path: Path) -> None:
    path = tmp_path / "verdict.json"
    path.write_text(json.dumps(told("20260101T000000"), indent=1))
    before = Baseline.load(path)
    assert held(before, told("20260102T000000", rto=44.0)) is Exit.KEPT, "AWS's own timings vary"
    assert held(before, told("20260102T000000", lost=1)) is Exit.BROKEN
    assert held(before, told("20260102T000000", ruling="UNKNOWN")) is Exit.BROKEN
    assert held(before, told("20260102T000000", rto=None, ruling="BROKEN")) is Exit.BROKEN


def test_over_many_nights_a_time_can_get_worse(tmp_path: Path) -> None:
    before = baseline(tmp_path / "n.jsonl", *(told(f"2026010{day}T000000", rto=30.0 + day % 2) for day in range(1, 8)))
    assert held(before, told("20260110T000000", rto=33.0)) is Exit.KEPT
    assert held(before, told("20260110T000000", rto=44.0)) is Exit.BROKEN
    assert "worse: " in before.hold(nights.of_session(told("20260110T000000", rto=44.0))).markdown()


def test_what_the_baseline_played_must_come_again(tmp_path: Path) -> None:
    path = tmp_path / "verdict.json"
    both = told("20260101T000000")["runs"] + told("20260101T000000", name="active_passive.other")["runs"]
    path.write_text(json.dumps({"runs": both}))
    found = Baseline.load(path).hold(nights.of_session(told("20260102T000000")))
    assert found.exit_code is Exit.UNKNOWN
    assert "missing: active_passive.other" in found.markdown()


def test_another_speed_is_not_comparable(tmp_path: Path) -> None:
    before = baseline(tmp_path / "n.jsonl", told("20260101T000000", speed=1.0))
    found = before.hold(nights.of_session(told("20260102T000000")))
    assert found.exit_code is Exit.UNKNOWN
    assert "Nothing in it is comparable" in found.markdown()


@pytest.mark.parametrize("text", ["", "no json", '{"runs": 5}', '{"runs": [{}]}', '{"run": "x"}\n', "[]"])
def test_what_is_no_baseline_is_told_with_its_file(tmp_path: Path, text: str) -> None:
    path = tmp_path / "given.json"
    path.write_text(text)
    with pytest.raises(BadInput, match=r"--baseline: .*given\.json"):
        Baseline.load(path)
    with pytest.raises(BadInput, match="nowhere"):
        Baseline.load(tmp_path / "nowhere")


def test_the_page_names_what_got_worse_and_what_is_flaky(tmp_path: Path) -> None:
    rulings = ["KEPT", "KEPT", "BROKEN", "KEPT", "KEPT"]
    sessions = [told(f"2026010{day}T000000", ruling=ruled) for day, ruled in enumerate(rulings, 1)]
    known = remembered(tmp_path / "n.jsonl", *sessions, told("20260109T000000", rto=60.0, lost=2))
    found = trends_page.regressions(known, "20260109T000000")
    page = trends_page.html(known, found)
    assert "rto seconds 60, median 30" in page
    assert "lost writes 2, median 0" in page
    assert "1 of 6" in page
    assert page.count("<circle") == 6 + 6
    assert trends_page.worse(found) == "2 worse than the nights before"
    calm = trends_page.regressions(known[:-1], known[-2].session)
    assert trends_page.worse(calm) == ""
    assert "Nothing got worse" in trends_page.html(known[:-1], calm)


def test_with_too_few_nights_nobody_says_that_nothing_got_worse(tmp_path: Path) -> None:
    known = remembered(tmp_path / "nights.jsonl", *(told(f"2026010{day}T000000") for day in range(1, 4)))
    calm = trends_page.regressions(known, known[-1].session)
    assert "Too early to tell of times" in trends_page.html(known, calm)


def test_a_figure_is_coloured_by_what_was_judged_of_it_and_never_is_said(tmp_path: Path) -> None:
    known = remembered(tmp_path / "nights.jsonl", told("20260101T000000", rto=None, ruling="BROKEN"))
    page = trends_page.html(known, trends_page.regressions(known, known[-1].session))
    recovery, lost = re.findall(r"<svg class=\"trend\".*?</span>", page)
    assert "never" in recovery
    assert "circle" not in recovery
    assert Ruling.KEPT.colour in lost
    assert Ruling.BROKEN.colour not in lost
