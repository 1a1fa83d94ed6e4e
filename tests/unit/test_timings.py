from __future__ import annotations

import pytest

from harness.clock import seconds
from harness.errors import BadInput
from harness.timings import DOCUMENTED, parse

MEASURED = """
[aurora]
best_seconds = 10
typical_seconds = 16
worst_seconds = 30
source = "our own failovers, 2026"
"""


def test_every_documented_figure_is_in_order_and_has_its_page():
    for kind, span in DOCUMENTED.items():
        assert span.best <= span.typical <= span.worst, kind
        assert span.source.startswith("https://docs.aws.amazon.com/"), kind


def test_measured_figures_stand_in_for_aws_s_own():
    found = parse(MEASURED, "timings.toml")
    assert (found["aurora"].worst, found["aurora"].source) == (seconds(30), "our own failovers, 2026")
    assert {kind for kind in found if found[kind] != DOCUMENTED[kind]} == {"aurora"}


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ("[aurora]", "[oracle]", "oracle: unknown; one of"),
        ("[aurora]", "[aurora", "TOML: "),
        ("best_seconds = 10", "best_seconds = 99", "aurora: best, typical and worst must be in order"),
        ("best_seconds = 10", 'best_seconds = "10"', "aurora.best_seconds: must be a number"),
        ("best_seconds = 10", "best_seconds = -1", "aurora.best_seconds: must be a number"),
        ("best_seconds = 10", "first = 10", "aurora.first: unknown"),
        ('source = "our own failovers, 2026"', "", "aurora.source: must say who measured it"),
    ],
)
def test_a_wrong_figure_is_named(before: str, after: str, says: str):
    with pytest.raises(BadInput, match=r"timings\.toml: ") as told:
        parse(MEASURED.replace(before, after), "timings.toml")
    assert says in str(told.value)


def test_a_figure_that_is_no_table_is_named():
    with pytest.raises(BadInput, match="aurora: must be a table"):
        parse("aurora = 3", "timings.toml")
