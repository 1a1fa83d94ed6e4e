from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from harness.clock import seconds
from harness.judges.bench import judge_one
from harness.judges.guarantees import Backward, backward, own_writes_missed
from harness.ledger import ReadBack
from harness.verdicts import Ruling
from tests.unit.judges.scripted import EPOCH, NEXT, acknowledged, run, story, view

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
    assert backward(record) == {"america": Backward(0, seconds(0)), "europe": Backward(2, seconds(9))}
    ids = backward(run(observed=lambda location, second: 9 if second > 5 else 12))
    assert ids["europe"] == Backward(470, None)


WRITTEN = EPOCH // 1000


def owning(delay: float = 0.0, *, lost: bool = False, hidden=lambda location, second: False, **changes):
    """Each write is dated when it was intended; the customer's reads show the newest one, but for what is hidden."""
    plain = run(events=FAULT, rate=16, observed=lambda location, second: newest(second), **changes)
    rows = plain.traffic
    seconds_of = (rows["intended"] - EPOCH) / 1e9
    for number in np.flatnonzero(rows["operation"] == 0):
        rows["observed"][number] = WRITTEN + round(seconds_of[number] * 1e6)
    for number in np.flatnonzero(rows["operation"] == 1):
        own = rows[(rows["operation"] == 0) & (rows["location"] == rows["location"][number])]
        location = plain.header.locations[rows["location"][number]]
        until = rows["sent"][number] - round((delay if hidden(location, seconds_of[number]) else 0) * 1e9)
        rows["observed"][number] = own["observed"][own["done"] <= until].max(initial=0)
    ids = acknowledged(plain)
    kept = ids if not lost else {key for key, done in ids.items() if not 60 <= done < 61}
    return replace(plain, readback=ReadBack(True, (), (view(kept),)))


def test_reads_that_show_every_own_write_are_kept():
    record = owning()
    assert own_writes_missed(record) == []
    assert judge_one(record, "bounded_staleness")[0].ruling is Ruling.KEPT


@pytest.mark.parametrize(("delay", "ruling"), [(4.0, Ruling.KEPT), (7.0, Ruling.BROKEN)])
def test_an_own_write_may_be_missed_for_as_long_as_a_read_may_be_stale(delay, ruling):
    record = owning(delay, hidden=lambda location, second: location == "europe" and 60 <= second < 61)
    missed = own_writes_missed(record)
    assert {one.location for one in missed} == {"europe"}
    assert len(missed) == 4
    verdict = judge_one(record, "bounded_staleness")[0]
    assert verdict.ruling is ruling
    assert delay - 0.3 < verdict.figures["own_write_missed_seconds"] <= delay
    assert verdict.figures["own_writes_missed"] == len(verdict.evidence["own_writes_missed"]) == 4


def test_a_declared_lag_excuses_own_writes_too_and_lost_ones_are_not_missed():
    def hidden(location, second):
        return 60 <= second < 61

    assert judge_one(owning(7.0, hidden=hidden, declared_lag=seconds(5)), "bounded_staleness")[0].ruling is Ruling.KEPT
    rows = owning(lost=True)
    gone = (rows.traffic["operation"] == 0) & (rows.traffic["done"] >= EPOCH + 60 * 10**9)
    gone &= rows.traffic["done"] < EPOCH + 61 * 10**9
    reads = rows.traffic["operation"] == 1
    for date in rows.traffic["observed"][gone]:
        rows.traffic["observed"][reads & (rows.traffic["observed"] == date)] = newest(59)
    assert {one.at.nanoseconds // 10**9 - EPOCH // 10**9 for one in own_writes_missed(rows)} <= {59, 60}


def test_records_from_before_own_writes_were_dated_say_so():
    record = run(observed=lambda location, second: newest(second), events=FAULT)
    assert own_writes_missed(record) is None
    assert judge_one(record, "bounded_staleness")[0].figures["own_writes_missed"] is None


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
