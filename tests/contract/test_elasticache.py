"""Replication groups as clients and operators of ElastiCache meet them; one test a row of the fidelity table."""

from __future__ import annotations

import datetime
import statistics
from collections.abc import Iterator
from typing import Any

import pytest

from harness.clock import monotonic_nanoseconds, seconds
from harness.twin.designs import catalogue
from harness.twin.designs.model import ReplicationGroup
from tests.contract.caches import Caches, caches
from tests.twin.stage import needs_root

pytestmark = needs_root
REGION, PAIR, LONE = "us-east-1", "agentauri-cache", "lone"
RECOVERED = "Finished recovery for cache nodes 0001"


@pytest.fixture(scope="module")
def world() -> Iterator[Caches]:
    """A pair with automatic failover, and a group of one node."""
    yield from caches(
        catalogue.design("read_replicas", "hardened"),
        ReplicationGroup(PAIR, REGION, ("a", "b"), "cache.t4g.small", automatic_failover=True),
        ReplicationGroup(LONE, REGION, ("a",), "cache.t3.micro"),
    )


@pytest.fixture
def pair(world: Caches) -> Caches:
    world.until(lambda: world.settled(PAIR))
    return world


@pytest.fixture
def lone(world: Caches) -> Caches:
    world.until(lambda: world.settled(LONE))
    return world


def of(world: Caches, role: str) -> str:
    """The pair's node of that role."""
    return next(node for node, member in world.nodes(PAIR).items() if member["CurrentRole"] == role)


def test_a_replica_streams_from_the_primary_and_is_read_only(pair: Caches) -> None:
    replica = pair.endpoint(of(pair, "replica"))
    assert pair.writes(pair.primary(PAIR), "streamed")
    pair.until(lambda: pair.holds(replica, "streamed"))
    assert pair.say(replica, "SET", "x", "1").startswith("-READONLY")


def test_a_group_is_described_with_roles_and_endpoints_that_lead_to_its_nodes(pair: Caches) -> None:
    group = pair.group(PAIR)
    assert (group["Status"], group["AutomaticFailover"], group["MultiAZ"]) == ("available", "enabled", "enabled")
    assert (group["ClusterEnabled"], group["MemberClusters"]) == (False, [f"{PAIR}-001", f"{PAIR}-002"])
    (shard,) = group["NodeGroups"]
    assert shard["NodeGroupId"] == "0001"
    primary, replica = (pair.endpoint(of(pair, role)) for role in ("primary", "replica"))
    assert pair.addresses(shard["PrimaryEndpoint"]["Address"]) == pair.addresses(primary)
    assert pair.addresses(shard["ReaderEndpoint"]["Address"]) == pair.addresses(replica)
    assert {pair.say(primary, "ROLE").split()[2], pair.say(replica, "ROLE").split()[2]} == {"master", "slave"}
    lone = pair.group(LONE)
    assert (lone["AutomaticFailover"], lone["NodeGroups"][0]["NodeGroupMembers"][0]["CurrentRole"]) == (
        "disabled",
        "primary",
    )
    reader = lone["NodeGroups"][0]["ReaderEndpoint"]["Address"]
    assert pair.addresses(reader) == pair.addresses(pair.primary(LONE))
    with pair.refused("ReplicationGroupNotFoundFault", 404):
        pair.group("other")


def test_nodes_are_described_alone_and_by_pages(pair: Caches) -> None:
    client = pair.client()
    (node,) = client.describe_cache_clusters(CacheClusterId=f"{PAIR}-002", ShowCacheNodeInfo=True)["CacheClusters"]
    assert (node["CacheClusterStatus"], node["NumCacheNodes"], node["ReplicationGroupId"]) == ("available", 1, PAIR)
    assert node["PreferredAvailabilityZone"] == "us-east-1b"
    assert pair.addresses(node["CacheNodes"][0]["Endpoint"]["Address"]) == ("10.1.22.201",)
    assert len(client.describe_cache_clusters()["CacheClusters"]) == 3
    assert client.describe_cache_clusters(ShowCacheClustersNotInReplicationGroups=True)["CacheClusters"] == []
    with pair.refused("CacheClusterNotFound", 404):
        client.describe_cache_clusters(CacheClusterId="other")
    with pair.refused("InvalidParameterValue"):
        client.describe_cache_clusters(MaxRecords=19)
    with pair.refused("InvalidParameterValue"):
        client.describe_cache_clusters(Marker="nobody gave this")


