"""Which records are fit to judge from: each doubt in its own words, and how little is enough for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from harness.events import ClockStepped, FaultInjected, FaultUndone, PhaseBegan, ProcessorsShared
from harness.judges.bench import judge_one
from harness.judges.sanity import of_the_run, of_the_traffic
from harness.objectives import Objectives
from harness.record import Record, Traffic
from harness.requests import Outcome
from harness.verdicts import Outcome as Ended
from harness.verdicts import Ruling
from tests.unit.judges.scripted import ADDRESS, DARK, HOME, NEXT, Arrival, arrivals, at, run, story, told


@cache
def plain() -> Record:
    """Two arrivals a second from each place, the first at 0.25 s, the last at 239.75 s; each fourth is a write."""
    return run(rate=2)


Change = Callable[[Traffic, np.ndarray], None]


def changed(change: Change, *spans: tuple[float, float], place: int = 0, operation: int | None = None) -> Record:
    """The record with what a change made of some arrivals of one location."""
    rows = plain().traffic.copy()
    change(rows, _these(rows, spans, place, operation))
    return replace(plain(), traffic=rows)


def without(*spans: tuple[float, float], place: int = 0) -> Record:
    rows = plain().traffic
    return replace(plain(), traffic=rows[~_these(rows, spans, place, None)])


def _these(rows: Traffic, spans, place: int, operation: int | None) -> np.ndarray:
    moments = (rows["intended"] - at(0).nanoseconds) / 1e9
    inside = np.zeros(len(rows), np.bool_)
    for began, ended in spans:
        inside |= (moments >= began) & (moments < ended)
    return inside & (rows["location"] == place) & ((rows["operation"] == operation) | (operation is None))


def scattered(count: int) -> Record:
    """So many arrivals missing, never two in a row."""
    return without(*((10 + 4 * number, 10.5 + 4 * number) for number in range(count)))


def lost(count: int) -> str:
    return f"{count} arrivals of america have no record: what became of them nobody knows"


@pytest.mark.parametrize(
    ("record", "doubts"),
    [
        (plain(), []),
        (replace(plain(), traffic=plain().traffic[:0]), ["there was no traffic"]),
        # Too few, a hole, one here and there.
        (scattered(2), []),
        (scattered(3), [lost(3)]),
        (scattered(25), [lost(25)]),
        (scattered(26), ["america sent 454 of 479 scheduled arrivals"]),
        (without((100, 104.5)), [lost(9)]),
        (without((100, 105)), [f"america sent nothing for 5.5 s from {at(99.75)} on"]),
        (without((100, 105), place=1), [f"europe sent nothing for 5.5 s from {at(99.75)} on"]),
        (without((0, 10)), [f"america sent nothing for 10.0 s from {at(0.25)} on"]),
        (without((0, 30)), ["no traffic from america in the steady state", *(
            f"no good answer to {one} from america in the steady state"
            for one in ("create_trigger", "list_triggers", "ponder_events", "api_key_stats"))]),
        # Clients are stopped one after the other, up to so long; before the undo nobody stops.
        (without((215.5, 240)), []),
        (without((214.5, 240)), [f"america sent nothing for 5.5 s from {at(214.25)} on"]),
        (replace(plain(), events=tuple(story(undone=250))), [
            f"{place} sent nothing for 10.2 s from {at(239.75)} on" for place in ("america", "europe")]),
        (replace(plain(), events=tuple(story(undone=300))), [
            f"{place} sent 480 of 600 scheduled arrivals" for place in ("america", "europe")]),
        (replace(scattered(25), events=tuple(story(undone=240.25))), [lost(25)]),
        # What came before the steady state, and where the traffic itself began later.
        (replace(without((1, 4)), events=(*(PhaseBegan(at(5), "steady"),), *story()[1:])), []),
        (replace(plain(), traffic=plain().traffic[plain().traffic["intended"] > at(10).nanoseconds]), []),
        # An answer before its question.
        (changed(lambda rows, these: rows["done"].__setitem__(these, rows["sent"][these]), (40, 40.5)), []),
        (changed(lambda rows, these: rows["done"].__setitem__(these, rows["sent"][these] - 1), (40, 41)),
         ["2 requests of america ended before they began: its clock ran back"]),
        (changed(lambda rows, these: rows["sent"].__setitem__(these, 0), (40, 41)), []),
        (changed(lambda rows, these: (rows["sent"].__setitem__(these, 0),
                                      rows["done"].__setitem__(these, rows["intended"][these] - 1)), (40, 41)),
         ["2 requests of america ended before they began: its clock ran back"]),
    ],
)  # fmt: skip
def test_traffic_that_is_not_fit(record: Record, doubts: list[str]) -> None:
    assert of_the_traffic(replace(record)) == doubts  # a record is asked only once, a copy of it anew


def in_need(share: float, *spans: tuple[float, float], wanted: float = 0.2, processes: int = 2) -> list[str]:
    """What is said of the traffic where its clients waited so large a share of the time in which they could run.

    In these spans; else a tenth of it. Told once in five seconds. ``wanted``: of a processor, by each of them.
    """

    def told(second: int) -> ProcessorsShared:
        waited = wanted * 5 * processes * (share if any(a < second <= b for a, b in spans) else 0.1)
        return ProcessorsShared(at(second), processes, 5.0, wanted * 5 * processes - waited, waited)

    events = sorted([*story(), *map(told, range(5, 240, 5))], key=lambda event: event.at)
    return of_the_traffic(replace(plain(), events=tuple(events)))


def short(words: str) -> list[str]:
    return [f"this machine is short of processors: its clients waited {words} of the time in which they could run"]


def test_a_machine_short_of_processors_proves_nothing() -> None:
    assert in_need(0.849, (0, 240)) == []
    assert in_need(0.86, (0, 240)) == short("86%")
    assert in_need(0.93, (30, 150)) == in_need(0.93, (0, 30)) == short("93%")
    # Of a span it is the whole of it that counts, and nobody judges what comes after the undo.
    assert in_need(0.99, (30, 50)) == []
    assert in_need(0.99, (150, 240)) == []
    # Who hardly wants one is not held up.
    assert in_need(0.99, (0, 240), wanted=0.05) == []
    assert in_need(0.99, (0, 240), wanted=0.051) == short("99%")
    assert in_need(0.99, (0, 240), wanted=0.051, processes=5) == short("99%")


def test_where_nothing_could_be_injected_the_need_is_told_all_the_same() -> None:
    need = ProcessorsShared(at(100), 2, 5.0, 0.5, 4.5)
    calm = replace(plain(), events=(PhaseBegan(at(0), "steady"), need))
    (verdict,) = judge_one(calm, "recovery")
    assert verdict.ruling is Ruling.UNKNOWN
    assert verdict.reason == f"no fault was injected: there was nothing to judge; {short('90%')[0]}"


def test_without_a_rate_nobody_can_say_what_is_missing() -> None:
    for rates in ({"europe": 2.0}, {"america": 0.0, "europe": 2.0}):
        record = replace(plain(), header=replace(plain().header, rate_per_second=rates))
        assert of_the_traffic(record) == ["the header gives no rate for america"]
    slower = replace(plain(), header=replace(plain().header, rate_per_second={"america": 2.0, "europe": 1.9}))
    assert of_the_traffic(slower) == []


def test_a_first_arrival_at_the_fault_itself_is_none_of_the_steady_state() -> None:
    late = without((0, 30))
    for struck, seen in ((30.25, False), (30.26, True)):
        record = replace(late, events=tuple(story(struck=struck)))
        assert ("no traffic from america in the steady state" in of_the_traffic(record)) is not seen


def test_arrivals_are_due_at_even_intervals_more_or_less() -> None:
    def shifted(by: float) -> list[str]:
        def shift(rows: Traffic, these: np.ndarray) -> None:
            for column in ("intended", "sent", "done"):
                rows[column][these] += round(by * 1e9)

        return of_the_traffic(changed(shift, *((second, second + 0.5) for second in (101, 111, 121))))

    assert shifted(0.24) == []
    assert shifted(0.26) == [lost(3)]


@pytest.mark.parametrize(
    ("record", "doubts"),
    [
        (changed(lambda rows, these: rows["outcome"].__setitem__(these, Outcome.TIMED_OUT), (0, 2)), []),
        (changed(lambda rows, these: rows["outcome"].__setitem__(these, Outcome.TIMED_OUT), (0, 4), operation=0),
         ["create_trigger from america did not work in the steady state: 86.7% good"]),
        (changed(lambda rows, these: rows["outcome"].__setitem__(these, Outcome.TIMED_OUT), (0, 30), operation=1),
         ["no good answer to list_triggers from america in the steady state"]),
        (changed(lambda rows, these: rows["outcome"].__setitem__(these, Outcome.TIMED_OUT), (30, 60), operation=1), []),
        (changed(lambda rows, these: rows["outcome"].__setitem__(these, Outcome.DROPPED), (0, 2), operation=1, place=1),
         ["list_triggers from europe: the load generator dropped arrivals in the steady state"]),
    ],
)  # fmt: skip
def test_a_steady_state_that_was_none(record: Record, doubts: list[str]) -> None:
    assert of_the_traffic(replace(record)) == doubts


def test_the_load_generator_itself_may_be_late_by_half_a_deadline() -> None:
    def late(by: float, *spans: tuple[float, float]) -> list[str]:
        def shift(rows: Traffic, these: np.ndarray) -> None:
            rows["sent"][these] = rows["intended"][these] + round(by * 1e9)
            rows["done"][these] = rows["sent"][these] + 1000

        return of_the_traffic(changed(shift, *spans, operation=1))

    says = "list_triggers from america: the load generator itself was {} s late in the steady state"
    assert late(2.5, (0, 30)) == []
    assert late(2.51, (0, 30)) == [says.format(2.5)]
    assert late(2.8, (0.5, 1)) == []  # one of fifteen is none of ninety-nine in a hundred
    assert late(4.0, (30, 60)) == []
    # One that never left says nothing of the others.
    never = changed(lambda rows, these: rows["sent"].__setitem__(these, 0), (0, 30), operation=1)
    assert of_the_traffic(never) == []
    never.traffic["sent"][_these(never.traffic, [(0.5, 1)], 0, 1)] = at(4.75).nanoseconds
    never.traffic["done"][_these(never.traffic, [(0.5, 1)], 0, 1)] = at(4.75).nanoseconds
    assert of_the_traffic(replace(never)) == [says.format("4.0")]


def test_one_bad_arrival_of_a_few_is_no_illness_and_two_within_the_ratio_are_none() -> None:
    def bad(*spans: tuple[float, float], ratio: float = 0.98) -> list[str]:
        record = changed(lambda rows, these: rows["outcome"].__setitem__(these, Outcome.RESET), *spans, operation=0)
        objectives = Objectives(success_ratio=ratio)
        return of_the_traffic(replace(record, header=replace(record.header, objectives=objectives)))

    assert bad((0, 2)) == []
    assert bad((0, 4), ratio=13 / 15) == []
    assert bad((0, 4), ratio=0.867) == ["create_trigger from america did not work in the steady state: 86.7% good"]


@pytest.mark.parametrize(
    ("changes", "doubts"),
    [
        ({}, []),
        ({"outcome": None}, ["the run never came to its end"]),
        ({"outcome": Ended.ABORTED}, ["the run ended as aborted"]),
        ({"outcome": Ended.UNDO_FAILED}, ["the run ended as undo failed"]),
    ],
)
def test_a_run_that_did_not_end_as_it_should(changes, doubts: list[str]) -> None:
    assert of_the_run(told(*story(fault="Stop database writer"), **changes)) == doubts


def test_every_doubt_about_a_run_is_told() -> None:
    paused = story(fault="Stop database writer")
    fault, undo = (next(event for event in paused if isinstance(event, cls)) for cls in (FaultInjected, FaultUndone))
    unproven = FaultInjected(at(160), "Lose eu-west-1", 1, 0, "faithful", "", (NEXT,))
    torn = replace(
        told(fault, undo, unproven, ClockStepped(at(50), -2.04), outcome=None), damage=("timeline.jsonl: torn",)
    )
    assert of_the_run(torn) == [
        "timeline.jsonl: torn",
        "the run never came to its end",
        f"the wall clock was stepped by -2.0 s at {at(50)}: no date can be trusted",
        "Lose eu-west-1 was never proven to bite",
        "Lose eu-west-1 was never undone",
    ]
    assert torn.damage == ("timeline.jsonl: torn",)


def struck(count: int, *, of_all: int = 100, fault: str = DARK, outcome: Outcome = Outcome.GOOD, since: float = 31,
           bites: float = 30.5, address: str = ADDRESS[HOME]) -> list[str]:  # fmt: skip
    """The first arrivals from then on were answered by that address, and all others by the next region."""
    events = [event for event in story(fault=fault) if not isinstance(event, FaultInjected)]
    events.append(FaultInjected(at(30), fault, 1, at(bites).nanoseconds if bites else 0, "faithful", "", (HOME,)))
    rows = [Arrival(since + number / 10, outcome=outcome if number < count else Outcome.GOOD,
                    address=address if number < count else ADDRESS[NEXT]) for number in range(of_all)]  # fmt: skip
    return of_the_run(arrivals(*rows, events=events))


def test_a_region_that_is_dark_and_answers_was_not_dark() -> None:
    def says(count: int, fault: str = DARK) -> list[str]:
        return [f"{fault} was proven to bite, and yet {count} arrivals were answered from there"]

    assert struck(2) == []
    assert struck(3) == says(3)
    assert struck(3, fault=f"Lose {HOME}") == says(3, f"Lose {HOME}")
    assert struck(4, of_all=200) == []
    assert struck(5, of_all=200) == says(5)
    assert struck(3, outcome=Outcome.TIMED_OUT) == struck(3, address=ADDRESS[NEXT]) == struck(3, address="") == []
    # Only while it is dark, and where the platform does not start it anew by itself.
    assert struck(3, since=30.3) == []
    assert struck(3, since=30.5) == says(3)
    assert struck(3, since=149.8) == []
    assert struck(3, since=149.7) == says(3)
    assert struck(9, fault=f"Stop api-gateway of {HOME}") == []
    assert struck(9, fault="Stop database writer") == struck(9, fault=f"Pause cache of {HOME}") == []
    assert struck(9, bites=0) == [f"{DARK} was never proven to bite"]
    assert struck(9, fault="Blackhole load balancer of mars-1") == []
