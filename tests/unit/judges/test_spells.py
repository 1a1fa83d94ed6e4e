from __future__ import annotations

import numpy as np
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
