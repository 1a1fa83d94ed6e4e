from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from harness.clock import seconds
from harness.twin import names
from harness.twin.api.elasticache import ElastiCache
from harness.twin.calls import AwsError
from harness.twin.designs import catalogue
from harness.twin.designs.model import Design, ReplicationGroup, Timing
from tests.twin.stage import Stage, needs_root, stage

pytestmark = needs_root
REGION, NAME = "us-east-1", "agentauri-cache"
ENDPOINT = names.cache_endpoint(NAME, REGION)
QUICK = {
    "elasticache.failover": Timing(5, 6, "test"),
    "elasticache.replacement": Timing(8, 9, "test"),
    "elasticache.global_failover": Timing(5, 6, "test"),
}


@dataclass
class World:
    stage: Stage
    cache: ElastiCache

    def __call__(self, operation: str, region: str = REGION, **parameters: Any) -> Any:
        return self.stage.call(self.cache, operation, region, **parameters)

    def address(self, name: str = ENDPOINT) -> str:
        pointer = self.stage.names.lookup(name)
        assert pointer is not None
        return pointer.addresses[0]

    def say(self, *words: str, address: str = "", place: str = "us-east-1a-app") -> str:
        """One command over a connection of its own, as the default user; the raw first line and what follows."""
        with self.stage.network.connect(place, (address or self.address(), 6379), seconds(10)) as line:
            line.settimeout(1)
            line.sendall((" ".join(words) + "\r\n").encode())
            return line.recv(65536).decode().strip()

    def writes(self, **where: str) -> bool:
        try:
            return self.say("SET", "key", "value", **where) == "+OK"
        except OSError:
            return False

    def group(self, region: str = REGION) -> Any:
        (found,) = self("DescribeReplicationGroups", region, ReplicationGroupId=NAME)["ReplicationGroups"]
        return found

    def messages(self) -> list[str]:
        return [event["Message"] for event in self("DescribeEvents", Duration=600)["Events"]]


def world_of(design: Design, *groups: ReplicationGroup, datastore: str | None = None) -> Iterator[World]:
    timings = {**design.timings, **QUICK}
    wanted = replace(design, caches=groups, timings=timings, global_datastore=datastore)
    with stage(wanted) as built:
        cache = ElastiCache(
            built.clock, built.scheduler, built.network, built.names, built.metrics, built.design, built.state
        )
        built.exits.callback(cache.stop)
        cache.boot()
        yield World(built, cache)


@pytest.fixture
def single() -> Iterator[World]:
    yield from world_of(
        catalogue.design("read_replicas", "hardened"), ReplicationGroup(NAME, REGION, ("a",), "cache.t3.micro")
    )


@pytest.fixture
def pair() -> Iterator[World]:
    group = ReplicationGroup(NAME, REGION, ("a", "b"), "cache.t4g.small", automatic_failover=True)
    yield from world_of(catalogue.design("read_replicas", "hardened"), group)


@pytest.fixture
def world_wide() -> Iterator[World]:
    groups = [
        ReplicationGroup(NAME, region, ("a",), "cache.r6g.large", global_datastore="ldgnf-agentauri")
        for region in (REGION, "eu-west-1")
    ]
    yield from world_of(catalogue.design("active_passive", "hardened"), *groups, datastore="ldgnf-agentauri")


def test_one_node_serves_and_refuses_what_elasticache_refuses(single: World) -> None:
    assert single.address() == "10.1.12.200"
    assert single.writes()
    for command in ("CONFIG GET save", "REPLICAOF NO ONE", "SAVE", "BGSAVE", "SHUTDOWN", "SYNC"):
        assert single.say(command).startswith("-NOPERM"), command
    assert single.say("DEBUG SLEEP 0").startswith("-ERR")
    assert single.say("ACL SETUSER default +config").startswith("-NOPERM")
    assert single.say("LPUSH jobs 1") == ":1"
    assert single.say("CLIENT PAUSE 100 ALL") == "+OK"
    group = single.group()
    assert (group["Status"], group["AutomaticFailover"]) == ("available", "disabled")
    assert group["NodeGroups"][0]["PrimaryEndpoint"] == {"Address": ENDPOINT, "Port": 6379}
    (node,) = single("DescribeCacheClusters", ShowCacheNodeInfo=True)["CacheClusters"]
    assert node["CacheClusterId"] == f"{NAME}-001"
    assert single.address(node["CacheNodes"][0]["Endpoint"]["Address"]) == "10.1.12.200"


def test_a_dead_single_node_is_replaced_empty_under_the_same_name(single: World) -> None:
    assert single.say("SET", "before", "1") == "+OK"
    single.cache.primary_node(REGION).kill()
    assert not single.writes()
    single.stage.until(single.writes)
    assert single.address() == "10.1.12.200"
    assert single.say("GET", "before") == "$-1"
    # The node serves a moment before ElastiCache says so.
    single.stage.until(
        lambda: single.messages() == ["Recovering cache nodes 0001", "Finished recovery for cache nodes 0001"]
    )


def test_a_frozen_node_hangs_and_is_not_replaced_and_a_paused_one_goes_on(single: World) -> None:
    node = single.cache.primary_node(REGION)
    pid = node.pid
    node.freeze()
    with pytest.raises(TimeoutError):
        single.say("PING")
    node.thaw()
    assert single.say("PING") == "+PONG"
    assert node.pid == pid
    single.cache._publish()
    assert single.stage.metrics.last["CurrConnections"] >= 1


