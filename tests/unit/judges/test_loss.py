from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.clock import seconds
from harness.events import DatabaseEvent, Decided, LagMeasured, WriterSeen
from harness.judges import lapses, loss
from harness.judges.bench import judge_one
from harness.judges.loss import losses
from harness.ledger import Jobs, ReadBack, Wal
from harness.objectives import Objectives
from harness.requests import Outcome
from harness.verdicts import Ruling
from tests.unit.judges.scripted import HOME, NEXT, acknowledged, at, refuge, run, story, view, write_id

BASE = run(lambda location, operation, second: 30 <= second < 60)
ACKNOWLEDGED = acknowledged(BASE)
NO_JOBS = Jobs()


def read(*views, record=BASE, complete: bool = True, promoted: float | None = None, jobs: Jobs = NO_JOBS, **objectives):
    moment = None if promoted is None else at(promoted).nanoseconds
    back = ReadBack(complete, () if complete else ("sql:eu-west-1",), tuple(views), jobs, moment)
    header = replace(record.header, objectives=Objectives(**objectives)) if objectives else record.header
    return replace(record, readback=back, header=header)


def one(record, promise: str = "no_lost_writes"):
    return judge_one(record, promise)[0]


def test_everything_found_is_kept() -> None:
    verdict = one(read(view(ACKNOWLEDGED)))
    assert verdict.ruling is Ruling.KEPT
    assert verdict.figures["lost_writes"] == 0


@settings(max_examples=25, deadline=None)
@given(st.sets(st.sampled_from(sorted(ACKNOWLEDGED)), max_size=30), st.data())
def test_the_classes_are_set_arithmetic(missing: set[str], data: st.DataObject) -> None:
    unknown = {write_id(0, number).hex() for number in range(0, 240 * 8, 4)} - set(ACKNOWLEDGED)
    appeared = data.draw(st.sets(st.sampled_from(sorted(unknown)), max_size=5))
    stranded = data.draw(st.sets(st.sampled_from(sorted(missing)), max_size=5)) if missing else set()
    found = losses(read(view((set(ACKNOWLEDGED) - missing) | appeared), view(stranded, "old_writer")))
    assert found is not None
    counts = {name: int(mask.sum()) for name, mask in found.kinds.items()}
    assert counts == {
        "lost": len(missing), "recovered": len(appeared), "unexpected": 0, "duplicated": 0,
        "stranded": len(stranded), "split_brain": 0,
    }  # fmt: skip


def test_lost_rows_and_seconds_are_bounded_each_by_its_own_promise() -> None:
    gone = sorted(key for key, done in ACKNOWLEDGED.items() if 25 <= done < 28)
    span = 30 - min(ACKNOWLEDGED[key] for key in gone)  # a recovery point is counted back from the fault
    kept = view(set(ACKNOWLEDGED) - set(gone))
    assert one(read(kept)).ruling is Ruling.BROKEN
    assert one(read(kept, lost_writes=len(gone))).ruling is Ruling.KEPT
    assert one(read(kept, loss_span=seconds(span + 0.01)), "bounded_loss").ruling is Ruling.KEPT
    assert one(read(kept, loss_span=seconds(span - 0.01)), "bounded_loss").ruling is Ruling.BROKEN
    verdict = one(read(kept), "bounded_loss")
    assert verdict.ruling is Ruling.BROKEN
    assert len(verdict.evidence["lost"]) == len(gone)
    assert verdict.evidence["lost"][0]["address"] == "10.1.10.80"


def test_one_lost_write_reaches_as_far_back_as_the_fault_is_away() -> None:
    early = min(ACKNOWLEDGED, key=lambda key: ACKNOWLEDGED[key])
    verdict = one(read(view(set(ACKNOWLEDGED) - {early}), loss_span=seconds(5)), "bounded_loss")
    assert verdict.ruling is Ruling.BROKEN
    assert verdict.figures["lost_seconds"] == pytest.approx(30 - ACKNOWLEDGED[early], abs=0.001)


