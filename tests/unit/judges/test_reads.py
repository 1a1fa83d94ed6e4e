"""Reads on the replica and writes on the writer: by counts that can be compared, or not at all."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.events import PhaseBegan, StatementsCounted
from harness.judges.bench import judge_one
from harness.judges.reads import ON_THE_REPLICA
from harness.objectives import Objectives
from harness.verdicts import Ruling
from tests.unit.judges.scripted import HOME, JOURNEYS, at, run

ASKED = 480
"""More than what each operation is asked for between the counts: one in four of two locations' 8 a second."""


def counted(second: float, database: str, role: str, calls: dict[str, int]) -> StatementsCounted:
    life = "started at noon, statistics of noon"
    return StatementsCounted(at(second), database, HOME, role, at(second + 0.5).nanoseconds, life, 0, calls)


def on(*names: str) -> dict[str, int]:
    return {name: 1000 + (ASKED if name in names else 0) for name in JOURNEYS}


WRITES = tuple(name for name in JOURNEYS if name not in ON_THE_REPLICA)
READS = tuple(name for name in JOURNEYS if name in ON_THE_REPLICA)
BEFORE = (counted(30, "db", "writer", on()), counted(31, "replica", "replica", on()))
AFTER = (counted(100, "db", "writer", on(*WRITES)), counted(101, "replica", "replica", on(*READS)))


def verdict(*counts: StatementsCounted, **changes):
    plain = {"mix": dict.fromkeys(JOURNEYS, 1), "promises": ("split_reads",), **changes}
    return judge_one(run(events=[PhaseBegan(at(0), "steady"), *counts], **plain), "split_reads")[0]


def test_each_operation_on_its_own_store_is_kept():
    found = verdict(*BEFORE, *AFTER)
    assert found.ruling is Ruling.KEPT
    assert found.figures["statements_astray"] == 0
    assert [row["belongs_to"] for row in found.evidence["statements"]] == ["writer", "writer", "replica", "replica"]


@pytest.mark.parametrize("astray", READS)
def test_reads_that_the_writer_answers_break_it(astray):
    writer = counted(100, "db", "writer", on(*WRITES, astray))
    replica = counted(101, "replica", "replica", on(*(name for name in READS if name != astray)))
    found = verdict(*BEFORE, writer, replica)
    assert found.ruling is Ruling.BROKEN
    assert f"{ASKED} of {ASKED} statements of {astray} ran on db, not on the replica" in found.reason


def test_a_few_that_fall_back_are_within_the_ratio_and_more_are_not():
    def fell_back(number: int) -> Ruling:
        calls = {**on(*WRITES), "ponder_events": 1000 + number}
        return verdict(*BEFORE, counted(100, "db", "writer", calls), AFTER[1]).ruling

    assert fell_back(8) is Ruling.KEPT
    assert fell_back(12) is Ruling.BROKEN


def test_readers_of_a_cluster_are_replicas():
    counts = [replace(one, role="reader") if one.role == "replica" else one for one in (*BEFORE, *AFTER)]
    assert verdict(*counts).ruling is Ruling.KEPT


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"since": "started at one"}, "restarted or its statistics were reset"),
        ({"role": "writer"}, "was a replica and then a writer"),
        ({"evicted": 3}, "forgot statements"),
        ({"calls": on() | {"ponder_events": 999}}, "forgot statements"),
        ({"trouble": "no such relation"}, "could not be read: no such relation"),
        ({"calls": {name: 1000 + ASKED for name in JOURNEYS if name != "ponder_events"}}, "forgot statements"),
    ],
)
def test_counts_that_cannot_be_compared_prove_nothing(changes, reason):
    found = verdict(*BEFORE, AFTER[0], replace(AFTER[1], **changes))
    assert found.ruling is Ruling.UNKNOWN
    assert reason in found.reason


def test_a_statement_that_ran_once_and_is_forgotten_is_missed():
    once = counted(31, "replica", "replica", on() | {"ponder_events": 1})
    others = {name: number for name, number in on().items() if name != "ponder_events"}
    later = counted(101, "replica", "replica", others)
    assert verdict(BEFORE[0], once, AFTER[0], later).reason == "replica forgot statements between the counts"


