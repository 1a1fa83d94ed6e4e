from __future__ import annotations

from dataclasses import replace

import pytest

from harness.matrix import NOT_MEASURED, STRATEGY, Run, choose, failure, measure
from harness.prices import TODAY, Price
from harness.verdicts import Outcome
from tests.unit.reporting import fabricated

PRICES = {TODAY: Price(340), "active_passive": Price(545, ("400 + 205 = 605",))}
DARK = "s1/active_passive.the_primary_load_balancer_goes_dark"
LOST = "s1/active_passive.the_primary_region_is_lost"
LAGGING = "s1/read_replicas.the_replica_falls_behind"


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    home = tmp_path_factory.mktemp("runs")
    return {
        DARK: Run(DARK, fabricated.dark(home / "dark")),
        LOST: Run(LOST, fabricated.lost(home / "lost")),
        LAGGING: Run(LAGGING, fabricated.lagging(home / "lagging")),
    }


@pytest.fixture(scope="module")
def matrix(runs):
    return measure(list(runs.values()), PRICES, "hardened")


def cell(matrix, group, what, phase="active_passive"):
    (line,) = [line for line in matrix.lines if line.group == group and line.what == what]
    return line.cells[phase]


def at_speed_one(run, name=""):
    header = replace(run.record.header, speed=1.0)
    return Run(name or run.name, replace(run.record, header=header))


def test_every_cell_names_its_runs_or_says_that_it_was_not_measured(matrix):
    cells = [cell for line in matrix.lines for cell in line.cells.values()]
    assert all(bool(cell.sources) != cell.text.startswith(NOT_MEASURED) for cell in cells)
    assert {name for cell in cells for name in cell.sources} == {DARK, LOST, LAGGING, STRATEGY}


def test_recovery_is_told_by_failure_and_by_reads_and_writes(matrix):
    dark = cell(matrix, "recovery time", "blackhole load balancer, reads")
    assert dark.values["rto_seconds"] == pytest.approx(43, abs=1)
    assert dark.sources == (DARK,)
    assert cell(matrix, "recovery time", "lose region, writes").values["rto_seconds"] == pytest.approx(68, abs=1)
    assert cell(matrix, "recovery time", "lose region, writes", "active_active").text == NOT_MEASURED


def test_what_most_phases_were_measured_in_comes_first(runs):
    elsewhere = replace(runs[LOST].record, header=replace(runs[LOST].record.header, phase="active_active"))
    told = measure(
        [*runs.values(), Run(LOST.replace("active_passive", "active_active"), elsewhere)], PRICES, "hardened"
    )
    for group, first in (("recovery time", "lose region, reads"), ("data loss", "lose region")):
        lines = [line for line in told.lines if line.group == group]
        assert lines[0].what == first
        counts = [sum(bool(cell.sources) for cell in line.cells.values()) for line in lines]
        assert counts == sorted(counts, reverse=True)
        assert counts[0] == 2
        alone = [line.what for line, count in zip(lines, counts, strict=True) if count == 1]
        assert alone == sorted(alone)


def test_a_run_that_no_platform_can_recover_from_says_nothing_of_a_designs_recovery(runs):
    stubborn = Run(DARK, replace(runs[DARK].record, header=replace(runs[DARK].record.header, breaking=("recovery",))))
    told = measure([stubborn, runs[LOST]], PRICES, "hardened")
    lines = [line.what for line in told.lines if line.group in ("recovery time", "who decided")]
    assert lines
    assert not [what for what in lines if "load balancer" in what]
    assert cell(told, "data loss", "blackhole load balancer").values["lost_writes"] == 0


def test_loss_alarms_and_who_decided_are_told_by_failure(matrix):
    lost = cell(matrix, "data loss", "lose region")
    assert lost.values["lost_writes"] == 4
    assert lost.text.startswith("4 rows over ")
    assert cell(matrix, "data loss", "blackhole load balancer").text == "0 rows"
    assert cell(matrix, "first alarm", "lose region").text == "37.0 s (us-east-1-unhealthy-hosts)"
    assert cell(matrix, "who decided", "lose region").text == "platform"
    assert cell(matrix, "who decided", "blackhole load balancer").text == "nobody had to"
    alarm = cell(matrix, "lag alarm", "after the lag crossed its threshold", "read_replicas")
    assert alarm.values["alarm_delay_seconds"] == pytest.approx(15, abs=6)