def test_each_fault_has_a_loss_of_its_own() -> None:
    events = [*story(struck=30, undone=60), *story(fault="Stop database writer", struck=150, undone=200)[5:]]
    record = replace(BASE, events=tuple(sorted(events, key=lambda event: event.at)))
    gone = [key for key, done in ACKNOWLEDGED.items() if 29 <= done < 30 or 148 <= done < 150]
    verdict = one(read(view(set(ACKNOWLEDGED) - set(gone)), record=record, loss_span=seconds(2)), "bounded_loss")
    assert verdict.ruling is Ruling.KEPT
    assert 1.8 < verdict.figures["lost_seconds"] <= 2


def lagged(lag: float, *, at_second: float = 28.0) -> list:
    writers = [WriterSeen(at(0), HOME, "db-1"), WriterSeen(at(50), NEXT, "db-2")]
    return [*story(), *writers, LagMeasured(at(at_second), "db-2", NEXT, lag)]


@pytest.mark.parametrize(("lag", "ruling"), [(0.5, Ruling.BROKEN), (3.5, Ruling.KEPT)])
def test_a_loss_that_the_replicas_lag_does_not_explain_breaks_its_bound(lag: float, ruling: Ruling) -> None:
    """The lag was measured 2 s before the fault, so that it was at most 2 s more when the fault struck."""
    gone = {key for key, done in ACKNOWLEDGED.items() if 25 <= done < 26}
    record = read(view(set(ACKNOWLEDGED) - gone), record=replace(BASE, events=tuple(lagged(lag))), loss_span=seconds(9))
    verdict = one(record, "bounded_loss")
    assert verdict.ruling is ruling
    assert verdict.figures["lag_at_fault_seconds"] == lag + 2
    assert verdict.figures["beyond_lag_writes"] == (len(gone) if ruling is Ruling.BROKEN else 0)


def test_a_lag_that_nobody_measured_bounds_nothing() -> None:
    figures = one(read(view(ACKNOWLEDGED)), "bounded_loss").figures
    assert figures["lag_at_fault_seconds"] is figures["beyond_lag_writes"] is None
    elsewhere = replace(BASE, events=tuple(lagged(0.5, at_second=40)))
    assert one(read(view(ACKNOWLEDGED), record=elsewhere), "bounded_loss").figures["lag_at_fault_seconds"] is None


@pytest.mark.parametrize(
    ("new", "old", "role", "expected"),
    [
        (Wal(900, 500, at(0).nanoseconds), Wal(740, None, at(0).nanoseconds), "old_writer", 240),
        (Wal(900, 500, at(0).nanoseconds), Wal(840, 740, at(70).nanoseconds), "snapshot", 240),
        (Wal(900, 500, at(0).nanoseconds), Wal(740, None, at(70).nanoseconds), "snapshot", 240),
        (Wal(900, 500, at(0).nanoseconds), Wal(500, None, at(0).nanoseconds), "old_writer", 0),
        (Wal(900, 500, at(60).nanoseconds), Wal(740, None, at(0).nanoseconds), "old_writer", None),
        (Wal(900, None, at(0).nanoseconds), Wal(740, None, at(0).nanoseconds), "old_writer", None),
        (Wal(900, 500, at(0).nanoseconds), None, "old_writer", None),
        (None, Wal(740, None, at(0).nanoseconds), "old_writer", None),
        (Wal(900, 500, at(0).nanoseconds), Wal(740, 600, at(0).nanoseconds), "replica", None),
    ],
)
def test_wal_bytes_are_told_where_both_ends_are_known(new, old, role, expected) -> None:
    views = (replace(view(ACKNOWLEDGED), wal=new), replace(view((), role), wal=old))
    assert one(read(*views, promoted=50)).figures["lost_wal_bytes"] == expected
    assert one(read(*views)).figures["lost_wal_bytes"] is None


def test_what_is_there_twice_or_though_refused_breaks_the_promise() -> None:
    some = min(ACKNOWLEDGED)
    doubled = one(read(view(set(ACKNOWLEDGED) - {some}), view([some], rows=2), complete=False))
    assert doubled.ruling is Ruling.BROKEN
    assert "1 writes are there more than once" in doubled.reason
    record = run(lambda location, operation, second: 30 <= second < 60, outcome=Outcome.REFUSED)
    verdict = one(read(view({*acknowledged(record), write_id(0, 240).hex()}), record=record), "bounded_loss")
    assert verdict.ruling is Ruling.BROKEN
    assert verdict.figures["unexpected_writes"] == 1


