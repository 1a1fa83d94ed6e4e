"""A recovery taken apart: which event or arrival ends which stage, to the nanosecond, and what is said of it."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import pairwise

import numpy as np
import pytest

from harness.clock import Duration, seconds
from harness.events import (
    AlarmChanged,
    DatabaseEvent,
    Decided,
    DnsAnswered,
    Event,
    FaultInjected,
    HealthChanged,
    SightChanged,
    WriterSeen,
)
from harness.judges.anatomy import STAGES, Stage, anatomies, sentence, stages_of
from harness.judges.outage import Recovery
from harness.judges.spells import Spell
from harness.judges.streams import Stream, Turn
from harness.judges.windows import windows
from harness.objectives import Objectives
from harness.record import Record
from tests.unit.judges.scripted import ADDRESS, DARK, HOME, NEXT, Bad, Where, at, home, never, run, story, told

STOPPED = "Stop database writer"
LOST = f"Lose {HOME}"
PAUSED = f"Pause cache of {HOME}"
NOT_SEEN = "not seen by any observer"
LASTED = "first good arrival that lasted"
ELSEWHERE = "first arrival at another region's address"
DNS, CHECK = "authoritative DNS answer", "health check status"
FRONT = ("none needed: Route 53 decides", "none needed")


def dns(second: float, *addresses: str, location: str = "america") -> DnsAnswered:
    return DnsAnswered(at(second), location, NEXT, addresses or (ADDRESS[NEXT],), 10)


def health(second: float, region: str = HOME, healthy: bool = False) -> HealthChanged:
    return HealthChanged(at(second), "check", region, healthy)


def alarm(second: float, new: str = "ALARM") -> AlarmChanged:
    return AlarmChanged(at(second), "writer-unreachable", HOME, "OK", new, "3 datapoints", "AWS/X", "")


def database(second: float, message: str = "Multi-AZ failover started") -> DatabaseEvent:
    return DatabaseEvent(at(second), "db", HOME, message, ("failover",))


def completed(second: float) -> DatabaseEvent:
    return database(second, "Multi-AZ failover completed")


def decided(second: float) -> Decided:
    return Decided(at(second), "platform", "fail over")


@cache
def elsewhere(since: float, until: float = 170, place: str = "america") -> Where:
    return lambda location, second: NEXT if location == place and since <= second < until else HOME


@cache
def clients(where: Where, bad: Bad) -> Record:
    """Two arrivals a second from each place, the first at 0.25 s; of four the first is a write."""
    return run(bad, events=[], where=where, end=160, rate=2)


def record(*events: Event, fault: str = DARK, where: Where = home, bad: Bad = never, **changes) -> Record:
    told = sorted([*story(fault=fault, end=160), *events], key=lambda event: event.at)
    plain = clients(where, bad)
    return replace(plain, header=replace(plain.header, **changes), events=tuple(told))


def spell(began: float, ended: float) -> Spell:
    return Spell(at(began), at(began), at(ended), at(ended))


def apart(
    told: Record, *spells: Spell, operation: str = "list_triggers", back: bool = True, number: int = 0
) -> list[Stage]:
    stream = Stream("america", operation, told.traffic[:0], np.empty(0, np.bool_))
    turn = Turn(1, at(70), None) if back else None
    return stages_of(told, Recovery(windows(told)[number], stream, turn, spells, seconds(60), held=True))


def seen(stages: list[Stage]) -> list[tuple[float, str]]:
    """How long each stage took and by whom; every stage begins where the one before it ended."""
    assert tuple(stage.name for stage in stages) == STAGES[: len(stages)]
    assert all(one.ended == after.began for one, after in pairwise(stages))
    assert all(stage.known is (stage.observer not in (NOT_SEEN, "had not come when the fault was undone"))
               for stage in stages)  # fmt: skip
    return [(round(stage.duration.seconds, 3), stage.observer) for stage in stages]


def front(detection: float, by: str, moved: float, rest: float) -> list[tuple[float, str]]:
    return [(detection, by), (0, FRONT[0]), (0, FRONT[1]), (moved, ELSEWHERE), (rest, LASTED)]


UNSEEN = [(0.0, NOT_SEEN)] * 3
TO_EUROPE = elsewhere(65)


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (record(dns(58), where=TO_EUROPE), front(28, DNS, 7.25, 4.75)),
        (record(dns(58), health(50), health(52), where=TO_EUROPE), front(20, CHECK, 15.25, 4.75)),
        (record(dns(58), health(60), where=TO_EUROPE), front(28, DNS, 7.25, 4.75)),
        # Neither another region's check, nor one that is well, nor one from before the fault.
        (record(dns(58), health(40, NEXT), health(41, healthy=True), health(30), where=TO_EUROPE),
         front(28, DNS, 7.25, 4.75)),
        (record(health(70), where=elsewhere(70)), [(40, CHECK), (0, FRONT[0]), (0, FRONT[1]), (0, NOT_SEEN),
                                                   (0, LASTED)]),
        # Another place's answer, the same addresses in another order, and an answer at the fault itself say nothing.
        (record(dns(40, location="europe"), dns(58), dns(64), where=TO_EUROPE), front(28, DNS, 7.25, 4.75)),
        (record(dns(20, "10.1.10.80", "10.1.10.81"), dns(45, "10.1.10.81", "10.1.10.80"), dns(58), where=TO_EUROPE),
         front(28, DNS, 7.25, 4.75)),
        (record(dns(30, "10.1.10.81"), dns(58), where=TO_EUROPE), front(28, DNS, 7.25, 4.75)),
        (record(dns(70), where=elsewhere(70)), [(40, DNS), (0, FRONT[0]), (0, FRONT[1]), (0, NOT_SEEN), (0, LASTED)]),
        (record(dns(70.1), where=TO_EUROPE), [*UNSEEN, (35.25, ELSEWHERE), (4.75, LASTED)]),
        # The clients moved before anybody knew: that is no end of a stage.
        (record(dns(58), where=elsewhere(40)), [(28, DNS), (0, FRONT[0]), (0, FRONT[1]), (0, NOT_SEEN), (12, LASTED)]),
        # An arrival of another place, and one that was elsewhere before the fault.
        (record(dns(58), where=elsewhere(65, place="europe")), [(28, DNS), (0, FRONT[0]), (0, FRONT[1]),
                                                                (0, NOT_SEEN), (12, LASTED)]),
        (record(dns(58), where=elsewhere(20, 30)), [(28, DNS), (0, FRONT[0]), (0, FRONT[1]), (0, NOT_SEEN),
                                                    (12, LASTED)]),
        (record(), [*UNSEEN, (0, NOT_SEEN), (40, LASTED)]),
        # A fault behind the front door: its own regions are the ones to leave.
        (record(dns(58), health(50), fault=PAUSED, where=TO_EUROPE), front(20, CHECK, 15.25, 4.75)),
    ],
)  # fmt: skip
def test_when_clients_are_sent_elsewhere(told: Record, expected) -> None:
    assert seen(apart(told, spell(30, 70))) == expected


def test_an_arrival_elsewhere_counts_at_the_very_moment_of_recovery() -> None:
    told = record(dns(58), where=elsewhere(65))
    assert seen(apart(told, spell(30, 65.25))) == front(28, DNS, 7.25, 0)


WRITER = "API's DNS; the rest reconnects"
OWN = "none recorded: AWS's own"
BY_PLATFORM = "decided by platform"


def writer(*ends: tuple[float, str]) -> list[tuple[float, str]]:
    return [*ends, (0, WRITER)]


@cache
def writes(since: float, until: float, what: str = "create_trigger") -> Bad:
    return lambda location, operation, second: operation == what and since <= second < until


@pytest.mark.parametrize(
    ("events", "bad", "expected"),
    [
        ([alarm(33), decided(36), completed(60)], never,
         writer((3, "AlarmChanged"), (3, BY_PLATFORM), (24, "AWS's event"))),
        ([health(33), decided(36), decided(37), completed(60), completed(62)], never,
         writer((3, "HealthChanged"), (3, BY_PLATFORM), (24, "AWS's event"))),
        ([database(33), completed(60)], never, writer((3, "DatabaseEvent"), (0, OWN), (27, "AWS's event"))),
        ([decided(36), completed(60)], never, writer((6, "Decided"), (0, BY_PLATFORM), (24, "AWS's event"))),
        # Neither an alarm that falls silent, nor a check that is well again, nor what came before the fault.
        ([alarm(31, "OK"), health(32, healthy=True), alarm(30), database(35), completed(60)], never,
         writer((5, "DatabaseEvent"), (0, OWN), (25, "AWS's event"))),
        # What was complete before it was decided was not that decision's doing, at that very moment it may be.
        ([alarm(33), completed(35), decided(36), completed(60)], never,
         writer((3, "AlarmChanged"), (3, BY_PLATFORM), (24, "AWS's event"))),
        ([alarm(33), decided(36), completed(36)], never,
         writer((3, "AlarmChanged"), (3, BY_PLATFORM), (0, "AWS's event"))),
        # A write was accepted before AWS said that all is complete, and after.
        ([alarm(33), decided(36), completed(60)], writes(30, 50),
         writer((3, "AlarmChanged"), (3, BY_PLATFORM), (14.3, "first accepted write"))),
        ([alarm(33), decided(36), completed(46)], writes(30, 50),
         writer((3, "AlarmChanged"), (3, BY_PLATFORM), (10, "AWS's event"))),
        ([alarm(33), decided(36)], writes(30, 50),
         writer((3, "AlarmChanged"), (3, BY_PLATFORM), (14.3, "first accepted write"))),
        # Only the describes tell; the first one from the decision on.
        ([alarm(33), decided(36), WriterSeen(at(35), HOME, "a"), WriterSeen(at(36), NEXT, "b"),
          WriterSeen(at(50), NEXT, "c")], never,
         writer((3, "AlarmChanged"), (3, BY_PLATFORM), (0, "AWS's describe"))),
        ([alarm(33), completed(60), WriterSeen(at(40), NEXT, "b")], never,
         writer((3, "AlarmChanged"), (0, OWN), (27, "AWS's event"))),
        ([alarm(70), completed(70)], never, writer((40, "AlarmChanged"), (0, OWN), (0, "AWS's event"))),
        ([], never, [*UNSEEN, (0, NOT_SEEN)]),
        ([], writes(30, 50), [(0, NOT_SEEN), (0, NOT_SEEN), (20.3, "first accepted write"), (0, WRITER)]),
        # Reads that fail say nothing of writes; after the recovery nothing counts.
        ([alarm(33)], writes(30, 50, "list_triggers"), [(3, "AlarmChanged"), (0, OWN), (0, NOT_SEEN), (0, NOT_SEEN)]),
        ([alarm(33)], writes(70.2, 80), [(3, "AlarmChanged"), (0, OWN), (0, NOT_SEEN), (0, NOT_SEEN)]),
        # The first write that is accepted after one was not, however it goes on.
        ([alarm(31)], lambda location, operation, second: (
            (location, operation) == ("america", "create_trigger") and (30 <= second < 32 or 34 <= second < 36)),
         writer((1, "AlarmChanged"), (0, OWN), (1.3, "first accepted write"))),
        ([alarm(33)], writes(30, 70), [(3, "AlarmChanged"), (0, OWN), (0, NOT_SEEN), (0, NOT_SEEN)]),
        ([alarm(33)], writes(30, 90), [(3, "AlarmChanged"), (0, OWN), (0, NOT_SEEN), (0, NOT_SEEN)]),
    ],
)  # fmt: skip
def test_when_the_writer_moves(events, bad, expected) -> None:
    told = record(*events, fault=STOPPED, bad=bad)
    rest = round(40 - sum(took for took, _ in expected), 3)
    assert seen(apart(told, spell(30, 70))) == [*expected, (rest, LASTED)]


def test_a_write_that_was_on_its_way_when_it_was_decided_proves_no_promotion() -> None:
    """The first one that was sent from then on does; its answer may come after the recovery, which is the earlier."""
    told = record(alarm(33), decided(50.26), fault=STOPPED, bad=writes(30, 34))
    assert seen(apart(told, spell(30, 70)))[2] == (2.04, "first accepted write")
    at_once = record(alarm(33), decided(50.250001), fault=STOPPED, bad=writes(30, 34))
    assert seen(apart(at_once, spell(30, 70)))[2] == (0.05, "first accepted write")
    last = record(alarm(33), fault=STOPPED, bad=writes(30, 40))
    assert seen(apart(last, spell(30, 40.25)))[2:4] == [(7.25, "first accepted write"), (0, WRITER)]
    begun = record(alarm(33), fault=STOPPED, bad=writes(28, 34))
    assert seen(apart(begun, spell(30, 70)))[2] == (1.3, "first accepted write")


def test_where_a_region_is_dark_its_clients_must_move_after_the_writer_has() -> None:
    events = [alarm(33), decided(36), completed(40), WriterSeen(at(0), HOME, "a"), WriterSeen(at(39), NEXT, "b")]

    def dns_took(first: float, *more: Event, fault: str = LOST) -> tuple[float, str]:
        told = record(*events, *more, fault=fault, where=elsewhere(first))
        return seen(apart(told, spell(30, 70), operation="create_trigger"))[3]

    assert dns_took(50) == (10.25, WRITER)
    assert dns_took(35) == (0, WRITER)
    assert dns_took(99) == (0, WRITER)
    assert dns_took(50, fault=PAUSED) == (0, WRITER)
    nobody = record(decided(36), fault=LOST, where=elsewhere(50))
    assert seen(apart(nobody, spell(30, 70), operation="create_trigger"))[2:4] == [(0, NOT_SEEN), (0, NOT_SEEN)]


@pytest.mark.parametrize(
    ("events", "fault", "operation", "moves"),
    [
        ([], STOPPED, "list_triggers", True),
        ([], LOST, "create_trigger", False),
        ([decided(30)], LOST, "create_trigger", True),
        ([decided(150)], LOST, "create_trigger", True),
        ([decided(29)], LOST, "create_trigger", False),
        ([decided(151)], LOST, "create_trigger", False),
        ([decided(36)], LOST, "list_triggers", False),
        ([], "Fail over writer of cluster", "create_trigger", True),
        ([], "Fail over writer of cluster", "list_triggers", False),
        ([WriterSeen(at(0), HOME, "a"), WriterSeen(at(40), NEXT, "b")], LOST, "create_trigger", True),
        ([WriterSeen(at(0), HOME, "a"), WriterSeen(at(155), NEXT, "b")], LOST, "create_trigger", False),
        ([WriterSeen(at(40), NEXT, "b")], LOST, "create_trigger", False),
    ],
)  # fmt: skip
def test_whether_the_writer_must_move_or_the_clients(events, fault: str, operation: str, moves: bool) -> None:
    stages = apart(record(*events, health(45), fault=fault), spell(30, 70), operation=operation)
    told = {stage.observer for stage in stages if stage.known}
    assert moves is (FRONT[0] not in told)


def test_of_several_spells_the_longest_is_taken_apart_and_what_was_over_before_it_took_none_of_its_time() -> None:
    told = record(dns(58), where=elsewhere(65))
    stages = apart(told, spell(30, 31), spell(60, 70), spell(100, 101))
    assert stages[0].began == at(60)
    assert seen(stages) == [(0, DNS), (0, FRONT[0]), (0, FRONT[1]), (5.25, ELSEWHERE), (4.75, LASTED)]
    earlier = apart(told, spell(30, 70), spell(100, 101), back=False)
    assert seen(earlier) == front(28, DNS, 7.25, 4.75)
    late = Spell(at(30), at(30), at(40), at(40), late=seconds(50))
    assert apart(told, late, spell(60, 80))[0].began == at(30)


def test_an_undisturbed_stream_has_no_stages() -> None:
    assert apart(record()) == []
    assert anatomies(told(*story(struck=30.1, undone=30.2))) == ()


def test_reads_and_writes_with_objectives_of_their_own_are_taken_apart_each_by_itself() -> None:
    def down(location: str, operation: str, second: float) -> bool:
        until = {("america", "create_trigger"): 90, ("europe", "create_trigger"): 80, ("europe", "ponder_events"): 50}
        return 30 <= second < until.get((location, operation), 0)

    def taken(**objectives) -> list[tuple[str, str, float]]:
        parts = anatomies(record(bad=down, objectives=Objectives(**objectives)))
        return [(one.operation, one.location, sum(stage.duration.seconds for stage in one.stages)) for one in parts]

    writes = ("create_trigger", "america", pytest.approx(60, abs=2.5))
    assert taken() == [writes]
    both = {"write_recovery_time": seconds(300), "write_recovery_source": "AWS"}
    assert taken(**both) == [("ponder_events", "europe", pytest.approx(20, abs=2.5)), writes]
    assert [row["operation"] for one in anatomies(record(bad=down)) for row in one.rows()] == ["create_trigger"] * 5


NEVER = "had not come when the fault was undone"


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (record(), [("detection", 120, NEVER)]),
        (record(dns(58)), [("detection", 28, DNS), ("decision", 0, FRONT[0]), ("promotion", 0, FRONT[1]),
                           ("dns", 92, NEVER)]),
        (record(dns(58), where=elsewhere(65)), [("detection", 28, DNS), ("decision", 0, FRONT[0]),
                                                ("promotion", 0, FRONT[1]), ("dns", 7.25, ELSEWHERE),
                                                ("reconnect", 84.75, NEVER)]),
        # What moves once the fault is undone is the healing's doing.
        (record(dns(58), where=elsewhere(150.5)), [("detection", 28, DNS), ("decision", 0, FRONT[0]),
                                                   ("promotion", 0, FRONT[1]), ("dns", 92, NEVER)]),
        (record(dns(58), where=elsewhere(149.5)), [("detection", 28, DNS), ("decision", 0, FRONT[0]),
                                                   ("promotion", 0, FRONT[1]), ("dns", 91.75, ELSEWHERE),
                                                   ("reconnect", 0.25, NEVER)]),
        (record(alarm(33), fault=STOPPED), [("detection", 3, "AlarmChanged"), ("decision", 0, OWN),
                                            ("promotion", 117, NEVER)]),
    ],
)  # fmt: skip
def test_of_a_stream_that_never_came_back_the_stages_as_far_as_they_went(told: Record, expected) -> None:
    stages = apart(told, spell(30, 150), back=False)
    assert [(one.name, round(one.duration.seconds, 3), one.observer) for one in stages] == expected
    assert [stage.known for stage in stages] == [True] * (len(stages) - 1) + [False]
    assert stages[-1].ended == at(150)


def test_a_fault_behind_the_front_door_is_detected_where_a_check_sees_it() -> None:
    def gray(fault: str) -> list[tuple[str, float]]:
        told = record(health(45), fault=fault)
        behind = [replace(one, regions=()) if isinstance(one, FaultInjected) else one for one in told.events]
        stages = apart(replace(told, events=tuple(behind)), spell(30, 150), back=False)
        return [(one.name, one.duration.seconds) for one in stages]

    assert gray(f"Blackhole database of {HOME}") == [("detection", 15), ("decision", 0), ("promotion", 0), ("dns", 105)]
    assert gray("Blackhole database of mars-1") == [("detection", 120)]


def test_a_blind_observer_does_not_say_that_a_detection_never_came() -> None:
    def seen(*sights: tuple[float, bool], what: str = "health checks") -> str:
        events = [SightChanged(at(second), what, seen=seen) for second, seen in sights]
        return apart(record(*events), spell(30, 150), back=False)[-1].observer

    assert seen((33, False)) == "could not be seen: health checks"
    assert seen((33, False), (40, True)) == seen((151, False)) == NEVER
    assert seen((33, False), (40, True), (60, False), what="alarms") == "could not be seen: alarms"
    later = apart(record(dns(58), SightChanged(at(59), "health checks", seen=False)), spell(30, 150), back=False)
    assert later[-1].observer == NEVER, "only a detection is seen by those who look"
    blind = apart(record(SightChanged(at(33), "health checks", seen=False)), spell(30, 150), back=False)
    assert sentence(blind) == "detection never came or could not be seen: health checks: 2.0 min of 2.0 min"


def foreseen(location: str = "america", kind: str = "reads", failure: str = "writer stopped", **worsts: float | None):
    stages = [{"name": name, "worst_seconds": worst} for name, worst in worsts.items()]
    return {"location": location, "kind": kind, "failure": failure, "stages": stages}


def test_each_stage_stands_beside_its_own_budget() -> None:
    rows = [
        foreseen("europe", detection=1), foreseen(failure="region lost of us-east-1", detection=2),
        foreseen(kind="writes", detection=10, decision=None, promotion=20), foreseen(detection=5, reconnect=6.5),
        foreseen(detection=99),
    ]  # fmt: skip
    told = record(alarm(33), fault=STOPPED, feasibility={"rows": rows})

    def budgets(operation: str, back: bool = True, told: Record = told) -> list[Duration | None]:
        return [stage.budget for stage in apart(told, spell(30, 70), operation=operation, back=back)]

    assert budgets("create_trigger") == [seconds(10), None, seconds(20), None, None]
    assert budgets("list_triggers") == [seconds(5), None, None, None, seconds(6.5)]
    assert budgets("create_trigger", back=False) == [seconds(10), None, seconds(20)]
    nothing = record(alarm(33), fault=STOPPED)
    assert budgets("create_trigger", told=nothing) == [None] * 5
    bare = [{}, {"location": "america", "kind": "reads", "failure": "writer stopped"}]
    assert budgets("list_triggers", told=record(alarm(33), fault=STOPPED, feasibility={"rows": bare})) == [None] * 5
    lone = [{"location": "america", "kind": "reads", "failure": "writer stopped", "stages": [{"name": "dns"}]}]
    assert budgets("list_triggers", told=record(alarm(33), fault=STOPPED, feasibility={"rows": lone})) == [None] * 5


def test_a_stage_as_a_row() -> None:
    stage = Stage("dns", at(58), at(65.25044), "a client", seconds(10))
    row = {"stage": "dns", "began": str(at(58)), "ended": str(at(65.25044)), "seconds": 7.25, "budget_seconds": 10.0,
           "observer": "a client", "known": True}  # fmt: skip
    assert stage.row() == row
    unseen = Stage("dns", at(58), at(58), NOT_SEEN, known=False).row()
    assert (unseen["budget_seconds"], unseen["known"]) == (None, False)


def some(name: str, began: float, ended: float, budget: Duration | None = None, observer: str = "x", known=True):
    return Stage(name, at(began), at(ended), observer, budget, known)


@pytest.mark.parametrize(
    ("stages", "told"),
    [
        ([some("detection", 30, 58), some("dns", 58, 65), some("reconnect", 65, 70)],
         "detection took most of it: 28.0 s of 40.0 s"),
        ([some("detection", 30, 32), some("dns", 32, 65, seconds(20)), some("reconnect", 65, 70)],
         "dns took most of it: 33.0 s (budget 20.0 s) of 40.0 s"),
        ([some("detection", 30, 30, known=False), some("decision", 30, 30, known=False), some("dns", 30, 70)],
         "dns took most of it: 40.0 s of 40.0 s; the end of detection, decision was seen by no observer"),
        ([some("detection", 30, 58), some("decision", 58, 58), some("promotion", 58, 60), some("dns", 60, 150, None,
                                                                                            NEVER, False)],
         "dns never came: 90.0 s of 2.0 min (detection took 28.0 s, promotion took 2.0 s)"),
        ([some("detection", 30, 150, None, NEVER, False)], "detection never came: 2.0 min of 2.0 min"),
    ],
)  # fmt: skip
def test_what_is_said_of_the_stages(stages, told: str) -> None:
    assert sentence(stages) == told
