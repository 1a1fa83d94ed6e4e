"""A run that only watched is judged as far as it can be, and no further."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.clock import seconds
from harness.events import AlarmChanged, Decided, HealthChanged, LagMeasured
from harness.judges import bench
from harness.judges.observed import NO_CLIENT, weigh
from harness.ledger import ReadBack
from harness.objectives import Objectives
from harness.record import Record
from harness.verdicts import Ruling, Verdict
from tests.unit.judges.scripted import HOME, NEXT, acknowledged, at, run, view
from tests.unit.judges.watched import BEGAN, ENDED, silent, watched


def verdict(record: Record, promise: str) -> Verdict:
    return next(one for one in bench.judge(record) if one.promise == promise)


def test_calm_keeps_only_what_holds_in_calm() -> None:
    quiet = AlarmChanged(at(0), "lag", NEXT, "", "OK", "", "AWS/RDS/ReplicaLag", "DBInstanceIdentifier=r1")
    kept = {one.promise for one in bench.judge(watched(quiet, LagMeasured(at(50), "r1", NEXT, 0.1)))
            if one.ruling is Ruling.KEPT}  # fmt: skip
    assert kept == {"routing", "no_false_alarm", "low_lag"}
    assert verdict(watched(), "recovery").reason == "nothing happened while we watched: there was nothing to judge"


def test_the_recovery_of_a_fault_that_nobody_told_of_is_the_least_that_it_can_have_been() -> None:
    found = verdict(watched(down=(30, 50)), "recovery")
    assert found.ruling is Ruling.UNKNOWN
    assert found.figures["rto_seconds"] == pytest.approx(20, abs=1)
    assert "nobody told when the fault began: counted from its first bad arrival, it lasted at least" in found.reason
    assert "may have healed by itself" in found.reason
    assert found.fidelity == "observed"


def test_longer_than_the_objective_it_is_broken_all_the_same() -> None:
    found = verdict(watched(down=(30, 130)), "recovery")
    assert found.ruling is Ruling.BROKEN
    assert found.figures["rto_seconds"] == pytest.approx(100, abs=1)
    assert "at least so long" in found.reason


@pytest.mark.parametrize(
    ("said", "down", "ruling"),
    [
        ((BEGAN, ENDED), (30, 50), Ruling.KEPT),
        ((BEGAN,), (30, 50), Ruling.UNKNOWN),
        ((ENDED,), (30, 50), Ruling.UNKNOWN),
        ((BEGAN, ENDED), (30, 120), Ruling.BROKEN),
        ((BEGAN, ENDED), None, Ruling.UNKNOWN),
    ],
)
def test_it_is_kept_only_where_somebody_told_when_it_began_and_ended(said, down, ruling: Ruling) -> None:
    assert verdict(watched(*said, down=down), "recovery").ruling is ruling


def test_a_told_fault_counts_from_when_it_was_told() -> None:
    plain, told = watched(down=(30, 50)), watched(BEGAN, ENDED, down=(30, 50))
    took = [verdict(one, "recovery").figures["rto_seconds"] for one in (plain, told)]
    assert took[1] == pytest.approx(took[0] + 1, abs=0.2)


def test_a_told_fault_of_which_nothing_was_seen_keeps_nothing() -> None:
    assert {one.ruling for one in bench.judge(watched(BEGAN, ENDED)) if one.promise != "bounded_staleness"} == {
        Ruling.UNKNOWN
    }


def test_no_acknowledged_write_is_missing_whoever_brought_the_fault() -> None:
    assert verdict(watched(down=(30, 50)), "no_lost_writes").ruling is Ruling.KEPT
    record = watched(down=(30, 50))
    assert record.readback is not None
    ids = dict(list(acknowledged(record).items())[:-3])
    lost = replace(record, readback=ReadBack(True, (), (view(ids),)))
    assert verdict(lost, "no_lost_writes").ruling is Ruling.BROKEN


def test_where_clients_should_have_been_served_is_not_known() -> None:
    """They moved, as they should if their region was dark, and should not if it was not."""
    moved = watched(down=(30, 50), where=lambda location, second: NEXT if 50 <= second < 150 else HOME)
    assert verdict(moved, "routing").ruling is Ruling.UNKNOWN
    assert "(else: " in verdict(moved, "routing").reason


def test_a_ring_is_not_called_false_and_lag_no_broken_promise() -> None:
    rang = AlarmChanged(at(20), "lag", NEXT, "OK", "ALARM", "", "AWS/RDS/ReplicaLag", "DBInstanceIdentifier=r1")
    record = watched(rang, LagMeasured(at(15), "r1", NEXT, 90.0), down=(30, 50))
    assert {verdict(record, name).ruling for name in ("no_false_alarm", "low_lag", "lag_alarm")} == {Ruling.UNKNOWN}


def test_who_decided_is_known_only_of_those_who_say_so() -> None:
    by = {who: watched(Decided(at(35), who, "failover"), down=(30, 50)) for who in ("platform", "operator")}
    assert verdict(by["operator"], "automatic").ruling is Ruling.BROKEN
    assert verdict(by["platform"], "automatic").ruling is Ruling.UNKNOWN
    assert "the platform decided by itself" in verdict(by["platform"], "automatic").reason


def test_how_far_back_a_loss_reaches_is_not_known_without_the_faults_beginning() -> None:
    owed = Objectives(loss_span=seconds(5))
    for said, ruling in (((), Ruling.UNKNOWN), ((BEGAN, ENDED), Ruling.BROKEN)):
        record = watched(*said, down=(30, 50), objectives=owed)
        early = [key for key, second in acknowledged(record).items() if second > 20]
        lost = replace(record, readback=ReadBack(True, (), (view(early),)))
        assert verdict(lost, "bounded_loss").ruling is ruling


def test_without_clients_only_aws_own_word_counts() -> None:
    quiet = AlarmChanged(at(0), "lag", NEXT, "", "OK", "", "AWS/RDS/ReplicaLag", "DBInstanceIdentifier=r1")
    lag, struck = LagMeasured(at(20), "r1", NEXT, 0.1), HealthChanged(at(40), "c1", HOME, False)
    for said, kept in (
        ((), {"no_false_alarm", "low_lag"}),
        ((BEGAN, ENDED, struck), {"no_false_alarm", "low_lag"}),
        ((BEGAN, ENDED), set()),
    ):
        judged = {one.promise: one for one in bench.judge(silent(quiet, lag, *said))}
        assert {name for name, one in judged.items() if one.ruling is Ruling.KEPT} == kept
        assert Ruling.BROKEN not in {one.ruling for one in judged.values()}
        assert judged["recovery"].reason.startswith(NO_CLIENT)
        assert judged["single_writer"].reason.startswith(NO_CLIENT)


def test_a_run_of_our_own_is_left_alone() -> None:
    kept = Verdict("recovery", Ruling.KEPT, "back")
    assert weigh(run(), kept) is kept