def test_counts_that_are_not_of_the_operation_prove_nothing():
    few = counted(101, "replica", "replica", on() | dict.fromkeys(READS, 1010))
    found = verdict(*BEFORE, AFTER[0], few)
    assert found.ruling is Ruling.UNKNOWN
    assert "10 statements of it counted" in found.reason


def test_a_statement_that_the_target_file_does_not_tell_is_unknown():
    def without(one: StatementsCounted) -> StatementsCounted:
        return replace(one, calls={name: number for name, number in one.calls.items() if name != "list_triggers"})

    found = verdict(*map(without, (*BEFORE, *AFTER)))
    assert found.ruling is Ruling.UNKNOWN
    assert "does not say how to tell a statement of list_triggers" in found.reason


def test_what_nobody_counted_or_asked_for_is_unknown():
    assert verdict().ruling is Ruling.UNKNOWN
    assert verdict(*BEFORE).ruling is Ruling.UNKNOWN
    assert verdict(*BEFORE, *AFTER, mix={}).ruling is Ruling.UNKNOWN
    late = [replace(one, at=at(239 + number)) for number, one in enumerate((*BEFORE, *AFTER))]
    late = [replace(one, answered_at=one.at.nanoseconds) for one in late]
    assert "nobody asked for" in verdict(*late).reason


def test_all_that_is_told_of_reads_where_they_belong():
    found = verdict(*BEFORE, *AFTER)
    assert (found.promise, found.reason) == ("split_reads", "every operation's statements ran where they belong")
    assert found.figures == {"statements_astray": 0, "databases": 2, "operations": 4}
    rows = found.evidence["statements"]
    assert [(row["operation"], row["there"], row["elsewhere"]) for row in rows] == [
        (name, ASKED, 0) for name in JOURNEYS
    ]
    # Between 31.5 s and 100 s two locations send eight requests a second each, a quarter of them of each operation.
    assert {row["answered"] for row in rows} <= {272, 273, 274, 275}


def test_of_several_wrong_stores_the_worst_is_named():
    third = (counted(30, "another", "writer", on()), counted(101, "another", "writer", on(*READS)))
    few = counted(100, "db", "writer", {**on(*WRITES), "ponder_events": 1010})
    found = verdict(*BEFORE, third[0], few, counted(101, "replica", "replica", on()), third[1])
    assert found.ruling is Ruling.BROKEN
    assert "490 of 490 statements of ponder_events ran on another, not on the replica" in found.reason
    assert found.figures["statements_astray"] == 2 * ASKED + 10


def test_of_more_than_two_counts_the_first_and_the_last_are_compared():
    between = (counted(60, "db", "writer", on(*WRITES[:1])), counted(61, "replica", "replica", on()))
    found = verdict(*BEFORE, *between, *AFTER)
    assert found.ruling is Ruling.KEPT
    assert found.evidence == verdict(*BEFORE, *AFTER).evidence


def test_as_many_statements_as_answers_are_enough_and_the_ratio_is_allowed():
    answered = verdict(*BEFORE, *AFTER).evidence["statements"][2]["answered"]

    def ran(there: int, elsewhere: int, **owed: float) -> Ruling:
        writer = counted(100, "db", "writer", {**on(*WRITES), READS[0]: 1000 + elsewhere})
        replica = counted(101, "replica", "replica", {**on(*READS), READS[0]: 1000 + there})
        return verdict(*BEFORE, writer, replica, objectives=Objectives(**owed)).ruling

    assert ran(answered, 0) is Ruling.KEPT
    assert ran(answered - 1, 0) is Ruling.UNKNOWN
    assert ran(490, 10) is Ruling.KEPT
    assert ran(489, 11) is Ruling.BROKEN
    assert ran(250, 250, success_ratio=0.5) is Ruling.KEPT
    assert ran(249, 251, success_ratio=0.5) is Ruling.BROKEN


@pytest.mark.parametrize(
    ("counts", "changes", "reason"),
    [
        ((), {}, "no database was asked for its statistics"),
        ((*BEFORE, *AFTER), {"mix": {}}, "the header names no mix of operations"),
    ],
)
def test_it_says_what_is_missing(counts, changes, reason):
    found = verdict(*counts, **changes)
    assert (found.promise, found.ruling, found.reason) == ("split_reads", Ruling.UNKNOWN, reason)
