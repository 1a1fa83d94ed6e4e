"""Route 53's own rule, applied to what its checkers say: thresholds in a row, and more than 18 % of the checkers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from harness.clock import Instant
from harness.probes.health import Endpoint, Probed, Turned

SECOND = 10**9


def probe(checker: int, at: float, success: bool) -> Probed:
    return Probed(f"15.177.0.{checker}", Instant(round(at * SECOND)), success)


def look(at: float, *, failing: int, of: int = 10) -> list[Probed]:
    return [probe(n, at + n / 100, n >= failing) for n in range(of)]


def test_one_failed_probe_of_everybody_is_not_yet_unhealthy_with_a_threshold_of_two():
    endpoint = Endpoint(2)
    assert endpoint.take(look(0, failing=0)) == []
    assert endpoint.take(look(10, failing=10)) == []
    assert endpoint.healthy
    assert endpoint.take(look(20, failing=10)) == [Turned(Instant(round(20.08 * SECOND)), healthy=False)]


def test_the_same_observation_seen_twice_counts_once():
    endpoint = Endpoint(2)
    for _ in range(5):
        assert endpoint.take(look(10, failing=10)) == []


def test_it_stays_healthy_while_more_than_eighteen_percent_say_so():
    endpoint = Endpoint(1)
    assert endpoint.take(look(0, failing=0)) == []
    assert endpoint.take(look(10, failing=8)) == []
    assert [turned.healthy for turned in endpoint.take(look(20, failing=9))] == [False]
    assert [turned.healthy for turned in endpoint.take(look(30, failing=8))] == [True]


def test_a_good_probe_between_two_failed_ones_starts_the_count_anew():
    endpoint = Endpoint(2)
    for at, failing in ((0, 10), (10, 0), (20, 10), (30, 0)):
        assert endpoint.take(look(at, failing=failing)) == []


@given(st.lists(st.integers(0, 10), min_size=1, max_size=12), st.integers(1, 4))
def test_looking_twice_as_often_changes_nothing(failing: list[int], threshold: int):
    once, twice = Endpoint(threshold), Endpoint(threshold)
    seen_once, seen_twice = [], []
    for number, count in enumerate(failing):
        probes = look(number * 10, failing=count)
        seen_once += once.take(probes)
        seen_twice += twice.take(probes[:5])
        seen_twice += twice.take(probes)
    assert once.healthy == twice.healthy
    assert [turned.healthy for turned in seen_once[-1:]] == [turned.healthy for turned in seen_twice[-1:]]
