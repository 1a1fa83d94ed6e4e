from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from harness.events import Noted
from harness.reporting import interactive
from tests.unit.reporting.conftest import NAMES
from tests.unit.reporting.fabricated import at


def figure(page: str) -> dict:
    found = re.search(r'<script type="application/json" id="figure">(.*?)</script>', page, re.DOTALL)
    assert found
    return json.loads(found[1])


@pytest.mark.parametrize("kind", NAMES)
def test_a_page_asks_nobody_for_anything(runs, kind):
    page = (runs[kind].folder / "experiment.html").read_text()
    assert re.findall(r'(?:src|href)="([^"]*)"', page) == [interactive.FROM_RUN]
    assert "default-src 'none'" in page
    assert not re.search(r"https?://", page)


def test_every_request_and_event_is_there(runs):
    record = runs["dark"].record
    page = interactive.page(record, runs["dark"].verdicts)
    assert sum(len(trace["x"]) for trace in figure(page)["data"]) == len(record.traffic)
    assert page.count("<tr>") - 1 == len(record.events)


def test_a_long_run_is_thinned_but_its_failures_are_kept(runs, monkeypatch):
    monkeypatch.setattr(interactive, "POINTS", 1200)
    record = runs["dark"].record
    traces = figure(interactive.page(record, []))["data"]
    drawn = {trace["name"]: 0 for trace in traces}
    for trace in traces:
        drawn[trace["name"]] += len(trace["x"])
    assert sum(drawn.values()) <= 1200
    assert drawn["timed out"] == int((record.traffic["outcome"] == 3).sum())


def test_thinning_has_a_limit_even_when_all_fail():
    kept = interactive._decimated(np.zeros(10_000, np.bool_), 100)
    assert len(kept) <= 100
    assert len(interactive._decimated(np.zeros(0, np.bool_), 100)) == 0


def test_a_script_in_the_record_stays_text(runs):
    evil = "</script><script>alert(1)</script>"
    record = runs["dark"].record
    events = (*record.events, Noted(at(300), evil))
    page = interactive.page(replace(record, header=replace(record.header, title=evil), events=events), [])
    assert "<script>alert" not in page