def test_the_subnet_group_is_the_data_subnets(world: Caches) -> None:
    (group,) = world.client().describe_cache_subnet_groups()["CacheSubnetGroups"]
    assert [subnet["SubnetIdentifier"] for subnet in group["Subnets"]] == [f"subnet-use1{zone}data" for zone in "abc"]
    with world.refused("CacheSubnetGroupNotFoundFault"):
        world.client().describe_cache_subnet_groups(CacheSubnetGroupName="other")


def test_a_test_failover_moves_the_endpoint_and_tells_awss_events_in_order(pair: Caches) -> None:
    old, new, before = of(pair, "primary"), of(pair, "replica"), len(pair.messages())
    assert pair.writes(pair.primary(PAIR), "kept")
    pair.until(lambda: pair.holds(pair.endpoint(new), "kept"))
    answer = pair.client().test_failover(ReplicationGroupId=PAIR, NodeGroupId="0001")
    assert answer["ReplicationGroup"]["Status"] == "modifying"
    with pair.refused("InvalidReplicationGroupState"):
        pair.client().test_failover(ReplicationGroupId=PAIR, NodeGroupId="0001")
    took = pair.until(lambda: pair.writes(pair.primary(PAIR)))
    assert seconds(3) < took < seconds(12)
    assert pair.holds(pair.primary(PAIR), "kept")
    pair.until(lambda: pair.settled(PAIR))
    assert (of(pair, "primary"), of(pair, "replica")) == (new, old)
    pair.until(lambda: pair.holds(pair.endpoint(old), "kept"))
    completed = f"Failover from primary node {old} to replica node {new} completed"
    assert [event for event in pair.messages()[before:] if event[0].startswith(PAIR)] == [
        (PAIR, "Test Failover API called for node group 0001"),
        (new, completed),
        (PAIR, completed),
        (old, "Recovering cache nodes 0001"),
        (old, RECOVERED),
    ]


def test_a_test_failover_is_refused_without_automatic_failover_or_such_a_shard(lone: Caches) -> None:
    client = lone.client()
    with lone.refused("InvalidReplicationGroupState"):
        client.test_failover(ReplicationGroupId=LONE, NodeGroupId="0001")
    with lone.refused("ReplicationGroupNotFoundFault", 404):
        client.test_failover(ReplicationGroupId="other", NodeGroupId="0001")
    with lone.refused("NodeGroupNotFoundFault", 404):
        client.test_failover(ReplicationGroupId=PAIR, NodeGroupId="0002")
    with lone.refused("InvalidParameterValue"):
        client.test_failover(ReplicationGroupId=PAIR, NodeGroupId="00001")


def test_a_dead_primary_is_failed_over_by_itself_and_comes_back_as_a_replica(pair: Caches) -> None:
    old, new = of(pair, "primary"), of(pair, "replica")
    assert pair.writes(pair.primary(PAIR), "survives")
    pair.until(lambda: pair.holds(pair.endpoint(new), "survives"))
    pair.cache.primary_node(REGION, PAIR).kill()
    pair.until(lambda: pair.writes(pair.primary(PAIR)))
    assert of(pair, "primary") == new
    assert pair.holds(pair.primary(PAIR), "survives")
    pair.until(lambda: pair.settled(PAIR))
    assert of(pair, "replica") == old


