"""What observers cannot see is told once, when it begins and when it ends; one blind region hides no other."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.clock import Clock
from harness.errors import CloudFault
from harness.events import SightChanged
from harness.probes import observers
from harness.probes.observers import Observers
from harness.timeline import Timeline, of
from harness.topology import Region


@pytest.fixture
def watching(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Timeline]:
    """Observers of two regions, with no health check to look at, and what they tell."""
    monkeypatch.setattr(observers.observation, "health_checks", lambda cloud: ())
    platform = SimpleNamespace(regions=[Region("us-east-1"), Region("eu-west-1")])
    estate: Any = SimpleNamespace(clock=Clock.start(), cloud=None, platform=platform)
    timeline = Timeline(tmp_path / "timeline.jsonl")
    return Observers(estate, timeline), timeline


def fault(code: str) -> CloudFault:
    return CloudFault("Look", code, "in its own words")


def told(timeline: Timeline) -> list[tuple[str, bool, str]]:
    return [(event.what, event.seen, event.why) for event in of(timeline.events(), SightChanged)]


def test_blindness_is_told_when_it_begins_and_when_it_ends(watching: tuple[Any, Timeline]) -> None:
    found, timeline = watching
    answers = iter([None, fault("Unreachable"), fault("Unreachable"), None, None, fault("Throttling")])

    def look() -> None:
        answer = next(answers)
        if answer is not None:
            raise answer

    for _ in range(6):
        found._attempt(look, "health checks")
    assert told(timeline) == [
        ("health checks", False, "Look: Unreachable"),
        ("health checks", True, ""),
        ("health checks", False, "Look: Throttling"),
    ]


def test_a_region_that_answers_nothing_keeps_no_other_from_being_seen(watching: tuple[Any, Timeline]) -> None:
    found, timeline = watching
    seen = []

    def look(region: str) -> None:
        if region == "us-east-1":
            raise fault("Unreachable")
        seen.append(region)

    found._each_region(look, "tasks")
    assert seen == ["eu-west-1"]
    assert told(timeline) == [("tasks of us-east-1", False, "Look: Unreachable")]
