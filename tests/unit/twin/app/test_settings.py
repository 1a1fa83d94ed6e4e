from __future__ import annotations

import json

import pytest

from harness.errors import TwinFault
from harness.twin.app.settings import Settings
from harness.twin.designs.catalogue import design
from harness.twin.engines.apps import settings_for

AT_START = {
    "task": "t",
    "address": "10.1.11.20",
    "port": 8080,
    "speed": 10.0,
    "anchor_monotonic_nanoseconds": 1,
    "anchor_epoch_nanoseconds": 2,
}


@pytest.mark.parametrize("name", ["read_replicas", "active_passive", "active_active"])
@pytest.mark.parametrize("version", ["as_written", "hardened"])
def test_every_design_tells_its_services_what_they_need(name: str, version: str) -> None:
    plan = design(name, version)  # type: ignore[arg-type]
    for service in plan.services:
        values = json.loads(json.dumps(settings_for(plan, service.region, service.name)))
        assert Settings.read({**values, **AT_START}).writer == plan.app[service.region].writer_endpoint


def test_one_region_indexes_as_written_and_whoever_is_elected_hardened() -> None:
    written, hardened = design("active_passive", "as_written"), design("active_passive", "hardened")
    regions = [plan.name for plan in written.regions]
    assert [settings_for(written, region, "ponder-indexer")["indexer"] for region in regions] == ["always", "never"]
    assert [settings_for(hardened, region, "ponder-indexer")["indexer"] for region in regions] == ["elected"] * 2


def test_what_is_missing_or_unknown_is_named() -> None:
    values = {**settings_for(design("read_replicas", "hardened"), "us-east-1", "api-gateway"), **AT_START}
    with pytest.raises(TwinFault, match="colour"):
        Settings.read({**values, "colour": "red"})
    del values["writer"]
    with pytest.raises(TwinFault, match="writer"):
        Settings.read(values)
