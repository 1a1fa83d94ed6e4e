"""The arithmetic of recovery, against a naive reading of its definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.clock import Instant, seconds
from harness.judges.streams import (
    BLIP_ARRIVALS,
    excess,
    good,
    longest_gap,
    lucky,
    outages,
    percentiles,
    settled,
    streams,
    tolerance,
    turn,
)
from harness.record import TRAFFIC
from tests.unit.judges.scripted import at, run

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


@given(st.lists(st.booleans(), min_size=1, max_size=24), OBJECTIVE)
def test_excess_is_its_definition(flags: list[bool], objective: float) -> None:
    def beyond(part: list[bool]) -> float:
        return part.count(False) - (1 - objective) * len(part)

    for first, worst in enumerate(excess(np.array(flags), objective).tolist()):
        ends = range(first, len(flags))
        naive = max(beyond(flags[a : b + 1]) for a in ends for b in range(a, len(flags)))
        assert worst == pytest.approx(naive, abs=1e-9)


def test_outages_are_counted_where_good_turns_to_bad() -> None:
    turned = {"": 0, "1": 0, "0": 1, "10": 1, "01": 1, "0101": 2, "11011": 1, "0011": 1, "110100": 2}
    for text, count in turned.items():
        assert outages(np.array([one == "1" for one in text], np.bool_)) == count, text


def test_the_longest_gap_of_nothing_is_the_whole_span_and_of_no_span_none() -> None:
    nothing = np.empty(0, np.int64), np.empty(0, np.bool_)
    assert longest_gap(*nothing, at(0), at(9)) == seconds(9)
    assert longest_gap(*nothing, at(0), at(0)) == seconds(0)


def test_noise_is_two_arrivals_or_those_of_half_a_second() -> None:
    assert tolerance(seconds_apart(1)) == 2
    for every_ms, noise in [(1000, 2), (250, 2), (100, 5), (10, 50)]:
        assert tolerance(np.arange(0, 31) * every_ms * 10**6) == pytest.approx(noise)
    assert tolerance(np.array([0, 10**8])) == 5


def test_an_excess_of_exactly_the_noise_is_noise() -> None:
    flags = np.array([True, False, False, True, True, True])
    found = turn(seconds_apart(6), flags, 0.5)
    assert found is not None
    assert found.index == 0
    exact = turn(seconds_apart(6), np.array([True, False, False, True]), 1.0)
    assert exact is not None
    assert exact.index == 3


def test_percentiles_are_in_milliseconds_from_the_intended_time() -> None:
    rows = np.zeros(101, TRAFFIC)
    rows["intended"] = 10**18
    rows["done"] = 10**18 + np.arange(101) * 10**6 + 123_456
    assert percentiles(rows) == (50.123, 95.123, 99.123)
    assert percentiles(rows[:0]) == (0.0, 0.0, 0.0)


def test_an_answer_at_its_very_deadline_is_in_time_and_one_at_the_spans_very_end_is_left_out() -> None:
    record = run(slow=5.0)
    assert good(record, record.traffic).all()
    assert not good(run(slow=5.001), run(slow=5.001).traffic).any()
    last = int(run(end=60).traffic["done"].max())
    counts = [sum(len(one.good) for one in streams(run(end=60), at(0), Instant(last + more))) for more in (0, 1)]
    assert counts[1] - counts[0] == 2


def test_only_what_the_mix_has_is_a_stream_and_an_empty_one_works() -> None:
    named = {one.operation for one in streams(run(end=10, mix={"list_triggers": 1, "ponder_events": 2}), at(0), at(9))}
    assert named == {"list_triggers", "ponder_events"}
    found = list(streams(run(end=10), at(20), at(30)))
    assert len(found) == 8
    assert {one.ratio() for one in found} == {1.0}
    assert {one.ratio() for one in streams(run(lambda *_: True, end=20), at(0), at(9))} == {0.0}
