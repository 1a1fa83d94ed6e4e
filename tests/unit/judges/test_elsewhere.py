"""Traffic from other machines: what their clocks may be off is in every error bar, and no latency is told as theirs."""

from __future__ import annotations

import pytest

from harness.clock import milliseconds, seconds
from harness.judges import sanity
from harness.judges.bench import judge_one
from harness.judges.outage import recoveries
from harness.judges.streams import UNMEASURED
from harness.verdicts import Ruling
from tests.unit.judges.scripted import run


def dark(location: str, operation: str, second: float) -> bool:
    return 30 <= second < 60


def bars(**changes):
    found = {}
    for one in recoveries(run(dark, **changes)):
        found.setdefault(one.stream.location, []).append((one.error.seconds, one.more.seconds))
    return found


def test_a_clock_elsewhere_widens_the_bar_of_its_own_location_to_both_sides():
    plain, wide = bars(), bars(clock_error={"europe": milliseconds(200)})
    assert wide["america"] == plain["america"]
    for (error, more), (wider, later) in zip(plain["europe"], wide["europe"], strict=True):
        assert wider - error == pytest.approx(0.2, abs=0.001)
        assert later - more == pytest.approx(0.2, abs=0.001)


def test_what_straddles_the_objective_by_the_clock_alone_is_unknown():
    def late(location: str, operation: str, second: float) -> bool:
        return 30 <= second < 89.4

    assert judge_one(run(late), "recovery")[0].ruling is Ruling.KEPT
    error = {"europe": milliseconds(400), "america": milliseconds(400)}
    assert judge_one(run(late, clock_error=error), "recovery")[0].ruling is Ruling.UNKNOWN


def test_a_proof_by_another_clock_may_have_come_later():
    record = run(dark, clock_error={"europe": milliseconds(300), "america": milliseconds(300)})
    plain = run(dark)
    assert {one.spells[0].bad_from - other.spells[0].bad_from for one, other in
            zip(recoveries(record), recoveries(plain), strict=True)} == {milliseconds(300)}  # fmt: skip


def test_a_clock_that_nobody_knows_is_no_clock():
    assert sanity.of_the_traffic(run(clock_error={"europe": seconds(0.4)})) == []
    doubts = sanity.of_the_traffic(run(clock_error={"europe": seconds(0.6)}))
    assert doubts == ["the clock of europe is only known to ± 600 ms: nothing there can be timed"]


def test_no_latency_is_told_from_where_none_was_measured():
    (verdict,) = judge_one(run(dark, unmeasured=("europe",)), "recovery")
    rows = [*verdict.evidence["recovery"], *verdict.evidence["availability"]]
    assert {row["p95_ms"] for row in rows if row["location"] == "europe"} == {UNMEASURED}
    assert all(isinstance(row["p95_ms"], float) for row in rows if row["location"] == "america")
    assert verdict.figures["p50_before_ms"] == pytest.approx(50, abs=1)


def test_a_run_that_measured_none_says_so_in_its_figures_too():
    (verdict,) = judge_one(run(dark, unmeasured=("europe", "america")), "recovery")
    assert {
        verdict.figures[f"{share}_{when}_ms"] for share in ("p50", "p95", "p99") for when in ("before", "after")
    } == {UNMEASURED}
    assert verdict.figures["rto_seconds"] == pytest.approx(30, abs=1)
