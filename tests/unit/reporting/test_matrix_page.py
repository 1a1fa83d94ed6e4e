from __future__ import annotations

import json

import pytest

from harness.matrix import Cell, Line, Matrix
from harness.phases import PHASES
from harness.reporting import matrix_page, site
from harness.reporting.matrix_page import MATRIX_FILE

KNOWN = "20231114T221320/active_passive.dark"
LINES = (
    Line(
        "recovery time", "lose | region", {phase: Cell("43.0 s", {"rto_seconds": 43.0}, (KNOWN,)) for phase in PHASES}
    ),
    Line("recovery time", "pause <cache>", {phase: Cell() for phase in PHASES}),
)


@pytest.fixture
def matrix():
    return Matrix("hardened", LINES, ("cost of 7.2: 605, not 545",))


def test_markdown_has_a_row_a_line_and_names_every_run_once(matrix):
    text = matrix_page.markdown(matrix)
    assert "| recovery time | lose / region | 43.0 s [1] | 43.0 s [1] | 43.0 s [1] |" in text
    assert "|  | pause <cache> | not measured | not measured | not measured |" in text
    assert text.count(KNOWN) == 1
    assert "- cost of 7.2: 605, not 545" in text


def test_the_page_links_only_the_runs_that_have_a_page(matrix):
    assert f'href="runs/{KNOWN}/index.html"' in matrix_page.html(matrix, {KNOWN: f"runs/{KNOWN}/index.html"})
    bare = matrix_page.html(matrix)
    assert "href" not in bare.replace('href="index.html"', "")
    assert KNOWN in bare
    assert "pause &lt;cache&gt;" in bare


def test_it_is_plain_json(matrix):
    told = json.loads(json.dumps(matrix.to_json()))
    assert told["lines"][0]["cells"]["active_active"] == {
        "text": "43.0 s",
        "values": {"rto_seconds": 43.0},
        "sources": [KNOWN],
    }


def test_the_index_links_the_page_where_there_is_one(runs, tmp_path, matrix):
    finished = [runs["dark"].finished]
    index = site.build(tmp_path / "results", tmp_path / "site", finished, matrix).index
    assert f'href="{MATRIX_FILE}"' in index.read_text()
    assert (index.parent / MATRIX_FILE).exists()
    without = site.build(tmp_path / "results", tmp_path / "other", finished).index
    assert MATRIX_FILE not in without.read_text()
    assert not (without.parent / MATRIX_FILE).exists()
