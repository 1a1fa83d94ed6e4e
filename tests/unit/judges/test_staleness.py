from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from harness.clock import seconds
from harness.judges.bench import judge_one
from harness.judges.guarantees import CREATED, DATED, EVENTS, OWN, Backward, backward, own_writes_missed
from harness.judges.staleness import bounded_staleness, reads
from harness.ledger import ReadBack
from harness.verdicts import Ruling
from tests.unit.judges.scripted import EPOCH, NEXT, Arrival, acknowledged, arrivals, at, run, story, view

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


def read(second: float, shows: float, location: str = "america", **changes) -> Arrival:
    return Arrival(second, EVENTS, location, observed=EPOCH // 1000 + round(shows * 1e6), **changes)


def missed_for(*rows: Arrival, readback: ReadBack | None = None) -> list[float]:
    found = reads(arrivals(*rows, readback=readback))
    return [] if found is None else (found.missed_for / 1e9).tolist()


def test_a_read_is_as_stale_as_the_oldest_event_that_it_should_have_shown() -> None:
    assert missed_for(read(20, 5), read(21, 8)) == [12, 0]
    assert missed_for(read(20, 5), read(21, 8), read(22, 9, "europe")) == [12, 12, 0]
    assert missed_for(read(7, 5), read(9, 8)) == [0, 0]
    assert missed_for(read(8, 5, sent=8.5), read(9, 8)) == [0.5, 0]
    assert missed_for(read(20, 5), Arrival(21, observed=7)) == [0]
    assert missed_for(Arrival(21, observed=7)) == []
    assert missed_for(Arrival(21, observed=DATED - 1), Arrival(22, observed=DATED)) == [0]
    # The API and the database may round an event's date each in its own way.
    assert missed_for(read(20, 5), read(21, 5.001)) == [0, 0]
    assert missed_for(read(20, 5), read(21, 5.001001)) == [14.998999, 0]
    writer = ReadBack(True, happened=tuple(EPOCH // 1000 + second * 10**6 for second in (2, 5, 11, 40)))
    assert missed_for(read(20, 5), read(21, 8), readback=writer) == [12, 10]


def test_an_age_is_from_the_newest_event_shown_to_the_answer_and_events_are_told_apart_by_the_gaps_of_reads() -> None:
    found = reads(arrivals(read(20, 5), read(21, 8, done=21.5), read(20.5, 8, "europe"), read(25, 8)))
    assert found is not None
    assert (found.age / 1e9).tolist() == [15.05, 12.55, 13.5, 17.05]
    assert found.resolution == seconds(3.97)
    assert reads(arrivals(read(20, 5))).resolution == seconds(0)
    assert reads(arrivals(read(20, 5), read(23, 5, "europe"))).resolution == seconds(0)


def often(*stale: Arrival, since: float = 0, until: float = 200, last: float = 9999) -> list[Arrival]:
    """A read of america a second, each showing what happened half a second before it, nothing newer than ``last``."""
    plain = (read(second, min(second - 0.5, last)) for second in np.arange(since, until))
    return sorted([*plain, *stale], key=lambda one: one.second)


KEPT = "no read missed an event older than 500 ms ± 1.0 s (allowed: 5.0 s)"


@pytest.mark.parametrize(
    ("rows", "changes", "ruling", "says"),
    [
        ([], {}, Ruling.UNKNOWN, "no read carries the date of what it showed"),
        (often(), {}, Ruling.KEPT, "no read missed an event older than 0 ms ± 1.0 s (allowed: 5.0 s)"),
        (often(read(20, 18.5)), {}, Ruling.KEPT, KEPT),
        (often(read(20, 13.5)), {}, Ruling.BROKEN, "a read from america missed an event that was 5.5 s old "
                                                   "(allowed: 5.0 s)"),
        (often(read(20, 13.5, "europe")), {}, Ruling.BROKEN, "a read from europe missed an event that was 5.5 s old "
                                                             "(allowed: 5.0 s)"),
        (often(read(20.5, 14.5)), {}, Ruling.UNKNOWN,
         "the stalest read from america missed 5.0 s ± 1.0 s: the error bar straddles 5.0 s"),
        (often(read(20, 14.5)), {}, Ruling.UNKNOWN,
         "the stalest read from america missed 4.5 s ± 1.0 s: the error bar straddles 5.0 s"),
        (often(read(19.5, 14.5)), {}, Ruling.KEPT, "no read missed an event older than 4.0 s ± 1.0 s (allowed: 5.0 s)"),
        (often(read(19.500000001, 14.5)), {}, Ruling.UNKNOWN,
         "the stalest read from america missed 4.0 s ± 1.0 s: the error bar straddles 5.0 s"),
        ([read(second, 1 if second < 31 else 30.5) for second in range(20, 40)], {}, Ruling.KEPT,
         "no read missed an event older than 0 ms ± 1.0 s (allowed: 5.0 s)"),
        # From the fault until the replica has caught up a declared lag is allowed, and the worst is the furthest over.
        (often(read(30, 20)), {"declared_lag": seconds(5.5)}, Ruling.KEPT,
         "no read missed an event older than 9.5 s ± 1.0 s (allowed: 10.5 s)"),
        (often(read(155.5, 145.4)), {"declared_lag": seconds(5.5)}, Ruling.UNKNOWN,
         "the stalest read from america missed 10.0 s ± 1.0 s: the error bar straddles 10.5 s"),
        (often(read(29.9, 20)), {"declared_lag": seconds(5.5)}, Ruling.BROKEN,
         "a read from america missed an event that was 9.4 s old (allowed: 5.0 s)"),
        (often(read(155.6, 146)), {"declared_lag": seconds(5.5)}, Ruling.BROKEN,
         "a read from america missed an event that was 9.1 s old (allowed: 5.0 s)"),
        (often(read(60, 40), read(170, 150)), {"declared_lag": seconds(5.5)}, Ruling.BROKEN,
         "a read from america missed an event that was 19.5 s old (allowed: 5.0 s)"),
        # Nothing happened, or nobody can say whether it did.
        ([read(second, 1) for second in (5, 6, 7)], {}, Ruling.UNKNOWN, "no event happened: nothing could be stale"),
        (often(last=193.05), {}, Ruling.KEPT, "no read missed an event older than 0 ms ± 1.0 s (allowed: 5.0 s)"),
        (often(last=193.04), {}, Ruling.UNKNOWN,
         "no read showed anything new in the last 6.0 s, though events were 1.0 s apart at most, "
         "and the writer's were not read back"),
    ],
)  # fmt: skip
def test_what_is_said_of_what_reads_show(rows, changes, ruling: Ruling, says: str) -> None:
    found = bounded_staleness(arrivals(*rows, events=FAULT, **changes))
    assert (found.promise, found.ruling, found.reason) == ("bounded_staleness", ruling, says)


def test_reads_that_never_learnt_anything_are_held_against_what_the_writer_holds_too() -> None:
    writer = ReadBack(True, happened=tuple(newest(second) for second in range(100)))
    frozen = bounded_staleness(arrivals(*(read(second, 1) for second in range(20, 90)), events=FAULT, readback=writer))
    assert (frozen.ruling, frozen.reason) == (
        Ruling.BROKEN, "a read from america missed an event that was 87.0 s old (allowed: 5.0 s)"
    )  # fmt: skip
    nothing = ReadBack(True, happened=(newest(0), newest(1)))
    idle = bounded_staleness(arrivals(*(read(second, 1) for second in range(20, 90)), events=FAULT, readback=nothing))
    assert (idle.ruling, idle.reason) == (Ruling.UNKNOWN, "no event happened: nothing could be stale")


def test_a_read_is_too_stale_from_a_nanosecond_beyond_its_limit_on() -> None:
    def stale(second: float) -> tuple[Ruling, int]:
        found = bounded_staleness(arrivals(*often(read(second, 14.5)), events=FAULT))
        return found.ruling, len(found.evidence["stale_reads"])

    assert stale(20.5) == (Ruling.UNKNOWN, 0)
    assert stale(20.500000001) == (Ruling.BROKEN, 1)


def test_every_window_has_its_declared_lag() -> None:
    again = story(fault=f"Lag read replica of {NEXT}", struck=170, undone=180)[5:-1]
    rows = often(read(60, 40), read(175, 160))
    found = bounded_staleness(arrivals(*rows, events=[*FAULT, *again], declared_lag=seconds(20)))
    assert found.ruling is Ruling.KEPT
    assert found.figures["staleness_in_fault_seconds"] == 19.5


def test_the_figures_of_what_reads_show() -> None:
    rows = often(read(20, 18.5), read(60.0004, 58.0), read(61.0004, 40), read(62, 41, "europe"), until=100)
    found = bounded_staleness(arrivals(*rows, events=FAULT, declared_lag=seconds(2)))
    assert found.figures == {
        "regressions_america": 2, "regressions_europe": 0, "furthest_regression_seconds": 19.5,
        "own_writes_missed": None, "own_write_missed_seconds": None,
        "staleness_outside_fault_seconds": 0.5, "staleness_in_fault_seconds": 20.5,
        "age_outside_fault_seconds": 1.55, "age_in_fault_seconds": 21.05, "resolution_seconds": 1.0,
        "dated_reads": 104, "allowed_seconds": 5.0, "declared_lag_seconds": 2.0,
    }  # fmt: skip
    assert found.evidence["stale_reads"] == [
        {"at": str(at(61.0004)), "location": "america", "newest_shown": str(at(40)), "missed_seconds": 20.5},
        {"at": str(at(62)), "location": "europe", "newest_shown": str(at(41)), "missed_seconds": 20.5},
    ]
    assert list(found.evidence) == ["own_writes_missed", "stale_reads"]
    many = [read(60 + number / 1000, 1) for number in range(201)]
    assert len(bounded_staleness(arrivals(*often(*many), events=FAULT)).evidence["stale_reads"]) == 200
    fine = arrivals(read(20, 19.9999), read(21, 20.0004), read(22.0006, 20.1), read(23, 22.3), events=FAULT)
    assert bounded_staleness(fine).figures["resolution_seconds"] == 1.001
    assert bounded_staleness(fine).figures["age_outside_fault_seconds"] == 1.951
    assert bounded_staleness(fine).figures["age_in_fault_seconds"] == 0.0
    ids = bounded_staleness(arrivals(Arrival(5, observed=9), Arrival(7, observed=4), events=FAULT))
    assert ids.figures == {"regressions_america": 1, "regressions_europe": 0, "own_writes_missed": None,
                           "furthest_regression_seconds": 0.0, "own_write_missed_seconds": None}  # fmt: skip
    both = arrivals(*(Arrival(5, EVENTS, place, observed=9) for place in ("america", "europe")), events=FAULT)
    assert bounded_staleness(both).figures["furthest_regression_seconds"] is None


def written(second: float, location: str = "america") -> Arrival:
    return Arrival(second, CREATED, location, observed=EPOCH // 1000 + round(second * 1e6))


def shown(second: float, shows: float, location: str = "america") -> Arrival:
    return Arrival(second, OWN, location, observed=EPOCH // 1000 + round(shows * 1e6))


def test_what_is_said_of_own_writes() -> None:
    def said(*rows: Arrival, **changes) -> tuple[Ruling, str]:
        found = bounded_staleness(arrivals(*rows, events=FAULT, **changes))
        return found.ruling, found.reason

    late = "a read from america did not show an own write acknowledged 5.0 s before (allowed: 5.0 s)"
    undated = "no read carries the date of what it showed"
    assert said(written(10), shown(15.05, 9)) == (Ruling.UNKNOWN, undated)
    assert said(written(10), shown(15.051, 9), shown(29, 9)) == (Ruling.BROKEN, late)
    assert said(written(10), shown(12, 9), shown(15.051, 9)) == (Ruling.BROKEN, late)
    assert said(written(10), shown(15.051, 9), *often())[0] is Ruling.BROKEN
    assert said(written(10), shown(15.051, 9), *often()) == (Ruling.BROKEN, late)
    stale = "a read from america missed an event that was 5.5 s old (allowed: 5.0 s)"
    assert said(written(10), shown(15.051, 9), *often(read(20, 13.5))) == (Ruling.BROKEN, f"{late}; {stale}")
    assert said(written(30), shown(37.05, 9), *often(), declared_lag=seconds(2))[0] is Ruling.KEPT
    assert said(written(30), shown(37.051, 9), *often(), declared_lag=seconds(2))[0] is Ruling.BROKEN


def test_own_writes_missed_as_figures_and_as_rows() -> None:
    rows = [written(10), written(11, "europe"), shown(12.0506, 9), shown(13, 9, "europe"), shown(14, 10)]
    found = bounded_staleness(arrivals(*rows, events=FAULT))
    assert found.figures["own_writes_missed"] == 2
    assert found.figures["own_write_missed_seconds"] == 2.001
    assert found.evidence == {"own_writes_missed": [
        {"at": str(at(12.0506)), "location": "america", "missed_seconds": 2.001},
        {"at": str(at(13)), "location": "europe", "missed_seconds": 1.95},
    ]}  # fmt: skip
    many = bounded_staleness(arrivals(written(1), *(shown(10 + n / 100, 0) for n in range(201)), events=FAULT))
    assert many.figures["own_writes_missed"] == 201
    assert len(many.evidence["own_writes_missed"]) == 200
    every = bounded_staleness(arrivals(written(10), shown(12, 10), events=FAULT))
    assert (every.figures["own_writes_missed"], every.figures["own_write_missed_seconds"]) == (0, 0.0)
