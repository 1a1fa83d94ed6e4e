"""The rules that hold for every promise: a green never comes from missing evidence."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness import objectives
from harness.clock import seconds
from harness.events import AlarmChanged, AlarmNotified, LagMeasured, RoleChanged, RoleSeen, TasksCounted
from harness.header import Stream
from harness.judges import sanity
from harness.judges.bench import PROMISES, judge
from harness.ledger import Jobs, ReadBack
from harness.record import Record
from harness.requests import Outcome
from harness.verdicts import Outcome as Ended
from harness.verdicts import Ruling
from tests.unit.judges.scripted import EPOCH, HOME, NEXT, acknowledged, at, run, story, view

OTHER_WEATHER = {"no_false_alarm", "sessions", "writer_home", "split_reads"}
"""What this run does not keep: the lag alarm rings, sessions and the writer stay at home, nobody counts statements."""


def perfect() -> Record:
    """A run of a lagging replica in which every promise is kept."""
    lag = f"Lag read replica of {NEXT}"
    metric = "AWS/RDS/ReplicaLag"
    events = [
        *story(fault=lag),
        *(LagMeasured(at(t), "r1", NEXT, 90.0 if 40 <= t < 150 else 0.1) for t in range(0, 240, 5)),
        TasksCounted(at(-9), NEXT, "api-gateway", 2, 2),
        AlarmChanged(at(-9), "lag", NEXT, "INSUFFICIENT_DATA", "OK", "data", metric, "DBInstanceIdentifier=r1"),
        AlarmChanged(at(100), "lag", NEXT, "OK", "ALARM", "over", metric, "DBInstanceIdentifier=r1"),
        AlarmNotified(at(101), "lag", NEXT, "ALARM"),
        RoleChanged(at(60), NEXT, "viewer"),
        *(RoleSeen(at(100), region, "viewer") for region in (HOME, NEXT)),
        AlarmChanged(at(200), "lag", NEXT, "ALARM", "OK", "under", metric, "DBInstanceIdentifier=r1"),
    ]
    plain = run(
        events=events,
        observed=lambda location, second: EPOCH // 1000 + int(second) * 1_000_000,
        promises=tuple(name for name in PROMISES if name not in OTHER_WEATHER),
        lag_alarm="lag",
        alarm="lag",
        undisturbed=(Stream("list_triggers"),),
    )
    jobs = Jobs(("1",), ("1",), {"1": 1})
    return replace(plain, readback=ReadBack(True, (), (view(acknowledged(plain)),), jobs))


PERFECT = perfect()


def rulings(record: Record) -> dict[str, Ruling]:
    return {verdict.promise: verdict.ruling for verdict in judge(record)}


def test_every_promise_has_its_judge_and_its_definition() -> None:
    assert set(PROMISES) == set(objectives.PROMISES)
    for one in PROMISES.values():
        assert "Source:" in (one.judge.__doc__ or "")
        assert "Units:" in (one.judge.__doc__ or "")


def test_the_perfect_run_keeps_everything() -> None:
    assert set(rulings(PERFECT).values()) == {Ruling.KEPT}, [v.reason for v in judge(PERFECT) if v.ruling]


def test_the_same_record_gets_the_same_verdicts() -> None:
    assert judge(PERFECT) == judge(perfect())


@pytest.mark.parametrize("ended", [None, Ended.ABORTED, Ended.REFUSED, Ended.UNDO_FAILED])
def test_a_run_that_did_not_finish_keeps_nothing(ended: Ended | None) -> None:
    found = rulings(replace(PERFECT, header=replace(PERFECT.header, outcome=ended)))
    assert set(found.values()) == {Ruling.UNKNOWN}


def test_a_torn_record_keeps_nothing() -> None:
    assert set(rulings(replace(PERFECT, damage=("requests-asia.bin: torn",))).values()) == {Ruling.UNKNOWN}


def test_without_a_read_back_nothing_that_needs_it_is_kept() -> None:
    found = rulings(replace(PERFECT, readback=None))
    for promise in ("no_lost_writes", "bounded_loss", "single_writer", "jobs_exactly_once"):
        assert found[promise] is Ruling.UNKNOWN


@settings(max_examples=25, deadline=None)
@given(st.floats(0, 235), st.floats(3, 240), st.sampled_from([0, 1]))
def test_a_hole_in_the_traffic_keeps_nothing(began: float, span: float, location: int) -> None:
    times = PERFECT.traffic["intended"]
    ended = min(began + span, 216.0)
    hole = (
        (times >= at(began).nanoseconds) & (times < at(ended).nanoseconds) & (PERFECT.traffic["location"] == location)
    )
    if ended - began < 3:
        return
    found = rulings(replace(PERFECT, traffic=PERFECT.traffic[~hole]))
    assert Ruling.KEPT not in found.values()


@settings(max_examples=10, deadline=None)
@given(st.randoms(use_true_random=False))
def test_thinned_traffic_keeps_nothing(random) -> None:
    generator = np.random.default_rng(random.randrange(2**32))
    thinned = PERFECT.traffic[generator.random(len(PERFECT.traffic)) < 0.9]
    assert Ruling.KEPT not in rulings(replace(PERFECT, traffic=thinned)).values()


def test_a_late_or_overloaded_generator_is_told() -> None:
    late = PERFECT.traffic.copy()
    late["sent"] += seconds(3).nanoseconds
    late["done"] += seconds(3).nanoseconds
    assert any("itself was 3.0 s late" in doubt for doubt in sanity.of_the_traffic(replace(PERFECT, traffic=late)))
    dropped = PERFECT.traffic.copy()
    dropped["outcome"][10] = Outcome.DROPPED
    assert any("dropped arrivals" in doubt for doubt in sanity.of_the_traffic(replace(PERFECT, traffic=dropped)))


def test_clients_that_are_stopped_one_after_the_other_are_fit() -> None:
    early = (PERFECT.traffic["location"] == 0) & (PERFECT.traffic["intended"] > at(225).nanoseconds)
    assert sanity.of_the_traffic(replace(PERFECT, traffic=PERFECT.traffic[~early])) == []


def test_no_promise_no_verdict() -> None:
    assert judge(replace(PERFECT, header=replace(PERFECT.header, promises=()))) == []
