"""ElastiCache over real Redis on a real network, as a client and as boto3 meet it."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from harness.clock import Duration, seconds
from harness.twin.api.elasticache import ElastiCache
from harness.twin.api.front_door import FrontDoor
from harness.twin.designs.model import Design, ReplicationGroup, Timing
from tests.twin.stage import Stage, stage

QUICK = {
    f"elasticache.{name}": Timing(low, low + 1, "test")
    for name, low in {
        "failover": 4,
        "replacement": 4,
        "reboot": 6,
        "create": 4,
        "delete": 2,
        "modify": 1,
        "global_create": 2,
        "global_delete": 1,
        "global_disassociate": 2,
        "global_failover": 4,
    }.items()
}
PATIENCE = seconds(120)
"""Redis needs real seconds to link again, whatever the speed."""


@dataclass
class Caches:
    stage: Stage
    cache: ElastiCache
    url: str

    def client(self, region: str = "us-east-1") -> Any:
        return boto3.client(
            "elasticache",
            region_name=region,
            endpoint_url=self.url,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"total_max_attempts": 1}),
        )

    @contextlib.contextmanager
    def refused(self, code: str, status: int = 400) -> Iterator[None]:
        with pytest.raises(ClientError) as refusal:
            yield
        answer = refusal.value.response
        assert (answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]) == (code, status)

    def addresses(self, name: str) -> tuple[str, ...]:
        pointer = self.stage.names.lookup(name)
        assert pointer is not None, name
        return pointer.addresses

    def say(self, where: str, *words: str, place: str = "us-east-1a-app") -> str:
        """One command to an endpoint (or address), over a connection of its own, as the default user."""
        address = self.addresses(where)[0] if where.endswith(".com") else where
        with self.stage.network.connect(place, (address, 6379), seconds(10)) as line:
            line.settimeout(1)
            line.sendall((" ".join(words) + "\r\n").encode())
            return line.recv(65536).decode().strip()

    def holds(self, where: str, key: str) -> bool:
        """Whether it answers with the value of ``key``."""
        with contextlib.suppress(OSError):
            return self.say(where, "GET", key) == f"${len(key)}\r\n{key}"
        return False

    def writes(self, where: str, key: str = "key", **options: str) -> bool:
        """Whether it takes ``key`` (whose value is its name)."""
        with contextlib.suppress(OSError):
            return self.say(where, "SET", key, key, **options) == "+OK"
        return False

    def group(self, name: str, region: str = "us-east-1") -> Any:
        return self.client(region).describe_replication_groups(ReplicationGroupId=name)["ReplicationGroups"][0]

    def primary(self, name: str, region: str = "us-east-1") -> str:
        return str(self.group(name, region)["NodeGroups"][0]["PrimaryEndpoint"]["Address"])

    def nodes(self, name: str, region: str = "us-east-1") -> dict[str, Any]:
        """The group's members by identifier."""
        members = self.group(name, region)["NodeGroups"][0]["NodeGroupMembers"]
        return {member["CacheClusterId"]: member for member in members}

    def endpoint(self, node: str, region: str = "us-east-1") -> str:
        return str(self.nodes(node.rpartition("-")[0], region)[node]["ReadEndpoint"]["Address"])

    def roles(self, name: str, region: str = "us-east-1") -> dict[str, str]:
        return {node[-3:]: member["CurrentRole"] for node, member in self.nodes(name, region).items()}

    def messages(self, region: str = "us-east-1") -> list[tuple[str, str]]:
        """Source and message of every event so far."""
        pages = self.client(region).get_paginator("describe_events").paginate(Duration=14 * 24 * 60)
        return [(event["SourceIdentifier"], event["Message"]) for page in pages for event in page["Events"]]

    def until(self, wanted: Any, patience: Duration = PATIENCE) -> Duration:
        return self.stage.until(wanted, patience)

    def settled(self, name: str, region: str = "us-east-1") -> bool:
        """Whether the group and its nodes are available and every replica holds what its primary does."""
        group = self.group(name, region)
        if group["Status"] != "available" or any(
            self.client(region).describe_cache_clusters(CacheClusterId=node)["CacheClusters"][0]["CacheClusterStatus"]
            != "available"
            for node in group["MemberClusters"]
        ):
            return False
        return all(
            self.linked(node, region)
            for node, role in self.nodes(name, region).items()
            if role["CurrentRole"] == "replica"
        )

    def linked(self, node: str, region: str = "us-east-1") -> bool:
        with contextlib.suppress(OSError):
            return "master_link_status:up" in self.say(
                self.endpoint(node, region), "INFO", "replication", place=f"{region}a-app"
            )
        return False


def caches(design: Design, *groups: ReplicationGroup, datastore: str | None = None) -> Iterator[Caches]:
    """These groups, and a front door before them, for as long as the generator lives."""
    wanted = replace(design, caches=groups, timings={**design.timings, **QUICK}, global_datastore=datastore)
    with stage(wanted) as built:
        cache = ElastiCache(
            built.clock, built.scheduler, built.network, built.names, built.metrics, built.design, built.state
        )
        built.exits.callback(cache.stop)
        cache.boot()
        door = FrontDoor(built.clock, [cache], built.state / "audit.jsonl", {})
        listening = socket.create_server(("127.0.0.1", 0))
        door.serve(listening)
        built.exits.callback(door.close)
        yield Caches(built, cache, f"http://127.0.0.1:{listening.getsockname()[1]}")
