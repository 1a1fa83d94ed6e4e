"""A pair of RDS instances fails back, on a world of the test's own making that dies after any of its calls."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from harness.clock import Clock
from harness.errors import CloudFault, Refused
from harness.procedures import FailBack
from harness.runbooks import execution, runbook_of
from harness.topology import Region

HOME, OTHER = "us-east-1", "eu-west-1"
NAMES = {HOME: "agentauri-db", OTHER: "agentauri-db-eu"}
ALLOWED = {"Key": "gameday:allowed", "Value": "true"}


class Dead(Exception):
    """The runbook's process was killed."""


class World:
    """Two regions with an instance each; every change is there at once. ``dies_after``: so many changes."""

    def __init__(self, *, dies_after: int | None = None) -> None:
        self.instances = {region: self.instance(region) for region in (HOME, OTHER)}
        self.snapshots: dict[str, list[dict[str, Any]]] = {HOME: [], OTHER: []}
        self.services = {"api-gateway": 2, "ponder-indexer": 1}
        self.kept: dict[str, str] = {}
        self.changes: list[str] = []
        self.dies_after = dies_after
        self.cloud = SimpleNamespace(call=self.call, pages=self.pages)
        hands = {region: SimpleNamespace(sql=self.sql) for region in (HOME, OTHER)}
        self.estate: Any = SimpleNamespace(
            cloud=self.cloud,
            platform=SimpleNamespace(regions=(Region(HOME), Region(OTHER)), global_cluster=None),
            hand=hands.__getitem__,
        )

    @staticmethod
    def instance(region: str, source: str = "", tags: Any = (ALLOWED,)) -> dict[str, Any]:
        name = NAMES[region]
        return {
            "DBInstanceIdentifier": name,
            "DBInstanceStatus": "available",
            "DBInstanceArn": f"arn:aws:rds:{region}:1:db:{name}",
            "Endpoint": {"Address": name},
            "InstanceCreateTime": datetime(2026, 1, 1, tzinfo=UTC),
            "TagList": list(tags),
            **({"ReadReplicaSourceDBInstanceIdentifier": source} if source else {}),
        }

    def sql(self, host: str, query: str) -> list[list[Any]]:
        return [["0/1"]] if "current" in query else [[not any(self.services.values())]]

    def pages(self, service: str, region: str, operation: str, key: str, **asked: Any) -> list[Any]:
        if operation == "describe_db_instances":
            return [self.instances[region]] if region in self.instances else []
        if operation == "describe_db_snapshots":
            return self.snapshots[region]
        return {"clusterArns": ["cluster"], "serviceArns": list(self.services)}[key]

    def call(self, service: str, region: str, operation: str, /, **asked: Any) -> Any:
        if operation == "describe_db_clusters":
            return {"DBClusters": []}
        if operation == "describe_db_instances":
            if region not in self.instances:
                raise CloudFault(operation, "DBInstanceNotFound", "")
            return {"DBInstances": [self.instances[region]]}
        if operation == "describe_services":
            return {"services": [self.service(name) for name in self.services]}
        if self.dies_after is not None and len(self.changes) >= self.dies_after:
            raise Dead
        self.changes.append(f"{operation} {region}")
        getattr(self, operation)(region, asked)
        return {}

    def service(self, name: str) -> dict[str, Any]:
        count = self.services[name]
        tags = [{"key": "gameday:desired-count", "value": self.kept[name]}] if name in self.kept else []
        return {"serviceArn": name, "desiredCount": count, "runningCount": count, "tags": tags}

    def delete_db_instance(self, region: str, asked: Any) -> None:
        gone = self.instances.pop(region)
        assert gone["DBInstanceIdentifier"] == asked["DBInstanceIdentifier"]
        kept = {"DBSnapshotIdentifier": asked["FinalDBSnapshotIdentifier"]}
        self.snapshots[region].append({**gone, **kept})

    def create_db_instance_read_replica(self, region: str, asked: Any) -> None:
        assert asked["DBInstanceIdentifier"] == NAMES[region]
        self.instances[region] = self.instance(region, asked["SourceDBInstanceIdentifier"], asked["Tags"])

    def promote_read_replica(self, region: str, asked: Any) -> None:
        del self.instances[region]["ReadReplicaSourceDBInstanceIdentifier"]

    def remove_tags_from_resource(self, region: str, asked: Any) -> None:
        tags = self.instances[region]["TagList"]
        self.instances[region]["TagList"] = [tag for tag in tags if tag["Key"] not in asked["TagKeys"]]

    def tag_resource(self, region: str, asked: Any) -> None:
        self.kept[asked["resourceArn"]] = asked["tags"][0]["value"]

    def untag_resource(self, region: str, asked: Any) -> None:
        del self.kept[asked["resourceArn"]]

    def update_service(self, region: str, asked: Any) -> None:
        self.services[asked["service"]] = asked["desiredCount"]

    def run(self) -> None:
        ignore: Any = lambda *_: None  # noqa: E731
        desk = execution.Desk(self.cloud, Clock.start(1000), ignore, ignore, ignore)  # type: ignore[arg-type]
        execution.carry_out(runbook_of(FailBack(Region(HOME)), self.estate), desk)

    def assert_home(self) -> None:
        assert "ReadReplicaSourceDBInstanceIdentifier" not in self.instances[HOME]
        source = self.instances[OTHER]["ReadReplicaSourceDBInstanceIdentifier"]
        assert source == self.instances[HOME]["DBInstanceArn"]
        assert self.instances[HOME]["TagList"] == self.instances[OTHER]["TagList"] == [ALLOWED]
        assert (self.services, self.kept) == ({"api-gateway": 2, "ponder-indexer": 1}, {})
        assert [len(self.snapshots[region]) for region in (HOME, OTHER)] == [1, 1]


