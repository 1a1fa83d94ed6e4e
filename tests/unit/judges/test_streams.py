"""The arithmetic of recovery, against a naive reading of its definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.clock import Instant
from harness.judges.streams import BLIP_ARRIVALS, excess, longest_gap, lucky, outages, settled, tolerance, turn
from tests.unit.judges.scripted import at

FLAGS = st.lists(st.booleans(), min_size=1, max_size=120)
OBJECTIVE = st.sampled_from([0.5, 0.9, 0.98, 1.0])


def seconds_apart(count: int) -> np.ndarray:
    return at(0).nanoseconds + np.arange(count, dtype=np.int64) * 10**9


def naive_turn(flags: list[bool], objective: float) -> int | None:
    """The definition, letter by letter."""
    for first in range(len(flags)):
        rest = flags[first:]
        stretches = (rest[a:b] for a in range(len(rest)) for b in range(a + 1, len(rest) + 1))
        calm = all(part.count(False) - (1 - objective) * len(part) <= BLIP_ARRIVALS + 1e-9 for part in stretches)
        if rest[0] and rest.count(True) / len(rest) >= objective and calm:
            return first
    return None


@given(st.lists(st.booleans(), min_size=1, max_size=24), OBJECTIVE)
def test_turn_is_its_definition(flags: list[bool], objective: float) -> None:
    found = turn(seconds_apart(len(flags)), np.array(flags), objective)
    assert (found.index if found else None) == naive_turn(flags, objective)


@given(FLAGS, OBJECTIVE, st.data())
def test_a_better_arrival_never_makes_the_recovery_later(
    flags: list[bool], objective: float, data: st.DataObject
) -> None:
    times = seconds_apart(len(flags))
    better = list(flags)
    better[data.draw(st.integers(0, len(flags) - 1))] = True
    before, after = turn(times, np.array(flags), objective), turn(times, np.array(better), objective)
    assert before is None or (after is not None and after.index <= before.index)


@given(st.integers(1, 60), st.integers(3, 60), st.integers(60, 400))
def test_a_solid_outage_ends_at_its_first_good_arrival(calm: int, down: int, up: int) -> None:
    flags = np.array([True] * calm + [False] * down + [True] * up)
    times = seconds_apart(len(flags))
    found = turn(times, flags, 0.98)
    assert found is not None
    assert found.index == calm + down
    assert found.last_bad is not None
    assert found.last_bad.nanoseconds == times[calm + down - 1]


@given(st.integers(1, 299))
def test_one_late_bad_arrival_is_noise_while_the_ratio_holds(where: int) -> None:
    flags = np.ones(400, np.bool_)
    flags[where] = False
    found = turn(seconds_apart(400), flags, 0.98)
    assert found is not None
    assert found.index == 0


def test_a_long_calm_does_not_dilute_an_outage() -> None:
    flags = np.array([True] * 5 + [False] * 40 + [True] * 10_000)
    found = turn(seconds_apart(len(flags)), flags, 0.98)
    assert found is not None
    assert found.index == 45


def test_flapping_to_the_end_is_no_recovery_before_the_end() -> None:
    flags = np.array([True, False] * 50)
    assert turn(seconds_apart(100), flags, 0.98) is None
    assert outages(flags) == 50


@given(FLAGS, OBJECTIVE)
def test_excess_never_grows_towards_the_end(flags: list[bool], objective: float) -> None:
    found = excess(np.array(flags), objective)
    assert np.all(np.diff(found) <= 1e-9)


def test_the_longest_gap_counts_the_edges() -> None:
    times = seconds_apart(10)
    assert longest_gap(times, times >= times[4], at(0), at(10)).seconds == 4
    assert longest_gap(times, np.zeros(10, np.bool_), at(0), at(10)).seconds == 10


def test_half_a_second_of_a_fast_stream_is_a_blip() -> None:
    assert tolerance(at(0).nanoseconds + np.arange(1000, dtype=np.int64) * 10**7) == 50


def test_the_end_of_half_an_outage_is_not_forgiven_by_the_calm_after_it() -> None:
    flags = np.array([True] * 5 + [False, True] * 40 + [True] * 400)
    times = seconds_apart(len(flags))
    forgiving = turn(times, flags, 0.98)
    assert forgiving is not None
    assert forgiving.index < 84
    found = settled(times, flags, forgiving)
    assert found.index == 84
    assert found.last_bad == Instant(int(times[83]))


def test_a_bad_arrival_later_than_luck_explains_moves_nothing() -> None:
    flags = np.array([False] * 10 + [True] * 400)
    flags[[60, 200]] = False
    times = seconds_apart(len(flags))
    found = turn(times, flags, 0.98)
    assert found is not None
    assert settled(times, flags, found) == found


@pytest.mark.parametrize(("pattern", "expected"), [([False], 0), ([True, False], 7), ([True] * 3 + [False], 10)])
def test_good_arrivals_in_a_row_are_luck_where_some_always_succeeded(pattern: list[bool], expected: int) -> None:
    flags = np.array(pattern * 20)
    assert lucky(flags, len(flags) - 1) == expected
