"""How far back a loss reaches, fault by fault, and what the replica's lag explains of it."""

from __future__ import annotations

import numpy as np
import pytest

from harness.clock import ZERO, seconds
from harness.events import LagMeasured, WriterSeen
from harness.judges.lapses import Lapse, lag_at, lapses, wal_bytes, worst
from harness.judges.windows import windows
from harness.ledger import ReadBack, Wal
from tests.unit.judges.scripted import HOME, NEXT, at, run, story, view

TWO = run(end=60, events=[*story(struck=10, undone=20), *story(fault="Lose us-east-1", struck=40, undone=50)[5:]])


def answered(*moments: float) -> np.ndarray:
    return np.array([at(moment).nanoseconds for moment in moments], np.int64)


@pytest.mark.parametrize(
    ("moment", "owner"), [(5, 0), (15, 0), (20.5, 0), (20.6, 1), (45, 1), (50.5, 1), (50.6, 1), (59, 1)]
)
def test_a_lost_write_belongs_to_the_first_fault_that_had_not_healed(moment: float, owner: int) -> None:
    assert [len(one.answered) for one in lapses(TWO, answered(moment))] == [1 - owner, owner]


def test_without_a_fault_or_a_loss_nothing_lapsed() -> None:
    assert lapses(run(end=9, events=[]), answered(5)) == []
    assert worst([]) == ZERO
    assert worst(lapses(TWO, answered())) == ZERO
    assert worst(lapses(TWO, answered(8, 39.5, 41))) == seconds(2)


@pytest.mark.parametrize(("moment", "unexplained"), [(36.999, 1), (37.0, 0), (39, 0)])
def test_what_is_older_than_the_lag_is_unexplained(moment: float, unexplained: int) -> None:
    window = windows(TWO)[1]
    assert Lapse(window, answered(moment), seconds(3)).unexplained == unexplained
    assert Lapse(window, answered(moment), None).unexplained == 0


def measured(writers: list[tuple[float, str]], lags: list[tuple[float, str, float]]) -> float | None:
    seen = [WriterSeen(at(moment), region, region) for moment, region in writers]
    points = [LagMeasured(at(moment), "r", region, lag) for moment, region, lag in lags]
    record = run(end=60, events=[*story(struck=40, undone=50), *seen, *points])
    found = lag_at(record, windows(record)[0])
    return None if found is None else found.seconds


MOVED = [(0.0, HOME), (45.0, NEXT)]


@pytest.mark.parametrize(
    ("writers", "lags", "expected"),
    [
        (MOVED, [(30, NEXT, 9.0), (38, NEXT, 0.5)], 2.5),
        (MOVED, [(38, NEXT, 0.5), (38, NEXT, 1.5)], 3.5),
        (MOVED, [(40, NEXT, 0.5), (41, NEXT, 7.0)], 0.5),
        (MOVED, [(38, HOME, 0.5)], None),
        (MOVED, [], None),
        ([(40.0, HOME), (45.0, NEXT)], [(38, NEXT, 0.5)], 2.5),
        ([(0.0, HOME)], [(38, NEXT, 0.5)], None),
        ([(45.0, NEXT)], [(38, NEXT, 0.5)], None),
        ([], [(38, NEXT, 0.5)], None),
        ([(0.0, HOME), (45.0, HOME)], [(38, HOME, 0.5)], None),
        ([(0.0, HOME), (40.0, NEXT)], [(38, NEXT, 0.5)], None),
    ],
)
def test_the_promoted_replicas_last_lag_before_the_fault_counts(writers, lags, expected) -> None:
    assert measured(writers, lags) == expected


def test_only_a_kept_volume_was_recovered_to_the_old_writers_end() -> None:
    new = Wal(900, 500, at(0).nanoseconds)
    views = [view((), "writer"), view((), "old_writer")]
    views = [type(one)(**{**vars(one), "wal": wal}) for one, wal in zip(views, (new, Wal(740, 600, 0)), strict=True)]
    assert wal_bytes(ReadBack(True, (), tuple(views), promoted_at=at(50).nanoseconds)) == 240
    assert wal_bytes(ReadBack(True, (), tuple(views), promoted_at=at(0).nanoseconds)) is None
