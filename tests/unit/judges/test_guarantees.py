"""A customer's own reads, arrival by arrival: back in time, and without its own writes."""

from __future__ import annotations

from harness.clock import ZERO, Duration, seconds
from harness.judges.guarantees import (
    CREATED,
    DATED,
    EVENTS,
    OWN,
    Backward,
    Missed,
    backward,
    longest,
    of_operation,
    own_writes_missed,
)
from harness.ledger import ReadBack
from harness.requests import Outcome
from tests.unit.judges.scripted import EPOCH, Arrival, acknowledged, arrivals, at, view


def dated(second: float) -> int:
    return EPOCH // 1000 + round(second * 1e6)


def event(second: float, shows: float, location: str = "america", **changes) -> Arrival:
    return Arrival(second, EVENTS, location, observed=dated(shows), **changes)


def write(second: float, location: str = "america", **changes) -> Arrival:
    return Arrival(second, CREATED, location, observed=dated(second), **changes)


def own(second: float, shows: float, location: str = "america", **changes) -> Arrival:
    return Arrival(second, OWN, location, observed=dated(shows), **changes)


def test_good_arrivals_of_one_operation_are_its_own() -> None:
    record = arrivals(event(1, 0), own(2, 0), event(3, 0, outcome=Outcome.TIMED_OUT), event(4, 0, done=9.1))
    assert of_operation(record, EVENTS)["intended"].tolist() == [at(1).nanoseconds]
    assert len(of_operation(arrivals(event(1, 0), operations=(CREATED, OWN)), EVENTS)) == 0


def test_a_read_goes_back_when_one_that_was_answered_before_it_was_sent_showed_more() -> None:
    def told(*rows: Arrival) -> Backward:
        return backward(arrivals(*rows))["america"]

    assert told(event(10, 8), event(20, 5)) == Backward(1, seconds(3))
    assert told(event(10, 8), event(20, 5), event(30, 1), event(31, 6)) == Backward(3, seconds(7))
    assert told(event(10, 8), event(20, 8)) == told(event(10, 5), event(20, 8)) == Backward(0, ZERO)
    # Sent before the other was answered: nobody can say which was served first. At that very moment it was.
    assert told(event(10, 8, done=12), event(11.9, 5)) == Backward(0, ZERO)
    assert told(event(10, 8, done=12), event(12, 5)) == Backward(1, seconds(3))
    # Answered in another order than they were due.
    assert told(event(10, 8, done=14), event(11, 6, done=12), event(13, 5)) == Backward(1, seconds(1))
    assert told(event(10, 8), event(20, 5, location="europe")) == Backward(0, ZERO)
    assert told() == Backward(0, ZERO)


def test_reads_without_dates_are_counted_and_not_measured() -> None:
    def shows(*numbers: int) -> Backward:
        return backward(arrivals(*(Arrival(10.0 * n, observed=one) for n, one in enumerate(numbers, 1))))["america"]

    assert shows(12, 9) == Backward(1, None)
    assert shows(2, 1) == Backward(1, None)
    assert shows(12, 0, 12) == Backward(0, None)
    assert shows(DATED + 5, DATED) == Backward(1, Duration(5000))
    assert shows(DATED, DATED - 1) == Backward(1, None)


def test_a_read_misses_its_customers_write_that_was_acknowledged_before_it_was_sent() -> None:
    def told(*rows: Arrival) -> list[tuple[str, float, float]]:
        found = own_writes_missed(arrivals(*rows))
        return [(one.location, (one.at - at(0)).seconds, one.since.seconds) for one in found or []]

    assert told(write(10), own(20, 9)) == [("america", 20.0, 9.95)]
    assert told(write(10), own(20, 10)) == []
    assert told(Arrival(5, OWN), write(10), own(20, 10)) == []
    assert told(write(10), own(10.05, 9)) == [("america", 10.05, 0.0)]
    assert told(write(10), own(10.04, 9), own(11, 10)) == []
    # The oldest that it does not show; one that was answered later than a younger one.
    assert told(write(10), write(12), own(20, 10)) == [("america", 20.0, 7.95)]
    assert told(write(10), write(12), own(20, 9)) == [("america", 20.0, 9.95)]
    assert told(write(10, done=14), write(12), own(20, 9)) == [("america", 20.0, 7.95)]
    assert told(write(10), write(5), own(20, 4)) == [("america", 20.0, 14.95)]
    # What another customer wrote, and a write that failed.
    assert told(write(10, "europe"), write(5), own(20, 5), own(21, 9, "europe")) == [("europe", 21.0, 10.95)]
    assert told(write(10, outcome=Outcome.TIMED_OUT), write(5), own(20, 5)) == []
    sent_late = own(20, 9, sent=22, done=22.05)
    assert told(write(10), sent_late) == [("america", 22.0, 11.95)]


def test_what_carries_no_date_tells_nothing_of_own_writes() -> None:
    bare = Arrival(10, CREATED)
    assert own_writes_missed(arrivals(bare, own(20, 9))) is None
    assert own_writes_missed(arrivals(write(10), Arrival(20, OWN))) is None
    assert own_writes_missed(arrivals(write(10))) is None
    oldest = Arrival(10, CREATED, observed=DATED)
    assert own_writes_missed(arrivals(oldest, Arrival(20, OWN, observed=DATED))) == []
    assert (
        own_writes_missed(arrivals(Arrival(10, CREATED, observed=DATED - 1), Arrival(20, OWN, observed=DATED))) is None
    )
    # A read that shows none of the customer's writes misses them all; writes without a date are left out.
    missed = own_writes_missed(arrivals(bare, write(11), own(20, 11), Arrival(21, OWN)))
    assert missed == [Missed("america", at(21), seconds(9.95))]


def test_a_write_that_is_lost_is_not_missed() -> None:
    def missed(*rows: Arrival, lost: set[tuple[int, float]]) -> list[Missed] | None:
        ids = acknowledged(arrivals(*rows))
        kept = [key for key, done in ids.items() if (int(key[:16], 16) - 1, round(done, 2)) not in lost]
        assert len(kept) == len(ids) - len(lost)
        return own_writes_missed(arrivals(*rows, readback=ReadBack(True, (), (view(kept),))))

    rows = (write(10), write(12), write(12, "europe"), own(20, 10), own(21, 9), own(20, 11, "europe"))
    nine = Missed("america", at(21), seconds(10.95))
    europe = Missed("europe", at(20), seconds(7.95))
    assert missed(*rows, lost=set()) == [Missed("america", at(20), seconds(7.95)), nine, europe]
    assert missed(*rows, lost={(0, 12.05)}) == [nine, europe]
    assert missed(*rows, lost={(0, 12.05), (1, 12.05)}) == [nine]
    assert missed(write(10), own(20, 9), own(20, 9, "europe"), lost={(0, 10.05)}) == []


def test_the_longest_of_several() -> None:
    assert longest([]) == ZERO
    assert longest([Missed("a", at(1), seconds(2)), Missed("a", at(1), seconds(9))]) == seconds(9)
