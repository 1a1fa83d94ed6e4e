"""The short form of the ground truth: a few outages, with room for a machine that does other things meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.trust.outages import KINDS, MILLISECOND, Outage, schedule
from tests.trust.replay import DEADLINE, Measured, Stage, measure, replay
from tests.trust.truth import tally

ROOM = 60.0
"""Milliseconds: what a neighbour may take of a processor that is not ours alone."""


def _outage(number: int, kind: str, at: int, span: int, sites: tuple[int, ...] = (0, 1)) -> Outage:
    began = at * MILLISECOND
    return Outage(number, kind, kind, sites, ((began, began + span * MILLISECOND),))


@pytest.mark.timeout(60)
def test_outages_known_beforehand_are_measured(tmp_path: Path) -> None:
    outages = (_outage(0, "refuse", 300, 311), _outage(1, "body", 1200, 307, (1,)), _outage(2, "half", 2100, 323))
    found = measure(replay(tmp_path, outages, Stage(calm=400 * MILLISECOND)))
    assert all(abs(one.error) <= ROOM for one in found), [(one.outage.kind, one.place, one.error) for one in found]
    assert [one.rto for one in found if not one.truth] == [0]
    assert all(one.least - ROOM <= one.truth <= one.most + ROOM for one in found)


def test_every_kind_takes_its_turn_at_whole_milliseconds() -> None:
    outages = schedule(40, 3, 2, DEADLINE, 10**9)
    assert [one.kind for one in outages] == [*KINDS] * 4
    edges = [edge for one in outages for part in one.parts for edge in part]
    assert edges == sorted(edges)
    assert all(edge % MILLISECOND == 0 for edge in edges)
    assert all(0.3e9 <= one.ended - one.began <= 3e9 for one in outages)


def test_a_stall_ends_for_its_clients_one_deadline_early_and_spares_who_does_not_meet_it() -> None:
    stall = _outage(0, "stall", 0, 900, (1,))
    assert stall.truth(1, DEADLINE) == 400 * MILLISECOND
    assert stall.truth(0, DEADLINE) == 0


def test_the_tally_takes_each_outage_where_it_was_measured_worst() -> None:
    outage = _outage(0, "hang", 0, 1000)
    found = [Measured(outage, "america", 1000, 1003, 995, 1004), Measured(outage, "europe", 1000, 970, 960, 975)]
    told = tally(found)
    assert told.errors == (-30,)
    assert told.held == 0.5
    assert len(told.missed) == 3


def test_outages_of_two_runs_that_are_alike_are_two() -> None:
    found = [Measured(_outage(0, "hang", 0, 1000), "america", 1000, 1003, 995, 1004) for _ in range(2)]
    assert tally(found).errors == (3, 3)


def test_an_outage_that_never_ended_is_missed() -> None:
    found = [Measured(_outage(0, "hang", 0, 1000), "america", 1000, None, 0, 2000)]
    assert tally(found).worst == float("inf")
