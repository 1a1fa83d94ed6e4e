"""The gate guards every promise that anybody makes, and is over in minutes."""

from __future__ import annotations

import pytest

from harness import catalogue
from harness.clock import minutes, seconds

SPEED = 10
LIMIT = minutes(6)
BOOT = seconds(12)
"""A twin's start and end on two cores, generously; in the gate's own, real, time."""
JUDGING = seconds(2)
"""Of one run."""

GATE = [entry for entry in catalogue.entries() if entry.card.gate]


@pytest.mark.parametrize("promise", sorted({name for entry in catalogue.entries() for name in entry.promises}))
def test_every_promise_is_guarded(promise):
    assert any(promise in entry.promises for entry in GATE), f"no scenario of the gate promises {promise}"


def test_the_gate_takes_six_minutes_at_most():
    twins = len({entry.phase for entry in GATE}) + sum(entry.card.destructive for entry in GATE)
    played = sum((entry.card.lasts for entry in GATE), seconds(0))
    assert played / SPEED + JUDGING * len(GATE) + BOOT * twins <= LIMIT
