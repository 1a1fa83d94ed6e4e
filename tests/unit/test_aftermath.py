"""The world is compared after a scenario: what should have been put back ends the run as `undo failed`."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from harness import aftermath, inventory
from harness.aftermath import failed_over, moved_region
from harness.clock import Clock, Instant
from harness.errors import CloudFault, Refused, UndoFailed
from harness.events import DatabaseEvent, Stalled, WorldCompared, WorldDiffers, WriterSeen
from harness.inventory import Inventory
from harness.verdicts import Outcome

DATABASE, ALARM = "DB instance db in us-east-1", "alarm lag in us-east-1"
NOW = Instant(0)
FIRST = WriterSeen(NOW, "us-east-1", "agentauri-1")
BEFORE = Inventory({DATABASE: {"MultiAZ": True}, ALARM: {"ActionsEnabled": True}})


@pytest.fixture
def experiment(tmp_path):
    events: list[Any] = []
    return SimpleNamespace(
        folder=tmp_path,
        estate=SimpleNamespace(clock=Clock.start(1)),
        timeline=SimpleNamespace(add=events.append),
        console=SimpleNamespace(say=lambda *_: None),
        outcome=Outcome.FINISHED,
        events=events,
    )


def sees(monkeypatch, world):
    def take(estate):
        if isinstance(world, Exception):
            raise world
        return world

    monkeypatch.setattr(aftermath.live, "take", take)


def test_the_same_world_is_on_record_and_no_more(experiment, monkeypatch):
    sees(monkeypatch, BEFORE)
    before = aftermath.take_inventory(experiment)
    aftermath.compare_world(experiment, before, destructive=False)
    assert [type(event) for event in experiment.events] == [WorldCompared]
    assert experiment.outcome is Outcome.FINISHED
    files = {path.name for path in experiment.folder.iterdir()}
    assert files == {inventory.BEFORE_FILE, inventory.AFTER_FILE}


def test_what_was_not_put_back_ends_the_run_as_undo_failed(experiment, monkeypatch):
    sees(monkeypatch, Inventory({DATABASE: {"MultiAZ": True}, ALARM: {"ActionsEnabled": False}}))
    with pytest.raises(UndoFailed, match="ActionsEnabled is false, was true"):
        aftermath.compare_world(experiment, BEFORE, destructive=True)
    assert experiment.outcome is Outcome.UNDO_FAILED
    assert [event.field for event in experiment.events if isinstance(event, WorldDiffers)] == ["ActionsEnabled"]


def test_a_changed_topology_is_residue_of_a_destructive_scenario_only(experiment, monkeypatch):
    sees(monkeypatch, Inventory({DATABASE: {"MultiAZ": False}, ALARM: {"ActionsEnabled": True}}))
    aftermath.compare_world(experiment, BEFORE, destructive=True)
    assert experiment.events[0].residue
    with pytest.raises(UndoFailed):
        aftermath.compare_world(experiment, BEFORE, destructive=False)


def test_a_world_that_cannot_be_seen_stalls_the_run_and_before_it_refuses(experiment, monkeypatch):
    sees(monkeypatch, CloudFault("ec2.describe", "Unreachable", "nobody answers"))
    aftermath.compare_world(experiment, BEFORE, destructive=False)
    assert [type(event) for event in experiment.events] == [Stalled]
    with pytest.raises(Refused, match="nobody answers"):
        aftermath.take_inventory(experiment)


def test_another_writer_is_a_failover_and_only_another_regions_has_moved():
    assert not failed_over([FIRST, FIRST])
    assert failed_over([FIRST, WriterSeen(NOW, "us-east-1", "agentauri-2")])
    assert not moved_region([FIRST, WriterSeen(NOW, "us-east-1", "agentauri-2")])
    elsewhere = [FIRST, WriterSeen(NOW, "eu-west-1", "agentauri-eu-1")]
    assert failed_over(elsewhere)
    assert moved_region(elsewhere)


def test_a_multi_az_instance_fails_over_under_its_own_name():
    told = DatabaseEvent(NOW, "agentauri-db", "us-east-1", "Multi-AZ instance failover completed", ("failover",))
    assert failed_over([FIRST, told])
    restarted = DatabaseEvent(NOW, "agentauri-db", "us-east-1", "DB instance restarted", ("availability",))
    assert not failed_over([FIRST, restarted])