@pytest.mark.parametrize(("second", "ruling"), [(10, Ruling.UNKNOWN), (-10, Ruling.KEPT)])
def test_rows_of_this_run_that_no_request_carried_say_that_records_are_missing(second: float, ruling: Ruling) -> None:
    verdict = one(read(view([*ACKNOWLEDGED, "f" * 32], created={"f" * 32: second})))
    assert verdict.ruling is ruling
    assert ("records are missing" in verdict.reason) is (ruling is Ruling.UNKNOWN)


def test_an_incomplete_read_back_proves_nothing_but_what_another_node_has() -> None:
    gone = sorted(ACKNOWLEDGED)[:3]
    kept = view(set(ACKNOWLEDGED) - set(gone))
    assert one(read(kept, complete=False)).ruling is Ruling.UNKNOWN
    assert one(read(view(ACKNOWLEDGED), complete=False)).ruling is Ruling.UNKNOWN
    assert one(read(kept, view(gone, "old_writer"), complete=False)).ruling is Ruling.BROKEN


def test_no_view_of_the_writer_is_unknown() -> None:
    assert one(read(view(ACKNOWLEDGED, "replica"))).ruling is Ruling.UNKNOWN
    assert one(BASE).ruling is Ruling.UNKNOWN


def test_views_that_disagree_are_unknown() -> None:
    fewer = set(list(ACKNOWLEDGED)[1:])
    assert "disagree" in one(read(view(ACKNOWLEDGED), view(fewer, source="api"))).reason


def test_doubled_and_refused_rows_are_told() -> None:
    record = run(lambda location, operation, second: 30 <= second < 60, outcome=Outcome.REFUSED)
    every = {part.rows["write_id"][n].tobytes().hex() for part in record.parts for n in range(0, len(part.rows), 4)}
    figures = one(read(view(every, rows=2), record=record)).figures
    assert figures["duplicated_writes"] == len(every)
    assert figures["unexpected_writes"] == figures["refused_writes"] > 0


def test_a_fault_long_after_the_last_acknowledged_write_is_unknown() -> None:
    record = run(lambda location, operation, second: operation == "create_trigger" and 12 <= second < 60)
    verdict = one(read(view(acknowledged(record)), record=record))
    assert verdict.ruling is Ruling.UNKNOWN


@pytest.mark.parametrize(("until", "ruling"), [(19.0, Ruling.UNKNOWN), (22.0, Ruling.KEPT), (29.9, Ruling.KEPT)])
def test_a_write_must_have_been_acknowledged_in_the_ten_seconds_before_the_fault(until: float, ruling: Ruling) -> None:
    record = run(lambda location, operation, second: operation == "create_trigger" and second >= until)
    assert loss.no_lost_writes(read(view(acknowledged(record)), record=record)).ruling is ruling
    later = run(lambda location, operation, second: operation == "create_trigger" and until <= second < 60)
    assert loss.no_lost_writes(read(view(acknowledged(later)), record=later)).ruling is ruling


@pytest.mark.parametrize(("created", "expected"), [(60.0, Ruling.BROKEN), (40.0, Ruling.KEPT)])
def test_a_row_on_the_old_writer_after_the_promotion_is_a_split_brain(created: float, expected: Ruling) -> None:
    some = min(ACKNOWLEDGED)
    record = read(view(ACKNOWLEDGED), view([some], "old_writer", {some: created}), promoted=50)
    assert one(record, "single_writer").ruling is expected


def test_a_write_acknowledged_elsewhere_after_the_promotion_is_a_split_brain_too() -> None:
    late = [key for key, done in ACKNOWLEDGED.items() if done > 100][:2]
    record = read(view(set(ACKNOWLEDGED) - set(late)), promoted=50)
    assert one(record, "single_writer").ruling is Ruling.BROKEN


