"""Somebody else's faults, told from what failed and from what people said."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from harness.clock import Duration
from harness.events import (
    FAULT,
    NOTE,
    OVER,
    AlarmChanged,
    DatabaseEvent,
    Event,
    FaultNoticed,
    FaultUndone,
    HealthChanged,
    Marked,
    PhaseBegan,
)
from harness.judges import notice, windows
from harness.judges.notice import NAME, noticed
from harness.record import Record
from tests.unit.judges.scripted import HOME, NEXT, at, run

WATCHED = (PhaseBegan(at(0), "observe"), PhaseBegan(at(0), "steady"))
ONE_ARRIVAL = Duration(round(1e9 / 8))


def between(*spans: tuple[float, float], where: str = "america") -> Callable[[str, str, float], bool]:
    return lambda location, operation, second: location == where and any(low <= second < high for low, high in spans)


def watched(*spans: tuple[float, float], said: tuple[Event, ...] = (), end: float = 240) -> Record:
    return run(between(*spans), events=[*WATCHED, *said], end=end)


def told(record: Record) -> list[tuple[float, bool]]:
    """The faults by second, and whether somebody told."""
    return [(round((one.at - at(0)).seconds, 1), one.told) for one in noticed(record) if isinstance(one, FaultNoticed)]


def test_where_nothing_failed_and_nobody_spoke_there_was_no_fault() -> None:
    assert noticed(watched()) == []
    assert noticed(watched(said=(Marked(at(20), NOTE, "coffee"), Marked(at(40), OVER, "what?")))) == []


def test_an_outage_is_a_fault_from_its_first_bad_arrival_on() -> None:
    (one,) = noticed(watched((30, 60)))
    assert isinstance(one, FaultNoticed)
    assert at(30) <= one.at <= at(30) + ONE_ARRIVAL
    assert one == FaultNoticed(
        one.at, NAME, one.at.nanoseconds, one.at.nanoseconds, "observed", "the first bad arrival", (), False
    )


def test_a_blip_is_none() -> None:
    assert noticed(watched((30, 30.9))) == []
    assert len(noticed(watched((30, 32)))) == 1


def test_few_bad_arrivals_far_apart_are_none_and_do_not_begin_one_early() -> None:
    noise = tuple((second, second + 0.1) for second in range(5, 240, 25))
    assert noticed(watched(*noise)) == []
    (one,) = noticed(watched(*noise, (162, 175)))
    assert at(155) <= one.at <= at(162) + ONE_ARRIVAL


@pytest.mark.parametrize(("second", "faults"), [(100, 1), (330, 1), (460, 2)])
def test_what_fails_long_after_all_was_well_is_another_fault(second: float, faults: int) -> None:
    found = noticed(watched((30, 50), (second, second + 20), end=520))
    assert len(found) == faults
    assert [one.fault for one in found] == [NAME, f"{NAME} 2"][:faults]


def test_what_fails_elsewhere_at_the_same_time_is_the_same_fault() -> None:
    both = run(
        lambda location, operation, second: 30 <= second < 40 if location == "america" else 35 <= second < 70,
        events=WATCHED,
    )
    (one,) = noticed(both)
    assert at(30) <= one.at <= at(31)


def test_who_says_when_it_began_is_believed() -> None:
    (one,) = noticed(watched((30, 60), said=(Marked(at(28), FAULT, "FIS EXP1"),)))
    assert isinstance(one, FaultNoticed)
    assert (one.at, one.told, one.fault) == (at(28), True, f"{NAME}: FIS EXP1")
    assert at(30).nanoseconds <= one.bites_at <= at(31).nanoseconds


def test_who_speaks_while_it_fails_speaks_late() -> None:
    record = watched((30, 60), said=(Marked(at(45), FAULT, "what is this?"),))
    assert [(round(second), told) for second, told in told(record)] == [(30, False)]


def test_a_second_fault_may_be_told_while_the_first_stands() -> None:
    record = watched((30, 60), said=(Marked(at(29), FAULT, "one"), Marked(at(45), FAULT, "two")))
    assert told(record) == [(29, True), (45, True)]


def test_an_outage_before_the_told_fault_is_a_fault_of_its_own() -> None:
    record = watched((30, 40), (200, 210), said=(Marked(at(190), FAULT, "FIS"),))
    assert [(round(second), told) for second, told in told(record)] == [(30, False), (190, True)]


def test_an_outage_long_after_the_told_end_is_a_fault_of_its_own() -> None:
    said = (Marked(at(29), FAULT, "FIS"), Marked(at(60), OVER, "FIS ended"))
    assert told(watched((30, 40), (300, 320), said=said, end=520)) == [(29, True)]
    assert [round(second) for second, _ in told(watched((30, 40), (400, 420), said=said, end=520))] == [29, 400]


def test_its_end_is_told_or_not_known() -> None:
    said = (Marked(at(28), FAULT, "FIS"), Marked(at(70), OVER, "ended"), Marked(at(80), OVER, "really"))
    found = noticed(watched((30, 60), said=said))
    assert found[1:] == [FaultUndone(at(70), f"{NAME}: FIS", 0, "told: ended")]


def test_each_end_is_that_of_the_last_fault_before_it() -> None:
    said = (
        Marked(at(10), OVER, "of none"), Marked(at(20), FAULT, "one"), Marked(at(40), FAULT, "two"),
        Marked(at(90), OVER, "of two"),
    )  # fmt: skip
    ends = [one for one in noticed(watched(said=said)) if isinstance(one, FaultUndone)]
    assert ends == [FaultUndone(at(90), f"{NAME} 2: two", 0, "told: of two")]


@pytest.mark.parametrize(
    ("sign", "seen"),
    [
        (AlarmChanged(at(40), "lag", NEXT, "OK", "ALARM", "", "", ""), True),
        (AlarmChanged(at(40), "lag", NEXT, "", "ALARM", "", "", ""), False),
        (AlarmChanged(at(20), "lag", NEXT, "OK", "ALARM", "", "", ""), False),
        (HealthChanged(at(40), "c1", HOME, False), True),
        (HealthChanged(at(40), "c1", HOME, True), False),
        (DatabaseEvent(at(40), "db", HOME, "Multi-AZ failover started", ("failover",)), True),
        (DatabaseEvent(at(40), "db", HOME, "Backing up", ("backup",)), False),
    ],
)
def test_a_told_fault_that_no_client_met_bit_only_where_aws_says_so(sign: Event, seen: bool) -> None:
    (one,) = noticed(watched(said=(Marked(at(30), FAULT, "FIS"), sign)))
    assert isinstance(one, FaultNoticed)
    assert one.bites_at == (at(40).nanoseconds if seen else 0)


def test_a_run_that_only_watched_has_its_faults_as_windows() -> None:
    record = watched((30, 60))
    (one,) = noticed(record)
    seen = Record(record.header, (*record.events, one), record.traffic)
    (window,) = windows.windows(seen)
    assert (window.ended_by, window.begin_told, window.end_told) == ("not told", False, False)
    assert windows.fidelity(seen) == "observed"
    assert windows.observed(seen)
    assert notice.outages(record)[0].began == one.at
