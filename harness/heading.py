"""What a run's header says of the platform and its clients, whoever opens the run."""

from __future__ import annotations

from collections.abc import Mapping

from harness.clock import seconds
from harness.cloud.estate import Estate
from harness.header import ClientPolicy, Header
from harness.objectives import Objectives
from harness.requests import OPERATIONS, WRITES
from harness.script import Scenario
from loadtests.settings import MIX

AS_FOUND = "as found"
"""The version of the design in a run that only watched: nobody says which of ours it is."""


def heading(
    estate: Estate, scenario: Scenario, version: str, owed: Objectives, nearest: Mapping[str, tuple[str, ...]]
) -> Header:
    """The header of a run with the usual clients; it promises nothing yet."""
    shape, places = estate.target.load, tuple(place.name for place in estate.target.locations)
    return Header(
        scenario=scenario.path,
        phase=scenario.phase,
        title=scenario.title,
        story=scenario.story,
        design=scenario.phase,
        design_version=version,
        target=estate.target.target.name,
        speed=estate.clock.speed,
        anchor=estate.clock.anchor,
        promises=(),
        objectives=owed,
        locations=places,
        nearest=nearest,
        regions=tuple(region.name for region in estate.platform.regions),
        operations=OPERATIONS,
        writes=WRITES,
        deadline=seconds(shape.deadline_seconds),
        rate_per_second=dict.fromkeys(places, shape.rate_per_second),
        mix=MIX,
        client=ClientPolicy("honoured", seconds(shape.connection_age_seconds)),
        unmeasured=estate.target.unmeasured,
    )