def test_when_all_nodes_are_dead_each_says_so_and_the_primary_comes_back_empty_where_it_was(pair: Caches) -> None:
    pair.until(lambda: pair.settled(PAIR))
    old, before = of(pair, "primary"), len(pair.messages())
    assert pair.writes(pair.primary(PAIR), "gone")
    for node in pair.cache.nodes():
        if node.identifier.startswith(PAIR):
            node.engine.kill()

    def statuses() -> set[str]:
        nodes = pair.client().describe_cache_clusters()["CacheClusters"]
        return {node["CacheClusterStatus"] for node in nodes if node["CacheClusterId"].startswith(PAIR)}

    pair.until(lambda: statuses() == {"modifying"})
    pair.until(lambda: pair.settled(PAIR))
    assert of(pair, "primary") == old
    assert not pair.holds(pair.primary(PAIR), "gone")
    told = [message for source, message in pair.messages()[before:] if source.startswith(PAIR)]
    assert sorted(told) == [RECOVERED, RECOVERED, "Recovering cache nodes 0001", "Recovering cache nodes 0001"]


def test_a_frozen_primary_is_fenced_and_never_writes_again(pair: Caches) -> None:
    old = of(pair, "primary")
    frozen = pair.cache.primary_node(REGION, PAIR)
    pid = frozen.pid
    frozen.freeze()
    pair.until(lambda: pair.writes(pair.primary(PAIR)))
    pair.until(lambda: pair.settled(PAIR))
    assert frozen.pid != pid
    assert pair.say(pair.endpoint(old), "SET", "x", "1").startswith("-READONLY")


def test_a_lost_zone_fails_over_and_the_old_primary_waits_for_its_zone(pair: Caches) -> None:
    zone = pair.nodes(PAIR)[of(pair, "primary")]["PreferredAvailabilityZone"][-1]
    other, old = "ba"[zone == "b"], of(pair, "primary")
    pair.stage.network.lose_zone(REGION, zone)
    try:
        pair.until(lambda: pair.writes(pair.primary(PAIR), place=f"us-east-1{other}-app"))
        assert of(pair, "replica") == old
        gone = pair.messages()[-1]
        assert "Failover" in gone[1]
        pair.stage.clock.sleep(seconds(8))
        assert pair.messages()[-1] == gone, "nothing can be recovered in a zone that is not there"
    finally:
        pair.stage.network.restore_zone(REGION, zone)
    pair.until(lambda: pair.settled(PAIR))
    assert pair.messages()[-1] == (old, RECOVERED)


def test_a_group_that_cannot_fail_over_gets_its_node_back_empty_under_the_same_name(lone: Caches) -> None:
    endpoint, before = lone.primary(LONE), lone.addresses(lone.primary(LONE))
    assert lone.writes(endpoint, "before")
    lone.cache.primary_node(REGION, LONE).kill()
    assert not lone.writes(endpoint)
    lone.until(lambda: lone.writes(endpoint))
    assert lone.addresses(endpoint) == before
    assert not lone.holds(endpoint, "before")
    lone.until(lambda: lone.settled(LONE))
    assert lone.messages()[-2:] == [(f"{LONE}-001", "Recovering cache nodes 0001"), (f"{LONE}-001", RECOVERED)]


def test_a_frozen_single_node_hangs_and_goes_on_when_it_thaws(lone: Caches) -> None:
    node = lone.cache.primary_node(REGION, LONE)
    pid = node.pid
    node.freeze()
    with pytest.raises(TimeoutError):
        lone.say(lone.primary(LONE), "PING")
    node.thaw()
    assert (lone.say(lone.primary(LONE), "PING"), node.pid) == ("+PONG", pid)


def test_what_elasticache_restricts_is_refused_and_client_pause_is_not(lone: Caches) -> None:
    endpoint = lone.primary(LONE)
    restricted = (
        "BGREWRITEAOF|BGSAVE|CONFIG GET save|MIGRATE h 6379 k 0 1|REPLICAOF NO ONE|SAVE|SLAVEOF NO ONE|SHUTDOWN|SYNC"
        "|PSYNC ? -1|ACL SETUSER default +config|CLUSTER MEET 10.1.12.200 6379|CLUSTER RESET|FAILOVER"
    )
    for command in restricted.split("|"):
        assert lone.say(endpoint, command).startswith("-NOPERM"), command
    assert lone.say(endpoint, "DEBUG SLEEP 0").startswith("-ERR")
    lone.say(endpoint, "DEL", "jobs")
    assert lone.say(endpoint, "LPUSH jobs 1") == ":1"
    assert lone.say(endpoint, "CLIENT PAUSE 300 WRITE") == "+OK"
    assert lone.say(endpoint, "PING") == "+PONG"
    with pytest.raises(TimeoutError):
        lone.stage.network.connect("us-east-1a-app", (lone.addresses(endpoint)[0], 6379), seconds(2)).recv(1)
    assert lone.writes(endpoint), "a paused write must go on when the pause ends"


