"""Global Datastores: a secondary region reads, an operator promotes it, and nobody else does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.clock import seconds
from harness.twin.designs import catalogue
from harness.twin.designs.model import ReplicationGroup
from tests.contract.caches import Caches, caches
from tests.twin.stage import needs_root

pytestmark = needs_root
US, EU, NAME, STORE = "us-east-1", "eu-west-1", "agentauri-cache", "agentauri-datastore"


@pytest.fixture(scope="module")
def built() -> Iterator[Caches]:
    """A Global Datastore: two nodes in us-east-1, one in eu-west-1; and a group of its own."""
    united = {"node_type": "cache.r6g.large", "global_datastore": STORE}
    yield from caches(
        catalogue.design("active_passive", "hardened"),
        ReplicationGroup(NAME, US, ("a", "b"), automatic_failover=True, **united),
        ReplicationGroup(NAME, EU, ("a",), **united),
        ReplicationGroup("apart", US, ("a",), "cache.r6g.large"),
        ReplicationGroup("small", US, ("a",), "cache.t3.micro"),
        datastore=STORE,
    )


@pytest.fixture
def world(built: Caches) -> Caches:
    """The datastore at rest with its primary in us-east-1."""
    built.until(lambda: status(built) == "available")
    if roles(built)[US] == "SECONDARY":
        built.client().failover_global_replication_group(**to(US))
        built.until(lambda: status(built) == "available")
    built.until(lambda: built.settled(NAME) and follows(built))
    return built


def to(region: str) -> dict[str, str]:
    return {"GlobalReplicationGroupId": STORE, "PrimaryRegion": region, "PrimaryReplicationGroupId": NAME}


def described(world: Caches, store: str = STORE) -> dict[str, object]:
    answer = world.client().describe_global_replication_groups(GlobalReplicationGroupId=store, ShowMemberInfo=True)
    found: dict[str, object] = answer["GlobalReplicationGroups"][0]
    return found


def status(world: Caches, store: str = STORE) -> object:
    return described(world, store)["Status"]


def roles(world: Caches) -> dict[str, str]:
    return {member["ReplicationGroupRegion"]: member["Role"] for member in described(world)["Members"]}  # type: ignore[attr-defined]


def follows(world: Caches, region: str = EU) -> bool:
    return "master_link_status:up" in world.say(world.primary(NAME, region), "INFO", "replication")


def test_a_secondary_region_streams_and_is_read_only(world: Caches) -> None:
    assert roles(world) == {US: "PRIMARY", EU: "SECONDARY"}
    assert world.writes(world.primary(NAME), "global")
    world.until(lambda: world.holds(world.primary(NAME, EU), "global"))
    assert world.say(world.primary(NAME, EU), "SET", "x", "1").startswith("-READONLY")
    assert world.group(NAME, EU)["GlobalReplicationGroupInfo"] == {
        "GlobalReplicationGroupId": STORE,
        "GlobalReplicationGroupMemberRole": "SECONDARY",
    }
    world.until(lambda: "GlobalDatastoreReplicationLag" in world.stage.metrics.last)


def test_nobody_fails_a_global_datastore_over_when_its_primary_region_is_gone(world: Caches) -> None:
    world.stage.network.wan.lose(US)
    try:
        world.stage.clock.sleep(seconds(12))
        assert roles(world) == {US: "PRIMARY", EU: "SECONDARY"}
        eu = world.primary(NAME, EU)
        assert world.say(eu, "SET", "x", "1", place=f"{EU}a-app").startswith("-READONLY")
        assert world.say(eu, "PING", place=f"{EU}a-app") == "+PONG"
        world.client().failover_global_replication_group(**to(EU))
        world.until(lambda: world.writes(eu, "alone", place=f"{EU}a-app"))
    finally:
        world.stage.network.wan.restore(US)
    world.until(lambda: world.say(world.primary(NAME), "SET", "x", "1").startswith("-READONLY"))
    world.until(lambda: world.holds(world.primary(NAME), "alone"))


def test_an_operator_fails_over_to_a_secondary_and_back(world: Caches) -> None:
    client = world.client(EU)
    assert world.writes(world.primary(NAME), "before")
    world.until(lambda: world.holds(world.primary(NAME, EU), "before"))
    told = client.failover_global_replication_group(**to(EU))["GlobalReplicationGroup"]
    assert told["Status"] == "modifying"
    with world.refused("InvalidGlobalReplicationGroupState"):
        client.failover_global_replication_group(**to(EU))
    world.until(lambda: status(world) == "available")
    assert roles(world) == {US: "SECONDARY", EU: "PRIMARY"}
    assert world.holds(world.primary(NAME, EU), "before")
    assert world.writes(world.primary(NAME, EU), "after")
    assert world.say(world.primary(NAME), "SET", "x", "1").startswith("-READONLY")
    world.until(lambda: world.holds(world.primary(NAME), "after"))


def test_a_failover_to_a_stranger_or_to_the_primary_is_refused(world: Caches) -> None:
    client = world.client()
    with world.refused("InvalidParameterValue"):
        client.failover_global_replication_group(**to(US))
    with world.refused("InvalidParameterValue"):
        client.failover_global_replication_group(**to("ap-south-1"))
    with world.refused("GlobalReplicationGroupNotFoundFault", 404):
        client.failover_global_replication_group(**{**to(EU), "GlobalReplicationGroupId": "other"})
    with world.refused("GlobalReplicationGroupNotFoundFault", 404):
        described(world, "other")


def test_a_failover_inside_the_primary_region_takes_the_secondaries_along(world: Caches) -> None:
    old = world.addresses(world.primary(NAME))
    world.client().test_failover(ReplicationGroupId=NAME, NodeGroupId="0001")
    world.until(lambda: world.writes(world.primary(NAME), "moved"))
    assert world.addresses(world.primary(NAME)) != old
    assert roles(world) == {US: "PRIMARY", EU: "SECONDARY"}
    world.until(lambda: world.holds(world.primary(NAME, EU), "moved"))


def test_a_global_datastore_is_created_grows_sheds_its_secondary_and_is_deleted(world: Caches) -> None:
    client, europe = world.client(), world.client(EU)
    suffix = {"GlobalReplicationGroupIdSuffix": "new", "PrimaryReplicationGroupId": "apart"}
    made = client.create_global_replication_group(**suffix, GlobalReplicationGroupDescription="d")
    store = made["GlobalReplicationGroup"]["GlobalReplicationGroupId"]
    assert (store, made["GlobalReplicationGroup"]["Status"]) == ("ldgnf-new", "creating")
    world.until(lambda: status(world, store) == "primary-only")
    assert world.writes(world.primary("apart"), "seed")
    second = {"ReplicationGroupId": "apart-eu", "ReplicationGroupDescription": "e", "GlobalReplicationGroupId": store}
    with world.refused("InvalidParameterValue"):
        client.create_replication_group(**second)
    group = europe.create_replication_group(**second)["ReplicationGroup"]
    assert (group["Status"], group["CacheNodeType"]) == ("creating", "cache.r6g.large")
    world.until(lambda: status(world, store) == "available")
    world.until(lambda: world.holds(world.primary("apart-eu", EU), "seed"))
    with world.refused("InvalidReplicationGroupState"):
        europe.delete_replication_group(ReplicationGroupId="apart-eu")
    with world.refused("InvalidGlobalReplicationGroupState"):
        client.delete_global_replication_group(GlobalReplicationGroupId=store, RetainPrimaryReplicationGroup=True)
    leaving = {"GlobalReplicationGroupId": store, "ReplicationGroupId": "apart-eu", "ReplicationGroupRegion": EU}
    with world.refused("InvalidParameterValue"):
        client.disassociate_global_replication_group(
            **{**leaving, "ReplicationGroupId": "apart", "ReplicationGroupRegion": US}
        )
    client.disassociate_global_replication_group(**leaving)
    world.until(lambda: status(world, store) == "primary-only")
    assert world.holds(world.primary("apart-eu", EU), "seed"), "a secondary that leaves keeps its data"
    assert world.writes(world.primary("apart-eu", EU), "own")
    assert not world.holds(world.primary("apart"), "own")
    with world.refused("InvalidParameterValue"):
        client.delete_global_replication_group(GlobalReplicationGroupId=store, RetainPrimaryReplicationGroup=False)
    client.delete_global_replication_group(GlobalReplicationGroupId=store, RetainPrimaryReplicationGroup=True)
    world.until(lambda: [known["GlobalReplicationGroupId"] for known in _stores(world)] == [STORE])
    assert world.holds(world.primary("apart"), "seed")
    europe.delete_replication_group(ReplicationGroupId="apart-eu")


def test_a_global_datastore_that_aws_would_not_make_is_refused(world: Caches) -> None:
    client = world.client()

    def create(group: str, suffix: str = "x") -> None:
        client.create_global_replication_group(GlobalReplicationGroupIdSuffix=suffix, PrimaryReplicationGroupId=group)

    with world.refused("ReplicationGroupNotFoundFault", 404):
        create("other")
    with world.refused("InvalidReplicationGroupState"):
        create(NAME)
    with world.refused("InvalidParameterValue"):
        create("small")
    assert len(_stores(world)) == 1


def _stores(world: Caches) -> list[dict[str, object]]:
    stores: list[dict[str, object]] = world.client().describe_global_replication_groups()["GlobalReplicationGroups"]
    return stores
