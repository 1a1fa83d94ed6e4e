"""The report in one file: all runs, all pages, nothing beside it. How it looks: ``tests/browser``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from harness import explanation, runner
from harness.errors import BadInput
from harness.reporting import single_file, site
from harness.verdicts import Ruling


def test_it_holds_every_run_and_leads_nowhere_else(runs: Any, tmp_path: Path) -> None:
    changes = [explanation.explain("active_passive").to_json()]
    finished = [run.finished for run in runs.values()]
    text = single_file.html(site.build(tmp_path / "none", tmp_path / "site", finished, None, changes))
    anchors = set(re.findall(r'id="([^"]*)"', text))
    for link in re.findall(r'href="([^"]*)"', text):
        assert link.startswith("https://docs.aws.amazon.com/") or link[1:] in {*anchors, ""}, link
    assert text.count("data:image/svg+xml") == len(finished)
    assert {"trends", "changes"} <= anchors


def test_the_site_says_what_to_change_and_what_it_buys(runs: Any, tmp_path: Path) -> None:
    changes = [explanation.explain("read_replicas").to_json()]
    built = site.build(tmp_path / "none", tmp_path / "site", [runs["dark"].finished], None, changes)
    text = (built.index.parent / "changes.html").read_text()
    assert "<del>30 s</del>" in text
    assert "<ins>5 s</ins>" in text
    assert Ruling.BROKEN.colour in text


@pytest.mark.parametrize("name", ["report.txt", "nowhere/report.html"])
def test_where_it_cannot_be_written_is_told_before_any_work(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadInput, match="--single-file"):
        runner.report("latest", tmp_path / name)