def test_an_old_writer_that_cannot_be_read_is_unknown() -> None:
    assert one(read(view(ACKNOWLEDGED), promoted=50), "single_writer").ruling is Ruling.UNKNOWN
    assert one(read(view(ACKNOWLEDGED)), "single_writer").ruling is Ruling.KEPT


def test_jobs_run_exactly_once_or_not() -> None:
    good = Jobs(("1", "2"), ("1", "2"), {"1": 1, "2": 1}, ())
    for jobs, expected in [
        (good, Ruling.KEPT),
        (replace(good, results={"1": 1}), Ruling.BROKEN),
        (replace(good, results={"1": 1, "2": 2}), Ruling.BROKEN),
        (replace(good, results={"1": 1}, dead_letters=("2",)), Ruling.BROKEN),
        (replace(good, processed=("1",), results={"1": 1}), Ruling.UNKNOWN),
        (replace(good, processed=("1",)), Ruling.UNKNOWN),
        (replace(good, results={"1": 1, "2": 1, "3": 1}), Ruling.BROKEN),
        (replace(good, results={"1": 1, "2": 0}), Ruling.BROKEN),
        (Jobs(), Ruling.UNKNOWN),
    ]:
        assert one(read(view(ACKNOWLEDGED), jobs=jobs), "jobs_exactly_once").ruling is expected


@pytest.mark.parametrize(("by", "expected"), [("platform", Ruling.KEPT), ("operator", Ruling.BROKEN),
                                              ("harness", Ruling.BROKEN)])  # fmt: skip
def test_only_the_platform_keeps_a_promise_that_says_automatic(by: str, expected: Ruling) -> None:
    assert one(run(where=refuge, events=[*story(), Decided(at(40), by, "promote")]), "automatic").ruling is expected


def test_nobody_deciding_is_fine_only_when_nothing_had_to_be_decided() -> None:
    assert one(run(), "automatic").ruling is Ruling.KEPT
    writers = [WriterSeen(at(0), HOME, "db-1"), WriterSeen(at(50), NEXT, "db-2")]
    assert one(run(events=[*story(), *writers]), "automatic").ruling is Ruling.UNKNOWN
    told = DatabaseEvent(at(50), "db", HOME, "A failover has completed", ("failover",))
    assert one(run(where=refuge, events=[*story(), *writers, told]), "automatic").ruling is Ruling.KEPT
    down = run(lambda location, operation, second: operation == "create_trigger" and 30 <= second < 150)
    verdict = one(down, "automatic")
    assert verdict.ruling is Ruling.BROKEN
    assert "nobody decided" in verdict.reason


def test_what_is_printed_of_a_loss() -> None:
    gone = min(ACKNOWLEDGED, key=lambda key: abs(ACKNOWLEDGED[key] - 29))
    kept = view(set(ACKNOWLEDGED) - {gone})
    verdict = one(read(kept, view([gone], "old_writer"), lost_writes=3, loss_span=seconds(4)))
    assert verdict.promise == "no_lost_writes"
    assert verdict.reason == "1 of 840 acknowledged writes are lost, over 888 ms; allowed: 3 rows"
    assert verdict.figures == {
        "acknowledged_writes": 840, "refused_writes": 0, "unknown_writes": 120, "lost_writes": 1,
        "recovered_writes": 0, "unexpected_writes": 0, "duplicated_writes": 0, "stranded_writes": 1,
        "split_brain_writes": 0, "lost_seconds": 0.887, "lost_wal_bytes": None, "lag_at_fault_seconds": None,
        "beyond_lag_writes": None, "disagreeing_writes": 0, "unrecorded_writes": 0, "allowed_lost_writes": 3,
        "allowed_lost_seconds": 4.0,
    }  # fmt: skip
    (row,) = verdict.evidence["lost"]
    assert row == verdict.evidence["stranded"][0]
    assert row == {
        "write_id": gone, "at": str(at(ACKNOWLEDGED[gone])), "location": ("america", "europe")[int(gone[:16], 16) - 1],
        "region": HOME, "address": "10.1.10.80", "standing": "acknowledged", "status": 0,
        "rows_on_writer": 0, "rows_elsewhere": 1,
    }  # fmt: skip
    assert verdict.evidence["views"][1] == {
        "source": "sql", "region": HOME, "identifier": "db-old_writer", "role": "old_writer",
        "read_at": str(at(0)), "writes": 1, "strangers": 0,
    }  # fmt: skip
    assert "recovered" not in verdict.evidence


