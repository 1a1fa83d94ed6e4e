"""The spans of a run: which instants bound them, and what bounds them where something is missing."""

from __future__ import annotations

import pytest

from harness.clock import Duration, Instant, seconds
from harness.events import Event, FaultInjected, FaultUndone, PhaseBegan
from harness.judges import windows
from harness.judges.windows import Window
from harness.record import Record
from tests.unit.judges.scripted import DARK, EPOCH, HOME, NEXT, Arrival, arrivals, at

OTHER = f"Pause cache of {HOME}"


def struck(second: float, fault: str = DARK, fidelity: str = "faithful", *regions: str) -> FaultInjected:
    moment = at(second).nanoseconds
    return FaultInjected(at(second), fault, moment, moment, fidelity, "seen", regions or (HOME,))


def undone(second: float, fault: str = DARK, healed: float | None = None) -> FaultUndone:
    return FaultUndone(at(second), fault, 0 if healed is None else at(healed).nanoseconds, "seen")


def record(*events: Event, last: float | None = 200) -> Record:
    return arrivals(*([] if last is None else [Arrival(1), Arrival(last)]), events=events)


def spans(*events: Event, last: float | None = 200) -> list[tuple[float, float, str, float]]:
    return [
        ((one.began - at(0)).seconds, (one.ended - at(0)).seconds, one.ended_by, (one.healed - at(0)).seconds)
        for one in windows.windows(record(*events, last=last))
    ]


AFTER = round(200 + 1e-9, 9)
"""Just after the last arrival."""


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ((), []),
        ((struck(30), undone(90, healed=95)), [(30, 90, "undone", 95)]),
        ((struck(30), undone(90)), [(30, 90, "undone", 90)]),
        # Healed before the undo began: it expired by itself, and the window ends with the undo all the same.
        ((struck(30), undone(90, healed=80)), [(30, 90, "undone", 90)]),
        ((struck(30), undone(30, healed=31)), [(30, 30, "undone", 31)]),
        ((struck(30),), [(30, AFTER, "never undone", AFTER)]),
        ((struck(30), undone(20)), [(30, AFTER, "never undone", AFTER)]),
        ((struck(30), undone(90, OTHER)), [(30, AFTER, "never undone", AFTER)]),
        ((struck(30), struck(50, OTHER), undone(90, OTHER, 91), undone(95, healed=99)),
         [(30, 50, "another fault", 99), (50, 90, "undone", 91)]),
        ((struck(30), undone(50), struck(50, OTHER), undone(90, OTHER)), [(30, 50, "undone", 50),
                                                                          (50, 90, "undone", 90)]),
        ((struck(30), struck(50, OTHER)), [(30, 50, "another fault", 50), (50, AFTER, "never undone", AFTER)]),
        # The same fault twice: each undo is one's own.
        ((struck(30), undone(40, healed=41), struck(60), undone(70, healed=72)),
         [(30, 40, "undone", 41), (60, 70, "undone", 72)]),
        ((struck(30), undone(40), struck(60)), [(30, 40, "undone", 40), (60, AFTER, "never undone", AFTER)]),
    ],
)  # fmt: skip
def test_a_fault_stands_from_its_call_to_what_ended_it(events, expected) -> None:
    assert spans(*events) == expected


def test_a_window_knows_its_fault_and_its_length() -> None:
    (one,) = windows.windows(record(struck(30), undone(90)))
    assert one == Window(struck(30), at(30), at(90), "undone", at(90))
    assert one.span == seconds(60)


def test_without_traffic_a_fault_that_nobody_undid_ends_with_the_last_event() -> None:
    assert spans(struck(30), PhaseBegan(at(70), "hold"), last=None) == [(30, 70, "never undone", 70)]


def test_a_phase_began_when_it_was_entered_first() -> None:
    found = record(PhaseBegan(at(3), "steady"), PhaseBegan(at(5), "hold"), PhaseBegan(at(9), "hold"))
    assert windows.phase(found, "hold") == at(5)
    assert windows.phase(found, "undo") is None


def test_a_run_begins_with_its_steady_state_or_with_what_there_is() -> None:
    assert windows.begin(record(PhaseBegan(at(0), "settle"), PhaseBegan(at(3), "steady"))) == at(3)
    assert windows.begin(record(PhaseBegan(at(0), "settle"))) == at(1)
    assert windows.begin(record(PhaseBegan(at(7), "settle"), PhaseBegan(at(8), "hold"), last=None)) == at(7)
    assert windows.begin(record(last=None)) == Instant(EPOCH)


def test_a_run_ends_with_its_last_arrival_or_event() -> None:
    assert windows.end(record(PhaseBegan(at(300), "read_back"))) == at(300)
    assert windows.end(record(PhaseBegan(at(30), "hold"))) == at(200) + Duration(1)
    assert windows.end(record()) == at(200) + Duration(1)
    assert windows.end(record(last=None)) == Instant(EPOCH)
    assert windows.traffic_end(record(last=None)) == Instant(0)
    assert windows.traffic_end(record(last=1)) == at(1) + Duration(1)


def test_the_calm_lasts_until_the_first_fault_or_as_long_as_there_is_traffic() -> None:
    steady = PhaseBegan(at(3), "steady")
    assert windows.calm(record(steady, struck(30), struck(50))) == (at(3), at(30))
    assert windows.calm(record(steady)) == (at(3), at(200) + Duration(1))


def test_the_aftermath_begins_with_the_last_undo() -> None:
    assert windows.aftermath(record(struck(30), undone(60), undone(70, OTHER))) == (at(70), at(200) + Duration(1))
    assert windows.aftermath(record(struck(30))) is None


@pytest.mark.parametrize(
    ("fault", "regions", "dark"),
    [
        (DARK, (HOME,), {HOME}),
        (f"Blackhole {HOME}", (HOME,), {HOME}),
        (f"Lose {NEXT}", (NEXT,), {NEXT}),
        (f"Lose {HOME}", (HOME, NEXT), {HOME}),
        (f"Stop api-gateway of {NEXT}", (NEXT,), {NEXT}),
        (f"Shrink api-gateway of {NEXT}", (NEXT,), set()),
        (f"Stop action-workers of {NEXT}", (NEXT,), set()),
        (f"Blackhole cache of {HOME}", (HOME,), set()),
        (f"Lose load balancer of {HOME}", (HOME,), set()),
        (f"Lose zone a of {HOME}", (HOME,), set()),
        (f"Pause {HOME}", (HOME,), set()),
        ("Lose control plane", (HOME,), set()),
    ],
)
def test_which_regions_no_client_can_be_sent_to(fault: str, regions: tuple[str, ...], dark: set[str]) -> None:
    assert windows.dark_regions(struck(30, fault, "faithful", *regions)) == dark


@pytest.mark.parametrize(
    ("labels", "least"),
    [
        ((), "faithful"),
        (("faithful",), "faithful"),
        (("faithful", "twin-only"), "twin-only"),
        (("partial", "twin-only", "faithful"), "partial"),
        (("somehow", "twin-only"), "twin-only"),
        (("somehow",), "faithful"),
    ],
)
def test_a_run_is_as_faithful_as_its_least_faithful_fault(labels: tuple[str, ...], least: str) -> None:
    assert windows.fidelity(record(*(struck(30 + n, fidelity=label) for n, label in enumerate(labels)))) == least


def test_a_span_is_told_to_the_microsecond() -> None:
    assert windows.span_seconds(at(1), at(2.1234567)) == 1.123457
    assert windows.span_seconds(at(2), at(1)) == -1
