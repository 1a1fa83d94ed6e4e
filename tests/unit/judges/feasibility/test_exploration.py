"""The courses that are explored bound every course there is: held against brute force and against chance."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.clock import ZERO, Duration, seconds
from harness.configuration import Configuration, Targets
from harness.judges.feasibility import feasibility
from harness.judges.feasibility.checker import Owed, path_of
from harness.judges.feasibility.exploration import (
    BEST,
    WORST,
    Course,
    Pick,
    courses,
    followed,
    moves,
    run,
    single_and_double,
    typical,
)
from harness.judges.feasibility.platform import Event, Fault, Platform
from harness.judges.feasibility.rows import KINDS
from harness.objectives import Objectives
from harness.timings import DOCUMENTED, Range
from tests.unit.judges.feasibility.models import HARDENED, check, rows
from tests.unit.judges.scripted import HOME, NEXT

FEW = settings(max_examples=12, deadline=None)
ASKS = st.sampled_from(["nothing", "database", "writer"])


@st.composite
def platforms(draw: st.DrawFn) -> Configuration:
    """Two regions with any sort of checks, records and delays."""
    routing = draw(st.sampled_from(["failover", "latency"]))
    roles = ("PRIMARY", "SECONDARY") if routing == "failover" else (None, None)
    alias, evaluates = draw(st.booleans()), draw(st.booleans())
    records = tuple(
        replace(one, routing=routing, failover=role, alias=alias, evaluate_target_health=evaluates, health_check=name)
        for one, role, name in zip(
            HARDENED.records, roles, ("hc-1", draw(st.sampled_from(["hc-2", None]))), strict=True
        )
    )
    local = draw(st.integers(5, 90))
    ranges = {**DOCUMENTED, "aurora": Range(seconds(5), seconds(local), seconds(local + 30), "drawn")}
    return replace(
        HARDENED,
        records=records,
        health_checks=(
            check(draw(st.sampled_from([10, 30])), draw(st.integers(1, 3)), asks=draw(ASKS)),
            check(10, 2, identifier="hc-2", region=NEXT, asks=draw(ASKS)),
        ),
        targets=tuple(Targets(one, "/", seconds(30), 2, draw(ASKS)) for one in (HOME, NEXT)),
        failover_ranges=ranges,
        alarms=(replace(HARDENED.alarms[0], evaluation_periods=draw(st.integers(1, 9))),),
        databases=(replace(HARDENED.databases[0], writes_from_everywhere=draw(st.booleans())),),
        nearest={"america": (HOME, NEXT)},
    )


def picking(table: dict[str, int], seen: set[str]) -> Pick:
    def pick(event: Event) -> int:
        seen.add(event.key)
        return table.get(event.key, WORST)

    return pick


def every_corner(platform: Platform, faults: frozenset[Fault]) -> list[Course]:
    """A course for every combination of best and worst delays of every single event: brute force."""
    keys: list[str] = []
    while True:
        seen: set[str] = set()
        found = [
            run(platform, faults, picking(dict(zip(keys, choice, strict=True)), seen))
            for choice in product((BEST, WORST), repeat=len(keys))
        ]
        if seen <= set(keys) or len(keys) > 7:
            return found
        keys += sorted(seen - set(keys))


@FEW
@given(platforms(), st.data())
def test_grouping_delays_by_kind_misses_nothing_that_brute_force_finds(
    told: Configuration, data: st.DataObject
) -> None:
    platform = Platform(told)
    faults = data.draw(st.sampled_from(single_and_double(platform.faults())))
    few, all_of_them = courses(platform, faults), every_corner(platform, faults)
    for kind in KINDS:
        path = path_of(platform, few, typical(platform, faults), "america", kind)
        ends = [followed(platform, one, moves(platform, one, "america", WORST), kind, WORST) for one in all_of_them]
        if any(end.never for end in ends):
            assert path.never, kind
        elif not path.never:
            assert path.total()[2] == max((end.at for end in ends), default=ZERO), kind


@FEW
@given(platforms(), st.data(), st.randoms(use_true_random=False))
def test_no_course_of_quick_and_slow_events_is_worse_than_the_worst(
    told: Configuration, data: st.DataObject, dice
) -> None:
    platform = Platform(told)
    faults = frozenset({data.draw(st.sampled_from(platform.faults()))})
    few = courses(platform, faults)
    for _ in range(10):
        course = run(platform, faults, lambda _: dice.choice((BEST, WORST)))
        for kind in KINDS:
            path = path_of(platform, few, typical(platform, faults), "america", kind)
            end = followed(platform, course, moves(platform, course, "america", WORST), kind, WORST)
            assert path.never or (not end.never and end.at <= path.total()[2]), (kind, course.words)


@FEW
@given(st.sampled_from([10, 30]), st.integers(1, 9), st.integers(1, 9), st.integers(1, 60), st.integers(1, 60))
def test_a_slower_check_or_a_longer_ttl_never_gives_a_faster_recovery(
    interval: int, one: int, other: int, ttl: int, longer: int
) -> None:
    def worst(threshold: int, kept: int) -> Duration:
        records = tuple(replace(record, ttl=seconds(kept)) for record in HARDENED.records)
        told = replace(HARDENED, health_checks=(check(interval, threshold),), records=records)
        return rows(told, f"load balancer of {HOME} dark")["america", "writes"].path.total()[2]

    assert worst(min(one, other), min(ttl, longer)) <= worst(max(one, other), max(ttl, longer))


@settings(max_examples=5, deadline=None)
@given(platforms())
def test_best_typical_and_worst_are_in_order_and_the_verdict_is_the_worst_row(told: Configuration) -> None:
    found = feasibility(told, Objectives())
    for row in found.rows:
        best, middle, late = row.path.total()
        assert row.path.never or best <= middle <= late
    assert found.verdict >= max((row.ruling for row in found.rows if row.owed), default=found.verdict)


@pytest.mark.parametrize("kind", ["front dark", "region lost"])
def test_the_stages_of_the_worst_way_back_add_up_to_it(kind) -> None:
    platform = Platform(HARDENED)
    faults = frozenset({Fault(kind, HOME)})
    told = courses(platform, faults)
    for operation in KINDS:
        path = path_of(platform, told, typical(platform, faults), "america", operation)
        assert sum((stage.range.worst for stage in path.stages), ZERO) == path.total()[2]
    assert Owed(Objectives()).of(faults, HOME) == Objectives()
