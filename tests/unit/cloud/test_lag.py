"""The replica that falls behind: when it is proven that it does."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from harness.clock import Anchor, Clock, Instant, seconds
from harness.cloud.carriers.lag import LagCarrier
from harness.faults import Lag
from harness.topology import Region, Replica
from harness.undo import Act, Armed

SPEED = 20.0
ZERO = Instant(1_700_000_000 * 10**9)


class Frozen(Clock):
    """A clock that is set by hand."""

    at_second = 0.0

    def now(self) -> Instant:
        return ZERO + seconds(Frozen.at_second)


def _kept(act: Act) -> Armed:
    return Armed(1, "lag", act)


def carrier(monkeypatch: pytest.MonkeyPatch, ages: list[float], call_seconds: float, group: str = "own") -> LagCarrier:
    """A replica whose age, in AWS seconds, is read from a list; giving the order takes so many AWS seconds."""
    clock = Frozen(SPEED, Anchor(0, ZERO.nanoseconds))
    hand = SimpleNamespace(sql=lambda host, query: [[ages.pop(0) / SPEED]] if "pause" not in query else take())
    replica = SimpleNamespace(identifier="replica", parameter_group=group, endpoint="host", role="replica")
    estate: Any = SimpleNamespace(clock=clock, cloud=None, hand=lambda region: hand)

    def take(*_: object) -> None:
        Frozen.at_second += call_seconds

    monkeypatch.setattr("harness.cloud.carriers.lag.discovery.instances", lambda *_: [replica])
    monkeypatch.setattr("harness.cloud.carriers.lag.levers.delay", lambda *_: "0")
    monkeypatch.setattr("harness.cloud.carriers.lag.levers.set_delay", take)
    Frozen.at_second = 100.0
    return LagCarrier(estate, Lag(Replica(Region("us-east-1")), seconds(40)))


def bites(one: LagCarrier, since: Instant, after: float) -> bool:
    Frozen.at_second = 100.0 + after
    return one.bites(since) is not None


@pytest.mark.parametrize(("age", "after", "proven"), [(1.5, 10, False), (3.0, 3.5, True), (3.0, 10, False)])
def test_a_replica_that_applies_nothing_newer_than_the_order_lags(
    monkeypatch: pytest.MonkeyPatch, age: float, after: float, proven: bool
) -> None:
    one = carrier(monkeypatch, [age], 0)
    one.change(_kept)
    assert bites(one, ZERO + seconds(100), after) is proven


def test_an_order_that_took_its_time_is_still_seen_to_bite(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine the call takes seconds of AWS time; what was applied meanwhile is no sign that it failed."""
    one = carrier(monkeypatch, [9.0, 40.0], 6.0)
    one.change(_kept)
    assert bites(one, ZERO + seconds(100), 15.5)
    assert bites(one, ZERO + seconds(100), 300)


def test_a_paused_replica_is_never_proven_by_its_age_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    one = carrier(monkeypatch, [45.0], 0, group="default.postgres15")
    one.change(_kept)
    assert not bites(one, ZERO + seconds(100), 300)