def test_a_blocking_command_ends_as_soon_after_its_time_as_it_would_at_speed_one(lone: Caches) -> None:
    endpoint, late = lone.primary(LONE), []
    for number in range(9):
        waits = 0.1 + 0.013 * number  # so that none begins where Redis's own timer stands for another
        began = monotonic_nanoseconds()
        assert lone.say(endpoint, f"BRPOP nothing {waits}") == "*-1"
        late.append((monotonic_nanoseconds() - began) / 1e9 - waits)
    assert statistics.median(late) < 0.02, "Redis looks ten times an AWS second for what has waited long enough"


def test_a_rebooted_replica_comes_back_and_is_filled_again(pair: Caches) -> None:
    node = of(pair, "replica")
    assert pair.writes(pair.primary(PAIR), "kept")
    answer = pair.client().reboot_cache_cluster(CacheClusterId=node, CacheNodeIdsToReboot=["0001"])
    assert answer["CacheCluster"]["CacheClusterStatus"] == "rebooting cluster nodes"
    with pair.refused("InvalidCacheClusterState"):
        pair.client().reboot_cache_cluster(CacheClusterId=node, CacheNodeIdsToReboot=["0001"])
    with pair.refused("CacheClusterNotFound", 404):
        pair.client().reboot_cache_cluster(CacheClusterId="other", CacheNodeIdsToReboot=["0001"])
    with pair.refused("InvalidParameterValue"):
        pair.client().reboot_cache_cluster(CacheClusterId=node, CacheNodeIdsToReboot=["0002"])
    pair.until(lambda: pair.settled(PAIR))
    pair.until(lambda: pair.holds(pair.endpoint(node), "kept"))
    assert pair.messages()[-2:] == [(node, "Cache node 0001 shutdown"), (node, "Cache node 0001 restarted")]


def test_a_rebooted_primary_is_not_failed_over_and_empties_its_replica(pair: Caches) -> None:
    node, replica = of(pair, "primary"), pair.endpoint(of(pair, "replica"))
    assert pair.writes(pair.primary(PAIR), "gone")
    pair.until(lambda: pair.holds(replica, "gone"))
    pair.client().reboot_cache_cluster(CacheClusterId=node, CacheNodeIdsToReboot=["0001"])
    assert not pair.writes(pair.primary(PAIR))
    with pair.refused("InvalidCacheClusterState"):
        pair.client().test_failover(ReplicationGroupId=PAIR, NodeGroupId="0001")
    pair.until(lambda: pair.writes(pair.primary(PAIR)))
    assert of(pair, "primary") == node
    pair.until(lambda: pair.say(replica, "GET", "gone") == "$-1")


def test_a_replica_is_promoted_by_hand_only_with_automatic_failover_off(pair: Caches) -> None:
    client, old, new = pair.client(), of(pair, "primary"), of(pair, "replica")

    def modify(**wanted: Any) -> Any:
        pair.until(lambda: pair.settled(PAIR))
        return client.modify_replication_group(ReplicationGroupId=PAIR, ApplyImmediately=True, **wanted)

    with pair.refused("InvalidParameterCombination"):
        modify(PrimaryClusterId=new)
    with pair.refused("InvalidParameterCombination"):
        modify(AutomaticFailoverEnabled=False, MultiAZEnabled=True)
    changed = modify(AutomaticFailoverEnabled=False)["ReplicationGroup"]
    assert (changed["Status"], changed["AutomaticFailover"], changed["MultiAZ"]) == (
        "modifying",
        "disabled",
        "disabled",
    )
    pair.until(lambda: pair.settled(PAIR))
    with pair.refused("InvalidReplicationGroupState"):
        client.test_failover(ReplicationGroupId=PAIR, NodeGroupId="0001")
    with pair.refused("CacheClusterNotFound", 404):
        modify(PrimaryClusterId="other")
    modify(PrimaryClusterId=new)
    assert of(pair, "primary") == new
    assert pair.writes(pair.primary(PAIR))
    assert pair.say(pair.endpoint(old), "SET", "x", "1").startswith("-READONLY")
    modify(AutomaticFailoverEnabled=True, MultiAZEnabled=True)
    assert pair.group(PAIR)["MultiAZ"] == "enabled"
    pair.until(lambda: pair.settled(LONE))
    with pair.refused("InvalidParameterCombination"):
        client.modify_replication_group(ReplicationGroupId=LONE, ApplyImmediately=True, AutomaticFailoverEnabled=True)
    with pair.refused("NotImplementedByTwin", 501):
        client.modify_replication_group(ReplicationGroupId=LONE, AutomaticFailoverEnabled=False)


