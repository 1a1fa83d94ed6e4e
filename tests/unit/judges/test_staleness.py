from __future__ import annotations

from harness.clock import seconds
from harness.judges.bench import judge_one
from harness.judges.staleness import regressions
from harness.ledger import ReadBack
from harness.verdicts import Ruling
from tests.unit.judges.scripted import EPOCH, NEXT, run, story

FAULT = story(fault=f"Lag read replica of {NEXT}")


def newest(second: float) -> int:
    """One event a second, in microseconds."""
    return EPOCH // 1000 + int(second) * 1_000_000


def judged(observed, **changes):
    return judge_one(run(observed=observed, events=FAULT, rate=16, **changes), "bounded_staleness")[0]


def test_fresh_reads_are_kept_however_rare_events_are() -> None:
    assert judged(lambda location, second: newest(second)).ruling is Ruling.KEPT
    assert judged(lambda location, second: newest(second // 40 * 40)).ruling is Ruling.KEPT


def test_a_replica_that_lags_undeclared_breaks_it() -> None:
    late = judged(lambda location, second: newest(max(0, second - (20 if 40 <= second < 150 else 0.5))))
    assert late.ruling is Ruling.BROKEN
    assert 18 < late.figures["staleness_in_fault_seconds"] <= 20


def test_declared_lag_is_allowed_in_its_window_only() -> None:
    def during(location: str, second: float) -> int:
        return newest(max(0, second - (20 if 40 <= second < 150 else 0.5)))

    assert judged(during, declared_lag=seconds(20)).ruling is Ruling.KEPT
    before = judged(
        lambda location, second: newest(max(0, second - (20 if second < 25 else 0.5))), declared_lag=seconds(20)
    )
    assert before.ruling is Ruling.BROKEN


def test_ids_and_silence_tell_nothing() -> None:
    assert judged(lambda location, second: int(second) + 1).ruling is Ruling.UNKNOWN
    assert judged(lambda location, second: newest(0)).ruling is Ruling.UNKNOWN


def test_reads_that_go_back_in_time_are_counted() -> None:
    record = run(
        observed=lambda location, second: newest(second - (10 if location == "europe" and 50 <= second < 51 else 0))
    )
    assert regressions(record) == {"america": 0, "europe": 2}


def learns_nothing_after_60(location: str, second: float) -> int:
    return newest(min(second, 60))


def test_reads_that_all_stand_still_are_held_against_what_the_writer_holds() -> None:
    happened = tuple(newest(second) + 3 for second in range(240))
    found = judged(learns_nothing_after_60, readback=ReadBack(True, happened=happened))
    assert found.ruling is Ruling.BROKEN
    assert 90 < found.figures["staleness_in_fault_seconds"] < 95
    fresh = judged(lambda location, second: newest(second), readback=ReadBack(True, happened=happened))
    assert fresh.ruling is Ruling.KEPT


def test_reads_that_all_stand_still_prove_nothing_by_themselves() -> None:
    found = judged(learns_nothing_after_60)
    assert found.ruling is Ruling.UNKNOWN
    assert "the writer's were not read back" in found.reason