@pytest.mark.parametrize(
    ("views", "complete", "says"),
    [
        ((view(ACKNOWLEDGED, "replica"),), True, "no view of the writer was read back: nothing can be called lost"),
        ((view(ACKNOWLEDGED),), False, "the read-back is incomplete (sql:eu-west-1): 0 writes were not found"),
    ],
)
def test_what_is_said_when_nothing_can_be_told(views, complete: bool, says: str) -> None:
    verdict = one(read(*views, complete=complete))
    assert (verdict.promise, verdict.ruling, verdict.reason) == ("no_lost_writes", Ruling.UNKNOWN, says)


@pytest.mark.parametrize(("complete", "missing"), [(False, ()), (True, ("db-3: no answer",)), (True, ("a", "b"))])
def test_either_doubt_about_the_read_back_is_enough(complete: bool, missing: tuple[str, ...]) -> None:
    back = ReadBack(complete, missing, (view(ACKNOWLEDGED),))
    verdict = one(replace(BASE, readback=back))
    assert verdict.ruling is Ruling.UNKNOWN
    assert f"({', '.join(missing) or 'a part of a view'})" in verdict.reason


def test_no_write_acknowledged_is_unknown() -> None:
    record = run(lambda location, operation, second: operation == "create_trigger")
    found = loss.no_lost_writes(read(view(()), record=record))
    assert (found.ruling, found.reason) == (Ruling.UNKNOWN, "no write was acknowledged: none could be lost")


def test_a_bound_that_is_met_exactly_is_kept_and_no_loss_needs_no_bound() -> None:
    early = min(ACKNOWLEDGED, key=lambda key: ACKNOWLEDGED[key])
    record = read(view(set(ACKNOWLEDGED) - {early}))
    span = lapses.worst(lapses.lapses(record, loss.losses(record).answered(loss.losses(record).lost)))
    exact = one(read(view(set(ACKNOWLEDGED) - {early}), loss_span=span), "bounded_loss")
    assert exact.ruling is Ruling.KEPT
    assert exact.reason.endswith(f"allowed: {span}")
    assert one(read(view(ACKNOWLEDGED)), "bounded_loss").ruling is Ruling.KEPT
    after = max(ACKNOWLEDGED, key=lambda key: ACKNOWLEDGED[key])
    assert one(read(view(set(ACKNOWLEDGED) - {after})), "bounded_loss").ruling is Ruling.BROKEN


def test_the_lag_bounds_what_may_be_lost_only_where_loss_is_allowed_by_its_span() -> None:
    gone = {key for key, done in ACKNOWLEDGED.items() if 25 <= done < 26}
    record = replace(BASE, events=tuple(lagged(0.5)))
    kept = view(set(ACKNOWLEDGED) - gone)
    assert one(read(kept, record=record, lost_writes=99)).ruling is Ruling.KEPT
    broken = one(read(kept, record=record, loss_span=seconds(1)), "bounded_loss").reason
    assert broken.endswith(
        "before Blackhole load balancer of us-east-1, and the promoted replica was not further behind"
    )
    assert "allowed: 1.0 s; " in broken


@pytest.mark.parametrize("role", ["old_writer", "snapshot", "replica"])
def test_what_the_old_writer_took_late_is_dated_to_the_nanosecond(role: str) -> None:
    some = min(ACKNOWLEDGED)
    back = read(view(ACKNOWLEDGED), view([some], role, {some: 60.0}), promoted=60).readback
    assert loss.rows_after_promotion(back) == []
    rows = loss.rows_after_promotion(replace(back, promoted_at=at(60).nanoseconds - 1))
    assert rows == ([] if role == "replica" else [(some, at(60).nanoseconds, HOME, f"db-{role}")])
