import itertools
from collections import Counter

import gevent
import numpy as np
import pytest

from harness.clock import monotonic_nanoseconds
from loadtests.arrivals import Arrivals, phase, turns


def test_operations_take_turns_evenly_and_always_alike() -> None:
    mix = {"a": 2, "b": 1, "c": 2, "d": 1, "never": 0}
    first = list(itertools.islice(turns(mix), 60))
    assert Counter(first) == {"a": 20, "b": 10, "c": 20, "d": 10}
    assert first == list(itertools.islice(turns(mix), 60))
    for begin in range(0, 60, 6):
        assert Counter(first[begin : begin + 6]) == {"a": 2, "b": 1, "c": 2, "d": 1}
    assert first[0] != first[1]


def test_locations_do_not_fire_together() -> None:
    shifts = [phase(index) for index in range(3)]
    assert all(abs(a - b) > 0.2 for a, b in itertools.combinations(shifts, 2))


def dispatch(rate: float, span: float, work: float, in_flight: int, start_ahead: float = 0.0):
    due: list[int] = []
    dropped: list[int] = []
    late: list[int] = []

    def perform(operation: str, at: int) -> None:
        due.append(at)
        late.append(monotonic_nanoseconds() - at)
        gevent.sleep(work)

    arrivals = Arrivals(
        rate=rate,
        start=monotonic_nanoseconds() + round(start_ahead * 1e9),
        shift=0.5,
        operations=turns({"a": 1}),
        in_flight=in_flight,
        perform=perform,
        drop=lambda operation, at: dropped.append(at),
    )
    running = gevent.spawn(arrivals.run)
    gevent.sleep(span)
    arrivals.stop()
    drained = arrivals.drain(2)
    running.join(1)
    return due, dropped, late, drained


def test_arrivals_do_not_wait_for_answers() -> None:
    due, dropped, late, drained = dispatch(rate=200, span=0.6, work=0.5, in_flight=400)
    assert drained
    assert not dropped
    assert 110 <= len(due) <= 125
    assert np.diff(due) == pytest.approx(5_000_000, abs=2)
    assert np.median(late) < 20_000_000


def test_what_the_bound_turns_away_is_counted() -> None:
    due, dropped, _, _ = dispatch(rate=200, span=0.5, work=1, in_flight=10)
    assert len(due) == 10
    assert np.diff(sorted(due + dropped)) == pytest.approx(5_000_000, abs=2)


def test_a_late_dispatcher_catches_up_with_the_due_times() -> None:
    due: list[int] = []
    arrivals = Arrivals(
        rate=100,
        start=monotonic_nanoseconds(),
        shift=0,
        operations=turns({"a": 1}),
        in_flight=400,
        perform=lambda operation, at: due.append(at),
        drop=lambda operation, at: pytest.fail("dropped"),
    )
    running = gevent.spawn(arrivals.run)
    gevent.sleep(0.05)
    until = monotonic_nanoseconds() + 300_000_000
    while monotonic_nanoseconds() < until:
        pass  # the whole process is held up
    gevent.sleep(0.05)
    arrivals.stop()
    running.join(1)
    assert np.diff(due) == pytest.approx(10_000_000, abs=2)
    assert len(due) >= 38


def test_nothing_arrives_before_the_start_and_the_past_is_not_made_up_for() -> None:
    due, _, _, _ = dispatch(rate=100, span=0.3, work=0, in_flight=10, start_ahead=0.15)
    assert 10 <= len(due) <= 17
    due, _, _, _ = dispatch(rate=100, span=0.2, work=0, in_flight=10, start_ahead=-100)
    assert 15 <= len(due) <= 22
