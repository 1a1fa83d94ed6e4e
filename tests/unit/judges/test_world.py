from __future__ import annotations

from harness.events import WorldCompared, WorldDiffers
from harness.judges import bench, world
from harness.verdicts import Ruling, worst
from tests.unit.judges.scripted import at, run, story

SUBNET = "subnet subnet-1 in us-east-1"


def compared(*differences: WorldDiffers):
    return run(events=[*story(), *differences, WorldCompared(at(241), 90, ("DB instance a is reader, was writer",))])


def test_a_world_as_it_was_says_nothing():
    record = compared()
    assert world.world(record) == []
    told = world.to_json(record)
    assert told is not None
    assert (told["compared"], told["differences"], told["residue"]) == (90, [], [])
    assert told["moved"] == ["DB instance a is reader, was writer"]


def test_what_was_not_put_back_keeps_every_run_from_passing():
    record = compared(WorldDiffers(at(241), SUBNET, "NetworkAclId", "acl-1", "acl-9"))
    verdicts = bench.judge(record)
    assert worst(verdict.ruling for verdict in verdicts) is not Ruling.KEPT
    own = next(verdict for verdict in verdicts if verdict.promise == "world")
    assert own.ruling is Ruling.UNKNOWN
    assert f"{SUBNET}: NetworkAclId is acl-9, was acl-1" in own.reason
    assert own.evidence["differences"] == [
        {"thing": SUBNET, "field": "NetworkAclId", "before": "acl-1", "after": "acl-9"}
    ]


def test_residue_is_listed_and_not_judged():
    record = compared(WorldDiffers(at(241), "DB snapshot s in us-east-1", "", "absent", "present", residue=True))
    assert world.world(record) == []
    told = world.to_json(record)
    assert told is not None
    assert told["residue"] == ["DB snapshot s in us-east-1 is new"]


def test_a_run_that_compared_nothing_says_so():
    assert world.to_json(run(events=story())) is None