def whole() -> list[str]:
    world = World()
    world.run()
    world.assert_home()
    return world.changes


def test_the_writer_comes_home_and_everything_else_is_as_it_was():
    world = World()
    world.run()
    world.assert_home()
    databases = [change for change in world.changes if "db_" in change or "promote" in change]
    assert databases == [
        f"delete_db_instance {HOME}",
        f"create_db_instance_read_replica {HOME}",
        f"promote_read_replica {HOME}",
        f"delete_db_instance {OTHER}",
        f"create_db_instance_read_replica {OTHER}",
    ]


@pytest.mark.parametrize("died_after", range(len(whole())))
def test_it_may_be_carried_out_again_wherever_it_was_killed(died_after: int) -> None:
    world = World(dies_after=died_after)
    with pytest.raises(Dead):
        world.run()
    world.dies_after = None
    world.run()
    world.assert_home()
    assert len([change for change in world.changes if "delete" in change]) == 2, "nothing is deleted twice"


def test_once_the_writer_is_home_nothing_is_called():
    world = World()
    world.run()
    before = list(world.changes)
    world.run()
    assert world.changes == before
    assert all("calls" not in line for line in execution.plan(runbook_of(FailBack(Region(HOME)), world.estate)))


def test_a_pair_that_never_failed_over_is_left_alone():
    world = World()
    world.instances[OTHER] = world.instance(OTHER, world.instances[HOME]["DBInstanceArn"])
    world.run()
    assert world.changes == []


def test_what_cannot_be_told_is_refused_before_anything_is_called():
    alone = World()
    alone.estate.platform.regions = (Region(HOME),)
    with pytest.raises(Refused, match="two regions"):
        alone.run()
    bare = World()
    del bare.instances[HOME]
    with pytest.raises(Refused, match="none that this runbook deleted"):
        bare.run()
    with pytest.raises(Refused, match="no region of the platform that answers"):
        runbook_of(FailBack(Region("ap-south-1")), World().estate)
    assert alone.changes == bare.changes == []
