"""One writer, chosen by the platform: which rows, which decisions and which moves are held against it."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest

from harness.events import DatabaseEvent, Decided, Event, WriterSeen
from harness.judges.windows import windows
from harness.judges.writers import automatic, moved, single_writer
from harness.ledger import ReadBack, View
from harness.objectives import Objectives
from harness.record import Record
from harness.verdicts import Ruling, Verdict
from tests.unit.judges.scripted import (
    EPOCH,
    HOME,
    NEXT,
    Arrival,
    Bad,
    acknowledged,
    arrivals,
    at,
    never,
    run,
    story,
    view,
)

SECOND = story(fault=f"Pause cache of {HOME}", struck=160, undone=200)[5:-1]


def seen(second: float, region: str = NEXT) -> WriterSeen:
    return WriterSeen(at(second), region, f"db-{region}")


WRITES = tuple(Arrival(second, "create_trigger") for second in (10, 49, 50, 60, 70))
IDS = {round(done): key for key, done in acknowledged(arrivals(*WRITES)).items()}


def judged(
    *views: View, events: tuple[Event, ...] = (), promoted: float | None = 50.000000001, complete: bool = True
) -> Verdict:
    moment = None if promoted is None else EPOCH + round(promoted * 1e9)
    told = ReadBack(complete, (), views, promoted_at=moment)
    return single_writer(arrivals(*WRITES, events=[*story(), *events], readback=told))


def writer(*lost: int) -> View:
    return view(key for second, key in IDS.items() if second not in lost)


def old(role: str = "old_writer", late: float | None = None) -> View:
    return view([IDS[10]], role, {} if late is None else {IDS[10]: late})


def apart(second: float) -> View:
    """A node with a row of its own."""
    return view(["f" * 32], "replica", {"f" * 32: second})


UNREAD = "the old writer could not be read after the promotion"
MOMENT = f"the promotion at {at(50)}"


@pytest.mark.parametrize(
    ("views", "changes", "ruling", "says"),
    [
        ((writer(), old()), {"promoted": None}, Ruling.KEPT,
         "no other node was promoted: there was one writer throughout"),
        ((writer(),), {"events": (seen(0, HOME), seen(60)), "promoted": None}, Ruling.UNKNOWN,
         "the writer moved, but nobody saw when it was promoted"),
        ((writer(),), {"events": (seen(0, HOME),), "promoted": None}, Ruling.KEPT,
         "no other node was promoted: there was one writer throughout"),
        ((writer(), old()), {}, Ruling.KEPT, f"the old writer took no row after {MOMENT}"),
        ((writer(), old("snapshot")), {}, Ruling.KEPT, f"the old writer took no row after {MOMENT}"),
        ((writer(), old("reader")), {}, Ruling.UNKNOWN, UNREAD),
        ((writer(),), {}, Ruling.UNKNOWN, UNREAD),
        ((writer(),), {"complete": False}, Ruling.UNKNOWN, UNREAD),
        ((writer(), old()), {"complete": False}, Ruling.UNKNOWN, "the read-back is incomplete"),
        ((writer(), old(late=50)), {}, Ruling.KEPT, f"the old writer took no row after {MOMENT}"),
        ((writer(), old(late=51)), {}, Ruling.BROKEN,
         f"after {MOMENT} db-old_writer took 1 rows that could be read"),
        ((writer(), old("snapshot", late=51)), {"complete": False}, Ruling.BROKEN,
         f"after {MOMENT} db-snapshot took 1 rows that could be read"),
        # Acknowledged after the promotion, and not on the new writer; a write from before it is another judge's.
        ((writer(60, 70), old()), {}, Ruling.BROKEN,
         f"after {MOMENT} another node took 0 rows that could be read, "
         "and 2 acknowledged writes are not on the new writer"),
        ((writer(10, 50), old()), {}, Ruling.KEPT, f"the old writer took no row after {MOMENT}"),
        ((writer(60), old()), {"complete": False}, Ruling.UNKNOWN, "the read-back is incomplete"),
        ((writer(60), old(late=51)), {}, Ruling.BROKEN,
         f"after {MOMENT} db-old_writer took 1 rows that could be read, "
         "and 1 acknowledged writes are not on the new writer"),
        ((old(late=51),), {}, Ruling.BROKEN, f"after {MOMENT} db-old_writer took 1 rows that could be read"),
        # A node that nobody promoted, or promoted into another life, and that takes writes of its own.
        ((writer(), apart(60)), {"promoted": None}, Ruling.BROKEN,
         "db-replica took 1 rows that the writer does not have, though nobody was promoted"),
        ((writer(), apart(60)), {"promoted": None, "events": (seen(0, HOME), seen(60))}, Ruling.BROKEN,
         "db-replica took 1 rows that the writer does not have, though nobody was promoted"),
        ((writer(), old(), apart(60)), {}, Ruling.BROKEN,
         f"after {MOMENT} db-replica took 1 rows that could be read"),
        ((writer(), old(late=60), apart(51)), {}, Ruling.BROKEN,
         f"after {MOMENT} db-old_writer, db-replica took 2 rows that could be read"),
        # A replica that was ahead of the new writer when that was promoted has rows of the old one: lost, not divided.
        ((writer(), old(), apart(49)), {}, Ruling.KEPT, f"the old writer took no row after {MOMENT}"),
        ((writer(), view([IDS[10]], "replica", {IDS[10]: 60})), {"promoted": None}, Ruling.KEPT,
         "no other node was promoted: there was one writer throughout"),
        ((apart(60),), {"promoted": None}, Ruling.KEPT, "no other node was promoted: there was one writer throughout"),
    ],
)  # fmt: skip
def test_what_is_said_of_one_writer(views, changes, ruling: Ruling, says: str) -> None:
    found = judged(*views, **changes)
    assert (found.promise, found.ruling, found.reason) == ("single_writer", ruling, says)


def test_the_figures_and_rows_of_a_split_brain() -> None:
    both = judged(writer(60), old(late=51))
    told = {"late_rows_elsewhere": 1, "acknowledged_elsewhere": 1, "promoted_at": str(at(50))}
    assert both.figures == told
    assert both.evidence == {"split_brain": [
        {"write_id": IDS[10], "created_at": str(at(51)), "service_region": HOME, "node": "db-old_writer"}
    ]}  # fmt: skip
    nothing = told | {"late_rows_elsewhere": 0, "acknowledged_elsewhere": 0}
    for fine in (judged(writer(), old()), judged(writer()), judged(writer(), old(), complete=False)):
        assert fine.figures == nothing
    many = view([IDS[10]], "old_writer", {f"{number:032x}": 60 for number in range(201)})
    assert judged(writer(), many).figures["late_rows_elsewhere"] == 201
    assert len(judged(writer(), many).evidence["split_brain"]) == 200


def test_the_figures_and_rows_of_a_node_that_nobody_promoted() -> None:
    late, early, equal = (digit * 32 for digit in "abc")
    dated = {late: 70.0, early: 60.0, equal: 60.0}
    first, second = (view(dated, "replica", dated) for _ in range(2))
    found = judged(writer(), first, replace(second, identifier="db-other", region=NEXT), promoted=None)
    assert found.reason == "db-other, db-replica took 6 rows that the writer does not have, though nobody was promoted"
    assert found.figures == {"late_rows_elsewhere": 6}
    rows = found.evidence["split_brain"]
    order = [early, early, equal, equal, late, late]
    assert [row["write_id"] for row in rows] == order
    assert rows[0] | {"node": ""} == {
        "write_id": early, "created_at": str(at(60)), "service_region": HOME, "node": ""
    }  # fmt: skip
    assert found.evidence.keys() == {"split_brain"}
    many = {f"{number:032x}": 60.0 for number in range(2**100, 2**100 + 201)}
    crowd = judged(writer(), view(many, "replica", many), promoted=None)
    assert crowd.figures == {"late_rows_elsewhere": 201}
    assert len(crowd.evidence["split_brain"]) == 200


def test_without_a_read_back_nothing_is_said_of_one_writer() -> None:
    found = single_writer(arrivals(*WRITES, events=story()))
    assert found == Verdict("single_writer", Ruling.UNKNOWN, "nothing was read back")


@cache
def clients(bad: Bad) -> Record:
    return run(bad, events=[], rate=2)


def chosen(*events: Event, bad: Bad = never, **changes) -> Verdict:
    plain = clients(bad)
    told = tuple(sorted([*story(), *events], key=lambda event: event.at))
    return automatic(replace(plain, header=replace(plain.header, **changes), events=told))


def decided(second: float, by: str = "platform", what: str = "promote eu-west-1") -> Decided:
    return Decided(at(second), by, what)


def database(second: float, message: str = "Multi-AZ instance FAILOVER started", *categories: str) -> DatabaseEvent:
    return DatabaseEvent(at(second), "db", HOME, message, categories)


def writes_down(location: str, operation: str, second: float) -> bool:
    return (location, operation) == ("europe", "create_trigger") and 30 <= second < 150


def reads_down(location: str, operation: str, second: float) -> bool:
    return operation == "list_triggers" and 30 <= second < 150


BY_ITSELF = "the platform decided by itself: promote eu-west-1"
NEEDED = "no decision was needed: AWS itself or no change of roles"
NOBODY = "the writer moved and nobody is on record as having decided it"
DOWN = "create_trigger from europe was still down after 2.0 min when the fault was undone"
MOVED = (seen(0, HOME), seen(60))
LENIENT = {"objectives": Objectives(write_recovery_time=at(200) - at(0), write_recovery_source="AWS")}
TOO_SOON = f"{DOWN}, too soon to judge an objective of 3.3 min"


@pytest.mark.parametrize(
    ("events", "changes", "ruling", "says"),
    [
        ([], {}, Ruling.KEPT, NEEDED),
        ([decided(40), decided(50, what="more")], {}, Ruling.KEPT, BY_ITSELF),
        ([decided(40), decided(50, "operator", "fail over"), decided(60, "harness")], {}, Ruling.BROKEN,
         "operator decided: fail over"),
        ([decided(30), decided(150, "harness", "undo")], {}, Ruling.BROKEN, "harness decided: undo"),
        ([decided(30, "operator", "x")], {}, Ruling.BROKEN, "operator decided: x"),
        ([decided(29.9, "operator"), decided(150.1, "operator")], {}, Ruling.KEPT, NEEDED),
        # Writes that never came back, with nobody to bring them back.
        ([], {"bad": writes_down}, Ruling.BROKEN, f"nobody decided, and {DOWN}"),
        ([decided(40)], {"bad": writes_down}, Ruling.KEPT, BY_ITSELF),
        ([], {"bad": writes_down, **LENIENT}, Ruling.UNKNOWN, TOO_SOON),
        ([], {"bad": reads_down}, Ruling.KEPT, NEEDED),
        # A writer that moved: AWS's own failover tells of itself, within the fault.
        (MOVED, {}, Ruling.UNKNOWN, NOBODY),
        (MOVED, {"bad": writes_down, **LENIENT}, Ruling.UNKNOWN, NOBODY),
        ([*MOVED, database(31)], {}, Ruling.KEPT, NEEDED),
        ([*MOVED, database(31, "done", "maintenance", "Failover")], {}, Ruling.KEPT, NEEDED),
        ([*MOVED, database(31, "done", "fail", "over")], {}, Ruling.UNKNOWN, NOBODY),
        ([*MOVED, database(31, "restarted", "availability")], {}, Ruling.UNKNOWN, NOBODY),
        ([*MOVED, database(30), *SECOND], {}, Ruling.KEPT, NEEDED),
        ([*MOVED, database(150)], {}, Ruling.KEPT, NEEDED),
        ([*MOVED, database(29.9), database(150.1)], {}, Ruling.UNKNOWN, NOBODY),
        ([seen(0, HOME), seen(170), *SECOND, database(31)], {}, Ruling.UNKNOWN, NOBODY),
        ([seen(60)], {}, Ruling.KEPT, NEEDED),
    ],
)  # fmt: skip
def test_what_is_said_of_who_decided(events, changes, ruling: Ruling, says: str) -> None:
    found = chosen(*events, **changes)
    assert (found.promise, found.ruling, found.reason) == ("automatic", ruling, says)


def test_the_figures_and_rows_of_decisions() -> None:
    mixed = chosen(decided(40), decided(50.5, "operator", "fail over"), decided(160, "harness"))
    assert mixed.figures == {"decisions": 2, "by_platform": 1}
    assert mixed.evidence == {"decisions": [
        {"at": str(at(40)), "by": "platform", "what": "promote eu-west-1", "after_seconds": 10.0},
        {"at": str(at(50.5)), "by": "operator", "what": "fail over", "after_seconds": 20.5},
    ]}  # fmt: skip
    for none in (chosen(), chosen(bad=writes_down), chosen(*MOVED)):
        assert none.figures == {"decisions": 0, "by_platform": 0}
        assert none.evidence == {"decisions": []}
    assert chosen(decided(40)).evidence["decisions"][0]["by"] == "platform"
    assert chosen(decided(40)).figures == {"decisions": 1, "by_platform": 1}


@pytest.mark.parametrize(
    ("moments", "within", "at_all"),
    [((0, 60), True, True), ((60,), False, False), ((0,), False, False), ((0, 30), False, True),
     ((0, 30.1), True, True), ((0, 150), True, True), ((0, 150.1), False, True), ((0, 10, 60), True, True)],
)  # fmt: skip
def test_a_writer_moved_when_another_than_the_first_was_seen(moments, within: bool, at_all: bool) -> None:
    told = arrivals(*WRITES, events=[*story(), *(seen(second) for second in moments)])
    assert (moved(told, windows(told)[0]), moved(told, None)) == (within, at_all)
