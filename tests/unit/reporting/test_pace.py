from __future__ import annotations

import pytest

from harness.events import PhaseBegan
from harness.reporting.pace import Pace, live_seconds
from tests.unit.judges.scripted import at


def phases(speed: float = 1.0) -> float:
    names = [
        (0, "steady"),
        (20, "inject"),
        (21, "takeover"),
        (50, "hold"),
        (80, "undo"),
        (85, "catch_up"),
        (95, "read_back"),
    ]
    return live_seconds([PhaseBegan(at(second), name) for second, name in names], speed)


def test_everything_up_to_the_read_back_is_live() -> None:
    assert phases() == pytest.approx(95)


def test_aws_time_becomes_real_time() -> None:
    assert phases(speed=10) == pytest.approx(9.5)


def test_what_no_experiment_used_is_dead() -> None:
    told = Pace(200, phases() + phases())
    assert told.dead_ratio == pytest.approx(0.05)
    assert told.sentence().startswith("Took 3.3 min, 5% of it dead time")


def test_an_empty_session_has_no_dead_time() -> None:
    assert Pace(0, 0).dead_ratio == 0
