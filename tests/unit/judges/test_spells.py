from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.clock import Instant, seconds
from harness.judges.spells import LASTING, Spell, spells

BEGAN = Instant(10**18)


def found(bad: list[tuple[float, float]], until: float = 200, every: float = 0.25) -> tuple[Spell, ...]:
    """The spells of a stream that arrives regularly and is bad within the given spans, in seconds from the fault."""
    steps = np.arange(0, until, every)
    flags = ~np.any([(steps >= low) & (steps < high) for low, high in bad], axis=0)
    times = (BEGAN.nanoseconds + steps * 1e9).astype(np.int64)
    return spells(times, flags, BEGAN, BEGAN, BEGAN + seconds(until))


def test_a_spell_counts_from_the_fault() -> None:
    (one,) = found([(8, 200)])
    assert one.began == BEGAN
    assert one.longest == seconds(200)


def test_a_spell_after_a_lasting_calm_counts_from_the_last_good_arrival() -> None:
    (one,) = found([(100, 200)])
    assert one.began == BEGAN + seconds(99.75)
    assert one.bad_from == BEGAN + seconds(100)
    assert one.shortest == seconds(99.75)


def test_calm_that_did_not_last_parts_nothing() -> None:
    assert len(found([(0, 50), (75, 200)])) == 1
    assert len(found([(0, 50), (85, 200)])) == 2


def test_three_spells_are_flapping_and_make_one() -> None:
    (one,) = found([(0, 10), (60, 70), (120, 200)])
    assert one.longest == seconds(200)


def test_a_few_bad_arrivals_in_a_lasting_calm_are_noise() -> None:
    (one,) = found([(60, 60.5), (150, 200)])
    assert one.began == BEGAN + seconds(149.75)


def test_without_a_bad_arrival_there_is_no_spell() -> None:
    assert found([(300, 400)]) == ()


@settings(max_examples=60, deadline=None)
@given(st.floats(2, 60), st.floats(31, 60), st.floats(2, 60))
def test_the_truth_lies_between_shortest_and_longest(first: float, calm: float, second: float) -> None:
    bad = [(0.0, first), (first + LASTING.seconds + calm - 30 + 1, first + calm + 31 + second)]
    one, two = found(bad, until=bad[1][1])
    assert one.shortest.seconds - 0.25 <= first <= one.longest.seconds + 0.25
    assert two.shortest.seconds - 0.25 <= bad[1][1] - bad[1][0] <= two.longest.seconds + 0.25


def test_flapping_lasts_from_its_first_bad_arrival_to_its_last() -> None:
    (one,) = found([(40, 50), (90, 100), (140, 150), (190, 195)], until=196)
    assert one == Spell(
        BEGAN + seconds(39.75), BEGAN + seconds(40), BEGAN + seconds(194.75), BEGAN + seconds(196)
    )  # fmt: skip


def test_a_spell_ends_at_the_next_arrival() -> None:
    first, second = found([(0, 50), (90, 200)])
    assert (first.last_bad, first.ended) == (BEGAN + seconds(49.75), BEGAN + seconds(50))
    assert (second.began, second.last_bad) == (BEGAN + seconds(89.75), BEGAN + seconds(199.75))


@pytest.mark.parametrize(("again", "count"), [(80.0, 1), (80.25, 2)])
def test_thirty_seconds_of_good_arrivals_part_two_spells(again: float, count: int) -> None:
    """The last bad arrival is at 49.75 s, and the last good one a quarter of a second before the next bad one."""
    assert len(found([(0, 50), (again - 0.25, 200)])) == count


@pytest.mark.parametrize(("first_bad", "began"), [(30.0, 0.0), (30.25, 30.0)])
def test_a_stream_that_worked_for_thirty_seconds_was_not_down_before(first_bad: float, began: float) -> None:
    (one,) = found([(first_bad, 200)])
    assert one.began == BEGAN + seconds(began)


def test_two_bad_arrivals_next_to_each_other_are_one_spell_however_far_apart() -> None:
    times = BEGAN.nanoseconds + np.array([0, 40, 80, 81]) * 10**9
    flags = np.array([False, False, False, True])
    assert len(spells(times, flags, BEGAN, BEGAN, BEGAN + seconds(81))) == 1


def test_one_good_arrival_after_a_silence_parts_them() -> None:
    times = BEGAN.nanoseconds + np.array([0, 1, 2, 40, 41, 42, 43, 44]) * 10**9
    flags = np.array([False, False, False, True, False, False, False, True])
    assert len(spells(times, flags, BEGAN, BEGAN, BEGAN + seconds(44))) == 2