def test_refusals(single: World) -> None:
    with pytest.raises(AwsError, match=r"^InvalidReplicationGroupState"):
        single("TestFailover", ReplicationGroupId=NAME, NodeGroupId="0001")
    with pytest.raises(AwsError, match=r"^ReplicationGroupNotFoundFault"):
        single("TestFailover", ReplicationGroupId="other", NodeGroupId="0001")
    with pytest.raises(AwsError, match=r"^NodeGroupNotFoundFault"):
        single("TestFailover", ReplicationGroupId=NAME, NodeGroupId="0002")
    with pytest.raises(AwsError, match=r"^CacheClusterNotFound"):
        single("DescribeCacheClusters", CacheClusterId="other")
    with pytest.raises(AwsError, match=r"^GlobalReplicationGroupNotFoundFault"):
        single("DescribeGlobalReplicationGroups", GlobalReplicationGroupId="other")
    assert single("DescribeGlobalReplicationGroups")["GlobalReplicationGroups"] == []


def test_a_test_failover_moves_the_endpoint_and_brings_the_old_primary_back_as_replica(pair: World) -> None:
    assert pair.writes()
    assert pair.say("SET", "x", "1", address="10.1.22.201").startswith("-READONLY")
    answer = pair("TestFailover", ReplicationGroupId=NAME, NodeGroupId="0001")
    assert answer["ReplicationGroup"]["Status"] == "modifying"
    with pytest.raises(AwsError, match=r"^InvalidReplicationGroupState"):
        pair("TestFailover", ReplicationGroupId=NAME, NodeGroupId="0001")
    took = pair.stage.until(pair.writes)
    assert seconds(4) < took < seconds(9)
    assert pair.address() == "10.1.22.201"
    assert pair.say("GET key") == "$5\r\nvalue"
    pair.stage.until(lambda: "Finished recovery for cache nodes 0001" in pair.messages())
    roles = {
        member["CacheClusterId"][-3:]: member["CurrentRole"]
        for member in pair.group()["NodeGroups"][0]["NodeGroupMembers"]
    }
    assert roles == {"001": "replica", "002": "primary"}
    # Redis needs real seconds to link, whatever the speed.
    pair.stage.until(lambda: pair.say("GET", "key", address="10.1.12.200") == "$5\r\nvalue", seconds(100))
    assert f"Failover from primary node {NAME}-001 to replica node {NAME}-002 completed" in pair.messages()


def test_fifteen_test_failovers_a_day(pair: World) -> None:
    group = pair.cache._groups[REGION, NAME]
    group._tests.extend([pair.stage.clock.now()] * 15)
    with pytest.raises(AwsError, match=r"^APICallRateForCustomerExceeded"):
        pair("TestFailover", ReplicationGroupId=NAME, NodeGroupId="0001")
    group._tests.clear()
    group._tests.extend([pair.stage.clock.now().back(seconds(24 * 3600 + 1))] * 15)
    pair("TestFailover", ReplicationGroupId=NAME, NodeGroupId="0001")


def test_a_lost_zone_fails_the_primary_over(pair: World) -> None:
    pair.stage.network.lose_zone(REGION, "a")
    pair.stage.until(lambda: pair.writes(place="us-east-1b-app"), seconds(60))
    assert pair.address() == "10.1.22.201"


def test_a_frozen_primary_is_fenced(pair: World) -> None:
    pair.cache.primary_node(REGION).freeze()
    pair.stage.until(pair.writes, seconds(60))
    assert pair.address() == "10.1.22.201"
    pair.stage.until(
        lambda: (
            pair.say("SET", "x", "1", address="10.1.12.200").startswith("-READONLY")
            if "Finished recovery for cache nodes 0001" in pair.messages()
            else False
        )
    )


def test_a_secondary_of_a_global_datastore_is_read_only_until_an_operator_fails_it_over(world_wide: World) -> None:
    europe = names.cache_endpoint(NAME, "eu-west-1")
    assert world_wide.writes()
    assert world_wide.say("SET", "x", "1", address=world_wide.address(europe)).startswith("-READONLY")
    arrived = seconds(200)
    world_wide.stage.until(
        lambda: world_wide.say("GET", "key", address=world_wide.address(europe)) == "$5\r\nvalue", arrived
    )
    (found,) = world_wide("DescribeGlobalReplicationGroups", ShowMemberInfo=True)["GlobalReplicationGroups"]
    assert [member["Role"] for member in found["Members"]] == ["PRIMARY", "SECONDARY"]
    with pytest.raises(AwsError, match=r"^InvalidParameterValue"):
        world_wide(
            "FailoverGlobalReplicationGroup",
            GlobalReplicationGroupId="ldgnf-agentauri",
            PrimaryRegion=REGION,
            PrimaryReplicationGroupId=NAME,
        )
    world_wide(
        "FailoverGlobalReplicationGroup",
        GlobalReplicationGroupId="ldgnf-agentauri",
        PrimaryRegion="eu-west-1",
        PrimaryReplicationGroupId=NAME,
    )
    world_wide.stage.until(lambda: world_wide.writes(address=world_wide.address(europe)))
    world_wide.stage.until(lambda: world_wide.say("SET", "x", "1").startswith("-READONLY"))
    role = world_wide.group("eu-west-1")["GlobalReplicationGroupInfo"]["GlobalReplicationGroupMemberRole"]
    assert role == "PRIMARY"