def test_events_are_found_by_source_and_span(lone: Caches) -> None:
    client, now = lone.client(), lone.stage.clock.now().datetime
    lone.cache.primary_node(REGION, LONE).kill()
    lone.until(lambda: (f"{LONE}-001", RECOVERED) in lone.messages()[-2:])
    mine = client.describe_events(SourceIdentifier=f"{LONE}-001", SourceType="cache-cluster", StartTime=now)["Events"]
    assert [event["Message"] for event in mine] == ["Recovering cache nodes 0001", RECOVERED]
    assert client.describe_events(SourceType="replication-group", StartTime=now)["Events"] == []
    hour = datetime.timedelta(hours=1)
    assert client.describe_events(StartTime=now - 2 * hour, EndTime=now - hour)["Events"] == []
    with lone.refused("InvalidParameterCombination"):
        client.describe_events(SourceIdentifier=LONE)
    with lone.refused("InvalidParameterCombination"):
        client.describe_events(StartTime=now, EndTime=now - hour)
    with lone.refused("InvalidParameterValue"):
        client.describe_events(Duration=15 * 24 * 60)
    with lone.refused("InvalidParameterValue"):
        client.describe_events(SourceType="nonsense")


def test_tags_are_added_listed_and_removed(world: Caches) -> None:
    client, arn = world.client(), world.group(PAIR)["ARN"]
    added = client.add_tags_to_resource(ResourceName=arn, Tags=[{"Key": "owner", "Value": "sre"}])["TagList"]
    assert {"Key": "owner", "Value": "sre"} in added
    assert {"Key": "gameday:allowed", "Value": "true"} in added
    assert client.list_tags_for_resource(ResourceName=arn)["TagList"] == added
    assert dict(world.cache.tagged(REGION))[arn]["owner"] == "sre"
    left = client.remove_tags_from_resource(ResourceName=arn, TagKeys=["owner"])["TagList"]
    assert left == [tag for tag in added if tag["Key"] != "owner"]
    with world.refused("TagNotFound", 404):
        client.remove_tags_from_resource(ResourceName=arn, TagKeys=["owner"])
    with world.refused("InvalidARN"):
        client.list_tags_for_resource(ResourceName="nonsense")
    with world.refused("CacheClusterNotFound", 404):
        client.list_tags_for_resource(ResourceName=arn.replace(f"replicationgroup:{PAIR}", "cluster:other"))
    with world.refused("ReplicationGroupNotFoundFault", 404):
        client.list_tags_for_resource(ResourceName=f"{arn}-other")
    with world.refused("TagQuotaPerResourceExceeded"):
        client.add_tags_to_resource(ResourceName=arn, Tags=[{"Key": f"k{n}", "Value": ""} for n in range(51)])


def test_metrics_tell_connections_roles_and_lag(pair: Caches) -> None:
    pair.until(lambda: {"CurrConnections", "IsMaster", "ReplicationLag"} <= set(pair.stage.metrics.last))
    assert pair.stage.metrics.last["CurrConnections"] >= 1
    assert "GlobalDatastoreReplicationLag" not in pair.stage.metrics.last