def test_latency_comes_from_speed_one_alone(runs, matrix):
    line = next(line for line in matrix.lines if line.group == "read latency")
    assert line.cells["active_passive"].text == "not measured: only speed 1 measures latency"
    assert line.cells["active_active"].text == NOT_MEASURED
    slow = measure([runs[LOST], at_speed_one(runs[DARK])], PRICES, "hardened")
    asia = cell(slow, "read latency", "from asia, p50 / p95")
    assert asia.sources == (DARK,)
    assert asia.values["p50_ms"] < asia.values["p95_ms"]
    assert cell(slow, "write latency", "from america, p50 / p95").values["p50_ms"] < asia.values["p50_ms"]


def test_a_latency_of_elsewhere_is_not_told_as_a_locations_own(runs):
    run = at_speed_one(runs[DARK])
    header = replace(run.record.header, unmeasured=("asia",))
    told = measure([Run(run.name, replace(run.record, header=header))], PRICES, "hardened")
    asia = cell(told, "read latency", "from asia, p50 / p95")
    assert (asia.text, asia.sources) == ("not measured from there", ())
    assert cell(told, "read latency", "from america, p50 / p95").sources == (DARK,)


def test_the_worst_of_several_is_told(runs, tmp_path):
    other = "s1/active_passive.the_load_balancer_goes_dark_again"
    never = Run(other, fabricated.dark(tmp_path / "never", back=400.0))
    told = measure([runs[DARK], never], PRICES, "hardened")
    worst = cell(told, "recovery time", "blackhole load balancer, writes")
    assert worst.text.startswith("> ")
    assert worst.sources == (other,)
    assert cell(told, "who decided", "blackhole load balancer").text == "nobody, and it never recovered"


def test_prices_are_the_strategys_with_our_notes(matrix):
    assert cell(matrix, "cost", "by the strategy's own sums").text == "545 USD a month"
    assert cell(matrix, "cost", "by the strategy's own sums", "read_replicas").text == NOT_MEASURED
    assert matrix.notes == ("cost: the platform today costs 340 USD a month.", "cost of 7.2: 400 + 205 = 605")


def test_nothing_measured_says_so():
    told = measure([], {}, "hardened")
    assert {cell.text for line in told.lines for cell in line.cells.values()} == {NOT_MEASURED}


def test_of_each_scenario_the_newest_finished_run_counts_and_the_newest_at_speed_one():
    header = fabricated.header()
    headers = {
        "s1/p.a": header,
        "s2/p.a": header,
        "s1/p.b": replace(header, speed=1.0),
        "s2/p.b": header,
        "s3/p.a": replace(header, outcome=None),
        "s4/p.a": replace(header, outcome=Outcome.ABORTED),
        "s5/p.a": replace(header, design_version="as_written"),
    }
    assert choose(headers, "hardened") == ["s1/p.b", "s2/p.a", "s2/p.b"]
    assert choose(headers, "as_written") == ["s5/p.a"]


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("Blackhole load balancer of us-east-1", "blackhole load balancer"),
        ("Blackhole us-east-1", "blackhole region"),
        ("Blackhole us-east-1a", "blackhole zone"),
        ("Lose eu-west-1", "lose region"),
        ("Stop database writer", "stop database writer"),
        ("Stop api-gateway of us-east-1", "stop api-gateway"),
        ("Stop tasks of api-gateway of us-east-1", "stop tasks of api-gateway"),
        ("Lose control plane of Route 53", "lose control plane of Route 53"),
        ("Cut link us-east-1 to eu-west-1", "cut link region to region"),
    ],
)
def test_a_failure_is_told_without_its_place(fault, kind):
    assert failure(fault, ("us-east-1", "eu-west-1")) == kind
