"""Groups that come and go, replicas added and taken away, and which replica takes over."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.clock import Instant, minutes
from harness.twin.api.elasticache.quota import TESTS_A_DAY, Quota
from harness.twin.calls import AwsError
from harness.twin.designs import catalogue
from harness.twin.designs.model import ReplicationGroup
from tests.contract.caches import Caches, caches
from tests.twin.stage import needs_root

pytestmark = needs_root
REGION, NAME = "us-east-1", "trio"


@pytest.fixture(scope="module")
def world() -> Iterator[Caches]:
    """Three nodes, one a zone."""
    group = ReplicationGroup(NAME, REGION, ("a", "b", "c"), "cache.t4g.small", automatic_failover=True)
    yield from caches(catalogue.design("read_replicas", "hardened"), group)


def test_the_replica_that_is_least_behind_takes_over(world: Caches) -> None:
    world.until(lambda: world.settled(NAME))
    behind, ahead = f"{NAME}-002", f"{NAME}-003"
    world.stage.network.lose_zone(REGION, "b")
    for number in range(20):
        assert world.writes(world.primary(NAME), f"late-{number}")
    world.until(lambda: world.holds(world.endpoint(ahead), "late-19"))
    # A dead process's kernel would still deliver what is on its way: the primary's zone must go dark instead.
    world.stage.network.lose_zone(REGION, "a")
    world.stage.network.restore_zone(REGION, "b")
    world.until(lambda: world.writes(world.primary(NAME), place=f"{REGION}c-app"))
    world.stage.network.restore_zone(REGION, "a")
    assert world.roles(NAME)["003"] == "primary"
    assert world.holds(world.primary(NAME), "late-19")
    world.until(lambda: world.settled(NAME))
    assert set(world.addresses(world.group(NAME)["NodeGroups"][0]["ReaderEndpoint"]["Address"])) == {
        address for node in (f"{NAME}-001", behind) for address in world.addresses(world.endpoint(node))
    }
    world.until(lambda: world.holds(world.endpoint(behind), "late-19"))


def test_fifteen_test_failovers_in_any_24_hours_of_aws_time(world: Caches) -> None:
    quota, began = Quota(), Instant(0)
    for number in range(TESTS_A_DAY):
        quota.take(began + minutes(number))
    for moment in (began + minutes(30), began + minutes(24 * 60 - 1)):
        with pytest.raises(AwsError, match=r"^APICallRateForCustomerExceeded"):
            quota.take(moment)
    quota.take(began + minutes(24 * 60))
    with pytest.raises(AwsError, match=r"^APICallRateForCustomerExceeded"):
        quota.take(began + minutes(24 * 60))


def test_a_test_failover_counts_and_the_sixteenth_of_a_day_is_refused(world: Caches) -> None:
    world.until(lambda: world.settled(NAME))
    for _ in range(TESTS_A_DAY - 1):
        world.cache.quota.take(world.stage.clock.now())
    with world.refused("NodeGroupNotFoundFault", 404):
        world.client().test_failover(ReplicationGroupId=NAME, NodeGroupId="0002")
    world.client().test_failover(ReplicationGroupId=NAME, NodeGroupId="0001")
    world.until(lambda: world.settled(NAME))
    with world.refused("APICallRateForCustomerExceeded"):
        world.client().test_failover(ReplicationGroupId=NAME, NodeGroupId="0001")
    assert world.group(NAME)["Status"] == "available"


def test_replicas_are_taken_away_and_added_with_the_primarys_data(world: Caches) -> None:
    world.until(lambda: world.settled(NAME))
    client, endpoint = world.client(), world.primary(NAME)
    assert world.writes(endpoint, "copied")
    removed = next(node for node, member in world.nodes(NAME).items() if member["CurrentRole"] == "replica")
    name = world.endpoint(removed)
    with world.refused("InvalidParameterValue"):
        client.decrease_replica_count(ReplicationGroupId=NAME, ApplyImmediately=True, ReplicasToRemove=["other"])
    with world.refused("InvalidParameterCombination"):
        client.decrease_replica_count(ReplicationGroupId=NAME, ApplyImmediately=True, NewReplicaCount=0)
    client.decrease_replica_count(ReplicationGroupId=NAME, ApplyImmediately=True, ReplicasToRemove=[removed])
    assert world.group(NAME)["Status"] == "modifying"
    world.until(lambda: removed not in world.nodes(NAME) and world.settled(NAME))
    assert world.stage.names.lookup(name) is None
    with world.refused("InvalidParameterValue"):
        client.increase_replica_count(ReplicationGroupId=NAME, ApplyImmediately=False, NewReplicaCount=2)
    with world.refused("InvalidParameterValue"):
        client.increase_replica_count(ReplicationGroupId=NAME, ApplyImmediately=True, NewReplicaCount=1)
    client.increase_replica_count(ReplicationGroupId=NAME, ApplyImmediately=True, NewReplicaCount=2)
    creating = client.describe_cache_clusters(CacheClusterId=removed)["CacheClusters"][0]
    assert creating["CacheClusterStatus"] == "creating"
    world.until(lambda: world.settled(NAME))
    world.until(lambda: world.holds(world.endpoint(removed), "copied"))
    tags = client.list_tags_for_resource(ResourceName=creating["ARN"])["TagList"]
    assert {"Key": "gameday:allowed", "Value": "true"} in tags


def test_a_group_is_created_serves_and_is_deleted_with_its_names(world: Caches) -> None:
    client = world.client()
    wanted = {
        "ReplicationGroupId": "Fresh",
        "ReplicationGroupDescription": "new",
        "CacheNodeType": "cache.r6g.large",
        "NumCacheClusters": 2,
        "AutomaticFailoverEnabled": True,
        "Tags": [{"Key": "k", "Value": "v"}],
    }
    group = client.create_replication_group(**wanted)["ReplicationGroup"]
    assert (group["ReplicationGroupId"], group["Status"], group["Description"]) == ("fresh", "creating", "new")
    with world.refused("ReplicationGroupAlreadyExists"):
        client.create_replication_group(**wanted)
    with world.refused("InvalidReplicationGroupState"):
        client.delete_replication_group(ReplicationGroupId="fresh")
    world.until(lambda: world.settled("fresh"))
    endpoint = world.primary("fresh")
    assert world.writes(endpoint)
    assert world.nodes("fresh")["fresh-002"]["PreferredAvailabilityZone"] == "us-east-1b"
    assert client.list_tags_for_resource(ResourceName=group["ARN"])["TagList"] == [{"Key": "k", "Value": "v"}]
    assert ("fresh", "Replication group fresh created") in world.messages()
    deleted = client.delete_replication_group(ReplicationGroupId="fresh")["ReplicationGroup"]
    assert deleted["Status"] == "deleting"
    world.until(lambda: [group["ReplicationGroupId"] for group in _groups(world)] == [NAME])
    assert world.stage.names.lookup(endpoint) is None
    assert not any("fresh" in arn for arn, _ in world.cache.tagged(REGION))
    with world.refused("ReplicationGroupNotFoundFault", 404):
        client.delete_replication_group(ReplicationGroupId="fresh")


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"ReplicationGroupId": "1bad"}, "InvalidParameterValue"),
        ({"ReplicationGroupId": "bad--name"}, "InvalidParameterValue"),
        ({"NumCacheClusters": 7}, "InvalidParameterValue"),
        ({"NumCacheClusters": 1, "AutomaticFailoverEnabled": True}, "InvalidParameterCombination"),
        ({"NumCacheClusters": 2, "MultiAZEnabled": True}, "InvalidParameterCombination"),
        ({"PreferredCacheClusterAZs": ["us-east-1z"]}, "InvalidParameterValue"),
        ({"CacheSubnetGroupName": "other"}, "CacheSubnetGroupNotFoundFault"),
        ({"GlobalReplicationGroupId": "other"}, "GlobalReplicationGroupNotFoundFault"),
        ({"NumNodeGroups": 2}, "NotImplementedByTwin"),
        ({"SnapshotName": "s"}, "NotImplementedByTwin"),
    ],
)
def test_a_group_that_aws_would_not_make_is_refused(world: Caches, fields: dict[str, object], code: str) -> None:
    good = {"ReplicationGroupId": "good", "ReplicationGroupDescription": "g", "CacheNodeType": "cache.r6g.large"}
    status = {"NotImplementedByTwin": 501, "GlobalReplicationGroupNotFoundFault": 404}.get(code, 400)
    with world.refused(code, status):
        world.client().create_replication_group(**{**good, **fields})
    assert len(_groups(world)) == 1


def _groups(world: Caches) -> list[dict[str, object]]:
    groups: list[dict[str, object]] = world.client().describe_replication_groups()["ReplicationGroups"]
    return groups
